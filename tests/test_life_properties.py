"""What is always true (semantics 7), over generated lives of every contract model."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from klausel.charges.pool import SETTLE
from klausel.engine import Matchers, bill
from klausel.formats.json import result_data
from klausel.matching import reference
from klausel.model import Book, LedgerRow
from klausel.money import ZERO
from klausel.period import add_months
from klausel.policy import Policy, policy_at
from klausel.result import Result
from klausel.scenario import RunShape, Scenario, ScenarioShape, fragment_book, merged
from klausel.tree import Tree
from tests.counts import count
from tests.oracle.lives import lives

NOWHERE = Tree(None, {}, ())
#: The matchers are compared elsewhere; here the quick one will do.
QUICK = Matchers(main=reference.ReferenceMatcher, check=reference.ReferenceMatcher)
LAST = date(2029, 4, 15)
#: A life is many runs: a quarter as many of them take as long as the other properties.
FEWER = settings(max_examples=settings.default.max_examples // 4)


class Life:
    """A generated life with all its facts, or as they were known at each run."""

    def __init__(self, data: dict[str, Any]) -> None:
        policy = policy_at(NOWHERE, {"policy": "p", "version": "1", **data["policy"]}, (), "hash")
        assert isinstance(policy, Policy), [str(problem) for problem in policy]
        self._scenario = Scenario(ScenarioShape(title="", runs=[]), NOWHERE, (policy,))
        self._fragment: dict[str, Any] = dict(data["book"])
        self._runs = [RunShape.model_validate(run) for run in data["runs"]]

    @property
    def known(self) -> dict[str, Any]:
        """All facts, those that arrive before the last run included."""
        fragment = self._fragment
        for run in self._runs:
            fragment = merged(fragment, run)
        return fragment

    def history(self) -> Iterator[tuple[RunShape, dict[str, Any]]]:
        fragment = self._fragment
        for run in self._runs:
            fragment = merged(fragment, run)
            yield run, fragment

    def book(self, fragment: dict[str, Any], ledger: Iterable[LedgerRow] = ()) -> Book:
        return fragment_book(fragment, self._scenario, list(ledger))


def run(book: Book, as_of: date, adjust: bool = False) -> Result:
    result = bill(book, as_of, matchers=QUICK, adjust=adjust)
    assert not result.parked, result.problems
    return result


def signed(result: Result) -> Counter[tuple[Any, ...]]:
    """Lines by what they bill, credits negative, whatever draft they are on."""
    return Counter(
        (
            row.key._replace(sequence=0),
            row.rate,
            row.amount,
            row.rounded,
        )
        for row in result.settlements
        if row.amount is not None
    )


def together(lines: Counter[tuple[Any, ...]]) -> Counter[tuple[Any, ...]]:
    """``lines`` as :func:`signed`, where what is owed behind the end of a pool has a line in each
    run (semantics 14): of these the sums."""
    found: Counter[tuple[Any, ...]] = Counter()
    sums: dict[tuple[Any, ...], tuple[Decimal, int]] = {}
    for (key, rate, amount, rounded), number in lines.items():
        if key.group == SETTLE:
            before = sums.get((key, rate), (ZERO, 0))
            sums[key, rate] = before[0] + amount * number, before[1] + rounded * number
        else:
            found[key, rate, amount, rounded] += number
    return found + Counter((*place, *total) for place, total in sums.items())


@FEWER
@given(lives())
def test_every_second_is_somewhere(data: dict[str, Any]) -> None:
    """Item 1, at every run of a life."""
    count("generated lives: item 1, every second is somewhere")
    life = Life(data)
    ledger: list[LedgerRow] = []
    for shape, fragment in life.history():
        book = life.book(fragment, ledger)
        result = run(book, shape.as_of)
        changed = {found.entry for found in result.differences}
        worked = {entry.id: entry.seconds for entry in book.entries if entry.date <= shape.as_of}
        assert {found.entry for found in result.entries} == set(worked)
        for entry, parts in result.entries:
            if entry not in changed:
                assert sum(part.seconds for part in parts) == worked[entry], (entry, parts)
            for part in parts:
                assert part.rule or part.uncovered or part.disposition == "billed_elsewhere"
        assert sum(found.seconds for found in result.held) == sum(
            part.rounded for _, parts in result.entries for part in parts if part.held
        )
        if shape.do == "bill":
            ledger += result.settlements


@FEWER
@given(lives(), st.integers(0, 40))
def test_lots_add_up_every_day(data: dict[str, Any], offset: int) -> None:
    """Item 2: granted = drawn + expired + refunded + remaining, never below zero."""
    count("generated lives: item 2, lots add up")
    life = Life(data)
    ledger: list[LedgerRow] = []
    for shape, fragment in life.history():
        for day in (shape.as_of + timedelta(days=offset), shape.as_of):
            result = run(life.book(fragment, ledger), day)
            for lot in result.balances:
                assert lot.granted == lot.drawn + lot.expired + lot.refunded + lot.remaining, lot
                assert lot.remaining >= 0, lot
                assert lot.expired >= 0, lot
                assert lot.drawn >= 0, lot
                assert lot.deficit >= 0, lot
        if shape.do == "bill":
            ledger += result.settlements


@FEWER
@given(lives())
def test_running_again_changes_nothing(data: dict[str, Any]) -> None:
    """Item 3, at every run of a life."""
    count("generated lives: item 3, running again")
    life = Life(data)
    ledger: list[LedgerRow] = []
    for shape, fragment in life.history():
        first = run(life.book(fragment, ledger), shape.as_of)
        ledger += first.settlements
        again = run(life.book(fragment, ledger), shape.as_of)
        assert not again.drafts
        assert not again.settlements
        assert not again.notices
        assert again.differences == first.differences
        assert again.balances == first.balances
        assert shown(again) == shown(first)
        unique = Counter((row.key, row.entry, row.lot) for row in ledger)
        assert max(unique.values(), default=1) == 1


def shown(result: Result) -> dict[str, Counter[tuple[Any, ...]]]:
    """Parts without what a run adds to them: pieces of one fate are together."""
    found: dict[str, Counter[tuple[Any, ...]]] = {}
    for entry, parts in result.entries:
        sums = found[entry] = Counter()
        for part in parts:
            same = (part.disposition, part.rule, part.contract, part.term, part.lot, part.held)
            sums[(*same, "seconds")] += part.seconds
            sums[(*same, "rounded")] += part.rounded
    return found


def facts_of(result: Result) -> dict[str, Any]:
    """A result without the lines of the book that warnings name: these move with the rows."""
    data = result_data(result)
    return {**data, "problems": sorted(found["message"] for found in data["problems"])}


@FEWER
@given(lives(), st.randoms(use_true_random=False))
def test_order_and_the_future_do_not_matter(data: dict[str, Any], chance: random.Random) -> None:
    """Item 3: rows in any order; facts dated after ``as_of`` are as if they were not there."""
    count("generated lives: item 3, order and future")
    life = Life(data)
    fragment = life.known
    as_of = max(shape.as_of for shape, _ in life.history()) - timedelta(days=100)
    expected = facts_of(run(life.book(fragment), as_of))
    mixed = {
        name: chance.sample(rows, len(rows)) if isinstance(rows, list) else rows
        for name, rows in fragment.items()
    }
    assert facts_of(run(life.book(mixed), as_of)) == expected
    past = dict(fragment)
    for name in ("entries", "purchases", "items", "acceptances"):
        past[name] = [row for row in fragment.get(name, []) if row["date"] <= as_of.isoformat()]
    known = {row["id"] for row in past["entries"]}
    if "overrides" in past:
        past["overrides"] = [row for row in past["overrides"] if row["entry"] in known]
    assert facts_of(run(life.book(past), as_of)) == expected


def test_a_doubt_about_a_day_to_come_is_not_said() -> None:
    """Item 3: a warning is a fact of its day, too."""
    entries = [
        {"id": f"e{number}", "date": "2026-03-05", "hours": "13", "employee": "u1"}
        for number in (1, 2)
    ]
    book = {"employees": [{"id": "u1"}], "entries": entries}
    scope = {"otherwise": {"then": "service", "because": "o"}}
    plans = {"p": {"title": "p", "components": [{"time": {}}]}}
    data = {"policy": {"scope": scope, "plans": plans}, "book": book, "runs": []}
    life = Life(data)

    def codes(day: date) -> list[str]:
        return [found.code for found in run(life.book(life.known), day).problems]

    assert codes(date(2026, 3, 4)) == []
    assert codes(date(2026, 3, 5)) == ["entry-long-day"]


@FEWER
@given(lives())
def test_month_by_month_equals_catch_up(data: dict[str, Any]) -> None:
    """Item 3: if every fact is known in time, a run each month bills what one late run bills."""
    count("generated lives: item 3, month by month")
    life = Life(data)
    fragment = life.known
    ledger: list[LedgerRow] = []
    monthly: Counter[tuple[Any, ...]] = Counter()
    day = date(2027, 12, 1)
    while day <= LAST:
        result = run(life.book(fragment, ledger), day)
        monthly += signed(result)
        ledger += result.settlements
        assert not result.differences, (day, result.differences)
        day = add_months(day, 1)
    result = run(life.book(fragment, ledger), LAST)
    monthly += signed(result)
    whole = run(life.book(fragment), LAST)
    assert together(monthly) == together(signed(whole))
    assert result.balances == whole.balances
    assert shown(result) == shown(whole)


@FEWER
@given(lives())
def test_the_record_is_never_redone(data: dict[str, Any]) -> None:
    """Item 5: whatever happens to entries later, what is on record stays, unless adjusted."""
    count("generated lives: item 5, the record stands")
    life = Life(data)
    fragment = life.known
    first = run(life.book(fragment), date(2028, 9, 1))
    changed = [
        {**row, "hours": "3"} if number % 2 else row
        for number, row in enumerate(fragment.get("entries", []))
    ]
    other = {**fragment, "entries": changed}
    second = run(life.book(other, first.settlements), LAST)
    before = {(row.key, row.entry, row.lot) for row in first.settlements}
    assert not before & {(row.key, row.entry, row.lot) for row in second.settlements}


@FEWER
@given(lives())
def test_adjusting_gives_what_a_fresh_bill_would(data: dict[str, Any]) -> None:
    """Item 5 and section 8: hours of half the entries change, an adjustment makes up for it."""
    life = Life(data)
    fragment = life.known
    as_of = max(shape.as_of for shape, _ in life.history())
    first = run(life.book(fragment), as_of)
    other = {
        **fragment,
        "entries": [
            {**row, "hours": "3"} if number % 2 else row
            for number, row in enumerate(fragment.get("entries", []))
        ],
    }
    fresh = run(life.book(other), as_of)
    ledger = [*first.settlements]
    adjusted = run(life.book(other, ledger), as_of, adjust=True)
    ledger += adjusted.settlements
    unique = Counter((row.key, row.entry, row.lot) for row in ledger)
    assert max(unique.values(), default=1) == 1
    if any("+" in lot.lot for lot in first.balances):
        return  # a lot that was topped up stays bought
    limits = ("limit_hours", "limit_amount")
    if any(limit in row for row in fragment.get("approvals", ()) for limit in limits):
        return  # what passed and did not change keeps its approvals (docs/decisions.md)
    count("generated lives: an adjustment makes up for what changed")
    assert amounts(ledger) == amounts(fresh.settlements)
    count("generated lives: a second adjustment writes nothing")
    again = run(life.book(other, ledger), as_of, adjust=True)
    assert not again.drafts
    assert not again.settlements
    assert not again.differences


def amounts(rows: Iterable[LedgerRow]) -> dict[tuple[str, str, str], Any]:
    """What was billed by contract, term and component."""
    sums: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        if row.amount is not None:
            sums[row.key[:3]] += row.amount  # type: ignore[assignment]
    return {key: amount for key, amount in sums.items() if amount}
