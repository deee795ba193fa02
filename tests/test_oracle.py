"""The oracle against the worked examples, and against the product over generated lives."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from klausel.tree import parse
from tests.oracle.bill import play
from tests.test_cases import SCENARIOS, name

ORACLE = Path(__file__).parent / "oracle"


#: Cases that the oracle does not express, and why.
NOT_SAID: dict[str, str] = {}

#: What only the product says: its own words for people, and what it compares with its record.
WORDS_OF_THE_PRODUCT = {
    "description", "due", "line", "settled", "differences", "problems", "customer",
}  # fmt: skip


@pytest.mark.parametrize("path", [path for path in SCENARIOS if name(path) not in NOT_SAID], ids=name)
def test_oracle_gives_the_figures(path: Path) -> None:
    """The oracle itself is tested by the cases that an accountant can work out."""
    scenario = parse(path.read_text(encoding="utf-8"), path.name).data
    found: list[str] = []
    for number, (run, result) in enumerate(zip(scenario["runs"], play(scenario), strict=True), 1):
        for word, wanted in (run.get("expect") or {}).items():
            if word not in WORDS_OF_THE_PRODUCT:
                seen = case_view(result).get(word)
                found += differences(wanted, seen, f"run {number}: {word}")
    assert not found, "\n".join(found)


def case_view(result: dict[str, Any]) -> dict[str, Any]:
    """Balances as cases name them, without the contract."""
    balances = {key.split("/", 1)[1]: row for key, row in result.get("balances", {}).items()}
    return {"parked": [], **result, "balances": balances}


def differences(wanted: Any, found: Any, path: str) -> list[str]:
    """Partial comparison as scenarios have it: mappings by the words given, lists in full."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict):
            return [f"{path}: expected a mapping, found {found}"]
        return [
            difference
            for word, one in wanted.items()
            if word not in WORDS_OF_THE_PRODUCT
            for difference in differences(one, found.get(str(word)), f"{path}.{word}")
        ]
    if isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            return [f"{path}: expected {len(wanted)} of them, found {found}"]
        return [
            difference
            for number, (one, other) in enumerate(zip(wanted, found, strict=True), start=1)
            for difference in differences(one, other, f"{path}[{number}]")
        ]
    if said(wanted) != said(found):
        return [f"{path}: expected {said(wanted)}, found {said(found)}"]
    return []


def said(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def test_oracle_imports_nothing_of_the_product() -> None:
    seen = set()
    for path in sorted(ORACLE.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                seen |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module, path
                seen.add(node.module)
    assert "tests.oracle.days" in seen
    ours = {module for module in seen if module.startswith("tests.oracle")}
    allowed = {
        "__future__", "calendar", "copy", "datetime", "fractions", "functools", "math", "re",
        "typing", "collections", "itertools", "holidays", "dateutil", "hypothesis",
    }  # fmt: skip
    assert {module.partition(".")[0] for module in seen - ours} <= allowed
