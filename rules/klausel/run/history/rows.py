"""Rows that go on record (semantics 14, "Settling")."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from klausel.charges.base import Taken, Work
from klausel.model import Entry, LedgerKey, LedgerRow
from klausel.run.facts import CustomerFacts
from klausel.run.history.record import HeldBefore, History
from klausel.run.scope.around import Surroundings
from klausel.run.values import HELD, fingerprint
from klausel.run.windows import Windows
from klausel.terms import BoundContract


class Rows:
    """Rows that this run puts on record."""

    def __init__(
        self, facts: CustomerFacts, windows: Windows, around: Surroundings, history: History
    ) -> None:
        self._facts = facts
        self._windows = windows
        self._around = around
        self.written: list[LedgerRow] = []
        self.left_alone: set[tuple[str, str]] = set()
        """Contract and entry: what waits on record is neither looked at nor taken back."""
        self._places = {(row.key, row.entry, row.lot) for row in history.rows if row.entry}
        """What no two live rows may have in common."""
        self._held_numbers: dict[tuple[str, str], int] = {}
        """By contract and entry: the highest number of what waits or waited."""
        for row in history.rows:
            if row.held:
                place = (row.key.contract, row.entry)
                last = self._held_numbers.get(place, -1)
                self._held_numbers[place] = max(last, row.key.sequence)

    def settle(
        self, bound: BoundContract, key: LedgerKey, entry: Entry | None = None, **facts: Any
    ) -> None:
        """Puts a row on record, where this run is one that goes on record: with ``key`` or, where
        the entry has that already (a rest of it was freed later, or it was taken back and is here
        again), with the next number."""
        if self._facts.mode.recording:
            if entry is not None:
                place = (key, entry.id, facts.get("lot", ""))
                while place in self._places:
                    key = key._replace(sequence=key.sequence + 1)
                    place = (key, *place[1:])
                self._places.add(place)
            self.written.append(
                LedgerRow(
                    key,
                    entry.id if entry is not None else "",
                    fingerprint=fingerprint(entry) if entry is not None else "",
                    booked=entry.booked if entry is not None else "",
                    policy=bound.policy.stamp,
                    role=self._around.around(entry).employee.role if entry is not None else "",
                    customer=bound.contract.customer,
                    currency=bound.contract.currency,
                    **facts,
                )
            )

    def waits_no_more(self, entry_id: str, facts: str, rests: Iterable[HeldBefore]) -> None:
        """Takes what waits on record back: it is not there any more, or waits elsewhere."""
        policies = {bound.contract.code: bound.policy.stamp for bound in self._facts.contracts}
        for rest in rests:
            place = (rest.contract, entry_id)
            self.left_alone.add(place)
            if not self._facts.mode.recording or rest.contract not in policies:
                continue
            number = self._held_numbers[place] = self._held_numbers[place] + 1
            self.written.append(
                LedgerRow(
                    rest.key._replace(sequence=number), entry_id, -rest.seconds, -rest.rounded,
                    rest.disposition, rest.rule, held=rest.reason, fingerprint=facts,
                    policy=policies[rest.contract], counted=rest.counted, last=rest.since,
                )
            )  # fmt: skip

    def put_held(
        self,
        bound: BoundContract,
        work: Work,
        what: tuple[str, date | None, date | None],
        seconds: int,
        rounded: int,
        rest: HeldBefore | None,
    ) -> None:
        """Puts time on record that waits for what ``what`` says, and where; in place of
        ``rest``."""
        reason, counted, since = what
        entry = work.entry
        place = (bound.contract.code, entry.id)
        sequence = self._held_numbers[place] = self._held_numbers.get(place, -1) + 1
        first = self._windows.window(bound, entry.date).first
        if rest is not None:
            seconds, rounded = seconds - rest.seconds, rounded - rest.rounded
        self.settle(
            bound,
            LedgerKey(bound.contract.code, "", HELD, first, "held", sequence),
            entry,
            seconds=seconds,
            rounded=rounded,
            disposition=work.disposition,
            rule=work.rule,
            held=reason,
            counted=counted,
            last=since,
        )

    def put_on_record(self, bound: BoundContract, part: Taken, key: LedgerKey) -> None:
        """Puts a part on record."""
        work = part.work
        self.settle(
            bound,
            key,
            work.entry,
            seconds=part.seconds,
            rounded=part.rounded,
            disposition=part.disposition or work.disposition,
            rule=work.rule,
            rate=part.rate,
            lot=part.lot,
            drawn=part.drawn,
            counted=part.counted,
        )

    def leave(self, contract: str, entry: str) -> None:
        """What waits on record of ``entry`` is neither looked at nor taken back."""
        self.left_alone.add((contract, entry))

    def put(self, row: LedgerRow) -> None:
        """Puts ``row`` on record as it is."""
        self.written.append(row)

    def is_taken(self, key: LedgerKey, entry: str, lot: str) -> bool:
        """Whether a live row or one of this run has this place."""
        return (key, entry, lot) in self._places
