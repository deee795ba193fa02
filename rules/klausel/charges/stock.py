"""Balances: lots of hours, what is drawn from them, and what waits for more (semantics 5).

Contingent, quota, pool and block have this in common. An account belongs to one simulation: it
is driven forward day by day, never back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Literal

from pydantic import Field as ShapeField
from pydantic import model_validator

from klausel.charges.base import (
    ONE,
    Binding,
    Charge,
    Ended,
    Label,
    Offer,
    Parameter,
    Recorded,
    Stand,
    Taken,
    Warned,
    Work,
    by_group,
)
from klausel.charges.fee import check_every
from klausel.charges.rates import RateCard, Rates, RatesShape
from klausel.model import Entry, LedgerKey, made
from klausel.money import (
    ZERO,
    multiply,
    quantity,
    round_half_up,
    seconds_from_hours,
    share,
    shortest,
)
from klausel.period import ONE_DAY, Align, Period, Span, period_of, periods
from klausel.shapes import Months, Shape, complain

Beyond = Literal["bill", "hold", "next"]

#: Lot of work that no hours have paid yet.
DEFICIT = "deficit"
#: Group of the line that sells a period's hours.
HOURS = "hours"
BEYOND = "beyond "


class BalancedShape(Shape):
    """Of components that keep a balance."""


class StockShape(BalancedShape):
    """Words that contingent, quota and pool share."""

    every: Months = 1
    align: Align = "calendar"
    timing: Literal["advance", "arrears"] = "arrears"
    lead_days: int = ShapeField(default=0, ge=0, le=366)
    proration: Literal["none", "daily"]
    beyond: Beyond = "bill"
    rates: Rates = RatesShape()

    @model_validator(mode="after")
    def _fits(self) -> StockShape:
        check_every(self.every, self.align)
        if self.lead_days and self.timing != "advance":
            raise complain(
                "lead_days goes with timing: advance",
                "remove it, or write timing: advance",
                "lead_days",
            )
        return self


HOUR_PARAMETERS = (
    Parameter("hours", "hours per period", '"10"', type="hours"),
    Parameter("price", "price per hour, net", '"95.00"'),
    Parameter("beyond_price", "price per hour beyond them, net", '"110.00"', required=False),
)


class Lot:
    """Hours with a validity of their own, in seconds."""

    __slots__ = (
        "agreed", "drawn", "first", "granted", "id", "last", "lost", "order", "price", "refunded",
    )  # fmt: skip

    def __init__(
        self,
        id_: str,
        first: date,
        last: date | None,
        granted: int,
        price: Decimal = ZERO,
        order: tuple[Any, ...] = (),
    ) -> None:
        self.id = id_
        self.first = first
        self.last = last
        self.granted = granted
        self.price = price
        self.order = order
        self.drawn = 0
        self.refunded = 0
        self.agreed: int | None = None
        """Seconds of a period that is not sold yet; it has more where more were drawn of it."""
        self.lost: list[tuple[date, int]] = []
        """Seconds that a limit on carrying over took away, with the day at whose end it did."""

    @property
    def left(self) -> int:
        """Seconds that nobody has had, expired or not."""
        left = self.granted - self.drawn - self.refunded
        return left - sum([lost for _, lost in self.lost]) if self.lost else left

    def good(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)

    def stand(self, as_of: date) -> Stand:
        left = self.left
        over = self.last is not None and self.last < as_of
        lost = sum(lost for day, lost in self.lost if day < as_of)
        kept = sum(lost for day, lost in self.lost if day >= as_of)
        return Stand(
            self.id,
            self.granted,
            self.drawn,
            lost + (left if over else 0),
            self.refunded,
            kept + (0 if over else left),
            0,
            self.first,
            self.last,
        )


def covered(wanted: int, left: int, factor: Decimal) -> tuple[int, int]:
    """Of ``wanted`` rounded seconds: those that ``left`` pays for, and what they draw."""
    if factor == ONE:
        found = min(wanted, left)
        return found, found
    whole = drawn(wanted, factor)
    if whole <= left:
        return wanted, whole
    # The largest number of seconds whose draw, rounded half up, is within what is left.
    found = int((Decimal(left) / factor).to_integral_value(ROUND_FLOOR)) + 1
    while drawn(found, factor) > left:
        found -= 1
    return found, drawn(found, factor)


def drawn(seconds: int, factor: Decimal) -> int:
    """What ``seconds`` of work cost a balance."""
    return seconds if factor == ONE else int(round_half_up(multiply(seconds, factor), 0))


class BoundStock:
    """What the bound components with balances share: periods, rates, the lines beyond."""

    unit: Literal["hour", "piece"] = "hour"

    def __init__(self, shape: Any, binding: Binding) -> None:
        self.shape = shape
        self.binding = binding
        self.card = RateCard(shape.rates, binding, own_price=False)
        self._last: Period | None = None

    # -- periods -----------------------------------------------------------------------------------

    def period(self, day: date) -> Period | None:
        last = self._last
        if last is not None and last.first <= day <= last.last:
            return last  # entries come in the order of days
        span = self.binding.span
        if not span.covers(day):
            return None
        self._last = self._cut(day, span)
        return self._last

    def _cut(self, day: date, span: Span) -> Period:
        return period_of(day, span, self.shape.every, self.shape.align, span.first)

    def all_periods(self, until: date) -> Iterator[Period]:
        span = self.binding.span
        yield from periods(span, self.shape.every, self.shape.align, span.first, until)

    def due_periods(self, as_of: date) -> Iterator[tuple[Period, date]]:
        """When time is settled: the day after each period's last day."""
        for period in self.all_periods(as_of):
            due = period.last + ONE_DAY
            if due > as_of:
                return
            yield period, due

    def as_billed(self, period: Period, last: date) -> Period:
        return period

    def pieces(
        self, period: Period, recorded: Recorded, whole: bool = True
    ) -> Sequence[tuple[Period, bool]] | None:
        return None

    def due_of(self, period: Period) -> date:
        """When the hours of ``period`` themselves are due."""
        if self.shape.timing == "advance":
            return date.fromordinal(period.first.toordinal() - self.shape.lead_days)
        return period.last + ONE_DAY

    # -- prices ------------------------------------------------------------------------------------

    def rate(self, work: Work) -> Decimal | None:
        beyond = self.binding.parameters.get("beyond_price")
        found = beyond.on(work.entry.date) if beyond is not None else None
        if found is None:
            found, _ = self.card.plain(work)
        if found is None and self.unit == "hour":
            found = self.binding.parameters["price"].on(work.entry.date)
        if found is None:
            return None
        return self.binding.hour_price(found, work)

    includes = False

    @property
    def bills_time(self) -> bool:
        return bool(self.shape.beyond == "bill")

    def line_of(self, work: Work) -> str:
        return ""

    def rate_again(self, work: Work, was: Decimal) -> Decimal | None:
        return self.rate(work)

    def take(self, work: Work) -> Taken | None:
        return None

    def beyond(self, work: Work, rounded: int, day: date) -> Taken | None:
        """Time that is billed here because no hours are left."""
        rate = self.rate(work)
        period = self.period(day)
        if rate is None or period is None:
            return None
        return Taken(work, work.seconds, rounded, period, BEYOND + shortest(rate), rate)

    def charges(self, period: Period, due: date, taken: Iterable[Taken]) -> Iterator[Charge]:
        """Lines for time beyond the hours, one a price."""
        groups: dict[str, list[Taken]] = {}
        for part in taken:
            if part.rate is not None:
                groups.setdefault(part.group, []).append(part)
        for group, parts in groups.items():
            if seconds := sum([part.rounded for part in parts]):
                yield Charge(
                    period,
                    group,
                    due,
                    Label(period.first, period.last, (("phrase", "beyond"),)),
                    quantity(seconds, self.binding.quantity_digits),
                    "hour",
                    parts[0].rate or ZERO,
                    tuple(parts),
                )

    def singles(self, as_of: date, recorded: Recorded) -> Iterator[Charge]:
        return iter(())

    # -- the hours of a period ---------------------------------------------------------------------

    def hours_of(self, period: Period) -> int:
        """Seconds that ``period`` grants: a part of them where it is cut and prorated."""
        digits = self.binding.quantity_digits
        hours = self.binding.value(self.amount_word, period.first)
        if period.partial and self.shape.proration == "daily":
            hours = round_half_up(share(hours, period.days, period.grid_days), digits)
        return seconds_from_hours(hours)

    amount_word = "hours"

    def sale(self, period: Period, granted: int) -> Charge:
        """The line that sells the hours of ``period``."""
        binding = self.binding
        return Charge(
            period,
            HOURS,
            self.due_of(period),
            Label(period.first, period.last),
            quantity(granted, binding.quantity_digits),  # a request counts as much as an hour
            self.unit,
            binding.value("price", period.first),
            granted=granted,
            each_period=True,
        )


