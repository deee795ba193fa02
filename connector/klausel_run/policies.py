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
from klausel_book.policy_folder import policy_folders as folders_in
from klausel_book.reader import POLICIES, present

_HINT = f"name a folder with a {POLICY_FILE} in it, a folder of such folders, or a book"


def policy_folders(folders: Sequence[Path]) -> list[Path]:
    """The policy folders that ``folders`` are or hold, each once. Raises ``ProblemError``."""
    found: dict[Path, None] = {}
    problems: list[Problem] = []
    for folder in folders:
        inside = _inside(folder)
        if not inside:
            problems.append(_nothing(folder))
        found.update(dict.fromkeys(inside))
    if problems:
        raise ProblemError(problems)
    return list(found)


def _inside(folder: Path) -> list[Path]:
    """``folder``, if it is a policy's, else the policy folders of a book, else those in it."""
    if present(folder / POLICY_FILE):
        return [folder]
    if (folder / POLICIES).is_dir():
        folder /= POLICIES
    if not folder.is_dir():
        return []
    # What else lies there, such as an empty folder, is said where a book is read.
    return [child for child in folders_in(folder) if present(child / POLICY_FILE)]


def _nothing(folder: Path) -> Problem:
    where = Where(str(folder))
    if folder.is_dir():
        reason = "there is no policy in this folder"
        return problem("option", where, reason=reason, hint=_HINT)
    if not folder.is_file():
        return problem("folder-missing", where, hint=_HINT)
    hint = f"name its folder: {folder.parent}" if folder.name == POLICY_FILE else _HINT
    return problem("option", where, reason="this is a file", hint=hint)


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
    name = shown(folder)
    files, problems = policy_files(folder, name)
    if problems:
        return problems
    policy = load_policy(name, {file: files[file] for file in files if not file.startswith(TESTS)})
    if isinstance(policy, list):
        return policy
    tests, problems = read_tests(policy, files, name)
    if problems:
        return problems
    outcomes = play_tests(policy, tests)
    found = coverage(policy, outcomes)
    proposals = tuple(propose(policy, found.missing)) if proposing else None
    return Report(policy, name or ".", tuple(outcomes), found, proposals)
