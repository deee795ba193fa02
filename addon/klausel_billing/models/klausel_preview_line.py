from odoo import fields, models

#: What quantities count.
UNITS = [("hour", "Hours"), ("month", "Months"), ("period", "Flat Rate"), ("piece", "Pieces")]


class KlauselPreviewLine(models.Model):
    _name = "klausel.preview.line"
    _description = "Line of a Previewed Invoice"
    _inherit = "klausel.preview.row"
    _order = "preview_id, sequence, id"

    sequence = fields.Integer(readonly=True, aggregator=None)
    draft = fields.Char(required=True, readonly=True, help="Which of the customer's drafts.")
    kind = fields.Selection(
        selection=[("invoice", "Invoice"), ("credit_note", "Credit Note")],
        required=True,
        readonly=True,
    )
    key = fields.Char(required=True, readonly=True)
    contract_id = fields.Many2one(
        comodel_name="klausel.contract",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
    term = fields.Char(readonly=True)
    component = fields.Char(readonly=True)
    date_from = fields.Date(string="From", readonly=True)
    date_until = fields.Date(string="Until", readonly=True)
    name = fields.Text(string="Description", required=True, readonly=True)
    quantity = fields.Float(readonly=True, min_display_digits="Product Unit", aggregator=None)
    unit = fields.Selection(selection=UNITS, readonly=True)
    price_unit = fields.Float(
        string="Unit Price", readonly=True, min_display_digits="Product Price", aggregator=None
    )
    discount = fields.Float(
        string="Discount (%)", readonly=True, min_display_digits="Discount", aggregator=None
    )
    amount = fields.Monetary(readonly=True, help="Net of tax; of credit notes below zero.")
    currency_id = fields.Many2one(
        comodel_name="res.currency", required=True, readonly=True, ondelete="restrict"
    )
    late = fields.Boolean(readonly=True, help="Of a period that was billed before.")
    corrects = fields.Boolean(readonly=True, help="Gives back or corrects what was billed.")
    why = fields.Text(readonly=True, translate=True)
    mark = fields.Char(readonly=True)
    part_ids = fields.One2many("klausel.preview.part", "line_id", "Parts", readonly=True)

    def action_why(self):
        """The line with its timesheets and reasons, in a dialog."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Why?"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
            "context": {"dialog_size": "extra-large"},
        }
