"""Odoo behind the port: what is asked of the server, in which order, and what is made of it."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple, TypeVar

from klausel import PROTOCOL
from klausel.assemble import BookBuilder
from klausel.customer.state import has_moved, hours
from klausel.fields import TABLES
from klausel.model import Book, Entry, LedgerKey, LedgerRow
from klausel.port import (
    Application,
    Applied,
    Capabilities,
    Kept,
    Links,
    OpeningChange,
    Refused,
    Wanted,
)
from klausel.problems import ErpError, Where, problem
from klausel.publishing import Change, Publications
from klausel.record import Settled, settled_with
from klausel.tree import Tree
from klausel_book.reader import POLICIES, read_policies
from klausel_book.source import Signature, policy_signature, policy_texts
from klausel_odoo import archive, failures, records, writing
from klausel_odoo.checks import checks, seen_timesheets
from klausel_odoo.moves import Known
from klausel_odoo.settings import OdooSettings
from klausel_odoo.transports import Transport, open_transport
from klausel_run.doctor import Check

#: The addon that keeps contracts in Odoo.
ADDON = "klausel_billing"

#: Entries a call; measured: much smaller pages are slower, larger ones only take memory.
PAGE = 5_000
#: Records of other tables a call.
CHUNK = 2_000

#: So many tasks above one another are no plan of anybody's.
MOST_LEVELS = 1_000

ENTRIES = TABLES["entries"]
CONTRACT = "klausel.contract"
#: Where the addon answers the same whoever asks.
REFERENCE = "klausel.reference"
#: Tables that belong to contracts, and the contract's field for each.
PARTS = {
    "purchases": "purchase_ids",
    "items": "item_ids",
    "acceptances": "acceptance_ids",
    "approvals": "approval_ids",
    "openings": "opening_ids",
}
#: Fields that mark an entry as time off.
TIME_OFF = ("holiday_id", "global_leave_id")

Row = Mapping[str, Any]
T = TypeVar("T")


class Target(NamedTuple):
    """What an entry refers to by name only."""

    model: str
    many: bool = False
    fields: tuple[str, ...] = ("name",)
    name: Callable[[Row], str] = lambda row: records.text(row["name"])


NAMED: dict[str, Target] = {
    "klausel_tag_ids": Target("project.tags", many=True),
    "timesheet_invoice_id": Target(
        "account.move", fields=("name", "state", "payment_state"), name=records.invoice_name
    ),
    "order_id": Target("sale.order"),
}


class Session(NamedTuple):
    """A connection that is logged in, and what is known of its company."""

    transport: Transport
    version: str
    info: Mapping[str, Any]
    """The addon's ``klausel_info``."""
    internal_project: int
    language: str
    """The company's own language: names are read in it, whoever logs in."""
    entry_fields: frozenset[str]
    """Fields of timesheets that this server has and this user may read."""
    overrides: bool
    """The addon keeps decisions on single entries."""

    @property
    def company(self) -> int:
        return int(self.info["company"]["id"])

    @property
    def context(self) -> dict[str, Any]:
        """Sent with every call. Archived records are read too: old entries refer to them."""
        context: dict[str, Any] = {
            "active_test": False,
            "allowed_company_ids": [self.company],
        }
        if self.language:
            context["lang"] = self.language
        return context


