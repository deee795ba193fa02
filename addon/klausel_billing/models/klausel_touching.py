from odoo import api, models


class KlauselTouching(models.AbstractModel):
    """What is shown rests on these records: changed, it is out of date where they are billed."""

    _name = "klausel.touching"
    _description = "Facts That Klausel Shows"

    #: Fields that make a difference.
    _klausel_facts = frozenset()
    #: Whether a new record does.
    _klausel_new = False

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        if self._klausel_new:
            self.env["klausel.preview"]._klausel_touch(records._klausel_places())
        return records

    def write(self, vals):
        if self._klausel_facts.isdisjoint(vals):
            return super().write(vals)
        before = self._klausel_places()
        result = super().write(vals)
        self.env["klausel.preview"]._klausel_touch(before | self._klausel_places())
        return result

    def unlink(self):
        places = self._klausel_places()
        result = super().unlink()
        self.env["klausel.preview"]._klausel_touch(places)
        return result

    def _klausel_places(self):
        """Where they are billed: pairs of a company's id and a customer's id or None."""
        raise NotImplementedError
