"""``klausel openings`` on a book: what it refuses, what it writes, what is billed after it.

Every file below ``cases/openings-errors`` is a command that fails, in a folder with a book
(``book``) and the ``files`` of the case; ``stderr`` is all that is said, word by word.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import cli
from klausel.model import Opening
from klausel.port import OpeningChange, Refused
from klausel.problems import CATALOG, ErpError
from klausel.result import Result
from klausel.tree import parse
from klausel_book import BookSource
from klausel_book.openings_file import changed
from klausel_run.bill import write
from klausel_run.preview import Options, preview

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in (CASES / "openings-errors").glob("*.yaml"))
JULY = date(2026, 7, 1)
HEADER = "contract,term,lot,date,hours,price,valid_until,billed_until\n"

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CASES / "book-errors" / "_base", tmp_path / "book")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(*more: str, as_of: str = "2026-07-01") -> list[str]:
    return ["openings", "--book", "book", "--from", "go.csv", "--as-of", as_of, *more]


def load(rows: str, *more: str, as_of: str = "2026-07-01") -> int:
    Path("go.csv").write_text(HEADER + rows, encoding="utf-8")
    return cli.run(command(*more, as_of=as_of))


def bill(as_of: date = JULY) -> Result:
    """Bills the book; what was billed."""
    source = BookSource(Path("book"))
    result = preview(source, Options(as_of, record=True))
    write(source, result)
    return result


def lines(result: Result, term: str) -> list[tuple[date, date, str]]:
    return [
        (line.first, line.last, str(line.amount))
        for draft in result.drafts
        for line in draft.lines
        if f"{line.key.contract}/{line.key.term}" == term
    ]


def append(name: str, line: str) -> None:
    path = Path("book") / name
    path.write_text(path.read_text(encoding="utf-8") + line, encoding="utf-8")


# --- what it refuses


@pytest.mark.parametrize("name", NAMES)
def test_mistake(name: str, place: Path, capsys: Capture) -> None:
    text = (CASES / "openings-errors" / f"{name}.yaml").read_text(encoding="utf-8")
    case = parse(text, name).data
    assert set(case) == {"args", "exit", "files", "stderr"}
    for file, content in case["files"].items():
        (place / file).write_text(content, encoding="utf-8")
    before = contents(place)
    assert cli.run(case["args"]) == int(case["exit"])
    assert capsys.readouterr() == ("", case["stderr"])
    assert contents(place) == before


def test_every_message_about_openings_has_a_case() -> None:
    said = "\n".join(
        (CASES / "openings-errors" / f"{name}.yaml").read_text(encoding="utf-8") for name in NAMES
    )
    # Below, a preview's, and those of a whole book: cases/book-errors.
    elsewhere = ("opening-billed", "opening-ahead", "opening-lot-purchased", "opening-lot-ours")
    codes = [code for code in CATALOG if code.startswith("opening-") and code not in elsewhere]
    assert len(codes) == 8
    for code in codes:
        assert CATALOG[code].hint.split("{")[0].split("; ")[0] in said, code


def test_a_term_that_was_billed_is_refused(place: Path, capsys: Capture) -> None:
    bill(date(2026, 6, 1))
    before = contents(place / "book")
    assert load("BIKE-1,service,,2026-05-31,,,,2026-03-31\n", "--yes") == 2
    assert capsys.readouterr().err == (
        "go.csv:2: error: Klausel has billed BIKE-1/service already, first the period from"
        " 2026-01-01\n    an opening is loaded before the first bill: leave this row out, or"
        " cancel what was billed\n"
    )
    assert contents(place / "book") == before


def test_an_opening_that_is_there_may_stay_where_the_term_was_billed(
    place: Path, capsys: Capture
) -> None:
    assert load("BIKE-1,service,,2026-03-31,,,,2026-03-31\n", "--yes") == 0
    bill()
    capsys.readouterr()
    assert load("BIKE-1,service,,2026-03-31,,,,2026-03-31\n", "--yes") == 0
    assert capsys.readouterr().out.endswith("Nothing to load.\n")


# --- what it shows and writes

SHOWN = """\
Openings in go.csv for book, as of 2026-07-01

  contract  term     date        hours  price  valid_until  billed_until
  BAKE-1    fee      2026-06-30                             2026-12-31    there already
  BAKE-1    service  2026-05-31   -1.5                      2026-05-31    new
  BIKE-1    service  2026-05-04      2   85.5  2026-12-31   2026-05-04    \
