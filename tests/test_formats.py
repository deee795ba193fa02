"""What a person and what a program gets to see."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from rich.cells import cell_len

from klausel.approvals import BEFORE_ROUNDING, NO_HOURS, NO_TERM
from klausel.engine import bill
from klausel.formats import View, render
from klausel.formats.text import HELD
from klausel.model import Book
from klausel.result import Result
from klausel.scenario import play, read_scenario
from klausel_book import read_folder
from klausel_book.source import demo_folder

AS_OF = date(2026, 7, 1)
CASES = Path(__file__).parent / "cases"
REASONS = {*BEFORE_ROUNDING, NO_HOURS, NO_TERM}


@pytest.fixture(scope="module")
def book() -> Book:
    return read_folder(demo_folder())


@pytest.fixture(scope="module")
def result(book: Book) -> Result:
    return bill(book, AS_OF)


@pytest.mark.parametrize("width", [40, 44, 63, 64, 80, 100])
@pytest.mark.parametrize("details", [False, True])
def test_text_fits(result: Result, width: int, details: bool) -> None:
    text = render(result, "text", View(width, False, details))
    assert max(cell_len(line) for line in text.splitlines()) <= width
    assert "\x1b" not in text
    for customer in result.book.customers.values():
        shown = any(c.customer == customer.id for c in (*result.drafts, *result.uncovered))
        if shown and width >= 80:
            assert f"{customer.name} ({customer.id})" in text


def test_colours_only_on_request(result: Result) -> None:
    assert "\x1b[" in render(result, "text", View(80, True))


def test_each_entry_behind_a_line_on_request(result: Result) -> None:
    text = render(result, "text", View(100, False, True))
    on_lines = [s.entry for d in result.drafts for line in d.lines for s in line.entries]
    assert on_lines
    words = set(text.split())
    assert all(entry in words for entry in on_lines)


def test_json_and_csv_hold_the_same_lines(result: Result) -> None:
    data = json.loads(render(result, "json", View()))
    rows = list(csv.DictReader(io.StringIO(render(result, "csv", View()))))
    lines = [line for draft in data["drafts"] for line in draft["lines"]]
    assert len(rows) == len(lines) == 175
    for row, line in zip(rows, lines, strict=True):
        assert row["description"] == line["description"]
        assert Decimal(row["amount"]) == Decimal(line["amount"])


def test_time_without_a_customer_is_shown_once() -> None:
    text = """\
title: nobody's work
policy:
  scope: {otherwise: {then: service, because: x}}
  plans: {p: {title: T, components: [{time: {}}]}}
book:
  projects: [{id: p1}]
  contracts: [{start: 2026-01-01, terms: [{id: T, plan: p, price: 1}]}]
  entries: [{date: 2026-01-01, hours: 1}]
runs: [{as_of: 2026-02-01}]
"""
    scenario = read_scenario(text, "case")
    # An entry whose project has no customer; the scenario's defaults would give it one.
    first = play(scenario)[0][0].result
    assert first is not None
    lost = first.book.entries[0]._replace(id="e2", customer="", project="p1")
    book = first.book
    values = {name: getattr(book, name) for name in book.__dataclass_fields__}
    found = bill(Book(**{**values, "entries": (*book.entries, lost)}), date(2026, 2, 1))
    assert [u.reason for u in found.uncovered] == ["no_customer"]
    assert found.customers == ("c1",)
    assert render(found, "text", View()).count("Without a customer") == 1


def test_decisions_by_hand_show_who_when_and_why() -> None:
    scenario = read_scenario(
        (CASES / "scope" / "override.yaml").read_text(encoding="utf-8"), "override"
    )
    found = play(scenario)[0][0].result
    assert found is not None
    text = render(found, "text", View(100))
    assert "Written off  1 entry, 1.00 h\n" in text
    assert (
        "  By hand 1 entry, 1.00 h: written off by Ann on 2026-01-31: goodwill (e1)\n"
        "  By hand 1 entry, 1.00 h: warranty by Ann on 2026-01-31: our mistake (e2)\n"
    ) in text
    entries = json.loads(render(found, "json", View()))["entries"]
    parts = {entry["id"]: entry["parts"][0] for entry in entries}
    assert parts["e1"]["override"] == {"reason": "goodwill", "by": "Ann", "on": "2026-01-31"}
    assert parts["e2"]["override"] == {"reason": "our mistake", "by": "Ann", "on": "2026-01-31"}
    assert "override" not in parts["e3"]


def test_a_parked_customer_says_so(book: Book) -> None:
    values = {name: getattr(book, name) for name in book.__dataclass_fields__}
    clash = next(c for c in book.contracts if c.code == "SRV-102")
    twin = {name: getattr(clash, name) for name in clash.__dataclass_fields__}
    twin = type(clash)(**{**twin, "code": "SRV-102b"})
    found = bill(Book(**{**values, "contracts": (*book.contracts, twin)}), AS_OF)
    assert found.parked == ("c1",)
    text = render(found, "text", View())
    assert "Parked" in text
    assert "are equally narrow and both take entry" in " ".join(text.split())
    assert len(found.drafts) == 21


def test_balances_notices_and_what_waits(result: Result) -> None:
    text = render(result, "text", View(100))
    assert "Late         2 lines of periods that were billed or closed before\n" in text
    assert "Notices      11\n" in text
    for said in (
        "  gives back WEB-108/wartung/fee/2026-01-01/2026-01-01\n",
        "  Balance KOAD-401/uren: 6.00 h left until 2026-07-31"
        " (granted 54.00 h, used 27.50 h, expired 20.50\n  h)\n",
        "  Balance PRE-402/stunden: 1.00 h left of k1 until 2027-02-15, 5.00 h left of k2 until"
        " 2027-03-19\n  (granted 19.50 h, used 11.00 h, expired 2.50 h)\n",
        "  Balance CARD-404/karte: nothing left (granted 8.00 h, used 8.00 h)\n",
        "  Balance WEB-109/anfragen: requests: 2 left until 2026-07-31"
        " (granted 14, used 2, expired 10)\n",
        "  Notice SHOP-304: 100 % of budget M1 for the period from 2026-05-01 reached on"
        " 2026-05-22\n",
        "  Notice IT-205: 100 % of budget M1 for t172 reached on 2026-05-14\n",
        "  Notice PRE-402: lot k1 was down to 20 % or less on 2026-06-16\n",
        "  Notice PRE-402: lot 2025 expires on 2026-05-10 and had time left on 2026-04-10\n",
        "  Held 1 entry, 1.31 h: lies beyond what was approved or budgeted (e703)\n",
        "  Held 1 entry, 0.75 h: the customer rejected it (e800)\n",
        "  Held 1 entry, 2.00 h: waits for the customer's approval (e799)\n",
        "  Held 1 entry, 2.25 h: waits for more hours to be bought or granted (e784)\n",
        "4.25 h × 126.00 535.50\n",
    ):
        assert said in text, said


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_each_reason_to_wait_is_a_sentence(reason: str) -> None:
    assert " " in HELD[reason]


def test_hours_that_are_owed(book: Book) -> None:
    text = render(bill(book, date(2026, 2, 28), {"c17"}), "text", View(100))
    assert (
        "  Balance SHOP-305/uren: 0.75 h owed (granted 16.00 h, used 16.00 h)\n"
    ) in text  # 6.5 and 10.25 h of twice 8
