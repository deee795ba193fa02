"""What earlier runs settled, contract by contract and entry by entry (semantics 14).

Rows are never changed. An adjustment, or held time that is billed later, adds rows; the sum of an
entry's rows is what holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.approvals import BEFORE_ROUNDING, LIMIT, NO_HOURS, NO_TERM
from klausel.charges.base import Taken
from klausel.charges.fee import REFUND
from klausel.model import Entry, LedgerKey, LedgerRow
from klausel.run.facts import CustomerFacts
from klausel.run.values import OnRecord, Reopened, fingerprint
from klausel.terms import BoundContract


class Ledger(NamedTuple):
    """Live rows of one contract."""

    groups: dict[tuple[str, str, date], dict[str, int]]
    """(term, component, period) -> group -> highest sequence; with CLOSING the period is closed."""
    amounts: dict[tuple[str, str, date], dict[str, Decimal]]
    """(term, component, period) -> group -> amount billed, late lines included."""
    last: dict[tuple[str, str, date], date]
    """(term, component, period) -> last day that its lines cover."""
    lines: dict[tuple[str, str], list[LedgerRow]]
    """(term, component) -> rows of its lines."""


def index(rows: Sequence[LedgerRow]) -> Ledger:
    known: dict[tuple[str, str, date], dict[str, int]] = defaultdict(dict)
    amounts: dict[tuple[str, str, date], dict[str, Decimal]] = defaultdict(dict)
    last: dict[tuple[str, str, date], date] = {}
    lines: dict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    without_money: list[LedgerRow] = []
    for row in rows:
        key = row.key
        place = (key.term, key.component, key.period)
        groups = known[place]
        groups[key.group] = max(groups.get(key.group, 0), key.sequence)
        if row.amount is None and key.term and key.group and not row.entry:
            lines[key.term, key.component].append(row)  # hours without money
            without_money.append(row)
        if row.amount is not None:
            amounts[place][key.group] = amounts[place].get(key.group, Decimal(0)) + row.amount
            lines[key.term, key.component].append(row)
            if row.last is not None and not key.group.startswith(REFUND):
                last[place] = max(last.get(place, row.last), row.last)
    for row in without_money:
        key = row.key
        if key.group not in amounts.get((key.term, key.component, key.period), ()):
            lines[key.term, key.component].remove(row)  # its line is open again
    return Ledger(known, amounts, last, lines)


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
        key = row.key
        bare = key._replace(sequence=0) if key.sequence else key
        same = (bare, row.disposition, row.rate, row.lot, row.counted)
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


def has_moved(entry: Entry, settled: Settled, waiting: Iterable[HeldBefore]) -> bool:
    """Whether ``entry`` stands on something else than when it was settled."""
    if settled.fingerprint == fingerprint(entry):
        return False
    if settled.booked:
        return settled.booked != entry.booked
    # On record before what an entry stands on was kept: were only the hours corrected?
    worked = sum(part.seconds for part in settled.parts) + sum(rest.seconds for rest in waiting)
    return settled.fingerprint != fingerprint(entry._replace(seconds=worked))


def worked_with(settled: Settled, rests: Sequence[HeldBefore]) -> int:
    """Seconds of an entry that are on record, with those that wait."""
    return sum(part.seconds for part in settled.parts) + sum(rest.seconds for rest in rests)


def without_a_term(bound: BoundContract, parts: Sequence[OnRecord]) -> list[OnRecord]:
    """Parts that are billed by a term or component that is not there any more: nothing says
    on what terms their money would go back."""
    known = {(term.term.id, one.id) for term in bound.terms for one in term.components}
    return [
        part
        for part in parts
        if part.rate is not None and (part.key.term, part.key.component) not in known
    ]


class History:
    """What is on record of one customer."""

    def __init__(self, facts: CustomerFacts, rows: Mapping[str, Sequence[LedgerRow]]) -> None:
        self._facts = facts
        mine = {b.contract.code: rows.get(b.contract.code, ()) for b in facts.contracts}
        self.rows = [row for some in mine.values() for row in some]
        """All of them, contract by contract."""
        self.contracts = {bound.contract.code: bound for bound in facts.contracts}
        self.components = {
            (bound.contract.code, term.term.id, component.id): component
            for bound in facts.contracts
            for term in bound.terms
            for component in term.components
        }
        """By contract, term and id."""
        self.ledger = {code: index(some) for code, some in mine.items()}
        self.lines = {row.key for row in self.rows if row.amount is not None}
        self.settled, self.waiting = on_record(self.rows)
        self.untouched = not (self.settled or self.waiting)
        """No entry is on record."""
        self.by_hand = [
            (row, bound.money_digits)
            for bound in facts.contracts
            for row in mine[bound.contract.code]
            if row.invoiced is not None
        ]
        """Lines that somebody changed, and the digits of their currency."""
        self.rows_of: dict[str, list[LedgerRow]] = defaultdict(list)
        """By entry, for a run that corrects."""
        for row in self.rows if facts.mode.adjusting else ():
            self.rows_of[row.entry].append(row)
        self._coming: dict[str, str] | None = None

    def is_to_come(self, entry_id: str) -> bool:
        """Whether an entry that is on record is of a day after this run, and as it was."""
        if self._coming is None:
            book = self._facts.book.entries
            self._coming = {e.id: fingerprint(e) for e in book if e.date > self._facts.as_of}
        facts = self._coming.get(entry_id)
        settled = self.settled.get(entry_id)
        known = [settled.fingerprint] if settled is not None else []
        known += [rest.fingerprint for rest in self.waiting.get(entry_id, ())]
        return facts is not None and facts in known

    def has_line(self, part: Taken) -> bool:
        """Whether the line that ``part`` of an entry was settled for is on record."""
        for found in self.settled[part.work.entry.id].parts:
            if found.number == part.number:
                return found.key in self.lines or found.key._replace(sequence=0) in self.lines
        return False

    def parts_by_group(self, code: str) -> dict[LedgerKey, list[OnRecord]]:
        """What is on record with a price."""
        found: dict[LedgerKey, list[OnRecord]] = {}
        for settled in self.settled.values():
            for part in settled.parts:
                if part.key.contract == code and part.rate is not None:
                    found.setdefault(part.key._replace(sequence=0), []).append(part)
        return found


def newest(rows: Sequence[LedgerRow]) -> LedgerRow:
    return max(rows, key=lambda row: row.key.sequence)
