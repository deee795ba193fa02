"""Activity records as the program keeps them on runs: their form is that of ``klausel.archive``."""

import json
import zlib
from base64 import b64decode
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

#: Of the form in which records are kept.
FORM = 1
#: What became of the time of a section.
KINDS = ("billed", "drawn", "free", "held")


class Row(NamedTuple):
    """A part of a timesheet, in seconds."""

    entry: str
    day: date
    who: str
    project: str
    ticket: str
    activity: str
    text: str
    disposition: str
    seconds: int
    rounded: int
    lot: str = ""
    drawn: int = 0
    """What the lot lost; 3600 a request where requests are counted."""
    before: int | None = None
    after: int | None = None
    late: bool = False
    held: str = ""


class Section(NamedTuple):
    """Rows that have one fate."""

    kind: str
    title: str
    requests: bool
    """Requests are counted, not hours."""
    rows: tuple


class Movement(NamedTuple):
    """What one lot had before, lost, and has left, in seconds."""

    contract: str
    title: str
    lot: str
    requests: bool
    before: int
    drawn: int
    other: int
    after: int


class Record(NamedTuple):
    kind: str
    """``invoice`` or ``credit_note``."""
    customer: str
    """As it was called."""
    keys: tuple
    """Of its lines: contract, term, component, period, group, sequence."""
    contracts: tuple
    orders: tuple
    """The customer's own numbers of orders."""
    digits: int
    """Decimals of hours, as its lines have them."""
    language: str
    as_of: date
    first: date
    last: date
    sections: tuple
    movements: tuple

    @property
    def seconds(self):
        """Seconds worked, without what waits."""
        return sum(row.seconds for one in self.sections if one.kind != "held" for row in one.rows)


def restored(text):
    """The records that a run keeps as ``text``. Raises ``ValueError`` for what is none."""
    try:
        data = json.loads(zlib.decompress(b64decode(text, validate=True)))
        if data["form"] != FORM:
            message = f"form {data['form']}"
            raise ValueError(message)
        head = {
            "customer": data["customer"]["name"] or data["customer"]["id"],
            "language": data["language"],
            "as_of": date.fromisoformat(data["as_of"]),
        }
        return tuple(_record(one, head) for one in data["records"])
    except (zlib.error, LookupError, TypeError, AttributeError, InvalidOperation) as error:
        message = "this is no activity record"
        raise ValueError(message) from error


def _record(data, head):
    lines = data["lines"]
    units = [(line[3], Decimal(line[2])) for line in lines]
    digits = [-number.as_tuple().exponent for unit, number in units if unit == "hour"]
    contracts = tuple(code for code, _order in data["contracts"])
    return Record(
        **head,
        kind=data["draft"][1],
        keys=tuple((*line[0][:3], date.fromisoformat(line[0][3]), *line[0][4:6]) for line in lines),
        contracts=contracts,
        orders=tuple(dict.fromkeys(order for _code, order in data["contracts"] if order)),
        digits=max(digits, default=2),
        first=date.fromisoformat(data["days"][0]),
        last=date.fromisoformat(data["days"][1]),
        sections=tuple(_section(one, units) for one in data["sections"]),
        movements=tuple(Movement(*one) for one in data["movements"]),
    )


def _section(data, units):
    kind, title, place, requests, rows = data
    if kind not in KINDS:
        raise ValueError(kind)
    pieces = place is not None and units[place][0] == "piece"
    found = tuple(Row(entry, date.fromisoformat(day), *rest) for entry, day, *rest in rows)
    return Section(kind, title, bool(requests or pieces), found)
