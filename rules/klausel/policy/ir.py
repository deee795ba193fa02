"""A policy as the engine sees it: rules, their decision tables by date, and plans."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal, NamedTuple

from klausel.matching import Condition, Decider, DecisionTable, MatcherFactory
from klausel.policy.facts import Coder, Subject, VocabularyField
from klausel.problems import Where

Texts = Mapping[str, str]
GroupBy = Literal["contract", "customer"]


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

    def in_force(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (
            self.until is None or day <= self.until
        )


class PlanComponent(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy folder, read."""

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

    @property
    def stamp(self) -> str:
        """Version and content hash, as written into results and ledger rows."""
        return f"{self.name} {self.version} {self.hash}"


class Scope:
    """Decides the entries of one policy (semantics 3), in force on the entry's own date."""

    def __init__(
        self, policy: Policy, main: MatcherFactory | None, check: MatcherFactory | None
    ) -> None:
        self._policy = policy
        self._coder = Coder(policy.fields)
        self._matchers = {
            name: factory
            for name, factory in (("main", main), ("check", check))
            if factory is not None
        }
        self._cuts = _cuts(policy.rules)
        self._segments: dict[int, tuple[tuple[Rule, ...], Decider]] = {}

    @property
    def fresh(self) -> int:
        """Distinct combinations decided so far, each by both matchers."""
        return sum(decider.fresh for _, decider in self._segments.values())

    def decide(self, subject: Subject) -> Rule:
        """The rule that decides ``subject``; ``otherwise`` where none matches."""
        number = bisect_right(self._cuts, subject.entry.date) if self._cuts else 0
        segment = self._segments.get(number)
        if segment is None:
            segment = self._segment(subject.entry.date)
            self._segments[number] = segment
        rules, decider = segment
        index = decider.decide(self._coder.combination(subject))
        return rules[index] if index < len(rules) else self._policy.otherwise

    def _segment(self, day: date) -> tuple[tuple[Rule, ...], Decider]:
        rules = tuple(rule for rule in self._policy.rules if rule.in_force(day))
        sizes = tuple(vocabulary.size for vocabulary in self._policy.fields)
        table = DecisionTable(sizes, tuple(rule.conditions for rule in rules))
        return rules, Decider(table, **self._matchers)


def _cuts(rules: tuple[Rule, ...]) -> list[date]:
    """Days on which the set of rules in force changes, ascending."""
    cuts = {rule.first for rule in rules if rule.first is not None}
    cuts |= {
        date.fromordinal(rule.until.toordinal() + 1)
        for rule in rules
        if rule.until is not None and rule.until != date.max
    }
    return sorted(cuts)
