"""Raw facts of an entry: what a policy may look at, and how it is read from the book.

Each raw fact is one line in :data:`FACTS`. Texts are compared without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Literal, NamedTuple

from klausel.model import Contract, Customer, Employee, Entry, Project, Ticket


class Subject(NamedTuple):
    """An entry with everything around it, seen from one contract."""

    entry: Entry
    ticket: Ticket
    project: Project
    customer: Customer
    employee: Employee
    contract: Contract
    country: str = ""
    """Whose public holidays count, with ``region``."""
    region: str = ""


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@lru_cache(maxsize=256)
def _holidays(country: str, region: str, year: int) -> frozenset[date]:
    from holidays import country_holidays  # takes long, and few policies ask

    try:
        return frozenset(country_holidays(country, subdiv=region or None, years=year))
    except NotImplementedError:
        return frozenset(country_holidays(country, years=year)) if region else frozenset()


def is_holiday(day: date, country: str, region: str) -> bool:
    """Whether ``day`` is a public holiday in ``country`` (ISO code) and its ``region``."""
    return bool(country) and day in _holidays(country, region, day.year)


FactKind = Literal["word", "words", "text", "seconds"]


class Fact(NamedTuple):
    kind: FactKind
    meaning: str
    read: Callable[[Subject], str | tuple[str, ...] | int]
    path: str = ""
    """Where in the subject it stands, if it is one of its values."""


def _at(kind: FactKind, path: str, meaning: str) -> Fact:
    return Fact(kind, meaning, attrgetter(path), path)


FACTS: dict[str, Fact] = {
    "activity": Fact(
        "word",
        "activity of the entry, else of its ticket",
        lambda s: s.entry.activity or s.ticket.activity,
    ),
    "entry_tag": _at("words", "entry.tags", "tags of the entry"),
    "task_tag": _at("words", "ticket.tags", "tags of the ticket (Odoo: task)"),
    "project_tag": _at("words", "project.tags", "tags of the project"),
    "customer_tag": _at("words", "customer.tags", "tags of the customer"),
    "text_has": Fact("text", "a piece of the entry's text", lambda s: s.entry.text),
    "title_has": Fact("text", "a piece of the ticket's title", lambda s: s.ticket.title),
    "priority": _at("word", "ticket.priority", "priority of the ticket"),
    "origin": _at("word", "ticket.origin", "where the ticket's cause lies"),
    "initiated_by": _at("word", "ticket.initiated_by", "who asked for the ticket"),
    "role": _at("word", "employee.role", "role of the employee"),
    "employee": _at("word", "entry.employee", "id of the employee"),
    "project": _at("word", "project.id", "id of the project"),
    "ticket": _at("word", "entry.ticket", "id of the ticket"),
    "country": _at("word", "customer.country", "country of the customer"),
    "sla": _at("word", "contract.sla", "SLA class of the contract"),
    "weekday": Fact(
        "word", "day of the week, monday to sunday", lambda s: WEEKDAYS[s.entry.date.weekday()]
    ),
    "holiday": Fact(
        "word",
        "yes on a public holiday where the customer is, else no",
        lambda s: "yes" if is_holiday(s.entry.date, s.country, s.region) else "no",
    ),
    "estimate_hours": _at("seconds", "ticket.estimate_hours", "estimated hours of the ticket"),
    "entry_hours": _at("seconds", "entry.seconds", "hours of the entry"),
}


class Clause(NamedTuple):
    """``fact`` is (or has) one of ``values``; values are case-folded."""

    fact: str
    values: frozenset[str]

    def holds(self, subject: Subject) -> bool:
        fact = FACTS[self.fact]
        found = fact.read(subject)
        if isinstance(found, tuple):
            return any(word.casefold() in self.values for word in found)
        text = str(found).casefold()
        if fact.kind == "text":
            return any(value in text for value in self.values)
        return text in self.values


class Source(NamedTuple):
    """One line of a field's ``from``: if all clauses hold the field has the value ``code``."""

    clauses: tuple[Clause, ...]
    code: int


