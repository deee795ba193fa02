"""Fields that nothing asks for, values that nothing produces, values that make no difference."""

from __future__ import annotations

from collections.abc import Iterator

from klausel.policy.check.context import Checked
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.facts import WordField
from klausel.policy.ir import Rule


def unused_fields(checked: Checked) -> Iterator[Finding]:
    asked = {condition.field for rule in checked.everything for condition in rule.conditions}
    for number, field in enumerate(checked.policy.fields):
        if number not in asked:
            where = checked.raw.where("fields", field.name)
            yield finding("field-unused", where, field=field.name)


def unproduced_values(checked: Checked) -> Iterator[Finding]:
    for number, field in enumerate(checked.policy.fields):
        if not isinstance(field, WordField):
            continue
        produced = {source.code for source in field.sources}
        for code, value in enumerate(field.values):
            if code not in produced:
                where = checked.raw.where("fields", field.name, "one_of", code)
                related = tuple(
                    Related(
                        checked.raw.below(rule.where, "when", field.name), f"{rule.id} asks for it"
                    )
                    for rule in _asking(checked, number, code)
                )
                yield finding("value-unproduced", where, related, field=field.name, value=value)


def unused_values(checked: Checked) -> Iterator[Finding]:
    """A value that no condition names, beside the one that stands for all the rest."""
    for number, field in enumerate(checked.policy.fields):
        if not isinstance(field, WordField) or not field.sources:
            continue
        sets = [
            condition.codes
            for rule in checked.everything
            for condition in rule.conditions
            if condition.field == number
        ]
        rest = field.sources[-1].code
        produced = {source.code for source in field.sources}
        for code, value in enumerate(field.values):
            if sets and code in produced and code != rest and not any(code in s for s in sets):
                if any(rest in codes for codes in sets):
                    continue  # then to be named nowhere is a difference
                where = checked.raw.where("fields", field.name, "one_of", code)
                yield finding(
                    "value-unused", where,
                    field=field.name, value=value, otherwise=field.values[rest],
                )  # fmt: skip


def _asking(checked: Checked, number: int, code: int) -> Iterator[Rule]:
    for rule in checked.everything:
        if any(c.field == number and code in c.codes for c in rule.conditions):
            yield rule
