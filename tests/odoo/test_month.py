"""The accountant's month, in a browser and without a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from . import demo
from .browsing import at_work, shot
from .demo import Firm
from .server import Odoo

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
    expect(page.locator(".o_list_view, .o_view_nocontent")).to_be_visible()


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


def test_drafts_for_three_customers(page: Page, firm: Firm, tmp_path: Path) -> None:
    to_invoice(page, firm)
    for name in CUSTOMERS:
        row(page, name).locator(".o_list_record_selector input").check()
    page.get_by_role("button", name="Create Drafts").click()
    expect(dialog(page)).to_contain_text(re.compile("written", re.IGNORECASE), timeout=SLOW)
    shot(page, "drafts-created", tmp_path, whole=False)
