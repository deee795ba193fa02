"""The activity record in Odoo: printed at any time, sent with its invoice, always as billed."""

from __future__ import annotations

import base64
import contextlib
import csv
import io
import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser

from . import scene
from .fixtures import give_up
from .places import Unavailable
from .provision import ensure_wkhtmltopdf
from .rpc import Refusal, Rpc
from .scene import Log, Term
from .server import Odoo, Server
from .test_invoice_page import flat
from .webclient import WebClient

pytestmark = pytest.mark.odoo

REPORT = "klausel_billing.report_activity_record"
POLICY = """\
policy: hours
version: "1"
title: {en: Hours, de: Stunden, nl: Uren}
drafts: {group_by: contract, employees: initials}
fields:
  work:
    one_of: [patch, meeting, help]
    from:
      - {text_has: Patch, is: patch}
      - {text_has: Meeting, is: meeting}
      - {otherwise: help}
rounding: {to: 15m, mode: up, per: ticket_day}
scope:
  rules:
    - {id: P, when: {work: patch}, then: included, because: {en: p}}
    - {id: M, when: {work: meeting}, then: internal, because: {en: m}}
  otherwise: {then: service, because: {en: s}}
plans:
  reserved:
    title: {en: Reserved hours, de: Stundenkontingent, nl: Gereserveerde uren}
    components:
      - contingent: {every: 1 month, timing: arrears, proration: none, beyond: bill}
"""


class World(NamedTuple):
    server: Server
    odoo: Odoo
    client: WebClient
    policies: Path
    contract: int
    customer: int
    entries: list[int]
    moves: list[int]


def bill(world: World, as_of: str, *more: str) -> None:
    said = scene.klausel(
        world.odoo, "bill", "--yes", "--backlog", "--as-of", as_of, *more,
        company=str(world.client.company), policies=world.policies,
    )  # fmt: skip
    assert said.code == 0, said


def moves_of(client: WebClient, customer: int) -> list[int]:
    return client.ids("account.move", [("commercial_partner_id", "=", customer)])


@pytest.fixture(scope="module")
def world(
    odoo_server: Server, odoo: Odoo, tmp_path_factory: pytest.TempPathFactory
) -> World:  # fmt: skip
    """January: 12.2 h of 10 reserved ones, a patch, a meeting; February: one hour."""
    with contextlib.suppress(Unavailable):
        ensure_wkhtmltopdf()  # Odoo looks for it once
    admin = WebClient(odoo)
    client = scene.company(
        admin, odoo, "Nordlicht Systemhaus GmbH", scene.currency(admin, "EUR"),
        street="Hafenstraße 7", zip="24103", city="Kiel", country_id=admin.ref("base.de"),
        lang="de_DE", phone="+49 431 1234",
    )  # fmt: skip
    policies = tmp_path_factory.mktemp("policies")
    (policies / "hours").mkdir()
    (policies / "hours/policy.yaml").write_text(POLICY)
    customer = client.create_one(
        "res.partner", is_company=True, lang="de_DE", name="Müller & Söhne <Holz> GmbH",
        street="Deichstraße 12", zip="20459", city="Hamburg", email="holz@example.test",
        country_id=client.ref("base.de"),
    )  # fmt: skip
    project = scene.project(client, customer, "Warenwirtschaft")
    one, two = scene.tickets(client, project, customer, ["Etiketten drucken", "Lager & Versand"])
    jette = scene.employee(client, "Jette Paulsen")
    long = "Etikettenvorlage angepasst, Drucker eingerichtet und mit der Versandabteilung getestet"
    entries = scene.log(
        client, jette,
        [
            *(Log(project, one, f"2026-01-{day:02}", 1.2, long) for day in range(5, 14)),
            Log(project, two, "2026-01-20", 1.4, "Bestände <b>abgeglichen</b> & gebucht"),
            Log(project, two, "2026-01-21", 0.5, "Patch eingespielt"),
            Log(project, two, "2026-01-22", 1, "Meeting unter uns"),
            Log(project, two, "2026-02-03", 1, "Rückfrage beantwortet"),
        ],
    )  # fmt: skip
    product = scene.service(client, "Dienstleistung")
    values = {"hours": "10", "price": "80.00", "beyond_price": "100.00"}
    contract = scene.contract(
        client, customer, "K-7", [Term("R", "reserved", product, values, takes="service")], "hours",
        scene.currency(client, "EUR"), po_number="4500-77",
    )  # fmt: skip
    world = World(odoo_server, odoo, client, policies, contract, customer, entries, [])
    for as_of in ("2026-02-01", "2026-03-01"):
        bill(world, as_of)
    return world._replace(moves=moves_of(client, customer))


