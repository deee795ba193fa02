"""CSV as spreadsheets save it: what of a file is unambiguous, and what it says then (semantics 1).

A program set to German or Dutch writes semicolons or tabs between the fields, decimal commas,
points between thousands and days as 31.12.2026. What a column's cells mean is decided for the whole
column: its cells are written in one way, or those that are not are refused. Nothing here is asked
where a file is read as it stands.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from klausel.fields import Field, Table
from klausel.rows import BadValue, Read
from klausel.sheet import unguarded

#: What may stand between fields.
SIGNS = {"comma": ",", "semicolon": ";", "tab": "\t"}

#: Every column is as the files of a book have it.
PLAIN: Mapping[str, Read] = {}

_SEP = re.compile(r"(?i)\"?sep=([,;\t])\"?[,;\t]*\s*")

_SIGN = r"[+-]?"
_WHOLE = re.compile(_SIGN + r"\d+")
_POINT = re.compile(_SIGN + r"\d+\.\d+")
_COMMA = re.compile(_SIGN + r"\d+,\d+")
#: 5.000 or 5,000: a separator of thousands, or three decimals.
_EITHER = re.compile(_SIGN + r"[1-9]\d{0,2}[.,]\d{3}")
#: 1.234,50 and 1.234.567: here no point is a decimal point.
_GROUPED = re.compile(_SIGN + r"[1-9]\d{0,2}((\.\d{3})+,\d+|(\.\d{3}){2,})")

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})")
_DASHED = re.compile(r"(\d{1,2})-(\d{1,2})-(\d{4})")
#: Up to this every spreadsheet takes a year of two digits for one of this century.
_LAST_SHORT_YEAR = 29

_WORDS = {
    "ja": "yes", "wahr": "yes", "waar": "yes",
    "nein": "no", "nee": "no", "falsch": "no", "onwaar": "no",
}  # fmt: skip


class Text(NamedTuple):
    """A file's text."""

    text: str
    encoding: str = ""
    """Where it is none that is read without a word: its name."""


class Grid(NamedTuple):
    """The cells of a file."""

    header: list[str]
    line: int
    """In which the names of the columns stand."""
    rows: list[tuple[int, list[str]]]
    """With the lines in which they begin."""
    between: str
    """What stands between the fields: a word of :data:`SIGNS`."""
    named: bool
    """A line ``sep=`` says so."""
    encoding: str
    """Its name and a word by which one sees whether it was understood; empty: UTF-8."""
    broken: tuple[int, csv.Error] | None
    """Where it is no CSV, and why."""


class Sheet(NamedTuple):
    """What a file was understood to say."""

    read: Mapping[str, Read]
    """By column: only where it is not written as the files of a book are."""
    said: tuple[str, ...]
    """What was understood, in words."""
    width: int
    """Columns that have a name or a value."""


def laid_out(found: Text, table: Table) -> Grid:
    """The cells of a file of ``table``; with commas between them where that can be."""
    text = found.text.removeprefix("\ufeff")
    lines = io.StringIO(text, newline="")
    first = lines.readline()
    named = _SEP.fullmatch(first.rstrip("\r\n"))
    above = 1 if named else 0
    if named:
        between = next(name for name, sign in SIGNS.items() if sign == named[1])
    else:
        lines.seek(0)
        known = {field.column for field in table.fields}
        fitting = {name: len(known & set(_names(first, sign))) for name, sign in SIGNS.items()}
        between = max(fitting, key=lambda name: (name == "comma" and fitting[name], fitting[name]))
    reader = csv.reader(lines, strict=True, delimiter=SIGNS[between])
    rows: list[tuple[int, list[str]]] = []
    broken, line = None, above
    try:
        for row in reader:
            begins, line = line + 1, above + reader.line_num
            if row:
                rows.append((begins, [*map(unguarded, row)]))
    except csv.Error as error:
        broken = (line + 1, error)
    header_line, header = rows[0] if rows else (above + 1, [])
    encoding = f"{found.encoding}{_example(text)}" if found.encoding else ""
    names = [name.strip() for name in header]
    return Grid(names, header_line, rows[1:], between, named is not None, encoding, broken)


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:
        return []


