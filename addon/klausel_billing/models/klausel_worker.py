from datetime import timedelta

from odoo import api, fields, models

#: Seconds after which a program that was not heard of no longer works.
ALIVE = 60


class KlauselWorker(models.Model):
    """A program beside Odoo that works on requests of one company, and when it was heard of last.

    Only :class:`.desk.Desk` writes it.
    """

    _name = "klausel.worker"
    _description = "Program That Works on Requests"
    _inherit = "klausel.guarded"
    _order = "seen_on desc, id"

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    version = fields.Char(readonly=True)
    seen_on = fields.Datetime(string="Last Seen on", required=True, readonly=True)

    _name_unique = models.UniqueIndex(
        "(company_id, name)", "This program is known in the company already."
    )

    @api.model
    def _klausel_nobody(self, company):
        """What to say where no program works on requests of ``company``; else False."""
        lately = fields.Datetime.now() - timedelta(seconds=ALIVE)
        domain = [("company_id", "=", company.id), ("seen_on", ">=", lately)]
        if self.sudo().search_count(domain, limit=1):
            return False
        return self.env._(
            "Nothing is working on requests: start `klausel work --odoo` beside Odoo"
            " (docs/odoo.md)."
        )

    @api.model
    def klausel_said(self):
        """What to say to people where no program works on requests of their company; else False."""
        self.check_access("read")
        return self._klausel_nobody(self.env.company)
