import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class KlauselNamedTerm(models.AbstractModel):
    """What belongs to one term of a contract, and may name it by its code.

    So a contract, its terms and what belongs to them can be entered in one form that is saved
    once: before that a new term has no id.
    """

    _name = "klausel.named.term"
    _description = "Part of a Contract with a Term"
    _inherit = "klausel.contract.part"

    term_id = fields.Many2one(
        comodel_name="klausel.term",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
        domain="[('contract_id', '=', contract_id)]",
    )
    term_code = fields.Char(
        string="Term of Contract",
        compute="_compute_term_code",
        inverse="_inverse_term_code",
        help="Code of the term. It may be one that is saved together with this.",
    )
    known_terms = fields.Char(compute="_compute_known_terms")

    @api.depends("term_id.code")
    def _compute_term_code(self):
        for record in self:
            record.term_code = record.term_id.code

    def _inverse_term_code(self):
        for record in self:
            if record.term_code and record.term_code != record.term_id.code:
                record.term_id = self._klausel_find_term(record.contract_id, record.term_code)

    @api.depends("contract_id.term_ids.code")
    def _compute_known_terms(self):
        for record in self:
            codes = record.contract_id.term_ids.mapped("code")
            record.known_terms = json.dumps([code for code in codes if code])

    @api.onchange("contract_id")
    def _onchange_contract_id(self):
        """The only term is meant."""
        codes = json.loads(self.known_terms or "[]")
        if not self.term_code and len(codes) == 1:
            self.term_code = codes[0]

    @api.model
    def _klausel_find_term(self, contract, code):
        code = code.strip()
        terms = contract.term_ids
        found = terms.filtered(lambda term: term.code == code)
        if not found:
            raise ValidationError(
                self.env._(
                    "Contract %(contract)s has no term “%(code)s”. It has: %(known)s.",
                    contract=contract.code,
                    code=code,
                    known=", ".join(terms.mapped("code")) or self.env._("none"),
                )
            )
        return found

    def _klausel_meant_term(self):
        """The term, as a form that is not saved yet has it."""
        self.ensure_one()
        code = self.term_code
        named = self.contract_id.term_ids.filtered(lambda term: term.code and term.code == code)
        return named[:1] or self.term_id

    @api.model_create_multi
    def create(self, vals_list):
        contracts = self.env["klausel.contract"]
        found = []
        for vals in vals_list:
            if vals.get("term_code") and not vals.get("term_id"):
                contract = contracts.browse(vals.get("contract_id") or ())
                term = self._klausel_find_term(contract, vals["term_code"])
                vals = {**vals, "term_id": term.id}
            found.append({name: value for name, value in vals.items() if name != "term_code"})
        return super().create(found)
