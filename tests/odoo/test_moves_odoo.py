"""Timesheets that go to another customer or company in Odoo: billed once, whatever the order."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from klausel.result import Difference, Result
from klausel_odoo import writing
from klausel_run.bill import applications, write
from klausel_run.preview import Options, preview

from . import scene
from .scene import Log, Term
from .server import Odoo
from .webclient import RefusedError, WebClient

pytestmark = pytest.mark.odoo

BILLED = date(2026, 2, 1)
LATER = date(2026, 3, 1)
NUMBERS = itertools.count(1)


class Side(NamedTuple):
    """A customer with a contract, a project and a ticket, in a company."""

    client: WebClient
    customer: int
    name: str
    code: str
    contract: int
    project: int
    ticket: int


class World(NamedTuple):
    odoo: Odoo
    client: WebClient
    hours: int
    who: int
    usd: int

    def side(
        self, price: str, customer: int = 0, client: WebClient | None = None, **values: Any
    ) -> Side:
        number = next(NUMBERS)
        there = client or self.client
        name = f"Mover {number:03}"
        who = customer or there.create_one("res.partner", name=name, is_company=True)
        project = scene.project(there, who, f"Project {number}")
        (ticket,) = scene.tickets(there, project, who, [f"Ticket {number}"])
        code = f"MOVE-{number:03}"
        product = self.hours if client is None else scene.service(client, "Hours")
        term = Term("S", "service-monthly", product, {"price": price}, takes="service")
        if values.pop("narrow", False):
            values |= {"covers": "project", "project_ids": [(6, 0, [project])]}
        contract = scene.contract(there, who, code, [term], "web-care", self.usd, **values)
        return Side(there, who, name, code, contract, project, ticket)

    def log(self, side: Side, hours: float, day: str = "2026-01-14") -> int:
        who = self.who if side.client is self.client else scene.employee(side.client, "Cy")
        (entry,) = scene.log(side.client, who, [Log(side.project, side.ticket, day, hours)])
        return entry

    def move(self, entry: int, side: Side) -> None:
        """A billing manager puts the entry where it belongs."""
        values = {"project_id": side.project, "task_id": side.ticket}
        self.client.write("account.analytic.line", [entry], **values)

    def bill(self, *sides: Side, day: date = LATER, adjust: bool = False, code: int = 0) -> str:
        company = str(sides[0].client.company) if sides[0].client is not self.client else ""
        said = scene.klausel(
            self.odoo, "bill", "--yes", "--as-of", str(day), *(["--adjust"] * adjust),
            *(part for side in sides for part in ("--customer", str(side.customer))),
            company=company,
        )  # fmt: skip
        assert (said.code, said.err) == (code, ""), said
        return " ".join(said.out.split())

    def preview(self, *sides: Side, adjust: bool = False) -> Result:
        clients = {side.client for side in sides} - {self.client}
        company = str(clients.pop().company) if clients else ""
        options = Options(
            LATER, customers=[str(side.customer) for side in sides] or None, record=True,
            adjust=adjust,
        )  # fmt: skip
        return preview(scene.source(self.odoo, company), options)

    def quiet(self, *sides: Side) -> None:
        """Neither a run nor an adjusting run has anything to write, and nothing differs."""
        for adjust in (True, False):
            result = self.preview(*sides, adjust=adjust)
            assert (result.drafts, result.settlements, result.differences) == ((), (), ())
        assert not [one for one in result.problems if one.code != "entry-long-day"]
        assert "Nothing new to write." in self.bill(*sides, adjust=True)

    def net(self, side: Side) -> Decimal:
        """What all documents of the side's contract come to."""
        moves = self.client.find(
            "account.move",
            [("invoice_origin", "=", side.code), ("state", "!=", "cancel")],
            ["move_type", "amount_untaxed"],
            allowed_company_ids=[side.client.company],
        )
        signs = {"out_invoice": 1, "out_refund": -1}
        return sum(
            (signs[m["move_type"]] * scene.number(m["amount_untaxed"]) for m in moves), Decimal(0)
        )

    def post(self, side: Side) -> None:
        moves = side.client.ids(
            "account.move", [("invoice_origin", "=", side.code), ("state", "=", "draft")]
        )
        side.client.write("account.move", moves, invoice_date=str(BILLED))
        side.client.button("account.move", "action_post", moves)

    def entry(self, entry: int) -> dict[str, Any]:
        fields = ["partner_id", "klausel_covered", "timesheet_invoice_id", "project_id"]
        (row,) = self.client.find("account.analytic.line", [("id", "=", entry)], fields)
        return row

    def live(self, entry: int) -> dict[int, int]:
        """Live settled seconds of the entry by contract, wherever in the database."""
        found: dict[int, int] = {}
        domain = [("entry_ref", "=", entry), ("state", "=", "live"), ("held", "=", False)]
        companies = self.client.ids("res.company", [])
        for row in self.client.find(
            "klausel.ledger", domain, ["contract_id", "seconds"], allowed_company_ids=companies
        ):
            found[row["contract_id"]] = found.get(row["contract_id"], 0) + row["seconds"]
        return {contract: seconds for contract, seconds in found.items() if seconds}


