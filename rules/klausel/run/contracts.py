"""The contracts of a book by customer, ready to be billed; customers that have to wait."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date

from klausel.model import Book, natural
from klausel.parties import altered
from klausel.problems import Problem
from klausel.run.context import facts_of
from klausel.terms import BoundContract, bind_contract


class Contracts:
    """Bound contracts by customer; ``wanted`` are the customers asked for, None for all.

    ``parked`` has the problems of customers that have to wait, ``problems`` the others.
    """

    def __init__(self, book: Book, as_of: date, wanted: Collection[str] | None) -> None:
        self.wanted = wanted
        self.parked: dict[str, list[Problem]] = defaultdict(list)
        self.problems = [
            found
            for found in book.problems
            if found.severity == "warning" and (found.day is None or found.day <= as_of)
        ]
        for found in book.problems:
            if found.severity == "error":
                self.parked[found.customer].append(found)
        for one in altered(book):
            for root in one.customers:
                self.parked[root].append(one.problem)
            if not one.customers:
                self.problems.append(one.problem)
        self.bound: dict[str, list[BoundContract]] = defaultdict(list)
        facts = facts_of(book)
        for contract in book.contracts:
            root = book.root(contract.customer)
            if root in self.parked or (wanted is not None and root not in wanted):
                continue
            bound = bind_contract(contract, book.policies, book.company, facts=facts)
            if isinstance(bound, BoundContract):
                self.bound[root].append(bound)
            else:
                self.parked[root] += bound

    def of(self, root: str) -> Sequence[BoundContract]:
        """The contracts of a customer, in the order of the book."""
        return self.bound.get(root, ())

    def roots(self, entries: Collection[str]) -> list[str]:
        """All customers with contracts, ``entries`` or problems, as far as they are asked for."""
        known = {*self.bound, *entries, *filter(None, self.parked)}
        return [
            root
            for root in sorted(known, key=natural)
            if self.wanted is None or root in self.wanted
        ]

    @property
    def stamps(self) -> tuple[str, ...]:
        """The policies in use."""
        return tuple(sorted({one.policy.stamp for some in self.bound.values() for one in some}))
