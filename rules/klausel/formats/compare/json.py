"""JSON: a comparison for programs. Money and hours as text."""

from __future__ import annotations

import json
from typing import Any

from klausel.compare import (
    ChangedEntry,
    ChangedLine,
    Comparison,
    CustomerChange,
    Fates,
    Money,
    Transition,
)
from klausel.formats.json import problem_data
from klausel.money import plain
from klausel.result import Line


def render(comparison: Comparison, width: int) -> str:
    was, now = comparison.problems
    data = {
        "as_of": comparison.as_of.isoformat(),
        "from": comparison.first.isoformat() if comparison.first is not None else None,
        "old": {"policies": list(comparison.old), "totals": _money(comparison.totals[0]),
                "problems": [problem_data(found) for found in was]},
        "new": {"policies": list(comparison.new), "totals": _money(comparison.totals[1]),
                "problems": [problem_data(found) for found in now]},
        "changed": comparison.changed,
        "not_compared": list(comparison.beside),
        "difference": _money(comparison.more),
        "entries": comparison.looked_at[0],
        "lines": comparison.looked_at[1],
        "transitions": [_transition(found) for found in comparison.transitions],
        "without_entries": _money(comparison.without_entries),
        "rounding": _money(comparison.rounding),
        "customers": [_customer(found) for found in comparison.customers],
    }  # fmt: skip
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _money(money: Money) -> dict[str, str]:
    return {currency: plain(amount) for currency, amount in money.items()}


def _fates(fates: Fates) -> list[dict[str, Any]]:
    return [
        {
            "rule": found.rule,
            "disposition": found.disposition,
            found.stands or "held": found.reason or None,
        }
        for found in fates
    ]


def _transition(found: Transition) -> dict[str, Any]:
    return {
        "was": _fates(found.was),
        "now": _fates(found.now),
        "entries": found.entries,
        "seconds": found.seconds,
        "difference": _money(found.more),
    }


def _customer(change: CustomerChange) -> dict[str, Any]:
    return {
        "customer": change.customer,
        "name": change.name,
        "was": _money(change.old),
        "now": _money(change.new),
        "difference": _money(change.more),
        "lines": [_line(found) for found in change.lines],
        "entries": [_entry(found) for found in change.entries],
    }


def _line(change: ChangedLine) -> dict[str, Any]:
    return {
        "key": change.key,
        "currency": change.currency,
        "was": _side(change.was),
        "now": _side(change.now),
        "difference": plain(change.new - change.old),
    }


def _side(line: Line | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {
        "description": line.description,
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "unit_price": plain(line.unit_price),
        "discount": plain(line.discount),
        "amount": plain(line.amount),
    }


def _entry(change: ChangedEntry) -> dict[str, Any]:
    return {
        "id": change.entry.id,
        "date": change.entry.date.isoformat(),
        "seconds": change.entry.seconds,
        "was": _fates(change.was),
        "now": _fates(change.now),
        "difference": _money(change.more),
    }
