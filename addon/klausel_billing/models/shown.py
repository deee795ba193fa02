"""What the program beside Odoo shows of one customer: checked as a whole, stored in one go."""

import json
from datetime import date
from decimal import Decimal, InvalidOperation

from odoo.exceptions import ConcurrencyError
from odoo.tools import SQL
from psycopg2.errors import ForeignKeyViolation

from .desk import ALONE, NOW, Desk
from .payload import LARGEST, BadPayload, day, integer, records, storable, text

# --- columns: a list of values as they came -> as they are stored, or BadPayload ----------------


def texts(values):
    found = [value or "" for value in values]
    if not set(map(type, found)) <= {str}:
        raise BadPayload
    storable("".join(found))
    return [value or None for value in found]


def required(values):
    found = texts(values)
    if None in found:
        raise BadPayload
    return found


def integers(values):
    found = [value or 0 for value in values]
    if not set(map(type, found)) <= {int} or any(abs(value) > LARGEST for value in found):
        raise BadPayload
    return found


def numbers(values):
    """Decimal text, which is exact, or numbers of JSON."""
    if True in values and any(value is True for value in values):
        raise BadPayload  # which equals 1
    known = {}
    for value in values:
        if value not in known:
            known[value] = _number(value)
    return [known[value] for value in values]


def _number(value):
    if value in (None, False, ""):
        return 0
    try:
        found = Decimal(value) if type(value) in (str, int, float) else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or abs(found) >= 10**15 or found.as_tuple()[2] < -30:
        raise BadPayload
    return str(found)


def flags(values):
    if not set(map(type, values)) <= {bool, type(None)}:
        raise BadPayload
    return [value is True for value in values]


def days(values):
    found = texts(values)
    known = {value: value and _day(value) for value in set(found)}
    return [known[value] for value in found]


def _day(value):
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise BadPayload from None


def one_of(*options):
    def chosen(values):
        if not set(values) <= set(options):
            raise BadPayload
        return values

    return chosen


def translated(values):
    """Text by language; what was said already is not looked at again."""
    known, found = {}, []
    for value in values:
        if not value:
            found.append(None)
            continue
        if not isinstance(value, dict):
            raise BadPayload
        key = tuple(value.items())
        if key not in known:
            if not all(isinstance(one, str) for pair in key for one in pair):
                raise BadPayload
            storable("".join(text for _language, text in key))
            known[key] = value
        found.append(known[key])
    return found


#: By list of the payload: what each column is, in the database and in the payload. Columns that
#: end in ``_id`` there are named by code here, and stored by id.
COLUMNS = {
    "drafts": {
        "draft": ("text", required),
        "kind": ("text", one_of("invoice", "credit_note")),
        "currency": ("text", required),
        "total": ("numeric", numbers),
    },
    "lines": {
        "sequence": ("int4", integers),
        "draft": ("text", required),
        "kind": ("text", one_of("invoice", "credit_note")),
        "key": ("text", required),
        "contract": ("text", texts),
        "term": ("text", texts),
        "component": ("text", texts),
        "date_from": ("date", days),
        "date_until": ("date", days),
        "name": ("text", required),
        "quantity": ("float8", numbers),
        "unit": ("text", one_of("hour", "month", "period", "piece", None)),
        "price_unit": ("float8", numbers),
        "discount": ("float8", numbers),
        "amount": ("numeric", numbers),
        "currency": ("text", required),
        "late": ("bool", flags),
        "corrects": ("bool", flags),
        "why": ("jsonb", translated),
        "mark": ("text", texts),
    },
    "parts": {
        "line": ("text", texts),
        "entry_ref": ("int4", integers),
        "date": ("date", days),
        "contract": ("text", texts),
        "term": ("text", texts),
        "component": ("text", texts),
        "state": (
            "text",
            one_of("billed", "drawn", "included", "held", "uncovered", "not_due"),
        ),
        "disposition": ("text", texts),
        "reason": ("text", texts),
        "rule": ("text", texts),
        "clause": ("text", texts),
        "sentence": ("jsonb", translated),
        "worked": ("float8", numbers),
        "counted": ("float8", numbers),
        "worked_seconds": ("int4", integers),
        "counted_seconds": ("int4", integers),
        "lot": ("text", texts),
        "drawn": ("float8", numbers),
        "before": ("float8", numbers),
        "after": ("float8", numbers),
        "due": ("date", days),
        "late": ("bool", flags),
    },
    "balances": {
        "contract": ("text", required),
        "term": ("text", texts),
        "lot": ("text", texts),
        "unit": ("text", one_of("hour", "piece")),
        "granted": ("float8", numbers),
        "drawn": ("float8", numbers),
        "expired": ("float8", numbers),
        "refunded": ("float8", numbers),
        "remaining": ("float8", numbers),
        "deficit": ("float8", numbers),
        "date_from": ("date", days),
        "date_until": ("date", days),
    },
    "notices": {
        "contract": ("text", required),
        "rule": ("text", texts),
        "period": ("text", texts),
        "percent": ("float8", numbers),
        "date": ("date", days),
        "text": ("text", texts),  # a rule need not say why
        "is_new": ("bool", flags),
    },
    "problems": {
        "severity": ("text", one_of("error", "warning", "note")),
        "code": ("text", texts),
        "text": ("text", required),
        "hint": ("text", texts),
        "place": ("text", texts),
    },
}
TABLES = {
    "lines": "klausel_preview_line",
    "parts": "klausel_preview_part",
    "balances": "klausel_balance",
    "notices": "klausel_notice",
    "problems": "klausel_problem",
}
HEAD = {"protocol", "as_of", "seq", "fingerprint", "content"}


