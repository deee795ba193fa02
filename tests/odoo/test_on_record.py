"""What is on record in Odoo: one record per run, sums of the ledger, and Correct."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from . import scene
from .rpc import Rpc
from .scene import Log, Term
from .server import Odoo, Server
from .test_invoice_page import flat, shot
from .webclient import RefusedError, WebClient

pytestmark = pytest.mark.odoo

MEASURES = ("net", "worked_hours", "counted_hours", "drawn_hours")


class World(NamedTuple):
    server: Server
    odoo: Odoo
    client: WebClient
    customers: list[int]
    contracts: list[int]
    entries: list[list[int]]


def bill(world: World, as_of: str, *more: str) -> scene.Said:
    said = scene.klausel(
        world.odoo, "bill", "--yes", "--backlog", "--as-of", as_of, *more,
        company=str(world.client.company),
    )  # fmt: skip
    assert said.code == 0, said
    return said


@pytest.fixture(scope="module")
def world(odoo_server: Server, odoo: Odoo) -> World:
    """Two customers: hours reserved for a month, and service by the hour."""
    admin = WebClient(odoo)
    client = scene.company(
        admin, odoo, "Nordlicht Nachweis GmbH", scene.currency(admin, "EUR"),
        country_id=admin.ref("base.de"), lang="de_DE",
    )  # fmt: skip
    who, product = scene.employee(client, "Bo"), scene.service(client, "Hour")
    customers, contracts, entries = [], [], []
    terms = [
        ("reserved-hours", Term("R", "hours-monthly", product,
            {"hours": "2", "price": "80.00", "beyond_price": "100.00"}, takes="service")),
        ("web-care", Term("S", "service-monthly", product, {"price": "95.50"}, takes="service")),
    ]  # fmt: skip
    for number, (policy, term) in enumerate(terms):
        customer = client.create_one(
            "res.partner", name=f"Customer {number}", is_company=True, lang="de_DE"
        )
        project = scene.project(client, customer, f"Project {number}")
        (ticket,) = scene.tickets(client, project, customer, [f"Ticket {number}"])
        logs = [Log(project, ticket, f"2026-01-{day}", 1.1) for day in (12, 13, 14)]
        entries.append(scene.log(client, who, logs))
        customers.append(customer)
        contracts.append(
            scene.contract(
                client, customer, f"N-{number}", [term], policy, scene.currency(client, "EUR")
            )
        )
    world = World(odoo_server, odoo, client, customers, contracts, entries)
    bill(world, "2026-02-01")
    return world


# --- one record per run -------------------------------------------------------------------------


def batches(world: World, *fields: str) -> list[dict[str, Any]]:
    wanted = fields or (
        "as_of", "run_ids", "move_ids", "customer_count", "invoice_count", "amounts", "user_id",
    )  # fmt: skip
    return world.client.find("klausel.batch", [("company_id", "=", world.client.company)], wanted)


def test_a_run_stands_above_its_customers(world: World) -> None:
    (batch,) = batches(world)
    assert (batch["as_of"], batch["customer_count"], batch["invoice_count"]) == ("2026-02-01", 2, 2)
    assert len(batch["run_ids"]) == len(batch["move_ids"]) == 2
    runs = world.client.find("klausel.run", [("batch_id", "=", batch["id"])], ["partner_id"])
    assert sorted(row["partner_id"] for row in runs) == sorted(world.customers)
    # 2 h at 80.00, 1.5 h beyond at 100.00 and 3.3 h at 95.50
    assert batch["amounts"].replace("\xa0", " ") == "625.15 €", batch
    # Nothing new: no further run, and none without customers.
    bill(world, "2026-02-01")
    assert len(batches(world)) == 1


def test_a_run_of_before_there_were_batches_stands_alone(world: World) -> None:
    """As an older program bills: its payload names no batch."""
    admin = Rpc(world.odoo)
    code = admin.call(
        "klausel.run", "search_count", [("batch_id", "=", False), ("company_id", "=", 1)]
    )
    assert code == 0
    printed = world.server.shell(
        world.odoo.database,
        """
from odoo.addons.klausel_billing.models import payload
base = {"partner_id": 1, "seq": 0, "key": "k", "as_of": "2026-02-01", "fingerprints": {},
        "moves": [], "rows": []}
print(repr(payload.parse(base).batch), payload.parse({**base, "batch": "b"}).batch)
for wrong in (7, "x" * 65):
    try:
        print(payload.parse({**base, "batch": wrong}))
    except payload.BadPayload as error:
        print("bad", error)
