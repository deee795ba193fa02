"""What is shown of a customer is out of date at once, whoever changes a fact of it."""

# ruff: noqa: F811 (fixtures)
from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.counts import count

from . import test_access_rpc, test_requests
from .customers import Party
from .rpc import Rpc
from .test_requests import PREVIEW, REQUEST, Desk, desk, whole  # noqa: F401

pytestmark = pytest.mark.odoo

ENTRY, TASK, PROJECT = "account.analytic.line", "project.task", "project.project"


class Shown:
    """All three customers and nobody's work, shown as they are now."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.a, self.b, self.c = desk.parties.values()
        desk.next()
        self.anew()

    def anew(self) -> None:
        self.desk.admin.call(PREVIEW, "action_refresh_all")
        request = self.desk.next()
        self.tell(request)
        assert self.stale() == set()

    def tell(self, request: dict[str, Any], worker: str = "one") -> None:
        for party in (self.a, self.b, self.c):
            self.desk.report(request["id"], party, self.payload(request, party), worker)
        self.desk.report(request["id"], None, self.payload(request, None), worker)
        self.desk.done(request["id"], worker=worker)

    def payload(self, request: dict[str, Any], party: Party | None) -> dict[str, Any]:
        return {
            "protocol": 2, "as_of": request["as_of"], "fingerprint": "seen",
            "seq": self.desk.number(party) if party else 0,
            "drafts": [], "lines": [], "parts": [], "balances": [], "notices": [], "problems": [],
        }  # fmt: skip

    def stale(self) -> set[str]:
        """Codes of the customers whose preview is; "" for nobody's work."""
        rows = self.desk.admin.call(
            PREVIEW, "search_read", [("stale", "=", True)], ["partner_id"], order="id"
        )
        return {row["partner_id"][1].removeprefix("Shop ") if row["partner_id"] else ""
                for row in rows}  # fmt: skip

    def write(self, model: str, ids: list[int], **values: Any) -> set[str]:
        """Who is out of date by it; then everything is shown anew."""
        return self.after(lambda: self.desk.admin.call(model, "write", ids, values))

    def after(self, change: Callable[[], Any]) -> set[str]:
        assert self.stale() == set()
        change()
        found = self.stale()
        self.anew()
        return found


@pytest.fixture
def shown(desk: Desk) -> Shown:
    return Shown(desk)


def test_contracts_and_what_belongs_to_them(shown: Shown) -> None:
    """(a): wherever the customer's number moves."""
    desk, a, b = shown.desk, shown.a, shown.b
    (term, *_) = desk.admin.call("klausel.term", "search", [("contract_id", "=", a.contract)])
    prices = desk.admin.call("klausel.parameter", "search", [("term_id", "=", term)])
    assert shown.write("klausel.contract", [a.contract], sla="gold") == {"A1"}
    assert shown.write("klausel.contract", [a.contract, b.contract], sla="tin") == {"A1", "B2"}
    assert shown.write("klausel.parameter", prices, value="11") == {"A1"}
    made: list[int] = []
    item = {"contract_id": b.contract, "name": "Cable", "price": 5, "date": "2024-01-05"}
    create = lambda: made.extend(desk.admin.call("klausel.item", "create", [item]))  # noqa: E731
    assert shown.after(create) == {"B2"}
    assert shown.after(lambda: desk.admin.call("klausel.item", "unlink", made)) == {"B2"}
    decision = {"entry_id": desk.entries(a)[0], "disposition": "included", "reason": "so be it"}
    assert shown.after(lambda: desk.admin.call("klausel.override", "create", [decision])) == {"A1"}


