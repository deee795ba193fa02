"""The closing windows that a clerk goes through (semantics 4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

from klausel.period import ONE_DAY, Span
from klausel.run.clerk.piece import Piece
from klausel.terms import BoundContract


@dataclass(slots=True)
class DayWindow:
    """What is done in one closing window."""

    span: Span
    natural: list[Piece] = field(default_factory=list)
    late: list[Piece] = field(default_factory=list)


def never_closed(span: Span) -> bool:
    """For a contract with nothing on record."""
    return False


class Calendar:
    """Closing windows of one contract, as the clerk goes through them."""

    def __init__(
        self,
        bound: BoundContract,
        window: Callable[[date], Span],
        closed: Callable[[Span], bool],
        as_of: date,
    ) -> None:
        self._bound = bound
        self._window_of = window
        self.is_closed = closed
        """Whether a window is closed on record."""
        self.as_of = as_of
        self._spans: dict[date, Span] = {}
        self.windows: dict[date, DayWindow] = {}
        """By first day: what is done in it."""

    def window(self, day: date) -> Span:
        found = self._spans.get(day)
        if found is None:
            found = self._spans[day] = self._window_of(day)
        return found

    def at(self, span: Span) -> DayWindow:
        found = self.windows.get(span.first)
        if found is None:
            found = self.windows[span.first] = DayWindow(span)
        return found

    def window_or_none(self, day: date) -> Span | None:
        if not self._bound.contract.span.covers(day):
            return None
        return self.window(day)

    def after(self, day: date) -> DayWindow:
        """The window that begins after ``day``; an empty one behind the contract's end."""
        following = day + ONE_DAY
        span = self.window_or_none(following)
        return self.at(span if span is not None else Span(following, following))

    def closed_until(self, pieces: Sequence[Piece]) -> date:
        """The last day that is closed on record for this contract."""
        last = date.min
        if self.is_closed is never_closed:
            return last
        for piece in pieces:
            span = self.window(piece.work.entry.date)
            if span.last is not None and span.last > last and self.is_closed(span):
                last = span.last
        day = max(last, self._bound.contract.start)
        while day <= self.as_of:
            found = self.window_or_none(day)
            if found is None or found.last is None or found.last >= self.as_of:
                break
            if self.is_closed(found):
                last = found.last
            day = found.last + ONE_DAY
        return last

    def place_before(self, day: date) -> date:
        """The day behind which stands what a decision of ``day`` frees of earlier windows."""
        span = self.window_or_none(day)
        behind = (span.first if span is not None else day) - ONE_DAY
        return min(behind, self._bound.contract.end or behind)
