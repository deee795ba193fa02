"""One customer's run: the stages in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from klausel.charges.base import Account, Taken
from klausel.model import Entry, LedgerKey, LedgerRow, made
from klausel.result import EntryParts, Line, Part
from klausel.run.clerk.closing import ClosedWindows
from klausel.run.clerk.desk import ContractDesk
from klausel.run.clerk.take_up import TakeUp
from klausel.run.drafts import Drafted, Drawn, drafted
from klausel.run.facts import CustomerFacts
from klausel.run.findings import Findings, Said
from klausel.run.handed import Handed
from klausel.run.history.amounts import Amounts
from klausel.run.history.compared import Compared
from klausel.run.history.corrections import Corrections
from klausel.run.history.edited import Edited
from klausel.run.history.line import LineMaker
from klausel.run.history.lines import Lines
from klausel.run.history.numbers import Numbers
from klausel.run.history.reasons import Reasons
from klausel.run.history.record import History
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.scope.around import Surroundings
from klausel.run.scope.free import Free
from klausel.run.scope.intake import Intake
from klausel.run.scope.offers import Offers
from klausel.run.scope.pieces import Pieces
from klausel.run.scope.redo import Redo
from klausel.run.scope.takers import Takers
from klausel.run.scope.trace import Tracing
from klausel.run.scope.usual import Usual
from klausel.run.values import DueDays, Wanted
from klausel.run.windows import Windows
from klausel.terms import BoundContract, BoundTerm
from klausel.trace import Trace


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of one customer's run."""

    facts: CustomerFacts
    history: History
    lines: Drawn
    rows: Sequence[LedgerRow]
    """What goes on record."""
    parts: Mapping[str, list[Part]]
    """By entry."""
    outcomes: Outcomes
    said: Said
    days: DueDays
    taken_back: frozenset[str]
    """Entries of nobody here that an adjustment took back as a whole."""
    resold: Mapping[LedgerKey, int]
    """By line on record: seconds that its hours are corrected to."""
    trace: Callable[[Entry], Trace]
    drafted: Drafted

    @property
    def differing(self) -> set[tuple[str, ...]]:
        """What differs, whatever it is today."""
        return {(one.contract, one.key, one.entry, one.cause) for one in self.said.differences}

    def entry_parts(self) -> Iterable[EntryParts]:
        """The parts of each entry, in the order in which terms were asked; what waits is last."""
        rank = {
            (bound.contract.code, term.term.id): (0, term.term.priority, term.number)
            for bound in self.facts.contracts
            for term in bound.terms
        }
        last = (1, 0, 0)
        for id_, parts in self.parts.items():
            if len(parts) > 1:
                parts.sort(key=lambda p: last if p.held else rank.get((p.contract, p.term), last))
            yield made(EntryParts, (id_, tuple(parts)))


