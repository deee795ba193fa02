"""What is around an entry: ticket, project, employee."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from klausel.charges.base import ONE, Work
from klausel.model import Customer, Employee, Entry, Project, Ticket
from klausel.policy.facts import Subject, ticket_seconds
from klausel.policy.ir import Seen
from klausel.run.facts import CustomerFacts
from klausel.run.values import Around, Decision
from klausel.terms import BoundContract

_NO_TICKET = Ticket("")

_NO_PROJECT = Project("")

_NO_EMPLOYEE = Employee("")


class Surroundings:
    """What is around entries, and what policies see of them."""

    def __init__(self, facts: CustomerFacts) -> None:
        self._facts = facts
        book, mine = facts.book, facts.book.customers.get(facts.root, Customer(facts.root))
        self._customer = mine
        own = (mine.country, mine.region)
        self._home = own if own[0] else (book.company.country, book.company.region)
        self.worked: Mapping[str, int] = {}
        """By entry, the seconds of its ticket up to and with it, where a policy asks for them."""
        if any(facts.scopes[bound.policy.name].counts_tickets for bound in facts.contracts):
            self.worked = ticket_seconds(facts.entries)
        self.with_roles = {one.id for one in book.employees.values() if one.later}
        """Employees whose role changed."""
        self._known: dict[tuple[str, str, str, date | None], Around] = {}

    def around(self, entry: Entry) -> Around:
        day = entry.date if entry.employee in self.with_roles else None
        key = (entry.ticket, entry.project, entry.employee, day)
        found = self._known.get(key)
        if found is None:
            ticket = self._facts.book.tickets.get(entry.ticket, _NO_TICKET)
            project = self._facts.book.projects.get(entry.project or ticket.project, _NO_PROJECT)
            employee = self._facts.book.employees.get(entry.employee, _NO_EMPLOYEE)
            if day is not None:
                employee = replace(employee, role=employee.on(day))
            found = self._known[key] = Around(ticket, project, employee)
        return found

    def subject(self, bound: BoundContract, entry: Entry, around: Around) -> Subject:
        ticket, project, employee = around
        country, region = self._home
        return Subject(
            entry, ticket, project, self._customer, employee, bound.contract, country, region,
            self.worked.get(entry.id, 0),
        )  # fmt: skip

    def see(self, bound: BoundContract, entry: Entry, around: Around) -> Seen:
        """What the policy of ``bound`` sees of ``entry``."""
        return self._facts.scopes[bound.policy.name].see(self.subject(bound, entry, around))

    def work(self, entry: Entry, decision: Decision) -> Work:
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
