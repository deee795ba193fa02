"""CSV files, in which nothing that people typed is a formula of a spreadsheet.

A text that begins with ``= + - @`` (of any width), tab or return, also behind quotes, gets an
apostrophe before it, and so does one inside a cell behind a sign that some spreadsheets end a cell
at. An apostrophe that stands there already gets a second one: what is read again (the files of a
book) comes back as it was. Numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Protocol

from klausel.money import plain

#: A cell: a number and a day are written as they are, a text is made harmless.
Cell = str | int | Decimal | date | None

_STARTS = "[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]"
_BARE = re.compile(f"(^|[;\t\r\n])(?=['\"]*{_STARTS})")
_GUARDED = re.compile(f"(^|[;\t\r\n])'(?=['\"]*{_STARTS})")


#: A cell with one of these is quoted; not all Pythons quote a return where rows end otherwise.
_END = "\r\n"


class Stream(Protocol):
    def write(self, text: str, /) -> object: ...  # pragma: no cover


class _Ends:
    """A stream of rows that gives each the end that is wanted."""

    def __init__(self, stream: Stream, end: str) -> None:
        self._stream = stream
        self._end = end

    def write(self, row: str, /) -> object:
        return self._stream.write(f"{row.removesuffix(_END)}{self._end}")


def guarded(text: str) -> str:
    """``text`` as a spreadsheet takes it for a text."""
    return _BARE.sub(r"\1'", text)


def unguarded(text: str) -> str:
    """What ``guarded`` was given."""
    return _GUARDED.sub(r"\1", text) if "'" in text else text


def unguarded_rows(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """The same for rows; most have nothing of the kind."""
    if "'" not in "".join(map("".join, rows)):
        return rows
    return [[*map(unguarded, row)] for row in rows]


def table(header: Sequence[str], rows: Iterable[Iterable[Cell]]) -> str:
    """The text of a CSV file."""
    stream = io.StringIO()
    write(stream, header, rows)
    return stream.getvalue()


def write(
    stream: Stream, header: Sequence[str], rows: Iterable[Iterable[Cell]], end: str = "\n"
) -> None:
    """Writes rows below their ``header``, if there is one, each with ``end`` after it."""
    writer = csv.writer(_Ends(stream, end), lineterminator=_END)
    if header:
        writer.writerow(header)
    writer.writerows([_text(cell) for cell in row] for row in rows)


def _text(cell: Cell) -> str:
    if isinstance(cell, str):
        return guarded(cell)
    if isinstance(cell, Decimal):
        return plain(cell)
    return "" if cell is None else str(cell)


__all__ = ["Cell", "guarded", "table", "unguarded", "unguarded_rows", "write"]
