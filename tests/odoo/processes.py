"""Starting other programs: none outlives this process, and their errors can be read."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from .places import Unavailable, say

Command = list[str | Path]
GUARD = Path(__file__).with_name("guard.py")
T = TypeVar("T")


def guarded(
    command: Command, user: str | None = None, death_signal: int = signal.SIGKILL
) -> list[str]:
    """The same command, tied to the life of the calling thread."""
    guard = [sys.executable, "-I", "-S", str(GUARD), str(os.getpid()), str(int(death_signal))]
    return [*guard, user or "-", *map(str, command)]


def run(
    command: Command,
    user: str | None = None,
    stdin: str | None = None,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    log: IO[str] | None = None,
) -> str:
    """Runs a command to its end; returns its output; fails with the end of what it said."""
    done = subprocess.run(
        guarded(command, user),
        input=stdin,
        # Without this the command would read the terminal of whoever runs the tests.
        stdin=subprocess.DEVNULL if stdin is None else None,
        stdout=log or subprocess.PIPE,
        stderr=log or subprocess.PIPE,
        env=env,
        cwd=cwd or "/",
        text=True,
        start_new_session=True,
    )
    if done.returncode:
        said = Path(log.name).read_text() if log else (done.stderr or "") + (done.stdout or "")
        lines = said.strip().splitlines()
        failed = [n for n, line in enumerate(lines) if " FAIL: " in line or " ERROR: " in line]
        shown = [line for n in failed for line in lines[n : n + 25]]
        tail = "\n".join([*shown, *lines[-25:]])
        name = next((Path(part).name for part in command if not str(part).startswith("-")), "")
        raise RuntimeError(f"{name} ended with code {done.returncode}:\n{tail}")
    return done.stdout or ""


def pipe(producer: Command, consumer: Command) -> None:
    """Runs `producer | consumer`; fails if either does."""
    with subprocess.Popen(guarded(producer), stdout=subprocess.PIPE) as first:
        done = subprocess.run(guarded(consumer), stdin=first.stdout, capture_output=True, text=True)
    if first.returncode or done.returncode:
        raise RuntimeError(f"{producer[0]} | {consumer[0]} failed: {done.stderr.strip()}")


def spawn(
    command: Command,
    log: Path,
    user: str | None = None,
    death_signal: int = signal.SIGKILL,
    env: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a server. In its own session, because Ctrl-C is for us: we stop it in order."""
    with log.open("ab") as output:
        return subprocess.Popen(
            guarded(command, user, death_signal),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            cwd="/",
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], polite: int, patience: float) -> None:
    """Ends a server with the polite signal, or, after `patience` seconds, without asking."""
    if process.poll() is None:
        process.send_signal(polite)
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


def wait_until(true: Callable[[], bool], seconds: float, every: float = 0.05) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return True


def with_retries(what: str, attempt: Callable[[], T], tries: int = 3) -> T:
    """For steps that need the network."""
    for left in reversed(range(tries)):
        try:
            return attempt()
        except RuntimeError as error:
            if not left:
                raise Unavailable(f"{what} failed {tries} times; the last time: {error}") from error
            say(f"{what} failed, trying again: {str(error).splitlines()[-1]}")
            time.sleep(3 * (tries - left))
    raise AssertionError


def as_root(command: Command) -> Command | None:
    """The command as root would run it, or None where we may not."""
    if os.geteuid() == 0:
        return command
    sudo = ["sudo", "-n"]  # without asking for a password
    if shutil.which("sudo") and not subprocess.run([*sudo, "true"], capture_output=True).returncode:
        return [*sudo, *command]
    return None


def install_debian(package: str, why: str) -> None:
    """Installs a package of the machine's own Debian."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # Another half of the tests may install something at this moment.
    wait = ["-o", "DPkg::Lock::Timeout=600"]
    install = as_root(["apt-get", *wait, "install", "-y", "--no-install-recommends", package])
    if not install or not shutil.which("apt-get"):
        raise Unavailable(f"{why}: install it with `apt-get install {package}` and try again.")

    def attempt() -> None:
        try:
            run(install, env=env)
        except RuntimeError:
            # A fresh container has no package lists.
            run(as_root(["apt-get", "update"]) or [], env=env)
            run(install, env=env)

    with_retries(f"Installing {package}", attempt)
