from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from psycopg2.errors import LockNotAvailable

SEVERITIES = [("error", "Error"), ("warning", "Warning"), ("note", "Note")]


class KlauselPreview(models.Model):
    """What is to be invoiced to a customer, as the program beside Odoo last worked it out.

    A view of its last run, and no input of the next. Replaced as a whole by :class:`.shown.Shown`.
    """

    _name = "klausel.preview"
    _description = "Preview of a Customer's Invoices"
    _inherit = "klausel.guarded"
    _order = "amount desc, id"
    _rec_name = "partner_id"

    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        comodel_name="res.partner",
        string="Customer",
        readonly=True,
        index=True,
        ondelete="cascade",
        help="Empty: work of which nobody knows the customer.",
    )
    as_of = fields.Date(readonly=True)
    adjust = fields.Boolean(
        string="With Adjustments",
        readonly=True,
        help="Also shows what corrects invoices of which facts have changed since.",
    )
    computed_on = fields.Datetime(readonly=True)
    seq = fields.Integer(
        string="Customer's Number",
        readonly=True,
        aggregator=None,
        help="Number of the customer's contracts that the program read.",
    )
    stale = fields.Boolean(
        string="Out of Date",
        readonly=True,
        default=True,
        index=True,
        help="Facts of the customer have changed since.",
    )
    touched = fields.Boolean(
        readonly=True, default=True, help="Facts have changed since a program last took it."
    )
    touched_before = fields.Integer(
        readonly=True,
        aggregator=None,
        help="Number of the first claim after the last change before it.",
    )
    claim = fields.Integer(
        string="Claim Number", readonly=True, aggregator=None, help="Of the request that it is of."
    )
    fingerprint = fields.Char(readonly=True, help="Of all that a run would write.")
    content = fields.Char(
        readonly=True, help="Short hash of all that is shown, and the languages it is stored in."
    )
    currency_id = fields.Many2one(
        comodel_name="res.currency",
        required=True,
        readonly=True,
        default=lambda self: self.env.company.currency_id,
        ondelete="restrict",
    )
    amount = fields.Monetary(
        string="To Invoice", readonly=True, help="Net of tax; credit notes count below zero."
    )
    others = fields.Char(string="In Other Currencies", readonly=True)
    draft_count = fields.Integer(string="Drafts", readonly=True)
    line_count = fields.Integer(string="Lines", readonly=True)
    held_count = fields.Integer(string="Timesheets Held", readonly=True)
    held_hours = fields.Float(string="Hours Held", readonly=True)
    uncovered_count = fields.Integer(string="Timesheets Not Covered", readonly=True)
    uncovered_hours = fields.Float(string="Hours Not Covered", readonly=True)
    not_due_hours = fields.Float(string="Hours Not Due", readonly=True)
    problem_count = fields.Integer(string="Number of Problems", readonly=True)
    has_error = fields.Boolean(readonly=True)
    problem = fields.Selection(
        selection=SEVERITIES, string="Worst Problem", readonly=True, index="btree_not_null"
    )
    line_ids = fields.One2many("klausel.preview.line", "preview_id", "Invoice Lines", readonly=True)
    part_ids = fields.One2many("klausel.preview.part", "preview_id", "Parts", readonly=True)
    balance_ids = fields.One2many("klausel.balance", "preview_id", "Balances", readonly=True)
    notice_ids = fields.One2many("klausel.notice", "preview_id", "Notices", readonly=True)
    problem_ids = fields.One2many("klausel.problem", "preview_id", "Problems", readonly=True)

    held_ids = fields.One2many(
        "klausel.preview.part", "preview_id", domain=[("state", "=", "held")], readonly=True
    )
    uncovered_ids = fields.One2many(
        "klausel.preview.part",
        "preview_id",
        "Not Covered",
        domain=[("state", "=", "uncovered")],
        readonly=True,
    )
    covered_ids = fields.One2many(
        "klausel.preview.part",
        "preview_id",
        "Drawn and Included",
        domain=[("state", "in", ("drawn", "included"))],
        readonly=True,
    )
    not_due_ids = fields.One2many(
        "klausel.preview.part",
        "preview_id",
        "Not Due Yet",
        domain=[("state", "=", "not_due")],
        readonly=True,
    )
    worker_said = fields.Char(string="Nobody Works", compute="_compute_worker_said")

    # Nobody's is one of them: there NULL counts as a value, too.
    _customer_unique = models.UniqueIndex(
        "(company_id, COALESCE(partner_id, 0))", "The customer has a preview already."
    )

    @api.depends("partner_id")
    def _compute_display_name(self):
        for preview in self:
            name = preview.partner_id.sudo().display_name
            preview.display_name = name or self.env._("Work without a customer")

    @api.depends("company_id")
    def _compute_worker_said(self):
        for preview in self:
            said = self.env["klausel.worker"]._klausel_nobody(preview.company_id)
            preview.worker_said = said

    # --- what people ask for ----------------------------------------------------------------------

    def action_refresh(self, adjust=False):
        """Have these worked out anew, as of today; all of the company where nobody's is one."""
        requests = self.env["klausel.request"]
        requests._klausel_check_asker("preview")
        self._klausel_check_chosen()
        today = fields.Date.context_today(self)
        for company, previews in self.grouped("company_id").items():
            named = all(preview.partner_id for preview in previews)
            seen = dict.fromkeys(previews.partner_id.ids, "") if named else {}
            requests |= requests._klausel_ask("preview", company, today, bool(adjust), seen)
        return requests._klausel_action()

    def action_refresh_corrections(self):
        """Have these worked out anew with what corrects invoices of which facts have changed.

        None: everybody, also customers who have nothing else to be invoiced, and so no preview.
        """
        return self.action_refresh(adjust=True) if self else self.action_refresh_all(adjust=True)

    @api.model
    def action_refresh_all(self, chosen=(), adjust=False):
        """Have everything of the present company worked out anew, as of today.

        ``chosen``: ids that a list's button sends along, of no effect.
        """
        requests = self.env["klausel.request"]
        requests._klausel_check_asker("preview")
        today = fields.Date.context_today(self)
        return requests._klausel_ask(
            "preview", self.env.company, today, bool(adjust), {}
        )._klausel_action()

    def action_create_drafts(self):
        """Have written what these show, and nothing else: the program finds out what has changed
        since."""
        requests = self.env["klausel.request"]
        requests._klausel_check_asker("bill")
        self._klausel_check_chosen()
        if not all(preview.partner_id for preview in self):
            raise UserError(
                self.env._("Work without a customer is not invoiced: first say whose it is.")
            )
        shown = self.filtered("fingerprint")
        if not shown:
            raise UserError(
                self.env._(
                    "There is nothing to invoice to %s.", ", ".join(self.mapped("display_name"))
                )
            )
        groups = shown.grouped(lambda one: (one.company_id, one.as_of, one.adjust))
        for (company, as_of, adjust), previews in groups.items():
            seen = {preview.partner_id.id: preview.fingerprint for preview in previews}
            requests |= requests._klausel_ask("bill", company, as_of, adjust, seen)
        return requests._klausel_action()

    def _klausel_check_chosen(self):
        if not self:
            raise UserError(self.env._("Choose at least one customer."))
        self.check_access("read")

    # --- out of date or not ---------------------------------------------------------------------
    #
    # Whoever changes a fact holds the customer's row until the end of the transaction, shared with
    # others who do so. Whoever takes a request waits for them, and clears the mark: what is
    # changed from then on, the program may not have read.

    @api.model
    def _klausel_touch(self, places):
        """Facts change in ``places``, pairs of a company's id and a customer's id or None.

        A customer who has no preview yet is told of by the one of nobody's work.
        """
        places = {(company, partner or 0) for company, partner in places if company}
        if not places:
            return
        asked = sorted(places | {(company, 0) for company, _partner in places})
        query = SQL(
            """
            SELECT place.company, place.partner, preview.id, preview.stale AND preview.touched
              FROM unnest(%s, %s) AS place (company, partner)
              LEFT JOIN klausel_preview AS preview ON preview.company_id = place.company
               AND COALESCE(preview.partner_id, 0) = place.partner
            """,
            [company for company, _partner in asked],
            [partner for _company, partner in asked],
        )
        self.flush_model()
        found = {
            (company, partner): (id_, known)
            for company, partner, id_, known in self.env.execute_query(query)
        }
        # Of a customer without a preview nobody's row stands for the customer's.
        wanted = {place if found[place][0] else (place[0], 0) for place in places}
        missing = {company for company, _partner in wanted if not found[company, 0][0]}
        missing = {company for company, partner in wanted if not partner} & missing
        self._klausel_make({(company, 0) for company in missing}, touched=True)
        known = [found[place] for place in wanted if found[place][0]]
        self._klausel_mark([id_ for id_, marked in known if not marked])
        marked = [id_ for id_, marked in known if marked]
        if marked:
            self.env.cr.execute(
                SQL(
                    "SELECT id FROM klausel_preview WHERE id = ANY(%s) ORDER BY id FOR SHARE",
                    marked,
                )
            )

    @api.model
    def _klausel_touch_all(self, company=None):
        """A fact changes that anybody's work may rest on."""
        self._klausel_touch(self._klausel_places_of(company))

    @api.model
    def _klausel_places_of(self, company=None):
        """Wherever something is shown, or of ``company`` only."""
        where = SQL("company_id = %s", company.id) if company else SQL("TRUE")
        query = SQL("SELECT company_id, partner_id FROM klausel_preview WHERE %s", where)
        self.flush_model()
        return set(self.env.execute_query(query))

    @api.model
    def _klausel_mark(self, ids):
        if not ids:
            return
        self.env.cr.execute(
            SQL(
                "UPDATE klausel_preview SET stale = TRUE, touched = TRUE WHERE id IN"
                " (SELECT id FROM klausel_preview WHERE id = ANY(%s) ORDER BY id"
                " FOR NO KEY UPDATE)",
                ids,
            )
        )
        self.invalidate_model(["stale", "touched"], flush=False)

    @api.model
    def _klausel_make(self, places, touched):
        """Previews of which nothing is worked out yet."""
        places = sorted(places)
        if not places:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO klausel_preview
                    (company_id, partner_id, currency_id, amount, stale, touched, adjust,
                     has_error, create_uid, create_date)
                SELECT company.id, NULLIF(place.partner, 0), company.currency_id, 0, TRUE, %s,
                       FALSE, FALSE, %s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%s, %s) AS place (company, partner)
                  JOIN res_company AS company ON company.id = place.company
                 ORDER BY place.company, place.partner
                ON CONFLICT (company_id, COALESCE(partner_id, 0)) DO NOTHING
                """,
                touched,
                self.env.uid,
                [company for company, _partner in places],
                [partner for _company, partner in places],
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _klausel_claim(self, company, customers, claim):
        """A program works out from now on what ``customers`` have, all if empty.

        ``claim`` is the number by which it is known what was changed before that.
        """
        self.flush_model()
        places = {(company.id, customer) for customer in customers}
        asked = {*places, (company.id, 0)}
        self.env.cr.execute(
            SQL(
                "SELECT COALESCE(partner_id, 0) FROM klausel_preview WHERE company_id = %s"
                " AND COALESCE(partner_id, 0) = ANY(%s)",
                company.id,
                [customer for _company, customer in asked],
            )
        )
        missing = asked - {(company.id, customer) for (customer,) in self.env.cr.fetchall()}
        self._klausel_make(missing, touched=False)
        where = SQL("company_id = %s AND touched", company.id)
        if customers:
            concerned = {*customers, 0} if missing else customers
            where = SQL("%s AND COALESCE(partner_id, 0) = ANY(%s)", where, list(concerned))
        for lock in (SQL("FOR NO KEY UPDATE"), SQL("FOR NO KEY UPDATE SKIP LOCKED")):
            try:
                with self.env.cr.savepoint(flush=False):
                    # Whoever takes longer to change something leaves the customer out of date.
                    self.env.cr.execute("SET LOCAL lock_timeout = '3s'")
                    self.env.cr.execute(
                        SQL(
                            "UPDATE klausel_preview SET touched = FALSE, touched_before = %s"
                            " WHERE id IN (SELECT id FROM klausel_preview WHERE %s ORDER BY id %s)",
                            claim,
                            where,
                            lock,
                        )
                    )
                    self.env.cr.execute("SET LOCAL lock_timeout TO DEFAULT")
                break
            except LockNotAvailable:
                continue
        self.invalidate_model(["touched", "touched_before"], flush=False)

    @api.model
    def _klausel_forget(self, contracts):
        """What names ``contracts`` goes with them: the rest is not all that was shown."""
        places = contracts._klausel_places()
        previews = self.sudo().search(
            [
                ("company_id", "in", [company for company, _partner in places]),
                ("partner_id", "in", [partner for _company, partner in places]),
            ]
        )
        previews.write({"content": False})

    @api.model
    def _klausel_drop_unreported(self, company, claim, as_of):
        """Of whom a run over everything has told nothing, there is nothing to show."""
        self.flush_model()
        self.env.cr.execute(
            SQL(
                "SELECT id FROM klausel_preview WHERE company_id = %s AND COALESCE(claim, 0) < %s"
                " AND NOT touched AND COALESCE(touched_before, 0) <= %s ORDER BY id FOR UPDATE",
                company.id,
                claim,
                claim,
            )
        )
        gone = self.browse(id_ for (id_,) in self.env.cr.fetchall())
        gone.filtered("partner_id").unlink()
        # The row of nobody's work stays.
        for nobody in gone.exists():
            for name, field in self._fields.items():
                if field.type == "one2many":
                    nobody[name].unlink()
            nothing = {
                name: False
                for name, field in self._fields.items()
                if field.store and field.type in ("char", "float", "integer", "selection")
            }
            nobody.write(
                {
                    **nothing,
                    "amount": 0,
                    "has_error": False,
                    "stale": False,
                    "touched_before": nobody.touched_before,
                    "claim": claim,
                    "as_of": as_of,
                    "computed_on": fields.Datetime.now(),
                }
            )
