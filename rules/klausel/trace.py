"""Why an entry came out as it did: what was asked of whom and what was answered, as data.

The engine makes a trace for entries that somebody asks about (``engine.bill(explain=...)``), from
the same values that it decided with; :mod:`klausel.explain` puts it beside the result.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from klausel.model import CoverageKind, Override
from klausel.policy.ir import Requirement, Rule, Surcharge, Watch
from klausel.verdicts import Judged


class FactSeen(NamedTuple):
    """A raw fact that a line of ``from`` asked for, and what was found."""

    fact: str
    found: tuple[str, ...]
    """The words, or pieces of the text, that fitted."""


class FieldSeen(NamedTuple):
    """A field of the vocabulary as one entry has it."""

    name: str
    value: str
    """The word; empty for a number."""
    seconds: int | None
    """A number's value."""
    line: int
    """Which line of ``from`` gave the word, counted from 1; 0 for a number."""
    facts: tuple[FactSeen, ...]
    """Why that line fitted; none for ``otherwise``."""


RangeWord = Literal["more_than", "at_least", "less_than", "up_to"]


class ConditionSeen(NamedTuple):
    """One condition of a rule, and what the entry has there."""

    field: FieldSeen
    words: tuple[str, ...]
    """Values that the rule names."""
    range: tuple[tuple[RangeWord, int], ...]
    """Limits of a number that it names, in seconds; without any no number fits."""
    holds: bool


class RuleAsked(NamedTuple):
    """A rule in its turn, as far as it was asked."""

    rule: Rule
    outcome: Literal["decides", "fails", "not_yet", "no_more"]
    conditions: tuple[ConditionSeen, ...]
    """All of the rule that decides; of one that fails the first that does not hold."""


class TermAsked(NamedTuple):
    """A term of the contract that has the entry, in the order of asking."""

    term: str
    plan: str
    outcome: Literal["asked", "other_work", "not_running", "no_time"]


class ContractAsked(NamedTuple):
    """A contract of the customer in its turn; the last one that answers has the entry."""

    contract: str
    kind: CoverageKind
    by: str
    """The ticket or project that it covers."""
    first: date
    last: date | None
    """The contract's days."""
    outcome: Literal["settles", "takes", "no_term", "not_running", "not_covered"]
    policy: str
    """Name and version."""
    fields: tuple[FieldSeen, ...] = ()
    rules: tuple[RuleAsked, ...] = ()
    decided: Rule | None = None
    terms: tuple[TermAsked, ...] = ()

    @property
    def has_it(self) -> bool:
        return self.outcome in ("settles", "takes")


class BudgetSeen(NamedTuple):
    """A budget that counts the entry, as it stands when the run is done."""

    watch: Watch
    place: str
    """What is counted together: a period's first day, a ticket, or the contract (empty)."""
    counted: Decimal
    """Money, or seconds."""


class GateSeen(NamedTuple):
    """What an entry needs before it is billed."""

    requirement: Requirement | None
    approvals: tuple[Judged, ...]
    """Approvals of the contract that concern it; only where one is required."""
    budgets: tuple[BudgetSeen, ...]
    """Those that hold what lies beyond them."""


#: What says whose an entry is; "settled": the contract that settled it.
Owner = Literal["entry", "ticket", "project", "settled", ""]


class Trace(NamedTuple):
    """One entry's way through the scope."""

    entry: str
    customer: str
    """The commercial customer; empty where there is none."""
    owner: Owner
    """What says whose it is."""
    contracts: tuple[ContractAsked, ...]
    """Those of the customer, as they were asked, to the one that has it; then those that do not
    cover it."""
    override: Override | None
    gate: GateSeen | None
    surcharges: tuple[Surcharge, ...] = ()
