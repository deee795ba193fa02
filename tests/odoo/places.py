"""Where things are kept, and how two sessions share them without colliding."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
ADDONS = REPO / "addon"


class Unavailable(RuntimeError):
    """Odoo cannot be provided on this machine; the message is one sentence for a person."""


def say(sentence: str) -> None:
    print(f"odoo: {sentence}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(doing: str, done: str, minutes: str = "") -> Iterator[None]:
    """Reports a step with the seconds it took; a step of minutes is announced, too."""
    if minutes:
        say(f"{doing} (about {minutes}) ...")
    start = time.monotonic()
    yield
    say(f"{done} in {time.monotonic() - start:.0f} s.")


def cache() -> Path:
    """Downloads, the unpacked Odoo and its virtual environment."""
    home = os.environ.get("KLAUSEL_CACHE")
    if not home:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "klausel")
    return Path(home).expanduser().resolve() / "odoo"


def state() -> Path:
    """Database clusters: in the cache, unless PostgreSQL's own user could not enter it there."""
    if os.geteuid() != 0:
        return cache()
    existing = next(folder for folder in (cache(), *cache().parents) if folder.exists())
    if all(folder.stat().st_mode & 0o001 for folder in (existing, *existing.parents)):
        return cache()
    return Path("/var/lib/klausel") / hashlib.sha256(bytes(cache())).hexdigest()[:8]


def make_folder(folder: Path) -> Path:
    """Makes a folder that other users may pass through, not list: PostgreSQL's lies inside."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o711)
    return folder


def remove(folder: Path) -> None:
    """Removes a folder at once for everybody else: renamed first, then emptied."""
    doomed = folder.with_name(f".gone-{secrets.token_hex(4)}")
    with contextlib.suppress(FileNotFoundError):
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


@contextlib.contextmanager
def locked(name: str, shared: bool = False) -> Iterator[None]:
    """A lock between processes; the kernel gives it back even when its holder is killed."""
    path = make_folder(cache()) / f"{name}.lock"
    mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    with path.open("w") as file:
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if name == "provision":
                say("waiting for another session that is preparing Odoo ...")
            fcntl.flock(file, mode)
        yield


class Workspace:
    """A folder of one process, removed when the process is done with it or, if it was killed,
    by the next one that makes a workspace. It lies in `parent/work`, so that what was finished in
    it can be renamed to its place beside."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent

    def __enter__(self) -> Path:
        with locked("workspaces"):
            sweep()
            self.folder = self.parent / "work" / f"{os.getpid()}-{secrets.token_hex(3)}"
            make_folder(self.folder)
            # Held for life: whoever can lock this file knows that the owner is dead. A process
            # id in the name is for people only, because ids are used again.
            self.owner = (self.folder / "owner").open("w")
            fcntl.flock(self.owner, fcntl.LOCK_EX)
        return self.folder

    def __exit__(self, *_: object) -> None:
        remove(self.folder)
        self.owner.close()


def alive(workspace: Path) -> bool:
    try:
        with (workspace / "owner").open() as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def workspaces() -> set[Path]:
    return {folder for parent in (cache(), state()) for folder in parent.glob("work/*")}


def sweep() -> None:
    """Removes the workspaces of dead processes."""
    for folder in workspaces():
        if not alive(folder):
            remove(folder)
