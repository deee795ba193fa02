"""The activity record of an invoice: what was billed then, whatever has become of it since."""

from collections import defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from odoo import models
from odoo.exceptions import UserError
from odoo.tools import format_date
from odoo.tools.misc import formatLang, get_lang

from .activity_record import Record, Row, Section, restored

#: Time that no customer sees.
NEVER = ("internal", "written_off", "billed_elsewhere", "uncovered")
REPORT = "klausel_billing.report_activity_record"


class AccountMove(models.Model):
    _inherit = "account.move"

    def _klausel_lines_on_record(self):
        """Live ledger rows that stand for this document's lines."""
        self.ensure_one()
        ledger = self.env["klausel.ledger"].sudo()
        return ledger.search(
            [("move_id", "=", self.id), ("amount", "!=", False), ("state", "=", "live")], order="id"
        )

    def _klausel_has_record(self):
        return bool(self.klausel_run_id and self._klausel_lines_on_record())

    def _klausel_records(self):
        """Its records, oldest first: those kept with the runs that wrote its lines, and one of the
        ledger for lines of before records were kept."""
        self.ensure_one()
        rows = self._klausel_lines_on_record()
        records, bare = [], rows.browse()
        for run, lines in rows.grouped("run_id").items():
            kept = self._klausel_kept_records(run)
            found = [one for one in kept if any(_stands_for(one.keys, line) for line in lines)]
            records += found
            bare |= lines.filtered(
                lambda line, found=found: not any(_stands_for(one.keys, line) for one in found)
            )
        if bare:
            records.append(self._klausel_record_of(bare))
        return records

    def _klausel_kept_records(self, run):
        try:
            return restored(run.record) if run.record else ()
        except ValueError as error:
            raise UserError(
                self.env._(
                    "The activity record of %(document)s cannot be read (%(error)s): bring the"
                    " addon to the version of the program that wrote it.",
                    document=self._klausel_name(),
                    error=error,
                )
            ) from error

    # --- of before records were kept --------------------------------------------------------------

    def _klausel_record_of(self, lines):
        """The record of these lines from the ledger and today's timesheets: without balances, and
        without names, since nobody knows what the policy said of them then."""
        ledger = lines.browse()
        last = max(line.last or line.period for line in lines)
        parts = ledger.search(
            [("move_line_id", "in", lines.move_line_id.ids), *self._klausel_of_entries()],
            order="entry_ref, id",
        ).grouped("move_line_id")
        sections = []
        for line in lines:
            rows = _rows(parts.get(line.move_line_id, ledger))
            if rows:
                title = line.move_line_id.name or line.display_name
                requests = line.move_line_id.product_uom_id == self.env.ref(
                    "uom.product_uom_unit", raise_if_not_found=False
                )
                sections.append(Section("billed", title, requests, rows))
        drawn, free = defaultdict(ledger.browse), ledger.browse()
        for contract in lines.contract_id:
            for row in self._klausel_beside(contract, last):
                if row.lot:
                    drawn[contract.code, row.term] |= row
                elif row.disposition not in NEVER:
                    free |= row
        for (code, term), rows in drawn.items():
            sections.append(Section("drawn", f"{code} {term}", False, _rows(rows)))
        if free:
            sections.append(Section("free", "", False, _rows(free)))
        days = [row.day for one in sections for row in one.rows]
        days = days or [line.period for line in lines] + [last]
        contracts = lines.contract_id
        return Record(
            kind="credit_note" if self.move_type == "out_refund" else "invoice",
            customer=self.commercial_partner_id.name or "",
            keys=(),
            contracts=tuple(contracts.mapped("code")),
            orders=tuple(dict.fromkeys(filter(None, contracts.mapped("po_number")))),
            digits=2,
            language=(self.partner_id.lang or "en")[:2],
            as_of=lines.run_id[:1].as_of or last,
            first=min(days),
            last=max(days),
            sections=tuple(one for one in sections if one.rows),
            movements=(),
        )

    def _klausel_of_entries(self):
        return [("entry_ref", "!=", 0), ("state", "=", "live"), ("held", "=", False)]

    def _klausel_beside(self, contract, last):
        """What was drawn or free under ``contract`` up to ``last``, and in no record before."""
        ledger = self.env["klausel.ledger"].sudo()
        others = ledger.search(
            [
                ("contract_id", "=", contract.id),
                ("amount", "!=", False),
                ("state", "=", "live"),
                ("move_id", "not in", [False, self.id]),
            ]
        )
        ends = {
            move: max(line.last or line.period for line in some)
            for move, some in others.grouped("move_id").items()
        }
        before = [end for move, end in ends.items() if (end, move.id) < (last, self.id)]
        domain = [
            ("contract_id", "=", contract.id),
            ("move_id", "=", False),
            ("period", "<=", last),
            ("run_id.record", "=", False),
            *self._klausel_of_entries(),
        ]
        if before:
            domain.append(("period", ">", max(before)))
        return ledger.search(domain, order="entry_ref, id").filtered(lambda row: not row.rate)

    # --- for people -------------------------------------------------------------------------------

    def _klausel_record_language(self, language):
        """Of the languages that are installed, the one that a record speaks."""
        installed = [code for code, _name in self.env["res.lang"].get_installed()]
        wanted = (self.partner_id.lang, self.company_id.partner_id.lang, *installed)
        fits = [code for code in wanted if code in installed and code[:2] == language]
        return fits[0] if fits else get_lang(self.env, self.partner_id.lang).code

    def _klausel_record_filename(self):
        """How the printed record is called, without an ending."""
        self.ensure_one()
        move = self
        if records := self.sudo()._klausel_records():
            lang = self._klausel_record_language(records[0].language)
            move = self.with_context(lang=lang)
        name = move._get_move_display_name() if move.name in (False, "/") else move.name
        title = move.env._("Activity record")
        return f"{title} {name}".replace("/", "_")

    def _klausel_record_pages(self):
        """What the report shows: the language, and page by page texts in it."""
        self.ensure_one()
        self.check_access("read")
        records = self.sudo()._klausel_records()
        if not records:
            return {"lang": get_lang(self.env).code, "pages": []}
        lang = self._klausel_record_language(records[0].language)
        writer = Writer(self.with_context(lang=lang).env)
        return {"lang": lang, "pages": [writer.page(record) for record in records]}


