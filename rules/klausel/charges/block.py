"""block: hours bought beforehand in lots, each with its own validity (semantics 5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from functools import partial
from typing import Literal

from pydantic import Field as ShapeField
from pydantic import model_validator

from klausel.charges.base import (
    MARK,
    Account,
    Binding,
    Charge,
    Ended,
    Label,
    Offer,
    Parameter,
    Recorded,
    Taken,
    Warned,
    Work,
    named_group,
)
from klausel.charges.rates import Rates, RatesShape
from klausel.charges.stock import BEYOND, BalancedShape, BoundStock, Events, Lot, Stock
from klausel.model import Contract, LedgerKey, LedgerRow, Opening, Purchase, natural
from klausel.money import ZERO, quantity, seconds_from_hours
from klausel.period import ONE_DAY, Period, Span, add_months, period_of, periods
from klausel.shapes import Months, complain

TOP_UP = "topup "
LEFTOVER = "leftover "
#: How groups begin that a block makes itself; a purchase's group is its id.
OURS = (TOP_UP, LEFTOVER, BEYOND)
#: Groups that are no lots.
LINES = (LEFTOVER, BEYOND)


_TOPPED = re.compile(re.escape(TOP_UP) + r".*\+\d+", re.DOTALL)


def is_top_up(group: str) -> bool:
    """Whether it is the group of a lot that an entry bought: "topup", the entry, "+", a number."""
    return _TOPPED.fullmatch(group) is not None


class BlockShape(BalancedShape):
    """Settings of a block in a plan."""

    validity: Months | None = None
    empty: Literal["bill", "next", "hold", "top_up"] = "hold"
    leftover: Literal["break", "refund"] = "break"
    notify_left: tuple[int, ...] = ()
    notify_days: int | None = ShapeField(default=None, ge=0, le=3660)
    rates: Rates = RatesShape()

    @model_validator(mode="after")
    def _fits(self) -> BlockShape:
        if self.validity == 0:
            raise complain(
                "a lot is good for at least 1 month",
                "write it as: validity: 12 months, or leave it out for a lot without an end",
                "validity",
            )
        if any(not 0 <= percent <= 100 for percent in self.notify_left):
            raise complain(
                "notify_left names percents from 0 to 100",
                "write it as: notify_left: [20, 10]",
                "notify_left",
            )
        return self


class BoundBlock(BoundStock):
    shape: BlockShape

    def _cut(self, day: date, span: Span) -> Period:
        return period_of(day, span, 1, "calendar", span.first)

    def all_periods(self, until: date) -> Iterator[Period]:
        """A block bills what lies beyond it by calendar months."""
        span = self.binding.span
        yield from periods(span, 1, "calendar", span.first, until)

    def open(self, recorded: Recorded, afresh: bool) -> Account:
        return BlockAccount(self, recorded, afresh)

    @property
    def bills_time(self) -> bool:
        return self.shape.empty == "bill"

    # -- lots --------------------------------------------------------------------------------------

    def bought(self) -> Iterator[Purchase]:
        """Purchases that the openings do not contain already, oldest first."""
        opened = self.binding.opened
        found = [row for row in self.binding.facts.purchases if opened is None or row.date > opened]
        yield from sorted(found, key=lambda row: (row.date, natural(row.id)))

    def last_day(self, first: date, months: int | None) -> date | None:
        """Last day of a lot from ``first``; the term's end is its end too."""
        ends = [add_months(first, months) - ONE_DAY] if months is not None else []
        if self.binding.span.last is not None:
            ends.append(self.binding.span.last)
        return min(ends, default=None)

    def lot(self, purchase: Purchase) -> Lot:
        months = self.shape.validity if purchase.validity is None else purchase.validity
        return self.lot_of(
            purchase.id, purchase.date, months, purchase.seconds, self.price_of(purchase)
        )

    def lot_at_go_live(self, opening: Opening) -> Lot:
        first = opening.date + ONE_DAY
        ends = [day for day in (opening.valid_until, self.binding.span.last) if day is not None]
        last = min(ends, default=None)
        price = opening.price
        if price is None:
            price = self.binding.value("price", first)
        id_ = opening.lot or "opening"
        order = (last or date.max, first, natural(id_))
        return Lot(id_, first, last, opening.seconds, price, order)

    def price_of(self, purchase: Purchase) -> Decimal:
        if purchase.price is not None:
            return purchase.price
        return self.binding.value("price", purchase.date)

    def lot_of(
        self, id_: str, first: date, months: int | None, seconds: int, price: Decimal
    ) -> Lot:
        last = self.last_day(first, months)
        order = (last or date.max, first, natural(id_))
        return Lot(id_, first, last, seconds, price, order)

    def key(self, day: date, group: str) -> LedgerKey:
        binding = self.binding
        return LedgerKey(binding.contract.code, binding.term.id, binding.component, day, group)

    def sold(self, group: str, day: date, seconds: int, price: Decimal, what: str) -> Charge:
        """The line that sells a lot."""
        return Charge(
            Period(day, day, day, day),
            group,
            day,
            Label(day, day, (("phrase", what),)),
            quantity(seconds, self.binding.quantity_digits),
            "hour",
            price,
            granted=seconds,
        )


