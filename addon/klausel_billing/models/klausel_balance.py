from odoo import fields, models


class KlauselBalance(models.Model):
    _name = "klausel.balance"
    _description = "Balance of a Lot of Hours"
    _inherit = "klausel.preview.row"
    _order = "preview_id, contract_id, term, date_from, id"
    _rec_name = "lot"

    contract_id = fields.Many2one(
        comodel_name="klausel.contract",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    term = fields.Char(readonly=True)
    lot = fields.Char(readonly=True)
    unit = fields.Selection(
        selection=[("hour", "Hours"), ("piece", "Pieces")], required=True, readonly=True
    )
    granted = fields.Float(readonly=True)
    drawn = fields.Float(readonly=True)
    expired = fields.Float(readonly=True)
    refunded = fields.Float(readonly=True)
    remaining = fields.Float(string="Left", readonly=True)
    deficit = fields.Float(string="Owed", readonly=True)
    date_from = fields.Date(string="From", readonly=True)
    date_until = fields.Date(string="Valid Until", readonly=True)
