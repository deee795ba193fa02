"""Rows -> book: typed records, references checked, every problem of the book collected.

Pure: takes lines and rows, opens nothing. The embedded book, scenarios and the Odoo connector
all build their books here, so that one set of checks holds for all of them.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import islice, tee
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, ConfigDict, field_validator, model_validator
from pydantic import Field as ShapeField

from klausel import currency, dialects, model
from klausel.charges.milestone import MilestoneShape
from klausel.dialects import Grid, Sheet, Text
from klausel.doubts import hours_in_thousands, thousands
from klausel.fields import TABLES, Table
from klausel.model import (
    Book,
    Company,
    Contract,
    Coverage,
    Dated,
    Entry,
    LedgerKey,
    LedgerRow,
    Term,
    made,
    natural,
)
from klausel.money import quantity, shortest
from klausel.policy import Policy, load_policy
from klausel.policy.load import POLICY_FILE
from klausel.problems import Problem, ProblemError, Where, listed, near, problem, sorted_problems
from klausel.publishing import differing
from klausel.rows import AT_ONCE, BadValue, Columns, Read
from klausel.shapes import (
    BusinessDay,
    Months,
    Number,
    Shape,
    Words,
    complain,
    date_hint,
    parse_date,
    parse_number,
    shaped,
)
from klausel.sheet import unguarded_rows
from klausel.terms import TERM_WORDS, BoundContract, BoundTerm, bind_contract, farthest
from klausel.tree import Path, Tree, parse
from klausel.words import SPOKEN, unknown

_DAY = 24 * 3600
_WORKED_ON = attrgetter("employee", "date")
_LENGTH_HINTS = (
    "write a {between} for every field, also for empty ones: one{sign}{sign}three",
    'put text that has a {between} in it in double quotes: "one{sign} two"',
)
_NOTHING: Mapping[str, Any] = {}
#: Fields of ledger rows by kind.
_DECIMALS = ("rate", "amount", "invoiced", "quantity", "discount")
_DAYS = ("counted", "last")
_POLICY_NAME = re.compile(r"(?m)^policy:\s*[\"']?([\w-]+)")

RECORDS: dict[str, type[Any]] = {
    "customers": model.Customer,
    "projects": model.Project,
    "tickets": model.Ticket,
    "employees": model.Employee,
    "entries": Entry,
    "purchases": model.Purchase,
    "items": model.Item,
    "acceptances": model.Acceptance,
    "approvals": model.Approval,
    "overrides": model.Override,
    "openings": model.Opening,
}


#: By kind of a column: what is doubtful in it.
_DOUBTS = {"number": thousands, "hours": hours_in_thousands}

#: Rows with their places, by contract and term.
_ByTerm = defaultdict[tuple[str, str], list[tuple[Any, Where]]]


class _Lost(NamedTuple):
    """A policy that could not be read: its folder's own name, names that contracts may have for
    it, and why."""

    folder: str
    names: frozenset[str]
    problems: tuple[Problem, ...]


class _Taken(NamedTuple):
    """What a builder knew before a file was read."""

    kept: _Kept
    problems: int
    bad_rows: int
    doubts: int
    unread: set[str]
    bad_ids: set[str]


class _Kept(NamedTuple):
    """Records of one table with the lines they stand in."""

    records: list[Any]
    lines: list[int]
    file: str

    def where(self, number: int) -> Where:
        return Where(self.file, self.lines[number])


# --- contracts.yaml and book.yaml -----------------------------------------------------------


_COVERS_HINT = "write covers: customer, or {projects: [...]}, or {tickets: [...]}"


class CoversShape(Shape):
    projects: Words = ()
    tickets: Words = ()

    @model_validator(mode="after")
    def _one_kind(self) -> CoversShape:
        if bool(self.projects) == bool(self.tickets):
            raise complain("covers names either projects or tickets", _COVERS_HINT)
        return self


def _covers(value: object) -> object:
    """``customer`` is the whole customer; a mapping names projects or tickets."""
    if value == "customer":
        return None
    if value is None:
        raise complain('"covers" has no value', _COVERS_HINT)
    if isinstance(value, str):
        raise complain(f'"covers": {value} is not known', _COVERS_HINT)
    return value


class TermShape(Shape):
    model_config = ConfigDict(extra="allow", frozen=True)

    id: str
    plan: str
    product: str | None = None
    priority: int = 0
    first: BusinessDay | None = ShapeField(default=None, alias="from")
    until: BusinessDay | None = None
    discount: Number = Decimal(0)
    takes: Words = ("service",)

    @field_validator("discount")
    @classmethod
    def _percent(cls, value: Decimal) -> Decimal:
        if not 0 <= value <= 100:
            raise complain("a discount is between 0 and 100 percent", "write it as: 10")
        return value

    @field_validator("takes")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = ("service", "change", "third_party")
        for word in value:
            if word not in known:
                raise complain(
                    f'a term cannot take "{word}"', near(word, known) or f"write: {listed(known)}"
                )
        return value


class ContractShape(Shape):
    code: str
    customer: str
    currency: str | None = None
    start: BusinessDay
    end: BusinessDay | None = None
    minimum_term: Months = 0
    notice: Months = 0
    renewal: Months = 0
    sla: str | None = None
    attributes: dict[str, str] = ShapeField(default_factory=dict)
    policy: str
    covers: Annotated[CoversShape | None, BeforeValidator(_covers)] = None
    po_number: str | None = None
    terms: list[dict[str, Any]] = ShapeField(default_factory=list)


class BookShape(Shape):
    company: str = "Company"
    currency: str = "EUR"
    quantity_digits: int = ShapeField(default=2, ge=0, le=6)
    rounding_method: Literal["global", "line"] = "global"
    languages: tuple[str, ...] = ("en",)
    country: str | None = None
    region: str | None = None
    currencies: dict[str, Annotated[int, ShapeField(ge=0, le=6)]] = ShapeField(default_factory=dict)


assert set(TERM_WORDS) == {f.alias or n for n, f in TermShape.model_fields.items()}


class BookBuilder:
    """Collects what a book is made of and checks it as a whole in :meth:`build`."""

    def __init__(self, any_day: bool = False) -> None:
        """``any_day``: rows may be of years that nobody means, as tests of policies are."""
        self._any_day = any_day
        self._company = Company()
        self._tables: dict[str, _Kept] = {
            name: _Kept([], [], table.file) for name, table in TABLES.items()
        }
        self._contracts: list[Contract] = []
        self._policies: dict[str, Policy] = {}
        self._ledger: list[LedgerRow] = []
        self._sequences: Mapping[str, int] = {}
        self._published: Mapping[str, model.PublishedPolicy] = {}
        self._documents: tuple[model.Documents, ...] = ()
        self._problems: list[Problem] = []
        self._bad_rows: list[tuple[str, Mapping[str, str], Problem]] = []
        self._lost_policies: list[_Lost] = []
        self._homes: dict[str, tuple[str, str]] = {}
        """Names of policies -> their folders' own names, and the folders."""
        self._owners: dict[str, str] = {}
        """Contract's code -> customer, of bad contracts too."""
        self._places: list[tuple[Tree, Path, list[int]]] = []
        """Of the contracts, in their order; the numbers of their terms in the file."""
        self._bad_ids: defaultdict[str, set[str]] = defaultdict(set)
        """Ids of rows and contracts that stand in the book and are bad: no reference is wrong
        because of them."""
        self._lacking: set[str] = set()
        """Tables without a file."""
        self._doubts: list[Problem] = []
        """Warnings about numbers in files: nothing to say of where money has three digits."""
        self._unread: set[str] = set()
        """Tables with rows that could not be read: references to them cannot be checked."""
        self._home = ""
        """Where what rows refer to is kept, if it is not in the book's own files."""

    # -- feeding ---------------------------------------------------------------------------

    def say(self, found: Problem) -> None:
        """Adds a problem that the reader itself met."""
        self._problems.append(found)

    def lose(self, found: Problem) -> None:
        """Adds a problem of a file that is not read, or not as a whole."""
        self._problems.append(found)
        self._unread |= {name for name, table in TABLES.items() if table.file == found.where.file}
        if found.where.file == _file_of("contracts"):
            self._unread.add("contracts")

    def lack(self, record: str) -> None:
        """Says that the book has no file of ``record``."""
        self._lacking.add(record)

    def lose_policy(self, name: str, problems: Sequence[Problem], text: str = "") -> None:
        """Says that the policy in folder ``name`` is there and could not be read; ``text`` is that
        of its policy.yaml."""
        names = frozenset((name, *_POLICY_NAME.findall(text)))
        self._lost_policies.append(_Lost(name, names, tuple(problems)))

    def set_company(self, company: Company) -> None:
        self._company = company

    def add_book_file(self, text: str, file: str) -> None:
        """``book.yaml``."""
        tree = parse(text, file)
        self._problems += tree.doubts
        if tree.problems:
            self._problems += tree.problems
            return
        shape = shaped(BookShape, tree, tree.data or {}, ())
        if isinstance(shape, list):
            self._problems += shape
            return
        for name in (shape.currency, *shape.currencies):
            if not currency.known(name):
                place: Path = ("currencies", name) if name in shape.currencies else ("currency",)
                self.say(problem("value-currency", tree.where(place), field="currency", value=name))
        self._company = Company(
            name=shape.company,
            currency=shape.currency,
            quantity_digits=shape.quantity_digits,
            rounding_method=shape.rounding_method,
            languages=shape.languages,
            country=shape.country or "",
            region=shape.region or "",
            currencies=shape.currencies,
        )

    def add_csv(self, record: str, lines: Iterable[str], file: str) -> None:
        """A CSV file of ``record``; the first line names the columns, in any order."""
        table = TABLES[record]
        lines, again = tee(lines)
        reader = csv.reader(lines, strict=True)
        try:
            header = next(reader, None)
        except csv.Error as error:
            self.lose(_csv_broken(Where(file, 1), error))
            return
        known = [field.column for field in table.fields]
        if not header:
            self.lose(problem("csv-empty", Where(file, 1), known=",".join(known)))
            return
        header = [name.strip() for name in header]
        if not self._header_ok(record, header, Where(file, 1)):
            return
        self._tables[record] = _Kept([], [], file)
        deque(islice(again, reader.line_num), maxlen=0)
        columns = Columns(table, header)
        for numbers, written in self._csv_rows(reader, again, len(header), file):
            rows = unguarded_rows(written)
            self._add_some(record, header, numbers, rows, columns)
            self._doubt(record, header, zip(numbers, rows, strict=True), file)

    def add_table(
        self, record: str, lines: Iterable[str], file: str, text: Callable[[], Text]
    ) -> None:
        """A CSV file of ``record``: its ``lines`` as they stand or, where they are not those of a
        book, as a spreadsheet may have saved them (semantics 1). ``text`` is that of all the file.

        Raises as ``lines`` and ``text`` do.
        """
        before = _Taken(
            self._tables[record], len(self._problems), len(self._bad_rows), len(self._doubts),
            set(self._unread), set(self._bad_ids[record]),
        )  # fmt: skip
        unread = False
        try:
            self.add_csv(record, lines, file)
        except UnicodeDecodeError:
            unread = True
        if not unread and before[1:3] == (len(self._problems), len(self._bad_rows)):
            return
        grid = dialects.laid_out(text(), TABLES[record])
        sheet = dialects.understand(TABLES[record], grid)
        if unread or sheet.said or sheet.read:
            self._take_back(record, before)
            self._add_sheet(record, grid, sheet, file)

    def _take_back(self, record: str, before: _Taken) -> None:
        """Forgets what was added since."""
        self._tables[record] = before.kept
        del self._problems[before.problems :]
        del self._bad_rows[before.bad_rows :]
        del self._doubts[before.doubts :]
        self._unread = before.unread
        self._bad_ids[record] = before.bad_ids

    def _add_sheet(self, record: str, grid: Grid, sheet: Sheet, file: str) -> None:
        header = grid.header[: sheet.width]
        where = Where(file, grid.line)
        if not header:
            known = ",".join(field.column for field in TABLES[record].fields)
            self.lose(problem("csv-empty", where, known=known))
        elif self._header_ok(record, header, where):
            if sheet.said:
                self.say(problem("sheet-read", where, said=", ".join(sheet.said)))
            expected, rows = len(grid.header), []
            for line, row in grid.rows:
                if len(row) != expected:
                    self._say_length(Where(file, line), len(row), expected, grid.between)
                elif any(map(str.strip, row)):
                    rows.append((line, row[: sheet.width]))
            self.add_rows(record, header, rows, file, sheet.read)
            self._doubt(record, header, rows, file, sheet.read)
        if grid.broken is not None:
            line, error = grid.broken
            self.lose(_csv_broken(Where(file, line), error))

    def _say_length(self, where: Where, found: int, expected: int, between: str) -> None:
        sign = dialects.SIGNS[between]
        hint = _LENGTH_HINTS[found > expected].format(between=between, sign=sign)
        self.lose(problem("csv-row-length", where, found=found, expected=expected, hint=hint))

    def _doubt(
        self,
        record: str,
        header: Sequence[str],
        rows: Iterable[tuple[int, Sequence[str]]],
        file: str,
        read: Mapping[str, Read] = dialects.PLAIN,
    ) -> None:
        """Warns about numbers in ``rows`` but for those in columns that ``read`` makes plain."""
        doubted = [
            (header.index(field.column), field.column, _DOUBTS[field.kind])
            for field in TABLES[record].fields
            if record != "entries" and field.kind in _DOUBTS and field.column in header
            and field.column not in read
        ]  # fmt: skip
        for line, row in rows if doubted else ():
            for place, column, doubt in doubted:
                found = doubt(row[place], Where(file, line), column)
                if found is not None:
                    self._doubts.append(found)

    def _csv_rows(
        self, reader: Any, again: Iterator[str], expected: int, file: str
    ) -> Iterator[tuple[Sequence[int], Sequence[Sequence[str]]]]:
        """Some rows at a time, with the lines in which they begin.

        ``again`` are the reader's lines once more: rows of one line each need no counting, others
        are gone through singly.
        """
        while True:
            line = reader.line_num
            try:
                rows = list(islice(reader, AT_ONCE))
            except csv.Error:
                rows = None
            read = reader.line_num - line
            if rows is not None and len(rows) == read and {*map(len, rows)} == {expected}:
                deque(islice(again, read), maxlen=0)
                yield range(line + 1, line + 1 + read), rows
            elif rows == []:
                return
            else:
                some = again if rows is None else islice(again, read)
                found = list(self._single_rows(some, line, expected, file))
                if found:
                    numbers, texts = zip(*found, strict=True)
                    yield numbers, texts
                if rows is None:
                    return

    def _single_rows(
        self, lines: Iterable[str], before: int, expected: int, file: str
    ) -> Iterator[tuple[int, Sequence[str]]]:
        reader = csv.reader(lines, strict=True)
        line = before
        try:
            for row in reader:
                first, line = line + 1, before + reader.line_num
                if len(row) != expected:
                    if row:
                        self._say_length(Where(file, first), len(row), expected, "comma")
                    continue
                yield first, row
        except csv.Error as error:
            self.lose(_csv_broken(Where(file, line + 1), error))

    def _header_ok(self, record: str, header: Sequence[str], where: Where) -> bool:
        before = len(self._problems)
        table = TABLES[record]
        known = [field.column for field in table.fields]
        if not any(name in known or near(name, known) for name in header):
            self.lose(problem("csv-empty", where, known=",".join(known)))
            return False
        for number, name in enumerate(header):
            if name not in known:
                hint = near(name, known) or f"columns here: {', '.join(known)}"
                hint = hint if name else "name it, or remove a comma too many from the first line"
                self.lose(problem("csv-column-unknown", where, column=name, hint=hint))
            elif name in header[:number]:
                self.lose(problem("csv-column-doubled", where, column=name))
        for field in table.fields:
            if field.required and field.column not in header:
                self.lose(problem("csv-column-missing", where, column=field.column))
        return len(self._problems) == before

    def add_rows(
        self,
        record: str,
        header: Sequence[str],
        rows: Iterable[tuple[int, Sequence[str]]],
        file: str,
        read: Mapping[str, Read] = dialects.PLAIN,
    ) -> None:
        """Rows of text values under ``header``; ``(line, values)`` each. ``read`` makes cells of
        some columns plain."""
        self._tables[record] = self._tables[record]._replace(file=file)
        columns = Columns(TABLES[record], header, self._any_day, read)
        left = iter(rows)
        while some := list(islice(left, AT_ONCE)):
            lines, texts = zip(*some, strict=True)
            self._add_some(record, header, lines, texts, columns)

    def _add_some(
        self,
        record: str,
        header: Sequence[str],
        lines: Sequence[int],
        rows: Sequence[Sequence[str]],
        columns: Columns,
    ) -> None:
        """Rows with the lines in which they begin."""
        make = RECORDS[record]
        kept = self._tables[record]
        try:
            values = columns.values(rows)
        except BadValue:
            self._add_singly(record, header, zip(lines, rows, strict=True), columns)
            return
        if issubclass(make, tuple):
            kept.records.extend(map(partial(made, make), zip(*values, strict=False)))
        else:
            kept.records.extend(map(make, *values))
        kept.lines.extend(lines)

    def _add_singly(
        self,
        record: str,
        header: Sequence[str],
        rows: Iterable[tuple[int, Sequence[str]]],
        columns: Columns,
    ) -> None:
        """Rows of which some have a value that cannot be; each says what is wrong with it."""
        make = RECORDS[record]
        kept = self._tables[record]
        for line, row in rows:
            values, errors = columns.row(row)
            if not errors:
                kept.records.append(make(*values))
                kept.lines.append(line)
                continue
            raw = dict(zip(header, row, strict=False))
            for error in errors:
                found = problem(error.code, Where(kept.file, line), **error.parts)
                self._bad_rows.append((record, raw, found))
            if "id" in header:
                self._bad_ids[record].add(row[header.index("id")].strip())

    def add_records(self, record: str, records: Iterable[Any], file: str) -> None:
        """Finished records from elsewhere; problems then name ``file`` and the record's id."""
        kept = _Kept(list(records), [], file)
        kept.lines.extend([0] * len(kept.records))
        self._tables[record] = kept

    def add_contracts_file(self, text: str, file: str) -> None:
        """``contracts.yaml``: a list of contracts."""
        tree = parse(text, file)
        self._problems += tree.doubts
        if tree.problems:
            self._problems += tree.problems
            self._unread.add("contracts")
            return
        if not isinstance(tree.data, (list, type(None))):
            self.lose(
                problem(
                    "shape", tree.where(()), reason="this file should be a list of contracts",
                    hint="write each contract as lines that begin with: - code:",
                )
            )  # fmt: skip
            return
        for number, data in enumerate(tree.data or ()):
            self.add_contract(data, tree, (number,))

    def add_contract(self, data: Any, tree: Tree, path: Path) -> None:
        """One contract, given as plain data found at ``path`` of ``tree``."""
        owner = str(data.get("customer") or "") if isinstance(data, dict) else ""
        if isinstance(data, dict) and isinstance(data.get("code"), str):
            self._owners.setdefault(data["code"], owner)
        shape = shaped(ContractShape, tree, data, path)
        if isinstance(shape, list):
            given = data.get("terms") if isinstance(data, dict) else None
            for number, term in enumerate(given if isinstance(given, list) else ()):
                inner = _term(term, tree, (*path, "terms", number))
                shape += inner if isinstance(inner, list) and isinstance(term, dict) else ()
            self._problems += [found._replace(customer=owner) for found in shape]
            return
        numbers: list[int] = []
        terms: list[Term] = []
        problems: list[Problem] = []
        for number, term in enumerate(shape.terms):
            found = _term(term, tree, (*path, "terms", number))
            if isinstance(found, Term):
                self._doubts += _doubts_of(found, shape.customer, tree, (*path, "terms", number))
                if any(other.id == found.id for other in terms):
                    problems.append(
                        problem(
                            "id-doubled", found.where, id=found.id,
                            table=f"contract {shape.code}",
                            line=next(o.where.line for o in terms if o.id == found.id),
                        )
                    )  # fmt: skip
                terms.append(found)
                numbers.append(number)
            else:
                problems += found
        where = tree.where(path)
        code = shape.currency or self._company.currency
        if shape.currency and not currency.known(code):
            at = tree.where((*path, "currency"))
            problems.append(problem("value-currency", at, field="currency", value=code))
        if shape.end is not None and shape.end < shape.start:
            problems.append(
                problem(
                    "contract-dates", tree.where((*path, "end")),
                    contract=shape.code, end=shape.end, start=shape.start,
                )
            )  # fmt: skip
        self._problems += [found._replace(customer=owner) for found in problems]
        if problems:
            self._bad_ids["contracts"].add(shape.code)
        if not any(found.code == "contract-dates" for found in problems):
            # One with a problem is looked at further; its customer is not billed.
            self._contracts.append(_contract(shape, code, tuple(terms), where))
            self._places.append((tree, path, numbers))

    def add_policy(self, folder: str, files: Mapping[str, str], name: str = "") -> None:
        """A policy folder; ``name`` is the folder's own name, for what it leaves unsaid."""
        found = load_policy(folder, files)
        if POLICY_FILE not in files and name:
            self.say(problem("policy-folder-stray", Where(folder), file=POLICY_FILE))
        elif isinstance(found, list):
            self.lose_policy(name, found, files.get(POLICY_FILE, ""))
        elif found.name in self._policies:
            self._add_namesake(folder, found, name)
        else:
            self._homes[found.name] = (name, folder)
            self._policies[found.name] = found
            # Of numbers more is said below, where money has two digits.
            self._doubts += [one for one in found.doubts if one.code != "yaml-comment"]
            self._problems += [one for one in found.doubts if one.code == "yaml-comment"]

    def _add_namesake(self, folder: str, policy: Policy, name: str) -> None:
        """A second folder with a policy of that name: the folder called like it has it, the other
        one is a copy; where none is called so, nobody knows which is meant."""
        called = policy.name
        home, other = self._homes[called]
        if called == name:
            self._policies[called] = policy
            self._homes[called] = (name, folder)
            folder, other = other, folder
        elif called != home:
            reason = f'policy "{called}" stands in two folders, here and in {other}'
            hint = "give each policy a name of its own"
            where = Where(f"{folder}/{POLICY_FILE}")
            found = problem("shape", where, reason=reason, hint=hint)
            self._lost_policies.append(_Lost("", frozenset((called,)), (found,)))
            return
        where = Where(f"{folder}/{POLICY_FILE}")
        self.say(problem("policy-copy", where, name=called, other=other))

    def policies(self) -> tuple[Mapping[str, Policy], list[Problem]]:
        """The policies that were read and have no error, by name, and the errors so far."""
        errors = [
            found
            for found in self._problems
            if found.severity == "error" or found.code == "policy-copy"
        ]
        errors += [found for lost in self._lost_policies for found in lost.problems]
        bad = self._bad_policies()
        return {name: one for name, one in self._policies.items() if name not in bad}, errors

    def _bad_policies(self) -> dict[str, _Lost]:
        """Names that policies have which could not be read; not those of a copy beside one that
        could, in the folder that is called so."""
        found: dict[str, _Lost] = {}
        for lost in self._lost_policies:
            for name in lost.names:
                home = self._homes.get(name, ("", ""))[0]
                if home != name or lost.folder == name:
                    found.setdefault(name, lost)
        return found

    def _say_lost_policies(self, book: Book) -> None:
        """Whoever has a contract with a policy that could not be read waits, the others do not."""
        bad = self._bad_policies()
        first: dict[int, Contract] = {}
        said: set[tuple[int, str]] = set()
        for contract in self._contracts:
            lost = bad.get(contract.policy)
            if lost is None:
                continue
            owner = contract.customer
            here = (id(lost), book.root(owner) if owner in book.customers else owner)
            if id(lost) not in first:
                first[id(lost)] = contract
                self._problems += [found._replace(customer=owner) for found in lost.problems]
            elif here not in said:
                other = lost.problems[0].where
                found = problem(
                    "policy-broken", contract.where, owner,
                    contract=contract.code, policy=contract.policy, other=other,
                )  # fmt: skip
                self.say(found)
            said.add(here)
        for lost in self._lost_policies:
            if id(lost) not in first:
                found = lost.problems[0]
                self.say(problem("policy-left-out", found.where, reason=found.message))

    def add_policies(self, policies: Iterable[Policy]) -> None:
        """Policies that are read already."""
        self._policies |= {policy.name: policy for policy in policies}

    def set_sequences(self, sequences: Mapping[str, int]) -> None:
        """By commercial customer, the number that every change in the ERP raises."""
        self._sequences = sequences

    def set_published(self, policies: Mapping[str, model.PublishedPolicy]) -> None:
        """What the ERP has published of policies, by name."""
        self._published = policies

    def set_documents(self, documents: Iterable[model.Documents]) -> None:
        """Documents in force that differ from the ledger."""
        self._documents = tuple(documents)

    def add_ledger_rows(self, rows: Iterable[LedgerRow]) -> None:
        self._ledger += rows

    # -- checking --------------------------------------------------------------------------

    def build(self) -> Book:
        """The book. Raises :class:`ProblemError` where a problem touches more than a customer.

        Problems of single customers, and warnings, are in ``book.problems``.
        """
        maps = {name: self._unique(name) for name in ("customers", "projects", "tickets")}
        maps["employees"] = self._employees()
        entries = self._unique("entries")
        for name in ("purchases", "items", "acceptances", "approvals"):
            self._unique(name)
        codes = self._unique_contracts()
        known: dict[str, Iterable[str]] = {
            **maps,
            "contracts": codes | self._owners.keys(),
            "entries": entries,
        }
        for name, ids in self._bad_ids.items():
            if name in known:
                known[name] = ids | set(known[name])
        for name, table in TABLES.items():
            self._references(name, table, known)
        self._terms()
        self._check_openings()
        self._check_approvals()
        book = Book(
            company=self._company,
            customers=maps["customers"],
            projects=maps["projects"],
            tickets=maps["tickets"],
            employees=maps["employees"],
            entries=tuple(self._tables["entries"].records),
            contracts=tuple(self._contracts),
            policies=self._policies,
            ledger=last_of_each(self._ledger),
            sequences=self._sequences,
            published=self._published,
            documents=self._documents,
            **{
                name: tuple(self._tables[name].records)
                for name in (
                    "purchases",
                    "items",
                    "acceptances",
                    "approvals",
                    "overrides",
                    "openings",
                )
            },
        )
        self._cycles(book)
        self._unknown_words(book)
        self._say_lost_policies(book)
        self._check_contracts(book)
        self._long_days(book)
        if "entries" in self._lacking:
            self._say_no_entries()
        if currency.digits(book.company, book.company.currency) < 3:
            self._problems += self._doubts
        used = (contract.policy for contract in book.contracts)
        self._problems += differing(book.policies, book.published, used).values()
        for record, raw, found in self._bad_rows:
            self._problems.append(found._replace(customer=self._owner(book, record, raw)))
        roots = {
            found.customer: book.root(found.customer) if found.customer in book.customers else ""
            for found in self._problems
        }
        problems = sorted_problems(
            found._replace(customer=roots[found.customer]) for found in set(self._problems)
        )
        if any(p.severity == "error" and not p.customer for p in problems):
            raise ProblemError(problems)
        return _with_problems(book, problems)

    def openings_of(self, book: Book, home: str = "") -> list[tuple[model.Opening, Where]]:
        """The openings that were added, checked as those of ``book`` itself, with their places.

        ``home`` is where contracts are kept, if not in a book's files. Raises
        :class:`ProblemError` with all that is wrong.
        """
        self._contracts, self._home = list(book.contracts), home
        codes = [contract.code for contract in book.contracts]
        self._references("openings", TABLES["openings"], {"contracts": codes})
        self._terms()
        self._check_openings()
        problems = {*self._problems, *(found for *_, found in self._bad_rows)}
        if any(found.severity == "error" for found in problems):
            raise ProblemError(problems)
        kept = self._tables["openings"]
        return [(record, kept.where(number)) for number, record in enumerate(kept.records)]

    @property
    def warnings(self) -> list[Problem]:
        """What was said so far that keeps nothing from being read."""
        return [found for found in self._problems if found.severity == "warning"]

    def _check_openings(self) -> None:
        """One opening for each lot, and no hours that had expired before their day."""
        kept = self._tables["openings"]
        places: dict[tuple[str, str, str], Where] = {}
        for number, opening in enumerate(kept.records):
            where, raw = kept.where(number), _raw("openings", opening)
            if opening.key in places:
                found = problem(
                    "opening-doubled", where, name=opening.name, other=places[opening.key]
                )
                self._bad_rows.append(("openings", raw, found))
            places.setdefault(opening.key, where)
            last = opening.valid_until
            if last is not None and last < opening.date and opening.seconds > 0:
                found = problem(
                    "opening-expired", where,
                    name=opening.name, valid_until=last, date=opening.date,
                )  # fmt: skip
                self._bad_rows.append(("openings", raw, found))

    def _unique(self, name: str) -> dict[str, Any]:
        kept = self._tables[name]
        by_id = dict(zip(map(attrgetter("id"), kept.records), kept.records, strict=True))
        if len(by_id) == len(kept.records):
            return by_id
        found: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for number, record in enumerate(kept.records):
            if record.id in found:
                self._bad_rows.append(
                    (
                        name,
                        _raw(name, record),
                        problem(
                            "id-doubled", kept.where(number), id=record.id,
                            table=kept.file, line=lines[record.id],
                        ),
                    )
                )  # fmt: skip
                continue
            found[record.id] = record
            lines[record.id] = kept.lines[number]
        return found

    def _employees(self) -> dict[str, model.Employee]:
        """Employees by id, with their later roles: rows with a day in ``since``."""
        kept = self._tables["employees"]
        later: defaultdict[str, list[tuple[date, str, Where]]] = defaultdict(list)
        first = _Kept([], [], kept.file)
        for number, record in enumerate(kept.records):
            if record.since is None:
                first.records.append(record)
                first.lines.append(kept.lines[number])
            else:
                later[record.id].append((record.since, record.role, kept.where(number)))
        if not later:
            return self._unique("employees")
        self._tables["employees"] = first
        found = self._unique("employees")
        for id_, steps in later.items():
            days: dict[date, Where] = {}
            for day, _, where in steps:
                if id_ not in found:
                    self.lose(problem("role-without-first", where, id=id_, day=day))
                elif day in days:
                    said = problem("role-doubled", where, id=id_, day=day, other=days[day])
                    self.lose(said)
                days.setdefault(day, where)
            if id_ in found:
                ordered = tuple(sorted((day, role) for day, role, _ in steps))
                found[id_] = replace(found[id_], later=ordered)
        return found

    def _unique_contracts(self) -> set[str]:
        seen: dict[str, Contract] = {}
        for contract in self._contracts:
            if contract.code in seen:
                self.say(
                    problem(
                        "id-doubled", contract.where, contract.customer, id=contract.code,
                        table="contracts.yaml", line=seen[contract.code].where.line,
                    )
                )  # fmt: skip
            seen.setdefault(contract.code, contract)
        return set(seen)

    def _references(self, name: str, table: Table, known: Mapping[str, Iterable[str]]) -> None:
        kept = self._tables[name]
        for field in table.fields:
            if not field.refers or field.refers in self._unread:
                continue
            ids = known[field.refers]
            read = attrgetter(field.name)
            values = set(map(read, kept.records))
            if all(value == "" or value in ids for value in values if isinstance(value, str)) and (
                field.kind != "tags"
            ):
                continue
            for number, record in enumerate(kept.records):
                value = read(record)
                for one in value if isinstance(value, tuple) else (value,):
                    if one and one not in ids:
                        hint = near(one, ids) if len(one) > 2 else ""
                        home = self._home or _file_of(field.refers)
                        hint = hint or f"add it to {home} or correct it here"
                        found = problem(
                            "reference-unknown", kept.where(number), field=field.column,
                            table=_one_of(field.refers), id=one, hint=hint,
                        )  # fmt: skip
                        self._bad_rows.append((name, _raw(name, record), found))

    def _terms(self) -> None:
        """Terms that purchases, acceptances and openings name stand in their contracts."""
        terms = {
            contract.code: [term.id for term in contract.terms] for contract in self._contracts
        }
        for name in ("purchases", "acceptances", "openings"):
            kept = self._tables[name]
            for number, record in enumerate(kept.records):
                code, id_ = record.contract, record.term
                if code not in terms or code in self._bad_ids["contracts"] or id_ in terms[code]:
                    continue
                hint = near(id_, terms[code]) or f"its terms: {listed(terms[code]) or 'none'}"
                found = problem(
                    "reference-unknown", kept.where(number), field="term",
                    table=f"term in contract {code} called", id=id_, hint=hint,
                )  # fmt: skip
                self._bad_rows.append((name, _raw(name, record), found))

    def _cycles(self, book: Book) -> None:
        for name, records in (("customers", book.customers), ("tickets", book.tickets)):
            done: set[str] = set()
            for id_ in records:
                path: list[str] = []
                current = id_
                while current in records and current not in done and current not in path:
                    path.append(current)
                    current = records[current].parent
                if current in path:
                    kept = self._tables[name]
                    number = next(i for i, r in enumerate(kept.records) if r.id == current)
                    found = problem("parent-cycle", kept.where(number), table=name[:-1], id=current)
                    self.say(found)
                done.update(path)

    def _check_contracts(self, book: Book) -> None:
        purchases, acceptances = self._by_term("purchases"), self._by_term("acceptances")
        openings = self._by_term("openings")
        bad = self._bad_policies()
        for contract, place in zip(book.contracts, self._places, strict=True):
            tree, path, _ = place
            owner = contract.customer
            if owner not in book.customers and not self._doubtful("customers", owner):
                hint = near(owner, book.customers) or "add it to customers.csv or correct it here"
                self.say(
                    problem(
                        "reference-unknown", tree.where((*path, "customer")), field="customer",
                        table="customer", id=owner, hint=hint,
                    )
                )  # fmt: skip
            if contract.policy not in bad:
                at = partial(_place, *place)
                bound = bind_contract(contract, book.policies, book.company, at)
                if isinstance(bound, list):
                    self._problems += bound
                else:
                    self._check_kinds(contract, bound, "block", "purchases", purchases)
                    self._check_kinds(contract, bound, "milestone", "acceptances", acceptances)
                    for term in bound.terms:
                        self._check_parts(contract, term, purchases, acceptances)
                        self._check_far(contract, term, openings)
            if owner in book.customers:
                self._check_coverage(book, contract, tree.where((*path, "covers")))

    def _check_kinds(
        self, contract: Contract, bound: BoundContract, kind: str, table: str, rows: _ByTerm
    ) -> None:
        """What is bought or accepted is of a term whose plan has such a component."""
        with_it = [
            term.term.id
            for term in bound.terms
            if kind in {component.plan_component.kind for component in term.components}
        ]
        for term in bound.terms:
            if term.term.id in with_it:
                continue
            for row, where in rows.get((contract.code, term.term.id), ()):
                found = problem(
                    f"{table.removesuffix('s')}-of-nothing", where, term=term.term.id,
                    contract=contract.code, plan=term.plan.name, id=row.id,
                    hint=f"write the term {listed(with_it)}, or take it out" if with_it
                    else f"take it out, or give the contract a term with a {kind}",
                )  # fmt: skip
                self._bad_rows.append((table, _raw(table, row), found))

    def _check_parts(
        self, contract: Contract, term: BoundTerm, purchases: _ByTerm, acceptances: _ByTerm
    ) -> None:
        """Lots are bought while their term runs, and what is accepted is a part of the plan."""
        kinds = {component.plan_component.kind for component in term.components}
        if "block" in kinds:
            for row, where in purchases.get((contract.code, term.term.id), ()):
                if not term.span.covers(row.date):
                    last = f" to {term.span.last}" if term.span.last else ""
                    found = problem(
                        "purchase-outside", where, id=row.id, date=row.date, term=term.term.id,
                        contract=contract.code, days=f"from {term.span.first}{last}",
                    )  # fmt: skip
                    self._bad_rows.append(("purchases", _raw("purchases", row), found))
        if "milestone" in kinds:
            names = [
                name
                for component in term.components
                if isinstance(component.plan_component.shape, MilestoneShape)
                for name in component.plan_component.shape.names
            ]
            for row, where in acceptances.get((contract.code, term.term.id), ()):
                if row.part in names:
                    continue
                known = [name for name in names if name]
                hint = near(row.part, known) or f"write one of: {listed(known)}"
                said = f'no part "{row.part}"' if row.part else "several parts, and none is named"
                found = problem(
                    "part-unknown", where, term=term.term.id, contract=contract.code, part=said,
                    hint=hint if known else "its price is one part: leave the part empty",
                )  # fmt: skip
                self._bad_rows.append(("acceptances", _raw("acceptances", row), found))

    def _unknown_words(self, book: Book) -> None:
        """Warns about words that were meant for the policies in use, and that none of them knows:
        one for each, at the first row that has it."""
        used = {contract.policy for contract in book.contracts}
        policies = [policy for name, policy in book.policies.items() if name in used]
        for fact, record, _ in SPOKEN:
            kept = self._tables[record]
            read = attrgetter(fact)
            for word, hint in unknown(policies, fact, set(map(read, kept.records))):
                numbers = [n for n, row in enumerate(kept.records) if read(row) == word]
                owner = self._owner(book, record, _raw(record, kept.records[numbers[0]]))
                some = "1 row" if len(numbers) == 1 else f"{len(numbers)} rows"
                self.say(
                    problem(
                        "word-unknown", kept.where(numbers[0]), owner,
                        field=fact, value=word, rows=some, hint=hint,
                    )
                )  # fmt: skip

    def _say_no_entries(self) -> None:
        where = Where(_file_of("entries"))
        on_record = len({row.entry for row in self._ledger if row.entry and row.state == "live"})
        if on_record:
            entries = "1 entry" if on_record == 1 else f"{on_record} entries"
            self.say(problem("file-vanished", where, what=f"{entries} on record"))
        else:
            self.say(problem("entries-missing", where))

    def _check_far(self, contract: Contract, term: BoundTerm, openings: _ByTerm) -> None:
        """What is billed ahead is billed some periods ahead, not for decades."""
        for row, where in openings.get((contract.code, term.term.id), ()):
            if row.billed_until is not None and row.billed_until > farthest(term.plan, row.date):
                found = problem(
                    "opening-far", where, date=row.billed_until, name=row.name, day=row.date
                )
                self._bad_rows.append(("openings", _raw("openings", row), found))

    def _by_term(self, table: str) -> _ByTerm:
        """Rows of a table with their places, by contract and term."""
        found: _ByTerm = defaultdict(list)
        kept = self._tables[table]
        for number, row in enumerate(kept.records):
            found[row.contract, row.term].append((row, kept.where(number)))
        return found

    def _check_approvals(self) -> None:
        """A decision has a day."""
        kept = self._tables["approvals"]
        for number, row in enumerate(kept.records):
            if row.state in ("approved", "rejected") and row.decided_on is None:
                found = problem(
                    "approval-undecided", kept.where(number), id=row.id, state=row.state
                )
                self._bad_rows.append(("approvals", _raw("approvals", row), found))

    def _doubtful(self, table: str, id_: str) -> bool:
        """Whether ``id_`` may stand in ``table`` though no record has it."""
        return table in self._unread or id_ in self._bad_ids[table]

    def _check_coverage(self, book: Book, contract: Contract, where: Where) -> None:
        kind = contract.covers.kind
        table = {"project": book.projects, "ticket": book.tickets}.get(kind, {})
        for id_ in sorted(contract.covers.ids, key=natural):
            if id_ not in table:
                if self._doubtful(f"{kind}s", id_):
                    continue
                hint = near(id_, table) or f"add it to {kind}s.csv or correct it here"
                self.say(
                    problem(
                        "reference-unknown", where, contract.customer,
                        field="covers", table=kind, id=id_, hint=hint,
                    )
                )  # fmt: skip
                continue
            owner = _named_by(book, kind, id_)
            # Work for a part of the customer may stand on a project of the whole.
            apart = owner and contract.customer not in book.above(owner)
            if apart and owner not in book.above(contract.customer):
                # What has billed was right when it did: its project went to somebody else since.
                billed = any(row.key.contract == contract.code for row in book.ledger)
                if billed and contract.end is not None:
                    continue
                self.say(
                    problem(
                        "covers-gone" if billed else "covers-foreign", where, contract.customer,
                        contract=contract.code, table=kind, id=id_, owner=owner,
                        customer=contract.customer,
                    )
                )  # fmt: skip

    def _long_days(self, book: Book) -> None:
        sums: defaultdict[tuple[str, date], int] = defaultdict(int)
        for key, entry in zip(map(_WORKED_ON, book.entries), book.entries, strict=True):
            sums[key] += entry.seconds
        if not any(seconds > _DAY for seconds in sums.values()):
            return
        kept = self._tables["entries"]
        last = {(entry.employee, entry.date): i for i, entry in enumerate(book.entries)}
        for (employee, day), seconds in sums.items():
            if seconds > _DAY and employee:
                number = last[employee, day]
                record = book.employees.get(employee)
                self.say(
                    problem(
                        "entry-long-day", kept.where(number),
                        employee=(record.name if record else "") or employee,
                        hours=shortest(quantity(seconds, 2)), date=day,
                    )._replace(day=day)
                )  # fmt: skip

    def _owner(self, book: Book, record: str, raw: Mapping[str, str]) -> str:
        """The customer that a broken row belongs to, or "" where that cannot be known."""
        if record == "customers":
            return raw.get("id", "")
        if record == "overrides":
            id_ = raw.get("entry", "")
            entry = next((entry for entry in book.entries if entry.id == id_), None)
            return book.customer_of(entry) if entry is not None else ""
        if raw.get("contract"):
            return self._owners.get(raw["contract"], "")
        for column, kind in (
            ("customer", "customer"),
            ("ticket", "ticket"),
            ("project", "project"),
        ):
            id_ = raw.get(column, "")
            if kind == "customer" and id_ in book.customers:
                return id_
            if id_ and (owner := owner_of(book, kind, id_)):
                return owner
        if record in ("tickets", "projects"):
            return owner_of(book, record[:-1], raw.get("id", ""))
        return ""


