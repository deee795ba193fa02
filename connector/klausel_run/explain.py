"""explain: why an entry, a line, or all that waits came out as it did. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from klausel.engine import bill
from klausel.explain import EntryExplained, Explainer, LineExplained
from klausel.model import Book, entries_in_order
from klausel.port import Erp
from klausel.problems import Problem, ProblemError, Where, near, problem
from klausel.result import EntryParts, Result

#: Asks for everything that waits.
HELD = "held"


class Explanation(NamedTuple):
    """What there is to say; problems of other customers, where all were looked at."""

    explained: tuple[EntryExplained | LineExplained, ...]
    problems: tuple[Problem, ...] = ()


def explain(
    erp: Erp, what: str, as_of: date, progress: Callable[[int, int], None] | None = None
) -> Explanation:
    """Explains the entry or line ``what``, or what is held.

    Raises ``ProblemError`` where there is no such thing, or its customer cannot be billed.
    """
    book = erp.read(as_of)
    if what == HELD:
        return _held(book, as_of, progress)
    owners = _owners(book, what)
    if not owners:
        raise ProblemError([_unknown(book, what, as_of, progress)])

    def asked(found: EntryParts) -> bool:
        return found.entry == what

    result = bill(book, as_of, owners, progress=progress, record=False, explain=asked)
    _refuse_parked(result)
    explainer = Explainer(result)
    if what in result.traces:
        return Explanation((explainer.entry(what),))
    for entry in book.entries:
        if entry.id == what:
            raise ProblemError([_to_come(what, entry.date, as_of)])
    line = explainer.line(what)
    if line is None:
        raise ProblemError([_unknown(book, what, as_of, progress)])
    return Explanation((line,))


def _held(book: Book, as_of: date, progress: Callable[[int, int], None] | None) -> Explanation:
    def waits(found: EntryParts) -> bool:
        return any(part.held for part in found.parts)

    result = bill(book, as_of, progress=progress, record=False, explain=waits)
    explainer = Explainer(result)
    found = tuple(
        explainer.entry(entry.id)
        for entry in entries_in_order(book.entries)
        if entry.id in result.traces
    )
    errors = tuple(problem for problem in result.problems if problem.severity == "error")
    return Explanation(found, errors)


def _owners(book: Book, what: str) -> set[str]:
    """Commercial customers that ``what`` can be about."""
    for entry in book.entries:
        if entry.id == what:
            return {book.customer_of(entry)}
    return {
        book.root(contract.customer)
        for contract in book.contracts
        if what.startswith(f"{contract.code}/")
    }


def _refuse_parked(result: Result) -> None:
    """A customer that cannot be billed has no explanations."""
    errors = [found for found in result.problems if found.severity == "error"]
    if result.parked and errors:
        raise ProblemError(errors)


def _to_come(what: str, day: date, as_of: date) -> Problem:
    reason = f"entry {what} is of {day}, after {as_of}, the day of the run"
    return problem("option", Where("WHAT"), reason=reason, hint=f"give --as-of {day} or later")


def _unknown(
    book: Book, what: str, as_of: date, progress: Callable[[int, int], None] | None
) -> Problem:
    """What is neither an entry nor a line: the nearest of them is looked for."""
    entries = [entry.id for entry in book.entries]
    words = [HELD, *entries]
    if "/" in what:
        words = Explainer(bill(book, as_of, progress=progress, record=False)).line_keys
    hint = near(what, words) or f'give the id of an entry, the key of a line, or "{HELD}"'
    reason = f'there is no entry and no line "{what}" as of {as_of}'
    return problem("option", Where("WHAT"), reason=reason, hint=hint)
