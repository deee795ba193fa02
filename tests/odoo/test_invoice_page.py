"""The draft as a person sees it: Odoo's form and the printed page, in the customer's language."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Page

import cli

from . import scene
from .browsing import at_work, shot
from .scene import Log, Term
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

AS_OF = "2026-04-01"
CODE = "WEB-2026"
TERMS = "Zahlbar innerhalb von 30 Tagen ohne Abzug."

#: What a customer is called and asks for, by language.
CUSTOMERS: dict[str, dict[str, Any]] = {
    "de_DE": {
        "name": "Mühlenbäckerei Hansen GmbH", "street": "Deichstraße 12", "zip": "20459",
        "city": "Hamburg", "invoice": ("Buchhaltung", "Postfach 11 02", "20001", "Hamburg"),
        "projects": ("Webshop", "Firmenwebsite"),
    },
    "en_US": {
        "name": "Harbour Books Ltd", "street": "3 Quay Lane", "zip": "BS1 4XE",
        "city": "Bristol", "invoice": ("Accounts", "PO Box 9", "BS1 9XX", "Bristol"),
        "projects": ("Web shop", "Website"),
    },
    "nl_NL": {
        "name": "Bloemenhuis De Wit BV", "street": "Singel 20", "zip": "1012 AB",
        "city": "Amsterdam", "invoice": ("Administratie", "Postbus 7", "1000 AA", "Amsterdam"),
        "projects": ("Webwinkel", "Bedrijfssite"),
    },
}  # fmt: skip


class World(NamedTuple):
    odoo: Odoo
    client: WebClient
    moves: dict[str, int]
    """The draft of the customer of each language."""


@pytest.fixture(scope="module")
def world(odoo: Odoo, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A German firm that has billed a customer of each language, projects under headings."""
    admin = WebClient(odoo)
    client = scene.company(
        admin, odoo, "Nordlicht Webservice GmbH", scene.currency(admin, "EUR"),
        street="Hafenstraße 7", zip="24103", city="Kiel", country_id=admin.ref("base.de"),
        lang="de_DE",
    )  # fmt: skip
    taxes = client.ids("account.tax", [("type_tax_use", "=", "sale"), ("amount", "=", 15),
        ("company_id", "=", client.company)])  # fmt: skip
    client.write("account.tax", taxes, amount=19, name="19 % USt.", invoice_label="19 %")
    (tax,) = client.find("account.tax", [("id", "in", taxes)], ["tax_group_id"])
    client.write("account.tax.group", [tax["tax_group_id"]], name="USt. 19 %")
    terms = client.ref("account.account_payment_term_30days")
    client.write("account.payment.term", [terms], note=TERMS)
    month = client.create_one("uom.uom", name="Month")
    for language, name in (("de_DE", "Monat(e)"), ("nl_NL", "Maand(en)")):
        client.call("uom.uom", "write", [month], {"name": name}, context={"lang": language})
    products = (
        client.create_one("product.product", name="Wartung", type="service", uom_id=month),
        scene.service(client, "Dienstleistung"),
    )
    who = scene.employee(client, "Bo")
    customers = [
        customer(client, products, who, language, facts) for language, facts in CUSTOMERS.items()
    ]
    policies = scene.with_sections(tmp_path_factory.mktemp("policies") / "policies")
    settings = scene.environment(odoo, str(client.company), policies)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        assert cli.run(["bill", "--odoo", "--yes", "--as-of", AS_OF]) == 0
    moves = {}
    for language, id_ in zip(CUSTOMERS, customers, strict=True):
        (moves[language],) = client.ids(
            "account.move", [("commercial_partner_id", "=", id_), ("state", "=", "draft")]
        )
    return World(odoo, client, moves)


