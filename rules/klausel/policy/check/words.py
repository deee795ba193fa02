"""Codes and boxes in the words of the file, for sentences and for rows that one can paste."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from datetime import date

from klausel.money import hours_exact, round_half_up, shortest
from klausel.policy.check.space import Box, Limits, Space, bits, stretch
from klausel.policy.facts import NumberField, VocabularyField, WordField
from klausel.shapes import LANGUAGES

#: Values named one by one in a sentence.
MOST_NAMED = 6

_HOUR = 3600
_STEPS = (_HOUR, 900, 60, 1)

_BARE = re.compile(r"[A-Za-z_][\w-]*")
_NULLS = ("null", "Null", "NULL")

LANGUAGE_NAMES = dict(zip(LANGUAGES, ("English", "German", "Dutch"), strict=True))


def hours(seconds: int) -> str:
    return shortest(round_half_up(hours_exact(seconds), 6))


def joined(words: Iterable[str], last: str = "and", most: int = MOST_NAMED) -> str:
    """``a, b and c``; of many only some."""
    known = list(words)
    if len(known) > most:
        return f"{', '.join(known[:most])} {last} {len(known) - most} more"
    if len(known) < 2:
        return "".join(known)
    return f"{', '.join(known[:-1])} {last} {known[-1]}"


def quoted(word: str) -> str:
    """``word`` as a YAML value inside brackets."""
    if _BARE.fullmatch(word) and word not in _NULLS:
        return word
    return json.dumps(word, ensure_ascii=False)


def range_words(field: NumberField, codes: int, allowed: int) -> dict[str, str]:
    """Neighbouring ``codes`` as a range: word of the file -> hours. Empty where it is all."""
    first, last = next(bits(codes)), codes.bit_length() - 1
    found = {}
    if first != next(bits(allowed)):
        number, exactly = divmod(first, 2)
        word = "at_least" if exactly else "more_than"
        found[word] = hours(field.thresholds[number if exactly else number - 1])
    if last != allowed.bit_length() - 1:
        number, exactly = divmod(last, 2)
        found["up_to" if exactly else "less_than"] = hours(field.thresholds[number])
    return found


def said_range(words: dict[str, str]) -> str:
    """``more than 8 and up to 16``."""
    return " and ".join(f"{word.replace('_', ' ')} {number}" for word, number in words.items())


def said_days(first: date | None, last: date | None) -> str:
    """``from 2026-01-01 to 2026-03-31``, ``on 2026-01-01``; empty where it is always."""
    if first is not None and first == last:
        return f"on {first}"
    if first is not None:
        return f"from {first} to {last}" if last is not None else f"from {first} on"
    return f"until {last}" if last is not None else ""


def example(field: VocabularyField, codes: int, limits: Limits) -> str:
    """One value: the first word, or a number of hours that is as round as can be."""
    code = next(bits(codes))
    if isinstance(field, WordField):
        return field.values[code]
    span = stretch(field, code, limits)
    assert span is not None
    first, last = span
    for step in _STEPS:
        if first is None and last is None:
            return "0"
        if first is None:
            assert last is not None
            return hours(last // step * step)
        up = -(-first // step) * step
        if last is None or up <= last:
            return hours(up)
    raise AssertionError("a second is the smallest step")


def said_example(
    space: Space, fields: Sequence[VocabularyField], limits: Sequence[Limits], box: Box
) -> str:
    """One case of ``box``: ``work is feature, estimate_hours is 9, on 2026-01-01``."""
    said = []
    for number, field in enumerate(fields):
        column = space.columns[number]
        if box[number] != column.allowed:
            said.append(f"{field.name} is {example(field, box[number], limits[number])}")
    first, last = space.days.span(box[-1])
    if box[-1] != space.columns[-1].allowed:
        said.append(f"on {first or last}")
    return ", ".join(said)


def said_box(space: Space, fields: Sequence[VocabularyField], box: Box) -> str:
    """All of ``box``: ``where work is a or b and estimate_hours is more than 8``."""
    said = []
    for number, field in enumerate(fields):
        column = space.columns[number]
        if box[number] == column.allowed:
            continue
        if isinstance(field, NumberField):
            said.append(f"{field.name} is {said_range(range_words(field, box[number], column[1]))}")
        else:
            values = [field.values[code] for code in bits(box[number])]
            said.append(f"{field.name} is {joined(values, 'or')}")
    text = f"where {joined(said, most=len(said))}" if said else ""
    if box[-1] != space.columns[-1].allowed:
        text = f"{text} {said_days(*space.days.span(box[-1]))}".strip()
    return text


def row(
    space: Space,
    fields: Sequence[VocabularyField],
    box: Box,
    id_: str,
    disposition: str,
    languages: Sequence[str],
) -> str:
    """A rule for ``box`` as a row of ``rules``."""
    lines = [f"- id: {id_}"]
    if box[-1] != space.columns[-1].allowed:
        first, last = space.days.span(box[-1])
        lines += [f"  from: {first}"] if first is not None else []
        lines += [f"  until: {last}"] if last is not None else []
    wanted = []
    for number, field in enumerate(fields):
        column = space.columns[number]
        if box[number] == column.allowed:
            continue
        if isinstance(field, NumberField):
            words = range_words(field, box[number], column.allowed)
            value = "{" + ", ".join(f"{word}: {number}" for word, number in words.items()) + "}"
        else:
            values = [quoted(field.values[code]) for code in bits(box[number])]
            value = values[0] if len(values) == 1 else f"[{', '.join(values)}]"
        wanted.append(f"{quoted(field.name)}: {value}")
    if wanted:
        lines.append(f"  when: {{{', '.join(wanted)}}}")
    lines.append(f"  then: {disposition}")
    texts = ", ".join(f'{language}: "..."' for language in languages)
    lines.append(f"  because: {{{texts}}}" if texts else '  because: "..."')
    return "\n".join(lines)
