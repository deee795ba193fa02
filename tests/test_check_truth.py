"""What ``check`` says, against what the product then does."""

from __future__ import annotations

import json
import shutil
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

import cli
from klausel.engine import bill
from klausel.model import Book, Entry
from klausel.policy import Policy, policy_at
from klausel.policy.check import Checked, Raw, check
from klausel.policy.check.remainder import untaken_work
from klausel.problems import Where
from klausel.scenario import Scenario, ScenarioShape, fragment_book, read_scenario
from klausel.tree import Path as TreePath
from klausel.tree import Tree
from klausel_book import read_folder
from tests.counts import count
from tests.test_cases import CASES, SCENARIOS, name

Capture = pytest.CaptureFixture[str]

BASE = CASES / "book-errors" / "_base"
BOOKS = [path for path in (CASES / "check-errors").iterdir() if path.is_dir()]


def policies_of(scenario: Scenario) -> list[tuple[Policy, TreePath]]:
    """The policies of a scenario and where they stand in it."""
    paths: list[TreePath] = [("policies", one) for one in scenario.shape.policies]
    if isinstance(scenario.shape.policy, dict):
        paths.append(("policy",))
    return list(zip(scenario.policies, paths, strict=True))


def test_worked_examples_have_no_flaw() -> None:
    """Every policy of the examples does something: what is said of them is information."""
    flaws = []
    for path in SCENARIOS:
        scenario = read_scenario(path.read_text(encoding="utf-8"), name(path))
        for policy, place in policies_of(scenario):
            count("policies of worked examples checked")
            for found in check(policy, Raw(scenario.tree, place), date(2026, 6, 1)):
                assert found.where.line
                if found.severity != "info":
                    flaws.append((name(path), found.message))
    assert flaws == [
        (
            "surcharge/hours-do-not-touch-billed-time",
            "surcharge U1 changes nothing: it is on hours, and no plan here has hours to draw from",
        )
    ]  # which is what that example is about


@pytest.mark.parametrize("book", BOOKS, ids=lambda path: path.name)
def test_untaken_work_is_what_billing_leaves_uncovered(
    book: Path, tmp_path: Path, capsys: Capture
) -> None:
    """Work of every kind, in each project and month: the contracts that are named are those whose
    work nobody takes."""
    folder = tmp_path / "book"
    shutil.copytree(BASE, folder)
    shutil.copytree(book, folder, dirs_exist_ok=True)
    tickets = ["id,project,customer,parent,title,tags,estimate_hours"]
    entries = ["id,date,employee,project,ticket,customer,hours,text"]
    for project, tag in product(("p1", "p2"), ("Update", "Feature", "")):
        ticket = f"{project}{tag}"
        tickets.append(f"{ticket},{project},,,Work,{tag},1")
        for month in range(1, 10):
            day = date(2026, month, 15)
            entries.append(f"{ticket}{month},{day},u1,{project},{ticket},,30,Work")
    (folder / "tickets.csv").write_text("\n".join(tickets) + "\n")
    (folder / "entries.csv").write_text("\n".join(entries) + "\n")
    read = read_folder(folder)
    result = bill(read, date(2026, 12, 31))
    assert not result.parked
    running = {entry.id: set[str]() for entry in read.entries}
    for entry in read.entries:
        for contract in read.contracts:
            if read.customer_of(entry) == contract.customer and contract.span.covers(entry.date):
                running[entry.id].add(contract.code)
    lost = {
        code
        for found in (*result.uncovered, *(h for h in result.held if h.reason == "no_term"))
        for code in running[found.entry]
    }
    cli.run(["check", "--book", str(folder), "--as-of", "2026-06-01", "--format", "json"])
    data: dict[str, Any] = json.loads(capsys.readouterr().out)
    said = {
        text["message"].partition("contract ")[2].partition(":")[0]
        for found in data["findings"]
        if found["code"] == "remainder-untaken"
        for text in (found, *found["related"])
        if text["message"].startswith("contract ")
    }
    assert said == lost
    count("contracts whose work nobody takes, as billing shows", len(lost))


CARE: dict[str, Any] = {
    "policy": "care",
    "version": "1",
    "fields": {
        "work": {
            "one_of": ["update", "feature", "other"],
            "from": [
                {"task_tag": "Update", "is": "update"},
                {"task_tag": "Feature", "is": "feature"},
                {"otherwise": "other"},
            ],
        },
        "agreement": {
            "one_of": ["all_in", "normal"],
            "from": [{"sla": "all-in", "is": "all_in"}, {"otherwise": "normal"}],
        },
    },
    "scope": {
        "rules": [
            {"id": "W1", "when": {"work": "update"}, "then": "included", "because": "So."},
            {"id": "A1", "when": {"agreement": "all_in"}, "then": "included", "because": "So."},
            {
                "id": "P1",
                "from": "2026-04-01",
                "when": {"work": "feature"},
                "then": "change",
                "because": "So.",
            },
        ],
        "otherwise": {"then": "service", "because": "So."},
    },
    "plans": {
        name: {"title": name, "components": [component]}
        for name, component in {
            "flat": {"fee": {}},
            "effort": {"time": {}},
            "passed": {"contingent": {"proration": "daily", "beyond": "next"}},
            "held": {"contingent": {"proration": "daily", "beyond": "hold"}},
            "block": {"block": {"empty": "next"}},
            "price": {"milestone": {}},
        }.items()
    },
}
KINDS = ("Update", "Feature", "Feature2", "Other", "Other2")
FIRSTS = [date(2026, month, 1) for month in (1, 3, 4, 6, 8, 10)]


