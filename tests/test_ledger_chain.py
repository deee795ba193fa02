"""The ledger of a book as evidence (semantics 14, "Evidence"): what is changed in it is found."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import cli
from tests.port_suite import SMALL

OLD = Path(__file__).parent / "golden" / "ledger-without-checksums.jsonl"
Said = tuple[int, str]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SMALL, tmp_path / "book"))


@pytest.fixture
def klausel(book: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs a command on the book: exit code, and all that it says."""

    def run(command: str, *options: str, day: str = "2026-07-01") -> Said:
        code = cli.run([command, "--book", str(book), "--as-of", day, *options])
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.fixture
def billed(book: Path, klausel: Callable[..., Said]) -> Path:
    """The ledger of two months and two customers: four lines."""
    for day in ("2026-06-01", "2026-07-01"):
        assert klausel("bill", "--yes", day=day)[0] == 0
    path = book / "ledger.jsonl"
    assert len(path.read_bytes().splitlines()) == 4
    return path


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def edited(path: Path, change: Callable[[list[str]], object]) -> None:
    found = lines(path)
    change(found)
    path.write_text("".join(found), encoding="utf-8")


def test_a_last_line_without_its_line_end_is_a_fact(
    book: Path, klausel: Callable[..., Said]
) -> None:
    """It was written over when the next customer was billed, and its customer billed again."""
    assert "1 customer settled" in klausel("bill", "--yes", "--customer", "c1")[1]
    path = book / "ledger.jsonl"
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert "1 customer settled" in klausel("bill", "--yes", "--customer", "c2")[1]
    assert klausel("bill", "--yes")[1].endswith("\nNothing new to write.\n")
    assert klausel("audit")[0] == 0
    assert len(lines(path)) == 2


def _edit(found: list[str]) -> None:
    assert '"amount": "' in found[0]
    found[0] = found[0].replace('"amount": "', '"amount": "9', 1)


def _without_a_row(found: list[str]) -> None:
    data = json.loads(found[0])
    row = next(number for number, row in enumerate(data["rows"]) if row.get("entry") == "e1")
    text = json.dumps(data["rows"][row], ensure_ascii=False)
    assert f", {text}" in found[0]
    found[0] = found[0].replace(f", {text}", "")


def _swap(found: list[str]) -> None:
    found[1], found[2] = found[2], found[1]


def _without_checksum(found: list[str]) -> None:
    data = json.loads(found[2])
    data.pop("checksum", None)
    found[2] = json.dumps(data) + "\n"


