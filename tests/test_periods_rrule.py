"""Periods beside ``dateutil.rrule`` (semantics 9): what is cut, what is due, how much of it counts.

What is expected is worked out here from the days that rrule names and from nothing of the product:
month ends are "the last of the 28th to the 31st that the month has", calendar cuts are "the first
of every N-th month of the year".
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

from dateutil.rrule import MONTHLY, rrule
from hypothesis import settings

from klausel.charges import COMPONENTS
from klausel.charges.base import Binding, Charge, dated_number
from klausel.charges.block import BoundBlock
from klausel.charges.fee import BoundFee
from klausel.charges.stock import BoundStock
from klausel.charges.time import BoundTime
from klausel.model import Contract, LedgerKey, LedgerRow, Term
from klausel.period import Align, Period, Span, add_months, period_of, periods
from tests.counts import count

CASES = settings().max_examples * 10
#: Calendar alignment knows the first four.
EVERY = (1, 3, 6, 12)
ODD = (2, 4, 5, 7, 9, 11, 13, 18, 24, 36)
#: Leap years, others, and the years around 2100, which is none.
YEARS = (1999, 2000, 2023, 2024, 2025, 2026, 2027, 2028, 2095, 2096, 2099, 2100, 2103, 2104)
DAYS = (1, 2, 15, 27, 28, 29, 30, 31)
DAY = timedelta(days=1)
CENTS = 49_00
PRICE = Decimal("49.00")


class Case(NamedTuple):
    """A term from ``start`` to ``end``, looked at on ``as_of``."""

    start: date
    end: date | None
    every: int
    align: Align
    as_of: date
    lead: int
    """Days that a period in advance is due before it begins."""
    billed_until: date | None
    keep: int
    """Months that are kept of a refund."""

    @property
    def span(self) -> tuple[date, date]:
        """Days that are not billed yet."""
        first = self.start if self.billed_until is None else self.billed_until + DAY
        return max(first, self.start), self.end or date.max


class Cut(NamedTuple):
    """A period as it should be."""

    first: date
    last: date
    grid_first: date
    grid_last: date

    @property
    def partial(self) -> bool:
        return (self.first, self.last) != (self.grid_first, self.grid_last)


# What rrule says


@cache
def rule(align: str, every: int, start: date) -> rrule:
    """First days of the grid, without end, as far as somebody asks."""
    if align == "calendar":
        which: dict[str, Any] = {"bymonth": range(1, 13, every), "bymonthday": 1}
        return rrule(MONTHLY, dtstart=date(start.year, 1, 1), cache=True, **which)
    return rrule(MONTHLY, dtstart=start, interval=every, cache=True, **same_day(start))


def same_day(day: date) -> dict[str, Any]:
    """The same day of a month, or the last one of a month that is too short."""
    return {"bymonthday": range(min(day.day, 28), day.day + 1), "bysetpos": -1}


def cuts(align: str, every: int, start: date, first: date, until: date) -> list[date]:
    """First days of the grid, from the one that ``first`` lies in to the one after ``until``."""
    found: list[date] = []
    for moment in rule(align, every, start):
        day = moment.date()
        if day <= first:
            found.clear()
        found.append(day)
        if day > until:
            break
    return found


def grid(align: str, every: int, start: date, first: date, until: date) -> Iterator[Cut]:
    """The periods of the grid, whole."""
    found = cuts(align, every, start, first, until)
    for begin, following in pairwise(found):
        yield Cut(begin, following - DAY, begin, following - DAY)


def wanted(case: Case, until: date) -> list[Cut]:
    """The periods of the term that begin on or before ``until``."""
    first, last = case.span
    if first > min(until, last):
        return []
    return [
        cut._replace(first=max(cut.first, first), last=min(cut.last, last))
        for cut in grid(case.align, case.every, case.start, first, min(until, last))
    ]


def shifted(day: date, months: int) -> date:
    """``day`` so many months later."""
    return rrule(MONTHLY, dtstart=day, interval=months, count=2, **same_day(day))[1].date()


def length(first: date, last: date) -> int:
    return (last - first).days + 1


# Cases


def case_of(number: int) -> Case:
    """Mostly at boundaries: month ends, leap days, the days beside a cut or a due day."""
    chance = random.Random(number)
    every = chance.choice(EVERY if chance.random() < 0.6 else ODD)
    align: Align = "start"
    if every in EVERY and chance.random() < 0.5:
        align = "calendar"
    start = some_day(chance)
    horizon = start + timedelta(days=chance.randint(0, 31 * max(5 * every // 2, 9)))
    known = cuts(align, every, start, start, horizon)
    months = cuts(align, 1, start, start, horizon)
    end = chance.choice((None, *(beside(chance, days, start) for days in (known, months)), start))
    end = None if end is None else max(end, start)
    billed = None
    if chance.random() < 0.2:
        billed = beside(chance, chance.choice((known, months)), start)
    lead = chance.choice((0, 0, 0, 0, 1, 10, 28, 31, 60, 366))
    as_of = beside(chance, known if chance.random() < 0.7 else months, start)
    as_of = chance.choice((as_of, as_of, as_of - timedelta(days=lead), (end or as_of) + DAY))
    return Case(start, end, every, align, as_of, lead, billed, chance.choice((0, 0, 1, 2, 5)))


def some_day(chance: random.Random) -> date:
    month, day = chance.randint(1, 12), chance.choice((*DAYS, chance.randint(1, 31)))
    if chance.random() < 0.15:
        month, day = 2, 29
    year = chance.choice(YEARS)
    while True:
        try:
            return date(year, month, day)
        except ValueError:  # a month that is too short
            day -= 1


def beside(chance: random.Random, days: Sequence[date], start: date) -> date:
    """One of ``days``, or a day or two away from it, or any day between."""
    if chance.random() < 0.2:
        return start + timedelta(days=chance.randint(0, length(start, days[-1])))
    return chance.choice(days) + timedelta(days=chance.choice((-2, -1, -1, 0, 0, 1)))


# The product


PARAMETERS = {
    "price": dated_number({"always": PRICE}),
    "hours": dated_number({"always": Decimal(10)}),
}


@cache
def shape(kind: str, words: tuple[tuple[str, Any], ...]) -> Any:
    return COMPONENTS[kind].shape.model_validate(dict(words))


def bound(kind: str, case: Case, end: date | None, **words: Any) -> Any:
    """A component at work for the term of ``case``, with another end."""
    if kind != "block":
        words |= {"every": f"{case.every} months", "align": case.align}
    binding = Binding(
        Contract("C", "c1", "EUR", case.start, "p", end),
        Term("T", "plan"),
        Span(case.start, end),
        PARAMETERS,
        quantity_digits=2,
        money_digits=2,
        plan="plan",
        component="",
        billed_until=case.billed_until,
    )
    return COMPONENTS[kind].bind(shape(kind, tuple(words.items())), binding)


def spans(found: Iterable[Period]) -> list[Cut]:
    return [Cut(*period) for period in found]


def test_periods_are_those_of_rrule() -> None:
    """Cuts, days covered, due days in advance and in arrears, months and days that count."""
    partial = 0
    for number in range(CASES):
        case = case_of(number)
        until = max(case.as_of, case.start) + timedelta(days=case.lead)
        expected = wanted(case, until)
        first, last = case.span
        if first <= last:
            found = spans(periods(Span(first, case.end), case.every, case.align, case.start, until))
            assert found == expected, case
        without_gap(case, expected, until)
        days_have_their_period(case, expected)
        due_days(case)
        ends = [*expected[:1], *expected[-1:]]
        for cut in dict.fromkeys([cut for cut in ends if cut.partial] or ends[:1]):
            months_that_count(case, cut)
        refund(case)
        lots(case)
        partial += sum(cut.partial for cut in expected)
    count("cases of periods equal to rrule", CASES)
    count("partial periods among them", partial)


def without_gap(case: Case, found: list[Cut], until: date) -> None:
    """Every day of the term to the end of the last period is in one period, and in one only."""
    first, last = case.span
    if not found:
        assert first > min(until, last), case
        return
    assert found[0].first == first, case
    for one, other in pairwise(found):
        assert one.last + DAY == other.first, case
    assert found[-1].last == last or found[-1].last >= until, case


def days_have_their_period(case: Case, expected: list[Cut]) -> None:
    """Asked of a day, each component names the period that the day is in."""
    first, last = case.span
    time_, hours = bound("time", case, case.end), bound("pool", case, case.end, proration="none")
    assert isinstance(time_, BoundTime)
    assert isinstance(hours, BoundStock)
    for cut in expected[:2] + expected[-2:]:
        for day in {cut.first, cut.last, cut.grid_first, cut.grid_last}:
            span = Span(first, case.end)
            inside = cut.first <= day <= cut.last
            if inside:
                found = period_of(day, span, case.every, case.align, case.start)
                assert Cut(*found) == cut, (case, day)
            answer = time_.period(day)
            assert (answer is not None) == (first <= day <= last), (case, day)
            assert not inside or Cut(*answer) == cut, (case, day)
            answer = hours.period(day)  # a balance knows the days before go-live
            assert (answer is not None) == (case.start <= day <= last), (case, day)
            whole = cut._replace(first=max(cut.grid_first, case.start))
            assert not inside or Cut(*answer) == whole, (case, day)


def due_days(case: Case) -> None:
    """In arrears on the day after the last covered day, in advance on the first or before."""
    arrears = [
        (cut, cut.last + DAY) for cut in wanted(case, case.as_of) if cut.last + DAY <= case.as_of
    ]
    lead = timedelta(days=case.lead)
    advance = [(cut, cut.first - lead) for cut in wanted(case, case.as_of + lead)]
    words = {"timing": "advance", "lead_days": case.lead}
    for found, expected in (
        (bound("fee", case, case.end, timing="arrears"), arrears),
        (bound("fee", case, case.end, **words), advance),
        (bound("time", case, case.end), arrears),
    ):
        due = [(Cut(*period), day) for period, day in found.due_periods(case.as_of)]
        assert due == expected, case
    for kind in ("contingent", "pool"):
        for more, expected in (({}, arrears), (words, advance)):
            stock = bound(kind, case, case.end, proration="daily", **more)
            sold = [
                one
                for one in stock.open((), False).singles(case.as_of)
                if one.group == "hours" and one.due <= case.as_of
            ]
            granted = [(cut, day) for cut, day in expected if hours_of(cut)]
            assert [(Cut(*one.period), one.due) for one in sold] == granted, (kind, case)
            assert [one.quantity for one in sold] == [hours_of(cut) for cut, _ in granted], case


def hours_of(cut: Cut) -> Decimal:
    """Of 10 hours a period, the share of its covered days, to two digits."""
    return part_of(10_00, length(cut.first, cut.last), length(cut.grid_first, cut.grid_last))


def part_of(cents: int, part: int, whole: int) -> Decimal:
    """``cents`` x ``part`` / ``whole`` to two digits, half up."""
    return Decimal((2 * cents * part + whole) // (2 * whole)) / 100


class Charged(NamedTuple):
    """A line of a fee: its days, and quantity x price."""

    first: date
    last: date
    quantity: Decimal
    price: Decimal


def charged(charges: Iterable[Charge]) -> list[Charged]:
    return [
        Charged(one.label.first, one.label.last, one.quantity, one.unit_price) for one in charges
    ]


def months_that_count(case: Case, cut: Cut) -> None:
    """What a fee charges for a period, a partial one above all."""
    months = list(grid(case.align, 1, case.start, cut.grid_first, cut.grid_last))
    assert (months[0].first, months[-1].last) == (cut.grid_first, cut.grid_last), case
    started = [one for one in months if one.first <= cut.last and one.last >= cut.first]
    days = length(cut.first, cut.last), length(cut.grid_first, cut.grid_last)
    some = part_of(CENTS, len(started), len(months))
    # What was billed before go-live is not charged again (semantics 12).
    until = case.billed_until
    open_ = [one for one in months if until is None or one.last > until or until > cut.grid_last]
    whole = PRICE if len(open_) == len(months) else part_of(CENTS, len(open_), len(months))
    expected = {
        ("month", "none"): [together(open_)],
        ("month", "started_months"): [together(started)],
        ("month", "daily"): list(by_days(started, cut)),
        ("period", "none"): [Charged(open_[0].first, open_[-1].last, Decimal(1), whole)],
        ("period", "started_months"): [
            Charged(started[0].first, started[-1].last, Decimal(1), some)
        ],
        ("period", "daily"): [Charged(*cut[:2], Decimal(1), part_of(CENTS, *days))],
    }
    for (per, proration), lines in expected.items():
        fee = bound("fee", case, case.end, per=per, proration=proration)
        assert isinstance(fee, BoundFee)
        found = charged(fee.charges(Period(*cut), cut.first, ()))
        assert found == lines, (case, cut, per, proration)


def together(months: Sequence[Cut]) -> Charged:
    return Charged(months[0].first, months[-1].last, Decimal(len(months)), PRICE)


def by_days(started: Sequence[Cut], cut: Cut) -> Iterator[Charged]:
    """Full months on one line, each partial month on a line of its own."""
    full: list[Cut] = []
    for one in started:
        first, last = max(one.first, cut.first), min(one.last, cut.last)
        if (first, last) == one[:2]:
            full.append(one)
            continue
        if full:
            yield together(full)
        full = []
        price = part_of(CENTS, length(first, last), length(one.first, one.last))
        yield Charged(first, last, Decimal(1), price)
    if full:
        yield together(full)


def refund(case: Case) -> None:
    """Whole months that begin after the end and were invoiced, less those that are kept."""
    if case.end is None or case.billed_until is not None:
        return
    billed = bound("fee", case, None, timing="advance")
    paid = list(wanted(case._replace(end=None), case.end))
    rows = [
        LedgerRow(
            LedgerKey("C", "T", "", cut.first, line.group),
            amount=line.quantity * line.unit_price,
            last=line.label.last,
        )
        for cut in paid
        for line in billed.charges(Period(*cut), cut.first, ())
    ]
    invoiced = paid[-1].last
    begin = case.end + DAY
    months = [
        month
        for month in grid(case.align, 1, case.start, case.start, invoiced)
        if begin <= month.first and case.start <= month.first and month.last <= invoiced
    ]
    words = {"timing": "advance", "refund": "unused_months", "keep_months": case.keep}
    fee = bound("fee", case, case.end, **words)
    given = list(fee.singles(begin, rows))
    kept = months[case.keep :]
    assert sum(one.quantity for one in given) == len(kept), case
    assert all(one.due == begin and one.unit_price == PRICE for one in given), case
    if kept:
        assert given[0].label.first == kept[0].first, case
        assert given[-1].label.last == kept[-1].last, case
    assert all(one.due > case.end for one in fee.singles(case.end, rows)), case


def lots(case: Case) -> None:
    """A lot of N months ends on the day before the same day N months later, or with its term."""
    later = shifted(case.start, case.every)
    assert add_months(case.start, case.every) == later, case
    block = bound("block", case, case.end)
    assert isinstance(block, BoundBlock)
    last = later - DAY
    assert block.last_day(case.start, case.every) == min(last, case.end or last), case


def test_cases_are_at_boundaries() -> None:
    """The cases have what they are for."""
    some = [case_of(number) for number in range(1000)]
    for every in (*EVERY, *ODD):
        assert sum(case.every == every for case in some) >= 20, every
    for day in (29, 30, 31):
        assert sum(case.start.day == day for case in some) >= 50, day
    assert sum((case.start.month, case.start.day) == (2, 29) for case in some) >= 30
    assert sum(case.align == "calendar" for case in some) >= 200
    assert sum(case.end is None for case in some) >= 100
    assert sum(case.billed_until is not None for case in some) >= 100
