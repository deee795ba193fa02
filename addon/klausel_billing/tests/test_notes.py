from odoo.fields import Command
from odoo.tests import tagged

from .common import KlauselCase


@tagged("post_install", "-at_install")
class TestNotes(KlauselCase):
    def setUp(self):
        super().setUp()
        self.env = self.env(context=dict(self.env.context, tracking_disable=False))
        self.contract = self.contract.with_env(self.env)
        self.term = self.term.with_env(self.env)

    def _notes(self, contract=None):
        self.env.flush_all()
        return [str(message.body) for message in (contract or self.contract).message_ids]

    def test_price_change_leaves_a_note(self):
        price = self.env["klausel.parameter"].create(
            {"term_id": self.term.id, "name": "price", "value": "95.00"}
        )
        self.assertIn("Term Parameter added: S price 95.00", self._notes()[0])
        price.value = "98.00"
        self.assertIn("Value changed from “95.00” to “98.00”", self._notes()[0])
        price.unlink()
        self.assertIn("Term Parameter removed: S price 98.00", self._notes()[0])

    def test_change_through_the_contract(self):
        self.contract.term_ids = [Command.update(self.term.id, {"takes": "service; change"})]
        self.assertIn("Takes changed from “service” to “service; change”", self._notes()[0])

    def test_same_value_leaves_no_note(self):
        before = len(self._notes())
        self.term.takes = "service"
        self.assertEqual(len(self._notes()), before)

    def test_new_contract_has_one_note(self):
        term = {
            "code": "S",
            "plan": "service-quarterly",
            "parameter_ids": [Command.create({"name": "price", "value": "95.00"})],
        }
        contract = self.env["klausel.contract"].create(
            {
                "code": "K-3",
                "partner_id": self.customer.id,
                "date_start": "2026-01-01",
                "policy": "web-care",
                "term_ids": [Command.create(term)],
            }
        )
        self.assertEqual(len(self._notes(contract)), 1)
        self.assertFalse(contract.env.context.get("klausel_no_notes"))

    def test_text_is_escaped(self):
        self.env["klausel.item"].create(
            {"contract_id": self.contract.id, "name": "<b>Travel</b>", "price": 1}
        )
        self.assertIn("&lt;b&gt;Travel", self._notes()[0])
