"""Generated lives: contracts of mixed models over up to two years, as plain scenarios.

``lives(features)`` draws only from what is named in ``features``, so that the comparison with the
product can be switched on piece by piece. A life is a scenario of plain dicts, lists and words: a
failing example can be saved as a case.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from tests.oracle.days import add_months
from tests.oracle.numbers import half_up, text

#: All that a life can have. Models first, then what is done to them.
FEATURES = frozenset(
    {
        "fee", "refund", "time", "contingent", "pool", "block", "quota", "milestone", "item",
        "rounding", "surcharge_price", "surcharge_hours", "approvals", "thresholds", "late",
        "ends", "openings", "contracts", "not_billable", "group", "roles",
    }
)  # fmt: skip
#: Lives in which ends move and fees go back, and lives in which work meets limits in money: what
#: all features together have too seldom.
FEES = frozenset({"fee", "refund", "ends", "late", "contracts", "openings"})
LIMITS = frozenset(
    {"time", "contingent", "block", "quota", "approvals", "thresholds", "late", "rounding",
     "surcharge_price", "limits"}
)  # fmt: skip
MODELS = ("fee", "time", "contingent", "pool", "block", "quota")
TAKEN_UP = ("contingent", "pool", "block", "quota")  # time that they pass on may go to their plan

FIRST, LAST = date(2027, 11, 1), date(2029, 3, 31)

FIELDS = {
    "work": {
        "one_of": ["patch", "meeting", "defect", "feature", "foreign", "other"],
        "from": [
            {"text_has": "patch", "is": "patch"},
            {"activity": "meeting", "is": "meeting"},
            {"entry_tag": "defect", "is": "defect"},
            {"entry_tag": "feature", "is": "feature"},
            {"entry_tag": "foreign", "is": "foreign"},
            {"otherwise": "other"},
        ],
    },
}
URGENCY = {
    "urgency": {
        "one_of": ["urgent", "weekend", "normal"],
        "from": [
            {"entry_tag": "urgent", "is": "urgent"},
            {"weekday": ["saturday", "sunday"], "is": "weekend"},
            {"otherwise": "normal"},
        ],
    },
}
MARKED = {
    "pay": {
        "one_of": ["yes", "no"],
        "from": [{"billable": "no", "is": "no"}, {"otherwise": "yes"}],
    },
}
SCOPE = {
    "rules": [
        {"id": "W", "when": {"work": "patch"}, "then": "included", "because": "w"},
        {"id": "I", "when": {"work": "meeting"}, "then": "internal", "because": "i"},
        {"id": "D", "when": {"work": "defect"}, "then": "warranty", "because": "d"},
        {"id": "F", "when": {"work": "feature"}, "then": "change", "because": "f"},
        {"id": "G", "when": {"work": "foreign"}, "then": "third_party", "because": "g"},
    ],
    "otherwise": {"then": "service", "because": "o"},
}


@cache
def boundaries(first: date, last: date) -> list[date]:
    """Month ends and starts, the 15th, the days around the leap day."""
    found = set()
    for year in range(first.year, last.year + 1):
        for month in range(1, 13):
            end = monthrange(year, month)[1]
            found |= {date(year, month, day) for day in (1, 2, 15, 29 if end > 28 else 28, end)}
    found |= {date(2028, 2, 28), date(2028, 2, 29)}
    return sorted(day for day in found if first <= day <= last) or [first]


@cache
def up_to(number: int) -> st.SearchStrategy[int]:
    """Made once: to make strategies takes longer than to draw from them."""
    return st.integers(0, number)


class Dice:
    """Draws of one life. Most of what happens in it happens on a few days and boundaries."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.first, self.last = FIRST, LAST
        self.favourites: list[date] = []
        self.tardy = False  # most of what happens becomes known later

    def busy(self, first: date) -> None:
        """From here on days are drawn from half a year, and often from three of its days."""
        self.first, self.last = first, min(add_months(first, 6), LAST)
        self.favourites = [self.any_day(self.first, self.last) for _ in range(3)]

    def up_to(self, number: int) -> int:
        return self.draw(up_to(number))

    def pick(self, *values: Any) -> Any:
        return values[self.up_to(len(values) - 1)]

    def chance(self, one_in: int) -> bool:
        """True once in so many; shrinks to False."""
        return self.up_to(one_in - 1) == one_in - 1

    def any_day(self, first: date, last: date) -> date:
        """Any day, but boundaries far more often."""
        if self.up_to(3) < 3:
            some = boundaries(first, last)
            return some[self.up_to(len(some) - 1)]
        return first + timedelta(days=self.up_to((last - first).days))

    def day(self, first: date | None = None, last: date | None = None) -> date:
        """A day of the busy time, or of the days given."""
        first, last = first or self.first, last or self.last
        some = [day for day in self.favourites if first <= day <= last]
        if some and self.up_to(2) == 2:
            return self.pick(*some)
        soon = max(first, min(last, self.last))
        return self.any_day(first, last if self.chance(5) else soon)


