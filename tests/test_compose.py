"""A policy in several files, tables and names is the same policy as one that is written out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klausel.assemble import BookBuilder
from klausel.matching.durable import MOST_RULES
from klausel.policy import Policy, Rule, load_policy
from klausel.policy.compose import MOST_DEPTH
from klausel.policy.facts import NumberField, WordField
from klausel.policy.load import content_hash
from klausel.policy.named import MOST_VALUES
from klausel.policy.overlap import overlaps
from klausel.problems import Problem, ProblemError
from klausel.tree import parse
from klausel_book.reader import read_policies
from klausel_book.source import BookSource, demo_folder, policy_texts
from tests.counts import count

SOME = settings(max_examples=settings().max_examples // 5)

START = """\
policy: care
version: "1"
fields:
  work:
    one_of: [update, feature, other]
    from: [{task_tag: [Update, Patch], is: update}, {otherwise: other}]
  estimate_hours: {number: {from: 0, to: 1000}}
"""
OTHERWISE = "  otherwise: {then: service, because: By time.}\n"


def policy(text: str, **others: str) -> Policy:
    """The policy of ``text`` and of other files, a dot in whose names is written ``_``."""
    files = {"policy.yaml": text} | {
        name.replace("__", "/").replace("_", "."): other for name, other in others.items()
    }
    found = load_policy("", files)
    assert isinstance(found, Policy), [str(problem) for problem in found]
    return found


def problems(files: Mapping[str, str]) -> list[str]:
    found = load_policy("", files)
    assert isinstance(found, list)
    return [str(problem) for problem in found]


def meaning(policy: Policy) -> list[Any]:
    """What a policy says, without where it says so."""

    def said(rule: Rule) -> tuple[Any, ...]:
        return (
            rule.id, rule.disposition, dict(rule.because), rule.clause, rule.first, rule.until,
            {tuple(one) for one in rule.conditions}, rule.exception_of,
        )  # fmt: skip

    plans = {
        name: (dict(plan.title), [(part.id, part.shape) for part in plan.components])
        for name, plan in policy.plans.items()
    }
    return [
        policy.fields, [said(rule) for rule in policy.rules], said(policy.otherwise), plans,
        [(said(found.rule), found.times, found.on) for found in policy.surcharges],
        [(said(found.rule), found.per, found.retroactive) for found in policy.requirements],
        [replace(found, rule=said(found.rule)) for found in policy.watches], policy.rounding,
        policy.title,
    ]  # fmt: skip


# --- include ---------------------------------------------------------------------------------


def loaded(text: str) -> Any:
    return parse(text, "").data


def dumped(data: Any) -> str:
    """JSON is YAML too, and quickly made."""
    return json.dumps(data, ensure_ascii=False)


@pytest.mark.parametrize("name", sorted(policy_texts(demo_folder() / "policies")))
def test_a_demo_policy_in_parts_means_the_same(name: str) -> None:
    """Every word in a file of its own, each including the next from a folder deeper."""
    text = policy_texts(demo_folder() / "policies")[name]["policy.yaml"]
    whole = policy(text)
    data = loaded(text)
    main = {word: data.pop(word) for word in ("policy", "version")}
    files, names = {}, [f"{'deep/' * number}{word}.yaml" for number, word in enumerate(data)]
    for place, (word, value) in enumerate(data.items()):
        part = {word: value}
        if place + 1 < len(names):
            part = {"include": [names[place + 1]], **part}
        files[names[place]] = dumped(part)
    files["policy.yaml"] = dumped({**main, "include": names[0]})
    found = load_policy("", files)
    assert isinstance(found, Policy), [str(problem) for problem in found]
    assert meaning(found) == meaning(whole)
    assert found.hash != whole.hash
    assert found.rules[0].where.file == next(one for one in names if one.endswith("scope.yaml"))
    assert found.unread == ()


def test_lists_stand_in_the_order_of_the_files() -> None:
    """A file's own rules first, then those of what it includes, depth first."""

    def rules(*ids: str) -> str:
        return "".join(f"    - {{id: {id_}, then: included, because: x}}\n" for id_ in ids)

    found = policy(
        START + "include: [a.yaml, c.yaml]\nscope:\n  rules:\n" + rules("M") + OTHERWISE,
        a_yaml="include: deep/b.yaml\nscope:\n  rules:\n" + rules("A1", "A2"),
        deep__b_yaml="scope:\n  rules:\n" + rules("B"),
        c_yaml="scope:\n  rules:\n" + rules("C"),
    )
    assert [rule.id for rule in found.rules] == ["M", "A1", "A2", "B", "C"]
    assert str(found.rules[3].where) == "deep/b.yaml:3:7"


