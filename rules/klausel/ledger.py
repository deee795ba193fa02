"""The ledger's own rules (design 4, semantics 8): what a release opens again."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from klausel.model import LedgerKey, LedgerRow

#: Group of the row that says that a period of a component is closed.
CLOSING = ""

#: Component name of rows for time that is settled without money.
SCOPE = "scope"


def closing_key(key: LedgerKey) -> LedgerKey:
    """Key of the row that closes the period of ``key``."""
    return key._replace(group=CLOSING, sequence=0)


def release(rows: Iterable[LedgerRow], lines: Collection[str]) -> list[LedgerRow]:
    """``rows`` after the lines with the keys ``lines`` were deleted or cancelled.

    Exactly the parts of these lines are open again, and the period of each regular line, together
    with what was corrected of that line without money.
    """
    before = list(rows)
    gone = {row.key for row in before if str(row.key) in lines}
    regular = {key for key in gone if not key.sequence}
    gone |= {closing_key(key) for key in regular}
    gone |= {
        row.key
        for row in before
        if row.amount is None and not row.entry and row.key._replace(sequence=0) in regular
    }
    return [
        row._replace(state="released") if row.key in gone and row.state == "live" else row
        for row in before
    ]
