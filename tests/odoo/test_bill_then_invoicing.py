"""After a real bill: Odoo's own invoicing, and what is left for it when the addon is gone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import pytest
from dateutil.relativedelta import relativedelta

from . import scene
from .server import Odoo, Server
from .test_odoo_invoicing import BILL, CONTRACT, HELP, HOURS, ORDER, all_but, ask
from .webclient import WebClient

pytestmark = pytest.mark.odoo

#: The order's time over four days, a quarter of it on each.
SHIFT = """
lines = entries(order(ORDER))
for number, day in enumerate(DAYS):
    lines[number::4].write({"date": day})
env.cr.commit()
"""

#: Without the draft and its contract everything is Odoo's again; not committed.
RELEASE = """
env["account.move"].browse(MOVE).unlink()
env["klausel.contract"].search([("code", "=", CONTRACT)]).active = False
env.flush_all()
result["released"] = billed(by_wizard(order(ORDER)))
env.cr.rollback()
print(json.dumps(result))
"""

#: In stock Odoo again: first what is left is billed, then one more hour.
LEFT = """
sale = order(ORDER)
left = by_wizard(sale)
result = {"left": billed(left), "linked": sorted(left.timesheet_ids.ids)}
result["nothing"] = by_wizard(sale) is None
source = env["account.analytic.line"].browse(ENTRY)
line = env["account.analytic.line"].create({
    "name": "One more", "task_id": source.task_id.id, "employee_id": source.employee_id.id,
    "unit_amount": 1, "so_line": LINE, "is_so_line_edited": True,
})
env.flush_all()
result["open"] = {str(one.id): one.qty_to_invoice for one in sale.order_line if one.qty_to_invoice}
more = by_wizard(sale)
result["more"] = billed(more)
result["of"] = more.timesheet_ids.ids == line.ids
result["again"] = by_wizard(sale) is None
print(json.dumps(result))
"""


class World(NamedTuple):
    odoo: Odoo
    before: dict[str, Any]
    """What stock Odoo bills, whichever way it is asked."""
    rows: list[tuple[Any, ...]]
    settled: set[int]
    covered: set[int]
    move: int


@pytest.fixture(scope="module")
def world(odoo_server: Server) -> Iterator[World]:
    """Two months billed by the command, a third covered, and time after the contract's end."""
    ours, stock = odoo_server.clone(), odoo_server.clone("base")
    ((today,),) = odoo_server.psql(ours.database, "SELECT current_date")
    month = date.fromisoformat(str(today)).replace(day=1)
    first, second, third = (month + relativedelta(months=-number) for number in (3, 2, 1))
    days = [first.replace(day=10), second.replace(day=10), third.replace(day=10),
            third.replace(day=25)]  # fmt: skip
    shift = f"DAYS = {[str(day) for day in days]}\n" + SHIFT
    before = ask(odoo_server, stock, shift + BILL)
    odoo_server.drop(stock.database)
    odoo_server.shell(ours.database, f"ORDER = {ORDER!r}\n" + HELP + shift)

    client = WebClient(ours)
    (contract,) = client.ids("klausel.contract", [("code", "=", CONTRACT)])
    client.write("klausel.contract", [contract], date_end=str(third.replace(day=20)))
    terms = client.ids("klausel.term", [("contract_id", "=", contract)])
    client.write("klausel.term", terms, plan="service-monthly")
    said = scene.klausel(ours, "bill", "--yes", "--as-of", str(third))
    assert (said.code, said.err) == (0, ""), said

    rows = odoo_server.psql(ours.database, HOURS.format(order=ORDER))
    on_record = scene.ledger(client, [contract])
    settled = {int(row.entry) for row in on_record if row.entry}
    (move,) = {row.move for row in on_record if row.move}
    by_day = {day: {int(row[0] or 0) for row in rows if row[3] == str(day)} for day in days}
    assert all(len(some) > 20 for some in by_day.values())
    # Of other orders, too: the contract covers the whole customer.
    assert settled & {int(row[0] or 0) for row in rows} == by_day[days[0]] | by_day[days[1]]
    covered = by_day[days[0]] | by_day[days[1]] | by_day[days[2]]
    yield World(ours, before, rows, settled, covered, move)
    odoo_server.drop(ours.database)


def test_odoo_bills_everything_but_what_the_contract_does(
    odoo_server: Server, world: World
) -> None:
    after = ask(odoo_server, world.odoo, f"MOVE = {world.move}\n" + BILL + RELEASE)
    released = after.pop("released")
    assert after["wizard"]["linked"], "time after the contract's end is Odoo's"
    all_but(world.covered, world.before, after, world.rows)
    assert released == world.before["wizard"]["billed"]


def test_after_uninstalling_what_was_billed_stays_billed(odoo_server: Server, world: World) -> None:
    """Stock Odoo bills the rest, settled time left out to the hour, and then one more hour."""
    odoo_server.uninstall(world.odoo.database, "klausel_billing")
    time = [row for row in world.rows if row[4:] == ("delivery", "timesheet")]
    wanted = dict(world.before["wizard"]["billed"])
    linked = set(world.before["wizard"]["linked"])
    for id_, line, hours, *_ in time:
        if int(id_) in world.settled:
            linked.discard(int(id_))
            wanted[str(line)] = round(wanted[str(line)] - float(hours), 2)
    wanted = {line: quantity for line, quantity in wanted.items() if quantity}
    entry, line = time[0][:2]
    found = ask(odoo_server, world.odoo, f"ENTRY, LINE = {entry}, {line}\n" + LEFT)
    assert found == {
        "left": wanted,
        "linked": sorted(linked),
        "nothing": True,
        "open": {str(line): 1.0},
        "more": {str(line): 1.0},
        "of": True,
        "again": True,
    }
