"""Drafts to the last digit: two companies, two rounding methods, currencies of 0, 2, 3 digits."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

import pytest

from klausel.result import Draft, Marks, Result
from klausel_run.preview import Options, preview
from tests.counts import count

from . import scene
from .scene import Log, Term
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

AS_OF = date(2026, 2, 10)
CURRENCIES = {"JPY": 0, "EUR": 2, "USD": 2, "KWD": 3, "TND": 3}
#: Company, its rounding method, the user's way to name it, and demo customers with contracts.
COMPANIES = (
    ("YourCompany", "round_globally", "YourCompany", ("Wood Corner", "Gemini Furniture")),
    ("My US Company", "round_per_line", "2", ("Azure Interior", "Lumber Inc")),
)
#: Of another country: Odoo exchanges the product's taxes for those of exports.
FOREIGN = "Gemini Furniture"
TEN = {"round_globally": Decimal("238.75"), "round_per_line": Decimal("238.80")}

#: Price, quantity and discount: ties at half of the last digit for currencies of 0, 2 and 3
#: digits, numbers that binary fractions miss, thirds, and prices with more digits than money has.
FEES = (
    ("0.005", "1", 0), ("1.0050", "1", 0), ("2.6750", "1", 0), ("1.1150", "1", 0),
    ("33.33", "1", 50), ("10.01", "3", 50), ("0.01", "1", 50), ("19.99", "7", 33.33),
    ("1000.5", "1", 0), ("2.5", "1", 0), ("0.5", "1", 0), ("999999.5", "1", 0),
    ("0.0005", "1", 0), ("1.0005", "1", 0), ("0.2525", "1", 0), ("4.0015", "1", 0),
    ("95.50", "0.25", 0), ("95.50", "0.25", 2.5), ("7.77", "1.13", 12.5), ("0.333333", "3", 0),
    ("123.456789", "2.5", 7.25), ("49.00", "12", 0), ("0.07", "0.5", 99.99), ("66.67", "1", 100),
)  # fmt: skip


class World(NamedTuple):
    odoo: Odoo
    clients: dict[str, WebClient]
    """The administrator at work for each company."""
    previews: dict[str, Result]
    """What was shown for each company before it was billed."""
    said: dict[str, str]
    contracts: dict[str, list[int]]


def bot(admin: WebClient, odoo: Odoo) -> Odoo:
    """The program's own user, who works for both companies."""
    companies = admin.ids("res.company", [("name", "in", [name for name, *_ in COMPANIES])])
    admin.create_one(
        "res.users", name="Bot", login="bot", password="bot-password",
        company_id=admin.company, company_ids=[(6, 0, companies)],
        group_ids=[(6, 0, [admin.ref("klausel_billing.group_connector")])],
    )  # fmt: skip
    return replace(odoo, login="bot", password="bot-password")


@pytest.fixture(scope="module")
def world(odoo: Odoo) -> World:
    """Both companies, each previewed and then billed by the command, one after the other."""
    admin = WebClient(odoo)
    for currency in CURRENCIES:
        scene.currency(admin, currency)
    bots = bot(admin, odoo)
    clients, contracts = {}, {}
    for number, (name, method, _, customers) in enumerate(COMPANIES):
        client = clients[name] = WebClient(odoo)
        (client.company,) = admin.ids("res.company", [("name", "=", name)])
        client.write("res.company", [client.company], tax_calculation_rounding_method=method)
        contracts[name] = fill(client, f"C{number}", customers)
    previews, said = {}, {}
    for name, _, setting, _ in COMPANIES:
        previews[name] = preview(scene.source(bots, setting), Options(AS_OF, record=True))
        # Each run meets what the one before it wrote for the other company.
        done = scene.klausel(bots, "bill", "--yes", "--as-of", str(AS_OF), company=setting)
        assert (done.code, done.err) == (0, ""), done
        said[name] = done.out
    return World(bots, clients, previews, said, contracts)


