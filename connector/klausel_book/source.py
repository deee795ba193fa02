"""The book folder as an ERP: the same port as Odoo."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import IO

from klausel.model import Book, LedgerRow
from klausel.port import (
    Application,
    Applied,
    Capabilities,
    Kept,
    Links,
    OpeningChange,
    Refused,
    Wanted,
    Written,
)
from klausel.problems import ErpError, ProblemError
from klausel.record import settled_with
from klausel_book import ledger_file, openings_file
from klausel_book.ledger_file import LEDGER_FILE, SEAL_FILE
from klausel_book.policy_folder import policy_files, policy_folders
from klausel_book.reader import POLICIES, read_book
from klausel_book.writer import whole_folder

#: Of files: path, time of change, size.
Signature = tuple[tuple[str, int, int], ...]

#: What billing itself writes.
WRITTEN = {LEDGER_FILE, SEAL_FILE, f".{SEAL_FILE}.new"}

CAPABILITIES = Capabilities(name="book", version="1", writes_drafts=False)


def demo_folder() -> Path:
    """The demo book that comes with the product."""
    return Path(str(files("klausel_book"))) / "demo"


def copy_demo(folder: Path) -> None:
    """Copies the demo book to ``folder``. Raises ``ProblemError`` where that exists already."""
    with whole_folder(folder) as work:
        shutil.copytree(demo_folder(), work, dirs_exist_ok=True)


def policy_texts(folder: Path) -> dict[str, dict[str, str]]:
    """Texts of the policy folders below ``folder``, by folder and file name.

    Raises ``ProblemError`` where one of them cannot be read: a copy would lack it.
    """
    if not folder.is_dir():
        return {}
    found = {
        child.name: policy_files(child, f"{folder.name}/{child.name}")
        for child in policy_folders(folder)
    }
    problems = [one for _, problems in found.values() for one in problems]
    if problems:
        raise ProblemError(problems)
    return {name: texts for name, (texts, _) in found.items()}


def policy_signature(folder: Path) -> Signature:
    """Changes with every file below the folder of the policies."""
    return _signature(folder, ())


def _signature(folder: Path, but: Collection[str]) -> Signature:
    return tuple(
        (str(path), status.st_mtime_ns, status.st_size)
        for path in sorted(folder.rglob("*"))
        if path.name not in but
        for status in _status(path)
    )


def _status(path: Path) -> Iterator[os.stat_result]:
    """What is known of a file; nothing of what is none, or cannot be looked at."""
    with suppress(OSError):
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            yield status


def _settled_twice(rows: Iterable[LedgerRow], application: Application, book: Book) -> str:
    """An entry that ``application`` would settle beside another customer's ``rows``, if any."""
    rows = list(rows)
    if not rows:
        return ""
    codes = {row.key.contract for row in (*rows, *application.rows)}
    owners = {c.code: book.root(c.customer) for c in book.contracts if c.code in codes}
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
        self._read_signature: Signature = ()
        self._ledger: ledger_file.Stored | None = None
        """As far as it is known."""
        self._damaged = False

    @property
    def name(self) -> str:
        return str(self.folder)

    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def read(self, until: date, customers: Collection[str] | None = None) -> Book:
        """The whole book: a folder is read in one go, the engine looks at what it needs."""
        self._read_signature = self._signature()
        book, self._ledger = read_book(self.folder, self._damaged)
        return book

    def apply(self, application: Application, book: Book, refresh: bool = False) -> Applied:
        """See :class:`klausel.port.Erp`. A book has no invoices: its ledger says what is billed."""
        path = self.folder / LEDGER_FILE
        with ledger_file.locked(path) as stream:
            chain, key = self._on_record(stream).chain, application.key
            drafts = tuple(Written(d.key, d.key, str(path)) for d in application.drafts)
            live = [
                found is not None and found.state == "live"
                for found in (
                    chain.rows.get((row.key, row.entry, row.lot)) for row in application.rows
                )
            ]
            # What was released since is not there any more: the same is billed once again.
            if key in chain.transactions and all(live):
                return Applied(application.customer, drafts, len(application.rows), True)
            if self._signature() != self._read_signature:
                raise Refused("changed", "the book was changed since it was read", "run it again")
            if any(live):
                raise Refused("duplicate", "somebody else has billed this by now", "run it again")
            entries = {row.entry for row in application.rows if row.entry}
            twice = _settled_twice(chain.rows_of(entries), application, book)
            if twice:
                said = f"entry {twice} is settled with another customer already"
                raise Refused("duplicate", said, "run it again")
            self._write(
                stream, lambda: chain.transaction(application.rows, key, application.record)
            )
        return Applied(application.customer, drafts, len(application.rows))

    def _on_record(self, stream: IO[bytes]) -> ledger_file.Stored:
        """The ledger as it stands now; raises ``Refused`` where its links do not hold."""
        path = self.folder / LEDGER_FILE
        self._ledger = ledger_file.up_to_date(stream, path, self._ledger)
        for found in self._ledger.chain.problems:
            raise Refused("ledger", f"{found.where}: {found.message}", found.hint)
        return self._ledger

    def _write(self, stream: IO[bytes], line: Callable[[], bytes]) -> None:
        """Appends a line, and says beside the ledger that it is there."""
        path, stored = self.folder / LEDGER_FILE, self._ledger
        assert stored is not None
        end = stored.end
        try:
            if not ledger_file.has_seal(path):
                # If this run breaks off, it must be known that nobody was told of its first line.
                ledger_file.write_seal(path, stored.chain.seal)
            stored.append(stream, line())
            ledger_file.write_seal(path, stored.chain.seal)
        except BaseException as error:
            self._ledger = None  # it has taken up what may not be there
            ledger_file.take_back(stream, end)
            if not isinstance(error, OSError):
                raise
            said = (error.strerror or "unknown").lower()
            raise ErpError(
                f"{path} cannot be written: {said}", "see that there is room and that you may write"
            ) from None

    def records(self, wanted: Wanted) -> list[Kept]:
        """See :class:`klausel.port.Erp`: all of them, the ledger has to be read anyway."""
        stored = self._ledger or ledger_file.load(self.folder / LEDGER_FILE)
        if stored is None:
            return []
        on = {
            str(row.key): row.document or str(row.key)
            for row in stored.chain.rows.values()
            if row.amount is not None and row.state == "live"
        }
        return [Kept(text, on) for text in stored.chain.records]

    def links(self) -> Links:
        """See :class:`klausel.port.Erp`."""
        stored = self._ledger or ledger_file.load(self.folder / LEDGER_FILE)
        if stored is None:
            return Links()
        chain = stored.chain
        return Links(tuple(chain.problems), tuple(map(str, chain.repairs)))

    def accept_damage(self) -> None:
        """See :class:`klausel.port.Erp`."""
        self._damaged = True

    def repair(self, on: str, by: str, why: str) -> None:
        """See :class:`klausel.port.Erp`."""
        path = self.folder / LEDGER_FILE
        with ledger_file.locked(path) as stream:
            self._ledger = ledger_file.up_to_date(stream, path, None)
            chain = self._ledger.chain
            if chain.unread:
                raise ProblemError(chain.unread)
            if chain.broken is not None:
                self._write(stream, lambda: chain.repair(on, by, why))

    def load_openings(self, change: OpeningChange, book: Book) -> None:
        """See :class:`klausel.port.Erp`: one file takes the place of another."""
        with ledger_file.locked(self.folder / LEDGER_FILE) as stream:
            if self._signature() != self._read_signature:
                raise Refused("changed", "the book was changed since it was read", "run it again")
            rows = self._on_record(stream).chain.rows.values()
            on_record = {row for row in rows if row.state == "live"}
            if on_record != {row for row in book.ledger if row.state == "live"}:
                raise Refused("billed", "somebody else has billed this by now", "run it again")
            openings_file.change(self.folder, change)

    def _signature(self) -> Signature:
        """Changes with every file of the book but those that billing writes."""
        return _signature(self.folder, WRITTEN)

    def policy_files(self) -> Mapping[str, Mapping[str, str]]:
        return policy_texts(self.folder / POLICIES)