def understand(table: Table, grid: Grid) -> Sheet:
    """What the columns of a whole file mean; rows of another length than the first say nothing."""
    header = grid.header
    full = [row for _, row in grid.rows if len(row) == len(header)]
    plain = grid.between == "comma" and not grid.encoding and not grid.named
    said = []
    if grid.between != "comma" or grid.named:
        said.append(f"{grid.between}s between the fields")
    if grid.encoding:
        said.append(f"the encoding {grid.encoding}")
    width = len(header)
    whole = len(full) == len(grid.rows)
    while (
        width
        and whole
        and not header[width - 1]
        and not any(row[width - 1].strip() for row in full)
    ):
        width -= 1
    if width < len(header):
        said.append(f"{_count(len(header) - width, 'empty column')} at the end left out")
    blank = sum(not any(map(str.strip, row)) for row in full)
    if blank:
        said.append(f"{_count(blank, 'empty row')} left out")
    columns = {
        field.column: (field, [cell for row in full if (cell := row[place].strip())])
        for field in table.fields
        if field.column in header
        for place in (header.index(field.column),)
    }
    read: dict[str, Read] = {}
    day_first = _day_first(cells for field, cells in columns.values() if field.kind == "date")
    for name, (field, cells) in columns.items():
        found = _column(field, cells, plain, day_first)
        if found is None:
            continue
        read[name] = found
        shown = next(((c, r) for c in cells if (r := _tried(found, c)) not in (None, c)), None)
        if shown is not None:
            said.append(f'"{name}": {shown[0]} is {shown[1]}')
    return Sheet(read, tuple(said), width)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _tried(read: Read, cell: str) -> str | None:
    try:
        return read(cell)
    except BadValue:
        return None


def _column(field: Field, cells: Sequence[str], plain: bool, day_first: bool) -> Read | None:
    if field.kind in ("hours", "number"):
        return _numbers(field.column, cells, plain)
    if field.kind == "date":
        return _days(field.column, cells, day_first)
    if field.kind == "yes_no" and any(cell.casefold() in _WORDS for cell in cells):
        return lambda text: _WORDS.get(text.strip().casefold(), text)
    return None


# --- numbers -----------------------------------------------------------------------------------


def _numbers(name: str, cells: Sequence[str], plain: bool) -> Read | None:
    """How the numbers of a column are written, or None where that is how a book has them.

    In a file that is otherwise ``plain`` 5.000 is 5, as it always was.
    """
    either = [cell for cell in cells if _EITHER.fullmatch(cell)]
    points = [c for c in cells if _POINT.fullmatch(c) and (plain or not _EITHER.fullmatch(c))]
    grouped = [cell for cell in cells if _GROUPED.fullmatch(cell)]
    commas = [c for c in cells if _COMMA.fullmatch(c) and not _EITHER.fullmatch(c)] + grouped
    if not (commas or either):
        return None
    if points and plain:
        return None
    if points and commas:
        return _mixed(name, points, commas)
    if not commas:
        signs = "," if points else ".,"
        doubted = any(sign in cell for cell in either for sign in signs)
        return _doubtful(name, signs) if doubted else None

    def with_comma(text: str) -> str:
        cell = text.strip()
        if "." in cell and _EITHER.fullmatch(cell) and not grouped:
            raise _ambiguous(name, cell)
        fits = _COMMA.fullmatch(cell) or _GROUPED.fullmatch(cell) or _EITHER.fullmatch(cell)
        return cell.replace(".", "").replace(",", ".") if fits else text

    return with_comma


def _mixed(name: str, points: Sequence[str], commas: Sequence[str]) -> Read:
    """Both signs stand for the decimal one in a column: the rarer ones are refused."""
    comma_is_odd = len(points) >= len(commas)

    def read(text: str) -> str:
        cell = text.strip()
        comma = bool(_COMMA.fullmatch(cell) or _GROUPED.fullmatch(cell))
        if _EITHER.fullmatch(cell):
            raise _ambiguous(name, cell)
        if comma == comma_is_odd and (comma or _POINT.fullmatch(cell)):
            meant = cell.replace(".", "").replace(",", ".") if comma else cell
            other = points[0] if comma else commas[0]
            hint = f"write {meant if comma else meant.replace('.', ',')}"
            raise BadValue("value-mixed", field=name, value=cell, example=other, hint=hint)
        return cell.replace(".", "").replace(",", ".") if comma else text

    return read


