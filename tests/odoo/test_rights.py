"""Who may do what, tried over RPC: what decides about money is written by the addon alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

import cli

from . import users
from .customers import Party, arguments, drafts, empty, populate
from .rpc import Refusal, Rpc
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

#: Those who may change timesheets or invoices, or who run everything.
MIGHTY = ("project_manager", "accountant", "manager", "administrator")


class World(NamedTuple):
    """Two customers of one company, both billed for January, and somebody of every kind."""

    server: Server
    odoo: Odoo
    admin: Rpc
    mine: Party
    other: Party
    people: dict[str, Rpc]

    def moves(self, party: Party) -> list[int]:
        domain = [("partner_id", "=", party.customer), ("klausel_run_id", "!=", False)]
        return list(self.admin.call("account.move", "search", domain, order="id"))

    def entries(self, party: Party) -> list[int]:
        domain = [("project_id", "=", party.project)]
        return list(self.admin.call("account.analytic.line", "search", domain, order="id"))

    def live(self, entry: int) -> list[tuple[str | None, ...]]:
        return self.sql(
            f"SELECT contract_id FROM klausel_ledger WHERE entry_ref = {entry} AND state = 'live'"
        )

    def sql(self, text: str) -> list[tuple[str | None, ...]]:
        return self.server.psql(self.odoo.database, text)

    def stored(self, model: str, name: str, id_: int) -> str | None:
        table = model.replace(".", "_")
        ((_id, value),) = self.sql(f"SELECT id, {name}::text FROM {table} WHERE id = {id_}")
        return value


@pytest.fixture(scope="module")
def world(odoo_server: Server, odoo: Odoo) -> Iterator[World]:
    empty(odoo_server, odoo)
    admin = Rpc(odoo)
    mine, other = populate(odoo_server, odoo, ["MINE", "OTHER"]).values()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KLAUSEL_ODOO_PASSWORD", odoo.password)
        assert cli.run(arguments(odoo, "2024-02-01")) == 0
    assert sorted(drafts(odoo_server, odoo)) == ["Shop MINE", "Shop OTHER"]
    yield World(odoo_server, odoo, admin, mine, other, users.make(odoo, admin))


def refused(who: Rpc, model: str, method: str, *arguments: Any, **named: Any) -> str:
    """The sentence of the refusal. Fails where the call goes through."""
    try:
        answer = who.call(model, method, *arguments, **named)
    except Refusal as refusal:
        assert refusal.kind in ("AccessError", "UserError"), str(refusal)
        return refusal.message
    pytest.fail(f"{model}.{method}{arguments} by {who.odoo.login}: {answer}")


# --- C1: whether a contract covers a timesheet ---------------------------------------------------


@pytest.mark.parametrize("kind", ["timesheets", "project_manager", "manager", "administrator"])
def test_nobody_says_whether_a_timesheet_is_covered(kind: str, world: World) -> None:
    who = world.people[kind]
    values = {"project_id": world.mine.project, "date": "2024-03-05", "name": "Own work"}
    (own,) = who.call("account.analytic.line", "create", [{**values, "unit_amount": 1}])
    assert world.stored("account.analytic.line", "klausel_covered", own) == "true"
    said = refused(who, "account.analytic.line", "write", [own], {"klausel_covered": False})
    assert said == (
        "Klausel keeps “Under Contract” of “Analytic Line” itself: nobody else writes it."
    )
    assert world.stored("account.analytic.line", "klausel_covered", own) == "true"
    refused(who, "account.analytic.line", "create", [{**values, "klausel_covered": False}])
    refused(who, "account.analytic.line", "copy", [own], {"klausel_covered": False})
    # Neither by a default: of the context, as grouped lists send them, or one that she has saved.
    context = {"default_klausel_covered": False}
    (again,) = who.call("account.analytic.line", "create", [values], context=context)
    assert world.stored("account.analytic.line", "klausel_covered", again) == "true"
    # Nor by way of another record.
    if kind != "timesheets":
        command = [(1, own, {"klausel_covered": False})]
        refused(who, "project.project", "write", [world.mine.project], {"timesheet_ids": command})
    world.admin.call("account.analytic.line", "unlink", [own, again])


def test_a_default_of_ones_own_covers_nothing(world: World) -> None:
    who = world.people["administrator"]
    who.call("ir.default", "set", "account.analytic.line", "klausel_covered", False, True)
    values = {"project_id": world.mine.project, "date": "2024-03-05", "name": "Own work"}
    (own,) = who.call("account.analytic.line", "create", [values])
    assert world.stored("account.analytic.line", "klausel_covered", own) == "true"
    who.call("account.analytic.line", "unlink", [own])


# --- C2: whose timesheet a row of a payload is about ----------------------------------------------


def payload(world: World, entry: int, **row: Any) -> dict[str, Any]:
    """What a program could send for the first customer: a row about ``entry``, and its line."""
    place = {
        "contract": "MINE", "term": "E", "component": "effort", "period": "2024-06-01",
        "group": "88.5",
    }  # fmt: skip
    ((sequence,),) = world.sql(
        "SELECT coalesce(max(number), 0) FROM klausel_revision"
        f" WHERE partner_id = {world.mine.customer}"
    )
    line = {
        "key": "line", "name": "Work", "product_id": world.mine.product, "quantity": "1",
        "unit": "hour", "price_unit": "88.50", "discount": "0", "from": "2024-06-01",
        "to": "2024-06-30", "contract": "MINE", "entries": [entry],
    }  # fmt: skip
    move = {
        "key": "draft", "move_type": "out_invoice", "currency": "USD", "total": "88.50",
        "lines": [line],
    }  # fmt: skip
    return {
        "protocol": 2, "company_id": 1, "partner_id": world.mine.customer,
        "seq": int(sequence or 0), "key": f"made up {entry} {sorted(row)}", "as_of": "2024-07-01",
        "fingerprints": {}, "moves": [move],
        "rows": [
            {**place, "amount": "88.50", "rate": "88.50", "line": "line"},
            {**place, "entry": entry, "seconds": 3600, "line": "line", **row},
        ],
    }  # fmt: skip


@pytest.mark.parametrize("where", ["another customer's", "another company's", "nobody's"])
@pytest.mark.parametrize("kind", ["connector", "administrator"])
def test_a_row_is_about_the_customers_own_timesheet(kind: str, where: str, world: World) -> None:
    """C2: without a fingerprint nothing says that the program has ever read that timesheet."""
    if where == "another customer's":
        entry = world.admin.call("account.analytic.line", "create", [{
            "project_id": world.other.project, "date": "2024-06-03", "name": "Theirs",
            "unit_amount": 1, "employee_id": world.admin.call("hr.employee", "search", [])[0],
        }])[0]  # fmt: skip
    elif where == "another company's":
        ((entry,),) = world.sql(
            "INSERT INTO account_analytic_line (name, date, project_id, company_id, unit_amount,"
            " amount, currency_id, klausel_covered, account_id) SELECT 'Away', '2024-06-03',"
            f" {world.mine.project}, {elsewhere(world)}, 1, 0, 1, false,"
            " (SELECT id FROM account_analytic_account LIMIT 1) RETURNING id"
        )
    else:
        entry = 2_000_000_000
    entry = int(entry or 0)
    for row in ({}, {"seconds": 0}, {"seconds": -3600}, {"held": "pending"}):
        data = payload(world, entry, **row)
        said = refused(world.people[kind], "klausel.contract", "klausel_apply", data)
        assert said == (
            f"[klausel:entry-missing] No more of timesheet {entry} can be taken back than is on"
            " record with Shop MINE."
        )
    # With a fingerprint it is refused as before.
    data = payload(world, entry, fingerprint="0" * 16)
    data["fingerprints"] = {str(entry): "0" * 16}
    said = refused(world.people[kind], "klausel.contract", "klausel_apply", data)
    assert said.startswith(("[klausel:entry-changed] ", "[klausel:entry-missing] "))
    assert world.live(entry) == []
    if where != "nobody's":
        assert world.stored("account.analytic.line", "timesheet_invoice_id", entry) is None
        world.sql(f"DELETE FROM account_analytic_line WHERE id = {entry} RETURNING id")


def test_no_more_is_taken_back_than_is_on_record(world: World) -> None:
    """Of a timesheet that is the other customer's now; all of it may be, which frees it there."""
    entry = world.entries(world.mine)[0]
    place = f"entry_ref = {entry} AND state = 'live' AND held IS NULL"
    ((seconds, rounded, term, component, period, group, lot),) = world.sql(
        "SELECT seconds, rounded, term, component, period, line_group, coalesce(lot, '')"
        f" FROM klausel_ledger WHERE {place}"
    )
    rows = {
        "term": term, "component": component, "period": period, "group": group, "lot": lot,
        "sequence": 7, "line": "",
    }  # fmt: skip
    whole = {"seconds": -int(seconds or 0), "rounded": -int(rounded or 0)}
    who = world.people["connector"]
    for wrong in (
        {"seconds": 3600}, {"rounded": 60}, {"drawn": -60}, {**whole, "drawn": 1},
        {**whole, "seconds": whole["seconds"] - 1}, {"seconds": 60, "held": "pending"},
    ):  # fmt: skip
        data = payload(world, entry, **{**rows, "seconds": 0, "rounded": 0, **wrong})
        data["moves"], data["rows"] = [], data["rows"][1:]
        said = refused(who, "klausel.contract", "klausel_apply", data)
        assert said.startswith("[klausel:entry-missing] No more of timesheet "), wrong
    data = payload(world, entry, **{**rows, **whole})
    data["moves"], data["rows"] = [], data["rows"][1:]
    assert who.call("klausel.contract", "klausel_apply", data)["rows"] == 1
    sums = f"SELECT sum(seconds), sum(rounded) FROM klausel_ledger WHERE {place}"
    assert world.sql(sums) == [("0", "0")]