def _place(tree: Tree, path: Path, numbers: Sequence[int], inner: Path, where: Where) -> Where:
    """Where ``inner`` of the contract at ``path`` stands; ``numbers`` are those of its terms."""
    if inner[0] == "terms" and isinstance(inner[1], int):
        inner = ("terms", numbers[inner[1]], *inner[2:])
    found = tree.where((*path, *inner))
    return found if found.file else where


def _csv_broken(where: Where, error: csv.Error) -> Problem:
    reason = str(error)
    said, hint = {
        "unexpected end of data": (
            "a double quote that opens in this row is not closed",
            "close it, or write every double quote inside a text twice",
        ),
        "',' expected after '\"'": (
            "text follows a closing double quote",
            "put the whole field in double quotes, and write double quotes inside it twice",
        ),
    }.get(reason, (reason, "check the double quotes in this row"))
    if reason.startswith("new-line character"):
        said, hint = "the line ends are of a kind no longer in use", "save the file anew as CSV"
    elif reason.startswith("field larger"):
        said = "a field of this row is longer than 131072 characters"
    elif "NUL" in reason:
        said, hint = "the row has characters that are no text", "save the file anew as CSV"
    return problem("csv-broken", where, reason=said, hint=hint)


def last_of_each(rows: Iterable[LedgerRow]) -> tuple[LedgerRow, ...]:
    """Later rows take the place of earlier ones: released, and billed again."""
    return tuple({(row.key, row.entry, row.lot): row for row in rows}.values())