""",
    )
    assert printed.splitlines()[-3:] == ["'' b", "bad batch", "bad batch"]


# --- sums ---------------------------------------------------------------------------------------


def ledger_sums(world: World) -> list[tuple[str | None, ...]]:
    names = ", ".join(f"sum({name})::numeric(16,4)" for name in MEASURES)
    return world.server.psql(
        world.odoo.database,
        f"SELECT contract_id, currency_id, {names} FROM klausel_ledger"
        f" WHERE contract_id IN ({', '.join(map(str, world.contracts))})"
        " GROUP BY 1, 2 ORDER BY 1",
    )


def test_the_ledgers_measures_add_up(world: World) -> None:
    """A line's time is that of its timesheets: it is not counted twice."""
    groups = world.client.call(
        "klausel.ledger", "formatted_read_group",
        [("contract_id", "in", world.contracts), ("state", "=", "live")],
        ["contract_id", "period:quarter"], [f"{name}:sum" for name in MEASURES],
    )  # fmt: skip
    found = {
        group["contract_id"][0]: [round(group[f"{name}:sum"], 4) for name in MEASURES]
        for group in groups
    }
    assert found == {
        world.contracts[0]: [310.0, 3.3, 3.5, 2.0],
        world.contracts[1]: [315.15, 3.3, 3.3, 0.0],
    }
    labels = world.client.call(
        "klausel.ledger", "formatted_read_group",
        [("contract_id", "=", world.contracts[1]), ("entry_ref", "!=", 0)],
        ["disposition"], ["__count"],
    )  # fmt: skip
    assert [(group["disposition"], group["__count"]) for group in labels] == [("service", 3)]


def test_older_rows_get_their_sums(world: World) -> None:
    """The migration makes what Odoo itself would work out."""
    before = ledger_sums(world)
    links = world.client.call("klausel.run", "klausel_links", world.client.company)
    assert links["broken"] == []
    columns = ", ".join(f"DROP COLUMN {name}" for name in ("currency_id", *MEASURES))
    world.server.psql(world.odoo.database, f"ALTER TABLE klausel_ledger {columns}")
    printed = world.server.shell(
        world.odoo.database,
        """
import importlib.util
from odoo.tools import file_path
path = file_path("klausel_billing/migrations/19.0.1.3.0/pre-migrate.py")
spec = importlib.util.spec_from_file_location("migration", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.migrate(env.cr, "19.0.1.2.0")
module.migrate(env.cr, "19.0.1.2.0")
env.cr.commit()
print("migrated")
""",
    )
    assert printed.splitlines()[-1] == "migrated"
    assert ledger_sums(world) == before
    assert world.client.call("klausel.run", "klausel_links", world.client.company) == links


# --- Correct ------------------------------------------------------------------------------------


def notes(world: World, contract: int) -> str:
    domain = [("model", "=", "klausel.contract"), ("res_id", "=", contract)]
    return "\n".join(row["body"] for row in world.client.find("mail.message", domain, ["body"]))


def correct(world: World, entry: int, client: WebClient | None = None, **values: Any) -> Any:
    client = client or world.client
    action = client.button("account.analytic.line", "klausel_action_correct", [entry])
    return client.dialog(action, "action_correct", "account.analytic.line", [entry], **values)


def total(world: World, customer: int) -> Decimal:
    moves = world.client.find(
        "account.move", [("commercial_partner_id", "=", customer)], ["amount_untaxed_signed"]
    )
    return sum((scene.number(move["amount_untaxed_signed"]) for move in moves), Decimal(0))


def test_correcting_hours_puts_the_invoice_right(world: World) -> None:
    entry, customer = world.entries[1][0], world.customers[1]
    assert total(world, customer) == Decimal("315.15")
    correct(world, entry, hours=2.1, name="Put right", reason="Logged an hour too little")
    (row,) = world.client.find("account.analytic.line", [("id", "=", entry)],
                               ["unit_amount", "name"])  # fmt: skip
    assert (row["unit_amount"], row["name"]) == (2.1, "Put right")
    said = notes(world, world.contracts[1])
    assert "Reason: Logged an hour too little" in said
    assert "changed from “1.1” to “2.1”" in said
    bill(world, "2026-02-01", "--adjust")
    assert total(world, customer) == Decimal("410.65")
    assert len(batches(world, "key")) == 2


def test_not_to_be_billed_is_given_back(world: World) -> None:
    entry, customer = world.entries[1][1], world.customers[1]
    before = total(world, customer)
    correct(world, entry, not_billable=True, reason="Goodwill")
    (decision,) = world.client.find("klausel.override", [("entry_id", "=", entry)],
                                    ["disposition", "reason", "state"])  # fmt: skip
    assert (decision["disposition"], decision["reason"], decision["state"]) == (
        "written_off", "Goodwill", "live",
    )  # fmt: skip
    bill(world, "2026-02-01", "--adjust")
    assert before - total(world, customer) == Decimal("105.05")


def test_the_dialog_says_what_is_settled(world: World) -> None:
    entry = world.entries[0][0]
    (part,) = world.client.ids(
        "klausel.ledger", [("entry_ref", "=", entry), ("state", "=", "live")]
    )
    action = world.client.button("klausel.ledger", "action_correct", [part])
    assert action["context"]["active_ids"] == [entry]
    (wizard,) = world.client.create(
        "klausel.correct", [{"reason": "look"}], active_model="account.analytic.line",
        active_ids=[entry],
    )  # fmt: skip
    (row,) = world.client.find(
        "klausel.correct", [("id", "=", wizard)],
        ["entry_id", "settled_hours", "hours", "ledger_ids", "date"],
    )  # fmt: skip
    assert (row["entry_id"], row["ledger_ids"], row["date"]) == (entry, [part], "2026-01-12")
    assert (row["hours"], round(row["settled_hours"], 4)) == (1.1, 1.1)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"reason": "  "}, "Say why you correct it."),
        ({"reason": "because"}, "Nothing is changed: enter what is right."),
    ],
)
def test_what_correct_refuses(world: World, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError) as refused:
        correct(world, world.entries[0][0], **values)
    assert str(refused.value) == sentence


