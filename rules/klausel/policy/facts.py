"""Raw facts of an entry: what a policy may look at, and how it is read from the book.

Each raw fact is one line in :data:`FACTS`. Texts are compared without regard to case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
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
    ticket_seconds: int = 0
    """Time of the entry's ticket up to and with the entry; see :func:`ticket_seconds`."""


def ticket_seconds(entries: Iterable[Entry]) -> dict[str, int]:
    """By entry, how much was worked on its ticket up to and with it; ``entries`` are in order.

    Everything counts, whatever becomes of it. An entry without a ticket stands for itself.
    """
    sums: dict[str, int] = {}
    found = {}
    for entry in entries:
        if not entry.ticket:
            found[entry.id] = entry.seconds
            continue
        found[entry.id] = sums[entry.ticket] = sums.get(entry.ticket, 0) + entry.seconds
    return found


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


def _plans(subject: Subject) -> tuple[str, ...]:
    day = subject.entry.date
    if not subject.contract.span.covers(day):
        return ()
    return tuple(plan for plan, first, last in _plan_days(subject) if first <= day <= last)


def _plan_days(subject: Subject) -> tuple[tuple[str, date, date], ...]:
    """The plans of the contract's terms, each with the days on which its term runs."""
    contract = subject.contract
    start, end = contract.start, contract.end or date.max
    return tuple(
        (term.plan, max(term.first or start, start), min(term.until or end, end))
        for term in contract.terms
    )


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
    "customer": _at("word", "customer.id", "id of the customer"),
    "customer_name": _at("word", "customer.name", "name of the customer"),
    "project_name": _at("word", "project.name", "name of the project"),
    "employee_name": _at("word", "employee.name", "name of the employee"),
    "role": _at("word", "employee.role", "role of the employee"),
    "employee": _at("word", "entry.employee", "id of the employee"),
    "project": _at("word", "project.id", "id of the project"),
    "ticket": _at("word", "entry.ticket", "id of the ticket"),
    "country": _at("word", "customer.country", "country of the customer"),
    "contract": _at("word", "contract.code", "code of the contract"),
    "contract_attribute": Fact(
        "words",
        "attributes of the contract, as name=value",
        lambda s: tuple(f"{name}={value}" for name, value in s.contract.attributes.items()),
    ),
    "sla": _at("word", "contract.sla", "SLA class of the contract"),
    "plan": Fact("words", "plans of the contract's terms that run on the entry's day", _plans),
    "billable": Fact(
        "word",
        "no where the ERP has the entry marked as not to be billed, else yes",
        lambda s: "yes" if s.entry.billable else "no",
    ),
    "weekday": Fact(
        "word", "day of the week, monday to sunday", lambda s: WEEKDAYS[s.entry.date.weekday()]
    ),
    "holiday": Fact(
        "word",
        "yes on a public holiday where the customer is, else no",
        lambda s: "yes" if is_holiday(s.entry.date, s.country, s.region) else "no",
    ),
    "estimate_hours": _at("seconds", "ticket.estimate_hours", "estimated hours of the ticket"),
    "ticket_hours": _at(
        "seconds", "ticket_seconds", "hours of the ticket up to and with the entry"
    ),
    "entry_hours": _at("seconds", "entry.seconds", "hours of the entry"),
}


#: Facts that are words or texts: lines of a field ask for them.
WORD_FACTS = tuple(name for name, fact in FACTS.items() if fact.kind != "seconds")


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

    @property
    def possible(self) -> frozenset[int]:
        """Codes that some work can have: those that a line gives."""
        return frozenset(source.code for source in self.sources)

    def code(self, subject: Subject) -> int:
        for source in self.sources:
            if all(clause.holds(subject) for clause in source.clauses):
                return source.code
        raise AssertionError("the last source of a field always holds")

    def facts(self) -> set[str]:
        return {clause.fact for source in self.sources for clause in source.clauses}


