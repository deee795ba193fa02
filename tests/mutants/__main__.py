"""``python -m tests.mutants [words]``: tries all mutants, or those with a word in their name."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.mutants.accepted import accepted
from tests.mutants.make import Mutant, Name, mutants

ROOT = Path(__file__).parent.parent.parent
CORE = ROOT / "rules" / "klausel"
#: What is tried: whatever decides about time, periods and money of a contract.
FILES = [
    CORE / "period.py",
    CORE / "approvals.py",
    *sorted((CORE / "adjustments").glob("*.py")),
    *sorted((CORE / "charges").glob("*.py")),
]


def main(words: Sequence[str]) -> int:
    # Not before a mutant's module is imported: this imports all of the product.
    from tests.mutants.judge import Trials, Verdict, bad_books, cases, generated

    start = time.monotonic()
    found = [
        (file, mutant)
        for file in FILES
        for mutant in mutants(file, str(file.relative_to(CORE)))
        if not words or any(word in str(mutant.name) for word in words)
    ]
    files = frozenset(map(str, FILES))
    trials = Trials([*cases(files), *generated(files), *bad_books(files)])
    took = time.monotonic() - start
    print(f"{len(found)} mutants, {len(trials.checks)} tests, read in {took:.0f} s", flush=True)
    counts: Counter[str] = Counter()
    survivors: list[Name] = []
    for file, mutant in found:
        verdict = trials.judge(mutant, file) if mutant.inside else Verdict(*alone(mutant, file))
        counts[verdict.state] += 1
        if verdict.state == "survived":
            survivors.append(mutant.name)
            where = f"\n  changed, and compared nowhere: {verdict.by}" if verdict.by else ""
            print(f"\n{mutant.name}{where}", flush=True)
    tried = {mutant.name for _, mutant in found}
    return report(counts, tried, survivors, time.monotonic() - start)


def report(
    counts: Counter[str], tried: set[Name], survivors: Sequence[Name], seconds: float
) -> int:
    known = {one.name for one in accepted()}
    for name in sorted((known & tried) - set(survivors)):
        print(f"\n{name}\n  is accepted, and a test notices it: leave it out of accepted.txt")
    new = [name for name in survivors if name not in known]
    print(
        f"\n{sum(counts.values())} mutants: {counts['killed']} killed, {counts['timeout']} timed"
        f" out, {counts['survived']} survived, of which {len(survivors) - len(new)} are accepted"
        f" with a reason; {seconds:.0f} s"
    )
    if new:
        print(f"\n{len(new)} survivors have no reason in tests/mutants/accepted.txt:\n")
        print("\n\n".join(map(str, new)))
    return 1 if new else 0


# -- mutants outside of functions: their module has to be imported with the change ----------------


def alone(mutant: Mutant, file: Path) -> list[str]:
    """The verdict on ``mutant`` from a process of its own."""
    module = ".".join(file.relative_to(CORE.parent).with_suffix("").parts)
    run = subprocess.run(
        [sys.executable, "-m", "tests.mutants", "--alone"],
        input=json.dumps([module.removesuffix(".__init__"), str(file), mutant.source]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = (run.stdout.splitlines() or [""])[-1]
    return json.loads(last) if last.startswith("[") else ["killed", "import"]


class Changed(MetaPathFinder, Loader):
    """Imports one module from another source."""

    def __init__(self, module: str, file: str, source: str) -> None:
        self.module, self.file, self.source = module, file, source

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != self.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.file, loader=self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.source, self.file, "exec"), module.__dict__)


def verdict_alone() -> int:
    sys.meta_path.insert(0, Changed(*json.load(sys.stdin)))
    from tests.mutants.judge import tried, unmeasured

    print(json.dumps(tried(unmeasured())))
    return 0


if __name__ == "__main__":
    sys.exit(verdict_alone() if sys.argv[1:] == ["--alone"] else main(sys.argv[1:]))
