"""The field reference, ``docs/fields.md``, from the one table of fields.

``python -m klausel_run.fields_doc > docs/fields.md`` writes it; a test compares the two.
"""

from __future__ import annotations

import sys

from klausel.fields import TABLES, Field, Table

_HEAD = """\
# Fields

What Klausel reads: the columns of a book's files, and where each stands in Odoo. Made from
`rules/klausel/fields.py`; change the table there.

Ids are text. Hours are decimal numbers (`1.5`), dates are `YYYY-MM-DD`, several tags or tickets
are separated by `;`. Columns that are not required may be empty or missing. Contracts and their
terms stand in `contracts.yaml`; in Odoo they are `klausel.contract` and what belongs to it.

A spreadsheet set to German or Dutch saves CSV otherwise (semicolons, `1,5`, `31.12.2026`,
`WAHR`). Such a file is read where it can mean one thing only, and the preview says what was
understood; a doubtful cell is refused. The names of the columns are these in any case.
"""

_KINDS = {
    "id": "id",
    "text": "text",
    "date": "date",
    "hours": "hours",
    "number": "number",
    "yes_no": "yes or no",
    "tags": "list",
    "months": "months, such as `12 months`",
    "choice": "one of",
    "integer": "whole number",
}


def render() -> str:
    """The whole document."""
    return "\n".join([_HEAD, *map(_table, TABLES.values())])


def _table(table: Table) -> str:
    lines = [
        f"## {table.file}",
        "",
        f"{table.meaning[:1].upper()}{table.meaning[1:]}. Odoo: `{table.odoo}`.",
        "",
        "| column | Odoo | kind | required | meaning |",
        "|---|---|---|---|---|",
        *(_row(table, field) for field in table.fields),
        "",
    ]
    return "\n".join(lines)


def _row(table: Table, field: Field) -> str:
    kind = _KINDS[field.kind]
    if field.choices:
        kind = f"{kind}: {', '.join(f'`{choice}`' for choice in field.choices)}"
    if field.refers:
        kind += f" of {field.refers}"
    if field.default:
        kind += f" (default `{field.default}`)"
    odoo = f"`{table.odoo}.{field.odoo}`" if field.odoo else ""
    if field.addon:
        odoo += " (where installed)"
    required = "yes" if field.required else ""
    return f"| `{field.column}` | {odoo} | {kind} | {required} | {field.meaning} |"


if __name__ == "__main__":
    sys.stdout.write(render())
