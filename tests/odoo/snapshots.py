"""Prepared database clusters, cached as folders that a test session copies.

`base` holds Odoo with the modules we build on, demo data and three languages. `klausel` is a copy
of it with a second database, in which our addon is installed as well. Both databases are templates
that nobody can connect to, so they stay as they are.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from . import cluster, processes
from .cluster import ROLE, Cluster
from .places import ADDONS, Workspace, locked, make_folder, remove, state, step
from .provision import LANGUAGES, REQUIREMENTS, Installation

RECIPE = "3"  # change it when this file makes different databases from the same input
MODULES = ("sale_timesheet", "account", "hr_timesheet", "project", "sale_management")
OURS = "klausel_billing"
# What the login page and the web client ask for. Odoo can bundle everything, for twice the time.
BUNDLE = """
for bundle in ('web.assets_frontend', 'web.assets_web', 'web.assets_web_print'):
    env['ir.qweb']._get_asset_bundle(bundle, css=True, js=False).css()
for bundle in ('web.assets_frontend_minimal', 'web.assets_frontend_lazy', 'web.assets_web'):
    env['ir.qweb']._get_asset_bundle(bundle, css=False, js=True).js()
env.cr.commit()
"""
KEPT = {"base": 2, "klausel": 3}  # so that a few branches can be worked on in turn


def ensure_snapshot(installation: Installation) -> Path:
    """The folder of the `klausel` snapshot: `data` (PostgreSQL) and `files` (Odoo's data_dir)."""
    pins = REQUIREMENTS.read_text()
    base = folder("base", [installation.version, cluster.version(), RECIPE, pins])
    ours = folder("klausel", [base.name, addon_hash()])
    if not ours.exists():
        with locked("provision"):
            if not base.exists():
                build_base(installation, base)
            if not ours.exists():
                build_ours(installation, base, ours)
            prune(ours.parent)
    for used in (base, ours):
        os.utime(used)  # prune() keeps what was used last
    return ours


def folder(kind: str, inputs: list[str]) -> Path:
    text = "\0".join([*inputs, *MODULES, *LANGUAGES])
    key = hashlib.sha256(text.encode()).hexdigest()[:12]
    return make_folder(state() / "snapshots") / f"{kind}-{key}"


def addon_hash() -> str:
    """Of everything that can end up in the database."""
    files = sorted(path for path in (ADDONS / OURS).rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        if not {"__pycache__", "readme", "tests"} & set(path.relative_to(ADDONS).parts):
            contents = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(ADDONS)} {contents}\n".encode())
    return digest.hexdigest()


def build_base(installation: Installation, target: Path) -> None:
    with Workspace(state()) as work:
        snapshot = make_folder(work / "new")
        server = Cluster(snapshot)
        with step("Creating a database cluster", "created a database cluster"):
            server.create()
        with server.running():
            server.psql("postgres", f"CREATE ROLE {ROLE} LOGIN CREATEDB")
            install = ["-i", ",".join(MODULES), "--with-demo"]
            install += [f"--load-language={','.join(LANGUAGES)}"]
            what = "Odoo's modules and demo data"
            with step(f"Installing {what}", f"installed {what}", "2 minutes"):
                odoo(installation, snapshot, "base", *install)
            # What installing has left behind is a quarter of the files that every session copies.
            server.psql("base", "VACUUM (FULL, ANALYZE)")
            seal(server, "base")
        finish(snapshot, target)


def build_ours(installation: Installation, base: Path, target: Path) -> None:
    with Workspace(state()) as work:
        snapshot = make_folder(work / "new")
        copy_snapshot(base, snapshot)
        server = Cluster(snapshot)
        with server.running(), step(f"Installing {OURS}", f"prepared the database of {OURS}"):
            server.copy_database("base", "klausel")
            copy_files(snapshot / "files", "base", "klausel")
            if (ADDONS / OURS).is_dir():
                odoo(installation, snapshot, "klausel", "-i", OURS)
            bundle_assets(installation, snapshot, "klausel")
            server.psql("klausel", "ANALYZE")  # there is no autovacuum that would do it later
            seal(server, "klausel")
        finish(snapshot, target)


def odoo(installation: Installation, snapshot: Path, database: str, *arguments: str) -> None:
    """Runs Odoo once on a database of a cluster that runs in the snapshot's folder."""
    command = installation.command(*connection(installation, snapshot), "-d", database, "--no-http")
    with (snapshot / "odoo.log").open("a") as log:
        processes.run([*command, "--stop-after-init", *arguments], env=installation.env, log=log)


def connection(installation: Installation, run: Path) -> list[str]:
    return [
        f"--addons-path={installation.addons_path}",
        f"--data-dir={run / 'files'}",
        f"--db_host={run / 'socket'}",
        f"--db_user={ROLE}",
        "--max-cron-threads=0",
        "--http-interface=127.0.0.1",
    ]


def bundle_assets(installation: Installation, snapshot: Path, database: str) -> None:
    """Else every clone would compile the web client's scripts and styles itself, for 10 s."""
    command = installation.command("shell", *connection(installation, snapshot), "-d", database)
    processes.run(
        [*command, "--no-http", "--log-level=critical"], stdin=BUNDLE, env=installation.env
    )


def seal(server: Cluster, database: str) -> None:
    server.psql("postgres", f'ALTER DATABASE "{database}" IS_TEMPLATE true ALLOW_CONNECTIONS false')


def finish(snapshot: Path, target: Path) -> None:
    remove(snapshot / "socket")
    snapshot.rename(target)


def copy_snapshot(snapshot: Path, run: Path) -> None:
    """Keeps owners and, where the file system can, shares the blocks."""
    processes.run(["cp", "-a", "--reflink=auto", snapshot / "data", run])
    # Odoo names these files by their contents and never changes one: names can share them.
    processes.run(["cp", "-al", snapshot / "files", run])


def copy_files(data_dir: Path, template: str, database: str) -> None:
    """The attachments of a copied database."""
    store = data_dir / "filestore"
    processes.run(["cp", "-al", store / template, store / database])


def prune(snapshots: Path) -> None:
    """Removes the snapshots of older Odoo versions and older states of our addon."""
    kept: dict[str, int] = {}
    for path in sorted(snapshots.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True):
        kind = path.name.split("-")[0]
        kept[kind] = kept.get(kind, 0) + 1
        if kept[kind] > KEPT.get(kind, 0):
            remove(path)
