"""The run: book -> desired state -> minus the ledger -> drafts (design 2).

The customer is the unit of work and of failure: its contracts share entries. Stages, in order:
scope -> rate and adjustments -> gate -> allocation -> charges -> minus the ledger. One pass over
the entries; everything that depends on the contract alone is done once per contract.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cache, partial
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from klausel.charges.base import Account, Facts, Taken
from klausel.customer.balances import Balances
from klausel.customer.state import Others, Parked, fingerprint
from klausel.customer.trace import Tracing
from klausel.customer.usual import Usual
from klausel.homes import Homes, Move
from klausel.matching import MatcherFactory
from klausel.model import (
    Book,
    Entry,
    LedgerKey,
    LedgerRow,
    entries_in_order,
    made,
    natural,
)
from klausel.money import (
    total,
)
from klausel.parties import altered
from klausel.policy.ir import GroupBy, Scope
from klausel.problems import Problem
from klausel.record import reopened
from klausel.result import (
    Balance,
    Difference,
    Draft,
    EntryParts,
    Held,
    Line,
    Notice,
    Reporting,
    Result,
    Uncovered,
)
from klausel.terms import BoundContract, bind_contract
from klausel.trace import Trace


class Matchers(NamedTuple):
    """The matchers in use; None stands for the default one."""

    main: MatcherFactory | None = None
    check: MatcherFactory | None = None


DEFAULT_MATCHERS = Matchers()

#: How often an adjusting run looks again where hours that it corrects change what is drawn of
#: them. Twice does nearly always: they only become fewer from the second time on.
_TURNS = 10

#: How many runs an adjusting run is made of at most. Two do nearly always: one that corrects, and
#: one that finds nothing more to do.
_ROUNDS = 5

#: What of an entry says whose it is.
_OWNERS = attrgetter("customer", "ticket", "project")


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
    is on record is corrected to what it would be with today's facts (semantics 8). The result has
    traces of the entries that ``explain`` says yes to.
    """
    wanted = None if customers is None else {book.root(customer) for customer in customers}
    parked: dict[str, list[Problem]] = defaultdict(list)
    facts = facts_of(book)
    for found in book.problems:
        if found.severity == "error":
            parked[found.customer].append(found)
    problems: list[Problem] = [
        p for p in book.problems if p.severity == "warning" and (p.day is None or p.day <= as_of)
    ]
    for one in altered(book):
        for root in one.customers:
            parked[root].append(one.problem)
        if not one.customers:
            problems.append(one.problem)
    contracts: dict[str, list[BoundContract]] = defaultdict(list)
    for contract in book.contracts:
        root = book.root(contract.customer)
        if root in parked or (wanted is not None and root not in wanted):
            continue
        bound = bind_contract(contract, book.policies, book.company, facts=facts)
        if isinstance(bound, BoundContract):
            contracts[root].append(bound)
        else:
            parked[root] += bound
    ledger = _by_contract(book.ledger)
    homes = Homes(book, _by_customer(book, as_of), ledger, adjust)
    entries = homes.entries
    others = _others(book, book.ledger)
    scopes = {
        name: Scope(policy, matchers.main, matchers.check) for name, policy in book.policies.items()
    }
    overrides = {override.entry: override for override in book.overrides}
    roots = sorted(set(contracts) | set(entries) | {c for c in parked if c}, key=natural)
    if wanted is not None:
        roots = [root for root in roots if root in wanted]
    done: dict[str, _Found | Parked] = {}

    rows_of = cache(partial(_rows_by_contract, book.ledger))

    def play(root: str, adjusting: bool, before: _CustomerRun | None) -> _CustomerRun:
        """One run of a customer, behind what the run ``before`` it put on record."""
        here, around = ledger, others
        if before is not None:
            mine = [bound.contract.code for bound in contracts.get(root, ())]
            known = [row for code in mine for row in rows_of().get(code, ())]
            here = _by_contract([*known, *before.settlements])
            around = _others(book, [*known, *before.settlements])
        resold: dict[LedgerKey, int] = {}
        for _ in range(_TURNS):
            run = _CustomerRun(
                book, as_of, root, contracts.get(root, []), entries.get(root, []),
                scopes, here, overrides, record or adjust, group_by, around, adjusting,
                homes.away(root), resold,
            )  # fmt: skip
            run.sweeps = adjust
            run.run()
            if not adjusting or run.resold == resold:
                break
            resold = run.resold
        if before is not None:
            run.behind(before)
        return run

    def do(root: str) -> None:
        try:
            run = _adjusting(partial(play, root)) if adjust else play(root, False, None)
        except Parked as error:
            done[root] = error
        else:
            done[root] = run.found(explain, record)

    for number, root in enumerate(roots):
        if progress is not None:
            progress(number, len(roots))
        if root not in parked:
            do(root)
    kept = homes.moved if not adjust else _kept(homes, done, do)
    runs: list[_Found] = []
    for root, ended in done.items():
        if isinstance(ended, Parked):
            parked[root] += ended.problems
        else:
            runs.append(ended)
    if wanted is not None:
        parked = {root: found for root, found in parked.items() if root in wanted}
    told = {root for root in roots if root}
    problems += [homes.problem(move) for move in kept.values() if move.today in told]
    # Some are two customers' at once.
    problems += dict.fromkeys(found for some in parked.values() for found in some)
    return Result(
        as_of=as_of,
        book=book,
        policies=tuple(
            sorted({bound.policy.stamp for some in contracts.values() for bound in some})
        ),
        customers=tuple(root for root in roots if root),
        parked=tuple(sorted((root for root in parked if root), key=natural)),
        drafts=tuple(draft for run in runs for draft in run.drafts),
        entries=tuple(chain.from_iterable([run.entries for run in runs])),
        uncovered=tuple(found for run in runs for found in run.uncovered),
        held=tuple(found for run in runs for found in run.held),
        notices=tuple(found for run in runs for found in run.notices),
        standing=tuple(found for run in runs for found in run.standing),
        balances=tuple(found for run in runs for found in run.balances),
        differences=tuple(found for run in runs for found in run.differences),
        problems=tuple(sorted(problems, key=lambda p: (p.where, p.code, p.message))),
        settlements=tuple(row for run in runs for row in run.settlements),
        reporting={code: found for run in runs for code, found in run.reporting.items()},
        decided=sum(scope.fresh for scope in scopes.values()),
        traces={entry: found for run in runs for entry, found in run.traces.items()},
    )


