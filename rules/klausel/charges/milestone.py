"""milestone: a fixed price, whole or in parts, invoiced on acceptance (semantics 5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, model_validator

from klausel.charges.base import (
    ONE,
    Binding,
    Charge,
    Label,
    Parameter,
    Plain,
    Recorded,
    Taken,
    Work,
    named_group,
)
from klausel.model import Contract, made, natural
from klausel.money import HUNDRED, ZERO, multiply, round_half_up, share
from klausel.period import ONE_DAY, Period, period_of, periods
from klausel.shapes import NAMES_TOO, Number, Shape, complain


def _parts(value: object) -> object:
    """A list of names stands for equal parts."""
    if isinstance(value, str):
        raise complain(
            f'"parts": {value} is neither a list nor percents',
            "write it as [concept, build], or {concept: 40, build: 60}",
        )
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return value
    for number, name in enumerate(value):
        if name in value[:number]:
            raise complain(
                f'part "{name}" stands twice', "give each part a name of its own", number
            )
    return dict.fromkeys(value, "0")


class MilestoneShape(Shape):
    """Settings of a fixed price in a plan."""

    parts: Annotated[dict[str, Number], BeforeValidator(_parts), NAMES_TOO] = {}

    @model_validator(mode="after")
    def _whole(self) -> MilestoneShape:
        for name, percent in self.parts.items():
            if percent < 0:
                raise complain(
                    f'part "{name}" has less than 0 percent',
                    "write percents that make 100 together",
                    "parts",
                    name,
                )
        whole = sum(self.parts.values(), ZERO)
        if whole and whole != HUNDRED:
            raise complain(
                f"the parts make {whole} percent", "write percents that make 100 together", "parts"
            )
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The parts that can be accepted; one without a name where there are none."""
        return tuple(self.parts) or ("",)


class BoundMilestone(Plain):
    def __init__(self, shape: MilestoneShape, binding: Binding) -> None:
        self._shape = shape
        self._binding = binding
        self.includes = binding.contract.covers.kind != "customer"
        self._open_span = binding.open_span
        self._last: Period | None = None

    def due_periods(self, as_of: date) -> Iterator[tuple[Period, date]]:
        """Work that the price includes is settled by calendar months."""
        span = self._binding.open_span
        if not self.includes or span is None:
            return
        for period in periods(span, 1, "calendar", span.first, as_of):
            if period.last + ONE_DAY > as_of:
                return
            yield period, period.last + ONE_DAY

    def period(self, day: date) -> Period | None:
        last = self._last
        if last is not None and last.first <= day <= last.last:
            return last  # entries come in the order of days
        span = self._open_span
        if not self.includes or span is None or not span.covers(day):
            return None
        self._last = period_of(day, span, 1, "calendar", span.first)
        return self._last

    def take(self, work: Work) -> Taken | None:
        period = self.period(work.entry.date)
        if period is None:
            return None
        facts = (
            work, work.seconds, work.seconds, period, "", None, "", 0, None, "included", False,
            None, 0, -1,
        )  # fmt: skip
        return made(Taken, facts)

    def charges(self, period: Period, due: date, taken: Sequence[Taken]) -> Iterator[Charge]:
        return iter(())

    def singles(self, as_of: date, recorded: Recorded) -> Iterator[Charge]:
        amounts = self._amounts()
        rows = sorted(self._binding.facts.acceptances, key=lambda row: (row.date, natural(row.id)))
        done: set[str] = set()
        accepted: set[str] = set()
        until = self._binding.billed_until
        for row in rows:
            amount = amounts.get(row.part)
            if amount is None or row.part in done:
                continue
            done.add(row.part)
            group = named_group(row.part, (), recorded) if row.part else "all"
            accepted.add(group)
            if until is not None and row.date <= until:
                continue
            details = (("part", row.part),) if row.part else ()
            label = Label(row.date, row.date, details)
            period = Period(row.date, row.date, row.date, row.date)
            yield Charge(period, group, row.date, label, ONE, "piece", amount)
        # Billed, and accepted no more: as nothing, so that it differs.
        for line in recorded:
            if not line.key.sequence and line.key.group and line.key.group not in accepted:
                day = line.key.period
                label = Label(day, day, (("part", line.key.group),))
                period = Period(day, day, day, day)
                yield Charge(period, line.key.group, day, label, ZERO, "piece", ZERO)

    def _amounts(self) -> dict[str, Decimal]:
        """Price of each part; the last one takes what rounding leaves over."""
        digits = self._binding.money_digits
        price = self._binding.value("price", self._binding.span.first)
        parts = self._shape.parts
        if not parts:
            return {"": price}
        equal = not any(parts.values())
        found: dict[str, Decimal] = {}
        for name, percent in parts.items():
            exact = (
                share(price, 1, len(parts))
                if equal
                else share(multiply(price, percent), 1, int(HUNDRED))
            )
            found[name] = round_half_up(exact, digits)
        last = next(reversed(found))
        found[last] = price - sum((a for n, a in found.items() if n != last), ZERO)
        return found


class Milestone:
    """The charge shape."""

    kind = "milestone"
    shape = MilestoneShape

    def takes_time(self, shape: MilestoneShape, contract: Contract) -> bool:
        return contract.covers.kind != "customer"

    def parameters(self, shape: MilestoneShape) -> tuple[Parameter, ...]:
        return (Parameter("price", "fixed price, net", '"12000.00"'),)

    def bind(self, shape: MilestoneShape, binding: Binding) -> BoundMilestone:
        return BoundMilestone(shape, binding)


COMPONENT = Milestone()
