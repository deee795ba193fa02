from lxml import etree
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger
from odoo.tools.safe_eval import safe_eval

from .common import KlauselCase

PRICE = {
    "name": "price",
    "meaning": {"en": "price per hour, net", "de": "Preis je Stunde, netto"},
    "type": "money",
    "required": True,
    "example": "95.00",
}
PLANS = (
    {"name": "service-quarterly", "parameters": [PRICE], "parts": [], "sells_hours": False},
    {"name": "block", "parameters": [PRICE], "parts": [], "sells_hours": True},
    {"name": "works", "parameters": [PRICE], "parts": ["Draft", "Final"], "sells_hours": False},
)


@tagged("post_install", "-at_install")
class TestForms(KlauselCase):
    """Forms refuse what a bill would refuse, and offer what there is."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("de_DE")
        cls.manager = cls._user("keeper", "klausel_billing.group_manager")
        cls.env["klausel.policy"].klausel_publish(
            {
                "protocol": 2,
                "company_id": cls.company.id,
                "policies": [
                    {
                        "name": "care",
                        "version": "1",
                        "hash": "h",
                        "digest": "d",
                        "replaces": "",
                        "title": {},
                        "plans": [{"title": {}, "clause": "", **plan} for plan in PLANS],
                    }
                ],
            }
        )
        cls.policy = cls.env["klausel.policy"].search([("name", "=", "care")])

    def _parameter(self, value, lang="en_US", **values):
        terms = self.term.with_context(lang=lang)
        return terms.env["klausel.parameter"].create(
            {"term_id": terms.id, "name": "price", "value": value, **values}
        )

    def _refusal(self, value, lang="en_US", **values):
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            self._parameter(value, lang, **values)
        return caught.exception.args[0]

    # --- numbers as people write them -----------------------------------------------------------

    def test_a_number_in_any_manner_is_kept_in_one(self):
        for lang in ("en_US", "de_DE"):
            for value, plain in (
                ("95", "95"),
                ("95.00", "95.00"),
                ("95,00", "95.00"),
                ("1.234,50", "1234.50"),
                ("1,234.50", "1234.50"),
                ("1 234,5", "1234.5"),
                ("1'234.50", "1234.50"),
                ("1\u202f234", "1234"),
                ("1.234.567", "1234567"),
                ("1.234,567", "1234.567"),
                ("1234,567", "1234.567"),
                ("0,125", "0.125"),
                ("1.2340", "1.2340"),
                ("\u22125,5", "-5.5"),
            ):
                parameter = self._parameter(value, lang)
                self.assertEqual(parameter.value, plain, (lang, value))
                parameter.unlink()
        parameter = self._parameter("1")
        parameter.value = "2.500,25"
        self.assertEqual(parameter.value, "2500.25")

    def test_a_number_that_may_be_two_is_refused_in_the_readers_words(self):
        self.assertEqual(
            self._refusal("1.234"),
            "Term S: price is “1.234”, which may be 1234 or 1.2340. Write the one that is meant.",
        )
        self.assertEqual(
            self._refusal("-12,345"),
            "Term S: price is “-12,345”, which may be -12345 or -12.3450. Write the one"
            " that is meant.",
        )
        self.assertIn("1234", self._refusal("1,234", "de_DE"))
        self.assertIn("1,2340", self._refusal("1.234", "de_DE"))
        parameter = self._parameter("95")
        with self.assertRaisesRegex(ValidationError, "may be 2500 or 2.5000"):
            parameter.value = "2.500"

    def test_three_decimals_are_none_to_doubt_where_money_has_them(self):
        dinar = self.env.ref("base.KWD")
        dinar.active = True
        self.contract.currency_id = dinar
        self.assertEqual(self._parameter("49.125").value, "49.125")
        self.assertIn("49.125", self.term.parameter_summary)
        self.assertIn("49,1250", self.term.with_context(lang="de_DE").parameter_summary)
        self.assertIn("49125", self._refusal("49,125", date_from="2026-02-01"))
        self.assertIn("49125", self._refusal("49.125", "de_DE", date_from="2026-02-01"))

    def test_what_is_no_number_stays_as_it_is(self):
        for value in ("ninety", "1.2.3", "95 EUR", "1e3", ".5", "5.", "1,23,456"):
            parameter = self._parameter(value)
            self.assertEqual(parameter.value, value)
            parameter.unlink()

    def test_a_form_doubts_at_once(self):
        parameter = self._parameter("95")
        for value, kept, doubt in (
            ("1.234,50", "1234.50", ""),
            (
                "1.234",
                "1.234",
                "price is “1.234”, which may be 1234 or 1.2340. Write the one that is meant.",
            ),
            ("x", "x", ""),
        ):
            form = parameter.new({"value": value}, origin=parameter)
            answer = form._onchange_value()
            self.assertEqual(form.value, kept)
            self.assertEqual(answer["warning"]["message"] if answer else "", doubt)

    def test_numbers_are_told_with_the_readers_sign(self):
        self._parameter("95.50")
        self._parameter("98.25", date_from="2027-01-01")
        term = self.term.with_context(lang="de_DE")
        self.assertIn("95,50", term.parameter_summary)
        self.assertIn("98,25 ", term.parameter_summary)
        self.assertIn("95.50", self.term.with_context(lang="en_US").parameter_summary)
        self.contract.policy = "care"
        german = self.term.with_context(lang="de_DE").parameter_ids[0]
        self.assertEqual(german.example, "95,00")
        with self.assertRaisesRegex(ValidationError, "95,00"):
            german.value = "viel"

    # --- what a term needs ----------------------------------------------------------------------

    def test_a_term_without_a_product_is_refused(self):
        self._parameter("95")
        self.contract.policy = "care"
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            self.term.product_id = False
        self.assertEqual(
            caught.exception.args[0],
            "Term S has no product, so nothing of it could be invoiced. Choose one.",
        )
        with self.assertRaisesRegex(ValidationError, "Term N has no product"):
            self.env["klausel.term"].create(
                {
                    "contract_id": self.contract.id,
                    "code": "N",
                    "plan": "block",
                    "parameter_ids": [Command.create({"name": "price", "value": "95"})],
                }
            )

    def _purchase(self, day):
        return self.env["klausel.purchase"].create(
            {"contract_id": self.contract.id, "term_id": self.term.id, "date": day, "hours": 1}
        )

    def _refused(self, record, values, said):
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            record.write(values)
        self.assertEqual(caught.exception.args[0], said)

    def test_a_term_that_never_runs(self):
        self.contract.date_end = "2026-12-31"
        inside = "from 01/01/2026 to 12/31/2026. Correct the dates of one of the two."
        said = f"Term S has no day inside contract K-1, which runs {inside}"
        self._refused(self.term, {"date_start": "2027-01-01"}, said)
        self._refused(self.term, {"date_until": "2025-12-31"}, said)
        self.term.date_start = "2026-12-31"
        self._refused(
            self.contract,
            {"date_end": "2026-12-30"},
            "Term S has no day inside contract K-1, which runs from 01/01/2026 to 12/30/2026."
            " Correct the dates of one of the two.",
        )
        self.contract.write({"date_end": False, "date_start": "2026-02-01"})
        self.term.write({"date_start": False, "date_until": "2026-06-30"})
        self._refused(
            self.contract,
            {"date_start": "2026-07-01"},
            "Term S has no day inside contract K-1, which runs from 07/01/2026 on."
            " Correct the dates of one of the two.",
        )
        self._refused(
            self.contract,
            {"date_end": "2026-01-01"},
            "Contract K-1 ends on 2026-01-01, before it starts on 2026-02-01.",
        )

    def test_hours_bought_when_the_term_does_not_run(self):
        bought = self._purchase("2026-03-01")
        days = (
            "which runs from 01/01/2026 on. Correct the date, or the days of the term or contract."
        )
        self._refused(
            bought,
            {"date": "2025-12-31"},
            f"The purchase of 12/31/2025 lies outside of term S, {days}",
        )
        for record, values, said in (
            (self.term, {"date_start": "2026-03-02"}, "from 03/02/2026 on"),
            (self.contract, {"date_start": "2026-03-02"}, "from 03/02/2026 on"),
            (self.contract, {"date_end": "2026-02-28"}, "from 01/01/2026 to 02/28/2026"),
        ):
            self._refused(
                record,
                values,
                f"The purchase of 03/01/2026 lies outside of term S, which runs {said}. Correct the"
                " date, or the days of the term or contract.",
            )
        self.contract.date_end = "2026-03-01"

    def test_two_openings_of_one_lot(self):
        openings = self.env["klausel.opening"]
        values = {"contract_id": self.contract.id, "term_id": self.term.id, "date": "2026-01-01"}
        first = openings.create(values)
        openings.create({**values, "lot": "A"})
        for lot in (False, "", "A"):
            said = "opening balance of this lot already"
            with self.assertRaisesRegex(ValidationError, said), self.env.cr.savepoint():
                openings.create({**values, "lot": lot})
        first.lot = "B"
        openings.create(values)

    # --- a contract in one form -----------------------------------------------------------------

    def _form(self, code="K-9", plan="block"):
        form = Form(self.env["klausel.contract"].with_user(self.manager))
        form.code = code
        form.partner_id = self.customer
        form.date_start = "2026-01-01"
        form.policy_id = self.policy
        self._add_term(form, "T1", plan)
        return form

    def _add_term(self, form, code, plan):
        with form.term_ids.new() as term:
            term.code = code
            term.product_id = self.service
            term.plan_id = self.policy.plan_ids.filtered(lambda one: one.name == plan)
            with term.parameter_ids.edit(0) as price:
                price.value = "95,00"

    def test_a_contract_with_all_that_belongs_to_it_in_one_form(self):
        form = self._form()
        self._add_term(form, "T2", "works")
        with form.purchase_ids.new() as purchase:
            self.assertFalse(purchase.term_code)
            self.assertEqual(purchase.known_terms, '["T1", "T2"]')
            purchase.term_code = "T1"
            purchase.date = "2026-01-01"
            purchase.hours = 10
        with form.acceptance_ids.new() as acceptance:
            acceptance.term_code = "T2"
            self.assertEqual(acceptance.known_parts, '["Draft", "Final"]')
            acceptance.part = "Final"
        with form.opening_ids.new() as opening:
            opening.term_code = "T1"
            opening.hours = 3
        contract = form.save()
        one, two = contract.term_ids
        self.assertEqual(one.parameter_ids.value, "95.00")
        self.assertEqual(contract.purchase_ids.term_id, one)
        self.assertEqual(contract.acceptance_ids.term_id, two)
        self.assertEqual(contract.opening_ids.term_id, one)
        with Form(contract.with_user(self.manager)) as form:
            self._add_term(form, "T3", "block")
            with form.purchase_ids.edit(0) as purchase:
                self.assertEqual(purchase.term_code, "T1")
                purchase.term_code = "T3"
            with form.purchase_ids.new() as purchase:
                purchase.term_code = "T3"
                purchase.hours = 5
        self.assertEqual(contract.purchase_ids.term_id.code, "T3")

    def test_the_only_term_is_meant(self):
        form = self._form()
        with form.purchase_ids.new() as purchase:
            self.assertEqual(purchase.term_code, "T1")
            purchase.hours = 5
        self.assertEqual(form.save().purchase_ids.term_id.code, "T1")

    def test_a_term_that_is_not_there(self):
        form = self._form()
        with form.purchase_ids.new() as purchase:
            purchase.term_code = "T9"
            purchase.hours = 5
        with self.assertRaises(ValidationError) as caught, self.env.cr.savepoint():
            form.save()
        self.assertEqual(caught.exception.args[0], "Contract K-9 has no term “T9”. It has: T1.")

    def test_a_part_that_the_plan_does_not_have(self):
        form = self._form(plan="works")
        with form.acceptance_ids.new() as acceptance:
            acceptance.part = "Finale"
        with (
            self.assertRaisesRegex(
                ValidationError, "no part “Finale”. Choose one of: Draft, Final"
            ),
            mute_logger("odoo.sql_db"),
        ):
            form.save()

    def test_records_name_terms_by_id_as_before(self):
        purchase = self.env["klausel.purchase"].create(
            {"contract_id": self.contract.id, "term_id": self.term.id, "hours": 1}
        )
        self.assertEqual(purchase.term_code, "S")
        purchase.term_code = " S "
        self.assertEqual(purchase.term_id, self.term)

    # --- pickers --------------------------------------------------------------------------------

    def test_pickers_offer_all_that_the_model_takes(self):
        """A ticket without a customer is its project's."""
        ours = self._ticket("Ours by project", self.project, self.env["res.partner"])
        private = self.env["project.task"].create({"name": "To do", "project_id": False})
        theirs = self._ticket("Theirs", self.foreign_project, self.env["res.partner"])
        said = self._ticket("Theirs here", self.project, self.stranger)
        for model, field in (("klausel.contract", "task_ids"), ("klausel.approval", "ticket_ids")):
            view = self.env[model].get_view(view_type="form")["arch"]
            offered = self._offered(view, field)
            self.assertLessEqual(ours | self.ticket, offered)
            self.assertFalse(offered & (private | theirs | said))
        self.contract.write({"covers": "ticket", "task_ids": [Command.set(ours.ids)]})

    def _offered(self, arch, field):
        (node,) = etree.fromstring(arch).xpath(f"//field[@name='{field}'][@domain]")
        values = {"commercial_partner_id": self.customer.id}
        domain = safe_eval(node.get("domain"), values)
        return self.env["project.task"].search(domain)
