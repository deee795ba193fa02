"""What only the addon's own methods write, and switches that no caller can set."""

from odoo import api, models
from odoo.exceptions import AccessError
from odoo.models import MAGIC_COLUMNS

MODULE = "klausel_billing"
#: Value of the addon's own context keys. No call over RPC can send it.
OURS = object()


def switched_on(records, key):
    """``records`` with the context key ``key`` as only the addon's own code can set it."""
    return records.with_context(**{key: OURS})


def is_on(records, key):
    return records.env.context.get(key) is OURS


class KlauselGuarded(models.AbstractModel):
    """Stored fields of the addon that are read-only are so for every caller, not only in forms.

    Code with all rights, the addon's and Odoo's own, writes them; a default of somebody's does not.
    """

    _name = "klausel.guarded"
    _description = "Fields That Klausel Keeps"

    @api.model
    def _klausel_keeps(self, field):
        ours = MODULE in field._modules and field.name not in MAGIC_COLUMNS
        return ours and field.readonly and field.store

    @api.model
    def _klausel_kept(self):
        return [name for name, field in self._fields.items() if self._klausel_keeps(field)]

    @api.model
    def _klausel_refuses(self, field):
        """Whether the caller may not write ``field``, because the addon does."""
        return not self.env.su and self._klausel_keeps(field)

    def _has_field_access(self, field, operation):
        if operation == "write" and self._klausel_refuses(field):
            return False
        return super()._has_field_access(field, operation)

    def _check_field_access(self, field, operation):
        if operation == "write" and self._klausel_refuses(field):
            raise AccessError(
                self.env._(
                    "Klausel keeps “%(field)s” of “%(record)s” itself: nobody else writes it.",
                    field=field._description_string(self.env),
                    record=self.env["ir.model"]._get(self._name).name,
                )
            )
        return super()._check_field_access(field, operation)

    @api.model
    def default_get(self, fields_list):
        """Defaults of the context, and those that users save, are somebody's words, too."""
        kept = set(self._klausel_kept()).intersection(fields_list)
        values = super().default_get([name for name in fields_list if name not in kept])
        for name in kept:
            field = self._fields[name]
            if field.default:
                value = field.convert_to_cache(field.default(self), self, validate=False)
                values[name] = field.convert_to_write(value, self)
        return values

    @api.model_create_multi
    def create(self, vals_list):
        unwanted = {f"default_{name}" for name in self._klausel_kept()}
        context = self.env.context
        if unwanted.isdisjoint(context):
            return super().create(vals_list)
        heard = {key: value for key, value in context.items() if key not in unwanted}
        quiet = self.with_env(self.env(context=heard))
        return super(KlauselGuarded, quiet).create(vals_list).with_env(self.env)
