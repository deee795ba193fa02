"""The ERP as the engine and the jobs see it: one Protocol (design 4)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal, NamedTuple, Protocol

from klausel.model import Book, LedgerKey, LedgerRow, Opening
from klausel.problems import Problem
from klausel.result import Balance, Draft, Result


class Capabilities(NamedTuple):
    """What an ERP of some version can do; nobody asks for a version."""

    name: str
    version: str
    writes_drafts: bool = False
    validates_entries: bool = False
    """Timesheets have a field that says whether they are validated."""
    has_addon: bool = False
    protocol: int = 0


class Application(NamedTuple):
    """What ``bill`` writes for one customer: drafts and what goes on record, all or nothing."""

    customer: str
    as_of: date
    sequence: int
    """The customer's number when its facts were read."""
    drafts: tuple[Draft, ...]
    rows: tuple[LedgerRow, ...]
    balances: tuple[Balance, ...] = ()
    """Of the customer's contracts, for the text at the bottom of the drafts."""
    record: str = ""
    """The activity records of the drafts, as :mod:`klausel.archive` keeps them."""
    batch: str = ""
    """The run over all customers that it belongs to; the same application in another run is still
    the same, so the key says nothing of it."""

    @property
    def key(self) -> str:
        """Identifies this application: the same call again finds what the first one did."""
        digest = hashlib.sha256()
        digest.update(f"{self.customer}|{self.as_of}|{self.sequence}".encode())
        for row in self.rows:
            digest.update(repr(row).encode())
        for draft in self.drafts:
            digest.update(f"{draft.key}|{draft.kind}|{draft.total}".encode())
        return digest.hexdigest()[:40]

    @property
    def shown(self) -> str:
        """Digest of what a person sees of it before it is written: lines with their texts and
        amounts, what goes on record, balances. Two with the same digest write the same, whatever
        the customer's number has become; empty where nothing is written."""
        if not (self.drafts or self.rows):
            return ""
        digest = hashlib.sha256(self.customer.encode())
        for some in (self.drafts, self.rows, self.balances):
            for one in some:
                digest.update(repr(one).encode())
            digest.update(b"|")
        return digest.hexdigest()[:40]


class Written(NamedTuple):
    """A draft that now stands in the ERP."""

    key: str
    id: str
    link: str


class Applied(NamedTuple):
    """What an application did; ``replayed`` where an earlier call had done it already."""

    customer: str
    drafts: tuple[Written, ...]
    rows: int
    replayed: bool = False


class Refused(Exception):
    """The ERP refused one customer's application; nothing of it was written."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        self.code = code
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\n    {hint}" if hint else message)


class Links(NamedTuple):
    """What the checksums of a ledger say of it (semantics 14, "Evidence")."""

    broken: tuple[Problem, ...] = ()
    """Links that do not hold, the first one first."""
    repairs: tuple[str, ...] = ()
    """Who sealed it anew, when and why, where it was broken once: a sentence each."""
    archived: tuple[tuple[str, int], ...] = ()
    """Contracts that no run reads, and how many live rows they have."""


class Wanted(NamedTuple):
    """Which records somebody asks for; all that is given has to fit."""

    invoices: Collection[str] = ()
    """Invoices as the ERP calls them: a draft's key in a book, number or id in Odoo."""
    first: date | None = None
    last: date | None = None
    """Days of which a record lists some."""
    customers: Collection[str] | None = None
    """Commercial customers."""

    def has(self, first: date, last: date) -> bool:
        """Whether some of the days ``first`` to ``last`` are asked for."""
        return (self.first is None or self.first <= last) and (
            self.last is None or first <= self.last
        )


class Kept(NamedTuple):
    """A customer's records of one run as they are kept, and the invoices that they are on now."""

    text: str
    invoices: Mapping[str, str]
    """By a line's key, the invoice on which it stands; lines that stand on none are left out."""
    own: Collection[LedgerKey] = ()
    """Keys of the lines that this run has written and that are in force, as they are now: a
    contract may have been called otherwise then."""


class OpeningChange(NamedTuple):
    """Opening balances that come and go in one step, all or nothing."""

    added: tuple[Opening, ...] = ()
    removed: tuple[Opening, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed)


class Wish(NamedTuple):
    """A customer whom a request names."""

    customer: str
    seen: str = ""
    """:attr:`Application.shown` of what the person saw who wants it written."""
    state: str = "waiting"
    """What came of it, where somebody has begun with the request already."""


class Request(NamedTuple):
    """What somebody asks for in the ERP, to be done by a program beside it."""

    id: int
    kind: Literal["preview", "bill"]
    as_of: date
    adjust: bool = False
    wishes: tuple[Wish, ...] = ()
    """None: all customers."""


class Standing(NamedTuple):
    """What is shown of a customer now."""

    digest: str
    """:attr:`Application.shown` of it."""
    lines: int
    amounts: str
    """Sums with their currencies, as people read them."""


class Gone(Exception):
    """A request is no longer this program's: it was cancelled, or another program has it."""


