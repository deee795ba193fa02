"""The connector reads a real Odoo: everything that a run needs, the same on every way in."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from klausel import PROTOCOL
from klausel.engine import bill
from klausel.formats import View, render
from klausel.formats import explain as why
from klausel.model import Book, Entry
from klausel.problems import ErpError
from klausel_book import BookSource
from klausel_book.source import demo_folder
from klausel_odoo import OdooSettings, OdooSource, checks, erp
from klausel_run.activity import activity
from klausel_run.compare import compare
from klausel_run.doctor import Check, examine
from klausel_run.explain import HELD, explain
from klausel_run.preview import Options, preview
from klausel_run.snapshot import snapshot

from .server import Odoo, Server

pytestmark = pytest.mark.odoo

POLICIES = demo_folder() / "policies"
#: Demo data lies around the day of the installation, next week included.
UNTIL = datetime.now(timezone.utc).date() + timedelta(days=45)
TRANSPORTS = ("odoorpc", "xmlrpc", "json2")

NOTES = [
    "  spaces around  ", 'say "hi", twice', "two\nlines", "dos\r\nlines\r\n", "old\rmac",
    "<p>Hello<br/>world &amp; all</p>", "a; b", "=1+1", "ünï 漢字 🙂",
    "bell\x07 page\x0c.", "\ttab", "x" * 3000, " ",
]  # fmt: skip

#: Users, a customer with a private project, and one of everything that a contract can have.
WORLD = """
import datetime, json
from odoo.fields import Command

main = env.ref("base.main_company")
def user(login, *groups):
    found = env["res.users"].create({
        "name": login, "login": login, "password": login + "-password",
        "company_id": main.id, "company_ids": [Command.set(main.ids)],
        "group_ids": [Command.set([env.ref(group).id for group in groups])],
    })
    soon = datetime.datetime.now() + datetime.timedelta(days=30)
    return env["res.users.apikeys"].with_user(found)._generate(None, "test", soon)

keys = {
    "bot": user("bot", "base.group_user", "klausel_billing.group_connector"),
    "plain": user("plain", "base.group_user"),
    "approver": user(
        "approver", "klausel_billing.group_user", "hr_timesheet.group_hr_timesheet_approver"
    ),
}

def make(model, **values):
    return env[model].with_company(main).create(values)

job = make("hr.job", name="Stoker", company_id=main.id)
employee = make("hr.employee", name="Bo  ", job_id=job.id, company_id=main.id)
mill = make("res.partner", name="Mill\\r\\nSons", is_company=True, country_id=env.ref("base.de").id,
    state_id=env.ref("base.state_de_by").id, lang="de_DE",
    category_id=[Command.create({"name": "Key; gold"})])
ada = make("res.partner", name="Ada", parent_id=mill.id)
quarry = make("res.partner", name="Quarry", is_company=True)
tag = env["project.tags"].create({"name": "Nachts"})
night = env.ref("klausel_billing.tag_update")
vault = make("project.project", name="Vault", partner_id=ada.id, privacy_visibility="followers",
    allow_timesheets=True, company_id=main.id, tag_ids=[Command.set(tag.ids)])
desk = make("project.project", name="Desk", partner_id=False, allow_timesheets=True,
    company_id=main.id)
desk.partner_id = False
above = make("project.task", name="Above", project_id=vault.id, partner_id=ada.id)
ticket = make("project.task", name="Slow page", project_id=vault.id, parent_id=above.id,
    partner_id=ada.id, tag_ids=[Command.set(night.ids)], allocated_hours=1.1,
    klausel_activity="support")
foreign = make("project.task", name="Pump", project_id=desk.id, partner_id=quarry.id)
ours = make("project.task", name="Call", project_id=desk.id, partner_id=mill.id)
# Somebody's private to-do above a ticket: nobody else may read it.
todo = make("project.task", name="Private", project_id=False,
    user_ids=[Command.set(env.ref("base.user_demo").ids)])
env.flush_all()
env.cr.execute("UPDATE project_task SET parent_id = %s WHERE id = %s", (todo.id, foreign.id))
env.invalidate_all()
for record in (vault, above, ticket):
    record.message_unsubscribe(record.message_partner_ids.ids)

