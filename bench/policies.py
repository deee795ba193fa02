"""What policies cost: to check 5,000 rules, to decide by them, and to decide at all.

* ``klausel check`` of a policy of 5,000 rules, as a process of its own.
* Deciding by these rules: compiling them to bands, then combinations that were not met before, each
  by both matchers.
* 100,000 entries of 500 combinations: deciding what they are, against reading them. The baseline
  reads ``entries.csv`` with ``csv.DictReader`` and turns hours into ``Decimal``; Klausel's own
  reading of the book stands beside it. Both in turn, in CPU time; what counts is the median of the
  ratios of pairs.
"""

from __future__ import annotations

import argparse
import csv
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from klausel.matching import DecisionTable
from klausel.matching.durable import BAND, compile_table
from klausel.model import Book, Entry
from klausel.policy import Policy, load_policy
from klausel.policy.facts import Subject
from klausel.policy.ir import Outlook, Rule, Scope
from klausel.policy.load import POLICY_FILE
from klausel_book import read_folder
from tests.large_policy import WORKS, large_policy

ROOT = Path(__file__).parent.parent

MOST_SECONDS = 10
MOST_RATIO = 1
COMBINATIONS = 500
EMPLOYEES = 30


def main(arguments: list[str]) -> int:
    gc.disable()  # as the command does
    parser = argparse.ArgumentParser(prog="python -m bench policies")
    parser.add_argument("--rules", type=int, default=5000)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        slow = checking(place / "large", options.rules, min(options.rounds, 3))
        deciding(options.rules)
        dear = against_reading(place / "book", options.entries, options.rounds)
    return int(slow or dear)


def checking(folder: Path, rules: int, rounds: int) -> bool:
    """Whether ``klausel check`` takes too long."""
    folder.mkdir()
    (folder / POLICY_FILE).write_text(large_policy(rules), encoding="utf-8")
    times = [checked(folder) for _ in range(rounds)]
    work, clock = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"klausel check, {rules} rules: {clock:.1f} s by the clock,"
        f" {work:.1f} s of CPU time (at most {MOST_SECONDS})"
    )
    return work > MOST_SECONDS


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


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds that ``work`` takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def policy_of(text: str) -> Policy:
    policy = load_policy("", {POLICY_FILE: text})
    if not isinstance(policy, Policy):
        raise SystemExit(str(policy[0]))
    return policy


def deciding(rules: int) -> None:
    """How long ``rules`` take to compile and to ask once, where the last bands have the answer."""
    policy = policy_of(large_policy(rules))
    sizes = tuple(field.size for field in policy.fields)
    table = DecisionTable(sizes, tuple(rule.conditions for rule in policy.rules))
    began = time.process_time()
    matcher = compile_table(table)
    compiled = time.process_time() - began
    combinations = [
        tuple(min(condition.codes) for condition in rule.conditions)
        for rule in policy.rules[-102:-2]
    ]
    asked = seconds(lambda: [matcher.decide(one) for one in combinations]) / len(combinations)
    print(
        f"{rules} rules in bands of {BAND}: compiled in {compiled:.2f} s,"
        f" a combination that only the last band knows decided in {asked * 1000:.1f} ms"
    )


# --- deciding against reading ------------------------------------------------------------------


