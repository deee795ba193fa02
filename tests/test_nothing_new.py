"""Where nothing is new, a run does nothing (semantics 13.3), over lives of blocks and of pools.

What a run leaves waiting, a second run on the same day leaves waiting too, and so does a run on the
next day where nothing became due in between. The lives are those in which hours come back behind
work that waits for them: a deficit that is limited, negative work that comes late, ends that are
told late.
"""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klausel.model import LedgerRow
from klausel.result import Result
from tests.counts import count
from tests.oracle.lives import Dice
from tests.seeds import fresh_one_in
from tests.test_life_properties import Life, run

ONE_DAY = timedelta(days=1)
HOURS = ("1", "2", "0.5", "4", "10", "3", "0.25", "0")
BACK = ("-1", "-0.5", "-3", "-0.25")


@st.composite
def blocks(draw: st.DrawFn) -> dict[str, Any]:
    """A block with purchases, top-ups and corrections around month ends and the contract's end,
    each of them known at some run or other: all without approvals and budgets."""
    dice = Dice(draw)
    block = {
        "empty": dice.pick("top_up", "top_up", "top_up", "hold", "bill", "next"),
        "leftover": dice.pick("refund", "refund", "refund", "break"),
    }
    if dice.chance(3):
        block["validity"] = dice.pick("1 month", "2 months")
    days = ("2026-01-05", "2026-01-31", "2026-02-05", "2026-02-20", "2026-02-28")
    end = dice.pick("2026-01-31", "2026-02-28", "2026-02-20")
    within = [day for day in days if day <= end]
    term = {"id": "H", "plan": "p", "price": "100.00", "hours": dice.pick("2", "8", "1", "4", "0")}
    entries = [
        {"id": f"e{number}", "date": dice.pick(*within), "hours": dice.pick(*BACK, *HOURS)}
        for number in range(2 + dice.up_to(3))
    ]
    bought = [
        {"id": f"p{number}", "term": "H", "date": dice.pick(*within), "hours": dice.pick("1", "5")}
        for number in range(dice.up_to(2))
    ]
    runs: list[dict[str, Any]] = []
    for day in ("2026-02-01", "2026-03-01", "2026-03-02", "2026-04-01"):
        news: dict[str, list[Any]] = {}
        for name, rows in (("entries", entries), ("purchases", bought)):
            known = [row for row in rows if row["date"] <= day and dice.chance(4)]
            if day == "2026-04-01":
                known = list(rows)
            news[name] = known
            rows[:] = [row for row in rows if row not in known]
        runs.append({"as_of": day, "do": "bill", "add": news})
    policy = {
        "scope": {"otherwise": {"then": "service", "because": "o"}},
        "plans": {"p": {"title": "p", "components": [{"block": block}]}},
    }
    contract = {"code": "C1", "start": "2026-01-01", "end": end, "terms": [term]}
    book = {"contracts": [contract]}
    return {"title": "a life", "policy": policy, "book": book, "runs": runs}


