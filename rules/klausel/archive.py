"""Activity records as they were given out, in the ledger: made again at any time (semantics 15).

A record is kept as one text, deflated: it stands in the transaction that it belongs to, and
whoever reads the ledger for billing does not look into it.
"""

from __future__ import annotations

import json
import zlib
from base64 import b64decode, b64encode
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from klausel.activity import NEVER, CustomerRecord, Movement, Record, Row, Section
from klausel.charges.base import ONE, Label
from klausel.currency import digits
from klausel.model import (
    Book,
    Contract,
    Customer,
    LedgerKey,
    LedgerRow,
    Project,
    Ticket,
    natural,
)
from klausel.money import ZERO, quantity, round_half_up
from klausel.policy.ir import text_in
from klausel.port import Kept, Wanted
from klausel.result import NO_WHERE, Because, Draft, Kind, Line
from klausel.texts import language_of, line_text

#: Of the form in which records are kept.
FORM = 1


def archived(found: CustomerRecord) -> str:
    """``found`` as a text that :func:`restored` reads."""
    data = {
        "form": FORM,
        "customer": {"id": found.customer.id, "name": found.customer.name},
        "language": found.language,
        "company": found.company,
        "as_of": found.as_of.isoformat(),
        "records": [_record_data(record) for record in found.records],
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return b64encode(zlib.compress(text.encode(), 6)).decode("ascii")


def restored(text: str) -> CustomerRecord:
    """What :func:`archived` kept. Raises ``ValueError`` for a text that is none."""
    try:
        data = json.loads(zlib.decompress(b64decode(text, validate=True)))
        if data["form"] != FORM:
            raise ValueError(f"form {data['form']}")
        return CustomerRecord(
            Customer(data["customer"]["id"], data["customer"]["name"]),
            data["language"],
            data["company"],
            date.fromisoformat(data["as_of"]),
            tuple(_record(one) for one in data["records"]),
        )
    except (zlib.error, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        raise ValueError("this is no activity record") from error


def found(kept: Iterable[Kept], wanted: Wanted) -> list[tuple[CustomerRecord, str]]:
    """Those records among ``kept`` that are ``wanted``, in their order, each customer's with the
    invoice that they are on.

    A record whose lines stand on no invoice any more is left out, and so is one that was billed
    again since. Raises ``ValueError`` where one cannot be read.
    """
    result: list[tuple[CustomerRecord, str]] = []
    later: set[str] = set()
    for one in reversed(list(kept)):
        customer, invoices = restored(one.text), one.invoices
        for record, keys in reversed(_keys(customer, one)):
            again = bool(keys & later)
            later |= keys
            on = {invoices[key] for key in keys if invoices.get(key)}
            if again or not on or not wanted.has(record.first, record.last):
                continue
            if wanted.customers is not None and customer.customer.id not in wanted.customers:
                continue
            if not wanted.invoices or on & set(wanted.invoices):
                result.append((customer._replace(records=(record,)), min(on)))
    return result[::-1]


def _keys(customer: CustomerRecord, kept: Kept) -> list[tuple[Record, set[str]]]:
    """Each record with the keys of its lines as they are now.

    Where a contract was called otherwise then, it is the one whose lines are the same but for that.
    """
    then: dict[str, set[LedgerKey]] = defaultdict(set)
    for record in customer.records:
        for line in record.draft.lines:
            then[line.key.contract].add(line.key._replace(contract=""))
    now: dict[str, set[LedgerKey]] = defaultdict(set)
    for key in kept.own:
        now[key.contract].add(key._replace(contract=""))
    codes = {}
    for code, lines in now.items():
        before = [old for old in then.keys() - now.keys() if lines <= then[old]]
        if code not in then and len(before) == 1:
            codes[before[0]] = code
    return [
        (
            record,
            {
                str(line.key._replace(contract=codes.get(line.key.contract, line.key.contract)))
                for line in record.draft.lines
            },
        )
        for record in customer.records
    ]


def of_drafts(found: CustomerRecord, keys: Collection[str]) -> CustomerRecord | None:
    """``found`` with the records of the drafts ``keys`` alone; None where there are none."""
    some = tuple(record for record in found.records if record.draft.key in keys)
    return found._replace(records=some) if some else None


# --- of rows: what was written before records were kept ------------------------------------------


def of_rows(book: Book, kept: Iterable[Kept], wanted: Wanted) -> list[tuple[CustomerRecord, str]]:
    """Records of invoices in the ledger of ``book`` that none of ``kept`` has, from its rows and
    today's timesheets: the time of each line, and with it what was drawn or free up to its day.

    What was left in a lot is not on record, and so is not said.
    """
    had = {key for one in kept for _record, keys in _keys(restored(one.text), one) for key in keys}
    lines: dict[str, list[LedgerRow]] = defaultdict(list)
    parts: dict[LedgerKey, list[LedgerRow]] = defaultdict(list)
    others: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in book.ledger:
        if row.state != "live" or row.held:
            continue
        if row.amount is not None:
            if str(row.key) not in had:
                lines[row.document or str(row.key)].append(row)
        elif row.entry:
            parts[row.key].append(row)
            if row.rate is None and row.disposition not in NEVER:
                others[row.key.contract].append(row)
    ends = {name: max(row.last or row.key.period for row in some) for name, some in lines.items()}
    known = _Known(book)
    result = []
    for name in sorted(lines, key=lambda name: (ends[name], natural(name))):
        codes = {row.key.contract for row in lines[name]}
        beside = [row for code in codes for row in others[code] if row.key.period <= ends[name]]
        for code in codes:
            others[code] = [row for row in others[code] if row.key.period > ends[name]]
        customer = known.record(name, lines[name], parts, beside)
        record = customer.records[0]
        if (
            wanted.has(record.first, record.last)
            and (not wanted.invoices or name in wanted.invoices)
            and (wanted.customers is None or customer.customer.id in wanted.customers)
        ):
            result.append((customer, name))
    return result


class _Known:
    """What records say beside the ledger."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._entries = {entry.id: entry for entry in book.entries}
        self._contracts = {contract.code: contract for contract in book.contracts}

    def record(
        self,
        name: str,
        rows: Sequence[LedgerRow],
        parts: Mapping[LedgerKey, Sequence[LedgerRow]],
        beside: Iterable[LedgerRow],
    ) -> CustomerRecord:
        book = self._book
        codes = dict.fromkeys(row.key.contract for row in rows)
        contracts = tuple(self._contracts[code] for code in codes if code in self._contracts)
        root = book.root(contracts[0].customer) if contracts else ""
        customer = book.customers.get(root, Customer(root))
        language = language_of(customer.language, *book.company.languages)
        currency = contracts[0].currency if contracts else book.company.currency
        places = digits(book.company, currency)
        lines = tuple(self._line(row, language, places) for row in rows)
        total = round_half_up(sum((line.exact for line in lines), ZERO), places)
        kind: Kind = "credit_note" if total < 0 else "invoice"
        if total < 0:
            lines = tuple(_turned(line) for line in lines)
        sections = [
            Section("billed", line.description, line, shown)
            for line in lines
            if (shown := self._rows(parts.get(line.key, ())))
        ]
        drawn: dict[tuple[str, str, str], list[LedgerRow]] = defaultdict(list)
        free = []
        for part in beside:
            if part.lot:
                drawn[part.key[:3]].append(part)
            else:
                free.append(part)
        for key, some in sorted(drawn.items()):
            title, requests = self._plan(*key, language)
            sections.append(Section("drawn", title, None, self._rows(some), requests))
        if free:
            sections.append(Section("free", "", None, self._rows(free)))
        days = [row.day for section in sections for row in section.rows]
        days = days or [day for line in lines for day in (line.first, line.last)]
        draft = Draft(name, root, "", kind, currency, places, abs(total), lines)
        record = Record(draft, contracts, min(days), max(days), tuple(sections), ())
        as_of = max(line.last for line in lines)
        return CustomerRecord(customer, language, book.company.name, as_of, (record,))

    def _line(self, row: LedgerRow, language: str, places: int) -> Line:
        key, days = row.key, (row.key.period, row.last or row.key.period)
        amount, rate = row.amount or ZERO, row.rate
        title, _ = self._plan(key.contract, key.term, key.component, language)
        counted = row.rounded and rate is not None
        number = quantity(row.rounded, self._book.company.quantity_digits) if counted else ONE
        return Line(
            key, *days, line_text(title, Label(*days), language, key.sequence > 0), Label(*days),
            number, "hour" if counted else "period", rate if counted and rate else amount,
            ZERO, amount, round_half_up(amount, places), (), (),
        )  # fmt: skip

    def _plan(self, code: str, term: str, component: str, language: str) -> tuple[str, bool]:
        """Title of a term's plan, and whether the component counts requests."""
        contract = self._contracts.get(code)
        policy = self._book.policies.get(contract.policy) if contract else None
        found = next((one for one in contract.terms if one.id == term), None) if contract else None
        plan = policy.plans.get(found.plan) if policy and found else None
        if plan is None:
            return term or code, False
        kinds = {one.id: one.kind for one in plan.components}
        return text_in(plan.title, language, plan.name), kinds.get(component) == "quota"

    def _rows(self, parts: Iterable[LedgerRow]) -> tuple[Row, ...]:
        rows = [self._row(part) for part in parts if part.seconds or part.rounded or part.drawn]
        return tuple(sorted(rows, key=lambda row: (row.day, natural(row.entry))))

    def _row(self, part: LedgerRow) -> Row:
        book = self._book
        entry = self._entries.get(part.entry)
        ticket = book.tickets.get(entry.ticket if entry else "", Ticket(""))
        place = (entry.project if entry else "") or ticket.project
        project = book.projects.get(place, Project(""))
        employee = book.employees.get(entry.employee) if entry else None
        return Row(
            part.entry,
            entry.date if entry else part.key.period,
            (employee.name or employee.id) if employee else "",
            project.name or project.id,
            ticket.title or ticket.id,
            (entry.activity if entry else "") or ticket.activity,
            entry.text if entry else "",
            part.disposition, part.seconds, part.rounded, part.lot, part.drawn,
            late=part.counted is not None and part.key.sequence > 0,
        )  # fmt: skip


def _turned(line: Line) -> Line:
    """``line`` as it stands on a credit note."""
    turned = line._replace(amount=-line.amount, exact=-line.exact)
    if line.unit == "hour":
        return turned._replace(quantity=-line.quantity)
    return turned._replace(unit_price=-line.unit_price)


# --- as data ------------------------------------------------------------------------------------


def _record_data(record: Record) -> dict[str, Any]:
    draft = record.draft
    return {
        "draft": [draft.key, draft.kind, draft.currency, draft.digits, str(draft.total)],
        "lines": [_line_data(line) for line in draft.lines],
        "contracts": [[contract.code, contract.po_number] for contract in record.contracts],
        "days": [record.first.isoformat(), record.last.isoformat()],
        "sections": [_section_data(section, draft.lines) for section in record.sections],
        "movements": [list(movement) for movement in record.movements],
    }


def _line_data(line: Line) -> list[Any]:
    return [
        [*line.key[:3], line.key.period.isoformat(), *line.key[4:]],
        line.description, str(line.quantity), line.unit, str(line.unit_price),
        str(line.discount), str(line.amount), line.first.isoformat(), line.last.isoformat(),
        [[reason.rule, reason.clause, reason.text, reason.surcharge] for reason in line.because],
    ]  # fmt: skip


def _section_data(section: Section, lines: Sequence[Line]) -> list[Any]:
    place = None if section.line is None else [line.key for line in lines].index(section.line.key)
    rows = [[row.entry, row.day.isoformat(), *row[2:]] for row in section.rows]
    return [section.kind, section.title, place, section.requests, rows]


def _record(data: Mapping[str, Any]) -> Record:
    key, kind, currency, digits, total = data["draft"]
    lines = tuple(_line(one) for one in data["lines"])
    contracts = tuple(
        Contract(code, "", currency, date.min, "", po_number=po_number)
        for code, po_number in data["contracts"]
    )
    first, last = map(date.fromisoformat, data["days"])
    draft = Draft(key, "", "", kind, currency, digits, Decimal(total), lines)
    return Record(
        draft, contracts, first, last,
        tuple(_section(one, lines) for one in data["sections"]),
        tuple(Movement(*one) for one in data["movements"]),
    )  # fmt: skip


def _line(data: Sequence[Any]) -> Line:
    (contract, term, component, period, *rest), description, *numbers = data
    quantity, unit, price, discount, amount, first, last, *reasons = numbers
    because = tuple(  # the first versions kept none
        Because(rule, clause, NO_WHERE, text, surcharge)
        for some in reasons
        for rule, clause, text, surcharge in some
    )
    days = date.fromisoformat(first), date.fromisoformat(last)
    return Line(
        LedgerKey(contract, term, component, date.fromisoformat(period), *rest),
        *days, description, Label(*days), Decimal(quantity), unit, Decimal(price),
        Decimal(discount), Decimal(amount), Decimal(amount), (),
        because,
    )  # fmt: skip


def _section(data: Sequence[Any], lines: Sequence[Line]) -> Section:
    kind, title, place, requests, rows = data
    return Section(
        kind, title, None if place is None else lines[place],
        tuple(Row(entry, date.fromisoformat(day), *rest) for entry, day, *rest in rows), requests,
    )  # fmt: skip


__all__ = ["archived", "found", "of_drafts", "of_rows", "restored"]
