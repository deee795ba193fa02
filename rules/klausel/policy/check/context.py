"""What the checks look at: a policy with its places, its space and, if there is one, its book."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, Literal, NamedTuple

from klausel.fields import DISPOSITIONS
from klausel.model import Book, Contract
from klausel.policy.check.space import (
    Box,
    Limits,
    Space,
    Stack,
    Steps,
    is_empty,
    meet,
    space_of,
)
from klausel.policy.compose import NO_FOLDER, Folder
from klausel.policy.facts import NumberField
from klausel.policy.ir import CHARGED, Policy, Rule
from klausel.problems import Where
from klausel.shapes import parse_seconds
from klausel.tree import Path, Tree


class Raw:
    """The located tree of a policy: where its words stand."""

    def __init__(self, tree: Tree, base: Path = (), folder: Folder = NO_FOLDER) -> None:
        self._tree = tree
        self._base = base
        self.folder = folder

    def get(self, *path: str | int) -> Any:
        """What is written at ``path``; None where nothing is."""
        found = self._tree.data
        for step in (*self._base, *path):
            if isinstance(found, dict) and isinstance(step, str):
                found = found.get(step)
            elif isinstance(found, list) and isinstance(step, int) and step < len(found):
                found = found[step]
            else:
                return None
        return found

    def where(self, *path: str | int) -> Where:
        """The place of ``path``, or of the nearest thing around it."""
        return self._tree.where((*self._base, *path))

    def below(self, where: Where, *path: str | int) -> Where:
        """The place of ``path`` below what stands at ``where``, or of what is around it."""
        known = self._paths.get(where, ())
        for length in range(len(path), 0, -1):
            for above in known:
                found = self._tree.places.get((*above, *path[:length]))
                if found is not None:
                    return found
        return where

    def is_text(self, where: Where, word: str) -> bool:
        """Whether a single text is written as ``word`` below what stands at ``where``."""
        known = self._paths.get(where, ())
        found = (self.get(*above[len(self._base) :], word) for above in known)
        return isinstance(next((one for one in found if one is not None), None), str)

    def at(self, where: Where) -> Any:
        """What is written at ``where``: the outermost of it."""
        known = self._paths.get(where)
        return self.get(*known[0][len(self._base) :]) if known else None

    @cached_property
    def _paths(self) -> dict[Where, list[Path]]:
        """By place: the paths that stand there, the outermost first."""
        found: dict[Where, list[Path]] = {}
        for path, where in self._tree.places.items():
            found.setdefault(where, []).append(path)
        for paths in found.values():
            paths.sort(key=len)
        return found


class Verdict(NamedTuple):
    """Whether a rule can decide: ``kind`` is empty where it can."""

    kind: Literal["", "impossible", "subsumed", "unreachable"]
    by: tuple[int, ...] = ()
    """The rules that leave nothing to it."""


@dataclass
class Checked:
    """A policy under examination."""

    policy: Policy
    raw: Raw
    as_of: date
    book: Book | None = None
    steps: Steps = field(default_factory=Steps)

    @cached_property
    def limits(self) -> tuple[Limits, ...]:
        """By field: its first and last number."""
        return tuple(
            self._limits(found.name) if isinstance(found, NumberField) else (None, None)
            for found in self.policy.fields
        )

    def _limits(self, name: str) -> Limits:
        number = self.raw.get("fields", name, "number")
        low, high = (
            number.get(word) if isinstance(number, dict) else None for word in ("from", "to")
        )
        return _seconds(low), _seconds(high)

    @cached_property
    def space(self) -> Space:
        return space_of(self.policy.fields, self.limits, self.everything)

    @property
    def everything(self) -> list[Rule]:
        """Whatever has a ``when``: rules, surcharges, approvals, watches."""
        return [*self.policy.rules, *conditions_of(self.policy)]

    @cached_property
    def boxes(self) -> tuple[Box, ...]:
        """Of the rules of scope."""
        return tuple(self.space.box(rule) for rule in self.policy.rules)

    @cached_property
    def needed(self) -> tuple[Box, ...]:
        """Of the approvals."""
        return tuple(self.space.box(found.rule) for found in self.policy.requirements)

    @cached_property
    def stack(self) -> Stack:
        """The rules of scope and behind them the approvals."""
        return Stack(self.space, (*self.boxes, *self.needed), self.steps)

    @property
    def ruled(self) -> int:
        """The rules of scope, as a set."""
        return (1 << len(self.boxes)) - 1

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """By rule of scope."""
        return tuple(self._verdict(number) for number in range(len(self.boxes)))

    def _verdict(self, number: int) -> Verdict:
        box = self.boxes[number]
        if is_empty(box):
            return Verdict("impossible")
        stack = self.stack
        above = stack.meeting(box) & ((1 << number) - 1)
        single = stack.containing(box, above)
        if single:
            return Verdict("subsumed", ((single & -single).bit_length() - 1,))
        if stack.hole(box, above) is not None:
            return Verdict("")
        return Verdict("unreachable", cover(stack, box, above))

    @cached_property
    def alive(self) -> frozenset[str]:
        """Ids of the rules that decide something, and of the approvals that some work needs."""
        stack, policy = self.stack, self.policy
        found = {
            rule.id
            for number, rule in enumerate(policy.rules)
            if stack.hole(self.boxes[number], stack.meeting(self.boxes[number]) & (1 << number) - 1)
        }
        return frozenset(found).union(
            one.rule.id
            for number, one in enumerate(policy.requirements)
            if self.applies(self.needed[number], asked(policy, one.rule), number)
        )

    def with_policy(self, **changes: Any) -> Checked:
        """The same check of a policy with other rules or approvals."""
        return replace(self, policy=replace(self.policy, **changes))

    @cached_property
    def yielded(self) -> dict[str, Rule]:
        """By disposition: a rule that decides so somewhere."""
        return self.yielded_in(self.space.whole)

    def yielded_in(self, box: Box) -> dict[str, Rule]:
        """By disposition: a rule that decides so somewhere in ``box``."""
        found: dict[str, Rule] = {}
        meeting = self.stack.meeting(box)
        for number, rule in enumerate((*self.policy.rules, self.policy.otherwise)):
            if rule.disposition in found:
                continue
            part = meet(box, self.boxes[number]) if number < len(self.boxes) else box
            if self.stack.hole(part, meeting & ((1 << number) - 1)) is not None:
                found[rule.disposition] = rule
        return found

    def applies(self, box: Box, dispositions: Iterable[str], needed_before: int = 0) -> bool:
        """Whether some work in ``box`` is decided to be one of ``dispositions`` that may cost
        something, and none of the first ``needed_before`` approvals is the one for it."""
        wanted = CHARGED.intersection(dispositions)
        stack, rules = self.stack, self.policy.rules
        meeting = stack.meeting(box)
        for number in range(len(rules) + 1):
            last = number == len(rules)
            if not last and not meeting >> number & 1:
                continue
            rule = self.policy.otherwise if last else rules[number]
            if rule.disposition not in wanted:
                continue
            among = meeting & ((1 << number) - 1)
            for place in range(needed_before):
                if rule.disposition in asked(self.policy, self.policy.requirements[place].rule):
                    among |= meeting & 1 << (len(rules) + place)
            part = box if last else meet(box, self.boxes[number])
            if stack.hole(part, among) is not None:
                return True
        return False

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Of the book: those with this policy."""
        if self.book is None:
            return ()
        return tuple(c for c in self.book.contracts if c.policy == self.policy.name)


