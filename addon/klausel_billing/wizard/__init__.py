from . import (
    account_move_reversal,
    base_partner_merge,
    klausel_correct,
    klausel_decide,
    sale_advance_payment,
)
