"""Customers, contracts and timesheets for a test, entered as people enter them."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cli
from klausel.model import LedgerKey
from klausel_book.source import demo_folder
from klausel_odoo import OdooSettings, OdooSource

from .server import Odoo
from .webclient import WebClient

POLICIES = demo_folder() / "policies"


class Term(NamedTuple):
    code: str
    plan: str
    product: int
    parameters: Mapping[str, str]
    discount: float = 0
    takes: str = ""


def source(odoo: Odoo, company: str = "", policies: Path = POLICIES) -> OdooSource:
    """The connector, as its command would open it."""
    return OdooSource(
        OdooSettings.load(
            url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
            policies=policies, company=company or None,
        )
    )  # fmt: skip


def environment(odoo: Odoo, company: str = "", policies: Path = POLICIES) -> dict[str, str]:
    """What ``klausel --odoo`` reads from its environment."""
    return {
        "KLAUSEL_ODOO_URL": odoo.url,
        "KLAUSEL_ODOO_DATABASE": odoo.database,
        "KLAUSEL_ODOO_LOGIN": odoo.login,
        "KLAUSEL_ODOO_PASSWORD": odoo.password,
        "KLAUSEL_ODOO_COMPANY": company,
        "KLAUSEL_POLICIES": str(policies),
    }


class Said(NamedTuple):
    code: int
    out: str
    err: str


def klausel(odoo: Odoo, *arguments: str, company: str = "", policies: Path = POLICIES) -> Said:
    """What the command says and its exit code, with its settings in the environment."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        for name, value in environment(odoo, company, policies).items():
            patch.setenv(name, value)
        code = cli.run([*arguments, "--odoo"])
    return Said(code, out.getvalue(), err.getvalue())


def with_sections(folder: Path) -> Path:
    """The demo's policies in ``folder``, with a heading for each project."""
    shutil.copytree(POLICIES, folder)
    file = folder / "web-care/policy.yaml"
    text = file.read_text()
    assert text.count("\ndrafts:\n") == 1
    file.write_text(text.replace("\ndrafts:\n", "\ndrafts:\n  sections: project\n"))
    return folder


def company(client: WebClient, odoo: Odoo, name: str, money: int, **address: Any) -> WebClient:
    """A company with accounts and taxes of its own, and the administrator at work for it."""
    # Its country is set apart: with one, Odoo would install that country's modules. The generic
    # accounts are made for another country, so what they say of currency and exports is put right.
    id_ = client.create_one("res.company", name=name)
    client.call("account.chart.template", "try_loading", [], "generic_coa", id_)
    client.write("res.company", [id_], currency_id=money)
    (user,) = client.find("res.users", [("login", "=", odoo.login)], ["id"])
    client.write("res.users", [user["id"]], company_ids=[(4, id_)])
    (partner,) = client.find("res.company", [("id", "=", id_)], ["partner_id"])
    client.write("res.partner", [partner["partner_id"]], **address)
    ours = WebClient(odoo)
    ours.company = id_
    foreign = ours.ids("account.fiscal.position", [("company_id", "=", id_)])
    ours.delete("account.fiscal.position", foreign)
    return ours


def service(client: WebClient, name: str, **values: Any) -> int:
    """A service that is sold by the hour; taxes are the company's own."""
    hour = client.ref("uom.product_uom_hour")
    return client.create_one(
        "product.product", name=name, type="service", uom_id=hour, company_id=client.company,
        **values,
    )  # fmt: skip


def contract(
    client: WebClient,
    customer: int,
    code: str,
    terms: Iterable[Term],
    policy: str,
    currency: int,
    start: str = "2026-01-01",
    **values: Any,
) -> int:
    return client.create_one(
        "klausel.contract", code=code, name=code, partner_id=customer, policy=policy,
        currency_id=currency, company_id=client.company, date_start=start,
        term_ids=[
            (0, 0, {
                "code": term.code, "plan": term.plan, "product_id": term.product,
                "discount": term.discount, "takes": term.takes, "priority": number,
                "parameter_ids": [
                    (0, 0, {"name": name, "value": value})
                    for name, value in term.parameters.items()
                ],
            })
            for number, term in enumerate(terms, start=1)
        ],
        **values,
    )  # fmt: skip


def project(client: WebClient, customer: int, name: str) -> int:
    return client.create_one(
        "project.project", name=name, partner_id=customer, allow_timesheets=True,
        company_id=client.company,
    )  # fmt: skip


def tickets(
    client: WebClient, project: int, customer: int, names: Iterable[str], **values: Any
) -> list[int]:
    return client.create(
        "project.task",
        [
            {"name": name, "project_id": project, "partner_id": customer, **values}
            for name in names
        ],
    )  # fmt: skip


class Log(NamedTuple):
    """A timesheet to enter."""

    project: int
    ticket: int
    day: date | str
    hours: float
    text: str = "Work"


def employee(client: WebClient, name: str) -> int:
    return client.create_one("hr.employee", name=name, company_id=client.company)


def log(client: WebClient, who: int, entries: Iterable[Log]) -> list[int]:
    return client.create(
        "account.analytic.line",
        [
            {
                "project_id": one.project, "task_id": one.ticket or False, "date": str(one.day),
                "unit_amount": one.hours, "name": one.text, "employee_id": who,
                "company_id": client.company,
            }
            for one in entries
        ],
    )  # fmt: skip


def currency(client: WebClient, name: str) -> int:
    """The currency's id; active from now on."""
    (id_,) = client.ids("res.currency", [("name", "=", name)])
    client.write("res.currency", [id_], active=True)
    return id_


def number(value: float) -> Decimal:
    """A number of Odoo's as it prints it."""
    return Decimal(repr(value)).normalize()


class OnRecord(NamedTuple):
    """A live ledger row that stands for a line or an entry, or closes a period."""

    key: str
    entry: str
    move: int
    line: int


LEDGER = (
    "contract_id", "term", "component", "period", "line_group", "sequence", "entry_ref",
    "move_id", "move_line_id",
)  # fmt: skip


def ledger(client: WebClient, contracts: Iterable[int], *domain: Any) -> list[OnRecord]:
    """Rows of these contracts; live ones, unless ``domain`` says more about the state."""
    wanted = list(contracts)
    codes = {
        row["id"]: row["code"]
        for row in client.find("klausel.contract", [("id", "in", wanted)], ["code"])
    }
    if not any(condition[0] == "state" for condition in domain):
        domain = (*domain, ("state", "=", "live"))
    rows = client.find("klausel.ledger", [("contract_id", "in", wanted), *domain], LEDGER)
    return [
        OnRecord(
            str(
                LedgerKey(
                    codes[row["contract_id"]], row["term"], row["component"],
                    date.fromisoformat(row["period"]), row["line_group"] or "", row["sequence"],
                )
            ),
            str(row["entry_ref"] or ""),
            row["move_id"] or 0,
            row["move_line_id"] or 0,
        )
        for row in rows
    ]  # fmt: skip
