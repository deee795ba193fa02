import json
from unittest.mock import patch

from odoo import SUPERUSER_ID, api
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Date
from odoo.sql_db import db_connect
from odoo.tests import Form, tagged
from odoo.tools import SQL, mute_logger
from psycopg2.errors import SerializationFailure, UniqueViolation

from ..models.application import Application
from ..models.payload import parse
from .billing import BillingCase


@tagged("post_install", "-at_install")
class TestApply(BillingCase):
    def test_a_draft_and_its_ledger(self):
        before = self._seq()
        result = self._apply()
        self.assertEqual(result["seq"], before + 1)
        self.assertEqual(self._seq(), before + 1)
        self.assertEqual((result["rows"], result["replayed"]), (4, False))
        move = self.env["account.move"].browse(result["moves"][0]["id"])
        self.assertEqual(move.state, "draft")
        self.assertEqual(move.move_type, "out_invoice")
        self.assertEqual(move.company_id, self.company)
        self.assertEqual(move.journal_id.type, "sale")
        self.assertEqual(move.partner_id, self.customer)
        self.assertEqual(move.amount_untaxed, 332.5)
        self.assertEqual(move.invoice_origin, "K-1")
        self.assertFalse(move.invoice_date)
        self.assertNotEqual(move.invoice_user_id, self.connector)
        self.assertNotIn(self.connector.partner_id, move.message_partner_ids)
        line = move.invoice_line_ids
        self.assertEqual((line.quantity, line.price_unit), (3.5, 95))
        rows = self._ledger()
        self.assertEqual(len(rows), 4)
        self.assertEqual(rows.mapped("partner_id"), self.customer)
        billed = rows.filtered("move_line_id")
        self.assertEqual(len(billed), 3)
        self.assertEqual((billed.move_line_id, billed.move_id), (line, move))
        self.assertEqual(set(billed.entry_id.ids), {self.first.id, self.second.id})
        self.assertEqual(set(billed.mapped("entry_ref")), {0, self.first.id, self.second.id})
        closing = rows - billed
        self.assertEqual((closing.line_group, closing.sequence, closing.entry_ref), ("", 0, 0))
        self.assertEqual(self.first.timesheet_invoice_id, move)
        self.assertFalse(self.third.timesheet_invoice_id)
        self.assertEqual(rows.run_id.move_ids, move)
        self.assertIn("Mill", str(move.message_ids.mapped("body")))

    def test_ledger_rows_keep_their_figures(self):
        line, rows = self._line()
        rows[0].update(rate="95.0000000001", amount="332.500000000350")
        rows[1].update(lot="June", held="limit", rounded=7201)
        self._apply(self._payload([self._move(line)], rows))
        row = self._ledger(("amount", "!=", False))
        self.assertEqual((row.rate, row.amount), ("95.0000000001", "332.500000000350"))
        row = self._ledger(("lot", "=", "June"))
        self.assertEqual((row.held, row.seconds, row.rounded), ("limit", 7200, 7201))
        self.assertEqual((row.disposition, row.rule, row.policy), ("service", "S1", False))

    def test_settled_without_money(self):
        rows = [
            {
                "contract": "K-1",
                "term": "",
                "component": "scope",
                "period": "2026-02-01",
                "entry": str(self.first.id),
                "seconds": 7200,
                "rounded": 7200,
                "disposition": "included",
                "rule": "W1",
            }
        ]
        result = self._apply(self._payload([], rows))
        self.assertEqual((result["moves"], result["rows"]), ([], 1))
        self.assertEqual(self._ledger().entry_id, self.first)
        self.assertFalse(self.first.timesheet_invoice_id)

    def test_the_same_call_again(self):
        payload = self._payload()
        first = self._apply(payload)
        payload = json.loads(json.dumps(payload))
        again = self._apply(payload)
        self.assertEqual(again, {**first, "replayed": True})
        self.assertEqual(len(self._ledger()), 4)
        self.assertEqual(self._seq(), first["seq"])
        other = self._user("bot2", "klausel_billing.group_connector")
        self.assertTrue(self._apply(payload, other)["replayed"])

    # --- how the draft is made

    def test_invoice_address_and_reference(self):
        office = self.env["res.partner"].create(
            {"name": "Books", "type": "invoice", "parent_id": self.customer.id}
        )
        terms = self.env.ref("account.account_payment_term_30days")
        self.customer.property_payment_term_id = terms
        self.customer.user_id = self.manager
        move = self._bill(reference="PO 4711")
        self.assertEqual(move.partner_id, office)
        self.assertEqual(move.ref, "PO 4711")
        self.assertEqual(move.invoice_payment_term_id, terms)
        self.assertEqual(move.invoice_user_id, self.manager)

    def test_sections_notes_and_narration(self):
        line, rows = self._line()
        section = {"key": "", "display_type": "line_section", "name": "Shop"}
        note = {"key": "", "display_type": "line_note", "name": "Clause 2.1: <b>patches</b>"}
        asked = self._move(line, narration="Hours left: 3 < 4\nService period: 2026-02")
        asked["lines"] = [section, line, note]
        result = self._apply(self._payload([asked], rows))
        move = self.env["account.move"].browse(result["moves"][0]["id"])
        lines = move.invoice_line_ids.sorted("sequence")
        self.assertEqual(lines.mapped("display_type"), ["line_section", "product", "line_note"])
        self.assertEqual(lines[2].name, "Clause 2.1: <b>patches</b>")
        self.assertIn("Hours left: 3 &lt; 4", move.narration)

    def test_a_text_that_names_its_product(self):
        """Odoo's form takes the product's name out of the text: it has a row of its own."""
        self.env["res.lang"]._activate_lang("de_DE")
        self.product.with_context(lang="de_DE").name = "Betreuung"
        texts = {
            "Betreuung, Februar 2026": "Betreuung\nFebruar 2026",
            "Betreuung je Monat, Februar 2026": "Betreuung\nBetreuung je Monat, Februar 2026",
            "Service zur Betreuung": "Betreuung\nService zur Betreuung",
            "Service, Februar 2026": "Service, Februar 2026",
            "Web care, February 2026": "Web care, February 2026",
        }
        pairs = [
            self._line(name=text, quantity="0.5", entries=self.third, group=str(number))
            for number, text in enumerate(texts)
        ]
        asked = self._move(*[line for line, _rows in pairs], total="237.50", language="de_DE")
        rows = [row for _line, some in pairs for row in some]
        result = self._apply(self._payload([asked], rows))
        move = self.env["account.move"].browse(result["moves"][0]["id"])
        lines = move.invoice_line_ids.sorted("sequence")
        self.assertEqual(lines.mapped("name"), list(texts.values()))

    def test_language_of_the_customer(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.customer.lang = "de_DE"
        product_line, rows = self._line(name="Betreuung Februar 2026")
        result = self._apply(self._payload([self._move(product_line, language="de_DE")], rows))
        move = self.env["account.move"].browse(result["moves"][0]["id"])
        self.assertEqual(move.invoice_line_ids.name, "Betreuung Februar 2026")
        line, rows = self._line(entries=self.third, quantity="0.5", sequence=1)
        asked = self._move(line, total="47.50", language="xx_XX")
        self.assertTrue(self._apply(self._payload([asked], rows)))

    def test_discount(self):
        line = self._line(quantity="12", price="49.90", discount="12.5")
        move = self._bill(line, total="523.95")
        self.assertEqual(move.amount_untaxed, 523.95)

    def test_both_ways_of_rounding(self):
        """Ten lines of 0.25 h at 95.50: 238.75, or 238.80 line by line."""
        for method, total in (("round_globally", "238.75"), ("round_per_line", "238.80")):
            with self.subTest(method=method):
                self.company.tax_calculation_rounding_method = method
                lines = [
                    self._line("0.25", "95.50", self.first, group=f"{method} {number}")
                    for number in range(10)
                ]
                other = "238.80" if total == "238.75" else "238.75"
                rows = [row for _line, some in lines for row in some]
                asked = [line for line, _rows in lines]
                self._refused(
                    "total-differs", self._payload([self._move(*asked, total=other)], rows)
                )
                move = self._bill(*lines, total=total, closing=False)
                self.assertEqual(str(move.amount_untaxed), total.rstrip("0"))

    def test_currencies_with_other_digits(self):
        for name, quantity, price, total in (
            ("JPY", "1.5", "1001", "1502"),
            ("KWD", "0.25", "9.1234", "2.281"),
            ("USD", "0.25", "9.1234", "2.28"),
        ):
            for method in ("round_globally", "round_per_line"):
                with self.subTest(currency=name, method=method):
                    currency = self.env.ref(f"base.{name}")
                    currency.active = True
                    self.company.tax_calculation_rounding_method = method
                    contract = self._contract(
                        f"{name} {method}", self.contact, currency_id=currency.id
                    )
                    line, rows = self._line(
                        quantity, price, self.first, group=f"{name} {method}", contract=contract
                    )
                    asked = self._move(line, total=total, currency=name)
                    result = self._apply(self._payload([asked], rows))
                    move = self.env["account.move"].browse(result["moves"][0]["id"])
                    self.assertEqual(move.currency_id, currency)
                    self.assertEqual(move.amount_untaxed, float(total))

    def test_taxes_are_odoos(self):
        tax = self.env["account.tax"].create(
            {"name": "19 %", "amount": 19, "type_tax_use": "sale", "company_id": self.company.id}
        )
        self.product.taxes_id = tax
        move = self._bill()
        self.assertEqual(move.invoice_line_ids.tax_ids, tax)
        self.assertEqual(move.amount_untaxed, 332.5)
        self.assertAlmostEqual(move.amount_tax, 63.18)

    def test_analytic_distribution(self):
        other = self._project("Mobile", self.customer)
        ticket = self._ticket("Login", other, self.customer)
        more = self._entry(5.0, project_id=other.id, task_id=ticket.id)
        line = self._line("7.0", "10.00", self.first + more)
        move = self._bill(line, total="70.00")
        shares = move.invoice_line_ids.analytic_distribution
        self.assertEqual(
            shares, {str(self.project.account_id.id): 28.57, str(other.account_id.id): 71.43}
        )
        other.account_id = False
        line = self._line("7.0", "10.00", self.first + more, sequence=1)
        move = self._bill(line, total="70.00", closing=False)
        self.assertEqual(
            move.invoice_line_ids.analytic_distribution, {str(self.project.account_id.id): 28.57}
        )

    def test_hours_are_billed_in_hours(self):
        self.product.uom_id = self.env.ref("uom.product_uom_day")
        move = self._bill()
        self.assertEqual(move.invoice_line_ids.product_uom_id.id, self._uom("hour"))
        self.assertEqual(move.amount_untaxed, 332.5)

    def test_months_are_not_hours(self):
        move = self._bill(
            self._line("3", "49.00", entries=self.first, unit="month"), total="147.00"
        )
        self.assertEqual(move.invoice_line_ids.product_uom_id.id, self._uom("unit"))

    def _uom(self, name):
        return self.env.ref(f"uom.product_uom_{name}").id

    def test_credit_note(self):
        invoice = self._bill()
        line, rows = self._line("1", "95.00", self.first, sequence=1)
        asked = self._move(line, total="95.00", move_type="out_refund", reverses=invoice.id)
        result = self._apply(self._payload([asked], rows))
        credit = self.env["account.move"].browse(result["moves"][0]["id"])
        self.assertEqual(credit.move_type, "out_refund")
        self.assertEqual(credit.reversed_entry_id, invoice)
        self.assertEqual(credit.amount_untaxed, 95)

    def test_several_moves(self):
        other = self._contract("K-3", self.customer)
        first, rows = self._line()
        second, more = self._line("0.5", "100.00", self.third, contract=other)
        moves = [self._move(first), self._move(second, total="50.00")]
        result = self._apply(self._payload(moves, rows + more))
        self.assertEqual([move["key"] for move in result["moves"]], [first["key"], second["key"]])
        moves = self.env["account.move"].browse([move["id"] for move in result["moves"]])
        self.assertEqual(moves.mapped("amount_untaxed"), [332.5, 50.0])
        self.assertEqual(moves.mapped("invoice_origin"), ["K-1", "K-3"])
        self.assertEqual(self.third.timesheet_invoice_id, moves[1])

    def test_the_context_of_the_caller_steers_nothing(self):
        contracts = self.env["klausel.contract"].with_user(self.connector)
        contracts = contracts.with_context(
            default_invoice_date="2020-01-01",
            default_ref="injected",
            default_state="released",
            skip_invoice_sync=True,
            klausel_no_notes=True,
        )
        result = contracts.klausel_apply(self._payload())
        move = self.env["account.move"].browse(result["moves"][0]["id"])
        self.assertFalse(move.invoice_date or move.ref)
        self.assertEqual(len(self._ledger()), 4)

    # --- a draft that is there already

    def _again(self, **values):
        line = self._line("0.5", "95.00", self.third, sequence=1)
        return self._bill(line, total="47.50", closing=False, refresh=True, **values)

    def test_refresh(self):
        move = self._bill(narration="First")
        again = self._again(narration="Second")
        self.assertEqual(again, move)
        self.assertEqual(len(move.invoice_line_ids), 2)
        self.assertEqual(move.amount_untaxed, 380.0)
        self.assertIn("First", move.narration)
        self.assertIn("Second", move.narration)
        self.assertEqual(self._ledger().move_id, move)
        self.assertEqual(len(self._ledger().run_id), 2)
        self.assertEqual(self.third.timesheet_invoice_id, move)
        line = self._line("1", "10.00", self.third, sequence=2)
        more = self._bill(line, total="10.00", closing=False, refresh=True)
        self.assertEqual(more, move)
        self.assertEqual(move.invoice_line_ids.sorted("sequence").mapped("quantity"), [3.5, 0.5, 1])

    def test_marks_go_on_where_lines_are_added(self):
        """What is added to a draft has numbers of its own: each note is of one line."""

        def marked(line, text, **values):
            line[0]["marks"] = [1]
            note = {"key": "", "display_type": "line_note", "name": text, "marks": [1]}
            return self._bill(line, (note, []), **values)

        move = marked(self._line(), "By the hour.")
        line = self._line("0.5", "95.00", self.third, sequence=1)
        again = marked(line, "Urgent.", total="47.50", closing=False, refresh=True)
        self.assertEqual(again, move)
        self.assertEqual(
            move.line_ids.filtered(lambda one: one.display_type in ("product", "line_note"))
            .sorted("sequence")
            .mapped("name"),
            [
                "Service, February 2026 [1]",
                "[1] By the hour.",
                "Service, February 2026 [2]",
                "[2] Urgent.",
            ],
        )

    def test_refresh_rounds_once(self):
        """23.875 and 23.875 are 23.88 each, and 47.75 on one draft: nothing is wrong there."""
        for method, whole in (("round_globally", 47.75), ("round_per_line", 47.76)):
            with self.subTest(method=method), self.env.cr.savepoint() as savepoint:
                self.company.tax_calculation_rounding_method = method
                move = self._bill(self._line("0.25", "95.50", self.first), total="23.88")
                self.assertEqual(move.amount_untaxed, 23.88)
                line = self._line("0.25", "95.50", self.second, sequence=1)
                again = self._bill(line, total="23.88", closing=False, refresh=True)
                self.assertEqual(again, move)
                self.assertEqual(move.amount_untaxed, whole)
                # What is added counts, not what Odoo's total grew by.
                line, rows = self._line("0.25", "95.50", self.third, sequence=2)
                asked = self._move(line, total="23.87", refresh=True)
                self._refused("total-differs", self._payload([asked], rows))
                savepoint.rollback()
            self.env.invalidate_all()

    def test_refresh_leaves_the_lines_that_are_there(self):
        move = self._bill()
        lines = type(self.env["account.move.line"])
        create = lines.create

        def meddling(records, vals_list):
            move.invoice_line_ids[:1].quantity = 3.25
            return create(records, vals_list)

        line, rows = self._line("0.5", "95.00", self.third, sequence=1)
        payload = self._payload([self._move(line, total="47.50", refresh=True)], rows)
        with patch.object(lines, "create", meddling):
            self._refused("total-differs", payload)

    def test_service_period_where_odoo_defers(self):
        """Only Odoo Enterprise has these fields; here two others stand in for them."""
        run = Application(self.env, self.company, {})
        run.parts, run.entries = {}, {}
        asked, _rows = self._line()
        line = parse(self._payload([self._move(asked)], _rows)).moves[0].lines[0]
        self.assertNotIn("deferred_start_date", run._line_values(line, 1, None))
        lines = type(self.env["account.move.line"])
        fields = {
            **lines._fields,
            "deferred_start_date": lines._fields["date_maturity"],
            "deferred_end_date": lines._fields["date_maturity"],
        }
        with patch.object(lines, "_fields", fields):
            values = run._line_values(line, 1, None)
        self.assertEqual(values["deferred_start_date"], Date.to_date("2026-02-01"))
        self.assertEqual(values["deferred_end_date"], Date.to_date("2026-02-28"))

    def test_covered_is_right_after_it(self):
        """Whatever was stored: a contract may have been saved with the timesheet at once."""
        held = {
            "contract": "K-1",
            "term": "",
            "component": "scope",
            "period": "2026-02-01",
            "entry": str(self.third.id),
            "seconds": 1800,
            "rounded": 1800,
            "disposition": "change",
            "rule": "C1",
            "held": "pending",
        }
        line, rows = self._line()
        payload = self._payload([self._move(line)], [*rows, held])
        entries = self.first + self.second + self.third
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE account_analytic_line SET klausel_covered = FALSE WHERE id = ANY(%s)",
            [entries.ids],
        )
        self.env.invalidate_all()
        self._apply(payload)
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(entries.mapped("klausel_covered"), [True] * 3)

    def test_no_refresh_unless_asked_for(self):
        move = self._bill()
        line = self._line("0.5", "95.00", self.third, sequence=1)
        self.assertNotEqual(self._bill(line, total="47.50", closing=False), move)

    def test_a_draft_that_was_touched_is_left_alone(self):
        for touch in (
            lambda move: move.write({"ref": "mine"}),
            lambda move: move.write({"narration": "Thank you"}),
            lambda move: move.write({"invoice_date": "2026-03-05"}),
            lambda move: move.invoice_line_ids.write({"price_unit": 94}),
            lambda move: move.invoice_line_ids.write({"name": "Other"}),
            lambda move: move.invoice_line_ids.copy({"move_id": move.id}),
            lambda move: move.action_post(),
            lambda move: move.button_cancel(),
        ):
            with self.env.cr.savepoint() as savepoint:
                move = self._bill()
                touch(move)
                self.assertNotEqual(self._again(), move)
                savepoint.rollback()
            self.env.invalidate_all()

    def test_no_refresh_across_contracts_references_and_types(self):
        move = self._bill(reference="A")
        other = self._contract("K-3", self.customer)
        for values in (
            {"contract": other},
            {"reference": "B"},
            {"move_type": "out_refund", "reference": "A"},
        ):
            line = self._line(
                "0.5",
                "95.00",
                self.third,
                sequence=1,
                **({"contract": values.pop("contract")} if "contract" in values else {}),
            )
            values.setdefault("reference", "A")
            with self.env.cr.savepoint() as savepoint:
                again = self._bill(line, total="47.50", closing=False, refresh=True, **values)
                self.assertNotEqual(again, move)
                savepoint.rollback()
            self.env.invalidate_all()

    # --- refused

    def _assert_nothing_written(self):
        self.env.invalidate_all()
        self.assertFalse(self._ledger())
        self.assertFalse(self.env["account.move"].search([("partner_id", "=", self.customer.id)]))
        self.assertFalse(self.env["klausel.run"].search([("partner_id", "=", self.customer.id)]))

    def test_changed_since_it_was_read(self):
        payload = self._payload()
        self.contract.po_number = "4711"
        said = self._refused("seq-moved", payload)
        self.assertIn("Mill", said)
        self._assert_nothing_written()

    def test_an_entry_changed(self):
        task = self._ticket("Other", self.project, self.contact)
        tag = self.env["project.tags"].create({"name": "Urgent; night"})
        for values in (
            {"unit_amount": 2.01},
            {"date": "2026-02-06"},
            {"task_id": task.id},
            {"employee_id": self.env["hr.employee"].create({"name": "Cy"}).id},
            {"klausel_activity": "patch"},
            {"klausel_tag_ids": [Command.link(tag.id)]},
            {"partner_id": self.stranger.id},
        ):
            with self.subTest(values=list(values)):
                payload = self._payload()
                self.first.write(values)
                self.assertIn(str(self.first.id), self._refused("entry-changed", payload))
                self._assert_nothing_written()

    def test_what_a_decision_does_not_rest_on_may_change(self):
        payload = self._payload()
        self.first.name = "More words"
        self.assertTrue(self._apply(payload)["moves"])

    def test_an_entry_went_to_another_customer(self):
        """Its ticket says whose it is, and that did not change."""
        self.first.partner_id = False
        payload = self._payload()
        self.ticket.partner_id = self.stranger
        self.first.partner_id = False
        self._refused("entry-changed", payload)

    def test_an_entry_vanished(self):
        payload = self._payload()
        self.first.unlink()
        self._refused("entry-missing", payload)
        self._assert_nothing_written()

    def test_an_entry_of_another_company(self):
        second = self.env["res.company"].create({"name": "Second"})
        payload = self._payload()
        self.env.cr.execute(
            "UPDATE account_analytic_line SET company_id = %s WHERE id = %s",
            [second.id, self.first.id],
        )
        self.env.invalidate_all()
        self._refused("entry-missing", payload)

    def test_settled_with_another_customer(self):
        self._bill()
        ledger = self._ledger(("entry_ref", "!=", 0))
        theirs = self._contract("X-1", self.stranger)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE klausel_ledger SET contract_id = %s, partner_id = %s WHERE id = ANY(%s)",
            [theirs.id, self.stranger.id, ledger.ids],
        )
        self.env.invalidate_all()
        line, rows = self._line(group="other")
        self._refused("duplicate", self._payload([self._move(line)], rows))

    def test_protocol(self):
        said = self._refused("protocol", protocol=1)
        self.assertIn("2", said)
        self._refused("protocol", {"company_id": self.company.id})

    def test_malformed(self):
        def change(payload, path, value):
            *way, last = path
            place = payload
            for step in way:
                place = place[step]
            place[last] = value

        for path, value in (
            (("key",), ""),
            (("as_of",), "2026-02-31"),
            (("seq",), -1),
            (("partner_id",), "x"),
            (("partner_id",), True),
            (("moves",), {}),
            (("moves", 0), []),
            (("moves", 0, "total"), 332.5),
            (("moves", 0, "total"), "NaN"),
            (("moves", 0, "move_type"), "entry"),
            (("moves", 0, "reverses"), -1),
            (("moves", 0, "lines"), []),
            (("moves", 0, "lines", 0, "display_type"), "payment_term"),
            (("moves", 0, "lines", 0, "quantity"), "1,5"),
            (("moves", 0, "lines", 0, "price_unit"), "Infinity"),
            (("moves", 0, "lines", 0, "entries"), ["1"]),
            (("moves", 0, "lines", 0, "entries"), [10**9]),
            (("moves", 0, "lines", 0, "key"), "unknown"),
            (("rows", 0, "amount"), 1.5),
            (("rows", 0, "sequence"), 2**31),
            (("rows", 0, "state"), "released"),
            (("rows", 0, "line"), "unknown"),
            (("rows", 1, "entry"), str(10**8)),
            (("fingerprints",), []),
        ):
            with self.subTest(path=path, value=value):
                payload = self._payload()
                change(payload, path, value)
                self._refused("protocol", payload)
        self._assert_nothing_written()

    def test_contract_of_somebody_else(self):
        line, rows = self._line(contract=self.other_contract)
        said = self._refused("contract-missing", self._payload([self._move(line)], rows))
        self.assertNotIn("Quarry", said)
        self._refused("contract-missing", partner_id=self.contact.id, seq=0)
        self._refused("contract-missing", partner_id=10**9, seq=0)

    def test_products(self):
        archived = self._product("Old", active=False)
        second = self.env["res.company"].create({"name": "Second"})
        foreign = self._product("Theirs", company_id=second.id)
        for product, said in (
            (False, "no product"),
            (archived.id, "archived"),
            (foreign.id, "does not exist"),
            (10**9, "does not exist"),
        ):
            with self.subTest(product=product):
                line, rows = self._line(product_id=product)
                sentence = self._refused("product", self._payload([self._move(line)], rows))
                self.assertIn(said, sentence)
                self.assertNotIn("Theirs", sentence)
        self._assert_nothing_written()

    def test_no_income_account(self):
        self.product.categ_id.property_account_income_categ_id = False
        self.company.income_account_id = False
        journals = self.env["account.journal"].search(
            [("type", "=", "sale"), ("company_id", "=", self.company.id)]
        )
        account = journals[0].default_account_id
        journals.default_account_id = False
        self._refused("income-account")
        journals[0].default_account_id = account
        self.assertTrue(self._apply()["moves"])

    def test_tax_included(self):
        tax = self.env["account.tax"].create(
            {
                "name": "19 % incl.",
                "amount": 19,
                "type_tax_use": "sale",
                "price_include_override": "tax_included",
                "company_id": self.company.id,
            }
        )
        self.product.taxes_id = tax
        self.assertIn("19 % incl.", self._refused("tax-included"))
        self._assert_nothing_written()

    def test_tax_included_only_before_the_fiscal_position(self):
        net = self.env["account.tax"].create(
            {"name": "0 %", "amount": 0, "type_tax_use": "sale", "company_id": self.company.id}
        )
        gross = net.copy({"name": "19 % incl.", "amount": 19})
        gross.price_include_override = "tax_included"
        position = self.env["account.fiscal.position"].create(
            {"name": "Abroad", "company_id": self.company.id}
        )
        net.write(
            {
                "fiscal_position_ids": [Command.link(position.id)],
                "original_tax_ids": [Command.link(gross.id)],
            }
        )
        self.customer.property_account_position_id = position
        self.product.taxes_id = gross
        move = self._bill()
        self.assertEqual(move.invoice_line_ids.tax_ids, net)

    def test_archived_customer(self):
        payload = self._payload()
        self.customer.active = False
        self._refused("customer-archived", {**payload, "seq": self._seq()})

    def test_currency(self):
        chf = self.env.ref("base.CHF")
        chf.active = True
        self.contract.currency_id = chf
        chf.active = False
        line, rows = self._line()
        said = self._refused("currency", self._payload([self._move(line, currency="CHF")], rows))
        self.assertIn("not active", said)
        self._refused("currency", self._payload([self._move(line, currency="EUR")], rows))
        self._refused("currency", self._payload([self._move(line, currency="XXX")], rows))

    def test_locked(self):
        today = Date.context_today(self.company)
        for field in ("sale_lock_date", "fiscalyear_lock_date"):
            with self.subTest(field=field):
                # Not by write: it wants the drafts of the demo data posted first.
                self.env.cr.execute(
                    SQL("UPDATE res_company SET %s = %s", SQL.identifier(field), today)
                )
                self.env.invalidate_all()
                self.env.registry.clear_cache()
                self.assertIn(str(today), self._refused("locked"))
                self._assert_nothing_written()
                self.env.cr.execute(SQL("UPDATE res_company SET %s = NULL", SQL.identifier(field)))
                self.env.invalidate_all()
        self.env.registry.clear_cache()
        self.assertTrue(self._apply()["moves"])

    def test_total_differs(self):
        line, rows = self._line()
        said = self._refused(
            "total-differs", self._payload([self._move(line, total="332.51")], rows)
        )
        self.assertIn("332.5", said)
        self.assertIn("332.51", said)
        self._assert_nothing_written()

    def test_duplicate(self):
        self._bill()
        before = self._seq()
        line, rows = self._line()
        self._refused("duplicate", self._payload([self._move(line)], rows))
        self.assertEqual(self._seq(), before)
        self.assertEqual(len(self._ledger()), 4)
        self.assertEqual(
            self.env["account.move"].search_count([("partner_id", "=", self.customer.id)]), 1
        )
        line, rows = self._line(group="other")
        self._refused("duplicate", self._payload([self._move(line)], [*rows, rows[0]]))

    def test_no_two_live_rows_of_the_same_part(self):
        self._bill()
        row = self._ledger(("entry_ref", "=", 0), ("line_group", "=", ""))
        with self.assertRaises(UniqueViolation), mute_logger("odoo.sql_db"):
            row.copy()
        row.copy({"state": "released"})

    # --- who may

    def test_refused_for_others(self):
        users = (
            self._user("plain", "base.group_user"),
            self._user("guest", "base.group_portal"),
            self._user("reader", "klausel_billing.group_user"),
            self._user("accountant", "account.group_account_manager"),
            self.env.ref("base.public_user"),
        )
        payload = self._payload()
        done = self._payload()
        self._apply(done)
        for user in users:
            # Not even what was written before is told.
            for asked in (payload, done, {}, None, {**payload, "protocol": 9}):
                with self.subTest(user=user.login), self.assertRaises(AccessError) as caught:
                    self.env["klausel.contract"].with_user(user).klausel_apply(asked)
                for secret in ("Mill", "K-1", "protocol"):
                    self.assertNotIn(secret, str(caught.exception))
        with self.assertRaises(AccessError):
            self.env["klausel.contract"].with_user(users[0]).sudo(False).klausel_apply(payload)

    def test_a_manager_may(self):
        self.assertTrue(self._apply(user=self.manager)["moves"])

    def test_companies(self):
        second = self.env["res.company"].create({"name": "Second"})
        stranger = self._user("theirs", "klausel_billing.group_connector")
        stranger.write({"company_id": second.id, "company_ids": [Command.set(second.ids)]})
        done = self._payload()
        self._apply(done)
        for asked in (self._payload(), done):
            for company in (self.company.id, True, str(self.company.id), None, [self.company.id]):
                with self.subTest(company=company), self.assertRaises(AccessError) as caught:
                    self._apply({**asked, "company_id": company}, stranger)
                self.assertNotIn("Mill", str(caught.exception))
        # In the company that is theirs, ours has no contracts.
        asked = {**self._payload(), "company_id": second.id, "seq": 0}
        self._refused("contract-missing", asked, stranger)

    def test_a_company_without_chart_of_accounts(self):
        second = self.env["res.company"].create({"name": "Second"})
        self.connector.company_ids = [Command.link(second.id)]
        contract = self._contract("K-1", self.customer, company_id=second.id)
        line, rows = self._line(entries=self.env["account.analytic.line"], contract=contract)
        # The number of the customer is that company's own: its contract was the first change.
        payload = self._payload([self._move(line)], rows, company_id=second.id, seq=1)
        self.assertIn("Second", self._refused("no-chart", payload))

    def test_two_companies(self):
        second = self.env["res.company"].create(
            {"name": "Second", "country_id": self.env.ref("base.de").id}
        )
        self.env["account.chart.template"].try_loading("generic_coa", second, install_demo=False)
        second.tax_calculation_rounding_method = "round_per_line"
        self.company.tax_calculation_rounding_method = "round_globally"
        self.connector.company_ids = [Command.link(second.id)]
        contract = self._contract("K-1", self.customer, company_id=second.id)
        contract.currency_id = second.currency_id
        lines = [
            self._line(
                "0.25",
                "95.50",
                self.env["account.analytic.line"],
                contract=contract,
                group=str(number),
            )
            for number in range(10)
        ]
        payload = self._payload(
            [
                self._move(
                    *[line for line, _rows in lines],
                    total="238.80",
                    currency=second.currency_id.name,
                )
            ],
            [row for _line, rows in lines for row in rows],
            company_id=second.id,
        )
        result = self._apply(payload)
        move = self.env["account.move"].browse(result["moves"][0]["id"])
        self.assertEqual(move.company_id, second)
        self.assertEqual(move.journal_id.company_id, second)
        self.assertEqual(move.amount_untaxed, 238.80)
        rows = self.env["klausel.ledger"].search([("contract_id", "=", contract.id)])
        self.assertEqual(rows.company_id, second)
        # The same key in the other company is another run.
        ours = self._payload()
        self.assertFalse(self._apply({**ours, "key": payload["key"]})["replayed"])
        # Who works for one company does not see the other one's ledger.
        reader = self._user("reader", "klausel_billing.group_user")
        seen = self.env["klausel.ledger"].with_user(reader).search([])
        self.assertTrue(seen)
        self.assertFalse(seen & rows)

    # --- the ledger is written by nobody else

    def test_ledger_and_runs_are_read_only(self):
        self._bill()
        reader = self._user("reader", "klausel_billing.group_user")
        system = self.env.ref("base.user_admin")
        for model in ("klausel.ledger", "klausel.run"):
            for user in (reader, self.manager, self.connector, system):
                records = self.env[model].with_user(user)
                with self.subTest(model=model, user=user.login):
                    self.assertTrue(records.search([]).read())
                    self.assertTrue(
                        records.search([]).web_read(
                            {"display_name": {}, "partner_id": {"fields": {"display_name": {}}}}
                        )
                    )
                    for operation in ("write", "create", "unlink"):
                        self.assertFalse(records.has_access(operation))
            for user in (
                self._user(f"plain {model}", "base.group_user"),
                self._user(f"guest {model}", "base.group_portal"),
            ):
                with self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([]).read()
                with self.assertRaises(AccessError):
                    self.contract.with_user(user).action_view_ledger()
                with self.assertRaises(AccessError):
                    self.customer.with_user(user).action_view_klausel_contracts()

    def test_settled_things_stay(self):
        self._bill()
        with self.assertRaises(UserError):
            self.contract.unlink()
        for values in ({"code": "T"}, {"contract_id": self.other_contract.id}):
            with self.assertRaises(UserError):
                self.term.write(values)
        self.term.write({"code": "S", "plan": "other"})
        self.other_term.write({"code": "T"})

    def test_an_entry_that_goes_stays_on_record(self):
        self._bill()
        row = self._ledger(("entry_ref", "=", self.first.id))
        self.first.with_user(SUPERUSER_ID).unlink()
        row.invalidate_recordset()
        self.assertFalse(row.entry_id)
        self.assertTrue(row.entry_ref)

    def test_views(self):
        move = self._bill()
        row = self._ledger()[0]
        for record in (row, row.run_id):
            Form(record.with_user(self.manager))
        action = self.contract.with_user(self.manager).action_view_ledger()
        self.assertEqual(action["domain"], [("contract_id", "=", self.contract.id)])
        self.assertEqual(self.contract.with_user(self.manager).ledger_count, 4)
        self.assertTrue(move.sudo().klausel_run_id.display_name.startswith("Mill, "))
        clerk = self._user("clerk", "klausel_billing.group_user", "account.group_account_invoice")
        theirs = move.with_user(clerk)
        self.assertEqual(theirs.klausel_ledger_count, 3)
        action = theirs.action_view_klausel_ledger()
        self.assertEqual(action["domain"], [("move_id", "=", move.id)])
        Form(theirs)
        contract = self.contract.with_user(clerk)
        self.assertEqual(contract.invoice_count, 1)
        self.assertEqual(contract.action_view_invoices()["domain"], [("id", "in", move.ids)])
        Form(contract)
        plain = self._user("accountant", "account.group_account_invoice")
        Form(move.with_user(plain))
        with self.assertRaises(AccessError):
            move.with_user(plain).action_view_klausel_ledger()
        for user in (plain, self._user("visitor", "base.group_portal")):
            with self.assertRaises(AccessError):
                self.contract.with_user(user).action_view_invoices()


