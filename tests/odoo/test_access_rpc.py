"""Every public method of the addon, called over RPC by people whom it does not concern."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

import cli
from tests.counts import count

from .customers import Party, arguments, drafts, empty, populate
from .rpc import Refusal, Rpc
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

#: What stands in the company's data and nowhere else; the names of its records hold one of these.
SECRETS = ("Quandt", "QX-7731", "Zebraflott", "4321.09", "4321", "OCEAN-PO")
PASSWORD = "a-word-1"

#: Model and public method, as the addon's own classes define or override them.
INTROSPECT = """
import inspect, json
found = set()
for name, model in env.registry.items():
    for cls in model.__mro__:
        if (cls.__module__ or "").startswith("odoo.addons.klausel_billing"):
            found |= {
                (name, method) for method, value in vars(cls).items()
                if not method.startswith("_") and inspect.isroutine(value)
            }
print(json.dumps(sorted(found)))
"""

#: Everything of the addon that is stored.
MODELS = (
    "klausel.contract",
    "klausel.term",
    "klausel.parameter",
    "klausel.attribute",
    "klausel.purchase",
    "klausel.item",
    "klausel.acceptance",
    "klausel.approval",
    "klausel.opening",
    "klausel.batch",
    "klausel.ledger",
    "klausel.revision",
    "klausel.run",
    "klausel.override",
    "klausel.policy",
    "klausel.plan",
    "klausel.plan.parameter",
    "klausel.rule",
    "klausel.word",
    "klausel.worker",
    "klausel.request",
    "klausel.request.customer",
    "klausel.preview",
    "klausel.preview.line",
    "klausel.preview.part",
    "klausel.balance",
    "klausel.notice",
    "klausel.problem",
)

SHOWN = ("klausel.worker", "klausel.request", "klausel.preview", "klausel.balance",
         "klausel.notice", "klausel.problem")  # fmt: skip
ABSTRACT = {
    "klausel.contract.part", "klausel.guarded", "klausel.named", "klausel.named.term",
    "klausel.preview.row", "klausel.touching",
}  # fmt: skip
#: Of Odoo, where the addon looks on at what is written: no right is the addon's there.
WATCHED = {
    (model, method)
    for model in (
        "decimal.precision", "hr.employee", "hr.job", "hr.version", "project.tags", "res.company",
        "res.currency", "res.lang", "res.partner.category",
    )
    for method in ("create", "write", "unlink")
}  # fmt: skip


class Secret(NamedTuple):
    """A company with a billed customer, and those who must learn nothing of it."""

    server: Server
    odoo: Odoo
    party: Party
    ids: dict[str, list[int]]
    """Records of the company, by model."""
    callers: dict[str, Rpc]


class Call(NamedTuple):
    method: str
    arguments: tuple[Any, ...] = ()
    named: dict[str, Any] = {}


@pytest.fixture(scope="module")
def secret(odoo_server: Server, odoo: Odoo) -> Iterator[Secret]:
    empty(odoo_server, odoo)
    rpc = Rpc(odoo)
    (party,) = populate(odoo_server, odoo, ["QX-7731"]).values()
    fill(rpc, party)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KLAUSEL_ODOO_PASSWORD", odoo.password)
        assert cli.run(arguments(odoo, "2024-02-01")) == 0
    assert list(drafts(odoo_server, odoo)) == ["Geheimrat Quandt KG"]
    # Its plans have neither blocks nor fixed prices: with these the customer would have waited.
    (term,) = rpc.call("klausel.term", "search", [], order="priority", limit=1)
    of = {"contract_id": party.contract, "term_id": term}
    rpc.call("klausel.purchase", "create", [{**of, "hours": 4321}])
    rpc.call("klausel.acceptance", "create", [of])
    show(odoo_server, odoo, party)
    ids = {model: rpc.call(model, "search", []) for model in MODELS}
    assert all(ids.values())
    ids["account.move"] = rpc.call("account.move", "search", [("klausel_run_id", "!=", False)])
    lines = [("move_id", "in", ids["account.move"])]
    ids["account.move.line"] = rpc.call("account.move.line", "search", lines)
    entries = [("project_id", "=", party.project)]
    ids["account.analytic.line"] = rpc.call("account.analytic.line", "search", entries)
    ids["project.task"] = rpc.call("project.task", "search", entries)
    ids["res.partner"] = [party.customer]
    ids["res.company"] = [1]
    wizard = {"move_ids": [(6, 0, ids["account.move"])], "journal_id": 1}
    ids["account.move.reversal"] = rpc.call("account.move.reversal", "create", [wizard])
    decide = {"entry_ids": [(6, 0, ids["account.analytic.line"])], "reason": "Quandt"}
    ids["klausel.decide"] = rpc.call("klausel.decide", "create", [decide])
    correct = {"entry_id": ids["account.analytic.line"][0], "date": "2024-01-20", "hours": 4321,
               "name": "Zebraflott", "reason": "Quandt"}  # fmt: skip
    ids["klausel.correct"] = rpc.call("klausel.correct", "create", [correct])
    yield Secret(odoo_server, odoo, party, ids, people(odoo, rpc))


def fill(rpc: Rpc, party: Party) -> None:
    """Names and amounts that nobody else has, in every table."""
    renamed = {
        "res.partner": (party.customer, {"name": "Geheimrat Quandt KG", "company_id": 1}),
        "project.project": (party.project, {"name": "Zebraflott"}),
        "product.product": (party.product, {"name": "Zebraflott care", "company_id": 1}),
        "klausel.contract": (party.contract, {"name": "Quandt care", "po_number": "OCEAN-PO"}),
    }
    for model, (id_, values) in renamed.items():
        rpc.call(model, "write", [id_], values)
    terms = rpc.call("klausel.term", "search", [], order="priority")
    prices = rpc.call("klausel.parameter", "search", [("term_id", "=", terms[0])])
    rpc.call("klausel.parameter", "write", prices, {"value": "4321.09"})
    (ticket,) = rpc.call(
        "project.task", "create",
        [{"name": "Zebraflott", "project_id": party.project, "partner_id": party.customer}],
    )  # fmt: skip
    of = {"contract_id": party.contract}
    values: dict[str, dict[str, Any]] = {
        "klausel.attribute": {"name": "Quandt", "value": "4321.09"},
        "klausel.item": {"name": "Zebraflott", "price": 4321.09, "date": "2024-01-20"},
        "klausel.approval": {"ticket_ids": [(6, 0, [ticket])], "limit_amount": 4321.09},
        "klausel.opening": {"term_id": terms[0]},
    }
    for model, one in values.items():
        rpc.call(model, "create", [{**of, **one}])
    rpc.call("klausel.policy", "klausel_publish", {
        "protocol": 2, "company_id": 1, "policies": [published("Zebraflott")],
    })  # fmt: skip
    (entry, *_) = rpc.call("account.analytic.line", "search", [("project_id", "=", party.project)])
    decision = {"entry_id": entry, "disposition": "included", "reason": "Quandt"}
    rpc.call("klausel.override", "create", [decision])


def show(server: Server, odoo: Odoo, party: Party) -> None:
    """What the program beside Odoo shows of the customer."""
    whose = f"1, {party.customer}"
    below = f"99, {whose}"
    contract = party.contract
    server.psql(odoo.database, f"""
