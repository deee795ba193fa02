"""A preview of one line a customer, for whoever has hundreds of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from rich.cells import cell_len

import cli
from klausel.formats import View, render
from klausel.result import Notice, Result
from klausel_book.source import BookSource, copy_demo, demo_folder
from klausel_run.preview import Options, preview

AS_OF = date(2026, 7, 1)
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def result() -> Result:
    return preview(BookSource(demo_folder()), Options(AS_OF))


def rows(text: str) -> dict[str, list[str]]:
    """Behind each name what stands in its line."""
    found = [line.split("  ") for line in text.splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in found]
    return {line[0]: line[1:] for line in cells if len(line) > 1}


def test_each_customer_has_a_line_and_all_have_their_sums(result: Result) -> None:
    text = render(result, "text", View(100, short=True))
    found = rows(text)
    assert found["Customer"] == ["To invoice", "Held", "Uncovered", "To look at"]
    assert found["Brauhaus Katerberg KG"] == ["10,350.54 EUR", "1.31 h", "9.25 h", "-"]
    assert found["Kulturverein Alte Slipanlage e. V."] == ["-", "-", "3.50 h", "-"]
    assert found["Together"] == ["72,303.82 EUR", "8.89 h", "77.00 h", "-"]
    assert text.rstrip().splitlines()[-1].split() == ["9,535.13", "GBP"]
    concerned = {draft.customer for draft in result.drafts}
    concerned |= {one.customer for one in (*result.held, *result.uncovered)}
    lines = text[text.index("Customer") : text.index("Together")].splitlines()
    assert len(lines) == 1 + len(concerned)
    assert "because" not in text


@pytest.mark.parametrize("width", [40, 63, 64, 80, 100])
def test_every_line_fits_and_is_one_line(result: Result, width: int) -> None:
    text = render(result, "text", View(width, short=True))
    assert max(map(cell_len, text.splitlines())) <= width
    assert "10,350.54 EUR" in text


def test_what_stops_a_customer_is_said_in_full(capsys: Capture, tmp_path: Path) -> None:
    copy_demo(tmp_path / "book")
    contracts = tmp_path / "book" / "contracts.yaml"
    text = contracts.read_text(encoding="utf-8")
    contracts.write_text(
        text.replace("plan: service-quarterly", "plan: service-quartely", 1), encoding="utf-8"
    )
    assert "service-quartely" in contracts.read_text(encoding="utf-8")
    options = ["--book", str(tmp_path / "book"), "--as-of", AS_OF.isoformat()]
    assert cli.run(["preview", *options, "--short"]) == 2
    said = capsys.readouterr().out
    assert rows(said)["Together"][-1] == "1"
    assert "service-quartely" in said


def test_bill_asks_below_the_short_form(capsys: Capture, tmp_path: Path) -> None:
    copy_demo(tmp_path / "book")
    options = ["--book", str(tmp_path / "book"), "--as-of", AS_OF.isoformat()]
    assert cli.run(["bill", *options, "--short", "--yes", "--backlog"]) == 0
    said = capsys.readouterr().out
    assert "Together" in said
    assert "because" not in said


def test_a_notice_that_was_said_before_is_shown_as_such(result: Result) -> None:
    notice = Notice("PRE-402", "card.block", "k1", 20, date(2026, 6, 16), "Card")
    again = replace(result, notices=(), standing=(notice,))
    text = render(again, "text", View(100))
    assert "Notices      0 new, 1 said before\n" in text
    assert "  Notice PRE-402: lot k1 was down to 20 % or less on 2026-06-16, said before\n" in text
    both = replace(result, notices=result.notices[:1], standing=(notice,))
    assert "Notices      1 new, 1 said before\n" in render(both, "text", View(100))
