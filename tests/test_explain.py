"""klausel explain: over every worked example, and in words for entries of the demo book."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import klausel.scenario
from klausel.engine import Matchers, bill
from klausel.explain import EntryExplained, Explainer, LineExplained
from klausel.formats.explain import FORMATS, render
from klausel.formats.explain.said import Said, sections
from klausel.formats.explain.words import WORDS
from klausel.matching import reference
from klausel.model import OVERRIDE, Book, LedgerRow
from klausel.period import add_months
from klausel.policy import policy_at
from klausel.result import Part, Result
from klausel.scenario import Scenario, ScenarioShape, play, read_scenario
from klausel.shapes import LANGUAGES
from klausel.trace import ConditionSeen
from klausel.tree import Tree, parse
from klausel_book import read_folder
from klausel_book.source import demo_folder
from tests.counts import count
from tests.histories import days, histories
from tests.oracle.facts import CannotSay, Facts, merged, read, read_entry, the_policies
from tests.oracle.lives import lives
from tests.oracle.scope import holds, in_force, value_of
from tests.test_cases import SCENARIOS, name
from tests.test_properties import book_of, with_ledger

#: All are rendered in all languages.
MOST_LIVES = settings.default.max_examples // 25
NOWHERE = Tree(None, {}, ())
QUICK = Matchers(main=reference.ReferenceMatcher, check=reference.ReferenceMatcher)

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[Result]]:
    """Plays a case with a trace of every entry."""

    def played(path: Path) -> list[Result]:
        found: list[Result] = []

        def traced(*arguments: Any, **options: Any) -> Result:
            found.append(bill(*arguments, **options, explain=lambda _: True))
            return found[-1]

        monkeypatch.setattr(klausel.scenario, "bill", traced)
        play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
        return found

    return played


def explained(result: Result) -> Iterator[EntryExplained]:
    assert set(result.traces) == {found.entry for found in result.entries}
    yield from map(Explainer(result).entry, result.traces)


def texts(found: EntryExplained | LineExplained, language: str) -> list[str]:
    """All sentences."""

    def below(said: Said) -> Iterator[str]:
        yield said.text
        for one in said.below:
            yield from below(one)

    return [
        text
        for section in sections(found, language)
        for said in (Said(section.title), *section.lines)
        for text in below(said)
    ]


@pytest.mark.parametrize("path", SCENARIOS, ids=name)
def test_every_case_is_explained(path: Path, results: Callable[[Path], list[Result]]) -> None:
    """It never fails, every part is explained, and the rule that it names is the result's."""
    for result in results(path):
        for found in explained(result):
            agrees(found, result)
            count("entries of cases that are explained")
        explainer = Explainer(result)
        for key in explainer.line_keys:
            line = explainer.line(key)
            assert line is not None
            assert (line.line is None) != (line.row is None)
            written(line)
            count("lines of cases that are explained")


def agrees(found: EntryExplained, result: Result) -> None:
    """What is explained is what the result has."""
    trace = found.trace
    parts = dict(result.entries)[found.entry.id]
    if trace.owner == "settled":  # it is settled with somebody else than it leads to now
        owners = {c.code: result.book.root(c.customer) for c in result.book.contracts}
        assert {owners[part.contract] for part in parts} == {trace.customer}
    else:
        assert trace.customer == result.book.customer_of(found.entry)
    assert [one.part for one in found.parts] == list(parts)
    has_it = [asked for asked in trace.contracts if asked.has_it]
    assert len(has_it) <= 1
    for asked in trace.contracts:
        if asked.decided is None:
            assert asked.outcome in ("not_running", "not_covered")
            continue
        assert [one.outcome for one in asked.rules].count("decides") == len(asked.rules[:1])
        for rule in asked.rules[:-1]:
            assert rule.outcome != "decides"
            assert (rule.outcome == "fails") == rule.rule.in_force(found.entry.date)
    changed = any(one.entry == found.entry.id for one in result.differences)
    billed = {(one.contract, one.disposition, one.rule) for one in parts if one.settled}
    decided = [asked.decided.id for asked in trace.contracts if asked.decided is not None]
    for part in parts:
        if part.settled or part.disposition in ("written_off", "billed_elsewhere"):
            continue
        if part.held and changed and billed:  # it waits on as what it was billed as
            assert (part.contract, part.disposition, part.rule) in billed
            continue
        if part.uncovered:
            assert not has_it
            assert part.rule in (decided[:1] or [""])
        else:
            assert has_it[0].contract == part.contract
            assert has_it[0].decided is not None
            assert part.rule == has_it[0].decided.id
            assert part.disposition in (has_it[0].decided.disposition, "included")
        waits_for_what_it_says(found, part)
    for language, text in zip(LANGUAGES, written(found), strict=True):
        for part in parts:
            by_hand = part.rule == OVERRIDE
            said = WORDS[language]["by_hand_bare"] if by_hand else part.rule
            assert part.rule == "opening" or said in text
            assert part.line in text