def html(world: World, move: int) -> str:
    return world.client.page(f"/report/html/{REPORT}/{move}")


@pytest.fixture(scope="module")
def show(world: World, browser: Browser) -> Iterator[Any]:
    """Texts of the page of a document, as the browser shows them."""
    context = browser.new_context(viewport={"width": 1000, "height": 1400})
    page = context.new_page()
    page.goto(f"{world.odoo.url}/web/login?db={world.odoo.database}")
    page.fill("input[name=login]", world.odoo.login)
    page.fill("input[name=password]", world.odoo.password)
    page.click("button[type=submit]")
    page.wait_for_url("**/odoo**")
    cookie = {"name": "cids", "value": str(world.client.company), "url": world.odoo.url}
    context.add_cookies([cookie])

    def texts(move: int, shot: str = "") -> list[str]:
        page.goto(f"{world.odoo.url}/report/html/{REPORT}/{move}")
        folder = os.environ.get("KLAUSEL_SCREENSHOTS")
        if shot and folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{shot}.png", full_page=True)
        lines = page.locator(".klausel_record").first.inner_text(timeout=5000).splitlines()
        return [text for text in map(flat, lines) if text]

    texts.page = page  # type: ignore[attr-defined]
    yield texts
    context.close()


def needs_printer() -> None:
    try:
        ensure_wkhtmltopdf()
    except Unavailable as error:
        give_up(str(error))


def pdf(world: World, move: int) -> bytes:
    """As the print menu makes it."""
    needs_printer()
    return world.client.download(f"/report/pdf/{REPORT}/{move}")


def test_the_record_is_german_and_says_what_was_billed(world: World, show: Any) -> None:
    found = show(world.moves[0], "record-de")
    text = "\n".join(found)
    assert "Tätigkeitsnachweis" in html(world, world.moves[0])
    for wanted in (
        "Stundenkontingent", "Aus vereinbarten Stunden bezahlt", "Nach Zeit berechnet",
        "Ohne Berechnung", "Guthaben", "Bestände <b>abgeglichen</b> & gebucht", "4500-77", "K-7",
        "05.01.2026", "Müller & Söhne <Holz> GmbH", "Vorher", "Nachher",
    ):  # fmt: skip
        assert wanted in text, (wanted, text)
    assert "JP" in text
    assert "Paulsen" not in text  # the policy says initials
    assert "Meeting" not in text  # internal


def sums(world: World, move: int) -> dict[str, int]:
    """Seconds of the kinds of time in the record, worked out by the addon from what is kept."""
    printed = world.server.shell(
        world.odoo.database,
        f"""
import json
found = env["account.move"].browse({move})._klausel_records()
print(json.dumps([
    [one.kind, [[r.entry, r.seconds, r.rounded, r.drawn] for r in one.rows]]
    for record in found for one in record.sections
]))
""",
    )
    found: dict[str, int] = defaultdict(int)
    for kind, rows in json.loads(printed.splitlines()[-1]):
        for _entry, seconds, rounded, drawn in rows:
            found[f"{kind} worked"] += seconds
            found[f"{kind} counted"] += rounded
            found[f"{kind} drawn"] += drawn
    return dict(found)


