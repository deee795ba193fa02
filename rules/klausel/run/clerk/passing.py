"""Limits of approvals, and budgets (semantics 7, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from klausel.adjustments.threshold import Budgets
from klausel.approvals import LIMIT, NOTHING_KEPT, OVER_BUDGET, Gate, Used, Worth
from klausel.charges.base import Taken, rounded_to
from klausel.money import ZERO
from klausel.run.clerk.piece import Piece
from klausel.run.clerk.routes import WORTHLESS, Routes
from klausel.run.clerk.taking import Taking


class Passing:
    """Cuts pieces at limits and budgets, and offers them to the terms."""

    def __init__(self, gate: Gate, routes: Routes, taking: Taking, budgets: Budgets) -> None:
        self._gate = gate
        self._routes = routes
        self._taking = taking
        self.budgets = budgets

    def process(
        self, piece: Piece, behind: date | None, aside: Mapping[str, Used] = NOTHING_KEPT
    ) -> list[Piece]:
        """Cuts ``piece`` at limits and budgets, and offers it to the terms; what is ``aside`` of
        an approval is not for it.

        What an approval's limit cut off comes back where a later approval may free it.
        """
        if piece.origin.record:
            self._taking.force(piece, behind)
            return []
        work = piece.work
        late = behind is not None
        shares: list[tuple[str, str, Taken | None, str, int]] = []
        if piece.requirement is None and not piece.watches:
            self._taking.offer(piece, work, behind, late, shares)
            return self._taking.keep(piece, shares, ZERO, False, behind)
        mark = piece.counted if piece.through else behind
        worth = self._routes.worth(work, mark) if (piece.rooms or piece.watches) else WORTHLESS
        passes = work.rounded
        held = self._held_by_budget(piece, worth)
        if piece.requirement is not None:
            passes = work.rounded
            if not piece.has_passed:
                used = self._gate.use(piece.rooms, work.entry.id, work.rounded, worth, aside)
                passes = work.rounded if piece.through else used
        limit = work.rounded - passes
        over = 0
        if piece.watches and not piece.origin.stuck:
            kept = self.budgets.count(piece.watches, work, passes, worth, piece.decisive, held)
            over = passes - kept
            passes = kept
        if passes or not work.rounded:
            self._taking.offer(piece, rounded_to(work, passes), behind, late, shares)
        if over:
            shares.append(("", "", None, OVER_BUDGET, over))
        if limit:
            shares.append(("", "", None, LIMIT, limit))
        needed = piece.requirement
        again = bool(limit) and needed is not None
        return self._taking.keep(piece, shares, worth.price, again, behind)

    def _held_by_budget(self, piece: Piece, worth: Worth) -> bool:
        """Whether it was a budget that cut ``piece`` off, and no approval's limit."""
        if piece.origin.over_budget or not piece.origin.cut:
            return piece.origin.over_budget
        work = piece.work
        return self._gate.has_more(piece.rooms, work.entry.id, work.rounded, worth)

    def count_passed(self, piece: Piece) -> None:
        """What passed in an earlier run has used its budgets, whatever else is tried."""
        amounts = [(piece.work.rounded, self._routes.worth(piece.work, piece.origin.old_place))]
        if piece.origin.record:
            # What an adjustment took back first: together they never came to more.
            amounts = sorted(self._routes.on_lines(piece), key=lambda one: one[0] >= 0)
        for seconds, worth in amounts:
            self.budgets.count(piece.watches, piece.work, seconds, worth, piece.decisive, False)
