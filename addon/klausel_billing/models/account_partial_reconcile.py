from odoo import api, models


class AccountPartialReconcile(models.Model):
    _inherit = "account.partial.reconcile"

    def _klausel_invoices(self):
        moves = (self.debit_move_id | self.credit_move_id).move_id
        return moves.filtered(lambda move: move.move_type == "out_invoice")

    def _klausel_check_caller(self):
        """Odoo keeps no companies apart here; what is settled is opened by those who see it."""
        if not self.env.su:
            moves = self.sudo()._klausel_invoices().filtered("klausel_run_id")
            moves.with_env(self.env).check_access("read")

    @api.model_create_multi
    def create(self, vals_list):
        partials = super().create(vals_list)
        partials._klausel_check_caller()
        partials._klausel_invoices()._klausel_check_reversal()
        partials._klausel_invoices()._klausel_touch_timesheets()
        return partials

    def unlink(self):
        self._klausel_check_caller()
        invoices = self._klausel_invoices()
        result = super().unlink()
        # Matching is undone for many reasons: nobody is stopped here.
        invoices.exists()._klausel_check_reversal(refuse=False)
        invoices.exists()._klausel_touch_timesheets()
        return result
