"""Contract models through their whole lives in a real Odoo: worked cases, run by run.

Each case of ``tests/cases`` below becomes a customer of its own in one database. Its facts arrive
between the runs as people enter them, each run writes its drafts, and what then stands in Odoo is
what the same case gives without Odoo: drafts line by line, held work, notices, balances.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from klausel.engine import bill
from klausel.result import Draft, Line, Result
from klausel.scenario import Fragment, Scenario, fragment_book, merged, play, read_scenario
from klausel_odoo import OdooSource
from klausel_odoo.moves import balances_text
from klausel_run.bill import applications, write
from tests.counts import count

from . import scene
from .load import Growing, Loaded
from .server import Odoo

pytestmark = pytest.mark.odoo

CASES = Path(__file__).parents[1] / "cases"

#: Worked cases: at least one of each component, and of what happens after a period was billed.
#: Of each kind at least one in an ordinary run; the others take too long for it.
QUICK = frozenset(
    {
        "adjust/entry-raised",
        "adjust/first-entry-corrected",
        "approvals/late-approval-uses-what-expired",
        "approvals/limit-in-money",
        "block/leftover-refund-of-two-lots",
        "block/top-up",
        "contingent/beyond-is-billed",
        "contingent/late-entry-uses-what-expired",
        "contracts/hours-then-block-then-time",
        "fee/quantity-of-devices",
        "golive/pool-with-a-deficit",
        "item/on-its-date",
        "late/new-entry-in-a-settled-month",
        "milestone/thirds",
        "pool/carried-and-settled",
        "pool/settle-refunds-credit",
        "quota/fourth-request",
        "rounding/one-ticket",
        "scope/override",
        "surcharge/hours-and-a-lot-that-runs-out",
        "termination/two-invoices",
        "thresholds/each-month-anew",
        "time/by-ticket",
    }
)

SAMPLE = (
    # fee: in advance, ended, given back on credit notes of their own
    "fee/annual-from-10-march",
    "fee/quantity-of-devices",
    "termination/two-invoices",
    "termination/deleted-invoice-is-billed-to-the-end",
    "termination/beside-the-last-hours",
    # time
    "time/price-of-the-day",
    "time/by-ticket",
    "time/negative-total",
    "late/new-entry-in-a-settled-month",
    # reserved hours
    "contingent/beyond-is-billed",
    "contingent/quarterly-in-advance",
    "contingent/late-entry-uses-what-expired",
    "contingent/deleted-draft-is-billed-anew",
    # pools
    "pool/carried-and-settled",
    "pool/settle-refunds-credit",
    "pool/deficit-limit-holds",
    "pool/late-entry-after-settlement",
    # blocks
    "block/top-up",
    "block/leftover-refund-of-two-lots",
    "block/last-day",
    "block/waiting-over-two-lots",
    "block/notices-of-hours-left",
    "block/late-entry-draws-an-expired-lot",
    "block/price-of-the-term",
    # requests
    "quota/fourth-request",
    "quota/late-ticket-uses-what-expired",
    # fixed prices and one-off charges
    "milestone/thirds",
    "milestone/work-on-its-tickets-is-included",
    "item/on-its-date",
    "item/negative",
    # rounding and surcharges
    "rounding/one-ticket",
    "rounding/late-adds-a-quarter",
    "rounding/window-of-the-shortest-period",
    "surcharge/price-and-reserved-hours",
    "surcharge/hours-and-a-lot-that-runs-out",
    # approvals and budgets
    "approvals/limit-in-money",
    "approvals/pending-then-approved",
    "approvals/late-approval-uses-what-expired",
    "approvals/limit-raised-afterwards",
    "approvals/both-limits",
    "thresholds/each-month-anew",
    "thresholds/holds-beyond-the-budget",
    # adjustments
    "adjust/entry-raised",
    "adjust/entry-vanished",
    "adjust/first-entry-corrected",
    "adjust/two-invoices",
    "adjust/fee-price-corrected",
    "adjust/only-drawn",
    "adjust/written-off",
    # go-live
    "golive/block-with-hours-left",
    "golive/pool-with-a-deficit",
    "golive/contingent-in-mid-month",
    "golive/quota-with-requests-left",
    # terms one after the other, decisions by hand
    "contracts/hours-then-block-then-time",
    "scope/override",
)


@pytest.fixture(scope="module")
def source(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OdooSource]:
    source = scene.source(odoo, policies=tmp_path_factory.mktemp("policies"))
    yield source
    source.close()


class Life:
    """One case in Odoo."""

    def __init__(
        self, odoo: Odoo, source: OdooSource, name: str, folder: Path, again: str = ""
    ) -> None:
        text = (CASES / f"{name}.yaml").read_text(encoding="utf-8")
        if again:  # a policy of its own: the command's audit looks at the whole database
            text = text.replace("policy:\n", "policy:\n  policy: another\n", 1)
        self.scenario = all_written(read_scenario(text, name))
        self._growing = Growing(odoo, f" {name}{again}")
        write_policies(self.scenario, folder)
        source.settings = source.settings.model_copy(update={"policies": folder})
        self._source = source
        self.written: dict[str, int] = {}
        """Ids of drafts, by the key that they have without Odoo."""
        self._fragment: Fragment = dict(self.scenario.shape.book)

    def facts_of(self, number: int) -> Loaded:
        """Brings Odoo to the facts of a run."""
        run = self.scenario.shape.runs[number]
        self._fragment = merged(self._fragment, run)
        self.book = fragment_book(self._fragment, self.scenario, [])
        self.loaded = self._growing.become(self.book)
        for key in run.release:
            self.loaded.rpc.unlink("account.move", [self.written.pop(key)])
        return self.loaded

    @property
    def roots(self) -> list[str]:
        """The case's own customers, as Odoo calls them."""
        roots = {self.book.root(contract.customer) for contract in self.book.contracts}
        return sorted(self.loaded.id("customers", root) for root in roots)

    def result(self, as_of: date, adjust: bool = False) -> Result:
        book = self._source.read(as_of, self.roots)
        return bill(book, as_of, self.roots, adjust=adjust)

    def bill(self, as_of: date, adjust: bool) -> Result:
        result = self.result(as_of, adjust)
        report = write(self._source, result)
        assert not report.refused
        ids = {done.key: int(done.id) for one in report.applied for done in one.drafts}
        self.ids = [ids[draft.key] for draft in result.drafts]
        return result

    # -- what Odoo's records are called without it

    def entry(self, id_: str) -> str:
        ours = {str(id_): name for name, id_ in self.loaded.ids["entries"].items()}
        return ours.get(id_, "gone")

    def draft(self, draft: Draft) -> dict[str, Any]:
        return {
            "kind": draft.kind,
            "currency": draft.currency,
            "total": draft.total,
            "reverses": bool(draft.reverses),
            "lines": [self.line(line) for line in draft.lines],
        }

    def line(self, line: Line) -> dict[str, Any]:
        return {
            "place": (line.key.term, line.key.component, line.key.period, line.key.sequence),
            "days": (line.first, line.last),
            "text": line.description,
            "count": (line.quantity, line.unit, line.unit_price, line.discount, line.amount),
            "entries": sorted(
                (self.entry(share.entry), share.seconds, share.rounded) for share in line.entries
            ),
        }

    def found(self, result: Result) -> dict[str, Any]:
        """What a run found, in words that a case without Odoo uses, too."""
        return {
            "drafts": [self.draft(draft) for draft in result.drafts],
            "held": sorted(
                (self.entry(one.entry), one.seconds, one.amount, one.reason, one.rule)
                for one in result.held
            ),
            "notices": sorted((one.rule, one.at_percent, one.on) for one in result.notices),
            "balances": sorted((one.term, *map(str, one[3:])) for one in result.balances),
            "differences": sorted(
                (self.entry(one.entry) if one.entry else "", one.cause, one.was, one.now)
                for one in result.differences
            ),
            "uncovered": sorted(
                (self.entry(one.entry), one.seconds, one.reason) for one in result.uncovered
            ),
            "problems": [found.code for found in result.problems if found.severity == "error"],
        }


