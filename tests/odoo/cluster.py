"""A PostgreSQL of our own: one data folder, reachable through a unix socket only."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import processes
from .places import Unavailable, make_folder

SERVICE_USER = "klausel-pg"  # PostgreSQL refuses to run as root
SUPERUSER = "postgres"
ROLE = "klausel"  # Odoo refuses to run as the role `postgres`
NULL = "\\N"

# Nothing here outlives a test run, so nothing needs to survive a power cut. A small write-ahead log
# keeps the snapshots small.
SETTINGS = """
listen_addresses = ''
unix_socket_permissions = 0777  # the folder it lies in is private
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
min_wal_size = 16MB
max_wal_size = 64MB
shared_buffers = 128MB
max_connections = 100
autovacuum = off
jit = off
log_checkpoints = off
"""


class Cluster:
    """The server on `folder/data`, with its socket in `folder/socket`."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.socket = folder / "socket"
        self.log = folder / "postgres.log"
        self.bin = binaries()
        self.user = service_user()
        self.process: subprocess.Popen[bytes] | None = None
        if len(bytes(self.socket)) > 90:
            raise Unavailable(
                f"{self.socket} is too long for a socket: set KLAUSEL_CACHE to another folder."
            )

    def create(self) -> None:
        """An empty cluster."""
        self._make_private(self.data)
        initdb: processes.Command = [
            self.bin / "initdb",
            "-D",
            self.data,
            "-U",
            SUPERUSER,
            "--auth=trust",
        ]
        initdb += ["--encoding=UTF8", "--locale=C.UTF-8", "--wal-segsize=4", "--no-sync"]
        processes.run(initdb, self.user)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)

    @contextlib.contextmanager
    def running(self) -> Iterator[Cluster]:
        """Runs it, and shuts it down in good order, small and ready to be copied."""
        self.start()
        try:
            yield self
            self.stop(keep=True)
            # After an orderly stop nobody needs the old log, and it is a third of the folder.
            processes.run([self.bin / "pg_resetwal", "-D", self.data], self.user)
        finally:
            self.stop()

    def start(self) -> None:
        self._make_private(self.socket)
        ready = self.data / "postmaster.pid"
        ready.unlink(missing_ok=True)
        postgres: processes.Command = [self.bin / "postgres", "-D", self.data, "-k", self.socket]
        # Told to quit, PostgreSQL takes its children along; killed, it could not.
        process = processes.spawn(postgres, self.log, self.user, signal.SIGQUIT)
        self.process = process

        def settled() -> bool:
            answering = ready.exists() and ready.read_text().rstrip().endswith("ready")
            return answering or process.poll() is not None

        if not processes.wait_until(settled, seconds=60) or process.poll() is not None:
            raise RuntimeError(f"PostgreSQL did not start:\n{self.log.read_text()[-2000:]}")

    def stop(self, keep: bool = False) -> None:
        """Stops it; without `keep` what was not written yet is lost, which is quicker."""
        if self.process:
            processes.stop(self.process, signal.SIGINT if keep else signal.SIGQUIT, patience=30)
            self.process = None

    def psql(self, database: str, sql: str, role: str = SUPERUSER) -> list[tuple[str | None, ...]]:
        """Runs SQL, every statement in its own transaction; cells come as text, NULL as None."""
        psql: processes.Command = [
            self.bin / "psql",
            "-X",
            "-q",
            "-h",
            self.socket,
            "-U",
            role,
            "-d",
            database,
        ]
        psql += ["--csv", "-t", "-P", f"null={NULL}", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        rows = csv.reader(io.StringIO(processes.run(psql, stdin=sql)))
        return [tuple(None if cell == NULL else cell for cell in row) for row in rows]

    def copy_database(self, template: str, name: str) -> None:
        # Copying files is quicker than going through the log, but has to be asked for from 15 on.
        files = "STRATEGY file_copy" if self._version() >= 15 else ""
        copy = f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {ROLE} {files}'
        self.psql("postgres", copy)

    def drop_database(self, name: str) -> None:
        """Also while somebody, such as Odoo, is connected."""
        self.psql("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _version(self) -> int:
        return int((self.data / "PG_VERSION").read_text())

    def _make_private(self, folder: Path) -> None:
        make_folder(folder)
        folder.chmod(0o700)
        if self.user:
            shutil.chown(folder, self.user, pwd.getpwnam(self.user).pw_gid)


def binaries() -> Path:
    """The newest PostgreSQL on this machine; installed where there is none."""
    for attempt in ("look", "look again"):
        found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
        newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
        if newest:
            return newest.parent
        if attempt == "look":
            processes.install_debian("postgresql", "PostgreSQL is missing")
    raise Unavailable("PostgreSQL was installed, but /usr/lib/postgresql has no server.")


def version() -> str:
    return binaries().parts[-2]


def service_user() -> str | None:
    """Who runs PostgreSQL: we ourselves (None), unless we are root."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(SERVICE_USER)
    except KeyError:
        useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if not useradd:
            raise Unavailable("PostgreSQL cannot run as root and `useradd` is missing.") from None
        nobody = ["--system", "--no-create-home", "--home-dir", "/nonexistent"]
        try:
            processes.run([useradd, *nobody, "--shell", "/usr/sbin/nologin", SERVICE_USER])
        except RuntimeError as error:
            if not re.search("already exists", str(error)):
                raise
    return SERVICE_USER
