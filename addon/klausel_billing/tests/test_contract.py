from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import KlauselCase


@tagged("post_install", "-at_install")
class TestContract(KlauselCase):
    def test_code_is_unique_in_the_company(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._contract("K-1", self.stranger)

    def test_archived_code_stays_taken(self):
        self.contract.active = False
        self.env.flush_all()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._contract("K-1", self.stranger)

    def test_same_code_in_another_company(self):
        company = self.env["res.company"].create({"name": "Second"})
        contract = self._contract("K-1", self.customer, company_id=company.id)
        self.assertEqual(contract.company_id, company)

    def test_code_without_spaces_around(self):
        with self.assertRaisesRegex(ValidationError, "begins or ends with a space"):
            self._contract("K-3 ", self.customer)

    def test_end_before_start(self):
        with self.assertRaisesRegex(ValidationError, "K-3 ends on 2025-12-31, before it starts"):
            self._contract("K-3", self.customer, date_end="2025-12-31")

    def test_one_day_contract(self):
        contract = self._contract("K-3", self.customer, date_end="2026-01-01")
        self.assertEqual(contract.date_end, contract.date_start)

    def test_months_are_not_negative(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._contract("K-3", self.customer, notice_months=-1)

    def test_display_name(self):
        self.assertEqual(self.contract.display_name, "K-1")
        self.contract.name = "Shop care"
        self.assertEqual(self.contract.display_name, "K-1 – Shop care")

    def test_commercial_entity(self):
        self.assertEqual(self.contract.commercial_partner_id, self.customer)
        self.assertEqual(self.term.commercial_partner_id, self.customer)
        self.assertEqual(self.term.company_id, self.company)

    def test_project_coverage_needs_a_project(self):
        with self.assertRaisesRegex(ValidationError, "covers projects: name at least one"):
            self.contract.covers = "project"

    def test_project_coverage_of_the_customer(self):
        self.contract.write({"covers": "project", "project_ids": [Command.set(self.project.ids)]})
        self.assertEqual(self.contract.project_ids, self.project)

    def test_project_of_somebody_else(self):
        with self.assertRaisesRegex(ValidationError, "Project Pit belongs to Quarry"):
            self.contract.write(
                {"covers": "project", "project_ids": [Command.set(self.foreign_project.ids)]}
            )

    def test_project_of_nobody(self):
        self.contract.write({"covers": "project", "project_ids": [Command.set(self.desk.ids)]})
        self.assertEqual(self.contract.project_ids, self.desk)

    def test_ticket_coverage(self):
        with self.assertRaisesRegex(ValidationError, "covers tickets: name at least one"):
            self.contract.covers = "ticket"
        with self.assertRaisesRegex(ValidationError, "Ticket Pump belongs to Quarry"):
            self.contract.write(
                {"covers": "ticket", "task_ids": [Command.set(self.foreign_ticket.ids)]}
            )
        self.contract.write({"covers": "ticket", "task_ids": [Command.set(self.ticket.ids)]})
        self.assertEqual(self.contract.task_ids, self.ticket)

    def test_ticket_without_customer(self):
        ticket = self._ticket("Whose?", self.desk, self.env["res.partner"])
        with self.assertRaisesRegex(ValidationError, "has no customer"):
            self.contract.write({"covers": "ticket", "task_ids": [Command.set(ticket.ids)]})

    def test_new_customer_must_own_the_coverage(self):
        self.contract.write({"covers": "project", "project_ids": [Command.set(self.project.ids)]})
        with self.assertRaisesRegex(ValidationError, "Project Shop belongs to Mill"):
            self.contract.partner_id = self.stranger

    def test_archived_project_stays_covered(self):
        self.contract.write({"covers": "project", "project_ids": [Command.set(self.project.ids)]})
        self.project.active = False
        self.env.invalidate_all()
        self.assertEqual(self.contract.project_ids, self.project)
        self.assertEqual(self.contract.read(["project_ids"])[0]["project_ids"], self.project.ids)

    def test_covered_project_cannot_be_deleted(self):
        project = self._project("Empty", self.customer)
        self.contract.write({"covers": "project", "project_ids": [Command.set(project.ids)]})
        self.env.flush_all()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            project.unlink()

    def test_copy(self):
        self.env["klausel.parameter"].create(
            {"term_id": self.term.id, "name": "price", "value": "95.00"}
        )
        self.env["klausel.item"].create(
            {"contract_id": self.contract.id, "name": "Travel", "price": 60}
        )
        copy = self.contract.copy()
        self.assertEqual(copy.code, "K-1 (copy)")
        self.assertEqual(copy.term_ids.code, "S")
        self.assertEqual(copy.term_ids.parameter_ids.value, "95.00")
        self.assertEqual(copy.term_ids.parameter_ids.contract_id, copy)
        self.assertFalse(copy.item_ids)

    def test_deleting_a_contract_takes_everything_along(self):
        purchase = self.env["klausel.purchase"].create(
            {"contract_id": self.contract.id, "term_id": self.term.id, "hours": 10}
        )
        self.contract.unlink()
        self.assertFalse(self.term.exists())
        self.assertFalse(purchase.exists())

    def test_partner_button(self):
        self.assertEqual(self.contact.klausel_contract_count, 1)
        self.assertEqual(self.customer.klausel_contract_count, 1)
        action = self.contact.action_view_klausel_contracts()
        found = self.env["klausel.contract"].search(action["domain"])
        self.assertEqual(found, self.contract)
