"""What one run knows and finds of one customer."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from klausel.adjustments.threshold import Budgets
from klausel.approvals import LIMIT, OVER_BUDGET
from klausel.charges.base import DRAW, ONE, Label, Taken, Work
from klausel.charges.fee import REFUND
from klausel.clerk import Item, OnRecord
from klausel.model import (
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
    made,
    natural,
)
from klausel.model import Item as ChargedItem
from klausel.money import (
    hours_exact,
    round_half_up,
    shortest,
)
from klausel.period import ONE_DAY, Period, Span, intersect, period_of
from klausel.policy.facts import Subject, ticket_seconds
from klausel.policy.ir import GroupBy, Rule, Scope, Seen
from klausel.problems import Problem, Where
from klausel.record import HeldBefore, Reopened, Settled, on_record
from klausel.result import (
    Balance,
    Because,
    Difference,
    Draft,
    Held,
    Notice,
    Part,
    Reporting,
    Uncovered,
)
from klausel.terms import BoundContract, BoundTerm
from klausel.texts import language_of
from klausel.verdicts import JudgingGate

#: Dispositions that settle an entry with the contract that decided so, at no charge (semantics 3).
SETTLING = frozenset(("included", "warranty", "internal"))

OPENING = "opening"

#: Component names of rows that belong to no component of a plan.
ITEM = "item"
HELD = "held"
NOTICE = "notice"

_NO_TICKET = Ticket("")
_NO_PROJECT = Project("")
_NO_EMPLOYEE = Employee("")
NO_WHERE = Where("")


class Parked(Exception):
    """This customer cannot be billed: ``problems`` say why."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)


def _notice(rule: str, period: str, percent: int) -> str:
    """The group under which a notice goes on record."""
    return f"{rule}/{period}/{percent}"


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
            *(() if entry.billable else ("not billable",)),
        )
    )
    return hashlib.blake2b(facts.encode(), digest_size=8).hexdigest()


class Others(NamedTuple):
    """What belongs to contracts beside their terms, by contract."""

    approvals: dict[str, list[Approval]]
    items: dict[str, list[ChargedItem]]
    released: dict[str, set[str]]
    """Entries that were billed and are open again."""
    reopened: dict[str, Reopened]
    """By entry: what of it is open again beside parts that are on record."""
    unbilled: dict[str, set[tuple[str, str, date]]]
    """(term, component, period) of lines that were deleted or cancelled and not billed since."""


class Ledger(NamedTuple):
    """Live rows of one contract."""

    groups: dict[tuple[str, str, date], dict[str, int]]
    """(term, component, period) -> group -> highest sequence; with CLOSING the period is closed."""
    amounts: dict[tuple[str, str, date], dict[str, Decimal]]
    """(term, component, period) -> group -> amount billed, late lines included."""
    last: dict[tuple[str, str, date], date]
    """(term, component, period) -> last day that its lines cover."""
    lines: dict[tuple[str, str], list[LedgerRow]]
    """(term, component) -> rows of its lines."""


def index(rows: Sequence[LedgerRow]) -> Ledger:
    known: dict[tuple[str, str, date], dict[str, int]] = defaultdict(dict)
    amounts: dict[tuple[str, str, date], dict[str, Decimal]] = defaultdict(dict)
    last: dict[tuple[str, str, date], date] = {}
    lines: dict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
    without_money: list[LedgerRow] = []
    for row in rows:
        key = row.key
        place = (key.term, key.component, key.period)
        groups = known[place]
        groups[key.group] = max(groups.get(key.group, 0), key.sequence)
        if row.amount is None and key.term and key.group and not row.entry:
            lines[key.term, key.component].append(row)  # hours without money
            without_money.append(row)
        if row.amount is not None:
            amounts[place][key.group] = amounts[place].get(key.group, Decimal(0)) + row.amount
            lines[key.term, key.component].append(row)
            if row.last is not None and not key.group.startswith(REFUND):
                last[place] = max(last.get(place, row.last), row.last)
    for row in without_money:
        key = row.key
        if key.group not in amounts.get((key.term, key.component, key.period), ()):
            lines[key.term, key.component].remove(row)  # its line is open again
    return Ledger(known, amounts, last, lines)


