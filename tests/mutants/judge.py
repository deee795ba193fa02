"""The tests that have to notice a mutant, quickest and nearest first, and one mutant's trial.

Everything is read once; a trial forks, puts the mutant's code in the place of the function's, and
runs those tests that come by the changed lines, until the first that fails.
"""

from __future__ import annotations

import atexit
import functools
import gc
import hashlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings

from klausel.policy import load_policy
from klausel.problems import ProblemError
from klausel.scenario import Scenario, play, read_scenario
from klausel_book.policy_folder import policy_files
from klausel_book.source import BookSource
from klausel_run.preview import Options, preview
from tests import test_book_errors, test_oracle, test_policy_errors
from tests.mutants.make import Mutant
from tests.oracle.lives import FEATURES, lives
from tests.test_cases import ISSUE_IN_WORK, SCENARIOS, later_issue, name

#: Generated lives that mutants are tried on, from each set of features; always the same ones.
LIVES = 30
SEED = 2026
MIXED = (
    ("any", FEATURES),
    *(
        (
            f"{model} life",
            frozenset({model, "late", "ends", "openings", "rounding", "surcharge_hours"}),
        )
        for model in ("fee", "contingent", "pool", "block", "quota")
    ),
    ("approvals life", frozenset({"time", "contingent", "approvals", "thresholds", "rounding"})),
)
AGREED = (
    ("life", FEATURES),
    ("go-live", frozenset({"fee", "time", "ends", "openings", "contracts"})),
)

#: A test that takes so many times its own time of the processor, and this more, never ends.
PATIENCE, SECONDS = 10, 1.0
MEMORY = 3 << 30

Lines = frozenset[tuple[str, int]]


class Failed(Exception):
    """A test noticed the mutant."""


class NeverEnds(BaseException):
    """A test took far longer than it does."""


class Check(NamedTuple):
    """One test: raises where it notices something."""

    name: str
    run: Callable[[], str]
    """Gives a digest of all that came out, compared or not."""
    lines: Lines
    seconds: float
    digest: str
    read: Lines = frozenset()
    """Lines that reading it comes by, before it is run."""
    again: Callable[[], str] | None = None
    """The same, read again before it is run."""


class Verdict(NamedTuple):
    state: str
    """"killed", "timeout" or "survived"."""
    by: str = ""
    """The test that noticed, or, of a survivor, tests where a result changed that none compares."""


# -- tests ---------------------------------------------------------------------------------------


def cases(files: frozenset[str]) -> Iterator[Check]:
    """The worked examples."""
    for path in SCENARIOS:
        text = path.read_text(encoding="utf-8")
        if later_issue(text) > ISSUE_IN_WORK:
            continue
        called = name(path)
        with traced(files) as read:
            scenario = read_scenario(text, called)
        yield measured(
            f"case {called}",
            functools.partial(case, scenario),
            files,
            frozenset(read),
            functools.partial(case_again, text, called),
        )


def case(scenario: Scenario) -> str:
    results, mismatches = play(scenario, test_oracle.QUICK)
    if mismatches:
        raise Failed(str(mismatches[0]))
    return digest(
        [(run.data, run.result and [*map(str, run.result.settlements)]) for run in results]
    )


def case_again(text: str, called: str) -> str:
    return case(read_scenario(text, called))


def generated(files: frozenset[str]) -> Iterator[Check]:
    """Lives on which the oracle and the product agree."""
    for title, features in (*AGREED, *MIXED):
        for number, life in enumerate(some_lives(features), start=1):
            one = functools.partial(compared, life, test_oracle.play(life))
            try:
                one()
            except Failed:
                continue  # where they do not agree yet, a mutant is nothing new
            yield measured(f"{title} {number}", one, files)


