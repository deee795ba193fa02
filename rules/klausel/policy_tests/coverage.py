"""What of a policy its tests reach: every rule that decides, every boundary of a range.

A boundary of a range has two goals: an entry whose number is just the boundary, and one whose
number lies just on its other side, where all else that the rule asks for holds and no rule before
it decides. A boundary that somebody moves then fails a test.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from klausel.fields import DISPOSITIONS
from klausel.matching import Condition
from klausel.money import hours_exact, shortest
from klausel.policy import Policy
from klausel.policy.facts import NumberField
from klausel.policy.ir import CHARGED, Rule
from klausel.policy_tests.play import Observed, Outcome, holds
from klausel.problems import Where
from klausel.scenario import play

Kind = Literal["rule", "otherwise", "surcharge", "approval", "watch"]

#: How far from a boundary a number may lie and still be just beyond it: a quarter of an hour.
NEAR = 900


class Edge(NamedTuple):
    """One side of a boundary of a range."""

    field: int
    name: str
    threshold: int
    """Seconds."""
    side: int
    """0 at the boundary, -1 just below it, 1 just above it."""
    code: int
    """What the field then has."""


class Goal(NamedTuple):
    """Something of the policy that a test should reach."""

    kind: Kind
    rule: Rule
    edge: Edge | None = None

    @property
    def key(self) -> tuple[str, str, int, int]:
        """A rule may be there several times, for stretches of days; it is one rule."""
        if self.edge is None:
            return self.rule.id, "", 0, 0
        return self.rule.id, self.edge.name, self.edge.threshold, self.edge.side

    @property
    def name(self) -> str:
        if self.edge is None:
            return self.rule.id
        side = {-1: "just below", 0: "at", 1: "just above"}[self.edge.side]
        return f"{self.rule.id}: {self.edge.name} {side} {hours_said(self.edge.threshold)}"

    @property
    def where(self) -> Where:
        return self.rule.where


class Coverage(NamedTuple):
    reached: tuple[Goal, ...]
    missing: tuple[Goal, ...]
    unnoticed: tuple[Goal, ...] = ()
    """Those of the missing that tests reach without a word that would fail if they were gone."""

    @property
    def total(self) -> int:
        return len(self.reached) + len(self.missing)


def hours_said(seconds: int) -> str:
    """Hours as people write them: 16.25, and 0:20 where that is no short number."""
    if seconds % 36 and not seconds % 60:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02}"
    return shortest(hours_exact(seconds))


def coverage(policy: Policy, outcomes: Iterable[Outcome]) -> Coverage:
    """Which goals of ``policy`` are reached by tests that would fail without them."""
    seen = {
        (one, outcome.words, outcome.words is None and outcome.test.name): outcome
        for outcome in outcomes
        for one in outcome.observed
    }
    goals: dict[tuple[str, str, int, int], Goal] = {}
    done: set[tuple[str, str, int, int]] = set()
    met: set[tuple[str, str, int, int]] = set()
    for goal in goals_of(policy):
        goals.setdefault(goal.key, goal)
        if goal.key in done:
            continue
        there = [found for found in seen.items() if reaches(policy, goal, found[0][0])]
        met |= {goal.key} if there else set()
        short = ((one, words) for (one, words, _), _ in there if words is not None)
        if any(compares(policy, goal, one, words) for one, words in short) or any(
            _notices(policy, goal, found)
            for found in {id(found): found for _, found in there if found.words is None}.values()
        ):
            done.add(goal.key)
    missing = tuple(goal for key, goal in goals.items() if key not in done)
    return Coverage(
        tuple(goal for key, goal in goals.items() if key in done),
        missing,
        tuple(goal for goal in missing if goal.key in met),
    )


#: Kind of a goal -> the word of ``expect`` that is about it.
WORDS: dict[Kind, str] = {"approval": "approval", "surcharge": "surcharges", "watch": "watches"}


def compares(policy: Policy, goal: Goal, one: Observed, words: Container[str]) -> bool:
    """Whether a test of an entry that the rules saw as ``one`` and that compares ``words`` would
    fail without what ``goal`` is about, or with another boundary."""
    if goal.kind in WORDS:
        return WORDS[goal.kind] in words
    if "rule" in words or goal.kind == "otherwise":
        return "rule" in words or "disposition" in words
    return "disposition" in words and _decided(policy, goal, one, True) != _decided(
        policy, goal, one, False
    )


def _decided(policy: Policy, goal: Goal, one: Observed, held: bool) -> str:
    """The disposition of ``one`` if the goal's rule held, or did not."""
    for rule in policy.rules:
        if held if rule.id == goal.rule.id else holds(rule, one.day, one.combination):
            return rule.disposition
    return policy.otherwise.disposition


