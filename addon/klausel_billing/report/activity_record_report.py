from odoo import api, models


class ActivityRecordReport(models.AbstractModel):
    _name = "report.klausel_billing.report_activity_record"
    _description = "Activity Record of an Invoice"

    @api.model
    def _get_report_values(self, docids, data=None):
        moves = self.env["account.move"].browse(docids)
        return {
            "doc_ids": docids,
            "doc_model": moves._name,
            "docs": moves,
            "records": {move.id: move._klausel_record_pages() for move in moves},
        }
