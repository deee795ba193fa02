"""Tests for what no test reaches: facts are sought that lead there, then played like any test.

What a field has is read from the book by the lines of its ``from``. So the search goes through
those lines: for each field that a rule asks for, a line that gives the word, and what has to stand
in the book for that line to hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations, islice, product
from typing import Any, NamedTuple

from klausel.charges import COMPONENTS
from klausel.fields import DISPOSITIONS
from klausel.policy import Policy
from klausel.policy.facts import WEEKDAYS, NumberField, VocabularyField, is_holiday
from klausel.policy.ir import Rule, text_in
from klausel.policy_tests.coverage import WORDS, Goal, hours_said, reaches, rule_groups
from klausel.policy_tests.play import Observed, Player
from klausel.policy_tests.read import USUAL_DAY, ExpectShape, PolicyTest, ShortShape
from klausel.problems import ProblemError, Where
from klausel.tree import Tree

#: Where a fact stands in a test's entry.
PLACES: dict[str, tuple[str, ...]] = {
    "activity": ("activity",),
    "entry_tag": ("tags",),
    "text_has": ("text",),
    "entry_hours": ("hours",),
    "ticket_hours": ("hours",),
    "task_tag": ("ticket", "tags"),
    "title_has": ("ticket", "title"),
    "priority": ("ticket", "priority"),
    "origin": ("ticket", "origin"),
    "initiated_by": ("ticket", "initiated_by"),
    "estimate_hours": ("ticket", "estimate_hours"),
    "ticket": ("ticket", "id"),
    "project_tag": ("project", "tags"),
    "project": ("project", "id"),
    "project_name": ("project", "name"),
    "customer_tag": ("customer", "tags"),
    "country": ("customer", "country"),
    "customer": ("customer", "id"),
    "customer_name": ("customer", "name"),
    "employee": ("employee", "id"),
    "employee_name": ("employee", "name"),
    "role": ("employee", "role"),
    "sla": ("contract", "sla"),
    "contract": ("contract", "code"),
}

#: Facts that may have several words, and what stands between them.
_JOINED = {"entry_tag": "; ", "task_tag": "; ", "project_tag": "; ", "customer_tag": "; "}
_JOINED |= {"text_has": " ", "title_has": " ", "contract_attribute": "", "plan": ""}

#: Choices of lines that are looked at for one goal, and those of them that are played.
MOST_CHOICES = 20_000
MOST_TRIES = 4000

#: How far beyond a boundary a number is proposed: a hundredth of an hour.
STEP = 36

#: Days in which a weekday or a holiday is sought.
_YEAR = 366

#: Public holidays are sought here if a rule asks for one.
_COUNTRY = "DE"

#: What has to stand in the book: fact -> words.
Facts = dict[str, tuple[str, ...]]


class Proposal(NamedTuple):
    """A test that reaches ``goal``; None where none was found."""

    goal: Goal
    text: str | None


class _Played(NamedTuple):
    """What the rules say of an entry, in the words of ``expect``, and what they saw of it."""

    said: dict[str, Any]
    observed: Observed


def propose(policy: Policy, missing: Iterable[Goal]) -> list[Proposal]:
    """A test for each goal that is ``missing``, as YAML below ``tests:``; every one was played and
    would fail without what it is for."""
    search = _Search(policy)
    made: list[_Made] = []
    for goal in missing:
        there = next((m for m in made if m.reaches(policy, goal)), None)
        if there is not None:
            there.words.update(dict.fromkeys(_shown(goal)))
            continue
        hit = search.entry(goal)
        made.append(_Made(goal, *hit, dict.fromkeys(_shown(goal))) if hit else _Made(goal))
    return [Proposal(one.goal, one.text) for one in made]


@dataclass
class _Made:
    """A test that is being written for ``goal``; without an entry where none was found."""

    goal: Goal
    entry: dict[str, Any] = field(default_factory=dict)
    played: _Played | None = None
    words: dict[str, None] = field(default_factory=dict)
    """What it compares."""

    def reaches(self, policy: Policy, goal: Goal) -> bool:
        return self.played is not None and reaches(policy, goal, self.played.observed)

    @property
    def text(self) -> str | None:
        if self.played is None:
            return None
        expect = {word: self.played.said[word] or "none" for word in self.words}
        return _yaml(_title(self.goal), self.entry, expect)


class _Search:
    """Looks for entries; each is played once, whatever it is tried for."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._player = Player(policy)
        self._known: dict[str, _Played | None] = {}

    def entry(self, goal: Goal) -> tuple[dict[str, Any], _Played] | None:
        """An entry that reaches ``goal``, None where none was found."""
        for facts in islice(_candidates(self._policy, goal), MOST_TRIES):
            for day in _days(self._policy, goal.rule, facts):
                entry = _entry(self._policy, facts, day)
                played = self._play(entry)
                if played is not None and reaches(self._policy, goal, played.observed):
                    return entry, played
        return None

    def _play(self, entry: dict[str, Any]) -> _Played | None:
        key = _flow(entry)
        if key not in self._known:
            short = ShortShape.model_construct(
                name="proposed", entry=entry, on=None, expect=ExpectShape.model_construct()
            )
            nowhere = Tree(None, {}, ())
            test = PolicyTest("proposed", Where(""), nowhere, (), self._policy, short=short)
            try:
                self._known[key] = _Played(*self._player.said_of(test))
            except ProblemError:
                self._known[key] = None
        return self._known[key]