def _with_problems(book: Book, problems: Sequence[Problem]) -> Book:
    values = {field.name: getattr(book, field.name) for field in dataclass_fields(book)}
    return Book(**{**values, "problems": tuple(problems)})


def _one_of(table: str) -> str:
    return "entry" if table == "entries" else table[:-1]


def _file_of(table: str) -> str:
    return TABLES[table].file if table in TABLES else "contracts.yaml"


def _raw(name: str, record: Any) -> dict[str, str]:
    values = (
        {f.name: getattr(record, f.name) for f in dataclass_fields(record)}
        if is_dataclass(record)
        else record._asdict()
    )
    return {
        field.column: values[field.name]
        for field in TABLES[name].fields
        if isinstance(values[field.name], str)
    }


def owner_of(book: Book, kind: str, id_: str) -> str:
    """The commercial customer of a project or ticket, "" where there is none."""
    named = _named_by(book, kind, id_)
    return book.root(named) if named else ""


def _named_by(book: Book, kind: str, id_: str) -> str:
    """The customer that a project or ticket names."""
    if kind == "ticket":
        ticket = book.tickets.get(id_)
        if ticket is None:
            return ""
        if ticket.customer:
            return ticket.customer
        id_ = ticket.project
    project = book.projects.get(id_)
    return project.customer if project is not None else ""


