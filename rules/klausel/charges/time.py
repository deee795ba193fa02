"""time: hours x rate, billed in arrears (semantics 5, "time"; the rate card: semantics 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import model_validator

from klausel.charges.base import Binding, Charge, Label, Parameter, Plain, Taken, Work
from klausel.charges.fee import check_every
from klausel.charges.rates import RateCard, Rates, RatesShape
from klausel.model import Contract, made
from klausel.money import ZERO, quantity, shortest
from klausel.period import ONE_DAY, Align, Period, period_of, periods
from klausel.shapes import Months, Shape


class TimeShape(Shape):
    """Settings of billed time in a plan."""

    every: Months = 1
    align: Align = "calendar"
    group_by: Literal["none", "project", "ticket"] = "none"
    rates: Rates = RatesShape()

    @model_validator(mode="after")
    def _fits(self) -> TimeShape:
        check_every(self.every, self.align)
        return self


class BoundTime(Plain):
    def __init__(self, shape: TimeShape, binding: Binding) -> None:
        self._shape = shape
        self._binding = binding
        self._open_span = binding.open_span
        self._card = RateCard(shape.rates, binding)
        self._last: Period | None = None
        self._groups: dict[str, tuple[Decimal, str]] = {}
        """By project or ticket: the last price and the group that it has with it."""

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
        last = self._last
        if last is not None and last.first <= day <= last.last:
            return last  # entries come in the order of days
        span, start = self._open_span, self._binding.span.first
        if span is None or not span.covers(day):
            return None
        self._last = period_of(day, span, self._shape.every, self._shape.align, start)
        return self._last

    def rate(self, work: Work) -> Decimal | None:
        return self._card.rate(work)

    def take(self, work: Work) -> Taken | None:
        rate = self._card.rate(work)
        period = self.period(work.entry.date)
        if rate is None or period is None:
            return None
        by = self.line_of(work)
        known = self._groups.get(by)
        if known is None or known[0] is not rate:
            known = self._groups[by] = (rate, f"{shortest(rate)} {by}".rstrip())
        facts = (
            work, work.seconds, work.rounded, period, known[1], rate,
            "", 0, None, "", False, None, 0, -1,
        )  # fmt: skip
        return made(Taken, facts)

    bills_time = True

    def line_of(self, work: Work) -> str:
        by = self._shape.group_by
        return work.project if by == "project" else work.ticket if by == "ticket" else ""

    def charges(self, period: Period, due: date, taken: Sequence[Taken]) -> Iterator[Charge]:
        groups: dict[str, list[Taken]] = {}
        for part in taken:
            groups.setdefault(part.group, []).append(part)
        for group, parts in groups.items():
            seconds = sum([part.rounded for part in parts])
            if not seconds:
                continue
            work = parts[0].work
            by = self.line_of(work)
            details = ((self._shape.group_by, by),) if by else ()
            names = {self._card.plain(part.work)[1] for part in parts} if self._card.named else {""}
            if len(names) == 1 and names != {""}:
                details = (*details, ("work", names.pop()))
            yield Charge(
                period,
                group,
                due,
                made(Label, (period.first, period.last, details)),
                quantity(seconds, self._binding.quantity_digits),
                "hour",
                parts[0].rate or ZERO,
                tuple(parts),
            )


class Time:
    """The charge shape."""

    kind = "time"
    shape = TimeShape

    def takes_time(self, shape: TimeShape, contract: Contract) -> bool:
        return True

    def parameters(self, shape: TimeShape) -> tuple[Parameter, ...]:
        has_default = shape.rates.default is not None
        return (Parameter("price", "price per hour, net", '"95.00"', required=not has_default),)

    def bind(self, shape: TimeShape, binding: Binding) -> BoundTime:
        return BoundTime(shape, binding)


COMPONENT = Time()
