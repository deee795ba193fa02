"""How long a bill run takes, next to Odoo's own invoicing of as many timesheets.

    python -m bench.bill [--customers 50] [--entries 5000] [--months 10] [--rounds 5]

A: Odoo's own wizard, one call for all orders; an order has a line a month for delivered time.
B: ``klausel bill``: reading, the preview, and a draft for each customer with a line a month.
C: Odoo's own wizard, one call an order: each its own transaction, as B keeps customers apart.

All make the same number of invoices and lines of the same number of timesheets. Each round has a
fresh copy of the same database for each; which of them comes first alternates.
Prints the median of each and of the ratios of the rounds; B/C of 1.0 or less is what we want. B/A
shows what it costs that every customer is a transaction of its own.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date

from klausel_odoo import OdooSettings, OdooSource
from klausel_run.bill import write
from klausel_run.preview import Options, preview
from tests.odoo import Odoo, Server
from tests.odoo.customers import POLICIES, empty
from tests.odoo.rpc import Rpc

YEAR = 2024
#: Customers with a project each; the orders' ones with a confirmed order, the others a contract.
PREPARE = """
from odoo.fields import Command
N, MONTHS, EACH = {customers}, {months}, {each}
company = env.ref("base.main_company")
hour = env.ref("uom.product_uom_hour")
product = env["product.product"].create({{
    "name": "Help", "type": "service", "uom_id": hour.id, "taxes_id": False, "list_price": 88.5,
    "service_policy": "delivered_timesheet", "service_tracking": "no",
}})
employee = env["hr.employee"].create({{"name": "Bo"}})

def customers(kind):
    return env["res.partner"].create(
        [{{"name": f"{{kind}} {{n}}", "is_company": True}} for n in range(N)])

def projects(partners, **values):
    return env["project.project"].create([
        {{"name": partner.name, "partner_id": partner.id, **values}} for partner in partners])

ordering, contracting = customers("Order"), customers("Contract")
ours = projects(contracting)
theirs = projects(ordering, allow_billable=True)
orders = env["sale.order"].create([{{
    "partner_id": partner.id,
    "order_line": [
        Command.create({{"product_id": product.id, "product_uom_qty": 1, "name": f"Month {{m}}"}})
        for m in range(MONTHS)],
}} for partner in ordering])
orders.action_confirm()

def entries(project, lines=None):
    env.flush_all()
    env.cr.execute('''
        INSERT INTO account_analytic_line (
            name, date, employee_id, project_id, partner_id, account_id, unit_amount, amount,
            company_id, user_id, product_uom_id, currency_id, so_line, is_so_line_edited,
            timesheet_invoice_type, klausel_covered,
            create_uid, write_uid, create_date, write_date)
        SELECT 'Help ' || n, date '{year}-01-02' + month * interval '1 month'
            + n %% 25 * interval '1 day', %(employee)s, %(project)s, %(partner)s, %(account)s,
            0.25, 0,
            %(company)s, 2, %(hour)s, 1, (%(lines)s::int[])[month + 1], false,
            CASE WHEN %(lines)s IS NULL THEN 'non_billable' ELSE 'billable_time' END,
            %(lines)s IS NULL, 2, 2, now(), now()
        FROM generate_series(0, %(months)s - 1) AS month, generate_series(1, %(each)s) AS n
        ''', {{
            "employee": employee.id, "project": project.id, "partner": project.partner_id.id,
            "account": project.account_id.id or None, "company": company.id, "hour": hour.id,
            "months": MONTHS, "each": EACH, "lines": lines.ids if lines else None}})

for project in ours:
    entries(project)
for project, order in zip(theirs, orders):
    entries(project, order.order_line)
