"""``klausel test``: tests beside the rules, what they reach, and tests for what they do not."""

from __future__ import annotations

import json
import shutil
from functools import cache
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cli
from klausel.model import Book
from klausel.policy import Policy, load_policy
from klausel.policy.load import POLICY_FILE
from klausel.policy_tests import coverage, play_tests, propose, read_tests
from klausel.policy_tests.coverage import goals_of, reaches, removed
from klausel.policy_tests.play import Observed, Player
from klausel.policy_tests.read import ExpectShape, ShortShape, short_book
from klausel_book.source import demo_folder
from klausel_run.policies import policy_folders, run_tests
from tests.counts import count

Capture = pytest.CaptureFixture[str]

POLICY = """\
policy: care
version: "1"
fields:
  work:
    one_of: [update, feature, other]
    from:
      - {task_tag: Update, is: update}
      - {task_tag: Feature, is: feature}
      - {otherwise: other}
  estimate_hours: {number: {from: 0, to: 100}}
  day:
    one_of: [free, working]
    from:
      - {holiday: yes, is: free}
      - {weekday: sunday, is: free}
      - {otherwise: working}
surcharges:
  - {id: Z1, when: {day: free}, times: "2"}
approvals:
  - {id: A1, when: {disposition: change}, require: approval}
  - {id: B1, when: {disposition: service}, watch: {amount: period, budget: 100, notify_at: [100]}}
scope:
  rules:
    - {id: W1, clause: "2.1", when: {work: update}, then: included, because: Updates are paid.}
    - id: P1
      from: 2026-03-01
      when: {work: feature, estimate_hours: {more_than: 8, up_to: 40}}
      then: change
      because: Large.
  otherwise: {then: service, because: By time.}
plans:
  hours: {title: Hours, components: [{time: {}}]}
"""

TESTS = """\
tests:
  - name: an update is paid
    entry: {date: 2026-03-04, hours: "1.5", ticket: {tags: [Update, Other]}}
    expect: {disposition: included, rule: W1, clause: "2.1"}
  - name: a large function is a change
    entry: {hours: 1, ticket: {tags: Feature, estimate_hours: "8.25"}}
    on: 2026-03-04
    expect: {rule: P1, approval: A1, surcharges: none, watches: []}
  - title: a month is billed
    book:
      contracts: [{start: 2026-01-01, terms: [{id: H, plan: hours, price: "50.00"}]}]
      entries: [{date: 2026-05-03, hours: 2}]
    runs:
      - as_of: 2026-06-01
        expect: {totals: ["200.00"]}
"""


def read(text: str, tests: str = "") -> tuple[Policy, dict[str, str]]:
    files = {POLICY_FILE: text, "tests/all.yaml": tests} if tests else {POLICY_FILE: text}
    policy = load_policy("care", {POLICY_FILE: text})
    assert isinstance(policy, Policy), policy
    return policy, files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy folder, seen from the folder around it."""
    monkeypatch.chdir(tmp_path)
    made = tmp_path / "policies" / "care"
    (made / "tests").mkdir(parents=True)
    (made / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (made / "tests" / "all.yaml").write_text(TESTS, encoding="utf-8")
    return made


def said(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    code = cli.run(["test", *arguments])
    return code, *capsys.readouterr()


def test_tests_pass_and_say_what_they_reach(folder: Path, capsys: Capture) -> None:
    code, out, err = said(capsys)
    assert (code, err) == (0, "")
    assert (
        out
        == """\
care 1  policies/care
  3 tests passed, 0 failed
  reached: 5 of 6 rules, 1 of 4 boundaries
    policies/care/policy.yaml:25:7: no test reaches P1: estimate_hours at 8
    policies/care/policy.yaml:25:7: no test reaches P1: estimate_hours at 40
    policies/care/policy.yaml:25:7: no test reaches P1: estimate_hours just above 40
    policies/care/policy.yaml:21:5: tests reach B1, but none expects its watches
    klausel test --propose writes tests for them
