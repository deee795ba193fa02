"""To whom and in which currency a contract was billed: neither changes afterwards (semantics 3).

Refunds and corrections of what was billed would go to somebody else, or in another currency, and
nobody would be told. Rows of before this was on record say nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from klausel.currency import digits
from klausel.model import Book, Contract
from klausel.money import ZERO, plain, round_half_up
from klausel.problems import Problem, problem


class Altered(NamedTuple):
    """A contract whose customer or currency was changed after something of it was billed."""

    customers: tuple[str, ...]
    """Commercial customers that have to wait; none where it is only said."""
    problem: Problem


def altered(book: Book) -> Iterator[Altered]:
    """Contracts that are now another customer's, or in another currency, than they were billed."""
    said = {
        (row.key.contract, row.customer, row.currency)
        for row in book.ledger
        if row.customer and row.state == "live"
    }
    if not said:
        return
    contracts = {contract.code: contract for contract in book.contracts}
    for code, customer, currency in sorted(said):
        contract = contracts.get(code)
        if contract is None:
            continue
        if currency and currency != contract.currency:
            yield _currency(book, contract, currency)
        if customer != contract.customer:
            yield from _customer(book, contract, customer)


def _customer(book: Book, contract: Contract, was: str) -> Iterator[Altered]:
    root, now = book.root(was), book.root(contract.customer)
    if root == now:
        return  # a branch, or the head of it
    facts = {
        "contract": contract.code,
        "billed": _billed(book, contract.code, "customer", was),
        "was": _named(book, was),
        "now": _named(book, contract.customer),
        "id": was,
    }
    if was not in book.customers:  # merged with another one, most likely
        found = problem("contract-customer-gone", contract.where, now, **facts)
        yield Altered((), found)
        return
    yield Altered((root, now), problem("contract-customer-changed", contract.where, now, **facts))


def _currency(book: Book, contract: Contract, was: str) -> Altered:
    root = book.root(contract.customer)
    found = problem(
        "contract-currency-changed", contract.where, root, contract=contract.code, was=was,
        now=contract.currency, billed=_billed(book, contract.code, "currency", was),
    )  # fmt: skip
    return Altered((root,), found)


def _billed(book: Book, code: str, name: str, value: str) -> str:
    """What was billed of a contract, as a sum."""
    rows = [
        row
        for row in book.ledger
        if row.key.contract == code and row.state == "live" and getattr(row, name) == value
    ]
    amounts: dict[str, list[str]] = {}
    for currency in sorted({row.currency for row in rows}):
        some = [row.amount or ZERO for row in rows if row.currency == currency]
        amount = round_half_up(sum(some, ZERO), digits(book.company, currency))
        amounts[currency] = [plain(amount), currency]
    return " and ".join(" ".join(filter(None, words)) for words in amounts.values())


def _named(book: Book, customer: str) -> str:
    record = book.customers.get(customer)
    return f"{record.name} ({customer})" if record is not None and record.name else customer


__all__ = ["Altered", "altered"]
