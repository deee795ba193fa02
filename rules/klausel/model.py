"""What is read from an ERP for one run: the book and the records in it (design 4).

All ids are text. Time is whole seconds, money is ``Decimal``, dates are plain dates. The meaning
of each field stands once, in :mod:`klausel.fields`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from operator import attrgetter, lt
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar

from klausel.money import ZERO, RoundingMethod
from klausel.period import Span
from klausel.problems import Problem, Where

if TYPE_CHECKING:
    from klausel.policy.ir import Policy

#: Alias for records that have a field called "date".
Day = date

#: Makes a named tuple of all its values at once: there are hundreds of thousands of some.
made = tuple.__new__

_DIGITS = re.compile(r"(\d+)")


@lru_cache(maxsize=1 << 18)
def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts ``e9`` before ``e10`` (semantics 1, "Order")."""
    if text.isascii() and text.isdigit():
        return ((0, int(text), text),)
    return tuple(
        (0, int(piece), piece) if piece.isdecimal() else (1, 0, piece)
        for piece in _DIGITS.split(text)
        if piece
    )


@dataclass(frozen=True, slots=True)
class Company:
    name: str = "Company"
    currency: str = "EUR"
    quantity_digits: int = 2
    rounding_method: RoundingMethod = "global"
    languages: tuple[str, ...] = ("en",)
    country: str = ""
    region: str = ""
    currencies: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Customer:
    id: str
    name: str = ""
    parent: str = ""
    language: str = ""
    country: str = ""
    region: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Project:
    id: str
    name: str = ""
    customer: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ticket:
    id: str
    project: str = ""
    customer: str = ""
    parent: str = ""
    title: str = ""
    activity: str = ""
    origin: str = ""
    initiated_by: str = ""
    tags: tuple[str, ...] = ()
    priority: str = ""
    estimate_hours: int = 0
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Employee:
    id: str
    name: str = ""
    role: str = ""
    """The first one, where there are several."""
    since: date | None = None
    """First day of ``role``, in a row that tells of a later one."""
    later: tuple[tuple[date, str], ...] = ()
    """Roles that came after ``role``, with their first days, oldest first."""

    @property
    def rows(self) -> list[Employee]:
        """As they stand in a file: one for the first role, one for each later one."""
        first = replace(self, later=())
        return [first, *(replace(first, role=role, since=day) for day, role in self.later)]

    def on(self, day: date) -> str:
        """The role on ``day``."""
        found = self.role
        for first, role in self.later:
            if first > day:
                break
            found = role
        return found


class Entry(NamedTuple):
    """One timesheet line. A tuple, because there are hundreds of thousands of them."""

    id: str
    date: date
    employee: str
    project: str
    ticket: str
    customer: str
    seconds: int
    text: str
    activity: str
    tags: tuple[str, ...]
    validated: bool
    billed_elsewhere: str
    order: str
    billable: bool = True
    """Whether the ERP has it marked as to be billed at all."""

    @property
    def booked(self) -> str:
        """Ids of what says whose it is: project, ticket and customer of its own."""
        return f"{self.project};{self.ticket};{self.customer}"


class Dated(NamedTuple):
    """A value with a history: ``(first day, value)`` oldest first; ``date.min`` is "always"."""

    steps: tuple[tuple[date, str], ...]

    def on(self, day: date) -> str | None:
        """The value in force on ``day``, or None before the first."""
        found = None
        for first, value in self.steps:
            if first > day:
                break
            found = value
        return found


CoverageKind = Literal["ticket", "project", "customer"]

#: Narrowest first (semantics 3).
NARROWNESS: tuple[CoverageKind, ...] = ("ticket", "project", "customer")


@dataclass(frozen=True, slots=True)
class Coverage:
    kind: CoverageKind = "customer"
    ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Term:
    """One priced promise of a contract."""

    id: str
    plan: str
    product: str = ""
    priority: int = 0
    first: date | None = None
    until: date | None = None
    discount: Decimal = ZERO
    """Percent."""
    takes: tuple[str, ...] = ("service",)
    parameters: Mapping[str, Dated] = field(default_factory=dict)
    where: Where = field(default=Where(""), compare=False)


@dataclass(frozen=True, slots=True)
class Contract:
    code: str
    customer: str
    currency: str
    start: date
    policy: str
    end: date | None = None
    minimum_term: int = 0
    """Months, as ``notice`` and ``renewal``."""
    notice: int = 0
    renewal: int = 0
    sla: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    covers: Coverage = Coverage()
    po_number: str = ""
    terms: tuple[Term, ...] = ()
    where: Where = field(default=Where(""), compare=False)

    @property
    def span(self) -> Span:
        return Span(self.start, self.end)


