from odoo import fields, models


class AccountAnalyticLine(models.Model):
    _inherit = "account.analytic.line"

    # Internal facts: a customer on the portal reads the outcome, not these.
    klausel_activity = fields.Char(
        string="Activity",
        groups="base.group_user",
        help="Kind of work, as the contract's policy names it. Empty: the task's.",
    )
    klausel_tag_ids = fields.Many2many(
        comodel_name="project.tags",
        relation="klausel_analytic_line_tag_rel",
        column1="line_id",
        column2="tag_id",
        string="Tags",
        groups="base.group_user",
    )
