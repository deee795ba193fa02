"""Months and periods (semantics 9), one period after another."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Any

ONE = timedelta(days=1)
FOREVER = date(9999, 12, 31)


def day_of(text: Any) -> date:
    return text if isinstance(text, date) else date.fromisoformat(str(text))


def add_months(day: date, months: int) -> date:
    """The same day so many months on, or the month's last where it is too short."""
    count = day.year * 12 + day.month - 1 + months
    year, month = count // 12, count % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def month_first(day: date) -> date:
    return day.replace(day=1)


def length(first: date, last: date) -> int:
    """Days from ``first`` to ``last``, both counted."""
    return (last - first).days + 1


def calendar_period(day: date, months: int) -> date:
    """First day of the calendar period of 1, 3, 6 or 12 months that ``day`` lies in."""
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def grid(anchor: date, every: int, align: str, number: int) -> tuple[date, date]:
    """First and last day of period ``number`` (0, 1, ...) of a term that begins on ``anchor``."""
    base = calendar_period(anchor, every) if align == "calendar" else anchor
    first = add_months(base, number * every)
    return first, add_months(base, (number + 1) * every) - ONE


def months_of(anchor: date, every: int, align: str, number: int) -> list[tuple[date, date]]:
    """The months of a period, on the period's own grid."""
    base = calendar_period(anchor, every) if align == "calendar" else anchor
    return [
        (add_months(base, k), add_months(base, k + 1) - ONE)
        for k in range(number * every, (number + 1) * every)
    ]


def periods(
    anchor: date, first: date, last: date | None, every: int, align: str, until: date
) -> list[dict[str, Any]]:
    """Periods that begin up to ``until``; ``first``..``last`` are the days covered."""
    found = []
    number = 0
    while True:
        start, end = grid(anchor, every, align, number)
        covered_first = max(start, first)
        covered_last = min(end, last or FOREVER)
        if start > until or covered_first > until or (last and start > last):
            return found
        if covered_first <= covered_last:
            found.append(
                {
                    "number": number,
                    "grid_first": start,
                    "grid_last": end,
                    "first": covered_first,
                    "last": covered_last,
                    "full": covered_first == start and covered_last == end,
                    "days": length(covered_first, covered_last),
                    "grid_days": length(start, end),
                    "months": months_of(anchor, every, align, number),
                }
            )
        number += 1
