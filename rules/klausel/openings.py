"""Go-live: what loading opening balances would change, and what it means for billing.

Pure: rows and a book in, a plan out. Semantics: docs/semantics.md, section "Go-live".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from klausel.charges import BALANCES
from klausel.currency import digits
from klausel.engine import bill
from klausel.formats.text import count
from klausel.model import Book, Contract, Opening, Term
from klausel.money import ZERO, hours_exact, round_half_up, shortest
from klausel.policy.ir import Plan
from klausel.port import OpeningChange
from klausel.problems import Problem, ProblemError, Where, problem
from klausel.result import Result
from klausel.terms import farthest

Row = tuple[Opening, Where]
TermKey = tuple[str, str]


def billed_until(book: Book) -> dict[TermKey, date]:
    """By contract and term, the last day that was billed before go-live (semantics 6)."""
    found: dict[TermKey, date] = {}
    for opening in book.openings:
        if opening.billed_until is not None:
            key = (opening.contract, opening.term)
            found[key] = max(found.get(key, opening.billed_until), opening.billed_until)
    return found


class Amount(NamedTuple):
    """What a preview bills of one term."""

    lines: int = 0
    sum: Decimal = ZERO


class Effect(NamedTuple):
    """What the openings mean for one term, as a preview would show it."""

    contract: str
    term: str
    billed_until: date | None
    """With the openings; None: nothing counts as billed."""
    currency: str
    digits: int
    before: Amount
    after: Amount
    idle_hours: bool
    """Hours are given, and no component of the term's plan keeps any."""


class Loading(NamedTuple):
    """A file of openings against a book."""

    as_of: date
    added: tuple[Opening, ...]
    replaced: tuple[tuple[Opening, Opening], ...]
    """Old and new."""
    there: tuple[Opening, ...]
    effects: tuple[Effect, ...]
    problems: tuple[Problem, ...]
    """Of the two previews: customers that wait."""

    @property
    def change(self) -> OpeningChange:
        return OpeningChange(
            (*self.added, *(new for _, new in self.replaced)),
            tuple(old for old, _ in self.replaced),
        )


def loading(book: Book, rows: Sequence[Row], as_of: date, replacing: bool) -> Loading:
    """What loading ``rows`` into ``book`` would do. Raises ``ProblemError`` with all that forbids.

    ``replacing``: a row may take the place of another opening of the same lot.
    """
    contracts = {contract.code: contract for contract in book.contracts}
    known = {opening.key: opening for opening in book.openings}
    there = [row for row in rows if known.get(row[0].key) == row[0]]
    new = [row for row in rows if known.get(row[0].key) != row[0]]
    problems = list(_waiting(book, rows, contracts))
    for opening, where in new:
        old = known.get(opening.key)
        problems += _problems(book, contracts[opening.contract], opening, where, as_of)
        if old is not None and not replacing:
            found = problem("opening-differs", where, name=opening.name, values=values_text(old))
            problems.append(found)
    if problems:
        raise ProblemError(problems)
    added = tuple(opening for opening, _ in new if opening.key not in known)
    replaced = tuple((known[opening.key], opening) for opening, _ in new if opening.key in known)
    changed = {opening.key: opening for opening, _ in new}
    kept = (opening for opening in book.openings if opening.key not in changed)
    after = replace(book, openings=(*kept, *changed.values()))
    effects, waiting = _effects(book, after, changed.values(), contracts, as_of)
    return Loading(as_of, added, replaced, tuple(row[0] for row in there), effects, waiting)


def first_billed(book: Book, opening: Opening) -> date | None:
    """First day of the first period of the opening's term that is on record; None: nothing is."""
    days = [
        row.key.period
        for row in book.ledger
        if row.state == "live" and (row.key.contract, row.key.term) == opening.key[:2]
    ]
    return min(days, default=None)


def _waiting(book: Book, rows: Iterable[Row], contracts: dict[str, Contract]) -> Iterator[Problem]:
    """Problems of the customers that ``rows`` are about: they have to be mended first."""
    roots = {book.root(contracts[opening.contract].customer) for opening, _ in rows}
    for found in book.problems:
        if found.severity == "error" and found.customer in roots:
            yield found


