"""The published schema of policy files: as the shapes are, and as policies are written."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

import cli
from klausel.policy.schema import policy_schema
from klausel.tree import parse
from klausel_book.source import demo_folder
from klausel_run.schema import schema_text
from tests.counts import count
from tests.test_book_errors import CASES as BOOKS
from tests.test_cases import SCENARIOS, name
from tests.test_docs import ROOT, blocks
from tests.test_policy_errors import CASES as BAD
from tests.test_schema import objects

PAGE = ROOT / "rules" / "README.md"
SCHEMA = policy_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def errors(data: Any) -> list[str]:
    """What does not fit, each with its place."""
    return [f"{found.json_path}: {found.message}" for found in VALIDATOR.iter_errors(data)]


def as_editors_read(text: str) -> Any:
    """The data with the kinds that YAML 1.2 gives it; a date is text there."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(key): plain(one) for key, one in value.items()}
        if isinstance(value, list):
            return [plain(one) for one in value]
        return value.isoformat() if isinstance(value, date) else value

    return plain(YAML(typ="safe", pure=True).load(text))


def policies() -> Iterator[tuple[str, str]]:
    """Every good policy file of the tree, as text."""
    for path in sorted((demo_folder() / "policies").rglob("*.yaml")):
        yield f"demo {path.parent.name}", path.read_text(encoding="utf-8")
    for page in (ROOT / "README.md", PAGE, *sorted((ROOT / "docs").glob("*.md"))):
        for number, text in enumerate(blocks(page, "yaml policy")):
            yield f"{page} {number}", text
    for path in sorted(BOOKS.glob("fine-*/policies/*/**/*.yaml")):
        yield str(path), path.read_text(encoding="utf-8")


def test_the_checked_in_schema_is_the_program_s() -> None:
    text = (ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8")
    assert text == schema_text("policy"), "klausel schema > docs/policy.schema.json"
    result = (ROOT / "docs" / "result.schema.json").read_text(encoding="utf-8")
    assert result == schema_text("result"), "copy docs/result.schema.json to klausel/formats"


@pytest.mark.parametrize(("option", "file"), [("", "policy"), ("--result", "result")])
def test_the_command_prints_it(option: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["schema", *option.split()]) == 0
    text = (ROOT / "docs" / f"{file}.schema.json").read_text(encoding="utf-8")
    assert capsys.readouterr().out == text


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(schema_text("policy")) == SCHEMA


def test_every_policy_fits() -> None:
    found = []
    for where, text in policies():
        count("policy files that fit their schema")
        for data in (parse(text, where).data, as_editors_read(text)):
            found += [f"{where}: {said}" for said in errors(data or {})]
    for path in SCENARIOS:
        scenario = parse(path.read_text(encoding="utf-8"), "").data
        some = dict(scenario.get("policies") or {})
        if isinstance(scenario.get("policy"), dict):
            some["p"] = scenario["policy"]
        for data in some.values():
            count("policies of scenarios that fit the schema")
            filled = {"policy": "p", "version": "1", **data}
            found += [f"{name(path)}: {said}" for said in errors(filled)]
    assert not found, "\n".join(found)


#: Broken policies that fit the schema: what is wrong with them is no matter of form.
NOT_OF_FORM = re.compile(
    r"""
    # what rules, fields and names say of one another
    approval-(both|neither|disposition|field-unknown)|field-(unknown|near-miss|both-kinds|no-kind)
    |value-(near-miss|of-source|unknown)|source-.*|otherwise-.*|number-.*|range-(for-words|too-large)
    |rule-(dates|doubled)|.*-many|surcharge-(dates|disposition|zero)|from-a-mapping|ids-doubled
    |unknown|unique-overlap|exception-doubled|two-folders|name-two-words|when-empty|range-bare-number
    |contingent-(every|lead-days)
    # settings that do not go together, and limits
    |every-.*|fee-refund-arrears|fee-keep-months|lead-days-arrears|milestone-.*|block-.*|pool-negative
    |watch-.*|rounding-zero|rates-(always-last|order)|because-empty|components-empty
    # names, files and tables
    |named-.*|include-.*|table-.*|broken-under-another-name|empty
    |doubled-field-value|field-without-from|one-of-empty|umlauts-and-a-mistake
    # what YAML has and these files do not use
    |yaml-(anchor|backslash-of-no-text|comments-only|key-is-a-list|merge|tag-of-yaml)
    """,
    re.VERBOSE,
)


def test_what_is_broken_in_form_does_not_fit() -> None:
    """A schema that finds nothing would help nobody who writes a policy."""
    silent, seen = [], 0
    for case in sorted(BAD.iterdir()):
        if case.name.startswith("fine-"):
            continue
        try:
            texts = [path.read_text(encoding="utf-8") for path in case.rglob("*.yaml")]
            said = [errors(as_editors_read(text) or {}) for text in texts]
        except (YAMLError, ValueError):
            continue
        seen += any(said)
        if not any(said):
            silent.append(case.name)
    count("broken policies that do not fit the schema", seen)
    assert [case for case in silent if not NOT_OF_FORM.fullmatch(case)] == []
    assert seen >= 50


def test_it_is_as_strict_as_the_shapes() -> None:
    """Objects either know all of their words or are lists of names."""

    found = list(objects(SCHEMA))
    assert len(found) > 25
    for one in found:
        if "properties" in one:
            assert one["additionalProperties"] is False, one
        else:
            assert isinstance(one["additionalProperties"], dict), one
