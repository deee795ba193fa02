"""Approvals (semantics 7): may an entry pass, and how much of it."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from math import floor
from typing import Any

from tests.oracle.days import FOREVER
from tests.oracle.facts import Facts, yes
from tests.oracle.numbers import HOUR, half_up, hours, natural
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


def line_amount(secs: int, priced: Facts) -> Fraction:
    """What a line of so many seconds costs: its quantity rounded, the larger of two amounts."""
    exact = hours(secs, priced["digits"]) * priced["price"]
    return max(exact, half_up(exact, priced["money_digits"]))


def nothing_used() -> Used:
    """What approvals gave, by approval; and by line the seconds that limits in money let pass."""
    return {"by": {}, "lines": {}}


def given_by(approval: str, used: Used) -> dict[str, Any]:
    nothing = {"seconds": 0, "amount": Fraction(0), "worth": Fraction(0)}
    found: dict[str, Any] = used["by"].setdefault(approval, nothing)
    return found


def room(approval: Facts, used: Used) -> tuple[Fraction | None, Fraction | None]:
    """Seconds and money left, None where there is no limit."""
    so_far = given_by(approval["id"], used)
    secs = approval["limit_seconds"]
    amount = approval["limit_amount"]
    return (
        None if secs is None else secs - so_far["seconds"],
        None if amount is None else amount - so_far["amount"],
    )


def has_room(approval: Facts, used: Used) -> bool:
    """Money is asked for by what the time itself is worth, unrounded."""
    so_far = given_by(approval["id"], used)
    secs, amount = approval["limit_seconds"], approval["limit_amount"]
    return (secs is None or so_far["seconds"] < secs) and (
        amount is None or so_far["worth"] < amount
    )


def fitting(secs: int, on_line: int, left: Fraction, priced: Facts) -> int:
    """Seconds that a line with ``on_line`` seconds can have more within the money left.

    All of them, or up to the last whole step of the line's quantity.
    """
    if priced["price"] <= 0:
        return secs
    most = line_amount(on_line, priced) + left
    if line_amount(on_line + secs, priced) <= most:
        return secs
    steps = floor(most / priced["price"] * 10 ** priced["digits"])
    until = int(half_up(Fraction(steps, 10 ** priced["digits"]) * HOUR))
    while line_amount(until, priced) > most:
        until -= 1
    return min(secs, max(until - on_line, 0))


def write_down(approval: Facts, secs: int, priced: Facts, used: Used) -> None:
    """Seconds that an approval gave, and in money what they add to their line."""
    so_far = given_by(approval["id"], used)
    so_far["seconds"] += secs
    so_far["worth"] += secs * priced["price"] / HOUR
    if approval["limit_amount"] is not None:
        before = used["lines"].get(priced["line"], 0)
        used["lines"][priced["line"]] = before + secs
        so_far["amount"] += line_amount(before + secs, priced) - line_amount(before, priced)


def take(approval: Facts, secs: int, priced: Facts, used: Used) -> int:
    """Seconds that an approval gives of ``secs``; written down in ``used``."""
    given = secs
    if secs > 0:
        seconds_left, amount_left = room(approval, used)
        if seconds_left is not None:
            given = min(given, max(0, int(seconds_left)))
        if amount_left is not None:
            on_line = used["lines"].get(priced["line"], 0)
            given = min(given, fitting(given, on_line, amount_left, priced))
    write_down(approval, given, priced, used)
    return given


def cut(secs: int, priced: Facts, approvals: list[Facts], used: Used) -> int:
    """Seconds of ``secs`` that several approvals give in turn."""
    rest = secs
    for approval in approvals:
        if has_room(approval, used):
            rest -= take(approval, rest, priced, used)
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
