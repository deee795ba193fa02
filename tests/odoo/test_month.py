"""The accountant's month to its end, in a browser and without a terminal, in two languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from . import demo
from .browsing import at_work, shot
from .demo import Firm
from .fixtures import give_up
from .places import Unavailable
from .provision import ensure_wkhtmltopdf
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

#: Milliseconds: everything at once on a slow machine.
SLOW = 120_000
OPEN = ".o_form_view"


class Tour(NamedTuple):
    """One month: in which language, for whom, and what is corrected at its end."""

    language: str
    customers: tuple[str, ...]
    held: str
    """Who of them has work that waits."""
    line: str
    """A line of the first one's invoice, of which a timesheet is corrected."""
    hours: int
    """By how much."""
    fee: str
    """How a line begins that is of no timesheet."""
    said: dict[str, str]
    """Words of the screens, by picture."""

    @property
    def first(self) -> str:
        return self.customers[0]

    @property
    def german(self) -> bool:
        return self.language == "de_DE"


TOURS = (
    Tour(
        "en_US",
        (
            "Corrigan Vale Veterinary Practice",
            "Reha-Zentrum Möwenstein GmbH",
            "Brauhaus Katerberg KG",
        ),
        "Brauhaus Katerberg KG",
        "Support by the hour, Senior Developer, May 2026",
        1,
        "Product subscription",
        {
            "unit": "Hours", "why": "Because", "held": "approved or budgeted",
            "written": "Drafts Written", "record": "Activity record", "corrected": "corrected",
            "kind": "Invoice", "clause": "Clause", "came": "3 of 3", "day": r"\d\d/\d\d/\d{4}",
        },
    ),
    Tour(
        "de_DE",
        (
            "Zahnarztpraxis Dr. Ellerbrok und Partner",
            "Bootswerft Ostermann GmbH",
            "Yogastudio Windstille",
        ),
        "Yogastudio Windstille",
        "Service je Monat, Mai 2026",
        -1,
        "Wartung, ein Jahr im Voraus",
        {
            "unit": "Stunden", "why": "Begründung", "held": "weitere Stunden, gekauft",
            "written": "Entwürfe angelegt", "record": "Tätigkeitsnachweis",
            "corrected": "berichtigt", "kind": "Gutschrift", "clause": "Ziffer",
            "came": "Kunden mit neuen Entwürfen: 3 von 3.", "day": r"\d\d\.\d\d\.\d{4}",
        },
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def firm(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firm]:
    try:
        ensure_wkhtmltopdf()  # Odoo looks for it once
    except Unavailable as error:
        give_up(str(error))
    firm = demo.furnish(odoo)
    # The night's preview would renew what somebody looks at, here in the middle of the test.
    firm.loaded.rpc.write("res.company", [1], klausel_nightly_hour=-1)
    with demo.at_the_desk(firm, tmp_path_factory.mktemp("work") / "work.log"):
        yield firm


@pytest.fixture(scope="module", params=TOURS, ids=lambda tour: tour.language)
def tour(request: pytest.FixtureRequest, firm: Firm) -> Tour:
    found: Tour = request.param
    (anna,) = firm.loaded.rpc.call("res.users", "search", [("login", "=", "anna")])
    firm.loaded.rpc.write("res.users", [anna], lang=found.language)
    return found


@pytest.fixture(scope="module")
def page(firm: Firm, tour: Tour, browser: Browser) -> Iterator[Page]:
    with at_work(browser, firm.account("anna")) as page:
        page.set_default_timeout(SLOW)
        yield page


@pytest.fixture
def client(firm: Firm) -> WebClient:
    return WebClient(firm.account("anna"))


# --- what the tour does -------------------------------------------------------------------------


def dialog(page: Page) -> Locator:
    return page.locator(".o_dialog .modal-content").last


def refreshed(page: Page, name: str) -> None:
    """A click on that button, and waiting until it is done."""
    press(page, name)
    dialog(page).wait_for()
    done(page)


def done(page: Page) -> None:
    """Waits for a request that needs nobody to read what came of it."""
    expect(page.locator(".o_dialog .modal-content")).to_have_count(0, timeout=SLOW)


def press(where: Page | Locator, name: str) -> None:
    """A click on the button of that method."""
    where.locator(f"button[name={name}]:visible").first.click()


def to_invoice(page: Page, firm: Firm) -> None:
    page.goto(f"{firm.odoo.url}/odoo/klausel-to-invoice")
    expect(page.locator(".o_list_view")).to_be_visible(timeout=SLOW)  # the first time makes them


def row(where: Page | Locator, name: str) -> Locator:
    return where.locator(".o_data_row").filter(has_text=name)


def opened(page: Page, firm: Firm, customer: str) -> None:
    """The customer's preview, by a click in the list."""
    to_invoice(page, firm)
    row(page, customer).locator("td[name=display_name]").click()
    expect(page.locator(OPEN)).to_be_visible()


def picture(page: Page, tour: Tour, name: str, tmp_path: Path, whole: bool = True) -> None:
    """Of the English tour under its name alone: these are the manual's."""
    page.mouse.move(0, 0)  # no help of what lies below the pointer
    expect(page.locator(".o-tooltip")).to_have_count(0)
    shot(page, f"{name}-de" if tour.german else name, tmp_path, whole)


def amount(found: Locator, tour: Tour) -> Decimal:
    """An amount as the screen says it."""
    text = found.inner_text()
    text = text.replace(".", "").replace(",", ".") if tour.german else text.replace(",", "")
    return Decimal(re.sub(r"[^\d.-]", "", text))


# --- one month ----------------------------------------------------------------------------------


def test_to_invoice(tour: Tour, page: Page, firm: Firm, tmp_path: Path) -> None:
    to_invoice(page, firm)
    refreshed(page, "action_refresh_all")
    for name in tour.customers:
        expect(row(page, name)).to_have_count(1, timeout=SLOW)
    expect(row(page, tour.first)).to_contain_text(re.compile(tour.said["day"]))
    picture(page, tour, "to-invoice", tmp_path)


def test_why_a_line_is_there(tour: Tour, page: Page, firm: Firm, tmp_path: Path) -> None:
    opened(page, firm, tour.first)
    line = row(page, tour.line)
    expect(line.locator("td[name=unit]")).to_have_text(tour.said["unit"])
    picture(page, tour, "preview-of-a-customer", tmp_path)
    press(line, "action_why")
    expect(dialog(page)).to_contain_text(tour.said["why"])
    expect(dialog(page).locator(".o_data_row").first).to_be_visible()
    picture(page, tour, "why", tmp_path)
    page.keyboard.press("Escape")
    done(page)


def test_a_held_item(tour: Tour, page: Page, firm: Firm, tmp_path: Path) -> None:
    opened(page, firm, tour.held)
    page.locator(".nav-link[name=held]").click()
    expect(page.locator(".tab-pane.active .o_data_row")).to_have_count(1)
    expect(page.locator(".tab-pane.active .o_data_row")).to_contain_text(tour.said["held"])
    picture(page, tour, "held", tmp_path)


def test_drafts_for_three_customers(
    tour: Tour, page: Page, firm: Firm, client: WebClient, tmp_path: Path
) -> None:
    to_invoice(page, firm)
    shown = {name: amount(row(page, name).locator("td[name=amount]"), tour)
             for name in tour.customers}  # fmt: skip
    for name in tour.customers:
        row(page, name).locator(".o_list_record_selector input").check()
    press(page, "action_create_drafts")
    expect(dialog(page).locator("button[name=action_view_moves]")).to_be_visible(timeout=SLOW)
    expect(dialog(page)).to_contain_text(tour.said["written"])
    expect(dialog(page)).to_contain_text(tour.said["came"])
    picture(page, tour, "request", tmp_path)
    press(dialog(page), "action_view_moves")
    done(page)
    drafts = invoices(client, tour)
    expect(page.locator(".o_data_row")).to_have_count(len(drafts))
    picture(page, tour, "drafts", tmp_path)
    found = dict.fromkeys(tour.customers, Decimal())
    for name, _id, total, state in drafts:
        found[name] += total
        assert state == "draft"
    assert found == shown


def invoices(client: WebClient, tour: Tour) -> list[tuple[str, int, Decimal, str]]:
    """Ours of the tour's customers: name, id, net amount (credit notes below zero), state."""
    names = {one["id"]: one["name"] for one in client.find("res.partner", [], ["name"])}
    ours = [("klausel_run_id", "!=", False)]
    fields = ["partner_id", "amount_untaxed", "state", "move_type"]
    return [
        (
            names[one["partner_id"]],
            one["id"],
            Decimal(str(one["amount_untaxed"])) * (-1 if "refund" in one["move_type"] else 1),
            one["state"],
        )
        for one in client.find("account.move", ours, fields)
        if names[one["partner_id"]] in tour.customers
    ]


def test_the_invoice_is_sent_with_its_record(
    tour: Tour, page: Page, client: WebClient, tmp_path: Path
) -> None:
    """From the list of drafts on."""
    row(page, tour.first).locator("td[name=partner_id], td").nth(2).click()
    expect(page.locator(OPEN)).to_contain_text(tour.line)
    press(page, "action_post")
    expect(page.locator("button[name=action_invoice_sent]:visible").first).to_be_visible()
    press(page, "action_invoice_sent")
    attached = dialog(page).locator(".o_field_mail_attachments li")
    expect(attached.filter(has_text=tour.said["record"])).to_have_count(1)
    picture(page, tour, "send", tmp_path)
    press(dialog(page), "action_send_and_print")
    done(page)
    sent = page.locator(".o-mail-Chatter .o-mail-AttachmentList, .o-mail-Chatter").first
    expect(sent).to_contain_text(tour.said["record"])
    picture(page, tour, "invoice", tmp_path)
    ((_name, move, _total, state),) = [
        one for one in invoices(client, tour) if one[0] == tour.first
    ]
    assert state == "posted"
    messages = client.find("mail.message", [("model", "=", "account.move"), ("res_id", "=", move)],
                           ["attachment_ids"])  # fmt: skip
    ids = [id_ for one in messages for id_ in one["attachment_ids"]]
    files = client.find("ir.attachment", [("id", "in", ids)], ["name", "mimetype"])
    assert len(files) == 2, files
    assert [one["mimetype"] for one in files] == ["application/pdf"] * 2
    assert sum(tour.said["record"] in one["name"] for one in files) == 1


def test_a_timesheet_of_the_invoice_is_corrected(tour: Tour, page: Page, tmp_path: Path) -> None:
    """From the invoice on: why is the line there, and what of it is wrong?"""
    press(row(page, tour.fee).first, "klausel_action_why")
    expect(dialog(page)).to_contain_text(tour.said["clause"])
    expect(dialog(page).locator(".o_data_row:visible")).to_have_count(0)
    page.keyboard.press("Escape")
    done(page)
    press(row(page, tour.line), "klausel_action_why")
    entries = dialog(page).locator(".o_data_row")
    expect(entries.first).to_be_visible()
    expect(dialog(page)).to_contain_text(tour.said["why"])
    picture(page, tour, "why-of-an-invoice", tmp_path)
    hours = [minutes(text) for text in entries.locator("td[name=worked_hours]").all_inner_texts()]
    longest = max(range(len(hours)), key=lambda number: hours[number])
    assert hours[longest] + 60 * tour.hours > 0
    press(entries.nth(longest), "action_correct")
    form = dialog(page).filter(has=page.locator("[name=reason]"))
    expect(form).to_be_visible()
    right = hours[longest] + 60 * tour.hours
    form.locator("[name=hours] input").fill(f"{right // 60}:{right % 60:02}")
    form.locator("[name=reason] input").fill("Logged twice" if tour.hours < 0 else "Forgotten")
    picture(page, tour, "correct", tmp_path)
    press(form.locator(".modal-footer"), "action_correct")
    expect(page.locator(".o_notification")).to_contain_text(tour.said["corrected"])
    done(page)
    picture(page, tour, "corrected", tmp_path)
    expect(page.locator(".o_notification a")).to_have_text(tour.first)


def minutes(text: str) -> int:
    hours, _, rest = text.strip().partition(":")
    return int(hours) * 60 + int(rest)


def test_the_adjustment_is_drafted(
    tour: Tour, page: Page, firm: Firm, client: WebClient, tmp_path: Path
) -> None:
    """Of the corrected hour alone, to the cent."""
    before = {id_ for _name, id_, _total, _state in invoices(client, tour)}
    lines = client.find("account.move.line", [("move_id", "in", list(before)),
                        ("name", "=like", f"{tour.line}%")], ["price_unit"])  # fmt: skip
    price = Decimal(str(lines[0]["price_unit"]))
    assert price > 50
    opened(page, firm, tour.first)
    expect(page.locator(".alert-warning:visible")).to_have_count(1)  # it has changed
    refreshed(page, "action_refresh_corrections")
    expect(page.locator(".alert-warning:visible")).to_have_count(0)
    assert amount(page.locator(".o_field_widget[name=amount]"), tour) == price * tour.hours
    picture(page, tour, "correction-previewed", tmp_path)
    press(page, "action_create_drafts")
    press(dialog(page), "action_view_moves")
    done(page)
    (draft,) = [one for one in invoices(client, tour) if one[1] not in before]
    assert draft[2:] == (price * tour.hours, "draft")
    row(page, tour.first).locator("td").nth(2).click()
    expect(page.locator(OPEN)).to_contain_text(tour.line.split(",")[0])
    expect(page.locator(OPEN)).to_contain_text(tour.said["kind"])
    picture(page, tour, "adjustment", tmp_path)
    press(page, "klausel_action_why")
    expect(dialog(page)).to_contain_text(tour.said["why"])
    picture(page, tour, "why-of-an-adjustment", tmp_path)
    page.keyboard.press("Escape")


def test_what_became_of_the_request(tour: Tour, page: Page, firm: Firm, tmp_path: Path) -> None:
    page.goto(f"{firm.odoo.url}/odoo/klausel-requests")
    page.locator(".o_data_row").first.locator("td[name=kind]").click()
    expect(page.locator(OPEN)).to_contain_text(tour.said["written"])
    picture(page, tour, "request-later", tmp_path)


@pytest.mark.parametrize("path", ["waiting", "balances", "problems", "requests"])
def test_the_other_lists(path: str, tour: Tour, page: Page, firm: Firm, tmp_path: Path) -> None:
    page.goto(f"{firm.odoo.url}/odoo/klausel-{path}")
    expect(page.locator(".o_data_row, .o_group_header, .o_view_nocontent").first).to_be_visible()
    expect(page.locator(".o_error_dialog")).to_have_count(0)
    picture(page, tour, path, tmp_path)


def test_a_problem_is_planned(
    tour: Tour, page: Page, firm: Firm, client: WebClient, tmp_path: Path
) -> None:
    """As an activity of its customer, which outlives the problem's row."""
    mine = (*tour.customers, tour.held)
    contracts = client.find("klausel.contract", [], ["partner_id", "commercial_partner_id"])
    names = {
        one["id"]: one["name"]
        for one in client.find("res.partner", [], ["name"])
        if one["name"] not in mine
    }
    (contract, *_) = [one for one in contracts if one["commercial_partner_id"] in names]
    client.call("klausel.contract", "copy", [contract["id"]], {"code": f"AGAIN-{tour.language}"})
    page.goto(f"{firm.odoo.url}/odoo/klausel-to-invoice")
    refreshed(page, "action_refresh_all")
    customer = contract["commercial_partner_id"]
    (problem, *_) = client.find(
        "klausel.problem", [("partner_id", "=", customer)], ["text"]
    )  # fmt: skip
    page.goto(f"{firm.odoo.url}/odoo/klausel-problems")
    line = page.locator(".o_data_row").filter(has_text=problem["text"])
    press(line.first, "action_plan")
    expect(line.first.locator("[name=planned_user_id] img")).to_be_visible()
    press(line.first, "action_plan")  # pressed again it is not planned twice
    picture(page, tour, "problem-planned", tmp_path)
    (planned,) = client.find(
        "mail.activity", [("res_model", "=", "res.partner"), ("res_id", "=", customer),
                          ("summary", "=", problem["text"])], ["user_id", "note"],
    )  # fmt: skip
    assert planned["note"]
    seen = client.find("klausel.problem", [("partner_id", "=", customer)], ["planned_user_id"])
    assert all(one["planned_user_id"] for one in seen)
    unplanned = [("partner_id.activity_ids", "=", False), ("partner_id", "=", customer)]
    assert client.find("klausel.problem", unplanned, ["id"]) == []


# --- on a phone ---------------------------------------------------------------------------------


def test_on_a_phone(
    tour: Tour, page: Page, firm: Firm, client: WebClient, tmp_path: Path
) -> None:  # fmt: skip
    page.set_viewport_size({"width": 400, "height": 800})
    page.goto(f"{firm.odoo.url}/odoo/klausel-to-invoice")
    card = page.locator(".o_kanban_record").filter(has_text=tour.held)
    expect(card).to_have_count(1)
    fits(page, tour, "to-invoice-on-a-phone", tmp_path)
    card.click()
    expect(page.locator(OPEN)).to_be_visible()
    fits(page, tour, "preview-on-a-phone", tmp_path)
    page.locator(".nav-link[name=held]").click()
    expect(page.locator(".tab-pane.active")).to_contain_text(tour.said["held"])
    fits(page, tour, "held-on-a-phone", tmp_path)
    for path in ("balances", "problems"):
        page.goto(f"{firm.odoo.url}/odoo/klausel-{path}")
        expect(page.locator(".o_kanban_record").first).to_be_visible()
        fits(page, tour, f"{path}-on-a-phone", tmp_path)
    posted = next(one for one in invoices(client, tour) if one[3] == "posted")
    page.goto(f"{firm.odoo.url}/odoo/customer-invoices/{posted[1]}")
    expect(page.locator(OPEN)).to_be_visible()
    fits(page, tour, "invoice-on-a-phone", tmp_path)
    cards = page.locator(".o_field_widget[name=invoice_line_ids] .o_kanban_record")
    press(cards.nth(1), "klausel_action_why")
    expect(page.locator(".modal-content").filter(has_text=tour.said["clause"])).to_be_visible()
    fits(page, tour, "why-of-an-invoice-on-a-phone", tmp_path)


def fits(page: Page, tour: Tour, name: str, tmp_path: Path) -> None:
    picture(page, tour, name, tmp_path, whole=False)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400, name
