"""The world in which people act: two companies, their customers, contracts of every model.

It is made once and kept as a database that is copied for each sequence, so ids are the same each
time and a seed reproduces what it did.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from klausel_odoo import OdooSource

from .. import customers, scene
from ..scene import Term
from ..server import Odoo, Server
from ..webclient import WebClient

POLICIES = Path(__file__).parent / "policies"
FIRST = date(2026, 1, 1)
START = date(2026, 1, 20)
#: The last day that a run is told.
LAST = date(2026, 11, 1)

#: Projects with two tickets each: company and customer.
PROJECTS = {
    "p1": ("A", "c1"),
    "p2": ("A", "c1"),
    "p3": ("A", "c2"),
    "p4": ("A", "c2"),
    "p5": ("A", "c3"),
    "p6": ("B", "c3"),
    "p7": ("B", "c1"),
    "p8": ("A", "c4"),
    "p9": ("A", "c5"),
    "p10": ("A", "c5"),
}
#: c1a is a person at c1; c4 is c1 once more, to be merged; c5 has a sales order beside a contract.
CUSTOMERS = ("c1", "c2", "c3", "c4", "c5")
EMPLOYEES = {"ann": "A", "bo": "A", "cy": "B"}
#: Company, customer, what is covered, terms: code, plan, parameters, what it takes.
CONTRACTS: dict[str, tuple[str, str, str, tuple[tuple[str, str, dict[str, str], str], ...]]] = {
    "K1": ("A", "c1", "", (
        ("care", "fee-annual", {"price": "1200.00"}, ""),
        ("time", "time-monthly", {"price": "100.00"}, "service"),
        ("extra", "time-monthly", {"price": "120.00"}, "change"),
    )),
    "K2": ("A", "c2", "p3", (
        ("hours", "reserved", {"hours": "4", "price": "80.00", "beyond_price": "95.00"}, "service"),
    )),
    "K3": ("A", "c2", "p4", (("pool", "pool", {"hours": "3", "price": "90.00"}, "service"),)),
    "K4": ("A", "c3", "", (
        ("fee", "fee-monthly", {"price": "49.00", "quantity": "2"}, ""),
        ("card", "block", {"price": "85.00"}, "service"),
        ("site", "parts", {"price": "1000.00"}, ""),
    )),
    "K5": ("B", "c3", "", (
        ("fee", "fee-monthly", {"price": "30.00"}, ""),
        ("time", "time-monthly", {"price": "110.00"}, "service"),
    )),
    "K6": ("B", "c1", "p7", (("time", "time-quarterly", {"price": "70.00"}, "service"),)),
    "K7": ("A", "c5", "p9", (("time", "time-monthly", {"price": "60.00"}, "service"),)),
}  # fmt: skip


class Missing(LookupError):
    """What a step is about is not there: a step before it was left out."""


class World:
    """One database and what is in it, by names that do not change from one play to the next."""

    def __init__(self, server: Server, odoo: Odoo, ids: Mapping[str, int]) -> None:
        self.server = server
        self.odoo = odoo
        self.ids = dict(ids)
        self.clock = START
        self.client = WebClient(odoo)
        self.client.company = self.ids["A"]
        """In whose company a call works is the client's; documents and records know theirs."""
        self._taken: list[str] = []
        self.edited: set[int] = set()
        """Invoice lines whose price somebody changed by hand."""
        self.apart: set[str] = set()
        """Contracts whose money is not that of a catch-up run, and need not be."""
        self.unapproved: set[str] = set()
        """Contracts of which an approval was removed: what was billed on it stays."""
        self.by_order: dict[int, set[int]] = {}
        """Entries by the invoice of Odoo's own order that took them."""
        self.most: dict[int, int] = {}
        """By entry: the most seconds that it ever had."""
        self.billed: Callable[[str, int, bool], None] = lambda *_: None
        """What is looked at after a bill."""

    # --- names

    def __getitem__(self, name: str) -> int:
        found = self.ids.get(name)
        if found is None:
            raise Missing(name)
        return found

    def names(self, prefix: str) -> list[str]:
        """Of what begins with ``prefix`` and goes on with a number, in order."""
        size = len(prefix)
        found = [name for name in self.ids if name[:size] == prefix and name[size:][:1].isdigit()]
        return sorted(found, key=lambda name: [int(part) for part in name[size:].split(".")])

    def name_of(self, id_: int, prefix: str) -> str:
        for name in self.names(prefix):
            if self.ids[name] == id_:
                return name
        raise Missing(f"{prefix} {id_}")

    # --- at work for a company

    @contextlib.contextmanager
    def at(self, company: str) -> Iterator[WebClient]:
        """The client at work for ``company``."""
        before = self.client.company
        self.client.company = self.ids[company]
        try:
            yield self.client
        finally:
            self.client.company = before

    def everywhere(self) -> dict[str, Any]:
        """The context of somebody who has ticked both companies."""
        return {"allowed_company_ids": [self.ids["A"], self.ids["B"]]}

    def source(self, company: str) -> OdooSource:
        return scene.source(self.odoo, str(self.ids[company]), POLICIES)

    def sql(self, query: str) -> list[tuple[str | None, ...]]:
        return self.server.psql(self.odoo.database, query)

    def bill(self, company: str, step: int, adjust: bool) -> None:
        self.billed(company, step, adjust)

    def logged(self, entry: str, hours: float) -> None:
        """An entry has these hours now."""
        id_ = self.ids[entry]
        self.most[id_] = max(self.most.get(id_, -(10**9)), round(hours * 3600))

    # --- documents

    def take_in(self, step: int) -> list[str]:
        """Gives names to documents that are new since the last call, in the order of their ids."""
        known = {self.ids[name] for name in self.names("m")}
        rows = self.sql(
            "SELECT id FROM account_move WHERE move_type IN ('out_invoice', 'out_refund')"
            " ORDER BY id"
        )
        new = [int(str(id_)) for (id_,) in rows if int(str(id_)) not in known | self._old]
        there = sum(1 for name in self._taken if name.startswith(f"m{step}."))
        found = [f"m{step}.{number}" for number, _id in enumerate(new, there + 1)]
        self._taken += found
        self.ids.update(zip(found, new, strict=True))
        return found

    _old: frozenset[int] = frozenset()

    def begin(self) -> None:
        """What is there before the first step is nobody's concern."""
        rows = self.sql("SELECT id FROM account_move")
        self._old = frozenset(int(str(id_)) for (id_,) in rows)

    def close(self) -> None:
        self.client.__exit__()