class WithoutOdoo(Life):
    """Says the same of a run without Odoo."""

    def __init__(self, gone: Mapping[str, str]) -> None:
        self._known = gone

    def entry(self, id_: str) -> str:
        return self._known.get(id_, "gone")


def all_written(scenario: Scenario) -> Scenario:
    """A case may end with a look, or look in between; here that is written, too."""
    runs = [
        run.model_copy(update={"do": "bill"}) if run.do == "preview" else run
        for run in scenario.shape.runs
    ]
    return scenario._replace(shape=scenario.shape.model_copy(update={"runs": runs}))


def write_policies(scenario: Scenario, folder: Path) -> None:
    """The case's policies as a folder of files. What is JSON is YAML."""
    found = dict(scenario.shape.policies)
    if isinstance(scenario.shape.policy, dict):
        found[scenario.shape.policy.get("policy", "policy")] = scenario.shape.policy
    for name, data in found.items():
        target = folder / name
        target.mkdir(parents=True)
        text = json.dumps({"policy": name, "version": "1", **data}, ensure_ascii=False)
        (target / "policy.yaml").write_text(text, encoding="utf-8")


MOVE = ("move_type", "state", "amount_untaxed", "reversed_entry_id", "narration")
LINE = (
    "move_id", "name", "quantity", "price_unit", "discount", "price_subtotal", "product_id",
    "product_uom_id",
)  # fmt: skip