def elsewhere(world: World) -> int:
    found = world.admin.call("res.company", "search", [("name", "=", "Elsewhere Ltd")])
    return int(found[0] if found else world.admin.call(
        "res.company", "create", [{"name": "Elsewhere Ltd"}])[0])  # fmt: skip


# --- C3: what takes the place of an invoice ----------------------------------------------------


def reverse(who: Rpc, move: int, method: str = "modify_moves", **context: Any) -> Any:
    (row,) = who.call("account.move", "read", [move], ["journal_id", "invoice_date"])
    about = {"active_model": "account.move", "active_ids": [move]}
    values = {"journal_id": row["journal_id"][0], "date": row["invoice_date"], "reason": "wrong"}
    (wizard,) = who.call("account.move.reversal", "create", [values], context=about)
    return who.call("account.move.reversal", method, [wizard], context={**about, **context})


def invoice(world: World, party: Party) -> int:
    """One that people made, posted."""
    (move,) = world.admin.call("account.move", "create", [{
        "move_type": "out_invoice", "partner_id": party.customer, "invoice_date": "2024-02-10",
        "invoice_line_ids": [(0, 0, {
            "product_id": party.product, "quantity": 1, "price_unit": 5, "tax_ids": [(5,)],
        })],
    }])  # fmt: skip
    world.admin.call("account.move", "action_post", [move])
    return int(move)


