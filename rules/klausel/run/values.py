"""Values that stages hand to each other."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.charges.base import DRAW, Taken
from klausel.model import Employee, Entry, LedgerKey, Project, Ticket
from klausel.money import hours_exact, round_half_up, shortest
from klausel.policy.ir import Rule, Seen
from klausel.problems import Problem, Where
from klausel.terms import BoundContract

#: Dispositions that settle an entry with the contract that decided so, at no charge (semantics 3).
SETTLING = frozenset(("included", "warranty", "internal"))

OPENING = "opening"

#: Component names of rows that belong to no component of a plan.
ITEM = "item"

HELD = "held"

NOTICE = "notice"

NO_WHERE = Where("")

#: Instead of a reason to wait: the time was billed before go-live (semantics 12).
ELSEWHERE = "billed_elsewhere"


class Parked(Exception):
    """This customer cannot be billed: ``problems`` say why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)


def fingerprint(entry: Entry) -> str:
    """Short hash of the facts of ``entry`` that a decision may rest on."""
    facts = "\x1f".join(
        (
            entry.date.isoformat(),
            str(entry.seconds),
            entry.employee,
            entry.project,
            entry.ticket,
            entry.customer,
            entry.activity,
            ";".join(entry.tags),
            *(() if entry.billable else ("not billable",)),
        )
    )
    return hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()


class OnRecord(NamedTuple):
    """A part of an entry that an earlier run settled; several rows of one part are added up."""

    key: LedgerKey
    seconds: int
    rounded: int
    drawn: int
    disposition: str
    rule: str
    rate: Decimal | None
    lot: str
    counted: date | None
    number: int
    """Its place among all rows, which are in the order in which they were written."""
    pieces: tuple[tuple[int, int], ...] = ()
    """Number of the line that each row of it is on, -1 where it is on none, with its rounded
    seconds."""


class Around(NamedTuple):
    """What is around an entry; stand-ins for what it does not name."""

    ticket: Ticket
    project: Project
    employee: Employee


class Decision(NamedTuple):
    """Which contract has an entry, by which rule."""

    contract: BoundContract
    rule: Rule
    settles: bool
    seen: Seen
    """What the contract's policy sees of it."""
    around: Around


class Ident(NamedTuple):
    """What makes a part of an entry the same part, and how much of it there is."""

    key: LedgerKey
    disposition: str
    rate: Decimal | None
    lot: str
    counted: date | None
    seconds: int = 0
    rounded: int = 0
    drawn: int = 0
    rule: str = ""

    @property
    def bare(self) -> Ident:
        return self._replace(seconds=0, rounded=0, drawn=0, rule="")

    def holding(self, seconds: int, rounded: int, drawn: int, rule: str) -> Ident:
        return self._replace(seconds=seconds, rounded=rounded, drawn=drawn, rule=rule)


def ident(code: str, term: str, component: str, part: Taken) -> Ident:
    key = LedgerKey(code, term, component, part.period.first, part.group or DRAW)
    disposition = part.disposition or part.work.disposition
    bare = Ident(key, disposition, part.rate, part.lot, part.counted)
    return bare.holding(part.seconds, part.rounded, part.drawn, part.work.rule)


def gone(id_: str, day: date) -> Entry:
    """Stands for an entry that is on record and no longer there."""
    return Entry(id_, day, "", "", "", "", 0, "", "", (), True, "", "")


def hours(seconds: int) -> str:
    return f"{shortest(round_half_up(hours_exact(seconds), 4))} h"


def said(decisions: set[tuple[str, str, Decimal | None]]) -> str:
    texts = []
    for contract, disposition, rate in sorted(decisions, key=str):
        price = f" at {shortest(rate)}" if rate is not None else ""
        texts.append(f"{disposition or 'uncovered'} {contract}{price}".strip())
    return ", ".join(texts)


def within_left(wanted: int, left: int) -> int:
    """Of ``wanted`` seconds, of either sign, those that are ``left``."""
    if wanted >= 0:
        return max(min(wanted, left), 0)
    return min(max(wanted, left), 0)


@dataclass(slots=True)
class Wanted:
    """What entries on record would be with today's facts."""

    idents: dict[str, dict[str, list[Ident]]] = field(default_factory=lambda: defaultdict(dict))
    """By contract and entry."""
    parts: dict[str, list[tuple[str, str, Taken]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By contract: term, component and part."""


@dataclass(slots=True)
class DueDays:
    """Days on which lines are due, by contract."""

    due: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))
    """Of this run's lines."""
    was_due: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))
    """Of those on record."""
    again: dict[str, set[date]] = field(default_factory=lambda: defaultdict(set))
    """Of this run's lines that take the place of released ones."""


class Reopened(NamedTuple):
    """Time of one entry that was billed and is open again."""

    contract: str
    seconds: int
    rounded: int