DAMAGES: dict[str, tuple[Callable[[list[str]], object], str]] = {
    "an amount edited": (_edit, "1: the checksum does not fit"),
    "a row removed": (_without_a_row, "1: the checksum does not fit"),
    "a line removed": (lambda found: found.pop(1), "2: the checksum does not fit"),
    "the first line removed": (lambda found: found.pop(0), "1: the checksum does not fit"),
    "the last line removed": (lambda found: found.pop(), "3: the ledger has 3 lines, and 4"),
    "all lines removed": (lambda found: found.clear(), ": the ledger has 0 lines, and 4"),
    "lines swapped": (_swap, "2: the checksum does not fit"),
    "a line twice": (lambda found: found.append(found[0]), "5: the checksum does not fit"),
    "a checksum removed": (_without_checksum, "3: this line has no checksum"),
    "a line put in": (
        lambda found: found.insert(1, OLD.read_text(encoding="utf-8").splitlines(True)[1]),
        "2: this line has no checksum",
    ),
    "the last line cut off": (
        lambda found: found.append(found.pop()[:-20]), "3: the ledger has 3 lines, and 4",
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_first_broken_link_is_named_and_nothing_is_billed(
    damage: str, book: Path, billed: Path, klausel: Callable[..., Said]
) -> None:
    change, said = DAMAGES[damage]
    entries = book / "entries.csv"
    edited(billed, change)
    entries.write_text(
        entries.read_text("utf-8").replace("e3,2026-05-06,u2,p2,,,2,", "e3,2026-05-06,u2,p2,,,3,")
    )
    before = billed.read_bytes()
    for command in (["preview"], ["bill", "--yes"], ["bill", "--adjust", "--yes"]):
        code, told = klausel(*command)
        assert code == 2
        place, what = said.rsplit(": ", 1)
        assert f"ledger.jsonl:{place}: error: {what}".replace("::", ":") in told
        assert "seal what stands there now: klausel audit --repair" in told
    code, told = klausel("audit")
    assert code == 1
    assert told.startswith(f"broken link: ledger.jsonl:{said}".replace("::", ":"))
    assert billed.read_bytes() == before


def test_a_ledger_that_is_gone_is_not_an_empty_one(
    billed: Path, klausel: Callable[..., Said]
) -> None:
    billed.unlink()
    code, told = klausel("bill", "--yes")
    assert (code, "the ledger has 0 lines, and 4 were written" in told) == (2, True)
    assert not billed.exists()


def test_a_damaged_ledger_is_sealed_and_billed_on(
    book: Path, billed: Path, klausel: Callable[..., Said]
) -> None:
    edited(billed, lambda found: found.pop(1))
    assert klausel("audit", "--repair") == (
        2,
        "--repair: error: --repair needs to know what happened\n"
        '    add it: --why "what happened"\n',
    )
    assert len(lines(billed)) == 3
    code, told = klausel("audit", "--repair", "--yes", "--why", "merged by hand")
    assert code == 0
    assert "ledger.jsonl:2: error: the checksum does not fit" in told
    assert "Sealed. When, by whom and why is on record in the ledger." in told
    record = json.loads(lines(billed)[3])["repair"]
    assert record["why"] == "merged by hand"
    assert record["by"]
    assert record["found"].startswith("ledger.jsonl:2: the checksum does not fit")
    assert record["on"][:10] in klausel("audit")[1]
    assert "(merged by hand): ledger.jsonl:2: the checksum does not fit" in klausel("audit")[1]
    # What was on the line that is gone is billed, and the links hold from there on.
    assert "1 customer settled." in klausel("bill", "--yes")[1]
    assert klausel("audit")[0] == 0
    edited(billed, _edit)
    assert klausel("audit")[1].startswith("broken link: ledger.jsonl:1: ")
    assert klausel("bill", "--yes")[0] == 2


def test_what_was_cut_off_stays_in_the_record_of_the_repair(
    billed: Path, klausel: Callable[..., Said]
) -> None:
    text = billed.read_bytes()
    billed.write_bytes(text[:-20])
    assert klausel("audit", "--repair", "--yes", "--why", "disk full")[0] == 0
    assert json.loads(lines(billed)[-1])["repair"]["remains"] == lines_of(text)[-1][:-20]
    assert "1 customer settled." in klausel("bill", "--yes")[1]


def lines_of(text: bytes) -> list[str]:
    return text.decode().splitlines(keepends=True)


def test_there_is_nothing_to_repair(billed: Path, klausel: Callable[..., Said]) -> None:
    before = billed.read_bytes()
    code, told = klausel("audit", "--repair", "--yes", "--why", "who knows")
    assert code == 0
    assert told.startswith("The links of the ledger hold: there is nothing to seal.\n")
    assert billed.read_bytes() == before


def test_a_line_that_is_none_cannot_be_sealed(billed: Path, klausel: Callable[..., Said]) -> None:
    edited(billed, lambda found: found.insert(1, "what is this\n"))
    code, told = klausel("audit", "--repair", "--yes", "--why", "who knows")
    assert (code, "ledger.jsonl:2: error: this is not a ledger row" in told) == (2, True)


def test_a_ledger_of_before_there_were_checksums(book: Path, klausel: Callable[..., Said]) -> None:
    path = book / "ledger.jsonl"
    shutil.copy(OLD, path)
    code, told = klausel("audit", day="2026-06-01")
    assert (code, told) == (0, "27 ledger rows compared, 0 differences\n")
    assert klausel("bill", "--yes", day="2026-06-01")[1].endswith("Nothing new to write.\n")
    assert path.read_bytes() == OLD.read_bytes()
    assert klausel("bill", "--yes")[0] == 0
    assert path.read_bytes().startswith(OLD.read_bytes())
    assert klausel("audit")[0] == 0
    # The first line that has a checksum covers those before it.
    path.write_text(path.read_text("utf-8").replace('"amount": "50.00"', '"amount": "5.00"', 1))
    assert klausel("audit")[1].startswith("broken link: ledger.jsonl:5: ")


def test_an_old_last_line_that_is_cut_off_stops_billing(
    book: Path, klausel: Callable[..., Said]
) -> None:
    path = book / "ledger.jsonl"
    path.write_bytes(OLD.read_bytes()[:-20])
    code, told = klausel("bill", "--yes")
    assert (code, "ledger.jsonl:4: error: the last line is cut off" in told) == (2, True)
    assert path.read_bytes() == OLD.read_bytes()[:-20]


def test_what_a_crash_left_is_said_and_written_over(
    book: Path, klausel: Callable[..., Said]
) -> None:
    """Nobody was told of it: the seal is older."""
    path, seal = book / "ledger.jsonl", book / "ledger.seal"
    assert klausel("bill", "--yes", "--customer", "c1")[0] == 0
    before = seal.read_bytes()
    assert klausel("bill", "--yes", "--customer", "c2")[0] == 0
    path.write_bytes(path.read_bytes()[:-20])
    seal.write_bytes(before)
    code, told = klausel("preview")
    assert code == 0
    assert "ledger.jsonl:2: warning: the last line is cut off: a run broke off" in told
    assert "1 customer settled." in klausel("bill", "--yes")[1]
    assert klausel("audit")[0] == 0
    assert len(lines(path)) == 2


def test_a_snapshot_is_chained_too(
    book: Path, billed: Path, klausel: Callable[..., Said], tmp_path: Path
) -> None:
    assert klausel("snapshot", str(tmp_path / "copy"))[0] == 0
    copy = tmp_path / "copy" / "ledger.jsonl"
    assert cli.run(["audit", "--book", str(tmp_path / "copy"), "--as-of", "2026-07-01"]) == 0
    edited(copy, _edit_any)
    assert cli.run(["bill", "--book", str(tmp_path / "copy"), "--as-of", "2026-07-01"]) == 2


def _edit_any(found: list[str]) -> None:
    number = next(n for n, line in enumerate(found) if '"amount": "50.00"' in line)
    found[number] = found[number].replace('"amount": "50.00"', '"amount": "5.00"')


def test_a_run_reads_what_is_on_record_once(
    book: Path, klausel: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not again for each customer; somebody else's lines are added to it."""
    from datetime import date

    from klausel_book import BookSource
    from klausel_run.bill import applications
    from klausel_run.preview import Options, preview

    for day in ("2026-04-01", "2026-05-01"):
        klausel("bill", "--yes", day=day)
    ours, theirs = BookSource(book), BookSource(book)
    options = Options(date(2026, 7, 1), record=True)
    todo = list(applications(preview(ours, options)))
    size = os.path.getsize(book / "ledger.jsonl")
    assert len(todo) == 2
    other = next(iter(applications(preview(theirs, options))))
    theirs.apply(other, preview(theirs, options).book)
    appended = os.path.getsize(book / "ledger.jsonl") - size
    result = preview(BookSource(book), options)
    assert ours.apply(todo[0], result.book).replayed
    assert ours.apply(todo[1], result.book).replayed is False
    stored = ours._ledger
    assert stored is not None
    assert stored.parsed == size + appended


def test_an_audit_says_what_it_did_not_compare(
    book: Path, billed: Path, klausel: Callable[..., Said]
) -> None:
    """Parked customers, and contracts that are gone: they used to be 0 differences."""
    path = book / "contracts.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("code: BIKE-1", "code: BIKE-2"), encoding="utf-8")
    code, told = klausel("audit")
    assert code == 0
    assert "contract BIKE-1 is not there any more: 9 rows of it not compared\n" in told
    path.write_text(text.replace("plan: effort\n", "plan: efort\n"), encoding="utf-8")
    code, told = klausel("audit")
    assert code == 2
    assert "not compared, it waits for this: contracts.yaml:" in told
