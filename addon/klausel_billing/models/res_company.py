from odoo import fields, models


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
