from odoo import api, fields, models
from odoo.tools import SQL

from .guarded import is_on

#: On while contacts are merged: what was billed to one of them was billed to the one that stays.
MERGING = "klausel_merging"
#: What the program reads of a customer.
PARTNER = frozenset(
    ("category_id", "country_id", "is_company", "lang", "name", "parent_id", "state_id")
)
#: Of a company's own contact: what everything of the company rests on.
OWN = frozenset(("country_id", "lang", "state_id"))


class ResPartner(models.Model):
    _inherit = "res.partner"

    klausel_contract_count = fields.Integer(
        compute="_compute_klausel_contract_count",
        string="Number of Service Contracts",
        groups="klausel_billing.group_user",
    )

    klausel_seq = fields.Integer(
        string="Contract Changes",
        compute="_compute_klausel_seq",
        compute_sudo=True,
        aggregator=None,
        groups="klausel_billing.group_user,klausel_billing.group_connector",
        help="Raised by every change to the customer's contracts, approvals, decisions and ledger"
        " in this company.",
    )

    @api.depends_context("company")
    def _compute_klausel_seq(self):
        revisions = self.env["klausel.revision"].search(
            [("partner_id", "in", self.ids), ("company_id", "=", self.env.company.id)]
        )
        numbers = {revision.partner_id.id: revision.number for revision in revisions}
        for partner in self:
            partner.klausel_seq = numbers.get(partner._origin.id, 0)

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
        if PARTNER.isdisjoint(vals):
            return super().write(vals)
        places = self._klausel_places()
        # A contract goes with its contact to another company, and covers other work there.
        contracts = self.env["klausel.contract"].sudo().with_context(active_test=False)
        if "parent_id" in vals or "is_company" in vals:
            contracts = contracts.search([("partner_id", "child_of", self.ids)])
        customers = {contract: contract.commercial_partner_id for contract in contracts}
        before = contracts._klausel_coverage()
        contracts._klausel_bump()
        result = super().write(vals)
        if contracts:
            if not is_on(self, MERGING):
                contracts._klausel_check_customers(customers)
            contracts._klausel_bump()
            contracts._klausel_coverage_changed(before, contracts._klausel_coverage())
        previews = self.env["klausel.preview"]
        previews._klausel_touch(places | self._klausel_places())
        if not OWN.isdisjoint(vals):
            for company in self.env["res.company"].sudo().search([("partner_id", "in", self.ids)]):
                previews._klausel_touch_all(company)
        return result

    def _klausel_places(self):
        """Where something is shown of the customers that these are, or belong to."""
        customers = self.sudo().commercial_partner_id.ids
        if not customers:
            return set()
        query = SQL(
            "SELECT company_id, partner_id FROM klausel_preview WHERE partner_id = ANY(%s)",
            customers,
        )
        return set(self.env.execute_query(query))

    def action_view_klausel_contracts(self):
        self.ensure_one()
        self.env["klausel.contract"].check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "klausel_billing.klausel_contract_action"
        )
        action["domain"] = [("commercial_partner_id", "=", self.commercial_partner_id.id)]
        action["context"] = {"default_partner_id": self.commercial_partner_id.id}
        return action

    def _klausel_take_turn(self, company, sequence):
        """Raise this customer's number in ``company``, if it is still ``sequence``; whether it was.

        Makes everybody else wait who wants to write for the customer there, and then fail.
        """
        self.ensure_one()
        self.env.flush_all()
        if sequence == 0:
            query = SQL(
                "INSERT INTO klausel_revision (company_id, partner_id, number, create_uid)"
                " VALUES (%s, %s, 1, %s)"
                " ON CONFLICT (company_id, partner_id) DO UPDATE SET number = 1"
                " WHERE klausel_revision.number = 0",
                company.id,
                self.id,
                self.env.uid,
            )
        else:
            query = SQL(
                "UPDATE klausel_revision SET number = number + 1"
                " WHERE company_id = %s AND partner_id = %s AND number = %s",
                company.id,
                self.id,
                sequence,
            )
        self.env.cr.execute(query)
        taken = bool(self.env.cr.rowcount)
        self._klausel_forget_numbers()
        return taken

    def _klausel_moved(self):
        """What to say to whoever comes with an older number."""
        return self.env._(
            "Contracts, approvals, decisions or invoices of %s have changed since they were read.",
            self.display_name,
        )

    def _klausel_bump(self):
        """Raise the numbers of these customers in all companies that bill them."""
        ids = self.commercial_partner_id.ids
        if not ids:
            return
        self.env["klausel.contract"].flush_model(["company_id", "commercial_partner_id"])
        query = SQL(
            "SELECT company_id, commercial_partner_id FROM klausel_contract"
            " WHERE commercial_partner_id = ANY(%(ids)s)"
            " UNION SELECT company_id, partner_id FROM klausel_revision"
            " WHERE partner_id = ANY(%(ids)s)",
            ids=ids,
        )
        self._klausel_raise(set(self.env.execute_query(query)))

    @api.model
    def _klausel_raise(self, places):
        """Raise the numbers in ``places``, pairs of a company's and a customer's id.

        In SQL, so that of two transactions at once the second one fails and is run again.
        """
        # Always in the same order: two transactions with several customers do not block each other.
        places = sorted(place for place in places if all(place))
        if not places:
            return
        self.env.cr.execute(
            SQL(
                "INSERT INTO klausel_revision (company_id, partner_id, number, create_uid)"
                " SELECT company, partner, 1, %s"
                " FROM unnest(%s, %s) WITH ORDINALITY AS place (company, partner, number)"
                " ORDER BY place.number"
                " ON CONFLICT (company_id, partner_id) DO UPDATE"
                " SET number = klausel_revision.number + 1",
                self.env.uid,
                [company for company, _partner in places],
                [partner for _company, partner in places],
            )
        )
        self._klausel_forget_numbers()
        self.env["klausel.preview"]._klausel_touch(places)

    def _klausel_merge_numbers(self, others):
        """One number in each company instead of those of all of these, higher than any of them."""
        self.ensure_one()
        self.env.flush_all()
        ids = (self | others).ids
        self.env.cr.execute(
            SQL(
                "INSERT INTO klausel_revision (company_id, partner_id, number, create_uid)"
                " SELECT company_id, %s, MAX(number) + 1, %s FROM klausel_revision"
                " WHERE partner_id = ANY(%s) GROUP BY company_id ORDER BY company_id"
                " ON CONFLICT (company_id, partner_id) DO UPDATE SET number = EXCLUDED.number",
                self.id,
                self.env.uid,
                ids,
            )
        )
        self.env.cr.execute(
            SQL(
                "DELETE FROM klausel_revision WHERE partner_id = ANY(%s) AND partner_id != %s",
                ids,
                self.id,
            )
        )
        self._klausel_forget_numbers()

    def _klausel_merge_previews(self, others):
        """What was shown of ``others`` is this one's work now, and nothing shows it yet."""
        self.ensure_one()
        previews = self.env["klausel.preview"].sudo()
        gone = previews.search([("partner_id", "in", others.ids)])
        places = {(one.company_id.id, self.commercial_partner_id.id) for one in gone}
        gone.unlink()
        previews._klausel_touch(places)
        # Of two rows of one request the one of the contact that stays is kept.
        rows = self.env["klausel.request.customer"].sudo()
        known = rows.search([("partner_id", "=", self.id)]).request_id
        for row in rows.search([("partner_id", "in", others.ids)]):
            if row.request_id in known:
                row.unlink()
            else:
                known |= row.request_id

    @api.model
    def _klausel_forget_numbers(self):
        """What is remembered of numbers was read before they were raised."""
        self.env["klausel.revision"].invalidate_model(["number"], flush=False)
        self.env["res.partner"].invalidate_model(["klausel_seq"], flush=False)
