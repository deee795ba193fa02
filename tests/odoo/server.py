"""A running Odoo with its PostgreSQL, for one test session or one developer."""

from __future__ import annotations

import contextlib
import http.cookiejar
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from . import processes, snapshots
from .cluster import ROLE, Cluster
from .places import Unavailable, Workspace, locked, state
from .provision import ensure_installation

LOGIN = PASSWORD = "admin"  # of every new Odoo database
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Odoo:
    """One database of a server, and how to log in."""

    url: str
    database: str
    login: str
    password: str
    log: Path


class Server:
    """`with Server() as server:` copies the prepared databases and serves clones of them.

    One Odoo process with threads: it starts quickest, and needs no second port. Start and restart
    it in a thread that lives as long as the server is needed, because its processes die with that
    thread. As root, Odoo runs as root: it listens on the loopback interface only, and its cache may
    lie where no other user can read.
    """

    def __init__(self, port: int = 0) -> None:
        self._wanted_port = port
        self._clones = 0
        self._first: Odoo | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self.options: list[str] = []
        """Of Odoo's command, more than stands in its configuration: from the next start on."""

    def __enter__(self) -> Server:
        with contextlib.ExitStack() as stack:
            stack.enter_context(terminated_as_interrupt())
            self.installation = ensure_installation()
            snapshot = snapshots.ensure_snapshot(self.installation)
            self.folder = stack.enter_context(Workspace(state()))
            with locked("provision", shared=True):
                snapshots.copy_snapshot(snapshot, self.folder)
            self.port = stack.enter_context(reserved_port(self._wanted_port))
            self._write_configuration()
            self._cluster = Cluster(self.folder)
            stack.callback(self._cluster.stop)
            self._cluster.start()
            stack.callback(self.kill)
            self._start()
            # Made while Odoo starts, loaded while we wait: so the first clone costs nothing.
            first = self.clone()
            self._wait()
            get(f"{self.url}/web/login?db={first.database}")
            self._first = first
            self._exit = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        return self.folder / "odoo.log"

    # --- databases

    def clone(self, template: str = "klausel", name: str | None = None) -> Odoo:
        """A new database like `klausel` or `base` (without our addon)."""
        if template == "klausel" and name is None and self._first:
            first, self._first = self._first, None
            return first
        self._clones += 1
        name = name or f"{template}_{self._clones}"
        if not re.fullmatch("[a-z][a-z0-9_]{0,50}", name):
            raise ValueError(f"{name!r} is no name for a database: use a-z, 0-9 and _.")
        self._cluster.copy_database(template, name)
        snapshots.copy_files(self.folder / "files", template, name)
        self.psql(
            name, f"UPDATE ir_config_parameter SET value = '{self.url}' WHERE key = 'web.base.url'"
        )
        return Odoo(self.url, name, LOGIN, PASSWORD, self.log)

    def drop(self, database: str) -> None:
        self._cluster.drop_database(database)
        shutil.rmtree(self.folder / "files/filestore" / database, ignore_errors=True)

    def psql(self, database: str, sql: str) -> list[tuple[str | None, ...]]:
        """The rows of a query; all cells are text, NULL is None."""
        return self._cluster.psql(database, sql)

    # --- Odoo's command line

    def cli(self, database: str, *arguments: str) -> str:
        """Runs `odoo ARGUMENTS` on a database, in a process of its own; returns its log.

        The running server notices changed modules by itself. Fails with the end of the log.
        """
        with (self.folder / "cli.log").open("w+") as log:
            self._odoo(database, *arguments, log=log)
            log.seek(0)
            return log.read()

    def _odoo(
        self, database: str, *arguments: str, stdin: str | None = None, log: IO[str] | None = None
    ) -> str:
        options = [f"--config={self._configuration}", f"--database={database}"]
        command = self.installation.command(*arguments, *options)
        return processes.run(command, stdin=stdin, env=self.installation.env, log=log)

    def shell(self, database: str, code: str) -> str:
        """What the Python code prints in `odoo shell`, where `env` is. It must commit by itself."""
        return self._odoo(database, "shell", "--no-http", "--log-level=critical", stdin=code)

    def install(self, database: str, *modules: str) -> None:
        self.cli(database, "--init", ",".join(modules), "--no-http", "--stop-after-init")

    def upgrade(self, database: str, *modules: str) -> None:
        self.cli(database, "--update", ",".join(modules), "--no-http", "--stop-after-init")

    def uninstall(self, database: str, *modules: str) -> None:
        self.cli(database, "module", "uninstall", *modules)

    def run_tests(self, database: str, tags: str, update: str = snapshots.OURS) -> str:
        """Runs an addon's own tests, such as `/klausel_billing`; returns Odoo's log."""
        with reserved_port(0) as port:
            arguments = ["--update", update, "--test-tags", tags, f"--http-port={port}"]
            return self.cli(database, *arguments, "--stop-after-init")

    # --- faults

    def kill(self) -> None:
        """Odoo stops at once, as if its machine had lost power; the databases go on."""
        if self._process:
            processes.stop(self._process, signal.SIGKILL, patience=10)
            self._process = None

    def restart(self) -> None:
        """Starts Odoo again, at the same address."""
        self.kill()
        self._start()
        self._wait()

    # --- starting

    @property
    def _configuration(self) -> Path:
        return self.folder / "odoo.conf"

    def _write_configuration(self) -> None:
        """Everything in a file, so that a developer can run Odoo's commands with it, too."""
        options = {
            "addons_path": self.installation.addons_path,
            "data_dir": self.folder / "files",
            "db_host": self.folder / "socket",
            "db_user": ROLE,
            "http_interface": HOST,
            "http_port": self.port,
            "workers": 0,
            "max_cron_threads": 0,
            "admin_passwd": secrets.token_hex(16),
            # Odoo would restart itself at 2 GB and end slow requests after 2 minutes.
            "limit_memory_soft": 0,
            "limit_memory_hard": 0,
            "limit_time_cpu": 0,
            "limit_time_real": 0,
        }
        lines = [f"{name} = {value}" for name, value in options.items()]
        self._configuration.write_text("\n".join(["[options]", *lines, ""]))
        self._configuration.chmod(0o600)

    def _start(self) -> None:
        configuration = f"--config={self._configuration}"
        command = self.installation.command("server", configuration, *self.options)
        self._process = processes.spawn(command, self.log, env=self.installation.env)

    def _wait(self) -> None:
        """Until Odoo answers, whatever the database."""
        process = self._process
        assert process

        def answers() -> bool:
            with contextlib.suppress(OSError):
                return process.poll() is not None or bool(get(f"{self.url}/web/health", timeout=5))
            return False

        if not processes.wait_until(answers, seconds=90) or process.poll() is not None:
            tail = self.log.read_text()[-3000:]
            raise RuntimeError(f"Odoo did not start; the end of its log:\n{tail}")


def get(url: str, timeout: float = 120) -> bytes:
    """The page as a browser that keeps cookies gets it; an HTTP error is raised."""
    jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
    # A proxy in the environment is not meant for this machine.
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}), jar)
    with browser.open(url, timeout=timeout) as response:
        return bytes(response.read())


@contextlib.contextmanager
def reserved_port(wanted: int) -> Iterator[int]:
    """A loopback port that nobody else is given while it is held, and that Odoo can listen on.

    It stays bound without listening: the kernel gives it to nobody who asks for any port, and lets
    Odoo bind it, too, because both say SO_REUSEADDR. While Odoo is down, connections are refused.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            held.bind((HOST, wanted))
        except OSError as error:
            raise Unavailable(f"Port {wanted} cannot be used: {error.strerror}.") from error
        yield held.getsockname()[1]


@contextlib.contextmanager
def terminated_as_interrupt() -> Iterator[None]:
    """SIGTERM stops everything like Ctrl-C. Not as SystemExit: pytest takes that for a failure."""
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt("terminated")

    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
