"""The run: book -> desired state -> minus the ledger -> drafts. See docs/architecture.md."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date
from functools import partial

from klausel.model import Book
from klausel.policy.ir import GroupBy
from klausel.problems import Problem
from klausel.result import EntryParts, Result
from klausel.run.context import BookFacts, entries_by_customer
from klausel.run.contracts import Contracts
from klausel.run.customer import Ran
from klausel.run.facts import Mode
from klausel.run.found import Found, found_of, result_of
from klausel.run.homes import Homes
from klausel.run.matchers import DEFAULT_MATCHERS, Matchers
from klausel.run.rounds import adjusting, turns
from klausel.run.values import Parked


def bill(
    book: Book,
    as_of: date,
    customers: Collection[str] | None = None,
    matchers: Matchers = DEFAULT_MATCHERS,
    progress: Callable[[int, int], None] | None = None,
    record: bool = True,
    group_by: GroupBy | None = None,
    adjust: bool = False,
    explain: Callable[[EntryParts], bool] | None = None,
) -> Result:
    """What is to be invoiced on ``as_of``: every unbilled due period, oldest first.

    ``customers`` limits the run to some (ids of any of their contacts). A customer with a problem
    is parked, the others are billed. Raises :class:`~klausel.problems.InternalError` where the
    two matchers disagree. Without ``record`` the result has no settlements: a preview needs none.
    ``group_by`` takes the place of what the policies say of grouping drafts. With ``adjust`` what
    is on record is corrected to what it would be with today's facts (semantics 14). The result has
    traces of the entries that ``explain`` says yes to.
    """
    wanted = None if customers is None else {book.root(customer) for customer in customers}
    contracts = Contracts(book, as_of, wanted)
    facts = BookFacts(book, as_of, matchers)
    homes = Homes(book, entries_by_customer(book, as_of), facts.ledger, adjust)
    done: dict[str, Found | list[Problem]] = {}

    def play(root: str, correcting: bool, before: Ran | None) -> Ran:
        """One run of a customer, behind what the run ``before`` it put on record."""
        mine, mode = contracts.of(root), Mode(record or adjust, correcting, adjust, group_by)
        here = facts.customer(root, mine, homes.entries.get(root, []), homes.away(root), mode)
        ledger = facts.ledger
        if before is not None:
            here, ledger = facts.behind(here, mine, before.drafted.settlements)
        return turns(here, ledger, before)

    def do(root: str) -> None:
        try:
            run = adjusting(partial(play, root)) if adjust else play(root, False, None)
        except Parked as error:
            done[root] = list(error.problems)
        else:
            done[root] = found_of(run, explain, record)

    roots = contracts.roots(homes.entries)
    for number, root in enumerate(roots):
        if progress is not None:
            progress(number, len(roots))
        if root not in contracts.parked:
            do(root)
    stays = homes.settle(done, do, adjust)
    moved = [homes.problem(move) for move in stays.values() if move.today and move.today in roots]
    return result_of(book, as_of, contracts, done, roots, moved, facts.scopes.values())