env.invalidate_all()
lines = orders.order_line
env.add_to_compute(lines._fields["qty_delivered"], lines)
lines.modified(["qty_delivered"])
env.flush_all()
env["klausel.contract"].create([{{
    "code": partner.name, "partner_id": partner.id, "date_start": "{year}-01-01",
    "policy": "it-support",
    "term_ids": [Command.create({{
        "code": "E", "plan": "effort-monthly", "product_id": product.id,
        "parameter_ids": [Command.create({{"name": "price", "value": "88.50"}})],
    }})],
}} for partner in contracting])
assert set(lines.mapped("qty_to_invoice")) == {{EACH / 4}}, set(lines.mapped("qty_to_invoice"))
env.cr.execute("ANALYZE")
env.cr.commit()
print("ORDERS", orders.ids)
"""
MADE = """
SELECT max(m.id), count(DISTINCT m.id), count(*), sum(l.price_subtotal)
FROM account_move m JOIN account_move_line l ON l.move_id = m.id AND l.display_type = 'product'
WHERE {which}
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Bill timesheets: Odoo's own way and Klausel.")
    parser.add_argument("--customers", type=int, default=50)
    parser.add_argument("--entries", type=int, default=5_000, help="timesheets to bill")
    parser.add_argument("--months", type=int, default=10, help="invoice lines of a customer")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    options = parser.parse_args(arguments)
    with Server() as server:
        odoo = server.clone()
        empty(server, odoo)
        each = options.entries // options.customers // options.months
        code = PREPARE.format(
            customers=options.customers, months=options.months, each=each, year=YEAR
        )
        said = server.shell(odoo.database, code)
        orders = [int(word) for word in said.partition("[")[2].rstrip("]\n ").split(",")]
        return measure(server, odoo, orders, options.rounds)


def measure(server: Server, odoo: Odoo, orders: list[int], rounds: int) -> int:
    ways: dict[str, Callable[[Odoo], Callable[[], None]]] = {
        "A": lambda copy: invoicing(copy, [orders]),
        "B": billing,
        "C": lambda copy: invoicing(copy, [[order] for order in orders]),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    before = made(server, odoo, "true")
    for number in range(rounds):
        results = set()
        for name in ("ABC", "CBA")[number % 2]:
            copy = copied(server, odoo, f"round_{number}_{name.lower()}")
            run = ways[name](copy)
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
            results.add(made(server, copy, f"m.id > {before[0]}")[1:])
            server.drop(copy.database)
        assert len(results) == 1, results
    ((invoices, lines, total),) = results
    print(
        f"{invoices} invoices with {lines} lines, {total} in all, {rounds} rounds, median seconds"
    )
    for name, what in (("A", "Odoo, all at once"), ("B", "klausel bill"), ("C", "Odoo, each")):
        spread = f"({min(times[name]):.2f}, {max(times[name]):.2f})"
        print(f"{name}  {what:<18} {statistics.median(times[name]):.2f} {spread}")
    ratios = {}
    for other in "AC":
        pairs = [ours / theirs for ours, theirs in zip(times["B"], times[other], strict=True)]
        ratios[other] = statistics.median(pairs)
        print(f"B/{other} {ratios[other]:.2f} (median of the pairs)")
    return int(ratios["C"] > 1.0)


def copied(server: Server, odoo: Odoo, name: str) -> Odoo:
    """A copy; nobody may be connected to a database that is copied."""
    server.psql(
        "postgres",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{odoo.database}'",
    )
    return server.clone(odoo.database, name)


def made(server: Server, odoo: Odoo, which: str) -> tuple[str | None, ...]:
    """The newest move; the number of invoices, of their lines, and their total."""
    return server.psql(odoo.database, MADE.format(which=which))[0]


def invoicing(odoo: Odoo, calls: list[list[int]]) -> Callable[[], None]:
    rpc = Rpc(odoo)

    def run() -> None:
        for orders in calls:
            context = {"active_model": "sale.order", "active_ids": orders}
            values = [{"advance_payment_method": "delivered"}]
            wizard = rpc.call("sale.advance.payment.inv", "create", values, context=context)
            rpc.call("sale.advance.payment.inv", "create_invoices", wizard, context=context)

    return run


def billing(odoo: Odoo) -> Callable[[], None]:
    settings = OdooSettings.load(
        url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
        timeout=300, policies=POLICIES,
    )  # fmt: skip
    OdooSource(settings).capabilities()

    def run() -> None:
        source = OdooSource(settings)
        result = preview(source, Options(date(YEAR + 1, 1, 1), record=True))
        report = write(source, result)
        assert not report.refused, report.refused[0]

    return run


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
