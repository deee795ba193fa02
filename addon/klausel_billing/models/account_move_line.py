from decimal import Decimal

from odoo import api, fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    klausel_entry_ids = fields.Many2many(
        comodel_name="klausel.ledger",
        string="Timesheets",
        compute="_compute_klausel_why",
        groups="klausel_billing.group_user",
    )
    klausel_settles = fields.Boolean(
        string="Of a Contract",
        compute="_compute_klausel_settles",
        groups="klausel_billing.group_user",
    )
    klausel_why = fields.Text(
        string="Why",
        compute="_compute_klausel_why",
        groups="klausel_billing.group_user",
    )

    def _compute_klausel_settles(self):
        rows = self.env["klausel.ledger"]._read_group(
            [("move_line_id", "in", self._origin.ids), ("state", "=", "live")], ["move_line_id"]
        )
        ours = {line.id for (line,) in rows}
        for line in self:
            line.klausel_settles = line._origin.id in ours

    @api.depends_context("lang")
    def _compute_klausel_why(self):
        """What the contract's plan says, and each rule that decided about its timesheets."""
        ledger = self.env["klausel.ledger"]
        live = [("move_line_id", "in", self._origin.ids), ("state", "=", "live")]
        by_line = ledger.search(live, order="id").grouped("move_line_id")
        for line in self:
            rows = by_line.get(line._origin, ledger)
            entries = rows.filtered("entry_ref")
            plans = [row._klausel_plan() for row in rows.filtered("amount")]
            said = [
                self.env._("Clause %(clause)s: %(sentence)s", clause=clause, sentence=sentence)
                if clause
                else sentence
                for clause, sentence in (
                    *((plan.clause, plan.sentence) for plan in plans),
                    *((row.clause, row.because) for row in entries),
                )
                if sentence
            ]
            line.klausel_why = "\n".join(dict.fromkeys(said))
            line.klausel_entry_ids = entries.sorted(
                lambda row: (row.entry_date or row.period, row.id)
            )

    def klausel_action_why(self):
        """The line with its timesheets and reasons, in a dialog."""
        self.ensure_one()
        self.check_access("read")
        self.env["klausel.ledger"].check_access("read")
        view = self.env.ref("klausel_billing.account_move_line_view_why")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Why?"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[view.id, "form"]],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }

    def unlink(self):
        if self:
            self.check_access("unlink")
        # Before the line goes: the foreign key would empty the ledger's link behind our back.
        rows = self.env["klausel.ledger"].sudo()._klausel_of_lines(self)
        rows._klausel_drop_corrections()
        rows._klausel_release("deleted")
        return super().unlink()

    def _klausel_exact(self):
        """Quantity x price less discount, before rounding."""
        self.ensure_one()
        quantity, price, discount = (
            Decimal(repr(value)) for value in (self.quantity, self.price_unit, self.discount)
        )
        return quantity * price * (100 - discount) / 100

    def _klausel_net(self):
        """As the ledger has it: a credit note's with its sign turned."""
        exact = self._klausel_exact()
        return -exact if self.move_type == "out_refund" else exact

    @api.model
    def _timesheet_domain_get_invoiced_lines(self, sale_line_delivery):
        """Time that a contract bills is not on the invoice of a sales order."""
        domain = super()._timesheet_domain_get_invoiced_lines(sale_line_delivery)
        return [("klausel_covered", "=", False), *domain]
