"""The activity record adds up, to the second (semantics 15)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

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
        for part in each_line_once(parts)
    )
    gone = {difference.entry for difference in result.differences}
    assert not [row for row in (shown - there) if row[0] not in gone]
    lots_add_up(result)
    return shown.total()


def each_line_once(parts: Iterable[Part]) -> list[Part]:
    """Pieces of one entry that stand on one line together: there they are one row."""
    found: dict[object, Part] = {}
    for part in parts:
        where = (part.line, part.disposition) if part.line else part
        before = found.get(where)
        if before is not None and part.line:
            both = part.seconds + before.seconds, part.rounded + before.rounded
            part = part._replace(seconds=both[0], rounded=both[1])
        found[where if part.line else (len(found), part)] = part
    return list(found.values())


def lots_add_up(result: Result) -> None:
    """What entries drew of a lot is what the lot lost, one after the other: each found what the one
    before left, the first all that was granted; the last left what is left."""
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
        if any(part.after is None for part in some):
            continue
        some.sort(key=lambda part: part.turn)
        assert len({part.turn for part in some}) == len(some)
        left = balance.remaining + balance.expired + balance.refunded
        # A lot that was made smaller may have lost more than it has.
        assert min(0, left) <= some[-1].after <= left, (some, balance)
        if not balance.refunded and not is_pool(result, balance.contract, balance.term):
            afters = [balance.granted, *(part.after for part in some)]
            assert [part.before for part in some] == afters[:-1], (some, balance)
            assert afters[-1] == left, (some, balance)
            count("activity records: lots followed from draw to draw")


def is_pool(result: Result, code: str, term_id: str) -> bool:
    """Whether hours come, go and are repaid between its draws."""
    (contract,) = (contract for contract in result.book.contracts if contract.code == code)
    plans = result.book.policies[contract.policy].plans
    (plan,) = (plans[term.plan] for term in contract.terms if term.id == term_id)
    return any(component.kind == "pool" for component in plan.components)


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
    for result in lived(life):
        adds_up(result)


def lived(life: dict[str, Any]) -> list[Result]:
    """What each run of a life finds."""
    policy = policy_at(NOWHERE, {"policy": "p", "version": "1", **life["policy"]}, (), "hash")
    assert not isinstance(policy, list), [str(problem) for problem in policy]
    shape = ScenarioShape.model_validate({**life, "policy": None})
    played, _ = play(Scenario(shape, NOWHERE, (policy,)), QUICK)
    assert all(run.result is not None for run in played), [run.data for run in played]
    return [run.result for run in played if run.result is not None]


class Place(NamedTuple):
    """Where time stands in a record; several parts of an entry may share one."""

    entry: str
    disposition: str
    lot: str
    on_line: bool


class Sums(Counter[tuple[Place, str]]):
    """Rows, worked and rounded seconds, by place."""

    def take(self, place: Place, seconds: int, rounded: int) -> None:
        self.update({(place, "rows"): 1, (place, "worked"): seconds, (place, "rounded"): rounded})


class Expected:
    """What records have to show of a life, from what its runs put on record.

    A part on a line is in the record of the line's invoice; another one in that of the first
    invoice that is due after its window. Found too late for that, it is in the record of the run
    that finds it, if that run has an invoice for the contract. It is in no other.
    """

    def __init__(self) -> None:
        self.sums = Sums()
        self._invoiced: dict[str, set[date]] = defaultdict(set)
        self._waiting: list[tuple[str, Part]] = []

    def run(self, result: Result) -> None:
        lines = {str(line.key) for draft in result.drafts for line in draft.lines}
        for entry, parts in result.entries:
            for part in each_line_once(parts):
                if part.line in lines:
                    place = Place(entry, part.disposition, "", True)
                    self.sums.take(place, part.seconds, part.rounded)
        new = [
            (entry, part)
            for entry, part in put_on_record(result)
            if not part.line and part.disposition not in NOT_THE_CUSTOMERS
        ]
        for entry, part in new:
            if not self._has_invoice(part):
                self._waiting.append((entry, part))
            elif part.contract in result.reporting:
                self._take(entry, part)
        for contract, reporting in result.reporting.items():
            self._invoiced[contract] |= set(reporting.due)
        self._invoice(result)

    def _invoice(self, result: Result) -> None:
        """Of what waits for an invoice: what this run has one for. An end that became known may
        have cut its window, and its period may have brought a line for it."""
        now = {(entry, same(part)): part for entry, parts in result.entries for part in parts}
        waiting, self._waiting = self._waiting, []
        for entry, part in waiting:
            part = now[entry, same(part)]
            comes = part.due is not None and not part.lot and part.disposition not in FREE
            if part.line:
                continue
            if comes or not self._has_invoice(part):
                self._waiting.append((entry, part))
            else:
                self._take(entry, part)

    def _has_invoice(self, part: Part) -> bool:
        assert part.closes is not None, part
        return any(day > part.closes for day in self._invoiced[part.contract])

    def _take(self, entry: str, part: Part) -> None:
        self.sums.take(Place(entry, part.disposition, part.lot, False), part.seconds, part.rounded)


def same(part: Part) -> tuple[Any, ...]:
    """What a part keeps when it is on record."""
    return (part.contract, part.term, part.lot, part.disposition, part.rule, part.seconds,
            part.rounded)  # fmt: skip


def put_on_record(result: Result) -> Iterator[tuple[str, Part]]:
    """The parts that a run settles: each of its rows is a part of an entry."""
    rows = Counter(
        (row.entry, row.lot, row.seconds, row.rounded)
        for row in result.settlements
        if row.entry and not row.held
    )
    for entry, parts in result.entries:
        for part in parts:
            row = (entry, part.lot, part.seconds, part.rounded)
            if rows[row] and not (part.settled or part.held or part.uncovered):
                rows[row] -= 1
                yield entry, part
    assert not +rows


@SOME
@given(lives(frozenset(FEATURES)))
def test_each_part_of_a_life_is_in_one_record(life: dict[str, Any]) -> None:
    """Nothing that goes on record is missing in the records, and nothing is there twice."""
    count("generated lives: each part in one activity record")
    runs = [{**run, "do": "bill"} for run in life["runs"]]
    each_part_is_in_one_record(lived({**life, "runs": runs}))


def each_part_is_in_one_record(results: Iterable[Result]) -> Sums:
    """Checks it for the runs of one life; what the records show."""
    shown, expected = Sums(), Expected()
    for result in results:
        for record in all_records(result):
            for section in record.sections:
                for row in section.rows:
                    place = Place(row.entry, row.disposition, row.lot, section.kind == "billed")
                    if section.kind != "held":
                        shown.take(place, row.seconds, row.rounded)
        expected.run(result)
    assert shown == expected.sums, (shown - expected.sums, expected.sums - shown)
    return shown


BY_A_FIXED_PRICE = """\
title: work that a fixed price includes, on the last day of the hours that stand beside it
policy:
  scope: {otherwise: {then: change, because: x}}
  plans:
    hours: {title: H, components: [{contingent: {proration: none}}]}
    stones: {title: M, components: [{milestone: {parts: [a, b]}}]}
