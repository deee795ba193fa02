from odoo.fields import Command

from .common import KlauselCase


class TimesheetCase(KlauselCase):
    """Timesheets of the customer, and a sales order that Odoo bills them by."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lines = cls.env["account.analytic.line"]
        cls.employee = cls.env["hr.employee"].create(
            {"name": "Bo", "company_id": cls.company.id, "hourly_cost": 40}
        )
        cls.product = cls._product("Hours", "delivery")
        cls.order = cls.env["sale.order"].create(
            {
                "partner_id": cls.customer.id,
                "company_id": cls.company.id,
                "order_line": [
                    Command.create({"product_id": cls.product.id, "product_uom_qty": 100})
                ],
            }
        )
        cls.order.action_confirm()
        cls.order_line = cls.order.order_line
        for project in (cls.project, cls.desk):
            project.allow_billable = True

    @classmethod
    def _product(cls, name, invoice_policy):
        return cls.env["product.product"].create(
            {
                "name": name,
                "type": "service",
                "invoice_policy": invoice_policy,
                "service_type": "timesheet",
                "uom_id": cls.env.ref("uom.product_uom_hour").id,
                "list_price": 90,
                "taxes_id": False,
            }
        )

    @classmethod
    def _entry(cls, day, hours=1.0, ticket=None, project=None, **values):
        """An entry, on the sales order unless another line is given."""
        if project is None and ticket is None:
            project, ticket = cls.project, cls.ticket
        return cls.lines.create(
            {
                "name": "Work",
                "date": day,
                "unit_amount": hours,
                "project_id": (project or ticket.project_id).id,
                "task_id": ticket.id if ticket else False,
                "employee_id": cls.employee.id,
                "so_line": cls.order_line.id,
                "is_so_line_edited": True,
                **values,
            }
        )

    @classmethod
    def _settle(cls, *entries, contract=None, **values):
        """What a run of the program leaves behind for entries, drawn or included ones."""
        contract = contract or cls.contract
        return cls.env["klausel.ledger"].create(
            [
                {
                    "contract_id": contract.id,
                    "company_id": contract.company_id.id,
                    "partner_id": contract.commercial_partner_id.id,
                    "term": "S",
                    "component": "time",
                    "period": entry.date.replace(day=1),
                    "line_group": "1",
                    "sequence": 0,
                    "entry_id": entry.id,
                    "entry_ref": entry.id,
                    "seconds": round(entry.unit_amount * 3600),
                    "disposition": "service",
                    **values,
                }
                for entry in entries
            ]
        )

    def assert_covered(self, *entries):
        for entry in entries:
            self.assertTrue(entry.klausel_covered, f"{entry.date} {entry.name}")

    def assert_open(self, *entries):
        for entry in entries:
            self.assertFalse(entry.klausel_covered, f"{entry.date} {entry.name}")
