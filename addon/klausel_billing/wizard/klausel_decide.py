from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..models.klausel_override import DECISIONS

#: No decision of a person's any more.
RULES = "rules"


class KlauselDecide(models.TransientModel):
    """Decides by hand about timesheets that somebody has selected."""

    _name = "klausel.decide"
    _description = "Decide about Timesheets"

    entry_ids = fields.Many2many(
        comodel_name="account.analytic.line",
        string="Timesheets",
        required=True,
        readonly=True,
    )
    entry_count = fields.Integer(compute="_compute_counts", string="Selected")
    settled_count = fields.Integer(compute="_compute_counts", string="Settled")
    decided_count = fields.Integer(compute="_compute_counts", string="Decided Before")
    open_count = fields.Integer(compute="_compute_counts", string="Under No Contract")
    disposition = fields.Selection(
        selection=[*DECISIONS, (RULES, "As the rules say (take decisions back)")],
        string="Decision",
        required=True,
        default="written_off",
    )
    reason = fields.Char(required=True)
    decided_on = fields.Date(required=True, default=fields.Date.context_today)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        if "entry_ids" in fields_list and not values.get("entry_ids"):
            lines = self.env["account.analytic.line"]
            if self.env.context.get("active_model") == lines._name:
                lines = lines.browse(self.env.context.get("active_ids", ()))
            timesheets = lines.filtered("project_id")
            if not timesheets:
                raise UserError(self.env._("Select the timesheets that you decide about."))
            values["entry_ids"] = [Command.set(timesheets.ids)]
        return values

    @api.depends("entry_ids")
    def _compute_counts(self):
        for wizard in self:
            entries = wizard.entry_ids._origin
            wizard.entry_count = len(entries)
            wizard.settled_count = len(entries._klausel_settled())
            wizard.decided_count = len(wizard._klausel_live())
            wizard.open_count = len(entries.filtered(lambda line: not line.klausel_covered))

    def _klausel_live(self):
        """Decisions on these timesheets that are in force."""
        return self.env["klausel.override"].search(
            [("entry_id", "in", self.entry_ids._origin.ids), ("state", "=", "live")]
        )

    def action_decide(self):
        self.ensure_one()
        entries, live = self.entry_ids, self._klausel_live()
        if not entries:
            # All that are left are another company's.
            raise UserError(self.env._("Select the timesheets that you decide about."))
        entries.check_access("read")
        if self.disposition == RULES and not live:
            raise UserError(
                self.env._("None of these timesheets has a decision that could be taken back.")
            )
        live._klausel_take_back(self.reason)
        if self.disposition != RULES:
            self.env["klausel.override"].create(
                [
                    {
                        "entry_id": entry.id,
                        "disposition": self.disposition,
                        "reason": self.reason,
                        "decided_on": self.decided_on,
                    }
                    for entry in entries
                ]
            )
        return {"type": "ir.actions.act_window_close"}
