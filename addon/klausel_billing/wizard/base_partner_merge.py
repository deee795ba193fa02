from odoo import models

from ..models.guarded import switched_on
from ..models.res_partner import MERGING


class MergePartnerAutomatic(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _merge(self, partner_ids, dst_partner=None, extra_checks=True):
        wizard = switched_on(self, MERGING)
        kept = dst_partner and dst_partner.with_env(wizard.env)
        return super(MergePartnerAutomatic, wizard)._merge(partner_ids, kept, extra_checks)

    def _update_foreign_keys(self, src_partners, dst_partner):
        # First: of two numbers in one company, or two previews, Odoo would make a second one of
        # the same customer.
        dst_partner._klausel_merge_numbers(src_partners)
        dst_partner._klausel_merge_previews(src_partners)
        return super()._update_foreign_keys(src_partners, dst_partner)

    def _log_merge_operation(self, src_partners, dst_partner):
        """Merging rewrites contracts and timesheets in SQL, so nothing else notices."""
        result = super()._log_merge_operation(src_partners, dst_partner)
        contracts = self.env["klausel.contract"].sudo().with_context(active_test=False)
        moved = contracts.search([("partner_id", "child_of", dst_partner.id)])
        # Contacts below now belong to another company: Odoo wrote the one that they came to.
        below = self.env["res.partner"].sudo().with_context(active_test=False)
        below.search([("id", "child_of", dst_partner.id)]).modified(["parent_id"])
        # The company of a contract, and with it that of its parts and of its ledger.
        moved.modified(["partner_id"])
        customer = dst_partner.commercial_partner_id
        decisions = self.env["klausel.override"].sudo()
        decisions.search([("partner_id", "=", dst_partner.id)]).modified(["entry_id"])
        # Whatever was previewed for one of them was somebody else's.
        customer._klausel_bump()
        if contracts.search_count([("commercial_partner_id", "=", customer.id)], limit=1):
            self.env["account.analytic.line"]._klausel_recompute_covered(
                contracts._klausel_domain_of_customers(customer.ids)
            )
        return result
