"""doctor: does everything that a run needs work? One line a check."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple, Protocol, runtime_checkable

from klausel.port import Erp
from klausel.problems import ProblemError


class Check(NamedTuple):
    """One finding. ``hint`` says what to do where it is not fine."""

    name: str
    fine: bool
    said: str
    hint: str = ""


@runtime_checkable
class Checkable(Protocol):
    """An ERP that can examine itself, check by check; the first bad one may end it."""

    def checks(self) -> Iterator[Check]: ...  # pragma: no cover


def examine(erp: Erp) -> Iterator[Check]:
    """The checks of ``erp``; one without checks of its own is read and its problems counted."""
    if isinstance(erp, Checkable):
        yield from erp.checks()
        return
    try:
        book = erp.read(date.max)
    except ProblemError as error:
        for found in error.problems:
            yield Check(str(found.where), found.severity != "error", found.message, found.hint)
        return
    for found in book.problems:
        yield Check(str(found.where), found.severity != "error", found.message, found.hint)
    yield Check("policies", bool(book.policies), f"{len(book.policies)} read")
    contracts, entries = len(book.contracts), len(book.entries)
    yield Check("book", True, f"{contracts} contracts, {entries} entries")
