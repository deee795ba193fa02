"""Which files make up a policy folder: its YAML and CSV files, those of its subfolders too."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

from klausel.problems import Problem, Where, problem
from klausel_book.files import bytes_of, text_of

#: Larger policies are not read: nobody maintains them by hand.
MOST_POLICY_BYTES = 4_000_000

_SUFFIXES = (".yaml", ".csv")


def policy_folders(folder: Path) -> list[Path]:
    """The policy folders in ``folder``."""
    return [
        child
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    ]


def policy_paths(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name inside the policy ``folder`` (with ``/``) and path of each of its files.

    Links are among them, those to folders as they are: see :func:`leaves`.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.suffix in _SUFFIXES:
            yield path.name, path  # a folder or a pipe, too: that it cannot be read is said then
        elif path.is_dir() and not path.is_symlink():
            for name, inside in policy_paths(path):
                yield f"{path.name}/{name}", inside
        elif path.is_dir():
            yield path.name, path


def leaves(path: Path, folder: Path) -> bool:
    """Whether ``path`` is a link to something outside of ``folder``."""
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        return False  # it leads round in a circle: it cannot be read, and that is said then


def policy_files(folder: Path, shown: str) -> tuple[dict[str, str], list[Problem]]:
    """Texts of a policy folder by their names in it, those of its tests too, and what cannot be
    read; ``shown`` stands for the folder in messages."""
    files: dict[str, str] = {}
    problems: list[Problem] = []
    size = 0
    try:
        paths = [*policy_paths(folder)]
    except OSError as error:
        inside = Path(error.filename or folder)
        below = inside.relative_to(folder).as_posix()
        return {}, [unreadable(inside, f"{shown}/{below}".rstrip("./") or ".", error)]
    for name, path in paths:
        place = f"{shown}/{name}" if shown else name
        if leaves(path, folder):
            problems.append(problem("file-link-outside", Where(place)))
            continue
        if path.is_dir() and path.suffix not in _SUFFIXES:
            continue  # what this link leads to is read where it stands
        try:
            size += path.stat().st_size
            if size > MOST_POLICY_BYTES:
                problems.append(_too_large(path, place))
                break
            files[name] = text_of(path)
        except (UnicodeDecodeError, OSError) as error:
            problems.append(unreadable(path, place, error))
    return files, problems


def _too_large(path: Path, place: str) -> Problem:
    megabytes = f"{MOST_POLICY_BYTES // 1_000_000} MB"
    reason = f"it is larger than {megabytes}"
    if path.stat().st_size <= MOST_POLICY_BYTES:
        reason = f"with it the files of the policy are larger than {megabytes}"
    hint = "split the policy, or move what is no part of it out of the folder"
    return problem("file-unreadable", Where(place), reason=reason, hint=hint)


def unreadable(path: Path, shown: str, error: UnicodeDecodeError | OSError) -> Problem:
    """Why the file at ``path`` cannot be read; ``shown`` stands for it."""
    if isinstance(error, UnicodeDecodeError):
        line, column, byte = _bad_byte(path, error)
        return problem("file-not-utf8", Where(shown, line, column), byte=byte)
    if path.is_symlink() and not path.exists():
        return problem("file-link-dangling", Where(shown))
    reason = (error.strerror or "it cannot be opened").lower()
    if path.is_dir() and not isinstance(error, IsADirectoryError):
        reason, hint = f"the folder cannot be read: {reason}", "make it a folder that you may read"
        return problem("option", Where(shown), reason=reason, hint=hint)
    hint = "make it a file that you may read"
    return problem("file-unreadable", Where(shown), reason=reason, hint=hint)


def _bad_byte(path: Path, error: UnicodeDecodeError) -> tuple[int, int, int]:
    """Line and column of the first byte that is no UTF-8 and its position in the file, from 1."""
    data = bytes_of(path)
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as whole:
        start = whole.start + data.startswith(BOM_UTF8) * len(BOM_UTF8)
        *above, before = data[:start].decode("utf-8-sig").split("\n")
        return len(above) + 1, len(before) + 1, start + 1
    return 0, 0, error.start + 1  # the file has changed since
