from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date


class KlauselOpening(models.Model):
    _name = "klausel.opening"
    _description = "Opening Balance"
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
    lot = fields.Char(help="Name of the lot of hours.")
    date = fields.Date(required=True, default=fields.Date.context_today)
    hours = fields.Float(help="Hours left on that day. A negative number is a deficit.")
    own_price = fields.Boolean(help="Off: the plan's price applies.")
    price = fields.Float(
        string="Price per Hour",
        min_display_digits="Product Price",
        help="Net of tax.",
    )
    valid_until = fields.Date(help="Last day on which the hours are good.")
    billed_until = fields.Date(help="Nothing up to this day is billed any more.")

    _price_positive = models.Constraint(
        "CHECK (COALESCE(price, 0) >= 0)", "A price per hour cannot be negative."
    )

    @api.depends("term_id.code", "lot", "date")
    def _compute_display_name(self):
        for opening in self:
            name = " ".join(filter(None, (opening.term_id.code, opening.lot)))
            opening.display_name = self.env._(
                "Opening of %(name)s on %(date)s",
                name=name,
                date=format_date(self.env, opening.date),
            )

    @api.constrains("contract_id", "term_id")
    def _check_term(self):
        self._klausel_check_term()

    @api.constrains("date", "hours", "valid_until")
    def _check_valid_until(self):
        for opening in self:
            if opening.valid_until and opening.hours > 0 and opening.valid_until < opening.date:
                raise ValidationError(
                    self.env._(
                        "The hours had expired before the day of the balance: %s.",
                        opening.display_name,
                    )
                )
