"""Ids from outside that look like words of ours: what a record is never depends on them.

One life is billed with plain ids and with others in their place; apart from the names everything
comes out the same, run for run.
"""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klausel.engine import bill
from klausel.formats.json import result_data
from klausel.ledger import release
from klausel.model import LedgerKey, LedgerRow
from klausel.policy import Policy, policy_at
from klausel.scenario import Scenario, ScenarioShape, fragment_book
from klausel.tree import Tree

NOWHERE = Tree(None, {}, ())
FEWER = settings(max_examples=settings.default.max_examples // 40)

#: What stands in a life in place of each name: purchase, item, part, ticket, project, activity.
PLAIN = {"bought": "B", "item": "I", "part": "P", "ticket": "T", "project": "J", "activity": "A"}
WORDS = (
    "topup", "leftover", "refund", "beyond", "beyond pc", "pc", "draw", "hours", "settle",
    "settle credit", "deficit", "opening", "all", "id", "entry", "scope", "item", "held",
    "notice", "override", "written_off",
)  # fmt: skip
ENDS = ("", " x", " 2026-01", " e1+1", " 110", "/1", "#1", " C1/H/block/2026-01-05")
NASTY = sorted(
    {(word + end).strip() for word in WORDS for end in ENDS} | {"a/b", "#1", "2026-02-01"}
)
RUNS = (date(2026, 2, 1), date(2026, 3, 1), date(2026, 7, 1))


def setting(empty: str, part: str) -> Scenario:
    policy = policy_at(
        NOWHERE,
        {
            "policy": "p",
            "version": "1",
            "fields": {"kind": {"one_of": ["change", "build", "ask", "work"], "from": [
                {"entry_tag": "change", "is": "change"}, {"entry_tag": "build", "is": "build"},
                {"entry_tag": "ask", "is": "ask"}, {"otherwise": "work"}]}},
            "scope": {
                "rules": [
                    {"id": "X", "when": {"kind": "change"}, "then": "change", "because": "new"},
                    {"id": "K", "when": {"kind": "ask"}, "then": "third_party", "because": "ask"},
                ],
                "otherwise": {"then": "service", "because": "day to day"},
            },
            "plans": {
                "hours": {"title": "Hours", "components": [{"block": {
                    "empty": empty, "leftover": "refund", "notify_left": [50]}}]},
                "asked": {"title": "Asked", "components": [{"quota": {
                    "every": "1 month", "proration": "none", "beyond": "bill"}}]},
                "change": {"title": "Change", "components": [
                    {"time": {"every": "1 month", "group_by": "ticket",
                              "rates": {"activity": {}, "default": "120.00"}}}]},
                "fixed": {"title": "Fixed", "components": [
                    {"milestone": {"parts": {part: "40", "rest": "60"}}}]},
            },
        },
        (),
        "hash",
    )  # fmt: skip
    assert isinstance(policy, Policy), policy
    return Scenario(ScenarioShape(title="", runs=[]), NOWHERE, (policy,))


def life(names: dict[str, str], empty: str, run: int) -> dict[str, Any]:
    """Purchases, requests, changes, a fixed price and an item, all in the first half of 2026."""
    ticket, other, project = names["ticket"], "other", names["project"]
    hours: dict[str, Any] = {"id": "H", "plan": "hours", "price": "90.00"}
    if empty == "top_up":
        hours["hours"] = "3"
    if empty == "bill":
        hours["beyond_price"] = "110.00"
    quota = {
        "id": "Q", "plan": "asked", "takes": "third_party", "requests": "1", "price": "25.00",
        "beyond_price": "30.00",
    }  # fmt: skip
    entries = [
        {"id": "e1", "date": "2026-01-20", "hours": "7"},
        {"id": "e2", "date": "2026-01-21", "hours": "1", "tags": "ask"},
        {"id": "e3", "date": "2026-01-22", "hours": "1", "tags": "ask", "ticket": ticket},
        {"id": "e4", "date": "2026-01-23", "hours": "2", "tags": "change", "ticket": ticket},
        {"id": "e5", "date": "2026-01-24", "hours": "1", "tags": "change", "ticket": other},
        {"id": "e6", "date": "2026-02-10", "hours": "1", "activity": names["activity"]},
        {"id": "e7", "date": "2026-02-11", "hours": "6"},
    ]  # fmt: skip
    if run:
        entries.append({"id": "e8", "date": "2026-01-25", "hours": "1", "tags": "change",
                        "ticket": ticket, "project": project})  # fmt: skip
    contract: dict[str, Any] = {
        "code": "C1", "customer": "c1", "start": "2026-01-01",
        "terms": [hours, quota, {"id": "X", "plan": "change", "takes": "change"}],
    }  # fmt: skip
    if run == 2:
        contract["end"] = "2026-06-30"
    return {
        "contracts": [
            contract,
            {"code": "M", "customer": "c1", "start": "2026-01-01",
             "covers": {"projects": ["fixed"]},
             "terms": [{"id": "F", "plan": "fixed", "price": "1000.00"}]},
        ],
        "projects": [{"id": project, "customer": "c1"}, {"id": "fixed", "customer": "c1"}],
        "tickets": [{"id": ticket, "project": project, "customer": "c1"},
                    {"id": other, "project": project, "customer": "c1"}],
        "purchases": [
            {"id": names["bought"], "contract": "C1", "term": "H", "date": "2026-01-05",
             "hours": "10"},
        ],
        "items": [{"id": names["item"], "contract": "C1", "date": "2026-01-15", "quantity": "2",
                   "text": "Travel", "price": "60.50"}],
        "acceptances": [
            {"contract": "M", "term": "F", "part": names["part"], "date": "2026-02-01"},
            {"contract": "M", "term": "F", "part": "rest", "date": "2026-02-20"},
        ],
        "entries": entries,
    }  # fmt: skip


def told(names: dict[str, str], empty: str) -> list[Any]:
    """What three runs come to, a released purchase and a correction among them; without names."""
    given = setting(empty, names["part"])
    ledger: list[LedgerRow] = []
    found: list[Any] = []
    for number, day in enumerate(RUNS):
        book = fragment_book(life(names, empty, number), given, ledger)
        result = bill(book, day, adjust=number == 2)
        assert not result.parked, result.problems
        ledger = [*ledger, *result.settlements]
        data = result_data(result)
        keys = [line["key"] for draft in data["drafts"] for line in draft["lines"]]
        assert len(keys) == len(set(keys))
        found.append([
            sorted(
                [line["quantity"], line["unit_price"], line["amount"], line["late"],
                 sorted(str(e) for e in line["entries"])]
                for draft in data["drafts"] for line in draft["lines"]
            ),
            sorted(draft["total"] for draft in data["drafts"]),
            sorted([held["entry"], held["seconds"], held["reason"]] for held in data["held"]),
            sorted([lot["granted"], lot["drawn"], lot["expired"]] for lot in data["balances"]),
            [d["cause"] for d in data["differences"]],
            sorted(notice["at_percent"] for notice in data["notices"]),
        ])  # fmt: skip
        if number == 1:  # the purchase's line is deleted: that alone is open again
            sale = next(
                row for row in ledger
                if row.key.component == "block" and row.key.period == date(2026, 1, 5)
                and row.amount is not None
            )  # fmt: skip
            [ledger] = release([ledger], {str(sale.key)})
            found.append(sum(row.state == "released" for row in ledger))
    return found


EXPECTED = {empty: told(PLAIN, empty) for empty in ("hold", "bill", "top_up")}


@pytest.mark.parametrize("empty", EXPECTED)
@pytest.mark.parametrize("what", PLAIN)
def test_an_id_like_a_word_of_ours_changes_nothing(what: str, empty: str) -> None:
    # Purchases are asked with all of them, the others with each fifth.
    for nasty in NASTY if what == "bought" else NASTY[::5]:
        found = told({**PLAIN, what: nasty}, empty)
        assert json.dumps(found) == json.dumps(EXPECTED[empty]), nasty


@FEWER
@given(st.fixed_dictionaries({what: st.sampled_from(NASTY) for what in PLAIN}))
def test_ids_like_words_of_ours_change_nothing_together(names: dict[str, str]) -> None:
    assert told(names, "top_up") == EXPECTED["top_up"]


@pytest.mark.parametrize("id_", ["topup 2026-01", "leftover x", "beyond 110 x", "draw", "id 7"])
def test_what_was_sold_before_ids_had_marks_is_not_sold_again(id_: str) -> None:
    names = {**PLAIN, "bought": id_, "part": id_}
    given = setting("hold", id_)
    first = bill(fragment_book(life(names, "hold", 0), given, []), RUNS[1])
    marked = [row for row in first.settlements if row.key.group == f"id {id_}"]
    assert marked
    ledger = [
        row._replace(key=row.key._replace(group=id_)) if row in marked else row
        for row in first.settlements
    ]
    book = fragment_book(life(names, "hold", 0), given, ledger)
    again = bill(book, RUNS[1])
    assert not again.drafts
    assert not again.differences
    lots = {lot.lot: lot.granted for lot in again.balances if lot.term == "H"}
    assert lots == {id_: 36000}


def test_keys_of_lines_are_told_apart() -> None:
    """A purchase "L#1" is not the first correction of the purchase "L"."""
    day = date(2026, 1, 5)
    keys = [
        LedgerKey("C", "H", "block", day, group, number)
        for group in ("L", "L#1", "L#1#1", "#", "")
        for number in (0, 1, 2)
    ]
    assert len({str(key) for key in keys}) == len(keys)
