"""Documents tell the truth: commands in them are run, policies in them are read."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import cli
from klausel.assemble import BookBuilder
from klausel.charges import COMPONENTS
from klausel.engine import bill
from klausel.formats import FORMATS
from klausel.model import Customer
from klausel.policy import Policy, load_policy
from klausel.policy.facts import FACTS
from klausel.policy.schema import policy_schema
from klausel.policy_tests import coverage, play_tests, read_tests
from klausel.policy_tests.read import AROUND, ExpectShape, ShortShape
from klausel.tree import parse
from klausel_book import read_folder
from klausel_book.source import demo_folder
from klausel_run.templates import templates
from tests.counts import count

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "rules" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^( *)```(\w+)([^\n]*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)


def blocks(page: Path, kind: str) -> list[str]:
    found = []
    for indent, name, rest, text in BLOCK.findall(page.read_text(encoding="utf-8")):
        if f"{name}{rest}" == kind:
            lines = text.splitlines()
            found.append("\n".join(line.removeprefix(indent) for line in lines) + "\n")
    return found


def said(command: str) -> str:
    arguments = shlex.split(command)
    assert arguments[0] == "klausel", command
    runner = CliRunner()

    @cli.click.command(context_settings={"ignore_unknown_options": True})
    def run() -> None:
        cli.run(arguments[1:])

    return runner.invoke(run, []).output


def pattern(expected: str) -> str:
    """A line of three dots stands for any number of lines."""
    lines = [
        "(?:.*\n)*?" if x.strip() == "..." else re.escape(x) + "\n" for x in expected.splitlines()
    ]
    return "".join(lines)


def test_readme_tour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the README, in order, with the edits it tells the reader to make."""
    monkeypatch.chdir(tmp_path)
    tour = blocks(ROOT / "README.md", "console")
    assert len(tour) == 9
    old = '{id: service, plan: service-quarterly, price: "88.00"}'
    new = re.findall(r"- (\{id: service.*\})", (ROOT / "README.md").read_text("utf-8"))[0]
    edits = {3: (old, new), 4: (new, old.replace("88.00", "92,00"))}
    rules = tmp_path / "mybook" / "policies" / "web-care" / "policy.yaml"
    asked = re.findall(r"when: (\{work: \[.*\]\})", (ROOT / "README.md").read_text("utf-8"))[0]
    for number, block in enumerate(tour):
        command, _, expected = block.partition("\n")
        if number == 5:
            unchanged = rules.read_text(encoding="utf-8")
            assert "{work: [update, security]}" in unchanged
            rules.write_text(unchanged.replace("{work: [update, security]}", asked))
        if number == 6:
            rules.write_text(unchanged, encoding="utf-8")
        if number in edits:
            contracts = tmp_path / "mybook" / "contracts.yaml"
            text = contracts.read_text(encoding="utf-8")
            before, after = edits[number]
            assert before in text
            place = text.index("code: WEB-104")
            text = text[:place] + text[place:].replace(before, after, 1)
            contracts.write_text(text, encoding="utf-8")
        output = said(command.removeprefix("$ "))
        assert re.fullmatch(pattern(expected), output), (
            f"{command}\nexpected:\n{expected}\nfound:\n{output}"
        )


def test_go_live_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the page on go-live, in order, with the file that it shows."""
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "go-live.md"
    said("klausel demo --copy mybook")
    (rows,) = blocks(page, "csv")
    (tmp_path / "openings.csv").write_text(rows, encoding="utf-8")
    commands = blocks(page, "console")
    assert len(commands) == 3
    for block in commands:
        command, _, expected = block.partition("\n")
        output = said(command.removeprefix("$ "))
        assert re.fullmatch(pattern(expected), output), f"{command}\n{output}"


def test_evidence_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the page on the ledger, in order, and the repair that it tells of."""
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "evidence.md"
    commands = blocks(page, "console")
    assert len(commands) == 1
    for command in re.findall(r"^\$ (.*)$", commands[0], re.M):
        output = said(command)
    assert output.endswith("compared, 0 differences\n")
    ledger = tmp_path / "mybook" / "ledger.jsonl"
    text = ledger.read_text(encoding="utf-8")
    ledger.write_text(text.replace("\n", "\n\n").replace('"amount": "', '"amount": "1', 1))
    (repair,) = re.findall(r"`(klausel audit .*--repair .*)`$", page.read_text("utf-8"), re.M)
    assert "Sealed." in said(f"{repair} --yes --as-of 2026-04-01")


