"""Budgets that are watched: notices, and time held beyond them (semantics 4, "Thresholds")."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from klausel.approvals import value, within
from klausel.charges.base import Work
from klausel.money import multiply
from klausel.period import grid_start
from klausel.policy.ir import Watch

_HUNDREDTH = Decimal("0.01")


class Reached(NamedTuple):
    """A percentage of a budget that some work has reached."""

    watch: Watch
    period: str
    at_percent: int
    on: date


class Budgets:
    """Counts of all budgets of one contract in one simulation."""

    def __init__(self, quantity_digits: int) -> None:
        self._sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        self._gross: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
        """As :attr:`_sums`, without time that was taken back."""
        self._digits = quantity_digits
        self.reached: dict[tuple[str, str, int], Reached] = {}

    @property
    def sums(self) -> Mapping[tuple[str, str], Decimal]:
        """By rule and what is counted together: money, or seconds."""
        return self._sums

    def place(self, watch: Watch, work: Work) -> str:
        """What is counted together: a period's first day, a ticket, or the contract."""
        if watch.per == "ticket":
            return work.ticket
        if watch.per == "contract":
            return ""
        day = work.entry.date
        return _period(day.year, day.month, watch.every)

    def count(
        self,
        watches: tuple[Watch, ...],
        work: Work,
        rounded: int,
        price: Decimal,
        on: date,
        held: bool,
    ) -> int:
        """Counts ``rounded`` seconds that passed; gives back those that no budget holds.

        What a budget ``held`` before finds no room where others took time back since.
        """
        sums = self._gross if held else self._sums
        passes = rounded
        if not work.ticket:
            watches = tuple([watch for watch in watches if watch.per != "ticket"])
        for watch in watches:
            if watch.hold:
                left = watch.budget - sums[watch.rule.id, self.place(watch, work)]
                if watch.measure == "amount":
                    passes = min(passes, within(rounded, price, None, left, self._digits))
                else:
                    passes = min(passes, within(rounded, price, int(left), None, self._digits))
        for watch in watches:
            self._add(watch, work, rounded, price, on)
        return passes

    def _add(self, watch: Watch, work: Work, rounded: int, price: Decimal, on: date) -> None:
        place = self.place(watch, work)
        key = (watch.rule.id, place)
        more = value(rounded, price) if watch.measure == "amount" else Decimal(rounded)
        found = self._sums[key] = self._sums[key] + more
        if more > 0:
            self._gross[key] += more
        for percent, enough in _steps(watch.budget, watch.notify_at):
            if found < enough:
                break  # they ascend
            mark = (*key, percent)
            if mark not in self.reached:
                self.reached[mark] = Reached(watch, place, percent, on)


@lru_cache(maxsize=1 << 10)
def _period(year: int, month: int, every: int) -> str:
    day = date(year, month, 1)
    return grid_start(day, every, "calendar", day).isoformat()


@lru_cache(maxsize=1 << 10)
def _steps(budget: Decimal, percents: tuple[int, ...]) -> list[tuple[int, Decimal]]:
    """Percentages with what reaches them."""
    return [(percent, multiply(budget, percent, _HUNDREDTH)) for percent in sorted(percents)]
