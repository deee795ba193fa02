"""What every ERP behind the port does alike: one suite, run against the book and a real Odoo.

:class:`Place` is an ERP that has the small book of ``cases/book-errors/_base`` in it, and hands to
do to it what people do. ``place`` is a fixture of the class that inherits :class:`PortSuite`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest

from klausel.engine import bill
from klausel.model import Book, LedgerKey, LedgerRow, Opening
from klausel.port import Application, Applied, Erp, OpeningChange, Refused, Written
from klausel.result import Draft, Result
from klausel_run.audit import audit
from klausel_run.bill import applications, write

SMALL = Path(__file__).parent / "cases" / "book-errors" / "_base"
APRIL, JULY = date(2026, 4, 1), date(2026, 7, 1)


class Place(Protocol):
    """An ERP with the small book in it; ids and codes of the book are those in the files."""

    said: dict[str, str]
    """What an application is refused with, by what was done; ``{entry}`` is the entry's id."""

    def erp(self) -> Erp:
        """A connection that has read nothing yet."""
        ...

    def code(self, contract: str) -> str: ...

    def customer(self, id_: str) -> str: ...

    def entry(self, id_: str) -> str: ...

    def documents(self) -> int:
        """How many invoices, or transactions of the ledger, there are."""
        ...

    # what people do
    def set_hours(self, entry: str, hours: float) -> None: ...

    def remove(self, entry: str) -> None: ...

    def log(self, day: date, hours: float) -> str:
        """A new entry like ``e3``; its id in the ERP."""
        ...

    def touch_contract(self, contract: str) -> None:
        """Changes something that no price depends on."""
        ...

    def delete_draft(self, draft: Draft, written: Written) -> None: ...


def result_of(place: Place, erp: Erp, as_of: date = JULY, *customers: str) -> Result:
    wanted = [place.customer(id_) for id_ in customers or ("c1", "c2")]
    return bill(erp.read(as_of, wanted), as_of, wanted)


def read_by(erp: Erp, place: Place) -> Book:
    """What stands there now of the small book, and perhaps more."""
    return erp.read(JULY, [place.customer("c1"), place.customer("c2")])


def read(place: Place) -> Book:
    return read_by(place.erp(), place)


def application(place: Place, result: Result, customer: str) -> Application:
    (found,) = (a for a in applications(result) if a.customer == place.customer(customer))
    return found


def on_record(place: Place) -> list[LedgerRow]:
    """Live rows of the small book, without the ERP's own line."""
    ours = {place.code("BAKE-1"), place.code("BIKE-1")}
    rows = read(place).ledger
    return ordered(row for row in rows if row.key.contract in ours and row.state == "live")


def ordered(rows: object) -> list[LedgerRow]:
    """Without what the ERP calls lines and invoices."""
    return sorted(
        (row._replace(line="", document="") for row in rows),  # type: ignore[attr-defined]
        key=repr,
    )


def totals(drafts: Sequence[Draft]) -> dict[str, Decimal]:
    return {draft.contract: draft.total for draft in drafts}


def billed(place: Place, as_of: date = JULY) -> tuple[Result, dict[str, Written]]:
    """Bills everything of the small book; drafts by key."""
    erp = place.erp()
    result = result_of(place, erp, as_of)
    report = write(erp, result)
    assert not report.refused
    return result, {written.key: written for done in report.applied for written in done.drafts}


