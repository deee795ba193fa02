"""Entries that go from one customer to another in a book: what is written, and in which order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

import cli
from klausel.port import Refused
from klausel_book import BookSource, read_folder
from klausel_run.bill import applications, write
from klausel_run.preview import Options, preview
from tests.counts import count
from tests.ledgers import put_before_checksums

BILLED, ADJUSTED = "2026-02-01", "2026-02-02"
POLICY = """policy: care
version: "1"
scope: {otherwise: {then: service, because: day to day}}
rounding: {to: 15m, per: day}
plans:
  plan: {title: Service, components: [{time: {every: 1 month}}]}
"""
PRICES = {"c1": "95.00", "c2": "80.00", "c3": "70.00"}
HOURS = {"e1": "2", "e2": "1", "e3": "0.5"}
#: Where each entry stands at first: e1 with c1, and so on.
FIRST = {"e1": "p1", "e2": "p2", "e3": "p3"}


def lay_out(folder: Path) -> Path:
    (folder / "policies/care").mkdir(parents=True)
    (folder / "policies/care/policy.yaml").write_text(POLICY)
    (folder / "book.yaml").write_text("company: Example Ltd\ncurrency: EUR\n")
    (folder / "contracts.yaml").write_text(
        json.dumps(
            [
                {
                    "code": f"C-{customer}", "customer": customer, "start": "2026-01-01",
                    "policy": "care", "terms": [{"id": "S", "plan": "plan", "price": price}],
                }
                for customer, price in PRICES.items()
            ]
        )
    )  # fmt: skip
    (folder / "customers.csv").write_text("id,name\nc1,One\nc2,Two\nc3,Three\n")
    (folder / "projects.csv").write_text("id,customer\np1,c1\np2,c2\np3,c3\n")
    (folder / "employees.csv").write_text("id,name\nu1,Anna\n")
    stand(folder, FIRST)
    return folder


def stand(folder: Path, projects: dict[str, str]) -> None:
    """Puts the entries on ``projects``."""
    rows = [f"{id_},2026-01-12,u1,{projects[id_]},{HOURS[id_]}" for id_ in projects]
    (folder / "entries.csv").write_text("\n".join(("id,date,employee,project,hours", *rows, "")))


def klausel(folder: Path, day: str, *more: str) -> int:
    return cli.run(["bill", "--book", str(folder), "--as-of", day, "--yes", *more])


def owed(folder: Path) -> dict[str, Decimal]:
    """What each contract has billed, all in all."""
    sums: Counter[str] = Counter()
    for row in read_folder(folder).ledger:
        if row.amount is not None:
            sums[row.key.contract] += row.amount  # type: ignore[assignment]
    return {code: Decimal(amount) for code, amount in sums.items() if amount}


def worth(projects: dict[str, str]) -> dict[str, Decimal]:
    """What the customers owe for the entries where they stand."""
    sums: Counter[str] = Counter()
    for id_, project in projects.items():
        customer = project.replace("p", "c")
        sums[f"C-{customer}"] += Decimal(HOURS[id_]) * Decimal(PRICES[customer])  # type: ignore[assignment]
    return {code: Decimal(amount) for code, amount in sums.items()}


MOVES = {
    "one, to who is written later": {**FIRST, "e1": "p2"},
    "one, to who is written before": {**FIRST, "e3": "p1"},
    "a swap": {"e1": "p2", "e2": "p1", "e3": "p3"},
    "in a ring": {"e1": "p2", "e2": "p3", "e3": "p1"},
    "in the other ring": {"e1": "p3", "e2": "p1", "e3": "p2"},
    "in a row": {"e1": "p2", "e2": "p3", "e3": "p3"},
    "all to one": {"e1": "p2", "e2": "p2", "e3": "p2"},
}


@pytest.mark.parametrize("moved", MOVES)
def test_one_run_takes_back_and_bills_anew(moved: str, tmp_path: Path) -> None:
    """Also where it breaks off between any two of its transactions and is run again."""
    steps = 1
    done = 0
    while done <= steps:
        book = lay_out(tmp_path / str(done))
        assert klausel(book, BILLED) == 0
        assert owed(book) == worth(FIRST)
        stand(book, MOVES[moved])
        source = BookSource(book)
        result = preview(source, Options(date.fromisoformat(ADJUSTED), adjust=True, record=True))
        todo = list(applications(result))
        steps = len(todo)
        for application in todo[:done]:
            source.apply(application, result.book)
        assert klausel(book, ADJUSTED, "--adjust") == 0
        assert owed(book) == worth(MOVES[moved]), done
        before = (book / "ledger.jsonl").read_bytes()
        assert klausel(book, ADJUSTED, "--adjust") == klausel(book, ADJUSTED) == 0
        assert (book / "ledger.jsonl").read_bytes() == before
        count("adjusting runs over moved entries that broke off")
        done += 1
    # And all the way back.
    stand(book, FIRST)
    assert klausel(book, ADJUSTED, "--adjust") == 0
    assert owed(book) == worth(FIRST)
    before = (book / "ledger.jsonl").read_bytes()
    assert klausel(book, ADJUSTED, "--adjust") == klausel(book, ADJUSTED) == 0
    assert (book / "ledger.jsonl").read_bytes() == before


@pytest.mark.parametrize("order", [("c1", "c2"), ("c2", "c1"), ("c2", "c2", "c1", "c2")])
def test_customer_by_customer(
    order: Sequence[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The new customer alone is never billed for it; after the old one's turn it is."""
    book = lay_out(tmp_path / "book")
    assert klausel(book, BILLED) == 0
    stand(book, {**FIRST, "e1": "p2"})
    given = False
    for customer in order:
        assert klausel(book, ADJUSTED, "--adjust", "--customer", customer) == 0
        said = " ".join(capsys.readouterr().out.split())
        if customer == "c2" and not given:
            assert "is settled with One under contract C-c1: Two is not billed for it" in said
        given = given or customer == "c1"
        assert owed(book).get("C-c1", 0) == (0 if given else 190)
    assert klausel(book, ADJUSTED, "--customer", "c2") == 0
    assert owed(book) == worth({**FIRST, "e1": "p2"})


