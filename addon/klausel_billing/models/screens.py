"""What screens of the accountant need beside what is stored."""

from odoo import api, fields, models


class KlauselPreview(models.Model):
    _inherit = "klausel.preview"

    held_ids = fields.One2many(
        "klausel.preview.part", "preview_id", "Held", domain=[("state", "=", "held")], readonly=True
    )
    uncovered_ids = fields.One2many(
        "klausel.preview.part",
        "preview_id",
        "Nobody Pays",
        domain=[("state", "=", "uncovered")],
        readonly=True,
    )
    covered_ids = fields.One2many(
        "klausel.preview.part",
        "preview_id",
        "Drawn and Included",
        domain=[("state", "in", ("drawn", "included"))],
        readonly=True,
    )
    not_due_ids = fields.One2many(
        "klausel.preview.part",
        "preview_id",
        "Not Due Yet",
        domain=[("state", "=", "not_due")],
        readonly=True,
    )
    worker_said = fields.Char(compute="_compute_worker_said")

    def _compute_worker_said(self):
        self.worker_said = self.env["klausel.worker"].klausel_said()


class KlauselPreviewLine(models.Model):
    _inherit = "klausel.preview.line"

    def action_why(self):
        """The line with its timesheets and reasons, in a dialog."""
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Why?"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [[False, "form"]],
            "target": "new",
        }


class KlauselPreviewPart(models.Model):
    _inherit = "klausel.preview.part"

    entry_text = fields.Char(string="Work", compute="_compute_entry", compute_sudo=True)
    employee_name = fields.Char(string="Who", compute="_compute_entry", compute_sudo=True)
    said = fields.Char(
        string="Because",
        compute="_compute_said",
        help="Why it waits or is not covered, else the rule's sentence.",
    )

    @api.depends("entry_id")
    def _compute_entry(self):
        """Whoever reads previews reads whose work it was, of their own timesheets or not."""
        for part in self:
            entry = part.entry_id
            part.entry_text = entry.name
            part.employee_name = entry.employee_id.name

    @api.depends("state", "reason", "sentence")
    def _compute_said(self):
        reasons = self._klausel_reasons()
        for part in self:
            part.said = reasons.get(part.reason) or part.reason or part.sentence

    @api.model
    def _klausel_reasons(self):
        """Why work waits, or why nobody pays for it, by the word that the program uses."""
        return {
            "no_term": self.env._("Waits: no term of the contract takes it"),
            "no_hours": self.env._("Waits for hours: none are left"),
            "not_validated": self.env._("Waits to be validated"),
            "not_requested": self.env._("Waits: nobody has asked the customer yet"),
            "pending": self.env._("Waits for the customer's answer"),
            "rejected": self.env._("The customer has refused it"),
            "late_decision": self.env._("The customer's answer came after the work"),
            "limit": self.env._("More than the customer has approved"),
            "budget": self.env._("More than the budget allows"),
            "no_contract": self.env._("No contract covers it"),
            "not_taken": self.env._("No term of the contract takes it"),
            "no_customer": self.env._("Nobody knows whose work it is"),
            "erp_order": self.env._("A sales order bills it"),
        }


class KlauselRequest(models.Model):
    _inherit = "klausel.request"

    worker_said = fields.Char(compute="_compute_worker_said")
    has_moves = fields.Boolean(compute="_compute_has_moves", compute_sudo=True)

    @api.depends("state")
    def _compute_worker_said(self):
        said = self.env["klausel.worker"].klausel_said()
        for request in self:
            request.worker_said = said if request.state in ("waiting", "running") else False

    @api.depends("customer_ids.run_id.move_ids")
    def _compute_has_moves(self):
        for request in self:
            request.has_moves = bool(request.customer_ids.run_id.move_ids)

    def action_view_moves(self):
        """The drafts that it has written."""
        self.ensure_one()
        self.check_access("read")
        moves = self.sudo().customer_ids.run_id.move_ids
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        return {**action, "domain": [("id", "in", moves.ids)], "context": {}}


class KlauselRequestCustomer(models.Model):
    _inherit = "klausel.request.customer"

    move_ids = fields.Many2many(related="run_id.move_ids", string="Invoices")


class KlauselWorker(models.Model):
    _inherit = "klausel.worker"

    @api.model
    def klausel_said(self):
        """What to say to people where no program works on requests of their company."""
        return False


class Stub(models.Model):
    _inherit = "klausel.preview"

    def action_refresh(self):
        return False

    def action_refresh_all(self):
        return False

    def action_create_drafts(self):
        return False


class Stub2(models.Model):
    _inherit = "klausel.request"

    def action_cancel(self):
        return False
