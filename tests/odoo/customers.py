"""Customers to bill, made quickly: each with a project, two timesheets a month and a contract.

What each owes is known without asking the program: a fee a month in advance, two hours a month
afterwards.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO

from klausel_book.source import demo_folder

from .rpc import Rpc
from .server import Odoo, Server

ROOT = Path(__file__).parents[2]
POLICIES = demo_folder() / "policies"

FEE, RATE = Decimal("10.00"), Decimal("88.50")
HOURS = (Decimal("1.50"), Decimal("0.50"))
#: Of one month: the fee, and the time of another month.
MONTH = FEE + RATE * sum(HOURS)

#: Two timesheets on days of each month of each project.
TIMESHEETS = """
INSERT INTO account_analytic_line (
    name, date, employee_id, project_id, partner_id, account_id, unit_amount, amount,
    company_id, user_id, product_uom_id, currency_id, klausel_covered,
    create_uid, write_uid, create_date, write_date
)
SELECT 'Help', date '2024-01-06' + month * interval '1 month' + day * interval '1 day',
    {employee}, id, partner_id, account_id, CASE day WHEN 0 THEN 1.5 ELSE 0.5 END, 0,
    company_id, 2, (SELECT min(id) FROM uom_uom), 1, true, 2, 2, now(), now()
FROM project_project, generate_series(0, {months} - 1) AS month, generate_series(0, 1) AS day
WHERE id = ANY(ARRAY[{projects}])
ORDER BY id, month, day
"""


@dataclass(frozen=True)
class Party:
    """A customer and what belongs to it, by id."""

    code: str
    customer: int
    project: int
    product: int
    contract: int

    @property
    def name(self) -> str:
        return f"Shop {self.code}"


def empty(server: Server, odoo: Odoo) -> None:
    """Without the contracts and timesheets of the demo data."""
    rpc = Rpc(odoo)
    rpc.call("klausel.contract", "unlink", rpc.call("klausel.contract", "search", []))
    server.psql(odoo.database, "DELETE FROM account_analytic_line WHERE project_id IS NOT NULL")


def populate(
    server: Server, odoo: Odoo, codes: Sequence[str], months: int = 1, company: int = 1
) -> dict[str, Party]:
    """Customers by code, each with a contract from January 2024 on and ``months`` with time."""
    rpc = Rpc(odoo)
    user = {"context": {"allowed_company_ids": [company], "tracking_disable": True}}
    hour = rpc.ref("uom.product_uom_hour")
    names = [f"Shop {code}" for code in codes]
    customers = rpc.call(
        "res.partner", "create", [{"name": name, "is_company": True} for name in names], **user
    )
    projects = rpc.call(
        "project.project",
        "create",
        [
            {"name": f"Project of {name}", "partner_id": customer, "company_id": company}
            for name, customer in zip(names, customers, strict=True)
        ],
        **user,
    )
    products = rpc.call(
        "product.product",
        "create",
        [
            {"name": f"Care for {name}", "type": "service", "uom_id": hour, "taxes_id": False}
            for name in names
        ],
        **user,
    )
    (employee,) = rpc.call("hr.employee", "create", [{"name": "Bo", "company_id": company}], **user)
    listed = ",".join(map(str, projects))
    sql = TIMESHEETS.format(employee=employee, months=months, projects=listed)
    server.psql(odoo.database, sql)
    contracts = rpc.call(
        "klausel.contract",
        "create",
        [
            {
                "code": code,
                "partner_id": customer,
                "company_id": company,
                "date_start": "2024-01-01",
                "policy": "it-support",
                "term_ids": [
                    (0, 0, term("F", "flat-monthly", FEE, product, 1, takes=False)),
                    (0, 0, term("E", "effort-monthly", RATE, product, 2)),
                ],
            }
            for code, customer, product in zip(codes, customers, products, strict=True)
        ],
        **user,
    )
    made = zip(codes, customers, projects, products, contracts, strict=True)
    return {code: Party(code, *ids) for code, *ids in made}


def term(
    code: str, plan: str, price: Decimal, product: int, priority: int, **values: object
) -> dict[str, object]:
    return {
        "code": code,
        "plan": plan,
        "product_id": product,
        "priority": priority,
        "parameter_ids": [(0, 0, {"name": "price", "value": str(price)})],
        **values,
    }


# --- the command ----------------------------------------------------------------------------------


def arguments(odoo: Odoo, day: str, policies: Path = POLICIES, url: str = "") -> list[str]:
    """Of the command ``klausel``: a bill run that does not ask."""
    return [
        "bill", "--odoo", "--url", url or odoo.url, "--database", odoo.database,
        "--login", odoo.login, "--policies", str(policies), "--as-of", day, "--yes",
        "--ahead", "--backlog",
    ]  # fmt: skip


def environment(odoo: Odoo, **more: str) -> dict[str, str]:
    paths = os.pathsep.join(str(ROOT / name) for name in ("rules", "connector", "."))
    ours = {"PYTHONPATH": paths, "KLAUSEL_ODOO_PASSWORD": odoo.password, "HOME": "/nonexistent"}
    return {"PATH": os.environ["PATH"], **ours, **more}


def _hear_ctrl_c() -> None:
    """What a shell runs in the background ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Asked:
    """A ``klausel bill`` that has shown its preview and waits for an answer."""

    def __init__(self, odoo: Odoo, day: str, policies: Path = POLICIES, url: str = "") -> None:
        command = [word for word in arguments(odoo, day, policies, url) if word != "--yes"]
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "cli.py"), *command],
            env=environment(odoo),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=_hear_ctrl_c,
        )
        self.preview = self._read(self.process.stdout)

    def _read(self, stream: IO[str] | None) -> str:
        assert stream is not None
        said = ""
        while not said.endswith("[y/N]: "):
            letter = stream.read(1)
            if not letter:
                raise AssertionError(f"it never asked:\n{said}{self.process.communicate()[1]}")
            said += letter
        return said

    def answer(self, word: str = "y") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()

    def end(self) -> tuple[int, str, str]:
        """Exit code, what it said after the answer, and its errors."""
        out, err = self.process.communicate(timeout=300)
        return self.process.returncode, out, err


