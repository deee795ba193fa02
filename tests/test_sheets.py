"""Books that spreadsheets saved: German and Dutch ones are read, doubtful cells are refused.

What single files are answered stands in ``cases/book-errors/sheet-*``; here is what takes whole
books, other commands, and LibreOffice itself. ``cases/sheets`` holds what it has written.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cli
from klausel.assemble import BookBuilder
from klausel.dialects import Text, windows_text
from klausel.fields import TABLES, Field
from klausel.model import Book
from klausel.problems import Problem
from klausel_book.reader import _marked, read_folder, sheet_text
from klausel_book.source import demo_folder
from tests import libreoffice
from tests.counts import count
from tests.odoo.fixtures import give_up, uncaptured
from tests.odoo.processes import Unavailable
from tests.seeds import fresh, fresh_one_in
from tests.test_book_errors import laid_out

SHEETS = Path(__file__).parent / "cases" / "sheets"
AS_OF = ("--as-of", "2026-07-01")
Capture = pytest.CaptureFixture[str]


def ran(capsys: Capture, *arguments: object) -> tuple[int, str]:
    code = cli.run([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return code, out + err


def same(found: Book, plain: Book) -> None:
    """The two books say the same; what was said about their files is another matter."""
    assert replace(found, problems=()) == replace(plain, problems=())


def notes(book: Book) -> list[str]:
    return [str(found.where.file) for found in book.problems if found.code == "sheet-read"]


# --- LibreOffice -------------------------------------------------------------------------------


def book_of_sheets(folder: Path, files: dict[str, bytes]) -> Path:
    laid_out("fine-quoted-commas", folder)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {name: text.encode() for name, text in libreoffice.plain().items()}
    return book_of_sheets(tmp_path_factory.mktemp("plain"), files)


@pytest.mark.parametrize("name", libreoffice.SAVED)
def test_what_libreoffice_wrote_is_read(
    name: str, plain: Path, tmp_path: Path, capsys: Capture
) -> None:
    written = {path.name: path.read_bytes() for path in (SHEETS / name).iterdir()}
    book = book_of_sheets(tmp_path / "book", written)
    same(read_folder(book), read_folder(plain))
    told = {path: ran(capsys, "preview", "--book", path, *AS_OF) for path in (plain, book)}
    assert [code for code, _ in told.values()] == [0, 0]
    assert "read as a spreadsheet" not in told[plain][1]
    for file in sorted(written):
        if (name, file) != ("german-utf8", "customers.csv"):  # nothing in it is not plain
            assert told[book][1].count(f"{file}:1: warning: read as a spreadsheet") == 1
    billed = [text.partition("\nProblems\n")[0] for _, text in told.values()]
    assert billed[0] == billed[1]


def test_libreoffice_writes_it_anew(
    tmp_path: Path, plain: Path, request: pytest.FixtureRequest
) -> None:
    """The files that were kept are those that the program of this machine writes, or mean the
    same."""
    try:
        with uncaptured(request.config):
            libreoffice.program()
    except Unavailable as error:
        give_up(str(error))
    for name in libreoffice.SAVED:
        written = libreoffice.save(tmp_path, name)
        assert written.keys() == libreoffice.plain().keys()
        same(read_folder(book_of_sheets(tmp_path / name / "book", written)), read_folder(plain))
        count("files saved by LibreOffice and read", len(written))


# --- what is said ------------------------------------------------------------------------------


def test_every_command_says_once_what_was_understood(tmp_path: Path, capsys: Capture) -> None:
    book = laid_out("sheet-german", tmp_path / "book")
    for command in (
        ("preview", *AS_OF),
        ("check", *AS_OF),
        ("bill", *AS_OF, "--yes"),
        ("bill", *AS_OF, "--yes"),
    ):
        _, said = ran(capsys, command[0], "--book", book, *command[1:])
        unwrapped = " ".join(said.split())
        for file, cell in (("entries.csv", "1,5 is 1.5"), ("items.csv", "1.234,50 is 1234.50")):
            assert unwrapped.count("read as a spreadsheet has saved it") == 2, said
            assert re.search(rf"{re.escape(file)}:\d: (warning|info): read as", unwrapped), said
            assert cell in unwrapped


def test_openings_from_a_spreadsheet(tmp_path: Path, capsys: Capture) -> None:
    book = laid_out("fine-quoted-commas", tmp_path / "book")
    file = tmp_path / "go.csv"
    lines = "contract;term;lot;date;hours;price;valid_until;billed_until\n"
    file.write_text(f"{lines}BIKE-1;service;;30.06.2026;;;;30.6.2026\n", encoding="utf-8")
    load = ("openings", "--book", book, "--from", file, *AS_OF, "--yes")
    code, said = ran(capsys, *load)
    assert (code, "go.csv:1: warning: read as a spreadsheet" in said) == (0, True), said
    rows = list(csv.DictReader((book / "openings.csv").open(encoding="utf-8")))
    assert [(row["date"], row["billed_until"]) for row in rows] == [("2026-06-30", "2026-06-30")]
    # A file of the book that a spreadsheet saved is read, and not written into.
    (book / "openings.csv").write_text(lines, encoding="utf-8")
    code, said = ran(capsys, *load)
    assert code == 3
    assert "openings.csv is as a spreadsheet has saved it: rows cannot be added" in said
    assert "save it with commas, decimal points and days as 2026-12-31, and load again" in said
    assert (book / "openings.csv").read_text(encoding="utf-8") == lines


def test_texts_that_were_made_harmless_come_back() -> None:
    text = "id;name\nc1;'=1+1\nc2;'-Müller\n"
    found, said = records({"customers.csv": text.encode("cp1252")})
    assert [one.name for one in found["customers"]] == ["=1+1", "-Müller"]
    assert [one.code for one in said] == ["sheet-read"]


# --- every book, every dialect -------------------------------------------------------------------

DEMO = {
    table.file: list(csv.reader((demo_folder() / table.file).open(encoding="utf-8", newline="")))
    for table in TABLES.values()
    if (demo_folder() / table.file).exists()
}
DEMO["entries.csv"] = DEMO["entries.csv"][:60]


def _number(text: str, how: str) -> str:
    if how == "point":
        return text
    whole, _, rest = text.partition(".")
    if how == "comma":
        return f"{whole},{rest}" if rest else whole
    return f"{int(whole):,}".replace(",", ".") + f",{rest or '0':0<2}"


def _day(text: str, how: str) -> str:
    year, month, day = text.split("-")
    short = {"dotted": f"{day}.{month}.{year}", "bare": f"{int(day)}.{int(month)}.{year}"}
    short |= {"short": f"{day}.{month}.{year[2:]}", "dashed": f"{day}-{month}-{year}"}
    return short.get(how, text)


def _cell(field: Field, text: str, numbers: str, days: str, yes: str) -> str:
    if not text:
        return text
    if field.kind == "date":
        return _day(text, days)
    if field.kind in ("hours", "number"):
        return _number(text, numbers)
    if field.kind == "yes_no" and yes:
        return yes.split("/")[text == "no"]
    return text


def as_sheet(file: str, draw: st.DataObject) -> tuple[bytes, bool]:
    """The demo book's ``file`` as some spreadsheet saves it; whether anything is not plain."""
    table = next(table for table in TABLES.values() if table.file == file)
    header, *rows = DEMO[file]
    kinds = {field.column: field for field in table.fields}
    numbers = draw.draw(st.sampled_from(("point", "comma", "grouped")))
    days = draw.draw(st.sampled_from(("iso", "dotted", "bare", "short", "dashed")))
    dates = [c for row in rows for n, c in zip(header, row, strict=True) if kinds[n].kind == "date"]
    if days == "dashed" and not any(cell[8:] > "12" for cell in dates):
        days = "dotted"
    if days == "short" and any(cell[:4] > "2029" for cell in dates):
        days = "bare"
    yes = draw.draw(st.sampled_from(("", "WAHR/FALSCH", "WAAR/ONWAAR", "ja/nein", "TRUE/FALSE")))
    made = [
        [_cell(kinds[n], c, numbers, days, yes) for n, c in zip(header, row, strict=True)]
        for row in rows
    ]
    columns = draw.draw(st.integers(0, 2))
    blank = [[""] * len(header)] * draw.draw(st.integers(0, 2))
    sign = draw.draw(st.sampled_from(",;\t"))
    stream = io.StringIO()
    named = draw.draw(st.booleans())
    end = draw.draw(st.sampled_from(("\n", "\r\n")))
    stream.write(f"sep={sign}{end}" if named else "")
    writer = csv.writer(stream, delimiter=sign, lineterminator=end)
    writer.writerows([*row, *[""] * columns] for row in (header, *made, *blank))
    text = stream.getvalue()
    encoding = draw.draw(st.sampled_from(("utf-8", "utf-8-sig", "utf-16", "cp1252")))
    if encoding == "cp1252" and windows_text(text.encode("cp1252", "replace")) != text:
        encoding = "utf-8"
    odd = any(  # integers are the same with every decimal sign
        one != other and kinds[name].kind != "yes_no"
        for mine, row in zip(made, rows, strict=True)
        for name, one, other in zip(header, mine, row, strict=True)
    )
    return text.encode(encoding), odd or sign != ","