def test_timesheets(shown: Shown) -> None:
    """(b): made, changed, moved, deleted."""
    desk, a, b = shown.desk, shown.a, shown.b
    first, second = desk.entries(a)[:2]
    for values in (
        {"unit_amount": 3}, {"date": "2024-01-09"}, {"klausel_activity": "travel"}, {"name": "T"},
        {"klausel_tag_ids": [(0, 0, {"name": "urgent"})]}, {"is_so_line_edited": True},
    ):  # fmt: skip
        assert shown.write(ENTRY, [first], **values) == {"A1"}, values
    assert shown.write(ENTRY, [first], partner_id=b.customer) == {"A1", "B2"}
    assert shown.write(ENTRY, [first], partner_id=a.customer) == {"A1", "B2"}
    assert shown.write(ENTRY, [second], project_id=b.project) == {"A1", "B2"}
    assert shown.write(ENTRY, [second], project_id=a.project) == {"A1", "B2"}
    # What bills nothing makes nothing stale.
    assert shown.write(ENTRY, [first], ref="x") == set()
    made: list[int] = []
    values = {"project_id": b.project, "name": "New", "unit_amount": 1, "date": "2024-01-09"}
    create = lambda: made.extend(desk.admin.call(ENTRY, "create", [values]))  # noqa: E731
    assert shown.after(create) == {"B2"}
    assert shown.after(lambda: desk.admin.call(ENTRY, "unlink", made)) == {"B2"}
    # Nobody's, and that of a customer who has no preview yet.
    (nobodys,) = desk.admin.call(PROJECT, "create", [{"name": "Nobody's", "company_id": 1}])
    (new,) = desk.admin.call("res.partner", "create", [{"name": "New customer"}])
    (theirs,) = desk.admin.call(
        PROJECT, "create", [{"name": "Theirs", "company_id": 1, "partner_id": new}]
    )
    for project in (nobodys, theirs):
        made.clear()
        values["project_id"] = project
        assert shown.after(create) == {""}
        assert shown.write(ENTRY, made, project_id=a.project) == {"", "A1"}
        assert shown.after(lambda: desk.admin.call(ENTRY, "unlink", made)) == {"A1"}
    # A refusal changes nothing.
    with pytest.raises(test_requests.Refusal):
        desk.admin.call(ENTRY, "write", [first], {"project_id": 2_000_000_000})
    assert shown.stale() == set()


def test_tasks_projects_and_customers(shown: Shown) -> None:
    """(c)"""
    desk, a, b = shown.desk, shown.a, shown.b
    top, task = desk.admin.call(TASK, "create", [
        {"name": "Above", "project_id": a.project}, {"name": "Task", "project_id": a.project},
    ])  # fmt: skip
    assert shown.write(TASK, [task], klausel_origin="ours") == set()  # nobody has worked on it
    (entry,) = desk.admin.call(ENTRY, "create", [{
        "task_id": task, "project_id": a.project, "name": "On it", "unit_amount": 1,
        "date": "2024-01-09",
    }])  # fmt: skip
    shown.anew()
    for values in (
        {"klausel_origin": "third_party"}, {"klausel_activity": "travel"}, {"allocated_hours": 4},
        {"klausel_initiated_by": "us"}, {"tag_ids": [(0, 0, {"name": "billed"})]},
        {"priority": "1"}, {"parent_id": top},
    ):  # fmt: skip
        assert shown.write(TASK, [task], **values) == {"A1"}, values
    assert shown.write(TASK, [top], klausel_origin="ours") == {"A1"}  # those below it, too
    assert shown.write(TASK, [task], parent_id=False) == {"A1"}
    assert shown.write(TASK, [task], partner_id=b.customer) == {"A1", "B2"}
    assert shown.write(TASK, [task], project_id=b.project) == {"B2"}
    assert shown.write(TASK, [task], partner_id=a.customer) == {"A1", "B2"}
    desk.admin.call(ENTRY, "unlink", [entry])
    shown.anew()
    assert shown.write(PROJECT, [a.project], partner_id=b.customer) == {"A1", "B2"}
    assert shown.write(PROJECT, [a.project], partner_id=a.customer) == {"A1", "B2"}
    assert shown.write(PROJECT, [a.project], tag_ids=[(0, 0, {"name": "big"})]) == {"A1"}
    assert shown.write("res.partner", [a.customer], lang="de_DE") == {"A1"}
    assert shown.write("res.partner", [a.customer], category_id=[(0, 0, {"name": "vip"})]) == {"A1"}
    assert shown.write("res.partner", [a.customer], comment="nice") == set()
    desk.admin.call("res.partner", "write", [a.customer], {"lang": "en_US"})


