"""``klausel work`` beside a real Odoo: what is shown is what is written, whatever happens."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from klausel.model import Book
from klausel.port import Application, Applied, Refused, Request
from klausel.problems import ErpError
from klausel.result import Result
from klausel_odoo import OdooDesk, OdooSource
from klausel_run.bill import wholes
from klausel_run.preview import Options, preview
from klausel_run.work import Ending, Worker
from tests.counts import count
from tests.killing import klausel

from . import scene
from .customers import FEE, MONTH, POLICIES, ROOT, Party, empty, environment, on_record, populate
from .rpc import Rpc
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

PASSWORD = "a-word-1"
REQUEST, PREVIEW = "klausel.request", "klausel.preview"
CODES = ("ONE", "TWO", "THREE", "FOUR")
#: The first day of months: what each customer owes on it is known.
MARCH = "2024-03-01"


class Hooked(OdooDesk):
    """Calls ``hooks`` before it asks."""

    hooks: dict[str, Any]

    def _call(self, name: str, at: Any = None) -> None:
        hook = self.__dict__.get("hooks", {}).get(name)
        if hook is not None:
            hook(at)

    def apply(self, request: Request, application: Application, book: Book, last: bool) -> Applied:
        self._call("apply", application.customer)
        return super().apply(request, application, book, last)

    def done(self, request: Request, state: str, outcome: str) -> None:
        self._call("done", state)
        super().done(request, state, outcome)


class Place(NamedTuple):
    server: Server
    odoo: Odoo
    admin: Rpc
    bot: Odoo
    """The connector's own account."""
    parties: dict[str, Party]

    def sql(self, text: str) -> list[tuple[str | None, ...]]:
        return self.server.psql(self.odoo.database, text)

    def source(self, policies: Path = POLICIES) -> OdooSource:
        return scene.source(self.bot, policies=policies)

    def work(
        self,
        name: str = "one",
        policies: Path = POLICIES,
        ending: Ending | None = None,
        **hooks: Any,
    ) -> list[Mapping[str, Any]]:
        """Does all that waits; the lines of the log."""
        lines: list[Mapping[str, Any]] = []
        source = self.source(policies)
        desk = Hooked(source, name)
        desk.hooks = hooks
        try:
            Worker(source, desk, lines.append, ending).run(once=True)
        finally:
            desk.close()
            source.close()
        return lines

    # --- as people

    def ask(
        self, kind: str, *codes: str, as_of: str = MARCH, seen: bool = True, adjust: bool = False
    ) -> int:
        """A request of some day, as the buttons make it as of today."""
        ((id_,),) = self.sql(
            "INSERT INTO klausel_request (kind, state, company_id, as_of, adjust, cancel)"
            f" VALUES ('{kind}', 'waiting', 1, '{as_of}', {adjust}, false) RETURNING id"
        )
        for code in codes:
            customer = self.parties[code].customer
            print_ = self.shown(code)["fingerprint"] if kind == "bill" and seen else ""
            self.sql(
                "INSERT INTO klausel_request_customer"
                " (request_id, company_id, partner_id, state, seen)"
                f" VALUES ({id_}, 1, {customer}, 'waiting', '{print_ or ''}')"
            )
        return int(id_ or 0)

    def preview(self, *codes: str, as_of: str = MARCH) -> list[Mapping[str, Any]]:
        self.ask("preview", *codes, as_of=as_of)
        return self.work()

    def bill(self, *codes: str, as_of: str = MARCH) -> str:
        """What comes of writing what is shown."""
        id_ = self.ask("bill", *codes, as_of=as_of)
        self.work()
        return self.outcome(id_)

    # --- what is there

    def request(self, id_: int) -> dict[str, Any]:
        return dict(self.admin.call(REQUEST, "read", [id_])[0])

    def outcome(self, id_: int) -> str:
        found = self.request(id_)
        return f"{found['state']}: {found['outcome']}"

    def said(self, id_: int) -> dict[str, tuple[str, str]]:
        rows = self.admin.call(
            "klausel.request.customer", "search_read", [("request_id", "=", id_)]
        )
        codes = {party.customer: code for code, party in self.parties.items()}
        return {codes[row["partner_id"][0]]: (row["state"], row["said"] or "") for row in rows}

    def shown(self, code: str) -> dict[str, Any]:
        domain = [("partner_id", "=", self.parties[code].customer)]
        (row,) = self.admin.call(PREVIEW, "search_read", domain)
        return dict(row)

    def lines(self, code: str) -> list[dict[str, Any]]:
        domain = [("partner_id", "=", self.parties[code].customer)]
        return list(self.admin.call("klausel.preview.line", "search_read", domain))

    def drafts(self) -> dict[str, list[Decimal]]:
        return on_record(self.server, self.odoo)[0]

    def log_hour(self, code: str, day: str = "2024-02-20", hours: float = 1.0) -> int:
        party = self.parties[code]
        (employee,) = self.admin.call("hr.employee", "search", [("name", "=", "Bo")], limit=1)
        values = {
            "name": "More", "project_id": party.project, "date": day, "unit_amount": hours,
            "employee_id": employee,
        }  # fmt: skip
        (id_,) = self.admin.call("account.analytic.line", "create", [values])
        return int(id_)


