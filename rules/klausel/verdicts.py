"""The gate's own words on each approval: does it count for some work, and if not, why."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from klausel.approvals import Gate, concerns, decided
from klausel.model import Approval, natural
from klausel.policy.ir import Requirement

Verdict = Literal[
    "counts", "used_up", "pending", "rejected", "overruled", "not_backwards", "expired",
    "other_month", "for_tickets", "later",
]  # fmt: skip


class Judged(NamedTuple):
    """An approval that concerns some work, and whether it counts for it."""

    approval: Approval
    verdict: Verdict
    by: Approval | None = None
    """The rejection that overrules it."""
    seconds: int | None = None
    """What its limits have left when the run is done; None is without limit."""
    amount: Decimal | None = None


class JudgingGate(Gate):
    """A gate that can be asked for its reasons."""

    def judged(self, needed: Requirement, ticket: str, day: date, at: date) -> tuple[Judged, ...]:
        """Every approval that concerns work of ``day`` on ``ticket``, seen on ``at``, in the order
        of ids: those of :meth:`rooms` count or are used up."""
        known = sorted(self._all, key=lambda approval: natural(approval.id))
        return tuple(
            self._judge(approval, needed, ticket, day, at)
            for approval in known
            if concerns(approval, ticket)
        )

    def _judge(
        self, approval: Approval, needed: Requirement, ticket: str, day: date, at: date
    ) -> Judged:
        if approval.decided_on is not None and approval.decided_on > at:
            return Judged(approval, "later")
        if approval.state == "rejected":
            return Judged(approval, "rejected")
        if approval.state == "pending":
            fits = needed.per == "ticket" or not approval.tickets
            return Judged(approval, "pending" if fits else "for_tickets")
        if not self._fits(approval, needed, ticket, day):
            return Judged(approval, "for_tickets" if approval.tickets else "other_month")
        if not needed.retroactive and decided(approval)[0] > day:
            return Judged(approval, "not_backwards")
        if approval.expires_on is not None and approval.expires_on < day:
            return Judged(approval, "expired")
        if self._void(approval, ticket, at):
            later = [
                found
                for found in self._rejected
                if concerns(found, ticket) and decided(found) > decided(approval)
            ]
            return Judged(approval, "overruled", min(later, key=decided))
        room = next(room for room in self._rooms if room.approval is approval)
        verdict: Verdict = "counts" if room.is_open() else "used_up"
        return Judged(approval, verdict, None, room.seconds, room.amount)
