"""A book into a real Odoo: its customers, projects, work and contracts, as records of Odoo.

What a book holds and Odoo cannot (validation of timesheets without its module, a ledger that no
run of this server wrote) is refused, so that no test believes it was there.
"""

from __future__ import annotations

import re
import xmlrpc.client
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from klausel.model import Book, Contract, Customer, Entry, Opening, Term, Ticket, natural
from klausel.money import hours_exact
from klausel_odoo.moves import opening_values

from .server import Odoo

#: Odoo's priorities of tickets, and what books call them. It reads them back as its own.
PRIORITIES = {"low": "0", "normal": "1", "high": "2", "urgent": "3"}

Values = dict[str, Any]
Ids = dict[str, int]


class CannotHold(ValueError):
    """The book says something that this Odoo has no place for."""


class Rpc:
    """Calls as the administrator, who may do everything."""

    def __init__(self, odoo: Odoo) -> None:
        self._odoo = odoo
        common = xmlrpc.client.ServerProxy(f"{odoo.url}/xmlrpc/2/common", allow_none=True)
        self._uid: Any = common.authenticate(odoo.database, odoo.login, odoo.password, {})
        assert self._uid, "the administrator cannot log in"
        self._object = xmlrpc.client.ServerProxy(f"{odoo.url}/xmlrpc/2/object", allow_none=True)

    def call(self, model: str, method: str, *arguments: Any, **named: Any) -> Any:
        context = {"active_test": False, "tracking_disable": True, "mail_create_nosubscribe": True}
        odoo = self._odoo
        return self._object.execute_kw(
            odoo.database, self._uid, odoo.password, model, method, list(arguments),
            {"context": context, **named},
        )  # fmt: skip

    def create(self, model: str, values: Iterable[Values]) -> list[int]:
        """Ids of new records, in the order of ``values``; one call for all of them."""
        rows = list(values)
        found: list[int] = self.call(model, "create", rows) if rows else []
        return found

    def write(self, model: str, ids: Iterable[int], **values: Any) -> None:
        self.call(model, "write", list(ids), values)

    def unlink(self, model: str, ids: Iterable[int]) -> None:
        self.call(model, "unlink", list(ids))

    def search(self, model: str, *domain: Any) -> list[int]:
        found: list[int] = self.call(model, "search", list(domain), order="id")
        return found

    def named(self, model: str, names: Iterable[str], field: str = "name") -> Ids:
        """Records by name; those that are missing are made."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        rows = self.call(model, "search_read", [(field, "in", wanted)], [field], order="id desc")
        found: Ids = {row[field]: row["id"] for row in rows}
        missing = [name for name in wanted if name not in found]
        return found | dict(
            zip(missing, self.create(model, ({field: name} for name in missing)), strict=True)
        )


@lru_cache(maxsize=1)
def connected(odoo: Odoo) -> Rpc:
    """One login for many small books."""
    return Rpc(odoo)


class Loaded(NamedTuple):
    """Ids in Odoo by table and id in the book; contracts by their code in the book."""

    rpc: Rpc
    ids: Mapping[str, Ids]
    codes: Mapping[str, str]
    """Code in Odoo by code in the book."""

    def id(self, table: str, book_id: str) -> str:
        """The id as a book that is read from Odoo has it."""
        return str(self.ids[table][book_id])


class Growing:
    """A book in Odoo whose facts change from time to time."""

    def __init__(self, odoo: Odoo, suffix: str) -> None:
        self._rpc = connected(odoo)
        self._suffix = suffix
        self._load: _Load | None = None

    def become(self, book: Book) -> Loaded:
        """Brings Odoo from the book of the last call to ``book``, as people would."""
        _check(book)
        if self._load is None:
            self._load = _Load(self._rpc, book, self._suffix)
        self._load.book = book
        return self._load.loaded()


def load(odoo: Odoo, book: Book, suffix: str = "") -> Loaded:
    """Makes everything in ``book``, in the order of its ids.

    ``suffix`` is added to the codes of contracts, so that a book can be loaded several times.
    Policies are no part of it: a reader gets them as a folder.
    """
    _check(book)
    return _Load(Rpc(odoo), book, suffix).loaded()


def _check(book: Book) -> None:
    if book.ledger:
        raise CannotHold("a ledger is what billing writes: bill the book in Odoo")
    for entry in book.entries:
        if not entry.validated:
            raise CannotHold(f"entry {entry.id}: this Odoo knows no validation")


class _Load:
    """What was made is remembered: :meth:`loaded` with another book makes only what is new, writes
    what is another and deletes what is gone."""

    def __init__(self, rpc: Rpc, book: Book, suffix: str) -> None:
        self._rpc = rpc
        self.book = book
        self._suffix = suffix
        self._ids: dict[str, Ids] = {}
        self._made: dict[str, dict[str, Values]] = {}
        self._used: set[str] = set()
        """Tickets on which time was ever entered."""

    def loaded(self) -> Loaded:
        if not self._made:
            self._world()
        self._customers()
        self._projects()
        self._tickets()
        self._employees()
        self._entries()
        self._contracts()
        self._parts()
        self._overrides()
        codes = {contract.code: contract.code + self._suffix for contract in self.book.contracts}
        return Loaded(self._rpc, self._ids, codes)

    # -- what is there already -----------------------------------------------------------------

    def _world(self) -> None:
        rpc, book = self._rpc, self.book
        (self._company,) = rpc.call(
            "res.company", "search_read", [], ["tax_calculation_rounding_method"],
            limit=1, order="id",
        )  # fmt: skip
        method = "round_per_line" if book.company.rounding_method == "line" else "round_globally"
        if self._company["tax_calculation_rounding_method"] != method:
            rpc.write("res.company", [self._company["id"]], tax_calculation_rounding_method=method)
        currencies = {contract.currency for contract in book.contracts}
        rows = rpc.call(
            "res.currency", "search_read", [("name", "in", sorted(currencies))], ["name", "active"]
        )
        self._currencies = {row["name"]: row["id"] for row in rows}
        archived = [row["id"] for row in rows if not row["active"]]
        if archived:
            rpc.write("res.currency", archived, active=True)
        languages = rpc.call("res.lang", "get_installed")
        self._languages = {code.split("_")[0]: code for code, _ in reversed(languages)}
        self._languages |= {code: code for code, _ in languages}
        self._hour = rpc.search("uom.uom", ("name", "=", "Hours"))[0]
        known = rpc.search("product.product", ("default_code", "=", "KLAUSEL-LOAD"))
        self._product = (known or rpc.create("product.product", [self._service()]))[0]

    def _service(self) -> Values:
        return {
            "name": "Service",
            "default_code": "KLAUSEL-LOAD",
            "type": "service",
            "uom_id": self._hour,
            "taxes_id": [(6, 0, [])],
        }

    def _make(self, table: str, model: str, values: Mapping[str, Values]) -> None:
        ids, made = self._ids.setdefault(table, {}), self._made.setdefault(table, {})
        new = {id_: one for id_, one in values.items() if id_ not in ids}
        alike: dict[str, tuple[Values, list[int]]] = {}
        for id_, one in values.items():
            if id_ in ids and one != made[id_]:
                changed = _changed(made[id_], one)
                alike.setdefault(repr(changed), (changed, []))[1].append(ids[id_])
        for changed, records in alike.values():
            self._rpc.write(model, records, **changed)
        gone = ids.keys() - values.keys()
        if gone:
            self._rpc.unlink(model, sorted(ids.pop(id_) for id_ in gone))
        ids.update(zip(new, self._rpc.create(model, new.values()), strict=True))
        made.clear()
        made.update(values)

    def _id(self, table: str, book_id: str) -> int | bool:
        return self._ids[table][book_id] if book_id else False

    # -- who and what ----------------------------------------------------------------------------

    def _customers(self) -> None:
        book, rpc = self.book, self._rpc
        customers = sorted(book.customers.values(), key=lambda one: natural(one.id))
        countries = {one.country for one in customers} - {""}
        domain = [("code", "in", sorted(countries))]
        rows = rpc.call("res.country", "search_read", domain, ["code"]) if countries else []
        self._countries = {row["code"]: row["id"] for row in rows}
        tags = rpc.named("res.partner.category", (tag for one in customers for tag in one.tags))
        todo, values = customers, dict[str, Values]()
        self._ids.setdefault("customers", {})
        while todo:
            ready = [one for one in todo if not one.parent or one.parent in self._ids["customers"]]
            assert ready, "the parents of customers lead back to themselves"
            values |= {one.id: self._customer(one, tags) for one in ready}
            self._make("customers", "res.partner", values)
            todo = [one for one in todo if one.id not in values]

    def _customer(self, one: Customer, tags: Ids) -> Values:
        country = self._countries.get(one.country, False)
        region: int | bool = False
        if one.region:
            codes = [one.region, f"{one.country}-{one.region}"]
            domain = (("country_id", "=", country), ("code", "in", codes))
            region = self._rpc.search("res.country.state", *domain)[0]
        return {
            "name": one.name or one.id,
            "is_company": not one.parent,
            "parent_id": self._id("customers", one.parent),
            "type": "other"
            if one.parent
            else "contact",  # a contact would get the parent's address
            "lang": self._languages.get(one.language, False),
            "country_id": country,
            "state_id": region,
            "category_id": [(6, 0, [tags[tag] for tag in one.tags])],
        }

    def _projects(self) -> None:
        projects = sorted(self.book.projects.values(), key=lambda one: natural(one.id))
        tags = self._rpc.named("project.tags", (tag for one in projects for tag in one.tags))
        values = {
            one.id: self._project(one.name or one.id, one.customer, [tags[t] for t in one.tags])
            for one in projects
        }
        # Time that is on no project: Odoo has none, so each customer gets one for it.
        for entry in self.book.entries:
            if not self._project_of(entry):
                owner = self._customer_of(entry)
                values.setdefault(_nowhere(owner), self._project("Work", owner, []))
        # Odoo takes no time on a ticket without a project.
        self._used |= {entry.ticket for entry in self.book.entries}
        for ticket in self.book.tickets.values():
            if ticket.id in self._used and not ticket.project:
                owner = ticket.customer
                values.setdefault(_nowhere(owner), self._project("Work", owner, []))
        self._make("projects", "project.project", values)

    def _project(self, name: str, customer: str, tags: list[int]) -> Values:
        return {
            "name": name,
            "partner_id": self._id("customers", customer),
            "allow_timesheets": True,
            "company_id": self._company["id"],
            "tag_ids": [(6, 0, tags)],
        }

    def _project_of(self, entry: Entry) -> str:
        ticket = self.book.tickets.get(entry.ticket)
        return entry.project or (ticket.project if ticket is not None else "")

    def _customer_of(self, entry: Entry) -> str:
        """Whose project time without one is on: its ticket's, whoever is to pay for it."""
        ticket = self.book.tickets.get(entry.ticket)
        return (ticket.customer if ticket is not None else "") or entry.customer

    def _tickets(self) -> None:
        tickets = sorted(self.book.tickets.values(), key=lambda one: natural(one.id))
        tags = self._rpc.named("project.tags", (tag for one in tickets for tag in one.tags))
        known = set(self._ids.get("tickets", ()))
        self._make("tickets", "project.task", {one.id: self._ticket(one, tags) for one in tickets})
        ids = self._ids["tickets"]
        for one in tickets:
            # Odoo gives a ticket without a customer its project's, and so do we read it.
            if one.parent and one.id not in known:
                self._rpc.write("project.task", [ids[one.id]], parent_id=ids[one.parent])

    def _ticket(self, one: Ticket, tags: Ids) -> Values:
        project = one.project
        if not project and one.id in self._used:
            project = _nowhere(one.customer)  # Odoo takes no time on a ticket without a project
        values = {
            "name": one.title or one.id,
            "project_id": self._id("projects", project),
            "klausel_activity": one.activity,
            "klausel_origin": one.origin,
            "klausel_initiated_by": one.initiated_by,
            "tag_ids": [(6, 0, [tags[tag] for tag in one.tags])],
            "allocated_hours": float(hours_exact(one.estimate_hours)),
        }
        if one.customer:
            values["partner_id"] = self._id("customers", one.customer)
        if one.priority:
            values["priority"] = PRIORITIES.get(one.priority, one.priority)
        return values

    def _employees(self) -> None:
        employees = sorted(self.book.employees.values(), key=lambda one: natural(one.id))
        jobs = self._rpc.named("hr.job", (one.role for one in employees if one.role))
        values: dict[str, Values] = {
            one.id: {
                "name": one.name or one.id,
                "job_id": jobs[one.role] if one.role else False,
                "company_id": self._company["id"],
            }
            for one in employees
        }
        if any(not entry.employee for entry in self.book.entries):
            values[""] = {"name": "Nobody", "company_id": self._company["id"]}
        values |= {id_: one for id_, one in self._made.get("employees", {}).items() if not id_}
        self._make("employees", "hr.employee", values)

    # -- work --------------------------------------------------------------------------------------

    def _entries(self) -> None:
        entries = sorted(self.book.entries, key=lambda entry: natural(entry.id))
        tags = self._rpc.named("project.tags", (tag for one in entries for tag in one.tags))
        orders = self._orders(entries)
        invoices = self._invoices(entries)
        values = {}
        for entry in entries:
            project = self._project_of(entry) or _nowhere(self._customer_of(entry))
            values[entry.id] = {
                "date": entry.date.isoformat(),
                "employee_id": self._ids["employees"][entry.employee],
                "project_id": self._ids["projects"][project],
                "task_id": self._id("tickets", entry.ticket),
                "unit_amount": float(hours_exact(entry.seconds)),
                "name": entry.text or "/",
                "klausel_activity": entry.activity,
                "klausel_tag_ids": [(6, 0, [tags[tag] for tag in entry.tags])],
                "company_id": self._company["id"],
            }
            if entry.customer:
                values[entry.id]["partner_id"] = self._id("customers", entry.customer)
            if entry.order:
                values[entry.id] |= {"so_line": orders[entry.order], "is_so_line_edited": True}
            if entry.billed_elsewhere:
                values[entry.id]["timesheet_invoice_id"] = invoices[entry.billed_elsewhere]
        self._make("entries", "account.analytic.line", values)

    def _orders(self, entries: Iterable[Entry]) -> Ids:
        """The lines of Odoo's own sales orders, by the order's name."""
        found: Ids = {}
        for entry in entries:
            if not entry.order or entry.order in found:
                continue
            line = {"product_id": self._product, "product_uom_qty": 1}
            (order,) = self._rpc.create(
                "sale.order",
                [
                    {
                        "name": entry.order,
                        "partner_id": self._owner(entry),
                        "order_line": [(0, 0, line)],
                    }
                ],
            )
            self._rpc.call("sale.order", "action_confirm", [order])
            found[entry.order] = self._rpc.search("sale.order.line", ("order_id", "=", order))[0]
        return found

    def _invoices(self, entries: Iterable[Entry]) -> Ids:
        """Foreign invoices, by name; drafts, so that nothing has to be posted."""
        found = self._ids.setdefault("invoices", {})
        values: dict[str, Values] = {}
        for entry in entries:
            name = entry.billed_elsewhere
            if name and name not in found:
                line = {"name": name, "quantity": 1, "price_unit": 1}
                values[name] = {
                    "move_type": "out_invoice",
                    "partner_id": self._owner(entry),
                    "invoice_line_ids": [(0, 0, line)],
                }
        found.update(zip(values, self._rpc.create("account.move", values.values()), strict=True))
        return found

    def _owner(self, entry: Entry) -> int | bool:
        return self._id("customers", self.book.customer_of(entry))

    # -- contracts -----------------------------------------------------------------------------

    def _contracts(self) -> None:
        contracts = sorted(self.book.contracts, key=lambda one: natural(one.code))
        self._make(
            "contracts", "klausel.contract", {one.code: self._contract(one) for one in contracts}
        )
        made = self._made.setdefault("terms", {})
        if not made:
            fields = ["contract_id", "code"]
            domain = [("contract_id", "in", list(self._ids["contracts"].values()))]
            rows = self._rpc.call("klausel.term", "search_read", domain, fields, load="")
            there = {(row["contract_id"], row["code"]): row["id"] for row in rows}
            self._ids["terms"] = {
                _name(one, term): there[self._ids["contracts"][one.code], term.id]
                for one in contracts
                for term in one.terms
            }
            made |= {
                _name(one, term): self._term_of(one, term)
                for one in contracts
                for term in one.terms
            }
        terms = {
            _name(one, term): self._term_of(one, term) for one in contracts for term in one.terms
        }
        self._make("terms", "klausel.term", terms)

    def _term_of(self, contract: Contract, term: Term) -> Values:
        return {**self._term(term), "contract_id": self._ids["contracts"][contract.code]}

    def _contract(self, one: Contract) -> Values:
        tables = {"project": "projects", "ticket": "tickets"}
        covered = [
            self._ids[tables[one.covers.kind]][id_]
            for id_ in sorted(one.covers.ids, key=natural)
        ]  # fmt: skip
        return {
            "code": one.code + self._suffix,
            "partner_id": self._id("customers", one.customer),
            "company_id": self._company["id"],
            "currency_id": self._currencies[one.currency],
            "date_start": one.start.isoformat(),
            "date_end": _day(one.end),
            "minimum_term_months": one.minimum_term,
            "notice_months": one.notice,
            "renewal_months": one.renewal,
            "sla": one.sla,
            "policy": one.policy,
            "po_number": one.po_number,
            "covers": one.covers.kind,
            "project_ids": [(6, 0, covered if one.covers.kind == "project" else [])],
            "task_ids": [(6, 0, covered if one.covers.kind == "ticket" else [])],
            "attribute_ids": [
                (0, 0, {"name": name, "value": value}) for name, value in one.attributes.items()
            ],
            "term_ids": [(0, 0, self._term(term)) for term in one.terms],
        }

    def _term(self, term: Term) -> Values:
        return {
            "code": term.id,
            "plan": term.plan,
            "product_id": self._product,
            "priority": term.priority,
            "date_start": _day(term.first),
            "date_until": _day(term.until),
            "discount": float(term.discount),
            "takes": ";".join(term.takes),
            "parameter_ids": [
                (0, 0, {"name": name, "value": _number(value), "date_from": _step(day)})
                for name, dated in term.parameters.items()
                for day, value in dated.steps
            ],
        }

    def _of(self, contract: str, term: str = "") -> Values:
        """The fields by which a part belongs to a contract and perhaps to a term of it."""
        id_ = self._ids["contracts"][contract]
        return {
            "contract_id": id_,
            **({"term_id": self._ids["terms"][f"{contract}/{term}"]} if term else {}),
        }

    def _parts(self) -> None:
        book = self.book
        self._make(
            "purchases", "klausel.purchase",
            {
                one.id: {
                    **self._of(one.contract, one.term),
                    "date": one.date.isoformat(),
                    "hours": float(hours_exact(one.seconds)),
                    "own_price": one.price is not None,
                    "price": float(one.price or 0),
                    "validity_months": one.validity or 0,
                    "invoice": one.invoice,
                }
                for one in book.purchases
            },
        )  # fmt: skip
        self._make(
            "items", "klausel.item",
            {
                one.id: {
                    **self._of(one.contract),
                    "date": one.date.isoformat(),
                    "name": one.text,
                    "quantity": float(one.quantity),
                    "price": float(one.price),
                    "product_id": int(one.product) if one.product else False,
                }
                for one in book.items
            },
        )  # fmt: skip
        self._make(
            "acceptances", "klausel.acceptance",
            {
                one.id: {
                    **self._of(one.contract, one.term),
                    "date": one.date.isoformat(),
                    "part": one.part,
                }
                for one in book.acceptances
            },
        )  # fmt: skip
        self._make(
            "approvals", "klausel.approval",
            {
                one.id: {
                    **self._of(one.contract),
                    "ticket_ids": [(6, 0, [self._ids["tickets"][id_] for id_ in one.tickets])],
                    "state": one.state,
                    "has_limit_hours": one.limit_seconds is not None,
                    "limit_hours": float(hours_exact(one.limit_seconds or 0)),
                    "has_limit_amount": one.limit_amount is not None,
                    "limit_amount": float(one.limit_amount or 0),
                    "decided_on": _day(one.decided_on),
                    "decided_by": one.decided_by,
                    "expires_on": _day(one.expires_on),
                }
                for one in book.approvals
            },
        )  # fmt: skip
        self._make("openings", "klausel.opening", dict(map(self._opening, book.openings)))

    def _opening(self, one: Opening) -> tuple[str, Values]:
        values = opening_values(one)
        del values["contract"], values["term"]
        return one.name, {**values, **self._of(one.contract, one.term)}

    def _overrides(self) -> None:
        if not self.book.overrides:
            return
        if not self._rpc.search("ir.model", ("model", "=", "klausel.override")):
            raise CannotHold("overrides: the addon of this Odoo does not keep them")
        fields = self._rpc.call("klausel.override", "fields_get", [], ["readonly"])
        free = {name for name, facts in fields.items() if not facts["readonly"]}
        values = {}
        for one in self.book.overrides:
            all_values = {
                "entry_id": self._ids["entries"][one.entry],
                "disposition": one.disposition,
                "reason": one.reason,
                "decided_by": one.by,
                "decided_on": _day(one.on),
            }
            values[one.entry] = {
                name: value for name, value in all_values.items() if name in free and value
            }
        self._make("overrides", "klausel.override", values)


def _changed(before: Values, now: Values) -> Values:
    """What to write; terms are written by themselves, lists of values anew."""
    found = {
        name: value for name, value in now.items() if before[name] != value and name != "term_ids"
    }
    for name in ("parameter_ids", "attribute_ids"):
        if name in found:
            found[name] = [(5, 0, 0), *found[name]]
    return found


def _name(contract: Contract, term: Term) -> str:
    return f"{contract.code}/{term.id}"


def _nowhere(customer: str) -> str:
    """Id of the project for a customer's time that is on none."""
    return f"work of {customer}"


def _day(day: date | None) -> str | bool:
    return day.isoformat() if day is not None else False


def _number(text: str) -> str:
    """As a form takes it: three decimals alone may be thousands there, four are not."""
    return f"{text}0" if re.fullmatch(r"[+-]?[1-9]\d{0,2}\.\d{3}", text) else text


def _step(day: date) -> str | bool:
    return False if day == date.min else day.isoformat()