def _adjusting(play: Callable[[bool, _CustomerRun | None], _CustomerRun]) -> _CustomerRun:
    """An adjusting run of one customer: the record is done again only where something differs that
    this puts right, until neither a bill nor an adjustment has anything to do (semantics 14)."""
    found: _CustomerRun | None = None
    stays: set[tuple[str, ...]] = set()
    for _ in range(_ROUNDS):
        plain: _CustomerRun | None = None
        try:
            plain = play(False, found)
        except Parked:
            if found is not None:
                return found
        if plain is None or not plain.differing() <= stays:
            again = play(True, found)
            if plain is None or not plain.differing() <= stays | again.differing():
                found = again
                continue
            stays |= again.differing()
            plain.differences = again.differences  # it knows why they stay
        if found is not None and len(plain.settlements) == len(found.settlements):
            return found
        found = plain
        if not (plain.settlements and plain.held):
            break  # what waits may find hours that came back behind it
    assert found is not None
    return found


def _others(book: Book, ledger: Sequence[LedgerRow]) -> Others:
    return Others(
        _grouped(book.approvals), _grouped(book.items), _released(ledger), reopened(ledger),
        _unbilled(ledger),
    )  # fmt: skip


def _kept(
    homes: Homes, done: Mapping[str, _Found | Parked], do: Callable[[str], None]
) -> dict[str, Move]:
    """Moved entries that their old customer does not give back in this run: bills their new one
    once more, without them."""
    kept = {id_: move for id_, move in homes.moved.items() if not move.home}
    while True:
        stuck = {
            id_: move
            for id_, move in homes.moved.items()
            if id_ not in kept and not _gives_back(done.get(move.home), id_)
        }
        if not stuck:
            return kept
        kept |= stuck
        homes.withhold(stuck)
        for root in {move.today for move in stuck.values()} & done.keys():
            do(root)


def _gives_back(run: _Found | Parked | None, entry: str) -> bool:
    return not isinstance(run, Parked | None) and entry in run.taken_back


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


def _by_customer(book: Book, as_of: date) -> dict[str, list[Entry]]:
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


def _by_contract(rows: Sequence[LedgerRow]) -> dict[str, list[LedgerRow]]:
    found: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        if row.state == "live":
            found[row.key.contract].append(row)
    return found


