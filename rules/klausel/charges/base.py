"""What a charge shape is (semantics 5).

A component of a plan is bound to one term of one contract; bound, it says which periods are due,
takes work that is offered to it, and states the charges that should exist. It knows nothing of
what was billed before: the engine subtracts the ledger.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from klausel.model import (
    Acceptance,
    Contract,
    Entry,
    LedgerKey,
    LedgerRow,
    Opening,
    Purchase,
    Term,
    made,
)
from klausel.money import ZERO, line_amount, multiply, round_half_up, seconds_from_hours
from klausel.period import ONE_DAY, Period, Span, intersect
from klausel.shapes import Shape

_ALWAYS = date.min
ONE = Decimal(1)


class Parameter(NamedTuple):
    """A parameter that a term gives its plan; its values may be dated.

    What it means in other languages stands in :mod:`klausel.texts`.
    """

    name: str
    meaning: str
    example: str
    required: bool = True
    type: Literal["money", "hours", "quantity", "requests"] = "money"


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
    price_factor: Decimal = ONE
    """Of surcharges on the price of billed time."""
    hours_factor: Decimal = ONE
    """Of surcharges on what a balance loses."""
    surcharges: tuple[str, ...] = ()
    """Ids of the surcharges on the price."""


def rounded_to(work: Work, rounded: int) -> Work:
    """``work`` with another rounded time: mostly it has it already, and copies cost."""
    if work.rounded == rounded:
        return work
    return made(Work, (*work[:8], rounded, *work[9:]))


class Taken(NamedTuple):
    """What a component took of some work: a part with its price."""

    work: Work
    seconds: int
    rounded: int
    period: Period
    group: str
    rate: Decimal | None
    lot: str = ""
    drawn: int = 0
    """Seconds that the lot lost."""
    counted: date | None = None
    """The day behind which a late fact was counted, whether its period was over then or not."""
    disposition: str = ""
    """Where the plan settles it otherwise than the rules of scope (a fixed price includes it)."""
    settled: bool = False
    """On record already, its line is not."""
    after: int | None = None
    """What the draw left in the lot, in seconds; below zero what is owed."""
    turn: int = 0
    """Its place among all draws of the account."""
    number: int = -1
    """Of what is on record: its number there; DONE_AGAIN for what is there and done again."""


#: Number of a part that is on record and done again: what differs of it goes on record apart.
DONE_AGAIN = -2


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
    granted: int = 0
    """Seconds that the line grants to a balance."""
    credit: bool = False
    """Stands in a credit note of its own, with positive amounts."""
    reverses: LedgerKey | None = None
    """The line that it gives back."""
    undiscounted: bool = False
    """The discount is in its price already."""
    text: str = ""
    """Its description, where somebody wrote one."""
    wanted: Decimal | None = None
    """The quantity that today's facts give, where what is on record stands (semantics 8)."""
    cumulative: bool = False
    """What is on record is subtracted: it may grow by late facts."""
    of_late: int = 0
    """Of :attr:`granted` of a cumulative line: seconds that late facts of this run brought."""
    each_period: bool = False
    """There is one of its group in each period; any other is there once, whatever its day is."""
    of_end: bool = False
    """It follows from the end of its term (semantics 14, "Ends")."""
    end: date | None = None
    """The end that it follows from; None where that is not over: then there is nothing of it."""
    waits: bool = False
    """What is on record follows from an earlier end: it stays until that is adjusted."""
    beside: bool = False
    """What it corrects is of no single invoice, so it stands with the run's other lines."""


