"""Which work a contract covers, and what has to be looked at again when that changes."""

from typing import NamedTuple

from odoo import api, fields, models

from .linked import linked

#: Fields of a contract on which its coverage depends.
DECISIVE = frozenset(
    (
        "active",
        "company_id",
        "partner_id",
        "date_start",
        "date_end",
        "covers",
        "project_ids",
        "task_ids",
    )
)


class Coverage(NamedTuple):
    """What one contract covers, as plain values."""

    company: int
    customer: int
    start: object
    end: object
    covers: str
    ids: frozenset

    def has(self, day, project, tasks):
        """Work on ``day`` for ``project`` and on ``tasks``: a task with those above it."""
        if day < self.start or (self.end and day > self.end):
            return False
        if self.covers == "customer":
            return True
        if self.covers == "project":
            return project in self.ids
        return not self.ids.isdisjoint(tasks)


class KlauselContract(models.Model):
    _inherit = "klausel.contract"

    order_warning = fields.Text(
        compute="_compute_order_warning",
        compute_sudo=True,
        string="Sales Orders",
        help="What sales orders would bill no longer once this is saved.",
    )

    def _klausel_coverage(self):
        """``{contract id: Coverage}`` of the active ones."""
        found = {}
        projects, tasks = linked(self, "project_ids"), linked(self, "task_ids")
        for contract in self.sudo():
            if not (contract.active and contract.date_start):
                continue
            covered = {"project": projects, "ticket": tasks}.get(contract.covers, {})
            found[contract.id] = Coverage(
                contract.company_id.id,
                contract.commercial_partner_id.id,
                contract.date_start,
                contract.date_end or None,
                contract.covers,
                frozenset(covered.get(contract.id, ())),
            )
        return found

    @api.model
    def _klausel_coverages(self, customers, companies):
        """``{(company id, customer id): [Coverage]}``"""
        contracts = self.search(
            [
                ("commercial_partner_id", "in", list(customers)),
                ("company_id", "in", list(companies)),
            ]
        )
        found = {}
        for one in contracts._klausel_coverage().values():
            found.setdefault((one.company, one.customer), []).append(one)
        return found

    @api.model
    def _klausel_coverage_changed(self, before, after):
        """Timesheets that a coverage in ``before`` or ``after``, not in both, is about."""
        changed = {
            one
            for id_ in before.keys() | after.keys()
            if before.get(id_) != after.get(id_)
            for one in (before.get(id_), after.get(id_))
            if one
        }
        for company in {one.company for one in changed}:
            ours = [one for one in changed if one.company == company]
            ends = [one.end for one in ours]
            domain = [
                ("company_id", "=", company),
                ("date", ">=", min(one.start for one in ours)),
                *self._klausel_domain_of_customers({one.customer for one in ours}),
            ]
            if all(ends):
                domain.append(("date", "<=", max(ends)))
            self.env["account.analytic.line"]._klausel_recompute_covered(domain)

    @api.model
    def _klausel_domain_of_customers(self, customers):
        """Timesheets whose customer it is: their own, else their task's, else their project's."""
        own, task, project = (
            (f"{path}partner_id.commercial_partner_id", "in", list(customers))
            for path in ("", "task_id.", "project_id.")
        )
        no_task = ["|", ("task_id", "=", False), ("task_id.partner_id", "=", False)]
        return ["|", own, "&", ("partner_id", "=", False), "|", task, "&", *no_task, project]

    @api.model_create_multi
    def create(self, vals_list):
        contracts = super().create(vals_list)
        self._klausel_coverage_changed({}, contracts._klausel_coverage())
        return contracts

    def write(self, vals):
        if DECISIVE.isdisjoint(vals):
            return super().write(vals)
        before = self._klausel_coverage()
        result = super().write(vals)
        self._klausel_coverage_changed(before, self._klausel_coverage())
        return result

    def unlink(self):
        before = self._klausel_coverage()
        result = super().unlink()
        self._klausel_coverage_changed(before, {})
        return result

    # --- what sales orders lose, said while a contract is entered -------------------------------

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
