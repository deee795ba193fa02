from odoo import api, fields, models
from odoo.exceptions import UserError

#: What a person may correct, by the timesheet's field.
CORRECTED = {"date": "date", "unit_amount": "hours", "name": "name"}
NOT_BILLABLE = "written_off"


class KlauselCorrect(models.TransientModel):
    """Corrects one timesheet that is settled. What is on record stays; the next adjusting run
    puts the invoice right."""

    _name = "klausel.correct"
    _description = "Correct a Settled Timesheet"

    entry_id = fields.Many2one(
        comodel_name="account.analytic.line",
        string="Timesheet",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="entry_id.company_id")
    ledger_ids = fields.Many2many(
        comodel_name="klausel.ledger", compute="_compute_ledger_ids", string="What Is Settled"
    )
    invoices = fields.Char(compute="_compute_invoices", compute_sudo=True)
    settled_hours = fields.Float(
        compute="_compute_ledger_ids",
        help="Hours worked that are on record of this timesheet.",
    )
    date = fields.Date(required=True)
    hours = fields.Float(required=True)
    task_id = fields.Many2one(
        comodel_name="project.task",
        domain="[('project_id', '!=', False), ('company_id', 'in', [company_id, False])]",
    )
    name = fields.Char(string="Description", required=True)
    not_billable = fields.Boolean(
        string="Not to Be Billed",
        help="Written off: “Refresh with Corrections” in To Invoice shows the draft that gives back"
        " what was billed or drawn.",
    )
    reason = fields.Char(required=True)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        if "entry_id" not in fields_list or values.get("entry_id"):
            return values
        lines = self.env["account.analytic.line"]
        if self.env.context.get("active_model") == lines._name:
            lines = lines.browse(self.env.context.get("active_ids", ()))
        timesheets = lines.filtered("project_id")
        if len(timesheets) != 1:
            raise UserError(self.env._("Select one timesheet that you correct."))
        timesheets.check_access("read")
        timesheets._klausel_check_correctable()
        values |= {
            "entry_id": timesheets.id,
            "date": timesheets.date,
            "hours": timesheets.unit_amount,
            "task_id": timesheets.task_id.id,
            "name": timesheets.name,
        }
        return {name: value for name, value in values.items() if name in fields_list}

    @api.depends("entry_id")
    def _compute_ledger_ids(self):
        for wizard in self:
            wizard.ledger_ids = wizard._klausel_rows()
            wizard.settled_hours = sum(wizard.ledger_ids.mapped("worked_hours"))

    @api.depends("entry_id")
    def _compute_invoices(self):
        for wizard in self:
            moves = wizard._klausel_rows().move_id
            names = [move._klausel_name() for move in moves.sorted("id")]
            wizard.invoices = ", ".join(names)

    def _klausel_rows(self):
        """What is on record of the timesheet."""
        return self.env["klausel.ledger"].search(
            [
                ("entry_ref", "in", self.entry_id.ids),
                ("state", "=", "live"),
                ("held", "=", False),
            ],
            order="id",
        )

    def action_correct(self):
        """Write it, and keep the reason with the contracts that had settled it."""
        self.ensure_one()
        entry, reason = self.entry_id, self.reason.strip()
        if not reason:
            raise UserError(self.env._("Say why you correct it."))
        entry.check_access("write")
        entry._klausel_check_correctable()
        values = {name: self[ours] for name, ours in CORRECTED.items() if entry[name] != self[ours]}
        if entry.task_id != self.task_id:
            values["task_id"] = self.task_id.id
            if self.task_id and self.task_id.project_id != entry.project_id:
                values["project_id"] = self.task_id.project_id.id
        if not values and not self.not_billable:
            raise UserError(self.env._("Nothing is changed: enter what is right."))
        contracts = entry._klausel_settling_contracts()
        said = entry._klausel_said()
        if values:
            entry.write(values)
        if self.not_billable:
            self._klausel_write_off(reason)
        note = self.env._(
            "Settled timesheet corrected (%(id)s: %(entry)s). Reason: %(reason)s",
            id=entry.id,
            entry=said,
            reason=reason,
        )
        entry._klausel_note_on(contracts, {entry.id: [note]})
        return self._klausel_what_next(contracts)

    def _klausel_what_next(self, contracts):
        """Close the window, and say where the difference is seen."""
        close = {"type": "ir.actions.act_window_close"}
        owners = self.env["klausel.contract"].browse(list(contracts)).sudo().commercial_partner_id
        preview = self.env["klausel.preview"].search(
            [("company_id", "=", self.company_id.id), ("partner_id", "in", owners.ids)], limit=1
        )
        link = {
            "label": preview.display_name,
            "url": f"/odoo/klausel-to-invoice/{preview.id}",
        }
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "title": self.env._("Timesheet corrected"),
                "message": self.env._(
                    "“Refresh with Corrections” in To Invoice shows the draft that puts the invoice"
                    " right: %s"
                )
                if preview
                else self.env._(
                    "“Refresh with Corrections” in To Invoice shows the draft that puts the invoice"
                    " right."
                ),
                "links": [link] if preview else [],
                "sticky": True,
                "next": close,
            },
        }

    def _klausel_write_off(self, reason):
        decisions = self.env["klausel.override"]
        decisions.search(
            [("entry_id", "=", self.entry_id.id), ("state", "=", "live")]
        )._klausel_take_back(reason)
        decisions.create(
            [{"entry_id": self.entry_id.id, "disposition": NOT_BILLABLE, "reason": reason}]
        )
