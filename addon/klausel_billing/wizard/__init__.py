from . import account_move_reversal, base_partner_merge, klausel_decide, sale_advance_payment
