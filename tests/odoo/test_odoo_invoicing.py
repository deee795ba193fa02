"""Odoo's own invoicing beside the addon: quiet about covered time, unchanged for all the rest."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.counts import count

from .server import Odoo, Server

pytestmark = pytest.mark.odoo

#: A customer of the demo data with a sales order of every kind of line, and its contract.
ORDER = "S00023"
OTHER_ORDER = "S00024"
CONTRACT = "ACME-CARE"

HELP = """
import json
from odoo.exceptions import UserError

def order(name):
    return env["sale.order"].search([("name", "=", name)])

def billed(moves):
    # Hours and pieces by line of the order; what is taken off a prepaid line included.
    found = {}
    for line in moves.invoice_line_ids.filtered("sale_line_ids"):
        key = str(line.sale_line_ids.id)
        found[key] = round(found.get(key, 0) + line.quantity, 2)
    return found

def by_wizard(sale, **dates):
    before = sale.invoice_ids
    wizard = env["sale.advance.payment.inv"].with_context(
        active_model="sale.order", active_ids=sale.ids
    ).create({"advance_payment_method": "delivered", **dates})
    try:
        wizard.create_invoices()
    except UserError:
        return None
    return sale.invoice_ids - before

def by_method(sale, **dates):
    try:
        return sale._create_invoices(**dates)
    except UserError:
        return None

def entries(sale):
    return env["account.analytic.line"].search(
        [("so_line", "in", sale.order_line.ids), ("project_id", "!=", False)], order="date, id"
    )
