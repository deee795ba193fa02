"""activity: every entry behind the drafts of a run, to attach to the invoices. Writes nothing
to the ERP."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from klausel import archive
from klausel.activity import CustomerRecord, records
from klausel.formats.activity import render
from klausel.model import Customer
from klausel.policy.ir import Employees
from klausel.port import Erp, Wanted
from klausel.problems import Problem, ProblemError, Where, near, problem
from klausel_run.output import write_whole
from klausel_run.preview import Options, customers_of, preview

#: Bytes that have to fit into the folder of records before anything is billed.
_TRIAL = 1 << 16


class Activity(NamedTuple):
    """What was made of a run's records."""

    text: str
    """For the screen; empty where all of it is in files."""
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def activity(
    erp: Erp,
    as_of: date,
    customers: Sequence[str],
    format_: str,
    output: Path | None,
    employees: Employees | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Activity:
    """The records of the drafts of ``as_of``. Raises ``ProblemError`` or ``ErpError``.

    ``html`` is a page an invoice: ``output`` is the folder for them, or the file of a customer's
    whole page.
    """
    result = preview(erp, Options(as_of, customers), progress)
    found = records(result, employees)
    if format_ != "html":
        text = render(found, format_)
        if output is None:
            return Activity(text, (), result.problems)
        write_whole(output, text)
        return Activity("", (output,), result.problems)
    if output is None:
        return Activity(
            render(_only(found, "--format"), "html") if found else "", (), result.problems
        )
    return Activity("", tuple(_pages(by_invoice(found), output)), result.problems)


def recorded(
    erp: Erp,
    wanted: Wanted,
    today: date,
    format_: str,
    output: Path | None,
) -> Activity:
    """The records of invoices that were written, as they were given out then. Raises as
    :func:`activity`.

    What was written before records were kept is made of the ledger's rows and today's timesheets.
    """
    book = erp.read(today)
    if wanted.customers is not None:
        wanted = wanted._replace(customers=customers_of(book, list(wanted.customers)))
    kept = erp.records(wanted)
    try:
        found = [*archive.found(kept, wanted), *archive.of_rows(book, kept, wanted)]
    except ValueError as error:
        where = Where(erp.name)
        said = problem("option", where, reason=f"a record on file cannot be read: {error}", hint="")
        raise ProblemError([said]) from None
    missing = set(wanted.invoices) - {invoice for _, invoice in found}
    if missing:
        names = {row.document for row in book.ledger if row.document}
        name = min(missing)
        hint = near(name, sorted(names)) or "name an invoice that Klausel has written"
        reason = f'there is no invoice "{name}" with a record'
        raise ProblemError([problem("option", Where("--invoice"), reason=reason, hint=hint)])
    if format_ == "html" and output is not None:
        return Activity("", tuple(_pages(found, output)), ())
    pages = together(found)
    if format_ == "html":
        return Activity(render(_only(pages, "--format"), "html") if pages else "", (), ())
    text = render(pages, format_) if pages else ""
    if output is not None and pages:
        write_whole(output, text)
        return Activity("", (output,), ())
    return Activity(text, (), ())


def _only(found: Sequence[CustomerRecord], option: str) -> Sequence[CustomerRecord]:
    """The one customer of a single page. Raises ``ProblemError`` if there are more."""
    if len(found) > 1:
        reason = f"there are {len(found)} customers, and a page is of one"
        hint = "give --output FOLDER for all pages, or --customer for one"
        raise ProblemError([problem("option", Where(option), reason=reason, hint=hint)])
    return found


def _pages(found: Sequence[tuple[CustomerRecord, str]], output: Path) -> list[Path]:
    if output.suffix.lower() in (".html", ".htm"):
        if not found:
            return []
        write_whole(output, render(_only(together(found), "--output"), "html"))
        return [output]
    try_folder(output)
    return write_pages(found, output)


def try_folder(folder: Path) -> None:
    """Makes ``folder`` where it is not there, and writes in it. Raises ``ProblemError``."""
    trial = folder / f".klausel-{os.getpid()}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial.write_bytes(b"\0" * _TRIAL)
    except OSError as error:
        said = "made" if not folder.is_dir() else "written to"
        reason = f"the folder cannot be {said}: {(error.strerror or 'unknown').lower()}"
        hint = "name a folder that you may write to"
        raise ProblemError(
            [problem("option", Where(str(folder)), reason=reason, hint=hint)]
        ) from None
    finally:
        with suppress(OSError):
            trial.unlink()


def by_invoice(found: Iterable[CustomerRecord]) -> list[tuple[CustomerRecord, str]]:
    """Each record by itself, with the key of its draft."""
    return [
        (one._replace(records=(record,)), record.draft.key)
        for one in found
        for record in one.records
    ]


def together(found: Iterable[tuple[CustomerRecord, str]]) -> list[CustomerRecord]:
    """A customer's records of one run on one page again."""
    pages: dict[tuple[str, date], CustomerRecord] = {}
    for one, _ in found:
        known = pages.get((one.customer.id, one.as_of))
        some = (*known.records, *one.records) if known else one.records
        pages[one.customer.id, one.as_of] = one._replace(records=some)
    return list(pages.values())


def write_pages(found: Iterable[tuple[CustomerRecord, str]], folder: Path) -> list[Path]:
    """Writes a page an invoice to ``folder``, which is there. Raises ``ProblemError``."""
    paths = []
    for one, invoice in found:
        path = folder / f"{file_name(one.customer, invoice)}.html"
        write_whole(path, render([one], "html"))
        paths.append(path)
    return paths


def file_name(customer: Customer, invoice: str) -> str:
    """A name for the page of an invoice that every system takes: plain letters of the customer's id
    and name, and of the invoice.

    Where signs had to be replaced a few signs of a checksum follow, so that no two invoices of any
    customers have the same name.
    """
    pieces = (_plain(customer.id)[:40], _plain(customer.name)[:40].strip("-"), _plain(invoice)[:60])
    name = "-".join(filter(None, pieces))
    if (pieces[0], pieces[2]) != (customer.id, invoice):
        digest = hashlib.blake2b(f"{customer.id}\0{invoice}".encode(), digest_size=5)
        name = f"{name}-{digest.hexdigest()}"
    return name


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "-", letters.decode().lower()).strip("-")
