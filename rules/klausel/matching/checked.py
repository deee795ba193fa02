"""Every distinct combination is decided once, by both matchers, and remembered."""

from __future__ import annotations

from klausel.matching import durable, reference
from klausel.matching.port import Combination, DecisionTable, MatcherFactory
from klausel.problems import InternalError


class MatcherDisagreement(InternalError):
    """The two matchers answered differently: nothing that follows could be trusted."""


class Decider:
    """Decides combinations of one table; ``fresh`` counts those decided by both matchers."""

    def __init__(
        self,
        table: DecisionTable,
        main: MatcherFactory = durable.compile_table,
        check: MatcherFactory = reference.ReferenceMatcher,
    ) -> None:
        self._main = main(table)
        self._check = check(table)
        self._known: dict[Combination, int] = {}
        self._rules = len(table.rules)

    @property
    def fresh(self) -> int:
        return len(self._known)

    def decide(self, combination: Combination) -> int:
        """Index of the deciding rule; raises :class:`MatcherDisagreement`."""
        answer = self._known.get(combination)
        if answer is None:
            answer = self._main.decide(combination)
            checked = self._check.decide(combination)
            if answer != checked:
                raise MatcherDisagreement(
                    f"two matchers disagree on {combination}: "
                    f"{self._main.name} says {self._said(answer)}, "
                    f"{self._check.name} says {self._said(checked)}"
                )
            self._known[combination] = answer
        return answer

    def _said(self, answer: int) -> str:
        return "otherwise" if answer == self._rules else f"rule {answer + 1}"
