"""contingent: hours reserved per period at a flat price; unused ones expire (semantics 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from functools import partial

from klausel.charges.base import Account, Binding, Charge, Parameter, Recorded, Stand, Work
from klausel.charges.stock import (
    HOUR_PARAMETERS,
    HOURS,
    BoundStock,
    Events,
    Lot,
    Stock,
    StockShape,
)
from klausel.model import Contract
from klausel.money import ZERO
from klausel.period import ONE_DAY, Period, Span, period_of, periods


class ContingentShape(StockShape):
    """Settings of a contingent in a plan."""


class BoundContingent(BoundStock):
    def open(self, recorded: Recorded, afresh: bool) -> Account:
        return ContingentAccount(self, recorded, afresh)


class ContingentAccount(Stock):
    """One lot a period."""

    bound: BoundStock

    def __init__(self, bound: BoundStock, recorded: Recorded, afresh: bool) -> None:
        self._by_period: dict[date, Lot] = {}
        super().__init__(bound, recorded, afresh)
        self._granted = self.granted_on_record()
        self._opened = bound.binding.opened or date.min
        self._opening = self._left_at_go_live()

    def lot_of(self, period: Period) -> Lot:
        """The lot of ``period``."""
        found = self._by_period.get(period.first)
        if found is None:
            known = self._granted.get(period.first)
            found = self._by_period[period.first] = self.add_lot_of(period, period.last, known)
        return found

    def lots_of(self, period: Period) -> list[Lot]:
        """Lots that may pay in ``period``, what expires first; the opening's stands for all
        periods that began by its day (semantics 6)."""
        own = [self.lot_of(period)] if period.first > self._opened else []
        return sorted([*self._opening, *own], key=lambda lot: lot.last or date.max)

    def _left_at_go_live(self) -> list[Lot]:
        """The opening's lot, where its hours are not gone with its day."""
        rows = [row for row in self.bound.binding.facts.openings if row.date == self._opened]
        period = self.bound.period(self._opened)
        if period is None:
            return []
        ends = [row.valid_until for row in rows if row.valid_until is not None]
        last = min(ends, default=period.last)
        end = self.bound.binding.span.last
        last = last if end is None else min(last, end)
        granted = sum(row.seconds for row in rows)
        if last <= self._opened or granted <= 0:
            return []
        name = next((row.lot for row in rows if row.lot), "opening")
        return [self.add(Lot(name, self._opened + ONE_DAY, last, granted))]

    def events(self) -> Iterator[tuple[date, int, Callable[[], None]]]:
        """With ``hold`` the hours of a new period pay for waiting work first."""
        if self.bound.shape.beyond != "hold":
            return
        for period in self.bound.all_periods(date.max):
            yield period.first, Events.MORNING, partial(self._arrive, period)

    def _arrive(self, period: Period) -> None:
        if self.waiting:
            self.pay_waiting([self.lot_of(period)], period.first)

    def drawable(self, work: Work, day: date, late: bool) -> list[Lot]:
        period = self.bound.period(work.entry.date)
        assert period is not None
        return [lot for lot in self.lots_of(period) if lot.good(work.entry.date)]

    def singles(self, as_of: date) -> Iterator[Charge]:
        yield from sales(self, as_of, self._granted)

    def balances(self, as_of: date) -> Iterator[Stand]:
        lots = [*self._opening]
        for period in self.bound.all_periods(as_of):
            if period.first > self._opened:
                lots.append(self.lot_of(period))
        yield from (lot.stand(as_of) for lot in lots if lot.first <= as_of)


def sales(account: Stock, as_of: date, granted: dict[date, int]) -> Iterator[Charge]:
    """The hours of each period that are due, those on record as they were sold."""
    bound = account.bound
    binding = bound.binding
    span = binding.open_span
    if span is None:
        return
    lead = date.fromordinal(as_of.toordinal() + bound.shape.lead_days)
    start, opened = binding.span.first, binding.opened
    for period in periods(span, bound.shape.every, bound.shape.align, start, lead):
        whole = bound.period(period.first)
        assert whole is not None
        if opened is not None and whole.first <= opened:
            continue  # the opening stands for it
        known = granted.get(period.first)
        today = account.grant_in_the_end(period)
        if bound.shape.timing == "advance":
            # An end that came after billing leaves the hours as they were sold.
            uncut = bound.hours_of(period._replace(last=period.grid_last))
            today = known if known == uncut else today
        if known is None and today:
            yield bound.sale(period, today)
        elif known is not None:
            charge = bound.sale(period, known)
            yield charge._replace(wanted=bound.sale(period, today).quantity)
    yield from _behind_the_end(bound, granted, account.recorded)


def _behind_the_end(
    bound: BoundStock, granted: dict[date, int], recorded: Recorded
) -> Iterator[Charge]:
    """Hours that were billed afterwards for periods that an earlier end leaves out; what was sold
    ahead stays sold (semantics 10.2)."""
    first, end = bound.binding.span
    if end is None or bound.shape.timing == "advance":
        return
    for day in sorted(day for day in granted if day > end):
        whole = period_of(day, Span(first, None), bound.shape.every, bound.shape.align, first)
        # As far as it was billed: the period of a later end may not be over yet.
        days = [row.last for row in recorded if (row.key.period, row.key.group) == (day, HOURS)]
        last = min((found for found in days if found is not None), default=whole.last)
        yield bound.sale(whole._replace(last=last), granted[day])._replace(wanted=ZERO)


class Contingent:
    """The charge shape."""

    kind = "contingent"
    shape = ContingentShape

    def takes_time(self, shape: ContingentShape, contract: Contract) -> bool:
        return True

    def parameters(self, shape: ContingentShape) -> tuple[Parameter, ...]:
        return HOUR_PARAMETERS

    def bind(self, shape: ContingentShape, binding: Binding) -> BoundContingent:
        return BoundContingent(shape, binding)


COMPONENT = Contingent()
