"""What is done the short way for speed gives exactly what the long way gives."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bench._engine_book import FIELDS, POLICIES, write_book
from klausel.clerk import Clerk
from klausel.customer.state import Around
from klausel.customer.usual import Usual
from klausel.engine import bill
from klausel.formats import View, render
from klausel.formats.json import encode, result_data
from klausel.model import Book, Contract, Entry, entries_in_order, in_order, natural
from klausel.policy import Policy, load_policy
from klausel.policy.facts import FACTS, Subject
from klausel.terms import BoundContract
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


@pytest.fixture(scope="module")
def manifold(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """A smaller book in which every fact has several values."""
    folder: Path = tmp_path_factory.mktemp("manifold") / "book"
    folder.mkdir()
    write_book(folder, entries=600, contracts=20)
    book = read_folder(folder)

    def ended(number: int, contract: Contract) -> Contract:
        first, *others = contract.terms
        half = replace(first, until=date(2024, 6, 30 - number))
        rest = replace(first, id=f"{first.id}2", first=date(2024, 8, 1))
        return replace(
            contract,
            terms=(half, rest, *others),
            sla=("gold", "silver")[number % 2],
            attributes={"tier": str(number % 3), "site": "north"},
        )

    return replace(
        book,
        contracts=tuple(ended(number, one) for number, one in enumerate(book.contracts)),
        customers={
            id_: replace(
                one, tags=("Key",) * (number % 2), country=("DE", "NL")[number % 2], region=""
            )
            for number, (id_, one) in enumerate(book.customers.items())
        },
        projects={
            id_: replace(one, tags=(("Shop", "Site", "App")[number % 3],))
            for number, (id_, one) in enumerate(book.projects.items())
        },
        tickets={
            id_: replace(
                one,
                activity=("Design", "")[number % 2],
                priority=("urgent", "normal")[number % 2],
                origin=("ours", "others")[number // 2 % 2],
                initiated_by=("customer", "us")[number // 3 % 2],
            )
            for number, (id_, one) in enumerate(book.tickets.items())
        },
        entries=tuple(
            entry._replace(activity=entry.activity if number % 3 else "")
            for number, entry in enumerate(book.entries)
        ),
        approvals=(),
        acceptances=(),
        purchases=(),
        openings=(),
    )


PROBE = """\
policy: {name}
version: "1"
{words}fields:
  probe: {field}
surcharges:
  - {{id: X, when: {{probe: {wanted}}}, times: 2, because: x}}
scope:
  rules:
    - {{id: P, from: 2024-05-15, when: {{probe: {wanted}}}, then: included, because: seen}}
  otherwise: {{then: service, because: the rest}}
{plans}"""


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_every_fact_is_seen_the_short_way(
    fact: str, manifold: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that ask for the fact decide as they do when every entry is looked at singly."""
    subjects: list[Subject] = []
    make = Usual._subject

    def noted(run: Usual, bound: BoundContract, entry: Entry, around: Around) -> Subject:
        subject = make(run, bound, entry, around)
        subjects.append(subject)
        return subject

    values: set[Any] = set()
    kind = FACTS[fact].kind
    field, wanted = f"{{number: {{}}, from: {fact}}}", "{more_than: 0.5}"
    if kind != "seconds":
        with monkeypatch.context() as patched:
            patched.setattr(Usual, "_subject", noted)
            patched.setattr(Usual, "_scope_usual", Usual._scope_singly)
            bill(manifold, date(2026, 1, 1), record=False)
        for found in map(FACTS[fact].read, subjects):
            values |= set(found) if isinstance(found, tuple) else {found}
        known = sorted(value for value in values if value)
        assert known
        some = [value.partition(", ")[0] for value in known[::2]] if kind == "text" else known[::2]
        field = (
            f"{{one_of: [a, b], from: [{{{fact}: {json.dumps(some)}, is: a}}, {{otherwise: b}}]}}"
        )
        wanted = "a"
    plans = FIELDS[FIELDS.index("plans:") :]
    policies = {}
    for name, words in POLICIES.items():
        kept = words.split("surcharges:", maxsplit=1)[0]
        text = PROBE.format(name=name, words=kept, field=field, wanted=wanted, plans=plans)
        found = load_policy(name, {"policy.yaml": text})
        assert isinstance(found, Policy), [str(problem) for problem in found]
        policies[name] = found
    book = replace(manifold, policies=policies)
    singly: list[str] = []
    scope = Usual._scope

    def count(run: Usual, entry: Entry) -> None:
        singly.append(entry.id)
        scope(run, entry)

    monkeypatch.setattr(Usual, "_scope", count)
    short = bill(book, date(2026, 1, 1), record=False)
    assert len(singly) < len(short.entries) * 2 / 3
    monkeypatch.setattr(Usual, "_scope_usual", Usual._scope_singly)
    long = bill(book, date(2026, 1, 1), record=False)
    assert (short.entries, short.drafts) == (long.entries, long.drafts)
    rules = Counter(part.rule for found in long.entries for part in found.parts)
    assert rules["P"] > 10, rules
    assert rules["otherwise"] > 10, rules


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
