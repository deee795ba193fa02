from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

#: What ``klausel_load`` takes of an opening as it is.
VALUES = ("lot", "date", "hours", "own_price", "price", "valid_until", "billed_until")


class KlauselOpening(models.Model):
    _name = "klausel.opening"
    _description = "Opening Balance"
    _inherit = "klausel.named.term"
    _order = "date desc, id desc"

    lot = fields.Char(help="Name of the lot of hours.")
    date = fields.Date(required=True, default=fields.Date.context_today)
    hours = fields.Float(help="Hours left on that day. A negative number is a deficit.")
    own_price = fields.Boolean(help="Off: the plan's price applies.")
    price = fields.Float(
        string="Price per Hour",
        min_display_digits="Product Price",
        help="Net of tax.",
    )
    valid_until = fields.Date(help="Last day on which the hours are good.")
    billed_until = fields.Date(help="Nothing up to this day is billed any more.")

    _price_positive = models.Constraint(
        "CHECK (COALESCE(price, 0) >= 0)", "A price per hour cannot be negative."
    )

    @api.depends("term_id.code", "lot", "date")
    def _compute_display_name(self):
        for opening in self:
            name = " ".join(filter(None, (opening.term_id.code, opening.lot)))
            opening.display_name = self.env._(
                "Opening of %(name)s on %(date)s",
                name=name,
                date=format_date(self.env, opening.date),
            )

    @api.constrains("contract_id", "term_id")
    def _check_term(self):
        self._klausel_check_term()

    @api.constrains("term_id", "lot")
    def _check_lot(self):
        """A lot has one opening."""
        for opening in self:
            lots = [opening.lot] if opening.lot else [False, ""]
            domain = [("term_id", "=", opening.term_id.id), ("lot", "in", lots)]
            if self.search_count(domain, limit=2) > 1:
                raise ValidationError(
                    self.env._(
                        "There is an opening balance of this lot already: %s. Change that one, or"
                        " name another lot.",
                        opening.display_name,
                    )
                )

    @api.constrains("date", "hours", "valid_until")
    def _check_valid_until(self):
        for opening in self:
            if opening.valid_until and opening.hours > 0 and opening.valid_until < opening.date:
                raise ValidationError(
                    self.env._(
                        "The hours had expired before the day of the balance: %s.",
                        opening.display_name,
                    )
                )

    @api.model
    def klausel_load(self, company_id, sequences, added, removed):
        """Take opening balances away and add others, all of it or nothing, in the caller's name.

        ``sequences``: by customer, the number that was read with the contracts. ``removed`` and
        ``added`` name contract, term and lot by their codes. A refusal is an error whose text
        begins with ``[klausel:CODE]``.
        """
        if not self.env.user.has_group("klausel_billing.group_manager"):
            self._klausel_refuse(
                "access", self.env._("Only Klausel managers may load opening balances.")
            )
        company = self.env["klausel.contract"]._klausel_check_writer(company_id)
        # Nothing of the caller's context may steer what is created: no defaults, no switches.
        context = {
            "lang": self.env.context.get("lang"),
            "tz": self.env.context.get("tz"),
            "allowed_company_ids": company.ids,
        }
        openings = self.env(context=context)[self._name]
        terms = {
            (contract, term): openings._klausel_term(company, contract, term)
            for contract, term in sorted(
                {(one["contract"], one["term"]) for one in added + removed}
            )
        }
        customers = {term.commercial_partner_id for term in terms.values()}
        for customer in sorted(customers, key=lambda customer: customer.id):
            if not customer._klausel_take_turn(company, sequences.get(str(customer.id))):
                self._klausel_refuse("seq-moved", customer._klausel_moved())
        for one in removed:
            term = terms[one["contract"], one["term"]]
            openings.search(
                [("term_id", "=", term.id), ("lot", "in", [one["lot"] or False])]
            ).unlink()
        values = [
            {
                "contract_id": terms[one["contract"], one["term"]].contract_id.id,
                "term_id": terms[one["contract"], one["term"]].id,
                **{name: one[name] for name in VALUES},
            }
            for one in added
        ]
        try:
            return openings.create(values).ids
        except ValidationError as error:
            self._klausel_refuse("invalid", error.args[0])

    @api.model
    def _klausel_term(self, company, contract, code):
        term = self.env["klausel.term"].search(
            [
                ("contract_id.company_id", "=", company.id),
                ("contract_id.code", "=", contract),
                ("code", "=", code),
            ]
        )
        if not term:
            self._klausel_refuse(
                "contract-missing",
                self.env._(
                    "There is no term %(term)s in contract %(code)s any more.",
                    term=code,
                    code=contract,
                ),
            )
        return term

    @api.model
    def _klausel_refuse(self, code, sentence):
        message = f"[klausel:{code}] {sentence}"
        raise UserError(message)