def log(name, project, task, hours, **values):
    return make("account.analytic.line", name=name, project_id=project.id, task_id=task.id,
        employee_id=employee.id, unit_amount=hours, company_id=main.id, **values)

today = datetime.date.today()
notes = json.loads(NOTES)
texts = [log("x", vault, ticket, 0.33, date=today - datetime.timedelta(days=50 + number))
    for number, note in enumerate(notes)]
texts[0].klausel_tag_ids = tag | night
# The web client would clean some of these; imports and other programs do not.
for line, note in zip(texts, notes):
    env.cr.execute("UPDATE account_analytic_line SET name = %s WHERE id = %s", (note, line.id))
others = log("for the quarry", desk, foreign, 1, date=today)
called = log("for the mill", desk, ours, 2, date=today)
internal = log("at home", main.internal_project_id, env["project.task"], 3, date=today)
later = log("later", vault, ticket, 1, date=today + datetime.timedelta(days=400))

def invoice(line, post):
    move = make("account.move", move_type="out_invoice", partner_id=mill.id,
        invoice_line_ids=[Command.create({"name": "Work", "quantity": 1, "price_unit": 10})])
    if post:
        move.action_post()
    line.timesheet_invoice_id = move
    return move
posted, draft, cancelled = (invoice(line, post) for line, post in zip(texts, (True, False, True)))
cancelled.button_draft()
cancelled.button_cancel()

contract = make("klausel.contract", code="MILL-1", partner_id=ada.id, policy="web-care",
    date_start=today.replace(day=1) - datetime.timedelta(days=200), company_id=main.id,
    covers="project", project_ids=[Command.set(vault.ids)], po_number="PO 7",
    attribute_ids=[Command.create({"name": "site", "value": "Hof"})],
    term_ids=[Command.create({"code": "S", "plan": "service-monthly", "discount": 12.5,
        "product_id": make("product.product", name="Care", type="service").id,
        "parameter_ids": [
            Command.create({"name": "price", "value": "95.00"}),
            Command.create({"name": "price", "value": "99.50", "date_from": "2026-06-01"})]})])
term = contract.term_ids
values = {"contract_id": contract.id}
fixed = make("klausel.term", **values, code="F", plan="fixed-price", takes=False, priority=9,
    product_id=term.product_id.id,
    parameter_ids=[Command.create({"name": "price", "value": "1000.00"})])
tower = make("project.project", name="Tower", partner_id=mill.id, company_id=main.id)
blocks = make("klausel.contract", code="MILL-2", partner_id=mill.id, policy="reserved-hours",
    date_start="2026-01-01", company_id=main.id, covers="project",
    project_ids=[Command.set(tower.ids)],
    term_ids=[Command.create({"code": "B", "plan": "punch-card", "product_id": term.product_id.id,
        "parameter_ids": [Command.create({"name": "price", "value": "90.00"})]})])
bought = {"contract_id": blocks.id, "term_id": blocks.term_ids.id}
make("klausel.purchase", **bought, date="2026-02-03", hours=10, own_price=True,
    price=0.1 + 0.2, validity_months=12)
make("klausel.purchase", **bought, date="2026-02-04", hours=2.25, invoice="R-1")
make("klausel.item", **values, date="2026-02-03", name="Travel", quantity=2, price=60.5)
make("klausel.acceptance", **values, term_id=fixed.id, part="Konzept", date="2026-02-03")
make("klausel.approval", **values, state="approved", decided_on="2026-02-03", has_limit_hours=True,
    ticket_ids=[Command.set((ticket | above).ids)])
make("klausel.opening", **values, term_id=term.id, date="2026-01-31", hours=-1.5)
make("klausel.contract", code="OLD", partner_id=quarry.id, policy="none", date_start="2020-01-01",
    active=False, company_id=main.id)
for record in (employee, above, job):
    record.active = False