@pytest.mark.parametrize("kind", ["accountant", "administrator"])
def test_only_what_is_reversed_is_replaced(kind: str, world: World) -> None:
    """C3: an id in the context moves nobody's ledger."""
    who = world.people[kind]
    target = world.moves(world.other)[0]
    before = world.sql("SELECT id, move_id, move_line_id FROM klausel_ledger ORDER BY id")
    runs = world.stored("account.move", "klausel_run_id", target)
    move = invoice(world, world.mine)
    stamp = {"default_klausel_stamp": "x"}
    for method, more in (("modify_moves", {}), ("refund_moves", {}), ("modify_moves", stamp)):
        context = {
            "default_klausel_replaces_id": target, "default_klausel_run_id": int(runs or 0),
            "klausel_replacing": True, **more,
        }  # fmt: skip
        reverse(who, move, method, **context)
        assert (
            world.sql("SELECT id, move_id, move_line_id FROM klausel_ledger ORDER BY id") == before
        )
        assert world.sql(
            f"SELECT id FROM account_move WHERE id > {move} AND (klausel_run_id IS NOT NULL"
            " OR klausel_replaces_id IS NOT NULL OR klausel_stamp IS NOT NULL)"
        ) == []  # fmt: skip
        move = invoice(world, world.mine)


