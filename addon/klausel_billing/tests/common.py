from odoo import fields
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user

KLAUSEL_MODELS = (
    "klausel.contract",
    "klausel.attribute",
    "klausel.term",
    "klausel.parameter",
    "klausel.purchase",
    "klausel.item",
    "klausel.acceptance",
    "klausel.approval",
    "klausel.opening",
)


class KlauselCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context=dict(cls.env.context, tracking_disable=True))
        cls.company = cls.env.company
        cls.customer = cls.env["res.partner"].create({"name": "Mill", "is_company": True})
        cls.contact = cls.env["res.partner"].create({"name": "Ada", "parent_id": cls.customer.id})
        cls.stranger = cls.env["res.partner"].create({"name": "Quarry", "is_company": True})
        cls.project = cls._project("Shop", cls.customer)
        cls.foreign_project = cls._project("Pit", cls.stranger)
        cls.desk = cls._project("Desk", cls.env["res.partner"])
        cls.ticket = cls._ticket("Slow page", cls.project, cls.contact)
        cls.foreign_ticket = cls._ticket("Pump", cls.foreign_project, cls.stranger)
        cls.service = cls.env["product.product"].create({"name": "Care", "type": "service"})
        cls.contract = cls._contract("K-1", cls.contact)
        cls.term = cls.env["klausel.term"].create(cls._term_of(cls.contract))
        cls.other_contract = cls._contract("K-2", cls.stranger)
        cls.other_term = cls.env["klausel.term"].create(cls._term_of(cls.other_contract))

    @classmethod
    def _term_of(cls, contract):
        return {
            "contract_id": contract.id,
            "code": "S",
            "plan": "service-quarterly",
            "product_id": cls.service.id,
        }

    @classmethod
    def _project(cls, name, partner, **values):
        return cls.env["project.project"].create(
            {
                "name": name,
                "partner_id": partner.id,
                "allow_timesheets": True,
                "company_id": cls.company.id,
                **values,
            }
        )

    @classmethod
    def _ticket(cls, name, project, partner):
        return cls.env["project.task"].create(
            {"name": name, "project_id": project.id, "partner_id": partner.id}
        )

    @classmethod
    def _contract(cls, code, partner, **values):
        return cls.env["klausel.contract"].create(
            {
                "code": code,
                "partner_id": partner.id,
                "date_start": fields.Date.to_date("2026-01-01"),
                "policy": "web-care",
                **values,
            }
        )

    @classmethod
    def _user(cls, login, *groups, **values):
        return new_test_user(
            cls.env,
            login=login,
            groups=",".join(groups),
            company_id=cls.company.id,
            company_ids=[Command.set(cls.company.ids)],
            **values,
        )
