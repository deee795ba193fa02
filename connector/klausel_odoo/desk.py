"""Odoo's desk behind the port: what people ask for there, and what they are shown."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from threading import Lock
from typing import Any

from klausel import PROTOCOL, __version__
from klausel.model import Book
from klausel.money import round_half_up
from klausel.port import (
    Application,
    Applied,
    Gone,
    Refused,
    Request,
    Shown,
    Standing,
    Wish,
)
from klausel.problems import ErpError
from klausel.result import Result
from klausel.texts import number_text
from klausel_odoo import failures
from klausel_odoo.erp import ADDON, OdooSource
from klausel_odoo.shown import shown

REQUEST = "klausel.request"
PREVIEW = "klausel.preview"
WORKER = "klausel.worker"

#: Codes of refusals that say that a request is no longer this worker's.
GONE = "request-gone"

#: Customers in one question whether they are shown already, at most.
AT_ONCE = 100
#: Customers, and rows of all of them, that one call tells of at most; one customer's rows are never
#: parted. Meanwhile whoever changes something of one of them waits.
TOLD_AT_ONCE, ROWS_AT_ONCE = 25, 4000


class OdooDesk:
    """Requests of one company (:class:`klausel.port.Desk`), on a connection of its own: signs of
    life are told while the other one reads.

    ``name`` is the worker's: no two that run at the same time have the same.
    """

    def __init__(self, source: OdooSource, name: str) -> None:
        self._source = source
        self._own = OdooSource(source.settings)
        self._name = name
        self._lock = Lock()
        """A connection answers one question at a time."""

    @property
    def name(self) -> str:
        return self._name

    def next(self) -> Request | None:
        arguments = {"company_id": self._company(), "worker": self._name, "version": __version__}
        found = self._ask(REQUEST, "klausel_next", arguments)
        if not found:
            return None
        # What is known of the company may be another since the last request.
        self._source.look_again()
        return Request(
            found["id"],
            found["kind"],
            date.fromisoformat(found["as_of"]),
            found["adjust"],
            tuple(
                Wish(str(one["partner_id"]), one["seen"] or "", one["state"])
                for one in found["customers"]
            ),
        )

    def progress(self, request: Request, done: int, total: int, text: str) -> bool:
        arguments = {**self._mine(request), "done": done, "total": total, "text": text}
        return bool(self._ask(REQUEST, "klausel_progress", arguments)["go_on"])

    def shown(self, result: Result, digests: Mapping[str, str]) -> dict[str, Shown]:
        return {
            customer: Shown(
                page,
                not any(isinstance(rows, list) and rows for rows in page.values()),
                content(page),
            )
            for customer, page in shown(result, digests, PROTOCOL).items()
        }

    def standing(self) -> Mapping[str, Standing]:
        """See :class:`klausel.port.Desk`: one call."""
        company = self._company()
        arguments = {
            "domain": [("company_id", "=", company)],
            "specification": {
                "partner_id": {},
                "fingerprint": {},
                "line_count": {},
                "amount": {},
                "others": {},
                "currency_id": {"fields": {"name": {}, "decimal_places": {}}},
            },
            "order": "id",
        }
        rows = self._ask(PREVIEW, "web_search_read", arguments)["records"]
        return {
            str(row["partner_id"]): Standing(
                row["fingerprint"] or "", row["line_count"], _amounts(row)
            )
            for row in rows
            if row["partner_id"]
        }

    def unchanged(self, request: Request, pages: Mapping[str, Shown]) -> set[str]:
        """See :class:`klausel.port.Desk`: a call for every hundred customers."""
        asked = [
            {
                "partner_id": int(customer) if customer else False,
                "content": page.content,
                "seq": page.values["seq"],
            }
            for customer, page in pages.items()
        ]
        arguments = {**self._mine(request), "as_of": request.as_of.isoformat()}
        found: set[str] = set()
        for first in range(0, len(asked), AT_ONCE):
            some = {**arguments, "customers": asked[first : first + AT_ONCE]}
            same = self._ask(REQUEST, "klausel_unchanged", some)
            found |= {str(one["partner_id"] or "") for one in same}
        return found & pages.keys()

    def report(
        self, request: Request, pages: Mapping[str, Shown]
    ) -> Iterator[tuple[str, bool | Refused]]:
        """See :class:`klausel.port.Desk`: few calls. Whoever is not answered in one of them, as
        somebody is just changing something of them, is told of once more alone."""
        waiting = deque(_at_once(pages))
        while waiting:
            some = waiting.popleft()
            answers = self._report(request, some)
            yield from answers.items()
            left = [customer for customer in some if customer not in answers]
            if left and len(some) == 1:
                raise failures.strange(self._source.settings.url, "nothing of a customer", True)
            waiting.extend({customer: some[customer]} for customer in left)

    def _report(self, request: Request, pages: Mapping[str, Shown]) -> dict[str, bool | Refused]:
        """One call; empty where it was refused, and tells of several."""
        customers = [
            {
                "partner_id": int(customer) if customer else False,
                "payload": {**page.values, "content": page.content},
            }
            for customer, page in pages.items()
        ]
        arguments = {**self._mine(request), "customers": customers}
        try:
            answers = self._ask(REQUEST, "klausel_report", arguments)
        except failures.RefusedApplicationError as error:
            refused = Refused(error.code, error.message, error.hint)
            return dict.fromkeys(pages, refused) if len(pages) == 1 else {}
        found = {str(one["partner_id"] or ""): _answer(one) for one in answers}
        return {customer: found[customer] for customer in pages if customer in found}

    def apply(self, request: Request, application: Application, book: Book, last: bool) -> Applied:
        marks = {"worker": self._name, "request": request.id} if last else {}
        try:
            return self._source.apply(application, book, marks=marks)
        except Refused as error:
            if error.code == GONE:
                raise Gone(error.message) from None
            raise

    def say(self, request: Request, customer: str, state: str, said: str) -> None:
        arguments = {**self._mine(request), "partner_id": int(customer), "state": state}
        self._ask(REQUEST, "klausel_say", {**arguments, "said": said})

    def done(self, request: Request, state: str, outcome: str) -> None:
        arguments = {**self._mine(request), "state": state, "outcome": outcome}
        self._ask(REQUEST, "klausel_done", arguments)

    def close(self) -> None:
        self._own.close()

    # -- asking ------------------------------------------------------------------------------------

    def _mine(self, request: Request) -> dict[str, Any]:
        return {"request_id": request.id, "worker": self._name}

    def _company(self) -> int:
        with self._lock:
            session = self._own.session()
        if not session.info.get("work"):
            self._own.close()  # it may be upgraded before the next question
            raise ErpError(
                f"the addon {ADDON} {session.info['addon']} takes no requests", "upgrade the addon"
            )
        return session.company

    def _ask(self, model: str, method: str, arguments: Mapping[str, Any]) -> Any:
        """Raises :class:`Gone` where the request is no longer this worker's."""
        with self._lock:
            try:
                session = self._own.session()
                context = {**session.context, "active_test": True}
                return session.transport.call(model, method, {**arguments, "context": context})
            except failures.RefusedApplicationError as error:
                if error.code == GONE:
                    raise Gone(error.message) from None
                raise
            except failures.AccessRefusedError:
                raise ErpError(
                    f"user {self._own.settings.login} may not work on requests",
                    failures.join_group(failures.GROUP),
                ) from None
            except ErpError:
                self._own.close()  # the next question opens another connection
                raise


