"""Drafts -> what the addon writes: pure, plain values (design 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from klausel.assemble import ledger_data
from klausel.engine import fingerprint
from klausel.model import Book, Contract, LedgerKey, Opening, Term
from klausel.money import hours_exact, plain, shortest
from klausel.policy.ir import text_in
from klausel.port import Application
from klausel.result import Balance, Draft, Line, Marks
from klausel.texts import (
    days_text,
    hours_text,
    language_of,
    line_text,
    phrase,
    reason_text,
)

MOVE_TYPES = {"invoice": "out_invoice", "credit_note": "out_refund"}


class Known:
    """A book's entries and lines by what applications name; made once for all customers."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.entries = {entry.id: entry for entry in book.entries}
        self.lines = {
            str(row.key): row
            for row in reversed(book.ledger)
            if row.document and row.state == "live"
        }


def payload(
    application: Application, book: Book, company: int, protocol: int, refresh: bool,
    known: Known | None = None,
) -> dict[str, Any]:  # fmt: skip
    """The argument of ``klausel_apply``; money and quantities are decimal numbers as text.

    ``known`` is of the same book, where several customers of it are written.
    """
    known = known or Known(book)
    contracts = {contract.code: contract for contract in book.contracts}
    entries = {row.entry for row in application.rows if row.entry and row.fingerprint}
    codes = {row.key.contract for row in application.rows}
    codes |= {line.key.contract for draft in application.drafts for line in draft.lines}
    return {
        "protocol": protocol,
        "company_id": company,
        "partner_id": int(application.customer),
        "seq": application.sequence,
        "key": application.key,
        "as_of": application.as_of.isoformat(),
        "fingerprints": {
            id_: fingerprint(known.entries[id_]) for id_ in sorted(entries & known.entries.keys())
        },
        "moves": [
            _move(draft, known, contracts, refresh, balances_text(draft, application, book))
            for draft in application.drafts
        ],
        "rows": list(_rows(application)),
        "record": application.record,
        "batch": application.batch,
        "policies": {code: book.policies[contracts[code].policy].stamp for code in sorted(codes)},
    }


def _rows(application: Application) -> Iterator[dict[str, Any]]:
    """Rows with their lines. What an adjustment changed of an entry goes with the line of that."""
    lines = [line for draft in application.drafts for line in draft.lines]
    billed = {line.key: {"", *(share.entry for share in line.entries)} for line in lines}
    corrections = {
        line.key._replace(sequence=0): line.key
        for line in lines
        # Of a period without any line nothing is named, and the correction is its first.
        if (line.reverses is not None or (line.key.sequence and not line.entries))
        and not line.credit
    }
    for row in application.rows:
        key: LedgerKey | None = row.key
        if row.entry not in billed.get(row.key, ()):
            key = corrections.get(row.key._replace(sequence=0))
        data = {**ledger_data(row), "line": str(key) if key is not None else ""}
        for name in ("customer", "currency"):
            data.pop(name, None)  # Odoo keeps a contract from changing them
        yield data


def _move(
    draft: Draft,
    known: Known,
    contracts: Mapping[str, Contract],
    refresh: bool,
    balances: Collection[str],
) -> dict[str, Any]:
    book = known.book
    customer = book.customers[draft.customer]
    original = known.lines.get(draft.reverses)
    language = language_of(customer.language, *book.company.languages)
    codes = dict.fromkeys(line.key.contract for line in draft.lines)
    references = dict.fromkeys(
        contracts[code].po_number for code in codes if contracts[code].po_number
    )
    return {
        "key": draft.key,
        "move_type": MOVE_TYPES[draft.kind],
        "currency": draft.currency,
        "reference": ", ".join(references),
        "narration": "\n".join((_narration(draft, codes, language), *balances)),
        "total": plain(draft.total),
        "language": customer.language,
        "refresh": refresh,
        # The invoice that it gives back or corrects, found by the line that it names.
        "reverses": int(original.document) if original is not None else False,
        "lines": list(_lines(draft, known, contracts, language, refresh)),
    }


def _narration(draft: Draft, codes: Collection[str], language: str) -> str:
    """Which contracts it is about and the days of the service, as tax law wants them."""
    periods = {(line.first, line.last) for line in draft.lines}
    first, last = min(day for day, _ in periods), max(day for _, day in periods)
    return "\n".join(
        (
            phrase(language, "contract" if len(codes) == 1 else "contracts", ", ".join(codes)),
            phrase(
                language,
                "service_period" if len(periods) == 1 else "service_periods",
                days_text(first, last, language),
            ),
        )
    )


def balances_text(draft: Draft, application: Application, book: Book) -> list[str]:
    """Where the hours of each term of the draft's contracts stand on the day of the run."""
    language = language_of(book.customers[draft.customer].language, *book.company.languages)
    codes = {line.key.contract for line in draft.lines}
    found = []
    for contract in book.contracts if application.balances else ():
        for term in contract.terms if contract.code in codes else ():
            plan = book.policies[contract.policy].plans[term.plan]
            kinds = {one.kind for one in plan.components}
            own = [
                line
                for line in draft.lines
                if (line.key.contract, line.key.term) == (contract.code, term.id)
            ]
            first = min((line.first for line in own), default=application.as_of)
            last = max((line.last for line in own), default=application.as_of)
            if "pool" in kinds:
                last = application.as_of  # what was owed, the next hours have paid already
            # Of the time that the draft is about: neither what is history nor what is to come.
            lots = [
                lot
                for lot in application.balances
                if (lot.contract, lot.term) == (contract.code, term.id)
                and (lot.first is None or lot.first <= last)
                and (lot.last is None or lot.last >= first)
            ]
            if lots:
                title = text_in(plan.title, language, plan.name)
                if len(codes) > 1:
                    title = f"{contract.code}, {title}"
                day = days_text(application.as_of, application.as_of, language)
                said = ", ".join(_standing(lots, language, "quota" in kinds))
                found.append(phrase(language, "balance", day, title, said))
    return found