def customer(
    client: WebClient, products: tuple[int, int], who: int, language: str, facts: dict[str, Any]
) -> int:
    """With an invoice address, a yearly fee and service by the hour for two projects."""
    country = client.ref("base.de")
    names = ("name", "street", "zip", "city")
    id_ = client.create_one(
        "res.partner", is_company=True, lang=language, country_id=country,
        property_payment_term_id=client.ref("account.account_payment_term_30days"),
        **{name: facts[name] for name in names},
    )  # fmt: skip
    client.create_one(
        "res.partner", parent_id=id_, type="invoice", lang=language, country_id=country,
        **dict(zip(names, facts["invoice"], strict=True)),
    )  # fmt: skip
    shop, site = (scene.project(client, id_, name) for name in facts["projects"])
    (cart,) = scene.tickets(client, shop, id_, ["Vouchers"])
    (form,) = scene.tickets(client, site, id_, ["Contact form"])
    scene.log(
        client, who,
        [
            *(Log(shop, cart, f"2026-01-{day:02}", 8) for day in range(12, 24)),
            Log(shop, cart, "2026-02-03", 2.5),
            Log(site, form, "2026-03-19", 1.5),
        ],
    )  # fmt: skip
    scene.contract(
        client, id_, f"{CODE}-{language[:2].upper()}",
        [
            Term("W", "maintenance-annual", products[0], {"price": "49.00"}),
            Term("S", "service-quarterly", products[1], {"price": "95.50"}, takes="service"),
        ],
        "web-care", scene.currency(client, "EUR"), po_number="B-2026/118",
    )  # fmt: skip
    return id_


@pytest.fixture(scope="module")
def pages(world: World, browser: Browser) -> Iterator[Page]:
    """The administrator's web client, logged in."""
    with at_work(browser, world.odoo, height=1250) as page:
        yield page


def flat(text: str) -> str:
    """Without line breaks and hard spaces."""
    return re.sub(r"[\s\u202f\xa0]+", " ", text).strip()


def form(world: World, page: Page, language: str) -> dict[str, Any]:
    """What the draft's form shows to a user who speaks ``language``."""
    (user,) = world.client.ids("res.users", [("login", "=", world.odoo.login)])
    world.client.write("res.users", [user], lang=language)
    cookie = {"name": "cids", "value": str(world.client.company), "url": world.odoo.url}
    page.context.add_cookies([cookie])
    page.goto(
        f"{world.odoo.url}/odoo/action-account.action_move_out_invoice_type/{world.moves[language]}"
    )
    lines = page.locator(".o_field_widget[name=invoice_line_ids]")
    lines.locator(".o_data_row").nth(6).wait_for()
    page.locator(".o_field_widget[name=tax_totals] .o_tax_total_label").first.wait_for()

    def shown(name: str) -> str:
        return flat(page.locator(f".o_field_widget[name={name}]").first.inner_text())

    return {
        "partner": shown("partner_id"),
        "terms": page.locator("[name=invoice_payment_term_id] input").input_value(),
        "narration": page.locator("[name=narration]").inner_text(),
        "reference": flat(page.locator(".o_breadcrumb").inner_text()),
        "totals": shown("tax_totals"),
        "rows": [row(found) for found in lines.locator(".o_data_row").all()],
        "head": flat(lines.locator("thead").inner_text()),
    }


def row(found: Any) -> tuple[str, ...]:
    """The visible cells of a row of the list."""
    cells = []
    for cell in found.locator("td.o_data_cell").all():
        text = cell.inner_text()
        for area in cell.locator("textarea, input[type=text]").all():
            text += "\n" + area.input_value()
        cells.append(flat(text))
    return tuple(text for text in cells if text)