def test_the_context_stops_no_check_of_reversals(world: World) -> None:
    """A full credit note by hand opens the work, whatever the accountant's context says."""
    who = world.people["accountant"]
    move = world.moves(world.mine)[0]
    world.admin.call("account.move", "write", [move], {"invoice_date": "2024-02-01"})
    world.admin.call("account.move", "action_post", [move])
    before = world.sql("SELECT state, count(*) FROM klausel_ledger GROUP BY 1 ORDER BY 1")
    context = {"klausel_replacing": True}
    reverse(who, move, "refund_moves", **context)
    (refund,) = world.admin.call("account.move", "search", [("reversed_entry_id", "=", move)])
    who.call("account.move", "action_post", [refund], context=context)
    states = f"SELECT DISTINCT state FROM klausel_ledger WHERE move_id = {move}"
    assert world.sql(states) == [("released",)]
    who.call("account.move", "button_draft", [refund], context=context)
    who.call("account.move", "button_cancel", [refund], context=context)
    assert world.sql(states) == [("live",)]
    assert world.sql("SELECT state, count(*) FROM klausel_ledger GROUP BY 1 ORDER BY 1") == before


# --- C4: links of documents to the ledger -------------------------------------------------------


@pytest.mark.parametrize("kind", MIGHTY)
@pytest.mark.parametrize("name", ["klausel_run_id", "klausel_replaces_id", "klausel_stamp"])
def test_nobody_links_documents(name: str, kind: str, world: World) -> None:
    """C4: not by write, create, copy, import, nor by way of the customer's list of invoices."""
    who, (move,) = world.people[kind], world.moves(world.mine)[:1]
    (run,) = world.admin.call("klausel.run", "search", [], limit=1)
    other = {"klausel_run_id": run, "klausel_replaces_id": world.moves(world.other)[0]}
    new = other.get(name, "x")
    before, moves = (
        world.stored("account.move", name, move),
        world.sql("SELECT count(*) FROM account_move"),
    )
    document = {"move_type": "out_refund", "partner_id": world.mine.customer}
    for method, some in {
        "write": ([move], {name: new}),
        "web_save": ([move], {name: False}, {"id": {}}),
        "create": ([{**document, name: new}],),
        "copy": ([move], {name: new}),
    }.items():
        refused(who, "account.move", method, *some)
    said = who_imports(who, "account.move", ["move_type", "partner_id/.id", f"{name}/.id"], [
        ["out_refund", str(world.mine.customer), str(new)]
    ]) if name != "klausel_stamp" else ""  # fmt: skip
    assert "ids" not in said
    command = {"invoice_ids": [(1, move, {name: False})]}
    if kind != "project_manager":
        refused(who, "res.partner", "write", [world.mine.customer], command)
    assert world.stored("account.move", name, move) == before
    assert world.sql("SELECT count(*) FROM account_move") == moves


def who_imports(who: Rpc, model: str, names: list[str], rows: list[list[str]]) -> str:
    """What an import answers; ``ids`` is in it if anything was imported."""
    try:
        answer = who.call(model, "load", names, rows)
    except Refusal as refusal:
        return refusal.message
    return "ids" if answer["ids"] else str(answer["messages"])


@pytest.mark.parametrize("kind", ["manager", "administrator"])
def test_nobody_moves_the_number_of_a_customer(kind: str, world: World) -> None:
    who = world.people[kind]
    numbers = "SELECT company_id, partner_id, number FROM klausel_revision ORDER BY 1, 2"
    before = world.sql(numbers)
    if kind == "administrator":
        who.call("res.partner", "write", [world.mine.customer], {"klausel_seq": 0})
    (revision,) = who.call("klausel.revision", "search", [], limit=1)
    refused(who, "klausel.revision", "write", [revision], {"number": 0})
    refused(who, "klausel.revision", "unlink", [revision])
    assert world.sql(numbers) == before


# --- what a caller's context may not do ---------------------------------------------------------


