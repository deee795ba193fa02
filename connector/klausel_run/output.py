"""Files that a command writes: all of it or nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from klausel.problems import ProblemError, Where, problem
from klausel_book.files import other_kind, put


def write_whole(path: Path, text: str) -> None:
    """Writes ``text`` beside ``path`` and moves it there. Raises ``ProblemError``."""
    kind = other_kind(path)
    if kind:  # another file would take its place
        reason = f"this is {kind}, not a file"
        hint = "name a file; without this option the output goes to the screen, or into a pipe"
        raise ProblemError([problem("option", Where(str(path)), reason=reason, hint=hint)])
    work = path.with_name(f".{path.name}.part")
    try:
        put(work, text.encode("utf-8"))
        work.replace(path)
    except OSError as error:
        with suppress(OSError):
            work.unlink()
        reason = f"the file cannot be written: {(error.strerror or 'unknown').lower()}"
        hint = "name a file in a folder that you may write to"
        raise ProblemError(
            [problem("option", Where(str(path)), reason=reason, hint=hint)]
        ) from None