def _doubtful(name: str, signs: str) -> Read:
    """Numbers like 5.000, of which nothing says what they are: those with one of ``signs``."""

    def read(text: str) -> str:
        cell = text.strip()
        if _EITHER.fullmatch(cell) and any(sign in cell for sign in signs):
            raise _ambiguous(name, cell)
        return text

    return read


def _ambiguous(name: str, cell: str) -> BadValue:
    """5.000 where nothing in its column says what the point is."""
    one, other = re.sub("[.,]", "", cell), re.sub("0+$", "", cell.replace(",", ".")).rstrip(".")
    return BadValue("value-ambiguous", field=name, value=cell, one=one, other=other)


# --- days --------------------------------------------------------------------------------------


def _day_first(columns: Iterable[Iterable[str]]) -> bool:
    """Whether some day of the file like 31-12-2026 says that the day comes first, and none that
    it does not."""
    found = [match for cells in columns for c in cells if (match := _DASHED.fullmatch(c))]
    first = any(int(match[1]) > 12 for match in found)
    return first and not any(int(match[2]) > 12 for match in found)


def _days(name: str, cells: Sequence[str], day_first: bool) -> Read | None:
    counts = [sum(bool(p.fullmatch(c)) for c in cells) for p in (_ISO, _DOTTED, _DASHED)]
    iso, dotted, dashed = counts
    if iso or not (dotted or dashed):
        return None  # those that are written otherwise are refused as ever
    pattern = _DOTTED if dotted >= dashed else _DASHED

    def read(text: str) -> str:
        cell = text.strip()
        match = pattern.fullmatch(cell)
        if match is None:
            return text
        day, month, year = map(int, match.groups())
        if pattern is _DASHED and not day_first and day != month:
            return text  # said to be ambiguous, or to be no date
        if len(match[3]) == 2:
            if year > _LAST_SHORT_YEAR:
                one, other = (_iso(whole + year, month, day) for whole in (2000, 1900))
                if one and other:
                    raise BadValue("value-ambiguous", field=name, value=cell, one=one, other=other)
                return text
            year += 2000
        return _iso(year, month, day) or text

    return read


def _iso(year: int, month: int, day: int) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


# --- encodings ---------------------------------------------------------------------------------

#: In Windows-1252 these stand where other encodings have their letters.
_SIGNS = "\u20ac\u201a\u201e\u2026\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u2122"
_INSIDE = "\u2019\u2013\u2026\xa0"
_BEFORE = f"{_SIGNS}\xa0\xa1\xa7\xab\xb0\xb5\xbb\xbf"
_CLOSED = re.compile("[\u2018\u2019\u201c\u201d]")
#: Letters in UTF-8: a file that has both was put together of two.
_UTF8 = re.compile(b"[\xc2\xc3][\x80-\xbf]|\xe2[\x80-\x84][\x80-\xbf]")
_LETTERS = re.compile(r"[A-Za-z\xc0-\xd6\xd8-\xf6\xf8-\xff]")


def windows_text(data: bytes) -> str | None:
    """``data``, which is no UTF-8, as Windows-1252, or None where it may well be something else.

    Texts of DOS, of old Macs and of Eastern Europe then have signs inside of their words.
    """
    if _UTF8.search(data):
        return None
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return None
    for found in re.finditer("[\x80-\uffff]", text):
        sign, place = found[0], found.start()
        if "\x80" <= sign < "\xa0" or (sign > "\xff" and sign not in _SIGNS):
            return None
        if _LETTERS.fullmatch(sign) or sign in "\xb7\xad":
            continue
        before, after = text[place - 1 : place], text[place + 1 : place + 2]
        follows = bool(_LETTERS.fullmatch(after))
        if follows and _LETTERS.fullmatch(before):
            if sign not in _INSIDE:
                return None
        elif follows and sign not in _BEFORE:
            return None
        end = text.find("\n", place)
        rest = text[place : end if end >= 0 else len(text)]
        if sign in "\u201a\u201e" and not _CLOSED.search(rest):
            return None
    return text


def _example(text: str) -> str:
    """A word of ``text`` by which one sees whether its encoding was understood."""
    found = re.search(r"[\w-]*[^\W\x00-\x7f][\w-]*", text)
    return f' ("{found[0]}")' if found else ""


__all__ = ["PLAIN", "SIGNS", "Grid", "Sheet", "Text", "laid_out", "understand", "windows_text"]
