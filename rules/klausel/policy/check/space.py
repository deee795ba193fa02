"""The finite space that a policy decides on, and boxes in it: rules are geometry here.

A column is a field of the vocabulary with its codes; the last column holds the stretches of days
in which the same rules are in force. A set of codes is an integer with a bit for each code. A rule
is a box: for each column the codes that it takes. Codes that can never occur (a word that no line
produces, numbers beyond the field's limits) are no part of a column.

Nothing is sampled: whether boxes cover a box is found out by splitting it column by column, over
the codes that the boxes treat alike (as compilers tell which case of a match is never used).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from klausel.policy.facts import NumberField, VocabularyField, WordField
from klausel.policy.ir import Rule

#: Codes by column.
Box = tuple[int, ...]

#: First and last number of a field, in seconds; None is without limit.
Limits = tuple[int | None, int | None]

#: Steps of all searches of a check together; then it ends without an answer, after a minute or so.
MOST_STEPS = 3_000_000


class TooEntangled(Exception):
    """The rules cannot be told apart in reasonable time."""


def bits(codes: int) -> Iterator[int]:
    """The codes of a set, ascending."""
    while codes:
        lowest = codes & -codes
        yield lowest.bit_length() - 1
        codes ^= lowest


def mask(codes: Iterable[int]) -> int:
    found = 0
    for code in codes:
        found |= 1 << code
    return found


class Column(NamedTuple):
    """One dimension: ``allowed`` codes, which are ``ordered`` where they are numbers or days."""

    name: str
    allowed: int
    ordered: bool


def allowed_codes(field: VocabularyField, limits: Limits = (None, None)) -> int:
    """Codes of ``field`` that occur."""
    if isinstance(field, WordField):
        return mask({source.code for source in field.sources})
    return mask(code for code in range(field.size) if stretch(field, code, limits) is not None)


def stretch(
    field: NumberField, code: int, limits: Limits = (None, None)
) -> tuple[int | None, int | None] | None:
    """First and last second of ``code``; None where no whole second lies in it."""
    number, is_threshold = divmod(code, 2)
    cuts = field.thresholds
    if is_threshold:
        first: int | None = cuts[number]
        last: int | None = cuts[number]
    else:
        first = cuts[number - 1] + 1 if number else None
        last = cuts[number] - 1 if number < len(cuts) else None
    low, high = limits
    if low is not None:
        first = low if first is None else max(first, low)
    if high is not None:
        last = high if last is None else min(last, high)
    if first is not None and last is not None and first > last:
        return None
    return first, last


class Days:
    """Stretches of days between the dates on which some rule begins or has ended."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        cuts = set()
        for rule in rules:
            if rule.first is not None:
                cuts.add(rule.first)
            if rule.until is not None and rule.until != date.max:
                cuts.add(date.fromordinal(rule.until.toordinal() + 1))
        cuts.discard(date.min)
        self.cuts = sorted(cuts)

    @property
    def size(self) -> int:
        return len(self.cuts) + 1

    def of(self, first: date | None, last: date | None) -> int:
        """Stretches that have a day from ``first`` to ``last``."""
        begins = bisect_right(self.cuts, first) if first is not None else 0
        ends = bisect_right(self.cuts, last) if last is not None else len(self.cuts)
        return (1 << (ends + 1)) - (1 << begins) if begins <= ends else 0

    def span(self, codes: int) -> tuple[date | None, date | None]:
        """First and last day of neighbouring stretches."""
        known = list(bits(codes))
        first, last = known[0], known[-1]
        return (
            self.cuts[first - 1] if first else None,
            date.fromordinal(self.cuts[last].toordinal() - 1) if last < len(self.cuts) else None,
        )


class Space(NamedTuple):
    """Columns for fields, and one for days at the end."""

    columns: tuple[Column, ...]
    days: Days

    @property
    def whole(self) -> Box:
        return tuple(column.allowed for column in self.columns)

    def box(self, rule: Rule) -> Box:
        """What ``rule`` takes, as far as it can occur. A disposition is no part of it."""
        codes = [column.allowed for column in self.columns]
        last = len(codes) - 1
        for condition in rule.conditions:
            if condition.field < last:
                codes[condition.field] &= mask(condition.codes)
        codes[last] = self.days.of(rule.first, rule.until)
        return tuple(codes)


def space_of(
    fields: Sequence[VocabularyField], limits: Sequence[Limits], rules: Iterable[Rule]
) -> Space:
    """The space of ``fields`` within ``limits``, cut at the days of ``rules``."""
    days = Days(rules)
    columns = [
        Column(field.name, allowed_codes(field, limit), isinstance(field, NumberField))
        for field, limit in zip(fields, limits, strict=True)
    ]
    columns.append(Column("", (1 << days.size) - 1, True))
    return Space(tuple(columns), days)


def is_empty(box: Box) -> bool:
    return not all(box)


def meet(one: Box, other: Box) -> Box:
    return tuple(a & b for a, b in zip(one, other, strict=True))


def contains(outer: Box, inner: Box) -> bool:
    return all(not b & ~a for a, b in zip(outer, inner, strict=True))


class Steps:
    """How much a check has looked at already."""

    def __init__(self, most: int = MOST_STEPS) -> None:
        self.left = most

    def take(self, number: int = 1) -> None:
        self.left -= number
        if self.left < 0:
            raise TooEntangled


