"""Both matchers, and a guard for each sharp edge of durable-rules."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klausel.matching import Condition, Decider, DecisionTable, MatcherDisagreement, TooManyRules
from klausel.matching import durable as wall
from klausel.matching.durable import BAND, DurableMatcher, runs, simple_rules
from klausel.matching.reference import ReferenceMatcher
from tests.counts import count


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


def test_five_thousand_rules_are_split_into_bands() -> None:
    table = words(5000, 50)
    matcher = DurableMatcher(table)
    assert len(matcher._bands) == -(-5000 // BAND)
    reference = ReferenceMatcher(table)
    for number in (0, 1, 59, 60, 61, 119, 120, 2500, 4999):
        combination = (number % 50, number // 50)
        assert matcher.decide(combination) == reference.decide(combination) == number
    assert matcher.decide((3, 101)) == 5000


def test_more_than_64_rules_may_match_one_message() -> None:
    table = DecisionTable((3,), tuple((Condition(0, frozenset({1})),) for _ in range(300)))
    matcher = DurableMatcher(table)
    assert matcher.decide((1,)) == 0
    assert matcher.decide((2,)) == 300


def test_tables_beyond_reason_are_refused() -> None:
    odd = frozenset(range(1, 200, 2))
    table = DecisionTable(
        (200, 200, 200), ((Condition(0, odd), Condition(1, odd), Condition(2, odd)),)
    )
    with pytest.raises(TooManyRules) as caught:
        simple_rules(table)
    assert (caught.value.count, caught.value.most) == (1_000_000, 20_000)


def test_one_of_becomes_ranges_and_rules_with_one_answer() -> None:
    assert runs({0, 1, 2, 5, 7, 8}) == [(0, 2), (5, 5), (7, 8)]
    table = DecisionTable((9, 2), ((Condition(0, frozenset({0, 1, 5})),),))
    assert simple_rules(table) == [(0, ((0, 0, 1),)), (0, ((0, 5, 5),))]
    everything = DecisionTable((2,), ((Condition(0, frozenset({0, 1})),),))
    assert simple_rules(everything) == [(0, ())]
    nothing = DecisionTable((2,), ((Condition(0, frozenset()),),))
    assert simple_rules(nothing) == []
    assert DurableMatcher(nothing).decide((1,)) == 1


def test_no_timer_threads_run() -> None:
    before = threading.active_count()
    DurableMatcher(words(10, 5)).decide((0, 0))
    assert threading.active_count() == before


def test_equal_events_are_decided_again_and_one_session_is_enough() -> None:
    matcher = DurableMatcher(words(100, 10))
    for _ in range(1500):
        assert matcher.decide((3, 4)) == 43
    assert matcher.decide((9, 11)) == 100


def test_equal_tables_are_compiled_once() -> None:
    assert wall.compile_table(words(20, 5)) is wall.compile_table(words(20, 5))
    assert wall.compile_table(words(20, 5)) is not wall.compile_table(words(21, 5))


def test_rules_hold_only_small_integers_and_flat_conditions() -> None:
    """What is handed over: ints, aliases f0.., one pattern a rule, unique priorities."""
    matcher = DurableMatcher(words(4, 2))
    rules = [(0, ((0, 1, 1), (1, 0, 2))), (1, ())]
    ruleset = matcher._ruleset(rules)
    assert ruleset["r0"]["all"] == [
        {"m": {"$and": [{"f0": 1}, {"$gte": {"f1": 0}}, {"$lte": {"f1": 2}}]}}
    ]
    assert ruleset["r1"]["all"] == [{"m": {"$gte": {"n": 0}}}]
    assert ruleset["otherwise"]["all"] == [{"m": {"$gte": {"n": 0}}}]
    priorities = [rule["pri"] for rule in ruleset.values()]
    assert len(set(priorities)) == len(priorities)
    assert ruleset["otherwise"]["pri"] == max(priorities)
    assert all(rule["run"].__code__.co_argcount == 1 for rule in ruleset.values())


def test_an_answer_that_never_came_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    matcher = DurableMatcher(words(4, 2))
    monkeypatch.setattr(wall._host(), "post", lambda name, message: None)
    with pytest.raises(RuntimeError, match="gave no answer"):
        matcher.decide((0, 0))


def test_state_is_never_deleted() -> None:
    source = Path(wall.__file__).read_text(encoding="utf-8")
    called = {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not called & {"delete_state", "post_batch", "assert_fact", "start_timer"}


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
