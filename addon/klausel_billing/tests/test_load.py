from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import KlauselCase


@tagged("post_install", "-at_install")
class TestLoad(KlauselCase):
    """Opening balances come in one call, all or none, in the caller's name."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._user("keeper", "klausel_billing.group_manager")

    def _values(self, **values):
        return {
            "contract": "K-1",
            "term": "S",
            "lot": "",
            "date": "2026-03-31",
            "hours": 2.5,
            "own_price": False,
            "price": 0,
            "valid_until": False,
            "billed_until": "2026-03-31",
            **values,
        }

    def _load(self, added, removed=(), user=None, company=None, **context):
        openings = self.env["klausel.opening"].with_user(user or self.manager)
        customers = self.customer | self.stranger
        customers.invalidate_recordset(["klausel_seq"])
        sequences = {str(customer.id): customer.klausel_seq for customer in customers}
        return openings.with_context(**context).klausel_load(
            (company or self.company).id, sequences, list(added), list(removed)
        )

    def _openings(self):
        return self.env["klausel.opening"].search([("term_id", "in", self.term.ids)])

    def test_adds_and_takes_away(self):
        ids = self._load([self._values(), self._values(lot="L1", hours=-1)])
        openings = self._openings()
        self.assertEqual(set(ids), set(openings.ids))
        self.assertEqual(openings.create_uid, self.manager)
        self.assertEqual(set(openings.mapped("hours")), {2.5, -1})
        other = self._values(date="2026-04-30", hours=1)
        self._load([other], [self._values()])
        rows = {(one.lot or "", str(one.date), one.hours) for one in self._openings()}
        self.assertEqual(rows, {("", "2026-04-30", 1), ("L1", "2026-03-31", -1)})

    def test_raises_the_customers_number(self):
        before = self.customer.klausel_seq
        self._load([self._values()])
        self.customer.invalidate_recordset(["klausel_seq"])
        self.assertGreater(self.customer.klausel_seq, before)

    def test_only_managers(self):
        for groups in (
            ["base.group_portal"],
            ["base.group_user"],
            ["klausel_billing.group_user"],
            ["base.group_user", "klausel_billing.group_connector"],
        ):
            user = self._user(f"stranger.{groups[-1]}", *groups)
            with self.assertRaisesRegex(UserError, r"\[klausel:access\] Only Klausel managers"):
                self._load([self._values()], user=user)
        self.assertFalse(self._openings())

    def test_only_of_a_company_one_works_for(self):
        second = self.env["res.company"].create({"name": "Second"})
        with self.assertRaises(AccessError):
            self._load([self._values()], company=second)

    def test_refuses_what_was_read_too_early(self):
        sequences = {str(self.customer.id): self.customer.klausel_seq}
        self.contract.sla = "gold"
        openings = self.env["klausel.opening"].with_user(self.manager)
        for old in (sequences, {}):
            with self.assertRaisesRegex(UserError, r"\[klausel:seq-moved\] .* of Mill have"):
                openings.klausel_load(self.company.id, old, [self._values()], [])
        self.assertFalse(self._openings())

    def test_refuses_a_term_that_is_gone(self):
        for gone in ({"term": "X"}, {"contract": "K-9"}):
            with self.assertRaisesRegex(UserError, r"\[klausel:contract-missing\] There is no"):
                self._load([self._values(), self._values(**gone)])

    def test_refuses_what_the_form_refuses(self):
        with self.assertRaisesRegex(UserError, r"\[klausel:invalid\] The hours had expired"):
            self._load([self._values(), self._values(lot="L1", valid_until="2026-03-30")])

    def test_the_callers_context_steers_nothing(self):
        self._load(
            [self._values()],
            default_price=7,
            default_own_price=True,
            klausel_no_notes=True,
            tracking_disable=True,
        )
        self.assertFalse(self._openings().own_price)
        note = self.contract.message_ids[0]
        self.assertIn("Opening Balance added", note.body)
        self.assertEqual(note.author_id, self.manager.partner_id)
