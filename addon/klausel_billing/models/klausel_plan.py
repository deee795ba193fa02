import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date


class KlauselPlan(models.Model):
    """A plan of a published policy. Only :class:`.publication.Publication` writes it."""

    _name = "klausel.plan"
    _description = "Published Plan"
    _order = "policy_id, sequence, id"
    _rec_names_search = ["name", "title"]

    policy_id = fields.Many2one(
        comodel_name="klausel.policy",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="policy_id.company_id", store=True, index=True)
    sequence = fields.Integer(readonly=True, help="Where it stands in the policy.")
    name = fields.Char(required=True, readonly=True, help="What terms call it.")
    title = fields.Char(readonly=True, translate=True, help="What it is called on invoices.")
    clause = fields.Char(readonly=True, help="Number of the contract's clause.")
    sentence = fields.Text(
        string="Because", readonly=True, translate=True, help="What the policy tells customers."
    )
    rule_ids = fields.One2many("klausel.rule", "plan_id", "Rules", readonly=True)
    effect = fields.Text(
        string="What It Does", compute="_compute_effect", help="As the program reads the plan."
    )
    parameter_ids = fields.One2many("klausel.plan.parameter", "plan_id", "Parameters")
    parts = fields.Char(readonly=True, help="Names of what is accepted part by part, as JSON.")
    sells_hours = fields.Boolean(
        default=True, readonly=True, help="Whether hours can be bought under this plan."
    )

    _name_unique = models.UniqueIndex(
        "(policy_id, name)", "The policy has another plan of the same name."
    )

    @api.depends("name", "title")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for plan in self:
            plan.display_name = " – ".join(filter(None, (plan.name, plan.title)))

    @api.depends("rule_ids.effect")
    @api.depends_context("lang")
    def _compute_effect(self):
        for plan in self:
            plan.effect = "\n".join(filter(None, plan.rule_ids.mapped("effect")))

    def _klausel_check_part(self, acceptance):
        """Refuse an acceptance of what this plan does not have."""
        self.ensure_one()
        if not self.parts:
            return
        names, part = json.loads(self.parts), acceptance.part or ""
        if part in names:
            return
        said = {"plan": self.name, "part": part, "known": ", ".join(filter(None, names))}
        if not names:
            text = self.env._("Plan %(plan)s has no parts that are accepted.", **said)
        elif not any(names):
            text = self.env._(
                "Plan %(plan)s is accepted as a whole: leave the part “%(part)s” out.", **said
            )
        elif part:
            text = self.env._(
                "Plan %(plan)s has no part “%(part)s”. Choose one of: %(known)s.", **said
            )
        else:
            text = self.env._(
                "Plan %(plan)s has several parts. Say which one is accepted: %(known)s.", **said
            )
        raise ValidationError(text)

    def _klausel_check_purchase(self, purchase):
        """Refuse a purchase of hours where this plan sells none: nobody would invoice it."""
        self.ensure_one()
        if self.sells_hours:
            return
        raise ValidationError(
            self.env._(
                "Plan %(plan)s of term %(term)s sells no hours. Choose a term whose plan does, or"
                " remove the purchase of %(date)s.",
                plan=self.name,
                term=purchase.term_id.code,
                date=format_date(self.env, purchase.date),
            )
        )

    def _klausel_check(self, term):
        """Refuse a ``term`` without a product, parameters that this plan does not know, and those
        that it lacks."""
        self.ensure_one()
        if not term.product_id:
            raise ValidationError(
                self.env._(
                    "Term %s has no product, so nothing of it could be invoiced. Choose one.",
                    term.code,
                )
            )
        known = {parameter.name: parameter for parameter in self.parameter_ids}
        for parameter in term.parameter_ids:
            if parameter.name not in known:
                raise ValidationError(
                    self.env._(
                        "Term %(term)s: plan %(plan)s has no parameter “%(name)s”. It knows:"
                        " %(known)s.",
                        term=term.code,
                        plan=self.name,
                        name=parameter.name,
                        known=", ".join(known) or self.env._("none"),
                    )
                )
            known[parameter.name]._klausel_check_value(parameter)
        for name, parameter in known.items():
            if parameter.required:
                steps = term.parameter_ids.filtered(lambda step, name=name: step.name == name)
                parameter._klausel_check_there(term, steps)
