"""Work that nobody takes: plans that pass it on, contracts with no term for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from klausel.charges import COMPONENTS
from klausel.model import (
    NARROWNESS,
    Book,
    Contract,
    Coverage,
    Customer,
    Employee,
    Entry,
    Project,
    Term,
    Ticket,
)
from klausel.period import Span
from klausel.policy.check.context import Checked
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.check.space import Box
from klausel.policy.facts import Subject, WordField
from klausel.policy.ir import CHARGED, PlanComponent, Rule

#: Settings that say what happens to work beyond a component's hours.
_BEYOND = ("beyond", "empty")

#: Facts that are the same for all work of a contract.
_OF_CONTRACT = frozenset(("sla", "contract", "contract_attribute", "plan"))


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
    for found in untaken_work(checked):
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


def given_away(checked: Checked) -> Iterator[Finding]:
    """Contracts of the book without a fee under which rules include work, where other plans of the
    policy have the fee that such work is meant to be paid by."""
    if not any(_has_fee(checked, name) for name in checked.policy.plans):
        return
    for contract in checked.contracts:
        for days, terms, _ in _stretches(checked, contract):
            if any(_has_fee(checked, term.plan) for term in terms):
                continue
            rule = checked.yielded_in(_of_contract(checked, contract, days)).get("included")
            if rule is not None:
                yield finding(
                    "included-unpaid", contract.where, (Related(rule.where, f"rule {rule.id}"),),
                    contract=contract.code, rule=rule.id,
                    when=f" from {days.first} on" if days.first > contract.start else "",
                )  # fmt: skip
                break


def _has_fee(checked: Checked, name: str) -> bool:
    plan = checked.policy.plans.get(name)
    return plan is not None and any(component.kind == "fee" for component in plan.components)


def untaken_work(checked: Checked) -> Iterator[Untaken]:
    """Each contract of the book with each disposition that is taken by nobody on some day."""
    yielded: dict[Box, dict[str, Rule]] = {}
    for contract in checked.contracts:
        known: set[str] = set()
        for days, terms, wider in _stretches(checked, contract):
            box = _of_contract(checked, contract, days)
            if box not in yielded:
                yielded[box] = checked.yielded_in(box)
            for disposition, rule in yielded[box].items():
                taking = [term for term in terms if disposition in term.takes]
                timed = [found for term in taking for found in _timed(checked, contract, term)]
                # What no term takes is asked of wider contracts, what a term passes on is not.
                taken = not all(_passes(found) for found in timed) or (wider and not timed)
                if disposition in CHARGED and disposition not in known and not taken:
                    known.add(disposition)
                    yield Untaken(contract, rule, disposition, days.first, bool(timed))


def _stretches(checked: Checked, contract: Contract) -> Iterator[tuple[Span, list[Term], bool]]:
    """Days of ``contract`` on which the same of its terms run, and whether wider contracts do."""
    whole = contract.span
    terms = [(term, Span(term.first or contract.start, term.until)) for term in contract.terms]
    wider = list(_wider(checked, contract))
    spans = [*(span for _, span in terms), *wider]
    begins = {span.first for span in spans}
    begins |= {_next(span.last) for span in spans if span.last is not None}
    days = sorted({contract.start, *(day for day in begins if whole.covers(day))})
    for first, after in zip(days, [*days[1:], None], strict=True):
        last = date.fromordinal(after.toordinal() - 1) if after is not None else contract.end
        yield (
            Span(first, last),
            [term for term, span in terms if span.covers(first)],
            any(span.covers(first) for span in wider),
        )


def _next(day: date) -> date:
    return date.fromordinal(day.toordinal() + 1)


def _wider(checked: Checked, contract: Contract) -> Iterator[Span]:
    """Days on which another contract is asked for what this one does not take."""
    book = checked.book
    assert book is not None
    rank = NARROWNESS.index(contract.covers.kind)
    for other in book.contracts:
        above = book.above(contract.customer)
        if other.customer not in above:
            continue
        wider = NARROWNESS.index(other.covers.kind) - rank
        if not wider and other.customer != contract.customer:
            if other.covers.kind == "customer" or contract.covers.ids <= other.covers.ids:
                yield other.span
        elif wider > 0 and _has(book, other.covers, contract.covers):
            yield other.span


def _has(book: Book, wide: Coverage, narrow: Coverage) -> bool:
    """Whether all that is covered by ``narrow`` is covered by ``wide``, of a wider kind."""
    if wide.kind == "customer":
        return True
    projects = {book.tickets[id_].project for id_ in narrow.ids if id_ in book.tickets}
    return projects <= set(wide.ids)


def _of_contract(checked: Checked, contract: Contract, days: Span) -> Box:
    """What work of ``contract`` on ``days`` can look like: its own facts are known.

    On all of ``days`` the same terms run."""
    entry = Entry("", days.first, "", "", "", "", 0, "", "", (), True, "", "")
    subject = Subject(entry, Ticket(""), Project(""), Customer(""), Employee(""), contract)
    box = list(checked.space.whole)
    for number, field in enumerate(checked.policy.fields):
        if isinstance(field, WordField):
            box[number] = _possible(field, subject)
    box[-1] = checked.space.days.of(days.first, days.last)
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


def _timed(checked: Checked, contract: Contract, term: Term) -> list[PlanComponent]:
    """The components of the term's plan that take time."""
    plan = checked.policy.plans.get(term.plan)
    components = plan.components if plan is not None else ()
    return [c for c in components if COMPONENTS[c.kind].takes_time(c.shape, contract)]


def _passes(component: PlanComponent) -> str:
    """The setting by which ``component`` passes work on, if it does."""
    return next((w for w in _BEYOND if getattr(component.shape, w, "") == "next"), "")
