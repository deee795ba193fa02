"""Who pays for an entry (semantics 3): vocabulary, rules, contracts from narrow to wide."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from functools import cache
from typing import Any

import holidays

from tests.oracle.days import FOREVER, day_of
from tests.oracle.facts import TAKING, CannotSay, Facts, listed, yes
from tests.oracle.numbers import HOUR, number

SETTLES = ("included", "warranty", "internal", "written_off")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Parked(Exception):
    """Two equally narrow contracts would both keep an entry."""


@cache
def is_holiday(day: date, country: str, region: str) -> bool:
    if not country:
        return False
    known = holidays.country_holidays(country, subdiv=region or None, years=day.year)
    return day in known


def raw(entry: Facts, fact: str, contract: Facts, facts: Facts) -> Any:
    """What is known of an entry: one word, or a list of them."""
    ticket, project = entry["ticket_facts"], entry["project_facts"]
    owner = entry["customer_facts"]
    if fact in ("activity", "role", "employee", "employee_name", "project", "ticket", "customer"):
        return [entry[fact]]
    if fact == "customer_name":
        return [str(owner.get("name") or "")]
    if fact == "project_name":
        return [str(project.get("name") or "")]
    if fact == "contract":
        return [contract["code"]]
    if fact == "contract_attribute":
        return [f"{name}={value}" for name, value in contract["attributes"].items()]
    if fact == "plan":
        return [term["plan"] for term in contract["terms"] if running(term, entry["date"])]
    if fact == "entry_tag":
        return entry["tags"]
    if fact == "task_tag":
        return listed(ticket.get("tags"))
    if fact == "project_tag":
        return listed(project.get("tags"))
    if fact == "customer_tag":
        return listed(owner.get("tags"))
    if fact in ("priority", "origin", "initiated_by"):
        return [str(ticket.get(fact) or "")]
    if fact == "country":
        return [str(owner.get("country") or "")]
    if fact == "billable":
        return ["yes" if entry["billable"] else "no"]
    if fact == "sla":
        return [contract["sla"]]
    if fact == "weekday":
        return [WEEKDAYS[entry["date"].weekday()]]
    if fact == "holiday":
        country, region = owner.get("country"), owner.get("region")
        if not country:
            country, region = facts["country"], facts["region"]
        return ["yes" if is_holiday(entry["date"], str(country or ""), str(region or "")) else "no"]
    raise CannotSay(f"fact {fact}")


def fits(entry: Facts, fact: str, wanted: Any, contract: Facts, facts: Facts) -> bool:
    words = [str(one).lower() for one in (wanted if isinstance(wanted, list) else [wanted])]
    if fact == "text_has":
        return any(word in entry["text"].lower() for word in words)
    if fact == "title_has":
        return any(word in str(entry["ticket_facts"].get("title") or "").lower() for word in words)
    return any(word in [one.lower() for one in raw(entry, fact, contract, facts)] for word in words)


def value_of(entry: Facts, field: str, contract: Facts, facts: Facts) -> str | Fraction:
    """The word (or number) that the policy's vocabulary has for an entry."""
    made = (contract["policy"].get("fields") or {})[field]
    if "number" in made:
        fact = made.get("from", field)
        if fact == "entry_hours":
            return Fraction(entry["seconds"], HOUR)
        if fact == "ticket_hours":
            return Fraction(entry["ticket_seconds"], HOUR)
        if fact == "estimate_hours":
            return number(entry["ticket_facts"].get("estimate_hours") or 0)
        raise CannotSay(f"number {fact}")
    for line in made["from"]:
        if "otherwise" in line:
            return str(line["otherwise"])
        asked = {fact: wanted for fact, wanted in line.items() if fact != "is"}
        if all(fits(entry, fact, wanted, contract, facts) for fact, wanted in asked.items()):
            return str(line["is"])
    raise CannotSay(f"field {field} without otherwise")


def holds(entry: Facts, when: Any, disposition: str, contract: Facts, facts: Facts) -> bool:
    """Whether all of a rule's conditions are met."""
    for field, wanted in (when or {}).items():
        if field == "disposition":
            if disposition not in listed(wanted):
                return False
            continue
        value = value_of(entry, field, contract, facts)
        if isinstance(wanted, dict):
            for word, bound in wanted.items():
                limit = number(bound)
                met = {
                    "more_than": value > limit,
                    "at_least": value >= limit,
                    "less_than": value < limit,
                    "up_to": value <= limit,
                }[word]
                if not met:
                    return False
        elif str(value) not in [
            str(one) for one in (wanted if isinstance(wanted, list) else [wanted])
        ]:
            return False
    return True