class Around(NamedTuple):
    """What is around an entry; stand-ins for what it does not name."""

    ticket: Ticket
    project: Project
    employee: Employee


class Decision(NamedTuple):
    """Which contract has an entry, by which rule."""

    contract: BoundContract
    rule: Rule
    settles: bool
    seen: Seen
    """What the contract's policy sees of it."""
    around: Around


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


def ident(code: str, term: str, component: str, part: Taken) -> Ident:
    key = LedgerKey(code, term, component, part.period.first, part.group or DRAW)
    disposition = part.disposition or part.work.disposition
    bare = Ident(key, disposition, part.rate, part.lot, part.counted)
    return bare.holding(part.seconds, part.rounded, part.drawn, part.work.rule)


def corrected(label: Label) -> Label:
    return label._replace(details=(*label.details, ("phrase", "correction")))


def batches(bound: BoundContract, parts: Sequence[Taken]) -> list[tuple[date | None, list[Taken]]]:
    """Regular parts together (none is a batch, too), late ones by the day they count behind."""
    regular: list[Taken] = []
    late: dict[date, list[Taken]] = {}
    for part in parts:
        if part.counted is None or part.counted < part.period.last:
            regular.append(part)
        else:
            late.setdefault(_busy(bound, part.counted), []).append(part)
    return [(None, regular), *sorted(late.items())]


def _busy(bound: BoundContract, day: date) -> date:
    """The last day up to ``day`` on which a term takes time: all days behind it are one place."""
    ends = []
    for term in bound.terms:
        if any(component.takes_time for component in term.components):
            if term.span.covers(day):
                return day
            if term.span.last is not None and term.span.last < day:
                ends.append(term.span.last)
    return max(ends, default=day)


def gone(id_: str, day: date) -> Entry:
    """Stands for an entry that is on record and no longer there."""
    return Entry(id_, day, "", "", "", "", 0, "", "", (), True, "", "")


def has_moved(entry: Entry, settled: Settled, waiting: Iterable[HeldBefore]) -> bool:
    """Whether ``entry`` stands on something else than when it was settled."""
    if settled.fingerprint == fingerprint(entry):
        return False
    if settled.booked:
        return settled.booked != entry.booked
    # On record before what an entry stands on was kept: were only the hours corrected?
    worked = sum(part.seconds for part in settled.parts) + sum(rest.seconds for rest in waiting)
    return settled.fingerprint != fingerprint(entry._replace(seconds=worked))


def hours(seconds: int) -> str:
    return f"{shortest(round_half_up(hours_exact(seconds), 4))} h"


def said(decisions: set[tuple[str, str, Decimal | None]]) -> str:
    texts = []
    for contract, disposition, rate in sorted(decisions, key=str):
        price = f" at {shortest(rate)}" if rate is not None else ""
        texts.append(f"{disposition or 'uncovered'} {contract}{price}".strip())
    return ", ".join(texts)


def _apart(window: Span, bound: BoundContract, day: date) -> Span:
    """``window`` around ``day`` without days on which other terms take time."""
    first, last = window
    for term in bound.terms:
        if term.span.covers(day) or not any(found.takes_time for found in term.components):
            continue
        if term.span.first > day:
            before = term.span.first - ONE_DAY
            last = before if last is None else min(last, before)
        elif term.span.last is not None:
            first = max(first, term.span.last + ONE_DAY)
    return window if (first, last) == window else Span(first, last)


def _window_of(bound: BoundContract, day: date) -> Span:
    periods = [
        period
        for term in bound.terms
        if term.span.covers(day)
        for component in term.components
        if (period := component.bound.period(day)) is not None
    ]
    if periods:  # all of them have the day
        first, last, *_ = periods[0]
        for period in periods[1:]:
            first, last = max(first, period.first), min(last, period.last)
        return made(Span, (first, last))
    month = period_of(day, Span(date.min, None), 1, "calendar", bound.contract.start)
    whole = Span(month.first, month.last)
    # What is on record may be of a day that is the contract's no more.
    return intersect(whole, bound.contract.span) or whole


