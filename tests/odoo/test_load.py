"""The helper that puts a book into Odoo: the demo book comes out with the same invoices."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from klausel.engine import bill
from klausel.model import Book, Opening
from klausel.result import Result
from klausel_book.source import demo_folder
from klausel_odoo import OdooSettings, OdooSource

from .demo import demo_book
from .load import CannotHold, Loaded, load
from .server import Odoo

pytestmark = pytest.mark.odoo

JULY = date(2026, 7, 1)


@pytest.fixture(scope="module")
def demo() -> Book:
    """The demo book with one more opening, before it was ever billed; all entries validated."""
    book = demo_book()
    day = date(2026, 3, 31)
    opening = Opening("WEB-104", "onderhoud", "", day, billed_until=day)
    return replace(book, openings=(*book.openings, opening))


@pytest.fixture(scope="module")
def loaded(odoo: Odoo, demo: Book) -> Loaded:
    return load(odoo, demo)


@pytest.fixture(scope="module")
def found(odoo: Odoo, demo: Book, loaded: Loaded) -> Result:
    settings = OdooSettings.load(
        url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
        policies=demo_folder() / "policies",
    )  # fmt: skip
    ours = list(loaded.ids["customers"].values())
    return bill(OdooSource(settings).read(JULY, list(map(str, ours))), JULY)


def invoices(result: Result) -> list[tuple[str, str, list[str]]]:
    """Drafts with their lines, as the customer reads them."""
    return sorted(
        (
            draft.contract,
            f"{draft.total} {draft.currency}",
            sorted(f"{line.description} {line.quantity} {line.amount}" for line in draft.lines),
        )
        for draft in result.drafts
    )


def test_the_demo_book_gives_the_same_invoices(demo: Book, loaded: Loaded, found: Result) -> None:
    expected = bill(demo, JULY)
    assert found.problems == ()
    assert len(expected.drafts) == 21
    assert invoices(found) == invoices(expected)


def test_every_entry_meets_the_same_fate(demo: Book, loaded: Loaded, found: Result) -> None:
    back = {str(new): old for old, new in loaded.ids["entries"].items()}

    def fates(result: Result, name: dict[str, str]) -> dict[str, Counter[tuple[object, ...]]]:
        return {
            name.get(entry.entry, entry.entry): Counter(
                (part.disposition, part.rule, part.seconds, part.rounded, part.contract, part.term)
                for part in entry.parts
            )
            for entry in result.entries
        }

    expected = fates(bill(demo, JULY), {})
    got = fates(found, back)
    differing = {
        id_: (got.get(id_), fate) for id_, fate in expected.items() if got.get(id_) != fate
    }
    assert not differing
    assert len(expected) > 400


def test_what_odoo_cannot_hold_is_refused(odoo: Odoo, demo: Book) -> None:
    entry = demo.entries[0]._replace(validated=False)
    with pytest.raises(CannotHold, match=f"entry {entry.id}: this Odoo knows no validation"):
        load(odoo, replace(demo, entries=(entry,)))
