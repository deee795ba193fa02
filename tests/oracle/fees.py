"""Fees and what goes back of them (semantics 10.1, 10.2)."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.oracle.days import FOREVER, ONE, add_months, length, periods
from tests.oracle.facts import Facts, months, on
from tests.oracle.numbers import DIGITS, half_up, text


def settings(component: Facts, timing: str) -> Facts:
    """A component's period words with their defaults."""
    return {
        "every": months(component.get("every") or "1 month"),
        "align": component.get("align") or "calendar",
        "timing": component.get("timing") or timing,
        "lead": int(component.get("lead_days") or 0),
        "proration": component.get("proration") or "daily",
    }


def billed_until(term: Facts, contract: Facts, facts: Facts) -> date | None:
    """The last day that is billed already at go-live."""
    return max(
        (
            date.fromisoformat(str(opening["billed_until"]))
            for opening in facts["openings"]
            if (str(opening["contract"]), str(opening["term"])) == (contract["code"], term["id"])
            and opening.get("billed_until")
        ),
        default=None,
    )


def covered_from(term: Facts, contract: Facts, facts: Facts) -> date:
    """The first day that is not billed already at go-live."""
    until = billed_until(term, contract, facts)
    first: date = term["first"]
    return max(first, until + ONE) if until else first


def due_of(period: Facts, how: Facts) -> date:
    if how["timing"] == "advance":
        return period["first"] - timedelta(days=how["lead"])
    return period["last"] + ONE


def periods_of(
    term: Facts, component: Facts, contract: Facts, facts: Facts, until: date, timing: str
) -> list[Facts]:
    """Periods of a component, each with the day it is due."""
    how = settings(component, timing)
    first = covered_from(term, contract, facts)
    horizon = until + timedelta(days=how["lead"])
    found = periods(term["anchor"], first, term["last"], how["every"], how["align"], horizon)
    for period in found:
        period["due"] = due_of(period, how)
        period["billed_until"] = billed_until(term, contract, facts)
    return found


def fee_lines(
    term: Facts, component: Facts, contract: Facts, period: Facts
) -> list[dict[str, Any]]:
    """The lines of one period, without those that nothing stands on."""
    digits = DIGITS.get(contract["currency"], 2)
    proration = settings(component, "advance")["proration"]
    if (component.get("per") or "month") == "period":
        return _amount_per_period(term, period, proration, digits)
    lines: list[dict[str, Any]] = []
    for first, last in months_left(period):
        covered_first, covered_last = max(first, period["first"]), min(last, period["last"])
        covered = covered_first <= covered_last
        if not covered and proration != "none":
            continue
        day = max(first, period["first"])  # also for a month that nothing of is covered
        price, count = on(term["price"], day), _count(term, day)
        if price is None or count == 0:
            continue
        full = (covered_first, covered_last) == (first, last) or proration != "daily"
        if not full:
            share = Fraction(length(covered_first, covered_last), length(first, last))
            lines.append(
                {
                    "first": covered_first,
                    "last": covered_last,
                    "quantity": Fraction(1),
                    "price": half_up(price * count * share, digits),
                    "full_months": [],
                    "days": [(covered_first, covered_last)],
                }
            )
            continue
        before = lines[-1] if lines else None
        if (
            before
            and before["full_months"]
            and before["price"] == price
            and before["count"] == count
            and before["last"] + ONE == first
        ):
            before["last"] = last
            before["quantity"] += count
            before["full_months"].append((first, last))
            before["days"].append((first, last))
        else:
            lines.append(
                {
                    "first": first,
                    "last": last,
                    "quantity": count,
                    "count": count,
                    "price": price,
                    "full_months": [(first, last)],
                    "days": [(first, last)],
                }
            )
    for line in lines:
        line["unit"] = "month"
    return lines


def months_left(period: Facts) -> list[tuple[date, date]]:
    """The months of a period that were not over at go-live."""
    until = period["billed_until"] or date.min
    return [month for month in period["months"] if month[1] > until]


def _count(term: Facts, day: date) -> Fraction:
    if term["quantity"] is None:
        return Fraction(1)
    found = on(term["quantity"], day)
    return Fraction(0) if found is None else found