def test_only_one_settled_timesheet_is_corrected(world: World) -> None:
    client, (first, second, _third) = world.client, world.entries[0]
    (ticket,) = client.find("account.analytic.line", [("id", "=", first)],
                            ["project_id", "task_id", "employee_id"])  # fmt: skip
    (loose,) = scene.log(
        client, ticket["employee_id"],
        [Log(ticket["project_id"], ticket["task_id"], "2026-02-12", 1, "New")],
    )  # fmt: skip
    wanted = [
        ([first, second], "Select one timesheet that you correct."),
        ([], "Select one timesheet that you correct."),
        ([loose], "“New” of 2026-02-12 is not settled: change the timesheet itself."),
    ]
    for ids, sentence in wanted:
        with pytest.raises(RefusedError) as refused:
            client.call("klausel.correct", "default_get", ["entry_id", "date"], context={
                "active_model": "account.analytic.line", "active_ids": ids,
            })  # fmt: skip
        assert str(refused.value) == sentence
    client.delete("account.analytic.line", [loose])


def test_a_task_of_another_project_takes_the_time_along(world: World) -> None:
    client, entry = world.client, world.entries[0][2]
    other = scene.project(client, world.customers[0], "Second project")
    (task,) = scene.tickets(client, other, world.customers[0], ["Elsewhere"])
    correct(world, entry, task_id=task, reason="Wrong project")
    (row,) = client.find("account.analytic.line", [("id", "=", entry)],
                         ["project_id", "task_id", "partner_id"])  # fmt: skip
    assert (row["project_id"], row["task_id"]) == (other, task)
    assert row["partner_id"] == world.customers[0]


# --- screens ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(world: World, browser: Browser) -> Iterator[Page]:
    """The administrator's web client in the company, logged in."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    found = context.new_page()
    found.goto(f"{world.odoo.url}/web/login?db={world.odoo.database}")
    found.fill("input[name=login]", world.odoo.login)
    found.fill("input[name=password]", world.odoo.password)
    found.click("button[type=submit]")
    found.wait_for_url("**/odoo**")
    cookie = {"name": "cids", "value": str(world.client.company), "url": world.odoo.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    yield found
    context.close()


def speak(world: World, language: str) -> None:
    (user,) = world.client.ids("res.users", [("login", "=", world.odoo.login)])
    world.client.write("res.users", [user], lang=language)


def opened(world: World, page: Page, path: str, ready: str) -> str:
    """The text of the screen at ``path``, once ``ready`` is there."""
    page.goto(f"{world.odoo.url}/odoo/action-klausel_billing.{path}")
    page.locator(ready).first.wait_for()
    return flat(page.locator(".o_action_manager").inner_text())


@pytest.mark.parametrize("language", ["en_US", "de_DE"])
def test_the_screens_show_what_is_on_record(
    world: World, page: Page, tmp_path: Path, language: str
) -> None:
    german = language == "de_DE"
    speak(world, language)
    try:
        runs = opened(world, page, "klausel_batch_action", ".o_data_row")
        shot(page, f"runs-{language}", tmp_path)
        assert ("625,15" if german else "625.15") in runs
        first = min(batch["id"] for batch in batches(world, "key"))
        run = opened(world, page, f"klausel_batch_action/{first}", ".o_data_row")
        shot(page, f"run-{language}", tmp_path)
        assert "Customer 0" in run
        assert "Customer 1" in run
        ledger = opened(world, page, "klausel_ledger_action", ".o_data_row")
        shot(page, f"ledger-{language}", tmp_path)
        assert ("Nettobetrag" if german else "Net Amount") in ledger
        pivot = opened(world, page, "klausel_ledger_analysis_action", ".o_pivot table")
        shot(page, f"pivot-{language}", tmp_path)
        assert ("Gearbeitete Stunden" if german else "Hours Worked") in pivot
        page.locator(".o_switch_view.o_graph").click()
        page.locator(".o_graph_renderer canvas").wait_for()
        shot(page, f"graph-{language}", tmp_path)
        live = [("entry_ref", "=", world.entries[0][1]), ("state", "=", "live")]
        part, *_ = world.client.ids("klausel.ledger", live)
        opened(world, page, f"klausel_ledger_action/{part}", ".o_form_view")
        page.locator("button[name=action_correct]").click()
        dialog = page.locator(".modal-dialog")
        dialog.locator(".o_data_row").first.wait_for()
        shot(page, f"correct-{language}", tmp_path)
        said = flat(dialog.inner_text())
        assert ("Mit Korrekturen" if german else "Refresh with Corrections") in said
        dialog.locator(".modal-footer .btn-secondary").click()
    finally:
        speak(world, "en_US")
