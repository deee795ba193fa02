"""Requests to the program beside Odoo: who gets them, how they end, and what is shown of them."""

from __future__ import annotations

import copy
import dataclasses
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest

from tests.counts import count

from .customers import Party, empty, populate
from .rpc import Refusal, Rpc
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

PASSWORD = "a-word-1"
JULY = "2024-07-01"
REQUEST, PREVIEW = "klausel.request", "klausel.preview"
NOBODY_WORKS = (
    "Nothing is working on requests: start `klausel work --odoo` beside Odoo (docs/odoo.md)."
)


class Desk(NamedTuple):
    server: Server
    odoo: Odoo
    admin: Rpc
    program: Rpc
    """The connector's own account."""
    parties: dict[str, Party]
    other: int
    """Another company."""

    def sql(self, text: str) -> list[tuple[str | None, ...]]:
        return self.server.psql(self.odoo.database, text)

    # --- as the program

    def next(self, worker: str = "one", company: int = 1) -> Any:
        return self.program.call(REQUEST, "klausel_next", company, worker, "1.0")

    def progress(self, id_: int, worker: str = "one") -> bool:
        answer = self.program.call(REQUEST, "klausel_progress", id_, worker, 1, 3, "reading")
        return bool(answer["go_on"])

    def report(
        self, id_: int, party: Party | None, payload: dict[str, Any], worker: str = "one"
    ) -> bool:
        """Whether it is stale already."""
        customers = [told(party.customer if party else False, payload)]
        (answer,) = self.program.call(REQUEST, "klausel_report", id_, worker, customers)
        assert (answer["code"], answer["said"]) == ("", ""), answer
        return bool(answer["stale"])

    def done(self, id_: int, state: str = "done", worker: str = "one", said: str = "") -> None:
        assert self.program.call(REQUEST, "klausel_done", id_, worker, state, said) is True

    def number(self, party: Party) -> int:
        ((found,),) = self.sql(
            "SELECT coalesce(max(number), 0) FROM klausel_revision"
            f" WHERE company_id = 1 AND partner_id = {party.customer}"
        )
        return int(found or 0)

    def show(self, party: Party, as_of: str = "", **more: Any) -> int:
        """A preview of the customer, as of today or ``as_of``; its id."""
        if as_of:
            self.ask(as_of, party)
        else:
            self.admin.call(PREVIEW, "action_refresh_all")
        request = self.next()
        payload = self.payload(party, request["as_of"], **more)
        assert self.report(request["id"], party, payload) is False
        self.done(request["id"], "failed")
        return int(self.preview(party)["id"])

    def ask(self, as_of: str, *parties: Party) -> None:
        """A request of ``as_of``, which people cannot ask for."""
        ids = [party.customer for party in parties]
        self.sql(
            "WITH made AS (INSERT INTO klausel_request (kind, state, company_id, as_of, adjust,"
            f" cancel) VALUES ('preview', 'waiting', 1, '{as_of}', false, false) RETURNING id)"
            " INSERT INTO klausel_request_customer (request_id, company_id, partner_id, state)"
            f" SELECT id, 1, party, 'waiting' FROM made, unnest(ARRAY{ids}::int[]) AS party"
        )

    # --- what is shown

    def preview(self, party: Party | None) -> dict[str, Any]:
        domain = [("partner_id", "=", party.customer if party else False), ("company_id", "=", 1)]
        (row,) = self.admin.call(PREVIEW, "search_read", domain)
        return dict(row)

    def rows(self, model: str, party: Party) -> list[dict[str, Any]]:
        domain = [("partner_id", "=", party.customer)]
        return list(self.admin.call(model, "search_read", domain, order="id"))

    def request(self, id_: int) -> dict[str, Any]:
        return dict(self.admin.call(REQUEST, "read", [id_])[0])

    def entries(self, party: Party) -> list[int]:
        domain = [("project_id", "=", party.project)]
        return list(self.admin.call("account.analytic.line", "search", domain, order="id"))

    def payload(self, party: Party, as_of: str, **more: Any) -> dict[str, Any]:
        """A line with two timesheets, and one of everything else."""
        first, second = self.entries(party)[:2]
        place = {"contract": party.code, "term": "E", "component": "effort"}
        part = {
            **place, "line": "a", "date": "2024-01-06", "state": "billed", "disposition": "charge",
            "rule": "charge.all", "clause": "2.2", "sentence": {"en": "Work is charged.",
            "de": "Arbeit wird berechnet.", "nl": "Werk wordt gefactureerd."}, "due": "2024-02-01",
        }  # fmt: skip
        return {
            "protocol": 2, "as_of": as_of, "seq": self.number(party), "fingerprint": "what is seen",
            "drafts": [
                {"draft": "one", "kind": "invoice", "currency": "USD", "total": "154.87"},
                {"draft": "two", "kind": "credit_note", "currency": "USD", "total": "-10.25"},
                {"draft": "three", "kind": "invoice", "currency": "EUR", "total": "3.5"},
            ],
            "lines": [
                {**place, "key": "a", "draft": "one", "kind": "invoice", "name": "Work\nof a day",
                 "date_from": "2024-01-01", "date_until": "2024-01-31", "quantity": "1.75",
                 "unit": "hour", "price_unit": "88.50", "discount": "0", "amount": "154.88",
                 "currency": "USD", "why": {"en": "Due: a month is over.", "de": "Fällig."}},
                {"key": "b", "draft": "two", "kind": "credit_note", "name": "Back", "quantity": 1,
                 "price_unit": 10.25, "amount": "-10.25", "currency": "USD", "corrects": True},
                {"key": "c", "draft": "three", "kind": "invoice", "name": "In euro",
                 "amount": "3.5", "currency": "EUR"},
            ],
            "parts": [
                {**part, "entry_ref": first, "worked_seconds": 5400, "counted_seconds": 6300},
                {**part, "entry_ref": second, "line": "", "state": "held", "reason": "pending",
                 "worked_seconds": 1800, "counted_seconds": 1800},
                {"entry_ref": second, "state": "uncovered", "reason": "no contract",
                 "worked_seconds": 900, "date": "2024-01-07"},
                {**part, "line": None, "entry_ref": 0, "state": "not_due", "worked_seconds": 3600},
                {**part, "line": "", "entry_ref": first, "state": "drawn", "lot": "2024",
                 "drawn": 1.5, "before": "10", "after": "8.5", "late": True},
            ],
            "balances": [
                {"contract": party.code, "term": "L", "lot": "2024", "unit": "hour", "granted": 10,
                 "drawn": 1.5, "remaining": "8.5", "date_from": "2024-01-01", "date_until": None},
            ],
            "notices": [
                {"contract": party.code, "rule": "lot.low", "period": "2024", "percent": 80,
                 "date": "2024-01-07", "text": "80 % are used", "is_new": True},
            ],
            "problems": [
                {"severity": "note", "code": "a", "text": "Noted", "hint": "", "place": "x"},
                {"severity": "warning", "code": "b", "text": "Look", "hint": "There"},
            ],
            **more,
        }  # fmt: skip


def told(partner: int | bool, payload: Any) -> dict[str, Any]:
    """What is told of a customer."""
    return {"partner_id": partner, "payload": payload}


@pytest.fixture(scope="module")
def whole(odoo_server: Server, odoo: Odoo) -> Iterator[Desk]:
    empty(odoo_server, odoo)
    admin = Rpc(odoo)
    parties = populate(odoo_server, odoo, ["A1", "B2", "C3"])
    (other,) = admin.call("res.company", "create", [{"name": "Elsewhere Ltd"}])
    odoo_server.psql(odoo.database, "UPDATE res_company SET klausel_nightly_hour = -1")
    admin.call("res.users", "write", [admin.user], {"tz": "UTC"})  # today is the same for everybody
    program = user(odoo, admin, "program", ["klausel_billing.group_connector"])
    yield Desk(odoo_server, odoo, admin, program, parties, other)


@pytest.fixture
def desk(whole: Desk) -> Iterator[Desk]:
    """Without requests and previews."""
    yield whole
    whole.sql(
        "DELETE FROM klausel_request; DELETE FROM klausel_preview; DELETE FROM klausel_worker;"
        " UPDATE res_company SET klausel_nightly_hour = -1"
    )


def user(odoo: Odoo, admin: Rpc, login: str, groups: list[str], company: int = 1) -> Rpc:
    values = {
        "name": login, "login": login, "password": PASSWORD, "company_id": company,
        "company_ids": [(6, 0, [company])],
        "group_ids": [(6, 0, [admin.ref(name) for name in groups])],
    }  # fmt: skip
    admin.call("res.users", "create", [values])
    return Rpc(dataclasses.replace(odoo, login=login, password=PASSWORD))