def waits_for_what_it_says(found: EntryExplained, part: Part) -> None:
    """The verdicts on approvals bear out the reason that the result gives."""
    gate = found.trace.gate
    verdicts = {judged.verdict for judged in gate.approvals} if gate is not None else set()
    if part.held in ("pending", "rejected", "late_decision", "not_requested"):
        assert gate is not None
        assert gate.requirement is not None
        # Beside an approval that is used up more may have been asked for.
        passed = {"counts"} if part.held == "pending" else {"counts", "used_up"}
        assert not verdicts & passed
    if part.held == "pending":
        assert "pending" in verdicts
    elif part.held == "rejected":
        assert verdicts & {"rejected", "overruled"}
    elif part.held == "late_decision":
        assert "not_backwards" in verdicts
    elif part.held == "not_requested":
        assert not verdicts & {"pending", "counts"}
    elif part.held == "limit":
        assert gate is not None
        beyond = [one for one in gate.budgets if one.counted > one.watch.budget]
        # What cut it off may have been overruled since.
        assert beyond or verdicts & {"counts", "used_up", "overruled"}


def written(found: EntryExplained | LineExplained) -> Iterator[str]:
    """The explanation in every language and output."""
    for language in LANGUAGES:
        text = render([found], "text", language, 400)
        assert "{" not in text
        (data,) = json.loads(render([found], "json", language))
        assert data["language"] == language
        yield text


@settings(max_examples=60)
@given(histories(), days)
def test_generated_histories_are_explained(fragment: dict[str, Any], as_of: date) -> None:
    """The same, run after run with a ledger."""
    book = book_of(fragment)
    ledger: list[LedgerRow] = []
    for day in (as_of, add_months(as_of, 1)):
        result = bill(with_ledger(book, ledger), day, explain=lambda _: True)
        for found in explained(result):
            agrees(found, result)
            count("entries of generated histories that are explained")
        ledger += result.settlements


@settings(max_examples=MOST_LIVES)
@given(lives())
def test_generated_lives_are_explained(life: dict[str, Any]) -> None:
    """With every kind of contract, approvals, budgets and rounding; corrected at last."""
    policy = policy_at(NOWHERE, {"policy": "p", "version": "1", **life["policy"]}, (), "hash")
    assert not isinstance(policy, list)
    runs = [*life["runs"], {**life["runs"][-1], "do": "adjust", "add": {}, "change": {}}]
    shape = ScenarioShape.model_validate({**life, "runs": runs, "policy": None})
    found: list[Result] = []

    def traced(*arguments: Any, **options: Any) -> Result:
        found.append(bill(*arguments, **options, explain=lambda _: True))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(klausel.scenario, "bill", traced)
        play(Scenario(shape, NOWHERE, (policy,)), QUICK)
    for result in found:
        for one in explained(result):
            agrees(one, result)
            count("entries of generated lives that are explained")
        explainer = Explainer(result)
        assert all(map(explainer.line, explainer.line_keys))


def test_there_are_texts_in_every_language() -> None:
    assert tuple(WORDS) == LANGUAGES
    for words in WORDS.values():
        assert words.keys() == WORDS["en"].keys()
        for key, text in words.items():
            places = sorted(re.findall(r"{\w*}", WORDS["en"][key]))
            numbered = [re.sub(r"\d", "", one) for one in re.findall(r"{\w*}", text)]
            assert sorted(numbered) == [re.sub(r"\d", "", one) for one in places], key
    assert FORMATS == ("json", "text")


# -- conditions, evaluated by somebody else ------------------------------------------------------


@pytest.mark.parametrize("path", SCENARIOS, ids=name)
def test_conditions_are_as_they_are_said(
    path: Path, results: Callable[[Path], list[Result]]
) -> None:
    """The oracle finds the same words for each entry, and each failing condition fails."""
    scenario = parse(path.read_text(encoding="utf-8"), path.name).data
    found = results(path)
    book = dict(scenario.get("book") or {})
    number = 0
    for run in scenario["runs"]:
        book = merged(book, run)
        try:
            facts = read(book, the_policies(scenario))
        except CannotSay:
            continue
        result = found[number]
        number += 1
        entries = {entry["id"]: entry for entry in facts["entries"]}
        contracts = {contract["code"]: contract for contract in facts["contracts"]}
        for one in explained(result):
            for asked in one.trace.contracts:
                if asked.decided is not None:
                    with suppress(CannotSay):
                        as_the_oracle_says(
                            asked, entries[one.entry.id], contracts[asked.contract], facts
                        )


