"""Folder -> book. Opens files; everything else is the core's :class:`BookBuilder`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from klausel.assemble import BookBuilder
from klausel.fields import TABLES
from klausel.model import Book
from klausel.policy.load import POLICY_FILE
from klausel.problems import Problem, ProblemError, Where, problem
from klausel_book.policy_folder import leaves, policy_folders, policy_paths

BOOK_FILE = "book.yaml"
CONTRACTS_FILE = "contracts.yaml"
LEDGER_FILE = "ledger.jsonl"
POLICIES = "policies"

#: Some programs begin a file with it; it is no part of the text.
BYTE_ORDER_MARK = "\ufeff"

#: Larger policy files are not read: nobody maintains them by hand.
MOST_POLICY_BYTES = 4_000_000


def read_folder(folder: Path) -> Book:
    """The book in ``folder``.

    Raises :class:`~klausel.problems.ProblemError` with every problem of the book where one of
    them touches more than a single customer.
    """
    if not folder.is_dir():
        file = folder.is_file()
        hint = "name the folder that " + ("this file is in" if file else "has contracts.yaml in it")
        raise ProblemError([problem("folder-missing", Where(str(folder)), hint=hint)])
    builder = BookBuilder()
    _each(builder, folder, BOOK_FILE, builder.add_book_file)
    if not (folder / CONTRACTS_FILE).exists():
        hint = "a book has a contracts.yaml; an empty one is fine"
        builder.lose(problem("file-missing", Where(CONTRACTS_FILE), hint=hint))
    read_policies(builder, folder / POLICIES, POLICIES)
    for record, table in TABLES.items():
        path = folder / table.file
        if path.exists():
            with (
                guarded(builder, path, table.file),
                path.open(encoding="utf-8", newline="") as lines,
            ):
                # Python reads utf-8-sig much more slowly than utf-8.
                if lines.read(1) != BYTE_ORDER_MARK:
                    lines.seek(0)
                builder.add_csv(record, lines, table.file)
    _each(builder, folder, CONTRACTS_FILE, builder.add_contracts_file)
    path = folder / LEDGER_FILE
    if path.exists():
        with guarded(builder, path, LEDGER_FILE), path.open(encoding="utf-8") as lines:
            builder.add_ledger(lines, LEDGER_FILE)
    return builder.build()


def read_policies(builder: BookBuilder, folder: Path, name: str) -> None:
    """Every policy folder below ``folder``; ``name`` stands for it in messages."""
    if not folder.is_dir():
        return
    for child in policy_folders(folder):
        shown = f"{name}/{child.name}" if name else child.name
        files, problems = texts_of_policy(child, shown)
        for found in problems:
            builder.say(found)
        if problems:
            builder.lose_policy(child.name, files.get(POLICY_FILE, ""))
        else:
            builder.add_policy(shown, files, child.name)


def texts_of_policy(folder: Path, shown: str) -> tuple[dict[str, str], list[Problem]]:
    """The texts of a policy folder by their names in it; ``shown`` stands for it in messages."""
    files: dict[str, str] = {}
    problems: list[Problem] = []
    for name, path in policy_paths(folder):
        if path.is_dir() and not leaves(path, folder):
            continue  # what this link leads to is read where it stands
        found = _policy_text(path, folder, f"{shown}/{name}" if shown else name)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            files[name] = found
    return files, problems


def _policy_text(path: Path, folder: Path, shown: str) -> str | Problem:
    """The text of one file of the policy in ``folder``."""
    try:
        if leaves(path, folder):
            return problem("file-link-outside", Where(shown))
        if path.stat().st_size > MOST_POLICY_BYTES:
            reason = f"it is larger than {MOST_POLICY_BYTES // 1_000_000} MB"
            return problem("file-unreadable", Where(shown), reason=reason, hint="split the policy")
        return path.read_text(encoding="utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        return unreadable(path, shown, error)


def _each(builder: BookBuilder, folder: Path, name: str, add: Callable[[str, str], None]) -> None:
    path = folder / name
    if path.exists():
        with guarded(builder, path, name):
            add(path.read_text(encoding="utf-8-sig"), name)


@contextmanager
def guarded(builder: BookBuilder, path: Path, shown: str) -> Iterator[None]:
    """Turns what goes wrong with a file into a problem of the book."""
    try:
        yield
    except (UnicodeDecodeError, OSError) as error:
        builder.lose(unreadable(path, shown, error))


def unreadable(path: Path, shown: str, error: UnicodeDecodeError | OSError) -> Problem:
    """Why the file at ``path`` cannot be read; ``shown`` stands for it."""
    if isinstance(error, UnicodeDecodeError):
        line, byte = _bad_byte(path, error)
        return problem("file-not-utf8", Where(shown, line), byte=byte)
    reason = (error.strerror or "it cannot be opened").lower()
    hint = "make it a file that you may read"
    return problem("file-unreadable", Where(shown), reason=reason, hint=hint)


def _bad_byte(path: Path, error: UnicodeDecodeError) -> tuple[int, int]:
    """Line of the first byte that is no UTF-8 and its position in the file, both from 1."""
    data = path.read_bytes()
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as whole:
        return data.count(b"\n", 0, whole.start) + 1, whole.start + 1
    return 0, error.start + 1  # the file has changed since