class WordField(NamedTuple):
    """A field of the closed vocabulary with words as values."""

    name: str
    values: tuple[str, ...]
    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        return len(self.values)

    def code(self, subject: Subject) -> int:
        for source in self.sources:
            if all(clause.holds(subject) for clause in source.clauses):
                return source.code
        raise AssertionError("the last source of a field always holds")

    def facts(self) -> set[str]:
        return {clause.fact for source in self.sources for clause in source.clauses}


class NumberField(NamedTuple):
    """A field whose numbers are cut into numbered intervals at the rules' thresholds.

    Code ``2i+1`` is threshold ``i`` itself, the even codes are the open stretches around it.
    """

    name: str
    fact: str
    thresholds: tuple[int, ...]
    """Seconds, ascending."""

    @property
    def size(self) -> int:
        return 2 * len(self.thresholds) + 1

    def code(self, subject: Subject) -> int:
        value = FACTS[self.fact].read(subject)
        assert isinstance(value, int)
        return self.code_of(value)

    def code_of(self, value: int) -> int:
        code = 0
        for threshold in self.thresholds:
            if value < threshold:
                return code
            if value == threshold:
                return code + 1
            code += 2
        return code

    def facts(self) -> set[str]:
        return {self.fact}


VocabularyField = WordField | NumberField


class Coder:
    """Reduces subjects to combinations of coded fields; equal facts are reduced once.

    Facts are first looked up all together, a new set of them field by field. Of a text it only
    counts which of the pieces that some field asks for are in it.
    """

    def __init__(self, fields: tuple[VocabularyField, ...]) -> None:
        asked = sorted({name for field in fields for name in field.facts()})
        # Facts that stand in one field of the subject are read by one call.
        paths = [name for name in asked if FACTS[name].path]
        names = [*paths, *(name for name in asked if name not in paths)]
        self._plain = _all_at(tuple(FACTS[name].path for name in paths))
        self._reads = [_reader(name, fields) for name in names[len(paths) :]]
        self._fields = [
            (field, tuple(map(names.index, sorted(field.facts()))), _Known()) for field in fields
        ]
        self._known: dict[tuple[object, ...], tuple[int, ...]] = {}

    def combination(self, subject: Subject) -> tuple[int, ...]:
        facts = (*self._plain(subject), *[read(subject) for read in self._reads])
        found = self._known.get(facts)
        if found is None:
            found = self._known[facts] = self._reduced(subject, facts)
        return found

    def _reduced(self, subject: Subject, facts: tuple[object, ...]) -> tuple[int, ...]:
        codes = []
        for field, places, known in self._fields:
            key = tuple([facts[place] for place in places])
            code = known.get(key)
            if code is None:
                code = known[key] = field.code(subject)
            codes.append(code)
        return tuple(codes)


_Known = dict[tuple[object, ...], int]


def _all_at(paths: tuple[str, ...]) -> Callable[[Subject], tuple[object, ...]]:
    """The values at dotted ``paths`` of a subject."""
    if len(paths) > 1:
        return attrgetter(*paths)
    return lambda subject: tuple([attrgetter(path)(subject) for path in paths])


def _reader(name: str, fields: tuple[VocabularyField, ...]) -> Callable[[Subject], object]:
    """What of fact ``name`` matters to ``fields``."""
    read = FACTS[name].read
    if FACTS[name].kind != "text":
        return read
    pieces = sorted(
        {
            value
            for field in fields
            if isinstance(field, WordField)
            for source in field.sources
            for clause in source.clauses
            if clause.fact == name
            for value in clause.values
        }
    )

    def pieces_in(subject: Subject) -> object:
        text = str(read(subject)).casefold()
        return tuple([piece for piece in pieces if piece in text])

    return pieces_in
