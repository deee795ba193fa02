"""The engine's share: a preview of a large book against a bare loop over the same entries.

The baseline reads ``entries.csv`` with ``csv.DictReader``, turns hours into ``Decimal`` and sums
them per project and month. Both run in processes of their own, in turn.
"""

from __future__ import annotations

import argparse
import csv
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

POLICY = """\
policy: care
version: "1"
fields:
  work:
    one_of: [update, feature, other]
    from:
      - {task_tag: Update, is: update}
      - {text_has: [patch, CVE], is: update}
      - {task_tag: Feature, is: feature}
      - {otherwise: other}
  estimate_hours: {number: {from: 0, to: 10000}}
scope:
  rules:
    - {id: W1, when: {work: update}, then: included, because: kept safe}
    - {id: P1, when: {work: feature, estimate_hours: {more_than: 16}}, then: change, because: big}
  otherwise: {then: service, because: day to day}
plans:
  flat: {title: Care, components: [{fee: {every: 12 months}}]}
  quarter: {title: Service, components: [{time: {every: 3 months, group_by: project}}]}
  month: {title: Effort, components: [{time: {rates: {role: {Senior: "120.00"}}}}]}
"""


def write_book(folder: Path, entries: int, contracts: int) -> None:
    """A book of ``contracts`` customers with two years of entries, the same every time."""
    chance = random.Random(1)
    (folder / "policies" / "care").mkdir(parents=True)
    (folder / "policies" / "care" / "policy.yaml").write_text(POLICY)
    (folder / "book.yaml").write_text("company: Bench\nlanguages: [en, de, nl]\n")

    def table(name: str, header: str, rows: list[list[object]]) -> None:
        with (folder / name).open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(header.split(","))
            writer.writerows(rows)

    roles, tags = ("Senior", "Support"), ("Update", "Feature", "")
    tickets = 20 * contracts
    table("employees.csv", "id,name,role", [[f"u{n}", f"N{n}", roles[n % 2]] for n in range(30)])
    table(
        "customers.csv",
        "id,name,language",
        [[f"c{n}", f"Customer {n}", ("en", "de", "nl")[n % 3]] for n in range(contracts)],
    )
    table(
        "projects.csv",
        "id,name,customer",
        [[f"p{n}", f"Project {n}", f"c{n // 2}"] for n in range(2 * contracts)],
    )
    table(
        "tickets.csv",
        "id,project,title,tags,estimate_hours",
        [[f"t{n}", f"p{n // 10}", f"Ticket {n}", tags[n % 3], n % 40] for n in range(tickets)],
    )
    first = date(2024, 1, 1)
    rows: list[list[object]] = []
    for n in range(entries):
        day = first + timedelta(days=n * 731 // entries)
        ticket = chance.randrange(tickets)
        hours = chance.choice(("0.25", "0.5", "1.75", "0.33"))
        text = f"work {n % 500}"
        rows.append([f"e{n}", day, f"u{n % 30}", f"p{ticket // 10}", f"t{ticket}", hours, text])
    table("entries.csv", "id,date,employee,project,ticket,hours,text", rows)
    plans = ("quarter", "month")
    lines = []
    for n in range(contracts):
        lines.append(
            f"- {{code: K{n}, customer: c{n}, start: 2024-01-01, policy: care, terms: ["
            f'{{id: W, plan: flat, price: "49.00"}}, '
            f'{{id: S, plan: {plans[n % 2]}, price: "95.00"}}]}}'
        )
    (folder / "contracts.yaml").write_text("\n".join(lines) + "\n")


def bare_loop(folder: Path) -> int:
    """The baseline."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    with (folder / "entries.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            sums[row["project"], row["date"][:7]] += Decimal(row["hours"])
    return len(sums)


def timed(arguments: list[str]) -> tuple[float, float]:
    """CPU seconds of a process and of its peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, after.ru_maxrss / 1024


def stages(folder: Path) -> None:
    """Where one preview spends its time."""
    from klausel.engine import bill
    from klausel.formats import View, render
    from klausel_book.reader import read_folder

    marks = [time.perf_counter()]
    book = read_folder(folder)
    marks.append(time.perf_counter())
    result = bill(book, date(2026, 1, 1))
    marks.append(time.perf_counter())
    render(result, "json", View())
    marks.append(time.perf_counter())
    whole = marks[-1] - marks[0]
    names = ("reading", "engine", "json")
    shares = [(b - a) / whole for a, b in pairwise(marks)]
    print("shares: " + ", ".join(f"{n} {s:.0%}" for n, s in zip(names, shares, strict=True)))
    print(f"decided {result.decided} combinations for {len(book.entries)} entries")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="bench engine")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--contracts", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "book"
        folder.mkdir()
        write_book(folder, options.entries, options.contracts)
        preview = [
            sys.executable, "-m", "klausel_cli.cli", "preview", "--book", str(folder),
            "--as-of", "2026-01-01", "--format", "json",
        ]  # fmt: skip
        loop = [
            sys.executable,
            "-c",
            f"from bench.engine import *; bare_loop(Path({name!r})/'book')",
        ]
        ours, bare = [], []
        for _ in range(options.runs):
            bare.append(timed(loop)[0])
            ours.append(timed(preview)[0])
        print(f"engine: {options.entries} entries, {options.contracts} contracts")
        print(f"bare loop {statistics.median(bare):.2f} s, preview {statistics.median(ours):.2f} s")
        ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
        print(f"ratio {ratio:.1f}, peak memory {timed(preview)[1]:.0f} MB")
        stages(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
