"""What is made once for all customers of a run, and the facts of one customer."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from operator import attrgetter
from typing import Any

from klausel.charges.base import Facts
from klausel.model import Book, Customer, Entry, LedgerRow, entries_in_order, natural
from klausel.policy.ir import Scope
from klausel.run.facts import CustomerFacts, Mode, Others
from klausel.run.history.record import reopened
from klausel.run.matchers import Matchers
from klausel.terms import BoundContract
from klausel.texts import language_of

#: What of an entry says whose it is.
_OWNERS = attrgetter("customer", "ticket", "project")


class BookFacts:
    """What is made once of a book, for all customers."""

    def __init__(self, book: Book, as_of: date, matchers: Matchers) -> None:
        self.book = book
        self.as_of = as_of
        self.ledger = by_contract(row for row in book.ledger if row.state == "live")
        """Live rows, by contract."""
        self.others = others(book, book.ledger)
        self.scopes = {
            name: Scope(policy, matchers.main, matchers.check)
            for name, policy in book.policies.items()
        }
        self.overrides = {override.entry: override for override in book.overrides}
        self._all_rows: dict[str, list[LedgerRow]] | None = None

    def customer(
        self,
        root: str,
        contracts: Sequence[BoundContract],
        entries: Sequence[Entry],
        away: Mapping[str, str],
        mode: Mode,
    ) -> CustomerFacts:
        """The facts of one customer."""
        company, whose = self.book.company, self.book.customers.get(root, Customer(root))
        return CustomerFacts(
            self.book, self.as_of, root,
            sorted(contracts, key=lambda bound: natural(bound.contract.code)), entries,
            self.scopes, self.overrides, self.others, away, {}, mode,
            language_of(whose.language, *company.languages),
        )  # fmt: skip

    def behind(
        self,
        facts: CustomerFacts,
        contracts: Sequence[BoundContract],
        settlements: Sequence[LedgerRow],
    ) -> tuple[CustomerFacts, dict[str, list[LedgerRow]]]:
        """``facts`` of a customer, and its ledger, with ``settlements`` on record, too."""
        if self._all_rows is None:
            self._all_rows = by_contract(self.book.ledger)
        known = [row for one in contracts for row in self._all_rows.get(one.contract.code, ())]
        rows = [*known, *settlements]
        live = by_contract(row for row in rows if row.state == "live")
        return replace(facts, others=_opened(self.others, rows)), live


def others(book: Book, ledger: Sequence[LedgerRow]) -> Others:
    """What belongs to contracts beside their terms."""
    return _opened(Others(_grouped(book.approvals), _grouped(book.items), {}, {}, {}), ledger)


def _opened(others: Others, ledger: Sequence[LedgerRow]) -> Others:
    """``others`` with what is open again of ``ledger``."""
    if not any(row.state == "released" for row in ledger):
        return others._replace(released={}, reopened={}, unbilled={})
    return others._replace(
        released=_released(ledger), reopened=reopened(ledger), unbilled=_unbilled(ledger)
    )


def by_contract(rows: Iterable[LedgerRow]) -> dict[str, list[LedgerRow]]:
    found: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        found[row.key.contract].append(row)
    return found


def facts_of(book: Book) -> dict[tuple[str, str], Facts]:
    """By contract and term: purchases, acceptances and openings."""
    found: dict[tuple[str, str], tuple[list[Any], list[Any], list[Any]]] = defaultdict(
        lambda: ([], [], [])
    )
    tables: tuple[Sequence[Any], ...] = (book.purchases, book.acceptances, book.openings)
    for number, rows in enumerate(tables):
        for row in rows:
            found[row.contract, row.term][number].append(row)
    return {key: Facts(*map(tuple, some)) for key, some in found.items()}


def entries_by_customer(book: Book, as_of: date) -> dict[str, list[Entry]]:
    """Entries up to ``as_of`` in order, by commercial customer ("" where there is none)."""
    known: dict[tuple[str, str, str], list[Entry]] = {}
    found: dict[str, list[Entry]] = {}
    entries = entries_in_order(book.entries)
    del entries[bisect_right(entries, as_of, key=attrgetter("date")) :]
    for key, entry in zip(map(_OWNERS, entries), entries, strict=True):
        mine = known.get(key)
        if mine is None:
            mine = known[key] = found.setdefault(book.customer_of(entry), [])
        mine.append(entry)
    return found


def _grouped(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.contract].append(row)
    return found


def _released(rows: Iterable[LedgerRow]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.state == "released" and row.entry:
            found[row.key.contract].add(row.entry)
    return found


def _unbilled(rows: Iterable[LedgerRow]) -> dict[str, set[tuple[str, str, date]]]:
    gone: dict[str, set[tuple[str, str, date]]] = defaultdict(set)
    live: dict[str, set[tuple[str, str, date]]] = defaultdict(set)
    for row in rows:
        if row.amount is not None:
            some = gone if row.state == "released" else live
            some[row.key.contract].add((row.key.term, row.key.component, row.key.period))
    return {contract: places - live[contract] for contract, places in gone.items()}
