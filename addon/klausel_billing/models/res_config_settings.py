from odoo import api, fields, models

#: Where somebody switches it on again.
USUAL_HOUR = 2.0
NEVER = -1.0


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    klausel_nightly_hour = fields.Float(
        related="company_id.klausel_nightly_hour", string="Nightly Preview at", readonly=False
    )
    klausel_nightly = fields.Boolean(
        string="Preview Everything Every Night",
        compute="_compute_klausel_nightly",
        readonly=False,
    )

    @api.depends("klausel_nightly_hour")
    def _compute_klausel_nightly(self):
        for settings in self:
            settings.klausel_nightly = settings.klausel_nightly_hour >= 0

    @api.onchange("klausel_nightly")
    def _onchange_klausel_nightly(self):
        if self.klausel_nightly != (self.klausel_nightly_hour >= 0):
            self.klausel_nightly_hour = USUAL_HOUR if self.klausel_nightly else NEVER
