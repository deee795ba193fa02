"""What the program beside Odoo shows of customers: each one whole, all of them in one go."""

import json
from collections import Counter
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import chain, compress

from odoo.exceptions import ConcurrencyError
from odoo.fields import Domain
from odoo.tools import SQL
from psycopg2.errors import ForeignKeyViolation

from .desk import NOW, Desk
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
#: Whoever holds one row may hold it for long: others are not kept waiting for it.
SKIP = SQL("SKIP LOCKED")
HEAD = {"protocol", "as_of", "seq", "fingerprint", "content"}
#: Columns of a preview that are told or summed up.
HEADS = {
    "id": "int4",
    "seq": "int4",
    "claim": "int4",
    "stale": "bool",
    "fingerprint": "text",
    "content": "text",
    "currency_id": "int4",
    "amount": "numeric",
    "others": "text",
    "draft_count": "int4",
    "line_count": "int4",
    "problem_count": "int4",
    "has_error": "bool",
    "problem": "text",
}


def parse(*payloads):
    """Heads of ``payloads``, and each of their lists as columns; raises :class:`BadPayload`.

    The column ``page`` says by its number of which payload a row is.
    """
    heads, found = [], {}
    for data in payloads:
        unknown = data.keys() - HEAD - COLUMNS.keys()
        if unknown:
            raise BadPayload(min(map(str, unknown)))
        heads.append(
            {
                "as_of": day(data, "as_of"),
                "seq": integer(data, "seq"),
                "fingerprint": text(data, "fingerprint"),
                "content": text(data, "content"),
            }
        )
    for name, columns in COLUMNS.items():
        lists = [records(data, name) for data in payloads]
        rows = list(chain.from_iterable(lists))
        unknown = set().union(*rows) - columns.keys()
        if unknown:
            raise BadPayload(f"{name}.{min(map(str, unknown))}")
        found[name] = {"page": [number for number, some in enumerate(lists) for _row in some]}
        for column, (_type, check) in columns.items():
            try:
                found[name][column] = check([row.get(column) for row in rows])
            except (BadPayload, TypeError):  # what cannot be looked up is no value of any kind
                raise BadPayload(f"{name}.{column}") from None
    drafts, keys = by_page(found, "drafts", "draft"), by_page(found, "lines", "key")
    if len(set(drafts)) != len(drafts):
        raise BadPayload("drafts.draft")
    if not set(by_page(found, "lines", "draft")) <= set(drafts):
        raise BadPayload("lines.draft")
    if len(set(keys)) != len(keys):
        raise BadPayload("lines.key")
    if not {one for one in by_page(found, "parts", "line") if one[1]} <= set(keys):
        raise BadPayload("parts.line")
    if any(entry < 0 for entry in found["parts"]["entry_ref"]):
        raise BadPayload("parts.entry_ref")
    return heads, found


def by_page(found, name, column):
    """Pairs of a payload's number and what a row of it has in ``column``."""
    return list(zip(found[name]["page"], found[name][column], strict=True))


def only(found, numbers):
    """What is in ``found`` of these payloads."""
    kept = {}
    for name, columns in found.items():
        wanted = [number in numbers for number in columns["page"]]
        kept[name] = {column: list(compress(values, wanted)) for column, values in columns.items()}
    return kept


class Page:
    """What is told of one customer, and what becomes of it."""

    def __init__(self, partner, head):
        self.partner = partner
        """Its id; 0 for nobody's work, which has none."""
        self.head = head
        self.refused = None
        """Why: a code and a sentence."""
        self.preview = None
        """Its row as it was before, if nobody else holds it."""
        self.claim = 0
        self.stale = True

    @property
    def new(self):
        """Whether it is stored: not where a program that began later has told of the customer."""
        return self.preview and (self.preview["claim"] or 0) <= self.claim


