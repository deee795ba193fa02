"""JSON: the stable form for programs (``docs/result.schema.json``). Money and hours as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from json.encoder import encode_basestring as quoted
from typing import Any

from klausel.formats import View
from klausel.model import OVERRIDE, Override
from klausel.money import plain, quantity
from klausel.problems import Problem
from klausel.result import Balance, Because, Draft, Line, Marks, Notice, Part, Result, Uncovered

#: What rows of many share is written once: the numbers that differ take this place.
_NUMBERS = '"seconds": 0, "rounded": 0'
_LINE = '"line": null'
_DRAW = '"drawn": 0, "before": null, "after": null'

#: Rows that are written together; drafts have many lines each.
_AT_ONCE = {"drafts": 10}
_ROWS_AT_ONCE = 500

encode = json.JSONEncoder(ensure_ascii=False).encode


def render(result: Result, view: View) -> str:
    """One line a draft, an entry, a problem: quick to write, and readable in a diff."""
    return "".join(written(result, view))


def written(result: Result, view: View) -> Iterator[str]:
    """The same in pieces of some rows."""
    before = "{\n"
    rows = _rows(result)
    bare = replace(result, drafts=(), entries=(), uncovered=())  # rows are their texts
    for name, value in (result_data(bare) | rows).items():
        yield f"{before} {encode(name)}: "
        before = ",\n"
        if not isinstance(value, (list, Iterator)):
            yield encode(value)
            continue
        texts = value if isinstance(value, Iterator) else map(encode, value)
        between = "[\n  "
        at_once = _AT_ONCE.get(name, _ROWS_AT_ONCE)
        while some := list(islice(texts, at_once)):
            yield between + ",\n  ".join(some)
            between = ",\n  "
        yield "[]" if between == "[\n  " else "\n ]"
    yield "\n}\n"


def result_data(result: Result) -> dict[str, Any]:
    """``result`` as plain data, ready for JSON."""
    overrides = {override.entry: override for override in result.book.overrides}
    return {
        **_begin(result),
        "drafts": [
            _draft(draft, [_line(line, marks) for line in draft.lines])
            for draft in result.drafts
            for marks in (Marks(draft),)
        ],
        "entries": [
            {"id": entry, "parts": [_part(part, overrides.get(entry)) for part in parts]}
            for entry, parts in result.entries
        ],
        **_end(result),
    }


def _begin(result: Result) -> dict[str, Any]:
    return {
        "as_of": result.as_of.isoformat(),
        "policies": list(result.policies),
        "customers": list(result.customers),
        "parked": list(result.parked),
    }


def _end(result: Result) -> dict[str, Any]:
    return {
        "uncovered": [found._asdict() for found in result.uncovered],
        "held": [{**found._asdict(), "amount": _money(found.amount)} for found in result.held],
        "notices": [_notice(found) for found in result.notices],
        "standing": [_notice(found) for found in result.standing],
        "balances": [_balance(balance) for balance in result.balances],
        "differences": [found._asdict() for found in result.differences],
        "problems": [problem_data(found) for found in result.problems],
    }


def _rows(result: Result) -> dict[str, Iterator[str]]:
    """Of what there are hundreds of thousands: rows as they are written."""
    return {
        "drafts": map(_draft_text, result.drafts),
        "entries": _entry_texts(result),
        "uncovered": map(_uncovered_text, result.uncovered),
    }


def _uncovered_text(found: Uncovered) -> str:
    entry, customer, seconds, reason = found
    return (
        f'{{"entry": {quoted(entry)}, "customer": {quoted(customer)}, "seconds": {seconds}, '
        f'"reason": "{reason}"}}'
    )


def _draft_text(draft: Draft) -> str:
    before, _, after = encode(_draft(draft, [])).rpartition("[]")
    marks = Marks(draft)
    return f"{before}[{', '.join(_line_text(line, marks) for line in draft.lines)}]{after}"


def _line_text(line: Line, marks: Marks) -> str:
    """As :func:`_line`, at once."""
    key = line.key
    shares = ", ".join(
        [
            f'{{"id": {quoted(entry)}, "seconds": {seconds}, "rounded": {rounded}}}'
            for entry, seconds, rounded in line.entries
        ]
    )
    return (
        f'{{"key": {quoted(str(key))}, "contract": {quoted(key.contract)}, '
        f'"term": {quoted(key.term)}, "component": {quoted(key.component)}, '
        f'"period": ["{line.first.isoformat()}", "{line.last.isoformat()}"], '
        f'"description": {quoted(line.description)}, "quantity": "{line.quantity:f}", '
        f'"unit": {quoted(line.unit)}, "unit_price": "{line.unit_price:f}", '
        f'"discount": "{line.discount:f}", "amount": "{line.amount:f}", '
        f'"late": {"true" if line.late else "false"}, '
        f'"entries": [{shares}], "because": {_because_text(line.because, _numbers(marks, line))}}}'
    )


def _numbers(marks: Marks, line: Line) -> tuple[int, ...]:
    return tuple(marks.of((reason,))[0] for reason in line.because)


@lru_cache(maxsize=4096)
def _because_text(reasons: tuple[Because, ...], numbers: tuple[int, ...]) -> str:
    return encode(_because(reasons, numbers))


def _entry_texts(result: Result) -> Iterator[str]:
    overrides = {override.entry: override for override in result.book.overrides}
    known: dict[tuple[Any, ...], tuple[str, str, str, str]] = {}
    for entry, parts in result.entries:
        override = overrides.get(entry) if overrides else None
        if len(parts) > 1:
            text = ", ".join([_part_text(part, override, known) for part in parts])
            yield f'{{"id": {quoted(entry)}, "parts": [{text}]}}'
            continue
        for part in parts:  # as _part_text, without a call: most entries have one
            (
                disposition, rule, seconds, rounded, contract, term, lot, line, held, uncovered,
                due, settled, _, _, _, _, late, _,
            ) = part  # fmt: skip
            by = override if rule == OVERRIDE else None
            key = (disposition, rule, contract, term, lot, held, uncovered, due, settled, late, by)
            found = known.get(key)
            if found is None:
                found = known[key] = _shared(part, override)
            before, between, after, end = found
            yield (
                f'{{"id": {quoted(entry)}, "parts": [{before}"seconds": {seconds}, '
                f'"rounded": {rounded}{between}"line": {quoted(line) if line else "null"}'
                f"{after}{_draw(part) if lot else ''}{end}]}}"
            )


def _part_text(
    part: Part,
    override: Override | None,
    known: dict[tuple[Any, ...], tuple[str, str, str, str]],
) -> str:
    """As :func:`_part`; what many parts share is made once."""
    (
        disposition, rule, seconds, rounded, contract, term, lot, line, held, uncovered, due,
        settled, _, _, _, _, late, _,
    ) = part  # fmt: skip
    by = override if rule == OVERRIDE else None
    key = (disposition, rule, contract, term, lot, held, uncovered, due, settled, late, by)
    found = known.get(key)
    if found is None:
        found = known[key] = _shared(part, override)
    before, between, after, end = found
    draw = _draw(part) if lot else ""
    return (
        f'{before}"seconds": {seconds}, "rounded": {rounded}{between}'
        f'"line": {quoted(line) if line else "null"}{after}{draw}{end}'
    )


def _shared(part: Part, override: Override | None) -> tuple[str, str, str, str]:
    """The text of a part around its numbers, its line, and what it drew."""
    bare = part._replace(seconds=0, rounded=0, line="", drawn=0, after=None)
    before, _, rest = encode(_part(bare, override)).partition(_NUMBERS)
    between, _, rest = rest.partition(_LINE)
    after, _, end = rest.partition(_DRAW)
    return before, between, after, end


def _draw(part: Part) -> str:
    return (
        f'"drawn": {part.drawn}, "before": {_number(part.before)}, "after": {_number(part.after)}'
    )


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


@lru_cache(maxsize=4096)
def _hours(seconds: int) -> str:
    return plain(quantity(seconds, 4))


def _notice(notice: Notice) -> dict[str, Any]:
    return {**notice._asdict(), "on": notice.on.isoformat()}


def _balance(balance: Balance) -> dict[str, Any]:
    return {
        name: _hours(value) if isinstance(value, int) else value
        for name, value in balance._asdict().items()
        if name != "first"
    } | {"last": balance.last.isoformat() if balance.last else None}


def _draft(draft: Draft, lines: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "key": draft.key,
        "customer": draft.customer,
        "contract": draft.contract or None,
        "kind": draft.kind,
        "currency": draft.currency,
        "total": plain(draft.total),
        "reverses": draft.reverses or None,
        "lines": lines,
    }


def _line(line: Line, marks: Marks) -> dict[str, Any]:
    return {
        "key": str(line.key),
        "contract": line.key.contract,
        "term": line.key.term,
        "component": line.key.component,
        "period": [line.first.isoformat(), line.last.isoformat()],
        "description": line.description,
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "unit_price": plain(line.unit_price),
        "discount": plain(line.discount),
        "amount": plain(line.amount),
        "late": line.late,
        "entries": [
            {"id": share.entry, "seconds": share.seconds, "rounded": share.rounded}
            for share in line.entries
        ],
        "because": _because(line.because, _numbers(marks, line)),
    }


def _because(reasons: Sequence[Because], numbers: Sequence[int]) -> list[dict[str, Any]]:
    return [
        {
            "mark": number,
            "rule": reason.rule,
            "clause": reason.clause,
            "file": reason.where.file,
            "line": reason.where.line,
            "text": reason.text,
        }
        for reason, number in zip(reasons, numbers, strict=True)
    ]


def _part(part: Part, override: Override | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "disposition": part.disposition,
        "rule": part.rule,
        "seconds": part.seconds,
        "rounded": part.rounded,
        "contract": part.contract or None,
        "term": part.term or None,
        "lot": part.lot or None,
        "line": part.line or None,
        "held": part.held or None,
    }
    if part.uncovered:
        data["uncovered"] = part.uncovered
    if part.due is not None:
        data["due"] = part.due.isoformat()
    if part.settled:
        data["settled"] = True
    if part.late:
        data["late"] = True
    if part.lot:
        data |= {"drawn": part.drawn, "before": part.before, "after": part.after}
    if override is not None and part.rule == OVERRIDE:
        data["override"] = {
            "reason": override.reason,
            "by": override.by,
            "on": override.on.isoformat() if override.on else None,
        }
    return data


def problem_data(found: Problem) -> dict[str, Any]:
    return {
        "code": found.code,
        "severity": found.severity,
        "file": found.where.file,
        "line": found.where.line,
        "column": found.where.column,
        "message": found.message,
        "hint": found.hint,
        "customer": found.customer or None,
    }
