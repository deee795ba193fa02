"""Text: what fits into a letter or on a screen, in the customer's language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from klausel.activity import CustomerRecord, Record, Row, Section
from klausel.formats.activity.words import (
    WORDS,
    amount_of,
    clean,
    clock,
    hours,
    lot_name,
    reasons,
    remarks,
    said,
    section_name,
    titled,
)
from klausel.result import Marks
from klausel.signs import one_line
from klausel.texts import days_text, phrase

_WIDTH = 100


def render(records: Sequence[CustomerRecord]) -> str:
    return "\n".join("\n".join(map(one_line, _customer(found))) + "\n" for found in records)


def _customer(found: CustomerRecord) -> Iterator[str]:
    language = found.language
    words = WORDS[language]
    name = found.customer.name or found.customer.id
    yield f"{words['title']}: {name}"
    yield f"{found.company}, {words['as_of']} {days_text(found.as_of, found.as_of, language)}"
    yield "═" * _WIDTH
    for record in found.records:
        yield from _record(record, found)


def _record(record: Record, found: CustomerRecord) -> Iterator[str]:
    language = found.language
    words = WORDS[language]
    codes = [contract.code for contract in record.contracts]
    named = phrase(language, "contract" if len(codes) == 1 else "contracts", ", ".join(codes))
    kind = words[record.draft.kind]
    yield ""
    yield f"{kind}, {named}, {days_text(record.first, record.last, language)}"
    yield "─" * _WIDTH
    marks = Marks(record.draft)
    for section in record.sections:
        yield from _section(section, marks, language)
    lines = [section.line for section in record.sections if section.line is not None]
    why = reasons(record.draft, lines, language)
    if why:
        yield words["reason"]
        yield from (f"  {reason}" for reason in why)
        yield ""
    for move in record.movements:
        values = [
            f"{words['before']} {amount_of(move.before, move.requests)}",
            f"{words['taken']} {amount_of(move.drawn, move.requests)}",
        ]
        if move.other:
            values.append(f"{words['other']} {amount_of(move.other, move.requests)}")
        values.append(f"{words['after']} {amount_of(move.after, move.requests)}")
        lot = lot_name(move.lot, language)
        yield f"{words['balance']} {move.title}, {lot}: {', '.join(values)}"
    yield f"{words['all']}: {clock(record.seconds)}"


def _section(section: Section, marks: Marks, language: str) -> Iterator[str]:
    words = WORDS[language]
    name = section_name(section, language)
    yield f"{name}: {titled(section, marks)}" if section.title else name
    for row in section.rows:
        yield from _row(section, row, language)
    if section.kind == "drawn":
        charged = f"{words['taken']} {amount_of(section.drawn, section.requests)}"
    else:
        charged = f"{words['charged']} {clock(section.rounded)}"
        if section.line is not None and section.line.unit == "hour":
            charged += f" = {hours(section.rounded, _digits(section), language)}"
    costs = section.kind in ("billed", "drawn")
    yield f"  {words['sum']}: {words['worked']} {clock(section.seconds)}" + (
        f", {charged}" if costs else ""
    )
    yield ""


def _digits(section: Section) -> int:
    assert section.line is not None
    exponent = section.line.quantity.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _row(section: Section, row: Row, language: str) -> Iterator[str]:
    words = WORDS[language]
    times = f"{clock(row.seconds):>8}"
    if section.kind == "billed":
        times += f" {clock(row.rounded):>8}"
    elif section.kind == "drawn":
        times += f" {amount_of(row.drawn, section.requests):>8}"
    who = clean(row.who) or words["staff"]
    what = " · ".join(filter(None, said(section, row))) or "–"
    yield f"  {days_text(row.day, row.day, language):<11} {times}  {who}: {what}"
    notes = remarks(section, row, language)
    if section.kind == "drawn":
        notes.insert(0, _balance(section, row, language))
    if section.kind == "free":
        notes = [note for note in notes if note != words["included"]]  # the heading says it
    if notes:
        yield f"{'':14}{', '.join(notes)}"


def _balance(section: Section, row: Row, language: str) -> str:
    name = lot_name(row.lot, language)
    if row.before is None or row.after is None:
        return name
    before, after = (amount_of(value, section.requests) for value in (row.before, row.after))
    return f"{name}: {before} → {after}"
