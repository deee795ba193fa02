"""Adjustments: what is on record becomes what it would be with today's facts (semantics 8)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from klausel.charges.base import DONE_AGAIN, Charge, Taken, Work
from klausel.charges.stock import BEYOND
from klausel.clerk import ELSEWHERE, Item, OnRecord, Share
from klausel.customer.lines import Lines
from klausel.customer.state import OPENING, Ident, batches, corrected, fingerprint, ident, said
from klausel.ledger import CLOSING
from klausel.model import (
    Entry,
    LedgerKey,
    LedgerRow,
)
from klausel.money import (
    ZERO,
    line_amount,
)
from klausel.period import ONE_DAY, Period
from klausel.record import Settled
from klausel.result import Line, Part
from klausel.terms import BoundComponent, BoundContract, BoundTerm


def _has_time(part: OnRecord) -> bool:
    return bool(part.seconds or part.rounded or part.drawn)


class Corrections(Lines):
    """Rows and lines that correct the record."""

    def _allocate_again(
        self,
        bound: BoundContract,
        work: Work,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """What an entry on record would be with today's rules and prices."""
        code = bound.contract.code
        found = self._again[code].setdefault(work.entry.id, [])
        for term in self._terms(bound, work.disposition):
            for component in term.components if term.span.covers(work.entry.date) else ():
                part = component.bound.take(work) if component.takes_time else None
                if part is None:
                    continue
                place = (term.term.id, component.id, part.period.first)
                if self._line_is_to_come(code, place, part.group):
                    taken[place].append(part)  # it moved to days that are yet to be settled
                    return
                found.append(ident(code, term.term.id, component.id, part))
                self._desired[code].append((term.term.id, component.id, part))
                self._show(bound, (part,), term.term.id, component.id, "", again=True)
                return
        rule = self._rules[code, work.rule]
        self._hold(work.entry, code, rule, work.seconds, work.rounded, None, "no_term")

    def _line_is_to_come(self, code: str, place: tuple[str, str, date], group: str) -> bool:
        """Whether a line of ``group`` will be made of the period. One that is on record stays,
        though another line of the period was deleted: it is corrected."""
        ledger = self._ledger[code]
        closed = CLOSING in ledger.groups.get(place, {})
        return not closed and group not in ledger.amounts.get(place, {})

    def _take_again(
        self,
        bound: BoundContract,
        item: Item,
        shares: Sequence[Share],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """What an entry on record would be with today's facts. A part whose line is still to come
        is ``taken``: that line is made of it."""
        entry = item.work.entry
        code = bound.contract.code
        found = self._again[code].setdefault(entry.id, [])
        for share in shares:
            if share.taken is None:
                continue
            found.append(ident(code, share.term, share.component, share.taken))
            period = (share.term, share.component, share.taken.period.first)
            to_come = self._line_is_to_come(code, period, share.taken.group)
            if share.taken.rate is not None and to_come:
                taken[period].append(share.taken._replace(number=DONE_AGAIN))
                continue
            self._desired[code].append((share.term, share.component, share.taken))
            self._show(bound, (share.taken,), share.term, share.component, "", again=True)
        rule = self._rules[code, item.work.rule]
        for share in shares:
            if share.held == ELSEWHERE:
                place = LedgerKey(
                    code, share.term, OPENING, self._window(bound, entry.date).first, ""
                )
                gone = Ident(place, ELSEWHERE, None, "", None)
                found.append(gone.holding(share.seconds, share.rounded, 0, OPENING))
                self._add(
                    entry,
                    Part(ELSEWHERE, OPENING, share.seconds, share.rounded, code, share.term),
                )
            elif share.held:
                self._hold(
                    entry, code, rule, share.seconds, share.rounded, share.amount, share.held
                )

    def _corrections(self, bound: BoundContract) -> list[Line]:
        """Rows that bring entries on record to what they would be, and the lines of them."""
        code = bound.contract.code
        changed: set[tuple[str, str, date]] = set()
        discounted = [key for key, _, _ in self._differing_time(bound)]
        entries = {entry.id: entry for entry in self._entries}
        for entry_id, settled in self._settled.items():
            mine = [part for part in settled.parts if part.key.contract == code]
            gone = self._without_a_term(bound, mine)
            if gone:
                was = {(code, part.disposition, part.rate) for part in gone}
                missing = ", ".join(sorted({part.key.term for part in gone}))
                self._differ(
                    settled.key, entry_id, "terms", said(was), f"{code} has no term {missing}"
                )
                self._desired[code] = [
                    one for one in self._desired[code] if one[2].work.entry.id != entry_id
                ]
            elif entry_id in self._stays:
                continue
            elif mine and not (entry_id not in entries and self._is_to_come(entry_id)):
                wanted = self._again[code].get(entry_id, [])
                entry = entries.get(entry_id)
                changed |= self._correct_entry(bound, entry_id, entry, settled, mine, wanted)
                if entry is None:
                    self.taken_back.add(entry_id)
        changed |= {(key.term, key.component, key.period) for key in discounted}
        self._sweep(code)
        lines: list[Line] = []
        terms = {term.term.id: term for term in bound.terms}
        for place in sorted(changed):
            term = terms.get(place[0])
            component = (
                next((c for c in term.components if c.id == place[1]), None) if term else None
            )
            if term is not None and component is not None:
                lines += self._correct_lines(bound, term, component, place[2])
        return lines

    def _sweep(self, code: str) -> None:
        """Takes back what waits on record and waits no more: its entry is gone, written off,
        included, or another contract's. Of one that is billed in part, only where the record is
        done again."""
        asked = {item.work.entry.id for item in self._items[code]}
        entries: dict[str, Entry] | None = None
        for entry_id, rests in self._held_before.items():
            mine = [rest for rest in rests if rest.contract == code]
            if not mine or entry_id in asked or (code, entry_id) in self._wait_on_record:
                continue
            if entry_id in self._settled and not self._adjust:
                continue
            if entries is None:
                entries = {entry.id: entry for entry in self._entries}
            entry = entries.get(entry_id)
            if entry is None and self._is_to_come(entry_id):
                continue
            facts = fingerprint(entry) if entry is not None else ""
            self._waits_no_more(entry_id, facts, mine)

    def _correct_entry(
        self,
        bound: BoundContract,
        entry_id: str,
        entry: Entry | None,
        settled: Settled,
        parts: Sequence[OnRecord],
        wanted: Sequence[Ident],
    ) -> set[tuple[str, str, date]]:
        """Puts the changes of one entry on record; the places that they are in."""
        sums: dict[Ident, list[int]] = {}
        for part in parts:
            ident = Ident(
                part.key._replace(sequence=0), part.disposition, part.rate, part.lot, part.counted
            )
            held = sums.setdefault(ident, [0, 0, 0])
            for number, value in enumerate((part.seconds, part.rounded, part.drawn)):
                held[number] -= value
        rules: dict[Ident, str] = {}
        for found in wanted:
            ident = found.bare
            rules[ident] = found.rule
            held = sums.setdefault(ident, [0, 0, 0])
            for number, value in enumerate((found.seconds, found.rounded, found.drawn)):
                held[number] += value
        facts = (fingerprint(entry), entry.booked) if entry is not None else ("", "")
        changes = [(ident, held) for ident, held in sums.items() if any(held)]
        there = {
            Ident(p.key._replace(sequence=0), p.disposition, p.rate, p.lot, p.counted): p
            for p in parts
        }
        rows = [(ident, held, facts) for ident, held in changes]
        for ident, held in sums.items():
            if not any(held) and ident not in rules and not _has_time(there[ident]):
                rows.append((ident, held, ("", "")))  # an entry without time, gone from here
        without = Counter[Ident]()
        for found in wanted:
            without[found.bare] += bool(found.seconds or found.rounded or found.drawn)
        for ident, count in without.items():
            known = there.get(ident)
            if not count and (known is None or _has_time(known)):
                rows.append((ident, [0, 0, 0], facts))  # ... and now it is here
        on_record = any(row_facts[0] for _, _, row_facts in rows)
        if facts[0] and rules and settled.fingerprint != facts[0] and not on_record:
            rows.append((next(iter(rules)), [0, 0, 0], facts))
        role = self._around(entry).employee.role if entry is not None else settled.role
        for ident, (seconds, rounded, drawn), row_facts in rows:
            before = there.get(ident)
            rule = rules.get(ident) or (before.rule if before is not None else parts[0].rule)
            self._correction_row(
                bound, ident, entry_id, row_facts, seconds, rounded, drawn, rule, role
            )
        return {
            (ident.key.term, ident.key.component, ident.key.period)
            for ident, _ in changes
            if ident.rate is not None
        }

    def _correction_row(
        self, bound: BoundContract, ident: Ident, entry: str, facts: tuple[str, str], seconds: int,
        rounded: int, drawn: int, rule: str, role: str,
    ) -> None:  # fmt: skip
        if not self._on_record:
            return
        used = self._entry_sequences
        place = (ident.key, entry, ident.lot)
        known = max(
            (row.key.sequence for row in self._rows_of.get(entry, ())
             if row.key._replace(sequence=0) == ident.key),
            default=-1,
        )  # fmt: skip
        # The number of the line that corrects the group, so that both are released together.
        of_group = (
            self._ledger[ident.key.contract]
            .groups.get((ident.key.term, ident.key.component, ident.key.period), {})
            .get(ident.key.group, known if ident.rate is None else 0)
        )
        number = self._line_numbers.get(place)
        if number is not None and known < number and place not in used:
            sequence = used[place] = number
        else:
            sequence = used[place] = max(known, of_group, used.get(place, -1)) + 1
        while (ident.key._replace(sequence=sequence), entry, ident.lot) in self._taken_places:
            sequence = used[place] = sequence + 1  # a rest of it that this run bills
        self.settlements.append(
            LedgerRow(
                ident.key._replace(sequence=sequence),
                entry,
                seconds,
                rounded,
                ident.disposition,
                rule,
                ident.rate,
                ident.lot,
                fingerprint=facts[0],
                booked=facts[1],
                policy=bound.policy.stamp,
                drawn=drawn,
                counted=ident.counted,
                role=role,
                customer=bound.contract.customer,
                currency=bound.contract.currency,
            )
        )

    def _correct_lines(
        self, bound: BoundContract, term: BoundTerm, component: BoundComponent, first: date
    ) -> Iterable[Line]:
        """Lines of one billed period whose time has changed."""
        code = bound.contract.code
        ledger = self._ledger[code]
        place = (term.term.id, component.id, first)
        open_ = CLOSING not in ledger.groups.get(place, {})
        if open_ and not ledger.amounts.get(place):
            return
        last = ledger.last.get(place, first)
        # Of a period that an earlier end leaves out nothing is wanted.
        period = component.bound.period(first) or Period(first, last, first, last)
        parts = [
            part
            for term_id, id_, part in self._desired[code]
            if (term_id, id_, part.period.first) == place
        ]
        wanted: dict[str, Decimal] = {}
        charges: dict[str, Charge] = {}
        for _, batch in batches(bound, parts):
            for charge in component.bound.charges(period, period.last + ONE_DAY, batch):
                amount = line_amount(charge.quantity, charge.unit_price, term.term.discount)
                wanted[charge.group] = wanted.get(charge.group, ZERO) + amount
                charges.setdefault(charge.group, charge)
        billed = {
            group: amount
            for group, amount in ledger.amounts.get(place, {}).items()
            if not component.has_balance or group.startswith(BEYOND)
        }
        for group in sorted(billed.keys() | wanted.keys()):
            key = LedgerKey(code, *place, group)
            gap = self._gap(bound, key, billed.get(group, ZERO), wanted.get(group, ZERO))
            if gap is None:
                continue
            charge = charges.get(group) or self._as_it_was(ledger, place, group, period)
            charge = charge._replace(label=corrected(charge.label))
            yield self._correction(bound, term, component, charge, key, gap, term.term.discount)