second = env["res.company"].create({"name": "Second"})
env.ref("base.user_admin").company_ids |= second
env.cr.commit()
names = "mill ada vault ticket above foreign others called internal later draft employee second"
print("WORLD" + json.dumps({
    "keys": keys, "texts": [line.id for line in texts], "invoice": posted.name,
    **{name: eval(name).id for name in names.split()},
}))
"""


class World(NamedTuple):
    """What :data:`WORLD` made: ids by name, API keys by login."""

    odoo: Odoo
    made: dict[str, Any]

    def id(self, name: str) -> str:
        return str(self.made[name])

    def source(self, login: str = "bot", key: bool = False, **options: Any) -> OdooSource:
        password = self.made["keys"][login] if key else f"{login}-password"
        values = {
            "url": self.odoo.url, "database": self.odoo.database, "login": login,
            "password": password, "policies": POLICIES, **options,
        }  # fmt: skip
        return OdooSource(OdooSettings.load(**values))


@pytest.fixture(scope="module")
def world(odoo_server: Server, odoo: Odoo) -> World:
    code = WORLD.replace("NOTES)", f"{json.dumps(json.dumps(NOTES))})")
    said = odoo_server.shell(odoo.database, code)
    (line,) = (line for line in said.splitlines() if line.startswith("WORLD"))
    return World(odoo, json.loads(line.removeprefix("WORLD")))


@pytest.fixture(scope="module")
def source(world: World) -> Iterator[OdooSource]:
    """As the user that only the addon's Connector group lets in."""
    source = world.source()
    yield source
    source.close()


@pytest.fixture(scope="module")
def book(source: OdooSource) -> Book:
    return source.read(UNTIL)


def entries(book: Book) -> dict[str, Entry]:
    return {entry.id: entry for entry in book.entries}


def rendered(book: Book) -> str:
    """The result as JSON."""
    return render(bill(book, UNTIL), "json", View())


def same(one: Book, other: Book) -> None:
    """Equal in every part; by part, so that a failure names it."""
    for name in Book.__slots__:
        if name != "policies":
            assert getattr(one, name) == getattr(other, name), name
    assert set(one.policies) == set(other.policies)
    assert rendered(one) == rendered(other)


# --- what is read


def test_contracts_with_all_that_belongs_to_them(world: World, book: Book) -> None:
    assert [contract.code for contract in book.contracts] == [
        "ACME-CARE", "MILL-1", "MILL-2", "OFFICE-CARE", "RM-SUPPORT",
    ]  # fmt: skip
    assert not book.problems
    mill = book.contracts[1]
    # Made out to Ada, it is the mill's.
    assert (mill.customer, mill.currency, mill.po_number) == (world.id("mill"), "USD", "PO 7")
    assert (mill.covers.kind, mill.covers.ids) == ("project", {world.id("vault")})
    assert mill.attributes == {"site": "Hof"}
    term, fixed = mill.terms
    assert (fixed.id, fixed.plan) == ("F", "fixed-price")
    assert (term.id, term.plan, str(term.discount)) == ("S", "service-monthly", "12.5")
    assert term.parameters["price"].steps == (
        (date.min, "95.00"),
        (date(2026, 6, 1), "99.50"),
    )
    first, second = book.purchases
    assert (first.seconds, str(first.price), first.validity) == (36000, "0.30000000000000004", 12)
    assert (second.seconds, second.price, second.validity) == (8100, None, None)
    assert second.invoice == "R-1"
    assert [(str(i.quantity), str(i.price)) for i in book.items if i.contract == "MILL-1"] == [
        ("2", "60.5")
    ]
    (acceptance,) = book.acceptances
    assert (acceptance.term, acceptance.part) == ("F", "Konzept")
    (approval,) = (found for found in book.approvals if found.contract == "MILL-1")
    assert (approval.limit_seconds, approval.limit_amount) == (0, None)
    assert set(approval.tickets) == {world.id("ticket"), world.id("above")}
    (opening,) = book.openings
    assert (opening.seconds, opening.price) == (-5400, None)


