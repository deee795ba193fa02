"""Amounts on record beside those of today, and the lines that correct them (semantics 14)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.charges.base import ONE, Charge, Label
from klausel.charges.fee import REFUND
from klausel.evidence import corrects_amount, time_amount, worth
from klausel.ledger import in_pieces
from klausel.model import LedgerKey, LedgerRow
from klausel.money import ZERO, line_amount, quantity, round_half_up, seconds_from_hours
from klausel.period import ONE_DAY, Period
from klausel.result import Line
from klausel.run.facts import CustomerFacts
from klausel.run.findings import Findings
from klausel.run.history.line import LineMaker
from klausel.run.history.numbers import Numbers
from klausel.run.history.record import History, Ledger, newest
from klausel.run.history.rows import Rows
from klausel.run.values import ITEM, OnRecord
from klausel.terms import BoundComponent, BoundContract, BoundTerm
from klausel.texts import phrase


def _put_off(charge: Charge, rows: Sequence[LedgerRow]) -> bool:
    """Whether ``rows`` of ``charge`` follow from an end that is not the end any more."""
    before = newest(rows).last
    later = charge.end is None or (before is not None and before < charge.end)
    return charge.of_end and before is not None and later


class Gap(NamedTuple):
    """What a correction adds to lines on record."""

    exact: Decimal
    shown: Decimal
    """Between the amounts as invoices show them, rounded to the currency."""


class Amounts:
    """Money on record beside what it would be today."""

    def __init__(
        self,
        facts: CustomerFacts,
        history: History,
        numbers: Numbers,
        rows: Rows,
        findings: Findings,
        maker: LineMaker,
    ) -> None:
        self._facts = facts
        self._history = history
        self._numbers = numbers
        self._rows = rows
        self._findings = findings
        self._maker = maker
        self.resold: dict[LedgerKey, int] = {}
        """By line on record: seconds that its hours are corrected to."""

    def grown(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
    ) -> Iterable[Line]:
        """What came to a line since it was billed (late facts after a settlement)."""
        ledger = self._history.ledger[bound.contract.code]
        rows = [
            row
            for row in ledger.lines.get((key.term, key.component), ())
            if row.key._replace(sequence=0) == key
        ]
        if _put_off(charge, rows):
            yield from self.compare_single(bound, term, component, charge, key)
            return
        known = sum(row.rounded for row in rows)
        more = charge.granted - known
        digits = self._facts.book.company.quantity_digits
        if more != charge.of_late and self._is_difference(charge, key, rows):
            # The rest is of no late fact: what was settled should have been another sum.
            was, now = (
                line_amount(quantity(owed, digits), charge.unit_price, term.term.discount)
                for owed in (known, charge.granted - charge.of_late)
            )
            self._findings.differ_in_money(bound, key, was, now)
            more = charge.of_late
        if more:
            sequence = max(row.key.sequence for row in rows) + 1
            charge = charge._replace(quantity=quantity(more, digits), granted=more)
            yield self._maker.line(bound, term, component, charge, key._replace(sequence=sequence))

    def _is_difference(self, charge: Charge, key: LedgerKey, rows: Sequence[LedgerRow]) -> bool:
        """Whether what is on record in ``rows`` of ``charge`` waits for an adjustment: it is of
        this end, and no line of it was released."""
        if self._facts.mode.adjusting or newest(rows).last != charge.end:
            return False
        return not any(
            row.state == "released" and row.key._replace(sequence=0) == key
            for row in self._facts.book.ledger
        )

    def compare_single(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
    ) -> Iterable[Line]:
        """A line on record that is made once: would it be the same today?"""
        ledger = self._history.ledger[bound.contract.code]
        was = ledger.amounts[key.term, key.component, key.period][key.group]
        discount = ZERO if charge.undiscounted else term.term.discount
        wanted = charge.quantity if charge.wanted is None else charge.wanted
        was = -was if charge.credit else was
        now = line_amount(wanted, charge.unit_price, discount)
        rows = [
            row
            for row in ledger.lines[key.term, key.component]
            if row.key._replace(sequence=0) == key
        ]
        if not was and not now and wanted != charge.quantity:
            self._hours_for_nothing(bound, key, charge, wanted, rows)
            return
        put_off = component.has_balance and _put_off(charge, rows)
        gap = self.gap(bound, key, -was if charge.credit else was, -now if charge.credit else now)
        if not gap and not put_off:
            return
        if charge.waits and not self._facts.mode.adjusting:
            self._findings.differ_in_end(bound, key, was, rows, charge)
            return
        granted = 0
        if charge.wanted is not None:
            granted = seconds_from_hours(wanted) - seconds_from_hours(charge.quantity)
            self.resold[key] = sum(row.rounded for row in rows) + granted
        elif charge.of_end:
            granted = charge.granted - sum(row.rounded for row in rows)
        newer = charge.of_end and newest(rows).last != charge.end
        if gap and charge.credit and newer and now > was:
            # An end that is new, or earlier, is no difference: it gives back what it brings.
            charge = charge._replace(granted=granted)
            more = Gap(-gap.exact, -gap.shown)
            yield self._further(bound, term, component, charge, key, more, discount)
            return
        if not self._facts.mode.adjusting:
            self._findings.differ_in_money(bound, key, was, now)
            return
        if not gap:
            # No money, but hours that are there again, or gone.
            key = self._numbers.next(key)
            self._rows.settle(bound, key, rounded=granted, rate=charge.unit_price, last=charge.end)
            return
        # What is given back less is owed, and the other way round.
        charge = charge._replace(granted=granted, credit=False, label=corrected(charge.label))
        yield self.correction(bound, term, component, charge, key, gap, discount)

    def _hours_for_nothing(
        self,
        bound: BoundContract,
        key: LedgerKey,
        charge: Charge,
        wanted: Decimal,
        rows: Sequence[LedgerRow],
    ) -> None:
        """Hours on record that no money tells apart: corrected all the same, or a difference."""
        if not self._facts.mode.adjusting:
            unit = " h" if charge.unit == "hour" else ""
            self._findings.differ(key, "", "terms", f"{charge.quantity}{unit}", f"{wanted}{unit}")
            return
        granted = seconds_from_hours(wanted) - seconds_from_hours(charge.quantity)
        self.resold[key] = sum(row.rounded for row in rows) + granted
        self._rows.settle(bound, self._numbers.next(key), rounded=granted, rate=charge.unit_price)

    def _further(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
        gap: Gap,
        discount: Decimal,
    ) -> Line:
        """A line that gives back ``gap`` more than is on record of ``charge``."""
        if gap.exact != line_amount(charge.quantity, charge.unit_price, discount):
            charge = self.in_pieces(bound, charge, gap, discount, ("hour", "month"))
        return self._maker.line(bound, term, component, charge, self._numbers.next(key))

    def gap(self, bound: BoundContract, key: LedgerKey, was: Decimal, now: Decimal) -> Gap | None:
        """What turns ``was``, billed on the lines of ``key``'s group, into ``now``; None where
        invoices would show no difference."""
        if was == now:
            return None
        digits = bound.money_digits
        shown = sum(
            (
                round_half_up(row.amount, digits)
                for row in self._history.ledger[key.contract].lines.get(
                    (key.term, key.component), ()
                )
                if row.amount is not None
                and (row.key.period, row.key.group) == (key.period, key.group)
            ),
            ZERO,
        )
        gap = Gap(now - was, round_half_up(now, digits) - shown)
        return gap if gap.shown else None

    def in_pieces(
        self,
        bound: BoundContract,
        charge: Charge,
        gap: Gap,
        discount: Decimal,
        units: Collection[str],
    ) -> Charge:
        """``charge`` over ``gap``: pieces at their price where that comes out even."""
        amount = gap.exact
        digits = self._facts.book.company.quantity_digits
        net = line_amount(ONE, charge.unit_price, discount)
        count = round_half_up(amount / net, digits) if net else ZERO
        even = count and line_amount(count, charge.unit_price, discount) == amount
        if even and charge.unit in units:
            return charge._replace(quantity=count, taken=())
        return charge._replace(
            quantity=ONE, unit_price=gap.shown,
            undiscounted=True, taken=(), unit="period",
        )  # fmt: skip

    def correction(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
        gap: Gap,
        discount: Decimal,
    ) -> Line:
        """A line that adds ``gap`` to what is on record: hours at their price where that comes
        out even, else the amount (semantics 14)."""
        ledger = self._history.ledger[bound.contract.code]
        rows = ledger.lines.get((key.term, key.component), ())
        original = next(
            (
                row.key
                for row in rows
                if row.key.period == key.period and row.key.group == key.group
            ),
            next((row.key for row in rows if row.key.period == key.period), None),
        )
        charge = self.in_pieces(bound, charge, gap, discount, ("hour", "piece"))
        charge = charge._replace(reverses=original)
        return self._maker.line(bound, term, component, charge, self._numbers.next(key))

    def compare_item(self, bound: BoundContract, charge: Charge, key: LedgerKey) -> Iterable[Line]:
        was = self._history.ledger[key.contract].amounts["", ITEM, key.period][key.group]
        now = line_amount(charge.quantity, charge.unit_price, ZERO)
        gap = self.gap(bound, key, was, now)
        if gap is None:
            return
        if not self._facts.mode.adjusting:
            self._findings.differ_in_money(bound, key, was, now)
            return
        charge = self.in_pieces(bound, charge, gap, ZERO, ("piece",))
        text = f"{charge.text} ({phrase(self._facts.language, 'correction')})"
        charge = charge._replace(text=text, reverses=key)
        yield self._maker.line(bound, None, None, charge, self._numbers.next(key))

    def compare_amounts(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        period: Period,
        due: date,
    ) -> Iterable[Line]:
        """A settled period of a component without time: does it still come out the same?"""
        if component.takes_time:
            return
        place = (term.term.id, component.id, period.first)
        ledger = self._history.ledger[bound.contract.code]
        billed = {
            group: amount
            for group, amount in ledger.amounts.get(place, {}).items()
            if not group.startswith(REFUND)
        }
        discount = term.term.discount
        charges = self._as_billed(ledger, place, component, period, due)
        today = {
            group: line_amount(charge.quantity, charge.unit_price, discount)
            for group, charge in charges.items()
        }
        was, now = sum(billed.values(), ZERO), sum(today.values(), ZERO)
        if was == now:
            return
        gaps = {
            group: gap
            for group in sorted(billed.keys() | today.keys())
            if (
                gap := self.gap(
                    bound,
                    LedgerKey(bound.contract.code, *place, group),
                    billed.get(group, ZERO),
                    today.get(group, ZERO),
                )
            )
        }
        if not gaps:
            return
        if not self._facts.mode.adjusting:
            key = LedgerKey(bound.contract.code, *place, "")
            self._findings.differ_in_money(bound, key, was, now)
            return
        for group, gap in gaps.items():
            charge = charges.get(group) or self.as_it_was(ledger, place, group, period)
            charge = charge._replace(unit="period", label=corrected(charge.label))
            key = LedgerKey(bound.contract.code, *place, group)
            yield self.correction(bound, term, component, charge, key, gap, discount)

    def _as_billed(
        self,
        ledger: Ledger,
        place: tuple[str, str, date],
        component: BoundComponent,
        today: Period,
        due: date,
    ) -> dict[str, Charge]:
        """Today's charges of a settled period, by group: as far as its lines were billed."""
        bound, last = component.bound, ledger.last.get(place)
        period = today if last is None else bound.as_billed(today, last)
        charges = {charge.group: charge for charge in bound.charges(period, due, ())}
        rows = ledger.lines.get((place[0], place[1]), ())
        pieces = bound.pieces(period, [row for row in rows if row.key.period == place[2]])
        if pieces is None:
            return charges
        # Some of its lines were deleted and billed again: each is compared by its own days.
        found = [
            piece if billed else piece._replace(last=min(piece.last, today.last))
            for piece, billed in pieces
            if billed or piece.first <= today.last
        ]
        return {charge.group: charge for piece in found for charge in bound.charges(piece, due, ())}

    def differing_time(self, bound: BoundContract) -> Iterable[tuple[LedgerKey, Decimal, Decimal]]:
        """Groups of lines of time that would come to another amount with today's discount: their
        key, what is on record, and what it would be. Their hours and prices are compared entry by
        entry."""
        code = bound.contract.code
        opened = self._facts.others.unbilled.get(code, set())
        digits = self._facts.book.company.quantity_digits
        parts: dict[LedgerKey, list[OnRecord]] | None = None
        for term in bound.terms:
            for component in (one for one in term.components if one.takes_time):
                groups: dict[LedgerKey, list[LedgerRow]] = {}
                for row in self._history.ledger[code].lines.get((term.term.id, component.id), ()):
                    groups.setdefault(row.key._replace(sequence=0), []).append(row)
                for key, rows in groups.items():
                    # A block's purchase may have any name: its lines are no requests.
                    pieces = component.bound.unit == "piece" and in_pieces(key)
                    if not (pieces or any(row.seconds for row in rows)):
                        continue  # no line of time
                    if (key.term, key.component, key.period) in opened:
                        continue  # of its parts some are open again
                    discount = term.term.discount
                    was = sum((row.amount or ZERO for row in rows), ZERO)
                    if not (pieces or any(corrects_amount(row) for row in rows)):
                        now = sum((time_amount(row, digits, discount) for row in rows), ZERO)
                        if was != now:
                            yield key, was, now
                        continue
                    if parts is None:
                        parts = self._history.parts_by_group(code)
                    priced = parts.get(key, [])
                    if pieces and priced and not any(part.drawn for part in priced):
                        continue  # of before it was kept which parts are a request
                    now, most = worth(rows, priced, digits, discount, pieces)
                    if abs(was - now) > most:
                        yield key, was, now

    def as_it_was(
        self, ledger: Ledger, place: tuple[str, str, date], group: str, period: Period
    ) -> Charge:
        """A charge for a group that has nothing any more, at the price on record."""
        row = next(
            row
            for row in ledger.lines[place[0], place[1]]
            if row.key.period == place[2] and row.key.group == group
        )
        label = Label(period.first, period.last)
        return Charge(period, group, period.last + ONE_DAY, label, ZERO, "hour", row.rate or ZERO)


def corrected(label: Label) -> Label:
    return label._replace(details=(*label.details, ("phrase", "correction")))
