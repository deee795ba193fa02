"""Activity records as Odoo keeps them: with the run that wrote their invoices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from klausel.model import LedgerKey
from klausel.port import Kept, Wanted
from klausel.shapes import parse_date
from klausel_odoo.writing import LEDGER, PAGE, RUN, Call

#: What is read of a run.
FIELDS = ("record",)
#: What of a ledger row says which line it is, and where that stands.
_LINE = (
    "contract_id", "term", "component", "period", "line_group", "sequence", "move_id", "move_name",
    "run_id",
)  # fmt: skip


def kept(call: Call, company: int, wanted: Wanted, codes: Mapping[int, str]) -> list[Kept]:
    """Records of the company's runs; ``codes`` gives a contract's code by its id."""
    domain: list[Any] = [("company_id", "=", company), ("record", "!=", False)]
    if wanted.customers is not None:
        domain.append(("partner_id", "in", sorted(map(int, wanted.customers))))
    runs = _all(call, RUN, domain, FIELDS)
    if not runs:
        return []
    mine = [("company_id", "=", company), ("amount", "!=", False), ("state", "=", "live")]
    lines = _all(call, LEDGER, mine, _LINE)
    on: dict[str, str] = {}
    own: dict[int, list[LedgerKey]] = defaultdict(list)
    for row in lines:
        if row["contract_id"] in codes and row["move_id"]:
            key = _key(row, codes)
            on[str(key)] = _name(row, wanted)
            own[row["run_id"]].append(key)
    return [Kept(row["record"], on, own[row["id"]]) for row in runs]


def _name(row: Mapping[str, Any], wanted: Wanted) -> str:
    """How a line's invoice is called: by its number, or by its id where that is asked for."""
    id_, number = str(row["move_id"]), row["move_name"]
    return id_ if id_ in wanted.invoices or not number or number == "/" else number


def _key(row: Mapping[str, Any], codes: Mapping[int, str]) -> LedgerKey:
    return LedgerKey(
        codes[row["contract_id"]], row["term"] or "", row["component"] or "",
        parse_date(row["period"]), row["line_group"] or "", row["sequence"],
    )  # fmt: skip


def _all(
    call: Call, model: str, domain: Sequence[Any], fields: Sequence[str]
) -> list[Mapping[str, Any]]:
    """All records of ``model`` in ``domain``, by their ids, page by page."""
    found: list[Mapping[str, Any]] = []
    last = 0
    while True:
        page = call(
            model, "search_read",
            {
                "domain": [*domain, ("id", ">", last)], "fields": list(fields), "order": "id",
                "limit": PAGE, "load": "",
            },
        )  # fmt: skip
        found += page
        if len(page) < PAGE:
            return found
        last = page[-1]["id"]
