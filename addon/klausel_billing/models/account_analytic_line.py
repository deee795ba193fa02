from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .guarded import is_on, switched_on
from .held import because
from .klausel_override import DECISIONS

#: On while a billing manager changes a settled entry; of no effect for anybody else.
OVERRIDE = "klausel_override"

#: What an entry was settled by. Its description is not among it and may always be changed, nor
#: is the sales order item: Odoo moves that by itself, and a settled entry is not billed by it.
GUARDED = (
    "date",
    "unit_amount",
    "product_uom_id",
    "employee_id",
    "project_id",
    "task_id",
    "partner_id",
    "company_id",
    "klausel_activity",
    "klausel_tag_ids",
    "active",
)


class AccountAnalyticLine(models.Model):
    _name = "account.analytic.line"
    _inherit = ["account.analytic.line", "klausel.guarded"]

    # Internal facts: a customer on the portal reads the outcome, not these.
    klausel_activity = fields.Char(
        string="Activity",
        groups="base.group_user",
        help="Kind of work, as the contract's policy names it. Empty: the task's.",
    )
    klausel_tag_ids = fields.Many2many(
        comodel_name="project.tags",
        relation="klausel_analytic_line_tag_rel",
        column1="line_id",
        column2="tag_id",
        string="Tags",
        groups="base.group_user",
    )
    klausel_ledger_ids = fields.One2many(
        comodel_name="klausel.ledger",
        inverse_name="entry_id",
        string="Ledger",
        groups="klausel_billing.group_user",
    )
    klausel_covered = fields.Boolean(
        compute="_compute_klausel_covered",
        store=True,
        string="Under Contract",
        groups="base.group_user",
        help="A service contract bills this time, so sales orders do not.",
    )
    klausel_left_hours = fields.Float(
        compute="_compute_klausel_standing",
        compute_sudo=True,
        string="Hours Left",
        groups="klausel_billing.group_classify",
        help="Under contract, and neither settled nor held yet.",
    )
    klausel_held_hours = fields.Float(
        compute="_compute_klausel_standing",
        compute_sudo=True,
        string="Hours Held",
        groups="klausel_billing.group_classify",
        help="Looked at by a billing run, and not billed yet.",
    )
    klausel_held = fields.Char(
        compute="_compute_klausel_standing",
        compute_sudo=True,
        search="_search_klausel_held",
        string="Held Because",
        groups="klausel_billing.group_classify",
    )
    klausel_override_ids = fields.One2many(
        comodel_name="klausel.override",
        inverse_name="entry_id",
        string="Billing Decisions",
        groups="klausel_billing.group_user",
    )
    klausel_decision = fields.Selection(
        selection=DECISIONS,
        compute="_compute_klausel_decision",
        string="Billing Decision",
        groups="klausel_billing.group_user",
        help="What a billing manager decided by hand. Empty: the policy's rules decide.",
    )

    @api.onchange("klausel_activity")
    def _onchange_klausel_activity(self):
        return self.env["klausel.word"]._klausel_doubt(self, "klausel_activity", "activity")

    @api.onchange("klausel_tag_ids")
    def _onchange_klausel_tags(self):
        return self.env["klausel.word"]._klausel_doubt(self, "klausel_tag_ids", "entry_tag")

    # --- decided by hand ----------------------------------------------------------------------

    @api.depends("klausel_override_ids.state", "klausel_override_ids.disposition")
    def _compute_klausel_decision(self):
        for line in self:
            live = line.klausel_override_ids.filtered(lambda decision: decision.state == "live")
            line.klausel_decision = live[:1].disposition

    def klausel_action_decide(self):
        """The window in which a billing manager decides about these timesheets."""
        self.env["klausel.override"].check_access("create")
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "klausel_billing.klausel_decide_action"
        )
        return {
            **action,
            "context": {"active_model": self._name, "active_ids": self.ids},
        }

    def klausel_action_correct(self):
        """The window in which a billing manager corrects this timesheet, which is settled."""
        self.env["klausel.correct"].check_access("create")
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "klausel_billing.klausel_correct_action"
        )
        return {
            **action,
            "context": {"active_model": self._name, "active_ids": self.ids},
        }

    def _klausel_customer(self):
        """Whose work it is: the entry's own customer, else its task's, else its project's."""
        self.ensure_one()
        partner = self.partner_id or self.task_id.partner_id or self.project_id.partner_id
        return partner.commercial_partner_id

    def _klausel_said(self):
        """An entry in one line, whatever the language: for records that outlive it."""
        hours = f"{self.unit_amount:g} h"
        parts = (self.date and str(self.date), self.employee_id.sudo().name, hours, self.name)
        return ", ".join(filter(None, parts)) if self else ""

    # --- where it stands, without amounts -----------------------------------------------------

    @api.depends(
        "unit_amount", "klausel_covered", "klausel_ledger_ids.state", "klausel_ledger_ids.seconds"
    )
    @api.depends_context("lang")
    def _compute_klausel_standing(self):
        rows = self.env["klausel.ledger"]._read_group(
            [("entry_ref", "in", self._origin.ids), ("state", "=", "live")],
            ["entry_ref", "held"],
            ["seconds:sum"],
        )
        seconds = {line.id: {} for line in self._origin}
        for entry, held, some in rows:
            seconds[entry][held or ""] = some
        for line in self:
            found = seconds.get(line._origin.id, {})
            held = {reason: some for reason, some in found.items() if reason and some}
            left = round(line.unit_amount * 3600) - sum(found.values())
            line.klausel_held = because(self.env, held)
            line.klausel_held_hours = sum(held.values()) / 3600
            line.klausel_left_hours = max(left, 0) / 3600 if line.klausel_covered else 0

    def _search_klausel_held(self, operator, value):
        if operator not in ("in", "not in") or set(value) != {False}:
            return NotImplemented
        rows = (
            self.env["klausel.ledger"]
            .sudo()
            ._read_group(
                [("entry_id", "!=", False), ("state", "=", "live"), ("held", "!=", False)],
                ["entry_id", "held"],
                having=[("seconds:sum", "!=", 0)],
            )
        )
        ids = list({entry.id for entry, _held in rows})
        return [("id", "in" if operator == "not in" else "not in", ids)]

    # --- covered or not -----------------------------------------------------------------------

    # A contract that changes, and a task that gets another parent, call for it by themselves.
    @api.depends(
        "date",
        "company_id",
        "project_id.partner_id.commercial_partner_id",
        "task_id.partner_id.commercial_partner_id",
        "partner_id.commercial_partner_id",
        "timesheet_invoice_id.state",
        "timesheet_invoice_id.payment_state",
        "klausel_ledger_ids.state",
        "klausel_ledger_ids.held",
    )
    def _compute_klausel_covered(self):
        covered = self._klausel_kept_from_orders()
        covered.klausel_covered = True
        (self - covered).klausel_covered = False

    def _klausel_kept_from_orders(self):
        """Those that are settled, or that a running contract covers."""
        timesheets = self.filtered("project_id")
        settled = timesheets._klausel_settled()
        others = (timesheets - settled).filtered(lambda line: not line._klausel_billed_by_order())
        return settled | others._klausel_under_contract()

    @api.model
    def _klausel_recompute_covered(self, domain):
        """Have the timesheets in ``domain`` computed anew, archived tasks and partners or not."""
        timesheets = self.sudo().with_context(active_test=False)
        # With the present value at hand only what changes is written.
        lines = timesheets.search_fetch([("project_id", "!=", False), *domain], ["klausel_covered"])
        self.env.add_to_compute(self._fields["klausel_covered"], lines)
        lines.modified(["klausel_covered"])

    @api.model
    def _klausel_mend_covered(self, domain):
        """Compute anew only those in ``domain`` of which something else is stored.

        Of a contract and a timesheet that two people save at the same moment neither transaction
        sees the other's. Both are known to whoever looks later.
        """
        timesheets = self.sudo().with_context(active_test=False)
        lines = timesheets.search_fetch([("project_id", "!=", False), *domain], ["klausel_covered"])
        covered = set(lines._klausel_kept_from_orders().ids)
        stale = lines.filtered(lambda line: line.klausel_covered != (line.id in covered))
        self.env.add_to_compute(self._fields["klausel_covered"], stale)
        stale.modified(["klausel_covered"])
        return stale

    @api.model
    def _cron_mend_covered(self):
        """For what Odoo shows of orders: who bills them looks again by themselves."""
        lately = fields.Datetime.now() - timedelta(days=2)
        return self._klausel_mend_covered([("write_date", ">=", lately)])

    def _klausel_billed_by_order(self):
        """Whether an invoice of Odoo's own has it. A cancelled or reversed one bills nothing."""
        invoice = self.timesheet_invoice_id
        if not invoice or invoice.klausel_run_id:
            return False
        cancelled = invoice.state == "cancel" and invoice.payment_state != "invoicing_legacy"
        return not cancelled and invoice.payment_state != "reversed"

    def _klausel_under_contract(self):
        """Those that a running contract covers, decided for all of them at once."""
        lines = self.sudo()
        owners = {line: line._klausel_customer().id for line in lines}
        coverages = (
            self.env["klausel.contract"]
            .sudo()
            ._klausel_coverages(set(owners.values()) - {False}, lines.company_id.ids)
        )
        if not coverages:
            return self.browse()
        tickets = any(one.covers == "ticket" for some in coverages.values() for one in some)
        above = lines.task_id._klausel_above() if tickets else {}
        found = []
        for line, owner in owners.items():
            some = coverages.get((line.company_id.id, owner), ())
            day, project, tasks = line.date, line.project_id.id, above.get(line.task_id.id, ())
            if any(one.has(day, project, tasks) for one in some):
                found.append(line.id)
        return self.browse(found)

    # --- settled entries ----------------------------------------------------------------------

    def _klausel_settling_contracts(self):
        """``{contract id: [entry ids]}`` of what is on record and not held.

        What an adjustment has taken back as a whole is no longer on record.
        """
        entries = self._origin.ids
        if not entries:
            return {}
        rows = (
            self.env["klausel.ledger"]
            .sudo()
            ._read_group(
                [("entry_id", "in", entries), ("state", "=", "live"), ("held", "=", False)],
                ["contract_id", "entry_id"],
                having=["|", ("seconds:sum", "!=", 0), ("__count", "=", 1)],
            )
        )
        found = {}
        for contract, entry in rows:
            found.setdefault(contract.id, []).append(entry.id)
        return found

    def _klausel_settled(self):
        settled = {id_ for ids in self._klausel_settling_contracts().values() for id_ in ids}
        return self.filtered(lambda line: line._origin.id in settled)

    def _klausel_check_correctable(self):
        for line in self - self._klausel_settled():
            raise UserError(
                self.env._(
                    "“%(entry)s” of %(date)s is not settled: change the timesheet itself.",
                    entry=line.name,
                    date=line.date,
                )
            )

    @api.model
    def _klausel_is_manager(self):
        return self.env.user.has_group("klausel_billing.group_manager")

    def _klausel_followers(self):
        """Those that go along when their task or project moves: what is settled stays."""
        if is_on(self, OVERRIDE) and self._klausel_is_manager():
            return self
        return self - self._klausel_settled()

    def _compute_partner_id(self):
        return super(AccountAnalyticLine, self._klausel_followers())._compute_partner_id()

    def _compute_project_id(self):
        return super(AccountAnalyticLine, self._klausel_followers())._compute_project_id()

    def _klausel_go_along(self):
        """Give these the customer of where they stand now.

        Odoo leaves it as it was where an invoice has them. A task of another project is what an
        entry has left, too.
        """
        for line in self.sudo():
            task = line.task_id.filtered(lambda task, line=line: task.project_id == line.project_id)
            partner = task.partner_id or line.project_id.partner_id
            if line.partner_id != partner:
                line.write({"partner_id": partner.id})

    def _check_can_write(self, values):
        """Odoo's own lock on invoiced time gives way to a billing manager, too."""
        if not (is_on(self, OVERRIDE) and self._klausel_is_manager()):
            return super()._check_can_write(values)
        settled = self._klausel_settled()
        super(AccountAnalyticLine, settled)._check_can_write({})
        return super(AccountAnalyticLine, self - settled)._check_can_write(values)

    def write(self, vals):
        guarded = {name: vals[name] for name in GUARDED if name in vals and name in self._fields}
        contracts = self._klausel_settling_contracts() if guarded else {}
        if not contracts:
            return super().write(vals)
        self.check_access("write")
        settled = self.browse({id_ for ids in contracts.values() for id_ in ids}).sudo()
        changes = {
            line: names for line in settled if (names := line._klausel_changed_fields(guarded))
        }
        if not changes:
            return super().write(vals)
        if not self._klausel_is_manager():
            line, names = next(iter(changes.items()))
            labels = [self._fields[name]._description_string(self.env) for name in names]
            raise UserError(
                self.env._(
                    "“%(entry)s” of %(date)s is already settled under a service contract:"
                    " only a billing manager may change %(fields)s.",
                    entry=line.name,
                    date=line.date,
                    fields=", ".join(labels),
                )
            )
        before = {line: line._klausel_texts(names) for line, names in changes.items()}
        lines = switched_on(self, OVERRIDE)
        result = super(AccountAnalyticLine, lines).write(vals)
        # What follows from the change is decided now, while it may.
        lines.mapped("project_id")
        lines.mapped("partner_id")
        if "partner_id" not in guarded:
            moved = [
                line.id for line in changes if not {"project_id", "task_id"}.isdisjoint(guarded)
            ]
            lines.browse(moved)._klausel_go_along()
        notes = {}
        for line, names in changes.items():
            after = line._klausel_texts(names)
            notes[line.id] = [
                self.env._(
                    "Settled timesheet “%(entry)s” of %(date)s (%(id)s): %(field)s changed from"
                    " “%(old)s” to “%(new)s”",
                    entry=line.name,
                    date=before[line].get("date") or line.date,
                    id=line.id,
                    field=line._fields[name]._description_string(self.env),
                    old=before[line][name],
                    new=after[name],
                )
                for name in names
            ]
        self._klausel_note_on(contracts, notes)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_settled(self):
        contracts = self._klausel_settling_contracts()
        if not contracts:
            return
        settled = self.browse({id_ for ids in contracts.values() for id_ in ids}).sudo()
        if not self._klausel_is_manager():
            raise UserError(
                self.env._(
                    "“%(entry)s” of %(date)s is already settled under a service contract:"
                    " only a billing manager may delete it.",
                    entry=settled[0].name,
                    date=settled[0].date,
                )
            )
        notes = {
            line.id: [
                self.env._(
                    "Settled timesheet “%(entry)s” of %(date)s (%(id)s) deleted: %(hours)s hours",
                    entry=line.name,
                    date=line.date,
                    id=line.id,
                    hours=line.unit_amount,
                )
            ]
            for line in settled
        }
        self._klausel_note_on(contracts, notes)

    def _klausel_changed_fields(self, vals):
        """Names in ``vals`` whose value is another one than this entry's."""
        self.ensure_one()
        return [name for name, value in vals.items() if self._klausel_differs(name, value)]

    def _klausel_differs(self, name, value):
        field = self._fields[name]
        if field.type != "many2many":
            old = field.convert_to_cache(self[name], self, validate=False)
            new = field.convert_to_cache(value, self, validate=False)
            return (old or False) != (new or False)
        old = set(self[name].ids)
        new = set(old)
        for command in value or ():
            if not isinstance(command, list | tuple):
                command = Command.link(command)
            operation, id_ = command[0], command[1]
            if operation == Command.CREATE:
                return True
            if operation in (Command.DELETE, Command.UNLINK):
                new.discard(id_)
            elif operation == Command.LINK:
                new.add(id_)
            elif operation in (Command.CLEAR, Command.SET):
                new = set(command[2]) if operation == Command.SET else set()
        return old != new

    def _klausel_texts(self, names):
        self.ensure_one()
        return {
            name: str(self._fields[name].convert_to_export(self[name], self) or "")
            for name in names
        }

    def _klausel_note_on(self, contracts, notes):
        """Tell each contract what became of its entries, ``{entry id: [text]}``."""
        self.env["klausel.contract.part"].sudo()._klausel_note(
            {
                contract: [text for id_ in sorted(ids) for text in notes.get(id_, ())]
                for contract, ids in contracts.items()
                if not notes.keys().isdisjoint(ids)
            }
        )
