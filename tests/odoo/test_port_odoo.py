"""A real Odoo behind the port: the suite that the book folder passes, too."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import count

import pytest

from klausel.model import Book
from klausel.port import Written
from klausel.result import Draft
from klausel_book import read_folder
from klausel_odoo import OdooSource
from tests.port_suite import SMALL, PortSuite

from . import scene
from .load import Loaded, load
from .server import Odoo

pytestmark = pytest.mark.odoo

MOVED = (
    "Contracts, approvals, decisions or invoices of Bicycles Meyer have changed since they were"
    " read."
)
NUMBERS = count(1)


class OdooPlace:
    """The small book once more in a database that several tests share: its customers are new."""

    said = {
        "entry changed": "Timesheet {entry} of 2026-05-06, “Checkout explained”, has changed"
        " since it was read.",
        "entry vanished": "Timesheet {entry} is no longer there.",
        "contract changed": MOVED,
        "billed": MOVED,
    }

    def __init__(self, source: OdooSource, loaded: Loaded) -> None:
        self._source = source
        self._loaded = loaded

    def erp(self) -> OdooSource:
        """A connection remembers nothing of what it read: one does for all."""
        return self._source

    def code(self, contract: str) -> str:
        return self._loaded.codes[contract]

    def customer(self, id_: str) -> str:
        return self._loaded.id("customers", id_)

    def entry(self, id_: str) -> str:
        return self._loaded.id("entries", id_)

    def documents(self) -> int:
        return len(self._loaded.rpc.search("account.move"))

    def set_hours(self, entry: str, hours: float) -> None:
        id_ = self._loaded.ids["entries"][entry]
        self._loaded.rpc.write("account.analytic.line", [id_], unit_amount=hours)

    def remove(self, entry: str) -> None:
        self._loaded.rpc.unlink("account.analytic.line", [self._loaded.ids["entries"][entry]])

    def log(self, day: date, hours: float) -> str:
        ids = self._loaded.ids
        values = {
            "date": day.isoformat(),
            "employee_id": ids["employees"]["u2"],
            "project_id": ids["projects"]["p2"],
            "unit_amount": hours,
            "name": "Later",
        }
        (id_,) = self._loaded.rpc.create("account.analytic.line", [values])
        return str(id_)

    def touch_contract(self, contract: str) -> None:
        id_ = self._loaded.ids["contracts"][contract]
        self._loaded.rpc.write("klausel.contract", [id_], sla="gold")

    def delete_draft(self, draft: Draft, written: Written) -> None:
        self._loaded.rpc.unlink("account.move", [int(written.id)])


@pytest.fixture(scope="module")
def small() -> Book:
    return read_folder(SMALL)


@pytest.fixture(scope="module")
def source(odoo: Odoo) -> Iterator[OdooSource]:
    source = scene.source(odoo, policies=SMALL / "policies")
    yield source
    source.close()


class TestOdoo(PortSuite):
    @pytest.fixture
    def place(self, odoo: Odoo, source: OdooSource, small: Book) -> OdooPlace:
        return OdooPlace(source, load(odoo, small, f"-{next(NUMBERS)}"))
