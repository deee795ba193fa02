"""The published schema of a result (``docs/result.schema.json``) and what runs print."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from klausel.approvals import BEFORE_ROUNDING, NO_HOURS, NO_TERM
from klausel.charges.base import Charge
from klausel.engine import bill
from klausel.formats import View, render
from klausel.formats.json import result_data
from klausel.model import Override
from klausel.policy import policy_at
from klausel.policy.ir import DISPOSITIONS
from klausel.problems import Problem
from klausel.result import Balance, Difference, Kind, Result, Uncovered
from klausel.scenario import Scenario, ScenarioShape, play, read_scenario
from klausel_book import read_folder
from klausel_book.source import demo_folder
from tests.counts import count
from tests.oracle.lives import FEATURES, lives
from tests.test_cases import SCENARIOS, name
from tests.test_oracle import NOWHERE, QUICK

SCHEMA = json.loads(
    (Path(__file__).parent.parent / "docs" / "result.schema.json").read_text(encoding="utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=Draft202012Validator.FORMAT_CHECKER)

#: Words that only some rows have.
OPTIONAL = {
    "uncovered", "due", "settled", "late", "drawn", "before", "after", "override",
}  # fmt: skip

SOME = settings(max_examples=max(settings().max_examples // 5, 1))


def errors(data: Any) -> list[str]:
    """What does not fit, each with its place."""
    return [f"{found.json_path}: {found.message}" for found in VALIDATOR.iter_errors(data)]


def printed(result: Result) -> dict[str, Any]:
    """What ``--format json`` prints, which is what the program's own callers are handed."""
    data: dict[str, Any] = json.loads(render(result, "json", View()))
    assert data == result_data(result)
    return data


@pytest.fixture(scope="module")
def results() -> dict[str, dict[str, Any]]:
    """Every run of every case."""
    found = {}
    for path in SCENARIOS:
        played, _ = play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
        for number, run in enumerate(played, start=1):
            assert run.result is not None, path
            found[f"{name(path)}, run {number}"] = printed(run.result)
    return found


def test_cases_fit_the_schema(results: dict[str, dict[str, Any]]) -> None:
    found = [f"{where}: {said}" for where, data in results.items() for said in errors(data)]
    count("runs of scenario files that fit the schema", len(results))
    assert not found, "\n".join(found)


@SOME
@given(lives(frozenset(FEATURES)))
def test_lives_fit_the_schema(life: dict[str, Any]) -> None:
    """Contracts of all models, run by run."""
    count("generated lives that fit the schema")
    policy = policy_at(NOWHERE, {"policy": "p", "version": "1", **life["policy"]}, (), "hash")
    assert not isinstance(policy, list), [str(problem) for problem in policy]
    shape = ScenarioShape.model_validate({**life, "policy": None})
    played, _ = play(Scenario(shape, NOWHERE, (policy,)), QUICK)
    for run in played:
        assert run.result is not None, run.data["problems"]
        assert not errors(printed(run.result))


def test_the_demo_book_fits_the_schema() -> None:
    book = read_folder(demo_folder())
    for as_of in (date(2026, 1, 1), date(2026, 4, 15), date(2026, 7, 1)):
        assert not errors(printed(bill(book, as_of)))
    decided = Override(book.entries[0].id, "written_off", "goodwill", "Ann")
    data = printed(bill(replace(book, overrides=(decided,)), as_of))
    assert any("override" in part for entry in data["entries"] for part in entry["parts"])
    assert not errors(data)


# The schema says neither less nor more than the program