def test_who_and_what_entries_refer_to(world: World, book: Book) -> None:
    mill, ada = book.customers[world.id("mill")], book.customers[world.id("ada")]
    assert (mill.name, mill.language, mill.country, mill.region) == (
        "Mill\nSons", "de_DE", "DE", "BY",
    )  # fmt: skip
    assert (mill.parent, ada.parent, mill.tags) == ("", mill.id, ("Key", "gold"))
    ticket = book.tickets[world.id("ticket")]
    assert (ticket.parent, ticket.project) == (world.id("above"), world.id("vault"))
    assert (ticket.tags, ticket.activity, ticket.estimate_hours) == (("Update",), "support", 3960)
    assert book.tickets[world.id("above")].title == "Above"  # archived, and not on any entry
    # A private to-do stands where it stands, and says nothing of itself.
    todo = book.tickets[book.tickets[world.id("foreign")].parent]
    assert (todo.title, todo.project, todo.customer, todo.tags) == ("", "", "", ())
    assert book.projects[world.id("vault")].tags == ("Nachts",)
    employee = book.employees[world.id("employee")]
    assert (employee.name, employee.role) == ("Bo", "Stoker")


def test_entries(world: World, book: Book) -> None:
    found = entries(book)
    assert [entry.id for entry in book.entries] == sorted(found, key=int)
    first = found[str(world.made["texts"][0])]
    assert (first.seconds, first.project) == (1188, world.id("vault"))
    assert set(first.tags) == {"Nachts", "Update"}
    assert world.id("others") in found
    for name in ("internal", "later"):
        assert world.id(name) not in found, name
    assert book.customer_of(found[world.id("called")]) == world.id("mill")


def test_texts_are_what_a_file_would_hold(world: World, book: Book) -> None:
    found = entries(book)
    assert [found[str(id_)].text for id_ in world.made["texts"]] == [
        "spaces around", 'say "hi", twice', "two\nlines", "dos\nlines", "old\nmac",
        "<p>Hello<br/>world &amp; all</p>", "a; b", "=1+1", "ünï 漢字 🙂", "bell page.", "tab",
        "x" * 3000, "",
    ]  # fmt: skip


def test_entries_on_invoices(world: World, book: Book) -> None:
    found = entries(book)
    posted, draft, cancelled = (found[str(id_)] for id_ in world.made["texts"][:3])
    assert posted.billed_elsewhere == world.made["invoice"]
    assert draft.billed_elsewhere == f"draft {world.id('draft')}"
    assert cancelled.billed_elsewhere == ""


def test_all_demo_timesheets_but_internal_ones(
    world: World, book: Book, odoo_server: Server
) -> None:
    rows = odoo_server.psql(
        world.odoo.database,
        "SELECT l.id FROM account_analytic_line l JOIN res_company c ON c.id = l.company_id"
        " WHERE l.project_id IS NOT NULL AND l.company_id = 1"
        f" AND l.project_id <> c.internal_project_id AND l.date <= '{UNTIL}'",
    )
    assert {entry.id for entry in book.entries} == {id_ for (id_,) in rows}
    assert len(rows) > 500


def test_the_company(book: Book) -> None:
    company = book.company
    assert (company.name, company.currency, company.country) == ("YourCompany", "USD", "US")
    assert (company.quantity_digits, company.rounding_method) == (2, "global")
    assert company.languages[0] == "en_US"
    assert company.currencies["USD"] == 2


def test_capabilities(source: OdooSource) -> None:
    able = source.capabilities()
    assert (able.name, able.version) == ("odoo", "19.0")
    assert (able.has_addon, able.protocol) == (True, PROTOCOL)
    assert (able.validates_entries, able.writes_drafts) == (False, True)


# --- the same everywhere


def test_a_snapshot_gives_the_identical_result(source: OdooSource, tmp_path: Path) -> None:
    folder = tmp_path / "book"
    snapshot(source, UNTIL, folder)
    saved = BookSource(folder)
    results = [render(preview(each, Options(UNTIL)), "json", View()) for each in (source, saved)]
    assert results[0] == results[1]
    assert json.loads(results[0])["drafts"]
    records = [activity(each, UNTIL, (), "csv", None).text for each in (source, saved)]
    assert records[0] == records[1]
    assert records[0].count("\n") > 1
    assert saved.read(UNTIL).entries == source.read(UNTIL).entries
    assert saved.policy_files() == source.policy_files()