@dataclass(frozen=True, slots=True)
class Purchase:
    id: str
    contract: str
    term: str
    date: date
    seconds: int
    price: Decimal | None = None
    validity: int | None = None
    """Months."""
    invoice: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    id: str
    contract: str
    date: date
    text: str
    quantity: Decimal
    price: Decimal
    product: str = ""
    """The ERP's; empty: that of the contract's first term."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    id: str
    contract: str
    term: str
    part: str
    date: date


@dataclass(frozen=True, slots=True)
class Approval:
    id: str
    contract: str
    tickets: tuple[str, ...] = ()
    state: str = "pending"
    limit_seconds: int | None = None
    limit_amount: Decimal | None = None
    decided_on: date | None = None
    decided_by: str = ""
    expires_on: date | None = None


#: Stands for the rule's id where a person decided (semantics 3).
OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class Override:
    entry: str
    disposition: str
    reason: str
    by: str = ""
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    contract: str
    term: str
    lot: str
    date: date
    seconds: int = 0
    price: Decimal | None = None
    valid_until: Day | None = None
    billed_until: Day | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """Contract, term and lot: of each there is one opening."""
        return self.contract, self.term, self.lot

    @property
    def name(self) -> str:
        return "/".join(filter(None, self.key))


class LedgerKey(NamedTuple):
    """What a settled thing is of (design 4). ``period`` is the covered period's first day."""

    contract: str
    term: str
    component: str
    period: date
    group: str
    sequence: int = 0

    def __str__(self) -> str:
        text = f"{self.contract}/{self.term}/{self.component}/{self.period.isoformat()}"
        if self.group:
            text += f"/{self.group}"
        # A group is what somebody called a purchase: "L#1" is not the first correction of "L".
        return f"{text}#{self.sequence}" if self.sequence or "#" in self.group else text


class LedgerRow(NamedTuple):
    """One settled part: a fact that later runs compare with and never redo (semantics 8)."""

    key: LedgerKey
    entry: str = ""
    seconds: int = 0
    rounded: int = 0
    disposition: str = ""
    rule: str = ""
    rate: Decimal | None = None
    lot: str = ""
    amount: Decimal | None = None
    """Of the whole line, on the row that stands for the line; None on rows without money."""
    held: str = ""
    line: str = ""
    """The ERP's invoice line; empty in the book."""
    fingerprint: str = ""
    state: Literal["live", "released"] = "live"
    policy: str = ""
    """Version and content hash of the policy that decided."""
    drawn: int = 0
    """Seconds that a lot lost by it; on the row of a line that grants a lot, the lot's seconds
    are ``rounded``."""
    counted: Day | None = None
    """The day behind which a late fact was counted (semantics 4), whether its line is late or not:
    that it is where its period was over."""
    last: Day | None = None
    """Last day that a line covers."""
    document: str = ""
    """The invoice that a line stands on: the ERP's, or the draft's key in a book."""
    role: str = ""
    """Of who worked, when it went on record; empty also where it was not noted."""
    invoiced: Decimal | None = None
    """What the ERP's invoice line comes to now, exact, where somebody changed it by hand."""
    customer: str = ""
    """The contract's customer when it was settled; empty where that is not on record."""
    currency: str = ""
    """The contract's currency when it was settled; empty where that is not on record."""
    quantity: Decimal | None = None
    """Of the line that the row stands for; below zero where it gives back. None as above."""
    discount: Decimal | None = None
    """Percent, of the line that the row stands for, where it has one."""
    booked: str = ""
    """What its entry stood on, as :attr:`Entry.booked`; empty on rows of before this was kept."""

    @property
    def stands(self) -> Decimal:
        """What its line comes to: as somebody left it in the ERP, else as it was billed; exact,
        and zero on rows without money."""
        if self.amount is None:
            return Decimal(0)
        return self.amount if self.invoiced is None else self.invoiced


class Documents(NamedTuple):
    """Documents of the ERP that are in force with another amount than is on record (semantics 14).

    Net, in the contract's currency; those that correct one another are taken together.
    """

    contract: str
    names: str
    """As people find them in the ERP."""
    recorded: Decimal
    in_force: Decimal


class PublishedPolicy(NamedTuple):
    """A policy as the ERP has it published, so that its forms know plans and parameters."""

    name: str
    version: str
    hash: str
    """Of the policy's files, as :attr:`klausel.policy.Policy.hash`."""
    digest: str = ""
    """Of all that was published."""
    plans: tuple[str, ...] = ()
    whole: bool = True
    """Whether the ERP keeps all of it: one of before there were rules kept none."""

    def says(self, policy: Policy) -> bool:
        """Whether ``policy`` is the very version that is published."""
        return (self.version, self.hash) == (policy.version, policy.hash)


