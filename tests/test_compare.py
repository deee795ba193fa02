"""klausel diff: sums add up, and what is not listed is the same, over edited policies."""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis.strategies import randoms

from klausel.compare import Comparison, compare, difference, fate_text
from klausel.engine import Matchers, bill
from klausel.fields import DISPOSITIONS
from klausel.formats.compare import FORMATS, render
from klausel.matching import reference
from klausel.model import Book
from klausel.money import ZERO
from klausel.policy import Policy, policy_at
from klausel.problems import ProblemError
from klausel.result import Result
from klausel.scenario import Scenario, ScenarioShape, fragment_book, merged, read_scenario
from klausel.tree import Tree
from klausel_book import read_folder
from klausel_book.source import demo_folder
from klausel_run.compare import policies_in
from tests.counts import count
from tests.oracle.lives import lives
from tests.test_cases import SCENARIOS, name

#: Edited policies are many, and rules that are compiled are kept for good.
PLAIN = Matchers(reference.ReferenceMatcher, reference.ReferenceMatcher)
NOWHERE = Tree(None, {}, ())


def edited(written: dict[str, Any], random: Random) -> dict[str, Any]:
    """A policy with one thing changed, as somebody might."""
    data = copy.deepcopy(written)
    edits = [_scope]
    for word, edit in (
        ("rounding", _rounding), ("surcharges", _surcharge), ("approvals", _approval),
    ):  # fmt: skip
        if data.get(word):
            edits.append(edit)
    random.choice(edits)(data, random)
    return data


def _scope(data: dict[str, Any], random: Random) -> None:
    scope = data["scope"]
    rules = scope.get("rules") or []
    number = random.randrange(len(rules) + 1)
    if number == len(rules):
        others = [word for word in DISPOSITIONS if word != scope["otherwise"]["then"]]
        scope["otherwise"]["then"] = random.choice(others)
    elif random.random() < 0.3:
        del rules[number]
    elif random.random() < 0.3:
        rules[number]["until"] = "2026-01-20"
        rules[number].pop("from", None)
    else:
        rules[number]["then"] = random.choice(DISPOSITIONS)


def _rounding(data: dict[str, Any], random: Random) -> None:
    data["rounding"]["to"] = random.choice(["6m", "20m", "1h"])


def _surcharge(data: dict[str, Any], random: Random) -> None:
    random.choice(data["surcharges"])["times"] = random.choice(["1.1", "3"])


def _approval(data: dict[str, Any], random: Random) -> None:
    data["approvals"].remove(random.choice(data["approvals"]))


def policies_of(path: Path, edits: int) -> tuple[list[tuple[Policy, Policy]], Book, date]:
    """The policies of a case, each with an edited one, and its book as it is at last."""
    scenario = read_scenario(path.read_text(encoding="utf-8"), name(path))
    fragment = dict(scenario.shape.book)
    for run in scenario.shape.runs:
        fragment = merged(fragment, run)
    book = fragment_book(fragment, scenario, [])
    written: dict[str, Any] = dict(scenario.shape.policies)
    if isinstance(scenario.shape.policy, dict):
        written["policy"] = scenario.shape.policy
    random = Random(name(path))
    pairs = []
    for key, data in written.items():
        filled = {"policy": key, "version": "1", **data}
        old = next(policy for policy in scenario.policies if policy.name == filled["policy"])
        for number in range(edits):
            new = policy_at(NOWHERE, edited(filled, random), (), f"edit {number}")
            assert isinstance(new, Policy), new
            pairs.append((old, new))
    return pairs, book, scenario.shape.runs[-1].as_of


@pytest.mark.parametrize("path", SCENARIOS, ids=name)
def test_sums_add_up_for_edited_cases(path: Path, request: pytest.FixtureRequest) -> None:
    try:
        pairs, book, as_of = policies_of(path, 10 if request.config.getoption("--soak") else 1)
    except ProblemError:
        return  # the case is of a book that is refused
    first = date(2026, 1, 15)
    for old, new in pairs:
        results = [with_policy(book, old, one, as_of) for one in (old, new)]
        found = compare(book, [(old, new)], as_of, matchers=PLAIN)
        assert found.totals == (totals(results[0]), totals(results[1]))
        adds_up(found)
        says_all(found, *results)
        back = compare(book, [(old, new)], as_of, first, PLAIN)
        assert not back.rounding
        adds_up(back)
        same = compare(book, [(old, old)], as_of, matchers=PLAIN)
        assert not same.changed
        assert not same.customers
        assert "Nothing changes: " in render(same, "text")
        count("edited policies that are compared")
        count("edited policies that change something", found.changed)