def test_its_seconds_are_the_ledgers(world: World) -> None:
    records: dict[str, int] = defaultdict(int)
    for move in world.moves:
        for kind, seconds in sums(world, move).items():
            records[kind] += seconds
    ((worked, billed, drawn),) = world.server.psql(
        world.odoo.database,
        "SELECT sum(seconds), sum(rounded) FILTER (WHERE move_id IS NOT NULL), sum(drawn)"
        f" FROM klausel_ledger WHERE contract_id = {world.contract} AND state = 'live'"
        " AND entry_ref != 0 AND held IS NULL AND disposition != 'internal'",
    )
    seconds = sum(records[f"{kind} worked"] for kind in ("billed", "drawn", "free"))
    assert seconds == int(worked or 0) > 0
    assert records["billed counted"] == int(billed or 0) > 0
    assert records["drawn drawn"] == int(drawn or 0) > 0


def test_a_year_later_it_shows_what_was_billed_then(
    world: World, show: Any, odoo_server: Server
) -> None:
    before = [show(move) for move in world.moves]
    client = world.client
    # Names, texts, the contract's own code and number, and the policy change.
    odoo_server.psql(world.odoo.database, "UPDATE account_analytic_line SET name = 'Changed'")
    client.write("hr.employee", client.ids("hr.employee", [("name", "=", "Jette Paulsen")]),
                 name="Jette Sommer")  # fmt: skip
    (term,) = client.ids("klausel.term", [("contract_id", "=", world.contract)])
    try:
        client.write("klausel.contract", [world.contract], code="NEU-7", po_number="9999",
                     policy="other")  # fmt: skip
        world.client.write("project.task",
                           client.ids("project.task", [("name", "=", "Etiketten drucken")]),
                           name="Anders")  # fmt: skip
        client.write("klausel.term", [term], plan="another")
        assert [show(move) for move in world.moves] == before
        # Nobody reads it off the number of a contract that has taken the old name.
        other = client.create_one(
            "klausel.contract", code="K-7", partner_id=world.customer, policy="hours",
            currency_id=scene.currency(client, "EUR"), company_id=client.company,
            date_start="2026-01-01",
        )  # fmt: skip
        assert [show(move) for move in world.moves] == before
        client.delete("klausel.contract", [other])
    finally:
        client.write("klausel.contract", [world.contract], code="K-7", po_number="4500-77",
                     policy="hours")  # fmt: skip
        client.write("klausel.term", [term], plan="reserved")


@pytest.fixture
def without_records(world: World) -> Iterator[None]:
    """As if the program had kept none yet."""
    psql = world.server.psql
    psql(world.odoo.database, "CREATE TABLE kept_run AS SELECT id, record FROM klausel_run")
    psql(world.odoo.database, "UPDATE klausel_run SET record = NULL")
    yield
    psql(
        world.odoo.database,
        "UPDATE klausel_run SET record = kept.record FROM kept_run kept"
        " WHERE kept.id = klausel_run.id; DROP TABLE kept_run",
    )


def test_without_a_kept_record_the_ledger_says_it(
    world: World, show: Any, without_records: None
) -> None:
    said = scene.klausel(
        world.odoo, "activity", "--as-of", "2026-03-01", "--format", "csv",
        *(word for move in world.moves for word in ("--invoice", str(move))),
        company=str(world.client.company), policies=world.policies,
    )  # fmt: skip
    assert said.code == 0, said
    ours: dict[str, int] = defaultdict(int)
    for row in csv.DictReader(io.StringIO(said.out)):
        ours[f"{row['section']} worked"] += int(row["worked_seconds"])
        ours[f"{row['section']} counted"] += int(row["rounded_seconds"])
    found: dict[str, int] = defaultdict(int)
    for move in world.moves:
        for kind, seconds in sums(world, move).items():
            found[kind] += seconds
    assert {kind: found[kind] for kind in ours} == dict(ours)
    assert ours["drawn worked"] > 0 < ours["billed worked"]
    text = "\n".join(show(world.moves[0], "record-of-ledger"))
    assert "Aus vereinbarten Stunden bezahlt" in text
    assert "Jette" not in text  # nobody knows what the policy said of names then


