"""Scenarios: a book fragment, a policy, runs, and what is expected after each (design 3).

One format serves the worked examples, the tests in policy files and the templates. Only what
matters has to be written: whoever is mentioned exists, an entry belongs to customer ``c1`` and
was worked by ``u1``, a contract to ``c1`` and to the only policy there is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from itertools import chain
from typing import Any, Literal, NamedTuple

from pydantic import Field as ShapeField

from klausel.assemble import BookBuilder
from klausel.engine import DEFAULT_MATCHERS, Matchers, bill
from klausel.fields import TABLES
from klausel.formats.json import result_data
from klausel.ledger import release
from klausel.model import Book, LedgerRow
from klausel.policy import Policy, policy_at
from klausel.problems import Problem, ProblemError, Where, problem
from klausel.result import Result
from klausel.shapes import Day, Shape, shaped
from klausel.tree import Path, Tree, parse

ONLY_CUSTOMER = "c1"
ONLY_EMPLOYEE = "u1"

Fragment = dict[str, Any]


class RunShape(Shape):
    as_of: Day
    do: Literal["preview", "bill", "adjust"] = "preview"
    add: Fragment = ShapeField(default_factory=dict)
    change: Fragment = ShapeField(default_factory=dict)
    remove: dict[str, list[str]] = ShapeField(default_factory=dict)
    release: list[str] = ShapeField(default_factory=list)
    """Keys of drafts or lines that were deleted or cancelled in the ERP."""
    expect: Fragment = ShapeField(default_factory=dict)


class ScenarioShape(Shape):
    title: str
    semantics: str = ""
    issue: int | None = None
    policy: str | Fragment | None = None
    policies: dict[str, Fragment] = ShapeField(default_factory=dict)
    book: Fragment = ShapeField(default_factory=dict)
    runs: list[RunShape]


class Mismatch(NamedTuple):
    """Something that came out otherwise than expected."""

    where: Where
    path: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.path}: expected {self.expected}, found {self.found}"


class RunResult(NamedTuple):
    """One run of a scenario; ``result`` is None where the book itself was refused."""

    result: Result | None
    data: dict[str, Any]


class Scenario(NamedTuple):
    """A scenario that was read; run it with :func:`play`."""

    shape: ScenarioShape
    tree: Tree
    policies: tuple[Policy, ...]

    @property
    def title(self) -> str:
        return self.shape.title

    @property
    def issue(self) -> int | None:
        """Number of the piece of work that will make it pass, None where it passes already."""
        return self.shape.issue


def read_scenario(
    text: str, file: str, named_policy: Callable[[str], Policy | None] = lambda _: None
) -> Scenario:
    """The scenario in ``text``. ``named_policy`` finds a policy that is only named.

    Raises :class:`~klausel.problems.ProblemError`.
    """
    tree = parse(text, file)
    if tree.problems:
        raise ProblemError(tree.problems)
    shape = shaped(ScenarioShape, tree, tree.data or {}, ())
    if isinstance(shape, list):
        raise ProblemError(shape)
    policies: list[Policy] = []
    problems: list[Problem] = []
    written: list[tuple[Path, Fragment]] = [
        (("policies", name), data) for name, data in shape.policies.items()
    ]
    if isinstance(shape.policy, dict):
        written.append((("policy",), shape.policy))
    elif shape.policy is not None:
        found = named_policy(shape.policy)
        if found is None:
            where = tree.where(("policy",))
            hint = "name a policy that comes with it"
            problems.append(problem("policy-unknown", where, policy=shape.policy, hint=hint))
        else:
            policies.append(found)
    for path, data in written:
        filled = {"policy": str(path[-1]), "version": "1", **data}
        digest = hashlib.sha256(json.dumps(filled, sort_keys=True).encode()).hexdigest()[:16]
        policy = policy_at(tree, filled, path, digest)
        if isinstance(policy, list):
            problems += policy
        else:
            policies.append(policy)
    if problems:
        raise ProblemError(problems)
    return Scenario(shape, tree, tuple(policies))


def play(
    scenario: Scenario, matchers: Matchers = DEFAULT_MATCHERS
) -> tuple[list[RunResult], list[Mismatch]]:
    """Plays every run of ``scenario`` in order; ``bill`` puts its settlements on record."""
    fragment: Fragment = dict(scenario.shape.book)
    ledger: list[list[LedgerRow]] = []  # by run
    drafts: dict[str, list[str]] = {}
    results: list[RunResult] = []
    mismatches: list[Mismatch] = []
    for number, run in enumerate(scenario.shape.runs):
        fragment = merged(fragment, run)
        live = {str(row.key) for rows in ledger for row in rows if row.state == "live"}
        mismatches += [
            Mismatch(scenario.tree.where(("runs", number, "release", position)),
                     f"run {number + 1}: release", "a line on record", key)
            for position, key in enumerate(run.release)
            if live.isdisjoint(drafts.get(key, [key]))
        ]  # fmt: skip
        ledger = released(ledger, drafts, run.release)
        result: Result | None = None
        try:
            book = fragment_book(fragment, scenario, list(chain.from_iterable(ledger)))
            result = bill(book, run.as_of, matchers=matchers, adjust=run.do == "adjust")
            data = result_data(result)
        except ProblemError as error:
            data = {"problems": [str(found) for found in error.problems]}
        if result is not None:
            data = readable(data)
            if run.do != "preview":
                ledger.append(list(result.settlements))
                drafts |= {d.key: [str(line.key) for line in d.lines] for d in result.drafts}
        results.append(RunResult(result, data))
        path: Path = ("runs", number, "expect")
        for name, wanted in run.expect.items():
            where = scenario.tree.where((*path, name))
            found = data.get(name)
            mismatches += _compare(wanted, found, f"run {number + 1}: {name}", where)
    return results, mismatches


def released(
    ledger: list[list[LedgerRow]], drafts: Mapping[str, list[str]], keys: list[str]
) -> list[list[LedgerRow]]:
    """``ledger``, by run, after the lines of some drafts were deleted in the ERP."""
    lines = {line for key in keys for line in drafts.get(key, [key])}
    return release(ledger, lines)


def readable(data: dict[str, Any]) -> dict[str, Any]:
    """Result data as scenarios speak of it: entries by id, problems as text, totals together."""
    totals: dict[str, list[str]] = {}
    for draft in data["drafts"]:
        sign = "-" if draft["kind"] == "credit_note" else ""
        totals.setdefault(draft["currency"], []).append(sign + draft["total"])
    return {
        **data,
        "entries": {entry["id"]: entry["parts"] for entry in data["entries"]},
        "problems": [f"{found['severity']}: {found['message']}" for found in data["problems"]],
        "balances": _balances(data["balances"]),
        "totals": [total for some in totals.values() for total in some],
    }


def _balances(rows: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """By ``term`` all its lots together, by ``term/lot`` one of them."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        for name in (row["term"], f"{row['term']}/{row['lot']}"):
            sums = found.setdefault(name, {})
            for column, value in row.items():
                if column not in ("contract", "term", "lot", "last", "unit"):
                    sums[column] = str(Decimal(sums.get(column, "0.0000")) + Decimal(value))
    return found