class OdooSource:
    """Reads contracts, timesheets and what they refer to; writes drafts with :meth:`apply`.

    Connects with the first question. Every method raises
    :class:`~klausel.problems.ErpError` where Odoo refuses or cannot be reached.
    """

    def __init__(self, settings: OdooSettings) -> None:
        self.settings = settings
        self._session: Session | None = None
        self._policies: Mapping[str, Mapping[str, str]] | None = None
        """Texts of the policies when they were read last."""
        self._signature: Signature = ()
        """Of the files with these texts."""
        self._known: Known | None = None
        """Of the book that is being written."""

    @property
    def name(self) -> str:
        return f"{self.settings.url} (database {self.settings.database})"

    def capabilities(self) -> Capabilities:
        session = self.session()
        return Capabilities(
            name="odoo",
            version=session.version,
            writes_drafts=True,
            validates_entries="validated" in session.entry_fields,
            has_addon=True,
            protocol=int(session.info["protocol"]),
        )

    def policy_files(self) -> Mapping[str, Mapping[str, str]]:
        return policy_texts(self.settings.policies)

    def close(self) -> None:
        """Ends the connection; the next question opens another."""
        if self._session is not None:
            self._session.transport.close()
            self._session = None

    # -- connecting ------------------------------------------------------------------------

    def session(self) -> Session:
        """The open connection; a new one the first time."""
        if self._session is None:
            transport, version = open_transport(self.settings)
            transport.login()
            self._session = self.open_session(transport, version)
        return self._session

    def open_session(self, transport: Transport, version: str) -> Session:
        """What is known after a login. Raises where the addon is missing or too different."""
        info = self._info(transport)
        if info["protocol"] != PROTOCOL:
            raise ErpError(
                f"the addon {ADDON} {info['addon']} speaks protocol {info['protocol']},"
                f" this program speaks {PROTOCOL}",
                "upgrade the addon" if info["protocol"] < PROTOCOL else "upgrade klausel",
            )
        if not info.get("references"):
            raise ErpError(
                f"the addon {ADDON} {info['addon']} cannot say what records refer to",
                "upgrade the addon",
            )
        wanted = {*records.fields_of(ENTRIES), *TIME_OFF, *records.NOT_BILLABLE}
        return Session(
            transport,
            version,
            info,
            info["company"]["internal_project"],
            info["company"]["language"],
            frozenset(wanted & set(info["timesheet_fields"])),
            info["overrides"],
        )

    def _info(self, transport: Transport) -> Mapping[str, Any]:
        """What the addon says of the company that the settings name."""
        arguments: dict[str, Any] = {}
        if self.settings.company:
            arguments["company_id"] = self._company_id(transport)
        try:
            info: Mapping[str, Any] = transport.call(CONTRACT, "klausel_info", arguments)
        except failures.MissingModelError:
            raise ErpError(
                f"database {self.settings.database} has no addon {ADDON}",
                f"install {ADDON} in Odoo (Apps), or check the name of the database",
            ) from None
        return info

    def _company_id(self, transport: Transport) -> int:
        wanted = self.settings.company
        user = transport.call("res.users", "context_get", {})["uid"]
        (own,) = transport.call("res.users", "read", {"fields": ["company_ids"]}, [user])
        companies = sorted(own["company_ids"])
        rows = transport.call("res.company", "read", {"fields": ["name"]}, companies)
        for row in rows:
            if wanted in (str(row["id"]), row["name"]):
                return int(row["id"])
        names = ", ".join(row["name"] for row in rows)
        raise ErpError(
            f'user {self.settings.login} works for no company "{wanted}"',
            f"companies of this user: {names}",
        )

    # -- reading ---------------------------------------------------------------------------

    def read(self, until: date, customers: Collection[str] | None = None) -> Book:
        """See :class:`klausel.port.Erp`. Entries after ``until`` stay unread; contracts and
        what belongs to them are read as they stand now."""
        return self.read_with(self.session(), until, customers)

    def read_with(
        self, session: Session, until: date, customers: Collection[str] | None = None
    ) -> Book:
        """:meth:`read` through a connection that is open already."""
        self._refuse_half(session)
        self._signature = policy_signature(self.settings.policies)
        self._policies = self.policy_files()
        with _uncollected():
            return _Reading(session, self.settings, until, customers).book()

    def _refuse_half(self, session: Session) -> None:
        """Raises where this user does not see every timesheet: what is due would be too little."""
        seen, there = seen_timesheets(session), session.info.get("timesheets", 0)
        if seen < there:
            # Some may have been deleted since the connection was opened.
            there = self._info(session.transport)["timesheets"]
            seen = seen_timesheets(session)
        if seen < there:
            raise ErpError(
                f"user {self.settings.login} sees only {seen} of {there} timesheets",
                failures.join_group(failures.GROUP),
            )

    def look_again(self) -> None:
        """Forgets what is known of the company; the next question asks for it once more. For a
        program that lives long: somebody may change it. A connection that broke is opened anew."""
        self._known = None
        if self._session is None:
            return
        try:
            self._session = self.open_session(self._session.transport, self._session.version)
        except ErpError:
            self.close()

    def apply(
        self,
        application: Application,
        book: Book,
        refresh: bool = False,
        marks: Mapping[str, Any] | None = None,
    ) -> Applied:
        """See :class:`klausel.port.Erp`: one call, one transaction of the server. ``marks`` go with
        it."""
        self._refuse_other_policies()
        company, url = self.session().company, self.settings.url
        if self._known is None or self._known.book is not book:
            self._known = Known(book)
        return writing.apply(
            self._write, application, book, company, PROTOCOL, url, refresh, self._known, marks
        )

    def records(self, wanted: Wanted) -> Sequence[Kept]:
        """See :class:`klausel.port.Erp`."""
        session = self.session()
        context = {**session.context, "active_test": False}

        def call(model: str, method: str, arguments: Mapping[str, Any]) -> Any:
            return session.transport.call(model, method, {**arguments, "context": context})

        rows = call(
            CONTRACT, "search_read",
            {"domain": [("company_id", "=", session.company)], "fields": ["code"], "load": ""},
        )  # fmt: skip
        codes = {row["id"]: records.text(row["code"]) for row in rows}
        return archive.kept(call, session.company, wanted, codes)

    def load_openings(self, change: OpeningChange, book: Book) -> None:
        """See :class:`klausel.port.Erp`: one call, one transaction of the server."""
        company, login = self.session().company, self.settings.login
        writing.load_openings(self._write, change, book, company, login)

    def links(self) -> Links:
        """See :class:`klausel.port.Erp`: one call. Older addons know of none."""
        session = self.session()
        return writing.links(self._write, session.company) if session.info.get("links") else Links()

    def accept_damage(self) -> None:
        """See :class:`klausel.port.Erp`: whoever reads reads it as it stands."""

    def repair(self, on: str, by: str, why: str) -> None:
        """See :class:`klausel.port.Erp`: who and when the server knows itself."""
        writing.reseal(self._write, self.session().company, why, self.settings.login)

    def published(self) -> Publications:
        """See :class:`klausel_run.publish.Publisher`."""
        session = self.session()
        if not session.info.get("publishes"):
            raise ErpError(
                f"the addon {ADDON} {session.info['addon']} cannot take policies",
                "upgrade the addon",
            )
        return writing.publications(self._write, session.company)

    def publish(self, changes: Iterable[Change]) -> None:
        """See :class:`klausel_run.publish.Publisher`: one call, one transaction of the server."""
        company, login = self.session().company, self.settings.login
        writing.publish(self._write, changes, company, PROTOCOL, login)

    @property
    def policies(self) -> Path:
        """The folder of the policy folders."""
        return self.settings.policies

    def _write(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        """A call that writes: archived records are left alone."""
        session = self.session()
        context = {**session.context, "active_test": True}
        return session.transport.call(model, method, {**arguments, "context": context})

    def _refuse_other_policies(self) -> None:
        """What was shown was decided by the policies as they were then."""
        signature = policy_signature(self.settings.policies)
        if self._policies is None or signature == self._signature:
            return  # for each customer: nothing is read again
        before, now = self._policies, self.policy_files()
        if before == now:
            self._signature = signature
            return
        names = {*before, *now}
        changed = ", ".join(name for name in sorted(names) if before.get(name) != now.get(name))
        message = f"the policy was changed since it was read: {changed}"
        raise Refused("policy-changed", message, failures.AGAIN)

    def checks(self) -> Iterator[Check]:
        """What doctor shows, one line a check."""
        return checks(self)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection: rows have no cycles; looking for them costs a tenth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Reading:
    """One reading of everything; remembers the ids that still have to be looked up."""

    def __init__(
        self,
        session: Session,
        settings: OdooSettings,
        until: date,
        customers: Collection[str] | None,
    ) -> None:
        self._session = session
        self._settings = settings
        self._until = until
        self._customers = None if customers is None else sorted(int(id_) for id_ in customers)
        self._settled: list[int] = []
        """Entries that are settled with ``customers``."""
        self._needed: dict[str, set[int]] = {
            name: set() for name in ("customers", "projects", "tickets", "employees")
        }

    def book(self) -> Book:
        builder, session = BookBuilder(), self._session
        builder.set_company(records.company(session.info, session.language))
        # First of all: what changes after this was read is noticed when writing.
        contracts = self._contracts()
        builder.set_sequences(writing.sequences(contracts))
        codes = {row["id"]: records.text(row["code"]) for row in contracts}
        settled: list[LedgerRow] = []
        if self._customers is not None:
            # Entries that are settled with them are theirs, wherever they stand now.
            settled = self._ledger(codes)
            self._settled = sorted(int(entry) for entry in settled_with(settled, {}))
        # What this program does itself, it does while the server works on the next answer.
        page = ahead(partial(self._page, 0))
        read_policies(builder, self._settings.policies, POLICIES)
        entries: list[Entry] = []
        names: dict[str, dict[int, str]] = {field: {} for field in NAMED}
        convert = records.Entries(session.entry_fields, names).convert
        while True:
            rows = page()
            self._look_up(names, rows)
            full = len(rows) == PAGE
            if full:
                page = ahead(partial(self._page, rows[-1]["id"]))
            else:
                tables = ahead(self._tables)
            entries += convert(rows)
            if not full:
                break
        for name, found in tables().items():
            table = TABLES[name]
            if name == "overrides" and found:
                known = {entry.id for entry in entries}
                found = [row for row in found if records.id_text(row["entry_id"]) in known]
            cells = records.cells(table, found)
            builder.add_rows(name, records.header(table), cells, table.odoo)
        for name in PARTS:
            table = TABLES[name]
            cells = records.cells(table, _parts(name, contracts))
            builder.add_rows(name, records.header(table), cells, table.odoo)
        builder.set_published(writing.published(contracts))
        if self._customers is None:
            settled = self._ledger(codes)
        own = session.info["company"]["currency"]
        parties = {
            data["code"]: (data["customer"], data["currency"] or own)
            for data in map(records.contract_data, contracts)
        }
        settled = writing.with_parties(settled, parties)
        if session.info.get("documents"):
            asked = None if self._customers is None else codes.values()
            builder.set_documents(writing.documents(self._call, session.company, asked))
        ours = {part.entry for part in settled if part.entry and part.state == "live"}
        # Odoo shows our own invoices on the entries too: those are on record, not elsewhere.
        entries = [
            entry._replace(billed_elsewhere="")
            if entry.billed_elsewhere and entry.id in ours
            else entry
            for entry in entries
        ]
        self._mark_elsewhere(builder, entries, settled, codes)
        builder.add_ledger_rows(settled)
        builder.add_records("entries", entries, ENTRIES.odoo)
        for row in contracts:
            _add_contract(builder, row)
        return builder.build()

    def _ledger(self, codes: Mapping[int, str]) -> list[LedgerRow]:
        session = self._session
        known = session.info.get("ledger_fields", ())
        some = self._customers is not None
        return writing.ledger(self._call, session.company, codes, known, some)

    def _mark_elsewhere(
        self,
        builder: BookBuilder,
        entries: list[Entry],
        settled: Sequence[LedgerRow],
        codes: Mapping[int, str],
    ) -> None:
        """Marks ``entries`` that somebody else has settled: they are not billed again."""
        session = self._session
        if not session.info.get("elsewhere"):
            return
        asked = None if self._customers is None else [entry.id for entry in entries]
        found = {
            str(row["entry"]): row
            for row in writing.elsewhere(self._call, session.company, codes, asked)
        }
        if not found:
            return
        here = settled_with((row for row in settled if row.entry in found), {})
        for number, entry in enumerate(entries):
            row = found.get(entry.id)
            if row is None or any(here.get(entry.id, {}).values()):
                continue
            contract = (
                f"{row['contract']} ({row['company']})" if row["company"] else row["contract"]
            )
            entries[number] = entry._replace(billed_elsewhere=contract)
            key = LedgerKey(row["contract"], "", "", date.min, "")
            known = Settled(key, row["fingerprint"], row["booked"])
            if row["company"] or has_moved(entry, known, ()):
                builder.say(
                    problem(
                        "entry-elsewhere", Where(ENTRIES.odoo, int(entry.id)),
                        entry=entry.id, date=entry.date, hours=hours(entry.seconds),
                        contract=contract, customer=row["customer"],
                    )
                )  # fmt: skip

    # -- asking ------------------------------------------------------------------------------

    def _call(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        context = self._session.context
        return self._session.transport.call(model, method, {**arguments, "context": context})

    def _search(
        self, model: str, domain: Sequence[Any], specification: Mapping[str, Any]
    ) -> list[Row]:
        """Records in the order of their ids, with what they refer to as ``specification`` says.

        This is the call of Odoo's own web client: it looks up what the rows refer to once for
        all of them.
        """
        answer = self._call(
            model,
            "web_search_read",
            {"domain": list(domain), "specification": specification, "order": "id"},
        )
        found: list[Row] = answer["records"]
        return found

    def _by_ids(
        self, model: str, ids: Iterable[int], specification: Mapping[str, Any]
    ) -> list[Row]:
        """The records ``ids``, in order, whoever else may see them.

        Raises where the user is no connector and may not see one of them.
        """
        wanted = sorted(ids)
        context = self._session.context
        arguments = {"specification": specification, "context": context}
        rows: list[Row] = []
        for start in range(0, len(wanted), CHUNK):
            chunk = wanted[start : start + CHUNK]
            try:
                rows += self._session.transport.call(model, "web_read", arguments, chunk)
            except failures.AccessRefusedError as refused:
                rows += self._look_past_rules(model, chunk, specification, refused)
        return rows

    def _look_past_rules(
        self,
        model: str,
        ids: Sequence[int],
        specification: Mapping[str, Any],
        refused: failures.AccessRefusedError,
    ) -> list[Row]:
        """Records that are private or another company's, and that this company's work names."""
        arguments = {
            "company_id": self._session.company,
            "model": model,
            "wanted": ids,
            "specification": specification,
        }
        try:
            found: list[Row] = self._call(REFERENCE, "klausel_look_up", arguments)
        except failures.AccessRefusedError:
            raise refused from None
        return found

    def _need(self, name: str, ids: Iterable[Any]) -> None:
        self._needed[name].update(id_ for id_ in ids if id_)

    def _wanted(self, name: str) -> list[Row]:
        table = TABLES[name]
        return self._by_ids(table.odoo, self._needed[name], records.specification(table))

    # -- contracts ---------------------------------------------------------------------------

    def _contracts(self) -> list[Row]:
        """Contracts with all that belongs to them, in the order of their codes."""
        domain: list[Any] = [("active", "=", True), ("company_id", "=", self._session.company)]
        if self._customers is not None:
            domain.append(("commercial_partner_id", "in", self._customers))
        parts = {
            field: {"fields": {**records.specification(TABLES[name]), **switches(name)}}
            for name, field in PARTS.items()
        }
        more = writing.PUBLISHED if self._session.info.get("publishes") else {}
        # What these name is the same for everybody: Odoo itself leaves out of such lists what the
        # user may not see, and an approval without tickets is one of the whole contract.
        arguments = {
            "company_id": self._session.company,
            "domain": domain,
            "specification": {**records.CONTRACT, **parts, **writing.SEQUENCE, **more},
        }
        rows: list[Row] = self._call(REFERENCE, "klausel_contracts", arguments)
        rows.sort(key=lambda row: (records.text(row["code"]), row["id"]))
        for row in rows:
            self._need("customers", [int(records.id_text(row["commercial_partner_id"]))])
            covered = {"project": "projects", "ticket": "tickets"}.get(row["covers"])
            if covered:
                self._need(covered, row["project_ids" if covered == "projects" else "task_ids"])
            for approval in row["approval_ids"]:
                self._need("tickets", approval["ticket_ids"])
        return rows

    # -- entries -----------------------------------------------------------------------------

    @cached_property
    def _domain(self) -> list[Any]:
        session = self._session
        domain: list[Any] = [
            ("project_id", "!=", False),
            ("company_id", "=", session.company),
            ("date", "<=", self._until.isoformat()),
        ]
        if session.internal_project:
            domain.append(("project_id", "!=", session.internal_project))
        domain += [(name, "=", False) for name in TIME_OFF if name in session.entry_fields]
        if self._customers is not None:
            # Asked of the addon: a search of this user's finds no customer of a ticket or project
            # that it may not see, and would leave their work out.
            arguments = {"company_id": session.company, "customers": self._customers}
            theirs = self._call(REFERENCE, "klausel_entries", arguments)
            domain.append(("id", "in", sorted({*theirs, *self._settled})))
        return domain

    def _page(self, last: int) -> list[Row]:
        """The next entries after the id ``last``; what they refer to is needed from then on."""
        present = self._session.entry_fields
        rows: list[Row] = self._call(
            ENTRIES.odoo,
            "search_read",
            {
                "domain": [*self._domain, ("id", ">", last)],
                "fields": [
                    *records.fields_of(ENTRIES, present),
                    *sorted(present & set(records.NOT_BILLABLE[1:])),
                ],
                "order": "id",
                "limit": PAGE,
                "load": "",
            },
        )
        for field in ENTRIES.fields:
            if field.refers:
                self._need(field.refers, {row[field.odoo] for row in rows})
        return rows

    def _look_up(self, names: Mapping[str, dict[int, str]], rows: Iterable[Row]) -> None:
        """Adds to ``names`` what ``rows`` refer to by name only, each target once."""
        for field in NAMED.keys() & self._session.entry_fields:
            target, known = NAMED[field], names[field]
            values = {row[field] for row in rows} if not target.many else set()
            if target.many:
                values.update(id_ for row in rows if row[field] for id_ in row[field])
            wanted = values - {False, None} - known.keys()
            fields: dict[str, Any] = {name: {} for name in target.fields}
            found = self._by_ids(target.model, wanted, fields)
            known.update((row["id"], target.name(row)) for row in found)

    def _tables(self) -> dict[str, list[Row]]:
        """All that contracts and entries refer to."""
        return {
            "tickets": self._tickets(),
            "projects": self._projects(),
            "employees": self._employees(),
            "customers": self._partners(),
            "overrides": self._overrides(),
        }

    def _overrides(self) -> list[Row]:
        """Overrides in force; none where the addon does not know them yet. Odoo keeps those that
        were taken back, and those of entries that are gone."""
        table = TABLES["overrides"]
        if not self._session.overrides:
            return []
        domain = [("state", "=", "live"), ("entry_id", "!=", False)]
        return self._search(table.odoo, domain, records.specification(table))

    # -- what they refer to ------------------------------------------------------------------

    def _tickets(self) -> list[Row]:
        """Tickets with those above them, and what they refer to is needed from then on."""
        table = TABLES["tickets"]
        specification = records.specification(table)
        rows = {row["id"]: row for row in self._wanted("tickets")}
        above = {row["parent_id"] for row in rows.values()} - {False} - rows.keys()
        levels = 0
        while above:
            levels += 1
            if levels > MOST_LEVELS:
                raise failures.strange(
                    self._settings.url, f"above a task stand more than {MOST_LEVELS} others"
                )
            found = self._by_ids(table.odoo, above, specification)
            rows |= {row["id"]: row for row in found}
            above = {row["parent_id"] for row in found} - {False} - rows.keys()
        self._need("projects", (row["project_id"] for row in rows.values()))
        self._need("customers", (row["partner_id"] for row in rows.values()))
        return [rows[id_] for id_ in sorted(rows)]

    def _employees(self) -> list[Row]:
        """Employees with their roles as they were from day to day, where Odoo knows that."""
        rows = self._wanted("employees")
        ids = [row["id"] for row in rows]
        arguments = {"company_id": self._session.company, "employees": ids}
        return records.employee_rows(rows, self._call(CONTRACT, "klausel_roles", arguments))

    def _projects(self) -> list[Row]:
        rows = self._wanted("projects")
        self._need("customers", (row["partner_id"] for row in rows))
        return rows

    def _partners(self) -> list[Row]:
        """Customers and those they are billed with."""
        rows = self._wanted("customers")
        table = TABLES["customers"]
        above = {row["commercial_partner_id"] for row in rows} - self._needed["customers"]
        rows += self._by_ids(table.odoo, above, records.specification(table))
        rows.sort(key=lambda row: int(row["id"]))
        return records.customer_rows(rows)


def ahead(ask: Callable[[], T]) -> Callable[[], T]:
    """Starts ``ask`` in a thread; the answer, or what it raises, comes from the function returned.

    A connection answers one question at a time: nothing else may be asked until then. The thread
    ends with the program, so that Ctrl-C need not wait for a slow server.
    """
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            answers.append(ask())
        except BaseException as error:
            errors.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()

    def answer() -> T:
        thread.join()
        if errors:
            raise errors[0]
        return answers[0]

    return answer


def _parts(name: str, contracts: Iterable[Row]) -> list[Row]:
    """Rows of the table ``name`` of all ``contracts``, in the order of their ids."""
    rows = [part for contract in contracts for part in contract[PARTS[name]]]
    rows.sort(key=lambda row: int(row["id"]))
    return records.optional_numbers(rows, records.SWITCHES.get(name, {}))


def switches(name: str) -> dict[str, dict[str, Any]]:
    """Fields that say whether numbers of the table ``name`` count."""
    return {field: {} for field in records.SWITCHES.get(name, {}).values()}


def _add_contract(builder: BookBuilder, row: Row) -> None:
    data = records.contract_data(row)
    where = Where(f"contract {data['code']}")
    for term, name in records.misnamed_parameters(row):
        builder.say(
            problem(
                "parameter-unknown", where, data["customer"],
                term=term["code"], plan=term["plan"], name=name,
                hint="a term has a field of this name: write the value there",
            )
        )  # fmt: skip
    for term in data["terms"]:
        if not term["product"]:
            builder.say(
                problem(
                    "product-missing", where, data["customer"],
                    term=term["id"], hint="in Odoo, give the term a product",
                )
            )  # fmt: skip
    unused = records.unused_coverage(row)
    if unused:
        builder.say(
            problem(
                "shape", where, data["customer"],
                reason=f"contract {data['code']} names {unused}, but covers everything of the"
                " customer",
                hint="in Odoo, choose again what it covers",
            )
        )  # fmt: skip
    builder.add_contract(data, Tree(data, {(): where}, ()), ())
