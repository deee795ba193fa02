"""The oracle against the worked examples, and against the product over generated lives."""

from __future__ import annotations

import ast
import json
from collections import Counter
from datetime import date
from fractions import Fraction
from itertools import takewhile
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, settings

from klausel.engine import Matchers
from klausel.formats.json import result_data
from klausel.matching import reference
from klausel.policy import policy_at
from klausel.scenario import Scenario, ScenarioShape
from klausel.scenario import play as play_product
from klausel.tree import Tree, parse
from tests.counts import count
from tests.oracle.bill import play
from tests.oracle.days import add_months
from tests.oracle.facts import CannotSay, merged
from tests.oracle.lives import FEATURES, FEES, LIMITS, lives
from tests.oracle.numbers import seconds
from tests.seeds import AT_ONCE, fresh_one_in
from tests.smaller import smaller
from tests.test_cases import SCENARIOS, name

ORACLE = Path(__file__).parent / "oracle"

#: Cases that the oracle does not express beside those that correct or release, and why.
NOT_SAID = {
    "thresholds/budget-with-dates": "the oracle knows no names",
}

#: Cases of which the oracle expresses the first runs, before any that corrects, and why no more.
NOT_SAID_BEHIND = {
    "ends/pool-end-put-off-and-over": (1, "settled credit has to be taken back"),
    "ends/pool-hours-wait-for-their-money": (1, "settled credit has to be taken back"),
}


def corrects(run: dict[str, Any]) -> bool:
    return bool(run.get("do") == "adjust" or run.get("release"))


def said_of(path: Path) -> dict[str, Any]:
    """As much of a case as the oracle expresses: up to the first run that corrects or releases."""
    scenario = parse(path.read_text(encoding="utf-8"), path.name).data
    runs = list(takewhile(lambda run: not corrects(run), scenario["runs"]))
    if name(path) in NOT_SAID_BEHIND:
        runs = runs[: NOT_SAID_BEHIND[name(path)][0]]
    return {**scenario, "runs": [] if name(path) in NOT_SAID else runs}


def said_whole(path: Path) -> bool:
    """Whether the oracle expresses all of a case."""
    if name(path) in NOT_SAID or name(path) in NOT_SAID_BEHIND:
        return False
    runs = parse(path.read_text(encoding="utf-8"), path.name).data["runs"]
    return not any(map(corrects, runs))


#: What only the product says: its own words for people, the keys of its record, and what it
#: compares with that record.
WORDS_OF_THE_PRODUCT = {
    "after", "before", "customer", "description", "differences", "due", "key", "line", "problems",
    "settled",
}  # fmt: skip

SAID = [path for path in SCENARIOS if said_of(path)["runs"]]


@pytest.mark.parametrize("path", [path for path in SCENARIOS if not said_whole(path)], ids=name)
def test_what_is_left_out_cannot_be_said(path: Path) -> None:
    """Nothing is left out that the oracle could express."""
    with pytest.raises(CannotSay):
        play(parse(path.read_text(encoding="utf-8"), path.name).data)


@pytest.mark.parametrize("case", NOT_SAID_BEHIND)
def test_what_is_left_out_behind_a_run_cannot_be_said(case: str) -> None:
    """The run behind those that are said cannot be, and it corrects nothing."""
    path = next(path for path in SCENARIOS if name(path) == case)
    scenario = parse(path.read_text(encoding="utf-8"), path.name).data
    runs = scenario["runs"][: NOT_SAID_BEHIND[case][0] + 1]
    assert not corrects(runs[-1])
    with pytest.raises(CannotSay, match=NOT_SAID_BEHIND[case][1]):
        play({**scenario, "runs": runs})


@pytest.mark.parametrize("path", SAID, ids=name)
def test_oracle_gives_the_figures(path: Path) -> None:
    """The oracle itself is tested by the cases that an accountant can work out."""
    scenario = said_of(path)
    found: list[str] = []
    for number, (run, result) in enumerate(zip(scenario["runs"], play(scenario), strict=True), 1):
        for word, wanted in (run.get("expect") or {}).items():
            if word not in WORDS_OF_THE_PRODUCT:
                seen = case_view(result).get(word)
                found += differences(wanted, seen, f"run {number}: {word}")
    assert not found, "\n".join(found)
    whole = "" if said_whole(path) else ", up to the first correction"
    count(f"scenario files that the oracle gives as well{whole}")


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


# The product beside the oracle

NOWHERE = Tree(None, {}, ())
QUICK = Matchers(main=reference.ReferenceMatcher, check=reference.ReferenceMatcher)


@fresh_one_in(10, **AT_ONCE)
@given(lives())
def test_the_product_agrees(life: dict[str, Any]) -> None:
    """Exact to the cent and to the second, run by run."""
    count("generated lives, new ones: the product agrees with the oracle")
    agrees(life)


