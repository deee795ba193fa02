"""Pieces of entries as the clerk takes them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from klausel.approvals import LIMIT, NO_HOURS, NO_TERM, OVER_BUDGET, held_reason
from klausel.charges.base import Work
from klausel.clerk import Item
from klausel.model import Entry
from klausel.policy.ir import Rule
from klausel.run.facts import CustomerFacts
from klausel.run.handed import Handed
from klausel.run.history.record import HeldBefore, History
from klausel.run.history.rows import Rows
from klausel.run.scope.around import Surroundings
from klausel.run.scope.takers import Takers
from klausel.run.shown import Shown
from klausel.run.values import NO_WHERE, Decision


def resting(item: Item, rest: HeldBefore, whole: bool) -> Item:
    """``rest`` of an entry, as ``item`` is; ``whole`` where nothing of the entry has passed."""
    over_budget = rest.reason == OVER_BUDGET
    cut = over_budget or rest.reason == LIMIT
    return replace(
        item,
        work=item.work._replace(seconds=rest.seconds, rounded=rest.rounded),
        held_before=True,
        gated_before=rest.gated,
        waits_for=rest.reason,
        old_place=rest.counted,
        began=rest.number,
        first_counted=rest.counted,
        cut=cut,
        whole=whole,
        stuck=rest.reason in (NO_HOURS, NO_TERM),
        # Without an approval in play it was a budget that cut it off (before it was recorded).
        over_budget=over_budget or (cut and item.requirement is None),
    )


class Pieces:
    """Makes pieces of entries for the clerk: new ones, and what waits on record."""

    def __init__(
        self,
        facts: CustomerFacts,
        around: Surroundings,
        terms: Takers,
        history: History,
        rows: Rows,
        shown: Shown,
        handed: Handed,
    ) -> None:
        self._facts = facts
        self._around = around
        self._terms = terms
        self._history = history
        self._rows = rows
        self._shown = shown
        self._handed = handed

    def fresh(self, entry: Entry, decision: Decision, work: Work, validated: bool) -> Item:
        """``work`` as the clerk takes it up: what it needs, and what counts it."""
        bound, rule, _, seen, _ = decision
        code = bound.contract.code
        reopened = entry.id in self._facts.others.released.get(code, ())
        if self._terms.is_included(bound, rule.disposition, entry.date):
            return Item(work, validated=validated, included=True, reopened=reopened)
        needed, watches = seen.requirement(rule.disposition), seen.watches(rule.disposition)
        return Item(work, needed, watches, validated, reopened=reopened)

    def wait_on(self, entry: Entry, rests: Sequence[HeldBefore]) -> None:
        """What waits of an entry that is billed in part waits on as what it was billed as, whatever
        it would be today (semantics 8)."""
        known = {bound.contract.code: bound for bound in self._facts.contracts}
        for rest in rests:
            parts = self._history.settled[entry.id].parts
            part = next((one for one in parts if one.key.contract == rest.contract), None)
            if part is None:
                continue  # an adjustment took it to another contract
            rule = Rule(part.rule, part.disposition, {}, NO_WHERE)
            bound = known.get(rest.contract)
            if bound is None or not bound.stateful or not bound.span.covers(entry.date):
                self._shown.hold(
                    entry, rest.contract, rule, rest.seconds, rest.rounded, None, rest.reason
                )
                self._rows.left_alone.add((rest.contract, entry.id))
                continue
            self._handed.rules.setdefault((rest.contract, rule.id), rule)
            around = self._around.around(entry)
            decision = Decision(bound, rule, False, self._around.see(bound, entry, around), around)
            work = self._around.work(entry, decision)
            item = self.fresh(entry, decision, work, not held_reason(entry))
            self._handed.items[rest.contract].append(resting(item, rest, False))
