"""When everything is previewed by itself, and how long requests are kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Page, expect

from .browsing import at_work, shot
from .rpc import Rpc
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

#: Milliseconds: the web client is made when it is first asked for in a language.
SLOW = 120_000


# --- requests that are over -----------------------------------------------------------------------


def test_old_requests_go_and_what_they_wrote_stays(odoo_server: Server, odoo: Odoo) -> None:
    def sql(text: str) -> list[tuple[str | None, ...]]:
        return odoo_server.psql(odoo.database, text)

    rpc = Rpc(odoo)
    (customer,) = rpc.call("res.partner", "create", [{"name": "Customer of old days"}])
    day = "(now() AT TIME ZONE 'UTC') - interval '%s days'"
    sql(
        "INSERT INTO klausel_batch (id, key, company_id, as_of) VALUES (1, 'b', 1, '2026-01-01');"
        "INSERT INTO klausel_run (id, key, company_id, partner_id, as_of, checksum, batch_id)"
        f" VALUES (1, 'r', 1, {customer}, '2026-01-01', 'c', 1);"
        + "".join(
            "INSERT INTO klausel_request (id, kind, company_id, as_of, state, ended_on, nightly)"
            f" VALUES ({id_}, '{kind}', 1, '2026-01-0{id_}', '{state}', {ended}, {night});"
            "INSERT INTO klausel_request_customer"
            " (request_id, company_id, partner_id, state, run_id)"
            f" VALUES ({id_}, 1, {customer}, 'written', 1);"
            for id_, kind, state, ended, night in (
                (1, "bill", "done", day % 91, False),
                (2, "preview", "failed", day % 91, True),
                (3, "preview", "cancelled", day % 400, False),
                (4, "bill", "done", day % 89, False),
                (5, "preview", "waiting", "NULL", False),
                (6, "preview", "running", "NULL", False),
            )
        )
    )
    (cron,) = rpc.call("ir.cron", "search", [("cron_name", "ilike", "Auto-vacuum")])
    rpc.call("ir.cron", "method_direct_trigger", [cron])
    assert sql("SELECT id FROM klausel_request ORDER BY id") == [("4",), ("5",), ("6",)]
    assert sql("SELECT request_id FROM klausel_request_customer ORDER BY 1") == [
        ("4",), ("5",), ("6",)
    ]  # fmt: skip
    assert sql("SELECT key FROM klausel_run") == [("r",)]
    assert sql("SELECT key FROM klausel_batch") == [("b",)]


# --- the hour of the night --------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(odoo: Odoo, browser: Browser) -> Iterator[Page]:
    with at_work(browser, odoo) as page:
        page.set_default_timeout(SLOW)
        yield page


@pytest.mark.parametrize("language", ["en_US", "de_DE"])
def test_the_hour_of_the_night_is_set(
    language: str, odoo_server: Server, odoo: Odoo, page: Page, tmp_path: Path
) -> None:
    def hour() -> str | None:
        ((found,),) = odoo_server.psql(
            odoo.database, "SELECT klausel_nightly_hour FROM res_company WHERE id = 1"
        )
        return found

    def saved(wanted: str) -> None:
        page.locator(".o_form_button_save").click()
        deadline = time.monotonic() + 60
        while hour() != wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        assert hour() == wanted
        settings()
        expect(setting).to_be_visible(timeout=SLOW)

    def settings() -> None:
        # What Odoo loads by itself, after the login or a change of settings, comes between.
        for _ in range(10):
            try:
                page.goto(f"{odoo.url}/odoo/action-klausel_billing.klausel_settings_action")
                return
            except Error as error:
                if "ERR_ABORTED" not in str(error):
                    raise
                page.wait_for_timeout(500)
        raise AssertionError("the settings are never loaded")

    setting = page.locator("#klausel_nightly")
    rpc, german = Rpc(odoo), language == "de_DE"
    rpc.call("res.users", "write", [rpc.user], {"lang": language})
    rpc.call("res.company", "write", [1], {"klausel_nightly_hour": 2})
    settings()
    expect(setting).to_contain_text("Nacht" if german else "Night", timeout=SLOW)
    expect(setting).to_contain_text("Zeitzone" if german else "time zone")
    hours = setting.locator("[name=klausel_nightly_hour] input")
    expect(hours).to_have_value("02:00")
    shot(page, f"settings-{language}", tmp_path)
    hours.fill("3:30")
    hours.press("Tab")
    saved("3.5")
    expect(hours).to_have_value("03:30")
    setting.locator("[name=klausel_nightly] input").uncheck()
    expect(hours).to_be_hidden()
    saved("-1")
    expect(setting.locator("[name=klausel_nightly] input")).not_to_be_checked()
    setting.locator("[name=klausel_nightly] input").check()
    expect(hours).to_have_value("02:00")
    saved("2")
