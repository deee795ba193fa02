"""Bad policies: every folder below ``cases/policy-errors`` has one mistake.

A case is a policy folder; ``expected.txt`` in it is what ``klausel check NAME`` says of it, to the
letter, and the exit code. A new case without that file fails and shows what it would hold. What
begins with ``fine-`` looks like a mistake and is none.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cli
from klausel.policy import Policy, load_policy
from klausel.problems import MOST_PROBLEMS
from klausel_book.policy_folder import MOST_POLICY_BYTES
from tests.large_policy import large_policy

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


def test_there_are_many_and_each_says_one_thing() -> None:
    bad = [name for name in NAMES if not name.startswith("fine-")]
    print(f"{len(bad)} broken policies, {len(NAMES) - len(bad)} that only look so")
    assert len(bad) >= 250
    for name in bad:
        text = (CASES / name / "expected.txt").read_text(encoding="utf-8")
        blocks = text.split("\n\n")[:-1]
        assert blocks, name
        for block in blocks:
            place, *_, hint = block.splitlines()
            assert re.match(rf"{name}/[\w/]+\.(yaml|csv)(:\d+(:\d+)?)?: error: ", place), block
            assert hint.startswith("    "), block
            assert "|" not in hint[:12], block


# --- what no file in a repository should hold -------------------------------------------------

BASE = (CASES.parent / "book-errors" / "_base" / "policies" / "care" / "policy.yaml").read_text()
RULES = (
    "    - {{id: X{}, when: {{estimate_hours: {{up_to: {}}}}}, then: {}, because: It is small.}}\n"
)


def policy_with(rules: str) -> str:
    return BASE.replace("  rules:\n", f"  rules:\n{rules}")


def put(place: Path, name: str, text: str) -> None:
    (place / "big").mkdir(exist_ok=True)
    (place / "big" / name).write_text(text, encoding="utf-8")


def test_a_huge_file_is_refused_before_it_is_parsed(
    tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "policy.yaml", "[" * (MOST_POLICY_BYTES + 1))
    assert said("big", capsys) == (
        "big/policy.yaml: error: the file cannot be read: it is larger than 4 MB"
        " [file-unreadable]\n"
        "    split the policy, or move what is no part of it out of the folder\n"
        "\n1 policy checked: 1 error\nexit 2\n"
    )
    put(tmp_path, "policy.yaml", BASE)
    for name in ("a.csv", "b.csv"):
        put(tmp_path, name, "x" * (MOST_POLICY_BYTES // 2))
    assert said("big", capsys) == (
        "big/policy.yaml: error: the file cannot be read: with it the files of the policy are"
        " larger than 4 MB [file-unreadable]\n"
        "    split the policy, or move what is no part of it out of the folder\n"
        "\n1 policy checked: 1 error\nexit 2\n"
    )


def test_a_link_that_leaves_the_folder(tmp_path: Path, monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "policy.yaml", BASE.replace("fields:", "include: plans.yaml\nfields:"))
    (tmp_path / "other.yaml").write_text("title: Other\n")
    (tmp_path / "big" / "plans.yaml").symlink_to(tmp_path / "other.yaml")
    expected = (
        "big/plans.yaml: error: this is a link to something outside of the policy folder\n"
        "    put a copy of what it leads to into the folder\n"
    )
    found = said("big", capsys)
    assert found.replace(" [file-link-outside]", "") == (
        f"{expected}\n1 policy checked: 1 error\nexit 2\n"
    )
    assert cli.run(["test", "big"]) == 2
    assert capsys.readouterr() == ("", expected)


def test_5000_rules_are_no_mistake() -> None:
    """They are read in seconds; generous, because the machine may have other work."""
    started = time.monotonic()
    found = load_policy("", {"policy.yaml": large_policy(5000)})
    assert isinstance(found, Policy)
    assert len(found.rules) == 5002
    assert time.monotonic() - started < 30


def test_too_many_numbers() -> None:
    rules = "".join(RULES.format(number, number, "change") for number in range(501))
    assert texts(policy_with(rules)) == [
        "policy.yaml:10:3: error: the rules compare estimate_hours with 501 different numbers,"
        " more than 500\n    use fewer limits for it, or split the policy"
    ]


def test_no_more_problems_are_said_than_somebody_reads() -> None:
    rules = "".join(RULES.format(number, 8, "chang") for number in range(5000))
    found = texts(policy_with(rules))
    assert len(found) == MOST_PROBLEMS + 1
    assert found[0] == (
        'policy.yaml:14:52: error: "then": chang is not known\n    did you mean "change"?'
    )
    assert found[-1] == (
        "policy.yaml:114:54: error: this policy has more problems than are shown\n"
        "    mend these first, and look again"
    )


def texts(policy: str) -> list[str]:
    found = load_policy("", {"policy.yaml": policy})
    assert isinstance(found, list)
    return [str(one) for one in found]


BOMB = "a: &a0 [x]\n" + "".join(
    f"b{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]\n" for n in range(1, 30)
)
LATE = "".join(RULES.format(number, 8, "change") for number in range(8000))

#: What could take an hour or all memory, and how its one problem begins.
BOMBS = {
    "aliases": (BOMB, "policy.yaml:2:10: error: an alias (*name) is not used in these files"),
    "a late alias": (
        policy_with(LATE) + "x: *y\n",
        "policy.yaml:8035:4: error: an alias (*name) is not used in these files",
    ),
    "brackets": ("[" * 1_000_000, "policy.yaml:1:42: error: this is not YAML: it is nested"),
    "braces": ("{a: " * 250_000, "policy.yaml:1:165: error: this is not YAML: it is nested"),
    "dashes": ("- " * 500_000, "policy.yaml:1:83: error: this is not YAML: it is nested"),
    "question marks": ("? " * 500_000, "policy.yaml:1:83: error: this is not YAML: it is nested"),
    "a late mistake": (
        policy_with(LATE) + "  plans\n",
        "policy.yaml:8035:3: error: this is not YAML: a colon with a space behind it is missing",
    ),
    "a long number": (
        BASE.replace("more_than: 16", "more_than: " + "9" * 1_000_000),
        f'policy.yaml:19:31: error: "more_than": {"9" * 97}... is not a number',
    ),
    "many dates": (
        BASE.replace("more_than: 16", "more_than: {value: v}")
        + "values: {v: {"
        + ", ".join(
            f"{y}-{m:02}-{d:02}: 1"
            for y in range(1950, 2050)
            for m in range(1, 13)
            for d in range(1, 26)
        )
        + "}}\n",
        'policy.yaml:19:31: error: value "v" begins on 1950-01-01, but the rule holds before',
    ),
    "wrong names among many": (
        BASE.replace(
            "[update, other]", "[update, other, " + ", ".join(f"v{n}" for n in range(30_000)) + "]"
        ).replace(
            "  rules:\n",
            "  rules:\n"
            + "".join(
                f"    - {{id: X{n}, when: {{work: w{n}}}, then: change, because: x}}\n"
                for n in range(5000)
            ),
        ),
        'policy.yaml:14:23: error: field work has no value "w0"',
    ),
}

MEASURED = """\
import resource, sys, time
sys.path[:0] = ["rules"]
from klausel.policy import load_policy
text = sys.stdin.read()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.process_time()
found = load_policy("", {"policy.yaml": text})
print(time.process_time() - began)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
print(found[0])
"""


@pytest.mark.parametrize("name", BOMBS)
def test_what_could_take_all_time_or_memory(name: str) -> None:
    """In a process of its own; small bombs cost nothing, a megabyte of rules what it costs."""
    text, expected = BOMBS[name]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        input=text, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seconds, megabytes, *said = done.stdout.splitlines()
    assert said[0].startswith(expected)
    assert float(megabytes) < 100
    if name in ("aliases", "brackets", "braces", "dashes", "question marks"):
        assert float(seconds) < 1
    assert float(seconds) < 20
