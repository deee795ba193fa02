"""The loop beside an ERP: what becomes of a request, whatever happens meanwhile.

The desk here keeps its rules in memory; ``tests/odoo/test_work.py`` does the same with Odoo's own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import cli
from klausel.model import Book
from klausel.port import (
    Application,
    Applied,
    Erp,
    Gone,
    Refused,
    Request,
    Shown,
    Standing,
    Wish,
)
from klausel.problems import ErpError, LostError
from klausel.result import Result
from klausel_book import BookSource
from klausel_book.source import demo_folder
from klausel_run import work
from klausel_run.bill import wholes
from klausel_run.preview import Options, preview
from klausel_run.work import Ending, Worker
from tests.counts import count

AS_OF = date(2026, 7, 1)
#: The desk here takes this one for a customer of whom there is nothing to be seen.
EMPTY = "c21"
CLEAR = LostError("the ERP cannot be reached: the connection broke off", "check that it is running")


class FakeDesk:
    """Requests, and what is shown, in memory. ``hooks`` are called before a call is answered."""

    def __init__(self, erp: Erp) -> None:
        self.erp = erp
        self.requests: dict[int, Request] = {}
        self.state: dict[int, str] = {}
        self.outcome: dict[int, str] = {}
        self.pages: dict[str, Mapping[str, Any]] = {}
        self.said: dict[str, tuple[str, str]] = {}
        self.calls: list[str] = []
        self.batches: list[str] = []
        self.hooks: dict[str, Callable[[int], None]] = {}

    def ask(self, kind: Any, wishes: Sequence[Wish] = (), adjust: bool = False) -> int:
        id_ = len(self.requests) + 1
        self.requests[id_] = Request(id_, kind, AS_OF, adjust, tuple(wishes))
        self.state[id_] = "waiting"
        return id_

    def cancel(self, id_: int) -> None:
        self.state[id_] = "cancelled"

    def _called(self, name: str, request: Request | None = None) -> None:
        self.calls.append(name)
        if name in self.hooks:
            self.hooks[name](self.calls.count(name))
        if request is not None and self.state[request.id] != "running":
            raise Gone(f"request {request.id} is {self.state[request.id]}")

    def _mark(self, request: Request, customer: str, state: str) -> None:
        known = self.requests[request.id]
        wishes = [w._replace(state=state) if w.customer == customer else w for w in known.wishes]
        self.requests[request.id] = known._replace(wishes=tuple(wishes))

    def next(self) -> Request | None:
        self._called("next")
        for id_, request in self.requests.items():
            if self.state[id_] == "waiting":
                self.state[id_] = "running"
                return request
        return None

    def progress(self, request: Request, done: int, total: int, text: str) -> bool:
        self.calls.append("progress")
        return self.state[request.id] == "running"

    def shown(self, result: Result, digests: Mapping[str, str]) -> dict[str, Shown]:
        lines = {
            customer: [line for d in result.drafts if d.customer == customer for line in d.lines]
            for customer in ("", *result.customers)
        }
        return {
            customer: Shown(
                {"digest": digests.get(customer, ""), "lines": lines[customer]}, customer == EMPTY
            )
            for customer in lines
        }

    def standing(self) -> Mapping[str, Standing]:
        return {
            customer: Standing(page["digest"], len(page["lines"]), "1.00 EUR")
            for customer, page in self.pages.items()
            if customer
        }

    def unchanged(self, request: Request, pages: Mapping[str, Shown]) -> Collection[str]:
        self._called("unchanged", request)
        return {one for one, page in pages.items() if self.pages.get(one) == page.values}

    def report(
        self, request: Request, pages: Mapping[str, Shown]
    ) -> Iterator[tuple[str, bool | Refused]]:
        for customer, page in pages.items():
            try:
                self._called("report", request)
            except Refused as error:
                yield customer, error
            else:
                self.pages[customer] = page.values
                yield customer, False

    def apply(self, request: Request, application: Application, book: Book, last: bool) -> Applied:
        self._called("apply", request)
        self.batches.append(application.batch)
        found = self.erp.apply(application, book)
        if last:
            self._mark(request, application.customer, "written")
        return found

    def say(self, request: Request, customer: str, state: str, said: str) -> None:
        self._called("say", request)
        self._mark(request, customer, state)
        self.said[customer] = (state, said)

    def done(self, request: Request, state: str, outcome: str) -> None:
        self._called("done", request)
        self.state[request.id] = state
        self.outcome[request.id] = outcome


class Slow(BookSource):
    """A book whose reading can fail."""

    errors: list[Exception]
    reads = 0

    def read(self, until: date, customers: Collection[str] | None = None) -> Book:
        self.reads += 1
        if self.errors:
            raise self.errors.pop(0)
        return super().read(until, customers)


class Waits(Ending):
    """Waits no time, and ends after some waits."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.pauses: list[float] = []
        self._most = most

    def wait(self, seconds: float) -> None:
        self.pauses.append(seconds)
        if len(self.pauses) >= self._most:
            self.set()