replaces the one of 2026-03-31, billed until 2026-03-31

1 there already, 1 new, 1 replaced.

What a preview as of 2026-07-01 bills of these terms:

  contract  term     billed until      now              with these
  BAKE-1    service  2026-05-31     1 line  135.00 EUR     0 lines    0.00 EUR
  BIKE-1    service  2026-05-04     1 line  170.00 EUR      1 line  170.00 EUR
  in all                           2 lines  305.00 EUR      1 line  170.00 EUR

Note: BAKE-1/service keeps no balance of hours: the hours are loaded and change nothing.
Note: BIKE-1/service keeps no balance of hours: the hours are loaded and change nothing.

"""

OLD = """\
\ufeffterm,contract,billed_until,date\r
service,BIKE-1,2026-03-31,2026-03-31\r
\r
"fee","BAKE-1",2026-12-31, 2026-06-30\r
"""
NEW = """\
\ufeffterm,contract,billed_until,date,hours,price,valid_until\r
service,BIKE-1,2026-05-04,2026-05-04,2.00,85.50,2026-12-31\r
\r
"fee","BAKE-1",2026-12-31, 2026-06-30,,,\r
service,BAKE-1,2026-05-31,2026-05-31,-1.50,,\r
"""
ROWS = (
    "BAKE-1,fee,,2026-06-30,,,,2026-12-31\n"
    "BAKE-1,service,,2026-05-31,-1.5,,,2026-05-31\n"
    "BIKE-1,service,,2026-05-04,2,85.50,2026-12-31,2026-05-04\n"
)


def test_a_dry_run_shows_and_writes_nothing(place: Path, capsys: Capture) -> None:
    (place / "book" / "openings.csv").write_text(OLD, encoding="utf-8", newline="")
    before = contents(place / "book")
    assert load(ROWS, "--replace", "--dry-run") == 0
    assert capsys.readouterr() == (SHOWN + "Nothing was written: this was a dry run.\n", "")
    assert contents(place / "book") == before


def test_what_stands_in_the_file_stays_as_it_is(place: Path, capsys: Capture) -> None:
    path = place / "book" / "openings.csv"
    path.write_text(OLD, encoding="utf-8", newline="")
    path.chmod(0o640)
    assert load(ROWS, "--replace", "--yes") == 0
    assert capsys.readouterr() == (SHOWN + "2 openings loaded.\n", "")
    assert path.read_bytes().decode("utf-8") == NEW
    assert path.stat().st_mode & 0o777 == 0o640
    assert not list((place / "book").glob(".*"))


def test_loading_again_changes_nothing(place: Path, capsys: Capture) -> None:
    assert load(ROWS, "--yes") == 0
    capsys.readouterr()
    before = contents(place / "book")
    for more in ((), ("--yes",), ("--replace", "--yes")):
        assert load(ROWS, *more) == 0
        out = capsys.readouterr().out
        assert "\n3 there already, 0 new, 0 replaced.\nNothing to load.\n" in out
        assert contents(place / "book") == before


def test_a_file_without_rows_loads_nothing(place: Path, capsys: Capture) -> None:
    before = contents(place / "book")
    assert load("", "--yes") == 0
    assert capsys.readouterr().out.endswith(
        "0 there already, 0 new, 0 replaced.\nNothing to load.\n"
    )
    assert contents(place / "book") == before


@pytest.mark.parametrize(("answer", "code"), [("n\n", 130), ("", 130), ("y\n", 0)])
def test_asks_before_it_writes(answer: str, code: int, place: Path) -> None:
    @cli.click.command()
    def run() -> None:
        assert load("BIKE-1,service,,2026-03-31,,,,2026-03-31\n") == code

    result = CliRunner().invoke(run, input=answer)
    assert result.exit_code == 0, result.output
    assert "Load 1 opening into book?" in result.output
    assert (place / "book" / "openings.csv").exists() == (code == 0)


def test_a_customer_that_waits_is_shown_with_the_preview(place: Path, capsys: Capture) -> None:
    """Two contracts clash: that is seen only when billing. The openings can be loaded."""
    append("contracts.yaml", "\n- {code: BIKE-2, customer: c2, start: 2026-01-01, policy: care,\n"
           "   terms: [{id: service, plan: effort, price: 70}]}\n")  # fmt: skip
    assert load("BIKE-2,service,,2026-03-31,,,,2026-03-31\n", "--dry-run") == 0
    out = capsys.readouterr().out
    assert "  BIKE-2    service  2026-03-31    0 lines  0.00 EUR     0 lines  0.00 EUR\n" in out
    assert "error: contracts BIKE-1 and BIKE-2 are equally narrow and both take entry" in out


# --- what is billed after it


def test_what_was_billed_by_hand_is_never_billed_again(place: Path) -> None:
    rows = "BAKE-1,fee,,2026-04-30,,,,2026-04-15\nBAKE-1,service,,2026-05-31,,,,2026-05-31\n"
    assert load(rows, "--yes") == 0
    result = bill()
    assert lines(result, "BAKE-1/fee") == [
        (date(2026, 4, 16), date(2026, 4, 30), "25.00"),
        (date(2026, 5, 1), date(2026, 5, 31), "50.00"),
        (date(2026, 6, 1), date(2026, 6, 30), "50.00"),
        (date(2026, 7, 1), date(2026, 7, 31), "50.00"),
    ]
    assert lines(result, "BAKE-1/service") == []
    # Entered late: of the last day that was billed by hand, and of the day after it.
    append("entries.csv", "e8,2026-05-31,u1,p1,t1,,3,Forgotten\ne9,2026-06-01,u1,p1,t1,,1,Later\n")
    again = bill()
    (line,) = (line for draft in again.drafts for line in draft.lines)
    assert [share.entry for share in line.entries] == ["e9"]
    assert not bill().drafts


def test_the_amounts_shown_are_those_of_the_previews(place: Path, capsys: Capture) -> None:
    def billed() -> Decimal:
        result = preview(BookSource(place / "book"), Options(JULY))
        return sum((draft.total for draft in result.drafts), Decimal(0))

    before = billed()
    assert load("BAKE-1,fee,,2026-06-30,,,,2026-03-31\n", "--yes") == 0
    assert "350.00 EUR" in capsys.readouterr().out
    assert before - billed() == Decimal("150.00")


# --- the book's side of the port

OPENING = Opening("BIKE-1", "service", "", date(2026, 3, 31), billed_until=date(2026, 3, 31))


def test_a_book_edited_meanwhile_is_refused(place: Path) -> None:
    source = BookSource(place / "book")
    book = source.read(JULY)
    append("entries.csv", "\n")
    with pytest.raises(Refused, match="the book was changed since it was read"):
        source.load_openings(OpeningChange((OPENING,)), book)
    assert not (place / "book" / "openings.csv").exists()


def test_a_bill_meanwhile_is_refused(place: Path) -> None:
    source = BookSource(place / "book")
    book = source.read(JULY)
    bill()
    with pytest.raises(Refused, match="somebody else has billed this by now"):
        source.load_openings(OpeningChange((OPENING,)), book)
    assert not (place / "book" / "openings.csv").exists()


def test_a_book_that_cannot_be_written_stays_as_it_was(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("klausel_book.files.os.fsync", full)
    assert load("BIKE-1,service,,2026-03-31,,,,2026-03-31\n", "--yes") == 3
    assert capsys.readouterr().err == (
        "error: book/openings.csv cannot be written: no space left on device\n"
        "    nothing was changed; make the folder one that you may write to\n"
    )
    assert not list((place / "book").glob("*openings*"))
    assert not list((place / "book").glob(".*"))
    with pytest.raises(ErpError):
        source = BookSource(place / "book")
        source.load_openings(OpeningChange((OPENING,)), source.read(JULY))


WORDS = st.text(st.sampled_from('ab,"\n\u2028 x'), max_size=4)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=5), st.sampled_from(["\n", "\r\n"]))
def test_other_rows_keep_their_text(rows: Sequence[tuple[str, str]], end: str) -> None:
    """Whatever quoting, blank lines and line ends the file has."""

    def quoted(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    old = f"contract,lot,term,date{end}" + "".join(
        f"{quoted('K' + one)},{quoted(other)},t,2026-01-01{end}" for one, other in rows
    )
    opening = Opening("C", "t", "", date(2026, 1, 1))
    first = changed(old, OpeningChange((opening,)))
    assert first == f"{old}C,,t,2026-01-01{end}"
    newer = Opening("C", "t", "", date(2026, 2, 1))
    assert changed(first, OpeningChange((newer,), (opening,))) == f"{old}C,,t,2026-02-01{end}"