def conditions_of(policy: Policy) -> list[Rule]:
    """The rules of surcharges, approvals and watches."""
    return [
        *(surcharge.rule for surcharge in policy.surcharges),
        *(needed.rule for needed in policy.requirements),
        *(watch.rule for watch in policy.watches),
    ]


def _seconds(text: object) -> int | None:
    try:
        return None if text is None else parse_seconds(str(text))
    except ValueError:
        return None


def asked(policy: Policy, rule: Rule) -> frozenset[str]:
    """Dispositions that the ``when`` of an approval or watch asks for; all where it names none."""
    place = len(policy.fields)
    codes = [condition.codes for condition in rule.conditions if condition.field == place]
    if not codes:
        return frozenset(DISPOSITIONS)
    return frozenset(DISPOSITIONS[code] for code in frozenset.intersection(*codes))


def cover(stack: Stack, box: Box, among: int, most: int = 40) -> tuple[int, ...]:
    """Some of the boxes ``among`` that cover ``box`` as well as all of them, none too many where
    there are not more than ``most``."""
    known = [number for number in range(among.bit_length()) if among >> number & 1]
    if len(known) > most:
        return tuple(known)
    for number in reversed(known):
        fewer = among & ~(1 << number)
        if stack.hole(box, fewer) is None:
            among = fewer
    return tuple(number for number in known if among >> number & 1)


def pieces(rules: Sequence[Rule]) -> list[list[int]]:
    """Numbers of rules that stand as one in the file: a dated value makes several of it."""
    found: dict[tuple[str, Where], list[int]] = {}
    for number, rule in enumerate(rules):
        found.setdefault((rule.id, rule.where), []).append(number)
    return list(found.values())
