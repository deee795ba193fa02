from odoo import fields, models


class KlauselRevision(models.Model):
    """A number for each company and customer, raised by every change to what is billed there.

    Whoever writes comes with the number that was read. Companies have numbers of their own, so
    that those who bill the same customer at one moment do not refuse each other. Only
    ``res.partner`` writes it, in SQL.
    """

    _name = "klausel.revision"
    _description = "Revision of a Customer's Contracts"
    _rec_name = "partner_id"

    company_id = fields.Many2one(
        comodel_name="res.company", required=True, readonly=True, ondelete="cascade"
    )
    partner_id = fields.Many2one(
        comodel_name="res.partner",
        string="Customer",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    number = fields.Integer(required=True, readonly=True, aggregator=None)

    _customer_unique = models.UniqueIndex(
        "(company_id, partner_id)", "The customer has a number in this company already."
    )
