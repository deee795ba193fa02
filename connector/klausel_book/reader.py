"""Folder -> book. Opens files; everything else is the core's :class:`BookBuilder`."""

from __future__ import annotations

import re
import unicodedata
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import IO

from klausel.assemble import BookBuilder
from klausel.dialects import Text, windows_text
from klausel.fields import TABLES
from klausel.model import Book
from klausel.policy.load import POLICY_FILE
from klausel.problems import Problem, ProblemError, Where, listed, problem
from klausel_book import ledger_file
from klausel_book.files import bytes_of, opened, text_of
from klausel_book.ledger_file import LEDGER_FILE
from klausel_book.policy_folder import policy_files, policy_folders, unreadable

BOOK_FILE = "book.yaml"
CONTRACTS_FILE = "contracts.yaml"
POLICIES = "policies"

#: Files that may have been meant to be read.
_DATA = (".csv", ".yaml", ".yml", ".jsonl")

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
    refuse_unreadable(folder)
    builder = BookBuilder()
    for found in stray_files(folder):
        builder.say(found)
    _each(builder, folder, BOOK_FILE, builder.add_book_file)
    if not present(folder / CONTRACTS_FILE):
        hint = "a book has a contracts.yaml; an empty one is fine"
        builder.lose(problem("file-missing", Where(CONTRACTS_FILE), hint=hint))
    read_policies(builder, folder / POLICIES, POLICIES)
    for record, table in TABLES.items():
        path = folder / table.file
        if present(path):
            with guarded(builder, path, table.file):
                add_table(builder, record, path, table.file)
        else:
            builder.lack(record)
    _each(builder, folder, CONTRACTS_FILE, builder.add_contracts_file)
    stored = None
    path = folder / LEDGER_FILE
    with guarded(builder, path, LEDGER_FILE):
        stored = ledger_file.load(path)
    if stored is not None:
        add_ledger(builder, stored, damaged)
    return builder.build(), stored


def refuse_unreadable(folder: Path) -> None:
    """Raises ``ProblemError`` where one may not look into ``folder``."""
    try:
        next(folder.iterdir(), None)
        (folder / BOOK_FILE).is_file()
    except OSError as error:
        raise ProblemError([unreadable(folder, str(folder), error)]) from None


def add_table(builder: BookBuilder, record: str, path: Path, shown: str) -> None:
    """The CSV file of ``record`` at ``path``, as it stands or as a spreadsheet has saved it.

    Raises ``UnicodeDecodeError`` and ``OSError``.
    """
    with opened(path, newline="") as lines:
        builder.add_table(record, _marked(lines), shown, lambda: sheet_text(bytes_of(path)))


def _marked(lines: IO[str]) -> Iterator[str]:
    """``lines`` without the mark that some programs begin a file with."""
    # Python reads utf-8-sig much more slowly than utf-8.
    if lines.read(1) != BYTE_ORDER_MARK:
        lines.seek(0)
    yield from lines


def sheet_text(data: bytes) -> Text:
    """The text of a CSV file in one of the encodings in which spreadsheets save them.

    Raises ``UnicodeDecodeError`` where it may be any other.
    """
    for mark in (BOM_UTF16_LE, BOM_UTF16_BE):
        if data.startswith(mark):
            return Text(data.decode("utf-16"), "UTF-16")
    try:
        return Text(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        text = windows_text(data)
        if text is None:
            raise
        return Text(text, "Windows-1252")


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
    try:
        children = policy_folders(folder)
    except OSError as error:
        builder.lose(unreadable(folder, name or str(folder), error))
        return
    for child in children:
        shown = f"{name}/{child.name}" if name else child.name
        files, problems = policy_files(child, shown)
        if problems:
            builder.lose_policy(child.name, problems, files.get(POLICY_FILE, ""))
        else:
            builder.add_policy(shown, files, child.name)


def _each(builder: BookBuilder, folder: Path, name: str, add: Callable[[str, str], None]) -> None:
    path = folder / name
    if present(path):
        with guarded(builder, path, name):
            add(text_of(path), name)


def present(path: Path) -> bool:
    """Whether a file of the book is there; a link that leads nowhere is, and cannot be read."""
    return path.exists() or path.is_symlink()


def stray_files(folder: Path) -> Iterator[Problem]:
    """Files of data that are no part of the book in ``folder``.

    One that seems to be a part that is missing is an error: what it says would count as deleted,
    and what was billed of it would be credited.
    """
    known = {BOOK_FILE, CONTRACTS_FILE, LEDGER_FILE, *(table.file for table in TABLES.values())}
    missing = sorted(name for name in known if not present(folder / name))
    for path in sorted(folder.iterdir()):
        if path.name in known or path.name.startswith(".") or path.suffix.lower() not in _DATA:
            continue
        if not path.is_file():
            continue
        where = Where(path.name)
        found = _meant(path, missing)
        if found:
            name, reason = found
            yield problem("file-misnamed", where, reason=reason, known=name)
        else:
            yield problem("file-stray", where, known=listed(sorted(known), len(known)))


def _meant(path: Path, missing: Sequence[str]) -> tuple[str, str] | None:
    """The missing file that ``path`` seems to be, and what says so."""
    by_stem = {Path(name).stem: name for name in missing}
    stem = unicodedata.normalize("NFC", path.stem).casefold()
    like = get_close_matches(stem, by_stem, n=1, cutoff=0.75)
    if like:
        return by_stem[like[0]], "the name is like that of a file of the book"
    if path.suffix.lower() != ".csv":
        return None
    try:
        with opened(path, "utf-8-sig", errors="replace") as lines:
            header = {name.strip(' "\r\n') for name in re.split("[,;\t]", lines.readline(10_000))}
    except OSError:
        return None
    for table in TABLES.values():
        needed = {field.column for field in table.fields if field.required}
        own = {field.column for field in table.fields}
        if table.file in missing and needed <= header and len(header & own) * 2 > len(header):
            return table.file, f"its first line is that of {table.file}"
    return None


@contextmanager
def guarded(builder: BookBuilder, path: Path, shown: str) -> Iterator[None]:
    """Turns what goes wrong with a file into a problem of the book."""
    try:
        yield
    except (UnicodeDecodeError, OSError) as error:
        builder.lose(unreadable(path, shown, error))
