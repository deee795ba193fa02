"""Dense lives: few entries, many things that meet.

Approvals of tickets and of the contract, in hours and in money, decided before, in and behind the
window of the work, retroactive or not; budgets that hold; rounding; negative work; hours that are
bought, top up, go back; runs inside open windows; facts that become known late. All of it on a few
days around the ends of months and of the contract. A life that shows a fault is made smaller and
printed as a scenario that can be saved as a case.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML

from tests.oracle.lives import Dice
from tests.smaller import smaller

DAYS = ("2026-01-05", "2026-01-31", "2026-02-05", "2026-02-20", "2026-02-28")
DECIDED = ("2026-01-02", "2026-01-20", "2026-02-05", "2026-02-28", "2026-03-15")
#: Runs: on the first day behind a month, in the middle, twice on one day.
RUNS = ("2026-02-01", "2026-02-21", "2026-03-01", "2026-03-01", "2026-04-01")
HOURS = ("0.5", "1", "2", "-1", "-0.5", "3", "0", "-2")


@st.composite
def dense_lives(draw: st.DrawFn) -> dict[str, Any]:
    """A life of one contract, whose facts become known from run to run."""
    dice = Dice(draw)
    end = dice.pick("2026-02-28", "2026-01-31", "2026-02-20", "2026-12-31")
    within = [day for day in DAYS if day <= end]
    policy: dict[str, Any] = {
        "scope": {"otherwise": {"then": "service", "because": "o"}},
        "plans": {"p": {"title": "p", "components": [_component(dice)]}},
    }
    if dice.chance(3):
        per = dice.pick("entry", "ticket", "day")
        policy["rounding"] = {"to": dice.pick("1h", "15m", "30m"), "per": per}
    if dice.chance(4):
        times = dice.pick("1.5", "0.5")
        policy["surcharges"] = [{"id": "U1", "times": times, "on": "hours", "because": "u"}]
    gates, approvals = _gates(dice)
    if gates:
        policy["approvals"] = gates
    component = policy["plans"]["p"]["components"][0]
    term = {"id": "H", "plan": "p", "price": "100.00"}
    if "time" not in component:
        term["hours"] = dice.pick("2", "1", "8", "4", "0")
    entries = [
        {
            "id": f"e{number}", "date": dice.pick(*within), "hours": dice.pick(*HOURS),
            "ticket": dice.pick("t1", "t1", "t2"),
        }
        for number in range(1, 2 + dice.up_to(4))
    ]  # fmt: skip
    bought = [
        {"id": f"p{number}", "term": "H", "date": dice.pick(*within), "hours": dice.pick("1", "5")}
        for number in range(
            dice.up_to(2) if "block" in policy["plans"]["p"]["components"][0] else 0
        )
    ]
    known: list[dict[str, Any]] = [{} for _ in RUNS]
    for name, rows, day in (
        ("entries", entries, "date"), ("purchases", bought, "date"),
        ("approvals", approvals, "decided_on"),
    ):  # fmt: skip
        for row in rows:
            first = next((n for n, run in enumerate(RUNS) if row[day] <= run), len(RUNS) - 1)
            at = first + dice.up_to(len(RUNS) - 1 - first)
            known[at].setdefault(name, []).append(row)
    runs = [
        {"as_of": run, "do": "bill", **({"add": add} if add else {})}
        for run, add in zip(RUNS, known, strict=True)
    ]
    contract = {"code": "C1", "start": "2026-01-01", "end": end, "terms": [term]}
    book = {"contracts": [contract], "tickets": [{"id": "t1"}, {"id": "t2"}]}
    return {
        "title": "a dense life",
        "semantics": "14",
        "policy": policy,
        "book": book,
        "runs": runs,
    }


def _component(dice: Dice) -> dict[str, Any]:
    kind = dice.pick("block", "block", "contingent", "pool", "time")
    if kind == "block":
        words = {
            "empty": dice.pick("top_up", "hold", "bill", "next"),
            "leftover": dice.pick("refund", "break"),
        }
        if dice.chance(3):
            words["validity"] = dice.pick("1 months", "2 months")
    elif kind == "contingent":
        words = {"proration": "none", "beyond": dice.pick("hold", "bill")}
    elif kind == "pool":
        words = {"proration": "none", "beyond": dice.pick("hold", "bill")}
        if dice.chance(2):
            words |= {"every": "2 months", "align": "start", "deficit_limit": dice.pick("0", "1")}
    else:
        words = {}
    return {kind: words}


def _gates(dice: Dice) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    gates: list[dict[str, Any]] = []
    approvals: list[dict[str, Any]] = []
    if dice.chance(2):
        retroactive = dice.pick("yes", "no")
        gates.append({"id": "A1", "require": "approval", "retroactive": retroactive})
        for number in range(1, 2 + dice.up_to(2)):
            one = {"id": f"a{number}", "state": "approved", "decided_on": dice.pick(*DECIDED)}
            limit = dice.up_to(3)
            if limit in (0, 1):
                one["limit_hours"] = dice.pick("1", "0.5", "2", "3")
            elif limit == 2:
                one["limit_amount"] = dice.pick("95.50", "50.00", "150.00")
            if dice.chance(3):
                one["tickets"] = dice.pick("t1", "t2")
            approvals.append(one)
    if dice.chance(3):
        watch = dice.pick(
            {"hours": "ticket", "budget": "1"}, {"amount": "ticket", "budget": "150.00"},
            {"hours": "period", "budget": "2"},
        )  # fmt: skip
        gates.append({"id": "B1", "watch": {**watch, "hold": "yes"}})
    return gates, approvals


def as_scenario(life: dict[str, Any]) -> str:
    """``life`` as the text of a scenario file."""
    yaml = YAML(typ="safe")
    yaml.default_flow_style = None
    stream = io.StringIO()
    yaml.dump(life, stream)
    return stream.getvalue()


def fail(life: dict[str, Any], shows: Callable[[dict[str, Any]], str]) -> None:
    """Raises with what a smaller life than ``life`` shows, and the life as a scenario."""
    less = smaller(life, lambda some: bool(_billed(some) and shows(some)))
    raise AssertionError(f"{shows(less)}\n{as_scenario(less)}")


def _billed(life: dict[str, Any]) -> bool:
    return all(run.get("do") == "bill" for run in life["runs"])
