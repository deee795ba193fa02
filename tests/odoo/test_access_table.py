"""Who may write, call and set what of the addon: all of it stands in tables here, and is tried.

What the addon has is found by asking the server and by reading the addon's code. Something new that
stands in no table fails these tests with its name.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.counts import count

from . import test_access_rpc, test_rights, users
from .places import ADDONS
from .rpc import Refusal, Rpc
from .test_access_rpc import ABSTRACT, INTROSPECT, Secret, calls, secret  # noqa: F401

pytestmark = pytest.mark.odoo

ADDON = ADDONS / "klausel_billing"
#: Every kind of user, and the manager of another company.
KINDS = (*users.KINDS, users.STRANGER)

# --- who: sets of kinds -------------------------------------------------------------------------

NOBODY: frozenset[str] = frozenset()
MANAGERS = frozenset({"manager", "administrator"})
#: Whoever may write own timesheets in Odoo.
TIMESHEETS = frozenset(
    {"timesheets", "project_user", "project_manager", "consultant", "manager", "administrator"}
)
#: Whoever may write tickets in Odoo.
TICKETS = frozenset({"project_user", "project_manager", "consultant", "administrator"})
WRITERS = MANAGERS | {"connector"}
#: Whoever reads what only forms show, and may ask the program beside Odoo for something.
ASKERS = MANAGERS | {"reader"}
READERS = WRITERS | ASKERS

# --- stored fields ------------------------------------------------------------------------------

#: By model: who writes which of its stored fields. Whatever is no manager's is nobody's.
MANAGED = {
    "klausel.contract": (
        "active code company_id covers currency_id date_end date_start minimum_term_months name"
        " notice_months partner_id po_number policy project_ids renewal_months sla task_ids"
    ),
    "klausel.term": (
        "code contract_id date_start date_until discount plan priority product_id takes"
    ),
    "klausel.parameter": "date_from name term_id value",
    "klausel.attribute": "contract_id name value",
    "klausel.purchase": ("contract_id date hours invoice own_price price term_id validity_months"),
    "klausel.item": "contract_id date name price product_id quantity",
    "klausel.acceptance": "contract_id date part term_id",
    "klausel.approval": (
        "contract_id decided_by decided_on expires_on has_limit_amount has_limit_hours limit_amount"
        " limit_hours state ticket_ids"
    ),
    "klausel.opening": (
        "billed_until contract_id date hours lot own_price price term_id valid_until"
    ),
}
#: Of those: what the addon works out or notes itself.
KEPT = {
    "klausel.contract": "commercial_partner_id",
    **{
        model: "company_id commercial_partner_id"
        for model in MANAGED
        if model not in ("klausel.contract", "klausel.parameter")
    },
    "klausel.parameter": "company_id commercial_partner_id contract_id",
    "account.analytic.line": "klausel_covered",
    "account.move": "klausel_replaces_id klausel_run_id klausel_stamp",
}
#: Written by the addon's own methods, whole records.
OURS = {
    "klausel.ledger": (
        "amount booked cause company_id component contract_id corrects_id counted counted_hours"
        " currency_id discount disposition drawn drawn_hours entry_id entry_ref fingerprint held"
        " last line_group lot mark move_id move_line_id net origin_id partner_id period policy"
        " quantity rate role rounded rule run_id seconds sequence state term worked_hours"
    ),
    "klausel.run": (
        "as_of batch_id checksum company_id key move_ids partner_id previous_id record resealed"
        " resealed_by resealed_on resealed_why result user_id"
    ),
    "klausel.batch": "as_of company_id key user_id",
    "klausel.revision": "company_id number partner_id",
    "klausel.override": (
        "company_id decided_by decided_on disposition entry_id entry_ref entry_text partner_id"
        " reason revoked_because revoked_by revoked_on state user_id"
    ),
    "klausel.policy": (
        "active company_id digest hash name published_by published_on replaced_on stamp title"
        " version"
    ),
    "klausel.plan": "clause company_id name parts policy_id sells_hours sentence sequence title",
    "klausel.rule": (
        "clause company_id disposition effect kind name plan_id policy_id sentence sequence"
    ),
    "klausel.word": "company_id fact name policy_id",
    "klausel.plan.parameter": "company_id example meaning name plan_id required sequence type",
    "klausel.worker": "company_id name seen_on version",
    "klausel.request": (
        "adjust as_of cancel claim company_id done ended_on kind lease_until nightly outcome"
        " progress started_on state total user_id worker"
    ),
    "klausel.request.customer": "claim company_id partner_id request_id run_id said seen state",
    "klausel.preview": (
        "adjust amount as_of claim company_id computed_on content currency_id draft_count"
        " fingerprint has_error held_count held_hours line_count not_due_hours others partner_id"
        " problem problem_count seq stale touched touched_before uncovered_count uncovered_hours"
    ),
    "klausel.preview.line": (
        "amount company_id component contract_id corrects currency_id date_from date_until"
        " discount draft key kind late mark name partner_id preview_id price_unit quantity"
        " sequence term unit why"
    ),
    "klausel.preview.part": (
        "after before clause company_id component contract_id counted counted_seconds date"
        " disposition drawn due entry_id entry_ref late line_id lot partner_id preview_id reason"
        " rule sentence state term worked worked_seconds"
    ),
    "klausel.balance": (
        "company_id contract_id date_from date_until deficit drawn expired granted lot"
        " partner_id preview_id refunded remaining term unit"
    ),
    "klausel.notice": (
        "company_id contract_id date is_new partner_id percent period preview_id rule text"
    ),
    "klausel.problem": "code company_id hint partner_id place preview_id severity text",
}
#: Facts that people enter.
FACTS = {
    "account.analytic.line": ("klausel_activity klausel_tag_ids", TIMESHEETS),
    "project.task": ("klausel_activity klausel_initiated_by klausel_origin", TICKETS),
}

FIELDS: dict[tuple[str, str], frozenset[str]] = {
    **{(m, name): MANAGERS for m, names in MANAGED.items() for name in names.split()},
    **{(m, name): NOBODY for m, names in KEPT.items() for name in names.split()},
    **{(m, name): NOBODY for m, names in OURS.items() for name in names.split()},
    **{(m, name): who for m, (names, who) in FACTS.items() for name in names.split()},
    # A company's own settings.
    ("res.company", "klausel_nightly_hour"): frozenset({"administrator"}),
}
#: Lists of records that are stored with those: nobody below may delete through them.
LISTS: dict[tuple[str, str], frozenset[str]] = {
    ("account.analytic.line", "klausel_ledger_ids"): NOBODY,
    ("account.analytic.line", "klausel_override_ids"): NOBODY,
    ("klausel.batch", "run_ids"): NOBODY,
    ("klausel.contract", "acceptance_ids"): MANAGERS,
    ("klausel.contract", "approval_ids"): MANAGERS,
    ("klausel.contract", "attribute_ids"): MANAGERS,
    ("klausel.contract", "item_ids"): MANAGERS,
    ("klausel.contract", "opening_ids"): MANAGERS,
    ("klausel.contract", "purchase_ids"): MANAGERS,
    ("klausel.contract", "term_ids"): MANAGERS,
    ("klausel.plan", "parameter_ids"): NOBODY,
    ("klausel.plan", "rule_ids"): NOBODY,
    ("klausel.policy", "field_ids"): NOBODY,
    ("klausel.policy", "plan_ids"): NOBODY,
    ("klausel.policy", "rule_ids"): NOBODY,
    ("klausel.policy", "word_ids"): NOBODY,
    ("klausel.preview", "balance_ids"): NOBODY,
    ("klausel.preview", "covered_ids"): NOBODY,
    ("klausel.preview", "held_ids"): NOBODY,
    ("klausel.preview", "line_ids"): NOBODY,
    ("klausel.preview", "not_due_ids"): NOBODY,
    ("klausel.preview", "uncovered_ids"): NOBODY,
    ("klausel.preview", "notice_ids"): NOBODY,
    ("klausel.preview", "part_ids"): NOBODY,
    ("klausel.preview", "problem_ids"): NOBODY,
    ("klausel.preview.line", "part_ids"): NOBODY,
    ("klausel.request", "customer_ids"): NOBODY,
    ("klausel.run", "ledger_ids"): NOBODY,
    ("klausel.term", "parameter_ids"): MANAGERS,
}
#: Records of a dialog are of who has opened it, and are gone by the next day.
DIALOGS = {"klausel.correct", "klausel.decide"}

# --- whole records ------------------------------------------------------------------------------

#: By model: who reads, who writes and creates and deletes.
RECORDS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    **dict.fromkeys(MANAGED, (READERS, MANAGERS)),
    **dict.fromkeys(OURS, (READERS, NOBODY)),
    # What only forms show.
    **dict.fromkeys(
        (
            "klausel.batch",
            "klausel.revision",
            "klausel.plan",
            "klausel.plan.parameter",
            "klausel.request",
            "klausel.request.customer",
            "klausel.preview.line",
            "klausel.preview.part",
            "klausel.balance",
            "klausel.notice",
            "klausel.problem",
            "klausel.rule",
        ),
        (ASKERS, NOBODY),
    ),
    # What forms offer to whoever says what kind of work it is.
    "klausel.word": (ASKERS | TIMESHEETS, NOBODY),
}
#: Decided by hand once, and never changed.
CREATED = {"klausel.override": MANAGERS}

# --- public methods -----------------------------------------------------------------------------

#: What Odoo itself asks rights for, record by record, before the addon adds to it.
STANDARD = {"create", "write", "unlink", "copy_data", "default_get"}
METHODS: dict[tuple[str, str], frozenset[str]] = {
    ("account.analytic.line", "klausel_action_correct"): MANAGERS,
    ("account.analytic.line", "klausel_action_decide"): MANAGERS,
    ("account.move", "action_view_klausel_ledger"): frozenset({"connector", "administrator"}),
    ("account.move.line", "klausel_action_why"): frozenset({"administrator"}),
    # Of what its dialog is about only what the caller may read is left.
    ("account.move.reversal", "reverse_moves"): frozenset(
        {"accountant", "administrator", users.STRANGER}
    ),
    ("klausel.batch", "action_view_moves"): frozenset({"administrator"}),
    ("klausel.contract", "action_view_invoices"): frozenset({"connector", "administrator"}),
    ("klausel.contract", "action_view_ledger"): READERS,
    ("klausel.contract", "klausel_apply"): WRITERS,
    ("klausel.contract", "klausel_documents"): READERS,
    ("klausel.contract", "klausel_info"): READERS,
    ("klausel.contract", "klausel_roles"): READERS,
    # A dialog of somebody else's says nothing and does nothing.
    ("klausel.correct", "action_correct"): MANAGERS,
    ("klausel.decide", "action_decide"): MANAGERS | {users.STRANGER},
    ("klausel.ledger", "action_correct"): MANAGERS,
    ("klausel.ledger", "klausel_elsewhere"): READERS,
    ("klausel.opening", "klausel_load"): MANAGERS,
    ("klausel.override", "action_decide"): MANAGERS,
    ("klausel.policy", "klausel_publish"): WRITERS,
    ("klausel.policy", "klausel_published"): READERS,
    ("klausel.preview", "action_create_drafts"): frozenset({"administrator"}),
    ("klausel.preview", "action_refresh"): ASKERS,
    ("klausel.preview", "action_refresh_all"): ASKERS | {users.STRANGER},
    ("klausel.preview", "action_refresh_corrections"): ASKERS,
    ("klausel.preview.line", "action_why"): ASKERS,
    ("klausel.problem", "action_plan"): ASKERS,
    ("klausel.reference", "klausel_contracts"): READERS,
    ("klausel.reference", "klausel_entries"): READERS,
    ("klausel.reference", "klausel_hidden"): READERS,
    ("klausel.reference", "klausel_look_up"): WRITERS,
    ("klausel.request", "action_cancel"): ASKERS,
    ("klausel.request", "action_view_moves"): ASKERS,
    ("klausel.request", "klausel_done"): WRITERS,
    ("klausel.request", "klausel_next"): WRITERS,
    ("klausel.request", "klausel_progress"): WRITERS,
    ("klausel.request", "klausel_report"): WRITERS,
    ("klausel.request", "klausel_say"): WRITERS,
    ("klausel.request", "klausel_unchanged"): WRITERS,
    ("klausel.run", "klausel_links"): READERS,
    ("klausel.run", "klausel_reseal"): MANAGERS,
    ("klausel.worker", "klausel_said"): READERS | {users.STRANGER},
    ("res.partner", "action_view_klausel_contracts"): READERS,
}

# --- context keys -------------------------------------------------------------------------------

#: Set by the addon alone: what a caller sends is not heard. By key: what tries it.
SWITCHES = {
    "klausel_merging": "test_a_caller_merges_nothing",
    "klausel_no_notes": "test_a_price_is_never_changed_without_a_note",
    "klausel_override": "test_settled_time_stays_where_its_task_goes",
    "klausel_replacing": "test_the_context_stops_no_check_of_reversals",
    "klausel_whole_term": "test_a_parameter_is_checked_whatever_the_context",
}
#: Odoo's own, that the addon reads: what a caller gains by sending it.
READ = {
    "active_ids": "proposes timesheets to the dialog, which are then read with the caller's rights",
    "active_model": "as active_ids",
    "install_mode": "nothing: it counts for code with all rights only",
    "lang": "the language of what is answered",
    "mail_notrack": "as install_mode",
    "tracking_disable": "as install_mode",
    "tz": "the day that is today",
}
#: Odoo's own, that the addon sets for what it calls.
SET = {
    "active_ids", "active_model", "active_test", "allowed_company_ids", "check_move_validity",
    "create", "default_move_type", "default_partner_id", "dialog_size", "lang",
    "mail_create_nosubscribe",
    "skip_invoice_sync", "skip_is_manually_modified", "tz",
}  # fmt: skip

# --- what there is ------------------------------------------------------------------------------

STORED = """
import json
from odoo.models import MAGIC_COLUMNS as magic
found = []
for name, model in sorted(env.registry.items()):
    for field in model._fields.values():
        if field.store and "klausel_billing" in field._modules and field.name not in magic:
            if not model._abstract:
                options = field.type == "selection" and field.get_values(env)
                found.append((
                    name, field.name, field.type, field.comodel_name, options or [],
                    getattr(field, "relation", "") or "", getattr(field, "column1", "") or "",
                    getattr(field, "column2", "") or "",
                ))
