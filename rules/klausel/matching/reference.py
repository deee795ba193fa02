"""The reference matcher: the meaning of a table in a few lines of plain Python."""

from __future__ import annotations

from klausel.matching.port import Combination, DecisionTable


class ReferenceMatcher:
    """Walks the rules from the top; slow and obviously right."""

    name = "reference"

    def __init__(self, table: DecisionTable) -> None:
        self._table = table

    def decide(self, combination: Combination) -> int:
        for index, rule in enumerate(self._table.rules):
            if all(combination[condition.field] in condition.codes for condition in rule):
                return index
        return len(self._table.rules)
