"""Bad policies: every folder below ``cases/policy-errors`` has one mistake.

A case is a policy folder; ``expected.txt`` in it is what ``klausel check NAME`` says of it, to the
letter, and the exit code. A new case without that file fails and shows what it would hold. What
begins with ``fine-`` looks like a mistake and is none.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import cli

CASES = Path(__file__).parent / "cases" / "policy-errors"
NAMES = sorted(path.name for path in CASES.iterdir())

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def said(name: str, capsys: Capture) -> str:
    """What the check of the policy folder ``name`` of the current folder prints, and its exit."""
    code = cli.run(["check", "--as-of", "2026-06-01", name])
    out, err = capsys.readouterr()
    assert err == ""
    return f"{out}exit {code}\n"


@pytest.mark.parametrize("name", NAMES)
def test_bad_policy(name: str, monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.chdir(CASES)
    found = said(name, capsys)
    expected = CASES / name / "expected.txt"
    assert expected.exists(), f"{expected.name} is missing; it would hold:\n{found}"
    assert found == expected.read_text(encoding="utf-8")
    refused = "exit 2\n" if not name.startswith("fine-") else "exit 0\n"
    assert found.endswith(refused)
