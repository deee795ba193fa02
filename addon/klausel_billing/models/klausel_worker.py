from odoo import fields, models


class KlauselWorker(models.Model):
    """A program beside Odoo that works on requests of one company, and when it was heard of last.

    Only :class:`.desk.Desk` writes it.
    """

    _name = "klausel.worker"
    _description = "Program That Works on Requests"
    _inherit = "klausel.guarded"
    _order = "seen_on desc, id"

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    version = fields.Char(readonly=True)
    seen_on = fields.Datetime(string="Last Seen on", required=True, readonly=True)

    _name_unique = models.UniqueIndex(
        "(company_id, name)", "This program is known in the company already."
    )
