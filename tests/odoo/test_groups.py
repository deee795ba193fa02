"""Companies of a group in Odoo: whom a contract covers, as the program and the addon see it."""

from __future__ import annotations

from datetime import date

import pytest

from klausel.result import Result
from klausel_run.preview import Options, preview

from . import scene
from .scene import Log, Term
from .server import Odoo
from .webclient import WebClient

pytestmark = pytest.mark.odoo

AS_OF = date(2026, 4, 1)


class Group:
    """A holding with two companies; the contract of the one is made out to a person of it."""

    def __init__(self, odoo: Odoo) -> None:
        self.client = client = WebClient(odoo)
        usd = scene.currency(client, "USD")
        hours = scene.service(client, "Hours for the group")
        who = scene.employee(client, "Bo of the group")
        holding = self._partner("Holding", is_company=True)
        mine = self._partner("Mine", is_company=True, parent_id=holding)
        sister = self._partner("Sister", is_company=True, parent_id=holding)
        eva = self._partner("Eva", parent_id=mine)
        office = self._partner("Office of Eva", parent_id=eva)
        outsider = self._partner("Man of the holding", parent_id=holding)
        self.partners = {
            "holding": holding, "mine": mine, "sister": sister, "eva": eva, "office": office,
            "outsider": outsider,
        }  # fmt: skip
        self.entries: dict[str, int] = {}
        for name, partner in self.partners.items():
            project = scene.project(client, partner, f"Project {name}")
            (self.entries[name],) = scene.log(client, who, [Log(project, 0, "2026-02-03", 1)])
            (ticket,) = scene.tickets(client, project, mine, [f"Ticket {name}"])
            # The ticket's customer says more than its project's.
            (self.entries[f"ticket {name}"],) = scene.log(
                client, who, [Log(project, ticket, "2026-02-03", 1)]
            )
        terms = [Term("S", "service-quarterly", hours, {"price": "100.00"}, takes="service")]
        scene.contract(client, eva, "EVA-1", terms, "web-care", usd)
        self.preview: Result = preview(scene.source(odoo), Options(AS_OF))

    def _partner(self, name: str, **values: object) -> int:
        return self.client.create_one("res.partner", name=name, **values)


@pytest.fixture(scope="module")
def group(odoo: Odoo) -> Group:
    return Group(odoo)


def test_a_contract_made_out_to_a_person_covers_its_company(group: Group) -> None:
    contract = next(c for c in group.preview.book.contracts if c.code == "EVA-1")
    assert contract.customer == str(group.partners["mine"])
    (draft,) = (d for d in group.preview.drafts if d.contract == "EVA-1")
    assert draft.customer == str(group.partners["mine"])
    billed = {share.entry for line in draft.lines for share in line.entries}
    ours = {"mine", "eva", "office", *(name for name in group.entries if "ticket" in name)}
    assert billed == {str(group.entries[name]) for name in ours}


def test_neither_sister_nor_holding_is_covered(group: Group) -> None:
    missed = {found.entry for found in group.preview.uncovered}
    for name in ("holding", "sister", "outsider"):
        assert str(group.entries[name]) in missed


def test_the_addon_covers_what_the_program_bills(group: Group) -> None:
    asked = list(group.entries.values())
    rows = group.client.find("account.analytic.line", [("id", "in", asked)], ["klausel_covered"])
    covered = {str(row["id"]) for row in rows if row["klausel_covered"]}
    (draft,) = (d for d in group.preview.drafts if d.contract == "EVA-1")
    assert covered == {share.entry for line in draft.lines for share in line.entries}
