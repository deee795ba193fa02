"""The activity record adds up, to the second (semantics 15)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from klausel.activity import Record, records
from klausel.engine import bill
from klausel.model import LedgerRow
from klausel.money import quantity
from klausel.period import add_months
from klausel.policy import policy_at
from klausel.result import Part, Result
from klausel.scenario import Scenario, ScenarioShape, play, read_scenario
from tests.counts import count
from tests.histories import days, histories
from tests.oracle.lives import FEATURES, lives
from tests.test_cases import SCENARIOS, name
from tests.test_oracle import NOWHERE, QUICK
from tests.test_properties import book_of, month_starts, with_ledger

#: Fewer than elsewhere: what decides is tested on all of them already.
SOME = settings(max_examples=max(settings().max_examples // 5, 1))

NOT_THE_CUSTOMERS = {"internal", "written_off", "billed_elsewhere", "uncovered"}


FREE = {"included", "warranty"}


def quotas(result: Result, record: Record) -> bool:
    """Whether time of requests that are paid already may stand there."""
    plans = [
        result.book.policies[contract.policy].plans[term.plan]
        for contract in record.contracts
        for term in contract.terms
    ]
    return any(component.kind == "quota" for plan in plans for component in plan.components)


def all_records(result: Result) -> Iterator[Record]:
    for found in records(result):
        yield from found.records


def adds_up(result: Result) -> int:
    """Checks all records of ``result``; how many rows they have."""
    digits = result.book.company.quantity_digits
    shown: Counter[tuple[str, str, int, int]] = Counter()
    found = list(all_records(result))
    assert [record.draft for record in found] == sorted(
        result.drafts, key=lambda draft: [d.customer for d in result.drafts].index(draft.customer)
    )
    for record in found:
        sections = {section.line.key: section for section in record.of("billed") if section.line}
        for line in record.draft.lines:
            section = sections.pop(line.key, None)
            if section is None:
                assert not line.entries, line
                continue
            assert section.rounded == sum(share.rounded for share in line.entries)
            assert section.seconds == sum(share.seconds for share in line.entries)
            if line.unit == "hour":
                turned = -1 if line.quantity * section.rounded < 0 else 1
                assert quantity(section.rounded, digits) == turned * line.quantity
                assert turned == 1 or record.draft.kind == "credit_note"
        assert not sections
        for section in record.sections:
            assert section.rows
            if section.kind == "free":
                costs = [row for row in section.rows if row.disposition not in FREE]
                assert quotas(result, record) or not sum(row.rounded for row in costs)
            for row in section.rows:
                assert row.disposition not in NOT_THE_CUSTOMERS
                assert bool(row.held) == (section.kind == "held")
                assert bool(row.lot) == (section.kind == "drawn")
                if row.after is not None and row.before is not None:
                    assert row.before - row.drawn == row.after
                shown[row.entry, row.disposition, row.seconds, row.rounded] += 1
        for move in record.movements:
            assert move.before - move.drawn + move.other == move.after
    there = Counter(
        (entry, part.disposition, part.seconds, part.rounded)
        for entry, parts in result.entries
        for part in parts
    )
    gone = {difference.entry for difference in result.differences}
    assert not [row for row in (shown - there) if row[0] not in gone]
    lots_add_up(result)
    return shown.total()


def lots_add_up(result: Result) -> None:
    """What entries drew of a lot is what the lot lost; the last one left what is left of it."""
    drawn: dict[tuple[str, str, str], list[Any]] = {}
    for _, parts in result.entries:
        for part in parts:
            if part.lot and not part.held:
                drawn.setdefault((part.contract, part.term, part.lot), []).append(part)
    pools = {contract for contract, _, lot in drawn if lot == "deficit"}
    opened = {opening.contract for opening in result.book.openings}
    differs = {found.contract for found in result.differences}
    for balance in result.balances:
        some = drawn.get((balance.contract, balance.term, balance.lot), [])
        if balance.contract in pools | opened | differs or not some:
            continue  # hours that repay a deficit are drawn by no entry
        assert sum(part.drawn for part in some) == balance.drawn, balance
        if all(part.after is not None for part in some):
            last = max(some, key=lambda part: part.turn)
            assert last.after >= 0
            left = balance.remaining + balance.expired + balance.refunded
            assert last.after <= left, (last, balance)


@pytest.mark.parametrize("path", SCENARIOS, ids=name)
def test_cases_add_up(path: Path) -> None:
    played, _ = play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
    rows = sum(adds_up(run.result) for run in played if run.result is not None)
    count("activity records of scenario files: rows", rows)


@SOME
@given(histories(), days)
def test_histories_add_up(fragment: dict[str, Any], as_of: Any) -> None:
    count("generated histories: activity records add up")
    adds_up(bill(book_of(fragment), as_of))


def rows_of(result: Result) -> Counter[tuple[Any, ...]]:
    return Counter(
        (section.kind, row.entry, row.disposition, row.seconds, row.rounded, row.lot)
        for record in all_records(result)
        for section in record.sections
        for row in section.rows
        if section.kind != "held"
    )


@SOME
@given(histories())
def test_each_part_is_in_one_record(fragment: dict[str, Any]) -> None:
    """Month by month or at once: every part stands in one record, and in one only."""
    count("generated histories: each part in one activity record")
    book = book_of(fragment)
    ledger: list[LedgerRow] = []
    found: Counter[tuple[Any, ...]] = Counter()
    for as_of in month_starts():
        result = bill(with_ledger(book, ledger), as_of)
        found += rows_of(result)
        ledger += result.settlements
    whole = bill(book, as_of)
    assert found == rows_of(whole)
    expected = Counter(
        (entry, part.disposition, part.seconds)
        for entry, parts in whole.entries
        for part in parts
        if part.disposition not in NOT_THE_CUSTOMERS
        and not part.held
        and not part.uncovered
        and (part.line or _has_an_invoice(whole, part))
    )
    shown: Counter[tuple[Any, ...]] = Counter()
    for (_, entry, disposition, seconds, _, _), number in found.items():
        shown[entry, disposition, seconds] += number
    assert shown == expected


def _has_an_invoice(result: Result, part: Part) -> bool:
    """Whether a line is due after the window of ``part``."""
    reporting = result.reporting.get(part.contract)
    closes = part.closes
    return bool(reporting and closes and any(day > closes for day in reporting.due))


@SOME
@given(lives(frozenset(FEATURES)))
def test_lives_add_up(life: dict[str, Any]) -> None:
    """Contracts of all models, run by run."""
    count("generated lives: activity records add up")
    policy = policy_at(NOWHERE, {"policy": "p", "version": "1", **life["policy"]}, (), "hash")
    assert not isinstance(policy, list), [str(problem) for problem in policy]
    shape = ScenarioShape.model_validate({**life, "policy": None})
    played, _ = play(Scenario(shape, NOWHERE, (policy,)), QUICK)
    for run in played:
        assert run.result is not None, run.data["problems"]
        adds_up(run.result)


YEAR = """\
title: a fee for the year in advance
policy:
  scope: {otherwise: {then: included, because: x}}
  plans: {p: {title: P, components: [{fee: {every: 12 months}}]}}