@tagged("post_install", "-at_install")
class TestSequence(BillingCase):
    """The customer's number moves with everything that a preview rests on."""

    def _moves(self, what, customers=None):
        customers = customers or self.customer
        before = [self._seq(customer) for customer in customers]
        other = self._seq(self.stranger)
        result = what()
        for customer, number in zip(customers, before, strict=True):
            self.assertGreater(self._seq(customer), number)
        if self.stranger not in customers:
            self.assertEqual(self._seq(self.stranger), other)
        return result

    def test_contract(self):
        contract = self._moves(lambda: self._contract("K-7", self.contact))
        self._moves(lambda: contract.write({"date_end": "2026-12-31"}))
        both = self.customer + self.stranger
        self._moves(lambda: contract.write({"partner_id": self.stranger.id}), both)
        self._moves(lambda: contract.unlink(), self.stranger)

    def test_contact_goes_to_another_company(self):
        both = self.customer + self.stranger
        self._moves(lambda: self.contact.write({"parent_id": self.stranger.id}), both)
        self._moves(lambda: self.contact.write({"parent_id": self.customer.id}), both)
        self._apply()
        row = self._ledger()[0]
        with self.assertRaises(UserError) as caught:
            self.contact.parent_id = self.stranger
        self.assertIn("first make it out to Mill itself", str(caught.exception))
        self.assertEqual(row.partner_id, self.customer)

    def test_a_person_whose_contract_was_billed_stays_a_customer(self):
        lone = self.env["res.partner"].create({"name": "Lone"})
        self.contract.partner_id = lone
        self.ticket.partner_id = lone
        self.project.partner_id = lone
        self._apply(partner_id=lone.id, seq=self._seq(lone))
        with self.assertRaises(UserError) as caught:
            lone.parent_id = self.stranger
        self.assertIn("Lone stays a customer of its own", str(caught.exception))

    def test_each_company_has_its_own(self):
        second = self.env["res.company"].create({"name": "Second"})
        before = self._seq()
        theirs = self._contract("K-1", self.customer, company_id=second.id)
        self.assertEqual(self._seq(), before)
        number = self.customer.with_company(second).klausel_seq
        self.assertGreater(number, 0)
        self.contract.sla = "gold"
        self.assertEqual(self.customer.with_company(second).klausel_seq, number)
        self.assertGreater(self._seq(), before)
        # A contract that goes to the other company changes both.
        before = self._seq()
        theirs.write({"company_id": self.company.id, "code": "K-1b"})
        self.assertGreater(self._seq(), before)
        self.assertGreater(self.customer.with_company(second).klausel_seq, number)

    def test_parts(self):
        values = {"contract_id": self.contract.id}
        term = {**values, "term_id": self.term.id}
        for model, first, then in (
            ("klausel.attribute", {**values, "name": "site"}, {"value": "x"}),
            ("klausel.term", {**values, "code": "T", "plan": "p"}, {"plan": "q"}),
            (
                "klausel.parameter",
                {"term_id": self.term.id, "name": "p", "value": "1"},
                {"value": "2"},
            ),
            ("klausel.purchase", {**term, "hours": 10}, {"hours": 9}),
            ("klausel.item", {**values, "name": "Travel", "price": 60}, {"price": 61}),
            ("klausel.acceptance", term, {"part": "x"}),
            ("klausel.approval", values, {"state": "not_requested"}),
            ("klausel.opening", term, {"hours": 3}),
        ):
            with self.subTest(model=model):
                record = self._moves(lambda model=model, first=first: self.env[model].create(first))
                self._moves(lambda record=record, then=then: record.write(then))
                self._moves(lambda record=record: record.unlink())

    def test_what_does_not_count(self):
        before = self._seq()
        self.contract.message_post(body="Hello")
        self.contract.write({})
        self.customer.comment = "A note"
        self._entry(1.0)
        self.assertEqual(self._seq(), before)
        self.assertEqual(self.customer.copy().with_user(self.manager).klausel_seq, 0)

    def test_who_reads_it(self):
        for user in (self.connector, self.manager):
            self.customer.with_user(user).read(["klausel_seq"])
        plain = self._user("plain", "base.group_user")
        with self.assertRaises(AccessError):
            self.customer.with_user(plain).read(["klausel_seq"])

    def test_two_transactions_at_once(self):
        """The second one fails, and Odoo runs it again: then it sees that the number moved."""
        partner = self.env.ref("base.main_partner")
        connection = db_connect(self.env.cr.dbname)
        with connection.cursor() as one, connection.cursor() as two:
            first, second = (
                api.Environment(cr, SUPERUSER_ID, {})["res.partner"].browse(partner.id)
                for cr in (one, two)
            )
            before = first.klausel_seq
            self.assertEqual(second.klausel_seq, before)
            first._klausel_raise({(first.env.company.id, first.id)})
            one.commit()
            run = Application(second.env, second.env.company, {})
            run.asked = type("Asked", (), {"customer": partner.id, "sequence": before})
            run.customer = second
            with self.assertRaises(SerializationFailure), mute_logger("odoo.sql_db"):
                run._take_turn()
            two.rollback()
            with self.assertRaises(UserError) as caught:
                run._take_turn()
            self.assertTrue(str(caught.exception).startswith("[klausel:seq-moved]"))
            two.rollback()
            one.execute("DELETE FROM klausel_revision WHERE partner_id = %s", [partner.id])
