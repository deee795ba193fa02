from markupsafe import Markup
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .guarded import is_on

#: On while a contract is created together with its parts: its own creation note says enough.
NO_NOTES = "klausel_no_notes"


class KlauselContractPart(models.AbstractModel):
    _name = "klausel.contract.part"
    _description = "Part of a Contract"
    _inherit = "klausel.guarded"
    _check_company_auto = True

    contract_id = fields.Many2one(
        comodel_name="klausel.contract",
        required=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="contract_id.company_id", store=True, index=True)
    commercial_partner_id = fields.Many2one(
        related="contract_id.commercial_partner_id",
        store=True,
        index=True,
        string="Customer",
    )
    currency_id = fields.Many2one(related="contract_id.currency_id")

    @api.model
    def _klausel_noted_fields(self):
        """Fields whose changes are worth a note on the contract."""
        return [
            name
            for name, field in self._fields.items()
            if field.store
            and not field.related
            and field.type != "one2many"
            and name != "contract_id"
        ]

    def _klausel_values(self, names):
        return {
            record.id: {
                name: str(record._fields[name].convert_to_export(record[name], record) or "")
                for name in names
            }
            for record in self
        }

    def _klausel_note(self, notes):
        """Log ``{contract id: [text]}``. What is charged for must be traceable to a person."""
        contracts = self.env["klausel.contract"].browse(notes)
        for contract in contracts.exists():
            body = Markup("<br/>").join(notes[contract.id])
            contract._message_log(body=body)

    def _klausel_notes_wanted(self):
        # Odoo's own switches count for code with all rights only: whoever imports prices, or
        # writes a program that does, leaves notes.
        context = self.env.context
        silenced = self.env.su and (
            context.get("install_mode")
            or context.get("tracking_disable")
            or context.get("mail_notrack")
        )
        return not (silenced or is_on(self, NO_NOTES))

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records.contract_id._klausel_bump()
        if records._klausel_notes_wanted():
            notes = {}
            for record in records:
                notes.setdefault(record.contract_id.id, []).append(
                    self.env._(
                        "%(kind)s added: %(name)s",
                        kind=record._klausel_kind(),
                        name=record.display_name,
                    )
                )
            self._klausel_note(notes)
        return records

    def write(self, vals):
        contracts = self.contract_id
        names = [name for name in self._klausel_noted_fields() if name in vals]
        if not self._klausel_notes_wanted():
            names = []
        before = self._klausel_values(names)
        result = super().write(vals)
        if vals:
            (contracts | self.contract_id)._klausel_bump()
        if not names:
            return result
        after = self._klausel_values(names)
        notes = {}
        for record in self:
            for name in names:
                old, new = before[record.id][name], after[record.id][name]
                if old != new:
                    notes.setdefault(record.contract_id.id, []).append(
                        self.env._(
                            "%(kind)s, %(name)s: %(field)s changed from “%(old)s” to “%(new)s”",
                            kind=record._klausel_kind(),
                            name=record.display_name,
                            field=record._fields[name]._description_string(self.env),
                            old=old,
                            new=new,
                        )
                    )
        self._klausel_note(notes)
        return result

    def unlink(self):
        notes = {}
        if self._klausel_notes_wanted():
            for record in self:
                notes.setdefault(record.contract_id.id, []).append(
                    self.env._(
                        "%(kind)s removed: %(name)s",
                        kind=record._klausel_kind(),
                        name=record.display_name,
                    )
                )
        contracts = self.contract_id
        result = super().unlink()
        contracts._klausel_bump()
        self._klausel_note(notes)
        return result

    def _klausel_kind(self):
        return self.env["ir.model"]._get(self._name).name

    def _klausel_check_term(self):
        for record in self:
            if record.term_id.contract_id != record.contract_id:
                raise ValidationError(
                    self.env._(
                        "Term %(term)s belongs to contract %(other)s, not to %(contract)s.",
                        term=record.term_id.display_name,
                        other=record.term_id.contract_id.code,
                        contract=record.contract_id.code,
                    )
                )
