"""What ``check`` finds out about rules equals asking every single case, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from klausel.policy import Policy, policy_at
from klausel.policy.check import Checked, Finding, Raw, check
from klausel.policy.check.gaps import MOST_SHOWN, maximal_gaps
from klausel.policy.check.space import Box, Stack
from klausel.policy.check.words import row, said_example
from klausel.policy.facts import NumberField
from klausel.policy.overlap import overlaps
from klausel.tree import Tree, parse
from tests.counts import count
from tests.random_policies import Cases, Data, random_policy, seconds

NOWHERE = Tree(None, {}, ())
AS_OF = date(2026, 5, 1)


def checked(data: Data) -> Checked:
    tree = Tree(data, {}, ())
    policy = policy_at(tree, data, (), "hash")
    assert isinstance(policy, Policy), policy
    return Checked(policy, Raw(tree), AS_OF)


def by_code(found: list[Finding], code: str, ids: list[str]) -> set[str]:
    """Ids in the messages of findings with ``code``."""
    said = [one.message for one in found if one.code == code]
    return {id_ for id_ in ids for message in said if f" {id_} " in message.split(":")[0]}


def dead(cases: Cases) -> Iterator[tuple[str, str]]:
    """``(code, id)`` of rules that never decide, found case by case."""
    above: list[int] = []
    for rule in cases.rules:
        mine = cases.of(rule)
        if not mine:
            yield "rule-impossible", rule["id"]
        elif any(not mine & ~other for other in above):
            yield "rule-subsumed", rule["id"]
        elif not mine & ~union(above):
            yield "rule-unreachable", rule["id"]
        above.append(mine)


def union(sets: list[int]) -> int:
    found = 0
    for cases in sets:
        found |= cases
    return found


def idle(cases: Cases) -> Iterator[tuple[str, str]]:
    """``(code, id)`` of approvals, watches and surcharges without any work."""
    needed = 0
    for approval in cases.approvals:
        mine = cases.work(approval)
        if "require" in approval:
            if not mine & ~needed:
                yield "approval-never", approval["id"]
            needed |= mine
        elif not mine:
            yield "threshold-without-effect", approval["id"]
    for surcharge in cases.surcharges:
        if not cases.work(surcharge):
            yield "surcharge-without-effect", surcharge["id"]


def compare(data: Data) -> None:
    look, cases = checked(data), Cases(data)
    found = check(look.policy, look.raw, AS_OF)
    rules = [rule["id"] for rule in cases.rules]
    expected = set(dead(cases))
    for code in ("rule-impossible", "rule-subsumed", "rule-unreachable"):
        right = {id_ for c, id_ in expected if c == code}
        assert by_code(found, code, rules) == right, data
        count(f"random rules that are {code.removeprefix('rule-')}, as every case says", len(right))
    others = [one["id"] for one in (*cases.approvals, *cases.surcharges)]
    without = set(idle(cases))
    for code in ("approval-never", "threshold-without-effect", "surcharge-without-effect"):
        right = {id_ for c, id_ in without if c == code}
        assert by_code(found, code, others) == right, data
        count(f"random {code}, as every case says", len(right))
    count("approvals, watches and surcharges compared with every case", len(others))
    named_rules_are_right(look, cases)
    gaps_are_right(look, cases, found)
    overlaps_are_right(look, cases)
    first_overlaps_are_right(look, cases)
    count("random rules compared with every case", len(rules))
    count("random policies checked and compared with every case")
    count("cases asked one by one", cases.everything.bit_count())


def named_rules_are_right(look: Checked, cases: Cases) -> None:
    """The rules that are named do take everything, and none of them is named in vain."""
    sets = [cases.of(rule) for rule in cases.rules]
    for number, verdict in enumerate(look.verdicts):
        if verdict.kind == "subsumed":
            (other,) = verdict.by
            assert other < number
            assert not sets[number] & ~sets[other]
        elif verdict.kind == "unreachable":
            assert max(verdict.by) < number
            assert not sets[number] & ~union([sets[other] for other in verdict.by])
            for one in verdict.by:
                rest = union([sets[other] for other in verdict.by if other != one])
                assert sets[number] & ~rest
        else:
            assert verdict.kind in ("", "impossible")


def gaps_are_right(look: Checked, cases: Cases, found: list[Finding]) -> None:
    """The rows to add are all that only otherwise decides, and none could be wider."""
    left = cases.everything & ~union([cases.of(rule) for rule in cases.rules])
    boxes, all_of_them = maximal_gaps(look)
    assert all_of_them
    space, fields = look.space, look.policy.fields
    together = 0
    for box in boxes:
        (added,) = parse(row(space, fields, box, "NEW", "service", ["en"]), "row").data
        mine = cases.of(added)
        example_is_right(look, box)
        assert mine, added
        assert not mine & ~left, added
        assert all(slab & ~left for slab in cases.neighbours(mine)), added
        together |= mine
    assert together == left
    shown = [one for one in found if one.code == "only-otherwise" and one.paste]
    assert len(shown) == min(MOST_SHOWN, len([box for box in boxes if box != space.whole]))
    count("groups of cases that only otherwise decides: rows equal to every case", len(boxes))


def example_is_right(look: Checked, box: Box) -> None:
    """The case that is shown for a group lies in it."""
    said = said_example(look.space, look.policy.fields, look.limits, box).split(", ")
    for number, field in enumerate(look.policy.fields):
        words = [text.partition(" is ")[2] for text in said if text.startswith(f"{field.name} is ")]
        if not words:
            assert box[number] == look.space.whole[number]
            continue
        (word,) = words
        if isinstance(field, NumberField):
            low, high = look.limits[number]
            code, value = field.code_of(seconds(word)), seconds(word)
            assert (low is None or low <= value) and (high is None or value <= high)
        else:
            code = field.values.index(word)
        assert box[number] >> code & 1
    days = [date.fromisoformat(text[3:]) for text in said if text.startswith("on ")]
    assert bool(days) == (box[-1] != look.space.whole[-1])
    for day in days:
        assert box[-1] & look.space.days.of(day, day)


def overlaps_are_right(look: Checked, cases: Cases) -> None:
    """Boxes meet where both rules hold in some case."""
    sets = [cases.of(rule) for rule in cases.rules]
    stack = Stack(look.space, look.boxes)
    for number, (box, mine) in enumerate(zip(look.boxes, sets, strict=True)):
        expected = sum(1 << other for other, above in enumerate(sets[:number]) if mine & above)
        assert stack.meeting(box) & ((1 << number) - 1) == expected
        count("pairs of rules that overlap, as every case says", expected.bit_count())


def first_overlaps_are_right(look: Checked, cases: Cases) -> None:
    """What ``hit: unique`` refuses: for each rule the first above that holds in a common case."""
    if any("number" in field and "from" not in field["number"] for field in fields_of(cases)):
        return  # the loader takes numbers from 0 where a field does not say
    sets = [(rule["id"], cases.of(rule)) for rule in cases.rules]
    expected = {}
    for number, (id_, mine) in enumerate(sets):
        above = [other for other, theirs in sets[:number] if mine & theirs]
        if above:
            expected[id_] = above[0]
    found = overlaps(look.policy.fields, look.policy.rules)
    assert {one.second.id: one.first.id for one in found} == expected
    count("rules with an overlap that hit: unique refuses, as every case says", len(expected))


def fields_of(cases: Cases) -> list[Data]:
    return list(cases.data["fields"].values())


@given(st.integers(0, 2**62))
def test_verdicts_equal_every_single_case(seed: int) -> None:
    random = Random(seed)
    for _ in range(2):
        compare(random_policy(random))


def test_a_row_that_was_pasted_closes_its_gap() -> None:
    """Over a few hundred policies: each row is read, and is no gap any more."""
    for seed in range(150):
        data: dict[str, Any] = random_policy(Random(seed))
        look = checked(data)
        for one in check(look.policy, look.raw, AS_OF):
            if not one.paste:
                continue
            (added,) = parse(one.paste, "row").data
            scope = data["scope"] | {"rules": [*data["scope"]["rules"], added]}
            again = checked(data | {"scope": scope})
            assert not again.verdicts[-1].kind, added
            cases = Cases(again.raw.get())
            *others, mine = (cases.of(rule) for rule in cases.rules)
            assert mine & ~union(others) == mine
            rows = {
                paste.paste.partition("\n")[2]
                for paste in check(again.policy, again.raw, AS_OF)
                if paste.paste
            }
            assert one.paste.partition("\n")[2] not in rows
            count("rows pasted into random policies")
