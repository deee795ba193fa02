"""Why a line is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from klausel.charges.base import Charge
from klausel.money import shortest
from klausel.policy.ir import text_in
from klausel.result import Because
from klausel.run.facts import CustomerFacts
from klausel.run.handed import Handed
from klausel.run.values import ITEM, NO_WHERE
from klausel.terms import BoundComponent, BoundContract, BoundTerm
from klausel.texts import number_text, phrase


class Reasons:
    """Why lines are there, in the words of the policy."""

    def __init__(self, facts: CustomerFacts, handed: Handed) -> None:
        self._facts = facts
        self._handed = handed
        self._known: dict[tuple[str, ...], tuple[Because, ...]] = {}
        """By contract, term, component and rules."""

    def because(
        self,
        bound: BoundContract,
        term: BoundTerm | None,
        component: BoundComponent | None,
        charge: Charge,
    ) -> tuple[Because, ...]:
        if term is None or component is None:
            return (Because(ITEM, "", NO_WHERE, charge.text),)
        rules = dict.fromkeys([part[0][6] for part in charge.taken])
        surcharges: dict[str, None] = {}
        if bound.policy.surcharges and charge.unit == "hour":
            price = charge.unit_price
            surcharges = dict.fromkeys(
                [id_ for part in charge.taken if part.rate == price for id_ in part.work.surcharges]
            )
        place = (bound.contract.code, term.term.id, component.id, *rules, "", *surcharges)
        found = self._known.get(place)
        if found is None:
            found = self._reasons_of(bound, term, component, rules)
            found = self._known[place] = (*found, *self._surcharged(bound, surcharges))
        return found

    def _surcharged(self, bound: BoundContract, ids: Collection[str]) -> Iterator[Because]:
        """Why a price is higher: the surcharges ``ids``, as their policy says it."""
        for found in bound.policy.surcharges:
            rule = found.rule
            if rule.id in ids:
                times = number_text(
                    found.times, len(shortest(found.times).partition(".")[2]), self._facts.language
                )
                text = text_in(rule.because, self._facts.language)
                text = text or phrase(self._facts.language, "surcharge", times)
                yield Because(rule.id, rule.clause, rule.where, text, True)

    def _reasons_of(
        self,
        bound: BoundContract,
        term: BoundTerm,
        component: BoundComponent,
        rules: Iterable[str],
    ) -> tuple[Because, ...]:
        """The rules that found the work of a line, else the plan."""
        plan = term.plan
        reasons = [
            Because(rule.id, rule.clause, rule.where, text_in(rule.because, self._facts.language))
            for id_ in rules
            if (rule := self._handed.rules.get((bound.contract.code, id_))) is not None
        ]
        if not reasons:
            text = text_in(plan.because, self._facts.language) or text_in(
                plan.title, self._facts.language
            )
            where = component.plan_component.where
            reasons = [Because(f"{plan.name}.{component.id}", plan.clause, where, text)]
        return tuple(reasons)

    def named(self, kind: str, value: str) -> tuple[str, str]:
        """A label's detail with the name that a project or ticket has today."""
        if kind == "project" and value in self._facts.book.projects:
            return kind, self._facts.book.projects[value].name or value
        if kind == "ticket" and value in self._facts.book.tickets:
            return kind, self._facts.book.tickets[value].title or value
        return kind, value
