"""What earlier runs settled, seen entry by entry: rows of one part are added up (semantics 8).

Rows are never changed. An adjustment, or held time that is billed later, adds rows; the sum of an
entry's rows is what holds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from klausel.approvals import BEFORE_ROUNDING, LIMIT
from klausel.clerk import OnRecord
from klausel.model import LedgerKey, LedgerRow


@dataclass(slots=True)
class Settled:
    """The parts of one entry that are on record."""

    key: LedgerKey
    """Of its first row."""
    fingerprint: str
    """Of the facts that were settled last."""
    parts: list[OnRecord] = field(default_factory=list)
    gated: bool = False
    """It was held before rounding when its window was closed."""


class HeldBefore(NamedTuple):
    """Time of one entry that is on record as held."""

    contract: str
    seconds: int
    rounded: int
    reason: str
    gated: bool
    sequence: int


def on_record(rows: Iterable[LedgerRow]) -> tuple[dict[str, Settled], dict[str, HeldBefore]]:
    """By entry: its settled parts, and what of it waits."""
    settled: dict[str, Settled] = {}
    places: dict[str, dict[tuple[object, ...], int]] = {}
    held: dict[str, HeldBefore] = {}
    for number, row in enumerate(rows):
        if not row.entry:
            continue
        if row.held:
            held[row.entry] = _held(held.get(row.entry), row)
            continue
        found = settled.get(row.entry)
        if found is None:
            found = settled[row.entry] = Settled(row.key, row.fingerprint)
            places[row.entry] = {}
        found.fingerprint = row.fingerprint
        same = (
            row.key._replace(sequence=0), row.disposition, row.rule, row.rate, row.lot, row.counted,
        )  # fmt: skip
        position = places[row.entry].get(same)
        if position is None:
            places[row.entry][same] = len(found.parts)
            found.parts.append(
                OnRecord(
                    row.key,
                    row.seconds,
                    row.rounded,
                    row.drawn,
                    row.disposition,
                    row.rule,
                    row.rate,
                    row.lot,
                    row.counted,
                    number,
                )
            )
        else:
            part = found.parts[position]
            found.parts[position] = part._replace(
                seconds=part.seconds + row.seconds,
                rounded=part.rounded + row.rounded,
                drawn=part.drawn + row.drawn,
            )
    for entry, before in held.items():
        if entry in settled:
            settled[entry].gated = before.gated
    waiting = {entry: rest for entry, rest in held.items() if rest.seconds or rest.rounded}
    return settled, waiting


def _held(before: HeldBefore | None, row: LedgerRow) -> HeldBefore:
    gated = row.held in BEFORE_ROUNDING and row.held != LIMIT
    if before is None:
        return HeldBefore(
            row.key.contract, row.seconds, row.rounded, row.held, gated, row.key.sequence
        )
    return before._replace(
        seconds=before.seconds + row.seconds,
        rounded=before.rounded + row.rounded,
        gated=before.gated or gated,
        sequence=max(before.sequence, row.key.sequence),
    )