def as_the_oracle_says(asked: Any, entry: Facts, contract: Facts, facts: Facts) -> None:
    for field in asked.fields:
        value = value_of(entry, field.name, contract, facts)
        if field.seconds is None:
            assert field.value == value
        else:
            assert field.seconds == value * 3600  # type: ignore[operator]
    written = as_written(contract["policy"]["scope"].get("rules") or [])
    for rule in asked.rules:
        if rule.rule.id == "otherwise":
            continue
        chain = written[rule.rule.id]
        in_time = all(in_force(one, entry["date"]) for one in chain)
        assert in_time == (rule.outcome in ("fails", "decides"))
        when = [pair for one in chain for pair in (one.get("when") or {}).items()]
        held = [holds(entry, {field: wanted}, "", contract, facts) for field, wanted in when]
        if rule.outcome == "fails":
            (failing,) = rule.conditions
            mine = [number for number, (field, _) in enumerate(when) if field == failing.field.name]
            assert not all(held[number] for number in mine)
            assert all(held[: mine[0]])
            if len(mine) == 1:
                names_what_is_wanted(failing, when[mine[0]][1])
            count("failing conditions that the oracle confirms")
        elif rule.outcome == "decides":
            assert {one.field.name for one in rule.conditions} == {field for field, _ in when}
            assert all(held)
            count("deciding rules that the oracle confirms")


def as_written(rules: list[Facts]) -> dict[str, list[Facts]]:
    """By rule: itself; by exception: the rule that it is of, and itself."""
    found: dict[str, list[Facts]] = {}
    for rule in rules:
        found[str(rule["id"])] = [rule]
        for other in rule.get("exceptions") or []:
            found[str(other["id"])] = [rule, other]
    return found


def names_what_is_wanted(failing: ConditionSeen, wanted: Any) -> None:
    if isinstance(wanted, dict):
        assert {word for word, _ in failing.range} <= wanted.keys()
    else:
        words = [wanted] if isinstance(wanted, str) else wanted
        assert sorted(failing.words) == sorted(map(str, words))


def test_conditions_in_the_demo_book(demo: Book) -> None:
    """The same for 800 entries under rules as people write them."""
    rows = {}
    for table in ("customers", "projects", "tickets", "employees", "entries"):
        with (demo_folder() / f"{table}.csv").open(encoding="utf-8", newline="") as lines:
            rows[table] = {row["id"]: row for row in csv.DictReader(lines)}
    policies = {
        folder.name: parse((folder / "policy.yaml").read_text(encoding="utf-8"), "").data
        for folder in (demo_folder() / "policies").iterdir()
    }
    contracts = {
        found.code: {"policy": policies[found.policy], "sla": found.sla} for found in demo.contracts
    }
    people = {name: [row] for name, row in rows["employees"].items()}
    result = bill(demo, date(2026, 7, 1), explain=lambda _: True)
    for one in explained(result):
        entry = read_entry(
            rows["entries"][one.entry.id], people, rows["customers"], rows["projects"],
            rows["tickets"],
        )  # fmt: skip
        home = {"country": demo.company.country, "region": demo.company.region}
        for asked in one.trace.contracts:
            if asked.decided is not None:
                as_the_oracle_says(asked, entry, contracts[asked.contract], home)


# -- the demo book -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def demo() -> Book:
    return read_folder(demo_folder())


#: Entries and lines of the demo book that show each kind of answer.
SHOWN = (
    "e42",  # included
    "e413",  # uncovered
    "e388",  # passed on to the next wider contract; a rule that begins later
    "e784",  # drawn, and the rest waits for hours
    "e703",  # cut off by a limit
    "e800",  # rejected
    "e755",  # on record
    "WEB-108/service/time/2026-01-01/90 p21#1",  # late
    "WEB-108/wartung/fee/2026-01-01/refund 2026-01-01",
    "WEB-108/wartung/fee/2026-01-01/2026-01-01",  # on record
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_demo_book_in_words(language: str, demo: Book) -> None:
    """Read aloud once; a change of words is a change of this file."""
    result = bill(demo, date(2026, 7, 1), record=False, explain=lambda found: found.entry in SHOWN)
    explainer = Explainer(result)
    found = [
        explainer.entry(what) if what in result.traces else explainer.line(what) for what in SHOWN
    ]
    assert all(found)
    text = render([one for one in found if one is not None], "text", language)
    assert text == (GOLDEN / f"explain-{language}.txt").read_text(encoding="utf-8")
    assert all(len(line) <= 80 for line in text.splitlines())


def test_every_entry_of_the_demo_book_is_explained(demo: Book) -> None:
    result = bill(demo, date(2026, 7, 1), explain=lambda _: True)
    for found in explained(result):
        agrees(found, result)
    explainer = Explainer(result)
    assert all(map(explainer.line, explainer.line_keys))
    assert explainer.line("SRV-102/service/time/2026-04-01") is None