@settings(max_examples=settings.default.max_examples // 10)
@given(lives(), randoms())
def test_sums_add_up_for_generated_lives(life: dict[str, Any], random: Random) -> None:
    """With every kind of contract, approvals, budgets and rounding."""
    filled = {"policy": "p", "version": "1", **life["policy"]}
    old, new = (
        policy_at(NOWHERE, data, (), digest)
        for data, digest in ((filled, "as it was"), (edited(filled, random), "edited"))
    )
    assert isinstance(old, Policy)
    assert isinstance(new, Policy)
    shape = ScenarioShape.model_validate({**life, "policy": None})
    fragment = dict(shape.book)
    for run in shape.runs:
        fragment = merged(fragment, run)
    book = fragment_book(fragment, Scenario(shape, NOWHERE, (old,)), [])
    as_of = shape.runs[-1].as_of
    results = [with_policy(book, old, one, as_of) for one in (old, new)]
    found = compare(book, [(old, new)], as_of, matchers=PLAIN)
    assert found.totals == (totals(results[0]), totals(results[1]))
    adds_up(found)
    says_all(found, *results)
    count("generated lives under an edited policy")


def with_policy(book: Book, old: Policy, new: Policy, as_of: date) -> Result:
    policies = {**book.policies, old.name: replace(new, name=old.name)}
    customers = {found.customer for found in book.contracts if found.policy == old.name}
    return bill(replace(book, policies=policies, ledger=()), as_of, customers, PLAIN)


def totals(result: Result) -> dict[str, Decimal]:
    """What the drafts come to, by currency."""
    found: dict[str, Decimal] = {}
    for draft in result.drafts:
        sign = -1 if draft.kind == "credit_note" else 1
        found[draft.currency] = found.get(draft.currency, ZERO) + sign * draft.total
    return {currency: amount for currency, amount in sorted(found.items()) if amount}


def together(*amounts: Any) -> dict[str, Decimal]:
    found: Counter[str] = Counter()
    for some in amounts:
        for currency, amount in some.items():
            found[currency] += amount
    return {currency: Decimal(amount) for currency, amount in sorted(found.items()) if amount}


def adds_up(found: Comparison) -> None:
    """The groups, the customers, the entries and the lines each make the whole difference."""
    whole = difference(*found.totals)
    rest = (found.without_entries, found.rounding)
    assert together(*(group.more for group in found.transitions), *rest) == whole
    assert together(*(customer.more for customer in found.customers)) == whole
    entries = [entry for customer in found.customers for entry in customer.entries]
    assert together(*(entry.more for entry in entries), *rest) == whole
    lines = [line for customer in found.customers for line in customer.lines]
    by_line = together(*({line.currency: line.new - line.old} for line in lines), found.rounding)
    assert by_line == whole
    assert sum(group.entries for group in found.transitions) == len(entries)
    worked = sum(entry.entry.seconds for entry in entries)
    assert sum(group.seconds for group in found.transitions) == worked
    for group in found.transitions:
        mine = [one for one in entries if (one.was, one.now) == (group.was, group.now)]
        assert together(*(one.more for one in mine)) == group.more
    for form in FORMATS:
        text = render(found, form)
        assert form != "text" or all(
            f" {one.entry.id} {one.entry.date.isoformat()}" in text for one in entries
        )
    data = json.loads(render(found, "json"))
    assert {c: Decimal(amount) for c, amount in data["difference"].items()} == whole


def says_all(found: Comparison, old: Result, new: Result) -> None:
    """What is not listed came out the same; what is listed did not."""
    listed = {entry.entry.id: entry for one in found.customers for entry in one.entries}
    was, now = (
        {
            entry: Counter(
                (part.disposition, part.rule, part.rounded, part.contract, part.term, part.held)
                for part in parts
            )
            for entry, parts in result.entries
        }
        for result in (old, new)
    )
    for id_ in {*was, *now}:
        if id_ in listed:
            rules = {one.rule for one in listed[id_].was}
            assert rules == {rule for _, rule, *_ in was.get(id_, ())}
        else:
            assert was[id_] == now[id_]
    changed = {line.key for one in found.customers for line in one.lines}
    before, after = (
        {
            str(line.key): (line.quantity, line.unit_price, line.amount, draft.kind)
            for draft in result.drafts
            for line in draft.lines
        }
        for result in (old, new)
    )
    for key in {*before, *after} - changed:
        assert [abs(value) for value in before[key][:3]] == [abs(v) for v in after[key][:3]]
    for key in changed:
        assert before.get(key) != after.get(key) or key not in before


def test_the_demo_book(tmp_path: Path) -> None:
    """Two edits of the demo's policy, word by word."""
    old, folder = demo_folder() / "policies" / "web-care", tmp_path / "web-care"
    folder.mkdir()
    text = (old / "policy.yaml").read_text(encoding="utf-8")
    for before, after in (
        ("estimate_hours: {more_than: 16}", "estimate_hours: {more_than: 50}"),
        ('version: "2026.1"', 'version: "2026.2"'),
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / "policy.yaml").write_text(text, encoding="utf-8")
    (before_,), (after_,) = policies_in(old).values(), policies_in(folder).values()
    book = read_folder(demo_folder())
    found = compare(book, [(before_, after_)], date(2026, 7, 1), date(2026, 4, 1))
    adds_up(found)
    ways = [
        (fate_text(group.was), fate_text(group.now), group.entries, group.more)
        for group in found.transitions
    ]
    assert ways == [
        ("P2 change, held", "S1 service", 1, {"EUR": Decimal("194.00")}),
    ]
    text = render(found, "text")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert text == SAID.format(before_.hash, after_.hash)


SAID = """\
Policies compared                                               as of 2026-07-01
════════════════════════════════════════════════════════════════════════════════
Old      web-care 2026.1 {}
New      web-care 2026.2 {}
From     2026-04-01, by the last day of a line and the day of an entry
Billed afresh with each, as if nothing were on record.

To invoice  15,833.87 -> 16,027.87 EUR (+194.00)
To invoice  1,756.88 -> 1,756.88 GBP (+0.00)
Changed     1 of 208 entries
            1 of 30 lines
            1 customer

By rule
────────────────────────────────────────────────────────────────────────────────
  P2 change, held -> S1 service                     1 entry, 2.00 h, +194.00 EUR
  together                                                           +194.00 EUR

Oldenkotte Logistiek Groep B.V. (c7)
────────────────────────────────────────────────────────────────────────────────
  To invoice 4,267.27 -> 4,461.27 EUR (+194.00)
  - Service per kwartaal, Corporate website, 2e kwartaal   8.00 h × 97.00 776.00
    2026
  + Service per kwartaal, Corporate website, 2e kwartaal  10.00 h × 97.00 970.00
    2026
    e799 2026-06-10 2.00 h: P2 change, held -> S1 service            +194.00 EUR
"""