def stands_in_odoo(life: Life, result: Result) -> None:
    """Each draft as Odoo has it: its kind, its total, what it gives back, its lines, its text."""
    rpc = life.loaded.rpc
    if not life.ids:
        return
    (application,) = applications(result)
    moves = {
        row["id"]: row
        for row in rpc.call("account.move", "search_read", [("id", "in", life.ids)], [*MOVE])
    }
    domain = [("move_id", "in", life.ids), ("display_type", "=", "product")]
    lines = rpc.call("account.move.line", "search_read", domain, [*LINE], order="sequence, id")
    documents = {str(row.key): row.document for row in result.book.ledger if row.document}
    for draft, id_ in zip(result.drafts, life.ids, strict=True):
        move = moves[id_]
        credit = draft.kind == "credit_note"
        assert move["move_type"] == ("out_refund" if credit else "out_invoice")
        assert move["state"] == "draft"
        assert scene.number(move["amount_untaxed"]) == draft.total
        reversed_ = str(move["reversed_entry_id"][0]) if move["reversed_entry_id"] else ""
        assert reversed_ == (documents.get(draft.reverses, "") if credit else "")
        mine = [line for line in lines if line["move_id"][0] == id_]
        assert [
            tuple(scene.number(row[name]) for name in ("quantity", "price_unit", "discount"))
            for row in mine
        ] == [(line.quantity, line.unit_price, line.discount) for line in draft.lines]
        assert [(row["product_id"][1], row["product_uom_id"][1]) for row in mine] == [
            ("[KLAUSEL-LOAD] Service", "Hours" if line.unit == "hour" else "Units")
            for line in draft.lines
        ]
        assert sum(scene.number(row["price_subtotal"]) for row in mine) == sum(
            line.amount for line in draft.lines
        )
        text = html.unescape(re.sub("<[^>]*>", "\n", move["narration"])).splitlines()
        notes = balances_text(draft, application, result.book)
        assert [line for line in text if line.startswith("Balance on ")] == notes
        count("balances on drafts of worked cases", len(notes))
        timesheets = [int(share.entry) for line in draft.lines for share in line.entries]
        for row in rpc.call("account.analytic.line", "read", timesheets, ["timesheet_invoice_id"]):
            assert row["timesheet_invoice_id"][0] in life.ids


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.soak) for name in SAMPLE],
)
def test_life(name: str, odoo: Odoo, source: OdooSource, tmp_path: Path) -> None:
    life = Life(odoo, source, name, tmp_path / "policies")
    expected, mismatches = play(life.scenario)
    assert not mismatches
    for number, (run, wanted) in enumerate(
        zip(life.scenario.shape.runs, expected, strict=True), start=1
    ):
        life.facts_of(number - 1)
        other = WithoutOdoo({entry.id: entry.id for entry in life.book.entries})
        found = life.bill(run.as_of, run.do == "adjust")
        assert wanted.result is not None
        assert life.found(found) == other.found(wanted.result), f"run {number}"
        stands_in_odoo(life, found)
        life.written |= dict(
            zip((draft.key for draft in wanted.result.drafts), life.ids, strict=True)
        )
        last = run
        count("runs of worked cases written to Odoo", 1)
        count("drafts of worked cases in Odoo", len(found.drafts))
    count("worked cases written to Odoo", 1)
    book = source.read(last.as_of, life.roots)
    again = bill(book, last.as_of, life.roots, adjust=last.do == "adjust")
    assert (again.drafts, again.settlements) == ((), ())
    # What the audit says: nothing but what the last run had listed and left alone.
    left = bill(book, last.as_of, life.roots, record=False).differences
    assert len(left) == (0 if last.do == "adjust" else len(wanted.result.differences))


def test_an_item_is_billed_as_its_own_product(
    odoo: Odoo, source: OdooSource, tmp_path: Path
) -> None:
    """Without one it goes by the contract's first term."""
    life = Life(odoo, source, "item/on-its-date", tmp_path / "policies", " with a product")
    rpc = life.facts_of(0).rpc
    (travel,) = rpc.create("product.product", [{"name": "Travel", "type": "service"}])
    rpc.write("klausel.item", life.loaded.ids["items"].values(), product_id=travel)
    items = source.read(date(2026, 12, 31), life.roots).items
    assert {item.product for item in items} == {str(travel)}
    result = life.bill(date(2026, 12, 31), False)
    assert result.drafts
    domain = [("move_id", "in", life.ids), ("display_type", "=", "product")]
    lines = rpc.call("account.move.line", "search_read", domain, ["product_id"], order="id")
    assert [line["product_id"][0] for line in lines if line["product_id"][0] == travel] == [
        travel
    ] * len(items)


