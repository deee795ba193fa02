"""CSV: one row a part of an entry, for a spreadsheet. Times in seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from klausel.activity import CustomerRecord
from klausel.formats.activity.words import reasons
from klausel.money import round_half_up, share, shortest
from klausel.sheet import Cell, table

HEADER = (
    "customer",
    "customer_name",
    "draft",
    "kind",
    "section",
    "line",
    "description",
    "entry",
    "date",
    "employee",
    "project",
    "ticket",
    "activity",
    "text",
    "disposition",
    "worked_seconds",
    "rounded_seconds",
    "lot",
    "unit",
    "drawn",
    "balance_before",
    "balance_after",
    "late",
    "held",
    "because",
)


def render(records: Sequence[CustomerRecord]) -> str:
    return table(HEADER, _rows(records))


def _rows(records: Sequence[CustomerRecord]) -> Iterator[tuple[Cell, ...]]:
    for found in records:
        for record in found.records:
            for section in record.sections:
                unit = 3600 if section.requests else 1
                lines = (section.line,) if section.line else ()
                why = " / ".join(reasons(record.draft, lines, found.language))
                for row in section.rows:
                    drawn = (
                        ("request" if section.requests else "second", row.drawn, row.before,
                         row.after)
                        if row.lot
                        else ("", None, None, None)
                    )  # fmt: skip
                    yield (
                        found.customer.id,
                        found.customer.name,
                        record.draft.key,
                        record.draft.kind,
                        section.kind,
                        str(section.line.key) if section.line else "",
                        section.title,
                        row.entry,
                        row.day,
                        row.who,
                        row.project,
                        row.ticket,
                        row.activity,
                        row.text,
                        row.disposition,
                        row.seconds,
                        row.rounded,
                        row.lot,
                        drawn[0],
                        *(None if value is None else _in(value, unit) for value in drawn[1:]),
                        "yes" if row.late else "no",
                        row.held,
                        why,
                    )


def _in(value: int, unit: int) -> Decimal:
    """``value`` in ``unit``, a fraction of a request with its digits."""
    return Decimal(shortest(round_half_up(share(Decimal(value), 1, unit), 4)))