def test_a_document_without_a_record_says_so(world: World) -> None:
    move = world.client.create_one(
        "account.move", move_type="out_invoice", partner_id=world.customer
    )
    assert "There is no activity record of this document" in html(world, move)
    world.client.delete("account.move", [move])


def test_a_record_of_another_form_is_named(world: World) -> None:
    psql = world.server.psql
    ((run, kept),) = psql(
        world.odoo.database,
        f"SELECT run.id, run.record FROM klausel_run run JOIN klausel_run_move_rel r"
        f" ON r.run_id = run.id WHERE r.move_id = {world.moves[0]}",
    )
    psql(world.odoo.database, f"UPDATE klausel_run SET record = 'AAAA' WHERE id = {run}")
    try:
        answer = world.client.get(f"/report/html/{REPORT}/{world.moves[0]}")
    finally:
        psql(world.odoo.database, f"UPDATE klausel_run SET record = '{kept}' WHERE id = {run}")
    assert "cannot be read (this is no activity record): bring the addon" in flat(answer.text)


def test_who_may_not_read_the_invoice_gets_no_record(world: World) -> None:
    rpc = Rpc(world.odoo)
    values = {"name": "Plain", "login": "plain", "password": "a-word-1",
              "group_ids": [(6, 0, [rpc.ref("base.group_user")])]}  # fmt: skip
    rpc.call("res.users", "create", [values])
    client = WebClient(world.odoo, "plain", "a-word-1")
    answer = client.get(f"/report/html/{REPORT}/{world.moves[0]}")
    assert answer.status_code in (403, 404, 500)
    assert "Etiketten" not in answer.text
    with pytest.raises(Refusal):
        Rpc(world.odoo).call("account.move", "_klausel_records", world.moves[:1])


def post(world: World, move: int) -> None:
    world.client.write("account.move", [move], invoice_date="2026-02-01")
    world.client.call("account.move", "action_post", [move])


def test_it_goes_with_the_invoice_that_is_sent(world: World, tmp_path: Path) -> None:
    needs_printer()
    client = world.client
    first, second = world.moves
    for move in world.moves:
        post(world, move)

    def attached(move: int) -> list[str]:
        of = [("model", "=", "account.move"), ("res_id", "=", move)]
        messages = client.find("mail.message", of, ["attachment_ids"])
        ids = [id_ for one in messages for id_ in one["attachment_ids"]]
        rows = client.find("ir.attachment", [("id", "in", ids)], ["name"])
        return sorted(row["name"] for row in rows)

    def send(move: int, leave_out: str = "") -> None:
        (wizard,) = client.create("account.move.send.wizard", [{"move_id": move}])
        (row,) = client.find("account.move.send.wizard", [("id", "=", wizard)],
                             ["mail_attachments_widget"])  # fmt: skip
        shown = row["mail_attachments_widget"]
        names = [one["name"] for one in shown if "nachweis" in one["name"]]
        assert len(names) == 1, shown
        for one in shown:
            if leave_out and leave_out in one["name"]:
                one["skip"] = True
        client.write("account.move.send.wizard", [wizard], mail_attachments_widget=shown,
                     sending_methods=["email"])  # fmt: skip
        client.call("account.move.send.wizard", "action_send_and_print", [wizard])

    send(first)
    names = attached(first)
    records = [name for name in names if name.startswith("Tätigkeitsnachweis")]
    assert len(records) == 1, names
    assert records[0].endswith(".pdf")
    (row,) = client.find("ir.attachment", [("name", "=", records[0])], ["datas"])[:1]
    assert base64.b64decode(row["datas"])[:5] == b"%PDF-"
    send(second, leave_out="nachweis")
    assert [name for name in attached(second) if "nachweis" in name] == []
    assert len(attached(second)) == 1  # the invoice alone


