"""One customer's billing run, step by step. Whatever fails, all of it is undone."""

import hashlib
import json
import re
from decimal import ROUND_HALF_UP, Decimal

from markupsafe import Markup
from odoo.fields import Command, Date
from odoo.tools import SQL, plaintext2html
from psycopg2.errors import UniqueViolation

from .call import Call
from .desk import Desk
from .fingerprint import fingerprint
from .payload import parse

#: Lines of an invoice that a person sees.
VISIBLE = ("product", "line_section", "line_subsection", "line_note")

#: What no two live rows of the ledger have in common.
KEY = (
    "contract_id",
    "term",
    "component",
    "period",
    "line_group",
    "sequence",
    "entry_ref",
    "lot",
)
TEXTS = ("term", "component", "line_group", "lot")
#: What of a timesheet a row of the ledger puts on record, in seconds.
TIMES = ("seconds", "rounded", "drawn")
NONE = (0, 0, 0)


class Application(Call):
    def apply(self):
        self.asked = self._read(parse, self._data)
        self.row = self._request()
        before = self.env["klausel.run"].search(
            [("company_id", "=", self.company.id), ("key", "=", self.asked.key)]
        )
        if before:
            self._done(before)
            return {**json.loads(before.result), "replayed": True}
        self.customer = self._customer()
        self._take_turn()
        self.contracts = self._contracts()
        self._check_policies()
        self.entries = self._entries()
        self._check_entries()
        self._check_taken_back()
        self.early = self._early()
        self._check_parts()
        self.run = self.env["klausel.run"].create(
            {
                "key": self.asked.key,
                "company_id": self.company.id,
                "partner_id": self.customer.id,
                "as_of": self.asked.as_of,
                "user_id": self.env.uid,
                "batch_id": self._batch().id,
                "record": self.asked.record or False,
            }
        )
        self.lines = {}
        self.parts = {}
        for row in self.asked.rows:
            if row.line and row.entry in self.entries:
                part = self.entries[row.entry], row.seconds
                self.parts.setdefault(row.line, []).append(part)
        for key, rows in self.early.items():
            self.parts.setdefault(key, []).extend((row.entry_id, row.seconds) for row in rows)
        moves = [(move.key, self._move(move)) for move in self.asked.moves]
        rows = self._rows()
        self._link(rows)
        for _key, move in moves:
            move._message_log(body=self.env._("Written by Klausel for %s.", self.run.display_name))
        return self._finish(moves, rows)

    def _finish(self, moves, rows):
        result = {
            "seq": self.asked.sequence + 1,
            "moves": [
                {"key": key, "id": move.id, "name": move._get_move_display_name()}
                for key, move in moves
            ],
            "rows": len(rows),
            "replayed": False,
        }
        self.run.write(
            {
                "result": json.dumps(result),
                "move_ids": [Command.set([move.id for _key, move in moves])],
            }
        )
        self.run._klausel_chain()
        self.env["klausel.preview"]._klausel_touch({(self.company.id, self.customer.id)})
        self._done(self.run)
        return result

    def _batch(self):
        """The run over all customers: the request that this is for, whoever goes on with it, or
        what the program names. Older ones name none."""
        batches = self.env["klausel.batch"]
        key, user = self.asked.batch, self.env.user
        if self.row:
            request = self.row.request_id
            key, user = f"request-{request.id}", request.user_id
        return batches._klausel_of(self.company, key, self.asked.as_of, user) if key else batches

    # --- for a request ----------------------------------------------------------------------------

    def _request(self):
        """The customer of the request that this is for, if it is for one. First of all: nobody
        else takes the request meanwhile."""
        if not self.asked.request:
            return None
        self.desk = Desk(self.env, self.company, self._data)
        requests = self.env["klausel.request"]
        domain = [("id", "=", self.asked.request), ("company_id", "=", self.company.id)]
        return self.desk.may_write(requests.search(domain), self.asked)

    def _done(self, run):
        if self.row:
            self.desk.written(self.row, run)

    # --- what is asked for ----------------------------------------------------------------------

    def _customer(self):
        customer = self.env["res.partner"].browse(self.asked.customer).exists()
        if not customer or customer.commercial_partner_id != customer:
            self._refuse(
                "contract-missing",
                self.env._("Customer %s has no contracts in this company.", self.asked.customer),
            )
        if not self._may_use(customer):
            self._refuse(
                "customer-company",
                self.env._(
                    "Customer %(customer)s belongs to company %(other)s, not to %(company)s.",
                    customer=customer.display_name,
                    other=customer.company_id.display_name,
                    company=self.company.display_name,
                ),
            )
        return customer

    def _may_use(self, record):
        """Whether Odoo lets the company use it: its own, its parent companies', and common ones."""
        return bool(record.filtered_domain(record._check_company_domain(self.company)))

    def _take_turn(self):
        """First of all the customer's number: it makes everybody else wait, and then fail."""
        if not self.customer._klausel_take_turn(self.company, self.asked.sequence):
            self._refuse("seq-moved", self.customer._klausel_moved())

    def _contracts(self):
        codes = {line.contract for move in self.asked.moves for line in move.products}
        codes |= {row.contract for row in self.asked.rows}
        contracts = self.env["klausel.contract"].with_context(active_test=False)
        found = {
            contract.code: contract
            for contract in contracts.search(
                [
                    ("company_id", "=", self.company.id),
                    ("commercial_partner_id", "=", self.customer.id),
                    ("code", "in", list(codes)),
                ]
            )
        }
        for code in sorted(codes - found.keys()):
            self._refuse(
                "contract-missing",
                self.env._(
                    "%(customer)s has no contract %(code)s any more.",
                    customer=self.customer.display_name,
                    code=code,
                ),
            )
        return found

    def _check_policies(self):
        """What is published of a contract's policy is what was decided by."""
        published = self.env["klausel.policy"]._klausel_current(self.company)
        for code, stamp in self.asked.policies.items():
            policy = code in self.contracts and published.get(self.contracts[code].policy)
            if policy and policy.stamp != stamp:
                self._refuse(
                    "policy-published",
                    self.env._(
                        "Policy %(policy)s is published as %(published)s, but the files in use"
                        " are %(used)s.",
                        policy=policy.name,
                        published=self._version(policy.name, policy.stamp),
                        used=self._version(policy.name, stamp),
                    ),
                )

    def _version(self, name, stamp):
        """Version and hash of a stamp, as sentences name them."""
        version, _space, short = stamp.removeprefix(f"{name} ").rpartition(" ")
        return f"{version} ({short})"

    def _entries(self):
        """The timesheets, kept from changing until this transaction ends."""
        ids = sorted(self.asked.fingerprints)
        self.env.cr.execute(
            SQL(
                "SELECT id FROM account_analytic_line WHERE id = ANY(%s) ORDER BY id"
                " FOR NO KEY UPDATE",
                ids,
            )
        )
        present = {id_ for (id_,) in self.env.cr.fetchall()}
        # Who waits for these rows sees no ledger row of this transaction: then it shall fail, and
        # come again.
        self.env.cr.execute(
            SQL(
                "UPDATE account_analytic_line SET write_date = write_date WHERE id = ANY(%s)",
                sorted(present),
            )
        )
        # Tags are read in the company's language, as the connector reads them.
        context = {"active_test": False, "lang": self.company.partner_id.lang or None}
        lines = self.env["account.analytic.line"].with_context(**context)
        entries = lines.browse(id_ for id_ in ids if id_ in present)
        ours = entries.filtered(lambda entry: entry.project_id and entry.company_id == self.company)
        for id_ in ids:
            if id_ not in ours._ids:
                self._refuse(
                    "entry-missing",
                    self.env._("Timesheet %s is no longer there.", id_),
                )
        return {entry.id: entry for entry in ours}

    def _check_entries(self):
        ledger = self.env["klausel.ledger"]
        settled = ledger._klausel_settled_with(self.entries)
        # What is settled here stays, though its project may be another customer's now.
        ours = {entry for entry, contract in settled if self._is_ours(contract)}
        for entry in self.entries.values():
            same = fingerprint(entry) == self.asked.fingerprints[entry.id]
            mine = entry.id in ours or entry._klausel_customer() == self.customer
            if not same or not mine:
                self._refuse(
                    "entry-changed",
                    self.env._(
                        "Timesheet %(id)s of %(date)s, “%(text)s”, has changed since it was read.",
                        id=entry.id,
                        date=entry.date,
                        text=entry.name or "",
                    ),
                )
        # The same hour twice: once for the customer, or in the company, that it belonged to before.
        for entry, contract in settled:
            if self._is_ours(contract):
                continue
            customer = contract.commercial_partner_id.display_name
            if contract.company_id == self.company:
                sentence = self.env._(
                    "Timesheet %(id)s is already settled with %(customer)s.",
                    id=entry,
                    customer=customer,
                )
            else:
                sentence = self.env._(
                    "Timesheet %(id)s is already settled with %(customer)s in another company.",
                    id=entry,
                    customer=customer,
                )
            self._refuse("duplicate", sentence)

    def _check_taken_back(self):
        """Of timesheets that nobody has read no more is taken back than is on record.

        They may be gone, or another customer's or company's by now: what is left of them here
        keeps nobody from billing them.
        """
        others = {row.entry for row in self.asked.rows} - self.entries.keys() - {0}
        if not others:
            return
        found = self.env["klausel.ledger"]._read_group(
            [
                ("entry_ref", "in", list(others)),
                ("state", "=", "live"),
                ("company_id", "=", self.company.id),
                ("partner_id", "=", self.customer.id),
            ],
            ["entry_ref", "held"],
            [f"{name}:sum" for name in TIMES],
        )
        before, after = {}, {}
        for entry, held, *times in found:
            place = entry, bool(held)
            before[place] = [a + b for a, b in zip(before.get(place, NONE), times, strict=True)]
            after[place] = before[place]
        for row in self.asked.rows:
            if row.entry in others:
                place = row.entry, bool(row.held)
                times = (getattr(row, name) for name in TIMES)
                after[place] = [a + b for a, b in zip(after.get(place, NONE), times, strict=True)]
        known = {entry for entry, _held in before}
        for place in sorted(after):
            entry, _held = place
            pairs = zip(before.get(place, NONE), after[place], strict=True)
            if entry not in known or not all(0 <= b <= a or a <= b <= 0 for a, b in pairs):
                self._refuse(
                    "entry-missing",
                    self.env._(
                        "No more of timesheet %(id)s can be taken back than is on record with"
                        " %(customer)s.",
                        id=entry,
                        customer=self.customer.display_name,
                    ),
                )

    def _is_ours(self, contract):
        owner = contract.company_id, contract.commercial_partner_id
        return owner == (self.company, self.customer)

    def _early(self):
        """By line: parts of it that went on record before the line was due."""
        own = {row.line: row for row in self.asked.rows if row.line and not row.entry}
        places = {
            line.key: (line, own[line.key])
            for move in self.asked.moves
            for line in move.products
            if line.entries and line.key in own
        }
        if not places:
            return {}
        rows = self.env["klausel.ledger"].search(
            [
                ("contract_id", "in", [contract.id for contract in self.contracts.values()]),
                ("period", "in", list({row.period for _line, row in places.values()})),
                ("state", "=", "live"),
                ("entry_ref", "!=", 0),
                ("move_line_id", "=", False),
                ("held", "=", False),
            ]
        )
        by_place = rows.grouped(
            lambda row: (row.contract_id.code, row.term, row.component, row.period, row.line_group)
        )
        found = {}
        for key, (line, row) in places.items():
            place = (row.contract, row.term, row.component, row.period, row.group)
            known = by_place.get(place, rows.browse())
            found[key] = known.filtered(lambda one, line=line: one.entry_ref in line.entries)
        return found

    def _check_parts(self):
        """Nothing may be billed that does not go on record."""
        billed = {}
        for row in self.asked.rows:
            billed.setdefault(row.line, set()).add(row.entry)
        for move in self.asked.moves:
            for line in move.products:
                early = self.early.get(line.key, self.env["klausel.ledger"])
                if not billed[line.key].union(early.mapped("entry_ref")).issuperset(line.entries):
                    self._refuse(
                        "protocol",
                        self.env._("The program that called sent something else for “%s”.", "rows"),
                    )

    # --- drafts -----------------------------------------------------------------------------------

    def _move(self, asked):
        currency = self._currency(asked)
        journal = self._journal(currency)
        address = self._address()
        for line in asked.products:
            self._check_product(line, journal)
        corrects = self._corrected(asked)
        self._check_corrected_lines(asked, corrects)
        reverses = corrects.filtered(
            lambda one: (one.move_type, asked.move_type) == ("out_invoice", "out_refund")
        )
        language = self._language(asked, address)
        move = self._draft_to_refresh(asked, currency, address) if asked.refresh else None
        marked = self._last_mark(move) if move else 0
        values = [
            self._line_values(line, number, language, marked)
            for number, line in enumerate(asked.lines, start=1)
        ]
        before = Decimal(0)
        if move:
            known = move.line_ids
            before = self._exact(self._products(move))
            last = max(known.mapped("sequence"))
            for value in values:
                value["sequence"] += last
            move.write({"invoice_line_ids": [Command.create(value) for value in values]})
            move.invoice_origin = self._origin(asked, move.invoice_origin)
        else:
            moves = self.env["account.move"]
            known = moves.line_ids
            if language:
                moves = moves.with_context(lang=language)
            # What is given back is given back as it was billed, wherever the customer is today.
            position = {"fiscal_position_id": corrects.fiscal_position_id.id} if corrects else {}
            move = moves.create(
                {
                    **position,
                    "move_type": asked.move_type,
                    "journal_id": journal.id,
                    "partner_id": address.id,
                    "currency_id": currency.id,
                    "ref": self._reference(asked, corrects, language),
                    "invoice_origin": self._origin(asked),
                    "invoice_user_id": (address.user_id or self.customer.user_id).id,
                    "reversed_entry_id": reverses.id,
                    "klausel_run_id": self.run.id,
                    "invoice_line_ids": [Command.create(value) for value in values],
                }
            )
            move = move.with_env(self.env)
        notes = {"klausel_run_id": self.run.id} if move.klausel_run_id != self.run else {}
        if asked.narration:
            ours = plaintext2html(asked.narration)
            notes["narration"] = Markup("%s%s") % (move.narration or "", ours)
        if notes:
            # No line depends on these: Odoo need not look at all of them again.
            quiet = move.with_context(skip_invoice_sync=True, check_move_validity=False)
            quiet.write(notes)
        made = (move.line_ids - known).filtered(lambda line: line.display_type in VISIBLE)
        pairs = list(zip(asked.lines, made.sorted("id"), strict=True))
        self.lines.update({line.key: record for line, record in pairs if not line.display_type})
        self._check_lines(pairs)
        self._check_lock(move)
        self._check_total(asked, move, before)
        self._put_stamp(move)
        if corrects:
            move._message_log(body=self.env._("Corrects %s.", corrects._get_html_link()))
        return move

    def _reference(self, asked, corrects, language):
        """The customer's own, and the number of the invoice that it corrects."""
        names = [asked.reference]
        if corrects.name and corrects.name != "/":
            env = self.env(context={**self.env.context, "lang": language})
            names.append(env._("Correction of %s", corrects.name))
        return ", ".join(filter(None, names)) or False

    def _put_stamp(self, move):
        """In SQL: it changes nothing that anything depends on."""
        move.flush_recordset()
        self.env.cr.execute(
            SQL("UPDATE account_move SET klausel_stamp = %s WHERE id = %s", stamp(move), move.id)
        )
        move.invalidate_recordset(["klausel_stamp"], flush=False)

    def _language(self, asked, address):
        """The customer's, where Odoo speaks it."""
        language = asked.language or address.lang
        codes = {code for code, _name in self.env["res.lang"].get_installed()}
        return language if language in codes else None

    def _origin(self, asked, before=""):
        codes = [code for code in (before or "").split(", ") if code]
        codes += [line.contract for line in asked.products]
        return ", ".join(dict.fromkeys(codes))

    def _last_mark(self, move):
        """The highest number before a note: those of lines that are added go on from there."""
        notes = move.line_ids.filtered(lambda line: line.display_type == "line_note")
        found = [re.match(r"(\[\d+\] )+", note.name or "") for note in notes]
        numbers = [re.findall(r"\d+", one[0]) for one in found if one]
        return max((int(number) for some in numbers for number in some), default=0)

    def _line_values(self, line, number, language, marked=0):
        marks = [f"[{mark + marked}]" for mark in line.marks]
        if line.display_type:
            name = " ".join([*marks, line.name])
            return {"display_type": line.display_type, "name": name, "sequence": number}
        values = {
            "name": " ".join([self._line_name(line, language), *marks]),
            "sequence": number,
            "product_id": line.product,
            "quantity": float(line.quantity),
            "price_unit": float(line.price),
            "discount": float(line.discount),
        }
        corrected = self._original(line)
        if corrected:
            # Tax and account of the line that it corrects, not the product's of today.
            values["tax_ids"] = [Command.set(corrected.tax_ids.ids)]
            values["account_id"] = corrected.account_id.id
        unit = self._unit(line)
        if unit:
            values["product_uom_id"] = unit.id
        distribution = self._distribution(line)
        if distribution:
            values["analytic_distribution"] = distribution
        known = self.env["account.move.line"]._fields
        if "deferred_start_date" in known and "deferred_end_date" in known:
            values["deferred_start_date"] = line.first
            values["deferred_end_date"] = line.last
        return values

    def _line_name(self, line, language):
        """Odoo's form shows the product's name and, below it, the text without that name.

        So where the text contains the name, it is given a row of its own, as on Odoo's invoices.
        """
        product = self.env["product.product"].browse(line.product)
        name = product.with_context(lang=language).display_name
        if name not in line.name:
            return line.name
        return f"{name}\n{line.name.removeprefix(f'{name}, ')}"

    def _unit(self, line):
        """Hours are billed in hours, whatever unit of time the product is kept in."""
        hour = self.env.ref("uom.product_uom_hour")
        own = self.env["product.product"].browse(line.product).uom_id
        if own == hour or not own._has_common_reference(hour):
            is_time = own == hour
            return self._piece() if is_time and line.unit not in ("", "hour") else None
        return self._piece() if line.unit not in ("", "hour") else hour

    def _piece(self):
        return self.env.ref("uom.product_uom_unit")

    def _distribution(self, line):
        """Of the entries' projects, weighted by the seconds that this line bills."""
        weights = {}
        for entry, seconds in self.parts.get(line.key, ()):
            weights[entry.project_id] = weights.get(entry.project_id, 0) + seconds
        if not any(weights.values()):
            weights = dict.fromkeys(weights, 1)
        whole = sum(weights.values())
        if not whole:
            return {}
        shares = {}
        for project, weight in weights.items():
            for accounts in project._get_analytic_distribution():
                shares[accounts] = shares.get(accounts, 0) + weight
        if not shares:
            return {}
        digits = self.env["decimal.precision"].precision_get("Percentage Analytic")
        unit = Decimal(1).scaleb(-digits)
        exact = {accounts: Decimal(100) * part / whole for accounts, part in shares.items()}
        found = {accounts: share.quantize(unit, ROUND_HALF_UP) for accounts, share in exact.items()}
        # What rounding leaves over goes to the largest share.
        largest = max(found, key=lambda accounts: found[accounts])
        whole_share = sum(exact.values()).quantize(unit, ROUND_HALF_UP)
        found[largest] += whole_share - sum(found.values())
        return {accounts: float(share) for accounts, share in found.items()}

    def _draft_to_refresh(self, asked, currency, address):
        """An earlier run's draft that nobody has touched."""
        if asked.reverses:
            return None
        drafts = self.env["account.move"].search(
            [
                ("company_id", "=", self.company.id),
                ("partner_id", "=", address.id),
                ("move_type", "=", asked.move_type),
                ("currency_id", "=", currency.id),
                ("state", "=", "draft"),
                ("posted_before", "=", False),
                ("reversed_entry_id", "=", False),
                ("ref", "=", asked.reference or False),
                ("klausel_run_id", "!=", False),
                ("klausel_run_id", "!=", self.run.id),
                ("klausel_stamp", "!=", False),
            ],
            order="id desc",
        )
        codes = {line.contract for line in asked.products}
        for draft in drafts:
            there = set((draft.invoice_origin or "").split(", "))
            # Drafts of single contracts stay such.
            if len(codes) == 1 and len(there) == 1 and codes != there:
                continue
            if draft.klausel_stamp == stamp(draft):
                return draft
        return None

    # --- checks -----------------------------------------------------------------------------------

    def _currency(self, asked):
        currencies = self.env["res.currency"].with_context(active_test=False)
        currency = currencies.search([("name", "=", asked.currency)], limit=1)
        if not currency.active:
            self._refuse(
                "currency",
                self.env._("Currency %s is not active in Odoo: activate it.", asked.currency),
            )
        for line in asked.products:
            contract = self.contracts[line.contract]
            if contract.currency_id != currency:
                self._refuse(
                    "currency",
                    self.env._(
                        "Contract %(code)s is in %(currency)s, not in %(asked)s.",
                        code=contract.code,
                        currency=contract.currency_id.name,
                        asked=asked.currency,
                    ),
                )
        return currency

    def _journal(self, currency):
        """The first one of the currency, as Odoo chooses; else the first one of no other."""
        journals = self.env["account.journal"].search(
            [
                *self.env["account.journal"]._check_company_domain(self.company),
                ("type", "=", "sale"),
            ]
        )
        own = self.company.currency_id
        free = journals.filtered(lambda journal: journal.currency_id in (own.browse(), own))
        of_currency = journals.filtered(lambda journal: journal.currency_id == currency)
        journal = (free if currency == own else of_currency or free)[:1] or journals[:1]
        receivable = self.customer.with_company(self.company).property_account_receivable_id
        if not (journal and receivable):
            self._refuse(
                "no-chart",
                self.env._(
                    "Company %s has no chart of accounts yet, or no sales journal:"
                    " set up its accounting first.",
                    self.company.name,
                ),
            )
        return journal

    def _address(self):
        if not self.customer.active:
            self._refuse(
                "customer-archived",
                self.env._("Customer %s is archived.", self.customer.display_name),
            )
        return self.customer.browse(self.customer.address_get(["invoice"])["invoice"])

    def _check_product(self, line, journal):
        if not line.product:
            self._refuse(
                "product",
                self.env._(
                    "“%(line)s” of contract %(code)s has no product: name one in its term.",
                    line=line.name,
                    code=line.contract,
                ),
            )
        product = self.env["product.product"].browse(line.product).exists()
        if not product or not self._may_use(product):
            self._refuse(
                "product",
                self.env._(
                    "The product of “%(line)s” in contract %(code)s does not exist in this"
                    " company.",
                    line=line.name,
                    code=line.contract,
                ),
            )
        if not product.active:
            self._refuse(
                "product",
                self.env._(
                    "Product %(product)s of contract %(code)s is archived.",
                    product=product.display_name,
                    code=line.contract,
                ),
            )
        accounts = product.product_tmpl_id.get_product_accounts()
        account = accounts["income"] or journal.default_account_id
        if not account or not account.active:
            self._refuse(
                "income-account",
                self.env._(
                    "Product %s has no income account, nor have its category and the journal.",
                    product.display_name,
                ),
            )

    def _corrected(self, asked):
        """The invoice that a credit note or an adjustment corrects."""
        moves = self.env["account.move"]
        if not asked.reverses:
            return moves
        invoice = moves.browse(asked.reverses).exists()
        if not self._may_correct(invoice):
            self._refuse(
                "protocol",
                self.env._("The program that called sent something else for “%s”.", "reverses"),
            )
        return invoice

    def _may_correct(self, document):
        return (
            document.company_id == self.company
            # Not as it was stored: contacts may have been merged since.
            and document.partner_id.commercial_partner_id == self.customer
            and document.move_type in ("out_invoice", "out_refund")
        )

    def _check_corrected_lines(self, asked, corrects):
        """Lines correct lines of the document that their draft corrects, and no other. On one that
        corrects none they stand beside others, such as what corrects a pool's credit."""
        lines = self.env["account.move.line"].browse(
            {line.corrects for line in asked.products if line.corrects}
        )
        if (
            lines.exists() != lines
            or (corrects and lines.move_id - corrects)
            or not all(map(self._may_correct, lines.move_id))
        ):
            self._refuse(
                "protocol",
                self.env._("The program that called sent something else for “%s”.", "corrects"),
            )

    def _original(self, line):
        """The invoice line that ``line`` gives back or corrects: on record, or of this run."""
        if line.original:
            return self.lines.get(line.original, self.env["account.move.line"])
        return self.env["account.move.line"].browse(line.corrects or ())

    def _check_lines(self, pairs):
        for line, record in pairs:
            included = record.tax_ids.flatten_taxes_hierarchy().filtered("price_include")
            if included:
                self._refuse(
                    "tax-included",
                    self.env._(
                        "Prices of contract %(code)s are net, but tax %(tax)s of product"
                        " %(product)s is included in the price.",
                        code=line.contract,
                        tax=included[0].name,
                        product=record.product_id.display_name,
                    ),
                )

    def _check_lock(self, move):
        day = move.invoice_date or Date.context_today(move)
        locks = move._get_violated_lock_dates(day, bool(move.line_ids.tax_ids))
        if locks:
            self._refuse(
                "locked",
                self.env._(
                    "The books of %(company)s are locked up to %(date)s:"
                    " an invoice of %(day)s cannot be posted.",
                    company=self.company.name,
                    date=locks[-1][0],
                    day=day,
                ),
            )

    def _check_total(self, asked, move, before):
        """Odoo's untaxed totals must be the ones that were shown, to the last digit.

        A draft that was there already had the exact amount ``before``. Only exact amounts can be
        compared with what was added: of two halves of a cent that were rounded up one by one,
        Odoo's total of both has none.
        """
        currency = move.currency_id
        products = self._products(move)
        added = [self.lines[line.key] for line in asked.products]
        ours = self._total(added, currency)
        whole = self._total(products, currency)
        found = Decimal(repr(move.amount_untaxed))
        if (
            ours != asked.total
            or self._exact(products) - before != self._exact(added)
            or currency.compare_amounts(float(found), float(whole))
        ):
            self._refuse(
                "total-differs",
                self.env._(
                    "Odoo's total of the lines of contract %(code)s is %(found)s %(currency)s,"
                    " not %(asked)s.",
                    code=asked.products[0].contract,
                    found=found if len(products) == len(asked.products) else ours,
                    currency=currency.name,
                    asked=asked.total,
                ),
            )

    def _products(self, move):
        return move.invoice_line_ids.filtered(lambda line: line.display_type == "product")

    def _exact(self, lines):
        return sum((line._klausel_exact() for line in lines), Decimal(0))

    def _total(self, lines, currency):
        unit = Decimal(repr(currency.rounding))

        def rounded(amount):
            return (amount / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit

        if self.company.tax_calculation_rounding_method == "round_per_line":
            return sum((rounded(line._klausel_exact()) for line in lines), Decimal(0))
        return rounded(self._exact(lines))

    # --- ledger -----------------------------------------------------------------------------------

    def _rows(self):
        nothing = self.env["account.move.line"]
        # What is taken back may be about a timesheet that is gone or is another customer's now.
        gone = {row.entry for row in self.asked.rows} - self.entries.keys() - {0}
        others = self.env["account.analytic.line"].browse(gone).exists()
        corrected = {
            line.key: self._original(line).id for move in self.asked.moves for line in move.products
        }
        present = self.entries.keys() | set(others.ids)
        values = []
        for row in self.asked.rows:
            line = self.lines.get(row.line, nothing)
            values.append(
                {
                    "contract_id": self.contracts[row.contract].id,
                    "term": row.term,
                    "component": row.component,
                    "period": row.period,
                    "line_group": row.group,
                    "sequence": row.sequence,
                    "entry_id": row.entry if row.entry in present else False,
                    "entry_ref": row.entry,
                    "seconds": row.seconds,
                    "rounded": row.rounded,
                    "disposition": row.disposition or False,
                    "rule": row.rule or False,
                    "rate": row.rate or False,
                    "lot": row.lot,
                    "amount": row.amount or False,
                    "quantity": row.quantity or False,
                    "discount": row.discount or False,
                    "held": row.held or False,
                    "move_line_id": line.id,
                    "move_id": line.move_id.id,
                    "corrects_id": (row.amount and corrected.get(row.line)) or False,
                    "fingerprint": row.fingerprint or False,
                    "policy": row.policy or False,
                    "drawn": row.drawn,
                    "counted": row.counted,
                    "last": row.last,
                    "booked": row.booked or False,
                    "role": row.role or False,
                    "run_id": self.run.id,
                }
            )
        if self._on_record(values):
            self._refuse_duplicate()
        try:
            with self.env.cr.savepoint():
                return self.env["klausel.ledger"].create(values)
        except UniqueViolation:
            self._refuse_duplicate()

    def _on_record(self, values):
        """Whether live rows have the key of one of these. The index would say so, too, loudly."""
        asked = {tuple(value[name] for name in KEY) for value in values}
        fields = ["contract_id", *KEY[1:]]
        live = self.env["klausel.ledger"].search_read(
            [
                ("contract_id", "in", [contract.id for contract in self.contracts.values()]),
                ("period", "in", list({value["period"] for value in values})),
                ("state", "=", "live"),
            ],
            fields,
            load="",
        )
        known = {
            tuple(row[name] or "" if name in TEXTS else row[name] for name in KEY) for row in live
        }
        return len(asked) < len(values) or not asked.isdisjoint(known)

    def _refuse_duplicate(self):
        self._refuse(
            "duplicate",
            self.env._(
                "Somebody has billed some of this work of %s already.",
                self.customer.display_name,
            ),
        )

    def _link(self, rows):
        """For display only: the ledger says what is settled."""
        for key, early in self.early.items():
            line = self.lines[key]
            early.write({"move_line_id": line.id, "move_id": line.move_id.id})
            rows |= early
        # A correction leaves the timesheet with the invoice that bills it.
        corrections = {
            line.key for move in self.asked.moves if move.reverses for line in move.products
        }
        corrected = self.env["account.move"].union(
            *(self.lines[key].move_id for key in corrections)
        )
        billed = rows.filtered(
            lambda row: (
                row.entry_id
                and row.move_id
                and row.move_id not in corrected
                # Of what has gone to somebody else nothing is billed here.
                and (row.entry_ref in self.entries or row.fingerprint)
            )
        )
        rows._klausel_link_entries({row.entry_id.id: row.move_id.id for row in billed})
        self._let_go(rows)
        # A contract and a timesheet that were entered at the same moment knew nothing of each
        # other. Here both are known; what is settled is computed anew by its ledger rows.
        settled = {row.entry for row in self.asked.rows if not row.held}
        open_ids = [id_ for id_ in self.entries if id_ not in settled]
        self.env["account.analytic.line"]._klausel_mend_covered([("id", "in", open_ids)])

    def _let_go(self, rows):
        """Timesheets that are taken back because they are somebody else's now are on no invoice
        of this customer's any more."""
        entries = rows.filtered(lambda row: not row.fingerprint).entry_id
        if not entries:
            return
        ledger = self.env["klausel.ledger"]
        settled = {entry for entry, _contract in ledger._klausel_settled_with(entries.ids)}
        open_ids = [id_ for id_ in entries.ids if id_ not in settled]
        moves = ledger.search(
            [("entry_ref", "in", open_ids), ("partner_id", "=", self.customer.id)]
        ).move_id
        if moves:
            ledger._klausel_link_entries(dict.fromkeys(open_ids), moves)


def stamp(move):
    """A short hash of what a person could change on a draft."""
    lines = move.line_ids.filtered(lambda line: line.display_type in VISIBLE).sorted("id")
    facts = [
        move.partner_id.id,
        move.journal_id.id,
        move.currency_id.id,
        move.fiscal_position_id.id,
        move.invoice_payment_term_id.id,
        str(move.invoice_date),
        move.ref,
        str(move.narration),
        [
            (
                line.id,
                line.display_type,
                line.sequence,
                line.name,
                line.product_id.id,
                line.product_uom_id.id,
                line.account_id.id,
                line.quantity,
                line.price_unit,
                line.discount,
                line.tax_ids.ids,
                line.analytic_distribution or {},
            )
            for line in lines
        ],
    ]
    return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()
