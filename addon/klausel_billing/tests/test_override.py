from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .billing import BillingCase

CHANGES = ("write", "create", "unlink")


@tagged("post_install", "-at_install")
class TestOverride(BillingCase):
    """Decisions by hand: who, when and why, and that none is ever lost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Whoever sees timesheets may decide about them.
        cls.manager.group_ids = [
            Command.link(cls.env.ref("hr_timesheet.group_hr_timesheet_approver").id)
        ]
        cls.manager.name = "Ann"
        cls.reader = cls._user("reader", "klausel_billing.group_user")

    def _decide(self, entry=None, user=None, **values):
        decisions = self.env["klausel.override"].with_user(user or self.manager)
        return decisions.create(
            {
                "entry_id": (entry or self.first).id,
                "disposition": "written_off",
                "reason": "Goodwill",
                **values,
            }
        )

    def _wizard(self, entries, user=None, **values):
        form = Form(
            self.env["klausel.decide"]
            .with_user(user or self.manager)
            .with_context(active_model="account.analytic.line", active_ids=entries.ids)
        )
        for name, value in {"reason": "Goodwill", **values}.items():
            form[name] = value
        return form.save()

    def _live(self, entry):
        return self.env["klausel.override"].search(
            [("entry_id", "=", entry.id), ("state", "=", "live")]
        )

    # --- what stands in one

    def test_who_when_and_why(self):
        decision = self._decide()
        self.assertEqual(decision.user_id, self.manager)
        self.assertEqual(decision.decided_by, "Ann")
        self.assertEqual(decision.decided_on, fields.Date.context_today(decision))
        self.assertEqual((decision.company_id, decision.partner_id), (self.company, self.customer))
        self.assertEqual(decision.entry_text, "2026-02-03, Bo, 2 h, Work")
        self.assertEqual(decision.display_name, "Written off: 2026-02-03, Bo, 2 h, Work")
        self.assertEqual(self.first.with_user(self.manager).klausel_decision, "written_off")
        self.assertFalse(self.second.with_user(self.manager).klausel_decision)

    def test_nobody_decides_in_the_name_of_another(self):
        decision = self._decide(user_id=self.reader.id, decided_by="Bob", state="revoked")
        self.assertEqual((decision.user_id, decision.decided_by), (self.manager, "Ann"))
        self.assertEqual(decision.state, "live")
        self.manager.name = "Anna"
        self.assertEqual(decision.decided_by, "Ann")

    def test_every_kind_of_work(self):
        for name, _label in self.env["klausel.override"]._fields["disposition"].selection:
            self._decide(self._entry(1.0), disposition=name)

    def test_what_is_refused(self):
        today = fields.Date.context_today(self.env.user)
        tomorrow = today + timedelta(days=1)
        paper = self.env["account.analytic.line"].create(
            {"name": "Paper", "account_id": self.project.account_id.id}
        )
        manager = self.env["klausel.override"].with_user(self.manager).sudo()
        for values, sentence in (
            ({"reason": "  "}, "Say why you decide so."),
            ({"entry_id": False}, "Choose the timesheet that you decide about."),
            ({"entry_id": paper.id}, "Choose the timesheet that you decide about."),
            (
                {"decided_on": tomorrow},
                f"{tomorrow} is still to come: a decision is of today or of an earlier day.",
            ),
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError) as caught:
                manager.create(
                    {
                        "entry_id": self.first.id,
                        "disposition": "internal",
                        "reason": "Ours",
                        **values,
                    }
                )
            self.assertEqual(str(caught.exception), sentence)
        self._decide(decided_on=today)

    def test_one_in_force(self):
        self._decide()
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError) as caught:
            self._decide(disposition="internal")
        model = self.env["klausel.override"]
        sentence = model._table_objects["klausel_override_live_unique"].get_error_message(
            model, caught.exception.diag
        )
        self.assertEqual(
            sentence,
            "There is a decision on this timesheet already: decide anew, or take it back first.",
        )

    # --- who may

    def test_rights(self):
        decision = self._decide()
        for user in (self.reader, self.connector, self.manager):
            self.assertEqual(decision.with_user(user).read(["reason"])[0]["reason"], "Goodwill")
            for operation in CHANGES:
                may = user == self.manager and operation == "create"
                self.assertEqual(decision.with_user(user).has_access(operation), may)
        for user in (
            self._user("plain", "base.group_user"),
            self._user("guest", "base.group_portal"),
            self.env.ref("base.public_user"),
        ):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    decision.with_user(user).read(["reason"])
                with self.assertRaises(AccessError):
                    self.env["klausel.override"].with_user(user).search([]).read()
                with self.assertRaises(AccessError):
                    self.first.with_user(user).read(["klausel_decision"])
        for user in (self.reader, self.connector, self._user("other", "base.group_user")):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    self._decide(self.second, user)
                with self.assertRaises(AccessError):
                    self._wizard(self.second, user)

    def test_a_manager_who_does_not_see_the_timesheet(self):
        blind = self._user("blind", "klausel_billing.group_manager")
        with self.assertRaises(AccessError):
            self._decide(user=blind)

    def test_the_window_of_somebody_else(self):
        wizard = self._wizard(self.first)
        for user in (self.reader, self.connector, self._user("guest", "base.group_portal")):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                wizard.with_user(user).action_decide()
        with self.assertRaises(AccessError):
            self._decide().with_user(self.reader)._klausel_take_back("Mine")

    def test_companies(self):
        second = self.env["res.company"].create({"name": "Second"})
        entry = self.env["account.analytic.line"].create(
            {
                "name": "Elsewhere",
                "project_id": self._project("East", self.customer, company_id=second.id).id,
                "employee_id": self.env["hr.employee"]
                .create({"name": "Cy", "company_id": second.id})
                .id,
                "unit_amount": 1,
            }
        )
        with self.assertRaises(AccessError):
            self._decide(entry)
        both = self._user(
            "both",
            "klausel_billing.group_manager",
            "hr_timesheet.group_hr_timesheet_approver",
        )
        both.company_ids = [Command.link(second.id)]
        decisions = self.env["klausel.override"].with_user(both)
        decision = decisions.with_context(allowed_company_ids=second.ids).create(
            {"entry_id": entry.id, "disposition": "internal", "reason": "Ours"}
        )
        self.assertEqual(decision.company_id, second)
        for user in (self.manager, self.reader, self.connector):
            with self.assertRaises(AccessError):
                decision.with_user(user).read(["reason"])

    # --- taken back, and what follows

    def test_decide_anew(self):
        old = self._decide()
        self.manager.name = "Anna"
        wizard = self._wizard(
            self.first + self.second, disposition="warranty", reason="Our mistake"
        )
        self.assertEqual((wizard.entry_count, wizard.decided_count), (2, 1))
        wizard.action_decide()
        self.assertEqual(old.state, "revoked")
        self.assertEqual((old.reason, old.disposition), ("Goodwill", "written_off"))
        self.assertEqual((old.decided_by, old.revoked_by), ("Ann", "Anna"))
        self.assertEqual(old.revoked_because, "Our mistake")
        self.assertTrue(old.revoked_on)
        for entry in (self.first, self.second):
            self.assertEqual(self._live(entry).disposition, "warranty")
            self.assertEqual(entry.with_user(self.manager).klausel_decision, "warranty")

    def test_take_back(self):
        old = self._decide()
        self._wizard(
            self.first + self.second, disposition="rules", reason="Not agreed"
        ).action_decide()
        self.assertEqual((old.state, old.revoked_because), ("revoked", "Not agreed"))
        self.assertFalse(self._live(self.first) | self._live(self.second))
        self.assertFalse(self.first.with_user(self.manager).klausel_decision)
        wizard = self._wizard(self.first, disposition="rules")
        with self.assertRaises(UserError) as caught:
            wizard.action_decide()
        self.assertEqual(
            str(caught.exception),
            "None of these timesheets has a decision that could be taken back.",
        )

    def test_from_the_list_and_from_a_decision(self):
        decision = self._decide()
        action = decision.action_decide()
        self.assertEqual(action["res_model"], "klausel.decide")
        self.assertEqual(action["context"]["active_ids"], self.first.ids)
        # What the web client asks for when it opens the window.
        wizard = self.env["klausel.decide"].with_user(self.manager)
        opened = wizard.with_context(**action["context"]).onchange(
            {}, [], {"entry_ids": {"fields": {"name": {}}}, "decided_count": {}}
        )["value"]
        self.assertEqual([command[1] for command in opened["entry_ids"]], self.first.ids)
        self.assertEqual(opened["decided_count"], 1)
        bindings = self.env["ir.actions.actions"]
        for user, offered in ((self.manager, True), (self.reader, False)):
            found = bindings.with_user(user).get_bindings("account.analytic.line")
            names = [one["name"] for some in found.values() for one in some]
            self.assertEqual("Decide about Billing" in names, offered)
        with self.assertRaises(UserError) as caught:
            self._wizard(self.env["account.analytic.line"])
        self.assertEqual(str(caught.exception), "Select the timesheets that you decide about.")

    def test_a_deleted_timesheet_leaves_its_decision(self):
        decision = self._decide()
        entry = self.first.id
        self.first.unlink()
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertFalse(decision.entry_id)
        self.assertEqual(decision.entry_ref, entry)
        self.assertEqual(decision.entry_text, "2026-02-03, Bo, 2 h, Work")
        self.assertEqual((decision.company_id, decision.partner_id), (self.company, self.customer))
        Form(decision)

    def test_a_timesheet_goes_to_another_customer(self):
        decision = self._decide()
        self.ticket.partner_id = self.stranger
        self.assertEqual(decision.partner_id, self.stranger)

    # --- what it does to billing

    def test_a_bill_in_between_is_refused(self):
        for change in (
            self._decide,
            lambda: self._wizard(self.first, disposition="included").action_decide(),
            lambda: self._wizard(self.first, disposition="rules").action_decide(),
            lambda: self._decide(self.second),
            lambda: self._live(self.second).sudo().unlink(),
        ):
            payload = self._payload()
            change()
            self.assertEqual(
                self._refused("seq-moved", payload),
                "[klausel:seq-moved] Contracts, approvals, decisions or invoices of Mill have"
                " changed since they were read.",
            )
        self.assertTrue(self._apply()["moves"])

    def test_decided_time_stays_covered(self):
        for name, _label in self.env["klausel.override"]._fields["disposition"].selection:
            entry = self._entry(1.0)
            self._decide(entry, disposition=name)
            self.assertTrue(entry.klausel_covered)
        lone = self._entry(1.0, date="2025-12-31")
        self._decide(lone)
        self.assertFalse(lone.klausel_covered)

    def test_what_is_settled_stays_on_record(self):
        self._bill()
        rows = self._ledger()
        before = rows.read(["seconds", "disposition", "amount", "state"])
        form = Form(self.env["klausel.override"].with_user(self.manager))
        form.entry_id = self.third
        self.assertFalse(form.settled)
        form.entry_id = self.first
        self.assertTrue(form.settled)
        form.disposition, form.reason = "written_off", "Goodwill"
        decision = form.save()
        self.assertTrue(decision.settled)
        lone = self._entry(1.0, date="2025-12-31")
        wizard = self._wizard(self.second + self.third + lone)
        self.assertEqual(
            (wizard.entry_count, wizard.settled_count, wizard.open_count, wizard.decided_count),
            (3, 1, 1, 0),
        )
        wizard.action_decide()
        self.assertEqual(rows.read(["seconds", "disposition", "amount", "state"]), before)
        self.assertEqual(self._ledger(), rows)

    def test_filters_and_views(self):
        self._decide()
        self._bill(self._line(entries=self.second, quantity="1.5"), total="142.50")
        lines = self.env["account.analytic.line"].with_user(self.manager)
        ours = [("id", "in", (self.first + self.second + self.third).ids)]
        for domain, found in (
            ([("klausel_override_ids.state", "=", "live")], self.first),
            (
                [("klausel_ledger_ids", "any", [("state", "=", "live"), ("held", "=", False)])],
                self.second,
            ),
            ([("klausel_covered", "=", True)], self.first + self.second + self.third),
        ):
            self.assertEqual(lines.search([*ours, *domain]), found)
        view = self.env.ref("hr_timesheet.hr_timesheet_line_tree")
        names = ("klausel_covered", "klausel_decision")
        worker = self._user("worker", "hr_timesheet.group_hr_timesheet_user")
        for user, shown in ((self.manager, True), (worker, False)):
            arch = lines.with_user(user).get_view(view.id, "list")["arch"]
            self.assertEqual([name in arch for name in names], [shown] * 2)
        Form(self.first.with_user(self.manager), "hr_timesheet.hr_timesheet_line_form")