def test_what_is_known_by_name_and_what_everything_rests_on(shown: Shown) -> None:
    desk, a = shown.desk, shown.a
    everybody = {"", "A1", "B2", "C3"}
    for model in ("project.tags", "res.partner.category", "hr.job"):
        made = desk.admin.call(model, "create", [{"name": "A name"}])
        shown.anew()
        assert shown.write(model, made, name="Another") == everybody, model
        assert shown.write(model, made, write_date="2024-01-01 00:00:00") == set()
        assert shown.after(lambda m=model, ids=made: desk.admin.call(m, "unlink", ids)) == everybody
    (project,) = desk.admin.call(PROJECT, "create", [{"name": "Inner", "company_id": 1}])
    (company,) = desk.admin.call("res.company", "read", [1], ["internal_project_id"])
    shown.anew()
    assert shown.write("res.company", [1], internal_project_id=project) == everybody
    before = company["internal_project_id"]
    shown.write("res.company", [1], internal_project_id=before and before[0])
    assert shown.write("res.company", [1], phone="+49 1") == set()
    # The role of who worked.
    (job,) = desk.admin.call("hr.job", "create", [{"name": "Senior"}])
    (employee,) = desk.admin.call("hr.employee", "create", [{"name": "Cy", "company_id": 1}])
    (entry,) = desk.admin.call(ENTRY, "create", [{
        "project_id": a.project, "name": "Cy's", "unit_amount": 1, "date": "2024-01-09",
        "employee_id": employee,
    }])  # fmt: skip
    shown.anew()
    assert shown.write("hr.employee", [employee], job_id=job) == {"A1"}
    assert shown.write("hr.employee", [employee], name="Cyrus") == {"A1"}
    assert shown.write("hr.employee", [employee], work_phone="1") == set()
    desk.admin.call(ENTRY, "unlink", [entry])


def test_what_amounts_and_texts_rest_on(shown: Shown) -> None:
    """Digits of currencies and quantities, languages, and where the company is."""
    desk = shown.desk
    everybody = {"", "A1", "B2", "C3"}
    find = desk.admin.call
    (digits,) = find("decimal.precision", "search", [("name", "=", "Product Unit")])
    (prices,) = find("decimal.precision", "search", [("name", "=", "Product Price")])
    every = {"context": {"active_test": False}}
    (franc,) = find("res.currency", "search", [("name", "=", "CHF")], **every)
    (dutch,) = find("res.lang", "search", [("code", "=", "nl_NL")], **every)
    (company,) = find("res.company", "read", [1], ["partner_id", "country_id"])
    own = company["partner_id"][0]
    facts = (
        ("decimal.precision", [digits], {"digits": 3}, {"digits": 2}),
        ("res.currency", [franc], {"rounding": 0.001}, {"rounding": 0.01}),
        ("res.partner", [own], {"lang": "nl_NL"}, {"lang": "en_US"}),
        ("res.partner", [own], {"country_id": find("res.country", "search", [], limit=1)[0]},
         {"country_id": company["country_id"] and company["country_id"][0]}),
    )  # fmt: skip
    assert shown.write("res.lang", [dutch], active=True) == everybody
    for model, ids, change, back in facts:
        assert shown.write(model, ids, **change) == everybody, (model, change)
        assert shown.write(model, ids, **back) == everybody, (model, back)
    assert shown.write("res.currency", [franc], active=True) == everybody
    # What changes no amount, no text and no hour.
    assert shown.write("decimal.precision", [prices], digits=4) == set()
    assert shown.write("res.currency", [franc], symbol="Fr") == set()
    assert shown.write("res.partner", [own], phone="1") == set()