def test_files_that_nothing_names_are_known_and_change_the_hash() -> None:
    text = START + "scope:\n" + OTHERWISE
    found = policy(text, notes_yaml="free: text", prices_csv="a,b\n1,2\n")
    assert found.unread == ("notes.yaml", "prices.csv")
    assert found.hash != policy(text).hash
    assert content_hash({"a": "x\r\ny"}) == content_hash({"a": "x\ny"})
    assert content_hash({"a": "x", "b": "y"}) != content_hash({"a": "y", "b": "x"})


def test_tests_and_the_example_of_a_contract_change_no_hash() -> None:
    """Who adds a test has changed nothing that is billed, and need not publish again."""
    beside = {"tests/scope.yaml": "tests: []", "contract.yaml": "code: C1"}
    assert content_hash({"policy.yaml": "x", **beside}) == content_hash({"policy.yaml": "x"})
    assert content_hash({"policy.yaml": "x", "scope.yaml": "y"}) != content_hash(
        {"policy.yaml": "x"}
    )


def test_includes_are_not_endless() -> None:
    files = {"policy.yaml": START + "include: f1.yaml\nscope:\n" + OTHERWISE}
    for number in range(1, MOST_DEPTH + 5):
        files[f"f{number}.yaml"] = f"include: f{number + 1}.yaml\n"
    assert problems(files) == [
        f"f{MOST_DEPTH - 1}.yaml:1:1: error: files include one another more than 30 deep\n"
        "    include them from policy.yaml"
    ]


# --- tables ----------------------------------------------------------------------------------

WORDS = st.text("ab,;\"' \n\u00e4", min_size=1, max_size=6).filter(
    lambda text: text.strip() == text
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "then": st.sampled_from(["included", "service", "change"]),
            "because.en": WORDS,
            "because.de": WORDS | st.just(""),
            "clause": WORDS | st.just(""),
            "when.work": st.sampled_from(["", "update", "update; feature", "feature;other"]),
            "when.estimate_hours.more_than": st.sampled_from(["", "4", "7.5"]),
            "when.estimate_hours.up_to": st.sampled_from(["", "16"]),
            "from": st.sampled_from(["", "2026-01-01"]),
        }
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def row_as_rule(number: int, row: dict[str, str]) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": f"R{number}", "because": {}, "when": {}}
    for name, cell in row.items():
        if not cell:
            continue
        if name == "when.work":
            words = [word.strip() for word in cell.split(";")]
            rule["when"]["work"] = words
        elif name.startswith("when."):
            rule["when"].setdefault("estimate_hours", {})[name.rpartition(".")[2]] = cell
        elif name.startswith("because."):
            rule["because"][name[-2:]] = cell
        else:
            rule[name] = cell
    return rule


@SOME
@given(ROWS, st.sampled_from(["\n", "\r\n"]), st.integers(0, 3))
def test_a_table_means_what_its_rows_mean(
    rows: list[dict[str, str]], end: str, written: int
) -> None:
    count("generated tables equal to written rules")
    data = loaded(START)
    rules = [row_as_rule(number, row) for number, row in enumerate(rows)]
    data["scope"] = {"rules": rules, "otherwise": {"then": "service", "because": "x"}}
    stream = io.StringIO(newline="")
    table = [dict(row, id=f"R{number}") for number, row in enumerate(rows)][written:]
    writer = csv.DictWriter(stream, ["id", *rows[0]], lineterminator=end)
    writer.writeheader()
    writer.writerows(table)
    lines = [*rules[:written], {"table": "rules.csv"}]
    parts = {**data, "scope": {**data["scope"], "rules": lines}}
    if not written:
        parts["scope"]["rules"] = {"table": "rules.csv"}
    found = load_policy("", {"policy.yaml": dumped(parts), "rules.csv": stream.getvalue()})
    whole = load_policy("", {"policy.yaml": dumped(data)})
    assert isinstance(whole, Policy), whole
    assert isinstance(found, Policy), found
    assert meaning(found) == meaning(whole)


