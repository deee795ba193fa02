"""The ledger's own rules (design 4, semantics 8): what a release opens again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from klausel.model import LedgerKey, LedgerRow

#: Group of the row that says that a period of a component is closed.
CLOSING = ""

#: How groups of lines begin that count requests, and not their time.
PIECES = "beyond pc "

#: Component name of rows for time that is settled without money.
SCOPE = "scope"


def in_pieces(key: LedgerKey) -> bool:
    """Whether the line ``key`` counts requests: one for each part that has ``drawn`` something."""
    return key.group.startswith(PIECES)


def closing_key(key: LedgerKey) -> LedgerKey:
    """Key of the row that closes the period of ``key``."""
    return key._replace(group=CLOSING, sequence=0)


def release(
    transactions: Iterable[Sequence[LedgerRow]], lines: Collection[str]
) -> list[list[LedgerRow]]:
    """``transactions`` after the lines with the keys ``lines`` were deleted or cancelled.

    Exactly the parts of these lines are open again, and the period of each regular line, together
    with what was corrected of that line without money. Of a correction that took time back, what
    its transaction settled of that time instead, on no line, is open again, too (semantics 14).
    """
    before = [list(rows) for rows in transactions]
    all_rows = [row for rows in before for row in rows]
    gone = {row.key for row in all_rows if str(row.key) in lines}
    regular = {key for key in gone if not key.sequence}
    gone |= {closing_key(key) for key in regular}
    gone |= {
        row.key
        for row in all_rows
        if row.amount is None and not row.entry and row.key._replace(sequence=0) in regular
    }
    return [_released(rows, gone, _instead(rows, gone)) for rows in before]


def _instead(rows: Sequence[LedgerRow], gone: Collection[LedgerKey]) -> set[tuple[str, str]]:
    """Customers and entries of which corrections among ``gone``, written with ``rows``, took time
    back."""
    return {
        (row.customer, row.entry)
        for row in rows
        if row.key in gone and row.key.sequence and row.entry and row.seconds < 0
    }


def _released(
    rows: Sequence[LedgerRow], gone: Collection[LedgerKey], entries: Collection[tuple[str, str]]
) -> list[LedgerRow]:
    on_lines = {row.key for row in rows if row.amount is not None} if entries else ()
    return [
        row._replace(state="released")
        if row.state == "live"
        and (row.key in gone or ((row.customer, row.entry) in entries and row.key not in on_lines))
        else row
        for row in rows
    ]
