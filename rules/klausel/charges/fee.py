"""fee: a recurring amount per month or period, in advance or arrears (semantics 5, "fee")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from pydantic import Field as ShapeField
from pydantic import model_validator

from klausel.charges.base import (
    ONE,
    Binding,
    Charge,
    Label,
    Parameter,
    Plain,
    Recorded,
    Taken,
)
from klausel.model import Contract, LedgerRow
from klausel.money import ZERO, line_amount, multiply, round_half_up, share, shortest
from klausel.period import (
    CALENDAR_MONTHS,
    ONE_DAY,
    Align,
    Period,
    Span,
    add_months,
    intersect,
    period_of,
    periods,
)
from klausel.shapes import Months, Shape, complain, parse_date

#: Begins the group of a line that gives money back.
REFUND = "refund "


class FeeShape(Shape):
    """Settings of a fee in a plan."""

    per: Literal["month", "period"] = "month"
    every: Months = 1
    align: Align = "calendar"
    timing: Literal["advance", "arrears"] = "advance"
    lead_days: int = ShapeField(default=0, ge=0, le=366)
    proration: Literal["none", "daily", "started_months"] = "daily"
    refund: Literal["none", "daily", "unused_months"] = "none"
    keep_months: int = ShapeField(default=0, ge=0, le=120)

    @model_validator(mode="after")
    def _fits(self) -> FeeShape:
        check_every(self.every, self.align)
        if self.lead_days and self.timing != "advance":
            raise complain(
                "lead_days goes with timing: advance",
                "remove it, or write timing: advance",
                "lead_days",
            )
        if self.refund != "none" and self.timing != "advance":
            raise complain(
                "refund goes with timing: advance: nothing was paid for the time to come",
                "remove it, or write timing: advance",
                "refund",
            )
        if self.keep_months and self.refund == "none":
            raise complain(
                "keep_months goes with a refund",
                "remove it, or write refund: unused_months or refund: daily",
                "keep_months",
            )
        return self


def check_every(every: int, align: Align) -> None:
    """Refuses what calendar alignment cannot cut (semantics 5, "Periods")."""
    if every < 1:
        raise complain("a period has at least 1 month", "write every: 1 month", "every")
    if align == "calendar" and every not in CALENDAR_MONTHS:
        raise complain(
            f"align: calendar cannot cut the year every {every} months",
            "write every: 1, 3, 6 or 12 months, or align: start",
            "every",
        )


class Month(NamedTuple):
    """One month of a fee's grid, with the days in it that are charged."""

    first: date
    last: date
    full: bool
    days: int
    grid_days: int


class Paid(NamedTuple):
    """One month that was invoiced, with what was paid for it."""

    line: LedgerRow
    first: date
    last: date
    whole: bool
    amount: Fraction
    """Unrounded."""


def _from(month: Paid, start: date) -> Paid:
    """``month`` from the day ``start`` on, with its share of what was paid."""
    if month.first >= start:
        return month
    part, whole = (month.last - start).days + 1, (month.last - month.first).days + 1
    return month._replace(first=start, amount=share(month.amount, part, whole))


def _lines(recorded: Recorded) -> Iterable[LedgerRow]:
    """One row for each line: the first, be it one that an adjustment has brought."""
    found: dict[tuple[date, str], LedgerRow] = {}
    for row in recorded:
        if row.key.group.startswith(REFUND):
            continue
        place = row.key.period, row.key.group
        before = found.get(place)
        if before is None or row.key.sequence < before.key.sequence:
            found[place] = row
    return found.values()


def _first_day(row: LedgerRow) -> date | None:
    """The day with which the line of ``row`` begins; None for a refund, and for what is no line of
    a fee."""
    try:
        return parse_date(row.key.group)
    except ValueError:
        return None


