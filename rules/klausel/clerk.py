"""The clerk: one contract's time, day by day, never looking back (semantics 4).

Works window by window: who may pass is asked in the order of days, what passes is rounded by its
group, cut at limits and budgets, and offered to the terms. What is on record already is not
decided again: it is taken as it was, in its old place.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from klausel.adjustments.rounding import ROUNDED, Group, group_of, rounded, shared
from klausel.adjustments.threshold import Budgets, Reached
from klausel.approvals import (
    BEFORE_ROUNDING,
    LIMIT,
    NO_HOURS,
    NO_TERM,
    NOT_VALIDATED,
    NOTHING,
    NOTHING_KEPT,
    OVER_BUDGET,
    Gate,
    Room,
    Shown,
    Used,
    Worth,
    value,
)
from klausel.charges.base import ONE, Account, Bound, Taken, Work, rounded_to
from klausel.model import Entry, LedgerKey, in_order
from klausel.money import ZERO, line_amount, multiply
from klausel.period import ONE_DAY, Span
from klausel.policy.ir import Requirement, Watch
from klausel.terms import BoundContract

Key = tuple[str, str]
"""Entry, and which piece of it."""

Place = tuple[str, str]
"""Term and component."""


class OnRecord(NamedTuple):
    """A part of an entry that an earlier run settled; several rows of one part are added up."""

    key: LedgerKey
    seconds: int
    rounded: int
    drawn: int
    disposition: str
    rule: str
    rate: Decimal | None
    lot: str
    counted: date | None
    number: int
    """Its place among all rows, which are in the order in which they were written."""
    pieces: tuple[tuple[int, int], ...] = ()
    """Number of the line that each row of it is on, -1 where it is on none, with its rounded
    seconds."""


@dataclass
class Item:
    """One entry on its way."""

    work: Work
    requirement: Requirement | None = None
    watches: tuple[Watch, ...] = ()
    validated: bool = True
    record: tuple[OnRecord, ...] = ()
    held_before: bool = False
    """It is (a part of) an entry that is on record as held, with the seconds it was held with."""
    gated_before: bool = False
    """It was held before rounding when its window was closed."""
    first_counted: date | None = None
    """The day behind which the first that is on record of its entry counted."""
    included: bool = False
    """A fixed price pays for it."""
    waits_for: str = ""
    """The reason with which it is on record as held."""
    changed: bool = False
    """It is on record as held with other facts: today's take their place."""
    cut: bool = False
    """An approval's limit cut it off."""
    whole: bool = False
    """Nothing of its entry has passed: it is on record as held, and that is all of it."""
    stuck: bool = False
    """It had passed the gate, and no term had hours for it: it is tried again in its place."""
    old_place: date | None = None
    """The day behind which it counted when it began to wait."""
    since: date | None = None
    """The day on which it began to wait in its own window, where that is not its own day."""
    began: int = 0
    """The place among all rows of the one that says so."""
    over_budget: bool = False
    """A budget holds it: it is asked again in its place."""
    reopened: bool = False
    """It was billed, and a release opened it again."""
    decisive: date = date.min
    """The day that counts: its date, or that of the approval that lets it pass."""
    counted: date | None = None
    """The day behind which it counts as a late fact."""
    rooms: Sequence[Room] = ()
    adds_to_group: bool = False
    """A late entry that was never rounded: it pays what it adds to its group."""
    again: bool = False
    """It is on record and done again with today's facts, in its old place (semantics 14)."""
    asks: bool = False
    """Done again, it is another than it was: whether it may pass is asked again, too."""
    passed: int = 0
    """Done again as it was: rounded seconds that have passed, and that keep their approvals."""
    piece: str = ""
    """Done again in pieces: which of them it is."""
    drew: tuple[OnRecord, ...] = ()
    """Done again: what it drew on record."""
    waited: bool = False
    """It is on record and waited for hours before: it was done in :attr:`old_place`, and is so
    again."""
    rank: int = 0
    """Its place by date and id among all entries of the contract."""
    done: tuple[str, str, Taken] | None = None
    """The term and component that took all of it at once; then it has no shares."""

    @classmethod
    def usual(
        cls, work: Work, requirement: Requirement | None, watches: tuple[Watch, ...], included: bool
    ) -> Item:
        """One that is not on record: quick to make, what it does not say stays with the class."""
        item = cls.__new__(cls)
        item.work = work
        item.requirement = requirement
        item.watches = watches
        item.included = included
        return item

    @property
    def is_rounded(self) -> bool:
        return self.work.disposition in ROUNDED and not self.included

    @property
    def key(self) -> Key:
        """An entry may have parts on record, and pieces that wait for different things."""
        if self.record:
            return self.work.entry.id, f"on record {self.record[0].counted}"
        if not self.waits_for:
            return self.work.entry.id, self.piece
        return self.work.entry.id, f"{self.waits_for} {self.old_place} {self.since}"

    @property
    def is_new(self) -> bool:
        """It came late, and no run has put it at its place before: those that have one stand
        before it."""
        placed = self.old_place is not None and self.through
        known = self.record or self.again or self.reopened or placed
        return self.counted is not None and not known

    @property
    def behind(self) -> date | None:
        """The day behind which it stands: the one of old where it had passed already, otherwise
        the one behind which it passes now."""
        return (self.old_place if self.through or self.waited else None) or self.counted

    def place_of(self, part: OnRecord) -> date | None:
        """The day behind which ``part`` of it on record was done; None for its own day."""
        return self.old_place if self.waited and part.counted is not None else part.counted

    def has_room(self, kept: Mapping[str, Used] = NOTHING_KEPT) -> bool:
        """Whether anything is left of an approval that it may use, beside what is ``kept``."""
        return any(room.is_open(kept.get(room.approval.id)) for room in self.rooms)

    @property
    def asked_before(self) -> bool:
        """It waits on record for what passes the gate: an earlier run has asked it in its place."""
        return self.held_before and not (self.record or self.again or self.reopened or self.through)

    @property
    def has_passed(self) -> bool:
        """It is on record, or was there as what it is: nobody asks again whether it may pass."""
        return bool(self.record) or (self.again and not self.asks)

    @property
    def through(self) -> bool:
        """It had passed the gate, and waits for what comes behind that."""
        return self.stuck or self.over_budget

    @property
    def plain(self) -> bool:
        """Nothing has to be asked before it passes."""
        return self.validated and self.requirement is None and not self.record and not self.again


