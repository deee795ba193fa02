"""The short way of usual entries.

Where nothing is on record and nobody decided by hand, what becomes of an entry is the same for
all that look the same to the policy, lie around the same ticket and project and on days in which
the same terms run. It is found out once for them (a :class:`Way`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.charges.base import ONE, Work
from klausel.model import Entry, made
from klausel.period import intersect
from klausel.policy.ir import Requirement, Rule, Seen, Watch
from klausel.result import Part
from klausel.run.clerk.piece import Piece
from klausel.run.facts import CustomerFacts
from klausel.run.handed import Handed
from klausel.run.history.record import History
from klausel.run.outcomes import Outcomes
from klausel.run.scope.around import Surroundings
from klausel.run.scope.free import Free
from klausel.run.scope.intake import Intake
from klausel.run.scope.offers import Offers
from klausel.run.scope.takers import Takers
from klausel.run.values import SETTLING
from klausel.run.windows import Windows
from klausel.terms import BoundContract


class Way(NamedTuple):
    """What becomes of entries from ``first`` to ``last`` that look the same to a contract."""

    first: date
    last: date
    rule: Rule
    settles: bool
    disposition: str
    rule_id: str
    taken: bool = True
    """Whether any term takes such work."""
    price_factor: Decimal = ONE
    hours_factor: Decimal = ONE
    surcharges: tuple[str, ...] = ()
    included: bool = False
    requirement: Requirement | None = None
    watches: tuple[Watch, ...] = ()


class Spot(NamedTuple):
    """What entries of one ticket and project share."""

    bound: BoundContract
    """The contract that is asked first."""
    alone: bool
    """No other contract is asked after it."""
    own: Callable[[Entry, str, int], tuple[object, ...]]
    """This and the next two: see :class:`~klausel.policy.ir.Outlook`."""
    days: Mapping[date, int]
    seen: dict[tuple[object, ...], Seen]
    ways: dict[Seen, Way]
    project: str
    ticket: str
    activity: str
    works: list[Work]
    pieces: list[Piece]


class Usual:
    """The short way of entries that look alike: same results as :class:`Intake`, many at once."""

    def __init__(
        self,
        facts: CustomerFacts,
        offers: Offers,
        around: Surroundings,
        terms: Takers,
        windows: Windows,
        history: History,
        outcomes: Outcomes,
        handed: Handed,
        intake: Intake,
        free: Free,
    ) -> None:
        self._facts = facts
        self._offers = offers
        self._around = around
        self._terms = terms
        self._windows = windows
        self._history = history
        self._outcomes = outcomes
        self._handed = handed
        self._intake = intake
        self._free = free
        self._ways: dict[str, dict[Seen, Way]] = {}

    def take_all(self) -> None:
        if self._history.untouched:
            self._usual()
        else:
            self._singly()

    def _singly(self) -> None:
        for entry in self._facts.entries:
            self._intake.take(entry)

    def _usual(self) -> None:
        """Hands on every entry that is one of the many; others are looked at one by one."""
        # What a run has hundreds of thousands of is done in one loop, without a call for each.
        roles = {id_: employee.role for id_, employee in self._facts.book.employees.items()}
        overrides, all_parts = self._facts.overrides, self._outcomes.parts
        spots: dict[tuple[str, str, str], Spot | None] = {}
        windows = self._windows.last
        role_of, usual = roles.get, Piece.usual
        changing, employees = self._around.with_roles, self._facts.book.employees
        for entry in self._facts.entries:
            (
                id_, day, employee, project, ticket, whose, seconds, _, activity, _, validated,
                billed, _, billable,
            ) = entry  # fmt: skip
            if billed or not (validated and billable) or id_ in overrides:
                self._intake.take(entry)
                continue
            try:
                spot = spots[ticket, project, whose]
            except KeyError:
                spot = spots[ticket, project, whose] = self._spot(entry)
            if spot is None:
                self._intake.take(entry)
                continue
            bound, alone, own, days, known, ways, project, ticket, what, works, pieces = spot
            role = role_of(employee, "")
            if employee in changing:
                role = employees[employee].on(day)
            key = own(entry, role, days[day])
            seen = known.get(key)
            if seen is None:
                seen = known[key] = self._around.see(bound, entry, self._around.around(entry))
            way = ways.get(seen)
            if way is None:
                way = ways[seen] = self._way(bound, seen)
            (
                first, last, rule, settles, disposition, rule_id, taken, price, hours, surcharges,
                included, needed, watches,
            ) = way  # fmt: skip
            if not (first <= day <= last and (taken or alone)):
                self._intake.take(entry)
            elif settles and self._facts.mode.recording:
                all_parts[id_] = []
                self._free.settle(entry, bound, rule)
            elif settles:  # as Free.settle
                code = bound.contract.code
                window = windows.get(code)
                if window is None or not window[0] <= day <= window[1]:  # type: ignore[operator]
                    window = self._windows.window(bound, day)
                part = (
                    disposition, rule_id, seconds, seconds, code, "", "", "", "", "", None, False,
                    "", 0, None, 0, False, window[1],
                )  # fmt: skip
                all_parts[id_] = [made(Part, part)]
            elif not taken:
                all_parts[id_] = []
                self._intake.uncover(entry, rule_id, disposition)
            else:
                all_parts[id_] = []
                facts = (
                    entry, project, ticket, activity or what, role,
                    disposition, rule_id, seconds, seconds, price, hours, surcharges,
                )  # fmt: skip
                work = made(Work, facts)
                if bound.stateful:
                    pieces.append(usual(work, needed, watches, included))
                else:
                    works.append(work)

    def _spot(self, entry: Entry) -> Spot | None:
        """What entries like ``entry`` share; None where several contracts are asked at once."""
        around = self._around.around(entry)
        tiers = self._offers.tiers_of(entry, around)
        if not tiers or len(tiers[0]) != 1:
            return None
        bound = tiers[0][0]
        if bound.taken_over:
            return None  # each day has to be looked at
        code = bound.contract.code
        return Spot(
            bound,
            len(tiers) == 1,
            *self._facts.scopes[bound.policy.name].outlook(
                self._around.subject(bound, entry, around), self._around.worked
            ),
            self._ways.setdefault(code, {}),
            around.project.id,
            around.ticket.id,
            around.ticket.activity,
            self._handed.works[code],
            self._handed.pieces[code],
        )

    def _way(self, bound: BoundContract, seen: Seen) -> Way:
        """What becomes of what looks like ``seen`` while the first term that takes it runs."""
        rule = seen.rule
        disposition = rule.disposition
        self._handed.rules[bound.contract.code, rule.id] = rule
        settles = taken = disposition in SETTLING
        span = bound.span
        if not settles:
            terms = self._terms.taking(bound, disposition)
            taken = bool(terms)
            found = intersect(span, terms[0].span) if taken else span
            if found is None or self._facts.others.released.get(bound.contract.code):
                return Way(date.max, date.min, rule, settles, disposition, rule.id)
            span = found
        first, last = span.first, span.last or date.max
        if settles or not taken:
            return Way(first, last, rule, settles, disposition, rule.id, taken)
        included = self._terms.is_included(bound, disposition, span.first)
        price, hours, surcharges = seen.factors if bound.policy.surcharges else (ONE, ONE, ())
        return Way(
            first,
            last,
            rule,
            settles,
            disposition,
            rule.id,
            taken,
            price,
            hours,
            surcharges,
            included,
            None if included else seen.requirement(disposition),
            () if included else seen.watches(disposition),
        )