def _shown(goal: Goal) -> list[str]:
    """The words of ``expect`` that ``goal`` is about."""
    return ["disposition", "rule", *filter(None, [WORDS.get(goal.kind)])]


def _title(goal: Goal) -> str:
    because = text_in(goal.rule.because, "en")
    return f"{goal.name}: {because}" if because and goal.edge is None else goal.name


# --- the search -----------------------------------------------------------------------------


def _candidates(policy: Policy, goal: Goal) -> Iterator[Facts]:
    """What could stand in the book, the least first; nothing twice.

    Each field begins with the first line that gives what is wanted, or with nothing where nothing
    is; then one field is another way, then two ...
    """
    seen: set[tuple[tuple[str, tuple[str, ...]], ...]] = set()
    for wanted in _wanted(policy, goal):
        ways = [
            list(_ways(field, wanted[number]))
            if number in wanted
            else [{}, *_ways(field, range(field.size))]
            for number, field in enumerate(policy.fields)
        ]
        for chosen in islice(_choices(ways), MOST_CHOICES):
            facts = _together(chosen)
            if facts is None:
                continue
            key = tuple(sorted(facts.items()))
            if key not in seen:
                seen.add(key)
                yield facts


def _choices(ways: Sequence[Sequence[Facts]]) -> Iterator[list[Facts]]:
    """One of each of ``ways``: the first of all, then with one other, with two others ..."""
    if not all(ways):
        return
    first = [some[0] for some in ways]
    for count in range(len(ways) + 1):
        for places in combinations(range(len(ways)), count):
            for others in product(*(ways[place][1:] for place in places)):
                chosen = list(first)
                for place, other in zip(places, others, strict=True):
                    chosen[place] = other
                yield chosen


def _wanted(policy: Policy, goal: Goal) -> Iterator[Mapping[int, Sequence[int]]]:
    """By number of a field what it should have. Several, where a rule asks for a disposition."""
    conditions = {
        found.field: sorted(found.codes)
        for found in goal.rule.conditions
        if found.field < len(policy.fields)
    }
    if goal.edge is not None:
        conditions[goal.edge.field] = [goal.edge.code]
    if goal.kind not in ("approval", "watch"):
        yield conditions
        return
    asked = [
        {DISPOSITIONS[code] for code in found.codes}
        for found in goal.rule.conditions
        if found.field == len(policy.fields)
    ]
    for rule in (*policy.rules, policy.otherwise):
        if asked and rule.disposition not in asked[0]:
            continue
        both = {found.field: set(found.codes) for found in rule.conditions}
        for number, codes in conditions.items():
            both[number] = both.get(number, set(codes)) & set(codes)
        if all(both.values()):
            yield {number: sorted(codes) for number, codes in both.items()}


def _ways(field: VocabularyField, codes: Iterable[int]) -> Iterator[Facts]:
    """What has to stand in the book for ``field`` to have one of ``codes``."""
    wanted = set(codes)
    if isinstance(field, NumberField):
        for code in sorted(wanted):
            for value in _values(field, code):
                yield {field.fact: (hours_said(value),)}
        return
    # The last line holds by itself; it is tried first, because it needs nothing.
    for source in (field.sources[-1], *field.sources[:-1]):
        if source.code in wanted:
            for values in product(*(sorted(clause.values) for clause in source.clauses)):
                pairs = zip(source.clauses, values, strict=True)
                yield {clause.fact: (value,) for clause, value in pairs}


