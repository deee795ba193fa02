"""A policy is read in Odoo as sentences, and a contract with all that belongs to it is entered in
one form, in the manner of the reader's language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from klausel.reading import told
from klausel_run.publish import local

from . import scene
from .browsing import at_work, shot
from .customers import POLICIES
from .scene import Log, Term
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

SPOKEN = {"en_US": "en", "de_DE": "de", "nl_NL": "nl"}


class World(NamedTuple):
    """A company to which the demo's policies are published, with one customer."""

    odoo: Odoo
    client: WebClient
    customer: int
    contract: int

    @contextmanager
    def at_work(self, browser: Browser, lang: str = "en_US") -> Iterator[Page]:
        """The administrator, who reads ``lang``."""
        (user,) = self.client.ids("res.users", [("login", "=", self.odoo.login)])
        self.client.write("res.users", [user], lang=lang)
        try:
            with at_work(browser, self.odoo, self.client.company) as page:
                yield page
        finally:
            self.client.write("res.users", [user], lang="en_US")

    def open(self, page: Page, model: str, id_: int | str) -> Locator:
        page.goto(f"{self.odoo.url}/odoo/{model}/{id_}")
        form = page.locator(".o_form_view").first
        form.wait_for()
        return form

    def policy(self, name: str) -> int:
        domain = [("company_id", "=", self.client.company), ("name", "=", name)]
        (found,) = self.client.ids("klausel.policy", [*domain, ("active", "=", True)])
        return found


@pytest.fixture(scope="module")
def world(odoo: Odoo) -> World:
    admin = WebClient(odoo)
    euro = scene.currency(admin, "EUR")
    client = scene.company(admin, odoo, "Regelhaus", euro, lang="en_US")
    said = scene.klausel(odoo, "publish", "--yes", company="Regelhaus", policies=POLICIES)
    assert (said.code, said.err) == (0, "")
    product = scene.service(client, "Care")
    customer = client.create_one("res.partner", name="Weaver", is_company=True)
    project = scene.project(client, customer, "Shop")
    terms = [Term("S", "service-monthly", product, {"price": "90.00"}, takes="service")]
    contract = scene.contract(client, customer, "WEB-1", terms, "web-care", euro)
    scene.log(client, scene.employee(client, "Bo"), [Log(project, 0, "2026-03-04", 2.0)])
    return World(odoo, client, customer, contract)


# --- reading --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lang", SPOKEN)
def test_odoo_has_every_sentence_of_every_policy(world: World, lang: str) -> None:
    """In the order of the files, in each language."""
    spoken = SPOKEN[lang]
    for policy in local(POLICIES):
        fields = ["kind", "name", "clause", "disposition", "effect", "sentence"]
        found = world.client.find(
            "klausel.rule", [("policy_id", "=", world.policy(policy.name))], fields,
            "sequence", lang=lang,
        )  # fmt: skip
        assert [tuple(row[name] or "" for name in fields) for row in found] == [
            (
                one.kind, one.name, one.clause, one.disposition, one.effect[spoken],
                one.because.get(spoken) or one.because.get("en", ""),
            )
            for one in told(policy)
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "tab", "rule", "because"),
    [
        (
            "en_US", "Rules", "Where work is feature and estimate_hours is more than 16 h: change.",
            "New functions estimated at more than 16 hours need an offer of their own.",
        ),
        (
            "de_DE", "Regeln",
            "Ist work feature und ist estimate_hours mehr als 16 Std.: Änderung.",
            "Neue Funktionen mit mehr als 16 geschätzten Stunden brauchen ein eigenes Angebot.",
        ),
        (
            "nl_NL", "Regels",
            "Is work feature en is estimate_hours meer dan 16 uur: wijziging.",
            "Voor nieuwe functies van naar schatting meer dan 16 uur maken wij een aparte offerte.",
        ),
    ],
    ids=SPOKEN,
)  # fmt: skip
def test_a_policy_is_read_in_ones_language(
    world: World, browser: Browser, tmp_path: Path, lang: str, tab: str, rule: str, because: str
) -> None:
    with world.at_work(browser, lang) as page:
        form = world.open(page, "klausel.policy", world.policy("web-care"))
        expect(form.locator(".nav-link.active")).to_have_text(tab)
        row = form.locator("[name=rule_ids] .o_data_row", has_text="P2")
        expect(row.locator("td[name=effect]")).to_have_text(rule)
        expect(row.locator("td[name=sentence]")).to_have_text(because)
        expect(form.locator("[name=rule_ids] .o_data_row")).to_have_count(11)
        shot(page, f"policy-rules-{SPOKEN[lang]}", tmp_path)
        for number, name in ((1, "plans"), (2, "words")):
            form.locator(".nav-link").nth(number).click()
            expect(form.locator(".nav-link.active")).not_to_have_text(tab)
            shot(page, f"policy-{name}-{SPOKEN[lang]}", tmp_path)
        page.set_viewport_size({"width": 400, "height": 800})
        world.open(page, "klausel.policy", world.policy("web-care"))
        expect(page.locator("[name=rule_ids]")).to_contain_text(rule)
        shot(page, f"policy-small-{SPOKEN[lang]}", tmp_path)


