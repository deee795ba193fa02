from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import KlauselCase

PRICE = {
    "name": "price",
    "meaning": {"en": "price per hour, net", "de": "Preis je Stunde, netto"},
    "type": "money",
    "required": True,
    "example": "95.00",
}
QUANTITY = {**PRICE, "name": "quantity", "type": "quantity", "required": False, "example": "10"}
HOURS = {**PRICE, "name": "hours", "type": "hours", "example": "10"}


@tagged("post_install", "-at_install")
class TestPublish(KlauselCase):
    """Policies come in one call; forms then offer and check what they say."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connector = cls._user("bot", "klausel_billing.group_connector")
        cls.manager = cls._user("keeper", "klausel_billing.group_manager")
        cls.policies = cls.env["klausel.policy"].with_context(active_test=False)
        cls.product = cls.env["product.product"].create({"name": "Care", "type": "service"})

    def _plan(self, name, *parameters, **values):
        title = {"en": f"{name} in words", "de": f"{name} in Worten"}
        return {
            "name": name,
            "title": title,
            "clause": "3.3",
            "parameters": list(parameters),
            **values,
        }

    def _policy(self, digest="d1", version="1", name="web-care", replaces="", plans=None):
        plans = plans or [
            self._plan("service-quarterly", PRICE, QUANTITY),
            self._plan("block", HOURS, PRICE),
        ]
        return {
            "name": name,
            "version": version,
            "hash": f"h-{digest}",
            "digest": digest,
            "replaces": replaces,
            "title": {"en": "Care", "de": "Pflege"},
            "plans": plans,
        }

    def _publish(self, *policies, user=None, **values):
        payload = {
            "protocol": 2,
            "company_id": self.company.id,
            "policies": list(policies or [self._policy()]),
            **values,
        }
        records = self.policies.with_user(user or self.connector)
        return records.klausel_publish(payload)["published"]

    def _all(self):
        return self.policies.search([("name", "=", "web-care"), ("company_id", "=", 1)], order="id")

    def _term(self, plan="service-quarterly", **parameters):
        return self.env["klausel.term"].create(
            {
                "contract_id": self.contract.id,
                "code": f"T{len(self.contract.term_ids)}",
                "plan": plan,
                "product_id": self.service.id,
                "parameter_ids": [
                    Command.create({"name": name, "value": value})
                    for name, value in parameters.items()
                ],
            }
        )

    # --- the call ---------------------------------------------------------------------------------

    def test_keeps_everything(self):
        self.assertEqual(self._publish(), ["web-care"])
        policy = self._all()
        self.assertEqual((policy.version, policy.hash, policy.active), ("1", "h-d1", True))
        self.assertEqual(policy.stamp, "web-care 1 h-d1")
        self.assertEqual(policy.published_by, self.connector)
        self.assertEqual(policy.display_name, "web-care 1")
        self.assertEqual(policy.plan_ids.mapped("name"), ["service-quarterly", "block"])
        plan = policy.plan_ids[0]
        self.assertEqual(plan.clause, "3.3")
        self.assertEqual(plan.display_name, "service-quarterly – service-quarterly in words")
        self.assertEqual(plan.parameter_ids.mapped("name"), ["price", "quantity"])
        price, quantity = plan.parameter_ids
        self.assertEqual((price.type, price.required, price.example), ("money", True, "95.00"))
        self.assertEqual((quantity.type, quantity.required), ("quantity", False))
        self.assertEqual(price.meaning, "price per hour, net")

    def test_titles_in_languages_of_now_and_later(self):
        self._publish()
        policy = self._all()
        self.env["res.lang"]._activate_lang("de_DE")
        self.env["res.lang"]._activate_lang("fr_FR")
        for code, title, meaning in (
            ("en_US", "Care", "price per hour, net"),
            ("de_DE", "Pflege", "Preis je Stunde, netto"),
            ("fr_FR", "Care", "price per hour, net"),
        ):
            spoken = policy.with_context(lang=code)
            self.assertEqual(spoken.title, title)
            self.assertEqual(spoken.plan_ids[0].parameter_ids[0].meaning, meaning)

    def test_the_same_again_changes_nothing(self):
        self._publish()
        before = self._all().read()
        self.assertEqual(self._publish(), [])
        self.assertEqual(self._all().read(), before)

    def test_older_versions_are_kept(self):
        self._publish()
        first = self._all()
        self.assertEqual(self._publish(self._policy("d2", "2", replaces="d1")), ["web-care"])
        second = self._all() - first
        self.assertEqual((first.active, second.active), (False, True))
        self.assertTrue(first.replaced_on)
        self.assertFalse(second.replaced_on)
        self.assertEqual(self.contract.policy_id, second)
        self.assertTrue(first.plan_ids)
        # Back to what was: a publication of its own.
        self._publish(self._policy("d1", "1", replaces="d2"))
        self.assertEqual(self._all().mapped("version"), ["1", "2", "1"])
        self.assertEqual(self._all().mapped("active"), [False, False, True])

    def test_all_or_none(self):
        self._publish()
        other = self._policy("o1", name="it-support")
        with self.assertRaisesRegex(UserError, r"\[klausel:published-moved\] Somebody else has"):
            self._publish(other, self._policy("d2", replaces="d0"))
        self.assertFalse(self.policies.search([("name", "=", "it-support")]))

    def test_refuses_what_somebody_else_replaced(self):
        self._publish()
        for replaces in ("", "d0"):
            with self.assertRaisesRegex(
                UserError,
                r"^\[klausel:published-moved\] Somebody else has published web-care since this run"
                r" read it\.$",
            ):
                self._publish(self._policy("d2", replaces=replaces))

    def test_refuses_to_take_a_plan_from_a_contract(self):
        self._publish()
        self._publish(
            self._policy("d2", "2", replaces="d1", plans=[self._plan("service-quarterly")])
        )
        with self.assertRaisesRegex(
            UserError,
            r"^\[klausel:plan-in-use\] Policy web-care 3 has no plan “service-quarterly” any more,"
            r" but contracts use it: .*K-1, K-2.*\.$",
        ):
            self._publish(self._policy("d3", "3", replaces="d2", plans=[self._plan("block")]))
        contracts = self.env["klausel.contract"].search([("policy", "=", "web-care")])
        contracts.active = False
        self.assertEqual(
            self._publish(self._policy("d3", "3", replaces="d2", plans=[self._plan("block")])),
            ["web-care"],
        )

    def test_other_companies_have_their_own(self):
        second = self.env["res.company"].create({"name": "Second"})
        self._publish()
        with self.assertRaises(AccessError):
            self._publish(company_id=second.id)
        self.connector.company_ids = [Command.link(second.id)]
        self.assertEqual(self._publish(company_id=second.id), ["web-care"])
        theirs = self.policies.search([("company_id", "=", second.id)])
        self.assertEqual(self.contract.policy_id, self._all())
        policies = self.policies.with_user(self.manager)
        self.assertFalse(policies.search([("company_id", "=", second.id)]))
        for record in (theirs, theirs.plan_ids, theirs.plan_ids.parameter_ids):
            with self.assertRaises(AccessError):
                record.with_user(self.manager).read(["name"])

    def test_only_the_connector_and_managers(self):
        self.assertEqual(self._publish(user=self.manager), ["web-care"])
        for groups in ("base.group_portal", "base.group_user", "klausel_billing.group_user"):
            user = self._user(f"no.{groups}", groups)
            with self.assertRaises(AccessError):
                self._publish(user=user)

    def test_nobody_writes_by_hand(self):
        self._publish()
        policy = self._all()
        reader = self._user("reader", "klausel_billing.group_user")
        admin = self.env.ref("base.user_admin")
        for user in (reader, self.manager, self.connector, admin):
            for record in (policy, policy.plan_ids, policy.plan_ids.parameter_ids):
                mine = record.with_user(user)
                # What plans are made of only forms read.
                if user != self.connector or record == policy:
                    self.assertTrue(mine.read(["name"]))
                for operation in ("create", "write", "unlink"):
                    self.assertFalse(mine.has_access(operation), f"{operation} {record}")

    def test_refuses_other_protocols_and_payloads(self):
        for values in (
            {"protocol": 1},
            {"policies": None},
            {"policies": [{}]},
            {"policies": [{**self._policy(), "plans": "x"}]},
            {"policies": [self._policy(), self._policy()]},
            {"policies": [self._policy(plans=[self._plan("a"), self._plan("a")])]},
            {"policies": [self._policy(plans=[self._plan("a", {**PRICE, "type": "x"})])]},
            {"policies": [self._policy(plans=[self._plan("a", PRICE, PRICE)])]},
            {"policies": [{**self._policy(), "title": {"en": 1}}]},
        ):
            with self.assertRaisesRegex(UserError, r"^\[klausel:protocol\] "):
                self._publish(**values)
        self.assertFalse(self._all())

    def test_the_callers_context_steers_nothing(self):
        records = self.policies.with_user(self.connector).with_context(
            default_active=False, default_version="x", default_clause="9"
        )
        records.klausel_publish(
            {"protocol": 2, "company_id": self.company.id, "policies": [self._policy()]}
        )
        self.assertTrue(self._all().active)

    def test_says_what_is_published_and_used(self):
        self._publish()
        found = self.policies.with_user(self.connector).klausel_published(self.company.id)
        self.assertEqual(
            found["policies"],
            [
                {
                    "name": "web-care",
                    "version": "1",
                    "hash": "h-d1",
                    "digest": "d1",
                    "plans": ["service-quarterly", "block"],
                    "whole": False,
                }
            ],
        )
        self.assertEqual(found["contracts"]["web-care"]["K-1"], ["service-quarterly"])
        with self.assertRaises(AccessError):
            self.policies.with_user(self._user("nobody", "base.group_user")).klausel_published(
                self.company.id
            )

    def test_a_ledger_row_leads_to_its_version(self):
        self._publish()
        first = self._all()
        self._publish(self._policy("d2", "2", replaces="d1"))
        row = self.env["klausel.ledger"].create(
            {
                "contract_id": self.contract.id,
                "term": "S",
                "component": "time",
                "period": "2026-01-01",
                "entry_ref": 0,
                "sequence": 0,
                "policy": "web-care 1 h-d1",
            }
        )
        self.assertEqual(row.policy_id, first)
        row.policy = "web-care 0 h-d0"
        self.assertFalse(row.policy_id)

    # --- contracts --------------------------------------------------------------------------------

    def test_nothing_is_checked_before_anything_is_published(self):
        self.assertFalse(self.contract.policies_published)
        self.assertFalse(self.contract.policy_id)
        self.assertFalse(self.term.plan_id)
        self._term("anything", whatever="a lot")

    def test_what_stands_in_contracts_goes_on_working(self):
        old = self._term("anything", whatever="a lot")
        self._publish()
        self.assertEqual(self.contract.policy_id, self._all())
        self.assertEqual(self.term.plan_id.name, "service-quarterly")
        self.assertFalse(old.plan_id)
        self.contract.sla = "gold"
        old.discount = 5
        other = self._contract("K-7", self.customer, policy="not-published")
        self.assertTrue(other.policies_published)
        self.assertFalse(other.policy_id)

    def test_refuses_plans_that_the_policy_does_not_have(self):
        self._publish()
        with self.assertRaisesRegex(
            ValidationError,
            r"^Term T1: policy web-care 1 has no plan “service-quaterly”\. Choose one of:"
            r" service-quarterly, block\.$",
        ):
            self._term("service-quaterly", price="95.00")
        self._publish(self._policy("o1", name="it-support", plans=[self._plan("flat")]))
        with self.assertRaisesRegex(
            ValidationError,
            r"^Term S: policy it-support 1 has no plan “service-quarterly”\. Choose one of:"
            r" flat\.$",
        ):
            self.contract.policy = "it-support"

    def test_refuses_parameters_that_do_not_fit(self):
        self._publish()
        for parameters, said in (
            (
                {"price": "95.00", "prize": "1"},
                "Term T1: plan service-quarterly has no parameter “prize”. It knows: price,"
                " quantity.",
            ),
            (
                {"price": "ninety"},
                "Term T1: price is “ninety”, which is not a number. Write one such as 95.00.",
            ),
            (
                {"price": "1e3"},
                "Term T1: price is “1e3”, which is not a number. Write one such as 95.00.",
            ),
            (
                {"price": "95.00", "quantity": "-3"},
                "Term T1: quantity is -3, which is less than zero. Write zero or more, such as 10.",
            ),
            (
                {"quantity": "3"},
                "Term T1: plan service-quarterly needs “price”, price per hour, net. Add it with a"
                " value such as 95.00.",
            ),
        ):
            with self.subTest(parameters=parameters), self.env.cr.savepoint():
                with self.assertRaises(ValidationError) as caught:
                    self._term(**parameters)
                self.assertEqual(caught.exception.args[0], said)
        for price in ("0", "0.00", "-0", "+95.00", " 95.00 ", "95"):
            self._term(price=price, quantity="2.5")

    def test_refuses_a_first_value_that_comes_too_late(self):
        self._publish()
        term = self._term(price="95.00")
        with (
            self.assertRaisesRegex(
                ValidationError,
                r"^Term T1: price has no value before 04/01/2026, but the term starts on"
                r" 01/01/2026\. Add a value from 01/01/2026, or leave the day of the first one"
                r" empty\.$",
            ),
            self.env.cr.savepoint(),
        ):
            term.parameter_ids.date_from = "2026-04-01"
        term.write(
            {
                "date_start": "2026-04-01",
                "parameter_ids": [
                    Command.update(term.parameter_ids.id, {"date_from": "2026-04-01"})
                ],
            }
        )
        said = "^Term T1: price has no value before"
        with self.assertRaisesRegex(ValidationError, said), self.env.cr.savepoint():
            term.date_start = False
        # Optional ones may begin whenever they like.
        self.env["klausel.parameter"].create(
            {"term_id": term.id, "name": "quantity", "value": "3", "date_from": "2026-09-01"}
        )

    def test_checks_parameters_that_are_changed_on_their_own(self):
        self._publish()
        term = self._term(price="95.00", quantity="2")
        price = term.parameter_ids.filtered(lambda one: one.name == "price")
        for values in ({"value": "-1"}, {"name": "prize"}, {"name": "hours"}):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                price.write(values)
        with self.assertRaisesRegex(ValidationError, "needs “price”"), self.env.cr.savepoint():
            price.unlink()
        term.write(
            {
                "parameter_ids": [
                    Command.delete(price.id),
                    Command.create({"name": "price", "value": "98.00"}),
                ]
            }
        )
        term.unlink()

    def test_records_say_it_as_well_as_texts(self):
        self._publish()
        policy = self._all()
        plan = policy.plan_ids[0]
        contract = self.env["klausel.contract"].create(
            {
                "code": "K-8",
                "partner_id": self.customer.id,
                "date_start": "2026-01-01",
                "policy_id": policy.id,
                "term_ids": [
                    Command.create(
                        {
                            "code": "S",
                            "plan_id": plan.id,
                            "product_id": self.service.id,
                            "parameter_ids": [
                                Command.create(
                                    {"definition_id": plan.parameter_ids[0].id, "value": "95"}
                                )
                            ],
                        }
                    )
                ],
            }
        )
        self.assertEqual(contract.policy, "web-care")
        self.assertEqual(contract.term_ids.plan, "service-quarterly")
        self.assertEqual(contract.term_ids.parameter_ids.name, "price")

    # --- forms ------------------------------------------------------------------------------------

    def test_the_form_takes_texts_while_nothing_is_published(self):
        contracts = self.env["klausel.contract"].with_user(self.manager)
        with Form(contracts) as form:
            form.code = "K-8"
            form.partner_id = self.customer
            form.date_start = "2026-01-01"
            form.policy = "web-care"
            with form.term_ids.new() as term:
                term.code = "S"
                term.plan = "service-quarterly"
                term.product_id = self.product
        self.assertEqual(form.record.term_ids.plan, "service-quarterly")

    def test_the_form_offers_what_is_published(self):
        self._publish()
        policy = self._all()
        quarterly, block = policy.plan_ids
        contracts = self.env["klausel.contract"].with_user(self.manager)
        with Form(contracts) as form:
            form.code = "K-8"
            form.partner_id = self.customer
            form.date_start = "2026-01-01"
            self.assertTrue(form.policies_published)
            form.policy_id = policy
            self.assertEqual(form.policy, "web-care")
            with form.term_ids.new() as term:
                term.code = "S"
                term.product_id = self.product
                self.assertEqual(term.policy_id, policy)
                term.plan_id = block
                self.assertEqual(term.plan, "block")
                self.assertEqual(len(term.parameter_ids), 2)
                term.plan_id = quarterly
                self.assertEqual(len(term.parameter_ids), 1)
                with term.parameter_ids.edit(0) as price:
                    self.assertEqual(price.definition_id, quarterly.parameter_ids[0])
                    self.assertEqual(price.example, "95.00")
                    price.value = "95.00"
                with term.parameter_ids.new() as quantity:
                    quantity.definition_id = quarterly.parameter_ids[1]
                    quantity.value = "2"
        term = form.record.term_ids
        self.assertEqual(term.plan, "service-quarterly")
        found = {one.name: one.value for one in term.parameter_ids}
        self.assertEqual(found, {"price": "95.00", "quantity": "2"})

    def test_the_form_shows_a_text_that_is_not_published(self):
        other = self._contract("K-8", self.customer, policy="by-hand")
        self._publish()
        with Form(other.with_user(self.manager)) as form:
            form.sla = "gold"
        self.assertEqual((other.policy, other.sla), ("by-hand", "gold"))
        with Form(other.with_user(self.manager)) as form:
            form.policy_id = self._all()
        self.assertEqual(other.policy, "web-care")

    # --- what is accepted ---------------------------------------------------------------------

    def _accept(self, term, part):
        return self.env["klausel.acceptance"].create(
            {"term_id": term.id, "part": part, "contract_id": term.contract_id.id}
        )

    def test_an_acceptance_of_a_part_that_is_not_there(self):
        plans = [
            self._plan("service-quarterly", PRICE, parts=[]),
            self._plan("works", PRICE, parts=["Draft", "Final"]),
            self._plan("whole", PRICE, parts=[""]),
            self._plan("older", PRICE),
        ]
        self.term.parameter_ids = [Command.create({"name": "price", "value": "95.00"})]
        self._publish(self._policy(plans=plans))
        works, whole, older, hours = (
            self._term(name, price="900.00")
            for name in ("works", "whole", "older", "service-quarterly")
        )
        for term, part, said in (
            (works, "Drft", "Plan works has no part “Drft”. Choose one of: Draft, Final."),
            (
                works,
                False,
                "Plan works has several parts. Say which one is accepted: Draft, Final.",
            ),
            (whole, "Draft", "Plan whole is accepted as a whole: leave the part “Draft” out."),
            (hours, "Draft", "Plan service-quarterly has no parts that are accepted."),
        ):
            with self.assertRaises(ValidationError) as caught:
                self._accept(term, part)
            self.assertEqual(caught.exception.args[0], said)
        self._accept(older, "anything")
        self._accept(whole, False)
        accepted = self._accept(works, "Final")
        with self.assertRaisesRegex(ValidationError, "no part “Finale”"):
            accepted.part = "Finale"
        with self.assertRaisesRegex(ValidationError, "accepted as a whole"):
            works.plan = "whole"

    def test_a_purchase_of_a_term_that_sells_no_hours(self):
        plans = [
            self._plan("service-quarterly", PRICE, sells_hours=False),
            self._plan("block", PRICE, sells_hours=True),
            self._plan("older", PRICE),
        ]
        self.term.parameter_ids = [Command.create({"name": "price", "value": "95.00"})]
        self._publish(self._policy(plans=plans))
        hours, block, older = (
            self._term(name, price="90.00") for name in ("service-quarterly", "block", "older")
        )

        def buy(term):
            return self.env["klausel.purchase"].create(
                {
                    "contract_id": term.contract_id.id,
                    "term_id": term.id,
                    "date": "2026-03-01",
                    "hours": 10,
                }
            )

        with self.assertRaises(ValidationError) as caught:
            buy(hours)
        self.assertEqual(
            caught.exception.args[0],
            f"Plan service-quarterly of term {hours.code} sells no hours. Choose a term whose plan"
            " does, or remove the purchase of 03/01/2026.",
        )
        buy(older)
        bought = buy(block)
        with self.assertRaisesRegex(ValidationError, "sells no hours"):
            block.plan = "service-quarterly"
        with self.assertRaisesRegex(ValidationError, "sells no hours"):
            bought.term_id = hours

    def test_a_term_without_a_product(self):
        contracts = self.env["klausel.contract"].with_user(self.manager)
        form = Form(contracts)
        term = form.term_ids.new()
        term.code = "S"
        term.plan = "service-quarterly"
        with self.assertRaisesRegex(AssertionError, "'product_id' is a required field"):
            term.save()
