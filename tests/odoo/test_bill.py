"""bill on a real Odoo: complete, once, atomic per customer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from klausel.explain import EntryExplained, LineExplained
from klausel.model import LedgerRow
from klausel.result import Result
from klausel_book.source import demo_folder
from klausel_odoo import OdooSettings, OdooSource
from klausel_run.audit import audit
from klausel_run.bill import applications, write
from klausel_run.explain import explain
from klausel_run.preview import Options, preview
from tests.odoo.server import Odoo, Server

pytestmark = pytest.mark.odoo

POLICIES = demo_folder() / "policies"


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
    names_its_document(source(fresh), result, written, day)


def names_its_document(erp: OdooSource, result: Result, written: dict[str, str], day: date) -> None:
    """What is billed is explained with the invoice that it is on."""
    draft, line = next(
        (draft, line) for draft in result.drafts for line in draft.lines if line.entries
    )
    (entry,) = explain(erp, line.entries[0].entry, day).explained
    assert isinstance(entry, EntryExplained)
    documents = {part.document for part in entry.parts if part.part.line == str(line.key)}
    assert documents == {written[draft.key]}
    (found,) = explain(erp, str(line.key), day).explained
    assert isinstance(found, LineExplained)
    assert found.row is not None
    assert found.row.document == written[draft.key]
    assert [(one.id, seconds) for one, seconds, _, _ in found.entries] == [
        (share.entry, share.seconds) for share in line.entries
    ]
