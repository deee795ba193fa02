from odoo import api, fields, models
from odoo.tools import format_date


class KlauselAcceptance(models.Model):
    _name = "klausel.acceptance"
    _description = "Acceptance of a Fixed-price Part"
    _inherit = "klausel.contract.part"
    _order = "date desc, id desc"

    term_id = fields.Many2one(
        comodel_name="klausel.term",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
        domain="[('contract_id', '=', contract_id)]",
    )
    part = fields.Char(help="Name of the accepted part. Empty: the whole.")
    date = fields.Date(required=True, default=fields.Date.context_today)

    @api.depends("part", "date", "term_id.code")
    def _compute_display_name(self):
        for acceptance in self:
            name = " ".join(filter(None, (acceptance.term_id.code, acceptance.part)))
            acceptance.display_name = self.env._(
                "%(name)s accepted on %(date)s",
                name=name,
                date=format_date(self.env, acceptance.date),
            )

    @api.constrains("contract_id", "term_id")
    def _check_term(self):
        self._klausel_check_term()

    @api.constrains("term_id", "part")
    def _check_part(self):
        for acceptance in self:
            if acceptance.term_id.plan_id:
                acceptance.term_id.plan_id._klausel_check_part(acceptance)
