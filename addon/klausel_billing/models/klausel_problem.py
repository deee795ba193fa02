from odoo import fields, models
from odoo.tools import plaintext2html

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
    # Each run finds its problems anew: what somebody plans to do about them is the customer's.
    planned_on = fields.Date(string="Planned For", related="partner_id.activity_date_deadline")
    planned_user_id = fields.Many2one(
        string="Planned By", related="partner_id.activity_user_id", comodel_name="res.users"
    )

    def action_plan(self):
        """Plan what is to be done about it: an activity of the caller's, on its customer."""
        self.ensure_one()
        self.check_access("read")
        # Who invoices need not have the right to change customers.
        customer = self.partner_id.sudo()
        planned = customer.activity_ids.filtered(lambda one: one.user_id == self.env.user)
        if customer and self.text not in planned.mapped("summary"):
            customer.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=self.text,
                note=plaintext2html(self.hint or ""),
                user_id=self.env.uid,
            )
        return True
