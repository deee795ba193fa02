"""Odoo's answers -> the records of a book. Pure: dicts in, values out, nothing is asked.

What stands here decides that a book read from Odoo equals the snapshot of it, read again: texts
are cleaned as a CSV file cleans them, numbers are written the shortest way.

Many2one fields come as ids (``load=''``) or, in small tables, as a dict of the target's fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from klausel.assemble import TERM_WORDS
from klausel.fields import TABLES, Field, Table
from klausel.model import Company, Entry
from klausel.money import seconds_from_hours, shortest

Row = Mapping[str, Any]

#: Control characters: XML-RPC cannot carry them, and YAML and CSV files should not.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def text(value: object) -> str:
    """A text of Odoo: False is empty, line ends are ``\\n``, nothing stands around it."""
    if value is False or value is None:
        return ""
    said = str(value)
    if "\r" in said:
        said = said.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("", said).strip()


def id_text(value: object) -> str:
    """An id as text: of a many2one in any form, "" where there is none."""
    if isinstance(value, Mapping):
        value = value["id"]
    return str(value) if value else ""


def decimal(value: float | int) -> Decimal:
    """The number that a person typed: 0.1 is 0.1, not the double next to it."""
    return Decimal(repr(value))


def number_text(value: float | int) -> str:
    """A number as it would stand in a file: 95.0 is ``95``."""
    return shortest(decimal(value))


def seconds(hours: float) -> int:
    """Seconds of Odoo's hours (semantics 1)."""
    return seconds_from_hours(decimal(hours))


def tag_names(names: Iterable[object]) -> tuple[str, ...]:
    """Names of tags. One that has a ``;`` in it counts as several, as in a file."""
    return tuple(
        word for name in names for piece in text(name).split(";") if (word := piece.strip())
    )


# --- small tables: cells of text, checked by the core as those of a file ----------------------


def odoo_field(field: Field) -> str:
    """The field of the record's own model: ``job_id`` of ``job_id.name``."""
    return field.odoo.partition(".")[0]


def fields_of(table: Table, present: Collection[str] | None = None) -> list[str]:
    """Odoo fields of ``table`` without the id; only those ``present``, where that is given."""
    names = (odoo_field(field) for field in table.fields if field.odoo)
    return [
        name
        for name in dict.fromkeys(names)
        if name != "id" and (present is None or name in present)
    ]


def specification(table: Table) -> dict[str, Any]:
    """What to read of ``table`` in one call, one hop included."""
    found: dict[str, Any] = {}
    for field in table.fields:
        name, _, hop = field.odoo.partition(".")
        if name == "id" or not name:
            continue
        found[name] = {"fields": {hop: {}}} if hop and hop != "id" else {}
    return found


def cell(field: Field, row: Row) -> str:
    """The text of ``field`` in a file."""
    name, _, hop = field.odoo.partition(".")
    if not name:
        return text(row.get(field.name, False))  # no field of Odoo's own: the addon tells it
    value = row[name]
    if field.kind == "tags":
        values = value or ()
        return ";".join(tag_names(v[hop] if isinstance(v, Mapping) else v for v in values))
    if isinstance(value, Mapping):
        value = value[hop] if hop else value["id"]
    if field.kind == "id" and hop in ("", "id"):
        return id_text(value)
    if value is False or value is None:
        return ""
    if field.kind in ("hours", "number"):
        return number_text(value)
    if field.kind == "months":
        return f"{value} months" if value else ""
    if field.kind == "yes_no":
        return "yes" if value else "no"
    return text(value)


def header(table: Table) -> list[str]:
    return [field.column for field in table.fields]


def cells(table: Table, rows: Iterable[Row]) -> list[tuple[int, list[str]]]:
    """``rows`` as :meth:`~klausel.assemble.BookBuilder.add_rows` takes them; the id is the line."""
    return [(row["id"], [cell(field, row) for field in table.fields]) for row in rows]


def region(country: str, code: str) -> str:
    """A state's code without its country: Odoo writes ``BY`` for some countries, ``DE-BY`` for
    others."""
    return code.removeprefix(f"{country}-") if country else code


def customer_rows(rows: Iterable[Row]) -> list[Row]:
    """Partners as customers: with a parent only where they are billed with another."""
    return [_customer(row) for row in rows]


def _customer(row: Row) -> Row:
    found = dict(row)
    if id_text(row["commercial_partner_id"]) == str(row["id"]):
        found["commercial_partner_id"] = False
    if row["country_id"] and row["state_id"]:
        code = region(text(row["country_id"]["code"]), text(row["state_id"]["code"]))
        found["state_id"] = {"code": code}
    return found


