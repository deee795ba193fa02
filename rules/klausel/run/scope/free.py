"""Included, warranty, internal: settled with no money (semantics 3)."""

from __future__ import annotations

from klausel.ledger import SCOPE
from klausel.model import Entry, LedgerKey, made
from klausel.policy.ir import Rule
from klausel.result import Part
from klausel.run.facts import CustomerFacts
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.windows import Windows
from klausel.terms import BoundContract


class Free:
    """Settles entries at no charge."""

    def __init__(
        self, facts: CustomerFacts, windows: Windows, rows: Rows, outcomes: Outcomes
    ) -> None:
        self._facts = facts
        self._windows = windows
        self._rows = rows
        self._outcomes = outcomes

    def settle(self, entry: Entry, bound: BoundContract, rule: Rule) -> None:
        """Included, warranty, internal: no money; on record once its window is closed."""
        code = bound.contract.code
        window = self._windows.window(bound, entry.date)
        seconds = entry.seconds
        facts = (
            rule.disposition, rule.id, seconds, seconds, code, "", "", "", "", "", None, False, "",
            0, None, 0, False, window.last,
        )  # fmt: skip
        self._outcomes.add(entry, made(Part, facts))
        if not self._facts.mode.recording:
            return
        if window.last is not None and window.last < self._facts.as_of:
            self._rows.settle(
                bound,
                LedgerKey(code, "", SCOPE, window.first, ""),
                entry,
                seconds=entry.seconds,
                rounded=entry.seconds,
                disposition=rule.disposition,
                rule=rule.id,
            )
