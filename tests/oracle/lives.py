"""Generated lives: contracts of mixed models over up to two years, as plain scenarios.

``lives(features)`` draws only from what is named in ``features``, so that the comparison with the
product can be switched on piece by piece. A life is a scenario of plain dicts, lists and words: a
failing example can be saved as a case.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from tests.oracle.days import add_months

#: All that a life can have. Models first, then what is done to them.
FEATURES = frozenset(
    {
        "fee", "refund", "time", "contingent", "pool", "block", "quota", "milestone", "item",
        "rounding", "surcharge_price", "surcharge_hours", "approvals", "thresholds", "late",
        "ends", "openings", "contracts",
    }
)  # fmt: skip
MODELS = ("fee", "time", "contingent", "pool", "block", "quota")

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


def days(draw: st.DrawFn, first: date = FIRST, last: date = LAST) -> date:
    """Any day, but boundaries far more often."""
    if draw(up_to(3)) < 3:
        some = boundaries(first, last)
        return some[draw(up_to(len(some) - 1))]
    return first + timedelta(days=draw(up_to((last - first).days)))


def pick(draw: st.DrawFn, *values: Any) -> Any:
    return values[draw(up_to(len(values) - 1))]


def chance(draw: st.DrawFn, one_in: int) -> bool:
    """True once in so many; shrinks to False."""
    return draw(up_to(one_in - 1)) == one_in - 1


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
)
PRICES = ("95.50", "100", "0", "10", "49.00", "99.995", "33.33")


def price(draw: st.DrawFn, with_dates: bool = True) -> Any:
    """A price, sometimes with dates."""
    if not with_dates or not chance(draw, 3):
        return pick(draw, *PRICES)
    steps = {"always": pick(draw, *PRICES)}
    steps[days(draw).isoformat()] = pick(draw, *PRICES)
    return steps


def amount(draw: st.DrawFn, *values: str) -> Any:
    """Hours (or a count), sometimes resized."""
    if not chance(draw, 4):
        return pick(draw, *values)
    return {"always": pick(draw, *values), days(draw).isoformat(): pick(draw, *values)}


def period_words(draw: st.DrawFn, arrears: bool = True) -> dict[str, str]:
    words = {}
    every = pick(draw, 1, 1, 1, 3, 2, 12)
    align = "start" if every == 2 or chance(draw, 3) else "calendar"
    words["every"] = "1 month" if every == 1 else f"{every} months"
    words["align"] = align
    words["timing"] = pick(draw, "arrears", "advance") if arrears else "advance"
    if words["timing"] == "advance" and chance(draw, 4):
        words["lead_days"] = pick(draw, "5", "1")
    return words


def rates(draw: st.DrawFn) -> dict[str, Any]:
    return {"role": {"senior": pick(draw, "120.00", "0")}, "default": "90.00"}


# Plans: each returns (component words, parameters of the term)


def fee(draw: st.DrawFn, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(draw)
    words["per"] = pick(draw, "month", "period")
    words["proration"] = pick(draw, "daily", "started_months", "none")
    able = words["proration"] != "none"  # it charges what it would have to return
    if able and words["timing"] == "advance" and "refund" in features and chance(draw, 2):
        words["refund"] = "unused_months"
        if words["proration"] == "daily" and chance(draw, 2):
            words["refund"] = "daily"
        words["keep_months"] = pick(draw, "0", "1", "2")
    parameters = {"price": price(draw)}
    if chance(draw, 4):
        parameters["quantity"] = amount(draw, "2", "0", "3")
    return words, parameters


def time(draw: st.DrawFn, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(draw)
    words.pop("timing")
    words.pop("lead_days", None)
    if chance(draw, 3):
        words["group_by"] = pick(draw, "ticket", "project")
    if chance(draw, 4):
        words["rates"] = rates(draw)
    return words, {"price": price(draw)}


def contingent(draw: st.DrawFn, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(draw)
    words["proration"] = pick(draw, "none", "daily")
    words["beyond"] = pick(draw, "bill", "hold", "next")
    parameters = {"hours": amount(draw, "2", "1", "0", "4.5", "10"), "price": price(draw)}
    if words["beyond"] == "bill" and chance(draw, 2):
        parameters["beyond_price"] = price(draw)
    return words, parameters


def pool(draw: st.DrawFn, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words, parameters = contingent(draw, features)
    if chance(draw, 2):
        words["carry_periods"] = pick(draw, "0", "1", "2")
    if chance(draw, 2):
        words["carry_cap"] = pick(draw, "1", "0", "2.5")
    if chance(draw, 2):
        words["deficit_limit"] = pick(draw, "0", "1", "4")
    words["settle"] = pick(draw, "none", "bill_deficit", "refund_credit", "both")
    return words, parameters


def block(draw: st.DrawFn, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = {"empty": pick(draw, "hold", "bill", "next", "top_up")}
    if chance(draw, 2):
        words["validity"] = pick(draw, "1 month", "3 months", "12 months")
    if chance(draw, 3):
        words["leftover"] = "refund"
    if chance(draw, 3):
        words["notify_left"] = ["20", "10"]
    if chance(draw, 3):
        words["notify_days"] = pick(draw, "14", "0")
    parameters = {"hours": amount(draw, "5", "2", "1"), "price": price(draw)}
    if words["empty"] == "bill" and chance(draw, 2):
        parameters["beyond_price"] = price(draw)
    return words, parameters


def quota(draw: st.DrawFn, features: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    words: dict[str, Any] = period_words(draw)
    words["proration"] = pick(draw, "none", "daily")
    words["beyond"] = pick(draw, "bill", "hold", "next")
    parameters = {"requests": amount(draw, "1", "2", "0", "3"), "price": price(draw)}
    if words["beyond"] == "bill":
        if chance(draw, 2):
            parameters["beyond_price"] = price(draw)
        else:
            words["rates"] = rates(draw)
    return words, parameters


MAKERS = {
    "fee": fee,
    "time": time,
    "contingent": contingent,
    "pool": pool,
    "block": block,
    "quota": quota,
}


def rounding(draw: st.DrawFn) -> dict[str, str]:
    words = {"to": pick(draw, "15m", "30m", "6m", "1h")}
    words["mode"] = pick(draw, "up", "nearest", "down")
    words["per"] = pick(draw, "ticket", "entry", "ticket_day", "day", "period")
    if chance(draw, 3):
        words["minimum"] = pick(draw, "15m", "30m", "1h")
    return words


def surcharges(draw: st.DrawFn, features: frozenset[str]) -> list[dict[str, Any]]:
    found = []
    kinds = [kind for kind in ("price", "hours") if f"surcharge_{kind}" in features]
    for number in range(draw(up_to(2)) if kinds else 0):
        found.append(
            {
                "id": f"U{number}",
                "when": {"urgency": pick(draw, "urgent", "weekend")},
                "times": pick(draw, "1.5", "2", "1.25", "0.5"),
                "on": pick(draw, *kinds),
                "because": "u",
            }
        )
    return found


def approval_rules(draw: st.DrawFn, features: frozenset[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "approvals" in features and not chance(draw, 3):
        found.append(
            {
                "id": "A1",
                "when": {"disposition": pick(draw, ["change"], ["change", "third_party"])},
                "require": "approval",
                "per": pick(draw, "ticket", "contract", "period"),
                "retroactive": pick(draw, "no", "yes"),
                "because": "a",
            }
        )
    if "thresholds" in features and chance(draw, 2):
        kind = pick(draw, "amount", "hours")
        watch = {
            kind: pick(draw, "period", "ticket", "contract"),
            "budget": pick(draw, "200", "100", "955") if kind == "amount" else pick(draw, "2", "5"),
            "notify_at": pick(draw, ["80", "100"], ["50"]),
            "period": pick(draw, "month", "quarter", "year"),
            "hold": pick(draw, "no", "yes"),
        }
        found.append({"id": "B1", "watch": watch})
    return found


@st.composite
def lives(draw: st.DrawFn, features: frozenset[str] = FEATURES) -> dict[str, Any]:
    """One life; ``features`` says what it may have."""
    policy: dict[str, Any] = {"fields": FIELDS, "scope": SCOPE, "plans": {}}
    if "rounding" in features and chance(draw, 2):
        policy["rounding"] = rounding(draw)
    extra = surcharges(draw, features)
    if extra:
        policy["surcharges"] = extra
        policy["fields"] = {**FIELDS, **URGENCY}
    rules = approval_rules(draw, features)
    if rules:
        policy["approvals"] = rules
    book: dict[str, Any] = {
        "company": {"rounding_method": pick(draw, "global", "line")},
        "employees": [{"id": "u2", "role": "senior"}],
        "projects": [{"id": "P", "customer": "c1"}],
        "tickets": [{"id": name, "customer": "c1"} for name in ("t1", "t2", "t3")],
    }
    book["contracts"] = _contracts(draw, features, policy)
    book["entries"] = _entries(draw)
    for name, make in (
        ("purchases", _purchases),
        ("approvals", _approvals),
        ("acceptances", _acceptances),
        ("items", _items),
        ("openings", _openings),
    ):
        rows = make(draw, features, policy, book)
        if rows:
            book[name] = rows
    if book["entries"] and chance(draw, 6):
        book["overrides"] = [
            {
                "entry": pick(draw, *[row["id"] for row in book["entries"]]),
                "disposition": pick(draw, "written_off", "included", "service"),
                "reason": "because",
            }
        ]
    runs = _runs(draw, features, book)
    return {"title": "a life", "policy": policy, "book": book, "runs": runs}


def _contracts(
    draw: st.DrawFn, features: frozenset[str], policy: dict[str, Any]
) -> list[dict[str, Any]]:
    found = []
    models = [model for model in MODELS if model in features]
    for number in range(1 + draw(up_to(2)) if "contracts" in features else 1):
        start = days(draw, FIRST, date(2028, 4, 30))
        covers: Any = ("customer", {"projects": ["P"]}, {"tickets": ["t3"]})[number]
        contract: dict[str, Any] = {
            "code": f"C{number + 1}",
            "start": start.isoformat(),
            "covers": covers,
        }
        if chance(draw, 3):
            contract["end"] = days(draw, start, LAST).isoformat()
        terms = []
        for place in range(1 + draw(up_to(2))):
            model = pick(draw, *models)
            words, parameters = MAKERS[model](draw, features)
            plan = f"{model}{number + 1}{place + 1}"
            policy["plans"][plan] = {"title": plan, "components": [{model: words}]}
            term = {"id": f"T{place + 1}", "plan": plan, **parameters}
            if chance(draw, 3):
                term["takes"] = pick(draw, ["service", "change"], ["change"], ["third_party"])
            else:
                term["takes"] = ["service", "change", "third_party"]
            if chance(draw, 3):
                term["priority"] = pick(draw, "1", "2")
            if chance(draw, 4):
                term["discount"] = pick(draw, "10", "33.3")
            if chance(draw, 8):
                term["from"] = days(draw, start, LAST).isoformat()
            terms.append(term)
        if "milestone" in features and number == 1 and chance(draw, 2):
            parts = pick(draw, ["a", "b", "c"], {"a": "30", "b": "70"})
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
        found.append(contract)
    return found


def _entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(up_to(12))):
        row = {"id": f"e{number + 1}", "date": days(draw).isoformat(), "hours": pick(draw, *HOURS)}
        if chance(draw, 15):
            row["hours"] = pick(draw, "-1", "-0.25")
        ticket = pick(draw, "", "t1", "t2", "t3")
        if ticket:
            row["ticket"] = ticket
        if chance(draw, 3):
            row["project"] = "P"
        if not ticket and "project" not in row:
            row["customer"] = "c1"
        kind = pick(draw, "", "", "", "feature", "feature", "foreign", "defect", "patch", "meeting")
        if kind == "patch":
            row["text"] = "a patch"
        elif kind == "meeting":
            row["activity"] = "meeting"
        elif kind:
            row["tags"] = kind
        if chance(draw, 4):
            row["tags"] = ";".join(filter(None, (row.get("tags", ""), "urgent")))
        if chance(draw, 6):
            row["employee"] = "u2"
        if chance(draw, 12):
            row["billed_elsewhere"] = "INV/1"
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
    draw: st.DrawFn, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    found = []
    for contract, term in _terms(book, policy, "block"):
        first = date.fromisoformat(max(contract["start"], term.get("from", "")))
        last = date.fromisoformat(contract.get("end", LAST.isoformat()))
        for _ in range(draw(up_to(3))):
            row = {
                "id": f"L{len(found) + 1}",
                "contract": contract["code"],
                "term": term["id"],
                "date": days(draw, first, max(first, min(last, add_months(first, 8)))).isoformat(),
                "hours": pick(draw, "5", "1", "2", "4"),
            }
            if chance(draw, 2):
                row["price"] = pick(draw, "90", "80.50")
            if chance(draw, 3):
                row["validity"] = pick(draw, "1 month", "3 months")
            if chance(draw, 3):
                row["invoice"] = "INV/9"
            found.append(row)
    return found


def _approvals(
    draw: st.DrawFn, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    if not any("require" in rule for rule in policy.get("approvals", [])):
        return []
    found = []
    for number in range(draw(up_to(4))):
        state = pick(draw, "approved", "approved", "approved", "rejected", "pending")
        row = {
            "id": f"a{number + 1}",
            "contract": pick(draw, *[one["code"] for one in book["contracts"]]),
            "tickets": pick(draw, "", "t1", "t1;t2", "t3"),
            "state": state,
        }
        if state != "pending":
            row["decided_on"] = days(draw).isoformat()
        if state == "approved":
            if chance(draw, 2):
                row["limit_hours"] = pick(draw, "1", "2", "0.5", "4")
            if chance(draw, 3):
                row["limit_amount"] = pick(draw, "95.50", "100.00", "200", "1000.00")
            if chance(draw, 4):
                row["expires_on"] = days(draw).isoformat()
        found.append(row)
    return found


def _acceptances(
    draw: st.DrawFn, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    found = []
    for contract, term in _terms(book, policy, "milestone"):
        parts = policy["plans"][term["plan"]]["components"][0]["milestone"]["parts"]
        for part in parts:
            if chance(draw, 2):
                day = days(draw, date.fromisoformat(contract["start"]), LAST).isoformat()
                found.append(
                    {"id": f"x{len(found) + 1}", "contract": contract["code"], "term": term["id"],
                     "part": part, "date": day}
                )  # fmt: skip
    return found


def _items(
    draw: st.DrawFn, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    if "item" not in features or not chance(draw, 3):
        return []
    contract = pick(draw, *book["contracts"])
    return [
        {
            "id": "i1",
            "contract": contract["code"],
            "date": days(draw, date.fromisoformat(contract["start"]), LAST).isoformat(),
            "text": "travel",
            "quantity": pick(draw, "1", "2.5", "-1"),
            "price": pick(draw, "40", "0.33", "0"),
        }
    ]


def _openings(
    draw: st.DrawFn, features: frozenset[str], policy: dict[str, Any], book: dict[str, Any]
) -> list[dict[str, Any]]:
    """At go-live: the end of a month in which every contract already ran."""
    if "openings" not in features or not chance(draw, 3):
        return []
    found = []
    for contract in book["contracts"]:
        day = add_months(date.fromisoformat(contract["start"]).replace(day=1), 2) - timedelta(
            days=1
        )
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
            if model in ("contingent", "pool", "block"):
                row["hours"] = pick(draw, "3", "0", "1.5")
                if model == "pool":
                    row["hours"] = pick(draw, "3", "-2", "0")
                if model == "block" and chance(draw, 2):
                    row["valid_until"] = add_months(day, 2).isoformat()
            found.append(row)
    return found


def _runs(draw: st.DrawFn, features: frozenset[str], book: dict[str, Any]) -> list[dict[str, Any]]:
    start = min(date.fromisoformat(contract["start"]) for contract in book["contracts"])
    moments = sorted(days(draw, start, LAST) for _ in range(1 + draw(up_to(3))))
    runs: list[dict[str, Any]] = [
        {"as_of": day.isoformat(), "do": pick(draw, "bill", "bill", "bill", "preview")}
        for day in moments
    ]
    if len(runs) == 1:
        return runs
    if "late" in features:
        for name in ("entries", "purchases", "approvals"):
            for row in list(book.get(name, [])):
                if chance(draw, 5):
                    book[name].remove(row)
                    run = runs[1 + draw(up_to(len(runs) - 2))]
                    run.setdefault("add", {}).setdefault(name, []).append(row)
        for row in book.get("entries", []):
            if chance(draw, 15):
                row["validated"] = "no"
                run = runs[1 + draw(up_to(len(runs) - 2))]
                changed = {"id": row["id"], "validated": "yes"}
                run.setdefault("change", {}).setdefault("entries", []).append(changed)
        known = {row["id"] for row in book["entries"]}
        for row in list(book.get("overrides", [])):
            if row["entry"] not in known:
                book.pop("overrides")
    if "ends" in features:
        for contract in book["contracts"]:
            if "end" not in contract and chance(draw, 2):
                number = 1 + draw(up_to(len(runs) - 2))
                first = max(
                    date.fromisoformat(runs[number - 1]["as_of"]),
                    *[date.fromisoformat(term.get("from", "2000-01-01"))
                      for term in contract["terms"]],
                    date.fromisoformat(contract["start"]),
                )  # fmt: skip
                for rows in (book.get("purchases", []),):
                    days_of = [row["date"] for row in rows if row["contract"] == contract["code"]]
                    first = max([first, *map(date.fromisoformat, days_of)])
                end = days(draw, first, max(first, LAST))
                changed = {"code": contract["code"], "end": end.isoformat()}
                runs[number].setdefault("change", {}).setdefault("contracts", []).append(changed)
    return runs
