from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger
from psycopg2 import IntegrityError

from .common import KlauselCase


@tagged("post_install", "-at_install")
class TestParts(KlauselCase):
    def _parameter(self, name, value, day=False):
        return self.env["klausel.parameter"].create(
            {"term_id": self.term.id, "name": name, "value": value, "date_from": day}
        )

    def _approval(self, **values):
        return self.env["klausel.approval"].create({"contract_id": self.contract.id, **values})

    def test_term_code_is_unique_in_the_contract(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.term.copy({"code": "S"})

    def test_takes(self):
        self.assertEqual(self.term.takes, "service")
        self.term.takes = "service; change;warranty"
        self.term.takes = False
        with self.assertRaisesRegex(ValidationError, "takes “servcie”"):
            self.term.takes = "servcie"
        with self.assertRaisesRegex(ValidationError, "twice"):
            self.term.takes = "service; service"

    def test_term_dates(self):
        with self.assertRaisesRegex(ValidationError, "Term S ends on 2026-01-31, before"):
            self.term.write({"date_start": "2026-02-01", "date_until": "2026-01-31"})

    def test_discount_range(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.term.discount = 101
            self.env.flush_all()

    def test_used_term_cannot_be_removed(self):
        self.env["klausel.purchase"].create(
            {"contract_id": self.contract.id, "term_id": self.term.id, "hours": 10}
        )
        with self.assertRaisesRegex(UserError, "Remove that first"):
            self.term.unlink()

    def test_parameter_keeps_its_digits(self):
        parameter = self._parameter("price", "95.10")
        self.env.invalidate_all()
        self.assertEqual(parameter.value, "95.10")
        self.assertEqual(parameter.contract_id, self.contract)

    def test_parameter_is_unique_by_day(self):
        self._parameter("price", "95.00")
        self._parameter("price", "99.00", "2026-07-01")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._parameter("price", "97.00")

    def test_parameter_is_unique_on_a_day(self):
        self._parameter("price", "99.00", "2026-07-01")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._parameter("price", "97.00", "2026-07-01")

    def test_parameter_summary(self):
        self._parameter("quantity", "12", "2026-07-01")
        self._parameter("price", "12.50")
        self._parameter("quantity", "10")
        self.assertEqual(
            self.term.parameter_summary, "price 12.50; quantity 10, 12 from 07/01/2026"
        )

    def test_purchase_belongs_to_the_contract(self):
        with self.assertRaisesRegex(ValidationError, "belongs to contract K-2, not to K-1"):
            self.env["klausel.purchase"].create(
                {"contract_id": self.contract.id, "term_id": self.other_term.id, "hours": 10}
            )

    def test_purchase_of_nothing(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.env["klausel.purchase"].create(
                {"contract_id": self.contract.id, "term_id": self.term.id, "hours": 0}
            )

    def test_price_of_a_purchase_is_not_rounded(self):
        purchase = self.env["klausel.purchase"].create(
            {
                "contract_id": self.contract.id,
                "term_id": self.term.id,
                "hours": 10,
                "own_price": True,
                "price": 95.125,
            }
        )
        self.env.invalidate_all()
        self.assertEqual(purchase.price, 95.125)

    def test_acceptance_belongs_to_the_contract(self):
        with self.assertRaisesRegex(ValidationError, "belongs to contract K-2"):
            self.env["klausel.acceptance"].create(
                {"contract_id": self.contract.id, "term_id": self.other_term.id}
            )

    def test_opening_may_be_a_deficit(self):
        opening = self.env["klausel.opening"].create(
            {"contract_id": self.contract.id, "term_id": self.term.id, "hours": -2.5}
        )
        self.assertEqual(opening.hours, -2.5)

    def test_opening_that_had_expired(self):
        with self.assertRaisesRegex(ValidationError, "had expired"):
            self.env["klausel.opening"].create(
                {
                    "contract_id": self.contract.id,
                    "term_id": self.term.id,
                    "date": "2026-02-01",
                    "hours": 2,
                    "valid_until": "2026-01-31",
                }
            )

    def test_opening_belongs_to_the_contract(self):
        with self.assertRaisesRegex(ValidationError, "belongs to contract K-2"):
            self.env["klausel.opening"].create(
                {"contract_id": self.contract.id, "term_id": self.other_term.id}
            )

    def test_decision_needs_its_day(self):
        approval = self._approval()
        self.assertEqual(approval.state, "pending")
        for state in ("approved", "rejected"):
            with self.assertRaisesRegex(ValidationError, "which day the customer decided"):
                approval.state = state
        approval.write({"state": "approved", "decided_on": "2026-02-01"})

    def test_approval_expires_after_it_was_given(self):
        with self.assertRaisesRegex(ValidationError, "expires before it was given"):
            self._approval(state="approved", decided_on="2026-02-01", expires_on="2026-01-31")

    def test_approval_is_for_tickets_of_the_customer(self):
        self._approval(ticket_ids=[Command.set(self.ticket.ids)])
        with self.assertRaisesRegex(ValidationError, "Ticket Pump belongs to Quarry"):
            self._approval(ticket_ids=[Command.set(self.foreign_ticket.ids)])

    def test_approval_does_not_grow_when_its_ticket_goes(self):
        approval = self._approval(ticket_ids=[Command.set(self.ticket.ids)])
        self.ticket.active = False
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(approval.read(["ticket_ids"])[0]["ticket_ids"], self.ticket.ids)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.ticket.unlink()

    def test_limits_are_not_negative(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._approval(has_limit_hours=True, limit_hours=-1)

    def test_attribute_is_unique(self):
        values = {"contract_id": self.contract.id, "name": "site", "value": "north"}
        self.env["klausel.attribute"].create(values)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.env["klausel.attribute"].create(values)
