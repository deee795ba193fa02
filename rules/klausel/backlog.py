"""Bills that reach far back: most often the opening of a contract was forgotten (semantics 12)."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.money import ZERO, plain, round_half_up
from klausel.period import add_months
from klausel.problems import Problem, Where, problem
from klausel.result import Draft, Result

#: So many periods of one term are billed at once without a word, however far back they lie.
USUAL_PERIODS = 2

#: Months that a bill reaches back without a word.
USUAL_MONTHS = 12


class Backlog(NamedTuple):
    """What a run would bill of a term that reaches further back than usual."""

    customer: str
    contract: str
    term: str
    periods: int
    first: date
    """First day of the oldest period."""
    amount: Decimal
    currency: str
    digits: int
    where: Where

    @property
    def name(self) -> str:
        return f"{self.contract}/{self.term}"

    @property
    def problem(self) -> Problem:
        """The warning about it."""
        amount = f"{plain(round_half_up(self.amount, self.digits))} {self.currency}"
        return problem(
            "backlog", self.where, self.customer,
            name=self.name, count=self.periods, first=self.first, amount=amount,
        )  # fmt: skip


def backlogs(result: Result) -> list[Backlog]:
    """Terms of which ``result`` bills more than two periods, from more than a year back.

    Late lines do not count: their periods are on record.
    """
    found: dict[tuple[str, str], list[tuple[Draft, date, Decimal]]] = defaultdict(list)
    for draft in result.drafts:
        sign = -1 if draft.kind == "credit_note" else 1
        for line in draft.lines:
            if not line.late and line.reverses is None:
                key = (line.key.contract, line.key.term)
                found[key].append((draft, line.key.period, sign * line.amount))
    oldest = add_months(result.as_of, -USUAL_MONTHS)
    places = {contract.code: contract.where for contract in result.book.contracts}
    return [
        Backlog(
            lines[0][0].customer, *key, len(days), min(days),
            sum((amount for _, _, amount in lines), ZERO),
            lines[0][0].currency, lines[0][0].digits, places[key[0]],
        )
        for key, lines in found.items()
        if len(days := {day for _, day, _ in lines}) > USUAL_PERIODS and min(days) < oldest
    ]  # fmt: skip


__all__ = ["Backlog", "backlogs"]