print(json.dumps(found))
"""


class Field(NamedTuple):
    model: str
    name: str
    type: str
    comodel: str | None
    options: list[str]
    relation: str
    column1: str
    column2: str


def stored(secret: Secret) -> list[Field]:  # noqa: F811
    printed = secret.server.shell(secret.odoo.database, STORED)
    found = [Field(*row) for row in json.loads(printed.splitlines()[-1])]
    assert len(found) >= 150
    return [field for field in found if field.model not in DIALOGS]


class Table(NamedTuple):
    secret: Secret
    admin: Rpc
    people: dict[str, Rpc]
    fields: list[Field]
    records: dict[str, dict[str, int]]
    """By model and kind: the record that is tried."""
    others: dict[tuple[str, str, int], Any]
    """By model, field and record: a value that it does not have."""

    def row(self, model: str, id_: int) -> dict[str, Any]:
        of = model.replace(".", "_")
        ((row,),) = self.sql(f"SELECT to_jsonb(t) FROM kept_{of} t WHERE id = {id_}")
        found: dict[str, Any] = json.loads(row or "")
        return found

    def sql(self, text: str) -> list[tuple[str | None, ...]]:
        return self.secret.server.psql(self.secret.odoo.database, text)


@pytest.fixture(scope="module")
def table(secret: Secret) -> Iterator[Table]:  # noqa: F811
    admin = Rpc(secret.odoo)
    (other,) = admin.call("res.company", "search", [("name", "=", "Elsewhere Ltd")])
    people = users.make(secret.odoo, admin, stranger=other)
    ids = {model: found[0] for model, found in secret.ids.items() if found}
    records = {model: dict.fromkeys(KINDS, id_) for model, id_ in ids.items()}
    (public,) = admin.call("project.project", "create", [{
        "name": "For all", "allow_timesheets": True, "company_id": 1,
    }])  # fmt: skip
    (task,) = admin.call("project.task", "create", [{"name": "For all", "project_id": public}])
    records["project.task"] = dict.fromkeys(KINDS, task)
    for kind, who in people.items():
        mine = admin.call("hr.employee", "search", [("user_id", "=", who.user)])
        if mine and kind != users.STRANGER:
            (own,) = admin.call("account.analytic.line", "create", [{
                "name": "Own work", "project_id": public, "task_id": task, "unit_amount": 1,
                "date": "2024-01-20", "employee_id": mine[0],
            }])  # fmt: skip
            records["account.analytic.line"][kind] = own
    found = Table(secret, admin, people, stored(secret), records, {})
    for name in {field.model for field in found.fields}:
        of = name.replace(".", "_")
        found.sql(f"CREATE TABLE kept_{of} AS SELECT * FROM {of}")
    for field in found.fields:
        if field.relation:
            found.sql(f"CREATE TABLE kept_{field.relation} AS SELECT * FROM {field.relation}")
    yield found


# --- nothing is missing from the tables ---------------------------------------------------------


def test_every_stored_field_stands_in_the_table(table: Table) -> None:
    found = {(field.model, field.name) for field in table.fields if field.type != "one2many"}
    assert sorted(found - FIELDS.keys()) == [], "new fields: say above who writes them"
    assert sorted(FIELDS.keys() - found) == [], "no field of the addon"
    lists = {(field.model, field.name) for field in table.fields if field.type == "one2many"}
    assert sorted(lists ^ LISTS.keys()) == []
    models = {field.model for field in table.fields if field.model.startswith("klausel.")}
    assert sorted(models ^ RECORDS.keys()) == []
    count("stored fields of the addon, each tried by every kind of user", len(found))


def test_every_public_method_stands_in_the_table(secret: Secret) -> None:  # noqa: F811
    printed = secret.server.shell(secret.odoo.database, INTROSPECT)
    found = {(model, method) for model, method in json.loads(printed.splitlines()[-1])}
    ours = {
        (model, method) for model, method in found
        if method not in STANDARD and model not in ABSTRACT
    }  # fmt: skip
    assert sorted(ours - METHODS.keys()) == [], "new methods: say above who may call them"
    assert sorted(METHODS.keys() - ours) == [], "no method of the addon"


def test_every_context_key_stands_in_the_table() -> None:
    read, written, files = context_keys(ADDON)
    assert files >= 30
    assert sorted(read ^ (SWITCHES.keys() | READ.keys())) == []
    assert sorted(written - SWITCHES.keys() ^ SET) == []
    for name in SWITCHES.values():
        assert callable(getattr(test_rights, name)), name


def context_keys(folder: Path) -> tuple[set[str], set[str], int]:
    """Keys that code of the addon reads, those that it sets, and the number of files."""
    trees = {
        path: ast.parse(path.read_text())
        for path in sorted(folder.rglob("*.py"))
        if path.relative_to(folder).parts[0] not in ("tests", "migrations")
    }
    constants = {
        target.id: node.value.value
        for tree in trees.values()
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    read: set[str] = set()
    written: set[str] = set()

    def keys(node: ast.expr | None) -> set[str]:
        if isinstance(node, ast.Constant):
            return {str(node.value)}
        if isinstance(node, ast.Name):
            return {constants[node.id]} if node.id in constants else set()
        if isinstance(node, ast.Dict):
            return set().union(*(keys(key) for key in node.keys if key is not None))
        return set()

    def is_context(node: ast.expr) -> bool:
        return (isinstance(node, ast.Attribute) and node.attr == "context") or (
            isinstance(node, ast.Name) and node.id == "context"
        )

    for path, tree in trees.items():
        if path.name == "guarded.py":
            continue  # names no key itself
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name == "is_on":
                    read |= keys(node.args[1])
                elif name == "switched_on":
                    written |= keys(node.args[1])
                elif name == "get" and isinstance(node.func, ast.Attribute):
                    if is_context(node.func.value):
                        # A key that is worked out is one that no table knows.
                        read |= keys(node.args[0]) or {f"? {path.name}:{node.lineno}"}
                elif name == "with_context":
                    for argument in node.args:
                        written |= keys(argument)
                    for keyword in node.keywords:
                        written |= {keyword.arg} if keyword.arg else keys(keyword.value)
                for keyword in node.keywords:
                    # Of an environment; a field's own context is for what it shows.
                    if keyword.arg == "context" and name != "with_context":
                        written |= keys(keyword.value)
            elif isinstance(node, ast.Subscript) and is_context(node.value):
                read |= keys(node.slice)
            elif isinstance(node, ast.Compare) and any(map(is_context, node.comparators)):
                read |= keys(node.left)
            elif isinstance(node, ast.Assign):
                for target in node.targets:
                    if is_context(target) or (
                        isinstance(target, ast.Subscript) and keys(target.slice) == {"context"}
                    ):
                        written |= keys(node.value)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if key is not None and keys(key) == {"context"}:
                        written |= keys(value)
    return read, written, len(trees)


# --- each is tried ------------------------------------------------------------------------------


def may(who: Rpc, model: str, method: str, *arguments: Any, **named: Any) -> bool:
    """Whether rights let the call through; it may fail for what else is wrong with it."""
    try:
        who.call(model, method, *arguments, **named)
    except Refusal as refusal:
        assert refusal.kind in ("AccessError", "UserError", "ValidationError", "MissingError"), (
            model, method, arguments, str(refusal),
        )  # fmt: skip
        denied = refusal.kind in ("AccessError", "MissingError")
        return not denied and not refusal.message.startswith("[klausel:access] ")
    return True


def another(table: Table, field: Field, id_: int) -> Any:
    """A value of the field that it does not have. What is changed is put back, so it stays one."""
    place = *field[:2], id_
    if place not in table.others:
        table.others[place] = _another(table, field, id_)
    return table.others[place]


def _another(table: Table, field: Field, id_: int) -> Any:
    if field.type == "many2many":
        # The last ones are those that everybody sees.
        (one,) = table.admin.call(field.comodel or "", "search", [], limit=1, order="id desc")
        return [(4, one)]
    now = table.row(field.model, id_)[field.name]
    if field.type == "many2one":
        domain = [("id", "!=", now or 0)]
        found = table.admin.call(field.comodel or "", "search", domain, limit=1, order="id desc")
        return found[0] if found else False
    if field.type == "selection":
        return next(option for option in field.options if option != now)
    if field.type == "boolean":
        return not now
    if field.type in ("integer", "float"):
        return (now or 0) + 1
    return {"date": "2024-01-15", "datetime": "2024-01-15 12:00:00"}.get(field.type, "77")


def restore(table: Table, field: Field) -> None:
    """The records of the field's model as they were before."""
    of = field.model.replace(".", "_")
    columns = table.row(field.model, table.records[field.model]["administrator"]).keys() - {"id"}
    names = ", ".join(f'"{name}"' for name in sorted(columns))
    statements = [
        f"UPDATE {of} SET ({names}) = (SELECT {names} FROM kept_{of} k WHERE k.id = {of}.id)"
        f" WHERE id IN (SELECT id FROM kept_{of})"
    ]
    if field.relation:
        relation = field.relation
        statements += [
            f"DELETE FROM {relation}", f"INSERT INTO {relation} SELECT * FROM kept_{relation}"
        ]  # fmt: skip
    table.sql("; ".join(statements))


