"""Decisions by hand on a real Odoo: made there, read by the connector, never overruled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from klausel.formats import View, render
from klausel.formats.json import result_data
from klausel.result import Result
from klausel_book import BookSource
from klausel_odoo import OdooSource
from klausel_run.bill import write
from klausel_run.preview import Options, preview
from klausel_run.snapshot import snapshot
from tests.odoo.server import Odoo, Server
from tests.odoo.test_bill import source

pytestmark = pytest.mark.odoo

LIST = "account.analytic.line"


class Manager:
    """The billing manager at work in Odoo's list of timesheets."""

    def __init__(self, erp: OdooSource) -> None:
        self._call = erp.session().transport.call
        (user,) = self._call("res.users", "search_read", {
            "domain": [("login", "=", erp.settings.login)], "fields": ["name"],
        })  # fmt: skip
        self.name: str = user["name"]

    def decide(self, disposition: str, reason: str, *entries: str) -> None:
        """What the window does that "Decide about Billing" opens."""
        ids = [int(entry) for entry in entries]
        context = {"active_model": LIST, "active_ids": ids}
        values = {"disposition": disposition, "reason": reason}
        saved = {"vals": values, "specification": {}, "context": context}
        (made,) = self._call("klausel.decide", "web_save", saved, [])
        self._call("klausel.decide", "action_decide", {}, [made["id"]])

    def decisions(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call(
            "klausel.override", "search_read",
            {"domain": [], "fields": ["entry_ref", "state", "reason"], "order": "id"},
        )  # fmt: skip
        return found

    def delete(self, entry: str) -> None:
        self._call(LIST, "unlink", {}, [int(entry)])


@pytest.fixture
def erp(odoo_server: Server) -> Iterator[tuple[OdooSource, Odoo]]:
    odoo = odoo_server.clone()
    found = source(odoo)
    yield found, odoo
    found.close()
    odoo_server.drop(odoo.database)


def only(result: Result, customer: str) -> Result:
    """What ``result`` says of one customer."""
    drafts = tuple(draft for draft in result.drafts if draft.customer == customer)
    owners = {c.code: result.book.root(c.customer) for c in result.book.contracts}
    rows = tuple(row for row in result.settlements if owners[row.key.contract] == customer)
    return replace(result, drafts=drafts, settlements=rows)


def billed(result: Result) -> list[tuple[str, str]]:
    """Customer and id of each entry that is paid for by time."""
    return [
        (draft.customer, share.entry)
        for draft in result.drafts
        for line in draft.lines
        for share in line.entries
        if line.unit == "hour" and line.amount
    ]


def on_lines(result: Result) -> set[str]:
    return {s.entry for d in result.drafts for line in d.lines for s in line.entries}


def parts(result: Result, entry: str) -> list[tuple[str, str, str]]:
    return [
        (part.disposition, part.rule, part.line)
        for found in result.entries
        if found.entry == entry
        for part in found.parts
    ]


def test_decisions_made_in_odoo(
    odoo_server: Server, erp: tuple[OdooSource, Odoo], tmp_path: Path
) -> None:
    """One database for the whole story, told in the order in which it happens."""
    there, odoo = erp
    ((today,),) = odoo_server.psql(odoo.database, "SELECT current_date")
    day = Options(date.fromisoformat(str(today)), record=True)
    manager = Manager(there)
    first = preview(there, day)
    timed = billed(first)
    customer = timed[0][0]
    off, free = list(dict.fromkeys(entry for who, entry in timed if who == customer))[:2]
    assert {off, free} <= on_lines(first)

    # Decided between preview and bill: nothing of that customer is written.
    manager.decide("written_off", "Goodwill after the outage", off)
    report = write(there, only(first, customer))
    sql = f"SELECT complete_name FROM res_partner WHERE id = {customer}"
    ((name,),) = odoo_server.psql(odoo.database, sql)
    assert [(refused.customer, refused.message, refused.hint) for refused in report.refused] == [
        (
            customer,
            f"Contracts, approvals, decisions or invoices of {name} have changed since they were"
            " read.",
            "run it again",
        )
    ]
    assert not report.applied
    manager.decide("included", "Was part of the fee", free)

    # Not on any draft, and who, when and why is said.
    found = preview(there, day)
    assert not {off, free} & on_lines(found)
    assert parts(found, off) == [("written_off", "override", "")]
    assert parts(found, free) == [("included", "override", "")]
    entries = {row["id"]: row["parts"] for row in result_data(found)["entries"]}
    for entry, reason in ((off, "Goodwill after the outage"), (free, "Was part of the fee")):
        said = {"reason": reason, "by": manager.name, "on": today}
        assert [part["override"] for part in entries[entry]] == [said]
    assert (
        f": written off by {manager.name} on {today}: Goodwill after the outage ({off})"
        in render(found, "text", View(200))
    )
    paid = {draft.key: draft.total for draft in first.drafts}
    now = {draft.key: draft.total for draft in found.drafts}
    assert sum(now.values()) < sum(paid.values())

    # A snapshot keeps them.
    snapshot(there, day.as_of, tmp_path / "book")
    kept = preview(BookSource(tmp_path / "book"), day)
    assert kept.book.overrides == found.book.overrides
    assert [override.by for override in kept.book.overrides] == [manager.name] * 2
    assert result_data(kept)["entries"] == result_data(found)["entries"]
    assert kept.drafts == found.drafts

    # Taken back: as before. Deleted with its decision: nobody stumbles over it.
    manager.decide("rules", "Not agreed", off, free)
    assert preview(there, day).drafts == first.drafts
    manager.decide("internal", "Ours", off)
    manager.delete(off)
    manager.decide("included", "Was part of the fee", free)
    assert [(row["entry_ref"], row["state"]) for row in manager.decisions()] == [
        (int(off), "revoked"), (int(free), "revoked"), (int(off), "live"), (int(free), "live"),
    ]  # fmt: skip
    found = preview(there, day)
    assert [override.entry for override in found.book.overrides] == [free]

    # Settled, then written off: a difference, and what is on record stays.
    assert not write(there, found).refused
    ledger = preview(there, day).book.ledger
    settled = next(entry for who, entry in billed(found) if who == customer)
    manager.decide("written_off", "Too late", settled)
    after = preview(there, day)
    assert after.book.ledger == ledger
    assert not after.drafts
    assert {(found.entry, found.cause) for found in after.differences} == {(settled, "terms")}
    # What is included by hand went on record like everything else.
    assert any(row.entry == free and row.disposition == "included" for row in ledger)
