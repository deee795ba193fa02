"""Lines become drafts, per contract or per customer as the policy says (semantics 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from klausel.model import LedgerKey, LedgerRow
from klausel.money import total
from klausel.result import Draft, Line, Reporting
from klausel.run.facts import CustomerFacts
from klausel.run.history.record import History
from klausel.run.values import DueDays
from klausel.terms import BoundContract

Drawn = Sequence[tuple[BoundContract, Line]]
"""Lines with the contracts that they are of."""


class Drafted(NamedTuple):
    """The drafts of one customer."""

    drafts: Sequence[Draft]
    settlements: Sequence[LedgerRow]
    """What goes on record, with the draft that it stands on."""
    reporting: Mapping[str, Reporting]
    """By contract: the draft that has the record of its time that costs nothing."""


def drafted(
    facts: CustomerFacts, history: History, lines: Drawn, rows: Sequence[LedgerRow], days: DueDays
) -> Drafted:
    """``lines`` on their drafts, and ``rows`` that say so."""
    groups: dict[tuple[str, ...], list[tuple[BoundContract, Line]]] = {}
    for bound, line in lines:
        single = (facts.mode.group_by or bound.policy.group_by) == "contract"
        code = bound.contract.code if single else ""
        kind = ("", "")
        if line.credit or (line.reverses is not None and not line.beside):
            stands_on = _document(history, line.reverses)
            kind = ("credit" if line.credit else "correction", stands_on)
        groups.setdefault((code, bound.contract.currency, *kind), []).append((bound, line))
    drafts = []
    documents: dict[LedgerKey, str] = {}
    # Of each contract the invoice first, though a credit is for an earlier day.
    place = {code: number for number, code in enumerate(dict.fromkeys(key[0] for key in groups))}
    ordered = sorted(groups.items(), key=lambda found: (place[found[0][0]], bool(found[0][2])))
    for (_, currency, credit, _), members in ordered:
        draft = _draft(facts, history, currency, credit == "credit", members)
        drafts.append(draft)
        documents |= {line.key: draft.key for line in draft.lines}
    settlements = [
        row._replace(document=documents[row.key])
        if row.amount is not None and row.key in documents
        else row
        for row in rows
    ]
    return Drafted(drafts, settlements, _reporting(drafts, days))


def _reporting(drafts: Sequence[Draft], days: DueDays) -> dict[str, Reporting]:
    """Which draft of each contract has the record of its time that costs nothing: the first
    invoice that corrects nothing, else the first document."""
    found: dict[str, Reporting] = {}
    first = sorted(drafts, key=lambda draft: (draft.kind != "invoice", bool(draft.reverses)))
    for draft in first:
        for code in {line.key.contract for line in draft.lines} - found.keys():
            due, was_due, again = (
                tuple(sorted(some.get(code, ()))) for some in (days.due, days.was_due, days.again)
            )
            found[code] = Reporting(draft.key, due, was_due, again)
    return found


def _document(history: History, key: LedgerKey | None) -> str:
    """The invoice that a line on record stands on."""
    if key is None:
        return ""
    for row in history.ledger[key.contract].lines.get((key.term, key.component), ()):
        if row.key == key:
            return row.document
    return "this run"


def _draft(
    facts: CustomerFacts, history: History, currency: str, credit: bool, members: Drawn
) -> Draft:
    digits = members[0][0].money_digits
    some = [line for _, line in members]
    codes = {bound.contract.code for bound, _ in members}
    amount = total((line.exact for line in some), facts.book.company.rounding_method, digits)
    turned = not credit and amount < 0
    reverses = next((line.reverses for line in some if line.reverses is not None), None)
    if any(line.beside for line in some) and (
        not all(line.reverses for line in some)
        or len({_document(history, line.reverses) for line in some}) > 1
    ):
        reverses = None  # other lines stand beside what corrects, or it corrects several
    return Draft(
        key=str(some[0].key),
        customer=facts.root,
        contract=codes.pop() if len(codes) == 1 else "",
        kind="credit_note" if credit or turned else "invoice",
        currency=currency,
        digits=digits,
        total=abs(amount),
        lines=tuple(_turned(line) for line in some) if turned else tuple(some),
        reverses=str(reverses) if reverses is not None else "",
    )


def _turned(line: Line) -> Line:
    """``line`` as it stands in a credit note."""
    return line._replace(quantity=-line.quantity, exact=-line.exact, amount=-line.amount)