class Facts(NamedTuple):
    """What belongs to one term beside its own words."""

    purchases: tuple[Purchase, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    openings: tuple[Opening, ...] = ()


NO_FACTS = Facts()

#: Rows of lines of one component that are on record, oldest first.
Recorded = Sequence[LedgerRow]

#: Group of rows of time that was drawn from a balance, or is included.
DRAW = "draw"


def named_group(id_: str, ours: tuple[str, ...], recorded: Recorded) -> str:
    """The group of the line that is for ``id_``, an id from outside.

    What a line is must not depend on how somebody's id begins. One that could be taken for
    ``ours``, beginnings of groups that the component makes itself, has a mark in front; where it
    was billed before there was one, it stays as it is on record.
    """
    if not (id_ == DRAW or id_.startswith((MARK, *ours))):
        return id_
    if any(row.key.group == id_ and not row.key.sequence and _sells(row) for row in recorded):
        return id_
    return MARK + id_


#: Before ids from outside that look like a word of ours.
MARK = "id "


def _sells(row: LedgerRow) -> bool:
    """Whether the line bills something that is no time, and gives nothing back."""
    return row.amount is not None and row.amount >= 0 and not row.seconds


class Ended(NamedTuple):
    """What the end of a term has brought, as it is on record."""

    end: date | None
    """The end that it follows from; None where that was taken back."""
    rows: tuple[LedgerRow, ...]

    def seconds(self, left: int, discount: Decimal) -> int:
        """Of ``left`` seconds those that went back and were not taken back."""
        known = any(row.rounded for row in self.rows)
        found = -sum(row.rounded for row in self.rows)
        for row in () if known else self.rows:  # the first versions wrote no seconds
            net = line_amount(ONE, row.rate or ZERO, discount)
            if net and row.amount:
                found += seconds_from_hours(-row.amount / net)
        return max(min(found, left), 0)


def by_group(recorded: Recorded) -> dict[str, Ended]:
    """What is on record, by group, as of an end that brought it."""
    found: dict[str, list[LedgerRow]] = {}
    for row in recorded:
        found.setdefault(row.key.group, []).append(row)
    return {
        group: Ended(max(rows, key=lambda row: row.key.sequence).last, tuple(rows))
        for group, rows in found.items()
    }


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a component is bound: its term and what the term and the company say."""

    contract: Contract
    term: Term
    span: Span
    """Days of the term inside its contract."""
    parameters: Mapping[str, DatedNumber]
    quantity_digits: int
    money_digits: int
    plan: str
    component: str
    billed_until: date | None = None
    """Nothing on or before this day is billed (semantics 6)."""
    facts: Facts = NO_FACTS

    @property
    def opened(self) -> date | None:
        """The last day that the opening balances contain."""
        return max((opening.date for opening in self.facts.openings), default=None)

    def hour_price(self, price: Decimal, work: Work) -> Decimal:
        """``price`` with the surcharges of ``work``."""
        if work.price_factor == ONE:
            return price
        return round_half_up(multiply(price, work.price_factor), self.money_digits + 4)

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


class Offer(NamedTuple):
    """What a balance did with work that was offered to it."""

    taken: tuple[Taken, ...]
    rest: int
    """Rounded seconds that it did not take."""
    waits: bool = False
    """The rest waits here and is not offered further."""


class Account(Protocol):
    """The balance of one component in one simulation, driven from day to day (semantics 4)."""

    def morning(self, day: date) -> None:
        """Everything before the entries of ``day``: what ended before it, what begins with it."""
        ...  # pragma: no cover

    def evening(self, day: date) -> None:
        """Everything to the end of ``day``, expiry included."""
        ...  # pragma: no cover

    def resold(self, key: LedgerKey, seconds: int) -> None:
        """An adjustment corrects the hours that the line ``key`` sold to ``seconds``: work finds
        these, whatever is on record (semantics 14)."""
        ...  # pragma: no cover

    def offer(self, work: Work, day: date, late: bool) -> Offer:
        """Takes of ``work`` what it can, at its place in the queue."""
        ...  # pragma: no cover

    def wait(self, work: Work) -> None:
        """``work`` waits for hours that come later."""
        ...  # pragma: no cover

    def expect(
        self, lot: str, cost: int, entry: Entry, rounded: int, late: bool, number: int
    ) -> None:
        """A draw of ``cost`` for ``rounded`` seconds of ``entry``, ``late`` or in its place, is on
        record, with ``number``, and will be forced: nobody else may have these hours."""
        ...  # pragma: no cover

    def do_again(self, lot: str, cost: int, entry: Entry) -> None:
        """``entry`` is done again; on record it drew ``cost`` from ``lot``."""
        ...  # pragma: no cover

    def wait_on_record(self, entry: Entry) -> None:
        """A correction of ``entry`` waits on record: it takes back nothing that was drawn since."""
        ...  # pragma: no cover

    def force(self, part: Taken) -> Taken:
        """A draw that is on record; it comes back with what it leaves in its lot."""
        ...  # pragma: no cover

    @property
    def paid(self) -> list[tuple[Work, Taken]]:
        """Waiting work that new hours have paid; emptied by the reader."""
        ...  # pragma: no cover

    def singles(self, as_of: date) -> Iterator[Charge]:
        """Charges that are made once and hang on the balance."""
        ...  # pragma: no cover

    @property
    def unit(self) -> Literal["hour", "piece"]:
        """What it counts; a piece counts as much as an hour."""
        ...  # pragma: no cover

    def balances(self, as_of: date) -> Iterator[Stand]:
        """Where each lot stands on the evening of ``as_of``."""
        ...  # pragma: no cover

    def notices(self, as_of: date) -> Iterator[Warned]:
        """Notices that were due on or before ``as_of``."""
        ...  # pragma: no cover


class Stand(NamedTuple):
    """A lot's account, in seconds."""

    lot: str
    granted: int
    drawn: int
    expired: int
    refunded: int
    remaining: int
    deficit: int = 0
    first: date | None = None
    """First and last day on which it may be drawn from, where there are such."""
    last: date | None = None


class Warned(NamedTuple):
    """A notice of a balance."""

    rule: str
    lot: str
    at_percent: int
    on: date
    ahead: bool = False
    """It tells of a day to come, and is of no use once that is closed."""


class Bound(Protocol):
    unit: Literal["hour", "piece"]
    """What its balances count; only requests are pieces."""

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

    def rate(self, work: Work) -> Decimal | None:
        """Price per hour of ``work`` if it were billed here, surcharges included."""
        ...  # pragma: no cover

    def singles(self, as_of: date, recorded: Recorded) -> Iterator[Charge]:
        """Charges that are made once: on record or not, no period closes them."""
        ...  # pragma: no cover

    def open(self, recorded: Recorded, afresh: bool) -> Account | None:
        """A fresh balance, knowing which of its lines are on record; None where it has none.
        ``afresh``: with today's end, whatever an earlier one brought."""
        ...  # pragma: no cover

    def as_billed(self, period: Period, last: date) -> Period:
        """``period`` as it was when it was billed up to ``last``, for comparing."""
        ...  # pragma: no cover

    def pieces(
        self, period: Period, recorded: Recorded, whole: bool = True
    ) -> Sequence[tuple[Period, bool]] | None:
        """``period`` cut up into what each line on record is for and what none is, with whether it
        is billed; None where that is the period as it is billed anyway, which ``whole`` asks."""
        ...  # pragma: no cover

    def rate_again(self, work: Work, was: Decimal) -> Decimal | None:
        """What a part on record that was billed at ``was`` would be billed at today."""
        ...  # pragma: no cover

    @property
    def includes(self) -> bool:
        """Whether it settles work as included."""
        ...  # pragma: no cover

    @property
    def bills_time(self) -> bool:
        """Whether it bills time by the hour, not only sells or draws it."""
        ...  # pragma: no cover

    def line_of(self, work: Work) -> str:
        """What keeps the line of ``work`` apart from others of its price and period."""
        ...  # pragma: no cover


class Plain:
    """What components without a balance have in common."""

    unit: Literal["hour", "piece"] = "hour"

    def singles(self, as_of: date, recorded: Recorded) -> Iterator[Charge]:
        return iter(())

    def open(self, recorded: Recorded, afresh: bool) -> Account | None:
        return None

    includes = False

    bills_time = False

    def line_of(self, work: Work) -> str:
        return ""

    def as_billed(self, period: Period, last: date) -> Period:
        return period

    def pieces(
        self, period: Period, recorded: Recorded, whole: bool = True
    ) -> Sequence[tuple[Period, bool]] | None:
        return None

    def rate_again(self, work: Work, was: Decimal) -> Decimal | None:
        return self.rate(work)

    def period(self, day: date) -> Period | None:
        return None

    def take(self, work: Work) -> Taken | None:
        return None

    def rate(self, work: Work) -> Decimal | None:
        return None


class Component(Protocol):
    """A charge shape: one file of this package."""

    kind: str
    shape: type[Shape]

    def takes_time(self, shape: Any, contract: Contract) -> bool:
        """Whether work is offered to it in ``contract``."""
        ...  # pragma: no cover

    def parameters(self, shape: Any) -> tuple[Parameter, ...]:
        """Parameters that a term must or may give."""
        ...  # pragma: no cover

    def bind(self, shape: Any, binding: Binding) -> Bound:
        """The component at work for one term."""
        ...  # pragma: no cover
