"""What ends bring, and what becomes of it when they move (semantics 14, "Ends")."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from klausel.assemble import ledger_rows
from klausel.engine import bill
from klausel.model import LedgerRow
from klausel.result import Result
from klausel.scenario import fragment_book, play, read_scenario
from tests.counts import count

GOLDEN = Path(__file__).parent / "golden"

POLICY = """
title: ends
policy:
  scope: {otherwise: {then: service, because: day to day}}
  plans:
    plan: {title: Plan, components: [COMPONENT]}
runs: []
"""

UNPRORATED = (
    "{fee: {every: 12 months, proration: none, refund: unused_months, keep_months: 1}}",
    "{fee: {every: 3 months, lead_days: 30, proration: none, refund: daily}}",
    "{fee: {every: 6 months, per: period, proration: none, refund: unused_months}}",
)
BALANCED = (
    "{block: {empty: hold, leftover: refund}}",
    "{block: {empty: top_up, validity: 12 months, leftover: refund}}",
    "{pool: {proration: none, settle: both}}",
    "{pool: {proration: none, settle: both, carry_cap: '3'}}",
    "{pool: {proration: none, settle: both, carry_periods: 1}}",
)


class Life:
    """One contract, its ledger, and the day."""

    def __init__(self, component: str, work: Iterable[tuple[str, int]]) -> None:
        self._scenario = read_scenario(POLICY.replace("COMPONENT", component), "ends")
        self._work = list(work)
        self._hours = "{block" in component or "{pool" in component
        self._block = "{block" in component
        self.end: str | None = None
        self.ledger: list[LedgerRow] = []

    def run(self, day: str, how: str = "bill") -> Result:
        term: dict[str, Any] = {"id": "T", "plan": "plan", "price": "90.00"}
        if self._hours:
            term["hours"] = "5"
        contract: dict[str, Any] = {"code": "C1", "start": "2026-01-01", "terms": [term]}
        if self.end is not None:
            contract["end"] = self.end
        fragment: dict[str, Any] = {"contracts": [contract]}
        fragment["entries"] = [{"date": on, "hours": str(n)} for on, n in self._work if on < day]
        if self._block:
            lot = {"id": "A", "contract": "C1", "term": "T", "date": "2026-01-02", "hours": "10"}
            fragment["purchases"] = [lot]
        book = fragment_book(fragment, self._scenario, self.ledger)
        found = bill(book, date.fromisoformat(day), adjust=how == "adjust")
        assert not found.problems
        if how != "preview":
            self.ledger += found.settlements
        return found

    @property
    def billed(self) -> Decimal:
        return sum((row.amount for row in self.ledger if row.amount is not None), Decimal(0))


DAYS = ("2026-02-03", "2026-04-01", "2026-06-15")
WORK = (("2026-01-20", 3), ("2026-03-10", 2), ("2026-05-04", 4))


def _lives(ends: Iterable[str | None]) -> Iterable[tuple[tuple[str | None, ...], tuple[str, ...]]]:
    """Ends that are known on each of three days, and what is run on them."""
    for known in product(ends, repeat=len(DAYS)):
        for ways in product(("bill", "adjust"), repeat=len(DAYS) - 1):
            yield known, ways


@pytest.mark.parametrize("component", [*BALANCED, *UNPRORATED])
def test_whatever_ends_were_known_before_the_last_one_counts(component: str) -> None:
    """By any runs: adjusted, the sum is what it would be had the last end been known from the
    start. A second run writes nothing, and no difference is left."""
    for ends, ways in _lives((None, "2026-01-31", "2026-03-31", "2026-05-10")):
        work = WORK if component in BALANCED else ()
        work = tuple((on, n) for on, n in work if all(on <= (end or "9999") for end in ends))
        fresh, life = Life(component, work), Life(component, work)
        for day, end, how in zip(DAYS, ends, (*ways, "adjust"), strict=True):
            life.end = end
            life.run(day, how)
        fresh.end = ends[-1]
        if component in UNPRORATED:
            fresh.end = None  # what is billed ahead is billed as it was
            for day in DAYS[:-1]:
                fresh.run(day)
            fresh.end = ends[-1]
        fresh.run(DAYS[-1])
        told = f"{ends} {ways}"
        for how in ("adjust", "bill", "preview"):
            again = life.run(DAYS[-1], how)
            assert not again.drafts and not again.differences, f"{told}: {how}"
        assert life.billed == fresh.billed, told
        count("lives whose end moves: the last end counts")


def _old(rows: Iterable[LedgerRow]) -> list[LedgerRow]:
    """Rows as the versions before this one wrote them."""
    kept = []
    for row in rows:
        if "leftover" in row.key.group or row.key.group == "settle credit":
            row = row._replace(rounded=0)
        kept.append(row._replace(quantity=None, discount=None))
    return kept


@pytest.mark.parametrize(("component", "back"), [(BALANCED[0], 630), (BALANCED[2], 180)])
def test_refunds_of_earlier_versions_are_taken_back(component: str, back: int) -> None:
    life = Life(component, [("2026-01-20", 3), ("2026-02-10", 9)])
    life.end = "2026-01-31"
    life.run("2026-02-01")
    life.ledger = _old(life.ledger)
    life.end = None
    assert [found.was for found in life.run("2026-02-02", "preview").differences] == [f"{back}.00"]
    waits = life.run("2026-02-20", "preview")
    gone = [one for one in waits.balances if one.lot in ("A", "2026-01-01")]
    assert [(one.refunded, one.remaining) for one in gone] == [(back * 40, 0)]
    taken = life.run("2026-02-21", "adjust")
    assert [(draft.kind, draft.total) for draft in taken.drafts] == [("invoice", back)]
    again = life.run("2026-02-22", "adjust")
    assert not again.drafts and not again.differences


@pytest.mark.parametrize(
    ("change", "back"),
    [
        ('price: "95.50"', "-79.58"),  # 10/12 x 95.50 = 79.583
        ('price: "96.00"', "-79.59"),  # 91.85 x 366/352 x 10/12 = 79.586
        ('price: "95.50", discount: 10', "-79.59"),
    ],
)
def test_part_of_a_year_gives_back_of_what_was_paid(change: str, back: str) -> None:
    """Whatever the price is by now: it is not the one that the line of 91.85 was made with."""
    text = f"""
