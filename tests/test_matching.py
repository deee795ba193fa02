"""Both matchers, and a guard for each sharp edge of durable-rules."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klausel.matching import Condition, Decider, DecisionTable, MatcherDisagreement, TooManyRules
from klausel.matching import durable as wall
from klausel.matching.durable import BAND, DurableMatcher, runs, simple_rules
from klausel.matching.reference import ReferenceMatcher
from klausel.model import Contract, Customer, Employee, Entry, Project, Ticket
from klausel.money import seconds_from_hours
from klausel.policy import Policy, load_policy
from klausel.policy.facts import Subject
from klausel.policy.ir import Scope
from tests.counts import count
from tests.oracle.scope import decided


@st.composite
def tables(draw: st.DrawFn) -> DecisionTable:
    sizes = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=6)))
    rules = []
    for _ in range(draw(st.integers(0, 25))):
        fields = draw(st.sets(st.integers(0, len(sizes) - 1), max_size=3))
        rules.append(
            tuple(
                Condition(field, frozenset(draw(st.sets(st.integers(0, sizes[field] - 1)))))
                for field in sorted(fields)
            )
        )
    return DecisionTable(sizes, tuple(rules))


@settings(max_examples=400)
@given(tables(), st.data())
def test_durable_equals_reference(table: DecisionTable, data: st.DataObject) -> None:
    durable, reference = DurableMatcher(table), ReferenceMatcher(table)
    count("generated decision tables")
    combinations = st.tuples(*(st.integers(0, size - 1) for size in table.sizes))
    for combination in data.draw(st.lists(combinations, min_size=25, max_size=60)):
        count("(table, combination) pairs decided by both matchers")
        assert durable.decide(combination) == reference.decide(combination)


def words(count: int, size: int) -> DecisionTable:
    """``count`` rules on one word field each, over two fields."""
    rules = tuple(
        (Condition(0, frozenset({n % size})), Condition(1, frozenset({n // size})))
        for n in range(count)
    )
    return DecisionTable((size, count // size + 2), rules)


# --- the traps of durable-rules (design 3), and the guard against each ------------------------


@pytest.fixture
def posted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What is posted from now on: name of the ruleset, message."""
    seen: list[tuple[str, dict[str, Any]]] = []
    host = wall._host()
    post = host.post

    def noted(name: str, message: dict[str, Any]) -> Any:
        seen.append((name, dict(message)))
        return post(name, message)

    monkeypatch.setattr(host, "post", noted)
    return seen


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The rulesets that are compiled from now on."""
    seen: list[dict[str, Any]] = []
    host = wall._host()
    register = host.register_rulesets

    def noted(rulesets: dict[str, Any]) -> Any:
        for ruleset in rulesets.values():  # the library takes the actions out of them
            seen.append({name: dict(rule) for name, rule in ruleset.items()})
        return register(rulesets)

    monkeypatch.setattr(host, "register_rulesets", noted)
    return seen


def mixed(seed: int, rules: int) -> DecisionTable:
    """Words, gaps, ranges, rules of everything and of nothing."""
    chance = Random(seed)
    sizes = (5, 9, 2, 4)

    def condition(field: int) -> Condition:
        size = sizes[field]
        low, high = sorted((chance.randrange(size), chance.randrange(size)))
        some = frozenset(chance.sample(range(size), chance.randrange(size + 1)))
        return Condition(field, frozenset(range(low, high + 1)) if chance.random() < 0.5 else some)

    return DecisionTable(
        sizes,
        tuple(
            tuple(
                condition(field) for field in sorted(chance.sample(range(4), chance.randrange(4)))
            )
            for _ in range(rules)
        ),
    )


def parts(value: Any) -> Iterator[Any]:
    """Everything inside plain data."""
    yield value
    for inner in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from parts(inner)


def test_trap_timer_threads_and_deleted_state() -> None:
    """The stock host's timers run actions late, and to delete state can crash the process."""
    before = threading.active_count()
    matcher = DurableMatcher(words(10, 5))
    assert matcher.decide((0, 0)) == 0
    time.sleep(1.1)  # timers of the stock host tick within a second
    assert threading.active_count() == before
    assert matcher.decide((1, 0)) == 1
    source = Path(wall.__file__).read_text(encoding="utf-8")
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"delete_state", "post_batch", "assert_fact", "start_timer", "run_timers"}