HOURS = (
    "0",
    "0.25",
    "0.33",
    "0.0833",
    "1",
    "1.5",
    "2",
    "2.01",
    "4",
    "5",
    "7.75",
    "10",
    "0.3333333",
    "0.002",
    "0.6666667",
    "0.1902778",
    "2.8097222",
)
PRICES = ("95.50", "100", "0", "10", "49.00", "99.995", "33.33")


def price(dice: Dice, with_dates: bool = True) -> Any:
    """A price, sometimes with dates."""
    if not with_dates or not dice.chance(3):
        return dice.pick(*PRICES)
    steps = {"always": dice.pick(*PRICES)}
    steps[dice.day().isoformat()] = dice.pick(*PRICES)
    return steps


def amount(dice: Dice, *values: str) -> Any:
    """Hours (or a count), sometimes resized."""
    if not dice.chance(4):
        return dice.pick(*values)
    return {"always": dice.pick(*values), dice.day().isoformat(): dice.pick(*values)}


def period_words(dice: Dice, arrears: bool = True) -> dict[str, str]:
    words = {}
    every = dice.pick(1, 1, 1, 3, 2, 12)
    align = "start" if every == 2 or dice.chance(3) else "calendar"
    words["every"] = "1 month" if every == 1 else f"{every} months"
    words["align"] = align
    words["timing"] = dice.pick("arrears", "advance") if arrears else "advance"
    if words["timing"] == "advance" and dice.chance(4):
        words["lead_days"] = dice.pick("5", "1")
    return words


def rates(dice: Dice) -> dict[str, Any]:
    return {"role": {"senior": dice.pick("120.00", "0")}, "default": "90.00"}


# Plans: each returns (component words, parameters of the term)