@settings(**AT_ONCE)
@given(lives())
def test_the_product_agrees_on_the_same_lives(life: dict[str, Any]) -> None:
    """Exact to the cent and to the second, run by run."""
    count("generated lives, new ones: the product agrees with the oracle")
    agrees(life)


@fresh_one_in(5, **AT_ONCE)
@given(lives(FEES))
def test_the_product_agrees_on_fees(life: dict[str, Any]) -> None:
    """The same, where ends move and fees go back."""
    count("generated lives of fees, new ones: the product agrees with the oracle")
    agrees(life)


@fresh_one_in(5, **AT_ONCE)
@given(lives(LIMITS))
def test_the_product_agrees_on_limits(life: dict[str, Any]) -> None:
    """The same, where work meets limits in money."""
    count("generated lives of limits, new ones: the product agrees with the oracle")
    agrees(life)


def agrees(life: dict[str, Any]) -> None:
    found = disagreements(life)
    if found:
        less = smaller(
            life, lambda some: said_of_words(disagreements(some)) == said_of_words(found)
        )
        raise AssertionError("\n".join([*disagreements(less), json.dumps(less), json.dumps(life)]))


def said_of_words(found: list[str]) -> set[str]:
    """What ``found`` is about, whatever run it is."""
    return {one.partition(":")[2].partition("\n")[0] for one in found}


