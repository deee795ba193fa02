"""Documents tell the truth: commands in them are run, policies in them are read."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import date
from pathlib import Path

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
from klausel.policy.shapes import ApprovalShape, RoundingShape, SurchargeShape, WatchShape
from klausel_book import read_folder
from klausel_book.source import demo_folder

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
    assert len(tour) == 8
    old = '{id: service, plan: service-quarterly, price: "88.00"}'
    new = re.findall(r"- (\{id: service.*\})", (ROOT / "README.md").read_text("utf-8"))[0]
    edits = {3: (old, new), 4: (new, old.replace("88.00", "92,00"))}
    for number, block in enumerate(tour):
        command, _, expected = block.partition("\n")
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


def test_terms_in_the_documents_fit_the_plans_above_them() -> None:
    page = ROOT / "rules" / "README.md"
    (terms,) = blocks(page, "yaml terms")
    policy = blocks(page, "yaml policy")[-1]
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


def test_every_word_of_a_policy_is_documented() -> None:
    """Words of the file, and settings of every component, stand in the page."""
    page = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")
    shapes = [RoundingShape, SurchargeShape, ApprovalShape, WatchShape]
    shapes += [component.shape for component in COMPONENTS.values()]
    for shape in shapes:
        for name, field in shape.model_fields.items():
            word = field.alias or name
            assert re.search(rf"(`|\b){word}[`:]", page), f"{shape.__name__} {word}"
    for kind in COMPONENTS:
        assert f"**{kind}**" in page


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
        for target in re.findall(r"tests/cases/[\w/-]+(?:\.yaml)?", page.read_text("utf-8")):
            path = ROOT / target
            assert path.exists() or path.with_suffix(".yaml").exists(), f"{page.name}: {target}"


def test_newcomers_need_nothing_but_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text.split("## Five minutes")[0]
    assert "make test" in text.split("## Five minutes")[0]
