"""bill: writes what the preview showed, customer by customer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

from klausel.model import LedgerRow
from klausel.policy.ir import GroupBy
from klausel.port import Application, Applied, Erp, Refused
from klausel.result import Result
from klausel_run.preview import Options, preview
from klausel_run.screen import Screen


class Refusal(NamedTuple):
    """A customer that was not written, and why."""

    customer: str
    message: str
    hint: str


class Report(NamedTuple):
    applied: tuple[Applied, ...]
    refused: tuple[Refusal, ...]


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

    Raises ``ErpError`` where the ERP can no longer be reached; what was written before stands,
    and running again goes on from there.
    """
    todo = list(applications(result))
    applied: list[Applied] = []
    refused: list[Refusal] = []
    for number, application in enumerate(todo):
        if progress is not None:
            progress(number, len(todo))
        try:
            applied.append(erp.apply(application, result.book, refresh))
        except Refused as error:
            refused.append(Refusal(application.customer, error.message, error.hint))
    return Report(tuple(applied), tuple(refused))


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
        screen.ask(f"Write {len(result.drafts)} drafts to {erp.name}?")
    with screen.progress("writing") as tick:
        report = write(erp, result, refresh, tick)
    screen.say(summary(report))
    return result, report


def summary(report: Report) -> str:
    """What was written, with links, and what was refused and why."""
    drafts = [written for applied in report.applied for written in applied.drafts]
    if not report.applied and not report.refused:
        return "Nothing new to write."
    lines = [f"{len(drafts)} drafts written, {len(report.applied)} customers settled."]
    lines += [f"  {link}" for link in dict.fromkeys(written.link for written in drafts)]
    for refusal in report.refused:
        lines.append(f"Customer {refusal.customer} was refused: {refusal.message}")
        if refusal.hint:
            lines.append(f"    {refusal.hint}")
    return "\n".join(lines)
