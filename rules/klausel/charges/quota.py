"""quota: as a contingent, counted in requests (tickets) instead of hours (semantics 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal

from klausel.charges.base import (
    Account,
    Binding,
    Charge,
    Label,
    Offer,
    Parameter,
    Recorded,
    Taken,
    Work,
)
from klausel.charges.contingent import ContingentAccount
from klausel.charges.rates import RatesShape
from klausel.charges.stock import BoundStock, Lot, StockShape
from klausel.ledger import PIECES
from klausel.model import Contract
from klausel.money import ZERO, hours_exact, round_half_up, shortest
from klausel.period import Period

#: A request in the accounts' unit: balances count requests as they count hours.
REQUEST = 3600


class QuotaShape(StockShape):
    """Settings of a quota in a plan."""


class BoundQuota(BoundStock):
    unit = "piece"
    amount_word = "requests"

    def __init__(self, shape: QuotaShape, binding: Binding) -> None:
        super().__init__(shape, binding)
        self.card = type(self.card)(shape.rates, binding, own_price=False)

    def rate(self, work: Work) -> Decimal | None:
        return self.card.rate(work)

    def rate_again(self, work: Work, was: Decimal) -> Decimal | None:
        dated = self.binding.parameters.get("beyond_price")
        price = dated.on(work.entry.date) if dated is not None else None
        return price if price is not None else self.rate(work)

    def open(self, recorded: Recorded, afresh: bool) -> Account:
        return QuotaAccount(self, recorded, afresh)

    def beyond(self, work: Work, rounded: int, day: date) -> Taken | None:
        return self.beyond_request(work, rounded, day, REQUEST)

    def beyond_request(self, work: Work, rounded: int, day: date, cost: int) -> Taken | None:
        """Work on a request that the quota does not cover; ``cost`` 0 where it was counted."""
        dated = self.binding.parameters.get("beyond_price")
        price = dated.on(work.entry.date) if dated is not None else None
        if price is None:
            return super().beyond(work, rounded, day)
        period = self.period(day)
        assert period is not None
        return Taken(
            work, work.seconds, rounded, period, PIECES + shortest(price), price, drawn=cost
        )

    def charges(self, period: Period, due: date, taken: Iterable[Taken]) -> Iterator[Charge]:
        parts = list(taken)
        yield from super().charges(
            period, due, [part for part in parts if not part.group.startswith(PIECES)]
        )
        groups: dict[str, list[Taken]] = {}
        for part in parts:
            if part.group.startswith(PIECES):
                groups.setdefault(part.group, []).append(part)
        for group, some in groups.items():
            count = sum(part.drawn for part in some)
            if count:
                yield Charge(
                    period,
                    group,
                    due,
                    Label(period.first, period.last, (("phrase", "beyond_number"),)),
                    round_half_up(hours_exact(count), self.binding.quantity_digits),
                    "piece",
                    some[0].rate or ZERO,
                    tuple(some),
                )


def _request(work: Work) -> tuple[str, str]:
    """What counts once: a ticket, or an entry without one."""
    return ("ticket", work.ticket) if work.ticket else ("entry", work.entry.id)


class QuotaAccount(ContingentAccount):
    """Counts a ticket once, in the period of its first work."""

    bound: BoundQuota

    def __init__(self, bound: BoundStock, recorded: Recorded, afresh: bool) -> None:
        self._known: dict[tuple[str, str], str] = {}
        """By request: the lot that it is of, empty where the quota did not cover it."""
        super().__init__(bound, recorded, afresh)

    def offer(self, work: Work, day: date, late: bool) -> Offer:
        key = _request(work)
        home = work.entry.date
        if key not in self._known:
            lots = [lot for lot in self.drawable(work, day, late) if self.free(lot) >= REQUEST]
            if lots:
                lots[0].drawn += REQUEST
                self._known[key] = lots[0].id
                part = self.part(work, work.rounded, lots[0], REQUEST, home)
                self._pay_of(key)
                return Offer((part,), 0)
            if self.bound.shape.beyond == "hold":
                return Offer((), work.rounded, waits=True)  # without time, too: somebody asked
            if self.bound.shape.beyond != "bill":
                return self.rest(work, work.rounded, day, late, [])
            self._known[key] = ""
            found = self.bound.beyond(work, work.rounded, home)
        elif lot := self._known[key]:
            return Offer((self._part(work, work.rounded, lot, 0, home, self._left(lot)),), 0)
        else:
            found = self.bound.beyond_request(work, work.rounded, home, 0)
        if found is None:
            return Offer((), work.rounded)
        return Offer((found,), 0)

    def draw(self, lot: Lot, work: Work, wanted: int, day: date, home: date) -> Taken | None:
        """Waiting work whose request a new period has room for."""
        key = _request(work)
        cost = 0 if self._known.get(key) else REQUEST
        if self.free(lot) < cost:
            return None
        lot.drawn += cost
        known = self._known.setdefault(key, lot.id)
        return self._part(work, wanted, known, cost, home, self._left(known))

    def pay_waiting(self, lots: list[Lot], day: date) -> None:
        still = []
        for work in self.waiting:
            for lot in lots:
                found = self.draw(lot, work, work.rounded, day, day)
                if found is not None:
                    self.paid.append((work, found))
                    break
            else:
                still.append(work)
        self.waiting = still

    def _pay_of(self, key: tuple[str, str]) -> None:
        """What waits of a ticket belongs to the request that its other work has."""
        lot, still = self._known[key], []
        if not lot:
            return
        for work in self.waiting:
            if _request(work) == key:
                home = work.entry.date
                self.paid.append(
                    (work, self._part(work, work.rounded, lot, 0, home, self._left(lot)))
                )
            else:
                still.append(work)
        self.waiting = still

    def _left(self, id_: str) -> int | None:
        return next((lot.left for lot in self.lots if lot.id == id_), None)

    def force(self, part: Taken) -> Taken:
        key = _request(part.work)
        if part.lot:
            period = self.bound.period(part.period.first)
            if period is not None:
                self.lots_of(period)
        counts = part.lot or part.group.startswith("beyond")
        if counts and key not in self._known:
            self._known[key] = part.lot
            self._pay_of(key)
        return super().force(part)


class Quota:
    """The charge shape."""

    kind = "quota"
    shape = QuotaShape

    def takes_time(self, shape: QuotaShape, contract: Contract) -> bool:
        return True

    def parameters(self, shape: QuotaShape) -> tuple[Parameter, ...]:
        return (
            Parameter("requests", "requests per period", '"3"', type="requests"),
            Parameter("price", "price per request, net", '"25.00"'),
            # Beyond the quota somebody has to say a price: the term for a request, or the plan's
            # rate card for an hour.
            Parameter(
                "beyond_price",
                "price per request beyond, net",
                '"40.00"',
                required=shape.beyond == "bill" and shape.rates == RatesShape(),
            ),
        )

    def bind(self, shape: QuotaShape, binding: Binding) -> BoundQuota:
        return BoundQuota(shape, binding)


COMPONENT = Quota()
