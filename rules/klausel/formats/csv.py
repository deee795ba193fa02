"""CSV: one row a draft line, for a spreadsheet."""

from __future__ import annotations

import csv
import io

from klausel.formats import View
from klausel.money import plain
from klausel.result import Result

HEADER = (
    "customer",
    "customer_name",
    "draft",
    "kind",
    "currency",
    "contract",
    "term",
    "component",
    "from",
    "to",
    "description",
    "quantity",
    "unit",
    "unit_price",
    "discount",
    "amount",
    "late",
    "rules",
)


def render(result: Result, view: View) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(HEADER)
    for draft in result.drafts:
        customer = result.book.customers.get(draft.customer)
        for line in draft.lines:
            writer.writerow(
                (
                    draft.customer,
                    customer.name if customer else "",
                    draft.key,
                    draft.kind,
                    draft.currency,
                    line.key.contract,
                    line.key.term,
                    line.key.component,
                    line.first.isoformat(),
                    line.last.isoformat(),
                    line.description,
                    plain(line.quantity),
                    line.unit,
                    plain(line.unit_price),
                    plain(line.discount),
                    plain(line.amount),
                    "yes" if line.late else "no",
                    ";".join(reason.rule for reason in line.because),
                )
            )
    return stream.getvalue()
