"""What was changed in Odoo's ledger behind its back is found, and billed on only when sealed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

import cli
from klausel.problems import ErpError
from klausel_odoo import OdooSettings, OdooSource
from klausel_run.audit import audit
from klausel_run.bill import write
from klausel_run.preview import Options, preview
from tests.odoo.server import Odoo, Server
from tests.odoo.test_bill import POLICIES, source

pytestmark = pytest.mark.odoo


@pytest.fixture
def fresh(odoo_server: Server) -> Iterator[Odoo]:
    odoo = odoo_server.clone()
    yield odoo
    odoo_server.drop(odoo.database)


def test_a_changed_row_is_named_and_sealed(
    odoo_server: Server,
    fresh: Odoo,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def sql(text: str) -> list[tuple[object, ...]]:
        return list(odoo_server.psql(fresh.database, text))

    ((today,),) = sql("SELECT current_date")
    day = date.fromisoformat(str(today))
    result = preview(source(fresh), Options(day, record=True))
    assert not write(source(fresh), result).refused
    found = audit(source(fresh), day)
    assert (found.differences, found.findings) == ((), ())
    # What stands on record says what it is the sum of.
    lines = [row for row in source(fresh).read(day).ledger if row.amount is not None]
    assert lines
    assert all(row.quantity is not None for row in lines)

    ((row, run, amount),) = sql(
        "SELECT id, run_id, amount FROM klausel_ledger WHERE amount IS NOT NULL ORDER BY id LIMIT 1"
    )
    much = Decimal(str(amount)) + 90000
    sql(f"UPDATE klausel_ledger SET amount = '{much}' WHERE id = {row} RETURNING id")
    found = audit(source(fresh), day)
    kinds = [one.kind for one in found.findings]
    assert kinds == ["link", "line"]
    assert found.findings[0].text.startswith(f"broken link: run {run}: what the run for ")
    arguments = [
        "--url", fresh.url, "--database", fresh.database, "--login", fresh.login,
        "--policies", str(POLICIES), "--as-of", day.isoformat(), "--yes",
    ]  # fmt: skip
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", fresh.password)
    for options in ([], ["--adjust"]):
        assert cli.run(["bill", *arguments, *options]) == 2
        assert f"run {run}: error: what the run for " in capsys.readouterr().err
    before = sql("SELECT count(*) FROM klausel_ledger")
    assert cli.run(["audit", *arguments, "--repair", "--why", "corrected in SQL"]) == 1
    told = capsys.readouterr().out
    assert "Sealed." in told
    assert f"run {run} (" in told
    assert "(corrected in SQL)" in told
    assert sql("SELECT count(*) FROM klausel_ledger") == before
    found = audit(source(fresh), day)
    assert [one.kind for one in found.findings] == ["line"]
    assert any("(corrected in SQL)" in note for note in found.notes)


def test_who_may_not_seal(odoo_server: Server, fresh: Odoo) -> None:
    login = "links-bot"
    odoo_server.shell(
        fresh.database,
        f"""
user = env["res.users"].create({{
    "name": "Bot", "login": "{login}", "password": "{login}-secret",
    "group_ids": [(6, 0, [env.ref("klausel_billing.group_connector").id])],
}})
env.cr.commit()
""",
    )
    erp = OdooSource(
        OdooSettings.load(
            url=fresh.url, database=fresh.database, login=login, password=f"{login}-secret",
            policies=POLICIES,
        )
    )  # fmt: skip
    assert erp.links().broken == ()
    with pytest.raises(ErpError, match="user links-bot may not seal a ledger anew"):
        erp.repair("2026-12-01", "me", "why not")