"""
    )


def test_a_failure_says_what_was_expected_what_was_found_and_where(
    folder: Path, capsys: Capture
) -> None:
    tests = TESTS.replace("rule: W1", "rule: W2").replace("200.00", "250.00")
    (folder / "tests" / "all.yaml").write_text(
        tests.replace("approval: A1, surcharges: none", "approval: none, surcharges: [Z1]"),
        encoding="utf-8",
    )
    code, out, err = said(capsys, "policies/care")
    assert (code, err) == (1, "")
    assert out.startswith("""\
care 1  policies/care
  FAILED an update is paid
    policies/care/tests/all.yaml:4:37: rule: expected W2, found W1
  FAILED a large function is a change
    policies/care/tests/all.yaml:8:24: approval: expected none, found A1
    policies/care/tests/all.yaml:8:40: surcharges: expected Z1, found none
  FAILED a month is billed
    policies/care/tests/all.yaml:15:18: run 1: totals[1]: expected 250.00, found 200.00
  0 tests passed, 3 failed
""")


def test_missing_tests_are_proposed_and_pass(folder: Path, capsys: Capture) -> None:
    """What is printed can be pasted: nothing is missing then, and nothing fails."""
    (folder / "tests" / "all.yaml").unlink()
    code, out, err = said(capsys, "--propose")
    assert (code, err) == (0, "")
    assert "  reached: 0 of 6 rules, 0 of 4 boundaries\n" in out
    pasted = out[out.index("tests:\n") :]
    assert pasted.splitlines()[:4] == [
        "tests:",
        '  - name: "W1: Updates are paid."',
        "    entry: {date: 2026-01-05, hours: 1, ticket: {tags: update}}",
        "    expect: {disposition: included, rule: W1}",
    ]
    (folder / "tests" / "new.yaml").write_text(pasted, encoding="utf-8")
    code, out, err = said(capsys)
    assert (code, err) == (0, "")
    assert "  reached: 6 of 6 rules, 4 of 4 boundaries\n" in out
    assert ", 0 failed\n" in out
    assert "no test reaches" not in out


def test_what_no_test_would_miss_is_not_reached(folder: Path, capsys: Capture) -> None:
    """A rule that a test reaches without a word about it could be taken away unnoticed."""
    (folder / "tests" / "all.yaml").write_text(
        """\
tests:
  - name: a large function on a Sunday
    entry: {date: 2026-03-08, ticket: {tags: Feature, estimate_hours: "8.25"}}
    expect: {disposition: change}
  - name: an update
    entry: {date: 2026-03-04, ticket: {tags: Update}}
    expect: {approval: none}
