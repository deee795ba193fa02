"""The writing side: the ledger as Odoo keeps it, and one customer's application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from klausel.assemble import ledger_row
from klausel.model import Book, Documents, LedgerRow, PublishedPolicy
from klausel.port import Application, Applied, Links, OpeningChange, Refused, Written
from klausel.problems import ErpError, Where, problem
from klausel.publishing import Change, Publications
from klausel_odoo import failures
from klausel_odoo.moves import Known, opening_values, payload

LEDGER = "klausel.ledger"
CONTRACT = "klausel.contract"
OPENING = "klausel.opening"
RUN = "klausel.run"
POLICY = "klausel.policy"

#: The group of the addon that keeps contracts and their openings.
MANAGERS = "Klausel / Manager"

#: Said with a run whose rows were changed.
WAY_BACK = (
    "find out what happened to it in the database; to go on with what stands there now:"
    " klausel audit --repair"
)

#: Ledger rows a call.
PAGE = 10_000

#: Call of a method of a model with named arguments.
Call = Callable[[str, str, Mapping[str, Any]], Any]

FIELDS = [
    "contract_id",
    "term",
    "component",
    "period",
    "line_group",
    "sequence",
    "entry_ref",
    "seconds",
    "rounded",
    "disposition",
    "rule",
    "rate",
    "lot",
    "amount",
    "invoiced",
    "held",
    "move_line_id",
    "move_id",
    "fingerprint",
    "policy",
    "drawn",
    "counted",
    "last",
    "role",
    "state",
    "mark",
]
#: Fields of the ledger that older addons do not have.
NEWER = ["booked", "quantity", "discount"]


#: Read with each contract: its commercial customer, and that customer's number in the company,
#: which ``klausel_contracts`` adds.
SEQUENCE: dict[str, Any] = {"commercial_partner_id": {}}


def sequences(contracts: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """By commercial customer, the number that every change to contract or ledger raises."""
    return {
        str(row["commercial_partner_id"]): int(row["klausel_seq"])
        for row in contracts
        if row["commercial_partner_id"]
    }


def ledger(
    call: Call,
    company: int,
    codes: Mapping[int, str],
    known: Collection[str] = (),
    some: bool = False,
) -> list[LedgerRow]:
    """Rows of the company's contracts; ``codes`` gives a contract's code by its id, ``known`` are
    the fields that the addon's ledger has. With ``some`` only rows of ``codes`` are asked for.

    Of released ones only those that nothing has taken the place of since.
    """
    found: list[Mapping[str, Any]] = []
    fields = [*FIELDS, *(name for name in NEWER if name in known)]
    last = 0
    while True:
        domain: list[Any] = [("company_id", "=", company), ("id", ">", last)]
        if some:
            domain.append(("contract_id", "in", sorted(codes)))
        rows = call(
            LEDGER,
            "search_read",
            {"domain": domain, "fields": fields, "order": "id", "limit": PAGE, "load": ""},
        )
        found += [row for row in rows if row["contract_id"] in codes]
        if len(rows) < PAGE:
            break
        last = rows[-1]["id"]
    live = [row for row in found if row["state"] == "live"]
    gone = [row for row in found if row["state"] != "live"]
    if gone:
        gone = _still_open(gone, live)
    return [_row(row, codes) for row in (*gone, *live)]


def with_parties(
    rows: Iterable[LedgerRow], parties: Mapping[str, tuple[str, str]]
) -> list[LedgerRow]:
    """``rows`` with customer and currency of their contracts, by code: Odoo keeps both as they
    were when something was settled."""
    return [
        row._replace(customer=customer, currency=currency)
        for row in rows
        for customer, currency in (parties[row.key.contract],)
    ]


def elsewhere(
    call: Call, company: int, contracts: Iterable[int], entries: Iterable[str] | None
) -> list[Mapping[str, Any]]:
    """Timesheets of the company that other contracts than ``contracts`` have settled, wherever:
    other customers' where only some are read, archived ones, other companies'. Among ``entries``,
    or all of them.
    """
    arguments = {
        "company_id": company,
        "contract_ids": sorted(contracts),
        "entry_ids": None if entries is None else sorted(map(int, entries)),
    }
    found: list[Mapping[str, Any]] = call(LEDGER, "klausel_elsewhere", arguments)
    return found


def documents(call: Call, company: int, codes: Collection[str] | None) -> list[Documents]:
    """Documents in force of these contracts that differ from the ledger; None: of all, those too
    that are archived."""
    rows = call(CONTRACT, "klausel_documents", {"company_id": company})
    return [
        Documents(row["contract"], row["documents"], Decimal(row["was"]), Decimal(row["now"]))
        for row in rows
        if codes is None or row["contract"] in codes
    ]


def _still_open(
    gone: Iterable[Mapping[str, Any]], live: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Released lines, and rows of entries, that were not billed again since; of each the last."""
    youngest: dict[tuple[int, int], int] = {}
    keys = set()
    for row in live:
        place = (row["contract_id"], row["entry_ref"])
        youngest[place] = max(youngest.get(place, 0), row["id"])
        keys.add(_part(row))
    found = {}
    for row in gone:
        place = (row["contract_id"], row["entry_ref"])
        still = youngest.get(place, 0) <= row["mark"] if row["entry_ref"] else row["amount"]
        if still and _part(row) not in keys:
            found[_part(row)] = row
    return list(found.values())


