"""Texts that are missing in a language that is spoken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from klausel.policy.check.context import Checked, conditions_of
from klausel.policy.check.finding import Finding, finding
from klausel.policy.check.words import LANGUAGE_NAMES, joined
from klausel.policy.ir import Texts, text_in
from klausel.problems import Where
from klausel.shapes import LANGUAGES


class _Text(NamedTuple):
    what: str
    texts: Texts
    place: Where
    """Where it is asked for."""
    written: Where
    """Where its words stand: one place for a text that is named in several."""
    plain: bool = False
    """It is one sentence, of no language by name."""


def missing_texts(checked: Checked) -> Iterator[Finding]:
    """A language is spoken by some other text, or by a customer with a contract of the policy."""
    texts = [text for text in _texts(checked) if text.texts]
    named = _languages(texts)
    own = own_language(named)
    readers = _customers(checked)
    spoken = set(named) | readers
    together: dict[Where, dict[tuple[str, Where], _Text]] = {}
    for text in texts:
        together.setdefault(text.written, {})[text.what, text.place] = text
    for written, (first, *others) in ((at, found.values()) for at, found in together.items()):
        if first.plain and not own:
            # Nobody says which language the policy is in: one that all readers share, perhaps.
            lost = [name for name in LANGUAGES if name in readers and len(readers) > 1]
        else:
            there = {own} if first.plain else {name for name in first.texts if first.texts[name]}
            lost = [name for name in LANGUAGES if name in spoken - there]
        if not lost:
            continue
        where = written if others else first.place
        what, languages = _named(first, others), joined(LANGUAGE_NAMES[name] for name in lost)
        examples = [f'{name}: "..."' for name in lost]
        if first.plain and own in ("", *set(named) - {"en"}):
            every = [name for name in LANGUAGES if name in lost or name == own]
            yield finding(
                "text-missing:plain", where, what=what,
                languages=joined(LANGUAGE_NAMES[name] for name in every),
                examples=", ".join(f'{name}: "..."' for name in every),
            )  # fmt: skip
            continue
        instead = text_in(first.texts, lost[0])
        shown = next(name for name, text in first.texts.items() if text == instead)
        yield finding(
            "text-missing", where, what=what, languages=languages, examples=joined(examples),
            instead=LANGUAGE_NAMES[shown],
        )  # fmt: skip


def own_language(named: Sequence[str]) -> str:
    """The language of sentences that name none, where others are in the languages ``named``, the
    most frequent first: English if it is among them. Empty where no text names one."""
    return "en" if "en" in named else next(iter(named), "")


def _languages(texts: Iterable[_Text]) -> list[str]:
    """The languages that some text names, the most frequent first."""
    found = Counter(name for text in texts if not text.plain for name in text.texts)
    return sorted(found, key=lambda name: (-found[name], LANGUAGES.index(name)))


def _named(first: _Text, others: Sequence[_Text]) -> str:
    if not others:
        return first.what
    return f"{first.what} and of {len(others)} {'other' if len(others) == 1 else 'others'}"


def languages_of(checked: Checked) -> list[str]:
    """Languages that texts of the policy name."""
    named = _languages(_texts(checked))
    return [name for name in LANGUAGES if name in named]


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
        plain = isinstance(checked.raw.get("title"), str)
        yield _Text('"title" of the policy', policy.title, title, title, plain)
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
    plain = checked.raw.is_text(above, word)
    return _Text(what, texts, place, checked.raw.below(above, word, first), plain)
