"""Activity records of invoices in a real Odoo: kept with their run, made again at any time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from klausel_run.preview import Options, preview

from . import scene
from .server import Odoo, Server
from .webclient import WebClient

pytestmark = pytest.mark.odoo


@pytest.fixture
def fresh(odoo_server: Server) -> Iterator[Odoo]:
    odoo = odoo_server.clone()
    yield odoo
    odoo_server.drop(odoo.database)


def pages(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_records_are_made_again(odoo_server: Server, fresh: Odoo, tmp_path: Path) -> None:
    ((today,),) = odoo_server.psql(fresh.database, "SELECT current_date")
    day = date.fromisoformat(str(today))
    drafts = preview(scene.source(fresh), Options(day)).drafts
    given = tmp_path / "given"
    said = scene.klausel(
        fresh, "bill", "--as-of", day.isoformat(), "--yes", "--backlog", "--records", str(given)
    )
    assert said.code == 0, said
    assert len(pages(given)) == len(drafts) > 1
    # The texts of all timesheets change, and so do the codes of contracts, and one invoice is
    # posted.
    odoo_server.psql(fresh.database, "UPDATE account_analytic_line SET name = 'Changed'")
    client = WebClient(fresh)
    for contract in client.find("klausel.contract", [], ["code"]):
        client.write("klausel.contract", [contract["id"]], code=f"{contract['code']}-NEW")
    moves = client.find("account.move", [("klausel_run_id", "!=", False)], ["id"])
    client.write("account.move", [moves[0]["id"]], invoice_date=day.isoformat())
    client.call("account.move", "action_post", [moves[0]["id"]])
    again = ("activity", "--as-of", day.isoformat())
    by_id = tmp_path / "by-id"
    ids = [word for move in moves for word in ("--invoice", str(move["id"]))]
    said = scene.klausel(fresh, *again, *ids, "--format", "html", "--output", str(by_id))
    assert said.code == 0, said
    assert pages(by_id) == pages(given)
    # By its number, too, and by days; nothing of it is another invoice's.
    (number,) = client.find("account.move", [("id", "=", moves[0]["id"])], ["name"])
    text = scene.klausel(fresh, *again, "--invoice", number["name"], "--format", "csv")
    assert text.code == 0, text
    assert "Changed" not in text.out
    assert len({line.split(",")[2] for line in text.out.splitlines()[1:]}) == 1
    # A draft that is deleted has no record any more; billed again it has one.
    client.delete("account.move", [moves[1]["id"]])
    gone = scene.klausel(fresh, *again, "--invoice", str(moves[1]["id"]))
    assert gone.code == 2
    assert f'there is no invoice "{moves[1]["id"]}" with a record' in gone.err
    all_of_them = scene.klausel(fresh, *again, "--from", "2000-01-01", "--format", "csv")
    keys = {line.split(",")[2] for line in all_of_them.out.splitlines()[1:]}
    assert len(keys) == len(drafts) - 1
