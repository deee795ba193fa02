"""Several companies in one Odoo, and records that not everybody may see: the same money for all."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from klausel.result import Result
from klausel_odoo import OdooSource
from klausel_run.bill import write
from klausel_run.doctor import examine
from klausel_run.preview import Options, preview

from . import scene
from .scene import Log, Said, Term
from .server import Odoo, Server
from .webclient import RefusedError, WebClient

pytestmark = pytest.mark.odoo

AS_OF = date(2026, 2, 10)

POLICIES = {
    "gate": """
policy: gate
version: "1"
scope: {otherwise: {then: service, because: work by the hour}}
approvals:
  - {id: A1, when: {disposition: service}, require: approval, per: ticket}
plans:
  hours: {title: Work, components: [{time: {every: 1 month}}]}
""",
    "plain": """
policy: plain
version: "1"
scope: {otherwise: {then: service, because: work by the hour}}
plans:
  hours:
    title: Work
    components: [{time: {every: 1 month, rates: {role: {Smith: "120.00"}, default: "90.00"}}}]
  flat: {title: Care, components: [{fee: {every: 1 month}}]}
  works:
    title: Works
    components: [{milestone: {parts: [Draft, Final]}}]
""",
}

#: A branch of the first company, another company, and a user of each who may do what runs need.
COMPANIES = """
import json
from odoo.fields import Command

main = env.ref("base.main_company")
main.currency_id.active = True
other = env["res.company"].create({"name": "Other Ltd"})
env["account.chart.template"].try_loading("generic_coa", other)
branch = env["res.company"].create({"name": "Branch", "parent_id": main.id})
admin = env.ref("base.user_admin")
admin.company_ids |= other | branch
def user(login, companies, *groups):
    return env["res.users"].create({
        "name": login, "login": login, "password": login + "-password",
        "company_id": companies[0].id, "company_ids": [Command.set(companies.ids)],
        "group_ids": [Command.set([env.ref(group).id for group in groups])],
    })
for login, companies in (("bot", main), ("bot-other", other), ("bot-branch", branch)):
    user(login, companies, "base.group_user", "klausel_billing.group_connector")
user("reader", main, "base.group_user", "klausel_billing.group_user",
     "hr_timesheet.group_hr_timesheet_approver", "account.group_account_readonly",
     "sales_team.group_sale_salesman_all_leads")
