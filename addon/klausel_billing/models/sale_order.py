from odoo import models


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _create_invoices(self, grouped=False, final=False, date=None):
        self._klausel_look_again()
        return super()._create_invoices(grouped=grouped, final=final, date=date)

    def _klausel_look_again(self):
        """Before anything is billed: is each open timesheet still this order's to bill?"""
        self.env["account.analytic.line"]._klausel_mend_covered(
            [("order_id", "in", self.ids), ("timesheet_invoice_id", "=", False)]
        )
