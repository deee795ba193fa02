"""Ends that move and lines that are deleted (semantics 14), over lives that are new each time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klausel.charges.stock import HOURS
from klausel.engine import bill
from klausel.ledger import release
from klausel.model import LedgerRow
from klausel.result import Result
from klausel.scenario import fragment_book, read_scenario
from tests.counts import count
from tests.seeds import fresh_one_in
from tests.test_ends import POLICY

START = date(2026, 1, 1)
CENT = Decimal("0.01")


class Kind(NamedTuple):
    """A component, and the months after which each of its periods is over."""

    component: str
    months: int = 1
    worked: bool = True


#: In arrears: what was sold ahead stays sold. The fee's refunds are shares of what was paid.
KINDS = (
    Kind("{pool: {proration: daily, settle: both}}"),
    Kind("{pool: {proration: none, settle: both}}"),
    Kind("{pool: {proration: daily, settle: refund_credit}}", worked=False),
    Kind("{pool: {proration: daily, settle: bill_deficit}}"),
    Kind("{contingent: {proration: daily}}"),
    Kind("{contingent: {proration: none}}"),
    Kind("{quota: {proration: daily}}"),
    Kind("{block: {empty: hold, leftover: refund}}", worked=False),
    Kind("{time: {every: 3 months}}", 3),
    Kind("{fee: {timing: arrears, proration: daily}}", worked=False),
    Kind("{fee: {every: 1 month, proration: daily, refund: daily}}", worked=False),
    Kind("{fee: {every: 12 months, proration: daily, refund: daily}}", 12, worked=False),
)


class Step(NamedTuple):
    """Something that happens: an end is told, time is logged, a run, a line is deleted."""

    what: str
    day: date | None
    number: int = 0


@st.composite
def steps(draw: st.DrawFn, worked: bool) -> list[Step]:
    day, found = date(2026, 1, 20), []
    for _ in range(draw(st.integers(2, 8))):
        some = ["bill", "bill", "adjust", "end", "end", "delete", *["log"] * worked]
        what = draw(st.sampled_from(some))
        if what == "end":
            end = max(day + timedelta(draw(st.integers(-60, 60))), date(2026, 1, 5))
            found.append(Step(what, draw(st.sampled_from((end, end, end, None)))))
        elif what == "log":
            when = day + timedelta(draw(st.integers(0, 8)))
            found.append(Step(what, when, draw(st.sampled_from((1, 2, 4, 6)))))
        elif what == "delete":
            found.append(Step(what, None, draw(st.integers(0, 9))))
        else:
            day += timedelta(draw(st.sampled_from((0, 1, 5, 12, 20, 31, 45))))
            found.append(Step(what, day))
    return found


class Life:
    """One contract, its ledger, and the lines that it was billed."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._scenario = read_scenario(POLICY.replace("COMPONENT", kind.component), "ends")
        self.work: list[Step] = []
        self.end: date | None = None
        self.ledger: list[LedgerRow] = []
        self.refunds = 0

    def run(self, day: date, how: str = "bill") -> Result:
        component = self._kind.component
        term: dict[str, Any] = {"id": "T", "plan": "plan", "price": "90.00"}
        if any(name in component for name in ("{pool", "{contingent", "{block")):
            term["hours"] = "3"
        if "{quota" in component:
            term |= {"requests": "2", "beyond_price": "40.00"}
        contract: dict[str, Any] = {"code": "C1", "start": str(START), "terms": [term]}
        if self.end is not None:
            contract["end"] = str(self.end)
        fragment: dict[str, Any] = {"contracts": [contract]}
        fragment["entries"] = [
            {"id": f"e{number}", "ticket": f"t{number}", "date": str(step.day),
             "hours": str(step.number)}
            for number, step in enumerate(self.work)
        ]  # fmt: skip
        if "{block" in component:
            lot = {"id": "A", "contract": "C1", "term": "T", "date": str(START), "hours": "10"}
            fragment["purchases"] = [lot]
        book = fragment_book(fragment, self._scenario, self.ledger)
        found = bill(book, day, adjust=how == "adjust")
        assert not [one for one in found.problems if one.severity == "error"]
        if how != "preview":
            self.ledger += found.settlements
            self.refunds += sum(
                line.key.group.startswith("refund")
                for draft in found.drafts for line in draft.lines
            )  # fmt: skip
        return found

    def delete(self, number: int) -> None:
        """Deletes a line: what corrects it, or gives some of it back, goes with it."""
        lines = [row.key for row in self.ledger if row.amount is not None and row.state == "live"]
        if not lines:
            return
        line = lines[number % len(lines)]
        gone = {str(line)}
        if not line.sequence:
            groups = {line.group, f"refund {line.group}", f"leftover {line.group}"}
            gone |= {str(key) for key in lines if key[:4] == line[:4] and key.group in groups}
        [self.ledger] = release([self.ledger], gone)

    def drawn_of_last(self) -> int:
        """Seconds that are drawn of the period in which the contract ends."""
        lot = str(self.end.replace(day=1)) if self.end is not None else ""
        return sum(row.drawn for row in self.ledger if row.lot == lot and row.state == "live")

    def granted_of_last(self) -> int:
        """Seconds that this period was billed with."""
        first = self.end.replace(day=1) if self.end is not None else None
        return sum(
            row.rounded
            for row in self.ledger
            if (row.key.period, row.key.group) == (first, HOURS) and row.amount is not None
        )

    @property
    def billed(self) -> Decimal:
        live = (row.amount for row in self.ledger if row.state == "live")
        return sum((amount for amount in live if amount is not None), Decimal(0))


def play(life: Life, known: Iterable[Step]) -> date:
    """The last day of a run."""
    day = START
    for step in known:
        if step.what == "end":
            life.end = step.day
        elif step.what == "log":
            life.work.append(step)
        elif step.what == "delete":
            life.delete(step.number)
        elif step.day is not None:
            day = step.day
            life.run(day, step.what)
            assert not life.run(day, step.what).drafts, step
    return day


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.component)
@fresh_one_in(20)
@given(st.data())
def test_one_adjustment_gives_what_the_last_end_asks_for(kind: Kind, data: st.DataObject) -> None:
    """However often the end moved and whatever lines were deleted: to the cent what a run would
    bill that had known the last end from the start, and nothing is left over."""
    life, fresh = Life(kind), Life(kind)
    day = play(life, data.draw(steps(kind.worked)))
    if life.end is not None:
        day = max(day, life.end + timedelta(1))
    while life.end is None and (day.day != 1 or (day.month - 1) % kind.months):
        day += timedelta(1)
    life.run(day, "adjust")
    for how in ("adjust", "bill", "preview"):
        again = life.run(day, how)
        # Days that were billed apart are rounded apart: at most a cent of a second correction.
        assert all(abs(draft.total) <= CENT for draft in again.drafts), how
        assert not again.drafts or how == "adjust"
        assert not again.differences, how
    fresh.end, fresh.work = life.end, life.work
    fresh.run(day)
    if life.drawn_of_last() > fresh.granted_of_last():
        count("generated lives, new ones: a period keeps what was drawn (semantics 8)")
        return
    # Each refund is a share of what was paid, rounded by itself.
    assert abs(life.billed - fresh.billed) <= CENT * life.refunds
    count("generated lives, new ones: the last end counts, whatever was deleted")
