from odoo import fields, models


class KlauselPreviewRow(models.AbstractModel):
    """What stands below a preview: written with it, gone with it."""

    _name = "klausel.preview.row"
    _description = "Part of a Preview"
    _inherit = "klausel.guarded"

    preview_id = fields.Many2one(
        comodel_name="klausel.preview",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        comodel_name="res.partner",
        string="Customer",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
    )