def fee(dice: Dice, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(dice)
    words["per"] = dice.pick("month", "period")
    words["proration"] = dice.pick("daily", "started_months", "none")
    if words["timing"] == "advance" and "refund" in features and dice.chance(2):
        words["refund"] = dice.pick("unused_months", "daily")
        words["keep_months"] = dice.pick("0", "1", "2")
    parameters = {"price": price(dice)}
    if dice.chance(4):
        parameters["quantity"] = amount(dice, "2", "0", "3")
    return words, parameters


def time(dice: Dice, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(dice)
    words.pop("timing")
    words.pop("lead_days", None)
    if dice.chance(3):
        words["group_by"] = dice.pick("ticket", "project")
    if dice.chance(4):
        words["rates"] = rates(dice)
    return words, {"price": price(dice)}


def contingent(dice: Dice, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(dice)
    words["proration"] = dice.pick("none", "daily")
    words["beyond"] = dice.pick("bill", "hold", "next")
    parameters = {"hours": amount(dice, "2", "1", "0", "4.5", "10"), "price": price(dice)}
    if words["beyond"] == "bill" and dice.chance(2):
        parameters["beyond_price"] = price(dice)
    return words, parameters


def pool(dice: Dice, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words, parameters = contingent(dice, features)
    if dice.chance(2):
        words["carry_periods"] = dice.pick("0", "1", "2")
    if dice.chance(2):
        words["carry_cap"] = dice.pick("1", "0", "2.5")
    if dice.chance(2):
        words["deficit_limit"] = dice.pick("0", "1", "4")
    words["settle"] = dice.pick("none", "bill_deficit", "refund_credit", "both")
    return words, parameters


def block(dice: Dice, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = {"empty": dice.pick("hold", "bill", "next", "top_up")}
    if dice.chance(2):
        words["validity"] = dice.pick("1 month", "3 months", "12 months")
    if dice.chance(3):
        words["leftover"] = "refund"
    if dice.chance(3):
        words["notify_left"] = ["20", "10"]
    if dice.chance(3):
        words["notify_days"] = dice.pick("14", "0")
    parameters = {"hours": amount(dice, "5", "2", "1"), "price": price(dice)}
    if words["empty"] == "bill" and dice.chance(2):
        parameters["beyond_price"] = price(dice)
    return words, parameters


def quota(dice: Dice, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(dice)
    words["proration"] = dice.pick("none", "daily")
    words["beyond"] = dice.pick("bill", "hold", "next")
    parameters = {"requests": amount(dice, "1", "2", "0", "3"), "price": price(dice)}
    if words["beyond"] == "bill":
        if dice.chance(2):
            parameters["beyond_price"] = price(dice)
        else:
            words["rates"] = rates(dice)
    return words, parameters


MAKERS = {
    "fee": fee,
    "time": time,
    "contingent": contingent,
    "pool": pool,
    "block": block,
    "quota": quota,
}


def rounding(dice: Dice) -> dict[str, str]:
    words = {"to": dice.pick("15m", "30m", "6m", "1h")}
    words["mode"] = dice.pick("up", "nearest", "down")
    words["per"] = dice.pick("ticket", "entry", "ticket_day", "day", "period")
    if dice.chance(3):
        words["minimum"] = dice.pick("15m", "30m", "1h")
    return words


def surcharges(dice: Dice, features: frozenset[str]) -> list[dict[str, Any]]:
    found = []
    kinds = [kind for kind in ("price", "hours") if f"surcharge_{kind}" in features]
    for number in range(dice.up_to(2) if kinds else 0):
        found.append(
            {
                "id": f"U{number}",
                "when": {"urgency": dice.pick("urgent", "weekend")},
                "times": dice.pick("1.5", "2", "1.25", "0.5"),
                "on": dice.pick(*kinds),
                "because": "u",
            }
        )
    return found


def approval_rules(dice: Dice, features: frozenset[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    asked = [["change"], ["change", "third_party"]]
    if "limits" in features:
        asked = [["change", "service"]]
    if "approvals" in features and not dice.chance(3):
        found.append(
            {
                "id": "A1",
                "when": {"disposition": dice.pick(*asked)},
                "require": "approval",
                "per": dice.pick("ticket", "contract", "period"),
                "retroactive": dice.pick("no", "yes"),
                "because": "a",
            }
        )
    if "thresholds" in features and dice.chance(2):
        kind = dice.pick("amount", "hours")
        watch = {
            kind: (per := dice.pick("period", "ticket", "contract")),
            "budget": dice.pick("200", "100", "955") if kind == "amount" else dice.pick("2", "5"),
            "notify_at": dice.pick(["80", "100"], ["50"]),
            **({"period": dice.pick("month", "quarter", "year")} if per == "period" else {}),
            "hold": dice.pick("no", "yes"),
        }
        found.append({"id": "B1", "watch": watch})
    return found


@st.composite
def lives(draw: st.DrawFn, features: frozenset[str] = FEATURES) -> dict[str, Any]:
    """One life; ``features`` says what it may have."""
    dice = Dice(draw)
    begin = dice.any_day(FIRST, date(2028, 5, 31))
    dice.busy(begin)
    dice.tardy = "late" in features and dice.chance(3)
    policy: dict[str, Any] = {"fields": FIELDS, "scope": SCOPE, "plans": {}}
    if "rounding" in features and dice.chance(2):
        policy["rounding"] = rounding(dice)
    extra = surcharges(dice, features)
    if extra:
        policy["surcharges"] = extra
        policy["fields"] = {**FIELDS, **URGENCY}
    if "not_billable" in features and dice.chance(5):
        policy["fields"] = {**policy["fields"], **MARKED}
        then = dice.pick("included", "service", "change")
        rule = {"id": "N", "when": {"pay": "no"}, "then": then, "because": "n"}
        policy["scope"] = {**SCOPE, "rules": [rule, *SCOPE["rules"]]}
    rules = approval_rules(dice, features)
    if rules:
        policy["approvals"] = rules
    if "contracts" in features and dice.chance(5):
        policy["drafts"] = {"group_by": "customer"}
    book: dict[str, Any] = {
        "company": {"rounding_method": dice.pick("global", "line")},
        "employees": [{"id": "u2", "role": "senior"}],
        "projects": [{"id": "P", "customer": "c1"}],
        "tickets": [{"id": name, "customer": "c1"} for name in ("t1", "t2", "t3")],
    }
    if "roles" in features and dice.chance(4):
        role = {"id": "u2", "role": "junior", "since": dice.day().isoformat()}
        book["employees"].append(role)
    book["contracts"] = _contracts(dice, features, policy, begin)
    book["entries"] = _entries(dice, features)
    if "group" in features and dice.chance(5):
        _group(dice, book)
    for rule in policy.get("approvals", []):
        if "amount" in rule.get("watch", {}) and dice.chance(3):
            rule["watch"]["budget"] = _met_exactly(dice, book)
    for name, make in (
        ("purchases", _purchases),
        ("approvals", _approvals),
        ("acceptances", _acceptances),
        ("items", _items),
        ("openings", _openings),
    ):
        rows = make(dice, features, policy, book)
        if rows:
            book[name] = rows
    if book["entries"] and dice.chance(6):
        book["overrides"] = [
            {
                "entry": dice.pick(*[row["id"] for row in book["entries"]]),
                "disposition": dice.pick("written_off", "included", "service"),
                "reason": "because",
            }
        ]
    runs = _runs(dice, features, policy, book)
    return {"title": "a life", "policy": policy, "book": book, "runs": runs}


def _contracts(
    dice: Dice, features: frozenset[str], policy: dict[str, Any], begin: date
) -> list[dict[str, Any]]:
    found = []
    models = [model for model in MODELS if model in features]
    for number in range(1 + min(dice.up_to(2), dice.up_to(2)) if "contracts" in features else 1):
        start = begin if number == 0 else dice.day()
        covers: Any = ("customer", {"projects": ["P"]}, {"tickets": ["t3"]})[number]
        contract: dict[str, Any] = {
            "code": f"C{number + 1}",
            "start": start.isoformat(),
            "covers": covers,
        }
        if dice.chance(3):
            contract["end"] = dice.day(start, LAST).isoformat()
        terms = []
        for place in range(1 + dice.up_to(2)):
            model = dice.pick(*models)
            words, parameters = MAKERS[model](dice, features)
            plan = f"{model}{number + 1}{place + 1}"
            components: list[dict[str, Any]] = [{model: words}]
            if model in TAKEN_UP and "time" in features and dice.chance(6):
                components.append({"time": {**time(dice, features)[0], "rates": rates(dice)}})
            policy["plans"][plan] = {"title": plan, "components": components}
            term = {"id": f"T{place + 1}", "plan": plan, **parameters}
            if dice.chance(3):
                term["takes"] = dice.pick(["service", "change"], ["change"], ["third_party"])
            else:
                term["takes"] = ["service", "change", "third_party"]
            if dice.chance(3):
                term["priority"] = dice.pick("1", "2")
            if dice.chance(4):
                term["discount"] = dice.pick("10", "33.3")
            if dice.chance(8):
                term["from"] = dice.day(start, LAST).isoformat()
            terms.append(term)
        if "milestone" in features and number == 1 and dice.chance(2):
            parts = dice.pick(["a", "b", "c"], {"a": "30", "b": "70"})
            component = {"milestone": {"parts": parts}}
            policy["plans"]["stones"] = {"title": "stones", "components": [component]}
            terms.append(
                {"id": "M", "plan": "stones", "price": "1000.01", "takes": ["change"],
                 "priority": "-1"}
            )  # fmt: skip
        contract["terms"] = terms
        for term in terms:
            if "end" in contract and term.get("from", "") > contract["end"]:
                del term["from"]
            if dice.chance(8):
                first = date.fromisoformat(max(contract["start"], term.get("from", "")))
                last = date.fromisoformat(contract.get("end", LAST.isoformat()))
                term["until"] = dice.day(first, last).isoformat()
        found.append(contract)
    return found


def _group(dice: Dice, book: dict[str, Any]) -> None:
    """Two companies belong to the customer; contracts, tickets and work may be of one of them."""
    customers = ({"id": "c1"}, {"id": "b1", "parent": "c1"}, {"id": "b2", "parent": "b1"})
    book["customers"] = list(customers)
    for number, contract in enumerate(book["contracts"]):
        contract["customer"] = dice.pick("c1", "b1", "b2") if number else dice.pick("c1", "b1")
        if number == 1 and dice.chance(2) and contract["customer"] != "c1":
            book["contracts"][0]["customer"] = "c1"
            contract["covers"] = "customer"
            own = [term for term in contract["terms"] if term["id"] != "M"]
            contract["terms"] = own  # a fixed price for a whole customer takes no time
    for row in (*book["tickets"], *book["entries"]):
        if dice.chance(2):
            row["customer"] = dice.pick("c1", "b1", "b2")


def _met_exactly(dice: Dice, book: dict[str, Any]) -> str:
    """Money that so many hours of some term cost."""
    terms = [term for one in book["contracts"] for term in one["terms"]]
    found = dice.pick(*terms).get("price", "100")
    price = found["always"] if isinstance(found, dict) else found
    hours = Fraction(dice.pick("1", "3", "0.25", "4.16"))
    return text(max(half_up(Fraction(price) * hours, 2), Fraction(1)), 2)


def _entries(dice: Dice, features: frozenset[str]) -> list[dict[str, Any]]:
    found = []
    for number in range(max(dice.up_to(12), dice.up_to(12))):
        row = {"id": f"e{number + 1}", "date": dice.day().isoformat(), "hours": dice.pick(*HOURS)}
        if dice.chance(15):
            row["hours"] = dice.pick("-1", "-0.25", "0")
        ticket = dice.pick("", "t1", "t2", "t3")
        if ticket:
            row["ticket"] = ticket
        if dice.chance(3):
            row["project"] = "P"
        if not ticket and "project" not in row:
            row["customer"] = "c1"
        kind = dice.pick("", "", "", "feature", "feature", "foreign", "defect", "patch", "meeting")
        if kind == "patch":
            row["text"] = "a patch"
        elif kind == "meeting":
            row["activity"] = "meeting"
        elif kind:
            row["tags"] = kind
        if dice.chance(4):
            row["tags"] = ";".join(filter(None, (row.get("tags", ""), "urgent")))
        if dice.chance(6):
            row["employee"] = "u2"
        if dice.chance(12):
            row["billed_elsewhere"] = "INV/1"
        if "not_billable" in features and dice.chance(12):
            row["billable"] = "no"
        found.append(row)
    return found


def _terms(book: dict[str, Any], policy: dict[str, Any], model: str) -> list[tuple[Any, Any]]:
    return [
        (contract, term)
        for contract in book["contracts"]
        for term in contract["terms"]
        if model in policy["plans"][term["plan"]]["components"][0]
    ]


def _purchases(
    dice: Dice, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    found = []
    for contract, term in _terms(book, policy, "block"):
        first = date.fromisoformat(max(contract["start"], term.get("from", "")))
        last = date.fromisoformat(term.get("until") or contract.get("end") or LAST.isoformat())
        for _ in range(dice.up_to(3)):
            row = {
                "id": f"L{len(found) + 1}",
                "contract": contract["code"],
                "term": term["id"],
                "date": dice.day(first, max(first, min(last, add_months(first, 8)))).isoformat(),
                "hours": dice.pick("5", "1", "2", "4"),
            }
            if dice.chance(2):
                row["price"] = dice.pick("90", "80.50")
            if dice.chance(3):
                row["validity"] = dice.pick("1 month", "3 months")
            if dice.chance(3):
                row["invoice"] = "INV/9"
            found.append(row)
    return found


def _approvals(
    dice: Dice, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    if not any("require" in rule for rule in policy.get("approvals", [])):
        return []
    found = []
    limits = "limits" in features
    for number in range(dice.up_to(4) + limits):
        state = dice.pick("approved", "approved", "approved", "rejected", "pending")
        state = "approved" if limits else state
        row = {
            "id": f"a{number + 1}",
            "contract": dice.pick(*[one["code"] for one in book["contracts"]]),
            "tickets": dice.pick("", "t1", "t1;t2", "t3"),
            "state": state,
        }
        if state != "pending":
            row["decided_on"] = dice.day().isoformat()
            if limits and dice.chance(2):
                row["decided_on"] = FIRST.isoformat()
        if state == "approved":
            if dice.chance(2):
                row["limit_hours"] = dice.pick("1", "2", "0.5", "4")
            if limits or dice.chance(3):
                row["limit_amount"] = dice.pick("95.50", "100.00", "200", "1000.00")
                if dice.chance(2):
                    row["limit_amount"] = _met_exactly(dice, book)
            if dice.chance(4):
                row["expires_on"] = dice.day().isoformat()
        found.append(row)
    return found


def _acceptances(
    dice: Dice, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    found = []
    for contract, term in _terms(book, policy, "milestone"):
        parts = policy["plans"][term["plan"]]["components"][0]["milestone"]["parts"]
        for part in parts:
            if dice.chance(2):
                day = dice.day(date.fromisoformat(contract["start"]), LAST).isoformat()
                found.append(
                    {"id": f"x{len(found) + 1}", "contract": contract["code"], "term": term["id"],
                     "part": part, "date": day}
                )  # fmt: skip
    return found


def _items(
    dice: Dice, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    if "item" not in features or not dice.chance(3):
        return []
    contract = dice.pick(*book["contracts"])
    return [
        {
            "id": "i1",
            "contract": contract["code"],
            "date": dice.day(date.fromisoformat(contract["start"]), LAST).isoformat(),
            "text": "travel",
            "quantity": dice.pick("1", "2.5", "-1"),
            "price": dice.pick("40", "0.33", "0"),
        }
    ]


def _openings(
    dice: Dice, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    """At go-live: mostly the end of a month in which every contract already ran."""
    if "openings" not in features or not dice.chance(3):
        return []
    found = []
    for contract in book["contracts"]:
        start = date.fromisoformat(contract["start"])
        day = add_months(start.replace(day=1), 2) - timedelta(days=1)
        if dice.chance(4):
            day = dice.day(start, day)
        if contract.get("end", "9999") <= day.isoformat():
            continue
        for term in contract["terms"]:
            model = next(iter(policy["plans"][term["plan"]]["components"][0]))
            if model == "milestone" or term.get("from"):
                continue
            row = {
                "contract": contract["code"],
                "term": term["id"],
                "date": day.isoformat(),
                "billed_until": day.isoformat(),
            }
            if model == "quota" and dice.chance(2):
                row["hours"] = dice.pick("1", "2", "0")
            if model in ("contingent", "pool", "block"):
                row["hours"] = dice.pick("3", "0", "1.5")
                if model == "pool":
                    row["hours"] = dice.pick("3", "-2", "0")
                if model == "block" and dice.chance(2):
                    row["valid_until"] = add_months(day, 2).isoformat()
            if model in TAKEN_UP and dice.chance(4):
                row["valid_until"] = dice.day(day, LAST).isoformat()
            if model == "block" and dice.chance(3):
                found.append({**row, "lot": "Z", "hours": "2", "price": "12.34"})
            found.append(row)
    return found


def _runs(
    dice: Dice, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    start = min(date.fromisoformat(contract["start"]) for contract in book["contracts"])
    early = start if dice.chance(3) else min(add_months(start, 2), LAST)
    count = 2 + dice.up_to(3) if dice.tardy else 1 + max(dice.up_to(3), dice.up_to(3))
    moments = sorted(dice.day(early, LAST) for _ in range(count))
    runs: list[dict[str, Any]] = [
        {"as_of": day.isoformat(), "do": dice.pick("bill", "bill", "bill", "bill", "preview")}
        for day in moments
    ]
    if dice.tardy and dice.chance(2):
        _again(dice, runs)
    bought: dict[str, list[date]] = {}
    for row in book.get("purchases", []):
        bought.setdefault(row["contract"], []).append(date.fromisoformat(row["date"]))
    if len(runs) > 1 and "late" in features:
        _late(dice, book, runs)
    if len(runs) > 1 and "ends" in features:
        for contract in book["contracts"]:
            if dice.chance(2):
                _end(dice, contract, runs, policy, bought.get(contract["code"], []))
    return runs


def _end(
    dice: Dice,
    contract: dict[str, Any],
    runs: list[dict[str, Any]],
    policy: dict[str, Any],
    bought: list[date],
) -> None:
    """An end becomes known, or another one; sometimes twice.

    Days that a run has closed stay days of the contract, as what is billed for time behind an end
    is a difference; only of what is billed ahead an earlier end brings more.
    """
    plans = [policy["plans"][term["plan"]]["components"] for term in contract["terms"]]
    ahead = all(list(component) == ["fee"] for plan in plans for component in plan)
    end, number = contract.get("end"), 0
    while number < len(runs) - 1 and (number == 0 or dice.chance(2)):
        number += 1 + dice.up_to(len(runs) - 2 - number)
        before = runs[number - 1]["as_of"]
        over = (end or before) < before
        if over and not ahead:
            return
        days = [date.fromisoformat(contract["start"]), *bought]
        days += [date.fromisoformat(max(term.get("from", ""), term.get("until", "2000-01-01")))
                 for term in contract["terms"]]  # fmt: skip
        if not ahead:
            days.append(date.fromisoformat(before))
        first = max(days)
        last = date.fromisoformat(end) if over and end else max(first, LAST)
        if last < first:
            return
        end = dice.day(first, last).isoformat()
        changed = {"code": contract["code"], "end": end}
        runs[number].setdefault("change", {}).setdefault("contracts", []).append(changed)


def _again(dice: Dice, runs: list[dict[str, Any]]) -> None:
    """Runs within a few days of each other, so that late facts of several stand at one place."""
    place = dice.up_to(len(runs) - 1)
    day = date.fromisoformat(runs[place]["as_of"])
    for _ in range(1 + dice.up_to(1)):
        day += timedelta(days=dice.up_to(2))
        place += 1
        runs.insert(place, {"as_of": day.isoformat(), "do": "bill"})
    runs.sort(key=lambda run: str(run["as_of"]))


#: What says how much may pass by an approval.
_LIMITS = ("limit_hours", "limit_amount")


def _late(dice: Dice, book: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    """Facts that become known later, mostly after their month was billed."""
    limited = any(name in row for row in book.get("approvals", []) for name in _LIMITS)
    for name in ("entries", "purchases", "approvals"):
        for row in list(book.get(name, [])):
            if dice.chance(3) or (dice.tardy and dice.chance(2)):
                book[name].remove(row)
                day = date.fromisoformat(row.get("date") or row.get("decided_on") or "2000-01-01")
                run = _run_after(dice, runs, day)
                if name == "approvals" and limited:
                    # What billed work has used is worked out by the approvals of today: entered
                    # later than the run after its day, one would have been used before.
                    run = next((one for one in runs if one["as_of"] >= day.isoformat()), run)
                run.setdefault("add", {}).setdefault(name, []).append(row)
    for row in book.get("approvals", []):
        if row["state"] != "approved" and dice.chance(3):
            changed = {"id": row["id"], "state": "approved", "decided_on": dice.day().isoformat()}
            run = runs[1 + dice.up_to(len(runs) - 2)]
            run.setdefault("change", {}).setdefault("approvals", []).append(changed)
    for row in book.get("entries", []):
        if dice.chance(12):
            row["validated"] = "no"
            changed = {"id": row["id"], "validated": "yes"}
            if dice.chance(3):
                changed |= _otherwise(dice)
            run = _run_after(dice, runs, date.fromisoformat(row["date"]))
            run.setdefault("change", {}).setdefault("entries", []).append(changed)
    known = {row["id"] for row in book["entries"]}
    if any(row["entry"] not in known for row in book.get("overrides", [])):
        book.pop("overrides")


def _otherwise(dice: Dice) -> dict[str, Any]:
    """What somebody puts right of an entry before it is validated."""
    return dice.pick(
        {"hours": dice.pick(*HOURS)},
        {"date": dice.day().isoformat()},
        {"tags": dice.pick("feature", "defect", "urgent")},
        {"ticket": dice.pick("t1", "t3"), "hours": dice.pick(*HOURS)},
        {"employee": "u2"},
    )  # type: ignore[no-any-return]


def _run_after(dice: Dice, runs: list[dict[str, Any]], day: date) -> dict[str, Any]:
    """A later run than the first, mostly one before which the month of ``day`` was billed."""
    over = add_months(day.replace(day=1), 1).isoformat()
    found = [run for before, run in pairwise(runs) if before["as_of"] >= over]
    if found and not dice.chance(5):
        return found[dice.up_to(len(found) - 1)]
    return runs[1 + dice.up_to(len(runs) - 2)]