book:
  contracts: [{start: 2026-01-01, terms: [{id: T, plan: p, price: 10}]}]
  entries:
    - {date: 2026-01-05, hours: 2}
    - {date: 2026-06-30, hours: 1}
    - {date: 2026-12-31, hours: 3}
    - {date: 2027-01-01, hours: 4}
runs:
RUNS
"""


@pytest.mark.parametrize("months", [1, 12])
def test_a_year_in_advance(months: int) -> None:
    """What the year's fee includes is in the record of the next year's invoice, however often
    one bills in between."""
    runs = [add_months(date(2026, 1, 1), number) for number in range(0, 14, months)]
    text = YEAR.replace("RUNS", "\n".join(f"  - {{as_of: {day}, do: bill}}" for day in runs))
    played, _ = play(read_scenario(text, "year"))
    found = {
        run.result.as_of: [row.entry for section in record.sections for row in section.rows]
        for run in played
        if run.result is not None
        for record in all_records(run.result)
    }
    assert found == {date(2026, 1, 1): [], date(2027, 1, 1): ["e1", "e2", "e3"]}


def test_late_time_at_no_charge_is_in_the_record_of_the_run_that_finds_it() -> None:
    text = YEAR.replace("every: 12 months", "every: 1 month").replace(
        "RUNS",
        """\
  - {as_of: 2026-02-01, do: bill}
  - as_of: 2026-03-01
    do: bill
    add: {entries: [{id: late, date: 2026-01-20, hours: 1}]}
  - {as_of: 2026-04-01, do: bill}""",
    )
    played, _ = play(read_scenario(text, "late"))
    rows = [
        [(row.entry, row.late) for one in all_records(run.result) for s in one.sections
         for row in s.rows]
        for run in played
        if run.result is not None
    ]  # fmt: skip
    assert rows == [[("e1", False)], [("late", True)], []]
