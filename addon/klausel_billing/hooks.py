from odoo.models import BaseModel
from odoo.tools import sql

COLUMN = "klausel_covered"


def pre_init_hook(env):
    """Without contracts nothing is covered: Odoo need not find that out line by line."""
    table = env["account.analytic.line"]._table
    if not sql.column_exists(env.cr, table, COLUMN):
        sql.create_column(env.cr, table, COLUMN, "boolean")


def uninstall_hook(env):
    """What contracts have settled must not become billable by sales orders again."""
    lines = env["account.analytic.line"]
    rows = env["klausel.ledger"].search([("state", "=", "live"), ("held", "=", False)])
    # The addon's guard and Odoo's lock on invoiced time are for people, so both are passed by.
    BaseModel.write(rows.entry_id, {"so_line": False, "is_so_line_edited": True})
    # What is covered but not settled is Odoo's from here on. Its orders have to know that now:
    # their quantities are stored.
    BaseModel.write(lines.search([(COLUMN, "=", True)]), {COLUMN: False})
    env.flush_all()
