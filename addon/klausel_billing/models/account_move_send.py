from odoo import api, models

from .account_move_record import REPORT


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    @api.model
    def _get_placeholder_mail_template_dynamic_attachments_data(
        self, move, mail_template, pdf_report=None
    ):
        """The activity record goes with its invoice, once; whoever sends it may leave it out."""
        found = super()._get_placeholder_mail_template_dynamic_attachments_data(
            move, mail_template, pdf_report=pdf_report
        )
        found = [one for one in found if one.get("dynamic_report") != REPORT]
        if not move.sudo()._klausel_has_record():
            return found
        name = f"{move._klausel_record_filename()}.pdf"
        return [
            *found,
            {
                "id": f"placeholder_{name}",
                "name": name,
                "mimetype": "application/pdf",
                "placeholder": True,
                "dynamic_report": REPORT,
            },
        ]
