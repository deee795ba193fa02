from odoo import fields, models


class KlauselItem(models.Model):
    _name = "klausel.item"
    _description = "One-off Item"
    _inherit = "klausel.contract.part"
    _order = "date desc, id desc"

    date = fields.Date(required=True, default=fields.Date.context_today)
    name = fields.Char(string="Description", required=True)
    product_id = fields.Many2one(
        comodel_name="product.product",
        ondelete="restrict",
        check_company=True,
        help="Product of the invoice line. Empty: that of the contract's first term.",
    )
    quantity = fields.Float(required=True, default=1, min_display_digits="Product Unit")
    price = fields.Float(
        string="Unit Price",
        required=True,
        min_display_digits="Product Price",
        help="Net of tax.",
    )