def fill(client: WebClient, prefix: str, customers: tuple[str, ...]) -> list[int]:
    """A contract in each currency, with fees; one by the ticket; each of some demo customer."""
    ids = [client.ids("res.partner", [("name", "=", name)])[0] for name in customers]
    (tax,) = client.find(
        "account.tax",
        [("company_id", "=", client.company), ("type_tax_use", "=", "sale"),
         ("amount_type", "=", "percent"), ("amount", ">", 0)],
        ["id"],
    )[:1]  # fmt: skip
    hours = scene.service(client, f"{prefix} hours", taxes_id=[(6, 0, [tax["id"]])])
    found = []
    for number, name in enumerate(CURRENCIES):
        found.append(
            scene.contract(
                client, ids[number % 2], f"{prefix}-{name}",
                [
                    Term(f"F{index}", "flat-monthly", hours,
                         {"price": price, "quantity": quantity}, discount)
                    for index, (price, quantity, discount) in enumerate(FEES)
                ],
                "it-support", scene.currency(client, name), start="2026-01-10",
            )
        )  # fmt: skip
    project = scene.project(client, ids[0], f"{prefix} shop")
    tickets = scene.tickets(client, project, ids[0], [f"Ticket {number}" for number in range(10)])
    who = scene.employee(client, f"{prefix} Bo")
    scene.log(client, who, [Log(project, ticket, "2026-01-20", 0.25) for ticket in tickets])
    found.append(
        scene.contract(
            client, ids[0], f"{prefix}-TEN",
            [Term("T", "effort-by-ticket", hours, {"price": "95.50"}, takes="service")],
            "shop-effort", scene.currency(client, "USD"),
        )
    )  # fmt: skip
    return found


MOVE = (
    "amount_untaxed", "amount_tax", "amount_total", "currency_id", "company_id", "partner_id",
    "move_type", "state", "journal_id",
)  # fmt: skip
LINE = (
    "move_id", "name", "quantity", "price_unit", "discount", "price_subtotal", "tax_ids",
    "product_id", "sequence",
)  # fmt: skip


class Written(NamedTuple):
    draft: Draft
    move: dict[str, Any]
    lines: list[dict[str, Any]]
    """In the order of the draft's lines."""


def written(world: World, company: str) -> list[Written]:
    """The drafts of a company's preview as they stand in Odoo, found through the ledger."""
    client = world.clients[company]
    rows = scene.ledger(client, world.contracts[company])
    places = {row.key: row for row in rows if row.line and not row.entry}
    moves = {
        move["id"]: move
        for move in client.find("account.move", [("id", "in", [r.move for r in rows])], MOVE)
    }
    lines = {
        line["id"]: line
        for line in client.find(
            "account.move.line", [("id", "in", [r.line for r in rows])], LINE
        )
    }  # fmt: skip
    found = []
    for draft in world.previews[company].drafts:
        ours = [places.pop(str(line.key)) for line in draft.lines]
        (move,) = {place.move for place in ours}
        found.append(Written(draft, moves.pop(move), [lines.pop(place.line) for place in ours]))
    assert not places
    assert not moves
    assert not lines
    return found


companies = pytest.mark.parametrize("company", [name for name, *_ in COMPANIES])


@companies
def test_every_draft_and_line_is_the_previews(world: World, company: str) -> None:
    client = world.clients[company]
    names = {row["id"]: row["name"] for row in client.find("res.currency", [], ["name"])}
    found = written(world, company)
    count(f"drafts equal to their preview, {company}", len(found))
    count(f"lines equal to their preview, {company}", sum(len(one.lines) for one in found))
    assert sorted(one.draft.contract for one in found) == sorted(
        row["code"]
        for row in client.find(
            "klausel.contract", [("id", "in", world.contracts[company])], ["code"]
        )
    )
    for draft, move, lines in found:
        assert (move["move_type"], move["state"]) == ("out_invoice", "draft")
        assert move["company_id"] == client.company
        assert names[move["currency_id"]] == draft.currency
        assert draft.digits == CURRENCIES[draft.currency]
        assert scene.number(move["amount_untaxed"]) == draft.total, draft.contract
        orders = [line["sequence"] for line in lines]
        assert orders == sorted(orders)
        for line, row in zip(draft.lines, lines, strict=True):
            assert row["name"] == line.description + Marks(draft).behind(line, told=True)
            shown = (line.quantity, line.unit_price, line.discount, line.amount)
            numbers = ("quantity", "price_unit", "discount", "price_subtotal")
            assert tuple(scene.number(row[name]) for name in numbers) == shown, line.key