@pytest.mark.parametrize("kind", KINDS)
def test_who_writes_each_field(kind: str, table: Table) -> None:
    who = table.people[kind]
    wrong = []
    for field in table.fields:
        place = field.model, field.name
        id_ = table.records[field.model][kind]
        if field.type == "one2many":
            expected = kind in LISTS[place]
            if expected:
                continue  # it would delete what the others are tried on
            (child, *_) = table.secret.ids[field.comodel or ""]
            value: Any = [(2, child)]
        else:
            expected = kind in FIELDS[place]
            value = another(table, field, id_)
        found = may(who, field.model, "write", [id_], {field.name: value})
        if found:
            restore(table, field)
        if found != expected:
            wrong.append((*place, "may" if found else "may not"))
    assert wrong == []


@pytest.mark.parametrize("kind", KINDS)
def test_who_has_which_records(kind: str, table: Table) -> None:
    who, wrong = table.people[kind], []
    for model, (readers, writers) in RECORDS.items():
        id_ = table.records[model][kind]
        mine = kind != users.STRANGER
        for operation in ("read", "write", "create", "unlink"):
            expected = kind in (readers if operation == "read" else writers)
            if operation == "create" and model in CREATED:
                expected = kind in CREATED[model]
            if not mine:
                continue  # may do everything in a company of its own
            if who.call(model, "has_access", [], operation) != expected:
                wrong.append((model, operation, not expected))
        if may(who, model, "read", [id_], ["display_name"]) != (kind in readers):
            wrong.append((model, "read", [id_]))
        if kind not in writers and may(who, model, "unlink", [id_]):
            wrong.append((model, "unlink", [id_]))
    assert wrong == []


