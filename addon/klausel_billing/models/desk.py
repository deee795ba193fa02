"""Requests as the programs beside Odoo take them: each one at a time, and never two the same."""

from odoo.exceptions import AccessError
from odoo.fields import Datetime
from odoo.tools import SQL

from .call import Call
from .payload import BadPayload, integer, one_of, storable, text

#: How long a request stays with a program that is not heard of.
LEASE = "5 minutes"
#: A program is written down anew when it was last heard of so long ago, in seconds.
STAMPED = 5
ENDED = ("done", "failed", "cancelled")
#: The last one is for a program that is stopped: somebody else goes on at once.
ENDS = (*ENDED, "waiting")
SAID = ("nothing", "changed", "refused")
NOW = SQL("now() AT TIME ZONE 'UTC'")
#: Shared: the progress of a long step waits for it, and then need not begin again.
SHARED = SQL("FOR SHARE")
ALONE = SQL("FOR NO KEY UPDATE")


class Desk(Call):
    """Of one company. ``data`` is what the program says: at least its own name, ``worker``."""

    def __init__(self, env, company, data):
        super().__init__(env, company, data)
        self._worker = self._given(text, "worker", required=True)

    def _given(self, read, name, *arguments, **named):
        """One of the values that the program has sent."""
        try:
            value = read(self._data, name, *arguments, **named)
            return storable(value) if isinstance(value, str) else value
        except BadPayload:
            self._refuse_part(name)

    # --- who works --------------------------------------------------------------------------------

    def _stamp(self, version=None):
        """Note that the program lives; where nothing is said of it, its version stays."""
        self.env.cr.execute(
            SQL(
                """
                SELECT 1 FROM klausel_worker
                 WHERE company_id = %s AND name = %s AND seen_on > %s - make_interval(secs => %s)
                   AND (%s IS NULL OR version = %s)
                """,
                self.company.id,
                self._worker,
                NOW,
                STAMPED,
                version,
                version,
            )
        )
        if self.env.cr.rowcount:
            return
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO klausel_worker (company_id, name, version, seen_on, create_uid)
                VALUES (%s, %s, %s, %s, %s)
                ON CONFLICT (company_id, name) DO UPDATE
                SET seen_on = EXCLUDED.seen_on,
                    version = COALESCE(EXCLUDED.version, klausel_worker.version)
                """,
                self.company.id,
                self._worker,
                version,
                NOW,
                self.env.uid,
            )
        )

    # --- the next one -----------------------------------------------------------------------------

    def next(self):
        """The oldest request that nobody works on, as the program is told of it; else False."""
        self._stamp(self._given(text, "version") or None)
        self._nightly()
        self._end_cancelled()
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM klausel_request
                 WHERE company_id = %s AND NOT COALESCE(cancel, FALSE)
                   AND (state = 'waiting' OR (state = 'running' AND lease_until < %s))
                 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
                """,
                self.company.id,
                NOW,
            )
        )
        found = self.env.cr.fetchone()
        if not found:
            return False
        claim = self.env["klausel.request"]._klausel_new_claim()
        self.env.cr.execute(
            SQL(
                """
                UPDATE klausel_request
                   SET state = 'running', worker = %s, claim = %s, done = 0, total = 0,
                       progress = NULL, started_on = COALESCE(started_on, %s),
                       lease_until = %s + interval %s
                 WHERE id = %s
                """,
                self._worker,
                claim,
                NOW,
                NOW,
                LEASE,
                found[0],
            )
        )
        self.env["klausel.request"].invalidate_model(flush=False)
        request = self.env["klausel.request"].browse(found[0])
        customers = request.customer_ids
        self.env["klausel.preview"]._klausel_claim(self.company, customers.partner_id.ids, claim)
        return {
            "id": request.id,
            "kind": request.kind,
            "adjust": request.adjust,
            "as_of": request.as_of.isoformat(),
            "customers": [
                {"partner_id": one.partner_id.id, "seen": one.seen or "", "state": one.state}
                for one in customers
            ],
        }

    def _nightly(self):
        """Once a day, from the company's hour on, everything is asked for."""
        hour = self.company.klausel_nightly_hour
        if hour < 0:
            return
        now = Datetime.context_timestamp(
            self.company.with_context(tz=self.company.partner_id.tz or "UTC"), Datetime.now()
        )
        if now.hour + now.minute / 60 < hour:
            return
        requests = self.env["klausel.request"]
        place = [("company_id", "=", self.company.id), ("as_of", "=", now.date())]
        if requests.search_count([*place, ("nightly", "=", True)], limit=1):
            return
        # Another program may do so at the same moment.
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO klausel_request
                    (kind, adjust, company_id, as_of, user_id, nightly, state, cancel,
                     create_uid, create_date)
                VALUES ('preview', FALSE, %s, %s, %s, TRUE, 'waiting', FALSE, %s, %s)
                ON CONFLICT (company_id, as_of) WHERE nightly DO NOTHING
                """,
                self.company.id,
                now.date(),
                self.env.uid,
                self.env.uid,
                NOW,
            )
        )

    def _end_cancelled(self):
        """What a person cancelled, and what whoever had it no longer works on."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE klausel_request SET state = 'cancelled', ended_on = %s WHERE id IN (
                    SELECT id FROM klausel_request
                     WHERE company_id = %s AND cancel
                       AND (state = 'waiting' OR (state = 'running' AND lease_until < %s))
                       FOR UPDATE SKIP LOCKED
                )
                """,
                NOW,
                self.company.id,
                NOW,
            )
        )

    # --- one that the program has -----------------------------------------------------------------

    def progress(self, request):
        """Note how far it is; whether to go on."""
        done, total = self._given(integer, "done"), self._given(integer, "total")
        said = self._given(text, "text")
        self._stamp()
        held = self._hold(request, ALONE)
        if not held:
            return {"go_on": False}
        self.env.cr.execute(
            SQL(
                "UPDATE klausel_request SET done = %s, total = %s, progress = %s,"
                " lease_until = %s + interval %s WHERE id = %s",
                done,
                total,
                said or None,
                NOW,
                LEASE,
                request.id,
            )
        )
        return {"go_on": not held["cancel"]}

    def say(self, request):
        """What became of one customer of a bill request of whom nothing was written."""
        state = self._given(one_of, "state", SAID)
        partner = self._given(integer, "partner_id", least=1)
        said = self._given(text, "said")
        if self._keep(request)["kind"] != "bill":
            self._refuse_part("request_id")
        row = request.customer_ids.filtered(lambda one: one.partner_id.id == partner)
        if not row:
            self._refuse_unnamed(request, partner)
        if row.state != "written":  # what is written is written, whatever a second try finds
            self._end_row(row, state=state, said=said or False)
        return True

    def finish(self, request):
        """End the request, or give it back."""
        state = self._given(one_of, "state", ENDS)
        outcome = self._given(text, "outcome")
        if state in ENDED and (request.state, request.worker) == (state, self._worker):
            return True  # said a second time, because the first answer was lost
        held = self._keep(request, ALONE)
        self.env.cr.execute(
            SQL(
                "UPDATE klausel_request SET state = %s, outcome = %s, ended_on = %s,"
                " lease_until = NULL, progress = NULL, worker = %s WHERE id = %s",
                state,
                outcome or None if state in ENDED else None,
                NOW if state in ENDED else None,
                self._worker if state in ENDED else None,
                request.id,
            )
        )
        if state == "done" and held["kind"] == "preview" and not request.customer_ids:
            previews = self.env["klausel.preview"]
            previews._klausel_drop_unreported(self.company, held["claim"], held["as_of"])
        return True

    def _hold(self, request, lock):
        """The request's row as it is now, locked, if the program still has it."""
        self.env.cr.execute(
            SQL(
                "SELECT state, worker, kind, cancel, claim, as_of, adjust FROM klausel_request"
                " WHERE id = %s AND company_id = %s %s",
                request.id,
                self.company.id,
                lock,
            )
        )
        (row,) = self.env.cr.dictfetchall() or [{"state": None}]
        ours = row["state"] == "running" and row["worker"] == self._worker
        return row if ours else None

    def _keep(self, request, lock=SHARED):
        """As ``_hold``; refuses whoever has it no longer. Nobody else takes it until the end."""
        held = self._hold(request, lock)
        if not held:
            self._refuse(
                "request-gone",
                self.env._("Request %s is not with this program any more.", request.id),
            )
        return held

    def _refuse_unnamed(self, request, partner):
        self._refuse(
            "request-customer",
            self.env._(
                "Request %(request)s does not name customer %(customer)s.",
                request=request.id,
                customer=partner,
            ),
        )

    # --- drafts of a request --------------------------------------------------------------------

    def may_write(self, request, asked):
        """The row of the customer of whom ``asked`` would write drafts: refused unless it may."""
        request = request or request.browse(asked.request)
        held = self._keep(request)
        if held["cancel"]:
            self._refuse("request-gone", self.env._("Request %s was cancelled.", request.id))
        row = request.customer_ids.filtered(lambda one: one.partner_id.id == asked.customer)
        if held["kind"] != "bill" or not row:
            self._refuse_unnamed(request, asked.customer)
        if held["as_of"] != asked.as_of:
            self._refuse_part("as_of")
        if row.state == "written" and row.run_id.key != asked.key:
            self._refuse(
                "request-written",
                self.env._(
                    "Request %(request)s has written the drafts of %(customer)s already.",
                    request=request.id,
                    customer=row.partner_id.display_name,
                ),
            )
        return row

    def written(self, row, run):
        """``run`` has written what customer ``row`` of a request is about."""
        if row.state == "written":
            return
        self.env["klausel.preview"]._klausel_touch({(self.company.id, row.partner_id.id)})
        self._end_row(row, state="written", said=False, run_id=run.id)

    def _end_row(self, row, **values):
        """What became of a customer. Whatever the program shows of it from here on, it reads after
        this."""
        claim = self.env["klausel.request"]._klausel_new_claim()
        row.write({**values, "claim": claim})
        self.env["klausel.preview"]._klausel_claim(self.company, row.partner_id.ids, claim)


def desk_of(requests, request_id, data, kind=Desk):
    """``(desk, request)`` for a call about one request; ``requests`` has the caller's rights."""
    user = requests.env.user
    requests.env["klausel.contract"]._klausel_check_writer(requests.env.company.id)
    request = requests.browse()
    if type(request_id) is int and request_id > 0:
        request = requests.sudo().browse(request_id).exists()
    if not request or request.company_id not in user.company_ids:
        raise AccessError(requests.env._("Request %s is none of your companies'.", request_id))
    company = request.company_id
    env = plain(requests.env, company)
    return kind(env, company.with_env(env), data), request.with_env(env)


def plain(env, company):
    """All rights, and nothing of the caller's context that could steer what is written."""
    context = {
        "lang": env.context.get("lang"),
        "tz": env.context.get("tz"),
        "allowed_company_ids": company.ids,
    }
    return env(context=context, su=True)
