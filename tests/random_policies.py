"""Small random policies as data, and what their words mean, said a second time.

The meaning here knows no codes and no boxes: it asks each rule about every single case. A case is
a word for each field, or a number of seconds just below, at and just above whatever some rule
names, on days just before, at and just after whatever some rule names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cached_property
from itertools import product
from random import Random
from typing import Any

Data = dict[str, Any]

DISPOSITIONS = ("included", "service", "change", "third_party", "warranty", "internal")
CHARGED = ("service", "change", "third_party")
DAYS = ("2026-01-01", "2026-03-31", "2026-04-01", "2026-07-01", "2026-07-02")
NUMBERS = ("0", "2", "2.5", "8", "10")
RANGE_WORDS = ("more_than", "at_least", "less_than", "up_to")
FAR = 10**9


def random_policy(random: Random, most_rules: int = 8) -> Data:
    """A policy that can be read, most of it more tangled than anybody would write."""
    fields: Data = {}
    for number in range(random.choice((2, 2, 3, 3, 4))):
        if number == 1 and random.random() < 0.6:
            fields["estimate_hours"] = {"number": _limits(random)}
        else:
            fields[f"f{number}"] = _words(random, "abcd"[: random.randint(2, 4)])
    data: Data = {
        "policy": "random",
        "version": "1",
        "fields": fields,
        "scope": {
            "rules": [
                {
                    "id": f"R{number}",
                    **_days(random),
                    "when": _when(random, fields),
                    "then": random.choice(DISPOSITIONS),
                    "because": "so",
                }
                for number in range(random.randint(1, most_rules))
            ],
            "otherwise": {"then": random.choice(DISPOSITIONS), "because": "so"},
        },
    }
    approvals = []
    for number in range(random.choice((0, 1, 1, 2, 3))):
        when = _when(random, fields)
        if random.random() < 0.6:
            when["disposition"] = random.sample(DISPOSITIONS, random.randint(1, 2))
        what: Data = {"require": "approval"}
        if random.random() < 0.3:
            what = {"watch": {"hours": "ticket", "budget": "4", "hold": "yes"}}
        approvals.append({"id": f"A{number}", **_days(random), "when": when, **what})
    surcharges = [
        {"id": f"Z{number}", **_days(random), "when": _when(random, fields), "times": "2"}
        for number in range(random.choice((0, 0, 1)))
    ]
    return data | {"approvals": approvals, "surcharges": surcharges}


def _limits(random: Random) -> Data:
    low, high = sorted(random.sample(range(13), 2))
    found = {}
    if random.random() < 0.5:
        found["from"] = str(low)
    if random.random() < 0.5:
        found["to"] = str(high)
    return found


def _words(random: Random, values: str) -> Data:
    produced = [value for value in values if random.random() < 0.9] or [values[0]]
    lines: list[Data] = [{"task_tag": value, "is": value} for value in produced[:-1]]
    return {"one_of": list(values), "from": [*lines, {"otherwise": produced[-1]}]}


def _days(random: Random) -> Data:
    if random.random() < 0.65:
        return {}
    first, last = sorted(random.sample(DAYS, 2))
    return random.choice(({"from": first}, {"until": last}, {"from": first, "until": last}))


def _when(random: Random, fields: Data) -> Data:
    found: Data = {}
    for name, field in fields.items():
        if random.random() < 0.45:
            continue
        if "one_of" in field:
            values = field["one_of"]
            found[name] = random.sample(values, random.randint(1, len(values) - 1))
        else:
            words = random.sample(RANGE_WORDS, random.choice((1, 1, 2)))
            found[name] = {word: random.choice(NUMBERS) for word in words}
    return found


def seconds(hours: str) -> int:
    return int(float(hours) * 3600)


class Cases:
    """Every case that a policy tells apart. Sets of cases are integers, a bit for each."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.rules: list[Data] = data["scope"]["rules"]
        self.approvals: list[Data] = data.get("approvals", [])
        self.surcharges: list[Data] = data.get("surcharges", [])
        whatever = (*self.rules, *self.approvals, *self.surcharges)
        self.names = list(data["fields"])
        self.axes: list[Sequence[Any]] = [
            self._values(name, field, whatever) for name, field in data["fields"].items()
        ]
        self.axes.append(sorted(set(_around(whatever))))
        self._planes = self._by_value()

    def _values(self, name: str, field: Data, whatever: Sequence[Data]) -> Sequence[Any]:
        if "one_of" in field:
            lines = field["from"]
            return sorted({line.get("is", line.get("otherwise")) for line in lines})
        number = field["number"]
        low = seconds(number["from"]) if "from" in number else -FAR
        high = seconds(number["to"]) if "to" in number else FAR
        found = {low, high}
        for rule in whatever:
            for text in rule.get("when", {}).get(name, {}).values():
                found |= {seconds(text) + step for step in (-1, 0, 1)}
        return sorted(value for value in found if low <= value <= high)

    def _by_value(self) -> list[dict[Any, int]]:
        planes: list[dict[Any, int]] = [dict.fromkeys(axis, 0) for axis in self.axes]
        for number, case in enumerate(product(*self.axes)):
            for plane, value in zip(planes, case, strict=True):
                plane[value] |= 1 << number
        return planes

    @property
    def everything(self) -> int:
        return sum(self._planes[-1].values())

    def of(self, rule: Data) -> int:
        """Cases in which ``rule`` holds, whatever their disposition."""
        found = self.everything
        when = rule.get("when", {})
        for name, plane in zip(self.names, self._planes, strict=False):
            if name in when:
                found &= sum(cases for value, cases in plane.items() if _holds(when[name], value))
        first, last = rule.get("from", "0001-01-01"), rule.get("until", "9999-12-31")
        return found & sum(
            cases for day, cases in self._planes[-1].items() if first <= day.isoformat() <= last
        )

    def neighbours(self, cases: int) -> Iterator[int]:
        """What ``cases`` (a box) would be with one more value of one axis: any other word, the
        next number or day."""
        for plane, axis in zip(self._planes, self.axes, strict=True):
            inside = [number for number, value in enumerate(axis) if plane[value] & cases]
            others = range(len(axis))
            if not isinstance(axis[0], str):
                others = range(inside[0] - 1, inside[-1] + 2)
            for number in others:
                if 0 <= number < len(axis) and number not in inside:
                    yield self._shifted(plane, cases, axis[number])

    def _shifted(self, plane: dict[Any, int], cases: int, value: Any) -> int:
        """The slab that ``value`` would add to ``cases``."""
        found = plane[value]
        for other in self._planes:
            if other is not plane:
                found &= sum(part for part in other.values() if part & cases)
        return found

    @cached_property
    def decided(self) -> dict[str, int]:
        """By disposition: the cases in which the rules, the first that holds, decide so."""
        found = dict.fromkeys(DISPOSITIONS, 0)
        left = self.everything
        for rule in self.rules:
            mine = self.of(rule) & left
            found[rule["then"]] |= mine
            left &= ~mine
        found[self.data["scope"]["otherwise"]["then"]] |= left
        return found

    def work(self, condition: Data) -> int:
        """Cases in which an approval, watch or surcharge holds for work that may cost something."""
        wanted = condition["when"].get("disposition", DISPOSITIONS)
        of = {name: cases for name, cases in self.decided.items() if name in CHARGED}
        return self.of(condition) & sum(cases for name, cases in of.items() if name in wanted)


def _around(whatever: Sequence[Data]) -> Iterator[date]:
    yield date(2020, 1, 1)
    for rule in whatever:
        for word in ("from", "until"):
            if word in rule:
                day = date.fromisoformat(rule[word])
                yield from (day + timedelta(days=step) for step in (-1, 0, 1))


def _holds(wanted: Any, value: Any) -> bool:
    if isinstance(wanted, str):
        return bool(value == wanted)
    if isinstance(wanted, list):
        return value in wanted
    tests = {
        "more_than": lambda number: value > number,
        "at_least": lambda number: value >= number,
        "less_than": lambda number: value < number,
        "up_to": lambda number: value <= number,
    }
    return all(tests[word](seconds(text)) for word, text in wanted.items())
