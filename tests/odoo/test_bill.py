"""bill on a real Odoo: complete, once, atomic per customer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from klausel.model import LedgerRow
from klausel_book.source import demo_folder
from klausel_odoo import OdooSettings, OdooSource
from klausel_run.audit import audit
from klausel_run.bill import applications, write
from klausel_run.preview import Options, preview
from tests.counts import count
from tests.odoo.server import Odoo, Server

pytestmark = pytest.mark.odoo

DAY = date(2100, 1, 1)
POLICIES = demo_folder() / "policies"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def fresh(odoo_server: Server) -> Iterator[Odoo]:
    odoo = odoo_server.clone()
    yield odoo
    odoo_server.drop(odoo.database)


@pytest.fixture
def day(odoo_server: Server, fresh: Odoo) -> date:
    """Today, by the database's demo data: its last month with time is over."""
    ((text,),) = odoo_server.psql(fresh.database, "SELECT current_date")
    return date.fromisoformat(str(text))


def source(odoo: Odoo) -> OdooSource:
    return OdooSource(
        OdooSettings.load(
            url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
            policies=POLICIES,
        )
    )  # fmt: skip


def moves(server: Server, odoo: Odoo) -> dict[str, Decimal]:
    rows = server.psql(
        odoo.database,
        "SELECT id, amount_untaxed FROM account_move WHERE state = 'draft' AND id IN"
        " (SELECT move_id FROM klausel_ledger WHERE state = 'live')",
    )
    return {str(id_): Decimal(str(amount)) for id_, amount in rows}


def live(rows: tuple[LedgerRow, ...]) -> set[tuple[str, str]]:
    return {(str(row.key), row.entry) for row in rows}


def test_drafts_equal_the_preview_and_a_second_bill_writes_nothing(
    odoo_server: Server, fresh: Odoo, day: date
) -> None:
    erp = source(fresh)
    result = preview(erp, Options(day, record=True))
    assert len(result.drafts) >= 2
    report = write(erp, result)
    assert not report.refused
    written = {w.key: w.id for done in report.applied for w in done.drafts}
    found = moves(odoo_server, fresh)
    assert {written[draft.key]: draft.total for draft in result.drafts} == found

    again = preview(source(fresh), Options(day, record=True))
    assert not again.drafts
    assert not again.settlements
    assert not again.differences
    assert not list(applications(again))
    assert live(again.book.ledger) == {(str(r.key), r.entry) for r in result.settlements}
    assert not audit(source(fresh), day).differences


def test_the_same_call_again_returns_what_the_first_did(fresh: Odoo, day: date) -> None:
    erp = source(fresh)
    result = preview(erp, Options(day, record=True))
    application = next(found for found in applications(result) if found.drafts)
    first = erp.apply(application, result.book)
    again = erp.apply(application, result.book)
    assert again.replayed
    assert [draft.id for draft in again.drafts] == [draft.id for draft in first.drafts]


def test_an_entry_edited_since_the_preview_is_refused(
    odoo_server: Server, fresh: Odoo, day: date
) -> None:
    erp = source(fresh)
    result = preview(erp, Options(day, record=True))
    application = next(
        found for found in applications(result) if any(row.entry for row in found.rows)
    )
    entry = next(row.entry for row in application.rows if row.entry)
    odoo_server.psql(
        fresh.database,
        f"UPDATE account_analytic_line SET unit_amount = unit_amount + 1 WHERE id = {int(entry)}",
    )
    report = write(erp, result)
    assert [refusal.customer for refusal in report.refused] == [application.customer]
    assert entry in report.refused[0].message or "changed" in report.refused[0].message
    assert len(report.applied) == len(list(applications(result))) - 1


def test_a_deleted_draft_is_billed_again_and_nothing_else(
    odoo_server: Server, fresh: Odoo, day: date
) -> None:
    erp = source(fresh)
    result = preview(erp, Options(day, record=True))
    report = write(erp, result)
    written = {w.key: w.id for done in report.applied for w in done.drafts}
    gone = result.drafts[0]
    code = f"env['account.move'].browse({written[gone.key]}).unlink(); env.cr.commit()"
    odoo_server.shell(fresh.database, code)
    again = preview(source(fresh), Options(day, record=True))
    assert [draft.lines for draft in again.drafts] == [gone.lines]
    assert not again.differences


WORKER = """
import sys
from datetime import date
from klausel_odoo import OdooSettings, OdooSource
from klausel_run.bill import write
from klausel_run.preview import Options, preview
url, database, login, password, policies, day = sys.argv[1:]
erp = OdooSource(OdooSettings.load(
    url=url, database=database, login=login, password=password, policies=policies))
result = preview(erp, Options(date.fromisoformat(day), record=True))
print("ready", flush=True)
sys.stdin.readline()
report = write(erp, result)
print(len(report.applied), len(report.refused))
"""


def test_four_processes_at_once_settle_each_customer_once(
    odoo_server: Server, fresh: Odoo, day: date
) -> None:
    expected = preview(source(fresh), Options(day, record=True))
    arguments = [
        sys.executable, "-c", WORKER, fresh.url, fresh.database, fresh.login, fresh.password,
        str(POLICIES), day.isoformat(),
    ]  # fmt: skip
    paths = {"PYTHONPATH": ":".join(str(ROOT / name) for name in ("rules", "connector", "."))}
    workers = [
        subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", **paths},
        )
        for _ in range(4)
    ]  # fmt: skip
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.communicate(timeout=120)[0].split() for worker in workers]
    assert all(worker.returncode == 0 for worker in workers)
    applied = sum(int(words[0]) for words in said)
    refused = sum(int(words[1]) for words in said)
    count("customers billed by four processes at once: applied", applied)
    count("customers billed by four processes at once: refused", refused)
    found = moves(odoo_server, fresh)
    assert sorted(found.values()) == sorted(draft.total for draft in expected.drafts)
    assert not preview(source(fresh), Options(day, record=True)).drafts
