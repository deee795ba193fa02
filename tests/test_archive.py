"""Activity records made again from the ledger: the same ones, for any invoice or period."""

from __future__ import annotations

import json
import random
from datetime import date
from pathlib import Path

import pytest

import cli
from klausel import archive
from klausel.activity import records
from klausel.archive import archived, of_rows, restored
from klausel.formats.activity import FORMATS, render
from klausel.port import Kept, Wanted
from klausel.scenario import play, read_scenario
from klausel_book import BookSource, read_folder
from klausel_book.source import copy_demo
from tests.counts import count
from tests.killing import BOOK, PAGES, klausel
from tests.test_book_kills import on_record
from tests.test_cases import SCENARIOS, name

Capture = pytest.CaptureFixture[str]


def test_what_is_kept_is_what_was_given_out() -> None:
    for path in SCENARIOS:
        runs, _ = play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
        for run in runs:
            for found in records(run.result) if run.result is not None else ():
                again = restored(archived(found))
                for format_ in FORMATS:
                    assert render([again], format_) == render([found], format_), path
                count("activity records of cases that are kept and restored")


@pytest.mark.parametrize("text", ["", "?", "e30=", "eJyrrgUAAXUA+Q==", "eJyLjgUAARUAuQ=="])
def test_what_is_no_record_is_said(text: str) -> None:
    with pytest.raises(ValueError):
        restored(text)


def test_what_was_billed_again_has_the_later_record() -> None:
    path = next(path for path in SCENARIOS if name(path) == "time/seconds-first")
    runs, _ = play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
    (first,) = (one for run in runs if run.result for one in records(run.result))
    on = {str(line.key): "INV/1" for line in first.records[0].draft.lines}
    kept = [Kept(archived(one), on) for one in (first, first._replace(company="Later"))]
    assert [(one.company, invoice) for one, invoice in archive.found(kept, Wanted())] == [
        ("Later", "INV/1")
    ]
    assert archive.found([Kept(kept[0].text, {})], Wanted()) == [], (
        "it stands on no invoice any more"
    )


def test_a_contract_that_is_called_otherwise_now_keeps_its_records() -> None:
    """Also where another one has taken its name since, and has records of its own."""
    path = next(path for path in SCENARIOS if name(path) == "time/seconds-first")
    runs, _ = play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
    (first,) = (one for run in runs if run.result for one in records(run.result))
    then = [line.key for line in first.records[0].draft.lines]
    now = [key._replace(contract="NEW") for key in then]
    on = {str(key): "INV/1" for key in now} | {str(key): "INV/2" for key in then}
    kept = [
        Kept(archived(first), on, now),
        Kept(archived(first._replace(company="Another")), on, then),
    ]
    assert [(one.company, invoice) for one, invoice in archive.found(kept, Wanted())] == [
        (first.company, "INV/1"), ("Another", "INV/2"),
    ]  # fmt: skip
    only = Wanted(invoices=["INV/1"])
    assert [one.company for one, _ in archive.found(kept, only)] == [first.company]
    # No line of it is on the invoice of another contract's.
    other = Kept(archived(first), on, [key._replace(term="other") for key in now])
    assert [invoice for _, invoice in archive.found([other], Wanted())] == ["INV/2"]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    copy_demo(tmp_path / "book")
    return tmp_path / "book"


def ran(capsys: Capture, *arguments: str | Path) -> str:
    code = cli.run([str(one) for one in arguments])
    out, err = capsys.readouterr()
    assert code == 0, out + err
    return out


