"""Days: what is over, and what follows upon itself with a gap or twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

from klausel.policy.check.context import Checked, pieces
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.check.words import said_days
from klausel.policy.ir import Rule

#: What is said where other days would leave nothing to some rule.
ADVICE = "correct the days of one of the two"

#: Days between two rules that ask for the same; more is a season, not a slip.
MOST_GAP = 31


def over(checked: Checked) -> Iterator[Finding]:
    """Whatever ended before the day of the check."""
    for kind, rules in _kinds(checked):
        for numbers in pieces(rules):
            ends = [rules[number].until for number in numbers]
            last = max((day for day in ends if day is not None), default=None)
            if last is not None and None not in ends and last < checked.as_of:
                rule = rules[numbers[0]]
                where = checked.raw.below(rule.where, "until")
                yield finding("rule-over", where, what=f"{kind} {rule.id}", until=last)


def successions(checked: Checked) -> Iterator[Finding]:
    """Rules that ask for the same one after the other, with days between or in common."""
    for kind, rules in _kinds(checked):
        same: dict[object, list[Rule]] = {}
        for rule in rules:
            # An exception takes the place of its rule from some day on: that is what it is for.
            same.setdefault((rule.exception_of, frozenset(rule.conditions)), []).append(rule)
        for group in same.values():
            if len(group) > 1:
                yield from _followed(checked, kind, sorted(group, key=_from))


def _followed(checked: Checked, kind: str, rules: Sequence[Rule]) -> Iterator[Finding]:
    for before, rule in pairwise(rules):
        if before.until is None or rule.first is None or before.until == date.max:
            continue
        gap = rule.first.toordinal() - before.until.toordinal() - 1
        where = checked.raw.below(rule.where, "from")
        fields = {"id": f"{kind} {rule.id}", "other": f"{kind} {before.id}"}
        related = (Related(checked.raw.below(before.where, "until"), fields["other"]),)
        last = _day(rule.first, -1)
        if gap > 0:
            first = _day(before.until, 1)
            if gap <= MOST_GAP and not any(_in_force(other, first, last) for other in rules):
                advised = [
                    f"{fields[whose]} {word} on {day}"
                    for whose, one, word, day in (
                        ("id", rule, "begin", first), ("other", before, "end", last),
                    )
                    if _helps(checked, kind, one, word, day)
                ]  # fmt: skip
                yield finding(
                    "days-gap", where, related, **fields, days=said_days(first, last),
                    advice=f"let {', or '.join(advised)}" if advised else ADVICE,
                )  # fmt: skip
        elif gap < 0 and _goes_on(before, rule):
            days = said_days(rule.first, before.until)
            advice = ADVICE
            if _helps(checked, kind, before, "end", last):
                advice = (
                    f"let {fields['other']} end on {last}, the day before {fields['id']} begins"
                )
            yield finding("days-overlap", where, related, **fields, days=days, advice=advice)


def _helps(checked: Checked, kind: str, rule: Rule, word: str, day: date) -> bool:
    """Whether everything that decides something still does where ``rule`` begins or ends so."""
    policy = checked.policy
    moved = replace(rule, first=day) if word == "begin" else replace(rule, until=day)
    if kind == "rule":
        after = checked.with_policy(
            rules=tuple(moved if one is rule else _within(one, moved) for one in policy.rules)
        )
        if policy.hit == "unique":
            number = next(n for n, one in enumerate(policy.rules) if one is rule)
            mine = [n for n, one in enumerate(policy.rules) if one.exception_of == rule.id]
            own = sum(1 << n for n in (number, *mine))
            if after.stack.meeting(after.boxes[number]) & after.ruled & ~own:
                return False
    elif kind == "approval":
        after = checked.with_policy(
            requirements=tuple(
                replace(one, rule=moved) if one.rule is rule else one for one in policy.requirements
            )
        )
    else:
        return True
    return checked.alive <= after.alive


def _within(one: Rule, rule: Rule) -> Rule:
    """An exception of ``rule`` ends with it; any other rule stays as it is."""
    if one.exception_of != rule.id or rule.until is None or _until(one) <= rule.until:
        return one
    return replace(one, until=rule.until)


def _until(rule: Rule) -> date:
    return rule.until or date.max


def _goes_on(before: Rule, rule: Rule) -> bool:
    """Whether ``rule``, which begins no earlier, is meant to follow: it lasts longer, and
    ``before`` does not begin with it."""
    assert before.until is not None
    return before.first != rule.first and (rule.until is None or rule.until > before.until)


def _in_force(rule: Rule, first: date, last: date) -> bool:
    """Whether ``rule`` is in force on some day between."""
    begins = rule.first is None or rule.first <= last
    return begins and (rule.until is None or rule.until >= first)


def _kinds(checked: Checked) -> Iterator[tuple[str, tuple[Rule, ...]]]:
    policy = checked.policy
    yield "rule", policy.rules
    yield "surcharge", tuple(found.rule for found in policy.surcharges)
    yield "approval", tuple(found.rule for found in policy.requirements)
    yield "watch", tuple(found.rule for found in policy.watches)


def _from(rule: Rule) -> date:
    return rule.first or date.min


def _day(day: date, later: int) -> date:
    return date.fromordinal(day.toordinal() + later)