def some_lives(features: frozenset[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    @seed(SEED)
    @settings(
        max_examples=LIVES, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(lives(features))
    def collect(life: dict[str, Any]) -> None:
        found.append(life)

    collect()
    return found


def unmeasured() -> Iterator[Check]:
    """The same for code that is changed already: what is not known is not compared."""
    for path in SCENARIOS:
        text = path.read_text(encoding="utf-8")
        if later_issue(text) <= ISSUE_IN_WORK:
            run = functools.partial(case_again, text, name(path))
            yield Check(f"case {name(path)}", run, frozenset(), 0.5, "")
    for title, features in AGREED[:1]:
        for number, life in enumerate(some_lives(features), start=1):
            run = functools.partial(compared, life, test_oracle.play(life))
            yield Check(f"{title} {number}", run, frozenset(), 0.5, "")


def bad_books(files: frozenset[str]) -> Iterator[Check]:
    """What users are told of their mistakes."""
    folder = Path(tempfile.mkdtemp())
    try:
        for called in test_book_errors.NAMES:
            place = test_book_errors.laid_out(called, folder / called)
            one = functools.partial(complaints, place)
            first = one()
            yield measured(f"book {called}", functools.partial(the_same, one, first), files)
        for called in test_policy_errors.NAMES:
            one = functools.partial(refusals, test_policy_errors.CASES / called)
            first = one()
            yield measured(f"policy {called}", functools.partial(the_same, one, first), files)
    finally:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)


def complaints(folder: Path) -> list[str]:
    try:
        result = preview(BookSource(folder), Options(test_book_errors.AS_OF))
    except ProblemError as error:
        return [str(found) for found in error.problems]
    return [str(found) for found in result.problems]


def refusals(folder: Path) -> list[str]:
    texts, problems = policy_files(folder, folder.name)
    found = problems or load_policy(folder.name, texts)
    return [str(one) for one in found] if isinstance(found, list) else []


def the_same(one: Callable[[], list[str]], expected: list[str]) -> str:
    if one() != expected:
        raise Failed(str(expected))
    return ""


def compared(life: dict[str, Any], expected: list[dict[str, Any]]) -> str:
    kept = test_oracle.play
    test_oracle.play = lambda _: expected  # type: ignore[assignment]
    try:
        found = test_oracle.disagreements(life)
    finally:
        test_oracle.play = kept
    if found:
        raise Failed(found[0])
    return ""


def measured(
    called: str,
    run: Callable[[], str],
    files: frozenset[str],
    read: Lines = frozenset(),
    again: Callable[[], str] | None = None,
) -> Check:
    """``run`` with what it comes by, how long it takes and what comes out."""
    with traced(files) as lines:
        run()
    start = time.process_time()
    found = run()
    return Check(called, run, frozenset(lines), time.process_time() - start, found, read, again)


@contextmanager
def traced(files: frozenset[str]) -> Iterator[set[tuple[str, int]]]:
    """The lines of ``files`` that are executed."""
    found: set[tuple[str, int]] = set()

    def inside(frame: types.FrameType, event: str, _: Any) -> Any:
        found.add((frame.f_code.co_filename, frame.f_lineno))
        return inside

    def tracer(frame: types.FrameType, event: str, _: Any) -> Any:
        return inside(frame, event, None) if frame.f_code.co_filename in files else None

    sys.settrace(tracer)
    try:
        yield found
    finally:
        sys.settrace(None)


def digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


# -- a trial -------------------------------------------------------------------------------------


class Trials:
    """Tries mutants of files that are imported already."""

    def __init__(self, checks: Iterable[Check]) -> None:
        self.checks = list(checks)
        self.functions: dict[tuple[str, str, int], list[types.FunctionType]] = {}
        self.caches: list[Any] = []
        for found in gc.get_objects():
            if isinstance(found, types.FunctionType):
                code = found.__code__
                key = (code.co_filename, code.co_name, code.co_firstlineno)
                self.functions.setdefault(key, []).append(found)
            elif type(found).__name__ == "_lru_cache_wrapper":
                self.caches.append(found)
        gc.freeze()

    def judge(self, mutant: Mutant, file: Path) -> Verdict:
        """What the tests say of ``mutant``, found out in a process of its own."""
        assert mutant.inside is not None
        path = str(file)
        touched = {(path, line) for line in mutant.lines}
        near = subject(mutant.name.module)
        reading = any(touched & check.read for check in self.checks)
        checks = [
            check._replace(run=check.again) if reading and check.again else check
            for check in self.checks
            if touched & (check.lines | check.read)
        ]
        checks.sort(key=lambda one: (near not in one.name, one.name[:4] != "case", one.seconds))

        def trial() -> Verdict:
            swap(mutant, path, self.functions)
            for cache in self.caches:
                if str(getattr(cache, "__module__", "")).startswith("klausel"):
                    cache.cache_clear()
            return tried(checks)

        return forked(trial)


def subject(module: str) -> str:
    """The folder of cases that is nearest to a module."""
    stem = Path(module).stem
    return {"threshold": "thresholds", "stock": "pool"}.get(stem, stem)


def swap(
    mutant: Mutant, path: str, functions: dict[tuple[str, str, int], list[types.FunctionType]]
) -> None:
    """Puts the mutant's code in the place of its function's."""
    assert mutant.inside is not None
    called, first = mutant.inside
    code = next(
        found
        for found in codes(compile(mutant.source, path, "exec", dont_inherit=True))
        if (found.co_name, found.co_firstlineno) == (called, first)
    )
    for function in functions[path, called, first]:
        function.__code__ = code


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for found in code.co_consts:
        if isinstance(found, types.CodeType):
            yield found
            yield from codes(found)


def tried(checks: Iterable[Check]) -> Verdict:
    """The first test that notices; of a survivor, where something changed that none compares."""
    signal.signal(signal.SIGPROF, _never_ends)
    changed = []
    for check in checks:
        # Again each second: an exception may get lost where it is raised.
        signal.setitimer(signal.ITIMER_PROF, PATIENCE * check.seconds + SECONDS, SECONDS)
        try:
            found = check.run()
        except NeverEnds:
            return Verdict("timeout", check.name)
        except Exception:
            return Verdict("killed", check.name)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        if check.digest and found != check.digest:
            changed.append(check.name)
    return Verdict("survived", ", ".join(changed[:3]))


def _never_ends(*_: Any) -> None:
    raise NeverEnds


def forked(trial: Callable[[], Verdict]) -> Verdict:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        verdict = Verdict("killed", "the process itself")
        try:
            os.close(reader)
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 1)
                os.dup2(nowhere.fileno(), 2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            verdict = trial()
        finally:
            os.write(writer, json.dumps(verdict).encode())
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    return Verdict(*json.loads(said)) if said else Verdict("killed", "the process itself")