def test_what_changes_nothing_that_is_shown(shown: Shown) -> None:
    """A draft takes tax, account and unit from the product when it is written; where its net
    amounts would be others then, it is refused (test_bill_totals.py)."""
    desk, a = shown.desk, shown.a
    find = desk.admin.call
    (tax,) = find("account.tax", "create", [{"name": "More", "amount": 21, "type_tax_use": "sale"}])
    (position,) = find("account.fiscal.position", "create", [{"name": "Abroad"}])
    unit = desk.admin.ref("uom.product_uom_unit")
    shown.anew()
    for model, ids, values in (
        ("product.product", [a.product], {"name": "Other"}),
        ("product.product", [a.product], {"taxes_id": [(6, 0, [tax])]}),
        ("product.product", [a.product], {"list_price": 7}),
        ("product.product", [a.product], {"uom_id": unit}),
        ("res.partner", [a.customer], {"property_account_position_id": position}),
        ("uom.uom", [unit], {"name": "Pieces"}),
    ):  # fmt: skip
        assert shown.write(model, ids, **values) == set(), values


def test_invoices_of_odoo_itself(shown: Shown) -> None:
    """Whether one bills a timesheet: posted, cancelled, deleted."""
    desk, a = shown.desk, shown.a
    (entry, *_) = desk.entries(a)
    line = {"product_id": a.product, "quantity": 1, "price_unit": 5}
    (move,) = desk.admin.call("account.move", "create", [{
        "move_type": "out_invoice", "partner_id": a.customer, "invoice_date": "2024-02-01",
        "invoice_line_ids": [(0, 0, line)],
    }])  # fmt: skip
    desk.sql(f"UPDATE account_analytic_line SET timesheet_invoice_id = {move} WHERE id = {entry}")
    shown.anew()
    for method in ("action_post", "button_draft", "button_cancel"):
        change = lambda name=method: desk.admin.call("account.move", name, [move])  # noqa: E731
        assert shown.after(change) == {"A1"}, method
    assert shown.after(lambda: desk.admin.call("account.move", "unlink", [move])) == {"A1"}


def test_a_policy_is_published(shown: Shown) -> None:
    """(d)"""
    desk = shown.desk

    def publish(name: str, digest: str) -> Callable[[], Any]:
        one = {**test_access_rpc.published(name), "digest": digest}
        if digest != "d":
            one["replaces"] = "d"
        (plan,) = one["plans"]
        parameters = [{**plan["parameters"][0], "name": "price"}]
        one["plans"] = [
            {**plan, "name": name, "parameters": parameters}
            for name in ("flat-monthly", "effort-monthly")
        ]
        payload = {"protocol": 2, "company_id": 1, "policies": [one]}
        return lambda: desk.program.call("klausel.policy", "klausel_publish", payload)

    assert shown.after(publish("some other", "d")) == set()
    desk.admin.call("klausel.contract", "write", [shown.b.contract], {"policy": "some other"})
    shown.anew()
    assert shown.after(publish("some other", "e")) == {"B2"}
    desk.admin.call("klausel.contract", "write", [shown.b.contract], {"policy": "it-support"})


def test_documents(shown: Shown) -> None:
    """(e): written by a run, cancelled, deleted."""
    desk, a = shown.desk, shown.a
    data = test_requests.drafts_of(desk, a, "stale")
    write = lambda: desk.program.call("klausel.contract", "klausel_apply", data)  # noqa: E731
    assert shown.after(write) == {"A1"}
    (move,) = desk.admin.call("account.move", "search", [("klausel_run_id", "!=", False)])
    assert shown.after(lambda: desk.admin.call("account.move", "button_cancel", [move])) == {"A1"}
    assert shown.after(lambda: desk.admin.call("account.move", "button_draft", [move])) == {"A1"}
    assert shown.after(lambda: desk.admin.call("account.move", "unlink", [move])) == {"A1"}
    test_requests.clear(desk)


