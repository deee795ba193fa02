"""What a charge shape is (semantics 5).

A component of a plan is bound to one term of one contract; bound, it says which periods are due,
takes work that is offered to it, and states the charges that should exist. It knows nothing of
what was billed before: the engine subtracts the ledger.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from klausel.model import Contract, Entry, Term
from klausel.money import ZERO
from klausel.period import ONE_DAY, Period, Span, intersect
from klausel.shapes import Shape

_ALWAYS = date.min


class Parameter(NamedTuple):
    """A parameter that a term gives its plan; its values may be dated."""

    name: str
    meaning: str
    example: str
    required: bool = True


class DatedNumber:
    """A number with a history."""

    __slots__ = ("_days", "_values")

    def __init__(self, steps: Iterable[tuple[date, Decimal]]) -> None:
        ordered = list(steps)
        self._days = [day for day, _ in ordered]
        self._values = [value for _, value in ordered]

    def on(self, day: date) -> Decimal | None:
        """The value in force on ``day``, None before the first."""
        number = bisect_right(self._days, day)
        return self._values[number - 1] if number else None

    @property
    def first(self) -> date:
        return self._days[0]


def dated_number(values: Mapping[str, Decimal]) -> DatedNumber:
    """From the shape of dated values in files; ``always`` holds since ever."""
    return DatedNumber(
        (_ALWAYS if day == "always" else date.fromisoformat(day), value)
        for day, value in values.items()
    )


class Label(NamedTuple):
    """What a line is for, in no language: ``klausel.texts`` writes it in the customer's."""

    kind: str
    first: date
    last: date
    details: tuple[tuple[str, str], ...] = ()


class Work(NamedTuple):
    """Time offered to the terms of a contract, after rating's facts are known and rounding."""

    entry: Entry
    project: str
    """Id, the ticket's project where the entry names none."""
    ticket: str
    activity: str
    role: str
    disposition: str
    rule: str
    seconds: int
    rounded: int


class Taken(NamedTuple):
    """What a component took of some work: a part with its price."""

    work: Work
    seconds: int
    rounded: int
    period: Period
    group: str
    rate: Decimal
    lot: str = ""


class Charge(NamedTuple):
    """One line that should exist. Amount = quantity x unit_price less discount (semantics 1)."""

    period: Period
    group: str
    due: date
    label: Label
    quantity: Decimal
    unit: Literal["hour", "month", "period", "piece"]
    unit_price: Decimal
    taken: tuple[Taken, ...] = ()


class Binding(NamedTuple):
    """Where a component is bound: its term and what the term and the company say."""

    contract: Contract
    term: Term
    span: Span
    """Days of the term inside its contract."""
    parameters: Mapping[str, DatedNumber]
    quantity_digits: int
    money_digits: int
    billed_until: date | None = None
    """Nothing on or before this day is billed (semantics 6)."""

    @property
    def open_span(self) -> Span | None:
        """Days of the term that were not billed before go-live."""
        if self.billed_until is None:
            return self.span
        return intersect(self.span, Span(self.billed_until + ONE_DAY, None))

    def value(self, name: str, day: date, default: Decimal = ZERO) -> Decimal:
        """The parameter's value on ``day``; ``default`` where the term has none."""
        dated = self.parameters.get(name)
        found = dated.on(day) if dated is not None else None
        return default if found is None else found


class Bound(Protocol):
    """A component bound to a term."""

    def due_periods(self, as_of: date) -> Iterator[tuple[Period, date]]:
        """Periods whose charges are due on or before ``as_of``, with the due day, oldest first."""
        ...  # pragma: no cover

    def charges(self, period: Period, due: date, taken: Sequence[Taken]) -> Iterator[Charge]:
        """Lines that should exist for a due ``period``, given the time taken in it."""
        ...  # pragma: no cover

    def period(self, day: date) -> Period | None:
        """The period that time of ``day`` belongs to; None where the component takes no time."""
        ...  # pragma: no cover

    def take(self, work: Work) -> Taken | None:
        """What the component takes of ``work``; None where it takes nothing."""
        ...  # pragma: no cover


class Component(Protocol):
    """A charge shape: one file of this package."""

    kind: str
    shape: type[Shape]
    takes_time: bool

    def parameters(self, shape: Any) -> tuple[Parameter, ...]:
        """Parameters that a term must or may give."""
        ...  # pragma: no cover

    def bind(self, shape: Any, binding: Binding) -> Bound:
        """The component at work for one term."""
        ...  # pragma: no cover
