from odoo import models


class SaleAdvancePaymentInv(models.TransientModel):
    _inherit = "sale.advance.payment.inv"

    def _create_invoices(self, sale_orders):
        # Here already: with dates given, the wizard sets the quantities itself.
        sale_orders._klausel_look_again()
        return super()._create_invoices(sale_orders)