@pytest.fixture
def place(odoo_server: Server) -> Iterator[Place]:
    found = new_place(odoo_server)
    yield found
    odoo_server.drop(found.odoo.database)


def new_place(server: Server, codes: tuple[str, ...] = CODES, months: int = 4) -> Place:
    odoo = server.clone()
    empty(server, odoo)
    admin = Rpc(odoo)
    parties = populate(server, odoo, codes, months=months)
    server.psql(odoo.database, "UPDATE res_company SET klausel_nightly_hour = -1")
    values = {
        "name": "bot", "login": "bot", "password": PASSWORD, "company_id": 1,
        "company_ids": [(6, 0, [1])],
        "group_ids": [(6, 0, [admin.ref("klausel_billing.group_connector")])],
    }  # fmt: skip
    admin.call("res.users", "create", [values])
    bot = dataclasses.replace(odoo, login="bot", password=PASSWORD)
    return Place(server, odoo, admin, bot, parties)


def by_cli(place: Place, as_of: str = MARCH) -> Result:
    return preview(place.source(), Options(date.fromisoformat(as_of)))


def as_told(result: Result) -> Counter[tuple[Any, ...]]:
    """Lines of a preview by the command."""
    return Counter(
        (
            draft.customer, draft.key, str(line.key), line.description,
            str(line.amount if draft.kind == "invoice" else -line.amount), draft.currency,
        )
        for draft in result.drafts
        for line in draft.lines
    )  # fmt: skip


def as_stored(place: Place) -> Counter[tuple[Any, ...]]:
    """Lines as people see them in Odoo."""
    rows = place.sql(
        "SELECT l.partner_id, l.draft, l.key, l.name, l.amount, c.name FROM klausel_preview_line l"
        " JOIN res_currency c ON c.id = l.currency_id"
    )
    return Counter(
        (str(row[0]), row[1], row[2], row[3], f"{Decimal(row[4] or 0):.2f}", row[5]) for row in rows
    )


def as_to_be_written(place: Place) -> Counter[tuple[Any, ...]]:
    """What is stored, as lines of drafts have it: with their marks."""
    rows = place.sql("SELECT partner_id, name, mark, amount FROM klausel_preview_line")
    return Counter(
        (str(row[0]), f"{row[1]} {row[2] or ''}".rstrip(), f"{Decimal(row[3] or 0):.2f}")
        for row in rows
    )


def as_written(place: Place) -> Counter[tuple[Any, ...]]:
    """Lines of the drafts."""
    rows = place.sql(
        "SELECT m.commercial_partner_id, l.name,"
        " CASE WHEN m.move_type = 'out_refund' THEN -l.price_subtotal ELSE l.price_subtotal END"
        " FROM account_move_line l JOIN account_move m ON m.id = l.move_id"
        " WHERE m.klausel_run_id IS NOT NULL AND l.display_type = 'product'"
    )
    return Counter((str(row[0]), row[1], f"{Decimal(row[2] or 0):.2f}") for row in rows)


def whole_previews(place: Place) -> list[str]:
    """Previews whose head is not what stands below it."""
    rows = place.sql(
        "SELECT p.id FROM klausel_preview p WHERE"
        " COALESCE(p.line_count, 0) <>"
        "   (SELECT count(*) FROM klausel_preview_line l WHERE l.preview_id = p.id)"
        " OR COALESCE(p.draft_count, 0) <> (SELECT count(DISTINCT draft)"
        "   FROM klausel_preview_line l WHERE l.preview_id = p.id)"
        " OR COALESCE(p.held_hours, 0) <> (SELECT COALESCE(sum(worked), 0)"
        "   FROM klausel_preview_part t WHERE t.preview_id = p.id AND t.state = 'held')"
        " OR (p.fingerprint IS NULL AND p.line_count > 0)"
    )
    return [str(row[0]) for row in rows]


