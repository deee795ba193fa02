"""Policies and their tables, damaged at random: a policy or problems that can be found, always.

What this found stands in ``cases/policy-errors`` as well.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from klausel.policy import Policy, load_policy
from klausel.problems import MOST_PROBLEMS, Problem
from klausel.tree import parse, split_lines
from klausel_book.source import demo_folder, policy_texts
from tests.counts import count
from tests.test_policy_errors import CASES

#: In a normal run 2,000 damaged policies altogether, in a long one as many as it has.
MANY = settings(max_examples=settings().max_examples)

TABLES = """\
policy: care
version: "1"
values: {big: {always: 16, 2026-07-01: 20}}
texts: {covered: {en: Covered., de: Enthalten.}}
rates: {standard: {role: {Senior: "110.00"}, default: "95.00"}}
include: plans.yaml
fields:
  work: {one_of: [update, feature, other], from: {table: work.csv}}
  estimate_hours: {number: {from: 0, to: 1000}}
surcharges: {table: extra.csv}
approvals:
  - {table: gates.csv}
  - {id: A9, when: {disposition: change}, require: approval}
scope:
  hit: first
  rules:
    - id: W
      when: {estimate_hours: {more_than: {value: big}}}
      then: change
      because: {text: covered}
      exceptions:
        - {id: E, when: {work: update}, then: included, because: x}
    - {table: rules.csv}
  otherwise: {then: service, because: By time.}
"""
PLANS = """\
plans:
  effort: {title: {text: covered}, components: [{time: {rates: standard, every: 1 month}}]}
  pool: {title: Pool, components: [{pool: {proration: none, carry_cap: 20}}]}