def refused(who: Rpc, model: str, method: str, *arguments: Any, **named: Any) -> str:
    with pytest.raises(Refusal) as refusal:
        who.call(model, method, *arguments, **named)
    assert refusal.value.kind in ("UserError", "AccessError"), str(refusal.value)
    return refusal.value.message


# --- asking ---------------------------------------------------------------------------------------


def test_nothing_is_asked_for_where_nobody_works(desk: Desk) -> None:
    assert refused(desk.admin, PREVIEW, "action_refresh_all") == NOBODY_WORKS
    assert desk.next() is False
    desk.admin.call(PREVIEW, "action_refresh_all")
    assert desk.next()["kind"] == "preview"
    nobody = desk.preview(None)
    assert (nobody["stale"], nobody["computed_on"], nobody["draft_count"]) == (True, False, 0)
    desk.sql("UPDATE klausel_worker SET seen_on = seen_on - interval '61 seconds'")
    before = desk.sql("SELECT count(*) FROM klausel_request")
    assert refused(desk.admin, PREVIEW, "action_refresh", [nobody["id"]]) == NOBODY_WORKS
    assert refused(desk.admin, PREVIEW, "action_refresh_all") == NOBODY_WORKS
    assert desk.sql("SELECT count(*) FROM klausel_request") == before
    # A long step is a sign of life, too.
    ((id_,),) = desk.sql("SELECT id FROM klausel_request")
    assert desk.progress(int(id_ or 0)) is True
    desk.admin.call(PREVIEW, "action_refresh_all")


def test_the_oldest_comes_first_and_the_same_is_asked_once(desk: Desk) -> None:
    assert desk.next() is False
    a, b, c = (desk.show(party) for party in desk.parties.values())
    today = datetime.now(UTC).date().isoformat()
    desk.admin.call(PREVIEW, "action_refresh", [a, b])
    desk.admin.call(PREVIEW, "action_refresh", [c])
    desk.admin.call(PREVIEW, "action_refresh", [b])  # asked for with the first one already
    desk.admin.call(PREVIEW, "action_refresh", [a], adjust=True)
    desk.admin.call(PREVIEW, "action_refresh_all")
    desk.admin.call(PREVIEW, "action_refresh", [c], adjust=True)
    action = desk.admin.call(PREVIEW, "action_refresh", [a, c])  # all are asked for already?
    ids = {party.code: party.customer for party in desk.parties.values()}
    found = [desk.next() for _ in range(5)]
    assert [[one["partner_id"] for one in request["customers"]] for request in found] == [
        [ids["A1"], ids["B2"]], [ids["C3"]], [ids["A1"]], [], [ids["C3"]],
    ]  # fmt: skip
    assert [request["adjust"] for request in found] == [False, False, True, False, True]
    assert {request["as_of"] for request in found} == {today}
    assert {one["state"] for request in found for one in request["customers"]} == {"waiting"}
    assert action["res_id"] == found[3]["id"]
    assert desk.next() is False
    assert [desk.request(one["id"])["state"] for one in found] == ["running"] * 5


def test_two_programs_never_get_the_same(desk: Desk) -> None:
    assert desk.next() is False
    for _ in range(40):
        desk.ask(JULY)
    got: dict[str, list[int]] = {"one": [], "two": [], "three": []}

    def work(worker: str) -> None:
        rpc = Rpc(dataclasses.replace(desk.odoo, login="program", password=PASSWORD))
        while request := rpc.call(REQUEST, "klausel_next", 1, worker, "1.0"):
            got[worker].append(request["id"])

    threads = [threading.Thread(target=work, args=[worker]) for worker in got]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ids = [int(id_ or 0) for (id_,) in desk.sql("SELECT id FROM klausel_request ORDER BY id")]
    assert sorted(id_ for found in got.values() for id_ in found) == ids
    assert len(ids) == 40
    assert all(found == sorted(found) for found in got.values())
    for worker, found in got.items():
        assert {desk.request(id_)["worker"] for id_ in found} <= {worker}
    claims = desk.sql("SELECT count(DISTINCT claim) FROM klausel_request")
    assert claims == [("40",)]
    count("requests handed out to three programs at once", len(ids))


# --- who has it -----------------------------------------------------------------------------------


def test_another_takes_it_when_the_lease_is_over(desk: Desk) -> None:
    desk.next()
    party = desk.parties["A1"]
    desk.show(party)
    bill = ask_to_bill(desk, party)
    assert desk.next("two") is False
    desk.sql("UPDATE klausel_request SET lease_until = now() AT TIME ZONE 'UTC' - interval '1 s'")
    # Nobody else has come: it is still its own.
    assert desk.progress(bill["id"]) is True
    assert desk.next("two") is False
    ((left,),) = desk.sql(
        "SELECT extract(epoch FROM lease_until - now() AT TIME ZONE 'UTC')::int"
        f" FROM klausel_request WHERE id = {bill['id']}"
    )
    assert 290 <= int(left or 0) <= 300
    desk.sql("UPDATE klausel_request SET lease_until = now() AT TIME ZONE 'UTC' - interval '1 s'")
    again = desk.next("two")
    assert again == bill
    assert desk.request(bill["id"])["worker"] == "two"
    assert_gone(desk, bill["id"], party)
    assert desk.progress(bill["id"], "two") is True
    assert desk.progress(bill["id"], "one") is False


def ask_to_bill(desk: Desk, *parties: Party, worker: str = "one") -> dict[str, Any]:
    ids = [desk.preview(party)["id"] for party in parties]
    desk.admin.call(PREVIEW, "action_create_drafts", ids)
    request = desk.next(worker)
    assert request["kind"] == "bill"
    return dict(request)


def assert_gone(desk: Desk, id_: int, party: Party, worker: str = "one") -> None:
    """``worker`` has lost the request: whatever it says is not heard."""
    gone = f"[klausel:request-gone] Request {id_} is not with this program any more."
    shown, before = desk.preview(party), desk.request(id_)
    assert desk.progress(id_, worker) is False
    payload = desk.payload(party, before["as_of"], lines=[], parts=[])
    for method, *arguments in (
        ("klausel_report", [told(party.customer, payload)]),
        ("klausel_unchanged", before["as_of"], []),
        ("klausel_say", party.customer, "nothing", ""),
        ("klausel_done", "failed", "too late"),
        ("klausel_done", "waiting", ""),
    ):
        assert refused(desk.program, REQUEST, method, id_, worker, *arguments) == gone
    data = {**drafts_of(desk, party), "request": id_, "worker": worker}
    assert refused(desk.program, "klausel.contract", "klausel_apply", data) == gone
    assert desk.request(id_) == before
    assert desk.preview(party) == shown
    assert desk.sql("SELECT count(*) FROM klausel_run") == [("0",)]


def drafts_of(desk: Desk, party: Party, key: str = "made up") -> dict[str, Any]:
    """What a program could write for the customer."""
    place = {
        "contract": party.code, "term": "E", "component": "effort", "period": "2024-06-01",
        "group": "88.5",
    }  # fmt: skip
    line = {
        "key": "line", "name": "Work", "product_id": party.product, "quantity": "1",
        "unit": "hour", "price_unit": "88.50", "discount": "0", "from": "2024-06-01",
        "to": "2024-06-30", "contract": party.code, "entries": [],
    }  # fmt: skip
    move = {
        "key": "draft", "move_type": "out_invoice", "currency": "USD", "total": "88.50",
        "lines": [line],
    }  # fmt: skip
    return {
        "protocol": 2, "company_id": 1, "partner_id": party.customer, "seq": desk.number(party),
        "key": f"{key} {party.code}", "as_of": JULY, "fingerprints": {}, "moves": [move],
        "rows": [{**place, "amount": "88.50", "rate": "88.50", "line": "line"}],
    }  # fmt: skip


def test_corrections_are_asked_for_of_some_or_of_everybody(desk: Desk) -> None:
    party = desk.parties["A1"]
    desk.next()
    desk.show(party)
    preview = desk.preview(party)["id"]
    for ids, wanted in (([preview], [party.customer]), ([], [])):
        desk.admin.call(PREVIEW, "action_refresh_corrections", ids)
        request = desk.next()
        assert (request["kind"], request["adjust"]) == ("preview", True)
        assert [one["partner_id"] for one in request["customers"]] == wanted
        desk.done(request["id"])


