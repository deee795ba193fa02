from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import KlauselCase


def rule(name, kind="scope", **values):
    return {
        "kind": kind,
        "name": name,
        "clause": "2.1",
        "disposition": "included" if kind == "scope" else "",
        "plan": "",
        "effect": {"en": f"Where x is {name}: included.", "de": f"Ist x {name}: inbegriffen."},
        "because": {"en": f"{name} is paid.", "de": f"{name} ist bezahlt."},
        **values,
    }


PLAN = {
    "name": "service-quarterly",
    "title": {},
    "clause": "3.3",
    "parameters": [],
    "because": {"en": "Billed each quarter.", "de": "Je Quartal berechnet."},
}
PART = rule(
    "service-quarterly.time",
    kind="component",
    plan="service-quarterly",
    effect={"en": "Time by the hour.", "de": "Zeit nach Stunden."},
)
RULES = [
    rule("work", kind="field", clause="", because={}),
    rule("W1"),
    rule("W1", effect={"en": "From May on."}),
    rule("otherwise", because={}),
    rule("A1", kind="approval"),
    rule("M1", kind="budget"),
    rule("Z1", kind="surcharge"),
    rule("rounding", kind="rounding", clause="", because={}),
    PART,
]


@tagged("post_install", "-at_install")
class TestReasons(KlauselCase):
    """A policy is readable as sentences, and a ledger row leads to the one that decided it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connector = cls._user("bot", "klausel_billing.group_connector")
        cls.reader = cls._user("reader", "klausel_billing.group_user")
        cls.policies = cls.env["klausel.policy"].with_context(active_test=False)

    def _publish(self, rules=RULES, digest="d1", replaces="", **values):
        policy = {
            "name": "web-care",
            "version": "1",
            "hash": f"h-{digest}",
            "digest": digest,
            "replaces": replaces,
            "title": {},
            "plans": [PLAN],
            **values,
        }
        if rules is not None:
            policy["rules"] = rules
        payload = {"protocol": 2, "company_id": self.company.id, "policies": [policy]}
        answer = self.policies.with_user(self.connector).klausel_publish(payload)
        self.assertLessEqual(set(answer), {"published"})
        return self.policies.search([("name", "=", "web-care"), ("active", "=", True)])

    def _row(self, rule="W1", policy="web-care 1 h-d1", **values):
        return self.env["klausel.ledger"].create(
            {
                "contract_id": self.contract.id,
                "term": "S",
                "component": "time",
                "period": "2026-01-01",
                "sequence": 0,
                "entry_ref": 0,
                "line_group": f"g{self.env['klausel.ledger'].search_count([])}",
                "rule": rule,
                "policy": policy,
                **values,
            }
        )

    # --- publishing -----------------------------------------------------------------------------

    def test_keeps_every_rule_in_its_order(self):
        policy = self._publish()
        self.assertEqual(
            policy.rule_ids.mapped("name"),
            ["W1", "W1", "otherwise", "A1", "M1", "Z1", "rounding"],
        )
        self.assertEqual(policy.field_ids.mapped("name"), ["work"])
        first = policy.rule_ids[0]
        self.assertEqual(
            (first.kind, first.clause, first.disposition), ("scope", "2.1", "included")
        )
        self.assertEqual(first.display_name, "W1 (clause 2.1)")
        self.assertEqual(policy.rule_ids[-1].display_name, "rounding")
        self.assertFalse(policy.rule_ids[2].sentence)
        plan = policy.plan_ids
        self.assertEqual(
            (plan.sentence, plan.effect), ("Billed each quarter.", "Time by the hour.")
        )
        self.assertEqual(plan.rule_ids.mapped("name"), ["service-quarterly.time"])

    def test_in_the_readers_language_installed_now_or_later(self):
        policy = self._publish()
        self.env["res.lang"]._activate_lang("de_DE")
        self.env["res.lang"]._activate_lang("fr_FR")
        for code, effect, sentence in (
            ("en_US", "Where x is W1: included.", "W1 is paid."),
            ("de_DE", "Ist x W1: inbegriffen.", "W1 ist bezahlt."),
            ("fr_FR", "Where x is W1: included.", "W1 is paid."),
        ):
            first = policy.with_context(lang=code).rule_ids[0]
            self.assertEqual((first.effect, first.sentence), (effect, sentence))
        self.assertEqual(policy.with_context(lang="de_DE").plan_ids.effect, "Zeit nach Stunden.")

    def test_older_programs_send_none_and_newer_ones_bring_them(self):
        old = self._publish(None)
        self.assertFalse(old.rule_ids)
        self.assertIs(self._published()["whole"], False)
        # The digest is the same where an older addon dropped what it did not know.
        new = self._publish(replaces="d1")
        self.assertNotEqual(new, old)
        self.assertTrue(new.rule_ids)
        self.assertIs(self._published()["whole"], True)
        self.assertEqual(self._publish(replaces="d1"), new)
        # And back again: nothing that is there is lost.
        self.assertEqual(self._publish(None), new)

    def _published(self):
        (found,) = self.policies.with_user(self.connector).klausel_published(self.company.id)[
            "policies"
        ]
        return found

    def test_refuses_what_is_no_rule(self):
        for rules in (
            "x",
            [rule("")],
            ["x"],
            [rule("W1", kind="")],
            [rule("W1", kind="x")],
            [rule("W1", disposition="x")],
            [rule("W1", effect=["x"])],
            [rule("W1", because={"en": 1})],
            [rule("W1", plan="service-quarterly")],
            [{**PART, "plan": ""}],
            [{**PART, "plan": "other"}],
        ):
            with self.assertRaisesRegex(UserError, r"^\[klausel:protocol\] "):
                self._publish(rules)
        self.assertFalse(self.policies.search([("name", "=", "web-care")]))

    def test_nobody_writes_by_hand_and_other_companies_see_nothing(self):
        policy = self._publish()
        manager = self._user("keeper", "klausel_billing.group_manager")
        for user in (self.reader, manager, self.env.ref("base.user_admin")):
            mine = policy.rule_ids.with_user(user)
            self.assertTrue(mine.read(["effect"]))
            for operation in ("create", "write", "unlink"):
                self.assertFalse(mine.has_access(operation))
        second = self.env["res.company"].create({"name": "Second"})
        stranger = self._user("other", "klausel_billing.group_user")
        stranger.write({"company_ids": [Command.set(second.ids)], "company_id": second.id})
        self.assertFalse(self.env["klausel.rule"].with_user(stranger).search([]))
        with mute_logger("odoo.addons.base.models.ir_rule"), self.assertRaises(AccessError):
            policy.rule_ids.with_user(stranger).read(["effect"])

    def test_the_form_opens_for_a_reader(self):
        policy = self._publish()
        form = Form(policy.with_user(self.reader), view="klausel_billing.klausel_policy_view_form")
        self.assertEqual(form.name, "web-care")

    # --- the ledger -----------------------------------------------------------------------------

    def test_a_row_says_the_sentence_of_the_publication_that_decided_it(self):
        self._publish()
        row = self._row()
        self._publish(
            [rule("W1", because={"en": "Not any more.", "de": "Nicht mehr."})],
            digest="d2",
            replaces="d1",
            version="1",
        )
        later = self._row(policy="web-care 1 h-d2")
        self.assertEqual((row + later).mapped("because"), ["W1 is paid.", "Not any more."])
        self.env["res.lang"]._activate_lang("de_DE")
        for user in (self.reader, self.connector):
            rows = (row + later).with_context(lang="de_DE").with_user(user)
            self.assertEqual(rows.mapped("because"), ["W1 ist bezahlt.", "Nicht mehr."])

    def test_rows_without_a_sentence(self):
        self._publish()
        for values in (
            {"rule": "otherwise"},
            {"rule": "X9"},
            {"rule": False},
            {"rule": "rounding"},
            {"rule": "work"},
            {"rule": "service-quarterly.time"},
            {"rule": "override", "entry_ref": 0},
            {"policy": "web-care 9 h-d1"},
            {"policy": False},
        ):
            self.assertFalse(self._row(**values).because, values)

    def test_a_notice_says_the_sentence_of_its_budget(self):
        self._publish()
        row = self._row(rule=False, component="notice", line_group="M1/2026-01-01/80")
        self.assertEqual(row.because, "M1 is paid.")

    def test_what_was_decided_by_hand(self):
        self._publish()
        employee = self.env["hr.employee"].create({"name": "Bo", "company_id": self.company.id})
        entry = self.env["account.analytic.line"].create(
            {"name": "x", "project_id": self.project.id, "employee_id": employee.id}
        )
        first = self.env["klausel.override"].create(
            {"entry_id": entry.id, "disposition": "internal", "reason": "Our slip"}
        )
        row = self._row(rule="override", entry_ref=entry.id)
        self.assertEqual(row.because, "Decided by hand: Our slip")
        first.sudo().write({"state": "revoked", "revoked_on": "2099-01-01"})
        row.invalidate_recordset(["because"])
        self.assertEqual(row.because, "Decided by hand: Our slip")
        first.sudo().write({"revoked_on": "2020-01-01"})
        row.invalidate_recordset(["because"])
        self.assertFalse(row.because)

    def test_many_rows_take_no_more_queries_than_few(self):
        self._publish()
        rows = self.env["klausel.ledger"].concat(*(self._row() for _ in range(40)))
        self.env.flush_all()

        def queries(some):
            self.env.invalidate_all()
            some.mapped("rule")
            before = self.env.cr.sql_log_count
            some.mapped("because")
            return self.env.cr.sql_log_count - before

        queries(rows)
        self.assertEqual(queries(rows), queries(rows[:2]))
