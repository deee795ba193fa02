"""Ends that are recorded, put off and taken back in Odoo, and the documents that come of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from . import scene
from .scene import Log, Term
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

POLICY = """\
policy: ends
version: "1"
title: Ends
scope: {otherwise: {then: service, because: Day to day.}}
plans:
  fee:
    title: Maintenance
    components: [{fee: {every: 12 months, refund: unused_months, keep_months: 1}}]
  block: {title: Block, components: [{block: {empty: hold, leftover: refund}}]}
  pool: {title: Pool, components: [{pool: {proration: none, settle: both}}]}
  daily: {title: Pool by days, components: [{pool: {proration: daily, settle: both}}]}
  time: {title: Time, components: [{time: {}}]}
"""


class Scene:
    """A customer with one contract of one term."""

    def __init__(self, odoo: Odoo, client: WebClient, policies: Path, plan: str, name: str) -> None:
        self._odoo, self.client, self._policies = odoo, client, policies
        self.customer = client.create_one("res.partner", name=f"Ends {name}", is_company=True)
        self.project = scene.project(client, self.customer, name)
        product = scene.service(client, f"Product {name}")
        price = {
            "fee": "49.00",
            "block": "85.00",
            "pool": "100.00",
            "daily": "90.00",
            "time": "90.00",
        }[plan]
        hours = {"pool": {"hours": "10"}, "daily": {"hours": "3"}}.get(plan, {})
        values = {"price": price} | hours
        usd = scene.currency(client, "USD")
        term = Term("T", plan, product, values, takes="service")
        self.code = f"E-{name}"
        self.contract = scene.contract(client, self.customer, self.code, [term], "ends", usd)

    def ends(self, day: str | None) -> None:
        self.client.write("klausel.contract", [self.contract], date_end=day or False)

    def buys(self, day: str, hours: float) -> None:
        (term,) = self.client.ids("klausel.term", [("contract_id", "=", self.contract)])
        self.client.create_one(
            "klausel.purchase", contract_id=self.contract, term_id=term, date=day, hours=hours
        )

    def run(self, day: str, *options: str) -> list[dict[str, Any]]:
        """The documents that ``bill`` writes; they are posted."""
        before = {move["id"] for move in self.moves()}
        arguments = ["--as-of", day, "--customer", str(self.customer), *options]
        said = scene.klausel(self._odoo, "bill", "--yes", *arguments, policies=self._policies)
        assert said.err == "", said
        return [move for move in self.moves() if move["id"] not in before]

    def audit(self, day: str) -> str:
        said = scene.klausel(self._odoo, "audit", "--as-of", day, policies=self._policies)
        mine = [line for line in said.out.splitlines() if f"{self.code}/" in line]
        return "\n".join(mine)

    def moves(self) -> list[dict[str, Any]]:
        fields = ["name", "move_type", "amount_untaxed", "ref", "reversed_entry_id", "state"]
        domain = [("partner_id", "=", self.customer), ("state", "!=", "cancel")]
        return sorted(
            self.client.find("account.move", domain, fields), key=lambda move: int(move["id"])
        )

    def post(self, moves: list[dict[str, Any]]) -> None:
        self.client.button("account.move", "action_post", [move["id"] for move in moves])

    def quiet(self, day: str) -> None:
        """Neither plain runs nor adjustments write anything, and nothing differs."""
        assert self.run(day, "--adjust") == []
        assert self.run(day) == []
        assert self.audit(day) == ""


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "ends").mkdir()
    (folder / "ends" / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def client(odoo: Odoo) -> WebClient:
    return WebClient(odoo)


def told(moves: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(move["move_type"], move["amount_untaxed"]) for move in moves]


def test_a_refund_is_taken_back_and_a_later_end_gives_its_own(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "fee", "fee")
    invoice = one.run("2026-01-01")
    assert told(invoice) == [("out_invoice", 588.0)]
    one.post(invoice)
    one.ends("2026-04-30")
    credit = one.run("2026-05-02")
    assert told(credit) == [("out_refund", 343.0)]
    assert credit[0]["reversed_entry_id"] == invoice[0]["id"]
    one.post(credit)
    one.quiet("2026-05-03")

    one.ends(None)
    assert one.run("2026-05-10") == []
    differs = one.audit("2026-05-10")
    assert differs == ("  E-fee/T/fee/2026-01-01/refund 2026-01-01: amount; was 343.00, today 0.00")
    back = one.run("2026-05-11", "--adjust")
    assert told(back) == [("out_invoice", 343.0)]
    (named,) = client.find("account.move", [("id", "=", credit[0]["id"])], ["name"])
    assert back[0]["ref"] == f"Correction of {named['name']}"
    one.post(back)
    one.quiet("2026-05-12")

    one.ends("2026-08-31")
    again = one.run("2026-09-01")
    assert told(again) == [("out_refund", 147.0)]
    assert again[0]["reversed_entry_id"] == invoice[0]["id"]
    one.quiet("2026-09-02")


def test_a_year_that_was_edited_gives_back_its_share_of_that(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "fee", "edited")
    (invoice,) = one.run("2026-01-01")
    (line,) = client.ids(
        "account.move.line", [("move_id", "=", invoice["id"]), ("display_type", "=", "product")]
    )
    client.call(
        "account.move", "web_save", [invoice["id"]],
        {"invoice_line_ids": [[1, line, {"quantity": 12, "price_unit": 1}]]}, specification={},
    )  # fmt: skip
    one.post([invoice])
    one.ends("2026-04-30")
    credit = one.run("2026-05-02")
    assert told(credit) == [("out_refund", 7.0)]
    assert one.run("2026-05-03", "--adjust") == []
    said = one.audit("2026-05-03")
    assert said == "  E-edited/T/fee/2026-01-01/2026-01-01: edited; was 588.00, today 12.00"


def test_a_credit_note_that_was_only_a_draft_is_deleted(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    """Then there is nothing to take back; with the end still there it is written again."""
    one = Scene(odoo, client, policies, "fee", "draft")
    one.post(one.run("2026-01-01"))
    one.ends("2026-04-30")
    (credit,) = one.run("2026-05-02")
    client.delete("account.move", [credit["id"]])
    (credit,) = one.run("2026-05-03")
    assert told([credit]) == [("out_refund", 343.0)]
    one.ends(None)
    assert one.audit("2026-05-04") != ""
    client.delete("account.move", [credit["id"]])
    one.quiet("2026-05-05")


def test_hours_of_a_block_come_back_with_their_money(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "block", "block")
    one.buys("2026-01-02", 10)
    who = scene.employee(client, "Ada")
    scene.log(client, who, [Log(one.project, 0, "2026-02-18", 4)])
    one.ends("2026-03-31")
    sold = one.run("2026-04-01")
    assert sorted(told(sold)) == [("out_invoice", 850.0), ("out_refund", 510.0)]
    one.post(sold)
    one.ends("2027-12-31")
    scene.log(client, who, [Log(one.project, 0, "2026-05-18", 6)])
    assert one.run("2026-06-01") == []
    assert "was 510.00, today 0.00" in one.audit("2026-06-01")
    back = one.run("2026-06-02", "--adjust")
    assert told(back) == [("out_invoice", 510.0)]
    one.post(back)
    one.quiet("2026-06-03")


def test_a_pool_is_settled_for_its_later_end(odoo: Odoo, client: WebClient, policies: Path) -> None:
    one = Scene(odoo, client, policies, "pool", "pool")
    one.ends("2026-01-31")
    sold = one.run("2026-02-01")
    assert sorted(told(sold)) == [("out_invoice", 1000.0), ("out_refund", 1000.0)]
    one.post(sold)
    one.ends("2026-02-28")
    who = scene.employee(client, "Eve")
    scene.log(client, who, [Log(one.project, 0, "2026-02-10", 20)])
    both = one.run("2026-03-01", "--adjust")
    assert told(both) == [("out_invoice", 2000.0)]
    assert not both[0]["ref"]
    one.quiet("2026-03-02")


@pytest.mark.parametrize("posted", [False, True], ids=["draft", "posted"])
def test_a_pools_credit_is_corrected_beside_a_month_that_is_billed_again(
    odoo: Odoo, client: WebClient, policies: Path, posted: bool
) -> None:
    """The credit is of no single invoice: what corrects it stands on the invoice of the month."""
    one = Scene(odoo, client, policies, "daily", f"month-{posted}")
    one.post(one.run("2026-02-01"))
    (february,) = one.run("2026-03-01")
    assert told([february]) == [("out_invoice", 270.0)]
    one.ends("2026-02-13")
    (credit,) = one.run("2026-03-02")
    assert told([credit]) == [("out_refund", 540.0)]
    if posted:
        one.post([credit])
    (line,) = client.ids(
        "account.move.line", [("move_id", "=", february["id"]), ("display_type", "=", "product")]
    )
    client.call(
        "account.move", "web_save", [february["id"]], {"invoice_line_ids": [[2, line, 0]]},
        specification={},
    )  # fmt: skip
    (again,) = one.run("2026-03-03", "--adjust")
    # 1.39 h x 90.00 of February, and of 6 h that went back only 4.39 h should have.
    assert told([again]) == [("out_invoice", 270.0)]
    one.quiet("2026-03-04")


def test_an_end_that_brings_the_same_is_put_on_record_without_a_document(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "block", "same")
    one.buys("2026-01-02", 10)
    one.ends("2026-03-31")
    one.post(one.run("2026-04-01"))
    one.ends("2026-04-30")
    assert "ended on 2026-03-31, today ends on 2026-04-30" in one.audit("2026-05-01")
    one.quiet("2026-05-02")


def test_time_behind_an_end_that_is_told_late_goes_back(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "time", "late")
    who = scene.employee(client, "Lee")
    scene.log(
        client, who, [Log(one.project, 0, "2026-02-10", 1), Log(one.project, 0, "2026-05-10", 2)]
    )
    sold = one.run("2026-06-01")
    assert told(sold) == [("out_invoice", 270.0)]
    one.post(sold)
    one.ends("2026-03-15")
    assert one.run("2026-06-15") == []
    assert "E-late/T/time/2026-05-01/90" in one.audit("2026-06-15")
    back = one.run("2026-06-15", "--adjust")
    assert told(back) == [("out_refund", 180.0)]
    assert back[0]["reversed_entry_id"] == sold[0]["id"]
    one.post(back)
    one.quiet("2026-06-16")
