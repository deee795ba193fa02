"""JSON: the stable form for programs (``docs/result.schema.json``). Money and hours as text."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from klausel.formats import View
from klausel.model import OVERRIDE, Override
from klausel.money import plain, quantity, round_half_up
from klausel.problems import Problem
from klausel.result import Balance, Draft, Line, Part, Result


def render(result: Result, view: View) -> str:
    """One line a draft, an entry, a problem: quick to write, and readable in a diff."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    pieces = []
    for name, value in result_data(result).items():
        if isinstance(value, list) and value:
            rows = ",\n".join([f"  {encode(row)}" for row in value])
            pieces.append(f" {encode(name)}: [\n{rows}\n ]")
        else:
            pieces.append(f" {encode(name)}: {encode(value)}")
    return "{\n" + ",\n".join(pieces) + "\n}\n"


def result_data(result: Result) -> dict[str, Any]:
    """``result`` as plain data, ready for JSON."""
    overrides = {override.entry: override for override in result.book.overrides}
    return {
        "as_of": result.as_of.isoformat(),
        "policies": list(result.policies),
        "customers": list(result.customers),
        "parked": list(result.parked),
        "drafts": [_draft(draft) for draft in result.drafts],
        "entries": [
            {"id": entry, "parts": [_part(part, overrides.get(entry)) for part in parts]}
            for entry, parts in result.entries
        ],
        "uncovered": [found._asdict() for found in result.uncovered],
        "held": [{**found._asdict(), "amount": _money(found.amount, 2)} for found in result.held],
        "notices": [{**found._asdict(), "on": found.on.isoformat()} for found in result.notices],
        "balances": [_balance(balance) for balance in result.balances],
        "differences": [found._asdict() for found in result.differences],
        "problems": [problem_data(found) for found in result.problems],
    }


def _money(amount: Decimal | None, digits: int) -> str | None:
    return None if amount is None else plain(round_half_up(amount, digits))


def _balance(balance: Balance) -> dict[str, Any]:
    return {
        name: plain(quantity(value, 4)) if isinstance(value, int) else value
        for name, value in balance._asdict().items()
        if name != "first"
    } | {"last": balance.last.isoformat() if balance.last else None}


def _draft(draft: Draft) -> dict[str, Any]:
    return {
        "key": draft.key,
        "customer": draft.customer,
        "contract": draft.contract or None,
        "kind": draft.kind,
        "currency": draft.currency,
        "total": plain(draft.total),
        "reverses": draft.reverses or None,
        "lines": [_line(line) for line in draft.lines],
    }


def _line(line: Line) -> dict[str, Any]:
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
        "because": [
            {
                "rule": reason.rule,
                "clause": reason.clause,
                "file": reason.where.file,
                "line": reason.where.line,
                "text": reason.text,
            }
            for reason in line.because
        ],
    }


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
