"""The one table of fields: model field, CSV column, type, Odoo field, meaning (design 1).

The book's reader and writer, the reading side of the Odoo connector and the field reference in
``docs/fields.md`` all come from here. A test compares the document with this table.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal[
    "id", "text", "date", "hours", "number", "yes_no", "tags", "months", "choice", "integer"
]


class Field(NamedTuple):
    """One field of a record.

    ``odoo`` names the field of the record's Odoo model: a dotted path follows one many2one.
    ``refers`` names the table that the id must exist in.
    """

    name: str
    column: str
    kind: Kind
    meaning: str
    odoo: str = ""
    required: bool = False
    refers: str = ""
    choices: tuple[str, ...] = ()
    signed: bool = False
    default: str = ""
    addon: bool = False
    """The Odoo field comes with the addon or an optional module and may be absent."""
    inverted: bool = False
    """The Odoo field says the opposite."""


class Table(NamedTuple):
    """One record type: its file in the book, its Odoo model, its fields."""

    record: str
    file: str
    odoo: str
    meaning: str
    fields: tuple[Field, ...]


DISPOSITIONS = ("included", "service", "change", "third_party", "warranty", "internal")
APPROVAL_STATES = ("not_requested", "pending", "approved", "rejected")

_CONTRACT = Field(
    "contract", "contract", "id", "code of the contract", "contract_id.code", True, "contracts"
)

TABLES: dict[str, Table] = {
    table.record: table
    for table in (
        Table(
            "customers",
            "customers.csv",
            "res.partner",
            "who is invoiced; a customer with a parent is billed with it",
            (
                Field("id", "id", "id", "identity", "id", True),
                Field("name", "name", "text", "name", "name"),
                Field(
                    "parent",
                    "parent",
                    "id",
                    "the customer it belongs to",
                    "commercial_partner_id",
                    refers="customers",
                ),
                Field("language", "language", "text", "language of what it reads", "lang"),
                Field("country", "country", "text", "country, two letters", "country_id.code"),
                Field("region", "region", "text", "state or province", "state_id.code"),
                Field("tags", "tags", "tags", "tags", "category_id.name"),
            ),
        ),
        Table(
            "projects",
            "projects.csv",
            "project.project",
            "projects",
            (
                Field("id", "id", "id", "identity", "id", True),
                Field("name", "name", "text", "name", "name"),
                Field(
                    "customer", "customer", "id", "its customer", "partner_id", refers="customers"
                ),
                Field("tags", "tags", "tags", "tags", "tag_ids.name"),
            ),
        ),
        Table(
            "tickets",
            "tickets.csv",
            "project.task",
            "tickets (Odoo: tasks)",
            (
                Field("id", "id", "id", "identity", "id", True),
                Field("project", "project", "id", "its project", "project_id", refers="projects"),
                Field(
                    "customer",
                    "customer",
                    "id",
                    "its customer, where it is not the project's",
                    "partner_id",
                    refers="customers",
                ),
                Field(
                    "parent", "parent", "id", "the ticket above it", "parent_id", refers="tickets"
                ),
                Field("title", "title", "text", "title", "name"),
                Field(
                    "activity", "activity", "text", "kind of work", "klausel_activity", addon=True
                ),
                Field(
                    "origin",
                    "origin",
                    "text",
                    "where the cause lies, such as ours or third_party",
                    "klausel_origin",
                    addon=True,
                ),
                Field(
                    "initiated_by",
                    "initiated_by",
                    "text",
                    "who asked for it, such as customer or us",
                    "klausel_initiated_by",
                    addon=True,
                ),
                Field("tags", "tags", "tags", "tags", "tag_ids.name"),
                Field("priority", "priority", "text", "priority", "priority"),
                Field(
                    "estimate_hours",
                    "estimate_hours",
                    "hours",
                    "estimated hours",
                    "allocated_hours",
                    default="0",
                ),
            ),
        ),
        Table(
            "employees",
            "employees.csv",
            "hr.employee",
            "who logs time",
            (
                Field("id", "id", "id", "identity", "id", True),
                Field("name", "name", "text", "name", "name"),
                Field("role", "role", "text", "role (Odoo: job position)", "job_id.name"),
                Field(
                    "since",
                    "since",
                    "date",
                    "first day of the role, in a further row for the same employee",
                ),
            ),
        ),
        Table(
            "entries",
            "entries.csv",
            "account.analytic.line",
            "timesheet entries",
            (
                Field("id", "id", "id", "identity", "id", True),
                Field("date", "date", "date", "day of the work", "date", True),
                Field(
                    "employee",
                    "employee",
                    "id",
                    "who worked",
                    "employee_id",
                    refers="employees",
                ),
                Field("project", "project", "id", "project", "project_id", refers="projects"),
                Field("ticket", "ticket", "id", "ticket", "task_id", refers="tickets"),
                Field(
                    "customer",
                    "customer",
                    "id",
                    "customer, where it is neither the ticket's nor the project's",
                    "partner_id",
                    refers="customers",
                ),
                Field("seconds", "hours", "hours", "time worked", "unit_amount", True, signed=True),
                Field("text", "text", "text", "what was done", "name"),
                Field(
                    "activity", "activity", "text", "kind of work", "klausel_activity", addon=True
                ),
                Field("tags", "tags", "tags", "tags", "klausel_tag_ids.name", addon=True),
                Field(
                    "validated",
                    "validated",
                    "yes_no",
                    "no holds the entry until it is validated",
                    "validated",
                    default="yes",
                    addon=True,
                ),
                Field(
                    "billed_elsewhere",
                    "billed_elsewhere",
                    "text",
                    "the foreign invoice that it is already on",
                    "timesheet_invoice_id.name",
                ),
                Field(
                    "order",
                    "order",
                    "text",
                    "the ERP's own sales order that bills it if no contract does",
                    "order_id.name",
                ),
                Field(
                    "billable",
                    "billable",
                    "yes_no",
                    "no: it is marked as never to be billed",
                    "exclude_from_sale_order",
                    default="yes",
                    addon=True,
                    inverted=True,
                ),
            ),
        ),
        Table(
            "purchases",
            "purchases.csv",
            "klausel.purchase",
            "hours bought beforehand",
            (
                Field("id", "id", "id", "identity", "id", True),
                _CONTRACT,
                Field("term", "term", "id", "the term they belong to", "term_id.code", True),
                Field("date", "date", "date", "day of purchase", "date", True),
                Field("seconds", "hours", "hours", "hours bought", "hours", True),
                Field("price", "price", "number", "price per hour, net", "price"),
                Field("validity", "validity", "months", "own validity", "validity_months"),
                Field("invoice", "invoice", "text", "the invoice it is already on", "invoice"),
            ),
        ),
        Table(
            "items",
            "items.csv",
            "klausel.item",
            "one-off charges",
            (
                Field("id", "id", "id", "identity", "id", True),
                _CONTRACT,
                Field("date", "date", "date", "day of the charge", "date", True),
                Field("text", "text", "text", "what is charged", "name", True),
                Field("quantity", "quantity", "number", "quantity", "quantity", True, signed=True),
                Field("price", "price", "number", "price of one, net", "price", True, signed=True),
                Field(
                    "product",
                    "product",
                    "id",
                    "the ERP's product; empty: that of the contract's first term",
                    "product_id",
                ),
            ),
        ),
        Table(
            "acceptances",
            "acceptances.csv",
            "klausel.acceptance",
            "recorded acceptances of fixed-price parts",
            (
                Field("id", "id", "id", "identity", "id", True),
                _CONTRACT,
                Field("term", "term", "id", "the fixed-price term", "term_id.code", True),
                Field("part", "part", "text", "the part that was accepted", "part"),
                Field("date", "date", "date", "day of acceptance", "date", True),
            ),
        ),
        Table(
            "approvals",
            "approvals.csv",
            "klausel.approval",
            "customers' recorded decisions on extra cost",
            (
                Field("id", "id", "id", "identity", "id", True),
                _CONTRACT,
                Field(
                    "tickets",
                    "tickets",
                    "tags",
                    "tickets it is for; empty: the whole contract",
                    "ticket_ids.id",
                    refers="tickets",
                ),
                Field(
                    "state",
                    "state",
                    "choice",
                    "what was decided",
                    "state",
                    True,
                    choices=APPROVAL_STATES,
                ),
                Field("limit_seconds", "limit_hours", "hours", "up to these hours", "limit_hours"),
                Field(
                    "limit_amount", "limit_amount", "number", "up to this amount", "limit_amount"
                ),
                Field("decided_on", "decided_on", "date", "day of the decision", "decided_on"),
                Field("decided_by", "decided_by", "text", "who decided", "decided_by"),
                Field("expires_on", "expires_on", "date", "last day it is good for", "expires_on"),
            ),
        ),
        Table(
            "overrides",
            "overrides.csv",
            "klausel.override",
            "decisions by hand on single entries",
            (
                Field("entry", "entry", "id", "the entry", "entry_id.id", True, "entries"),
                Field(
                    "disposition",
                    "disposition",
                    "choice",
                    "what it is to be",
                    "disposition",
                    True,
                    choices=(*DISPOSITIONS, "written_off"),
                ),
                Field("reason", "reason", "text", "why", "reason", True),
                Field("by", "by", "text", "by whom", "decided_by"),
                Field("on", "on", "date", "when", "decided_on"),
            ),
        ),
        Table(
            "openings",
            "openings.csv",
            "klausel.opening",
            "balances at go-live",
            (
                _CONTRACT,
                Field("term", "term", "id", "the term", "term_id.code", True),
                Field("lot", "lot", "text", "name of the lot", "lot"),
                Field("date", "date", "date", "day of the balance", "date", True),
                Field(
                    "seconds",
                    "hours",
                    "hours",
                    "hours left; negative is a deficit",
                    "hours",
                    signed=True,
                    default="0",
                ),
                Field("price", "price", "number", "price per hour, net", "price"),
                Field("valid_until", "valid_until", "date", "last day of validity", "valid_until"),
                Field(
                    "billed_until",
                    "billed_until",
                    "date",
                    "nothing up to this day is billed",
                    "billed_until",
                ),
            ),
        ),
    )
}
