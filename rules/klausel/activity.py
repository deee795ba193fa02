"""The activity record: every entry behind a draft, to the second (semantics 15).

A draft's record has three kinds of time: what its lines bill, what was drawn from balances, and
what costs nothing. What costs money stands with its line. The rest stands in the record of the
first invoice of its contract that is due after the window that decided it, so that each part is in
one record once. Beside them stands what waits. Internal time is in no record.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Literal, NamedTuple

from klausel.model import Contract, Customer, Employee, Entry, Project, Ticket, natural
from klausel.policy.ir import Employees, text_in
from klausel.result import Draft, Line, Part, Result
from klausel.texts import language_of

Kind = Literal["billed", "drawn", "free", "held"]

#: Dispositions that no customer sees, or that nobody settles.
NEVER = frozenset(("internal", "written_off", "billed_elsewhere", "uncovered"))


class Row(NamedTuple):
    """A part of an entry. Seconds are as worked, ``rounded`` as billed or drawn."""

    entry: str
    day: date
    who: str
    """As the setting says: name, initials or role; empty where that is not known."""
    project: str
    ticket: str
    """Title."""
    activity: str
    text: str
    disposition: str
    seconds: int
    rounded: int
    lot: str = ""
    drawn: int = 0
    """Seconds that the lot lost; 3600 a request where ``Section.requests``."""
    before: int | None = None
    after: int | None = None
    late: bool = False
    held: str = ""
    """What it waits for."""


class Section(NamedTuple):
    """Rows that have one fate, with their sums in seconds."""

    kind: Kind
    title: str
    """The line's description, or the plan; empty where the kind says it."""
    line: Line | None
    rows: tuple[Row, ...]
    requests: bool = False
    """Drawn from a quota: requests are counted, not hours."""

    @property
    def seconds(self) -> int:
        return sum(row.seconds for row in self.rows)

    @property
    def rounded(self) -> int:
        return sum(row.rounded for row in self.rows)

    @property
    def drawn(self) -> int:
        return sum(row.drawn for row in self.rows)

    @property
    def projects(self) -> bool:
        """Whether rows are of more than one project, which each of them then names."""
        return len({row.project for row in self.rows}) > 1


class Movement(NamedTuple):
    """One lot in one record, in seconds: before - drawn + other = after."""

    contract: str
    title: str
    lot: str
    requests: bool
    before: int
    drawn: int
    other: int
    """What it gained or lost between the draws: hours that came, expired, or repaid a deficit."""
    after: int


class Record(NamedTuple):
    """The record of one draft."""

    draft: Draft
    contracts: tuple[Contract, ...]
    first: date
    """First and last day of what it lists."""
    last: date
    sections: tuple[Section, ...]
    movements: tuple[Movement, ...]

    def of(self, *kinds: Kind) -> Iterator[Section]:
        return (section for section in self.sections if section.kind in kinds)

    @property
    def seconds(self) -> int:
        """Seconds worked, without what waits."""
        return sum(section.seconds for section in self.of("billed", "drawn", "free"))


class CustomerRecord(NamedTuple):
    """All records of one customer in one run."""

    customer: Customer
    language: str
    company: str
    as_of: date
    records: tuple[Record, ...]


def records(result: Result, employees: Employees | None = None) -> tuple[CustomerRecord, ...]:
    """Records of all drafts of ``result``, customer by customer; ``employees`` takes the place of
    what the policies say of naming them."""
    found = _Finder(result, employees).find()
    book = result.book
    whole = []
    for id_, some in found.items():
        customer = book.customers.get(id_, Customer(id_))
        language = language_of(customer.language, *book.company.languages)
        whole.append(
            CustomerRecord(customer, language, book.company.name, result.as_of, tuple(some))
        )
    return tuple(whole)


