"""What takes long, in named parts: ``make soak``, or some: ``make soak PARTS="oracle kills"``.

Each part is a process of its own and two run at a time, the longest first. Every part draws new
examples from the seed that is printed; ``KLAUSEL_SEED=... make soak PARTS=...`` draws them again.
A part's report stands in ``.soak/NAME.txt``, and what fails at once in ``.soak/NAME.failed.txt``;
what it took, in minutes and in memory (its largest process), is printed with what it counted. Exit
code 0 if every part passed within its memory.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
REPORTS = ROOT / ".soak"

#: Megabytes that no process of a part may need more of.
MEMORY = 2000

#: Two processors: more at once would only wait for each other.
AT_ONCE = 2

#: Not run unless it is named: what is known not to hold always.
KNOWN = "known"

#: Files and folders below tests, by part: the longest part first.
PARTS: dict[str, tuple[str, ...]] = {
    "people": ("odoo/test_people.py",),
    "hostile": ("test_hostile_texts.py",),
    "oracle": ("test_oracle.py",),
    "lives": ("test_life_properties.py", "test_properties.py"),
    "adjust": (
        "test_adjust_property.py", "test_moves_property.py", "test_ends.py",
        "test_ends_property.py", "test_nothing_new.py",
    ),
    "limits": ("test_limits.py", "test_openings.py"),
    "kills": ("odoo/test_bill_kills.py",),
    "work": ("odoo/test_work.py", "odoo/test_shown.py", "test_work.py"),
    "records": (
        "test_activity.py", "test_explain.py", "test_evidence.py", "odoo/test_archive_odoo.py",
    ),
    "policies": (
        "test_check_geometry.py", "test_compare.py", "test_compose.py", "test_policy_tests.py",
        "test_cli_policies.py", "test_book_errors.py", "test_foreign_ids.py", "test_seeds.py",
        "test_check_advice.py", "test_sheets.py",
    ),
    "words": (
        "test_policy_fuzz.py", "test_schema.py", "test_matching.py", "test_periods_rrule.py",
        "test_architecture.py",
    ),
    "odoo": (
        "odoo/test_models.py", "odoo/test_odoo_invoicing.py", "odoo/test_links.py",
        "odoo/test_bill.py", "odoo/test_foreign_answers.py",
        "odoo/test_connector_rights.py",
    ),
    KNOWN: (
        "test_dense.py",
        "test_nothing_new.py::test_where_nothing_is_new_a_run_does_nothing",
        "test_adjust_property.py::test_every_life_is_settled_as_a_fresh_bill_would",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What came of a part: seconds it took, megabytes of its largest process."""

    name: str
    passed: bool
    said: str
    counted: tuple[str, ...]
    seconds: float
    megabytes: int

    def __str__(self) -> str:
        word = "passed" if self.passed else "FAILED"
        used = f"{self.seconds / 60:.1f} min, {self.megabytes} MB"
        lines = [f"{self.name}: {word}, {used}: {self.said}"]
        if self.megabytes > MEMORY:
            lines.append(f"  more than {MEMORY} MB")
        return "\n".join([*lines, *self.counted])


def play(name: str, seed: int) -> Report:
    """Runs a part and keeps what it printed."""
    command = [sys.executable, "-m", "pytest", "--soak", f"--hypothesis-seed={seed}", "-q"]
    command += [str(ROOT / "tests" / path) for path in PARTS[name]]
    begun = time.monotonic()
    report = REPORTS / f"{name}.txt"
    (REPORTS / f"{name}.failed.txt").unlink(missing_ok=True)
    with report.open("w", encoding="utf-8") as out:
        child = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, "KLAUSEL_SEED": str(seed), "KLAUSEL_SOAK_PART": name},
        )
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            child.terminate()
            raise
    text = report.read_text(encoding="utf-8", errors="replace")
    last = re.findall(r"^(?:=+ )?(\d+ (?:passed|failed|error).*?)(?: =+)?$", text, re.MULTILINE)
    code = os.waitstatus_to_exitcode(status)
    megabytes = used.ru_maxrss // 1024
    return Report(
        name,
        code == 0 and megabytes <= MEMORY,
        last[-1] if last else f"ended with {code}",
        tuple(re.findall(r"^ *\d+ .+$", text.partition("= counted =")[2], re.MULTILINE)),
        time.monotonic() - begun,
        megabytes,
    )


def main(arguments: Sequence[str]) -> int:
    if unknown := [name for name in arguments if name not in PARTS]:
        print(f"no part {', '.join(unknown)}; there are: {', '.join(PARTS)}", file=sys.stderr)
        return 2
    seed = int(os.environ.get("KLAUSEL_SEED") or secrets.randbits(31))
    chosen = [name for name in PARTS if name in (arguments or {*PARTS} - {KNOWN})]
    REPORTS.mkdir(exist_ok=True)
    print(f"KLAUSEL_SEED={seed}: {', '.join(chosen)}; reports in {REPORTS.name}/", flush=True)
    begun = time.monotonic()
    waiting = deque(chosen)
    good: list[bool] = []

    def work() -> None:
        while waiting:
            report = play(waiting.popleft(), seed)
            good.append(report.passed)
            print(report, flush=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for one in [pool.submit(work) for _ in range(AT_ONCE)]:
            one.result()
    print(f"{sum(good)} of {len(chosen)} parts passed in {(time.monotonic() - begun) / 60:.1f} min")
    return 0 if sum(good) == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
