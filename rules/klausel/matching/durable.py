"""The matcher on durable-rules. The only module that imports it.

durable-rules 2.0.28 is strong at first match over many rules and has sharp edges. What it is given
here avoids each of them:

* only small integers, never floats, None, Decimal or text, and no arithmetic in rules;
* fields under the aliases ``f0``..``fN`` (names are hashed to 32 bits and may collide);
* one message, one pattern a rule, flat conditions, every field always present; "one of" becomes
  several rules with the same answer, because ``$or`` fires once per arm;
* a catch-all at the lowest priority, because an event that nothing matches raises;
* unique priorities, plain one-argument actions that only store an integer, because an exception
  in an action is swallowed;
* bands of at most :data:`BAND` rules, asked in turn: below the 64 siblings, 256 identical
  conditions and 512 children of one node beyond which it errs or loops for ever;
* one event a call with a running id (equal facts are dropped as duplicates), one constant
  session id that is never deleted;
* a host whose timer threads never start (they run actions late);
* rulesets are never freed by the library, so each table is compiled once per process and named
  by its content.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import count, product
from math import prod
from typing import Any

from klausel.matching.port import Combination, Condition, DecisionTable, TooManyRules

#: Rules in one ruleset, its catch-all not counted.
BAND = 60

#: Simple rules of one table after "one of" is written out.
MOST_RULES = 20_000

_SESSION = "k"


def _import_engine() -> Any:
    """The library's module. Its extension names a symbol that Python 3.13 no longer has.

    The symbol is never called, so binding it lazily is enough where the build did not already
    replace it.
    """
    if not hasattr(sys, "setdlopenflags"):
        from durable import engine

        return engine
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_LAZY)
    try:
        from durable import engine
    finally:
        sys.setdlopenflags(flags)
    return engine


@lru_cache(maxsize=1)
def _host() -> Any:
    engine = _import_engine()

    base: Any = engine.Host

    class QuietHost(base):  # type: ignore[misc]
        """A host without the timer threads of the stock one."""

        def _run(self) -> None:
            return

    return QuietHost()


def runs(codes: Iterable[int]) -> list[tuple[int, int]]:
    """``codes`` as runs ``(lowest, highest)`` of neighbours: a range needs one rule, not many."""
    found: list[tuple[int, int]] = []
    for code in sorted(codes):
        if found and found[-1][1] == code - 1:
            found[-1] = (found[-1][0], code)
        else:
            found.append((code, code))
    return found


def simple_count(sizes: Sequence[int], rule: Iterable[Condition]) -> int:
    """How many simple rules ``rule`` becomes; see :func:`simple_rules`."""
    return prod(len(found) for _, found in _narrowing(sizes, rule))


def _narrowing(
    sizes: Sequence[int], rule: Iterable[Condition]
) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Fields of ``rule`` with the runs of their codes, where not every code will do."""
    for field, codes in rule:
        found = runs(codes)
        if found != [(0, sizes[field] - 1)]:
            yield field, found


def simple_rules(table: DecisionTable) -> list[tuple[int, tuple[tuple[int, int, int], ...]]]:
    """``(answer, ((field, lowest, highest), ...))`` in order; raises :class:`TooManyRules`."""
    per_rule = []
    total = 0
    for index, rule in enumerate(table.rules):
        choices = [
            [(field, low, high) for low, high in found]
            for field, found in _narrowing(table.sizes, rule)
        ]
        total += prod(map(len, choices))
        per_rule.append((index, choices))
    if total > MOST_RULES:
        raise TooManyRules(total, MOST_RULES)
    return [(index, arm) for index, choices in per_rule for arm in product(*choices)]


class DurableMatcher:
    """A table compiled to bands of durable-rules rulesets."""

    name = "durable-rules"

    def __init__(self, table: DecisionTable) -> None:
        self._none = len(table.rules)
        self._fields = tuple(f"f{number}" for number in range(len(table.sizes)))
        self._answer = -1
        self._ids = count(1)
        self._bands: list[str] = []
        rules = simple_rules(table)
        digest = table.digest
        for number, start in enumerate(range(0, len(rules), BAND)):
            name = f"klausel_{digest}_{number}_{id(self):x}"
            _host().register_rulesets({name: self._ruleset(rules[start : start + BAND])})
            self._bands.append(name)

    def _ruleset(
        self, rules: list[tuple[int, tuple[tuple[int, int, int], ...]]]
    ) -> Mapping[str, Any]:
        ruleset: dict[str, Any] = {}
        for priority, (answer, conditions) in enumerate(rules):
            terms: list[dict[str, Any]] = []
            for field, low, high in conditions:
                alias = self._fields[field]
                if low == high:
                    terms.append({alias: low})
                else:
                    terms += [{"$gte": {alias: low}}, {"$lte": {alias: high}}]
            if not terms:
                terms = [{"$gte": {"n": 0}}]
            pattern = terms[0] if len(terms) == 1 else {"$and": terms}
            ruleset[f"r{priority}"] = {
                "all": [{"m": pattern}],
                "run": self._store(answer),
                "pri": priority,
            }
        ruleset["otherwise"] = {
            "all": [{"m": {"$gte": {"n": 0}}}],
            "run": self._store(self._none),
            "pri": len(rules) + 1,
        }
        return ruleset

    def _store(self, answer: int) -> Any:
        def action(_: Any) -> None:
            self._answer = answer

        return action

    def decide(self, combination: Combination) -> int:
        for name in self._bands:
            number = next(self._ids)
            message: dict[str, Any] = dict(zip(self._fields, combination, strict=True))
            message |= {"id": number, "sid": _SESSION, "n": 0}
            self._answer = -1
            _host().post(name, message)
            if self._answer < 0:
                raise RuntimeError(f"durable-rules gave no answer for {combination}")
            if self._answer != self._none:
                return self._answer
        return self._none


@cache
def compile_table(table: DecisionTable) -> DurableMatcher:
    """The matcher of ``table``, compiled once per process. Raises :class:`TooManyRules`."""
    return DurableMatcher(table)