#: What the form shows, line by line.
FORM: dict[str, dict[str, Any]] = {
    "de_DE": {
        "partner": "Postfach 11 02 20001 Hamburg Deutschland",
        "terms": "30 Tage",
        "reference": "Ausgangsrechnungen Rechnungsentwurf (B-2026/118)",
        "head": "Produkt Menge Einheit Preis Steuern Betrag",
        "rows": [
            ("Wartung ein Jahr im Voraus, 2026 [1]", "12,00", "Monat(e)", "49,00", "19 % USt.",
             "588,00 €"),
            ("[1] Ziffer 2.5: Die Wartung wird einmal für das Kalenderjahr berechnet; ungenutzte"
             " Monate bis auf einen erstatten wir am Ende.",),
            ("Webshop", "9.406,75 €"),
            ("Dienstleistung Service je Quartal, 1. Quartal 2026 [2]", "98,50", "Stunden", "95,50",
             "19 % USt.", "9.406,75 €"),
            ("[2] Ziffer 3.1: Was im Alltag anfällt, ist Service und wird nach Zeit berechnet.",),
            ("Firmenwebsite", "143,25 €"),
            ("Dienstleistung Service je Quartal, 1. Quartal 2026 [2]", "1,50", "Stunden", "95,50",
             "19 % USt.", "143,25 €"),
            ("[2] Ziffer 3.1: Was im Alltag anfällt, ist Service und wird nach Zeit berechnet.",),
        ],
        "totals": "Nettobetrag 10.138,00 € USt. 19 % 1.926,22 € Gesamt 12.064,22 €",
        "narration": "Vertrag WEB-2026-DE\n"
        "Leistungszeitraum: 01.01.2026 – 31.12.2026, je Position wie angegeben",
    },
    "en_US": {
        "partner": "PO Box 9 BS1 9XX Bristol Germany",
        "terms": "30 Days",
        "reference": "Invoices Draft Invoice (B-2026/118)",
        "head": "Product Quantity Unit Price Taxes Amount",
        "rows": [
            ("Wartung Maintenance, year in advance, 2026 [1]", "12.00", "Month", "49.00",
             "19 % USt.", "588.00 €"),
            ("[1] Clause 2.5: Maintenance is billed once for the calendar year; at the end"
             " unused months but one are refunded.",),
            ("Web shop", "9,406.75 €"),
            ("Dienstleistung Service by quarter, 1st quarter 2026 [2]", "98.50", "Hours", "95.50",
             "19 % USt.", "9,406.75 €"),
            ("[2] Clause 3.1: What comes up day by day is service and is billed by time.",),
            ("Website", "143.25 €"),
            ("Dienstleistung Service by quarter, 1st quarter 2026 [2]", "1.50", "Hours", "95.50",
             "19 % USt.", "143.25 €"),
            ("[2] Clause 3.1: What comes up day by day is service and is billed by time.",),
        ],
        "totals": "Untaxed Amount 10,138.00 € USt. 19 % 1,926.22 € Total 12,064.22 €",
        "narration": "Contract WEB-2026-EN\n"
        "Service period: 1 Jan 2026 – 31 Dec 2026, as stated on each line",
    },
    "nl_NL": {
        "partner": "Postbus 7 1000 AA Amsterdam Duitsland",
        "terms": "30 Dagen",
        "reference": "Verkoopfacturen Conceptfactuur (B-2026/118)",
        "head": "Product Aantal Eenheid Prijs Btw Bedrag",
        "rows": [
            ("Wartung Onderhoud, een jaar vooruit, 2026 [1]", "12,00", "Maand(en)", "49,00",
             "19 % USt.", "588,00 €"),
            ("[1] Artikel 2.5: Onderhoud wordt één keer per kalenderjaar berekend; aan het eind"
             " betalen wij ongebruikte maanden op één na terug.",),
            ("Webwinkel", "9.406,75 €"),
            ("Dienstleistung Service per kwartaal, 1e kwartaal 2026 [2]", "98,50", "Uur", "95,50",
             "19 % USt.", "9.406,75 €"),
            ("[2] Artikel 3.1: Wat er van dag tot dag speelt, is service en wordt op tijd"
             " berekend.",),
            ("Bedrijfssite", "143,25 €"),
            ("Dienstleistung Service per kwartaal, 1e kwartaal 2026 [2]", "1,50", "Uur", "95,50",
             "19 % USt.", "143,25 €"),
            ("[2] Artikel 3.1: Wat er van dag tot dag speelt, is service en wordt op tijd"
             " berekend.",),
        ],
        "totals": "Excl. btw 10.138,00 € USt. 19 % 1.926,22 € Totaal 12.064,22 €",
        "narration": "Contract WEB-2026-NL\n"
        "Periode van dienstverlening: 1 jan 2026 – 31 dec 2026, zoals per regel vermeld",
    },
}  # fmt: skip

