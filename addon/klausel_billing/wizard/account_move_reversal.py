from odoo import models

from ..models.account_move import REPLACING
from ..models.guarded import is_on, switched_on


class AccountMoveReversal(models.TransientModel):
    _inherit = "account.move.reversal"

    def reverse_moves(self, is_modify=False):
        if not is_modify:
            return super().reverse_moves(is_modify=is_modify)
        wizard = switched_on(self, REPLACING)
        action = super(AccountMoveReversal, wizard).reverse_moves(is_modify=is_modify)
        reversed_ = self.move_ids
        for move in self.new_move_ids.sudo():
            if move.klausel_replaces_id in reversed_:
                move._klausel_take_over()
        return action

    def _modify_default_reverse_values(self, origin_move):
        values = super()._modify_default_reverse_values(origin_move)
        rows = self.env["klausel.ledger"].sudo()._klausel_of_moves(origin_move)
        if not (rows and is_on(self, REPLACING)):
            return values
        return {**values, "klausel_replaces_id": origin_move.id}