def _rows_by_contract(rows: Iterable[LedgerRow]) -> dict[str, list[LedgerRow]]:
    """Of any state."""
    found: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        found[row.key.contract].append(row)
    return found


class _Found(NamedTuple):
    """What is left of a customer's run; the run itself is not kept, it is large."""

    drafts: Sequence[Draft]
    entries: Sequence[EntryParts]
    uncovered: Sequence[Uncovered]
    held: Sequence[Held]
    notices: Sequence[Notice]
    standing: Sequence[Notice]
    balances: Sequence[Balance]
    differences: Sequence[Difference]
    settlements: Sequence[LedgerRow]
    reporting: Mapping[str, Reporting]
    traces: Mapping[str, Trace]
    taken_back: Collection[str]


class _CustomerRun(Usual, Balances, Tracing):
    """One customer's run, from entries to drafts."""

    def run(self) -> None:
        self._scope_all()
        lines: list[tuple[BoundContract, Line]] = []
        for bound in self._contracts:
            lines += [(bound, line) for line in self._bill_contract(bound)]
        self._check_edited(lines)
        self._vanished()
        self._edited()
        self._documents()
        self._drafted = lines
        self.drafts = self._group(lines)

    def differing(self) -> set[tuple[str, ...]]:
        """What differs, whatever it is today."""
        return {(one.contract, one.key, one.entry, one.cause) for one in self.differences}

    def behind(self, before: _CustomerRun) -> None:
        """Makes one run of this one and the one ``before`` it, whose rows it has on record."""
        lines, rows = self._drafted, self.settlements
        made_before = {row.key for row in before.settlements}
        # A line that is not out yet is corrected beside it.
        lines = [
            (bound, line._replace(reverses=None) if line.reverses in made_before else line)
            for bound, line in lines
        ]
        self._drafted = [*before._drafted, *lines]
        self.settlements = [*before.settlements, *rows]
        self.notices = [*before.notices, *self.notices]
        new = {one[:4] for one in before.notices}
        self.standing = [one for one in self.standing if one[:4] not in new]
        self.taken_back |= before.taken_back
        self._was_due = before._was_due
        for now, then in ((self._due, before._due), (self._due_again, before._due_again)):
            for code, days in then.items():
                now[code] |= days
        changed = {row.entry for row in rows}
        for id_, parts in before._parts.items():
            if id_ not in changed:
                self._parts[id_] = parts
            elif not all(part.settled for part in parts):
                self._parts[id_] = [part._replace(settled=False) for part in self._parts[id_]]
        self.reporting = {}
        self.drafts = self._group(self._drafted)

    def found(self, explain: Callable[[EntryParts], bool] | None, record: bool) -> _Found:
        """What came of :meth:`run`; with what goes on record where that is asked for."""
        entries = list(self._entry_parts())
        traces = {}
        if explain is not None:
            asked = {found.entry for found in entries if explain(found)}
            traces = {e.id: self.trace(e) for e in self._entries if e.id in asked}
        return _Found(
            self.drafts, entries, self.uncovered, self.held, self.notices,
            self.standing, self.balances, self.differences,
            self.settlements if record else (), self.reporting,
            traces, self.taken_back,
        )  # fmt: skip

    def _entry_parts(self) -> Iterable[EntryParts]:
        rank = {
            (bound.contract.code, term.term.id): (0, term.term.priority, term.number)
            for bound in self._contracts
            for term in bound.terms
        }
        last = (1, 0, 0)
        for id_, parts in self._parts.items():
            if len(parts) == 1:
                yield made(EntryParts, (id_, tuple(parts)))
                continue
            # In the order in which terms were asked; what waits stands last.
            parts.sort(key=lambda p: last if p.held else rank.get((p.contract, p.term), last))
            yield made(EntryParts, (id_, tuple(parts)))

    def _bill_contract(self, bound: BoundContract) -> list[Line]:
        taken: dict[tuple[str, str, date], list[Taken]] = defaultdict(list)
        accounts: dict[tuple[str, str], Account] = {}
        if bound.stateful:
            accounts = self._open_accounts(bound)
            self._ask_the_clerk(bound, accounts, taken)
        else:
            for work in self._works[bound.contract.code]:
                if work.entry.id in self._redone[bound.contract.code]:
                    self._allocate_again(bound, work, taken)
                else:
                    self._allocate(bound, work, taken)
        lines: list[tuple[tuple[date, int, int, int], Line]] = []
        for term in bound.terms:
            for number, component in enumerate(term.components):
                account = accounts.get((term.term.id, component.id))
                if component.has_balance:
                    found = [*self._singles(bound, term, component, account)]
                    found += self._component(bound, term, component, taken)
                else:  # what goes back depends on what is billed
                    own = [*self._component(bound, term, component, taken)]
                    found = [*self._singles(bound, term, component, account, own), *own]
                lines += [
                    ((line.first, term.number, number, position), line)
                    for position, line in enumerate(found)
                ]
                if account is not None:
                    self._show_account(bound, term, account)
        lines += [
            ((line.first, len(bound.terms), 0, position), line)
            for position, line in enumerate(self._one_off(bound))
        ]
        self._open(bound, taken)
        found = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
        if self._adjust:
            return [*found, *self._corrections(bound)]
        if self.sweeps:
            self._sweep(bound.contract.code)
        for key, was, now in self._differing_time(bound):
            self._differ_in_money(bound, key, was, now)
        return found

    def _group(self, lines: Sequence[tuple[BoundContract, Line]]) -> list[Draft]:
        """Lines to drafts, per contract or per customer as the policy says."""
        groups: dict[tuple[str, ...], list[tuple[BoundContract, Line]]] = {}
        for bound, line in lines:
            single = (self._group_by or bound.policy.group_by) == "contract"
            code = bound.contract.code if single else ""
            kind = ("", "")
            if line.credit or (line.reverses is not None and not line.beside):
                kind = ("credit" if line.credit else "correction", self._document(line.reverses))
            groups.setdefault((code, bound.contract.currency, *kind), []).append((bound, line))
        drafts = []
        documents: dict[LedgerKey, str] = {}
        # Of each contract the invoice first, though a credit is for an earlier day.
        place = {
            code: number for number, code in enumerate(dict.fromkeys(key[0] for key in groups))
        }
        ordered = sorted(groups.items(), key=lambda found: (place[found[0][0]], bool(found[0][2])))
        for (_, currency, credit, _), members in ordered:
            draft = self._draft(currency, credit == "credit", members)
            drafts.append(draft)
            documents |= {line.key: draft.key for line in draft.lines}
        self._report(drafts)
        self.settlements = [
            row._replace(document=documents[row.key])
            if row.amount is not None and row.key in documents
            else row
            for row in self.settlements
        ]
        return drafts

    def _report(self, drafts: Sequence[Draft]) -> None:
        """Which draft of each contract has the record of its time that costs nothing: the first
        invoice that corrects nothing, else the first document."""
        first = sorted(drafts, key=lambda draft: (draft.kind != "invoice", bool(draft.reverses)))
        for draft in first:
            for code in {line.key.contract for line in draft.lines} - self.reporting.keys():
                due, was_due, again = (
                    tuple(sorted(days[code]))
                    for days in (self._due, self._was_due, self._due_again)
                )
                self.reporting[code] = Reporting(draft.key, due, was_due, again)

    def _document(self, key: LedgerKey | None) -> str:
        """The invoice that a line on record stands on."""
        if key is None:
            return ""
        for row in self._ledger[key.contract].lines.get((key.term, key.component), ()):
            if row.key == key:
                return row.document
        return "this run"

    def _draft(
        self, currency: str, credit: bool, members: Sequence[tuple[BoundContract, Line]]
    ) -> Draft:
        digits = members[0][0].money_digits
        some = [line for _, line in members]
        codes = {bound.contract.code for bound, _ in members}
        amount = total((line.exact for line in some), self._book.company.rounding_method, digits)
        turned = not credit and amount < 0
        reverses = next((line.reverses for line in some if line.reverses is not None), None)
        if any(line.beside for line in some) and (
            not all(line.reverses for line in some)
            or len({self._document(line.reverses) for line in some}) > 1
        ):
            reverses = None  # other lines stand beside what corrects, or it corrects several
        return Draft(
            key=str(some[0].key),
            customer=self._root,
            contract=codes.pop() if len(codes) == 1 else "",
            kind="credit_note" if credit or turned else "invoice",
            currency=currency,
            digits=digits,
            total=abs(amount),
            lines=tuple(_turned(line) for line in some) if turned else tuple(some),
            reverses=str(reverses) if reverses is not None else "",
        )


def _turned(line: Line) -> Line:
    """``line`` as it stands in a credit note."""
    return line._replace(quantity=-line.quantity, exact=-line.exact, amount=-line.amount)


__all__ = ["Matchers", "bill", "fingerprint"]