def test_places_in_a_table() -> None:
    table = 'id,then,because.en\nR1,included,"One,\ntwo"\n\nR2,includd,x\n'
    text = START + "scope:\n  rules: {table: r.csv}\n" + OTHERWISE
    assert problems({"policy.yaml": text, "r.csv": table}) == [
        'r.csv:5:4: error: "then": includd is not known\n    did you mean "included"?'
    ]
    found = policy(text, r_csv=table.replace("includd", "included"))
    assert [str(rule.where) for rule in found.rules] == ["r.csv:2:1", "r.csv:5:1"]
    assert found.rules[0].because == {"en": "One,\ntwo"}


def test_tables_of_everything_that_is_a_list() -> None:
    found = policy(
        """\
policy: care
version: "1"
values: {much: 1500}
texts: {dear: {en: Dear., de: Teuer.}}
fields:
  work: {one_of: [update, other], from: {table: work.csv}}
surcharges: {table: more.csv}
approvals:
  - {id: A1, when: {disposition: change}, require: approval}
  - {table: gates.csv}
scope:
"""
        + OTHERWISE,
        work_csv="task_tag,text_has,is,otherwise\nUpdate;Patch,,update,\n,cve,update,\n,,,other\n",
        more_csv="id,when.work,times,on,because.text\nZ1,update,1.5,hours,dear\n",
        gates_csv=(
            "id,when.disposition,watch.amount,watch.budget.value,watch.notify_at\n"
            "M1,service;change,period,much,80;100\n"
        ),
    )
    (work,) = found.fields
    assert isinstance(work, WordField)
    assert [(clause.fact, clause.values) for line in work.sources for clause in line.clauses] == [
        ("task_tag", {"update", "patch"}),
        ("text_has", {"cve"}),
    ]
    (dear,) = found.surcharges
    rule = dear.rule
    assert (rule.id, dict(rule.because), str(dear.times), dear.on) == (
        "Z1", {"en": "Dear.", "de": "Teuer."}, "1.5", "hours",
    )  # fmt: skip
    (watch,) = found.watches
    assert (watch.budget, watch.notify_at, len(watch.rule.conditions[0].codes)) == (
        1500, (80, 100), 2,
    )  # fmt: skip
    assert found.requirements[0].rule.id == "A1"


# --- values, texts, rate cards ---------------------------------------------------------------


def test_what_is_named_means_what_is_written() -> None:
    named = policy(
        """\
policy: care
version: "1"
values:
  senior: {always: "110.00", 2026-07-01: "115.00"}
  usual: "95.00"
  cap: 20
  left: 10
texts:
  fee: {en: Part of the fee., de: Teil der Pauschale.}
rates:
  card: {role: {Senior: {value: senior}}, default: {value: usual}}
title: {text: fee}
scope:
  otherwise: {then: service, because: {text: fee}}
plans:
  effort: {title: {text: fee}, components: [{time: {rates: card}}]}
  pool: {title: P, components: [{pool: {proration: none, carry_cap: {value: cap}, rates: card}}]}
  block: {title: B, components: [{block: {notify_left: [20, {value: left}], notify_days: {value: cap}, rates: {activity: {text: {value: usual}}}}}]}
  parts: {title: M, components: [{milestone: {parts: {value: {value: cap}, rest: 80}}}]}
"""  # noqa: E501
    )
    fee = "{en: Part of the fee., de: Teil der Pauschale.}"
    card = '{role: {Senior: {always: "110.00", 2026-07-01: "115.00"}}, default: "95.00"}'
    written = policy(
        f"""\
policy: care
version: "1"
title: {fee}
scope:
  otherwise: {{then: service, because: {fee}}}
plans:
  effort: {{title: {fee}, components: [{{time: {{rates: {card}}}}}]}}
  pool: {{title: P, components: [{{pool: {{proration: none, carry_cap: 20, rates: {card}}}}}]}}
  block: {{title: B, components: [{{block: {{notify_left: [20, 10], notify_days: 20, rates: {{activity: {{text: "95.00"}}}}}}}}]}}
  parts: {{title: M, components: [{{milestone: {{parts: {{value: 20, rest: 80}}}}}}]}}
"""  # noqa: E501
    )
    assert meaning(named) == meaning(written)
    assert {(one.kind, one.name) for one in named.named if one.used} == {
        ("value", "senior"), ("value", "usual"), ("value", "cap"), ("value", "left"),
        ("text", "fee"), ("rates", "card"),
    }  # fmt: skip


