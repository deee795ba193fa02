"""Rules that can never decide: impossible, subsumed by one rule, unreachable behind several."""

from __future__ import annotations

from collections.abc import Iterator

from klausel.policy.check.context import Checked, pieces
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.check.space import bits, mask
from klausel.policy.check.words import hours, joined, said_range
from klausel.policy.facts import NumberField, VocabularyField, WordField
from klausel.policy.ir import Rule
from klausel.problems import Where


def dead_rules(checked: Checked) -> Iterator[Finding]:
    rules, verdicts = checked.policy.rules, checked.verdicts
    for numbers in pieces(rules):
        mine = [verdicts[number] for number in numbers]
        if not all(verdict.kind for verdict in mine):
            continue
        rule = rules[numbers[0]]
        if all(verdict.kind == "impossible" for verdict in mine):
            yield _impossible(checked, rule)
            continue
        by = [rules[other] for verdict in mine for other in verdict.by]
        others = list(dict.fromkeys(other.id for other in by))
        related = tuple(
            Related(other.where, f"rule {other.id}")
            for other in {other.where: other for other in by}.values()
        )
        if len(others) == 1:
            yield finding("rule-subsumed", rule.where, related, id=rule.id, other=others[0])
        else:
            yield finding(
                "rule-unreachable", rule.where, related, id=rule.id, others=joined(others)
            )


def culprit(checked: Checked, rule: Rule) -> tuple[int, VocabularyField] | None:
    """The first field of the policy that leaves nothing to ``rule``."""
    box = checked.space.box(rule)
    for number, field in enumerate(checked.policy.fields):
        if not box[number]:
            return number, field
    return None


def _impossible(checked: Checked, rule: Rule) -> Finding:
    found = culprit(checked, rule)
    assert found is not None
    number, field = found
    where = checked.raw.below(rule.where, "when", field.name)
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
