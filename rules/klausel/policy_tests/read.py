"""Texts of a policy folder -> its tests: ``tests:`` in the policy, and files in ``tests/``.

A test is short, one entry and what the rules say of it, or a whole scenario without ``policy``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import model_validator

from klausel.fields import TABLES
from klausel.model import Book
from klausel.policy import Policy
from klausel.problems import Problem, ProblemError, Where, listed, near, problem
from klausel.scenario import Scenario, ScenarioShape, fragment_book
from klausel.shapes import Day, Shape, Words, complain, shaped
from klausel.tree import Path, Tree, parse

#: Files with tests lie in this folder of a policy.
TESTS = "tests/"

#: What stands around an entry: written as an id, or as the words of its record.
AROUND = {"ticket": "tickets", "project": "projects", "customer": "customers"}


#: A short test without a day happens on this Monday, before every contract's end.
USUAL_DAY = "2026-01-05"
_FIRST_DAY = "1900-01-01"


class ExpectShape(Shape):
    """What the rules say of an entry; only what is written is compared."""

    disposition: str | None = None
    rule: str | None = None
    clause: str | None = None
    approval: str | None = None
    surcharges: Words | None = None
    watches: Words | None = None

    @model_validator(mode="after")
    def _something(self) -> ExpectShape:
        if not self.model_fields_set:
            raise complain(
                "the test expects nothing", "write expect: {disposition: included, rule: W1}"
            )
        return self


class ShortShape(Shape):
    """A test of one entry."""

    name: str
    entry: dict[str, Any]
    on: Day | None = None
    expect: ExpectShape


class LongShape(ScenarioShape):
    """A scenario; its name may stand under ``name`` or ``title``."""

    title: str = ""
    name: str = ""

    @model_validator(mode="after")
    def _no_policy(self) -> LongShape:
        if self.policy is not None or self.policies:
            raise complain(
                "a test is about the policy that it stands beside",
                "remove policy: from it; what has a policy of its own is no test of this one",
            )
        return self


class PolicyTest(NamedTuple):
    """One test: ``short`` or ``scenario`` is there."""

    name: str
    where: Where
    tree: Tree
    path: Path
    policy: Policy
    short: ShortShape | None = None
    scenario: Scenario | None = None


def read_tests(
    policy: Policy, files: Mapping[str, str], folder: str = ""
) -> tuple[list[PolicyTest], list[Problem]]:
    """The tests in ``files`` (name inside the folder -> text) and what is wrong with others."""
    tests: list[PolicyTest] = []
    problems: list[Problem] = []
    for tree, path, data in _all_written(policy, files, folder, problems):
        found = _test(policy, tree, path, data)
        if isinstance(found, PolicyTest):
            tests.append(found)
        else:
            problems += found
    seen: dict[str, Where] = {}
    for test in tests:
        first = seen.setdefault(test.name, test.where)
        if first is not test.where:
            problems.append(problem("test-doubled", test.where, name=test.name, other=first))
    return tests, problems


def _all_written(
    policy: Policy, files: Mapping[str, str], folder: str, problems: list[Problem]
) -> Iterator[tuple[Tree, Path, Any]]:
    """Tests of the policy's own files, then those of the files for tests."""
    for raw in policy.tests:
        yield raw.tree, raw.path, raw.data
    for name in sorted(files):
        if name.startswith(TESTS) and name.endswith(".yaml"):
            tree = parse(files[name], f"{folder}/{name}" if folder else name)
            problems += tree.problems
            if not tree.problems:
                yield from ((tree, path, data) for path, data in _written(tree, problems))


def _written(tree: Tree, problems: list[Problem]) -> list[tuple[Path, Any]]:
    """Places and data of the tests of a file in the folder for tests."""
    data = tree.data
    if isinstance(data, dict) and "runs" in data:
        return [((), data)]
    path: Path = ("tests",)
    found = data.get("tests") if isinstance(data, dict) else None
    if isinstance(data, dict):
        problems += [
            problem("key-unknown", tree.where((word,)), key=word, hint="known here: tests")
            for word in data
            if word != "tests"
        ]
    if not isinstance(found, list):
        hint = "write tests: and below it a list, or one scenario with book: and runs:"
        reason = f'"{tree.where(()).file}" has no list of tests'
        problems.append(problem("shape", tree.where(path), reason=reason, hint=hint))
        return []
    return [((*path, number), test) for number, test in enumerate(found)]


