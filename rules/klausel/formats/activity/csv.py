"""CSV: one row a part of an entry, for a spreadsheet. Times in seconds."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from decimal import Decimal

from klausel.activity import CustomerRecord
from klausel.money import round_half_up, share, shortest

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
)


def render(records: Sequence[CustomerRecord]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for found in records:
        for record in found.records:
            for section in record.sections:
                unit = 3600 if section.requests else 1
                for row in section.rows:
                    drawn = (
                        ("request" if section.requests else "second", row.drawn, row.before,
                         row.after)
                        if row.lot
                        else ("", None, None, None)
                    )  # fmt: skip
                    writer.writerow(
                        (
                            found.customer.id,
                            found.customer.name,
                            record.draft.key,
                            record.draft.kind,
                            section.kind,
                            section.line.key if section.line else "",
                            section.title,
                            row.entry,
                            row.day.isoformat(),
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
                            *("" if value is None else _in(value, unit) for value in drawn[1:]),
                            "yes" if row.late else "no",
                            row.held,
                        )
                    )
    return stream.getvalue()


def _in(value: int, unit: int) -> str:
    """``value`` in ``unit``, a fraction of a request with its digits."""
    return shortest(round_half_up(share(Decimal(value), 1, unit), 4))