class Place:
    """A copy of the demo book with a desk and a worker."""

    def __init__(self, folder: Path) -> None:
        shutil.copytree(demo_folder(), folder)
        self.folder = folder
        self.erp = Slow(folder)
        self.erp.errors = []
        self.desk = FakeDesk(self.erp)
        self.lines: list[Mapping[str, Any]] = []
        self.ending = Ending()

    def work(self) -> None:
        Worker(self.erp, self.desk, self.lines.append, self.ending).run(once=True)

    def previewed(self, **options: Any) -> dict[str, str]:
        """Digests of what is shown of each customer once everybody was looked at."""
        self.desk.ask("preview", **options)
        self.work()
        return {one: page["digest"] for one, page in self.desk.pages.items() if page["digest"]}

    def bill(self, *customers: str, **seen: str) -> str:
        """What comes of creating what is shown of ``customers``, or of ``seen``."""
        shown = {one: self.desk.pages[one]["digest"] for one in customers}
        id_ = self.desk.ask("bill", [Wish(*pair) for pair in {**shown, **seen}.items()])
        self.work()
        assert self.desk.state[id_] == "done", self.desk.outcome[id_]
        return self.desk.outcome[id_]

    def on_record(self) -> list[str]:
        """Customers of whom the demo's ledger has more than at first."""
        book = BookSource(self.folder).read(AS_OF)
        owners = {contract.code: contract.customer for contract in book.contracts}
        return sorted({owners[row.key.contract] for row in book.ledger} - {"c13"})

    def log_more(self, customer: str) -> None:
        """Somebody logs an hour for ``customer`` on a ticket of its."""
        path = self.folder / "entries.csv"
        head, *rows = path.read_text(encoding="utf-8").splitlines()
        book = BookSource(self.folder).read(AS_OF)
        mine = next(
            entry
            for entry in reversed(book.entries)
            if book.customer_of(entry) == customer and entry.date < AS_OF
        )
        row = next(row for row in rows if row.startswith(f"{mine.id},"))
        path.write_text("\n".join([head, *rows, row.replace(mine.id, "e99999", 1), ""]))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "book")


# --- previews -------------------------------------------------------------------------------------


def test_a_preview_of_all_shows_every_customer(place: Place) -> None:
    shown = place.previewed()
    result = preview(BookSource(place.folder), Options(AS_OF, record=True))
    # Of whom there is nothing to be seen nothing is told.
    whole = {customer: one.shown for customer, one in wholes(result).items()}
    assert shown == {customer: digest for customer, digest in whole.items() if customer != EMPTY}
    assert set(place.desk.pages) == {"", *result.customers} - {EMPTY}
    assert place.desk.outcome == {1: "19 customers looked at."}
    (line,) = place.lines
    assert {**line, "seconds": 0} == {
        "event": "request", "id": 1, "kind": "preview", "as_of": "2026-07-01", "customers": "all",
        "seconds": 0, "state": "done", "outcome": "19 customers looked at.",
    }  # fmt: skip
    assert place.on_record() == []


