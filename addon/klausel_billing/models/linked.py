"""What a many2many field holds, whoever asks."""

from odoo.tools import SQL


def linked(records, name):
    """``{id: [ids]}``: what the many2many field ``name`` of stored ``records`` holds, all of it.

    Odoo leaves out what the user may not see, and remembers that for whoever asks afterwards,
    with all rights or not.
    """
    field = records._fields[name]
    found = {id_: [] for id_ in records.ids}
    if found:
        records.flush_model([name])
        query = SQL(
            "SELECT %(one)s, %(other)s FROM %(table)s WHERE %(one)s = ANY(%(ids)s) ORDER BY 1, 2",
            one=SQL.identifier(field.column1),
            other=SQL.identifier(field.column2),
            table=SQL.identifier(field.relation),
            ids=records.ids,
        )
        for id_, other in records.env.execute_query(query):
            found[id_].append(other)
    return found