class PortSuite:
    # -- read

    def test_reads_contracts_work_and_who_it_is_for(self, place: Place) -> None:
        book = read(place)
        contracts = {contract.code: contract for contract in book.contracts}
        bake, bike = contracts[place.code("BAKE-1")], contracts[place.code("BIKE-1")]
        assert (bake.customer, bake.currency, bake.policy) == (place.customer("c1"), "EUR", "care")
        assert (bake.start, bake.end, bake.covers.kind) == (date(2026, 1, 1), None, "customer")
        assert [(term.id, term.plan) for term in bake.terms] == [
            ("fee", "flat"),
            ("service", "effort"),
        ]
        assert bike.terms[0].parameters["price"].steps == (
            (date.min, "80.00"),
            (APRIL, "85.00"),
        )
        entries = {entry.id: entry for entry in book.entries}
        first, second, third = (entries[place.entry(id_)] for id_ in ("e1", "e2", "e3"))
        assert (first.date, first.seconds, first.text) == (
            date(2026, 5, 4), 5400, "Opening hours changed",
        )  # fmt: skip
        assert book.tickets[second.ticket].tags == ("Update",)
        assert book.employees[third.employee].role == "Consultant"
        assert book.projects[third.project].name == "Bicycle shop"
        assert [book.customer_of(entry) for entry in (first, second, third)] == [
            place.customer(id_) for id_ in ("c1", "c2", "c2")
        ]
        assert not [found for found in book.problems if found.customer == place.customer("c1")]

    def test_reads_enough_of_a_day_and_of_a_customer(self, place: Place) -> None:
        """An ERP may read more than asked for; the result is that of what was asked for."""
        whole = result_of(place, place.erp(), date(2026, 5, 5), "c2")
        erp = place.erp()
        part = erp.read(date(2026, 5, 5), {place.customer("c2")})
        assert place.code("BIKE-1") in {contract.code for contract in part.contracts}
        assert {entry.id for entry in part.entries} >= {place.entry("e2")}
        assert [found.entry for found in whole.entries] == [place.entry("e2")]

    def test_previews_come_out_the_same(self, place: Place) -> None:
        result = result_of(place, place.erp())
        assert totals(result.drafts) == {
            place.code("BAKE-1"): Decimal("485.00"),
            place.code("BIKE-1"): Decimal("170.00"),
        }
        assert [len(draft.lines) for draft in result.drafts] == [8, 1]

    # -- apply

    def test_what_is_on_record_is_what_was_written(self, place: Place) -> None:
        result, _ = billed(place)
        written = ordered(result.settlements)
        assert on_record(place) == written
        kinds = {(bool(row.entry), row.disposition, row.amount is not None) for row in written}
        assert kinds == {
            (False, "", False),  # a period that is closed
            (False, "", True),  # a line
            (True, "service", False),
            (True, "included", False),
        }
        assert all(row.policy.startswith("care") for row in written)
        assert all(row.fingerprint for row in written if row.entry)

    def test_rows_of_every_kind_are_read_back(self, place: Place) -> None:
        """Rows without money and such that take back; ``document`` is the invoice of a line."""
        result, written = billed(place)
        code, entry = place.code("BIKE-1"), place.entry("e3")
        (line,) = (r for r in read(place).ledger if r.key.contract == code and r.amount is not None)
        bike = next(d for d in result.drafts if d.contract == code)
        assert line.document == written[bike.key].id
        assert line.last == date(2026, 5, 31)
        part = next(row for row in result.settlements if row.key.contract == code and row.entry)
        first, stamp = part.key.period, part.policy
        facts = {"fingerprint": part.fingerprint, "policy": stamp, "rule": "R1"}

        def key(component: str, group: str, sequence: int = 0, term: str = "") -> LedgerKey:
            return LedgerKey(code, term, component, first, group, sequence)

        term, component = part.key.term, part.key.component
        rows = (
            LedgerRow(
                key(component, "draw", term=term), entry, 7200, 7500, "service", lot="L1",
                drawn=11250, counted=date(2026, 5, 31), **facts,
            ),
            LedgerRow(
                key(component, "draw", 1, term), entry, -1800, -1875, "service", lot="L1",
                drawn=-2812, counted=date(2026, 5, 31), **facts,
            ),
            LedgerRow(key("held", "held"), entry, 900, 900, "change", held="pending", **facts),
            LedgerRow(key("held", "held", 1), entry, -900, -900, "change", held="limit", **facts),
            LedgerRow(key("notice", "A2/2026-05/80"), policy=stamp),
            LedgerRow(
                key("effort", "hours", term=term), rounded=36000, rate=Decimal("95.5"),
                amount=Decimal("-0.125"), last=date(2027, 4, 30), policy=stamp,
            ),
        )  # fmt: skip
        erp = place.erp()
        book = read_by(erp, place)
        customer = place.customer("c2")
        before = on_record(place)
        asked = Application(customer, JULY, book.sequences.get(customer, 0), (), rows)
        assert erp.apply(asked, book).rows == len(rows)
        found = on_record(place)
        # An ERP may know the parties of the contract by itself.
        new = (r._replace(customer="", currency="") for r in found if r not in before)
        assert ordered(new) == ordered(rows)
        assert erp.apply(asked, book).replayed

    def test_time_on_record_before_its_line_goes_with_it(self, place: Place) -> None:
        """What a closed window decided is on record already when its line is written."""
        erp = place.erp()
        result = result_of(place, erp)
        whole = application(place, result, "c2")
        parts = tuple(row for row in whole.rows if row.entry and row.amount is None)
        keys = {line.key for draft in whole.drafts for line in draft.lines}
        early = tuple(row for row in parts if row.key in keys)
        assert early
        erp.apply(whole._replace(drafts=(), rows=early), result.book)
        book = read_by(place.erp(), place)
        rest = tuple(row for row in whole.rows if row not in early)
        again = whole._replace(sequence=book.sequences.get(whole.customer, 0), rows=rest)
        done = erp.apply(again, read_by(erp, place))
        assert on_record(place) == ordered(whole.rows)
        (draft,), (written,) = whole.drafts, done.drafts
        place.delete_draft(draft, written)
        left = {row.entry for row in on_record(place) if row.key in keys}
        assert left == set()

    def test_a_second_preview_is_empty(self, place: Place) -> None:
        billed(place)
        documents = place.documents()
        again = result_of(place, place.erp())
        assert (again.drafts, again.settlements, again.differences) == ((), (), ())
        assert list(applications(again)) == []
        billed(place)
        assert place.documents() == documents
        ours = {place.code("BAKE-1"), place.code("BIKE-1")}
        assert not [d for d in audit(place.erp(), JULY).differences if d.contract in ours]

    def test_the_same_call_again_returns_the_first_result(self, place: Place) -> None:
        erp = place.erp()
        result = result_of(place, erp)
        asked = application(place, result, "c1")
        first = erp.apply(asked, result.book)
        assert (first.customer, first.rows, first.replayed) == (
            place.customer("c1"), len(asked.rows), False,
        )  # fmt: skip
        assert [written.key for written in first.drafts] == [draft.key for draft in asked.drafts]
        documents, rows = place.documents(), on_record(place)
        for connection in (erp, place.erp()):
            assert connection.apply(asked, result.book) == first._replace(replayed=True)
        assert (place.documents(), on_record(place)) == (documents, rows)

    def refused(self, place: Place, erp: Erp, result: Result, what: str, entry: str = "") -> None:
        """Customer c2's application is refused with the place's sentence; nothing is written."""
        documents, rows = place.documents(), on_record(place)
        with pytest.raises(Refused) as caught:
            erp.apply(application(place, result, "c2"), result.book)
        assert caught.value.message == place.said[what].format(entry=entry)
        assert caught.value.hint == "run it again"
        assert (place.documents(), on_record(place)) == (documents, rows)

    def test_refused_when_an_entry_changed(self, place: Place) -> None:
        erp = place.erp()
        result = result_of(place, erp)
        place.set_hours("e3", 2.25)
        self.refused(place, erp, result, "entry changed", place.entry("e3"))

    def test_refused_when_an_entry_vanished(self, place: Place) -> None:
        erp = place.erp()
        result = result_of(place, erp)
        entry = place.entry("e3")
        place.remove("e3")
        self.refused(place, erp, result, "entry vanished", entry)

    def test_refused_when_a_contract_changed(self, place: Place) -> None:
        erp = place.erp()
        result = result_of(place, erp)
        place.touch_contract("BIKE-1")
        self.refused(place, erp, result, "contract changed")

    def test_refused_when_somebody_else_billed(self, place: Place) -> None:
        erp = place.erp()
        result = result_of(place, erp)
        billed(place, date(2026, 6, 1))
        self.refused(place, erp, result, "billed")

    def test_a_customer_is_written_whole_or_not_at_all(self, place: Place) -> None:
        """One customer's refusal takes nothing from another's, and leaves nothing of its own."""
        erp = place.erp()
        result = result_of(place, erp)
        done: Applied = erp.apply(application(place, result, "c1"), result.book)
        place.set_hours("e3", 2.25)
        self.refused(place, erp, result, "entry changed", place.entry("e3"))
        bake = place.code("BAKE-1")
        rows = on_record(place)
        assert {row.key.contract for row in rows} == {bake}
        assert len(rows) == done.rows
        again = result_of(place, place.erp())
        assert totals(again.drafts) == {place.code("BIKE-1"): Decimal("191.25")}

    # -- what happens afterwards

    def test_a_draft_that_is_gone_is_billed_again_and_nothing_else(self, place: Place) -> None:
        result, written = billed(place)
        gone = next(d for d in result.drafts if d.contract == place.code("BIKE-1"))
        place.delete_draft(gone, written[gone.key])
        again = result_of(place, place.erp())
        assert [draft.lines for draft in again.drafts] == [gone.lines]
        assert again.differences == ()
        billed(place)
        assert on_record(place) == ordered(result.settlements)

    def test_late_lines_count_on(self, place: Place) -> None:
        """The sequence of a line: 0 is the regular one, late ones follow."""
        billed(place)
        for number, hours in enumerate((1.0, 0.5), start=1):
            entry = place.log(date(2026, 5, 7), hours)
            result, _ = billed(place)
            (line,) = (line for draft in result.drafts for line in draft.lines)
            assert (line.key.sequence, line.amount) == (number, Decimal("85.00") * Decimal(hours))
            assert [share.entry for share in line.entries] == [entry]
        numbers = [row.key.sequence for row in on_record(place) if row.amount is not None]
        assert sorted(numbers)[-3:] == [0, 1, 2]

    def test_the_customers_number_rises(self, place: Place) -> None:
        """With whatever changes; an ERP that has no numbers notices changes in another way."""

        def numbers() -> list[int]:
            sequences = read(place).sequences
            return [sequences.get(place.customer(id_), 0) for id_ in ("c1", "c2")]

        before = numbers()
        place.touch_contract("BIKE-1")
        changed = numbers()
        assert changed[0] == before[0]
        billed(place)
        after = numbers()
        if any(before):
            assert changed[1] > before[1]
            assert all(new > old for new, old in zip(after, changed, strict=True))
        else:
            assert before == changed == after == [0, 0]

    # -- openings

    def opening(self, place: Place, term: str, lot: str = "", **values: object) -> Opening:
        return Opening(place.code("BAKE-1"), term, lot, date(2026, 3, 31), **values)  # type: ignore[arg-type]

    def openings(self, place: Place) -> set[Opening]:
        code = place.code("BAKE-1")
        return {found for found in read(place).openings if found.contract == code}

    def test_openings_are_read_back_as_they_were_loaded(self, place: Place) -> None:
        fee = self.opening(place, "fee", billed_until=date(2026, 3, 31))
        lot = self.opening(
            place, "service", "L0",
            seconds=-5400, price=Decimal("90.15"), valid_until=date(2026, 12, 31),
        )  # fmt: skip
        erp = place.erp()
        erp.load_openings(OpeningChange((fee, lot)), read_by(erp, place))
        assert self.openings(place) == {fee, lot}
        result = result_of(place, place.erp(), JULY, "c1")
        assert totals(result.drafts) == {place.code("BAKE-1"): Decimal("335.00")}
        # One takes the place of another, the rest stays.
        later = self.opening(place, "fee", billed_until=date(2026, 5, 31))
        erp = place.erp()
        erp.load_openings(OpeningChange((later,), (fee,)), read_by(erp, place))
        assert self.openings(place) == {later, lot}

    def test_openings_are_refused_when_the_contract_changed(self, place: Place) -> None:
        erp = place.erp()
        book = read_by(erp, place)
        place.touch_contract("BAKE-1")
        fee = self.opening(place, "fee", billed_until=date(2026, 3, 31))
        with pytest.raises(Refused) as caught:
            erp.load_openings(OpeningChange((fee,)), book)
        assert caught.value.message == place.said["contract changed"].replace(
            "Bicycles Meyer", "Bakery Jansen"
        )
        assert self.openings(place) == set()

    def test_openings_are_refused_when_somebody_billed(self, place: Place) -> None:
        erp = place.erp()
        book = read_by(erp, place)
        billed(place)
        fee = self.opening(place, "fee", billed_until=date(2026, 3, 31))
        with pytest.raises(Refused) as caught:
            erp.load_openings(OpeningChange((fee,)), book)
        assert caught.value.message == place.said["billed"].replace(
            "Bicycles Meyer", "Bakery Jansen"
        )
        assert self.openings(place) == set()