book:
  contracts:
    - {code: C1, start: 2026-01-02, covers: {projects: [P]}, terms: [
        {id: H, plan: hours, hours: 2, price: 90, until: 2026-04-01},
        {id: M, plan: stones, price: 1000, takes: change, priority: -1}]}
  entries: [{date: 2026-04-01, project: P, hours: HOURS}]
runs:
  - {as_of: 2026-04-02, do: bill}
  - {as_of: 2026-05-02, do: bill, add: {acceptances: [{term: M, part: a, date: 2026-05-02}]}}
  - {as_of: 2026-06-02, do: bill, add: {acceptances: [{term: M, part: b, date: 2026-06-02}]}}
"""


@pytest.mark.parametrize("hours", ["0", "2"])
def test_what_a_fixed_price_includes_comes_on_no_line(hours: str) -> None:
    """Its record is that of the first invoice that is due after its window, also where the month
    of the fixed price goes on: no line will ever have it."""
    played, _ = play(read_scenario(BY_A_FIXED_PRICE.replace("HOURS", hours), "stones"))
    results = [run.result for run in played if run.result is not None]
    place = Place("e1", "included", "", False)
    assert each_part_is_in_one_record(results[:1])[place, "rows"] == 1
    assert each_part_is_in_one_record(results)[place, "rows"] == 1


RELEASED = """\
title: an invoice is deleted, and a lot is entered late
policy:
  scope: {otherwise: {then: included, because: x}}
  plans:
    fee: {title: F, components: [{fee: {timing: arrears}}]}
    block: {title: B, components: [{block: {}}]}
book:
  contracts:
    - {code: C1, start: 2026-01-01, terms: [{id: F, plan: fee, price: 10},
                                            {id: B, plan: block, price: 90}]}
  entries: [{date: 2026-01-05, hours: 2}, {date: 2026-02-05, hours: 1}]
runs:
  - {as_of: 2026-02-01, do: bill}
  - {as_of: 2026-03-01, do: bill}
  - {as_of: 2026-03-02, do: bill, add: {purchases: [{term: B, date: 2026-02-15, hours: 1}]}}
  - {as_of: 2026-03-03, do: bill, release: [C1/F/fee/2026-01-01/2026-01-01]}
  - {as_of: 2026-03-04, do: bill, release: [C1/F/fee/2026-02-01/2026-02-01]}
  - {as_of: 2026-03-05, do: bill, release: [C1/B/block/2026-02-15/p1]}
"""


def test_a_record_is_made_anew_with_its_invoice_and_only_then() -> None:
    played, mismatches = play(read_scenario(RELEASED, "released"))
    assert not mismatches
    found = [
        {row.entry for one in all_records(run.result) for s in one.sections for row in s.rows}
        for run in played
        if run.result is not None
    ]
    assert [len(run.data["drafts"]) for run in played] == [1] * 6
    assert found == [{"e1"}, {"e2"}, set(), {"e1"}, {"e2"}, set()]


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
