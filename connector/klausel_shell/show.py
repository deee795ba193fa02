"""What commands show: previews on the screen or in a file, findings line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import TYPE_CHECKING

import click

from klausel.formats import render, written
from klausel.port import Erp, Wanted
from klausel.signs import one_line
from klausel_run.output import write_whole
from klausel_run.preview import Options, preview
from klausel_shell.exits import EXIT_FINDINGS, EXIT_INPUT, keep
from klausel_shell.options import Output, Paper, Words
from klausel_shell.out import put, say, verdict
from klausel_shell.terminal import progress, view

if TYPE_CHECKING:
    from klausel_run.activity import Activity
    from klausel_run.doctor import Check


def show_preview(erp: Erp, as_of: date, customers: Words, contracts: Words, output: Output) -> int:
    """Runs a preview and writes it to the screen or a file; the exit code."""
    with progress("billing") as tick:
        result = preview(erp, Options(as_of, customers, contracts), tick)
    keep(result)
    how = view(output.details, output.output is None, output.short)
    if output.output is None:
        put(written(result, output.format_, how))
    else:
        write_whole(output.output, render(result, output.format_, how))
    bad = [found for found in result.problems if found.severity == "error"]
    if bad and (output.format_ != "text" or output.output is not None):
        say("\n".join(str(found) for found in bad), err=True)
    if bad:
        return EXIT_INPUT
    return EXIT_FINDINGS if output.fail_on_held and result.held else 0


def show_activity(erp: Erp, as_of: date, customers: Words, paper: Paper) -> int:
    """Makes activity records and shows them, or says where they are; the exit code."""
    from klausel_run.activity import activity, recorded

    if paper.on_record:
        return _show_recorded(recorded, erp, as_of, customers, paper)
    with progress("billing") as tick:
        made = activity(
            erp, as_of, customers, paper.format_, paper.output, paper.employees, tick
        )  # fmt: skip
    _show(made)
    if not made.text and not made.files:
        say(f"There is no draft as of {as_of}, so there is nothing to record.")
    bad = [found for found in made.problems if found.severity == "error"]
    if bad:
        say("\n".join(str(found) for found in bad), err=True)
    return EXIT_INPUT if bad else 0


def _show_recorded(
    job: Callable[..., Activity], erp: Erp, as_of: date, customers: Words, paper: Paper
) -> int:
    """Shows records of invoices that were written; the exit code."""
    if paper.employees is not None:
        raise click.UsageError(
            "--employees is for invoices to come: a record on file names people as it was given out"
        )
    chosen = Wanted(paper.invoices, paper.first, paper.last, customers or None)
    with progress("reading"):
        made = job(erp, chosen, as_of, paper.format_, paper.output)
    _show(made)
    if not made.text and not made.files:
        say("No invoice on record is of these days.")
    return 0


def _show(made: Activity) -> None:
    put((made.text,))
    for path in made.files:
        say(one_line(str(path)))


def show_checks(checks: Iterable[Check]) -> bool:
    """Prints what doctor finds as it finds it; whether all of it is fine."""
    fine = True
    for check in checks:
        verdict(check.fine, f"{check.name}: {check.said}")
        if not check.fine and check.hint:
            say(f"     {check.hint}")
        fine = fine and check.fine
    return fine
