"""Timesheets that an addon marks as not billable, read from a server that has such a field."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import scene
from .scene import Log, Term
from .server import Odoo, Server
from .webclient import WebClient

pytestmark = pytest.mark.odoo

#: The real addon can be tried instead of ours: its folder, and what it is called.
ADDONS = Path(os.environ.get("KLAUSEL_TEST_EXCLUDE") or Path(__file__).parent / "addons")
MODULE = (
    "sale_timesheet_line_exclude" if "KLAUSEL_TEST_EXCLUDE" in os.environ else "klausel_exclude"
)
FEBRUARY = "2026-02-01"


@pytest.fixture(scope="module")
def odoo(odoo_server: Server) -> Iterator[Odoo]:
    """A database with the module, served."""
    before = odoo_server.options
    paths = f"--addons-path={odoo_server.installation.addons_path},{ADDONS}"
    odoo = odoo_server.clone()
    odoo_server.cli(odoo.database, "-i", MODULE, "--no-http", "--stop-after-init", paths)
    odoo_server.options = [*before, paths]
    odoo_server.restart()
    yield odoo
    odoo_server.options = before
    odoo_server.restart()
    odoo_server.drop(odoo.database)


def test_what_an_addon_marks_is_never_billed(odoo: Odoo) -> None:
    """Of 2 h and 3 h the marked 3 h are written off and listed, in doctor's eyes nothing lacks."""
    client = WebClient(odoo)
    usd = scene.currency(client, "USD")
    customer = client.create_one("res.partner", name="Excluder", is_company=True)
    project = scene.project(client, customer, "Shop")
    (ticket,) = scene.tickets(client, project, customer, ["Cart"])
    term = Term(
        "S", "service-monthly", scene.service(client, "Hours"), {"price": "90.00"}, takes="service"
    )
    scene.contract(client, customer, "EXC-1", [term], "web-care", usd)
    bo = scene.employee(client, "Bo")
    billed, marked = scene.log(
        client, bo, [Log(project, ticket, "2026-01-05", hours) for hours in (2.0, 3.0)]
    )
    client.write("account.analytic.line", [marked], exclude_from_sale_order=True)

    def preview(day: str = FEBRUARY) -> dict[str, Any]:
        said = scene.klausel(
            odoo, "preview", "--as-of", day, "--customer", str(customer), "--format", "json"
        )
        assert said.code in (0, 1), said
        found: dict[str, Any] = json.loads(said.out)
        return found

    first = preview()
    assert [draft["total"] for draft in first["drafts"]] == ["180.00"]
    (parts,) = [one["parts"] for one in first["entries"] if one["id"] == str(marked)]
    assert [part["disposition"] for part in parts] == ["written_off"]
    arguments = ["--as-of", FEBRUARY, "--customer", str(customer), "--yes"]
    assert scene.klausel(odoo, "bill", *arguments).code == 0
    moves = client.find("account.move", [("invoice_origin", "=", "EXC-1")], ["amount_untaxed"])
    assert [row["amount_untaxed"] for row in moves] == [180.0]

    # Marked after it was billed: a difference, which goes back when adjusted.
    client.write("account.analytic.line", [billed], exclude_from_sale_order=True)
    assert preview()["differences"]
    assert scene.klausel(odoo, "bill", *arguments, "--adjust").code == 0
    moves = client.find(
        "account.move", [("invoice_origin", "=", "EXC-1")], ["move_type", "amount_untaxed"]
    )
    assert (
        sum(
            row["amount_untaxed"] * (-1 if row["move_type"] == "out_refund" else 1) for row in moves
        )
        == 0
    )
    assert preview()["differences"] == []
    assert "ok   rights: " in scene.klausel(odoo, "doctor").out