def in_force(rule: Facts, day: date) -> bool:
    first = day_of(rule["from"]) if rule.get("from") else date.min
    last = day_of(rule["until"]) if rule.get("until") else FOREVER
    return first <= day <= last


def decided(entry: Facts, contract: Facts, facts: Facts) -> tuple[str, str]:
    """Disposition and rule that a contract's policy gives an entry."""
    scope = contract["policy"]["scope"]
    for rule in scope.get("rules") or []:
        if in_force(rule, entry["date"]) and holds(entry, rule.get("when"), "", contract, facts):
            for other in rule.get("exceptions") or []:
                if not in_force(other, entry["date"]):
                    continue
                if holds(entry, other.get("when"), "", contract, facts):
                    return str(other["then"]), str(other["id"])
            return str(rule["then"]), str(rule["id"])
    return str(scope["otherwise"]["then"]), "otherwise"


def running(thing: Facts, day: date) -> bool:
    """Whether a term runs on ``day``."""
    return thing["first"] <= day <= (thing["last"] or FOREVER)


def takes(term: Facts, disposition: str, day: date, contract: Facts) -> bool:
    """Whether a term takes time of a disposition on a day."""
    kinds = {component["kind"] for component in term["components"]}
    able = bool(kinds & set(TAKING)) or ("milestone" in kinds and contract["width"] < 2)
    return able and disposition in term["takes"] and running(term, day)


def takers(contract: Facts, disposition: str, day: date) -> list[Facts]:
    """Terms that are asked, in their order (semantics 11)."""
    found = [term for term in contract["terms"] if takes(term, disposition, day, contract)]
    return sorted(found, key=lambda term: (term["priority"], term["place"]))


def offered(entry: Facts, facts: Facts) -> list[list[Facts]]:
    """Contracts that run on the entry's date and cover it, the narrowest and nearest first.

    A contract covers work for its own customer and for what belongs to that one.
    """
    found: dict[tuple[int, int], list[Facts]] = {}
    for contract in facts["contracts"]:
        if not contract["start"] <= entry["date"] <= (contract["end"] or FOREVER):
            continue
        if contract["customer"] not in entry["customer_line"]:
            continue
        distance = entry["customer_line"].index(contract["customer"])
        if contract["tickets"] and set(contract["tickets"]) & set(entry["ticket_line"]):
            found.setdefault((0, distance), []).append(contract)
        elif contract["projects"] and entry["project"] in contract["projects"]:
            found.setdefault((1, distance), []).append(contract)
        elif contract["width"] == 2:
            found.setdefault((2, distance), []).append(contract)
    return [found[place] for place in sorted(found)]


def asks_for_billable(contract: Facts) -> bool:
    """Whether a policy decides itself about work that is marked as not billable."""
    fields = contract["policy"].get("fields") or {}
    return any(
        "billable" in line
        for made in fields.values()
        if isinstance(made.get("from"), list)
        for line in made["from"]
    )


def route(entry: Facts, facts: Facts) -> Facts:
    """Which contract keeps an entry, as what: or why nobody does."""
    if not entry["customer"]:
        return {"uncovered": "no_customer", "disposition": "uncovered", "rule": None}
    override = facts["overrides"].get(entry["id"])
    marked = not entry["billable"] and not override
    asked: tuple[str, str | None] = ("", None)
    for contracts in offered(entry, facts):
        keepers = []
        for contract in contracts:
            if marked and not asks_for_billable(contract):
                continue
            if override:
                disposition, rule = str(override["disposition"]), "override"
            else:
                disposition, rule = decided(entry, contract, facts)
            asked = (disposition, rule)
            terms = takers(contract, disposition, entry["date"])
            if disposition in SETTLES or terms:
                keepers.append((contract, disposition, rule))
        if len(keepers) > 1:
            raise Parked(entry["id"])
        if keepers:
            contract, disposition, rule = keepers[0]
            return {"contract": contract["code"], "disposition": disposition, "rule": rule}
    if marked:
        return {"disposition": "written_off", "rule": "billable"}
    reason = "not_taken" if asked[0] else "no_contract"
    if entry["order"]:
        reason = "erp_order"
    return {"uncovered": reason, "disposition": asked[0] or "uncovered", "rule": asked[1]}


__all__ = ["Parked", "decided", "holds", "in_force", "route", "running", "takers", "yes"]