PARTS = """
title: What belongs to contracts beside their terms, with numbers that are zero or not there
policy:
  scope: {otherwise: {then: service, because: day to day}}
  plans:
    block: {title: Block, components: [{block: {validity: 12 months, empty: hold}}]}
    parts: {title: Parts, components: [{milestone: {parts: {design: 40, rest: 60}}}]}
    whole: {title: Whole, components: [{milestone: {}}]}
book:
  contracts:
    - code: C1
      start: 2026-01-01
      terms:
        - {id: B, plan: block, price: "95.00"}
        - {id: M, plan: parts, price: "1000.00", takes: []}
        - {id: W, plan: whole, price: "500.00", takes: []}
  purchases:
    - {id: p1, term: B, date: 2026-01-05, hours: "0.0833", price: 0}
    - {id: p2, term: B, date: 2026-01-06, hours: 10, price: "90.1234", validity: 3 months, invoice: INV/7}
    - {id: p3, term: B, date: 2026-01-07, hours: 5}
  items:
    - {id: i1, date: 2026-01-08, text: Travel, quantity: "1.5", price: "0.333"}
    - {id: i2, date: 2026-01-09, text: Rebate, quantity: -1, price: "12.50"}
    - {id: i3, date: 2026-01-09, text: Gift, quantity: 1, price: 0}
  acceptances:
    - {id: m1, term: M, part: design, date: 2026-01-10}
    - {id: m2, term: W, date: 2026-01-11}
  approvals:
    - {id: a1, state: approved, limit_hours: 0, decided_on: 2026-01-12}
    - {id: a2, state: approved, limit_amount: 0, decided_on: 2026-01-12, decided_by: Ann}
    - {id: a3, state: rejected, tickets: t1;t2, decided_on: 2026-01-13, expires_on: 2026-02-13}
    - {id: a4, state: not_requested}
    - {id: a5, state: pending, tickets: t2, limit_hours: "1.25", limit_amount: "100.005"}
  openings:
    - {contract: C1, term: B, lot: L1, date: 2026-01-01, hours: "7.5", price: 0, valid_until: 2026-06-30}
    - {contract: C1, term: B, lot: L2, date: 2026-01-01, hours: 2, price: "80.5", billed_until: 2026-01-02}
    - {contract: C1, term: M, date: 2026-01-01}
  entries:
    - {date: 2026-01-20, hours: 1, ticket: t1}
    - {date: 2026-01-20, hours: 1, ticket: t2}
runs: []
"""  # noqa: E501


def test_parts_of_contracts_are_read_as_they_were_entered(
    odoo: Odoo, source: OdooSource, tmp_path: Path
) -> None:
    scenario = read_scenario(PARTS, "parts")
    write_policies(scenario, tmp_path / "policies")
    source.settings = source.settings.model_copy(update={"policies": tmp_path / "policies"})
    book = fragment_book(scenario.shape.book, scenario, [])
    loaded = Growing(odoo, " parts").become(book)
    found = source.read(date(2026, 12, 31), [loaded.id("customers", "c1")])
    assert not found.problems

    def as_read(table: str, records: Iterable[Any]) -> list[Any]:
        rows = []
        for one in records:
            changes = {"contract": loaded.codes[one.contract]}
            if hasattr(one, "id"):
                changes["id"] = loaded.id(table, one.id)
            if table == "approvals":
                changes["tickets"] = tuple(sorted(loaded.id("tickets", id_) for id_ in one.tickets))
            rows.append(replace(one, **changes))
        return rows

    for table in ("purchases", "items", "acceptances", "approvals", "openings"):
        wanted = as_read(table, getattr(book, table))
        read = list(getattr(found, table))
        if table == "approvals":  # which of its tickets comes first means nothing
            read = [replace(one, tickets=tuple(sorted(one.tickets))) for one in read]
        assert sorted(read, key=repr) == sorted(wanted, key=repr), table
        count(f"{table} read back", len(wanted))
    assert [one.limit_seconds for one in found.approvals] == [0, None, None, None, 4500]
    assert [one.limit_amount for one in found.approvals] == [
        None, Decimal(0), None, None, Decimal("100.005"),
    ]  # fmt: skip
    assert [one.price for one in found.purchases] == [Decimal(0), Decimal("90.1234"), None]
    assert [one.validity for one in found.purchases] == [None, 3, None]
