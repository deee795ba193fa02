"""What a run says beside its lines: what differs, what is used up, what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.charges.base import Account, Charge
from klausel.model import LedgerKey, LedgerRow
from klausel.money import round_half_up
from klausel.policy.ir import text_in
from klausel.result import Balance, Difference, Notice
from klausel.run.facts import CustomerFacts
from klausel.run.history.record import History, newest
from klausel.run.history.rows import Rows
from klausel.run.values import NOTICE
from klausel.terms import BoundContract, BoundTerm


class Said(NamedTuple):
    """What a run says beside its lines."""

    differences: Sequence[Difference]
    notices: Sequence[Notice]
    standing: Sequence[Notice]
    balances: Sequence[Balance]


class Findings:
    """Differences, notices and balances."""

    def __init__(self, facts: CustomerFacts, history: History, rows: Rows) -> None:
        self._facts = facts
        self._history = history
        self._rows = rows
        self.differences: list[Difference] = []
        self.notices: list[Notice] = []
        self.standing: list[Notice] = []
        self.balances: list[Balance] = []

    def said(self) -> Said:
        """All of it."""
        return Said(self.differences, self.notices, self.standing, self.balances)

    def differ(self, key: LedgerKey, entry: str, cause: str, was: str, now: str) -> None:
        self.differences.append(
            Difference(key.contract, str(key), entry, cause, was, now)  # type: ignore[arg-type]
        )

    def differ_in_money(
        self, bound: BoundContract, key: LedgerKey, was: Decimal, now: Decimal
    ) -> None:
        digits = bound.money_digits
        texts = (format(round_half_up(amount, digits), "f") for amount in (was, now))
        self.differ(key, "", "amount", *texts)

    def differ_in_end(
        self,
        bound: BoundContract,
        key: LedgerKey,
        was: Decimal,
        rows: Sequence[LedgerRow],
        charge: Charge,
    ) -> None:
        """It follows from an end that is put off; what today's gives an adjustment finds out."""
        amount = format(round_half_up(was, bound.money_digits), "f")
        self.differ(
            key, "", "terms", f"{amount}, ended on {newest(rows).last}", f"ends on {charge.end}"
        )

    def notice(
        self, bound: BoundContract, rule: str, period: str, percent: int, on: date, text: str
    ) -> None:
        """One notice once ever."""
        if self.is_noticed(bound, rule, period, percent):
            return
        code = bound.contract.code
        key = LedgerKey(code, "", NOTICE, bound.contract.start, _noticed(rule, period, percent))
        self.notices.append(Notice(code, rule, period, percent, on, text))
        self._rows.settle(bound, key)

    def is_noticed(self, bound: BoundContract, rule: str, period: str, percent: int) -> bool:
        """Whether a notice is on record."""
        place = ("", NOTICE, bound.contract.start)
        groups = self._history.ledger[bound.contract.code].groups.get(place, {})
        return _noticed(rule, period, percent) in groups

    def show_account(
        self, bound: BoundContract, term: BoundTerm, account: Account, closed_until: date
    ) -> None:
        code = bound.contract.code
        stands = account.balances(self._facts.as_of)
        some = [Balance(code, term.term.id, *stand, unit=account.unit) for stand in stands]
        self.balances += some
        lots = {lot.lot: lot for lot in some}
        standing: dict[tuple[str, str], Notice] = {}
        text = text_in(term.plan.title, self._facts.language, term.plan.name)
        for found in account.notices(self._facts.as_of):
            place = found.rule, found.lot
            if not self.is_noticed(bound, *place, found.at_percent):
                if found.ahead and found.on <= closed_until:
                    continue  # of a lot that was entered too late for it
                self.notice(bound, *place, found.at_percent, found.on, text)
            elif _stands(lots, found.lot):
                said = Notice(code, *place, found.at_percent, found.on, text)
                known = standing.get(place, said)
                standing[place] = min(known, said, key=lambda notice: notice.at_percent)
        new = {notice[:3] for notice in self.notices}
        self.standing += [said for said in standing.values() if said[:3] not in new]


def _stands(lots: Mapping[str, Balance], name: str) -> bool:
    """Whether a notice of the lot ``name`` still says something: it has time left, and no later lot
    has."""
    lot = lots.get(name)
    if lot is None or not lot.remaining:
        return False
    first = lot.first or date.min
    return not any(other.remaining and (other.first or date.min) > first for other in lots.values())


def _noticed(rule: str, period: str, percent: int) -> str:
    """The group under which a notice goes on record."""
    return f"{rule}/{period}/{percent}"
