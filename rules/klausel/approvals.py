"""The gate: may an entry's time pass to billing at all? (semantics 4)."""

from __future__ import annotations

from klausel.model import Entry

NOT_VALIDATED = "not_validated"


def held_reason(entry: Entry) -> str:
    """Why ``entry`` has to wait, or an empty text."""
    return "" if entry.validated else NOT_VALIDATED