def objects(schema: Any) -> Iterator[dict[str, Any]]:
    """All descriptions of objects in the schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects(value)


def test_the_schema_is_strict() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    found = list(objects(SCHEMA))
    assert len(found) >= 12
    for one in found:
        assert one["additionalProperties"] is False
        missing = set(one["properties"]) - set(one["required"])
        assert missing <= OPTIONAL
        for word, described in one["properties"].items():
            assert described.keys() & {"type", "enum", "const", "$ref"}, word
            kinds = described.get("type", [])
            assert "number" not in kinds, f"{word}: money and hours are text"
            if described.get("format") == "date":
                assert described["pattern"] == "^\\d{4}-\\d{2}-\\d{2}$", word


def words(*path: str) -> list[str | None]:
    """The words that are allowed at a place."""
    place: Any = SCHEMA
    for step in path:
        place = place[step]
    found: list[str | None] = place["enum"]
    assert len(found) == len(set(found))
    return found


def top(table: str, field: str) -> tuple[str, ...]:
    """The place of a field in a table of the result."""
    return "properties", table, "items", "properties", field


def literals(of: Any, field: str = "") -> set[str]:
    return set(get_args(get_type_hints(of)[field] if field else of))


HELD = {*BEFORE_ROUNDING, NO_HOURS, NO_TERM}
#: Beside what rules decide: by hand, invoiced by others, by nobody.
#: Causes that only Odoo has.
IN_ODOO = {"edited", "documents"}
FATES = {*DISPOSITIONS, "written_off", "billed_elsewhere", "uncovered"}
PART = ("$defs", "part", "properties")


@pytest.mark.parametrize(
    ("path", "known"),
    [
        (("$defs", "draft", "properties", "kind"), set(get_args(Kind))),
        (("$defs", "line", "properties", "unit"), literals(Charge, "unit")),
        ((*PART, "disposition"), FATES),
        ((*PART, "held"), {*HELD, None}),
        ((*PART, "uncovered"), literals(Uncovered, "reason")),
        (top("uncovered", "reason"), literals(Uncovered, "reason")),
        (top("held", "reason"), HELD),
        (top("balances", "unit"), literals(Balance, "unit")),
        (top("differences", "cause"), literals(Difference, "cause")),
        (top("problems", "severity"), literals(Problem, "severity")),
    ],
    ids=lambda value: "/".join(value[-4:]) if isinstance(value, tuple) else "",
)
def test_lists_of_words_are_the_programs(path: tuple[str, ...], known: set[str | None]) -> None:
    assert set(words(*path)) == known


def test_every_word_is_used(results: dict[str, dict[str, Any]]) -> None:
    """Cases show every optional word and every fate, so that none of them is out of date."""
    seen: Counter[tuple[str, Any]] = Counter()
    for data in results.values():
        for part in (part for entry in data["entries"] for part in entry["parts"]):
            seen.update(("word", word) for word in part)
            seen.update((word, part.get(word)) for word in ("disposition", "held", "uncovered"))
        seen.update(("kind", draft["kind"]) for draft in data["drafts"])
        seen.update(("unit", line["unit"]) for draft in data["drafts"] for line in draft["lines"])
        seen.update(("cause", found["cause"]) for found in data["differences"])
        seen.update(("lot", found["unit"]) for found in data["balances"])
        seen.update(("parked", customer != "") for customer in data["parked"])
    wanted = {("word", word) for word in SCHEMA["$defs"]["part"]["properties"]}
    wanted |= {("disposition", word) for word in FATES}
    wanted |= {("held", word) for word in HELD}
    wanted |= {("uncovered", word) for word in literals(Uncovered, "reason")}
    wanted |= {("kind", word) for word in get_args(Kind)}
    wanted |= {("unit", word) for word in literals(Charge, "unit")}
    wanted |= {("cause", word) for word in literals(Difference, "cause") - IN_ODOO}
    wanted |= {("lot", word) for word in literals(Balance, "unit")}
    wanted |= {("parked", True)}
    assert not wanted - set(seen), wanted - set(seen)


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Changes one value of a result."""

    def change(data: dict[str, Any]) -> None:
        place: Any = data
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


LINE = ("drafts", 0, "lines", 0)
A_PART = ("entries", 0, "parts", 0)


@pytest.mark.parametrize(
    "change",
    [
        put("more", value=1),
        put("as_of", value="2026-02-30"),
        put("as_of", value="1.2.2026"),
        put("drafts", 0, "total", value=95.0),
        put("drafts", 0, "total", value="-95.00"),
        put("drafts", 0, "total", value="9.5E+1"),
        put("drafts", 0, "kind", value="refund"),
        put("drafts", 0, "currency", value="euro"),
        put("drafts", 0, "lines", value=[]),
        put(*LINE, "quantity", value="1,5"),
        put(*LINE, "period", value=["2026-01-01"]),
        put(*LINE, "unit", value="day"),
        put(*LINE, "key", value=""),
        put(*LINE, "entries", 0, "seconds", value="3600"),
        put(*LINE, "because", value=[]),
        put(*A_PART, "disposition", value="free"),
        put(*A_PART, "held", value="because"),
        put(*A_PART, "settled", value=False),
        put(*A_PART, "drawn", value=3600),
        put(*A_PART, "due", value=None),
    ],
)
def test_what_does_not_fit_is_found(change: Callable[[dict[str, Any]], None]) -> None:
    path = next(path for path in SCENARIOS if name(path) == "time/price-of-the-day")
    played, _ = play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
    assert played[0].result is not None
    data = printed(played[0].result)
    assert not errors(data)
    change(data)
    assert errors(data)
    with pytest.raises(ValidationError):
        VALIDATOR.validate(data)