def _is_whole(bound: BoundContract, window: Span) -> bool:
    """Whether ``window`` of one day is that of each of its days: no term begins or ends inside."""
    first, last = window
    if last is None:
        return False
    for term in bound.terms:
        begin, end = term.span
        if term.billed_until is not None or first < begin <= last:
            return False
        if end is not None and first <= end < last:
            return False
    return True


class State:
    """One customer in one run: facts in, findings out. Everything here is made new for each run."""

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
        others: Others,
        adjust: bool,
        away: Mapping[str, str],
        to_resell: Mapping[LedgerKey, int],
    ) -> None:
        self._adjust = adjust
        self.sweeps = adjust
        """Takes back what waits on record and waits no more."""
        self._to_resell = to_resell
        """By line on record: seconds that its hours are corrected to, as far as known."""
        self.resold: dict[LedgerKey, int] = {}
        """The same as this run finds it."""
        self._away = away
        """By entry that is settled here and was moved to another customer: that one's name."""
        self.taken_back: set[str] = set()
        """Entries of nobody here that an adjustment took back as a whole."""
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
        self._worked: Mapping[str, int] = {}
        """By entry, the seconds of its ticket up to and with it, where a policy asks for them."""
        if any(scopes[bound.policy.name].counts_tickets for bound in contracts):
            self._worked = ticket_seconds(entries)
        self._with_roles = {one.id for one in book.employees.values() if one.later}
        """Employees whose role changed."""
        self._set_aside: dict[str, Override] = {}
        """Entries that no policy decided about, marked as not to be billed."""
        self._some_ask_billable = any(bound.policy.asks_billable for bound in contracts)
        self._overrides = overrides
        self._customer = book.customers.get(root, Customer(root))
        self._language = language_of(self._customer.language, *book.company.languages)
        own = (self._customer.country, self._customer.region)
        self._home = own if own[0] else (book.company.country, book.company.region)
        self._ledger = {
            bound.contract.code: index(ledger.get(bound.contract.code, ()))
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
        self._untouched = not (self._settled or self._held_before)
        """Nothing is on record."""
        self._by_hand = [
            (row, bound.money_digits)
            for bound in self._contracts
            for row in ledger.get(bound.contract.code, ())
            if row.invoiced is not None
        ]
        self._surroundings: dict[tuple[str, str, str, date | None], Around] = {}
        self._tiers: dict[tuple[str, str, str, str], list[list[BoundContract]]] = {}
        narrow = any(
            bound.contract.covers.kind != "customer" or bound.contract.customer != root
            for bound in self._contracts
        )
        self._all_alike = [] if narrow or not self._contracts else [self._contracts]
        """The contracts, where all of them cover the whole customer."""
        self._taking: dict[tuple[str, str], list[BoundTerm]] = {}
        self._works: dict[str, list[Work]] = {bound.contract.code: [] for bound in self._contracts}
        self._decided: dict[str, Decision] = {}
        self._parts: dict[str, list[Part]] = {}
        self._redone: dict[str, set[str]] = defaultdict(set)
        """By contract: entries on record that are done again with today's facts."""
        self._wait_on_record: set[tuple[str, str]] = set()
        """Contract and entry: what waits on record is neither looked at nor taken back."""
        self._stays: set[str] = set()
        """Entries on record that an adjustment leaves as they are."""
        self._coming: dict[str, str] | None = None
        self._held_sequences: dict[tuple[str, str], int] = {}
        """By contract and entry: the highest number of what waits or waited."""
        for row in rows:
            if row.held:
                place = (row.key.contract, row.entry)
                last = self._held_sequences.get(place, -1)
                self._held_sequences[place] = max(last, row.key.sequence)
        self._closed_until: dict[str, date] = {}
        self._places: dict[int, tuple[str, int]] = {}
        """By number on record: the entry, and which of its parts it is."""
        self._single: dict[str, set[tuple[str, str, date, str]]] = defaultdict(set)
        """By contract: term, component, period and group of lines that are made once."""
        self._due: dict[str, set[date]] = defaultdict(set)
        self._was_due: dict[str, set[date]] = defaultdict(set)
        """By contract: days on which lines of this run are due, and on which recorded ones were."""
        self._taken_places = {(row.key, row.entry, row.lot) for row in rows if row.entry}
        """What no two live rows may have in common."""
        self._due_again: dict[str, set[date]] = defaultdict(set)
        """By contract: those of this run's lines that take the place of released ones."""
        self._entry_sequences: dict[tuple[LedgerKey, str, str], int] = {}
        self._line_numbers: dict[tuple[LedgerKey, str, str], int] = {}
        """By group, entry and lot: the number of this run's line that bills it, done again."""
        self._rows_of: dict[str, list[LedgerRow]] = defaultdict(list)
        if adjust:
            for row in rows:
                self._rows_of[row.entry].append(row)
        self._rules: dict[tuple[str, str], Rule] = {}
        self._reasons: dict[tuple[str, ...], tuple[Because, ...]] = {}
        """By contract, term, component and rules."""
        self._windows: dict[tuple[str, date], Span] = {}
        self._last_windows: dict[str, Span] = {}
        """By contract: the last window that is the same for all of its days."""
        self._month_windows: dict[tuple[str, int, int], Span] = {}
        """By contract and month: the last such window that begins in it."""
        self._items: dict[str, list[Item]] = {bound.contract.code: [] for bound in self._contracts}
        self._gates: dict[str, tuple[JudgingGate, Budgets]] = {}
        """By contract: approvals and budgets as they stand when its time is done."""
        self._last_rule = ""
        self._last_disposition = ""
        self.drafts: list[Draft] = []
        self.uncovered: list[Uncovered] = []
        self.held: list[Held] = []
        self.notices: list[Notice] = []
        self.standing: list[Notice] = []
        self.balances: list[Balance] = []
        self.differences: list[Difference] = []
        self.settlements: list[LedgerRow] = []
        self.reporting: dict[str, Reporting] = {}

    def _work(self, entry: Entry, decision: Decision) -> Work:
        bound, rule, _, seen, (ticket, project, employee) = decision
        price, hours, surcharges = seen.factors if bound.policy.surcharges else (ONE, ONE, ())
        return Work(
            entry,
            project.id,
            ticket.id,
            entry.activity or ticket.activity,
            employee.role,
            rule.disposition,
            rule.id,
            entry.seconds,
            entry.seconds,
            price,
            hours,
            surcharges,
        )

    def _around(self, entry: Entry) -> Around:
        day = entry.date if entry.employee in self._with_roles else None
        key = (entry.ticket, entry.project, entry.employee, day)
        found = self._surroundings.get(key)
        if found is None:
            ticket = self._book.tickets.get(entry.ticket, _NO_TICKET)
            project = self._book.projects.get(entry.project or ticket.project, _NO_PROJECT)
            employee = self._book.employees.get(entry.employee, _NO_EMPLOYEE)
            if day is not None:
                employee = replace(employee, role=employee.on(day))
            found = self._surroundings[key] = Around(ticket, project, employee)
        return found

    def _subject(self, bound: BoundContract, entry: Entry, around: Around) -> Subject:
        ticket, project, employee = around
        country, region = self._home
        return Subject(
            entry, ticket, project, self._customer, employee, bound.contract, country, region,
            self._worked.get(entry.id, 0),
        )  # fmt: skip

    def _see(self, bound: BoundContract, entry: Entry, around: Around) -> Seen:
        """What the policy of ``bound`` sees of ``entry``."""
        return self._scopes[bound.policy.name].see(self._subject(bound, entry, around))

    def _terms(self, bound: BoundContract, disposition: str) -> list[BoundTerm]:
        key = (bound.contract.code, disposition)
        found = self._taking.get(key)
        if found is None:
            found = self._taking[key] = bound.taking(disposition)
        return found

    def _add(self, entry: Entry, part: Part) -> None:
        self._parts[entry.id].append(part)

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
        reason = LIMIT if reason == OVER_BUDGET else reason
        self._add(entry, Part(rule.disposition, rule.id, seconds, rounded, code, held=reason))
        self.held.append(Held(entry.id, self._root, code, rounded, amount, reason, rule.id))

    def _settle(
        self, bound: BoundContract, key: LedgerKey, entry: Entry | None = None, **facts: Any
    ) -> None:
        """Puts a row on record, where this run is one that goes on record: with ``key`` or, where
        the entry has that already (a rest of it was freed later, or it was taken back and is here
        again), with the next number."""
        if self._on_record:
            if entry is not None:
                place = (key, entry.id, facts.get("lot", ""))
                while place in self._taken_places:
                    key = key._replace(sequence=key.sequence + 1)
                    place = (key, *place[1:])
                self._taken_places.add(place)
            self.settlements.append(
                LedgerRow(
                    key,
                    entry.id if entry is not None else "",
                    fingerprint=fingerprint(entry) if entry is not None else "",
                    booked=entry.booked if entry is not None else "",
                    policy=bound.policy.stamp,
                    role=self._around(entry).employee.role if entry is not None else "",
                    customer=bound.contract.customer,
                    currency=bound.contract.currency,
                    **facts,
                )
            )

    def _waits_no_more(self, entry_id: str, facts: str, rests: Iterable[HeldBefore]) -> None:
        """Takes what waits on record back: it is not there any more, or waits elsewhere."""
        policies = {bound.contract.code: bound.policy.stamp for bound in self._contracts}
        for rest in rests:
            place = (rest.contract, entry_id)
            self._wait_on_record.add(place)
            if not self._on_record or rest.contract not in policies:
                continue
            number = self._held_sequences[place] = self._held_sequences[place] + 1
            self.settlements.append(
                LedgerRow(
                    rest.key._replace(sequence=number), entry_id, -rest.seconds, -rest.rounded,
                    rest.disposition, rest.rule, held=rest.reason, fingerprint=facts,
                    policy=policies[rest.contract], counted=rest.counted, last=rest.since,
                )
            )  # fmt: skip

    def _without_a_term(self, bound: BoundContract, parts: Sequence[OnRecord]) -> list[OnRecord]:
        """Parts that are billed by a term or component that is not there any more: nothing says
        on what terms their money would go back."""
        known = {(term.term.id, one.id) for term in bound.terms for one in term.components}
        return [
            part
            for part in parts
            if part.rate is not None and (part.key.term, part.key.component) not in known
        ]

    def _is_to_come(self, entry_id: str) -> bool:
        """Whether an entry that is on record is of a day after this run, and as it was."""
        if self._coming is None:
            book = self._book.entries
            self._coming = {e.id: fingerprint(e) for e in book if e.date > self._as_of}
        facts = self._coming.get(entry_id)
        settled = self._settled.get(entry_id)
        known = [settled.fingerprint] if settled is not None else []
        known += [rest.fingerprint for rest in self._held_before.get(entry_id, ())]
        return facts is not None and facts in known

    def _put_held(
        self,
        bound: BoundContract,
        item: Item,
        what: tuple[str, date | None, date | None],
        seconds: int,
        rounded: int,
        rest: HeldBefore | None,
    ) -> None:
        """Puts time on record that waits for what ``what`` says, and where; in place of
        ``rest``."""
        reason, counted, since = what
        entry = item.work.entry
        place = (bound.contract.code, entry.id)
        sequence = self._held_sequences[place] = self._held_sequences.get(place, -1) + 1
        first = self._window(bound, entry.date).first
        if rest is not None:
            seconds, rounded = seconds - rest.seconds, rounded - rest.rounded
        self._settle(
            bound,
            LedgerKey(bound.contract.code, "", HELD, first, "held", sequence),
            entry,
            seconds=seconds,
            rounded=rounded,
            disposition=item.work.disposition,
            rule=item.work.rule,
            held=reason,
            counted=counted,
            last=since,
        )

    def _window(self, bound: BoundContract, day: date) -> Span:
        """The closing window of ``day``: inside one period of every term that takes time."""
        code = bound.contract.code
        last = self._last_windows.get(code)
        if last is not None and last[0] <= day <= last[1]:  # type: ignore[operator]
            return last  # entries come in the order of days
        month = (code, day.year, day.month)
        found = self._month_windows.get(month)
        if found is not None and found[0] <= day <= found[1]:  # type: ignore[operator]
            self._last_windows[code] = found
            return found
        key = (code, day)
        found = self._windows.get(key)
        if found is None:
            found = _apart(_window_of(bound, day), bound, day)
            if _is_whole(bound, found):
                self._last_windows[code] = self._month_windows[month] = found
            else:
                self._windows[key] = found
        return found

    def _closes(self, bound: BoundContract, day: date, period: Period, billed: bool) -> date | None:
        """Last day of the window that decides time of ``day`` in ``period``; of the whole period
        for what is billed by it, or falls into it on another day."""
        if billed or not period[0] <= day <= period[1]:
            return period[1]
        window = self._last_windows.get(bound.contract.code)
        if window is None or not window[0] <= day <= window[1]:  # type: ignore[operator]
            window = self._window(bound, day)
        return window[1]

    def _show(
        self,
        bound: BoundContract,
        parts: Iterable[Taken],
        term: str,
        component: str,
        line: str,
        again: bool = False,
        open_: bool = False,
    ) -> None:
        """Shows what became of the unsettled ones of ``parts``; ``again`` where they are on record
        and done again, ``open_`` where their periods are not over yet."""
        code, all_parts = bound.contract.code, self._parts
        closes = due = None
        # By position: there are hundreds of thousands of them.
        for (
            work, seconds, rounded, period, _, rate, lot, drawn, counted, disposition, settled,
            after, turn, _,
        ) in parts:  # fmt: skip
            if settled and not again:
                continue
            entry = work[0]
            if not line and not again:
                closes = self._closes(bound, entry[1], period, rate is not None)
            if open_:
                due = period[1] + ONE_DAY
            facts = (
                disposition or work[5], work[6], seconds, rounded, code, term, lot, line, "", "",
                due, False, component, drawn, after, turn,
                counted is not None and period[1] <= counted, closes,
            )  # fmt: skip
            all_parts[entry[0]].append(made(Part, facts))

    def _record(self, bound: BoundContract, part: Taken, key: LedgerKey, line: str) -> None:
        """A part that this run bills (or settles at zero): shown, and put on record."""
        self._show(bound, (part,), key.term, key.component, line)
        if self._on_record:
            self._put_on_record(bound, part, key)

    def _put_on_record(self, bound: BoundContract, part: Taken, key: LedgerKey) -> None:
        """Puts a part on record."""
        work = part.work
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

    def _notice(
        self, bound: BoundContract, rule: str, period: str, percent: int, on: date, text: str
    ) -> None:
        """One notice once ever."""
        if self._is_noticed(bound, rule, period, percent):
            return
        code = bound.contract.code
        key = LedgerKey(code, "", NOTICE, bound.contract.start, _notice(rule, period, percent))
        self.notices.append(Notice(code, rule, period, percent, on, text))
        self._settle(bound, key)

    def _is_noticed(self, bound: BoundContract, rule: str, period: str, percent: int) -> bool:
        """Whether a notice is on record."""
        place = ("", NOTICE, bound.contract.start)
        groups = self._ledger[bound.contract.code].groups.get(place, {})
        return _notice(rule, period, percent) in groups

    def _differ(self, key: LedgerKey, entry: str, cause: str, was: str, now: str) -> None:
        self.differences.append(
            Difference(key.contract, str(key), entry, cause, was, now)  # type: ignore[arg-type]
        )
