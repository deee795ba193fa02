"""The clerk: one contract's time, day by day, never looking back (semantics 4).

Works window by window: who may pass is asked in the order of days, what passes is rounded by its
group, cut at limits and budgets, and offered to the terms. What is on record already is not
decided again: it is taken as it was, in its old place.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import partial

from klausel.adjustments.threshold import Budgets
from klausel.approvals import NOTHING_KEPT, Gate, Used
from klausel.charges.base import Account
from klausel.model import Entry, in_order
from klausel.period import ONE_DAY, Span
from klausel.run.clerk.asking import Asking, give
from klausel.run.clerk.calendar import Calendar, DayWindow, never_closed
from klausel.run.clerk.groups import Groups
from klausel.run.clerk.passing import Passing
from klausel.run.clerk.piece import FRESH, Decided, Piece, Place, refused
from klausel.run.clerk.routes import Routes
from klausel.run.clerk.taking import Taking
from klausel.terms import BoundContract


def _order(piece: Piece) -> tuple[date, int, bool]:
    """The queue: by the day that counts, then by the entry's date and id; of one entry what is
    on record stands before what still waits."""
    return piece.decisive, piece.rank, not piece.origin.record


def _late_order(done_again: bool, piece: Piece) -> tuple[bool, bool, int, date, int, bool]:
    """What earlier runs did is done, in the order of the ledger; later facts find what they left.
    What waits at a place stands before what has passed there, as hours that come back are not for
    it, and where it is ``done_again`` behind it."""
    if done_again:
        return piece.is_new, not piece.origin.again and piece.origin.held_before, 0, *_order(piece)
    recorded = (
        piece.origin.record[0].number
        if piece.origin.record
        else piece.origin.began
        if piece.through
        else 0
    )
    return piece.is_new, not piece.through, recorded, *_order(piece)


def _as_recorded(piece: Piece) -> int:
    """What came late stands behind the rest, as it came."""
    late = piece.origin.record and piece.origin.record[0].counted is not None
    return piece.origin.record[0].number + 1 if late else 0


class Clerk:
    """One simulation of a contract. Made new for each."""

    def __init__(
        self,
        bound: BoundContract,
        accounts: Mapping[Place, Account],
        gate: Gate,
        calendar: Calendar,
        quantity_digits: int,
    ) -> None:
        self._bound = bound
        self._accounts = accounts
        self._gate = gate
        self._calendar = calendar
        self._routes = Routes(bound, accounts)
        self._asking = Asking(gate, calendar, self._routes)
        self._groups = Groups(bound.policy.rounding, calendar, self._asking)
        self._last_closed = date.min
        self._back_behind_the_end: dict[str, Used] = {}
        """Room that came back there, on record: all windows are one there."""
        self._taking = Taking(self._routes, accounts, gate, calendar, bound)
        self._passing = Passing(
            gate, self._routes, self._taking, Budgets(quantity_digits, bound.money_digits)
        )

    @property
    def budgets(self) -> Budgets:
        """What is counted so far."""
        return self._passing.budgets

    def run(self, pieces: Iterable[Piece], ordered: bool = False) -> Decided:
        """What becomes of ``pieces``, all of the contract's entries that are not settled free.

        They are sorted unless they are ``ordered`` already.
        """
        everything = list(pieces) if ordered else in_order(pieces, lambda piece: piece.work.entry)
        if self._goes_straight(everything):
            self._groups.round_alone(everything)
            for piece in everything:
                piece.decisive = piece.work.entry.date
                self._taking.take_usual(piece)
        else:
            self._do_windows(everything)
        for account in self._accounts.values():
            account.morning(self._calendar.as_of)
        self._taking.collect_paid()
        reached = list(self._passing.budgets.reached.values())
        return Decided(self._taking.shares, reached, self._last_closed)

    def _goes_straight(self, pieces: Sequence[Piece]) -> bool:
        """Whether windows mean nothing: all passes in its own place, each entry by itself, and
        windows follow each other as days do."""
        rule, whole = self._bound.policy.rounding, self._bound.span
        if self._calendar.is_closed is not never_closed or (
            rule is not None and rule.per != "entry"
        ):
            return False
        if any(term.span != whole for term in self._bound.terms):
            return False
        return not any(piece.watches or not piece.plain for piece in pieces)

    def _do_windows(self, everything: Sequence[Piece]) -> None:
        """Window by window, as time went by."""
        before: Entry | None = None
        rank = 0
        naturals: dict[date, list[Piece]] = {}
        for number, piece in enumerate(everything):
            entry = piece.work.entry
            day = entry.date
            if before is None or before.id != entry.id or before.date != day:
                rank = number  # pieces of one entry have the same
            piece.rank = rank
            piece.decisive = piece.origin.since or day
            if piece.origin is FRESH:
                pass  # nothing of it is on record
            elif piece.origin.record:
                self._taking.expect(piece)
            elif piece.origin.drew:
                for part in piece.origin.drew:
                    account = self._accounts.get((part.key.term, part.key.component))
                    if account is not None:
                        account.do_again(part.lot, part.drawn, entry)
            elif piece.origin.stuck and piece.work.rounded < 0:
                for account in self._accounts.values():
                    account.wait_on_record(entry)
            here = naturals.get(day)
            if here is None:
                here = naturals[day] = self._calendar.at(self._calendar.window(day)).natural
            here.append(piece)
            before = entry
        self._last_closed = self._calendar.closed_until(everything)
        known = [
            piece
            for piece in everything
            if piece.watches and (piece.origin.record or piece.origin.stuck)
        ]
        for piece in sorted(known, key=_as_recorded):
            self._passing.count_passed(piece)
        kept: list[Piece] = []
        for piece in everything if self._bound.policy.requirements else ():
            self._schedule_retries(piece)
            if piece.has_passed and piece.origin.again and piece.requirement is not None:
                kept.append(piece)
        for piece in sorted(kept, key=self._as_passed):
            # What has passed keeps its room, whatever is asked before it.
            rooms = self._asking.rooms_of_settled(piece)
            if rooms:
                worth = self._routes.worth(piece.work, piece.counted)
                self._gate.use_on_record(rooms, piece.work.entry.id, piece.origin.passed, worth)
        pending: list[Piece] = []
        done: set[date] = set()
        days = sorted(self._calendar.windows)
        while days:
            done.add(days[0])
            count = len(self._calendar.windows)
            pending = self._do_window(self._calendar.windows[days[0]], pending)
            # A window may open further ones: for what waits, or came late.
            days = (
                days[1:]
                if len(self._calendar.windows) == count
                else sorted(self._calendar.windows.keys() - done)
            )
        for piece in pending:
            self._taking.hold_at_gate(piece)

    def _as_passed(self, piece: Piece) -> tuple[date, bool]:
        """What is done again in the order in which it passed: what was taken back since gave its
        room to what came after it, and not to what comes now."""
        if piece.counted is None:
            return self._calendar.window(piece.work.entry.date).first, True
        return piece.counted + ONE_DAY, False

    def _schedule_retries(self, piece: Piece) -> None:
        for day in self._asking.later_decisions(piece):
            span = self._calendar.window_or_none(day)
            self._calendar.at(span if span is not None else Span(day, day))

    def _do_window(self, window: DayWindow, waiting: list[Piece]) -> list[Piece]:
        """Passes what may pass; gives back what still waits for an approval."""
        if self._is_usual(window, waiting):
            self._groups.round_alone(window.natural)
            for piece in window.natural:
                if piece.watches:
                    self._passing.process(piece, None)
                else:
                    self._taking.take_usual(piece)
            return []
        still: list[Piece] = []
        over = not self._bound.contract.span.covers(window.span.first)
        back = self._back_behind_the_end if over else {}
        late, window.late = window.late, []
        self._do_late(late, window, still, back)
        passed, unasked = self._asking.ask(window, waiting, back)
        still += unasked
        here: list[Piece] = []
        closed = self._calendar.is_closed(window.span)
        for piece in passed:
            self._place(piece, window, here, closed)
        self._groups.remember(window)
        here.sort(key=_order)
        self._groups.round_window(window.span, here)
        while window.late:
            late, window.late = window.late, []
            self._do_late(late, window, still, back)
        number = 0
        while number < len(here):
            for rest in self._passing.process(here[number], None):
                # What a limit cut off is tried again with each later approval.
                if self._asking.passes_later(rest, window.span):
                    insort(here, rest, lo=number + 1, key=_order)
                else:
                    still.append(rest)
            number += 1
        return self._ask_behind(window.span, still)

    def _ask_behind(self, span: Span, still: list[Piece]) -> list[Piece]:
        """What has found no room is asked again behind the last day of a window that is over, as
        room may have come back in it; gives back what waits on. Earlier runs asked where it is
        closed (semantics 7)."""
        last = span.last
        if last is None or last >= self._calendar.as_of or not still:
            return still
        if self._calendar.is_closed(span) or not self._bound.contract.span.covers(span.first):
            return still  # behind the end all is one window, and never over
        left = []
        for piece in still:
            asks = piece.requirement is not None and not piece.origin.again
            if asks and self._asking.passes_on(piece, last):
                behind = min(last, self._bound.contract.end or last)
                self._calendar.after(last).late.append(
                    replace(
                        piece, origin=refused(piece.origin), decisive=last, counted=behind,
                        adds_to_group=False,
                    )
                )  # fmt: skip
            else:
                left.append(piece)
        return left

    def _do_late(
        self, late: list[Piece], window: DayWindow, still: list[Piece], back: dict[str, Used]
    ) -> None:
        """What comes behind all that was before ``window``. What a limit cuts off is late again
        where a later approval of the window frees it, and ``still`` waits otherwise. What is on
        record here and came ``back`` was not there for what earlier runs have asked."""
        order = partial(_late_order, any(piece.origin.again for piece in late))
        queue = sorted(late, key=order)
        number = 0
        while number < len(queue):
            piece = queue[number]
            number += 1
            kept = back if piece.asked_before else NOTHING_KEPT
            used_up = piece.is_new and piece.requirement is not None and not piece.has_room(kept)
            if not used_up:
                self._groups.round_late(piece)
            known = piece.origin.record or piece.through
            before = [(room, room.left) for room in piece.rooms] if known else ()
            rests = [piece] if used_up else self._passing.process(piece, piece.behind, kept)
            for room, left in before:
                give(back, room.approval.id, room.left, left)
            for rest in rests:
                if self._asking.passes_later(rest, window.span):
                    rest.counted = piece.counted
                    if rest.counted is not None and rest.decisive > rest.counted:
                        rest.adds_to_group = False
                    insort(queue, rest, lo=number, key=order)
                else:
                    still.append(rest)

    def _is_usual(self, window: DayWindow, waiting: Sequence[Piece]) -> bool:
        """Whether all in ``window`` passes in its own place, and nothing of it is on record."""
        if waiting or window.late or self._calendar.is_closed is not never_closed:
            return False
        for piece in window.natural:  # as Piece.plain, at once
            if (
                piece.requirement is not None
                or piece.origin.record
                or piece.origin.again
                or not piece.validated
            ):
                return False
        return True

    def _place(self, piece: Piece, window: DayWindow, here: list[Piece], closed: bool) -> None:
        """Where in the queue ``piece`` stands (semantics 4)."""
        own = piece.work.entry.date
        if piece.origin.record:
            piece.counted = piece.origin.record[-1].counted
            stands = piece.place_of(piece.origin.record[-1])
            if stands is None:
                here.append(piece)
            else:
                self._calendar.after(stands).late.append(piece)
        elif (
            piece.origin.again
            and (piece.origin.old_place if piece.origin.waited else piece.counted) is not None
        ):
            place = piece.origin.old_place if piece.origin.waited else piece.counted
            assert place is not None
            piece.adds_to_group = not (piece.origin.gated_before or self._asking.was_freed(piece))
            after = self._calendar.after(place)
            (after if after.span.first > window.span.first else window).late.append(piece)
        elif piece.has_passed or (
            piece.origin.again and self._calendar.window(own).first == window.span.first
        ):
            here.append(piece)
        elif closed and not piece.origin.again and piece.through:
            piece.counted = self._last_closed
            if piece.origin.old_place is None:
                here.append(piece)
            else:
                self._calendar.after(piece.origin.old_place).late.append(piece)
        elif closed and not piece.origin.again and not piece.origin.reopened:
            piece.counted = self._last_closed
            piece.adds_to_group = not piece.origin.held_before
            self._calendar.after(self._last_closed).late.append(piece)
        elif self._calendar.window(own).first != window.span.first:
            # Behind the contract's end all windows are one.
            behind = window.span.first - ONE_DAY
            piece.counted = min(behind, self._bound.contract.end or behind)
            window.late.append(piece)
        else:
            here.append(piece)
