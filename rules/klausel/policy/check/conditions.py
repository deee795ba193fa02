"""Approvals, budgets and surcharges that can never take effect."""

from __future__ import annotations

from collections.abc import Iterator

from klausel.charges import BALANCES
from klausel.fields import DISPOSITIONS
from klausel.policy.check.context import Checked, asked
from klausel.policy.check.finding import Finding, Related, finding
from klausel.policy.check.rules import culprit
from klausel.policy.check.space import is_empty
from klausel.policy.check.words import joined
from klausel.policy.ir import CHARGED, Rule


def never_needed(checked: Checked) -> Iterator[Finding]:
    """Approvals for which there is no work."""
    requirements = checked.policy.requirements
    for number, needed in enumerate(requirements):
        rule, box = needed.rule, checked.needed[number]
        found = _without_work(checked, "approval-never", rule)
        if found is not None:
            yield found
        elif not checked.applies(box, asked(checked.policy, rule), number):
            met = checked.stack.meeting(box) >> len(checked.boxes)
            above = [other.rule for place, other in enumerate(requirements[:number])
                     if met >> place & 1]  # fmt: skip
            yield finding(
                "approval-never:covered", rule.where,
                tuple(Related(other.where, f"approval {other.id}") for other in above),
                id=rule.id, others=joined(other.id for other in above),
            )  # fmt: skip


def idle_watches(checked: Checked) -> Iterator[Finding]:
    """Budgets that count nothing, or say something only when it is too late."""
    for watch in checked.policy.watches:
        found = _without_work(checked, "threshold-without-effect", watch.rule)
        if found is not None:
            yield found
        elif not watch.hold and min(watch.notify_at, default=0) > 100:
            where = checked.raw.below(watch.rule.where, "watch", "notify_at")
            percent = min(watch.notify_at)
            yield finding("threshold-late", where, id=watch.rule.id, percent=percent)


def idle_surcharges(checked: Checked) -> Iterator[Finding]:
    plans = checked.policy.plans.values()
    kinds = {component.kind for plan in plans for component in plan.components}
    for surcharge in checked.policy.surcharges:
        rule = surcharge.rule
        if surcharge.times == 1:
            where = checked.raw.below(rule.where, "times")
            yield finding("surcharge-without-effect:one", where, id=rule.id)
        if surcharge.on == "hours" and plans and kinds.isdisjoint(BALANCES):
            where = checked.raw.below(rule.where, "on")
            yield finding("surcharge-without-effect:hours", where, id=rule.id)
        found = _without_work(checked, "surcharge-without-effect", rule)
        if found is not None:
            yield found


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
