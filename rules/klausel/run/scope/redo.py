"""Entries on record that an adjusting run does again, in their old place (semantics 14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from klausel.approvals import NO_HOURS, NO_TERM, held_reason
from klausel.ledger import SCOPE
from klausel.model import Entry, LedgerKey
from klausel.result import Part
from klausel.run.clerk.piece import FRESH, Again, Piece
from klausel.run.facts import CustomerFacts
from klausel.run.handed import Handed
from klausel.run.history.compared import Compared
from klausel.run.history.record import HeldBefore, History, Settled
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.scope.around import Surroundings
from klausel.run.scope.free import Free
from klausel.run.scope.pieces import Pieces, resting
from klausel.run.values import ELSEWHERE, Decision, Ident, OnRecord, Wanted, fingerprint
from klausel.run.windows import Windows
from klausel.terms import BoundContract


class Redo:
    """Takes entries on record up again."""

    def __init__(
        self,
        facts: CustomerFacts,
        around: Surroundings,
        windows: Windows,
        history: History,
        rows: Rows,
        outcomes: Outcomes,
        handed: Handed,
        wanted: Wanted,
        compared: Compared,
        pieces: Pieces,
        free: Free,
    ) -> None:
        self._facts = facts
        self._around = around
        self._windows = windows
        self._history = history
        self._rows = rows
        self._outcomes = outcomes
        self._handed = handed
        self._wanted = wanted
        self._compared = compared
        self._pieces = pieces
        self._free = free

    def done_again(self, entry: Entry, decision: Decision) -> bool:
        """Takes a settled entry up again, in its old place; False where it is new to its contract
        and goes the way of new entries."""
        bound, rule, settles, *_ = decision
        code = bound.contract.code
        settled = self._history.settled[entry.id]
        mine = [part for part in settled.parts if part.key.contract == code]
        if not mine:
            return False
        rests = [rest for rest in self._history.waiting.get(entry.id, ()) if rest.contract == code]
        there = sum(part.seconds for part in mine) + sum(rest.seconds for rest in rests)
        changed = settled.fingerprint != fingerprint(entry) or there != entry.seconds
        reason = held_reason(entry) if changed else ""
        if reason and (settles or not bound.stateful):
            self._outcomes.hold(entry, code, rule, entry.seconds, entry.seconds, None, reason)
            return True
        window = self._windows.window(bound, entry.date)
        # Where it moved to days that are not over, it is settled with them.
        to_come = changed and (window.last is None or window.last >= self._facts.as_of)
        if settles and to_come:
            self._free.settle(entry, bound, rule)
            return True
        if settles:
            self._outcomes.add(
                entry, Part(rule.disposition, rule.id, entry.seconds, entry.seconds, code)
            )
            place = next((p.key for p in mine if p.key.component == SCOPE), None)
            if place is None or changed:
                place = LedgerKey(code, "", SCOPE, window.first, "")
            self._wanted.idents[code][entry.id] = [
                Ident(place._replace(sequence=0), rule.disposition, None, "", None).holding(
                    entry.seconds, entry.seconds, 0, rule.id
                )
            ]
            return True
        work = self._around.work(entry, decision)
        if not bound.stateful:
            self._handed.redone[code].add(entry.id)
            self._handed.works[code].append(work)
            return True
        if self._bought_behind_the_end(bound, entry, settled):
            self._handed.stays.add(entry.id)
            self._compared.compare(entry, decision)
            self._pieces.wait_on(entry, rests)
            return True
        if to_come:
            self._rows.waits_no_more(entry.id, fingerprint(entry), rests)
            self._handed.pieces[code].append(
                self._pieces.fresh(entry, decision, work, not held_reason(entry))
            )
            return True
        self._handed.redone[code].add(entry.id)
        as_it_was = not changed and all(
            part.key.component != SCOPE
            and part.disposition in (rule.disposition, "included", ELSEWHERE)
            for part in mine
        )
        piece = self._pieces.fresh(entry, decision, work, not held_reason(entry))
        counted = settled.counted
        if counted is None:
            counted = next((rest.counted for rest in rests), None)
        waited = settled.waited
        origin = Again(
            gated_before=settled.gated,
            held_before=settled.gated,
            first_counted=counted,
            waited=waited is not None,
            old_place=waited.counted if waited is not None else None,
            asks=not as_it_was,
            drew=tuple(part for part in mine if part.lot),
        )
        again = replace(piece, counted=counted, origin=origin)
        if as_it_was:
            self._handed.pieces[code] += self._as_it_passed(piece, again, settled, mine, rests)
        else:
            self._handed.pieces[code].append(again)
        return True

    def _bought_behind_the_end(self, bound: BoundContract, entry: Entry, settled: Settled) -> bool:
        """Whether ``entry``, unchanged, bought a lot after its term was over: done again it would
        find that lot given back, and buy another."""
        if settled.fingerprint != fingerprint(entry):
            return False
        ends = {term.term.id: term.span.last for term in bound.terms}
        return any(
            part.lot.startswith(f"{entry.id}+")
            and part.counted is not None
            and (end := ends.get(part.key.term)) is not None
            and part.counted >= end
            for part in settled.parts
        )

    def _as_it_passed(
        self,
        fresh: Piece,
        piece: Piece,
        settled: Settled,
        mine: Sequence[OnRecord],
        rests: Sequence[HeldBefore],
    ) -> list[Piece]:
        """``piece`` as it is on record, ``fresh`` as if it were new: what has passed passes in its
        place, and only what waits for a decision is asked again."""
        origin = piece.origin
        assert isinstance(origin, Again)
        gated = [] if piece.requirement is None else [
            rest for rest in rests if rest.reason not in (NO_HOURS, NO_TERM)
        ]  # fmt: skip
        passed: dict[tuple[date | None, date | None], list[int]] = {}
        for part in mine:
            place = part.counted if part.counted is not None else settled.counted
            sums = passed.setdefault(
                (place if piece.requirement is not None else piece.counted, None), [0, 0]
            )
            sums[0], sums[1] = sums[0] + part.seconds, sums[1] + part.rounded
        for rest in rests:
            if rest not in gated:
                place = rest.counted if piece.requirement is not None else piece.counted
                sums = passed.setdefault((place, rest.since), [0, 0])
                sums[0], sums[1] = sums[0] + rest.seconds, sums[1] + rest.rounded
        if len(passed) == 1 and not gated:
            ((_, (_, rounded)),) = passed.items()
            work = piece.work._replace(rounded=rounded) if settled.gated else piece.work
            return [replace(piece, work=work, origin=replace(origin, passed=rounded))]
        found = [
            replace(
                piece,
                work=piece.work._replace(seconds=seconds, rounded=rounded),
                counted=place,
                origin=replace(
                    origin,
                    held_before=True,
                    passed=rounded,
                    name=f"passed {place} {since}",
                    since=since,
                    waited=origin.waited and origin.old_place == place,
                    drew=() if number else origin.drew,
                ),
            )
            for number, ((place, since), (seconds, rounded)) in enumerate(
                sorted(passed.items(), key=lambda some: tuple(day or date.min for day in some[0]))
            )
        ]
        asked = replace(fresh, origin=FRESH)
        return found + [resting(asked, rest, False) for rest in gated]
