"""``klausel check`` as a command: where it looks, exit codes, JSON and SARIF for programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import cli
from klausel.policy import Policy, load_policy
from klausel.policy.check import CODES, Raw, check
from klausel.policy.load import POLICY_FILE
from klausel.tree import parse
from klausel_book.source import demo_folder
from tests.large_policy import AS_OF, large_policy

CASES = Path(__file__).parent / "cases" / "check-errors"

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch

WHERE = {
    "type": "object",
    "required": ["file", "line", "column"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "minLength": 1},
        "line": {"type": "integer", "minimum": 1},
        "column": {"type": "integer", "minimum": 1},
    },
}
JSON = {
    "type": "object",
    "required": ["policies", "counts", "findings"],
    "additionalProperties": False,
    "properties": {
        "policies": {"type": "array", "items": {"type": "string"}},
        "counts": {
            "type": "object",
            "required": ["error", "warning", "info"],
            "additionalProperties": {"type": "integer"},
        },
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": [
                    "code", "severity", "message", "suggestion", "paste", "where", "related",
                ],
                "additionalProperties": False,
                "properties": {
                    "code": {"pattern": "^[a-z]+(-[a-z]+)+$"},
                    "severity": {"enum": ["error", "warning", "info"]},
                    "message": {"type": "string", "minLength": 10},
                    "suggestion": {"type": "string", "minLength": 10},
                    "paste": {"type": "string"},
                    "where": WHERE,
                    "related": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "where"],
                            "properties": {"message": {"type": "string"}, "where": WHERE},
                        },
                    },
                },
            },
        },
    },
}  # fmt: skip

#: What SARIF 2.1.0 requires of the parts that are written (OASIS, sections 3.13 to 3.52).
MESSAGE = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
LOCATION = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "id": {"type": "integer", "minimum": 0},
        "message": MESSAGE,
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {"uri": {"pattern": "^[A-Za-z0-9/._~%-]+$"}},
                },
                "region": {
                    "type": "object",
                    "required": ["startLine"],
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                    "additionalProperties": False,
                },
            },
        },
    },
}
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"const": "https://json.schemastore.org/sarif-2.1.0.json"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "name": {"const": "klausel"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "additionalProperties": False,
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": MESSAGE,
                                                "help": MESSAGE,
                                                "defaultConfiguration": {
                                                    "properties": {"level": LEVEL}
                                                },
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
                            "additionalProperties": False,
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": LEVEL,
                                "message": MESSAGE,
                                "locations": {"type": "array", "items": LOCATION, "minItems": 1},
                                "relatedLocations": {"type": "array", "items": LOCATION},
                            },
                        },
                    },
                },
            },
        },
    },
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A folder with every policy of the cases that can be read, one folder each."""
    for path in CASES.glob("*.yaml"):
        if path.stem != "unreadable":
            (tmp_path / "shelf" / path.stem).mkdir(parents=True)
            shutil.copy(path, tmp_path / "shelf" / path.stem / POLICY_FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "shelf"


def ran(capsys: Capture, *arguments: str) -> tuple[int, str]:
    code = cli.run(["check", "--as-of", "2026-06-01", *arguments])
    out, err = capsys.readouterr()
    assert err == ""
    return code, out


def test_json_says_what_the_text_says(shelf: Path, capsys: Capture) -> None:
    code, text = ran(capsys, "shelf")
    json_code, out = ran(capsys, "shelf", "--format", "json")
    assert code == json_code == 1
    data = json.loads(out)
    jsonschema.validate(data, JSON)
    assert data["policies"] == sorted(f"shelf/{path.name}" for path in shelf.iterdir())
    assert len(data["findings"]) == sum(data["counts"].values()) > 50
    heads = [line for line in text.splitlines() if line.startswith("shelf/")]
    assert heads == [
        "{file}:{line}:{column}: ".format(**found["where"])
        + "{severity}: {message} [{code}]".format(**found)
        for found in data["findings"]
    ]
    assert {found["code"] for found in data["findings"]} == CODES.keys() - {
        "too-entangled",
        "file-unread",
        "included-unpaid",
    }


def test_sarif(shelf: Path, capsys: Capture) -> None:
    (shelf / "texts").rename(shelf / "texts für alle #1")
    _, plain = ran(capsys, "shelf", "--format", "json")
    code, out = ran(capsys, "shelf", "--format", "sarif")
    assert code == 1
    data = json.loads(out)
    jsonschema.validate(data, SARIF)
    (run,) = data["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(rules) == len(set(rules))
    findings = json.loads(plain)["findings"]
    assert len(run["results"]) == len(findings)
    levels = {"error": "error", "warning": "warning", "info": "note"}
    for result, found in zip(run["results"], findings, strict=True):
        assert result["ruleId"] == rules[result["ruleIndex"]] == found["code"]
        assert result["level"] == levels[found["severity"]]
        assert result["message"]["text"].startswith(found["message"] + "\n")
        place = result["locations"][0]["physicalLocation"]
        assert place["region"]["startLine"] == found["where"]["line"]
        assert len(result.get("relatedLocations", [])) == len(found["related"])
    uris = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        for result in run["results"]
    }
    assert "shelf/texts%20f%C3%BCr%20alle%20%231/policy.yaml" in uris


def test_where_it_looks(shelf: Path, capsys: Capture, monkeypatch: Patch) -> None:
    """A policy folder, one of several, a book's policies, the current folder."""

    def looked(*arguments: str) -> list[str]:
        policies = json.loads(ran(capsys, *arguments, "--format", "json")[1])["policies"]
        assert isinstance(policies, list)
        return policies

    assert looked("shelf/subsumed") == ["shelf/subsumed"]
    assert looked("shelf/texts", "shelf/subsumed", "shelf/texts") == [
        "shelf/texts",
        "shelf/subsumed",
    ]
    assert len(looked("shelf")) == len(list(shelf.iterdir()))
    shutil.copytree(demo_folder(), "demo")
    four = [f"demo/policies/{path.name}" for path in sorted(Path("demo/policies").iterdir())]
    assert looked("demo") == looked("--book", "demo") == looked("demo/policies") == four
    assert looked("shelf/subsumed", "--book", "demo") == ["shelf/subsumed"]
    monkeypatch.chdir("demo")
    assert looked() == [name.removeprefix("demo/") for name in four]
    monkeypatch.chdir("policies/web-care")
    assert looked() == ["."]


def test_exit_codes(shelf: Path, capsys: Capture) -> None:
    """Infos fail a strict check only, and what is left to otherwise never does."""
    shutil.copytree(shelf / "plan-passes-on", "notes")
    shutil.copytree(shelf / "otherwise-one-word", "by-design")
    shutil.copytree(shelf / "nothing-found", "clean")
    shutil.copytree(shelf / "field-unused", "warned")
    codes = {
        name: (ran(capsys, name)[0], ran(capsys, name, "--strict")[0])
        for name in ("clean", "by-design", "notes", "warned")
    }
    assert codes == {"clean": (0, 0), "by-design": (0, 0), "notes": (0, 1), "warned": (1, 1)}
    (shelf / "broken").mkdir()
    shutil.copy(CASES / "unreadable.yaml", shelf / "broken" / POLICY_FILE)
    (shelf / "latin").mkdir()
    (shelf / "latin" / POLICY_FILE).write_bytes(b"policy: latin\ntitle: f\xfcr alle\n")
    code, out = ran(capsys, "shelf/broken", "shelf/latin", "shelf/field-unused")
    assert code == 2
    said = [line for line in out.splitlines() if line.startswith("shelf/")]
    assert said == [
        'shelf/broken/policy.yaml:12:23: error: there is no field "wrok" [policy-field-unknown]',
        "shelf/latin/policy.yaml:2:9: error: the file is not UTF-8 text (byte 23) [file-not-utf8]",
        'shelf/field-unused/policy.yaml:10:3: warning: nothing asks for the field "estimate_hours"'
        " [field-unused]",
    ]


def test_a_broken_book_is_said(shelf: Path, capsys: Capture) -> None:
    shutil.copytree(CASES / "book-untaken", "book")
    assert cli.run(["check", "--book", "book"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert 'contracts.yaml:3:3: error: "customer": there is no customer "c1"' in err.splitlines()


def test_explain(capsys: Capture) -> None:
    pages = Path(cli.__file__).parent / "rules" / "klausel" / "policy" / "check" / "pages"
    for code in CODES:
        assert cli.run(["check", "--explain", code]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        assert out == (pages / f"{code}.md").read_text(encoding="utf-8")


def test_the_demo_has_no_flaw(capsys: Capture) -> None:
    """Of its contracts it is said that most have no term for more than service, some no fee."""
    assert ran(capsys, "--strict", str(demo_folder()))[0] == 0
    code, out = ran(capsys, "--book", str(demo_folder()))
    assert code == 0
    assert out.splitlines()[-1] == "4 policies checked: 16 infos"


def test_five_thousand_rules() -> None:
    """Ends, and finds the two rules that were put in vain (see python -m bench policies)."""
    text = large_policy(5000)
    policy = load_policy("", {POLICY_FILE: text})
    assert isinstance(policy, Policy)
    found = check(policy, Raw(parse(text, POLICY_FILE)), AS_OF)
    errors: list[Any] = [(one.code, one.message) for one in found if one.severity == "error"]
    assert errors == [
        (
            "rule-unreachable",
            "rule X1 never decides: the rules above it take all that it asks for"
            " (R3, R1003, R2003, R3003 and R4003)",
        ),
        (
            "rule-subsumed",
            "rule X2 never decides: rule R7 stands above it and takes all that it asks for",
        ),
    ]
