"""A crowd of customers, each with a generated life of its own, as one book that grows.

The lives are drawn: contracts of every model, on boundaries, with work that arrives late, waits or
is given back, in currencies with no, two and three digits. Some are new in each run, by its seed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import Phase, given, seed, settings

from klausel.model import Book
from klausel.policy import Policy, policy_at
from klausel.scenario import Fragment, RunShape, Scenario, ScenarioShape, fragment_book, merged
from klausel.tree import Tree
from tests.oracle.lives import FEATURES, lives
from tests.seeds import SEED, USERS

#: What can be put into Odoo by the loader.
WITHIN = FEATURES - {"not_billable", "roles"}
#: Seed of those that are the same in every run.
FIXED = 2080844516
NOWHERE = Tree(None, {}, ())

CURRENCIES = ("EUR", "EUR", "USD", "JPY", "KWD")
#: With fractions of the smallest coin.
PRICES = ("0.005", "1.115", "12.3456", "0.3333", "99.99", "1000.01")
DISCOUNTS = ("12.5", "0.01", "99.99", "100")

#: Columns that name something of the customer's own, by table.
OWN: Mapping[str, tuple[str, ...]] = {
    "customers": ("id", "parent"),
    "projects": ("id", "customer"),
    "tickets": ("id", "customer", "project", "parent"),
    "contracts": ("code", "customer"),
    "entries": ("id", "ticket", "project", "customer", "billed_elsewhere"),
    "purchases": ("id", "contract"),
    "items": ("id", "contract"),
    "acceptances": ("id", "contract"),
    "approvals": ("id", "contract", "tickets"),
    "openings": ("contract",),
    "overrides": ("entry",),
}


class Crowd:
    """So many customers; all of them share the company and its employees. Of them ``new`` are of
    this run; if not all are, nothing else is drawn anew either."""

    def __init__(self, number: int, new: int) -> None:
        self.chance = Random(SEED if new == number else FIXED)
        self._lives = []
        for seed_, some in ((FIXED, number - new), (SEED, new)):
            chance = Random(seed_)
            for life in map(_past, _drawn(some, seed_) if some else ()):
                _varied(life, chance)
                self._lives.append(life)
        self.policies = [
            {"policy": f"p{number}", "version": "1", **life["policy"]}
            for number, life in enumerate(self._lives)
        ]
        self._method = self.chance.choice(("global", "line"))

    def write_policies(self, folder: Path) -> Path:
        """The policies as a folder of files; what is JSON is YAML."""
        for data in self.policies:
            target = folder / data["policy"]
            target.mkdir(parents=True)
            (target / "policy.yaml").write_text(json.dumps(data), encoding="utf-8")
        return folder

    def facts(self, late: bool) -> Fragment:
        """What is known before half of the runs of each life, or before its last one."""
        found: Fragment = {
            "company": {"rounding_method": self._method},
            "employees": [{"id": "u1"}, {"id": "u2", "role": "senior"}],
        }
        for number, life in enumerate(self._lives):
            runs = [RunShape.model_validate(run) for run in life["runs"]]
            fragment = life["book"]
            for run in runs if late else runs[: (len(runs) + 1) // 2]:
                fragment = merged(fragment, run)
            for table, rows in _own(fragment, number).items():
                found.setdefault(table, []).extend(rows)
        return found

    def book(self, facts: Fragment) -> Book:
        read = [policy_at(NOWHERE, data, (), "hash") for data in self.policies]
        policies = tuple(one for one in read if isinstance(one, Policy))
        assert len(policies) == len(read)
        scenario = Scenario(ScenarioShape(title="", runs=[]), NOWHERE, policies)
        return fragment_book(facts, scenario, [])


def changed(facts: Fragment, chance: Random) -> Fragment:
    """Of a third of the entries other hours turn out to be right."""
    entries = [
        {**row, "hours": chance.choice(("3", "0.3333333", "0"))} if not chance.randrange(3) else row
        for row in facts["entries"]
    ]
    return {**facts, "entries": entries}


def _drawn(number: int, seed_: int) -> list[dict[str, Any]]:
    """Of four times as many, so that few of them are children of one another."""
    found: dict[str, dict[str, Any]] = {}

    @seed(seed_)
    @settings(max_examples=4 * number, derandomize=False, database=None, phases=(Phase.generate,))
    @given(lives(WITHIN))
    def draw(life: dict[str, Any]) -> None:
        found[json.dumps(life)] = life

    draw()
    USERS.append("crowd")
    return Random(seed_).sample(list(found.values()), number)


def _past(life: dict[str, Any]) -> dict[str, Any]:
    """Four years before: leap days stay leap days."""
    years = re.compile(r"\b20(2[6-9])(?=-\d\d-\d\d)")
    text = years.sub(lambda year: f"20{int(year[1]) - 4}", json.dumps(life))
    found: dict[str, Any] = json.loads(text)
    return found


def _varied(life: dict[str, Any], chance: Random) -> None:
    """What lives have too seldom: currencies, discounts, fractions of a coin, clauses."""
    for contract in life["book"]["contracts"]:
        contract["currency"] = chance.choice(CURRENCIES)
        for term in contract["terms"]:
            if not chance.randrange(3):
                term["discount"] = chance.choice(DISCOUNTS)
            if isinstance(term.get("price"), str) and not chance.randrange(3):
                term["price"] = chance.choice(PRICES)
    # Of some rules the customer is told.
    scope = life["policy"]["scope"]
    for number, rule in enumerate((*scope["rules"], scope["otherwise"]), start=1):
        if chance.randrange(2):
            rule["clause"] = f"2.{number}"
    if not chance.randrange(4):
        life["policy"].setdefault("drafts", {})["sections"] = "contract"


def _own(fragment: Fragment, number: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of one customer under names that no other customer has."""
    mark = f"k{number}-"
    known = fragment.get("customers") or [{"id": "c1"}]
    named = [{**row, "name": f"Shop {number} {row['id']}"} for row in known]
    tables = {**fragment, "customers": named}
    found = {
        table: [_renamed(row, columns, mark) for row in tables.get(table, ())]
        for table, columns in OWN.items()
    }
    for contract in found["contracts"]:
        contract.setdefault("customer", f"{mark}c1")
        contract["policy"] = f"p{number}"
        if isinstance(contract["covers"], dict):
            contract["covers"] = {
                kind: [mark + one for one in some] for kind, some in contract["covers"].items()
            }
    for entry in found["entries"]:
        entry.pop("validated", None)  # this Odoo knows no validation
    for approval in found["approvals"]:
        if approval.get("expires_on", "9999") < approval.get("decided_on", ""):
            del approval["expires_on"]  # forms refuse that
    return found


def _renamed(row: Mapping[str, Any], columns: Iterable[str], mark: str) -> dict[str, Any]:
    new = {
        column: ";".join(mark + one for one in str(row[column]).split(";"))
        for column in columns
        if row.get(column)
    }
    return {**row, **new}
