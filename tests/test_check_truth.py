"""What ``check`` says, against what the product then does."""

from __future__ import annotations

import json
import shutil
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import pytest

import cli
from klausel.engine import bill
from klausel.policy import Policy, policy_at
from klausel.policy.check import Raw, check
from klausel.problems import Where
from klausel.scenario import Scenario, read_scenario
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
