from odoo import fields, models

from .application import VISIBLE

#: Set while "reverse and create" runs: it moves the ledger to the new draft.
REPLACING = "klausel_replacing"


class AccountMove(models.Model):
    _inherit = "account.move"

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
    klausel_stamp = fields.Char(copy=False, groups=fields.NO_ACCESS)
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

    def write(self, vals):
        state = vals.get("state")
        if state not in ("draft", "cancel"):
            return super().write(vals)
        ledger = self.env["klausel.ledger"].sudo()
        invoices = self._klausel_reversed_invoices()
        cancelled = self.browse()
        if state == "cancel":
            ledger._klausel_of_moves(self)._klausel_release("cancelled")
        else:
            cancelled = self.filtered(lambda move: move.state == "cancel")
        result = super().write(vals)
        ledger._klausel_of_moves(cancelled, "released", "cancelled")._klausel_revive()
        invoices._klausel_check_reversal()
        return result

    def unlink(self):
        if not self:  # Odoo deletes nothing, many times for every invoice that it makes
            return super().unlink()
        # Its own ledger rows go with the lines.
        invoices = self._klausel_reversed_invoices() - self
        result = super().unlink()
        invoices._klausel_check_reversal()
        return result

    def _post(self, soft=True):
        posted = super()._post(soft)
        posted._klausel_reversed_invoices()._klausel_check_reversal()
        return posted

    def _klausel_reversed_invoices(self):
        """Invoices that these credit notes name, or are matched with."""
        refunds = self.sudo().filtered(lambda move: move.move_type == "out_refund")
        matched = refunds._klausel_matched().filtered(lambda move: move.move_type == "out_invoice")
        return refunds.reversed_entry_id | matched

    def _klausel_check_reversal(self, refuse=True):
        """A full reversal by hand opens what the invoice had settled, undoing it settles it again.

        Credit notes that Klausel wrote are corrections: they are in the ledger themselves.
        """
        if self.env.context.get(REPLACING):
            return
        ledger = self.env["klausel.ledger"].sudo()
        invoices = (
            self.sudo()
            .exists()
            .filtered(lambda move: move.move_type == "out_invoice" and move.state == "posted")
        )
        rows = ledger._klausel_of_moves(invoices)
        released = ledger._klausel_of_moves(invoices, "released", "reversed")
        for invoice in (rows | released).move_id:
            linked = self.sudo().search(
                [
                    ("reversed_entry_id", "=", invoice.id),
                    ("move_type", "=", "out_refund"),
                    ("state", "=", "posted"),
                ]
            )
            # As in Odoo itself, a credit note that is still matched counts while it is a draft.
            by_hand = (linked | invoice._klausel_matched()).filtered(
                lambda move: move.move_type == "out_refund" and not move.klausel_run_id
            )
            ours = linked.filtered("klausel_run_id")
            equal = invoice.currency_id.compare_amounts(
                sum(linked.mapped("amount_total")), invoice.amount_total
            )
            if by_hand and (invoice.payment_state == "reversed" or equal >= 0):
                ledger._klausel_of_moves(invoice | ours)._klausel_release("reversed")
            else:
                again = ledger._klausel_of_moves(invoice | ours, "released", "reversed")
                again._klausel_revive(refuse)

    def _klausel_matched(self):
        """Invoices and credit notes that their amounts due are matched with."""
        lines = self.line_ids
        partials = lines.matched_debit_ids | lines.matched_credit_ids
        return (partials.debit_move_id | partials.credit_move_id).move_id - self

    def _klausel_name(self):
        """As people find it: a draft has no number yet, but its address ends with its ID."""
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
        rows._klausel_move_to(dict(zip(*sides, strict=True)))
        self.klausel_run_id = old.klausel_run_id