def test_customers_are_merged(shown: Shown) -> None:
    desk, a = shown.desk, shown.a
    twin, *_ = desk.admin.call("res.partner", "create", [{"name": "Shop A1 (again)"}])
    for party in (a.customer, twin):
        desk.sql(
            "INSERT INTO klausel_request (kind, state, company_id, as_of, adjust, cancel)"
            " VALUES ('bill', 'waiting', 1, '2024-07-01', false, false)"
        )
        desk.sql(
            "INSERT INTO klausel_request_customer (request_id, company_id, partner_id, state)"
            f" SELECT max(id), 1, {party}, 'waiting' FROM klausel_request"
        )
    # Both in one request: of two rows of one customer one is left.
    desk.sql(
        "INSERT INTO klausel_request_customer (request_id, company_id, partner_id, state)"
        f" SELECT max(id), 1, {a.customer}, 'waiting' FROM klausel_request"
    )
    desk.sql(
        "INSERT INTO klausel_preview (company_id, partner_id, currency_id, stale, touched)"
        f" VALUES (1, {twin}, 1, false, false)"
    )
    desk.sql(
        "INSERT INTO klausel_problem (preview_id, company_id, partner_id, severity, text)"
        f" SELECT max(id), 1, {twin}, 'note', 'x' FROM klausel_preview"
    )
    (wizard,) = desk.admin.call("base.partner.merge.automatic.wizard", "create", [{
        "state": "selection", "dst_partner_id": a.customer,
        "partner_ids": [(6, 0, [a.customer, twin])],
    }])  # fmt: skip
    desk.admin.call("base.partner.merge.automatic.wizard", "action_merge", [wizard])
    assert desk.sql(f"SELECT count(*) FROM res_partner WHERE id = {twin}") == [("0",)]
    assert shown.stale() == {"A1"}
    assert desk.admin.call(PREVIEW, "search_count", [("partner_id", "!=", False)]) == 3
    assert desk.admin.call("klausel.problem", "search_count", []) == 0
    rows = desk.sql(
        "SELECT request_id, count(*) FROM klausel_request_customer"
        f" WHERE partner_id = {a.customer} GROUP BY 1"
    )
    assert [number for _, number in rows] == ["1", "1"]
    # Whoever has read the twin is told that it is gone.
    request = desk.next()
    pages = [test_requests.told(twin, shown.payload(request, None))]
    (answer,) = desk.program.call(REQUEST, "klausel_report", request["id"], "one", pages)
    assert (answer["code"], answer["said"]) == (
        "customer-missing", f"Customer {twin} is no customer of this company any more.",
    )  # fmt: skip


def test_what_changes_while_a_program_works_is_stale(shown: Shown) -> None:
    """Read before it was changed; whatever the order in which two programs tell of it."""
    desk, a = shown.desk, shown.a
    (first, *_) = desk.entries(a)
    change = lambda hours: desk.admin.call(ENTRY, "write", [first], {"unit_amount": hours})  # noqa: E731
    desk.admin.call(PREVIEW, "action_refresh_all")
    everything = desk.next()
    change(4)
    assert desk.report(everything["id"], a, shown.payload(everything, a)) is True
    assert desk.report(everything["id"], shown.b, shown.payload(everything, shown.b)) is False
    assert shown.stale() == {"A1"}
    # A second program begins after the change, and tells first.
    desk.admin.call(PREVIEW, "action_refresh", [desk.preview(a)["id"]])
    one = desk.next("two")
    assert desk.report(one["id"], a, shown.payload(one, a), "two") is False
    assert shown.stale() == set()
    # What the first one read is older: the newer one stays.
    old = {**shown.payload(everything, a), "fingerprint": "old"}
    assert desk.report(everything["id"], a, old) is False
    assert desk.preview(a)["fingerprint"] == "seen"
    # Changed again between the beginning of the two, told of by the first one only.
    desk.done(everything["id"], "failed")
    desk.done(one["id"], worker="two")
    desk.admin.call(PREVIEW, "action_refresh_all")
    everything = desk.next()
    change(5)
    desk.admin.call(PREVIEW, "action_refresh", [desk.preview(a)["id"]])
    one = desk.next("two")
    assert desk.report(everything["id"], a, shown.payload(everything, a)) is True
    assert desk.report(one["id"], a, shown.payload(one, a), "two") is False
    # The number alone tells, too.
    older = {**shown.payload(one, a), "seq": desk.number(a) - 1}
    assert desk.report(one["id"], a, older, "two") is True


