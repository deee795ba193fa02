"""A policy as the engine sees it: rules, their decision tables by date, and plans."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from klausel.fields import DISPOSITIONS
from klausel.matching import Condition, Decider, DecisionTable, MatcherFactory
from klausel.matching.port import Combination
from klausel.money import multiply
from klausel.policy.compose import Named
from klausel.policy.facts import Coder, Own, Subject, VocabularyField, WordField
from klausel.problems import Problem, Where
from klausel.tree import Path, Tree

Texts = Mapping[str, str]
GroupBy = Literal["contract", "customer"]
Employees = Literal["name", "initials", "role"]

#: Dispositions of time that may cost something.
CHARGED = frozenset(("service", "change", "third_party"))

_ONE = Decimal(1)


def text_in(texts: Texts, language: str, fallback: str = "") -> str:
    """The text in ``language``, else in English, else in any language, else ``fallback``."""
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), fallback)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of scope: its conditions on coded fields and what it decides."""

    id: str
    disposition: str
    because: Texts
    where: Where
    clause: str = ""
    first: date | None = None
    until: date | None = None
    conditions: tuple[Condition, ...] = ()
    exception_of: str = ""
    """Id of the rule after it that it is an exception of; its conditions are in ``conditions``."""

    def in_force(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (
            self.until is None or day <= self.until
        )


@dataclass(frozen=True, slots=True)
class Surcharge:
    """Time that costs more: ``times`` the price of billed time, or the hours a balance loses."""

    rule: Rule
    times: Decimal
    on: Literal["price", "hours"]


@dataclass(frozen=True, slots=True)
class Requirement:
    """Work that needs a customer's approval (semantics 4, "Approval gate")."""

    rule: Rule
    per: Literal["ticket", "contract", "period"]
    retroactive: bool


@dataclass(frozen=True, slots=True)
class Watch:
    """A budget that is watched (semantics 4, "Thresholds")."""

    rule: Rule
    measure: Literal["amount", "hours"]
    per: Literal["ticket", "contract", "period"]
    budget: Decimal
    """Money, or seconds."""
    notify_at: tuple[int, ...]
    every: int
    """Months of a period."""
    hold: bool


@dataclass(frozen=True, slots=True)
class Rounding:
    """How time that passes is rounded (semantics 4, "Rounding")."""

    to: int
    """Seconds."""
    mode: Literal["up", "nearest", "down"]
    per: Literal["entry", "ticket_day", "ticket", "day", "period"]
    minimum: int
    """Seconds."""


@dataclass(frozen=True, slots=True)
class PlanComponent:
    """One component of a plan: the charge shape ``kind`` with its settings."""

    id: str
    kind: str
    shape: Any
    where: Where


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    title: Texts
    components: tuple[PlanComponent, ...]
    where: Where
    clause: str = ""
    because: Texts = field(default_factory=dict)


class RawTest(NamedTuple):
    """A test in a policy's files, as it is written; :mod:`klausel.scenario` reads it."""

    where: Where
    tree: Tree
    path: Path
    """Where in ``tree`` it stands."""
    data: Any


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy folder, read.

    Several of ``rules`` may have one id, with days that have nothing in common: a rule whose
    values have dates. The exceptions of a rule stand before it.
    """

    name: str
    version: str
    hash: str
    fields: tuple[VocabularyField, ...]
    rules: tuple[Rule, ...]
    otherwise: Rule
    plans: Mapping[str, Plan]
    title: Texts = field(default_factory=dict)
    group_by: GroupBy = "contract"
    sections: Literal["none", "contract", "project"] = "none"
    """Headings between the lines of a draft."""
    employees: Employees = "name"
    """How activity records name who worked."""
    surcharges: tuple[Surcharge, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    watches: tuple[Watch, ...] = ()
    rounding: Rounding | None = None
    hit: Literal["first", "unique"] = "first"
    tests: tuple[RawTest, ...] = field(default=(), compare=False, repr=False)
    named: tuple[Named, ...] = field(default=(), compare=False)
    """Values, texts and rate cards that are written to be named."""
    unread: tuple[str, ...] = field(default=(), compare=False)
    """Files of the folder that nothing includes or names."""
    doubts: tuple[Problem, ...] = field(default=(), compare=False, repr=False)
    """Warnings about its numbers (semantics 1)."""

    @property
    def has_gate(self) -> bool:
        """Whether time has to pass approvals, budgets or rounding before it is billed."""
        return bool(self.requirements or self.watches or self.rounding)

    def words(self, fact: str) -> set[str]:
        """What lines of fields and rate cards ask ``fact`` for, case-folded."""
        found = {
            value
            for one in self.fields
            if isinstance(one, WordField)
            for source in one.sources
            for clause in source.clauses
            if clause.fact == fact
            for value in clause.values
        }
        for plan in self.plans.values():
            for component in plan.components:
                card = getattr(getattr(component.shape, "rates", None), fact, None)
                found.update(map(str.casefold, card or ()))
        return found

    @property
    def asks_billable(self) -> bool:
        """Whether it decides itself about what the ERP has as not to be billed."""
        return any("billable" in one.facts() for one in self.fields)

    @property
    def stamp(self) -> str:
        """Version and content hash, as written into results and ledger rows."""
        return f"{self.name} {self.version} {self.hash}"


class Chooser:
    """The first of some rules that fits a combination, as they are in force on a day."""

    def __init__(
        self,
        sizes: tuple[int, ...],
        rules: tuple[Rule, ...],
        matchers: Mapping[str, MatcherFactory],
    ) -> None:
        self._sizes = sizes
        self._rules = rules
        self._matchers = matchers
        self._cuts = _cuts(rules)
        self._segments: dict[int, tuple[tuple[Rule, ...], Decider]] = {}

    @property
    def fresh(self) -> int:
        """Distinct combinations decided so far, each by both matchers."""
        return sum(decider.fresh for _, decider in self._segments.values())

    def choose(self, day: date, combination: Combination) -> Rule | None:
        number = bisect_right(self._cuts, day) if self._cuts else 0
        segment = self._segments.get(number)
        if segment is None:
            segment = self._segments[number] = self._segment(day)
        rules, decider = segment
        index = decider.decide(combination)
        return rules[index] if index < len(rules) else None

    def _segment(self, day: date) -> tuple[tuple[Rule, ...], Decider]:
        rules = tuple(rule for rule in self._rules if rule.in_force(day))
        table = DecisionTable(self._sizes, tuple(rule.conditions for rule in rules))
        return rules, Decider(table, **self._matchers)


#: Of a price, of hours, and the ids of the surcharges on the price.
Factors = tuple[Decimal, Decimal, tuple[str, ...]]


class Seen:
    """What a policy sees of an entry, and what its rules say of it.

    Entries that look the same to the policy share it; each question is decided once.
    """

    __slots__ = ("_day", "_factors", "_facts", "_requirements", "_rule", "_scope", "_watches")

    def __init__(self, scope: Scope, day: date, facts: Combination) -> None:
        self._scope = scope
        self._day = day
        self._facts = facts
        self._rule: Rule | None = None
        self._factors: Factors | None = None
        self._requirements: dict[str, Requirement | None] = {}
        self._watches: dict[str, tuple[Watch, ...]] = {}

    @property
    def rule(self) -> Rule:
        """The rule that decides; ``otherwise`` where none matches."""
        if self._rule is None:
            self._rule = self._scope.decide(self._day, self._facts)
        return self._rule

    @property
    def factors(self) -> Factors:
        """What surcharges multiply the price and the hours with, and which of them the price."""
        if self._factors is None:
            self._factors = self._scope.factors(self._day, self._facts)
        return self._factors

    def requirement(self, disposition: str) -> Requirement | None:
        """The approval that is needed: the first that applies."""
        if disposition not in CHARGED:
            return None
        if disposition not in self._requirements:
            full = (*self._facts, DISPOSITIONS.index(disposition))
            self._requirements[disposition] = self._scope.requirement(self._day, full)
        return self._requirements[disposition]

    def watches(self, disposition: str) -> tuple[Watch, ...]:
        """The budgets that count it."""
        if disposition not in CHARGED:
            return ()
        found = self._watches.get(disposition)
        if found is None:
            full = (*self._facts, DISPOSITIONS.index(disposition))
            found = self._watches[disposition] = self._scope.watches(self._day, full)
        return found


class _Days(dict[date, int]):
    """By day: a number for which rules are in force, and what of the day matters to them."""

    def __init__(
        self,
        numbers: dict[tuple[object, ...], int],
        cuts: Sequence[date],
        coder: Coder,
        home: tuple[str, str],
        others: Sequence[date],
    ) -> None:
        super().__init__()
        self._numbers = numbers
        self._cuts = cuts
        self._coder = coder
        self._home = home
        self._others = others
        """Further days on which something changes that the rules look at."""

    def __missing__(self, day: date) -> int:
        facts = (
            bisect_right(self._cuts, day),
            bisect_right(self._others, day),
            *self._coder.of_day(day, *self._home),
        )
        found = self[day] = self._numbers.setdefault(facts, len(self._numbers))
        return found


class Outlook(NamedTuple):
    """What the policy sees of entries with the same things around them."""

    own: Own
    """What matters of an entry itself, given the role of who worked and what ``days`` say."""
    days: Mapping[date, int]
    seen: dict[tuple[object, ...], Seen]
    """By what matters of the entry itself, as far as it is known."""


class Scope:
    """Decides what the rules of one policy say of entries, in force on the entry's own date."""

    def __init__(
        self, policy: Policy, main: MatcherFactory | None, check: MatcherFactory | None
    ) -> None:
        self._policy = policy
        self._coder = Coder(policy.fields)
        matchers = {
            name: factory
            for name, factory in (("main", main), ("check", check))
            if factory is not None
        }
        sizes = tuple(vocabulary.size for vocabulary in policy.fields)
        full = (*sizes, len(DISPOSITIONS))
        self._rules = Chooser(sizes, policy.rules, matchers)
        self._surcharges = [
            (surcharge, Chooser(sizes, (surcharge.rule,), matchers))
            for surcharge in policy.surcharges
        ]
        self._requirements = {found.rule.id: found for found in policy.requirements}
        self._gate = Chooser(full, tuple(found.rule for found in policy.requirements), matchers)
        self._watches = [
            (watch, Chooser(full, (watch.rule,), matchers)) for watch in policy.watches
        ]
        self._cuts = _cuts(
            (
                *policy.rules,
                *(found.rule for found in policy.surcharges),
                *(found.rule for found in policy.requirements),
                *(found.rule for found in policy.watches),
            )
        )
        self._seen: defaultdict[int, dict[Combination, Seen]] = defaultdict(dict)
        """By stretch of days in which the rules in force stay the same."""
        self._around: defaultdict[tuple[object, ...], dict[tuple[object, ...], Seen]] = defaultdict(
            dict
        )
        self._days: dict[tuple[tuple[str, str], tuple[date, ...]], _Days] = {}
        self._day_numbers: dict[tuple[object, ...], int] = {}

    @property
    def fresh(self) -> int:
        """Distinct combinations decided so far, each by both matchers."""
        others = [chooser for _, chooser in (*self._surcharges, *self._watches)]
        return sum(chooser.fresh for chooser in (self._rules, self._gate, *others))

    def see(self, subject: Subject) -> Seen:
        """What of ``subject`` matters to the rules."""
        facts = self._coder.combination(subject)
        day = subject.entry.date
        known = self._seen[bisect_right(self._cuts, day) if self._cuts else 0]
        found = known.get(facts)
        if found is None:
            found = known[facts] = Seen(self, day, facts)
        return found

    @property
    def counts_tickets(self) -> bool:
        """Whether the rules look at how much was worked on a ticket."""
        return self._coder.counts_tickets

    def outlook(self, subject: Subject, worked: Mapping[str, int]) -> Outlook:
        """What entries see that have the same around them as ``subject``.

        ``worked`` holds, by entry, the seconds of its ticket; it is asked where the rules
        :attr:`counts_tickets`.
        """
        coder = self._coder
        home, cuts = (subject.country, subject.region), coder.cuts(subject)
        days = self._days.get((home, cuts))
        if days is None:
            days = _Days(self._day_numbers, self._cuts, coder, home, cuts)
            self._days[home, cuts] = days
        return Outlook(coder.own(worked), days, self._around[coder.around(subject)])

    def decide(self, day: date, facts: Combination) -> Rule:
        """See :attr:`Seen.rule`."""
        return self._rules.choose(day, facts) or self._policy.otherwise

    def factors(self, day: date, facts: Combination) -> Factors:
        """See :attr:`Seen.factors`."""
        price = hours = _ONE
        on_price: list[str] = []
        for surcharge, chooser in self._surcharges:
            if chooser.choose(day, facts) is not None:
                if surcharge.on == "price":
                    price = multiply(price, surcharge.times)
                    on_price.append(surcharge.rule.id)
                else:
                    hours = multiply(hours, surcharge.times)
        return price, hours, tuple(on_price)

    def requirement(self, day: date, full: Combination) -> Requirement | None:
        """See :meth:`Seen.requirement`; the last of ``full`` is the disposition."""
        if not self._requirements:
            return None
        rule = self._gate.choose(day, full)
        return self._requirements[rule.id] if rule is not None else None

    def watches(self, day: date, full: Combination) -> tuple[Watch, ...]:
        """See :meth:`Seen.watches`; the last of ``full`` is the disposition."""
        return tuple(
            [watch for watch, chooser in self._watches if chooser.choose(day, full) is not None]
        )


def _cuts(rules: tuple[Rule, ...]) -> list[date]:
    """Days on which the set of rules in force changes, ascending."""
    cuts = {rule.first for rule in rules if rule.first is not None}
    cuts |= {
        date.fromordinal(rule.until.toordinal() + 1)
        for rule in rules
        if rule.until is not None and rule.until != date.max
    }
    return sorted(cuts)
