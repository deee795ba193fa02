"""JSON: the facts of an explanation for programs, and its sentences in the chosen language."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from klausel.explain import EntryExplained, LineExplained, PartExplained
from klausel.formats.explain.said import Said, sections
from klausel.money import plain, round_half_up
from klausel.policy.ir import Rule
from klausel.trace import ConditionSeen, ContractAsked, FieldSeen, GateSeen, RuleAsked


def render(explained: Sequence[EntryExplained | LineExplained], language: str, width: int) -> str:
    """A list, one object for each entry or line."""
    data = [
        {
            **(_entry(one) if isinstance(one, EntryExplained) else _line(one)),
            "language": language,
            "said": [
                {"title": section.title, "lines": [_said(said) for said in section.lines]}
                for section in sections(one, language)
            ],
        }
        for one in explained
    ]
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _said(said: Said) -> dict[str, Any]:
    below = [_said(one) for one in said.below]
    return {"text": said.text, "below": below} if below else {"text": said.text}


def _entry(explained: EntryExplained) -> dict[str, Any]:
    entry, trace = explained.entry, explained.trace
    return {
        "kind": "entry",
        "entry": entry.id,
        "as_of": explained.as_of.isoformat(),
        "date": entry.date.isoformat(),
        "seconds": entry.seconds,
        "customer": trace.customer or None,
        "owner": trace.owner or None,
        "contracts": [_contract(asked) for asked in trace.contracts],
        "by_hand": trace.override.disposition if trace.override is not None else None,
        "gate": _gate(trace.gate) if trace.gate is not None else None,
        "surcharges": [found.rule.id for found in trace.surcharges],
        "parts": [_part(found) for found in explained.parts],
        "differences": [found._asdict() for found in explained.differences],
    }


def _contract(asked: ContractAsked) -> dict[str, Any]:
    return {
        "contract": asked.contract,
        "covers": asked.kind,
        "by": asked.by or None,
        "from": asked.first.isoformat(),
        "until": asked.last.isoformat() if asked.last is not None else None,
        "outcome": asked.outcome,
        "policy": asked.policy,
        "fields": [_field(field) for field in asked.fields],
        "rules": [_asked(rule) for rule in asked.rules],
        "decided": _rule(asked.decided) if asked.decided is not None else None,
        "terms": [term._asdict() for term in asked.terms],
    }


def _field(field: FieldSeen) -> dict[str, Any]:
    return {
        "field": field.name,
        "value": field.value if field.seconds is None else field.seconds,
        "line": field.line or None,
        "facts": {fact.fact: list(fact.found) for fact in field.facts},
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "disposition": rule.disposition,
        "clause": rule.clause,
        "file": rule.where.file,
        "line": rule.where.line,
    }


def _asked(asked: RuleAsked) -> dict[str, Any]:
    rule = asked.rule
    return {
        **_rule(rule),
        "outcome": asked.outcome,
        "from": rule.first.isoformat() if rule.first is not None else None,
        "until": rule.until.isoformat() if rule.until is not None else None,
        "conditions": [_condition(seen) for seen in asked.conditions],
    }


def _condition(seen: ConditionSeen) -> dict[str, Any]:
    value = seen.field.value if seen.field.seconds is None else seen.field.seconds
    wanted: Any = list(seen.words) if seen.field.seconds is None else dict(seen.range)
    return {"field": seen.field.name, "value": value, "wanted": wanted, "holds": seen.holds}


def _gate(gate: GateSeen) -> dict[str, Any]:
    needed = gate.requirement
    return {
        "requirement": needed.rule.id if needed is not None else None,
        "approvals": [
            {
                "approval": found.approval.id,
                "verdict": found.verdict,
                "overruled_by": found.by.id if found.by is not None else None,
                "seconds_left": found.seconds,
                "amount_left": plain(found.amount) if found.amount is not None else None,
            }
            for found in gate.approvals
        ],
        "budgets": [
            {
                "budget": found.watch.rule.id,
                "measure": found.watch.measure,
                "of": found.watch.per,
                "place": found.place,
                "limit": plain(found.watch.budget),
                "counted": plain(found.counted),
            }
            for found in gate.budgets
        ],
    }


def _part(found: PartExplained) -> dict[str, Any]:
    part = found.part
    return {
        "disposition": part.disposition,
        "rule": part.rule,
        "seconds": part.seconds,
        "rounded": part.rounded,
        "contract": part.contract or None,
        "term": part.term or None,
        "lot": part.lot or None,
        "drawn": part.drawn,
        "before": part.before,
        "after": part.after,
        "line": part.line or None,
        "draft": found.draft.key if found.draft is not None else None,
        "document": found.document or None,
        "due": part.due.isoformat() if part.due is not None else None,
        "held": part.held or None,
        "uncovered": part.uncovered or None,
        "settled": part.settled,
        "late": part.late,
        "policy": found.policy or None,
    }


def _line(explained: LineExplained) -> dict[str, Any]:
    line, row, digits = explained.line, explained.row, explained.digits
    return {
        "kind": "line",
        "line": explained.key,
        "as_of": explained.as_of.isoformat(),
        "contract": explained.contract,
        "term": explained.term or None,
        "plan": explained.plan.name if explained.plan is not None else None,
        "component": explained.component.id if explained.component is not None else None,
        "draft": explained.draft.key if explained.draft is not None else None,
        "document": (row.document or None) if row is not None else None,
        "state": "proposed" if row is None else row.state,
        "description": line.description if line is not None else None,
        "period": [
            explained.first.isoformat(),
            explained.last.isoformat() if explained.last is not None else None,
        ],
        "due": line.due.isoformat() if line is not None and line.due is not None else None,
        "why_due": explained.why_due,
        "quantity": plain(line.quantity) if line is not None else None,
        "unit": line.unit if line is not None else None,
        "unit_price": _price(explained),
        "discount": plain(line.discount) if line is not None else None,
        "amount": plain(line.amount)
        if line is not None
        else plain(round_half_up(row.amount, digits))
        if row is not None and row.amount is not None
        else None,
        "currency": explained.currency,
        "late": explained.late,
        "reverses": explained.reverses or None,
        "entries": [
            {"id": entry.id, "seconds": seconds, "rounded": rounded, "rule": rule}
            for entry, seconds, rounded, rule in explained.entries
        ],
        "because": [
            {
                "rule": reason.rule,
                "clause": reason.clause,
                "file": reason.where.file,
                "line": reason.where.line,
            }
            for reason in explained.because
        ],
    }


def _price(explained: LineExplained) -> str | None:
    if explained.line is not None:
        return plain(explained.line.unit_price)
    rate = explained.row.rate if explained.row is not None else None
    return plain(rate) if rate is not None else None
