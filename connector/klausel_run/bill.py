"""bill: writes what the preview showed, customer by customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from klausel.formats.text import count
from klausel.model import LedgerRow
from klausel.policy.ir import GroupBy
from klausel.port import Application, Applied, Erp, Refused
from klausel.problems import ErpError
from klausel.result import Result
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


def applications(result: Result) -> Iterator[Application]:
    """What each customer of ``result`` needs written, in order; customers without anything not."""
    owners = {c.code: result.book.root(c.customer) for c in result.book.contracts}
    rows: dict[str, list[LedgerRow]] = defaultdict(list)
    for row in result.settlements:
        rows[owners[row.key.contract]].append(row)
    for customer in result.customers:
        drafts = tuple(draft for draft in result.drafts if draft.customer == customer)
        if drafts or rows[customer]:
            sequence = result.book.sequences.get(customer, 0)
            settled = tuple(rows[customer])
            yield Application(customer, result.as_of, sequence, drafts, settled)


def write(
    erp: Erp,
    result: Result,
    refresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Applies every customer of ``result``; a refused one does not stop the others.

    Raises ``BrokenOffError`` where the ERP can no longer be reached, and on Ctrl-C; what was
    written before stands, and running again goes on from there.
    """
    todo = list(applications(result))
    report = Report([], [])
    for number, application in enumerate(todo):
        if progress is not None:
            progress(number, len(todo))
        customer = application.customer
        name = result.book.customers[customer].name
        try:
            report.applied.append(erp.apply(application, result.book, refresh))
        except Refused as error:
            report.refused.append(Refusal(customer, name, error.message, error.hint))
        except ErpError as error:
            message = f"{error.message}; that was while writing {name}"
            raise BrokenOffError(message, error.hint, report) from error
        except KeyboardInterrupt as error:
            raise BrokenOffError(f"interrupted while writing {name}", "", report) from error
    return report


def bill(
    erp: Erp,
    as_of: date,
    customers: Sequence[str],
    group_by: GroupBy | None,
    refresh: bool,
    screen: Screen,
) -> tuple[Result, Report]:
    """Shows the preview, asks, writes, says what it did. A no leaves as ``screen.ask`` raises."""
    with screen.progress("billing") as tick:
        result = preview(erp, Options(as_of, customers, (), group_by, True), tick)
    screen.show(result)
    if any(applications(result)):
        screen.ask(f"Write {count(len(result.drafts), 'draft')} to {erp.name}?")
    try:
        with screen.progress("writing") as tick:
            report = write(erp, result, refresh, tick)
    except BrokenOffError as error:
        screen.say(summary(error.report))
        raise
    screen.say(summary(report, "Nothing new to write."))
    return result, report


def summary(report: Report, nothing: str = "Nothing was written.") -> str:
    """What was written, with links, and what was refused and why; ``nothing`` if neither."""
    if not report.applied and not report.refused:
        return nothing
    ours = [applied for applied in report.applied if not applied.replayed]
    others = len(report.applied) - len(ours)
    drafts = [written for applied in ours for written in applied.drafts]
    lines = [f"{count(len(drafts), 'draft')} written, {count(len(ours), 'customer')} settled."]
    lines += [f"  {link}" for link in dict.fromkeys(written.link for written in drafts)]
    if others:
        were = count(others, "customer was", "customers were")
        lines.append(f"{were} settled by the same run elsewhere at this time.")
    for refusal in report.refused:
        lines.append(f"{refusal.name} ({refusal.customer}) was refused: {refusal.message}")
        if refusal.hint:
            lines.append(f"    {refusal.hint}")
    return "\n".join(lines)
