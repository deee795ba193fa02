"""What an hour costs, and what it weighs (semantics 5)."""

from __future__ import annotations

from fractions import Fraction

from tests.oracle.facts import TAKING, Facts, dated, on
from tests.oracle.numbers import DIGITS, half_up, number
from tests.oracle.scope import holds, in_force, takers


def card(component: Facts, entry: Facts, default: bool) -> Fraction | None:
    """The rate card's price for an entry; ``default`` says whether its default counts."""
    rates = component.get("rates") or {}
    for kind in ("employee", "role", "activity"):
        for name, value in (rates.get(kind) or {}).items():
            if entry[kind] and str(name).lower() == entry[kind].lower():
                price = on(dated(value), entry["date"])
                if price is not None:
                    return price
    if default and rates.get("default") not in (None, ""):
        return on(dated(rates["default"]), entry["date"])
    return None


def component_price(term: Facts, component: Facts, entry: Facts) -> Fraction | None:
    """The price of an hour that one component gives, before surcharges."""
    kind, day = component["kind"], entry["date"]
    if kind == "time":
        price = card(component, entry, default=False)
        if price is None:
            price = on(term["price"], day)
        return card(component, entry, default=True) if price is None else price
    if kind in ("contingent", "pool", "block"):
        price = on(term["beyond_price"], day)
        if price is None:
            price = card(component, entry, default=True)
        return on(term["price"], day) if price is None else price
    return card(component, entry, default=True) if kind == "quota" else None


def by_the_hour(term: Facts, component: Facts, entry: Facts) -> bool:
    """Whether a component bills the time that it takes, and by the hour."""
    kind = component["kind"]
    if kind == "time":
        return True
    if kind == "quota" and on(term["beyond_price"], entry["date"]) is not None:
        return False  # each request beyond has a price
    word = component.get("empty") or "hold" if kind == "block" else component.get("beyond")
    return (word or "bill") == "bill"


def entry_rate(
    entry: Facts, disposition: str, contract: Facts
) -> tuple[Fraction, Facts, Facts] | None:
    """The price that billing an hour would have, with the term and component that say it.

    The first that bills such time by the hour, else the first that has a price for it.
    """
    found = [
        (price, term, component)
        for term in takers(contract, disposition, entry["date"])
        for component in term["components"]
        if component["kind"] in TAKING
        and (price := component_price(term, component, entry)) is not None
    ]
    bills = [one for one in found if by_the_hour(*one[1:], entry)]
    return next(iter(bills + found), None)


def factors(
    entry: Facts, disposition: str, contract: Facts, facts: Facts, wanted: str
) -> Fraction | None:
    """Product of the surcharges on ``price`` or on ``hours``, None where there is none."""
    found = None
    for rule in contract["policy"].get("surcharges") or []:
        if (rule.get("on") or "price") != wanted or not in_force(rule, entry["date"]):
            continue
        if holds(entry, rule.get("when"), disposition, contract, facts):
            found = (Fraction(1) if found is None else found) * number(rule["times"])
    return found


def with_surcharge(
    price: Fraction, entry: Facts, disposition: str, contract: Facts, facts: Facts
) -> Fraction:
    factor = factors(entry, disposition, contract, facts, "price")
    if factor is None:
        return price
    return half_up(price * factor, DIGITS.get(contract["currency"], 2) + 4)


def value_of_hour(
    entry: Facts, disposition: str, contract: Facts, facts: Facts
) -> tuple[Fraction, Facts, Facts] | None:
    """An hour in the money that limits and budgets count (discount taken off), and who says it."""
    found = entry_rate(entry, disposition, contract)
    if found is None:
        return None
    price, term, component = found
    price = with_surcharge(price, entry, disposition, contract, facts)
    return price * (1 - term["discount"] / 100), term, component
