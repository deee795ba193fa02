"""Calendar arithmetic on plain dates (semantics 5, "Periods"). No clock.

A period is a pair of *inclusive* days. ``grid`` is the uncut period, ``first``/``last`` the part
of it that a term covers.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple

Align = Literal["calendar", "start"]

ONE_DAY = timedelta(days=1)

#: Calendar alignment knows months, quarters, half-years and years.
CALENDAR_MONTHS = (1, 3, 6, 12)


class Span(NamedTuple):
    """Inclusive days ``first``..``last``; ``last`` None means without end."""

    first: date
    last: date | None

    def covers(self, day: date) -> bool:
        return self.first <= day and (self.last is None or day <= self.last)

    def nearest(self, day: date) -> date:
        """``day``, or the day of the span that is next to it."""
        day = max(day, self.first)
        return day if self.last is None else min(day, self.last)


class Period(NamedTuple):
    """One billing period: the covered days and the uncut days of the grid around them."""

    first: date
    last: date
    grid_first: date
    grid_last: date

    @property
    def partial(self) -> bool:
        return self.first != self.grid_first or self.last != self.grid_last

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def grid_days(self) -> int:
        return (self.grid_last - self.grid_first).days + 1


def intersect(a: Span, b: Span) -> Span | None:
    """Days in both spans, or None."""
    first = max(a.first, b.first)
    ends = [end for end in (a.last, b.last) if end is not None]
    last = min(ends) if ends else None
    return None if last is not None and last < first else Span(first, last)


@lru_cache(maxsize=1 << 14)
def add_months(day: date, months: int, anchor_day: int | None = None) -> date:
    """``day`` moved by ``months``, clamped to the month's end from the original day of month.

    31 January + 1 month is 28 February, + 2 months is 31 March when ``anchor_day`` is 31.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    month += 1
    return date(year, month, min(anchor_day or day.day, monthrange(year, month)[1]))


def grid_start(day: date, every: int, align: Align, start: date) -> date:
    """First day of the grid period that contains ``day``."""
    if align == "calendar":
        return date(day.year, (day.month - 1) // every * every + 1, 1)
    steps = ((day.year - start.year) * 12 + day.month - start.month) // every
    candidate = add_months(start, steps * every, start.day)
    if candidate > day:
        candidate = add_months(start, (steps - 1) * every, start.day)
    return candidate


def next_grid_start(first: date, every: int, align: Align, start: date) -> date:
    """First day of the grid period after the one that begins on ``first``."""
    return add_months(first, every, start.day if align == "start" else None)


@lru_cache(maxsize=1 << 12)
def _calendar(year: int, month: int, every: int) -> tuple[date, date]:
    """First and last day of the grid period of the calendar that ``month`` lies in."""
    first = date(year, (month - 1) // every * every + 1, 1)
    return first, add_months(first, every, 1) - ONE_DAY


def periods(span: Span, every: int, align: Align, start: date, until: date) -> Iterator[Period]:
    """Periods that cover ``span``, oldest first, as far as they begin on or before ``until``.

    ``every`` is in months, with ``align: calendar`` one of CALENDAR_MONTHS; ``start`` is the day
    that ``align: start`` counts from.
    """
    if span.first > until:
        return
    grid_first = grid_start(span.first, every, align, start)
    while grid_first <= until and (span.last is None or grid_first <= span.last):
        following = next_grid_start(grid_first, every, align, start)
        grid_last = following - ONE_DAY
        yield _cut(grid_first, grid_last, span)
        grid_first = following


def period_of(day: date, span: Span, every: int, align: Align, start: date) -> Period:
    """The period of ``span`` that ``day`` lies in."""
    if align == "calendar":
        grid_first, grid_last = _calendar(day.year, day.month, every)
    else:
        grid_first = grid_start(day, every, align, start)
        grid_last = next_grid_start(grid_first, every, align, start) - ONE_DAY
    return _cut(grid_first, grid_last, span)


def _cut(grid_first: date, grid_last: date, span: Span) -> Period:
    """What ``span`` covers of a period of the grid."""
    first, last = span
    facts = (
        grid_first if first <= grid_first else first,
        grid_last if last is None or grid_last <= last else last,
        grid_first,
        grid_last,
    )
    return tuple.__new__(Period, facts)  # there are many of them