#: The printed page, row by row.
PRINTED = """\
Nordlicht Webservice GmbH
Hafenstraße 7
24103 Kiel
Deutschland
Mühlenbäckerei Hansen GmbH, Buchhaltung
Postfach 11 02
20001 Hamburg
Deutschland
Rechnungsentwurf
Quelle
WEB-2026-DE
Referenz
B-2026/118
Beschreibung Menge Einzelpreis Steuern Betrag
Wartung
ein Jahr im Voraus, 2026 [1] 12,00 Monat(e) 49,00 19 % 588,00 €
[1] Ziffer 2.5: Die Wartung wird einmal für das Kalenderjahr berechnet; ungenutzte Monate \
bis auf einen erstatten wir am Ende.
Webshop 9.406,75 €
Service je Quartal, 1. Quartal 2026 [2] 98,50 Stunden 95,50 19 % 9.406,75 €
[2] Ziffer 3.1: Was im Alltag anfällt, ist Service und wird nach Zeit berechnet.
Firmenwebsite 143,25 €
Service je Quartal, 1. Quartal 2026 [2] 1,50 Stunden 95,50 19 % 143,25 €
[2] Ziffer 3.1: Was im Alltag anfällt, ist Service und wird nach Zeit berechnet.
Nettobetrag 10.138,00 €
USt. 19 % 1.926,22 €
Gesamt 12.064,22 €
Zahlbar innerhalb von 30 Tagen ohne Abzug.
Vertrag WEB-2026-DE
Leistungszeitraum: 01.01.2026 – 31.12.2026, je Position wie angegeben"""


def printed(world: World, page: Page, language: str) -> list[str]:
    """The rows of the invoice as it is printed; the address decides its language."""
    page.goto(f"{world.odoo.url}/report/html/account.report_invoice/{world.moves[language]}")
    text = page.locator("main").inner_text()
    return [line for line in map(flat, text.splitlines()) if line]


@pytest.mark.parametrize("language", FORM)
def test_the_form_shows_the_draft_in_the_customers_language(
    world: World, pages: Page, tmp_path: Path, language: str
) -> None:
    found = form(world, pages, language)
    shot(pages, f"form-{language}", tmp_path)
    assert found == FORM[language]


def test_the_printed_invoice_is_german(world: World, pages: Page, tmp_path: Path) -> None:
    """Whoever prints it: here a user who speaks English."""
    (user,) = world.client.ids("res.users", [("login", "=", world.odoo.login)])
    world.client.write("res.users", [user], lang="en_US")
    found = printed(world, pages, "de_DE")
    shot(pages, "printed-de_DE", tmp_path)
    assert found == PRINTED.splitlines()


@pytest.mark.parametrize(
    ("language", "title", "unit"),
    [("en_US", "Draft Invoice", "98.50 Hours"), ("nl_NL", "Conceptfactuur", "98,50 Uur")],
)
def test_the_printed_invoice_speaks_the_customers_language(
    world: World, pages: Page, tmp_path: Path, language: str, title: str, unit: str
) -> None:
    found = printed(world, pages, language)
    shot(pages, f"printed-{language}", tmp_path)
    assert title in found
    notes = [row[0] for row in FORM[language]["rows"] if len(row) == 1]
    assert [line for line in found if line in notes] == notes
    assert found[-2:] == FORM[language]["narration"].splitlines()
    assert any(unit in line for line in found)
