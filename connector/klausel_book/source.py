"""The book folder as an ERP: the same port as Odoo."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

from klausel.model import Book, LedgerRow
from klausel.port import (
    Application,
    Applied,
    Capabilities,
    OpeningChange,
    Refused,
    Written,
)
from klausel.record import settled_with
from klausel_book import ledger_file, openings_file
from klausel_book.policy_folder import leaves, policy_folders, policy_paths
from klausel_book.reader import LEDGER_FILE, POLICIES, read_folder
from klausel_book.writer import whole_folder

CAPABILITIES = Capabilities(name="book", version="1", writes_drafts=False)


def demo_folder() -> Path:
    """The demo book that comes with the product."""
    return Path(str(files("klausel_book"))) / "demo"


def copy_demo(folder: Path) -> None:
    """Copies the demo book to ``folder``. Raises ``ProblemError`` where that exists already."""
    with whole_folder(folder) as work:
        shutil.copytree(demo_folder(), work, dirs_exist_ok=True)


def policy_texts(folder: Path) -> dict[str, dict[str, str]]:
    """Texts of the policy folders below ``folder``, by folder and file name."""
    if not folder.is_dir():
        return {}
    return {
        child.name: {
            name: _text(path)
            for name, path in policy_paths(child)
            if path.is_file() and not leaves(path, child)
        }
        for child in policy_folders(folder)
    }


def _text(path: Path) -> str:
    """The text of a file; what cannot be read was said when the book was."""
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _settled_twice(rows: Iterable[LedgerRow], application: Application, book: Book) -> str:
    """An entry that ``application`` would settle beside another customer's ``rows``, if any."""
    owners = {c.code: book.root(c.customer) for c in book.contracts}
    asked = {row.entry for row in application.rows if row.entry}
    before = settled_with((row for row in rows if row.entry in asked), owners)
    new = settled_with(application.rows, owners)
    for entry, customers in new.items():
        others = before.get(entry, {})
        if customers.get(application.customer) and any(
            settled for customer, settled in others.items() if customer != application.customer
        ):
            return entry
    return ""


class BookSource:
    """Reads a book folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read_signature: tuple[tuple[str, int, int], ...] = ()

    @property
    def name(self) -> str:
        return str(self.folder)

    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def read(self, until: date, customers: Collection[str] | None = None) -> Book:
        """The whole book: a folder is read in one go, the engine looks at what it needs."""
        self._read_signature = self._signature()
        return read_folder(self.folder)

    def apply(self, application: Application, book: Book, refresh: bool = False) -> Applied:
        """See :class:`klausel.port.Erp`. A book has no invoices: its ledger says what is billed."""
        path = self.folder / LEDGER_FILE
        with ledger_file.locked(path) as stream:
            stored = ledger_file.read(stream)
            drafts = tuple(Written(d.key, d.key, str(path)) for d in application.drafts)
            live = {(row.key, row.entry, row.lot) for row in stored.rows if row.state == "live"}
            asked = {(row.key, row.entry, row.lot) for row in application.rows}
            # What was released since is not there any more: the same is billed once again.
            if application.key in stored.transactions and asked <= live:
                return Applied(application.customer, drafts, len(application.rows), True)
            if self._signature() != self._read_signature:
                raise Refused("changed", "the book was changed since it was read", "run it again")
            if not asked.isdisjoint(live):
                raise Refused("duplicate", "somebody else has billed this by now", "run it again")
            twice = _settled_twice(stored.rows, application, book)
            if twice:
                said = f"entry {twice} is settled with another customer already"
                raise Refused("duplicate", said, "run it again")
            ledger_file.append(stream, stored.end, application.rows, application.key)
        return Applied(application.customer, drafts, len(application.rows))

    def load_openings(self, change: OpeningChange, book: Book) -> None:
        """See :class:`klausel.port.Erp`: one file takes the place of another."""
        with ledger_file.locked(self.folder / LEDGER_FILE) as stream:
            if self._signature() != self._read_signature:
                raise Refused("changed", "the book was changed since it was read", "run it again")
            on_record = {row for row in ledger_file.read(stream).rows if row.state == "live"}
            if on_record != {row for row in book.ledger if row.state == "live"}:
                raise Refused("billed", "somebody else has billed this by now", "run it again")
            openings_file.change(self.folder, change)

    def _signature(self) -> tuple[tuple[str, int, int], ...]:
        """Changes with every file of the book but the ledger."""
        return tuple(
            (str(path), status.st_mtime_ns, status.st_size)
            for path in sorted(self.folder.rglob("*"))
            if path.name != LEDGER_FILE and path.is_file()
            for status in (path.stat(),)
        )

    def policy_files(self) -> Mapping[str, Mapping[str, str]]:
        return policy_texts(self.folder / POLICIES)