def test_it_is_cancelled_before_anybody_has_it(desk: Desk) -> None:
    desk.next()
    desk.admin.call(PREVIEW, "action_refresh_all")
    ((id_,),) = desk.sql("SELECT id FROM klausel_request")
    desk.admin.call(REQUEST, "action_cancel", [int(id_ or 0)])
    assert desk.next() is False
    found = desk.request(int(id_ or 0))
    assert found["state"] == "cancelled"
    assert found["ended_on"]
    # Then a new one is made, not the cancelled one found again.
    desk.admin.call(PREVIEW, "action_refresh_all")
    assert desk.next()["id"] > int(id_ or 0)


def test_it_is_cancelled_while_somebody_works_on_it(desk: Desk) -> None:
    desk.next()
    party = desk.parties["A1"]
    desk.show(party)
    bill = ask_to_bill(desk, party)
    assert desk.progress(bill["id"]) is True
    desk.admin.call(REQUEST, "action_cancel", [bill["id"]])
    assert desk.request(bill["id"])["state"] == "running"
    assert desk.progress(bill["id"]) is False
    data = {**drafts_of(desk, party), "request": bill["id"], "worker": "one"}
    assert refused(desk.program, "klausel.contract", "klausel_apply", data) == (
        f"[klausel:request-gone] Request {bill['id']} was cancelled."
    )
    desk.done(bill["id"], "cancelled", said="1 of 3 done")
    found = desk.request(bill["id"])
    assert (found["state"], found["outcome"]) == ("cancelled", "1 of 3 done")
    # A second time, because the first answer was lost.
    desk.done(bill["id"], "cancelled", said="1 of 3 done")
    assert_gone(desk, bill["id"], party)
    # What ended is not cancelled once more.
    desk.admin.call(REQUEST, "action_cancel", [bill["id"]])
    assert desk.request(bill["id"])["ended_on"] == found["ended_on"]


def test_what_was_cancelled_and_nobody_works_on_ends(desk: Desk) -> None:
    desk.next()
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    desk.admin.call(REQUEST, "action_cancel", [request["id"]])
    assert desk.next("two") is False
    assert desk.request(request["id"])["state"] == "running"
    desk.sql("UPDATE klausel_request SET lease_until = now() AT TIME ZONE 'UTC' - interval '1 s'")
    assert desk.next("two") is False
    assert desk.request(request["id"])["state"] == "cancelled"
    assert desk.progress(request["id"]) is False


def test_it_is_given_back(desk: Desk) -> None:
    desk.next()
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    desk.done(request["id"], "waiting", said="ended by SIGTERM")
    found = desk.request(request["id"])
    assert (found["state"], found["worker"], found["outcome"]) == ("waiting", False, False)
    assert desk.next("two") == request
    assert_gone_of_all(desk, request["id"])


def assert_gone_of_all(desk: Desk, id_: int) -> None:
    gone = f"[klausel:request-gone] Request {id_} is not with this program any more."
    assert refused(desk.program, REQUEST, "klausel_done", id_, "one", "done", "") == gone
    assert desk.progress(id_) is False


# --- what is shown --------------------------------------------------------------------------------


def test_a_report_is_shown_whole(desk: Desk) -> None:
    desk.next()
    party = desk.parties["A1"]
    desk.show(party)
    found = desk.preview(party)
    assert {
        name: found[name]
        for name in (
            "stale", "amount", "others", "draft_count", "line_count", "held_count", "held_hours",
            "uncovered_count", "uncovered_hours", "not_due_hours", "problem_count", "has_error",
            "problem", "fingerprint", "adjust", "as_of", "seq", "display_name",
        )
    } == {
        "stale": False, "amount": 144.62, "others": "3.50 EUR", "draft_count": 3, "line_count": 3,
        "held_count": 1, "held_hours": 0.5, "uncovered_count": 1, "uncovered_hours": 0.25,
        "not_due_hours": 1.0, "problem_count": 2, "has_error": False, "problem": "warning",
        "fingerprint": "what is seen", "adjust": False,
        "as_of": datetime.now(UTC).date().isoformat(), "seq": desk.number(party),
        "display_name": party.name,
    }  # fmt: skip
    assert found["currency_id"][1] == "USD"
    first, second = desk.entries(party)
    lines = desk.rows("klausel.preview.line", party)
    assert [
        (line["sequence"], line["amount"], line["currency_id"][1], line["kind"]) for line in lines
    ] == [
        (1, 154.88, "USD", "invoice"), (2, -10.25, "USD", "credit_note"), (3, 3.5, "EUR", "invoice")
    ]  # fmt: skip
    assert lines[0]["name"] == "Work\nof a day"
    assert (lines[0]["quantity"], lines[0]["price_unit"]) == (1.75, 88.5)
    assert lines[0]["contract_id"][0] == party.contract
    assert (lines[1]["contract_id"], lines[1]["corrects"]) == (False, True)
    parts = desk.rows("klausel.preview.part", party)
    assert [(part["state"], part["entry_id"] and part["entry_id"][0]) for part in parts] == [
        ("billed", first), ("held", second), ("uncovered", second), ("not_due", False),
        ("drawn", first),
    ]  # fmt: skip
    assert parts[0]["line_id"][0] == lines[0]["id"]
    assert (parts[0]["worked"], parts[0]["counted"]) == (1.5, 1.75)
    assert (parts[4]["before"], parts[4]["after"], parts[4]["drawn"]) == (10, 8.5, 1.5)
    (balance,) = desk.rows("klausel.balance", party)
    assert (balance["granted"], balance["remaining"], balance["date_until"]) == (10, 8.5, False)
    (notice,) = desk.rows("klausel.notice", party)
    assert (notice["text"], notice["is_new"]) == ("80 % are used", True)
    problems = desk.rows("klausel.problem", party)
    assert [(one["severity"], one["hint"]) for one in problems] == [
        ("note", False), ("warning", "There")
    ]  # fmt: skip
    # In each language that Odoo has.
    (german,) = desk.admin.call(
        "klausel.preview.part", "read", [parts[0]["id"]], ["sentence"], context={"lang": "de_DE"}
    )
    assert german["sentence"] == "Arbeit wird berechnet."
    (dutch,) = desk.admin.call(
        "klausel.preview.line", "read", [lines[0]["id"]], ["why"], context={"lang": "nl_NL"}
    )
    assert dutch["why"] == "Due: a month is over."  # nothing is said of that in Dutch


def test_a_report_replaces_all_of_the_last_one(desk: Desk) -> None:
    desk.next()
    party, another = desk.parties["A1"], desk.parties["B2"]
    desk.show(another)
    shown = desk.show(party)
    kept = below(desk, another)
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    payload = desk.payload(party, request["as_of"], parts=[], balances=[], notices=[], problems=[])
    payload["drafts"] = payload["drafts"][2:]
    payload["lines"] = payload["lines"][2:]
    payload["fingerprint"] = ""
    assert desk.report(request["id"], party, payload) is False
    found = desk.preview(party)
    assert found["id"] == shown
    assert {name: len(rows) for name, rows in below(desk, party).items()} == {
        "klausel.preview.line": 1, "klausel.preview.part": 0, "klausel.balance": 0,
        "klausel.notice": 0, "klausel.problem": 0,
    }  # fmt: skip
    assert (found["amount"], found["currency_id"][1], found["others"]) == (3.5, "EUR", False)
    assert (found["held_count"], found["held_hours"], found["problem"]) == (0, 0, False)
    assert found["fingerprint"] is False
    assert below(desk, another) == kept