def _term(data: Any, tree: Tree, path: Path) -> Term | list[Problem]:
    shape = shaped(TermShape, tree, data, path)
    if isinstance(shape, list):
        return shape
    where = tree.where(path)
    problems: list[Problem] = []
    if shape.first is not None and shape.until is not None and shape.until < shape.first:
        problems.append(
            problem("term-dates", where, term=shape.id, until=shape.until, first=shape.first)
        )
    parameters: dict[str, Dated] = {}
    for name, value in (shape.model_extra or {}).items():
        found = _dated_texts(name, value, tree, (*path, name))
        if isinstance(found, list):
            problems += found
        else:
            parameters[name] = found
    if problems:
        return problems
    return Term(
        id=shape.id,
        plan=shape.plan,
        product=shape.product or "",
        priority=shape.priority,
        first=shape.first,
        until=shape.until,
        discount=shape.discount,
        takes=shape.takes,
        parameters=parameters,
        where=where,
    )


def _doubts_of(term: Term, customer: str, tree: Tree, path: Path) -> Iterator[Problem]:
    """Warnings about the numbers of ``term`` that stand in a file."""
    for name, dated in term.parameters.items():
        for day, text in dated.steps:
            key = "always" if day == date.min else day.isoformat()
            where = tree.where((*path, name, key))
            found = thousands(text, where, name) if where.line else None
            if found is not None:
                yield found._replace(customer=customer)