def test_a_life_that_differs_is_said_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not after minutes in which it is made ever smaller."""

    def differs(life: dict[str, Any]) -> list[str]:
        entries = sum(len(run.get("add", {}).get("entries", ())) for run in life["runs"])
        return ["run 1: entries\n  more than one"] if entries > 1 else []

    monkeypatch.setattr("tests.test_oracle.disagreements", differs)
    began = monotonic()
    with pytest.raises(AssertionError) as told:
        test_the_product_agrees()
    assert monotonic() - began < 60
    said_, less, whole = str(told.value).splitlines()[0], *str(told.value).splitlines()[2:4]
    assert said_ == "run 1: entries"
    assert len(differs(json.loads(less))) == len(differs(json.loads(whole))) == 1
    assert len(less) < 100, less


def disagreements(life: dict[str, Any]) -> list[str]:
    """What the product says otherwise than the oracle, up to the first run that differs."""
    policy = policy_at(NOWHERE, {"policy": "p", "version": "1", **life["policy"]}, (), "hash")
    assert not isinstance(policy, list), [str(problem) for problem in policy]
    shape = ScenarioShape.model_validate({**life, "policy": None})
    theirs, _ = play_product(Scenario(shape, NOWHERE, (policy,)), QUICK)
    for number, (run, ours) in enumerate(zip(theirs, play(life), strict=True), start=1):
        assert run.result is not None, run.data["problems"]
        assert not run.data["parked"], run.data["problems"]
        rows = result_data(run.result)["balances"]
        one, other = view({**run.data, "balances": rows}), view(ours)
        found = [
            f"run {number}: {word}\n  product: {only(one[word], other[word])}"
            f"\n  oracle:  {only(other[word], one[word])}"
            for word in one
            if one[word] != other[word]
        ]
        if found:
            return found
    return []


def only(one: Any, other: Any) -> Any:
    """What of ``one`` is not in ``other``."""
    if isinstance(one, Counter):
        return sorted((one - other).elements(), key=str)
    return {key: value for key, value in one.items() if other.get(key) != value}


def view(data: dict[str, Any]) -> dict[str, Any]:
    """A result in the terms in which both must be equal, without order."""
    lines = [line for draft in data["drafts"] for line in draft["lines"]]
    return {
        "drafts": Counter(
            (
                draft["kind"],
                draft["currency"],
                Fraction(draft["total"]),
                tuple(sorted(line_view(line) for line in draft["lines"])),
            )
            for draft in data["drafts"]
        ),
        "lines": Counter(line_view(line) for line in lines),
        "times": Counter(
            (line["term"], line["component"], str(line["period"][0]), time["id"], time["seconds"])
            for line in lines
            if line["component"] == "time"
            for time in line["entries"]
            if time["seconds"]
        ),
        "entries": {entry: parts_view(parts) for entry, parts in data["entries"].items()},
        "held": sums((row["entry"], row["reason"], row["seconds"]) for row in data["held"]),
        "uncovered": sums(
            (row["entry"], row["reason"], row["seconds"]) for row in data["uncovered"]
        ),
        "balances": balances_view(data["balances"]),
        "notices": Counter(
            (one["contract"], one["rule"], one["period"], int(one["at_percent"]), str(one["on"]))
            for one in data["notices"]
        ),
    }


def line_view(line: dict[str, Any]) -> tuple[Any, ...]:
    return (
        line["contract"],
        line["term"],
        line["component"],
        tuple(map(str, line["period"])),
        Fraction(line["quantity"]),
        Fraction(line["unit_price"]),
        Fraction(line["discount"]),
        Fraction(line["amount"]),
        line["late"],
    )


def parts_view(parts: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[int, int]]:
    """Seconds worked and rounded, by what became of them."""
    found: dict[tuple[Any, ...], tuple[int, int]] = {}
    for part in parts:
        key: tuple[Any, ...]
        if part.get("uncovered"):
            key = ("uncovered", part["uncovered"])
        else:
            billed = part["disposition"] != "billed_elsewhere"
            key = (
                part["disposition"],
                part["contract"] if billed else None,
                part["term"] if part["rounded"] and not part["held"] and billed else None,
                part["lot"] if part["rounded"] else None,
                part["held"] if part["rounded"] else None,
            )
        worked, rounded = found.get(key, (0, 0))
        more = part["rounded"] if part["disposition"] != "billed_elsewhere" else 0
        found[key] = (worked + part["seconds"], rounded + more)
    return found


def sums(rows: Any) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for entry, reason, time in rows:
        found[entry, reason] = found.get((entry, reason), 0) + time
    return {key: time for key, time in found.items() if time}


def balances_view(rows: Any) -> dict[str, dict[str, Fraction]]:
    """Lots by contract/term/lot, terms by contract/term; nothing where there is nothing."""
    words = ("granted", "drawn", "expired", "refunded", "remaining", "deficit")
    found: dict[str, dict[str, Fraction]] = {}
    if isinstance(rows, list):
        for row in rows:
            term = f"{row['contract']}/{row['term']}"
            lot = [] if row["lot"] == "deficit" else [f"{term}/{row['lot']}"]
            for key in (term, *lot):
                sums = found.setdefault(key, dict.fromkeys(words, Fraction(0)))
                for word in words:
                    sums[word] += Fraction(row[word])
    else:
        found = {key: {word: Fraction(row[word]) for word in words} for key, row in rows.items()}
    # The product shows a lot's hours to four digits, so that only lots can be compared exactly.
    return {
        key: row if key.count("/") == 2 else {"deficit": row["deficit"]}
        for key, row in found.items()
        if any(row.values())
    }


# The oracle by itself


@fresh_one_in(5)
@given(lives())
def test_the_oracle_keeps_count(life: dict[str, Any]) -> None:
    """Every second is in a part; lots add up; the same run again finds nothing to do."""
    count("generated lives: the oracle keeps count")
    again = {"as_of": life["runs"][-1]["as_of"]}
    last = {**life["runs"][-1], "do": "bill"}
    results = play({**life, "runs": [*life["runs"][:-1], last, again]})
    book = life["book"]
    for run, result in zip(life["runs"], results[:-1], strict=True):
        book = merged(book, run)
        for entry in book["entries"]:
            if entry["date"] <= run["as_of"]:
                parts = result["entries"][entry["id"]]
                assert sum(part["seconds"] for part in parts) == seconds(entry["hours"]), parts
        for name_, row in result["balances"].items():
            found = {word: Fraction(hours) for word, hours in row.items()}
            assert min(found.values()) >= 0, (name_, row)
            spent = found["drawn"] + found["expired"] + found["refunded"] + found["remaining"]
            assert abs(found["granted"] - spent) < Fraction(1, 100), (name_, row)
    assert not results[-1]["drafts"]
    assert not results[-1]["notices"]
    before, after = view(results[-2]), view(results[-1])
    for word in ("entries", "held", "uncovered", "balances"):
        assert before[word] == after[word], word


@fresh_one_in(20)
@given(lives(FEATURES - {"late", "ends"}))
def test_the_oracle_catches_up(life: dict[str, Any]) -> None:
    """Month by month is one late run, where every fact was known in time."""
    count("generated lives: the oracle catches up")
    days = [add_months(date(2027, 11, 1), months).isoformat() for months in range(18)]
    many = play({**life, "runs": [{"as_of": day, "do": "bill"} for day in days]})
    once = play({**life, "runs": [{"as_of": days[-1], "do": "bill"}]})
    assert billed(many) == billed(once)
    for word in ("entries", "held", "uncovered", "balances"):
        assert view(many[-1])[word] == view(once[-1])[word], word


def billed(results: list[dict[str, Any]]) -> dict[tuple[Any, ...], Fraction]:
    """Quantities by what they are for, whatever document they stand on."""
    found: dict[tuple[Any, ...], Fraction] = {}
    for result in results:
        for draft in result["drafts"]:
            sign = 1 if draft["kind"] == "invoice" else -1
            for line in draft["lines"]:
                key = (line["contract"], line["term"], line["component"], *line["period"],
                       line["unit_price"], line["unit"])  # fmt: skip
                found[key] = found.get(key, Fraction(0)) + sign * Fraction(line["quantity"])
    return {key: quantity for key, quantity in found.items() if quantity}


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