def test_a_preview_of_one_shows_the_same_as_one_of_all(place: Place) -> None:
    shown = place.previewed()
    place.desk.pages.clear()
    assert place.previewed(wishes=[Wish("c9"), Wish("c5")]) == {
        "c5": shown["c5"], "c9": shown["c9"],
    }  # fmt: skip
    assert set(place.desk.pages) == {"c5", "c9"}
    assert place.desk.outcome[2] == "2 customers looked at."


def test_what_is_shown_already_is_not_told_again(place: Place) -> None:
    """And it counts as looked at."""
    shown = place.previewed()
    place.desk.calls.clear()
    assert place.previewed() == shown
    assert place.desk.calls.count("report") == 0
    assert place.desk.outcome[2] == "19 customers looked at."
    place.desk.pages["c9"] = {"digest": "", "lines": []}
    assert place.previewed() == shown
    assert place.desk.calls.count("report") == 1
    assert place.desk.outcome[3] == "19 customers looked at."


def test_who_is_no_customer_any_more_is_shown_as_empty(place: Place) -> None:
    place.desk.pages["gone"] = {"digest": "1", "lines": [1]}
    place.previewed(wishes=[Wish("gone")])
    assert place.desk.pages == {"gone": {"digest": "", "lines": []}}


def test_what_the_desk_does_not_take_does_not_stop_the_others(place: Place) -> None:
    def refuse(time: int) -> None:
        if time == 3:
            raise Refused("contract-missing", "Café Ahorn has no contract X any more.")

    place.desk.hooks["report"] = refuse
    place.previewed()
    assert len(place.desk.pages) == 19
    (said,) = place.desk.outcome.values()
    assert said.startswith("18 customers looked at. ")
    assert said.endswith(" is not shown: Café Ahorn has no contract X any more.")


def test_told_to_end_while_it_shows_the_rest_is_shown_by_the_next(place: Place) -> None:
    """What is shown by then stays. Once all are shown the request is done, and not begun anew."""

    def end(at: int) -> Callable[[int], None]:
        return lambda time: place.ending.set() if time == at else None

    place.desk.hooks["report"] = end(3)
    id_ = place.desk.ask("preview")
    place.work()
    assert place.desk.state[id_] == "waiting"
    assert len(place.desk.pages) == 3
    place.ending, place.desk.hooks = Ending(), {}
    place.work()
    assert place.desk.outcome == {id_: "19 customers looked at."}
    assert place.desk.calls.count("report") == 20
    place.desk.pages.clear()
    place.desk.calls.clear()
    place.desk.hooks["report"] = end(20)
    id_ = place.desk.ask("preview")
    place.work()
    assert place.desk.outcome[id_] == "19 customers looked at."


def test_it_tells_how_many_are_shown(place: Place) -> None:
    place.previewed()
    place.desk.pages.pop("c5")
    place.desk.pages.pop("c9")
    place.desk.ask("preview")
    told: list[tuple[int, int]] = []
    tick = lambda done, total: told.append((done, total))  # noqa: E731
    Worker(place.erp, place.desk, place.lines.append, tick=tick).run(once=True)
    assert [one for one in told if one[1] == 20][-3:] == [(0, 20), (18, 20), (19, 20)]


# --- drafts ---------------------------------------------------------------------------------------


