"""Adjustments: what is on record becomes what it would be with today's facts (semantics 14)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from klausel.charges.base import Charge
from klausel.charges.stock import BEYOND
from klausel.ledger import CLOSING
from klausel.model import Entry, LedgerKey, LedgerRow
from klausel.money import ZERO, line_amount
from klausel.period import ONE_DAY, Period
from klausel.result import Line
from klausel.run.facts import CustomerFacts
from klausel.run.findings import Findings
from klausel.run.handed import Handed
from klausel.run.history.amounts import Amounts, corrected
from klausel.run.history.line import LineMaker
from klausel.run.history.lines import batches
from klausel.run.history.numbers import Numbers
from klausel.run.history.record import History, Settled, without_a_term
from klausel.run.history.rows import Rows
from klausel.run.scope.around import Surroundings
from klausel.run.values import Ident, OnRecord, Wanted, fingerprint, said
from klausel.terms import BoundComponent, BoundContract, BoundTerm


def _has_time(part: OnRecord) -> bool:
    return bool(part.seconds or part.rounded or part.drawn)


class Corrections:
    """Rows and lines that bring the record to what it would be."""

    def __init__(
        self,
        facts: CustomerFacts,
        around: Surroundings,
        history: History,
        numbers: Numbers,
        rows: Rows,
        findings: Findings,
        handed: Handed,
        wanted: Wanted,
        maker: LineMaker,
        amounts: Amounts,
    ) -> None:
        self._facts = facts
        self._around = around
        self._history = history
        self._numbers = numbers
        self._rows = rows
        self._findings = findings
        self._handed = handed
        self._wanted = wanted
        self._maker = maker
        self._amounts = amounts
        self.taken_back: set[str] = set()
        """Entries of nobody here that an adjustment took back as a whole."""
        self._given: dict[tuple[LedgerKey, str, str], int] = {}
        """By group, entry and lot: the last number that was given."""

    def corrections(self, bound: BoundContract) -> list[Line]:
        """Rows that bring entries on record to what they would be, and the lines of them."""
        code = bound.contract.code
        changed: set[tuple[str, str, date]] = set()
        discounted = [key for key, _, _ in self._amounts.differing_time(bound)]
        entries = {entry.id: entry for entry in self._facts.entries}
        for entry_id, settled in self._history.settled.items():
            mine = [part for part in settled.parts if part.key.contract == code]
            gone = without_a_term(bound, mine)
            if gone:
                was = {(code, part.disposition, part.rate) for part in gone}
                missing = ", ".join(sorted({part.key.term for part in gone}))
                self._findings.differ(
                    settled.key, entry_id, "terms", said(was), f"{code} has no term {missing}"
                )
                self._wanted.parts[code] = [
                    one for one in self._wanted.parts[code] if one[2].work.entry.id != entry_id
                ]
            elif entry_id in self._handed.stays:
                continue
            elif mine and not (entry_id not in entries and self._history.is_to_come(entry_id)):
                wanted = self._wanted.idents[code].get(entry_id, [])
                entry = entries.get(entry_id)
                changed |= self._correct_entry(bound, entry_id, entry, settled, mine, wanted)
                if entry is None:
                    self.taken_back.add(entry_id)
        changed |= {(key.term, key.component, key.period) for key in discounted}
        self.sweep(code)
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

    def sweep(self, code: str) -> None:
        """Takes back what waits on record and waits no more: its entry is gone, written off,
        included, or another contract's. Of one that is billed in part, only where the record is
        done again."""
        asked = {piece.work.entry.id for piece in self._handed.pieces[code]}
        entries: dict[str, Entry] | None = None
        for entry_id, rests in self._history.waiting.items():
            mine = [rest for rest in rests if rest.contract == code]
            if not mine or entry_id in asked or (code, entry_id) in self._rows.left_alone:
                continue
            if entry_id in self._history.settled and not self._facts.mode.adjusting:
                continue
            if entries is None:
                entries = {entry.id: entry for entry in self._facts.entries}
            entry = entries.get(entry_id)
            if entry is None and self._history.is_to_come(entry_id):
                continue
            facts = fingerprint(entry) if entry is not None else ""
            self._rows.waits_no_more(entry_id, facts, mine)

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
        role = self._around.around(entry).employee.role if entry is not None else settled.role
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
        if not self._facts.mode.recording:
            return
        used = self._given
        place = (ident.key, entry, ident.lot)
        known = max(
            (row.key.sequence for row in self._history.rows_of.get(entry, ())
             if row.key._replace(sequence=0) == ident.key),
            default=-1,
        )  # fmt: skip
        # The number of the line that corrects the group, so that both are released together.
        of_group = self._numbers.of(
            ident.key.contract, (ident.key.term, ident.key.component, ident.key.period)
        ).get(ident.key.group, known if ident.rate is None else 0)
        number = self._maker.numbers.get(place)
        if number is not None and known < number and place not in used:
            sequence = used[place] = number
        else:
            sequence = used[place] = max(known, of_group, used.get(place, -1)) + 1
        while self._rows.is_taken(ident.key._replace(sequence=sequence), entry, ident.lot):
            sequence = used[place] = sequence + 1  # a rest of it that this run bills
        self._rows.put(
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
        ledger = self._history.ledger[code]
        place = (term.term.id, component.id, first)
        open_ = CLOSING not in ledger.groups.get(place, {})
        if open_ and not ledger.amounts.get(place):
            return
        last = ledger.last.get(place, first)
        # Of a period that an earlier end leaves out nothing is wanted.
        period = component.bound.period(first) or Period(first, last, first, last)
        parts = [
            part
            for term_id, id_, part in self._wanted.parts[code]
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
            gap = self._amounts.gap(bound, key, billed.get(group, ZERO), wanted.get(group, ZERO))
            if gap is None:
                continue
            charge = charges.get(group) or self._amounts.as_it_was(ledger, place, group, period)
            charge = charge._replace(label=corrected(charge.label))
            yield self._amounts.correction(
                bound, term, component, charge, key, gap, term.term.discount
            )
