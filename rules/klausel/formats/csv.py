"""CSV: one row a draft line, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator

from klausel.formats import View
from klausel.result import Result
from klausel.sheet import Cell, table

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
    return table(HEADER, _rows(result))


def _rows(result: Result) -> Iterator[tuple[Cell, ...]]:
    for draft in result.drafts:
        customer = result.book.customers.get(draft.customer)
        for line in draft.lines:
            yield (
                draft.customer,
                customer.name if customer else "",
                draft.key,
                draft.kind,
                draft.currency,
                line.key.contract,
                line.key.term,
                line.key.component,
                line.first,
                line.last,
                line.description,
                line.quantity,
                line.unit,
                line.unit_price,
                line.discount,
                line.amount,
                "yes" if line.late else "no",
                ";".join(reason.rule for reason in line.because),
            )
