from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .billing import BillingCase


@tagged("post_install", "-at_install")
class TestReversal(BillingCase):
    """What becomes open again, rule by rule."""

    def setUp(self):
        super().setUp()
        fee = self._line(
            quantity="1",
            price="49.00",
            entries=self.env["account.analytic.line"],
            group="2026-02-01",
            component="fee",
            unit="month",
        )
        self.move = self._bill(self._line(), fee, total="381.50")
        self.effort = self.move.invoice_line_ids.filtered(lambda line: line.price_unit == 95)
        self.fee = self.move.invoice_line_ids - self.effort
        self.all = self._ledger()
        self.assertEqual(len(self.all), 5)

    def _assert_settled(self, rows=None):
        self.assertEqual(self._ledger(), self.all if rows is None else rows)

    def _assert_open(self, cause):
        self.assertFalse(self._ledger())
        released = self._ledger(state="released")
        self.assertEqual(set(released.mapped("cause")), {cause})
        for entry in self.first + self.second:
            self.assertFalse(entry.timesheet_invoice_id)

    def _bill_again(self, key=""):
        """What is open is billed by a new draft: the unique index lets it pass."""
        return self._bill(self._line())

    def test_delete_the_draft(self):
        before = self._seq()
        self.move.unlink()
        self.assertFalse(self._ledger())
        released = self._ledger(state="released")
        self.assertEqual(released, self.all)
        self.assertEqual(set(released.mapped("cause")), {"deleted"})
        self.assertFalse(released.move_id or released.move_line_id)
        self.assertFalse((self.first + self.second).timesheet_invoice_id)
        self.assertGreater(self._seq(), before)
        again = self._bill_again()
        self.assertEqual(self.first.timesheet_invoice_id, again)

    def test_delete_one_line(self):
        closing = self.all.filtered(lambda row: not row.line_group)
        self.effort.unlink()
        released = self._ledger(state="released")
        self.assertEqual(len(released), 4)
        self.assertIn(closing, released)
        self.assertEqual(self._ledger().component, "fee")
        self.assertFalse(self.first.timesheet_invoice_id)
        self._bill_again()

    def test_delete_one_line_in_the_form(self):
        self.move.write({"invoice_line_ids": [Command.delete(self.fee.id)]})
        released = self._ledger(state="released")
        self.assertEqual(released.mapped("component"), ["fee"])
        self.assertEqual(self.first.timesheet_invoice_id, self.move)

    def test_deleting_a_late_line_leaves_the_period_closed(self):
        late = self._bill(
            self._line(quantity="0.5", entries=self.third, sequence=1),
            total="47.50",
            closing=False,
        )
        late.invoice_line_ids.unlink()
        self._assert_settled()
        self.assertEqual(len(self._ledger(state="released")), 2)

    def test_an_entry_on_two_invoices(self):
        late = self._bill(
            self._line(quantity="0.5", entries=self.first, group="beyond"),
            total="47.50",
            closing=False,
        )
        self.assertEqual(self.first.timesheet_invoice_id, late)
        late.unlink()
        self.assertEqual(self.first.timesheet_invoice_id, self.move)

    def test_cancel_the_draft(self):
        self.move.button_cancel()
        self._assert_open("cancelled")
        self.assertEqual(self._ledger(state="released").move_id, self.move)
        self._bill_again()

    def test_cancel_a_posted_invoice(self):
        self._post(self.move)
        self.move.button_cancel()
        self._assert_open("cancelled")

    def test_a_cancelled_invoice_comes_back(self):
        self.move.button_cancel()
        self.move.button_draft()
        self._assert_settled()
        self.assertEqual(self.first.timesheet_invoice_id, self.move)
        self.assertFalse(any(self.all.mapped("cause")))

    def test_a_cancelled_invoice_stays_when_its_work_was_billed_again(self):
        self.move.button_cancel()
        again = self._bill_again()
        with self.assertRaises(UserError) as caught:
            self.move.button_draft()
        self.assertIn("was billed on", str(caught.exception))
        again.unlink()
        self.move.button_draft()
        self._assert_settled()

    def test_reset_to_draft(self):
        self._post(self.move)
        self._assert_settled()
        self.move.button_draft()
        self._assert_settled()
        self.assertEqual(self.first.timesheet_invoice_id, self.move)

    def test_duplicate(self):
        copy = self.move.copy()
        self._assert_settled()
        self.assertEqual(self.all.move_id, self.move)
        self.assertFalse(copy.sudo().klausel_run_id or copy.sudo().klausel_stamp)
        copy.unlink()
        self._assert_settled()

    def test_partial_refund(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        refund.invoice_line_ids.filtered(lambda line: line.price_unit == 49).unlink()
        refund.action_post()
        self.assertEqual(self.move.payment_state, "partial")
        self._assert_settled()

    def test_full_refund(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        self._assert_settled()
        refund.action_post()
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_open("reversed")
        self._bill_again()

    def test_full_refund_is_taken_back(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        refund.action_post()
        refund.button_draft()
        # Odoo leaves it matched; but a draft reverses nothing.
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_settled()
        self.assertEqual(self.first.timesheet_invoice_id, self.move)
        refund.action_post()
        self._assert_open("reversed")
        refund.button_draft()
        refund.unlink()
        self.assertEqual(self.move.payment_state, "not_paid")
        self._assert_settled()
        self.assertEqual(self.first.timesheet_invoice_id, self.move)

    def test_full_refund_is_cancelled(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        refund.action_post()
        refund.button_cancel()
        self._assert_settled()

    def test_full_refund_stays_when_its_work_was_billed_again(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        refund.action_post()
        self._bill_again()
        # As a draft it could be edited, or stay one: both invoices would be in force.
        for undo in (refund.button_draft, refund.button_cancel):
            with self.assertRaises(UserError) as caught:
                undo()
            self.assertIn("was billed on", str(caught.exception))
        self.assertEqual(self.move.payment_state, "reversed")
        self.assertEqual(refund.state, "posted")

    def test_a_reversed_invoice_stays_as_it_is(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        refund.action_post()
        for change in (self.move.button_draft, self.move.button_cancel):
            with self.assertRaises(UserError) as caught:
                change()
            self.assertIn("corrects or reverses", str(caught.exception))
        self.assertEqual(self.move.state, "posted")
        # Both together: nothing is reversed, and what stood on the invoice stands there again.
        (self.move + refund).button_draft()
        self._assert_settled()

    def test_an_invoice_and_its_refund_stay_when_its_work_was_billed_again(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        refund.action_post()
        self._bill_again()
        for both in (self.move + refund, refund + self.move):
            with self.assertRaises(UserError) as caught:
                both.button_draft()
            self.assertIn("was billed on", str(caught.exception))

    def test_full_refund_becomes_a_partial_one(self):
        self._post(self.move)
        refund = self._reverse(self.move)
        refund.action_post()
        refund.button_draft()
        refund.invoice_line_ids.filtered(lambda line: line.price_unit == 49).unlink()
        refund.action_post()
        self.assertEqual(self.move.payment_state, "partial")
        self._assert_settled()

    def test_two_refunds_that_equal_the_invoice(self):
        self._post(self.move)
        for price in (95, 49):
            refund = self._reverse(self.move)
            lines = refund.invoice_line_ids
            lines.filtered(lambda line, price=price: line.price_unit != price).unlink()
            self._assert_settled()
            refund.action_post()
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_open("reversed")
        refund.button_draft()
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_settled()

    def test_a_full_refund_of_a_paid_invoice(self):
        self._post(self.move)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.move.ids
        ).create({})._create_payments()
        self.assertIn(self.move.payment_state, ("paid", "in_payment"))
        self._assert_settled()
        self._reverse(self.move).action_post()
        self._assert_open("reversed")

    def test_a_refund_that_names_no_invoice(self):
        self._post(self.move)
        refund = self.move.copy({"move_type": "out_refund", "reversed_entry_id": False})
        refund.invoice_date = self.move.invoice_date
        refund.action_post()
        self._assert_settled()
        lines = (self.move + refund).line_ids
        lines.filtered(lambda line: line.account_type == "asset_receivable").reconcile()
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_open("reversed")
        refund.button_draft()
        self._assert_settled()
        refund.action_post()
        self._assert_open("reversed")
        refund.line_ids.remove_move_reconcile()
        self._assert_settled()

    def test_our_own_credit_note(self):
        self._post(self.move)
        line = self._line(quantity="1", entries=self.first, sequence=1)
        credit = self._bill(
            line,
            total="95.00",
            closing=False,
            move_type="out_refund",
            reverses=self.move.id,
        )
        self.assertEqual(credit.reversed_entry_id, self.move)
        rows = self._ledger()
        self.assertEqual(len(rows), 7)
        self._post(credit)
        self._assert_settled(rows)
        self.assertEqual(self.move.payment_state, "partial")

    def test_our_own_credit_note_over_everything(self):
        self._post(self.move)
        line = self._line(quantity="1", price="381.50", entries=self.first, sequence=1)
        credit = self._bill(
            line, total="381.50", closing=False, move_type="out_refund", reverses=self.move.id
        )
        rows = self._ledger()
        self._post(credit)
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_settled(rows)

    def test_our_own_credit_note_and_the_rest_by_hand(self):
        """Together they undo everything: what the credit note corrected is open, too."""
        self._post(self.move)
        line = self._line(quantity="1", entries=self.first, sequence=1)
        credit = self._bill(
            line, total="95.00", closing=False, move_type="out_refund", reverses=self.move.id
        )
        self._post(credit)
        refund = self._reverse(self.move)
        effort = refund.invoice_line_ids.filtered(lambda line: line.price_unit == 95)
        refund.write({"invoice_line_ids": [Command.update(effort.id, {"quantity": 2.5})]})
        refund.action_post()
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_open("reversed")
        self.assertEqual(len(self._ledger(state="released")), 7)

    def test_deleting_our_own_credit_note(self):
        self._post(self.move)
        line = self._line(quantity="1", entries=self.first, sequence=1)
        credit = self._bill(
            line, total="95.00", closing=False, move_type="out_refund", reverses=self.move.id
        )
        credit.unlink()
        self._assert_settled()
        self.assertEqual(self.first.timesheet_invoice_id, self.move)

    def test_reverse_and_create(self):
        self._post(self.move)
        seq = self._seq()
        new = self._reverse(self.move, modify=True)
        self.assertEqual(new.state, "draft")
        self.assertEqual(self.move.payment_state, "reversed")
        self._assert_settled()
        self.assertEqual(self.all.move_id, new)
        for old, price in ((self.effort, 95), (self.fee, 49)):
            line = new.invoice_line_ids.filtered(lambda line, price=price: line.price_unit == price)
            self.assertEqual(line.name, old.name)
            rows = self.all.filtered(lambda row, line=line: row.move_line_id == line)
            self.assertEqual(len(rows), 3 if price == 95 else 1)
        self.assertEqual(self.first.timesheet_invoice_id, new)
        self.assertGreater(self._seq(), seq)
        new.unlink()
        self.assertFalse(self._ledger())
        self._bill_again()

    def test_reverse_and_create_with_sections(self):
        line, rows = self._line(entries=self.third, quantity="0.5", group="late", sequence=1)
        other, more = self._line(
            entries=self.third, quantity="0.5", group="more", sequence=1, price="10.00"
        )
        section = {"key": "", "display_type": "line_section", "name": "Shop"}
        note = {"key": "", "display_type": "line_note", "name": "Clause 2"}
        asked = self._move(section, line, note, other, total="52.50", key="x")
        result = self._apply(self._payload([asked], rows + more))
        move = self.env["account.move"].browse(result["moves"][0]["id"])
        self._post(move)
        # Lines that were moved about by hand keep what stands behind them.
        move.button_draft()
        first, last = (
            move.invoice_line_ids.filtered("product_id") - self.env["account.move.line"]
        ).sorted("sequence")
        first.sequence, last.sequence = 50, 2
        move.action_post()
        new = self._reverse(move, modify=True)
        for row in self._ledger(("move_id", "=", new.id)):
            self.assertEqual(
                str(row.move_line_id.price_unit), {"late": "95.0", "more": "10.0"}[row.line_group]
            )
        self.assertEqual(len(self._ledger(("move_id", "=", new.id))), 4)

    def test_reverse_and_create_then_undo_the_refund(self):
        self._post(self.move)
        new = self._reverse(self.move, modify=True)
        refund = self.move.reversal_move_ids
        with self.assertRaises(UserError) as caught:
            refund.button_draft()
        self.assertIn("was handed over to", str(caught.exception))
        self.assertEqual(refund.state, "posted")
        self._assert_settled()
        self.assertEqual(self.all.move_id, new)

    def test_edit_a_draft_line(self):
        before = self._seq()
        self.move.write(
            {"invoice_line_ids": [Command.update(self.effort.id, {"quantity": 2, "name": "Less"})]}
        )
        self.effort.price_unit = 80
        self._assert_settled()
        self.assertEqual(self._seq(), before)
        self.assertEqual(self.all.filtered("amount")[0].amount, "332.50")

    def test_what_a_line_comes_to_now(self):
        effort = self.all.filtered(lambda row: row.move_line_id == self.effort and row.amount)
        self.assertEqual(effort.invoiced, "332.5")
        self.assertFalse(any((self.all - effort).filtered("entry_id").mapped("invoiced")))
        self.effort.write({"quantity": 0.25, "price_unit": 95.5, "discount": 12.5})
        self.assertEqual(effort.invoiced, "20.890625")
        self.move.button_cancel()
        self.assertEqual(effort.invoiced, "20.890625")
        self.move.unlink()
        self.assertFalse(effort.invoiced)

    def test_what_a_credit_note_comes_to_now(self):
        self._post(self.move)
        line = self._line(quantity="1", entries=self.first, sequence=1)
        credit = self._bill(
            line, total="95.00", closing=False, move_type="out_refund", reverses=self.move.id
        )
        row = self._ledger(("move_id", "=", credit.id), ("amount", "!=", False))
        self.assertEqual(row.invoiced, "-95")

    def test_payment_and_bank_release_nothing(self):
        self._post(self.move)
        self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=self.move.ids
        ).create({"amount": 100})._create_payments()
        self._assert_settled()

    def test_an_accountant_without_klausel_rights(self):
        accountant = self._user("accountant", "account.group_account_manager")
        move = self.move.with_user(accountant)
        move.invoice_line_ids.filtered(lambda line: line.price_unit == 49).unlink()
        self.assertEqual(len(self._ledger()), 4)
        move.button_cancel()
        self.assertFalse(self._ledger())
        self.assertEqual(len(self._ledger(("cause", "=", "cancelled"), state="released")), 4)
        with self.assertRaises(AccessError):
            self.env["klausel.ledger"].with_user(accountant).search([])

    def test_an_accountant_reverses(self):
        accountant = self._user("accountant", "account.group_account_manager")
        move = self.move.with_user(accountant)
        self._post(move)
        new = self._reverse(move, modify=True)
        self._assert_settled()
        self.assertEqual(self.all.move_id, new)
        self._post(new)
        self._reverse(new).action_post()
        self.assertFalse(self._ledger())
        new.reversal_move_ids.button_cancel()
        self._assert_settled()

    def test_who_may_not_delete_releases_nothing(self):
        plain = self._user("plain", "base.group_user")
        for undo in (
            self.move.with_user(plain).unlink,
            self.move.with_user(plain).button_cancel,
            self.effort.with_user(plain).unlink,
        ):
            with self.assertRaises(AccessError):
                undo()
        self._assert_settled()
        self._post(self.move)
        with self.assertRaises(UserError):
            self.effort.unlink()
        self._assert_settled()

    def test_an_invoice_without_ledger(self):
        other = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.customer.id,
                "invoice_date": "2026-03-01",
                "invoice_line_ids": [
                    Command.create({"product_id": self.product.id, "price_unit": 10})
                ],
            }
        )
        seq = self._seq()
        other.action_post()
        new = self._reverse(other, modify=True)
        self.assertFalse(new.sudo().klausel_replaces_id)
        new.unlink()
        self.assertEqual(self._seq(), seq)
        self._assert_settled()
