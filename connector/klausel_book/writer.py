"""Book -> folder, in the same format that is read. What ``klausel snapshot`` writes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from klausel.chain import chained
from klausel.fields import TABLES, Field
from klausel.model import Book, Contract, Term, natural
from klausel.money import hours_exact, plain, seconds_from_hours, shortest
from klausel.problems import ProblemError, Where, problem
from klausel.sheet import Cell, write
from klausel_book.ledger_file import LEDGER_FILE
from klausel_book.reader import BOOK_FILE, CONTRACTS_FILE, POLICIES


def hours_text(seconds: int) -> str:
    """Hours from which reading gives exactly ``seconds`` again: four decimals are enough."""
    for digits in (2, 4):
        text = format(hours_exact(seconds), f".{digits}f")
        if seconds_from_hours(Decimal(text)) == seconds:
            return text
    raise AssertionError(seconds)


def cell_text(field: Field, value: Any) -> str:
    """The text of a value in a CSV file."""
    if value is None or value == () or value == "":
        return ""
    kinds: dict[str, Callable[[Any], str]] = {
        "date": date.isoformat,
        "hours": hours_text,
        "number": plain,
        "yes_no": lambda yes: "yes" if yes else "no",
        "tags": ";".join,
        "months": lambda months: f"{months} months",
    }
    return kinds.get(field.kind, str)(value)


def cell(field: Field, value: Any) -> Cell:
    """The same as a number where it is one: what people typed is no formula of a spreadsheet."""
    text = cell_text(field, value)
    return Decimal(text) if text and field.kind in ("hours", "number") else text


def write_folder(
    book: Book,
    folder: Path,
    policy_files: Mapping[str, Mapping[str, str]],
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Writes ``book`` to ``folder`` (which must not exist yet) in one move: all of it or nothing.

    ``policy_files`` holds the texts of the policy folders, by folder and file name.
    """
    with whole_folder(folder) as work:
        _write(book, work, policy_files, progress)


def refuse_existing(folder: Path) -> None:
    """Raises ``ProblemError`` where there is something already."""
    if os.path.lexists(folder):
        reason, hint = "the folder exists already", "name a new one, or move the old one away"
        raise ProblemError([problem("option", Where(str(folder)), reason=reason, hint=hint)])


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, moved to ``folder`` when it is full. Raises ``ProblemError``."""
    refuse_existing(folder)
    work: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        work.chmod(0o755)
        yield work
        work.rename(folder)
    except OSError as error:
        said = "not a directory" if isinstance(error, FileExistsError) else error.strerror
        reason = f"the folder cannot be written: {(said or 'unknown').lower()}"
        hint = "name one in a folder that you may write to"
        raise ProblemError(
            [problem("option", Where(str(folder)), reason=reason, hint=hint)]
        ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)


def _write(
    book: Book,
    folder: Path,
    policy_files: Mapping[str, Mapping[str, str]],
    progress: Callable[[str], None],
) -> None:
    _write_yaml(folder / BOOK_FILE, _company(book))
    records: dict[str, Iterable[Any]] = {
        "customers": sorted(book.customers.values(), key=lambda r: natural(r.id)),
        "projects": sorted(book.projects.values(), key=lambda r: natural(r.id)),
        "tickets": sorted(book.tickets.values(), key=lambda r: natural(r.id)),
        "employees": [
            row
            for employee in sorted(book.employees.values(), key=lambda r: natural(r.id))
            for row in employee.rows
        ],
        "entries": book.entries,
        "purchases": book.purchases,
        "items": book.items,
        "acceptances": book.acceptances,
        "approvals": book.approvals,
        "overrides": book.overrides,
        "openings": book.openings,
    }
    for name, table in TABLES.items():
        progress(table.file)
        rows = list(records[name])
        if not rows and name != "entries":
            continue  # without its file of entries a book would seem to have lost it
        with (folder / table.file).open("w", encoding="utf-8", newline="") as stream:
            header = [field.column for field in table.fields]
            fields = table.fields
            write(stream, header, ([cell(f, getattr(r, f.name)) for f in fields] for r in rows))
    _write_yaml(folder / CONTRACTS_FILE, [_contract(contract) for contract in book.contracts])
    if book.ledger:
        with (folder / LEDGER_FILE).open("wb") as stream:
            stream.writelines(chained(book.ledger, LEDGER_FILE))
    for name, files in policy_files.items():
        target = folder / POLICIES / name
        target.mkdir(parents=True)
        for file, text in files.items():
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            (target / file).write_text(text, encoding="utf-8")


def _write_yaml(path: Path, data: Any) -> None:
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    with path.open("w", encoding="utf-8") as stream:
        yaml.dump(data, stream)


def _quoted(text: str) -> Any:
    return DoubleQuotedScalarString(text)


def _company(book: Book) -> dict[str, Any]:
    company = book.company
    data: dict[str, Any] = {
        "company": _quoted(company.name),
        "currency": company.currency,
        "quantity_digits": company.quantity_digits,
        "rounding_method": company.rounding_method,
        "languages": [_quoted(language) for language in company.languages],
    }
    if company.country:
        data["country"] = _quoted(company.country)
    if company.region:
        data["region"] = _quoted(company.region)
    if company.currencies:
        data["currencies"] = {name: company.currencies[name] for name in sorted(company.currencies)}
    return data


def _contract(contract: Contract) -> dict[str, Any]:
    data: dict[str, Any] = {
        "code": _quoted(contract.code),
        "customer": _quoted(contract.customer),
        "currency": contract.currency,
        "start": contract.start.isoformat(),
    }
    if contract.end is not None:
        data["end"] = contract.end.isoformat()
    for name in ("minimum_term", "notice", "renewal"):
        if getattr(contract, name):
            data[name] = f"{getattr(contract, name)} months"
    for name in ("sla", "po_number"):
        if getattr(contract, name):
            data[name] = _quoted(getattr(contract, name))
    if contract.attributes:
        data["attributes"] = {
            _quoted(key): _quoted(value) for key, value in contract.attributes.items()
        }
    data["policy"] = _quoted(contract.policy)
    if contract.covers.kind != "customer":
        ids = sorted(contract.covers.ids, key=natural)
        data["covers"] = {f"{contract.covers.kind}s": [_quoted(id_) for id_ in ids]}
    data["terms"] = [_term(term) for term in contract.terms]
    return data


def _term(term: Term) -> dict[str, Any]:
    data: dict[str, Any] = {"id": _quoted(term.id), "plan": _quoted(term.plan)}
    if term.product:
        data["product"] = _quoted(term.product)
    if term.priority:
        data["priority"] = term.priority
    if term.first is not None:
        data["from"] = term.first.isoformat()
    if term.until is not None:
        data["until"] = term.until.isoformat()
    if term.discount:
        data["discount"] = _quoted(shortest(term.discount))
    if term.takes != ("service",):
        data["takes"] = [_quoted(word) for word in term.takes]
    for name, dated in term.parameters.items():
        if len(dated.steps) == 1 and dated.steps[0][0] == date.min:
            data[name] = _quoted(dated.steps[0][1])
        else:
            data[name] = {
                "always" if day == date.min else day.isoformat(): _quoted(value)
                for day, value in dated.steps
            }
    return data