def _dated_texts(name: str, value: Any, tree: Tree, path: Path) -> Dated | list[Problem]:
    if isinstance(value, str):
        return Dated(((date.min, value),))
    if value is None:
        if name.isdigit():
            reason, hint = (
                f'"{name}" stands alone',
                "write a number with a point, not a comma, such as 12.50",
            )
            return [problem("shape", tree.where(path), reason=reason, hint=hint)]
        hint = f"write a number after the colon, such as {name}: 10"
        return [problem("value-missing", tree.where(path), field=name, hint=hint)]
    if not isinstance(value, dict) or not value:
        return [
            problem(
                "shape", tree.where(path), reason=f'"{name}" should be a value or dated values',
                hint=f"write {name}: 10, or below {name}: lines such as 2026-01-01: 10",
            )
        ]  # fmt: skip
    steps: list[tuple[date, str]] = []
    problems: list[Problem] = []
    for key, text in value.items():
        where = tree.where((*path, key))
        try:
            day = date.min if key == "always" else parse_date(key)
        except ValueError:
            example = date_hint(key)
            problems.append(problem("value-date", where, field=name, value=key, example=example))
            continue
        if not isinstance(text, str):
            problems.append(problem("value-missing", where, field=name, hint="write a number"))
        elif steps and day < steps[-1][0]:
            later = steps[-1][0]
            problems.append(problem("dated-order", where, name=name, later=later, earlier=key))
        else:
            steps.append((day, text))
    return problems or Dated(tuple(steps))


