"""Entries of which a part is billed and a part waits, corrected in Odoo by one adjusting run."""

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
policy: settle
version: "1"
title: Settle
scope: {otherwise: {then: service, because: Day to day.}}
approvals:
  - {id: B1, watch: {amount: period, budget: "900.00", notify_at: [100], hold: yes}}
plans:
  time: {title: Work, components: [{time: {}}]}
"""


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "settle").mkdir()
    (folder / "settle" / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return folder


class Scene:
    """A customer whose time costs 100.00 an hour, up to 900.00 a month."""

    def __init__(self, odoo: Odoo, client: WebClient, policies: Path, name: str) -> None:
        self._odoo, self.client, self._policies = odoo, client, policies
        self.customer = client.create_one("res.partner", name=f"Settle {name}", is_company=True)
        self.project = scene.project(client, self.customer, name)
        term = Term(
            "T", "time", scene.service(client, f"Product {name}"), {"price": "100.00"},
            takes="service",
        )  # fmt: skip
        usd = scene.currency(client, "USD")
        self.code = f"S-{name}"
        scene.contract(client, self.customer, self.code, [term], "settle", usd)
        self.who = scene.employee(client, f"Worker {name}")

    def log(self, day: str, hours: float) -> int:
        (entry,) = scene.log(self.client, self.who, [Log(self.project, 0, day, hours)])
        return entry

    def run(self, day: str, *options: str, post: bool = True) -> list[tuple[str, float]]:
        """The documents that ``bill`` writes; they are posted, unless told otherwise."""
        before = {move["id"] for move in self.moves()}
        arguments = ["--as-of", day, "--customer", str(self.customer), *options]
        said = scene.klausel(self._odoo, "bill", "--yes", *arguments, policies=self._policies)
        assert said.err == "", said
        new = [move for move in self.moves() if move["id"] not in before]
        if new and post:
            self.client.button("account.move", "action_post", [move["id"] for move in new])
        return [(move["move_type"], move["amount_untaxed"]) for move in new]

    def moves(self) -> list[dict[str, Any]]:
        fields = ["move_type", "amount_untaxed"]
        return self.client.find("account.move", [("partner_id", "=", self.customer)], fields)

    def audit(self, day: str) -> str:
        said = scene.klausel(self._odoo, "audit", "--as-of", day, policies=self._policies)
        return "\n".join(line for line in said.out.splitlines() if f"{self.code}/" in line)

    def quiet(self, day: str) -> None:
        """Nothing differs, and neither plain runs nor adjustments write anything."""
        assert self.audit(day) == ""
        assert self.run(day, "--adjust") == []
        assert self.run(day) == []
        assert self.audit(day) == ""


@pytest.fixture(scope="module")
def client(odoo: Odoo) -> WebClient:
    return WebClient(odoo)


def test_what_a_budget_held_is_gone_when_the_entry_is_shorter(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "shorter")
    entry = one.log("2026-01-12", 10)
    assert one.run("2026-02-01") == [("out_invoice", 900.0)]
    client.write("account.analytic.line", [entry], unit_amount=2)
    assert one.run("2026-02-02") == []
    assert "changed" in one.audit("2026-02-02")
    assert one.run("2026-02-02", "--adjust") == [("out_refund", 700.0)]
    one.quiet("2026-02-03")


def test_an_entry_that_is_deleted_while_a_part_waits_is_credited_once(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "deleted")
    entry = one.log("2026-01-12", 10)
    assert one.run("2026-02-01", post=False) == [("out_invoice", 900.0)]
    client.call("account.analytic.line", "unlink", [entry])
    assert one.run("2026-02-02", "--adjust") == [("out_refund", 900.0)]
    one.quiet("2026-02-03")


def test_an_entry_without_time_is_raised_and_lowered(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "timeless")
    one.log("2026-01-12", 1)
    entry = one.log("2026-01-12", 0)
    assert one.run("2026-02-01") == [("out_invoice", 100.0)]
    client.write("account.analytic.line", [entry], unit_amount=0.5)
    assert one.run("2026-02-02", "--adjust") == [("out_invoice", 50.0)]
    on_invoices = client.find(
        "klausel.ledger",
        [("entry_id", "=", entry), ("state", "=", "live"), ("move_id", "!=", False)],
        ["move_id"],
    )
    assert len(on_invoices) >= 1, "the timesheet shows the invoice that it is on"
    one.quiet("2026-02-03")
    client.write("account.analytic.line", [entry], unit_amount=0)
    assert one.run("2026-02-04", "--adjust") == [("out_refund", 50.0)]
    one.quiet("2026-02-05")


def test_an_entry_that_is_written_off_while_a_part_waits_is_credited_once(
    odoo: Odoo, client: WebClient, policies: Path
) -> None:
    one = Scene(odoo, client, policies, "writtenoff")
    entry = one.log("2026-01-12", 10)
    assert one.run("2026-02-01") == [("out_invoice", 900.0)]
    client.create_one(
        "klausel.override", entry_id=entry, disposition="written_off", reason="Goodwill"
    )
    assert one.run("2026-02-02", "--adjust") == [("out_refund", 900.0)]
    one.quiet("2026-02-03")
