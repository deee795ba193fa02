"""Work that nobody takes: plans that pass it on, contracts with no term for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from klausel.charges import COMPONENTS
from klausel.model import NARROWNESS, Contract, Term
from klausel.period import Span, intersect
from klausel.policy.check.context import Checked
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.ir import CHARGED, Plan, PlanComponent

#: Settings that say what happens to work beyond a component's hours.
_BEYOND = ("beyond", "empty")


def passed_on(checked: Checked) -> Iterator[Finding]:
    """Plans whose last component for time passes on what it does not take."""
    if checked.book is not None:
        return  # then the contracts themselves are looked at
    for plan in checked.policy.plans.values():
        timed = [c for c in plan.components if _may_take(c)]
        word = _passes(timed[-1]) if timed else ""
        if word:
            where = checked.raw.below(timed[-1].where, word)
            yield finding("remainder-untaken:plan", where, plan=plan.name, word=word)


def untaken(checked: Checked) -> Iterator[Finding]:
    """Contracts of the book where work that costs something is taken by nobody."""
    for contract in checked.contracts:
        for disposition, rule in sorted(checked.yielded.items()):
            if disposition not in CHARGED or _wider(checked, contract):
                continue
            found = _first_untaken(checked, contract, disposition)
            if found is None:
                continue
            day, passes = found
            when = f" from {day} on" if day > contract.start else ""
            yield finding(
                "remainder-untaken:passed" if passes else
                "remainder-untaken:service" if disposition == "service" else
                "remainder-untaken:other",
                contract.where, (Related(rule.where, f"rule {rule.id}"),),
                contract=contract.code, disposition=disposition, when=when, rule=rule.id,
            )  # fmt: skip


def _wider(checked: Checked, contract: Contract) -> bool:
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
        ends = [end for term in running if (end := _end(checked, contract, term)) is not None]
        if not ends:
            return day, False
        if all(_passes(end) for end in ends):
            return day, True
    return None


def _span(contract: Contract, term: Term) -> Span | None:
    return intersect(contract.span, Span(term.first or contract.start, term.until))


def _end(checked: Checked, contract: Contract, term: Term) -> PlanComponent | None:
    """The last component of the term's plan that takes time."""
    plan: Plan | None = checked.policy.plans.get(term.plan)
    if plan is None:
        return None
    timed = [c for c in plan.components if COMPONENTS[c.kind].takes_time(c.shape, contract)]
    return timed[-1] if timed else None


def _may_take(component: PlanComponent) -> bool:
    return component.kind not in ("fee", "milestone")


def _passes(component: PlanComponent) -> str:
    """The setting by which ``component`` passes work on, if it does."""
    return next((w for w in _BEYOND if getattr(component.shape, w, "") == "next"), "")