# --- what is shown is what is written -------------------------------------------------------------


def test_shown_and_written_are_the_same(place: Place) -> None:
    (line,) = place.preview()
    assert line["outcome"] == "4 customers looked at."
    result = by_cli(place)
    assert as_stored(place) == as_told(result)
    for code in CODES:
        shown = place.shown(code)
        mine = str(place.parties[code].customer)
        total = sum(draft.total for draft in result.drafts if draft.customer == mine)
        assert Decimal(str(shown["amount"])) == total
        assert (shown["stale"], shown["as_of"], shown["draft_count"]) == (False, MARCH, 1)
    # One by one it is the same.
    before = as_stored(place), {code: place.shown(code)["fingerprint"] for code in CODES}
    for code in CODES:
        place.preview(code)
    assert (as_stored(place), {c: place.shown(c)["fingerprint"] for c in CODES}) == before
    wanted = as_to_be_written(place)
    assert place.bill(*CODES) == "done: Drafts written for 4 of 4 customers."
    assert as_written(place) == wanted
    assert place.drafts() == {f"Shop {code}": [FEE + 2 * MONTH] for code in CODES}
    # All of it is one run.
    (run,) = place.admin.call("klausel.batch", "search_read", [], ["run_ids"])
    assert len(run["run_ids"]) == len(CODES)
    # What is shown now is what is left.
    assert as_stored(place) == Counter()
    assert [place.shown(code)["stale"] for code in CODES] == [False] * 4
    assert whole_previews(place) == []


def test_only_who_was_chosen_is_written(place: Place) -> None:
    place.preview()
    assert place.bill("TWO") == "done: Drafts written for 1 of 1 customer."
    assert place.drafts() == {"Shop TWO": [FEE + 2 * MONTH]}
    assert place.shown("TWO")["line_count"] == 0
    assert place.shown("ONE")["line_count"] > 0


def test_changed_since_nothing_is_written_and_the_new_is_shown(place: Place) -> None:
    place.preview()
    before = place.shown("ONE")
    id_ = place.ask("bill", "ONE", "TWO")
    place.log_hour("ONE")
    assert place.shown("ONE")["stale"] is True
    place.work()
    assert place.outcome(id_) == (
        "done: Drafts written for 1 of 2 customers. 1 has changed since it was shown."
    )
    assert place.said(id_) == {
        "ONE": (
            "changed",
            "The facts have changed since: 5 lines, 472.50 USD; was 5 lines, 384.00 USD",
        ),
        "TWO": ("written", ""),
    }
    assert place.drafts() == {"Shop TWO": [FEE + 2 * MONTH]}
    now = place.shown("ONE")
    assert now["fingerprint"] not in ("", before["fingerprint"])
    assert (now["stale"], now["amount"]) == (False, 472.5)
    assert place.bill("ONE") == "done: Drafts written for 1 of 1 customer."


def test_changed_while_it_is_written_it_is_refused(place: Place) -> None:
    place.preview()
    id_ = place.ask("bill", "ONE", "TWO")
    hours = []

    def log(customer: str) -> None:
        if customer == str(place.parties["ONE"].customer):
            domain = [("project_id", "=", place.parties["ONE"].project)]
            entry = place.admin.call("account.analytic.line", "search", domain, order="id", limit=1)
            place.admin.call("account.analytic.line", "write", entry, {"unit_amount": 7})
            hours.append(entry)

    place.work(apply=log)
    assert hours
    state, said = place.said(id_)["ONE"]
    assert state == "refused"
    assert " has changed since it was read" in said
    assert place.drafts() == {"Shop TWO": [FEE + 2 * MONTH]}
    assert place.shown("ONE")["stale"] is False


def test_nothing_to_write_is_said(place: Place) -> None:
    place.preview()
    place.bill("ONE")
    id_ = place.ask("bill", "ONE")
    place.work()
    assert place.said(id_) == {"ONE": ("nothing", "There is nothing to be written.")}
    assert place.outcome(id_) == (
        "done: Drafts written for 0 of 1 customer. 1 has nothing to be written."
    )