def _notices(policy: Policy, goal: Goal, outcome: Outcome) -> bool:
    """Whether a scenario's lines and amounts would be others without what ``goal`` is about."""
    scenario = outcome.test.scenario
    if goal.kind not in WORDS or scenario is None:
        return True
    without = scenario._replace(policies=(removed(policy, goal.rule.id),))
    return tuple(play(without)[1]) != outcome.mismatches


def removed(policy: Policy, id_: str) -> Policy:
    """``policy`` without the rule, surcharge, approval or watch ``id_``."""
    return replace(
        policy,
        rules=tuple(found for found in policy.rules if found.id != id_),
        surcharges=tuple(found for found in policy.surcharges if found.rule.id != id_),
        requirements=tuple(found for found in policy.requirements if found.rule.id != id_),
        watches=tuple(found for found in policy.watches if found.rule.id != id_),
    )


def goals_of(policy: Policy) -> Iterator[Goal]:
    """All that tests of ``policy`` should reach, in the order of the files."""
    for kind, rules in rule_groups(policy):
        for rule in rules:
            yield Goal(kind, rule)
            for condition in rule.conditions:
                yield from _edges(policy, kind, rule, condition)


def rule_groups(policy: Policy) -> list[tuple[Kind, list[Rule]]]:
    """All rules of ``policy``, by what they are rules of."""
    return [
        ("rule", list(policy.rules)),
        ("otherwise", [policy.otherwise]),
        ("surcharge", [found.rule for found in policy.surcharges]),
        ("approval", [found.rule for found in policy.requirements]),
        ("watch", [found.rule for found in policy.watches]),
    ]


def _edges(policy: Policy, kind: Kind, rule: Rule, condition: Condition) -> Iterator[Goal]:
    """The boundaries of a condition on a number: where it begins or stops to hold."""
    if condition.field >= len(policy.fields):
        return  # the disposition
    field = policy.fields[condition.field]
    if not isinstance(field, NumberField):
        return
    for code in range(field.size - 1):
        if (code in condition.codes) == (code + 1 in condition.codes):
            continue
        for side_code in (code, code + 1):
            threshold = field.thresholds[code // 2]
            side = 0 if side_code % 2 else (1 if side_code > code else -1)
            edge = Edge(condition.field, field.name, threshold, side, side_code)
            yield Goal(kind, rule, edge)


def reaches(policy: Policy, goal: Goal, one: Observed) -> bool:
    """Whether an entry that the rules saw as ``one`` reaches ``goal``."""
    combination = one.combination
    if goal.kind in ("approval", "watch"):
        if one.disposition not in CHARGED:
            return False
        combination = (*combination, DISPOSITIONS.index(one.disposition))
    rule = goal.rule
    if goal.edge is not None:
        edge = goal.edge
        if one.combination[edge.field] != edge.code:
            return False
        if edge.side and abs(one.numbers[edge.field] - edge.threshold) > NEAR:
            return False
        rest = tuple(found for found in rule.conditions if found.field != edge.field)
        if not _holds(rule, rest, one, combination):
            return False
    elif goal.kind != "otherwise" and not holds(rule, one.day, combination):
        return False
    return not any(holds(other, one.day, combination) for other in _before(policy, goal))


def _holds(
    rule: Rule, conditions: Sequence[Condition], one: Observed, combination: tuple[int, ...]
) -> bool:
    return rule.in_force(one.day) and all(
        combination[condition.field] in condition.codes for condition in conditions
    )


def _before(policy: Policy, goal: Goal) -> list[Rule]:
    """Rules that are asked before the goal's, of which the first that holds is taken."""
    if goal.kind == "otherwise":
        return list(policy.rules)
    if goal.kind == "rule":
        rules = list(policy.rules)
    elif goal.kind == "approval":
        rules = [found.rule for found in policy.requirements]
    else:
        return []
    return rules[: next(n for n, rule in enumerate(rules) if rule is goal.rule)]