def run_customer(facts: CustomerFacts, ledger: Mapping[str, Sequence[LedgerRow]]) -> Ran:
    """The run of one customer, behind what ``ledger`` has on record by contract.

    Raises :class:`~klausel.run.values.Parked` where it cannot be billed.
    """
    history = History(facts, ledger)
    windows, takers, days, wanted = Windows(), Takers(), DueDays(), Wanted()
    around = Surroundings(facts)
    rows = Rows(facts, windows, around, history)
    outcomes = Outcomes(facts, windows, history)
    findings = Findings(facts, history, rows)
    codes = [bound.contract.code for bound in facts.contracts]
    handed = Handed({code: [] for code in codes}, {code: [] for code in codes})

    offers = Offers(facts, around, takers, history)
    compared = Compared(facts, around, takers, history, outcomes, findings, handed)
    pieces = Pieces(facts, around, takers, history, rows, outcomes, handed)
    free = Free(facts, windows, rows, outcomes)
    redo = Redo(
        facts, around, windows, history, rows, outcomes, handed, wanted, compared, pieces, free
    )
    intake = Intake(
        facts, offers, around, takers, history, rows, outcomes, handed, compared, pieces, redo, free
    )
    Usual(
        facts, offers, around, takers, windows, history, outcomes, handed, intake, free
    ).take_all()

    take_up = TakeUp(facts, windows, history, takers, rows, outcomes, handed, wanted)
    closing = ClosedWindows(facts, windows, history, rows)
    desk = ContractDesk(
        facts, around, windows, history, rows, outcomes, findings, handed, take_up, closing
    )
    numbers = Numbers(history)
    maker = LineMaker(facts, history, rows, outcomes, Reasons(facts, handed), days)
    amounts = Amounts(facts, history, numbers, rows, findings, maker)
    lines = Lines(facts, windows, history, numbers, rows, outcomes, days, maker, amounts)
    corrections = Corrections(
        facts, around, history, numbers, rows, findings, handed, wanted, maker, amounts
    )
    stages = _Contracts(facts, handed, take_up, desk, lines, corrections, amounts, findings)
    drawn = [(bound, line) for bound in facts.contracts for line in stages.bill(bound)]

    edited = Edited(facts, history, findings)
    edited.check_edited(drawn)
    compared.vanished()
    edited.edited()
    edited.documents()
    return Ran(
        facts, history, drawn, rows.written, outcomes.parts, outcomes, findings.said(), days,
        frozenset(corrections.taken_back), amounts.resold,
        Tracing(facts, offers, around, takers, desk.gates).trace,
        drafted(facts, history, drawn, rows.written, days),
    )  # fmt: skip


class _Contracts:
    """Time of one contract after the other becomes lines."""

    def __init__(
        self,
        facts: CustomerFacts,
        handed: Handed,
        take_up: TakeUp,
        desk: ContractDesk,
        lines: Lines,
        corrections: Corrections,
        amounts: Amounts,
        findings: Findings,
    ) -> None:
        self._facts = facts
        self._handed = handed
        self._take_up = take_up
        self._desk = desk
        self._lines = lines
        self._corrections = corrections
        self._amounts = amounts
        self._findings = findings

    def bill(self, bound: BoundContract) -> list[Line]:
        """All lines of a contract: of periods, made once, one-off, and corrections."""
        code = bound.contract.code
        taken: dict[tuple[str, str, date], list[Taken]] = defaultdict(list)
        accounts: dict[tuple[str, str], Account] = {}
        if bound.stateful:
            accounts = self._desk.open_accounts(bound)
            self._desk.ask(bound, accounts, taken)
        else:
            for work in self._handed.works[code]:
                if work.entry.id in self._handed.redone[code]:
                    self._take_up.allocate_again(bound, work, taken)
                else:
                    self._take_up.allocate(bound, work, taken)
        lines: list[tuple[tuple[date, int, int, int], Line]] = []
        for term in bound.terms:
            for number, account, found in self._of_components(bound, term, accounts, taken):
                lines += [
                    ((line.first, term.number, number, position), line)
                    for position, line in enumerate(found)
                ]
                if account is not None:
                    closed_until = self._desk.closed_until[code]
                    self._findings.show_account(bound, term, account, closed_until)
        lines += [
            ((line.first, len(bound.terms), 0, position), line)
            for position, line in enumerate(self._lines.one_off(bound))
        ]
        self._lines.open_parts(bound, taken)
        found = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
        if self._facts.mode.adjusting:
            return [*found, *self._corrections.corrections(bound)]
        if self._facts.mode.sweeps:
            self._corrections.sweep(code)
        for key, was, now in self._amounts.differing_time(bound):
            self._findings.differ_in_money(bound, key, was, now)
        return found

    def _of_components(
        self,
        bound: BoundContract,
        term: BoundTerm,
        accounts: Mapping[tuple[str, str], Account],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> Iterable[tuple[int, Account | None, list[Line]]]:
        for number, component in enumerate(term.components):
            account = accounts.get((term.term.id, component.id))
            if component.has_balance:
                found = [*self._lines.singles(bound, term, component, account)]
                found += self._lines.component(bound, term, component, taken)
            else:  # what goes back depends on what is billed
                own = [*self._lines.component(bound, term, component, taken)]
                found = [*self._lines.singles(bound, term, component, account, own), *own]
            yield number, account, found
