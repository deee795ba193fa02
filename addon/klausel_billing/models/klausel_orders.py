"""What sales orders lose to a contract, said while it is entered."""

from odoo import api, fields, models

from .klausel_coverage import Coverage


class KlauselContract(models.Model):
    _inherit = "klausel.contract"

    order_warning = fields.Text(
        compute="_compute_order_warning",
        compute_sudo=True,
        string="Sales Orders",
        help="What sales orders would bill no longer once this is saved.",
    )

    @api.depends(
        "active",
        "company_id",
        "partner_id",
        "date_start",
        "date_end",
        "covers",
        "project_ids",
        "task_ids",
    )
    def _compute_order_warning(self):
        for contract in self:
            lost = contract._klausel_lost_to()
            said = [contract._klausel_lost_text(line, hours) for line, hours in lost.items()]
            contract.order_warning = (
                "\n".join(
                    (
                        self.env._(
                            "Sales orders bill work that this contract covers. Once it is saved,"
                            " they do so no longer:"
                        ),
                        *said,
                    )
                )
                if said
                else False
            )

    def _klausel_lost_to(self):
        """``{sales order line: hours}`` of open work, as the contract stands in the form."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id._origin
        if not (self.active and customer and self.company_id and self.date_start):
            return {}
        domain = [
            ("project_id", "!=", False),
            ("company_id", "=", self.company_id._origin.id),
            ("date", ">=", self.date_start),
            ("so_line", "!=", False),
            ("timesheet_invoice_id", "=", False),
            ("klausel_covered", "=", False),
            *self._klausel_domain_of_customers(customer.ids),
        ]
        if self.date_end:
            domain.append(("date", "<=", self.date_end))
        targets = {"project": self.project_ids, "ticket": self.task_ids}.get(self.covers)
        coverage = Coverage(
            self.company_id._origin.id,
            customer.id,
            self.date_start,
            self.date_end or None,
            self.covers,
            frozenset(targets._origin.ids if targets else ()),
        )
        lines = self.env["account.analytic.line"].with_context(active_test=False).search(domain)
        above = lines.task_id._klausel_above() if self.covers == "ticket" else {}
        found = {}
        for line in lines:
            if coverage.has(line.date, line.project_id.id, above.get(line.task_id.id, ())):
                found[line.so_line] = found.get(line.so_line, 0) + line.unit_amount
        return dict(sorted(found.items(), key=lambda one: one[0].id))

    def _klausel_lost_text(self, line, hours):
        said = {"order": line.order_id.name, "line": line.product_id.name, "hours": f"{hours:.2f}"}
        if not line.remaining_hours_available:
            return self.env._("%(order)s, %(line)s: %(hours)s hours not yet invoiced", **said)
        return self.env._(
            "%(order)s, %(line)s: %(hours)s hours used; of the prepaid hours %(left)s are left now,"
            " and %(after)s then",
            left=f"{line.remaining_hours:.2f}",
            after=f"{line.remaining_hours + hours:.2f}",
            **said,
        )
