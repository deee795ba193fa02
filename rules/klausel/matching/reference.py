"""The reference matcher: the meaning of a table in a few lines of plain Python."""

from __future__ import annotations

from collections.abc import Sequence

from klausel.matching.port import Combination, Condition, DecisionTable


def first_failing(rule: Sequence[Condition], combination: Combination) -> Condition | None:
    """The first condition of ``rule`` that does not hold; None where all of them do."""
    for condition in rule:
        if combination[condition.field] not in condition.codes:
            return condition
    return None


class ReferenceMatcher:
    """Walks the rules from the top; slow and obviously right."""

    name = "reference"

    def __init__(self, table: DecisionTable) -> None:
        self._table = table

    def decide(self, combination: Combination) -> int:
        for index, rule in enumerate(self._table.rules):
            if first_failing(rule, combination) is None:
                return index
        return len(self._table.rules)
