"""The gate: may an entry's time pass to billing at all? (semantics 7).

The gate knows what customers decided, and how much room their approvals still have. Money is
measured as the customer sees it: by what time adds to its line on the invoice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import NamedTuple

from klausel.model import Approval, Entry, natural
from klausel.money import SECONDS_PER_HOUR, ZERO, multiply, quantity, round_half_up, share
from klausel.policy.ir import Requirement

NOT_VALIDATED = "not_validated"
LIMIT = "limit"
#: On record only: a budget holds what an approval let pass. It is shown as :data:`LIMIT`.
OVER_BUDGET = "budget"
NO_TERM = "no_term"
NO_HOURS = "no_hours"

#: Reasons for which time waits before it is rounded.
BEFORE_ROUNDING = frozenset(
    (NOT_VALIDATED, "not_requested", "pending", "rejected", "late_decision", LIMIT)
)


def held_reason(entry: Entry) -> str:
    """Why ``entry`` has to wait before anything is asked of it, or an empty text."""
    return "" if entry.validated else NOT_VALIDATED


class Worth(NamedTuple):
    """What some work would cost if it were billed."""

    price: Decimal
    """An hour of it, surcharges and discount included."""
    line: tuple[object, ...]
    """The line that it would stand on; all time of a line has one price."""


def value(seconds: int, price: Decimal, digits: int) -> Decimal:
    """What ``seconds`` cost at ``price`` an hour, rounded to the currency's ``digits``."""
    return round_half_up(share(price, seconds, SECONDS_PER_HOUR), digits)


class Shown:
    """Time that a limit in money lets pass, as it shows on the lines of invoices."""

    def __init__(
        self, quantity_digits: int, money_digits: int, before: Shown | None = None
    ) -> None:
        """``before`` is what is there already, and stays as it is."""
        self._quantity_digits = quantity_digits
        self._money_digits = money_digits
        self._before = before
        self._seconds: dict[tuple[object, ...], int] = {}

    def tried(self) -> Shown:
        """A copy to try out with."""
        return Shown(self._quantity_digits, self._money_digits, self)

    def _on(self, line: tuple[object, ...]) -> int:
        found = self._seconds.get(line)
        if found is None:
            found = self._before._on(line) if self._before is not None else 0
        return found

    def _amount(self, seconds: int, price: Decimal) -> Decimal:
        """What a line of ``seconds`` comes to: its own amount is rounded to the currency, a
        draft's total may be of unrounded ones, so whichever is more."""
        exact = multiply(quantity(seconds, self._quantity_digits), price)
        return max(exact, round_half_up(exact, self._money_digits))

    def adds(self, worth: Worth, seconds: int) -> Decimal:
        """What ``seconds`` more add to the amount of their line."""
        before = self._on(worth.line)
        return self._amount(before + seconds, worth.price) - self._amount(before, worth.price)

    def put(self, worth: Worth, seconds: int) -> Decimal:
        """Puts ``seconds`` on their line; what they add to it."""
        found = self.adds(worth, seconds)
        self._seconds[worth.line] = self._on(worth.line) + seconds
        return found

    def within(self, worth: Worth, wanted: int, left: Decimal) -> int:
        """How many of ``wanted`` seconds add no more than ``left``: all of them, or those up to
        the last whole step of the line's quantity that is worth no more."""
        price = worth.price
        if wanted <= 0 or price <= 0 or self.adds(worth, wanted) <= left:
            return wanted
        before, digits = self._on(worth.line), self._quantity_digits
        most = self._amount(before, price) + left
        steps = floor(Fraction(most.scaleb(digits)) / Fraction(price))  # a line may be below zero
        until = int(round_half_up(share(Decimal(steps), SECONDS_PER_HOUR, 10**digits), 0))
        while self._amount(until, price) > most:  # a step is less than a second
            until -= 1
        return max(until - before, 0)


@dataclass(slots=True)
class Room:
    """What an approval (or a budget) still has; None is without limit."""

    approval: Approval
    seconds: int | None
    amount: Decimal | None
    """As lines show it."""
    worth: Decimal = ZERO
    """As time is worth it, seconds x price of an hour: a line may show more, or less."""

    @property
    def left(self) -> Used:
        """What it has, without limit as nothing."""
        return Used(self.seconds or 0, self.amount or ZERO, self.worth)

    def is_open(self, used: Used | None = None) -> bool:
        """Whether anything is left beside what is ``used`` of it."""
        seconds, _, worth = used or NOTHING
        return (self.seconds is None or self.seconds > seconds) and (
            self.amount is None or self.worth > worth
        )

    def lets(self, rounded: int, worth: Worth, shown: Shown, used: Used | None = None) -> int:
        """Seconds of ``rounded`` that it lets pass, beside what is ``used`` of it."""
        seconds, amount, _ = used or NOTHING
        passes = rounded
        if self.seconds is not None:
            passes = min(passes, max(self.seconds - seconds, 0))
        if self.amount is not None:
            passes = shown.within(worth, passes, self.amount - amount)
        return passes

    def use(self, rounded: int, worth: Worth, shown: Shown, kept: Used | None = None) -> int:
        """Seconds of ``rounded`` that it lets pass beside what is ``kept`` of it, and takes note
        of."""
        passes = self.lets(rounded, worth, shown, kept)
        if self.seconds is not None:
            self.seconds -= passes
        self.spend(passes, worth, shown)
        return passes

    def spend(self, seconds: int, worth: Worth, shown: Shown) -> None:
        """Takes note of the money that ``seconds`` cost."""
        if self.amount is not None:
            self.amount -= shown.put(worth, seconds)
            self.worth -= multiply(worth.price, seconds)