class BlockAccount(Stock):
    """Lots in the order in which they are drawn."""

    bound: BoundBlock

    def __init__(self, bound: BoundBlock, recorded: Recorded, afresh: bool) -> None:
        self._noticed: dict[tuple[str, int], date] = {}
        self._history: dict[str, list[tuple[date, int]]] = {}
        self.topped: dict[str, Lot] = {}
        self._to_come: set[str] = set()
        """Lots on record that work bought and has not reached yet in this simulation."""
        self._sold: dict[str, int] = {}
        """By group: seconds that were invoiced; they are in the lot until that is corrected."""
        others = [row for row in recorded if not is_top_up(row.key.group)]
        self._groups = {
            purchase.id: named_group(purchase.id, OURS, others) for purchase in bound.bought()
        }
        """By purchase, the group of its line."""
        for row in recorded:
            self._sold[row.key.group] = self._sold.get(row.key.group, 0) + row.rounded
        super().__init__(bound, recorded, afresh)
        for opening in bound.binding.facts.openings:
            if opening.seconds > 0:
                self.add(bound.lot_at_go_live(opening))
        for purchase in bound.bought():
            lot = bound.lot(purchase)
            lot.granted = self._sold.get(self._groups[purchase.id], lot.granted)
            self.add(lot)
        bought = {
            named_group(purchase.id, OURS, others) for purchase in bound.binding.facts.purchases
        }
        self._gone: dict[str, LedgerRow] = {}
        """Purchases that were invoiced and are no longer there: what was drawn from them stays."""
        for row in recorded:
            group = row.key.group
            other = group in bought or is_top_up(group) or group.startswith(LINES)
            if not other and not row.key.sequence and self._sold[group] > 0:
                id_, day = group.removeprefix(MARK), row.key.period
                price, validity = row.rate or ZERO, bound.shape.validity
                self._gone[id_] = row
                self.add(bound.lot_of(id_, day, validity, self._sold[group], price))
        for row in recorded:
            if is_top_up(row.key.group) and not row.key.sequence:
                self._top_up_lot(
                    row.key.group.removeprefix(TOP_UP), row.key.period, row.rounded,
                    row.rate or ZERO,
                )  # fmt: skip
        self._to_come |= self.topped.keys()
        self._sort()

    def resold(self, key: LedgerKey, seconds: int) -> None:
        for id_, group in self._groups.items():
            if group == key.group:
                next(lot for lot in self.lots if lot.id == id_).granted = seconds

    def _sort(self) -> None:
        self.lots.sort(key=lambda lot: lot.order)

    def _top_up_lot(self, id_: str, day: date, seconds: int, price: Decimal) -> Lot:
        lot = self.bound.lot_of(id_, day, self.bound.shape.validity, seconds, price)
        self.topped[id_] = lot
        return self.add(lot)

    def events(self) -> Iterator[tuple[date, int, Callable[[], None]]]:
        happen: list[tuple[date, int, Callable[[], None]]] = []
        # Where a block tops up, a standard lot may have no hours.
        if self.bound.shape.empty in ("hold", "top_up"):
            happen.extend(
                (purchase.date, Events.MORNING, partial(self._arrive, purchase.id))
                for purchase in self.bound.bought()
            )
        end = self.bound.binding.span.last
        if end is not None and self.bound.shape.leftover == "refund":
            happen.append((end, Events.EVENING, partial(self._refund, end, self.lots)))
        for group in dict.fromkeys(row.key.group for row in self.recorded):
            before = self.put_off(group) if group.startswith(LEFTOVER) else None
            if before is not None and before.end is not None:
                id_ = group.removeprefix(LEFTOVER)
                happen.append(
                    (before.end, Events.EVENING, partial(self._refund_again, id_, before))
                )
        return iter(sorted(happen, key=lambda event: event[:2]))

    def _arrive(self, id_: str) -> None:
        """Waiting work is paid first by the next lot, on that lot's first day."""
        lot = next(lot for lot in self.lots if lot.id == id_)
        self.pay_waiting([lot], lot.first)

    def _refund(self, end: date, lots: list[Lot]) -> None:
        for lot in lots:
            if lot.last == end and (lot.first <= end or lot.id in self.topped):
                lot.refunded += self._unclaimed(lot)

    def _refund_again(self, id_: str, before: Ended) -> None:
        """What is on record as given back at an end that is put off."""
        for lot in self.lots:
            if lot.id == id_:
                left = self._unclaimed(lot)
                lot.refunded += before.seconds(left, self.bound.binding.term.discount)

    def _unclaimed(self, lot: Lot) -> int:
        """Seconds of ``lot`` that nothing on record will draw; what is drawn of hours that come
        back meanwhile takes none of them. Late work that bought one behind its end drew what it
        needed, and the rest went back at once: later work had only what came back to it."""
        made = self.made[lot.id]
        if lot.id in self._to_come:
            buyer = lot.id.rpartition("+")[0]
            if (buyer, lot.id) in self.paid_to:
                return max(lot.left - max(self.paid_to[buyer, lot.id][1], 0), 0)
            return max(self.free(lot), 0)
        return max(lot.left - max(self.on_record[lot.id] - made, 0), 0)

    # -- work --------------------------------------------------------------------------------------

    def drawable(self, work: Work, day: date, late: bool) -> list[Lot]:
        home = work.entry.date
        good = [lot for lot in self.lots if lot.good(home)]
        if self._to_come:
            good = [lot for lot in good if self._has_come(lot)]
        return good + self._later(work, day)

    def _has_come(self, lot: Lot) -> bool:
        """Whether work finds ``lot`` there. One that work of its day bought, in an earlier run,
        comes when that day's other lots are empty, as it did then."""
        return lot.first <= self.reached or lot.id not in self._to_come

    def _later(self, work: Work, day: date) -> list[Lot]:
        """Lots that ``work`` would have waited for, had it been known, or free to pass, in time."""
        if work.rounded <= 0 or self.bound.shape.empty not in ("hold", "top_up"):
            return []
        return [
            lot for lot in self.lots
            if work.entry.date < lot.first <= max(self.reached, day)
            and (lot.last is None or lot.last > self.reached)
            and self._has_come(lot)
        ]  # fmt: skip

    def offer(self, work: Work, day: date, late: bool) -> Offer:
        # Of lots that are still to come at its place, what waits longer has the first of it.
        for lot in sorted(self._later(work, day), key=lambda lot: lot.first):
            if lot.first > self.reached:
                self.pay_waiting([lot], lot.first)
        return super().offer(work, day, late)

    def draw(self, lot: Lot, work: Work, wanted: int, day: date, home: date) -> Taken | None:
        found = super().draw(lot, work, wanted, day, home)
        if found is not None:
            self._note(lot, found.drawn, day)
        return found

    def _note(self, lot: Lot, cost: int, day: date) -> None:
        """What was drawn until when, and the percentages that are reached by it."""
        self._history.setdefault(lot.id, []).append((max(day, self.reached), cost))
        if lot.last is not None and lot.last <= self.reached:
            return  # late work drew it: hours of a lot that has ended are no news
        for percent in self.bound.shape.notify_left:
            if lot.left * 100 <= lot.granted * percent:
                self._noticed.setdefault((lot.id, percent), max(day, lot.first))

    def _give_back(self, work: Work, lots: list[Lot], day: date, late: bool) -> Offer:
        offer = super()._give_back(work, lots, day, late)
        for part in offer.taken:
            if part.lot:
                history = self._history.setdefault(part.lot, [])
                history.append((max(day, self.reached), part.drawn))
        return offer

    def force(self, part: Taken) -> Taken:
        found = super().force(part)
        self._to_come.discard(part.lot)
        for lot in self.lots:
            if lot.id == part.lot:
                self._note(lot, part.drawn, part.work.entry.date)
        return found

    def rest(self, work: Work, rest: int, day: date, late: bool, taken: list[Taken]) -> Offer:
        empty = self.bound.shape.empty
        if empty == "top_up" and rest > 0:
            return self._buy(work, rest, day, taken)
        if empty == "bill" and (rest or not taken):
            found = self.bound.beyond(work, rest, work.entry.date)
            if found is not None:
                return Offer((*taken, found), 0)
        if empty in ("hold", "top_up") and not rest and not taken:
            return Offer((self._part(work, 0, "", 0, work.entry.date, None),), 0)
        return Offer(tuple(taken), rest, waits=empty in ("hold", "top_up"))

    def _buy(self, work: Work, rest: int, day: date, taken: list[Taken]) -> Offer:
        """Standard lots, as many as the entry needs, dated that day; first those on record, its
        own before others."""
        for lot in self._bought_before(work, day):
            if rest > 0:
                self._to_come.discard(lot.id)
                found = self.draw(lot, work, rest, day, work.entry.date)
                if found is not None:
                    taken.append(found)
                    rest -= found.rounded
        if not rest:
            return Offer(tuple(taken), 0)
        hours = self.bound.binding.value("hours", day)
        standard = seconds_from_hours(hours)
        if standard <= 0:
            return Offer(tuple(taken), rest, waits=True)
        price = self.bound.binding.value("price", day)
        bought: list[Lot] = []
        number = 0
        while rest > 0:
            number += 1
            id_ = f"{work.entry.id}+{number}"
            if any(lot.id == id_ for lot in self.lots):
                continue
            lot = self._top_up_lot(id_, day, standard, price)
            bought.append(lot)
            found = self.draw(lot, work, rest, day, work.entry.date)
            if found is None:
                break
            taken.append(found)
            rest -= found.rounded
        end = self.bound.binding.span.last
        if end is not None and end <= self.reached and self.bound.shape.leftover == "refund":
            self._refund(end, bought)  # late work bought more than it needs
        self._sort()
        return Offer(tuple(taken), rest, waits=True)

    def _bought_before(self, work: Work, day: date) -> list[Lot]:
        """Lots of ``day`` on record that have not come yet, in the order in which ``work`` takes
        them."""
        own: list[Lot] = []
        others: list[Lot] = []
        for lot in self.lots if self._to_come else ():
            good = lot.first <= day and (lot.last is None or work.entry.date <= lot.last)
            if good and not self._has_come(lot):
                mine = lot.id.rpartition("+")[0] == work.entry.id
                (own if mine else others).append(lot)
        return own + others

    # -- lines, balances, notices --------------------------------------------------------------

    def singles(self, as_of: date) -> Iterator[Charge]:
        bound = self.bound
        sales: list[tuple[Lot, Charge]] = []
        for purchase in bound.bought():
            lot = next(lot for lot in self.lots if lot.id == purchase.id)
            group = self._groups[purchase.id]
            sold = self._sold.get(group, purchase.seconds)
            hours = purchase.seconds or sold
            if purchase.date <= as_of and not purchase.invoice and hours:
                price = bound.price_of(purchase)
                sale = bound.sold(group, purchase.date, sold, price, "block")
                wanted = quantity(purchase.seconds, bound.binding.quantity_digits)
                sales.append((lot, sale._replace(wanted=wanted)))
        for id_, row in self._gone.items():
            lot = next(lot for lot in self.lots if lot.id == id_)
            sale = bound.sold(row.key.group, row.key.period, lot.granted, lot.price, "block")
            wanted = quantity(lot.drawn, bound.binding.quantity_digits)
            sales.append((lot, sale._replace(wanted=wanted)))
        for id_, lot in self.topped.items():
            if lot.first <= as_of:
                group = TOP_UP + id_
                sales.append((lot, bound.sold(group, lot.first, lot.granted, lot.price, "top_up")))
        yield from (charge for _, charge in sorted(sales, key=lambda pair: pair[0].first))
        end = bound.binding.span.last
        known = {row.key.group: row.key.period for row in self.recorded}
        lines = {
            lot.id: bound.key(known.get(charge.group, lot.first), charge.group)
            for lot, charge in sales
        }
        for lot in self.lots:
            if end is not None and self.over(as_of):
                charge = self._given_back(lot, end, lines.get(lot.id))
                if charge.quantity or charge.group in known:
                    yield charge
            else:
                found = self.taken_back(LEFTOVER + lot.id, "leftover", as_of)
                if found is not None:
                    yield found._replace(credit=True)

    def _given_back(self, lot: Lot, end: date, line: LedgerKey | None) -> Charge:
        last = self.bound.period(end)
        assert last is not None
        return Charge(
            Period(lot.first, end, lot.first, end),
            LEFTOVER + lot.id,
            end + ONE_DAY,
            Label(end, end, (("phrase", "leftover"),)),
            quantity(lot.refunded, self.bound.binding.quantity_digits),
            "hour",
            lot.price,
            granted=-lot.refunded,
            credit=True,
            reverses=line,
            of_end=True,
            end=end,
            waits=self.put_off(LEFTOVER + lot.id) is not None,
        )

    def notices(self, as_of: date) -> Iterator[Warned]:
        rule = f"{self.bound.binding.plan}.{self.bound.binding.component}"
        for (id_, percent), day in self._noticed.items():
            yield Warned(rule, id_, percent, day)
        days = self.bound.shape.notify_days
        if days is None:
            return
        for lot in self.lots:
            if lot.last is None or lot.last < lot.first:
                continue
            day = max(lot.last - timedelta(days=days), lot.first)
            before = sum(cost for on, cost in self._history.get(lot.id, ()) if on <= day)
            if day <= as_of and lot.granted > before:
                yield Warned(f"{rule}.expiry", lot.id, 0, day, ahead=True)


class Block:
    """The charge shape."""

    kind = "block"
    shape = BlockShape

    def takes_time(self, shape: BlockShape, contract: Contract) -> bool:
        return True

    def parameters(self, shape: BlockShape) -> tuple[Parameter, ...]:
        return (
            Parameter("hours", "hours of a standard lot", '"10"', shape.empty == "top_up", "hours"),
            Parameter("price", "price per hour, net", '"90.00"'),
            Parameter("beyond_price", "price per hour beyond, net", '"110.00"', required=False),
        )

    def bind(self, shape: BlockShape, binding: Binding) -> BoundBlock:
        return BoundBlock(shape, binding)


COMPONENT = Block()
