"""``klausel check``: what is wrong, doubtful or worth knowing about a policy, without running it.

Everything here is found on the policy alone, as geometry on finite sets (:mod:`.space`), never by
trying examples. :data:`CHECKS` lists what is looked for; each is a function in the file of its
group. What the findings say stands in :mod:`.finding`, a page for each code in ``pages/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from klausel.model import Book
from klausel.policy.check.conditions import idle_surcharges, idle_watches, never_needed
from klausel.policy.check.context import Checked, Raw
from klausel.policy.check.days import over, successions
from klausel.policy.check.finding import (
    BY_DESIGN,
    CODES,
    SEVERITIES,
    Finding,
    Related,
    Severity,
    finding,
)
from klausel.policy.check.gaps import only_otherwise
from klausel.policy.check.names import unread_files, unused_names
from klausel.policy.check.rates import rate_days
from klausel.policy.check.remainder import given_away, passed_on, untaken
from klausel.policy.check.rules import dead_rules
from klausel.policy.check.space import MOST_STEPS, Steps, TooEntangled
from klausel.policy.check.texts import missing_texts
from klausel.policy.check.vocabulary import unproduced_values, unused_fields, unused_values
from klausel.policy.ir import Policy

Check = Callable[[Checked], Iterator[Finding]]

#: What is looked for, and how it is called where it cannot be found out.
CHECKS: tuple[tuple[Check, str], ...] = (
    (dead_rules, "which rules never decide"),
    (only_otherwise, "what only otherwise decides"),
    (over, "what is over"),
    (successions, "which rules follow one another"),
    (rate_days, "which prices are missing"),
    (unused_fields, "which fields are unused"),
    (unproduced_values, "which values are never produced"),
    (unused_values, "which values are unused"),
    (unused_names, "which names are unused"),
    (unread_files, "which files nothing reads"),
    (missing_texts, "which texts are missing"),
    (never_needed, "which approvals never apply"),
    (idle_watches, "which watches never count"),
    (idle_surcharges, "which surcharges never apply"),
    (passed_on, "which plans pass work on"),
    (untaken, "which work nobody takes"),
    (given_away, "which contracts give work away"),
)


def check(
    policy: Policy,
    raw: Raw,
    as_of: date,
    book: Book | None = None,
    most_steps: int = MOST_STEPS,
) -> list[Finding]:
    """Findings about ``policy``, in the order of the file.

    ``raw`` knows where its words stand. With a ``book`` also what concerns the contracts that
    name the policy, and the languages of their customers. What is not found out within
    ``most_steps`` is said to be so.
    """
    checked = Checked(policy, raw, as_of, book, Steps(most_steps))
    found: list[Finding] = []
    for look, question in CHECKS:
        try:
            found += look(checked)
        except TooEntangled:
            found.append(finding("too-entangled", raw.where("scope", "rules"), question=question))
    return sorted(found, key=lambda one: (one.where, SEVERITIES.index(one.severity), one.code))


__all__ = [
    "BY_DESIGN",
    "CHECKS",
    "CODES",
    "SEVERITIES",
    "Checked",
    "Finding",
    "Raw",
    "Related",
    "Severity",
    "check",
]
