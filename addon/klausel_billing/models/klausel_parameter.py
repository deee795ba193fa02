from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date

from .number import decimal_point, read_number, shown

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
    value = fields.Char(required=True, help="The value, such as 95.00. Kept with a decimal point.")

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
            parameter.example = shown(self.env, parameter.definition_id.example)
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

    @api.onchange("value")
    def _onchange_value(self):
        found = read_number(self.value)
        doubt = self._klausel_doubt(found)
        if doubt:
            label = self._fields["value"]._description_string(self.env)
            return {"warning": {"title": label, "message": doubt, "type": "notification"}}
        self.value = found.plain or self.value
        return None

    def _klausel_doubt(self, found):
        """What is asked where a value may be two numbers; "" where it is one, or none.

        A point before the decimals is none where money has three of them.
        """
        point = decimal_point(self.env)
        if not found.other or (
            found.plain == (self.value or "").strip()
            and point == "."
            and self.currency_id.decimal_places > 2
        ):
            return ""
        return self.env._(
            "%(name)s is “%(value)s”, which may be %(one)s or %(other)s. Write the one"
            " that is meant.",
            name=self.name or self.definition_id.name or "",
            value=self.value,
            one=found.other,
            other=shown(self.env, f"{found.plain}0"),
        )

    @api.model
    def _klausel_plain(self, vals):
        """``vals`` with a value in the program's manner, where it is one number."""
        if isinstance(vals.get("value"), str):
            found = read_number(vals["value"])
            if found.plain and not found.other:
                return {**vals, "value": found.plain}
        return vals

    @api.model_create_multi
    def create(self, vals_list):
        definitions = self.env["klausel.plan.parameter"]
        vals_list = [self._klausel_plain(vals) for vals in vals_list]
        for vals in vals_list:
            if vals.get("definition_id") and not vals.get("name"):
                vals["name"] = definitions.browse(vals["definition_id"]).name
        parameters = super().create(vals_list)
        parameters.term_id._klausel_check_single()
        return parameters

    def write(self, vals):
        terms = self.term_id
        result = super().write(self._klausel_plain(vals))
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
            doubt = parameter._klausel_doubt(read_number(parameter.value))
            if doubt:
                raise ValidationError(
                    self.env._("Term %(term)s: %(doubt)s", term=parameter.term_id.code, doubt=doubt)
                )
            if parameter.name != parameter.name.strip():
                raise ValidationError(
                    self.env._("“%s” begins or ends with a space.", parameter.name)
                )
