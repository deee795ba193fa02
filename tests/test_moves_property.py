"""Entries that move between customers at random: settled once, and adjusted to what is right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klausel.engine import bill
from klausel.model import Book, LedgerRow
from klausel.record import settled_with
from klausel.scenario import Scenario, fragment_book, read_scenario
from tests.counts import count

POLICY = """
title: Moves
policy:
  scope: {otherwise: {then: service, because: day to day}}
  plans:
    time: {title: Time, components: [{time: {every: 1 month}}]}
    hours:
      title: Hours
      components: [{contingent: {every: 1 month, timing: arrears, proration: daily, beyond: bill}}]
runs: []
"""
CUSTOMERS = ("c1", "c2", "c3")
#: c4 has no contract.
PROJECTS = {"p1": "c1", "p2": "c2", "p3": "c3", "p4": "c4"}
CONTRACTS = [
    {"code": "A", "customer": "c1", "terms": [{"id": "S", "plan": "time", "price": "95.00"}]},
    {"code": "B", "customer": "c2", "terms": [
        {"id": "H", "plan": "hours", "price": "90.00", "hours": "40", "beyond_price": "110.00"},
    ]},
    {"code": "C", "customer": "c3", "terms": [
        {"id": "H", "plan": "hours", "price": "80.00", "hours": "40", "beyond_price": "120.00"},
    ]},
]  # fmt: skip

#: Neither negative ones nor more than a contingent has: what is late stands behind what was billed,
#: and then it is the order that decides what lies beyond.
entries = st.fixed_dictionaries(
    {
        "date": st.dates(date(2026, 1, 5), date(2026, 2, 20)).map(str),
        "hours": st.sampled_from(["0.5", "1", "1.5", "2", "3", "0"]),
        "project": st.sampled_from(sorted(PROJECTS)),
    }
)
#: What somebody does to an entry between two runs.
edits = st.tuples(
    st.integers(0, 2),
    st.sampled_from([*["p1", "p2", "p3", "p4"] * 4, "0.5", "2", "delete"]),
)
steps = st.tuples(
    st.lists(edits, max_size=3),
    st.sampled_from(["bill", "adjust"]),
    st.sampled_from([None, None, ("c1",), ("c2",), ("c3",), ("c1", "c2"), ("c2", "c3")]),
)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return read_scenario(POLICY, "moves")


def book(scenario: Scenario, rows: dict[str, dict[str, Any]], ledger: list[LedgerRow]) -> Book:
    fragment = {
        "customers": [{"id": id_} for id_ in (*CUSTOMERS, "c4")],
        "projects": [{"id": id_, "customer": owner} for id_, owner in PROJECTS.items()],
        "contracts": [{**contract, "start": "2026-01-01"} for contract in CONTRACTS],
        "entries": [{"id": id_, **row} for id_, row in rows.items()],
    }
    return fragment_book(fragment, scenario, ledger)


def billed(ledger: Iterable[LedgerRow]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in ledger:
        sums[row.key.contract] += row.amount or Decimal(0)
    return {code: amount for code, amount in sums.items() if amount}


@settings(max_examples=300)
@given(data=st.data())
def test_moved_entries_are_settled_once(scenario: Scenario, data: st.DataObject) -> None:
    some = data.draw(st.lists(entries, min_size=1, max_size=3))
    rows = {f"e{number}": row for number, row in enumerate(some, start=1)}
    owners = {str(contract["code"]): str(contract["customer"]) for contract in CONTRACTS}
    ledger: list[LedgerRow] = []
    day = date(2026, 3, 1)
    for changes, what, customers in data.draw(st.lists(steps, min_size=1, max_size=7)):
        for number, change in changes:
            id_ = f"e{number + 1}"
            if id_ in rows and change == "delete":
                del rows[id_]
            elif id_ in rows:
                field = "project" if change in PROJECTS else "hours"
                rows[id_] = {**rows[id_], field: change}
        result = bill(book(scenario, rows, ledger), day, customers, adjust=what == "adjust")
        assert not result.parked
        ledger += result.settlements
        for entry, where in settled_with(ledger, owners).items():
            assert sum(where.values()) <= 1, entry
        if what == "adjust" and customers is None:
            again = bill(book(scenario, rows, ledger), day, adjust=True)
            assert (again.drafts, again.settlements) == ((), ())
    right = bill(book(scenario, rows, []), day).settlements
    last = bill(book(scenario, rows, ledger), day, adjust=True)
    ledger += last.settlements
    assert billed(ledger) == billed(right)
    again = bill(book(scenario, rows, ledger), day, adjust=True)
    assert (again.drafts, again.settlements) == ((), ())
    plain = bill(book(scenario, rows, ledger), day)
    assert (plain.drafts, plain.settlements, plain.differences) == ((), (), ())
    count("lives in which entries move between customers")
