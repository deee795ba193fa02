from odoo import api, fields, models

from .held import because


class KlauselPreviewPart(models.Model):
    _name = "klausel.preview.part"
    _description = "Part of a Timesheet in a Preview"
    _inherit = "klausel.preview.row"
    _order = "preview_id, date, id"
    _rec_name = "entry_ref"

    line_id = fields.Many2one(
        comodel_name="klausel.preview.line",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    entry_id = fields.Many2one(
        comodel_name="account.analytic.line",
        string="Timesheet",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    entry_ref = fields.Integer(
        string="Timesheet ID",
        readonly=True,
        aggregator=None,
        help="Stays when the timesheet is deleted. 0: the part is of no single timesheet.",
    )
    date = fields.Date(readonly=True)
    contract_id = fields.Many2one(
        comodel_name="klausel.contract",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    term = fields.Char(readonly=True)
    component = fields.Char(readonly=True)
    state = fields.Selection(
        selection=[
            ("billed", "Billed"),
            ("drawn", "Drawn"),
            ("included", "Included"),
            ("held", "Held"),
            ("uncovered", "Not Covered"),
            ("not_due", "Not Due Yet"),
        ],
        required=True,
        readonly=True,
    )
    disposition = fields.Char(readonly=True)
    reason = fields.Char(readonly=True, help="Why it is held, or not covered.")
    rule = fields.Char(readonly=True)
    clause = fields.Char(readonly=True)
    sentence = fields.Char(readonly=True, translate=True)
    worked = fields.Float(string="Hours Worked", readonly=True)
    counted = fields.Float(string="Hours Counted", readonly=True)
    worked_seconds = fields.Integer(readonly=True)
    counted_seconds = fields.Integer(readonly=True)
    lot = fields.Char(readonly=True, help="Lot of hours that the time is drawn from.")
    drawn = fields.Float(string="Hours Drawn", readonly=True, help="What the lot loses by it.")
    before = fields.Float(string="Lot Before", readonly=True, aggregator=None)
    after = fields.Float(string="Lot After", readonly=True, aggregator=None)
    due = fields.Date(readonly=True)
    late = fields.Boolean(readonly=True, help="Of a period that was billed before.")

    entry_text = fields.Text(string="Work", compute="_compute_entry", compute_sudo=True)
    employee_name = fields.Char(string="Who", compute="_compute_entry", compute_sudo=True)
    said = fields.Text(
        string="Because",
        compute="_compute_said",
        help="Why it waits or is not covered, else the rule's sentence.",
    )

    @api.depends("entry_id")
    def _compute_entry(self):
        """Whoever reads previews reads whose work it was, of their own timesheets or not."""
        for part in self:
            part.entry_text = part.entry_id.name
            part.employee_name = part.entry_id.employee_id.name

    @api.depends("state", "reason", "sentence")
    @api.depends_context("lang")
    def _compute_said(self):
        for part in self:
            held = part.state == "held" and part.reason
            part.said = because(self.env, [held]) if held else part.sentence
