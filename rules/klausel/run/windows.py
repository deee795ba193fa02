"""Closing windows: what is decided together (semantics 4)."""

from __future__ import annotations

from datetime import date

from klausel.model import made
from klausel.period import ONE_DAY, Period, Span, intersect, period_of
from klausel.terms import BoundContract


class Windows:
    """Closing windows of contracts."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, date], Span] = {}
        self.last: dict[str, Span] = {}
        """By contract: the last window that is the same for all of its days."""
        self._months: dict[tuple[str, int, int], Span] = {}
        """By contract and month: the last such window that begins in it."""

    def window(self, bound: BoundContract, day: date) -> Span:
        """The closing window of ``day``: inside one period of every term that takes time."""
        code = bound.contract.code
        last = self.last.get(code)
        if last is not None and last[0] <= day <= last[1]:  # type: ignore[operator]
            return last  # entries come in the order of days
        month = (code, day.year, day.month)
        found = self._months.get(month)
        if found is not None and found[0] <= day <= found[1]:  # type: ignore[operator]
            self.last[code] = found
            return found
        key = (code, day)
        found = self._known.get(key)
        if found is None:
            found = _apart(_window_of(bound, day), bound, day)
            if _is_whole(bound, found):
                self.last[code] = self._months[month] = found
            else:
                self._known[key] = found
        return found

    def closes(self, bound: BoundContract, day: date, period: Period, billed: bool) -> date | None:
        """Last day of the window that decides time of ``day`` in ``period``; of the whole period
        for what is billed by it, or falls into it on another day."""
        if billed or not period[0] <= day <= period[1]:
            return period[1]
        window = self.last.get(bound.contract.code)
        if window is None or not window[0] <= day <= window[1]:  # type: ignore[operator]
            window = self.window(bound, day)
        return window[1]


def _apart(window: Span, bound: BoundContract, day: date) -> Span:
    """``window`` around ``day`` without days on which other terms take time."""
    first, last = window
    for term in bound.terms:
        if term.span.covers(day) or not any(found.takes_time for found in term.components):
            continue
        if term.span.first > day:
            before = term.span.first - ONE_DAY
            last = before if last is None else min(last, before)
        elif term.span.last is not None:
            first = max(first, term.span.last + ONE_DAY)
    return window if (first, last) == window else Span(first, last)


def _window_of(bound: BoundContract, day: date) -> Span:
    periods = [
        period
        for term in bound.terms
        if term.span.covers(day)
        for component in term.components
        if (period := component.bound.period(day)) is not None
    ]
    if periods:  # all of them have the day
        first, last, *_ = periods[0]
        for period in periods[1:]:
            first, last = max(first, period.first), min(last, period.last)
        return made(Span, (first, last))
    month = period_of(day, Span(date.min, None), 1, "calendar", bound.contract.start)
    whole = Span(month.first, month.last)
    # What is on record may be of a day that is the contract's no more.
    return intersect(whole, bound.contract.span) or whole


def _is_whole(bound: BoundContract, window: Span) -> bool:
    """Whether ``window`` of one day is that of each of its days: no term begins or ends inside."""
    first, last = window
    if last is None:
        return False
    for term in bound.terms:
        begin, end = term.span
        if term.billed_until is not None or first < begin <= last:
            return False
        if end is not None and first <= end < last:
            return False
    return True
