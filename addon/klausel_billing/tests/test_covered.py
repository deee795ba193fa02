from odoo import fields
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .timesheets import TimesheetCase


@tagged("post_install", "-at_install")
class TestCovered(TimesheetCase):
    """Whether a contract bills an entry, and that it is known whatever changes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.before = cls._entry("2025-12-31")
        cls.first = cls._entry("2026-01-01")
        cls.later = cls._entry("2026-06-30")

    def test_from_the_first_day_on(self):
        self.assert_open(self.before)
        self.assert_covered(self.first, self.later)

    def test_up_to_the_last_day(self):
        self.contract.date_end = "2026-06-30"
        self.assert_covered(self.first, self.later)
        self.contract.date_end = "2026-06-29"
        self.assert_open(self.later)
        self.contract.write({"date_start": "2026-01-02", "date_end": False})
        self.assert_open(self.first)
        self.assert_covered(self.later)

    def test_an_entry_moves_to_another_day(self):
        self.before.date = "2026-01-02"
        self.assert_covered(self.before)
        self.before.date = "2025-12-30"
        self.assert_open(self.before)

    def test_archived_and_deleted_contracts_cover_nothing(self):
        self.contract.active = False
        self.assert_open(self.first)
        self.contract.active = True
        self.assert_covered(self.first)
        self.contract.unlink()
        self.assert_open(self.first, self.later)

    def test_a_contract_comes_later(self):
        self.contract.unlink()
        contract = self._contract("K-3", self.customer)
        self.assert_covered(self.first)
        second = self._contract("K-4", self.customer, date_start=fields.Date.to_date("2025-06-01"))
        self.assert_covered(self.before)
        contract.unlink()
        self.assert_covered(self.before, self.first)
        second.date_end = "2025-12-31"
        self.assert_covered(self.before)
        self.assert_open(self.first)

    def test_the_contract_of_another_customer(self):
        self.contract.partner_id = self.stranger
        self.assert_open(self.first)
        self.contract.partner_id = self.contact
        self.assert_covered(self.first)

    def test_the_contract_of_another_company(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        self.contract.unlink()
        contract = self._contract(
            "K-3", self.customer, company_id=company.id, currency_id=company.currency_id.id
        )
        self.assert_open(self.first)
        contract.company_id = self.company
        self.assert_covered(self.first)

    def test_analytic_lines_that_are_no_timesheets(self):
        line = self.lines.create(
            {
                "name": "Paper",
                "date": "2026-02-01",
                "account_id": self.project.account_id.id,
                "partner_id": self.customer.id,
            }
        )
        self.assert_open(line)

    def test_projects(self):
        other = self._entry("2026-02-01", project=self.desk, partner_id=self.customer.id)
        self.assert_covered(other)
        self.contract.write({"covers": "project", "project_ids": [Command.set(self.project.ids)]})
        self.assert_covered(self.first)
        self.assert_open(other)
        self.contract.project_ids = self.desk
        self.assert_open(self.first)
        self.assert_covered(other)
        other.write({"project_id": self.project.id})
        self.assert_open(other)

    def test_a_project_without_customer_covers_only_the_tickets_of_its_own(self):
        self.contract.write({"covers": "project", "project_ids": [Command.set(self.desk.ids)]})
        ours = self._entry("2026-02-01", ticket=self._ticket("A", self.desk, self.contact))
        theirs = self._entry("2026-02-01", ticket=self._ticket("B", self.desk, self.stranger))
        self.assert_covered(theirs)  # by the contract K-2
        self.other_contract.unlink()
        self.assert_covered(ours)
        self.assert_open(theirs)

    def test_tickets_and_those_below_them(self):
        below = self._ticket("Below", self.project, self.contact)
        deep = self._ticket("Deep", self.project, self.contact)
        below.parent_id = self.ticket
        deep.parent_id = below
        entry = self._entry("2026-02-01", ticket=deep)
        beside = self._entry("2026-02-01", ticket=self._ticket("C", self.project, self.contact))
        without = self._entry("2026-02-01", project=self.project)
        self.contract.write({"covers": "ticket", "task_ids": [Command.set(self.ticket.ids)]})
        self.assert_covered(self.first, entry)
        self.assert_open(beside, without)
        below.parent_id = False
        self.assert_open(entry)
        below.parent_id = self.ticket
        self.assert_covered(entry)
        self.ticket.child_ids = [Command.unlink(below.id)]
        self.assert_open(entry)
        beside.task_id = self.ticket
        self.assert_covered(beside)
        self.contract.task_ids = below
        self.assert_open(self.first)
        self.assert_covered(entry)

    def test_archived_tickets_stay_covered(self):
        self.ticket.active = False
        self.contract.active = False
        self.assert_open(self.first)
        self.contract.active = True
        self.assert_covered(self.first)

    def test_a_ticket_moves_to_another_customer(self):
        self.ticket.partner_id = self.stranger
        self.assert_covered(self.first)  # by the contract K-2
        self.other_contract.unlink()
        self.assert_open(self.first)
        self.ticket.partner_id = self.customer
        self.assert_covered(self.first)

    def test_a_project_moves_to_another_customer(self):
        self.other_contract.unlink()
        entry = self._entry("2026-02-01", project=self.project)
        self.assert_covered(entry)
        self.project.partner_id = self.stranger
        self.assert_open(entry)
        self.project.partner_id = self.contact
        self.assert_covered(entry)

    def test_a_contact_moves_to_another_company(self):
        """Its contract goes with it, and so do its entries; the company's own stay."""
        self.other_contract.unlink()
        entry = self._entry("2026-02-01", project=self.project)
        theirs = self._entry("2026-02-01", ticket=self.foreign_ticket)
        self.assert_covered(self.first, entry)
        self.assert_open(theirs)
        self.contact.parent_id = self.stranger
        self.assertEqual(self.contract.commercial_partner_id, self.stranger)
        self.assert_covered(self.first, theirs)
        self.assert_open(entry)
        self.contact.parent_id = self.customer
        self.assert_covered(self.first, entry)
        self.assert_open(theirs)

    def test_the_companies_of_a_group(self):
        """A company that belongs to another one is a customer of its own."""
        partners = self.env["res.partner"]
        daughter, sister = partners.create(
            [
                {"name": name, "is_company": True, "parent_id": self.customer.id}
                for name in ("Daughter", "Sister")
            ]
        )
        person = partners.create({"name": "Pa", "parent_id": daughter.id})
        theirs = self._entry("2026-02-01", partner_id=daughter.id)
        others = self._entry("2026-02-01", partner_id=sister.id)
        self.assert_covered(self.first)
        self.assert_open(theirs, others)
        self.contract.partner_id = person
        self.assert_covered(theirs)
        self.assert_open(self.first, others)

    def test_customers_are_merged(self):
        """The contract of the one now covers the work for the other."""
        self.other_contract.unlink()
        theirs = self._entry("2026-02-01", ticket=self.foreign_ticket)
        self.assert_open(theirs)
        branch = self.env["res.partner"].create({"name": "Branch", "parent_id": self.stranger.id})
        lone = self.env["res.partner"].create({"name": "Lone"})
        contract = self._contract("K-5", lone)
        term = self.env["klausel.term"].create(
            {"contract_id": contract.id, "code": "S", "plan": "p"}
        )
        entry = self._entry("2026-02-01", project=self._project("Own", lone))
        decision = self.env["klausel.override"].create(
            {"entry_id": entry.id, "disposition": "internal", "reason": "Ours"}
        )
        self.assertEqual(decision.partner_id, lone)
        self.env.flush_all()
        before = self.stranger.klausel_seq
        wizard = self.env["base.partner.merge.automatic.wizard"].create({})
        wizard._merge((lone | branch).ids, branch)
        self.assertEqual(contract.partner_id, branch)
        self.assertEqual(contract.commercial_partner_id, self.stranger)
        self.assertEqual(term.commercial_partner_id, self.stranger)
        self.assertEqual(decision.partner_id, self.stranger)
        self.assertGreater(self.stranger.klausel_seq, before)
        self.assert_covered(theirs)

    def test_a_customer_without_contracts_is_merged(self):
        """Timesheets change their customer there, too: what was previewed is out of date."""
        first, second = self.env["res.partner"].create([{"name": "One"}, {"name": "Two"}])
        self._contract("K-9", second)
        before = second.klausel_seq
        self.env["base.partner.merge.automatic.wizard"].create({})._merge(
            (first | second).ids, second
        )
        self.assertGreater(second.klausel_seq, before)

    def _stale(self, *entries, covered=False):
        """As if a contract had been saved at the same moment, in another transaction."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_analytic_line SET klausel_covered = %s WHERE id = ANY(%s)",
            [covered, [entry.id for entry in entries]],
        )
        self.env.invalidate_all()

    def test_saved_at_the_same_moment(self):
        self._stale(self.first)
        self._stale(self.before, covered=True)
        self.assert_open(self.first)
        self.assert_covered(self.before)
        mended = self.lines._cron_mend_covered()
        self.assertEqual(mended & (self.before + self.first + self.later), self.before + self.first)
        self.assert_covered(self.first)
        self.assert_open(self.before)
        self.assertFalse(self.lines._cron_mend_covered())
        self.env.flush_all()
        self._stale(self.first)
        self.env.cr.execute(
            "UPDATE account_analytic_line SET write_date = write_date - interval '3 days'"
        )
        self.env.invalidate_all()
        self.assertFalse(self.lines._cron_mend_covered())
        self.env.ref("klausel_billing.cron_covered").method_direct_trigger()

    def test_what_is_settled_is_covered(self):
        rows = self._settle(self.before)
        self.assert_covered(self.before)
        rows.state = "released"
        self.assert_open(self.before)
        rows.write({"state": "live", "held": "pending"})
        self.assert_open(self.before)
        more = self._settle(self.before, lot="B")
        self.assert_covered(self.before)
        more.unlink()
        self.assert_open(self.before)
        rows.held = False
        self.assert_covered(self.before)

    def test_settled_time_stays_with_its_customer(self):
        """A project that goes to somebody else takes along only what is still open."""
        entry = self._entry("2026-02-01", project=self.project)
        self._settle(self.first, entry)
        self.project.partner_id = self.stranger
        self.ticket.partner_id = self.stranger
        self.ticket.project_id = self.foreign_project
        self.assertEqual(self.first.partner_id, self.contact)
        self.assertEqual(self.first.project_id, self.project)
        self.assertEqual(entry.partner_id, self.customer)
        self.assertEqual(self.later.partner_id, self.stranger)
        self.assertEqual(self.later.project_id, self.foreign_project)

    def test_many_entries_cost_no_more_queries(self):
        for day in range(1, 28):
            self._entry(f"2026-03-{day:02}")
        self.env.flush_all()
        costs = []
        for dates in (("2026-03-01", "2026-03-02"), ("2026-03-01", "2026-03-27")):
            self.contract.write({"date_start": dates[0], "date_end": dates[1]})
            self.env.flush_all()
            self.contract.write({"date_start": "2020-01-01", "date_end": "2020-01-01"})
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.contract.write({"date_start": dates[0], "date_end": dates[1]})
            self.env.flush_all()
            costs.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(costs[1], costs[0] + 2)


@tagged("post_install", "-at_install")
class TestOrders(TimesheetCase):
    """Odoo's own invoicing keeps quiet about time that a contract bills."""

    def _wizard(self, start=False, end=False):
        return (
            self.env["sale.advance.payment.inv"]
            .with_context(active_model="sale.order", active_ids=self.order.ids)
            .create(
                {
                    "advance_payment_method": "delivered",
                    "date_start_invoice_timesheet": start,
                    "date_end_invoice_timesheet": end,
                }
            )
        )

    def _bill(self, **dates):
        moves = self.order.invoice_ids
        self._wizard(**dates).create_invoices()
        return self.order.invoice_ids - moves

    def _nothing_to_bill(self, **dates):
        moves = self.order.invoice_ids
        with self.assertRaises(UserError):
            self._bill(**dates)
        self.assertEqual(self.order.invoice_ids, moves)

    def test_only_what_no_contract_covers_is_delivered(self):
        self._entry("2025-12-31", 3)
        entry = self._entry("2026-01-01", 5)
        self.assertEqual(self.order_line.qty_delivered, 3)
        self.assertEqual(self.order_line.qty_to_invoice, 3)
        entry.date = "2025-12-30"
        self.assertEqual(self.order_line.qty_delivered, 8)
        self.contract.date_start = "2025-12-30"
        self.assertEqual(self.order_line.qty_delivered, 0)
        self.contract.active = False
        self.assertEqual(self.order_line.qty_delivered, 8)

    def test_wizard(self):
        before = self._entry("2025-12-31", 3)
        covered = self._entry("2026-01-01", 5)
        move = self._bill()
        self.assertEqual(move.invoice_line_ids.quantity, 3)
        self.assertEqual(move.timesheet_ids, before)
        self.assertFalse(covered.timesheet_invoice_id)
        self._nothing_to_bill()

    def test_wizard_with_dates(self):
        before = self._entry("2025-12-30", 3)
        last = self._entry("2025-12-31", 2)
        self._entry("2026-01-01", 5)
        move = self._bill(start="2025-12-31", end="2026-01-31")
        self.assertEqual(move.invoice_line_ids.quantity, 2)
        self.assertEqual(move.timesheet_ids, last)
        self._nothing_to_bill(start="2026-01-01", end="2026-12-31")
        move = self._bill(start="2025-01-01", end="2026-12-31")
        self.assertEqual(move.invoice_line_ids.quantity, 3)
        self.assertEqual(move.timesheet_ids, before)
        self._nothing_to_bill(start="2025-01-01", end="2026-12-31")

    def test_saved_at_the_same_moment(self):
        """Odoo's invoicing looks again, so that what a contract covers is not billed twice."""
        late = self._entry("2025-12-31", 3)
        covered = self._entry("2026-01-01", 5)
        for dates in ({}, {"start": "2025-12-01", "end": "2026-12-31"}):
            with self.env.cr.savepoint() as savepoint:
                self._stale(covered)
                move = self._bill(**dates)
                self.assertEqual(move.invoice_line_ids.quantity, 3)
                self.assertEqual(move.timesheet_ids, late)
                self.assert_covered(covered)
                savepoint.rollback()
            self.env.invalidate_all()
        self._stale(covered)
        self.assertEqual(self.order._create_invoices().timesheet_ids, late)

    def _stale(self, entry):
        """As if a contract had been saved at the same moment, in another transaction."""
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_analytic_line SET klausel_covered = FALSE WHERE id = %s", [entry.id]
        )
        self.env.cr.execute(
            "UPDATE sale_order_line SET qty_delivered = 8, qty_to_invoice = 8,"
            " invoice_status = 'to invoice' WHERE id = %s",
            [self.order_line.id],
        )
        self.env.invalidate_all()

    def test_create_invoices(self):
        self._entry("2026-01-01", 5)
        self.assertEqual(self.order.invoice_status, "no")
        with self.assertRaises(UserError):
            self.order._create_invoices()
        self._entry("2025-12-30", 3)
        self.assertEqual(self.order.invoice_status, "to invoice")
        self.assertEqual(self.order._create_invoices().invoice_line_ids.quantity, 3)

    def test_settled_time_of_a_contract_that_is_gone(self):
        entry = self._entry("2026-01-01", 5)
        self._settle(entry)
        self.contract.active = False
        self.assertEqual(self.order_line.qty_delivered, 0)
        self._nothing_to_bill()
        self._nothing_to_bill(start="2026-01-01", end="2026-12-31")

    def test_held_time_is_the_contracts_as_long_as_it_runs(self):
        entry = self._entry("2026-01-01", 5)
        self._settle(entry, held="pending")
        self._nothing_to_bill()
        self.contract.date_start = "2026-01-02"
        self.assertEqual(self._bill().invoice_line_ids.quantity, 5)

    def test_what_an_order_has_billed_stays_billed(self):
        """A contract that begins in the past takes back no invoice of Odoo."""
        billed = self._entry("2025-11-15", 4)
        move = self._bill()
        move.action_post()
        self._entry("2025-11-16", 2)
        self.contract.date_start = "2025-11-01"
        self.assert_open(billed)
        self.assertEqual(billed.timesheet_invoice_id, move)
        self.assertEqual(self.order_line.qty_delivered, 4)
        self.assertEqual(self.order_line.qty_to_invoice, 0)
        self._nothing_to_bill()
        self._entry("2025-10-31", 1)
        self.assertEqual(self._bill().invoice_line_ids.quantity, 1)

    def test_what_an_order_bills_no_longer_is_the_contracts(self):
        billed = self._entry("2025-11-15", 4)
        move = self._bill()
        self.contract.date_start = "2025-11-01"
        self.assert_open(billed)
        move.button_cancel()
        self.assert_covered(billed)
        self.assertEqual(self.order_line.qty_to_invoice, 0)
        move.button_draft()
        self.assert_open(billed)
        self.assertEqual(self.order_line.qty_to_invoice, 0)
        move.unlink()
        self.assert_covered(billed)
        self.assertEqual(self.order_line.qty_to_invoice, 0)
        self._nothing_to_bill()

    def test_a_reversed_invoice_of_an_order(self):
        billed = self._entry("2025-11-15", 4)
        move = self._bill()
        move.action_post()
        self.contract.date_start = "2025-11-01"
        wizard = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        wizard.create({"journal_id": move.journal_id.id}).refund_moves()
        refund = move.reversal_move_ids
        self.assert_open(billed)
        refund.action_post()
        self.assert_covered(billed)
        self.assertEqual(self.order_line.qty_to_invoice, 0)

    def test_the_link_to_an_invoice_of_the_contract(self):
        """It is for show: the ledger says what is settled."""
        entry = self._entry("2026-01-01", 5)
        move = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_line_ids": [Command.create({"name": "Work", "price_unit": 475})],
            }
        )
        entry.timesheet_invoice_id = move
        self._settle(entry, move_line_id=move.invoice_line_ids.id)
        self.assert_covered(entry)
        self.assertEqual(self.order_line.qty_delivered, 0)
        self._nothing_to_bill()

    def test_prepaid_hours_are_not_used_up_by_a_contract(self):
        prepaid = self._product("Prepaid", "order")
        line = self.env["sale.order.line"].create(
            {"order_id": self.order.id, "product_id": prepaid.id, "product_uom_qty": 10}
        )
        entry = self._entry("2026-01-01", 4, so_line=line.id)
        self.assertEqual(line.remaining_hours, 10)
        entry.date = "2025-12-31"
        self.assertEqual(line.remaining_hours, 6)

    def test_panels(self):
        """What was worked is shown as before; what is to be invoiced is Odoo's part."""
        self.project.sale_line_id = self.order_line
        self._entry("2025-12-31", 3)
        self._entry("2026-01-01", 5)
        self.assertEqual(self.order.timesheet_total_duration, 8)
        self.assertEqual(self.order.timesheet_count, 2)
        data = self.project.get_panel_data()
        revenues = {row["id"]: row for row in data["profitability_items"]["revenues"]["data"]}
        self.assertEqual(revenues["billable_time"]["to_invoice"], 270)
        self.env["project.update"].create(
            {"name": "News", "project_id": self.project.id, "status": "on_track"}
        )
        self.assertTrue(self.env["timesheets.analysis.report"].search([], limit=1).read())

    # --- said before a contract takes work from a sales order ----------------------------------

    def _new(self, **values):
        """A contract that is being entered in the form, and not yet saved."""
        form = Form(self.env["klausel.contract"])
        form.code = "K-9"
        form.policy = "web-care"
        form.partner_id = self.customer
        form.date_start = fields.Date.to_date("2026-01-01")
        for name, value in values.items():
            setattr(form, name, value)
        return form

    def test_the_form_says_what_sales_orders_lose(self):
        self.contract.unlink()
        prepaid = self.order.order_line.create(
            {
                "order_id": self.order.id,
                "product_id": self._product("Card", "order").id,
                "product_uom_qty": 20,
            }
        )
        self._entry("2026-02-01", 7.0, so_line=prepaid.id)
        self._entry("2026-01-02")
        self._entry("2026-06-30")
        self._entry("2025-12-31", 50)
        self.assertEqual(prepaid.remaining_hours, 13)
        name = self.order.name
        first = (
            "Sales orders bill work that this contract covers. Once it is saved, they do so no"
            " longer:"
        )
        delivered = f"{name}, Hours: 2.00 hours not yet invoiced"
        card = (
            f"{name}, Card: 7.00 hours used; of the prepaid hours 13.00 are left now,"
            " and 20.00 then"
        )
        form = self._new()
        self.assertEqual(form.order_warning, "\n".join((first, delivered, card)))
        form.date_end = fields.Date.to_date("2026-01-31")
        self.assertEqual(form.order_warning, "\n".join((first, delivered.replace("2.00", "1.00"))))
        form.date_end = False
        form.covers = "project"
        self.assertFalse(form.order_warning)
        form.project_ids.add(self.project)
        self.assertEqual(form.order_warning, "\n".join((first, delivered, card)))
        contract = form.save()
        # Now it has happened: that is what the sentence had announced.
        self.assertEqual(prepaid.remaining_hours, 20)
        self.assertFalse(contract.order_warning)
        self.env.flush_all()
        stranger = self._new(partner_id=self.stranger)
        self.assertFalse(stranger.order_warning)

    def test_what_is_covered_is_switched_as_a_whole(self):
        form = self._new(covers="project")
        form.project_ids.add(self.project)
        form.covers = "ticket"
        form.task_ids.add(self.ticket)
        form.covers = "customer"
        contract = form.save()
        self.assertFalse(contract.project_ids)
        self.assertFalse(contract.task_ids)
