from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tools import format_date

from .guarded import is_on, switched_on
from .klausel_parameter import WHOLE_TERM
from .number import shown

DISPOSITIONS = ("included", "service", "change", "third_party", "warranty", "internal")


class KlauselTerm(models.Model):
    _name = "klausel.term"
    _description = "Contract Term"
    _inherit = "klausel.contract.part"
    _order = "contract_id, priority, code, id"
    _rec_names_search = ["code", "plan"]

    code = fields.Char(required=True, help="Short name of the term, unique in the contract.")
    plan = fields.Char(required=True, help="Name of the plan, as the policy defines it.")
    policy_id = fields.Many2one(related="contract_id.policy_id", string="Published Policy")
    plan_id = fields.Many2one(
        comodel_name="klausel.plan",
        string="Published Plan",
        compute="_compute_plan_id",
        inverse="_inverse_plan_id",
        help="The plan of the published policy that has this name.",
    )
    product_id = fields.Many2one(
        comodel_name="product.product",
        ondelete="restrict",
        check_company=True,
        help="Product of the invoice lines: it decides account and taxes.",
    )
    priority = fields.Integer(
        help="Of several terms that take the same work, the lowest number comes first."
    )
    date_start = fields.Date(string="From", help="Empty: from the start of the contract.")
    date_until = fields.Date(string="Until", help="Empty: until the end of the contract.")
    discount = fields.Float(string="Discount (%)", digits="Discount")
    takes = fields.Char(
        default="service",
        help="Kinds of work that this term takes, separated by semicolons: "
        "included, service, change, third_party, warranty, internal. "
        "Empty: none, the term is only a fee.",
    )
    parameter_ids = fields.One2many("klausel.parameter", "term_id", "Parameters", copy=True)
    parameter_summary = fields.Char(
        compute="_compute_parameter_summary", string="Parameters in Short"
    )

    _code_unique = models.UniqueIndex(
        "(contract_id, code)",
        "Another term of this contract has the same code.",
    )
    _discount_range = models.Constraint(
        "CHECK (COALESCE(discount, 0) BETWEEN 0 AND 100)",
        "A discount is between 0 and 100 percent.",
    )

    @api.depends("code", "plan")
    def _compute_display_name(self):
        for term in self:
            term.display_name = f"{term.code or ''} ({term.plan or ''})"

    @api.depends("plan", "contract_id.policy", "contract_id.company_id")
    def _compute_plan_id(self):
        for term in self:
            plans = term.contract_id.policy_id.plan_ids
            term.plan_id = plans.filtered(lambda plan, name=term.plan: plan.name == name)

    def _inverse_plan_id(self):
        for term in self:
            if term.plan_id:
                term.plan = term.plan_id.name

    @api.depends("parameter_ids.name", "parameter_ids.value", "parameter_ids.date_from")
    @api.depends_context("lang")
    def _compute_parameter_summary(self):
        for term in self:
            by_name = {}
            for parameter in term.parameter_ids:
                text = shown(self.env, parameter.value or "")
                if parameter.date_from:
                    day = format_date(self.env, parameter.date_from)
                    text = self.env._("%(value)s from %(date)s", value=text, date=day)
                by_name.setdefault(parameter.name or "", []).append(text)
            term.parameter_summary = "; ".join(
                f"{name} {', '.join(values)}" for name, values in by_name.items()
            )

    @api.constrains("takes")
    def _check_takes(self):
        for term in self:
            names = [name.strip() for name in (term.takes or "").split(";") if name.strip()]
            for name in names:
                if name not in DISPOSITIONS:
                    raise ValidationError(
                        self.env._(
                            "Term %(term)s takes “%(name)s”, which is no kind of work. Known are:"
                            " %(known)s.",
                            term=term.code,
                            name=name,
                            known=", ".join(DISPOSITIONS),
                        )
                    )
            if len(set(names)) != len(names):
                raise ValidationError(self.env._("Term %s names a kind of work twice.", term.code))

    @api.constrains("date_start", "date_until")
    def _check_dates(self):
        for term in self:
            if term.date_start and term.date_until and term.date_until < term.date_start:
                raise ValidationError(
                    self.env._(
                        "Term %(code)s ends on %(end)s, before it starts on %(start)s.",
                        code=term.code,
                        end=term.date_until,
                        start=term.date_start,
                    )
                )

    @api.constrains("contract_id", "date_start", "date_until")
    def _check_days(self):
        self._klausel_check_days()

    def _klausel_days(self):
        """First and last day on which the term runs; no last one where it has no end."""
        self.ensure_one()
        contract = self.contract_id
        ends = [day for day in (contract.date_end, self.date_until) if day]
        first = max(filter(None, (contract.date_start, self.date_start)))
        return first, min(ends, default=None)

    def _klausel_check_days(self):
        """Refuse a term that never runs, and hours bought when it does not."""
        for term in self:
            contract = term.contract_id
            first, last = term._klausel_days()
            if last and last < first:
                raise ValidationError(
                    self.env._(
                        "Term %(term)s has no day inside contract %(contract)s, which runs"
                        " %(days)s. Correct the dates of one of the two.",
                        term=term.code,
                        contract=contract.code,
                        days=self._klausel_days_text(contract.date_start, contract.date_end),
                    )
                )
            for purchase in self.env["klausel.purchase"].search([("term_id", "=", term.id)]):
                if purchase.date < first or (last and purchase.date > last):
                    raise ValidationError(
                        self.env._(
                            "The purchase of %(date)s lies outside of term %(term)s, which runs"
                            " %(days)s. Correct the date, or the days of the term or contract.",
                            date=format_date(self.env, purchase.date),
                            term=term.code,
                            days=self._klausel_days_text(first, last),
                        )
                    )

    def _klausel_days_text(self, first, last):
        said = {"first": format_date(self.env, first), "last": format_date(self.env, last)}
        return (
            self.env._("from %(first)s to %(last)s", **said)
            if last
            else self.env._("from %(first)s on", **said)
        )

    @api.onchange("plan_id")
    def _onchange_plan_id(self):
        """Offer the parameters that the plan needs; values are for the person to enter."""
        if not self.plan_id:
            if self.plan in self.policy_id.plan_ids.mapped("name"):
                self.plan = False
            return
        self.plan = self.plan_id.name
        needed = self.plan_id.parameter_ids.filtered("required").mapped("name")
        kept = self.parameter_ids.filtered(lambda step: step.value or step.name in needed)
        missing = [name for name in needed if name not in kept.mapped("name")]
        self.parameter_ids -= self.parameter_ids - kept
        self.parameter_ids = [Command.create({"name": name}) for name in missing]

    @api.constrains("contract_id", "plan", "date_start", "parameter_ids", "product_id")
    def _check_plan(self):
        self._klausel_check_plan()

    def _klausel_check_plan(self):
        """Where the policy is published, it says which plans and parameters there are."""
        for term in self:
            policy = term.contract_id.policy_id
            if policy and not term.plan_id:
                raise ValidationError(
                    self.env._(
                        "Term %(term)s: policy %(policy)s has no plan “%(plan)s”. Choose one of:"
                        " %(known)s.",
                        term=term.code,
                        policy=policy.display_name,
                        plan=term.plan,
                        known=", ".join(policy.plan_ids.mapped("name")) or self.env._("none"),
                    )
                )
            if policy:
                term.plan_id._klausel_check(term)
                for acceptance in self.env["klausel.acceptance"].search(
                    [("term_id", "=", term.id)]
                ):
                    term.plan_id._klausel_check_part(acceptance)
                for purchase in self.env["klausel.purchase"].search([("term_id", "=", term.id)]):
                    term.plan_id._klausel_check_purchase(purchase)

    def _klausel_check_single(self):
        """After a parameter was changed on its own, not as a part of its term."""
        if not is_on(self, WHOLE_TERM):
            self._klausel_check_plan()

    @api.model_create_multi
    def create(self, vals_list):
        plans = self.env["klausel.plan"]
        for vals in vals_list:
            if vals.get("plan_id") and not vals.get("plan"):
                vals["plan"] = plans.browse(vals["plan_id"]).name
        terms = super(KlauselTerm, switched_on(self, WHOLE_TERM)).create(vals_list)
        return terms.with_env(self.env)

    def write(self, vals):
        self.check_access("write")
        self.filtered(
            lambda term: (
                term.code != vals.get("code", term.code)
                or term.contract_id.id != vals.get("contract_id", term.contract_id.id)
            )
        )._klausel_check_settled()
        return super(KlauselTerm, switched_on(self, WHOLE_TERM)).write(vals)

    def _klausel_check_settled(self):
        """The ledger knows a term by its code: under another one it would be billed again."""
        for term in self:
            domain = [
                ("contract_id", "=", term.contract_id.id),
                ("term", "=", term.code),
                ("state", "=", "live"),
            ]
            if self.env["klausel.ledger"].sudo().search(domain, limit=1):
                raise UserError(
                    self.env._(
                        "Term %s has been billed: its short name and its contract stay as they"
                        " are.",
                        term.display_name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for model in ("klausel.purchase", "klausel.acceptance", "klausel.opening"):
            used = self.env[model].sudo().search([("term_id", "in", self.ids)], limit=1)
            if used:
                raise UserError(
                    self.env._(
                        "Term %(term)s is used by %(record)s. Remove that first, or end the term.",
                        term=used.term_id.display_name,
                        record=used.display_name,
                    )
                )
