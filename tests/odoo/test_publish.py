"""``klausel publish`` on a real Odoo: forms choose and check by what the files say, bill too."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

import cli
from klausel.problems import ErpError
from klausel.publishing import changes
from klausel_book.source import copy_demo
from klausel_odoo import OdooSource
from klausel_run.bill import write
from klausel_run.preview import Options, preview
from klausel_run.publish import local
from tests.story import steps

from . import scene
from .browsing import at_work, shot
from .scene import Log, Said, Term
from .server import Odoo
from .webclient import RefusedError, WebClient

pytestmark = pytest.mark.odoo

AS_OF = "2026-04-01"
APRIL = date.fromisoformat(AS_OF)
PASSWORD = "a-word-1"

POLICY = """\
policy: {name}
version: "{version}"
title: {{en: Care of shops, de: Pflege von Läden, nl: Onderhoud van winkels}}
scope: {{otherwise: {{then: service, because: By the hour.}}}}
plans:
"""
FEE = """\
  hosting:
    title: {en: Hosting, de: Betrieb, nl: Hosting in het Nederlands}
    clause: "2.1"
    components: [{fee: {per: month, every: 1 month, timing: arrears}}]
"""
TIME = """\
  service:
    title: {en: Service, de: Dienst, nl: Dienst in het Nederlands}
    components: [{time: {every: 1 month}}]
"""
GONE = "  gone:\n    title: Gone\n    components: [{time: {every: 1 month}}]\n"


class World(NamedTuple):
    """A company of its own that has one customer with work in March, and a folder of policies."""

    odoo: Odoo
    client: WebClient
    company: str
    policies: Path
    customer: int
    contract: int
    product: int

    def write(self, *plans: str, version: str = "1", name: str = "mill") -> str:
        """The policy's files; version and hash as they are said."""
        folder = self.policies / name
        folder.mkdir(exist_ok=True)
        text = POLICY.format(version=version, name=name) + "".join(plans)
        (folder / "policy.yaml").write_text(text, encoding="utf-8")
        (policy,) = local(self.policies, [name])
        return f"{policy.version} ({policy.hash})"

    def say(self, *arguments: str, login: str = "bot") -> Said:
        password = self.odoo.password if login == self.odoo.login else PASSWORD
        odoo = dataclasses.replace(self.odoo, login=login, password=password)
        return scene.klausel(odoo, *arguments, company=self.company, policies=self.policies)

    def publish(self, *names: str) -> None:
        said = self.say("publish", *names, "--yes")
        assert (said.code, said.err) == (0, "")

    def source(self) -> OdooSource:
        return scene.source(self.odoo, self.company, self.policies)

    @property
    def name(self) -> str:
        return f"{self.odoo.url} (database {self.odoo.database})"

    def published(self, *domain: Any) -> list[dict[str, Any]]:
        ours = [("company_id", "=", self.client.company), ("name", "=", "mill"), *domain]
        return self.client.find("klausel.policy", ours, ["version", "hash", "active", "stamp"])


