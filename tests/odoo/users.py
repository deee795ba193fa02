"""Every kind of user that a company has, to try what each may do."""

from __future__ import annotations

import dataclasses

from .rpc import Rpc
from .server import Odoo

PASSWORD = "a-word-1"

#: By kind: groups. Each has an account of its own, and those who log time are employees.
KINDS: dict[str, tuple[str, ...]] = {
    "portal": ("base.group_portal",),
    "employee": ("base.group_user",),
    "timesheets": ("hr_timesheet.group_hr_timesheet_user",),
    "project_user": ("project.group_project_user", "hr_timesheet.group_hr_timesheet_user"),
    "project_manager": (
        "project.group_project_manager",
        "hr_timesheet.group_hr_timesheet_approver",
    ),
    "consultant": (
        "klausel_billing.group_classify",
        "project.group_project_user",
        "hr_timesheet.group_hr_timesheet_user",
    ),
    "accountant": ("account.group_account_manager",),
    "reader": ("klausel_billing.group_user",),
    "manager": ("klausel_billing.group_manager", "hr_timesheet.group_timesheet_manager"),
    "connector": ("klausel_billing.group_connector",),
    "administrator": (
        "base.group_system",
        "klausel_billing.group_manager",
        "klausel_billing.group_connector",
        "account.group_account_manager",
        "project.group_project_manager",
        "hr_timesheet.group_timesheet_manager",
        "sales_team.group_sale_manager",
        "base.group_partner_manager",
    ),
}
#: May do all that, in another company.
STRANGER = "stranger"


def make(odoo: Odoo, rpc: Rpc, stranger: int = 0) -> dict[str, Rpc]:
    """An account of each kind in company 1; in company ``stranger`` somebody who may do all."""
    found: dict[str, Rpc] = {}
    kinds = {**KINDS, **({STRANGER: KINDS["administrator"][1:]} if stranger else {})}
    for kind, groups in kinds.items():
        company = stranger if kind == STRANGER else 1
        login = f"one-{kind}"
        values = {
            "name": f"One {kind}", "login": login, "password": PASSWORD, "email": f"{kind}@x.test",
            "company_id": company, "company_ids": [(6, 0, [company])],
            "group_ids": [(6, 0, [rpc.ref(name) for name in groups])],
        }  # fmt: skip
        (user,) = rpc.call("res.users", "create", [values])
        if kind != "portal":
            own = {"name": f"One {kind}", "user_id": user, "company_id": company}
            rpc.call("hr.employee", "create", [own])
        found[kind] = Rpc(dataclasses.replace(odoo, login=login, password=PASSWORD))
    return found
