"""A policy of thousands of rules as a company could have it: a table of kinds of work by area."""

from __future__ import annotations

from datetime import date

AS_OF = date(2026, 5, 1)

WORKS, AREAS = 50, 20

_BECAUSE = "because: {en: So it was agreed., de: So ist es vereinbart., nl: Zo is het afgesproken.}"


def large_policy(count: int) -> str:
    """``count`` rules, each for one kind of work in one area and one of five sizes; and two that
    can never decide: ``X1`` behind five others, ``X2`` behind one."""
    lines = ["policy: large", 'version: "1"', "fields:"]
    lines += _field("work", "task_tag", [f"work{number}" for number in range(WORKS)])
    lines += _field("area", "project_tag", [f"area{number}" for number in range(AREAS)])
    lines += ["  estimate_hours: {number: {from: 0, to: 10000}}", "scope:", "  rules:"]
    sizes = (
        "less_than: 2",
        "at_least: 2, less_than: 8",
        "at_least: 8, less_than: 16",
        "at_least: 16, less_than: 40",
        "at_least: 40",
    )
    for number in range(count):
        work, area = number % WORKS, number // WORKS % AREAS
        size = sizes[number // WORKS // AREAS % len(sizes)]
        when = f"work: work{work}, area: area{area}, estimate_hours: {{{size}}}"
        then = ("included", "service", "change")[number % 3]
        lines += _rule(f"R{number}", when, then)
    lines += _rule("X1", "work: work3, area: area0", "change")
    lines += _rule("X2", "work: work7, area: area0, estimate_hours: {up_to: 1}", "change")
    lines.append(f"  otherwise: {{then: service, {_BECAUSE}}}")
    return "\n".join(lines) + "\n"


def _field(name: str, fact: str, values: list[str]) -> list[str]:
    lines = [f"  {name}:", f"    one_of: [{', '.join(values)}, other]", "    from:"]
    lines += [f"      - {{{fact}: {value}, is: {value}}}" for value in values]
    return [*lines, "      - {otherwise: other}"]


def _rule(id_: str, when: str, then: str) -> list[str]:
    return [
        f"    - id: {id_}",
        f"      when: {{{when}}}",
        f"      then: {then}",
        f"      {_BECAUSE}",
    ]
