"""Rules that can never decide: impossible, subsumed by one rule, unreachable behind several."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from klausel.policy.check.context import Checked, pieces
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.check.space import bits, mask
from klausel.policy.check.words import hours, joined, said_range
from klausel.policy.facts import NumberField, VocabularyField, WordField
from klausel.policy.ir import Rule
from klausel.problems import Where

#: Rules of which it is found out whether they can be moved.
MOST_LOOKED = 20


def dead_rules(checked: Checked) -> Iterator[Finding]:
    rules, verdicts = checked.policy.rules, checked.verdicts
    looked = 0
    for numbers in pieces(rules):
        mine = [verdicts[number] for number in numbers]
        if not all(verdict.kind for verdict in mine):
            continue
        rule = rules[numbers[0]]
        if all(verdict.kind == "impossible" for verdict in mine):
            if not _with_its_rule(checked, rule):
                yield _impossible(checked, rule)
            continue
        by = [rules[other] for verdict in mine for other in verdict.by]
        others = list(dict.fromkeys(other.id for other in by))
        related = tuple(
            Related(other.where, f"rule {other.id}")
            for other in {other.where: other for other in by}.values()
        )
        if others and all(other.exception_of == rule.id for other in by):
            name = "rule-subsumed:exception"
            if len(others) > 1:
                name = "rule-unreachable:exceptions"
            yield finding(name, rule.where, related, id=rule.id, other=joined(others))
            continue
        advice = _advice(checked, numbers, by, looked < MOST_LOOKED)
        looked += 1
        if len(others) == 1:
            yield finding(
                "rule-subsumed", rule.where, related, id=rule.id, other=others[0], advice=advice
            )
        else:
            yield finding(
                "rule-unreachable", rule.where, related,
                id=rule.id, others=joined(others), advice=advice,
            )  # fmt: skip


def _advice(checked: Checked, numbers: Sequence[int], by: Sequence[Rule], look: bool) -> str:
    """What to do about a rule that the rules ``by`` leave nothing to: to move it up, where that
    takes nothing from others that they need."""
    rules = checked.policy.rules
    rule = rules[numbers[0]]
    less = f"let {by[0].id} ask for less" if len(by) == 1 else "let the rules above it ask for less"
    instead = f"remove it, or {less}"
    if not look:
        return instead
    units = _units(rules)
    mine = next(number for number, unit in enumerate(units) if numbers[0] in unit)
    theirs = sorted({n for n, unit in enumerate(units) for i in unit if rules[i] in by})
    top = rule.exception_of or rule.id
    if theirs == [mine]:
        unit = units[mine]
        place = min(unit.index(rules.index(other)) for other in by)
        rest = [number for number in unit if number not in numbers]
        place = min(place, len(rest))
        units[mine] = [*rest[:place], *numbers, *rest[place:]]
        above = "them" if len({other.id for other in by}) > 1 else by[0].id
        move = f"move {rule.id} above {above}"
    elif mine in theirs:
        return instead
    else:
        units.insert(theirs[0], units.pop(mine))
        target = rules[units[theirs[0] + 1][0]]
        above = "them" if len(theirs) > 1 else target.exception_of or target.id
        what = rule.id if top == rule.id else f"{top}, whose exception {rule.id} is,"
        move = f"move {what} above {above}"
    after = checked.with_policy(rules=tuple(rules[number] for unit in units for number in unit))
    if not checked.alive | {rule.id} <= after.alive:
        return instead
    return f"{move} if it is the exception; otherwise remove it"


def _units(rules: Sequence[Rule]) -> list[list[int]]:
    """Numbers of rules that are moved together: a rule with its exceptions."""
    found: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        found.setdefault(rule.exception_of or rule.id, []).append(number)
    return list(found.values())


def culprit(checked: Checked, rule: Rule) -> tuple[int, VocabularyField] | None:
    """The first field of the policy that leaves nothing to ``rule``."""
    box = checked.space.box(rule)
    for number, field in enumerate(checked.policy.fields):
        if not box[number]:
            return number, field
    return None


def _with_its_rule(checked: Checked, exception: Rule) -> bool:
    """Whether it is the rule that can never hold; then nothing is said of its exceptions."""
    verdicts = zip(checked.policy.rules, checked.verdicts, strict=True)
    kinds = {verdict.kind for rule, verdict in verdicts if rule.id == exception.exception_of}
    return kinds == {"impossible"}


def _impossible(checked: Checked, rule: Rule) -> Finding:
    found = culprit(checked, rule)
    if found is None:
        where = checked.raw.below(rule.where, "from")
        return finding("rule-impossible:days", where, id=rule.id, other=rule.exception_of)
    number, field = found
    where = checked.raw.below(rule.where, "when", field.name)
    if rule.exception_of and not any(c.codes for c in rule.conditions if c.field == number):
        return finding(
            "rule-impossible:exception", where,
            id=rule.id, other=rule.exception_of, field=field.name,
        )  # fmt: skip
    if isinstance(field, NumberField):
        return finding(
            "rule-impossible:range", where, id=rule.id, field=field.name,
            limits=_limits(checked, number), range=_range(checked, where),
        )  # fmt: skip
    assert isinstance(field, WordField)
    codes = mask(code for c in rule.conditions if c.field == number for code in c.codes)
    values = joined([f'"{field.values[code]}"' for code in bits(codes)], "or")
    return finding("rule-impossible:values", where, id=rule.id, field=field.name, values=values)


def _range(checked: Checked, where: Where) -> str:
    """The range that is written at ``where``, in words."""
    wanted = checked.raw.at(where)
    if not isinstance(wanted, dict):
        return "what its when asks for"
    return said_range({word: str(number) for word, number in wanted.items()})


def _limits(checked: Checked, number: int) -> str:
    low, high = checked.limits[number]
    said = f" from {hours(low)}" if low is not None else ""
    return f"{said} to {hours(high)}" if high is not None else said
