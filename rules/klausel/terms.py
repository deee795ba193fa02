"""Contracts bound to their plans: what the engine works with, and what a reader checks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from klausel.charges import BALANCES, COMPONENTS
from klausel.charges.base import NO_FACTS, Binding, Bound, DatedNumber, Facts, Parameter
from klausel.charges.stock import DEFICIT
from klausel.currency import digits
from klausel.model import Company, Contract, Dated, Term
from klausel.period import Span, add_months, intersect
from klausel.policy.ir import Plan, PlanComponent, Policy
from klausel.problems import Problem, Where, listed, near, problem
from klausel.shapes import parse_number
from klausel.tree import Path


@dataclass(frozen=True, slots=True)
class BoundComponent:
    """One component of a term's plan, at work."""

    id: str
    takes_time: bool
    bound: Bound
    plan_component: PlanComponent

    @property
    def has_balance(self) -> bool:
        return self.plan_component.kind in BALANCES


@dataclass(frozen=True, slots=True)
class BoundTerm:
    term: Term
    plan: Plan
    span: Span
    components: tuple[BoundComponent, ...]
    number: int
    """Position in the contract."""
    billed_until: date | None = None
    """Last day whose time was billed or is in the opening balance (semantics 6)."""


@dataclass(frozen=True, slots=True)
class BoundContract:
    contract: Contract
    policy: Policy
    terms: tuple[BoundTerm, ...]
    money_digits: int
    span: Span
    stateful: bool
    """Whether the order of entries matters: balances, approvals, budgets, rounding."""
    taken_over: bool = False
    """Whether a part of its time was billed before go-live."""

    def taking(self, disposition: str) -> list[BoundTerm]:
        """Terms that take time of ``disposition``, by priority."""
        found = [
            term
            for term in self.terms
            if disposition in term.term.takes and any(c.takes_time for c in term.components)
        ]
        return sorted(found, key=lambda term: (term.term.priority, term.number))


#: Words of a term that are not parameters of its plan.
TERM_WORDS = ("id", "plan", "product", "priority", "from", "until", "discount", "takes")

#: Parameters that count something.
COUNTED = ("hours", "requests")

#: Path inside a contract, and the place to name if nothing better is known -> place.
At = Callable[[Path, Where], Where]


#: No term has anything beside its own words.
NO_TERMS: Mapping[tuple[str, str], Facts] = {}


def _lots_taken(
    term: Term, plan: Plan, facts: Facts, where: Where, owner: str
) -> Iterator[Problem]:
    """Lots that were taken over and are called like others of the same balance."""
    kinds = {component.kind for component in plan.components}
    opened = max((row.date for row in facts.openings), default=date.min)
    bought = {row.id: row for row in facts.purchases if row.date > opened}
    for row in facts.openings:
        lot = row.lot or "opening"
        said = {"name": f"{row.contract}/{row.term}", "lot": lot, "opened": row.date}
        if not row.seconds:
            continue
        if "block" in kinds and lot in bought:
            yield problem("opening-lot-purchased", where, owner, date=bought[lot].date, **said)
        elif "pool" in kinds and lot == DEFICIT:
            yield problem("opening-lot-ours", where, owner, what="time that is owed", **said)
        elif kinds & {"pool", "contingent", "quota"} and _is_day_after(lot, opened):
            yield problem(
                "opening-lot-ours", where, owner, what="a period that begins later", **said
            )


def _is_day_after(text: str, day: date) -> bool:
    try:
        return date.fromisoformat(text) > day and text == date.fromisoformat(text).isoformat()
    except ValueError:
        return False


def _there(path: Path, where: Where) -> Where:
    return where


def bind_contract(
    contract: Contract,
    policies: Mapping[str, Policy],
    company: Company,
    at: At = _there,
    facts: Mapping[tuple[str, str], Facts] = NO_TERMS,
) -> BoundContract | list[Problem]:
    """``contract`` with its terms bound to the plans of its policy, or what is wrong with it.

    ``at`` knows the places of the contract's words, for messages; ``facts`` holds, by contract
    and term, what belongs to a term beside its own words.
    """
    policy = policies.get(contract.policy)
    if policy is None:
        hint = near(contract.policy, policies) or f"policies here: {listed(policies) or 'none'}"
        return [
            problem(
                "policy-unknown", at(("policy",), contract.where), contract.customer,
                policy=contract.policy, hint=hint,
            )
        ]  # fmt: skip
    problems: list[Problem] = []
    terms = []
    for number, term in enumerate(contract.terms):
        mine = facts.get((contract.code, term.id), NO_FACTS)
        found = _bind_term(contract, term, number, policy, company, at, mine)
        if isinstance(found, BoundTerm):
            terms.append(found)
        else:
            problems += found
    if problems:
        return problems
    stateful = policy.has_gate or any(
        component.has_balance for term in terms for component in term.components
    )
    money_digits = digits(company, contract.currency)
    taken_over = any(term.billed_until is not None for term in terms)
    return BoundContract(
        contract, policy, tuple(terms), money_digits, contract.span, stateful, taken_over
    )


