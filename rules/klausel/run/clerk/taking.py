"""Terms take what passes; what new hours have paid waits no more (semantics 4, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from klausel.approvals import LIMIT, NO_HOURS, NO_TERM, NOT_VALIDATED, Gate
from klausel.charges.base import Account, Taken, Work, rounded_to
from klausel.money import ZERO
from klausel.run.clerk.calendar import Calendar
from klausel.run.clerk.piece import FRESH, Key, Piece, Place, Share, cut_off
from klausel.run.clerk.routes import Routes, Stop
from klausel.run.values import ELSEWHERE
from klausel.terms import BoundContract


class Taking:
    """Offers pieces to the terms, and keeps what became of them."""

    def __init__(
        self,
        routes: Routes,
        accounts: Mapping[Place, Account],
        gate: Gate,
        calendar: Calendar,
        bound: BoundContract,
    ) -> None:
        self._routes = routes
        self._accounts = accounts
        self._gate = gate
        self._calendar = calendar
        self._components = {
            (term.term.id, component.id): component
            for term in bound.terms
            for component in term.components
        }
        self.shares: dict[Key, list[Share]] = {}
        """By piece."""

    def offer(
        self,
        piece: Piece,
        work: Work,
        behind: date | None,
        late: bool,
        shares: list[tuple[str, str, Taken | None, str, int]],
    ) -> None:
        day = piece.decisive
        rest = work.rounded
        own_mark = piece.origin is not FRESH and (piece.through or piece.origin.waited)
        mark = piece.counted if own_mark else behind
        for stop in self._routes.route(work).stops:
            if stop.billed_until is not None and work.entry.date <= stop.billed_until:
                shares.append((stop.term, stop.component, None, ELSEWHERE, rest))
                return
            account = stop.account
            offered = rounded_to(work, rest)
            if account is None:
                found = stop.bound.take(offered)
                if found is not None:
                    shares.append(self._took(stop, found, mark))
                    return
                continue
            self._drive(account, day, behind)
            offer = account.offer(offered, day, late)
            for part in offer.taken:
                shares.append(self._took(stop, part, mark))
            rest = offer.rest
            if offer.waits and (rest or not offer.taken):
                account.wait(rounded_to(offered, rest))
                shares.append((stop.term, stop.component, None, NO_HOURS, rest))
                return
            if not rest and (work.rounded or offer.taken):
                return
        shares.append(("", "", None, NO_TERM, rest))

    def take_usual(self, piece: Piece) -> None:
        """Takes ``piece``, of which nothing is asked and which is in its own place."""
        work = piece.work
        stops = self._routes.route(work).stops
        if stops and stops[0].account is None and stops[0].billed_until is None:
            taken = stops[0].bound.take(work)
            if taken is not None and taken.seconds == work.seconds:
                piece.done = (stops[0].term, stops[0].component, taken)
                return
        shares: list[tuple[str, str, Taken | None, str, int]] = []
        self.offer(piece, work, None, False, shares)
        self.keep(piece, shares, ZERO, False, None)

    def keep(
        self,
        piece: Piece,
        cuts: list[tuple[str, str, Taken | None, str, int]],
        price: Decimal,
        try_again: bool,
        behind: date | None,
    ) -> list[Piece]:
        """Worked seconds fill the cuts in order; the last one carries the rest.

        With ``try_again`` the last piece does not wait, it comes back as a piece of its own.
        """
        left = piece.work.seconds
        if len(cuts) == 1 and not piece.origin.cut and not piece.origin.again:
            term, component, taken, _, _ = cuts[0]
            if taken is not None and taken.seconds == left:
                piece.done = (term, component, taken)
                return []
        shares = self.shares.setdefault(piece.key, [])
        for number, (term, component, taken, held, wanted) in enumerate(cuts, start=1):
            seconds = left if number == len(cuts) else _at_most(wanted, left)
            left -= seconds
            if taken is not None and taken.seconds != seconds:
                taken = taken._replace(seconds=seconds)
            if try_again and number == len(cuts):
                work = piece.work._replace(seconds=seconds, rounded=wanted)
                return [
                    Piece(
                        work,
                        piece.requirement,
                        piece.watches,
                        origin=cut_off(piece.origin),
                        decisive=piece.decisive,
                        rank=piece.rank,
                    )
                ]
            amount = self._routes.value(wanted, price) if held and price else None
            share = Share(term, component, taken, held, seconds, wanted, amount)
            if held:
                own = behind is not None or piece.decisive == piece.work.entry.date
                share = share._replace(place=behind, since=None if own else piece.decisive)
            shares.append(share)
        return []

    def force(self, piece: Piece, behind: date | None) -> None:
        """What is on record happens again as it happened."""
        shares: list[Share] = []
        for part in piece.origin.record:
            component = self._components.get((part.key.term, part.key.component))
            if component is None:
                continue
            period = component.bound.period(part.key.period)
            if period is None:
                continue
            taken = Taken(
                piece.work, part.seconds, part.rounded, period, part.key.group, part.rate,
                part.lot, part.drawn, part.counted, settled=True, number=part.number,
            )  # fmt: skip
            account = self._accounts.get((part.key.term, part.key.component))
            if account is not None:
                self._drive(account, piece.decisive, behind)
                stands = piece.place_of(part)
                if stands != part.counted:
                    taken = taken._replace(counted=stands)
                taken = account.force(taken)
                if stands != part.counted:
                    taken = taken._replace(counted=part.counted)
            shares.append(
                Share(part.key.term, part.key.component, taken, "", part.seconds, part.rounded)
            )
        for seconds, worth in self._routes.on_lines(piece) if piece.rooms else ():
            self._gate.use_on_record(piece.rooms, piece.work.entry.id, seconds, worth)
        self.shares.setdefault(piece.key, []).extend(shares)

    def hold_at_gate(self, piece: Piece) -> None:
        work = piece.work
        if not piece.validated:
            reason = NOT_VALIDATED
        elif piece.origin.cut and not piece.origin.whole:
            reason = LIMIT
        else:
            assert piece.requirement is not None
            entry = work.entry
            reason = self._gate.reason(
                piece.requirement, work.ticket, entry.date, self._calendar.as_of
            )
        seconds = work.seconds
        wanted = work.rounded if piece.origin.held_before else work.seconds
        price = self._routes.worth(work, None).price
        amount = self._routes.value(wanted, price) if price else None
        self.shares.setdefault(piece.key, []).append(
            Share("", "", None, reason, seconds, wanted, amount)
        )

    def expect(self, piece: Piece) -> None:
        """Keeps what a record draws later in this simulation from work that is tried before it."""
        for part in piece.origin.record:
            account = self._accounts.get((part.key.term, part.key.component))
            if account is not None:
                late = piece.place_of(part) is not None
                account.expect(
                    part.lot, part.drawn, piece.work.entry, part.rounded, late, part.number
                )

    def _drive(self, account: Account, day: date, behind: date | None) -> None:
        if behind is None:
            account.morning(day)
        else:
            account.evening(behind)
        self.collect_paid()

    def _took(
        self, stop: Stop, part: Taken, behind: date | None
    ) -> tuple[str, str, Taken | None, str, int]:
        if behind is not None:
            part = part._replace(counted=behind)
        return stop.term, stop.component, part, "", part.rounded

    def collect_paid(self) -> None:
        for (term, component), account in self._accounts.items():
            if not account.paid:
                continue
            for work, taken in account.paid:
                self._pay(term, component, work, taken)
            account.paid.clear()

    def _pay(self, term: str, component: str, work: Work, taken: Taken) -> None:
        """Turns (a part of) a held share into one that was drawn."""
        for key, shares in self.shares.items():
            if key[0] == work.entry.id and self._pay_share(shares, term, component, taken):
                return

    def _pay_share(self, shares: list[Share], term: str, component: str, taken: Taken) -> bool:
        for number, share in enumerate(shares):
            if share.held == NO_HOURS and (share.term, share.component) == (term, component):
                rest = share.rounded - taken.rounded
                seconds = share.seconds if not rest else _at_most(taken.rounded, share.seconds)
                drawn = Share(
                    term, component, taken._replace(seconds=seconds), "", seconds, taken.rounded
                )
                after = (
                    [share._replace(seconds=share.seconds - seconds, rounded=rest)] if rest else []
                )
                shares[number : number + 1] = [drawn, *after]
                return True
        return False


def _at_most(wanted: int, left: int) -> int:
    """Seconds of ``left`` that a piece of ``wanted`` seconds holds, of either sign."""
    if wanted >= 0:
        return max(min(wanted, left), 0) if left >= 0 else left
    return min(max(wanted, left), 0)
