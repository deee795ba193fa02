from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from .held import because
from .klausel_override import DECISIONS

#: Kinds of rules that rows name, and the rule of what a person decided.
DECIDING = ("scope", "approval", "budget")
BY_HAND = "override"
#: Component of rows of notices.
NOTICE = "notice"
#: Group of the row that says that a period of a component is closed.
CLOSING = ""


class KlauselLedger(models.Model):
    """What is settled, part by part. Only the addon's own code writes it, with sudo."""

    _name = "klausel.ledger"
    _description = "Ledger of Settled Parts"
    _order = "period desc, id desc"
    _rec_names_search = ["contract_id", "term"]

    contract_id = fields.Many2one(
        comodel_name="klausel.contract",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    # Computed before the row is stored, which saves writing each row twice.
    company_id = fields.Many2one(
        related="contract_id.company_id", store=True, index=True, precompute=True
    )
    partner_id = fields.Many2one(
        related="contract_id.commercial_partner_id",
        string="Customer",
        store=True,
        index=True,
        precompute=True,
    )
    term = fields.Char(required=True, readonly=True)
    component = fields.Char(required=True, readonly=True)
    period = fields.Date(
        required=True, readonly=True, help="First covered day of the settled period."
    )
    line_group = fields.Char(
        string="Group",
        default=CLOSING,
        readonly=True,
        help="Which of the period's lines. Empty: the row that closes the period.",
    )
    sequence = fields.Integer(
        readonly=True, help="0 is the regular line, later ones are late lines and adjustments."
    )
    entry_id = fields.Many2one(
        comodel_name="account.analytic.line",
        string="Timesheet",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    entry_ref = fields.Integer(
        string="Timesheet ID",
        readonly=True,
        index=True,
        aggregator=None,
        help="Stays when the timesheet is deleted. 0: the row is about no single timesheet.",
    )
    seconds = fields.Integer(readonly=True, aggregator=None)
    rounded = fields.Integer(string="Rounded Seconds", readonly=True, aggregator=None)
    hours = fields.Float(compute="_compute_hours")
    disposition = fields.Selection(
        selection=[*DECISIONS, ("billed_elsewhere", "Billed elsewhere")], readonly=True
    )
    rule = fields.Char(readonly=True)
    rate = fields.Char(readonly=True, help="Price per unit, net, exact.")
    rate_said = fields.Char(
        string="Price", compute="_compute_rate_said", help="Per unit, net, exact."
    )
    lot = fields.Char(default="", readonly=True, help="Lot of hours that the time was drawn from.")
    drawn = fields.Integer(
        string="Seconds Drawn", readonly=True, aggregator=None, help="What the lot lost by it."
    )
    counted = fields.Date(
        string="Counted After",
        readonly=True,
        help="A late timesheet is counted after the work of this day.",
    )
    role = fields.Char(readonly=True, help="Of who worked, when it was settled.")
    last = fields.Date(string="Last Day", readonly=True, help="Last day that the line covers.")
    amount = fields.Char(
        readonly=True, help="Net amount of the whole line, exact, on the row that stands for it."
    )
    quantity = fields.Char(
        readonly=True, help="Of the line that the row stands for, below zero where it gives back."
    )
    discount = fields.Char(readonly=True, help="Percent, of the line that the row stands for.")
    # For sums. Of a line the money, of a timesheet the time: a line's time is that of its
    # timesheets once more.
    currency_id = fields.Many2one(
        related="contract_id.currency_id", store=True, precompute=True, index=False
    )
    net = fields.Monetary(
        string="Net Amount",
        compute="_compute_measures",
        store=True,
        precompute=True,
        help="Of the lines of invoices, rounded to the currency.",
    )
    worked_hours = fields.Float(
        string="Hours Worked",
        compute="_compute_measures",
        store=True,
        precompute=True,
        help="Of single timesheets, as they were logged.",
    )
    counted_hours = fields.Float(
        string="Hours Counted",
        compute="_compute_measures",
        store=True,
        precompute=True,
        help="Of single timesheets, rounded as agreed.",
    )
    drawn_hours = fields.Float(
        string="Hours Drawn",
        compute="_compute_measures",
        store=True,
        precompute=True,
        help="What lots of hours have lost. Of lots of requests: one for each request.",
    )
    invoiced = fields.Char(
        string="Amount Now",
        compute="_compute_invoiced",
        compute_sudo=True,
        help="What the invoice line comes to now, exact: it may have been changed by hand.",
    )
    held = fields.Char(readonly=True, help="Why the part is not billed yet.")
    held_because = fields.Char(compute="_compute_held_because")
    move_line_id = fields.Many2one(
        comodel_name="account.move.line",
        string="Invoice Line",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    move_id = fields.Many2one(
        comodel_name="account.move",
        string="Invoice",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    corrects_id = fields.Many2one(
        comodel_name="account.move.line",
        string="Corrects Line",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The invoice line that this one gives back or corrects.",
    )
    origin_id = fields.Many2one(
        comodel_name="account.move.line",
        string="Stood on Line",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="Where it stood until that invoice was reversed and made anew.",
    )
    move_name = fields.Char(related="move_id.name", string="Invoice Number")
    fingerprint = fields.Char(
        readonly=True, help="Short hash of the timesheet's facts when it was settled."
    )
    booked = fields.Char(
        string="Booked On",
        readonly=True,
        help="Ids of the project, task and customer that the timesheet stood on when it was"
        " settled.",
    )
    state = fields.Selection(
        selection=[("live", "Settled"), ("released", "Open again")],
        required=True,
        default="live",
        readonly=True,
        index=True,
    )
    cause = fields.Selection(
        selection=[
            ("deleted", "Line deleted"),
            ("cancelled", "Invoice cancelled"),
            ("reversed", "Invoice reversed"),
            ("corrected", "Corrected invoice open again"),
        ],
        string="Open Because",
        readonly=True,
    )
    mark = fields.Integer(
        readonly=True,
        aggregator=None,
        help="The ledger's last row when this one was opened again: what is younger may replace it",
    )
    policy = fields.Char(readonly=True, help="Version and hash of the policy that decided.")
    policy_id = fields.Many2one(
        comodel_name="klausel.policy",
        string="Published Policy",
        compute="_compute_policy_id",
        help="The publication of exactly this version, if there was one.",
    )
    because = fields.Text(
        compute="_compute_because",
        help="The sentence of the rule, as the policy that decided was published.",
    )
    clause = fields.Char(
        compute="_compute_because", help="Of the rule, as the policy that decided was published."
    )
    entry_date = fields.Date(string="Date", compute="_compute_entry", compute_sudo=True)
    entry_text = fields.Text(string="Work", compute="_compute_entry", compute_sudo=True)
    employee_name = fields.Char(string="Who", compute="_compute_entry", compute_sudo=True)
    run_id = fields.Many2one(
        comodel_name="klausel.run", readonly=True, index=True, ondelete="restrict"
    )

    _part_unique = models.UniqueIndex(
        "(contract_id, term, component, period, line_group, sequence, entry_ref, lot)"
        " WHERE state = 'live'",
        "Somebody has billed the same time already.",
    )

    # Columns of a unique index: a NULL in one of them would be equal to nothing.
    _key_complete = models.Constraint(
        "CHECK (line_group IS NOT NULL AND sequence IS NOT NULL AND entry_ref IS NOT NULL"
        " AND lot IS NOT NULL)",
        "The key of a ledger row must be complete.",
    )

    @api.depends("held")
    @api.depends_context("lang")
    def _compute_held_because(self):
        for row in self:
            row.held_because = because(self.env, {row.held} - {False})

    @api.depends("contract_id.code", "term", "component", "period", "line_group", "sequence")
    def _compute_display_name(self):
        for row in self:
            parts = (row.contract_id.code, row.term, row.component, row.period, row.line_group)
            name = "/".join(str(part) for part in parts if part)
            row.display_name = f"{name} #{row.sequence}" if row.sequence else name

    @api.depends(
        "amount",
        "move_line_id.quantity",
        "move_line_id.price_unit",
        "move_line_id.discount",
        "move_line_id.move_type",
    )
    def _compute_invoiced(self):
        for row in self:
            line = row.move_line_id
            row.invoiced = (
                format(line._klausel_net().normalize(), "f") if row.amount and line else False
            )

    @api.depends("policy", "company_id")
    def _compute_policy_id(self):
        policies = self.env["klausel.policy"].with_context(active_test=False)
        stamps = list(set(filter(None, self.mapped("policy"))))
        found = policies.search([("stamp", "in", stamps)], order="id")
        last = {(policy.company_id, policy.stamp): policy for policy in found}
        for row in self:
            row.policy_id = last.get((row.company_id, row.policy), policies.browse())

    @api.depends("rule", "component", "line_group", "policy", "company_id")
    @api.depends_context("lang")
    def _compute_because(self):
        names = {row: row._klausel_rule() for row in self}
        # Whoever may read a row may read why it is there.
        rules = self.env["klausel.rule"].sudo()
        rules = rules.search(
            [
                ("policy_id", "in", self.policy_id.ids),
                ("kind", "in", DECIDING),
                ("name", "in", list(set(filter(None, names.values())))),
            ]
        )
        said = {(rule.policy_id, rule.name): rule for rule in rules}
        by_hand = self.filtered(lambda row: row.rule == BY_HAND)._klausel_by_hand()
        for row in self:
            rule = said.get((row.policy_id, names[row]), rules.browse())
            row.because = by_hand.get(row) or rule.sentence
            row.clause = False if by_hand.get(row) else rule.clause

    @api.depends("rate")
    @api.depends_context("lang")
    def _compute_rate_said(self):
        for row in self:
            _whole, _point, decimals = (row.rate or "").partition(".")
            digits = max(len(decimals), 2)
            row.rate_said = row.rate and formatLang(self.env, float(row.rate), digits=digits)

    @api.depends("entry_id")
    def _compute_entry(self):
        """Whoever reads the ledger reads whose work it was, of their own timesheets or not."""
        for row in self:
            row.entry_date = row.entry_id.date
            row.entry_text = row.entry_id.name
            row.employee_name = row.entry_id.employee_id.name

    def _klausel_plan(self):
        """The plan of the row's term, as the policy that decided was published."""
        self.ensure_one()
        row = self.sudo()
        terms = row.contract_id.with_context(active_test=False).term_ids
        name = terms.filtered(lambda term: term.code == row.term)[:1].plan
        return row.policy_id.plan_ids.filtered(lambda plan: plan.name == name)[:1]

    def _klausel_rule(self):
        """Id of the rule that a row names. That of a notice stands in its group."""
        self.ensure_one()
        if self.component == NOTICE and not self.rule:
            return (self.line_group or "").rsplit("/", 2)[0]
        return self.rule

    def _klausel_by_hand(self):
        """``{row: what somebody decided about its timesheet}``, as it was in force then."""
        if not self:
            return {}
        decisions = self.env["klausel.override"].search(
            [("entry_ref", "in", list(set(self.mapped("entry_ref"))))], order="id"
        )
        by_entry = decisions.grouped("entry_ref")
        found = {}
        for row in self:
            for decision in by_entry.get(row.entry_ref, ()):
                revoked = decision.revoked_on
                if decision.create_date <= row.create_date and not (
                    revoked and revoked <= row.create_date
                ):
                    found[row] = self.env._("Decided by hand: %s", decision.reason)
        return found

    @api.depends("amount", "currency_id", "entry_ref", "seconds", "rounded", "drawn")
    def _compute_measures(self):
        for row in self:
            row.net = float(row.amount or 0)
            for name, seconds in (
                ("worked_hours", row.seconds),
                ("counted_hours", row.rounded),
                ("drawn_hours", row.drawn),
            ):
                row[name] = seconds / 3600 if row.entry_ref else 0

    @api.depends("seconds")
    def _compute_hours(self):
        for row in self:
            row.hours = row.seconds / 3600

    def action_correct(self):
        """The window in which a billing manager corrects the timesheet of this row."""
        return self.entry_id.klausel_action_correct()

    @api.model
    def _klausel_action(self, domain):
        """The window that shows the rows in ``domain``."""
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "klausel_billing.klausel_ledger_action"
        )
        return {**action, "domain": domain}

    @api.model
    def _klausel_settled_with(self, entries, domain=()):
        """``{(entry, contract): id of its last row}`` of what is on record and not taken back.

        The timesheets ``entries`` are ids, they may be gone. What waits, or has no time, is not
        settled.
        """
        groups = self._read_group(
            [
                ("entry_ref", "in", list(entries)),
                ("state", "=", "live"),
                ("held", "=", False),
                *domain,
            ],
            ["entry_ref", "contract_id"],
            ["seconds:sum", "rounded:sum", "drawn:sum", "id:max"],
        )
        return {(entry, contract): last for entry, contract, *sums, last in groups if any(sums)}

    @api.model
    def klausel_elsewhere(self, company_id, contract_ids, entry_ids=None):
        """The company's timesheets that other contracts than these have settled.

        Contracts of any company, archived ones too: an hour is billed once, whoever may see by
        whom. With ``entry_ids`` only those are looked at.
        """
        company = self.env["klausel.contract"]._klausel_check_caller(company_id)
        ledger = self.sudo()
        contracts = ledger.env["klausel.contract"].with_context(active_test=False)
        others = contracts.search([("id", "not in", contract_ids)])
        if not others:
            return []
        domain = [("contract_id", "in", others.ids), ("entry_id.company_id", "=", company.id)]
        if entry_ids is None:
            rows = ledger._read_group(
                [*domain, ("state", "=", "live"), ("held", "=", False)], ["entry_ref"]
            )
            entry_ids = [entry for (entry,) in rows]
        found = ledger._klausel_settled_with(entry_ids, domain)
        rows = ledger.browse(found.values())
        return [
            {
                "entry": entry,
                "contract": contract.code,
                "customer": contract.commercial_partner_id.name,
                "company": contract.company_id.name if contract.company_id != company else "",
                "fingerprint": row.fingerprint or "",
                "booked": row.booked or "",
            }
            for (entry, contract), row in zip(found, rows, strict=True)
        ]

    def _klausel_bump(self):
        """What was read of these rows' customers before is out of date."""
        places = {(row.company_id.id, row.partner_id.id) for row in self}
        self.env["res.partner"]._klausel_raise(places)

    # --- opening again ------------------------------------------------------------------------

    @api.model
    def _klausel_of_lines(self, lines):
        """Live rows that stand on ``lines`` of invoices."""
        if not lines.ids:
            return self.browse()
        return self.search([("move_line_id", "in", lines.ids), ("state", "=", "live")])

    @api.model
    def _klausel_of_moves(self, moves, state="live", cause=None):
        if not moves.ids:
            return self.browse()
        domain = [("move_id", "in", moves.ids), ("state", "=", state)]
        if cause:
            domain += [("cause", "=", cause), ("move_line_id", "!=", False)]
        return self.search(domain)

    def _klausel_place(self):
        self.ensure_one()
        return self.contract_id, self.term, self.component, self.period

    def _klausel_closing(self, state):
        """The rows that close the periods of the regular lines among these.

        A timesheet's row is no line: on a correction it may be its first at another price.
        """
        places = {row._klausel_place() for row in self if not (row.sequence or row.entry_ref)}
        if not places:
            return self.browse()
        rows = self.search(
            [
                ("contract_id", "in", self.contract_id.ids),
                ("period", "in", list({period for *_others, period in places})),
                ("line_group", "=", CLOSING),
                ("sequence", "=", 0),
                ("entry_ref", "=", 0),
                ("state", "=", state),
            ],
            order="id",
        )
        return rows.filtered(lambda row: row._klausel_place() in places)

    def _klausel_without_money(self):
        """Live rows that correct regular lines among these by no money: hours, or an end."""
        lines = self.filtered(lambda row: row.amount and not (row.sequence or row.entry_ref))
        groups = {(*row._klausel_place(), row.line_group) for row in lines}
        if not groups:
            return self.browse()
        rows = self.search(
            [
                ("contract_id", "in", lines.contract_id.ids),
                ("period", "in", list(set(lines.mapped("period")))),
                ("line_group", "in", list(set(lines.mapped("line_group")))),
                ("sequence", "!=", 0),
                ("entry_ref", "=", 0),
                ("amount", "=", False),
                ("state", "=", "live"),
            ]
        )
        return rows.filtered(lambda row: (*row._klausel_place(), row.line_group) in groups)

    def _klausel_instead(self, state):
        """What was settled, on no line, instead of time that corrections among these took back.

        Only by the run that wrote the correction: of the same customer. What is open again was
        opened with the correction.
        """
        taken = self.filtered(lambda row: row.sequence and row.entry_ref and row.seconds < 0)
        if not taken:
            return self.browse()
        rows = self.search(
            [
                ("run_id", "in", taken.run_id.ids),
                ("entry_ref", "in", list(set(taken.mapped("entry_ref")))),
                ("move_line_id", "=", False),
                ("state", "=", state),
            ]
        )

        def of(row):
            return row.run_id, row.entry_ref, row.state, row.cause, row.mark

        together = {of(row) for row in taken}
        return rows.filtered(lambda row: of(row) in together)

    def _klausel_release(self, cause):
        """Open exactly these parts again, and the period of each regular line, together with
        what was corrected of that line without money; of a correction that took time back,
        what was settled of that time instead."""
        rows = self.filtered(lambda row: row.state == "live")
        if not rows:
            return
        moves = rows.move_id
        last = self.search([], order="id desc", limit=1).id
        gone = rows | rows._klausel_closing("live") | rows._klausel_without_money()
        gone |= rows._klausel_instead("live")
        # The links first: with the state, Odoo computes anew who bills the time.
        rows._klausel_unlink_entries(gone)
        gone.write({"state": "released", "cause": cause, "mark": last})
        gone._klausel_bump()
        moves.invalidate_recordset(["timesheet_ids", "timesheet_count"])

    def _klausel_drop_corrections(self):
        """What corrects the lines of these rows, which are deleted: drafts go, or it is refused."""
        lines = self.move_line_id
        rows = self.search([("corrects_id", "in", lines.ids), ("move_id", "!=", False)])
        for move in rows.move_id:
            if move.line_ids - lines and move.state == "posted" and not move._klausel_undone():
                move._klausel_refuse_release(lines.move_id[:1], move)
        for document, some in rows.grouped(lambda row: row.corrects_id.move_id).items():
            some.move_id._klausel_drop(document)

    def _klausel_unlink_entries(self, gone):
        """Invoices of these rows' entries: none, or another one with a live part."""
        entries = self.entry_id
        moves = self.move_id
        if not (entries and moves):
            return
        others = self.search(
            [
                ("entry_id", "in", entries.ids),
                ("id", "not in", gone.ids),
                ("state", "=", "live"),
                ("move_id", "!=", False),
            ],
            order="id",
        )
        targets = {row.entry_id.id: row.move_id.id for row in others}
        self._klausel_link_entries({id_: targets.get(id_) for id_ in entries.ids}, moves)

    @api.model
    def _klausel_link_entries(self, targets, instead=None):
        """Show on entries which invoice bills them, ``{entry id: move id or None}``.

        In SQL: Odoo must not take this for its own invoicing, nor compute customer and project
        of the entries anew. ``instead``: only where one of these invoices stands now.
        """
        entries_by_move = {}
        for entry, move in targets.items():
            entries_by_move.setdefault(move, []).append(entry)
        lines = self.env["account.analytic.line"]
        lines.flush_model(["timesheet_invoice_id"])
        for move, entries in entries_by_move.items():
            query = SQL(
                "UPDATE account_analytic_line SET timesheet_invoice_id = %s WHERE id = ANY(%s)",
                move or None,
                entries,
            )
            if instead is not None:
                query = SQL("%s AND timesheet_invoice_id = ANY(%s)", query, instead.ids)
            self.env.cr.execute(query)
        lines.browse(targets).invalidate_recordset(["timesheet_invoice_id"], flush=False)
        self.env["account.move"].invalidate_model(["timesheet_ids"], flush=False)

    # --- and settled once more ----------------------------------------------------------------

    def _klausel_revive(self, refuse=True):
        """Settle these released rows again: their invoice is in force again.

        Where the work was billed again meanwhile, that is refused, or left as it is.
        """
        if not self:
            return
        closed = {row._klausel_place() for row in self._klausel_closing("live")}
        if refuse:
            self._klausel_check_again(self.move_id[:1])
        elif self._klausel_billed_again():
            return
        # Of several that closed a period, the one of the same run.
        closing = {
            row._klausel_place(): row
            for row in self._klausel_closing("released").sorted(
                lambda row: (row.run_id in self.run_id, row.id)
            )
            if row._klausel_place() not in closed
        }
        rows = self.union(*closing.values()) | self._klausel_instead("released")
        if refuse:
            self._klausel_check_corrected()
        rows.write({"state": "live", "cause": False, "mark": 0})
        self.env.flush_all()
        self._klausel_link_entries(
            {row.entry_id.id: row.move_id.id for row in self if row.entry_id}
        )
        rows._klausel_bump()

    def _klausel_check_again(self, move):
        """Refuse what would settle these released rows of ``move`` again, where their work was
        billed since."""
        again = self._klausel_billed_again() if self else self
        if again:
            raise UserError(
                self.env._(
                    "The work on %(old)s is open again and was billed on %(new)s since:"
                    " cancel or delete that first.",
                    old=move._klausel_name(),
                    new=again.move_id[:1]._klausel_name() or again[:1].display_name,
                )
            )

    def _klausel_check_corrected(self):
        """Of what is settled again by these, corrections need what they correct."""
        for row in self.filtered("amount"):
            line = row.corrects_id
            there = line and (
                line in self.move_line_id or self.env["klausel.ledger"]._klausel_of_lines(line)
            )
            if not there and (line or row.cause == "corrected"):
                raise UserError(
                    self.env._(
                        "%(correction)s corrects %(document)s, whose work is open again: what is"
                        " still due comes with the next billing run.",
                        correction=row.move_id._klausel_name(),
                        document=line.move_id._klausel_name() or self.env._("a deleted invoice"),
                    )
                )

    def _klausel_billed_again(self):
        """Live rows that settle what these released ones had settled."""
        entries = {(row.contract_id, row.entry_ref): row.mark for row in self if row.entry_ref}
        lines = {(*row._klausel_place(), row.line_group, row.sequence) for row in self}
        rows = self.search(
            [
                ("contract_id", "in", self.contract_id.ids),
                ("state", "=", "live"),
                "|",
                ("entry_ref", "in", [entry for _contract, entry in entries]),
                ("period", "in", list(set(self.mapped("period")))),
            ],
            order="move_id, id",
        )

        def replaces(row):
            mark = entries.get((row.contract_id, row.entry_ref))
            younger = mark is not None and row.id > mark
            return younger or (*row._klausel_place(), row.line_group, row.sequence) in lines

        found = rows.filtered(replaces)
        # Meanwhile its timesheet may be another customer's, or another company's.
        settled = self._klausel_settled_with({entry for _contract, entry in entries})
        owners = {(row.company_id, row.partner_id) for row in self}
        for (_entry, contract), last in settled.items():
            if (contract.company_id, contract.commercial_partner_id) not in owners:
                found |= self.browse(last)
        return found

    def _klausel_move_to(self, lines):
        """Put these rows on other invoice lines, ``{old line: new line}``."""
        for old, rows in self.grouped("move_line_id").items():
            new = lines[old]
            rows.write({"move_line_id": new.id, "move_id": new.move_id.id, "origin_id": old.id})
        self._klausel_link_entries(
            {row.entry_id.id: row.move_id.id for row in self if row.entry_id}
        )
        self._klausel_bump()