@pytest.mark.parametrize("kind", KINDS)
def test_who_calls_each_method(kind: str, table: Table) -> None:
    who, wrong, tried = table.people[kind], [], 0
    for (model, method), some in calls(table.secret).items():
        if (model, method) not in METHODS:
            continue
        for call in some:
            given = call.arguments[0] if call.arguments else 1
            company = given.get("company_id", 1) if isinstance(given, dict) else given
            if company == "1" or company is True:
                continue  # no company: refused for everybody
            tried += 1
            found = may(who, model, method, *call.arguments, **call.named)
            if found != (kind in METHODS[model, method]):
                wrong.append((model, method, "may" if found else "may not"))
    assert tried >= len(METHODS)
    assert wrong == []


def test_what_is_kept_is_not_created_either(table: Table) -> None:
    """Neither with a value nor by a default, by whoever may do all that Odoo grants."""
    who = table.people["administrator"]
    tried = 0
    for field in table.fields:
        place = field.model, field.name
        if FIELDS.get(place) != NOBODY or field.type == "one2many":
            continue
        id_ = table.records[field.model]["administrator"]
        value = another(table, field, id_)
        row = values(table, field.model, tried)
        wanted = {**row, field.name: value}
        if field.model == "klausel.override":
            if field.name in ("entry_id", "disposition", "reason", "decided_on"):
                continue  # what one decides
        elif may(who, field.model, "create", [wanted]):
            pytest.fail(f"{place} may be created")
        if field.model in OURS and field.model not in CREATED:
            continue
        context = {f"default_{field.name}": value}
        try:
            (one,) = who.call(field.model, "create", [row], context=context)
        except Refusal as refusal:
            pytest.fail(f"{place}: {refusal}")
        ((_id, after),) = table.sql(
            f"SELECT id, {field.name}::text FROM {field.model.replace('.', '_')} WHERE id = {one}"
        )
        shown = str(value).lower() if type(value) is bool else str(value)
        assert after != shown, place
        tried += 1
        if field.model != "klausel.override":
            table.admin.call(field.model, "unlink", [one])
    assert tried >= 30
    count("fields that nobody writes, tried by creating records", tried)


