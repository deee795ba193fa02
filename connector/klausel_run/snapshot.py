"""snapshot: everything a run reads, as a book folder: to work offline, to keep, to show."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from klausel.model import Book
from klausel.port import Erp
from klausel_book.writer import refuse_existing, write_folder


def snapshot(
    erp: Erp, until: date, folder: Path, progress: Callable[[str], None] = lambda _: None
) -> Book:
    """Reads ``erp`` up to ``until`` and writes the book to ``folder``, all of it or nothing.

    Raises ``ProblemError`` where ``folder`` exists already, or as reading does.
    """
    refuse_existing(folder)
    progress("reading")
    book = erp.read(until)
    write_folder(book, folder, erp.policy_files(), progress)
    return book