SILENT = {
    "klausel_no_notes": True, "tracking_disable": True, "mail_notrack": True, "install_mode": True,
}  # fmt: skip


def notes(world: World, party: Party) -> int:
    domain = [("model", "=", "klausel.contract"), ("res_id", "=", party.contract)]
    return int(world.admin.call("mail.message", "search_count", domain))


def test_a_price_is_never_changed_without_a_note(world: World) -> None:
    who = world.people["manager"]
    terms = [("contract_id", "=", world.other.contract), ("code", "=", "E")]
    (term,) = who.call("klausel.term", "search", terms)
    values = {"term_id": term, "name": "later", "value": "90.00"}
    before = notes(world, world.other)
    (one,) = who.call("klausel.parameter", "create", [values], context=SILENT)
    who.call("klausel.parameter", "write", [one], {"value": "91.00"}, context=SILENT)
    who.call("klausel.parameter", "unlink", [one], context=SILENT)
    assert notes(world, world.other) == before + 3


def test_a_parameter_is_checked_whatever_the_context(world: World) -> None:
    who = world.people["manager"]
    parameter = {
        "name": "price", "meaning": {"en": "Price"}, "type": "money", "required": True,
        "example": "95.00",
    }  # fmt: skip
    plan = {"name": "time", "title": {}, "clause": "", "parameters": [parameter]}
    who.call("klausel.policy", "klausel_publish", {
        "protocol": 2, "company_id": 1, "policies": [{
            "name": "rights", "version": "1", "hash": "h", "digest": "d", "replaces": "",
            "title": {}, "plans": [plan],
        }],
    })  # fmt: skip
    (contract,) = who.call("klausel.contract", "create", [{
        "code": "RIGHTS", "partner_id": world.mine.customer, "date_start": "2030-01-01",
        "policy": "rights", "covers": "project", "project_ids": [(4, world.mine.project)],
        "term_ids": [(0, 0, {
            "code": "T", "plan": "time", "product_id": world.mine.product,
            "parameter_ids": [(0, 0, {"name": "price", "value": "95.00"})],
        })],
    }])  # fmt: skip
    prices = who.call("klausel.parameter", "search", [("contract_id", "=", contract)])
    for method, some in {"unlink": (), "write": ({"name": "prize"},)}.items():
        plain = failed(who, "klausel.parameter", method, prices, *some)
        context = {"klausel_whole_term": True}
        assert "price" in plain
        assert failed(who, "klausel.parameter", method, prices, *some, context=context) == plain
    who.call("klausel.contract", "unlink", [contract])


def failed(who: Rpc, model: str, method: str, *arguments: Any, **named: Any) -> str:
    try:
        who.call(model, method, *arguments, **named)
    except Refusal as refusal:
        assert refusal.kind == "ValidationError", str(refusal)
        return refusal.message
    pytest.fail(f"{model}.{method}{arguments} went through")


def test_settled_time_stays_where_its_task_goes(world: World) -> None:
    """Only a change of the timesheet itself moves it, and leaves a note."""
    who = world.people["administrator"]
    entry, *_ = world.entries(world.other)
    (task,) = who.call("project.task", "create", [{
        "name": "Goes away", "project_id": world.other.project,
        "partner_id": world.other.customer,
    }])  # fmt: skip
    who.call("account.analytic.line", "write", [entry], {"task_id": task})
    # As what is included: on record, and on no invoice, so that Odoo itself lets it go.
    world.sql(f"UPDATE account_analytic_line SET timesheet_invoice_id = NULL WHERE id = {entry}")
    context = {"klausel_override": True}
    values = {"project_id": world.mine.project, "partner_id": world.mine.customer}
    who.call("project.task", "write", [task], values, context=context)
    for name, there in (("project_id", world.other.project), ("partner_id", world.other.customer)):
        assert world.stored("account.analytic.line", name, entry) == str(there)


