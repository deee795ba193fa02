"""Words that people write for policies, and that no policy knows (semantics 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher

from klausel.policy.ir import Policy
from klausel.problems import listed

#: Fact, record, and what is usual to write even where no line names it. Of activities and roles
#: there are many that no rule asks for: there only what looks like a slip is said.
SPOKEN: tuple[tuple[str, str, tuple[str, ...] | None], ...] = (
    ("origin", "tickets", ("ours", "customer", "third_party", "unknown")),
    ("initiated_by", "tickets", ("customer", "us")),
    ("activity", "tickets", None),
    ("activity", "entries", None),
    ("role", "employees", None),
)

_USUAL = {fact: usual for fact, _, usual in SPOKEN}

#: Facts whose words forms of the ERP offer.
OFFERED = ("activity", "entry_tag", "initiated_by", "origin", "sla", "task_tag")


def known(policies: Iterable[Policy], fact: str) -> set[str]:
    """What may be written as ``fact``, case-folded: what ``policies`` ask it for, and what is
    usual beside it. Nothing where none of them asks for it."""
    found: set[str] = set().union(*(policy.words(fact) for policy in policies))
    if found:
        found |= set(_USUAL.get(fact) or ())
    return found


def unknown(
    policies: Iterable[Policy], fact: str, words: Iterable[str]
) -> Iterator[tuple[str, str]]:
    """Those of ``words`` that were meant for ``policies`` and that none of them knows, in order,
    each with what to write instead. Where no policy asks for ``fact``, none is said."""
    there = sorted(known(policies, fact))
    if not there:
        return
    for word in sorted(words):
        if not word or word.casefold() in there:
            continue
        like = [one for one in there if _is_slip(word.casefold(), one)]
        if like:
            yield word, f'did you mean "{like[0]}"?'
        elif _USUAL[fact] is not None:
            yield word, f"known: {listed(there, 12)}"


def _is_slip(word: str, known: str) -> bool:
    """Whether four fifths of the letters of both are the same, in the same order."""
    blocks = SequenceMatcher(None, word, known, autojunk=False).get_matching_blocks()
    return 10 * sum(block.size for block in blocks) >= 4 * (len(word) + len(known))


__all__ = ["OFFERED", "SPOKEN", "known", "unknown"]