class Events:
    """Things that happen by themselves, in the order of their days; evening after morning."""

    MORNING, EVENING = 1, 2

    def __init__(self) -> None:
        self._now = (date.min, 0)
        self._source: Iterator[tuple[date, int, Callable[[], None]]] = iter(())
        self._next: tuple[date, int, Callable[[], None]] | None = None

    def feed(self, source: Iterator[tuple[date, int, Callable[[], None]]]) -> None:
        self._source = source
        self._next = next(source, None)

    def until(self, day: date, phase: int) -> None:
        if (day, phase) <= self._now:
            return
        self._now = (day, phase)
        while self._next is not None and self._next[:2] <= (day, phase):
            act = self._next[2]
            act()
            self._next = next(self._source, None)


class Stock:
    """An account: lots, waiting work, and the day that it has reached."""

    def __init__(self, bound: BoundStock, recorded: Recorded, afresh: bool) -> None:
        self.bound = bound
        self.recorded = recorded
        self._afresh = afresh
        self._by_group = by_group(recorded)
        self.lots: list[Lot] = []
        self.waiting: list[Work] = []
        self.paid: list[tuple[Work, Taken]] = []
        self.early: dict[str, int] = {}
        """By lot: seconds that waiting work on record drew from it, before its day is reached."""
        self.expected: dict[str, int] = {}
        """By lot: seconds that draws on record will take from it, later in this simulation."""
        self.own_back: defaultdict[tuple[str, str], int] = defaultdict(int)
        """By entry and lot: seconds that it gives back on record, later in this simulation."""
        self.paid_to: dict[tuple[str, str], tuple[int, int]] = {}
        """By entry and lot: rounded seconds that are paid on record, and what they drew."""
        self.on_record: defaultdict[str, int] = defaultdict(int)
        """By lot: seconds that are drawn on record, less those given back."""
        self.made: defaultdict[str, int] = defaultdict(int)
        """Of :attr:`on_record` what is done so far in this simulation."""
        self.kept: defaultdict[str, int] = defaultdict(int)
        """By lot: seconds that are drawn on record by work that is done again."""
        self.redrawn: defaultdict[str, int] = defaultdict(int)
        """By lot: seconds that this run draws, less those that it gives back."""
        self._resold: dict[date, int] = {}
        """By first day of the period: seconds that its hours are corrected to."""
        self.waited: set[str] = set()
        """Entries of which a correction waits on record."""
        self.reached = date.min
        """The last day that is over."""
        self._turns = 0
        self._morning = date.min
        self._events = Events()
        self._events.feed(self.events())

    def events(self) -> Iterator[tuple[date, int, Callable[[], None]]]:
        """What happens by itself, oldest first."""
        return iter(())

    def put_off(self, group: str) -> Ended | None:
        """What is on record of ``group`` where it follows from an end that is not the end any
        more: until that is adjusted, hours that went back stay gone (semantics 14)."""
        found, end = self._by_group.get(group), self.bound.binding.span.last
        if self._afresh or found is None or found.end is None:
            return None
        return found if end is None or end > found.end else None

    def over(self, as_of: date) -> bool:
        """Whether the term is over on ``as_of``."""
        end = self.bound.binding.span.last
        return end is not None and end < as_of

    def taken_back(self, group: str, phrase: str, as_of: date) -> Charge | None:
        """The line of ``group``, on record, as nothing: what it followed from is not the end."""
        found = self._by_group.get(group)
        if found is None or (found.end is not None and found.end >= as_of):
            return None  # a run that looks back knows nothing of it
        row = found.rows[0]
        day = found.end or row.key.period
        return Charge(
            Period(row.key.period, day, row.key.period, day),
            group,
            min(day + ONE_DAY, as_of),
            Label(row.key.period, day, (("phrase", phrase),)),
            ZERO,
            "hour",
            row.rate or ZERO,
            of_end=True,
        )

    def morning(self, day: date) -> None:
        if day == self._morning:
            return  # most days have several entries
        self._morning = day
        self._events.until(day, Events.MORNING)
        self.reached = max(self.reached, day - ONE_DAY)

    def resold(self, key: LedgerKey, seconds: int) -> None:
        if key.group == HOURS:
            self._resold[key.period] = seconds

    def evening(self, day: date) -> None:
        self._events.until(day, Events.EVENING)
        self.reached = max(self.reached, day)

    # -- drawing -----------------------------------------------------------------------------------

    def drawable(self, work: Work, day: date, late: bool) -> list[Lot]:
        """Lots that may pay for ``work``, in the order in which they are drawn."""
        raise NotImplementedError

    def offer(self, work: Work, day: date, late: bool) -> Offer:
        lots = self.drawable(work, day, late)
        rest, home = work.rounded, work.entry.date
        if rest < 0:
            return self._give_back(work, lots, day, late)
        if not rest and lots:
            # An entry without time is settled where it would have been drawn.
            return Offer((self.part(work, 0, lots[0], 0, home),), 0)
        taken: list[Taken] = []
        for lot in lots:
            found = self.draw(lot, work, rest, day, home)
            if found is not None:
                taken.append(found)
                rest -= found.rounded
        if not rest and taken:
            return made(Offer, (tuple(taken), 0, False))
        return self.rest(work, rest, day, late, taken)

    def grant_of(self, period: Period) -> int:
        """Seconds that ``period`` grants: where an end cut it later, no fewer than were drawn."""
        lot = period.first.isoformat()
        return max(self.bound.hours_of(period), self.on_record[lot] + self.kept[lot])

    def grant_in_the_end(self, period: Period) -> int:
        """As :meth:`grant_of`, after all that this run does was done."""
        lot = period.first.isoformat()
        return max(self.bound.hours_of(period), self.on_record[lot] + self.redrawn[lot])

    def do_again(self, lot: str, cost: int, entry: Entry) -> None:
        self.kept[lot] += max(cost, 0)

    def granted(self, period: Period, known: int | None) -> int:
        """Seconds that the lot of ``period`` has; ``known`` are on record. None of what an earlier
        end took back is there before an adjustment bills it again."""
        if period.first in self._resold:
            return self._resold[period.first]
        return self.grant_of(period) if self._is_unsold(known) else known or 0

    def _is_unsold(self, known: int | None) -> bool:
        return known is None or (self._afresh and not known)

    def add_lot_of(self, period: Period, last: date | None, known: int | None) -> Lot:
        """The lot of ``period``, of which ``known`` seconds are on record as sold."""
        lot = Lot(period.first.isoformat(), period.first, last, self.granted(period, known))
        if self._is_unsold(known) and period.first not in self._resold:
            lot.agreed = self.bound.hours_of(period)
        return self.add(lot)

    def expect(
        self, lot: str, cost: int, entry: Entry, rounded: int, late: bool, number: int
    ) -> None:
        before = self.paid_to.get((entry.id, lot), (0, 0))
        self.paid_to[entry.id, lot] = before[0] + rounded, before[1] + cost
        self.on_record[lot] += cost
        if cost > 0:
            self.expected[lot] = self.expected.get(lot, 0) + cost
        elif cost:
            self.own_back[entry.id, lot] -= cost

    def free(self, lot: Lot) -> int:
        """Seconds of ``lot`` that new work may have: what is left, and not drawn on record."""
        return lot.left - self.expected.get(lot.id, 0)

    def draw(self, lot: Lot, work: Work, wanted: int, day: date, home: date) -> Taken | None:
        """What ``lot`` pays of ``wanted`` seconds on ``day``; ``home`` is in the part's period."""
        left = self.free(lot)
        if left <= 0:
            return None
        factor = work.hours_factor
        found, cost = covered(wanted, left, factor)
        before = self.paid_to.get((work.entry.id, lot.id)) if factor != ONE else None
        if before is not None and drawn(before[0] + found, factor) - before[1] > left:
            return None  # what this lot could not pay is not drawn bit by bit
        if found <= 0:
            return None
        lot.drawn += cost
        return self.part(work, found, lot, cost, home)

    def part(
        self, work: Work, rounded: int, lot: Lot, cost: int, home: date, gone: int = 0
    ) -> Taken:
        """A part that ``lot`` has paid already; it had ``gone`` seconds beside those left."""
        return self._part(work, rounded, lot.id, cost, home, lot.left + gone)

    def _part(
        self, work: Work, rounded: int, lot: str, cost: int, home: date, after: int | None
    ) -> Taken:
        period = self.bound.period(home)
        assert period is not None
        self.redrawn[lot] += cost
        self._turns += 1
        facts = (
            work, work.seconds, rounded, period, "", None, lot, cost, None, "", False, after,
            self._turns, -1,
        )  # fmt: skip
        return made(Taken, facts)

    def returnable_of(self, work: Work, lot: str, had: int) -> int:
        """Seconds of ``had`` that negative ``work`` may take back: a correction that waits on
        record has had all that was drawn before it, and the rest is drawn behind it. What comes
        back on record, and is still to come, is not there twice."""
        had += min(self.on_record[lot] - self.made[lot], 0)
        if work.entry.id in self.waited:
            had -= max(self.made[lot], 0) + self.own_back[work.entry.id, lot]
        return max(had, 0)

    def _give_back(self, work: Work, lots: list[Lot], day: date, late: bool) -> Offer:
        """Negative time: what was drawn comes back, the latest lot first."""
        taken = []
        rest = work.rounded
        for lot in reversed(lots):
            had = self.returnable_of(work, lot.id, lot.drawn)
            if not rest or not had:
                continue
            found, cost = covered(-rest, had, work.hours_factor)
            if found:
                lot.drawn -= cost
                if lot.agreed is not None:  # what an end cut off is there as long as it is drawn
                    lot.granted = max(lot.granted - cost, min(lot.agreed, lot.granted))
                taken.append(self.part(work, -found, lot, -cost, work.entry.date))
                rest += found
        if not rest:
            return Offer(tuple(taken), 0)
        return self.rest(work, rest, day, late, taken)

    def rest(self, work: Work, rest: int, day: date, late: bool, taken: list[Taken]) -> Offer:
        """What becomes of time that no lot pays for; without any where no lot was there."""
        beyond = self.bound.shape.beyond
        if beyond == "bill":
            found = self.bound.beyond(work, rest, work.entry.date)
            if found is not None:
                return Offer((*taken, found), 0)
        if beyond == "hold" and not rest:
            return Offer((self._part(work, 0, "", 0, work.entry.date, None),), 0)
        if beyond == "hold":
            return Offer(tuple(taken), rest, waits=True)
        return Offer(tuple(taken), rest)

    def wait(self, work: Work) -> None:
        self.waiting.append(work)

    def pay_waiting(self, lots: list[Lot], day: date) -> None:
        """New hours pay for waiting work, what waits longest first."""
        still = []
        for work in self.waiting:
            rest = work.rounded
            for lot in lots:
                found = self.draw(lot, work, rest, day, day) if rest > 0 else None
                if found is not None:
                    self.paid.append((work, found))
                    rest -= found.rounded
            if rest:
                still.append(work._replace(rounded=rest))
        self.waiting = still

    def wait_on_record(self, entry: Entry) -> None:
        """A correction of ``entry`` waits on record: it is asked again in its old place."""
        self.waited.add(entry.id)

    def forget(self, part: Taken) -> None:
        """The draw on record that was expected is made."""
        self.made[part.lot] += part.drawn
        if part.drawn > 0:
            self.expected[part.lot] -= part.drawn
        elif part.drawn:
            self.own_back[part.work.entry.id, part.lot] += part.drawn

    def force(self, part: Taken) -> Taken:
        if not part.lot:
            return part
        self.forget(part)
        for lot in self.lots:
            if lot.id == part.lot:
                self.charge(lot, part.drawn)
                return self.forced(part, lot.left)
        self.early[part.lot] = self.early.get(part.lot, 0) + part.drawn
        return part

    def forced(self, part: Taken, after: int) -> Taken:
        self._turns += 1
        return part._replace(after=after, turn=self._turns)

    def charge(self, lot: Lot, cost: int) -> None:
        """Draws ``cost`` without asking; hours that were taken away come back where needed."""
        lot.drawn += cost
        missing = -lot.left
        for number, (day, lost) in enumerate(lot.lost):
            if missing <= 0:
                break
            back = min(lost, missing)
            lot.lost[number] = (day, lost - back)
            missing -= back

    def add(self, lot: Lot) -> Lot:
        """A new lot, with what work on record drew from it before its day."""
        self.lots.append(lot)
        self.charge(lot, self.early.pop(lot.id, 0))
        return lot

    # -- showing -----------------------------------------------------------------------------------

    @property
    def unit(self) -> Literal["hour", "piece"]:
        return self.bound.unit

    def singles(self, as_of: date) -> Iterator[Charge]:
        return iter(())

    def balances(self, as_of: date) -> Iterator[Stand]:
        for lot in self.lots:
            # A balance taken over on its term's last day or later is good for no work.
            never = lot.last is not None and lot.last < lot.first and not lot.drawn
            if lot.first <= as_of and not never:
                yield lot.stand(as_of)

    def notices(self, as_of: date) -> Iterator[Warned]:
        return iter(())

    def granted_on_record(self) -> dict[date, int]:
        """Seconds that lines on record have granted, by first day of the period."""
        found: dict[date, int] = {}
        for row in self.recorded:
            if row.key.group == HOURS:
                found[row.key.period] = found.get(row.key.period, 0) + row.rounded
        return found
