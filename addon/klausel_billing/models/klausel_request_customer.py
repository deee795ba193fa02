from odoo import api, fields, models

from .program_words import translated

#: What became of one customer of a request.
OUTCOMES = [
    ("waiting", "Waiting"),
    ("written", "Drafts Written"),
    ("nothing", "Nothing to Invoice"),
    ("changed", "Changed Since It Was Seen"),
    ("refused", "Refused"),
    ("previewed", "Previewed"),
]


class KlauselRequestCustomer(models.Model):
    _name = "klausel.request.customer"
    _description = "Customer of a Request"
    _inherit = "klausel.guarded"
    _order = "id"
    _rec_name = "partner_id"

    request_id = fields.Many2one(
        comodel_name="klausel.request",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="request_id.company_id", store=True, precompute=True)
    partner_id = fields.Many2one(
        comodel_name="res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    seen = fields.Char(readonly=True, help="Fingerprint of what the person saw.")
    state = fields.Selection(selection=OUTCOMES, required=True, readonly=True, default="waiting")
    said = fields.Text(readonly=True)
    told = fields.Text(string="What Came of It", compute="_compute_told")
    claim = fields.Integer(
        string="Claim Number",
        readonly=True,
        aggregator=None,
        help="Of the writing of its drafts: what is reported afterwards was read afterwards.",
    )
    run_id = fields.Many2one(
        comodel_name="klausel.run",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )

    move_ids = fields.Many2many(related="run_id.move_ids", string="Invoices")

    _partner_unique = models.UniqueIndex(
        "(request_id, partner_id)", "The request names this customer already."
    )

    @api.depends("said")
    @api.depends_context("lang")
    def _compute_told(self):
        """What the program says, in the reader's language."""
        for customer in self:
            customer.told = translated(self.env, customer.said)
