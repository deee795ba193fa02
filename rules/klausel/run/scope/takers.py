"""Which terms take time."""

from __future__ import annotations

from datetime import date

from klausel.run.values import Decision
from klausel.terms import BoundContract, BoundTerm


class Takers:
    """Terms that take time of a disposition, by priority."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], list[BoundTerm]] = {}

    def taking(self, bound: BoundContract, disposition: str) -> list[BoundTerm]:
        key = (bound.contract.code, disposition)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = bound.taking(disposition)
        return found

    def is_included(self, bound: BoundContract, disposition: str, day: date) -> bool:
        """Whether a fixed price pays for it: then nobody has to approve or to round it."""
        for term in self.taking(bound, disposition):
            if term.span.covers(day):
                for component in term.components:
                    if component.takes_time:
                        return component.bound.includes
        return False

    def before_go_live(self, decision: Decision, day: date) -> str | None:
        """The term that ``day`` belongs to, where that was billed before go-live (semantics 12)."""
        if not decision.contract.taken_over:
            return None
        for term in self.taking(decision.contract, decision.rule.disposition):
            if term.span.covers(day):
                before = term.billed_until is not None and day <= term.billed_until
                return term.term.id if before else None
        return None