class Used(NamedTuple):
    """What is used of an approval, as :class:`Room` counts it."""

    seconds: int
    amount: Decimal
    worth: Decimal


NOTHING = Used(0, ZERO, ZERO)
NOTHING_KEPT: Mapping[str, Used] = {}


def _day(approval: Approval) -> date:
    """When it was approved or rejected: a book without that day is refused."""
    assert approval.decided_on is not None
    return approval.decided_on


def decided(approval: Approval) -> tuple[date, tuple[tuple[int, int, str], ...]]:
    """Sorts decisions as they were taken: by day, then by id."""
    return _day(approval), natural(approval.id)


def concerns(approval: Approval, ticket: str) -> bool:
    """Whether it is for ``ticket``, or for the whole contract."""
    return not approval.tickets or ticket in approval.tickets


class Gate:
    """Approvals of one contract in one simulation."""

    def __init__(
        self, approvals: Iterable[Approval], quantity_digits: int, money_digits: int
    ) -> None:
        self._users: set[tuple[str, str]] = set()
        """Approvals with the entries that used them."""
        self._all = list(approvals)
        self.shown = Shown(quantity_digits, money_digits)
        """Time that passed by approvals with a limit in money."""
        approved = [approval for approval in self._all if approval.state == "approved"]
        self._rooms = [
            Room(
                approval,
                approval.limit_seconds,
                approval.limit_amount,
                multiply(approval.limit_amount or ZERO, SECONDS_PER_HOUR),
            )
            for approval in sorted(approved, key=decided)
        ]
        self._rejected = [approval for approval in self._all if approval.state == "rejected"]

    def decisions(self, requirement: Requirement, ticket: str, day: date) -> list[date]:
        """Days on which something was approved that is of the kind that work of ``day`` needs,
        oldest first."""
        return list(
            dict.fromkeys(
                _day(room.approval)
                for room in self._rooms
                if self._fits(room.approval, requirement, ticket, day)
            )
        )

    def rooms(self, requirement: Requirement, ticket: str, day: date, at: date) -> list[Room]:
        """Approvals that count on ``at`` for work of ``day``, in the order of their use."""
        latest = at if requirement.retroactive else day
        found = [
            room
            for room in self._rooms
            if self._fits(room.approval, requirement, ticket, day)
            and _day(room.approval) <= latest
            and (room.approval.expires_on is None or room.approval.expires_on >= day)
            and not self._void(room.approval, ticket, at)
        ]
        return sorted(found, key=lambda room: not room.approval.tickets)

    def _fits(self, approval: Approval, needed: Requirement, ticket: str, day: date) -> bool:
        if approval.tickets:
            return needed.per == "ticket" and ticket in approval.tickets
        on = _day(approval)
        return needed.per != "period" or (on.year, on.month) == (day.year, day.month)

    def _void(self, approval: Approval, ticket: str, at: date) -> bool:
        return any(
            decided(found) > decided(approval) and _day(found) <= at
            for found in self._rejected
            if concerns(found, ticket)
        )

    def use(
        self,
        rooms: Sequence[Room],
        entry: str,
        rounded: int,
        worth: Worth,
        kept: Mapping[str, Used] = NOTHING_KEPT,
    ) -> int:
        """Seconds of ``rounded`` that ``rooms`` let pass, one after the other; time that is taken
        back goes to the first with room. What is ``kept`` of an approval is for others."""
        passed = 0
        for room in rooms:
            aside = kept.get(room.approval.id)
            if room.is_open(aside):
                found = room.use(rounded - passed, worth, self.shown, aside)
                passed += found
                if found:
                    self._users.add((room.approval.id, entry))
        return passed

    def use_on_record(self, rooms: Sequence[Room], entry: str, rounded: int, worth: Worth) -> None:
        """As :meth:`use`, for time that passed in an earlier run: what ``rooms`` have not enough
        money for, because something that was taken back then has its turn later, is used of the
        last one all the same."""
        rest = rounded - self.use(rooms, entry, rounded, worth)
        if rest > 0 and rooms[-1].amount is not None:
            rooms[-1].spend(rest, worth, self.shown)

    def has_more(self, rooms: Iterable[Room], entry: str, rounded: int, worth: Worth) -> bool:
        """Whether an approval that ``entry`` used would let pass of ``rounded`` seconds more: then
        none of them cut it off."""
        used = [room for room in rooms if (room.approval.id, entry) in self._users]
        return any(room.lets(rounded, worth, self.shown) for room in used)

    def reason(self, needed: Requirement, ticket: str, day: date, at: date) -> str:
        """What work of ``day`` waits for, seen on ``at``."""
        concerned = [
            approval
            for approval in self._all
            if concerns(approval, ticket)
            and (approval.decided_on is None or approval.decided_on <= at)
        ]
        approved = [
            found
            for found in concerned
            if found.state == "approved" and self._fits(found, needed, ticket, day)
        ]
        rejected = [found for found in concerned if found.state == "rejected"]
        pending = [
            found
            for found in concerned
            if found.state == "pending" and (needed.per == "ticket" or not found.tickets)
        ]
        only_rejected = bool(rejected) and not approved and not pending
        if only_rejected or any(self._void(found, ticket, at) for found in approved):
            return "rejected"
        if pending:
            return "pending"
        if self.rooms(needed, ticket, day, at):
            return LIMIT
        if not needed.retroactive and any(_day(found) > day for found in approved):
            return "late_decision"
        return "not_requested"