def _stands_for(keys, line):
    """Whether the ledger row ``line`` is one of ``keys``. A contract may be called otherwise now:
    then the rest of the key says so, among lines that one run has written."""
    place = (
        line.term, line.component, line.period, line.line_group or "", line.sequence,
    )  # fmt: skip
    same = [key[0] for key in keys if key[1:] == place]
    code = line.contract_id.code
    return code in same or (bool(same) and not any(key[0] == code for key in keys))


def _rows(parts):
    """Rows of the ledger with today's texts; an entry's corrections are one with what they
    correct."""
    found = []
    for (ref, lot), some in parts.grouped(lambda part: (part.entry_ref, part.lot or "")).items():
        entry = some.entry_id[:1]
        times = [sum(some.mapped(name)) for name in ("seconds", "rounded", "drawn")]
        if not any(times):
            continue
        task = entry.task_id
        found.append(
            Row(
                str(ref), entry.date or min(some.mapped("period")), "",
                entry.project_id.name or "", task.name or "",
                entry.klausel_activity or task.klausel_activity or "", entry.name or "",
                some[-1].disposition or "", times[0], times[1], lot, times[2],
                late=any(some.mapped("counted")),
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda row: (row.day, int(row.entry))))


class Writer:
    """Puts records into words of one language."""

    def __init__(self, env):
        self.env = env
        self.lang = get_lang(env)
        # Written out here, so that they are found for translation.
        self.names = {
            "billed": env._("Billed by time"),
            "billed_requests": env._("Billed by request"),
            "drawn": env._("Paid from agreed hours"),
            "drawn_requests": env._("Paid from agreed requests"),
            "free": env._("At no charge"),
            "held": env._("Not invoiced yet"),
        }
        self.reasons = {
            "not_requested": env._("needs your approval"),
            "pending": env._("waits for your approval"),
            "rejected": env._("was not approved"),
            "limit": env._("above the approved amount"),
            "budget": env._("above the agreed budget"),
            "late_decision": env._("approved after the work was done"),
            "no_hours": env._("no hours left"),
            "no_term": env._("is being clarified"),
            "not_validated": env._("is being checked by us"),
        }
        self.free = {"included": env._("included"), "warranty": env._("warranty")}

    def page(self, record):
        other = any(one.other for one in record.movements)
        return {
            "title": self.env._("For the credit note")
            if record.kind == "credit_note"
            else self.env._("For the invoice"),
            "customer": record.customer,
            "contracts": ", ".join(record.contracts),
            "orders": ", ".join(record.orders),
            "days": self.days(record.first, record.last),
            "as_of": self.day(record.as_of),
            "sections": [self.section(one, record.digits) for one in record.sections],
            "movements": [self.movement(one, other) for one in record.movements],
            "other": other,
            "total": f"{clock(record.seconds)} = {self.hours(record.seconds, record.digits)}",
        }

    def section(self, section, digits):
        asked = section.requests and section.kind in ("billed", "drawn")
        balance = any(row.after is not None for row in section.rows)
        several = len({row.project for row in section.rows}) > 1
        seconds = sum(row.seconds for row in section.rows)
        columns, sums = [self.env._("Worked")], [clock(seconds)]
        note = ""
        if section.kind == "billed":
            rounded = sum(row.rounded for row in section.rows)
            columns.append(self.env._("Billed"))
            sums.append(clock(rounded))
            if not section.requests:
                note = self.hours(rounded, digits)
        elif section.kind == "drawn":
            drawn = sum(row.drawn for row in section.rows)
            columns.append(self.env._("Drawn"))
            sums.append(amount(drawn, section.requests))
            if balance:
                columns += [self.env._("Before"), self.env._("After")]
                sums += ["", ""]
        return {
            "name": self.names[f"{section.kind}_requests" if asked else section.kind],
            "title": section.title,
            "held": section.kind == "held",
            "columns": columns,
            "rows": [self.row(section, row, several, balance) for row in section.rows],
            "sums": sums,
            "note": note,
        }

    def row(self, section, row, several, balance):
        cells = [clock(row.seconds)]
        if section.kind == "billed":
            cells.append(clock(row.rounded))
        elif section.kind == "drawn":
            values = (row.drawn, row.before, row.after) if balance else (row.drawn,)
            cells += ["" if one is None else amount(one, section.requests) for one in values]
        marks = []
        if section.kind == "drawn":
            marks.append(self.lot(row.lot))
        elif section.kind == "free":
            marks.append(self.free.get(row.disposition) or self.env._("nothing to bill"))
        if row.held:
            marks.append(self.reasons.get(row.held, row.held))
        if row.late:
            marks.append(self.env._("late entry"))
        ticket = "" if section.title and row.ticket in section.title.split(", ") else row.ticket
        return {
            "day": self.day(row.day),
            "who": row.who or self.env._("employee"),
            "on": " · ".join(filter(None, (row.project if several else "", ticket))),
            "done": " · ".join(filter(None, (row.activity, row.text))),
            "marks": marks,
            "cells": cells,
        }

    def movement(self, movement, other):
        values = [movement.before, movement.drawn, *([movement.other] if other else ())]
        values.append(movement.after)
        return {
            "name": ", ".join(filter(None, (movement.title, self.lot(movement.lot)))),
            "cells": [amount(value, movement.requests) for value in values],
        }

    def lot(self, lot):
        if lot == "deficit":
            return self.env._("deficit")
        if lot == "opening":
            return self.env._("balance brought forward")
        try:
            day = date.fromisoformat(lot)
        except ValueError:
            return lot
        return self.env._("from %s", self.day(day))

    def day(self, day):
        return format_date(self.env, day, lang_code=self.lang.code)

    def days(self, first, last):
        return self.day(first) if first == last else f"{self.day(first)} – {self.day(last)}"

    def hours(self, seconds, digits):
        """Decimal hours, as invoices have them."""
        number = (Decimal(seconds) / 3600).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)
        shown = formatLang(self.env, float(number), digits=digits)
        return self.env._("%s h", shown)


def clock(seconds):
    """Hours and minutes, seconds only where there are some."""
    minutes, rest = divmod(abs(seconds), 60)
    text = f"{minutes // 60}:{minutes % 60:02}" + (f":{rest:02}" if rest else "")
    return f"−{text}" if seconds < 0 else text


def amount(value, requests):
    """What a lot holds or lost: time, or a number of requests."""
    if not requests:
        return clock(value)
    number = (Decimal(value) / 3600).quantize(Decimal("0.0001"), ROUND_HALF_UP).normalize()
    return format(number + 0, "f").replace("-", "−")
