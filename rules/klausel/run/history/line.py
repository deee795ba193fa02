"""Charges become lines."""

from __future__ import annotations

from collections.abc import Iterable

from klausel.charges.base import DONE_AGAIN, Charge, Label
from klausel.model import LedgerKey, made
from klausel.money import ZERO, line_amount, round_half_up
from klausel.policy.ir import text_in
from klausel.result import EntryShare, Line
from klausel.run.facts import CustomerFacts
from klausel.run.history.reasons import Reasons
from klausel.run.history.record import History
from klausel.run.history.rows import Rows
from klausel.run.outcomes import Outcomes
from klausel.run.values import DueDays
from klausel.terms import BoundComponent, BoundContract, BoundTerm
from klausel.texts import line_text


def _each_once(shares: Iterable[EntryShare]) -> list[EntryShare]:
    """Pieces of one entry together: several decisions may have freed it."""
    found: dict[str, EntryShare] = {}
    for entry, seconds, rounded in shares:
        before = found.get(entry, EntryShare(entry, 0, 0))
        found[entry] = EntryShare(entry, before.seconds + seconds, before.rounded + rounded)
    return list(found.values())


class LineMaker:
    """Makes lines of charges, with the rows of their parts."""

    def __init__(
        self,
        facts: CustomerFacts,
        history: History,
        rows: Rows,
        outcomes: Outcomes,
        reasons: Reasons,
        days: DueDays,
    ) -> None:
        self._facts = facts
        self._history = history
        self._rows = rows
        self._outcomes = outcomes
        self._reasons = reasons
        self._days = days
        self.numbers: dict[tuple[LedgerKey, str, str], int] = {}
        """By group, entry and lot: the number of this run's line that bills it, done again."""

    def line(
        self,
        bound: BoundContract,
        term: BoundTerm | None,
        component: BoundComponent | None,
        charge: Charge,
        key: LedgerKey,
    ) -> Line:
        discount = ZERO if term is None or charge.undiscounted else term.term.discount
        exact = line_amount(charge.quantity, charge.unit_price, discount)
        label = charge.label
        if label.details:
            details = tuple([self._reasons.named(kind, value) for kind, value in label.details])
            label = Label(label.first, label.last, details)
        text_key = str(key)
        late = key.sequence > 0
        if term is None:
            description = charge.text
        else:
            title = text_in(term.plan.title, self._facts.language, term.plan.name)
            description = line_text(title, label, self._facts.language, late)
        shares = [made(EntryShare, (part[0][0][0], part[1], part[2])) for part in charge.taken]
        if len(shares) > 1 and len({share[0] for share in shares}) < len(shares):
            shares = _each_once(shares)
        facts = (
            key, label.first, label.last, description, label, charge.quantity, charge.unit,
            charge.unit_price, discount, exact, round_half_up(exact, bound.money_digits),
            tuple(shares),
            self._reasons.because(bound, term, component, charge), charge.credit, charge.reverses,
            charge.due, charge.beside,
        )  # fmt: skip
        line = made(Line, facts)
        if self._facts.mode.recording:
            self._rows.settle(
                bound,
                key,
                seconds=sum(part.seconds for part in charge.taken),
                rounded=charge.granted or sum(part.rounded for part in charge.taken),
                rate=charge.unit_price,
                amount=-exact if charge.credit else exact,
                last=charge.end if charge.of_end else line.last,
                quantity=-charge.quantity if charge.credit else charge.quantity,
                discount=discount or None,
            )
        self._outcomes.show(bound, charge.taken, key.term, key.component, text_key)
        for part in (
            () if self._history.untouched and not self._facts.mode.recording else charge.taken
        ):
            if part.settled:
                self._outcomes.amend(part, line=text_key)
            elif part.number == DONE_AGAIN:
                # Its row is the correction of its entry.
                place = key._replace(sequence=0), part.work.entry.id, part.lot
                self.numbers[place] = key.sequence
            elif self._facts.mode.recording:
                self._rows.put_on_record(bound, part, key)
        self._days.due[key.contract].add(charge.due)
        if (key.term, key.component, key.period) in self._facts.others.unbilled.get(
            key.contract, ()
        ):
            self._days.again[key.contract].add(charge.due)
        return line