def test_a_field_and_a_role_may_be_called_as_the_words_are() -> None:
    found = policy(
        """\
policy: care
version: "1"
fields:
  value: {one_of: [table, text], from: [{task_tag: table, is: table}, {otherwise: text}]}
scope:
  rules:
    - {id: R, when: {value: table}, then: included, because: x}
  otherwise: {then: service, because: x}
plans:
  value: {title: T, components: [{time: {rates: {role: {value: "95.00"}}}}]}
"""
    )
    assert found.rules[0].conditions[0].codes == {0}
    assert found.plans["value"].components[0].shape.rates.role == {"value": {"always": 95}}


def test_what_is_named_and_not_used_is_known() -> None:
    found = policy(START + "values: {big: 16}\ntexts: {a: b}\nscope:\n" + OTHERWISE)
    assert [(one.kind, one.name, one.used, str(one.where)) for one in found.named] == [
        ("value", "big", False, "policy.yaml:8:10"),
        ("text", "a", False, "policy.yaml:9:9"),
    ]


def test_a_rule_with_a_dated_value_is_a_rule_for_each_stretch_of_days() -> None:
    dated = policy(
        START
        + """\
values: {big: {always: 16, 2026-04-01: 20, 2027-01-01: 24}, extra: {always: 1, 2026-04-01: 2}}
surcharges:
  - {id: Z, until: 2026-06-30, times: {value: extra}}
approvals:
  - {id: M, watch: {hours: ticket, budget: {value: big}, hold: yes}}
scope:
  rules:
    - id: R
      from: 2026-02-01
      until: 2026-12-31
      when: {estimate_hours: {more_than: {value: big}}}
      then: change
      because: x
      exceptions:
        - {id: E, until: 2026-03-31, when: {work: update}, then: included, because: y}
        - {id: F, when: {work: other}, then: internal, because: z}
"""
        + OTHERWISE
    )

    def days(rule: Rule) -> tuple[str, str, str]:
        return rule.id, str(rule.first or "-"), str(rule.until or "-")

    assert [days(rule) for rule in dated.rules] == [
        ("E", "2026-02-01", "2026-03-31"),
        ("F", "2026-02-01", "2026-03-31"),
        ("R", "2026-02-01", "2026-03-31"),
        ("F", "2026-04-01", "2026-12-31"),
        ("R", "2026-04-01", "2026-12-31"),
    ]
    hours = dated.fields[1]
    assert isinstance(hours, NumberField)
    assert hours.thresholds == (16 * 3600, 20 * 3600)
    assert [days(found.rule) for found in dated.surcharges] == [
        ("Z", "-", "2026-03-31"), ("Z", "2026-04-01", "2026-06-30"),
    ]  # fmt: skip
    assert [str(found.times) for found in dated.surcharges] == ["1", "2"]
    assert [(days(found.rule)[1:], found.budget) for found in dated.watches] == [
        (("-", "2026-03-31"), 16 * 3600),
        (("2026-04-01", "2026-12-31"), 20 * 3600),
        (("2027-01-01", "-"), 24 * 3600),
    ]
    assert len({rule.where for rule in dated.rules if rule.id == "R"}) == 1