class Stage:
    """The prepared database of a server, copied for each sequence under one name.

    The name stays, so that Odoo need not read its own models anew for each copy.
    """

    PREPARED, NAME = "people_prepared", "people"

    def __init__(self, server: Server) -> None:
        self._server = server
        odoo = server.clone("klausel", self.PREPARED)
        self._ids = prepare(server, odoo)
        server.psql("postgres", f"ALTER DATABASE {self.PREPARED} ALLOW_CONNECTIONS false")
        server.psql(
            "postgres",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{self.PREPARED}'",
        )
        self._plays = 0

    def world(self) -> World:
        self._server.drop(self.NAME)
        self._plays += 1
        odoo = self._server.clone(self.PREPARED, self.NAME)
        world = World(self._server, odoo, self._ids)
        world.begin()
        return world

    def end(self) -> None:
        self._server.drop(self.NAME)
        self._server.drop(self.PREPARED)


def prepare(server: Server, odoo: Odoo) -> dict[str, int]:
    """Makes the world; returns its ids by name."""
    customers.empty(server, odoo)
    client = WebClient(odoo)
    usd = scene.currency(client, "USD")
    other = scene.company(client, odoo, "Second", usd)
    at = {"A": client, "B": other}
    ids = {name: one.company for name, one in at.items()}
    for name in CUSTOMERS:
        ids[name] = client.create_one("res.partner", name=f"Customer {name}", is_company=True)
    ids["c1a"] = client.create_one("res.partner", name="Person at c1", parent_id=ids["c1"])
    for name, company in EMPLOYEES.items():
        ids[name] = scene.employee(at[company], name.title())
    hour = client.ref("uom.product_uom_hour")
    for name, policy in (("product", "order"), ("sold", "delivery")):
        ids[name] = client.create_one(
            "product.product", name=name.title(), type="service", uom_id=hour, taxes_id=False,
            invoice_policy=policy, service_type="timesheet", list_price=90,
        )  # fmt: skip
    for name, (company, customer) in PROJECTS.items():
        ids[name] = scene.project(at[company], ids[customer], f"Project {name}")
        at[company].write("project.project", [ids[name]], allow_billable=True)
        tickets = scene.tickets(
            at[company], ids[name], ids[customer], [f"Ticket {name}a", f"Ticket {name}b"]
        )
        ids[f"{name}a"], ids[f"{name}b"] = tickets
    _order(client, ids)
    for code, (company, customer, project, terms) in CONTRACTS.items():
        more = {"covers": "project", "project_ids": [(6, 0, [ids[project]])]} if project else {}
        ids[code] = scene.contract(
            at[company], ids[customer], code,
            [
                Term(term, plan, ids["product"], parameters, takes=takes)
                for term, plan, parameters, takes in terms
            ],
            "people", usd, str(FIRST), **more,
        )  # fmt: skip
    for row in client.find("klausel.term", [], ["code", "contract_id"], **_all(ids)):
        code = next(name for name in CONTRACTS if ids[name] == row["contract_id"])
        ids[f"{code}/{row['code']}"] = row["id"]
    return ids


def _all(ids: Mapping[str, int]) -> dict[str, Any]:
    return {"allowed_company_ids": [ids["A"], ids["B"]]}


def _order(client: WebClient, ids: dict[str, int]) -> None:
    """Odoo's own order bills the time of p10, and would bill that of p9 without the contract."""
    ids["order"] = client.create_one(
        "sale.order", partner_id=ids["c5"],
        order_line=[(0, 0, {"product_id": ids["sold"], "product_uom_qty": 100})],
    )  # fmt: skip
    client.button("sale.order", "action_confirm", [ids["order"]])
    (line,) = client.ids("sale.order.line", [("order_id", "=", ids["order"])])
    for name in ("p9", "p10"):
        client.write("project.task", [ids[f"{name}a"], ids[f"{name}b"]], sale_line_id=line)


def day(text: str) -> date:
    return date.fromisoformat(text)


def later(start: date, days: int) -> date:
    return min(start + timedelta(days=days), LAST)
