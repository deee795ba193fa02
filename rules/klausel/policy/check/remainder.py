"""Work that nobody takes: plans that pass it on, contracts with no term for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from klausel.charges import COMPONENTS
from klausel.model import (
    NARROWNESS,
    Contract,
    Customer,
    Employee,
    Entry,
    Project,
    Term,
    Ticket,
)
from klausel.period import Span, intersect
from klausel.policy.check.context import Checked
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.check.space import Box
from klausel.policy.facts import Subject, WordField
from klausel.policy.ir import CHARGED, PlanComponent, Rule

#: Settings that say what happens to work beyond a component's hours.
_BEYOND = ("beyond", "empty")

#: Facts that are the same for all work of a contract.
_OF_CONTRACT = frozenset(("sla", "contract", "contract_attribute"))


class Untaken(NamedTuple):
    """Work of a contract that nobody takes."""

    contract: Contract
    rule: Rule
    disposition: str
    day: date
    """The first on which it is so."""
    passed: bool
    """Whether some term takes it and passes it on."""


def passed_on(checked: Checked) -> Iterator[Finding]:
    """Plans all of whose components for time pass on what they do not take."""
    if checked.book is not None:
        return  # then the contracts themselves are looked at
    for plan in checked.policy.plans.values():
        timed = [c for c in plan.components if c.kind not in ("fee", "milestone")]
        if timed and all(_passes(c) for c in timed):
            word = _passes(timed[-1])
            where = checked.raw.below(timed[-1].where, word)
            yield finding("remainder-untaken:plan", where, plan=plan.name, word=word)


def untaken(checked: Checked) -> Iterator[Finding]:
    """Contracts of the book where work that may cost something is taken by nobody."""
    outside: dict[str, list[Untaken]] = {}
    for found in _untaken(checked):
        if found.disposition != "service" and not found.passed:
            outside.setdefault(found.disposition, []).append(found)
            continue
        contract, rule = found.contract, found.rule
        yield finding(
            "remainder-untaken:passed" if found.passed else "remainder-untaken:service",
            contract.where, (Related(rule.where, f"rule {rule.id}"),),
            contract=contract.code, disposition=found.disposition, rule=rule.id,
            when=f" from {found.day} on" if found.day > contract.start else "",
        )  # fmt: skip
    for disposition, group in outside.items():
        rule = group[0].rule
        yield finding(
            "remainder-untaken:other", rule.where,
            tuple(Related(one.contract.where, f"contract {one.contract.code}") for one in group),
            disposition=disposition, rule=rule.id,
            contracts="1 contract" if len(group) == 1 else f"{len(group)} contracts",
        )  # fmt: skip


def _untaken(checked: Checked) -> Iterator[Untaken]:
    yielded: dict[Box, dict[str, Rule]] = {}
    for contract in checked.contracts:
        if _is_wider(checked, contract):
            continue
        box = _of_contract(checked, contract)
        if box not in yielded:
            yielded[box] = checked.yielded_in(box)
        for disposition, rule in yielded[box].items():
            found = _first_untaken(checked, contract, disposition)
            if disposition in CHARGED and found is not None:
                yield Untaken(contract, rule, disposition, *found)


def _is_wider(checked: Checked, contract: Contract) -> bool:
    """Whether another contract is asked for what this one does not take."""
    assert checked.book is not None
    root, rank = checked.book.root, NARROWNESS.index(contract.covers.kind)
    return any(
        other.code != contract.code
        and root(other.customer) == root(contract.customer)
        and NARROWNESS.index(other.covers.kind) > rank
        and intersect(other.span, contract.span) is not None
        for other in checked.book.contracts
    )


def _of_contract(checked: Checked, contract: Contract) -> Box:
    """What work of ``contract`` can look like: facts of the contract itself are known."""
    entry = Entry("", contract.start, "", "", "", "", 0, "", "", (), True, "", "")
    subject = Subject(entry, Ticket(""), Project(""), Customer(""), Employee(""), contract)
    box = list(checked.space.whole)
    for number, field in enumerate(checked.policy.fields):
        if isinstance(field, WordField):
            box[number] = _possible(field, subject)
    box[-1] = checked.space.days.of(contract.start, contract.end)
    return tuple(box)


def _possible(field: WordField, subject: Subject) -> int:
    """Codes of ``field`` that work around ``subject`` can have."""
    codes = 0
    for source in field.sources:
        known = [clause for clause in source.clauses if clause.fact in _OF_CONTRACT]
        if all(clause.holds(subject) for clause in known):
            codes |= 1 << source.code
            if len(known) == len(source.clauses):
                break  # this line always fits, so no later one is asked
    return codes


def _first_untaken(
    checked: Checked, contract: Contract, disposition: str
) -> tuple[date, bool] | None:
    """The first day on which nobody takes ``disposition``, and whether it is passed on."""
    terms = [
        (term, span)
        for term in contract.terms
        if disposition in term.takes and (span := _span(contract, term)) is not None
    ]
    days = {contract.start, *(span.first for _, span in terms)}
    days |= {date.fromordinal(s.last.toordinal() + 1) for _, s in terms if s.last is not None}
    for day in sorted(days):
        if not contract.span.covers(day):
            continue
        running = [term for term, span in terms if span.covers(day)]
        timed = [component for term in running for component in _timed(checked, contract, term)]
        if all(_passes(component) for component in timed):
            return day, bool(timed)
    return None


def _span(contract: Contract, term: Term) -> Span | None:
    return intersect(contract.span, Span(term.first or contract.start, term.until))


def _timed(checked: Checked, contract: Contract, term: Term) -> list[PlanComponent]:
    """The components of the term's plan that take time."""
    plan = checked.policy.plans.get(term.plan)
    components = plan.components if plan is not None else ()
    return [c for c in components if COMPONENTS[c.kind].takes_time(c.shape, contract)]


def _passes(component: PlanComponent) -> str:
    """The setting by which ``component`` passes work on, if it does."""
    return next((w for w in _BEYOND if getattr(component.shape, w, "") == "next"), "")
