"""Draft lines that somebody changed by hand: no more goes back of them than they come to
(semantics 14, "Releasing")."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from klausel.engine import bill
from klausel.model import LedgerRow
from klausel.result import Result
from klausel.scenario import fragment_book, merged, read_scenario

POLICY = """\
title: Lines changed by hand
policy:
  scope: {otherwise: {then: service, because: day to day}}
  plans:
    fee:
      title: Care
      components:
        - {fee: {per: month, every: 12 months, timing: advance, refund: unused_months}}
    block: {title: Block, components: [{block: {empty: hold, leftover: refund}}]}
    pool:
      title: Pool
      components: [{pool: {every: 1 month, timing: arrears, proration: none, settle: both}}]
    time: {title: Time, components: [{time: {}}]}
"""
FEE = """\
book:
  contracts: [{code: C1, start: 2026-01-01, terms: [{id: T, plan: fee, price: "1200.00"}]}]
"""
BLOCK = """\
book:
  contracts: [{code: C1, start: 2026-01-01, terms: [{id: T, plan: block, price: "85.00"}]}]
  purchases: [{id: A, contract: C1, term: T, date: 2026-01-02, hours: 10}]
  entries: [{date: 2026-02-18, hours: 4}]
"""
POOL = """\
book:
  contracts:
    - {code: C1, start: 2026-01-01, terms: [{id: T, plan: pool, hours: 10, price: "100.00"}]}
"""
TIME = """\
book:
  contracts: [{code: C1, start: 2026-01-01, terms: [{id: T, plan: time, price: "95.00"}]}]
  entries: [{id: e1, date: 2026-01-20, hours: 2}]
"""


def told(text: str, edits: Mapping[int, str]) -> list[Result]:
    """The results of the runs of ``text``; after run N its first line with money comes to
    ``edits[N]``."""
    scenario = read_scenario(POLICY + text, "edited.yaml")
    fragment = dict(scenario.shape.book)
    ledger: list[LedgerRow] = []
    results = []
    for number, run in enumerate(scenario.shape.runs):
        fragment = merged(fragment, run)
        book = fragment_book(fragment, scenario, ledger)
        result = bill(book, run.as_of, adjust=run.do == "adjust")
        results.append(result)
        if run.do == "preview":
            continue
        rows = list(result.settlements)
        if number in edits:
            place = next(n for n, row in enumerate(rows) if row.amount is not None)
            rows[place] = rows[place]._replace(invoiced=Decimal(edits[number]))
        ledger += rows
    return results


def totals(result: Result) -> list[str]:
    return [f"{'-' if d.kind == 'credit_note' else ''}{d.total}" for d in result.drafts]


def errors(result: Result) -> list[str]:
    return [p.message for p in result.problems if p.severity == "error"]


def test_a_fee_gives_back_its_share_of_what_the_line_comes_to() -> None:
    end = """\
runs:
  - {as_of: 2026-01-01, do: bill}
  - {as_of: 2026-05-01, do: bill, change: {contracts: [{code: C1, end: 2026-04-30}]}}
  - {as_of: 2026-05-02, do: adjust}
  - {as_of: 2026-05-03, do: bill, change: {contracts: [{code: C1, end: 2026-03-31}]}}
  - {as_of: 2026-05-04, do: adjust, change: {contracts: [{code: C1, end: null}]}}
  - {as_of: 2026-05-05, do: adjust}
"""
    found = [totals(result) for result in told(FEE + end, {0: "12.00"})]
    assert found == [["14400.00"], ["-8.00"], [], ["-1.00"], ["9.00"], []]
    # Nothing of a line that is free, and of one that was raised its share of that.
    assert totals(told(FEE + end, {0: "0.00"})[1]) == []
    assert totals(told(FEE + end, {0: "24000.00"})[1]) == ["-16000.00"]


def test_a_line_that_is_edited_after_its_refund_is_a_difference() -> None:
    # Edited is the credit note's line here: it stays, and the end is not given back again.
    runs = """\
runs:
  - {as_of: 2026-01-01, do: bill}
  - {as_of: 2026-05-01, do: bill, change: {contracts: [{code: C1, end: 2026-04-30}]}}
  - {as_of: 2026-05-02, do: adjust}
  - {as_of: 2026-05-03, do: adjust, change: {contracts: [{code: C1, end: null}]}}
"""
    first, credit, quiet, put_off = told(FEE + runs, {1: "-1.00"})
    assert [totals(first), totals(credit), totals(quiet)] == [["14400.00"], ["-9600.00"], []]
    # Of a credit note of 1.00 no 9,600.00 are taken back.
    assert totals(put_off) == []
    (said,) = errors(put_off)
    assert said == (
        "line C1/T/fee/2026-01-01/refund 2026-01-01 was changed by hand from -9600.00 to -1.00,"
        " and 9600.00 of it would be taken back"
    )


def test_a_block_whose_sale_was_edited_waits() -> None:
    runs = """\
runs:
  - {as_of: 2026-03-01, do: bill}
  - {as_of: 2026-04-01, do: bill, change: {contracts: [{code: C1, end: 2026-03-31}]}}
"""
    sold, end = told(BLOCK + runs, {0: "1.00"})
    assert (totals(sold), totals(end), end.parked) == (["850.00"], [], ("c1",))
    (said,) = errors(end)
    assert said.endswith(
        "was changed by hand from 850.00 to 1.00, and 510.00 of it would be taken back"
    )
    # What stands on the line is enough for what goes back.
    assert totals(told(BLOCK + runs, {0: "600.00"})[1]) == ["-510.00"]


def test_a_pool_whose_month_was_edited_waits() -> None:
    runs = """\
runs:
  - {as_of: 2026-02-01, do: bill}
  - {as_of: 2026-02-02, do: bill, change: {contracts: [{code: C1, end: 2026-01-31}]}}
"""
    sold, end = told(POOL + runs, {0: "1.00"})
    assert (totals(sold), totals(end)) == (["1000.00"], [])
    assert len(errors(end)) == 1


def test_time_whose_line_was_edited_waits_for_its_correction() -> None:
    runs = """\
runs:
  - {as_of: 2026-02-01, do: bill}
  - {as_of: 2026-02-02, do: bill, change: {entries: [{id: e1, hours: 1}]}}
  - {as_of: 2026-02-03, do: adjust}
"""
    sold, plain, adjusted = told(TIME + runs, {0: "50.00"})
    assert (totals(sold), totals(plain), errors(plain)) == (["190.00"], [], [])
    assert totals(adjusted) == []
    assert errors(adjusted) == [
        "line C1/T/time/2026-01-01/95 was changed by hand from 190.00 to 50.00,"
        " and 95.00 of it would be taken back"
    ]
    # 95.00 of 100.00 can be taken back; more may be charged in any case.
    assert totals(told(TIME + runs, {0: "100.00"})[2]) == ["-95.00"]
    assert totals(told(TIME + runs.replace("hours: 1}", "hours: 3}"), {0: "1.00"})[2]) == ["95.00"]