def records(files: Mapping[str, bytes]) -> tuple[dict[str, Any], list[Problem]]:
    """What the tables of a book hold, and what is said about them."""
    builder = BookBuilder()
    for record, table in TABLES.items():
        if table.file in files:
            data = files[table.file]
            lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
            builder.add_table(record, _marked(lines), table.file, partial(sheet_text, data))
    return {name: kept.records for name, kept in builder._tables.items()}, builder._problems


@fresh_one_in(5)
@given(draw=st.data())
def test_the_demo_book_is_the_same_in_every_dialect(draw: st.DataObject) -> None:
    stream = {file: io.StringIO() for file in DEMO}
    for file, rows in DEMO.items():
        csv.writer(stream[file], lineterminator="\n").writerows(rows)
    plain = {file: text.getvalue().encode() for file, text in stream.items()}
    made = {file: as_sheet(file, draw) for file in DEMO}
    usual, nothing = records(plain)
    assert not nothing
    found, said = records({file: data for file, (data, _) in made.items()})
    assert found == usual
    assert {one.code for one in said} <= {"sheet-read"}
    files = [one.where.file for one in said]
    assert len(files) == len(set(files))
    assert {file for file, (_, odd) in made.items() if odd} <= set(files)
    count("files in the dialect of a spreadsheet read as they were", len(DEMO))


