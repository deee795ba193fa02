"""What a matcher is: a table of conditions on coded fields in, the index of a rule out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

#: One combination of coded field values, one small integer a field.
Combination = tuple[int, ...]


class Condition(NamedTuple):
    """Field number ``field`` has one of ``codes``."""

    field: int
    codes: frozenset[int]


class DecisionTable(NamedTuple):
    """Rules in order, first match decides. A rule without conditions matches everything.

    ``sizes`` holds for each field the number of its codes (0 .. size - 1). The answer of a matcher
    is the index of the first rule that matches; ``len(rules)`` stands for "none", which the policy
    calls ``otherwise``.
    """

    sizes: tuple[int, ...]
    rules: tuple[tuple[Condition, ...], ...]

    @property
    def digest(self) -> str:
        """Content hash; equal tables have equal digests on every machine."""
        text = repr(
            (self.sizes, [[(c.field, sorted(c.codes)) for c in rule] for rule in self.rules])
        )
        return hashlib.sha256(text.encode()).hexdigest()[:24]


class Matcher(Protocol):
    """Decides combinations of one table."""

    name: str

    def decide(self, combination: Combination) -> int:
        """Index of the first rule that matches, or the number of rules."""
        ...  # pragma: no cover


MatcherFactory = Callable[[DecisionTable], Matcher]


class TooManyRules(Exception):
    """The table is larger than the matcher can take. ``count`` conditions, at most ``most``."""

    def __init__(self, count: int, most: int) -> None:
        self.count = count
        self.most = most
        super().__init__(f"{count} simple conditions, at most {most}")
