"""A piece of an entry on its way through the clerk, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.adjustments.rounding import ROUNDED
from klausel.adjustments.threshold import Reached
from klausel.approvals import NOTHING_KEPT, Room, Used
from klausel.charges.base import Taken, Work
from klausel.policy.ir import Requirement, Watch
from klausel.run.values import OnRecord

Key = tuple[str, str]
"""Entry, and which piece of it."""

Place = tuple[str, str]
"""Term and component."""


class Origin:
    """Where a piece comes from. What a kind of origin does not say of itself, it is not."""

    record: tuple[OnRecord, ...] = ()
    """Its parts on record: it happens again as it happened."""
    held_before: bool = False
    """It is on record as held, with the seconds it was held with: it is not rounded again."""
    gated_before: bool = False
    """It was held before rounding when its window was closed."""
    first_counted: date | None = None
    """The day behind which the first that is on record of its entry counted."""
    waits_for: str = ""
    """The reason with which it is on record as held."""
    changed: bool = False
    """It is on record with other facts: today's take their place."""
    cut: bool = False
    """An approval's limit, or a budget, cut it off."""
    whole: bool = False
    """Nothing of its entry has passed: it is on record as held, and that is all of it."""
    stuck: bool = False
    """It had passed the gate, and no term had hours for it: it is tried again in its place."""
    over_budget: bool = False
    """A budget holds it: it is asked again in its place."""
    old_place: date | None = None
    """The day behind which it counted when it began to wait."""
    since: date | None = None
    """The day on which it began to wait in its own window, where that is not its own day."""
    began: int = 0
    """The place among all rows of the one that says so."""
    waited: bool = False
    """It waited for hours before: it was done in :attr:`old_place`, and is so again."""
    reopened: bool = False
    """It was billed, and a release opened it again."""
    again: bool = False
    """It is on record and done again with today's facts, in its old place (semantics 14)."""
    asks: bool = False
    """Done again, it is another than it was: whether it may pass is asked again, too."""
    passed: int = 0
    """Done again as it was: rounded seconds that have passed, and that keep their approvals."""
    name: str = ""
    """Done again in pieces: which of them it is."""
    drew: tuple[OnRecord, ...] = ()
    """Done again: what it drew on record."""


@dataclass(frozen=True, slots=True)
class Fresh(Origin):
    """An entry, or what a release opened of it."""

    changed: bool = False
    reopened: bool = False
    held_before: bool = False


FRESH = Fresh()


@dataclass(frozen=True, slots=True)
class Recorded(Origin):
    """Parts of an entry that are on record and stay as they are."""

    record: tuple[OnRecord, ...]
    gated_before: bool
    first_counted: date | None
    waited: bool
    old_place: date | None


@dataclass(frozen=True, slots=True)
class Waiting(Origin):
    """Time of an entry that waits on record."""

    waits_for: str
    gated_before: bool
    old_place: date | None
    since: date | None
    first_counted: date | None
    began: int
    cut: bool
    whole: bool
    stuck: bool
    over_budget: bool
    reopened: bool
    held_before: bool = True


@dataclass(frozen=True, slots=True)
class Again(Origin):
    """An entry on record that is done again with today's facts."""

    gated_before: bool
    held_before: bool
    first_counted: date | None
    waited: bool
    old_place: date | None
    asks: bool
    drew: tuple[OnRecord, ...] = ()
    passed: int = 0
    name: str = ""
    since: date | None = None
    changed: bool = True
    again: bool = True


@dataclass(frozen=True, slots=True)
class CutOff(Origin):
    """What an approval's limit cut off of another piece, and a later approval may free."""

    waits_for: str
    again: bool
    asks: bool
    name: str
    old_place: date | None
    held_before: bool = True
    cut: bool = True


@dataclass(frozen=True, slots=True)
class Refused(Origin):
    """What has found no room, asked again behind a window; ``whole`` where nothing passed."""

    waits_for: str
    name: str
    old_place: date | None
    since: date | None
    held_before: bool
    gated_before: bool
    first_counted: date | None
    reopened: bool
    whole: bool
    cut: bool = True


def cut_off(origin: Origin) -> CutOff:
    """The origin of what is cut off of a piece with ``origin``."""
    return CutOff(origin.waits_for, origin.again, origin.asks, origin.name, origin.old_place)


