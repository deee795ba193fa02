"""check: what is wrong, doubtful or worth knowing about policies. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from klausel.formats.findings import Report
from klausel.model import Book
from klausel.policy import Policy, load_policy
from klausel.policy.check import BY_DESIGN, Finding, Raw, check
from klausel.policy.compose import Composition, Folder, compose
from klausel.policy.load import POLICY_FILE
from klausel.problems import Problem, ProblemError, Where, near, problem
from klausel.tree import parse
from klausel_book import BookSource
from klausel_book.policy_folder import policy_files
from klausel_book.reader import CONTRACTS_FILE
from klausel_run.policies import policy_folders, shown

#: What is said of a book's files that were read.
_OF_FILES = ("sheet-read", "policy-folder-stray", "policy-copy")


class Outcome(NamedTuple):
    report: Report
    unread: bool
    """Whether a policy could not be read."""

    def fails(self, strict: bool) -> bool:
        """Whether something was found that is to be mended; strictly, infos count too, but not
        what is as it is meant to be."""
        return any(
            found.severity != "info" or (strict and found.code not in BY_DESIGN)
            for found in self.report.findings
        )


def check_policies(folders: Sequence[Path], book: Path | None, as_of: date) -> Outcome:
    """Examines the policies in ``folders``, else those of ``book``, else of the current folder.

    Raises ``ProblemError`` where there is none, or the book cannot be read.
    """
    found: list[Finding] = []
    doubts: list[Finding] = []
    texts: dict[str, str] = {}
    policies: list[tuple[Policy, Raw]] = []
    places = policy_folders(folders or [book or Path()])
    for folder in places:
        name = shown(folder)
        named, problems = policy_files(folder, name)
        texts |= {_place(name, inside): text for inside, text in named.items()}
        policy = problems or load_policy(name, named)
        if isinstance(policy, list):
            found += [_as_finding(one) for one in policy]
        else:
            policies.append((policy, _raw(name, named)))
            doubts += [_as_finding(one) for one in policy.doubts]
    unread = bool(found)
    found += doubts
    facts: Book | None = None
    if book is not None:
        try:
            facts = BookSource(book).read(date.max)
        except ProblemError:
            if not unread:
                raise  # else enough is wrong already
    if book is not None and facts is not None:
        texts |= _contracts(book)
        found += [
            _as_finding(one, book)._replace(severity="info")
            for one in facts.problems
            if one.code in _OF_FILES
        ]
    for policy, raw in policies:
        found += [_in_book(one, book) for one in check(policy, raw, as_of, facts)]
    names = tuple(folder.as_posix() for folder in places)
    return Outcome(Report(names, tuple(found), texts, _version()), unread)


def explain(code: str) -> str:
    """The page on what ``code`` means. Raises ``ProblemError`` where there is none."""
    folder = files("klausel.policy.check.pages")
    pages = {
        page.name.removesuffix(".md"): page
        for page in folder.iterdir()
        if page.name.endswith(".md")
    }
    if code not in pages:
        hint = near(code, pages) or f"there are pages on: {', '.join(sorted(pages))}"
        reason = f'there is no page on "{code}"'
        raise ProblemError([problem("option", Where("--explain"), reason=reason, hint=hint)])
    return pages[code].read_text(encoding="utf-8")


def _contracts(book: Path) -> dict[str, str]:
    """The contracts' file as it is shown: it was read with the book."""
    path = book / CONTRACTS_FILE
    return {path.as_posix(): path.read_text(encoding="utf-8-sig")}


def _in_book(found: Finding, book: Path | None) -> Finding:
    """``found`` with the contracts' file named as one finds it from here."""
    if book is None:
        return found
    shown = (book / CONTRACTS_FILE).as_posix()

    def here(where: Where) -> Where:
        return where._replace(file=shown) if where.file == CONTRACTS_FILE else where

    related = tuple(other._replace(where=here(other.where)) for other in found.related)
    return found._replace(where=here(found.where), related=related)


def _raw(name: str, texts: Mapping[str, str]) -> Raw:
    """Where the words of a policy stand that could be read."""
    tree = parse(texts[POLICY_FILE], _place(name, POLICY_FILE))
    found = compose(tree, tree.data or {}, (), POLICY_FILE, Folder(name, texts))
    assert isinstance(found, Composition), "it was read before"
    return Raw(found.tree, folder=Folder(name, texts))


def _place(name: str, inside: str) -> str:
    return f"{name}/{inside}" if name else inside


def _as_finding(found: Problem, book: Path | None = None) -> Finding:
    where = found.where
    if book is not None:
        where = where._replace(file=(book / where.file).as_posix())
    return Finding(found.code, found.severity, found.message, found.hint, where)


def _version() -> str:
    try:
        return version("klausel")
    except PackageNotFoundError:
        return ""