@companies
def test_ten_quarter_hours(world: World, company: str) -> None:
    """10 x 0.25 h x 95.50 (semantics 1): how it adds up is the company's setting."""
    method = next(method for name, method, *_ in COMPANIES if name == company)
    (ten,) = (one for one in written(world, company) if one.draft.contract.endswith("-TEN"))
    assert [line["price_subtotal"] for line in ten.lines] == [23.88] * 10
    assert scene.number(ten.move["amount_untaxed"]) == TEN[method]


@companies
def test_taxes_are_those_of_an_invoice_by_hand(world: World, company: str) -> None:
    """Somebody enters the same lines: Odoo adds the same taxes and comes to the same totals."""
    client = world.clients[company]
    (abroad,) = client.ids("res.partner", [("name", "=", FOREIGN)])
    for draft, move, lines in written(world, company):
        by_hand = client.create_one(
            "account.move", move_type="out_invoice", partner_id=move["partner_id"],
            currency_id=move["currency_id"], journal_id=move["journal_id"],
            invoice_line_ids=[
                (0, 0, {
                    "product_id": row["product_id"], "name": row["name"],
                    "quantity": row["quantity"], "price_unit": row["price_unit"],
                    "discount": row["discount"],
                })
                for row in lines
            ],
        )  # fmt: skip
        (other,) = client.find("account.move", [("id", "=", by_hand)], MOVE)
        for name in ("amount_untaxed", "amount_tax", "amount_total"):
            assert move[name] == other[name], draft.contract
        assert (move["amount_tax"] > 0) is (move["partner_id"] != abroad), draft.contract
        domain = [("move_id", "=", by_hand), ("display_type", "=", "product")]
        rows = client.find("account.move.line", domain, LINE)
        assert [row["tax_ids"] for row in lines] == [row["tax_ids"] for row in rows]
        assert all(row["tax_ids"] for row in lines)
        assert [row["price_subtotal"] for row in lines] == [row["price_subtotal"] for row in rows]
        client.delete("account.move", [by_hand])


@companies
def test_a_second_bill_writes_nothing_and_the_audit_is_clean(world: World, company: str) -> None:
    client = world.clients[company]
    setting = next(setting for name, _, setting, _ in COMPANIES if name == company)

    def state() -> Any:
        moves = client.find("account.move", [("company_id", "=", client.company)], ["write_date"])
        rows = client.find("klausel.ledger", [], ["write_date", "state"])
        return moves, rows

    before = state()
    again = scene.klausel(world.odoo, "bill", "--yes", "--as-of", str(AS_OF), company=setting)
    assert (again.code, again.err) == (0, "")
    assert again.out.endswith("\nNothing new to write.\n")
    assert state() == before
    audit = scene.klausel(world.odoo, "audit", "--as-of", str(AS_OF), company=setting)
    assert (audit.code, audit.err) == (0, "")
    rows = len(scene.ledger(client, world.contracts[company]))
    assert audit.out == f"{rows} ledger rows compared, 0 differences\n"
    count(f"ledger rows audited, {company}", rows)


def test_each_company_is_billed_by_itself(world: World) -> None:
    """The first run wrote nothing for the second company, and the commands said what they did."""
    for name, *_ in COMPANIES:
        drafts = world.previews[name].drafts
        customers = {draft.customer for draft in drafts}
        assert (
            f"{len(drafts)} drafts written, {len(customers)} customers settled."
            in (world.said[name])
        )
        assert not world.previews[name].problems
    first, second = (set(world.contracts[name]) for name, *_ in COMPANIES)
    assert len(first) == len(second) == len(CURRENCIES) + 1
    assert not first & second
