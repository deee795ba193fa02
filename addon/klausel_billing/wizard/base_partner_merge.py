from odoo import models


class MergePartnerAutomatic(models.TransientModel):
    _inherit = "base.partner.merge.automatic.wizard"

    def _log_merge_operation(self, src_partners, dst_partner):
        """Merging rewrites contracts and timesheets in SQL, so nothing else notices."""
        result = super()._log_merge_operation(src_partners, dst_partner)
        contracts = self.env["klausel.contract"].sudo().with_context(active_test=False)
        moved = contracts.search([("partner_id", "=", dst_partner.id)])
        self.env.add_to_compute(contracts._fields["commercial_partner_id"], moved)
        customer = dst_partner.commercial_partner_id
        if contracts.search_count([("commercial_partner_id", "=", customer.id)], limit=1):
            self.env["account.analytic.line"]._klausel_recompute_covered(
                contracts._klausel_domain_of_customers(customer.ids)
            )
        return result