env["klausel.contract"].search([]).active = False
env.cr.commit()
print("MADE" + json.dumps({"main": main.id, "other": other.id, "branch": branch.id}))
"""


class World(NamedTuple):
    server: Server
    odoo: Odoo
    admin: WebClient
    """At work for the first company."""
    other: WebClient
    """At work for the other one."""
    branch: WebClient
    policies: Path
    who: int
    """An employee of the first company."""
    product: int
    currency: int

    def source(self, login: str = "bot") -> OdooSource:
        odoo = replace(self.odoo, login=login, password=f"{login}-password")
        return scene.source(odoo, policies=self.policies)

    def preview(self, login: str = "bot", *contracts: str, adjust: bool = False) -> Result:
        return preview(
            self.source(login), Options(AS_OF, contracts=contracts, record=True, adjust=adjust)
        )

    def run(self, *arguments: str, login: str = "bot") -> Said:
        odoo = replace(self.odoo, login=login, password=f"{login}-password")
        return scene.klausel(odoo, *arguments, policies=self.policies)

    def bill(self, *more: str, login: str = "bot") -> Said:
        return self.run("bill", "--yes", "--as-of", str(AS_OF), *more, login=login)

    def customer(self, name: str, **values: Any) -> int:
        return self.admin.create_one("res.partner", name=name, is_company=True, **values)

    def contract(self, customer: int, code: str, *terms: Term, **values: Any) -> int:
        found = terms or (Term("S", "hours", self.product, {"price": "100.00"}, takes="service"),)
        policy = values.pop("policy", "plain")
        client = values.pop("client", self.admin)
        currency = values.pop("currency", self.currency)
        return scene.contract(client, customer, code, found, policy, currency, **values)

    def worked(
        self, customer: int, name: str, hours: float, *more: float
    ) -> tuple[int, list[int], list[int]]:
        """A project of the customer with one ticket and one timesheet for each of ``hours``."""
        project = scene.project(self.admin, customer, name)
        all_hours = (hours, *more)
        names = [f"{name} t{number}" for number in range(1, len(all_hours) + 1)]
        tickets = scene.tickets(self.admin, project, customer, names)
        logs = [
            Log(project, ticket, f"2026-01-{1 + customer % 28:02}", one)
            for ticket, one in zip(tickets, all_hours, strict=True)
        ]
        return project, tickets, scene.log(self.admin, self.who, logs)

    def drafts(self, client: WebClient, customer: int) -> list[dict[str, Any]]:
        return client.find(
            "account.move", [("partner_id", "=", customer)],
            ["state", "amount_untaxed", "journal_id", "currency_id", "company_id", "name"],
        )  # fmt: skip


@pytest.fixture(scope="module")
def world(odoo_server: Server, odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> World:
    said = odoo_server.shell(odoo.database, COMPANIES)
    (line,) = (line for line in said.splitlines() if line.startswith("MADE"))
    made = json.loads(line.removeprefix("MADE"))
    folder = tmp_path_factory.mktemp("policies")
    for name, text in POLICIES.items():
        (folder / name).mkdir()
        (folder / name / "policy.yaml").write_text(text, encoding="utf-8")
    clients = []
    for name in ("main", "other", "branch"):
        client = WebClient(odoo)
        client.company = made[name]
        clients.append(client)
    admin, other, branch = clients
    currency = scene.currency(admin, "USD")
    return World(
        odoo_server, odoo, admin, other, branch, folder,
        scene.employee(admin, "Bo"),
        scene.service(admin, "Care", taxes_id=[(6, 0, [])]),
        currency,
    )  # fmt: skip


def elsewhere(world: World, customer: int) -> int:
    """A project of the customer in the other company."""
    return world.other.create_one(
        "project.project", name="Elsewhere", partner_id=customer, allow_timesheets=True,
        company_id=world.other.company,
    )  # fmt: skip


def sql(world: World, query: str) -> list[tuple[str | None, ...]]:
    return world.server.psql(world.odoo.database, query)


# --- what a record is for does not depend on who reads it (G1, G8)


def to_the_other_company(world: World, customer: int, ticket: int) -> None:
    project = elsewhere(world, customer)
    both = {"allowed_company_ids": [world.admin.company, world.other.company]}
    world.admin.call("project.task", "write", [ticket], {"project_id": project}, context=both)


def to_a_private_task(world: World, customer: int, ticket: int) -> None:
    world.admin.write("project.task", [ticket], project_id=False)


def to_a_project_of_followers(world: World, customer: int, ticket: int) -> None:
    project = world.admin.create_one(
        "project.project", name="Secret", partner_id=customer, allow_timesheets=True,
        company_id=world.admin.company, privacy_visibility="followers",
    )  # fmt: skip
    world.admin.write("project.task", [ticket], project_id=project)


def archived(world: World, customer: int, ticket: int) -> None:
    world.admin.write("project.task", [ticket], active=False)


MOVES = (to_the_other_company, to_a_private_task, to_a_project_of_followers, archived)


@pytest.mark.parametrize("move", MOVES)
def test_an_approval_stays_that_of_its_ticket(move: Any, world: World) -> None:
    """500.00 of unapproved work on t1 was billed when t2 went out of sight."""
    code = f"G1-{move.__name__}"
    customer = world.customer(code)
    project, _, _ = world.worked(customer, code, 5)
    (second,) = scene.tickets(world.admin, project, customer, [f"{code} t2"])
    contract = world.contract(customer, code, policy="gate")
    world.admin.create_one(
        "klausel.approval", contract_id=contract, ticket_ids=[(6, 0, [second])], state="approved",
        decided_on="2026-01-02",
    )  # fmt: skip
    move(world, customer, second)
    book = world.source().read(AS_OF)
    (approval,) = (one for one in book.approvals if one.contract == code)
    assert approval.tickets == (str(second),)
    assert str(second) in book.tickets
    result = world.preview("bot", code)
    assert not [line for draft in result.drafts for line in draft.lines if line.quantity >= 5]
    assert [one.seconds for one in result.held] == [5 * 3600]


@pytest.mark.parametrize("move", MOVES)
def test_a_contract_covers_the_ticket_wherever_it_went(move: Any, world: World) -> None:
    """The work that was logged before stays covered by the narrow contract, at its price."""
    code = f"G8-{move.__name__}"
    customer = world.customer(code)
    project, _, _ = world.worked(customer, code, 5)
    (second,) = scene.tickets(world.admin, project, customer, [f"{code} t2"])
    narrow = Term("S", "hours", world.product, {"price": "10.00"}, takes="service")
    world.contract(customer, f"{code}-narrow", narrow, covers="ticket", task_ids=[(6, 0, [second])])
    world.contract(customer, f"{code}-wide")
    move(world, customer, second)
    book = world.source().read(AS_OF)
    (found,) = (one for one in book.contracts if one.code == f"{code}-narrow")
    assert (found.covers.kind, found.covers.ids) == ("ticket", {str(second)})
    assert not book.problems


def test_a_ticket_above_in_another_company_still_covers_what_is_below(world: World) -> None:
    customer = world.customer("Above")
    _, (above, below), _ = world.worked(customer, "Above", 1, 2)
    world.admin.write("project.task", [below], parent_id=above)
    narrow = Term("S", "hours", world.product, {"price": "10.00"}, takes="service")
    world.contract(customer, "ABOVE-1", narrow, covers="ticket", task_ids=[(6, 0, [above])])
    world.contract(customer, "ABOVE-2")
    there = elsewhere(world, customer)
    sql(
        world,
        f"UPDATE project_task SET project_id = {there}, company_id = {world.other.company}"
        f" WHERE id = {above}",
    )
    world.server.shell(world.odoo.database, "env.registry.clear_all_caches(); env.cr.commit()")
    book = world.source().read(AS_OF)
    assert book.tickets[str(below)].parent == str(above)
    result = world.preview("bot", "ABOVE-1")
    assert [str(draft.total) for draft in result.drafts] == ["30.00"]


def test_a_customer_of_another_company(world: World) -> None:
    """It stays the customer; only what is written is refused, and nobody else has to wait."""
    customer = world.customer("Emigrant")
    flat = Term("F", "flat", world.product, {"price": "200.00"}, takes="")
    world.contract(customer, "EMIGRANT", flat, start="2026-02-01")
    world.admin.write("res.partner", [customer], company_id=world.other.company)
    result = world.preview("bot", "EMIGRANT")
    assert [str(draft.total) for draft in result.drafts] == ["200.00"]
    done = world.bill("--customer", str(customer))
    assert done.code == 1
    said = "Customer Emigrant belongs to company Other Ltd, not to YourCompany."
    assert said in done.out + done.err
    world.admin.call(
        "res.partner", "write", [customer], {"company_id": False},
        context={"allowed_company_ids": [world.admin.company, world.other.company]},
    )  # fmt: skip
    assert world.bill("--customer", str(customer)).code == 0


def test_only_some_customers_reads_what_it_may_not_see(world: World) -> None:
    customer = world.customer("Part")
    _, (_, second), entries = world.worked(customer, "Part", 1, 2)
    world.contract(customer, "PART")
    there = elsewhere(world, customer)
    sql(
        world,
        f"UPDATE project_task SET project_id = {there}, company_id = {world.other.company}"
        f" WHERE id = {second}",
    )
    sql(world, f"UPDATE account_analytic_line SET partner_id = NULL WHERE task_id = {second}")
    whole = world.source().read(AS_OF)
    part = world.source().read(AS_OF, {str(customer)})
    wanted = [entry for entry in whole.entries if whole.customer_of(entry) == str(customer)]
    assert [entry.id for entry in wanted] == [str(id_) for id_ in entries]
    assert list(part.entries) == wanted


# --- names and roles (G3)


def test_the_role_of_an_employee_of_another_company(world: World) -> None:
    customer = world.customer("Smithy")
    world.contract(customer, "SMITHY", Term("S", "hours", world.product, {}, takes="service"))
    _, _, (entry,) = world.worked(customer, "Smithy", 1)
    job = world.other.create_one("hr.job", name="Smith", company_id=world.other.company)
    smith = world.other.create_one(
        "hr.employee", name="Wayland", job_id=job, company_id=world.other.company
    )
    sql(
        world,
        f"UPDATE account_analytic_line SET employee_id = {smith} WHERE id = {entry}",
    )
    book = world.source().read(AS_OF)
    employee = book.employees[str(smith)]
    assert (employee.name, employee.role) == ("Wayland", "Smith")
    result = world.preview("bot", "SMITHY")
    assert [str(draft.total) for draft in result.drafts] == ["120.00"]
    done = world.bill("--customer", str(customer))
    assert (done.code, done.err) == (0, "")


def test_an_employee_without_company_with_a_job_of_another(world: World) -> None:
    customer = world.customer("Drifter")
    world.contract(customer, "DRIFTER", Term("S", "hours", world.product, {}, takes="service"))
    _, _, (entry,) = world.worked(customer, "Drifter", 1)
    job = world.other.create_one("hr.job", name="Smith", company_id=world.other.company)
    who = scene.employee(world.admin, "Drifter")
    sql(world, f"UPDATE hr_version SET job_id = {job} WHERE employee_id = {who}")
    sql(world, f"UPDATE account_analytic_line SET employee_id = {who} WHERE id = {entry}")
    result = world.preview("bot", "DRIFTER")
    assert [str(draft.total) for draft in result.drafts] == ["120.00"]


def test_who_may_not_look_past_rules_is_told_what_to_do(world: World) -> None:
    """A user of contracts who is no connector; the hint is what helps."""
    customer = world.customer("Hidden")
    _, _, (entry,) = world.worked(customer, "Hidden", 1)
    smith = world.other.create_one("hr.employee", name="Wayland", company_id=world.other.company)
    sql(world, f"UPDATE account_analytic_line SET employee_id = {smith} WHERE id = {entry}")
    done = world.run("preview", "--as-of", str(AS_OF), login="reader")
    assert done.code == 3
    assert 'add the user to the group "Klausel / Connector"' in done.err
    found = {check.name: check for check in examine(world.source("reader"))}
    hidden = found["hidden records"]
    assert not hidden.fine
    assert f"hr.employee {smith}" in hidden.said
    assert hidden.hint == 'in Odoo, add the user to the group "Klausel / Connector"'
    fine = {check.name: check for check in examine(world.source("bot"))}["hidden records"]
    assert fine.fine
    assert "hr.employee" in fine.said


# --- branches (G4)


def test_a_branch_bills_with_what_its_parent_company_has(world: World) -> None:
    product = world.admin.create_one(
        "product.product", name="Parent care", type="service", company_id=world.admin.company,
        uom_id=world.admin.ref("uom.product_uom_hour"), taxes_id=[(6, 0, [])],
    )  # fmt: skip
    customer = world.customer("Branch customer", company_id=world.admin.company)
    flat = Term("F", "flat", product, {"price": "200.00"}, takes="")
    world.contract(customer, "BRANCH", flat, start="2026-02-01", client=world.branch)
    done = world.bill(login="bot-branch")
    assert (done.code, done.err) == (0, ""), done
    (draft,) = world.drafts(world.branch, customer)
    assert (draft["amount_untaxed"], draft["company_id"]) == (200, world.branch.company)


# --- what was billed stays whose it was (G5, B4)


def billed(world: World, name: str) -> tuple[int, int]:
    customer = world.customer(name)
    world.worked(customer, name, 1)
    contract = world.contract(customer, name)
    done = world.bill("--customer", str(customer))
    assert (done.code, done.err) == (0, ""), done
    return customer, contract


def refused(client: WebClient, model: str, id_: int, **values: Any) -> str:
    said = []
    for way in (client.save, lambda model, id_, **values: client.write(model, [id_], **values)):
        with pytest.raises(RefusedError) as caught:
            way(model, id_, **values)
        said.append(str(caught.value))
    assert said[0] == said[1]
    return said[0]


def test_company_currency_and_customer_of_a_billed_contract(world: World) -> None:
    customer, contract = billed(world, "Stays")
    (draft,) = world.drafts(world.admin, customer)
    name = f"Draft Invoice (ID {draft['id']})"
    stranger = world.customer("Stays not")
    euro = scene.currency(world.admin, "EUR")
    both = WebClient(world.odoo)
    for values, changed in (
        ({"company_id": world.other.company}, "its company"),
        ({"currency_id": euro}, "its currency"),
        ({"partner_id": stranger}, "its customer"),
    ):
        said = refused(both, "klausel.contract", contract, **values)
        assert said == (
            f"Contract Stays was billed to Stays by {name}: {changed} stays as it is."
            " End it, and make a new contract."
        )
    imported = world.admin.call(
        "klausel.contract", "load", [".id", "partner_id/.id"], [[str(contract), str(stranger)]]
    )
    assert imported["ids"] is False
    assert "End it, and make a new contract." in imported["messages"][0]["message"]
    # The same values again, and a contact below the same customer, are no change.
    contact = world.admin.create_one("res.partner", name="Ada", parent_id=customer)
    world.admin.save("klausel.contract", contract, partner_id=contact, currency_id=world.currency)
    # Once the draft is gone, nothing was billed.
    world.admin.delete("account.move", [draft["id"]])
    world.admin.save("klausel.contract", contract, partner_id=stranger)


def test_a_contact_whose_contract_was_billed_stays_with_its_company(world: World) -> None:
    customer = world.customer("Firm")
    rival = world.customer("Rival")
    contact = world.admin.create_one("res.partner", name="Eve", parent_id=customer)
    world.worked(customer, "Firm", 1)
    contract = world.contract(contact, "FIRM")
    assert world.bill("--customer", str(customer)).code == 0
    (draft,) = world.drafts(world.admin, customer)
    name = f"Draft Invoice (ID {draft['id']})"
    for values in ({"parent_id": rival}, {"is_company": True}, {"parent_id": False}):
        said = refused(world.admin, "res.partner", contact, **values)
        assert said == (
            f"Contract FIRM with Eve was billed to Firm by {name}: first make it out to Firm"
            " itself, or to another of its contacts."
        )
    world.admin.save("klausel.contract", contract, partner_id=customer)
    world.admin.save("res.partner", contact, parent_id=rival)


# --- the journal of a currency (G6)


def test_the_journal_of_the_contracts_currency(world: World) -> None:
    euro = scene.currency(world.admin, "EUR")
    journal = world.admin.create_one(
        "account.journal", name="Sales in EUR", code="SEUR", type="sale", currency_id=euro,
        company_id=world.admin.company, sequence=99,
    )  # fmt: skip
    dollars = world.admin.create_one(
        "account.journal", name="Sales in dollars", code="SUSD", type="sale",
        company_id=world.admin.company, sequence=0,
    )  # fmt: skip
    customer = world.customer("Journals")
    world.worked(customer, "Journals", 1)
    flat = Term("F", "flat", world.product, {"price": "10.00"}, takes="")
    world.contract(customer, "JOURNAL-EUR", flat, currency=euro)
    world.contract(customer, "JOURNAL-USD")
    assert world.bill("--customer", str(customer)).code == 0
    drafts = world.drafts(world.admin, customer)
    found = {draft["currency_id"]: draft["journal_id"] for draft in drafts}
    assert found == {euro: journal, world.currency: dollars}
    # A journal of another currency that stands first takes no invoice of the company's own.
    world.admin.write("account.journal", [journal], sequence=-1)
    world.admin.delete("account.move", [draft["id"] for draft in drafts])
    assert world.bill("--customer", str(customer)).code == 0
    drafts = world.drafts(world.admin, customer)
    found = {draft["currency_id"]: draft["journal_id"] for draft in drafts}
    assert found == {euro: journal, world.currency: dollars}


# --- a number per company and customer (G7)


def test_two_companies_bill_the_same_customers_at_once(world: World) -> None:
    customers = [world.customer(f"Shared {number}") for number in range(8)]
    goods = scene.service(world.other, "Other care", taxes_id=[(6, 0, [])])
    for number, customer in enumerate(customers):
        flat = Term("F", "flat", world.product, {"price": "10.00"}, takes="")
        world.contract(customer, f"SHARED-{number}", flat, start="2026-02-01")
        there = flat._replace(product=goods)
        world.contract(customer, f"SHARED-{number}", there, start="2026-02-01", client=world.other)
    shown = {
        login: preview(
            world.source(login),
            Options(AS_OF, customers=[f"Shared {number}" for number in range(8)], record=True),
        )
        for login in ("bot", "bot-other")
    }
    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(lambda login: write(world.source(login), shown[login]), shown))
    assert [one for report in reports for one in report.refused] == []
    for client in (world.admin, world.other):
        amounts = [
            draft["amount_untaxed"]
            for customer in customers
            for draft in world.drafts(client, customer)
            if draft["company_id"] == client.company
        ]
        assert amounts == [10.0] * 8


def test_a_change_of_the_same_company_is_still_noticed(world: World) -> None:
    customer = world.customer("Noticed")
    world.worked(customer, "Noticed", 1)
    contract = world.contract(customer, "NOTICED")
    shown = preview(world.source(), Options(AS_OF, customers=["Noticed"], record=True))
    world.admin.write("klausel.contract", [contract], po_number="PO 9")
    (refusal,) = write(world.source(), shown).refused
    assert refusal.message == (
        "Contracts, approvals, decisions or invoices of Noticed have changed since they were read."
    )


def test_nobody_writes_the_number(world: World) -> None:
    customer = world.customer("Numbered")
    world.contract(customer, "NUMBERED")
    query = f"SELECT number FROM klausel_revision WHERE partner_id = {customer}"
    before = sql(world, query)
    (revision,) = world.admin.ids("klausel.revision", [("partner_id", "=", customer)])
    for call in (
        lambda: world.admin.write("klausel.revision", [revision], number=0),
        lambda: world.admin.delete("klausel.revision", [revision]),
        lambda: world.admin.create_one(
            "klausel.revision", partner_id=customer, company_id=world.other.company, number=9
        ),
    ):
        with pytest.raises(RefusedError):
            call()
    world.admin.write("res.partner", [customer], klausel_seq=0)
    assert sql(world, query) == before != []


# --- a contract that names projects covers those (F3)


def test_projects_without_covers_are_refused(world: World) -> None:
    customer = world.customer("Loaded")
    project, (ticket,), _ = world.worked(customer, "Loaded", 1)
    said = (
        "Contract LOADED names {what}, but covers everything of the customer:"
        " choose what it covers, or name none."
    )
    with pytest.raises(RefusedError) as caught:
        world.contract(customer, "LOADED", project_ids=[(6, 0, [project])])
    assert str(caught.value) == said.format(what="projects")
    with pytest.raises(RefusedError) as caught:
        world.contract(customer, "LOADED", task_ids=[(4, ticket)])
    assert str(caught.value) == said.format(what="tickets")
    columns = ["code", "partner_id/.id", "policy", "date_start", "project_ids/.id"]
    row = ["LOADED", str(customer), "plain", "2026-01-01", str(project)]
    loaded = world.admin.call("klausel.contract", "load", columns, [row])
    assert loaded["ids"] is False
    assert loaded["messages"][0]["message"] == said.format(what="projects")
    loaded = world.admin.call("klausel.contract", "load", [*columns, "covers"], [[*row, "project"]])
    (contract,) = loaded["ids"]
    with pytest.raises(RefusedError) as caught:
        world.admin.write("klausel.contract", [contract], covers="customer")
    assert str(caught.value) == said.format(what="projects")
    world.admin.write("klausel.contract", [contract], covers="customer", project_ids=[(5, 0, 0)])


def test_projects_without_covers_that_were_entered_before_wait(world: World) -> None:
    customer = world.customer("Before")
    project, _, _ = world.worked(customer, "Before", 1)
    contract = world.contract(customer, "BEFORE")
    sql(
        world,
        f"INSERT INTO klausel_contract_project_rel VALUES ({contract}, {project})",
    )
    result = world.preview("bot", "BEFORE")
    assert not result.drafts
    (said,) = (one for one in result.problems if one.customer == str(customer))
    assert (said.message, said.hint) == (
        "contract BEFORE names projects, but covers everything of the customer",
        "in Odoo, choose again what it covers",
    )
    sql(world, f"DELETE FROM klausel_contract_project_rel WHERE contract_id = {contract}")


# --- what is missing is said before anything is billed (B14)


def test_a_term_without_a_product_is_said(world: World) -> None:
    customer = world.customer("Bare")
    contract = world.contract(customer, "BARE", Term("S", "flat", 0, {"price": "5.00"}, takes=""))
    done = world.run("preview", "--as-of", str(AS_OF), "--contract", "BARE")
    said = "contract BARE: warning: term S has no product: what it bills will be refused"
    assert said in done.err + done.out
    found = {check.name: check for check in examine(world.source())}["contracts"]
    assert not found.fine
    assert "term S has no product: what it bills will be refused" in found.said
    assert found.hint == "in Odoo, give the term a product"
    world.admin.delete("klausel.contract", [contract])


def test_an_acceptance_of_a_part_that_is_not_there_is_said(world: World) -> None:
    customer = world.customer("Parts")
    term = Term("W", "works", world.product, {"price": "900.00"}, takes="")
    contract = world.contract(customer, "PARTS", term)
    (term_id,) = world.admin.ids("klausel.term", [("contract_id", "=", contract)])
    acceptance = world.admin.create_one(
        "klausel.acceptance", contract_id=contract, term_id=term_id, part="Drft",
        date="2026-01-20",
    )  # fmt: skip
    found = {check.name: check for check in examine(world.source())}["contracts"]
    assert not found.fine
    assert 'term W of contract PARTS has no part "Drft"' in found.said
    assert found.hint == 'did you mean "Draft"?'
    world.admin.delete("klausel.acceptance", [acceptance])


# --- the number goes on where the common one was


def test_the_number_of_before_goes_on(world: World) -> None:
    """With a lower one, a run of today could have the key of an earlier one."""
    customer = world.customer("Old")
    world.contract(customer, "OLD")
    sql(world, "ALTER TABLE res_partner ADD COLUMN klausel_seq integer")
    sql(world, f"UPDATE res_partner SET klausel_seq = 41 WHERE id = {customer}")
    sql(world, f"DELETE FROM klausel_revision WHERE partner_id = {customer}")
    code = """
from odoo.modules.module import get_module_path
from odoo.tools.misc import file_path
import importlib.util
path = file_path("klausel_billing/migrations/19.0.1.2.0/post-migrate.py")
spec = importlib.util.spec_from_file_location("migration", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.migrate(env.cr, "19.0.1.1.0")
module.migrate(env.cr, "19.0.1.1.0")
env.cr.commit()
"""
    world.server.shell(world.odoo.database, code)
    query = f"SELECT company_id, number FROM klausel_revision WHERE partner_id = {customer}"
    assert sql(world, query) == [(str(world.admin.company), "41")]
    assert world.source().read(AS_OF).sequences[str(customer)] == 41
    sql(world, "ALTER TABLE res_partner DROP COLUMN klausel_seq")
    world.server.shell(world.odoo.database, code.replace("env.cr.commit()", "env.cr.rollback()"))