def employee_rows(rows: Iterable[Row], roles: Iterable[Sequence[Any]]) -> list[Row]:
    """Employees, each with a further row for every role that came after the first.

    ``roles`` are ``[employee, first day, name]``, oldest first, of those whose role changed.
    """
    known: dict[int, list[tuple[str, Any]]] = {}
    for employee, day, name in roles:
        known.setdefault(employee, []).append((day, {"name": name} if name else False))
    found: list[Row] = []
    for row in rows:
        first, *later = known.get(row["id"], [("", row["job_id"])])
        found.append({**row, "job_id": first[1]})
        found += [{**row, "job_id": job, "since": day} for day, job in later]
    return found


def optional_numbers(rows: Iterable[Row], switches: Mapping[str, str]) -> list[Row]:
    """``rows`` with numbers empty whose switch is off: in Odoo an empty number is 0."""
    return [
        {**row, **{name: False for name, switch in switches.items() if not row[switch]}}
        for row in rows
    ]


#: Numbers of the addon's models that a switch beside them turns off.
SWITCHES: dict[str, dict[str, str]] = {
    "purchases": {"price": "own_price"},
    "openings": {"price": "own_price"},
    "approvals": {"limit_hours": "has_limit_hours", "limit_amount": "has_limit_amount"},
}


# --- entries: hundreds of thousands ----------------------------------------------------------


