from decimal import Decimal

from odoo import api, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def unlink(self):
        if self:
            self.check_access("unlink")
        # Before the line goes: the foreign key would empty the ledger's link behind our back.
        rows = self.env["klausel.ledger"].sudo()._klausel_of_lines(self)
        rows._klausel_drop_corrections()
        rows._klausel_release("deleted")
        return super().unlink()

    def _klausel_exact(self):
        """Quantity x price less discount, before rounding."""
        self.ensure_one()
        quantity, price, discount = (
            Decimal(repr(value)) for value in (self.quantity, self.price_unit, self.discount)
        )
        return quantity * price * (100 - discount) / 100

    def _klausel_net(self):
        """As the ledger has it: a credit note's with its sign turned."""
        exact = self._klausel_exact()
        return -exact if self.move_type == "out_refund" else exact

    @api.model
    def _timesheet_domain_get_invoiced_lines(self, sale_line_delivery):
        """Time that a contract bills is not on the invoice of a sales order."""
        domain = super()._timesheet_domain_get_invoiced_lines(sale_line_delivery)
        return [("klausel_covered", "=", False), *domain]
