from odoo import api, fields, models
from odoo.tools import format_date


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

    _key_unique = models.UniqueIndex("(company_id, key)", "This run was applied already.")

    @api.depends("partner_id", "as_of")
    def _compute_display_name(self):
        for run in self:
            day = format_date(self.env, run.as_of)
            run.display_name = f"{run.partner_id.sudo().display_name}, {day}"
