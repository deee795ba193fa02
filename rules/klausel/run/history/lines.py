"""Lines of due periods, and of charges that are made once (semantics 9, 10)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from operator import attrgetter

from klausel.charges.base import DONE_AGAIN, DRAW, Account, Charge, Label, Taken
from klausel.charges.fee import REFUND
from klausel.ledger import CLOSING
from klausel.model import LedgerKey, LedgerRow, made, natural
from klausel.money import ZERO
from klausel.period import Period
from klausel.result import Line
from klausel.run.facts import CustomerFacts
from klausel.run.history.amounts import Amounts
from klausel.run.history.line import LineMaker
from klausel.run.history.numbers import Numbers
from klausel.run.history.record import History
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.values import ITEM, DueDays
from klausel.run.windows import Windows
from klausel.terms import BoundComponent, BoundContract, BoundTerm

_GROUP = attrgetter("group")


def _on(day: date, group: str, count: Decimal, price: Decimal, text: str) -> Charge:
    """A one-off charge."""
    period = Period(day, day, day, day)
    return Charge(period, group, day, Label(day, day), count, "piece", price, text=text)


def batches(bound: BoundContract, parts: Sequence[Taken]) -> list[tuple[date | None, list[Taken]]]:
    """Regular parts together (none is a batch, too), late ones by the day they count behind."""
    regular: list[Taken] = []
    late: dict[date, list[Taken]] = {}
    for part in parts:
        if part.counted is None or part.counted < part.period.last:
            regular.append(part)
        else:
            late.setdefault(_busy(bound, part.counted), []).append(part)
    return [(None, regular), *sorted(late.items())]


def _busy(bound: BoundContract, day: date) -> date:
    """The last day up to ``day`` on which a term takes time: all days behind it are one place."""
    ends = []
    for term in bound.terms:
        if any(component.takes_time for component in term.components):
            if term.span.covers(day):
                return day
            if term.span.last is not None and term.span.last < day:
                ends.append(term.span.last)
    return max(ends, default=day)


class Lines:
    """Charges that should exist, minus the ledger."""

    def __init__(
        self,
        facts: CustomerFacts,
        windows: Windows,
        history: History,
        numbers: Numbers,
        rows: Rows,
        outcomes: Outcomes,
        days: DueDays,
        maker: LineMaker,
        amounts: Amounts,
    ) -> None:
        self._facts = facts
        self._windows = windows
        self._history = history
        self._numbers = numbers
        self._rows = rows
        self._outcomes = outcomes
        self._days = days
        self._maker = maker
        self._amounts = amounts
        self._single: dict[str, set[tuple[str, str, date, str]]] = defaultdict(set)
        """By contract: term, component, period and group of lines that are made once."""

    def component(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> Iterable[Line]:
        """Lines of one component's due periods that the ledger does not hold yet."""
        code = bound.contract.code
        ledger = self._history.ledger[code]
        singles = self._single[code]
        for period, due in component.bound.due_periods(self._facts.as_of):
            place = (term.term.id, component.id, period.first)
            mine = taken.pop(place, [])
            known = ledger.groups.get(place, {})
            closed = CLOSING in known
            billed = ledger.amounts.get(place)
            if billed and any(
                (*place, group) not in singles and not group.startswith(REFUND) for group in billed
            ):
                self._days.was_due[code].add(due)
            if closed:
                mine = [part for part in mine if not part.settled]
            if closed and not mine:
                yield from self._amounts.compare_amounts(bound, term, component, period, due)
                continue
            if not mine and component.takes_time:
                self._rows.settle(bound, LedgerKey(code, *place, CLOSING))
                continue  # nobody has worked in it
            # Kept up to date: a correction of the same run must not take a late line's key.
            groups = self._numbers.of(code, place)
            for counted, parts in batches(bound, mine):
                late = closed or counted is not None
                yield from self._batch(bound, term, component, (period, due), parts, groups, late)
            if not closed:
                self._rows.settle(bound, LedgerKey(code, *place, CLOSING))

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
            if sequence and not late and LedgerKey(*place, group) not in self._history.lines:
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
        if not on_lines and not self._facts.mode.recording and not any(map(_GROUP, parts)):
            self._outcomes.show(
                bound, parts, place[1], place[2], ""
            )  # as below, all drawn: at once
            parts = ()
        for part in parts if len(on_lines) < len(parts) else ():
            if id(part) in on_lines or part.settled:
                continue
            if (not part.group and not self._facts.mode.recording) or part.number == DONE_AGAIN:
                self._outcomes.show(bound, (part,), place[1], place[2], "")  # no line has its key
            else:
                group = part.group or DRAW
                key = LedgerKey(*place, group, groups[group]) if group in groups else None
                if key is None or (group in before and groups[group] == before[group]):
                    key = key_of(group)
                self._record(bound, part, key, "")
        for charge in charges:
            yield self._maker.line(bound, term, component, charge, key_of(charge.group))

    def _open_pieces(
        self, bound: BoundContract, term: BoundTerm, component: BoundComponent, period: Period
    ) -> Sequence[Period]:
        """What of ``period`` no line on record is for."""
        if component.takes_time:
            return (period,)
        rows = self._history.ledger[bound.contract.code].lines.get((term.term.id, component.id), ())
        mine = [row for row in rows if row.key.period == period.first]
        pieces = component.bound.pieces(period, mine, whole=False) if mine else None
        return (period,) if pieces is None else [piece for piece, billed in pieces if not billed]

    def singles(
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
        ledger = self._history.ledger[code]
        recorded = ledger.lines.get((term.term.id, component.id), ())
        if billed:
            recorded = [
                *recorded, *(LedgerRow(ln.key, amount=ln.exact, last=ln.last) for ln in billed)
            ]  # fmt: skip
        charges = list(component.bound.singles(self._facts.as_of, recorded))
        if account is not None:
            charges += account.singles(self._facts.as_of)
        for charge in charges:
            if charge.due > self._facts.as_of:
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
                self._days.was_due[code].add(charge.due)
            if not rows:
                if charge.waits and not self._facts.mode.adjusting:
                    continue
                groups = ledger.groups.get((key.term, key.component, key.period), {})
                if charge.cumulative and CLOSING in groups:
                    key = key._replace(sequence=1)  # it came of late facts
                if charge.quantity or charge.granted or not charge.cumulative:
                    yield self._maker.line(bound, term, component, charge, key)
            elif charge.cumulative:
                yield from self._amounts.grown(bound, term, component, charge, key)
            else:
                yield from self._amounts.compare_single(bound, term, component, charge, key)

    def one_off(self, bound: BoundContract) -> Iterable[Line]:
        """Charges on a date of their own (semantics 10.8)."""
        code = bound.contract.code
        recorded = self._history.ledger[code].lines.get(("", ITEM), ())
        days = {row.key.group: row.key.period for row in recorded}
        items = sorted(
            self._facts.others.items.get(code, ()), key=lambda row: (row.date, natural(row.id))
        )
        for item in items:
            if item.date > self._facts.as_of:
                continue
            key = LedgerKey(code, "", ITEM, days.get(item.id, item.date), item.id)
            charge = _on(item.date, item.id, item.quantity, item.price, item.text)
            if item.id not in days:
                yield self._maker.line(bound, None, None, charge, key)
            else:
                self._days.was_due[code].add(item.date)
                yield from self._amounts.compare_item(bound, charge, key)
        there = {item.id for item in items}
        for id_, day in days.items():
            if id_ not in there:
                self._days.was_due[code].add(day)
                charge = _on(day, id_, ZERO, ZERO, id_)
                yield from self._amounts.compare_item(
                    bound, charge, LedgerKey(code, "", ITEM, day, id_)
                )

    def open_parts(
        self, bound: BoundContract, taken: dict[tuple[str, str, date], list[Taken]]
    ) -> None:
        """Time of periods that are not over yet: shown with the day on which it is due."""
        for (term, component, _), parts in taken.items():
            self._outcomes.show(bound, parts, term, component, "", open_=True)
            for part in parts if bound.stateful and self._facts.mode.recording else ():
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
        window = self._windows.window(bound, work.entry.date)
        if window.last is None or window.last >= self._facts.as_of:
            return
        group = part.group or DRAW
        key = LedgerKey(bound.contract.code, *place, part.period.first, group)
        self._rows.put_on_record(bound, part, key)

    def _record(self, bound: BoundContract, part: Taken, key: LedgerKey, line: str) -> None:
        """A part that this run bills (or settles at zero): shown, and put on record."""
        self._outcomes.show(bound, (part,), key.term, key.component, line)
        if self._facts.mode.recording:
            self._rows.put_on_record(bound, part, key)