def content(page: Mapping[str, Any]) -> str:
    """Short hash of what people see of ``page``; of another version it is another one."""
    seen = {name: value for name, value in page.items() if name not in ("as_of", "seq")}
    text = json.dumps([__version__, seen], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _at_once(pages: Mapping[str, Shown]) -> Iterator[dict[str, Shown]]:
    """``pages`` in parts, each for one call."""
    some: dict[str, Shown] = {}
    rows = 0
    for customer, page in pages.items():
        more = sum(len(values) for values in page.values.values() if isinstance(values, list))
        if some and (len(some) == TOLD_AT_ONCE or rows + more > ROWS_AT_ONCE):
            yield some
            some, rows = {}, 0
        some[customer] = page
        rows += more
    if some:
        yield some


def _answer(row: Mapping[str, Any]) -> bool | Refused:
    """Whether facts of a customer have changed meanwhile, or why it is not shown."""
    if not row["code"]:
        return bool(row["stale"])
    error = failures.RefusedApplicationError(row["code"], row["said"] or "")
    return Refused(error.code, error.message, error.hint)


def _amounts(row: Mapping[str, Any]) -> str:
    """Sums of a preview as people read them."""
    currency = row["currency_id"]
    own = ""
    if currency and row["line_count"]:
        amount = round_half_up(Decimal(repr(row["amount"])), currency["decimal_places"])
        own = f"{number_text(amount, currency['decimal_places'], 'en')} {currency['name']}"
    return ", ".join(filter(None, (own, row["others"])))
