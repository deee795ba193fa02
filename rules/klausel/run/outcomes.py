"""What became of each entry (semantics 13)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Any

from klausel.approvals import LIMIT, OVER_BUDGET
from klausel.charges.base import Taken
from klausel.model import Entry, made
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
        for part in settled.parts:
            self._places[part.number] = (entry.id, len(self.parts[entry.id]))
            line = str(part.key) if part.key in self._history.lines else ""
            self.add(
                entry,
                Part(
                    part.disposition,
                    part.rule,
                    part.seconds,
                    part.rounded,
                    part.key.contract,
                    part.key.term,
                    part.lot,
                    line,
                    settled=True,
                    component=part.key.component,
                    drawn=part.drawn,
                    late=self._is_late(part),
                    closes=None if line else self._closed_with(entry, part),
                    due=None if line else self._still_due(part),
                ),
            )

    def _still_due(self, part: OnRecord) -> date | None:
        """Day on which a part will be billed that went on record before its period was over."""
        period = self._period_of(part) if part.rate is not None else None
        if period is None or period.last < self._facts.as_of:
            return None
        return period.last + ONE_DAY

    def _is_late(self, part: OnRecord) -> bool:
        """Whether a part on record counted behind its period."""
        if part.counted is None:
            return False
        period = self._period_of(part)
        return period is None or period.last <= part.counted

    def _period_of(self, part: OnRecord) -> Period | None:
        """The period of its component that a part on record is in."""
        bound = next(
            (b for b in self._facts.contracts if b.contract.code == part.key.contract), None
        )
        for term in bound.terms if bound is not None else ():
            for component in term.components:
                if (term.term.id, component.id) == (part.key.term, part.key.component):
                    return component.bound.period(part.key.period)
        return None

    def _closed_with(self, entry: Entry, part: OnRecord) -> date | None:
        """Last day of the window that decided a part on record."""
        bound = next(
            (b for b in self._facts.contracts if b.contract.code == part.key.contract), None
        )
        if bound is None or not bound.contract.span.covers(part.key.period):
            return None
        period = self._period_of(part)
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
