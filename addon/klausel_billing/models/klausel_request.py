from odoo import api, fields, models

KINDS = [("preview", "Preview"), ("bill", "Create Drafts")]
STATES = [
    ("waiting", "Waiting"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]


class KlauselRequest(models.Model):
    """What somebody asks the program beside Odoo for. Only the addon's own code writes it."""

    _name = "klausel.request"
    _description = "Request to the Program beside Odoo"
    _inherit = "klausel.guarded"
    _order = "id desc"
    _rec_names_search = ["user_id", "worker"]

    kind = fields.Selection(selection=KINDS, required=True, readonly=True)
    adjust = fields.Boolean(
        string="With Adjustments",
        readonly=True,
        help="Also corrects what was billed and has changed since.",
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    as_of = fields.Date(required=True, readonly=True)
    user_id = fields.Many2one(
        comodel_name="res.users", string="Asked by", readonly=True, ondelete="set null"
    )
    nightly = fields.Boolean(readonly=True, help="Made by itself, every night.")
    state = fields.Selection(
        selection=STATES, required=True, readonly=True, default="waiting", index=True
    )
    cancel = fields.Boolean(
        string="Cancel Asked", readonly=True, help="Ends after the customer in hand."
    )
    worker = fields.Char(string="Program", readonly=True, help="Which program works on it.")
    lease_until = fields.Datetime(
        readonly=True, help="If it is not heard of until then, another one may take the request."
    )
    claim = fields.Integer(
        string="Claim Number",
        readonly=True,
        aggregator=None,
        help="Counts up whenever a program takes a request: what has changed since is told by it.",
    )
    done = fields.Integer(readonly=True, aggregator=None)
    total = fields.Integer(readonly=True, aggregator=None)
    progress = fields.Char(readonly=True, help="What is being done.")
    outcome = fields.Text(readonly=True)
    started_on = fields.Datetime(readonly=True)
    ended_on = fields.Datetime(readonly=True)
    customer_ids = fields.One2many(
        comodel_name="klausel.request.customer",
        inverse_name="request_id",
        string="Customers",
        readonly=True,
        help="Empty: all customers.",
    )

    _nightly_unique = models.UniqueIndex(
        "(company_id, as_of) WHERE nightly", "The preview of this night is asked for already."
    )
    _open_index = models.Index("(company_id, id) WHERE state IN ('waiting', 'running')")

    def _auto_init(self):
        """Numbers of claims rise, whoever takes a request first; they go with the table."""
        result = super()._auto_init()
        self.env.cr.execute(
            "CREATE SEQUENCE IF NOT EXISTS klausel_request_claim_seq AS integer"
            " OWNED BY klausel_request.claim"
        )
        return result

    @api.model
    def _klausel_new_claim(self):
        self.env.cr.execute("SELECT nextval('klausel_request_claim_seq')")
        return self.env.cr.fetchone()[0]

    @api.depends("kind", "as_of")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for request in self:
            day = fields.Date.to_string(request.as_of) or ""
            request.display_name = f"{kinds.get(request.kind, '')} {day}".strip()
