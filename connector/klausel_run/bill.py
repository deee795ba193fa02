"""bill: writes what the preview showed, customer by customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from klausel.activity import records
from klausel.archive import archived, of_drafts
from klausel.backlog import backlogs
from klausel.evidence import unlike
from klausel.formats.text import count
from klausel.model import LedgerRow
from klausel.port import Application, Applied, Erp, Refused
from klausel.problems import ErpError, Problem, ProblemError, Where, problem
from klausel.publishing import differing
from klausel.record import Sums, settled_with
from klausel.result import Balance, Draft, Result
from klausel.signs import one_line
from klausel_run.activity import try_folder, write_pages
from klausel_run.preview import Options, preview
from klausel_run.screen import Screen


class Refusal(NamedTuple):
    """A customer that was not written, and why."""

    customer: str
    name: str
    message: str
    hint: str


class Report(NamedTuple):
    """What has been written so far; filled while a run goes on."""

    applied: list[Applied]
    refused: list[Refusal]


class BrokenOffError(ErpError):
    """The run ended in the middle of a customer; what the report says stands."""

    def __init__(self, message: str, hint: str, report: Report) -> None:
        self.report = report
        go_on = "run the same again: what was written is found, only the rest is billed"
        super().__init__(message, f"{hint}\n    {go_on}" if hint else go_on)


def wholes(result: Result) -> dict[str, Application]:
    """What each customer of ``result`` needs written, all at once; customers without anything
    not."""
    owners = _owners(result)
    rows: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in result.settlements:
        rows[owners[row.key.contract]].append(row)
    drafts_of: dict[str, list[Draft]] = defaultdict(list)
    for draft in result.drafts:
        drafts_of[draft.customer].append(draft)
    balances_of: dict[str, list[Balance]] = defaultdict(list)
    for balance in result.balances:
        balances_of[owners[balance.contract]].append(balance)
    found = {}
    for customer in result.customers:
        drafts = tuple(drafts_of[customer])
        if drafts or rows[customer]:
            sequence = result.book.sequences.get(customer, 0)
            settled = tuple(rows[customer])
            balances = tuple(balances_of[customer])
            found[customer] = Application(
                customer, result.as_of, sequence, drafts, settled, balances
            )
    return found


def applications(
    result: Result, whole: Mapping[str, Application] | None = None
) -> Iterator[Application]:
    """What each customer of ``result`` needs written, in order; customers without anything not.

    An entry that goes from one customer to another is taken back before it is billed again, each
    in a transaction of its own: whoever gives comes before all others, and who gives and takes
    comes twice, first with what corrects the record. ``whole``: only these, as :func:`wholes` gives
    them.
    """
    owners = _owners(result)
    before = _before(result, owners)
    givers, takers = _exchange(result, owners, before)
    later = []
    for customer, one in (wholes(result) if whole is None else whole).items():
        if customer in givers & takers:
            one, rest = _divided(one, before)
            later.append(rest)
        if customer in givers:
            yield one
        else:
            later.append(one)
    yield from later


def _owners(result: Result) -> dict[str, str]:
    """Commercial customers of contracts, by code."""
    return {c.code: result.book.root(c.customer) for c in result.book.contracts}


def concerned(result: Result) -> set[str]:
    """Customers for whom something would be written."""
    owners = _owners(result)
    found = {owners[code] for code in {row.key.contract for row in result.settlements}}
    found |= {draft.customer for draft in result.drafts}
    return found & set(result.customers)


def _before(result: Result, owners: Mapping[str, str]) -> Sums:
    """Where the entries that this run settles with several customers are settled up to now."""
    first: dict[str, str] = {}
    for row in result.settlements:
        owner = owners[row.key.contract]
        if row.entry and first.setdefault(row.entry, owner) != owner:
            break
    else:
        return {}  # as nearly always
    ends = settled_with(result.settlements, owners)
    if all(len(customers) == 1 for customers in ends.values()):
        return {}
    entries = ends.keys()
    return settled_with((row for row in result.book.ledger if row.entry in entries), owners)


def _exchange(result: Result, owners: Mapping[str, str], before: Sums) -> tuple[set[str], set[str]]:
    """Customers from whom entries on record go to others in this run, and those others."""
    givers: set[str] = set()
    takers: set[str] = set()
    if before:
        rows = (row for row in result.book.ledger if row.entry in before)
        after = settled_with((*rows, *result.settlements), owners)
        for entry, customers in after.items():
            had = {one for one, settled in before.get(entry, {}).items() if settled}
            has = {one for one, settled in customers.items() if settled}
            if had - has and has - had:
                givers |= had - has
                takers |= has - had
    return givers, takers


def _divided(application: Application, before: Sums) -> tuple[Application, Application]:
    """What corrects the record, and the rest of ``application``, to be written after it."""
    customer = application.customer
    corrections = tuple(draft for draft in application.drafts if corrects(draft))
    others = tuple(draft for draft in application.drafts if not corrects(draft))
    corrected = {line.key for draft in corrections for line in draft.lines}
    billed = {
        (line.key, share.entry)
        for draft in others
        for line in draft.lines
        for share in line.entries
    }
    first: list[LedgerRow] = []
    rest: list[LedgerRow] = []
    for row in application.rows:
        if row.entry:
            known = before.get(row.entry, {}).get(customer, False)
            early = known and not row.held and (row.key, row.entry) not in billed
        else:
            early = row.key in corrected
        (first if early else rest).append(row)
    return (
        application._replace(drafts=corrections, rows=tuple(first)),
        # The first one raises the customer's number.
        application._replace(drafts=others, rows=tuple(rest), sequence=application.sequence + 1),
    )


class Writer:
    """Writes applications of ``result`` one after the other, and keeps a report.

    ``apply`` writes one; customers that are ``stopped`` are refused here.
    """

    def __init__(
        self,
        result: Result,
        apply: Callable[[Application], Applied],
        stopped: Mapping[str, Problem] | None = None,
    ) -> None:
        self.report = Report([], [])
        self._result = result
        self._apply = apply
        self._stopped = stopped or {}
        self._kept = {one.customer.id: one for one in records(result)}
        self._refused: set[str] = set()

    def write(self, application: Application) -> None:
        """Raises ``BrokenOffError`` where the ERP can no longer be reached, and on Ctrl-C."""
        customer, report = application.customer, self.report
        if customer in self._refused:
            return  # the rest of what was refused
        name = self._result.book.customers[customer].name
        found = self._stopped.get(customer)
        if found is not None:
            report.refused.append(Refusal(customer, name, found.message, found.hint))
            return
        if customer in self._kept:
            mine = of_drafts(self._kept[customer], {draft.key for draft in application.drafts})
            application = application._replace(record=archived(mine) if mine else "")
        try:
            report.applied.append(self._apply(application))
        except Refused as error:
            report.refused.append(Refusal(customer, name, error.message, error.hint))
            self._refused.add(customer)
        except ErpError as error:
            message = f"{error.message}; that was while writing {name}"
            raise BrokenOffError(message, error.hint, report) from error
        except ProblemError as error:
            if not report.applied:
                raise  # nothing was written
            (first, *_) = error.problems
            message = f"{first.where}: {first.message}; that was while writing {name}"
            raise BrokenOffError(message, first.hint, report) from error
        except KeyboardInterrupt as error:
            raise BrokenOffError(f"interrupted while writing {name}", "", report) from error


def write(
    erp: Erp,
    result: Result,
    refresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
    stopped: Mapping[str, Problem] | None = None,
) -> Report:
    """Applies every customer of ``result``; a refused one does not stop the others, and those
    ``stopped`` are refused here. In the ERP all of it is one run, under a new name.

    Raises ``BrokenOffError`` where the ERP can no longer be reached, and on Ctrl-C; what was
    written before stands, and running again goes on from there.
    """
    todo = list(applications(result))
    run = uuid4().hex

    def apply(application: Application) -> Applied:
        return erp.apply(application._replace(batch=run), result.book, refresh)

    writer = Writer(result, apply, stopped)
    for number, application in enumerate(todo):
        if progress is not None:
            progress(number, len(todo))
        writer.write(application)
    return writer.report


def stopped(erp: Erp, result: Result, options: Options) -> dict[str, Problem]:
    """Customers of ``result`` that must not be written as they are, and why.

    Raises where nothing may be written at all: ``ProblemError`` where the ledger is not what was
    written, ``ErpError`` where other policies are published.
    """
    links = erp.links()
    if links.broken:
        raise ProblemError(links.broken[:1])
    refuse_unpublished(result)
    far = {} if options.backlog else {one.customer: one.problem for one in backlogs(result)}
    if options.adjust and not links.repairs:  # else somebody vouches for what stands there
        far |= _unlike(result)
    return far


def bill(
    erp: Erp,
    options: Options,
    refresh: bool,
    screen: Screen,
    record_in: Path | None = None,
) -> tuple[Result, Report]:
    """Shows the preview, asks, writes, says what it did. A no leaves as ``screen.ask`` raises.

    With ``options.adjust`` corrections of what was billed are among the drafts; with ``record_in``
    the activity record of each customer that was written is put in that folder.
    """
    if record_in is not None:
        try_folder(record_in)
    with screen.progress("billing") as tick:
        result = preview(erp, options, tick)
    screen.show(result)
    far = stopped(erp, result, options)
    if concerned(result) - far.keys():
        drafts = [draft for draft in result.drafts if draft.customer not in far]
        corrections = sum(1 for draft in drafts if corrects(draft))
        some = f", {corrections} of them corrections," if options.adjust else ""
        screen.ask(f"Write {count(len(drafts), 'draft')}{some} to {erp.name}?")
    try:
        with screen.progress("writing") as tick:
            report = write(erp, result, refresh, tick, far)
    except BrokenOffError as error:
        screen.say(summary(error.report))
        try:
            _record(result, error.report, record_in, screen)
        except ProblemError as more:  # the same disk, most likely
            screen.say(str(more))
        raise
    screen.say(summary(report, "Nothing new to write."))
    _record(result, report, record_in, screen)
    return result, report


def _unlike(result: Result) -> dict[str, Problem]:
    """Customers with a line on record that is not what stands there with it: what was changed by
    hand is not corrected by as much again."""
    owners = _owners(result)
    return {
        owners[one.key.contract]: problem("ledger-unlike", Where(str(one.key)), what=one.what)
        for one in unlike(result.book)
        if one.key.contract in owners
    }


def refuse_unpublished(result: Result) -> None:
    """Raises ``ErpError`` where something would be billed by a policy of which the ERP has
    another version published: then forms and invoices would follow different texts."""
    book = result.book
    customers = concerned(result)
    used = {one.policy for one in book.contracts if book.root(one.customer) in customers}
    found = differing(book.policies, book.published, used)
    if found:
        said = "; ".join(one.message for one in found.values())
        again = f"klausel publish {' '.join(found)}"
        raise ErpError(
            f"nothing was written: {said}",
            f"publish again: {again}; or use the files that were published",
        )


def _record(result: Result, report: Report, folder: Path | None, screen: Screen) -> None:
    """Puts the activity records of what was written in ``folder``."""
    if folder is None:
        return
    invoices = {one.key: one.id for applied in report.applied for one in applied.drafts}
    pages = [
        (one._replace(records=(record,)), invoices[record.draft.key])
        for one in records(result)
        for record in one.records
        if record.draft.key in invoices
    ]
    try:
        for path in write_pages(pages, folder):
            screen.say(f"  {path}")
    except ProblemError as error:
        screen.say("Everything above is billed and on record; not all of its pages were written.")
        hint = "make them again at any time: klausel activity --invoice ..., or --from and --to"
        raise ProblemError(
            [found._replace(hint=f"{found.hint}; {hint}") for found in error.problems]
        ) from None


def corrects(draft: Draft) -> bool:
    """Whether ``draft`` corrects what was billed (semantics 8); refunds are no corrections."""
    return any(line.reverses is not None and not line.credit for line in draft.lines)


def summary(report: Report, nothing: str = "Nothing was written.") -> str:
    """What was written, with links, and what was refused and why; ``nothing`` if neither."""
    if not report.applied and not report.refused:
        return nothing
    ours = [applied for applied in report.applied if not applied.replayed]
    others = len(report.applied) - len(ours)
    drafts = [written for applied in ours for written in applied.drafts]
    settled = len({applied.customer for applied in ours})
    lines = [f"{count(len(drafts), 'draft')} written, {count(settled, 'customer')} settled."]
    lines += [f"  {link}" for link in dict.fromkeys(written.link for written in drafts)]
    if others:
        were = count(others, "customer was", "customers were")
        lines.append(f"{were} settled by the same run elsewhere at this time.")
    for refusal in report.refused:
        lines.append(f"{refusal.name} ({refusal.customer}) was refused: {refusal.message}")
        if refusal.hint:
            lines.append(f"    {refusal.hint}")
    return "\n".join(map(one_line, lines))
