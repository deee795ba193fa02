"""What is settled stands; what would differ today is listed (semantics 14, "Differences")."""

from __future__ import annotations

from decimal import Decimal

from klausel.model import Entry, natural
from klausel.policy.ir import Rule
from klausel.run.facts import CustomerFacts
from klausel.run.findings import Findings
from klausel.run.handed import Handed
from klausel.run.history.record import History, Settled, worked_with
from klausel.run.outcomes import Outcomes
from klausel.run.scope.around import Surroundings
from klausel.run.scope.takers import Takers
from klausel.run.values import ELSEWHERE, NO_WHERE, Decision, fingerprint, hours, said


class Compared:
    """Entries on record beside what they would be today."""

    def __init__(
        self,
        facts: CustomerFacts,
        around: Surroundings,
        terms: Takers,
        history: History,
        outcomes: Outcomes,
        findings: Findings,
        handed: Handed,
    ) -> None:
        self._facts = facts
        self._around = around
        self._terms = terms
        self._history = history
        self._outcomes = outcomes
        self._findings = findings
        self._handed = handed

    def compare(self, entry: Entry, decision: Decision | None) -> None:
        """The settled parts of ``entry`` stand; what would differ today is listed."""
        settled = self._history.settled[entry.id]
        self._outcomes.show_settled(entry, settled)
        worked = worked_with(settled, self._history.waiting.get(entry.id, ()))
        opened = self._facts.others.reopened.get(entry.id)
        all_there = worked == entry.seconds or (
            opened is not None and worked + opened.seconds == entry.seconds
        )
        if settled.fingerprint != fingerprint(entry) or not all_there:
            self._findings.differ(
                settled.key, entry.id, "changed", hours(worked), hours(entry.seconds)
            )
            return
        was = {(p.key.contract, p.disposition, p.rate) for p in settled.parts}
        now = self._today(entry, decision, settled)
        if was != now:
            role = self._around.around(entry).employee.role
            if settled.role and settled.role != role:
                self._findings.differ(settled.key, entry.id, "role", settled.role, role or "none")
            else:
                self._findings.differ(settled.key, entry.id, "terms", said(was), said(now))

    def _today(
        self, entry: Entry, decision: Decision | None, settled: Settled
    ) -> set[tuple[str, str, Decimal | None]]:
        """What the parts on record would be with today's rules and prices."""
        if decision is None:
            return {("", "", None)}
        bound, rule, settles, *_ = decision
        code = bound.contract.code
        if settles:
            return {(code, rule.disposition, None)}
        work = self._around.work(entry, decision)
        if not bound.stateful:
            for term in self._terms.taking(bound, rule.disposition):
                for component in term.components if term.span.covers(entry.date) else ():
                    if component.takes_time and (taken := component.bound.take(work)) is not None:
                        return {(code, taken.disposition or rule.disposition, taken.rate)}
            return {(code, rule.disposition, None)}
        found: set[tuple[str, str, Decimal | None]] = set()
        for part in settled.parts:
            if part.disposition == ELSEWHERE:
                found.add((part.key.contract, ELSEWHERE, None))
                continue
            there = self._history.components.get(part.key[:3])
            if there is None or part.key.contract != code:
                found.add((code, rule.disposition, None))
                continue
            rate = there.bound.rate_again(work, part.rate) if part.rate is not None else None
            included = there.bound.includes
            found.add((code, "included" if included else rule.disposition, rate))
        return found

    def moved_away(self, entry: Entry) -> None:
        """What is settled of an entry that is another customer's now, and what of it waits: it
        waits on, and nothing is for it any more."""
        settled = self._history.settled[entry.id]
        self._outcomes.show_settled(entry, settled)
        rests = self._history.waiting.get(entry.id, ())
        for rest in rests:
            rule = Rule(settled.parts[0].rule, settled.parts[0].disposition, {}, NO_WHERE)
            self._handed.rules.setdefault((rest.contract, rule.id), rule)
            self._outcomes.hold(
                entry, rest.contract, rule, rest.seconds, rest.rounded, None, rest.reason
            )
        self._findings.differ(
            settled.key,
            entry.id,
            "moved",
            hours(worked_with(settled, rests)),
            self._facts.away[entry.id],
        )

    def vanished(self) -> None:
        """Settled entries that are no longer there."""
        if self._facts.mode.adjusting or not self._history.settled:
            return
        for entry_id in sorted(
            self._history.settled.keys() - self._outcomes.parts.keys(), key=natural
        ):
            settled = self._history.settled[entry_id]
            if self._history.is_to_come(entry_id):
                continue  # a run that looks back does not see what was worked after its day
            worked = sum(part.seconds for part in settled.parts)
            self._findings.differ(settled.key, entry_id, "vanished", hours(worked), "")
