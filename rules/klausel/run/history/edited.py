"""Invoices that say something else than the record (semantics 14)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from klausel.charges.block import LEFTOVER
from klausel.charges.fee import REFUND
from klausel.money import ZERO, round_half_up
from klausel.problems import Problem, problem
from klausel.result import Difference, Line
from klausel.run.facts import CustomerFacts
from klausel.run.findings import Findings
from klausel.run.history.record import History
from klausel.run.values import Parked
from klausel.terms import BoundContract


class Edited:
    """Lines that somebody changed by hand, and documents of another amount."""

    def __init__(self, facts: CustomerFacts, history: History, findings: Findings) -> None:
        self._facts = facts
        self._history = history
        self._findings = findings

    def edited(self) -> None:
        """Invoice lines that somebody changed by hand: they stay, and are shown."""
        for row, digits in self._history.by_hand:
            if row.amount is not None and row.invoiced is not None:
                was, now = (round_half_up(found, digits) for found in (row.amount, row.invoiced))
                if was != now:
                    self._findings.differ(
                        row.key, row.entry, "edited", format(was, "f"), format(now, "f")
                    )

    def check_edited(self, lines: Iterable[tuple[BoundContract, Line]]) -> None:
        """No more goes back of a line that somebody changed by hand than it comes to (semantics
        14, "Releasing"). Raises :class:`Parked`."""
        if not self._history.by_hand:
            return
        changes: dict[tuple[str, str, str, date | None, str], Decimal] = defaultdict(Decimal)
        for bound, line in lines:
            key = line.reverses or (line.key if line.credit else None)
            if key is None:
                continue
            # Of no single line: of all that the component billed.
            first, group = (key.period, key.group) if line.reverses else (None, "")
            change = -line.exact if line.credit else line.exact
            changes[bound.contract.code, key.term, key.component, first, group] += change
        problems: list[Problem] = []
        for (code, term, component, first, group), change in changes.items():
            rows = [
                row
                for row in self._history.ledger[code].lines.get((term, component), ())
                if first is None
                or (row.key.period, row.key.group) == (first, group)
                or row.key.group in (f"{REFUND}{group}", f"{LEFTOVER}{group}")
            ]
            edited = next((row for row in rows if row.invoiced is not None), None)
            if edited is None:
                continue
            bound = next(b for b in self._facts.contracts if b.contract.code == code)
            digits = bound.money_digits
            billed = sum((row.amount or ZERO for row in rows), ZERO)
            stands = sum((row.stands for row in rows), ZERO)
            sign = -1 if billed < 0 else 1
            if sign * change < 0 and round_half_up(sign * (stands + change), digits) < 0:
                was, now, back = (
                    format(round_half_up(amount, digits), "f")
                    for amount in (edited.amount or ZERO, edited.stands, abs(change))
                )
                problems.append(
                    problem(
                        "line-edited", bound.contract.where, self._facts.root, line=edited.key,
                        was=was, now=now, back=back,
                    )
                )  # fmt: skip
        if problems:
            raise Parked(problems)

    def documents(self) -> None:
        """Documents in force that come to another amount than what is on record."""
        for found in self._facts.book.documents:
            bound = next(
                (b for b in self._facts.contracts if b.contract.code == found.contract), None
            )
            if bound is not None:
                was, now = (
                    format(round_half_up(amount, bound.money_digits), "f")
                    for amount in (found.recorded, found.in_force)
                )
                self._findings.differences.append(
                    Difference(found.contract, found.names, "", "documents", was, now)
                )
