"""What of a policy its tests reach: every rule that decides, every boundary of a range.

A boundary of a range has two goals: an entry whose number is just the boundary, and one whose
number lies just on its other side, where all else that the rule asks for holds and no rule before
it decides. A boundary that somebody moves then fails a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from klausel.fields import DISPOSITIONS
from klausel.matching import Condition
from klausel.money import hours_exact, shortest
from klausel.policy import Policy
from klausel.policy.facts import NumberField
from klausel.policy.ir import CHARGED, Rule
from klausel.policy_tests.play import Observed, holds
from klausel.problems import Where

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

    @property
    def total(self) -> int:
        return len(self.reached) + len(self.missing)


def hours_said(seconds: int) -> str:
    """Hours as people write them: 16.25, and 0:20 where that is no short number."""
    if seconds % 36 and not seconds % 60:
        return f"{seconds // 3600}:{seconds % 3600 // 60:02}"
    return shortest(hours_exact(seconds))


def coverage(policy: Policy, observed: Iterable[Observed]) -> Coverage:
    """Which goals of ``policy`` are reached by what its rules saw."""
    seen = list(dict.fromkeys(observed))
    goals: dict[tuple[str, str, int, int], Goal] = {}
    done: set[tuple[str, str, int, int]] = set()
    for goal in goals_of(policy):
        goals.setdefault(goal.key, goal)
        if goal.key not in done and any(reaches(policy, goal, one) for one in seen):
            done.add(goal.key)
    return Coverage(
        tuple(goal for key, goal in goals.items() if key in done),
        tuple(goal for key, goal in goals.items() if key not in done),
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
