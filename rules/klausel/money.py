"""Time and money (semantics 1). The only module that rounds.

Time is an integer number of seconds. Money is ``Decimal``; a part of it that no decimal number
says is a ``Fraction`` until it is rounded. Rounding is half-up, away from zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Literal

RoundingMethod = Literal["global", "line"]

SECONDS_PER_HOUR = 3600
_HOUR = Decimal(SECONDS_PER_HOUR)
HUNDRED = Decimal(100)
ZERO = Decimal(0)
_ONE = Decimal(1)

#: Enough digits that a product of hours, price and discount is exact.
_CONTEXT = Context(prec=50, rounding=ROUND_HALF_UP)


@lru_cache(maxsize=64)
def _unit(digits: int) -> Decimal:
    return Decimal(1).scaleb(-digits)


def round_half_up(value: Decimal | Fraction, digits: int) -> Decimal:
    """``value`` with ``digits`` decimals, ties away from zero."""
    if isinstance(value, Fraction):
        steps = (abs(value.numerator) * 10**digits * 2 + value.denominator) // (
            value.denominator * 2
        )
        return Decimal(steps if value >= 0 else -steps).scaleb(-digits, context=_CONTEXT)
    return value.quantize(_unit(digits), context=_CONTEXT)


def multiply(*factors: Decimal | int) -> Decimal:
    """Exact product."""
    result = _ONE
    for factor in factors:
        result = _CONTEXT.multiply(result, factor)
    return result


def share(amount: Decimal | Fraction, part: int, whole: int) -> Fraction:
    """``amount * part / whole``, exactly."""
    return Fraction(amount) * part / whole


def seconds_from_hours(hours: Decimal) -> int:
    """Seconds of an ERP's hours, rounded half-up (semantics 1): 0.33 h is 1188 s."""
    return int(round_half_up(_CONTEXT.multiply(hours, _HOUR), 0))


def hours_exact(seconds: int) -> Decimal:
    """Hours of ``seconds`` to 50 digits: to be shown or rounded, not to be compared."""
    return _CONTEXT.divide(Decimal(seconds), _HOUR)


def quantity(seconds: int, digits: int) -> Decimal:
    """Hours of a whole line, rounded half-up to the ERP's quantity digits (semantics 1)."""
    return round_half_up(hours_exact(seconds), digits)


def line_amount(amount_of: Decimal, unit_price: Decimal, discount: Decimal) -> Decimal:
    """Quantity x unit price less ``discount`` percent, unrounded, in the contract's currency."""
    gross = _CONTEXT.multiply(amount_of, unit_price)
    if not discount:
        return gross
    return _CONTEXT.divide(_CONTEXT.multiply(gross, HUNDRED - discount), HUNDRED)


def total(amounts: Iterable[Decimal], method: RoundingMethod, digits: int) -> Decimal:
    """A draft's total from its unrounded line amounts (semantics 1)."""
    if method == "line":
        return sum(
            (round_half_up(amount, digits) for amount in amounts), round_half_up(ZERO, digits)
        )
    return round_half_up(sum(amounts, ZERO), digits)


def parse_decimal(text: str) -> Decimal:
    """A plain decimal number as people write it in a file: ``12``, ``-0.5``, ``1250.00``.

    Raises ``ValueError`` with a sentence that says what to write instead.
    """
    stripped = text.strip()
    body = stripped[1:] if stripped[:1] in ("-", "+") else stripped
    whole, _, fraction = body.partition(".")
    digits = whole + fraction
    if whole and digits.isascii() and digits.isdigit() and bool(fraction) == ("." in body):
        return Decimal(stripped)
    if "," in body and "." not in body and body.replace(",", "", 1).isdigit():
        raise ValueError(f"write it with a point: {stripped.replace(',', '.')}")
    groups = re.split(r"[.,']", body)
    if len(groups) > 2 and len(groups[-1]) == 2 and "".join(groups).isdigit():
        value = f"{''.join(groups[:-1])}.{groups[-1]}"
        raise ValueError(f"write it with a point, and nothing between the thousands: {value}")
    raise ValueError("write a plain number such as 12 or 12.50")


def parse_hours(text: str) -> int:
    """Seconds of hours written as a decimal number; raises as :func:`parse_decimal`."""
    stripped = text.strip()
    if ":" in stripped:
        hours, _, minutes = stripped.partition(":")
        if hours.isdigit() and minutes.isdigit() and int(minutes) < 60:
            value = round_half_up(Decimal(int(hours) * 60 + int(minutes)) / 60, 2)
            raise ValueError(f"write hours as a decimal number: {value}")
    return seconds_from_hours(parse_decimal(text))


def plain(value: Decimal) -> str:
    """``value`` without exponent or trailing noise: ``1.50`` stays, ``1E+2`` is ``100``."""
    return format(value, "f")


def shortest(value: Decimal) -> str:
    """``value`` without trailing zeros: ``12.00`` is ``12``, ``0.50`` is ``0.5``."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"