title: part of a year
policy:
  scope: {{otherwise: {{then: service, because: day to day}}}}
  plans:
    plan: {{title: Fee, components: [{{fee: {{per: period, every: 12 months, proration: daily,
      refund: unused_months, keep_months: 1}}}}]}}
book:
  contracts: [{{start: 2028-01-15, terms: [{{id: W, plan: plan, price: "95.50"}}]}}]
runs:
  - {{as_of: 2028-04-29, do: bill, expect: {{totals: ["91.85"]}}}}
  - as_of: 2028-05-01
    change: {{contracts: [{{code: C1, end: 2028-01-20, terms: [{{id: W, plan: plan, {change}}}]}}]}}
    expect: {{totals: ["{back}"]}}
"""
    _, mismatches = play(read_scenario(text, "part of a year"))
    assert not mismatches, "\n".join(str(mismatch) for mismatch in mismatches)


POOL = """
title: pool
policy:
  scope: {otherwise: {then: service, because: day to day}}
  plans:
    time: {title: Other work, components: [{time: {}}]}
    plan: {title: Pool, components: [{pool: {every: 12 months, proration: daily, WORDS}}]}
book:
  contracts:
    - code: C1
      start: 2028-04-15
      end: 2028-08-31
      terms:
        - {id: T, plan: time, price: "100.00", priority: 1}
        - {id: P, plan: plan, hours: 10, price: "33.33"}
  entries:
    - {id: e1, date: 2028-04-20, hours: 10}
runs:
"""


def test_a_deficit_that_was_billed_too_high_is_a_difference() -> None:
    """A ledger of the version that billed 0.41 h of a later end twice, 346.97 for 333.30."""
    lines = (GOLDEN / "ledger-owed-twice.jsonl").read_text(encoding="utf-8").splitlines()
    ledger = [row for line in lines for row in ledger_rows(json.loads(line))]
    assert sum(row.amount or 0 for row in ledger) == Decimal("346.9653")
    text = POOL.replace("WORDS", "settle: bill_deficit") + "  - {as_of: 2028-10-01}\n"
    scenario = read_scenario(text.replace("2028-08-31", "2028-09-15"), "pool")

    def run(how: str) -> Result:
        book = fragment_book(scenario.shape.book, scenario, ledger)
        result = bill(book, date(2028, 10, 2), record=how != "preview", adjust=how == "adjust")
        assert not result.problems
        ledger.extend(result.settlements)
        return result

    for how in ("preview", "bill"):
        found = run(how)
        assert not found.drafts
        assert [(one.was, one.now) for one in found.differences] == [("206.65", "192.98")]
    (draft,) = run("adjust").drafts
    assert (draft.kind, draft.total) == ("credit_note", Decimal("13.67"))
    for how in ("preview", "adjust"):
        again = run(how)
        assert not again.drafts and not again.differences


def test_late_work_is_billed_beside_a_deficit_that_was_another() -> None:
    """3 h of before go-live and 1 h of March were owed, 1 h granted: 300.00. It were 2 h."""
    text = """