@st.composite
def pools(draw: st.DrawFn) -> dict[str, Any]:
    """A pool, its work and its end, as they become known from run to run."""
    dice = Dice(draw)
    first = date(2028, 1 + dice.up_to(3), dice.pick(1, 1, 15))
    words = {
        "every": dice.pick("3 months", "12 months", "1 month"),
        "align": dice.pick("calendar", "start"),
        "proration": dice.pick("daily", "none"),
        "beyond": dice.pick("hold", "hold", "next", "bill"),
        "deficit_limit": dice.pick("0.5", "1", "0", "2", "0.25"),
        "settle": dice.pick("none", "both", "bill_deficit", "refund_credit"),
    }
    if dice.chance(4):
        words["carry_periods"] = dice.pick("0", "1")
    if dice.chance(5):
        words["carry_cap"] = dice.pick("1", "0")
    policy: dict[str, Any] = {
        "scope": {"otherwise": {"then": "service", "because": "o"}},
        "plans": {
            "p": {"title": "p", "components": [{"pool": words}]},
            "t": {"title": "t", "components": [{"time": {}}]},
        },
    }
    if dice.chance(3):
        policy["rounding"] = {"to": dice.pick("1h", "15m"), "per": dice.pick("entry", "ticket")}
    if dice.chance(4):
        times = dice.pick("1.5", "0.5")
        policy["surcharges"] = [{"id": "U", "times": times, "on": "hours", "because": "u"}]
    hours = dice.pick("2", "6", "4.5", "10", "1")
    terms = [
        {"id": "P", "plan": "p", "hours": hours, "price": "33.33"},
        {"id": "T", "plan": "t", "price": "100", "takes": dice.pick(["change"], ["service"])},
    ]
    contract = {"code": "C1", "start": first.isoformat(), "terms": terms}
    end = None
    if dice.chance(2):
        end = _day(dice, first + timedelta(100), first + timedelta(250))
        contract["end"] = end.isoformat()
    day = _day(dice, first + timedelta(30), first + timedelta(150))
    number = 1 + dice.up_to(4)
    entries = [_entry(dice, f"e{one}", first, day) for one in range(number)]
    runs: list[dict[str, Any]] = [{"as_of": day.isoformat(), "do": "bill"}]
    for _ in range(1 + dice.up_to(3)):
        day = _day(dice, day, day + timedelta(45))
        news: dict[str, Any] = {"as_of": day.isoformat(), "do": "bill"}
        if dice.chance(2) and (end is None or end >= day):
            end = _day(dice, day, day + timedelta(60))
            news["change"] = {"contracts": [{"code": "C1", "end": end.isoformat()}]}
        if dice.up_to(3):
            late = [
                _entry(dice, f"e{number + one}", first, day) for one in range(1 + dice.up_to(1))
            ]
            number += len(late)
            news["add"] = {"entries": late}
        runs.append(news)
    book = {"contracts": [contract], "entries": entries}
    return {"title": "a life", "policy": policy, "book": book, "runs": runs}


def _day(dice: Dice, first: date, last: date) -> date:
    return dice.any_day(first, last)


def _entry(dice: Dice, id_: str, first: date, last: date) -> dict[str, Any]:
    hours = dice.pick(*(BACK if dice.chance(3) else HOURS))
    return {"id": id_, "date": _day(dice, first, last).isoformat(), "hours": hours}


@fresh_one_in(3)
@given(blocks())
def test_where_nothing_is_new_a_run_does_nothing_to_blocks(data: dict[str, Any]) -> None:
    count("generated lives of blocks, new ones: where nothing is new a run does nothing")
    life = Life(data)
    ledger: list[LedgerRow] = []
    for shape, fragment in life.history():
        result = run(life.book(fragment, ledger), shape.as_of)
        assert not result.parked
        ledger += result.settlements
        same(result, run(life.book(fragment, ledger), shape.as_of))


#: About one life in three hundred is not at rest yet (docs/decisions.md).
@pytest.mark.soak
@pytest.mark.known
@fresh_one_in(3)
@given(pools())
def test_where_nothing_is_new_a_run_does_nothing(data: dict[str, Any]) -> None:
    check(data)


def check(data: dict[str, Any]) -> None:
    count("generated lives of pools, new ones: where nothing is new a run does nothing")
    life = Life(data)
    ledger: list[LedgerRow] = []
    for shape, fragment in life.history():
        result = run(life.book(fragment, ledger), shape.as_of)
        ledger += result.settlements
        again = run(life.book(fragment, ledger), shape.as_of)
        same(result, again)
        if quiet(shape.as_of, fragment):
            same(result, run(life.book(fragment, ledger), shape.as_of + ONE_DAY))
            count("runs of a later day on which nothing was due: they do nothing")


def same(before: Result, after: Result) -> None:
    """The run ``after`` leaves all as ``before`` left it."""
    assert parts(after) == parts(before)
    assert after.balances == before.balances
    assert not after.drafts, after.drafts
    assert not after.settlements, after.settlements
    assert after.differences == before.differences


def parts(result: Result) -> Counter[tuple[str, ...]]:
    """What became of each entry, in rounded seconds."""
    found: Counter[tuple[str, ...]] = Counter()
    for entry, some in result.entries:
        for part in some:
            found[entry, part.term, part.lot, part.held or part.disposition] += part.rounded
    return Counter({place: seconds for place, seconds in found.items() if seconds})


def quiet(day: date, fragment: dict[str, Any]) -> bool:
    """Whether neither ``day`` nor the next one begins or ends anything."""
    contract = fragment["contracts"][0]
    end = date.fromisoformat(contract.get("end", "2100-01-01"))
    begins = {1, date.fromisoformat(contract["start"]).day}
    days = (day, day + ONE_DAY)
    return not any(one.day in begins or one in (end, end + ONE_DAY) for one in days)
