"""What a rule does, and what a field of the vocabulary sees, in words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from klausel.fields import DISPOSITIONS
from klausel.matching import Condition
from klausel.policy.facts import NumberField, VocabularyField, WordField
from klausel.policy.ir import Requirement, Rounding, Rule, Surcharge, Watch
from klausel.reading.speaker import Speaker, sentence

#: What rules of approvals may ask for behind the fields.
DISPOSITION = WordField("", DISPOSITIONS, ())

Fields = Sequence[VocabularyField]


def scope_text(rule: Rule, fields: Fields, speaker: Speaker) -> str:
    return _rule(rule, fields, speaker, "all", speaker.disposition(rule.disposition))


def otherwise_text(rule: Rule, alone: bool, speaker: Speaker) -> str:
    """``alone``: there is no other rule."""
    word = "all" if alone else "rest"
    return _rule(rule, (), speaker, word, speaker.disposition(rule.disposition))


def surcharge_text(found: Surcharge, fields: Fields, speaker: Speaker) -> str:
    effect = speaker.say(f"{found.on}_times", speaker.number(found.times))
    return _rule(found.rule, fields, speaker, "charged", effect)


def requirement_text(found: Requirement, fields: Fields, speaker: Speaker) -> str:
    when = speaker.say("afterwards" if found.retroactive else "before")
    effect = speaker.say("approval", speaker.say(f"per_{found.per}"), when)
    return _rule(found.rule, (*fields, DISPOSITION), speaker, "charged", effect)


def watch_text(found: Watch, fields: Fields, speaker: Speaker) -> str:
    budget = (
        speaker.hours(int(found.budget))
        if found.measure == "hours"
        else speaker.money(found.budget)
    )
    per = str(found.every) if found.per == "period" else found.per
    parts = [speaker.say("budget", budget, speaker.say(f"of_{per}"))]
    if found.notify_at:
        percents = [speaker.percent(Decimal(percent)) for percent in found.notify_at]
        parts.append(speaker.say("notice_at", speaker.listed(percents, "and")))
    if found.hold:
        parts.append(speaker.say("budget_holds"))
    return _rule(found.rule, (*fields, DISPOSITION), speaker, "charged", "; ".join(parts))


def rounding_text(found: Rounding, speaker: Speaker) -> str:
    text = speaker.say(
        f"round_{found.mode}", speaker.minutes(found.to), speaker.say(f"round_{found.per}")
    )
    if found.minimum:
        text += f", {speaker.say('at_least_time', speaker.minutes(found.minimum))}"
    return sentence([text])


def field_text(field: VocabularyField, speaker: Speaker) -> str:
    """Where a field has its values from."""
    if isinstance(field, NumberField):
        return f"{speaker.say('number', field.name, speaker.fact(field.fact))}."
    said = []
    for source in field.sources:
        value = field.values[source.code]
        if not source.clauses:
            said.append(speaker.say("otherwise", value))
            continue
        clauses = [
            speaker.say(
                "has", speaker.fact(clause.fact), speaker.listed(sorted(clause.values), "or")
            )
            for clause in source.clauses
        ]
        said.append(speaker.say("value", value, f" {speaker.say('and')} ".join(clauses)))
    return f"{field.name}: {'; '.join(said)}."


def _rule(rule: Rule, fields: Fields, speaker: Speaker, everything: str, effect: str) -> str:
    conditions = [text for found in rule.conditions if (text := _condition(found, fields, speaker))]
    text = (
        speaker.say("where", f" {speaker.say('and')} ".join(conditions), effect)
        if conditions
        else speaker.say(everything, effect)
    )
    days = speaker.days(rule.first, rule.until)
    return sentence([f"{text} ({days})" if days else text])


def _condition(found: Condition, fields: Fields, speaker: Speaker) -> str:
    """Empty where everything fits."""
    field = fields[found.field]
    name = speaker.say("kind_of_work") if field is DISPOSITION else field.name
    if len(found.codes) == field.size:
        return ""
    if not found.codes:
        value = speaker.say("nothing")
    elif isinstance(field, NumberField):
        value = _range(field, found.codes, speaker)
    elif field is DISPOSITION:
        value = speaker.listed(
            [speaker.disposition(field.values[code]) for code in sorted(found.codes)], "or"
        )
    else:
        value = speaker.listed([field.values[code] for code in sorted(found.codes)], "or")
    return speaker.say("is", name, value)


def _range(field: NumberField, codes: frozenset[int], speaker: Speaker) -> str:
    """Neighbouring intervals of a number, as the words of the file name them."""
    first, last = min(codes), max(codes)
    said = []
    if first:
        number, exactly = divmod(first, 2)
        limit = field.thresholds[number if exactly else number - 1]
        said.append(speaker.say("at_least" if exactly else "more_than", speaker.hours(limit)))
    if last != field.size - 1:
        number, exactly = divmod(last, 2)
        limit = field.thresholds[number]
        said.append(speaker.say("up_to" if exactly else "less_than", speaker.hours(limit)))
    return f" {speaker.say('and')} ".join(said)
