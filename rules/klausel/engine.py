"""The run: book -> desired state -> minus the ledger -> drafts (design 2).

The customer is the unit of work and of failure: its contracts share entries. Stages, in order:
scope -> rate and adjustments -> gate -> allocation -> charges -> minus the ledger. One pass over
the entries; everything that depends on the contract alone is done once per contract.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from klausel.approvals import Gate, held_reason
from klausel.charges.base import ONE, Account, Charge, Facts, Label, Taken, Work
from klausel.charges.fee import REFUND
from klausel.charges.stock import BEYOND
from klausel.clerk import Clerk, Item, OnRecord, Outcome, Share
from klausel.ledger import CLOSING, SCOPE
from klausel.matching import MatcherFactory
from klausel.model import (
    NARROWNESS,
    OVERRIDE,
    Approval,
    Book,
    Customer,
    Employee,
    Entry,
    LedgerKey,
    LedgerRow,
    Override,
    Project,
    Ticket,
    in_order,
    natural,
)
from klausel.model import Item as ChargedItem
from klausel.money import (
    ZERO,
    hours_exact,
    line_amount,
    quantity,
    round_half_up,
    seconds_from_hours,
    shortest,
    total,
)
from klausel.period import ONE_DAY, Period, Span, intersect, period_of
from klausel.policy.facts import Subject
from klausel.policy.ir import GroupBy, Rule, Scope, text_in
from klausel.problems import Problem, Where, problem
from klausel.record import Reopened, Settled, on_record, reopened
from klausel.result import (
    Balance,
    Because,
    Difference,
    Draft,
    EntryParts,
    EntryShare,
    Held,
    Line,
    Notice,
    Part,
    Result,
    Uncovered,
)
from klausel.terms import BoundComponent, BoundContract, BoundTerm, bind_contract
from klausel.texts import language_of, line_text

#: Dispositions that settle an entry with the contract that decided so, at no charge (semantics 3).
SETTLING = frozenset(("included", "warranty", "internal"))

OPENING = "opening"

#: Component names of rows that belong to no component of a plan.
ITEM = "item"
HELD = "held"
NOTICE = "notice"

#: Group of rows of time that was drawn from a balance.
DRAW = "draw"

_NO_TICKET = Ticket("")
_NO_PROJECT = Project("")
_NO_EMPLOYEE = Employee("")
_NO_WHERE = Where("")


class Matchers(NamedTuple):
    """The matchers in use; None stands for the default one."""

    main: MatcherFactory | None = None
    check: MatcherFactory | None = None


DEFAULT_MATCHERS = Matchers()


class _Parked(Exception):
    """This customer cannot be billed: ``problems`` say why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)


def fingerprint(entry: Entry) -> str:
    """Short hash of the facts of ``entry`` that a decision may rest on."""
    facts = "\x1f".join(
        (
            entry.date.isoformat(),
            str(entry.seconds),
            entry.employee,
            entry.project,
            entry.ticket,
            entry.customer,
            entry.activity,
            ";".join(entry.tags),
        )
    )
    return hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()


def bill(
    book: Book,
    as_of: date,
    customers: Collection[str] | None = None,
    matchers: Matchers = DEFAULT_MATCHERS,
    progress: Callable[[int, int], None] | None = None,
    record: bool = True,
    group_by: GroupBy | None = None,
    adjust: bool = False,
) -> Result:
    """What is to be invoiced on ``as_of``: every unbilled due period, oldest first.

    ``customers`` limits the run to some (ids of any of their contacts). A customer with a problem
    is parked, the others are billed. Raises :class:`~klausel.problems.InternalError` where the
    two matchers disagree. Without ``record`` the result has no settlements: a preview needs none.
    ``group_by`` takes the place of what the policies say of grouping drafts. With ``adjust`` what
    is on record is corrected to what it would be with today's facts (semantics 8).
    """
    wanted = None if customers is None else {book.root(customer) for customer in customers}
    parked: dict[str, list[Problem]] = defaultdict(list)
    facts = facts_of(book)
    for found in book.problems:
        if found.severity == "error":
            parked[found.customer].append(found)
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
    entries = _by_customer(book, as_of, wanted)
    ledger = _by_contract(book.ledger)
    others = _Others(
        _grouped(book.approvals),
        _grouped(book.items),
        _released(book.ledger),
        reopened(book.ledger),
    )
    scopes = {
        name: Scope(policy, matchers.main, matchers.check) for name, policy in book.policies.items()
    }
    overrides = {override.entry: override for override in book.overrides}
    roots = sorted(set(contracts) | set(entries) | {c for c in parked if c}, key=natural)
    if wanted is not None:
        roots = [root for root in roots if root in wanted]
    runs: list[_CustomerRun] = []
    problems: list[Problem] = [p for p in book.problems if p.severity == "warning"]
    for number, root in enumerate(roots):
        if progress is not None:
            progress(number, len(roots))
        if root not in parked:
            run = _CustomerRun(
                book, as_of, root, contracts.get(root, []), entries.get(root, []),
                scopes, ledger, overrides, record, group_by, others, adjust,
            )  # fmt: skip
            try:
                run.run()
            except _Parked as error:
                parked[root] += error.problems
            else:
                runs.append(run)
    if wanted is not None:
        parked = {root: found for root, found in parked.items() if root in wanted}
    problems += [found for some in parked.values() for found in some]
    return Result(
        as_of=as_of,
        book=book,
        policies=tuple(
            sorted({bound.policy.stamp for some in contracts.values() for bound in some})
        ),
        customers=tuple(root for root in roots if root),
        parked=tuple(sorted((root for root in parked if root), key=natural)),
        drafts=tuple(draft for run in runs for draft in run.drafts),
        entries=tuple(parts for run in runs for parts in run.entry_parts()),
        uncovered=tuple(found for run in runs for found in run.uncovered),
        held=tuple(found for run in runs for found in run.held),
        notices=tuple(found for run in runs for found in run.notices),
        balances=tuple(found for run in runs for found in run.balances),
        differences=tuple(found for run in runs for found in run.differences),
        problems=tuple(sorted(problems, key=lambda p: (p.where, p.code, p.message))),
        settlements=tuple(row for run in runs for row in run.settlements),
        decided=sum(scope.fresh for scope in scopes.values()),
    )


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


def _by_customer(book: Book, as_of: date, wanted: Collection[str] | None) -> dict[str, list[Entry]]:
    """Entries up to ``as_of`` in order, by commercial customer ("" where there is none)."""
    known: dict[tuple[str, str, str], str] = {}
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in book.entries:
        if entry.date > as_of:
            continue
        key = (entry.customer, entry.ticket, entry.project)
        root = known.get(key)
        if root is None:
            root = known[key] = book.customer_of(entry)
        if wanted is None or root in wanted:
            found[root].append(entry)
    return {root: in_order(some) for root, some in found.items()}


class _Others(NamedTuple):
    """What belongs to contracts beside their terms, by contract."""

    approvals: dict[str, list[Approval]]
    items: dict[str, list[ChargedItem]]
    released: dict[str, set[str]]
    """Entries that were billed and are open again."""
    reopened: dict[str, Reopened]
    """By entry: what of it is open again beside parts that are on record."""


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


class _Ledger(NamedTuple):
    """Live rows of one contract."""

    groups: dict[tuple[str, str, date], dict[str, int]]
    """(term, component, period) -> group -> highest sequence; with CLOSING the period is closed."""
    amounts: dict[tuple[str, str, date], dict[str, Decimal]]
    """(term, component, period) -> group -> amount billed, late lines included."""
    last: dict[tuple[str, str, date], date]
    """(term, component, period) -> last day that its lines cover."""
    lines: dict[tuple[str, str], list[LedgerRow]]
    """(term, component) -> rows of its lines."""