""",
        encoding="utf-8",
    )
    code, out, _ = said(capsys)
    assert code == 0
    assert "  reached: 1 of 6 rules, 1 of 4 boundaries\n" in out  # P1
    for name, word in (("W1", "rule"), ("Z1", "surcharges"), ("A1", "approval")):
        assert f": tests reach {name}, but none expects its {word}\n" in out
    _, out, _ = said(capsys, "--propose")
    (folder / "tests" / "new.yaml").write_text(out[out.index("tests:\n") :], encoding="utf-8")
    assert "  reached: 6 of 6 rules, 4 of 4 boundaries\n" in said(capsys)[1]


def test_what_can_never_happen_is_said(folder: Path, capsys: Capture) -> None:
    never = "    - {id: N1, when: {work: update}, then: service, because: Never.}\n  otherwise:"
    text = POLICY.replace("  otherwise:", never)
    (folder / "policy.yaml").write_text(text, encoding="utf-8")
    code, out, err = said(capsys, "--propose")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == (
        "    policies/care/policy.yaml:30:7: no example was found for N1; can it ever happen?"
    )


def test_a_moved_boundary_fails_a_test() -> None:
    """That is what the two goals of a boundary are for."""
    policy, _ = read(POLICY)
    proposals = propose(policy, goals_of(policy))
    tests = "tests:\n" + "".join(found.text or "" for found in proposals)
    for old, new in (
        ("more_than: 8", "more_than: 9"), ("more_than: 8", "at_least: 8"),
        ("up_to: 40", "up_to: 41"), ("up_to: 40", "less_than: 40"),
        ("more_than: 8, ", ""), (", up_to: 40", ""),
    ):  # fmt: skip
        moved, files = read(POLICY.replace(old, new), tests)
        read_ones, problems = read_tests(moved, files)
        assert not problems
        outcomes = play_tests(moved, read_ones)
        assert any(not outcome.passed for outcome in outcomes), new
    again, files = read(POLICY, tests)
    assert all(outcome.passed for outcome in play_tests(again, read_tests(again, files)[0]))


def test_a_boundary_needs_a_number_close_to_it() -> None:
    policy, _ = read(POLICY)
    far = (
        "tests:\n  - {name: far, entry: {date: 2026-03-04, ticket: {tags: Feature,"
        ' estimate_hours: "%s"}}, expect: {rule: P1}}\n'
    )
    for hours, reached in (("8.25", True), ("8.26", False), ("30", False)):
        _, files = read(POLICY, far % hours)
        (outcome,) = play_tests(policy, read_tests(policy, files)[0])
        assert outcome.passed
        found = {goal.name for goal in coverage(policy, [outcome]).reached}
        assert ("P1: estimate_hours just above 8" in found) == reached, hours


def test_json_and_junit(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    (folder / "tests" / "all.yaml").write_text(
        TESTS.replace("an update is paid", "an <update> is paid").replace("rule: W1", "rule: W2"),
        encoding="utf-8",
    )
    code, out, err = said(capsys, "--format", "json", "--junit", "report.xml", "--propose")
    assert (code, err) == (1, "")
    (data,) = json.loads(out)
    assert (data["policy"], data["version"], data["folder"]) == ("care", "1", "policies/care")
    assert [found["passed"] for found in data["tests"]] == [False, True, True]
    assert data["tests"][0] == {
        "name": "an <update> is paid",
        "place": "policies/care/tests/all.yaml:2:5",
        "passed": False,
        "differences": [
            {
                "place": "policies/care/tests/all.yaml:4:37",
                "path": "rule", "expected": "W2", "found": "W1",
            }
        ],
    }  # fmt: skip
    assert [goal["name"] for goal in data["missing"]] == [
        "P1: estimate_hours at 8",
        "P1: estimate_hours at 40",
        "P1: estimate_hours just above 40",
        "B1",
    ]
    assert [found["goal"]["kind"] for found in data["proposals"]] == ["rule"] * 3
    assert "rule: otherwise, watches: [B1]}" in data["proposals"][0]["test"]
    suite = ElementTree.parse(tmp_path / "report.xml").getroot()[0]
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("care", "3", "1")
    first, second, _ = suite
    assert first.get("name") == "an <update> is paid"
    assert first.get("line") == "2"
    assert first[0].get("message") == (
        "policies/care/tests/all.yaml:4:37: rule: expected W2, found W1"
    )
    assert not len(second)


WRONG = [
    (
        "  - {name: a, entry: {date: 2026-03-04, hours: '1,5'}, expect: {rule: W1}}",
        'care/tests/all.yaml:2:41: error: "hours": 1,5 is not a number of hours\n'
        "    write it with a point: 1.5",
    ),
    (
        "  - {name: a, entry: {tikcet: t1}, expect: {rule: W1}}",
        'care/tests/all.yaml:2:23: error: unknown word "tikcet"\n    did you mean "ticket"?',
    ),
    (
        "  - {name: a, entry: {ticket: {tag: Update}}, expect: {rule: W1}}",
        'care/tests/all.yaml:2:32: error: unknown word "tag"\n    did you mean "tags"?',
    ),
    (
        "  - {name: a, entry: {hours: 1}, expect: {}}",
        "care/tests/all.yaml:2:34: error: the test expects nothing\n"
        "    write expect: {disposition: included, rule: W1}",
    ),
    (
        "  - {name: a, entry: {hours: 1}, expect: {rules: W1}}",
        'care/tests/all.yaml:2:43: error: unknown word "rules"\n    did you mean "rule"?',
    ),
    (
        "  - {name: a, entry: {hours: 1}}",
        'care/tests/all.yaml:2:5: error: "expect" is missing\n'
        "    add a line that begins with expect:",
    ),
    (
        "  - {name: a, entry: {contract: {slaa: gold}}, expect: {rule: W1}}",
        'care/tests/all.yaml:2:34: error: unknown word "slaa"\n    did you mean "sla"?',
    ),
    (
        "  - {title: a, policy: other, runs: []}",
        "care/tests/all.yaml:2:5: error: a test is about the policy that it stands beside\n"
        "    remove policy: from it; what has a policy of its own is no test of this one",
    ),
    (
        "  - just a word",
        'care/tests/all.yaml:2:5: error: each of "tests" should be lines of word: value\n'
        "    write after the dash: word: value; words here: name, entry, on, expect",
    ),
    (
        "  - {name: a, entry: {hours: 1}, expect: {rule: W1}}\n"
        "  - {name: a, entry: {hours: 2}, expect: {rule: W1}}",
        'care/tests/all.yaml:3:5: error: test "a" stands twice\n'
        "    give each test its own name; the other stands at care/tests/all.yaml:2:5",
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_wrong_with_a_test(text: str, expected: str) -> None:
    policy, files = read(POLICY, f"tests:\n{text}\n")
    _, problems = read_tests(policy, files, "care")
    assert "\n".join(map(str, problems)) == expected


def test_what_is_wrong_with_a_file_of_tests() -> None:
    policy, files = read(POLICY, "test:\n  - {name: a}\n")
    assert [str(found) for found in read_tests(policy, files, "care")[1]] == [
        'care/tests/all.yaml:1:1: error: unknown word "test"\n    known here: tests',
        'care/tests/all.yaml:1:1: error: "care/tests/all.yaml" has no list of tests\n'
        "    write tests: and below it a list, or one scenario with book: and runs:",
    ]


def test_bad_files_are_bad_input(folder: Path, capsys: Capture) -> None:
    (folder / "tests" / "all.yaml").write_bytes(b"tests: \xff\n")
    code, out, err = said(capsys)
    assert (code, out) == (2, "")
    assert (
        err
        == """\
