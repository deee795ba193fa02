"""audit: recompute everything, compare it with what is on record, write nothing."""

from __future__ import annotations

import getpass
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import NamedTuple

from klausel.engine import bill
from klausel.evidence import unlike
from klausel.formats.text import count
from klausel.model import Book, natural
from klausel.port import Erp, Links
from klausel.problems import Problem, ProblemError, Where, problem
from klausel.publishing import differing
from klausel.result import Difference, Result
from klausel.signs import one_line
from klausel_run.screen import Screen


class Finding(NamedTuple):
    """Something that is wrong with the record itself."""

    kind: str
    """``link``: the ledger is not what was written; ``line``: a line on record is not the sum
    of what stands there; ``documents``: others are in force than those on record, of a contract
    that no run reads."""
    text: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.text}\n    {self.hint}" if self.hint else self.text


class Audit(NamedTuple):
    """What was compared and what differs."""

    rows: int
    """Live ledger rows."""
    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()
    """What makes differences likely, and what happened to the ledger before."""
    findings: tuple[Finding, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Errors: nothing of these customers was compared."""

    @property
    def clean(self) -> bool:
        return not self.differences and not self.findings

    @property
    def text(self) -> str:
        rows = count(self.rows, "ledger row")
        head = f"{rows} compared, {count(len(self.differences), 'difference')}"
        lines = [
            f"  {found.key}"
            + (f" entry {found.entry}" if found.entry else "")
            + f": {found.cause}; was {found.was}"
            + (f", today {found.now}" if found.now else "")
            for found in self.differences
        ]
        waits = "not compared, it waits for this: " if self.problems else ""
        return "\n".join(
            [
                *map(str, self.findings), head, *map(one_line, lines), *self.notes,
                *(f"{waits}{found}" for found in self.problems),
            ]
        )  # fmt: skip


#: Kinds of findings: each looks at the record in its own way.
Look = Callable[[Links, Result], Iterator[Finding]]


def _links(links: Links, result: Result) -> Iterator[Finding]:
    """The first link of the ledger's checksums that does not hold."""
    for found in links.broken[:1]:
        yield Finding("link", f"broken link: {found.where}: {found.message}", found.hint)


def _lines(links: Links, result: Result) -> Iterator[Finding]:
    """Lines on record that are not what their own quantity, price and parts come to."""
    for found in unlike(result.book):
        yield Finding("line", f"{found.key}: {found.what}")


def _documents(links: Links, result: Result) -> Iterator[Finding]:
    """Documents in force that are not what is on record, of contracts that are not read: those of
    others are differences."""
    read = {contract.code for contract in result.book.contracts}
    for found in result.book.documents:
        if found.contract not in read:
            said = f"{found.contract or 'no contract'}, {found.names}: documents"
            yield Finding(
                "documents", f"{said}; was {found.recorded}, today {found.in_force}",
                "its contract is archived: put the documents right, or bring the contract back",
            )  # fmt: skip


LOOKS: tuple[Look, ...] = (_links, _lines, _documents)


def audit(erp: Erp, as_of: date, progress: Callable[[int, int], None] | None = None) -> Audit:
    """Compares the ledger of ``erp`` with what ``as_of`` would give today, and with itself."""
    erp.accept_damage()
    book = erp.read(as_of)
    result = bill(book, as_of, progress=progress, record=False)
    live = sum(1 for row in book.ledger if row.state == "live")
    used = (contract.policy for contract in book.contracts)
    notes = [str(one) for one in differing(book.policies, book.published, used).values()]
    links = erp.links()
    notes += links.repairs
    notes += _gone(book)
    notes += (
        f"contract {code} is archived: {count(rows, 'row')} of it not compared"
        for code, rows in links.archived
    )
    errors = tuple(found for found in result.problems if found.severity == "error")
    findings = tuple(found for look in LOOKS for found in look(links, result))
    return Audit(live, result.differences, tuple(notes), findings, errors)


def _gone(book: Book) -> Iterator[str]:
    """Contracts that have something on record and are no longer there."""
    there = {contract.code for contract in book.contracts}
    rows = Counter(row.key.contract for row in book.ledger if row.state == "live")
    for code in sorted(rows.keys() - there, key=natural):
        some = count(rows[code], "row")
        yield f"contract {code} is not there any more: {some} of it not compared"


def repair(erp: Erp, why: str, screen: Screen) -> None:
    """Seals a ledger whose links do not hold, as it stands now. Shows what is wrong and asks first;
    when, by whom and why stay on record in the ledger itself. Raises ``ProblemError``."""
    if not why.strip():
        reason, hint = "--repair needs to know what happened", 'add it: --why "what happened"'
        raise ProblemError([problem("option", Where("--repair"), reason=reason, hint=hint)])
    broken = erp.links().broken
    if not broken:
        screen.say("The links of the ledger hold: there is nothing to seal.")
        return
    screen.say("\n".join(map(str, broken)))
    screen.ask(f"Seal the ledger of {erp.name} as it stands now?")
    erp.repair(datetime.now().astimezone().isoformat(timespec="seconds"), _person(), why.strip())
    screen.say("Sealed. When, by whom and why is on record in the ledger.")


def _person() -> str:
    """Who is at this machine, as it knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "somebody without a name here"