def _by_contract(rows: Sequence[LedgerRow]) -> dict[str, list[LedgerRow]]:
    found: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        if row.state == "live":
            found[row.key.contract].append(row)
    return found


def _index(rows: Sequence[LedgerRow]) -> _Ledger:
    known: dict[tuple[str, str, date], dict[str, int]] = defaultdict(dict)
    amounts: dict[tuple[str, str, date], dict[str, Decimal]] = defaultdict(dict)
    last: dict[tuple[str, str, date], date] = {}
    lines: dict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    for row in rows:
        key = row.key
        place = (key.term, key.component, key.period)
        groups = known[place]
        groups[key.group] = max(groups.get(key.group, 0), key.sequence)
        if row.amount is not None:
            amounts[place][key.group] = amounts[place].get(key.group, Decimal(0)) + row.amount
            lines[key.term, key.component].append(row)
            if row.last is not None:
                last[place] = max(last.get(place, row.last), row.last)
    return _Ledger(known, amounts, last, lines)


class _Decision(NamedTuple):
    """Which contract has an entry, by which rule."""

    contract: BoundContract
    rule: Rule
    settles: bool
    subject: Subject | None


class _CustomerRun:
    """One customer's run. Everything here is made new for each run."""

    def __init__(
        self,
        book: Book,
        as_of: date,
        root: str,
        contracts: Sequence[BoundContract],
        entries: Sequence[Entry],
        scopes: dict[str, Scope],
        ledger: dict[str, list[LedgerRow]],
        overrides: dict[str, Override],
        record: bool,
        group_by: GroupBy | None,
        others: _Others,
        adjust: bool,
    ) -> None:
        self._adjust = adjust
        self._again: dict[str, dict[str, list[Ident]]] = defaultdict(dict)
        """By contract and entry: the parts that settled entries have with today's facts."""
        self._desired: dict[str, list[tuple[str, str, Taken]]] = defaultdict(list)
        self._group_by = group_by
        self._others = others
        self._on_record = record
        self._book = book
        self._as_of = as_of
        self._root = root
        self._contracts = sorted(contracts, key=lambda bound: natural(bound.contract.code))
        self._entries = entries
        self._scopes = scopes
        self._overrides = overrides
        self._customer = book.customers.get(root, Customer(root))
        self._language = language_of(self._customer.language, *book.company.languages)
        own = (self._customer.country, self._customer.region)
        self._home = own if own[0] else (book.company.country, book.company.region)
        self._ledger = {
            bound.contract.code: _index(ledger.get(bound.contract.code, ()))
            for bound in self._contracts
        }
        self._lines = {
            row.key
            for bound in self._contracts
            for row in ledger.get(bound.contract.code, ())
            if row.amount is not None
        }
        rows = [row for bound in self._contracts for row in ledger.get(bound.contract.code, ())]
        self._settled, self._held_before = on_record(rows)
        self._by_hand = [
            (row, bound.money_digits)
            for bound in self._contracts
            for row in ledger.get(bound.contract.code, ())
            if row.invoiced is not None
        ]
        self._tiers: dict[tuple[str, str], list[list[BoundContract]]] = {}
        self._taking: dict[tuple[str, str], list[BoundTerm]] = {}
        self._works: dict[str, list[Work]] = {bound.contract.code: [] for bound in self._contracts}
        self._decided: dict[str, _Decision] = {}
        self._parts: dict[str, list[Part]] = {}
        self._entry_sequences: dict[tuple[LedgerKey, str, str], int] = {}
        self._rows_of: dict[str, list[LedgerRow]] = defaultdict(list)
        if adjust:
            for row in rows:
                self._rows_of[row.entry].append(row)
        self._rules: dict[tuple[str, str], Rule] = {}
        self._windows: dict[tuple[str, date], Span] = {}
        self._items: dict[str, list[Item]] = {bound.contract.code: [] for bound in self._contracts}
        self._last_rule = ""
        self._last_disposition = ""
        self.drafts: list[Draft] = []
        self.uncovered: list[Uncovered] = []
        self.held: list[Held] = []
        self.notices: list[Notice] = []
        self.balances: list[Balance] = []
        self.differences: list[Difference] = []
        self.settlements: list[LedgerRow] = []

    def run(self) -> None:
        for entry in self._entries:
            self._scope(entry)
        lines: list[tuple[BoundContract, Line]] = []
        for bound in self._contracts:
            lines += [(bound, line) for line in self._bill_contract(bound)]
        self._vanished()
        self._edited()
        self.drafts = self._group(lines)

    def entry_parts(self) -> Iterable[EntryParts]:
        rank = {
            (bound.contract.code, term.term.id): (0, term.term.priority, term.number)
            for bound in self._contracts
            for term in bound.terms
        }
        last = (1, 0, 0)
        for entry in self._entries:
            parts = self._parts[entry.id]
            if len(parts) > 1:
                # In the order in which terms were asked; what waits stands last.
                parts.sort(key=lambda p: last if p.held else rank.get((p.contract, p.term), last))
            yield EntryParts(entry.id, tuple(parts))

    # -- scope (semantics 3) -------------------------------------------------------------------

    def _scope(self, entry: Entry) -> None:
        """Finds the contract that has ``entry`` and hands its time on, or says why none has."""
        self._parts[entry.id] = []
        override = self._overrides.get(entry.id)
        if entry.billed_elsewhere and entry.id not in self._settled:
            self._add(entry, Part("billed_elsewhere", "", entry.seconds, entry.seconds))
            return
        settled = entry.id in self._settled
        written_off = override is not None and override.disposition == "written_off"
        if written_off and (not settled or self._adjust):
            self._add(entry, Part("written_off", OVERRIDE, entry.seconds, entry.seconds))
            return
        decision = self._offer(entry, override)
        if decision is None:
            self._uncover(entry)
            return
        code = decision.contract.contract.code
        rule = decision.rule
        self._decided[entry.id] = decision
        self._rules[code, rule.id] = rule
        if settled and self._adjust:
            if self._done_again(entry, decision):
                return
        elif settled:
            self._compare(entry, decision)
        rest = self._held_before.get(entry.id)
        if rest is not None and rest.contract != code:
            rest = None
        reopened = self._others.reopened.get(entry.id) if settled else None
        if reopened is not None and reopened.contract != code:
            reopened = None
        if settled and rest is None and reopened is None:
            return
        reason = held_reason(entry)
        if reason and (decision.settles or not decision.contract.stateful):
            self._hold(entry, code, rule, entry.seconds, entry.seconds, None, reason)
            return
        if decision.settles:
            self._settle_free(entry, decision)
            return
        work = self._work(entry, decision)
        if not decision.contract.stateful:
            self._works[code].append(work)
            return
        if rest is not None:
            work = work._replace(seconds=rest.seconds, rounded=rest.rounded)
        elif reopened is not None:
            work = work._replace(seconds=reopened.seconds, rounded=reopened.rounded)
        subject = decision.subject
        assert subject is not None
        scope = self._scopes[decision.contract.policy.name]
        self._items[code].append(
            Item(
                work,
                scope.requirement(subject, rule.disposition),
                scope.watches(subject, rule.disposition),
                not reason,
                held_before=rest is not None or reopened is not None,
                gated_before=rest is not None and rest.gated,
                reopened=entry.id in self._others.released.get(code, ()),
            )
        )

    def _done_again(self, entry: Entry, decision: _Decision) -> bool:
        """Takes a settled entry up again, in its old place; False where it is new to its contract
        and goes the way of new entries."""
        bound, rule, settles, subject = decision
        code = bound.contract.code
        settled = self._settled[entry.id]
        mine = [part for part in settled.parts if part.key.contract == code]
        if not mine:
            return False
        if settles:
            self._add(entry, Part(rule.disposition, rule.id, entry.seconds, entry.seconds, code))
            place = next((p.key for p in mine if p.key.component == SCOPE), None)
            if place is None:
                window = self._window(bound, entry.date)
                place = LedgerKey(code, "", SCOPE, window.first, "")
            self._again[code][entry.id] = [
                Ident(place._replace(sequence=0), rule.disposition, None, "", None).holding(
                    entry.seconds, entry.seconds, 0, rule.id
                )
            ]
            return True
        work = self._work(entry, decision)
        if not bound.stateful:
            self._works[code].append(work)
            return True
        if entry.id in self._held_before:
            self._compare(entry, decision)  # a part of it waits: it is left as it is
            return False
        if settled.gated and settled.fingerprint == fingerprint(entry):
            work = work._replace(rounded=sum(part.rounded for part in mine))
        assert subject is not None
        scope = self._scopes[bound.policy.name]
        self._items[code].append(
            Item(
                work,
                scope.requirement(subject, rule.disposition),
                scope.watches(subject, rule.disposition),
                held_before=settled.gated,
                gated_before=settled.gated,
                counted=mine[-1].counted,
                again=True,
            )
        )
        return True

    def _work(self, entry: Entry, decision: _Decision) -> Work:
        ticket, project, employee = self._around(entry)
        work = Work(
            entry,
            project.id,
            ticket.id,
            entry.activity or ticket.activity,
            employee.role,
            decision.rule.disposition,
            decision.rule.id,
            entry.seconds,
            entry.seconds,
        )
        policy = decision.contract.policy
        if policy.surcharges and decision.subject is not None:
            price, hours = self._scopes[policy.name].factors(decision.subject)
            work = work._replace(price_factor=price, hours_factor=hours)
        return work

    def _around(self, entry: Entry) -> tuple[Ticket, Project, Employee]:
        ticket = self._book.tickets.get(entry.ticket, _NO_TICKET)
        project = self._book.projects.get(entry.project or ticket.project, _NO_PROJECT)
        return ticket, project, self._book.employees.get(entry.employee, _NO_EMPLOYEE)

    def _offer(self, entry: Entry, override: Override | None) -> _Decision | None:
        """Offers ``entry`` to the contracts running on its date, narrowest first."""
        self._last_rule = self._last_disposition = ""
        ticket, project, employee = self._around(entry)
        for tier in self._tiers_of(ticket, project):
            found: list[_Decision] = []
            for bound in tier:
                if not bound.contract.span.covers(entry.date):
                    continue
                rule, subject = self._rule(bound, entry, ticket, project, employee, override)
                self._last_rule = self._last_rule or rule.id
                self._last_disposition = self._last_disposition or rule.disposition
                if rule.disposition in SETTLING:
                    found.append(_Decision(bound, rule, True, subject))
                elif any(
                    term.span.covers(entry.date) for term in self._terms(bound, rule.disposition)
                ):
                    found.append(_Decision(bound, rule, False, subject))
            if len(found) > 1:
                first, second = found[0].contract.contract, found[1].contract.contract
                raise _Parked(
                    [
                        problem(
                            "contracts-clash", second.where, self._root, first=first.code,
                            second=second.code, entry=entry.id, date=entry.date,
                        )
                    ]
                )  # fmt: skip
            if found:
                return found[0]
        return None

    def _rule(
        self,
        bound: BoundContract,
        entry: Entry,
        ticket: Ticket,
        project: Project,
        employee: Employee,
        override: Override | None,
    ) -> tuple[Rule, Subject]:
        country, region = self._home
        subject = Subject(
            entry, ticket, project, self._customer, employee, bound.contract, country, region
        )
        if override is not None:
            texts = {self._language: override.reason}
            return Rule(OVERRIDE, override.disposition, texts, _NO_WHERE), subject
        return self._scopes[bound.policy.name].decide(subject), subject

    def _terms(self, bound: BoundContract, disposition: str) -> list[BoundTerm]:
        key = (bound.contract.code, disposition)
        found = self._taking.get(key)
        if found is None:
            found = self._taking[key] = bound.taking(disposition)
        return found

    def _tiers_of(self, ticket: Ticket, project: Project) -> list[list[BoundContract]]:
        """Contracts that cover ``ticket`` of ``project``, equally narrow ones together."""
        key = (ticket.id, project.id)
        found = self._tiers.get(key)
        if found is not None:
            return found
        above = {ticket.id}
        parent = self._book.tickets.get(ticket.parent)
        while parent is not None and parent.id not in above:
            above.add(parent.id)
            parent = self._book.tickets.get(parent.parent)
        ids = {"ticket": above, "project": {project.id}}
        tiers = []
        for kind in NARROWNESS:
            tier = [
                bound
                for bound in self._contracts
                if bound.contract.covers.kind == kind
                and (kind == "customer" or not ids[kind].isdisjoint(bound.contract.covers.ids))
            ]
            if tier:
                tiers.append(tier)
        self._tiers[key] = tiers
        return tiers

    # -- what became of entries ----------------------------------------------------------------

    def _add(self, entry: Entry, part: Part) -> None:
        self._parts[entry.id].append(part)

    def _uncover(self, entry: Entry) -> None:
        if entry.id in self._settled and not self._adjust:
            self._compare(entry, None)
            return
        # A contract that was asked keeps the ERP's own order from billing it, taken or not.
        reason: str = "erp_order" if entry.order else "no_contract"
        if not self._root:
            reason = "no_customer"
        elif self._last_rule:
            reason = "not_taken"
        part = Part(
            self._last_disposition or "uncovered", self._last_rule,
            entry.seconds, entry.seconds, uncovered=reason,
        )  # fmt: skip
        self._add(entry, part)
        self.uncovered.append(Uncovered(entry.id, self._root, entry.seconds, reason))  # type: ignore[arg-type]

    def _hold(
        self,
        entry: Entry,
        code: str,
        rule: Rule,
        seconds: int,
        rounded: int,
        amount: Decimal | None,
        reason: str,
    ) -> None:
        self._add(entry, Part(rule.disposition, rule.id, seconds, rounded, code, held=reason))
        self.held.append(Held(entry.id, self._root, code, rounded, amount, reason, rule.id))

    def _settle_free(self, entry: Entry, decision: _Decision) -> None:
        """Included, warranty, internal: no money; on record once its window is closed."""
        bound, rule, *_ = decision
        code = bound.contract.code
        self._add(entry, Part(rule.disposition, rule.id, entry.seconds, entry.seconds, code))
        if not self._on_record:
            return
        window = self._window(bound, entry.date)
        if window.last is not None and window.last < self._as_of:
            self._settle(
                bound,
                LedgerKey(code, "", SCOPE, window.first, ""),
                entry,
                seconds=entry.seconds,
                rounded=entry.seconds,
                disposition=rule.disposition,
                rule=rule.id,
            )

    def _settle(
        self, bound: BoundContract, key: LedgerKey, entry: Entry | None = None, **facts: Any
    ) -> None:
        """Puts a row on record, where this run is one that goes on record."""
        if self._on_record:
            self.settlements.append(
                LedgerRow(
                    key,
                    entry.id if entry is not None else "",
                    fingerprint=fingerprint(entry) if entry is not None else "",
                    policy=bound.policy.stamp,
                    **facts,
                )
            )

    def _window(self, bound: BoundContract, day: date) -> Span:
        """The closing window of ``day``: inside one period of every term that takes time."""
        key = (bound.contract.code, day)
        found = self._windows.get(key)
        if found is None:
            month = period_of(day, Span(date.min, None), 1, "calendar", bound.contract.start)
            spans = [
                Span(period.first, period.last)
                for term in bound.terms
                if term.span.covers(day)
                for component in term.components
                if (period := component.bound.period(day)) is not None
            ]
            window: Span | None = None
            for span in spans:
                window = span if window is None else intersect(window, span)
            if window is None:
                window = intersect(Span(month.first, month.last), bound.contract.span)
            assert window is not None
            found = self._windows[key] = window
        return found

    def _compare(self, entry: Entry, decision: _Decision | None) -> None:
        """The settled parts of ``entry`` stand; what would differ today is listed."""
        settled = self._settled[entry.id]
        for part in settled.parts:
            self._add(
                entry,
                Part(
                    part.disposition,
                    part.rule,
                    part.seconds,
                    part.rounded,
                    part.key.contract,
                    part.key.term,
                    part.lot,
                    str(part.key) if part.key in self._lines else "",
                    settled=True,
                ),
            )
        if settled.fingerprint != fingerprint(entry):
            worked = sum(part.seconds for part in settled.parts)
            rest = self._held_before.get(entry.id)
            worked += rest.seconds if rest is not None else 0
            self._differ(settled.key, entry.id, "changed", _hours(worked), _hours(entry.seconds))
            return
        was = {(p.key.contract, p.disposition, p.rate) for p in settled.parts}
        now = self._today(entry, decision, settled)
        if was != now:
            self._differ(settled.key, entry.id, "terms", _said(was), _said(now))

    def _today(
        self, entry: Entry, decision: _Decision | None, settled: Settled
    ) -> set[tuple[str, str, Decimal | None]]:
        """What the parts on record would be with today's rules and prices."""
        if decision is None:
            return {("", "", None)}
        bound, rule, settles, _ = decision
        code = bound.contract.code
        if settles:
            return {(code, rule.disposition, None)}
        work = self._work(entry, decision)
        if not bound.stateful:
            for term in self._terms(bound, rule.disposition):
                for component in term.components if term.span.covers(entry.date) else ():
                    if component.takes_time and (taken := component.bound.take(work)) is not None:
                        return {(code, taken.disposition or rule.disposition, taken.rate)}
            return {(code, rule.disposition, None)}
        found: set[tuple[str, str, Decimal | None]] = set()
        components = {
            (term.term.id, component.id): component
            for term in bound.terms
            for component in term.components
        }
        for part in settled.parts:
            there = components.get((part.key.term, part.key.component))
            if there is None or part.key.contract != code:
                found.add((code, rule.disposition, None))
                continue
            rate = there.bound.rate_again(work, part.rate) if part.rate is not None else None
            included = there.bound.includes
            found.add((code, "included" if included else rule.disposition, rate))
        return found

    def _differ(self, key: LedgerKey, entry: str, cause: str, was: str, now: str) -> None:
        self.differences.append(
            Difference(key.contract, str(key), entry, cause, was, now)  # type: ignore[arg-type]
        )

    def _vanished(self) -> None:
        """Settled entries that are no longer there."""
        if self._adjust:
            return
        for entry_id in sorted(self._settled.keys() - self._parts.keys(), key=natural):
            settled = self._settled[entry_id]
            worked = sum(part.seconds for part in settled.parts)
            self._differ(settled.key, entry_id, "vanished", _hours(worked), "")

    def _edited(self) -> None:
        """Invoice lines that somebody changed by hand: they stay, and are shown."""
        for row, digits in self._by_hand:
            if row.amount is not None and row.invoiced is not None:
                was, now = (round_half_up(found, digits) for found in (row.amount, row.invoiced))
                if was != now:
                    self._differ(row.key, row.entry, "edited", format(was, "f"), format(now, "f"))

    # -- allocation and charges (semantics 4, 5) -------------------------------------------------

    def _bill_contract(self, bound: BoundContract) -> list[Line]:
        taken: dict[tuple[str, str, date], list[Taken]] = defaultdict(list)
        accounts: dict[tuple[str, str], Account] = {}
        if bound.stateful:
            accounts = self._open_accounts(bound)
            self._ask_the_clerk(bound, accounts, taken)
        else:
            for work in self._works[bound.contract.code]:
                if work.entry.id in self._settled:
                    self._allocate_again(bound, work)
                else:
                    self._allocate(bound, work, taken)
        lines: list[tuple[tuple[date, int, int, int], Line]] = []
        for term in bound.terms:
            for number, component in enumerate(term.components):
                account = accounts.get((term.term.id, component.id))
                found = [
                    *self._singles(bound, term, component, account),
                    *self._component(bound, term, component, taken),
                ]
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
        return [*found, *self._corrections(bound)] if self._adjust else found

    # -- contracts whose order matters -------------------------------------------------------------

    def _open_accounts(self, bound: BoundContract) -> dict[tuple[str, str], Account]:
        ledger = self._ledger[bound.contract.code]
        found = {}
        for term in bound.terms:
            for component in term.components:
                place = (term.term.id, component.id)
                account = component.bound.open(ledger.lines.get(place, ()))
                if account is not None:
                    found[place] = account
        return found

    def _ask_the_clerk(
        self,
        bound: BoundContract,
        accounts: dict[tuple[str, str], Account],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        code = bound.contract.code
        digits = self._book.company.quantity_digits
        gate = Gate(self._others.approvals.get(code, ()), digits)
        items = self._before_go_live(bound, self._items[code])
        items += self._settled_items(bound)
        clerk = Clerk(
            bound, accounts, gate, lambda day: self._window(bound, day),
            self._closed_windows(bound), self._as_of, digits,
        )  # fmt: skip
        outcome = clerk.run(items)
        for item in items:
            if item.record:
                continue
            if item.again:
                self._take_again(bound, item, outcome.shares.get(item.key, []))
                continue
            self._take_over(bound, item, outcome.shares.get(item.key, []), taken)
        self._settled_again(bound, items, outcome, taken)
        for reached in outcome.reached:
            self._notice(
                bound, reached.watch.rule.id, reached.period, reached.at_percent, reached.on,
                text_in(reached.watch.rule.because, self._language),
            )  # fmt: skip

    def _before_go_live(self, bound: BoundContract, items: list[Item]) -> list[Item]:
        """Without the time that was billed before go-live (semantics 6)."""
        found = []
        for item in items:
            entry = item.work.entry
            terms = [
                term
                for term in self._terms(bound, item.work.disposition)
                if term.span.covers(entry.date)
            ]
            before = terms and terms[0].billed_until
            if before and entry.date <= before:
                part = Part("billed_elsewhere", OPENING, item.work.seconds, item.work.rounded)
                code = bound.contract.code
                self._add(entry, part._replace(contract=code, term=terms[0].term.id))
            else:
                found.append(item)
        return found

    def _settled_items(self, bound: BoundContract) -> list[Item]:
        """What is on record for this contract: it happens again as it happened."""
        code = bound.contract.code
        entries = {entry.id: entry for entry in self._entries}
        scope = self._scopes[bound.policy.name]
        found = []
        for entry_id, settled in self._settled.items():
            parts = tuple(p for p in settled.parts if p.key.contract == code and p.key.term)
            if not parts or (self._adjust and entry_id not in self._held_before):
                continue
            entry = entries.get(entry_id) or _gone(entry_id, parts[0].key.period)
            decision = self._decided.get(entry_id)
            if decision is None or decision.contract is not bound:
                ticket, project, employee = self._around(entry)
                subject = Subject(entry, ticket, project, self._customer, employee, bound.contract)
                rule = Rule(parts[0].rule, parts[0].disposition, {}, _NO_WHERE)
                decision = _Decision(bound, rule, False, subject)
            work = self._work(entry, decision)._replace(disposition=parts[0].disposition)
            seen = decision.subject
            assert seen is not None
            for counted in dict.fromkeys(part.counted for part in parts):
                some = tuple(part for part in parts if part.counted == counted)
                found.append(
                    Item(
                        work,
                        scope.requirement(seen, some[0].disposition),
                        scope.watches(seen, some[0].disposition),
                        record=some,
                        gated_before=settled.gated,
                    )
                )
        return found

    def _closed_windows(self, bound: BoundContract) -> Callable[[Span], bool]:
        """Whether a window is closed on record: a period that ends with it is."""
        ledger = self._ledger[bound.contract.code]
        if not ledger.groups:
            return lambda span: False
        known: dict[date, bool] = {}

        def closed(span: Span) -> bool:
            found = known.get(span.first)
            if found is None:
                found = known[span.first] = self._is_closed(bound, ledger, span)
            return found

        return closed

    def _is_closed(self, bound: BoundContract, ledger: _Ledger, span: Span) -> bool:
        for term in bound.terms:
            if not term.span.covers(span.first):
                continue
            for component in term.components:
                period = component.bound.period(span.first) if component.takes_time else None
                if period is None or (span.last is not None and period.last > span.last):
                    continue
                if CLOSING in ledger.groups.get((term.term.id, component.id, period.first), {}):
                    return True
        return False

    def _take_over(
        self,
        bound: BoundContract,
        item: Item,
        shares: Sequence[Share],
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """What the clerk found for one entry: parts to bill, parts that wait."""
        entry = item.work.entry
        rule = self._rules[bound.contract.code, item.work.rule]
        held = [share for share in shares if share.held]
        for share in shares:
            if share.taken is not None:
                part = share.taken
                taken[share.term, share.component, part.period.first].append(part)
        for share in held:
            self._hold(
                entry, bound.contract.code, rule, share.seconds, share.rounded, share.amount,
                share.held,
            )  # fmt: skip
        self._remember_held(bound, item, held)

    def _remember_held(self, bound: BoundContract, item: Item, held: Sequence[Share]) -> None:
        """Held time of closed windows goes on record, so that it is known as such later."""
        entry = item.work.entry
        window = self._window(bound, entry.date)
        if not self._on_record or window.last is None or window.last >= self._as_of:
            return
        before = self._held_before.get(entry.id)
        seconds = sum(share.seconds for share in held) - (before.seconds if before else 0)
        rounded = sum(share.rounded for share in held) - (before.rounded if before else 0)
        if not held and before is None:
            return
        if before is not None and not seconds and not rounded:
            return
        sequence = before.sequence + 1 if before is not None else 0
        key = LedgerKey(bound.contract.code, "", HELD, window.first, "held", sequence)
        self._settle(
            bound, key, entry, seconds=seconds, rounded=rounded,
            disposition=item.work.disposition, rule=item.work.rule,
            held=held[0].held if held else before.reason if before else "",
        )  # fmt: skip

    def _settled_again(
        self,
        bound: BoundContract,
        items: Sequence[Item],
        outcome: Outcome,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """Parts that went on record before their period was due belong to its line."""
        for item in items:
            if not item.record:
                continue
            for share in outcome.shares.get(item.key, ()):
                part = share.taken
                if part is not None and part.rate is not None:
                    taken[share.term, share.component, part.period.first].append(part)

    def _show_account(self, bound: BoundContract, term: BoundTerm, account: Account) -> None:
        code = bound.contract.code
        for stand in account.balances(self._as_of):
            self.balances.append(Balance(code, term.term.id, *stand))
        for found in account.notices(self._as_of):
            text = text_in(term.plan.title, self._language, term.plan.name)
            self._notice(bound, found.rule, found.lot, found.at_percent, found.on, text)

    def _notice(
        self, bound: BoundContract, rule: str, period: str, percent: int, on: date, text: str
    ) -> None:
        """One notice once ever."""
        code = bound.contract.code
        group = f"{rule}/{period}/{percent}"
        key = LedgerKey(code, "", NOTICE, bound.contract.start, group)
        if group in self._ledger[code].groups.get(("", NOTICE, bound.contract.start), {}):
            return
        self.notices.append(Notice(code, rule, period, percent, on, text))
        self._settle(bound, key)

    # -- allocation without balances (semantics 4, 5) ----------------------------------------------

    def _allocate(
        self,
        bound: BoundContract,
        work: Work,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """Offers ``work`` to the terms that take its disposition, by priority."""
        entry = work.entry
        for term in self._terms(bound, work.disposition):
            if not term.span.covers(entry.date):
                continue
            if term.billed_until is not None and entry.date <= term.billed_until:
                part = Part("billed_elsewhere", OPENING, work.seconds, work.rounded)
                self._add(entry, part._replace(contract=bound.contract.code, term=term.term.id))
                return
            for component in term.components:
                found = component.bound.take(work) if component.takes_time else None
                if found is not None:
                    taken[term.term.id, component.id, found.period.first].append(found)
                    return
        rule = self._rules[bound.contract.code, work.rule]
        self._hold(entry, bound.contract.code, rule, work.seconds, work.rounded, None, "no_term")

    def _allocate_again(self, bound: BoundContract, work: Work) -> None:
        """What an entry on record would be with today's rules and prices."""
        code = bound.contract.code
        found = self._again[code].setdefault(work.entry.id, [])
        for term in self._terms(bound, work.disposition):
            for component in term.components if term.span.covers(work.entry.date) else ():
                part = component.bound.take(work) if component.takes_time else None
                if part is not None:
                    found.append(_ident(code, term.term.id, component.id, part))
                    self._desired[code].append((term.term.id, component.id, part))
                    self._show(bound, part, term.term.id, "")
                    return
        rule = self._rules[code, work.rule]
        self._hold(work.entry, code, rule, work.seconds, work.rounded, None, "no_term")

    # -- lines ----------------------------------------------------------------------------------

    def _component(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> Iterable[Line]:
        """Lines of one component's due periods that the ledger does not hold yet."""
        code = bound.contract.code
        ledger = self._ledger[code]
        for period, due in component.bound.due_periods(self._as_of):
            place = (term.term.id, component.id, period.first)
            mine = taken.pop(place, [])
            known = ledger.groups.get(place, {})
            closed = CLOSING in known
            if closed:
                mine = [part for part in mine if not part.settled]
            if closed and not mine:
                yield from self._compare_amounts(bound, term, component, period, due)
                continue
            groups = dict(known)
            for counted, parts in _batches(mine):
                late = closed or counted is not None
                yield from self._batch(bound, term, component, (period, due), parts, groups, late)
            if not closed:
                self._settle(bound, LedgerKey(code, *place, CLOSING))

    def _batch(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        when: tuple[Period, date],
        parts: Sequence[Taken],
        groups: dict[str, int],
        late: bool,
    ) -> Iterable[Line]:
        """Lines of parts that are billed together; ``groups`` are those on record, kept up."""
        period, due = when
        place = (bound.contract.code, term.term.id, component.id, period.first)
        before = dict(groups)

        def key_of(group: str) -> LedgerKey:
            # Late lines never take the place of the regular one, even where there was none.
            known = before.get(group)
            sequence = (known if known is not None else (0 if late else -1)) + 1
            if not late and known is not None:
                earlier = LedgerKey(*place, group, known)
                if earlier not in self._lines:
                    sequence = known  # its parts went on record before the line was due
            groups[group] = sequence
            return LedgerKey(*place, group, sequence)

        charges = [
            charge
            for charge in component.bound.charges(period, due, parts)
            if charge.taken or charge.group not in before  # it was opened again in part
        ]
        on_lines = {id(part) for charge in charges for part in charge.taken}
        for part in parts:
            if id(part) not in on_lines and not part.settled:
                group = part.group or DRAW
                key = LedgerKey(*place, group, groups[group]) if group in groups else None
                if key is None or (group in before and groups[group] == before[group]):
                    key = key_of(group)
                self._record(bound, part, key, "")
        for charge in charges:
            yield self._line(bound, term, component, charge, key_of(charge.group))

    def _singles(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        account: Account | None,
    ) -> Iterable[Line]:
        """Lines that are made once, whatever periods are closed."""
        code = bound.contract.code
        ledger = self._ledger[code]
        recorded = ledger.lines.get((term.term.id, component.id), ())
        charges = list(component.bound.singles(self._as_of, recorded))
        if account is not None:
            charges += account.singles(self._as_of)
        for charge in charges:
            if charge.due > self._as_of:
                continue
            key = LedgerKey(code, term.term.id, component.id, charge.period.first, charge.group)
            rows = [row for row in recorded if row.key._replace(sequence=0) == key]
            if not rows:
                groups = ledger.groups.get((key.term, key.component, key.period), {})
                if charge.cumulative and CLOSING in groups:
                    key = key._replace(sequence=1)  # it came of late facts
                if charge.quantity or not charge.cumulative:
                    yield self._line(bound, term, component, charge, key)
            elif charge.cumulative:
                yield from self._grown(bound, term, component, charge, key)
            else:
                yield from self._compare_single(bound, term, component, charge, key)

    def _grown(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
    ) -> Iterable[Line]:
        """What came to a line since it was billed (late facts after a settlement)."""
        ledger = self._ledger[bound.contract.code]
        rows = [
            row
            for row in ledger.lines.get((key.term, key.component), ())
            if row.key._replace(sequence=0) == key
        ]
        more = charge.granted - sum(row.rounded for row in rows)
        if more:
            digits = self._book.company.quantity_digits
            sequence = max(row.key.sequence for row in rows) + 1
            charge = charge._replace(quantity=quantity(more, digits), granted=more)
            yield self._line(bound, term, component, charge, key._replace(sequence=sequence))

    def _compare_single(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
    ) -> Iterable[Line]:
        """A line on record that is made once: would it be the same today?"""
        ledger = self._ledger[bound.contract.code]
        was = ledger.amounts[key.term, key.component, key.period][key.group]
        discount = ZERO if charge.undiscounted else term.term.discount
        wanted = charge.quantity if charge.wanted is None else charge.wanted
        was = -was if charge.credit else was
        now = line_amount(wanted, charge.unit_price, discount)
        if was == now:
            return
        if not self._adjust:
            self._differ_in_money(bound, key, was, now)
            return
        granted = 0
        if charge.wanted is not None:
            granted = seconds_from_hours(wanted) - seconds_from_hours(charge.quantity)
        charge = charge._replace(granted=granted, credit=False, label=_corrected(charge.label))
        yield self._correction(bound, term, component, charge, key, now - was, discount)

    def _differ_in_money(
        self, bound: BoundContract, key: LedgerKey, was: Decimal, now: Decimal
    ) -> None:
        digits = bound.money_digits
        texts = (format(round_half_up(amount, digits), "f") for amount in (was, now))
        self._differ(key, "", "amount", *texts)

    def _correction(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
        amount: Decimal,
        discount: Decimal,
    ) -> Line:
        """A line that adds ``amount`` to what is on record: hours at their price where that comes
        out even, else the amount (semantics 8)."""
        ledger = self._ledger[bound.contract.code]
        place = (key.term, key.component, key.period)
        rows = ledger.lines.get((key.term, key.component), ())
        original = next(
            (
                row.key
                for row in rows
                if row.key.period == key.period and row.key.group == key.group
            ),
            next((row.key for row in rows if row.key.period == key.period), None),
        )
        digits = self._book.company.quantity_digits
        net = line_amount(ONE, charge.unit_price, discount)
        count = round_half_up(amount / net, digits) if net else ZERO
        even = count and line_amount(count, charge.unit_price, discount) == amount
        if even and charge.unit in ("hour", "piece"):
            charge = charge._replace(quantity=count, taken=())
        else:
            charge = charge._replace(
                quantity=ONE, unit_price=round_half_up(amount, bound.money_digits),
                undiscounted=True, taken=(), unit="period",
            )  # fmt: skip
        groups = ledger.groups.setdefault(place, {})
        sequence = groups.get(key.group, 0) + 1
        groups[key.group] = sequence
        charge = charge._replace(reverses=original)
        return self._line(bound, term, component, charge, key._replace(sequence=sequence))

    # -- adjustments (semantics 8) ---------------------------------------------------------------

    def _take_again(self, bound: BoundContract, item: Item, shares: Sequence[Share]) -> None:
        """What an entry on record would be with today's facts."""
        entry = item.work.entry
        code = bound.contract.code
        found = self._again[code].setdefault(entry.id, [])
        for share in shares:
            if share.taken is not None:
                found.append(_ident(code, share.term, share.component, share.taken))
                self._desired[code].append((share.term, share.component, share.taken))
                self._show(bound, share.taken, share.term, "")
        rule = self._rules[code, item.work.rule]
        for share in shares:
            if share.held:
                self._hold(
                    entry, code, rule, share.seconds, share.rounded, share.amount, share.held
                )

    def _corrections(self, bound: BoundContract) -> list[Line]:
        """Rows that bring entries on record to what they would be, and the lines of them."""
        code = bound.contract.code
        changed: set[tuple[str, str, date]] = set()
        entries = {entry.id: entry for entry in self._entries}
        for entry_id, settled in self._settled.items():
            mine = [part for part in settled.parts if part.key.contract == code]
            if mine and entry_id not in self._held_before:
                wanted = self._again[code].get(entry_id, [])
                entry = entries.get(entry_id)
                changed |= self._correct_entry(bound, entry_id, entry, settled, mine, wanted)
        lines: list[Line] = []
        terms = {term.term.id: term for term in bound.terms}
        for place in sorted(changed):
            term = terms.get(place[0])
            component = (
                next((c for c in term.components if c.id == place[1]), None) if term else None
            )
            if term is not None and component is not None:
                lines += self._correct_lines(bound, term, component, place[2])
        return lines

    def _correct_entry(
        self,
        bound: BoundContract,
        entry_id: str,
        entry: Entry | None,
        settled: Settled,
        parts: Sequence[OnRecord],
        wanted: Sequence[Ident],
    ) -> set[tuple[str, str, date]]:
        """Puts the changes of one entry on record; the places that they are in."""
        sums: dict[Ident, list[int]] = {}
        for part in parts:
            ident = Ident(
                part.key._replace(sequence=0), part.disposition, part.rate, part.lot, part.counted
            )
            held = sums.setdefault(ident, [0, 0, 0])
            for number, value in enumerate((part.seconds, part.rounded, part.drawn)):
                held[number] -= value
        rules: dict[Ident, str] = {}
        for found in wanted:
            ident = found.bare
            rules[ident] = found.rule
            held = sums.setdefault(ident, [0, 0, 0])
            for number, value in enumerate((found.seconds, found.rounded, found.drawn)):
                held[number] += value
        facts = fingerprint(entry) if entry is not None else ""
        changes = [(ident, held) for ident, held in sums.items() if any(held)]
        if not changes and settled.fingerprint == facts:
            return set()
        if not changes:
            changes = [(next(iter(sums)), [0, 0, 0])]
        for ident, (seconds, rounded, drawn) in changes:
            self._correction_row(
                ident, entry_id, facts, bound.policy.stamp, seconds, rounded, drawn,
                rules.get(ident) or parts[0].rule,
            )  # fmt: skip
        return {
            (ident.key.term, ident.key.component, ident.key.period)
            for ident, _ in changes
            if ident.rate is not None
        }

    def _correction_row(
        self, ident: Ident, entry: str, facts: str, policy: str, seconds: int, rounded: int,
        drawn: int, rule: str,
    ) -> None:  # fmt: skip
        if not self._on_record:
            return
        used = self._entry_sequences
        place = (ident.key, entry, ident.lot)
        known = max(
            (row.key.sequence for row in self._rows_of.get(entry, ())
             if row.key._replace(sequence=0) == ident.key),
            default=-1,
        )  # fmt: skip
        sequence = used[place] = max(known, used.get(place, -1)) + 1
        self.settlements.append(
            LedgerRow(
                ident.key._replace(sequence=sequence),
                entry,
                seconds,
                rounded,
                ident.disposition,
                rule,
                ident.rate,
                ident.lot,
                fingerprint=facts,
                policy=policy,
                drawn=drawn,
                counted=ident.counted,
            )
        )

    def _correct_lines(
        self, bound: BoundContract, term: BoundTerm, component: BoundComponent, first: date
    ) -> Iterable[Line]:
        """Lines of one billed period whose time has changed."""
        code = bound.contract.code
        ledger = self._ledger[code]
        place = (term.term.id, component.id, first)
        period = component.bound.period(first)
        if period is None or CLOSING not in ledger.groups.get(place, {}):
            return
        parts = [
            part
            for term_id, id_, part in self._desired[code]
            if (term_id, id_, part.period.first) == place
        ]
        wanted: dict[str, Decimal] = {}
        charges: dict[str, Charge] = {}
        for _, batch in _batches(parts):
            for charge in component.bound.charges(period, period.last + ONE_DAY, batch):
                amount = line_amount(charge.quantity, charge.unit_price, term.term.discount)
                wanted[charge.group] = wanted.get(charge.group, ZERO) + amount
                charges.setdefault(charge.group, charge)
        billed = {
            group: amount
            for group, amount in ledger.amounts.get(place, {}).items()
            if not component.has_balance or group.startswith(BEYOND)
        }
        for group in sorted(billed.keys() | wanted.keys()):
            amount = wanted.get(group, ZERO) - billed.get(group, ZERO)
            if not amount:
                continue
            charge = charges.get(group) or self._as_it_was(ledger, place, group, period)
            charge = charge._replace(label=_corrected(charge.label))
            key = LedgerKey(code, *place, group)
            yield self._correction(bound, term, component, charge, key, amount, term.term.discount)

    def _as_it_was(
        self, ledger: _Ledger, place: tuple[str, str, date], group: str, period: Period
    ) -> Charge:
        """A charge for a group that has nothing any more, at the price on record."""
        row = next(
            row
            for row in ledger.lines[place[0], place[1]]
            if row.key.period == place[2] and row.key.group == group
        )
        label = Label("time", period.first, period.last)
        return Charge(period, group, period.last + ONE_DAY, label, ZERO, "hour", row.rate or ZERO)

    def _one_off(self, bound: BoundContract) -> Iterable[Line]:
        """Charges on a date of their own (semantics 5, "item")."""
        code = bound.contract.code
        ledger = self._ledger[code]
        for item in sorted(
            self._others.items.get(code, ()), key=lambda row: (row.date, natural(row.id))
        ):
            key = LedgerKey(code, "", ITEM, item.date, item.id)
            if item.date > self._as_of:
                continue
            label = Label(ITEM, item.date, item.date)
            period = Period(item.date, item.date, item.date, item.date)
            charge = Charge(
                period, item.id, item.date, label, item.quantity, "piece", item.price,
                text=item.text,
            )  # fmt: skip
            if key not in self._lines:
                yield self._line(bound, None, None, charge, key)
            else:
                was = ledger.amounts["", ITEM, item.date][item.id]
                now = line_amount(item.quantity, item.price, ZERO)
                if was != now:
                    self._differ_in_money(bound, key, was, now)

    def _compare_amounts(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        period: Period,
        due: date,
    ) -> Iterable[Line]:
        """A settled period of a component without time: does it still come out the same?"""
        if component.takes_time:
            return
        place = (term.term.id, component.id, period.first)
        ledger = self._ledger[bound.contract.code]
        billed = {
            group: amount
            for group, amount in ledger.amounts.get(place, {}).items()
            if not group.startswith(REFUND)
        }
        if place in ledger.last:
            period = component.bound.as_billed(period, ledger.last[place])
        discount = term.term.discount
        charges = {charge.group: charge for charge in component.bound.charges(period, due, ())}
        today = {
            group: line_amount(charge.quantity, charge.unit_price, discount)
            for group, charge in charges.items()
        }
        was, now = sum(billed.values(), ZERO), sum(today.values(), ZERO)
        if was == now:
            return
        if not self._adjust:
            key = LedgerKey(bound.contract.code, *place, "")
            self._differ_in_money(bound, key, was, now)
            return
        for group in sorted(billed.keys() | today.keys()):
            amount = today.get(group, ZERO) - billed.get(group, ZERO)
            if amount:
                charge = charges.get(group) or self._as_it_was(ledger, place, group, period)
                charge = charge._replace(unit="period", label=_corrected(charge.label))
                key = LedgerKey(bound.contract.code, *place, group)
                yield self._correction(bound, term, component, charge, key, amount, discount)

    def _line(
        self,
        bound: BoundContract,
        term: BoundTerm | None,
        component: BoundComponent | None,
        charge: Charge,
        key: LedgerKey,
    ) -> Line:
        discount = ZERO if term is None or charge.undiscounted else term.term.discount
        exact = line_amount(charge.quantity, charge.unit_price, discount)
        label = charge.label._replace(
            details=tuple(self._named(kind, value) for kind, value in charge.label.details)
        )
        text_key = str(key)
        late = key.sequence > 0
        if term is None:
            description = charge.text
        else:
            title = text_in(term.plan.title, self._language, term.plan.name)
            description = line_text(title, label, self._language, late)
        line = Line(
            key=key,
            first=charge.label.first,
            last=charge.label.last,
            description=description,
            label=label,
            quantity=charge.quantity,
            unit=charge.unit,
            unit_price=charge.unit_price,
            discount=discount,
            exact=exact,
            amount=round_half_up(exact, bound.money_digits),
            entries=tuple(
                EntryShare(part.work.entry.id, part.seconds, part.rounded) for part in charge.taken
            ),
            because=self._because(bound, term, component, charge),
            credit=charge.credit,
            reverses=charge.reverses,
        )
        self._settle(
            bound,
            key,
            seconds=sum(part.seconds for part in charge.taken),
            rounded=charge.granted or sum(part.rounded for part in charge.taken),
            rate=charge.unit_price,
            amount=-exact if charge.credit else exact,
            last=line.last,
        )
        for part in charge.taken:
            if not part.settled:
                self._record(bound, part, key, text_key)
        return line

    def _named(self, kind: str, value: str) -> tuple[str, str]:
        """A label's detail with the name that a project or ticket has today."""
        if kind == "project" and value in self._book.projects:
            return kind, self._book.projects[value].name or value
        if kind == "ticket" and value in self._book.tickets:
            return kind, self._book.tickets[value].title or value
        return kind, value

    def _record(self, bound: BoundContract, part: Taken, key: LedgerKey, line: str) -> None:
        """A part that this run bills (or settles at zero): shown, and put on record."""
        work = part.work
        self._show(bound, part, key.term, line)
        self._settle(
            bound,
            key,
            work.entry,
            seconds=part.seconds,
            rounded=part.rounded,
            disposition=part.disposition or work.disposition,
            rule=work.rule,
            rate=part.rate,
            lot=part.lot,
            drawn=part.drawn,
            counted=part.counted,
        )

    def _show(
        self, bound: BoundContract, part: Taken, term: str, line: str, due: date | None = None
    ) -> None:
        work = part.work
        self._add(
            work.entry,
            Part(
                part.disposition or work.disposition,
                work.rule,
                part.seconds,
                part.rounded,
                bound.contract.code,
                term,
                part.lot,
                line,
                due=due,
            ),
        )

    def _open(self, bound: BoundContract, taken: dict[tuple[str, str, date], list[Taken]]) -> None:
        """Time of periods that are not over yet: shown with the day on which it is due."""
        code = bound.contract.code
        for (term, component, first), parts in taken.items():
            known = self._ledger[code].groups.get((term, component, first), {})
            for part in parts:
                if part.settled:
                    continue
                self._show(bound, part, term, "", part.period.last + ONE_DAY)
                if bound.stateful:
                    self._record_early(bound, part, (term, component), known)

    def _record_early(
        self,
        bound: BoundContract,
        part: Taken,
        place: tuple[str, str],
        known: dict[str, int],
    ) -> None:
        """What a closed window decided goes on record, though its period is not due yet."""
        work = part.work
        window = self._window(bound, work.entry.date)
        if not self._on_record or window.last is None or window.last >= self._as_of:
            return
        group = part.group or DRAW
        key = LedgerKey(bound.contract.code, *place, part.period.first, group, known.get(group, 0))
        self._settle(
            bound, key, work.entry, seconds=part.seconds, rounded=part.rounded,
            disposition=part.disposition or work.disposition, rule=work.rule, rate=part.rate,
            lot=part.lot, drawn=part.drawn, counted=part.counted,
        )  # fmt: skip

    def _because(
        self,
        bound: BoundContract,
        term: BoundTerm | None,
        component: BoundComponent | None,
        charge: Charge,
    ) -> tuple[Because, ...]:
        if term is None or component is None:
            return (Because(ITEM, "", bound.contract.where, charge.text),)
        plan = term.plan
        rules = dict.fromkeys(part.work.rule for part in charge.taken)
        reasons = [
            Because(rule.id, rule.clause, rule.where, text_in(rule.because, self._language))
            for id_ in rules
            if (rule := self._rules.get((bound.contract.code, id_))) is not None
        ]
        if not reasons:
            text = text_in(plan.because, self._language) or text_in(plan.title, self._language)
            where = component.plan_component.where
            reasons = [Because(f"{plan.name}.{component.id}", plan.clause, where, text)]
        return tuple(reasons)

    # -- drafts ----------------------------------------------------------------------------------

    def _group(self, lines: Sequence[tuple[BoundContract, Line]]) -> list[Draft]:
        """Lines to drafts, per contract or per customer as the policy says."""
        groups: dict[tuple[str, ...], list[tuple[BoundContract, Line]]] = {}
        for bound, line in lines:
            single = (self._group_by or bound.policy.group_by) == "contract"
            code = bound.contract.code if single else ""
            kind = ("", "")
            if line.reverses is not None or line.credit:
                kind = ("credit" if line.credit else "correction", self._document(line.reverses))
            groups.setdefault((code, bound.contract.currency, *kind), []).append((bound, line))
        drafts = []
        documents: dict[LedgerKey, str] = {}
        for (_, currency, credit, _), members in groups.items():
            draft = self._draft(currency, credit == "credit", members)
            drafts.append(draft)
            documents |= {line.key: draft.key for line in draft.lines}
        self.settlements = [
            row._replace(document=documents[row.key])
            if row.amount is not None and row.key in documents
            else row
            for row in self.settlements
        ]
        return drafts

    def _document(self, key: LedgerKey | None) -> str:
        """The invoice that a line on record stands on."""
        if key is None:
            return ""
        for row in self._ledger[key.contract].lines.get((key.term, key.component), ()):
            if row.key == key:
                return row.document
        return str(key)

    def _draft(
        self, currency: str, credit: bool, members: Sequence[tuple[BoundContract, Line]]
    ) -> Draft:
        digits = members[0][0].money_digits
        some = [line for _, line in members]
        codes = {bound.contract.code for bound, _ in members}
        amount = total((line.exact for line in some), self._book.company.rounding_method, digits)
        turned = not credit and amount < 0
        reverses = next((line.reverses for line in some if line.reverses is not None), None)
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


class Ident(NamedTuple):
    """What makes a part of an entry the same part, and how much of it there is."""

    key: LedgerKey
    disposition: str
    rate: Decimal | None
    lot: str
    counted: date | None
    seconds: int = 0
    rounded: int = 0
    drawn: int = 0
    rule: str = ""

    @property
    def bare(self) -> Ident:
        return self._replace(seconds=0, rounded=0, drawn=0, rule="")

    def holding(self, seconds: int, rounded: int, drawn: int, rule: str) -> Ident:
        return self._replace(seconds=seconds, rounded=rounded, drawn=drawn, rule=rule)


def _ident(code: str, term: str, component: str, part: Taken) -> Ident:
    key = LedgerKey(code, term, component, part.period.first, part.group or DRAW)
    disposition = part.disposition or part.work.disposition
    bare = Ident(key, disposition, part.rate, part.lot, part.counted)
    return bare.holding(part.seconds, part.rounded, part.drawn, part.work.rule)


def _corrected(label: Label) -> Label:
    return label._replace(details=(*label.details, ("phrase", "correction")))


def _batches(parts: Sequence[Taken]) -> list[tuple[date | None, list[Taken]]]:
    """Regular parts together (none is a batch, too), late ones by the day they count behind."""
    regular: list[Taken] = []
    late: dict[date, list[Taken]] = {}
    for part in parts:
        if part.counted is None:
            regular.append(part)
        else:
            late.setdefault(part.counted, []).append(part)
    return [(None, regular), *sorted(late.items())]


def _gone(id_: str, day: date) -> Entry:
    """Stands for an entry that is on record and no longer there."""
    return Entry(id_, day, "", "", "", "", 0, "", "", (), True, "", "")


def _turned(line: Line) -> Line:
    """``line`` as it stands in a credit note."""
    return line._replace(quantity=-line.quantity, exact=-line.exact, amount=-line.amount)


def _hours(seconds: int) -> str:
    return f"{shortest(round_half_up(hours_exact(seconds), 4))} h"


def _said(decisions: set[tuple[str, str, Decimal | None]]) -> str:
    texts = []
    for contract, disposition, rate in sorted(decisions, key=str):
        price = f" at {shortest(rate)}" if rate is not None else ""
        texts.append(f"{disposition or 'uncovered'} {contract}{price}".strip())
    return ", ".join(texts)


__all__ = ["Matchers", "bill", "fingerprint"]
