"""Why an entry or a line came out as it did: a run's trace beside its result (semantics 15).

Values only; :mod:`klausel.formats.explain` says them in a language.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from typing import Literal, NamedTuple

from klausel.charges.block import LEFTOVER, is_top_up
from klausel.charges.fee import REFUND
from klausel.charges.pool import CREDIT, SETTLE
from klausel.charges.stock import BEYOND, HOURS
from klausel.charges.time import TimeShape
from klausel.currency import digits
from klausel.customer.state import ITEM
from klausel.model import (
    Book,
    Customer,
    Entry,
    LedgerRow,
    Opening,
    Project,
    Ticket,
    in_order,
    natural,
)
from klausel.policy.ir import Plan, PlanComponent, Policy, Rule, Texts
from klausel.problems import Where
from klausel.result import Balance, Because, Difference, Draft, Line, Part, Result
from klausel.trace import ContractAsked, Trace


class PartExplained(NamedTuple):
    """A part of an entry, and where it stands."""

    part: Part
    plan: Plan | None
    line: Line | None
    """Of this run."""
    draft: Draft | None
    document: str
    """What a part on record stands on: the ERP's document, or in a book the draft's key."""
    policy: str
    """The policy that decided a part on record, where that is not today's."""
    counts: bool
    """Its lot counts requests, not hours."""


class EntryExplained(NamedTuple):
    """One entry with everything that was decided about it."""

    entry: Entry
    who: str
    project: str
    ticket: str
    activity: str
    customer: str
    """Name of the commercial customer."""
    trace: Trace
    parts: tuple[PartExplained, ...]
    balances: tuple[Balance, ...]
    """Lots of the contract that has it, where a part of it waits for hours."""
    openings: tuple[Opening, ...]
    """Of the contract that has it, where a part was billed before go-live."""
    differences: tuple[Difference, ...]
    currency: str
    """Of the contract that has it, with its decimals."""
    digits: int
    as_of: date

    @property
    def has_it(self) -> ContractAsked | None:
        """The contract that has the entry."""
        return next((found for found in self.trace.contracts if found.has_it), None)


WhyDue = Literal[
    "advance", "arrears", "bought", "top_up", "ended", "accepted", "item", "correction"
]


class Reason(NamedTuple):
    """Why a line is there: the rule or plan, its place, the admin's sentence in every language."""

    rule: str
    clause: str
    where: Where
    texts: Texts
    text: str
    """In the customer's language, where there are no texts (an item, a decision by hand)."""


class LineExplained(NamedTuple):
    """One line of a draft, or one on record."""

    key: str
    line: Line | None
    """None for one on record."""
    draft: Draft | None
    row: LedgerRow | None
    """Of one on record."""
    contract: str
    term: str
    customer: str
    """Name."""
    currency: str
    digits: int
    plan: Plan | None
    component: PlanComponent | None
    first: date
    last: date | None
    why_due: WhyDue
    every: int
    """Months of a period; 0 where there is none."""
    lead_days: int
    entries: tuple[tuple[Entry, int, int, str], ...]
    """With seconds worked and billed, and the rule that decided."""
    because: tuple[Reason, ...]
    before: str
    """Of a late line: the document that the period was billed on, where there is one."""
    reverses: str
    """Key of the line that it gives back or corrects."""
    reverses_document: str
    as_of: date

    @property
    def late(self) -> bool:
        """Of a period that an earlier run had settled."""
        if self.line is not None:
            return self.line.late
        return self.row is not None and self.row.key.sequence > 0


