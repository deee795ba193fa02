"""The lines of a ledger file as a chain: each carries a checksum over itself and all before it.

A line is one transaction, ``{"transaction": KEY, "rows": [...]}``, a single row as a snapshot
writes it, or the record of a repair, ``{"repair": {...}}``. Its last word is its checksum. Lines
of before there were checksums have none; the first line that has one covers them, too. So of
lines that were changed, removed or moved the first is found (semantics 14, "Evidence").

What stands on record is read here and nowhere else. Pure: takes lines, opens nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from klausel.assemble import ledger_data, ledger_rows
from klausel.model import LedgerKey, LedgerRow
from klausel.problems import Problem, Where, problem

#: What cannot be a row of a ledger ends in one of these.
_BAD = (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError)

_CHECKSUM = re.compile(rb', "checksum": "([0-9a-f]{32})"\}$')

#: Said with every broken link.
WAY_BACK = (
    "take the ledger from a backup; or find out what happened, and seal what stands there now:"
    " klausel audit --repair"
)


#: What no two rows have in common: key, entry, lot.
_Place = tuple[LedgerKey, str, str]


class Seal(NamedTuple):
    """Which lines a ledger had when it was written last: kept beside it."""

    lines: int
    checksum: str


class Repair(NamedTuple):
    """Somebody has sealed a ledger whose links were broken."""

    line: int
    on: str
    by: str
    why: str
    found: str
    """What was wrong."""

    def __str__(self) -> str:
        return f"line {self.line}: sealed anew on {self.on} by {self.by} ({self.why}): {self.found}"


class Chain:
    """The lines that were taken up so far, and what they put on record."""

    def __init__(self, file: str, seal: Seal | None = None) -> None:
        self.file = file
        self.number = 0
        """Of the last line, blank ones counted."""
        self.rows: dict[_Place, LedgerRow] = {}
        """The last row of each part: a row that was released later counts as released."""
        self.transactions: set[str] = set()
        self.records: list[str] = []
        """Activity records, as :mod:`klausel.archive` keeps them."""
        self.broken: Problem | None = None
        """The first link that does not hold."""
        self.unread: list[Problem] = []
        """Lines that are none."""
        self.remains = ""
        """Of a last line that was cut off."""
        self.repairs: list[Repair] = []
        self._seal = seal
        self._lines = 0
        self._state = hashlib.blake2b(digest_size=16)
        self._sealed = False
        self._places: defaultdict[str, dict[_Place, None]] | None = None
        """By entry: where its rows are; made when it is asked for."""

    @property
    def seal(self) -> Seal:
        """Of what was taken up so far."""
        return Seal(self._lines, self._state.hexdigest())

    @property
    def problems(self) -> list[Problem]:
        """What keeps this ledger from being billed on."""
        return [*self.unread, *([self.broken] if self.broken is not None else [])]

    def take(self, line: bytes) -> None:
        """The next line. What is no line of a ledger, and a link that does not hold, is noted."""
        self.number += 1
        text = line.strip()
        if not text:
            return
        try:
            data = json.loads(text)
            rows = ledger_rows(data)
        except _BAD:
            if line.endswith(b"\n"):
                hint = "the ledger is written by klausel; take the file from a backup"
                reason = "this is not a ledger row"
                self.unread.append(problem("shape", self._here(), reason=reason, hint=hint))
                self._hash(text)
            else:
                self.remains = text.decode("utf-8", "replace")
                self.number -= 1
            return
        holds = self._link(text, "checksum" in data)
        self._put(rows)
        if "transaction" in data:
            self.transactions.add(data["transaction"])
            if isinstance(record := data.get("record"), str):
                self.records.append(record)
        if "repair" in data and holds:
            self._repaired(data["repair"])

    def rows_of(self, entries: Iterable[str]) -> list[LedgerRow]:
        """What stands on record of ``entries``."""
        if self._places is None:
            self._places = defaultdict(dict)
            for place in self.rows:
                self._places[place[1]][place] = None
        return [self.rows[place] for entry in entries for place in self._places.get(entry, ())]

    def _put(self, rows: Iterable[LedgerRow]) -> None:
        for row in rows:
            place = (row.key, row.entry, row.lot)
            self.rows[place] = row
            if self._places is not None:
                self._places[row.entry][place] = None

    def end(self) -> None:
        """There are no more lines."""
        seal = self._seal
        if seal is not None and self._lines < seal.lines:
            self._break("ledger-short", there=self._lines, lines=seal.lines)
        elif self.remains and seal is None:
            # It may have been whole once, and told somebody that a customer is billed.
            self._break("ledger-cut", 1)

    def rest(self) -> Problem | None:
        """What is to be said of a line that a crash cut off before anybody was told of it."""
        if not self.remains or self.problems:
            return None
        return problem("ledger-remains", Where(self.file, self.number + 1))

    def transaction(self, rows: Sequence[LedgerRow], key: str, record: str = "") -> bytes:
        """The line that puts ``rows`` on record, all or nothing; it is taken up already."""
        contracts = _contracts(rows)
        data = {
            "transaction": key,
            **({"contracts": contracts} if contracts else {}),
            "rows": [_without(row, contracts) for row in rows],
            **({"record": record} if record else {}),
        }
        self._put(rows)
        self.transactions.add(key)
        if record:
            self.records.append(record)
        return self._write(data)

    def row(self, row: LedgerRow) -> bytes:
        """The line that puts a single row on record, as snapshots do; it is taken up already."""
        self._put([row])
        return self._write(ledger_data(row))

    def repair(self, on: str, by: str, why: str) -> bytes:
        """The line that seals all lines as they stand; it is taken up already.

        Raises ``ValueError`` where a line cannot be read, or nothing is broken.
        """
        if self.broken is None or self.unread:
            raise ValueError(self.file)
        found = f"{self.broken.where}: {self.broken.message}"
        data: dict[str, Any] = {"on": on, "by": by, "why": why, "found": found}
        if self.remains:
            data["remains"] = self.remains
        line = self._write({"repair": data})
        self._repaired(data)
        return line

    # -- links -------------------------------------------------------------------------------

    def _write(self, data: Mapping[str, Any]) -> bytes:
        text = json.dumps(data, ensure_ascii=False).encode("utf-8")
        self.number += 1
        self.remains = ""
        self._hash(text[:-1])
        self._sealed = True
        return text[:-1] + f', "checksum": "{self._state.hexdigest()}"}}\n'.encode()

    def _link(self, text: bytes, named: bool) -> bool:
        """Whether the line's own checksum holds."""
        found = _CHECKSUM.search(text) if named else None
        self._hash(text[: found.start()] if found else text)
        holds = found is not None and found[1].decode() == self._state.hexdigest()
        if named:
            self._sealed = True
            if not holds:
                self._break("ledger-changed")
        elif self._sealed:
            self._break("ledger-bare")
        if self._seal is not None and self._lines == self._seal.lines and self._seal != self.seal:
            self._break("ledger-changed")
        return holds

    def _hash(self, body: bytes) -> None:
        self._state.update(body + b"\n")
        self._lines += 1

    def _break(self, code: str, ahead: int = 0, **fields: object) -> None:
        if self.broken is None:
            where = Where(self.file, self.number + ahead)
            self.broken = problem(code, where, hint=WAY_BACK, **fields)

    def _repaired(self, data: Any) -> None:
        """A repair whose own checksum holds vouches for all before it."""
        texts = data if isinstance(data, dict) else {}
        on, by, why, found = (str(texts.get(name, "")) for name in ("on", "by", "why", "found"))
        self.repairs.append(Repair(self.number, on, by, why, found))
        if self.broken is not None and self.broken.where.line < self.number:
            self.broken = None

    def _here(self) -> Where:
        return Where(self.file, self.number)


def _contracts(rows: Iterable[LedgerRow]) -> dict[str, dict[str, str]]:
    """Customer and currency of each contract, said once for all its rows."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        said = (row.customer, row.currency)
        if found.setdefault(row.key.contract, said) != said:
            return {}
    return {
        code: {"customer": customer, "currency": currency}
        for code, (customer, currency) in found.items()
        if customer and currency
    }


def _without(row: LedgerRow, contracts: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """``row`` as data, without what its transaction says of the contract."""
    data = ledger_data(row)
    for name in contracts.get(row.key.contract, ()):
        del data[name]
    return data


def chained(rows: Iterable[LedgerRow], file: str) -> Iterable[bytes]:
    """A new ledger with ``rows``, line by line."""
    chain = Chain(file)
    return (chain.row(row) for row in rows)


__all__ = ["WAY_BACK", "Chain", "Repair", "Seal", "chained"]
