from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_date

#: What of a ledger row a checksum covers, by the version that a checksum begins with: columns that
#: nobody changes once the row is written. Which invoice line a row stands on, and whether it is
#: open again, changes, and is not in it.
COLUMNS = {
    "1": (
        "contract_id",
        "term",
        "component",
        "period",
        "line_group",
        "sequence",
        "entry_ref",
        "seconds",
        "rounded",
        "disposition",
        "rule",
        "rate",
        "lot",
        "drawn",
        "counted",
        "last",
        "amount",
        "quantity",
        "discount",
        "held",
        "fingerprint",
        "policy",
        "role",
        "booked",
    ),
}
VERSION = "1"


class KlauselRun(models.Model):
    """What one billing run wrote for one customer. Only the addon's own code writes it."""

    _name = "klausel.run"
    _description = "Billing Run for a Customer"
    _order = "id desc"
    _rec_names_search = ["partner_id", "key"]

    key = fields.Char(
        required=True, readonly=True, help="The same call again finds what the first one did."
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(
        comodel_name="res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    batch_id = fields.Many2one(
        comodel_name="klausel.batch",
        string="Billing Run",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The run that was over all customers. Empty: of before such runs were kept.",
    )
    as_of = fields.Date(required=True, readonly=True)
    user_id = fields.Many2one(comodel_name="res.users", readonly=True, ondelete="restrict")
    result = fields.Text(readonly=True, help="What the caller was told, as JSON.")
    record = fields.Text(
        readonly=True,
        copy=False,
        help="The activity records of its invoices as they were given out, deflated.",
    )
    move_ids = fields.Many2many(
        comodel_name="account.move",
        relation="klausel_run_move_rel",
        column1="run_id",
        column2="move_id",
        string="Invoices",
        readonly=True,
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    ledger_ids = fields.One2many("klausel.ledger", "run_id", readonly=True)
    previous_id = fields.Many2one(
        comodel_name="klausel.run",
        string="Run Before",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The run before of the same customer.",
    )
    checksum = fields.Char(
        readonly=True,
        copy=False,
        help="Of the ledger rows as they were written, and of the run before. Empty: the run is of"
        " before there were checksums.",
    )
    resealed = fields.Char(
        string="Sealed Anew",
        readonly=True,
        copy=False,
        help="Checksum of the ledger rows as they stood when somebody sealed a run whose own"
        " checksum no longer fitted.",
    )
    resealed_by = fields.Char(string="Sealed Anew by", readonly=True, copy=False)
    resealed_on = fields.Datetime(string="Sealed Anew on", readonly=True, copy=False)
    resealed_why = fields.Char(string="Sealed Anew Because", readonly=True, copy=False)

    _key_unique = models.UniqueIndex("(company_id, key)", "This run was applied already.")

    @api.depends("partner_id", "as_of")
    def _compute_display_name(self):
        for run in self:
            day = format_date(self.env, run.as_of)
            run.display_name = f"{run.partner_id.sudo().display_name}, {day}"

    # --- checksums ------------------------------------------------------------------------------

    def _klausel_chain(self):
        """Put the checksum of the rows that this run has written on it, and of the run before."""
        self.ensure_one()
        self.previous_id = self.search(
            [
                ("company_id", "=", self.company_id.id),
                ("partner_id", "=", self.partner_id.id),
                ("id", "<", self.id),
            ],
            order="id desc",
            limit=1,
        )
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE klausel_run SET checksum = (%s) WHERE id = %s",
                self._klausel_checksum(SQL("run.id = %s", self.id), VERSION, with_id=False),
                self.id,
            )
        )
        self.invalidate_recordset(["checksum"], flush=False)

    @api.model
    def _klausel_checksum(self, where, version, with_id=True):
        """The query that works out checksums of runs from their rows as they stand now."""
        columns = SQL(", ").join(SQL.identifier("part", name) for name in COLUMNS[version])
        return SQL(
            """
            SELECT %s %s || encode(sha256(convert_to(
                json_build_array(
                    run.company_id, run.key, run.as_of, run.record, before.checksum
                )::text
                || coalesce(string_agg(
                    E'\\n' || json_build_array(%s)::text, '' ORDER BY part.id
                ), ''),
                'UTF8')), 'hex') AS checksum
            FROM klausel_run run
            LEFT JOIN klausel_run before ON before.id = run.previous_id
            LEFT JOIN klausel_ledger part ON part.run_id = run.id
            WHERE %s
            GROUP BY run.id, before.checksum
            """,
            SQL("run.id, ") if with_id else SQL(),
            version,
            columns,
            where,
        )

    @api.model
    def _klausel_broken(self, company):
        """Ids of the company's runs whose rows no longer give their checksum, and what they give
        now, oldest first."""
        self.env.flush_all()
        found = []
        for version in COLUMNS:
            where = SQL(
                "run.company_id = %s AND left(run.checksum, %s) = %s",
                company.id,
                len(version),
                version,
            )
            self.env.cr.execute(
                SQL(
                    """
                    SELECT now.id, now.checksum FROM (%s) now JOIN klausel_run run USING (id)
                    WHERE now.checksum NOT IN (run.checksum, coalesce(run.resealed, ''))
                    """,
                    self._klausel_checksum(where, version),
                )
            )
            found += self.env.cr.fetchall()
        # A checksum that was taken away: once a customer has one, all runs after have one.
        self.env.cr.execute(
            SQL(
                """
                SELECT run.id, NULL FROM klausel_run run
                JOIN klausel_run before ON before.id = run.previous_id
                WHERE run.company_id = %s AND coalesce(run.checksum, '') = ''
                """,
                company.id,
            )
        )
        return sorted(found + self.env.cr.fetchall())

    @api.model
    def klausel_links(self, company_id):
        """Whether the ledger is what was written: the first run whose checksum does not fit any
        more, how many there are, and which were sealed anew. And what is on record of contracts
        that no run reads: the archived ones."""
        company = self.env["klausel.contract"]._klausel_check_caller(company_id)
        runs = self.sudo()
        broken = runs._klausel_broken(company)
        domain = [("company_id", "=", company.id)]
        answer = {"runs": runs.search_count(domain), "broken": [], "repairs": []}
        for id_, _now in broken:
            answer["broken"].append({"id": id_, "name": runs.browse(id_).display_name})
        for run in runs.search([*domain, ("resealed", "!=", False)], order="id"):
            answer["repairs"].append(
                {
                    "id": run.id,
                    "name": run.display_name,
                    "on": fields.Datetime.to_string(run.resealed_on),
                    "by": run.resealed_by,
                    "why": run.resealed_why,
                }
            )
        archived = runs.env["klausel.contract"].search([*domain, ("active", "=", False)])
        groups = runs.env["klausel.ledger"]._read_group(
            [("contract_id", "in", archived.ids), ("state", "=", "live")],
            ["contract_id"],
            ["__count"],
        )
        answer["archived"] = [[contract.code, rows] for contract, rows in groups]
        return answer

    @api.model
    def klausel_reseal(self, company_id, why):
        """Seal runs whose checksum does not fit as their rows stand now. Who, when and why is kept
        with them, and so is the old checksum. Managers only. Returns the runs."""
        company = self.env["klausel.contract"]._klausel_check_caller(company_id)
        if not self.env.user.has_group("klausel_billing.group_manager"):
            raise AccessError(self.env._("Only Klausel managers may seal a ledger anew."))
        if not isinstance(why, str) or not why.strip():
            raise UserError(self.env._("Say why the ledger is sealed anew."))
        broken = self.sudo()._klausel_broken(company)
        for id_, now in broken:
            if not now:
                raise UserError(self.env._("Run %s has lost its checksum: restore a backup.", id_))
            self.sudo().browse(id_).write(
                {
                    "resealed": now,
                    "resealed_by": self.env.user.name,
                    "resealed_on": fields.Datetime.now(),
                    "resealed_why": why.strip(),
                }
            )
        return [id_ for id_, _now in broken]
