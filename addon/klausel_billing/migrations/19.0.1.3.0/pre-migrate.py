"""Measures of the ledger, row by row worked out here: by Odoo it would take minutes.

A line has the money, a timesheet the time.
"""


def migrate(cr, version):
    cr.execute(
        "ALTER TABLE klausel_ledger"
        " ADD COLUMN IF NOT EXISTS currency_id integer,"
        " ADD COLUMN IF NOT EXISTS net numeric,"
        " ADD COLUMN IF NOT EXISTS worked_hours double precision,"
        " ADD COLUMN IF NOT EXISTS counted_hours double precision,"
        " ADD COLUMN IF NOT EXISTS drawn_hours double precision"
    )
    cr.execute(
        "UPDATE klausel_ledger part SET"
        " currency_id = contract.currency_id,"
        " net = round(coalesce(nullif(part.amount, '')::numeric, 0) / currency.rounding)"
        "     * currency.rounding,"
        " worked_hours = CASE WHEN part.entry_ref = 0 THEN 0 ELSE part.seconds / 3600.0 END,"
        " counted_hours = CASE WHEN part.entry_ref = 0 THEN 0"
        "     ELSE coalesce(part.rounded, 0) / 3600.0 END,"
        " drawn_hours = CASE WHEN part.entry_ref = 0 THEN 0"
        "     ELSE coalesce(part.drawn, 0) / 3600.0 END"
        " FROM klausel_contract contract"
        " JOIN res_currency currency ON currency.id = contract.currency_id"
        " WHERE contract.id = part.contract_id"
    )