def test_a_ledger_row_says_why(world: World, browser: Browser, tmp_path: Path) -> None:
    said = scene.klausel(
        world.odoo, "bill", "--as-of", "2026-04-01", "--yes", company="Regelhaus", policies=POLICIES
    )
    assert (said.code, said.err) == (0, "")
    rows = [("contract_id", "=", world.contract), ("entry_ref", "!=", 0)]
    for lang, text in (
        ("en_US", "What comes up day by day is service and is billed by time."),
        ("de_DE", "Was im Alltag anfällt, ist Service und wird nach Zeit berechnet."),
    ):
        (row,) = world.client.find("klausel.ledger", rows, ["because", "rule"], lang=lang)
        assert (row["rule"], row["because"]) == ("otherwise", text)
        with world.at_work(browser, lang) as page:
            form = world.open(page, "klausel.ledger", row["id"])
            expect(form.locator("[name=because]")).to_have_text(text)
            shot(page, f"ledger-because-{SPOKEN[lang]}", tmp_path)


# --- entering -------------------------------------------------------------------------------------


def choose(page: Page, place: Locator, field: str, word: str) -> list[str]:
    """Chooses what begins with ``word`` in a field; what it offers."""
    place.locator(f"[name={field}] input").click()
    items = page.locator(".o-autocomplete--dropdown-item:not(.o_m2o_dropdown_option)")
    items.filter(has_text=word).first.wait_for()
    offered = [text.strip() for text in items.all_inner_texts()]
    items.filter(has_text=word).first.click()
    return offered


def add_term(page: Page, form: Locator, code: str, plan: str, price: str) -> None:
    form.locator("[name=term_ids] .o_field_x2many_list_row_add a").click()
    term = page.locator(".modal", has=page.locator("[name=plan_id]"))
    term.locator("[name=code] input").fill(code)
    choose(page, term, "plan_id", plan)
    choose(page, term, "product_id", "Care")
    row = term.locator("[name=parameter_ids] .o_data_row").first
    expect(row.locator("td[name=definition_id]")).to_have_text("price")
    row.locator("td[name=value]").click()
    row.locator("td[name=value] input").fill(price)
    row.locator("td[name=value] input").press("Tab")
    term.locator(".modal-footer .o_form_button_save").first.click()
    expect(term).to_have_count(0)


def test_a_contract_in_one_form_in_german(world: World, browser: Browser, tmp_path: Path) -> None:
    """Terms, an acceptance of a part, and prices with a comma: entered, then saved once."""
    with world.at_work(browser, "de_DE") as page:
        form = world.open(page, "action-klausel_billing.klausel_contract_action", "new")
        form.locator("[name=code] input").fill("WEB-2")
        form.locator("[name=partner_id] input").fill("Weaver")
        page.locator(".o-autocomplete--dropdown-item", has_text="Weaver").first.click()
        choose(page, form, "policy_id", "web-care")
        form.locator("[name=date_start] input").first.fill("01.01.2030")
        add_term(page, form, "F", "fixed-price", "1.234")
        add_term(page, form, "M", "service-monthly", "95,50")

        form.locator(".nav-link[name=acceptances]").click()
        accepted = form.locator("[name=acceptance_ids]")
        accepted.locator(".o_field_x2many_list_row_add a").click()
        row = accepted.locator(".o_data_row").first
        assert choose(page, row, "term_code", "F") == ["F", "M"]
        row.locator("td[name=part]").click()
        row.locator("[name=part] input").fill("ums")
        parts = page.locator(".o-autocomplete--dropdown-item")
        expect(parts).to_have_text(["Umsetzung"])
        parts.first.click()
        expect(row.locator("[name=part] input")).to_have_value("Umsetzung")
        shot(page, "acceptance-unsaved-de", tmp_path)
        page.locator(".o_form_button_save").click()
        dialog = page.locator(".o_error_dialog")
        expect(dialog).to_contain_text(
            "Kondition F: price ist „1.234“, was 1234 oder 1,2340 sein kann. Schreiben Sie, was"
            " gemeint ist."
        )
        shot(page, "doubtful-price-de", tmp_path)
        dialog.locator("button", has_text="Schließen").click()

        form.locator(".nav-link[name=terms]").click()
        form.locator("[name=term_ids] .o_data_row").first.click()
        term = page.locator(".modal", has=page.locator("[name=plan_id]"))
        value = term.locator("[name=parameter_ids] td[name=value]").first
        expect(value).to_have_text("1.234")
        value.click()
        value.locator("input").fill("1.234,50")
        value.locator("input").press("Tab")
        term.locator(".modal-footer .o_form_button_save").first.click()
        expect(term).to_have_count(0)
        page.locator(".o_form_button_save").click()
        page.wait_for_url(re.compile(r"/\d+$"))
        summary = form.locator("[name=term_ids] td[name=parameter_summary]")
        expect(summary.nth(1)).to_have_text("price 95,50")
        form.locator("[name=term_ids] .o_data_row").first.click()
        expect(value).to_have_text("1234,50")
        shot(page, "price-de", tmp_path)
    fields = ["term_ids", "acceptance_ids"]
    (made,) = world.client.find("klausel.contract", [("code", "=", "WEB-2")], fields)
    prices = world.client.find(
        "klausel.parameter", [("term_id", "in", made["term_ids"])], ["term_id", "value"]
    )
    assert [row["value"] for row in prices] == ["1234.50", "95.50"]
    (acceptance,) = world.client.find(
        "klausel.acceptance", [("id", "in", made["acceptance_ids"])], ["term_id", "part"]
    )
    assert acceptance["term_id"] == prices[0]["term_id"]
    assert acceptance["part"] == "Umsetzung"
