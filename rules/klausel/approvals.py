"""The gate: may an entry's time pass to billing at all? (semantics 4, "Approval gate").

The gate knows what customers decided, and how much room their approvals still have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal

from klausel.model import Approval, Entry, natural
from klausel.money import SECONDS_PER_HOUR, ZERO, multiply, share
from klausel.policy.ir import Requirement

NOT_VALIDATED = "not_validated"
LIMIT = "limit"
NO_TERM = "no_term"
NO_HOURS = "no_hours"

#: Reasons for which time waits before it is rounded.
BEFORE_ROUNDING = frozenset(
    (NOT_VALIDATED, "not_requested", "pending", "rejected", "late_decision", LIMIT)
)


def held_reason(entry: Entry) -> str:
    """Why ``entry`` has to wait before anything is asked of it, or an empty text."""
    return "" if entry.validated else NOT_VALIDATED


@dataclass(slots=True)
class Room:
    """What an approval (or a budget) still has; None is without limit."""

    approval: Approval
    seconds: int | None
    amount: Decimal | None

    def is_open(self, seconds: int, amount: Decimal) -> bool:
        """Whether anything is left beside ``seconds`` and ``amount``."""
        return (self.seconds is None or self.seconds > seconds) and (
            self.amount is None or self.amount > amount
        )

    def use(self, rounded: int, price: Decimal, digits: int) -> int:
        """Seconds of ``rounded`` that it lets pass, and takes note of."""
        passes = within(rounded, price, self.seconds, self.amount, digits)
        if self.seconds is not None:
            self.seconds -= passes
        if self.amount is not None:
            self.amount -= value(passes, price)
        return passes


def value(seconds: int, price: Decimal) -> Decimal:
    """What ``seconds`` cost at ``price`` an hour, unrounded."""
    return share(price, seconds, SECONDS_PER_HOUR)


def within(
    rounded: int, price: Decimal, seconds: int | None, amount: Decimal | None, digits: int
) -> int:
    """How many of ``rounded`` seconds lie within a limit; money cuts at whole quantity steps."""
    passes = rounded
    if seconds is not None:
        passes = min(passes, max(seconds, 0))
    if amount is not None:
        left = max(amount, ZERO)
        if multiply(price, passes) > multiply(left, SECONDS_PER_HOUR):
            steps = (left / price).scaleb(digits).to_integral_value(ROUND_FLOOR)
            passes = int(multiply(steps.scaleb(-digits), SECONDS_PER_HOUR).to_integral_value())
    return passes


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

    def __init__(self, approvals: Iterable[Approval], quantity_digits: int) -> None:
        self._users: set[tuple[str, str]] = set()
        """Approvals with the entries that used them."""
        self._all = list(approvals)
        self._digits = quantity_digits
        approved = [approval for approval in self._all if approval.state == "approved"]
        self._rooms = [
            Room(approval, approval.limit_seconds, approval.limit_amount)
            for approval in sorted(approved, key=decided)
        ]
        self._rejected = [approval for approval in self._all if approval.state == "rejected"]

    def decisions(self, ticket: str) -> list[date]:
        """Days on which something was approved that may concern ``ticket``, oldest first."""
        return list(
            dict.fromkeys(
                _day(room.approval) for room in self._rooms if concerns(room.approval, ticket)
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

    def use(self, rooms: Sequence[Room], entry: str, rounded: int, price: Decimal) -> int:
        """Seconds of ``rounded`` that ``rooms`` let pass, one after the other; time that is taken
        back goes to the first with room."""
        passed = 0
        for room in rooms:
            if room.is_open(0, ZERO):
                found = room.use(rounded - passed, price, self._digits)
                passed += found
                if found:
                    self._users.add((room.approval.id, entry))
        return passed

    def has_more(self, rooms: Iterable[Room], entry: str, rounded: int, price: Decimal) -> bool:
        """Whether an approval that ``entry`` used would let pass of ``rounded`` seconds more: then
        none of them cut it off."""
        used = [room for room in rooms if (room.approval.id, entry) in self._users]
        return any(within(rounded, price, room.seconds, room.amount, self._digits) for room in used)

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