def values(table: Table, model: str, number: int) -> dict[str, Any]:
    """What a record of the model needs."""
    ids, party = table.secret.ids, table.secret.party
    (term, *_) = ids["klausel.term"]
    of = {"contract_id": party.contract}
    # The dialog has been tried, too, and one timesheet has one decision.
    table.sql(f"DELETE FROM klausel_override WHERE entry_id = {ids['account.analytic.line'][1]}")
    known: dict[str, dict[str, Any]] = {
        "klausel.contract": {
            "code": f"N{number}", "partner_id": party.customer, "policy": "it-support",
            "date_start": "2024-01-01",
        },
        "klausel.term": {**of, "code": f"N{number}", "plan": "effort-monthly"},
        "klausel.parameter": {"term_id": term, "name": f"n{number}", "value": "1"},
        "klausel.attribute": {**of, "name": f"n{number}"},
        "klausel.purchase": {**of, "term_id": term, "hours": 1, "date": "2024-01-20"},
        "klausel.item": {**of, "name": "New", "price": 1},
        "klausel.acceptance": {**of, "term_id": term},
        "klausel.approval": {**of, "state": "pending"},
        "klausel.opening": {**of, "term_id": term, "lot": f"N{number}"},
        "klausel.override": {
            "entry_id": ids["account.analytic.line"][1], "disposition": "internal",
            "reason": "because",
        },
        "account.analytic.line": {
            "name": "New", "date": "2024-01-20", "unit_amount": 1,
            "task_id": table.records["project.task"]["administrator"],
        },
        "account.move": {"move_type": "out_invoice", "partner_id": party.customer},
    }  # fmt: skip
    return known.get(model, {})


def test_the_public_user_does_nothing(table: Table) -> None:
    """Nobody can log in as the website's visitor, so the server is asked in its name."""
    tried = [
        (field.model, field.name, table.records[field.model]["reader"], field.type)
        for field in table.fields
    ]
    printed = table.secret.server.shell(
        table.secret.odoo.database,
        f"""
import json
from odoo.exceptions import AccessError
from odoo.service.model import call_kw
public, found = env.ref("base.public_user"), []
for model, name, id_, kind in json.loads({json.dumps(json.dumps(tried))}):
    for method, arguments in {{
        "write": [[id_], {{name: [(5,)] if kind.endswith("2many") else False}}],
        "read": [[id_], [name]],
    }}.items():
        try:
            call_kw(env[model].with_user(public), method, arguments, {{}})
            found.append((model, name, method))
        except AccessError:
            pass
print(json.dumps(found))
""",
    )
    assert json.loads(printed.splitlines()[-1]) == []
    assert len(tried) >= 150
    assert test_access_rpc.MODELS
