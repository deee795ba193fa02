from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.modules import Manifest

from .application import Application
from .call import PROTOCOL
from .contract_part import NO_NOTES
from .documents import Documents
from .guarded import switched_on
from .linked import linked


class KlauselContract(models.Model):
    _name = "klausel.contract"
    _description = "Service Contract"
    _inherit = ["klausel.guarded", "mail.thread", "mail.activity.mixin"]
    _order = "code, id"
    _rec_names_search = ["code", "name", "partner_id"]
    _check_company_auto = True

    code = fields.Char(
        required=True,
        copy=False,
        index="trigram",
        tracking=True,
        help="What the contract is called on invoices and in reports. Unique in the company.",
    )
    name = fields.Char(string="Title", tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    partner_id = fields.Many2one(
        comodel_name="res.partner",
        string="Customer",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        tracking=True,
    )
    commercial_partner_id = fields.Many2one(
        related="partner_id.commercial_partner_id",
        string="Commercial Entity",
        store=True,
        index=True,
    )
    company_id = fields.Many2one(
        comodel_name="res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    currency_id = fields.Many2one(
        comodel_name="res.currency",
        required=True,
        default=lambda self: self.env.company.currency_id,
        tracking=True,
    )
    date_start = fields.Date(string="Start", required=True, tracking=True)
    date_end = fields.Date(
        string="End",
        tracking=True,
        help="Last day of the contract. Empty while nobody has given notice.",
    )
    minimum_term_months = fields.Integer(string="Minimum Term (Months)", tracking=True)
    notice_months = fields.Integer(string="Notice (Months)", tracking=True)
    renewal_months = fields.Integer(string="Renewal (Months)", tracking=True)
    sla = fields.Char(
        string="SLA", tracking=True, help="Service level class, as the policy names it."
    )
    policy = fields.Char(
        required=True,
        tracking=True,
        help="Name of the policy whose rules and plans apply.",
    )
    # By name: what was entered before anything was published stays as it is, and a later
    # publication needs no change of contracts.
    policy_id = fields.Many2one(
        comodel_name="klausel.policy",
        string="Published Policy",
        compute="_compute_policy_id",
        inverse="_inverse_policy_id",
        help="What is published of the contract's policy, and in use.",
    )
    policies_published = fields.Boolean(compute="_compute_policy_id")
    covers = fields.Selection(
        selection=[
            ("customer", "Everything of the customer"),
            ("project", "Projects"),
            ("ticket", "Tickets"),
        ],
        required=True,
        default="customer",
        tracking=True,
        help="Which work the contract is about. Narrower contracts are asked first.",
    )
    # Archived projects and tickets stay covered, so they must stay visible here.
    project_ids = fields.Many2many(
        comodel_name="project.project",
        relation="klausel_contract_project_rel",
        column1="contract_id",
        column2="project_id",
        string="Projects",
        ondelete="restrict",
        check_company=True,
        context={"active_test": False},
        tracking=True,
    )
    task_ids = fields.Many2many(
        comodel_name="project.task",
        relation="klausel_contract_task_rel",
        column1="contract_id",
        column2="task_id",
        string="Tickets",
        ondelete="restrict",
        check_company=True,
        context={"active_test": False},
        tracking=True,
    )
    po_number = fields.Char(
        string="Customer Reference",
        tracking=True,
        help="The customer's order number, printed on invoices.",
    )
    attribute_ids = fields.One2many("klausel.attribute", "contract_id", "Attributes", copy=True)
    term_ids = fields.One2many("klausel.term", "contract_id", "Terms", copy=True)
    purchase_ids = fields.One2many("klausel.purchase", "contract_id", "Purchases")
    item_ids = fields.One2many("klausel.item", "contract_id", "One-off Items")
    acceptance_ids = fields.One2many("klausel.acceptance", "contract_id", "Acceptances")
    approval_ids = fields.One2many("klausel.approval", "contract_id", "Approvals")
    opening_ids = fields.One2many("klausel.opening", "contract_id", "Opening Balances")
    ledger_count = fields.Integer(compute="_compute_ledger_count", string="Settled Parts")
    invoice_count = fields.Integer(
        compute="_compute_invoice_count",
        string="Number of Invoices",
        groups="account.group_account_invoice,account.group_account_readonly",
    )

    _code_unique = models.UniqueIndex(
        "(company_id, code)",
        "Another contract of this company has the same code.",
    )
    _months_positive = models.Constraint(
        "CHECK (COALESCE(minimum_term_months, 0) >= 0 AND COALESCE(notice_months, 0) >= 0"
        " AND COALESCE(renewal_months, 0) >= 0)",
        "Minimum term, notice and renewal are numbers of months and cannot be negative.",
    )

    @api.depends("code", "name")
    def _compute_display_name(self):
        for contract in self:
            parts = [part for part in (contract.code, contract.name) if part]
            contract.display_name = " – ".join(parts)

    @api.depends("policy", "company_id")
    def _compute_policy_id(self):
        policies = self.env["klausel.policy"].sudo().with_context(active_test=True)
        current = {
            company: policies._klausel_current(company) for company in self.company_id._origin
        }
        for contract in self:
            published = current.get(contract.company_id._origin, {})
            contract.policies_published = bool(published)
            contract.policy_id = published.get(contract.policy, policies.browse())

    def _inverse_policy_id(self):
        for contract in self:
            if contract.policy_id:
                contract.policy = contract.policy_id.name

    def _compute_ledger_count(self):
        counts = dict(
            self.env["klausel.ledger"]._read_group(
                [("contract_id", "in", self.ids), ("state", "=", "live")],
                ["contract_id"],
                ["__count"],
            )
        )
        for contract in self:
            contract.ledger_count = counts.get(contract, 0)

    def _klausel_invoices(self):
        """Drafts, invoices and credit notes that settle this contract's parts, or had settled."""
        self.ensure_one()
        groups = self.env["klausel.ledger"]._read_group(
            [("contract_id", "=", self.id), ("move_id", "!=", False)], ["move_id"]
        )
        return self.env["account.move"].search([("id", "in", [move.id for (move,) in groups])])

    def _compute_invoice_count(self):
        for contract in self:
            contract.invoice_count = len(contract._origin._klausel_invoices()) if contract.id else 0

    def action_view_invoices(self):
        self.ensure_one()
        self.check_access("read")
        invoices = self._klausel_invoices()
        invoices.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "account.action_move_out_invoice_type"
        )
        action["domain"] = [("id", "in", invoices.ids)]
        action["context"] = {"create": False}
        return action

    def action_view_ledger(self):
        self.ensure_one()
        self.check_access("read")
        return self.env["klausel.ledger"]._klausel_action([("contract_id", "=", self.id)])

    @api.model_create_multi
    def create(self, vals_list):
        policies = self.env["klausel.policy"]
        for vals in vals_list:
            if vals.get("policy_id") and not vals.get("policy"):
                vals["policy"] = policies.browse(vals["policy_id"]).name
        contracts = super(KlauselContract, switched_on(self, NO_NOTES)).create(vals_list)
        contracts._klausel_bump()
        return contracts.with_env(self.env)

    def write(self, vals):
        # Rights first: what is wrong with a change is told to those who may make it.
        self.check_access("write")
        self._klausel_check_billed(vals)
        before = self._klausel_places()
        result = super().write(vals)
        if vals:
            self.env["res.partner"]._klausel_raise(before | self._klausel_places())
        return result

    def unlink(self):
        self._klausel_bump()
        self.env["klausel.preview"]._klausel_forget(self)
        return super().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_except_settled(self):
        settled = (
            self.env["klausel.ledger"].sudo().search([("contract_id", "in", self.ids)], limit=1)
        )
        if settled:
            raise UserError(
                self.env._(
                    "Contract %s has been billed: archive it instead.", settled.contract_id.code
                )
            )

    def _klausel_bump(self):
        """What was read of these contracts before is out of date."""
        self.env["res.partner"]._klausel_raise(self._klausel_places())

    def _klausel_places(self):
        """Where they are billed: pairs of the company's and the customer's id."""
        return {(one.company_id.id, one.commercial_partner_id.id) for one in self.sudo()}

    # --- what was billed stays whose it was ------------------------------------------------------

    def _klausel_billed(self):
        """``{contract: its invoices}`` of those that have settled anything; invoices may lack."""
        groups = (
            self.env["klausel.ledger"]
            .sudo()
            ._read_group(
                [("contract_id", "in", self.ids), ("state", "=", "live")],
                ["contract_id"],
                ["move_id:recordset"],
            )
        )
        return dict(groups)

    def _klausel_check_billed(self, vals):
        """Refunds and corrections would go to another customer, or in another currency."""
        if {"company_id", "currency_id", "partner_id"}.isdisjoint(vals):
            return
        new = self.env["res.partner"].sudo().browse(vals.get("partner_id") or ())
        for contract, moves in self.sudo()._klausel_billed().items():
            company, currency = contract.company_id, contract.currency_id
            customer = contract.commercial_partner_id
            if vals.get("company_id", company.id) != company.id:
                self._klausel_refuse_change(contract, moves, self.env._("its company"))
            if vals.get("currency_id", currency.id) != currency.id:
                self._klausel_refuse_change(contract, moves, self.env._("its currency"))
            if "partner_id" in vals and new.commercial_partner_id != customer:
                self._klausel_refuse_change(contract, moves, self.env._("its customer"))

    def _klausel_refuse_change(self, contract, moves, what):
        said = {
            "code": contract.code,
            "customer": contract.commercial_partner_id.display_name,
            "what": what,
        }
        if not moves:
            raise UserError(
                self.env._(
                    "Work of %(customer)s is settled under contract %(code)s: %(what)s stays as it"
                    " is. End it, and make a new contract.",
                    **said,
                )
            )
        raise UserError(
            self.env._(
                "Contract %(code)s was billed to %(customer)s by %(invoices)s: %(what)s stays as"
                " it is. End it, and make a new contract.",
                invoices=moves._klausel_names(),
                **said,
            )
        )

    def _klausel_check_customers(self, before):
        """A contact takes its contracts along to another customer: not what was billed."""
        moved = self.filtered(lambda contract: contract.commercial_partner_id != before[contract])
        for contract, moves in moved._klausel_billed().items():
            said = {
                "code": contract.code,
                "contact": contract.partner_id.name,
                "customer": before[contract].display_name,
                "invoices": moves._klausel_names() or self.env._("a run of Klausel"),
            }
            if before[contract] == contract.partner_id:
                raise UserError(
                    self.env._(
                        "Contract %(code)s was billed to %(customer)s by %(invoices)s:"
                        " %(customer)s stays a customer of its own. For somebody else's contact"
                        " enter a new one.",
                        **said,
                    )
                )
            raise UserError(
                self.env._(
                    "Contract %(code)s with %(contact)s was billed to %(customer)s by %(invoices)s:"
                    " first make it out to %(customer)s itself, or to another of its contacts.",
                    **said,
                )
            )

    def copy_data(self, default=None):
        vals_list = super().copy_data(default=default)
        if "code" not in (default or {}):
            for contract, vals in zip(self, vals_list, strict=True):
                vals["code"] = self.env._("%s (copy)", contract.code)
        return vals_list

    @api.onchange("company_id")
    def _onchange_company_id(self):
        if self.company_id:
            self.currency_id = self.company_id.currency_id

    @api.onchange("sla")
    def _onchange_sla(self):
        return self.env["klausel.word"]._klausel_doubt(self, "sla", "sla")

    @api.onchange("covers")
    def _onchange_covers(self):
        """What is shown no longer is covered no longer."""
        if self.covers != "project":
            self.project_ids = False
        if self.covers != "ticket":
            self.task_ids = False

    @api.onchange("policy_id")
    def _onchange_policy_id(self):
        if self.policy_id:
            self.policy = self.policy_id.name
        elif self.policy in self.env["klausel.policy"]._klausel_current(self.company_id):
            self.policy = False

    @api.constrains("policy", "date_start")
    def _check_plans(self):
        self.term_ids._klausel_check_plan()

    @api.constrains("code", "policy")
    def _check_names(self):
        for contract in self:
            for field in ("code", "policy"):
                value = contract[field]
                if value != value.strip():
                    raise ValidationError(
                        self.env._(
                            "“%(value)s” begins or ends with a space: %(field)s.",
                            value=value,
                            field=contract._fields[field]._description_string(self.env),
                        )
                    )

    @api.constrains("date_start", "date_end")
    def _check_dates(self):
        for contract in self:
            if contract.date_end and contract.date_end < contract.date_start:
                raise ValidationError(
                    self.env._(
                        "Contract %(code)s ends on %(end)s, before it starts on %(start)s.",
                        code=contract.code,
                        end=contract.date_end,
                        start=contract.date_start,
                    )
                )
        self.term_ids._klausel_check_days()

    @api.constrains("covers", "project_ids", "task_ids", "partner_id")
    def _check_coverage(self):
        # Coverage holds whether or not this user may see a private project.
        projects, tasks = linked(self, "project_ids"), linked(self, "task_ids")
        for contract in self.sudo():
            if contract.covers == "customer" and (projects[contract.id] or tasks[contract.id]):
                what = self.env._("projects") if projects[contract.id] else self.env._("tickets")
                raise ValidationError(
                    self.env._(
                        "Contract %(code)s names %(what)s, but covers everything of the customer:"
                        " choose what it covers, or name none.",
                        code=contract.code,
                        what=what,
                    )
                )
            if contract.covers == "project":
                if not projects[contract.id]:
                    raise ValidationError(
                        self.env._("Contract %s covers projects: name at least one.", contract.code)
                    )
                contract._check_covered_projects(
                    self.env["project.project"].sudo().browse(projects[contract.id])
                )
            elif contract.covers == "ticket":
                if not tasks[contract.id]:
                    raise ValidationError(
                        self.env._("Contract %s covers tickets: name at least one.", contract.code)
                    )
                contract._check_customer_of_tickets(
                    self.env["project.task"].sudo().browse(tasks[contract.id])
                )

    def _check_covered_projects(self, projects):
        """A project without a customer is fine: its tickets say whose work it is."""
        for project in projects:
            customer = project.partner_id.commercial_partner_id
            if customer and customer != self.commercial_partner_id:
                raise ValidationError(
                    self.env._(
                        "Project %(project)s belongs to %(other)s, but contract %(code)s is with"
                        " %(customer)s.",
                        project=project.display_name,
                        other=customer.display_name,
                        code=self.code,
                        customer=self.commercial_partner_id.display_name,
                    )
                )

    def _check_customer_of_tickets(self, tickets):
        for ticket in tickets:
            partner = ticket.partner_id or ticket.project_id.partner_id
            customer = partner.commercial_partner_id
            if not customer:
                raise ValidationError(
                    self.env._(
                        "Ticket %(ticket)s has no customer, so contract %(code)s cannot name it.",
                        ticket=ticket.display_name,
                        code=self.code,
                    )
                )
            if customer != self.commercial_partner_id:
                raise ValidationError(
                    self.env._(
                        "Ticket %(ticket)s belongs to %(other)s, but contract %(code)s is with"
                        " %(customer)s.",
                        ticket=ticket.display_name,
                        other=customer.display_name,
                        code=self.code,
                        customer=self.commercial_partner_id.display_name,
                    )
                )

    @api.model
    def _klausel_check_caller(self, company_id=None):
        """Group and company first, before anything is read with more rights."""
        user = self.env.user
        if not (
            user.has_group("klausel_billing.group_connector")
            or user.has_group("klausel_billing.group_user")
        ):
            raise AccessError(
                self.env._("Only members of a Klausel group may ask for this information.")
            )
        company_id = company_id or self.env.company.id
        # Exactly an integer: True, and texts that look like a number, are no company.
        if type(company_id) is not int or company_id not in user.company_ids.ids:
            raise AccessError(self.env._("You do not work for company %s.", company_id))
        return self.env["res.company"].browse(company_id)

    @api.model
    def klausel_info(self, company_id=None):
        """What a connector must know before it reads anything else."""
        company = self._klausel_check_caller(company_id).sudo()
        rounding = company.tax_calculation_rounding_method
        currencies = self.env["res.currency"].sudo().search([("active", "=", True)])
        lines = self.env["account.analytic.line"]
        timesheets = [("project_id", "!=", False), ("company_id", "=", company.id)]
        return {
            "addon": Manifest.for_addon("klausel_billing")["version"],
            "protocol": PROTOCOL,
            "company": {
                "id": company.id,
                "name": company.name,
                "currency": company.currency_id.name,
                "country": company.country_id.code or "",
                "state": company.state_id.code or "",
                "rounding_method": "line" if rounding == "round_per_line" else "global",
                "quantity_digits": self.env["decimal.precision"].precision_get("Product Unit"),
                "language": company.partner_id.lang or "",
                "internal_project": company.internal_project_id.id or 0,
                "languages": [code for code, _name in self.env["res.lang"].get_installed()],
            },
            "apply": True,
            "currencies": {currency.name: currency.decimal_places for currency in currencies},
            "validated_field": "validated" in lines._fields,
            # What this caller may read of a timesheet, and whether it sees them all.
            "timesheet_fields": sorted(lines.fields_get(attributes=["type"])),
            "timesheets": lines.sudo().search_count(timesheets),
            "overrides": "klausel.override" in self.env,
            "publishes": "klausel.policy" in self.env,
            "links": True,
            "ledger_fields": sorted(self.env["klausel.ledger"]._fields),
            "elsewhere": True,
            "documents": True,
            "references": True,
            "work": True,
        }

    @api.model
    def klausel_documents(self, company_id=None):
        """Where documents in force and the ledger differ: contract, documents, both net amounts."""
        company = self._klausel_check_caller(company_id)
        env = self.env(su=True)
        return Documents(env, company.with_env(env)).compare()

    @api.model
    def klausel_roles(self, company_id=None, employees=()):
        """Job positions over time of those among ``employees`` who work for the company and whose
        position changed: ``[employee, first day, name]``, oldest first."""
        company = self._klausel_check_caller(company_id)
        if not isinstance(employees, list) or not all(type(id_) is int for id_ in employees):
            raise ValidationError(self.env._("Employees are named by their IDs."))
        lines = self.env["account.analytic.line"].sudo()
        domain = [
            ("employee_id", "in", employees),
            ("company_id", "=", company.id),
            ("project_id", "!=", False),
        ]
        working = [employee.id for (employee,) in lines._read_group(domain, ["employee_id"])]
        language = company.sudo().partner_id.lang or None
        versions = self.env["hr.version"].sudo().with_context(lang=language)
        found = versions.search([("employee_id", "in", working)], order="date_version, id")
        roles = []
        for employee, some in found.grouped("employee_id").items():
            steps = []
            for version in some:
                name = version.job_id.name or ""
                if not steps or steps[-1][2] != name:
                    steps.append([employee.id, str(version.date_version), name])
            if len(steps) > 1:
                roles += steps
        return roles

    @api.model
    def _klausel_check_writer(self, company_id):
        """Group and company first, before anything is read with more rights."""
        user = self.env.user
        if not (
            user.has_group("klausel_billing.group_connector")
            or user.has_group("klausel_billing.group_manager")
        ):
            raise AccessError(
                self.env._("Only the Klausel connector and Klausel managers may bill contracts.")
            )
        # Exactly an integer: True, and texts that look like a number, are no company.
        if type(company_id) is not int or company_id not in user.company_ids.ids:
            raise AccessError(self.env._("You do not work for company %s.", company_id))
        return self.env["res.company"].browse(company_id)

    @api.model
    def klausel_apply(self, payload):
        """Write what a billing run found for one customer.

        ``payload`` is what the connector sends: JSON types, money as decimal text. The answer
        names the drafts. A refusal is an error whose text begins with ``[klausel:CODE]``. The same
        call again answers what the first one did and writes nothing.
        """
        payload = payload if isinstance(payload, dict) else {}
        company = self._klausel_check_writer(payload.get("company_id"))
        # Nothing of the caller's context may steer what is created: no defaults, no switches.
        context = {
            "lang": self.env.context.get("lang"),
            "tz": self.env.context.get("tz"),
            "allowed_company_ids": company.ids,
            "mail_create_nosubscribe": True,
            "skip_is_manually_modified": True,
        }
        env = self.env(context=context, su=True)
        return Application(env, company.with_env(env), payload).apply()
