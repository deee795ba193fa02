"""What a ledger says of itself (semantics 14, "Evidence"): over the worked examples and lives."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import cli
from klausel.assemble import ledger_data
from klausel.evidence import unlike
from klausel.model import LedgerRow
from klausel.scenario import play, read_scenario
from klausel_book import read_folder
from tests.counts import count
from tests.oracle.lives import lives
from tests.port_suite import SMALL
from tests.test_cases import CASES, SCENARIOS, name
from tests.test_life_properties import FEWER, Life, run


@FEWER
@given(lives())
def test_every_line_on_record_is_the_sum_of_its_parts(data: dict[str, Any]) -> None:
    life = Life(data)
    rows: list[LedgerRow] = []
    for number, (step, fragment) in enumerate(life.history()):
        book = life.book(fragment, rows)
        found = run(book, step.as_of, adjust=number % 2 == 1).settlements
        rows += found
        assert not list(unlike(life.book(fragment, rows)))
        count(
            "lines on record that are the sum of their parts",
            sum(r.amount is not None for r in found),
        )


def test_every_line_of_the_worked_examples_is_the_sum_of_its_parts() -> None:
    """Whoever bills would be refused otherwise. Of those in which nothing is released."""
    for path in SCENARIOS:
        scenario = read_scenario(path.read_text(encoding="utf-8"), name(path))
        if any(run.release for run in scenario.shape.runs):
            continue
        rows: list[LedgerRow] = []
        for shape, played in zip(scenario.shape.runs, play(scenario)[0], strict=True):
            if played.result is None or shape.do == "preview":
                continue
            rows += played.result.settlements
            book = replace(played.result.book, ledger=tuple(rows))
            assert [str(one.what) for one in unlike(book)] == [], path
            count("runs of worked examples whose lines are the sum of their parts")


def rows_of(folder: Path) -> list[LedgerRow]:
    return list(read_folder(folder).ledger)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A book whose ledger has no checksums."""
    book = Path(shutil.copytree(SMALL, tmp_path / "book"))
    shutil.copytree(SMALL, tmp_path / "run")
    assert cli.run(["bill", "--book", str(tmp_path / "run"), "--as-of", "2026-07-01", "--yes"]) == 0
    with (book / "ledger.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(ledger_data(r)) + "\n" for r in rows_of(tmp_path / "run"))
    return book


EDITS = {
    "amount": (
        {"amount": "9135.000"},
        "BAKE-1/service/time/2026-05-01/90: 9135.00 on record, but 1.50 x 90.00 are 135.00",
    ),
    "price": (
        {"rate": "9.00"},
        "BAKE-1/service/time/2026-05-01/90: 135.00 on record, but 1.50 x 9.00 are 13.50",
    ),
    "time of a part": (
        {"entry": "e1", "seconds": 1800, "rounded": 1800},
        "BAKE-1/service/time/2026-05-01/90: 1.5 h on record, but its parts are 0.5 h",
    ),
    "worked time of a part": (
        {"entry": "e1", "seconds": 1800},
        "BAKE-1/service/time/2026-05-01/90: 1.5 h on record, but its parts are 0.5 h",
    ),
    "a fee": (
        {"component": "fee", "amount": "5.00"},
        "BAKE-1/fee/fee/2026-01-01/2026-01-01: 5.00 on record, but 1 x 50.00 are 50.00",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_what_was_edited_is_named_even_where_the_links_hold(
    name: str, bare: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, said = EDITS[name]
    assert cli.run(["audit", "--book", str(bare), "--as-of", "2026-07-01"]) == 0
    entry, component = change.get("entry", ""), change.get("component", "time")
    path, texts, done = bare / "ledger.jsonl", [], False
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        mine = (data.get("entry", ""), data["component"]) == (entry, component)
        if mine and not done and (entry or "amount" in data) and data["contract"] == "BAKE-1":
            data, done = {**data, **change}, True
        texts.append(json.dumps(data) + "\n")
    path.write_text("".join(texts), encoding="utf-8")
    capsys.readouterr()
    assert cli.run(["audit", "--book", str(bare), "--as-of", "2026-07-01"]) == 1
    assert said in capsys.readouterr().out.splitlines()


def test_what_was_edited_is_not_corrected(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a ledger of before: -89,976.25 would be written. Other customers are billed."""
    path = bare / "ledger.jsonl"
    old = []
    for line in path.read_text(encoding="utf-8").splitlines():
        data = json.loads(line)
        data.pop("quantity", None)
        if data.get("amount") == "135.0000":
            data["amount"] = "90111.2500"
        old.append(json.dumps(data) + "\n")
    path.write_text("".join(old), encoding="utf-8")
    capsys.readouterr()
    arguments = ["--book", str(bare), "--as-of", "2026-07-01"]
    assert cli.run(["audit", *arguments]) == 1
    said = "90111.25 on record, but 1.5 h x 90.00 are 135.00"
    assert f"BAKE-1/service/time/2026-05-01/90: {said}\n" in capsys.readouterr().out
    entries = bare / "entries.csv"
    entries.write_text(
        entries.read_text("utf-8").replace("e3,2026-05-06,u2,p2,,,2,", "e3,2026-05-06,u2,p2,,,3,")
    )
    before = path.read_text(encoding="utf-8")
    assert cli.run(["bill", "--adjust", "--yes", *arguments]) == 1
    out = capsys.readouterr().out
    refused = f"was refused: a line on record is not what stands there with it: {said}\n"
    assert f"Bakery Jansen (c1) {refused}" in out
    assert "put the row right; where its links do not hold then, seal it: klausel audit" in out
    added = path.read_text(encoding="utf-8").removeprefix(before)
    assert "BAKE-1" not in added
    assert '"amount": "85.0000"' in added


@pytest.mark.parametrize("less", [-1800, 1800])
def test_a_correction_that_is_not_what_its_parts_say_is_named(less: int) -> None:
    """1 h at 95.00, corrected to 1.5 h: 95.00 and 47.50, and the parts are 1 h and 0.5 h."""
    text = (CASES / "adjust" / "entry-raised.yaml").read_text(encoding="utf-8")
    played, _ = play(read_scenario(text, "entry-raised"))
    results = [one.result for one in played if one.result is not None]
    rows = [row for result in results for row in result.settlements]
    book = results[0].book
    assert not list(unlike(replace(book, ledger=tuple(rows))))
    number = next(n for n, row in enumerate(rows) if row.entry and row.key.sequence)
    rows[number] = rows[number]._replace(rounded=rows[number].rounded - less)
    (found,) = unlike(replace(book, ledger=tuple(rows)))
    said = {1800: "95.00", -1800: "190.00"}[less]
    assert found.what == f"142.50 on record, but its parts are {said}"
