"""Bad books: every folder below ``cases/book-errors`` is a test of what a user is told.

A case holds the files that differ from ``_base``; ``delete.txt`` names files of the base to leave
out. ``expected.txt`` is what ``klausel preview --book . --as-of 2026-07-01`` says of the book: the
exit code; who has to wait and who is billed, where there is a preview at all; then every problem,
word by word. A new case without that file fails and shows what it would hold.
"""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cli
from klausel.engine import bill
from klausel.model import Book
from klausel.problems import CATALOG, Problem, ProblemError, Where
from klausel_book.reader import read_folder
from klausel_book.source import BookSource, demo_folder
from klausel_run.preview import Options, preview

CASES = Path(__file__).parent / "cases" / "book-errors"
NAMES = sorted(path.name for path in CASES.iterdir() if path.name != "_base")
AS_OF = date(2026, 7, 1)

#: Codes that no book can show, and where they are tested instead.
ELSEWHERE = {
    "option": "the command line: tests/test_cli_errors.py",
    "folder-missing": "the command line: tests/test_cli_errors.py",
    # Two equal words in YAML are "yaml-key-doubled"; only rows of an ERP can give a date twice.
    "dated-doubled": "test_dated_values_of_an_erp",
}


def laid_out(name: str, folder: Path) -> Path:
    """The book of case ``name`` in ``folder``."""
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
    return folder


def said(code: int, out: str, err: str) -> str:
    """What ``expected.txt`` holds, from what a run printed."""
    if not out:
        return f"exit: {code}\n{err}"
    result = json.loads(out)
    problems = [
        (
            Problem(
                found["code"],
                found["severity"],
                found["message"],
                found["hint"],
                Where(found["file"], found["line"], found["column"]),
            )
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
    assert "Traceback" not in found
    assert "{" not in CASES.name
    expected = CASES / name / "expected.txt"
    assert expected.exists(), f"{expected.name} is missing; it would hold:\n{found}"
    assert found == expected.read_text(encoding="utf-8")


def problems_of(folder: Path) -> list[Problem]:
    try:
        return list(preview(BookSource(folder), Options(AS_OF)).problems)
    except ProblemError as error:
        return error.problems


def test_every_message_has_a_case(tmp_path: Path) -> None:
    """What the catalog can say is said in some case, or the list above names where."""
    seen = {
        found.code for name in NAMES for found in problems_of(laid_out(name, tmp_path / name))
    }
    print(f"{len(NAMES)} bad books, {len(seen)} of {len(CATALOG)} messages")
    assert seen | set(ELSEWHERE) == set(CATALOG)
    assert not seen & set(ELSEWHERE)
    assert len(NAMES) >= 60


def test_every_error_says_what_to_write(tmp_path: Path) -> None:
    for name in NAMES:
        for found in problems_of(laid_out(name, tmp_path / name)):
            assert found.hint, found
            assert found.where.file, found