class Shown(NamedTuple):
    """A customer's preview."""

    values: Mapping[str, Any]
    """As the ERP takes it: plain values."""
    empty: bool = False
    """There is nothing to be seen of the customer."""
    content: str = ""
    """Short hash of what is to be seen, the same where that is the same."""


class Desk(Protocol):
    """Where an ERP lays out what people ask for, and shows them what came of it.

    Every method may raise :class:`~klausel.problems.ErpError`, one of its kind
    :class:`~klausel.problems.LostError` where the ERP cannot be reached now. It may be used beside
    the :class:`Erp`, and :meth:`progress` in a thread beside the others.
    """

    def next(self) -> Request | None:
        """The oldest request that nobody works on; from now on it is this program's."""
        ...  # pragma: no cover

    def progress(self, request: Request, done: int, total: int, text: str) -> bool:
        """Tells how far it is; whether to go on. Says too that this program is still there."""
        ...  # pragma: no cover

    def shown(self, result: Result, digests: Mapping[str, str]) -> dict[str, Shown]:
        """What people see of ``result``, by customer; "" for what is nobody's, which is always
        there. ``digests`` are :attr:`Application.shown` of those for whom something would be
        written."""
        ...  # pragma: no cover

    def standing(self) -> Mapping[str, Standing]:
        """What is shown now, by customer."""
        ...  # pragma: no cover

    def unchanged(self, request: Request, pages: Mapping[str, Shown]) -> Collection[str]:
        """Those of ``pages`` that are shown already: they count as reported. Raises
        :class:`Gone`."""
        ...  # pragma: no cover

    def report(
        self, request: Request, pages: Mapping[str, Shown]
    ) -> Iterator[tuple[str, bool | Refused]]:
        """Puts ``pages`` in the place of what was shown, each as a whole or not at all.

        Says of one customer after the other, as they are done, whether facts have changed
        meanwhile, or why the ERP does not take it; who stops asking leaves the others as they
        were. Raises :class:`Gone`."""
        ...  # pragma: no cover

    def apply(self, request: Request, application: Application, book: Book, last: bool) -> Applied:
        """Writes as :meth:`Erp.apply` and marks the customer as written in the same step, where it
        is the ``last`` application of it. Raises :class:`Gone` too."""
        ...  # pragma: no cover

    def say(self, request: Request, customer: str, state: str, said: str) -> None:
        """Tells that nothing was written for ``customer``, and why. Raises :class:`Gone`."""
        ...  # pragma: no cover

    def done(self, request: Request, state: str, outcome: str) -> None:
        """Ends the request, or gives it back with the state ``waiting``. Raises :class:`Gone`."""
        ...  # pragma: no cover


class Erp(Protocol):
    """An ERP that contracts and timesheets are read from."""

    @property
    def name(self) -> str:
        """What a person calls it: a folder or a URL with a database."""
        ...  # pragma: no cover

    def capabilities(self) -> Capabilities: ...  # pragma: no cover

    def read(self, until: date, customers: Collection[str] | None = None) -> Book:
        """Everything dated on or before ``until`` of ``customers`` (ids; None: all of them).

        Raises :class:`~klausel.problems.ProblemError` for bad data and
        :class:`~klausel.problems.ErpError` where the ERP refuses or cannot be reached.
        """
        ...  # pragma: no cover

    def apply(self, application: Application, book: Book, refresh: bool = False) -> Applied:
        """Writes drafts and ledger rows of one customer, all or nothing, once.

        With ``refresh`` an unposted draft of an earlier run may be added to.

        Raises :class:`Refused` where facts changed since ``book`` was read or a draft cannot be
        written, and :class:`~klausel.problems.ErpError` where the ERP cannot be reached.
        """
        ...  # pragma: no cover

    def load_openings(self, change: OpeningChange, book: Book) -> None:
        """Writes opening balances, all or nothing.

        Raises :class:`Refused` where contracts, openings or the ledger changed since ``book`` was
        read, and :class:`~klausel.problems.ErpError` where the user may not write openings or the
        ERP cannot be reached.
        """
        ...  # pragma: no cover

    def records(self, wanted: Wanted) -> Sequence[Kept]:
        """Activity records that were kept when their invoices were written, oldest first: at least
        those that are ``wanted``. Raises as :meth:`read`."""
        ...  # pragma: no cover

    def links(self) -> Links:
        """Whether the ledger is what was written. Raises as :meth:`read`."""
        ...  # pragma: no cover

    def accept_damage(self) -> None:
        """From now on :meth:`read` takes a ledger whose links do not hold as it stands: for an
        audit, which says so. Nothing can be written then."""
        ...  # pragma: no cover

    def repair(self, on: str, by: str, why: str) -> None:
        """Seals a ledger whose links do not hold as it stands now, and keeps on record in it when,
        by whom and why. Raises as :meth:`read`."""
        ...  # pragma: no cover

    def policy_files(self) -> Mapping[str, Mapping[str, str]]:
        """Texts of the policies in use, by folder and file name."""
        ...  # pragma: no cover
