"""Digits of currencies: the ERP's own where it says so, else the published ones."""

from __future__ import annotations

from functools import lru_cache

from babel.numbers import get_currency_precision, is_currency

from klausel.model import Company


@lru_cache(maxsize=256)
def _published(code: str) -> int:
    return int(get_currency_precision(code))


@lru_cache(maxsize=256)
def known(code: str) -> bool:
    """Whether ``code`` is a currency's three-letter code."""
    return len(code) == 3 and code.isupper() and bool(is_currency(code, locale="en"))


def digits(company: Company, code: str) -> int:
    """Decimals of amounts in ``code``: 0, 2 or 3."""
    own = company.currencies.get(code)
    return _published(code) if own is None else own
