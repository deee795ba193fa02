"""Windows that are closed on record (semantics 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from klausel.ledger import CLOSING, SCOPE
from klausel.model import LedgerKey
from klausel.period import ONE_DAY, Period, Span
from klausel.run.clerk.calendar import never_closed
from klausel.run.facts import CustomerFacts
from klausel.run.history.record import History, Ledger
from klausel.run.history.rows import Rows
from klausel.run.windows import Windows
from klausel.terms import BoundContract


class ClosedWindows:
    """Which windows are closed on record, and rows that say so."""

    def __init__(
        self, facts: CustomerFacts, windows: Windows, history: History, rows: Rows
    ) -> None:
        self._facts = facts
        self._windows = windows
        self._history = history
        self._rows = rows

    def windows(self, bound: BoundContract) -> Callable[[Span], bool]:
        """Whether a window is closed on record: a period that ends with it is."""
        ledger = self._history.ledger[bound.contract.code]
        if not ledger.groups:
            return never_closed
        known: dict[date, bool] = {}

        def closed(span: Span) -> bool:
            found = known.get(span.first)
            if found is None:
                found = known[span.first] = self._is_closed(bound, ledger, span)
            return found

        return closed

    def _is_closed(self, bound: BoundContract, ledger: Ledger, span: Span) -> bool:
        if CLOSING in ledger.groups.get(("", SCOPE, span.first), {}):
            return True
        for term in bound.terms:
            if not term.span.covers(span.first):
                continue
            for component in term.components:
                period = component.bound.period(span.first) if component.takes_time else None
                if period is None or (span.last is not None and period.last > span.last):
                    continue
                if CLOSING in ledger.groups.get((term.term.id, component.id, period.first), {}):
                    return True
        return False

    def where_terms_begin(self, bound: BoundContract) -> None:
        """A window that ends because a term begins, and with no period, has a row of its own."""
        code = bound.contract.code
        if not self._facts.mode.recording:
            return
        for first in sorted({term.span.first for term in bound.terms}):
            if first > self._facts.as_of or not bound.contract.span.covers(first - ONE_DAY):
                continue
            window = self._windows.window(bound, first - ONE_DAY)
            place = ("", SCOPE, window.first)
            if window.last != first - ONE_DAY or place in self._history.ledger[code].groups:
                continue
            if not any(period.last == window.last for period in self._periods(bound, window.first)):
                self._rows.settle(bound, LedgerKey(code, *place, CLOSING))

    def between_terms(self, bound: BoundContract) -> None:
        """Months behind a term that took time, and with no period, have rows of their own where
        time has to pass an approval: one of them may be decided in such a month."""
        code = bound.contract.code
        ends = [
            term.span.last
            for term in bound.terms
            if term.span.last is not None and any(one.takes_time for one in term.components)
        ]
        if not (self._facts.mode.recording and bound.policy.requirements and ends):
            return
        begins = {term.span.first for term in bound.terms}
        day = min(ends) + ONE_DAY
        while day < self._facts.as_of and bound.contract.span.covers(day):
            window = self._windows.window(bound, day)
            if window.last is None or window.last >= self._facts.as_of:
                return
            place, after = ("", SCOPE, window.first), window.last + ONE_DAY
            known = place in self._history.ledger[code].groups or after in begins
            if not known and next(self._periods(bound, day), None) is None:
                self._rows.settle(bound, LedgerKey(code, *place, CLOSING))
            day = after

    def _periods(self, bound: BoundContract, day: date) -> Iterator[Period]:
        for term in bound.terms:
            for component in term.components if term.span.covers(day) else ():
                period = component.bound.period(day) if component.takes_time else None
                if period is not None:
                    yield period
