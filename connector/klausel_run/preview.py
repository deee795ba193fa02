"""preview: what would be invoiced and why. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date
from typing import NamedTuple

from klausel.backlog import backlogs
from klausel.engine import DEFAULT_MATCHERS, Matchers, bill
from klausel.model import Book
from klausel.openings import ahead
from klausel.policy.ir import GroupBy
from klausel.port import Erp
from klausel.problems import ProblemError, Where, near, problem, sorted_problems
from klausel.result import Result


class Options(NamedTuple):
    as_of: date
    customers: Sequence[str] = ()
    """Ids or exact names; none: all."""
    contracts: Sequence[str] = ()
    group_by: GroupBy | None = None
    """Groups drafts otherwise than the policies say."""
    record: bool = False
    """Also say what would go on record: for ``bill``."""
    adjust: bool = False
    """Also correct what is on record to what it would be with today's facts (semantics 8)."""
    backlog: bool = False
    """Also write what reaches far back (semantics 12): for ``bill``."""


def preview(
    erp: Erp,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
    matchers: Matchers = DEFAULT_MATCHERS,
) -> Result:
    """The run's result. Raises ``ProblemError``, ``ErpError`` or ``InternalError``."""
    return previewed(erp.read(options.as_of), options, progress, matchers)


def previewed(
    book: Book,
    options: Options,
    progress: Callable[[int, int], None] | None = None,
    matchers: Matchers = DEFAULT_MATCHERS,
) -> Result:
    """The result of a run over ``book``. Raises ``ProblemError`` or ``InternalError``."""
    customers = customers_of(book, options.customers) if options.customers else None
    if options.contracts:
        owners = _owners(book, options.contracts)
        customers = owners if customers is None else customers & owners
    result = bill(
        book, options.as_of, customers, matchers, progress, options.record, options.group_by,
        options.adjust,
    )  # fmt: skip
    doubts = [*ahead(book, options.as_of), *(one.problem for one in backlogs(result))]
    looked = [one for one in doubts if book.root(one.customer) in result.customers]
    found = (*result.problems, *looked)
    result = replace(result, problems=tuple(sorted_problems(found)))
    return only_contracts(result, options.contracts) if options.contracts else result


def customers_of(book: Book, wanted: Sequence[str]) -> set[str]:
    """Commercial customers by their contacts' ids or exact names. Raises ``ProblemError``."""
    by_name = {customer.name: customer.id for customer in book.customers.values()}
    found = set()
    for word in wanted:
        id_ = word if word in book.customers else by_name.get(word)
        if id_ is None:
            hint = (
                near(word, (*by_name, *book.customers)) or "give a customer's id or its exact name"
            )
            reason = f'there is no customer "{word}"'
            raise ProblemError([problem("option", Where("--customer"), reason=reason, hint=hint)])
        found.add(book.root(id_))
    return found


def _owners(book: Book, wanted: Sequence[str]) -> set[str]:
    owners = {contract.code: book.root(contract.customer) for contract in book.contracts}
    found = set()
    for code in wanted:
        if code not in owners:
            hint = near(code, owners) or "give the code of a contract"
            reason = f'there is no contract "{code}"'
            raise ProblemError([problem("option", Where("--contract"), reason=reason, hint=hint)])
        found.add(owners[code])
    return found


def only_contracts(result: Result, contracts: Collection[str]) -> Result:
    """``result`` reduced to what concerns ``contracts``; drafts that mix others stay whole."""
    entries = tuple(
        found for found in result.entries if any(part.contract in contracts for part in found.parts)
    )
    return Result(
        as_of=result.as_of,
        book=result.book,
        policies=result.policies,
        customers=result.customers,
        parked=result.parked,
        drafts=tuple(
            draft
            for draft in result.drafts
            if any(line.key.contract in contracts for line in draft.lines)
        ),
        entries=entries,
        held=tuple(found for found in result.held if found.contract in contracts),
        notices=tuple(found for found in result.notices if found.contract in contracts),
        standing=tuple(found for found in result.standing if found.contract in contracts),
        balances=tuple(found for found in result.balances if found.contract in contracts),
        differences=tuple(found for found in result.differences if found.contract in contracts),
        problems=result.problems,
        reporting=result.reporting,
        decided=result.decided,
    )