title: pool
policy:
  scope: {otherwise: {then: service, because: day to day}}
  plans:
    plan: {title: Pool, components: [{pool: {proration: none, settle: bill_deficit}}]}
runs: []
"""
    scenario = read_scenario(text, "pool")
    term = {"id": "P", "plan": "plan", "hours": "1", "price": "100.00"}
    contract = {"code": "C1", "start": "2026-01-01", "end": "2026-03-31", "terms": [term]}
    work = [{"date": "2026-03-10", "hours": "1"}, {"date": "2026-03-11", "hours": "0.5"}]
    ledger: list[LedgerRow] = []

    def run(owed: str, entries: int, how: str) -> tuple[list[Decimal], list[tuple[str, str]]]:
        opening = {"contract": "C1", "term": "P", "date": "2026-02-28", "hours": owed}
        facts = {"contracts": [contract], "openings": [opening], "entries": work[:entries]}
        book = fragment_book(facts, scenario, ledger)
        result = bill(book, date(2026, 4, 10), adjust=how == "adjust")
        ledger.extend(result.settlements)
        signs = {"invoice": 1, "credit_note": -1}
        totals = [signs[draft.kind] * draft.total for draft in result.drafts]
        return totals, [(one.was, one.now) for one in result.differences]

    assert run("-3", 1, "bill") == ([Decimal(400)], [])
    assert run("-2", 1, "bill") == ([], [("300.00", "200.00")])
    assert run("-2", 2, "bill") == ([Decimal(50)], [("300.00", "200.00")])
    assert run("-2", 2, "bill") == ([], [("350.00", "250.00")])
    assert run("-2", 2, "adjust") == ([Decimal(-100)], [])
    assert run("-2", 2, "adjust") == ([], [])


@pytest.mark.parametrize("known", [True, False])
def test_a_later_end_makes_room_for_more_deficit(known: bool) -> None:
    """As if it had been known: 4.21 h drawn, 1 h owed, 4.79 h wait."""
    runs = """
  - as_of: 2028-08-15
    do: bill
    expect: {balances: {P: {deficit: "1.0000"}}, held: [{seconds: 18720}]}
"""
    runs = "" if known else runs
    runs += """
  - as_of: 2028-08-20
    do: bill
    change: {contracts: [{code: C1, end: 2028-09-15}]}
    expect:
      balances: {P: {deficit: "1.0000"}, P/2028-04-15: {drawn: "4.2100"}}
      held: [{seconds: 17244}]
  - {as_of: 2028-08-21, do: bill, expect: {drafts: [], differences: [], held: [{seconds: 17244}]}}
"""
    text = POOL.replace("WORDS", "deficit_limit: 1, beyond: hold, settle: bill_deficit") + runs
    _, mismatches = play(read_scenario(text, "pool"))
    assert not mismatches, "\n".join(str(mismatch) for mismatch in mismatches)


@pytest.mark.parametrize("how", ["bill", "adjust"])
def test_a_row_that_is_no_line_of_a_fee_is_none(how: str) -> None:
    """A fee's rows say with which day they begin: what says something else is no mistake of ours,
    and nothing goes back of it."""
    life = Life("{fee: {every: 1 month}}", ())
    life.run("2026-02-02")
    first, *others = [row for row in life.ledger if row.amount is not None]
    strange = first._replace(key=first.key._replace(group="x"))
    life.ledger = [strange if row == first else row for row in life.ledger]
    life.end = "2026-02-15"
    result = life.run("2026-02-16", how)
    back = [line for draft in result.drafts for line in draft.lines if draft.kind == "credit_note"]
    assert others
    assert not [line for line in back if how == "bill" and line.first < date(2026, 2, 1)]