@pytest.fixture(scope="module")
def world(odoo: Odoo) -> World:
    client = WebClient(odoo)
    usd = scene.currency(client, "USD")
    hours = scene.service(client, "Hours that move")
    return World(odoo, client, hours, scene.employee(client, "Bo"), usd)


def test_an_entry_on_another_customers_task(world: World) -> None:
    """E4: the new customer is billed for all else; the old one is told what to do."""
    old, new = world.side("95.00"), world.side("80.00")
    entry, own = world.log(old, 2), world.log(new, 1)
    world.bill(old, day=BILLED)
    world.post(old)
    world.move(entry, new)
    result = world.preview()
    assert [d for d in result.differences if d.entry == str(entry)] == [
        Difference(
            old.code, f"{old.code}/S/time/2026-01-01/95", str(entry), "moved", "2 h", new.name
        )
    ]
    said = world.bill(new)
    assert f"settled with {old.name} under contract {old.code}" in said
    assert (world.net(old), world.net(new)) == (190, 80)
    assert world.live(own) == {new.contract: 3600}
    # Once more, also with --adjust for the new customer alone.
    assert "Nothing new to write." in world.bill(new, adjust=True)
    assert world.live(entry) == {old.contract: 7200}
    assert world.preview(old).differences[0].cause == "moved"
    world.bill(old, new, adjust=True)
    assert (world.net(old), world.net(new)) == (0, 240)
    assert world.live(entry) == {new.contract: 7200}
    world.quiet(old, new)


@pytest.mark.parametrize("first", ["old", "new"])
def test_customer_by_customer(world: World, first: str) -> None:
    old, new = world.side("95.00"), world.side("80.00")
    entry = world.log(old, 2)
    world.bill(old, new, day=BILLED)
    world.move(entry, new)
    for side in (old, new) if first == "old" else (new, old, new):
        world.bill(side, adjust=True)
    assert (world.net(old), world.net(new)) == (0, 160)
    world.quiet(old, new)


def test_an_invoiced_hour_on_another_customers_project(world: World) -> None:
    """E5: Odoo leaves its customer as it was; here it goes along, and no order bills it."""
    old, new = world.side("95.00"), world.side("80.00")
    order = world.client.create_one(
        "sale.order", partner_id=new.customer,
        order_line=[(0, 0, {"product_id": world.client.create_one(
            "product.product", name="Timed", type="service", service_type="timesheet",
            service_policy="delivered_timesheet", list_price=50,
        ), "product_uom_qty": 10})],
    )  # fmt: skip
    world.client.button("sale.order", "action_confirm", [order])
    (line,) = world.client.ids("sale.order.line", [("order_id", "=", order)])
    values = {"allow_billable": True, "partner_id": new.customer, "sale_line_id": line}
    world.client.write("project.project", [new.project], **values)

    def offered() -> float:
        (row,) = world.client.find("sale.order.line", [("id", "=", line)], ["qty_to_invoice"])
        return float(row["qty_to_invoice"])

    entry = world.log(old, 2)
    world.bill(old, day=BILLED)
    world.post(old)
    world.client.write(
        "account.analytic.line", [entry], project_id=new.project, task_id=False, so_line=line
    )
    assert world.entry(entry)["partner_id"] == new.customer
    assert offered() == 0
    assert world.preview(old).differences[0].cause == "moved"
    world.bill(old, new, adjust=True)
    assert (world.net(old), world.net(new)) == (0, 160)
    assert offered() == 0
    after = world.entry(entry)
    assert after["klausel_covered"]
    (move,) = world.client.ids("account.move", [("invoice_origin", "=", new.code)])
    assert after["timesheet_invoice_id"] == move
    world.quiet(old, new)


