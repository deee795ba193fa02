"""Documents of the ERP that are in force with another amount than is on record are differences."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from klausel.engine import bill
from klausel.formats import View, render
from klausel.formats.json import result_data
from klausel.model import Book, Documents
from klausel.port import Links
from klausel.result import Difference, Result
from klausel_book.reader import read_folder
from klausel_book.source import BookSource, demo_folder
from klausel_run.audit import audit
from klausel_run.preview import only_contracts

AS_OF = date(2026, 4, 1)
NAMES = "INV/2026/00015, RINV/2026/00007"


def result(contract: str) -> Result:
    """The demo's, where one contract's documents come to a fraction of a cent more."""
    book = read_folder(demo_folder())
    found = Documents(contract, NAMES, Decimal("150.004"), Decimal("-5.005"))
    return bill(replace(book, documents=(found,)), AS_OF)


def test_they_are_differences_of_their_contract() -> None:
    one = result("WEB-101")
    expected = Difference("WEB-101", NAMES, "", "documents", "150.00", "-5.01")
    assert one.differences == (expected,)
    assert result_data(one)["differences"] == [expected._asdict()]
    text = " ".join(render(one, "text", View(width=400)).split())
    assert (
        f"{NAMES}: documents: what is in force is not what is on record; was 150.00, today -5.01"
    ) in text
    assert only_contracts(one, {"WEB-101"}).differences == (expected,)
    assert only_contracts(one, {"SRV-102"}).differences == ()


@pytest.mark.parametrize(("contract", "said"), [("OLD-1", "OLD-1"), ("", "no contract")])
def test_those_of_a_contract_that_is_not_read_are_findings_of_the_audit(
    contract: str, said: str
) -> None:
    assert result(contract).differences == ()

    class Server(BookSource):
        """Reads the demo as an ERP that has archived contracts."""

        def read(self, until: date, customers: Collection[str] | None = None) -> Book:
            return result(contract).book

        def links(self) -> Links:
            return Links((), (), (("OLD-1", 3), ("OLD-2", 1)))

    found = audit(Server(demo_folder()), AS_OF)
    assert not found.clean
    assert [(one.kind, one.text) for one in found.findings] == [
        ("documents", f"{said}, {NAMES}: documents; was 150.004, today -5.005")
    ]
    assert found.notes == (
        "contract OLD-1 is archived: 3 rows of it not compared",
        "contract OLD-2 is archived: 1 row of it not compared",
    )
