import runpy

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools.misc import file_path

from .common import KLAUSEL_MODELS, KlauselCase

#: What the connector reads of Odoo's own models.
READ = {
    "res.partner": [
        "name",
        "commercial_partner_id",
        "lang",
        "country_id",
        "state_id",
        "category_id",
    ],
    "res.partner.category": ["name"],
    "res.country": ["code"],
    "res.country.state": ["code"],
    "res.company": ["name", "currency_id"],
    "res.currency": ["name", "decimal_places"],
    "res.lang": ["code"],
    "project.project": ["name", "partner_id", "tag_ids"],
    "project.tags": ["name"],
    "project.task": [
        "project_id",
        "partner_id",
        "parent_id",
        "name",
        "klausel_activity",
        "klausel_origin",
        "klausel_initiated_by",
        "tag_ids",
        "priority",
        "allocated_hours",
    ],
    "hr.employee": ["name", "job_id"],
    "hr.job": ["name"],
    "account.analytic.line": [
        "date",
        "employee_id",
        "project_id",
        "task_id",
        "partner_id",
        "unit_amount",
        "name",
        "klausel_activity",
        "klausel_tag_ids",
        "timesheet_invoice_id",
        "order_id",
        "so_line",
    ],
    "sale.order": ["name"],
    "account.move": ["name"],
    "product.product": ["default_code", "name"],
}
CHANGES = ("write", "create", "unlink")