class Stack:
    """Many boxes, asked together: sets of them are integers with a bit for each."""

    def __init__(self, space: Space, boxes: Sequence[Box], steps: Steps | None = None) -> None:
        self.space = space
        self._steps = steps or Steps()
        self.boxes = tuple(boxes)
        self.all = 0
        whole = space.whole
        self._free = [0] * len(whole)
        """By column: boxes that take all of it."""
        self._some = [dict[int, int]() for _ in whole]
        """By column and code: the other boxes that take it."""
        for number, box in enumerate(boxes):
            if is_empty(box):
                continue
            bit = 1 << number
            self.all |= bit
            for place, codes in enumerate(box):
                if codes == whole[place]:
                    self._free[place] |= bit
                    continue
                some = self._some[place]
                for code in bits(codes):
                    some[code] = some.get(code, 0) | bit

    def taking(self, place: int, code: int) -> int:
        """Boxes that take ``code`` in the column ``place``."""
        return self._free[place] | self._some[place].get(code, 0)

    def meeting(self, box: Box) -> int:
        """Boxes that have something in common with ``box``."""
        found = self.all if not is_empty(box) else 0
        for place, codes in enumerate(box):
            if not found:
                return 0
            some = self._some[place]
            if not some:
                continue
            here = self._free[place]
            if len(some) < codes.bit_count():
                for code, taking in some.items():
                    if codes >> code & 1:
                        here |= taking
            else:
                for code in bits(codes):
                    here |= some.get(code, 0)
            found &= here
        return found

    def containing(self, box: Box, among: int) -> int:
        """Those of the boxes ``among`` that contain ``box``."""
        for place in range(len(box)):
            if not among:
                return 0
            among &= self._holding(place, box[place])
        return among

    def _holding(self, place: int, codes: int) -> int:
        """Boxes that take all ``codes`` in a column."""
        some = self._some[place]
        free = self._free[place]
        if codes.bit_count() > len(some):
            return free
        found = -1
        for code in bits(codes):
            found &= some.get(code, 0)
            if not found:
                break
        return free | (found if found > 0 else 0)

    def hole(self, box: Box, among: int) -> Box | None:
        """A part of ``box`` that none of the boxes ``among`` meets; None where they cover it."""
        return next(self.holes(box, among), None)

    def holes(self, box: Box, among: int) -> Iterator[Box]:
        """All of ``box`` that none of the boxes ``among`` meets, in parts that are disjoint; in a
        column with an order each has neighbours only."""
        if is_empty(box):
            return
        among &= self.meeting(box)
        holding = [self._holding(place, codes) for place, codes in enumerate(box)]
        order = [place for place in range(len(box)) if among & ~holding[place]]
        order.sort(key=lambda place: -(among & ~holding[place]).bit_count())
        after = [-1] * (len(order) + 1)
        for depth in range(len(order) - 1, -1, -1):
            after[depth] = after[depth + 1] & holding[order[depth]]
        search = _Search(self, box, order, after, self._steps)
        yield from search.run(0, among, list(box))


class _Search:
    """One search for holes; what led to none is not looked at again."""

    def __init__(
        self, stack: Stack, box: Box, order: Sequence[int], after: Sequence[int], steps: Steps
    ) -> None:
        self._stack = stack
        self._box = box
        self._order = order
        self._after = after
        self._steps = steps
        self._dead: set[tuple[int, int]] = set()

    def run(self, depth: int, among: int, chosen: list[int]) -> Iterator[Box]:
        """Holes where the first ``depth`` columns in order are ``chosen``; the boxes ``among``
        take all of what is chosen."""
        if not among:
            yield tuple(chosen)
            return
        if among & self._after[depth] or (depth, among) in self._dead:
            return
        place = self._order[depth]
        parts = self._parts(place, among)
        self._steps.take(1 + len(parts))
        found = False
        for rest, codes in sorted(parts, key=_fewest):
            chosen[place] = codes
            for hole in self.run(depth + 1, rest, chosen):
                found = True
                yield hole
        chosen[place] = self._box[place]
        if not found:
            self._dead.add((depth, among))

    def _parts(self, place: int, among: int) -> list[tuple[int, int]]:
        """``(boxes, codes)``: codes of a column which the same boxes take."""
        ordered = self._stack.space.columns[place].ordered
        known: dict[int, int] = {}
        runs: list[tuple[int, int]] = []
        for code in bits(self._box[place]):
            rest = among & self._stack.taking(place, code)
            if not ordered:
                known[rest] = known.get(rest, 0) | 1 << code
            elif runs and runs[-1][0] == rest:
                runs[-1] = (rest, runs[-1][1] | 1 << code)
            else:
                runs.append((rest, 1 << code))
        return runs if ordered else list(known.items())


def _fewest(part: tuple[int, int]) -> tuple[int, int]:
    return part[0].bit_count(), part[1]


def widened(stack: Stack, hole: Box, among: int) -> Box:
    """``hole`` made as large as it can be without meeting the boxes ``among``."""
    found = list(hole)
    for place, column in enumerate(stack.space.columns):
        beside = stack.meeting((*found[:place], column.allowed, *found[place + 1 :])) & among
        free = mask(
            code
            for code in bits(column.allowed & ~found[place])
            if not beside & stack.taking(place, code)
        )
        if column.ordered:
            found[place] = _neighbours(found[place], free, column)
        else:
            found[place] |= free
    return tuple(found)


def _neighbours(codes: int, free: int, column: Column) -> int:
    """``codes`` with those of ``free`` that follow on either side without a break."""
    known = list(bits(column.allowed))
    low, high = known.index(next(bits(codes))), known.index(codes.bit_length() - 1)
    while low and free >> known[low - 1] & 1:
        low -= 1
    while high + 1 < len(known) and free >> known[high + 1] & 1:
        high += 1
    return mask(known[low : high + 1])
