"""Words of published policies in Odoo's forms: offered while somebody types, others doubted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from . import scene
from .browsing import at_work, shot
from .scene import Said
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

POLICY = """\
policy: {name}
version: "{version}"
title: {{en: Care, de: Pflege}}
fields:
  cause:
    one_of: [we, others]
    from:
      - {{origin: [{origins}], is: we}}
      - {{otherwise: others}}
  kind:
    one_of: [care, other]
    from:
      - {{activity: [Support, Hosting], is: care}}
      - {{otherwise: other}}
scope:
  rules:
    - {{id: W1, when: {{cause: we}}, then: included, because: Our own fault.}}
    - {{id: W2, when: {{kind: care}}, then: service, because: Care.}}
  otherwise: {{then: service, because: By the hour.}}
plans:
  service:
    title: {{en: Service, de: Dienst}}
    components: [{{time: {{every: 1 month}}}}]
"""
USUAL = ("customer", "ours", "third_party", "unknown")


class Firm(NamedTuple):
    odoo: Odoo
    client: WebClient
    name: str
    policies: Path
    ticket: int

    def publish(self, *origins: str, version: str = "1", policy: str = "care") -> None:
        folder = self.policies / policy
        folder.mkdir(exist_ok=True)
        text = POLICY.format(name=policy, version=version, origins=", ".join(origins))
        (folder / "policy.yaml").write_text(text, encoding="utf-8")
        said = self.say("publish", "--yes")
        assert (said.code, said.err) == (0, ""), said

    def say(self, *arguments: str) -> Said:
        return scene.klausel(self.odoo, *arguments, company=self.name, policies=self.policies)

    def words(self, fact: str) -> list[str]:
        ours = [("company_id", "=", self.client.company), ("fact", "=", fact)]
        rows = self.client.find("klausel.word", ours, ["name"], order="name")
        return [row["name"] for row in rows]


@pytest.fixture(scope="module")
def firms(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> tuple[Firm, Firm]:
    """Two companies, each with a ticket and policies of its own."""
    admin = WebClient(odoo)
    euro = scene.currency(admin, "EUR")
    found = []
    for name in ("Mühle", "Werft"):
        client = scene.company(admin, odoo, name, euro, lang="en_US")
        customer = client.create_one("res.partner", name=f"Baker of {name}", is_company=True)
        project = scene.project(client, customer, f"Shop of {name}")
        (ticket,) = scene.tickets(client, project, customer, [f"Ticket of {name}"])
        found.append(Firm(odoo, client, name, tmp_path_factory.mktemp("policies"), ticket))
    return found[0], found[1]


@pytest.fixture
def page(firms: tuple[Firm, Firm], browser: Browser) -> Iterator[Page]:
    """The administrator at work for the first company."""
    firm = firms[0]
    with at_work(browser, firm.odoo, firm.client.company) as page:
        yield page


def offered(page: Page) -> Locator:
    return page.locator(".o-autocomplete--dropdown-item")


def test_publishing_brings_words_and_takes_others_away(firms: tuple[Firm, Firm]) -> None:
    mill, yard = firms
    mill.publish("ours", "Unsre")
    assert mill.words("origin") == sorted([*USUAL, "unsre"])
    assert mill.words("activity") == ["hosting", "support"]
    assert yard.words("origin") == []
    assert "Nothing to publish." in mill.say("publish", "--yes").out
    yard.publish("werft")
    assert yard.words("origin") == sorted([*USUAL, "werft"])
    mill.publish("ours", version="2")
    assert mill.words("origin") == sorted(USUAL)
    assert yard.words("origin") == sorted([*USUAL, "werft"])
    old = [("policy_id.active", "=", False)]
    assert mill.client.find("klausel.word", old, ["name"]) == []


def test_what_the_policy_in_files_knows_is_what_the_form_knows(firms: tuple[Firm, Firm]) -> None:
    """The same word is doubted by a form and by doctor."""
    mill, _ = firms
    mill.publish("ours", version="3")
    said = mill.client.call(
        "project.task", "onchange", [mill.ticket], {"klausel_origin": "our"}, ["klausel_origin"],
        {"klausel_origin": {}},
    )  # fmt: skip
    assert said["warning"]["message"] == "No published policy knows “our”. Nearest known: ours."
    assert said["warning"]["type"] == "notification"
    mill.client.write("project.task", [mill.ticket], klausel_origin="our")
    contract: dict[str, Any] = {
        "code": "M-1", "policy": "care", "date_start": "2026-01-01",
        "company_id": mill.client.company,
        "partner_id": mill.client.ids("res.partner", [("name", "=", "Baker of Mühle")])[0],
    }  # fmt: skip
    mill.client.create_one("klausel.contract", **contract)
    assert '"our" as origin (1): did you mean "ours"?' in mill.say("doctor").out
    mill.client.write("project.task", [mill.ticket], klausel_origin=False)


def test_the_form_offers_words_and_doubts_others(
    firms: tuple[Firm, Firm], page: Page, tmp_path: Path
) -> None:
    mill, yard = firms
    mill.publish("ours", version="4")
    yard.publish("werft", version="4")
    page.goto(f"{mill.odoo.url}/odoo/project.task/{mill.ticket}")
    field = page.locator("div[name=klausel_origin]")
    entry = field.locator("input")
    entry.click()
    expect(offered(page)).to_have_text(list(USUAL))
    entry.press_sequentially("our")
    expect(offered(page)).to_have_text(["ours"])
    shot(page, "words-offered", tmp_path, whole=False)

    # Another word may be written: it is doubted and saved.
    entry.press("Escape")
    entry.press("Tab")
    notice = page.locator(".o_notification")
    expect(notice).to_contain_text("No published policy knows “our”. Nearest known: ours.")
    shot(page, "word-doubted", tmp_path, whole=False)
    page.locator(".o_form_button_save").click()
    expect(page.locator(".o_form_button_save")).to_be_hidden()
    (task,) = mill.client.find("project.task", [("id", "=", mill.ticket)], ["klausel_origin"])
    assert task["klausel_origin"] == "our"

    # And chosen from the list, as it is written in the policy.
    entry.fill("third party")
    offered(page).filter(has_text="third_party").click()
    expect(entry).to_have_value("third_party")
    page.locator(".o_form_button_save").click()
    expect(page.locator(".o_form_button_save")).to_be_hidden()
    (task,) = mill.client.find("project.task", [("id", "=", mill.ticket)], ["klausel_origin"])
    assert task["klausel_origin"] == "third_party"
