"""What became of each entry (semantics 13)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from klausel.approvals import LIMIT, OVER_BUDGET
from klausel.charges.base import Taken
from klausel.model import Entry, LedgerKey, made
from klausel.period import ONE_DAY, Period
from klausel.policy.ir import Rule
from klausel.result import Held, Part, Uncovered
from klausel.run.facts import CustomerFacts
from klausel.run.history.record import History, Settled
from klausel.run.values import OnRecord
from klausel.run.windows import Windows
from klausel.terms import BoundContract


class Outcomes:
    """What became of each entry: its parts, and what waits or is nobody's."""

    def __init__(self, facts: CustomerFacts, windows: Windows, history: History) -> None:
        self._facts = facts
        self._windows = windows
        self._history = history
        self.parts: dict[str, list[Part]] = {}
        self.held: list[Held] = []
        self.uncovered: list[Uncovered] = []
        self._places: dict[int, tuple[str, int]] = {}
        """By number on record: the entry, and which of its parts it is."""
        self._periods: dict[tuple[str, str, str, date], Period | None] = {}
        """By contract, term, component and first day: periods of what is on record."""

    def add(self, entry: Entry, part: Part) -> None:
        self.parts[entry.id].append(part)

    def hold(
        self,
        entry: Entry,
        code: str,
        rule: Rule,
        seconds: int,
        rounded: int,
        amount: Decimal | None,
        reason: str,
    ) -> None:
        reason = LIMIT if reason == OVER_BUDGET else reason
        self.add(entry, Part(rule.disposition, rule.id, seconds, rounded, code, held=reason))
        self.held.append(Held(entry.id, self._facts.root, code, rounded, amount, reason, rule.id))

    def show(
        self,
        bound: BoundContract,
        parts: Iterable[Taken],
        term: str,
        component: str,
        line: str,
        again: bool = False,
        open_: bool = False,
    ) -> None:
        """Shows what became of the unsettled ones of ``parts``; ``again`` where they are on record
        and done again, ``open_`` where their periods are not over yet."""
        code, all_parts = bound.contract.code, self.parts
        closes = due = None
        # By position: there are hundreds of thousands of them.
        for (
            work, seconds, rounded, period, _, rate, lot, drawn, counted, disposition, settled,
            after, turn, _,
        ) in parts:  # fmt: skip
            if settled and not again:
                continue
            entry = work[0]
            if not line and not again:
                closes = self._windows.closes(bound, entry[1], period, rate is not None)
            if open_:
                due = period[1] + ONE_DAY
            facts = (
                disposition or work[5], work[6], seconds, rounded, code, term, lot, line, "", "",
                due, False, component, drawn, after, turn,
                counted is not None and period[1] <= counted, closes,
            )  # fmt: skip
            all_parts[entry[0]].append(made(Part, facts))

    def amend(self, part: Taken, **values: Any) -> None:
        """Says more of a part that is on record: the line that it is on now, its balance."""
        place = self._places.get(part.number)
        if place is not None:  # its entry is still there
            parts = self.parts[place[0]]
            parts[place[1]] = parts[place[1]]._replace(**values)

    def show_settled(self, entry: Entry, settled: Settled) -> None:
        """The parts of ``entry`` that are on record."""
        mine, lines = self.parts[entry.id], self._history.lines
        for part in settled.parts:
            key = part.key
            self._places[part.number] = (entry.id, len(mine))
            line = str(key) if key in lines else ""
            period = self._period_of(key)
            late = part.counted is not None and (period is None or period.last <= part.counted)
            closes = due = None
            if not line:
                closes = self._closed_with(entry, part, period)
                if part.rate is not None and period is not None:
                    # It went on record before its period was over.
                    due = period.last + ONE_DAY if period.last >= self._facts.as_of else None
            facts = (
                part.disposition, part.rule, part.seconds, part.rounded, key.contract, key.term,
                part.lot, line, "", "", due, True, key.component, part.drawn, None, 0, late, closes,
            )  # fmt: skip
            mine.append(made(Part, facts))

    def _period_of(self, key: LedgerKey) -> Period | None:
        """The period of its component that what has ``key`` is in."""
        place = key[:4]
        try:
            return self._periods[place]
        except KeyError:
            component = self._history.components.get(place[:3])
            found = component.bound.period(key.period) if component is not None else None
            self._periods[place] = found
            return found

    def _closed_with(self, entry: Entry, part: OnRecord, period: Period | None) -> date | None:
        """Last day of the window that decided a part on record."""
        bound = self._history.contracts.get(part.key.contract)
        if bound is None or not bound.contract.span.covers(part.key.period):
            return None
        if period is not None:
            return self._windows.closes(bound, entry.date, period, part.rate is not None)
        day = entry.date if bound.contract.span.covers(entry.date) else part.key.period
        return self._windows.window(bound, day).last

    def uncover(self, entry: Entry, part: Part, found: Uncovered) -> None:
        """Nobody has ``entry``."""
        self.add(entry, part)
        self.uncovered.append(found)

    def begin(self, entry: str) -> None:
        """Nothing has become of ``entry`` yet."""
        self.parts[entry] = []
