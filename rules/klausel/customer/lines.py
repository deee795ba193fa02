"""Charges that should exist, minus the ledger: the lines of one contract (semantics 5, 8)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from klausel.charges.base import DONE_AGAIN, DRAW, ONE, Account, Charge, Label, Taken, Work
from klausel.charges.fee import REFUND
from klausel.clerk import OnRecord
from klausel.customer.state import ITEM, NO_WHERE, OPENING, Ledger, State, batches, corrected
from klausel.evidence import corrects_amount, time_amount, worth
from klausel.ledger import CLOSING, in_pieces
from klausel.model import (
    LedgerKey,
    LedgerRow,
    made,
    natural,
)
from klausel.money import (
    ZERO,
    line_amount,
    quantity,
    round_half_up,
    seconds_from_hours,
    shortest,
)
from klausel.period import ONE_DAY, Period
from klausel.policy.ir import text_in
from klausel.result import (
    Because,
    EntryShare,
    Line,
    Part,
)
from klausel.terms import BoundComponent, BoundContract, BoundTerm
from klausel.texts import line_text, number_text, phrase

_GROUP = attrgetter("group")


def _each_once(shares: Iterable[EntryShare]) -> list[EntryShare]:
    """Pieces of one entry together: several decisions may have freed it."""
    found: dict[str, EntryShare] = {}
    for entry, seconds, rounded in shares:
        before = found.get(entry, EntryShare(entry, 0, 0))
        found[entry] = EntryShare(entry, before.seconds + seconds, before.rounded + rounded)
    return list(found.values())


def _newest(rows: Sequence[LedgerRow]) -> LedgerRow:
    return max(rows, key=lambda row: row.key.sequence)


def _put_off(charge: Charge, rows: Sequence[LedgerRow]) -> bool:
    """Whether ``rows`` of ``charge`` follow from an end that is not the end any more."""
    before = _newest(rows).last
    later = charge.end is None or (before is not None and before < charge.end)
    return charge.of_end and before is not None and later


def _on(day: date, group: str, count: Decimal, price: Decimal, text: str) -> Charge:
    """A one-off charge."""
    period = Period(day, day, day, day)
    return Charge(period, group, day, Label(day, day), count, "piece", price, text=text)


class Gap(NamedTuple):
    """What a correction adds to lines on record."""

    exact: Decimal
    shown: Decimal
    """Between the amounts as invoices show them, rounded to the currency."""


class Lines(State):
    """Lines of due periods, of charges that are made once, and what would differ today."""

    def _allocate(
        self,
        bound: BoundContract,
        work: Work,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """Offers ``work`` to the terms that take its disposition, by priority."""
        entry = work.entry
        for term in self._terms(bound, work.disposition):
            if not term.span.covers(entry.date):
                continue
            if term.billed_until is not None and entry.date <= term.billed_until:
                part = Part("billed_elsewhere", OPENING, work.seconds, work.rounded)
                self._add(entry, part._replace(contract=bound.contract.code, term=term.term.id))
                return
            for component in term.components:
                found = component.bound.take(work) if component.takes_time else None
                if found is not None:
                    taken[term.term.id, component.id, found.period.first].append(found)
                    return
        rule = self._rules[bound.contract.code, work.rule]
        self._hold(entry, bound.contract.code, rule, work.seconds, work.rounded, None, "no_term")

    def _component(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> Iterable[Line]:
        """Lines of one component's due periods that the ledger does not hold yet."""
        code = bound.contract.code
        ledger = self._ledger[code]
        singles = self._single[code]
        for period, due in component.bound.due_periods(self._as_of):
            place = (term.term.id, component.id, period.first)
            mine = taken.pop(place, [])
            known = ledger.groups.get(place, {})
            closed = CLOSING in known
            billed = ledger.amounts.get(place)
            if billed and any(
                (*place, group) not in singles and not group.startswith(REFUND) for group in billed
            ):
                self._was_due[code].add(due)
            if closed:
                mine = [part for part in mine if not part.settled]
            if closed and not mine:
                yield from self._compare_amounts(bound, term, component, period, due)
                continue
            if not mine and component.takes_time:
                self._settle(bound, LedgerKey(code, *place, CLOSING))
                continue  # nobody has worked in it
            # Kept up to date: a correction of the same run must not take a late line's key.
            groups = ledger.groups.setdefault(place, {})
            for counted, parts in batches(bound, mine):
                late = closed or counted is not None
                yield from self._batch(bound, term, component, (period, due), parts, groups, late)
            if not closed:
                self._settle(bound, LedgerKey(code, *place, CLOSING))

    def _batch(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        when: tuple[Period, date],
        parts: Sequence[Taken],
        groups: dict[str, int],
        late: bool,
    ) -> Iterable[Line]:
        """Lines of parts that are billed together; ``groups`` are those on record, kept up."""
        period, due = when
        place = (bound.contract.code, term.term.id, component.id, period.first)
        before = dict(groups)

        def key_of(group: str) -> LedgerKey:
            # Late lines never take the place of the regular one, even where there was none.
            known = before.get(group)
            sequence = (known if known is not None else (0 if late else -1)) + 1
            if sequence and not late and LedgerKey(*place, group) not in self._lines:
                sequence = 0  # even where its parts went on record before the line was due
            groups[group] = max(groups.get(group, 0), sequence)
            return made(LedgerKey, (*place, group, sequence))

        charges = [
            charge
            for open_ in self._open_pieces(bound, term, component, period)
            for charge in component.bound.charges(open_, due, parts)
            if charge.taken or charge.group not in before  # it was opened again in part
        ]
        on_lines = {id(part) for charge in charges for part in charge.taken}
        if not on_lines and not self._on_record and not any(map(_GROUP, parts)):
            self._show(bound, parts, place[1], place[2], "")  # as below, all drawn: at once
            parts = ()
        for part in parts if len(on_lines) < len(parts) else ():
            if id(part) in on_lines or part.settled:
                continue
            if (not part.group and not self._on_record) or part.number == DONE_AGAIN:
                self._show(bound, (part,), place[1], place[2], "")  # no line has its key
            else:
                group = part.group or DRAW
                key = LedgerKey(*place, group, groups[group]) if group in groups else None
                if key is None or (group in before and groups[group] == before[group]):
                    key = key_of(group)
                self._record(bound, part, key, "")
        for charge in charges:
            yield self._line(bound, term, component, charge, key_of(charge.group))

    def _open_pieces(
        self, bound: BoundContract, term: BoundTerm, component: BoundComponent, period: Period
    ) -> Sequence[Period]:
        """What of ``period`` no line on record is for."""
        if component.takes_time:
            return (period,)
        rows = self._ledger[bound.contract.code].lines.get((term.term.id, component.id), ())
        mine = [row for row in rows if row.key.period == period.first]
        pieces = component.bound.pieces(period, mine, whole=False) if mine else None
        return (period,) if pieces is None else [piece for piece, billed in pieces if not billed]

    def _singles(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        account: Account | None,
        billed: Sequence[Line] = (),
    ) -> Iterable[Line]:
        """Lines that are made once, whatever periods are closed; ``billed`` are the component's
        own lines of this run."""
        code = bound.contract.code
        ledger = self._ledger[code]
        recorded = ledger.lines.get((term.term.id, component.id), ())
        if billed:
            recorded = [
                *recorded, *(LedgerRow(ln.key, amount=ln.exact, last=ln.last) for ln in billed)
            ]  # fmt: skip
        charges = list(component.bound.singles(self._as_of, recorded))
        if account is not None:
            charges += account.singles(self._as_of)
        for charge in charges:
            if charge.due > self._as_of:
                continue
            key = LedgerKey(code, term.term.id, component.id, charge.period.first, charge.group)
            rows = [
                row
                for row in recorded
                if row.key.group == key.group
                and (row.key.period == key.period or not charge.each_period)
            ]
            if rows:
                # Its day may have been corrected since: that makes no second line.
                key = key._replace(period=rows[0].key.period)
                self._single[code].add((key.term, key.component, key.period, key.group))
                self._was_due[code].add(charge.due)
            if not rows:
                if charge.waits and not self._adjust:
                    continue
                groups = ledger.groups.get((key.term, key.component, key.period), {})
                if charge.cumulative and CLOSING in groups:
                    key = key._replace(sequence=1)  # it came of late facts
                if charge.quantity or charge.granted or not charge.cumulative:
                    yield self._line(bound, term, component, charge, key)
            elif charge.cumulative:
                yield from self._grown(bound, term, component, charge, key)
            else:
                yield from self._compare_single(bound, term, component, charge, key)

    def _grown(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
    ) -> Iterable[Line]:
        """What came to a line since it was billed (late facts after a settlement)."""
        ledger = self._ledger[bound.contract.code]
        rows = [
            row
            for row in ledger.lines.get((key.term, key.component), ())
            if row.key._replace(sequence=0) == key
        ]
        if _put_off(charge, rows):
            yield from self._compare_single(bound, term, component, charge, key)
            return
        known = sum(row.rounded for row in rows)
        more = charge.granted - known
        digits = self._book.company.quantity_digits
        if more != charge.of_late and self._is_difference(charge, key, rows):
            # The rest is of no late fact: what was settled should have been another sum.
            was, now = (
                line_amount(quantity(owed, digits), charge.unit_price, term.term.discount)
                for owed in (known, charge.granted - charge.of_late)
            )
            self._differ_in_money(bound, key, was, now)
            more = charge.of_late
        if more:
            sequence = max(row.key.sequence for row in rows) + 1
            charge = charge._replace(quantity=quantity(more, digits), granted=more)
            yield self._line(bound, term, component, charge, key._replace(sequence=sequence))

    def _is_difference(self, charge: Charge, key: LedgerKey, rows: Sequence[LedgerRow]) -> bool:
        """Whether what is on record in ``rows`` of ``charge`` waits for an adjustment: it is of
        this end, and no line of it was released."""
        if self._adjust or _newest(rows).last != charge.end:
            return False
        return not any(
            row.state == "released" and row.key._replace(sequence=0) == key
            for row in self._book.ledger
        )

    def _compare_single(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
    ) -> Iterable[Line]:
        """A line on record that is made once: would it be the same today?"""
        ledger = self._ledger[bound.contract.code]
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
        gap = self._gap(bound, key, -was if charge.credit else was, -now if charge.credit else now)
        if not gap and not put_off:
            return
        if charge.waits and not self._adjust:
            self._differ_in_end(bound, key, was, rows, charge)
            return
        granted = 0
        if charge.wanted is not None:
            granted = seconds_from_hours(wanted) - seconds_from_hours(charge.quantity)
            self.resold[key] = sum(row.rounded for row in rows) + granted
        elif charge.of_end:
            granted = charge.granted - sum(row.rounded for row in rows)
        newer = charge.of_end and _newest(rows).last != charge.end
        if gap and charge.credit and newer and now > was:
            # An end that is new, or earlier, is no difference: it gives back what it brings.
            charge = charge._replace(granted=granted)
            more = Gap(-gap.exact, -gap.shown)
            yield self._further(bound, term, component, charge, key, more, discount)
            return
        if not self._adjust:
            self._differ_in_money(bound, key, was, now)
            return
        if not gap:
            # No money, but hours that are there again, or gone.
            key = self._next(key)
            self._settle(bound, key, rounded=granted, rate=charge.unit_price, last=charge.end)
            return
        # What is given back less is owed, and the other way round.
        charge = charge._replace(granted=granted, credit=False, label=corrected(charge.label))
        yield self._correction(bound, term, component, charge, key, gap, discount)

    def _hours_for_nothing(
        self,
        bound: BoundContract,
        key: LedgerKey,
        charge: Charge,
        wanted: Decimal,
        rows: Sequence[LedgerRow],
    ) -> None:
        """Hours on record that no money tells apart: corrected all the same, or a difference."""
        if not self._adjust:
            unit = " h" if charge.unit == "hour" else ""
            self._differ(key, "", "terms", f"{charge.quantity}{unit}", f"{wanted}{unit}")
            return
        granted = seconds_from_hours(wanted) - seconds_from_hours(charge.quantity)
        self.resold[key] = sum(row.rounded for row in rows) + granted
        self._settle(bound, self._next(key), rounded=granted, rate=charge.unit_price)

    def _next(self, key: LedgerKey) -> LedgerKey:
        """``key`` with the number after the highest of its group."""
        place = (key.term, key.component, key.period)
        groups = self._ledger[key.contract].groups.setdefault(place, {})
        groups[key.group] = sequence = groups.get(key.group, 0) + 1
        return key._replace(sequence=sequence)

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
            charge = self._in_pieces(bound, charge, gap, discount, ("hour", "month"))
        return self._line(bound, term, component, charge, self._next(key))

    def _gap(self, bound: BoundContract, key: LedgerKey, was: Decimal, now: Decimal) -> Gap | None:
        """What turns ``was``, billed on the lines of ``key``'s group, into ``now``; None where
        invoices would show no difference."""
        if was == now:
            return None
        digits = bound.money_digits
        shown = sum(
            (
                round_half_up(row.amount, digits)
                for row in self._ledger[key.contract].lines.get((key.term, key.component), ())
                if row.amount is not None
                and (row.key.period, row.key.group) == (key.period, key.group)
            ),
            ZERO,
        )
        gap = Gap(now - was, round_half_up(now, digits) - shown)
        return gap if gap.shown else None

    def _in_pieces(
        self,
        bound: BoundContract,
        charge: Charge,
        gap: Gap,
        discount: Decimal,
        units: Collection[str],
    ) -> Charge:
        """``charge`` over ``gap``: pieces at their price where that comes out even."""
        amount = gap.exact
        digits = self._book.company.quantity_digits
        net = line_amount(ONE, charge.unit_price, discount)
        count = round_half_up(amount / net, digits) if net else ZERO
        even = count and line_amount(count, charge.unit_price, discount) == amount
        if even and charge.unit in units:
            return charge._replace(quantity=count, taken=())
        return charge._replace(
            quantity=ONE, unit_price=gap.shown,
            undiscounted=True, taken=(), unit="period",
        )  # fmt: skip

    def _differ_in_end(
        self,
        bound: BoundContract,
        key: LedgerKey,
        was: Decimal,
        rows: Sequence[LedgerRow],
        charge: Charge,
    ) -> None:
        """It follows from an end that is put off; what today's gives an adjustment finds out."""
        amount = format(round_half_up(was, bound.money_digits), "f")
        self._differ(
            key, "", "terms", f"{amount}, ended on {_newest(rows).last}", f"ends on {charge.end}"
        )

    def _differ_in_money(
        self, bound: BoundContract, key: LedgerKey, was: Decimal, now: Decimal
    ) -> None:
        digits = bound.money_digits
        texts = (format(round_half_up(amount, digits), "f") for amount in (was, now))
        self._differ(key, "", "amount", *texts)

    def _correction(
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
        out even, else the amount (semantics 8)."""
        ledger = self._ledger[bound.contract.code]
        rows = ledger.lines.get((key.term, key.component), ())
        original = next(
            (
                row.key
                for row in rows
                if row.key.period == key.period and row.key.group == key.group
            ),
            next((row.key for row in rows if row.key.period == key.period), None),
        )
        charge = self._in_pieces(bound, charge, gap, discount, ("hour", "piece"))
        charge = charge._replace(reverses=original)
        return self._line(bound, term, component, charge, self._next(key))

    def _one_off(self, bound: BoundContract) -> Iterable[Line]:
        """Charges on a date of their own (semantics 5, "item")."""
        code = bound.contract.code
        recorded = self._ledger[code].lines.get(("", ITEM), ())
        days = {row.key.group: row.key.period for row in recorded}
        items = sorted(
            self._others.items.get(code, ()), key=lambda row: (row.date, natural(row.id))
        )
        for item in items:
            if item.date > self._as_of:
                continue
            key = LedgerKey(code, "", ITEM, days.get(item.id, item.date), item.id)
            charge = _on(item.date, item.id, item.quantity, item.price, item.text)
            if item.id not in days:
                yield self._line(bound, None, None, charge, key)
            else:
                self._was_due[code].add(item.date)
                yield from self._compare_item(bound, charge, key)
        there = {item.id for item in items}
        for id_, day in days.items():
            if id_ not in there:
                self._was_due[code].add(day)
                charge = _on(day, id_, ZERO, ZERO, id_)
                yield from self._compare_item(bound, charge, LedgerKey(code, "", ITEM, day, id_))

    def _compare_item(self, bound: BoundContract, charge: Charge, key: LedgerKey) -> Iterable[Line]:
        was = self._ledger[key.contract].amounts["", ITEM, key.period][key.group]
        now = line_amount(charge.quantity, charge.unit_price, ZERO)
        gap = self._gap(bound, key, was, now)
        if gap is None:
            return
        if not self._adjust:
            self._differ_in_money(bound, key, was, now)
            return
        charge = self._in_pieces(bound, charge, gap, ZERO, ("piece",))
        text = f"{charge.text} ({phrase(self._language, 'correction')})"
        charge = charge._replace(text=text, reverses=key)
        yield self._line(bound, None, None, charge, self._next(key))

    def _compare_amounts(
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
        ledger = self._ledger[bound.contract.code]
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
                gap := self._gap(
                    bound,
                    LedgerKey(bound.contract.code, *place, group),
                    billed.get(group, ZERO),
                    today.get(group, ZERO),
                )
            )
        }
        if not gaps:
            return
        if not self._adjust:
            key = LedgerKey(bound.contract.code, *place, "")
            self._differ_in_money(bound, key, was, now)
            return
        for group, gap in gaps.items():
            charge = charges.get(group) or self._as_it_was(ledger, place, group, period)
            charge = charge._replace(unit="period", label=corrected(charge.label))
            key = LedgerKey(bound.contract.code, *place, group)
            yield self._correction(bound, term, component, charge, key, gap, discount)

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

    def _differing_time(self, bound: BoundContract) -> Iterable[tuple[LedgerKey, Decimal, Decimal]]:
        """Groups of lines of time that would come to another amount with today's discount: their
        key, what is on record, and what it would be. Their hours and prices are compared entry by
        entry."""
        code = bound.contract.code
        opened = self._others.unbilled.get(code, set())
        digits = self._book.company.quantity_digits
        parts: dict[LedgerKey, list[OnRecord]] | None = None
        for term in bound.terms:
            for component in (one for one in term.components if one.takes_time):
                groups: dict[LedgerKey, list[LedgerRow]] = {}
                for row in self._ledger[code].lines.get((term.term.id, component.id), ()):
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
                        parts = self._parts_by_group(code)
                    priced = parts.get(key, [])
                    if pieces and priced and not any(part.drawn for part in priced):
                        continue  # of before it was kept which parts are a request
                    now, most = worth(rows, priced, digits, discount, pieces)
                    if abs(was - now) > most:
                        yield key, was, now

    def _parts_by_group(self, code: str) -> dict[LedgerKey, list[OnRecord]]:
        """What is on record with a price."""
        found: dict[LedgerKey, list[OnRecord]] = {}
        for settled in self._settled.values():
            for part in settled.parts:
                if part.key.contract == code and part.rate is not None:
                    found.setdefault(part.key._replace(sequence=0), []).append(part)
        return found

    def _as_it_was(
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

    def _line(
        self,
        bound: BoundContract,
        term: BoundTerm | None,
        component: BoundComponent | None,
        charge: Charge,
        key: LedgerKey,
    ) -> Line:
        discount = ZERO if term is None or charge.undiscounted else term.term.discount
        exact = line_amount(charge.quantity, charge.unit_price, discount)
        label = charge.label
        if label.details:
            details = tuple([self._named(kind, value) for kind, value in label.details])
            label = Label(label.first, label.last, details)
        text_key = str(key)
        late = key.sequence > 0
        if term is None:
            description = charge.text
        else:
            title = text_in(term.plan.title, self._language, term.plan.name)
            description = line_text(title, label, self._language, late)
        shares = [made(EntryShare, (part[0][0][0], part[1], part[2])) for part in charge.taken]
        if len(shares) > 1 and len({share[0] for share in shares}) < len(shares):
            shares = _each_once(shares)
        facts = (
            key, label.first, label.last, description, label, charge.quantity, charge.unit,
            charge.unit_price, discount, exact, round_half_up(exact, bound.money_digits),
            tuple(shares),
            self._because(bound, term, component, charge), charge.credit, charge.reverses,
            charge.due, charge.beside,
        )  # fmt: skip
        line = made(Line, facts)
        if self._on_record:
            self._settle(
                bound,
                key,
                seconds=sum(part.seconds for part in charge.taken),
                rounded=charge.granted or sum(part.rounded for part in charge.taken),
                rate=charge.unit_price,
                amount=-exact if charge.credit else exact,
                last=charge.end if charge.of_end else line.last,
                quantity=-charge.quantity if charge.credit else charge.quantity,
                discount=discount or None,
            )
        self._show(bound, charge.taken, key.term, key.component, text_key)
        for part in () if self._untouched and not self._on_record else charge.taken:
            if part.settled:
                self._amend(part, line=text_key)
            elif part.number == DONE_AGAIN:
                # Its row is the correction of its entry.
                place = key._replace(sequence=0), part.work.entry.id, part.lot
                self._line_numbers[place] = key.sequence
            elif self._on_record:
                self._put_on_record(bound, part, key)
        self._due[key.contract].add(charge.due)
        if (key.term, key.component, key.period) in self._others.unbilled.get(key.contract, ()):
            self._due_again[key.contract].add(charge.due)
        return line

    def _amend(self, part: Taken, **values: Any) -> None:
        """Says more of a part that is on record: the line that it is on now, its balance."""
        place = self._places.get(part.number)
        if place is not None:  # its entry is still there
            parts = self._parts[place[0]]
            parts[place[1]] = parts[place[1]]._replace(**values)

    def _named(self, kind: str, value: str) -> tuple[str, str]:
        """A label's detail with the name that a project or ticket has today."""
        if kind == "project" and value in self._book.projects:
            return kind, self._book.projects[value].name or value
        if kind == "ticket" and value in self._book.tickets:
            return kind, self._book.tickets[value].title or value
        return kind, value

    def _because(
        self,
        bound: BoundContract,
        term: BoundTerm | None,
        component: BoundComponent | None,
        charge: Charge,
    ) -> tuple[Because, ...]:
        if term is None or component is None:
            return (Because(ITEM, "", NO_WHERE, charge.text),)
        rules = dict.fromkeys([part[0][6] for part in charge.taken])
        surcharges: dict[str, None] = {}
        if bound.policy.surcharges and charge.unit == "hour":
            price = charge.unit_price
            surcharges = dict.fromkeys(
                [id_ for part in charge.taken if part.rate == price for id_ in part.work.surcharges]
            )
        place = (bound.contract.code, term.term.id, component.id, *rules, "", *surcharges)
        found = self._reasons.get(place)
        if found is None:
            found = self._reasons_of(bound, term, component, rules)
            found = self._reasons[place] = (*found, *self._surcharged(bound, surcharges))
        return found

    def _surcharged(self, bound: BoundContract, ids: Collection[str]) -> Iterator[Because]:
        """Why a price is higher: the surcharges ``ids``, as their policy says it."""
        for found in bound.policy.surcharges:
            rule = found.rule
            if rule.id in ids:
                times = number_text(
                    found.times, len(shortest(found.times).partition(".")[2]), self._language
                )
                text = text_in(rule.because, self._language)
                text = text or phrase(self._language, "surcharge", times)
                yield Because(rule.id, rule.clause, rule.where, text, True)

    def _reasons_of(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        rules: Iterable[str],
    ) -> tuple[Because, ...]:
        """The rules that found the work of a line, else the plan."""
        plan = term.plan
        reasons = [
            Because(rule.id, rule.clause, rule.where, text_in(rule.because, self._language))
            for id_ in rules
            if (rule := self._rules.get((bound.contract.code, id_))) is not None
        ]
        if not reasons:
            text = text_in(plan.because, self._language) or text_in(plan.title, self._language)
            where = component.plan_component.where
            reasons = [Because(f"{plan.name}.{component.id}", plan.clause, where, text)]
        return tuple(reasons)

    def _open(self, bound: BoundContract, taken: dict[tuple[str, str, date], list[Taken]]) -> None:
        """Time of periods that are not over yet: shown with the day on which it is due."""
        for (term, component, _), parts in taken.items():
            self._show(bound, parts, term, component, "", open_=True)
            for part in parts if bound.stateful and self._on_record else ():
                if not part.settled and part.number != DONE_AGAIN:
                    self._record_early(bound, part, (term, component))

    def _record_early(
        self,
        bound: BoundContract,
        part: Taken,
        place: tuple[str, str],
    ) -> None:
        """What a closed window decided goes on record, though its period is not due yet."""
        work = part.work
        window = self._window(bound, work.entry.date)
        if window.last is None or window.last >= self._as_of:
            return
        group = part.group or DRAW
        key = LedgerKey(bound.contract.code, *place, part.period.first, group)
        self._put_on_record(bound, part, key)
