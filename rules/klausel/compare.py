"""What another policy would have changed: a period billed with each, line by line (semantics 15).

Both are billed afresh, as if nothing were on record: what is billed already would hide what a
policy does. Amounts of a line are shared out over its entries, so that all sums add up to the
difference of the totals.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from klausel.engine import DEFAULT_MATCHERS, Matchers, bill
from klausel.model import Book, Customer, Entry, in_order, natural
from klausel.money import ZERO, round_half_up, share
from klausel.policy.ir import Policy
from klausel.problems import Problem
from klausel.result import Draft, Line, Part, Result

#: Money by currency; currencies without any are left out.
Money = Mapping[str, Decimal]


class Fate(NamedTuple):
    """What became of (a part of) an entry."""

    rule: str
    disposition: str
    stands: Literal["", "held", "uncovered"]
    reason: str = ""
    """Why it is held or uncovered."""


Fates = tuple[Fate, ...]


class ChangedEntry(NamedTuple):
    """An entry that came out otherwise."""

    entry: Entry
    was: Fates
    now: Fates
    old: Money
    new: Money

    @property
    def more(self) -> Money:
        return difference(self.old, self.new)


class ChangedLine(NamedTuple):
    """A line that is only there with one of the two, or is another one; signed amounts."""

    key: str
    was: Line | None
    now: Line | None
    currency: str
    digits: int
    old: Decimal
    new: Decimal


class Transition(NamedTuple):
    """Entries that went from the same rules to the same rules."""

    was: Fates
    now: Fates
    entries: int
    seconds: int
    """As worked."""
    more: Money


class CustomerChange(NamedTuple):
    """What is different for one customer."""

    customer: str
    name: str
    old: Money
    new: Money
    lines: tuple[ChangedLine, ...]
    entries: tuple[ChangedEntry, ...]

    @property
    def more(self) -> Money:
        return difference(self.old, self.new)


class Comparison(NamedTuple):
    """What changes between ``old`` and ``new``, the stamps of policies that were compared."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    first: date | None
    """Only lines that cover, and entries of, days from here on."""
    as_of: date
    totals: tuple[Money, Money]
    looked_at: tuple[int, int]
    """Entries and lines."""
    transitions: tuple[Transition, ...]
    without_entries: Money
    """Of lines that no entries stand behind: fees, hours that are sold, refunds."""
    rounding: Money
    """What rounding the totals of drafts makes of it."""
    customers: tuple[CustomerChange, ...]
    problems: tuple[tuple[Problem, ...], tuple[Problem, ...]]
    """That keep customers from being billed, with each."""
    decimals: Mapping[str, int]
    """Of each currency."""
    beside: tuple[str, ...] = ()
    """Files beside the policies that differ too, and are not compared."""

    @property
    def changed(self) -> bool:
        was, now = self.problems
        return bool(self.customers) or [p.message for p in was] != [p.message for p in now]

    @property
    def more(self) -> Money:
        return difference(*self.totals)