def test_trap_the_1025th_session_fails(posted: list[tuple[str, dict[str, Any]]]) -> None:
    matcher = DurableMatcher(words(100, 10))
    for _ in range(1500):
        assert matcher.decide((3, 4)) == 43
    assert {message["sid"] for _, message in posted} == {wall._SESSION}


def test_trap_names_are_hashed_to_32_bits(
    posted: list[tuple[str, dict[str, Any]]], registered: list[dict[str, Any]]
) -> None:
    """However the fields of a policy are called, here they are f0, f1 ..."""
    matcher = DurableMatcher(mixed(1, 40))
    matcher.decide((0, 0, 0, 0))
    allowed = {"f0", "f1", "f2", "f3", "n"}
    for ruleset in registered:
        for rule in ruleset.values():
            keys = {key for part in parts(rule["all"]) if isinstance(part, dict) for key in part}
            assert keys <= allowed | {"m", "$and", "$gte", "$lte"}
    for _, message in posted:
        assert set(message) == allowed | {"id", "sid"}


def test_trap_values_that_are_no_small_integers(
    posted: list[tuple[str, dict[str, Any]]], registered: list[dict[str, Any]]
) -> None:
    """Floats, None, Decimals and texts compare wrongly; arithmetic can kill the process."""
    table = mixed(2, 60)
    matcher = DurableMatcher(table)
    asked = ((0, 0, 0, 0), (4, 8, 1, 3), (2, 5, 0, 1))
    for combination in asked:
        matcher.decide(combination)
    assert registered
    for ruleset in registered:
        for rule in ruleset.values():
            for part in parts(rule["all"]):
                assert isinstance(part, (dict, list)) or (type(part) is int and 0 <= part < 2**31)
                if isinstance(part, dict):
                    assert not set(part) & {"$add", "$sub", "$mul", "$div"}
    for _, message in posted:
        assert {type(value) for key, value in message.items() if key != "sid"} == {int}
        assert tuple(message[f"f{n}"] for n in range(4)) in asked


def test_trap_more_than_512_children_under_one_node_loop_for_ever(
    registered: list[dict[str, Any]],
) -> None:
    """No ruleset has more than a band of rules, and what is beyond all bands is refused at once."""
    table = DecisionTable((3,), tuple((Condition(0, frozenset({1})),) for _ in range(600)))
    assert DurableMatcher(table).decide((1,)) == 0
    assert len(registered) == 10
    assert max(map(len, registered)) == BAND + 1 < 64
    registered.clear()
    odd = frozenset(range(1, 200, 2))
    table = DecisionTable(
        (200, 200, 200), ((Condition(0, odd), Condition(1, odd), Condition(2, odd)),)
    )
    with pytest.raises(TooManyRules) as caught:
        DurableMatcher(table)
    assert (caught.value.count, caught.value.most) == (1_000_000, 20_000)
    assert not registered


def test_trap_an_event_that_nothing_matches_raises(registered: list[dict[str, Any]]) -> None:
    """A catch-all stands below all others; priorities are unique."""
    nothing = DecisionTable((2,), ((Condition(0, frozenset()),), (Condition(0, frozenset({1})),)))
    assert DurableMatcher(nothing).decide((0,)) == 2
    assert DurableMatcher(DecisionTable((), ())).decide(()) == 0
    DurableMatcher(mixed(3, 130))
    for ruleset in registered:
        priorities = [rule["pri"] for rule in ruleset.values()]
        assert len(set(priorities)) == len(priorities)
        assert ruleset["otherwise"]["pri"] == max(priorities)
        assert ruleset["otherwise"]["all"] == [{"m": {"$gte": {"n": 0}}}]