def _part(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What no two live rows have in common."""
    return tuple(
        row[name] or ""
        for name in (
            "contract_id", "term", "component", "period", "line_group", "sequence", "entry_ref",
            "lot",
        )
    )  # fmt: skip


def _by_hand(row: Mapping[str, Any]) -> str | None:
    """What the invoice line comes to, where that is no longer what is on record."""
    same = not row["invoiced"] or Decimal(row["invoiced"]) == Decimal(row["amount"])
    return None if same else row["invoiced"]


def _row(row: Mapping[str, Any], codes: Mapping[int, str]) -> LedgerRow:
    return ledger_row(
        {
            "contract": codes[row["contract_id"]],
            "term": row["term"] or "",
            "component": row["component"] or "",
            "period": row["period"],
            "group": row["line_group"] or "",
            "sequence": row["sequence"],
            "entry": str(row["entry_ref"]) if row["entry_ref"] else "",
            "seconds": row["seconds"],
            "rounded": row["rounded"],
            "disposition": row["disposition"] or "",
            "rule": row["rule"] or "",
            "rate": row["rate"] or None,
            "lot": row["lot"] or "",
            "amount": row["amount"] or None,
            "quantity": row.get("quantity") or None,
            "discount": row.get("discount") or None,
            "invoiced": _by_hand(row),
            "held": row["held"] or "",
            "line": str(row["move_line_id"]) if row["move_line_id"] else "",
            "fingerprint": row["fingerprint"] or "",
            "policy": row["policy"] or "",
            "drawn": row["drawn"],
            "counted": row["counted"] or None,
            "last": row["last"] or None,
            "booked": row.get("booked") or "",
            "role": row["role"] or "",
            "document": str(row["move_id"]) if row["amount"] and row["move_id"] else "",
            "state": row["state"],
        }
    )


def apply(
    call: Call,
    application: Application,
    book: Book,
    company: int,
    protocol: int,
    url: str,
    refresh: bool = False,
    known: Known | None = None,
    marks: Mapping[str, Any] | None = None,
) -> Applied:
    """Writes one customer's drafts and ledger rows in one transaction of the server.

    Raises :class:`~klausel.port.Refused` with the addon's sentence, and
    :class:`~klausel.problems.ErpError` where the server cannot be reached.
    """
    values = {**payload(application, book, company, protocol, refresh, known), **(marks or {})}
    try:
        answer = call(CONTRACT, "klausel_apply", {"payload": values})
    except failures.RefusedApplicationError as error:
        raise Refused(error.code, error.message, error.hint) from None
    except failures.FailedCallError as error:
        raise _refused_by_odoo(error) from None
    except failures.AccessRefusedError as error:
        raise ErpError(
            f"user {error.login} may not write drafts", failures.join_group(failures.GROUP)
        ) from None
    return Applied(
        application.customer,
        tuple(
            Written(
                move["key"],
                str(move["id"]),
                f"{url}/odoo/action-account.action_move_out_invoice_type/{move['id']}",
            )
            for move in answer["moves"]
        ),
        int(answer["rows"]),
        bool(answer["replayed"]),
    )


def links(call: Call, company: int) -> Links:
    """Which runs no longer give their checksum, in the order in which they were written."""
    answer = call(RUN, "klausel_links", {"company_id": company})
    broken = tuple(
        problem("ledger-run", Where(f"run {run['id']}"), run=run["name"], hint=WAY_BACK)
        for run in answer["broken"]
    )
    repairs = tuple(
        f"run {run['id']} ({run['name']}): sealed anew on {run['on']} by {run['by']} ({run['why']})"
        for run in answer["repairs"]
    )
    # Older addons do not say.
    archived = tuple((str(code), int(rows)) for code, rows in answer.get("archived", ()))
    return Links(broken, repairs, archived)


def reseal(call: Call, company: int, why: str, login: str) -> None:
    """Seals all runs as their rows stand. Raises ``ErpError`` where the user may not."""
    try:
        call(RUN, "klausel_reseal", {"company_id": company, "why": why})
    except failures.AccessRefusedError:
        raise ErpError(
            f"user {login} may not seal a ledger anew",
            f"{failures.join_group(MANAGERS)}, or give another --login",
        ) from None


def load_openings(call: Call, change: OpeningChange, book: Book, company: int, login: str) -> None:
    """Writes opening balances in one transaction of the server; raises as :func:`apply`."""
    owners = {contract.code: book.root(contract.customer) for contract in book.contracts}
    touched = {owners[opening.contract] for opening in (*change.added, *change.removed)}
    arguments = {
        "company_id": company,
        "sequences": {customer: book.sequences.get(customer, 0) for customer in touched},
        "added": [opening_values(opening) for opening in change.added],
        "removed": [opening_values(opening) for opening in change.removed],
    }
    try:
        call(OPENING, "klausel_load", arguments)
    except failures.RefusedApplicationError as error:
        if error.code == "access":
            raise ErpError(
                f"user {login} may not load opening balances",
                f"{failures.join_group(MANAGERS)}, or give another --login",
            ) from None
        hint = "correct the row; nothing was written" if error.code == "invalid" else error.hint
        raise Refused(error.code, error.message, hint) from None


#: Read with each contract: what is published of its policy.
PUBLISHED: dict[str, Any] = {"policy_id": {"fields": {"name": {}, "version": {}, "hash": {}}}}


def published(contracts: Iterable[Mapping[str, Any]]) -> dict[str, PublishedPolicy]:
    """What is published of the contracts' policies, by name."""
    found = [row["policy_id"] for row in contracts if row.get("policy_id")]
    return {one["name"]: PublishedPolicy(one["name"], one["version"], one["hash"]) for one in found}


def publications(call: Call, company: int) -> Publications:
    """What is published in the company, with the contracts that use it."""
    answer = call(POLICY, "klausel_published", {"company_id": company})
    return Publications(
        {
            row["name"]: PublishedPolicy(
                row["name"],
                row["version"],
                row["hash"],
                row["digest"],
                tuple(row["plans"]),
                row.get("whole", True),  # an addon that has no rules can keep none
            )
            for row in answer["policies"]
        },
        {
            policy: {code: tuple(plans) for code, plans in contracts.items()}
            for policy, contracts in answer["contracts"].items()
        },
    )


def publish(call: Call, changes: Iterable[Change], company: int, protocol: int, login: str) -> None:
    """Publishes policies in one transaction of the server. Raises ``ErpError``."""
    payload = {
        "protocol": protocol,
        "company_id": company,
        "policies": [change.data for change in changes],
    }
    try:
        call(POLICY, "klausel_publish", {"payload": payload})
    except failures.AccessRefusedError:
        raise ErpError(
            f"user {login} may not publish policies", failures.join_group(failures.GROUP)
        ) from None


def _refused_by_odoo(error: failures.FailedCallError) -> Refused:
    """Odoo, or another addon in it, would not make this customer's drafts."""
    if error.deliberate:
        hint = f"put that right in Odoo, then {failures.AGAIN}"
        return Refused("odoo", f"Odoo says: {error.said}", hint)
    hint = f"look at the log of the Odoo server, then {failures.AGAIN}"
    return Refused("odoo", f"Odoo failed: {error.said}", hint)
