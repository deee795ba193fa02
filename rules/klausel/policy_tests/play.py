"""Plays tests of a policy: what came out, what was expected, and what the rules saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

from klausel.engine import DEFAULT_MATCHERS, Matchers
from klausel.model import (
    OVERRIDE,
    Book,
    Contract,
    Customer,
    Employee,
    Entry,
    Project,
    Ticket,
    entries_in_order,
)
from klausel.policy import Policy
from klausel.policy.facts import FACTS, Coder, NumberField, Subject, ticket_seconds
from klausel.policy.ir import Rule, Scope
from klausel.policy_tests.read import ExpectShape, PolicyTest, ShortShape, short_book
from klausel.scenario import Mismatch, Scenario, play
from klausel.tree import Path


class Observed(NamedTuple):
    """What the rules of a policy saw of one entry."""

    day: date
    combination: tuple[int, ...]
    numbers: tuple[int, ...]
    """Seconds of the number fields, 0 for the others."""
    disposition: str


class Outcome(NamedTuple):
    """One test, played."""

    test: PolicyTest
    mismatches: tuple[Mismatch, ...]
    observed: tuple[Observed, ...]
    words: frozenset[str] | None = None
    """What a short test compares: words of ``expect``. None: a scenario's lines and amounts."""

    @property
    def passed(self) -> bool:
        return not self.mismatches


def holds(rule: Rule, day: date, combination: tuple[int, ...]) -> bool:
    """Whether ``rule`` is in force and all its conditions hold."""
    return rule.in_force(day) and all(
        combination[condition.field] in condition.codes for condition in rule.conditions
    )


class Player:
    """Plays tests of one policy; the rules are compiled once."""

    def __init__(self, policy: Policy, matchers: Matchers = DEFAULT_MATCHERS) -> None:
        self._policy = policy
        self._matchers = matchers
        self._scope = Scope(policy, *matchers)
        self._coder = Coder(policy.fields)

    def play(self, test: PolicyTest) -> Outcome:
        if test.scenario is not None:
            return self._long(test, test.scenario)
        assert test.short is not None
        return self._short(test, test.short)

    def said_of(self, test: PolicyTest) -> tuple[dict[str, Any], Observed]:
        """What the rules say of a short test's entry, and what they saw of it.

        Raises :class:`~klausel.problems.ProblemError` where its facts cannot be.
        """
        assert test.short is not None
        book = short_book(test.policy, test.short)
        (entry,) = book.entries
        subject = subject_of(book, book.contracts[0], entry, entry.seconds)
        return self._found(subject), self._observed(subject)

    def observe(self, book: Book, contract: Contract, entry: Entry, worked: int) -> Observed:
        """What the rules see of ``entry``, offered to ``contract``."""
        return self._observed(subject_of(book, contract, entry, worked))

    def _observed(self, subject: Subject) -> Observed:
        numbers = tuple(
            [_number(field, subject) if isinstance(field, NumberField) else 0
             for field in self._policy.fields]
        )  # fmt: skip
        rule = self._scope.see(subject).rule
        combination = self._coder.combination(subject)
        return Observed(subject.entry.date, combination, numbers, rule.disposition)

    def _short(self, test: PolicyTest, short: ShortShape) -> Outcome:
        found, observed = self.said_of(test)
        path: Path = (*test.path, "expect")
        wanted = _wanted(short.expect)
        mismatches = [
            Mismatch(test.tree.where((*path, word)), word, _said(value), _said(found[word]))
            for word, value in wanted.items()
            if found[word] != value
        ]
        return Outcome(test, tuple(mismatches), (observed,), frozenset(wanted))

    def _found(self, subject: Subject) -> dict[str, Any]:
        """What the rules say, in the words of ``expect``."""
        seen = self._scope.see(subject)
        rule = seen.rule
        required = seen.requirement(rule.disposition)
        combination = self._coder.combination(subject)
        day = subject.entry.date
        return {
            "disposition": rule.disposition,
            "rule": rule.id,
            "clause": rule.clause,
            "approval": required.rule.id if required is not None else "none",
            "surcharges": tuple(
                [found.rule.id for found in self._policy.surcharges
                 if holds(found.rule, day, combination)]
            ),
            "watches": tuple([found.rule.id for found in seen.watches(rule.disposition)]),
        }  # fmt: skip

    def _long(self, test: PolicyTest, scenario: Scenario) -> Outcome:
        results, mismatches = play(scenario, self._matchers)
        observed: dict[Observed, None] = {}
        for run in results:
            if run.result is None:
                continue
            book = run.result.book
            entries = {entry.id: entry for entry in book.entries}
            worked = ticket_seconds(entries_in_order(book.entries))
            for found in run.result.entries:
                for part in found.parts:
                    if part.rule == OVERRIDE or part.disposition == "billed_elsewhere":
                        continue
                    entry = entries[found.entry]
                    for contract in _asked(book, entry, part.contract):
                        observed[self.observe(book, contract, entry, worked[entry.id])] = None
        return Outcome(test, tuple(mismatches), tuple(observed))


def play_tests(
    policy: Policy, tests: Iterable[PolicyTest], matchers: Matchers = DEFAULT_MATCHERS
) -> list[Outcome]:
    """``tests`` of ``policy``, played one after the other."""
    player = Player(policy, matchers)
    return [player.play(test) for test in tests]


def _number(field: NumberField, subject: Subject) -> int:
    value = FACTS[field.fact].read(subject)
    assert isinstance(value, int)
    return value


def _asked(book: Book, entry: Entry, code: str) -> Iterator[Contract]:
    """The contract that decided on ``entry``; all that were asked where nobody took it."""
    ticket = book.tickets.get(entry.ticket)
    project = entry.project or (ticket.project if ticket is not None else "")
    ids = {"ticket": entry.ticket, "project": project}
    for contract in book.contracts:
        covers = contract.covers
        asked = (
            contract.customer in book.above(book.named_by(entry))
            and contract.span.covers(entry.date)
            and (covers.kind == "customer" or ids[covers.kind] in covers.ids)
        )
        if contract.code == code or (not code and asked):
            yield contract


def subject_of(book: Book, contract: Contract, entry: Entry, worked: int) -> Subject:
    """``entry`` with what stands around it, as the engine sees it; ``worked`` are the seconds of
    its ticket up to and with it."""
    ticket = book.tickets.get(entry.ticket, Ticket(""))
    project = book.projects.get(entry.project or ticket.project, Project(""))
    customer = book.customers.get(book.customer_of(entry), Customer(""))
    employee = book.employees.get(entry.employee, Employee(""))
    home = (
        (customer.country, customer.region)
        if customer.country
        else (book.company.country, book.company.region)
    )
    return Subject(entry, ticket, project, customer, employee, contract, *home, worked)


def _wanted(expect: ExpectShape) -> dict[str, Any]:
    """The words that are written; a list of ids that says none is an empty one."""
    return {
        word: () if value == ("none",) else value
        for word in ExpectShape.model_fields
        if word in expect.model_fields_set
        for value in (getattr(expect, word),)
    }


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "none"
    return str(value) if value != "" else "nothing"