def write_book(folder: Path, entries: int) -> None:
    """A customer whose tickets make 500 combinations of work and area, with ``entries`` entries."""
    (folder / "policies" / "large").mkdir(parents=True)
    (folder / "policies" / "large" / POLICY_FILE).write_text(
        large_policy(COMBINATIONS) + "plans: {time: {title: Help, components: [{time: {}}]}}\n",
        encoding="utf-8",
    )
    (folder / "book.yaml").write_text("company: Bench\n", encoding="utf-8")
    (folder / "contracts.yaml").write_text(
        "- {code: K, customer: c1, start: 2024-01-01, policy: large,"
        ' terms: [{id: time, plan: time, price: "90.00"}]}\n',
        encoding="utf-8",
    )
    (folder / "customers.csv").write_text("id,name\nc1,Customer\n", encoding="utf-8")
    (folder / "employees.csv").write_text(
        "id,name,role\n" + "".join(f"u{n},Ann {n},Developer\n" for n in range(EMPLOYEES)),
        encoding="utf-8",
    )
    areas = COMBINATIONS // WORKS
    projects = [f"p{n},Project {n},c1,area{n}\n" for n in range(areas)]
    (folder / "projects.csv").write_text(
        "id,name,customer,tags\n" + "".join(projects), encoding="utf-8"
    )
    tickets = [f"t{n},p{n % areas},Ticket {n},work{n // areas},1\n" for n in range(COMBINATIONS)]
    (folder / "tickets.csv").write_text(
        "id,project,title,tags,estimate_hours\n" + "".join(tickets), encoding="utf-8"
    )
    first = date(2024, 1, 1)
    with (folder / "entries.csv").open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("id", "date", "employee", "project", "ticket", "hours", "text"))
        for n in range(entries):
            ticket = n * 7919 % COMBINATIONS
            day = first + timedelta(days=n * 700 // entries)
            who = f"u{n % EMPLOYEES}"
            rows.writerow((f"e{n}", day, who, f"p{ticket % areas}", f"t{ticket}", "0.75", "Work"))


def against_reading(folder: Path, entries: int, rounds: int) -> bool:
    """Whether deciding costs more than the bare reading of the same entries."""
    write_book(folder, entries)
    book = read_folder(folder)
    if book.problems or len(book.entries) != entries:
        raise SystemExit(f"the book is not as it was meant: {book.problems[:1]}")
    scope, rules = decide(book)
    found = {rule.id for rule in rules}
    print(
        f"{len(rules)} entries, {scope.fresh} combinations, {len(book.policies['large'].rules)}"
        f" rules, {len(found)} of them decide"
    )
    if scope.fresh != COMBINATIONS or len(rules) != entries:
        raise SystemExit(f"{COMBINATIONS} combinations were expected")
    pairs = [
        (
            seconds(lambda: read_bare(folder)),
            seconds(lambda: read_folder(folder)),
            seconds(lambda: decide(book)),
        )
        for _ in range(rounds)
    ]
    bare, ours, decided = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(third / first for first, _, third in pairs)
    print(f"read with csv {bare:.2f} s, read by Klausel {ours:.2f} s, decided {decided:.2f} s")
    print(f"deciding/reading with csv {ratio:.2f} (at most {MOST_RATIO})")
    return ratio > MOST_RATIO


def read_bare(folder: Path) -> list[tuple[dict[str, str], Decimal]]:
    with (folder / "entries.csv").open(encoding="utf-8", newline="") as stream:
        return [(row, Decimal(row["hours"])) for row in csv.DictReader(stream)]


def decide(book: Book) -> tuple[Scope, list[Rule]]:
    """The rule of every entry, as the engine finds it; rules are compiled afresh."""
    (contract,) = book.contracts
    scope = Scope(book.policies[contract.policy], None, None)
    outlooks: dict[tuple[str, str], Outlook] = {}
    found: list[Rule] = []

    def subject(entry: Entry) -> Subject:
        return Subject(
            entry, book.tickets[entry.ticket], book.projects[entry.project],
            book.customers[contract.customer], book.employees[entry.employee], contract,
        )  # fmt: skip

    for entry in book.entries:
        place = (entry.ticket, entry.project)
        if place not in outlooks:
            outlooks[place] = scope.outlook(subject(entry), {})
        own, days, known = outlooks[place]
        key = own(entry, book.employees[entry.employee].role, days[entry.date])
        seen = known.get(key)
        if seen is None:
            seen = known[key] = scope.see(subject(entry))
        found.append(seen.rule)
    return scope, found
