"""What is done the short way for speed gives exactly what the long way gives."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench._engine_book import write_book
from klausel.clerk import Clerk
from klausel.customer.usual import Usual
from klausel.engine import bill
from klausel.formats import View, render
from klausel.formats.json import encode, result_data
from klausel.model import Book, Entry, entries_in_order, in_order, natural
from klausel_book import read_folder
from klausel_book.source import demo_folder


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Book:
    folder: Path = tmp_path_factory.mktemp("mixed") / "book"
    folder.mkdir()
    write_book(folder, entries=1500, contracts=40)
    return read_folder(folder)


@pytest.mark.parametrize("record", [False, True], ids=["preview", "bill"])
@pytest.mark.parametrize("name", ["mixed", "demo"])
def test_usual_entries_come_out_as_all_others(
    name: str, record: bool, mixed: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = mixed if name == "mixed" else read_folder(demo_folder())
    short = bill(book, date(2026, 7, 1), record=record)
    singly: list[str] = []
    scope = Usual._scope

    def count(run: Usual, entry: Entry) -> None:
        singly.append(entry.id)
        scope(run, entry)

    monkeypatch.setattr(Usual, "_scope", count)
    bill(book, date(2026, 7, 1), record=record)
    assert len(singly) < len(short.entries)
    monkeypatch.setattr(Usual, "_scope_usual", Usual._scope_singly)
    singly.clear()
    monkeypatch.setattr(Clerk, "_is_usual", lambda clerk, window, waiting: False)
    monkeypatch.setattr(Clerk, "_goes_straight", lambda clerk, items: False)
    long = bill(book, date(2026, 7, 1), record=record)
    assert len(singly) == len(short.entries)
    assert (short.entries, short.drafts) == (long.entries, long.drafts)
    assert short.settlements == long.settlements
    assert bool(short.settlements) == record
    assert (short.held, short.uncovered, short.notices) == (long.held, long.uncovered, long.notices)
    assert (short.balances, short.reporting) == (long.balances, long.reporting)


def test_json_is_the_plain_data(mixed: Book) -> None:
    """Rows are written as text at once; each is what the encoder would have written."""
    result = bill(mixed, date(2026, 1, 1), record=False)
    lines = render(result, "json", View()).splitlines()
    data: dict[str, Any] = result_data(result)
    for name in ("drafts", "entries", "uncovered", "held", "balances"):
        first = lines.index(f' "{name}": [') + 1
        rows = [line.strip().removesuffix(",") for line in lines[first : first + len(data[name])]]
        assert rows == [encode(row) for row in data[name]]
        assert rows


@pytest.mark.parametrize("seed", range(200))
def test_entries_are_sorted_as_anything_else(seed: int) -> None:
    chance = Random(seed)
    word = chance.choice(("", "e", "a1-", "x٣", "é", "e0"))
    ids = {
        word + chance.choice(("", "", "", "0", "00")) + str(chance.randrange(200))
        for _ in range(chance.randrange(30))
    }
    if chance.random() < 0.3:
        ids.add(chance.choice(("", "zz", "e", "a1-", "5x")))
    days = [date(2024, 1, 1) + timedelta(days=n) for n in range(4)]
    entries = [
        Entry(id_, chance.choice(days), "", "", "", "", 0, "", "", (), True, "", "")
        for id_ in sorted(sorted(ids), key=len if seed % 2 else natural)
    ]
    assert entries_in_order(entries) == in_order(entries, lambda entry: entry)
