from odoo import api, models


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    @api.depends("timesheet_ids.klausel_covered")
    def _compute_qty_delivered(self):
        return super()._compute_qty_delivered()

    def _timesheet_compute_delivered_quantity_domain(self):
        """Time that a contract bills is not delivered under a sales order."""
        domain = super()._timesheet_compute_delivered_quantity_domain()
        return [*domain, ("klausel_covered", "=", False)]
