from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import format_date

from .number import PLAIN, shown

TYPES = [
    ("money", "Money"),
    ("hours", "Hours"),
    ("quantity", "Quantity"),
    ("requests", "Requests"),
]


class KlauselPlanParameter(models.Model):
    """What a published plan asks of a term. Every value may be dated.

    Only :class:`.publication.Publication` writes it.
    """

    _name = "klausel.plan.parameter"
    _description = "Parameter of a Published Plan"
    _order = "plan_id, sequence, id"
    _rec_names_search = ["name", "meaning"]

    plan_id = fields.Many2one(
        comodel_name="klausel.plan", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="plan_id.company_id", store=True, index=True)
    sequence = fields.Integer(readonly=True, help="Where it stands in the plan.")
    name = fields.Char(required=True, readonly=True)
    meaning = fields.Char(readonly=True, translate=True)
    type = fields.Selection(selection=TYPES, required=True, readonly=True)
    required = fields.Boolean(readonly=True, help="Off: a term may leave it out.")
    example = fields.Char(readonly=True)

    _name_unique = models.UniqueIndex(
        "(plan_id, name)", "The plan has another parameter of the same name."
    )

    @api.depends("name")
    def _compute_display_name(self):
        for parameter in self:
            parameter.display_name = parameter.name

    def _klausel_check_value(self, step):
        """Refuse a value that is no number, or below zero."""
        text = (step.value or "").strip()
        example = shown(self.env, self.example)
        if not PLAIN.fullmatch(text):
            raise ValidationError(
                self.env._(
                    "Term %(term)s: %(name)s is “%(value)s”, which is not a number. Write one such"
                    " as %(example)s.",
                    term=step.term_id.code,
                    name=self.name,
                    value=text,
                    example=example,
                )
            )
        if text.startswith("-") and text.strip("-0."):
            raise ValidationError(
                self.env._(
                    "Term %(term)s: %(name)s is %(value)s, which is less than zero. Write zero or"
                    " more, such as %(example)s.",
                    term=step.term_id.code,
                    name=self.name,
                    value=shown(self.env, text),
                    example=example,
                )
            )

    def _klausel_check_there(self, term, steps):
        """Refuse a term that lacks a value it needs, on one of its days or on all of them."""
        if not steps:
            raise ValidationError(
                self.env._(
                    "Term %(term)s: plan %(plan)s needs “%(name)s”, %(meaning)s. Add it with a"
                    " value such as %(example)s.",
                    term=term.code,
                    plan=self.plan_id.name,
                    name=self.name,
                    meaning=self.meaning,
                    example=shown(self.env, self.example),
                )
            )
        start = max(filter(None, (term.contract_id.date_start, term.date_start)))
        if all(step.date_from and step.date_from > start for step in steps):
            first = min(steps.mapped("date_from"))
            raise ValidationError(
                self.env._(
                    "Term %(term)s: %(name)s has no value before %(first)s, but the term starts on"
                    " %(start)s. Add a value from %(start)s, or leave the day of the first one"
                    " empty.",
                    term=term.code,
                    name=self.name,
                    first=format_date(self.env, first),
                    start=format_date(self.env, start),
                )
            )