def test_what_is_shown_already_is_not_stored_again(desk: Desk) -> None:
    desk.next()
    party, another = desk.parties["A1"], desk.parties["B2"]
    for one in (party, another):
        desk.show(one, content=f"of {one.code}")
    before, rows = desk.preview(party), below(desk, party)
    desk.sql("UPDATE klausel_preview SET computed_on = computed_on - interval '1 day'")
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()

    def same(*asked: tuple[Party | None, str]) -> list[int | bool]:
        customers = [
            {
                "partner_id": one.customer if one else False,
                "content": content,
                "seq": desk.number(one) if one else 0,
            }
            for one, content in asked
        ]
        call = ("klausel_unchanged", request["id"], "one", request["as_of"], customers)
        return [one["partner_id"] for one in desk.program.call(REQUEST, *call)]

    assert same() == []
    assert same((another, "of A1"), (None, ""), (desk.parties["C3"], "of C3"), (party, "")) == []
    assert same((party, "of A1"), (another, "of C3"), (None, "of A1")) == [party.customer]
    after = desk.preview(party)
    told = {"claim": after["claim"], "computed_on": after["computed_on"]}
    assert after == {**before, **told, "write_date": after["write_date"]}
    assert after["claim"] > before["claim"]
    assert after["computed_on"] >= before["computed_on"]
    assert below(desk, party) == rows
    # What changes meanwhile, the program may not have read.
    desk.admin.call("account.analytic.line", "write", desk.entries(party)[:1], {"name": "Other"})
    assert same((party, "of A1")) == [party.customer]
    assert desk.preview(party)["stale"] is True
    desk.done(request["id"])
    assert desk.preview(party)["id"] == before["id"]
    domain = [("partner_id", "=", another.customer)]
    assert desk.admin.call(PREVIEW, "search", domain) == []
    # Taken again, it is up to date; with another number than was read it is not.
    desk.ask(JULY, party)
    request = desk.next()
    assert same((party, "of A1")) == [party.customer]
    found = desk.preview(party)
    assert (found["stale"], found["as_of"]) == (False, JULY)
    (row,) = desk.admin.call(
        "klausel.request.customer", "search_read", [("request_id", "=", request["id"])], ["state"]
    )
    assert row["state"] == "previewed"
    desk.sql(f"UPDATE klausel_revision SET number = number + 1 WHERE partner_id = {party.customer}")
    wrong = [{"partner_id": party.customer, "content": "of A1", "seq": desk.number(party) - 1}]
    call = ("klausel_unchanged", request["id"], "one", JULY, wrong)
    assert desk.program.call(REQUEST, *call) == [{"partner_id": party.customer}]
    assert desk.preview(party)["stale"] is True
    # In one more language all of it is stored anew.
    lang = desk.admin.call(
        "res.lang", "search", [("code", "=", "sv_SE"), ("active", "=", False)],
        context={"active_test": False},
    )  # fmt: skip
    desk.admin.call("res.lang", "write", lang, {"active": True})
    assert same((party, "of A1")) == []
    desk.admin.call("res.lang", "write", lang, {"active": False})
    assert same((party, "of A1")) == [party.customer]


def test_what_went_with_a_contract_is_stored_again(desk: Desk) -> None:
    """The same contract, made again: its rows in the preview are gone."""
    desk.next()
    party = desk.parties["A1"]
    values = {
        "code": "SHORT", "partner_id": party.customer, "date_start": "2024-01-01", "policy": "x",
    }  # fmt: skip

    def make() -> list[int]:
        return list(desk.admin.call("klausel.contract", "create", [values]))

    contract = make()
    notice = {"contract": "SHORT", "rule": "r", "period": "2024", "percent": 80,
              "date": "2024-01-07", "text": "Used", "is_new": True}  # fmt: skip
    desk.show(party, content="once", notices=[notice])
    desk.admin.call("klausel.contract", "unlink", contract)
    again = make()
    assert desk.rows("klausel.notice", party) == []
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    asked = [{"partner_id": party.customer, "content": "once", "seq": desk.number(party)}]
    call = ("klausel_unchanged", request["id"], "one", request["as_of"], asked)
    assert desk.program.call(REQUEST, *call) == []
    desk.admin.call("klausel.contract", "unlink", again)


def below(desk: Desk, party: Party) -> dict[str, list[dict[str, Any]]]:
    models = ("preview.line", "preview.part", "balance", "notice", "problem")
    return {f"klausel.{model}": desk.rows(f"klausel.{model}", party) for model in models}


#: Where in the payload which value stands that is none, and how the refusal calls it.
BAD: list[tuple[tuple[Any, ...], Any, str]] = [
    (("as_of",), "2024-13-01", "as_of"),
    (("as_of",), "1999-01-01", "as_of"),
    (("as_of",), None, "as_of"),
    (("seq",), "many", "seq"),
    (("seq",), -1, "seq"),
    (("seq",), True, "seq"),
    (("fingerprint",), 7, "fingerprint"),
    (("drafts",), None, "drafts"),
    (("drafts", 0, "draft"), "two", "drafts.draft"),
    (("drafts", 0, "draft"), "other", "lines.draft"),
    (("drafts", 0, "kind"), "bill", "drafts.kind"),
    (("drafts", 0, "currency"), "", "drafts.currency"),
    (("drafts", 0, "total"), "1,5", "drafts.total"),
    (("lines",), None, "lines"),
    (("lines",), {"key": "a"}, "lines"),
    (("lines",), ["a"], "lines"),
    (("parts",), "none", "parts"),
    (("balances",), None, "balances"),
    (("notices",), None, "notices"),
    (("problems",), None, "problems"),
    (("more",), [], "more"),
    (("lines", 0, "more"), 1, "lines.more"),
    (("parts", 3, "reson"), "", "parts.reson"),
    (("lines", 0, "key"), "", "lines.key"),
    (("lines", 0, "key"), "b", "lines.key"),
    (("lines", 0, "key"), {"a": 1}, "lines.key"),
    (("lines", 0, "kind"), "bill", "lines.kind"),
    (("lines", 0, "kind"), None, "lines.kind"),
    (("lines", 0, "name"), "a\0b", "lines.name"),
    (("lines", 0, "name"), "\ud800", "lines.name"),
    (("lines", 0, "quantity"), "1,5", "lines.quantity"),
    (("lines", 0, "quantity"), "NaN", "lines.quantity"),
    (("lines", 0, "quantity"), "Infinity", "lines.quantity"),
    (("lines", 0, "amount"), True, "lines.amount"),
    (("lines", 0, "amount"), [1], "lines.amount"),
    (("lines", 0, "amount"), "1e30", "lines.amount"),
    (("lines", 0, "currency"), "", "lines.currency"),
    (("lines", 0, "late"), 1, "lines.late"),
    (("lines", 0, "late"), "yes", "lines.late"),
    (("lines", 0, "sequence"), "1", "lines.sequence"),
    (("lines", 0, "date_from"), "31.01.2024", "lines.date_from"),
    (("lines", 0, "date_from"), 20240131, "lines.date_from"),
    (("lines", 0, "why"), "because", "lines.why"),
    (("lines", 0, "why"), {"en": 1}, "lines.why"),
    (("lines", 0, "why"), {"en": ["x"]}, "lines.why"),
    (("lines", 0, "why"), {"en": "a\0"}, "lines.why"),
    (("parts", 0, "line"), "d", "parts.line"),
    (("parts", 0, "state"), "lost", "parts.state"),
    (("parts", 0, "entry_ref"), "1", "parts.entry_ref"),
    (("parts", 0, "entry_ref"), -1, "parts.entry_ref"),
    (("parts", 0, "entry_ref"), 2**31, "parts.entry_ref"),
    (("parts", 0, "worked_seconds"), 1.5, "parts.worked_seconds"),
    (("parts", 0, "sentence"), ["x"], "parts.sentence"),
    (("balances", 0, "unit"), "day", "balances.unit"),
    (("lines", 0, "unit"), "day", "lines.unit"),
    (("balances", 0, "contract"), "", "balances.contract"),
    (("notices", 0, "text"), 1, "notices.text"),
    (("problems", 0, "severity"), "bad", "problems.severity"),
    (("problems", 0, "text"), "", "problems.text"),
]


def test_a_bad_report_changes_nothing(desk: Desk) -> None:
    desk.next()
    party = desk.parties["A1"]
    desk.show(party)
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    before = desk.preview(party), below(desk, party), desk.request(request["id"])
    good = desk.payload(party, request["as_of"], parts=desk.payload(party, JULY)["parts"][:4])
    call = ("klausel_report", request["id"], "one")
    for path, value, named in BAD:
        bad = copy.deepcopy(good)
        place: Any = bad
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        assert refused(desk.program, REQUEST, *call, [told(party.customer, bad)]) == (
            f"[klausel:protocol] The program that called sent something else for “{named}”."
        ), (path, value)
    for payload in (None, [], "x", {}, {**good, "protocol": 1}):
        said = refused(desk.program, REQUEST, *call, [told(party.customer, payload)])
        assert said.startswith("[klausel:protocol] The addon speaks protocol 2, the program")
    assert (desk.preview(party), below(desk, party), desk.request(request["id"])) == before
    count("reports to Odoo that were refused as a whole", len(BAD))
    good["notices"][0]["text"] = ""  # a rule need not say why
    assert desk.report(request["id"], party, good) is False
    assert len(desk.rows("klausel.preview.part", party)) == 4
    assert [row["text"] for row in desk.rows("klausel.notice", party)] == [False]


