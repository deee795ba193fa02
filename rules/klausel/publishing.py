"""Policies into the ERP: what is published, what publishing would change, and what forbids it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from klausel.charges.milestone import MilestoneShape
from klausel.model import PublishedPolicy
from klausel.policy import Policy
from klausel.policy.ir import Plan, Texts
from klausel.problems import ErpError, Problem, Where, listed, problem
from klausel.reading import Told, told
from klausel.terms import plan_parameters
from klausel.texts import MEANINGS
from klausel.words import OFFERED, known

#: What to do where a contract would lose its plan.
KEEP_PLAN = (
    "keep the plan in the policy; or give these contracts another plan, or archive them,"
    " and publish again"
)


class Publications(NamedTuple):
    """What the ERP has published, and who uses it."""

    policies: Mapping[str, PublishedPolicy]
    """Those in use, by name."""
    contracts: Mapping[str, Mapping[str, tuple[str, ...]]]
    """By policy and contract: the plans of its terms."""


class Change(NamedTuple):
    """One policy, as it stands in the files, against what is published of it."""

    policy: Policy
    before: PublishedPolicy | None
    contracts: Mapping[str, tuple[str, ...]]
    """Contracts of this policy with the plans of their terms."""

    @property
    def data(self) -> dict[str, Any]:
        """What the ERP is told."""
        replaces = self.before.digest if self.before is not None else ""
        return {**policy_data(self.policy), "replaces": replaces}

    @property
    def needed(self) -> bool:
        """Whether anything differs from what is published, or the ERP did not keep all of it."""
        before = self.before
        return before is None or not before.whole or before.digest != digest_of(self.policy)

    @property
    def added(self) -> list[str]:
        before = self.before.plans if self.before is not None else ()
        return [name for name in self.policy.plans if name not in before]

    @property
    def removed(self) -> list[str]:
        before = self.before.plans if self.before is not None else ()
        return [name for name in before if name not in self.policy.plans]

    def using(self, plan: str) -> list[str]:
        """Contracts with a term of ``plan``."""
        return sorted(code for code, plans in self.contracts.items() if plan in plans)


def changes(policies: Iterable[Policy], there: Publications) -> list[Change]:
    """Each of ``policies`` against what is ``there``, by name."""
    return [
        Change(policy, there.policies.get(policy.name), there.contracts.get(policy.name, {}))
        for policy in sorted(policies, key=lambda policy: policy.name)
    ]


def refuse_lost_plans(found: Iterable[Change]) -> None:
    """Raises ``ErpError`` where a contract that is billed would lose its plan."""
    for change in found:
        for plan in change.removed:
            codes = change.using(plan)
            if codes:
                name, version = change.policy.name, change.policy.version
                raise ErpError(
                    f'Policy {name} {version} has no plan "{plan}" any more, but contracts use it:'
                    f" {', '.join(codes)}.",
                    KEEP_PLAN,
                )


# --- what is published ------------------------------------------------------------------------


def policy_data(policy: Policy) -> dict[str, Any]:
    """``policy`` as plain values: what forms have to know of it, and what people read of it."""
    data = {
        "name": policy.name,
        "version": policy.version,
        "hash": policy.hash,
        "title": dict(policy.title),
        "plans": [_plan(plan) for plan in policy.plans.values()],
        "rules": [_rule(one) for one in told(policy)],
        "words": {fact: words for fact in OFFERED if (words := sorted(known([policy], fact)))},
    }
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return {**data, "digest": hashlib.sha256(text.encode()).hexdigest()[:16]}


def digest_of(policy: Policy) -> str:
    """Changes with everything that is published of ``policy``."""
    return str(policy_data(policy)["digest"])


def _plan(plan: Plan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "title": dict(plan.title),
        "clause": plan.clause,
        "because": dict(plan.because),
        "parameters": [
            {
                "name": parameter.name,
                "meaning": dict(meaning(parameter.meaning)),
                "type": parameter.type,
                "required": parameter.required,
                "example": parameter.example.strip('"'),
            }
            for parameter in plan_parameters(plan).values()
        ],
        "parts": [
            name
            for component in plan.components
            if isinstance(component.shape, MilestoneShape)
            for name in component.shape.names
        ],
        "sells_hours": any(component.kind == "block" for component in plan.components),
    }


def _rule(one: Told) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "clause": one.clause,
        "disposition": one.disposition,
        "plan": one.plan,
        "effect": dict(one.effect),
        "because": dict(one.because),
    }


def meaning(text: str) -> Texts:
    """What a parameter means, in every language there is a text for."""
    return {"en": text, **MEANINGS.get(text, {})}


# --- what is shown ----------------------------------------------------------------------------


def version_text(policy: Policy | PublishedPolicy) -> str:
    """Version and hash, as sentences name them."""
    return f"{policy.version} ({policy.hash})"


def changes_text(found: Sequence[Change], folder: str, erp: str) -> str:
    """What publishing would change, for the screen."""
    lines = [f"Policies in {folder} for {erp}", ""]
    for change in found:
        lines += [f"  {text}" for text in _change_lines(change)]
    return "\n".join(lines)


def _change_lines(change: Change) -> Iterator[str]:
    policy, before = change.policy, change.before
    now = version_text(policy)
    if before is None:
        yield f"{policy.name}: new, version {now}"
    elif not change.needed:
        yield f"{policy.name}: unchanged, version {now}"
        return
    elif before.says(policy):
        yield f"{policy.name}: version {now} as it is, its rules, plans and words described anew"
    else:
        yield f"{policy.name}: version {version_text(before)} becomes {now}"
        if before.version == policy.version:
            yield '  Note: the files changed and "version" did not; raise it to tell them apart'
    if change.added:
        yield f"  plans added: {', '.join(change.added)}"
    if change.removed:
        yield f"  plans removed: {', '.join(change.removed)}"
    if change.contracts:
        yield f"  contracts: {listed(sorted(change.contracts))}"
    unknown = {plan for plans in change.contracts.values() for plan in plans}
    for plan in sorted(unknown - change.policy.plans.keys() - set(change.removed)):
        codes = ", ".join(change.using(plan))
        yield f'  Note: {codes} names a plan "{plan}", which the policy does not have'


# --- what is in use against what is published -------------------------------------------------


def differing(
    policies: Mapping[str, Policy],
    published: Mapping[str, PublishedPolicy],
    names: Iterable[str],
) -> dict[str, Problem]:
    """Those of ``names`` of which another version is published than the one in use."""
    found = {}
    for name in sorted(set(names) & policies.keys() & published.keys()):
        if not published[name].says(policies[name]):
            found[name] = problem(
                "policy-published", Where(f"policy {name}"), policy=name,
                published=version_text(published[name]), used=version_text(policies[name]),
            )  # fmt: skip
    return found
