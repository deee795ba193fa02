"""Terms in the order in which they are asked, and prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from klausel.approvals import Worth, value
from klausel.charges.base import ONE, Account, Bound, Work
from klausel.money import ZERO, line_amount
from klausel.period import ONE_DAY
from klausel.run.clerk.piece import Piece, Place
from klausel.terms import BoundContract

#: Of work that no component has an hourly price for.
WORTHLESS = Worth(ZERO, ())


@dataclass(slots=True)
class Stop:
    """A component that is asked to take time."""

    term: str
    component: str
    bound: Bound
    account: Account | None
    billed_until: date | None
    """Last day whose time was billed before go-live."""


@dataclass(slots=True)
class Route:
    """Whom time of one disposition is offered to, in this order, from ``first`` to ``last``."""

    first: date
    last: date
    stops: Sequence[Stop]
    prices: Sequence[tuple[str, str, Bound, Decimal]]
    """Components that may say a price, those that bill time first: term, component, discount."""


class Routes:
    """Whom time is offered to, and what it would cost."""

    def __init__(self, bound: BoundContract, accounts: Mapping[Place, Account]) -> None:
        self._bound = bound
        self._accounts = accounts
        self._routes: dict[str, Route] = {}

    def route(self, work: Work) -> Route:
        """Components of running terms that take such work, by the terms' priority."""
        day = work.entry.date
        route = self._routes.get(work.disposition)
        if route is None or not route.first <= day <= route.last:
            route = self._routes[work.disposition] = self._new_route(work.disposition, day)
        return route

    def _new_route(self, disposition: str, day: date) -> Route:
        first, last = date.min, date.max
        stops: list[Stop] = []
        prices: list[tuple[str, str, Bound, Decimal]] = []
        for term in self._bound.taking(disposition):
            begin, end = term.span.first, term.span.last or date.max
            if day < begin:
                last = min(last, begin - ONE_DAY)
            elif end < day:
                first = max(first, end + ONE_DAY)
            else:
                first, last = max(first, begin), min(last, end)
                stops += [
                    Stop(
                        term.term.id, component.id, component.bound,
                        self._accounts.get((term.term.id, component.id)),
                        term.billed_until,
                    )
                    for component in term.components
                    if component.takes_time
                ]  # fmt: skip
                prices += [
                    (term.term.id, component.id, component.bound, term.term.discount)
                    for component in term.components
                ]
        prices.sort(key=lambda found: not found[2].bills_time)
        return Route(first, last, stops, prices)

    def worth(self, work: Work, mark: date | None) -> Worth:
        """What ``work`` would cost if it were billed, for limits and budgets, and on which line:
        where it counts behind the day ``mark``, on the late one of this run."""
        return self._worth_on(work, mark, None)

    def _worth_on(self, work: Work, mark: date | None, number: int | None) -> Worth:
        for term, component, bound, discount in self.route(work).prices:
            rate = bound.rate(work)
            if rate is not None:
                price = line_amount(ONE, rate, discount)
                period = bound.period(work.entry.date)
                first = period.first if period is not None else None
                late: tuple[object, ...] = ()
                if mark is not None and (period is None or period.last <= mark):
                    late = (mark, number)
                return Worth(price, (term, component, first, bound.line_of(work), price, *late))
        return WORTHLESS

    def on_lines(self, piece: Piece) -> list[tuple[int, Worth]]:
        """What is on record of ``piece``: rounded seconds, and the line that they are on."""
        return [
            (rounded, self._worth_on(piece.work, part.counted, number))
            for part in piece.origin.record
            for number, rounded in part.pieces
        ]

    def value(self, seconds: int, price: Decimal) -> Decimal:
        """What ``seconds`` that wait are worth."""
        return value(seconds, price, self._bound.money_digits)