def compare(
    book: Book,
    pairs: Sequence[tuple[Policy, Policy]],
    as_of: date,
    first: date | None = None,
    matchers: Matchers = DEFAULT_MATCHERS,
    progress: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Bills contracts of the old policies with them and with the new ones.

    A contract names its policy by the old one's name. Raises ``InternalError`` as the engine does.
    """
    names = {old.name for old, _ in pairs}
    customers = {book.root(found.customer) for found in book.contracts if found.policy in names}
    results = [
        bill(
            replace(book, ledger=(), policies={**book.policies, **policies}), as_of, customers,
            matchers, progress, record=False,
        )
        for policies in (
            {old.name: old for old, _ in pairs},
            {old.name: replace(new, name=old.name) for old, new in pairs},
        )
    ]  # fmt: skip
    stamps = [tuple(policy.stamp for policy in some) for some in zip(*pairs, strict=True)]
    return _compared(results[0], results[1], (stamps[0], stamps[1]), first)


def difference(old: Money, new: Money) -> Money:
    """``new`` less ``old``."""
    return _sum([(name, -amount) for name, amount in old.items()], new.items())


def _sum(*amounts: Iterable[tuple[str, Decimal]]) -> Money:
    found: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for some in amounts:
        for currency, amount in some:
            found[currency] += amount
    return {currency: amount for currency, amount in sorted(found.items()) if amount}


class _Side:
    """One of the two results, as it is compared."""

    def __init__(self, result: Result, first: date | None) -> None:
        self.lines: dict[str, tuple[Line, Draft]] = {}
        self.by_entry: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
        self.rest: list[tuple[str, Decimal]] = []
        """Of lines without entries."""
        self.rounding: list[tuple[str, Decimal]] = []
        self.totals: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
        self.parts: dict[str, tuple[Part, ...]] = dict(result.entries)
        self.parked = set(result.parked)
        for draft in result.drafts:
            lines = [line for line in draft.lines if first is None or line.last >= first]
            amounts = ZERO
            for line in lines:
                self.lines[str(line.key)] = (line, draft)
                amount = signed(line, draft)
                amounts += amount
                self._share_out(line, amount, draft)
            total = amounts
            if first is None:
                total = -draft.total if draft.kind == "credit_note" else draft.total
                self.rounding.append((draft.currency, total - amounts))
            self.totals[draft.customer].append((draft.currency, total))

    def _share_out(self, line: Line, amount: Decimal, draft: Draft) -> None:
        """What of ``amount`` each entry bears; rounded so that nothing is lost."""
        whole = sum(found.rounded for found in line.entries)
        if not whole:
            self.rest.append((draft.currency, amount))
            return
        done, given = 0, ZERO
        for found in line.entries:
            done += found.rounded
            upto = round_half_up(share(amount, done, whole), draft.digits)
            self.by_entry[found.entry].append((draft.currency, upto - given))
            given = upto


def signed(line: Line, draft: Draft) -> Decimal:
    """What ``line`` adds to what the customer owes."""
    return -line.amount if draft.kind == "credit_note" else line.amount


def _compared(
    was: Result, now: Result, stamps: tuple[tuple[str, ...], tuple[str, ...]], first: date | None
) -> Comparison:
    book = was.book
    old, new = _Side(was, first), _Side(now, first)
    looked_at = [
        entry
        for entry in book.entries
        if entry.id in old.parts or entry.id in new.parts
        if first is None
        or entry.date >= first
        or entry.id in old.by_entry
        or entry.id in new.by_entry
    ]
    entries: dict[str, list[ChangedEntry]] = defaultdict(list)
    for entry in in_order(looked_at, lambda found: found):
        if (changed := _changed_entry(entry, old, new)) is not None:
            entries[book.customer_of(entry)].append(changed)
    lines: dict[str, list[ChangedLine]] = defaultdict(list)
    for key in sorted({*old.lines, *new.lines}, key=natural):
        if (changed_line := _changed_line(key, old, new)) is not None:
            _, draft = old.lines.get(key) or new.lines[key]
            lines[draft.customer].append(changed_line)
    owners = {*entries, *lines, *(old.parked ^ new.parked)}
    # Grouped otherwise, the same lines may be rounded otherwise.
    owners |= {
        id_ for id_ in {*old.totals, *new.totals} if _sum(old.totals[id_]) != _sum(new.totals[id_])
    }
    customers = tuple(
        CustomerChange(
            id_,
            book.customers.get(id_, Customer("")).name or id_,
            _sum(old.totals[id_]),
            _sum(new.totals[id_]),
            tuple(lines[id_]),
            tuple(entries[id_]),
        )
        for id_ in sorted(owners, key=natural)
    )
    return Comparison(
        stamps[0],
        stamps[1],
        first,
        was.as_of,
        (
            _sum(*old.totals.values()),
            _sum(*new.totals.values()),
        ),
        (len(looked_at), len({*old.lines, *new.lines})),
        _transitions(found for some in entries.values() for found in some),
        difference(_sum(old.rest), _sum(new.rest)),
        difference(_sum(old.rounding), _sum(new.rounding)),
        customers,
        (_errors(was), _errors(now)),
        {draft.currency: draft.digits for result in (was, now) for draft in result.drafts},
    )


def _errors(result: Result) -> tuple[Problem, ...]:
    return tuple(found for found in result.problems if found.severity == "error")


def _changed_entry(entry: Entry, old: _Side, new: _Side) -> ChangedEntry | None:
    was, now = old.parts.get(entry.id, ()), new.parts.get(entry.id, ())
    amounts = _sum(old.by_entry.get(entry.id, ())), _sum(new.by_entry.get(entry.id, ()))
    if _seen(was) == _seen(now) and amounts[0] == amounts[1]:
        return None
    return ChangedEntry(entry, fates(was), fates(now), *amounts)


def _seen(parts: Iterable[Part]) -> Counter[tuple[object, ...]]:
    """What of parts makes a difference: what a lot had before is nobody's concern here."""
    return Counter(
        (
            part.disposition, part.rule, part.seconds, part.rounded, part.contract, part.term,
            part.component, part.lot, part.drawn, part.held, part.uncovered, part.due,
            bool(part.line),
        )
        for part in parts
    )  # fmt: skip


def fates(parts: Iterable[Part]) -> Fates:
    """What became of an entry, each thing once."""
    found: dict[Fate, None] = {}
    for part in parts:
        stands: Literal["", "held", "uncovered"] = ""
        if part.held or part.uncovered:
            stands = "held" if part.held else "uncovered"
        found[Fate(part.rule, part.disposition, stands, part.held or part.uncovered)] = None
    return tuple(found)


def fate_text(fates_: Fates) -> str:
    """``W1 included``, ``P1 change, uncovered``."""
    said = [
        " ".join(filter(None, (found.rule, found.disposition)))
        + (f", {found.stands}" if found.stands else "")
        for found in fates_
    ]
    return " + ".join(dict.fromkeys(said)) or "not billed"


def _changed_line(key: str, old: _Side, new: _Side) -> ChangedLine | None:
    was, now = old.lines.get(key), new.lines.get(key)
    if was is not None and now is not None and _said(*was) == _said(*now):
        return None
    draft = (was or now or old.lines[key])[1]
    return ChangedLine(
        key,
        was[0] if was is not None else None,
        now[0] if now is not None else None,
        draft.currency,
        draft.digits,
        signed(*was) if was is not None else ZERO,
        signed(*now) if now is not None else ZERO,
    )


def _said(line: Line, draft: Draft) -> tuple[object, ...]:
    """What the customer sees of a line, but for the reason."""
    sign = -1 if draft.kind == "credit_note" else 1
    return (
        line.description, line.quantity * sign, line.unit, line.unit_price, line.discount,
        line.amount * sign, line.first, line.last,
    )  # fmt: skip


def _transitions(entries: Iterable[ChangedEntry]) -> tuple[Transition, ...]:
    """Entries by what decided before and now, largest groups first."""
    groups: dict[tuple[Fates, Fates], list[ChangedEntry]] = defaultdict(list)
    for found in entries:
        groups[found.was, found.now].append(found)
    transitions = [
        Transition(
            was,
            now,
            len(some),
            sum(found.entry.seconds for found in some),
            _sum(*[found.more.items() for found in some]),
        )
        for (was, now), some in groups.items()
    ]
    order = sorted(transitions, key=lambda found: (fate_text(found.was), fate_text(found.now)))
    return tuple(sorted(order, key=lambda found: -found.entries))
