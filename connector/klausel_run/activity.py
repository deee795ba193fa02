"""activity: every entry behind the drafts of a run, to attach to the invoices. Writes nothing
to the ERP."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from klausel.activity import CustomerRecord, records
from klausel.formats.activity import render
from klausel.model import Customer
from klausel.policy.ir import Employees
from klausel.port import Erp
from klausel.problems import Problem, ProblemError, Where, problem
from klausel_run.output import write_whole
from klausel_run.preview import Options, preview


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

    ``html`` is a page a customer: ``output`` is the folder for them, or one page's file.
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
    return Activity("", tuple(_pages(found, output)), result.problems)


def _only(found: Sequence[CustomerRecord], option: str) -> Sequence[CustomerRecord]:
    """The one customer of a single page. Raises ``ProblemError`` if there are more."""
    if len(found) > 1:
        reason = f"there are {len(found)} customers, and a page is of one"
        hint = "give --output FOLDER for all pages, or --customer for one"
        raise ProblemError([problem("option", Where(option), reason=reason, hint=hint)])
    return found


def _pages(found: Sequence[CustomerRecord], output: Path) -> list[Path]:
    if output.suffix.lower() in (".html", ".htm"):
        if not found:
            return []
        write_whole(output, render(_only(found, "--output"), "html"))
        return [output]
    make_folder(output)
    return write_pages(found, output)


def make_folder(folder: Path) -> None:
    """Makes ``folder`` where it is not there. Raises ``ProblemError``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"the folder cannot be made: {(error.strerror or 'unknown').lower()}"
        hint = "name a folder that you may write to"
        raise ProblemError(
            [problem("option", Where(str(folder)), reason=reason, hint=hint)]
        ) from None


def write_pages(found: Sequence[CustomerRecord], folder: Path) -> list[Path]:
    """Writes a page a customer to ``folder``, which is there. Raises ``ProblemError``."""
    paths = []
    for one in found:
        path = folder / f"{file_name(one.customer)}.html"
        write_whole(path, render([one], "html"))
        paths.append(path)
    return paths


def file_name(customer: Customer) -> str:
    """A name for the customer's file that every system takes: id and name, plain letters.

    Ids whose signs had to be replaced end with their signs' numbers, so that none is lost.
    """
    id_ = _plain(customer.id)
    if id_ != customer.id:
        id_ = "-".join(filter(None, (id_, customer.id.encode().hex()[:32])))
    return "-".join(filter(None, (id_, _plain(customer.name)[:60].strip("-"))))


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore")
    return re.sub(r"[^a-z0-9]+", "-", letters.decode().lower()).strip("-")