class _Finder:
    """Puts every part in its record."""

    def __init__(self, result: Result, employees: Employees | None) -> None:
        self._result = result
        self._book = result.book
        self._employees = employees
        self._contracts = {contract.code: contract for contract in result.book.contracts}
        self._entries = {entry.id: entry for entry in result.book.entries}
        self._drafts = {line.key: draft.key for draft in result.drafts for line in draft.lines}

    def find(self) -> dict[str, list[Record]]:
        lines: dict[str, list[tuple[Entry, Part]]] = defaultdict(list)
        parts: dict[str, list[tuple[Entry, Part, bool]]] = defaultdict(list)
        known = {str(key): draft for key, draft in self._drafts.items()}
        for entry_id, some in self._result.entries:
            for part in some:
                if part.line in known:
                    lines[part.line].append((self._entries[entry_id], part))
                    continue
                place, late = self._place(entry_id, part)
                if place:
                    parts[place].append((self._entries[entry_id], part, late))
        found: dict[str, list[Record]] = {}
        for draft in self._result.drafts:
            record = self._record(draft, lines, parts[draft.key])
            found.setdefault(draft.customer, []).append(record)
        return found

    def _place(self, entry_id: str, part: Part) -> tuple[str, bool]:
        """The draft whose record has a part that is on no line of this run, and whether it is late
        there: another record should have had it."""
        reporting = self._result.reporting.get(part.contract)
        if reporting is None or part.disposition in NEVER or part.uncovered or part.line:
            return "", False
        if part.held:
            waits = bool(reporting.due) and self._entries[entry_id].date < reporting.due[-1]
            return (reporting.draft if waits else ""), False
        if part.closes is None:
            return "", False
        before = _after(reporting.recorded, part.closes)
        # A record that a customer has keeps its time, though an invoice that was due before it
        # should come later (a lot that is entered late): unless its own invoice is gone.
        had = part.settled and before is not None
        day = _after(reporting.again if had else reporting.due, part.closes)
        if before is not None and (day is None or before <= day):
            return (reporting.draft if not part.settled else ""), True
        return (reporting.draft if day is not None else ""), part.late

    # -- one record --------------------------------------------------------------------------------

    def _record(
        self,
        draft: Draft,
        on_lines: dict[str, list[tuple[Entry, Part]]],
        parts: Sequence[tuple[Entry, Part, bool]],
    ) -> Record:
        codes = dict.fromkeys(line.key.contract for line in draft.lines)
        contracts = tuple(self._contracts[code] for code in codes)
        sections = [self._billed(line, on_lines[str(line.key)]) for line in draft.lines]
        sections = [section for section in sections if section.rows]
        drawn: dict[tuple[str, str, str], list[tuple[Entry, Part, bool]]] = defaultdict(list)
        free = []
        held = []
        for entry, part, late in parts:
            if part.held:
                held.append(self._row(part.contract, entry, part, False))
            elif part.lot:
                drawn[part.contract, part.term, part.component].append((entry, part, late))
            else:
                free.append(self._row(part.contract, entry, part, late))
        movements: list[Movement] = []
        for place in sorted(drawn, key=lambda place: tuple(map(natural, place))):
            section = self._drawn(place, drawn[place])
            sections.append(section)
            movements += _movements(place[0], section)
        for kind, rows in (("free", free), ("held", held)):
            if rows:
                sections.append(Section(kind, "", None, _in_order(rows)))  # type: ignore[arg-type]
        days = [row.day for section in sections for row in section.rows if section.kind != "held"]
        days = days or [day for line in draft.lines for day in (line.first, line.last)]
        return Record(
            draft, contracts, min(days), max(days), tuple(sections), tuple(movements)
        )  # fmt: skip

    def _billed(self, line: Line, parts: Sequence[tuple[Entry, Part]]) -> Section:
        """The time of one line: its own shares, so that their sum is its quantity."""
        known: dict[str, Part] = {entry.id: part for entry, part in parts}
        rows = []
        for share in line.entries:
            entry = self._entries.get(share.entry) or _gone(share.entry, line.first)
            part = known.get(share.entry) or Part("service", "", 0, 0)
            part = part._replace(seconds=share.seconds, rounded=share.rounded, drawn=0, lot="")
            rows.append(self._row(line.key.contract, entry, part, line.late))
        return Section("billed", line.description, line, _in_order(rows))

    def _drawn(
        self, place: tuple[str, str, str], parts: Iterable[tuple[Entry, Part, bool]]
    ) -> Section:
        """What was drawn from the lots of one component, in the order of drawing."""
        code, term_id, component = place
        contract = self._contracts[code]
        policy = self._book.policies[contract.policy]
        plan = next(policy.plans[term.plan] for term in contract.terms if term.id == term_id)
        kinds = {found.id: found.kind for found in plan.components}
        ordered = sorted(parts, key=lambda found: (found[1].turn, found[0].date))
        rows = tuple(self._row(code, entry, part, late) for entry, part, late in ordered)
        customer = self._book.customers.get(self._book.root(contract.customer), Customer(""))
        language = language_of(customer.language, *self._book.company.languages)
        title = text_in(plan.title, language, plan.name)
        return Section("drawn", title, None, rows, kinds.get(component) == "quota")

    def _row(self, contract: str, entry: Entry, part: Part, late: bool) -> Row:
        book = self._book
        ticket = book.tickets.get(entry.ticket, Ticket(""))
        project = book.projects.get(entry.project or ticket.project, Project(""))
        return Row(
            entry.id,
            entry.date,
            self._who(contract, book.employees.get(entry.employee), entry.date),
            project.name or project.id,
            ticket.title or ticket.id,
            entry.activity or ticket.activity,
            entry.text,
            part.disposition,
            part.seconds,
            part.rounded,
            part.lot,
            part.drawn,
            part.before,
            part.after,
            late or part.late,
            part.held,
        )

    def _who(self, contract: str, employee: Employee | None, day: date) -> str:
        if employee is None:
            return ""
        policy = self._book.policies[self._contracts[contract].policy]
        shown = self._employees or policy.employees
        if shown == "role":
            return employee.on(day)
        name = employee.name or employee.id
        if shown == "initials":
            return "".join(word[0].upper() for word in name.replace("-", " ").split())
        return name


def _movements(contract: str, section: Section) -> Iterator[Movement]:
    """What a record's draws made of each lot; lots whose balance is not known are left out."""
    lots: dict[str, list[Row]] = defaultdict(list)
    for row in section.rows:
        lots[row.lot].append(row)
    for lot, rows in lots.items():
        before, after = rows[0].before, rows[-1].after
        if before is None or after is None or any(row.after is None for row in rows):
            continue
        drawn = sum(row.drawn for row in rows)
        yield Movement(
            contract, section.title, lot, section.requests, before, drawn,
            after - before + drawn, after,
        )  # fmt: skip


def _after(days: Sequence[date], day: date) -> date | None:
    """The first of ``days``, which are in order, after ``day``."""
    number = bisect_right(days, day)
    return days[number] if number < len(days) else None


def _in_order(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: (row.day, natural(row.entry))))


def _gone(id_: str, day: date) -> Entry:
    """Stands for an entry that is billed and no longer there."""
    return Entry(id_, day, "", "", "", "", 0, "", "", (), True, "", "")