def test_two_entries_change_places(world: World) -> None:
    """E6: one run writes all, the next one nothing; also where it breaks off in the middle."""
    for done in range(4):
        one, two = world.side("95.00"), world.side("80.00")
        mine, yours = world.log(one, 2), world.log(two, 1)
        world.bill(one, two, day=BILLED)
        world.move(mine, two)
        world.move(yours, one)
        result = world.preview(one, two, adjust=True)
        todo = list(applications(result))
        assert [int(a.customer) for a in todo] in (
            [one.customer, two.customer] * 2,
            [two.customer, one.customer] * 2,
        )
        source = scene.source(world.odoo)
        for application in todo[:done]:
            source.apply(application, result.book)
        world.bill(one, two, adjust=True)
        assert (world.net(one), world.net(two)) == (95, 160)
        assert world.live(mine) == {two.contract: 7200}
        assert world.live(yours) == {one.contract: 3600}
        world.quiet(one, two)


def test_a_project_that_goes_to_another_customer(world: World) -> None:
    """What is settled stays with whom it was done for; the rest goes along."""
    old, new = world.side("95.00", date_end="2026-01-31", narrow=True), world.side("80.00")
    entry = world.log(old, 2)
    world.bill(old, new, day=BILLED)
    later = world.log(old, 1, "2026-02-10")
    world.client.write("project.project", [old.project], partner_id=new.customer)
    world.client.write("project.task", [old.ticket], partner_id=new.customer)
    for sides in ((old,), (new,), (old, new)):
        result = world.preview(*sides, adjust=True)
        assert (result.differences, result.problems) == ((), ()), sides
    world.bill(old, new, adjust=True)
    assert (world.net(old), world.net(new)) == (190, 80)
    assert world.live(entry) == {old.contract: 7200}
    assert world.live(later) == {new.contract: 3600}
    # Even where the entry itself names no customer any more.
    world.client.write("account.analytic.line", [entry], unit_amount=1.5)
    world.bill(old, new, adjust=True)
    assert (world.net(old), world.net(new)) == (Decimal("142.5"), 80)
    world.quiet(old, new)


def test_moved_on_and_moved_back(world: World) -> None:
    sides = [world.side(price) for price in ("95.00", "80.00", "70.00")]
    first, second, third = sides
    entry = world.log(first, 2)
    world.bill(*sides, day=BILLED)
    world.move(entry, second)
    world.move(entry, third)
    world.bill(*sides, adjust=True)
    assert [world.net(side) for side in sides] == [0, 0, 140]
    world.move(entry, first)
    world.bill(*sides, adjust=True)
    assert [world.net(side) for side in sides] == [190, 0, 0]
    world.quiet(*sides)


