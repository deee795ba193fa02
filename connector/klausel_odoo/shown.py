"""Result -> what people see of it in Odoo, by customer: pure, plain values.

One pass over the result for all customers; what many parts share is said once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from typing import Any

from klausel.explain import Explainer
from klausel.formats.explain.said import why
from klausel.formats.explain.words import WORDS
from klausel.model import OVERRIDE, Book, Entry
from klausel.money import plain, quantity
from klausel.policy.ir import Rule, Texts, text_in
from klausel.problems import Problem
from klausel.result import Balance, Marks, Notice, Part, Result
from klausel.shapes import LANGUAGES
from klausel.signs import visible

#: Work that this run decides nothing about.
_NEVER = frozenset(("written_off", "billed_elsewhere"))


def shown(result: Result, digests: Mapping[str, str], protocol: int) -> dict[str, dict[str, Any]]:
    """What people see of each customer of ``result``; "" for what is nobody's.

    ``digests`` say of those for whom something would be written what
    (:attr:`~klausel.port.Application.shown`). Hours and amounts are decimal numbers as text.
    """
    return _Showing(result).pages(digests, protocol)


class _Page:
    """One customer's."""

    def __init__(self) -> None:
        self.drafts: list[dict[str, Any]] = []
        self.lines: list[dict[str, Any]] = []
        self.parts: list[dict[str, Any]] = []
        self.balances: list[dict[str, Any]] = []
        self.notices: list[dict[str, Any]] = []
        self.problems: list[dict[str, Any]] = []


class _Showing:
    """One result on its way to its customers."""

    def __init__(self, result: Result) -> None:
        self._result = result
        book = self._book = result.book
        self._owners = {one.code: book.root(one.customer) for one in book.contracts}
        self._pages: dict[str, _Page] = defaultdict(_Page)
        self._rules = _Rules(book)

    def pages(self, digests: Mapping[str, str], protocol: int) -> dict[str, dict[str, Any]]:
        result, book = self._result, self._book
        self._lines()
        self._parts()
        for balance in result.balances:
            self._of(balance.contract).balances.append(_balance(balance))
        for new, notices in ((True, result.notices), (False, result.standing)):
            for notice in notices:
                self._of(notice.contract).notices.append(_notice(notice, new))
        for problem in result.problems:
            root = book.root(problem.customer) if problem.customer else ""
            self._pages[root if root in result.customers else ""].problems.append(_problem(problem))
        return {
            customer: {
                "protocol": protocol,
                "as_of": result.as_of.isoformat(),
                "seq": book.sequences.get(customer, 0),
                "fingerprint": digests.get(customer, ""),
                "drafts": page.drafts,
                "lines": page.lines,
                "parts": page.parts,
                "balances": page.balances,
                "notices": page.notices,
                "problems": page.problems,
            }
            for customer in ("", *result.customers)
            for page in (self._pages[customer],)
        }

    def _of(self, contract: str) -> _Page:
        return self._pages[self._owners[contract]]

    def _lines(self) -> None:
        explainer = Explainer(self._result)
        for draft in self._result.drafts:
            page, marks = self._pages[draft.customer], Marks(draft)
            back = draft.kind == "credit_note"
            page.drafts.append(
                {
                    "draft": draft.key,
                    "kind": draft.kind,
                    "currency": draft.currency,
                    # Rounded once over all lines: no sum of theirs (semantics 6).
                    "total": plain(-draft.total if back else draft.total),
                }
            )
            for line in draft.lines:
                amount = -line.amount if back else line.amount
                explained = explainer.bare(line, draft)
                sentences = {language: visible(why(explained, language)) for language in LANGUAGES}
                page.lines.append(
                    {
                        "sequence": len(page.lines) + 1,
                        "draft": draft.key,
                        "kind": draft.kind,
                        "key": str(line.key),
                        "contract": line.key.contract,
                        "term": line.key.term,
                        "component": line.key.component,
                        "date_from": line.first.isoformat(),
                        "date_until": line.last.isoformat(),
                        "name": visible(line.description),
                        "quantity": plain(line.quantity),
                        "unit": line.unit,
                        "price_unit": plain(line.unit_price),
                        "discount": plain(line.discount),
                        "amount": plain(amount),
                        "currency": draft.currency,
                        "late": line.late,
                        "corrects": line.reverses is not None and not line.credit,
                        "why": sentences,
                        # As on the invoice: what only its maker is told has none there.
                        "mark": marks.behind(line, told=True).strip(),
                    }
                )

    def _parts(self) -> None:
        book, rules = self._book, self._rules
        entries = {entry.id: entry for entry in book.entries}
        lines = {str(line.key) for draft in self._result.drafts for line in draft.lines}
        reasons = {override.entry: override.reason for override in book.overrides}
        told: dict[tuple[Any, ...], dict[str, Any]] = {}
        homes: dict[tuple[str, str, str], str] = {}
        pages, owners = self._pages, self._owners
        for id_, parts in self._result.entries:
            entry = entries[id_]
            for part in parts:
                state = _state(part, lines)
                if not state:
                    continue
                customer = owners.get(part.contract)
                if customer is None:
                    whose = entry.customer, entry.ticket, entry.project
                    customer = homes.get(whose)
                    if customer is None:
                        customer = homes[whose] = book.customer_of(entry)
                by_hand = reasons.get(id_, "") if part.rule == OVERRIDE else ""
                rule = rules.of(part.contract, part.rule, entry)
                known = (
                    state, id(rule), by_hand, part.disposition, part.rule, part.contract,
                    part.term, part.component, part.held, part.uncovered,
                )  # fmt: skip
                shared = told.get(known)
                if shared is None:
                    shared = told[known] = _shared(part, state, rule, by_hand)
                pages[customer].parts.append({**shared, **_own(entry, part, state)})