def test_why_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the page on explain and diff, with the edit that it tells of."""
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "why.md"
    said("klausel demo --copy mybook")
    shutil.copytree(tmp_path / "mybook" / "policies" / "web-care", tmp_path / "edited")
    policy = tmp_path / "edited" / "policy.yaml"
    (after,) = blocks(page, "yaml")
    before = after.replace("10}", "16}").strip()
    text = policy.read_text(encoding="utf-8")
    assert text.count(before) == 1
    policy.write_text(text.replace(before, after.strip()), encoding="utf-8")
    commands = blocks(page, "console")
    assert len(commands) == 4
    for block in commands:
        command, _, expected = block.partition("\n")
        output = said(command.removeprefix("$ "))
        assert re.fullmatch(pattern(expected), output), f"{command}\n{output}"


def test_the_demo_books_page_counts_right() -> None:
    book = read_folder(demo_folder())
    page = " ".join((demo_folder() / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"{len(book.customers)} customers, {len(book.projects)} projects,"
        f" {len(book.tickets)} tickets, {len(book.entries)} entries,"
        f" {len(book.contracts)} contracts under four policies"
    ) in page
    assert len(book.policies) == 4
    for contract in book.contracts:
        assert contract.code in page
    for kind, id_ in re.findall(r"\b([et])(\d+)\b", page):
        known = {entry.id for entry in book.entries} if kind == "e" else set(book.tickets)
        assert kind + id_ in known


def test_the_demo_book_shows_every_kind() -> None:
    """Every component, and every kind of record beside contracts and time."""
    book = read_folder(demo_folder())
    plans = {(contract.policy, term.plan) for contract in book.contracts for term in contract.terms}
    used = {
        component.kind
        for policy, plan in plans
        for component in book.policies[policy].plans[plan].components
    }
    assert used == set(COMPONENTS)
    tables = (
        book.purchases, book.items, book.acceptances, book.approvals, book.overrides,
        book.openings, book.ledger,
    )  # fmt: skip
    assert all(tables)
    result = bill(book, date(2026, 7, 1))
    assert {found.reason for found in result.held} == {
        "not_validated", "limit", "rejected", "pending", "no_hours",
    }  # fmt: skip
    assert any(line.late for draft in result.drafts for line in draft.lines)
    assert any(draft.reverses for draft in result.drafts)
    policies = book.policies.values()
    assert any(policy.rounding for policy in policies)
    assert {found.on for policy in policies for found in policy.surcharges} == {"price", "hours"}
    assert {watch.hold for policy in policies for watch in policy.watches} == {True, False}
    assert {found.retroactive for policy in policies for found in policy.requirements} == {
        True, False,
    }  # fmt: skip


def test_policies_in_the_documents_are_read() -> None:
    found = [text for page in PAGES for text in blocks(page, "yaml policy")]
    assert found
    for text in found:
        policy = load_policy("", {"policy.yaml": text})
        assert isinstance(policy, Policy), policy


FOLDER_FILE = re.compile(r"^```\w+ folder:([\w-]+) (\S+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_policy_folders_in_the_documents_are_read() -> None:
    """Blocks that name a folder and a file make up policies; all of their files are in use."""
    folders: dict[str, dict[str, str]] = {}
    for page in PAGES:
        for folder, name, text in FOLDER_FILE.findall(page.read_text(encoding="utf-8")):
            folders.setdefault(folder, {})[name] = text
    assert len(folders["shop"]) == 5
    for folder, files in folders.items():
        policy = load_policy(folder, files)
        assert isinstance(policy, Policy), [str(problem) for problem in policy]
        assert policy.unread == ()
        assert all(one.used for one in policy.named)


def test_terms_in_the_documents_fit_the_plans_above_them() -> None:
    page = ROOT / "rules" / "README.md"
    (terms,) = blocks(page, "yaml terms")
    (policy,) = (text for text in blocks(page, "yaml policy") if "policy: every-kind" in text)
    builder = BookBuilder()
    builder.add_records("customers", [Customer("c1")], "customers.csv")
    builder.add_policy("", {"policy.yaml": policy})
    head = "- {code: C1, customer: c1, start: 2026-01-01, policy: every-kind, terms: [\n"
    lines = [line.removeprefix("- ") for line in terms.splitlines()]
    builder.add_contracts_file(head + ",\n".join(lines) + "\n]}\n", "contracts.yaml")
    book = builder.build()
    assert not book.problems
    used = {term.plan for term in book.contracts[0].terms}
    assert used == set(book.policies["every-kind"].plans)


def keywords(schema: Any) -> set[str]:
    """Every word of the language: what may stand before a colon, and words that are values."""
    found: set[str] = set()
    if isinstance(schema, dict):
        found |= set(schema.get("properties", ()))
        found |= {word for word in schema.get("enum", ()) if isinstance(word, str)}
        found |= {word for value in schema.values() for word in keywords(value)}
    elif isinstance(schema, list):
        found |= {word for value in schema for word in keywords(value)}
    return found


def written(data: Any) -> set[str]:
    """Words before colons, and values that are one word."""
    if isinstance(data, dict):
        return set(data) | {word for value in data.values() for word in written(value)}
    if isinstance(data, list):
        return {word for value in data for word in written(value)}
    return {str(data)}


def test_every_keyword_of_the_schema_is_documented_with_an_example() -> None:
    """Each stands in the page's text as a word of the language, and in an example that is read."""
    page = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", page, flags=re.DOTALL | re.MULTILINE)
    said = {word for piece in re.findall(r"`([^`\n]+)`", text) for word in WORD.findall(piece)}
    examples = blocks(PAGES[1], "yaml policy")
    examples += [text for _, name, text in FOLDER_FILE.findall(page) if name.endswith(".yaml")]
    shown = {word for example in examples for word in written(parse(example, "").data)}
    words = keywords(policy_schema())
    count("keywords of the policy schema, each documented with a tested example", len(words))
    assert len(words) > 140
    assert words - said == set()
    assert words - shown == set()
    for kind in COMPONENTS:
        assert f"**{kind}**" in page