def test_another_company(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """G2: what company A has settled is not billed in company B before it is taken back."""
    here = world.side("95.00")
    ours = scene.company(world.client, world.odoo, "Moving Ltd", world.usd)
    there = world.side("80.00", here.customer, ours)
    entry, own = world.log(here, 2), world.log(there, 1)
    # Of included work no invoice tells that it is settled.
    update = world.client.ref("klausel_billing.tag_update")
    (updated,) = scene.tickets(
        world.client, here.project, here.customer, ["Patch"], tag_ids=[(6, 0, [update])]
    )
    free = world.log(here._replace(ticket=updated), 0.5)
    world.bill(here, there, day=BILLED)
    both = [world.client.company, ours.company]
    theirs = scene.employee(ours, "Di")

    def move(entry: int, side: Side, who: int) -> None:
        values = {"project_id": side.project, "task_id": side.ticket, "employee_id": who}
        world.client.call(
            "account.analytic.line", "write", [entry], values,
            context={"allowed_company_ids": both},
        )  # fmt: skip

    move(entry, there, theirs)
    move(free, there, theirs)
    (row,) = ours.find("account.analytic.line", [("id", "=", entry)], ["company_id"])
    assert row["company_id"] == ours.company
    said = world.bill(there)
    assert said.count(f"is settled under contract {here.code}") == 2
    assert world.net(there) == 80
    assert world.live(own) == {there.contract: 3600}
    assert world.live(entry) == {here.contract: 7200}
    # Whoever does not ask is refused in one sentence.
    with monkeypatch.context() as blind_to:
        blind_to.setattr(writing, "elsewhere", lambda *_: [])
        blind = world.preview(there)
        assert [draft.total for draft in blind.drafts] == [40]
        (refused,) = write(scene.source(world.odoo, str(ours.company)), blind).refused
        assert refused.message == (
            f"Timesheet {free} is already settled with {here.name} in another company."
        )
    assert "Nothing new to write." in world.bill(there)
    # Back again nothing has happened.
    move(entry, here, world.who)
    move(free, here._replace(ticket=updated), world.who)
    world.bill(here)
    world.quiet(here)
    world.quiet(there)
    # And taken back in the one company it is the other's.
    move(entry, there, theirs)
    world.bill(here, adjust=True)
    world.bill(there)
    assert (world.net(here), world.net(there)) == (0, 240)
    assert world.live(entry) == {there.contract: 7200}
    world.quiet(here)
    world.quiet(there)


def test_a_cancelled_invoice_of_time_that_moved_on(world: World) -> None:
    """It cannot come back where its time is on somebody else's invoice."""
    old, new = world.side("95.00"), world.side("80.00")
    entry = world.log(old, 2)
    world.bill(old, new, day=BILLED)
    (invoice,) = world.client.ids("account.move", [("invoice_origin", "=", old.code)])
    world.client.button("account.move", "button_cancel", [invoice])
    assert world.live(entry) == {}
    world.move(entry, new)
    assert world.entry(entry)["partner_id"] == new.customer
    world.bill(old, new)
    assert world.live(entry) == {new.contract: 7200}
    with pytest.raises(RefusedError, match=r"was billed on .* since: cancel or delete that first"):
        world.client.button("account.move", "button_draft", [invoice])
    assert (world.net(old), world.net(new)) == (0, 160)
    world.quiet(old, new)


@pytest.mark.parametrize("how", ["deleted", "cancelled"])
def test_our_credit_of_time_that_moved_on_is_deleted(world: World, how: str) -> None:
    """Our draft credit goes after the new customer was billed: the hour is not owed twice."""
    old, new = world.side("95.00"), world.side("80.00")
    entry = world.log(old, 2)
    world.bill(old, new, day=BILLED)
    world.post(old)
    world.move(entry, new)
    world.bill(old, new, adjust=True)
    assert (world.net(old), world.net(new)) == (0, 160)
    domain = [("invoice_origin", "=", old.code), ("move_type", "=", "out_refund")]
    (credit,) = world.client.ids("account.move", domain)
    if how == "deleted":
        world.client.delete("account.move", [credit])
    else:
        world.client.button("account.move", "button_cancel", [credit])
    assert (world.net(old), world.net(new)) == (190, 160)
    # The old customer's hour is a difference, and the new one's invoice stays.
    assert world.preview(old, new).differences
    world.bill(old, new, adjust=True)
    assert (world.net(old), world.net(new)) == (0, 160)
    assert world.live(entry) == {new.contract: 7200}
    world.quiet(old, new)


def test_drawn_and_included_time_moves_like_billed_time(world: World) -> None:
    """Nothing of it stands on an invoice; it is taken back and settled anew all the same."""
    old, new = world.side("95.00"), world.side("80.00")
    update = world.client.ref("klausel_billing.tag_update")
    (patch,) = scene.tickets(
        world.client, old.project, old.customer, ["Patch"], tag_ids=[(6, 0, [update])]
    )
    free = world.log(old._replace(ticket=patch), 4)
    world.bill(old, new, day=BILLED)
    assert (world.net(old), world.live(free)) == (0, {old.contract: 14400})
    world.move(free, new)
    assert "settled with" in world.bill(new)
    assert world.net(new) == 0
    world.bill(old, new, adjust=True)
    assert (world.net(old), world.net(new)) == (0, 320)
    assert world.live(free) == {new.contract: 14400}
    world.quiet(old, new)