def parse(data):
    """The payload with each list as columns; raises :class:`BadPayload`."""
    unknown = data.keys() - HEAD - COLUMNS.keys()
    if unknown:
        raise BadPayload(min(map(str, unknown)))
    found = {
        "as_of": day(data, "as_of"),
        "seq": integer(data, "seq"),
        "fingerprint": text(data, "fingerprint"),
        "content": text(data, "content"),
    }
    for name, columns in COLUMNS.items():
        rows = records(data, name)
        unknown = set().union(*rows) - columns.keys()
        if unknown:
            raise BadPayload(f"{name}.{min(map(str, unknown))}")
        found[name] = {}
        for column, (_type, check) in columns.items():
            try:
                found[name][column] = check([row.get(column) for row in rows])
            except (BadPayload, TypeError):  # what cannot be looked up is no value of any kind
                raise BadPayload(f"{name}.{column}") from None
    lines = found["lines"]
    drafts = found["drafts"]["draft"]
    if len(set(drafts)) != len(drafts):
        raise BadPayload("drafts.draft")
    if not set(lines["draft"]) <= set(drafts):
        raise BadPayload("lines.draft")
    if len(set(lines["key"])) != len(lines["key"]):
        raise BadPayload("lines.key")
    if not set(found["parts"]["line"]) <= {None, *lines["key"]}:
        raise BadPayload("parts.line")
    if any(entry < 0 for entry in found["parts"]["entry_ref"]):
        raise BadPayload("parts.entry_ref")
    return found