def _order(item: Item) -> tuple[date, int, bool]:
    """The queue: by the day that counts, then by the entry's date and id; of one entry what is
    on record stands before what still waits."""
    return item.decisive, item.rank, not item.record


def _late_order(done_again: bool, item: Item) -> tuple[bool, bool, int, date, int, bool]:
    """What earlier runs did is done, in the order of the ledger; later facts find what they left.
    What waits at a place stands before what has passed there, as hours that come back are not for
    it, and where it is ``done_again`` behind it."""
    if done_again:
        return item.is_new, not item.again and item.held_before, 0, *_order(item)
    recorded = item.record[0].number if item.record else item.began if item.through else 0
    return item.is_new, not item.through, recorded, *_order(item)


def _as_recorded(item: Item) -> int:
    """What came late stands behind the rest, as it came."""
    late = item.record and item.record[0].counted is not None
    return item.record[0].number + 1 if late else 0


#: Of work that no component has an hourly price for.
WORTHLESS = Worth(ZERO, ())

#: Instead of a reason to wait: the time was billed before go-live (semantics 6).
ELSEWHERE = "billed_elsewhere"


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
class Outcome:
    """All pieces of the entries of one contract."""

    shares: dict[Key, list[Share]] = field(default_factory=dict)
    reached: list[Reached] = field(default_factory=list)
    last_closed: date = date.min


@dataclass(slots=True)
class _Stop:
    """A component that is asked to take time."""

    term: str
    component: str
    bound: Bound
    account: Account | None
    billed_until: date | None
    """Last day whose time was billed before go-live."""


@dataclass(slots=True)
class _Route:
    """Whom time of one disposition is offered to, in this order, from ``first`` to ``last``."""

    first: date
    last: date
    stops: Sequence[_Stop]
    prices: Sequence[tuple[str, str, Bound, Decimal]]
    """Components that may say a price, those that bill time first: term, component, discount."""


@dataclass(slots=True)
class _Window:
    """What is done in one closing window."""

    span: Span
    natural: list[Item] = field(default_factory=list)
    late: list[Item] = field(default_factory=list)


def _give(back: dict[str, Used], approval: str, now: Used, before: Used) -> None:
    """Adds to ``back`` what an approval has ``now`` more than ``before``."""
    more = Used(now[0] - before[0], now[1] - before[1], now[2] - before[2])
    if more.seconds > 0 or more.worth > 0:
        _add(back, approval, more)


def _add(used: dict[str, Used], approval: str, more: Used) -> None:
    known = used.get(approval, NOTHING)
    used[approval] = Used(known[0] + more[0], known[1] + more[1], known[2] + more[2])


def never_closed(span: Span) -> bool:
    """For a contract with nothing on record."""
    return False


