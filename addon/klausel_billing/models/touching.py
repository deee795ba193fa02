"""What makes a preview out of date beside contracts and documents: facts of the work itself.

Contracts, approvals, decisions and documents raise the customer's number (res_partner.py), which
does the same.
"""

from odoo import api, models
from odoo.tools import SQL

#: What the program reads of a timesheet, and what Odoo's own billing says of it.
ENTRY = frozenset(
    (
        "active",
        "company_id",
        "date",
        "employee_id",
        "exclude_from_sale_order",
        "global_leave_id",
        "holiday_id",
        "is_so_line_edited",
        "klausel_activity",
        "klausel_tag_ids",
        "name",
        "order_id",
        "partner_id",
        "product_uom_id",
        "project_id",
        "so_line",
        "task_id",
        "timesheet_invoice_id",
        "unit_amount",
        "validated",
    )
)
PROJECT = frozenset(("company_id", "name", "partner_id", "tag_ids"))
#: What an employee's role is told by.
VERSION = frozenset(("date_version", "employee_id", "job_id"))


class AccountAnalyticLine(models.Model):
    _name = "account.analytic.line"
    _inherit = ["account.analytic.line", "klausel.touching"]

    _klausel_facts = ENTRY
    _klausel_new = True

    def _klausel_places(self):
        """Where these timesheets are billed: pairs of the company's and the customer's id."""
        return {
            (line.company_id.id, line._klausel_customer().id)
            for line in self.sudo().filtered("project_id")
        }

    @api.model
    def _klausel_places_where(self, condition):
        """Those of timesheets of which ``condition`` says so of ``line``, ``task``, ``project``."""
        self.flush_model(["company_id", "partner_id", "project_id", "task_id"])
        self.env["project.task"].flush_model(["parent_id", "partner_id"])
        self.env["project.project"].flush_model(["partner_id"])
        self.env["res.partner"].flush_model(["commercial_partner_id"])
        query = SQL(
            """
            SELECT DISTINCT line.company_id, partner.commercial_partner_id
              FROM account_analytic_line AS line
              JOIN project_project AS project ON project.id = line.project_id
              LEFT JOIN project_task AS task ON task.id = line.task_id
              LEFT JOIN res_partner AS partner
                ON partner.id = COALESCE(line.partner_id, task.partner_id, project.partner_id)
             WHERE %s
            """,
            condition,
        )
        return set(self.env.execute_query(query))


class ProjectProject(models.Model):
    _name = "project.project"
    _inherit = ["project.project", "klausel.touching"]

    _klausel_facts = PROJECT

    def _klausel_places(self):
        """Where work for these projects is billed."""
        condition = SQL("line.project_id = ANY(%s)", self.ids)
        return self.env["account.analytic.line"]._klausel_places_where(condition)


class HrEmployee(models.Model):
    _name = "hr.employee"
    _inherit = ["hr.employee", "klausel.touching"]

    _klausel_facts = frozenset(("name",))

    def _klausel_places(self):
        """Where their work is billed."""
        if not self.ids:
            return set()
        condition = SQL("line.employee_id = ANY(%s)", self.ids)
        return self.env["account.analytic.line"]._klausel_places_where(condition)


class HrVersion(models.Model):
    _name = "hr.version"
    _inherit = ["hr.version", "klausel.touching"]

    _klausel_facts = VERSION
    _klausel_new = True

    def _klausel_places(self):
        return self.sudo().employee_id._klausel_places()


class KlauselNamed(models.AbstractModel):
    """What the program knows by its name only, wherever it is used."""

    _name = "klausel.named"
    _inherit = "klausel.touching"
    _description = "What Klausel Knows by Its Name"

    _klausel_facts = frozenset(("name",))

    def _klausel_places(self):
        """Everywhere."""
        return self.env["klausel.preview"]._klausel_places_of() if self else set()


class HrJob(models.Model):
    _name = "hr.job"
    _inherit = ["hr.job", "klausel.named"]


class ProjectTags(models.Model):
    _name = "project.tags"
    _inherit = ["project.tags", "klausel.named"]


class ResPartnerCategory(models.Model):
    _name = "res.partner.category"
    _inherit = ["res.partner.category", "klausel.named"]


class ResCurrency(models.Model):
    """Amounts have as many digits as it says."""

    _name = "res.currency"
    _inherit = ["res.currency", "klausel.named"]

    _klausel_facts = frozenset(("active", "name", "rounding"))


class DecimalPrecision(models.Model):
    """Quantities have as many digits as one of them says."""

    _name = "decimal.precision"
    _inherit = ["decimal.precision", "klausel.named"]

    _klausel_facts = frozenset(("digits", "name"))

    def _klausel_places(self):
        return super(DecimalPrecision, self.filtered(_is_quantity))._klausel_places()


def _is_quantity(precision):
    return precision.name == "Product Unit"


class ResLang(models.Model):
    """Customers are written to in a language that is installed."""

    _name = "res.lang"
    _inherit = ["res.lang", "klausel.named"]

    _klausel_facts = frozenset(("active", "code"))