def test_of_a_customer_that_is_shown_for_the_first_time(shown: Shown) -> None:
    """Its time was logged while a program that had not read it worked, and nothing was shown."""
    desk, a = shown.desk, shown.a
    desk.sql(f"DELETE FROM klausel_preview WHERE partner_id = {a.customer}")
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    (first, *_) = desk.entries(a)
    desk.admin.call(ENTRY, "write", [first], {"unit_amount": 6})
    assert shown.stale() == {""}
    assert desk.report(request["id"], a, shown.payload(request, a)) is True
    assert shown.stale() == {"", "A1"}
    desk.done(request["id"])
    desk.sql(f"DELETE FROM klausel_preview WHERE partner_id = {a.customer}")
    desk.admin.call(PREVIEW, "action_refresh_all")
    request = desk.next()
    assert desk.report(request["id"], a, shown.payload(request, a)) is False


class Holding:
    """Somebody's transaction that changes a fact of a customer already out of date."""

    def __init__(self, shown: Shown, party: Party, seconds: float) -> None:
        self.shown = shown
        self.mark = f"pg_sleep({seconds})"
        statements = (
            f"BEGIN; SELECT id FROM {PREVIEW.replace('.', '_')} WHERE partner_id = {party.customer}"
            f" FOR SHARE; SELECT {self.mark}; COMMIT"
        )
        self.thread = threading.Thread(target=self.hold, args=[statements])

    def hold(self, statements: str) -> None:
        with contextlib.suppress(RuntimeError):  # ended below
            self.shown.desk.sql(statements)

    def backends(self, column: str) -> list[tuple[str | None, ...]]:
        return self.shown.desk.sql(
            f"SELECT {column} FROM pg_stat_activity WHERE query LIKE '%{self.mark}%'"
            " AND state = 'active' AND pid <> pg_backend_pid()"
        )

    def __enter__(self) -> Holding:
        self.thread.start()
        while self.thread.is_alive() and not self.backends("pid"):
            pass
        return self

    def holds(self) -> bool:
        return bool(self.backends("pid"))

    def __exit__(self, *_: object) -> None:
        self.backends("pg_terminate_backend(pid)")
        self.thread.join()


def test_people_who_log_time_at_once_do_not_wait_for_each_other(shown: Shown) -> None:
    """Once it is out of date they share the customer's row. A program that takes it waits for
    them; where that takes long it goes on, and what it tells is out of date."""
    desk, a = shown.desk, shown.a
    first, second = desk.entries(a)[:2]
    desk.admin.call(ENTRY, "write", [first], {"unit_amount": 2})
    assert shown.stale() == {"A1"}
    with Holding(shown, a, 60) as somebody:
        desk.admin.call(ENTRY, "write", [second], {"unit_amount": 2})
        desk.admin.call(PREVIEW, "action_refresh", [desk.preview(a)["id"]])
        request = desk.next()
        assert somebody.holds()
    assert desk.report(request["id"], a, shown.payload(request, a)) is True
    desk.done(request["id"])
    with Holding(shown, a, 1.5) as somebody:
        desk.admin.call(PREVIEW, "action_refresh", [desk.preview(a)["id"]])
        request = desk.next()
        assert not somebody.holds()
    assert desk.report(request["id"], a, shown.payload(request, a)) is False


