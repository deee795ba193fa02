"""Templates: what comes with the product passes its own tests, all of it reached, and so does
what ``klausel init`` makes of it."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cli
from klausel.policy import Policy, load_policy
from klausel.policy.load import POLICY_FILE
from klausel.policy_tests import coverage, play_tests, read_tests
from klausel.result import Result
from klausel.scenario import fragment_book, merged, play
from klausel.shapes import LANGUAGES
from klausel.tree import parse
from klausel_book.ledger_file import LEDGER_FILE
from klausel_book.source import BookSource, copy_demo
from klausel_book.writer import write_folder
from klausel_run.bill import write
from klausel_run.policies import run_tests
from klausel_run.preview import Options, preview
from klausel_run.templates import (
    CONTRACT_FILE,
    Question,
    contract_problems,
    draft,
    given_answers,
    template,
    templates,
    templates_folder,
)
from klausel_shell import policies as shell
from tests.counts import count
from tests.oracle import bill as oracle
from tests.test_oracle import WORDS_OF_THE_PRODUCT, case_view, differences

ROOT = Path(__file__).parents[1]

#: The contract models of the documents that the product was made after.
MODELS = [
    "ad-hoc",
    "all-in-sla",
    "contingent-monthly",
    "effort-monthly",
    "fixed-price-project",
    "maintenance-annual",
    "maintenance-subscription",
    "pool-monthly",
    "punch-card",
    "service-quarterly",
    "stock-prepaid",
]

YEARS = "tests/two-years.yaml"

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def test_every_model_has_a_template() -> None:
    assert [found.name for found in templates()] == MODELS
    assert sorted(path.name for path in templates_folder().iterdir()) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_its_tests_pass_and_reach_everything(name: str) -> None:
    (report,) = run_tests([templates_folder() / name], proposing=True)
    assert not report.failed, report.failed
    assert not report.coverage.missing
    assert report.proposals == ()
    long = [outcome for outcome in report.outcomes if outcome.test.scenario is not None]
    count("tests of templates", len(report.outcomes))
    (years,) = [two for two in long if two.test.where.file.endswith("/two-years.yaml")]
    assert years.test.scenario is not None
    runs = years.test.scenario.shape.runs
    assert (runs[-1].as_of - runs[0].as_of).days > 600


def test_a_strict_check_finds_nothing(capsys: Capture) -> None:
    """Nothing but what ``otherwise`` decides by design."""
    assert cli.run(["check", "--strict", "--format", "json", str(templates_folder())]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [Path(folder).name for folder in found["policies"]] == MODELS
    assert {one["code"] for one in found["findings"]} == {"only-otherwise"}


@pytest.mark.parametrize("name", MODELS)
def test_the_oracle_gives_its_figures(name: str) -> None:
    """What was worked out by hand is what the second implementation gives, too."""
    found = template(name)
    policy = parse(found.files[POLICY_FILE], name).data
    played = 0
    for file, text in found.files.items():
        data = parse(text, file).data
        if not file.startswith("tests/") or "runs" not in data:
            continue
        wrong: list[str] = []
        for number, (run, result) in enumerate(
            zip(data["runs"], oracle.play({**data, "policy": policy}), strict=True), start=1
        ):
            for word, wanted in run["expect"].items():
                if word not in WORDS_OF_THE_PRODUCT:
                    seen = case_view(result).get(word)
                    wrong += differences(wanted, seen, f"run {number}: {word}")
        assert not wrong, file
        played += 1
    assert played
    count("scenarios of templates that the oracle gives as well", played)


@pytest.mark.parametrize("name", MODELS)
def test_its_two_years_in_a_book_on_disk(name: str, tmp_path: Path) -> None:
    """Run by run: the facts of the day in files beside the template's own folder, billed as the
    command does. Each draft is that of the scenario, whose totals were worked out by hand."""
    found = template(name)
    tests, problems = read_tests(found.policy, {YEARS: found.files[YEARS]})
    assert not problems
    scenario = tests[0].scenario
    assert scenario is not None
    expected, mismatches = play(scenario)
    assert not mismatches
    policies = tmp_path / "policies"
    shutil.copytree(templates_folder() / name, policies / name)
    fragment, ledger = dict(scenario.shape.book), ""
    for number, (run, wanted) in enumerate(zip(scenario.shape.runs, expected, strict=True)):
        assert wanted.result is not None
        fragment = merged(fragment, run)
        folder = tmp_path / f"book{number}"
        write_folder(fragment_book(fragment, scenario, []), folder, {name: {}})
        shutil.copytree(policies, folder / "policies", dirs_exist_ok=True)
        (folder / LEDGER_FILE).write_text(ledger, encoding="utf-8")
        source = BookSource(folder)
        result = preview(source, Options(run.as_of, record=True))
        assert drafts(result) == drafts(wanted.result), run.as_of
        if run.do == "bill":
            assert not write(source, result).refused
            count("drafts of templates in books", len(result.drafts))
        ledger = (folder / LEDGER_FILE).read_text(encoding="utf-8")


def drafts(result: Result) -> list[tuple[object, ...]]:
    """Every draft, line by line. Rules are named by the place that they have, which differs."""
    return [
        (draft.key, draft.kind, draft.total, [line._replace(because=()) for line in draft.lines])
        for draft in result.drafts
    ]


@pytest.mark.parametrize("name", MODELS)
def test_texts_are_in_every_language(name: str) -> None:
    found = template(name)
    seen = 0
    for path, value in _texts(parse(found.files[POLICY_FILE], name).data, ()):
        assert isinstance(value, dict), f"{path}: {value}"
        assert tuple(value) == LANGUAGES, path
        assert len(set(value.values())) == len(LANGUAGES), path
        seen += 1
    policy = found.policy
    parts = [
        *policy.rules, policy.otherwise,
        *(one.rule for one in (*policy.surcharges, *policy.requirements, *policy.watches)),
    ]  # fmt: skip
    for part in parts:
        assert part.clause, part.id
        assert set(part.because) == set(LANGUAGES), part.id
    for plan in policy.plans.values():
        assert plan.clause
        assert set(plan.because) == set(plan.title) == set(LANGUAGES), plan.name
    assert set(policy.title) == set(LANGUAGES)
    assert seen == len(parts) + 2 * len(policy.plans) + 1


def _texts(data: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Every title and reason of a policy file."""
    if isinstance(data, dict):
        for word, value in data.items():
            if word in ("title", "because"):
                yield (*path, word), value
            else:
                yield from _texts(value, (*path, word))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _texts(value, (*path, number))


