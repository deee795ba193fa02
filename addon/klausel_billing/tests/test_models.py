from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from .billing import BillingCase


@tagged("post_install", "-at_install")
class TestModels(BillingCase):
    """What the contract models put on record beside lines and their timesheets."""

    def test_what_a_row_says_is_kept(self):
        draw = {
            **self._closing(group="draw"),
            "entry": str(self.first.id),
            "seconds": 7200,
            "rounded": 7200,
            "drawn": 10800,
            "counted": "2026-01-31",
            "lot": "2026-01",
        }
        held = {
            **self._closing(term="", component="held", group="held"),
            "entry": str(self.second.id),
            "seconds": 5400,
            "rounded": 5400,
            "held": "pending",
        }
        back = {**held, "sequence": 1, "seconds": -5400, "rounded": -5400}
        notice = self._closing(term="", component="notice", group="A2/2026-02/80")
        line = {**self._closing(group="hours"), "amount": "-95.00", "last": "2026-02-28"}
        self._apply(self._payload([], [draw, held, back, notice, line]))
        names = ("line_group", "sequence", "seconds", "drawn", "held", "amount", "last", "counted")
        self.assertEqual(
            [tuple(str(row[name] or "") for name in names) for row in self._ledger().sorted("id")],
            [
                ("draw", "", "7200", "10800", "", "", "", "2026-01-31"),
                ("held", "", "5400", "", "pending", "", "", ""),
                ("held", "1", "-5400", "", "pending", "", "", ""),
                ("A2/2026-02/80", "", "", "", "", "", "", ""),
                ("hours", "", "", "", "", "-95.00", "2026-02-28", ""),
            ],
        )
        for name, value in (("drawn", "x"), ("counted", "31.01.2026"), ("last", 5)):
            with self.subTest(name=name):
                self._refused("protocol", self._payload([], [{**notice, name: value}]))

    def test_parts_on_record_before_their_line(self):
        line, rows = self._line()
        early = [{**row, "line": ""} for row in rows[1:]]
        self._apply(self._payload([], early))
        self.assertFalse(self.first.timesheet_invoice_id)
        move = self.env["account.move"].browse(
            self._apply(self._payload([self._move(line)], [rows[0], self._closing()]))["moves"][0][
                "id"
            ]
        )
        parts = self._ledger(("entry_ref", "!=", 0))
        self.assertEqual(parts.move_line_id, move.invoice_line_ids)
        self.assertEqual(parts.move_id, move)
        self.assertEqual((self.first + self.second).timesheet_invoice_id, move)
        # They go with the line.
        move.unlink()
        self.assertFalse(self._ledger())
        self.assertEqual(len(self._ledger(state="released")), 4)
        self.assertFalse(self.first.timesheet_invoice_id)

    def test_early_parts_of_other_lines_are_not_taken(self):
        """Of another group, held ones, and ones that the line does not name."""
        line, rows = self._line(entries=self.first)
        others = [
            {**rows[1], "line": "", "group": "110"},
            {**rows[1], "line": "", "entry": str(self.third.id)},
            {**rows[1], "line": "", "lot": "x", "held": "pending"},
        ]
        for row in others:
            row.pop("fingerprint")
        self._apply(self._payload([], others))
        self._refused("protocol", self._payload([self._move(line)], rows[:1]))
        self._bill((line, rows))
        self.assertEqual(len(self._ledger(("move_line_id", "=", False))), 4)

    def test_an_adjustment_names_the_invoice(self):
        invoice = self._bill()
        self._post(invoice)
        line, rows = self._line("0.5", "95.00", self.first, sequence=1)
        more = self._bill(
            (line, rows), total="47.50", closing=False, reverses=invoice.id, reference="PO 7"
        )
        self.assertEqual(more.move_type, "out_invoice")
        self.assertFalse(more.reversed_entry_id)
        self.assertEqual(more.ref, f"PO 7, Correction of {invoice.name}")
        self.assertIn("Corrects", str(more.message_ids.mapped("body")))
        # The timesheet stays with the invoice that bills it.
        self.assertEqual(self.first.timesheet_invoice_id, invoice)
        line, rows = self._line("1", "95.00", self.first, sequence=2)
        less = self._bill(
            (line, rows), total="95.00", closing=False, move_type="out_refund", reverses=invoice.id
        )
        self.assertEqual(less.reversed_entry_id, invoice)
        self.assertEqual(less.ref, f"Correction of {invoice.name}")

    def test_time_of_a_timesheet_that_is_gone_is_taken_back(self):
        line, rows = self._line("2", "95.00", self.first)
        invoice = self._bill((line, rows), total="190.00")
        entry = self.first.id
        self.first.with_user(self.manager).sudo().unlink()
        line, rows = self._line("2", "95.00", self.first.browse(), sequence=1)
        rows.append(
            {
                **rows[0],
                "entry": str(entry),
                "seconds": -7200,
                "rounded": -7200,
                "amount": "",
                "fingerprint": "",
            }
        )
        self._bill(
            (line, rows),
            total="190.00",
            closing=False,
            move_type="out_refund",
            reverses=invoice.id,
        )
        row = self._ledger(("seconds", "=", -7200))
        self.assertEqual((row.entry_ref, row.entry_id.id), (entry, False))
        self.assertTrue(row.move_line_id)

    def test_what_is_taken_back_is_settled_no_longer(self):
        line, rows = self._line("2", "95.00", self.first)
        invoice = self._bill((line, rows), total="190.00")
        user = new_test_user(self.env, "logger", "hr_timesheet.group_hr_timesheet_approver")
        with self.assertRaisesRegex(UserError, "only a billing manager may change"):
            self.first.with_user(user).unit_amount = 3
        line, rows = self._line("2", "95.00", self.first, sequence=1)
        rows[1].update(seconds=-7200, rounded=-7200)
        self._bill(
            (line, rows), total="190.00", closing=False, move_type="out_refund", reverses=invoice.id
        )
        self.assertFalse(self.first._klausel_settled())

    def test_products_of_items(self):
        """An item of another company's product is refused by Odoo's own check."""
        item = self.env["klausel.item"].create(
            {
                "contract_id": self.contract.id,
                "name": "Travel",
                "price": 50,
                "product_id": self.product.id,
            }
        )
        self.assertEqual(item.product_id, self.product)
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self._product("Foreign", company_id=company.id)
        with self.assertRaises(UserError):
            item.product_id = foreign
