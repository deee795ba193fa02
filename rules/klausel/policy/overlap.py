"""Rules that can both fit the same work on the same day (``hit: unique``).

Found on the predicates themselves, for thousands of rules: of every field's code, a set of the
rules that take it, as the bits of one number.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import accumulate
from operator import or_
from typing import NamedTuple

from klausel.matching import Condition
from klausel.money import quantity, shortest
from klausel.policy.facts import NumberField, VocabularyField
from klausel.policy.ir import Rule


class Overlap(NamedTuple):
    """Two rules, and a combination of codes that both match (only of fields that they name)."""

    first: Rule
    second: Rule
    example: tuple[tuple[int, int], ...]
    """``(field, code)``."""
    day: date | None
    """A day on which both are in force; None where all days are."""


def overlaps(fields: Sequence[VocabularyField], rules: Sequence[Rule]) -> list[Overlap]:
    """For each rule the first one above it that it has something in common with.

    Exceptions are left out: they lie within their rule.
    """
    codes = [field.possible for field in fields]
    rules = [_narrowed(rule, codes) for rule in rules if not rule.exception_of]
    taking = [[0] * field.size for field in fields]
    asking = [0] * len(fields)
    for number, rule in enumerate(rules):
        for field, asked in rule.conditions:
            asking[field] |= 1 << number
            for code in asked:
                taking[field][code] |= 1 << number
    everything = (1 << len(rules)) - 1
    days = _Days(rules)
    possible = _possible(rules)
    found = []
    for number, rule in enumerate(rules):
        above = (1 << number) - 1
        left = above & possible & days.with_common_day(number) if possible >> number & 1 else 0
        for field, asked in rule.conditions:
            takers = everything & ~asking[field]
            for code in asked:
                takers |= taking[field][code]
            left &= takers
            if not left:
                break
        if left:
            other = rules[(left & -left).bit_length() - 1]
            found.append(Overlap(other, rule, _example(other, rule), _common_day(other, rule)))
    return found


def _narrowed(rule: Rule, possible: Sequence[frozenset[int]]) -> Rule:
    """``rule`` with those codes only that some work can have."""
    conditions = tuple(
        Condition(field, codes & possible[field]) for field, codes in rule.conditions
    )
    return replace(rule, conditions=conditions)


def _possible(rules: Sequence[Rule]) -> int:
    """Rules that match anything at all."""
    return sum(
        1 << number
        for number, rule in enumerate(rules)
        if all(codes for _, codes in rule.conditions)
    )


class _Days:
    """Which rules have a day in common."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._spans = [(rule.first or date.min, rule.until or date.max) for rule in rules]
        by_first = sorted(range(len(rules)), key=lambda number: self._spans[number][0])
        by_last = sorted(range(len(rules)), key=lambda number: self._spans[number][1])
        self._firsts = [self._spans[number][0] for number in by_first]
        self._lasts = [self._spans[number][1] for number in by_last]
        self._begun: list[int] = [0, *accumulate((1 << number for number in by_first), or_)]
        ended: list[int] = [0, *accumulate((1 << number for number in reversed(by_last)), or_)]
        self._not_ended = ended[::-1]

    def with_common_day(self, number: int) -> int:
        first, last = self._spans[number]
        if first > last:
            return 0
        begun = self._begun[bisect_right(self._firsts, last)]
        return begun & self._not_ended[bisect_left(self._lasts, first)]


def _example(one: Rule, other: Rule) -> tuple[tuple[int, int], ...]:
    common = {found.field: found.codes for found in one.conditions}
    for field, codes in other.conditions:
        common[field] = common[field] & codes if field in common else codes
    return tuple((field, min(codes)) for field, codes in sorted(common.items()))


def _common_day(one: Rule, other: Rule) -> date | None:
    firsts = [day for day in (one.first, other.first) if day is not None]
    lasts = [day for day in (one.until, other.until) if day is not None]
    return max(firsts) if firsts else min(lasts, default=None)


def example_in_words(overlap: Overlap, fields: Sequence[VocabularyField]) -> str:
    """``work: update, estimate_hours: 17 on 2026-01-01``."""
    words = [
        f"{fields[field].name}: {_word(fields[field], code)}" for field, code in overlap.example
    ]
    text = ", ".join(words) or "any work"
    return f"{text} on {overlap.day}" if overlap.day is not None else text


def _word(field: VocabularyField, code: int) -> str:
    """A value of ``field`` that has ``code``; of a stretch of numbers, one inside it."""
    if isinstance(field, NumberField):
        return shortest(quantity(field.number_in(code), 4))
    return field.values[code]
