"""What tests put in a book's ledger, with links that hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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


def put_before_checksums(folder: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """A ledger with ``lines``, as it was written before there were checksums."""
    path = folder / ledger_file.LEDGER_FILE
    new = ({name: value for name, value in line.items() if name != "checksum"} for line in lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in new), encoding="utf-8")
    (folder / ledger_file.SEAL_FILE).unlink(missing_ok=True)