class Shown(Desk):
    def report(self, request):
        """Replace the customer's preview. Whether facts have changed since they were read."""
        asked = self._read(parse, self._data["payload"])
        # Nobody's work has none.
        partner = self._given(integer, "partner_id")
        self.request = request
        self.partner = self.env["res.partner"].browse(partner or ())
        held = self._keep(request)
        if held["as_of"] != asked["as_of"]:
            self._refuse_part("as_of")
        self._check_partner()
        contracts = self._contracts(asked)
        currencies = self._currencies(asked)
        entries = self._entries(asked)
        row = self.request.customer_ids.filtered(lambda one: one.partner_id == self.partner)
        claim = max(held["claim"], row.claim)
        preview = self._preview()
        if (preview["claim"] or 0) > claim:
            # A program that began later has told of the customer already.
            stale = preview["stale"]
        else:
            stale = self._stale(preview, claim, asked["seq"])
            try:
                self._store(preview["id"], asked, contracts, currencies, entries)
            except ForeignKeyViolation as error:
                # Deleted at this moment: tried again, it is seen to be gone.
                raise ConcurrencyError(str(error)) from error
            self._sum_up(preview["id"], asked, claim, stale, held["adjust"], currencies)
        if held["kind"] == "preview":
            row.write({"state": "previewed"})
        self.env.invalidate_all()
        return {"stale": stale}

    def unchanged(self, request):
        """Of the customers that are named those whose preview is the same: it is of today now."""
        as_of = self._given(day, "as_of")
        asked = [
            {
                "partner": self._one(integer, row, "partner_id") or 0,
                "content": self._one(text, row, "content"),
                "seq": self._one(integer, row, "seq"),
            }
            for row in self._given(records, "customers")
        ]
        held = self._keep(request)
        if held["as_of"] != as_of:
            self._refuse_part("as_of")
        self.env["klausel.preview"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE klausel_preview AS preview SET
                    as_of = %(as_of)s, adjust = %(adjust)s, computed_on = %(now)s, seq = same.seq,
                    claim = %(claim)s, write_uid = %(uid)s, write_date = %(now)s,
                    stale = preview.touched OR COALESCE(preview.touched_before, 0) > %(claim)s
                         OR (same.seq <> 0 AND preview.partner_id IS NOT NULL
                             AND same.seq <> COALESCE(same.number, 0))
                FROM (
                    SELECT preview.id, asked.seq, revision.number
                      FROM json_to_recordset(%(asked)s::json)
                           AS asked (partner int4, content text, seq int4)
                      JOIN klausel_preview AS preview ON preview.company_id = %(company)s
                       AND COALESCE(preview.partner_id, 0) = asked.partner
                      LEFT JOIN klausel_revision AS revision ON revision.company_id = %(company)s
                       AND revision.partner_id = preview.partner_id
                     WHERE preview.content = asked.content || %(languages)s
                       AND asked.content <> '' AND COALESCE(preview.claim, 0) <= %(claim)s
                     ORDER BY preview.id FOR NO KEY UPDATE OF preview
                ) AS same
                WHERE preview.id = same.id
                RETURNING preview.partner_id
                """,
                as_of=held["as_of"],
                adjust=held["adjust"],
                now=NOW,
                claim=held["claim"],
                uid=self.env.uid,
                asked=json.dumps(asked),
                company=self.company.id,
                languages=self._in_languages(),
            )
        )
        found = {partner or False for (partner,) in self.env.cr.fetchall()}
        if held["kind"] == "preview":
            request.customer_ids.filtered(lambda row: row.partner_id.id in found).write(
                {"state": "previewed"}
            )
        self.env.invalidate_all()
        return [{"partner_id": partner} for partner in found]

    def _one(self, read, row, name):
        try:
            value = read(row, name)
            return storable(value) if isinstance(value, str) else value
        except BadPayload:
            self._refuse_part(f"customers.{name}")

    def _in_languages(self):
        """What is stored in other languages is not the same, whatever was sent."""
        return " ".join(("", *sorted(code for code, _name in self.env["res.lang"].get_installed())))

    # --- what is named ----------------------------------------------------------------------------

    def _check_partner(self):
        partner = self.partner
        if not partner:
            return
        there = partner.exists() and partner.commercial_partner_id == partner
        if not there or not partner.filtered_domain(partner._check_company_domain(self.company)):
            self._refuse(
                "customer-missing",
                self.env._("Customer %s is no customer of this company any more.", partner.id),
            )

    def _contracts(self, asked):
        named = {code for name in ("lines", "parts") for code in asked[name]["contract"]}
        named |= {code for name in ("balances", "notices") for code in asked[name]["contract"]}
        named -= {None}
        found = {}
        if self.partner:
            contracts = self.env["klausel.contract"].with_context(active_test=False)
            domain = [
                ("company_id", "=", self.company.id),
                ("commercial_partner_id", "=", self.partner.id),
                ("code", "in", list(named)),
            ]
            found = {contract.code: contract.id for contract in contracts.search(domain)}
        for code in sorted(named - found.keys()):
            self._refuse(
                "contract-missing",
                self.env._(
                    "%(customer)s has no contract %(code)s any more.",
                    customer=self.partner.display_name or self.env._("Work without a customer"),
                    code=code,
                ),
            )
        return found

    def _currencies(self, asked):
        named = {*asked["lines"]["currency"], *asked["drafts"]["currency"]}
        currencies = self.env["res.currency"].with_context(active_test=False)
        found = {one.name: one.id for one in currencies.search([("name", "in", list(named))])}
        for code in sorted(named - found.keys()):
            self._refuse("currency", self.env._("Odoo knows no currency %s.", code))
        return found

    def _entries(self, asked):
        """Ids of the timesheets that are still there; all of them are this company's."""
        named = set(asked["parts"]["entry_ref"]) - {0}
        rows = self.env.execute_query(
            SQL(
                "SELECT id, company_id = %s AND project_id IS NOT NULL FROM account_analytic_line"
                " WHERE id = ANY(%s)",
                self.company.id,
                list(named),
            )
        )
        foreign = [id_ for id_, ours in rows if not ours]
        if foreign:
            self._refuse(
                "entry-missing",
                self.env._("Timesheet %s is none of this company.", min(foreign)),
            )
        return {id_ for id_, _ours in rows}

    # --- the row ----------------------------------------------------------------------------------

    def _preview(self):
        """The customer's row as it is now, locked."""
        previews = self.env["klausel.preview"]
        place = SQL(
            "company_id = %s AND COALESCE(partner_id, 0) = %s",
            self.company.id,
            self.partner.id or 0,
        )
        query = SQL(
            "SELECT id, stale, touched, touched_before, claim, computed_on FROM klausel_preview"
            " WHERE %s %s",
            place,
            ALONE,
        )
        self.env.cr.execute(query)
        if not self.env.cr.rowcount:
            previews._klausel_make({(self.company.id, self.partner.id or 0)}, touched=False)
            self.env.cr.execute(query)
        (row,) = self.env.cr.dictfetchall()
        return row

    def _stale(self, preview, claim, sequence):
        self.env.cr.execute(
            SQL(
                "SELECT number FROM klausel_revision WHERE company_id = %s AND partner_id = %s",
                self.company.id,
                self.partner.id or None,
            )
        )
        (number,) = self.env.cr.fetchone() or (0,)
        marks = [(preview["touched"], preview["touched_before"])]
        if not preview["computed_on"]:
            # What was changed while the customer had no row stands on that of nobody's work.
            self.env.cr.execute(
                SQL(
                    "SELECT touched, touched_before FROM klausel_preview"
                    " WHERE company_id = %s AND partner_id IS NULL",
                    self.company.id,
                )
            )
            marks += self.env.cr.fetchall()
        touched = any(now or (before or 0) > claim for now, before in marks)
        # Whoever has no contract any more still has a number, which the program does not know.
        return touched or (bool(self.partner and sequence) and number != sequence)

    # --- all below it -----------------------------------------------------------------------------

    def _store(self, preview, asked, contracts, currencies, entries):
        for name in ("parts", "lines", "balances", "notices", "problems"):
            self.env.cr.execute(
                SQL("DELETE FROM %s WHERE preview_id = %s", SQL.identifier(TABLES[name]), preview)
            )
        languages = [code for code, _name in self.env["res.lang"].get_installed()]
        lines = {None: None}
        for name in TABLES:
            columns, found = COLUMNS[name], dict(asked[name])
            types = {column: type_ for column, (type_, _check) in columns.items()}
            for column in ("why", "sentence"):
                if column in found:
                    found[column] = by_language(found[column], languages)
            if "contract" in found:
                found["contract_id"] = list(map(contracts.get, found.pop("contract")))
            if "currency" in found:
                found["currency_id"] = list(map(currencies.get, found.pop("currency")))
            if name == "lines":
                numbered = zip(found["sequence"], range(1, len(found["key"]) + 1), strict=True)
                found["sequence"] = [sent or number for sent, number in numbered]
            if name == "parts":
                found["line_id"] = [lines[line] for line in found.pop("line")]
                found["entry_id"] = [
                    entry if entry in entries else None for entry in found["entry_ref"]
                ]
                for column in ("worked", "counted"):
                    found[column] = [seconds / 3600 for seconds in found[f"{column}_seconds"]]
            types = {column: types.get(column, "int4") for column in found}
            made = self._insert(TABLES[name], preview, found, types)
            if name == "lines":
                lines.update(zip(found["key"], made, strict=True))

    def _insert(self, table, preview, found, types):
        """Ids of the new rows, in their order."""
        names = list(found)
        rows = [dict(zip(names, row, strict=True)) for row in zip(*found.values(), strict=True)]
        if not rows:
            return []
        columns = SQL(", ").join(map(SQL.identifier, names))
        typed = SQL(", ").join(
            SQL("%s %s", SQL.identifier(name), SQL(types[name])) for name in names
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO %s (preview_id, company_id, partner_id, create_uid, create_date, %s)
                SELECT %s, %s, %s, %s, %s, %s FROM json_to_recordset(%s::json) AS row (%s)
                RETURNING id
                """,
                SQL.identifier(table),
                columns,
                preview,
                self.company.id,
                self.partner.id or None,
                self.env.uid,
                NOW,
                columns,
                json.dumps(rows),
                typed,
            )
        )
        return [id_ for (id_,) in self.env.cr.fetchall()]

    def _sum_up(self, preview, asked, claim, stale, adjust, known):
        # A draft's total is rounded once over all of its lines: it is no sum of theirs.
        drafts, sums = asked["drafts"], {}
        for code, total in zip(drafts["currency"], drafts["total"], strict=True):
            sums[known[code]] = sums.get(known[code], 0) + Decimal(total)
        currencies = self.env["res.currency"].browse(sums).sorted("name")
        main = self.company.currency_id
        if currencies and main not in currencies:
            main = currencies[0]
        others = [f"{sums[one.id]:.{one.decimal_places}f} {one.name}" for one in currencies - main]
        self.env.cr.execute(
            SQL(
                """
                UPDATE klausel_preview SET
                    as_of = %s, adjust = %s, computed_on = %s, seq = %s, stale = %s, claim = %s,
                    fingerprint = %s, content = %s, currency_id = %s, amount = %s, others = %s,
                    draft_count = %s,
                    line_count = %s,
                    held_count = part.held_count, held_hours = part.held_hours,
                    uncovered_count = part.uncovered_count, uncovered_hours = part.uncovered_hours,
                    not_due_hours = part.not_due_hours,
                    problem_count = %s, has_error = %s, problem = %s,
                    write_uid = %s, write_date = %s
                FROM (
                    SELECT COUNT(DISTINCT entry_ref) FILTER (WHERE state = 'held') AS held_count,
                           SUM(worked) FILTER (WHERE state = 'held') AS held_hours,
                           COUNT(DISTINCT entry_ref) FILTER (WHERE state = 'uncovered')
                               AS uncovered_count,
                           SUM(worked) FILTER (WHERE state = 'uncovered') AS uncovered_hours,
                           SUM(worked) FILTER (WHERE state = 'not_due') AS not_due_hours
                      FROM klausel_preview_part WHERE preview_id = %s
                ) AS part
                WHERE id = %s
                """,
                asked["as_of"],
                adjust,
                NOW,
                asked["seq"],
                stale,
                claim,
                asked["fingerprint"] or None,
                f"{asked['content']}{self._in_languages()}" if asked["content"] else None,
                main.id,
                sums.get(main.id, 0),
                ", ".join(others) or None,
                len(drafts["draft"]),
                len(asked["lines"]["key"]),
                len(asked["problems"]["text"]),
                "error" in asked["problems"]["severity"],
                worst(asked["problems"]["severity"]),
                self.env.uid,
                NOW,
                preview,
                preview,
            )
        )


def by_language(values, languages):
    """As Odoo stores translated text: English, and what each installed language has."""
    known = {}
    for value in values:
        if value and id(value) not in known:
            said = {code: value.get(code.split("_")[0]) for code in languages}
            said["en_US"] = value.get("en") or next(iter(value.values()))
            known[id(value)] = {code: text for code, text in said.items() if text}
    return [known[id(value)] if value else None for value in values]


def worst(severities):
    return next((one for one in ("error", "warning", "note") if one in severities), None)
