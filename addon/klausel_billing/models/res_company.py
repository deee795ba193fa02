from odoo import fields, models

#: What of a company amounts, days and texts rest on.
COMPANY = frozenset(
    (
        "country_id",
        "currency_id",
        "internal_project_id",
        "state_id",
        "tax_calculation_rounding_method",
    )
)


class ResCompany(models.Model):
    _inherit = "res.company"

    klausel_nightly_hour = fields.Float(
        string="Nightly Preview at",
        default=2.0,
        groups="klausel_billing.group_manager,base.group_system",
        help="Hour of the day, in the company's own time, from which on everything is previewed"
        " once a day. -1: never.",
    )

    _klausel_nightly_hour_valid = models.Constraint(
        "CHECK (klausel_nightly_hour = -1"
        " OR (klausel_nightly_hour >= 0 AND klausel_nightly_hour < 24))",
        "The nightly preview is at an hour from 0:00 to 23:59, or never (-1).",
    )

    def write(self, vals):
        result = super().write(vals)
        if not COMPANY.isdisjoint(vals):
            for company in self:
                self.env["klausel.preview"]._klausel_touch_all(company)
        return result
