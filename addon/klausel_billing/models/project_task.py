from odoo import fields, models


class ProjectTask(models.Model):
    _inherit = "project.task"

    klausel_activity = fields.Char(
        string="Activity",
        groups="base.group_user",
        help="Kind of work, as the contract's policy names it.",
    )
    klausel_origin = fields.Char(
        string="Origin",
        groups="base.group_user",
        help="Where the cause lies, such as ours or third_party.",
    )
    klausel_initiated_by = fields.Char(
        string="Initiated by",
        groups="base.group_user",
        help="Who asked for it, such as customer or us.",
    )
