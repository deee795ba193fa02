"""What no rule takes, so that only ``otherwise`` decides: information, with a row to add."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from klausel.policy.check.context import Checked
from klausel.policy.check.finding import Finding, finding
from klausel.policy.check.space import Box, Stack, contains, widened
from klausel.policy.check.texts import languages_of
from klausel.policy.check.words import row, said_box, said_example

#: Groups of cases that are shown, and parts of them that are looked at.
MOST_SHOWN = 5
MOST_PARTS = 400


def only_otherwise(checked: Checked) -> Iterator[Finding]:
    policy, space = checked.policy, checked.space
    if not policy.rules:
        return
    found, all_of_them = maximal_gaps(checked)
    boxes = [box for box in found if box != space.whole]
    ids = {rule.id for rule in checked.everything}
    languages = languages_of(checked)
    if policy.hit == "unique":
        boxes = _apart(checked, boxes)
    shown = boxes[:MOST_SHOWN]
    otherwise = policy.otherwise
    for box in shown:
        number = next(n for n in range(1, len(ids) + 2) if f"NEW{n}" not in ids)
        ids.add(f"NEW{number}")
        yield finding(
            "only-otherwise", otherwise.where,
            paste=row(
                space, policy.fields, box, f"NEW{number}", otherwise.disposition, languages
            ),
            cases=_cases(checked, box), disposition=otherwise.disposition,
        )  # fmt: skip
    if len(boxes) > len(shown):
        more = len(boxes) - len(shown)
        count = f"{more}" if all_of_them else f"at least {more}"
        yield finding("only-otherwise:more", otherwise.where, count=count)


def _cases(checked: Checked, box: Box) -> str:
    """What is in ``box``, and one case of it where that is more than one."""
    fields, space = checked.policy.fields, checked.space
    every = said_box(space, fields, box)
    narrowed = [codes for codes, whole in zip(box, space.whole, strict=True) if codes != whole]
    if all(codes.bit_count() == 1 for codes in narrowed):
        return every
    return f"{every}; one of them: {said_example(space, fields, checked.limits, box)}"


def maximal_gaps(checked: Checked) -> tuple[list[Box], bool]:
    """Boxes that no rule meets and that cannot be made larger, the largest first, and whether
    together they are all that only ``otherwise`` decides: not so where that is more than anybody
    would read."""
    stack, among = checked.stack, checked.ruled
    found: list[Box] = []
    parts = stack.holes(checked.space.whole, among)
    for hole in islice(parts, MOST_PARTS):
        if not any(contains(box, hole) for box in found):
            found.append(widened(stack, hole, among))
    boxes = sorted(dict.fromkeys(found), key=lambda box: (-_volume(box), box))
    return boxes, next(parts, None) is None


def _apart(checked: Checked, boxes: Sequence[Box]) -> list[Box]:
    """``boxes`` in parts that have nothing in common: of rules that may not overlap, all can be
    added."""
    stack = Stack(checked.space, boxes, checked.steps)
    found: list[Box] = []
    for number, box in enumerate(boxes):
        before = stack.meeting(box) & ((1 << number) - 1)
        found += islice(stack.holes(box, before), MOST_PARTS)
        if len(found) > MOST_PARTS:
            break
    return found


def _volume(box: Box) -> int:
    result = 1
    for codes in box:
        result *= codes.bit_count()
    return result