def _standing(lots: Sequence[Balance], language: str, requests: bool) -> Iterator[str]:
    def said(seconds: int) -> str:
        if requests:
            return phrase(language, "requests", shortest(hours_exact(seconds)))
        return hours_text(seconds, language)

    yield phrase(language, "granted", said(sum(lot.granted for lot in lots)))
    yield phrase(language, "used", said(sum(lot.drawn for lot in lots)))
    for name in ("expired", "refunded"):
        gone = sum(getattr(lot, name) for lot in lots)
        if gone:
            yield phrase(language, name, said(gone))
    yield phrase(language, "left", said(sum(lot.remaining for lot in lots)))
    owed = sum(lot.deficit for lot in lots)
    if owed:
        yield phrase(language, "owed", said(owed))
    # The next hours to go are what the customer has to know of.
    ends = [lot.last for lot in lots if lot.remaining and lot.last is not None]
    if ends:
        yield phrase(language, "last_day", days_text(min(ends), min(ends), language))


def _lines(
    draft: Draft, known: Known, contracts: Mapping[str, Contract], language: str, refresh: bool
) -> Iterator[dict[str, Any]]:
    """Lines below their headings, each group with what the customer is told of its reasons; marks
    tie these to the lines."""
    book = known.book
    marks = Marks(draft)
    marked = marks.needed or refresh  # it may come to stand below others
    headings: dict[str, list[Line]] = {}
    for line in draft.lines:
        headings.setdefault(_heading(line, book, contracts, language), []).append(line)
    for heading in sorted(headings, key=lambda text: bool(text)):
        if heading:
            yield _text_line("line_section", heading)
        lines = headings[heading]
        for line in lines:
            contract = contracts[line.key.contract]
            name = _name(line, contract, heading, book, language)
            told = [reason for reason in line.because if reason.told]
            data = _line(line, _product(line, contract, book), name, known)
            yield {**data, "marks": list(marks.of(told)) if marked else []}
        notes: dict[str, list[int]] = {}
        for reason in dict.fromkeys(one for line in lines for one in line.because if one.told):
            text = reason_text(reason.clause, reason.text, language)
            notes.setdefault(text, []).extend(marks.of((reason,)))
        for text, numbers in notes.items():
            yield {**_text_line("line_note", text), "marks": numbers if marked else []}


def _name(line: Line, contract: Contract, heading: str, book: Book, language: str) -> str:
    """The line's text; a project that stands above it already is not named again."""
    details = tuple(detail for detail in line.label.details if detail != ("project", heading))
    if details == line.label.details:
        return line.description
    plan = book.policies[contract.policy].plans[_term(line, contract).plan]
    title = text_in(plan.title, language, plan.name)
    return line_text(title, line.label._replace(details=details), language, line.late)


def _heading(line: Line, book: Book, contracts: Mapping[str, Contract], language: str) -> str:
    policy = book.policies[contracts[line.key.contract].policy]
    if policy.sections == "contract":
        return phrase(language, "contract", line.key.contract)
    if policy.sections == "project":
        return dict(line.label.details).get("project", "")
    return ""


def _text_line(kind: str, text: str) -> dict[str, Any]:
    return {"key": "", "display_type": kind, "name": text}


def _product(line: Line, contract: Contract, book: Book) -> str:
    """The term's; a one-off item may have its own, else it goes by the first term's."""
    if line.key.term:
        return _term(line, contract).product
    own = [
        item.product
        for item in book.items
        if item.id == line.key.group and item.contract == contract.code
    ]
    return next(filter(None, (*own, *(term.product for term in contract.terms))), "")


def _line(line: Line, product: str, name: str, known: Known) -> dict[str, Any]:
    original = str(line.reverses) if line.reverses is not None else ""
    corrected = known.lines.get(original)
    corrects = corrected is not None and bool(corrected.line)
    return {
        "key": str(line.key),
        "display_type": "",
        "name": name,
        "product_id": int(product) if product else False,
        "quantity": plain(line.quantity),
        "unit": line.unit,
        "price_unit": plain(line.unit_price),
        "discount": plain(line.discount),
        "from": line.first.isoformat(),
        "to": line.last.isoformat(),
        "contract": line.key.contract,
        "entries": [int(share.entry) for share in line.entries],
        # Whose tax and account it takes: a line of the ERP, else one of the same run.
        "corrects": int(corrected.line) if corrected is not None and corrects else False,
        "original": "" if corrects else original,
    }


def opening_values(opening: Opening) -> dict[str, Any]:
    """An opening as ``klausel_load`` takes it. Odoo keeps these numbers as floats."""
    return {
        "contract": opening.contract,
        "term": opening.term,
        "lot": opening.lot,
        "date": opening.date.isoformat(),
        "hours": float(hours_exact(opening.seconds)),
        "own_price": opening.price is not None,
        "price": float(opening.price or 0),
        "valid_until": opening.valid_until.isoformat() if opening.valid_until else False,
        "billed_until": opening.billed_until.isoformat() if opening.billed_until else False,
    }


def _term(line: Line, contract: Contract) -> Term:
    return next(term for term in contract.terms if term.id == line.key.term)
