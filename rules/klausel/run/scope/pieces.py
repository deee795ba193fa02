"""Pieces of entries as the clerk takes them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from klausel.approvals import LIMIT, NO_HOURS, NO_TERM, OVER_BUDGET, held_reason
from klausel.charges.base import Work
from klausel.model import Entry
from klausel.policy.ir import Rule
from klausel.run.clerk.piece import FRESH, Fresh, Piece, Waiting
from klausel.run.facts import CustomerFacts
from klausel.run.handed import Handed
from klausel.run.history.record import HeldBefore, History
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.scope.around import Surroundings
from klausel.run.scope.takers import Takers
from klausel.run.values import NO_WHERE, Decision


def resting(piece: Piece, rest: HeldBefore, whole: bool) -> Piece:
    """``rest`` of an entry, as ``piece`` is; ``whole`` where nothing of the entry has passed."""
    over_budget = rest.reason == OVER_BUDGET
    cut = over_budget or rest.reason == LIMIT
    origin = Waiting(
        rest.reason,
        rest.gated,
        old_place=rest.counted,
        since=rest.since,
        first_counted=rest.counted,
        began=rest.number,
        cut=cut,
        whole=whole,
        stuck=rest.reason in (NO_HOURS, NO_TERM),
        # Without an approval in play it was a budget that cut it off (before it was recorded).
        over_budget=over_budget or (cut and piece.requirement is None),
        reopened=piece.origin.reopened,
    )
    work = piece.work._replace(seconds=rest.seconds, rounded=rest.rounded)
    return replace(piece, work=work, origin=origin)


def as_today(piece: Piece) -> Piece:
    """``piece`` of an entry that waits with other facts: nothing of it was billed, and it counts as
    it is today."""
    return replace(piece, origin=Fresh(changed=True, reopened=piece.origin.reopened))


def opened_again(piece: Piece, work: Work) -> Piece:
    """What a release opened of an entry: ``work``, which is not rounded again."""
    return replace(piece, work=work, origin=Fresh(reopened=piece.origin.reopened, held_before=True))


def rounded_again(piece: Piece, work: Work) -> Piece:
    """All of an entry that waits, to be rounded with its group."""
    assert isinstance(piece.origin, Waiting)
    return replace(piece, work=work, origin=replace(piece.origin, held_before=False))


class Pieces:
    """Makes pieces of entries for the clerk: new ones, and what waits on record."""

    def __init__(
        self,
        facts: CustomerFacts,
        around: Surroundings,
        terms: Takers,
        history: History,
        rows: Rows,
        outcomes: Outcomes,
        handed: Handed,
    ) -> None:
        self._facts = facts
        self._around = around
        self._terms = terms
        self._history = history
        self._rows = rows
        self._outcomes = outcomes
        self._handed = handed

    def fresh(self, entry: Entry, decision: Decision, work: Work, validated: bool) -> Piece:
        """``work`` as the clerk takes it up: what it needs, and what counts it."""
        bound, rule, _, seen, _ = decision
        code = bound.contract.code
        reopened = entry.id in self._facts.others.released.get(code, ())
        origin = Fresh(reopened=True) if reopened else FRESH
        if self._terms.is_included(bound, rule.disposition, entry.date):
            return Piece(work, validated=validated, included=True, origin=origin)
        needed, watches = seen.requirement(rule.disposition), seen.watches(rule.disposition)
        return Piece(work, needed, watches, validated, origin=origin)

    def wait_on(self, entry: Entry, rests: Sequence[HeldBefore]) -> None:
        """What waits of an entry that is billed in part waits on as what it was billed as, whatever
        it would be today (semantics 14)."""
        known = {bound.contract.code: bound for bound in self._facts.contracts}
        for rest in rests:
            parts = self._history.settled[entry.id].parts
            part = next((one for one in parts if one.key.contract == rest.contract), None)
            if part is None:
                continue  # an adjustment took it to another contract
            rule = Rule(part.rule, part.disposition, {}, NO_WHERE)
            bound = known.get(rest.contract)
            if bound is None or not bound.stateful or not bound.span.covers(entry.date):
                self._outcomes.hold(
                    entry, rest.contract, rule, rest.seconds, rest.rounded, None, rest.reason
                )
                self._rows.leave(rest.contract, entry.id)
                continue
            self._handed.rules.setdefault((rest.contract, rule.id), rule)
            around = self._around.around(entry)
            decision = Decision(bound, rule, False, self._around.see(bound, entry, around), around)
            work = self._around.work(entry, decision)
            piece = self.fresh(entry, decision, work, not held_reason(entry))
            self._handed.pieces[rest.contract].append(resting(piece, rest, False))
