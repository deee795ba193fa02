from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    klausel_contract_count = fields.Integer(
        compute="_compute_klausel_contract_count",
        string="Number of Service Contracts",
        groups="klausel_billing.group_user",
    )

    def _compute_klausel_contract_count(self):
        counts = dict(
            self.env["klausel.contract"]._read_group(
                [("commercial_partner_id", "in", self.commercial_partner_id.ids)],
                ["commercial_partner_id"],
                ["__count"],
            )
        )
        for partner in self:
            partner.klausel_contract_count = counts.get(partner.commercial_partner_id, 0)

    def action_view_klausel_contracts(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "klausel_billing.klausel_contract_action"
        )
        action["domain"] = [("commercial_partner_id", "=", self.commercial_partner_id.id)]
        action["context"] = {"default_partner_id": self.commercial_partner_id.id}
        return action
