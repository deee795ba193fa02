"""What was found for entries becomes parts to bill, parts that wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from klausel.charges.base import DONE_AGAIN, Taken, Work
from klausel.ledger import CLOSING
from klausel.model import LedgerKey
from klausel.result import Part
from klausel.run.clerk.piece import Piece, Share
from klausel.run.facts import CustomerFacts
from klausel.run.handed import Handed
from klausel.run.history.record import History
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.scope.takers import Takers
from klausel.run.values import ELSEWHERE, OPENING, Ident, Wanted, ident
from klausel.run.windows import Windows
from klausel.terms import BoundContract


class TakeUp:
    """Shows what was found for an entry, and gives what is to be billed."""

    def __init__(
        self,
        facts: CustomerFacts,
        windows: Windows,
        history: History,
        terms: Takers,
        rows: Rows,
        outcomes: Outcomes,
        handed: Handed,
        wanted: Wanted,
    ) -> None:
        self._facts = facts
        self._windows = windows
        self._history = history
        self._terms = terms
        self._rows = rows
        self._outcomes = outcomes
        self._handed = handed
        self._wanted = wanted

    def allocate(
        self,
        bound: BoundContract,
        work: Work,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """Offers ``work`` to the terms that take its disposition, by priority."""
        entry = work.entry
        for term in self._terms.taking(bound, work.disposition):
            if not term.span.covers(entry.date):
                continue
            if term.billed_until is not None and entry.date <= term.billed_until:
                part = Part("billed_elsewhere", OPENING, work.seconds, work.rounded)
                self._outcomes.add(
                    entry, part._replace(contract=bound.contract.code, term=term.term.id)
                )
                return
            for component in term.components:
                found = component.bound.take(work) if component.takes_time else None
                if found is not None:
                    taken[term.term.id, component.id, found.period.first].append(found)
                    return
        rule = self._handed.rules[bound.contract.code, work.rule]
        self._outcomes.hold(
            entry, bound.contract.code, rule, work.seconds, work.rounded, None, "no_term"
        )

    def allocate_again(
        self,
        bound: BoundContract,
        work: Work,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """What an entry on record would be with today's rules and prices."""
        code = bound.contract.code
        found = self._wanted.idents[code].setdefault(work.entry.id, [])
        for term in self._terms.taking(bound, work.disposition):
            for component in term.components if term.span.covers(work.entry.date) else ():
                part = component.bound.take(work) if component.takes_time else None
                if part is None:
                    continue
                place = (term.term.id, component.id, part.period.first)
                if self._line_is_to_come(code, place, part.group):
                    taken[place].append(part)  # it moved to days that are yet to be settled
                    return
                found.append(ident(code, term.term.id, component.id, part))
                self._wanted.parts[code].append((term.term.id, component.id, part))
                self._outcomes.show(bound, (part,), term.term.id, component.id, "", again=True)
                return
        rule = self._handed.rules[code, work.rule]
        self._outcomes.hold(work.entry, code, rule, work.seconds, work.rounded, None, "no_term")

    def take_over(
        self,
        bound: BoundContract,
        piece: Piece,
        shares: Sequence[Share],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """What the clerk found for one entry: parts to bill, parts that wait."""
        entry = piece.work.entry
        rule = self._handed.rules[bound.contract.code, piece.work.rule]
        held = [share for share in shares if share[3] and share[3] != ELSEWHERE]
        for share in shares:
            term, component, part, reason, *_ = share
            if part is not None:
                taken[term, component, part.period.first].append(part)
            elif reason == ELSEWHERE:
                self._take_elsewhere(bound, piece, share)
        for share in held:
            self._outcomes.hold(
                entry, bound.contract.code, rule, share.seconds, share.rounded, share.amount,
                share.held,
            )  # fmt: skip

    def _take_elsewhere(self, bound: BoundContract, piece: Piece, share: Share) -> None:
        """Time that another term passed on to one that has it in its opening balance."""
        entry, code = piece.work.entry, bound.contract.code
        part = Part(ELSEWHERE, OPENING, share.seconds, share.rounded, code, share.term)
        self._outcomes.add(entry, part)
        window = self._windows.window(bound, entry.date)
        if window.last is not None and window.last < self._facts.as_of:
            self._rows.settle(
                bound,
                LedgerKey(code, share.term, OPENING, window.first, ""),
                entry,
                seconds=share.seconds,
                rounded=share.rounded,
                disposition=ELSEWHERE,
                rule=OPENING,
            )

    def take_again(
        self,
        bound: BoundContract,
        piece: Piece,
        shares: Sequence[Share],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """What an entry on record would be with today's facts. A part whose line is still to come
        is ``taken``: that line is made of it."""
        entry = piece.work.entry
        code = bound.contract.code
        found = self._wanted.idents[code].setdefault(entry.id, [])
        for share in shares:
            if share.taken is None:
                continue
            found.append(ident(code, share.term, share.component, share.taken))
            period = (share.term, share.component, share.taken.period.first)
            to_come = self._line_is_to_come(code, period, share.taken.group)
            if share.taken.rate is not None and to_come:
                taken[period].append(share.taken._replace(number=DONE_AGAIN))
                continue
            self._wanted.parts[code].append((share.term, share.component, share.taken))
            self._outcomes.show(bound, (share.taken,), share.term, share.component, "", again=True)
        rule = self._handed.rules[code, piece.work.rule]
        for share in shares:
            if share.held == ELSEWHERE:
                place = LedgerKey(
                    code, share.term, OPENING, self._windows.window(bound, entry.date).first, ""
                )
                gone = Ident(place, ELSEWHERE, None, "", None)
                found.append(gone.holding(share.seconds, share.rounded, 0, OPENING))
                self._outcomes.add(
                    entry,
                    Part(ELSEWHERE, OPENING, share.seconds, share.rounded, code, share.term),
                )
            elif share.held:
                self._outcomes.hold(
                    entry, code, rule, share.seconds, share.rounded, share.amount, share.held
                )

    def _line_is_to_come(self, code: str, place: tuple[str, str, date], group: str) -> bool:
        """Whether a line of ``group`` will be made of the period. One that is on record stays,
        though another line of the period was deleted: it is corrected."""
        ledger = self._history.ledger[code]
        closed = CLOSING in ledger.groups.get(place, {})
        return not closed and group not in ledger.amounts.get(place, {})