class _Memo(dict[Any, Any]):
    """A function remembered value by value: most columns of entries repeat themselves."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._function = function

    def __missing__(self, value: Any) -> Any:
        found = self[value] = self._function(value)
        return found


_KINDS: dict[str, Callable[[Any], Any]] = {
    "id": id_text,
    "date": date.fromisoformat,
    "hours": seconds,
    "yes_no": bool,
}
#: What a field is on servers that lack it.
_EMPTY: dict[str, Any] = {"tags": (), "yes_no": True}


#: Fields of a timesheet that say that nobody is to pay for it: of OCA's
#: sale_timesheet_line_exclude, and Odoo's own, where somebody took the sales order item away.
NOT_BILLABLE = ("exclude_from_sale_order", "is_so_line_edited", "so_line")


def billable(row: Row) -> bool:
    """Whether the timesheet ``row`` may be billed at all, as Odoo has it."""
    taken_away = row.get("is_so_line_edited") and not row.get("so_line")
    return not (row.get("exclude_from_sale_order") or taken_away)


class Entries:
    """Rows of account.analytic.line -> entries, a page at a time.

    ``present`` are fields that the server has; the others take their default. ``names`` maps
    a field with one hop (tags, invoice, order) to the names of its targets by id.
    """

    def __init__(self, present: Collection[str], names: Mapping[str, Mapping[int, str]]) -> None:
        self._present = {"id", *present}
        self._names = names
        self._columns = [
            (odoo_field(field), self._converter(field)) for field in TABLES["entries"].fields
        ]

    def _converter(self, field: Field) -> Callable[[Sequence[Any]], Iterable[Any]]:
        """Column of Odoo's values -> column of the entries' values."""
        name = odoo_field(field)
        names = self._names.get(name, {})
        if name not in self._present:
            empty: Any = _EMPTY.get(field.kind, "")
            return lambda values: [empty] * len(values)
        if field.kind == "tags":
            return lambda values: [
                tag_names(names[one] for one in ids) if ids else () for ids in values
            ]
        if "." in field.odoo:
            return lambda values: [names[value] if value else "" for value in values]
        convert: Callable[[Any], Any] = _KINDS.get(field.kind, text)
        if field.name in ("id", "text"):
            return partial(map, convert)
        return partial(map, _Memo(convert).__getitem__)

    def convert(self, rows: Sequence[Row]) -> list[Entry]:
        """The entries of ``rows``, in their order."""
        columns = [
            map(billable, rows)
            if name == NOT_BILLABLE[0]
            else convert([row.get(name) for row in rows])
            for name, convert in self._columns
        ]
        return list(map(Entry._make, zip(*columns, strict=True)))


def invoice_name(row: Row) -> str:
    """What an entry's invoice is called; "" where it bills the entry no longer.

    As in Odoo itself, time on a cancelled or fully reversed invoice is open again.
    """
    cancelled = row["state"] == "cancel" and row["payment_state"] != "invoicing_legacy"
    if cancelled or row["payment_state"] == "reversed":
        return ""
    name = text(row["name"])
    return name if name and name != "/" else f"draft {row['id']}"


# --- contracts --------------------------------------------------------------------------------


#: What to read of a contract and its terms in one call.
CONTRACT: dict[str, Any] = {
    "code": {},
    "partner_id": {},
    "commercial_partner_id": {},
    "currency_id": {"fields": {"name": {}}},
    "date_start": {},
    "date_end": {},
    "minimum_term_months": {},
    "notice_months": {},
    "renewal_months": {},
    "sla": {},
    "policy": {},
    "covers": {},
    "project_ids": {},
    "task_ids": {},
    "po_number": {},
    "attribute_ids": {"fields": {"name": {}, "value": {}}},
    "term_ids": {
        "fields": {
            "code": {},
            "plan": {},
            "product_id": {},
            "priority": {},
            "date_start": {},
            "date_until": {},
            "discount": {},
            "takes": {},
            "parameter_ids": {"fields": {"name": {}, "date_from": {}, "value": {}}},
        }
    },
}


def contract_data(row: Row) -> dict[str, Any]:
    """A contract as ``contracts.yaml`` would say it."""
    data: dict[str, Any] = {
        "code": text(row["code"]),
        # A contract that is made out to a person is that of the person's company.
        "customer": id_text(row["commercial_partner_id"]),
        "currency": row["currency_id"]["name"] if row["currency_id"] else None,
        "start": row["date_start"] or None,
        "end": row["date_end"] or None,
        "minimum_term": row["minimum_term_months"] or 0,
        "notice": row["notice_months"] or 0,
        "renewal": row["renewal_months"] or 0,
        "sla": text(row["sla"]),
        "attributes": {text(fact["name"]): text(fact["value"]) for fact in row["attribute_ids"]},
        "policy": text(row["policy"]),
        "po_number": text(row["po_number"]),
        "terms": [_term(term) for term in sorted(row["term_ids"], key=_term_order)],
    }
    covered = {"project": "project_ids", "ticket": "task_ids"}.get(row["covers"])
    if covered:
        data["covers"] = {f"{row['covers']}s": [str(id_) for id_ in sorted(row[covered])]}
    return data


def _term_order(term: Row) -> tuple[int, str, int]:
    """As the addon lists them."""
    return term["priority"] or 0, text(term["code"]), term["id"]


def _term(term: Row) -> dict[str, Any]:
    dated: dict[str, dict[str, str]] = {}
    steps = sorted(term["parameter_ids"], key=lambda step: (step["name"], step["date_from"] or ""))
    for step in steps:
        day = step["date_from"] or "always"
        dated.setdefault(text(step["name"]), {})[day] = text(step["value"])
    return {
        **{name: _plain(values) for name, values in dated.items()},
        "id": text(term["code"]),
        "plan": text(term["plan"]),
        "product": id_text(term["product_id"]),
        "priority": term["priority"] or 0,
        "from": term["date_start"] or None,
        "until": term["date_until"] or None,
        "discount": number_text(term["discount"] or 0),
        "takes": list(tag_names([term["takes"]])),
    }


def _plain(values: dict[str, str]) -> str | dict[str, str]:
    """A value that always held needs no date."""
    return values["always"] if list(values) == ["always"] else values


def misnamed_parameters(row: Row) -> list[tuple[Row, str]]:
    """Parameters that are called like a word of the term itself, each with its term."""
    return [
        (term, name)
        for term in row["term_ids"]
        for name in dict.fromkeys(text(step["name"]) for step in term["parameter_ids"])
        if name in TERM_WORDS
    ]


def unused_coverage(row: Row) -> str:
    """What a contract names although it covers everything of its customer: who entered it may have
    meant no more than that."""
    if row["covers"] in ("project", "ticket"):
        return ""
    named = {"projects": row["project_ids"], "tickets": row["task_ids"]}
    return next((kind for kind, ids in named.items() if ids), "")


def company(info: Mapping[str, Any], language: str) -> Company:
    """The company of ``klausel_info``; ``language`` is its own and comes first."""
    data = info["company"]
    languages = [language, *data["languages"]] if language else data["languages"]
    return Company(
        name=text(data["name"]),
        currency=data["currency"],
        quantity_digits=data["quantity_digits"],
        rounding_method=data["rounding_method"],
        languages=tuple(dict.fromkeys(languages)),
        country=text(data["country"]),
        region=region(text(data["country"]), text(data["state"])),
        currencies=dict(info["currencies"]),
    )
