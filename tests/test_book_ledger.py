"""The book's ledger: appended customer by customer, all or nothing, once."""

from __future__ import annotations

import json
import os
import shutil
from datetime import date
from pathlib import Path

import pytest

import cli
from klausel.assemble import ledger_row
from klausel.model import LedgerRow
from klausel.port import Refused
from klausel_book import BookSource, read_folder
from klausel_book.source import copy_demo
from klausel_run.audit import audit
from klausel_run.bill import applications, write
from klausel_run.preview import Options, preview
from tests.ledgers import put_on_record
from tests.port_suite import SMALL

APRIL, JULY = date(2026, 4, 1), date(2026, 7, 1)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return unbilled(tmp_path / "book")


def unbilled(folder: Path) -> Path:
    """The demo book, without what it brings on record."""
    copy_demo(folder)
    (folder / "ledger.jsonl").unlink()
    return folder


def test_what_the_demo_book_has_on_record_is_what_a_bill_writes(tmp_path: Path) -> None:
    copy_demo(tmp_path / "book")
    source = BookSource(tmp_path / "book")
    assert {row.key.contract for row in source.read(JULY).ledger} == {"WEB-108"}
    assert not audit(source, JULY).differences
    looked_back = preview(source, Options(date(2026, 1, 1)))
    assert looked_back.differences == ()


def amounts(rows: tuple[LedgerRow, ...]) -> dict[str, str]:
    return {str(row.key): str(row.amount) for row in rows if row.amount is not None}


def test_bill_twice_writes_once(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["bill", "--book", str(book), "--as-of", "2026-04-01", "--yes"]
    assert cli.run(arguments) == 0
    assert "20 drafts written" in capsys.readouterr().out
    first = (book / "ledger.jsonl").read_bytes()
    assert cli.run(arguments) == 0
    assert "Nothing new to write." in capsys.readouterr().out
    assert (book / "ledger.jsonl").read_bytes() == first


def test_two_runs_put_on_record_what_one_does(book: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    unbilled(other)
    for folder, days in ((book, (APRIL, JULY)), (other, (JULY,))):
        for day in days:
            source = BookSource(folder)
            write(source, preview(source, Options(day, record=True)))
    assert amounts(read_folder(book).ledger) == amounts(read_folder(other).ledger)
    assert not audit(BookSource(book), JULY).differences


def test_asks_and_takes_no_for_an_answer(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    @cli.click.command()
    def run() -> None:
        assert cli.run(["bill", "--book", str(book), "--as-of", "2026-04-01"]) == 130

    result = CliRunner().invoke(run, input="n\n")
    assert result.exit_code == 0, result.output
    assert "Write 20 drafts to" in result.output
    assert not (book / "ledger.jsonl").exists()


def test_shows_corrections_asks_and_writes_them(tmp_path: Path) -> None:
    from click.testing import CliRunner

    book = Path(shutil.copytree(SMALL, tmp_path / "book"))

    def run(*options: str, answer: str = "") -> tuple[int, str]:
        codes: list[int] = []

        @cli.click.command()
        def command() -> None:
            codes.append(cli.run([*options, "--book", str(book), "--as-of", "2026-07-01"]))

        output = CliRunner().invoke(command, input=answer).output
        return codes[0], output

    assert run("bill", "--yes")[0] == 0
    entries = book / "entries.csv"
    text = entries.read_text(encoding="utf-8")
    entries.write_text(text.replace("e3,2026-05-06,u2,p2,,,2,", "e3,2026-05-06,u2,p2,,,1.5,"))
    before = (book / "ledger.jsonl").read_bytes()
    assert run("bill", "--yes")[1].endswith("\nNothing new to write.\n")
    assert run("audit")[0] == 1
    code, said = run("bill", "--adjust", answer="n\n")
    assert code == 130
    assert f"Write 1 draft, 1 of them corrections, to {book}? [y/N]: n" in said
    assert "correction" in said
    assert (book / "ledger.jsonl").read_bytes() == before
    code, said = run("bill", "--adjust", answer="y\n")
    assert (code, "1 draft written, 1 customer settled." in said) == (0, True), said
    code, said = run("audit")
    assert (code, said.endswith(" ledger rows compared, 0 differences\n")) == (0, True), said
    assert run("bill", "--adjust", "--yes")[1].endswith("\nNothing new to write.\n")


def test_the_same_application_again_finds_the_first(book: Path) -> None:
    source = BookSource(book)
    result = preview(source, Options(APRIL, record=True))
    application = next(iter(applications(result)))
    done = source.apply(application, result.book)
    again = source.apply(application, result.book)
    assert again == done._replace(replayed=True)
    assert len((book / "ledger.jsonl").read_text().splitlines()) == 1


def test_somebody_else_was_quicker(book: Path) -> None:
    one, other = BookSource(book), BookSource(book)
    ours = preview(one, Options(APRIL, record=True))
    theirs = preview(other, Options(JULY, record=True))
    write(other, theirs)
    report = write(one, ours)
    assert not report.applied
    assert {refusal.message for refusal in report.refused} == {
        "somebody else has billed this by now"
    }


def test_a_book_edited_since_the_preview_is_refused(book: Path) -> None:
    source = BookSource(book)
    result = preview(source, Options(APRIL, record=True))
    entries = book / "entries.csv"
    entries.write_text(entries.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(Refused, match="the book was changed since it was read"):
        source.apply(next(iter(applications(result))), result.book)
    assert not os.path.getsize(book / "ledger.jsonl")


def test_released_rows_open_their_period(book: Path) -> None:
    source = BookSource(book)
    result = preview(source, Options(APRIL, record=True))
    write(source, result)
    draft = next(draft for draft in result.drafts if draft.contract == "WEB-103")
    keys = {str(line.key) for line in draft.lines}
    path = book / "ledger.jsonl"
    released = []
    for line in path.read_text(encoding="utf-8").splitlines():
        for row in json.loads(line)["rows"]:
            period = f"{row['contract']}/{row['term']}/{row['component']}/{row['period']}"
            closing = not row.get("group") and any(key.startswith(period) for key in keys)
            if closing or f"{period}/{row.get('group', '')}" in keys:
                released.append(ledger_row({**row, "state": "released"}))
    put_on_record(book, released)
    again = preview(BookSource(book), Options(APRIL, record=True))
    assert [found.lines for found in again.drafts] == [draft.lines]