"""

#: Every way to bill an order, each from the same state: what it bills, and what a second time.
BILL = """
sale = order(ORDER)
days = entries(sale).mapped("date")
middle = days[len(days) // 3]
result = {"day": str(middle)}
for name, bill, dates in (
    ("wizard", by_wizard, {}),
    ("wizard to the last day", by_wizard, {"date_end_invoice_timesheet": max(days)}),
    ("wizard from a day on", by_wizard, {"date_start_invoice_timesheet": middle}),
    ("wizard up to a day", by_wizard, {"date_end_invoice_timesheet": middle}),
    ("_create_invoices", by_method, {}),
    ("_create_invoices, final", by_method, {"final": True}),
):
    moves = bill(sale, **dates)
    linked = moves.timesheet_ids if moves else env["account.analytic.line"]
    again = bill(sale, **dates)
    result[name] = {
        "billed": billed(moves) if moves else {},
        "again": billed(again) if again else {},
        "linked": sorted(linked.ids),
    }
    env.cr.rollback()
    env.invalidate_all()
print(json.dumps(result))
"""

#: The contract ends halfway; some entries are settled before and after its end, one is held.
SETTLE = """
sale = order(ORDER)
contract = env["klausel.contract"].search([("code", "=", CONTRACT)])
lines = entries(sale)
contract.date_end = lines[len(lines) // 2].date
inside = lines.filtered(lambda line: line.date <= contract.date_end)
outside = lines - inside
held = outside[1]
settled = inside[::2] + outside[::3] - held

def settle(some, **values):
    env["klausel.ledger"].create([{
        "contract_id": contract.id, "company_id": contract.company_id.id,
        "partner_id": contract.commercial_partner_id.id, "term": "T1", "component": "time",
        "period": line.date.replace(day=1), "line_group": "1", "sequence": 0, "entry_id": line.id,
        "entry_ref": line.id, "seconds": round(line.unit_amount * 3600), **values,
    } for line in some])

settle(settled)
settle(held, held="pending")
env.cr.commit()
quiet = inside | settled
print(json.dumps({"quiet": quiet.ids, "held": held.ids, "settled": settled.ids}))
"""

#: What the database itself says, without Odoo's code: hours by line, policy, and day.
HOURS = """
SELECT a.id, a.so_line, a.unit_amount, a.date, t.invoice_policy, t.service_type
FROM account_analytic_line a
JOIN sale_order_line l ON l.id = a.so_line
JOIN sale_order o ON o.id = l.order_id
JOIN product_product p ON p.id = l.product_id
JOIN product_template t ON t.id = p.product_tmpl_id
WHERE o.name = '{order}' AND a.project_id IS NOT NULL
"""


def ask(server: Server, odoo: Odoo, code: str) -> Any:
    values = f"ORDER, OTHER_ORDER, CONTRACT = {ORDER!r}, {OTHER_ORDER!r}, {CONTRACT!r}\n"
    printed = server.shell(odoo.database, values + HELP + code)
    return json.loads(printed.splitlines()[-1])


def all_but(
    quiet: set[int], before: dict[str, Any], after: dict[str, Any], rows: list[tuple[Any, ...]]
) -> None:
    """However it is asked, Odoo bills what stock Odoo does, less exactly the entries ``quiet``.

    ``before`` and ``after`` are what ``BILL`` says without and with the addon, ``rows`` the hours.
    """
    time = [row for row in rows if row[4:] == ("delivery", "timesheet")]
    assert quiet & {int(row[0]) for row in time}
    day = str(after.pop("day"))
    assert before["day"] == day
    ways = before.keys() - {"day"}
    assert len(ways) == 6
    for way in ways:
        expected = before[way]
        wanted = dict(expected["billed"])
        linked = set(expected["linked"])
        assert linked, way
        for id_, line, hours, date, *_ in time:
            within = {
                "wizard from a day on": str(date) >= day,
                "wizard up to a day": str(date) <= day,
            }.get(way, True)
            if int(id_) in quiet and within:
                assert int(id_) in linked, way
                linked.discard(int(id_))
                wanted[str(line)] = round(wanted[str(line)] - float(hours or 0), 2)
        wanted = {line: quantity for line, quantity in wanted.items() if quantity}
        assert after[way]["billed"] == wanted, way
        assert after[way]["linked"] == sorted(linked), way
        # A second time it finds as little as stock Odoo does.
        assert after[way]["again"] == expected["again"], way
        assert not expected["again"], way


@pytest.fixture(scope="module")
def stock(odoo_server: Server) -> Iterator[Odoo]:
    """The same demo data, in an Odoo without the addon."""
    database = odoo_server.clone("base")
    yield database
    odoo_server.drop(database.database)


def test_orders_bill_everything_that_is_neither_covered_nor_settled(
    odoo_server: Server, stock: Odoo, odoo: Odoo
) -> None:
    """To the hour: what stock Odoo bills, less exactly the hours of covered and settled time."""
    quiet = set(ask(odoo_server, odoo, SETTLE)["quiet"])
    before = ask(odoo_server, stock, BILL)
    after = ask(odoo_server, odoo, BILL)
    rows = odoo_server.psql(odoo.database, HOURS.format(order=ORDER))
    all_but(quiet, before, after, rows)


def test_settled_time_stays_quiet_when_the_contract_is_gone(
    odoo_server: Server, stock: Odoo
) -> None:
    """Everything settled: only what is no time is left to Odoo, whichever way it is asked."""
    ours = odoo_server.clone()
    code = """
contract = env["klausel.contract"].search([("code", "=", CONTRACT)])
lines = entries(order(ORDER))
env["klausel.ledger"].create([{
    "contract_id": contract.id, "company_id": contract.company_id.id,
    "partner_id": contract.commercial_partner_id.id, "term": "T1", "component": "time",
    "period": line.date.replace(day=1), "line_group": "1", "sequence": 0, "entry_id": line.id,
    "entry_ref": line.id, "seconds": round(line.unit_amount * 3600),
} for line in lines])
contract.active = False
env.cr.commit()
"""
    before = ask(odoo_server, stock, BILL)
    after = ask(odoo_server, ours, code + BILL)
    rows = odoo_server.psql(ours.database, HOURS.format(order=ORDER))
    time = {str(row[1]) for row in rows if row[4:] == ("delivery", "timesheet")}
    assert len(time) == 5
    for way in before.keys() - {"day"}:
        billed = before[way]["billed"]
        rest = {line: quantity for line, quantity in billed.items() if line not in time}
        assert rest, way
        assert after[way] == {"billed": rest, "again": {}, "linked": []}, way
    odoo_server.drop(ours.database)


def test_after_uninstalling_exactly_one_more_hour_is_billable(odoo_server: Server) -> None:
    ours = odoo_server.clone()
    code = """
sale = order(ORDER)
contract = env["klausel.contract"].search([("code", "=", CONTRACT)])
lines = entries(sale)
env["klausel.ledger"].create([{
    "contract_id": contract.id, "company_id": contract.company_id.id,
    "partner_id": contract.commercial_partner_id.id, "term": "T1", "component": "time",
    "period": line.date.replace(day=1), "line_group": "1", "sequence": 0, "entry_id": line.id,
    "entry_ref": line.id, "seconds": round(line.unit_amount * 3600),
} for line in lines])
# One of them is shown on an invoice, and Odoo locks it.
move = env["account.move"].create({
    "move_type": "out_invoice", "partner_id": sale.partner_id.id,
    "invoice_line_ids": [(0, 0, {"name": "Care", "quantity": 1, "price_unit": 95})],
})
time = lines.filtered(lambda line: line.so_line.product_id.invoice_policy == "delivery"
    and line.so_line.product_id.service_type == "timesheet")
time[0].timesheet_invoice_id = move
move.action_post()
by_wizard(sale)  # what is no time
env.cr.commit()
print(json.dumps({"settled": len(lines), "line": time[0].so_line.id, "task": time[0].task_id.id,
    "employee": time[0].employee_id.id, "open": sale.order_line.mapped("qty_to_invoice")}))
"""
    facts = ask(odoo_server, ours, code)
    assert facts["settled"] > 100
    assert not any(facts["open"])
    odoo_server.psql(
        ours.database,
        "INSERT INTO klausel_problem (preview_id, company_id, severity, text)"
        " SELECT min(id), 1, 'note', 'x' FROM klausel_preview",
    )
    odoo_server.uninstall(ours.database, "klausel_billing")
    left = "SELECT relname FROM pg_class WHERE relname LIKE 'klausel%' ORDER BY 1"
    assert odoo_server.psql(ours.database, left) == []

    code = """
sale = order(ORDER)
left = sale.order_line.mapped("qty_to_invoice")
nothing = by_wizard(sale)
line = env["account.analytic.line"].create({
    "name": "One more", "task_id": TASK, "employee_id": EMPLOYEE, "unit_amount": 1,
    "so_line": LINE, "is_so_line_edited": True,
})
env.flush_all()
open = {str(one.id): one.qty_to_invoice for one in sale.order_line if one.qty_to_invoice}
dated = by_wizard(sale, date_start_invoice_timesheet="2000-01-01")
result = billed(dated), dated.timesheet_ids == line, billed(by_wizard(sale) or env["account.move"])
# Covered, but not settled: that is Odoo's again, and its stored quantities know it.
other = order(OTHER_ORDER).order_line.filtered(lambda one: one.qty_delivered_method == "timesheet")
hours = {one.id: sum(one.timesheet_ids.mapped("unit_amount")) for one in other}
print(json.dumps({"left": left, "nothing": nothing is None, "open": open, "result": result,
    "other": [[one.qty_delivered, hours[one.id]] for one in other]}))
"""
    values = f"TASK, EMPLOYEE, LINE = {facts['task']}, {facts['employee']}, {facts['line']}\n"
    found = ask(odoo_server, ours, values + code)
    assert not any(found["left"])
    assert found["nothing"]
    assert found["open"] == {str(facts["line"]): 1.0}
    assert found["result"] == [{str(facts["line"]): 1.0}, True, {}]
    assert any(hours for _, hours in found["other"])
    assert all(delivered == hours for delivered, hours in found["other"])
    odoo_server.drop(ours.database)


def outcome(server: Server, template: str) -> tuple[tuple[int, ...], set[str]]:
    """Of Odoo's own suite: how many failed, ended in errors and ran at all; and which failed."""
    database = server.clone(template)
    try:
        log = server.run_tests(database.database, "/sale_timesheet", update="sale_timesheet")
    except RuntimeError:  # tests that fail make Odoo end with an error
        log = (server.folder / "cli.log").read_text()
    server.drop(database.database)
    summary = re.search(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests", log)
    assert summary, log[-3000:]
    # A class whose preparation fails is named, too: none of its tests ran.
    failed = re.findall(r"(?:FAIL|ERROR): ((?:setUpClass \([\w.]+|\w+\.test_\w+))", log)
    return tuple(map(int, summary.groups())), set(failed)


@pytest.mark.soak
def test_odoos_own_tests_end_as_they_do_without_the_addon(odoo_server: Server) -> None:
    expected = outcome(odoo_server, "base")
    found = outcome(odoo_server, "klausel")
    for name, ((failures, errors, number), _) in (("without", expected), ("with", found)):
        count(f"tests of sale_timesheet {name} the addon", number)
        count(f"of them failed {name} the addon", failures + errors)
    assert found == expected
    assert expected[0][2] > 50
