"""Slips of those who keep a book: renamed files, years too many, points for thousands.

What a file's content says wrongly stands in ``cases/book-errors``; here is what takes links,
several folders, or a bill.
"""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

import cli
from klausel.shapes import months_hint
from klausel.tree import parse
from klausel_book.reader import LEDGER_FILE
from tests.test_book_errors import laid_out

Capture = pytest.CaptureFixture[str]
AS_OF = ("--as-of", "2026-07-01")


def ran(capsys: Capture, *arguments: str) -> tuple[int, str]:
    code = cli.run(list(arguments))
    out, err = capsys.readouterr()
    return code, out + err


def test_a_renamed_file_credits_nothing(tmp_path: Path, capsys: Capture) -> None:
    book = laid_out("fine-quoted-commas", tmp_path / "book")
    assert ran(capsys, "bill", "--book", str(book), *AS_OF, "--yes")[0] == 0
    billed = (book / LEDGER_FILE).read_bytes()
    (book / "entries.csv").rename(book / "Einträge.csv")
    code, said = ran(capsys, "bill", "--book", str(book), *AS_OF, "--yes", "--adjust")
    assert code == 2
    assert "Einträge.csv: error: its first line is that of entries.csv" in said
    assert "entries.csv: error: the file is missing, but the ledger has" in said
    (book / "Einträge.csv").unlink()
    assert ran(capsys, "bill", "--book", str(book), *AS_OF, "--yes", "--adjust")[0] == 2
    assert (book / LEDGER_FILE).read_bytes() == billed


@pytest.mark.parametrize("name", ["entries.csv", "approvals.csv", "book.yaml", LEDGER_FILE])
def test_a_link_that_leads_nowhere_is_no_absent_file(
    name: str, tmp_path: Path, capsys: Capture
) -> None:
    book = laid_out("fine-quoted-commas", tmp_path / "book")
    (book / name).unlink(missing_ok=True)
    (book / name).symlink_to(tmp_path / "moved" / name)
    code, said = ran(capsys, "preview", "--book", str(book), *AS_OF)
    assert code == 2
    assert f"{name}: error: this is a link to something that is not there" in said
    assert "put the file itself here, or remove the link" in said


def test_a_link_in_a_policy_that_leads_nowhere(tmp_path: Path, capsys: Capture) -> None:
    book = laid_out("fine-quoted-commas", tmp_path / "book")
    (book / "policies" / "care" / "more.yaml").symlink_to("gone.yaml")
    code, said = ran(capsys, "preview", "--book", str(book), *AS_OF)
    assert code == 2
    assert "policies/care/more.yaml: error: this is a link to something that is not there" in said


def test_years_ahead_are_asked_for(tmp_path: Path, capsys: Capture) -> None:
    book = str(laid_out("fine-quoted-commas", tmp_path / "book"))
    ledger = tmp_path / "book" / LEDGER_FILE
    far = (date.today() + timedelta(days=400)).isoformat()  # noqa: DTZ011
    for command in ("preview", "activity", "audit", "explain"):
        code, said = ran(
            capsys, command, "--book", book, "--as-of", far, *["held"][: command == "explain"]
        )
        assert (code, f"{far} is more than a year ahead; add --ahead" in said) == (2, True), command
    assert ran(capsys, "bill", "--book", book, "--as-of", far, "--yes")[0] == 2
    assert not ledger.exists()
    assert ran(capsys, "preview", "--book", book, "--ahead", "--as-of", far)[0] == 0
    assert (
        ran(capsys, "bill", "--book", book, "--as-of", far, "--yes", "--ahead", "--backlog")[0] == 0
    )
    assert ledger.exists()


@pytest.mark.parametrize("day", ["9999-12-31", "2200-01-01", "0001-01-01"])
def test_a_day_that_nobody_means(day: str, tmp_path: Path, capsys: Capture) -> None:
    book = str(laid_out("fine-quoted-commas", tmp_path / "book"))
    code, said = ran(capsys, "preview", "--book", book, "--as-of", day, "--ahead")
    assert code == 2
    assert f"{day} cannot be meant; write a day" in said


def test_a_bill_that_reaches_far_back_is_asked_for(tmp_path: Path, capsys: Capture) -> None:
    book = laid_out("backlog", tmp_path / "book")
    code, said = ran(capsys, "bill", "--book", str(book), *AS_OF, "--yes")
    assert code == 1
    assert "31 periods of BAKE-1/fee from 2024-01-01 on would be billed at once: 1550.00" in said
    ledger = (book / LEDGER_FILE).read_text(encoding="utf-8")
    assert "BIKE-1" in ledger, "the others are billed"
    assert "BAKE-1" not in ledger
    code, said = ran(capsys, "bill", "--book", str(book), *AS_OF, "--yes", "--backlog")
    assert code == 0
    assert "BAKE-1" in (book / LEDGER_FILE).read_text(encoding="utf-8")
    assert ran(capsys, "bill", "--book", str(book), *AS_OF, "--yes")[0] == 0, "once is enough"


