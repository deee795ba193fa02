"""Installed by a test only: the field by which OCA's sale_timesheet_line_exclude marks a timesheet
as not billable, under the same name."""

from odoo import api, fields, models


class AccountAnalyticLine(models.Model):
    _inherit = "account.analytic.line"

    exclude_from_sale_order = fields.Boolean(string="Non-billable")

    @api.depends("exclude_from_sale_order")
    def _compute_timesheet_invoice_type(self):
        result = super()._compute_timesheet_invoice_type()
        self.filtered("exclude_from_sale_order").timesheet_invoice_type = "non_billable"
        return result
