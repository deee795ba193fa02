from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .linked import linked


class KlauselApproval(models.Model):
    _name = "klausel.approval"
    _description = "Customer Approval"
    _inherit = "klausel.contract.part"
    _order = "decided_on desc, id desc"

    # Without tickets an approval is good for the whole contract. Were tickets deleted or hidden
    # from the list when archived, it would silently grow: hence restrict and active_test.
    ticket_ids = fields.Many2many(
        comodel_name="project.task",
        relation="klausel_approval_task_rel",
        column1="approval_id",
        column2="task_id",
        string="Tickets",
        ondelete="restrict",
        check_company=True,
        context={"active_test": False},
        help="Empty: the whole contract.",
    )
    state = fields.Selection(
        selection=[
            ("not_requested", "Not requested"),
            ("pending", "Pending"),
            ("approved", "Approved"),
            ("rejected", "Rejected"),
        ],
        required=True,
        default="pending",
    )
    has_limit_hours = fields.Boolean(string="Limit Hours")
    limit_hours = fields.Float(string="Up to Hours")
    has_limit_amount = fields.Boolean(string="Limit Amount")
    limit_amount = fields.Float(string="Up to Amount", min_display_digits="Product Price")
    decided_on = fields.Date()
    decided_by = fields.Char(help="Who decided for the customer.")
    expires_on = fields.Date(help="Last day on which the approval is good.")

    _limits_positive = models.Constraint(
        "CHECK (COALESCE(limit_hours, 0) >= 0 AND COALESCE(limit_amount, 0) >= 0)",
        "A limit cannot be negative.",
    )

    @api.depends("contract_id.code", "ticket_ids", "state")
    def _compute_display_name(self):
        states = dict(self._fields["state"]._description_selection(self.env))
        # Of which tickets it is depends on nobody's rights; a new one has what the form shows.
        known = linked(self, "ticket_ids")
        for approval in self:
            tasks = approval.sudo().ticket_ids | self.env["project.task"].sudo().browse(
                known.get(approval.id, ())
            )
            tickets = ", ".join(tasks.mapped("name"))
            subject = tickets or approval.contract_id.code or ""
            approval.display_name = f"{subject}: {states.get(approval.state, '')}"

    @api.constrains("state", "decided_on", "expires_on")
    def _check_decision(self):
        for approval in self:
            if approval.state in ("approved", "rejected") and not approval.decided_on:
                raise ValidationError(
                    self.env._("Say on which day the customer decided: %s.", approval.display_name)
                )
            if (
                approval.decided_on
                and approval.expires_on
                and approval.expires_on < approval.decided_on
            ):
                raise ValidationError(
                    self.env._(
                        "The approval expires before it was given: %s.", approval.display_name
                    )
                )

    @api.constrains("contract_id", "ticket_ids")
    def _check_tickets(self):
        known = linked(self, "ticket_ids")
        for approval in self.sudo():
            tickets = self.env["project.task"].sudo().browse(known[approval.id])
            approval.contract_id._check_customer_of_tickets(tickets)
