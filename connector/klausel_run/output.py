"""Files that a command writes: all of it or nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from klausel.problems import ProblemError, Where, problem


def write_whole(path: Path, text: str) -> None:
    """Writes ``text`` beside ``path`` and moves it there. Raises ``ProblemError``."""
    work = path.with_name(f".{path.name}.part")
    try:
        work.write_text(text, encoding="utf-8")
        work.replace(path)
    except OSError as error:
        with suppress(OSError):
            work.unlink()
        reason = f"the file cannot be written: {(error.strerror or 'unknown').lower()}"
        hint = "name a file in a folder that you may write to"
        raise ProblemError(
            [problem("option", Where(str(path)), reason=reason, hint=hint)]
        ) from None
