from odoo import fields, models


class KlauselNotice(models.Model):
    _name = "klausel.notice"
    _description = "Notice of What a Contract Has Reached"
    _inherit = "klausel.preview.row"
    _order = "date desc, id desc"
    _rec_name = "rule"

    contract_id = fields.Many2one(
        comodel_name="klausel.contract",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    rule = fields.Char(readonly=True)
    period = fields.Char(readonly=True)
    percent = fields.Float(readonly=True, aggregator=None)
    date = fields.Date(string="On", readonly=True)
    text = fields.Char(readonly=True)
    is_new = fields.Boolean(string="New", readonly=True)
