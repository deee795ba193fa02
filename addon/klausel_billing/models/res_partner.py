from odoo import fields, models
from odoo.tools import SQL


class ResPartner(models.Model):
    _inherit = "res.partner"

    klausel_contract_count = fields.Integer(
        compute="_compute_klausel_contract_count",
        string="Number of Service Contracts",
        groups="klausel_billing.group_user",
    )

    klausel_seq = fields.Integer(
        string="Contract Changes",
        copy=False,
        readonly=True,
        aggregator=None,
        groups="klausel_billing.group_user,klausel_billing.group_connector",
        help="Raised by every change to the customer's contracts, approvals, decisions and ledger.",
    )

    def _compute_klausel_contract_count(self):
        counts = dict(
            self.env["klausel.contract"]._read_group(
                [("commercial_partner_id", "in", self.commercial_partner_id.ids)],
                ["commercial_partner_id"],
                ["__count"],
            )
        )
        for partner in self:
            partner.klausel_contract_count = counts.get(partner.commercial_partner_id, 0)

    def write(self, vals):
        if "parent_id" not in vals and "is_company" not in vals:
            return super().write(vals)
        # A contract goes with its contact to another company, and covers other work there.
        contracts = (
            self.env["klausel.contract"].sudo().search([("partner_id", "child_of", self.ids)])
        )
        before = contracts._klausel_coverage()
        contracts._klausel_bump()
        result = super().write(vals)
        if contracts:
            contracts._klausel_bump()
            contracts._klausel_coverage_changed(before, contracts._klausel_coverage())
        return result

    def action_view_klausel_contracts(self):
        self.ensure_one()
        self.env["klausel.contract"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "klausel_billing.klausel_contract_action"
        )
        action["domain"] = [("commercial_partner_id", "=", self.commercial_partner_id.id)]
        action["context"] = {"default_partner_id": self.commercial_partner_id.id}
        return action

    def _klausel_take_turn(self, sequence):
        """Raise this customer's number, if it is still ``sequence``; whether it was.

        Makes everybody else wait who wants to write for the customer, and then fail.
        """
        self.ensure_one()
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET klausel_seq = COALESCE(klausel_seq, 0) + 1"
                " WHERE id = %s AND COALESCE(klausel_seq, 0) = %s",
                self.id,
                sequence,
            )
        )
        self.invalidate_recordset(["klausel_seq"], flush=False)
        return bool(self.env.cr.rowcount)

    def _klausel_moved(self):
        """What to say to whoever comes with an older number."""
        return self.env._(
            "Contracts, approvals, decisions or invoices of %s have changed since they were read.",
            self.display_name,
        )

    def _klausel_bump(self):
        """Raise the number of these customers.

        In SQL, so that of two transactions at once the second one fails and is run again.
        """
        ids = sorted(self.commercial_partner_id.ids)
        if not ids:
            return
        # What waits to be stored would otherwise be written over the number, or be lost with it.
        self.flush_model(["klausel_seq"])
        # Always in the same order: two transactions with several customers do not block each other.
        self.env.cr.execute(
            SQL(
                "UPDATE res_partner SET klausel_seq = COALESCE(klausel_seq, 0) + 1 WHERE id IN"
                " (SELECT id FROM res_partner WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE)",
                ids,
            )
        )
        self.browse(ids).invalidate_recordset(["klausel_seq"], flush=False)
