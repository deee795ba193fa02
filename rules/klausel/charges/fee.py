"""fee: a recurring amount per month or period, in advance or arrears (semantics 5, "fee")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import Field as ShapeField
from pydantic import model_validator

from klausel.charges.base import Binding, Charge, Label, Parameter, Taken, Work
from klausel.money import ZERO, multiply, round_half_up, share, shortest
from klausel.period import CALENDAR_MONTHS, ONE_DAY, Align, Period, Span, intersect, periods
from klausel.shapes import Months, Shape, complain

ONE = Decimal(1)


class FeeShape(Shape):
    """Settings of a fee in a plan."""

    per: Literal["month", "period"] = "month"
    every: Months = 1
    align: Align = "calendar"
    timing: Literal["advance", "arrears"] = "advance"
    lead_days: int = ShapeField(default=0, ge=0, le=366)
    proration: Literal["none", "daily", "started_months"] = "daily"

    @model_validator(mode="after")
    def _fits(self) -> FeeShape:
        check_every(self.every, self.align)
        if self.lead_days and self.timing != "advance":
            raise complain(
                "lead_days goes with timing: advance", "remove it, or write timing: advance"
            )
        return self


def check_every(every: int, align: Align) -> None:
    """Refuses what calendar alignment cannot cut (semantics 5, "Periods")."""
    if every < 1:
        raise complain("a period has at least 1 month", "write every: 1 month")
    if align == "calendar" and every not in CALENDAR_MONTHS:
        raise complain(
            f"align: calendar cannot cut the year every {every} months",
            "write every: 1, 3, 6 or 12 months, or align: start",
        )


class Month(NamedTuple):
    """One month of a fee's grid, with the days in it that are charged."""

    first: date
    last: date
    full: bool
    days: int
    grid_days: int


class BoundFee:
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

    def period(self, day: date) -> Period | None:
        return None

    def take(self, work: Work) -> Taken | None:
        return None

    def charges(self, period: Period, due: date, taken: Sequence[Taken]) -> Iterator[Charge]:
        per_month = self._shape.per == "month"
        yield from self._by_month(period, due) if per_month else self._by_period(period, due)

    def _by_period(self, period: Period, due: date) -> Iterator[Charge]:
        price = self._binding.value("price", period.first)
        count = self._binding.value("quantity", period.first, ONE)
        if not count:
            return
        first, last = period.first, period.last
        part, whole = 1, 1
        if self._shape.proration == "none":
            first, last = period.grid_first, period.grid_last
        elif period.partial and self._shape.proration == "daily":
            part, whole = period.days, period.grid_days
        elif period.partial:
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
        label = Label("fee", first, last, details)
        return Charge(period, first.isoformat(), due, label, quantity, unit, unit_price)

    def _months(self, period: Period) -> list[Month]:
        """The months of the grid period; ``days`` is what of each is charged."""
        grid = Span(period.grid_first, period.grid_last)
        start = self._binding.span.first
        covered = Span(period.first, period.last)
        months = []
        for piece in periods(grid, 1, self._shape.align, start, period.grid_last):
            inside = intersect(Span(piece.first, piece.last), covered)
            days = 0
            if inside is not None and inside.last is not None:
                days = (inside.last - inside.first).days + 1
            if self._shape.proration == "none" or (
                self._shape.proration == "started_months" and days
            ):
                days = piece.grid_days
            full = days == piece.grid_days
            months.append(Month(piece.first, piece.last, full, days, piece.grid_days))
        return months


class Fee:
    """The charge shape."""

    kind = "fee"
    shape = FeeShape
    takes_time = False

    def parameters(self, shape: FeeShape) -> tuple[Parameter, ...]:
        per = "month" if shape.per == "month" else "period"
        return (
            Parameter("price", f"amount per {per}, net", '"49.00"'),
            Parameter("quantity", "how many (devices, users)", '"10"', required=False),
        )

    def bind(self, shape: FeeShape, binding: Binding) -> BoundFee:
        return BoundFee(shape, binding)


COMPONENT = Fee()
