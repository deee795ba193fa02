from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools.constants import GC_UNLINK_LIMIT

from .desk import ENDED, Desk, desk_of, plain
from .program_words import doing, translated
from .shown import Shown

KINDS = [("preview", "Preview"), ("bill", "Create Drafts")]
STATES = [
    ("waiting", "Waiting"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]


#: For so long people find what came of what they asked for. What was written is in the runs.
KEPT = timedelta(days=90)


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
        string="Cancel Asked", readonly=True, help="Ends after the customers in hand."
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

    outcome_said = fields.Text(string="Outcome Told", compute="_compute_told")
    progress_said = fields.Char(string="Progress Told", compute="_compute_told")
    worker_said = fields.Char(string="Nobody Works", compute="_compute_worker_said")
    has_moves = fields.Boolean(
        string="Has Invoices", compute="_compute_has_moves", compute_sudo=True
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

    @api.depends("outcome", "progress")
    @api.depends_context("lang")
    def _compute_told(self):
        """What the program says, in the reader's language."""
        for request in self:
            request.outcome_said = translated(self.env, request.outcome)
            request.progress_said = doing(self.env, request.progress)

    @api.depends("state")
    def _compute_worker_said(self):
        workers = self.env["klausel.worker"]
        for request in self:
            is_open = request.state in ("waiting", "running")
            request.worker_said = is_open and workers._klausel_nobody(request.company_id)

    @api.depends("customer_ids.run_id.move_ids")
    def _compute_has_moves(self):
        for request in self:
            request.has_moves = bool(request.customer_ids.run_id.move_ids)

    def action_view_moves(self):
        """The drafts that were written for it."""
        self.check_access("read")
        moves = self.sudo().customer_ids.run_id.move_ids
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        return {
            **action,
            "domain": [("id", "in", moves.ids)],
            "context": {"default_move_type": "out_invoice"},
        }

    # --- what people ask for ----------------------------------------------------------------------

    @api.model
    def _klausel_check_asker(self, kind):
        """Group first, before anything is read with more rights."""
        user = self.env.user
        if not user.has_group("klausel_billing.group_user"):
            raise AccessError(self.env._("Only members of Klausel's group User may ask for that."))
        if kind == "bill" and not user.has_group("account.group_account_invoice"):
            raise AccessError(
                self.env._("Only members of Invoicing's group Invoicing may create drafts.")
            )

    @api.model
    def _klausel_check_alive(self, company):
        """Nothing is asked for that nobody would hear."""
        if said := self.env["klausel.worker"]._klausel_nobody(company):
            raise UserError(said)

    @api.model
    def _klausel_ask(self, kind, company, as_of, adjust, seen):
        """The request of ``kind``: one that says the same and waits, or a new one.

        ``seen``: by customer's id the fingerprint that the person saw; empty: all customers.
        """
        self._klausel_check_asker(kind)
        self._klausel_check_alive(company)
        requests = self.sudo()
        values = {"kind": kind, "company_id": company.id, "as_of": as_of, "adjust": adjust}
        domain = [(name, "=", value) for name, value in values.items()]
        domain += [("state", "=", "waiting"), ("cancel", "=", False)]
        for request in requests.search(domain, order="id"):
            known = {one.partner_id.id: one.seen or "" for one in request.customer_ids}
            all_asked = kind == "preview" and seen and seen.keys() <= known.keys()
            if known == seen or all_asked or not known:
                return request.with_env(self.env)
        customers = [
            Command.create({"partner_id": partner, "seen": said or False})
            for partner, said in seen.items()
        ]
        return requests.create(
            {**values, "user_id": self.env.uid, "customer_ids": customers}
        ).with_env(self.env)

    def _klausel_action(self):
        """The window that shows what becomes of these requests."""
        action = {
            "type": "ir.actions.act_window",
            "name": self.env._("Requests"),
            "res_model": self._name,
        }
        if len(self) == 1:
            return {**action, "res_id": self.id, "views": [[False, "form"]], "target": "new"}
        return {
            **action,
            "domain": [("id", "in", self.ids)],
            "views": [[False, "list"], [False, "form"]],
        }

    def action_cancel(self):
        """Whoever may ask for it may take it back: at once while it waits, else after the customer
        in hand."""
        self._klausel_check_asker("preview")
        self.check_access("read")
        for kind in set(self.mapped("kind")):
            self._klausel_check_asker(kind)
        for request in self.sudo():
            if request.state == "waiting":
                request.write(
                    {"state": "cancelled", "cancel": True, "ended_on": fields.Datetime.now()}
                )
            elif request.state == "running":
                request.cancel = True
        return True

    @api.autovacuum
    def _gc_ended(self):
        """Odoo's daily cleaning takes along what ended long ago; runs and invoices stay."""
        before = fields.Datetime.now() - KEPT
        domain = [("state", "in", list(ENDED)), ("ended_on", "<", before)]
        old = self.sudo().search(domain, limit=GC_UNLINK_LIMIT, order="id")
        old.unlink()
        return len(old), len(old) == GC_UNLINK_LIMIT

    # --- what the program beside Odoo calls -------------------------------------------------------

    @api.model
    def klausel_next(self, company_id, worker, version=""):
        """The oldest request of the company that nobody works on, as plain values, or False.

        It is ``worker``'s for some minutes, and for as long as it tells of its progress.
        """
        company = self.env["klausel.contract"]._klausel_check_writer(company_id)
        env = plain(self.env, company)
        data = {"worker": worker, "version": version}
        return Desk(env, company.with_env(env), data).next()

    @api.model
    def klausel_progress(self, request_id, worker, done=0, total=0, text=""):
        """Tell how far it is; the answer says whether to go on."""
        data = {"worker": worker, "done": done, "total": total, "text": text}
        desk, request = desk_of(self, request_id, data)
        return desk.progress(request)

    @api.model
    def klausel_report(self, request_id, worker, customers):
        """Replace what is shown of ``customers``, of each one all or nothing.

        Each has ``partner_id`` (False: nobody's work) and ``payload``, what the connector sends.
        The answer says of each whether it is ``stale``: facts have changed since they were read;
        or, with a ``code`` and what is ``said``, why it was refused. Of several it leaves out whom
        somebody is just changing something of: they are to be told of by themselves. What is not
        as agreed is an error whose text begins with ``[klausel:CODE]``, for all of them.
        """
        data = {"worker": worker, "customers": customers}
        desk, request = desk_of(self, request_id, data, Shown)
        return desk.report(request)

    @api.model
    def klausel_unchanged(self, request_id, worker, as_of, customers):
        """Of ``customers`` those who are shown as they are already: nothing is sent of them.

        Each has ``partner_id`` (False: nobody's work), ``content`` and ``seq`` as in what would
        be reported. Their previews count as reported.
        """
        data = {"worker": worker, "as_of": as_of, "customers": customers}
        desk, request = desk_of(self, request_id, data, Shown)
        return desk.unchanged(request)

    @api.model
    def klausel_say(self, request_id, worker, partner_id, state, said=""):
        """Tell why nothing was written of a customer: nothing, changed or refused."""
        data = {"worker": worker, "partner_id": partner_id, "state": state, "said": said}
        desk, request = desk_of(self, request_id, data)
        return desk.say(request)

    @api.model
    def klausel_done(self, request_id, worker, state, outcome=""):
        """End a request: done, failed or cancelled. Or waiting: somebody else shall take it."""
        data = {"worker": worker, "state": state, "outcome": outcome}
        desk, request = desk_of(self, request_id, data)
        return desk.finish(request)
