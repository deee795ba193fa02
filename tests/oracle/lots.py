"""Lots of hours or requests: granted = drawn + expired + refunded + remaining (semantics 13)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

from tests.oracle.days import FOREVER
from tests.oracle.numbers import half_up, natural

Lot = dict[str, Any]


def new_lot(name: str, granted: int | Fraction, first: date, last: date | None, **more: Any) -> Lot:
    return {
        "name": name,
        "granted": granted,
        "drawn": 0,
        "refunded": 0,
        "expiries": [],
        "first": first,
        "last": last,
        **more,
    }


def expired(lot: Lot) -> int:
    return sum(amount for _, amount in lot["expiries"])


def remaining(lot: Lot) -> int:
    return lot["granted"] - lot["drawn"] - lot["refunded"] - expired(lot)


def expire(lot: Lot, amount: int, day: date) -> None:
    if amount:
        lot["expiries"].append([day, amount])


def expired_since(lot: Lot, day: date) -> int:
    """What expired on ``day`` or later: late work of ``day`` may still have it."""
    return sum(amount for when, amount in lot["expiries"] if when >= day)


def draw_order(lot: Lot) -> tuple[Any, ...]:
    begins = 0 if lot.get("left") else 1  # what go-live left, before hours of a period
    return (lot["last"] or FOREVER, lot["first"], begins, natural(lot["name"]))


def good_on(lot: Lot, day: date) -> bool:
    return lot["first"] <= day <= (lot["last"] or FOREVER)


def weight(secs: int, factor: Fraction) -> int:
    """What seconds of work lose of a balance."""
    return int(half_up(secs * factor))


def payable(secs: int, factor: Fraction, left: int) -> int:
    """The largest number of seconds, at most ``secs``, whose weight is within ``left``.

    Where nothing is left nothing is paid, also where so little time would weigh nothing.
    """
    if left <= 0:
        return 0
    if factor == 0 or weight(secs, factor) <= left:
        return secs
    found = min(secs, floor(Fraction(left * 2 + 1, 2) / factor) + 1)
    while found > 0 and weight(found, factor) > left:
        found -= 1
    return found


def draw(lot: Lot, amount: int, day: date) -> None:
    """Takes ``amount`` for work of ``day``: first of what expired since, then of the rest."""
    lot["drawn"] += amount
    for expiry in lot["expiries"]:
        if expiry[0] >= day:
            some = min(amount, expiry[1])
            expiry[1] -= some
            amount -= some


def freed(lot: Lot, amount: int, place: dict[str, Any]) -> None:
    """Writes down what work draws whose decision comes after its place."""
    if place["decided"] > place["position"]:
        lot.setdefault("freed", []).append((place["decided"], amount))


def left_on(lot: Lot, day: date) -> int:
    """What is left on ``day``: what later decisions free has drawn nothing yet."""
    return remaining(lot) + sum(amount for when, amount in lot.get("freed", ()) if when > day)


def give_back(lot: Lot, amount: int) -> None:
    """Returns drawn hours; a lot that has expired has them expire at once.

    Of a period that an end cut short they are gone, down to the hours that the period has.
    """
    lot["drawn"] -= amount
    gone = min(amount, max(lot["granted"] - lot.get("least", lot["granted"]), 0))
    lot["granted"] -= gone
    amount -= gone
    if amount and lot.get("over"):
        expire(lot, amount, lot["over"])
