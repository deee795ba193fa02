"""Pytest fixtures: `odoo`, a fresh database per test module, and `odoo_server` behind it.

With KLAUSEL_TEST_ODOO_URL (and _DB, _LOGIN, _PASSWORD) `odoo` is that server and nothing is
provisioned; tests that need a server of their own are skipped then.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from .places import Unavailable
from .provision import ensure_chromium
from .server import LOGIN, PASSWORD, Odoo, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def odoo_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server for the whole session, with `clone`, `drop`, `psql`, `shell` and more."""
    if external():
        pytest.skip("this test needs a server of its own, and KLAUSEL_TEST_ODOO_URL names another")
    with contextlib.ExitStack() as stack:
        try:
            with uncaptured(request.config):
                server = stack.enter_context(Server())
        except Unavailable as error:
            give_up(str(error))
        yield server


@pytest.fixture(scope="module")
def odoo(request: pytest.FixtureRequest) -> Iterator[Odoo]:
    """A database with demo data and our addon, dropped after the module's last test."""
    given = external()
    if given:
        yield given
        return
    server: Server = request.getfixturevalue("odoo_server")
    database = server.clone()
    yield database
    server.drop(database.database)


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Debian's Chromium. Root may not start it in its own sandbox."""
    from playwright.sync_api import sync_playwright

    try:
        with uncaptured(request.config):
            program = ensure_chromium()
    except Unavailable as error:
        give_up(str(error))
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=options)
        yield found
        found.close()


@contextlib.contextmanager
def uncaptured(config: pytest.Config) -> Iterator[None]:
    """The first time takes minutes: its progress must be seen while it happens."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        yield


def external() -> Odoo | None:
    """The server that the environment names."""
    url = os.environ.get("KLAUSEL_TEST_ODOO_URL")
    if not url:
        return None
    database, login, password = (
        os.environ.get(f"KLAUSEL_TEST_ODOO_{name}", default)
        for name, default in (("DB", "odoo"), ("LOGIN", LOGIN), ("PASSWORD", PASSWORD))
    )
    return Odoo(url.rstrip("/"), database, login, password, Path(os.devnull))


def give_up(reason: str) -> NoReturn:
    """A developer goes on without these tests; CI must not."""
    if os.environ.get("CI", "").lower() in ("", "0", "false", "no"):
        pytest.skip(reason)
    pytest.fail(reason, pytrace=False)