def test_a_year_that_is_billed_as_a_year_is_none(tmp_path: Path, capsys: Capture) -> None:
    """Two periods, however long, and months up to a year are usual."""
    book = laid_out("backlog", tmp_path / "book")
    contracts = book / "contracts.yaml"
    text = contracts.read_text(encoding="utf-8")
    contracts.write_text(text.replace("2024-01-01", "2025-07-01"), encoding="utf-8")
    code, said = ran(capsys, "preview", "--book", str(book), *AS_OF)
    assert (code, "at once" in said) == (0, False)
    contracts.write_text(text.replace("2024-01-01", "2025-06-30"), encoding="utf-8")
    assert "14 periods of BAKE-1/fee from 2025-06-30 on" in ran(
        capsys, "preview", "--book", str(book), *AS_OF
    )[1].replace("\n", " ")


def test_diff_of_two_books_says_what_it_leaves_out(tmp_path: Path, capsys: Capture) -> None:
    old = laid_out("fine-quoted-commas", tmp_path / "old")
    new = tmp_path / "new"
    shutil.copytree(old, new)
    same = ran(capsys, "diff", str(old), str(new), "--book", str(old), *AS_OF)
    assert same[0] == 0
    assert "Nothing changes: " in same[1]
    assert "Not compared" not in same[1]
    contracts = new / "contracts.yaml"
    text = contracts.read_text(encoding="utf-8")
    contracts.write_text(text.replace("90.00", "99.00"), encoding="utf-8")
    (new / "approvals.csv").write_text("id,contract,tickets,state\n", encoding="utf-8")
    code, said = ran(capsys, "diff", str(old), str(new), "--book", str(old), *AS_OF)
    assert code == 0
    words = " ".join(said.split())
    assert "Not compared: the two folders also differ in contracts.yaml, approvals.csv." in words
    assert "Nothing changes by the policies: " in words
    failing = ran(
        capsys, "diff", str(old), str(new), "--book", str(old), *AS_OF, "--fail-on-change"
    )
    assert failing[0] == 1


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("quarter", "3 months"), ("3 Monate", "3 months"), ("1 year", "12 months"),
        ("2 years", "24 months"), ("half-year", "6 months"), ("Halbjahr", "6 months"),
        ("1 maand", "1 month"), ("6", "6 months"), ("monthly", "1 month"),
        ("jährlich", "12 months"), ("kwartaal", "3 months"), ("now and then", "12 months"),
        ("", "12 months"), ("0", "12 months"), ("99999", "12 months"),
    ],
)  # fmt: skip
def test_hints_are_made_of_what_was_written(written: str, hint: str) -> None:
    assert months_hint(written) == hint


def test_what_lies_beside_the_policies_does_not_stop_a_check(
    tmp_path: Path, capsys: Capture
) -> None:
    book = laid_out("policy-folders-beside", tmp_path / "book")
    (book / "policies" / ".git").mkdir()
    (book / "policies" / ".git" / "policy.yaml").write_text("nothing", encoding="utf-8")
    code, said = ran(capsys, "check", "--book", str(book), *AS_OF)
    assert code == 2  # one of the policies cannot be read
    assert f"{book}/policies/broken/policy.yaml:16:7: error" in said
    assert f"{book}/policies/drafts: info: this folder has no policy.yaml" in said
    assert f"{book}/policies/care/policy.yaml:" in said  # the others are looked at
    assert ".git" not in said
    shutil.rmtree(book / "policies" / "broken")
    code, said = ran(capsys, "check", "--book", str(book), *AS_OF)
    assert code == 0, said


def test_a_folder_that_may_not_be_looked_into(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its customers wait, the others do not; root may look everywhere, so it is told otherwise."""
    book = laid_out("policy-of-one-customer-broken", tmp_path / "book")
    shut, look = book / "policies" / "shop", Path.iterdir

    def refused(path: Path) -> object:
        if path == shut:
            raise PermissionError(13, "Permission denied")
        return look(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    code, said = ran(capsys, "bill", "--book", str(book), *AS_OF, "--yes")
    assert code == 2
    assert "policies/shop: error: the folder cannot be read: permission denied" in said
    assert "BAKE-1" in (book / LEDGER_FILE).read_text("utf-8")
    assert "BIKE-1" not in (book / LEDGER_FILE).read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "left", "lost"),
    [
        ("de: Ticket #5 nach Zeit", "Ticket", "#5 nach Zeit"),
        ("- Kd.-Nr. #12", "Kd.-Nr.", "#12"),
        ("a: 10 #per hour", "10", "#per hour"),
        ("a:\tx\t#7", "x", "#7"),
        ('a: so "b" #1 \\ c', 'so "b"', "#1 \\ c"),
        ("a: x\n  y #3", "x y", "#3"),
    ],
)
def test_text_behind_a_number_sign_is_not_lost_silently(text: str, left: str, lost: str) -> None:
    tree = parse(text, "f")
    assert (next(iter(tree.data.values())) if isinstance(tree.data, dict) else tree.data[0]) == left
    (found,) = tree.doubts
    assert found.message == f'"{lost}" is left out: a # behind a space begins a comment'
    # What the advice says to write is the whole text.
    written = found.hint.removeprefix("put it in double quotes: ").partition("; if it is")[0]
    again = parse(f"a: {written}", "f")
    assert not again.doubts
    assert again.data == {"a": f"{left} {lost}"}


@pytest.mark.parametrize(
    "text", ["a: 10  # per hour", "a: b#5", "#c\na: b", 'a: "x #5"', "a: |\n  x #5"]
)
def test_comments_and_other_number_signs_are_fine(text: str) -> None:
    assert not parse(text, "f").doubts
