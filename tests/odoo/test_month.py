"""The accountant's month, in a browser and without a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from . import demo
from .browsing import at_work, shot
from .demo import Firm
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

#: Milliseconds: everything at once on a slow machine.
SLOW = 120_000

CUSTOMERS = (
    "Tischlerei Wendtorf GmbH",
    "Reha-Zentrum Möwenstein GmbH",
    "Brauhaus Katerberg KG",
)


@pytest.fixture(scope="module")
def firm(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    firm = demo.furnish(odoo)
    # The night's preview would renew what somebody looks at, here in the middle of the test.
    firm.loaded.rpc.write("res.company", [1], klausel_nightly_hour=-1)
    with demo.at_the_desk(firm, tmp_path_factory.mktemp("work") / "work.log"):
        yield firm


@pytest.fixture(scope="module")
def page(firm: Firm, browser: Browser) -> Iterator[Page]:
    with at_work(browser, firm.account("anna")) as page:
        page.set_default_timeout(SLOW)
        yield page


def dialog(page: Page) -> Locator:
    return page.locator(".o_dialog .modal-content")


def done(page: Page) -> None:
    """Waits for a request that needs nobody to read what came of it."""
    expect(dialog(page)).to_have_count(0, timeout=SLOW)


def to_invoice(page: Page, firm: Firm) -> None:
    page.goto(f"{firm.odoo.url}/odoo/klausel-to-invoice")
    expect(page.locator(".o_list_view")).to_be_visible()


def row(page: Page, name: str) -> Locator:
    return page.locator(".o_data_row").filter(has_text=name)


def test_to_invoice(page: Page, firm: Firm, tmp_path: Path) -> None:
    to_invoice(page, firm)
    page.get_by_role("button", name="Refresh All").click()
    for name in CUSTOMERS:
        expect(row(page, name)).to_have_count(1, timeout=SLOW)
    done(page)
    shot(page, "to-invoice", tmp_path)


def test_why_a_line_is_there(page: Page, firm: Firm, tmp_path: Path) -> None:
    to_invoice(page, firm)
    row(page, CUSTOMERS[0]).locator("td").nth(1).click()
    expect(page.locator(".o_form_view")).to_be_visible()
    shot(page, "preview-of-a-customer", tmp_path)
    page.get_by_role("button", name="Why?").first.click()
    expect(dialog(page)).to_contain_text("Because")
    shot(page, "why", tmp_path)
    page.keyboard.press("Escape")
    done(page)


def test_drafts_for_three_customers(page: Page, firm: Firm, tmp_path: Path) -> None:
    to_invoice(page, firm)
    shown = {name: amount(row(page, name)) for name in CUSTOMERS}
    for name in CUSTOMERS:
        row(page, name).locator(".o_list_record_selector input").check()
    page.get_by_role("button", name="Create Drafts").click()
    page.get_by_role("button", name="Open the Drafts").click(timeout=SLOW)
    client = WebClient(firm.account("anna"))
    ours = [("klausel_run_id", "!=", False)]
    drafts = client.find("account.move", ours, ["partner_id", "amount_untaxed", "state"])
    expect(page.locator(".o_data_row")).to_have_count(len(drafts))
    shot(page, "drafts", tmp_path)
    names = {one["id"]: one["name"] for one in client.find("res.partner", [], ["name"])}
    found = dict.fromkeys(CUSTOMERS, Decimal())
    for one in drafts:
        found[names[one["partner_id"]]] += Decimal(str(one["amount_untaxed"]))
    assert found == shown
    assert {one["state"] for one in drafts} == {"draft"}


def test_what_became_of_the_request(page: Page, firm: Firm, tmp_path: Path) -> None:
    page.goto(f"{firm.odoo.url}/odoo/klausel-requests")
    page.locator(".o_data_row").filter(has_text="Create Drafts").locator("td").nth(1).click()
    expect(page.locator(".o_form_view")).to_contain_text("Drafts Written")
    shot(page, "request", tmp_path)


@pytest.mark.parametrize("path", ["waiting", "balances", "problems", "requests"])
def test_the_other_lists(path: str, page: Page, firm: Firm, tmp_path: Path) -> None:
    page.goto(f"{firm.odoo.url}/odoo/klausel-{path}")
    expect(page.locator(".o_data_row, .o_group_header, .o_view_nocontent").first).to_be_visible()
    expect(page.locator(".o_error_dialog")).to_have_count(0)
    shot(page, path, tmp_path)


def test_on_a_phone(page: Page, firm: Firm, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{firm.odoo.url}/odoo/klausel-to-invoice")
    card = page.locator(".o_kanban_record").filter(has_text=CUSTOMERS[0])
    expect(card).to_have_count(1)
    shot(page, "to-invoice-on-a-phone", tmp_path, whole=False)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 400


def amount(found: Locator) -> Decimal:
    """What a row of the list says is to be invoiced."""
    text = found.locator("td[name=amount]").inner_text()
    return Decimal(re.sub(r"[^\d.-]", "", text))