def test_why_and_what_if_are_the_same_from_odoo_and_from_its_snapshot(
    source: OdooSource, tmp_path: Path
) -> None:
    """explain for an entry, a line and what waits; diff with an edited policy."""
    book = BookSource(tmp_path / "book")
    taken = snapshot(source, UNTIL, book.folder)
    edited = tmp_path / "edited"
    shutil.copytree(POLICIES / "web-care", edited)
    policy = edited / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("then: service", "then: included"), encoding="utf-8")
    result = bill(taken, UNTIL)
    lines = [line for draft in result.drafts for line in draft.lines if line.entries]
    for what in (lines[0].entries[0].entry, str(lines[0].key), HELD):
        said = [
            why.render(explain(erp, what, UNTIL).explained, "json", "de") for erp in (source, book)
        ]
        assert said[0] == said[1]
        assert what in said[0] or what == HELD
    found = [compare(erp, POLICIES / "web-care", edited, UNTIL) for erp in (source, book)]
    assert found[0] == found[1]
    assert found[0].customers
    assert found[0].transitions[0].now[0].disposition == "included"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_transport_reads_the_same_with_an_api_key(
    transport: str, world: World, book: Book
) -> None:
    source = world.source(key=True, transport=transport)
    same(source.read(UNTIL), book)
    source.close()


def test_a_password_does_for_xmlrpc_too(world: World, book: Book) -> None:
    same(world.source(transport="xmlrpc").read(UNTIL), book)


def test_who_logs_in_changes_nothing(world: World, book: Book) -> None:
    admin = world.source("admin", password="admin", company="YourCompany")
    same(admin.read(UNTIL), book)


def test_pages_and_chunks_change_nothing(
    source: OdooSource, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erp, "CHUNK", 3)
    for page in (7, len(book.entries)):
        monkeypatch.setattr(erp, "PAGE", page)
        assert source.read(UNTIL).entries == book.entries


def test_number_of_calls_does_not_grow_with_entries(
    source: OdooSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, str]] = []
    transport = source.session().transport
    asked = transport.call

    def counted(model: str, method: str, *arguments: Any) -> Any:
        calls.append((model, method))
        return asked(model, method, *arguments)

    monkeypatch.setattr(transport, "call", counted)
    source.read(UNTIL)
    calls.remove(("project.task", "web_read"))  # once for those above the tickets of entries
    assert len(calls) == len(set(calls)) <= 16, calls


# --- parts of it


def test_only_some_customers(world: World, source: OdooSource, book: Book) -> None:
    mill = world.id("mill")
    part = source.read(UNTIL, {mill})
    assert [contract.code for contract in part.contracts] == ["MILL-1", "MILL-2"]
    expected = [entry for entry in book.entries if book.customer_of(entry) == mill]
    assert list(part.entries) == expected
    assert len(expected) == len(NOTES) + 1
    whole = bill(book, UNTIL, {mill})
    assert render(bill(part, UNTIL), "json", View()) == render(whole, "json", View())
    nobody = source.read(UNTIL, set())
    assert (nobody.entries, nobody.contracts) == ((), ())


def test_until_a_day(source: OdooSource, book: Book) -> None:
    day = book.entries[0].date
    part = source.read(day)
    assert part.entries == tuple(entry for entry in book.entries if entry.date <= day)
    assert part.contracts == book.contracts


def test_private_projects_are_read(world: World, book: Book) -> None:
    secret = set(map(str, world.made["texts"]))
    assert secret <= set(entries(book))
    # Somebody who approves timesheets, but is no connector, does not see them ...
    session = world.source("approver").session()
    arguments = {"domain": [("id", "in", world.made["texts"])], "context": session.context}
    assert session.transport.call("account.analytic.line", "search_count", arguments) == 0
    # ... and is told so, instead of billing too little.
    found = {check.name: check for check in examine(world.source("approver"))}
    assert not found["rights"].fine
    assert found["rights"].hint == 'in Odoo, add the user to the group "Klausel / Connector"'
    # A run of theirs would say that less is due than there is.
    there = session.info["timesheets"]
    for customers in (None, {world.id("mill")}):
        with pytest.raises(ErpError) as caught:
            world.source("approver").read(UNTIL, customers)
        assert re.fullmatch(
            rf"user approver sees only \d+ of {there} timesheets\n"
            r'    in Odoo, add the user to the group "Klausel / Connector"',
            str(caught.value),
        )


