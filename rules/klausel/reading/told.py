"""Everything that a policy says, sentence by sentence, in the order of its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal, NamedTuple

from klausel.policy.ir import Policy, Rule, Texts
from klausel.reading import rules
from klausel.reading.plans import component_text
from klausel.reading.speaker import Speaker
from klausel.shapes import LANGUAGES

Kind = Literal["field", "scope", "approval", "budget", "surcharge", "rounding", "component"]

_SPEAKERS = {language: Speaker(language) for language in LANGUAGES}


class Told(NamedTuple):
    """A rule, a field or a component of a plan."""

    kind: Kind
    name: str
    """Its id; of a component ``plan.component``. As the ledger and lines name it."""
    effect: Texts
    """What it does, in the program's words."""
    because: Texts = {}
    """The policy's own sentence."""
    clause: str = ""
    disposition: str = ""
    plan: str = ""


def told(policy: Policy) -> tuple[Told, ...]:
    """What ``policy`` says. Rules of one id, for different days, follow each other."""
    return tuple(_told(policy))


def _told(policy: Policy) -> Iterator[Told]:
    fields, otherwise = policy.fields, policy.otherwise
    for field in fields:
        yield Told("field", field.name, _each(partial(rules.field_text, field)))
    for rule in policy.rules:
        yield _rule("scope", rule, partial(rules.scope_text, rule, fields))
    yield _rule("scope", otherwise, partial(rules.otherwise_text, otherwise, not policy.rules))
    for needed in policy.requirements:
        yield _rule("approval", needed.rule, partial(rules.requirement_text, needed, fields))
    for watch in policy.watches:
        yield _rule("budget", watch.rule, partial(rules.watch_text, watch, fields))
    for dear in policy.surcharges:
        yield _rule("surcharge", dear.rule, partial(rules.surcharge_text, dear, fields))
    if policy.rounding is not None:
        rounding = partial(rules.rounding_text, policy.rounding)
        yield Told("rounding", "rounding", _each(rounding))
    for plan in policy.plans.values():
        for component in plan.components:
            effect = _each(partial(component_text, component))
            name = f"{plan.name}.{component.id}"
            yield Told("component", name, effect, plan.because, plan.clause, plan=plan.name)


def _rule(kind: Kind, rule: Rule, text: Callable[[Speaker], str]) -> Told:
    return Told(kind, rule.id, _each(text), rule.because, rule.clause, rule.disposition)


def _each(text: Callable[[Speaker], str]) -> Texts:
    return {language: text(speaker) for language, speaker in _SPEAKERS.items()}
