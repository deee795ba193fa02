"""Contracts whose order of entries matters: balances, approvals, budgets, rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import partial

from klausel.approvals import NO_HOURS, NO_TERM, OVER_BUDGET
from klausel.charges.base import Account, Taken
from klausel.clerk import ELSEWHERE, Clerk, Item, Outcome, Share, never_closed
from klausel.customer.corrections import Corrections
from klausel.customer.state import NO_WHERE, OPENING, Decision, Ledger, gone
from klausel.ledger import CLOSING, SCOPE
from klausel.model import Entry, LedgerKey, in_order
from klausel.period import ONE_DAY, Period, Span
from klausel.policy.ir import Rule, text_in
from klausel.result import Balance, Notice, Part
from klausel.terms import BoundContract, BoundTerm
from klausel.verdicts import JudgingGate


class Balances(Corrections):
    """The clerk at work for one contract, and what becomes of what he finds."""

    def _open_accounts(self, bound: BoundContract) -> dict[tuple[str, str], Account]:
        ledger = self._ledger[bound.contract.code]
        found = {}
        for term in bound.terms:
            for component in term.components:
                place = (term.term.id, component.id)
                account = component.bound.open(ledger.lines.get(place, ()), self._adjust)
                if account is not None:
                    found[place] = account
        for key, seconds in self._to_resell.items():
            if key.contract == bound.contract.code and (key.term, key.component) in found:
                found[key.term, key.component].resold(key, seconds)
        return found

    def _ask_the_clerk(
        self,
        bound: BoundContract,
        accounts: dict[tuple[str, str], Account],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        code = bound.contract.code
        digits = self._book.company.quantity_digits
        gate = JudgingGate(self._others.approvals.get(code, ()), digits, bound.money_digits)
        settled = self._settled_items(bound)
        items = [*self._items[code], *settled]
        clerk = Clerk(
            bound, accounts, gate, partial(self._window, bound),
            self._closed_windows(bound), self._as_of, digits,
        )  # fmt: skip
        outcome = clerk.run(items, ordered=not settled)
        self._gates[code] = gate, clerk.budgets
        self._closed_until[code] = outcome.last_closed
        redone = self._redone[code]
        waiting: dict[str, tuple[Item, list[Share]]] = {}
        for item in items:
            if item.record:
                continue
            shares = outcome.shares.get(item.key, []) if item.done is None else []
            if item.again:
                self._take_again(bound, item, shares, taken)
            elif item.done is None:
                self._take_over(bound, item, shares, taken)
            else:
                term, component, part = item.done
                taken[term, component, part.period.first].append(part)
            if not self._on_record:
                continue
            held = [share for share in shares if share.held and share.held != ELSEWHERE]
            if redone and item.work.entry.id in redone:
                # All that waits of it takes the place of all that waited.
                waiting.setdefault(item.work.entry.id, (item, []))[1].extend(held)
            else:
                self._remember_held(bound, item, held)
        for item, held in waiting.values():
            self._remember_held(bound, item, held)
        self._settled_again(bound, items, outcome, taken)
        self._close_where_terms_begin(bound)
        self._close_between_terms(bound)
        for reached in outcome.reached:
            self._notice(
                bound, reached.watch.rule.id, reached.period, reached.at_percent, reached.on,
                text_in(reached.watch.rule.because, self._language),
            )  # fmt: skip

    def _settled_items(self, bound: BoundContract) -> list[Item]:
        """What is on record for this contract: it happens again as it happened."""
        if not self._settled:
            return []
        code = bound.contract.code
        entries = {entry.id: entry for entry in self._entries}
        found = []
        for entry_id, settled in self._settled.items():
            parts = tuple(p for p in settled.parts if p.key.contract == code and p.key.term)
            if not parts:
                continue
            if self._adjust and not self._stays_on_record(entry_id, entries):
                continue  # it is done again, or taken back
            entry = entries.get(entry_id) or gone(entry_id, parts[0].key.period)
            if not bound.span.covers(entry.date):  # it moved; its parts stay where they are
                entry = entry._replace(date=bound.span.nearest(parts[0].key.period))
            decision = self._decided.get(entry_id)
            if decision is None or decision.contract is not bound:
                around = self._around(entry)
                seen = self._see(bound, entry, around)
                rule = Rule(parts[0].rule, parts[0].disposition, {}, NO_WHERE)
                decision = Decision(bound, rule, False, seen, around)
            work = self._work(entry, decision)._replace(disposition=parts[0].disposition)
            seen = decision.seen
            waited = settled.waited_with(code)
            for counted in dict.fromkeys(part.counted for part in parts):
                some = tuple(part for part in parts if part.counted == counted)
                found.append(
                    Item(
                        work,
                        seen.requirement(some[0].disposition),
                        seen.watches(some[0].disposition),
                        record=some,
                        gated_before=settled.gated,
                        first_counted=settled.counted,
                        waited=waited is not None,
                        old_place=waited.counted if waited is not None else None,
                    )
                )
        return found

    def _stays_on_record(self, entry_id: str, entries: Mapping[str, Entry]) -> bool:
        """Whether an adjustment leaves an entry as it is."""
        here = entry_id in entries
        return entry_id in self._stays or (not here and self._is_to_come(entry_id))

    def _closed_windows(self, bound: BoundContract) -> Callable[[Span], bool]:
        """Whether a window is closed on record: a period that ends with it is."""
        ledger = self._ledger[bound.contract.code]
        if not ledger.groups:
            return never_closed
        known: dict[date, bool] = {}

        def closed(span: Span) -> bool:
            found = known.get(span.first)
            if found is None:
                found = known[span.first] = self._is_closed(bound, ledger, span)
            return found

        return closed

    def _close_where_terms_begin(self, bound: BoundContract) -> None:
        """A window that ends because a term begins, and with no period, has a row of its own."""
        code = bound.contract.code
        if not self._on_record:
            return
        for first in sorted({term.span.first for term in bound.terms}):
            if first > self._as_of or not bound.contract.span.covers(first - ONE_DAY):
                continue
            window = self._window(bound, first - ONE_DAY)
            place = ("", SCOPE, window.first)
            if window.last != first - ONE_DAY or place in self._ledger[code].groups:
                continue
            if not any(period.last == window.last for period in self._periods(bound, window.first)):
                self._settle(bound, LedgerKey(code, *place, CLOSING))

    def _close_between_terms(self, bound: BoundContract) -> None:
        """Months behind a term that took time, and with no period, have rows of their own where
        time has to pass an approval: one of them may be decided in such a month."""
        code = bound.contract.code
        ends = [
            term.span.last
            for term in bound.terms
            if term.span.last is not None and any(one.takes_time for one in term.components)
        ]
        if not (self._on_record and bound.policy.requirements and ends):
            return
        begins = {term.span.first for term in bound.terms}
        day = min(ends) + ONE_DAY
        while day < self._as_of and bound.contract.span.covers(day):
            window = self._window(bound, day)
            if window.last is None or window.last >= self._as_of:
                return
            place, after = ("", SCOPE, window.first), window.last + ONE_DAY
            known = place in self._ledger[code].groups or after in begins
            if not known and next(self._periods(bound, day), None) is None:
                self._settle(bound, LedgerKey(code, *place, CLOSING))
            day = after

    def _periods(self, bound: BoundContract, day: date) -> Iterator[Period]:
        for term in bound.terms:
            for component in term.components if term.span.covers(day) else ():
                period = component.bound.period(day) if component.takes_time else None
                if period is not None:
                    yield period

    def _is_closed(self, bound: BoundContract, ledger: Ledger, span: Span) -> bool:
        if CLOSING in ledger.groups.get(("", SCOPE, span.first), {}):
            return True
        for term in bound.terms:
            if not term.span.covers(span.first):
                continue
            for component in term.components:
                period = component.bound.period(span.first) if component.takes_time else None
                if period is None or (span.last is not None and period.last > span.last):
                    continue
                if CLOSING in ledger.groups.get((term.term.id, component.id, period.first), {}):
                    return True
        return False

    def _take_over(
        self,
        bound: BoundContract,
        item: Item,
        shares: Sequence[Share],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """What the clerk found for one entry: parts to bill, parts that wait."""
        entry = item.work.entry
        rule = self._rules[bound.contract.code, item.work.rule]
        held = [share for share in shares if share[3] and share[3] != ELSEWHERE]
        for share in shares:
            term, component, part, reason, *_ = share
            if part is not None:
                taken[term, component, part.period.first].append(part)
            elif reason == ELSEWHERE:
                self._take_elsewhere(bound, item, share)
        for share in held:
            self._hold(
                entry, bound.contract.code, rule, share.seconds, share.rounded, share.amount,
                share.held,
            )  # fmt: skip

    def _take_elsewhere(self, bound: BoundContract, item: Item, share: Share) -> None:
        """Time that another term passed on to one that has it in its opening balance."""
        entry, code = item.work.entry, bound.contract.code
        part = Part(ELSEWHERE, OPENING, share.seconds, share.rounded, code, share.term)
        self._add(entry, part)
        window = self._window(bound, entry.date)
        if window.last is not None and window.last < self._as_of:
            self._settle(
                bound,
                LedgerKey(code, share.term, OPENING, window.first, ""),
                entry,
                seconds=share.seconds,
                rounded=share.rounded,
                disposition=ELSEWHERE,
                rule=OPENING,
            )

    def _remember_held(self, bound: BoundContract, item: Item, held: Sequence[Share]) -> None:
        """Held time of closed windows goes on record, so that it is known as such later."""
        if not self._on_record:
            return
        entry = item.work.entry
        window = self._window(bound, entry.date)
        code = bound.contract.code
        before = [rest for rest in self._held_before.get(entry.id, ()) if rest.contract == code]
        if window.last is None or window.last >= self._as_of:
            # It was moved here: what waited of it does so no longer on its old day.
            for one in before if item.changed else ():
                if one.seconds or one.rounded:
                    self._put_held(bound, item, one.place, 0, 0, one)
            return
        asked = (item.waits_for, item.old_place, item.since)
        known = {rest.place: rest for rest in before if item.changed or rest.place == asked}
        places = {id(share): _place_of(item, share) for share in held}
        for place in dict.fromkeys([*known, *places.values()]):
            mine = [share for share in held if places[id(share)] == place]
            rest = known.get(place)
            seconds = sum(share.seconds for share in mine)
            rounded = sum(share.rounded for share in mine)
            same = rest is not None and (seconds, rounded) == (rest.seconds, rest.rounded)
            if not (same and mine):
                self._put_held(bound, item, place, seconds, rounded, rest)
            if mine and rest is not None and not same and not (seconds or rounded):
                self._put_held(bound, item, place, 0, 0, None)  # without time it waits, too

    def _settled_again(
        self,
        bound: BoundContract,
        items: Sequence[Item],
        outcome: Outcome,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """Parts that went on record before their period was due belong to its line."""
        mixed = set()
        for item in items:
            if not item.record:
                continue
            for share in outcome.shares.get(item.key, ()):
                part = share.taken
                if part is None:
                    continue
                if part.after is not None:
                    self._amend(part, after=part.after, turn=part.turn)
                if part.rate is not None and not self._has_line(part):
                    place = (share.term, share.component, part.period.first)
                    taken[place].append(part)
                    mixed.add(place)
        for place in mixed:
            taken[place] = in_order(taken[place], lambda part: part.work.entry)

    def _has_line(self, part: Taken) -> bool:
        """Whether the line that ``part`` of an entry was settled for is on record."""
        for found in self._settled[part.work.entry.id].parts:
            if found.number == part.number:
                return found.key in self._lines or found.key._replace(sequence=0) in self._lines
        return False

    def _show_account(self, bound: BoundContract, term: BoundTerm, account: Account) -> None:
        code = bound.contract.code
        stands = account.balances(self._as_of)
        some = [Balance(code, term.term.id, *stand, unit=account.unit) for stand in stands]
        self.balances += some
        lots = {lot.lot: lot for lot in some}
        standing: dict[tuple[str, str], Notice] = {}
        text = text_in(term.plan.title, self._language, term.plan.name)
        for found in account.notices(self._as_of):
            place = found.rule, found.lot
            if not self._is_noticed(bound, *place, found.at_percent):
                if found.ahead and found.on <= self._closed_until[code]:
                    continue  # of a lot that was entered too late for it
                self._notice(bound, *place, found.at_percent, found.on, text)
            elif _stands(lots, found.lot):
                said = Notice(code, *place, found.at_percent, found.on, text)
                known = standing.get(place, said)
                standing[place] = min(known, said, key=lambda notice: notice.at_percent)
        new = {notice[:3] for notice in self.notices}
        self.standing += [said for said in standing.values() if said[:3] not in new]


def _place_of(item: Item, share: Share) -> tuple[str, date | None, date | None]:
    """What ``share`` of ``item`` waits for, and where: before the gate as it did before."""
    if share.held in (NO_HOURS, NO_TERM, OVER_BUDGET):
        return share.held, share.place, share.since
    if item.waits_for:
        return share.held, item.old_place, item.since
    return share.held, item.counted, None


def _stands(lots: Mapping[str, Balance], name: str) -> bool:
    """Whether a notice of the lot ``name`` still says something: it has time left, and no later lot
    has."""
    lot = lots.get(name)
    if lot is None or not lot.remaining:
        return False
    first = lot.first or date.min
    return not any(other.remaining and (other.first or date.min) > first for other in lots.values())