class Clerk:
    """One simulation of a contract. Made new for each."""

    def __init__(
        self,
        bound: BoundContract,
        accounts: Mapping[Place, Account],
        gate: Gate,
        window: Callable[[date], Span],
        closed: Callable[[Span], bool],
        as_of: date,
        quantity_digits: int,
    ) -> None:
        self._bound = bound
        self._accounts = accounts
        self._gate = gate
        self._window_of = window
        self._spans: dict[date, Span] = {}
        self._closed = closed
        self._as_of = as_of
        self._digits = quantity_digits
        self._budgets = Budgets(quantity_digits, bound.money_digits)
        self._windows: dict[date, _Window] = {}
        self._groups: dict[tuple[date, Group], list[int]] = defaultdict(lambda: [0, 0])
        self._parts: dict[Key, list[Share]] = {}
        self._routes: dict[str, _Route] = {}
        self._back_behind_the_end: dict[str, Used] = {}
        """Room that came back there, on record: all windows are one there."""

    @property
    def budgets(self) -> Budgets:
        """What is counted so far."""
        return self._budgets

    def run(self, items: Iterable[Item], ordered: bool = False) -> Outcome:
        """What becomes of ``items``, all of the contract's entries that are not settled free.

        They are sorted unless they are ``ordered`` already.
        """
        everything = list(items) if ordered else in_order(items, lambda item: item.work.entry)
        if self._goes_straight(everything):
            self._last_closed = date.min
            self._round_alone(everything)
            for item in everything:
                item.decisive = item.work.entry.date
                self._process_usual(item)
        else:
            self._do_windows(everything)
        for account in self._accounts.values():
            account.morning(self._as_of)
        self._collect_paid()
        return self._outcome(everything)

    # -- windows -----------------------------------------------------------------------------------

    def _goes_straight(self, items: Sequence[Item]) -> bool:
        """Whether windows mean nothing: all passes in its own place, each entry by itself, and
        windows follow each other as days do."""
        rule, whole = self._bound.policy.rounding, self._bound.span
        if self._closed is not never_closed or (rule is not None and rule.per != "entry"):
            return False
        if any(term.span != whole for term in self._bound.terms):
            return False
        return not any(item.watches or not item.plain for item in items)

    def _do_windows(self, everything: Sequence[Item]) -> None:
        """Window by window, as time went by."""
        before: Entry | None = None
        rank = 0
        naturals: dict[date, list[Item]] = {}
        for number, item in enumerate(everything):
            entry = item.work.entry
            day = entry.date
            if before is None or before.id != entry.id or before.date != day:
                rank = number  # pieces of one entry have the same
            item.rank = rank
            item.decisive = item.since or day
            if item.record:
                self._expect(item)
            elif item.drew:
                for part in item.drew:
                    account = self._accounts.get((part.key.term, part.key.component))
                    if account is not None:
                        account.do_again(part.lot, part.drawn, entry)
            elif item.stuck and item.work.rounded < 0:
                for account in self._accounts.values():
                    account.wait_on_record(entry)
            here = naturals.get(day)
            if here is None:
                here = naturals[day] = self._at(self._window(day)).natural
            here.append(item)
            before = entry
        self._last_closed = self._closed_until(everything)
        known = [item for item in everything if item.watches and (item.record or item.stuck)]
        for item in sorted(known, key=_as_recorded):
            self._count_passed(item)
        kept: list[Item] = []
        for item in everything if self._bound.policy.requirements else ():
            self._schedule_retries(item)
            if item.has_passed and item.again and item.requirement is not None:
                kept.append(item)
        for item in sorted(kept, key=self._as_passed):
            # What has passed keeps its room, whatever is asked before it.
            rooms = self._rooms_of_settled(item)
            if rooms:
                worth = self._worth(item.work, item.counted)
                self._gate.use_on_record(rooms, item.work.entry.id, item.passed, worth)
        pending: list[Item] = []
        done: set[date] = set()
        days = sorted(self._windows)
        while days:
            done.add(days[0])
            count = len(self._windows)
            pending = self._do_window(self._windows[days[0]], pending)
            # A window may open further ones: for what waits, or came late.
            days = days[1:] if len(self._windows) == count else sorted(self._windows.keys() - done)
        for item in pending:
            self._hold_at_gate(item)

    def _as_passed(self, item: Item) -> tuple[date, bool]:
        """What is done again in the order in which it passed: what was taken back since gave its
        room to what came after it, and not to what comes now."""
        if item.counted is None:
            return self._window(item.work.entry.date).first, True
        return item.counted + ONE_DAY, False

    def _window(self, day: date) -> Span:
        found = self._spans.get(day)
        if found is None:
            found = self._spans[day] = self._window_of(day)
        return found

    def _at(self, span: Span) -> _Window:
        found = self._windows.get(span.first)
        if found is None:
            found = self._windows[span.first] = _Window(span)
        return found

    def _closed_until(self, items: Sequence[Item]) -> date:
        """The last day that is closed on record for this contract."""
        last = date.min
        if self._closed is never_closed:
            return last
        for item in items:
            span = self._window(item.work.entry.date)
            if span.last is not None and span.last > last and self._closed(span):
                last = span.last
        day = max(last, self._bound.contract.start)
        while day <= self._as_of:
            found = self._safe_window(day)
            if found is None or found.last is None or found.last >= self._as_of:
                break
            if self._closed(found):
                last = found.last
            day = found.last + ONE_DAY
        return last

    def _safe_window(self, day: date) -> Span | None:
        if not self._bound.contract.span.covers(day):
            return None
        return self._window(day)

    def _after(self, day: date) -> _Window:
        """The window that begins after ``day``; an empty one behind the contract's end."""
        following = day + ONE_DAY
        span = self._safe_window(following)
        return self._at(span if span is not None else Span(following, following))

    def _schedule_retries(self, item: Item) -> None:
        for day in self._later_decisions(item):
            span = self._safe_window(day)
            self._at(span if span is not None else Span(day, day))

    # -- one window --------------------------------------------------------------------------------

    def _do_window(self, window: _Window, waiting: list[Item]) -> list[Item]:
        """Passes what may pass; gives back what still waits for an approval."""
        if self._is_usual(window, waiting):
            self._round_alone(window.natural)
            for item in window.natural:
                if item.watches:
                    self._process(item, None)
                else:
                    self._process_usual(item)
            return []
        still: list[Item] = []
        over = not self._bound.contract.span.covers(window.span.first)
        back = self._back_behind_the_end if over else {}
        late, window.late = window.late, []
        self._do_late(late, window, still, back)
        passed, unasked = self._ask(window, waiting, back)
        still += unasked
        here: list[Item] = []
        closed = self._closed(window.span)
        for item in passed:
            self._place(item, window, here, closed)
        self._remember_groups(window)
        here.sort(key=_order)
        self._round(window.span, here)
        while window.late:
            late, window.late = window.late, []
            self._do_late(late, window, still, back)
        number = 0
        while number < len(here):
            for rest in self._process(here[number], None):
                # What a limit cut off is tried again with each later approval.
                if self._passes_later(rest, window.span):
                    insort(here, rest, lo=number + 1, key=_order)
                else:
                    still.append(rest)
            number += 1
        return self._ask_behind(window.span, still)

    def _ask_behind(self, span: Span, still: list[Item]) -> list[Item]:
        """What has found no room is asked again behind the last day of a window that is over, as
        room may have come back in it; gives back what waits on. Earlier runs asked where it is
        closed."""
        last = span.last
        if last is None or last >= self._as_of or not still or self._closed(span):
            return still
        if not self._bound.contract.span.covers(span.first):
            return still  # behind the end all is one window, and never over
        left = []
        for item in still:
            shown = self._gate.shown.tried()
            asks = item.requirement is not None and not item.again
            if asks and self._passes(item, last, {}, shown):
                behind = min(last, self._bound.contract.end or last)
                whole = item.whole or not item.cut
                again = replace(
                    item, decisive=last, counted=behind, adds_to_group=False, cut=True, whole=whole
                )
                self._after(last).late.append(again)
            else:
                left.append(item)
        return left

    def _do_late(
        self, late: list[Item], window: _Window, still: list[Item], back: dict[str, Used]
    ) -> None:
        """What comes behind all that was before ``window``. What a limit cuts off is late again
        where a later approval of the window frees it, and ``still`` waits otherwise. What is on
        record here and came ``back`` was not there for what earlier runs have asked."""
        order = partial(_late_order, any(item.again for item in late))
        queue = sorted(late, key=order)
        number = 0
        while number < len(queue):
            item = queue[number]
            number += 1
            kept = back if item.asked_before else NOTHING_KEPT
            used_up = item.is_new and item.requirement is not None and not item.has_room(kept)
            if not used_up:
                self._round_late(item)
            known = item.record or item.through
            before = [(room, room.left) for room in item.rooms] if known else ()
            rests = [item] if used_up else self._process(item, item.behind, kept)
            for room, left in before:
                _give(back, room.approval.id, room.left, left)
            for rest in rests:
                if self._passes_later(rest, window.span):
                    rest.counted = item.counted
                    if rest.counted is not None and rest.decisive > rest.counted:
                        rest.adds_to_group = False
                    insort(queue, rest, lo=number, key=order)
                else:
                    still.append(rest)

    def _is_usual(self, window: _Window, waiting: Sequence[Item]) -> bool:
        """Whether all in ``window`` passes in its own place, and nothing of it is on record."""
        if waiting or window.late or self._closed is not never_closed:
            return False
        for item in window.natural:  # as Item.plain, at once
            if item.requirement is not None or item.record or item.again or not item.validated:
                return False
        return True

    def _passes_later(self, item: Item, span: Span) -> bool:
        """Whether a decision after the one that counted, until ``span`` ends, lets it pass."""
        until = span.last or self._as_of
        for day in self._later_decisions(item):
            shown = self._gate.shown.tried()
            if item.decisive < day <= until and self._passes(item, day, {}, shown):
                item.decisive = day
                return True
        return False

    def _ask(
        self, window: _Window, waiting: list[Item], back: Mapping[str, Used]
    ) -> tuple[list[Item], list[Item]]:
        """The gate, in the order of days: first tries of this window, further tries of others."""
        if not waiting and all(item.plain for item in window.natural):
            return window.natural, []
        passed: list[Item] = []
        used: dict[str, Used] = {}
        shown = self._gate.shown.tried()
        tries: list[tuple[date, int, bool, Item]] = []
        asked: list[Item] = []
        for item in window.natural:
            if item.plain:
                passed.append(item)  # it uses nothing that others need
            else:
                asked.append(item)
                tries.append((item.work.entry.date, item.rank, not item.record, item))
        asked = [*waiting, *asked]
        for item in asked:
            for day in () if item.record else self._later_decisions(item):
                if window.span.covers(day):
                    tries.append((day, item.rank, True, item))
        gone: set[int] = set()
        closed = self._closed(window.span)
        if closed:
            # All but what is on record stands behind all of the last closed day, where it is
            # asked again whether anything is left.
            tries.sort(key=lambda found: (found[2], found[:2]))
        else:
            tries.sort(key=lambda found: found[:3])
        for day, _, _, item in tries:
            if id(item) in gone:
                continue
            so_far = dict(used) if closed and not item.record else used
            if back and item.asked_before:
                so_far = dict(used)
                for approval, more in back.items():
                    _add(so_far, approval, more)
            if self._passes(item, day, so_far, shown.tried() if so_far is not used else shown):
                gone.add(id(item))
                passed_on = self._passed_on(item, window.span) if item.has_passed else day
                item.decisive = item.since or passed_on
                passed.append(item)
        return passed, [item for item in asked if id(item) not in gone]

    def _passes(self, item: Item, day: date, used: dict[str, Used], shown: Shown) -> bool:
        if item.has_passed or item.through:
            item.rooms = self._rooms_of_settled(item)
            if item.rooms and not item.again:
                self._use_provisionally(item, item.rooms, used, shown)
            return True
        if not item.validated:
            return False
        if item.requirement is None:
            return True
        rooms = self._gate.rooms(item.requirement, item.work.ticket, item.work.entry.date, day)
        open_ = [room for room in rooms if room.is_open(used.get(room.approval.id))]
        if not open_:
            return False
        item.rooms = rooms
        self._use_provisionally(item, open_, used, shown)
        return True

    def _later_decisions(self, item: Item) -> list[date]:
        """Days after its own on which an approval of the kind that ``item`` needs was given that
        may count for it, oldest first."""
        needed, own = item.requirement, item.work.entry.date
        if needed is None or not needed.retroactive:
            return []
        known = self._gate.decisions(needed, item.work.ticket, own)
        return [day for day in known if own < day <= self._as_of]

    def _passed_on(self, item: Item, span: Span) -> date:
        """The day in ``span`` on which what is on record passed: its own, or an approval's."""
        needed, ticket, own = item.requirement, item.work.ticket, item.work.entry.date
        if needed is not None and needed.retroactive:
            for day in (own, *self._later_decisions(item)):
                if self._gate.rooms(needed, ticket, own, day):
                    return day if span.covers(day) else own
        return own

    def _rooms_of_settled(self, item: Item) -> Sequence[Room]:
        """The approvals that settled work may stand on, in the order of their use."""
        if item.requirement is None:
            return ()
        ticket, own = item.work.ticket, item.work.entry.date
        found: list[Room] = []
        for day in (own, *self._later_decisions(item)):
            # What was rejected since takes nothing back: its room is used all the same.
            rooms = self._gate.rooms(item.requirement, ticket, own, day)
            found += [room for room in rooms if all(room is not one for one in found)]
        return found

    def _use_provisionally(
        self, item: Item, rooms: Sequence[Room], used: dict[str, Used], shown: Shown
    ) -> None:
        """Earlier entries of a window count as worked while their rounding is not known."""
        if item.record:
            pieces = self._on_lines(item)
        else:
            pieces = [(item.work.seconds, self._worth(item.work, None))]
        for left, worth in pieces:
            for room in rooms:
                before = used.get(room.approval.id, NOTHING)
                part = room.lets(left, worth, shown, before)
                amount = shown.put(worth, part) if room.amount is not None else ZERO
                used[room.approval.id] = Used(
                    before.seconds + part,
                    before.amount + amount,
                    before.worth + multiply(worth.price, part),
                )
                left -= part
                if left <= 0:
                    break

    def _place(self, item: Item, window: _Window, here: list[Item], closed: bool) -> None:
        """Where in the queue ``item`` stands (semantics 4, "The clerk")."""
        own = item.work.entry.date
        if item.record:
            item.counted = item.record[-1].counted
            stands = item.place_of(item.record[-1])
            if stands is None:
                here.append(item)
            else:
                self._after(stands).late.append(item)
        elif item.again and (item.old_place if item.waited else item.counted) is not None:
            place = item.old_place if item.waited else item.counted
            assert place is not None
            item.adds_to_group = not (item.gated_before or self._was_freed(item))
            after = self._after(place)
            (after if after.span.first > window.span.first else window).late.append(item)
        elif item.has_passed or (item.again and self._window(own).first == window.span.first):
            here.append(item)
        elif closed and not item.again and item.through:
            item.counted = self._last_closed
            if item.old_place is None:
                here.append(item)
            else:
                self._after(item.old_place).late.append(item)
        elif closed and not item.again and not item.reopened:
            item.counted = self._last_closed
            item.adds_to_group = not item.held_before
            self._after(self._last_closed).late.append(item)
        elif self._window(own).first != window.span.first:
            # Behind the contract's end all windows are one.
            behind = window.span.first - ONE_DAY
            item.counted = min(behind, self._bound.contract.end or behind)
            window.late.append(item)
        else:
            here.append(item)

    # -- rounding ----------------------------------------------------------------------------------

    def _remember_groups(self, window: _Window) -> None:
        """What of this window's groups is on record as rounded."""
        rule = self._bound.policy.rounding
        if rule is None:
            return
        for item in window.natural:
            if not item.record and not item.held_before:
                continue
            if item.gated_before or not item.is_rounded or self._was_freed(item):
                continue
            known = self._groups[window.span.first, group_of(rule, item.work)]
            if item.record:
                known[0] += sum(part.seconds for part in item.record)
                known[1] += sum(part.rounded for part in item.record)
            else:
                known[0] += item.work.seconds
                known[1] += item.work.rounded

    def _was_freed(self, item: Item) -> bool:
        """Whether what is on record passed by a decision after its own window, and so was never
        rounded, though no run has put it on record as held."""
        needed, counted = item.requirement, item.first_counted
        if needed is None or counted is None:
            return False
        ticket, own = item.work.ticket, item.work.entry.date
        for day in (own, *self._later_decisions(item)):
            if self._gate.rooms(needed, ticket, own, day):
                return not self._window(own).covers(day) and counted == self._place_before(day)
        return False

    def _place_before(self, day: date) -> date:
        """The day behind which stands what a decision of ``day`` frees of earlier windows."""
        span = self._safe_window(day)
        behind = (span.first if span is not None else day) - ONE_DAY
        return min(behind, self._bound.contract.end or behind)

    def _expect(self, item: Item) -> None:
        """Keeps what a record draws later in this simulation from work that is tried before it."""
        for part in item.record:
            account = self._accounts.get((part.key.term, part.key.component))
            if account is not None:
                late = item.place_of(part) is not None
                account.expect(
                    part.lot, part.drawn, item.work.entry, part.rounded, late, part.number
                )

    def _count_passed(self, item: Item) -> None:
        """What passed in an earlier run has used its budgets, whatever else is tried."""
        pieces = [(item.work.rounded, self._worth(item.work, item.old_place))]
        if item.record:
            # What an adjustment took back first: together they never came to more.
            pieces = sorted(self._on_lines(item), key=lambda piece: piece[0] >= 0)
        for seconds, worth in pieces:
            self._budgets.count(item.watches, item.work, seconds, worth, item.decisive, False)

    def _held_by_budget(self, item: Item, worth: Worth) -> bool:
        """Whether it was a budget that cut ``item`` off, and no approval's limit."""
        if item.over_budget or not item.cut:
            return item.over_budget
        work = item.work
        return self._gate.has_more(item.rooms, work.entry.id, work.rounded, worth)

    def _round(self, span: Span, items: list[Item]) -> None:
        rule = self._bound.policy.rounding
        if rule is None:
            return
        groups: dict[Group, list[Item]] = defaultdict(list)
        for item in items:
            if item.is_rounded and not item.record and not item.held_before:
                groups[group_of(rule, item.work)].append(item)
        for group, members in groups.items():
            known = self._groups[span.first, group]
            worked = [item.work.seconds for item in members]
            total = rounded(rule, known[0] + sum(worked)) - known[1]
            known[0] += sum(worked)
            known[1] += total
            for item, seconds in zip(members, shared(worked, total), strict=True):
                item.work = rounded_to(item.work, seconds)

    def _round_alone(self, items: list[Item]) -> None:
        """As :meth:`_round`, where nothing is on record and nothing comes to a group later."""
        rule = self._bound.policy.rounding
        if rule is None:
            return
        if rule.per == "entry":
            for item in items:
                if item.is_rounded:
                    item.work = rounded_to(item.work, rounded(rule, item.work.seconds))
            return
        groups: dict[Group, list[Item]] = {}
        for item in items:
            if item.is_rounded:
                groups.setdefault(group_of(rule, item.work), []).append(item)
        for members in groups.values():
            worked = [item.work.seconds for item in members]
            total = rounded(rule, sum(worked))
            for item, seconds in zip(members, shared(worked, total), strict=True):
                item.work = rounded_to(item.work, seconds)

    def _round_late(self, item: Item) -> None:
        """A late entry pays what it adds to its group; what was held is not rounded again."""
        rule = self._bound.policy.rounding
        if rule is None or not item.adds_to_group or not item.is_rounded:
            return
        first = self._window(item.work.entry.date).first
        known = self._groups[first, group_of(rule, item.work)]
        total = rounded(rule, known[0] + item.work.seconds) - known[1]
        known[0] += item.work.seconds
        known[1] += total
        item.work = item.work._replace(rounded=total)

    # -- one entry ---------------------------------------------------------------------------------

    def _process(
        self, item: Item, behind: date | None, aside: Mapping[str, Used] = NOTHING_KEPT
    ) -> list[Item]:
        """Cuts ``item`` at limits and budgets, and offers it to the terms; what is ``aside`` of an
        approval is not for it.

        What an approval's limit cut off comes back where a later approval may free it.
        """
        if item.record:
            self._force(item, behind)
            return []
        work = item.work
        late = behind is not None
        shares: list[tuple[str, str, Taken | None, str, int]] = []
        if item.requirement is None and not item.watches:
            self._allocate(item, work, behind, late, shares)
            return self._keep(item, shares, ZERO, False, behind)
        mark = item.counted if item.through else behind
        worth = self._worth(work, mark) if (item.rooms or item.watches) else WORTHLESS
        passes = work.rounded
        held = self._held_by_budget(item, worth)
        if item.requirement is not None:
            passes = work.rounded
            if not item.has_passed:
                used = self._gate.use(item.rooms, work.entry.id, work.rounded, worth, aside)
                passes = work.rounded if item.through else used
        limit = work.rounded - passes
        over = 0
        if item.watches and not item.stuck:
            kept = self._budgets.count(item.watches, work, passes, worth, item.decisive, held)
            over = passes - kept
            passes = kept
        if passes or not work.rounded:
            self._allocate(item, rounded_to(work, passes), behind, late, shares)
        if over:
            shares.append(("", "", None, OVER_BUDGET, over))
        if limit:
            shares.append(("", "", None, LIMIT, limit))
        needed = item.requirement
        again = bool(limit) and needed is not None
        return self._keep(item, shares, worth.price, again, behind)

    def _process_usual(self, item: Item) -> None:
        """As :meth:`_process`, where nothing is asked of ``item`` and it is in its own place."""
        work = item.work
        stops = self._route(work).stops
        if stops and stops[0].account is None and stops[0].billed_until is None:
            taken = stops[0].bound.take(work)
            if taken is not None and taken.seconds == work.seconds:
                item.done = (stops[0].term, stops[0].component, taken)
                return
        shares: list[tuple[str, str, Taken | None, str, int]] = []
        self._allocate(item, work, None, False, shares)
        self._keep(item, shares, ZERO, False, None)

    def _allocate(
        self,
        item: Item,
        work: Work,
        behind: date | None,
        late: bool,
        shares: list[tuple[str, str, Taken | None, str, int]],
    ) -> None:
        day = item.decisive
        rest = work.rounded
        own_mark = item.through or item.waited
        mark = item.counted if own_mark else behind
        for stop in self._route(work).stops:
            if stop.billed_until is not None and work.entry.date <= stop.billed_until:
                shares.append((stop.term, stop.component, None, ELSEWHERE, rest))
                return
            account = stop.account
            offered = rounded_to(work, rest)
            if account is None:
                found = stop.bound.take(offered)
                if found is not None:
                    shares.append(self._took(stop, found, mark))
                    return
                continue
            self._drive(account, day, behind)
            offer = account.offer(offered, day, late)
            for part in offer.taken:
                shares.append(self._took(stop, part, mark))
            rest = offer.rest
            if offer.waits and (rest or not offer.taken):
                account.wait(rounded_to(offered, rest))
                shares.append((stop.term, stop.component, None, NO_HOURS, rest))
                return
            if not rest and (work.rounded or offer.taken):
                return
        shares.append(("", "", None, NO_TERM, rest))

    def _drive(self, account: Account, day: date, behind: date | None) -> None:
        if behind is None:
            account.morning(day)
        else:
            account.evening(behind)
        self._collect_paid()

    def _took(
        self, stop: _Stop, part: Taken, behind: date | None
    ) -> tuple[str, str, Taken | None, str, int]:
        if behind is not None:
            part = part._replace(counted=behind)
        return stop.term, stop.component, part, "", part.rounded

    def _route(self, work: Work) -> _Route:
        """Components of running terms that take such work, by the terms' priority."""
        day = work.entry.date
        route = self._routes.get(work.disposition)
        if route is None or not route.first <= day <= route.last:
            route = self._routes[work.disposition] = self._new_route(work.disposition, day)
        return route

    def _new_route(self, disposition: str, day: date) -> _Route:
        first, last = date.min, date.max
        stops: list[_Stop] = []
        prices: list[tuple[str, str, Bound, Decimal]] = []
        for term in self._bound.taking(disposition):
            begin, end = term.span.first, term.span.last or date.max
            if day < begin:
                last = min(last, begin - ONE_DAY)
            elif end < day:
                first = max(first, end + ONE_DAY)
            else:
                first, last = max(first, begin), min(last, end)
                stops += [
                    _Stop(
                        term.term.id, component.id, component.bound,
                        self._accounts.get((term.term.id, component.id)),
                        term.billed_until,
                    )
                    for component in term.components
                    if component.takes_time
                ]  # fmt: skip
                prices += [
                    (term.term.id, component.id, component.bound, term.term.discount)
                    for component in term.components
                ]
        prices.sort(key=lambda found: not found[2].bills_time)
        return _Route(first, last, stops, prices)

    def _force(self, item: Item, behind: date | None) -> None:
        """What is on record happens again as it happened."""
        shares: list[Share] = []
        components = {
            (term.term.id, component.id): (term, component)
            for term in self._bound.terms
            for component in term.components
        }
        for part in item.record:
            found = components.get((part.key.term, part.key.component))
            if found is None:
                continue
            _, component = found
            period = component.bound.period(part.key.period)
            if period is None:
                continue
            taken = Taken(
                item.work, part.seconds, part.rounded, period, part.key.group, part.rate,
                part.lot, part.drawn, part.counted, settled=True, number=part.number,
            )  # fmt: skip
            account = self._accounts.get((part.key.term, part.key.component))
            if account is not None:
                self._drive(account, item.decisive, behind)
                stands = item.place_of(part)
                taken = account.force(taken._replace(counted=stands))._replace(counted=part.counted)
            shares.append(
                Share(part.key.term, part.key.component, taken, "", part.seconds, part.rounded)
            )
        for seconds, worth in self._on_lines(item) if item.rooms else ():
            self._gate.use_on_record(item.rooms, item.work.entry.id, seconds, worth)
        self._parts.setdefault(item.key, []).extend(shares)

    def _keep(
        self,
        item: Item,
        pieces: list[tuple[str, str, Taken | None, str, int]],
        price: Decimal,
        try_again: bool,
        behind: date | None,
    ) -> list[Item]:
        """Worked seconds fill the pieces in order; the last one carries the rest.

        With ``try_again`` the last piece does not wait, it comes back as an item of its own.
        """
        left = item.work.seconds
        if len(pieces) == 1 and not item.cut and not item.again:
            term, component, taken, _, _ = pieces[0]
            if taken is not None and taken.seconds == left:
                item.done = (term, component, taken)
                return []
        shares = self._parts.setdefault(item.key, [])
        for number, (term, component, taken, held, wanted) in enumerate(pieces, start=1):
            seconds = left if number == len(pieces) else _at_most(wanted, left)
            left -= seconds
            if taken is not None and taken.seconds != seconds:
                taken = taken._replace(seconds=seconds)
            if try_again and number == len(pieces):
                work = item.work._replace(seconds=seconds, rounded=wanted)
                return [
                    Item(
                        work, item.requirement, item.watches, held_before=True, cut=True,
                        waits_for=item.waits_for, again=item.again, asks=item.asks,
                        piece=item.piece, decisive=item.decisive, rank=item.rank,
                        old_place=item.old_place,
                    )
                ]  # fmt: skip
            amount = self._value(wanted, price) if held and price else None
            share = Share(term, component, taken, held, seconds, wanted, amount)
            if held:
                own = behind is not None or item.decisive == item.work.entry.date
                share = share._replace(place=behind, since=None if own else item.decisive)
            shares.append(share)
        return []

    def _hold_at_gate(self, item: Item) -> None:
        work = item.work
        if not item.validated:
            reason = NOT_VALIDATED
        elif item.cut and not item.whole:
            reason = LIMIT
        else:
            assert item.requirement is not None
            entry = work.entry
            reason = self._gate.reason(item.requirement, work.ticket, entry.date, self._as_of)
        seconds = work.seconds
        wanted = work.rounded if item.held_before else work.seconds
        price = self._worth(work, None).price
        amount = self._value(wanted, price) if price else None
        self._parts.setdefault(item.key, []).append(
            Share("", "", None, reason, seconds, wanted, amount)
        )

    # -- waiting work that new hours have paid -----------------------------------------------------

    def _collect_paid(self) -> None:
        for (term, component), account in self._accounts.items():
            if not account.paid:
                continue
            for work, taken in account.paid:
                self._pay(term, component, work, taken)
            account.paid.clear()

    def _pay(self, term: str, component: str, work: Work, taken: Taken) -> None:
        """Turns (a part of) a held share into one that was drawn."""
        for key, shares in self._parts.items():
            if key[0] == work.entry.id and self._pay_share(shares, term, component, taken):
                return

    def _pay_share(self, shares: list[Share], term: str, component: str, taken: Taken) -> bool:
        for number, share in enumerate(shares):
            if share.held == NO_HOURS and (share.term, share.component) == (term, component):
                rest = share.rounded - taken.rounded
                seconds = share.seconds if not rest else _at_most(taken.rounded, share.seconds)
                drawn = Share(
                    term, component, taken._replace(seconds=seconds), "", seconds, taken.rounded
                )
                after = (
                    [share._replace(seconds=share.seconds - seconds, rounded=rest)] if rest else []
                )
                shares[number : number + 1] = [drawn, *after]
                return True
        return False

    # -- prices, results ---------------------------------------------------------------------------

    def _worth(self, work: Work, mark: date | None) -> Worth:
        """What ``work`` would cost if it were billed, for limits and budgets, and on which line:
        where it counts behind the day ``mark``, on the late one of this run."""
        return self._worth_on(work, mark, None)

    def _worth_on(self, work: Work, mark: date | None, number: int | None) -> Worth:
        for term, component, bound, discount in self._route(work).prices:
            rate = bound.rate(work)
            if rate is not None:
                price = line_amount(ONE, rate, discount)
                period = bound.period(work.entry.date)
                first = period.first if period is not None else None
                late: tuple[object, ...] = ()
                if mark is not None and (period is None or period.last <= mark):
                    late = (mark, number)
                return Worth(price, (term, component, first, bound.line_of(work), price, *late))
        return WORTHLESS

    def _on_lines(self, item: Item) -> list[tuple[int, Worth]]:
        """What is on record of ``item``: rounded seconds, and the line that they are on."""
        return [
            (rounded, self._worth_on(item.work, part.counted, number))
            for part in item.record
            for number, rounded in part.pieces
        ]

    def _value(self, seconds: int, price: Decimal) -> Decimal:
        """What ``seconds`` that wait are worth."""
        return value(seconds, price, self._bound.money_digits)

    def _outcome(self, items: Sequence[Item]) -> Outcome:
        return Outcome(self._parts, list(self._budgets.reached.values()), self._last_closed)


def _at_most(wanted: int, left: int) -> int:
    """Seconds of ``left`` that a piece of ``wanted`` seconds holds, of either sign."""
    if wanted >= 0:
        return max(min(wanted, left), 0) if left >= 0 else left
    return min(max(wanted, left), 0)


__all__ = [
    "BEFORE_ROUNDING",
    "Clerk",
    "Item",
    "OnRecord",
    "Outcome",
    "Place",
    "Share",
    "never_closed",
]