class Shown(Desk):
    def report(self, request):
        """Replace the customers' previews, each as a whole or not at all.

        The answer says of each whether facts have changed since they were read, or why it was
        refused. Where there are several it leaves out whom somebody else holds: whoever waits for
        them holds nobody else.
        """
        pages, found = self._asked()
        held = self._keep(request)
        if any(page.head["as_of"] != held["as_of"] for page in pages):
            self._refuse_part("as_of")
        known = self._look_up(pages, found)
        taken = [page for page in pages if not page.refused]
        previews = self._previews([page.partner for page in taken], alone=len(pages) == 1)
        taken = [page for page in taken if page.partner in previews]
        named = [page.partner for page in taken if page.partner]
        rows = self.env["klausel.request.customer"].search_fetch(
            [("request_id", "=", request.id), ("partner_id", "in", named)],
            ["partner_id", "claim", "state"],
        )
        claims = {row.partner_id.id: row.claim for row in rows}
        for page in taken:
            page.preview = previews[page.partner]
            page.claim = max(held["claim"], claims.get(page.partner, 0))
        self._find_stale(taken)
        new = {number for number, page in enumerate(pages) if page.new}
        if new:
            found = found if len(new) == len(pages) else only(found, new)
            try:
                self._store(pages, found, known)
            except ForeignKeyViolation as error:
                # Deleted at this moment: tried again, it is seen to be gone.
                raise ConcurrencyError(str(error)) from error
            self._sum_up(pages, found, held, known["currency"])
        if held["kind"] == "preview":
            rows.write({"state": "previewed"})
        self.env.invalidate_all()
        return [
            {
                "partner_id": page.partner or False,
                "stale": page.stale,
                "code": page.refused[0] if page.refused else "",
                "said": page.refused[1] if page.refused else "",
            }
            for page in pages
            if page.refused or page.preview
        ]

    def _asked(self):
        """What is told: the customers' pages, and all that stands below them as columns."""
        asked = self._given(records, "customers")
        partners = [self._one(integer, row, "partner_id") or 0 for row in asked]
        if len(set(partners)) != len(partners):
            self._refuse_part("customers.partner_id")
        payloads = [row.get("payload") for row in asked]
        payloads = [payload if isinstance(payload, dict) else {} for payload in payloads]
        heads, found = self._read(parse, *payloads)
        return list(map(Page, partners, heads)), found

    def unchanged(self, request):
        """Of the customers that are named those whose preview is the same: it is of today now.

        Nothing is said of whom somebody else holds.
        """
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
                     ORDER BY preview.id FOR NO KEY UPDATE OF preview %(skip)s
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
                skip=SKIP,
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

    def _look_up(self, pages, found):
        """Ids of what is named, by kind; who names what is not there or not theirs is refused."""
        partners = self._partners([page.partner for page in pages])
        for page in pages:
            if page.partner and page.partner not in partners:
                sentence = self.env._(
                    "Customer %s is no customer of this company any more.", page.partner
                )
                page.refused = "customer-missing", sentence
        named = {
            (pages[number], code)
            for name in ("lines", "parts", "balances", "notices")
            for number, code in by_page(found, name, "contract")
            if code
        }
        contracts = self._contracts(named)
        for page, code in sorted(named, key=lambda one: one[1]):
            if (page.partner, code) not in contracts and not page.refused:
                customer = self.env["res.partner"].browse(page.partner or ())
                sentence = self.env._(
                    "%(customer)s has no contract %(code)s any more.",
                    customer=customer.display_name or self.env._("Work without a customer"),
                    code=code,
                )
                page.refused = "contract-missing", sentence
        named = {
            (pages[number], code)
            for name in ("lines", "drafts")
            for number, code in by_page(found, name, "currency")
        }
        currencies = self._currencies({code for _page, code in named})
        for page, code in sorted(named, key=lambda one: one[1]):
            if code not in currencies and not page.refused:
                page.refused = "currency", self.env._("Odoo knows no currency %s.", code)
        entries, foreign = self._entries(set(found["parts"]["entry_ref"]) - {0})
        if foreign:
            for number, entry in sorted(
                by_page(found, "parts", "entry_ref"), key=lambda one: one[1]
            ):
                if entry in foreign and not pages[number].refused:
                    sentence = self.env._("Timesheet %s is none of this company.", entry)
                    pages[number].refused = "entry-missing", sentence
        return {"contract": contracts, "currency": currencies, "entry": entries}

    def _partners(self, partners):
        """Ids of those who are customers of the company."""
        records = self.env["res.partner"].with_context(active_test=False)
        domain = Domain("id", "in", partners) & Domain(records._check_company_domain(self.company))
        found = records.search_fetch(domain, ["commercial_partner_id"])
        return {one.id for one in found if one.commercial_partner_id == one}

    def _contracts(self, named):
        """Ids by a customer's id and a code."""
        contracts = self.env["klausel.contract"].with_context(active_test=False)
        domain = [
            ("company_id", "=", self.company.id),
            ("commercial_partner_id", "in", list({page.partner for page, _code in named} - {0})),
            ("code", "in", list({code for _page, code in named})),
        ]
        found = contracts.search_fetch(domain, ["code", "commercial_partner_id"])
        return {(one.commercial_partner_id.id, one.code): one.id for one in found}

    def _currencies(self, named):
        """Currencies by code."""
        currencies = self.env["res.currency"].with_context(active_test=False)
        found = currencies.search_fetch([("name", "in", list(named))], ["name", "decimal_places"])
        return {one.name: one for one in found}

    def _entries(self, named):
        """Ids of the timesheets that are still there, and of those that are none of the
        company's."""
        rows = self.env.execute_query(
            SQL(
                "SELECT id, company_id = %s AND project_id IS NOT NULL FROM account_analytic_line"
                " WHERE id = ANY(%s)",
                self.company.id,
                list(named),
            )
        )
        return {id_ for id_, _ours in rows}, {id_ for id_, ours in rows if not ours}

    # --- the rows ---------------------------------------------------------------------------------

    def _previews(self, partners, alone):
        """Rows as they are now, locked, by customer; only one that is ``alone`` is waited for where
        somebody else holds it."""
        previews = self.env["klausel.preview"]
        place = SQL(
            "preview.company_id = %s AND COALESCE(preview.partner_id, 0) = ANY(%s)",
            self.company.id,
            partners,
        )
        rows = self.env.execute_query(
            SQL("SELECT COALESCE(partner_id, 0) FROM klausel_preview AS preview WHERE %s", place)
        )
        missing = set(partners) - {partner for (partner,) in rows}
        previews._klausel_make({(self.company.id, one) for one in missing}, touched=False)
        self.env.cr.execute(
            SQL(
                """
                SELECT preview.id, COALESCE(preview.partner_id, 0) AS partner, preview.stale,
                       preview.touched, preview.touched_before, preview.claim,
                       preview.computed_on, revision.number
                  FROM klausel_preview AS preview
                  LEFT JOIN klausel_revision AS revision
                    ON revision.company_id = preview.company_id
                   AND revision.partner_id = preview.partner_id
                 WHERE %s ORDER BY preview.id FOR NO KEY UPDATE OF preview %s
                """,
                place,
                SQL() if alone else SKIP,
            )
        )
        return {row["partner"]: row for row in self.env.cr.dictfetchall()}

    def _find_stale(self, pages):
        nobodys = []
        if any(page.new and not page.preview["computed_on"] for page in pages):
            # What was changed while a customer had no row stands on that of nobody's work.
            self.env.cr.execute(
                SQL(
                    "SELECT touched, touched_before FROM klausel_preview"
                    " WHERE company_id = %s AND partner_id IS NULL",
                    self.company.id,
                )
            )
            nobodys = self.env.cr.fetchall()
        for page in pages:
            preview, sequence = page.preview, page.head["seq"]
            if not page.new:
                page.stale = preview["stale"]
                continue
            marks = [(preview["touched"], preview["touched_before"])]
            if not preview["computed_on"]:
                marks += nobodys
            touched = any(now or (before or 0) > page.claim for now, before in marks)
            # Whoever has no contract any more still has a number, which the program does not know.
            known = not (page.partner and sequence) or (preview["number"] or 0) == sequence
            page.stale = touched or not known

    # --- all below them ---------------------------------------------------------------------------

    def _store(self, pages, found, known):
        """Puts ``found`` in the place of all that stood below the previews."""
        ids = [page.preview["id"] for page in pages if page.new]
        for name in ("parts", "lines", "balances", "notices", "problems"):
            self.env.cr.execute(
                SQL("DELETE FROM %s WHERE preview_id = ANY(%s)", SQL.identifier(TABLES[name]), ids)
            )
        languages = [code for code, _name in self.env["res.lang"].get_installed()]
        lines = {}
        for name in TABLES:
            columns, values = COLUMNS[name], dict(found[name])
            types = {column: type_ for column, (type_, _check) in columns.items()}
            whose = [pages[number] for number in values.pop("page")]
            values["preview_id"] = [page.preview["id"] for page in whose]
            values["partner_id"] = [page.partner or None for page in whose]
            for column in ("why", "sentence"):
                if column in values:
                    values[column] = by_language(values[column], languages)
            if "contract" in values:
                codes = values.pop("contract")
                values["contract_id"] = [
                    known["contract"].get((page.partner, code))
                    for page, code in zip(whose, codes, strict=True)
                ]
            if "currency" in values:
                values["currency_id"] = [
                    known["currency"][code].id for code in values.pop("currency")
                ]
            if name == "lines":
                values["sequence"] = _numbered(whose, values["sequence"])
            if name == "parts":
                del values["line"]
                values["line_id"] = [lines.get(line) for line in by_page(found, "parts", "line")]
                values["entry_id"] = [
                    entry if entry in known["entry"] else None for entry in values["entry_ref"]
                ]
                for column in ("worked", "counted"):
                    values[column] = [seconds / 3600 for seconds in values[f"{column}_seconds"]]
            types = {column: types.get(column, "int4") for column in values}
            made = self._insert(TABLES[name], values, types)
            if name == "lines":
                lines = dict(zip(by_page(found, "lines", "key"), made, strict=True))

    def _insert(self, table, values, types):
        """Ids of the new rows, in their order."""
        names = list(values)
        rows = [dict(zip(names, row, strict=True)) for row in zip(*values.values(), strict=True)]
        if not rows:
            return []
        columns = SQL(", ").join(map(SQL.identifier, names))
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO %s (company_id, create_uid, create_date, %s)
                SELECT %s, %s, %s, %s FROM json_to_recordset(%s::json) AS row (%s)
                RETURNING id
                """,
                SQL.identifier(table),
                columns,
                self.company.id,
                self.env.uid,
                NOW,
                columns,
                json.dumps(rows),
                typed(types),
            )
        )
        return [id_ for (id_,) in self.env.cr.fetchall()]

    def _sum_up(self, pages, found, held, known):
        """Puts on the previews what stands below them."""
        counts = {name: Counter(found[name]["page"]) for name in ("drafts", "lines", "problems")}
        # A draft's total is rounded once over all of its lines: it is no sum of theirs.
        sums = {}
        for (number, code), total in zip(
            by_page(found, "drafts", "currency"), found["drafts"]["total"], strict=True
        ):
            of = sums.setdefault(number, {})
            of[known[code]] = of.get(known[code], 0) + Decimal(total)
        severities = {}
        for number, severity in by_page(found, "problems", "severity"):
            severities.setdefault(number, set()).add(severity)
        languages, rows = self._in_languages(), []
        for number, page in enumerate(pages):
            if not page.new:
                continue
            head, bad = page.head, severities.get(number, ())
            rows.append(
                {
                    "id": page.preview["id"],
                    "seq": head["seq"],
                    "claim": page.claim,
                    "stale": page.stale,
                    "fingerprint": head["fingerprint"] or None,
                    "content": f"{head['content']}{languages}" if head["content"] else None,
                    "draft_count": counts["drafts"][number],
                    "line_count": counts["lines"][number],
                    "problem_count": counts["problems"][number],
                    "has_error": "error" in bad,
                    "problem": worst(bad),
                    **self._amounts(sums.get(number, {})),
                }
            )
        names = [name for name in HEADS if name != "id"]
        self.env.cr.execute(
            SQL(
                """
                UPDATE klausel_preview AS preview SET
                    (%s) = ROW(%s),
                    as_of = %s, adjust = %s, computed_on = %s, write_uid = %s, write_date = %s,
                    held_count = COALESCE(part.held_count, 0), held_hours = part.held_hours,
                    uncovered_count = COALESCE(part.uncovered_count, 0),
                    uncovered_hours = part.uncovered_hours, not_due_hours = part.not_due_hours
                FROM json_to_recordset(%s::json) AS head (%s)
                LEFT JOIN (
                    SELECT preview_id,
                           COUNT(DISTINCT entry_ref) FILTER (WHERE state = 'held') AS held_count,
                           SUM(worked) FILTER (WHERE state = 'held') AS held_hours,
                           COUNT(DISTINCT entry_ref) FILTER (WHERE state = 'uncovered')
                               AS uncovered_count,
                           SUM(worked) FILTER (WHERE state = 'uncovered') AS uncovered_hours,
                           SUM(worked) FILTER (WHERE state = 'not_due') AS not_due_hours
                      FROM klausel_preview_part WHERE preview_id = ANY(%s) GROUP BY preview_id
                ) AS part ON part.preview_id = head.id
                WHERE preview.id = head.id
                """,
                SQL(", ").join(map(SQL.identifier, names)),
                SQL(", ").join(SQL.identifier("head", name) for name in names),
                held["as_of"],
                held["adjust"],
                NOW,
                self.env.uid,
                NOW,
                json.dumps(rows),
                typed(HEADS),
                [row["id"] for row in rows],
            )
        )

    def _amounts(self, sums):
        """``sums`` by currency, as a preview has them: one currency's, and the others as text."""
        main = self.company.currency_id
        currencies = sorted(sums, key=lambda one: one.name)
        if currencies and main not in currencies:
            main = currencies[0]
        others = [
            f"{sums[one]:.{one.decimal_places}f} {one.name}" for one in currencies if one != main
        ]
        return {
            "currency_id": main.id,
            "amount": str(sums.get(main, 0)),
            "others": ", ".join(others) or None,
        }


def typed(types):
    """Columns with their types, as a list of records names them."""
    return SQL(", ").join(SQL("%s %s", SQL.identifier(name), SQL(types[name])) for name in types)


def _numbered(pages, sequences):
    """``sequences``; where there is none, a row's number on its page."""
    found, numbers = [], Counter()
    for page, sent in zip(pages, sequences, strict=True):
        numbers[page] += 1
        found.append(sent or numbers[page])
    return found


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
