"""What Odoo's answers look like: it follows from what was asked.

The one place that looks at the shape of an answer, before anything is made of it. Behind it the
values are what Odoo gives for their fields; what they mean is checked by those who use them.

Columns are looked at as wholes, because there are hundreds of thousands of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from klausel import PROTOCOL
from klausel.fields import TABLES, Field
from klausel.shapes import parse_number

#: Methods that write: after a strange answer of theirs it is not known whether they did.
WRITING = ("klausel_apply", "klausel_load", "klausel_publish", "klausel_reseal")

#: Hours and amounts beyond it are no work and no money.
_MOST = 1e12
_EMPTY = (bool, type(None))

Check = Callable[[Any, str], None]


class StrangeError(Exception):
    """What is wrong with an answer: nothing of its contents but names that were asked for."""


def check(
    model: str, method: str, arguments: Mapping[str, Any], ids: Sequence[int] | None, answer: Any
) -> None:
    """Raises :class:`StrangeError` where Odoo does not answer this call in this way."""
    place = f"{method} of {model}"
    if method in ("search_read", "web_search_read"):
        nested = method == "web_search_read"
        rows = _member(answer, "records", place) if nested else answer
        names = arguments["specification"] if nested else _flat(arguments["fields"])
        _records(rows, names, model, place)
        _in_order(rows, arguments, place)
    elif method in ("read", "web_read"):
        names = arguments.get("specification") or _flat(arguments.get("fields", ()))
        _records(answer, names, model, place)
        _all_of(answer, ids or (), model, place)
    elif method == "klausel_look_up":
        of = str(arguments["model"])
        _records(answer, arguments["specification"], of, place)
        _all_of(answer, arguments["wanted"], of, place)
    elif method == "klausel_contracts":
        _records(
            answer, {**arguments["specification"], "klausel_seq": {}}, "klausel.contract", place
        )
    elif method == "formatted_read_group":
        _table(answer, {arguments["groupby"][0]: _ANY, "__count": _COUNT}, place)
    elif method in _SHAPES:
        _SHAPES[method](answer, place)


def _flat(names: Iterable[str]) -> Mapping[str, Any]:
    """A specification of fields alone, without what they refer to."""
    return {name: {} for name in names}


# --- values ----------------------------------------------------------------------------------


class _Kind(NamedTuple):
    """What a field's value may be."""

    called: str
    types: tuple[type, ...]
    good: Callable[[Any], bool] | None = None
    """Asked for each value that is not empty, once."""


def _day(value: str) -> bool:
    """``2026-07-01``, or with the time behind it."""
    try:
        date.fromisoformat(value[:10])
    except ValueError:
        return False
    return len(value) in (10, 19)


def _decimal(value: str) -> bool:
    try:
        parse_number(value)
    except ValueError:
        return False
    return True