WORD = re.compile(r"[a-z_]+")


def test_tests_in_the_documents_pass_and_reach_everything() -> None:
    texts = [text for page in PAGES for text in blocks(page, "yaml policy") if "\ntests:" in text]
    assert texts
    for text in texts:
        policy = load_policy("", {"policy.yaml": text})
        assert isinstance(policy, Policy)
        tests, problems = read_tests(policy, {"policy.yaml": text})
        assert not problems
        outcomes = play_tests(policy, tests)
        assert all(outcome.passed for outcome in outcomes)
        assert not coverage(policy, outcomes).missing


def test_every_word_of_a_test_is_documented() -> None:
    page = (ROOT / "rules" / "README.md").read_text(encoding="utf-8").partition("## tests")[2]
    for shape in (ShortShape, ExpectShape):
        for word in shape.model_fields:
            assert re.search(rf"`{word}`|\b{word}:", page), word
    for word in (*AROUND, "employee", "contract"):
        assert f"`{word}`" in page, word


def test_every_template_and_its_plans_stand_in_the_table() -> None:
    page = (ROOT / "rules" / "README.md").read_text(encoding="utf-8").partition("## Templates")[2]
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]*) \|", page, re.MULTILINE)
    assert {name: re.findall(r"`([\w-]+)`", plans) for name, plans in rows} == {
        found.name: list(found.policy.plans) for found in templates()
    }


def test_where_each_fact_of_the_documents_is() -> None:
    """Rules, plans and settings that the tables name are in the templates that they name."""
    page = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    tables = page.partition("### Where each fact of the documents is")[2].partition("\n## ")[0]
    rows = [line.split(" | ")[1] for line in tables.splitlines() if line.startswith("| ")]
    known = {found.name: found for found in templates()}
    seen: set[str] = set()
    for row in rows:
        named = [known[word] for word in re.findall(r"`([\w-]+)`", row) if word in known]
        among = named or list(known.values())
        seen |= {found.name for found in named}
        ids = {
            rule.id
            for found in among
            for rule in (
                *found.policy.rules,
                *(one.rule for one in found.policy.surcharges),
                *(one.rule for one in found.policy.requirements),
                *(one.rule for one in found.policy.watches),
            )
        }
        for id_ in re.findall(r"\b([A-Z]\d)\b", row):
            assert id_ in ids, f"{id_}: {row}"
        text = "".join(text for found in among for text in found.files.values())
        for piece in re.findall(r"`([^`]+)`", row.partition("declined")[0]):
            if ":" in piece and "..." not in piece and named:
                assert piece in text, f"{piece}: {row}"
    assert seen == set(known)
    assert len([row for row in rows if row.startswith(("where it is", "---"))]) == 5
    assert len(rows) > 75


def test_every_fact_is_documented() -> None:
    page = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")
    for name, fact in FACTS.items():
        meaning = f"{fact.meaning} (a number)" if fact.kind == "seconds" else fact.meaning
        assert f"| `{name}` | {meaning} |" in page, name


def test_every_command_and_option_has_help_and_every_command_a_mention() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name, command in cli.cli.commands.items():
        assert command.help, name
        assert f"klausel {name}" in readme, name
        for parameter in command.params:
            if isinstance(parameter, cli.click.Option):
                assert parameter.help, f"{name} {parameter.name}"


def test_outputs() -> None:
    assert FORMATS == ("csv", "json", "text")


def test_pages_named_in_documents_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
        for target in re.findall(r"tests/cases/[\w/-]+(?:\.\w+)?", page.read_text("utf-8")):
            path = ROOT / target
            assert path.exists() or path.with_suffix(".yaml").exists(), f"{page.name}: {target}"


def test_newcomers_need_nothing_but_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text.split("## Five minutes")[0]
    assert "make test" in text.split("## Five minutes")[0]