def test_whoever_decides_sees_the_timesheet(world: World) -> None:
    """Named in the context, it is looked at like one that is named in the values."""
    who = world.people["reader"]
    (private,) = world.admin.call("project.project", "create", [{
        "name": "Vault", "partner_id": world.other.customer, "allow_timesheets": True,
        "privacy_visibility": "followers", "company_id": 1,
    }])  # fmt: skip
    (entry,) = world.admin.call("account.analytic.line", "create", [{
        "name": "Secret", "project_id": private, "date": "2024-03-05", "unit_amount": 1,
        "employee_id": world.admin.call("hr.employee", "search", [])[0],
    }])  # fmt: skip
    group = world.admin.ref("klausel_billing.group_manager")
    world.admin.call("res.users", "write", [who.user], {"group_ids": [(4, group)]})
    decision = {"disposition": "written_off", "reason": "because"}
    refused(who, "klausel.override", "create", [{**decision, "entry_id": entry}])
    context = {"default_entry_id": entry}
    refused(who, "klausel.override", "create", [decision], context=context)
    manager = world.people["manager"]
    named = {
        "default_company_id": elsewhere(world), "default_partner_id": world.mine.customer,
        "default_state": "revoked", "default_decided_by": "Bob", "default_entry_ref": 1,
    }  # fmt: skip
    mine = world.entries(world.other)[1]
    (one,) = manager.call(
        "klausel.override", "create", [decision], context={**named, "default_entry_id": mine}
    )
    (row,) = manager.call("klausel.override", "read", [one])
    assert (row["entry_ref"], row["state"], row["decided_by"]) == (mine, "live", "One manager")
    assert row["entry_text"].startswith("2024-01-07, ")
    assert (row["company_id"][0], row["partner_id"][0]) == (1, world.other.customer)


# --- C5: the consultant's own role ---------------------------------------------------------------


def test_a_consultant_classifies_and_reads_no_price(world: World) -> None:
    who = world.people["consultant"]
    (task,) = who.call("project.task", "create", [{
        "name": "Slow page", "project_id": world.mine.project,
        "partner_id": world.mine.customer,
    }])  # fmt: skip
    view = who.call("project.task", "get_view", view_type="form")["arch"]
    facts = {
        "klausel_activity": "support", "klausel_origin": "ours", "klausel_initiated_by": "us",
    }  # fmt: skip
    for name in facts:
        assert f'name="{name}"' in view
    who.call("project.task", "write", [task], facts)
    (row,) = who.call("project.task", "read", [task], list(facts))
    assert {name: row[name] for name in facts} == facts
    (own,) = who.call("account.analytic.line", "create", [{
        "project_id": world.mine.project, "task_id": task, "date": "2024-03-05",
        "name": "Own work", "unit_amount": 3, "klausel_activity": "support",
    }])  # fmt: skip
    fields = ["klausel_covered", "klausel_left_hours", "klausel_held_hours", "klausel_held"]
    form = who.call(
        "account.analytic.line", "get_view", view_type="form",
        view_id=who_ref(world, "hr_timesheet.hr_timesheet_line_form"),
    )["arch"]  # fmt: skip
    shown = who.call(
        "account.analytic.line",
        "get_view",
        view_type="list",
        view_id=who_ref(world, "hr_timesheet.hr_timesheet_line_tree"),
    )["arch"]
    for name in fields:
        assert f'name="{name}"' in form
        assert f'name="{name}"' in shown
    place = {
        "contract_id": world.mine.contract, "term": "E", "component": "effort",
        "period": "2024-03-01", "line_group": "1", "entry_id": own, "entry_ref": own,
    }  # fmt: skip
    rows = [
        {**place, "sequence": 0, "seconds": 3600, "disposition": "service"},
        {**place, "sequence": 1, "seconds": 1800, "held": "pending"},
    ]
    world.server.shell(
        world.odoo.database, f"env['klausel.ledger'].create({rows!r}); env.cr.commit()"
    )
    (row,) = who.call("account.analytic.line", "read", [own], fields)
    del row["id"]
    assert row == {
        "klausel_covered": True, "klausel_left_hours": 1.5, "klausel_held_hours": 0.5,
        "klausel_held": "Waits for the customer's approval",
    }  # fmt: skip
    said = {
        language: who.call(
            "account.analytic.line", "read", [own], ["klausel_held"], context={"lang": language}
        )[0]["klausel_held"]
        for language in ("de_DE", "nl_NL")
    }
    assert said == {
        "de_DE": "Wartet auf die Freigabe des Kunden",
        "nl_NL": "Wacht op het akkoord van de klant",
    }
    # On record stays the program's code; a billing manager reads the same sentence beside it.
    billing = world.people["manager"].call(
        "klausel.ledger", "search_read", [("entry_ref", "=", own), ("held", "!=", False)],
        ["held", "held_because"],
    )  # fmt: skip
    assert [(row["held"], row["held_because"]) for row in billing] == [
        ("pending", "Waits for the customer's approval")
    ]
    for operator, there in {"!=": [own], "=": []}.items():
        domain = [("id", "=", own), ("klausel_held", operator, False)]
        assert who.call("account.analytic.line", "search", domain) == there
    # No contract, no price, no amount: neither read nor asked for.
    for model in (
        "klausel.contract", "klausel.term", "klausel.parameter", "klausel.ledger", "klausel.run",
        "klausel.item", "klausel.approval", "klausel.opening", "klausel.purchase",
        "klausel.override", "klausel.policy", "klausel.plan", "account.move",
    ):  # fmt: skip
        refused(who, model, "search_read", [], ["display_name"])
    refused(who, "account.analytic.line", "read", [own], ["klausel_ledger_ids"])
    refused(who, "account.analytic.line", "read", [own], ["klausel_decision"])
    refused(who, "account.analytic.line", "search", [("klausel_ledger_ids.amount", "!=", False)])
    refused(who, "klausel.contract", "klausel_info", 1)
    refused(who, "klausel.contract", "klausel_documents", 1)
    refused(who, "klausel.reference", "klausel_look_up", 1, "res.partner", [1], {"name": {}})
    # A colleague without the role does without the fields.
    plain = world.people["project_user"].call("project.task", "get_view", view_type="form")["arch"]
    assert "klausel_origin" not in plain