class BoundFee(Plain):
    def __init__(self, shape: FeeShape, binding: Binding) -> None:
        self._shape = shape
        self._binding = binding

    def due_periods(self, as_of: date) -> Iterator[tuple[Period, date]]:
        lead = timedelta(days=self._shape.lead_days)
        span = self._binding.open_span
        if span is None:
            return
        for period in self._periods(span, as_of + lead):
            due = period.last + ONE_DAY if self._shape.timing == "arrears" else period.first - lead
            if due > as_of:
                return
            yield period, due

    def _periods(self, span: Span, until: date) -> Iterator[Period]:
        start = self._binding.span.first
        return periods(span, self._shape.every, self._shape.align, start, until)

    def as_billed(self, period: Period, last: date) -> Period:
        """An end that came after billing in advance is a matter of the refund (semantics 5)."""
        if self._shape.timing == "advance" and last > period.last:
            return period._replace(last=last)
        return period

    def pieces(
        self, period: Period, recorded: Recorded, whole: bool = True
    ) -> Sequence[tuple[Period, bool]] | None:
        """One line after the other, from the first day on, is a period as it is billed anyway."""
        ends: dict[str, date] = {}
        amounts: dict[str, Decimal] = {}
        for row in sorted(recorded, key=lambda row: row.key.sequence):
            if _first_day(row) is None:
                continue
            if row.last is None:
                return None  # of before that was kept
            ends[row.key.group] = row.last
            amounts[row.key.group] = amounts.get(row.key.group, ZERO) + (row.amount or ZERO)
            if row.key.sequence and not amounts[row.key.group]:
                del ends[row.key.group]  # it was taken back as a whole
        found: list[tuple[Period, bool]] = []
        day, in_turn = period.first, True
        for first, last in sorted((parse_date(group), last) for group, last in ends.items()):
            if first > period.last:
                break
            if first > day:
                found.append((period._replace(first=day, last=first - ONE_DAY), False))
            in_turn = in_turn and (first == day or not found)
            first, last = max(first, day), min(last, period.last)
            if first <= last:
                found.append((period._replace(first=first, last=last), True))
            day = max(day, self._after(period, last))
        if day <= period.last:
            found.append((period._replace(first=day), False))
        if whole and in_turn:
            return None
        return [(self._narrowed(period, piece), billed) for piece, billed in found]

    def _narrowed(self, period: Period, piece: Period) -> Period:
        """``piece`` of ``period``: without proration it pays for its own months as a whole, and
        for no others."""
        if self._shape.per != "month" or self._shape.proration != "none":
            return piece
        first, last = period.grid_first, period.grid_last
        for month in self._months(period):
            if piece.first > period.first and month.first <= piece.first:
                first = month.first
            if piece.last < period.last and month.first <= piece.last <= month.last:
                last = month.last
        return piece._replace(grid_first=first, grid_last=last)

    def _after(self, period: Period, last: date) -> date:
        """The first day that a line up to ``last`` leaves: it has paid for whole months unless
        they are shared out by days."""
        if self._shape.proration != "daily":
            for month in self._months(period):
                if month.first <= last <= month.last:
                    return month.last + ONE_DAY
        return last + ONE_DAY

    # -- what goes back (semantics 5, "Termination") ---------------------------------------------

    def singles(self, as_of: date, recorded: Recorded) -> Iterator[Charge]:
        end = self._binding.span.last
        unused = [] if end is None else self._unused(end, recorded)
        found: dict[LedgerRow, list[Paid]] = {}
        for month in unused:
            found.setdefault(month.line, []).append(month)
        charges = {}
        for line, months in found.items():
            if end is not None and any(month.amount for month in months):
                charge = self._refund(line, months, end)
                charges[charge.period.first, charge.group] = charge
        for row in recorded:
            place = row.key.period, row.key.group
            if row.key.group.startswith(REFUND) and not self._stands(
                place, charges, recorded, as_of
            ):
                charges[place] = self._taken_back(row, as_of)
        yield from charges.values()
        if end is not None and self._shape.timing == "arrears":
            yield from self._behind_the_end(end, recorded)

    def _behind_the_end(self, end: date, recorded: Recorded) -> Iterator[Charge]:
        """Lines, as nothing, of periods that were billed afterwards and that an earlier end leaves
        out."""
        for row in _lines(recorded):
            first = row.key.period
            if first <= end or row.last is None:
                continue
            period = Period(first, row.last, first, row.last)
            label = Label(first, row.last)
            yield Charge(
                period, row.key.group, row.last + ONE_DAY, label, ZERO, "period", row.rate or ZERO,
                each_period=True,
            )  # fmt: skip

    def _unused(self, end: date, recorded: Recorded) -> list[Paid]:
        """What was paid for time that an ``end`` leaves unused, and that is not kept."""
        if self._shape.refund == "none":
            return []
        months = self._paid(recorded)
        if self._shape.refund == "unused_months":
            unused = [month for month in months if month.whole and month.first > end]
            return unused[self._shape.keep_months :]
        start = add_months(end + ONE_DAY, self._shape.keep_months)
        return [_from(month, start) for month in months if month.last >= start]

    def _stands(
        self,
        place: tuple[date, str],
        charges: Mapping[tuple[date, str], Charge],
        recorded: Recorded,
        as_of: date,
    ) -> bool:
        """Whether the refund of ``place``, on record, follows from today's end; a run that looks
        back to before that finds it as it is."""
        charge = charges.get(place)
        if charge is None or charge.due <= as_of:
            return charge is not None
        rows = [row for row in recorded if (row.key.period, row.key.group) == place]
        back = line_amount(charge.quantity, charge.unit_price, ZERO)
        return back == -sum((row.amount or ZERO for row in rows), ZERO)

    def _taken_back(self, row: LedgerRow, as_of: date) -> Charge:
        """The refund of ``row`` as nothing."""
        first = row.key.period
        day = as_of if row.last is None else min(row.last + ONE_DAY, as_of)
        label = Label(first, max(first, row.last or first), (("phrase", "refund"),))
        return Charge(
            Period(first, label.last, first, label.last), row.key.group, day, label, ZERO, "month",
            row.rate or ZERO, credit=True, undiscounted=True, of_end=True,
        )  # fmt: skip

    def _paid(self, recorded: Recorded) -> list[Paid]:
        """The months of all lines on record, oldest first, with what the lines come to now."""
        amounts: dict[tuple[date, str], Decimal] = {}
        for row in recorded:
            place = (row.key.period, row.key.group)
            amounts[place] = amounts.get(place, ZERO) + row.stands
        found: list[Paid] = []
        last: dict[tuple[date, str], date | None] = {}
        for row in sorted(recorded, key=lambda row: row.key.sequence):
            last[row.key.period, row.key.group] = row.last  # its correction may cover other days
        for row in _lines(recorded):
            until, first = last[row.key.period, row.key.group], _first_day(row)
            if until is None or first is None:
                continue
            # As it stands on the invoice.
            amount = amounts[row.key.period, row.key.group]
            amount = round_half_up(amount, self._binding.money_digits)
            found += self._months_of(row, Span(first, until), amount)
        return sorted(found, key=lambda month: month.first)

    def _months_of(self, row: LedgerRow, line: Span, amount: Decimal) -> Iterator[Paid]:
        assert line.last is not None
        start = self._binding.span.first
        pieces = list(periods(line, 1, self._shape.align, start, line.last))
        days = (line.last - line.first).days + 1
        full = not any(piece.partial for piece in pieces)
        every = self._shape.every
        grid = period_of(line.first, line, every, self._shape.align, start)
        undivided = ZERO if full else self._undivided(line.first, amount, days, grid.grid_days)
        for piece in pieces:
            if full:
                paid = share(amount, 1, len(pieces))
            elif piece.partial:
                paid = share(amount, piece.days, days)
            else:  # of an amount per period that was shared out by days: its N-th, undivided
                paid = share(undivided, 1, every)
            yield Paid(row, piece.first, piece.last, not piece.partial, paid)

    def _undivided(self, first: date, amount: Decimal, part: int, whole: int) -> Fraction | Decimal:
        """The amount per period of which ``part`` of ``whole`` days came to ``amount``, unrounded
        as it is on no invoice; reckoned back where today's price is not the one that was paid."""
        binding, digits = self._binding, self._binding.money_digits
        if binding.span.covers(first):
            price, discount = binding.value("price", first), binding.term.discount
            count = binding.value("quantity", first, ONE)
            prorated = self._prorated(price, count, part, whole)
            if round_half_up(line_amount(ONE, prorated, discount), digits) == amount:
                return line_amount(count, price, discount)
        return share(amount, whole, part)

    def _refund(self, line: LedgerRow, months: list[Paid], end: date) -> Charge:
        digits = self._binding.money_digits
        price = months[0].amount
        label = Label(months[0].first, months[-1].last, (("phrase", "refund"),))
        quantity = Decimal(len(months))
        even = price == Fraction(round_half_up(price, digits))
        if not even or any(month.amount != price for month in months):
            price = sum((month.amount for month in months), Fraction(0))
            quantity = ONE
        return self._given_back(line, REFUND + line.key.group, end, label, quantity, price)

    def _given_back(
        self,
        line: LedgerRow,
        group: str,
        end: date,
        label: Label,
        quantity: Decimal,
        amount: Fraction | Decimal,
    ) -> Charge:
        first = line.key.period
        period = Period(first, label.last, first, label.last)
        price = round_half_up(amount, self._binding.money_digits)
        return Charge(
            period,
            group,
            end + ONE_DAY,
            label,
            quantity,
            "month",
            price,
            credit=True,
            reverses=line.key,
            undiscounted=True,
            of_end=True,
            end=end,
        )

    def charges(self, period: Period, due: date, taken: Sequence[Taken]) -> Iterator[Charge]:
        per_month = self._shape.per == "month"
        yield from self._by_month(period, due) if per_month else self._by_period(period, due)

    def _by_period(self, period: Period, due: date) -> Iterator[Charge]:
        price = self._binding.value("price", period.first)
        count = self._binding.value("quantity", period.first, ONE)
        if not count:
            return
        first, last = period.first, period.last
        if self._shape.proration == "daily":
            part, whole = period.days, period.grid_days
        else:
            months = self._months(period)
            started = [month for month in months if month.days]
            part, whole = len(started), len(months)
            first, last = started[0].first, started[-1].last
        if part == whole:
            yield self._charge(period, due, first, last, count, "period", price, ())
            return
        details = (("days" if self._shape.proration == "daily" else "months", f"{part}/{whole}"),)
        amount = self._prorated(price, count, part, whole)
        yield self._charge(period, due, first, last, ONE, "period", amount, details)

    def _by_month(self, period: Period, due: date) -> Iterator[Charge]:
        together: list[Month] = []
        at: tuple[Decimal, Decimal] = (ZERO, ZERO)
        for month in self._months(period):
            if not month.days:
                continue
            day = max(month.first, period.first)
            price = self._binding.value("price", day)
            count = self._binding.value("quantity", day, ONE)
            if together and (not month.full or (price, count) != at):
                yield from self._together(period, due, together, *at)
                together = []
            if month.full:
                together.append(month)
                at = (price, count)
            elif count:
                amount = self._prorated(price, count, month.days, month.grid_days)
                details: tuple[tuple[str, str], ...] = (
                    ("days", f"{month.days}/{month.grid_days}"),
                )
                if count != ONE:
                    details = (("count", shortest(count)), *details)
                first = max(month.first, period.first)
                last = min(month.last, period.last)
                yield self._charge(period, due, first, last, ONE, "month", amount, details)
        if together:
            yield from self._together(period, due, together, *at)

    def _together(
        self, period: Period, due: date, months: list[Month], price: Decimal, count: Decimal
    ) -> Iterator[Charge]:
        """Full months at one price stand on one line."""
        if not count:
            return
        details: tuple[tuple[str, str], ...] = ()
        if count != ONE and len(months) == 1:
            details = (("count", shortest(count)),)
        elif count != ONE:
            details = (("times", f"{len(months)} x {shortest(count)}"),)
        quantity = multiply(len(months), count)
        first, last = months[0].first, months[-1].last
        yield self._charge(period, due, first, last, quantity, "month", price, details)

    def _prorated(self, price: Decimal, count: Decimal, part: int, whole: int) -> Decimal:
        """A prorated amount becomes the unit price of a line of quantity 1, rounded once."""
        return round_half_up(share(multiply(price, count), part, whole), self._binding.money_digits)

    def _charge(
        self,
        period: Period,
        due: date,
        first: date,
        last: date,
        quantity: Decimal,
        unit: Literal["month", "period"],
        unit_price: Decimal,
        details: tuple[tuple[str, str], ...],
    ) -> Charge:
        label = Label(first, last, details)
        return Charge(period, first.isoformat(), due, label, quantity, unit, unit_price)

    def _months(self, period: Period) -> list[Month]:
        """The months of the grid period; ``days`` is what of each is charged."""
        grid = Span(period.grid_first, period.grid_last)
        start = self._binding.span.first
        covered = Span(period.first, period.last)
        billed = self._binding.billed_until or date.min
        months = []
        for piece in periods(grid, 1, self._shape.align, start, period.grid_last):
            inside = intersect(Span(piece.first, piece.last), covered)
            days = 0
            if inside is not None and inside.last is not None:
                days = (inside.last - inside.first).days + 1
            whole = {"daily": False, "started_months": days > 0, "none": piece.last > billed}
            if whole[self._shape.proration]:
                days = piece.grid_days
            full = days == piece.grid_days
            months.append(Month(piece.first, piece.last, full, days, piece.grid_days))
        return months


class Fee:
    """The charge shape."""

    kind = "fee"
    shape = FeeShape

    def takes_time(self, shape: FeeShape, contract: Contract) -> bool:
        return False

    def parameters(self, shape: FeeShape) -> tuple[Parameter, ...]:
        per = "month" if shape.per == "month" else "period"
        return (
            Parameter("price", f"amount per {per}, net", '"49.00"'),
            Parameter("quantity", "how many (devices, users)", '"10"', False, "quantity"),
        )

    def bind(self, shape: FeeShape, binding: Binding) -> BoundFee:
        return BoundFee(shape, binding)


COMPONENT = Fee()
