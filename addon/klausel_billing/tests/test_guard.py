from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .timesheets import TimesheetCase


@tagged("post_install", "-at_install")
class TestGuard(TimesheetCase):
    """What is settled is changed by a billing manager only, who leaves a trace."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.entry = cls._entry("2026-02-03", 1.5, name="Patch")
        cls.open = cls._entry("2026-02-04", 2)
        cls.other_ticket = cls._ticket("Other", cls.project, cls.contact)
        cls.tag = cls.env["project.tags"].create({"name": "Night"})
        cls.colleague = cls.env["hr.employee"].create(
            {"name": "Cy", "company_id": cls.company.id, "hourly_cost": 50}
        )
        cls._settle(cls.entry)
        cls.approver = cls._user(
            "approver",
            "hr_timesheet.group_timesheet_manager",
            "sales_team.group_sale_manager",
            "project.group_project_manager",
            "account.group_account_manager",
        )
        cls.manager = cls._user(
            "manager",
            "hr_timesheet.group_timesheet_manager",
            "klausel_billing.group_manager",
        )

    def _changes(self):
        return {
            "date": "2026-02-05",
            "unit_amount": 2,
            "employee_id": self.colleague.id,
            "project_id": self.foreign_project.id,
            "task_id": self.other_ticket.id,
            "partner_id": self.stranger.id,
            "product_uom_id": self.env.ref("uom.product_uom_day").id,
            "klausel_activity": "support",
            "klausel_tag_ids": [Command.set(self.tag.ids)],
        }

    def _notes(self, contract=None):
        self.env.flush_all()
        return [str(message.body) for message in (contract or self.contract).message_ids]

    def test_nobody_changes_a_settled_entry(self):
        entry = self.entry.with_user(self.approver)
        for name, value in self._changes().items():
            with self.subTest(field=name), self.assertRaisesRegex(UserError, "billing manager"):
                entry.write({name: value})
            with self.subTest(field=name, sudo=True), self.assertRaises(UserError):
                entry.sudo().write({name: value})
        for command in (Command.link(self.tag.id), Command.create({"name": "New"})):
            with self.assertRaises(UserError):
                entry.klausel_tag_ids = [command]
        self.assertEqual(self.entry.unit_amount, 1.5)
        self.assertEqual(self.entry.klausel_tag_ids, self.env["project.tags"])

    def test_the_sentence(self):
        with self.assertRaisesRegex(
            UserError,
            r"^“Patch” of 2026-02-03 is already settled under a service contract:"
            r" only a billing manager may change Date, Quantity\.$",
        ):
            self.entry.with_user(self.approver).write(
                {"unit_amount": 2, "date": "2026-02-05", "name": "Other"}
            )
        with self.assertRaisesRegex(
            UserError,
            r"^“Patch” of 2026-02-03 is already settled under a service contract:"
            r" only a billing manager may delete it\.$",
        ):
            self.entry.with_user(self.approver).unlink()

    def test_who_may_not_write_anyway_is_told_nothing(self):
        stranger = self._user("stranger", "base.group_user")
        worker = self._user("worker", "hr_timesheet.group_hr_timesheet_user")
        for user in (stranger, worker):
            with self.assertRaises(AccessError):
                self.entry.with_user(user).write({"unit_amount": 2})
            with self.assertRaises(AccessError):
                self.entry.with_user(user).unlink()

    def test_the_key_of_the_override_opens_nothing(self):
        entry = self.entry.with_user(self.approver).with_context(klausel_override=True)
        with self.assertRaises(UserError):
            entry.unit_amount = 2
        self.ticket.with_user(self.approver).with_context(
            klausel_override=True
        ).partner_id = self.stranger
        self.assertEqual(self.entry.partner_id, self.contact)

    def test_what_changes_nothing_is_no_change(self):
        entry = self.entry.with_user(self.approver)
        entry.write(
            {
                "date": "2026-02-03",
                "unit_amount": 1.5,
                "employee_id": self.employee.id,
                "task_id": self.ticket.id,
                "klausel_activity": False,
                "klausel_tag_ids": [Command.clear()],
            }
        )
        entry.klausel_activity = ""

    def test_the_description_may_change(self):
        self.entry.with_user(self.approver).name = "Patch of the shop"
        self.assertEqual(self.entry.name, "Patch of the shop")

    def test_open_entries_change_as_before(self):
        entry = self.open.with_user(self.approver)
        for name, value in self._changes().items():
            if name not in ("project_id", "partner_id"):
                entry.write({name: value})
        entry.unlink()

    def test_held_and_released_entries_change_as_before(self):
        rows = self._settle(self.open, held="pending")
        self.open.with_user(self.approver).unit_amount = 3
        rows.write({"held": False, "state": "released"})
        self.open.with_user(self.approver).unit_amount = 4
        rows.state = "live"
        with self.assertRaises(UserError):
            self.open.with_user(self.approver).unit_amount = 5

    def test_some_of_many_are_settled(self):
        both = (self.open + self.entry).with_user(self.approver)
        with self.assertRaises(UserError):
            both.write({"unit_amount": 2})
        with self.assertRaises(UserError):
            both.unlink()
        both.write({"name": "Same"})

    def test_a_manager_changes_it_and_leaves_a_note(self):
        entry = self.entry.with_user(self.manager)
        entry.write({"unit_amount": 2, "date": "2026-02-05", "name": "Patch 2"})
        self.assertEqual((self.entry.unit_amount, str(self.entry.date)), (2, "2026-02-05"))
        note = self._notes()[0]
        self.assertIn(
            f"“Patch 2” of 2026-02-03 ({entry.id}): Quantity changed from “1.5” to “2.0”", note
        )
        self.assertIn("Date changed from “2026-02-03” to “2026-02-05”", note)
        self.assertEqual(self.contract.message_ids[0].author_id, self.manager.partner_id)

    def test_a_manager_changes_its_tags(self):
        self.entry.with_user(self.manager).klausel_tag_ids = self.tag
        self.assertIn("Tags changed from “” to “Night”", self._notes()[0])

    def test_a_manager_changes_nothing(self):
        before = len(self._notes())
        self.entry.with_user(self.manager).unit_amount = 1.5
        self.assertEqual(len(self._notes()), before)

    def test_an_entry_of_two_contracts(self):
        second = self._contract("K-3", self.customer)
        self._settle(self.entry, contract=second)
        self.entry.with_user(self.manager).unit_amount = 2
        for contract in (self.contract, second):
            self.assertIn("changed from “1.5” to “2.0”", self._notes(contract)[0])

    def test_a_manager_moves_it(self):
        entry = self.entry.with_user(self.manager)
        entry.write({"project_id": self.foreign_project.id, "task_id": self.foreign_ticket.id})
        self.env.flush_all()
        self.assertEqual(self.entry.partner_id, self.stranger)
        self.assertIn("Project changed from “Shop” to “Pit”", self._notes()[0])

    def test_a_manager_deletes_it(self):
        self.entry.with_user(self.manager).unlink()
        self.assertFalse(self.entry.exists())
        self.assertIn("“Patch” of 2026-02-03", self._notes()[0])
        self.assertIn("deleted: 1.5 hours", self._notes()[0])

    def test_the_manager_passes_by_odoos_own_lock(self):
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_line_ids": [Command.create({"name": "Work", "price_unit": 475})],
            }
        )
        (self.entry + self.open).timesheet_invoice_id = move
        self.entry.with_user(self.manager).unit_amount = 2
        self.assertEqual(self.entry.unit_amount, 2)
        # What is Odoo's own stays locked, and so does what belongs to somebody else.
        with self.assertRaisesRegex(UserError, "already invoiced"):
            self.open.with_user(self.manager).unit_amount = 3
        clerk = self._user(
            "clerk", "hr_timesheet.group_hr_timesheet_user", "klausel_billing.group_manager"
        )
        with self.assertRaises(AccessError):
            self.entry.with_user(clerk).unit_amount = 3

    def test_odoo_goes_on(self):
        """What Odoo writes by itself about orders and invoices is not a change of the facts."""
        approver = self.approver
        self.entry.is_so_line_edited = False
        self.ticket.with_user(approver).sale_line_id = self.order_line
        self.project.with_user(approver).write({"sale_line_id": self.order_line.id})
        self.env.flush_all()
        self.project.with_user(approver).sale_line_employee_ids = [
            Command.create({"employee_id": self.employee.id, "sale_line_id": self.order_line.id})
        ]
        self.env.flush_all()
        self.project.with_user(approver).allow_billable = False
        self.env.flush_all()
        self.assertFalse(self.entry.so_line)
        move = self.env["account.move"].create(
            {"move_type": "out_invoice", "partner_id": self.customer.id}
        )
        self.entry.with_user(approver).sudo().timesheet_invoice_id = move
        self.employee.with_user(approver).sudo().hourly_cost = 45
        self.ticket.with_user(approver).active = False
        self.assertEqual(self.entry.unit_amount, 1.5)

    def test_people_without_a_klausel_group_work_as_before(self):
        seller = self._user(
            "seller",
            "hr_timesheet.group_hr_timesheet_approver",
            "sales_team.group_sale_manager",
            "account.group_account_invoice",
            "base.group_partner_manager",
            "project.group_project_manager",
        )
        partner = self.env["res.partner"].with_user(seller).create({"name": "New customer"})
        partner.is_company = True
        order = self.order.with_user(seller).copy({"partner_id": partner.id})
        order.action_confirm()
        project = self.project.with_user(seller).copy({"partner_id": partner.id})
        entry = self.lines.with_user(seller).create(
            {
                "name": "Work",
                "date": "2026-02-03",
                "unit_amount": 2,
                "project_id": project.id,
                "employee_id": self.employee.id,
                "so_line": order.order_line.id,
                "is_so_line_edited": True,
            }
        )
        entry.unit_amount = 3
        move = order._create_invoices()
        self.assertEqual(move.invoice_line_ids.quantity, 3)
        self.assertEqual(move.timesheet_ids, entry)

    def test_many_entries_cost_no_more_queries(self):
        entries = self.lines.create(
            [
                {
                    "name": f"Work {number}",
                    "date": "2026-03-02",
                    "unit_amount": 1,
                    "project_id": self.project.id,
                    "task_id": self.ticket.id,
                    "employee_id": self.employee.id,
                }
                for number in range(1000)
            ]
        )
        self._settle(*entries)
        counts = []
        for some in (entries[:10], entries):
            for user, refused in ((self.approver, True), (self.manager, False)):
                lines = some.with_user(user)
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                if refused:
                    with self.assertRaises(UserError):
                        lines.write({"klausel_activity": "support"})
                else:
                    lines.write({"klausel_activity": f"support {len(some)}"})
                self.env.flush_all()
                counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[2], counts[0] + 5)
        self.assertLessEqual(counts[3], counts[1] + 20)
