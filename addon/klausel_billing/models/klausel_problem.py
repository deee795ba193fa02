from odoo import fields, models

from .klausel_preview import SEVERITIES


class KlauselProblem(models.Model):
    _name = "klausel.problem"
    _description = "Problem of a Billing Run"
    _inherit = "klausel.preview.row"
    _order = "preview_id, id"
    _rec_name = "text"

    severity = fields.Selection(selection=SEVERITIES, required=True, readonly=True, index=True)
    code = fields.Char(readonly=True)
    text = fields.Text(required=True, readonly=True)
    hint = fields.Text(readonly=True)
    place = fields.Char(readonly=True)
