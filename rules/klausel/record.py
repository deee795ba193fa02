"""What earlier runs settled, seen entry by entry: rows of one part are added up (semantics 8).

Rows are never changed. An adjustment, or held time that is billed later, adds rows; the sum of an
entry's rows is what holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from klausel.approvals import BEFORE_ROUNDING, LIMIT, NO_HOURS, NO_TERM
from klausel.clerk import OnRecord
from klausel.model import LedgerKey, LedgerRow

_NO_KEY = LedgerKey("", "", "", date.min, "")


@dataclass(slots=True)
class Settled:
    """The parts of one entry that are on record."""

    key: LedgerKey
    """Of its first row."""
    fingerprint: str
    """Of the facts that were settled last."""
    booked: str = ""
    """What it stood on then; empty where that is not on record."""
    parts: list[OnRecord] = field(default_factory=list)
    gated: bool = False
    """It was held before rounding when its window was closed."""
    counted: date | None = None
    """The day behind which it counted when it went on record, whatever was corrected since."""
    role: str = ""
    """With which it was settled last; empty where that is not on record."""
    waited: HeldBefore | None = None
    """What of it waited for hours before that, or does."""
    asked: bool = False
    """Some of it waited for something else, and may have passed since."""

    def waited_with(self, contract: str) -> HeldBefore | None:
        """What waited for hours in ``contract``, where it is sure that all that passed later than
        on its own day did so where that waited: what something else held may have passed there."""
        found = self.waited
        if found is None or found.contract != contract or (self.asked and found.counted is None):
            return None
        return found


class HeldBefore(NamedTuple):
    """Time of one entry that is on record as held."""

    contract: str
    seconds: int
    rounded: int
    reason: str
    gated: bool
    sequence: int
    counted: date | None = None
    """The day behind which it counted when it began to wait."""
    taken_up: bool = False
    """A later run has billed of it (an entry without time may wait, too)."""
    fingerprint: str = ""
    """Of the facts with which it was held last."""
    disposition: str = ""
    rule: str = ""
    key: LedgerKey = _NO_KEY
    """Of its first row."""
    number: int = 0
    """Place of that row among all rows."""
    since: date | None = None
    """The day on which it began to wait in its own window, where that is not its own day."""

    @property
    def place(self) -> tuple[str, date | None, date | None]:
        """What it waits for, and where."""
        return self.reason, self.counted, self.since


class Reopened(NamedTuple):
    """Time of one entry that was billed and is open again."""

    contract: str
    seconds: int
    rounded: int


def reopened(rows: Iterable[LedgerRow]) -> dict[str, Reopened]:
    """By entry: what its last release opened and nobody has billed since.

    Only of entries that have other parts on record: the others are simply open.
    """
    gone: dict[str, dict[tuple[LedgerKey, str], LedgerRow]] = {}
    live: dict[str, set[tuple[LedgerKey, str]]] = {}
    for row in rows:
        if not row.entry or row.held:
            continue
        place = (row.key, row.lot)
        if row.state == "released":
            gone.setdefault(row.entry, {})[place] = row
        else:
            live.setdefault(row.entry, set()).add(place)
    found = {}
    for entry, places in gone.items():
        if entry not in live:
            continue
        open_ = [row for place, row in places.items() if place not in live[entry]]
        if open_:
            seconds = sum(row.seconds for row in open_)
            rounded = sum(row.rounded for row in open_)
            found[entry] = Reopened(open_[0].key.contract, seconds, rounded)
    return found


def on_record(
    rows: Iterable[LedgerRow],
) -> tuple[dict[str, Settled], dict[str, list[HeldBefore]]]:
    """By entry: its settled parts, and what of it waits.

    Parts that an adjustment has taken back as a whole are no longer on record: their rows come to
    nothing, and the last of them is none that says that an entry without time is there.
    """
    rows = list(rows)
    lines = {row.key for row in rows if row.amount is not None}
    settled: dict[str, Settled] = {}
    places: dict[str, dict[tuple[object, ...], int]] = {}
    there: dict[str, list[bool]] = {}
    facts: dict[str, dict[str, LedgerRow]] = {}
    """By entry and contract: the last row that says with what facts it is on record."""
    held: dict[tuple[str, str, tuple[str, date | None, date | None]], HeldBefore] = {}
    changed: set[str] = set()
    """Entries that were taken up with other facts than those with which they waited."""
    for number, row in enumerate(rows):
        if not row.entry:
            continue
        if row.held:
            place = (row.entry, row.key.contract, (row.held, row.counted, row.last))
            before = held.get(place)
            if before is not None and row.fingerprint != before.fingerprint:
                changed.add(row.entry)
            held[place] = _held(before, row, number)
            continue
        found = settled.get(row.entry)
        if found is None:
            found = settled[row.entry] = Settled(row.key, "", counted=row.counted)
            places[row.entry] = {}
            there[row.entry] = []
        elif not any(there[row.entry]) and not any(map(_time, found.parts)):
            # All of it was taken back: this is a new beginning.
            found.key, found.counted = row.key, row.counted
        said = facts.setdefault(row.entry, {})
        if row.fingerprint or row.key.contract not in said:
            said[row.key.contract] = row
        same = (row.key._replace(sequence=0), row.disposition, row.rate, row.lot, row.counted)
        piece = (row.key.sequence if row.key in lines else -1, row.rounded)
        position = places[row.entry].get(same)
        if position is None:
            places[row.entry][same] = len(found.parts)
            there[row.entry].append(True)
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
                    (piece,),
                )
            )
        else:
            timeless = not (row.seconds or row.rounded or row.drawn)
            there[row.entry][position] = timeless and bool(row.fingerprint)
            part = found.parts[position]
            found.parts[position] = part._replace(
                rule=row.rule or part.rule,
                seconds=part.seconds + row.seconds,
                rounded=part.rounded + row.rounded,
                drawn=part.drawn + row.drawn,
                pieces=(*part.pieces, piece),
            )
    for entry in list(settled):
        kept = [
            part
            for part, is_there in zip(settled[entry].parts, there[entry], strict=True)
            if is_there or _time(part)
        ]
        if kept:
            settled[entry].parts = kept
            # Rows are those of one contract after the other: what it left says nothing of it.
            last = facts[entry][kept[-1].key.contract]
            settled[entry].fingerprint, settled[entry].booked = last.fingerprint, last.booked
            settled[entry].role = last.role
        else:
            del settled[entry]
    waiting: dict[str, list[HeldBefore]] = {}
    gated: set[str] = set()
    for (entry, _, (reason, *_)), rest in held.items():
        if rest.gated:
            gated.add(entry)
        if entry in settled and entry not in changed and reason in (NO_HOURS, NO_TERM):
            settled[entry].waited = rest
        elif entry in settled and reason not in (NO_HOURS, NO_TERM) and rest.taken_up:
            settled[entry].asked = True
        if entry in settled and rest.gated:
            settled[entry].gated = True
        if rest.seconds or rest.rounded or not rest.taken_up:
            # What a limit cut off later is of time that was held before rounding, too.
            waiting.setdefault(entry, []).append(rest._replace(gated=entry in gated))
    return settled, waiting


def _time(part: OnRecord) -> bool:
    return bool(part.seconds or part.rounded or part.drawn)


Sums = dict[str, dict[str, bool]]
"""By entry and customer: whether anything of it is settled there."""


def settled_with(rows: Iterable[LedgerRow], owners: Mapping[str, str]) -> Sums:
    """With which customers the entries of live ``rows`` are settled.

    ``owners`` are the customers of contracts, by code. What was taken back, what has no time and
    what waits, is not settled.
    """
    sums: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        if row.entry and not row.held and row.state == "live":
            owner = owners.get(row.key.contract, "")
            found = sums.setdefault(row.entry, {}).setdefault(owner, [0, 0, 0])
            for number, value in enumerate((row.seconds, row.rounded, row.drawn)):
                found[number] += value
    return {
        entry: {owner: any(found) for owner, found in some.items()} for entry, some in sums.items()
    }


def _held(before: HeldBefore | None, row: LedgerRow, number: int) -> HeldBefore:
    gated = row.held in BEFORE_ROUNDING and row.held != LIMIT
    if before is None or (before.taken_up and not before.seconds and not before.rounded):
        return HeldBefore(
            row.key.contract,
            row.seconds,
            row.rounded,
            row.held,
            gated or (before is not None and before.gated),
            row.key.sequence,
            row.counted,
            fingerprint=row.fingerprint,
            disposition=row.disposition,
            rule=row.rule,
            key=row.key,
            number=number,
            since=row.last,
        )
    seconds, rounded = before.seconds + row.seconds, before.rounded + row.rounded
    if not seconds and not rounded and row.fingerprint != before.fingerprint:
        gated = False  # it was taken up with other facts, as if it had been entered then
    else:
        gated = gated or before.gated
    return before._replace(
        seconds=seconds,
        rounded=rounded,
        gated=gated,
        taken_up=True,
        sequence=max(before.sequence, row.key.sequence),
        fingerprint=row.fingerprint or before.fingerprint,
    )
