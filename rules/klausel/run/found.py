"""What is left of customers' runs, and the result of all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import NamedTuple

from klausel.model import Book, LedgerRow, natural
from klausel.policy.ir import Scope
from klausel.problems import Problem
from klausel.result import (
    Balance,
    Difference,
    Draft,
    EntryParts,
    Held,
    Notice,
    Reporting,
    Result,
    Uncovered,
)
from klausel.run.contracts import Contracts
from klausel.run.customer import Ran
from klausel.trace import Trace


class Found(NamedTuple):
    """What is left of a customer's run; the run itself is not kept, it is large."""

    drafts: Sequence[Draft]
    entries: Sequence[EntryParts]
    uncovered: Sequence[Uncovered]
    held: Sequence[Held]
    notices: Sequence[Notice]
    standing: Sequence[Notice]
    balances: Sequence[Balance]
    differences: Sequence[Difference]
    settlements: Sequence[LedgerRow]
    reporting: Mapping[str, Reporting]
    traces: Mapping[str, Trace]
    taken_back: Collection[str]


def found_of(run: Ran, explain: Callable[[EntryParts], bool] | None, record: bool) -> Found:
    """What is left of ``run``; with what goes on record where that is asked for."""
    entries = list(run.entry_parts())
    traces = {}
    if explain is not None:
        asked = {found.entry for found in entries if explain(found)}
        traces = {e.id: run.trace(e) for e in run.facts.entries if e.id in asked}
    drafted, became, said = run.drafted, run.outcomes, run.said
    return Found(
        drafted.drafts, entries, became.uncovered, became.held, said.notices, said.standing,
        said.balances, said.differences, drafted.settlements if record else (),
        drafted.reporting, traces, run.taken_back,
    )  # fmt: skip


def result_of(
    book: Book,
    as_of: date,
    contracts: Contracts,
    done: Mapping[str, Found | list[Problem]],
    roots: Sequence[str],
    moved: Iterable[Problem],
    scopes: Iterable[Scope],
) -> Result:
    """One result of all customers' runs."""
    parked: dict[str, list[Problem]] = defaultdict(list, contracts.parked)
    runs: list[Found] = []
    for root, ended in done.items():
        if isinstance(ended, Found):
            runs.append(ended)
        else:
            parked[root] = [*parked[root], *ended]
    if contracts.wanted is not None:
        parked = defaultdict(list, {r: p for r, p in parked.items() if r in contracts.wanted})
    # Some are two customers' at once.
    problems = [*contracts.problems, *moved]
    problems += dict.fromkeys(found for some in parked.values() for found in some)
    return Result(
        as_of=as_of,
        book=book,
        policies=contracts.stamps,
        customers=tuple(root for root in roots if root),
        parked=tuple(sorted((root for root in parked if root), key=natural)),
        drafts=tuple(draft for run in runs for draft in run.drafts),
        entries=tuple(chain.from_iterable([run.entries for run in runs])),
        uncovered=tuple(found for run in runs for found in run.uncovered),
        held=tuple(found for run in runs for found in run.held),
        notices=tuple(found for run in runs for found in run.notices),
        standing=tuple(found for run in runs for found in run.standing),
        balances=tuple(found for run in runs for found in run.balances),
        differences=tuple(found for run in runs for found in run.differences),
        problems=tuple(sorted(problems, key=lambda p: (p.where, p.code, p.message))),
        settlements=tuple(row for run in runs for row in run.settlements),
        reporting={code: found for run in runs for code, found in run.reporting.items()},
        decided=sum(scope.fresh for scope in scopes),
        traces={entry: found for run in runs for entry, found in run.traces.items()},
    )
