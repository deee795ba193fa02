"""What a company's work refers to: the same for everybody who bills it, whoever may see it."""

from odoo import api, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from .linked import linked

#: What may be told of records that the caller may not see: fields, and those of what they refer to.
TOLD = {
    "account.move": {"name": (), "state": (), "payment_state": ()},
    "hr.employee": {"name": (), "job_id": ("name",)},
    "project.project": {"name": (), "partner_id": (), "tag_ids": ("name",)},
    "project.task": {
        "allocated_hours": (),
        "klausel_activity": (),
        "klausel_initiated_by": (),
        "klausel_origin": (),
        "name": (),
        "parent_id": (),
        "partner_id": (),
        "priority": (),
        "project_id": (),
        "tag_ids": ("name",),
    },
    "res.partner": {
        "category_id": ("name",),
        "commercial_partner_id": (),
        "country_id": ("code",),
        "lang": (),
        "name": (),
        "state_id": ("code",),
    },
    "sale.order": {"name": ()},
}

#: Ids of records that the timesheets, contracts and approvals of one company name, directly or
#: through tasks above, projects and customers.
REFERRED = """
    WITH RECURSIVE lines AS (
        SELECT task_id, project_id, partner_id, employee_id, order_id, timesheet_invoice_id
          FROM account_analytic_line
         WHERE company_id = %(company)s AND project_id IS NOT NULL
    ), named (id) AS (
        SELECT task_id FROM lines
        UNION
        SELECT rel.task_id FROM klausel_contract_task_rel AS rel
          JOIN klausel_contract AS contract ON contract.id = rel.contract_id
         WHERE contract.company_id = %(company)s
        UNION
        SELECT rel.task_id FROM klausel_approval_task_rel AS rel
          JOIN klausel_approval AS approval ON approval.id = rel.approval_id
         WHERE approval.company_id = %(company)s
    ), tasks (id) AS (
        SELECT id FROM named
        UNION
        SELECT task.parent_id FROM project_task AS task JOIN tasks ON tasks.id = task.id
    ), projects (id) AS (
        SELECT project_id FROM lines
        UNION
        SELECT rel.project_id FROM klausel_contract_project_rel AS rel
          JOIN klausel_contract AS contract ON contract.id = rel.contract_id
         WHERE contract.company_id = %(company)s
        UNION
        SELECT task.project_id FROM project_task AS task JOIN tasks ON tasks.id = task.id
    ), partners (id) AS (
        SELECT partner_id FROM lines
        UNION
        SELECT partner_id FROM klausel_contract WHERE company_id = %(company)s
        UNION
        SELECT task.partner_id FROM project_task AS task JOIN tasks ON tasks.id = task.id
        UNION
        SELECT project.partner_id FROM project_project AS project
          JOIN projects ON projects.id = project.id
    )
    SELECT DISTINCT id FROM (%(wanted)s) AS found (id) WHERE id IS NOT NULL
"""
WANTED = {
    "account.move": "SELECT timesheet_invoice_id FROM lines",
    "hr.employee": "SELECT employee_id FROM lines",
    "project.project": "SELECT id FROM projects",
    "project.task": "SELECT id FROM tasks",
    "res.partner": "SELECT id FROM partners UNION SELECT partner.commercial_partner_id"
    " FROM res_partner AS partner JOIN partners ON partners.id = partner.id",
    "sale.order": "SELECT order_id FROM lines",
    # Tasks that are named themselves, not only as those above others.
    "named": "SELECT id FROM named",
}