def _problems(
    book: Book, contract: Contract, opening: Opening, where: Where, as_of: date
) -> Iterator[Problem]:
    """What keeps one row from being loaded."""
    name, until = opening.name, opening.billed_until
    if until is None and not opening.seconds and not opening.lot:
        yield problem("opening-empty", where, name=name)
    if opening.date > as_of:
        yield problem("opening-later", where, date=opening.date, as_of=as_of)
    if until is not None and until < contract.start - timedelta(days=1):
        yield problem(
            "opening-before-start", where,
            date=until, contract=contract.code, start=contract.start,
        )  # fmt: skip
    plan = _plan(book, contract, opening.term)
    if until is not None and plan is not None and until > farthest(plan, opening.date):
        yield problem("opening-far", where, date=until, name=name, day=opening.date)
    if until is not None and until > as_of and _in_arrears(book, contract, opening.term):
        yield problem(
            "opening-not-yet-billed", where,
            date=until, as_of=as_of, name=f"{opening.contract}/{opening.term}",
        )  # fmt: skip
    first = first_billed(book, opening)
    if first is not None:
        term = f"{opening.contract}/{opening.term}"
        yield problem("opening-billed", where, name=term, period=first)


def _plan(book: Book, contract: Contract, id_: str) -> Plan | None:
    """The plan of a term, where the policy has it."""
    term: Term | None = next((term for term in contract.terms if term.id == id_), None)
    policy = book.policies.get(contract.policy)
    return policy.plans.get(term.plan) if policy is not None and term is not None else None


def _kinds(book: Book, contract: Contract, id_: str) -> Iterator[tuple[str, str]]:
    """Kind and timing of the components of a term's plan."""
    plan = _plan(book, contract, id_)
    for component in plan.components if plan is not None else ():
        yield component.kind, getattr(component.shape, "timing", "arrears")


def _in_arrears(book: Book, contract: Contract, term: str) -> bool:
    return any(timing != "advance" for _, timing in _kinds(book, contract, term))


def ahead(book: Book, as_of: date) -> list[Problem]:
    """Warnings about terms in arrears that count as billed beyond ``as_of`` (semantics 12)."""
    contracts = {contract.code: contract for contract in book.contracts}
    return [
        problem(
            "opening-ahead", contracts[code].where, contracts[code].customer,
            name=f"{code}/{term}", date=until, as_of=as_of,
        )
        for (code, term), until in billed_until(book).items()
        if until > as_of and code in contracts and _in_arrears(book, contracts[code], term)
    ]  # fmt: skip


# --- what it means for billing ---------------------------------------------------------------


def _effects(
    before: Book,
    after: Book,
    changed: Iterable[Opening],
    contracts: dict[str, Contract],
    as_of: date,
) -> tuple[tuple[Effect, ...], tuple[Problem, ...]]:
    openings = list(changed)
    terms = list(dict.fromkeys((opening.contract, opening.term) for opening in openings))
    roots = {before.root(contracts[code].customer) for code, _ in terms}
    if not roots:
        return (), ()
    results = [bill(book, as_of, roots, record=False) for book in (before, after)]
    old, new = ({key: _amount(result, key) for key in terms} for result in results)
    until = billed_until(after)
    effects = tuple(
        Effect(
            *key,
            until.get(key),
            contracts[key[0]].currency,
            digits(before.company, contracts[key[0]].currency),
            old[key],
            new[key],
            any(opening.key[:2] == key and opening.seconds for opening in openings)
            and not any(kind in BALANCES for kind, _ in _kinds(after, contracts[key[0]], key[1])),
        )
        for key in terms
    )
    waiting = dict.fromkeys(
        found for result in results for found in result.problems if found.severity == "error"
    )
    return effects, tuple(waiting)


def _amount(result: Result, key: TermKey) -> Amount:
    lines, amount = 0, ZERO
    for draft in result.drafts:
        sign = -1 if draft.kind == "credit_note" else 1
        for line in draft.lines:
            if (line.key.contract, line.key.term) == key:
                lines, amount = lines + 1, amount + sign * line.amount
    return Amount(lines, amount)


# --- as a person reads it ----------------------------------------------------------------------

_HEADER = ["contract", "term", "lot", "date", "hours", "price", "valid_until", "billed_until"]
_HOURS, _PRICE = 4, 5