def _amount_per_period(
    term: Facts, period: Facts, proration: str, digits: int
) -> list[dict[str, Any]]:
    price, count = on(term["price"], period["first"]), _count(term, period["first"])
    if price is None or count == 0:
        return []
    started = [
        month
        for month in months_left(period)
        if proration == "none" or (month[0] <= period["last"] and month[1] >= period["first"])
    ]
    line: dict[str, Any] = {
        "first": period["grid_first"],
        "last": period["grid_last"],
        "quantity": count,
        "price": price,
        "unit": "period",
        "full_months": period["months"],
        "days": period["months"],
        "month_amount": price * count / len(period["months"]),
    }
    if period["full"]:
        return [line]
    if proration in ("started_months", "none"):
        line |= {"first": started[0][0], "last": started[-1][1]}
        line |= {"full_months": started, "days": started}
        if len(started) < len(period["months"]):
            share = Fraction(len(started), len(period["months"]))
            line |= {"quantity": Fraction(1), "price": half_up(price * count * share, digits)}
        return [line]
    share = Fraction(period["days"], period["grid_days"])
    line |= {"first": period["first"], "last": period["last"]}
    line |= {"quantity": Fraction(1), "price": half_up(price * count * share, digits)}
    line["days"] = [
        (max(first, period["first"]), min(last, period["last"])) for first, last in started
    ]
    line["full_months"] = [month for month in line["days"] if month in period["months"]]
    return [line]


def refund_lines(
    term: Facts, component: Facts, contract: Facts, billed: list[Facts], given: Facts
) -> list[dict[str, Any]]:
    """What goes back of the lines that were paid after the term's end, oldest first.

    ``given`` is what went back of them already; that of an earlier end is a difference.
    """
    how = component.get("refund") or "none"
    keep = int(component.get("keep_months") or 0)
    if how == "none" or term["last"] is None:
        return []
    digits = DIGITS.get(contract["currency"], 2)
    from_day = term["last"] + ONE
    found = []
    for line in sorted(billed, key=lambda line: (line["first"], line["last"])):
        per_month = _paid_per_month(line)
        if how == "unused_months":
            unused = [month for month in line["full_months"] if month[0] >= from_day]
            kept = min(keep, len(unused))
            keep -= kept
            back = unused[kept:]
            if back:
                found.append(_refund(line, back, per_month * len(back), per_month, digits))
            continue
        start = add_months(from_day, keep)
        back, amount, odd = [], Fraction(0), False
        for first, last in line["days"]:
            if last < start:
                continue
            whole = (first, last) in line["full_months"]
            paid = per_month if whole else _paid_for_part(line, first, last)
            days = Fraction(length(max(first, start), last), length(first, last))
            back.append((max(first, start), last))
            amount += paid * days
            odd = odd or days != 1 or not whole
        if back:
            found.append(_refund(line, back, amount, None if odd else per_month, digits))
    found = [_more_than(one, given.get(one["of"]["line_key"])) for one in found]
    return [line for line in found if line["quantity"] and line["price"]]


def _more_than(line: Facts, before: Facts | None) -> Facts:
    """What goes back beside what went back before; nothing where that was as much."""
    if before is None:
        return line
    more = line["quantity"] * line["price"] - before["amount"]
    if more <= 0:
        return line | {"quantity": Fraction(0)}
    if line["unit"] == "month" and before["price"] == line["price"]:
        return line | {"quantity": more / line["price"]}
    return line | {"quantity": Fraction(1), "price": more, "unit": "piece"}


def _paid_per_month(line: Facts) -> Fraction:
    """What was paid for each month of a line, after the discount."""
    if not line["full_months"]:
        return Fraction(0)
    if line["full_months"] == line["days"]:
        return Fraction(line["amount"]) / len(line["full_months"])
    return Fraction(line["month_amount"]) * line["factor"]


def _paid_for_part(line: Facts, first: date, last: date) -> Fraction:
    """What was paid for a part of a month: by days of all that the line is for."""
    days = sum(length(*span) for span in line["days"])
    return Fraction(line["amount"]) * Fraction(length(first, last), days)


def _refund(
    line: Facts,
    back: list[tuple[date, date]],
    amount: Fraction,
    per_month: Fraction | None,
    digits: int,
) -> dict[str, Any]:
    plain = per_month is not None and len(text(per_month).partition(".")[2]) <= digits
    return {
        "first": back[0][0],
        "last": back[-1][1],
        "quantity": Fraction(len(back)) if plain else Fraction(1),
        "price": per_month if plain else half_up(amount, digits),
        "unit": "month" if plain else "piece",
        "of": line,
    }


__all__ = ["FOREVER", "covered_from", "fee_lines", "periods_of", "refund_lines", "settings"]
