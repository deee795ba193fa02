"""Budgets that are watched: notices, and time held beyond them (semantics 8)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from klausel.approvals import Shown, Worth, value
from klausel.charges.base import Work
from klausel.money import SECONDS_PER_HOUR, ZERO, multiply
from klausel.period import grid_start
from klausel.policy.ir import Watch

_HUNDREDTH = Decimal("0.01")


class Reached(NamedTuple):
    """A percentage of a budget that some work has reached."""

    watch: Watch
    period: str
    at_percent: int
    on: date


Key = tuple[str, str]
"""Rule, and what is counted together."""


class _Count:
    """What budgets have counted: seconds, or money as time is worth it and as lines show it."""

    def __init__(self, quantity_digits: int, money_digits: int) -> None:
        self._digits = (quantity_digits, money_digits)
        self.sums: defaultdict[Key, Decimal] = defaultdict(Decimal)
        """Seconds, or seconds x price of an hour."""
        self._lines: dict[Key, Shown] = {}
        self.shown: defaultdict[Key, Decimal] = defaultdict(Decimal)

    def within(self, key: Key, watch: Watch, wanted: int, worth: Worth) -> int:
        """How many of ``wanted`` seconds a budget that holds has room for."""
        left = _whole(watch) - self.sums[key]
        if watch.measure == "hours":
            return min(wanted, max(int(left), 0))
        if left <= 0 and worth.price:
            return min(wanted, 0)
        lines = self._lines.get(key) or Shown(*self._digits)
        return lines.within(worth, wanted, watch.budget - self.shown[key])

    def add(self, key: Key, watch: Watch, seconds: int, worth: Worth) -> Decimal:
        """Counts ``seconds``; the sum with them."""
        money = watch.measure == "amount"
        if money and watch.hold:
            lines = self._lines.get(key)
            if lines is None:
                lines = self._lines[key] = Shown(*self._digits)
            self.shown[key] += lines.put(worth, seconds)
        self.sums[key] += multiply(worth.price, seconds) if money else seconds
        return self.sums[key]


def _whole(watch: Watch) -> Decimal:
    """The budget as it is counted: seconds, or seconds x price of an hour."""
    money = watch.measure == "amount"
    return multiply(watch.budget, SECONDS_PER_HOUR) if money else watch.budget


class Budgets:
    """Counts of all budgets of one contract in one simulation."""

    def __init__(self, quantity_digits: int, money_digits: int) -> None:
        self._money_digits = money_digits
        self._net = _Count(quantity_digits, money_digits)
        self._gross = _Count(quantity_digits, money_digits)
        """As :attr:`_net`, without time that was taken back."""
        self.reached: dict[tuple[str, str, int], Reached] = {}

    def counted(self, watch: Watch, place: str) -> Decimal:
        """Money, rounded to the currency, or seconds that are counted together in ``place``;
        where lines show more than time is worth, and the budget holds, what they show."""
        key = (watch.rule.id, place)
        found = self._net.sums.get(key, ZERO)
        if watch.measure == "hours":
            return found
        return max(value(1, found, self._money_digits), self._net.shown.get(key, ZERO))

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
        worth: Worth,
        on: date,
        held: bool,
    ) -> int:
        """Counts ``rounded`` seconds that passed; gives back those that no budget holds.

        What a budget ``held`` before finds no room where others took time back since.
        """
        count = self._gross if held else self._net
        passes = rounded
        if not work.ticket:
            watches = tuple([watch for watch in watches if watch.per != "ticket"])
        for watch in watches:
            if watch.hold:
                key = (watch.rule.id, self.place(watch, work))
                passes = min(passes, count.within(key, watch, rounded, worth))
        for watch in watches:
            self._add(watch, work, rounded, worth, on)
        return passes

    def _add(self, watch: Watch, work: Work, rounded: int, worth: Worth, on: date) -> None:
        place = self.place(watch, work)
        key = (watch.rule.id, place)
        if rounded > 0:
            self._gross.add(key, watch, rounded, worth)
        found = self._net.add(key, watch, rounded, worth)
        for percent, enough in _steps(_whole(watch), watch.notify_at):
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
