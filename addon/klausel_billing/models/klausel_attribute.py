from odoo import api, fields, models


class KlauselAttribute(models.Model):
    _name = "klausel.attribute"
    _description = "Contract Attribute"
    _inherit = "klausel.contract.part"
    _order = "contract_id, name, id"

    name = fields.Char(required=True, help="Name of the fact, as the policy uses it.")
    value = fields.Char()

    _name_unique = models.UniqueIndex(
        "(contract_id, name)",
        "The contract has this attribute already.",
    )

    @api.depends("name", "value")
    def _compute_display_name(self):
        for attribute in self:
            attribute.display_name = f"{attribute.name or ''} = {attribute.value or ''}"