class _Rules:
    """Rules by a contract and the id that parts have, on the day of an entry."""

    def __init__(self, book: Book) -> None:
        self._policies = {one.code: book.policies.get(one.policy) for one in book.contracts}
        self._known: dict[tuple[str, str], tuple[Rule, ...]] = {}

    def of(self, contract: str, id_: str, entry: Entry) -> Rule | None:
        """None where no rule has decided."""
        found = self._known.get((contract, id_))
        if found is None:
            policy = self._policies.get(contract)
            rules = (*policy.rules, policy.otherwise) if policy is not None else ()
            found = tuple(rule for rule in rules if rule.id == id_)
            self._known[contract, id_] = found
        if len(found) > 1:
            return next((rule for rule in found if rule.in_force(entry.date)), found[0])
        return found[0] if found else None


def _state(part: Part, lines: set[str]) -> str:
    """What this run does with a part; empty where it does nothing."""
    if part.held:
        return "held"
    if part.uncovered:
        return "uncovered"
    if part.line and part.line in lines:
        return "billed"  # what was put on record early, too
    if part.disposition in _NEVER or (part.settled and (part.lot or part.due is None)):
        return ""
    if part.lot:
        return "drawn"
    return "included" if part.due is None else "not_due"


def _shared(part: Part, state: str, rule: Rule | None, by_hand: str) -> dict[str, Any]:
    """What many parts have in common; what is empty is left out."""
    if by_hand:
        sentence = dict.fromkeys(LANGUAGES, visible(by_hand))
    elif part.uncovered:
        sentence = {one: WORDS[one][f"why_{part.uncovered}"] for one in LANGUAGES}
    else:
        texts: Texts = rule.because if rule is not None else {}
        sentence = {one: visible(text_in(texts, one)) for one in LANGUAGES} if texts else {}
    found = {
        "state": state,
        "contract": part.contract,
        "term": part.term,
        "component": part.component,
        "disposition": part.disposition,
        "reason": part.held or part.uncovered,
        "rule": part.rule,
        "clause": rule.clause if rule is not None and not by_hand else "",
        "sentence": sentence,
    }
    return {name: value for name, value in found.items() if value}


def _own(entry: Entry, part: Part, state: str) -> dict[str, Any]:
    """What a part has for itself."""
    found: dict[str, Any] = {
        "entry_ref": int(entry.id),
        "date": entry.date.isoformat(),
        "worked_seconds": part.seconds,
        "counted_seconds": part.rounded,
    }
    if state == "billed":
        found["line"] = part.line
    if part.lot:
        found["lot"] = part.lot
        found["drawn"] = _hours(part.drawn)
        if part.before is not None and part.after is not None:
            found["before"] = _hours(part.before)
            found["after"] = _hours(part.after)
    if part.due is not None:
        found["due"] = part.due.isoformat()
    if part.late:
        found["late"] = True
    return found


@lru_cache(maxsize=4096)
def _hours(seconds: int) -> str:
    return plain(quantity(seconds, 6))


def _day(day: date | None) -> str | bool:
    return day.isoformat() if day is not None else False


def _balance(balance: Balance) -> dict[str, Any]:
    times = ("granted", "drawn", "expired", "refunded", "remaining", "deficit")
    return {
        "contract": balance.contract,
        "term": balance.term,
        "lot": balance.lot,
        "unit": balance.unit,
        **{name: _hours(getattr(balance, name)) for name in times},
        "date_from": _day(balance.first),
        "date_until": _day(balance.last),
    }


def _notice(notice: Notice, new: bool) -> dict[str, Any]:
    return {
        "contract": notice.contract,
        "rule": notice.rule,
        "period": notice.period,
        "percent": notice.at_percent,
        "date": notice.on.isoformat(),
        "text": visible(notice.text),
        "is_new": new,
    }


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "severity": problem.severity,
        "code": problem.code,
        "text": visible(problem.message),
        "hint": visible(problem.hint),
        "place": visible(str(problem.where)),
    }
