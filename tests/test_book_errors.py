"""Bad books: every folder below ``cases/book-errors`` is a test of what a user is told.

A case holds the files that differ from ``_base``; ``delete.txt`` names files of the base to leave
out. ``expected.txt`` is what ``klausel preview --book . --as-of 2026-07-01`` says of the book: the
exit code; who has to wait and who is billed, where there is a preview at all; then every problem,
word by word. A new case without that file fails and shows what it would hold.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cli
from klausel.engine import bill
from klausel.model import Company, Contract, Dated, Term
from klausel.policy import Policy, load_policy
from klausel.problems import CATALOG, Problem, ProblemError, Where, problem
from klausel.terms import bind_contract
from klausel_book.reader import read_folder
from klausel_book.source import BookSource, demo_folder
from klausel_run.preview import Options, preview

CASES = Path(__file__).parent / "cases" / "book-errors"
NAMES = sorted(path.name for path in CASES.iterdir() if path.name != "_base")
POLICIES = CASES.parent / "policy-errors"
AS_OF = date(2026, 7, 1)

#: Codes that no book can show, and where they are tested instead.
ELSEWHERE = {
    # What loading a file of openings finds: tests/cases/openings-errors
    "opening-empty": "tests/test_openings.py",
    "opening-later": "tests/test_openings.py",
    "opening-not-yet-billed": "tests/test_openings.py",
    "opening-before-start": "tests/test_openings.py",
    "opening-differs": "tests/test_openings.py",
    "opening-billed": "tests/test_openings.py",
    # Links, and files by the dozen.
    "file-link-outside": "tests/test_compose.py",
    "include-deep": "tests/test_compose.py",
    "policy-too-large": "tests/test_compose.py",
    "test-doubled": "tests/test_policy_tests.py",
    "policy-numbers-many": "tests/test_policy_errors.py",
    "policy-problems-many": "tests/test_policy_errors.py",
    "option": "the command line: tests/test_cli_errors.py",
    "policy-published": "a book publishes nothing: tests/test_publishing.py, tests/odoo/",
    "product-missing": "a book has no products: tests/odoo/test_companies.py",
    "file-link-dangling": "tests/test_slips.py",
    "ledger-unlike": "bill --adjust: tests/test_evidence.py",
    "line-edited": "a book's invoices are not seen: tests/test_edited_lines.py",
    "ledger-run": "a run of Odoo's: tests/odoo/test_links.py",
    "entry-elsewhere": "other companies, and customers that are not read: tests/odoo/",
    "folder-missing": "the command line: tests/test_cli_errors.py",
    # Two equal words in YAML are "yaml-key-doubled"; only rows of an ERP can give a date twice.
    "dated-doubled": "test_dated_values_of_an_erp",
}


def laid_out(name: str, folder: Path) -> Path:
    """The book of case ``name``, in ``folder``."""
    shutil.copytree(CASES / "_base", folder, dirs_exist_ok=True)
    case = CASES / name
    for path in sorted(case.rglob("*")):
        inside = folder / path.relative_to(case)
        if path.is_dir():
            if inside.is_file():
                inside.unlink()
            inside.mkdir(exist_ok=True)
        elif path != case / "delete.txt" and path != case / "expected.txt":
            shutil.copyfile(path, inside)
    if (case / "delete.txt").exists():
        for line in (case / "delete.txt").read_text(encoding="utf-8").splitlines():
            (folder / line).unlink()
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    return folder


def said(code: int, out: str, err: str) -> str:
    """What ``expected.txt`` holds, from what a run printed."""
    if not out:
        return f"exit: {code}\n{err}"
    result = json.loads(out)
    problems = [
        Problem(
            found["code"],
            found["severity"],
            found["message"],
            found["hint"],
            Where(found["file"], found["line"], found["column"]),
        )
        for found in result["problems"]
    ]
    errors = [str(found) for found in problems if found.severity == "error"]
    assert err == "".join(f"{text}\n" for text in errors)
    billed = dict.fromkeys(draft["customer"] for draft in result["drafts"])
    head = [
        f"exit: {code}",
        f"waiting: {', '.join(result['parked']) or 'nobody'}",
        f"billed: {', '.join(billed) or 'nobody'}",
    ]
    return "".join(f"{text}\n" for text in [*head, *map(str, problems)])


@pytest.mark.parametrize("name", NAMES)
def test_bad_book(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(laid_out(name, tmp_path))
    code = cli.run(["preview", "--book", ".", "--as-of", AS_OF.isoformat(), "--format", "json"])
    found = said(code, *capsys.readouterr())
    expected = CASES / name / "expected.txt"
    assert expected.exists(), f"{expected.name} is missing; it would hold:\n{found}"
    assert found == expected.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Problem]]:
    """What every case finds, with its codes."""
    folder = tmp_path_factory.mktemp("books")
    found: dict[str, list[Problem]] = {}
    for name in NAMES:
        try:
            book = BookSource(laid_out(name, folder / name))
            found[name] = list(preview(book, Options(AS_OF)).problems)
        except ProblemError as error:
            found[name] = error.problems
    return found


def test_every_message_has_a_case(problems: dict[str, list[Problem]]) -> None:
    """What the catalog can say is said in some case, or the list above names where."""
    seen = {one.code for found in problems.values() for one in found}
    for path in POLICIES.glob("*/expected.txt"):  # which tests/test_policy_errors.py compares
        seen.update(re.findall(r"^.* error: .* \[([a-z-]+)\]$", path.read_text("utf-8"), re.M))
    print(f"{len(NAMES)} books, {len(seen)} of {len(CATALOG)} messages")
    assert seen | set(ELSEWHERE) == set(CATALOG)
    assert not seen & set(ELSEWHERE)
    assert len(NAMES) >= 200


def test_every_problem_says_where_it_is_and_what_to_write(
    problems: dict[str, list[Problem]],
) -> None:
    for name, found in problems.items():
        assert bool(found) != name.startswith("fine-")
        for one in found:
            assert one.where.file, one
            assert one.hint, one
            assert "{" not in one.message.replace("{otherwise", ""), one


def test_dated_values_of_an_erp() -> None:
    """Rows of an ERP may give one day twice; in a file that is a word that stands twice."""
    day = date(2026, 1, 1)
    price = Dated(((day, "80.00"), (day, "85.00")))
    term = Term("service", "effort", parameters={"price": price}, where=Where("terms"))
    contract = Contract("BIKE-1", "c2", "EUR", day, "care", terms=(term,), where=Where("contracts"))
    policies = read_folder(CASES / "_base").policies
    assert bind_contract(contract, policies, Company()) == [
        problem("dated-doubled", Where("terms"), "c2", name="price", date="2026-01-01")
    ]


# --- damage at random ------------------------------------------------------------------------

DEMO = {
    str(path.relative_to(demo_folder())): path.read_bytes()
    for path in sorted(demo_folder().rglob("*"))
    if path.suffix in (".csv", ".yaml")
}
DEMO["entries.csv"] = b"".join(DEMO["entries.csv"].splitlines(keepends=True)[:200])  # quicker
ODD = (
    "",
    " ",
    "-1",
    "1,5",
    "31.12.2026",
    "c1",
    "?",
    "{",
    "[",
    '"',
    "'",
    ": ",
    "- ",
    "\t",
    "\0",
    "é",
)
DAMAGE = st.tuples(
    st.sampled_from(sorted(DEMO)),
    st.sampled_from(("flip", "delete", "double", "swap", "cell", "insert", "cut")),
    st.integers(0, 2**20),
    st.integers(0, 2**20),
)


def damaged(data: bytes, how: str, first: int, second: int) -> bytes:
    """``data`` with one thing broken; the numbers say what and where."""
    if not data:
        return data
    at = first % len(data)
    odd = ODD[second % len(ODD)].encode("latin-1" if second % 7 == 0 else "utf-8")
    if how == "flip":
        return data[:at] + bytes([data[at] ^ (1 << second % 8)]) + data[at + 1 :]
    if how == "insert":
        return data[:at] + odd + data[at:]
    if how == "cut":
        return data[:at]
    lines = data.splitlines(keepends=True)
    number = first % len(lines)
    if how == "delete":
        del lines[number]
    elif how == "double":
        lines.insert(second % len(lines), lines[number])
    else:
        cells = lines[number].split(b",")
        one, other = first % len(cells), second % len(cells)
        cells[one], cells[other] = (
            (cells[other], cells[one]) if how == "swap" else (odd, cells[other])
        )
        lines[number] = b",".join(cells)
    return b"".join(lines)


def test_damage_is_a_problem_and_never_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo book, broken at random: a book that can be billed, or a list of problems."""

    @cache
    def policy_of(folder: str, files: tuple[tuple[str, str], ...]) -> Policy | list[Problem]:
        return load_policy(folder, dict(files))

    def load_once(folder: str, files: Mapping[str, str]) -> Policy | list[Problem]:
        found = policy_of(folder, tuple(files.items()))
        return list(found) if isinstance(found, list) else found

    # Most of the time goes into policies that are the same every time.
    monkeypatch.setattr("klausel.assemble.load_policy", load_once)
    counts = {"books": 0, "refused": 0}
    for name, data in DEMO.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)

    @settings(max_examples=200)
    @given(st.lists(DAMAGE, min_size=1, max_size=3))
    def check(damages: list[tuple[str, str, int, int]]) -> None:
        touched = {name: DEMO[name] for name, *_ in damages}
        for name, *rest in damages:
            touched[name] = damaged(touched[name], *rest)
        for name, data in touched.items():
            (tmp_path / name).write_bytes(data)
        try:
            bill(read_folder(tmp_path), AS_OF)
            counts["books"] += 1
        except ProblemError as error:
            assert error.problems
            assert str(error)
            counts["refused"] += 1
        finally:
            for name in touched:
                (tmp_path / name).write_bytes(DEMO[name])

    check()
    with capsys.disabled():
        print(f"\n{sum(counts.values())} damaged books: {counts}")
    assert min(counts.values()) > 10