class Explainer:
    """Explains what is in ``result``; looks everything up once."""

    def __init__(self, result: Result) -> None:
        self._result = result
        book = self._book = result.book
        self._contracts = {contract.code: contract for contract in book.contracts}
        self._lines = {
            str(line.key): (line, draft) for draft in result.drafts for line in draft.lines
        }
        self._recorded: dict[str, LedgerRow] = {}
        """Rows of lines by their keys; a released one only where nobody has billed it again."""
        self._rows: dict[str, list[LedgerRow]] = defaultdict(list)
        """Live rows of entries."""
        for row in book.ledger:
            if row.entry:
                if row.state == "live":
                    self._rows[row.entry].append(row)
            elif row.amount is not None:
                key = str(row.key)
                if row.state == "live" or key not in self._recorded:
                    self._recorded[key] = row

    @cached_property
    def _entries(self) -> dict[str, Entry]:
        return {entry.id: entry for entry in self._book.entries}

    @cached_property
    def _parts(self) -> dict[str, tuple[Part, ...]]:
        return dict(self._result.entries)

    @property
    def line_keys(self) -> list[str]:
        """Keys of all lines that can be asked about."""
        return sorted({*self._lines, *self._recorded}, key=natural)

    def _document(self, key: str) -> str:
        """What the line ``key`` on record stands on."""
        row = self._recorded.get(key)
        return row.document if row is not None and row.state == "live" else ""

    # -- an entry ----------------------------------------------------------------------------------

    def entry(self, id_: str) -> EntryExplained:
        """The entry ``id_``, which the result has a trace of, with what became of it."""
        result, book = self._result, self._book
        entry, trace, parts = self._entries[id_], result.traces[id_], self._parts[id_]
        ticket = book.tickets.get(entry.ticket, Ticket(""))
        project = book.projects.get(entry.project or ticket.project, Project(""))
        employee = book.employees.get(entry.employee)
        codes = {part.contract for part in parts} | {
            found.contract for found in trace.contracts if found.has_it
        }
        currencies = [found.currency for found in book.contracts if found.code in codes]
        currency = currencies[0] if currencies else book.company.currency
        return EntryExplained(
            entry,
            (employee.name or employee.id) if employee is not None else entry.employee,
            project.name or project.id,
            ticket.title or ticket.id,
            entry.activity or ticket.activity,
            book.customers.get(trace.customer, Customer("")).name or trace.customer,
            trace,
            tuple(self._part(entry, part) for part in parts),
            tuple(found for found in result.balances if found.contract in codes),
            tuple(found for found in book.openings if found.contract in codes),
            tuple(found for found in result.differences if found.entry == id_),
            currency,
            digits(book.company, currency),
            result.as_of,
        )

    def _part(self, entry: Entry, part: Part) -> PartExplained:
        plan, component = self._component(part.contract, part.term, part.component)
        line, draft = self._lines.get(part.line, (None, None))
        document = stamp = ""
        if part.settled:
            document = self._document(part.line) if line is None else ""
            mine = [
                row.policy
                for row in self._rows[entry.id]
                if (row.key.contract, row.rule, row.held) == (part.contract, part.rule, "")
            ]
            policy = self._policy(part.contract)
            today = policy.stamp if policy is not None else ""
            stamp = mine[0] if mine and mine[0] != today else ""
        counts = component is not None and component.kind == "quota"
        return PartExplained(part, plan, line, draft, document, stamp, counts)

    # -- a line ------------------------------------------------------------------------------------

    def line(self, key: str) -> LineExplained | None:
        """The line ``key`` of a draft, else one on record; None where there is none."""
        if key in self._lines:
            return self._of_draft(*self._lines[key])
        return self._of_record(self._recorded[key]) if key in self._recorded else None

    def bare(self, line: Line, draft: Draft) -> LineExplained:
        """``line`` of ``draft`` without its entries: quick where there are many lines."""
        return self._of_draft(line._replace(entries=()), draft)

    def _of_draft(self, line: Line, draft: Draft) -> LineExplained:
        book, place = self._book, line.key
        plan, component = self._component(place.contract, place.term, place.component)
        reverses = str(line.reverses) if line.reverses is not None else ""
        why: WhyDue = _why_due(place.component, place.group, component)
        if reverses and not line.credit:
            why = "correction"
        every, lead_days = _rhythm(component)
        return LineExplained(
            str(place),
            line,
            draft,
            None,
            place.contract,
            place.term,
            book.customers.get(draft.customer, Customer("")).name or draft.customer,
            draft.currency,
            draft.digits,
            plan,
            component,
            line.first,
            line.last,
            why,
            every,
            lead_days,
            tuple(
                (
                    self._entries[share.entry],
                    share.seconds,
                    share.rounded,
                    self._rule_on(share.entry, str(place)),
                )
                for share in line.entries
                if share.entry in self._entries
            ),
            _reasons(self._policy(place.contract), line.because, plan),
            self._document(str(place._replace(sequence=0))) if line.late else "",
            reverses,
            self._document(reverses),
            self._result.as_of,
        )

    def _policy(self, contract: str) -> Policy | None:
        found = self._contracts.get(contract)
        return self._book.policies.get(found.policy) if found is not None else None

    def _component(
        self, contract: str, term: str, component: str
    ) -> tuple[Plan | None, PlanComponent | None]:
        """The plan of a term, and one of its components."""
        policy, found = self._policy(contract), self._contracts.get(contract)
        names = [t.plan for t in found.terms if t.id == term] if found is not None else []
        plan = policy.plans.get(names[0]) if policy is not None and names else None
        if plan is None:
            return None, None
        return plan, next((c for c in plan.components if c.id == component), None)

    def _rule_on(self, entry: str, line: str) -> str:
        """The rule of the part of ``entry`` that is on ``line``."""
        return next((part.rule for part in self._parts[entry] if part.line == line), "")

    def _of_record(self, row: LedgerRow) -> LineExplained:
        book, place = self._book, row.key
        contract, policy = self._contracts.get(place.contract), self._policy(place.contract)
        owner = book.root(contract.customer) if contract is not None else ""
        currency = contract.currency if contract is not None else book.company.currency
        plan, component = self._component(place.contract, place.term, place.component)
        every, lead_days = _rhythm(component)
        return LineExplained(
            str(place),
            None,
            None,
            row,
            place.contract,
            place.term,
            book.customers.get(owner, Customer("")).name or owner,
            currency,
            digits(book.company, currency),
            plan,
            component,
            place.period,
            row.last,
            _why_due(place.component, place.group, component),
            every,
            lead_days,
            tuple(self._entries_on(row)),
            _reasons(policy, _said(policy, book, row, plan, component), plan),
            self._document(str(place._replace(sequence=0))) if place.sequence else "",
            "",
            "",
            self._result.as_of,
        )

    def _entries_on(self, line: LedgerRow) -> Iterable[tuple[Entry, int, int, str]]:
        """Entries whose parts are on record with the key of ``line``."""
        found = [
            (self._entries[row.entry], row.seconds, row.rounded, row.rule)
            for row in self._book.ledger
            if row.key == line.key and row.state == line.state and row.entry in self._entries
        ]
        return in_order(found, lambda one: one[0])