"""


@cache
def good() -> tuple[tuple[tuple[str, str], ...], ...]:
    """Policies without a mistake, as names and texts of their files."""
    found = [
        {
            "policy.yaml": TABLES,
            "plans.yaml": PLANS,
            "work.csv": "task_tag,text_has,is,otherwise\nUpdate;Patch,,update,\n"
            ",cve,feature,\n,,,other\n",
            "extra.csv": "id,when.work,times,on,because.text\nZ1,update,1.5,hours,covered\n",
            "gates.csv": "id,when.disposition,watch.amount,watch.budget,watch.notify_at\n"
            "M1,service;change,period,1500,80;100\n",
            "rules.csv": "id,from,when.work,when.estimate_hours.up_to,then,because.en,because.de\n"
            'R1,2026-01-01,update;feature,8,included,"One, two",Eins\nR2,,other,4.5,service,x,\n',
        },
        *policy_texts(demo_folder() / "policies").values(),
    ]
    for case in sorted(CASES.glob("fine-*")):
        texts = {path.name: path.read_bytes() for path in case.iterdir() if path.name[-1] != "t"}
        found.append({name: text.decode("utf-8-sig") for name, text in texts.items()})
    return tuple(tuple(files.items()) for files in found)


@cache
def words() -> tuple[str, ...]:
    """Words and signs of good policies, which make sense, if not where they are put."""
    text = "\n".join(text for files in good() for _, text in files)
    return tuple(sorted(set(re.findall(r"[\w.\-]+|[^\w\s]", text))))


ODD = (
    "", " ", "\t", "\n", "\r", "\r\n", "\0", "\x07", "\x1b[31m", "\x85", "\u2028", "\ufeff",
    "\U0001f600", "\u202e", "\u0661\u0666", "\xe9", "null", "~", "no", "on", "yes", "-", "- ",
    "? ", ": ", ":", "#", " #", "&a ", "*a", "!t ", "!!str ", "<<: ", "|", ">", "%", "@", "`",
    "---", "...", "{", "}", "[", "]", "[[[[[[[[", "{a: ", '"', "'", "\\", '"\\ud800"', '"\\0"',
    '"\\x41"', ";", ",,", "{}", "[]", "{value: big}", "{text: covered}", "{table: rules.csv}",
    "{value: [big]}", "-1", "1e9", "0x1F", "1_000", ".5", "5.", "16,5", "1" * 400,
    "0." + "3" * 400, "9999-12-31", "0000-00-00", "2026-02-30", "31.12.2026", "x" * 3000,
    "policy.yaml", "../x.yaml", "plans.yaml", "C:\\x", "{from: 2, to: 1}", "always", "12 months",
    "0 months", "9999 months", "99999 months", "0m", "15m", "when.", "when.work.x", "because",
    "tests", "include: ",
)  # fmt: skip

Edit = tuple[str, int, int, int]
EDITS = st.tuples(
    st.sampled_from(
        ("drop", "double", "swap", "word", "word", "word", "odd", "odd", "indent", "cut", "move")
    ),
    st.integers(0, 2**20),
    st.integers(0, 2**20),
    st.integers(0, 2**20),
)


def edited(text: str, edit: Edit) -> str:
    """``text`` with one thing changed; the numbers say what and where."""
    how, first, second, third = edit
    if how == "cut":
        return text[: first % (len(text) + 1)]
    if how in ("word", "odd"):
        found = list(re.finditer(r"[\w.\-]+", text))
        if not found:
            return text
        word = found[first % len(found)]
        new = ODD[second % len(ODD)] if how == "odd" else words()[second % len(words())]
        end = word.start() if third % 4 == 0 else word.end()
        return text[: word.start()] + new + text[end:]
    lines = text.splitlines(keepends=True) or [""]
    at, to = first % len(lines), second % len(lines)
    if how == "drop":
        del lines[at]
    elif how == "double":
        lines.insert(to, lines[at])
    elif how == "swap":
        lines[at], lines[to] = lines[to], lines[at]
    elif how == "move":
        lines.insert(to, lines.pop(at))
    else:
        lines[at] = " " * (third % 5) + lines[at].lstrip(" ")
    return "".join(lines)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, str]:
    files = dict(draw(st.sampled_from(good())))
    for number, edit in draw(st.lists(st.tuples(st.integers(0, 9), EDITS), min_size=1, max_size=4)):
        name = sorted(files)[number % len(files)]
        files[name] = edited(files[name], edit)
    return files


def look(files: Mapping[str, str]) -> str:
    """Loads ``files``: what is said can be printed, and stands in a line that there is."""
    found = load_policy("care", files)
    if isinstance(found, Policy):
        found.hash.encode()
        return "policy"
    assert 0 < len(found) <= MOST_PROBLEMS + 1
    for one in found:
        stands(one, files)
    return "refused"


def stands(one: Problem, files: Mapping[str, str]) -> None:
    assert one.hint, one
    said = f"{one.message}\n{one.hint}"
    assert said.encode()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]", said), said
    assert len(said) < 2000
    assert "pydantic" not in said, said
    assert "something else" not in said, said
    name = one.where.file.removeprefix("care/")
    assert name in files, one
    lines = split_lines(files[name])
    assert 0 <= one.where.line <= len(lines), one
    if one.where.column:
        assert one.where.line, one
        assert one.where.column <= len(lines[one.where.line - 1]) + 1, one


@MANY
@given(damaged())
def test_damage_is_a_problem_with_a_place(files: dict[str, str]) -> None:
    found = look(files)
    count("damaged policies")
    count("damaged policies that were refused", found == "refused")


SCALARS = st.one_of(
    st.sampled_from(ODD),
    st.deferred(lambda: st.sampled_from(words())),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.none(),
    st.integers(-5, 10**15),
    st.floats(allow_nan=False),
    st.booleans(),
)
THINGS = st.recursive(
    SCALARS,
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.deferred(lambda: st.sampled_from(words())) | st.text(max_size=3), inside, max_size=3
        )
    ),
    max_leaves=8,
)


@cache
def trees() -> tuple[str, ...]:
    """Good policies as JSON, which is YAML too."""
    return tuple(json.dumps(parse(dict(files)["policy.yaml"], "").data) for files in good())


def paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    return [path, *(found for key, value in inside for found in paths(value, (*path, key)))]


@st.composite
def retyped(draw: st.DrawFn) -> dict[str, str]:
    """A good policy with something quite different in one or two places, and well-formed."""
    number = draw(st.integers(0, len(trees()) - 1))
    data = json.loads(trees()[number])
    for _ in range(draw(st.integers(1, 2))):
        known = paths(data)
        path = known[draw(st.integers(0, 2**20)) % len(known)]
        thing = draw(THINGS)
        if not path:
            data = thing
            continue
        *around, last = path
        place = data
        for key in around:
            place = place[key]
        if isinstance(place, dict) and draw(st.booleans()):
            place[draw(st.sampled_from(words()))] = thing
        else:
            place[last] = thing
    return dict(good()[number]) | {"policy.yaml": json.dumps(data, indent=1, ensure_ascii=False)}


@MANY
@given(retyped())
def test_anything_in_any_place_is_a_problem_with_a_place(files: dict[str, str]) -> None:
    found = look(files)
    count("policies with something else in a place")
    count("policies with something else in a place that were refused", found == "refused")


@MANY
@given(
    st.text(
        st.sampled_from([*"ab:-?[]{}#&*!|>'\"%@` \n\t,.\\", "\u2028", "\x85", "0"]), max_size=40
    )
)
@example("a: \x07")
@example("[" * 100_000)
@example("- " * 100_000)
@example("? " * 100_000)
@example("{a: " * 100_000)
def test_any_text_is_a_tree_or_a_problem(text: str) -> None:
    tree = parse(text, "care/policy.yaml")
    for one in tree.problems:
        stands(one, {"policy.yaml": text})
    assert all(0 <= where.line <= len(split_lines(text)) for where in tree.places.values())
    count("texts of signs that mean something in YAML")


def test_good_policies_are_good() -> None:
    for files in good():
        found = load_policy("", dict(files))
        assert isinstance(found, Policy), [str(one) for one in found]
    assert len(good()) > 8
