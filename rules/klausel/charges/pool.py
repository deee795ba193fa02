"""pool: hours per period, offset against the time worked; both sides carry over (semantics 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Literal

from pydantic import Field as ShapeField

from klausel.charges.base import (
    Account,
    Binding,
    Charge,
    Ended,
    Label,
    Offer,
    Parameter,
    Recorded,
    Stand,
    Taken,
    Work,
)
from klausel.charges.contingent import sales
from klausel.charges.stock import (
    DEFICIT,
    HOUR_PARAMETERS,
    BoundStock,
    Events,
    Lot,
    Stock,
    StockShape,
    covered,
    drawn,
)
from klausel.model import Contract, Entry
from klausel.money import quantity, seconds_from_hours
from klausel.period import ONE_DAY, Period
from klausel.shapes import Number

#: Groups of the lines that settle a pool at its end.
SETTLE = "settle"
CREDIT = "settle credit"


class PoolShape(StockShape):
    """Settings of a pool in a plan."""

    carry_periods: int | None = ShapeField(default=None, ge=0, le=1200)
    carry_cap: Number | None = ShapeField(default=None, ge=0)
    deficit_limit: Number | None = ShapeField(default=None, ge=0)
    settle: Literal["none", "bill_deficit", "refund_credit", "both"] = "none"


def _seconds(hours: Decimal | None) -> int | None:
    return None if hours is None else seconds_from_hours(hours)


def _taken_back(
    lost: list[tuple[date, int]], since: date, cost: int
) -> tuple[list[tuple[date, int]], int]:
    """What stays ``lost`` when ``cost`` seconds of it since a day are drawn, and how many were."""
    left, found = [], 0
    for day, seconds in lost:
        back = min(seconds, cost - found) if day >= since else 0
        left.append((day, seconds - back))
        found += back
    return left, found


class BoundPool(BoundStock):
    def open(self, recorded: Recorded, afresh: bool) -> Account:
        return PoolAccount(self, recorded, afresh)


class PoolAccount(Stock):
    """Lots in the order of their periods, and what is owed to them."""

    bound: BoundPool

    def __init__(self, bound: BoundStock, recorded: Recorded, afresh: bool) -> None:
        self._granted: dict[date, int] = {}
        self.deficit = 0
        self._ended = False
        self._settled = 0
        """Seconds of deficit that the end has billed."""
        self._owed_late = 0
        """Seconds that work of this run added to what is owed after the end."""
        self._credit = 0
        self._number: dict[str, int] = {}
        self._late: dict[str, list[tuple[date, int]]] = defaultdict(list)
        """By lot: late draws on record that are still to come, with the days of their entries."""
        self._repaid: defaultdict[str, int] = defaultdict(int)
        """By lot: seconds that made up for a deficit."""
        self._written: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        """By lot: seconds that each draw on record took, with its number there."""
        self._limit = _seconds(bound.shape.deficit_limit)
        self._cap = _seconds(bound.shape.carry_cap)
        super().__init__(bound, recorded, afresh)
        self._granted |= self.granted_on_record()

    # -- what happens by itself --------------------------------------------------------------------

    def events(self) -> Iterator[tuple[date, int, Callable[[], None]]]:
        """Of one moment the settlement comes last."""
        again = [found for group in (SETTLE, CREDIT) if (found := self.put_off(group)) is not None]
        done = sorted((found.end, found) for found in again if found.end is not None)
        for day, phase, act in self._periods():
            while done and (day, phase) > (done[0][0], Events.EVENING):
                yield done[0][0], Events.EVENING, partial(self._end_again, done.pop(0)[1])
            yield day, phase, act
        for last, found in done:
            yield last, Events.EVENING, partial(self._end_again, found)

    def _periods(self) -> Iterator[tuple[date, int, Callable[[], None]]]:
        bound = self.bound
        opened, end = bound.binding.opened, bound.binding.span.last
        settled = end is not None and opened is not None and opened >= end
        if opened is not None and opened < bound.binding.span.first:
            yield opened, Events.EVENING, partial(self._open, -1)
        for number, period in enumerate(bound.all_periods(date.max)):
            if opened is None or period.first > opened:
                yield period.first, Events.MORNING, partial(self._grant, period, number)
            elif period.last >= opened and not settled:
                yield opened, Events.EVENING, partial(self._open, number)
            if opened is None or period.last >= opened:
                yield period.last, Events.EVENING, partial(self._close, period, number)
            if period.last == end:
                yield period.last, Events.EVENING, partial(self._end, period)

    def _open(self, number: int) -> None:
        for row in self.bound.binding.facts.openings:
            if row.seconds < 0:
                self.deficit -= row.seconds
            elif row.seconds:
                first = date.fromordinal(row.date.toordinal() + 1)
                lot = Lot(row.lot or "opening", first, row.valid_until, row.seconds)
                self._number[lot.id] = number
                self.add(lot)

    def _grant(self, period: Period, number: int) -> None:
        early = self.early.get(period.first.isoformat(), 0)
        lot = self.add_lot_of(period, None, self._granted.get(period.first))
        self._number[lot.id] = number
        # Of draws on record those that are still to come: the others are in the lot.
        to_come = max(self.on_record[lot.id] - early, 0)
        self._repay(lot, max(lot.left - to_come, 0))
        self.pay_waiting([lot], period.first)

    def _repay(self, lot: Lot, seconds: int) -> None:
        repaid = min(self.deficit, seconds)
        lot.drawn += repaid
        self._repaid[lot.id] += repaid
        self.deficit -= repaid

    def _repay_from_more(self, part: Taken) -> None:
        """Hours that a period has by now, and had not when ``part`` found none, repay what is owed,
        in all later runs, too (semantics 8)."""
        for lot in self.lots:
            if self._over(lot):
                continue
            new = lot.left - max(self.on_record[lot.id] - self.made[lot.id], 0)
            if new <= 0:
                continue
            before = sum(cost for number, cost in self._written[lot.id] if number < part.number)
            new = min(new, lot.granted - self._repaid[lot.id] - before)
            if new > 0 and self._pays(lot, part, new):
                self._repay(lot, new)

    def _pays(self, lot: Lot, part: Taken, left: int) -> bool:
        """Whether ``left`` seconds are more than rounding left over beside ``part``."""
        factor = part.work.hours_factor
        found, _ = covered(part.rounded, left, factor)
        rounded, cost = self.paid_to.get((part.work.entry.id, lot.id), (0, 0))
        return found > 0 and drawn(rounded + found, factor) - cost <= left

    def _too_much_repaid(self) -> None:
        """Negative work on record lessened what more hours have repaid since: they are left."""
        for lot in reversed(self.lots):
            back = min(-self.deficit, self._repaid[lot.id])
            if back <= 0:
                continue
            lot.drawn -= back
            self._repaid[lot.id] -= back
            self.deficit += back

    def _close(self, period: Period, number: int) -> None:
        """First ageing, then the limit on what is carried (semantics 5)."""
        keep = self.bound.shape.carry_periods
        for lot in self.lots:
            if keep is not None and lot.last is None and self._number[lot.id] + keep <= number:
                lot.last = period.last
        if self._cap is None:
            return
        kept = [lot for lot in self.lots if lot.last is None or lot.last > period.last]
        excess = sum(lot.left for lot in kept) - self._cap
        for lot in kept:
            lost = max(min(excess, lot.left), 0)
            lot.lost.append((period.last, lost))
            excess -= lost

    def _end(self, period: Period) -> None:
        """The last period is closed; what would have been carried is settled."""
        self._ended = True
        settle = self.bound.shape.settle
        if settle in ("bill_deficit", "both"):
            self._settled, self.deficit = self._settled + self.deficit, 0
        for lot in self.lots:
            if lot.last is not None and lot.last <= period.last:
                continue
            if settle in ("refund_credit", "both"):
                left = max(lot.left - self._due_from(lot), 0)
                self._credit += left
                lot.refunded += left
            lot.last = period.last

    def _end_again(self, before: Ended) -> None:
        """What is on record as settled at an end that is put off."""
        if before.rows[0].key.group == SETTLE:
            billed = min(sum(row.rounded for row in before.rows), self.deficit)
            self._settled += billed
            self.deficit -= billed
            return
        back = before.seconds(sum(lot.left for lot in self.lots), self.bound.binding.term.discount)
        for lot in reversed(self.lots):  # a limit on carrying over took the oldest
            found = min(back, max(lot.left - self._due_from(lot), 0))
            lot.refunded += found
            back -= found

    def _due_from(self, lot: Lot) -> int:
        """Seconds that draws on record will take from what ``lot`` has left: late ones take back
        first what had been lost, and then what late corrections gave back."""
        due, lost = self.on_record[lot.id] - self.made[lot.id], list(lot.lost)
        for since, cost in self._late[lot.id]:
            lost, found = _taken_back(lost, since, cost)
            due -= found
        return max(due, 0)

    # -- work --------------------------------------------------------------------------------------

    def expect(
        self, lot: str, cost: int, entry: Entry, rounded: int, late: bool, number: int
    ) -> None:
        super().expect(lot, cost, entry, rounded, late, number)
        self._written[lot].append((number, cost))
        if late and cost > 0:
            self._late[lot].append((entry.date, cost))

    def forget(self, part: Taken) -> None:
        super().forget(part)
        if part.counted is not None and part.drawn > 0:
            self._late[part.lot].remove((part.work.entry.date, part.drawn))

    def offer(self, work: Work, day: date, late: bool) -> Offer:
        if work.rounded < 0:
            return self._give_back(work, self.returnable(work), day, late)
        in_place = not late and day == work.entry.date
        if in_place or not work.rounded:
            return super().offer(work, day, late)
        # Hours that expired on the entry's day or after it pay first (semantics 8).
        found_in: dict[str, Taken] = {}  # of each lot one part: two would be one row on record
        rest = work.rounded
        for lot in self.lots:
            gone = self._gone(lot, work.entry.date) - self.expected.get(lot.id, 0)
            if gone <= 0:
                continue
            found, cost = covered(rest, gone, work.hours_factor)
            if found:
                self._take_back(lot, work.entry.date, cost)
                day_ = work.entry.date
                lost = sum(lost for day, lost in lot.lost if day >= day_)
                found_in[lot.id] = self.part(work, found, lot, cost, day_, lost)
                rest -= found
        for lot in self.drawable(work, day, late):
            part = self.draw(lot, work, rest, day, work.entry.date)
            if part is not None:
                rest -= part.rounded
                before = found_in.get(lot.id)
                if before is not None:
                    both = before.rounded + part.rounded, before.drawn + part.drawn
                    part = part._replace(rounded=both[0], drawn=both[1])
                found_in[lot.id] = part
        return self.rest(work, rest, day, late, [*found_in.values()])

    def _gone(self, lot: Lot, since: date) -> int:
        found = sum(lost for day, lost in lot.lost if day >= since)
        if lot.last is not None and lot.last >= since and self._over(lot):
            found += max(lot.left, 0)
        return found

    def _take_back(self, lot: Lot, since: date, cost: int) -> None:
        lot.drawn += cost
        lot.lost, _ = _taken_back(lot.lost, since, cost)

    def _over(self, lot: Lot) -> bool:
        return lot.last is not None and lot.last <= self.reached

    def drawable(self, work: Work, day: date, late: bool) -> list[Lot]:
        if late:
            return [lot for lot in self.lots if not self._over(lot)]
        return [lot for lot in self.lots if lot.last is None or lot.last >= day]

    def returnable(self, work: Work) -> list[Lot]:
        """Lots that were good on the day of negative work, in the order of their use."""
        day = work.entry.date
        return [lot for lot in self.lots if lot.first <= day and (not lot.last or lot.last >= day)]

    def rest(self, work: Work, rest: int, day: date, late: bool, taken: list[Taken]) -> Offer:
        if rest < 0:
            billed = self._settled if self._ended else 0
            owed = self.returnable_of(work, DEFICIT, self.deficit + billed)
            found, cost = covered(-rest, owed, work.hours_factor)
            if found:
                self._owe(-cost)
                taken = [*taken, self._owed(work, -found, -cost)]
                rest += found
        elif rest > 0:
            found, cost = rest, drawn(rest, work.hours_factor)
            if self._limit is not None:
                owed = self.deficit + self._settled + self.expected.get(DEFICIT, 0)
                room = max(self._limit - owed, 0)
                found, cost = covered(rest, room, work.hours_factor)
            if found:
                self.deficit += cost
                taken = [*taken, self._owed(work, found, cost)]
                rest -= found
        elif not taken:
            return Offer((self._owed(work, 0, 0),), 0)
        if not rest:
            return Offer(tuple(taken), 0)
        return super().rest(work, rest, day, late, taken)

    def _owe(self, cost: int) -> None:
        """Adds to what is owed; below nothing it lessens what an end that is over has billed."""
        self.deficit += cost
        billed = min(-self.deficit, self._settled) if self._ended else 0
        if billed > 0:
            self._settled -= billed
            self.deficit += billed

    def _owed(self, work: Work, rounded: int, cost: int) -> Taken:
        """A part that adds to the deficit, which has it already."""
        if self._ended:
            self._owed_late += cost
        return self._part(work, rounded, DEFICIT, cost, work.entry.date, -self.deficit)

    def force(self, part: Taken) -> Taken:
        if part.lot == DEFICIT:
            self.forget(part)
            self._owe(part.drawn)
            done = self.forced(part, -self.deficit)
            if part.drawn > 0:
                self._repay_from_more(part)
            elif self.deficit < 0:
                self._too_much_repaid()
            return done
        found = next((lot for lot in self.lots if lot.id == part.lot), None)
        if part.counted is None or found is None or part.drawn <= 0:
            return super().force(part)
        self.forget(part)
        # A late draw took back first what a limit on carrying over had taken away.
        self._take_back(found, part.work.entry.date, part.drawn)
        return self.forced(part, found.left)

    # -- lines and balances ------------------------------------------------------------------------

    def singles(self, as_of: date) -> Iterator[Charge]:
        yield from sales(self, as_of, self._granted)
        if self.over(as_of):
            yield from self._settlement()
            return
        for group, phrase in ((SETTLE, "deficit"), (CREDIT, "credit")):
            found = self.taken_back(group, phrase, as_of)
            if found is not None:
                back = group == CREDIT
                yield found._replace(cumulative=not back, credit=back, beside=back)

    def _settlement(self) -> Iterator[Charge]:
        """The lines that settle the pool when its term is over."""
        bound = self.bound
        end = bound.binding.span.last
        assert end is not None
        last = bound.period(end)
        assert last is not None
        digits = bound.binding.quantity_digits
        settle = bound.shape.settle
        bills = settle in ("bill_deficit", "both")
        owed = self._settled + (self.deficit if bills else 0)
        known = {row.key.group for row in self.recorded}
        charge = Charge(
            last, SETTLE, end + ONE_DAY, Label(last.first, last.last, (("phrase", "deficit"),)),
            quantity(owed, digits), "hour", bound.binding.value("price", last.first),
            granted=owed, cumulative=True, of_late=self._owed_late if bills else 0,
            of_end=True, end=end,
            waits=self.put_off(SETTLE) is not None or self.put_off(CREDIT) is not None,
        )  # fmt: skip
        if owed or SETTLE in known:
            yield charge
        back = quantity(self._credit, digits)
        if back or CREDIT in known:
            yield charge._replace(
                group=CREDIT, label=charge.label._replace(details=(("phrase", "credit"),)),
                quantity=back, granted=-self._credit,
                cumulative=False, credit=True, beside=True,
            )  # fmt: skip

    def balances(self, as_of: date) -> Iterator[Stand]:
        yield from super().balances(as_of)
        billed = self._ended and self.bound.shape.settle in ("bill_deficit", "both")
        if self.deficit and not billed:
            yield Stand(DEFICIT, 0, 0, 0, 0, 0, self.deficit)


class Pool:
    """The charge shape."""

    kind = "pool"
    shape = PoolShape

    def takes_time(self, shape: PoolShape, contract: Contract) -> bool:
        return True

    def parameters(self, shape: PoolShape) -> tuple[Parameter, ...]:
        return HOUR_PARAMETERS

    def bind(self, shape: PoolShape, binding: Binding) -> BoundPool:
        return BoundPool(shape, binding)


COMPONENT = Pool()
