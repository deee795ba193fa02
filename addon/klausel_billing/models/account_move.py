from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from .application import VISIBLE
from .guarded import is_on

#: What reverses what.
OPPOSITE = {"out_invoice": "out_refund", "out_refund": "out_invoice"}

#: On while "reverse and create" runs: it moves the ledger to the new draft.
REPLACING = "klausel_replacing"


class AccountMove(models.Model):
    _name = "account.move"
    _inherit = ["account.move", "klausel.guarded"]

    klausel_run_id = fields.Many2one(
        comodel_name="klausel.run",
        string="Billing Run",
        copy=False,
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
        groups="base.group_user",
        help="The last run that wrote it.",
    )
    klausel_stamp = fields.Char(copy=False, readonly=True, groups=fields.NO_ACCESS)
    klausel_replaces_id = fields.Many2one(
        comodel_name="account.move",
        string="Takes the Place of",
        copy=False,
        readonly=True,
        index="btree_not_null",
        groups="base.group_user",
    )

    klausel_ledger_count = fields.Integer(
        compute="_compute_klausel_ledger_count",
        string="Settled Parts",
        groups="klausel_billing.group_user",
    )

    def _compute_klausel_ledger_count(self):
        counts = dict(
            self.env["klausel.ledger"]._read_group(
                [("move_id", "in", self.ids)], ["move_id"], ["__count"]
            )
        )
        for move in self:
            move.klausel_ledger_count = counts.get(move._origin, 0)

    def action_view_klausel_ledger(self):
        """What this invoice settles, and what it had settled that is open again."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["klausel.ledger"]._klausel_action([("move_id", "=", self.id)])
        return {**action, "context": {}}

    def _klausel_refuses(self, field):
        # The draft that takes the place of an invoice is made in the name of who reverses it.
        replaces = field.name == "klausel_replaces_id" and is_on(self, REPLACING)
        return super()._klausel_refuses(field) and not replaces

    def write(self, vals):
        state = vals.get("state")
        if state not in ("draft", "cancel"):
            result = super().write(vals)
            if state:
                self._klausel_touch_timesheets()
            return result
        # Rights first: what is wrong with a change is told to those who may make it.
        if self:
            self.check_access("write")
        ledger = self.env["klausel.ledger"].sudo()
        reversed_ = self._klausel_reversed()
        cancelled = self.browse()
        if state == "cancel":
            self.filtered(lambda move: move.state != "cancel")._klausel_before_release()
            ledger._klausel_of_moves(self)._klausel_release("cancelled")
        else:
            cancelled = self.filtered(lambda move: move.state == "cancel")
            cancelled._klausel_check_return()
            self._klausel_check_reset()
        result = super().write(vals)
        ledger._klausel_of_moves(cancelled, "released", "cancelled")._klausel_revive()
        ledger._klausel_of_moves(cancelled, "released", "corrected")._klausel_revive()
        reversed_._klausel_check_reversal()
        self._klausel_touch_timesheets()
        return result

    def unlink(self):
        if not self:  # Odoo deletes nothing, many times for every invoice that it makes
            return super().unlink()
        self.check_access("unlink")
        # Its own ledger rows go with the lines.
        reversed_ = self._klausel_reversed() - self
        self._klausel_before_release()
        self._klausel_touch_timesheets()
        result = super().unlink()
        reversed_._klausel_check_reversal()
        return result

    def _post(self, soft=True):
        posted = super()._post(soft)
        instead = posted.sudo().filtered("klausel_replaces_id")
        (instead | posted._klausel_reversed())._klausel_check_reversal()
        return posted

    def _klausel_touch_timesheets(self):
        """Whether Odoo's own invoices bill timesheets changes with them."""
        invoices = self.filtered(lambda move: move.move_type == "out_invoice")
        if invoices:
            condition = SQL("line.timesheet_invoice_id = ANY(%s)", invoices.ids)
            places = self.env["account.analytic.line"]._klausel_places_where(condition)
            self.env["klausel.preview"]._klausel_touch(places)

    # --- what documents have to do with each other ------------------------------------------------

    def _klausel_reversed(self):
        """Documents that these name, invoices that these credit notes are matched with, and what
        those, and these, correct."""
        moves = self.sudo()
        refunds = moves.filtered(lambda move: move.move_type == "out_refund")
        matched = refunds._klausel_matched().filtered(lambda move: move.move_type == "out_invoice")
        named = moves.reversed_entry_id | matched
        return named | (moves | named)._klausel_corrected()

    def _klausel_corrected(self):
        """All that these documents of ours correct, and what that corrects in its turn."""
        found, todo = self.browse(), self
        while todo := todo.filtered("klausel_run_id"):
            rows = self.env["klausel.ledger"].sudo().search([("move_id", "in", todo.ids)])
            known = rows.filtered("corrects_id")
            named = (todo - known.move_id).reversed_entry_id
            todo = (known.corrects_id.move_id | named) - found - self
            found |= todo
        return found

    def _klausel_corrections(self):
        """Our documents that correct these, in any state, and what corrects those."""
        ledger = self.env["klausel.ledger"].sudo()
        found, todo = self.browse(), self.sudo()
        while todo:
            rows = ledger.search([("corrects_id.move_id", "in", todo.ids)])
            named = self.sudo().search(
                [("reversed_entry_id", "in", todo.ids), ("klausel_run_id", "!=", False)]
            )
            # What they name counts for those from before the ledger knew the lines.
            known = ledger.search([("move_id", "in", named.ids), ("corrects_id", "!=", False)])
            todo = (rows.move_id | named - known.move_id) - found - self
            found |= todo
        return found

    def _klausel_matched(self):
        """Invoices and credit notes that their amounts due are matched with."""
        lines = self.line_ids
        partials = lines.matched_debit_ids | lines.matched_credit_ids
        return (partials.debit_move_id | partials.credit_move_id).move_id - self

    def _klausel_by_hand(self):
        """What people reversed of this document themselves, ``{move: amount}``."""
        self.ensure_one()
        linked = self.search(
            [
                ("reversed_entry_id", "=", self.id),
                ("move_type", "=", OPPOSITE[self.move_type]),
                ("klausel_run_id", "=", False),
                ("state", "=", "posted"),
            ]
        )
        found = {
            move: move.currency_id._convert(
                move.amount_total, self.currency_id, self.company_id, move.date
            )
            for move in linked
        }
        # Credit notes are matched with what they reverse; of invoices that says nothing.
        if self.move_type == "out_invoice":
            for partial in self.line_ids.matched_credit_ids:
                move = partial.credit_move_id.move_id
                if move.move_type != "out_refund" or move.klausel_run_id or move in found:
                    continue
                # One that is a draft again is matched still, and reverses nothing.
                if move.state == "posted":
                    found[move] = partial.debit_amount_currency
        return found

    def _klausel_left(self, corrections):
        """What is still in force of this document with its posted ``corrections``: beyond zero,
        of its own kind; below, more was reversed than there was."""
        left = self.amount_total - sum(self._klausel_by_hand().values())
        for move in corrections:
            sign = 1 if move.move_type == self.move_type else -1
            left += sign * (move.amount_total - sum(move._klausel_by_hand().values()))
        return self.currency_id.round(left)

    def _klausel_undone(self):
        """Whether people reversed all of this document itself."""
        by_hand = self._klausel_by_hand()
        return bool(by_hand) and (
            self.currency_id.compare_amounts(sum(by_hand.values()), self.amount_total) >= 0
        )

    def _klausel_closed(self):
        """Whether Odoo takes this invoice for reversed, and nothing of that is a draft."""
        self.ensure_one()
        return (
            self.move_type == "out_invoice"
            and self.payment_state == "reversed"
            and all(move.state == "posted" for move in self._klausel_matched())
        )

    def _klausel_check_reversal(self, refuse=True):
        """A full reversal by hand opens what a document had settled, undoing it settles it again.

        What Klausel wrote itself is a correction, and in the ledger: it goes with the document.
        ``refuse``: stop what would leave more, or less, in force than is on record.
        """
        if is_on(self, REPLACING):
            return
        ledger = self.env["klausel.ledger"].sudo()
        documents = (
            self.sudo()
            .exists()
            .filtered(
                lambda move: (
                    move.klausel_run_id and move.move_type in OPPOSITE and move.state != "cancel"
                )
            )
        )
        for document in documents:
            corrections = document._klausel_corrections()
            posted = corrections.filtered(
                lambda move: move.state == "posted" and not move._klausel_undone()
            )
            by_hand = document._klausel_by_hand()
            left = document._klausel_left(corrections.filtered(lambda m: m.state == "posted"))
            enough = document._klausel_undone()
            whole = document._klausel_closed()
            if by_hand and posted and left and (left < 0 or enough):
                if refuse:
                    document._klausel_refuse_reversal(posted)
            elif by_hand and (not left or enough or (whole and not posted)):
                corrections._klausel_drop(document)
                ledger._klausel_of_moves(document | posted)._klausel_release("reversed")
            else:
                document._klausel_take_back(refuse)
                again = ledger._klausel_of_moves(document | posted, "released", "reversed")
                again._klausel_revive(refuse)

    def _klausel_refuse_reversal(self, corrections):
        due = self.amount_total
        said = []
        for move in corrections:
            due += move.amount_total if move.move_type == self.move_type else -move.amount_total
            amount = move._klausel_amount(move.amount_total)
            said.append(f"{move._klausel_name(short=True)} ({amount})")
        raise UserError(
            self.env._(
                "%(document)s has correction %(corrections)s: reverse %(amount)s in all, or reverse"
                " the correction first.",
                document=self._klausel_name(short=True),
                corrections=", ".join(said),
                amount=self._klausel_amount(due),
            )
        )

    def _klausel_amount(self, amount):
        return formatLang(self.env, amount, currency_obj=self.currency_id)

    def _klausel_before_release(self):
        """Documents that are cancelled or deleted: what corrects them cannot stand alone."""
        ours = self.sudo().filtered("klausel_run_id")
        if not ours:
            return
        self.check_access("write")
        for document in ours:
            corrections = document._klausel_corrections() - self.sudo()
            for move in corrections:
                if move.state == "posted" and not move._klausel_undone():
                    self._klausel_refuse_release(document, move)
            by_hand = document._klausel_by_hand() if document.move_type in OPPOSITE else {}
            for move in by_hand:
                if move.state == "posted" and move not in self.sudo():
                    self._klausel_refuse_release(document, move)
            corrections._klausel_drop(document)

    def _klausel_refuse_release(self, document, other):
        raise UserError(
            self.env._(
                "%(other)s corrects or reverses %(document)s: cancel or reverse that first.",
                document=document._klausel_name(short=True),
                other=other._klausel_name(short=True),
            )
        )

    def _klausel_drop(self, document):
        """These correct ``document``, whose work is open again: nobody may post the drafts."""
        ledger = self.env["klausel.ledger"].sudo()
        drafts = self.filtered(lambda move: move.state == "draft")
        ledger._klausel_of_moves(drafts)._klausel_release("corrected")
        # Those that people had cancelled, too: they may not come back by themselves.
        gone = self.filtered(lambda move: move.state == "cancel")
        ledger._klausel_of_moves(gone, "released", "cancelled").cause = "corrected"
        name = document._klausel_name(short=True)
        for move in drafts:
            move._message_log(
                body=move.env._("Cancelled: it corrects %s, whose work is open again.", name)
            )
        if drafts:
            drafts.button_cancel()

    def _klausel_check_return(self):
        """A cancelled draft that took the place of an invoice: not beside that invoice."""
        for move in self.sudo().filtered("klausel_replaces_id"):
            old = move.klausel_replaces_id
            if old.state == "posted" and not old._klausel_undone():
                raise UserError(
                    self.env._(
                        "%(new)s takes the place of %(old)s, which is in force: reverse that"
                        " first.",
                        new=move._klausel_name(short=True),
                        old=old._klausel_name(short=True),
                    )
                )

    def _klausel_check_reset(self):
        """What was reversed stays as it is: a draft may be changed, or go."""
        ledger = self.env["klausel.ledger"].sudo()
        moves = self.sudo()
        for document in moves.filtered(
            lambda move: (
                move.state == "posted" and move.move_type in OPPOSITE and move.klausel_run_id
            )
        ):
            if ledger._klausel_of_moves(document):
                continue
            # With an invoice its corrections may have been reversed.
            family = document | document._klausel_corrected()
            for move in (move for one in family for move in one._klausel_by_hand()):
                if move not in moves:
                    self._klausel_refuse_release(document, move)

    def _klausel_refuse_both(self, old, new):
        raise UserError(
            self.env._(
                "The work on %(old)s was handed over to %(new)s: cancel or delete that first.",
                old=old._klausel_name(short=True),
                new=new._klausel_name(short=True),
            )
        )

    def _klausel_handed_over(self):
        """Ledger rows that went from this document to a new draft; those that are settled there,
        or on what took the place of that in its turn."""
        ledger = self.env["klausel.ledger"].sudo()
        rows = ledger.search([("origin_id.move_id", "=", self.id)])
        after, todo = self.browse(), self
        while todo := self.search([("klausel_replaces_id", "in", todo.ids)]) - after:
            after |= todo
        live = rows.filtered(lambda row: row.state == "live") or ledger._klausel_of_moves(after)
        return rows, live

    def _klausel_take_back(self, refuse=True):
        """This document is in force again: what it had handed over to a new draft stands on it."""
        if refuse:
            self._klausel_check_return()
        rows, live = self._klausel_handed_over()
        if live:
            if refuse:
                self._klausel_refuse_both(self, live.move_id[:1])
            return
        if rows and not (rows._klausel_billed_again() and not refuse):
            for line, some in rows.grouped("origin_id").items():
                some.write(
                    {
                        "move_line_id": line.id,
                        "move_id": self.id,
                        "cause": "reversed",
                        "origin_id": False,
                    }
                )

    def _klausel_name(self, short=False):
        """As people find it: a draft has no number yet, but its address ends with its ID."""
        if short and self.name:
            return self.name
        if not self or self.name:
            return self.display_name or ""
        return f"{self.display_name} (ID {self.id})"

    def _klausel_names(self):
        """Some of them, as people find them."""
        names = [move._klausel_name() for move in self.sorted("id")]
        return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")

    def _klausel_take_over(self):
        """The ledger of the invoice that was reversed now stands on this draft's lines."""
        self.ensure_one()
        old = self.klausel_replaces_id
        rows = self.env["klausel.ledger"]._klausel_of_moves(old)
        if not rows:
            return
        sides = [
            move.line_ids.filtered(lambda line: line.display_type in VISIBLE).sorted("id")
            for move in (old, self)
        ]
        lines = dict(zip(*sides, strict=True))
        rows._klausel_move_to(lines)
        corrections = self.env["klausel.ledger"].search([("corrects_id", "in", old.line_ids.ids)])
        for line, some in corrections.grouped("corrects_id").items():
            some.corrects_id = lines.get(line)
        drafts = corrections.move_id.filtered(
            lambda move: move.state == "draft" and move.reversed_entry_id == old
        )
        drafts.reversed_entry_id = self
        # A credit note made anew is one of the same invoice.
        self.write(
            {"klausel_run_id": old.klausel_run_id.id, "reversed_entry_id": old.reversed_entry_id.id}
        )
