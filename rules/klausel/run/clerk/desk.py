"""Contracts whose order of entries matters: balances, approvals, budgets, rounding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial

from klausel.adjustments.threshold import Budgets
from klausel.approvals import NO_HOURS, NO_TERM, OVER_BUDGET
from klausel.charges.base import Account, Taken
from klausel.model import Entry, in_order
from klausel.policy.ir import Rule, text_in
from klausel.run.clerk.calendar import Calendar
from klausel.run.clerk.clerk import Clerk
from klausel.run.clerk.closing import ClosedWindows
from klausel.run.clerk.piece import Decided, Piece, Recorded, Share
from klausel.run.clerk.take_up import TakeUp
from klausel.run.facts import CustomerFacts
from klausel.run.findings import Findings
from klausel.run.handed import Handed
from klausel.run.history.record import History
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.scope.around import Surroundings
from klausel.run.values import ELSEWHERE, NO_WHERE, Decision, gone
from klausel.run.windows import Windows
from klausel.terms import BoundContract
from klausel.verdicts import JudgingGate


def _place_of(piece: Piece, share: Share) -> tuple[str, date | None, date | None]:
    """What ``share`` of ``piece`` waits for, and where: before the gate as it did before."""
    if share.held in (NO_HOURS, NO_TERM, OVER_BUDGET):
        return share.held, share.place, share.since
    if piece.origin.waits_for:
        return share.held, piece.origin.old_place, piece.origin.since
    return share.held, piece.counted, None


class ContractDesk:
    """The clerk at work for contracts whose order of entries matters."""

    def __init__(
        self,
        facts: CustomerFacts,
        around: Surroundings,
        windows: Windows,
        history: History,
        rows: Rows,
        outcomes: Outcomes,
        findings: Findings,
        handed: Handed,
        take_up: TakeUp,
        closing: ClosedWindows,
    ) -> None:
        self._facts = facts
        self._around = around
        self._windows = windows
        self._history = history
        self._rows = rows
        self._outcomes = outcomes
        self._findings = findings
        self._handed = handed
        self._take_up = take_up
        self._closing = closing
        self.gates: dict[str, tuple[JudgingGate, Budgets]] = {}
        """By contract: approvals and budgets as they stand when its time is done."""
        self.closed_until: dict[str, date] = {}
        """By contract: the last day that is closed on record."""

    def open_accounts(self, bound: BoundContract) -> dict[tuple[str, str], Account]:
        ledger = self._history.ledger[bound.contract.code]
        found = {}
        for term in bound.terms:
            for component in term.components:
                place = (term.term.id, component.id)
                account = component.bound.open(
                    ledger.lines.get(place, ()), self._facts.mode.adjusting
                )
                if account is not None:
                    found[place] = account
        for key, seconds in self._facts.to_resell.items():
            if key.contract == bound.contract.code and (key.term, key.component) in found:
                found[key.term, key.component].resold(key, seconds)
        return found

    def ask(
        self,
        bound: BoundContract,
        accounts: dict[tuple[str, str], Account],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        code = bound.contract.code
        digits = self._facts.book.company.quantity_digits
        gate = JudgingGate(self._facts.others.approvals.get(code, ()), digits, bound.money_digits)
        settled = self._settled_pieces(bound)
        pieces = [*self._handed.pieces[code], *settled]
        calendar = Calendar(
            bound, partial(self._windows.window, bound), self._closing.windows(bound),
            self._facts.as_of,
        )  # fmt: skip
        clerk = Clerk(bound, accounts, gate, calendar, digits)
        outcome = clerk.run(pieces, ordered=not settled)
        self.gates[code] = gate, clerk.budgets
        self.closed_until[code] = outcome.last_closed
        redone = self._handed.redone[code]
        waiting: dict[str, tuple[Piece, list[Share]]] = {}
        for piece in pieces:
            if piece.origin.record:
                continue
            shares = outcome.shares.get(piece.key, []) if piece.done is None else []
            if piece.origin.again:
                self._take_up.take_again(bound, piece, shares, taken)
            elif piece.done is None:
                self._take_up.take_over(bound, piece, shares, taken)
            else:
                term, component, part = piece.done
                taken[term, component, part.period.first].append(part)
            if not self._facts.mode.recording:
                continue
            held = [share for share in shares if share.held and share.held != ELSEWHERE]
            if redone and piece.work.entry.id in redone:
                # All that waits of it takes the place of all that waited.
                waiting.setdefault(piece.work.entry.id, (piece, []))[1].extend(held)
            else:
                self._remember_held(bound, piece, held)
        for piece, held in waiting.values():
            self._remember_held(bound, piece, held)
        self._settled_again(bound, pieces, outcome, taken)
        self._closing.where_terms_begin(bound)
        self._closing.between_terms(bound)
        for reached in outcome.reached:
            self._findings.notice(
                bound, reached.watch.rule.id, reached.period, reached.at_percent, reached.on,
                text_in(reached.watch.rule.because, self._facts.language),
            )  # fmt: skip

    def _settled_pieces(self, bound: BoundContract) -> list[Piece]:
        """What is on record for this contract: it happens again as it happened."""
        if not self._history.settled:
            return []
        code = bound.contract.code
        entries = {entry.id: entry for entry in self._facts.entries}
        found = []
        for entry_id, settled in self._history.settled.items():
            parts = tuple(p for p in settled.parts if p.key.contract == code and p.key.term)
            if not parts:
                continue
            if self._facts.mode.adjusting and not self._stays_on_record(entry_id, entries):
                continue  # it is done again, or taken back
            entry = entries.get(entry_id) or gone(entry_id, parts[0].key.period)
            if not bound.span.covers(entry.date):  # it moved; its parts stay where they are
                entry = entry._replace(date=bound.span.nearest(parts[0].key.period))
            decision = self._handed.decided.get(entry_id)
            if decision is None or decision.contract is not bound:
                around = self._around.around(entry)
                seen = self._around.see(bound, entry, around)
                rule = Rule(parts[0].rule, parts[0].disposition, {}, NO_WHERE)
                decision = Decision(bound, rule, False, seen, around)
            work = self._around.work(entry, decision)._replace(disposition=parts[0].disposition)
            seen = decision.seen
            waited = settled.waited_with(code)
            for counted in dict.fromkeys(part.counted for part in parts):
                some = tuple(part for part in parts if part.counted == counted)
                found.append(
                    Piece(
                        work,
                        seen.requirement(some[0].disposition),
                        seen.watches(some[0].disposition),
                        origin=Recorded(
                            some,
                            settled.gated,
                            settled.counted,
                            waited=waited is not None,
                            old_place=waited.counted if waited is not None else None,
                        ),
                    )
                )
        return found

    def _stays_on_record(self, entry_id: str, entries: Mapping[str, Entry]) -> bool:
        """Whether an adjustment leaves an entry as it is."""
        here = entry_id in entries
        return entry_id in self._handed.stays or (not here and self._history.is_to_come(entry_id))

    def _remember_held(self, bound: BoundContract, piece: Piece, held: Sequence[Share]) -> None:
        """Held time of closed windows goes on record, so that it is known as such later."""
        if not self._facts.mode.recording:
            return
        entry = piece.work.entry
        window = self._windows.window(bound, entry.date)
        code = bound.contract.code
        before = [rest for rest in self._history.waiting.get(entry.id, ()) if rest.contract == code]
        if window.last is None or window.last >= self._facts.as_of:
            # It was moved here: what waited of it does so no longer on its old day.
            for one in before if piece.origin.changed else ():
                if one.seconds or one.rounded:
                    self._rows.put_held(bound, piece.work, one.place, 0, 0, one)
            return
        asked = (piece.origin.waits_for, piece.origin.old_place, piece.origin.since)
        known = {rest.place: rest for rest in before if piece.origin.changed or rest.place == asked}
        places = {id(share): _place_of(piece, share) for share in held}
        for place in dict.fromkeys([*known, *places.values()]):
            mine = [share for share in held if places[id(share)] == place]
            rest = known.get(place)
            seconds = sum(share.seconds for share in mine)
            rounded = sum(share.rounded for share in mine)
            same = rest is not None and (seconds, rounded) == (rest.seconds, rest.rounded)
            if not (same and mine):
                self._rows.put_held(bound, piece.work, place, seconds, rounded, rest)
            if mine and rest is not None and not same and not (seconds or rounded):
                # Without time it waits, too.
                self._rows.put_held(bound, piece.work, place, 0, 0, None)

    def _settled_again(
        self,
        bound: BoundContract,
        pieces: Sequence[Piece],
        outcome: Decided,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """Parts that went on record before their period was due belong to its line."""
        mixed = set()
        for piece in pieces:
            if not piece.origin.record:
                continue
            for share in outcome.shares.get(piece.key, ()):
                part = share.taken
                if part is None:
                    continue
                if part.after is not None:
                    self._outcomes.amend(part, after=part.after, turn=part.turn)
                if part.rate is not None and not self._history.has_line(part):
                    place = (share.term, share.component, part.period.first)
                    taken[place].append(part)
                    mixed.add(place)
        for place in mixed:
            taken[place] = in_order(taken[place], lambda part: part.work.entry)