def test_a_report_names_nothing_of_others(desk: Desk) -> None:
    desk.next()
    party, another = desk.parties["A1"], desk.parties["B2"]
    (contact,) = desk.admin.call(
        "res.partner", "create", [{"name": "Bo", "parent_id": party.customer}]
    )
    (theirs,) = desk.admin.call(
        "res.partner", "create", [{"name": "Theirs", "company_id": desk.other}]
    )
    shown = desk.show(party)
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    before = desk.preview(party), below(desk, party)

    def said(whose: int | bool, payload: dict[str, Any]) -> str:
        call = ("klausel_report", request["id"], "one", [told(whose, payload)])
        (answer,) = desk.program.call(REQUEST, *call)
        assert answer["partner_id"] == whose
        return f"[klausel:{answer['code']}] {answer['said']}"

    good = desk.payload(party, request["as_of"])
    foreign = copy.deepcopy(good)
    foreign["balances"][0]["contract"] = another.code
    assert said(party.customer, foreign) == (
        "[klausel:contract-missing] Shop A1 has no contract B2 any more."
    )
    assert said(another.customer, good) == (
        "[klausel:contract-missing] Shop B2 has no contract A1 any more."
    )
    assert said(False, good) == (
        "[klausel:contract-missing] Work without a customer has no contract A1 any more."
    )
    foreign = copy.deepcopy(good)
    ((away,),) = desk.sql(
        "INSERT INTO account_analytic_line (name, date, project_id, company_id, unit_amount,"
        f" amount, currency_id, account_id) SELECT 'Away', '2024-06-03', {party.project},"
        f" {desk.other}, 1, 0, 1, (SELECT id FROM account_analytic_account LIMIT 1) RETURNING id"
    )
    foreign["parts"][0]["entry_ref"] = int(away or 0)
    assert said(party.customer, foreign) == (
        f"[klausel:entry-missing] Timesheet {away} is none of this company."
    )
    foreign = copy.deepcopy(good)
    foreign["lines"][0]["currency"] = "XXZ"
    assert said(party.customer, foreign) == "[klausel:currency] Odoo knows no currency XXZ."
    none = {**good, "drafts": [], "lines": [], "parts": [], "balances": [], "notices": []}
    for whose in (contact, theirs, 2_000_000_000):
        assert said(whose, none) == (
            f"[klausel:customer-missing] Customer {whose} is no customer of this company any more."
        )
    assert (desk.preview(party), below(desk, party)) == before
    # A timesheet that is gone by now is no reason.
    (gone,) = desk.admin.call("account.analytic.line", "copy", [desk.entries(party)[0]])
    desk.sql(f"DELETE FROM account_analytic_line WHERE id = {gone}")
    deleted = copy.deepcopy(good)
    deleted["parts"][0]["entry_ref"] = gone
    desk.report(request["id"], party, {**deleted, "seq": desk.number(party)})
    part = desk.rows("klausel.preview.part", party)[0]
    assert (part["entry_ref"], part["entry_id"], part["preview_id"][0]) == (gone, False, shown)
    desk.sql(f"DELETE FROM account_analytic_line WHERE id = {away}")


def stored(desk: Desk) -> list[tuple[str | None, ...]]:
    """All that is shown, but for ids and times of its rows."""
    tables = ("preview_line", "preview_part", "balance", "notice", "problem")
    below = " UNION ALL ".join(
        f"SELECT '{table}', row.partner_id, (to_jsonb(row) - 'id' - 'preview_id' - 'line_id'"
        f" - 'create_date')::text || ' of ' || coalesce(preview.partner_id, 0)"
        + (" || coalesce(line.key || line.partner_id, '')" if table == "preview_part" else "")
        + f" FROM klausel_{table} AS row JOIN klausel_preview AS preview ON preview.id = preview_id"
        + (
            " LEFT JOIN klausel_preview_line AS line ON line.id = row.line_id"
            if table == "preview_part"
            else ""
        )
        for table in tables
    )
    return desk.sql(
        "SELECT 'preview', partner_id, (to_jsonb(preview) - 'id' - 'create_date' - 'write_date'"
        " - 'computed_on' - 'claim' - 'touched_before')::text FROM klausel_preview AS preview"
        f" UNION ALL {below} ORDER BY 1, 2, 3"
    )


def test_many_are_stored_as_each_by_itself(desk: Desk) -> None:
    """Also of whom a program that began later has told, and who changes meanwhile."""
    desk.next()
    a, b, c = desk.parties.values()
    found: list[list[tuple[str | None, ...]]] = []
    answers: list[list[dict[str, Any]]] = []
    for together in (False, True):
        desk.sql("DELETE FROM klausel_request; DELETE FROM klausel_preview")
        for party in (c, a, b):  # in another order than their numbers
            desk.show(party, JULY, lines=[], parts=[])
        desk.ask(JULY, a, b, c)
        request = desk.next()
        desk.ask(JULY, b)
        later = desk.next("later")
        payload = desk.payload(b, JULY, fingerprint="newer", problems=[])
        desk.report(later["id"], b, payload, "later")
        desk.admin.call(
            "account.analytic.line", "write", desk.entries(c)[:1], {"name": f"It was {together}"}
        )
        nobody = desk.payload(a, JULY, seq=0, lines=[], drafts=[], balances=[], notices=[], parts=[
            {"entry_ref": desk.entries(a)[0], "state": "uncovered", "worked_seconds": 100},
        ])  # fmt: skip
        more = desk.payload(c, JULY)
        more["lines"] = [{**one, "sequence": 0, "why": None} for one in more["lines"]]
        more["drafts"] = more["drafts"][::-1]
        pages = [
            told(a.customer, desk.payload(a, JULY)), told(b.customer, desk.payload(b, JULY)),
            told(False, nobody), told(c.customer, more),
        ]  # fmt: skip
        calls = [pages] if together else [[page] for page in pages]
        call = (REQUEST, "klausel_report", request["id"], "one")
        answers.append([one for some in calls for one in desk.program.call(*call, some)])
        found.append(stored(desk))
        rows = desk.admin.call(
            "klausel.request.customer", "search_read", [("request_id", "=", request["id"])]
        )
        assert {row["state"] for row in rows} == {"previewed"}
    by_one, at_once = found
    assert at_once == by_one
    assert answers[1] == answers[0]
    assert [(one["partner_id"], one["stale"]) for one in answers[0]] == [
        (a.customer, False), (b.customer, False), (False, False), (c.customer, True),
    ]  # fmt: skip
    assert desk.preview(b)["fingerprint"] == "newer"
    lines = desk.rows("klausel.preview.line", c)
    assert [line["sequence"] for line in lines] == [1, 2, 3]
    parts = desk.rows("klausel.preview.part", c)
    assert parts[0]["line_id"][0] == lines[0]["id"]
    assert sum(kind == "preview_part" for kind, *_ in at_once) == 16
    count("rows stored by one call as by one for each", len(at_once))


