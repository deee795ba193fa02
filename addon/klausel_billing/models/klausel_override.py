from odoo import api, fields, models
from odoo.exceptions import ValidationError

#: What a person may decide, in the words of the policies.
DECISIONS = [
    ("included", "Included"),
    ("service", "Service"),
    ("change", "Change"),
    ("third_party", "Third party"),
    ("warranty", "Warranty"),
    ("internal", "Internal"),
    ("written_off", "Written off"),
]


class KlauselOverride(models.Model):
    """A decision by hand on one timesheet; it beats every rule.

    What was decided is never edited and never deleted: another decision takes its place, and
    both stay. Only the addon's own code writes to it afterwards, with sudo.
    """

    _name = "klausel.override"
    _description = "Billing Decision"
    _inherit = "klausel.guarded"
    _order = "id desc"
    _rec_name = "entry_text"
    _rec_names_search = ["entry_text", "reason"]

    entry_id = fields.Many2one(
        comodel_name="account.analytic.line",
        string="Timesheet",
        index="btree_not_null",
        ondelete="set null",
        domain=[("project_id", "!=", False)],
    )
    entry_ref = fields.Integer(
        string="Timesheet ID",
        readonly=True,
        aggregator=None,
        help="Stays when the timesheet is deleted.",
    )
    entry_text = fields.Char(
        string="Decided About",
        readonly=True,
        help="The timesheet as it was on the day of the decision.",
    )
    company_id = fields.Many2one(
        comodel_name="res.company", compute="_compute_place", store=True, index=True
    )
    partner_id = fields.Many2one(
        comodel_name="res.partner",
        string="Customer",
        compute="_compute_place",
        store=True,
        index=True,
    )
    disposition = fields.Selection(selection=DECISIONS, string="Decision", required=True)
    reason = fields.Char(required=True, help="Why. It stands in previews beside the timesheet.")
    user_id = fields.Many2one(
        comodel_name="res.users",
        string="Entered by",
        required=True,
        readonly=True,
        default=lambda self: self.env.user,
        ondelete="restrict",
    )
    decided_by = fields.Char(
        readonly=True, help="Name of who decided, as it was on the day of the decision."
    )
    decided_on = fields.Date(required=True, default=fields.Date.context_today)
    state = fields.Selection(
        selection=[("live", "In force"), ("revoked", "Taken back")],
        required=True,
        default="live",
        readonly=True,
        index=True,
    )
    revoked_by = fields.Char(string="Taken Back by", readonly=True)
    revoked_on = fields.Datetime(string="Taken Back on", readonly=True)
    revoked_because = fields.Char(string="Taken Back Because", readonly=True)
    settled = fields.Boolean(
        compute="_compute_settled",
        help="The timesheet is on record, so the decision shows as a difference.",
    )

    _live_unique = models.UniqueIndex(
        "(entry_id) WHERE state = 'live'",
        "There is a decision on this timesheet already: decide anew, or take it back first.",
    )

    @api.depends("entry_text", "disposition")
    def _compute_display_name(self):
        names = dict(self._fields["disposition"]._description_selection(self.env))
        for decision in self:
            parts = (names.get(decision.disposition), decision.entry_text)
            decision.display_name = ": ".join(filter(None, parts))

    # A timesheet that is deleted leaves behind whose it was.
    @api.depends(
        "entry_id.company_id",
        "entry_id.partner_id.commercial_partner_id",
        "entry_id.task_id.partner_id.commercial_partner_id",
        "entry_id.project_id.partner_id.commercial_partner_id",
    )
    def _compute_place(self):
        for decision in self:
            entry = decision.entry_id.sudo()
            if entry:
                decision.company_id = entry.company_id
                decision.partner_id = entry._klausel_customer()
            else:
                decision.company_id = decision.company_id
                decision.partner_id = decision.partner_id

    @api.depends("entry_id")
    def _compute_settled(self):
        settled = self.entry_id._klausel_settled()
        for decision in self:
            decision.settled = decision.entry_id in settled

    @api.constrains("entry_id")
    def _check_entry(self):
        for decision in self:
            if not decision.entry_id.project_id:
                raise ValidationError(self.env._("Choose the timesheet that you decide about."))

    @api.constrains("reason")
    def _check_reason(self):
        for decision in self:
            if not decision.reason.strip():
                raise ValidationError(self.env._("Say why you decide so."))

    @api.constrains("decided_on")
    def _check_decided_on(self):
        today = fields.Date.context_today(self)
        for decision in self:
            if decision.decided_on > today:
                raise ValidationError(
                    self.env._(
                        "%s is still to come: a decision is of today or of an earlier day.",
                        decision.decided_on,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        # Whoever decides must see what about, and decides in their own name: what somebody says
        # of that goes unheard.
        self.check_access("create")
        kept = set(self._klausel_kept())
        named = self.default_get(["entry_id"])
        vals_list = [
            {**named, **{name: vals[name] for name in vals if name not in kept}}
            for vals in vals_list
        ]
        entries = self.env["account.analytic.line"].browse(
            vals["entry_id"] for vals in vals_list if vals.get("entry_id")
        )
        entries.check_access("read")
        decided = [
            {
                **vals,
                "entry_ref": vals.get("entry_id") or 0,
                "entry_text": entries.browse(vals.get("entry_id") or ())._klausel_said(),
                "decided_by": self.env.user.name,
            }
            for vals in vals_list
        ]
        decisions = super(KlauselOverride, self.sudo()).create(decided).with_env(self.env)
        decisions.check_access("create")
        decisions._klausel_bump()
        return decisions

    def write(self, vals):
        self._klausel_bump()
        result = super().write(vals)
        self._klausel_bump()
        return result

    def unlink(self):
        self._klausel_bump()
        return super().unlink()

    def _klausel_bump(self):
        """What was previewed before is out of date."""
        places = {(one.company_id.id, one.partner_id.id) for one in self.sudo()}
        self.env["res.partner"]._klausel_raise(places)

    def _klausel_take_back(self, reason):
        """The rules decide again, or the decision that comes next. Who, when and why stay."""
        self.check_access("create")
        self.sudo().write(
            {
                "state": "revoked",
                "revoked_by": self.env.user.name,
                "revoked_on": fields.Datetime.now(),
                "revoked_because": reason,
            }
        )
        # The next decision may come at once, and the index counts those in force.
        self.flush_recordset(["state"])

    def action_decide(self):
        """Decide anew about the same timesheets, or take the decisions back."""
        return self.entry_id.klausel_action_decide()