@tagged("post_install", "-at_install")
class TestAccess(KlauselCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connector = cls._user(
            "klausel_bot", "base.group_user", "klausel_billing.group_connector"
        )
        cls.plain = cls._user("plain", "base.group_user")
        cls.portal = cls._user("guest", "base.group_portal")
        cls.reader = cls._user("reader", "klausel_billing.group_user")
        cls.manager = cls._user("manager", "klausel_billing.group_manager")
        cls.admin = cls.env.ref("base.user_admin")
        cls.job = cls.env["hr.job"].create({"name": "Stoker", "company_id": cls.company.id})
        cls.employee = cls.env["hr.employee"].create(
            {"name": "Bo", "job_id": cls.job.id, "company_id": cls.company.id}
        )
        cls.private = cls._project("Vault", cls.customer, privacy_visibility="followers")
        cls.private_ticket = cls._ticket("Lock", cls.private, cls.customer)
        for record in (cls.private, cls.private_ticket):
            record.message_unsubscribe(record.message_partner_ids.ids)
        cls.entry = cls._entry(cls.project, cls.ticket)
        cls.private_entry = cls._entry(cls.private, cls.private_ticket)
        cls.env["klausel.parameter"].create(
            {"term_id": cls.term.id, "name": "price", "value": "95.00"}
        )
        values = {"contract_id": cls.contract.id}
        cls.env["klausel.attribute"].create({**values, "name": "site"})
        cls.env["klausel.item"].create({**values, "name": "Travel", "price": 60})
        cls.env["klausel.approval"].create(
            {**values, "ticket_ids": [Command.set(cls.private_ticket.ids)]}
        )
        values["term_id"] = cls.term.id
        cls.env["klausel.purchase"].create({**values, "hours": 10})
        cls.env["klausel.acceptance"].create(values)
        cls.env["klausel.opening"].create(values)
        cls.env.flush_all()
        cls.env.invalidate_all()

    @classmethod
    def _entry(cls, project, ticket):
        return cls.env["account.analytic.line"].create(
            {
                "name": "Work",
                "date": "2026-02-03",
                "project_id": project.id,
                "task_id": ticket.id,
                "employee_id": cls.employee.id,
                "unit_amount": 1.5,
            }
        )

    def _timesheets(self, user):
        lines = self.env["account.analytic.line"].with_user(user)
        return lines.search([("project_id", "!=", False), ("company_id", "=", self.company.id)])

    def test_connector_reads_every_timesheet(self):
        mine = self._timesheets(self.connector)
        self.assertIn(self.private_entry.id, mine.ids)
        everything = self.env["account.analytic.line"].search(
            [("project_id", "!=", False), ("company_id", "=", self.company.id)]
        )
        self.assertEqual(len(mine), len(everything))
        self.assertEqual(set(mine.ids), set(self._timesheets(self.admin).ids))

    def test_an_approver_misses_the_private_project(self):
        """Why the connector has rules of its own."""
        approver = self._user("approver", "hr_timesheet.group_hr_timesheet_approver")
        seen = self._timesheets(approver)
        self.assertIn(self.entry.id, seen.ids)
        self.assertNotIn(self.private_entry.id, seen.ids)

    def test_more_groups_do_not_narrow_the_connector(self):
        self.connector.group_ids = [
            Command.link(self.env.ref("hr_timesheet.group_hr_timesheet_user").id),
            Command.link(self.env.ref("sales_team.group_sale_salesman").id),
            Command.link(self.env.ref("project.group_project_user").id),
        ]
        self.test_connector_reads_every_timesheet()
        self.test_connector_reads_private_projects_and_tasks()

    def test_the_connector_does_not_widen_other_groups(self):
        self.connector.group_ids = [
            Command.link(self.env.ref("hr_timesheet.group_hr_timesheet_user").id),
            Command.link(self.env.ref("project.group_project_user").id),
        ]
        self.assertTrue(self.entry.with_user(self.connector).has_access("read"))
        for record in (self.entry, self.private_entry, self.private_ticket):
            for operation in ("write", "unlink"):
                self.assertFalse(record.with_user(self.connector).has_access(operation))

    def test_connector_reads_private_projects_and_tasks(self):
        project = self.private.with_user(self.connector).with_context(load="")
        self.assertEqual(project.read(["name"])[0]["name"], "Vault")
        tasks = self.env["project.task"].with_user(self.connector)
        self.assertIn(self.private_ticket, tasks.search([("project_id", "=", self.private.id)]))
        domain = [
            ("project_id", "!=", False),
            ("company_id", "in", [self.company.id, False]),
        ]
        everything = self.env["project.task"].with_context(active_test=False).search(domain)
        found = tasks.with_context(active_test=False).search(domain)
        self.assertEqual(found, everything)

    def test_connector_reads_names_and_jobs_of_all_employees(self):
        ids = self._timesheets(self.connector).employee_id.ids
        self.assertIn(self.employee.id, ids)
        employees = self.env["hr.employee"].with_user(self.connector)
        rows = employees.with_context(active_test=False).search_read(
            [("id", "in", ids)], ["name", "job_id"]
        )
        self.assertEqual({row["id"] for row in rows}, set(ids))
        row = next(row for row in rows if row["id"] == self.employee.id)
        self.assertEqual((row["name"], row["job_id"]), ("Bo", (self.job.id, "Stoker")))

    def test_connector_reads_what_it_needs(self):
        for model, names in READ.items():
            with self.subTest(model=model):
                self.env[model].with_user(self.connector).search_read([], names, limit=20)

    def test_connector_reads_tickets_of_an_approval(self):
        approvals = self.env["klausel.approval"].with_user(self.connector)
        row = approvals.search_read([("contract_id", "=", self.contract.id)], ["ticket_ids"])[0]
        self.assertEqual(row["ticket_ids"], self.private_ticket.ids)

    def test_connector_sees_only_customer_invoices(self):
        moves = self.env["account.move"].with_user(self.connector).search([])
        self.assertFalse(set(moves.mapped("move_type")) - {"out_invoice", "out_refund"})

    def test_connector_reads_no_private_facts_of_employees(self):
        with self.assertRaises(AccessError):
            self.employee.with_user(self.connector).read(["private_email"])

    def test_connector_writes_nothing(self):
        # With to-dos installed every employee keeps tasks without a project, and their tags.
        to_dos = {"project.task", "project.tags"}
        for model in {*KLAUSEL_MODELS, *READ} - to_dos:
            records = self.env[model].with_user(self.connector)
            for operation in CHANGES:
                with self.subTest(model=model, operation=operation):
                    self.assertFalse(records.has_access(operation))
        records = (self.entry, self.private_entry, self.ticket, self.private_ticket)
        for record in (*records, self.private, self.contract, self.customer):
            for operation in ("write", "unlink"):
                with self.subTest(record=record, operation=operation):
                    self.assertFalse(record.with_user(self.connector).has_access(operation))
        with self.assertRaises(AccessError):
            self.entry.with_user(self.connector).write({"name": "Other"})
        with self.assertRaises(AccessError):
            self.ticket.with_user(self.connector).write({"klausel_activity": "other"})
        with self.assertRaises(AccessError):
            self.contract.with_user(self.connector).write({"po_number": "1"})

    def test_connector_changes_no_more_than_any_employee(self):
        for model in self.env:
            records = self.env[model]
            if records._abstract:
                continue
            for operation in CHANGES:
                if records.with_user(self.connector).has_access(operation):
                    self.assertTrue(
                        records.with_user(self.plain).has_access(operation),
                        f"{operation} {model}",
                    )

    def test_upgrade_takes_back_what_it_does_not_need(self):
        values = {
            "name": "all order lines",
            "model_id": self.env.ref("sale.model_sale_order_line").id,
            "groups": [Command.link(self.env.ref("klausel_billing.group_connector").id)],
        }
        old, other = self.env["ir.rule"].create([values, values])
        data = {"module": "klausel_billing", "name": "sale_order_line_connector_rule"}
        self.env["ir.model.data"].create({**data, "model": "ir.rule", "res_id": old.id})
        self.env.flush_all()
        path = file_path("klausel_billing/migrations/19.0.1.3.0/post-migrate.py")
        migrate = runpy.run_path(path)["migrate"]
        migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertFalse(old.exists())
        self.assertTrue(other.exists())
        migrate(self.env.cr, "19.0.1.3.0")
        self.env.invalidate_all()
        self.assertTrue(other.exists())

    def test_connector_is_no_administrator(self):
        self.assertFalse(self.connector._is_admin())
        self.assertFalse(self.connector._is_system())

    def test_klausel_users_read(self):
        for user in (self.reader, self.connector):
            for model in KLAUSEL_MODELS:
                with self.subTest(user=user.login, model=model):
                    records = self.env[model].with_user(user)
                    self.assertTrue(records.search([("company_id", "=", self.company.id)]).read())
                    for operation in CHANGES:
                        self.assertFalse(records.has_access(operation))

    def test_manager_keeps_contracts(self):
        for model in KLAUSEL_MODELS:
            records = self.env[model].with_user(self.manager)
            for operation in ("read", *CHANGES):
                self.assertTrue(records.has_access(operation), f"{operation} {model}")
        contracts = self.env["klausel.contract"].with_user(self.manager)
        contract = contracts.create(
            {
                "code": "K-9",
                "partner_id": self.customer.id,
                "date_start": "2026-01-01",
                "policy": "web-care",
                "term_ids": [Command.create({"code": "S", "plan": "service-quarterly"})],
            }
        )
        contract.term_ids.plan = "effort-monthly"
        contract.unlink()

    def test_others_read_nothing(self):
        for user in (self.plain, self.portal, self.env.ref("base.public_user")):
            for model in KLAUSEL_MODELS:
                with self.subTest(user=user.login, model=model):
                    with self.assertRaises(AccessError):
                        self.env[model].with_user(user).search([]).read()
                    with self.assertRaises(AccessError):
                        self.env[model].with_user(user).search_read([], ["display_name"])

    def test_partner_count_is_for_klausel_users(self):
        self.assertEqual(self.customer.with_user(self.reader).klausel_contract_count, 1)
        with self.assertRaises(AccessError):
            self.customer.with_user(self.plain).read(["klausel_contract_count"])

    def test_portal_reads_no_internal_facts(self):
        with self.assertRaises(AccessError):
            self.ticket.with_user(self.portal).read(["klausel_activity"])

    def test_other_companies_stay_apart(self):
        second = self.env["res.company"].create({"name": "Second"})
        contract = self._contract("K-3", self.customer, company_id=second.id)
        term = self.env["klausel.term"].create(
            {
                "contract_id": contract.id,
                "code": "S",
                "plan": "service-quarterly",
                "parameter_ids": [Command.create({"name": "price", "value": "95.00"})],
            }
        )
        self.env.flush_all()
        for user in (self.reader, self.manager, self.connector):
            for record in (contract, term, term.parameter_ids):
                with self.subTest(user=user.login, model=record._name):
                    records = self.env[record._name].with_user(user)
                    self.assertNotIn(record, records.search([]))
                    with self.assertRaises(AccessError):
                        record.with_user(user).read(["display_name"])
