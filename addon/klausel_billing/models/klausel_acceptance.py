import json

from odoo import api, fields, models
from odoo.tools import format_date


class KlauselAcceptance(models.Model):
    _name = "klausel.acceptance"
    _description = "Acceptance of a Fixed-price Part"
    _inherit = "klausel.named.term"
    _order = "date desc, id desc"

    part = fields.Char(help="Name of the accepted part. Empty: the whole.")
    known_parts = fields.Char(compute="_compute_known_parts")
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

    @api.depends("term_id.plan", "term_code", "contract_id.term_ids.plan", "contract_id.policy")
    def _compute_known_parts(self):
        for acceptance in self:
            names = json.loads(acceptance._klausel_meant_term().plan_id.parts or "[]")
            acceptance.known_parts = json.dumps([name for name in names if name])

    @api.constrains("contract_id", "term_id")
    def _check_term(self):
        self._klausel_check_term()

    @api.constrains("term_id", "part")
    def _check_part(self):
        for acceptance in self:
            if acceptance.term_id.plan_id:
                acceptance.term_id.plan_id._klausel_check_part(acceptance)
