"""openings: loads go-live balances, after it has shown what they mean for billing."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from klausel.formats.text import count
from klausel.openings import loading, loading_text
from klausel.port import Erp, Refused
from klausel.problems import ErpError
from klausel_book.openings_file import read_rows
from klausel_run.screen import Screen


def openings(
    erp: Erp, file: Path, as_of: date, replacing: bool, dry_run: bool, screen: Screen
) -> None:
    """Shows what loading ``file`` into ``erp`` changes, asks, and writes all of it or nothing.

    Raises ``ProblemError`` for a bad file, and ``ErpError`` where the ERP refuses.
    """
    with screen.progress("reading"):
        book = erp.read(as_of)
        home = "Odoo" if erp.capabilities().name == "odoo" else ""
        rows, notes = read_rows(file, book, home)
        found = loading(book, rows, as_of, replacing)
    for note in notes:
        screen.say(str(note))
    screen.say(loading_text(found, str(file), erp.name))
    if dry_run:
        screen.say("Nothing was written: this was a dry run.")
        return
    if not found.change:
        screen.say("Nothing to load.")
        return
    what = count(len(found.change.added), "opening")
    screen.ask(f"Load {what} into {erp.name}?")
    try:
        erp.load_openings(found.change, book)
    except Refused as error:
        raise ErpError(error.message, error.hint) from None
    screen.say(f"{what} loaded.")
