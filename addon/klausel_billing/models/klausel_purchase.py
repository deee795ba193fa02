from odoo import api, fields, models
from odoo.tools import format_date


class KlauselPurchase(models.Model):
    _name = "klausel.purchase"
    _description = "Purchase of Hours"
    _inherit = "klausel.named.term"
    _order = "date desc, id desc"

    date = fields.Date(required=True, default=fields.Date.context_today)
    hours = fields.Float(required=True)
    # An empty number is 0 in Odoo, and a price of 0 is not "the plan's price".
    own_price = fields.Boolean(help="Off: the plan's price applies.")
    price = fields.Float(
        string="Price per Hour",
        min_display_digits="Product Price",
        help="Net of tax.",
    )
    validity_months = fields.Integer(
        string="Validity (Months)", help="0: the plan's validity applies."
    )
    invoice = fields.Char(
        string="Already on Invoice",
        help="Number of the invoice that these hours are on already. Empty: still to be invoiced.",
    )

    _hours_positive = models.Constraint(
        "CHECK (hours > 0)", "A purchase is of more than zero hours."
    )
    _price_positive = models.Constraint(
        "CHECK (COALESCE(price, 0) >= 0)", "A price per hour cannot be negative."
    )
    _validity_positive = models.Constraint(
        "CHECK (COALESCE(validity_months, 0) >= 0)",
        "A validity is a number of months and cannot be negative.",
    )

    @api.depends("date", "hours", "term_id.code")
    def _compute_display_name(self):
        for purchase in self:
            purchase.display_name = self.env._(
                "%(hours)s h on %(date)s (%(term)s)",
                hours=f"{purchase.hours:g}",
                date=format_date(self.env, purchase.date),
                term=purchase.term_id.code or "",
            )

    @api.constrains("contract_id", "term_id")
    def _check_term(self):
        self._klausel_check_term()
        for purchase in self:
            if purchase.term_id.plan_id:
                purchase.term_id.plan_id._klausel_check_purchase(purchase)

    @api.constrains("date", "term_id")
    def _check_date(self):
        self.term_id._klausel_check_days()