def test_trap_exceptions_in_actions_are_swallowed(
    registered: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An action stores one integer, and an answer that never came is an error."""
    matcher = DurableMatcher(words(4, 2))
    for rule in registered[0].values():
        code = rule["run"].__code__
        assert code.co_names == ("_answer",)
        assert {cell.cell_contents for cell in rule["run"].__closure__} <= {matcher, *range(5)}
    monkeypatch.setattr(wall._host(), "post", lambda name, message: None)
    with pytest.raises(RuntimeError, match=r"gave no answer for \(0, 0\)"):
        matcher.decide((0, 0))


def test_trap_joins_between_messages_are_broken(registered: list[dict[str, Any]]) -> None:
    """One message, one pattern: nothing is ever joined."""
    DurableMatcher(mixed(4, 100))
    for ruleset in registered:
        for rule in ruleset.values():
            assert set(rule) == {"all", "run", "pri"}
            assert [list(pattern) for pattern in rule["all"]] == [["m"]]


def test_trap_or_fires_once_per_arm_and_empty_groups_loop(
    posted: list[tuple[str, dict[str, Any]]], registered: list[dict[str, Any]]
) -> None:
    """ "One of" becomes rules with one answer; conditions are flat, every field is there."""
    assert runs({0, 1, 2, 5, 7, 8}) == [(0, 2), (5, 5), (7, 8)]
    table = DecisionTable((9, 2), ((Condition(0, frozenset({0, 1, 5})),),))
    assert simple_rules(table) == [(0, ((0, 0, 1),)), (0, ((0, 5, 5),))]
    everything = DecisionTable((2,), ((Condition(0, frozenset({0, 1})),),))
    assert simple_rules(everything) == [(0, ())]
    assert simple_rules(DecisionTable((2,), ((Condition(0, frozenset()),),))) == []
    matcher = DurableMatcher(mixed(5, 200))
    matcher.decide((1, 1, 1, 1))
    assert all({"f0", "f1", "f2", "f3"} <= set(message) for _, message in posted)
    for ruleset in registered:
        for rule in ruleset.values():
            pattern = rule["all"][0]["m"]
            assert len(pattern) == 1
            for inner in pattern.get("$and", [pattern]):
                assert len(inner) == 1
                assert not set(inner) & {"$and", "$or", "$not", "$neq", "$ex", "$nex"}
            assert len(pattern.get("$and", [0, 0])) > 1


def test_trap_many_siblings_many_equal_conditions_and_4000_rules() -> None:
    """Bands, asked in turn: thousands of rules, hundreds that match one message, equal ones."""
    table = words(4100, 50)
    matcher = DurableMatcher(table)
    assert len(matcher._bands) == -(-4100 // BAND)
    reference = ReferenceMatcher(table)
    for number in (0, 1, 59, 60, 61, 119, 120, 2500, 4099):
        combination = (number % 50, number // 50)
        assert matcher.decide(combination) == reference.decide(combination) == number
    assert matcher.decide((3, 83)) == 4100
    equal = DecisionTable((3,), tuple((Condition(0, frozenset({1})),) for _ in range(300)))
    matcher = DurableMatcher(equal)
    assert matcher.decide((1,)) == 0
    assert matcher.decide((2,)) == 300


def test_trap_equal_facts_are_deduplicated(
    posted: list[tuple[str, dict[str, Any]]], registered: list[dict[str, Any]]
) -> None:
    """One event a call, each with a number of its own; actions take one argument."""
    matcher = DurableMatcher(words(100, 10))
    for _ in range(200):
        assert matcher.decide((9, 9)) == 99
        assert matcher.decide((9, 11)) == 100
    ids = [(name, message["id"]) for name, message in posted]
    assert len(set(ids)) == len(ids) == 200 * 2 * 2
    assert all(
        rule["run"].__code__.co_argcount == 1 for ruleset in registered for rule in ruleset.values()
    )


def test_trap_rulesets_are_never_freed(registered: list[dict[str, Any]]) -> None:
    """An equal table is compiled once; its name is that of its content."""
    first = wall.compile_table(words(22, 5))
    assert wall.compile_table(words(22, 5)) is first
    assert len(registered) == 1
    assert wall.compile_table(words(23, 5)) is not first
    assert all(words(22, 5).digest in name for name in first._bands)
    assert words(22, 5).digest != words(23, 5).digest
    assert Decider(words(22, 5)).decide((1, 0)) == 1
    assert len(registered) == 2


def test_trap_python_3_13_has_lost_a_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extension is bound lazily, and the flags are put back, whatever happens."""
    flags: list[int] = []
    before = sys.getdlopenflags()

    def noted(value: int) -> None:
        flags.append(value)

    monkeypatch.setattr(sys, "setdlopenflags", noted)
    assert wall._import_engine().__name__ == "durable.engine"
    assert flags == [os.RTLD_LAZY, before]
    flags.clear()
    monkeypatch.setitem(sys.modules, "durable", None)
    with pytest.raises(ImportError):
        wall._import_engine()
    assert flags == [os.RTLD_LAZY, before]
    make = (Path(__file__).parent.parent / "scripts" / "setup").read_text(encoding="utf-8")
    assert "CPPFLAGS" in make
    assert "-DPyEval_CallObject=PyObject_CallObject" in make


def test_rules_hold_only_small_integers_and_flat_conditions() -> None:
    """What is handed over, to the letter."""
    matcher = DurableMatcher(words(4, 2))
    rules = [(0, ((0, 1, 1), (1, 0, 2))), (1, ())]
    ruleset = matcher._ruleset(rules)
    assert ruleset["r0"]["all"] == [
        {"m": {"$and": [{"f0": 1}, {"$gte": {"f1": 0}}, {"$lte": {"f1": 2}}]}}
    ]
    assert ruleset["r1"]["all"] == [{"m": {"$gte": {"n": 0}}}]


# --- policies -----------------------------------------------------------------------------------

TAGS = ("Update", "Feature", "Shop", "")
DAYS = (date(2026, 1, 1), date(2026, 3, 31), date(2026, 4, 1), date(2026, 12, 31))
HOURS = ("0.5", "1", "1.01", "2", "8", "16.5")
LIMITS = ("0", "1", "1.5", "2", "8")
FIELDS: dict[str, Any] = {
    "work": {
        "one_of": ["update", "feature", "shop", "other"],
        "from": [
            {"entry_tag": "Update", "is": "update"},
            {"text_has": "cve", "is": "update"},
            {"entry_tag": ["Feature", "New"], "is": "feature"},
            {"activity": "design", "entry_tag": "Shop", "is": "shop"},
            {"otherwise": "other"},
        ],
    },
    "free": {
        "one_of": ["yes", "no"],
        "from": [{"weekday": ["saturday", "sunday"], "is": "yes"}, {"otherwise": "no"}],
    },
    "hours": {"number": {"from": "0", "to": "24"}, "from": "entry_hours"},
}


@st.composite
def scopes(draw: st.DrawFn) -> dict[str, Any]:
    """The scope of a policy: words, ranges, days, exceptions."""

    def when() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in ("work", "free"):
            some = draw(st.sets(st.sampled_from(FIELDS[name]["one_of"]), max_size=3))
            if some:
                found[name] = sorted(some)
        if draw(st.booleans()):
            bounds = st.sampled_from(("more_than", "at_least", "less_than", "up_to"))
            found["hours"] = draw(st.dictionaries(bounds, st.sampled_from(LIMITS), min_size=1))
        return found

    def rule(id_: str) -> dict[str, Any]:
        found: dict[str, Any] = {"id": id_, "when": when(), "because": "x"}
        found["then"] = draw(st.sampled_from(("included", "service", "change")))
        days = sorted(draw(st.lists(st.sampled_from(DAYS), max_size=2, unique=True)))
        words = ("from", "until") if len(days) > 1 else (draw(st.sampled_from(("from", "until"))),)
        found |= {word: str(day) for word, day in zip(words, days, strict=False)}
        return found

    rules = []
    for number in range(draw(st.integers(1, 8))):
        one = rule(f"R{number}")
        exceptions = draw(st.integers(0, 3)) // 2
        one["exceptions"] = [rule(f"R{number}E{place}") for place in range(exceptions)]
        rules.append(one)
    return {"rules": rules, "otherwise": {"then": "service", "because": "x"}}


def entries(chance: Random, number: int) -> dict[str, Entry]:
    """``number`` different entries, biased to the boundaries of rules."""
    found = {}
    days = [*DAYS, *(day + timedelta(days=1) for day in DAYS), date(2026, 2, 1)]
    while len(found) < number:
        content = (
            chance.choice(days),
            seconds_from_hours(Decimal(chance.choice((*HOURS, *LIMITS[1:])))),
            chance.choice(("", "CVE-1", "call")),
            chance.choice(("Design", "Support", "")),
            (chance.choice(TAGS),),
        )
        found[str(content)] = Entry(
            f"e{len(found)}", content[0], "u1", "", "", "c1", *content[1:], True, "", ""
        )
    return found


def test_matchers_agree_on_random_policies(
    pytestconfig: pytest.Config, capsys: pytest.CaptureFixture[str]
) -> None:
    """(policy, entry) pairs: both matchers, and the oracle, which knows nothing of codes."""
    soak = pytestconfig.getoption("--soak")
    total = {"policies": 0, "pairs": 0, "fresh decisions": 0}
    rules: Counter[str] = Counter()

    @settings(max_examples=2200 if soak else 220)
    @given(scopes(), st.integers(0, 2**32))
    def check(scope: dict[str, Any], seed: int) -> None:
        data = {"policy": "p", "version": "1", "fields": FIELDS, "scope": scope}
        policy = load_policy("", {"policy.yaml": json.dumps(data)})
        assert isinstance(policy, Policy), [str(problem) for problem in policy]
        main, second = (
            Scope(policy, matcher, matcher) for matcher in (DurableMatcher, ReferenceMatcher)
        )
        contract = Contract("C1", "c1", "EUR", date(2026, 1, 1), "p")
        total["policies"] += 1
        for entry in entries(Random(seed), 50).values():
            subject = Subject(
                entry, Ticket(""), Project(""), Customer("c1"), Employee("u1"), contract
            )
            plain = {
                "date": entry.date, "seconds": entry.seconds, "text": entry.text,
                "activity": entry.activity, "tags": list(entry.tags), "employee": "u1", "role": "",
                "ticket_facts": {}, "project_facts": {}, "customer_facts": {},
            }  # fmt: skip
            expected = decided(plain, {"policy": data}, {})
            for scope_of in (main, second):
                found = scope_of.see(subject).rule
                assert (found.disposition, found.id) == expected
            rules[expected[1][:1] + "E" * ("E" in expected[1])] += 1
            total["pairs"] += 1
        total["fresh decisions"] += main.fresh

    check()
    with capsys.disabled():
        print(f"\n{total}, decided by {dict(rules)}")
    count("(policy, entry) pairs that both matchers and the oracle decide alike", total["pairs"])
    assert total["pairs"] >= (100_000 if soak else 10_000)
    assert min(rules["R"], rules["RE"], rules["o"]) > total["pairs"] / 50


def test_a_policy_of_five_thousand_rules() -> None:
    """As a table: it is read, checked for overlaps, and decides in bands; far more is refused."""
    names = [f"w{number}" for number in range(2500)]
    fields = {
        "work": {
            "one_of": [*names, "other"],
            "from": [*({"entry_tag": name, "is": name} for name in names), {"otherwise": "other"}],
        },
        "hours": {"number": {"from": 0, "to": 24}, "from": "entry_hours"},
    }
    scope = {
        "hit": "unique", "rules": {"table": "r.csv"},
        "otherwise": {"then": "service", "because": "x"},
    }  # fmt: skip
    data = {"policy": "p", "version": "1", "fields": fields, "scope": scope}
    rows = [
        f"{name}{size},{name},{limit},{then},x"
        for name in names
        for size, limit, then in (("S", "2,", "included"), ("L", ",2", "change"))
    ]
    header = "id,when.work,when.hours.up_to,when.hours.more_than,then,because"
    files = {"policy.yaml": json.dumps(data), "r.csv": "\n".join([header, *rows])}
    policy = load_policy("", files)
    assert isinstance(policy, Policy), policy[:3]
    assert len(policy.rules) == 5000
    decider = Scope(policy, durable_matcher, ReferenceMatcher)
    contract = Contract("C1", "c1", "EUR", date(2026, 1, 1), "p")
    for number in (0, 1, 29, 30, 31, 1249, 2499):
        for hours, rule in ((2, "S"), (3, "L")):
            entry = Entry(
                "e1", date(2026, 1, 1), "u1", "", "", "c1", hours * 3600, "", "", (names[number],),
                True, "", "",
            )  # fmt: skip
            subject = Subject(
                entry, Ticket(""), Project(""), Customer("c1"), Employee("u1"), contract
            )
            assert decider.see(subject).rule.id == f"w{number}{rule}"
    assert len(durable_tables[-1]._bands) == -(-5000 // BAND)
    files["r.csv"] += "".join(
        f"\nx{number},{';'.join(names[number % 2 :: 2])},,20,change,x" for number in range(13)
    )
    refused = load_policy("", {**files, "policy.yaml": json.dumps(data).replace("unique", "first")})
    assert isinstance(refused, list)
    assert [problem.message for problem in refused] == [
        "the rules make 21250 simple conditions, more than 20000"
    ]


durable_tables: list[DurableMatcher] = []


def durable_matcher(table: DecisionTable) -> DurableMatcher:
    durable_tables.append(DurableMatcher(table))
    return durable_tables[-1]


# --- the two of them ----------------------------------------------------------------------------


class Wrong:
    name = "wrong"

    def __init__(self, table: DecisionTable) -> None:
        self._table = table

    def decide(self, combination: tuple[int, ...]) -> int:
        return len(self._table.rules)


def test_disagreement_stops_with_both_answers() -> None:
    decider = Decider(words(4, 2), main=Wrong)
    with pytest.raises(MatcherDisagreement) as caught:
        decider.decide((0, 0))
    assert str(caught.value) == (
        "two matchers disagree on (0, 0): wrong says otherwise, reference says rule 1"
    )


def test_each_combination_is_decided_once() -> None:
    decider = Decider(words(4, 2))
    for _ in range(3):
        assert decider.decide((0, 0)) == 0
        assert decider.decide((1, 9)) == 4
    assert decider.fresh == 2


def test_wrong_matcher_stops_the_command_with_70() -> None:
    """As a user sees it: the run stops, both answers are shown, nothing is printed."""
    code = (
        "import sys, cli\n"
        "from klausel.matching import durable\n"
        "durable.DurableMatcher.decide = lambda self, combination: 0\n"
        "sys.exit(cli.run(['demo']))\n"
    )
    root = Path(__file__).parent.parent
    paths = os.pathsep.join(str(root / name) for name in ("rules", "connector", "."))
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert ended.returncode == 70
    assert ended.stdout == ""
    assert "two matchers disagree on" in ended.stderr
    assert "durable-rules says rule 1, reference says" in ended.stderr
    assert "Traceback" not in ended.stderr