def test_what_was_seen_is_written_and_nothing_else(place: Place) -> None:
    place.previewed()
    assert place.bill("c5", "c9") == "Drafts written for 2 of 2 customers."
    assert place.on_record() == ["c5", "c9"]
    assert [one.state for one in place.desk.requests[2].wishes] == ["written", "written"]
    assert place.desk.batches == ["request-2", "request-2"]
    # What is shown now is what is left.
    assert place.desk.pages["c5"] == {"digest": "", "lines": []}
    assert place.bill("c5", "c9") == (
        "Drafts written for 0 of 2 customers. 2 have nothing to be written."
    )
    assert place.desk.said["c5"] == ("nothing", "There is nothing to be written.")


def test_what_has_changed_is_shown_and_not_written(place: Place) -> None:
    before = place.previewed()
    place.log_more("c9")
    assert place.bill("c5", "c9") == (
        "Drafts written for 1 of 2 customers. 1 has changed since it was shown."
    )
    assert place.on_record() == ["c5"]
    assert place.desk.said["c9"] == (
        "changed", "The facts have changed since: 7 lines, 3,283.13 GBP; was 7 lines, 1.00 EUR",
    )  # fmt: skip
    assert place.desk.pages["c9"]["digest"] not in ("", before["c9"])
    # Now that she has seen it, it is written.
    assert place.bill("c9") == "Drafts written for 1 of 1 customer."
    assert place.on_record() == ["c5", "c9"]


def test_what_was_never_seen_is_not_written(place: Place) -> None:
    place.previewed()
    assert place.bill(c9="") == (
        "Drafts written for 0 of 1 customer. 1 has changed since it was shown."
    )
    assert place.desk.said["c9"][1].endswith("; was nothing")
    assert place.on_record() == []


def test_where_nothing_is_left_of_what_was_seen_that_is_said(place: Place) -> None:
    seen = place.previewed()
    place.bill("c9")
    place.desk.pages.clear()
    assert place.bill(c9=seen["c9"]) == (
        "Drafts written for 0 of 1 customer. 1 has changed since it was shown."
    )
    assert place.desk.said["c9"] == ("changed", "The facts have changed since: nothing")


def test_a_customer_with_an_error_is_refused_with_it(place: Place) -> None:
    seen = place.previewed()
    path = place.folder / "contracts.yaml"
    text = path.read_text(encoding="utf-8")
    contract = next(
        one for one in BookSource(place.folder).read(AS_OF).contracts if one.customer == "c9"
    )
    plan = contract.terms[0].plan
    at = text.index(f"plan: {plan}", text.index(contract.code))
    path.write_text(text[:at] + text[at:].replace(f"plan: {plan}", "plan: nonsense", 1))
    assert place.bill(c5=seen["c5"], c9=seen["c9"]) == (
        "Drafts written for 1 of 2 customers. 1 was refused."
    )
    state, said = place.desk.said["c9"]
    assert state == "refused"
    assert 'has no plan "nonsense"' in said
    assert place.on_record() == ["c5"]


def test_what_bill_refuses_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.previewed()

    def refuse(application: Application, book: Book, refresh: bool = False) -> Applied:
        if application.customer == "c9":
            raise Refused("seq-moved", "Something has changed.", "run it again")
        return BookSource.apply(place.erp, application, book, refresh)

    monkeypatch.setattr(place.erp, "apply", refuse)
    assert place.bill("c9", "c5") == "Drafts written for 1 of 2 customers. 1 was refused."
    assert place.desk.said["c9"] == ("refused", "Something has changed: run it again")
    assert place.on_record() == ["c5"]


def test_a_request_that_was_begun_is_ended(place: Place) -> None:
    """Another program had it and died: what it wrote stays, the rest is done."""
    seen = place.previewed()
    place.bill("c5")
    wishes = [Wish("c5", seen["c5"], "written"), Wish("c9", seen["c9"])]
    id_ = place.desk.ask("bill", wishes)
    place.work()
    assert place.desk.outcome[id_] == "Drafts written for 2 of 2 customers."
    assert place.on_record() == ["c5", "c9"]


# --- ends before the end --------------------------------------------------------------------------