def test_doctor_says_who_works(place: Place) -> None:
    def said() -> str:
        (found,) = (one.said for one in place.source().checks() if one.name == "worker")
        return found

    start = "to have requests of people done, start klausel work --odoo beside Odoo"
    assert said() == f"none runs; {start}"
    place.work()
    assert re.fullmatch(r"one, seen [0-9]+ seconds ago", said())
    place.sql("UPDATE klausel_worker SET seen_on = '2026-01-02 03:04:05'")
    assert said() == f"none runs, the last was one on 2026-01-02 03:04 UTC; {start}"


# --- what goes wrong ------------------------------------------------------------------------------


def test_cancelled_half_way(place: Place) -> None:
    place.preview()
    id_ = place.ask("bill", *CODES)
    seen: list[str] = []

    def cancel(customer: str) -> None:
        seen.append(customer)
        if len(seen) == 3:
            place.admin.call(REQUEST, "action_cancel", [id_])

    (line,) = place.work(apply=cancel)
    assert line["outcome"] == "Cancelled. Drafts written for 2 customers stay."
    assert len(place.drafts()) == 2
    assert place.request(id_)["state"] == "cancelled"
    assert place.work() == []


def test_two_workers_do_each_request_once(place: Place) -> None:
    place.preview()
    ids = [place.ask("bill", code) for code in CODES] + [place.ask("preview") for _ in range(3)]
    lines: dict[str, list[Mapping[str, Any]]] = {}

    def work(name: str) -> None:
        lines[name] = place.work(name)

    threads = [threading.Thread(target=work, args=[name]) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = sorted(line["id"] for some in lines.values() for line in some)
    assert done == ids
    assert {line["state"] for some in lines.values() for line in some} == {"done"}
    assert place.drafts() == {f"Shop {code}": [FEE + 2 * MONTH] for code in CODES}
    assert whole_previews(place) == []


def test_two_programs_tell_of_the_same_customers_in_opposite_order(place: Place) -> None:
    """At the same moment: of customers who are shown for the first time, and of such of whom
    somebody else holds the middle one. Neither waits while it holds a customer itself, so that
    nothing has to be broken off."""
    result = by_cli(place)
    digests = {customer: one.shown for customer, one in wholes(result).items()}
    told: dict[str, list[dict[str, bool | Refused]]] = {"one": [], "two": []}
    rounds = 8
    middle = place.parties["TWO"].customer
    turns = itertools.count()
    people: list[threading.Thread] = []

    def set_up() -> None:
        if next(turns) % 2 == 0:
            place.sql("DELETE FROM klausel_preview")
            return
        hold = (
            f"BEGIN; SELECT id FROM klausel_preview WHERE partner_id = {middle} FOR SHARE;"
            " SELECT pg_sleep(1); COMMIT"
        )
        people.append(threading.Thread(target=place.sql, args=[hold]))
        people[-1].start()
        active = (
            "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%sleep(1);%'"
        )
        while not place.sql(f"{active} AND pid <> pg_backend_pid()"):
            pass

    start = threading.Barrier(2, set_up, timeout=60)

    def tell(name: str) -> None:
        with contextlib.closing(place.source()) as source:
            desk = OdooDesk(source, name)
            request = desk.next()
            assert request is not None
            pages = desk.shown(result, digests)
            order = sorted(pages, reverse=name == "two")
            for _ in range(rounds):
                start.wait()
                told[name].append(dict(desk.report(request, {one: pages[one] for one in order})))
            desk.done(request, "failed", "")
            desk.close()

    for _ in told:
        place.ask("preview")
    threads = [threading.Thread(target=tell, args=[name]) for name in told]
    for thread in threads:
        thread.start()
    for thread in (*threads, *people):
        thread.join()
    assert len(people) == rounds / 2
    customers = {"", *(party.customer for party in place.parties.values())}
    for name, answers in told.items():
        assert len(answers) == rounds, name
        for answer in answers:
            assert {int(one or 0) for one in answer} == {int(one or 0) for one in customers}
            assert not any(isinstance(one, Refused) for one in answer.values()), answer
    assert as_stored(place) == as_told(result)
    assert whole_previews(place) == []
    time.sleep(1.5)  # until the server counts what has happened
    ((deadlocks,),) = place.sql(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    assert deadlocks == "0"
    count("customers told of by two programs in opposite order at once", 2 * rounds * 5)


def test_a_user_without_rights_learns_how_to_get_them(place: Place) -> None:
    group = place.admin.ref("klausel_billing.group_connector")
    (bot,) = place.admin.call("res.users", "search", [("login", "=", "bot")])
    place.admin.call("res.users", "write", [bot], {"group_ids": [(3, group)]})
    plain = place.admin.ref("base.group_user")
    place.admin.call("res.users", "write", [bot], {"group_ids": [(4, plain)]})
    place.ask("preview")
    with pytest.raises(ErpError) as caught:
        place.work()
    assert str(caught.value) == (
        "user bot may not read klausel.contract\n"
        '    in Odoo, add the user to the group "Klausel / Connector"'
    )


def test_a_policy_published_in_between_stops_all(place: Place, tmp_path: Path) -> None:
    said = scene.klausel(place.odoo, "publish", "--yes")
    assert said.code == 0, said.err
    place.preview()
    folder = scene.with_sections(tmp_path / "policies")
    file = folder / "it-support/policy.yaml"
    file.write_text(file.read_text() + "\n# edited\n")
    said = scene.klausel(place.odoo, "publish", "--yes", policies=folder)
    assert said.code == 0, said.err
    assert place.shown("ONE")["stale"] is True
    id_ = place.ask("bill", "ONE", "TWO")
    # The program still has the old files.
    place.work()
    state, outcome = place.outcome(id_).split(": ", 1)
    assert state == "failed"
    assert outcome.startswith("nothing was written: policy it-support is published as ")
    assert outcome.endswith("; or use the files that were published. Nothing was written.")
    assert place.drafts() == {}
    # With the new ones the facts are others than were shown.
    id_ = place.ask("bill", "ONE")
    place.work(policies=folder)
    assert place.said(id_)["ONE"][0] == "changed"
    assert place.drafts() == {}


def test_a_customer_merged_in_between_is_not_written(place: Place) -> None:
    place.preview()
    one, two = place.parties["ONE"].customer, place.parties["TWO"].customer
    id_ = place.ask("bill", "ONE", "THREE")
    wizard = place.admin.call(
        "base.partner.merge.automatic.wizard", "create",
        [{"state": "selection", "partner_ids": [(6, 0, [one, two])], "dst_partner_id": two}],
    )  # fmt: skip
    place.admin.call("base.partner.merge.automatic.wizard", "action_merge", wizard)
    (line,) = place.work()
    assert line["state"] == "done"
    assert place.drafts() == {"Shop THREE": [FEE + 2 * MONTH]}
    outcome = place.outcome(id_)
    assert outcome.startswith("done: Drafts written for 1 of "), outcome
    place.preview()
    assert as_stored(place) == as_told(by_cli(place))


def test_told_to_end_it_gives_the_rest_back(place: Place) -> None:
    place.preview()
    id_ = place.ask("bill", *CODES)
    ending = Ending()
    (line,) = place.work(ending=ending, apply=lambda customer: ending.set())
    assert line["state"] == "waiting"
    found = place.request(id_)
    assert (found["state"], found["worker"], found["lease_until"]) == ("waiting", False, False)
    assert len(place.drafts()) == 1
    (line,) = place.work("two")
    assert place.outcome(id_) == "done: Drafts written for 4 of 4 customers."
    assert place.drafts() == {f"Shop {code}": [FEE + 2 * MONTH] for code in CODES}


def test_odoo_restarted_in_the_middle(place: Place) -> None:
    place.preview()
    id_ = place.ask("bill", *CODES)
    times: list[str] = []

    # Odoo dies before the second customer, and is started again by somebody else.
    starter = threading.Event()

    def kill(customer: str) -> None:
        times.append(customer)
        if len(times) == 2:
            place.server.kill()
            starter.set()

    lines: list[Mapping[str, Any]] = []
    thread = threading.Thread(target=lambda: lines.extend(place.work(apply=kill)))
    thread.start()
    assert starter.wait(120)
    time.sleep(2)
    place.server.restart()
    thread.join(240)
    assert not thread.is_alive()
    states = [line["state"] for line in lines if line["event"] == "request"]
    assert states == ["waiting", "done"], lines
    assert place.outcome(id_) == "done: Drafts written for 4 of 4 customers."
    assert place.drafts() == {f"Shop {code}": [FEE + 2 * MONTH] for code in CODES}


def test_a_signal_ends_it_while_it_waits(place: Place) -> None:
    command = [sys.executable, str(ROOT / "cli.py"), *arguments(place, "one")]
    command.remove("--once")
    process = subprocess.Popen(
        command, env=environment(place.bot), stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    assert process.stderr is not None
    started = json.loads(process.stderr.readline())
    assert (started["event"], started["worker"]) == ("started", "one")
    id_ = place.ask("preview", "ONE")
    line = json.loads(process.stderr.readline())
    assert (line["event"], line["id"], line["state"]) == ("request", id_, "done")
    process.terminate()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert [json.loads(one)["event"] for one in said.splitlines()] == ["ended"]
    assert PASSWORD not in json.dumps([started, line])


def test_once_without_odoo_ends_with_3(place: Place) -> None:
    command = [word.replace(place.odoo.url, "http://127.0.0.1:9") for word in arguments(place, "x")]
    ended = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *command],
        env=environment(place.bot), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 3
    assert ended.stderr.splitlines()[1:] == [
        "error: http://127.0.0.1:9 cannot be reached: nothing listens there",
        "    check the URL, the network and that Odoo is running",
    ]


# --- killed ---------------------------------------------------------------------------------------

#: Where the program dies: before or after one of its calls, the ``at``-th time.
STEPS = (
    ("after", "klausel_next", 1), ("before", "klausel_links", 1), ("before", "klausel_apply", 1),
    ("after", "klausel_apply", 2), ("before", "klausel_say", 1), ("after", "klausel_say", 1),
    ("before", "klausel_report", 2), ("after", "klausel_report", 2), ("before", "klausel_done", 1),
    ("after", "klausel_done", 1),
)  # fmt: skip
SOAK = 10


def arguments(place: Place, name: str) -> list[str]:
    return [
        "work", "--odoo", "--once", "--name", name, "--url", place.odoo.url,
        "--database", place.odoo.database, "--login", "bot", "--policies", str(POLICIES),
    ]  # fmt: skip


def kill_everywhere(server: Server, rounds: int) -> None:
    months = rounds * len(STEPS) + 3
    place = new_place(server, CODES[:3], months)
    day = date(2024, 2, 1)
    with klausel(KLAUSEL_ODOO_PASSWORD=PASSWORD, TOLD_AT_ONCE="2") as program:
        billed: dict[str, int] = dict.fromkeys(CODES[:3], 0)
        for number in range(rounds):
            for when, method, at in STEPS:
                place.preview(as_of=str(day))
                changed = CODES[(number + at) % 3]
                id_ = place.ask("bill", *CODES[:3], as_of=str(day))
                place.log_hour(changed, str(day.replace(day=1)), 0)  # a fact, and no money
                place.log_hour(changed, f"2024-01-{10 + number % 10}", 0.25)
                end = program.run(arguments(place, "dead"), f"{when} {method}", at)
                assert end.killed, f"{when} {method}: {end.said}"
                assert whole_previews(place) == [], (when, method)
                count(f"kills of the worker {when} {method}")
                # Nobody hears of it any more.
                place.sql("UPDATE klausel_request SET lease_until = now() - interval '1 day'"
                          " WHERE state = 'running'")  # fmt: skip
                end = program.run(arguments(place, "next"))
                assert end.code == 0, end.said
                found = place.request(id_)
                assert found["state"] == "done", (when, method, found["outcome"])
                for code, (state, _) in place.said(id_).items():
                    assert state == ("changed" if code == changed else "written"), (when, method)
                    billed[code] += state == "written"
                # What changed is written once it was seen.
                assert place.bill(changed, as_of=str(day)) == (
                    "done: Drafts written for 1 of 1 customer."
                )
                billed[changed] += 1
                drafts, bad = on_record(place.server, place.odoo)
                assert not bad, (when, method, bad)
                assert {name: len(some) for name, some in drafts.items()} == {
                    f"Shop {code}": times for code, times in billed.items()
                }, (when, method)
                assert whole_previews(place) == [], (when, method)
                day = day.replace(month=day.month % 12 + 1, year=day.year + day.month // 12)
    place.server.drop(place.odoo.database)


def test_killed_at_every_step(odoo_server: Server) -> None:
    kill_everywhere(odoo_server, 1)


@pytest.mark.soak
def test_killed_a_hundred_times(odoo_server: Server) -> None:
    assert SOAK * len(STEPS) == 100
    kill_everywhere(odoo_server, SOAK)