def merged(fragment: Fragment, run: RunShape) -> Fragment:
    """``fragment`` with the facts that arrive before ``run``."""
    result = {
        name: list(value) if isinstance(value, list) else value for name, value in fragment.items()
    }
    for name, rows in run.add.items():
        result[name] = [*result.get(name, []), *rows]
    for name, rows in run.change.items():
        key = _key(name)
        changes = {row[key]: row for row in rows}
        result[name] = [
            {**row, **changes.get(row[key], {})} for row in _identified(name, result.get(name, []))
        ]
    for name, ids in run.remove.items():
        key = _key(name)
        rows = _identified(name, result.get(name, []))
        result[name] = [row for row in rows if row[key] not in ids]
    return result


def _key(name: str) -> str:
    return {"contracts": "code", "overrides": "entry"}.get(name, "id")


def _identified(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """``rows`` with the ids that those without one have by their position."""
    key = _key(name)
    letter = {"contracts": "C"}.get(name, name[0])
    return [{key: f"{letter}{number}", **row} for number, row in enumerate(rows, start=1)]


def fragment_book(fragment: Fragment, scenario: Scenario, ledger: list[LedgerRow]) -> Book:
    """The book of ``fragment``, defaults filled in. Raises ``ProblemError``."""
    builder = BookBuilder(any_day=True)
    builder.add_policies(scenario.policies)
    if "company" in fragment:
        builder.add_book_file(json.dumps(fragment["company"]), "company")
    rows: dict[str, list[dict[str, str]]] = {
        name: _identified(name, fragment.get(name, []))
        if any(field.name == "id" for field in table.fields)
        else [dict(row) for row in fragment.get(name, [])]
        for name, table in TABLES.items()
    }
    contracts = _identified("contracts", fragment.get("contracts", []))
    for contract in contracts:
        contract.setdefault("customer", ONLY_CUSTOMER)
        if len(scenario.policies) == 1:
            contract.setdefault("policy", scenario.policies[0].name)
    _fill(rows, contracts)
    for name, some in rows.items():
        header = [field.column for field in TABLES[name].fields]
        unknown = {column for row in some for column in row} - set(header)
        for column in sorted(unknown):
            where = scenario.tree.where(("book", name))
            hint = f"columns here: {', '.join(header)}"
            builder.say(problem("csv-column-unknown", where, column=column, hint=hint))
        known = [column for column in header if any(column in row for row in some)]
        texts = [
            (number, [str(row.get(column) or "") for column in known])
            for number, row in enumerate(some, start=1)
        ]
        builder.add_rows(name, known, texts, name)
    tree = Tree(contracts, dict(_shifted(scenario.tree)), ())
    for number, contract in enumerate(contracts):
        builder.add_contract(contract, tree, (number,))
    builder.add_ledger_rows(ledger)
    return builder.build()


def _shifted(tree: Tree) -> Mapping[Path, Where]:
    """Places of the book's contracts, as if they stood at the top."""
    base: Path = ("book", "contracts")
    return {
        path[len(base) :]: where for path, where in tree.places.items() if path[: len(base)] == base
    }


def _fill(rows: dict[str, list[dict[str, str]]], contracts: list[dict[str, Any]]) -> None:
    """Defaults: ids, the only customer and employee, and everybody who is only mentioned."""
    owner_of_project: dict[str, str] = {}
    for contract in contracts:
        covers = contract.get("covers")
        if isinstance(covers, dict):
            for project in _list(covers.get("projects")):
                owner_of_project.setdefault(project, str(contract["customer"]))
            for ticket in _list(covers.get("tickets")):
                _mention(rows["tickets"], ticket, {"customer": str(contract["customer"])})
    for entry in rows["entries"]:
        entry.setdefault("employee", ONLY_EMPLOYEE)
        if "project" in entry:
            owner = entry.get("customer") or owner_of_project.get(entry["project"], ONLY_CUSTOMER)
            _mention(rows["projects"], entry["project"], {"customer": owner})
        if "ticket" in entry:
            data = {"project": entry["project"]} if "project" in entry else {}
            owned = entry.get("customer") or ("" if data else ONLY_CUSTOMER)
            _mention(rows["tickets"], entry["ticket"], {**data, "customer": owned})
        if not ({"customer", "project", "ticket"} & entry.keys()):
            entry["customer"] = ONLY_CUSTOMER
        _mention(rows["employees"], entry["employee"], {})
    for project, owner in owner_of_project.items():
        _mention(rows["projects"], project, {"customer": owner})
    for name in ("purchases", "items", "acceptances", "approvals"):
        for row in rows[name]:
            if contracts:
                row.setdefault("contract", str(contracts[0]["code"]))
    for row in rows["approvals"]:
        for ticket in str(row.get("tickets") or "").split(";"):
            if ticket.strip():
                _mention(rows["tickets"], ticket.strip(), {})
    for row in rows["tickets"]:
        if row.get("project"):
            _mention(rows["projects"], row["project"], {"customer": ONLY_CUSTOMER})
        elif not row.get("customer"):
            row["customer"] = ONLY_CUSTOMER
    mentioned = [str(contract["customer"]) for contract in contracts] + [
        row[name]
        for table, name in (
            ("entries", "customer"),
            ("projects", "customer"),
            ("tickets", "customer"),
            ("customers", "parent"),
        )
        for row in rows[table]
        if row.get(name)
    ]
    for customer in dict.fromkeys(mentioned):
        _mention(rows["customers"], customer, {})


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _mention(rows: list[dict[str, str]], id_: str, data: dict[str, str]) -> None:
    if not any(row.get("id") == id_ for row in rows):
        rows.append({"id": id_, **data})


def _compare(expected: Any, found: Any, path: str, where: Where) -> list[Mismatch]:
    """Partial comparison: mappings by the words given, lists in full, values as text."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [Mismatch(where, path, "a mapping", _said(found))]
        return [
            mismatch
            for name, wanted in expected.items()
            for mismatch in _compare(wanted, found.get(name), f"{path}.{name}", where)
        ]
    if isinstance(expected, list):
        if not isinstance(found, list):
            return [Mismatch(where, path, "a list", _said(found))]
        if len(expected) != len(found):
            return [Mismatch(where, path, f"{len(expected)} of them", _said(found))]
        return [
            mismatch
            for number, (wanted, one) in enumerate(zip(expected, found, strict=True), start=1)
            for mismatch in _compare(wanted, one, f"{path}[{number}]", where)
        ]
    if _said(expected) != _said(found):
        return [Mismatch(where, path, _said(expected), _said(found))]
    return []


def _said(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)
