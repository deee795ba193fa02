"""Generated histories: contracts and entries biased to boundaries, as scenario fragments."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

FIRST, LAST = date(2027, 11, 1), date(2028, 12, 31)

POLICY = {
    "policy": "p",
    "version": "1",
    "fields": {
        "work": {
            "one_of": ["patch", "meeting", "defect", "big", "other"],
            "from": [
                {"text_has": "patch", "is": "patch"},
                {"activity": "meeting", "is": "meeting"},
                {"entry_tag": "defect", "is": "defect"},
                {"entry_tag": "big", "is": "big"},
                {"otherwise": "other"},
            ],
        },
        "entry_hours": {"number": {"from": "0", "to": "24"}},
    },
    "scope": {
        "rules": [
            {"id": "W", "when": {"work": "patch"}, "then": "included", "because": "w"},
            {"id": "I", "when": {"work": "meeting"}, "then": "internal", "because": "i"},
            {"id": "D", "when": {"work": "defect"}, "then": "warranty", "because": "d"},
            {
                "id": "B",
                "from": "2028-02-29",
                "when": {"work": "big", "entry_hours": {"at_least": "2"}},
                "then": "change",
                "because": "b",
            },
        ],
        "otherwise": {"then": "service", "because": "o"},
    },
    "plans": {
        "fee-year": {"title": "F", "components": [{"fee": {"every": "12 months"}}]},
        "fee-month-arrears": {"title": "F", "components": [{"fee": {"timing": "arrears"}}]},
        "fee-quarter": {
            "title": "F",
            "components": [{"fee": {"per": "period", "every": "3 months"}}],
        },
        "fee-start": {
            "title": "F",
            "components": [{"fee": {"every": "2 months", "align": "start", "lead_days": "5"}}],
        },
        "fee-started": {
            "title": "F",
            "components": [{"fee": {"every": "6 months", "proration": "started_months"}}],
        },
        "fee-none": {
            "title": "F",
            "components": [{"fee": {"per": "period", "every": "3 months", "proration": "none"}}],
        },
        "time-month": {"title": "T", "components": [{"time": {}}]},
        "time-quarter": {
            "title": "T",
            "components": [{"time": {"every": "3 months", "group_by": "project"}}],
        },
        "time-start": {
            "title": "T",
            "components": [
                {
                    "time": {
                        "align": "start",
                        "rates": {"activity": {"consulting": "130.00"}},
                    }
                }
            ],
        },
        "both": {"title": "B", "components": [{"fee": {}}, {"time": {}}]},
    },
}

#: Month ends and starts, leap day, quarter ends, the day after each.
BOUNDARIES = sorted(
    {
        day
        for year in (2027, 2028)
        for month in range(1, 13)
        for day in (
            date(year, month, 1),
            date(year, month, monthrange(year, month)[1]),
            date(year, month, 15),
        )
        if FIRST <= day <= LAST
    }
    | {date(2028, 2, 28), date(2028, 2, 29)}
)

days = st.one_of(
    st.sampled_from(BOUNDARIES),
    st.integers(0, (LAST - FIRST).days).map(lambda n: FIRST + timedelta(days=n)),
)
hours = st.sampled_from(["0", "0.25", "0.33", "1", "1.5", "2", "2.01", "7.75", "-1", "0.3333333"])
prices = st.sampled_from(["0", "10", "49.00", "95.50", "99.995", "300"])
projects = st.sampled_from(["", "P", "Q"])


@st.composite
def dated_prices(draw: st.DrawFn) -> Any:
    if draw(st.booleans()):
        return draw(prices)
    steps = {"always": draw(prices)}
    for day in sorted(draw(st.sets(days, max_size=2))):
        steps[day.isoformat()] = draw(prices)
    return steps


@st.composite
def contracts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One contract for the whole customer, perhaps one for project P as well."""
    found = []
    for code, covers in (("C", "customer"), ("D", {"projects": ["P"]})):
        if code == "D" and draw(st.booleans()):
            continue
        start = draw(days)
        contract: dict[str, Any] = {"code": code, "start": start.isoformat(), "covers": covers}
        if draw(st.booleans()):
            end = draw(days.filter(lambda day, start=start: day >= start))
            contract["end"] = end.isoformat()
        contract["terms"] = [
            {
                "id": f"T{number}",
                "plan": draw(st.sampled_from(sorted(POLICY["plans"]))),  # type: ignore[arg-type]
                "price": draw(dated_prices()),
                "discount": draw(st.sampled_from(["0", "0", "10", "33.3"])),
                "priority": draw(st.sampled_from(["0", "1"])),
                "takes": draw(st.sampled_from(["service", "service;change"])).split(";"),
            }
            for number in range(draw(st.integers(1, 3)))
        ]
        found.append(contract)
    return found


@st.composite
def entries(draw: st.DrawFn) -> list[dict[str, str]]:
    found = []
    for number in range(draw(st.integers(0, 12))):
        row = {
            "id": f"e{number + 1}",
            "date": draw(days).isoformat(),
            "hours": draw(hours),
            "text": draw(st.sampled_from(["", "a patch", "help"])),
            "activity": draw(st.sampled_from(["", "meeting", "consulting"])),
            "tags": draw(st.sampled_from(["", "defect", "big"])),
            "validated": draw(st.sampled_from(["yes", "yes", "yes", "no"])),
            "billed_elsewhere": draw(st.sampled_from(["", "", "", "INV/1"])),
        }
        project = draw(projects)
        if project:
            row["project"] = project
        found.append(row)
    return found


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    """A book fragment of one customer."""
    fragment: dict[str, Any] = {
        "company": {"rounding_method": draw(st.sampled_from(["global", "line"]))},
        "projects": [{"id": "P", "customer": "c1"}, {"id": "Q", "customer": "c1"}],
        "contracts": draw(contracts()),
        "entries": draw(entries()),
    }
    if fragment["entries"] and draw(st.booleans()):
        fragment["overrides"] = [
            {
                "entry": draw(st.sampled_from([row["id"] for row in fragment["entries"]])),
                "disposition": draw(st.sampled_from(["written_off", "included", "service"])),
                "reason": "because",
            }
        ]
    return fragment