def test_only_rules_of_one_day_are_counted_together() -> None:
    """A value with many dates makes many rules; matched are those in force."""
    words = [f"w{number}" for number in range(24)]
    odd = words[::2]
    fields = {
        name: {"one_of": words, "from": [{"task_tag": "x", "is": "w1"}, {"otherwise": "w0"}]}
        for name in ("one", "two")
    } | {"hours": {"number": {}, "from": "entry_hours"}}
    steps = {"always": "1"} | {
        str(date(2026, 1, 1) + timedelta(days=number)): str(1 + number % 2) for number in range(150)
    }
    when = {"one": odd, "two": odd, "hours": {"more_than": {"value": "big"}}}
    rule = {"id": "R", "when": when, "then": "included", "because": "x"}
    data = {
        "policy": "p", "version": "1", "fields": fields, "values": {"big": steps},
        "scope": {"rules": [rule], "otherwise": {"then": "service", "because": "x"}},
    }  # fmt: skip
    found = load_policy("", {"policy.yaml": dumped(data)})
    assert isinstance(found, Policy), [str(problem) for problem in found]
    assert len(found.rules) * 12 * 12 > MOST_RULES


def test_too_much_that_is_named() -> None:
    """A card of thousands of prices, named by thousands of plans."""
    card = "".join(f'    r{number}: "95.00"\n' for number in range(1500))
    plans = "".join(
        f"  p{number}: {{title: P, components: [{{time: {{rates: card}}}}]}}\n"
        for number in range(500)
    )
    text = (
        START + "rates:\n  card:\n   role:\n" + card + "plans:\n" + plans + "scope:\n" + OTHERWISE
    )
    assert problems({"policy.yaml": text}) == [
        "policy.yaml:1:1: error: with everything that is named written out, the policy has"
        f" more than {MOST_VALUES} values\n"
        "    split the policy, or name tables and rate cards less often"
    ]


# --- exceptions, unique ----------------------------------------------------------------------


def test_an_exception_is_a_rule_before_its_rule_with_both_conditions() -> None:
    found = policy(
        START
        + """\
scope:
  hit: unique
  rules:
    - id: R
      when: {work: [update, feature], estimate_hours: {up_to: 16}}
      then: included
      because: x
      exceptions:
        - {id: E1, clause: "3", from: 2026-07-01, when: {work: [feature, other]}, then: change, because: y}
        - {id: E2, when: {estimate_hours: {more_than: 8}}, then: service, because: z}
    - {id: S, when: {work: other}, then: service, because: x}
"""  # noqa: E501
        + OTHERWISE
    )
    e1, e2, rule, _ = found.rules
    assert (e1.exception_of, e2.exception_of, rule.exception_of) == ("R", "R", "")
    assert (e1.clause, e1.first, e1.disposition) == ("3", date(2026, 7, 1), "change")
    small = frozenset(range(4))
    assert {tuple(one) for one in e1.conditions} == {(0, frozenset({1})), (1, small)}
    assert {tuple(one) for one in e2.conditions} == {(0, frozenset({0, 1})), (1, frozenset({2, 3}))}
    assert {tuple(one) for one in rule.conditions} == {(0, frozenset({0, 1})), (1, small)}


@st.composite
def scopes(draw: st.DrawFn) -> list[dict[str, Any]]:
    def when() -> dict[str, Any]:
        found: dict[str, Any] = {}
        words = draw(st.sets(st.sampled_from(["update", "feature", "other"])))
        if words:
            found["work"] = sorted(words)
        bounds = draw(
            st.dictionaries(
                st.sampled_from(["more_than", "at_least", "less_than", "up_to"]),
                st.sampled_from(["0", "4", "4.0003", "8", "1000"]),
                max_size=2,
            )
        )
        if bounds:
            found["estimate_hours"] = bounds
        return found

    rules: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        days = sorted(draw(st.lists(st.sampled_from(DAYS), max_size=2, unique=True)))
        rule: dict[str, Any] = {
            "id": f"R{number}",
            "when": when(),
            "then": "included",
            "because": "x",
        }
        if len(days) == 2:
            rule |= {"from": str(days[0]), "until": str(days[1])}
        elif days:
            rule[draw(st.sampled_from(["from", "until"]))] = str(days[0])
        if draw(st.booleans()):
            rule["exceptions"] = [
                {"id": f"R{number}E", "when": when(), "then": "service", "because": "y"}
            ]
        rules.append(rule)
    return rules


