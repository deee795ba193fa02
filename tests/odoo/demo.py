"""The demo book in a real Odoo, with people who work there and their policies published."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from klausel.model import Book
from klausel_book.reader import read_folder
from klausel_book.source import demo_folder

from . import scene
from .load import Loaded, load
from .processes import spawn, stop
from .rpc import Rpc
from .server import Odoo

POLICIES = demo_folder() / "policies"
PASSWORD = "klausel-demo-1"
#: Seconds in which a program has to be heard of.
PATIENCE = 120.0

#: By login: name and groups. The first is the program's own account.
PEOPLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "klausel": ("Klausel", ("klausel_billing.group_connector",)),
    "anna": (
        "Anna Accountant",
        (
            "klausel_billing.group_manager",
            "account.group_account_manager",
            "hr_timesheet.group_timesheet_manager",
            "project.group_project_manager",
        ),
    ),
}


class Firm(NamedTuple):
    odoo: Odoo
    loaded: Loaded
    policies: Path = POLICIES

    def account(self, login: str) -> Odoo:
        """The server as somebody of ``PEOPLE`` logs in."""
        return dataclasses.replace(self.odoo, login=login, password=PASSWORD)

    def environment(self, policies: Path | None = None) -> dict[str, str]:
        """What ``klausel --odoo`` reads, for the program's own account."""
        return scene.environment(self.account("klausel"), policies=policies or self.policies)


def demo_book() -> Book:
    """The demo book before it was ever billed; all entries validated."""
    book = read_folder(demo_folder())
    entries = tuple(entry._replace(validated=True) for entry in book.entries)
    return replace(book, ledger=(), entries=entries)


def furnish(odoo: Odoo) -> Firm:
    """Puts the demo book, people and published policies into ``odoo``."""
    loaded = load(odoo, demo_book())
    return staffed(odoo, loaded)


def staffed(odoo: Odoo, loaded: Loaded, policies: Path = POLICIES) -> Firm:
    """Puts people and published policies beside what is loaded."""
    rpc, refs = loaded.rpc, Rpc(odoo)
    for login, (name, groups) in PEOPLE.items():
        ids = [refs.ref(group) for group in groups]
        rpc.create(
            "res.users",
            [{"name": name, "login": login, "password": PASSWORD, "group_ids": [(6, 0, ids)]}],
        )
    for code, id_ in loaded.ids["customers"].items():
        rpc.write("res.partner", [id_], email=f"billing@{code}.example")
    firm = Firm(odoo, loaded, policies)
    run(firm, "publish", "--yes")
    return firm


def run(firm: Firm, *arguments: str) -> str:
    """What ``klausel`` says for the program's own account. Raises where it fails."""
    done = subprocess.run(
        [*COMMAND, *arguments, "--odoo"],
        env={**os.environ, **firm.environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = f"klausel {' '.join(arguments)} ended with {done.returncode}"
        raise RuntimeError(f"{said}: {done.stderr}")
    return done.stdout


COMMAND = [sys.executable, "-m", "klausel_cli.cli"]


@contextmanager
def at_the_desk(firm: Firm, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``klausel work`` beside the server; what it says is in ``log``."""
    worker = spawn([*COMMAND, "work", "--odoo"], log, env={**os.environ, **firm.environment()})
    try:
        deadline = time.monotonic() + PATIENCE
        while firm.loaded.rpc.call("klausel.worker", "klausel_said"):
            if worker.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"klausel work does not work: {log.read_text()}")
            time.sleep(0.2)
        yield worker
    finally:
        stop(worker, signal.SIGTERM, 30)