def test_who_is_refused_refuses_no_other(desk: Desk) -> None:
    """In one call; each with its own sentence, and nothing of it is stored."""
    desk.next()
    a, b, c = desk.parties.values()
    (contact,) = desk.admin.call("res.partner", "create", [{"name": "Jo", "parent_id": a.customer}])
    (new,) = desk.admin.call("res.partner", "create", [{"name": "New"}])
    shown = desk.show(b, JULY)
    desk.ask(JULY, a, b, c)
    request = desk.next()
    before = desk.preview(b), below(desk, b)
    good = desk.payload(a, JULY)
    foreign = desk.payload(b, JULY, fingerprint="other")
    foreign["notices"][0]["contract"] = c.code
    strange = desk.payload(c, JULY)
    strange["drafts"][1]["currency"] = "XXZ"
    none = {**good, "drafts": [], "lines": [], "parts": [], "balances": [], "notices": []}
    ((away,),) = desk.sql(
        "INSERT INTO account_analytic_line (name, date, project_id, company_id, unit_amount,"
        f" amount, currency_id, account_id) SELECT 'Away', '2024-06-03', {a.project},"
        f" {desk.other}, 1, 0, 1, (SELECT id FROM account_analytic_account LIMIT 1) RETURNING id"
    )
    part = {"entry_ref": int(away or 0), "state": "uncovered"}
    pages = [
        told(b.customer, foreign), told(c.customer, strange), told(contact, none),
        told(a.customer, good), told(new, {**none, "parts": [part]}), told(False, good),
    ]  # fmt: skip
    answers = desk.program.call(REQUEST, "klausel_report", request["id"], "one", pages)
    assert {one["partner_id"]: (one["code"], one["said"]) for one in answers} == {
        b.customer: ("contract-missing", "Shop B2 has no contract C3 any more."),
        c.customer: ("currency", "Odoo knows no currency XXZ."),
        contact: (
            "customer-missing", f"Customer {contact} is no customer of this company any more.",
        ),
        a.customer: ("", ""),
        new: ("entry-missing", f"Timesheet {away} is none of this company."),
        False: ("contract-missing", "Work without a customer has no contract A1 any more."),
    }  # fmt: skip
    assert (desk.preview(b), below(desk, b)) == before
    assert desk.preview(b)["id"] == shown
    assert len(desk.rows("klausel.preview.part", a)) == 5
    assert desk.preview(a)["amount"] == 144.62
    for party in (new, contact):
        assert desk.admin.call(PREVIEW, "search", [("partner_id", "=", party)]) == []
    assert below(desk, c) == {model: [] for model in below(desk, c)}
    rows = desk.admin.call(
        "klausel.request.customer", "search_read", [("request_id", "=", request["id"])], order="id"
    )
    assert [row["state"] for row in rows] == ["previewed", "waiting", "waiting"]
    desk.sql(f"DELETE FROM account_analytic_line WHERE id = {away}")


def test_what_is_wrong_with_one_refuses_the_call(desk: Desk) -> None:
    """The program made a mistake: nothing of the call is stored, and it tells of each alone."""
    desk.next()
    a, b, _ = desk.parties.values()
    desk.ask(JULY)
    request = desk.next()
    call = (REQUEST, "klausel_report", request["id"], "one")
    good, bad = desk.payload(a, JULY), desk.payload(b, JULY)
    other = {**bad["drafts"][0], "draft": "four"}
    for name, rows in (
        ("drafts.draft", {"drafts": [*bad["drafts"], bad["drafts"][0]]}),
        ("lines.key", {"lines": [bad["lines"][0], *bad["lines"]]}),
        # What the other one has is none of its own.
        ("lines.draft", {"drafts": [other, *bad["drafts"][1:]]}),
        ("parts.line", {"lines": bad["lines"][1:]}),
        ("as_of", {"as_of": "2024-07-02"}),
    ):
        pages = [told(a.customer, good), told(b.customer, {**bad, **rows})]
        assert refused(desk.program, *call, pages) == (
            f"[klausel:protocol] The program that called sent something else for “{name}”."
        )
    assert desk.program.call(*call, []) == []
    assert desk.sql("SELECT count(*) FROM klausel_preview_line") == [("0",)]
    assert desk.sql("SELECT count(*) FROM klausel_preview WHERE as_of IS NOT NULL") == [("0",)]


def test_work_without_a_customer_is_shown_by_itself(desk: Desk) -> None:
    desk.next()
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    payload: dict[str, Any] = {
        "protocol": 2, "as_of": request["as_of"], "seq": 0, "fingerprint": "", "drafts": [],
        "lines": [], "parts": [{"entry_ref": 0, "state": "uncovered", "worked_seconds": 7200}],
        "balances": [], "notices": [],
        "problems": [{"severity": "error", "text": "No policy", "code": "p"}],
    }  # fmt: skip
    assert desk.report(request["id"], None, payload) is False
    found = desk.preview(None)
    assert found["uncovered_hours"] == 2
    assert (found["has_error"], found["problem"], found["stale"]) == (True, "error", False)
    assert found["display_name"] == "Work without a customer"
    said = refused(desk.admin, PREVIEW, "action_create_drafts", [found["id"]])
    assert said == "Work without a customer is not invoiced: first say whose it is."


def test_of_whom_a_run_over_everything_says_nothing_nothing_is_shown(desk: Desk) -> None:
    desk.next()
    shown = {code: desk.show(party) for code, party in desk.parties.items()}
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    party = desk.parties["A1"]
    desk.report(request["id"], party, desk.payload(party, request["as_of"]))
    # Something changes of this one: it may have work that the program has not read.
    desk.admin.call(
        "account.analytic.line", "write", desk.entries(desk.parties["B2"])[:1], {"unit_amount": 2}
    )
    desk.done(request["id"])
    left = desk.admin.call(PREVIEW, "search_read", [("partner_id", "!=", False)], ["stale"])
    assert {row["id"]: row["stale"] for row in left} == {shown["A1"]: False, shown["B2"]: True}
    # There is no work without a customer any more.
    nobody = {
        "protocol": 2, "as_of": request["as_of"], "seq": 0, "fingerprint": "", "drafts": [],
        "lines": [], "parts": [{"state": "uncovered", "worked_seconds": 3600}], "balances": [],
        "notices": [],
        "problems": [{"severity": "error", "text": "x"}],
    }  # fmt: skip
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    for party in desk.parties.values():
        desk.report(request["id"], party, desk.payload(party, request["as_of"]))
    assert desk.report(request["id"], None, nobody) is False
    desk.done(request["id"])
    row = desk.preview(None)
    assert (row["uncovered_hours"], row["problem"], row["has_error"]) == (1, "error", True)
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    for party in list(desk.parties.values())[:2]:
        desk.report(request["id"], party, desk.payload(party, request["as_of"]))
    desk.done(request["id"])
    empty = desk.preview(None)
    assert empty["id"] == row["id"]
    assert (empty["uncovered_hours"], empty["uncovered_count"], empty["problem"]) == (0, 0, False)
    assert (empty["has_error"], empty["stale"], empty["problem_count"]) == (False, False, 0)
    assert empty["part_ids"] == empty["problem_ids"] == []
    # One that failed has not looked at everything.
    desk.admin.call(PREVIEW, "action_refresh_all")
    desk.done(desk.next()["id"], "failed", said="why")
    assert desk.admin.call(PREVIEW, "search_count", [("partner_id", "!=", False)]) == 2


def test_a_large_report(desk: Desk) -> None:
    desk.next()
    party = desk.parties["A1"]
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    desk.sql(
        "INSERT INTO account_analytic_line (name, date, project_id, company_id, unit_amount,"
        " amount, currency_id, account_id, partner_id) SELECT 'Much', '2024-06-03',"
        f" {party.project}, 1, 1, 0, 1, (SELECT id FROM account_analytic_account LIMIT 1),"
        f" {party.customer} FROM generate_series(1, 20000)"
    )
    entries = desk.entries(party)[-20_000:]
    payload = desk.payload(party, request["as_of"])
    part = payload["parts"][0]
    payload["parts"] = [{**part, "entry_ref": entry} for entry in entries]
    for turn in ("first", "again"):
        start = time.monotonic()
        desk.report(request["id"], party, payload)
        seconds = round(time.monotonic() - start, 1)
        print(f"a report of 20,000 parts, {turn}: {seconds} s")
        count(f"seconds of a report with 20,000 parts, {turn}", round(seconds))
    assert desk.sql(
        "SELECT count(*), sum(worked_seconds), count(entry_id) FROM klausel_preview_part"
        f" WHERE partner_id = {party.customer}"
    ) == [("20000", str(20_000 * 5400), "20000")]
    desk.sql("DELETE FROM account_analytic_line WHERE name = 'Much'")


# --- drafts of a request --------------------------------------------------------------------------