def random_contracts(random: Random) -> list[dict[str, Any]]:
    """One to three contracts of a customer: for all of it, project P, some tickets of that."""
    coverage: tuple[tuple[str, Any], ...] = (
        ("C", "customer"),
        ("D", {"projects": ["P"]}),
        ("E", {"tickets": ["PUpdate", "PFeature", "POther"]}),
    )
    found = []
    for code, covers in random.sample(coverage, random.randint(1, 3)):
        first, last = sorted(random.sample(FIRSTS, 2))
        contract: dict[str, Any] = {"code": code, "start": str(first), "covers": covers}
        if random.random() < 0.3:
            contract["end"] = str(last - timedelta(days=1))
        if random.random() < 0.2:
            contract["sla"] = "all-in"
        contract["terms"] = []
        for number in range(random.randint(1, 3)):
            plan = random.choice(list(CARE["plans"]))
            term = {"id": f"T{number}", "plan": plan, "price": "50", "priority": str(number)}
            term["takes"] = random.choice((["service"], ["service", "change"], ["change"]))
            if plan in ("passed", "held"):
                term["hours"] = "0.25"
            if random.random() < 0.3:
                term["from"] = str(random.choice([day for day in FIRSTS if first <= day < last]))
            elif random.random() < 0.3:
                after = random.choice([day for day in FIRSTS if first < day <= last])
                term["until"] = str(after - timedelta(days=1))
            contract["terms"].append(term)
        found.append(contract)
    return found


def tree_of(data: Any) -> Tree:
    return Tree(data, {}, ())


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_untaken_work_of_random_contracts(start: int) -> None:
    """Contracts and dispositions that are named are those whose work billing reports as lost."""
    policy = policy_at(tree_of(CARE), CARE, (), "hash")
    assert isinstance(policy, Policy), policy
    scenario = Scenario(ScenarioShape(title="", runs=[]), tree_of(None), (policy,))
    work = list(product("PQ", KINDS, range(1, 16)))
    for seed in range(start, start + 100):
        fragment = {
            "projects": [{"id": "P", "customer": "c1"}, {"id": "Q", "customer": "c1"}],
            "tickets": [
                {"id": f"{project}{kind}", "project": project, "tags": kind.rstrip("2")}
                for project, kind, month in work
                if month == 1
            ],
            "contracts": random_contracts(Random(seed)),
            "entries": [
                {
                    "id": f"{project}{kind}-{month}",
                    "date": str(date(2026 + month // 13, (month - 1) % 12 + 1, 15)),
                    "ticket": f"{project}{kind}",
                    "hours": "2",
                }
                for project, kind, month in work
            ],
        }
        book = fragment_book(fragment, scenario, [])
        assert not book.problems, book.problems
        checked = Checked(policy, Raw(tree_of(CARE)), date(2026, 6, 1), book)
        said = {(one.contract.code, one.disposition) for one in untaken_work(checked)}
        assert said == lost_work(book), (seed, fragment["contracts"])
        count("random books: untaken work equals what billing reports as lost")
        count("contracts and dispositions of them that nobody takes", len(said))


def lost_work(book: Book) -> set[tuple[str, str]]:
    """Contract and disposition of all work that is uncovered though a contract of its customer
    runs, or waits for a term."""
    result = bill(book, date(2027, 4, 1))
    assert not result.parked, result.parked
    entries = {entry.id: entry for entry in book.entries}
    rank = {"customer": 2, "project": 1, "ticket": 0}
    found = set()
    for lost in result.uncovered:
        entry = entries[lost.entry]
        ids = {entry.ticket, entry.ticket[0]}
        running = [
            contract
            for contract in book.contracts
            if contract.span.covers(entry.date)
            and (contract.covers.kind == "customer" or not ids.isdisjoint(contract.covers.ids))
        ]
        if running:
            widest = max(running, key=lambda contract: rank[contract.covers.kind])
            found.add((widest.code, disposition_of(entry)))
    for held in result.held:
        if held.reason == "no_term":
            found.add((held.contract, disposition_of(entries[held.entry])))
    return found


def disposition_of(entry: Entry) -> str:
    return "change" if "Feature" in entry.ticket and entry.date >= date(2026, 4, 1) else "service"


def test_a_text_that_is_named_twice_is_said_once() -> None:
    """Where the words of two rules' texts stand in one place, that place is told."""
    places: dict[TreePath, Where] = {("scope", "otherwise"): Where("policy.yaml", 9, 3)}
    for number in range(2):
        rule: TreePath = ("scope", "rules", number)
        places[rule] = Where("policy.yaml", 5 + number, 7)
        places[(*rule, "because")] = Where("policy.yaml", 5 + number, 40)
        places[(*rule, "because", "en")] = Where("policy.yaml", 2, 10)
    text = {"en": "Covered."}
    data = {
        "policy": "twice",
        "version": "1",
        "scope": {
            "rules": [
                {"id": f"R{number}", "then": "service", "because": text} for number in range(2)
            ],
            "otherwise": {"then": "service", "because": {"en": "By time.", "de": "Nach Zeit."}},
        },
    }
    tree = Tree(data, places, ())
    policy = policy_at(tree, data, (), "hash")
    assert isinstance(policy, Policy), policy
    said = [
        (found.where, found.message)
        for found in check(policy, Raw(tree), date(2026, 6, 1))
        if found.code == "text-missing"
    ]
    assert said == [
        (Where("policy.yaml", 2, 10), '"because" of R0 and of 1 other is missing in German')
    ]
