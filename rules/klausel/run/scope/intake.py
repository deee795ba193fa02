"""What becomes of an entry before the clerk sees it (semantics 3, 14)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from klausel.approvals import NO_HOURS, NO_TERM, held_reason
from klausel.model import OVERRIDE, Entry
from klausel.result import Part, Uncovered
from klausel.run.facts import CustomerFacts
from klausel.run.handed import Handed
from klausel.run.history.compared import Compared
from klausel.run.history.record import HeldBefore, History, without_a_term
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.scope.around import Surroundings
from klausel.run.scope.free import Free
from klausel.run.scope.offers import Offers
from klausel.run.scope.pieces import Pieces, as_today, opened_again, resting, rounded_again
from klausel.run.scope.redo import Redo
from klausel.run.scope.takers import Takers
from klausel.run.values import OPENING, Decision, Reopened, fingerprint, within_left


class Intake:
    """Hands each entry on, or says why nobody has it."""

    def __init__(
        self,
        facts: CustomerFacts,
        offers: Offers,
        around: Surroundings,
        terms: Takers,
        history: History,
        rows: Rows,
        outcomes: Outcomes,
        handed: Handed,
        compared: Compared,
        pieces: Pieces,
        redo: Redo,
        free: Free,
    ) -> None:
        self._facts = facts
        self._offers = offers
        self._around = around
        self._terms = terms
        self._history = history
        self._rows = rows
        self._outcomes = outcomes
        self._handed = handed
        self._compared = compared
        self._pieces = pieces
        self._redo = redo
        self._free = free

    def take(self, entry: Entry) -> None:
        """Finds the contract that has ``entry`` and hands its time on, or says why none has."""
        self._outcomes.begin(entry.id)
        override = self._offers.override_of(entry)
        settled = entry.id in self._history.settled
        if settled and entry.id in self._facts.away:
            self._compared.moved_away(entry)
            return
        if entry.billed_elsewhere and not settled:
            self._outcomes.add(entry, Part("billed_elsewhere", "", entry.seconds, entry.seconds))
            return
        written_off = override is not None and override.disposition == "written_off"
        if written_off and (not settled or self._facts.mode.adjusting):
            self._outcomes.add(entry, Part("written_off", OVERRIDE, entry.seconds, entry.seconds))
            return
        offered = self._offers.offer(entry, override)
        decision = offered.decision
        free = decision is None and not entry.billable and override is None
        if free and (not settled or self._facts.mode.adjusting):
            self._offers.set_aside(entry)
            self._outcomes.add(entry, Part("written_off", OVERRIDE, entry.seconds, entry.seconds))
            return
        if decision is None:
            self.uncover(entry, offered.rule, offered.disposition)
            if settled and not self._facts.mode.adjusting:
                rests = self._history.waiting.get(entry.id, ())
                if written_off or free:
                    self._rows.waits_no_more(entry.id, fingerprint(entry), rests)
                else:
                    self._pieces.wait_on(entry, self._left_of(entry, rests))
            return
        code = decision.contract.contract.code
        rule = decision.rule
        if settled:
            self._handed.decided[entry.id] = decision
        self._handed.rules[code, rule.id] = rule
        rests = self._history.waiting.get(entry.id, ())
        if settled and self._facts.mode.adjusting and self._stays_billed(entry):
            return
        if settled and self._facts.mode.adjusting and self._is_of_before(entry, decision):
            return
        if settled and self._facts.mode.adjusting:
            if not self._redo.done_again(entry, decision):  # it is new to its contract
                rests = [rest for rest in rests if rest.contract == code]
                self.hand_on(entry, decision, rests, None, as_new=True)
            return
        if not settled:
            # What moved before anything of it was billed waits nowhere else any more.
            elsewhere = [rest for rest in rests if rest.contract != code]
            self._rows.waits_no_more(entry.id, fingerprint(entry), elsewhere)
            self.hand_on(entry, decision, [rest for rest in rests if rest.contract == code], None)
            return
        self._compared.compare(entry, decision)
        rests = self._left_of(entry, rests)
        here = "" if decision.settles else code
        self._pieces.wait_on(entry, [rest for rest in rests if rest.contract != here])
        if decision.settles:
            return
        reopened = self._open_again(entry, code, rests)
        rests = [rest for rest in rests if rest.contract == code]
        if rests or reopened is not None:
            self.hand_on(entry, decision, rests, reopened)

    def uncover(self, entry: Entry, rule: str, disposition: str) -> None:
        """No contract has ``entry``: the first rule and disposition that one gave, if any."""
        if entry.id in self._history.settled and not self._facts.mode.adjusting:
            self._compared.compare(entry, None)
            return
        # A contract that was asked keeps the ERP's own order from billing it, taken or not.
        reason: Literal["no_contract", "not_taken", "no_customer", "erp_order"] = "no_contract"
        if not self._facts.root:
            reason = "no_customer"
        elif rule:
            reason = "not_taken"
        elif entry.order:
            reason = "erp_order"
        part = Part(
            disposition or "uncovered", rule,
            entry.seconds, entry.seconds, uncovered=reason,
        )  # fmt: skip
        found = Uncovered(entry.id, self._facts.root, entry.seconds, reason)
        self._outcomes.uncover(entry, part, found)

    def hand_on(
        self,
        entry: Entry,
        decision: Decision,
        rests: Sequence[HeldBefore],
        reopened: Reopened | None,
        as_new: bool = False,
    ) -> None:
        """Settles ``entry`` or gives its time to its contract: all of it, or what is open of it;
        all ``as_new`` where what is on record is taken back."""
        code = decision.contract.contract.code
        rule = decision.rule
        if entry.id not in self._history.settled and self._is_of_before(entry, decision):
            return
        reason = held_reason(entry)
        if reason and (decision.settles or not decision.contract.stateful):
            self._outcomes.hold(entry, code, rule, entry.seconds, entry.seconds, None, reason)
            self._rows.leave(code, entry.id)
            return
        if decision.settles:
            self._free.settle(entry, decision.contract, rule)
            self._rows.waits_no_more(entry.id, fingerprint(entry), rests)
            return
        work = self._around.work(entry, decision)
        if not decision.contract.stateful:
            if reopened is not None:
                work = work._replace(seconds=reopened.seconds, rounded=reopened.rounded)
            self._handed.works[code].append(work)
            return
        piece = self._pieces.fresh(entry, decision, work, not reason)
        if rests and (as_new or entry.id not in self._history.settled):
            facts = fingerprint(entry)
            if as_new or any(rest.fingerprint != facts for rest in rests):
                # Nothing of it was billed: it counts as it is today.
                self._handed.pieces[code].append(as_today(piece))
                return
        if reopened is not None and not rests:
            work = work._replace(seconds=reopened.seconds, rounded=reopened.rounded)
            self._handed.pieces[code].append(opened_again(piece, work))
        elif not rests:
            self._handed.pieces[code].append(piece)
        whole = entry.id not in self._history.settled and len(rests) == 1
        if (
            whole
            and self._facts.mode.adjusting
            and not rests[0].gated
            and rests[0].reason in (NO_HOURS, NO_TERM)
        ):
            # Others of its group are rounded again: so is what has passed and waits.
            late = rests[0].counted is not None
            waiting = rounded_again(resting(piece, rests[0], whole), work)
            self._handed.pieces[code].append(replace(waiting, adds_to_group=late))
            return
        self._handed.pieces[code] += [resting(piece, rest, whole) for rest in rests]

    def _stays_billed(self, entry: Entry) -> bool:
        """Whether ``entry`` is billed by a term that is not there any more, and so stays billed:
        then nobody else bills it."""
        settled = self._history.settled[entry.id]
        for bound in self._facts.contracts:
            mine = [part for part in settled.parts if part.key.contract == bound.contract.code]
            if mine and without_a_term(bound, mine):
                self._handed.stays.add(entry.id)
                self._outcomes.show_settled(entry, settled)
                self._pieces.wait_on(entry, self._history.waiting.get(entry.id, ()))
                return True
        return False

    def _left_of(self, entry: Entry, rests: Sequence[HeldBefore]) -> list[HeldBefore]:
        """``rests`` as far as more of ``entry`` is there than is settled: no run bills more than
        that, whatever waited once (semantics 14)."""
        left = entry.seconds - sum(part.seconds for part in self._history.settled[entry.id].parts)
        found = []
        for rest in rests:
            seconds = within_left(rest.seconds, left)
            none_left = (left < 0 < rest.rounded) or (rest.rounded < 0 < left)
            if none_left or (rest.seconds and not seconds):
                self._rows.waits_no_more(entry.id, fingerprint(entry), [rest])
                continue
            left -= seconds
            if seconds != rest.seconds:
                rounded = rest.rounded - rest.seconds + seconds
                if (rounded < 0) != (seconds < 0):
                    rounded = 0
                rest = rest._replace(seconds=seconds, rounded=rounded)
            found.append(rest)
        return found

    def _open_again(self, entry: Entry, code: str, rests: Sequence[HeldBefore]) -> Reopened | None:
        """What of ``entry`` a release opened and nothing has billed since, nor an adjustment."""
        found = self._facts.others.reopened.get(entry.id)
        if found is None or found.contract != code:
            return None
        left = entry.seconds - sum(part.seconds for part in self._history.settled[entry.id].parts)
        left -= sum(rest.seconds for rest in rests)
        seconds = within_left(found.seconds, left)
        if seconds == found.seconds:
            return found
        if not seconds:
            return None
        return found._replace(seconds=seconds, rounded=found.rounded - found.seconds + seconds)

    def _is_of_before(self, entry: Entry, decision: Decision) -> bool:
        """Whether ``entry``, done again, was billed before go-live: nobody has to approve it."""
        first = None if decision.settles else self._terms.before_go_live(decision, entry.date)
        if first is None:
            return False
        part = Part("billed_elsewhere", OPENING, entry.seconds, entry.seconds)
        self._outcomes.add(
            entry, part._replace(contract=decision.contract.contract.code, term=first)
        )
        return True
