"""The facts of one customer, as its run looks at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from klausel.model import Approval, Book, Entry, LedgerKey, Override
from klausel.model import Item as ChargedItem
from klausel.policy.ir import GroupBy, Scope
from klausel.run.values import Reopened
from klausel.terms import BoundContract


class Others(NamedTuple):
    """What belongs to contracts beside their terms, by contract."""

    approvals: dict[str, list[Approval]]
    items: dict[str, list[ChargedItem]]
    released: dict[str, set[str]]
    """Entries that were billed and are open again."""
    reopened: dict[str, Reopened]
    """By entry: what of it is open again beside parts that are on record."""
    unbilled: dict[str, set[tuple[str, str, date]]]
    """(term, component, period) of lines that were deleted or cancelled and not billed since."""


class Mode(NamedTuple):
    """How a run goes."""

    recording: bool
    """It says what goes on record."""
    adjusting: bool = False
    """It corrects what is on record."""
    sweeps: bool = False
    """It takes back what waits on record and waits no more."""
    group_by: GroupBy | None = None
    """In place of what the policies say of grouping drafts."""


@dataclass(frozen=True, slots=True)
class CustomerFacts:
    """All that one customer's run looks at, the ledger aside."""

    book: Book
    as_of: date
    root: str
    contracts: Sequence[BoundContract]
    """In the order of their codes."""
    entries: Sequence[Entry]
    scopes: Mapping[str, Scope]
    overrides: Mapping[str, Override]
    others: Others
    away: Mapping[str, str]
    """By entry that is settled here and was moved to another customer: that one's name."""
    to_resell: Mapping[LedgerKey, int]
    """By line on record: seconds that its hours are corrected to, as far as known."""
    mode: Mode
    language: str
