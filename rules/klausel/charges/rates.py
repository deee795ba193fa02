"""The rate card: what an hour of somebody costs on a day (semantics 4, "Rate")."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import field_validator

from klausel.charges.base import Binding, DatedNumber, Work, dated_number
from klausel.shapes import DatedNumbers, Shape, Shared, check_dated


class RatesShape(Shape):
    """A rate card. The first of employee, role, activity, default that has a price decides."""

    employee: dict[str, DatedNumbers] = {}
    role: dict[str, DatedNumbers] = {}
    activity: dict[str, DatedNumbers] = {}
    default: DatedNumbers | None = None

    @field_validator("employee", "role", "activity")
    @classmethod
    def _in_order(cls, value: dict[str, DatedNumbers]) -> dict[str, DatedNumbers]:
        for name, dated in value.items():
            check_dated(name, dated, name)
        return value

    @field_validator("default")
    @classmethod
    def _default_in_order(cls, value: DatedNumbers | None) -> DatedNumbers | None:
        if value is not None:
            check_dated("default", value)
        return value


#: A component's rate card: written out, or the name of one that several share.
Rates = Annotated[RatesShape, Shared("rates")]


class RateCard:
    """A card with the term's own ``price`` in place of its default."""

    def __init__(self, shape: RatesShape, binding: Binding, own_price: bool = True) -> None:
        self._binding = binding
        self._employees = {key: dated_number(value) for key, value in shape.employee.items()}
        self._roles = {key.casefold(): dated_number(value) for key, value in shape.role.items()}
        self._activities = {
            key.casefold(): dated_number(value) for key, value in shape.activity.items()
        }
        self._default = dated_number(shape.default or {})
        if own_price and "price" in binding.parameters:
            self._default = binding.parameters["price"]
        self.named = bool(self._roles or self._activities)
        """Whether a line can say for what role or activity its price is."""
        self._cards: list[tuple[dict[str, DatedNumber], int]] = [
            (card, number)
            for number, card in enumerate((self._employees, self._roles, self._activities))
            if card
        ]
        self._prices: dict[tuple[str, str, str], list[tuple[DatedNumber, str]]] = {}
        """By employee, role and activity: where to look for a price, and for what it is."""

    def plain(self, work: Work) -> tuple[Decimal | None, str]:
        """Price per hour on the entry's date (None where the card has none), and for what.

        "For what" is the role or activity that has the price; empty for the others, because a
        customer is not told a price by person.
        """
        day = work.entry.date
        if self._cards:
            who = (work.entry.employee, work.role, work.activity)
            prices = self._prices.get(who)
            if prices is None:
                prices = self._prices[who] = self._prices_of(who)
            for dated, name in prices:
                found = dated.on(day)
                if found is not None:
                    return found, name
        return self._default.on(day), ""

    def _prices_of(self, who: tuple[str, str, str]) -> list[tuple[DatedNumber, str]]:
        """What the card has for an employee, a role and an activity, in this order."""
        return [
            (dated, who[number] if number else "")
            for card, number in self._cards
            if (dated := card.get(who[number].casefold() if number else who[number])) is not None
        ]

    def rate(self, work: Work) -> Decimal | None:
        """Price per hour with the surcharges of ``work``."""
        found, _ = self.plain(work)
        return None if found is None else self._binding.hour_price(found, work)