INSERT INTO klausel_worker (name, company_id, seen_on) VALUES ('Zebraflott', 1, now());
INSERT INTO klausel_request (id, kind, state, company_id, as_of, progress)
    VALUES (1, 'preview', 'done', 1, '2024-02-01', 'Quandt');
INSERT INTO klausel_request_customer (request_id, company_id, partner_id, state)
    VALUES (1, {whose}, 'previewed');
INSERT INTO klausel_preview (id, company_id, partner_id, currency_id, amount, stale, touched)
    VALUES (99, {whose}, 1, 4321.09, true, true);
INSERT INTO klausel_preview_line
    (id, preview_id, company_id, partner_id, contract_id, kind, draft, key, name, currency_id)
    VALUES (1, {below}, {contract}, 'invoice', 'd', 'k', 'Zebraflott', 1);
INSERT INTO klausel_preview_part
    (preview_id, company_id, partner_id, contract_id, line_id, entry_ref, state)
    VALUES ({below}, {contract}, 1, 1, 'billed');
INSERT INTO klausel_balance (preview_id, company_id, partner_id, contract_id, unit, lot)
    VALUES ({below}, {contract}, 'hour', 'Zebraflott');
INSERT INTO klausel_notice (preview_id, company_id, partner_id, contract_id, text)
    VALUES ({below}, {contract}, 'Zebraflott');
INSERT INTO klausel_problem (preview_id, company_id, partner_id, severity, text)
    VALUES ({below}, 'error', 'Zebraflott');
