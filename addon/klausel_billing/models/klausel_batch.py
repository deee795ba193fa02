from collections import defaultdict
from decimal import Decimal

from odoo import api, fields, models
from odoo.tools import SQL, format_date
from odoo.tools.misc import formatLang


class KlauselBatch(models.Model):
    """One billing run; what it wrote for each customer stands below. Only the addon's own code
    writes it."""

    _name = "klausel.batch"
    _description = "Billing Run"
    _inherit = "klausel.guarded"
    _order = "id desc"
    _rec_name = "key"

    key = fields.Char(
        string="Run ID", required=True, readonly=True, help="As the program calls the run."
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    as_of = fields.Date(required=True, readonly=True)
    user_id = fields.Many2one(comodel_name="res.users", readonly=True, ondelete="restrict")
    run_ids = fields.One2many("klausel.run", "batch_id", string="Customers", readonly=True)
    move_ids = fields.Many2many(
        comodel_name="account.move",
        compute="_compute_move_ids",
        string="Invoices",
        groups="account.group_account_invoice,account.group_account_readonly",
    )
    customer_count = fields.Integer(compute="_compute_totals")
    invoice_count = fields.Integer(compute="_compute_totals")
    amounts = fields.Char(
        compute="_compute_totals",
        help="Net, as it was written, by currency: what was deleted or changed since counts too.",
    )

    _key_unique = models.UniqueIndex("(company_id, key)", "This run is on record already.")

    @api.depends("as_of")
    def _compute_display_name(self):
        for batch in self:
            day = format_date(self.env, batch.as_of)
            batch.display_name = self.env._("As of %(day)s (%(number)s)", day=day, number=batch.id)

    @api.depends("run_ids.move_ids")
    def _compute_move_ids(self):
        for batch in self:
            batch.move_ids = batch.run_ids.move_ids

    @api.depends("run_ids.ledger_ids")
    def _compute_totals(self):
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "SELECT batch_id, count(DISTINCT partner_id), coalesce(sum(drafts), 0) FROM ("
                " SELECT run.batch_id, run.partner_id,"
                " (SELECT count(*) FROM klausel_run_move_rel rel WHERE rel.run_id = run.id)"
                " AS drafts FROM klausel_run run WHERE run.batch_id = ANY(%s)) found"
                " GROUP BY batch_id",
                self.ids,
            )
        )
        counts = {batch: numbers for batch, *numbers in self.env.cr.fetchall()}
        self.env.cr.execute(
            SQL(
                "SELECT run.batch_id, part.currency_id, sum(part.amount::numeric)"
                " FROM klausel_ledger part JOIN klausel_run run ON run.id = part.run_id"
                " WHERE run.batch_id = ANY(%s) AND part.amount IS NOT NULL"
                " GROUP BY 1, 2 ORDER BY 2",
                self.ids,
            )
        )
        sums = defaultdict(list)
        for batch, currency, total in self.env.cr.fetchall():
            sums[batch].append((self.env["res.currency"].browse(currency), Decimal(total)))
        for batch in self:
            batch.customer_count, batch.invoice_count = counts.get(batch.id, (0, 0))
            batch.amounts = " + ".join(
                formatLang(self.env, float(total), currency_obj=currency)
                for currency, total in sums[batch.id]
            )

    @api.model
    def _klausel_of(self, company, key, as_of, user):
        """The run that the program calls ``key``; made by whoever comes first."""
        # In SQL: who comes at the same moment waits, and comes again.
        self.env.cr.execute(
            SQL(
                "INSERT INTO klausel_batch"
                " (company_id, key, as_of, user_id, create_uid, create_date, write_uid, write_date)"
                " VALUES (%(company)s, %(key)s, %(as_of)s, %(user)s, %(user)s,"
                " now() AT TIME ZONE 'UTC', %(user)s, now() AT TIME ZONE 'UTC')"
                " ON CONFLICT (company_id, key) DO NOTHING",
                company=company.id,
                key=key,
                as_of=as_of,
                user=user.id or None,  # who asked may be gone
            )
        )
        return self.search([("company_id", "=", company.id), ("key", "=", key)])

    def action_view_moves(self):
        """The invoices that the run has written."""
        self.check_access("read")
        self.env["account.move"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        moves = self.run_ids.move_ids
        return {**action, "domain": [("id", "in", moves.ids)], "context": {"create": False}}