def test_nothing_is_billed_beside_what_another_customer_has(tmp_path: Path) -> None:
    """Whoever comes with an older answer is refused, and nothing of it is written."""
    book = lay_out(tmp_path / "book")
    stand(book, {**FIRST, "e1": "p2"})
    before = preview(BookSource(book), Options(date.fromisoformat(BILLED), record=True))
    stand(book, FIRST)
    assert klausel(book, BILLED, "--customer", "c1") == 0
    stand(book, {**FIRST, "e1": "p2"})
    source = BookSource(book)
    source.read(date.fromisoformat(BILLED))
    old = next(one for one in applications(before) if one.customer == "c2")
    with pytest.raises(Refused) as caught:
        source.apply(old, before.book)
    assert caught.value.message == "entry e1 is settled with another customer already"
    report = write(source, before)
    assert "c2" in [refused.customer for refused in report.refused]
    assert owed(book) == worth({"e1": "p1", "e3": "p3"})


def test_a_ledger_of_before(tmp_path: Path) -> None:
    """Rows that do not say what their entry stood on: corrected hours are no move."""
    book = lay_out(tmp_path / "book")
    assert klausel(book, BILLED) == 0
    ledger = book / "ledger.jsonl"
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    for line in lines:
        for row in line["rows"]:
            assert row.pop("booked", "-") == (
                "-" if "entry" not in row else f"{FIRST[row['entry']]};;"
            )
    put_before_checksums(book, lines)
    (book / "projects.csv").write_text("id,customer\np1,c2\np2,c2\np3,c3\n")
    text = (book / "entries.csv").read_text()
    (book / "entries.csv").write_text(text.replace("p1,2", "p1,1.5"))
    assert klausel(book, ADJUSTED, "--adjust") == 0
    assert owed(book) == {**worth(FIRST), "C-c1": Decimal("142.50")}
    # With the entry on another project besides, it was moved.
    put_before_checksums(book, lines)
    (book / "entries.csv").write_text(text.replace("p1,2", "p2,1.5"))
    assert klausel(book, ADJUSTED, "--adjust") == 0
    assert owed(book) == {"C-c2": Decimal("200.00"), "C-c3": Decimal("35.00")}
