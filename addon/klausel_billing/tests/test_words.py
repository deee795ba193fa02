from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import KlauselCase

WORDS = {
    "origin": ["customer", "ours", "third_party", "unknown"],
    "initiated_by": ["customer", "us"],
    "activity": ["hosting", "support"],
    "task_tag": ["security patch"],
    "entry_tag": ["travel"],
    "sla": ["gold"],
}


@tagged("post_install", "-at_install")
class TestWords(KlauselCase):
    """Forms know the words of published policies, offer them, and doubt others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.words = cls.env["klausel.word"]
        cls.connector = cls._user("bot", "klausel_billing.group_connector")
        cls.keeper = cls._user(
            "keeper", "klausel_billing.group_manager", "project.group_project_user"
        )

    def _publish(self, words, company=None, name="web-care", digest="d1", replaces=""):
        company = company or self.company
        policy = {
            "name": name,
            "version": digest,
            "hash": digest,
            "digest": digest,
            "replaces": replaces,
            "title": {},
            "plans": [
                {"name": "service-quarterly", "title": {}, "clause": "", "parameters": []},
            ],
        }
        if words is not None:
            policy["words"] = words
        payload = {"protocol": 2, "company_id": company.id, "policies": [policy]}
        self.env["klausel.policy"].with_user(self.connector).klausel_publish(payload)

    def _of(self, company):
        found = self.words.search([("company_id", "=", company.id)])
        return {(word.fact, word.name) for word in found}

    def _doubt(self, record, field, value):
        """What a form says once ``field`` of ``record`` is ``value``; "" where nothing."""
        form = record.new({field: value}, origin=record)
        found = form._onchange_methods[field]
        answers = [answer for method in found if (answer := method(form))]
        return "\n".join(answer["warning"]["message"] for answer in answers)

    # --- publishing ------------------------------------------------------------------------------

    def test_a_publication_replaces_all_words_of_the_one_before(self):
        self._publish(WORDS)
        self.assertEqual(
            self._of(self.company), {(fact, name) for fact, some in WORDS.items() for name in some}
        )
        self._publish({"origin": ["ours"]}, digest="d2", replaces="d1")
        self.assertEqual(self._of(self.company), {("origin", "ours")})
        self._publish({"origin": ["theirs"]}, name="it-support", digest="o1")
        self.assertEqual(self._of(self.company), {("origin", "ours"), ("origin", "theirs")})
        # A program of before there were words says none.
        self._publish(None, digest="d3", replaces="d2")
        self.assertEqual(self._of(self.company), {("origin", "theirs")})

    def test_the_same_word_twice_is_one(self):
        self._publish({"origin": ["ours", "ours"]})
        self.assertEqual(self._of(self.company), {("origin", "ours")})

    def test_what_is_no_word_is_refused(self):
        for words in (
            {"colour": ["red"]},
            {"origin": "ours"},
            {"origin": [1]},
            {"origin": [""]},
            7,
        ):
            with self.assertRaisesRegex(UserError, "sent something else for “(words|origin)”"):
                self._publish(words)
        self.assertFalse(self._of(self.company))

    # --- doubts ----------------------------------------------------------------------------------

    def test_a_slip_names_what_was_meant(self):
        self._publish(WORDS)
        for field, said, meant in (
            ("klausel_origin", "our", "ours"),
            ("klausel_initiated_by", "custmer", "customer"),
            ("klausel_activity", "suport", "support"),
        ):
            with self.subTest(field):
                self.assertEqual(
                    self._doubt(self.ticket, field, said),
                    f"No published policy knows “{said}”. Nearest known: {meant}.",
                )

    def test_other_words_are_doubted_where_all_are_known(self):
        self._publish(WORDS)
        self.assertEqual(
            self._doubt(self.ticket, "klausel_origin", "vendor"),
            "No published policy knows “vendor”. Known are: customer, ours, third_party, unknown.",
        )
        # Of activities there are many that no rule asks for.
        self.assertEqual(self._doubt(self.ticket, "klausel_activity", "cleaning"), "")

    def test_known_words_are_not_doubted(self):
        self._publish(WORDS)
        for said in ("ours", "OURS", " Third_Party ", "", False):
            self.assertEqual(self._doubt(self.ticket, "klausel_origin", said), "", said)

    def test_nothing_published_nothing_doubted(self):
        self.assertEqual(self._doubt(self.ticket, "klausel_origin", "our"), "")
        self._publish({"activity": ["support"]})
        self.assertEqual(self._doubt(self.ticket, "klausel_origin", "our"), "")

    def test_tags_and_the_service_level_too(self):
        self._publish(WORDS)
        tags = self.env["project.tags"].create(
            [{"name": "Security Patsch"}, {"name": "Security Patch"}, {"name": "Travels"}]
        )
        slip, right, travel = tags
        self.assertIn(
            "Nearest known: security patch.",
            self._doubt(self.ticket, "tag_ids", [Command.set(slip.ids)]),
        )
        self.assertEqual(self._doubt(self.ticket, "tag_ids", [Command.set(right.ids)]), "")
        line = self.env["account.analytic.line"].create(
            {
                "name": "Work",
                "project_id": self.project.id,
                "employee_id": self.env["hr.employee"].create({"name": "Bo"}).id,
                "date": fields.Date.to_date("2026-03-02"),
                "unit_amount": 1,
            }
        )
        self.assertIn(
            "Nearest known: travel.",
            self._doubt(line, "klausel_tag_ids", [Command.set(travel.ids)]),
        )
        self.assertIn("Nearest known: support.", self._doubt(line, "klausel_activity", "Suport"))
        self.assertIn("Nearest known: gold.", self._doubt(self.contract, "sla", "Golds"))
        self.assertEqual(self._doubt(self.contract, "sla", "platinum"), "")

    def test_a_long_list_is_cut(self):
        self._publish({"origin": [f"w{number:02}" for number in range(20)]})
        said = self._doubt(self.ticket, "klausel_origin", "vendor")
        self.assertTrue(said.endswith("w10, w11, …."), said)

    def test_it_is_said_and_does_not_hinder(self):
        """In a form, as somebody who may read no more than tasks."""
        self._publish(WORDS)
        ticket = self.ticket.with_user(self.keeper)
        with self.assertLogs("odoo.tests.form.onchange", "WARNING") as logs, Form(ticket) as form:
            form.klausel_origin = "our"
        self.assertIn("Nearest known: ours.", "".join(logs.output))
        self.assertEqual(self.ticket.klausel_origin, "our")

    def test_in_german_and_dutch(self):
        self._publish(WORDS)
        for code, said in (
            ("de_DE", "Kein veröffentlichtes Regelwerk kennt „our“. Am nächsten kommt: ours."),
            ("nl_NL", "Geen gepubliceerd regelwerk kent “our”. Het dichtst in de buurt: ours."),
        ):
            self.env["res.lang"]._activate_lang(code)
            task = self.ticket.with_context(lang=code)
            self.assertEqual(self._doubt(task, "klausel_origin", "our"), said)

    # --- companies and rights --------------------------------------------------------------------

    def test_every_company_has_words_of_its_own(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.connector.company_ids = [Command.link(other.id)]
        self._publish({"origin": ["ours"]})
        self._publish({"origin": ["elsewhere"]}, company=other, digest="o1")
        self.assertEqual(self._doubt(self.ticket, "klausel_origin", "ours"), "")
        self.assertIn("“elsewhere”", self._doubt(self.ticket, "klausel_origin", "elsewhere"))
        # One who works for both, on a task that is of no company.
        both = self.env(context={"allowed_company_ids": [self.company.id, other.id]})
        task = both["project.task"].create({"name": "Nobody's"})
        self.assertFalse(task.company_id)
        for said in ("ours", "elsewhere"):
            self.assertEqual(self._doubt(task, "klausel_origin", said), "", said)
        one = task.with_context(allowed_company_ids=other.ids)
        self.assertIn("Known are: elsewhere.", self._doubt(one, "klausel_origin", "ours"))

    def test_who_may_write_the_fields_reads_the_words_of_their_companies(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.connector.company_ids = [Command.link(other.id)]
        self._publish({"origin": ["ours"]})
        self._publish({"origin": ["elsewhere"]}, company=other, digest="o1")
        for number, group in enumerate(
            (
                "klausel_billing.group_user",
                "project.group_project_user",
                "hr_timesheet.group_hr_timesheet_user",
            )
        ):
            user = self._user(f"reader-{number}", group)
            words = self.words.with_user(user).with_context(allowed_company_ids=self.company.ids)
            self.assertEqual(words.search([]).mapped("name"), ["ours"], group)
            with self.assertRaises(AccessError):
                words.with_context(allowed_company_ids=other.ids).search([]).mapped("name")

    def test_nobody_writes_words(self):
        self._publish({"origin": ["ours"]})
        word = self.words.search([])
        for user in (self.connector, self.keeper, self._user("some", "klausel_billing.group_user")):
            for act in (
                lambda words: words.create(
                    {"policy_id": word.policy_id.id, "fact": "origin", "name": "mine"}
                ),
                lambda words: words.browse(word.id).write({"name": "mine"}),
                lambda words: words.browse(word.id).unlink(),
            ):
                with self.assertRaises(AccessError):
                    act(self.words.with_user(user))
        plain = self._user("plain", "base.group_user")
        with self.assertRaises(AccessError):
            self.words.with_user(plain).search([])
