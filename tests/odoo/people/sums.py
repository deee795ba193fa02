"""Sums taken from Odoo's tables by SQL alone; no code of the product is asked.

What is wrong comes as sentences; none: all is well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from itertools import chain, combinations
from typing import NamedTuple

Sql = Callable[[str], list[tuple[str | None, ...]]]

#: All that is looked at, in one query: each row begins with its kind.
QUERY = """
WITH live AS (
    SELECT l.*, coalesce(l.held, '') <> '' AS waits FROM klausel_ledger l WHERE l.state = 'live'
)
SELECT 'entry', l.entry_ref::text, string_agg(DISTINCT c.code, ' '),
    coalesce(sum(l.seconds) FILTER (WHERE NOT waits), 0)::text,
    coalesce(sum(l.seconds) FILTER (WHERE waits), 0)::text,
    round(a.unit_amount * 3600)::text
FROM live l JOIN klausel_contract c ON c.id = l.contract_id
LEFT JOIN account_analytic_line a ON a.id = l.entry_ref
WHERE l.entry_ref <> 0 GROUP BY l.entry_ref, a.unit_amount
UNION ALL
SELECT 'line', l.move_line_id::text, l.move_id::text, l.amount, c.code, m.state
FROM live l JOIN klausel_contract c ON c.id = l.contract_id
LEFT JOIN account_move m ON m.id = l.move_id
WHERE l.amount IS NOT NULL AND l.amount <> ''
UNION ALL
SELECT 'move', m.id::text, m.reversed_entry_id::text, m.state,
    (m.klausel_run_id IS NOT NULL)::text, m.payment_state
FROM account_move m WHERE m.move_type IN ('out_invoice', 'out_refund')
UNION ALL
SELECT 'product', a.id::text, a.move_id::text,
    (CASE m.move_type WHEN 'out_refund' THEN -1 ELSE 1 END * a.price_subtotal)::text, NULL, NULL
FROM account_move_line a JOIN account_move m ON m.id = a.move_id
WHERE a.display_type = 'product' AND m.move_type IN ('out_invoice', 'out_refund')
UNION ALL
SELECT 'twice', count(*)::text, NULL, NULL, NULL, NULL FROM (
    SELECT 1 FROM live GROUP BY contract_id, term, component, period, line_group, sequence,
        entry_ref, lot HAVING count(*) > 1
) AS t
UNION ALL
SELECT 'two customers', e.entry_ref::text, NULL, NULL, NULL, NULL FROM (
    SELECT entry_ref, contract_id, sum(seconds) AS seconds FROM live
    WHERE entry_ref <> 0 AND NOT waits GROUP BY entry_ref, contract_id HAVING sum(seconds) > 0
) AS e GROUP BY e.entry_ref HAVING count(*) > 1
"""


class Entry(NamedTuple):
    """Of the time on record of one entry."""

    id: int
    contracts: str
    settled: int
    waiting: int
    seconds: int | None
    """As it is today; None: it was deleted."""


class Line(NamedTuple):
    """What the ledger says of an invoice line."""

    line: int | None
    move: int | None
    amount: Decimal
    contract: str
    state: str


class Move(NamedTuple):
    id: int
    reverses: int | None
    state: str
    ours: bool
    """A run wrote it, or took it over."""
    payment: str


class Sums(NamedTuple):
    """Everything that ``QUERY`` found."""

    entries: list[Entry]
    lines: list[Line]
    moves: dict[int, Move]
    products: dict[int, tuple[int, Decimal]]
    """By invoice line: its document and its net amount, a credit note's below zero."""
    twice: int
    shared: list[int]
    """Entries of which two contracts settled something."""

    @property
    def by_contract(self) -> dict[str, Decimal]:
        """What is on record, contract by contract."""
        found: dict[str, Decimal] = defaultdict(Decimal)
        for line in self.lines:
            found[line.contract] += line.amount
        return dict(found)

    def group(self, move: int) -> int:
        """The first of the documents that reverse each other."""
        while (above := self.moves[move].reverses) is not None and above in self.moves:
            move = above
        return move

    def in_force(self, move: Move) -> bool:
        """A draft of ours counts: it stands for what is settled. One made by hand may go yet."""
        return move.state == "posted" or (move.ours and move.state == "draft")


