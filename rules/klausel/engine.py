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

from klausel import adjustments
from klausel.approvals import held_reason
from klausel.charges.base import Charge, Taken, Work
from klausel.ledger import CLOSING, SCOPE
from klausel.matching import MatcherFactory
from klausel.model import (
    NARROWNESS,
    OVERRIDE,
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
from klausel.money import hours_exact, line_amount, round_half_up, shortest, total
from klausel.period import Period, Span, intersect, period_of
from klausel.policy.facts import Subject
from klausel.policy.ir import GroupBy, Rule, Scope, text_in
from klausel.problems import Problem, Where, problem
from klausel.result import (
    Because,
    Difference,
    Draft,
    EntryParts,
    EntryShare,
    Held,
    Line,
    Part,
    Result,
    Uncovered,
)
from klausel.terms import BoundComponent, BoundContract, BoundTerm, bind_contract
from klausel.texts import language_of, line_text

#: Dispositions that settle an entry with the contract that decided so, at no charge (semantics 3).
SETTLING = frozenset(("included", "warranty", "internal"))

OPENING = "opening"

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
) -> Result:
    """What is to be invoiced on ``as_of``: every unbilled due period, oldest first.

    ``customers`` limits the run to some (ids of any of their contacts). A customer with a problem
    is parked, the others are billed. Raises :class:`~klausel.problems.InternalError` where the
    two matchers disagree. Without ``record`` the result has no settlements: a preview needs none.
    ``group_by`` takes the place of what the policies say of grouping drafts.
    """
    wanted = None if customers is None else {book.root(customer) for customer in customers}
    parked: dict[str, list[Problem]] = defaultdict(list)
    before = billed_until(book)
    for found in book.problems:
        if found.severity == "error":
            parked[found.customer].append(found)
    contracts: dict[str, list[BoundContract]] = defaultdict(list)
    for contract in book.contracts:
        root = book.root(contract.customer)
        if root in parked or (wanted is not None and root not in wanted):
            continue
        bound = bind_contract(contract, book.policies, book.company, billed_until=before)
        if isinstance(bound, BoundContract):
            contracts[root].append(bound)
        else:
            parked[root] += bound
    entries = _by_customer(book, as_of, wanted)
    ledger = _by_contract(book.ledger)
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
                scopes, ledger, overrides, record, group_by,
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
        differences=tuple(found for run in runs for found in run.differences),
        problems=tuple(sorted(problems, key=lambda p: (p.where, p.code, p.message))),
        settlements=tuple(row for run in runs for row in run.settlements),
        decided=sum(scope.fresh for scope in scopes.values()),
    )


def billed_until(book: Book) -> dict[tuple[str, str], date]:
    """By contract and term, the last day that was billed before go-live (semantics 6)."""
    found: dict[tuple[str, str], date] = {}
    for opening in book.openings:
        if opening.billed_until is not None:
            key = (opening.contract, opening.term)
            found[key] = max(found.get(key, opening.billed_until), opening.billed_until)
    return found


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


class _Ledger(NamedTuple):
    """Live rows of one contract."""

    groups: dict[tuple[str, str, date], dict[str, int]]
    """(term, component, period) -> group -> highest sequence; with CLOSING the period is closed."""
    amounts: dict[tuple[str, str, date], dict[str, Decimal]]
    """(term, component, period) -> group -> amount billed, late lines included."""


def _by_contract(rows: Sequence[LedgerRow]) -> dict[str, list[LedgerRow]]:
    found: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in rows:
        if row.state == "live":
            found[row.key.contract].append(row)
    return found


def _index(rows: Sequence[LedgerRow]) -> _Ledger:
    known: dict[tuple[str, str, date], dict[str, int]] = defaultdict(dict)
    amounts: dict[tuple[str, str, date], dict[str, Decimal]] = defaultdict(dict)
    for row in rows:
        key = row.key
        place = (key.term, key.component, key.period)
        groups = known[place]
        groups[key.group] = max(groups.get(key.group, 0), key.sequence)
        if row.amount is not None:
            amounts[place][key.group] = amounts[place].get(key.group, Decimal(0)) + row.amount
    return _Ledger(known, amounts)


