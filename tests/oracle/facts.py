"""A scenario's book and policies as plain facts, defaults filled in.

The format is that of ``tests/cases``: whoever is mentioned exists, an entry belongs to customer
``c1`` and was worked by ``u1``.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle.days import FOREVER, day_of
from tests.oracle.numbers import natural, number, seconds

Facts = dict[str, Any]
TAKING = ("time", "contingent", "pool", "block", "quota")


class CannotSay(Exception):
    """The scenario uses something that the oracle does not know."""


def listed(value: Any) -> list[str]:
    """A list, one word, or words with semicolons between them."""
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [piece.strip() for piece in value.split(";") if piece.strip()]
    return [str(one) for one in value]


def months(value: Any) -> int:
    return int(str(value).split()[0])


def yes(value: Any) -> bool:
    return str(value).lower() in ("yes", "true")


def merged(book: Facts, run: Facts) -> Facts:
    """``book`` with the facts that a run adds, changes and removes."""
    result = {name: list(v) if isinstance(v, list) else v for name, v in book.items()}
    for name, rows in (run.get("add") or {}).items():
        result[name] = [*result.get(name, []), *rows]
    for name, rows in (run.get("change") or {}).items():
        key = key_of(name)
        changes = {str(row[key]): row for row in rows}
        result[name] = [
            {**row, **changes.get(str(row[key]), {})} for row in identified(name, result.get(name))
        ]
    for name, ids in (run.get("remove") or {}).items():
        key = key_of(name)
        result[name] = [
            row for row in identified(name, result.get(name)) if str(row[key]) not in listed(ids)
        ]
    return result


def key_of(name: str) -> str:
    return {"contracts": "code", "overrides": "entry"}.get(name, "id")


def identified(name: str, rows: list[Facts] | None) -> list[Facts]:
    """Rows with the ids that those without one have by their place."""
    letter = "C" if name == "contracts" else name[0]
    return [{key_of(name): f"{letter}{n}", **row} for n, row in enumerate(rows or [], start=1)]


def dated(value: Any) -> list[tuple[date | None, Fraction]]:
    """A value with the days from which it counts; ``None`` is always."""
    if isinstance(value, dict):
        found = [
            (None if str(day) == "always" else day_of(day), number(one))
            for day, one in value.items()
        ]
        return sorted(found, key=lambda pair: pair[0] or date.min)
    return [(None, number(value))]


def on(values: list[tuple[date | None, Fraction]] | None, day: date) -> Fraction | None:
    """The value that counts on ``day``, None where none does yet."""
    found = None
    for start, value in values or []:
        if start is None or start <= day:
            found = value
    return found


def the_policies(scenario: Facts) -> dict[str, Facts]:
    named = {str(name): policy for name, policy in (scenario.get("policies") or {}).items()}
    if isinstance(scenario.get("policy"), dict):
        named["policy"] = scenario["policy"]
    elif scenario.get("policy"):
        raise CannotSay("a policy that is only named")
    return named


def read(book: Facts, policies: dict[str, Facts]) -> Facts:
    """Everything that a run has to know, with dates as dates and time as seconds."""
    known = {
        "company",
        "customers",
        "projects",
        "tickets",
        "employees",
        "entries",
        "contracts",
        "purchases",
        "items",
        "acceptances",
        "approvals",
        "overrides",
        "openings",
    }
    for name in book:
        if name not in known:
            raise CannotSay(f"book: {name}")
    company = book.get("company") or {}
    facts: Facts = {
        "method": company.get("rounding_method", "global"),
        "digits": int(company.get("quantity_digits", 2)),
        "currency": company.get("currency", "EUR"),
        "country": company.get("country", ""),
        "region": company.get("region", ""),
        "policies": policies,
    }
    people: dict[str, list[Facts]] = {}
    for row in book.get("employees") or []:
        people.setdefault(str(row["id"]), []).append(row)
    customers = {str(row["id"]): row for row in book.get("customers") or []}
    projects = {str(row["id"]): row for row in book.get("projects") or []}
    tickets = {str(row["id"]): row for row in book.get("tickets") or []}
    contracts = identified("contracts", book.get("contracts"))
    entries = identified("entries", book.get("entries"))
    for contract in contracts:
        covers, owner = contract.get("covers"), contract.get("customer") or "c1"
        if isinstance(covers, dict):
            for project in listed(covers.get("projects")):
                projects.setdefault(project, {"id": project, "customer": owner})
            for ticket in listed(covers.get("tickets")):
                tickets.setdefault(ticket, {"id": ticket, "customer": owner})
    for entry in entries:
        owner = entry.get("customer")
        if entry.get("project"):
            projects.setdefault(
                str(entry["project"]), {"id": entry["project"], "customer": owner or "c1"}
            )
        if entry.get("ticket"):
            ticket = {"id": entry["ticket"], "customer": owner or "c1"}
            if entry.get("project"):
                ticket = {**ticket, "project": entry["project"], "customer": owner}
            tickets.setdefault(str(entry["ticket"]), ticket)
    for ticket in tickets.values():
        if ticket.get("project"):
            projects.setdefault(str(ticket["project"]), {"id": ticket["project"], "customer": "c1"})
        elif not ticket.get("customer"):
            ticket = tickets[str(ticket["id"])] = {**ticket, "customer": "c1"}
    facts["contracts"] = [read_contract(row, policies, facts) for row in contracts]
    facts["contracts"].sort(key=lambda contract: natural(contract["code"]))
    mentioned = [row.get("customer") for row in (*contracts, *entries)]
    mentioned += [row.get("customer") for row in (*projects.values(), *tickets.values())]
    facts["customers"] = {str(name) for name in (*mentioned, *customers) if name}
    for contract in facts["contracts"]:
        contract["root"] = up_from(contract["customer"], customers)[-1]
    facts["root_of"] = {name: up_from(name, customers)[-1] for name in facts["customers"]}
    codes = [str(row["code"]) for row in contracts]
    facts["entries"] = [read_entry(row, people, customers, projects, tickets) for row in entries]
    facts["entries"].sort(key=lambda entry: (entry["date"], natural(entry["id"])))
    for place, entry in enumerate(facts["entries"]):
        before = [one for one in facts["entries"][:place] if one["ticket"] == entry["ticket"]]
        entry["ticket_seconds"] = entry["seconds"]
        if entry["ticket"]:
            entry["ticket_seconds"] += sum(one["seconds"] for one in before)
    for name in ("purchases", "items", "acceptances", "approvals"):
        rows = identified(name, book.get(name))
        facts[name] = [{"contract": codes[0] if codes else "", **row} for row in rows]
    facts["openings"] = [dict(row) for row in book.get("openings") or []]
    facts["overrides"] = {str(row["entry"]): row for row in book.get("overrides") or []}
    for rows in (facts["purchases"], facts["items"], facts["acceptances"], facts["openings"]):
        for row in rows:
            row["date"] = day_of(row["date"])
    for row in facts["approvals"]:
        row["id"] = str(row["id"])
        row["tickets"] = listed(row.get("tickets"))
        for name in ("decided_on", "expires_on"):
            row[name] = day_of(row[name]) if row.get(name) else None
        limit = row.get("limit_hours")
        row["limit_seconds"] = None if limit in (None, "") else seconds(limit)
        limit = row.get("limit_amount")
        row["limit_amount"] = None if limit in (None, "") else number(limit)
    for row in facts["purchases"]:
        row["id"] = str(row["id"])
    return facts


def read_contract(row: Facts, policies: dict[str, Facts], facts: Facts) -> Facts:
    name = str(row.get("policy") or next(iter(policies)))
    policy = policies[name]
    if {"values", "texts", "rates"} & set(policy):
        raise CannotSay("what is named in place of being written")
    covers = row.get("covers", "customer")
    contract: Facts = {
        "code": str(row["code"]),
        "customer": str(row.get("customer") or "c1"),
        "currency": row.get("currency") or facts["currency"],
        "start": day_of(row["start"]),
        "end": day_of(row["end"]) if row.get("end") else None,
        "policy": policy,
        "sla": row.get("sla", ""),
        "attributes": row.get("attributes") or {},
        "projects": listed(covers.get("projects")) if isinstance(covers, dict) else [],
        "tickets": listed(covers.get("tickets")) if isinstance(covers, dict) else [],
        "grouped": (policy.get("drafts") or {}).get("group_by", "contract") == "customer",
    }
    contract["width"] = 0 if contract["tickets"] else 1 if contract["projects"] else 2
    contract["terms"] = [
        read_term(term, number_, contract) for number_, term in enumerate(row.get("terms") or [])
    ]
    return contract


def read_term(row: Facts, place: int, contract: Facts) -> Facts:
    plan = contract["policy"]["plans"][str(row["plan"])]
    own_first = day_of(row["from"]) if row.get("from") else contract["start"]
    own_last = day_of(row["until"]) if row.get("until") else FOREVER
    last = min(own_last, contract["end"] or FOREVER)
    first = max(own_first, contract["start"])
    term: Facts = {
        "id": str(row.get("id") or f"T{place + 1}"),
        "place": place,
        "plan": str(row["plan"]),
        "priority": int(row.get("priority") or 0),
        "takes": listed(row.get("takes")) or ["service"],
        "anchor": first,
        "first": first,
        "last": None if last == FOREVER else last,
        "discount": number(row.get("discount") or 0),
    }
    for name in ("price", "hours", "quantity", "beyond_price", "requests"):
        term[name] = dated(row[name]) if row.get(name) not in (None, "") else None
    term["components"] = []
    for index, written in enumerate(plan.get("components") or []):
        ((kind, settings),) = written.items()
        term["components"].append({"kind": kind, "index": index, **(settings or {})})
    return term


def up_from(customer: str, customers: Facts) -> list[str]:
    """A customer and those that it belongs to, up to the one that is billed."""
    line = [customer]
    while (parent := customers.get(line[-1], {}).get("parent")) and str(parent) not in line:
        line.append(str(parent))
    return line


def role_on(rows: list[Facts], day: date) -> str:
    """The role that somebody has on ``day``: the latest row that counts by then."""
    found = [(day_of(row["since"]) if row.get("since") else date.min, row) for row in rows]
    by_then = [one for one in found if one[0] <= day]
    return str(max(by_then, key=lambda one: one[0])[1].get("role") or "") if by_then else ""


def read_entry(
    row: Facts,
    people: dict[str, list[Facts]],
    customers: Facts,
    projects: Facts,
    tickets: Facts,
) -> Facts:
    """An entry with what rules may ask about it."""
    ticket = tickets.get(str(row.get("ticket") or ""), {})
    project_id = str(row.get("project") or ticket.get("project") or "")
    project = projects.get(project_id, {})
    owner = row.get("customer") or ticket.get("customer") or project.get("customer") or ""
    if not ({"customer", "project", "ticket"} & row.keys()):
        owner = "c1"
    line_up = up_from(str(owner), customers) if owner else []
    owner = customers.get(line_up[-1], {"id": line_up[-1]}) if line_up else {}
    worker = str(row.get("employee") or "u1")
    person = people.get(worker, [{}])
    day = day_of(row["date"])
    above, line = ticket, []
    while above:
        line.append(str(above["id"]))
        above = tickets.get(str(above.get("parent") or ""), {})
    return {
        "id": str(row["id"]),
        "date": day,
        "seconds": seconds(row["hours"]),
        "ticket": str(row.get("ticket") or ""),
        "ticket_line": line,
        "project": project_id,
        "customer": str(owner.get("id") or ""),
        "customer_line": line_up,
        "stands": [str(row.get(name) or "") for name in ("project", "ticket", "customer")],
        "billable": yes(row.get("billable", "yes")),
        "validated": yes(row.get("validated") or "yes"),
        "billed_elsewhere": str(row.get("billed_elsewhere") or ""),
        "order": str(row.get("order") or ""),
        "employee": worker,
        "employee_name": str(person[-1].get("name") or ""),
        "role": role_on(person, day),
        "activity": str(row.get("activity") or ticket.get("activity") or ""),
        "text": str(row.get("text") or ""),
        "tags": listed(row.get("tags")),
        "ticket_facts": ticket,
        "project_facts": project,
        "customer_facts": owner,
    }