def _contract(shape: ContractShape, code: str, terms: tuple[Term, ...], where: Where) -> Contract:
    covers = Coverage()
    if shape.covers is not None:
        if shape.covers.tickets:
            covers = Coverage("ticket", frozenset(shape.covers.tickets))
        elif shape.covers.projects:
            covers = Coverage("project", frozenset(shape.covers.projects))
    return Contract(
        code=shape.code,
        customer=shape.customer,
        currency=code,
        start=shape.start,
        policy=shape.policy,
        end=shape.end,
        minimum_term=shape.minimum_term,
        notice=shape.notice,
        renewal=shape.renewal,
        sla=shape.sla or "",
        attributes=shape.attributes,
        covers=covers,
        po_number=shape.po_number or "",
        terms=terms,
        where=where,
    )


# --- ledger rows as JSON ---------------------------------------------------------------------


def ledger_rows(data: Mapping[str, Any]) -> list[LedgerRow]:
    """The rows of one line: a transaction's, a single one, or those of a repair, which has none.

    Raises as :func:`ledger_row`.
    """
    if "repair" in data:
        return []
    if "transaction" not in data:
        return [ledger_row(data)]
    contracts = data.get("contracts", _NOTHING)
    return [ledger_row(row, contracts.get(row["contract"], _NOTHING)) for row in data["rows"]]


