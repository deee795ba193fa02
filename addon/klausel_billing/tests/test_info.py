from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .common import KlauselCase


@tagged("post_install", "-at_install")
class TestInfo(KlauselCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connector = cls._user("klausel_bot", "klausel_billing.group_connector")
        cls.second = cls.env["res.company"].create({"name": "Second"})

    def _info(self, user, *args):
        return self.env["klausel.contract"].with_user(user).klausel_info(*args)

    def test_connector(self):
        self.company.write(
            {
                "tax_calculation_rounding_method": "round_per_line",
                "country_id": self.env.ref("base.de").id,
                "state_id": self.env.ref("base.state_de_by").id,
            }
        )
        info = self._info(self.connector)
        self.assertEqual(info["addon"], "19.0.1.3.0")
        self.assertEqual(info["protocol"], 2)
        self.assertIs(info["work"], True)
        self.assertEqual(
            info["company"],
            {
                "id": self.company.id,
                "name": self.company.name,
                "currency": self.company.currency_id.name,
                "country": "DE",
                "state": self.env.ref("base.state_de_by").code,
                "rounding_method": "line",
                "quantity_digits": self.env["decimal.precision"].precision_get("Product Unit"),
                "language": self.company.partner_id.lang or "",
                "internal_project": self.company.internal_project_id.id or 0,
                "languages": [code for code, _name in self.env["res.lang"].get_installed()],
            },
        )
        self.assertIn("en_US", info["company"]["languages"])
        lines = self.env["account.analytic.line"]
        every = [("project_id", "!=", False), ("company_id", "=", self.company.id)]
        self.assertEqual(info["timesheets"], lines.search_count(every))
        self.assertLessEqual({"date", "unit_amount"}, set(info["timesheet_fields"]))
        self.assertTrue(info["overrides"])
        self.assertTrue(info["publishes"])
        self.assertTrue(info["documents"])
        self.assertEqual(info["currencies"][self.company.currency_id.name], 2)
        self.assertTrue(info["apply"])
        self.assertEqual(
            info["validated_field"], "validated" in self.env["account.analytic.line"]._fields
        )

    def test_rounding_and_digits(self):
        self.company.tax_calculation_rounding_method = "round_globally"
        self.env["decimal.precision"].search([("name", "=", "Product Unit")]).digits = 3
        company = self._info(self.connector)["company"]
        self.assertEqual(company["rounding_method"], "global")
        self.assertEqual(company["quantity_digits"], 3)

    def test_currencies_are_the_active_ones(self):
        self.env.ref("base.JPY").active = True
        self.env.ref("base.CHF").active = False
        currencies = self._info(self.connector)["currencies"]
        self.assertEqual(currencies["JPY"], 0)
        self.assertNotIn("CHF", currencies)

    def test_timesheets_are_counted_that_the_user_cannot_see(self):
        reader = self._user("reader", "klausel_billing.group_user")
        employee = self.env["hr.employee"].create({"name": "Bo", "company_id": self.company.id})
        before = self._info(reader)["timesheets"]
        private = self._project("Vault", self.customer, privacy_visibility="followers")
        self.env["account.analytic.line"].create(
            [
                {
                    "name": "Work",
                    "project_id": project.id,
                    "employee_id": employee.id,
                    "unit_amount": 1,
                }
                for project in (private, self.project)
            ]
        )
        self.assertEqual(self._info(reader)["timesheets"], before + 2)
        self.connector.company_ids = [Command.link(self.second.id)]
        self.assertEqual(self._info(self.connector, self.second.id)["timesheets"], 0)

    def test_klausel_users_may_ask(self):
        for group in ("user", "manager"):
            user = self._user(f"klausel_{group}", f"klausel_billing.group_{group}")
            self.assertEqual(self._info(user)["company"]["id"], self.company.id)

    def test_everybody_else_is_refused(self):
        users = (
            self._user("plain", "base.group_user"),
            self._user("guest", "base.group_portal"),
            self.env.ref("base.public_user"),
        )
        for user in users:
            with self.assertRaises(AccessError):
                self._info(user)

    def test_companies(self):
        with self.assertRaises(AccessError):
            self._info(self.connector, self.second.id)
        with self.assertRaises(AccessError):
            self._info(self.connector, self.second.id + 1000)
        self.connector.company_ids = [Command.link(self.second.id)]
        self.assertEqual(self._info(self.connector, self.second.id)["company"]["name"], "Second")
        self.assertEqual(self._info(self.connector)["company"]["id"], self.company.id)
