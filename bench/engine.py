"""The engine's share: a preview of a large book against a bare loop over the same entries.

The baseline reads ``entries.csv`` with ``csv.DictReader``, turns hours into ``Decimal`` and sums
them per project and month. Both run in processes of their own, in turn, with everything that a
process costs; what counts is the median of the ratios of pairs, in CPU time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from itertools import pairwise
from pathlib import Path

from bench._engine_book import write_book

ROOT = Path(__file__).parent.parent
AS_OF = "2026-01-01"

MOST_RATIO = 8
MOST_MEGABYTES = 400
MOST_GROWTH = 11
"""Of ten times as many entries."""

BARE_LOOP = """
import csv, sys
from collections import defaultdict
from decimal import Decimal
sums = defaultdict(Decimal)
with open(sys.argv[1], newline="") as stream:
    for row in csv.DictReader(stream):
        sums[row["project"], row["date"][:7]] += Decimal(row["hours"])
"""


def measured(arguments: list[str]) -> tuple[float, float]:
    """CPU seconds of a process and its own peak memory in MB."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("rules", "connector"))
    environment = {**os.environ, "PYTHONPATH": paths}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what is installed is compiled
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.DEVNULL, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"exit code {process.returncode}: {' '.join(arguments)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def preview(folder: Path) -> tuple[float, float]:
    options = ("--book", str(folder), "--as-of", AS_OF, "--format", "json")
    return measured([str(ROOT / "cli.py"), "preview", *options])


def bare_loop(folder: Path) -> tuple[float, float]:
    return measured(["-c", BARE_LOOP, str(folder / "entries.csv")])


def stages(folder: Path) -> None:
    """Where one preview spends its time."""
    from klausel.engine import bill
    from klausel.formats import View, render
    from klausel_book.reader import read_folder

    marks = [time.process_time()]
    book = read_folder(folder)
    marks.append(time.process_time())
    result = bill(book, date.fromisoformat(AS_OF), record=False)
    marks.append(time.process_time())
    render(result, "json", View())
    marks.append(time.process_time())
    whole = marks[-1] - marks[0]
    names = ("reading", "engine", "json")
    shares = [(b - a) / whole for a, b in pairwise(marks)]
    print("shares: " + ", ".join(f"{n} {s:.0%}" for n, s in zip(names, shares, strict=True)))
    print(f"decided {result.decided} combinations for {len(book.entries)} entries")


def compare(folder: Path, runs: int) -> float:
    """Prints the ratio of ``runs`` pairs and peak memory; the median of our CPU seconds."""
    preview(folder)  # compiles
    pairs = [(bare_loop(folder)[0], *preview(folder)) for _ in range(runs)]
    bare, ours, memory = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b, _ in pairs)
    print(f"bare loop {bare:.2f} s, preview {ours:.2f} s")
    print(f"ratio {ratio:.1f} (at most {MOST_RATIO})")
    print(f"peak memory {memory:.0f} MB (at most {MOST_MEGABYTES})")
    return ours


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench engine")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--contracts", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--growth", action="store_true", help="Also ten times as many entries.")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "book"
        folder.mkdir()
        write_book(folder, options.entries, options.contracts)
        print(f"engine: {options.entries} entries, {options.contracts} contracts of ten models")
        ours = compare(folder, options.runs)
        stages(folder)
        if options.growth:
            large = Path(name) / "large"
            large.mkdir()
            write_book(large, 10 * options.entries, options.contracts)
            seconds, memory = preview(large)
            print(f"{10 * options.entries} entries: {seconds:.2f} s, {memory:.0f} MB")
            print(f"growth {seconds / ours:.1f} (at most {MOST_GROWTH})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