# --- what is on record ----------------------------------------------------------------------------


#: Untaxed totals of all invoices of Klausel, with the customer's name.
DRAFTS = (
    "SELECT 'draft', p.name, m.amount_untaxed, m.id FROM account_move m JOIN res_partner p"
    " ON p.id = m.commercial_partner_id WHERE m.klausel_run_id IS NOT NULL"
)


def drafts(server: Server, odoo: Odoo) -> dict[str, list[Decimal]]:
    """Untaxed totals of all invoices of Klausel, by customer's name, oldest first."""
    return on_record(server, odoo)[0]


def settled(server: Server, odoo: Odoo) -> dict[str, int]:
    """Seconds on record, by customer's name."""
    rows = server.psql(
        odoo.database,
        "SELECT p.name, coalesce(sum(l.seconds) FILTER (WHERE l.entry_ref <> 0), 0)"
        " FROM klausel_ledger l JOIN res_partner p ON p.id = l.partner_id"
        " WHERE l.state = 'live' GROUP BY p.name",
    )
    return {str(name): int(seconds or 0) for name, seconds in rows}


#: What must not be there, whatever has happened; each query counts.
WRONG = {
    "ledger keys on record twice": (
        "SELECT count(*) FROM (SELECT 1 FROM klausel_ledger WHERE state = 'live' GROUP BY"
        " contract_id, term, component, period, line_group, sequence, entry_ref, lot"
        " HAVING count(*) > 1) AS twice"
    ),
    "invoices without ledger rows": (
        "SELECT count(*) FROM account_move m WHERE move_type IN ('out_invoice', 'out_refund')"
        " AND klausel_run_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM klausel_ledger l"
        " WHERE l.move_id = m.id AND l.state = 'live')"
    ),
    "invoice lines without ledger rows": (
        "SELECT count(*) FROM account_move_line a JOIN account_move m ON m.id = a.move_id"
        " WHERE m.klausel_run_id IS NOT NULL AND a.display_type = 'product' AND NOT EXISTS"
        " (SELECT 1 FROM klausel_ledger l WHERE l.move_line_id = a.id AND l.state = 'live')"
    ),
    "billed parts without an invoice line": (
        "SELECT count(*) FROM klausel_ledger l LEFT JOIN account_move_line a"
        " ON a.id = l.move_line_id WHERE l.state = 'live' AND l.line_group <> ''"
        " AND (a.id IS NULL OR a.move_id <> l.move_id)"
    ),
    "invoices of a contract without a run": (
        "SELECT count(*) FROM account_move WHERE invoice_origin IN"
        " (SELECT code FROM klausel_contract) AND klausel_run_id IS NULL"
    ),
    "runs without a result or without ledger rows": (
        "SELECT count(*) FROM klausel_run r WHERE result IS NULL OR NOT EXISTS"
        " (SELECT 1 FROM klausel_ledger l WHERE l.run_id = r.id)"
    ),
    "settled time that shows no invoice": (
        "SELECT count(*) FROM account_analytic_line e JOIN klausel_ledger l ON l.entry_id = e.id"
        " WHERE l.state = 'live' AND l.move_id IS DISTINCT FROM e.timesheet_invoice_id"
        " AND l.move_id IS NOT NULL"
    ),
}


def wrong(server: Server, odoo: Odoo) -> dict[str, int]:
    """What of ``WRONG`` is there; nothing, if all is well."""
    return on_record(server, odoo)[1]


def on_record(server: Server, odoo: Odoo) -> tuple[dict[str, list[Decimal]], dict[str, int]]:
    """``drafts`` and ``wrong``, in one query."""
    checks = [f"SELECT 'wrong', '{name}', ({sql}), 0" for name, sql in WRONG.items()]
    found: dict[str, list[Decimal]] = {}
    bad: dict[str, int] = {}
    query = " UNION ALL ".join([DRAFTS, *checks])
    for kind, name, number, _ in server.psql(odoo.database, f"{query} ORDER BY 1, 4"):
        if kind == "draft":
            found.setdefault(str(name), []).append(Decimal(str(number)))
        elif Decimal(str(number)):
            bad[str(name)] = int(Decimal(str(number)))
    return found, bad
