"""Rounding of groups of time (semantics 6)."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from tests.oracle.facts import Facts
from tests.oracle.numbers import HOUR, number


def span(words: object) -> int:
    """Seconds of ``15m`` or ``1h``."""
    text = str(words).strip()
    return int(number(text[:-1]) * (60 if text.endswith("m") else HOUR))


def rounded(secs: int, how: Facts | None) -> int:
    """A sum of seconds, rounded by its absolute value."""
    if not how or secs == 0:
        return secs
    step, mode = span(how["to"]), how.get("mode") or "up"
    steps = Fraction(abs(secs), step)
    if mode == "up":
        result = ceil(steps) * step
    elif mode == "down":
        result = floor(steps) * step
    else:
        result = floor(steps + Fraction(1, 2)) * step
    if secs < 0:
        return -result
    return max(result, span(how["minimum"])) if how.get("minimum") else result


def group_of(entry: Facts, how: Facts) -> tuple[str, ...]:
    """What an entry is rounded together with, inside its window."""
    per = how.get("per") or "entry"
    alone = ("entry", entry["id"])
    if per == "ticket_day":
        return ("ticket", entry["ticket"], str(entry["date"])) if entry["ticket"] else alone
    if per == "ticket":
        return ("ticket", entry["ticket"]) if entry["ticket"] else alone
    if per == "day":
        return ("day", str(entry["date"]))
    return ("period",) if per == "period" else alone


def shared(worked: list[int], total: int) -> list[int]:
    """``total`` over the entries of a group: more goes to the last, less comes off the last."""
    result = list(worked)
    more = total - sum(worked)
    sign = 1 if sum(worked) >= 0 else -1
    if more * sign >= 0:
        result[-1] += more
        return result
    for place in reversed(range(len(result))):
        if result[place] * sign > 0 and more:
            off = min(abs(more), abs(result[place]))
            result[place] -= sign * off
            more += sign * off
    return result
