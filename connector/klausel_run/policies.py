"""Policy folders on disk, and their tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from klausel.policy import load_policy
from klausel.policy.load import POLICY_FILE
from klausel.policy_tests import coverage, play_tests, propose, read_tests
from klausel.policy_tests.read import TESTS
from klausel.policy_tests.report import Report
from klausel.problems import Problem, ProblemError, Where, problem
from klausel_book.policy_folder import policy_files
from klausel_book.reader import POLICIES

_HINT = "name a policy folder, or a folder with policy folders in it"


def policy_folders(folders: Sequence[Path], book: Path | None = None) -> list[Path]:
    """The policy folders that are meant: ``folders``, what lies in them, those of ``book``.

    Where nothing is given: the folder one stands in, or its ``policies``. Raises ``ProblemError``.
    """
    given = [*folders, *([book / POLICIES] if book is not None else [])]
    if not given:
        here = [folder for folder in (Path(), Path(POLICIES)) if _inside(folder)]
        if not here:
            reason, hint = "no policy folder is given, and none is here", f"{_HINT}, or --book"
            raise ProblemError([problem("option", Where("klausel"), reason=reason, hint=hint)])
        given = here[:1]
    found: dict[Path, None] = {}
    for folder in given:
        if not folder.is_dir():
            raise ProblemError([problem("folder-missing", Where(str(folder)), hint=_HINT)])
        inside = _inside(folder)
        if not inside:
            where = Where((folder / POLICY_FILE).as_posix())
            raise ProblemError([problem("file-missing", where, hint=_HINT)])
        found.update(dict.fromkeys(inside))
    return list(found)


def _inside(folder: Path) -> list[Path]:
    """``folder``, if it is a policy's, else the policy folders in it."""
    if (folder / POLICY_FILE).is_file():
        return [folder]
    if not folder.is_dir():
        return []
    return sorted(child for child in folder.iterdir() if (child / POLICY_FILE).is_file())


def shown(folder: Path) -> str:
    """How messages name ``folder``: as it was given; the one one stands in by nothing."""
    return "" if folder == Path() else folder.as_posix()


def run_tests(folders: Sequence[Path], proposing: bool = False) -> list[Report]:
    """The tests of the policies in ``folders``, played. Raises ``ProblemError``."""
    reports: list[Report] = []
    problems: list[Problem] = []
    for folder in folders:
        found = _tested(folder, proposing)
        if isinstance(found, Report):
            reports.append(found)
        else:
            problems += found
    if problems:
        raise ProblemError(problems)
    return reports


def _tested(folder: Path, proposing: bool) -> Report | list[Problem]:
    files, problems = policy_files(folder, shown(folder))
    if problems:
        return problems
    name = shown(folder)
    policy = load_policy(name, {file: files[file] for file in files if not file.startswith(TESTS)})
    if isinstance(policy, list):
        return policy
    tests, problems = read_tests(policy, files, name)
    if problems:
        return problems
    outcomes = play_tests(policy, tests)
    found = coverage(policy, [one for outcome in outcomes for one in outcome.observed])
    proposals = tuple(propose(policy, found.missing)) if proposing else None
    return Report(policy, name or ".", tuple(outcomes), found, proposals)
