"""Numbers of lines: no two of one group have the same."""

from __future__ import annotations

from datetime import date

from klausel.model import LedgerKey
from klausel.run.history.record import History


class Numbers:
    """The highest number of each group of lines, on record or made by this run."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._given: dict[tuple[str, str, str, date], dict[str, int]] = {}

    def of(self, code: str, place: tuple[str, str, date]) -> dict[str, int]:
        """By group of (term, component, period); kept up to date by whoever gives numbers."""
        found = self._given.get((code, *place))
        if found is None:
            known = self._history.ledger[code].groups.get(place, {})
            found = self._given[(code, *place)] = dict(known)
        return found

    def next(self, key: LedgerKey) -> LedgerKey:
        """``key`` with the number after the highest of its group."""
        groups = self.of(key.contract, (key.term, key.component, key.period))
        groups[key.group] = sequence = groups.get(key.group, 0) + 1
        return key._replace(sequence=sequence)