def refused(origin: Origin) -> Refused:
    """The origin of a piece with ``origin`` that is asked again behind a window."""
    return Refused(
        origin.waits_for, origin.name, origin.old_place, origin.since, origin.held_before,
        origin.gated_before, origin.first_counted, origin.reopened, origin.whole or not origin.cut,
    )  # fmt: skip


@dataclass
class Piece:
    """A piece of an entry: what is known of it, and where the clerk has it stand."""

    work: Work
    requirement: Requirement | None = None
    watches: tuple[Watch, ...] = ()
    validated: bool = True
    included: bool = False
    """A fixed price pays for it."""
    origin: Origin = FRESH
    decisive: date = date.min
    """The day that counts: its date, or that of the approval that lets it pass."""
    counted: date | None = None
    """The day behind which it counts as a late fact."""
    rooms: Sequence[Room] = ()
    adds_to_group: bool = False
    """A late entry that was never rounded: it pays what it adds to its group."""
    rank: int = 0
    """Its place by date and id among all entries of the contract."""
    done: tuple[str, str, Taken] | None = None
    """The term and component that took all of it at once; then it has no shares."""

    @classmethod
    def usual(
        cls, work: Work, requirement: Requirement | None, watches: tuple[Watch, ...], included: bool
    ) -> Piece:
        """One that is not on record: quick to make, what it does not say stays with the class."""
        piece = cls.__new__(cls)
        piece.work = work
        piece.requirement = requirement
        piece.watches = watches
        piece.included = included
        return piece

    @property
    def is_rounded(self) -> bool:
        return self.work.disposition in ROUNDED and not self.included

    @property
    def key(self) -> Key:
        """An entry may have parts on record, and pieces that wait for different things."""
        origin = self.origin
        if origin.record:
            return self.work.entry.id, f"on record {origin.record[0].counted}"
        if not origin.waits_for:
            return self.work.entry.id, origin.name
        return self.work.entry.id, f"{origin.waits_for} {origin.old_place} {origin.since}"

    @property
    def is_new(self) -> bool:
        """It came late, and no run has put it at its place before: those that have one stand
        before it."""
        origin = self.origin
        placed = origin.old_place is not None and self.through
        known = origin.record or origin.again or origin.reopened or placed
        return self.counted is not None and not known

    @property
    def behind(self) -> date | None:
        """The day behind which it stands: the one of old where it had passed already, otherwise
        the one behind which it passes now."""
        stood = self.origin.old_place if self.through or self.origin.waited else None
        return stood or self.counted

    def place_of(self, part: OnRecord) -> date | None:
        """The day behind which ``part`` of it on record was done; None for its own day."""
        waited = self.origin.waited and part.counted is not None
        return self.origin.old_place if waited else part.counted

    def has_room(self, kept: Mapping[str, Used] = NOTHING_KEPT) -> bool:
        """Whether anything is left of an approval that it may use, beside what is ``kept``."""
        return any(room.is_open(kept.get(room.approval.id)) for room in self.rooms)

    @property
    def asked_before(self) -> bool:
        """It waits on record for what passes the gate: an earlier run has asked it in its place."""
        origin = self.origin
        known = origin.record or origin.again or origin.reopened or self.through
        return origin.held_before and not known

    @property
    def has_passed(self) -> bool:
        """It is on record, or was there as what it is: nobody asks again whether it may pass."""
        return bool(self.origin.record) or (self.origin.again and not self.origin.asks)

    @property
    def through(self) -> bool:
        """It had passed the gate, and waits for what comes behind that."""
        return self.origin.stuck or self.origin.over_budget

    @property
    def plain(self) -> bool:
        """Nothing has to be asked before it passes."""
        if not self.validated or self.requirement is not None:
            return False
        return self.origin is FRESH or not (self.origin.record or self.origin.again)


class Share(NamedTuple):
    """What became of a piece of an entry."""

    term: str
    component: str
    taken: Taken | None
    held: str
    seconds: int
    rounded: int
    amount: Decimal | None = None
    place: date | None = None
    """Where it waits behind the gate: the day behind which it stands; None for its own window."""
    since: date | None = None
    """There: the day on which it began to wait, where that is not its own day."""


@dataclass(slots=True)
class Decided:
    """All amounts of the entries of one contract."""

    shares: dict[Key, list[Share]] = field(default_factory=dict)
    reached: list[Reached] = field(default_factory=list)
    last_closed: date = date.min
