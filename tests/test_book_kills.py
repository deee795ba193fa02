"""``klausel bill`` on a book, killed at every step: each customer on record once, and whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from klausel_book import BookSource, read_folder
from klausel_book.source import copy_demo
from klausel_run.bill import applications
from klausel_run.preview import Options, preview
from tests.counts import count
from tests.killing import BOOK, Klausel, klausel

DAYS = ("2026-03-01", "2026-04-01", "2026-07-01")
#: Whether the customer is on record then. What Python has not flushed may be written or not.
DONE = {step: step in ("unsynced", "synced", "returned") for step in BOOK if step != "unflushed"}


@pytest.fixture(scope="module")
def program() -> Iterator[Klausel]:
    with klausel() as ready:
        yield ready


def on_record(folder: Path) -> list[tuple[object, ...]]:
    """Live rows, without their place in the file."""
    rows = read_folder(folder).ledger
    return sorted((str(row.key), row.entry, row.lot, row.seconds, row.amount) for row in rows)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, program: Klausel) -> list[list[object]]:
    """What stands on record after each day where nobody is killed."""
    book = tmp_path_factory.mktemp("whole") / "book"
    copy_demo(book)
    found: list[list[object]] = []
    for day in DAYS:
        assert program.run(bill(book, day)).code == 0
        found.append([*on_record(book)])
    assert len(found[0]) < len(found[1]) < len(found[2])
    return found


def bill(book: Path, day: str) -> list[str]:
    return ["bill", "--book", str(book), "--as-of", day, "--yes"]


@pytest.mark.parametrize("step", BOOK)
def test_killed_at_a_step(
    step: str, program: Klausel, expected: list[list[object]], tmp_path: Path
) -> None:
    book = tmp_path / "book"
    copy_demo(book)
    for day, rows, at in zip(DAYS, expected, (1, 4, 9), strict=True):
        source = BookSource(book)
        todo = list(applications(preview(source, Options(date.fromisoformat(day), record=True))))
        before = len(on_record(book))
        end = program.run(bill(book, day), step, at)
        assert end.killed, end.said
        count(f"kills of a bill on a book: {step}")
        # Customers before the one that was being written are there, and this one or not yet: whole.
        sizes = [before + sum(len(one.rows) for one in todo[:done]) for done in (at - 1, at)]
        there = len(on_record(book))
        assert there in sizes
        if step in DONE:
            assert there == sizes[DONE[step]]
        done = at - 1 + sizes.index(there)
        again = program.run(bill(book, day))
        assert again.code == 0, again.said
        settled = len(todo) - done
        assert f"{settled} customer{'' if settled == 1 else 's'} settled" in again.said
        assert on_record(book) == rows
        ledger = (book / "ledger.jsonl").read_bytes()
        assert program.run(bill(book, day)).said.endswith("Nothing new to write.\n")
        assert (book / "ledger.jsonl").read_bytes() == ledger
