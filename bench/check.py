"""How long ``klausel check`` takes for a policy of 5,000 rules, as a process of its own."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from klausel.policy.load import POLICY_FILE
from tests.large_policy import large_policy

ROOT = Path(__file__).parent.parent

MOST_SECONDS = 10


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench check")
    parser.add_argument("--rules", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / POLICY_FILE).write_text(large_policy(options.rules), encoding="utf-8")
        times = [checked(Path(folder)) for _ in range(options.rounds)]
    work, clock = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"klausel check, {options.rules} rules: {clock:.1f} s by the clock,"
        f" {work:.1f} s of CPU time (at most {MOST_SECONDS})"
    )
    return int(work > MOST_SECONDS)


def checked(folder: Path) -> tuple[float, float]:
    """Seconds of CPU time and by the clock, start of the process included."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("rules", "connector"))
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "cli.py"), "check", str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 1:
        raise SystemExit(f"exit code {process.returncode}, 1 was expected")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - began
