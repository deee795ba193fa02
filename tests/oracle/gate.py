"""Approvals (semantics 7): may an entry pass, and how much of it."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

from tests.oracle.days import FOREVER
from tests.oracle.facts import Facts, yes
from tests.oracle.numbers import HOUR, half_up, natural
from tests.oracle.scope import holds, in_force

GATED = ("service", "change", "third_party")
Used = dict[str, dict[str, Any]]


def rule_for(entry: Facts, disposition: str, contract: Facts, facts: Facts) -> Facts | None:
    """The first rule that demands an approval for an entry."""
    if disposition not in GATED:
        return None
    for rule in contract["policy"].get("approvals") or []:
        asked = "require" in rule and in_force(rule, entry["date"])
        if asked and holds(entry, rule.get("when"), disposition, contract, facts):
            return rule
    return None


def retroactive(rule: Facts) -> bool:
    return yes(rule.get("retroactive") or "no")


def known(contract: Facts, facts: Facts, as_of: date) -> list[Facts]:
    """Approvals of a contract that a run on ``as_of`` knows, oldest first."""
    found = [
        one
        for one in facts["approvals"]
        if str(one["contract"]) == contract["code"]
        and (one["decided_on"] is None or one["decided_on"] <= as_of)
    ]
    return sorted(found, key=order)


def order(approval: Facts) -> tuple[date, list[tuple[int, int, str]]]:
    return (approval["decided_on"] or FOREVER, natural(approval["id"]))


def concerns(approval: Facts, entry: Facts) -> bool:
    return not approval["tickets"] or (entry["ticket"] or None) in approval["tickets"]


def usable_for(approval: Facts, entry: Facts, rule: Facts) -> bool:
    """Whether an approval is of the kind that the rule wants."""
    per = rule.get("per") or "ticket"
    if per == "ticket":
        return concerns(approval, entry)
    if approval["tickets"]:
        return False
    decided = approval["decided_on"]
    if per == "period" and decided:
        day = entry["date"]
        return (decided.year, decided.month) == (day.year, day.month)
    return True


def void(approval: Facts, entry: Facts, approvals: list[Facts], day: date) -> bool:
    """Whether a rejection came after an approval, up to ``day``."""
    return any(
        one["state"] == "rejected"
        and one["decided_on"]
        and one["decided_on"] <= day
        and concerns(one, entry)
        and order(one) > order(approval)
        for one in approvals
    )


def valid(approval: Facts, entry: Facts, rule: Facts, approvals: list[Facts], day: date) -> bool:
    """Whether an approval lets an entry pass that is looked at on ``day``."""
    decided = approval["decided_on"]
    if approval["state"] != "approved" or not decided or not usable_for(approval, entry, rule):
        return False
    if decided > day or (decided > entry["date"] and not retroactive(rule)):
        return False
    if approval["expires_on"] and approval["expires_on"] < entry["date"]:
        return False
    return not void(approval, entry, approvals, day)


def candidates(entry: Facts, rule: Facts, approvals: list[Facts], day: date) -> list[Facts]:
    """Approvals that are good for an entry on ``day``, the ticket's first."""
    found = [one for one in approvals if valid(one, entry, rule, approvals, day)]
    return [one for one in found if one["tickets"]] + [one for one in found if not one["tickets"]]


def room(approval: Facts, used: Used) -> tuple[Fraction | None, Fraction | None]:
    """Seconds and money left, None where there is no limit."""
    so_far = used.get(approval["id"], {"seconds": 0, "amount": Fraction(0)})
    secs = approval["limit_seconds"]
    amount = approval["limit_amount"]
    return (
        None if secs is None else secs - so_far["seconds"],
        None if amount is None else amount - so_far["amount"],
    )


def has_room(approval: Facts, used: Used) -> bool:
    return all(left is None or left > 0 for left in room(approval, used))


def fitting(secs: int, value: Fraction, left: Fraction, digits: int) -> int:
    """Seconds up to the last whole step of the quantity that stays within the money left."""
    if value <= 0 or secs * value / HOUR <= left:
        return secs
    steps = floor(max(left, Fraction(0)) / value * 10**digits)
    return min(secs, int(half_up(Fraction(steps, 10**digits) * HOUR)))


def take(approval: Facts, secs: int, value: Fraction, used: Used, digits: int) -> int:
    """Seconds that an approval gives of ``secs``; written down in ``used``."""
    given = secs
    if secs > 0:
        seconds_left, amount_left = room(approval, used)
        if seconds_left is not None:
            given = min(given, max(0, int(seconds_left)))
        if amount_left is not None:
            given = min(given, fitting(secs, value, amount_left, digits))
    so_far = used.setdefault(approval["id"], {"seconds": 0, "amount": Fraction(0)})
    so_far["seconds"] += given
    so_far["amount"] += given * value / HOUR
    return given


def cut(secs: int, value: Fraction, approvals: list[Facts], used: Used, digits: int) -> int:
    """Seconds of ``secs`` that several approvals give in turn."""
    rest = secs
    for approval in approvals:
        if has_room(approval, used):
            rest -= take(approval, rest, value, used, digits)
        if rest == 0:
            break
    return secs - rest


def reason(entry: Facts, rule: Facts, approvals: list[Facts], as_of: date) -> str:
    """What held time waits for."""
    mine = [one for one in approvals if one["state"] != "not_requested" and (concerns(one, entry))]
    rejected = [one for one in mine if one["state"] == "rejected"]
    fitting_kind = [one for one in mine if usable_for(one, entry, rule)]
    approved = [one for one in fitting_kind if one["state"] == "approved"]
    pending = [one for one in fitting_kind if one["state"] == "pending"]
    if any(order(no) > order(yes_) for no in rejected for yes_ in approved):
        return "rejected"
    if rejected and not approved and not pending:
        return "rejected"
    if pending:
        return "pending"
    if any(valid(one, entry, rule, approvals, as_of) for one in approved):
        return "limit"
    if any(
        one["decided_on"] and one["decided_on"] > entry["date"] and not retroactive(rule)
        for one in approved
    ):
        return "late_decision"
    return "not_requested"