class _Decision(NamedTuple):
    """Which contract has an entry, by which rule."""

    contract: BoundContract
    rule: Rule
    settles: bool


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
    ) -> None:
        self._group_by = group_by
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
        self._by_hand = [
            (row, bound.money_digits)
            for bound in self._contracts
            for row in ledger.get(bound.contract.code, ())
            if row.invoiced is not None
        ]
        self._settled: dict[str, list[LedgerRow]] = defaultdict(list)
        for bound in self._contracts:
            for row in ledger.get(bound.contract.code, ()):
                if row.entry and not row.held:
                    self._settled[row.entry].append(row)
        self._tiers: dict[tuple[str, str], list[list[BoundContract]]] = {}
        self._taking: dict[tuple[str, str], list[BoundTerm]] = {}
        self._works: dict[str, list[Work]] = {bound.contract.code: [] for bound in self._contracts}
        self._decided: dict[str, _Decision] = {}
        self._parts: dict[str, list[Part]] = {}
        self._rules: dict[tuple[str, str], Rule] = {}
        self._windows: dict[tuple[str, date], Span] = {}
        self._last_rule = ""
        self._last_disposition = ""
        self.drafts: list[Draft] = []
        self.uncovered: list[Uncovered] = []
        self.held: list[Held] = []
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
        for entry in self._entries:
            yield EntryParts(entry.id, tuple(self._parts[entry.id]))

    # -- scope (semantics 3) -------------------------------------------------------------------

    def _scope(self, entry: Entry) -> None:
        """Finds the contract that has ``entry`` and hands its time on, or says why none has."""
        self._parts[entry.id] = []
        override = self._overrides.get(entry.id)
        if entry.billed_elsewhere and entry.id not in self._settled:
            self._add(entry, Part("billed_elsewhere", "", entry.seconds, entry.seconds))
            return
        settled = entry.id in self._settled
        if override is not None and override.disposition == "written_off" and not settled:
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
        reason = held_reason(entry)
        if reason and entry.id not in self._settled:
            self._hold(entry, code, rule, entry.seconds, None, reason)
            return
        if decision.settles:
            self._settle_free(entry, decision)
            return
        ticket, project, employee = self._around(entry)
        self._works[code].append(
            Work(
                entry,
                project.id,
                ticket.id,
                entry.activity or ticket.activity,
                employee.role,
                rule.disposition,
                rule.id,
                entry.seconds,
                entry.seconds,
            )
        )

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
                rule = self._rule(bound, entry, ticket, project, employee, override)
                self._last_rule = self._last_rule or rule.id
                self._last_disposition = self._last_disposition or rule.disposition
                if rule.disposition in SETTLING:
                    found.append(_Decision(bound, rule, True))
                elif any(
                    term.span.covers(entry.date) for term in self._terms(bound, rule.disposition)
                ):
                    found.append(_Decision(bound, rule, False))
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
    ) -> Rule:
        if override is not None:
            texts = {self._language: override.reason}
            return Rule(OVERRIDE, override.disposition, texts, _NO_WHERE)
        subject = Subject(entry, ticket, project, self._customer, employee, bound.contract)
        return self._scopes[bound.policy.name].decide(subject)

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
        if entry.id in self._settled:
            self._compare(entry, "", "", None)
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
        self, entry: Entry, code: str, rule: Rule, seconds: int, amount: Decimal | None, reason: str
    ) -> None:
        self._add(entry, Part(rule.disposition, rule.id, seconds, seconds, code, held=reason))
        self.held.append(Held(entry.id, self._root, code, seconds, amount, reason, rule.id))

    def _settle_free(self, entry: Entry, decision: _Decision) -> None:
        """Included, warranty, internal: no money; on record once its window is closed."""
        bound, rule, _ = decision
        code = bound.contract.code
        if entry.id in self._settled:
            self._compare(entry, code, rule.disposition, None)
            return
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

    def _compare(self, entry: Entry, code: str, disposition: str, taken: Taken | None) -> None:
        """The settled parts of ``entry`` stand; what would differ today is listed."""
        rows = self._settled[entry.id]
        for row in rows:
            self._add(
                entry,
                Part(
                    row.disposition,
                    row.rule,
                    row.seconds,
                    row.rounded,
                    row.key.contract,
                    row.key.term,
                    row.lot,
                    str(row.key) if row.key in self._lines else "",
                    settled=True,
                ),
            )
        was = {(row.key.contract, row.disposition, row.rate) for row in rows}
        now = {(code, disposition, taken.rate if taken is not None else None)}
        if rows[0].fingerprint != fingerprint(entry):
            before = sum(row.seconds for row in rows)
            self._differ(rows[0], "changed", _hours(before), _hours(entry.seconds))
        elif was != now:
            self._differ(rows[0], "terms", _said(was), _said(now))

    def _differ(self, row: LedgerRow, cause: str, was: str, now: str) -> None:
        self.differences.append(
            Difference(row.key.contract, str(row.key), row.entry, cause, was, now)  # type: ignore[arg-type]
        )

    def _vanished(self) -> None:
        """Settled entries that are no longer there."""
        for entry_id in sorted(self._settled.keys() - self._parts.keys(), key=natural):
            rows = self._settled[entry_id]
            self._differ(rows[0], "vanished", _hours(sum(row.seconds for row in rows)), "")

    def _edited(self) -> None:
        """Invoice lines that somebody changed by hand: they stay, and are shown."""
        for row, digits in self._by_hand:
            if row.amount is not None and row.invoiced is not None:
                was, now = (round_half_up(found, digits) for found in (row.amount, row.invoiced))
                if was != now:
                    self._differ(row, "edited", format(was, "f"), format(now, "f"))

    # -- allocation and charges (semantics 4, 5) -------------------------------------------------

    def _bill_contract(self, bound: BoundContract) -> list[Line]:
        works: Sequence[Work] = self._works[bound.contract.code]
        for adjust in adjustments.ORDER:
            works = adjust(works)
        taken: dict[tuple[str, str, date], list[Taken]] = defaultdict(list)
        for work in works:
            self._allocate(bound, work, taken)
        lines: list[tuple[tuple[date, int, int, int], Line]] = []
        for term in bound.terms:
            for number, component in enumerate(term.components):
                lines += [
                    ((line.first, term.number, number, position), line)
                    for position, line in enumerate(self._component(bound, term, component, taken))
                ]
        self._open(bound, taken)
        return [line for _, line in sorted(lines, key=lambda pair: pair[0])]

    def _allocate(
        self,
        bound: BoundContract,
        work: Work,
        taken: dict[tuple[str, str, date], list[Taken]],
    ) -> None:
        """Offers ``work`` to the terms that take its disposition, by priority."""
        entry = work.entry
        rest = work
        for term in self._terms(bound, work.disposition):
            if not term.span.covers(entry.date):
                continue
            before = term.billed_until is not None and entry.date <= term.billed_until
            if before and entry.id not in self._settled:
                part = Part("billed_elsewhere", OPENING, rest.seconds, rest.rounded)
                self._add(entry, part._replace(contract=bound.contract.code, term=term.term.id))
                return
            for component in term.components:
                if not component.takes_time:
                    continue
                found = component.bound.take(rest)
                if found is None:
                    continue
                if entry.id in self._settled:
                    self._compare(entry, bound.contract.code, work.disposition, found)
                    return
                taken[term.term.id, component.id, found.period.first].append(found)
                if found.rounded == rest.rounded:
                    return
                rest = rest._replace(
                    seconds=rest.seconds - found.seconds, rounded=rest.rounded - found.rounded
                )
        if entry.id in self._settled:
            self._compare(entry, bound.contract.code, work.disposition, None)
            return
        rule = self._rules[bound.contract.code, work.rule]
        self._hold(entry, bound.contract.code, rule, rest.seconds, None, "no_term")

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
            groups = ledger.groups.get(place, {})
            closed = CLOSING in groups
            if closed and not mine:
                self._compare_amounts(bound, term, component, period, due)
                continue
            on_lines: set[int] = set()
            for charge in component.bound.charges(period, due, mine):
                on_lines.update(map(id, charge.taken))
                if charge.group in groups and not charge.taken:
                    continue  # of a period that was opened again in part
                # Late lines never take the place of the regular one, even where there was none.
                sequence = groups.get(charge.group, 0 if closed else -1) + 1
                key = LedgerKey(code, *place, charge.group, sequence)
                yield self._line(bound, term, component, charge, key)
            for part in mine:
                if id(part) not in on_lines:
                    self._record(bound, part, LedgerKey(code, *place, part.group), "")
            if not closed:
                self._settle(bound, LedgerKey(code, *place, CLOSING))

    def _compare_amounts(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        period: Period,
        due: date,
    ) -> None:
        """A settled period of a component without time: does it still come out the same?"""
        if component.takes_time:
            return
        place = (term.term.id, component.id, period.first)
        billed = self._ledger[bound.contract.code].amounts.get(place, {})
        today = {
            charge.group: line_amount(charge.quantity, charge.unit_price, term.term.discount)
            for charge in component.bound.charges(period, due, ())
        }
        was, now = sum(billed.values(), Decimal(0)), sum(today.values(), Decimal(0))
        if was != now:
            digits = bound.money_digits
            row = LedgerRow(LedgerKey(bound.contract.code, *place, ""))
            texts = (format(round_half_up(amount, digits), "f") for amount in (was, now))
            self._differ(row, "amount", *texts)

    def _line(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
        key: LedgerKey,
    ) -> Line:
        discount = term.term.discount
        exact = line_amount(charge.quantity, charge.unit_price, discount)
        title = text_in(term.plan.title, self._language, term.plan.name)
        label = charge.label._replace(
            details=tuple(self._named(kind, value) for kind, value in charge.label.details)
        )
        text_key = str(key)
        line = Line(
            key=key,
            first=charge.label.first,
            last=charge.label.last,
            description=line_text(title, label, self._language, key.sequence > 0),
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
        )
        self._settle(
            bound,
            key,
            seconds=sum(part.seconds for part in charge.taken),
            rounded=sum(part.rounded for part in charge.taken),
            rate=charge.unit_price,
            amount=exact,
        )
        for part in charge.taken:
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
        self._add(
            work.entry,
            Part(
                work.disposition,
                work.rule,
                part.seconds,
                part.rounded,
                bound.contract.code,
                key.term,
                part.lot,
                line,
            ),
        )
        self._settle(
            bound,
            key,
            work.entry,
            seconds=part.seconds,
            rounded=part.rounded,
            disposition=work.disposition,
            rule=work.rule,
            rate=part.rate,
            lot=part.lot,
        )

    def _open(self, bound: BoundContract, taken: dict[tuple[str, str, date], list[Taken]]) -> None:
        """Time of periods that are not over yet: shown with the day on which it is due."""
        for (term, _, _), parts in taken.items():
            for part in parts:
                work = part.work
                self._add(
                    work.entry,
                    Part(
                        work.disposition,
                        work.rule,
                        part.seconds,
                        part.rounded,
                        bound.contract.code,
                        term,
                        part.lot,
                        due=date.fromordinal(part.period.last.toordinal() + 1),
                    ),
                )

    def _because(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        charge: Charge,
    ) -> tuple[Because, ...]:
        plan = term.plan
        rules = dict.fromkeys(part.work.rule for part in charge.taken)
        reasons = [
            Because(rule.id, rule.clause, rule.where, text_in(rule.because, self._language))
            for rule in (self._rules[bound.contract.code, id_] for id_ in rules)
        ]
        if not reasons:
            text = text_in(plan.because, self._language) or text_in(plan.title, self._language)
            where = component.plan_component.where
            reasons = [Because(f"{plan.name}.{component.id}", plan.clause, where, text)]
        return tuple(reasons)

    # -- drafts ----------------------------------------------------------------------------------

    def _group(self, lines: Sequence[tuple[BoundContract, Line]]) -> list[Draft]:
        """Lines to drafts, per contract or per customer as the policy says."""
        groups: dict[tuple[str, str], list[tuple[BoundContract, Line]]] = {}
        for bound, line in lines:
            single = (self._group_by or bound.policy.group_by) == "contract"
            key = (bound.contract.code if single else "", bound.contract.currency)
            groups.setdefault(key, []).append((bound, line))
        drafts = []
        method = self._book.company.rounding_method
        for (code, currency), members in groups.items():
            digits = members[0][0].money_digits
            some = [line for _, line in members]
            if not code:
                codes = {bound.contract.code for bound, _ in members}
                code = codes.pop() if len(codes) == 1 else ""
            amount = total((line.exact for line in some), method, digits)
            drafts.append(
                Draft(
                    key=str(some[0].key),
                    customer=self._root,
                    contract=code,
                    kind="credit_note" if amount < 0 else "invoice",
                    currency=currency,
                    digits=digits,
                    total=abs(amount),
                    lines=tuple(_turned(line) for line in some) if amount < 0 else tuple(some),
                )
            )
        return drafts


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
