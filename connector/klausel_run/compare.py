"""diff: what an edited policy would have changed on a real period. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from klausel.assemble import BookBuilder
from klausel.compare import Comparison
from klausel.compare import compare as compared
from klausel.fields import TABLES
from klausel.policy import Policy
from klausel.port import Erp
from klausel.problems import ProblemError, Where, listed, near, problem
from klausel_book.policy_folder import policy_files
from klausel_book.reader import BOOK_FILE, CONTRACTS_FILE
from klausel_run.policies import policy_folders, shown


def compare(
    erp: Erp,
    old: Path,
    new: Path,
    as_of: date,
    first: date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Bills what ``erp`` has up to ``as_of`` with the policy in ``old`` and with that in ``new``.

    Each is a policy folder, or a folder of some: then those of one name belong together. Raises
    ``ProblemError`` where a policy cannot be read, or no contract uses it.
    """
    if first is not None and first > as_of:
        reason = f"{first} is after {as_of}, the day of the run"
        raise _refused("--from", reason, f"give --from {as_of} or earlier")
    pairs = _pairs(old, new)
    book = erp.read(as_of)
    used = {contract.policy for contract in book.contracts}
    if not any(policy.name in used for policy, _ in pairs):
        name = pairs[0][0].name
        hint = near(name, used) or f"policies in use: {listed(sorted(used)) or 'none'}"
        raise _refused("OLD", f'no contract uses policy "{name}"', hint)
    found = compared(book, pairs, as_of, first, progress=progress)
    return found._replace(beside=_beside(old, new))


def _beside(old: Path, new: Path) -> tuple[str, ...]:
    """Files of the books in ``old`` and ``new`` that differ; none where one of them is no book."""
    if not all((folder / CONTRACTS_FILE).is_file() for folder in (old, new)):
        return ()
    names = (BOOK_FILE, CONTRACTS_FILE, *(table.file for table in TABLES.values()))
    return tuple(name for name in names if _content(old / name) != _content(new / name))


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _pairs(old: Path, new: Path) -> list[tuple[Policy, Policy]]:
    before, after = policies_in(old), policies_in(new)
    if len(before) == len(after) == 1:
        return [*zip(before.values(), after.values(), strict=True)]
    missing = sorted(before.keys() - after.keys())
    if missing:
        hint = near(missing[0], after) or f"policies there: {listed(sorted(after))}"
        raise _refused("NEW", f'there is no policy "{missing[0]}" in {new}', hint)
    return [(policy, after[name]) for name, policy in before.items()]


def policies_in(folder: Path) -> dict[str, Policy]:
    """The policy in ``folder``, or those in folders in it, by name. Raises ``ProblemError``."""
    builder = BookBuilder()
    for one in policy_folders([folder]):
        files, problems = policy_files(one, shown(one))
        if problems:
            raise ProblemError(problems)
        builder.add_policy(shown(one), files, one.name)
    policies, found = builder.policies()
    errors = [one for one in found if one.severity == "error"]
    if errors:
        raise ProblemError(errors)
    return dict(policies)


def _refused(place: str, reason: str, hint: str) -> ProblemError:
    return ProblemError([problem("option", Where(place), reason=reason, hint=hint)])
