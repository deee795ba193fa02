"""``ledger.jsonl``: appended customer by customer, all or nothing, safe against a crash.

A line is one transaction, ``{"transaction": KEY, "rows": [...]}``, or a single row as a snapshot
writes it. A last line without a line end was cut off by a crash: it does not count, and the next
append writes over it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from klausel.assemble import last_of_each, ledger_data, ledger_rows
from klausel.model import LedgerRow


class Stored(NamedTuple):
    """What the file holds: its rows, keys of its transactions, and where its last line ends."""

    rows: tuple[LedgerRow, ...]
    """As they stand now: a row that was released later counts as released."""
    transactions: frozenset[str]
    end: int
    """Bytes."""


def read(stream: IO[bytes]) -> Stored:
    """Everything on record in an open ledger. Raises ``ValueError`` for a line that is none."""
    rows: list[LedgerRow] = []
    keys: set[str] = set()
    end = 0
    stream.seek(0)
    for line in stream:
        if not line.endswith(b"\n"):
            break
        end += len(line)
        if line.strip():
            data = json.loads(line)
            rows += ledger_rows(data)
            if "transaction" in data:
                keys.add(data["transaction"])
    return Stored(last_of_each(rows), frozenset(keys), end)


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """The ledger, made where it is missing, with nobody else writing."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream


def append(stream: IO[bytes], end: int, rows: Sequence[LedgerRow], key: str) -> None:
    """Writes one transaction after byte ``end``, over what a crash may have left there."""
    data = {"transaction": key, "rows": [ledger_data(row) for row in rows]}
    stream.truncate(end)
    stream.seek(end)
    stream.write((json.dumps(data, ensure_ascii=False) + "\n").encode("utf-8"))
    stream.flush()
    os.fsync(stream.fileno())
