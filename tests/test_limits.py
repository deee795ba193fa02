"""Limits in money on generated lives: no invoice shows more than was approved (semantics 7, 8)."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from klausel.engine import bill
from klausel.model import LedgerRow
from klausel.money import ZERO
from klausel.policy import Policy, policy_at
from klausel.result import Result
from klausel.scenario import Scenario, ScenarioShape, fragment_book
from klausel.tree import Tree
from tests.counts import count

NOWHERE = Tree(None, {}, ())
FIRST = date(2026, 1, 1)
RUNS = (date(2026, 2, 1), date(2026, 2, 10), date(2026, 3, 1), date(2026, 4, 1))
TICKETS = ("t1", "t2")
FEWER = settings(max_examples=settings.default.max_examples // 5)


def scenario(rules: list[dict[str, Any]], rounding: str, group_by: str) -> Scenario:
    data: dict[str, Any] = {
        "policy": "p", "version": "1",
        "fields": {"rush": {"one_of": ["rush", "usual"], "from": [
            {"entry_tag": "rush", "is": "rush"}, {"otherwise": "usual"}]}},
        "scope": {"otherwise": {"then": "change", "because": "ordered"}},
        "surcharges": [{"id": "Z1", "when": {"rush": "rush"}, "times": "1.5", "because": "rush"}],
        "approvals": rules,
        "plans": {"plan": {"title": "Work", "components": [
            {"time": {"every": "1 month", "group_by": group_by}}]}},
    }  # fmt: skip
    if rounding:
        data["rounding"] = {"to": "10m", "mode": rounding, "per": "ticket"}
    found = policy_at(NOWHERE, data, (), "hash")
    assert isinstance(found, Policy), found
    return Scenario(ScenarioShape(title="", runs=[]), NOWHERE, (found,))


@st.composite
def lives(draw: st.DrawFn) -> dict[str, Any]:
    """Work on two tickets, some of it entered late; prices, digits, discounts of all kinds."""
    entries = draw(
        st.lists(
            st.tuples(
                st.integers(0, 85), st.integers(-900, 30000), st.sampled_from(TICKETS),
                st.booleans(), st.integers(0, len(RUNS) - 1),
            ),
            min_size=1, max_size=6,
        )
    )  # fmt: skip
    return {
        "entries": entries,
        "price": Decimal(draw(st.integers(1, 3_000_00))).scaleb(-2),
        "discount": draw(st.sampled_from(["0", "7", "12.5"])),
        "currency": draw(st.sampled_from(["EUR", "JPY", "KWD"])),
        "digits": draw(st.integers(0, 5)),
        "method": draw(st.sampled_from(["global", "line"])),
        "rounding": draw(st.sampled_from(["", "up", "down", "nearest"])),
        "limits": draw(st.tuples(st.integers(1, 9000), st.integers(1, 9000))),
        "group_by": draw(st.sampled_from(["none", "ticket"])),
    }


def facts(life: dict[str, Any], approvals: list[dict[str, Any]], run: int) -> dict[str, Any]:
    entries = [
        {
            "id": f"e{number}",
            "date": (FIRST + timedelta(days=day)).isoformat(),
            "hours": f"{Decimal(seconds) / 3600:.7f}",
            "ticket": ticket,
            "tags": "rush" if rush else "",
        }
        for number, (day, seconds, ticket, rush, known) in enumerate(life["entries"])
        if known <= run
    ]
    term = {
        "id": "S", "plan": "plan", "takes": "change", "price": str(life["price"]),
        "discount": life["discount"],
    }  # fmt: skip
    contract = {
        "start": FIRST.isoformat(), "currency": life["currency"], "terms": [term],
    }  # fmt: skip
    return {
        "company": {"quantity_digits": life["digits"], "rounding_method": life["method"]},
        "contracts": [contract],
        "tickets": [{"id": ticket} for ticket in TICKETS],
        "approvals": approvals,
        "entries": entries,
    }


def billed(life: dict[str, Any], setting: Scenario, approvals: list[dict[str, Any]]) -> list[Any]:
    """The results of all runs, each on record for the next."""
    ledger: list[LedgerRow] = []
    results: list[Result] = []
    for number, day in enumerate(RUNS):
        book = fragment_book(facts(life, approvals, number), setting, ledger)
        result = bill(book, day)
        assert not result.parked, result.problems
        results.append(result)
        ledger = [*ledger, *result.settlements]
    return results


def shown(results: list[Any]) -> dict[str, Decimal]:
    """What all lines come to by ticket ("" for all), and all totals under "total"."""
    found = {"": ZERO, "total": ZERO}
    for result in results:
        for draft in result.drafts:
            sign = -1 if draft.kind == "credit_note" else 1
            found["total"] += sign * draft.total
            for line in draft.lines:
                tickets = {name for kind, name in line.label.details if kind == "ticket"}
                for ticket in ("", *tickets):
                    found[ticket] = found.get(ticket, ZERO) + sign * line.amount
    return found


def approved(life: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"tickets": ticket, "state": "approved", "decided_on": "2025-12-01", "limit_amount": limit}
        for ticket, limit in zip(TICKETS, life["limits"], strict=True)
    ]


def positive(life: dict[str, Any]) -> bool:
    """Time that is taken back gives room to other time: what is shown is then another matter."""
    return all(seconds > 0 for _, seconds, *_ in life["entries"])


REQUIRED = [{"id": "A1", "when": {"disposition": "change"}, "require": "approval", "per": "ticket"}]


def worth_of(result: Result, ticket: str) -> Decimal:
    """What the lines of ``ticket`` come to, or their time if that is more."""
    lines = [
        line
        for draft in result.drafts
        for line in draft.lines
        if ("ticket", ticket) in line.label.details
    ]
    shown = sum((max(line.amount, line.exact) for line in lines), ZERO)
    exact = ZERO
    for line in lines:
        seconds = sum(found.rounded for found in line.entries)
        exact += seconds * line.unit_price * (100 - line.discount) / 360000
    return max(shown, exact.quantize(Decimal("1e-6"), ROUND_CEILING))


@FEWER
@given(lives())
def test_no_line_shows_more_than_was_approved(life: dict[str, Any]) -> None:
    count("generated lives: limits in money")
    setting = scenario(REQUIRED, life["rounding"], life["group_by"])
    found = shown(billed(life, setting, approved(life)))
    limits = dict(zip(TICKETS, life["limits"], strict=True))
    assert found[""] <= sum(limits.values())
    assert found["total"] <= sum(limits.values())
    for ticket, limit in limits.items():
        assert found.get(ticket, ZERO) <= limit


@FEWER
@given(lives())
def test_no_line_shows_more_than_a_budget_that_holds(life: dict[str, Any]) -> None:
    budget = {"amount": "contract", "budget": str(life["limits"][0]), "hold": "yes"}
    setting = scenario([{"id": "B1", "watch": budget}], life["rounding"], life["group_by"])
    found = shown(billed(life, setting, []))
    assert found[""] <= life["limits"][0]
    assert found["total"] <= life["limits"][0]


@FEWER
@given(lives())
def test_what_is_worth_no_more_than_its_limit_passes_whole(life: dict[str, Any]) -> None:
    """Approved for what its lines would come to, all of it passes, by one run."""
    if not positive(life) or life["group_by"] != "ticket":
        return
    life = {**life, "entries": [(*entry[:4], 0) for entry in life["entries"]]}
    if life["rounding"] not in ("", "up"):
        life["rounding"] = ""  # asked before it is rounded, time counts as it was worked
    setting = scenario(REQUIRED, life["rounding"], "ticket")
    book = fragment_book(
        facts(life, [{"state": "approved", "decided_on": "2025-12-01"}], 0), setting, []
    )
    free = bill(book, RUNS[-1])
    worth = {ticket: worth_of(free, ticket) for ticket in TICKETS}
    if not all(worth.values()):
        return  # nothing can be approved for nothing
    approvals = [
        {"tickets": ticket, "state": "approved", "decided_on": "2025-12-01",
         "limit_amount": str(amount)}
        for ticket, amount in worth.items()
    ]  # fmt: skip
    found = bill(fragment_book(facts(life, approvals, 0), setting, []), RUNS[-1])
    assert not found.held
    assert [draft.total for draft in found.drafts] == [draft.total for draft in free.drafts]
