from odoo import fields
from odoo.tests import Form

from ..models.fingerprint import fingerprint
from .common import KlauselCase


class BillingCase(KlauselCase):
    """A customer with a contract, timesheets, and what a connector would send for them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.connector = cls._user("klausel_bot", "klausel_billing.group_connector")
        cls.manager = cls._user("manager", "klausel_billing.group_manager")
        cls.product = cls._product("Web care")
        cls.employee = cls.env["hr.employee"].create({"name": "Bo", "company_id": cls.company.id})
        cls.first = cls._entry(2.0)
        cls.second = cls._entry(1.5, date="2026-02-04")
        cls.third = cls._entry(0.5, date="2026-02-05")
        cls.runs = 0

    @classmethod
    def _product(cls, name, **values):
        return cls.env["product.product"].create(
            {
                "name": name,
                "type": "service",
                "uom_id": cls.env.ref("uom.product_uom_hour").id,
                "taxes_id": False,
                "invoice_policy": "order",
                **values,
            }
        )

    @classmethod
    def _entry(cls, hours, date="2026-02-03", **values):
        return cls.env["account.analytic.line"].create(
            {
                "name": "Work",
                "date": date,
                "project_id": cls.project.id,
                "task_id": cls.ticket.id,
                "employee_id": cls.employee.id,
                "unit_amount": hours,
                **values,
            }
        )

    # --- what a connector sends

    def _seq(self, customer=None):
        customer = customer or self.customer
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT number FROM klausel_revision WHERE partner_id = %s AND company_id = %s",
            [customer.id, self.company.id],
        )
        return (self.env.cr.fetchone() or [0])[0]

    def _line(self, quantity="3.5", price="95.00", entries=None, group="95", **values):
        """A line, and its rows: of the line itself and of each of its entries."""
        entries = (self.first + self.second) if entries is None else entries
        place = {
            "contract": values.pop("contract", self.contract).code,
            "term": values.pop("term", "S"),
            "component": values.pop("component", "effort"),
            "period": values.pop("period", "2026-02-01"),
            "group": group,
        }
        sequence = values.pop("sequence", 0)
        if sequence:
            place["sequence"] = sequence
        key = "/".join(str(value) for value in place.values())
        line = {
            "key": key,
            "display_type": "",
            "name": "Service, February 2026",
            "product_id": self.product.id,
            "quantity": quantity,
            "unit": "hour",
            "price_unit": price,
            "discount": "0",
            "from": "2026-02-01",
            "to": "2026-02-28",
            "contract": place["contract"],
            "entries": entries.ids,
            **values,
        }
        rows = [{**place, "amount": "332.50", "rate": price, "line": key, "policy": "web-care 1"}]
        rows += [
            {
                **place,
                "entry": str(entry.id),
                "seconds": round(entry.unit_amount * 3600),
                "rounded": round(entry.unit_amount * 3600),
                "disposition": "service",
                "rule": "S1",
                "rate": price,
                "fingerprint": fingerprint(entry),
                "line": key,
            }
            for entry in entries
        ]
        return line, rows

    def _closing(self, **values):
        return {
            "contract": self.contract.code,
            "term": "S",
            "component": "effort",
            "period": "2026-02-01",
            "line": "",
            **values,
        }

    def _move(self, *lines, total="332.50", **values):
        return {
            "key": lines[0]["key"],
            "move_type": "out_invoice",
            "currency": self.company.currency_id.name,
            "reference": "",
            "narration": "",
            "total": total,
            "language": "",
            "refresh": False,
            "reverses": False,
            "lines": list(lines),
            **values,
        }

    def _payload(self, moves=None, rows=None, **values):
        if moves is None:
            line, rows = self._line()
            moves, rows = [self._move(line)], [*rows, self._closing()]
        ids = {int(row["entry"]) for row in rows if row.get("entry")}
        type(self).runs += 1
        return {
            "protocol": 2,
            "company_id": self.company.id,
            "partner_id": self.customer.id,
            "seq": self._seq(),
            "key": f"run {self.runs}",
            "as_of": "2026-03-01",
            "fingerprints": {
                str(entry.id): fingerprint(entry)
                for entry in self.env["account.analytic.line"].browse(sorted(ids)).exists()
            },
            "moves": moves,
            "rows": rows,
            **values,
        }

    def _apply(self, payload=None, user=None, **values):
        payload = payload or self._payload(**values)
        user = user or self.connector
        return self.env["klausel.contract"].with_user(user).klausel_apply(payload)

    def _bill(self, *lines, total="332.50", closing=True, **values):
        """Draft of one invoice with ``lines`` (each with its rows)."""
        lines = lines or [self._line()]
        rows = [row for _line, some in lines for row in some]
        if closing:
            rows.append(self._closing())
        move = self._move(*[line for line, _rows in lines], total=total, **values)
        result = self._apply(self._payload([move], rows))
        return self.env["account.move"].browse(result["moves"][0]["id"])

    # --- what is on record

    def _ledger(self, *domain, state="live"):
        self.env.flush_all()
        return self.env["klausel.ledger"].search(
            [("contract_id", "=", self.contract.id), ("state", "=", state), *domain]
        )

    def _refused(self, code, payload=None, user=None, **values):
        with self.assertRaises(Exception) as caught:
            self._apply(payload, user, **values)
        self.assertEqual(type(caught.exception).__name__, "UserError", caught.exception)
        said = str(caught.exception)
        self.assertTrue(said.startswith(f"[klausel:{code}] "), said)
        return said

    def _post(self, move, day="2026-03-02"):
        move.invoice_date = fields.Date.to_date(day)
        move.action_post()

    def _reverse(self, move, modify=False, **values):
        """What the button on the invoice does; returns the refund, or the new draft."""
        wizard = (
            self.env["account.move.reversal"]
            .with_context(active_model="account.move", active_ids=move.ids)
            .create({"journal_id": move.journal_id.id, "date": move.invoice_date, **values})
        )
        action = wizard.modify_moves() if modify else wizard.refund_moves()
        return self.env["account.move"].browse(action["res_id"])

    def _form(self, move):
        return Form(move)