def test_what_is_written_is_on_the_request(desk: Desk) -> None:
    desk.next()
    a, b, c = desk.parties.values()
    for party in (a, b, c):
        desk.show(party, JULY)
    bill = ask_to_bill(desk, a, b, c)
    assert bill["as_of"] == JULY
    assert [(one["partner_id"], one["seen"], one["state"]) for one in bill["customers"]] == [
        (party.customer, "what is seen", "waiting") for party in (a, b, c)
    ]
    data = {**drafts_of(desk, a), "request": bill["id"], "worker": "one"}
    answer = desk.program.call("klausel.contract", "klausel_apply", data)
    assert answer["rows"] == 1
    shown = desk.preview(a)
    assert shown["stale"] is True
    # The same again, because the answer was lost, or by whoever took it over.
    again = desk.program.call("klausel.contract", "klausel_apply", data)
    assert again == {**answer, "replayed": True}
    # Read after that, what is shown is up to date.
    payload = desk.payload(a, JULY, lines=[], parts=[], fingerprint="")
    assert desk.report(bill["id"], a, payload) is False
    assert desk.preview(a)["stale"] is False
    # Another run of the same request would be something twice.
    other = {**drafts_of(desk, a, "twice"), "request": bill["id"], "worker": "one"}
    assert refused(desk.program, "klausel.contract", "klausel_apply", other) == (
        f"[klausel:request-written] Request {bill['id']} has written the drafts of Shop A1 already."
    )
    say(desk, bill["id"], b, "changed", "2 lines, was 3")
    say(desk, bill["id"], c, "refused", "No journal.")
    say(desk, bill["id"], a, "nothing", "")  # what is written stays written
    rows = desk.admin.call("klausel.request.customer", "search_read", [], order="id")
    runs = desk.admin.call("klausel.run", "search", [])
    assert [(row["state"], row["said"], row["run_id"] and row["run_id"][0]) for row in rows[-3:]] \
        == [("written", False, runs[0]), ("changed", "2 lines, was 3", False),
            ("refused", "No journal.", False)]  # fmt: skip
    # Whoever takes it over is told who is done.
    desk.done(bill["id"], "waiting")
    assert [one["state"] for one in desk.next("two")["customers"]] == [
        "written", "changed", "refused"
    ]  # fmt: skip
    desk.done(bill["id"], "done", worker="two", said="1 of 3 written")
    assert len(runs) == 1
    # On record it is one run, of who asked for it.
    (run,) = desk.admin.call("klausel.batch", "search_read", [])
    (asked,) = desk.admin.call(REQUEST, "read", [bill["id"]], ["user_id"])
    assert (run["key"], run["run_ids"], run["as_of"], run["user_id"]) == (
        f"request-{bill['id']}", runs, JULY, asked["user_id"],
    )  # fmt: skip
    clear(desk)


def clear(desk: Desk) -> None:
    """Without drafts and what is on record of them."""
    moves = desk.admin.call("account.move", "search", [("klausel_run_id", "!=", False)])
    desk.admin.call("account.move", "unlink", moves)
    desk.sql("DELETE FROM klausel_ledger; DELETE FROM klausel_run")


def say(desk: Desk, id_: int, party: Party, state: str, said: str) -> None:
    call = ("klausel_say", id_, "one", party.customer, state, said)
    assert desk.program.call(REQUEST, *call) is True


def test_drafts_are_of_the_request(desk: Desk) -> None:
    desk.next()
    a, b, _ = desk.parties.values()
    for party in (a, b):
        desk.show(party, JULY)
    bill = ask_to_bill(desk, a)
    other = {**drafts_of(desk, b), "request": bill["id"], "worker": "one"}
    unnamed = (
        f"[klausel:request-customer] Request {bill['id']} does not name customer {b.customer}."
    )
    assert refused(desk.program, "klausel.contract", "klausel_apply", other) == unnamed
    call = ("klausel_say", bill["id"], "one", b.customer, "nothing", "")
    assert refused(desk.program, REQUEST, *call) == unnamed
    preview = desk.ask(JULY, a) or desk.next("two")
    of = {**drafts_of(desk, a), "request": preview["id"], "worker": "two"}
    assert refused(desk.program, "klausel.contract", "klausel_apply", of) == (
        f"[klausel:request-customer] Request {preview['id']} does not name customer {a.customer}."
    )
    gone = {**drafts_of(desk, a), "request": 2_000_000_000, "worker": "one"}
    assert refused(desk.program, "klausel.contract", "klausel_apply", gone) == (
        "[klausel:request-gone] Request 2000000000 is not with this program any more."
    )
    assert desk.sql("SELECT count(*) FROM klausel_run") == [("0",)]
    late = {**drafts_of(desk, a), "request": bill["id"], "worker": "one", "as_of": "2024-07-02"}
    assert refused(desk.program, "klausel.contract", "klausel_apply", late) == (
        "[klausel:protocol] The program that called sent something else for “as_of”."
    )
    # What is refused leaves the customer as it was.
    moved = {**drafts_of(desk, a), "request": bill["id"], "worker": "one", "seq": 1}
    said = refused(desk.program, "klausel.contract", "klausel_apply", moved)
    assert said.startswith("[klausel:seq-moved] ")
    assert desk.next("three") is False
    (row,) = desk.admin.call("klausel.request.customer", "search_read", [
        ("request_id", "=", bill["id"]),
    ])  # fmt: skip
    assert row["state"] == "waiting"


@pytest.mark.parametrize(
    ("method", "arguments", "named"),
    [
        ("klausel_progress", [1, 2, 3], "text"),
        ("klausel_progress", ["1 of", 2, ""], "done"),
        ("klausel_progress", [-1, 2, ""], "done"),
        ("klausel_done", ["ended", ""], "state"),
        ("klausel_done", ["running", ""], "state"),
        ("klausel_done", ["done", 5], "outcome"),
        ("klausel_done", ["failed", "a\0b"], "outcome"),
        ("klausel_progress", [1, 2, "\ud800"], "text"),
        ("klausel_report", [None], "customers"),
        ("klausel_report", ["all"], "customers"),
        ("klausel_report", [[1]], "customers"),
        ("klausel_report", [[{"partner_id": "x"}]], "customers.partner_id"),
        ("klausel_report", [[{"partner_id": -1}]], "customers.partner_id"),
        ("klausel_report", [[{"partner_id": 7}, {"partner_id": 7}]], "customers.partner_id"),
        ("klausel_report", [[{"partner_id": 0}, {"partner_id": False}]], "customers.partner_id"),
        ("klausel_unchanged", ["2024-13-01", []], "as_of"),
        ("klausel_unchanged", ["1999-01-01", []], "as_of"),
        ("klausel_unchanged", [JULY, "all"], "customers"),
        ("klausel_unchanged", [JULY, [1]], "customers"),
        ("klausel_unchanged", [JULY, [{"partner_id": "x"}]], "customers.partner_id"),
        ("klausel_unchanged", [JULY, [{"content": 5}]], "customers.content"),
        ("klausel_unchanged", [JULY, [{"content": "a\0b"}]], "customers.content"),
        ("klausel_unchanged", [JULY, [{"seq": -1}]], "customers.seq"),
        ("klausel_say", [1, "written", ""], "state"),
        ("klausel_say", ["x", "nothing", ""], "partner_id"),
        ("klausel_say", [0, "nothing", ""], "partner_id"),
    ],
)
def test_what_is_no_answer(method: str, arguments: list[Any], named: str, desk: Desk) -> None:
    desk.next()
    desk.admin.call(PREVIEW, "action_refresh_all")
    id_ = desk.next()["id"]
    assert refused(desk.program, REQUEST, method, id_, "one", *arguments) == (
        f"[klausel:protocol] The program that called sent something else for “{named}”."
    )
    assert desk.request(id_)["state"] == "running"
    said = refused(desk.program, REQUEST, "klausel_next", 1, "", "1.0")
    assert said == "[klausel:protocol] The program that called sent something else for “worker”."


# --- rights ---------------------------------------------------------------------------------------


def test_another_companys_program_gets_nothing(desk: Desk) -> None:
    desk.next()
    party = desk.parties["A1"]
    shown = desk.show(party, JULY)
    bill = ask_to_bill(desk, party)
    desk.admin.call(PREVIEW, "action_refresh_all")
    groups = ["klausel_billing.group_connector", "klausel_billing.group_manager",
              "account.group_account_invoice"]  # fmt: skip
    stranger = user(desk.odoo, desk.admin, "stranger", groups, desk.other)
    assert refused(stranger, REQUEST, "klausel_next", 1, "one", "") == (
        "You do not work for company 1."
    )
    assert stranger.call(REQUEST, "klausel_next", desk.other, "one", "") is False
    before = desk.request(bill["id"]), desk.preview(party)
    for method, *arguments in (
        ("klausel_progress", 1, 1, ""),
        ("klausel_report", [told(party.customer, desk.payload(party, JULY))]),
        ("klausel_unchanged", JULY, []),
        ("klausel_say", party.customer, "nothing", ""),
        ("klausel_done", "done", ""),
    ):
        for id_ in (bill["id"], 2_000_000_000, True, str(bill["id"]), None):
            said = refused(stranger, REQUEST, method, id_, "one", *arguments)
            assert said == f"Request {id_} is none of your companies'."
    for model in (REQUEST, PREVIEW, "klausel.preview.part", "klausel.worker"):
        assert stranger.call(model, "search_count", [("company_id", "=", 1)]) == 0
    for method in ("action_refresh", "action_create_drafts"):
        with pytest.raises(Refusal, match=r"AccessError|MissingError"):
            stranger.call(PREVIEW, method, [shown])
    with pytest.raises(Refusal, match=r"AccessError|MissingError"):
        stranger.call(REQUEST, "action_cancel", [bill["id"]])
    data = {**drafts_of(desk, party), "company_id": desk.other, "request": bill["id"],
            "worker": "one"}  # fmt: skip
    assert refused(stranger, "klausel.contract", "klausel_apply", data) == (
        f"[klausel:request-gone] Request {bill['id']} is not with this program any more."
    )
    assert (desk.request(bill["id"]), desk.preview(party)) == before


