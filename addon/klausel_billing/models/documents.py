"""Documents that are in force, compared with the ledger."""

from collections import defaultdict
from decimal import Decimal

from odoo.tools import SQL

ZERO = Decimal(0)


class Documents:
    """``env`` has all rights: whoever makes one of these has checked the caller.

    Amounts are net, in the documents' currency, and a credit note's are below zero. Documents that
    correct one another are compared as one.
    """

    def __init__(self, env, company):
        self.env = env
        self.company = company

    def compare(self):
        """Where amounts on record and documents in force differ, as dictionaries.

        Part of a document that people reversed themselves was meant so, and a line that they wrote
        or changed is theirs: neither is here.
        """
        self.env.flush_all()
        families = self._families(self._suspects())
        self.documents = sorted({one for family in families for one in family})
        if not self.documents:
            return []
        self._read_lines()
        self._read_by_hand()
        found = filter(None, map(self._compare, families))
        return sorted(found, key=lambda one: (one["contract"], one["documents"]))

    def _query(self, sql, *arguments):
        return self.env.execute_query(SQL(sql, *arguments))

    def _suspects(self):
        """Documents of ours of which something was reversed, or whose parts are open or gone."""
        rows = self._query(
            """
            WITH ours AS (
                 SELECT id, state, payment_state FROM account_move
                  WHERE klausel_run_id IS NOT NULL AND company_id = %s)
            SELECT d.id FROM ours d JOIN account_move r ON r.reversed_entry_id = d.id
             WHERE r.state = 'posted' AND r.klausel_run_id IS NULL
            UNION
            SELECT d.id FROM ours d WHERE d.payment_state = 'reversed'
            UNION
            SELECT d.id FROM ours d JOIN klausel_ledger l ON l.move_id = d.id
             WHERE l.amount IS NOT NULL AND l.move_line_id IS NOT NULL
               AND (l.state = 'live') = (d.state = 'cancel')
            UNION
            SELECT d.id FROM ours d
             WHERE d.state != 'cancel'
               AND NOT EXISTS (SELECT FROM klausel_ledger l WHERE l.move_id = d.id)
            """,
            self.company.id,
        )
        return {id_ for (id_,) in rows}

    def _families(self, suspects):
        """The suspects, each with what it corrects and what corrects it."""
        if not suspects:
            return []
        links = self._query(
            """
            SELECT l.move_id, p.move_id FROM klausel_ledger l
              JOIN account_move_line p ON p.id = l.corrects_id
             WHERE l.move_id IS NOT NULL AND l.company_id = %s
            UNION
            SELECT d.id, d.reversed_entry_id FROM account_move d
             WHERE d.klausel_run_id IS NOT NULL AND d.reversed_entry_id IS NOT NULL
               AND d.company_id = %s AND NOT EXISTS (
                   SELECT FROM klausel_ledger l
                    WHERE l.move_id = d.id AND l.corrects_id IS NOT NULL)
            """,
            self.company.id,
            self.company.id,
        )
        linked = defaultdict(set)
        for one, other in links:
            linked[one].add(other)
            linked[other].add(one)
        families, seen = [], set()
        for suspect in sorted(suspects):
            if suspect in seen:
                continue
            family, todo = set(), {suspect}
            while todo:
                family |= todo
                todo = {other for one in todo for other in linked[one]} - family
            seen |= family
            families.append(sorted(family))
        return families

    def _read_lines(self):
        """By document, the sums of its lines: settled, open again, and those that people wrote."""
        rows = self._query(
            """
            SELECT m.id, m.state, SUM(p.net) FILTER (WHERE p.live),
                   SUM(p.net) FILTER (WHERE NOT p.live AND (p.open OR NOT known.yes)),
                   SUM(p.net) FILTER (WHERE NOT p.live AND NOT p.open AND known.yes)
              FROM account_move m
              JOIN LATERAL (
                   SELECT EXISTS (SELECT FROM klausel_ledger l WHERE l.move_id = m.id) AS yes
                   ) known ON TRUE
              LEFT JOIN LATERAL (
                   SELECT CASE WHEN m.move_type = 'out_refund' THEN -line.price_subtotal
                               ELSE line.price_subtotal END AS net,
                          COALESCE(BOOL_OR(l.state = 'live'), FALSE) AS live,
                          COALESCE(BOOL_OR(l.state = 'released'), FALSE) AS open
                     FROM account_move_line line
                     LEFT JOIN klausel_ledger l
                       ON l.move_line_id = line.id AND l.amount IS NOT NULL
                    WHERE line.move_id = m.id AND line.display_type = 'product'
                    GROUP BY line.id
                   ) p ON TRUE
             WHERE m.id = ANY(%s) GROUP BY m.id, m.state
            """,
            self.documents,
        )
        self.states, self.live, self.open, self.others = {}, {}, {}, {}
        for id_, state, live, open_, others in rows:
            self.states[id_] = state
            self.live[id_], self.open[id_], self.others[id_] = (
                Decimal(str(amount or 0)) for amount in (live, open_, others)
            )

    def _read_by_hand(self):
        """By document, what people reversed of it: with its sign, and the documents."""
        self.by_hand = defaultdict(lambda: [ZERO, set()])
        rows = self._query(
            """
            SELECT r.reversed_entry_id, r.id,
                   SUM(CASE WHEN r.move_type = 'out_refund' THEN line.price_subtotal
                            ELSE -line.price_subtotal END)
              FROM account_move r JOIN account_move_line line ON line.move_id = r.id
             WHERE r.reversed_entry_id = ANY(%s) AND r.klausel_run_id IS NULL
               AND line.display_type = 'product'
               AND r.move_type IN ('out_invoice', 'out_refund')
               AND r.state = 'posted'
             GROUP BY r.id
            """,
            self.documents,
        )
        # What names nothing, and is matched with an invoice: the net part of that.
        rows += self._query(
            """
            SELECT d.id, r.id,
                   SUM(x.debit_amount_currency) * d.amount_untaxed / NULLIF(d.amount_total, 0)
              FROM account_partial_reconcile x
              JOIN account_move_line debit ON debit.id = x.debit_move_id
              JOIN account_move d ON d.id = debit.move_id
              JOIN account_move_line credit ON credit.id = x.credit_move_id
              JOIN account_move r ON r.id = credit.move_id
             WHERE d.id = ANY(%s) AND d.move_type = 'out_invoice'
               AND r.move_type = 'out_refund' AND r.klausel_run_id IS NULL
               AND r.state = 'posted'
               AND r.reversed_entry_id IS DISTINCT FROM d.id
             GROUP BY d.id, r.id
            """,
            self.documents,
        )
        for document, reversal, amount in rows:
            found = self.by_hand[document]
            found[0] += Decimal(str(amount or 0))
            found[1].add(reversal)

    def _compare(self, family):
        force = [id_ for id_ in family if self.states[id_] != "cancel"]
        gone = sum((self.live[id_] for id_ in family if id_ not in force), ZERO)
        live = sum((self.live[id_] for id_ in force), ZERO)
        others = sum((self.others[id_] for id_ in force), ZERO)
        by_hand = sum((self.by_hand[id_][0] for id_ in family), ZERO)
        # What people took away beyond what is open again.
        away = by_hand - sum((self.open[id_] for id_ in force), ZERO)
        moves = self.env["account.move"].browse(force or family)
        reversals = {one for id_ in family for one in self.by_hand[id_][1]}
        shown = moves | moves.browse(sorted(reversals))
        currency = moves[:1].currency_id
        # Each line of each document may be rounded by itself.
        unit = Decimal(str(currency.rounding))
        slack = unit * len(shown.invoice_line_ids) / 2
        total = live + others
        meant = slack < away / (1 if total >= 0 else -1) < abs(total) - slack
        undone = not live and abs(total - away) <= slack
        if not gone and (abs(away) <= slack or meant or undone):
            return None
        # Of some that are in force and hold nothing, those that hold something tell the contract.
        was, now = gone + live, live - away
        return {
            "contract": self._contract(family),
            "documents": ", ".join(move._klausel_name(short=True) for move in shown),
            "was": format(was.quantize(unit), "f"),
            "now": format(now.quantize(unit), "f"),
        }

    def _contract(self, family):
        rows = self.env["klausel.ledger"].search(
            ["|", ("move_id", "in", family), ("origin_id.move_id", "in", family)],
            order="contract_id, id",
            limit=1,
        )
        if rows:
            return rows.contract_id.code
        origins = self.env["account.move"].browse(family).mapped("invoice_origin")
        return next(filter(None, origins), "").split(", ")[0]
