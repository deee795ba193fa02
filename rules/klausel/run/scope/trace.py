"""Follows an entry through the scope once more, step by step, for whoever asks why (semantics 15).

The facts, the contracts and the approvals are the run's own; the rules are asked one by one, as the
reference matcher does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Literal

from klausel.adjustments.threshold import Budgets
from klausel.matching import Condition
from klausel.matching.port import Combination
from klausel.matching.reference import first_failing
from klausel.model import Entry, Ticket, natural
from klausel.policy.facts import FACTS, Clause, NumberField, Subject, VocabularyField
from klausel.policy.ir import Policy, Rule, Surcharge
from klausel.run.facts import CustomerFacts
from klausel.run.scope.around import Surroundings
from klausel.run.scope.offers import Offers
from klausel.run.scope.takers import Takers
from klausel.run.values import SETTLING, Around, Decision
from klausel.terms import BoundContract
from klausel.trace import (
    BudgetSeen,
    ConditionSeen,
    ContractAsked,
    FactSeen,
    FieldSeen,
    GateSeen,
    Owner,
    RangeWord,
    RuleAsked,
    TermAsked,
    Trace,
)
from klausel.verdicts import JudgingGate


class Tracing:
    """Follows single entries through the scope once more, when the run is done."""

    def __init__(
        self,
        facts: CustomerFacts,
        offers: Offers,
        around: Surroundings,
        terms: Takers,
        gates: Mapping[str, tuple[JudgingGate, Budgets]],
    ) -> None:
        self._gates = gates
        """By contract: approvals and budgets as they stand when its time is done."""
        self._facts = facts
        self._offers = offers
        self._around = around
        self._terms = terms

    def trace(self, entry: Entry) -> Trace:
        """How ``entry`` went through the scope."""
        around = self._around.around(entry)
        override = self._offers.override_of(entry)
        contracts: list[ContractAsked] = []
        gate: GateSeen | None = None
        surcharges: tuple[Surcharge, ...] = ()
        # Written off, or billed elsewhere: nobody asks a contract.
        free = entry.billed_elsewhere or (override and override.disposition == "written_off")
        tiers = [] if free else self._offers.tiers_of(entry, around)
        for bound in (bound for tier in tiers for bound in tier):
            # Of equally narrow ones a single one answers, else the customer was parked.
            if any(found.has_it for found in contracts):
                break
            asked = self._ask(bound, entry, around)
            contracts.append(asked)
            if asked.outcome == "takes":
                gate, surcharges = self._gate_seen(bound, asked, entry, around)
        covering = {bound.contract.code for tier in tiers for bound in tier}
        others = (
            [] if free else [b for b in self._facts.contracts if b.contract.code not in covering]
        )
        return Trace(
            entry.id, self._facts.root, self._owner(entry, around.ticket),
            (*contracts, *(self._not_covering(bound, entry) for bound in others)),
            override, gate, surcharges,
        )  # fmt: skip

    def _owner(self, entry: Entry, ticket: Ticket) -> Owner:
        """As :meth:`klausel.model.Book.customer_of`, or because it is settled with this one."""
        if self._facts.root != self._facts.book.customer_of(entry):
            return "settled"
        if entry.customer:
            return "entry"
        if ticket.customer:
            return "ticket"
        return "project" if self._facts.root else ""

    def _not_covering(self, bound: BoundContract, entry: Entry) -> ContractAsked:
        """A contract of another part of the customer, or for other projects or tickets."""
        contract = bound.contract
        kind = contract.covers.kind
        covered = ", ".join(sorted(contract.covers.ids, key=natural))
        if contract.customer not in self._facts.book.above(self._facts.book.named_by(entry)):
            kind, covered = "customer", contract.customer
        return ContractAsked(
            contract.code, kind, covered, *bound.span, "not_covered", _name(bound.policy)
        )  # fmt: skip

    def _ask(self, bound: BoundContract, entry: Entry, around: Around) -> ContractAsked:
        """What ``bound`` says of ``entry``."""
        day = entry.date
        asked = ContractAsked(
            bound.contract.code, bound.contract.covers.kind, _covered(bound, around, self._above),
            *bound.span, "not_running", _name(bound.policy),
        )  # fmt: skip
        if not bound.span.covers(day):
            return asked
        subject = self._around.subject(bound, entry, around)
        fields = tuple(field_seen(field, subject) for field in bound.policy.fields)
        override = self._offers.override_of(entry)
        rules: tuple[RuleAsked, ...] = ()
        if override is not None:
            decided = self._offers.by_hand_rule(override)
        else:
            combination = tuple(field.code(subject) for field in bound.policy.fields)
            rules, decided = ask_rules(bound.policy, day, combination, fields)
        asked = asked._replace(fields=fields, rules=rules, decided=decided)
        if decided.disposition in SETTLING:
            return asked._replace(outcome="settles")
        terms = tuple(_terms_asked(bound, decided.disposition, day))
        takes = any(found.outcome == "asked" for found in terms)
        return asked._replace(outcome="takes" if takes else "no_term", terms=terms)

    def _above(self, ticket: Ticket) -> set[str]:
        """``ticket`` and those above it."""
        found = {ticket.id}
        parent = self._facts.book.tickets.get(ticket.parent)
        while parent is not None and parent.id not in found:
            found.add(parent.id)
            parent = self._facts.book.tickets.get(parent.parent)
        return found

    def _gate_seen(
        self, bound: BoundContract, asked: ContractAsked, entry: Entry, around: Around
    ) -> tuple[GateSeen | None, tuple[Surcharge, ...]]:
        """Approvals and budgets that the work of ``entry`` has to pass, and what makes it dear."""
        assert asked.decided is not None
        seen = self._around.see(bound, entry, around)
        disposition = asked.decided.disposition
        surcharges = self._surcharges(bound, entry, around)
        gate = self._gates.get(bound.contract.code)
        if gate is None or self._terms.is_included(bound, disposition, entry.date):
            return None, surcharges
        judge, budgets = gate
        needed = seen.requirement(disposition)
        approvals = (
            judge.judged(needed, around.ticket.id, entry.date, self._facts.as_of) if needed else ()
        )
        work = self._around.work(entry, Decision(bound, asked.decided, False, seen, around))
        watched = []
        for watch in seen.watches(disposition):
            place = budgets.place(watch, work)
            if watch.hold and (watch.per != "ticket" or place):
                watched.append(BudgetSeen(watch, place, budgets.counted(watch, place)))
        if needed is None and not watched:
            return None, surcharges
        return GateSeen(needed, approvals, tuple(watched)), surcharges

    def _surcharges(
        self, bound: BoundContract, entry: Entry, around: Around
    ) -> tuple[Surcharge, ...]:
        subject = self._around.subject(bound, entry, around)
        combination = tuple(field.code(subject) for field in bound.policy.fields)
        return tuple(
            found
            for found in bound.policy.surcharges
            if found.rule.in_force(entry.date)
            and first_failing(found.rule.conditions, combination) is None
        )


def _name(policy: Policy) -> str:
    return f"{policy.name} {policy.version}"


def _covered(bound: BoundContract, around: Around, above: Callable[[Ticket], set[str]]) -> str:
    """The ticket or project by which ``bound`` covers what is ``around``."""
    covers = bound.contract.covers
    if covers.kind == "project":
        return around.project.id
    if covers.kind == "ticket":
        return min(above(around.ticket) & covers.ids, key=natural)
    return ""


def _terms_asked(bound: BoundContract, disposition: str, day: date) -> Iterator[TermAsked]:
    """Terms that take such work first, as they are asked, then the others."""
    asked = bound.taking(disposition)
    others = [term for term in bound.terms if term not in asked]
    for term in (*asked, *others):
        outcome: Literal["asked", "other_work", "not_running", "no_time"] = "asked"
        if not term.span.covers(day):
            outcome = "not_running"
        elif disposition not in term.term.takes:
            outcome = "other_work"
        elif not any(component.takes_time for component in term.components):
            outcome = "no_time"
        yield TermAsked(term.term.id, term.plan.name, outcome)


def field_seen(field: VocabularyField, subject: Subject) -> FieldSeen:
    """The value of ``field``, and the line of ``from`` that gave it."""
    if isinstance(field, NumberField):
        value = FACTS[field.fact].read(subject)
        assert isinstance(value, int)
        return FieldSeen(field.name, "", value, 0, ())
    for number, source in enumerate(field.sources, start=1):
        if all(clause.holds(subject) for clause in source.clauses):
            facts = tuple(_fact_seen(clause, subject) for clause in source.clauses)
            return FieldSeen(field.name, field.values[source.code], None, number, facts)
    raise AssertionError("the last source of a field always holds")


def _fact_seen(clause: Clause, subject: Subject) -> FactSeen:
    """What of the fact fits ``clause``, as it is written in the book."""
    found = FACTS[clause.fact].read(subject)
    if FACTS[clause.fact].kind == "text":
        text = str(found).casefold()
        return FactSeen(clause.fact, tuple(sorted(v for v in clause.values if v in text)))
    words = found if isinstance(found, tuple) else (str(found),)
    return FactSeen(clause.fact, tuple(word for word in words if word.casefold() in clause.values))


def ask_rules(
    policy: Policy, day: date, combination: Combination, fields: Sequence[FieldSeen]
) -> tuple[tuple[RuleAsked, ...], Rule]:
    """Every rule down to the one that decides, and that one."""
    asked: list[RuleAsked] = []
    known = {rule.id for rule in policy.rules if rule.in_force(day)}
    for rule in policy.rules:
        if not rule.in_force(day):
            # Of rules with one id only those that hold on other days stand for it.
            if rule.id not in known and all(rule.id != found.rule.id for found in asked):
                ahead = rule.first is not None and day < rule.first
                asked.append(RuleAsked(rule, "not_yet" if ahead else "no_more", ()))
            continue
        failing = first_failing(rule.conditions, combination)
        if failing is not None:
            seen = condition_seen(failing, policy.fields, fields, holds=False)
            asked.append(RuleAsked(rule, "fails", (seen,)))
            continue
        met = tuple(
            condition_seen(condition, policy.fields, fields, holds=True)
            for condition in rule.conditions
        )
        return (*asked, RuleAsked(rule, "decides", met)), rule
    rule = policy.otherwise
    return (*asked, RuleAsked(rule, "decides", ())), rule


def condition_seen(
    condition: Condition,
    fields: Sequence[VocabularyField],
    seen: Sequence[FieldSeen],
    holds: bool,
) -> ConditionSeen:
    """``condition`` in the words of its field."""
    field = fields[condition.field]
    if isinstance(field, NumberField):
        limits = tuple(_limits(field, condition.codes))
        return ConditionSeen(seen[condition.field], (), limits, holds)
    words = tuple(field.values[code] for code in sorted(condition.codes))
    return ConditionSeen(seen[condition.field], words, (), holds)


def _limits(field: NumberField, codes: frozenset[int]) -> Iterator[tuple[RangeWord, int]]:
    """A run of codes as the limits that were written."""
    if not codes:
        return
    low, high = min(codes), max(codes)
    if low:
        word: RangeWord = "at_least" if low % 2 else "more_than"
        yield word, field.thresholds[(low - 1) // 2]
    if high < field.size - 1:
        word = "up_to" if high % 2 else "less_than"
        yield word, field.thresholds[high // 2]