def take(sql: Sql) -> Sums:
    sums = Sums([], [], {}, {}, 0, [])
    twice = 0
    for kind, *cells in sql(QUERY):
        one, two, three, four, five = (cell or "" for cell in cells)
        if kind == "entry":
            seconds = int(float(five)) if five else None
            sums.entries.append(Entry(int(one), two, int(three), int(four), seconds))
        elif kind == "line":
            line, move = (int(cell) if cell else None for cell in (one, two))
            sums.lines.append(Line(line, move, Decimal(three), four, five))
        elif kind == "move":
            reverses = int(two) if two else None
            sums.moves[int(one)] = Move(int(one), reverses, three, four == "true", five)
        elif kind == "product":
            sums.products[int(one)] = (int(two), Decimal(three))
        elif kind == "twice":
            twice = int(one)
        else:
            sums.shared.append(int(one))
    return sums._replace(twice=twice)


def wrong(
    sums: Sums, edited: Collection[int], most: Mapping[int, int], by_order: Mapping[int, set[int]]
) -> list[str]:
    """What may never be, whatever people did."""
    found = [f"{sums.twice} keys on record twice"] if sums.twice else []
    found += _time(sums, most, by_order)
    found += _documents(sums, edited)
    return found


def to_be_said(sums: Sums) -> dict[str, str]:
    """What a person did to documents that must not go unsaid, by contract: more is credited than
    was billed, or one of our own credit notes is undone."""
    groups: dict[int, Decimal] = defaultdict(Decimal)
    for id_, amount in sums.products.values():
        if sums.in_force(sums.moves[id_]):
            groups[sums.group(id_)] += amount
    contracts = {sums.group(row.move): row.contract for row in sums.lines if row.move in sums.moves}
    live = {row.move for row in sums.lines}
    found = {}
    for move in sums.moves.values():
        if move.ours or move.state != "posted" or move.reverses not in sums.moves:
            continue
        group = sums.group(move.id)
        above = sums.moves[move.reverses]
        undone = above.ours and above.reverses is not None and above.id in live
        if group in contracts and (groups[group] < 0 or undone):
            found[contracts[group]] = f"{groups[group]} of {group} in force after {move.id}"
    return found


def _time(sums: Sums, most: Mapping[int, int], by_order: Mapping[int, set[int]]) -> list[str]:
    found = []
    ordered = {
        entry: move
        for move, entries in by_order.items()
        if (there := sums.moves.get(move)) is not None
        and there.state != "cancel" and there.payment != "reversed"
        for entry in entries
    }  # fmt: skip
    for one in sums.entries:
        if one.settled > max(most.get(one.id, 0), 0):
            found.append(
                f"entry {one.id}: {one.settled} s settled with {one.contracts}, it never had more"
                f" than {most.get(one.id)} s"
            )
        if one.settled and one.id in ordered:
            found.append(
                f"entry {one.id}: settled with {one.contracts} and on the order's invoice"
                f" {ordered[one.id]}"
            )
    found += [f"entry {id_}: two contracts have settled it" for id_ in sums.shared]
    return found


def _documents(sums: Sums, edited: Collection[int]) -> list[str]:
    found = []
    on_record: dict[int, Decimal] = {}
    for row in sums.lines:
        if row.line is None or row.move is None:
            found.append(f"{row.amount} of {row.contract} on record, on no line")
        elif row.line not in sums.products or sums.products[row.line][0] != row.move:
            found.append(f"{row.amount} of {row.contract} on a line that is not there")
        elif row.state == "cancel":
            found.append(f"{row.amount} of {row.contract} on record, {row.move} is cancelled")
        else:
            on_record[row.line] = on_record.get(row.line, Decimal()) + row.amount
    by_hand: dict[int, dict[int, Decimal]] = defaultdict(dict)
    loose: dict[int, Decimal] = defaultdict(Decimal)
    for line, (id_, amount) in sums.products.items():
        move = sums.moves[id_]
        if not sums.in_force(move):
            continue
        group = sums.group(id_)
        if not move.ours:
            by_hand[group][id_] = by_hand[group].get(id_, Decimal()) + amount
        elif line in on_record:
            if line not in edited and abs(on_record[line] - amount) >= Decimal("0.01"):
                found.append(
                    f"line {line} of {id_} comes to {amount}, on record are {on_record[line]}"
                )
        else:
            loose[group] += amount
    for group, amount in loose.items():
        # What was opened by reversals comes to nothing with some of them.
        hand = list(by_hand[group].values())
        some = (combinations(hand, number) for number in range(len(hand) + 1))
        if all(amount + sum(chosen) for chosen in chain.from_iterable(some)):
            found.append(f"{amount} of {group} in force, not on record; by hand {sum(hand)}")
    return found