def values_text(opening: Opening) -> str:
    """What an opening says, in one line."""
    words = [f"of {opening.date}"]
    if opening.seconds:
        words.append(f"{hours_text(opening.seconds)} h")
    if opening.price is not None:
        words.append(f"price {shortest(opening.price)}")
    if opening.valid_until is not None:
        words.append(f"valid until {opening.valid_until}")
    if opening.billed_until is not None:
        words.append(f"billed until {opening.billed_until}")
    return ", ".join(words)


def hours_text(seconds: int) -> str:
    return shortest(round_half_up(hours_exact(seconds), 4))


def loading_text(found: Loading, file: str, erp: str) -> str:
    """The whole of ``found``, for the screen."""
    rows = [[*_cells(opening), "there already"] for opening in found.there]
    rows += [[*_cells(opening), "new"] for opening in found.added]
    rows += [[*_cells(new), f"replaces the one {values_text(old)}"] for old, new in found.replaced]
    said = [f"Openings in {file} for {erp}, as of {found.as_of}", ""]
    if rows:
        said += [*_table([*_HEADER, ""], rows, {_HOURS, _PRICE}), ""]
    there, new, replaced = len(found.there), len(found.added), len(found.replaced)
    said.append(f"{there} there already, {new} new, {replaced} replaced.")
    if found.effects:
        said += ["", *_effects_text(found), ""]
    return "\n".join([*said, *map(str, found.problems)])


def _cells(opening: Opening) -> list[str]:
    return [
        opening.contract,
        opening.term,
        opening.lot,
        opening.date.isoformat(),
        hours_text(opening.seconds) if opening.seconds or opening.lot else "",
        shortest(opening.price) if opening.price is not None else "",
        _day(opening.valid_until),
        _day(opening.billed_until),
    ]


def _day(day: date | None) -> str:
    return day.isoformat() if day is not None else ""


def _effects_text(found: Loading) -> list[str]:
    rows = [
        [
            effect.contract, effect.term, _day(effect.billed_until) or "no day",
            *_amount_cells(effect.before, effect), *_amount_cells(effect.after, effect),
        ]
        for effect in found.effects
    ]  # fmt: skip
    if len(rows) > 1:
        rows += _sums(found.effects)
    header = ["contract", "term", "billed until", "now", "", "with these", ""]
    lines = [f"What a preview as of {found.as_of} bills of these terms:", ""]
    lines += _table(header, rows, {3, 4, 5, 6})
    notes = [
        f"Note: {effect.contract}/{effect.term} keeps no balance of hours:"
        " the hours are loaded and change nothing."
        for effect in found.effects
        if effect.idle_hours
    ]
    return [*lines, "", *notes] if notes else lines


def _sums(effects: Iterable[Effect]) -> Iterator[list[str]]:
    """A row for each currency."""
    by_currency: dict[str, list[Effect]] = {}
    for effect in effects:
        by_currency.setdefault(effect.currency, []).append(effect)
    for some in by_currency.values():
        before, after = (
            Amount(sum(amount.lines for amount in side), sum((a.sum for a in side), ZERO))
            for side in ([e.before for e in some], [e.after for e in some])
        )
        cells = (*_amount_cells(before, some[0]), *_amount_cells(after, some[0]))
        yield ["in all", "", "", *cells]


def _amount_cells(amount: Amount, effect: Effect) -> tuple[str, str]:
    return count(
        amount.lines, "line"
    ), f"{round_half_up(amount.sum, effect.digits):,f} {effect.currency}"


def _table(header: Sequence[str], rows: Sequence[list[str]], right: Collection[int]) -> list[str]:
    """Columns side by side, those in ``right`` to the right; empty ones are left out."""
    kept = [number for number in range(len(header)) if any(row[number] for row in rows)]
    widths = {number: max(len(row[number]) for row in (header, *rows)) for number in kept}
    lines = []
    for row in (header, *rows):
        cells = (row[n].rjust(widths[n]) if n in right else row[n].ljust(widths[n]) for n in kept)
        lines.append(("  " + "  ".join(cells)).rstrip())
    return lines


__all__ = ["Loading", "first_billed", "loading", "loading_text"]