#: Months that a term may be billed ahead at go-live, if its periods are no longer.
_FARTHEST = 24


def farthest(plan: Plan, day: date) -> date:
    """The last day up to which a term with ``plan`` may count as billed on ``day``: two years, or
    two of its periods."""
    months = [getattr(component.shape, "every", 1) for component in plan.components]
    return add_months(day, max(_FARTHEST, *(2 * number for number in months)))


def plan_parameters(plan: Plan) -> dict[str, Parameter]:
    """What a term gives ``plan``, by name; needed where one of its components needs it."""
    wanted: dict[str, Parameter] = {}
    for component in plan.components:
        for parameter in COMPONENTS[component.kind].parameters(component.shape):
            if parameter.name not in wanted or parameter.required:
                wanted[parameter.name] = parameter
    return wanted


def _bind_term(
    contract: Contract,
    term: Term,
    number: int,
    policy: Policy,
    company: Company,
    at: At,
    facts: Facts,
) -> BoundTerm | list[Problem]:
    where, owner = term.where, contract.customer
    span = intersect(contract.span, Span(term.first or contract.start, term.until))
    if span is None:
        days = f"{contract.start} to {contract.end}" if contract.end else f"from {contract.start}"
        return [problem("term-outside", where, owner, term=term.id, days=days)]
    plan = policy.plans.get(term.plan)
    if plan is None:
        hint = near(term.plan, policy.plans) or f"plans here: {listed(policy.plans) or 'none'}"
        return [
            problem(
                "plan-unknown", at(("terms", number, "plan"), where), owner,
                term=term.id, policy=policy.name, plan=term.plan, hint=hint,
            )
        ]  # fmt: skip
    wanted = plan_parameters(plan)
    problems: list[Problem] = []
    values: dict[str, DatedNumber] = {}
    for name, dated in term.parameters.items():
        here = at(("terms", number, name), where)
        if name not in wanted:
            hint = (
                near(name, (*wanted, *TERM_WORDS)) or f"its parameters: {listed(wanted) or 'none'}"
            )
            problems.append(
                problem(
                    "parameter-unknown", here, owner,
                    term=term.id, plan=plan.name, name=name, hint=hint,
                )
            )  # fmt: skip
            continue
        found = _dated(name, dated, number, where, owner, at)
        if isinstance(found, list):
            problems += found
        elif found.first > span.first and wanted[name].required:
            problems.append(
                problem("dated-gap", here, owner, name=name, first=found.first, start=span.first)
            )
        else:
            values[name] = found
    for name, parameter in wanted.items():
        if parameter.required and name not in term.parameters:
            problems.append(
                problem(
                    "parameter-missing", where, owner,
                    term=term.id, plan=plan.name, name=name, example=parameter.example,
                )
            )  # fmt: skip
    problems += _lots_taken(term, plan, facts, where, owner)
    if problems:
        return problems
    billed = [row.billed_until for row in facts.openings if row.billed_until is not None]
    binding = Binding(
        contract,
        term,
        span,
        values,
        company.quantity_digits,
        digits(company, contract.currency),
        plan.name,
        "",  # each component gets its own
        max(billed, default=None),
        facts,
    )
    components = []
    for component in plan.components:
        kind = COMPONENTS[component.kind]
        components.append(
            BoundComponent(
                component.id,
                kind.takes_time(component.shape, contract),
                kind.bind(component.shape, replace(binding, component=component.id)),
                component,
            )
        )
    until = binding.billed_until
    if binding.opened is not None and any(c.has_balance for c in components):
        until = binding.opened  # its work is in the balance to that day, however far it is invoiced
    return BoundTerm(term, plan, span, tuple(components), number, until)


def _dated(
    name: str, dated: Dated, number: int, around: Where, owner: str, at: At
) -> DatedNumber | list[Problem]:
    problems: list[Problem] = []
    steps = []
    last: date | None = None
    for first, text in dated.steps:
        key = "always" if first == date.min else first.isoformat()
        where = at(("terms", number, name, key), around)
        if last is not None and first == last:
            problems.append(problem("dated-doubled", where, owner, name=name, date=key))
        elif last is not None and first < last:
            problems.append(
                problem("dated-order", where, owner, name=name, later=last, earlier=key)
            )
        last = first
        try:
            value = parse_number(text)
        except ValueError as error:
            problems.append(
                problem("value-number", where, owner, field=name, value=text, hint=str(error))
            )
            continue
        if value < 0 and name in COUNTED:
            problems.append(problem("value-negative", where, owner, field=name, value=text))
            continue
        steps.append((first, value))
    return problems or DatedNumber(steps)
