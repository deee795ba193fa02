"""The gate: approvals that pieces need (semantics 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from klausel.approvals import NOTHING, Gate, Room, Shown, Used
from klausel.money import ZERO, multiply
from klausel.period import Span
from klausel.run.clerk.calendar import Calendar, DayWindow
from klausel.run.clerk.piece import Piece
from klausel.run.clerk.routes import Routes


def give(back: dict[str, Used], approval: str, now: Used, before: Used) -> None:
    """Adds to ``back`` what an approval has ``now`` more than ``before``."""
    more = Used(now[0] - before[0], now[1] - before[1], now[2] - before[2])
    if more.seconds > 0 or more.worth > 0:
        add(back, approval, more)


def add(used: dict[str, Used], approval: str, more: Used) -> None:
    """Adds to what is ``used`` of an approval."""
    known = used.get(approval, NOTHING)
    used[approval] = Used(known[0] + more[0], known[1] + more[1], known[2] + more[2])


class Asking:
    """Asks who may pass, in the order of days."""

    def __init__(self, gate: Gate, calendar: Calendar, routes: Routes) -> None:
        self._gate = gate
        self._calendar = calendar
        self._routes = routes

    def ask(
        self, window: DayWindow, waiting: list[Piece], back: Mapping[str, Used]
    ) -> tuple[list[Piece], list[Piece]]:
        """The gate, in the order of days: first tries of this window, further tries of others.
        What came ``back`` on record was not there for what earlier runs have asked."""
        if not waiting and all(piece.plain for piece in window.natural):
            return window.natural, []
        passed: list[Piece] = []
        used: dict[str, Used] = {}
        shown = self._gate.shown.tried()
        tries: list[tuple[date, int, bool, Piece]] = []
        asked: list[Piece] = []
        for piece in window.natural:
            if piece.plain:
                passed.append(piece)  # it uses nothing that others need
            else:
                asked.append(piece)
                tries.append((piece.work.entry.date, piece.rank, not piece.origin.record, piece))
        asked = [*waiting, *asked]
        for piece in asked:
            for day in () if piece.origin.record else self.later_decisions(piece):
                if window.span.covers(day):
                    tries.append((day, piece.rank, True, piece))
        gone: set[int] = set()
        closed = self._calendar.is_closed(window.span)
        if closed:
            # All but what is on record stands behind all of the last closed day, where it is
            # asked again whether anything is left.
            tries.sort(key=lambda found: (found[2], found[:2]))
        else:
            tries.sort(key=lambda found: found[:3])
        for day, _, _, piece in tries:
            if id(piece) in gone:
                continue
            so_far = dict(used) if closed and not piece.origin.record else used
            if back and piece.asked_before:
                so_far = dict(used)
                for approval, more in back.items():
                    add(so_far, approval, more)
            if self._passes(piece, day, so_far, shown.tried() if so_far is not used else shown):
                gone.add(id(piece))
                passed_on = self._passed_on(piece, window.span) if piece.has_passed else day
                piece.decisive = piece.origin.since or passed_on
                passed.append(piece)
        return passed, [piece for piece in asked if id(piece) not in gone]

    def _passes(self, piece: Piece, day: date, used: dict[str, Used], shown: Shown) -> bool:
        if piece.has_passed or piece.through:
            piece.rooms = self.rooms_of_settled(piece)
            if piece.rooms and not piece.origin.again:
                self._use_provisionally(piece, piece.rooms, used, shown)
            return True
        if not piece.validated:
            return False
        if piece.requirement is None:
            return True
        rooms = self._gate.rooms(piece.requirement, piece.work.ticket, piece.work.entry.date, day)
        open_ = [room for room in rooms if room.is_open(used.get(room.approval.id))]
        if not open_:
            return False
        piece.rooms = rooms
        self._use_provisionally(piece, open_, used, shown)
        return True

    def passes_later(self, piece: Piece, span: Span) -> bool:
        """Whether a decision after the one that counted, until ``span`` ends, lets it pass."""
        until = span.last or self._calendar.as_of
        for day in self.later_decisions(piece):
            shown = self._gate.shown.tried()
            if piece.decisive < day <= until and self._passes(piece, day, {}, shown):
                piece.decisive = day
                return True
        return False

    def passes_on(self, piece: Piece, day: date) -> bool:
        """Whether any room is left for it on ``day``."""
        return self._passes(piece, day, {}, self._gate.shown.tried())

    def later_decisions(self, piece: Piece) -> list[date]:
        """Days after its own on which an approval of the kind that ``piece`` needs was given that
        may count for it, oldest first."""
        needed, own = piece.requirement, piece.work.entry.date
        if needed is None or not needed.retroactive:
            return []
        known = self._gate.decisions(needed, piece.work.ticket, own)
        return [day for day in known if own < day <= self._calendar.as_of]

    def _passed_on(self, piece: Piece, span: Span) -> date:
        """The day in ``span`` on which what is on record passed: its own, or an approval's."""
        needed, ticket, own = piece.requirement, piece.work.ticket, piece.work.entry.date
        if needed is not None and needed.retroactive:
            for day in (own, *self.later_decisions(piece)):
                if self._gate.rooms(needed, ticket, own, day):
                    return day if span.covers(day) else own
        return own

    def rooms_of_settled(self, piece: Piece) -> Sequence[Room]:
        """The approvals that settled work may stand on, in the order of their use."""
        if piece.requirement is None:
            return ()
        ticket, own = piece.work.ticket, piece.work.entry.date
        found: list[Room] = []
        for day in (own, *self.later_decisions(piece)):
            # What was rejected since takes nothing back: its room is used all the same.
            rooms = self._gate.rooms(piece.requirement, ticket, own, day)
            found += [room for room in rooms if all(room is not one for one in found)]
        return found

    def _use_provisionally(
        self, piece: Piece, rooms: Sequence[Room], used: dict[str, Used], shown: Shown
    ) -> None:
        """Earlier entries of a window count as worked while their rounding is not known."""
        if piece.origin.record:
            amounts = self._routes.on_lines(piece)
        else:
            amounts = [(piece.work.seconds, self._routes.worth(piece.work, None))]
        for left, worth in amounts:
            for room in rooms:
                before = used.get(room.approval.id, NOTHING)
                part = room.lets(left, worth, shown, before)
                amount = shown.put(worth, part) if room.amount is not None else ZERO
                used[room.approval.id] = Used(
                    before.seconds + part,
                    before.amount + amount,
                    before.worth + multiply(worth.price, part),
                )
                left -= part
                if left <= 0:
                    break

    def was_freed(self, piece: Piece) -> bool:
        """Whether what is on record passed by a decision after its own window, and so was never
        rounded, though no run has put it on record as held."""
        needed, counted = piece.requirement, piece.origin.first_counted
        if needed is None or counted is None:
            return False
        ticket, own = piece.work.ticket, piece.work.entry.date
        for day in (own, *self.later_decisions(piece)):
            if self._gate.rooms(needed, ticket, own, day):
                return not self._calendar.window(own).covers(
                    day
                ) and counted == self._calendar.place_before(day)
        return False
