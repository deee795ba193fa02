"""What tests put in a book's ledger, with links that hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from klausel.model import LedgerRow
from klausel_book import ledger_file


def put_on_record(folder: Path, rows: Iterable[LedgerRow]) -> None:
    """Appends single rows: a book has no invoices whose deletion would release them."""
    path = folder / ledger_file.LEDGER_FILE
    with ledger_file.locked(path) as stream:
        stored = ledger_file.up_to_date(stream, path, None)
        assert not stored.chain.problems
        for row in rows:
            stored.append(stream, stored.chain.row(row))
        ledger_file.write_seal(path, stored.chain.seal)