""")  # fmt: skip
    for model in MODELS:
        if model.startswith(SHOWN):
            table = model.replace(".", "_")
            server.psql(odoo.database, f"UPDATE {table} SET create_uid = 1")


def published(name: str) -> dict[str, Any]:
    """A policy as the program publishes it."""
    parameter = {
        "name": "Zebraflott", "meaning": {"en": "Quandt"}, "type": "money", "required": True,
        "example": "4321.09",
    }  # fmt: skip
    plan = {"name": "Quandt", "title": {}, "clause": "", "parameters": [parameter]}
    rule = {
        "kind": "scope", "name": "Quandt", "clause": "", "disposition": "service", "plan": "",
        "effect": {"en": "Quandt"}, "because": {"en": "Zebraflott"},
    }  # fmt: skip
    return {
        "name": name, "version": "4321", "hash": "h", "digest": "d", "replaces": "",
        "title": {"en": "Quandt"}, "plans": [plan], "words": {"origin": ["Quandt"]},
        "rules": [rule],
    }  # fmt: skip


def people(odoo: Odoo, rpc: Rpc) -> dict[str, Rpc]:
    (other,) = rpc.call("res.company", "create", [{"name": "Elsewhere Ltd"}])
    groups = {
        "portal": ["base.group_portal"],
        "plain": ["base.group_user"],
        # May do everything, in another company.
        "stranger": [
            "klausel_billing.group_manager", "klausel_billing.group_connector",
            "account.group_account_manager", "project.group_project_manager",
            "hr_timesheet.group_timesheet_manager", "base.group_partner_manager",
            "sales_team.group_sale_manager",
        ],
    }  # fmt: skip
    for login, names in groups.items():
        company = other if login == "stranger" else 1
        values = {
            "name": f"some {login}", "login": f"some-{login}", "password": PASSWORD,
            "company_id": company, "company_ids": [(6, 0, [company])],
            "group_ids": [(6, 0, [rpc.ref(name) for name in names])],
        }  # fmt: skip
        rpc.call("res.users", "create", [values])
    return {
        login: Rpc(dataclasses.replace(odoo, login=f"some-{login}", password=PASSWORD))
        for login in groups
    }


def calls(secret: Secret) -> dict[tuple[str, str], list[Call]]:
    """How each public method of the addon is called."""
    payload = {"company_id": 1, "partner_id": secret.party.customer, "protocol": 2}
    found: dict[tuple[str, str], list[Call]] = {
        ("klausel.contract", "action_view_ledger"): [],
        ("klausel.contract", "action_view_invoices"): [],
        ("klausel.contract", "copy_data"): [],
        ("klausel.override", "action_decide"): [],
        ("klausel.decide", "action_decide"): [],
        ("klausel.correct", "action_correct"): [],
        ("klausel.correct", "default_get"): [
            Call("default_get", (["entry_id", "name"],), {"context": {
                "active_model": "account.analytic.line",
                "active_ids": secret.ids["account.analytic.line"][:1],
            }}),
        ],
        ("klausel.ledger", "action_correct"): [
            Call("action_correct", ([id_],))
            for id_ in secret.ids["klausel.ledger"][:1]
        ],
        ("klausel.batch", "action_view_moves"): [],
        ("account.analytic.line", "klausel_action_correct"): [],
        ("klausel.decide", "default_get"): [
            Call("default_get", (["entry_ids"],), {"context": {
                "active_model": "account.analytic.line",
                "active_ids": secret.ids["account.analytic.line"],
            }}),
        ],
        ("klausel.opening", "klausel_load"): [
            Call("klausel_load", (1, {}, [], [])),
            Call("klausel_load", (1, {str(secret.party.customer): 0}, [
                {"contract": "QX-7731", "term": "T", "lot": "", "date": "2024-01-01"}
            ], [])),
        ],
        ("account.move", "action_view_klausel_ledger"): [],
        ("account.move.line", "klausel_action_why"): [
            Call("klausel_action_why", (secret.ids["account.move.line"][:1],)),
        ],
        ("account.analytic.line", "klausel_action_decide"): [],
        ("klausel.contract", "klausel_info"): [
            Call("klausel_info", (1,)), Call("klausel_info", named={"company_id": 1}),
        ],
        ("klausel.contract", "klausel_documents"): [
            Call("klausel_documents", (company,)) for company in (1, "1", True)
        ],
        ("klausel.ledger", "klausel_elsewhere"): [
            Call("klausel_elsewhere", (1, [])),
            Call("klausel_elsewhere", (1, []), {
                "entry_ids": secret.ids["account.analytic.line"],
            }),
        ],
        ("klausel.run", "klausel_links"): [
            Call("klausel_links", (company,)) for company in (1, "1", True)
        ],
        ("klausel.run", "klausel_reseal"): [Call("klausel_reseal", (1, "because"))],
        ("klausel.contract", "klausel_roles"): [
            Call("klausel_roles", (1, [1, 2, 3])), Call("klausel_roles", (1, "all of them")),
        ],
        ("klausel.reference", "klausel_contracts"): [
            Call("klausel_contracts", (1, [], {"code": {}})),
            Call("klausel_contracts", (1, [], {"partner_id": {"fields": {"name": {}}}})),
        ],
        ("klausel.reference", "klausel_entries"): [
            Call("klausel_entries", (1, [secret.party.customer])),
        ],
        ("klausel.reference", "klausel_hidden"): [Call("klausel_hidden", (1,))],
        ("klausel.reference", "klausel_look_up"): [
            Call("klausel_look_up", (company, model, secret.ids[model], {"name": {}}))
            for company in (1, "1", True)
            for model in ("res.partner", "project.task", "account.move")
        ],
        ("klausel.contract", "klausel_apply"): [
            Call("klausel_apply", (one,))
            for one in (payload, {**payload, "company_id": "1"}, {**payload, "company_id": True})
        ],
        ("klausel.policy", "klausel_published"): [
            Call("klausel_published", (1,)), Call("klausel_published", named={"company_id": 1}),
        ],
        ("klausel.policy", "klausel_publish"): [
            Call("klausel_publish", ({
                "protocol": 2, "company_id": company, "policies": [published("Other")],
            },))
            for company in (1, "1", True)
        ],
        ("klausel.preview", "action_create_drafts"): [],
        ("klausel.preview", "action_refresh"): [],
        ("klausel.preview", "action_refresh_all"): [Call("action_refresh_all")],
        ("klausel.preview", "action_refresh_corrections"): [],
        ("klausel.preview.line", "action_why"): [],
        ("klausel.problem", "action_plan"): [],
        ("klausel.request", "action_cancel"): [],
        ("klausel.request", "action_view_moves"): [],
        ("klausel.worker", "klausel_said"): [Call("klausel_said")],
        ("klausel.request", "klausel_next"): [
            Call("klausel_next", (company, "one", "")) for company in (1, "1", True)
        ],
        **{
            ("klausel.request", method): [Call(method, (1, "one", *arguments))]
            for method, *arguments in (
                ("klausel_progress", 1, 2, ""),
                ("klausel_report", [{
                    "partner_id": secret.party.customer, "payload": {"protocol": 2},
                }]),
                ("klausel_unchanged", "2024-01-31", []),
                ("klausel_say", secret.party.customer, "nothing", ""),
                ("klausel_done", "done", ""),
            )
        },
        ("res.partner", "action_view_klausel_contracts"): [],
        ("res.partner", "write"): [
            Call("write", (secret.ids["res.partner"], {"parent_id": False})),
            Call("write", (secret.ids["res.partner"], {"klausel_seq": 0})),
        ],
        ("account.move", "write"): [
            Call("write", (secret.ids["account.move"], {"state": state}))
            for state in ("cancel", "draft")
        ],
        ("account.move", "create"): [
            Call("create", ([{"move_type": "out_invoice", "klausel_run_id": 1}],)),
        ],
        ("account.move", "unlink"): [],
        ("account.move.line", "unlink"): [],
        ("account.analytic.line", "create"): [
            Call("create", ([{
                "name": "X", "project_id": secret.party.project, "klausel_covered": False,
            }],)),
        ],
        ("account.analytic.line", "write"): [
            Call("write", (secret.ids["account.analytic.line"], {"unit_amount": 9}),
                 {"context": {"klausel_override": True}}),
        ],
        ("project.task", "write"): [
            Call("write", (secret.ids["project.task"], {"parent_id": False}))
        ],
        ("project.task", "create"): [
            Call("create", ([{"name": "x", "project_id": secret.party.project}],))
        ],
        ("project.task", "unlink"): [],
        ("project.project", "create"): [Call("create", ([{"name": "x", "company_id": 1}],))],
        ("project.project", "unlink"): [Call("unlink", ([secret.party.project],))],
        ("project.project", "write"): [
            Call("write", ([secret.party.project], {"partner_id": False}))
        ],
        ("account.analytic.line", "unlink"): [],
        ("account.move.reversal", "reverse_moves"): [],
        ("account.partial.reconcile", "create"): [
            Call("create", ([{
                "debit_move_id": secret.ids["account.move.line"][0],
                "credit_move_id": secret.ids["account.move.line"][1], "amount": 1,
            }],)),
        ],
        ("account.partial.reconcile", "unlink"): [Call("unlink", ([1],))],
    }  # fmt: skip
    for model, method in WATCHED:
        found[model, method] = [Call(method, ([], {}) if method == "write" else ([],))]
    for model in MODELS:
        for method in ("create", "write", "unlink"):
            found[model, method] = [call for call in generic(secret, model) if call[0] == method]
    for (model, method), some in found.items():
        if not some:
            some.append(Call(method, (secret.ids[model],)))
    return found


def generic(secret: Secret, model: str) -> list[Call]:
    """What every model of Odoo answers."""
    ids = secret.ids[model]
    shown = {"display_name": {}}
    entry = secret.ids["account.analytic.line"][0]
    some: dict[str, Any] = {
        "klausel.contract": {"code": "X"},
        "klausel.revision": {"number": 0},
        "klausel.batch": {"key": "X"},
        "klausel.run": {"key": "X"},
        "klausel.policy": {"name": "X"},
        "klausel.plan": {"name": "X"},
        "klausel.plan.parameter": {"name": "X"},
        "klausel.rule": {"name": "X"},
        "klausel.word": {"name": "X"},
        "klausel.override": {"entry_id": entry, "disposition": "internal", "reason": "X"},
        "klausel.worker": {"name": "X"},
        "klausel.request": {"kind": "bill"},
        "klausel.request.customer": {"partner_id": secret.party.customer},
        "klausel.preview": {"partner_id": secret.party.customer},
        "klausel.problem": {"text": "X"},
    }
    values = some.get(model, {"contract_id": secret.party.contract})
    return [
        Call("search", ([],)),
        Call("search", ([("create_uid", "!=", False)],), {"context": {"active_test": False}}),
        Call("search_count", ([],)),
        Call("search_read", ([],), {"fields": ["display_name"]}),
        Call("search_read", ([],), {"context": {"allowed_company_ids": [1]}}),
        Call("web_search_read", ([],), {"specification": shown}),
        Call("formatted_read_group", ([],), {"groupby": ["create_uid"]}),
        Call("name_search", ("",)),
        Call("read", (ids,)),
        Call("read", (ids, ["display_name"])),
        Call("web_read", (ids,), {"specification": shown}),
        Call("export_data", (ids, ["display_name"])),
        Call("get_metadata", (ids,)),
        Call("copy", (ids,)),
        Call("create", ([values],)),
        Call("write", (ids, values)),
        Call("web_save", (ids, values), {"specification": shown}),
        Call("unlink", (ids,)),
        Call("load", (["id", "display_name"], [["1", "X"]])),
    ]


#: Odoo lets everybody who writes invoices reverse the ones that they see: here none.
HARMLESS = {
    **dict.fromkeys(WATCHED, "an answer: True"),  # of no records
    ("account.move.reversal", "reverse_moves"): (
        "an answer: {'name': 'Reverse Moves', 'type': 'ir.actions.act_window', 'res_model':"
        " 'account.move', 'view_mode': 'list,form', 'domain': [['id', 'in', []]]}"
    ),
    # Of the caller's own company.
    ("klausel.worker", "klausel_said"): (
        "an answer: Nothing is working on requests: start `klausel work --odoo` beside Odoo"
        " (docs/odoo.md)."
    ),
}
#: What a refusal may be; anything else has gone further than it should.
REFUSED = ("AccessError", "UserError", "MissingError", "ValidationError")
NOTHING: tuple[Any, ...] = ([], 0, False, None, {"length": 0, "records": []})


def learned(who: Rpc, model: str, call: Call) -> str:
    """What the caller got that it should not; empty if it was refused or found nothing."""
    try:
        answer = who.call(model, call.method, *call.arguments, **call.named)
    except Refusal as refusal:
        said = json.dumps(refusal.answer, ensure_ascii=False)
        leaks = [word for word in SECRETS if word in said]
        if leaks:
            return f"the refusal says {leaks}: {refusal.message}"
        return "" if refusal.kind in REFUSED else f"{refusal.kind}: {refusal.message}"
    if answer in NOTHING or (call.method == "load" and answer["ids"] is False):
        return ""
    return f"an answer: {answer}"


def facts(secret: Secret) -> list[tuple[str | None, ...]]:
    """Everything that the calls could have changed, as a few hashes."""
    tables = [model.replace(".", "_") for model in secret.ids if model != "account.move.reversal"]
    query = " UNION ALL ".join(
        f"SELECT '{table}', count(*), md5(string_agg(t::text, ';' ORDER BY id)) FROM {table} AS t"
        for table in tables
    )
    return secret.server.psql(secret.odoo.database, query)


def test_every_public_method_is_known(secret: Secret) -> None:
    """A method that is added must be called here, too."""
    printed = secret.server.shell(secret.odoo.database, INTROSPECT)
    found = {(model, method) for model, method in json.loads(printed.splitlines()[-1])}
    assert len(found) >= 40
    stored = {model for model, _ in found if model.startswith("klausel.")}
    assert stored - ABSTRACT - {"klausel.correct", "klausel.decide", "klausel.reference"} <= set(
        MODELS
    )
    known = set(calls(secret))
    # What is abstract has no records: its methods are those of the models made of it. Defaults of
    # what the addon keeps are left out of the answer, which is all that is added there.
    dialogs = ("klausel.correct", "klausel.decide")
    ours = {
        (model, method) for model, method in found
        if model not in ABSTRACT and (method != "default_get" or model in dialogs)
    }  # fmt: skip
    assert ours - known == set()
    count("public methods of the addon, by model", len(ours))


@pytest.mark.parametrize("login", ["portal", "plain", "stranger"])
def test_nobody_else_learns_or_changes_anything(login: str, secret: Secret) -> None:
    who, before = secret.callers[login], facts(secret)
    asked: list[tuple[str, Call]] = [
        (model, call) for (model, _), some in calls(secret).items() for call in some
    ]
    asked += [(model, call) for model in MODELS for call in generic(secret, model)]
    asked += [(model, call) for model, call in oracles(secret) if login != "stranger"]
    leaks = {
        f"{model}.{call.method}{call.arguments}": said
        for model, call in asked
        if (said := learned(who, model, call)) and said != HARMLESS.get((model, call.method))
    }
    assert leaks == {}
    assert facts(secret) == before
    count(f"calls over RPC by those whom it does not concern: {login}", len(asked))


def oracles(secret: Secret) -> list[tuple[str, Call]]:
    """Conditions on what may not be read, of records that may."""
    conditions: dict[str, list[Any]] = {
        "res.partner": [("klausel_seq", ">", 0), ("klausel_contract_count", ">", 0)],
        "account.analytic.line": [("klausel_ledger_ids.amount", "!=", False)],
        "account.move": [("klausel_run_id.result", "ilike", "a"), ("klausel_stamp", "!=", False)],
        "mail.message": [("model", "=like", "klausel.%")],
    }
    return [
        (model, Call("search_count", ([condition],)))
        for model, some in conditions.items()
        for condition in some
    ]


def test_the_stranger_asks_for_its_own_company_only(secret: Secret) -> None:
    info = secret.callers["stranger"].call("klausel.contract", "klausel_info")
    assert info["company"]["name"] == "Elsewhere Ltd"
    assert info["timesheets"] == 0
    assert not [word for word in SECRETS if word in json.dumps(info)]


def test_the_stranger_looks_up_what_its_own_company_names_only(secret: Secret) -> None:
    """Connector and manager of another company, who names that company."""
    stranger = secret.callers["stranger"]
    company = stranger.call("klausel.contract", "klausel_info")["company"]["id"]
    for model in ("res.partner", "project.task", "account.move"):
        for specification in ({"name": {}}, {"create_date": {}}, {"partner_id": {"fields": {}}}):
            call = Call("klausel_look_up", (company, model, secret.ids[model], specification))
            assert learned(stranger, "klausel.reference", call) == "", (model, specification)
    for call in (
        Call("klausel_contracts", (company, [], {"code": {}})),
        Call("klausel_entries", (company, [secret.party.customer])),
    ):
        assert learned(stranger, "klausel.reference", call) == ""


def test_the_calls_would_learn_something(secret: Secret) -> None:
    """The same calls by somebody who may: else the test above would prove nothing."""
    admin = Rpc(secret.odoo)
    reading: Callable[[Call], bool] = lambda call: call.method in ("search", "read", "search_read")  # noqa: E731
    for model in MODELS:
        for call in filter(reading, generic(secret, model)):
            assert learned(admin, model, call).startswith("an answer: "), (model, call)
    said = "".join(learned(admin, model, Call("read", (secret.ids[model],))) for model in MODELS)
    assert [word for word in SECRETS if word not in said] == []
