"""The server that the other tests rely on: it serves, its databases are apart, nothing is left."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import fixtures, snapshots
from .places import REPO, Unavailable, Workspace, alive, locked, state, sweep
from .processes import run, wait_until
from .provision import package_source
from .server import Odoo, Server, get, reserved_port


def bundles(odoo: Odoo) -> list[str]:
    """Addresses of the scripts and styles that the login page asks for."""
    page = get(f"{odoo.url}/web/login?db={odoo.database}").decode()
    assert 'name="login"' in page
    return [odoo.url + path for path in re.findall(r'(?:href|src)="(/web/assets/[^"]+)', page)]


# --- serving


def test_the_login_page_comes_with_the_web_client(odoo: Odoo) -> None:
    addresses = bundles(odoo)
    assert {Path(address).suffix for address in addresses} == {".css", ".js"}
    for address in addresses:
        assert len(get(address)) > 10_000, address


def test_the_demo_company_can_invoice(odoo_server: Server, odoo: Odoo) -> None:
    code = """
product = env['product.product'].search([('taxes_id', '!=', False)], limit=1)
partner = env['res.partner'].search([('is_company', '=', True)], limit=1)
invoice = env['account.move'].create({
    'move_type': 'out_invoice',
    'partner_id': partner.id,
    'invoice_line_ids': [(0, 0, {'product_id': product.id, 'quantity': 2, 'price_unit': 50})],
})
print(invoice.state, invoice.amount_untaxed, invoice.amount_tax, invoice.journal_id.type)
print(*sorted(env['res.lang'].search([]).mapped('code')))
print(env['account.analytic.line'].search_count([('project_id', '!=', False)]) > 100)
"""
    assert odoo_server.shell(odoo.database, code).splitlines() == [
        "draft 100.0 15.0 sale",
        "de_DE en_US nl_NL",
        "True",
    ]


def test_an_error_in_the_shell_is_an_error_here(odoo_server: Server, odoo: Odoo) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        odoo_server.shell(odoo.database, "1 / 0")


def test_modules_are_installed_tested_and_removed(odoo_server: Server, odoo: Odoo) -> None:
    module = "base_sparse_field"
    state_of = f"SELECT state FROM ir_module_module WHERE name = '{module}'"
    odoo_server.install(odoo.database, module)
    assert odoo_server.psql(odoo.database, state_of) == [("installed",)]
    log = odoo_server.run_tests(odoo.database, f"/{module}", update=module)
    assert re.search("0 failed, 0 error.* of [1-9]", log)
    odoo_server.uninstall(odoo.database, module)
    assert odoo_server.psql(odoo.database, state_of) == [("uninstalled",)]
    assert bundles(odoo)


# --- databases


def test_clones_are_independent(odoo_server: Server, odoo: Odoo) -> None:
    other = odoo_server.clone()
    try:
        names = "SELECT name FROM res_partner WHERE id = 1"
        before = odoo_server.psql(odoo.database, names)
        odoo_server.psql(other.database, "UPDATE res_partner SET name = 'X' WHERE id = 1")
        assert odoo_server.psql(other.database, names) == [("X",)]
        assert odoo_server.psql(odoo.database, names) == before
    finally:
        odoo_server.drop(other.database)
    # Attachments of clones are the same files; one clone's end must not take the other's.
    assert all(get(address) for address in bundles(odoo))


def test_nobody_can_change_a_template(odoo_server: Server) -> None:
    for template in ("base", "klausel"):
        with pytest.raises(RuntimeError, match="not currently accepting connections"):
            odoo_server.psql(template, "SELECT 1")


def test_a_name_that_is_no_name_is_refused(odoo_server: Server) -> None:
    with pytest.raises(ValueError, match="no name for a database"):
        odoo_server.clone(name='x"; --')


# --- faults


def test_odoo_can_be_killed_and_comes_back_at_the_same_address(
    odoo_server: Server, odoo: Odoo
) -> None:
    odoo_server.kill()
    try:
        with pytest.raises(urllib.error.URLError, match="refused"):
            get(odoo.url)
    finally:
        odoo_server.restart()
    assert bundles(odoo)


class Session:
    """A `serve` in another process."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.odoo", "serve", "--port", "0"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, cwd=REPO, stdout=pipe, text=True)
        self.said: dict[str, str] = {}

    def wait(self) -> Session:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("Ctrl-C"):
                return self
            name, _, value = line.partition(":")
            self.said[name] = value.strip()
        raise AssertionError(f"serve ended with code {self.process.wait()}")

    @property
    def folder(self) -> Path:
        return Path(self.said["Log"]).parent

    def is_gone(self) -> bool:
        return not self.processes()

    def processes(self) -> list[str]:
        """Command lines of everything that works in this session's folder."""
        return [line for line, folder in process_table() if str(self.folder) in line + folder]


