from odoo.tests import tagged

from .common import KlauselCase


@tagged("post_install", "-at_install")
class TestDemo(KlauselCase):
    def setUp(self):
        super().setUp()
        if not self.env.ref("klausel_billing.contract_acme", raise_if_not_found=False):
            self.skipTest("no demo data")

    def _entries(self, contract):
        domain = [
            ("project_id", "!=", False),
            ("date", ">=", contract.date_start),
            ("partner_id.commercial_partner_id", "=", contract.commercial_partner_id.id),
        ]
        if contract.covers == "project":
            domain.append(("project_id", "in", contract.project_ids.ids))
        return self.env["account.analytic.line"].search(domain)

    def test_every_contract_has_work(self):
        for name in ("acme", "office", "ready_mat"):
            contract = self.env.ref(f"klausel_billing.contract_{name}")
            self.assertTrue(contract.term_ids.parameter_ids, name)
            self.assertTrue(self._entries(contract), name)

    def test_terms(self):
        contract = self.env.ref("klausel_billing.contract_office")
        terms = {term.code: term for term in contract.term_ids}
        self.assertFalse(terms["W"].takes)
        self.assertEqual(terms["W"].parameter_ids.value, "49.00")
        self.assertEqual(terms["S"].parameter_ids.value, "110.00")
        quantity = self.env.ref("klausel_billing.contract_ready_mat_term_f").parameter_ids
        values = quantity.filtered(lambda parameter: parameter.name == "quantity")
        self.assertEqual(values.mapped("value"), ["10", "12"])

    def test_tags_tell_the_work_apart(self):
        entries = self._entries(self.env.ref("klausel_billing.contract_office"))
        tags = set(entries.task_id.tag_ids.mapped("name"))
        self.assertTrue({"Update", "Feature"} <= tags)
        self.assertIn("support", entries.task_id.mapped("klausel_activity"))
