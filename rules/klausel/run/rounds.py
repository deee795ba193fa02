"""The rounds of an adjusting run: what one corrects, the next one finds on record."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from klausel.model import LedgerKey, LedgerRow
from klausel.run.customer import Ran, run_customer
from klausel.run.drafts import drafted
from klausel.run.facts import CustomerFacts
from klausel.run.values import DueDays, Parked

Play = Callable[[bool, Ran | None], Ran]
"""One run of a customer, whether it corrects, behind what the run before it put on record."""

#: How often an adjusting run looks again where hours that it corrects change what is drawn of
#: them. Twice does nearly always: they only become fewer from the second time on.
_TURNS = 10

#: How many runs an adjusting run is made of at most. Two do nearly always: one that corrects, and
#: one that finds nothing more to do.
_ROUNDS = 5


def turns(
    facts: CustomerFacts, ledger: Mapping[str, Sequence[LedgerRow]], before: Ran | None
) -> Ran:
    """One run, done again as long as hours that it corrects change what is drawn of them."""
    resold: Mapping[LedgerKey, int] = {}
    for _ in range(_TURNS):
        run = run_customer(replace(facts, to_resell=resold), ledger)
        if not facts.mode.adjusting or run.resold == resold:
            break
        resold = run.resold
    return run if before is None else _behind(run, before)


def adjusting(play: Play) -> Ran:
    """An adjusting run of one customer: the record is done again only where something differs that
    this puts right, until neither a bill nor an adjustment has anything to do.

    Raises :class:`~klausel.run.values.Parked` where the customer cannot be billed at all.
    """
    found: Ran | None = None
    stays: set[tuple[str, ...]] = set()
    for _ in range(_ROUNDS):
        plain: Ran | None = None
        try:
            plain = play(False, found)
        except Parked:
            if found is not None:
                return found
        if plain is None or not plain.differing <= stays:
            again = play(True, found)
            if plain is None or not plain.differing <= stays | again.differing:
                found = again
                continue
            stays |= again.differing
            # It knows why they stay.
            said = plain.said._replace(differences=again.said.differences)
            plain = replace(plain, said=said)
        if found is not None and len(plain.rows) == len(found.rows):
            return found
        found = plain
        if not (plain.rows and plain.outcomes.held):
            break  # what waits may find hours that came back behind it
    assert found is not None
    return found


def _behind(run: Ran, before: Ran) -> Ran:
    """One run of ``run`` and the one ``before`` it, whose rows it has on record."""
    made_before = {row.key for row in before.drafted.settlements}
    # A line that is not out yet is corrected beside it.
    lines = [
        (bound, line._replace(reverses=None) if line.reverses in made_before else line)
        for bound, line in run.lines
    ]
    all_lines = [*before.lines, *lines]
    own = run.drafted.settlements
    rows = [*before.drafted.settlements, *own]
    new = {one[:4] for one in before.said.notices}
    said = run.said._replace(
        notices=[*before.said.notices, *run.said.notices],
        standing=[one for one in run.said.standing if one[:4] not in new],
    )
    days = DueDays(
        _joined(run.days.due, before.days.due),
        before.days.was_due,
        _joined(run.days.again, before.days.again),
    )
    changed = {row.entry for row in own}
    parts = dict(run.parts)
    for id_, some in before.parts.items():
        if id_ not in changed:
            parts[id_] = some
        elif not all(part.settled for part in some):
            parts[id_] = [part._replace(settled=False) for part in parts[id_]]
    return replace(
        run, lines=all_lines, rows=rows, parts=parts, said=said, days=days,
        taken_back=run.taken_back | before.taken_back,
        drafted=drafted(run.facts, run.history, all_lines, rows, days),
    )  # fmt: skip


def _joined(one: Mapping[str, set[date]], other: Mapping[str, set[date]]) -> dict[str, set[date]]:
    return {key: one.get(key, set()) | other.get(key, set()) for key in one.keys() | other.keys()}
