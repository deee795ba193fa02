"""Spreadsheets that LibreOffice itself saves as CSV.

Cells are what they are in a spreadsheet: numbers, days, yes and no, each shown as the country has
them; what the program makes of them is its own affair.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from tests.odoo import processes

Cell = str | date | Decimal | bool

_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{word}:1.0"'
    for name, word in (
        ("office", "office"),
        ("style", "style"),
        ("text", "text"),
        ("table", "table"),
        ("number", "datastyle"),
    )
)


class Country(NamedTuple):
    """How a program set to a country shows and saves what is in a cell."""

    language: str
    country: str
    code: int
    """Of the language in the export filter."""
    between: str
    """Between day, month and year."""


GERMANY = Country("de", "DE", 1031, ".")
NETHERLANDS = Country("nl", "NL", 1043, "-")

#: By name: what the export filter is told of sign between fields, encoding and country.
SAVED = {
    "german": (GERMANY, ";", "1"),
    "german-utf8": (GERMANY, ",", "76"),
    "german-tabs-utf16": (GERMANY, "\t", "65535"),
    "dutch": (NETHERLANDS, ";", "1"),
}

#: Tables with cells of every kind; in plain CSV they are those of the case "_base" and more.
TABLES: Mapping[str, Sequence[Sequence[Cell]]] = {
    "customers": (
        ("id", "name", "parent", "language", "country", "region", "tags"),
        ("c1", "Bakery Jansen", "", "nl", "NL", "", "Café; Brötchen"),
        ("c2", "Fahrräder Müller & Söhne", "", "de", "DE", "", ""),
        ("c3", 'Jansens „Kaffeebar“, "Ecke"', "c1", "en", "NL", "", ""),
    ),
    "entries": (
        ("id", "date", "employee", "project", "ticket", "customer", "hours", "text", "validated"),
        ("e1", date(2026, 5, 4), "u1", "p1", "t1", "", Decimal("1.5"), "Geöffnet; früher", True),
        ("e2", date(2026, 5, 5), "u2", "p2", "t2", "", Decimal("0.25"), "zwei\nZeilen", True),
        ("e3", date(2026, 5, 31), "u2", "p2", "", "", Decimal(2), "Kasse erklärt", False),
    ),
    "items": (
        ("id", "contract", "date", "text", "quantity", "price"),
        ("i1", "BIKE-1", date(2026, 5, 1), "Ständer", Decimal(1), Decimal("1234.5")),
        ("i2", "BIKE-1", date(2026, 5, 13), "Rabatt", Decimal("-2.5"), Decimal("12.75")),
    ),
}


def program() -> str:
    """LibreOffice's command; installed where it is missing."""
    if not shutil.which("soffice"):
        processes.install_debian("libreoffice-calc-nogui", "Spreadsheets are saved by LibreOffice")
    return shutil.which("soffice") or "/usr/bin/soffice"


def save(folder: Path, name: str) -> dict[str, bytes]:
    """The tables as LibreOffice saves them, told as :data:`SAVED` says, by file."""
    country, sign, encoding = SAVED[name]
    work = folder / name
    work.mkdir(parents=True)
    for table, rows in TABLES.items():
        (work / f"{table}.fods").write_text(_sheet(rows, country), encoding="utf-8")
    told = f"{ord(sign)},34,{encoding},1,,{country.code},false,true,false"
    command = [program(), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"]
    command += ["--convert-to", f"csv:Text - txt - csv (StarCalc):{told}", "--outdir", str(work)]
    files = [str(path) for path in sorted(work.glob("*.fods"))]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=300)
    return {path.name: path.read_bytes() for path in sorted(work.glob("*.csv"))}


def plain() -> dict[str, str]:
    """The tables as the files of a book have them."""
    return {
        f"{table}.csv": "".join(",".join(map(_plain, row)) + "\n" for row in rows)
        for table, rows in TABLES.items()
    }


def _plain(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, str):
        return '"' + cell.replace('"', '""') + '"' if re.search('[",\n]', cell) else cell
    return cell.isoformat() if isinstance(cell, date) else format(cell, "f")


def _sheet(rows: Sequence[Sequence[Cell]], country: Country) -> str:
    where = f'number:language="{country.language}" number:country="{country.country}"'
    sign = f"<number:text>{country.between}</number:text>"
    day = f'<number:day number:style="long"/>{sign}<number:month number:style="long"/>{sign}'
    day += '<number:year number:style="long"/>'
    number = '<number:number number:decimal-places="2" number:min-decimal-places="2"'
    number += ' number:min-integer-digits="1" number:grouping="true"/>'
    styles = (
        f'<number:number-style style:name="N101" {where}>{number}</number:number-style>'
        f'<number:date-style style:name="D101" {where}>{day}</number:date-style>'
        f'<number:boolean-style style:name="B101" {where}><number:boolean/></number:boolean-style>'
    ) + "".join(
        f'<style:style style:name="{n}" style:family="table-cell"'
        f' style:data-style-name="{n.upper()}101"/>'
        for n in "ndb"
    )
    lines = "".join(
        f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in rows
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document {_NAMES} office:version="1.2"'
        ' office:mimetype="application/vnd.oasis.opendocument.spreadsheet">'
        f"<office:automatic-styles>{styles}</office:automatic-styles><office:body>"
        f'<office:spreadsheet><table:table table:name="t">{lines}</table:table>'
        "</office:spreadsheet></office:body></office:document>"
    )


def _cell(cell: Cell) -> str:
    if isinstance(cell, bool):
        style, kind, name, value = "b", "boolean", "boolean-value", str(cell).lower()
    elif isinstance(cell, date):
        style, kind, name, value = "d", "date", "date-value", cell.isoformat()
    elif isinstance(cell, Decimal):
        style, kind, name, value = "n", "float", "value", str(cell)
    else:
        lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in cell.split("\n") if cell)
        return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'
    told = f'table:style-name="{style}" office:value-type="{kind}"'
    return f'<table:table-cell {told} office:{name}="{value}"/>'
