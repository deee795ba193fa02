"""Exact numbers (semantics 1): fractions in, half up, away from zero."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor
from typing import Any

HOUR = 3600

DIGITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "KWD": 3, "BHD": 3, "OMR": 3, "TND": 3}


def number(text: Any) -> Fraction:
    return Fraction(str(text).strip())


def half_up(value: Fraction | int, digits: int = 0) -> Fraction:
    scale = 10**digits
    whole = floor(abs(Fraction(value)) * scale + Fraction(1, 2))
    return Fraction(whole if value >= 0 else -whole, scale)


def seconds(hours: Any) -> int:
    """Seconds of the ERP's hours."""
    return int(half_up(number(hours) * HOUR))


def hours(secs: int | Fraction, digits: int) -> Fraction:
    """Hours of the seconds of a whole line, rounded to the ERP's digits."""
    return half_up(Fraction(secs) / HOUR, digits)


def text(value: Fraction | int, least: int = 0) -> str:
    """``value`` as a decimal number with at least so many digits."""
    value = Fraction(value)
    digits = least
    while digits < 12 and value * 10**digits != floor(value * 10**digits):
        digits += 1
    scaled = abs(half_up(value, digits)) * 10**digits
    body = str(int(scaled)).rjust(digits + 1, "0")
    sign = "-" if value < 0 else ""
    return sign + (body if not digits else f"{body[:-digits]}.{body[-digits:]}")


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sorts ids with the numbers in them as numbers: e9 before e10."""
    return [
        (0, int(piece), "") if piece.isdigit() else (1, 0, piece)
        for piece in re.split(r"(\d+)", name)
        if piece
    ]