# --- never silently another number -------------------------------------------------------------

NUMBERS = st.sampled_from(
    """0 7 12 1000 0.5 0,5 12.50 12,50 1.000 1,000 12.500 12,500 0.125 0,125 1.234,50 1,234.50
    1.234.567 -1.000 -0,5 -1.234,5 1.23.4 1'000 1.0000 12.345,678""".split()  # noqa: SIM905
)


def readings(cell: str) -> dict[str, Decimal]:
    """What ``cell`` is where the comma is the decimal sign, and where the point is."""
    found = {}
    for sign, other in ((",", "."), (".", ",")):
        whole = rf"[+-]?(\d+|[1-9]\d{{0,2}}(\{other}\d{{3}})+)"
        if re.fullmatch(rf"{whole}(\{sign}\d+)?", cell):
            found[sign] = Decimal(cell.replace(other, "").replace(sign, "."))
    return found


def read_column(cells: Sequence[str], between: str) -> dict[str, Decimal]:
    """The cells that are read, by their texts, from a file with such a column."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=between)
    writer.writerow(("id", "contract", "date", "text", "quantity", "price"))
    for number, cell in enumerate(cells):
        writer.writerow((f"i{number}", "C", "2026-01-01", "x", 1, cell))
    builder = BookBuilder()
    text = stream.getvalue()
    builder.add_table("items", io.StringIO(text, newline=""), "items.csv", lambda: Text(text))
    return {cells[int(one.id[1:])]: one.price for one in builder._tables["items"].records}


@fresh
@given(st.lists(NUMBERS, min_size=1, max_size=6), st.sampled_from(";\t,"))
def test_a_column_is_read_in_one_way_or_not(cells: list[str], between: str) -> None:
    """Whatever is read, is read with one decimal sign; with semicolons and tabs nothing is read
    that would be another number with the other one, unless another cell settles it."""
    found = read_column(cells, between)
    fitting = [
        sign
        for sign in ",."
        if all(readings(cell).get(sign) == value for cell, value in found.items())
    ]
    assert fitting, found
    for cell, value in found.items():
        both = set(readings(cell).values())
        if len(both) > 1 and between != ",":
            (sign,) = fitting
            settled = [one for one in cells if readings(one).keys() == {sign}]
            assert settled, (cell, value)
    count("columns of numbers in one reading or none")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("Müller, Café, 5 € – „so“".encode("cp1252"), "Müller, Café, 5 € – „so“"),
        ("Straße Größe".encode("cp850"), None),
        ("Köln Bär".encode("mac-roman"), None),
        ("Łódź Wałęsa".encode("cp1250"), None),
        ("Fahrrad für Żory".encode("iso-8859-2"), None),
        ("Müller und Café".encode() + "für".encode("cp1252"), None),
        (b"\x81\x8d", None),
        ("ich sage „nein".encode("cp1252"), None),
    ],
)
def test_windows_encoding_only_where_no_other_is_likely(data: bytes, text: str | None) -> None:
    assert windows_text(data) == text
    if text is None:
        with pytest.raises(UnicodeDecodeError):
            sheet_text(data)


def test_a_plain_book_is_read_in_one_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no understanding is not looked at a second time."""

    def never(data: bytes) -> Text:
        raise AssertionError(data)

    monkeypatch.setattr("klausel_book.reader.sheet_text", never)
    assert not notes(read_folder(laid_out("fine-quoted-commas", tmp_path / "book")))
    assert not notes(read_folder(demo_folder()))
