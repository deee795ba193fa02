"""audit: recompute everything, compare it with what is on record, write nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from klausel.engine import bill
from klausel.formats.text import count
from klausel.port import Erp
from klausel.publishing import differing
from klausel.result import Difference


class Audit(NamedTuple):
    """What was compared and what differs."""

    rows: int
    """Live ledger rows."""
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
    """What makes differences likely."""

    @property
    def text(self) -> str:
        rows = count(self.rows, "ledger row")
        head = f"{rows} compared, {count(len(self.differences), 'difference')}"
        lines = [
            f"  {found.key}"
            + (f" entry {found.entry}" if found.entry else "")
            + f": {found.cause}; was {found.was}"
            + (f", today {found.now}" if found.now else "")
            for found in self.differences
        ]
        return "\n".join([head, *lines, *self.notes])


def audit(erp: Erp, as_of: date, progress: Callable[[int, int], None] | None = None) -> Audit:
    """Compares the ledger of ``erp`` with what ``as_of`` would give today."""
    book = erp.read(as_of)
    result = bill(book, as_of, progress=progress, record=False)
    live = sum(1 for row in book.ledger if row.state == "live")
    used = (contract.policy for contract in book.contracts)
    found = differing(book.policies, book.published, used)
    return Audit(live, result.differences, tuple(str(one) for one in found.values()))
