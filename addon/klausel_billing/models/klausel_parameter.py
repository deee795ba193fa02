import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date

_DECIMAL_COMMA = re.compile(r"[+-]?[\d.]*,\d+")

#: On while a whole term is saved: it is checked when all of its parameters stand.
WHOLE_TERM = "klausel_whole_term"


class KlauselParameter(models.Model):
    _name = "klausel.parameter"
    _description = "Term Parameter"
    _inherit = "klausel.contract.part"
    _order = "contract_id, term_id, name, date_from NULLS FIRST, id"

    term_id = fields.Many2one(
        comodel_name="klausel.term",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    contract_id = fields.Many2one(
        related="term_id.contract_id",
        store=True,
        required=False,
        ondelete="cascade",
    )
    name = fields.Char(required=True, help="Name of the parameter, such as price or hours.")
    definition_id = fields.Many2one(
        comodel_name="klausel.plan.parameter",
        string="Parameter",
        compute="_compute_definition_id",
        inverse="_inverse_definition_id",
        help="What the published plan says of it.",
    )
    meaning = fields.Char(compute="_compute_meaning")
    example = fields.Char(compute="_compute_meaning")
    date_from = fields.Date(
        string="From",
        help="First day on which the value holds. Empty: from the beginning.",
    )
    # Text, because a binary number cannot hold 0.1: what was agreed is kept digit by digit.
    value = fields.Char(required=True, help="The value, with a decimal point, such as 95.00.")

    _from_unique = models.UniqueIndex(
        "(term_id, name, COALESCE(date_from, '-infinity'::date))",
        "The term has a value for this parameter and day already.",
    )

    @api.depends("name", "value", "date_from")
    def _compute_display_name(self):
        for parameter in self:
            text = f"{parameter.term_id.code or ''} {parameter.name or ''} {parameter.value or ''}"
            if parameter.date_from:
                text = self.env._(
                    "%(value)s from %(date)s",
                    value=text,
                    date=format_date(self.env, parameter.date_from),
                )
            parameter.display_name = text

    @api.depends("name", "term_id.plan", "term_id.contract_id.policy")
    def _compute_definition_id(self):
        for parameter in self:
            known = parameter.term_id.plan_id.parameter_ids
            parameter.definition_id = known.filtered(
                lambda one, name=parameter.name: one.name == name
            )

    @api.depends("name", "definition_id", "term_id.plan_id")
    @api.depends_context("lang")
    def _compute_meaning(self):
        for parameter in self:
            parameter.meaning = parameter.definition_id.meaning
            parameter.example = parameter.definition_id.example
            if parameter.name and parameter.term_id.plan_id and not parameter.definition_id:
                parameter.meaning = self.env._("The plan does not know “%s”.", parameter.name)

    def _inverse_definition_id(self):
        for parameter in self:
            if parameter.definition_id:
                parameter.name = parameter.definition_id.name

    @api.onchange("definition_id")
    def _onchange_definition_id(self):
        if self.definition_id:
            self.name = self.definition_id.name

    @api.model_create_multi
    def create(self, vals_list):
        definitions = self.env["klausel.plan.parameter"]
        for vals in vals_list:
            if vals.get("definition_id") and not vals.get("name"):
                vals["name"] = definitions.browse(vals["definition_id"]).name
        parameters = super().create(vals_list)
        parameters.term_id._klausel_check_single()
        return parameters

    def write(self, vals):
        terms = self.term_id
        result = super().write(vals)
        (terms | self.term_id)._klausel_check_single()
        return result

    def unlink(self):
        terms = self.term_id
        result = super().unlink()
        terms.exists()._klausel_check_single()
        return result

    @api.constrains("name", "value")
    def _check_text(self):
        for parameter in self:
            if _DECIMAL_COMMA.fullmatch(parameter.value.strip()):
                raise ValidationError(
                    self.env._(
                        "Write the value of %(name)s with a decimal point and without separators"
                        " for thousands, not %(value)s.",
                        name=parameter.name,
                        value=parameter.value,
                    )
                )
            if parameter.name != parameter.name.strip():
                raise ValidationError(
                    self.env._("“%s” begins or ends with a space.", parameter.name)
                )
