"""The book folder behind the port: the suite that Odoo passes, too."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from klausel.ledger import release
from klausel.port import Written
from klausel.result import Draft
from klausel_book import BookSource, read_folder
from tests.ledgers import put_on_record
from tests.port_suite import SMALL, PortSuite

CHANGED = "the book was changed since it was read"


class BookPlace:
    """Ids and codes stand in the files as they are; people edit the files."""

    said = {
        "entry changed": CHANGED,
        "entry vanished": CHANGED,
        "contract changed": CHANGED,
        "billed": "somebody else has billed this by now",
    }

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def erp(self) -> BookSource:
        return BookSource(self.folder)

    def code(self, contract: str) -> str:
        return contract

    def customer(self, id_: str) -> str:
        return id_

    def entry(self, id_: str) -> str:
        return id_

    def documents(self) -> int:
        ledger = self.folder / "ledger.jsonl"
        return len(ledger.read_text(encoding="utf-8").splitlines()) if ledger.exists() else 0

    def _edit(self, file: str, old: str, new: str) -> None:
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def set_hours(self, entry: str, hours: float) -> None:
        assert entry == "e3"
        self._edit("entries.csv", "e3,2026-05-06,u2,p2,,,2,", f"e3,2026-05-06,u2,p2,,,{hours},")

    def remove(self, entry: str) -> None:
        assert entry == "e3"
        self._edit("entries.csv", "e3,2026-05-06,u2,p2,,,2,Checkout explained\n", "")

    def log(self, day: date, hours: float) -> str:
        path = self.folder / "entries.csv"
        id_ = f"e{len(path.read_text(encoding='utf-8').splitlines())}"
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"{id_},{day},u2,p2,,,{hours},Later\n")
        return id_

    def touch_contract(self, contract: str) -> None:
        self._edit("contracts.yaml", f"code: {contract}\n", f"code: {contract}\n  sla: gold\n")

    def delete_draft(self, draft: Draft, written: Written) -> None:
        """A book has no invoices: its ledger says that the draft's lines are open again."""
        before = read_folder(self.folder).ledger
        [after] = release([before], {str(line.key) for line in draft.lines})
        changed = [new for old, new in zip(before, after, strict=True) if new != old]
        assert changed
        put_on_record(self.folder, changed)


class TestBook(PortSuite):
    @pytest.fixture
    def place(self, tmp_path: Path) -> BookPlace:
        return BookPlace(Path(shutil.copytree(SMALL, tmp_path / "book")))
