"""The short way of usual entries: same results as :mod:`klausel.customer.scope`, many at once.

Where nothing is on record and nobody decided by hand, what becomes of an entry is the same for
all that look the same to the policy, lie around the same ticket and project and on days in which
the same terms run. It is found out once for them (a :class:`_Way`).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from klausel.charges.base import ONE, Work
from klausel.clerk import Item
from klausel.customer.scope import Scoping
from klausel.customer.state import SETTLING
from klausel.model import Entry, made
from klausel.period import intersect
from klausel.policy.ir import Outlook, Requirement, Rule, Seen, Watch
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
    included: bool = False
    requirement: Requirement | None = None
    watches: tuple[Watch, ...] = ()


class _Spot(NamedTuple):
    """What entries of one ticket and project share."""

    bound: BoundContract
    """The contract that is asked first."""
    alone: bool
    """No other contract is asked after it."""
    outlook: Outlook
    ways: dict[Seen, _Way]
    project: str
    ticket: str
    activity: str
    works: list[Work]
    items: list[Item]


class Usual(Scoping):
    """Entries find their contracts."""

    def _scope_all(self) -> None:
        self._spots: dict[tuple[str, str], _Spot | None] = {}
        self._ways: dict[str, dict[Seen, _Way]] = {}
        self._roles = {id_: employee.role for id_, employee in self._book.employees.items()}
        for entry in self._entries:
            if not self._untouched or not self._goes_the_usual_way(entry):
                self._scope(entry)

    def _goes_the_usual_way(self, entry: Entry) -> bool:
        """Hands ``entry`` on if it is one of the many; False if it has to be looked at."""
        id_, day, employee, project, ticket, _, seconds, _, activity, _, validated, billed, _ = (
            entry
        )
        if billed or not validated or id_ in self._overrides:
            return False
        try:
            spot = self._spots[ticket, project]
        except KeyError:
            spot = self._spots[ticket, project] = self._spot(entry)
        if spot is None:
            return False
        role = self._roles.get(employee, "")
        own, days, known = spot.outlook
        key = own(entry, role, days[day])
        seen = known.get(key)
        if seen is None:
            seen = known[key] = self._see(spot.bound, entry, self._around(entry))
        way = spot.ways.get(seen)
        if way is None:
            way = spot.ways[seen] = self._way(spot.bound, seen)
        (
            first,
            last,
            rule,
            settles,
            disposition,
            rule_id,
            taken,
            price,
            hours,
            included,
            needed,
            watches,
        ) = way
        if not (first <= day <= last and (taken or spot.alone)):
            return False
        self._parts[id_] = []
        if settles:
            self._settle_free(entry, spot.bound, rule)
            return True
        if not taken:
            self._last_rule, self._last_disposition = rule_id, disposition
            self._uncover(entry)
            return True
        facts = (
            entry, spot.project, spot.ticket, activity or spot.activity, role,
            disposition, rule_id, seconds, seconds, price, hours,
        )  # fmt: skip
        work = made(Work, facts)
        if not spot.bound.stateful:
            spot.works.append(work)
        else:
            spot.items.append(Item.usual(work, needed, watches, included))
        return True

    def _spot(self, entry: Entry) -> _Spot | None:
        """What entries like ``entry`` share; None where several contracts are asked at once."""
        around = self._around(entry)
        tiers = self._tiers_of(around.ticket, around.project)
        if not tiers or len(tiers[0]) != 1:
            return None
        bound = tiers[0][0]
        if bound.taken_over:
            return None  # each day has to be looked at
        code = bound.contract.code
        return _Spot(
            bound,
            len(tiers) == 1,
            self._scopes[bound.policy.name].outlook(self._subject(bound, entry, around)),
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
        way = _Way(span.first, span.last or date.max, rule, settles, disposition, rule.id, taken)
        if settles or not taken:
            return way
        included = self._is_included(bound, disposition, span.first)
        price, hours = seen.factors if bound.policy.surcharges else (ONE, ONE)
        return way._replace(
            price_factor=price,
            hours_factor=hours,
            included=included,
            requirement=None if included else seen.requirement(disposition),
            watches=() if included else seen.watches(disposition),
        )