def pages(world: World, document: bytes, tmp_path: Path, name: str) -> list[str]:
    """The text of each page. Odoo's own Python can read it."""
    folder = Path(os.environ.get("KLAUSEL_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pdf"
    path.write_bytes(document)
    reader = (
        "import json, sys, pypdf;"
        "print(json.dumps([page.extract_text() for page in pypdf.PdfReader(sys.argv[1]).pages]))"
    )
    command = [str(world.server.installation.python), "-c", reader, str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True)
    return [flat(text) for text in json.loads(printed.stdout)]


def test_odoo_prints_it(world: World, tmp_path: Path) -> None:
    """Debian's printer writes letters as shapes, so there is nothing to read."""
    document = pdf(world, world.moves[0])
    assert document[:5] == b"%PDF-"
    assert len(pages(world, document, tmp_path, "record")) >= 1


def test_pages_repeat_their_headings_and_rows_stay_whole(
    world: World, show: Any, browser: Browser, tmp_path: Path
) -> None:
    """Printed on low paper by an engine that heeds what the page says of its breaks."""
    show(world.moves[0])
    document = show.page.pdf(width="210mm", height="130mm")
    found = pages(world, document, tmp_path, "record-low")
    assert len(found) >= 4, found
    text = " ".join(found)
    for wanted in ("Nach Zeit berechnet", "Aus vereinbarten Stunden bezahlt", "Guthaben"):
        assert text.count(wanted) == 1, text
    days = [f"{day:02}.01.2026 JP" for day in range(5, 14)]
    for page in found:
        rows = [day for day in days if day in page]
        # Whole rows: as many texts as days.
        assert page.count("Versandabteilung getestet") == len(rows), page
        assert not rows or "Gearbeitet" in page, page
    assert sum(page.count("Vorher") for page in found) >= 3  # two pages of draws, and the balance


def listed(world: World, move: int) -> list[list[str]]:
    """Days of each of its records."""
    printed = world.server.shell(
        world.odoo.database,
        f"""
import json
found = env["account.move"].browse({move})._klausel_records()
print(json.dumps([
    sorted({{str(r.day) for one in record.sections for r in one.rows}}) for record in found
]))
""",
    )
    rows: list[list[str]] = json.loads(printed.splitlines()[-1])
    return rows


def test_a_records_place_is_where_its_lines_are(world: World, show: Any) -> None:
    """A draft that a later run adds to has both; reversed and made anew it takes them along; a
    line that is deleted takes its record away."""
    client = world.client
    (known,) = client.find("account.analytic.line", [("id", "=", world.entries[0])],
                           ["project_id", "task_id", "employee_id"])  # fmt: skip
    scene.log(
        client, known["employee_id"],
        [
            Log(known["project_id"], known["task_id"], day, 1, "Later")
            for day in ("2026-03-03", "2026-04-07")
        ],
    )  # fmt: skip
    bill(world, "2026-04-01")
    bill(world, "2026-05-01", "--refresh")
    (draft,) = [one for one in moves_of(client, world.customer) if one not in world.moves]
    assert listed(world, draft) == [["2026-03-03"], ["2026-04-07"]]
    assert "\n".join(show(draft)).count("K-7") == 2
    # Reversed, and made anew.
    post(world, draft)
    (wizard,) = client.create("account.move.reversal", [{
        "move_ids": [(6, 0, [draft])], "reason": "Address",
        "journal_id": client.ids("account.journal", [
            ("type", "=", "sale"), ("company_id", "=", client.company)])[0],
    }])  # fmt: skip
    client.call("account.move.reversal", "modify_moves", [wizard])
    assert listed(world, draft) == []
    (anew,) = client.ids("account.move", [("klausel_replaces_id", "=", draft)])
    assert listed(world, anew) == [["2026-03-03"], ["2026-04-07"]]
    lines = client.ids("account.move.line", [("move_id", "=", anew),
                       ("display_type", "=", "product")])  # fmt: skip
    client.delete("account.move.line", lines[-1:])
    assert listed(world, anew) == [["2026-03-03"]]
