"""The connector no longer reads lines of sales orders, which it never asked for.

Its access rights go with the upgrade itself; a rule that Odoo does not update does not.
"""

NAME = ("klausel_billing", "ir.rule", "sale_order_line_connector_rule")


def migrate(cr, version):
    cr.execute(
        "DELETE FROM ir_model_data WHERE module = %s AND model = %s AND name = %s RETURNING res_id",
        NAME,
    )
    cr.execute("DELETE FROM ir_rule WHERE id = ANY(%s)", [[id_ for (id_,) in cr.fetchall()]])