def _finite(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _number(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= _MOST


def _whole(value: int) -> bool:
    return abs(value) < 2**63


def is_id(value: object) -> bool:
    """Whether ``value`` can be the id of a record."""
    return type(value) is int and _key(value)


def _key(value: int) -> bool:
    return 0 < value < 2**63


_TEXT = _Kind("a text", (str, *_EMPTY))
_ID = _Kind("an id", (int, *_EMPTY), _key)
_IDS = _Kind("a list of ids", (list,), _key)
_DAY = _Kind("a date", (str, *_EMPTY), _day)
_NUMBER = _Kind("a number", (int, float, *_EMPTY), _number)
_DECIMAL = _Kind("a decimal number", (str, *_EMPTY), _decimal)
_INTEGER = _Kind("a whole number", (int, *_EMPTY), _whole)
_YES_NO = _Kind("yes or no", _EMPTY)
_ANY = _Kind("a plain value", (str, int, float, *_EMPTY), _finite)
# Those that are never empty.
_ONE_TEXT = _Kind("a text", (str,))
_ONE_ID = _Kind("an id", (int,), _key)
_ONE_DAY = _Kind("a date", (str,), _day)
_ONE_NUMBER = _Kind("a number", (int, float), _number)
_ONE_DECIMAL = _Kind("a decimal number", (str,), _decimal)
_WHOLE = _Kind("a whole number", (int,), _whole)
_COUNT = _Kind("a number of things", (int,), lambda value: 0 <= value < 2**63)
_DIGITS = _Kind("a number of digits", (int,), lambda value: 0 <= value <= 16)
_STATE = _Kind("live or released", (str,), lambda value: value in ("live", "released"))

#: By the kind of a field of a file (:mod:`klausel.fields`).
_KINDS: dict[str, _Kind] = {
    "id": _ID,
    "text": _TEXT,
    "choice": _TEXT,
    "date": _DAY,
    "hours": _NUMBER,
    "number": _NUMBER,
    "yes_no": _YES_NO,
    "months": _INTEGER,
    "integer": _INTEGER,
}


def _plain(field: Field) -> _Kind:
    """What stands in the record itself: of what it refers to the ids alone."""
    if "." in field.odoo or field.kind == "tags":
        return _IDS if field.kind == "tags" else _ID
    return _KINDS[field.kind]


def _of(kind: _Kind, *names: str) -> dict[str, _Kind]:
    return dict.fromkeys(names, kind)


#: Kinds of the fields that are read, by model. A field that stands nowhere is any plain value.
FIELDS: dict[str, dict[str, _Kind]] = {
    **{
        table.odoo: {
            field.odoo.partition(".")[0]: _plain(field) for field in table.fields if field.odoo
        }
        for table in TABLES.values()
    },
    # Not taken from the text of a cell, as those of all other tables are.
    "account.analytic.line": {
        **{
            field.odoo.partition(".")[0]: _plain(field)
            for field in TABLES["entries"].fields
        },
        "date": _ONE_DAY,
        "unit_amount": _ONE_NUMBER,
        "so_line": _ID,
        "is_so_line_edited": _YES_NO,
    },
    "klausel.contract": {
        **_of(_TEXT, "code", "sla", "policy", "covers", "po_number"),
        **_of(_ID, "partner_id", "currency_id", "policy_id"),
        "commercial_partner_id": _ONE_ID,
        **_of(_DAY, "date_start", "date_end"),
        **_of(_INTEGER, "minimum_term_months", "notice_months", "renewal_months"),
        **_of(_IDS, "project_ids", "task_ids", "term_ids", "attribute_ids"),
        "klausel_seq": _COUNT,
    },
    "klausel.term": {
        **_of(_TEXT, "code", "plan", "takes"),
        **_of(_DAY, "date_start", "date_until"),
        "product_id": _ID,
        "priority": _INTEGER,
        "discount": _NUMBER,
        "parameter_ids": _IDS,
    },
    "klausel.parameter": {**_of(_TEXT, "name", "value"), "date_from": _DAY},
    "klausel.attribute": _of(_TEXT, "name", "value"),
    "klausel.ledger": {
        **_of(
            _TEXT, "term", "component", "line_group", "disposition", "rule", "lot", "held",
            "fingerprint", "policy", "role", "booked", "move_name",
        ),
        **_of(_ID, "contract_id", "move_id", "move_line_id", "run_id"),
        **_of(_WHOLE, "sequence", "entry_ref", "seconds", "rounded", "drawn", "mark"),
        **_of(_DAY, "counted", "last"),
        "period": _ONE_DAY,
        **_of(_DECIMAL, "rate", "amount", "quantity", "discount", "invoiced"),
        "state": _STATE,
    },
    "klausel.run": {"record": _TEXT},
    "klausel.preview": {
        **_of(_TEXT, "fingerprint", "others"),
        "partner_id": _ID,
        "line_count": _INTEGER,
        "amount": _NUMBER,
    },
    "klausel.worker": {"name": _TEXT, "seen_on": _DAY},
    "account.move": _of(_TEXT, "name", "state", "payment_state"),
    "res.users": {"login": _TEXT, "company_ids": _IDS},
    "res.company": {"name": _TEXT},
}  # fmt: skip
#: What a contract's lists hold.
_MODELS = {
    "term_ids": "klausel.term",
    "parameter_ids": "klausel.parameter",
    "attribute_ids": "klausel.attribute",
    "purchase_ids": "klausel.purchase",
    "item_ids": "klausel.item",
    "acceptance_ids": "klausel.acceptance",
    "approval_ids": "klausel.approval",
    "opening_ids": "klausel.opening",
}
#: Of what a record refers to no more than names, codes and the like is read.
_HOP = {
    **_of(_TEXT, "name", "code", "version", "hash", "login", "value"),
    "klausel_seq": _INTEGER,
    "decimal_places": _DIGITS,
}


def _column(rows: Sequence[Mapping[str, Any]], name: str, place: str) -> list[Any]:
    try:
        return [row[name] for row in rows]
    except KeyError:
        raise StrangeError(f'{place} has no "{name}"') from None


def _hold(values: Collection[Any], kind: _Kind, name: str, place: str) -> None:
    """Whether all ``values`` of a column are of ``kind``."""
    types = set(map(type, values))
    if not types <= {*kind.types}:
        raise _no(name, kind, place)
    if bool in types and kind not in (_YES_NO, _ANY) and any(value is True for value in values):
        raise _no(name, kind, place)  # empty is False, and nothing is True
    if list in types:
        values = list(chain.from_iterable(values))
        if not set(map(type, values)) <= {int}:
            raise _no(name, kind, place)
    if str in types and not _written(one for one in values if type(one) is str):
        raise _no(name, kind, place)
    good = kind.good
    if good and not all(good(one) for one in set(values) if one is not False and one is not None):
        raise _no(name, kind, place)


def _written(texts: Iterable[str]) -> bool:
    """Whether one can write ``texts`` down: halves of signs, which JSON can name, one cannot."""
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


def _no(name: str, kind: _Kind, place: str) -> StrangeError:
    return StrangeError(f'{place} has something else than {kind.called} as "{name}"')


# --- records ---------------------------------------------------------------------------------


def _rows(value: Any, place: str) -> Sequence[Mapping[str, Any]]:
    if type(value) is not list or not set(map(type, value)) <= {dict}:
        raise StrangeError(f"{place} is no list of records")
    return value


def _table(value: Any, columns: Mapping[str, _Kind], place: str) -> None:
    rows = _rows(value, place)
    for name, kind in columns.items():
        _hold(_column(rows, name, place), kind, name, place)


def _records(value: Any, specification: Mapping[str, Any], model: str, place: str) -> None:
    """Records, each once, with their ids and what ``specification`` asks for."""
    rows = _rows(value, place)
    ids = _column(rows, "id", place)
    _hold(ids, _ONE_ID, "id", place)
    if len(set(ids)) != len(ids):
        raise StrangeError(f"{place} has a record twice")
    _members(rows, specification, model, place)
    if model == "klausel.ledger" and any(row.get("invoiced") and not row["amount"] for row in rows):
        raise StrangeError(f'{place} has "invoiced" without "amount"')


def _members(
    rows: Sequence[Mapping[str, Any]], specification: Mapping[str, Any], model: str, place: str
) -> None:
    """What ``specification`` asks for of each of ``rows``, what they refer to included."""
    kinds = FIELDS.get(model, _HOP)
    for name, part in specification.items():
        values = _column(rows, name, place)
        inner = part.get("fields") if part else None
        if inner is None:
            if name in kinds:
                _hold(values, kinds[name], name, place)
            else:
                _hold_any(values, name, place)
            continue
        if not set(map(type, values)) <= _holders(name, kinds.get(name)):
            raise StrangeError(f'{place} has something else than records as "{name}"')
        found: list[Any] = []
        for one in values:
            if type(one) is list:
                found += one
            elif one is not False:
                found.append(one)
        within = f'{place}, in "{name}",'
        _hold(_column(_rows(found, within), "id", within), _ONE_ID, "id", within)
        _members(found, inner, _MODELS.get(name, ""), within)


def _holders(name: str, kind: _Kind | None) -> set[type]:
    """What the field ``name`` may be where what it refers to is asked for, too."""
    if name in _MODELS:
        return {list}
    if kind is _IDS:
        return {list, bool}
    return {dict, bool} if kind is _ID else {list, dict, bool}


def _hold_any(values: Iterable[Any], name: str, place: str) -> None:
    lists = [value for value in values if type(value) is list]
    if lists:
        _hold(lists, _IDS, name, place)
    _hold([value for value in values if type(value) is not list], _ANY, name, place)


def _in_order(rows: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any], place: str) -> None:
    """By ids where that was asked, behind the last one and no more than were asked: pages would
    not come to an end."""
    limit = arguments.get("limit")
    if limit and len(rows) > limit:
        raise StrangeError(f"{place} has more records than were asked for")
    if arguments.get("order") != "id":
        return
    ids = [row["id"] for row in rows]
    after = [leaf[2] for leaf in arguments["domain"] if tuple(leaf[:2]) == ("id", ">")]
    if ids != sorted(ids) or (ids and after and ids[0] <= max(after)):
        raise StrangeError(f"{place} has other records than were asked for")


def _all_of(
    rows: Sequence[Mapping[str, Any]], asked: Iterable[int], model: str, place: str
) -> None:
    wanted, found = set(asked), {row["id"] for row in rows}
    if found - wanted:
        raise StrangeError(f"{place} has other records than were asked for")
    if wanted - found:
        # Odoo does so, too, where somebody deletes it in between.
        raise StrangeError(f"{place} left out {model} {min(wanted - found)}, perhaps just deleted")


# --- what methods of their own answer ---------------------------------------------------------


def _member(value: Any, name: str, place: str) -> Any:
    if type(value) is not dict or name not in value:
        raise StrangeError(f'{place} has no "{name}"')
    return value[name]


def _dict(columns: Mapping[str, _Kind | Check]) -> Check:
    """A dictionary with these members."""

    def look(value: Any, place: str) -> None:
        for name, what in columns.items():
            member = _member(value, name, place)
            if isinstance(what, _Kind):
                _hold([member], what, name, place)
            else:
                what(member, f'{place}, in "{name}",')

    return look


def _one(kind: _Kind) -> Check:
    return lambda value, place: _hold([value], kind, "answer", place)


def _texts(value: Any, place: str) -> None:
    if type(value) is not list or not set(map(type, value)) <= {str} or not _written(value):
        raise StrangeError(f"{place} is no list of texts")


def _map(inner: Check, value: Any, place: str) -> None:
    """Names, each with what ``inner`` looks at."""
    if type(value) is not dict or not set(map(type, value)) <= {str} or not _written(value):
        raise StrangeError(f"{place} is no table of names")
    for member in value.values():
        inner(member, place)


def _each(later: Mapping[str, _Kind] | None = None, **columns: _Kind | Check) -> Check:
    """Rows with these members; those in ``later`` may lack, as older addons do not tell them."""
    look = _dict(columns)
    further = later or {}

    def every(value: Any, place: str) -> None:
        for row in _rows(value, place):
            look(row, place)
            for name in further.keys() & row.keys():
                _hold([row[name]], further[name], name, place)

    return every


def _tuples(value: Any, kinds: Sequence[_Kind], name: str, place: str) -> None:
    """A list of lists with one value of each of ``kinds``."""
    size = len(kinds)
    if type(value) is not list or not all(type(one) is list and len(one) == size for one in value):
        raise StrangeError(f'{place} has something else than a list as "{name}"')
    for number, kind in enumerate(kinds):
        _hold([one[number] for one in value], kind, name, place)


def _roles(value: Any, place: str) -> None:
    _tuples(value, (_ID, _DAY, _TEXT), "role", place)


_CHAIN = _dict(
    {
        "broken": _each(id=_ONE_ID, name=_TEXT),
        "repairs": _each(id=_ID, name=_TEXT, on=_TEXT, by=_TEXT, why=_TEXT),
    }
)


def _links(value: Any, place: str) -> None:
    _CHAIN(value, place)
    _tuples(value.get("archived", []), (_ONE_TEXT, _COUNT), "archived", place)


def _fields(value: Any, place: str) -> None:
    def look(field: Any, place: str) -> None:
        if type(field) is not dict or type(field.get("relation", "")) is not str:
            raise StrangeError(f"{place} is no table of fields")

    _map(look, value, place)


_COMPANY = _dict(
    {
        **_of(_TEXT, "name", "currency", "country", "state", "rounding_method", "language"),
        "id": _ONE_ID,
        "quantity_digits": _DIGITS,
        "internal_project": _COUNT,
        "languages": _texts,
    }
)
_INFO = _dict(
    {
        "company": _COMPANY,
        "currencies": partial(_map, _one(_DIGITS)),
        "timesheet_fields": _texts,
        "timesheets": _COUNT,
        "ledger_fields": _texts,
        **_of(_YES_NO, "overrides", "publishes", "links", "elsewhere", "documents", "work"),
    }
)
_MEANT = _dict({"addon": _ONE_TEXT, "protocol": _COUNT})


def _info(value: Any, place: str) -> None:
    """Of an addon of another version no more is asked than which one it is."""
    _MEANT(value, place)
    if value["protocol"] == PROTOCOL and value.get("references"):
        _INFO(value, place)


_REQUEST = _dict(
    {
        "id": _ONE_ID,
        "kind": _Kind("preview or bill", (str,), lambda value: value in ("preview", "bill")),
        "adjust": _YES_NO,
        "as_of": _ONE_DAY,
        "customers": _each(partner_id=_ONE_ID, seen=_TEXT, state=_ONE_TEXT),
    }
)


def _next(value: Any, place: str) -> None:
    """A request, or False."""
    if value is not False:
        _REQUEST(value, place)


_IDS_ALONE = _one(_IDS)

#: By method. What stands nowhere is taken as it is: a test looks that nothing is missing.
_SHAPES: dict[str, Check] = {
    "context_get": _dict({"uid": _ONE_ID}),
    "search_count": _one(_COUNT),
    "fields_get": _fields,
    "klausel_info": _info,
    "klausel_entries": _IDS_ALONE,
    "klausel_hidden": _dict({"hidden": partial(_map, _IDS_ALONE), "told": _YES_NO}),
    "klausel_elsewhere": _each(
        entry=_ONE_ID, contract=_TEXT,
        customer=_TEXT, company=_TEXT, fingerprint=_TEXT, booked=_TEXT,
    ),
    "klausel_documents": _each(
        contract=_TEXT, documents=_ANY,
        was=_ONE_DECIMAL,
        now=_ONE_DECIMAL,
    ),
    "klausel_roles": _roles,
    "klausel_links": _links,
    "klausel_reseal": _IDS_ALONE,
    "klausel_load": _IDS_ALONE,
    "klausel_published": _dict(
        {
            "policies": _each(
                {"whole": _YES_NO},
                name=_TEXT, version=_TEXT, hash=_TEXT, digest=_TEXT, plans=_texts,
            ),
            "contracts": partial(_map, partial(_map, _texts)),
        }
    ),
    "klausel_publish": _dict({"published": _texts}),
    "klausel_next": _next,
    "klausel_progress": _dict({"go_on": _YES_NO}),
    "klausel_report": _each(partner_id=_ID, stale=_YES_NO, code=_TEXT, said=_TEXT),
    "klausel_unchanged": _each(partner_id=_ID),
    "klausel_say": _one(_YES_NO),
    "klausel_done": _one(_YES_NO),
    "klausel_apply": _dict(
        {
            "moves": _each(key=_ONE_TEXT, id=_ONE_ID),
            "rows": _COUNT,
            "replayed": _YES_NO,
        }
    ),
}  # fmt: skip
KNOWN = frozenset(
    {
        *_SHAPES, "search_read", "web_search_read", "read", "web_read", "klausel_look_up",
        "klausel_contracts", "formatted_read_group",
    }
)  # fmt: skip