def _reasons(
    policy: Policy | None, said: Iterable[Because], plan: Plan | None
) -> tuple[Reason, ...]:
    """What a line says why it is there, in all its languages."""
    rules: tuple[Rule, ...] = ()
    if policy is not None:
        surcharges = (surcharge.rule for surcharge in policy.surcharges)
        rules = (*policy.rules, policy.otherwise, *surcharges)
    found = []
    for reason in said:
        same = [rule for rule in rules if rule.id == reason.rule]
        first = same[0] if same else None
        rule = next((rule for rule in same if rule.where == reason.where), first)
        texts: Texts = {}
        if rule is not None:
            texts = rule.because
        elif plan is not None and reason.rule.startswith(f"{plan.name}."):
            texts = plan.because or plan.title
        found.append(Reason(reason.rule, reason.clause, reason.where, texts, reason.text))
    return tuple(found)


def _said(
    policy: Policy | None, book: Book, line: LedgerRow, plan: Plan | None,
    component: PlanComponent | None,
) -> Iterable[Because]:  # fmt: skip
    """The rules of a line on record as they read today, else its plan."""
    ids = dict.fromkeys(
        row.rule for row in book.ledger if row.key == line.key and row.state == line.state
    )
    known = {rule.id: rule for rule in (policy.otherwise, *policy.rules)} if policy else {}
    rules = [known[id_] for id_ in ids if id_ in known]
    for rule in rules:
        yield Because(rule.id, rule.clause, rule.where, "")
    if not rules and plan is not None and component is not None:
        yield Because(f"{plan.name}.{component.id}", plan.clause, component.where, "")


def _why_due(component_id: str, group: str, component: PlanComponent | None) -> WhyDue:
    """What makes a line due, by what it is for."""
    if component is None:
        return "item" if component_id == ITEM else "arrears"
    if group in (SETTLE, CREDIT) or group.startswith((REFUND, LEFTOVER)):
        return "ended"
    if component.kind == "milestone":
        return "accepted"
    if component.kind == "block" and not group.startswith(BEYOND):
        return "top_up" if is_top_up(group) else "bought"
    if component.kind == "fee" or group == HOURS:
        return "advance" if component.shape.timing == "advance" else "arrears"
    return "arrears"


def _rhythm(component: PlanComponent | None) -> tuple[int, int]:
    """Months of a period and days of lead of ``component``."""
    if component is None or component.kind in ("block", "milestone"):
        return (0 if component is None or component.kind == "milestone" else 1), 0
    if isinstance(component.shape, TimeShape):
        return component.shape.every, 0
    return component.shape.every, component.shape.lead_days
