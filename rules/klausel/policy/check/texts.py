"""Texts that are missing in a language that is spoken."""

from __future__ import annotations

from collections.abc import Iterator

from klausel.policy.check.context import Checked, conditions_of
from klausel.policy.check.finding import Finding, finding
from klausel.policy.check.words import LANGUAGE_NAMES, joined
from klausel.policy.ir import Policy, Texts, text_in
from klausel.problems import Where
from klausel.shapes import LANGUAGES


def missing_texts(checked: Checked) -> Iterator[Finding]:
    """A language is spoken by some other text, or by a customer with a contract of the policy."""
    spoken = set(languages_of(checked.policy)) | _customers(checked)
    said = set()
    for what, texts, where in _texts(checked):
        lost = [name for name in LANGUAGES if name in spoken and not texts.get(name)]
        if not texts or not lost or (where, what) in said:
            continue
        said.add((where, what))
        shown = next(name for name, text in texts.items() if text == text_in(texts, lost[0]))
        yield finding(
            "text-missing", where, what=what,
            languages=joined(LANGUAGE_NAMES[name] for name in lost),
            examples=joined(f'{name}: "..."' for name in lost), instead=LANGUAGE_NAMES[shown],
        )  # fmt: skip


def languages_of(policy: Policy) -> list[str]:
    """Languages of the texts of ``policy``."""
    found = set(policy.title) | set(policy.otherwise.because)
    for rule in (*policy.rules, *conditions_of(policy)):
        found |= set(rule.because)
    for plan in policy.plans.values():
        found |= set(plan.title) | set(plan.because)
    return [name for name in LANGUAGES if name in found]


def _customers(checked: Checked) -> set[str]:
    book = checked.book
    if book is None:
        return set()
    speakers = [book.customers.get(contract.customer) for contract in checked.contracts]
    found = {customer.language.partition("_")[0] for customer in speakers if customer is not None}
    return found & set(LANGUAGES)


def _texts(checked: Checked) -> Iterator[tuple[str, Texts, Where]]:
    """Each text of the policy: what it is, its words by language, its place."""
    policy, below = checked.policy, checked.raw.below
    yield '"title" of the policy', policy.title, checked.raw.where("title")
    for rule in (*policy.rules, *conditions_of(policy)):
        yield f'"because" of {rule.id}', rule.because, below(rule.where, "because")
    otherwise = policy.otherwise
    yield '"because" of otherwise', otherwise.because, below(otherwise.where, "because")
    for plan in policy.plans.values():
        yield f'"title" of plan {plan.name}', plan.title, below(plan.where, "title")
        yield f'"because" of plan {plan.name}', plan.because, below(plan.where, "because")
