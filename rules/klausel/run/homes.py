"""Whose a settled entry is: what is settled belongs to the contract that settled it (semantics 14).

Looks only at entries that are settled with one customer and lead to another one today. Either the
entry itself stands where it stood, and what it stands on went to somebody else: then it stays with
the customer with whom it is settled. Or it was moved: then it is a difference there, and nobody
else is billed for it before it is taken back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from klausel.model import Book, Entry, LedgerRow, entries_in_order
from klausel.problems import Problem, Where, problem
from klausel.run.found import Found
from klausel.run.history.record import has_moved, on_record
from klausel.run.values import hours


class Move(NamedTuple):
    """An entry that is settled with one customer and leads to another."""

    entry: Entry
    home: str
    """The customer with whom it is settled; "" where its contract is not in the book."""
    contract: str
    """The contract that settled it."""
    today: str
    """The customer it leads to; "" for none."""


class Homes:
    """Hands each entry to the customer whose run it belongs to.

    ``entries`` are those of each customer by today's facts and become those of each customer's
    run. ``moved`` are the entries that were moved and are settled still: with ``adjust`` they are
    the new customer's already, else the old one's.
    """

    def __init__(
        self,
        book: Book,
        entries: dict[str, list[Entry]],
        ledger: Mapping[str, Sequence[LedgerRow]],
        adjust: bool,
    ) -> None:
        self.entries = entries
        self.moved: dict[str, Move] = {}
        self._book = book
        self._owners = {c.code: book.root(c.customer) for c in book.contracts}
        strangers = self._strangers(ledger)
        if not strangers:
            return
        rows: dict[str, list[LedgerRow]] = defaultdict(list)
        for row in book.ledger:
            if row.entry in strangers and row.state == "live":
                rows[row.entry].append(row)
        goes: dict[str, str] = {}
        for id_, (entry, today) in strangers.items():
            move, stays = self._move(entry, today, rows[id_])
            if move is None:
                continue
            if stays:
                goes[id_] = move.home
                continue
            self.moved[id_] = move
            if not adjust or not move.home:
                goes[id_] = move.home
        self._hand_over(goes, {id_: today for id_, (_, today) in strangers.items()})

    def _strangers(self, ledger: Mapping[str, Sequence[LedgerRow]]) -> dict[str, tuple[Entry, str]]:
        """Entries on record with a customer that is not theirs today, and whose they are today."""
        settled: dict[str, set[str]] = defaultdict(set)
        for code, rows in ledger.items():
            # A contract that is not in the book is nobody's.
            settled[self._owners.get(code, "\0")].update(
                [row.entry for row in rows if row.entry and not row.held]
            )
        elsewhere: set[str] = set()
        for root, ids in settled.items():
            elsewhere |= ids.difference([entry.id for entry in self.entries.get(root, ())])
        if not elsewhere:
            return {}
        return {
            entry.id: (entry, root)
            for root, some in self.entries.items()
            for entry in some
            if entry.id in elsewhere
        }

    def _move(
        self, entry: Entry, today: str, rows: Iterable[LedgerRow]
    ) -> tuple[Move | None, bool]:
        """Where ``entry`` is settled, if not with the customer of today; and whether it stays."""
        by_root: dict[str | None, list[LedgerRow]] = defaultdict(list)
        for row in rows:
            by_root[self._owners.get(row.key.contract)].append(row)
        records = {root: on_record(some) for root, some in by_root.items()}
        homes = [root for root, (settled, _) in records.items() if entry.id in settled]
        if not homes or today in homes:
            return None, False
        home = homes[0]
        settled, waiting = records[home]
        found = settled[entry.id]
        move = Move(entry, home or "", found.parts[-1].key.contract, today)
        stays = home is not None and not has_moved(entry, found, waiting.get(entry.id, ()))
        return move, stays

    def _hand_over(self, goes: Mapping[str, str], today: Mapping[str, str]) -> None:
        """Hands the entries ``goes`` to other customers than today's; to "" means to nobody."""
        gained: dict[str, list[Entry]] = defaultdict(list)
        for root in {today[id_] for id_ in goes}:
            kept = []
            for entry in self.entries[root]:
                if entry.id not in goes:
                    kept.append(entry)
                elif goes[entry.id]:
                    gained[goes[entry.id]].append(entry)
            self.entries[root] = kept
        for root, some in gained.items():
            self.entries[root] = entries_in_order([*self.entries.get(root, ()), *some])

    def withhold(self, ids: Iterable[str]) -> None:
        """Nobody is billed for the moved entries ``ids``: they could not be taken back."""
        self._hand_over(
            dict.fromkeys(ids, ""), {id_: move.today for id_, move in self.moved.items()}
        )

    def away(self, root: str) -> dict[str, str]:
        """Entries that are settled with ``root`` and were moved, each with the name of the customer
        that it leads to."""
        return {
            id_: self._name(move.today) for id_, move in self.moved.items() if move.home == root
        }

    def problem(self, move: Move) -> Problem:
        """What the customer of today is told, who is not billed for it."""
        entry, contract = move.entry, move.contract
        where = Where(f"entry {entry.id}")
        facts = {"entry": entry.id, "date": entry.date, "hours": hours(entry.seconds)}
        if not move.home:
            return problem("entry-contract-gone", where, move.today, contract=contract, **facts)
        return problem(
            "entry-of-another", where, move.today, contract=contract,
            settled=self._name(move.home), customer=self._name(move.today), id=move.home, **facts,
        )  # fmt: skip

    def _name(self, root: str) -> str:
        customer = self._book.customers.get(root)
        return (customer.name if customer else "") or root or "no customer"

    def settle(
        self, done: Mapping[str, Found | list[Problem]], do: Callable[[str], None], adjust: bool
    ) -> dict[str, Move]:
        """Moved entries that stay with their old customer; in a run that adjusts, those that it
        does not give back: bills their new one once more, without them."""
        if not adjust:
            return self.moved
        kept = {id_: move for id_, move in self.moved.items() if not move.home}
        while True:
            stuck = {
                id_: move
                for id_, move in self.moved.items()
                if id_ not in kept and not _gives_back(done.get(move.home), id_)
            }
            if not stuck:
                return kept
            kept |= stuck
            self.withhold(stuck)
            for root in {move.today for move in stuck.values()} & done.keys():
                do(root)


def _gives_back(run: Found | list[Problem] | None, entry: str) -> bool:
    return isinstance(run, Found) and entry in run.taken_back