def _test(policy: Policy, tree: Tree, path: Path, data: Any) -> PolicyTest | list[Problem]:
    where = tree.where(path)
    if isinstance(data, dict) and "runs" in data:
        long = shaped(LongShape, tree, data, path)
        if isinstance(long, list):
            return long
        # Places of a scenario are those of the file below its own path.
        places = {
            place[len(path) :]: at
            for place, at in tree.places.items()
            if place[: len(path)] == path
        }
        scenario = Scenario(long, Tree(data, places, ()), (policy,))
        name = long.title or long.name or where.file
        return PolicyTest(name, where, tree, path, policy, scenario=scenario)
    short = shaped(ShortShape, tree, data, path)
    if isinstance(short, list):
        return short
    at: Path = (*path, "entry")
    problems = _unknown(short, tree, at)
    if problems:
        return problems
    try:
        short_book(policy, short)
    except ProblemError as error:
        return [found._replace(where=_place(found, short, tree, at)) for found in error.problems]
    return PolicyTest(short.name, where, tree, path, policy, short=short)


def _place(found: Problem, short: ShortShape, tree: Tree, at: Path) -> Where:
    """Where the word stands that ``found`` is about, else the entry."""
    for word, value in short.entry.items():
        inner = value if isinstance(value, dict) else {}
        for path in ((word,), *((word, below) for below in inner)):
            if f'"{path[-1]}"' in found.message:
                return tree.where((*at, *path))
    return tree.where(at)


def words_of(table: str) -> list[str]:
    return [field.column for field in TABLES[table].fields]


def _unknown(short: ShortShape, tree: Tree, path: Path) -> list[Problem]:
    """Words of a short test's entry that no record has."""
    groups: list[tuple[Path, dict[str, Any], list[str]]] = [
        (path, short.entry, [*words_of("entries"), "contract"])
    ]
    for name, table in (*AROUND.items(), ("employee", "employees")):
        if isinstance(short.entry.get(name), dict):
            groups.append(((*path, name), short.entry[name], words_of(table)))
    return [
        problem(
            "key-unknown",
            tree.where((*place, word)),
            key=word,
            hint=near(word, known) or f"known here: {listed(known, 20)}",
        )
        for place, given, known in groups
        for word in given
        if word not in known
    ]


def short_book(policy: Policy, short: ShortShape) -> Book:
    """The book of a short test: its entry, what is said of things around it, one contract.

    Raises :class:`~klausel.problems.ProblemError` where they cannot be.
    """
    given = dict(short.entry)
    contract = {"code": "C1", "start": _FIRST_DAY, **(_record(given.pop("contract", None), "code"))}
    entry = {"id": "e1", "hours": "1"}
    fragment: dict[str, list[dict[str, Any]]] = {"contracts": [contract], "entries": [entry]}
    for name, table in (*AROUND.items(), ("employee", "employees")):
        record = _record(given.pop(name, None), "id")
        if record:
            record.setdefault("id", {"customer": "c1", "employee": "u1"}.get(name, f"{name[0]}1"))
            entry[name] = record["id"]
            if len(record) > 1:
                fragment[table] = [record]
    if "project" in entry and "tickets" in fragment:
        fragment["tickets"][0].setdefault("project", entry["project"])
    if "customer" in entry:
        contract["customer"] = entry["customer"]
        for table in ("projects", "tickets"):
            for record in fragment.get(table, []):
                record.setdefault("customer", entry["customer"])
    entry.update({word: _text(value) for word, value in given.items()})
    day = short.on.isoformat() if short.on is not None else USUAL_DAY
    entry["date"] = entry.get("date", day) if short.on is None else day
    shape = ScenarioShape(title=short.name, runs=[])
    scenario = Scenario(shape, Tree(None, {}, ()), (policy,))
    book = fragment_book(fragment, scenario, [])
    bad = [found for found in book.problems if found.severity == "error"]
    if bad:
        raise ProblemError(bad)
    return book


def _record(value: Any, key: str) -> dict[str, Any]:
    """The words of a record, which may be written as its id alone."""
    if value is None:
        return {}
    if isinstance(value, dict):
        keep = key == "code"  # a contract is no row of a table: its words may have words of theirs
        return {word: found if keep else _text(found) for word, found in value.items()}
    return {key: _text(value)}


def _text(value: Any) -> str:
    """A value as it stands in a table; several are separated by semicolons."""
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value or "")