@pytest.mark.parametrize("name", MODELS)
def test_nothing_in_it_is_idle(name: str) -> None:
    """Every field is asked for, every word of it can come about, every clause stands once."""
    policy = template(name).policy
    rules = [
        *policy.rules,
        *(one.rule for one in (*policy.surcharges, *policy.requirements, *policy.watches)),
    ]
    asked = {condition.field for rule in rules for condition in rule.conditions}
    for number, field in enumerate(policy.fields):
        assert number in asked, field.name
        for source in getattr(field, "sources", ()):
            assert source.code < field.size
        if hasattr(field, "values"):
            produced = {source.code for source in field.sources}
            assert produced == set(range(field.size)), field.name
    clauses = [rule.clause for rule in (*rules, policy.otherwise)]
    clauses += [plan.clause for plan in policy.plans.values()]
    assert len(clauses) == len(set(clauses))


@pytest.mark.parametrize("name", MODELS)
def test_every_plan_is_in_an_example_or_a_test(name: str) -> None:
    found = template(name)
    written = "\n".join(text for file, text in found.files.items() if file != POLICY_FILE)
    for plan in found.policy.plans:
        assert f"plan: {plan}" in written or f"or {plan}" in written, plan


@pytest.mark.parametrize("name", MODELS)
def test_what_is_made_of_it_passes_at_once(name: str, tmp_path: Path, capsys: Capture) -> None:
    run = ["init", name, "--to", str(tmp_path), "--name", f"our-{name}", "--set", "customer=c7"]
    assert cli.run([*run, "--set", "start=2027-02-01", "--set", "code=OUR-1"]) == 0
    out, err = capsys.readouterr()
    made = tmp_path / f"our-{name}"
    assert err == ""
    assert out == (
        f"The policy our-{name} is in {made}: {template(name).title('en')}\n"
        f"  klausel test {made}\n"
        f"{made / 'contract.yaml'} is an example of a contract that uses it.\n"
    )
    files = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert files == set(template(name).files)
    (report,) = run_tests([made])
    assert not report.failed
    assert not report.coverage.missing
    assert report.policy.name == f"our-{name}"
    assert cli.run(["check", "--strict", str(made)]) == 0
    capsys.readouterr()
    contract = (made / CONTRACT_FILE).read_text(encoding="utf-8")
    (data,) = parse(contract, name).data
    wanted = {"customer": "c7", "start": "2027-02-01", "code": "OUR-1", "policy": f"our-{name}"}
    assert {word: data[word] for word in wanted} == wanted
    assert template(name).questions[0].default not in contract, "the example's code"
    assert contract_problems(report.policy, contract) == []
    before = {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert cli.run(run) == 2
    said = (
        f"{made}: error: the folder exists already\n    name a new one, or move the old one away\n"
    )
    assert capsys.readouterr() == ("", said)
    assert before == {path: path.read_bytes() for path in made.rglob("*") if path.is_file()}


def test_a_new_policy_bills_in_a_book(tmp_path: Path, monkeypatch: Patch, capsys: Capture) -> None:
    """Made inside a book; its example, appended to the contracts, is billed."""
    monkeypatch.chdir(tmp_path)
    copy_demo(tmp_path / "book")
    run = ["init", "all-in-sla", "--to", "book/policies", "--set", "customer=c12"]
    assert cli.run([*run, "--set", "start=2026-05-01", "--set", "all-in.price=1500.00"]) == 0
    contracts = tmp_path / "book" / "contracts.yaml"
    example = (tmp_path / "book/policies/all-in-sla/contract.yaml").read_text(encoding="utf-8")
    contracts.write_text(contracts.read_text(encoding="utf-8") + example, encoding="utf-8")
    capsys.readouterr()
    assert cli.run(["preview", "--book", "book", "--as-of", "2026-06-01", "--customer", "c12"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    # Two months 3000.00 and May's capacity 8 x 90.00 = 720.00
    assert "To invoice  3,720.00 EUR" in out


def test_the_list_of_models_in_a_language(capsys: Capture) -> None:
    assert cli.run(["init", "--language", "nl"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[:2] == [
        "ad-hoc                    Hulp op aanvraag, per uur",
        "all-in-sla                All-in met SLA",
    ]
    assert lines[-1] == "Make a policy of one of them: klausel init MODEL"
    assert len(lines) == len(MODELS) + 2


def test_values_keep_their_place_and_comments(tmp_path: Path) -> None:
    found = template("contingent-monthly")
    values = given_answers(found.questions, ["hours=12.5", "hours.price=1085.50"])
    made = draft(found, tmp_path, "reserved").write(values)
    assert (made / CONTRACT_FILE).read_text(encoding="utf-8").splitlines()[-5:] == [
        "    - id: hours",
        "      plan: contingent-monthly",
        "      hours: 12.5             # a month; from a day on: {always: 10, 2026-04-01: 6}",
        '      price: "1085.50"        # per reserved hour, net',
        '      beyond_price: "105.00"  # per hour beyond them, net',
    ]


def test_values_that_are_no_plain_words_are_quoted(tmp_path: Path) -> None:
    found = template("maintenance-annual")
    values = given_answers(found.questions, ["project=Site: new", 'code=W "1"'])
    made = draft(found, tmp_path, "care").write(values)
    (data,) = parse((made / CONTRACT_FILE).read_text(encoding="utf-8"), "").data
    assert data["covers"] == {"projects": ["Site: new"]}
    assert data["code"] == "W 1"


def test_questions_are_asked_on_a_terminal(
    tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    """What was set is not asked; an empty answer takes the example's value."""
    asked: list[tuple[str, str]] = []

    def prompt(text: str, default: str) -> str:
        asked.append((text, default))
        return "94.50" if text.endswith("price per hour, net") else default

    monkeypatch.setattr(shell.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shell.click, "prompt", prompt)
    run = ["init", "pool-monthly", "--to", str(tmp_path), "--set", "customer=c3"]
    assert cli.run(run) == 0
    assert asked == [
        ("code of the contract", "POOL-1"),
        ("first day of the contract", "2026-01-01"),
        ("pool: hours per period", "20"),
        ("pool: price per hour, net", "92.00"),
        ("projects: price per hour, net", "98.00"),
    ]
    text = (tmp_path / "pool-monthly" / CONTRACT_FILE).read_text(encoding="utf-8")
    assert text.count('price: "94.50"') == 2
    assert "customer: c3\n" in text
    asked.clear()
    assert cli.run([*run, "--name", "other", "--yes"]) == 0
    assert asked == []
    capsys.readouterr()


def test_a_wrong_answer_is_asked_for_again_and_the_others_are_kept(
    tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    replies = iter(
        ["P 7", "c 3", "1.5.2026", "2026-05-01", "zwanzig", "1e3", "12.5", "92,00", " ", "98.00"]
    )
    asked: list[str] = []

    def prompt(text: str, default: str) -> str:
        asked.append(text)
        return next(replies)

    monkeypatch.setattr(shell.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shell.click, "prompt", prompt)
    assert cli.run(["init", "pool-monthly", "--to", str(tmp_path)]) == 0
    assert [text.partition(":")[0] for text in asked] == [
        "code of the contract", "id of the customer",
        *["first day of the contract"] * 2, *["pool"] * 3, *["pool"] * 2, "projects",
    ]  # fmt: skip
    _, err = capsys.readouterr()
    assert err.splitlines() == [
        '--set start: error: "start": 1.5.2026 is not a date',
        "    write it as YYYY-MM-DD: 2026-05-01",
        '--set pool.hours: error: "hours": zwanzig is not a number',
        "    write a plain number such as 12 or 12.50",
        '--set pool.hours: error: "hours": 1e3 is not a number',
        "    write a plain number such as 12 or 12.50",
        '--set pool.price: error: "price": 92,00 is not a number',
        "    write it with a point: 92.00",
    ]
    (data,) = parse((tmp_path / "pool-monthly" / CONTRACT_FILE).read_text("utf-8"), "").data
    assert (data["code"], data["customer"], data["start"]) == ("P 7", "c 3", "2026-05-01")
    assert data["terms"][0] == {
        "id": "pool",
        "plan": "pool-monthly",
        "hours": "12.5",
        "price": "92.00",
    }


def test_what_stands_in_the_way_is_said_before_anything_is_asked(
    tmp_path: Path, monkeypatch: Patch, capsys: Capture
) -> None:
    def never(text: str, default: str) -> str:
        raise AssertionError(text)

    monkeypatch.setattr(shell.sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(shell.click, "prompt", never)
    (tmp_path / "there").mkdir()
    for given, said in (
        (["--name", "there"], "the folder exists already"),
        (["--name", "two words"], "a policy's name is one word"),
        (["--set", "pool.price=92,00"], "92,00 is not a number"),
        (["--set", "colour=red"], 'there is nothing called "colour"'),
    ):
        assert cli.run(["init", "pool-monthly", "--to", str(tmp_path), *given]) == 2
        assert said in capsys.readouterr().err


def test_answers_survive_an_interruption(tmp_path: Path) -> None:
    """On a real terminal: nothing is written, and what was answered stands in a command."""
    child, terminal = pty.fork()
    if not child:
        # Who runs tests in the background of a shell hands down that it ignores the signal.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.chdir(tmp_path)
        path = os.pathsep.join(str(ROOT / name) for name in (".", "rules", "connector"))
        env = {**os.environ, "PYTHONPATH": path}
        os.execve(sys.executable, [sys.executable, str(ROOT / "cli.py"), "init", "punch-card"], env)
    seen = ""

    def until(text: str) -> None:
        nonlocal seen
        while text not in seen:
            seen += os.read(terminal, 1024).decode()

    until("code of the contract [")
    os.write(terminal, b"O'Hara 1\n")
    until("id of the customer [")
    os.write(terminal, b"\x03")
    with contextlib.suppress(OSError):  # that is how a terminal ends
        while True:
            # Python looks for signals while it waits for a key: one just before is not seen.
            if not select.select([terminal], [], [], 5)[0]:
                os.write(terminal, b"\x03")
            elif piece := os.read(terminal, 1024):
                seen += piece.decode()
            else:
                break
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 130, seen
    told = seen.replace("\r\n", "\n")
    command = "klausel init punch-card --set 'code=O'\"'\"'Hara 1'"
    assert f"To go on with these answers:\n  {command}\n" in told
    assert "interrupted; nothing was changed" in told
    assert list(tmp_path.iterdir()) == []
    assert shlex.split(command)[-1] == "code=O'Hara 1"


def test_a_question_knows_what_it_is_about() -> None:
    assert template("maintenance-annual").questions == (
        Question("code", "code of the contract", "WEB-1", 2),
        Question("customer", "id of the customer", "c1", 3),
        Question("start", "first day of the contract", "2026-01-01", 4),
        Question("project", "id of the project that it covers", "p1", 9),
        Question("maintenance.price", "maintenance: amount per month, net", "49.00", 13),
        Question("extras.price", "extras: price per hour, net", "95.00", 18),
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_lost_rule_is_noticed(name: str) -> None:
    """Each rule taken out: some test of the template fails."""
    found = template(name)
    tree = parse(found.files[POLICY_FILE], name)
    rules = tree.data["scope"]["rules"]
    for number, rule in enumerate(rules):
        rest = {**tree.data, "scope": {**tree.data["scope"], "rules": [
            one for other, one in enumerate(rules) if other != number
        ]}}  # fmt: skip
        policy = changed(rest)
        tests, problems = read_tests(policy, dict(found.files))
        assert not problems
        short = [test for test in tests if test.short is not None]
        assert not all(outcome.passed for outcome in play_tests(policy, short)), rule["id"]
        count("rules of templates whose loss a test notices", 1)


def changed(data: dict[str, Any]) -> Policy:
    policy = load_policy("", {POLICY_FILE: json.dumps(data)})
    assert isinstance(policy, Policy), policy
    return policy


def test_reaching_is_more_than_passing() -> None:
    """Without the short tests the two years of a template do not reach everything."""
    found = template("effort-monthly")
    only = {file: text for file, text in found.files.items() if "two-years" in file}
    tests, _ = read_tests(found.policy, only)
    outcomes = play_tests(found.policy, tests)
    assert all(outcome.passed for outcome in outcomes)
    missing = coverage(found.policy, outcomes).missing
    assert {goal.name for goal in missing} >= {"I1", "Q2", "U2"}