class KlauselReference(models.AbstractModel):
    """What the connector asks for where Odoo's own answers depend on who asks."""

    _name = "klausel.reference"
    _description = "What a Company's Work Refers to"

    @api.model
    def klausel_contracts(self, company_id, domain, specification):
        """Contracts of the company as ``web_search_read`` gives them, in the order of their ids.

        What they and their approvals cover is whole: ids of projects and tasks are there whether
        or not the caller may see the records. ``klausel_seq`` is the customer's number.
        """
        contracts = self.env["klausel.contract"]
        company = contracts._klausel_check_caller(company_id)
        # Not beside it in one list: whose first word is "or" would ask for other companies', too.
        domain = Domain(domain) & Domain("company_id", "=", company.id)
        rows = contracts.web_search_read(domain, specification, order="id")["records"]
        contracts = contracts.browse(row["id"] for row in rows)
        found = [
            one for row in rows for one in row.get("approval_ids", ()) if isinstance(one, dict)
        ]
        approvals = self.env["klausel.approval"].browse(approval["id"] for approval in found)
        projects, tasks = linked(contracts, "project_ids"), linked(contracts, "task_ids")
        tickets = linked(approvals, "ticket_ids")
        numbers = self._klausel_numbers(contracts)
        for row in rows:
            id_ = row["id"]
            row |= {"project_ids": projects[id_], "task_ids": tasks[id_]}
            row["klausel_seq"] = numbers[id_]
        for approval in found:
            approval["ticket_ids"] = tickets[approval["id"]]
        return rows

    @api.model
    def _klausel_numbers(self, contracts):
        """``{contract id: its customer's number in its company}``"""
        if not contracts:
            return {}
        self.env.flush_all()
        query = SQL(
            "SELECT contract.id, COALESCE(revision.number, 0) FROM klausel_contract AS contract"
            " LEFT JOIN klausel_revision AS revision"
            " ON revision.company_id = contract.company_id"
            " AND revision.partner_id = contract.commercial_partner_id"
            " WHERE contract.id = ANY(%s)",
            contracts.ids,
        )
        return dict(self.env.execute_query(query))

    @api.model
    def klausel_entries(self, company_id, customers):
        """Ids of the company's timesheets of ``customers``, ids of commercial partners."""
        company = self.env["klausel.contract"]._klausel_check_caller(company_id)
        domain = [
            ("company_id", "=", company.id),
            ("project_id", "!=", False),
            *self.env["klausel.contract"]._klausel_domain_of_customers(customers),
        ]
        lines = self.env["account.analytic.line"].sudo().with_context(active_test=False)
        return sorted(lines.search(domain).ids)

    @api.model
    def klausel_look_up(self, company_id, model, wanted, specification):
        """Records as ``web_read`` gives them, of those that the company's work names.

        For records that are private or another company's, of which the caller gets no more than
        a run needs. Raises where something else is asked for.
        """
        company = self.env["klausel.contract"]._klausel_check_writer(company_id)
        told = TOLD.get(model, {})
        for name, part in specification.items():
            inner = part.get("fields", {}) if isinstance(part, dict) else {"": {}}
            if name not in told or not set(inner) <= set(told[name]):
                raise AccessError(self.env._("Klausel does not tell “%s”.", f"{model}.{name}"))
        known = self._klausel_referred(company, model)
        for id_ in wanted:
            if id_ not in known:
                raise UserError(
                    self.env._("Nothing of this company names %s (any more).", f"{model} {id_}")
                )
        records = self.env[model].sudo().with_context(active_test=False).browse(sorted(wanted))
        rows = records.web_read(specification)
        if model == "project.task":
            named = self._klausel_referred(company, "named")
            # Somebody's private to-do above a task counts for what stands above it in turn.
            private = records.filtered(lambda task: not task.project_id and task.id not in named)
            for row in rows:
                if row["id"] in private._ids:
                    row |= {name: False for name in specification if name != "parent_id"}
        return rows

    @api.model
    def klausel_hidden(self, company_id):
        """What the company's work names and the caller may not see: ids by model.

        ``told``: whether :meth:`klausel_look_up` tells the caller of them.
        """
        company = self.env["klausel.contract"]._klausel_check_caller(company_id)
        user = self.env.user
        hidden = {}
        for model in TOLD:
            ids = self._klausel_referred(company, model)
            records = self.env[model].with_context(
                active_test=False, allowed_company_ids=company.ids
            )
            hidden[model] = sorted(ids - self._klausel_seen(records, ids))
            if model == "hr.employee":
                jobs = records.sudo().browse(ids).job_id
                seen = self._klausel_seen(jobs.sudo(False), set(jobs.ids))
                hidden["hr.job"] = sorted(set(jobs.ids) - seen)
        return {
            "hidden": {model: ids for model, ids in hidden.items() if ids},
            "told": user.has_group("klausel_billing.group_connector")
            or user.has_group("klausel_billing.group_manager"),
        }

    @api.model
    def _klausel_seen(self, records, ids):
        try:
            return set(records.search([("id", "in", list(ids))]).ids)
        except AccessError:
            return set()

    @api.model
    def _klausel_referred(self, company, model):
        """Ids of the ``model``'s records that the company's work names."""
        self.env.flush_all()
        query = SQL(REFERRED, company=company.id, wanted=SQL(WANTED[model]))
        return {id_ for (id_,) in self.env.execute_query(query)}