def who_ref(world: World, name: str) -> int:
    return world.admin.ref(name)


def test_a_caller_merges_nothing(world: World) -> None:
    """A contact takes no billed contract along by a word in the context."""
    who = world.people["administrator"]
    context = {"klausel_merging": True}
    values = {"parent_id": world.mine.customer, "is_company": False}
    plain = refused(who, "res.partner", "write", [world.other.customer], values)
    said = refused(who, "res.partner", "write", [world.other.customer], values, context=context)
    assert said == plain
    assert "OTHER" in said


# --- what a refusal says ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["portal", "employee", "timesheets", "consultant"])
def test_a_refusal_names_nobody_to_who_may_not_ask(kind: str, world: World) -> None:
    """Rights come first: what is wrong with a change is for those who may make it."""
    who = world.people[kind]
    move = world.moves(world.other)[0]
    (line, *_) = world.admin.call("account.move.line", "search", [("move_id", "=", move)])
    (refund,) = world.admin.call("account.move", "search", [
        ("reversed_entry_id", "in", world.moves(world.mine)), ("klausel_run_id", "=", False),
    ], limit=1)  # fmt: skip
    of = [("contract_id", "=", world.other.contract)]
    terms = world.admin.call("klausel.term", "search", of)
    for model, method, *some in (
        ("klausel.contract", "write", [world.other.contract], {"partner_id": world.mine.customer}),
        ("klausel.contract", "write", [world.other.contract], {"currency_id": 2}),
        ("klausel.contract", "unlink", [world.other.contract]),
        ("klausel.term", "write", terms, {"code": "Z"}),
        ("klausel.term", "unlink", terms),
        ("account.move", "write", [move], {"state": "cancel"}),
        ("account.move", "write", [refund], {"state": "draft"}),
        ("account.move", "unlink", [move]),
        ("account.move.line", "unlink", [line]),
        ("account.analytic.line", "write", world.entries(world.other), {"unit_amount": 9}),
        ("account.analytic.line", "unlink", world.entries(world.other)),
    ):
        with pytest.raises(Refusal) as caught:
            who.call(model, method, *some)
        assert caught.value.kind == "AccessError", (model, method, caught.value.message)
        assert "Shop" not in caught.value.message
        assert "OTHER" not in caught.value.message