def process_table() -> Iterator[tuple[str, str]]:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            yield (process / "cmdline").read_text(), os.readlink(process / "cwd")
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue


@pytest.fixture
def two_sessions(odoo_server: Server) -> Iterator[list[Session]]:
    sessions = [Session(), Session()]
    try:
        yield [session.wait() for session in sessions]
    finally:
        for session in sessions:
            session.process.kill()
            session.process.wait()


def test_sessions_run_at_once_and_leave_nothing(two_sessions: list[Session]) -> None:
    for session in two_sessions:
        assert get(session.said["URL"])
        commands = session.processes()
        assert any("odoo.conf" in command for command in commands)
        assert any("postgres" in command for command in commands)

    killed, asked = two_sessions
    killed.process.send_signal(signal.SIGKILL)
    asked.process.send_signal(signal.SIGTERM)
    for session in two_sessions:
        session.process.wait(20)
        assert wait_until(session.is_gone, seconds=20)
    assert asked.process.returncode == 130
    assert not asked.folder.exists()

    assert killed.folder.exists()
    with Workspace(state()):  # the next session
        assert not killed.folder.exists()


def test_ctrl_c_stops_everything(odoo_server: Server) -> None:
    session = Session().wait()
    session.process.send_signal(signal.SIGINT)
    assert session.process.wait(20) == 130
    assert session.is_gone()
    assert not session.folder.exists()


def test_a_running_session_is_not_swept(odoo_server: Server) -> None:
    sweep()
    assert alive(odoo_server.folder)


def test_a_failing_command_says_why() -> None:
    with pytest.raises(RuntimeError, match="sh ended with code 3:\nno milk"):
        run(["sh", "-c", "echo no milk >&2; exit 3"])


def test_a_reserved_port_is_given_to_nobody_else() -> None:
    with reserved_port(0) as port, reserved_port(0) as other:
        assert port != other


# --- what is cached


def test_a_changed_addon_means_another_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "ADDONS", tmp_path)
    seen = {snapshots.addon_hash()}
    for name, text in (("a.py", "1"), ("a.py", "2"), ("b/a.py", "2")):
        file = tmp_path / snapshots.OURS / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        seen.add(snapshots.addon_hash())
    assert len(seen) == 4
    for name in ("__pycache__", "tests"):
        file = tmp_path / snapshots.OURS / name / "test_a.py"
        file.parent.mkdir()
        file.write_text("")
        assert snapshots.addon_hash() in seen


def test_a_lock_is_free_again_when_its_holder_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KLAUSEL_CACHE", str(tmp_path))
    code = "from tests.odoo.places import *\nwith locked('x'): print(flush=True); input()"
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, cwd=REPO, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout
        holder.stdout.readline()
        holder.kill()
    start = time.monotonic()
    with locked("x"):
        assert time.monotonic() - start < 1


# --- the machine's package source


DEB822 = """\
# a comment
Types: deb
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/some.gpg

Types: deb
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
"""


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        (
            "sources.list.d/debian.sources",
            DEB822.replace("Types: deb", "Types: deb-src", 1) + "\n" + DEB822,
            "Types: deb\nURIs: http://mirror.test/debian\nSuites: sid\nComponents: main\n"
            "Signed-By: /usr/share/keyrings/some.gpg\n",
        ),
        (
            "sources.list",
            "# deb http://a.test x main\n"
            "deb http://b.test bookworm-updates main\n"
            "deb [signed-by=/k.gpg arch=amd64] http://c.test bookworm contrib main\n",
            "deb [signed-by=/k.gpg arch=amd64] http://c.test sid main\n",
        ),
    ],
)
def test_the_package_source_is_the_machines_own(
    tmp_path: Path, file: str, text: str, expected: str
) -> None:
    source = tmp_path / file
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    release = tmp_path / "os-release"
    release.write_text('ID=debian\nVERSION_CODENAME="bookworm"\n')
    assert package_source(tmp_path, release) == (source.suffix, expected)


def test_a_machine_without_debian_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="KLAUSEL_TEST_ODOO_URL"):
        package_source(tmp_path, tmp_path / "os-release")


# --- the fixtures


def test_a_server_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KLAUSEL_TEST_ODOO_URL", "http://odoo.test:8069/")
    monkeypatch.setenv("KLAUSEL_TEST_ODOO_DB", "shop")
    monkeypatch.setenv("KLAUSEL_TEST_ODOO_PASSWORD", "secret")
    given = fixtures.external()
    assert given == Odoo("http://odoo.test:8069", "shop", "admin", "secret", Path(os.devnull))


@pytest.mark.parametrize(
    ("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_without_odoo_ci_fails_and_a_developer_skips(
    ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no network"):
        fixtures.give_up("no network")
