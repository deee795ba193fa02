"""The short way of usual entries: same results as :mod:`klausel.customer.scope`, many at once.

Where nothing is on record and nobody decided by hand, what becomes of an entry is the same for
all that look the same to the policy, lie around the same ticket and project and on days in which
the same terms run. It is found out once for them (a :class:`_Way`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.charges.base import ONE, Work
from klausel.clerk import Item
from klausel.customer.scope import Scoping
from klausel.customer.state import SETTLING
from klausel.model import Entry, made
from klausel.period import intersect
from klausel.policy.ir import Requirement, Rule, Seen, Watch
from klausel.result import Part
from klausel.terms import BoundContract


class _Way(NamedTuple):
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


class _Spot(NamedTuple):
    """What entries of one ticket and project share."""

    bound: BoundContract
    """The contract that is asked first."""
    alone: bool
    """No other contract is asked after it."""
    own: Callable[[Entry, str, int], tuple[object, ...]]
    """This and the next two: see :class:`~klausel.policy.ir.Outlook`."""
    days: Mapping[date, int]
    seen: dict[tuple[object, ...], Seen]
    ways: dict[Seen, _Way]
    project: str
    ticket: str
    activity: str
    works: list[Work]
    items: list[Item]


class Usual(Scoping):
    """Entries find their contracts."""

    def _scope_all(self) -> None:
        self._spots: dict[tuple[str, str, str], _Spot | None] = {}
        self._ways: dict[str, dict[Seen, _Way]] = {}
        self._roles = {id_: employee.role for id_, employee in self._book.employees.items()}
        if self._untouched:
            self._scope_usual()
        else:
            self._scope_singly()

    def _scope_singly(self) -> None:
        for entry in self._entries:
            self._scope(entry)

    def _scope_usual(self) -> None:
        """Hands on every entry that is one of the many; others are looked at one by one."""
        # What a run has hundreds of thousands of is done in one loop, without a call for each.
        overrides, spots, all_parts = self._overrides, self._spots, self._parts
        windows = self._last_windows
        role_of, usual = self._roles.get, Item.usual
        changing, employees = self._with_roles, self._book.employees
        for entry in self._entries:
            (
                id_, day, employee, project, ticket, whose, seconds, _, activity, _, validated,
                billed, _, billable,
            ) = entry  # fmt: skip
            if billed or not (validated and billable) or id_ in overrides:
                self._scope(entry)
                continue
            try:
                spot = spots[ticket, project, whose]
            except KeyError:
                spot = spots[ticket, project, whose] = self._spot(entry)
            if spot is None:
                self._scope(entry)
                continue
            bound, alone, own, days, known, ways, project, ticket, what, works, items = spot
            role = role_of(employee, "")
            if employee in changing:
                role = employees[employee].on(day)
            key = own(entry, role, days[day])
            seen = known.get(key)
            if seen is None:
                seen = known[key] = self._see(bound, entry, self._around(entry))
            way = ways.get(seen)
            if way is None:
                way = ways[seen] = self._way(bound, seen)
            (
                first, last, rule, settles, disposition, rule_id, taken, price, hours, surcharges,
                included, needed, watches,
            ) = way  # fmt: skip
            if not (first <= day <= last and (taken or alone)):
                self._scope(entry)
            elif settles and self._on_record:
                all_parts[id_] = []
                self._settle_free(entry, bound, rule)
            elif settles:  # as _settle_free
                code = bound.contract.code
                window = windows.get(code)
                if window is None or not window[0] <= day <= window[1]:  # type: ignore[operator]
                    window = self._window(bound, day)
                part = (
                    disposition, rule_id, seconds, seconds, code, "", "", "", "", "", None, False,
                    "", 0, None, 0, False, window[1],
                )  # fmt: skip
                all_parts[id_] = [made(Part, part)]
            elif not taken:
                all_parts[id_] = []
                self._last_rule, self._last_disposition = rule_id, disposition
                self._uncover(entry)
            else:
                all_parts[id_] = []
                facts = (
                    entry, project, ticket, activity or what, role,
                    disposition, rule_id, seconds, seconds, price, hours, surcharges,
                )  # fmt: skip
                work = made(Work, facts)
                if bound.stateful:
                    items.append(usual(work, needed, watches, included))
                else:
                    works.append(work)

    def _spot(self, entry: Entry) -> _Spot | None:
        """What entries like ``entry`` share; None where several contracts are asked at once."""
        around = self._around(entry)
        tiers = self._tiers_of(entry, around)
        if not tiers or len(tiers[0]) != 1:
            return None
        bound = tiers[0][0]
        if bound.taken_over:
            return None  # each day has to be looked at
        code = bound.contract.code
        return _Spot(
            bound,
            len(tiers) == 1,
            *self._scopes[bound.policy.name].outlook(
                self._subject(bound, entry, around), self._worked
            ),
            self._ways.setdefault(code, {}),
            around.project.id,
            around.ticket.id,
            around.ticket.activity,
            self._works[code],
            self._items[code],
        )

    def _way(self, bound: BoundContract, seen: Seen) -> _Way:
        """What becomes of what looks like ``seen`` while the first term that takes it runs."""
        rule = seen.rule
        disposition = rule.disposition
        self._rules[bound.contract.code, rule.id] = rule
        settles = taken = disposition in SETTLING
        span = bound.span
        if not settles:
            terms = self._terms(bound, disposition)
            taken = bool(terms)
            found = intersect(span, terms[0].span) if taken else span
            if found is None or self._others.released.get(bound.contract.code):
                return _Way(date.max, date.min, rule, settles, disposition, rule.id)
            span = found
        first, last = span.first, span.last or date.max
        if settles or not taken:
            return _Way(first, last, rule, settles, disposition, rule.id, taken)
        included = self._is_included(bound, disposition, span.first)
        price, hours, surcharges = seen.factors if bound.policy.surcharges else (ONE, ONE, ())
        return _Way(
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