DAYS = [date(2026, 1, 1), date(2026, 3, 31), date(2026, 4, 1), date(2026, 12, 31)]


@SOME
@given(scopes())
def test_unique_is_refused_exactly_where_two_rules_fit(rules: list[dict[str, Any]]) -> None:
    """Compared with all combinations and days, one by one."""
    data = loaded(START)
    data["fields"]["work"]["from"].insert(0, {"task_tag": "F", "is": "feature"})
    data["scope"] = {"rules": rules, "otherwise": {"then": "service", "because": "x"}}
    first = load_policy("", {"policy.yaml": dumped(data)})
    assert isinstance(first, Policy), first
    own = [rule for rule in first.rules if not rule.exception_of]

    def fit(one: Rule, word: int, number: int, day: date) -> bool:
        codes = dict(one.conditions)
        return (
            one.in_force(day) and word in codes.get(0, {word}) and number in codes.get(1, {number})
        )

    hours = first.fields[1]
    assert isinstance(hours, NumberField)
    seconds = {0, 1000 * 3600, 999 * 3600} | {
        bound + more for bound in hours.thresholds for more in (-1, 0, 1)
    }
    numbers = {hours.code_of(second) for second in seconds if 0 <= second <= 1000 * 3600}
    assert numbers == hours.possible
    days = [date(2025, 12, 31), *DAYS, date(2026, 2, 1), date(2026, 5, 1), date(2027, 1, 1)]
    expected = {}
    for second, rule in enumerate(own):
        for other in own[:second]:
            if any(
                fit(rule, word, number, day) and fit(other, word, number, day)
                for word in range(3)
                for number in numbers
                for day in days
            ):
                expected[rule.id] = other.id
                break
    found = overlaps(first.fields, first.rules)
    assert {one.second.id: one.first.id for one in found} == expected
    for one in found:
        example = dict(one.example)
        values = example.get(0, 0), example.get(1, min(numbers))
        day = one.day or DAYS[0]
        assert fit(one.first, *values, day)
        assert fit(one.second, *values, day)
    data["scope"]["hit"] = "unique"
    unique = load_policy("", {"policy.yaml": dumped(data)})
    count("policies whose overlaps equal those found one by one")
    count("policies with overlaps among them", bool(expected))
    if expected:
        assert isinstance(unique, list)
        assert [problem.code for problem in unique] == ["policy-rules-overlap"] * len(expected)
    else:
        assert isinstance(unique, Policy)
        assert unique.rules == first.rules


# --- tests in policies -----------------------------------------------------------------------


def test_tests_are_kept_as_they_are_written() -> None:
    found = policy(
        START
        + "include: more.yaml\ntests:\n  - {name: one, entry: {text: x}, expect: {}}\nscope:\n"
        + OTHERWISE,
        more_yaml="tests:\n  - name: two\n    entry: {value: big}\n",
    )
    one, two = found.tests
    assert (str(one.where), one.data["entry"]) == ("policy.yaml:10:5", {"text": "x"})
    assert (str(two.where), two.data["entry"]) == ("more.yaml:2:5", {"value": "big"})
    assert str(two.tree.where((*two.path, "entry", "value"))) == "more.yaml:3:13"


# --- damage at random ------------------------------------------------------------------------

