from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import SQL

from .billing import BillingCase


@tagged("post_install", "-at_install")
class TestLinks(BillingCase):
    """Each run's checksum covers the rows that it wrote, and the run before it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = cls._user("reader", "klausel_billing.group_user")

    def _links(self, user=None):
        runs = self.env["klausel.run"].with_user(user or self.connector)
        return runs.klausel_links(self.company.id)

    def _broken(self):
        return [run["id"] for run in self._links()["broken"]]

    def _two_runs(self):
        move = self._bill()
        line, rows = self._line(quantity="0.5", entries=self.third, sequence=1)
        rows[0]["amount"] = "47.50"
        self._bill((line, rows), total="47.50", closing=False)
        runs = self.env["klausel.run"].search([("partner_id", "=", self.customer.id)], order="id")
        self.assertEqual(len(runs), 2)
        return move, runs

    def _sql(self, text, *values):
        self.env.flush_all()
        self.env.cr.execute(SQL(text, *values))
        self.env.invalidate_all()

    def test_runs_are_chained(self):
        _move, (one, two) = self._two_runs()
        self.assertFalse(one.previous_id)
        self.assertEqual(two.previous_id, one)
        self.assertRegex(one.checksum, "^1[0-9a-f]{64}$")
        self.assertNotEqual(one.checksum, two.checksum)
        self.assertEqual(self._links(), {"runs": 2, "broken": [], "repairs": [], "archived": []})
        self.assertEqual(self._links(self.user)["broken"], [])

    def test_what_is_on_record_of_an_archived_contract(self):
        _move, runs = self._two_runs()
        live = len(runs.ledger_ids.filtered(lambda row: row.state == "live"))
        self.assertGreater(live, 2)
        self.contract.active = False
        self.assertEqual(self._links()["archived"], [[self.contract.code, live]])
        self.assertEqual(self._links(self.user)["archived"], [[self.contract.code, live]])

    def test_what_is_no_change_of_the_record(self):
        move, runs = self._two_runs()
        move.unlink()
        self.assertIn("released", runs.ledger_ids.mapped("state"))
        self.assertEqual(self._broken(), [])
        other = self.env["res.partner"].create({"name": "Mill Group", "is_company": True})
        self._sql(
            "UPDATE klausel_run SET partner_id = %s WHERE partner_id = %s",
            other.id,
            self.customer.id,
        )
        self.assertEqual(self._broken(), [])

    def test_the_first_changed_run_is_named(self):
        _move, (one, two) = self._two_runs()
        row = one.ledger_ids.filtered("amount")[0]
        changes = (
            ("UPDATE klausel_ledger SET amount = '3325.00' WHERE id = %s", row.id),
            ("UPDATE klausel_ledger SET seconds = seconds + 1 WHERE id = %s", row.id),
            ("UPDATE klausel_ledger SET held = 'limit' WHERE id = %s", row.id),
            ("UPDATE klausel_ledger SET run_id = %s WHERE id = %s", two.id, row.id),
            ("DELETE FROM klausel_ledger WHERE id = %s", row.id),
            ("UPDATE klausel_run SET as_of = as_of + 1 WHERE id = %s", one.id),
            ("UPDATE klausel_run SET checksum = '1' WHERE id = %s", one.id),
            ("UPDATE klausel_run SET checksum = NULL WHERE id = %s", two.id),
        )
        for text, *values in changes:
            with self.subTest(text), self.env.cr.savepoint() as savepoint:
                self._sql(text, *values)
                self.assertEqual(self._broken()[0], two.id if "NULL" in text else one.id)
                savepoint.rollback()
                self.env.invalidate_all()
        self.assertEqual(self._broken(), [])

    def test_runs_of_before_have_none(self):
        self._two_runs()
        self._sql("UPDATE klausel_run SET checksum = NULL, previous_id = NULL")
        self.assertEqual(self._broken(), [])
        self._bill(self._line(entries=self.env["account.analytic.line"], group="96"), closing=False)
        self.assertEqual(self._broken(), [])
        last = self.env["klausel.run"].search([], limit=1)
        self.assertTrue(last.previous_id)
        self.assertTrue(last.checksum)

    def test_another_company_sees_its_own(self):
        _move, (one, _two) = self._two_runs()
        self._sql("UPDATE klausel_ledger SET amount = '1' WHERE run_id = %s", one.id)
        second = self.env["res.company"].create({"name": "Second"})
        with self.assertRaises(AccessError):
            self.env["klausel.run"].with_user(self.connector).klausel_links(second.id)
        self.connector.company_ids += second
        runs = self.env["klausel.run"].with_user(self.connector)
        self.assertEqual(runs.klausel_links(second.id)["broken"], [])
        with self.assertRaises(AccessError):
            self._links(self._user("nobody", "base.group_user"))

    def test_sealed_anew(self):
        _move, (one, two) = self._two_runs()
        row = one.ledger_ids.filtered("amount")[0]
        self._sql("UPDATE klausel_ledger SET amount = '1.00' WHERE id = %s", row.id)
        before = one.checksum
        runs = self.env["klausel.run"]
        for user in (self.connector, self.user):
            with self.assertRaises(AccessError):
                runs.with_user(user).klausel_reseal(self.company.id, "restored")
        with self.assertRaises(UserError):
            runs.with_user(self.manager).klausel_reseal(self.company.id, " ")
        done = runs.with_user(self.manager).klausel_reseal(self.company.id, "restored by hand")
        self.assertEqual(done, [one.id])
        self.assertEqual(self._broken(), [])
        (repair,) = self._links()["repairs"]
        self.assertEqual((repair["id"], repair["why"]), (one.id, "restored by hand"))
        self.assertEqual(repair["by"], self.manager.name)
        self.assertEqual(one.checksum, before)
        self._sql("UPDATE klausel_ledger SET amount = '2.00' WHERE id = %s", row.id)
        self.assertEqual(self._broken(), [one.id])
        self._sql("UPDATE klausel_run SET checksum = NULL WHERE id = %s", two.id)
        with self.assertRaises(UserError):
            runs.with_user(self.manager).klausel_reseal(self.company.id, "lost")
