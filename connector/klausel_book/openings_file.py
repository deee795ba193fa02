"""``openings.csv``: rows are added and replaced, and whatever else stands in it stays as it is."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from klausel.assemble import BookBuilder
from klausel.dialects import laid_out, understand
from klausel.fields import TABLES
from klausel.model import Book, Opening
from klausel.port import OpeningChange
from klausel.problems import ErpError, Problem, ProblemError, Where, problem
from klausel.sheet import Cell, unguarded, write
from klausel_book.files import bytes_of, put
from klausel_book.reader import add_table, guarded, sheet_text
from klausel_book.writer import cell

TABLE = TABLES["openings"]


def read_rows(
    path: Path, book: Book, home: str
) -> tuple[list[tuple[Opening, Where]], list[Problem]]:
    """The openings in the file ``path``, checked against ``book``, with their places, and what is
    to be said of the file.

    ``home`` is where contracts are kept, if not in a book's files. Raises ``ProblemError``.
    """
    shown = str(path)
    if not path.exists():
        hint = "name a CSV file with the columns of openings.csv, see docs/fields.md"
        raise ProblemError([problem("file-missing", Where(shown), hint=hint)])
    builder = BookBuilder()
    with guarded(builder, path, shown):
        add_table(builder, "openings", path, shown)
    return builder.openings_of(book, home), builder.warnings


class _Record(NamedTuple):
    """A row as it is written in the file."""

    raw: str
    """Without the line end."""
    end: str
    cells: Sequence[str]


def change(folder: Path, change: OpeningChange) -> None:
    """Writes ``change`` to the book's file in one move. Raises ``ErpError`` where it cannot."""
    try:
        path = (folder / TABLE.file).resolve()
        data = bytes_of(path) if path.exists() else b""
        grid = laid_out(sheet_text(data), TABLE)
        sheet = understand(TABLE, grid)
        if data and (sheet.said or sheet.read):
            raise ErpError(
                f"{folder / TABLE.file} is as a spreadsheet has saved it: rows cannot be added",
                "save it with commas, decimal points and days as 2026-12-31, and load again",
            )
        old = data.decode("utf-8")
        _replace(path, changed(old, change).encode("utf-8"))
    except OSError as error:
        raise ErpError(
            f"{folder / TABLE.file} cannot be written: {(error.strerror or 'unknown').lower()}",
            "nothing was changed; make the folder one that you may write to",
        ) from None


def changed(text: str, change: OpeningChange) -> str:
    """``text`` of the file after ``change``; other rows, their order and line ends as before."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    columns = [field.column for field in TABLE.fields]
    fresh = _Record(_row(columns), "\n", columns)
    header, *rows = _records(text.removeprefix(mark)) or [fresh]
    names = [name.strip() for name in header.cells]
    end = header.end or "\n"
    missing = _missing(names, change.added)
    if missing:
        # Columns that the file does not have yet: every row gets an empty field for each.
        header = header._replace(raw=",".join([header.raw, *missing]))
        rows = [
            row._replace(raw=row.raw + "," * len(missing)) if row.cells else row for row in rows
        ]
        names += missing
    added = {opening.key: opening for opening in change.added}
    gone = {opening.key for opening in change.removed}
    lines = [header.raw + end]
    for row in rows:
        key = _key(names, row.cells)
        if key not in gone:
            lines.append(row.raw + (row.end or end))
        elif key in added:
            lines.append(_row(_cells(names, added.pop(key))) + (row.end or end))
    lines += [_row(_cells(names, opening)) + end for opening in added.values()]
    return mark + "".join(lines)


def _records(text: str) -> list[_Record]:
    """The rows of ``text`` as they are written; a quoted field may run over several lines."""
    # As the reader of files sees them: nothing but what ends a line in a file ends one here.
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(iter(lines), strict=True)
    found, start = [], 0
    for cells in reader:
        raw = "".join(lines[start : reader.line_num])
        body = raw.rstrip("\r\n")
        found.append(_Record(body, raw[len(body) :], cells))
        start = reader.line_num
    return found


def _key(names: Sequence[str], cells: Sequence[str]) -> tuple[str, ...]:
    given = dict(zip(names, (unguarded(text).strip() for text in cells), strict=False))
    return tuple(given.get(name, "") for name in ("contract", "term", "lot"))


def _missing(names: Iterable[str], openings: Iterable[Opening]) -> list[str]:
    known = set(names)
    return [
        field.column
        for field in TABLE.fields
        if field.column not in known
        and any(_value(opening, field.column) not in ("", None) for opening in openings)
    ]


def _cells(names: Iterable[str], opening: Opening) -> list[Cell]:
    return [_value(opening, name) for name in names]


def _value(opening: Opening, column: str) -> Cell:
    field = next(field for field in TABLE.fields if field.column == column)
    value: Any = getattr(opening, field.name)
    return "" if field.kind == "hours" and not value else cell(field, value)


def _row(cells: Iterable[Cell]) -> str:
    stream = io.StringIO()
    write(stream, (), [cells], end="")
    return stream.getvalue()


def _replace(path: Path, data: bytes) -> None:
    """Puts ``data`` in the place of ``path``: all of it, also after a crash, or nothing."""
    work = path.with_name(f".{path.name}.part")
    try:
        put(work, data, sync=True)
        if path.exists():
            shutil.copymode(path, work)
        work.replace(path)
    finally:
        with suppress(OSError):
            work.unlink()