def test_nobody_waits_for_whoever_else_is_told_of(shown: Shown) -> None:
    """Somebody imports time of one customer for long: what is told of the others in the same call
    is shown at once, and of the one later, alone."""
    desk, a, b, c = shown.desk, shown.a, shown.b, shown.c
    desk.sql("UPDATE klausel_preview SET content = partner_id || ' de_DE en_US nl_NL'")
    desk.ask(test_requests.JULY, a, b, c)
    request = desk.next()
    payload = {**shown.payload(request, None), "fingerprint": "new"}
    pages = [
        test_requests.told(party.customer, {**payload, "seq": desk.number(party)})
        for party in (c, a, b)
    ]
    call = (REQUEST, "klausel_report", request["id"], "one")
    with Holding(shown, a, 60) as somebody:
        same = [
            {"partner_id": party.customer, "content": str(party.customer), "seq": 0}
            for party in (a, b)
        ]
        found = desk.program.call(
            REQUEST, "klausel_unchanged", request["id"], "one", request["as_of"], same
        )
        assert found == [{"partner_id": b.customer}]
        answers = desk.program.call(*call, pages)
        assert [(one["partner_id"], one["code"]) for one in answers] == [
            (c.customer, ""), (b.customer, ""),
        ]  # fmt: skip
        desk.admin.call(ENTRY, "write", desk.entries(b)[:1], {"unit_amount": 3})
        assert somebody.holds()
        prints = [desk.preview(party)["fingerprint"] for party in (a, b, c)]
        assert prints == ["seen", "new", "new"]
    (answer,) = desk.program.call(*call, [pages[1]])
    assert (answer["partner_id"], answer["stale"], answer["code"]) == (a.customer, False, "")
    assert desk.preview(a)["fingerprint"] == "new"
    assert shown.stale() == {"B2"}
    with Holding(shown, a, 1.5) as somebody:
        # Alone it is waited for.
        assert len(desk.program.call(*call, [pages[1]])) == 1
        assert not somebody.holds()


def test_many_log_time_while_programs_take_and_tell(shown: Shown) -> None:
    """Whatever is told last of a customer is stale unless it was read after the last change."""
    desk, a = shown.desk, shown.a
    entries = [
        int(id_)
        for number in range(3)
        for id_ in desk.admin.call(ENTRY, "copy", [desk.entries(a)[0]], {"name": f"Mine {number}"})
    ]
    lost: list[str] = []
    stop = threading.Event()
    changes: list[int] = []

    def log(entry: int) -> None:
        rpc = Rpc(desk.odoo)
        for number in range(12):
            rpc.call(ENTRY, "write", [entry], {"unit_amount": number + 1})
            changes.append(entry)

    def work(worker: str) -> None:
        login = dataclasses.replace(desk.odoo, login="program", password=test_requests.PASSWORD)
        rpc = Rpc(login)
        while not stop.is_set():
            request = rpc.call(REQUEST, "klausel_next", 1, worker, "1.0")
            if not request:
                desk.ask(test_requests.JULY, a)
                continue
            hours = sum(row["unit_amount"] for row in rpc.call(ENTRY, "read", entries))
            payload = {**shown.payload(request, a), "fingerprint": str(round(hours))}
            alone = test_requests.told(a.customer, payload)
            pages = [
                test_requests.told(party.customer, {**payload, "fingerprint": "seen"})
                for party in (shown.c, shown.b)
            ]
            call = (REQUEST, "klausel_report", request["id"], worker)
            if not any(
                answer["partner_id"] == a.customer
                for answer in rpc.call(*call, [pages[0], alone, pages[1]])
            ):
                rpc.call(*call, [alone])
            rpc.call(REQUEST, "klausel_done", request["id"], worker, "done", "")

    people = [threading.Thread(target=log, args=[entry]) for entry in entries]
    programs = [threading.Thread(target=work, args=[worker]) for worker in ("one", "two")]

    def watch() -> None:
        """In one look: what is shown as up to date is what there is."""
        while not stop.is_set():
            ((wrong,),) = desk.sql(
                "SELECT count(*) FROM klausel_preview WHERE NOT stale AND fingerprint <> 'seen'"
                f" AND partner_id = {a.customer} AND fingerprint <> (SELECT"
                " sum(unit_amount)::int::text FROM account_analytic_line"
                f" WHERE id = ANY(ARRAY{entries}))"
            )
            if wrong != "0":
                lost.append(str(wrong))

    watcher = threading.Thread(target=watch)
    for thread in (*people, *programs, watcher):
        thread.start()
    for thread in people:
        thread.join()
    stop.set()
    for thread in (*programs, watcher):
        thread.join()
    assert lost == []
    assert len(changes) == 36
    ((reports,),) = desk.sql(
        "SELECT count(*) FROM klausel_request_customer WHERE state = 'previewed'"
    )
    count("reports told while three people log time, none wrong and up to date", int(reports or 0))
    desk.admin.call(ENTRY, "unlink", entries)
