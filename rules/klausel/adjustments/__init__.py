"""Adjustments between the gate and allocation: one file each (semantics 4).

Their order is fixed by :mod:`klausel.clerk`: rounding of what passes, the approvals' limits, the
budgets.
"""