@dataclass(frozen=True, slots=True)
class Book:
    """Everything one run looks at. ``problems`` lists what reading found, warnings included."""

    company: Company
    customers: Mapping[str, Customer]
    projects: Mapping[str, Project]
    tickets: Mapping[str, Ticket]
    employees: Mapping[str, Employee]
    entries: tuple[Entry, ...]
    contracts: tuple[Contract, ...]
    policies: Mapping[str, Policy]
    purchases: tuple[Purchase, ...] = ()
    items: tuple[Item, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    approvals: tuple[Approval, ...] = ()
    overrides: tuple[Override, ...] = ()
    openings: tuple[Opening, ...] = ()
    ledger: tuple[LedgerRow, ...] = ()
    sequences: Mapping[str, int] = field(default_factory=dict)
    """By commercial customer: the number that every change to contract or ledger raises."""
    published: Mapping[str, PublishedPolicy] = field(default_factory=dict)
    documents: tuple[Documents, ...] = ()
    """Only those that differ from the ledger."""
    """Of the contracts' policies, by name; those that the ERP does not know are not in it."""
    problems: tuple[Problem, ...] = ()

    def above(self, customer: str) -> list[str]:
        """``customer`` and those it belongs to, the commercial customer last."""
        found = [customer]
        for _ in range(len(self.customers)):
            record = self.customers.get(found[-1])
            if record is None or record.parent not in self.customers:
                break
            found.append(record.parent)
        return found

    def root(self, customer: str) -> str:
        """The commercial customer: the unit of work, of failure and of transaction."""
        return self.above(customer)[-1]

    def named_by(self, entry: Entry) -> str:
        """The customer that ``entry`` names, else its ticket, else its project; "" for none."""
        if entry.customer:
            return entry.customer
        ticket = self.tickets.get(entry.ticket)
        if ticket is not None and ticket.customer:
            return ticket.customer
        project_id = entry.project or (ticket.project if ticket is not None else "")
        project = self.projects.get(project_id)
        return project.customer if project is not None else ""

    def customer_of(self, entry: Entry) -> str:
        """The commercial customer of ``entry``."""
        named = self.named_by(entry)
        return self.root(named) if named else ""


RowT = TypeVar("RowT")

#: Longest number in an id that is compared as a number at once.
_MOST_DIGITS = 18


def in_order(rows: Iterable[RowT], entry_of: Callable[[RowT], Entry]) -> list[RowT]:
    """``rows`` by their entries' (date, id), ids compared naturally (semantics 1)."""

    def name(number: int) -> tuple[tuple[int, int, str], ...]:
        return natural(entry_of(given[number]).id)

    given = list(rows)
    days = [entry_of(row).date for row in given]
    order = sorted(range(len(given)), key=days.__getitem__)
    begin = 0
    for end in range(1, len(order) + 1):
        # Most days have one entry: to compare ids costs more than all the rest.
        if end == len(order) or days[order[end]] != days[order[begin]]:
            if end - begin > 1:
                order[begin:end] = sorted(order[begin:end], key=name)
            begin = end
    return [given[number] for number in order]


def entries_in_order(entries: Sequence[Entry]) -> list[Entry]:
    """``entries`` as :func:`in_order` has them; quick where all ids are a word and a number."""
    numbers = _numbers([entry.id for entry in entries])
    if numbers is None:
        return in_order(entries, lambda entry: entry)
    found = list(entries)
    if not _ascending(numbers):
        places = sorted(range(len(found)), key=numbers.__getitem__)
        found = [found[place] for place in places]
    found.sort(key=attrgetter("date"))
    return found


def _numbers(ids: Sequence[str]) -> list[int] | None:
    """What the order of ``ids`` rests on, where all are the same word with numbers behind it."""
    word = min(ids, default="").rstrip("0123456789")
    if not ids or not word.isascii() or not max(ids).startswith(word):
        return None  # what lies between two texts that begin with a word begins with it
    digits = [id_[len(word) :] for id_ in ids] if word else list(ids)
    together = "".join(digits)
    if not (together.isascii() and together.isdigit() and all(digits)):
        return None
    if max(map(len, digits)) > _MOST_DIGITS:
        return None
    numbers = list(map(int, digits))
    # 7 and 07 are the same number: then the text decides.
    return numbers if _ascending(numbers) or len(set(numbers)) == len(numbers) else None


def _ascending(numbers: Sequence[int]) -> bool:
    return all(map(lt, numbers, islice(numbers, 1, None)))
