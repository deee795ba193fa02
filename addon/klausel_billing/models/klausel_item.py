from odoo import fields, models


class KlauselItem(models.Model):
    _name = "klausel.item"
    _description = "One-off Item"
    _inherit = "klausel.contract.part"
    _order = "date desc, id desc"

    date = fields.Date(required=True, default=fields.Date.context_today)
    name = fields.Char(string="Description", required=True)
    quantity = fields.Float(required=True, default=1, min_display_digits="Product Unit")
    price = fields.Float(
        string="Unit Price",
        required=True,
        min_display_digits="Product Price",
        help="Net of tax.",
    )
