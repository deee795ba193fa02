"""What a run finds: drafts with their lines and reasons, every entry's parts, what waits.

``docs/result.schema.json`` describes the JSON form of these values (design 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from klausel.charges.base import Label
from klausel.model import Book, LedgerKey, LedgerRow
from klausel.problems import Problem, Where
from klausel.trace import Trace

Kind = Literal["invoice", "credit_note"]

NO_WHERE = Where("")


class Because(NamedTuple):
    """Why a line is there: the rule or plan, its place, the admin's sentence."""

    rule: str
    clause: str
    where: Where
    text: str
    surcharge: bool = False
    """It raised the line's price."""

    @property
    def told(self) -> bool:
        """Whether the customer is told: what rests on a clause, and what costs more."""
        return bool(self.clause) or self.surcharge


class EntryShare(NamedTuple):
    """Seconds of an entry on a line, as worked and as billed."""

    entry: str
    seconds: int
    rounded: int


class Line(NamedTuple):
    """One line of a draft. ``amount`` is rounded to the currency, ``exact`` is not."""

    key: LedgerKey
    first: date
    last: date
    description: str
    label: Label
    quantity: Decimal
    unit: str
    unit_price: Decimal
    discount: Decimal
    exact: Decimal
    amount: Decimal
    entries: tuple[EntryShare, ...]
    because: tuple[Because, ...]
    credit: bool = False
    """Stands in a credit note of its own."""
    reverses: LedgerKey | None = None
    """The line that it gives back or corrects."""
    due: date | None = None
    """Day on which it is due."""
    beside: bool = False
    """It corrects what is of no single invoice, and stands with the run's other lines."""

    @property
    def late(self) -> bool:
        """Of a period that an earlier run had settled (semantics 8)."""
        return self.key.sequence > 0


class Draft(NamedTuple):
    """A proposed invoice or credit note; amounts of a credit note have their signs turned."""

    key: str
    customer: str
    contract: str
    """Empty where several contracts of the customer are grouped."""
    kind: Kind
    currency: str
    digits: int
    total: Decimal
    lines: tuple[Line, ...]
    reverses: str = ""


class Marks:
    """Numbers that tie the reasons of a draft to its lines: ``Support [1] [3]``.

    Those that the customer is told come first, in the order of the lines, so that an invoice has
    them without gaps and all outputs have the same ones (semantics 15).
    """

    def __init__(self, draft: Draft) -> None:
        reasons = dict.fromkeys(map(_plain, (r for line in draft.lines for r in line.because)))
        told = sorted(reasons, key=lambda reason: not reason.told)
        self._numbers = {reason: number for number, reason in enumerate(told, start=1)}
        self.needed = len(draft.lines) > 1
        """Of a single line it is plain whose they are."""

    def __iter__(self) -> Iterator[tuple[int, Because]]:
        return ((number, reason) for reason, number in self._numbers.items())

    def of(self, reasons: Iterable[Because]) -> tuple[int, ...]:
        """Their numbers, ascending."""
        return tuple(sorted({self._numbers[_plain(reason)] for reason in reasons}))

    def behind(self, line: Line, told: bool = False) -> str:
        """What stands behind the text of ``line``: all marks, or of what the customer is told."""
        some = [reason for reason in line.because if reason.told or not told]
        return "".join(f" [{number}]" for number in self.of(some)) if self.needed else ""

    def before(self, reason: Because) -> str:
        """What stands before the text of ``reason``."""
        return f"[{self._numbers[_plain(reason)]}] " if self.needed else ""


def _plain(reason: Because) -> Because:
    """Records are kept without the places of rules, and are to have the same numbers."""
    return reason._replace(where=NO_WHERE)


