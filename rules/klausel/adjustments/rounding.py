"""Rounding of time that passes, by groups inside a closing window (semantics 4, "Rounding")."""

from __future__ import annotations

from collections.abc import Sequence

from klausel.charges.base import Work
from klausel.policy.ir import Rounding

#: What is rounded at all.
ROUNDED = frozenset(("service", "change", "third_party"))

Group = tuple[object, ...]


def group_of(rule: Rounding, work: Work) -> Group:
    """The group of ``work`` inside its window."""
    per, entry = rule.per, work.entry
    if per == "period":
        return ()
    if per == "day":
        return ("", entry.date)
    if per == "entry" or not work.ticket:
        return ("entry", entry.id)
    return ("", work.ticket) if per == "ticket" else ("", work.ticket, entry.date)


def rounded(rule: Rounding, seconds: int) -> int:
    """The sum of a group, rounded; zero stays zero, negative time is the mirror of positive."""
    if seconds <= 0:
        return -_steps(rule, -seconds)
    return max(_steps(rule, seconds), rule.minimum)


def _steps(rule: Rounding, seconds: int) -> int:
    steps, rest = divmod(seconds, rule.to)
    if rest and (rule.mode == "up" or (rule.mode == "nearest" and 2 * rest >= rule.to)):
        steps += 1
    return steps * rule.to


def shared(seconds: Sequence[int], total: int) -> list[int]:
    """``total`` over entries of ``seconds``: what is added goes to the last one, what is removed
    comes off the last, then the one before. A sum below zero is the mirror of one above."""
    if len(seconds) == 1:
        return [total]
    if sum(seconds) < 0:
        return [-found for found in shared([-worked for worked in seconds], -total)]
    found = list(seconds)
    missing = total - sum(found)
    for number in reversed(range(len(found))):
        # Below zero where something is added: the last one gets all of it.
        off = min(-missing, max(found[number], 0))
        found[number] -= off
        missing += off
    return found