def _values(field: NumberField, code: int) -> Iterator[int]:
    """Seconds that lie in the stretch ``code``, near its boundaries."""
    if code % 2:
        yield field.thresholds[code // 2]
        return
    below = field.thresholds[code // 2 - 1] if code else None
    above = field.thresholds[code // 2] if code // 2 < len(field.thresholds) else None
    found = [value for value in (
        None if below is None else below + STEP, None if above is None else above - STEP
    ) if value is not None and value >= 0 and field.code_of(value) == code]  # fmt: skip
    if below is None and above is None:
        found = [0]
    elif not found and below is not None and above is not None:
        found = [(below + above) // 2]
    yield from found


def _together(ways: Sequence[Facts]) -> Facts | None:
    """All of ``ways`` at once, None where they contradict."""
    facts: Facts = {}
    for way in ways:
        for fact, words in way.items():
            known = facts.get(fact, ())
            if known and fact not in _JOINED and known != words:
                return None
            facts[fact] = tuple(dict.fromkeys((*known, *words)))
    return facts


def _days(policy: Policy, rule: Rule, facts: Facts) -> Iterator[date]:
    """Days on which ``rule`` is in force that are of the wanted kind: the usual one, and one of
    each stretch in which other rules are in force."""
    rules = [found for _, group in rule_groups(policy) for found in group]
    starts = {found.first.toordinal() for found in rules if found.first is not None}
    starts |= {found.until.toordinal() + 1 for found in rules if found.until is not None}
    # Before everything, too: a rule may hold only until a day.
    before = [max(min(starts) - _YEAR, 1)] if starts else []
    usual = date.fromisoformat(USUAL_DAY).toordinal()
    seen: set[date] = set()
    for start in (usual, *before, *sorted(starts)):
        days = map(date.fromordinal, range(start, min(start + _YEAR, date.max.toordinal() + 1)))
        day = next((day for day in days if rule.in_force(day) and _is(day, facts)), None)
        if day is not None and day not in seen:
            seen.add(day)
            yield day


def _is(day: date, facts: Facts) -> bool:
    """Whether ``day`` has the weekday and the holiday that ``facts`` ask for."""
    weekdays, holiday = facts.get("weekday"), facts.get("holiday")
    country = facts.get("country", (_COUNTRY,))[0].upper()
    return (weekdays is None or WEEKDAYS[day.weekday()] in weekdays) and (
        holiday is None or is_holiday(day, country, "") == ("yes" in holiday)
    )


def _entry(policy: Policy, facts: Facts, day: date) -> dict[str, Any]:
    """A test's entry for which ``facts`` hold."""
    entry: dict[str, Any] = {"date": day.isoformat(), "hours": "1"}
    if "holiday" in facts and "country" not in facts:
        facts = {**facts, "country": (_COUNTRY,)}
    for fact, words in facts.items():
        if fact not in PLACES:
            continue
        *around, last = PLACES[fact]
        text = _JOINED.get(fact, "").join(words)
        if fact == "country":
            text = text.upper()
        place = entry
        for word in around:
            place = place.setdefault(word, {})
        place[last] = text
    contract = entry.get("contract", {})
    if "contract_attribute" in facts:
        pairs = [word.partition("=") for word in facts["contract_attribute"]]
        contract["attributes"] = {name: value for name, _, value in pairs}
    if "plan" in facts:
        contract["terms"] = [
            _term(policy, number, word) for number, word in enumerate(facts["plan"], start=1)
        ]
    return {**entry, "contract": contract} if contract else entry


def _term(policy: Policy, number: int, word: str) -> dict[str, str]:
    """A term of the plan that is called ``word``, with an example of each parameter it needs."""
    name = next((name for name in policy.plans if name.casefold() == word), word)
    plan = policy.plans.get(name)
    needed = {
        parameter.name: parameter.example.strip('"')
        for component in (plan.components if plan else ())
        for parameter in COMPONENTS[component.kind].parameters(component.shape)
        if parameter.required
    }
    return {"id": f"T{number}", "plan": name, **needed}


# --- as YAML --------------------------------------------------------------------------------


def _yaml(title: str, entry: dict[str, Any], expect: dict[str, Any]) -> str:
    """One test as it stands below ``tests:``."""
    return f"  - name: {_quoted(title)}\n    entry: {_flow(entry)}\n    expect: {_flow(expect)}\n"


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{_quoted(word)}: {_flow(found)}" for word, found in value.items())
            + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _quoted(str(value))


def _quoted(text: str) -> str:
    plain = text.replace("-", "").replace("_", "").replace(".", "")
    if plain.isalnum() and plain.isascii():
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