EVERYTHING = {
    "policy.yaml": {
        "policy": "care",
        "version": "1",
        "include": ["fields.yaml", "deep/plans.yaml"],
        "values": {"big": {"always": "16", "2026-04-01": "20"}, "usual": "95.00", "half": "1.5"},
        "texts": {"fee": {"en": "Fee.", "de": "Pauschale."}, "plain": "Text."},
        "rates": {"card": {"role": {"Senior": {"value": "usual"}}, "default": "90"}},
        "surcharges": [{"id": "Z", "when": {"work": "update"}, "times": {"value": "half"}}],
        "approvals": [
            {"id": "A", "when": {"disposition": "change"}, "require": "approval"},
            {"id": "M", "watch": {"hours": "ticket", "budget": {"value": "big"}, "hold": "yes"}},
        ],
        "scope": {
            "hit": "unique",
            "rules": [
                {
                    "id": "R",
                    "from": "2026-01-01",
                    "when": {"work": "update", "hours": {"up_to": {"value": "big"}}},
                    "then": "included",
                    "because": {"text": "fee"},
                    "exceptions": [
                        {
                            "id": "E",
                            "until": "2026-12-31",
                            "when": {"hours": {"more_than": "4"}},
                            "then": "service",
                            "because": "x",
                        }
                    ],
                },
                {"table": "rules.csv"},
            ],
            "otherwise": {"then": "service", "because": {"text": "plain"}},
        },
    },
    "fields.yaml": {
        "fields": {
            "work": {"one_of": ["update", "other"], "from": {"table": "work.csv"}},
            "hours": {"number": {"from": "0", "to": "1000"}, "from": "estimate_hours"},
        },
        "tests": [{"name": "one", "entry": {}, "expect": {}}],
    },
    "deep/plans.yaml": {
        "plans": {
            "effort": {"title": {"text": "fee"}, "components": [{"time": {"rates": "card"}}]},
            "pool": {
                "title": "P",
                "components": [{"pool": {"proration": "none", "carry_cap": {"value": "usual"}}}],
            },
        }
    },
}  # fmt: skip
TABLES = {
    "rules.csv": "id,when.work,when.hours.more_than,then,because.en\nS,other,8,change,Large.\n",
    "work.csv": "task_tag,text_has,is,otherwise\nUpdate;Patch,,update,\n,cve,update,\n,,,other\n",
}
ODD: list[Any] = [
    None, [], {}, "", "x", "0", "-1", "1,5", "2026-02-30", ["x"], [[]], [None], {"x": "y"}, "big",
    "card", {"value": "big"}, {"value": "usual"}, {"value": []}, {"value": None}, {"text": "fee"},
    {"text": "x"}, {"table": "rules.csv"}, {"table": "work.csv"}, {"table": None},
    [{"table": "rules.csv"}], "deep/plans.yaml", "policy.yaml", {"always": "1"},
    {"2026-05-01": {"value": "usual"}}, {"more_than": {"value": "big"}}, {"fee": "x"},
    {"en": {"value": "big"}}, {"otherwise": "other"}, [{"id": "E"}], True, 7,
]  # fmt: skip


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    for key, value in items:
        found += paths(value, (*path, key))
    return found


CELLS = st.tuples(st.sampled_from(sorted(TABLES)), st.integers(0, 90), st.sampled_from(',;"\nx.'))

PLACES = [(name, path) for name, data in EVERYTHING.items() for path in paths(data)]


def test_everything_is_a_policy() -> None:
    files = {name: dumped(data) for name, data in EVERYTHING.items()} | TABLES
    found = load_policy("", files)
    assert isinstance(found, Policy), [str(problem) for problem in found]
    assert found.unread == ()
    assert all(one.used for one in found.named)


def damaged(changes: list[Any]) -> dict[str, Any]:
    """All files with odd values in some places, each of them an own copy."""
    whole: dict[str, Any] = json.loads(json.dumps(EVERYTHING))
    for (name, path), odd in changes:
        place = whole[name]
        try:
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = deepcopy(odd)  # a later change may go into it
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    return whole


def test_a_value_that_is_put_in_twice_does_not_contain_itself() -> None:
    odd: dict[str, Any] = {"value": "big"}
    inner = next(path for _, path in PLACES if len(path) > 1 and isinstance(path[-1], str))
    name = next(name for name, path in PLACES if path == inner)
    whole = damaged([((name, inner[:-1]), odd), ((name, inner), odd)])
    assert json.loads(json.dumps(whole)) == whole
    assert odd == {"value": "big"}