def test_who_may_ask(desk: Desk) -> None:
    desk.next()
    party = desk.parties["A1"]
    shown = desk.show(party, JULY)
    reader = user(desk.odoo, desk.admin, "reader", ["klausel_billing.group_user"])
    invoicer = user(desk.odoo, desk.admin, "invoicer", [
        "klausel_billing.group_user", "account.group_account_invoice",
    ])  # fmt: skip
    outsider = user(desk.odoo, desk.admin, "outsider", ["account.group_account_invoice"])
    nothing = "Only members of Klausel's group User may ask for that."
    for method in ("action_refresh", "action_create_drafts"):
        assert refused(outsider, PREVIEW, method, [shown]) == nothing
    assert refused(outsider, PREVIEW, "action_refresh_all") == nothing
    assert refused(reader, PREVIEW, "action_create_drafts", [shown]) == (
        "Only members of Invoicing's group Invoicing may create drafts."
    )
    assert refused(invoicer, PREVIEW, "action_create_drafts", []) == "Choose at least one customer."
    assert refused(invoicer, PREVIEW, "action_refresh", []) == "Choose at least one customer."
    reader.call(PREVIEW, "action_refresh", [shown])
    invoicer.call(PREVIEW, "action_create_drafts", [shown])
    invoicer.call(PREVIEW, "action_create_drafts", [shown])  # pressed twice
    asked = desk.admin.call(
        REQUEST, "search_read", [("state", "=", "waiting")], ["kind", "user_id"], order="id"
    )
    assert [(one["kind"], one["user_id"][1]) for one in asked] == [
        ("preview", "reader"), ("bill", "invoicer")
    ]  # fmt: skip
    ids = [one["id"] for one in asked]
    assert refused(outsider, REQUEST, "action_cancel", ids) == nothing
    assert refused(reader, REQUEST, "action_cancel", ids) == (
        "Only members of Invoicing's group Invoicing may create drafts."
    )
    reader.call(REQUEST, "action_cancel", ids[:1])
    invoicer.call(REQUEST, "action_cancel", ids[1:])
    assert {desk.request(id_)["state"] for id_ in ids} == {"cancelled"}


def test_drafts_are_created_of_what_would_be_written(desk: Desk) -> None:
    desk.next()
    a, b, c = desk.parties.values()
    desk.show(a, JULY)
    desk.show(b, "2024-08-01")
    desk.show(c, JULY, fingerprint="")
    assert refused(desk.admin, PREVIEW, "action_create_drafts", [desk.preview(c)["id"]]) == (
        "There is nothing to invoice to Shop C3."
    )
    ids = [desk.preview(party)["id"] for party in (a, b, c)]
    action = desk.admin.call(PREVIEW, "action_create_drafts", ids)
    found = [desk.next(), desk.next()]
    assert [(one["as_of"], [who["partner_id"] for who in one["customers"]]) for one in found] == [
        (JULY, [a.customer]), ("2024-08-01", [b.customer])
    ]  # fmt: skip
    assert action["domain"] == [["id", "in", [one["id"] for one in found]]]


# --- every night ----------------------------------------------------------------------------------


def test_everything_is_previewed_every_night(desk: Desk) -> None:
    far = "Pacific/Kiritimati"  # 14 hours ahead: for most of a day another day than here
    (company,) = desk.admin.call("res.company", "read", [1], ["partner_id"])
    partner = company["partner_id"][0]

    def today(zone: str) -> str:
        return datetime.now(ZoneInfo(zone)).date().isoformat()

    def hour(value: float, zone: str | bool = False) -> Any:
        desk.admin.call("res.partner", "write", [partner], {"tz": zone})
        desk.admin.call("res.company", "write", [1], {"klausel_nightly_hour": value})
        return desk.next()

    assert hour(-1) is False
    now = datetime.now(UTC)
    if now.hour < 23:
        assert hour(now.hour + 1) is False
    request = hour(now.hour + now.minute / 60)
    assert (request["kind"], request["as_of"], request["customers"]) == (
        "preview",
        today("UTC"),
        [],
    )
    row = desk.request(request["id"])
    assert (row["nightly"], row["user_id"][1], row["adjust"]) == (True, "program", False)
    desk.done(request["id"])
    assert desk.next() is False  # once a day
    if today(far) != today("UTC"):
        assert hour(0, far)["as_of"] == today(far)
        assert desk.next() is False
    for wrong in (24, -0.5, -2):
        with pytest.raises(Refusal, match="The nightly preview is at an hour from 0:00 to 23:59"):
            desk.admin.call("res.company", "write", [1], {"klausel_nightly_hour": wrong})
    # Each company has its own.
    desk.admin.call("res.users", "write", [desk.program.user], {
        "company_ids": [(4, desk.other)],
    })  # fmt: skip
    desk.admin.call("res.company", "write", [desk.other], {"klausel_nightly_hour": 0})
    assert desk.next(company=desk.other)["as_of"] == today("UTC")
    desk.admin.call("res.partner", "write", [partner], {"tz": False})


def test_two_programs_make_one_night(desk: Desk) -> None:
    desk.sql("UPDATE res_company SET klausel_nightly_hour = 0")
    got: list[Any] = []

    def ask(worker: str) -> None:
        rpc = Rpc(dataclasses.replace(desk.odoo, login="program", password=PASSWORD))
        for _ in range(5):
            got.append(rpc.call(REQUEST, "klausel_next", 1, worker, "1.0"))

    threads = [threading.Thread(target=ask, args=[f"w{number}"]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 20
    assert len([one for one in got if one]) == 1
    assert desk.sql("SELECT count(*) FROM klausel_request") == [("1",)]
    assert date.fromisoformat(next(one for one in got if one)["as_of"]) <= (
        datetime.now(UTC).date() + timedelta(days=1)
    )


def test_a_company_takes_what_it_asked_for_along(desk: Desk) -> None:
    (company,) = desk.admin.call("res.company", "create", [{"name": "Short-lived Ltd"}])
    users = [desk.admin.user, desk.program.user]
    desk.admin.call("res.users", "write", users, {"company_ids": [(4, company)]})
    (customer,) = desk.admin.call("res.partner", "create", [{"name": "Its customer"}])
    desk.sql(f"UPDATE res_company SET klausel_nightly_hour = 0 WHERE id = {company}")
    request = desk.next(company=company)
    for partner in (customer, False):
        payload = {
            "protocol": 2, "as_of": request["as_of"], "seq": 0, "fingerprint": "", "drafts": [],
            "lines": [], "parts": [{"state": "uncovered"}], "balances": [], "notices": [],
            "problems": [{"severity": "note", "text": "x"}],
        }  # fmt: skip
        call = ("klausel_report", request["id"], "one", [told(partner, payload)])
        (answer,) = desk.program.call(REQUEST, *call)
        assert answer == {"partner_id": partner, "stale": False, "code": "", "said": ""}
    desk.admin.call("res.users", "write", users, {"company_ids": [(3, company)]})
    tables = ("worker", "request", "preview", "preview_part", "problem")
    counts = " UNION ALL ".join(
        f"SELECT count(*) FROM klausel_{table} WHERE company_id = {company}" for table in tables
    )
    assert [number for (number,) in desk.sql(counts)] == ["1", "1", "2", "2", "2"]
    desk.admin.call("res.company", "unlink", [company])
    assert [number for (number,) in desk.sql(counts)] == ["0"] * 5
    # A customer that is deleted, likewise.
    desk.next()
    desk.ask(JULY)
    request = desk.next()
    pages = [told(customer, {**payload, "as_of": JULY})]
    call = ("klausel_report", request["id"], "one", pages)
    desk.program.call(REQUEST, *call)
    desk.admin.call("res.partner", "unlink", [customer])
    assert desk.sql("SELECT count(*) FROM klausel_preview WHERE partner_id IS NOT NULL") == [("0",)]
