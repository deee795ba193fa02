"""Documents of the ERP that are in force with another amount than is on record are differences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from klausel.engine import bill
from klausel.formats import View, render
from klausel.formats.json import result_data
from klausel.model import Documents
from klausel.result import Difference, Result
from klausel_book.reader import read_folder
from klausel_book.source import demo_folder
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


def test_documents_of_a_contract_that_is_not_read_are_not_shown() -> None:
    assert result("OLD-1").differences == ()
