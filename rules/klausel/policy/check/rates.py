"""Dated prices of rate cards: days without a price, dates on which nothing changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from itertools import pairwise

from klausel.charges.rates import RatesShape
from klausel.money import plain
from klausel.policy.check.context import Checked
from klausel.policy.check.finding import Finding, finding
from klausel.policy.ir import Plan
from klausel.problems import Where

_CARDS = ("employee", "role", "activity")


def rate_days(checked: Checked) -> Iterator[Finding]:
    said = set()
    for plan in checked.policy.plans.values():
        for where, whose, prices in _prices(checked, plan):
            days = list(prices)
            if not days:
                continue
            if days[0] != "always" and not _all_later(checked, plan, days[0]):
                first = checked.raw.below(where, days[0])
                instead = _instead(whose)
                if (first, "") not in said:
                    said.add((first, ""))
                    yield finding(
                        "rate-gap", first,
                        plan=plan.name, whose=whose, first=days[0], instead=instead,
                    )  # fmt: skip
            for before, day in pairwise(days):
                place = checked.raw.below(where, day)
                if prices[before] == prices[day] and (place, day) not in said:
                    said.add((place, day))
                    yield finding(
                        "date-without-effect", place,
                        plan=plan.name, whose=whose, price=plain(prices[day]), first=day,
                    )  # fmt: skip


def _instead(whose: str) -> str:
    if whose == "default":
        return "before that day only a price of the contract's term counts"
    return "before that day the next price of the card that fits counts"


def _prices(checked: Checked, plan: Plan) -> Iterator[tuple[Where, str, Mapping[str, Decimal]]]:
    """Dated prices of the plan's rate cards: place, whose they are, first day -> price."""
    for component in plan.components:
        card = getattr(component.shape, "rates", None)
        if not isinstance(card, RatesShape):
            continue
        for word in _CARDS:
            for name, prices in getattr(card, word).items():
                where = checked.raw.below(component.where, "rates", word, name)
                yield where, f'{word} "{name}"', prices
        if card.default is not None:
            where = checked.raw.below(component.where, "rates", "default")
            yield where, "default", card.default


def _all_later(checked: Checked, plan: Plan, first: str) -> bool:
    """Whether the book has terms with the plan, and none of them begins before ``first``."""
    starts = [
        max(contract.start, term.first or contract.start)
        for contract in checked.contracts
        for term in contract.terms
        if term.plan == plan.name
    ]
    return bool(starts) and min(starts) >= date.fromisoformat(first)
