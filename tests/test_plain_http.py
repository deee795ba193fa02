"""A password that leaves the machine unencrypted: said by every command that talks to Odoo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import cli
from klausel_book.source import demo_folder
from klausel_odoo import OdooSettings

#: Nobody is there: a command gets as far as to ask.
HOST = "odoo.invalid"
WARNING = (
    "warning: http://odoo.invalid is not encrypted: everybody on the way can read the password"
    " and all that is billed; use https\n"
)

POLICIES = demo_folder() / "policies"

#: What each command needs besides, to get there.
NEEDS = {
    "explain": ["held"],
    "diff": [str(POLICIES / "it-support"), str(POLICIES / "it-support")],
    "openings": ["--from", "openings.csv", "--yes"],
    "snapshot": ["copy"],
    "bill": ["--yes"],
    "work": ["--once"],  # else it tries for ever
}


def commands() -> Iterator[str]:
    for name, command in sorted(cli.cli.commands.items()):
        if any(isinstance(one, click.Option) and "--odoo" in one.opts for one in command.params):
            yield name


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "s3cret-word")
    monkeypatch.setattr("keyring.get_password", lambda service, user: None)


def ran(name: str, url: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    needs = NEEDS.get(name, [])
    options = [
        "--odoo",
        "--url",
        url,
        "--database",
        "d",
        "--login",
        "l",
        "--policies",
        str(POLICIES),
    ]
    code = cli.run([name, *needs, *options])
    said = capsys.readouterr()
    assert "s3cret-word" not in said.out + said.err
    return code, said.err


def test_there_are_such_commands() -> None:
    assert {"preview", "bill", "audit", "doctor", "publish", "snapshot"} <= set(commands())


@pytest.mark.parametrize("name", list(commands()))
def test_every_command_says_it_once_before_it_asks(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = ran(name, f"http://{HOST}", capsys)
    assert code == 3, said
    assert said.startswith(WARNING), said
    assert said.count("warning: ") == 1, said


@pytest.mark.parametrize("name", list(commands()))
def test_nothing_is_said_of_https(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = ran(name, f"https://{HOST}", capsys)
    assert code == 3
    assert "warning" not in said


@pytest.mark.parametrize(
    ("host", "exposed"),
    [
        ("localhost", False), ("LocalHost:8069", False), ("odoo.localhost", False),
        ("127.0.0.1:8069", False), ("127.8.8.8", False), ("[::1]:8069", False),
        ("10.0.0.5", True), ("192.168.1.7:8069", True), ("[fe80::1]", True), ("0.0.0.0", True),
        ("localhost.example.com", True), ("127.0.0.1.example.com", True), ("odoo", True),
    ],
)  # fmt: skip
def test_what_stays_on_this_machine(host: str, exposed: bool) -> None:
    def settings(scheme: str) -> OdooSettings:
        return OdooSettings.load(url=f"{scheme}://{host}", database="d", login="l")

    assert settings("http").exposed is exposed
    assert settings("https").exposed is False