policies/care/tests/all.yaml:1:8: error: the file is not UTF-8 text (byte 8)
    save it as plain text with the encoding UTF-8
"""
    )
    (folder / "policy.yaml").write_text("policy: care\n", encoding="utf-8")
    assert said(capsys, "policies/care")[0] == 2


def test_tests_beside_the_rules(folder: Path, capsys: Capture) -> None:
    """``tests:`` in policy.yaml; a book bills the same with it and without."""
    (folder / "tests" / "all.yaml").unlink()
    (folder / "policy.yaml").write_text(POLICY + TESTS, encoding="utf-8")
    code, out, _ = said(capsys, "policies")
    assert code == 0
    assert "  3 tests passed, 0 failed\n" in out


def test_the_demo_book_is_tested(tmp_path: Path, capsys: Capture) -> None:
    """Its own tests reach everything; without them, what is proposed is all that is missing."""
    reports = run_tests(policy_folders([demo_folder()]), proposing=True)
    assert len(reports) == 4
    for report in reports:
        assert not report.failed
        assert not report.coverage.missing
        assert report.proposals == ()
    shelf = shutil.copytree(
        demo_folder() / "policies", tmp_path / "shelf", ignore=shutil.ignore_patterns("tests")
    )
    code, out, err = said(capsys, str(shelf), "--propose")
    assert (code, err) == (0, "")
    assert "no example was found" not in out
    assert out.count("tests:\n") == 4


# --- proposals for generated policies --------------------------------------------------------

WORDS = st.sampled_from(["a", "b", "c"])
RANGES = st.one_of(
    st.builds(lambda n: {"more_than": n}, st.integers(1, 5)),
    st.builds(lambda n: {"up_to": n}, st.integers(1, 5)),
    st.builds(
        lambda n, m: {"at_least": n, "less_than": n + m}, st.integers(1, 5), st.integers(1, 3)
    ),
)
WHEN = st.fixed_dictionaries(
    {},
    optional={
        "one": WORDS,
        "two": st.lists(WORDS, min_size=1, max_size=2, unique=True),
        "size": RANGES,
    },
)
DISPOSITIONS = st.sampled_from(["included", "service", "change", "third_party"])
DAYS = st.sampled_from([{}, {}, {"from": "2026-04-01"}, {"until": "2026-03-31"},
                        {"from": "2025-01-01", "until": "2025-06-30"}])  # fmt: skip

#: One day of each stretch in which the same rules are in force.
STRETCHES = ("2024-12-31", "2025-01-01", "2025-07-01", "2026-04-01")

OTHERWISE = {"otherwise": {"then": "service", "because": "so"}}


@st.composite
def policies(draw: st.DrawFn) -> dict[str, object]:
    """Small policies whose fields overlap in the facts that they look at."""
    rules = draw(st.lists(st.tuples(WHEN, DAYS, DISPOSITIONS), max_size=4))
    approvals = draw(st.lists(st.tuples(WHEN, DAYS), max_size=2))
    surcharges = draw(st.lists(st.tuples(WHEN, DAYS), max_size=1))
    return {
        "policy": "generated",
        "version": "1",
        "fields": {
            "one": {"one_of": ["a", "b", "c"], "from": [
                {"task_tag": "A", "is": "a"}, {"origin": "B", "task_tag": "X", "is": "b"},
                {"otherwise": "c"},
            ]},
            "two": {"one_of": ["a", "b", "c"], "from": [
                {"entry_tag": ["P", "Q"], "is": "a"}, {"task_tag": "X", "is": "b"},
                {"otherwise": "c"},
            ]},
            "size": {"number": {"from": "0", "to": "100"}, "from": "estimate_hours"},
        },
        "scope": {
            "rules": [
                {"id": f"R{number}", "when": when, **days, "then": then, "because": "so"}
                for number, (when, days, then) in enumerate(rules, start=1)
            ],
            "otherwise": {"then": draw(DISPOSITIONS), "because": "so"},
        },
        "approvals": [
            {"id": f"A{number}", "when": {**when, "disposition": "change"}, **days,
             "require": "approval"}
            for number, (when, days) in enumerate(approvals, start=1)
        ],
        "surcharges": [
            {"id": "Z1", "when": when, **days, "times": "2"} for when, days in surcharges
        ],
    }  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(policies())
def test_proposals_reach_their_goals_and_miss_only_what_cannot_be(data: dict[str, object]) -> None:
    """By brute force over all facts: what no proposal reaches, nothing reaches."""
    policy, _ = read(json.dumps(data))
    goals = list(goals_of(policy))
    proposals = propose(policy, goals)
    tests = "tests:\n" + "".join(found.text or "" for found in proposals)
    _, files = read(json.dumps(data), tests)
    read_ones, problems = read_tests(policy, files)
    assert not problems, tests
    outcomes = play_tests(policy, read_ones)
    assert all(outcome.passed for outcome in outcomes), tests
    missing = {goal.name for goal in coverage(policy, outcomes).missing}
    assert missing == {found.goal.name for found in proposals if found.text is None}
    every = _all_of(policy)
    possible = {goal.name for goal in goals for one in every if reaches(policy, goal, one)}
    assert not missing & possible
    # Whatever is taken away, one of the proposed tests fails.
    for goal in goals:
        if goal.edge is None and goal.kind != "otherwise" and goal.name not in missing:
            without = removed(policy, goal.rule.id)
            played = play_tests(without, read_ones)
            assert not all(outcome.passed for outcome in played), (goal.name, tests)
            count("rules, approvals and surcharges whose removal a proposed test notices")
    count("goals of generated policies that a proposal reaches", len(goals) - len(missing))
    count("goals of generated policies that nothing can reach", len(missing))


def test_days_at_both_ends_of_time() -> None:
    rules = """\
    - {id: E1, from: 9999-12-31, when: {work: update}, then: included, because: Late.}
    - {id: E2, until: 0001-01-01, when: {work: update}, then: included, because: Early.}
    - {id: W1,"""
    policy, _ = read(POLICY.replace("    - {id: W1,", rules))
    texts = {found.goal.name: found.text or "" for found in propose(policy, goals_of(policy))}
    assert "date: 9999-12-31" in texts["E1"]
    assert "date: 0001-01-01" in texts["E2"]


def test_a_proposal_is_found_among_many_lines() -> None:
    """Lines by the hundred, and every field in the way of another."""
    tags = ", ".join(f"T{number}" for number in range(200))
    fields = "".join(
        f"  f{number}:\n    one_of: [a, b, c]\n    from:\n"
        f"      - {{task_tag: [{tags}], text_has: [{tags}], is: a}}\n"
        f"      - {{entry_tag: S{number}, is: b}}\n      - {{otherwise: c}}\n"
        for number in range(6)
    )
    when = ", ".join(f"f{number}: b" for number in range(6))
    policy, _ = read(
        f"policy: many\nversion: '1'\nfields:\n{fields}scope:\n  rules:\n"
        f"    - {{id: R1, when: {{f0: a}}, then: included, because: One.}}\n"
        f"    - {{id: R2, when: {{{when}}}, then: included, because: All.}}\n"
        "  otherwise: {then: service, because: By time.}\n"
    )
    texts = {found.goal.name: found.text for found in propose(policy, goals_of(policy))}
    assert texts["R2"] is not None
    assert 'tags: "s0; s1; s2; s3; s4; s5"' in texts["R2"]


@cache
def _every_kind() -> list[Book]:
    """An entry of every kind that these policies tell apart, each in a book of its own."""
    policy, _ = read(json.dumps({"policy": "generated", "version": "1", "scope": OTHERWISE}))
    # Whole hours are the boundaries; a quarter of an hour to each side is just beyond them.
    hours = sorted({4 * hour + beside for hour in range(1, 9) for beside in (-1, 0, 1)})
    kinds = product(("", "A", "X", "A; X"), ("", "B"), ("", "P"), hours, STRETCHES)
    found = []
    for tags, origin, own, quarters, day in kinds:
        estimate = f"{quarters // 4}.{quarters % 4 * 25:02}"
        ticket = {"tags": tags, "origin": origin, "estimate_hours": estimate}
        entry = {"date": day, "tags": own, "ticket": ticket}
        expect = ExpectShape(rule="x")
        found.append(short_book(policy, ShortShape(name="kind", entry=entry, expect=expect)))
    return found


def _all_of(policy: Policy) -> list[Observed]:
    player = Player(policy)
    return [player.observe(book, book.contracts[0], book.entries[0], 0) for book in _every_kind()]


FACTS = """\
policy: facts
version: "1"
include: [rules.yaml]
fields:
  who: {one_of: [big, other], from: [{customer_name: Big AG, is: big}, {otherwise: other}]}
  agreed:
    one_of: [fast, other]
    from: [{contract_attribute: response=1 hour, is: fast}, {otherwise: other}]
  paid: {one_of: [fee, other], from: [{plan: Fee, is: fee}, {otherwise: other}]}
  ticket_hours: {number: {from: 0, to: 100}}
plans:
  Fee: {title: Fee, components: [{fee: {}}]}
"""

RULES = """\
scope:
  rules:
    - {id: R1, when: {who: big}, then: included, because: One.}
    - {id: R2, when: {agreed: fast}, then: included, because: Two.}
    - {id: R3, when: {paid: fee}, then: included, because: Three.}
    - {id: R4, when: {ticket_hours: {more_than: 4}}, then: change, because: Four.}
  otherwise: {then: service, because: Other.}
tests:
  - name: a test in an included file
    entry: {hours: "4.25", ticket: t1}
    expect: {rule: R4}
  - title: hours add up
    book:
      contracts: [{start: 2026-01-01}]
      entries:
        - {date: 2026-01-05, hours: 4, ticket: t1}
        - {date: 2026-01-06, hours: "0.25", ticket: t1}
    runs: [{as_of: 2026-02-01}]
"""


def test_later_facts() -> None:
    files = {POLICY_FILE: FACTS, "rules.yaml": RULES}
    policy = load_policy("facts", files)
    assert isinstance(policy, Policy), policy
    tests, problems = read_tests(policy, files)
    assert not problems
    outcomes = play_tests(policy, tests)
    assert all(outcome.passed for outcome in outcomes), outcomes
    reached = coverage(policy, outcomes)
    assert {goal.name for goal in reached.reached} == {
        "R4",
        "R4: ticket_hours at 4",
        "R4: ticket_hours just above 4",
        "otherwise",
    }
    for found in propose(policy, goals_of(policy)):
        assert found.text is not None, found.goal.name
