"""Approvals, budgets and surcharges that can never take effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from klausel.charges import BALANCES
from klausel.fields import DISPOSITIONS
from klausel.policy.check.context import Checked, asked, pieces
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.check.rules import culprit
from klausel.policy.check.space import is_empty
from klausel.policy.check.words import joined
from klausel.policy.ir import CHARGED, Rule, Surcharge, Watch


def never_needed(checked: Checked) -> Iterator[Finding]:
    """Approvals for which there is no work."""
    rules = [needed.rule for needed in checked.policy.requirements]
    yield from _all_pieces(rules, lambda number: _never_needed(checked, rules, number))


def idle_watches(checked: Checked) -> Iterator[Finding]:
    """Budgets that count nothing, or say something only when it is too late."""
    watches = checked.policy.watches
    rules = [watch.rule for watch in watches]
    yield from _all_pieces(rules, lambda number: _idle_watch(checked, watches[number]))


def idle_surcharges(checked: Checked) -> Iterator[Finding]:
    """Surcharges that change no invoice."""
    surcharges = checked.policy.surcharges
    rules = [surcharge.rule for surcharge in surcharges]
    yield from _all_pieces(rules, lambda number: _no_change(checked, surcharges[number]))
    yield from _all_pieces(
        rules, lambda number: _without_work(checked, "surcharge-without-effect", rules[number])
    )


def _all_pieces(rules: Sequence[Rule], look: Callable[[int], Finding | None]) -> Iterator[Finding]:
    """What ``look`` says of what stands as one in the file, if it says so of each piece of it."""
    for numbers in pieces(rules):
        said = [look(number) for number in numbers]
        if said[0] is not None and None not in said:
            yield said[0]


def _never_needed(checked: Checked, rules: Sequence[Rule], number: int) -> Finding | None:
    rule, box = rules[number], checked.needed[number]
    found = _without_work(checked, "approval-never", rule)
    if found is not None or checked.applies(box, asked(checked.policy, rule), number):
        return found
    met = checked.stack.meeting(box) >> len(checked.boxes)
    above = [other for place, other in enumerate(rules[:number]) if met >> place & 1]
    return finding(
        "approval-never:covered", rule.where,
        tuple(Related(other.where, f"approval {other.id}") for other in above),
        id=rule.id, others=joined(dict.fromkeys(other.id for other in above)),
        advice=_moved(checked, rules, rule, above),
    )  # fmt: skip


def _moved(checked: Checked, rules: Sequence[Rule], rule: Rule, above: Sequence[Rule]) -> str:
    """To move an approval above others, where these are then still needed; else to remove it."""
    ids = list(dict.fromkeys(found.id for found in above))
    where = f"above {ids[0]}" if len(ids) == 1 else "above them"
    first = next(number for number, found in enumerate(rules) if found.id == ids[0])
    mine = [found for found in rules if found.id == rule.id]
    rest = [found for found in rules if found.id != rule.id]
    order = [*rest[:first], *mine, *rest[first:]]
    requirements = {id(found.rule): found for found in checked.policy.requirements}
    after = checked.with_policy(requirements=tuple(requirements[id(found)] for found in order))
    if checked.alive | {rule.id} <= after.alive:
        return f"move {rule.id} {where}, or remove it"
    return f"remove it, or let {joined(ids)} ask for less"


def _idle_watch(checked: Checked, watch: Watch) -> Finding | None:
    rule = watch.rule
    found = _without_work(checked, "threshold-without-effect", rule)
    percent = min(watch.notify_at, default=0)
    if found is not None or watch.hold or percent <= 100:
        return found
    where = checked.raw.below(rule.where, "watch", "notify_at")
    return finding("threshold-late", where, id=rule.id, percent=percent)


def _no_change(checked: Checked, surcharge: Surcharge) -> Finding | None:
    """A surcharge that changes nothing, whatever the work is."""
    rule, plans = surcharge.rule, checked.policy.plans.values()
    kinds = {component.kind for plan in plans for component in plan.components}
    if surcharge.times == 1:
        where = checked.raw.below(rule.where, "times")
        return finding("surcharge-without-effect:one", where, id=rule.id)
    if surcharge.on == "hours" and plans and kinds.isdisjoint(BALANCES):
        where = checked.raw.below(rule.where, "on")
        return finding("surcharge-without-effect:hours", where, id=rule.id)
    return None


def _without_work(checked: Checked, code: str, rule: Rule) -> Finding | None:
    """Why there is no work at all for ``rule``; None where there is some."""
    wanted = asked(checked.policy, rule)
    where = checked.raw.below(rule.where, "when", "disposition")
    names = joined((name for name in DISPOSITIONS if name in wanted), "or")
    if not wanted & CHARGED:
        return finding(f"{code}:free", where, id=rule.id, dispositions=names)
    box = checked.space.box(rule)
    if is_empty(box):
        found = culprit(checked, rule)
        assert found is not None
        name = found[1].name
        place = checked.raw.below(rule.where, "when", name)
        return finding(f"{code}:impossible", place, id=rule.id, field=name)
    if not wanted & CHARGED & checked.yielded.keys():
        if wanted >= CHARGED:
            return finding(f"{code}:scope", rule.where, id=rule.id)
        return finding(f"{code}:disposition", where, id=rule.id, dispositions=names)
    if not checked.applies(box, wanted):
        return finding(f"{code}:scope", rule.where, id=rule.id)
    return None
