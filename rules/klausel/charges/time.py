"""time: hours x rate, billed in arrears (semantics 5, "time"; the rate card: semantics 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import field_validator, model_validator

from klausel.charges.base import (
    Binding,
    Charge,
    DatedNumber,
    Label,
    Parameter,
    Taken,
    Work,
    dated_number,
)
from klausel.charges.fee import check_every
from klausel.money import quantity, shortest
from klausel.period import ONE_DAY, Align, Period, period_of, periods
from klausel.shapes import DatedNumbers, Months, Shape, check_dated


class RatesShape(Shape):
    """A rate card. The first of employee, role, activity, default that has a price decides."""

    employee: dict[str, DatedNumbers] = {}
    role: dict[str, DatedNumbers] = {}
    activity: dict[str, DatedNumbers] = {}
    default: DatedNumbers | None = None

    @field_validator("employee", "role", "activity")
    @classmethod
    def _in_order(cls, value: dict[str, DatedNumbers]) -> dict[str, DatedNumbers]:
        for name, dated in value.items():
            check_dated(name, dated)
        return value

    @field_validator("default")
    @classmethod
    def _default_in_order(cls, value: DatedNumbers | None) -> DatedNumbers | None:
        if value is not None:
            check_dated("default", value)
        return value


class TimeShape(Shape):
    """Settings of billed time in a plan."""

    every: Months = 1
    align: Align = "calendar"
    group_by: Literal["none", "project", "ticket"] = "none"
    rates: RatesShape = RatesShape()

    @model_validator(mode="after")
    def _fits(self) -> TimeShape:
        check_every(self.every, self.align)
        return self


class BoundTime:
    def __init__(self, shape: TimeShape, binding: Binding) -> None:
        self._shape = shape
        self._binding = binding
        rates = shape.rates
        self._employees = {key: dated_number(value) for key, value in rates.employee.items()}
        self._roles = {key.casefold(): dated_number(value) for key, value in rates.role.items()}
        self._activities = {
            key.casefold(): dated_number(value) for key, value in rates.activity.items()
        }
        self._default = (
            binding.parameters["price"]
            if "price" in binding.parameters
            else dated_number(rates.default or {})
        )
        self._has_card = bool(self._roles or self._activities)
        self._periods: dict[date, Period] = {}
        self._groups: dict[tuple[Decimal, str], str] = {}

    def due_periods(self, as_of: date) -> Iterator[tuple[Period, date]]:
        span, start = self._binding.open_span, self._binding.span.first
        if span is None:
            return
        for period in periods(span, self._shape.every, self._shape.align, start, as_of):
            due = period.last + ONE_DAY
            if due > as_of:
                return
            yield period, due

    def period(self, day: date) -> Period | None:
        found = self._periods.get(day)
        if found is None:
            span, start = self._binding.open_span, self._binding.span.first
            if span is None or not span.covers(day):
                return None
            found = period_of(day, span, self._shape.every, self._shape.align, start)
            self._periods[day] = found
        return found

    def rate(self, work: Work) -> tuple[Decimal | None, str]:
        """Price per hour on the entry's date (None where the card has none), and for what.

        "For what" is the role or activity that has the price; empty for the others, because a
        customer is not told a price by person.
        """
        day = work.entry.date
        cards: tuple[tuple[dict[str, DatedNumber], str, str], ...] = (
            (self._employees, work.entry.employee, ""),
            (self._roles, work.role.casefold(), work.role),
            (self._activities, work.activity.casefold(), work.activity),
        )
        for card, key, name in cards:
            if card:
                dated = card.get(key)
                found = dated.on(day) if dated is not None else None
                if found is not None:
                    return found, name
        return self._default.on(day), ""

    def take(self, work: Work) -> Taken | None:
        rate, _ = self.rate(work)
        period = self.period(work.entry.date)
        if rate is None or period is None:
            return None
        by = {"project": work.project, "ticket": work.ticket}.get(self._shape.group_by, "")
        group = self._groups.get((rate, by))
        if group is None:
            group = self._groups.setdefault((rate, by), f"{shortest(rate)} {by}".rstrip())
        return Taken(work, work.seconds, work.rounded, period, group, rate)

    def charges(self, period: Period, due: date, taken: Sequence[Taken]) -> Iterator[Charge]:
        groups: dict[str, list[Taken]] = {}
        for part in taken:
            groups.setdefault(part.group, []).append(part)
        for group, parts in groups.items():
            seconds = sum(part.rounded for part in parts)
            if not seconds:
                continue
            work = parts[0].work
            by = {"project": work.project, "ticket": work.ticket}.get(self._shape.group_by, "")
            details = ((self._shape.group_by, by),) if by else ()
            names = {self.rate(part.work)[1] for part in parts} if self._has_card else {""}
            if len(names) == 1 and names != {""}:
                details = (*details, ("work", names.pop()))
            yield Charge(
                period,
                group,
                due,
                Label("time", period.first, period.last, details),
                quantity(seconds, self._binding.quantity_digits),
                "hour",
                parts[0].rate,
                tuple(parts),
            )


class Time:
    """The charge shape."""

    kind = "time"
    shape = TimeShape
    takes_time = True

    def parameters(self, shape: TimeShape) -> tuple[Parameter, ...]:
        has_default = shape.rates.default is not None
        return (Parameter("price", "price per hour, net", '"95.00"', required=not has_default),)

    def bind(self, shape: TimeShape, binding: Binding) -> BoundTime:
        return BoundTime(shape, binding)


COMPONENT = Time()
