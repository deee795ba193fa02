"""The page on making a policy of one's own runs as it is written, from model to invoice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from klausel_book.source import copy_demo
from tests.story import steps
from tests.test_docs import pattern, said
from tests.test_publishing import Memory, Person, publish

ODOO = "https://odoo.example.com (database production)"

COMMANDS = ["init", "check", "check", "test", "test", "test", "diff", "publish", "preview"]


def test_the_page_on_policies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is published is seen by the ERP of tests/test_publishing.py here, and by a real one in
    tests/odoo/test_publish.py."""
    monkeypatch.chdir(tmp_path)
    copy_demo(tmp_path / "mybook")
    commands = []
    for command, shown in steps(tmp_path):
        words = command.split()
        commands.append(words[1])
        output = published(*words[-1:]) if words[1] == "publish" else said(command)
        assert re.fullmatch(pattern(shown), output), f"{command}\n{shown}\nfound:\n{output}"
    assert commands == COMMANDS


def published(*names: str) -> str:
    """What publishing says where the contract is that the page has made."""
    erp = Memory(Path("mybook/policies"))
    erp.name = ODOO
    erp.contracts["society"] = {"SOC-1": ("service-by-project", "agreed-extras")}
    person = Person()
    publish(erp, names, person)
    assert erp.calls == [list(names)]
    person.said.remove(f"Publish 1 policy into {ODOO}?")
    return "\n".join(person.said) + "\n"