_HOUR = 3600

#: Seconds; more than any number that can be written in a file.
_MOST = 10**16


class NumberField(NamedTuple):
    """A field whose numbers are cut into numbered intervals at the rules' thresholds.

    Code ``2i+1`` is threshold ``i`` itself, the even codes are the open stretches around it.
    """

    name: str
    fact: str
    thresholds: tuple[int, ...]
    """Seconds, ascending."""
    low: int | None = None
    """Seconds; no fact is expected below it."""
    high: int | None = None
    """Seconds; no fact is expected above it."""

    @property
    def size(self) -> int:
        return 2 * len(self.thresholds) + 1

    @property
    def possible(self) -> frozenset[int]:
        """Codes that some work can have: those of whole seconds within the limits."""
        return frozenset(code for code in range(self.size) if self._span(code))

    def number_in(self, code: int) -> int:
        """Seconds that have ``code``: a whole number of hours if there is one, else the least.

        Raises ``IndexError`` where ``code`` is none of :attr:`possible`.
        """
        span = self._span(code)
        hour = -(-span[0] // _HOUR) * _HOUR
        return hour if hour in span else span[0]

    def _span(self, code: int) -> range:
        """The seconds that have ``code``."""
        low, high = self.low or 0, _MOST if self.high is None else self.high
        position, exact = divmod(code, 2)
        if exact:
            low, high = max(low, self.thresholds[position]), min(high, self.thresholds[position])
        else:
            if position:
                low = max(low, self.thresholds[position - 1] + 1)
            if position < len(self.thresholds):
                high = min(high, self.thresholds[position] - 1)
        return range(low, high + 1)

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


#: Facts that stand in the entry itself, and in which of its fields.
_OWN = {
    "activity": "activity", "entry_tag": "tags", "employee": "employee", "entry_hours": "seconds",
    "employee_name": "employee",
}  # fmt: skip

#: Facts that an entry has by itself, by its employee or its day; all others lie around it.
_NOT_AROUND = frozenset(
    (*_OWN, "role", "employee_name", "text_has", "weekday", "holiday", "ticket_hours")
) - {"activity"}


class Coder:
    """Reduces subjects to combinations of coded fields; equal facts are reduced once.

    Facts are first looked up all together, a new set of them field by field. Of a text it only
    counts which of the pieces that some field asks for are in it.

    The same facts in two halves, for what sees many entries of a ticket: :meth:`around` is the
    same for all entries of a ticket and project, :meth:`own` is what the entry itself adds.
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
        self._around = [_reader_around(name, fields) for name in asked if name not in _NOT_AROUND]
        self._days = [name for name in ("weekday", "holiday") if name in asked]
        self._by_plan = "plan" in asked
        self._by_ticket_hours = [
            field
            for field in fields
            if isinstance(field, NumberField) and field.fact == "ticket_hours"
        ]
        self._own = _own_reader(asked, fields)

    def combination(self, subject: Subject) -> tuple[int, ...]:
        facts = (*self._plain(subject), *[read(subject) for read in self._reads])
        found = self._known.get(facts)
        if found is None:
            found = self._known[facts] = self._reduced(subject, facts)
        return found

    def around(self, subject: Subject) -> tuple[object, ...]:
        """What matters of the ticket, the project, the customer and the contract."""
        return tuple([read(subject) for read in self._around])

    @property
    def counts_tickets(self) -> bool:
        """Whether some field looks at the time of tickets."""
        return bool(self._by_ticket_hours)

    def own(self, worked: Mapping[str, int]) -> Own:
        """What matters of an entry itself, given the role of who worked; the last argument stands
        for what matters of its day. ``worked`` is what :func:`ticket_seconds` gives."""
        own, fields = self._own, self._by_ticket_hours
        if not fields:
            return own
        return lambda entry, role, day: (
            own(entry, role, day),
            *[field.code_of(worked[entry.id]) for field in fields],
        )

    def cuts(self, subject: Subject) -> tuple[date, ...]:
        """Days on which something around ``subject`` changes, ascending."""
        if not self._by_plan:
            return ()
        days = {first for _, first, _ in _plan_days(subject)}
        days |= {last + _ONE_DAY for _, _, last in _plan_days(subject) if last < date.max}
        return tuple(sorted(days))

    def of_day(self, day: date, country: str, region: str) -> tuple[object, ...]:
        """What matters of an entry's day."""
        facts = {"weekday": day.weekday(), "holiday": False}
        if "holiday" in self._days:
            facts["holiday"] = is_holiday(day, country, region)
        return tuple([facts[name] for name in self._days])

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

#: What matters of an entry itself, its employee's role and its day.
Own = Callable[[Entry, str, int], tuple[object, ...]]

_ONE_DAY = timedelta(days=1)


def _all_at(paths: tuple[str, ...]) -> Callable[[Subject], tuple[object, ...]]:
    """The values at dotted ``paths`` of a subject."""
    if len(paths) > 1:
        return attrgetter(*paths)
    return lambda subject: tuple([attrgetter(path)(subject) for path in paths])


def _attributes(names: Sequence[str]) -> Callable[[Entry], object]:
    """The values of fields of an entry."""
    return attrgetter(*names) if names else lambda entry: None


def _reader(
    name: str, fields: tuple[VocabularyField, ...]
) -> Callable[[Subject], str | tuple[str, ...] | int]:
    """What of fact ``name`` matters to ``fields``."""
    read = FACTS[name].read
    if FACTS[name].kind != "text":
        return read
    in_text = _pieces_in(_pieces(name, fields))
    return lambda subject: in_text(str(read(subject)))


def _reader_around(name: str, fields: tuple[VocabularyField, ...]) -> Callable[[Subject], object]:
    """What of fact ``name`` matters to ``fields``, without what the entry itself says."""
    if name == "activity":
        return lambda subject: subject.ticket.activity
    if name == "plan":
        return _plan_days
    asking = [field for field in fields if name in field.facts()]
    numbers = [field for field in asking if isinstance(field, NumberField)]
    read = _reader(name, fields)
    if len(numbers) < len(asking):
        return read

    def intervals(subject: Subject) -> object:
        value = read(subject)
        assert isinstance(value, int)
        return tuple([field.code_of(value) for field in numbers])

    return intervals


def _own_reader(asked: Sequence[str], fields: tuple[VocabularyField, ...]) -> Own:
    """See :meth:`Coder.own`: only what is asked is read, for there are many entries."""
    of_entry = _attributes([_OWN[name] for name in asked if name in _OWN])
    in_text = _pieces_in(_pieces("text_has", fields)) if "text_has" in asked else None
    if in_text is None and "role" not in asked:
        return lambda entry, role, day: (of_entry(entry), day)
    if in_text is None:
        return lambda entry, role, day: (of_entry(entry), day, role)
    if "role" not in asked:
        return lambda entry, role, day: (of_entry(entry), day, in_text(entry.text))
    return lambda entry, role, day: (of_entry(entry), day, in_text(entry.text), role)


def _pieces(name: str, fields: tuple[VocabularyField, ...]) -> tuple[str, ...]:
    """What ``fields`` look for in the text ``name``."""
    found = {
        value
        for field in fields
        if isinstance(field, WordField)
        for source in field.sources
        for clause in source.clauses
        if clause.fact == name
        for value in clause.values
    }
    return tuple(sorted(found))


def _pieces_in(pieces: tuple[str, ...]) -> Callable[[str], tuple[str, ...]]:
    """Which of ``pieces`` are in a text."""

    def pieces_in(text: str) -> tuple[str, ...]:
        folded = text.casefold()
        for piece in pieces:
            if piece in folded:
                return tuple([piece for piece in pieces if piece in folded])
        return ()  # most texts have none

    return pieces_in
