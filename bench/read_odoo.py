"""How long reading Odoo takes, next to the same rows read with bare OdooRPC.

    python -m bench.read_odoo [--entries 10000] [--rounds 7]

A: an OdooRPC ``search_read`` loop over the timesheets, the same fields, 5,000 rows a call.
B: ``OdooSource.read``: the same rows and everything else that a run needs, as a checked book.

The rounds alternate A B A B in one process against one server, so that both meet the same
machine. Prints the median of each and the ratio B/A; 1.2 or less is what we want.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from urllib.parse import urlsplit

import odoorpc

from klausel.fields import TABLES
from klausel_book.source import demo_folder
from klausel_odoo import OdooSettings, OdooSource, records
from klausel_odoo.erp import PAGE
from tests.odoo import Odoo, Server

UNTIL = date(2026, 12, 31)
FIELDS = records.fields_of(TABLES["entries"])
FIELDS.remove("validated")  # not in Odoo's free modules

#: Entries over all tasks of all projects and all employees, as the web client would leave them.
FILL = """
INSERT INTO account_analytic_line (
    name, date, employee_id, project_id, task_id, partner_id, account_id, unit_amount, amount,
    company_id, user_id, product_uom_id, currency_id, create_uid, write_uid, create_date, write_date
)
SELECT 'Work on ' || task.id || ', part ' || n, date '2026-01-01' + n / 30 % 365, employee.id,
    task.project_id, task.id, task.partner_id, project.account_id, (n % 16 + 1) * 0.25, 0,
    1, 2, (SELECT min(id) FROM uom_uom), 1, 2, 2, now(), now()
FROM generate_series(1, {entries}) AS n
JOIN (SELECT id, row_number() OVER (ORDER BY id) - 1 AS at, count(*) OVER () AS all_
      FROM hr_employee WHERE company_id = 1) AS employee ON n % employee.all_ = employee.at
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS at, count(*) OVER () AS all_
      FROM project_task WHERE project_id IN (
          SELECT id FROM project_project WHERE id NOT IN (
              SELECT internal_project_id FROM res_company WHERE internal_project_id IS NOT NULL))
     ) AS task ON n / 7 % task.all_ = task.at
JOIN project_project AS project ON project.id = task.project_id
"""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Read timesheets: bare OdooRPC and Klausel.")
    parser.add_argument("--entries", type=int, default=10_000, help="timesheets to generate")
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured")
    options = parser.parse_args(arguments)
    with Server() as server:
        odoo = server.clone()
        server.psql(odoo.database, "DELETE FROM account_analytic_line WHERE project_id IS NOT NULL")
        server.psql(odoo.database, FILL.format(entries=options.entries))
        server.psql(odoo.database, "VACUUM ANALYZE")
        measure(odoo, options.rounds)
    return 0


def measure(odoo: Odoo, rounds: int) -> None:
    bare, source = bare_loop(odoo), klausel(odoo)
    bare(), source()  # both are logged in and Odoo's caches are warm
    times: dict[str, list[float]] = {"A": [], "B": []}
    for _ in range(rounds):
        for name, read in (("A", bare), ("B", source)):
            start = time.perf_counter()
            count = read()
            times[name].append(time.perf_counter() - start)
    a, b = (statistics.median(times[name]) for name in "AB")
    pairs = [ours / theirs for ours, theirs in zip(times["B"], times["A"], strict=True)]
    print(f"{count} timesheets, {rounds} rounds each, median seconds (fastest, slowest)")
    for name, what, median in (("A", "bare OdooRPC", a), ("B", "OdooSource.read", b)):
        spread = f"({min(times[name]):.3f}, {max(times[name]):.3f})"
        print(f"{name}  {what:<16} {median:.3f} {spread}  {count / median:,.0f} rows/s")
    print(f"B/A {statistics.median(pairs):.2f} (median of the pairs)")


def bare_loop(odoo: Odoo) -> Callable[[], int]:
    address = urlsplit(odoo.url)
    client = odoorpc.ODOO(address.hostname, port=address.port, timeout=300)
    client.login(odoo.database, odoo.login, odoo.password)

    def read() -> int:
        count = last = 0
        while True:
            domain = [
                ("project_id", "!=", False), ("company_id", "=", 1),
                ("date", "<=", UNTIL.isoformat()), ("id", ">", last),
            ]  # fmt: skip
            options = {"fields": FIELDS, "order": "id", "limit": PAGE, "load": ""}
            rows = client.execute_kw("account.analytic.line", "search_read", [domain], options)
            count += len(rows)
            if len(rows) < PAGE:
                return count
            last = rows[-1]["id"]

    return read


def klausel(odoo: Odoo) -> Callable[[], int]:
    settings = OdooSettings.load(
        url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
        timeout=300, transport="odoorpc", policies=demo_folder() / "policies",
    )  # fmt: skip
    source = OdooSource(settings)
    source.capabilities()
    return lambda: len(source.read(UNTIL).entries)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
