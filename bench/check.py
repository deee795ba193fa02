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
    median = statistics.median(times)
    print(f"klausel check, {options.rules} rules: {median:.1f} s (at most {MOST_SECONDS} s)")
    return int(median > MOST_SECONDS)


def checked(folder: Path) -> float:
    """Seconds by the clock, start of the process included."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("rules", "connector"))
    began = time.perf_counter()
    process = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), "check", str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if process.returncode != 1:
        raise SystemExit(f"exit code {process.returncode}, 1 was expected")
    return time.perf_counter() - began