def pages(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_pages_are_made_again(book: Path, capsys: Capture, tmp_path: Path) -> None:
    """Whatever has become of timesheets, texts and names since."""
    said = ran(
        capsys,
        "bill",
        "--book",
        book,
        "--as-of",
        "2026-07-01",
        "--yes",
        "--records",
        tmp_path / "a",
    )
    assert said.count(".html") == len(pages(tmp_path / "a")) > 10
    entries = book / "entries.csv"
    rows = entries.read_text(encoding="utf-8").splitlines(keepends=True)
    entries.write_text("".join(rows[:1] + rows[50:]), encoding="utf-8")
    (book / "employees.csv").write_text(
        "id,name\n"
        + "".join(
            f"{line.split(',')[0]},Somebody else\n"
            for line in (book / "employees.csv").read_text(encoding="utf-8").splitlines()[1:]
        ),
        encoding="utf-8",
    )
    again = ("activity", "--book", book, "--as-of", "2026-07-01", "--from", "2020-01-01")
    ran(capsys, *again, "--format", "html", "--output", tmp_path / "b")
    given, made = pages(tmp_path / "a"), pages(tmp_path / "b")
    assert {name: text for name, text in made.items() if name in given} == given
    # The demo's ledger has invoices of before records were kept: these are made of its rows.
    assert len(made) > len(given)


def test_one_invoice_a_period_a_customer(book: Path, capsys: Capture) -> None:
    ran(capsys, "bill", "--book", book, "--as-of", "2026-07-01", "--yes")
    lines = [
        row for row in read_folder(book).ledger if row.document and row.key.component == "time"
    ]
    wanted = lines[-1].document
    base = ("activity", "--book", book, "--as-of", "2026-07-01")
    data = ran(capsys, *base, "--invoice", wanted, "--format", "csv").splitlines()
    assert {line.split(",")[2] for line in data[1:]} == {wanted}
    text = ran(capsys, *base, "--invoice", wanted)
    assert lines[-1].key.contract in text
    none = ran(capsys, *base, "--from", "2030-01-01")
    assert none == "No invoice on record is of these days.\n"
    code = cli.run([*map(str, base), "--invoice", wanted + "x"])
    assert code == 2
    assert f'there is no invoice "{wanted}x" with a record' in capsys.readouterr().err
    assert cli.run([*map(str, base), "--invoice", wanted, "--employees", "role"]) == 2
    assert "names people as it was given out" in capsys.readouterr().err


def test_an_old_ledger_gives_records_of_its_rows(book: Path, capsys: Capture) -> None:
    """Time of lines to the second, and what was free with the first invoice after it."""
    ran(capsys, "bill", "--book", book, "--as-of", "2026-07-01", "--yes")
    ledger = book / "ledger.jsonl"
    rows = [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row.pop("record", None)
        row.pop("checksum", None)
    ledger.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (book / "ledger.seal").unlink()
    facts = BookSource(book).read(date(2026, 7, 1))
    found = of_rows(facts, (), Wanted())
    shown: dict[str, int] = {}
    for customer, _ in found:
        for record in customer.records:
            for section in record.of("billed"):
                assert section.line is not None
                shown[str(section.line.key)] = section.rounded
    expected: dict[str, int] = {}
    lines = {row.key for row in facts.ledger if row.amount is not None}
    for row in facts.ledger:
        if row.entry and row.key in lines and row.state == "live":
            expected[str(row.key)] = expected.get(str(row.key), 0) + row.rounded
    assert shown == expected
    assert len(shown) > 10
    free = [row.entry for c, _ in found for r in c.records for s in r.of("free") for row in s.rows]
    assert len(free) == len(set(free)) > 10
    for one, _ in found:
        for format_ in FORMATS:
            assert render([one], format_)


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_billed(
    book: Path, capsys: Capture, tmp_path: Path
) -> None:
    before = (book / "ledger.jsonl").read_bytes()
    (tmp_path / "file").write_text("no folder")
    code = cli.run(
        ["bill", "--book", str(book), "--as-of", "2026-07-01", "--yes", "--records",
         str(tmp_path / "file")]
    )  # fmt: skip
    assert code == 2
    assert "the folder cannot be made: file exists" in capsys.readouterr().err
    assert (book / "ledger.jsonl").read_bytes() == before


def test_pages_that_fail_can_be_made_again(
    book: Path, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that is full after the third page."""
    from klausel_run import activity

    write, written = activity.write_whole, []

    def full(path: Path, text: str) -> None:
        written.append(path)
        target = path if len(written) < 3 else tmp_path / "gone" / path.name
        write(target, text)

    monkeypatch.setattr(activity, "write_whole", full)
    bill = ["bill", "--book", str(book), "--as-of", "2026-07-01", "--yes", "--records"]
    assert cli.run([*bill, str(tmp_path / "a")]) == 2
    out, err = capsys.readouterr()
    assert "Everything above is billed and on record; not all of its pages were written." in out
    assert "make them again at any time: klausel activity --invoice ..." in err
    monkeypatch.undo()
    assert len(pages(tmp_path / "a")) == 2
    ran(
        capsys, "activity", "--book", book, "--as-of", "2026-07-01", "--from", "2020-01-01",
        "--format", "html", "--output", tmp_path / "a",
    )  # fmt: skip
    assert len(pages(tmp_path / "a")) > 10


KILLS = 100


def test_killed_a_hundred_times_every_record_can_be_made(tmp_path: Path, capsys: Capture) -> None:
    """Ledger and records are those of a run that nobody killed."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)

    def bill(folder: Path) -> list[str]:
        return [
            "bill", "--book", str(folder / "book"), "--as-of", "2026-07-01", "--yes", "--records",
            str(folder / "pages"),
        ]  # fmt: skip

    def made(folder: Path) -> dict[str, str]:
        ran(
            capsys, "activity", "--book", folder / "book", "--as-of", "2026-07-01",
            "--from", "2020-01-01", "--format", "html", "--output", folder / "again",
        )  # fmt: skip
        return pages(folder / "again")

    kills = 0
    with klausel() as program:
        whole = tmp_path / "whole"
        copy_demo(whole / "book")
        assert program.run(bill(whole)).code == 0
        expected, ledger = made(whole), on_record(whole / "book")
        for number in range(KILLS):
            folder = tmp_path / f"book-{number}"
            copy_demo(folder / "book")
            while kills < KILLS:
                step = chance.choice((*BOOK, *PAGES))
                end = program.run(bill(folder), step, chance.randint(1, 4))
                if not end.killed:
                    break  # there was not so much left to do
                kills += 1
                count("kills of a bill with activity records")
            assert program.run(bill(folder)).code == 0
            assert on_record(folder / "book") == ledger
            assert made(folder) == expected
            if kills == KILLS:
                return
