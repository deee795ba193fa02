"""Folder -> book. Opens files; everything else is the core's :class:`BookBuilder`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from klausel.assemble import BookBuilder
from klausel.fields import TABLES
from klausel.model import Book
from klausel.policy.load import POLICY_FILE
from klausel.problems import ProblemError, Where, problem
from klausel_book import ledger_file
from klausel_book.ledger_file import LEDGER_FILE
from klausel_book.policy_folder import policy_files, policy_folders, unreadable

BOOK_FILE = "book.yaml"
CONTRACTS_FILE = "contracts.yaml"
POLICIES = "policies"

#: Some programs begin a file with it; it is no part of the text.
BYTE_ORDER_MARK = "\ufeff"


def read_folder(folder: Path) -> Book:
    """The book in ``folder``; raises as :func:`read_book`."""
    return read_book(folder)[0]


def read_book(folder: Path, damaged: bool = False) -> tuple[Book, ledger_file.Stored | None]:
    """The book in ``folder``, and its ledger's file.

    With ``damaged`` a ledger whose links do not hold is taken as it stands. Raises
    :class:`~klausel.problems.ProblemError` with every problem of the book where one of them touches
    more than a single customer.
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
    stored = None
    path = folder / LEDGER_FILE
    with guarded(builder, path, LEDGER_FILE):
        stored = ledger_file.load(path)
    if stored is not None:
        add_ledger(builder, stored, damaged)
    return builder.build(), stored


def add_ledger(builder: BookBuilder, stored: ledger_file.Stored, damaged: bool) -> None:
    """What stands on record, and what is wrong with it."""
    chain = stored.chain
    for found in chain.unread if damaged else chain.problems:
        builder.say(found)
    rest = chain.rest()
    if rest is not None:
        builder.say(rest)
    builder.add_ledger_rows(chain.rows.values())


def read_policies(builder: BookBuilder, folder: Path, name: str) -> None:
    """Every policy folder below ``folder``; ``name`` stands for it in messages."""
    if not folder.is_dir():
        return
    for child in policy_folders(folder):
        shown = f"{name}/{child.name}" if name else child.name
        files, problems = policy_files(child, shown)
        if problems:
            for found in problems:
                builder.say(found)
            builder.lose_policy(child.name, files.get(POLICY_FILE, ""))
        else:
            builder.add_policy(shown, files, child.name)


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