def test_damage_is_a_problem_and_never_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """Values of the wrong kind in any place, words moved to other places, broken tables."""
    counts = {"policies": 0, "refused": 0}

    @settings(max_examples=settings().max_examples // 2)
    @given(
        st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(ODD)), min_size=1, max_size=3),
        st.none() | CELLS,
    )
    def check(changes: list[Any], cell: Any) -> None:
        files = {name: dumped(data) for name, data in damaged(changes).items()} | TABLES
        if cell is not None:
            name, at, odd = cell
            files[name] = files[name][:at] + odd + files[name][at + 1 :]
        found = load_policy("", files)
        if isinstance(found, Policy):
            counts["policies"] += 1
            return
        assert found
        for problem in found:
            assert problem.where.file in files, problem
            assert problem.where.line, problem
        counts["refused"] += 1

    check()
    with capsys.disabled():
        print(f"\n{sum(counts.values())} damaged policies: {counts}")
    assert min(counts.values()) > 10


# --- folders ---------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path: Path) -> Path:
    folder = tmp_path / "book"
    (folder / "policies" / "care" / "plans").mkdir(parents=True)
    (folder / "contracts.yaml").write_text("")
    care = folder / "policies" / "care"
    text = START + "include: plans/all.yaml\nscope:\n" + OTHERWISE
    (care / "policy.yaml").write_text(text)
    (care / "plans" / "all.yaml").write_text(
        "plans:\n  effort: {title: T, components: [{time: {}}]}\n"
    )
    (care / "plans" / "notes.txt").write_text("not read")
    (care / ".hidden").mkdir()
    (care / ".hidden" / "x.yaml").write_text("{")
    return folder


def read(folder: Path) -> Policy | list[Problem]:
    builder = BookBuilder()
    read_policies(builder, folder / "policies", "policies")
    policies, problems = builder.policies()
    return problems or policies["care"]


def test_a_policy_folder_is_read_with_its_subfolders(book: Path) -> None:
    found = read(book)
    assert isinstance(found, Policy), found
    assert list(found.plans) == ["effort"]
    texts = policy_texts(book / "policies")
    assert sorted(texts["care"]) == ["plans/all.yaml", "policy.yaml"]
    assert found.hash == content_hash(texts["care"])
    (book / "policies" / "care" / "plans" / "more.csv").write_text("id\n")
    changed = read(book)
    assert isinstance(changed, Policy)
    assert changed.hash != found.hash


def test_a_snapshot_has_the_subfolders_too(book: Path, tmp_path: Path) -> None:
    from klausel_run.snapshot import snapshot

    source = BookSource(book)
    snapshot(source, date(2026, 7, 1), tmp_path / "copy")
    assert BookSource(tmp_path / "copy").policy_files() == source.policy_files()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_link_that_leaves_the_folder_is_refused(kind: str, book: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.yaml").write_text("plans: {}\n")
    link = book / "policies" / "care" / ("x.yaml" if kind == "file" else "more")
    link.symlink_to(outside / "x.yaml" if kind == "file" else outside)
    found = read(book)
    assert isinstance(found, list)
    assert [str(problem) for problem in found] == [
        f"policies/care/{link.name}: error: this is a link to something outside of the policy"
        " folder\n    put a copy of what it leads to into the folder"
    ]
    with pytest.raises(ProblemError) as refused:  # a copy would lack what it leads to
        policy_texts(book / "policies")
    assert [*refused.value.problems] == found


def test_links_inside_the_folder_are_fine(book: Path) -> None:
    """So are those of a folder that is itself a link, and those that lead around in a circle."""
    care = book / "policies" / "care"
    (care / "same.yaml").symlink_to("plans/all.yaml")
    (care / "plans" / "round").symlink_to(care)
    found = read(book)
    assert isinstance(found, Policy), found
    assert found.unread == ("same.yaml",)
    care.rename(book / "elsewhere")
    care.symlink_to(book / "elsewhere")
    again = read(book)
    assert isinstance(again, Policy), again
    assert again.hash == found.hash