def test_another_company(world: World) -> None:
    second = world.source("admin", password="admin", company=world.id("second"))
    book = second.read(UNTIL)
    assert (book.company.name, book.contracts, book.entries) == ("Second", (), ())
    with pytest.raises(ErpError) as caught:
        world.source(company="Second").read(UNTIL)
    assert str(caught.value) == (
        'user bot works for no company "Second"\n    companies of this user: YourCompany'
    )


# --- doctor


def test_doctor_is_content_with_the_connector(world: World, source: OdooSource) -> None:
    found = list(examine(world.source(key=True, transport="json2")))
    assert [check for check in found if not check.fine] == []
    url, database = world.odoo.url, world.odoo.database
    said = {check.name: check.said for check in found}
    assert list(said) == [
        "server", "transport", "login", "addon", "company", "rights", "timesheets",
        "hidden records", "policies", "contracts", "words", "published", "currencies",
        "worker",
    ]  # fmt: skip
    assert said["server"] == f"{url}, Odoo 19.0"
    assert said["transport"] == "json2"
    assert said["login"] == f"bot, database {database}"
    assert said["company"] == "YourCompany, USD"
    assert said["rights"].startswith("reads all ")
    hidden = r"1 that are private or another company's: project\.task \d+; a run reads them .*"
    assert re.fullmatch(hidden, said["hidden records"])
    assert said["contracts"] == "5 without problems"
    assert said["published"] == "nothing; contracts name policies and plans as text"
    assert said["currencies"] == "USD (2 digits)"
    assert said["worker"] == (
        "none runs; to have requests of people done, start klausel work --odoo beside Odoo"
    )
    shown = " ".join(str(check) for check in found)
    assert world.made["keys"]["bot"] not in shown


def test_doctor_counts_what_the_user_does_not_see(source: OdooSource) -> None:
    session = source.session()

    def counted(there: int) -> Check:
        return checks.timesheets(session._replace(info={**session.info, "timesheets": there}))

    seen = int(re.findall(r"\d+", checks.timesheets(session).said)[0])
    assert counted(seen) == Check("timesheets", True, f"sees all {seen}")
    less = counted(seen + 1)
    assert (less.fine, less.said) == (False, f"sees only {seen} of {seen + 1}")
    assert less.hint == 'in Odoo, add the user to the group "Klausel / Connector"'


def test_doctor_names_an_archived_currency(source: OdooSource) -> None:
    session = source.session()
    *_, last = checks.contracts(source, session._replace(info={**session.info, "currencies": {}}))
    assert last == Check(
        "currencies", False, "USD is archived",
        "in Odoo, activate it, or change the contracts that use it",
    )  # fmt: skip


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_log_shows_the_password(
    transport: str, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = world.source(key=True, transport=transport)
    source.read(date.min)
    assert world.made["keys"]["bot"] not in caplog.text


def test_doctor_names_policies_and_contracts_that_are_wrong(world: World, tmp_path: Path) -> None:
    def bad(folder: Path) -> list[Check]:
        found = examine(world.source(policies=folder))
        return [check for check in found if check.name in ("policies", "contracts")]

    missing = tmp_path / "missing"
    policies, contracts = bad(missing)
    assert (policies.fine, policies.said) == (False, f"there is no folder {missing}")
    assert not contracts.fine
    assert contracts.said.startswith("5 problems, the first: contract ACME-CARE: ")
    policies, _ = bad(tmp_path)
    assert policies.said == f"{tmp_path} has no policy in it"
    (tmp_path / "web-care").mkdir()
    (tmp_path / "web-care" / "policy.yaml").write_text("policy: web-care\nwhat: ever\n")
    policies, _ = bad(tmp_path)
    assert not policies.fine
    assert "policies/web-care/policy.yaml" in policies.said
