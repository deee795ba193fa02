"""Steps that the product cannot take yet, each with its reason; they are not drawn."""

from __future__ import annotations

#: Name of an action -> what goes wrong with it.
KNOWN: dict[str, str] = {}
