"""Texts that are missing in a language that is spoken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from klausel.policy.check.context import Checked, conditions_of
from klausel.policy.check.finding import Finding, finding
from klausel.policy.check.words import LANGUAGE_NAMES, joined
from klausel.policy.ir import Policy, Texts, text_in
from klausel.problems import Where
from klausel.shapes import LANGUAGES


class _Text(NamedTuple):
    what: str
    texts: Texts
    place: Where
    """Where it is asked for."""
    written: Where
    """Where its words stand: one place for a text that is named in several."""


def missing_texts(checked: Checked) -> Iterator[Finding]:
    """A language is spoken by some other text, or by a customer with a contract of the policy."""
    spoken = set(languages_of(checked.policy)) | _customers(checked)
    together: dict[Where, dict[tuple[str, Where], _Text]] = {}
    for text in _texts(checked):
        if text.texts:
            together.setdefault(text.written, {})[text.what, text.place] = text
    for written, (first, *others) in ((at, found.values()) for at, found in together.items()):
        lost = [name for name in LANGUAGES if name in spoken and not first.texts.get(name)]
        if not lost:
            continue
        instead = text_in(first.texts, lost[0])
        shown = next(name for name, text in first.texts.items() if text == instead)
        yield finding(
            "text-missing", written if others else first.place, what=_named(first, others),
            languages=joined(LANGUAGE_NAMES[name] for name in lost),
            examples=joined(f'{name}: "..."' for name in lost), instead=LANGUAGE_NAMES[shown],
        )  # fmt: skip


def _named(first: _Text, others: Sequence[_Text]) -> str:
    if not others:
        return first.what
    return f"{first.what} and of {len(others)} {'other' if len(others) == 1 else 'others'}"


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


def _texts(checked: Checked) -> Iterator[_Text]:
    """Each text of the policy."""
    policy = checked.policy
    if policy.title:
        title = checked.raw.where("title")
        yield _Text('"title" of the policy', policy.title, title, title)
    for rule in (*policy.rules, *conditions_of(policy)):
        yield _text(checked, f'"because" of {rule.id}', rule.because, rule.where, "because")
    rest = policy.otherwise
    yield _text(checked, '"because" of otherwise', rest.because, rest.where, "because")
    for plan in policy.plans.values():
        name = f"plan {plan.name}"
        yield _text(checked, f'"title" of {name}', plan.title, plan.where, "title")
        yield _text(checked, f'"because" of {name}', plan.because, plan.where, "because")


def _text(checked: Checked, what: str, texts: Texts, above: Where, word: str) -> _Text:
    """The text that stands as ``word`` below what stands at ``above``."""
    place = checked.raw.below(above, word)
    first = next(iter(texts), "")
    return _Text(what, texts, place, checked.raw.below(above, word, first))
