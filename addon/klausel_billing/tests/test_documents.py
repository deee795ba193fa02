from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from .billing import BillingCase


@tagged("post_install", "-at_install")
class TestDocuments(BillingCase):
    """Corrections go with what they correct, and nothing is in force twice."""

    def setUp(self):
        super().setUp()
        self.move = self._bill()
        self.effort = self.move.invoice_line_ids
        self.all = self._ledger()
        self.assertEqual(len(self.all), 4)

    def _correct(self, quantity="1", move_type="out_refund", total="95.00", of=None, sequence=1):
        """Our draft that corrects the invoice: a credit note, or an invoice."""
        of = of or self.effort
        line, rows = self._line(quantity=quantity, entries=self.first, sequence=sequence)
        line["corrects"] = of.id
        rows[0]["amount"] = f"-{total}" if move_type == "out_refund" else total
        return self._bill(
            (line, rows), total=total, closing=False, move_type=move_type, reverses=of.move_id.id
        )

    def _refund(self, quantity=None, move=None):
        """A credit note by hand, as the dialog makes it; ``quantity``: changed in the draft."""
        refund = self._reverse(move or self.move)
        if quantity is not None:
            line = refund.invoice_line_ids
            refund.write({"invoice_line_ids": [Command.update(line.id, {"quantity": quantity})]})
        return refund

    def _said(self, do, *arguments):
        with self.assertRaises(UserError) as caught:
            do(*arguments)
        return str(caught.exception).replace("\N{NO-BREAK SPACE}", " ")

    def _open(self):
        self.assertFalse(self._ledger())
        return self._ledger(state="released")

    # --- drafts that correct what is released

    def test_a_correction_knows_its_line(self):
        credit = self._correct()
        rows = self._ledger(("move_id", "=", credit.id))
        self.assertEqual(rows.filtered("amount").corrects_id, self.effort)
        self.assertFalse(rows.filtered("entry_ref").corrects_id)

    def test_a_draft_correction_goes_with_a_refund_by_hand(self):
        self._post(self.move)
        for move_type in ("out_refund", "out_invoice"):
            with self.subTest(move_type):
                draft = self._correct(move_type=move_type)
                refund = self._refund()
                refund.action_post()
                released = self._open()
                self.assertEqual(draft.state, "cancel")
                ours = released.filtered(lambda row, draft=draft: row.move_id == draft)
                self.assertEqual(set(ours.mapped("cause")), {"corrected"})
                said = self._said(draft.button_draft)
                self.assertIn("whose work is open again", said)
                self.assertIn(self.move.name, said)
                # In force again, the invoice waits for a new correction.
                refund.button_cancel()
                self.assertEqual(self._ledger(), self.all)
                self.assertEqual(draft.state, "cancel")
                draft.button_draft()
                self.assertEqual(len(self._ledger()), 6)
                draft.unlink()

    def test_a_draft_correction_goes_with_a_deleted_draft(self):
        draft = self._correct()
        self.move.unlink()
        self._open()
        self.assertEqual(draft.state, "cancel")
        self.assertIn("a deleted invoice", self._said(draft.button_draft))

    def test_a_draft_correction_goes_with_a_deleted_line(self):
        draft = self._correct()
        self.effort.unlink()
        self._open()
        self.assertEqual(draft.state, "cancel")

    def test_a_draft_correction_goes_with_a_cancelled_invoice(self):
        self._post(self.move)
        draft = self._correct()
        cancelled = self._correct(sequence=2)
        cancelled.button_cancel()
        self.move.button_cancel()
        self._open()
        self.assertEqual(draft.state, "cancel")
        for one in (draft, cancelled):
            self.assertIn("whose work is open again", self._said(one.button_draft))
        self.move.button_draft()
        self.assertEqual(self._ledger(), self.all)

    def test_a_correction_of_a_correction_goes_too(self):
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        again = self._correct(
            move_type="out_invoice", of=credit.invoice_line_ids, sequence=2, total="95.00"
        )
        refund = self._refund(2.5)
        refund.action_post()
        self._open()
        self.assertEqual((credit.state, again.state), ("posted", "cancel"))

    def test_a_correction_from_before_it_knew_its_line(self):
        self._post(self.move)
        draft = self._correct()
        self._ledger(("move_id", "=", draft.id)).corrects_id = False
        self._refund().action_post()
        self._open()
        self.assertEqual(draft.state, "cancel")

    def test_an_accountant_without_klausel_rights(self):
        accountant = self._user("accountant", "account.group_account_manager")
        self._post(self.move)
        draft = self._correct()
        self._refund(move=self.move.with_user(accountant)).action_post()
        self._open()
        self.assertEqual(draft.state, "cancel")

    def test_a_released_correction_leaves_the_period_closed(self):
        """Though a timesheet's row on it may be the first at its price."""
        self._post(self.move)
        other, rows = self._line(quantity="2", price="99.00", entries=self.first, group="99")
        other["key"] = rows[0]["line"] = rows[1]["line"] = f"{other['key']}#1"
        rows[0].update(sequence=1, amount="198.00")
        other["corrects"] = self.effort.id
        old, more = self._line(quantity="-2", entries=self.first, sequence=1)
        draft = self._bill(
            (other, rows), (old, more), total="8.00", closing=False, reverses=self.move.id
        )
        draft.unlink()
        self.assertEqual(self._ledger(), self.all)

    def test_another_invoices_correction_stays(self):
        other = self._bill(
            self._line(entries=self.third, quantity="0.5", group="other", sequence=1),
            total="47.50",
            closing=False,
        )
        self._post(self.move)
        self._post(other)
        draft = self._correct(of=other.invoice_line_ids, quantity="0.1", total="9.50", sequence=2)
        self._refund().action_post()
        self.assertEqual(draft.state, "draft")
        self.assertEqual(self._ledger().move_id, other | draft)

    # --- posted ones

    def test_an_invoice_with_a_posted_credit_note_refunded_in_full(self):
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        rows = self._ledger()
        refund = self._refund()
        said = self._said(refund.action_post)
        self.assertEqual(
            said,
            f"{self.move.name} has correction {credit.name} ($ 95.00): reverse $ 237.50 in all, or"
            " reverse the correction first.",
        )
        self.assertEqual(self._ledger(), rows)
        # What it says helps: one way
        line = refund.invoice_line_ids
        refund.write({"invoice_line_ids": [Command.update(line.id, {"quantity": 2.5})]})
        refund.action_post()
        self._open()
        # Neither of them is a draft beside what reverses both.
        for document in (self.move, credit):
            self.assertIn("corrects or reverses", self._said(document.button_draft))
        refund.button_cancel()
        self.assertEqual(self._ledger(), rows)
        # and the other
        self._refund(move=credit).action_post()
        self.assertEqual(self._ledger(), self.all)
        self._refund().action_post()
        self._open()

    def test_an_invoice_with_a_posted_invoice_refunded_in_full(self):
        self._post(self.move)
        more = self._correct(move_type="out_invoice")
        self._post(more)
        refund = self._refund()
        self.assertIn(more.name, self._said(refund.action_post))
        both = refund | self._refund(move=more)
        both.action_post()
        self._open()

    def test_more_is_credited_than_was_left(self):
        self._post(self.move)
        self._post(self._correct())
        self._refund(2.0).action_post()
        refund = self._refund(1.0)
        self.assertIn("in all", self._said(refund.action_post))

    def test_our_credit_note_beside_too_much_credited_by_hand(self):
        self._post(self.move)
        credit = self._correct()
        self._refund(3.0).action_post()
        self.assertIn("in all", self._said(self._post, credit))

    def test_an_invoice_with_a_posted_credit_note_cancelled_or_deleted(self):
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        rows = self._ledger()
        for undo in (self.move.button_cancel,):
            self.assertIn(credit.name, self._said(undo))
        self.move.button_draft()
        for undo in (self.move.button_cancel, self.effort.unlink):
            said = self._said(undo)
            self.assertIn(credit.name, said)
            self.assertIn(self.move.name, said)
        self.assertEqual(self._ledger(), rows)
        credit.button_cancel()
        self.move.button_cancel()
        self._open()

    def test_an_invoice_credited_by_hand_is_not_cancelled(self):
        self._post(self.move)
        refund = self._refund(1.0)
        refund.action_post()
        self.move.button_draft()
        self.assertIn(refund.name, self._said(self.move.button_cancel))
        refund.button_cancel()
        self.move.button_cancel()
        self._open()

    def test_both_at_once(self):
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        (self.move | credit).button_cancel()
        self._open()

    # --- our credit notes, reversed by hand

    def test_our_credit_note_is_reversed(self):
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        rows = self._ledger()
        invoice = self._refund(move=credit)
        self.assertEqual(invoice.move_type, "out_invoice")
        self.assertEqual(self._ledger(), rows)
        invoice.action_post()
        self.assertEqual(self._ledger(), self.all)
        released = self._ledger(state="released")
        self.assertEqual(released.move_id, credit)
        self.assertEqual(set(released.mapped("cause")), {"reversed"})
        invoice.button_draft()
        self.assertEqual(self._ledger(), rows)
        invoice.action_post()
        self.assertEqual(self._ledger(), self.all)
        invoice.button_cancel()
        self.assertEqual(self._ledger(), rows)

    def test_part_of_our_credit_note_is_reversed(self):
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        rows = self._ledger()
        self._refund(0.5, move=credit).action_post()
        self.assertEqual(self._ledger(), rows)

    def test_our_credit_note_reversed_and_made_anew(self):
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        new = self._reverse(credit, modify=True)
        self.assertEqual((new.move_type, new.reversed_entry_id), ("out_refund", self.move))
        self.assertEqual(
            self._ledger(("move_id", "=", new.id)).filtered("amount").corrects_id, self.effort
        )
        self._refund().action_post()
        self._open()
        self.assertEqual(new.state, "cancel")

    # --- reversed and made anew

    def test_a_correction_follows_to_the_new_draft(self):
        self._post(self.move)
        draft = self._correct()
        new = self._reverse(self.move, modify=True)
        self._post(new)
        self.assertEqual(len(self._ledger()), 6)
        self.assertEqual(draft.state, "draft")
        self._refund(move=new).action_post()
        self._open()
        self.assertEqual(draft.state, "cancel")

    def test_the_credit_note_of_a_new_draft_is_undone(self):
        self._post(self.move)
        new = self._reverse(self.move, modify=True)
        refund = self.move.reversal_move_ids
        for posted in (False, True):
            with self.subTest(posted=posted):
                if posted:
                    self._post(new)
                for undo in (refund.button_draft, refund.button_cancel):
                    said = self._said(undo)
                    self.assertIn(self.move.name, said)
                    self.assertIn("was handed over to", said)
                self.assertEqual(refund.state, "posted")
                self.assertEqual(self._ledger().move_id, new)

    def _undo(self, refund, how):
        refund.button_draft()
        getattr(refund, how)()

    def test_everything_is_undone(self):
        """The new draft is cancelled or deleted, then the credit note."""
        self._post(self.move)
        for drop in ("button_cancel", "unlink"):
            for undo in ("unlink", "button_cancel"):
                with self.subTest(drop=drop, undo=undo):
                    new = self._reverse(self.move, modify=True)
                    refund = self.move.reversal_move_ids.filtered(lambda m: m.state == "posted")
                    self.assertEqual(self._ledger().move_id, new)
                    getattr(new, drop)()
                    self._open()
                    self._undo(refund, undo)
                    self.assertEqual(self._ledger(), self.all)
                    self.assertEqual(self.all.move_id, self.move)
                    self.assertEqual(self.all.move_line_id, self.effort)
                    self.assertEqual(self.first.timesheet_invoice_id, self.move)
                    if drop == "button_cancel":
                        self.assertIn("in force", self._said(new.button_draft))

    def test_not_everything_is_undone_when_its_work_was_billed_again(self):
        self._post(self.move)
        new = self._reverse(self.move, modify=True)
        refund = self.move.reversal_move_ids
        new.unlink()
        again = self._bill()
        said = self._said(refund.button_draft)
        self.assertIn(self.move.name, said)
        self.assertIn("was billed on", said)
        again.unlink()
        refund.button_draft()
        refund.unlink()
        self.assertEqual(self._ledger().move_id, self.move)

    def test_made_anew_twice(self):
        self._post(self.move)
        new = self._reverse(self.move, modify=True)
        refund = self.move.reversal_move_ids
        self._post(new)
        last = self._reverse(new, modify=True)
        self.assertIn("was handed over to", self._said(refund.button_draft))
        self.assertEqual(self._ledger().move_id, last)

    def test_an_invoice_comes_back_while_it_is_a_draft(self):
        self._post(self.move)
        refund = self._refund()
        refund.action_post()
        self._open()
        self.assertIn("corrects or reverses", self._said(self.move.button_draft))
        (self.move | refund).button_draft()
        self.assertEqual(self._ledger(), self.all)
        refund.unlink()
        self.assertEqual(self._ledger(), self.all)
        self._post(self.move)
        self.assertEqual(self._ledger(), self.all)

    # --- tax and account of what is corrected

    def _tax(self, percent):
        return self.env["account.tax"].create(
            {"name": f"{percent} %", "amount": percent, "type_tax_use": "sale"}
        )

    def test_a_correction_takes_tax_account_and_fiscal_position(self):
        old, new = self._tax(19), self._tax(7)
        position = self.env["account.fiscal.position"].create(
            {"name": "Then", "tax_ids": [Command.set(old.ids)]}
        )
        self.move.unlink()
        self.product.taxes_id = old
        self.customer.property_account_position_id = position
        move = self._bill()
        line = move.invoice_line_ids
        line.account_id = line.account_id.copy({"code": "499999", "name": "Care"})
        self.assertEqual((line.tax_ids, move.fiscal_position_id), (old, position))
        self._post(move)
        self.product.taxes_id = new
        self.customer.property_account_position_id = False
        for sequence, move_type in enumerate(("out_refund", "out_invoice"), start=1):
            with self.subTest(move_type):
                draft = self._correct(of=line, move_type=move_type, sequence=sequence)
                self.assertEqual(draft.invoice_line_ids.tax_ids, old)
                self.assertEqual(draft.invoice_line_ids.account_id, line.account_id)
                self.assertEqual(draft.fiscal_position_id, position)
                self.assertEqual(draft.amount_tax, 18.05)
                self._post(draft)
                self.assertEqual(draft.amount_tax, 18.05)
        # What corrects nothing is taxed as of today.
        late = self._bill(
            self._line(entries=self.third, quantity="0.5", group="late", sequence=1),
            total="47.50",
            closing=False,
        )
        self.assertEqual((late.invoice_line_ids.tax_ids, late.amount_tax), (new, 3.33))

    def test_a_line_that_stands_on_another_document_is_no_original(self):
        self._post(self.move)
        other = self._bill(
            self._line(entries=self.third, quantity="0.5", group="other", sequence=1),
            total="47.50",
            closing=False,
        )
        for id_ in (other.invoice_line_ids.id, 2**31 - 1):
            line, rows = self._line(quantity="1", entries=self.first, sequence=2)
            line["corrects"] = id_
            move = self._move(line, total="95.00", move_type="out_refund", reverses=self.move.id)
            self._refused("protocol", self._payload([move], rows))

    def test_beside_other_lines_one_corrects_any_document_of_its_customer(self):
        self._post(self.move)
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        theirs = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": stranger.id,
                "invoice_line_ids": [Command.create({"name": "Other", "price_unit": 95})],
            }
        )
        line, rows = self._line(quantity="1", entries=self.first, sequence=2)
        for id_ in (theirs.invoice_line_ids.id, 2**31 - 1):
            line["corrects"] = id_
            self._refused("protocol", self._payload([self._move(line, total="95.00")], rows))
        line["corrects"] = self.effort.id
        draft = self._bill((line, rows), total="95.00", closing=False)
        self.assertFalse(draft.reversed_entry_id)
        rows = self._ledger(("move_id", "=", draft.id)).filtered("amount")
        self.assertEqual(rows.corrects_id, self.effort)

    # --- documents in force and the ledger

    def _differ(self, user=None):
        """What is in force of K-1 is not what is on record: documents, and both amounts."""
        contracts = self.env["klausel.contract"].with_user(user or self.connector)
        found = contracts.klausel_documents(self.company.id)
        self.assertEqual({one["contract"] for one in found} - {"K-1"}, set())
        return [(one["documents"], one["was"], one["now"]) for one in found]

    def _unnoticed(self, *moves):
        """As if the credit notes of these had been posted before anybody looked."""
        for move in moves:
            ledger = self._ledger(("move_id", "=", move.id), state="released")
            ledger.write({"state": "live", "cause": False})

    def test_what_belongs_together_is_no_difference(self):
        self.assertEqual(self._differ(), [])
        self._post(self.move)
        draft = self._correct()
        self.assertEqual(self._differ(), [])
        self._post(draft)
        self.assertEqual(self._differ(), [])
        more = self._correct(move_type="out_invoice", sequence=2)
        self.assertEqual(self._differ(), [])
        more.unlink()
        refund = self._refund(2.5)
        self.assertEqual(self._differ(), [])
        refund.action_post()
        self._open()
        self.assertEqual(self._differ(), [])
        refund.button_draft()
        self.assertEqual(self._differ(), [])

    def test_what_people_do_on_purpose_is_no_difference(self):
        travel = Command.create({"name": "Travel", "quantity": 1, "price_unit": 40})
        self.move.write({"invoice_line_ids": [travel]})
        self._post(self.move)
        self.assertEqual(self._differ(), [])
        refund = self._reverse(self.move)
        line = refund.invoice_line_ids.filtered("product_id")
        refund.write({"invoice_line_ids": [Command.update(line.id, {"quantity": 0.5})]})
        refund.action_post()
        self.assertEqual(self._differ(), [])
        refund.button_cancel()
        self._reverse(self.move).action_post()
        self._open()
        self.assertEqual(self._differ(), [])

    def test_reversed_and_made_anew_is_no_difference(self):
        self._post(self.move)
        draft = self._correct()
        new = self._reverse(self.move, modify=True)
        self.assertEqual(self._differ(), [])
        self._post(new)
        self._post(draft)
        self.assertEqual(self._differ(), [])

    def test_a_line_that_was_deleted_or_edited_is_no_difference(self):
        self.effort.quantity = 2
        self.assertEqual(self._differ(), [])
        self.effort.unlink()
        self.move.write({"invoice_line_ids": [Command.create({"name": "Gift", "price_unit": 5})]})
        self.assertEqual(self._differ(), [])

    def test_a_reversal_that_nobody_noticed(self):
        """Of our credit note, before this version."""
        self._post(self.move)
        credit = self._correct()
        self._post(credit)
        invoice = self._refund(move=credit)
        invoice.action_post()
        self.assertEqual(self._differ(), [])
        self._unnoticed(credit)
        names = ", ".join((self.move.name, credit.name, invoice.name))
        self.assertEqual(self._differ(), [(names, "237.50", "332.50")])

    def test_too_much_was_reversed(self):
        self._post(self.move)
        credit = self._correct()
        self._refund().action_post()
        rows = self._ledger(state="released")
        credit.unlink()
        rows = rows.exists()
        # Another correction, posted beside the refund, as it was possible before.
        rows.write({"state": "live", "cause": False})
        credit = self._correct(sequence=2)
        with self.assertRaises(UserError):
            self._post(credit)
        self.env.cr.execute("UPDATE account_move SET state='posted' WHERE id=%s", [credit.id])
        self.env.invalidate_all()
        ((names, was, now),) = self._differ()
        self.assertEqual((was, now), ("237.50", "-95.00"))
        for move in self.move | credit | self.move.reversal_move_ids:
            self.assertIn(move._klausel_name(short=True), names)

    def test_refunded_twice(self):
        self._post(self.move)
        self._refund().action_post()
        self.assertEqual(self._differ(), [])
        self._refund().action_post()
        ((_names, was, now),) = self._differ()
        self.assertEqual((was, now), ("0.00", "-332.50"))

    def test_both_are_in_force(self):
        """An invoice, and the draft that took its place: their matching was undone."""
        self._post(self.move)
        new = self._reverse(self.move, modify=True)
        refund = self.move.reversal_move_ids
        self.env.cr.execute("UPDATE account_move SET state='cancel' WHERE id=%s", [refund.id])
        self.env.invalidate_all()
        self.assertEqual(self._differ(), [(self.move.name, "0.00", "332.50")])
        new.unlink()
        self.assertEqual(self._differ(), [(self.move.name, "0.00", "332.50")])

    def test_in_force_though_its_work_was_billed_again(self):
        self._post(self.move)
        refund = self.move.copy({"move_type": "out_refund", "reversed_entry_id": False})
        self._post(refund)
        lines = (self.move + refund).line_ids
        lines.filtered(lambda line: line.account_type == "asset_receivable").reconcile()
        self._open()
        self.assertEqual(self._differ(), [])
        again = self._bill()
        self.assertEqual(self._differ(), [])
        refund.line_ids.remove_move_reconcile()
        self.assertEqual(self._differ(), [(self.move.name, "0.00", "332.50")])
        again.unlink()
        self.assertEqual(self._differ(), [(self.move.name, "0.00", "332.50")])

    def test_cancelled_behind_our_back(self):
        self.env.cr.execute("UPDATE account_move SET state='cancel' WHERE id=%s", [self.move.id])
        self.env.invalidate_all()
        self.assertEqual([found[1:] for found in self._differ()], [("332.50", "0.00")])

    def test_who_may_compare_documents(self):
        for user in (
            self.connector,
            self.manager,
            self._user("reads", "klausel_billing.group_user"),
        ):
            self.assertEqual(self._differ(user), [])
        accountant = self._user("accountant", "account.group_account_manager")
        contracts = self.env["klausel.contract"].with_user(accountant)
        with self.assertRaises(AccessError):
            contracts.klausel_documents(self.company.id)
        other = self.env["res.company"].create({"name": "Other"})
        with self.assertRaises(AccessError):
            self.env["klausel.contract"].with_user(self.connector).klausel_documents(other.id)