@pytest.fixture(scope="module")
def world(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> World:
    admin = WebClient(odoo)
    euro = scene.currency(admin, "EUR")
    client = scene.company(admin, odoo, "Mühle", euro, lang="en_US")
    client.create_one(
        "res.users", name="Bot", login="bot", password=PASSWORD, company_id=client.company,
        company_ids=[(6, 0, [client.company])],
        group_ids=[(6, 0, [client.ref("klausel_billing.group_connector")])],
    )  # fmt: skip
    client.create_one(
        "res.users", name="Reader", login="reader", password=PASSWORD,
        company_id=client.company, company_ids=[(6, 0, [client.company])],
        group_ids=[(6, 0, [client.ref("klausel_billing.group_user")])],
    )  # fmt: skip
    product = scene.service(client, "Care")
    customer = client.create_one("res.partner", name="Baker", is_company=True)
    project = scene.project(client, customer, "Shop")
    contract = scene.contract(
        client, customer, "MILL-1",
        [
            Term("fee", "hosting", product, {"price": "50.00"}),
            Term("time", "service", product, {"price": "90.00"}, takes="service"),
        ],
        "mill", euro,
    )  # fmt: skip
    scene.log(client, scene.employee(client, "Bo"), [Log(project, 0, "2026-03-04", 2.0)])
    policies = tmp_path_factory.mktemp("policies")
    found = World(odoo, client, "Mühle", policies, customer, contract, product)
    found.write(FEE, TIME)
    return found


# --- publishing -------------------------------------------------------------------------------


def test_contracts_bill_while_nothing_is_published(world: World) -> None:
    """What was entered as text before goes on working. Nothing is written here."""
    result = preview(world.source(), Options(APRIL, record=True))
    assert not result.problems
    assert [str(draft.total) for draft in result.drafts] == ["330.00"]
    said = world.say("doctor")
    assert said.code == 0, said.out
    assert "ok   published: nothing; contracts name policies and plans as text\n" in said.out


def test_policies_come_into_odoo(world: World) -> None:
    version = world.write(FEE, TIME, GONE)
    said = world.say("publish", "--yes")
    assert said == Said(
        0,
        f"Policies in {world.policies} for {world.name}\n"
        "\n"
        f"  mill: new, version {version}\n"
        "    plans added: hosting, service, gone\n"
        "    contracts: MILL-1\n"
        "\n"
        "1 policy published.\n",
        "",
    )
    again = world.say("publish")
    assert again == Said(
        0,
        f"Policies in {world.policies} for {world.name}\n"
        "\n"
        f"  mill: unchanged, version {version}\n"
        "\n"
        "Nothing to publish.\n",
        "",
    )
    (policy,) = world.published()
    assert policy["active"]
    assert f"{policy['version']} ({policy['hash']})" == version
    (who,) = world.client.find("klausel.policy", [("id", "=", policy["id"])], ["published_by"])
    assert world.client.ids("res.users", [("login", "=", "bot")]) == [who["published_by"]]

    def read(model: str, domain: list[Any], *fields: str, lang: str = "en_US") -> list[Any]:
        rows = world.client.find(model, domain, fields, lang=lang)
        return [tuple(row[name] for name in fields) for row in rows]

    ours = [("policy_id", "=", policy["id"])]
    assert read("klausel.plan", ours, "name", "title", "clause") == [
        ("hosting", "Hosting", "2.1"), ("service", "Service", False), ("gone", "Gone", False),
    ]  # fmt: skip
    for lang, plan, meaning in (
        ("de_DE", "Betrieb", "Betrag je Monat, netto"),
        ("nl_NL", "Hosting in het Nederlands", "bedrag per maand, netto"),
    ):
        assert read("klausel.plan", ours, "title", lang=lang)[0] == (plan,)
        asked = [("plan_id.policy_id", "=", policy["id"]), ("plan_id.name", "=", "hosting")]
        fields = ("name", "meaning", "type", "required", "example")
        found = read("klausel.plan.parameter", asked, *fields, lang=lang)
        assert found[0] == ("price", meaning, "money", True, "49.00")
        assert [row[0] for row in found] == ["price", "quantity"]
    assert f"ok   published: mill {version}\n" in world.say("doctor").out


def test_only_those_who_may(world: World) -> None:
    world.publish()
    before = world.published()
    world.write(FEE, TIME, GONE, version="1.1")
    said = world.say("publish", "--yes", login="reader")
    assert (said.code, said.err) == (
        3,
        "error: user reader may not publish policies\n"
        '    in Odoo, add the user to the group "Klausel / Connector"\n',
    )
    assert world.published() == before
    world.write(FEE, TIME, GONE)


def test_an_older_addon_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = OdooSource._info

    def older(source: OdooSource, transport: Any) -> Mapping[str, Any]:
        return {**real(source, transport), "addon": "19.0.1.0.0", "publishes": False}

    monkeypatch.setattr(OdooSource, "_info", older)
    said = world.say("publish", "--yes")
    assert (said.code, said.err) == (
        3,
        "error: the addon klausel_billing 19.0.1.0.0 cannot take policies\n    upgrade the addon\n",
    )
    assert not world.source().read(APRIL).published


# --- forms ------------------------------------------------------------------------------------


def refusal(world: World, code: str, plan: str, **parameters: str) -> str:
    """What Odoo says to a new contract with one term; "" if it takes it."""
    lines = [(0, 0, {"name": name, "value": value}) for name, value in parameters.items()]
    term = {"code": "T", "plan": plan, "product_id": world.product, "parameter_ids": lines}
    values = {
        "code": code, "partner_id": world.customer, "policy": "mill",
        "date_start": "2030-01-01", "term_ids": [(0, 0, term)],
    }  # fmt: skip
    try:
        world.client.call("klausel.contract", "web_save", [], values, specification={})
    except RefusedError as error:
        return str(error)
    return ""


def test_odoo_refuses_what_bill_would_refuse(world: World) -> None:
    world.publish()
    assert refusal(world, "N-1", "servce", price="90") == (
        "Term T: policy mill 1 has no plan “servce”. Choose one of: hosting, service, gone."
    )
    assert refusal(world, "N-1", "service", prize="90") == (
        "Term T: plan service has no parameter “prize”. It knows: price."
    )
    assert refusal(world, "N-1", "service", price="ninety") == (
        "Term T: price is “ninety”, which is not a number. Write one such as 95.00."
    )
    assert refusal(world, "N-1", "hosting", price="50", quantity="-2") == (
        "Term T: quantity is -2, which is less than zero. Write zero or more, such as 10."
    )
    assert refusal(world, "N-1", "hosting", quantity="2") == (
        "Term T: plan hosting needs “price”, amount per month, net. Add it with a value such as"
        " 49.00."
    )
    assert not world.client.ids("klausel.contract", [("code", "=", "N-1")])
    assert refusal(world, "N-1", "hosting", price="50", quantity="2") == ""
    world.client.delete(
        "klausel.contract", world.client.ids("klausel.contract", [("code", "=", "N-1")])
    )


@pytest.fixture
def page(world: World, browser: Browser) -> Iterator[Page]:
    """The administrator at work for the mill."""
    with at_work(browser, world.odoo, world.client.company) as page:
        yield page


def choose(page: Page, place: Locator, field: str, word: str) -> list[str]:
    """Chooses what begins with ``word`` in a field; what it offers."""
    place.locator(f"[name={field}] input").click()
    items = page.locator(".o-autocomplete--dropdown-item:not(.o_m2o_dropdown_option)")
    items.filter(has_text=word).first.wait_for()
    offered = [text.strip() for text in items.all_inner_texts()]
    items.filter(has_text=word).first.click()
    return offered


def test_the_form_offers_plan_and_parameters(world: World, page: Page, tmp_path: Path) -> None:
    """A contract entered in the browser: everything chosen, a slip refused, mended, saved."""
    world.write(FEE, TIME, GONE)
    world.publish()
    page.goto(f"{world.odoo.url}/odoo/action-klausel_billing.klausel_contract_action/new")
    form = page.locator(".o_form_view")
    form.locator("[name=code] input").fill("N-2")
    form.locator("[name=partner_id] input").fill("Baker")
    page.locator(".o-autocomplete--dropdown-item", has_text="Baker").first.click()
    assert choose(page, form, "policy_id", "mill") == ["mill 1"]
    expect(form.locator("div[name=policy]")).to_have_count(0)
    form.locator("[name=date_start] input").first.fill("01/01/2030")
    form.locator("[name=term_ids] .o_field_x2many_list_row_add a").click()

    term = page.locator(".modal", has=page.locator("[name=plan_id]"))
    term.locator("[name=code] input").fill("T1")
    offered = choose(page, term, "plan_id", "hosting")
    assert offered == ["hosting – Hosting", "service – Service", "gone – Gone"]
    rows = term.locator("[name=parameter_ids] .o_data_row")
    expect(rows).to_have_count(1)
    expect(rows.locator("td[name=definition_id]")).to_have_text("price")
    expect(rows.locator("td[name=meaning]")).to_have_text("amount per month, net")
    rows.locator("td[name=value]").click()
    value = rows.locator("td[name=value] input")
    expect(value).to_have_attribute("placeholder", "49.00")
    value.fill("fifty")
    shot(page, "term-with-plan", tmp_path)
    # Without a product nothing of the term could be billed.
    term.locator(".modal-footer .o_form_button_save").first.click()
    expect(term.locator("div[name=product_id]")).to_have_class(re.compile("o_field_invalid"))
    choose(page, term, "product_id", "Care")
    term.locator(".modal-footer .o_form_button_save").first.click()
    expect(term).to_have_count(0)

    page.locator(".o_form_button_save").click()
    dialog = page.locator(".o_error_dialog")
    expect(dialog).to_contain_text(
        "Term T1: price is “fifty”, which is not a number. Write one such as 49.00."
    )
    shot(page, "refused-parameter", tmp_path)
    dialog.locator("button", has_text="Close").click()

    form.locator("[name=term_ids] .o_data_row").first.click()
    rows.locator("td[name=value]").click()
    rows.locator("td[name=value] input").fill("50.00")
    term.locator(".modal-footer .o_form_button_save").first.click()
    expect(term).to_have_count(0)
    page.locator(".o_form_button_save").click()
    page.wait_for_url(re.compile(r"/\d+$"))
    fields = ["policy", "term_ids"]
    (made,) = world.client.find("klausel.contract", [("code", "=", "N-2")], fields)
    (saved,) = world.client.find("klausel.term", [("id", "in", made["term_ids"])], ["plan"])
    assert (made["policy"], saved["plan"]) == ("mill", "hosting")
    (price,) = world.client.find(
        "klausel.parameter", [("term_id", "=", saved["id"])], ["name", "value"]
    )
    assert (price["name"], price["value"]) == ("price", "50.00")
    world.client.delete("klausel.contract", [made["id"]])


# --- other files than those that are published ------------------------------------------------


def test_bill_takes_only_the_files_that_are_published(world: World) -> None:
    first = world.write(FEE, TIME, GONE)
    world.publish()
    second = world.write(FEE, TIME, version="2")
    sentence = f"policy mill is published as {first}, but the files in use are {second}"
    hint = "publish again: klausel publish mill; or use the files that were published"

    said = world.say("preview", "--as-of", AS_OF)
    assert said.code == 0
    shown = re.sub(r"\s+", " ", said.out)
    assert f"policy mill: warning: {sentence} {hint}" in shown

    said = world.say("doctor")
    assert said.code == 3
    assert f"BAD  published: mill {first}, the files are {second}\n     {hint}\n" in said.out

    said = world.say("bill", "--as-of", AS_OF, "--yes")
    assert (said.code, said.err) == (
        3,
        f"error: nothing was written: {sentence}\n    {hint}\n",
    )
    assert not scene.ledger(world.client, [world.contract])
    assert not world.client.ids("account.move", [("company_id", "=", world.client.company)])

    said = world.say("publish", "--yes")
    assert (
        f"  mill: version {first} becomes {second}\n"
        "    plans removed: gone\n"
        "    contracts: MILL-1\n"
    ) in said.out
    said = world.say("bill", "--as-of", AS_OF, "--yes")
    assert (said.code, said.err) == (0, "")
    assert "1 draft written, 1 customer settled.\n" in said.out

    # A row on record leads to its version, whatever is published later.
    world.write(FEE, TIME, version="3")
    world.publish()
    rows = world.client.find(
        "klausel.ledger", [("contract_id", "=", world.contract)], ["policy", "policy_id"]
    )
    found = {(row["policy"], row["policy_id"]) for row in rows if row["policy"]}
    (then,) = [one for one in world.published() if one["version"] == "2"]
    assert found == {(then["stamp"], then["id"])}
    assert [(one["version"], one["active"]) for one in world.published()][-2:] == [
        ("2", False), ("3", True),
    ]  # fmt: skip


def test_a_version_published_meanwhile_refuses_the_customer(world: World) -> None:
    """Somebody publishes between preview and yes: the addon's own check."""
    used = world.write(FEE, TIME, version="4")
    world.publish()
    erp = world.source()
    result = preview(erp, Options(date(2026, 6, 1), record=True))
    assert len(result.drafts) == 1
    text = (world.policies / "mill" / "policy.yaml").read_text(encoding="utf-8")
    published = world.write(FEE, TIME, version="5")
    world.publish()
    (world.policies / "mill" / "policy.yaml").write_text(text, encoding="utf-8")
    (refused,) = write(erp, result).refused
    assert (refused.name, refused.message, refused.hint) == (
        "Baker",
        f"Policy mill is published as {published}, but the files in use are {used}.",
        "publish again, or use the files that were published, then run it again",
    )
    world.publish()
    assert not write(world.source(), preview(world.source(), Options(APRIL, record=True))).refused


def test_a_plan_in_use_does_not_go(world: World) -> None:
    world.write(FEE, TIME, version="6")
    world.publish()
    before = world.published()
    world.write(FEE, version="7")
    said = world.say("publish", "--yes")
    assert (said.code, said.err) == (
        3,
        'error: Policy mill 7 has no plan "service" any more, but contracts use it: MILL-1.\n'
        "    keep the plan in the policy; or give these contracts another plan, or archive them,"
        " and publish again\n",
    )
    assert world.published() == before
    world.write(FEE, TIME, version="6")


def test_the_server_refuses_what_was_read_too_early(world: World) -> None:
    """Two people publish at once; a contract takes a plan while somebody removes it."""
    world.write(FEE, TIME, GONE, version="8")
    world.publish()
    erp = world.source()
    before = erp.published()
    world.write(FEE, TIME, version="9")
    (change,) = changes(local(world.policies), before)
    (term,) = world.client.ids(
        "klausel.term", [("contract_id", "=", world.contract), ("code", "=", "time")]
    )
    world.client.write("klausel.term", [term], plan="gone")
    with pytest.raises(ErpError) as caught:
        erp.publish([change])
    assert str(caught.value) == (
        "Policy mill 9 has no plan “gone” any more, but contracts use it: MILL-1.\n"
        "    keep the plan in the policy; or give these contracts another plan, or archive them,"
        " and publish again"
    )
    world.client.write("klausel.term", [term], plan="service")
    world.publish()
    world.write(FEE, TIME, version="10")
    (late,) = changes(local(world.policies), before)
    with pytest.raises(ErpError) as caught:
        erp.publish([late])
    assert str(caught.value) == (
        "Somebody else has published mill since this run read it.\n    run it again"
    )


# --- the page on policies -----------------------------------------------------------------------


def test_the_policy_of_the_page_is_published_and_bills(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/policies.md: its publish step says what the page shows; the quarter costs as much."""
    client = world.client
    society = client.create_one("res.partner", name="Society", is_company=True)
    extras = {"price": "72.00"}
    scene.contract(
        client, society, "SOC-1",
        [
            Term("service", "service-by-project", world.product, extras, takes="service"),
            Term("extras", "agreed-extras", world.product, extras, takes="change"),
        ],
        "society", scene.currency(client, "EUR"),
    )  # fmt: skip
    project = scene.project(client, society, "Programme")
    work = [
        Log(project, 0, "2026-01-20", 0.5, "Termine Februar und März eingetragen"),
        Log(project, 0, "2026-02-20", 0.25, "Konzertabsage eingepflegt"),
        Log(project, 0, "2026-03-23", 0.5, "Termine April bis Juni eingetragen"),
    ]
    scene.log(client, scene.employee(client, "Lo"), work)
    monkeypatch.chdir(tmp_path)
    copy_demo(tmp_path / "mybook")
    outputs: dict[str, Said] = {}
    for command, shown in steps(tmp_path):
        _, name, *arguments = command.split()
        if name == "init":
            assert cli.run([name, *arguments]) == 0
        elif name == "publish":
            outputs[shown] = world.say(name, *arguments)
    place = "https://odoo.example.com (database production)"
    assert len(outputs) == 1
    assert list(outputs.values()) == [
        Said(0, shown.replace(place, world.name), "") for shown in outputs
    ]
    source = scene.source(world.odoo, world.company, Path("mybook/policies"))
    result = preview(source, Options(APRIL, (str(society),), record=True))
    assert not result.problems
    assert [str(draft.total) for draft in result.drafts] == ["18.00"]
