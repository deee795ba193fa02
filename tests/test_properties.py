"""What is always true (semantics 7), over generated histories."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from klausel.engine import bill
from klausel.formats.json import result_data
from klausel.model import Book, LedgerRow
from klausel.money import ZERO, round_half_up, total
from klausel.period import add_months
from klausel.policy import Policy, policy_at
from klausel.result import Result
from klausel.scenario import Scenario, ScenarioShape, fragment_book
from klausel.tree import Tree
from tests.counts import count
from tests.histories import FIRST, LAST, POLICY, days, histories

NOWHERE = Tree(None, {}, ())


def policy() -> Policy:
    found = policy_at(NOWHERE, POLICY, (), "hash")
    assert isinstance(found, Policy), found
    return found


SCENARIO = Scenario(ScenarioShape(title="", runs=[]), NOWHERE, (policy(),))


def book_of(fragment: dict[str, Any], ledger: list[LedgerRow] | None = None) -> Book:
    return fragment_book(fragment, SCENARIO, ledger or [])


def with_ledger(book: Book, ledger: list[LedgerRow]) -> Book:
    return replace(book, ledger=tuple(ledger))


def month_starts() -> Iterator[date]:
    day = FIRST
    while day <= add_months(LAST, 3):
        yield day
        day = add_months(day, 1)


def lines(result: Result) -> Counter[tuple[Any, ...]]:
    """Lines by what they bill, whatever draft they are on."""
    return Counter(
        (str(line.key), line.quantity, line.unit_price, line.exact, line.entries)
        for draft in result.drafts
        for line in (draft.lines)
    )


@given(histories(), days)
def test_every_second_is_somewhere(fragment: dict[str, Any], as_of: date) -> None:
    """Item 1: worked + rounding = the parts, each of which names its rule."""
    count("generated histories: item 1, every second is somewhere")
    book = book_of(fragment)
    result = bill(book, as_of)
    assert not result.parked
    expected = {entry.id: entry.seconds for entry in book.entries if entry.date <= as_of}
    assert {found.entry for found in result.entries} == set(expected)
    for entry, parts in result.entries:
        assert sum(part.seconds for part in parts) == expected[entry], entry
        for part in parts:
            named = part.rule or part.uncovered or part.disposition == "billed_elsewhere"
            assert named, (entry, part)
            places = bool(part.line) + bool(part.held) + bool(part.uncovered)
            assert places + (part.due is not None) <= 1, part
    assert sum(found.seconds for found in result.uncovered) == sum(
        part.seconds for _, parts in result.entries for part in parts if part.uncovered
    )
    assert sum(found.seconds for found in result.held) == sum(
        part.seconds for _, parts in result.entries for part in parts if part.held
    )
    on_lines = Counter(
        {
            share.entry: share.seconds
            for draft in result.drafts
            for line in draft.lines
            for share in line.entries
        }
    )
    assert on_lines == Counter(
        {e: p.seconds for e, parts in result.entries for p in parts if p.line}
    )


@given(histories(), days)
def test_running_again_changes_nothing(fragment: dict[str, Any], as_of: date) -> None:
    """Item 3: what is on record is not billed again, and not found different."""
    count("generated histories: item 3, running again")
    book = book_of(fragment)
    first = bill(book, as_of)
    again = bill(with_ledger(book, list(first.settlements)), as_of)
    assert not again.drafts
    assert not again.settlements
    assert not again.differences
    strip = ("disposition", "rule", "seconds", "rounded", "contract", "term", "line")

    def shown(result: Result) -> dict[str, list[tuple[Any, ...]]]:
        return {
            entry: [tuple(getattr(part, name) for name in strip) for part in parts]
            for entry, parts in result.entries
        }

    assert shown(first) == shown(again)


@given(histories(), days, st.randoms(use_true_random=False))
def test_order_and_the_future_do_not_matter(
    fragment: dict[str, Any], as_of: date, chance: random.Random
) -> None:
    """Item 3: rows in any order; facts dated after ``as_of`` are as if they were not there."""
    count("generated histories: item 3, order and future")
    expected = result_data(bill(book_of(fragment), as_of))
    shuffled = {
        name: chance.sample(rows, len(rows)) if isinstance(rows, list) else rows
        for name, rows in fragment.items()
    }
    assert result_data(bill(book_of(shuffled), as_of)) == expected
    past = {
        **fragment,
        "entries": [row for row in fragment["entries"] if row["date"] <= as_of.isoformat()],
    }
    if "overrides" in past:
        known = {row["id"] for row in past["entries"]}
        past["overrides"] = [row for row in past["overrides"] if row["entry"] in known]
    assert result_data(bill(book_of(past), as_of)) == expected


@given(histories())
def test_month_by_month_equals_catch_up(fragment: dict[str, Any]) -> None:
    """Item 3: many runs and one late run bill the same lines."""
    count("generated histories: item 3, month by month")
    book = book_of(fragment)
    ledger: list[LedgerRow] = []
    found: Counter[tuple[Any, ...]] = Counter()
    for as_of in month_starts():
        result = bill(with_ledger(book, ledger), as_of)
        found += lines(_unturned(result))
        ledger += result.settlements
        assert not result.differences
    whole = bill(book, as_of)
    assert found == lines(_unturned(whole))
    assert written(ledger) == written(whole.settlements)


def written(rows: Iterable[LedgerRow]) -> Counter[str]:
    """Rows whatever documents they stand on: grouping is not part of the promise."""
    return Counter(str(row._replace(document="")) for row in rows)


def _unturned(result: Result) -> Result:
    """Credit notes as they were before their signs were turned."""
    drafts = tuple(
        draft
        if draft.kind == "invoice"
        else draft._replace(
            lines=tuple(
                line._replace(quantity=-line.quantity, exact=-line.exact) for line in draft.lines
            )
        )
        for draft in result.drafts
    )
    return replace(result, drafts=drafts)


@given(histories(), days)
def test_preview_is_what_goes_on_record(fragment: dict[str, Any], as_of: date) -> None:
    """Item 4: the ledger rows of a run are its lines, to the cent and to the second."""
    count("generated histories: item 4, preview = record")
    book = book_of(fragment)
    result = bill(book, as_of)
    shown = {line.key: line for draft in _unturned(result).drafts for line in draft.lines}
    assert len(shown) == sum(len(draft.lines) for draft in result.drafts)
    recorded = {row.key: row for row in result.settlements if row.amount is not None}
    assert recorded.keys() == shown.keys()
    for key, line in shown.items():
        assert recorded[key].amount == line.exact
        parts = [row for row in result.settlements if row.key == key and row.entry]
        assert [(p.entry, p.seconds) for p in parts] == [(s.entry, s.seconds) for s in line.entries]
    for draft in _unturned(result).drafts:
        method = book.company.rounding_method
        amount = total((line.exact for line in draft.lines), method, draft.digits)
        assert abs(amount) == draft.total
        assert (amount < 0) == (draft.kind == "credit_note")
    billed = sum((line.exact for line in shown.values()), ZERO)
    assert billed == sum((row.amount or ZERO for row in result.settlements), ZERO)
    unique = [(row.key, row.entry) for row in result.settlements]
    assert len(unique) == len(set(unique))


@given(histories(), days, days)
def test_the_record_is_never_redone(fragment: dict[str, Any], one: date, other: date) -> None:
    """Item 5: whatever happens to entries later, what is on record stays as it is."""
    count("generated histories: item 5, the record stands")
    first_day, second_day = sorted((one, other))
    book = book_of(fragment)
    first = bill(book, first_day)
    changed = [
        {**row, "hours": "3", "activity": "meeting"} if number % 2 else row
        for number, row in enumerate(fragment["entries"])
    ]
    later = book_of({**fragment, "entries": changed}, list(first.settlements))
    second = bill(later, second_day)
    before = {(row.key, row.entry) for row in first.settlements}
    assert not before & {(row.key, row.entry) for row in second.settlements}
    settled = {row.entry for row in first.settlements if row.entry}
    again = {share.entry for d in second.drafts for line in d.lines for share in line.entries}
    assert not settled & again
    moved = {
        row["id"]
        for number, row in enumerate(fragment["entries"])
        if number % 2
        and row["id"] in settled
        and (row["hours"], row["activity"]) != ("3", "meeting")
    }
    assert moved <= {found.entry for found in second.differences}


def test_rounding_is_half_up_away_from_zero() -> None:
    for text, expected in (("0.005", "0.01"), ("-0.005", "-0.01"), ("0.0049", "0.00")):
        assert round_half_up(Decimal(text), 2) == Decimal(expected)