def test_cancelled_half_way_the_rest_is_not_written(place: Place) -> None:
    place.previewed()
    customers = ("c1", "c5", "c9")
    wishes = [Wish(one, place.desk.pages[one]["digest"]) for one in customers]
    id_ = place.desk.ask("bill", wishes)

    def cancel(time: int) -> None:
        if time == 2:
            place.desk.cancel(id_)

    place.desk.hooks["apply"] = cancel
    place.work()
    assert len(place.on_record()) == 1
    assert place.desk.state[id_] == "cancelled"
    assert place.lines[-1]["gone"] is True
    assert place.lines[-1]["outcome"] == "Cancelled. Drafts written for 1 customer stay."


def test_cancelled_while_it_computes(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PULSE", 0.0)
    id_ = place.desk.ask("preview")
    read = BookSource.read

    def slow(self: Any, until: date, customers: Any = None) -> Book:
        place.desk.cancel(id_)
        before = place.desk.calls.count("progress")
        while place.desk.calls.count("progress") == before:
            pass
        return read(self, until, customers)

    monkeypatch.setattr(BookSource, "read", slow)
    place.work()
    assert place.desk.pages == {}
    assert place.lines[-1]["state"] == "cancelled"
    assert place.lines[-1]["outcome"] == "Cancelled."


def test_told_to_end_it_gives_the_request_back_after_the_customer_in_hand(place: Place) -> None:
    place.previewed()
    wishes = [Wish(one, place.desk.pages[one]["digest"]) for one in ("c1", "c5", "c9")]
    id_ = place.desk.ask("bill", wishes)
    place.desk.hooks["apply"] = lambda time: place.ending.set()
    place.work()
    assert place.desk.state[id_] == "waiting"
    assert [one.state for one in place.desk.requests[id_].wishes].count("written") == 1
    # The next program does the rest.
    place.ending, place.desk.hooks = Ending(), {}
    place.work()
    assert place.desk.outcome[id_] == "Drafts written for 3 of 3 customers."
    assert place.on_record() == ["c1", "c5", "c9"]


def test_where_the_erp_is_lost_the_request_is_done_later(place: Place) -> None:
    id_ = place.desk.ask("preview")
    place.erp.errors = [CLEAR]
    place.work()
    assert place.desk.state[id_] == "done"
    assert [line["state"] for line in place.lines] == ["waiting", "done"]
    assert place.erp.reads == 2


def test_a_request_that_always_loses_the_erp_fails(place: Place) -> None:
    id_ = place.desk.ask("preview")
    place.erp.errors = [CLEAR] * 9
    place.work()
    assert place.erp.reads == work.TRIES
    assert place.desk.state[id_] == "failed"
    assert place.desk.outcome[id_] == f"{CLEAR.message}: {CLEAR.hint}"


def test_lost_while_writing_what_was_written_stays(place: Place) -> None:
    place.previewed()
    wishes = [Wish(one, place.desk.pages[one]["digest"]) for one in ("c1", "c5", "c9")]
    id_ = place.desk.ask("bill", wishes)

    def lose(time: int) -> None:
        if time == 2:
            raise CLEAR

    place.desk.hooks["apply"] = lose
    place.work()
    assert [line["state"] for line in place.lines[-2:]] == ["waiting", "done"]
    assert place.desk.outcome[id_] == "Drafts written for 3 of 3 customers."
    assert place.on_record() == ["c1", "c5", "c9"]


def test_who_may_not_is_told_what_to_do(place: Place) -> None:
    place.previewed()
    wishes = [Wish(one, place.desk.pages[one]["digest"]) for one in ("c1", "c5")]
    id_ = place.desk.ask("bill", wishes)

    def refuse(time: int) -> None:
        raise ErpError("user bot may not write drafts", "add the user to a group")

    place.desk.hooks["apply"] = refuse
    place.work()
    assert place.desk.state[id_] == "failed"
    name = BookSource(place.folder).read(AS_OF).customers["c1"].name
    assert place.desk.outcome[id_] == (
        f"user bot may not write drafts; that was while writing {name}: add the user to a group."
        " Nothing was written."
    )


def test_bad_input_is_told_with_its_place(place: Place) -> None:
    (place.folder / "entries.csv").write_text("id,nonsense\n")
    id_ = place.desk.ask("preview")
    place.work()
    assert place.desk.state[id_] == "failed"
    assert place.desk.outcome[id_] == (
        'entries.csv:1: column "date" is missing (2 more problems): add it to the first line, and'
        " its values to every row"
    )


def test_a_mistake_of_our_own_ends_one_request(place: Place) -> None:
    id_, next_ = place.desk.ask("preview"), place.desk.ask("preview")
    place.erp.errors = [KeyError("x")]
    place.work()
    assert place.desk.state == {id_: "failed", next_: "done"}
    assert place.desk.outcome[id_] == (
        "This is a mistake in Klausel (KeyError: 'x'); no customer is half written. Report it with"
        " what the program's log says."
    )
    assert "KeyError" in place.lines[0]["trace"]
    assert "trace" not in place.lines[1]


# --- when to ask ----------------------------------------------------------------------------------


def test_it_asks_again_with_growing_pauses_until_the_erp_is_back(place: Place) -> None:
    def lose(time: int) -> None:
        if time <= 8:
            raise CLEAR

    place.desk.hooks["next"] = lose
    place.desk.ask("preview")
    ending = Waits(9)
    Worker(place.erp, place.desk, place.lines.append, ending).run()
    assert ending.pauses == [1, 2, 4, 8, 16, 32, 60, 60, 0.5]
    said = f"{CLEAR.message}: {CLEAR.hint}"
    assert place.lines[0] == {"event": "waiting", "seconds": 1.0, "why": said}
    assert place.lines[8] == {"event": "connected"}
    assert place.lines[9]["state"] == "done"


def test_once_it_says_that_the_erp_cannot_be_reached(place: Place) -> None:
    def lose(time: int) -> None:
        raise CLEAR

    place.desk.hooks["next"] = lose
    with pytest.raises(LostError):
        place.work()


def test_where_nobody_asks_the_pauses_grow(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "QUIET", -1.0)
    ending = Waits(40)
    Worker(place.erp, place.desk, place.lines.append, ending).run()
    assert ending.pauses[:2] == [0.5, 0.55]
    assert ending.pauses[-1] == 2.0
    assert place.lines == []


def test_many_requests_need_no_more_memory_than_a_few(
    place: Place, request: pytest.FixtureRequest
) -> None:
    def size() -> int:
        """Megabytes."""
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * 4 // 1024

    sizes, each = [], 50 if request.config.getoption("--soak") else 5
    for _ in range(4):
        for _ in range(each):
            place.desk.ask("preview", [Wish("c9")])
        place.work()
        place.desk.requests.clear()
        sizes.append(size())
    count(f"requests, and megabytes after each quarter of them: {sizes}", 4 * each)
    assert sizes[-1] - sizes[0] < 50, sizes


def test_a_mistake_while_asking_does_not_end_the_program(place: Place) -> None:
    def fail(time: int) -> None:
        if time == 1:
            raise KeyError("x")

    place.desk.hooks["next"] = fail
    place.desk.ask("preview", [Wish("c9")])
    ending = Waits(2)
    Worker(place.erp, place.desk, place.lines.append, ending).run()
    assert [line["event"] for line in place.lines] == [
        "mistake", "waiting", "connected", "request",
    ]  # fmt: skip


def test_a_book_has_no_requests(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["work", "--book", str(place.folder)]) == 2
    assert capsys.readouterr().err == (
        "--book: error: a book has no requests\n    give --odoo: requests are made in Odoo\n"
    )
