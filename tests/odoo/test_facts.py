"""Facts of timesheets that Odoo keeps elsewhere: roles with dates, and what is not billable."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from klausel.result import Result
from klausel_run.audit import audit
from klausel_run.bill import write
from klausel_run.doctor import examine
from klausel_run.preview import Options, preview

from . import scene
from .server import Odoo, Server
from .webclient import WebClient

pytestmark = pytest.mark.odoo

POLICY = """
policy: effort
version: "1"
plans:
  hourly:
    title: Service
    components:
      - time:
          every: 1 month
          rates: {role: {Developer: "90.00", Senior: "120.00"}, default: "80.00"}
fields:
  cause: {one_of: [ours, other], from: [{origin: ours, is: ours}, {otherwise: other}]}
scope:
  rules: [{id: G, when: {cause: ours}, then: included, because: We mend what we broke.}]
  otherwise: {then: service, because: By time.}
"""


OURS = ("Roles Ltd",)


class Place(NamedTuple):
    odoo: Odoo
    client: WebClient
    policies: Path
    project: int
    task: int
    who: int
    """A Developer until 15 Feb 2026, a Senior since."""


@pytest.fixture
def place(odoo_server: Server, tmp_path: Path) -> Iterator[Place]:
    odoo = odoo_server.clone()
    client = WebClient(odoo)
    policies = tmp_path / "policies"
    shutil.copytree(scene.POLICIES, policies)
    (policies / "effort").mkdir()
    (policies / "effort" / "policy.yaml").write_text(POLICY, encoding="utf-8")
    customer = client.create_one("res.partner", name=OURS[0], is_company=True)
    euro = scene.currency(client, "EUR")
    product = scene.service(client, "Hour")
    scene.contract(
        client,
        customer,
        "ROLE-1",
        [scene.Term("S", "hourly", product, {}, takes="service")],
        "effort",
        euro,
    )
    project = scene.project(client, customer, "Site")
    (task,) = scene.tickets(client, project, customer, ["A ticket"])
    jobs = [client.create_one("hr.job", name=name) for name in ("Developer", "Senior")]
    who = scene.employee(client, "Ann Ode")
    client.write("hr.employee", [who], job_id=jobs[0])
    (version,) = client.ids("hr.version", [("employee_id", "=", who)])
    client.write("hr.version", [version], date_version="2025-01-01")
    client.call(
        "hr.employee", "create_version", [who], {"date_version": "2026-02-16", "job_id": jobs[1]}
    )
    yield Place(odoo, client, policies, project, task, who)
    odoo_server.drop(odoo.database)


def run(place: Place, day: date, adjust: bool = False) -> Result:
    erp = scene.source(place.odoo, policies=place.policies)
    result = preview(erp, Options(day, OURS, record=True, adjust=adjust))
    assert not result.parked, result.problems
    report = write(erp, result)
    assert not report.refused, report.refused
    return result


def totals(result: Result) -> list[Decimal]:
    return [-draft.total if draft.kind == "credit_note" else draft.total for draft in result.drafts]


def test_the_role_counts_that_somebody_had_on_the_day(place: Place) -> None:
    days = ("2026-02-15", "2026-02-16", "2026-02-20")
    scene.log(place.client, place.who, [scene.Log(place.project, place.task, d, 1) for d in days])
    assert totals(run(place, date(2026, 3, 1))) == [Decimal("330.00")]
    roles = place.client.find("klausel.ledger", [("entry_ref", "!=", 0)], ["role"])
    assert sorted(row["role"] for row in roles) == ["Developer", "Senior", "Senior"]
    # A version that is put forward is a changed role of a settled day: said with both words.
    later = place.client.ids(
        "hr.version", [("employee_id", "=", place.who), ("date_version", "=", "2026-02-16")]
    )
    place.client.write("hr.version", later, date_version="2026-02-18")
    erp = scene.source(place.odoo, policies=place.policies)
    (found,) = [one for one in audit(erp, date(2026, 3, 2)).differences if one.contract == "ROLE-1"]
    assert (found.cause, found.was, found.now) == ("role", "Senior", "Developer")
    assert totals(run(place, date(2026, 3, 2), adjust=True)) == [Decimal("-30.00")]
    assert not run(place, date(2026, 3, 3), adjust=True).drafts


def test_what_lost_its_sales_order_item_is_never_billed(place: Place) -> None:
    billed, free = scene.log(
        place.client,
        place.who,
        [scene.Log(place.project, place.task, "2026-03-02", hours) for hours in (1, 2)],
    )
    place.client.write("account.analytic.line", [free], so_line=False, is_so_line_edited=True)
    result = run(place, date(2026, 4, 1))
    assert totals(result) == [Decimal("120.00")]
    parts = {entry: [part.disposition for part in parts] for entry, parts in result.entries}
    assert parts[str(free)] == ["written_off"]
    # Marked when it is billed already: Odoo keeps invoiced time from it, but not drafts' time.
    assert not run(place, date(2026, 4, 2)).drafts
    rows = place.client.ids("klausel.ledger", [("entry_ref", "=", free)])
    assert rows == []
    assert parts[str(billed)] == ["service"]


def test_a_word_that_no_policy_knows_is_said(place: Place) -> None:
    place.client.write("project.task", [place.task], klausel_origin="our")
    scene.log(place.client, place.who, [scene.Log(place.project, place.task, "2026-03-02", 1)])
    erp = scene.source(place.odoo, policies=place.policies)
    found = preview(erp, Options(date(2026, 4, 1), OURS))
    (said,) = [one for one in found.problems if one.code == "word-unknown"]
    assert said.message == '"origin": no policy knows "our" (1 row)'
    assert said.hint == 'did you mean "ours"?'
    checks = {check.name: check.said for check in examine(erp)}
    assert checks["words"] == 'no policy knows "our" as origin (1): did you mean "ours"?'
    place.client.write("project.task", [place.task], klausel_origin="Ours")
    checks = {check.name: check.said for check in examine(erp)}
    assert checks["words"] == "policies know all that are written for them"