def ledger_row(data: Mapping[str, Any], contract: Mapping[str, Any] = _NOTHING) -> LedgerRow:
    """A row of ``ledger.jsonl``; raises ``ValueError`` or ``KeyError`` where it is none.

    ``contract`` is what its transaction says of the row's contract: customer and currency.
    """

    def number(name: str) -> Decimal | None:
        return None if data.get(name) is None else parse_number(data[name])

    def day(name: str) -> date | None:
        return parse_date(data[name]) if data.get(name) else None

    texts = (
        "contract", "term", "component", "period", "group", "entry", "disposition", "rule",
        "booked",
    )  # fmt: skip
    if not all(isinstance(data.get(name, ""), str) for name in texts):
        raise TypeError("a text is expected")
    customer, code = (data.get(name, contract.get(name, "")) for name in ("customer", "currency"))
    if not (isinstance(customer, str) and isinstance(code, str)):
        raise TypeError("a text is expected")
    state = data.get("state", "live")
    if state not in ("live", "released"):
        raise ValueError(state)
    return LedgerRow(
        key=LedgerKey(
            data["contract"],
            data["term"],
            data["component"],
            parse_date(data["period"]),
            data.get("group", ""),
            int(data.get("sequence", 0)),
        ),
        entry=data.get("entry", ""),
        seconds=int(data.get("seconds", 0)),
        rounded=int(data.get("rounded", 0)),
        disposition=data.get("disposition", ""),
        rule=data.get("rule", ""),
        rate=number("rate"),
        lot=data.get("lot", ""),
        amount=number("amount"),
        held=data.get("held", ""),
        line=data.get("line", ""),
        fingerprint=data.get("fingerprint", ""),
        state=state,
        policy=data.get("policy", ""),
        drawn=int(data.get("drawn", 0)),
        counted=day("counted"),
        last=day("last"),
        document=data.get("document", ""),
        role=data.get("role", ""),
        invoiced=number("invoiced"),
        customer=customer,
        currency=code,
        quantity=number("quantity"),
        discount=number("discount"),
        booked=data.get("booked", ""),
    )


_NAMES = LedgerRow._fields[1:]
#: Where fields of a row are that are neither texts nor whole numbers.
_OTHER = tuple((LedgerRow._fields.index(name), name) for name in (*_DECIMALS, *_DAYS))


def ledger_data(row: LedgerRow) -> dict[str, Any]:
    """``row`` as plain JSON data, empty fields left out; the inverse of :func:`ledger_row`."""
    contract, term, component, period, group, sequence = row.key
    # Written out, as there are hundreds of thousands of them.
    data: dict[str, Any] = {
        "contract": contract, "term": term, "component": component, "period": period.isoformat(),
    }  # fmt: skip
    if group:
        data["group"] = group
    if sequence:
        data["sequence"] = sequence
    values: tuple[Any, ...] = row
    data |= {name: value for name, value in zip(_NAMES, values[1:], strict=True) if value}
    for number, name in _OTHER:
        value = values[number]
        if value is not None:
            data[name] = format(value, "f") if name in _DECIMALS else value.isoformat()
    return data


__all__ = [
    "TERM_WORDS",
    "BookBuilder",
    "last_of_each",
    "ledger_data",
    "ledger_row",
    "ledger_rows",
]