class Part(NamedTuple):
    """A piece of an entry and what became of it. Seconds are as worked, ``rounded`` as billed."""

    disposition: str
    rule: str
    seconds: int
    rounded: int
    contract: str = ""
    term: str = ""
    lot: str = ""
    line: str = ""
    """Key of the line it is on, now or by an earlier run; empty where it is on none."""
    held: str = ""
    uncovered: str = ""
    due: date | None = None
    """Day on which it will be billed, where its period is not over yet."""
    settled: bool = False
    component: str = ""
    drawn: int = 0
    """Seconds that its lot lost by it (a quota counts 3600 for a request)."""
    after: int | None = None
    """What it left in its lot, in the order of drawing; what is owed is below zero. None where it
    drew nothing, or where a later lot paid for it before this run."""
    turn: int = 0
    """Its place among all draws of its component."""
    late: bool = False
    """A fact that came after its period had been settled (semantics 14)."""
    closes: date | None = None
    """Last day of the window that decides a part without a line: the first invoice that is due
    after it has the part in its activity record. None where no record has it."""

    @property
    def before(self) -> int | None:
        """What was in its lot before it."""
        return None if self.after is None else self.after + self.drawn


class EntryParts(NamedTuple):
    entry: str
    parts: tuple[Part, ...]


class Uncovered(NamedTuple):
    """Work that nobody will pay for."""

    entry: str
    customer: str
    seconds: int
    reason: Literal["no_contract", "not_taken", "no_customer", "erp_order"]


class Held(NamedTuple):
    """Work that waits; ``amount`` is what it would cost, where that is known."""

    entry: str
    customer: str
    contract: str
    seconds: int
    amount: Decimal | None
    reason: str
    rule: str


class Notice(NamedTuple):
    contract: str
    rule: str
    period: str
    at_percent: int
    on: date
    text: str


class Balance(NamedTuple):
    """A lot's account, in seconds; where pieces are counted, one counts as an hour."""

    contract: str
    term: str
    lot: str
    granted: int
    drawn: int
    expired: int
    refunded: int
    remaining: int
    deficit: int
    first: date | None = None
    """First and last day on which it may be drawn from, where there are such."""
    last: date | None = None
    unit: Literal["hour", "piece"] = "hour"


class Reporting(NamedTuple):
    """Which draft has the activity record of one contract's time that costs nothing."""

    draft: str
    """Key."""
    due: tuple[date, ...]
    """Days on which lines of this run are due."""
    recorded: tuple[date, ...]
    """Days on which lines on record were due."""
    again: tuple[date, ...] = ()
    """Days on which those lines of this run are due that take the place of released ones."""


class Difference(NamedTuple):
    """Something settled that would come out differently with today's facts (semantics 8)."""

    contract: str
    key: str
    entry: str
    cause: Literal["changed", "moved", "vanished", "terms", "role", "amount", "edited", "documents"]
    was: str
    now: str


@dataclass(frozen=True, slots=True)
class Result:
    """One run at ``as_of`` over ``book``. ``settlements`` is what ``bill`` would put on record."""

    as_of: date
    book: Book
    policies: tuple[str, ...]
    customers: tuple[str, ...]
    """Customers that were looked at, parked ones included."""
    parked: tuple[str, ...]
    drafts: tuple[Draft, ...]
    entries: tuple[EntryParts, ...]
    uncovered: tuple[Uncovered, ...] = ()
    held: tuple[Held, ...] = ()
    notices: tuple[Notice, ...] = ()
    """New ones: each goes on record, and is among them once."""
    standing: tuple[Notice, ...] = ()
    """Those of lots that are on record and still hold."""
    balances: tuple[Balance, ...] = ()
    differences: tuple[Difference, ...] = ()
    problems: tuple[Problem, ...] = ()
    settlements: tuple[LedgerRow, ...] = field(default=(), repr=False)
    reporting: Mapping[str, Reporting] = field(default_factory=dict)
    """By contract that has a draft."""
    decided: int = 0
    """Distinct combinations that both matchers decided."""
    traces: Mapping[str, Trace] = field(default_factory=dict, repr=False)
    """By entry that somebody asked about."""
