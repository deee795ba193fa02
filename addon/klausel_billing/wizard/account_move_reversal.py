from odoo import models

from ..models.account_move import REPLACING


class AccountMoveReversal(models.TransientModel):
    _inherit = "account.move.reversal"

    def reverse_moves(self, is_modify=False):
        if not is_modify:
            return super().reverse_moves(is_modify=is_modify)
        wizard = self.with_context(**{REPLACING: True})
        action = super(AccountMoveReversal, wizard).reverse_moves(is_modify=is_modify)
        for move in self.new_move_ids.sudo().filtered("klausel_replaces_id"):
            move._klausel_take_over()
        return action

    def _modify_default_reverse_values(self, origin_move):
        values = super()._modify_default_reverse_values(origin_move)
        rows = self.env["klausel.ledger"].sudo()._klausel_of_moves(origin_move)
        if not rows:
            return values
        return {**values, "klausel_replaces_id": origin_move.id}
