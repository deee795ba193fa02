"""Steps that the product cannot take yet, each with its reason; they are not drawn."""

from __future__ import annotations

#: Name of an action -> what goes wrong with it.
KNOWN: dict[str, str] = {
    "merge contacts": "E2: Odoo's Merge contacts fails with an AssertionError",
    "move entry to another company": "G2",
    "move ticket to another company": "G2, G3",
    "transfer employee": "G3",
    "log nothing": "E10",
    "edit hours to nothing": "E10: an adjustment is refused for ever",
    "reverse our credit note": "E7",
    "refund a corrected invoice": "E3, E9, F1",
    "reset to draft": "E8: what an invoice was replaced by stays in force",
    "reset a refund": "E8: an invoice and what replaced it are both in force",
}
