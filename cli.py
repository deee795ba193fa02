"""The command line: options -> one job -> one renderer -> the exit code.

A command takes its options from ``klausel_shell.options``, calls one job of ``klausel_run`` and
returns its exit code; what a mistake's exit code is stands in ``klausel_shell.exits``. Jobs and
what they need are imported when a command runs: starting is quick.
"""

from __future__ import annotations

import gc
import io
import os
import sys
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from klausel_shell import exits, policies
from klausel_shell.exits import EXIT_ERP, EXIT_FINDINGS, EXIT_INPUT
from klausel_shell.options import (
    FILE,
    FOLDER,
    Output,
    Paper,
    Words,
    activity_options,
    as_of_option,
    contract_option,
    customer_option,
    output_options,
    short_option,
    source_options,
    yes_option,
)
from klausel_shell.out import say

if TYPE_CHECKING:
    from klausel_run.sources import Source


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 90})
@click.version_option(package_name="klausel", message="klausel %(version)s")
def cli() -> None:
    """Turn service contracts into correct invoices.

    Reads contracts and timesheets from a book folder or from Odoo, and shows what is to be
    invoiced and why.
    """


@cli.command()
@source_options
@as_of_option()
@customer_option
@contract_option
@output_options
def preview(source: Source, as_of: date, customer: Words, contract: Words, output: Output) -> int:
    """Show what would be invoiced, line by line, and why. Writes nothing to the ERP."""
    from klausel_shell.show import show_preview

    return show_preview(source.open(), as_of, customer, contract, output)


@cli.command()
@as_of_option("Day of the run.", default="2026-07-01")
@customer_option
@click.option("--copy", type=FOLDER, help="Copy the demo book to this folder.")
@output_options
def demo(as_of: date, customer: Words, copy: Path | None, output: Output) -> int:
    """Show the preview of the demo book, or copy the book to edit it."""
    from klausel_book.source import BookSource, copy_demo, demo_folder
    from klausel_shell.show import show_preview

    if copy is not None:
        copy_demo(copy)
        say(f"The demo book is in {copy}. Preview it:")
        say(f"  klausel preview --book {copy} --as-of {as_of}")
        return 0
    return show_preview(BookSource(demo_folder()), as_of, customer, (), output)


@cli.command()
@source_options
@as_of_option()
@customer_option
@activity_options
def activity(source: Source, as_of: date, customer: Words, paper: Paper) -> int:
    """List every entry behind what would be invoiced, or behind invoices on record.

    A record to attach to the invoices: what is billed, drawn from hours, included and waiting, in
    the customer's language. Once they are written it is made again at any time: with --invoice, or
    with --from and --to. Writes nothing to the ERP.
    """
    from klausel_shell.show import show_activity

    return show_activity(source.open(), as_of, customer, paper)


@cli.command()
@source_options
@as_of_option("Entries up to this day (default: today).")
@click.argument("folder", type=FOLDER)
def snapshot(source: Source, as_of: date, folder: Path) -> int:
    """Save everything a preview reads as a book folder."""
    from klausel_run.snapshot import snapshot as job
    from klausel_shell.terminal import progress

    with progress("reading"):
        book = job(source.open(), as_of, folder)
    say(f"{len(book.contracts)} contracts and {len(book.entries)} entries are in {folder}.")
    return 0


@cli.command()
@source_options
@as_of_option()
@customer_option
@yes_option
@click.option(
    "--group-by", type=click.Choice(["contract", "customer"]), help="One draft for each of these."
)
@click.option("--refresh", is_flag=True, help="Add to an unposted draft instead of a second one.")
@click.option("--records", type=FOLDER, help="Also write activity records as pages to this folder.")
@click.option(
    "--adjust", is_flag=True, help="Also correct what was billed and differs with today's facts."
)
@click.option("--backlog", is_flag=True, help="Also write what reaches back more than a year.")
@short_option
def bill(
    source: Source,
    as_of: date,
    customer: Words,
    yes: bool,
    group_by: Any,
    refresh: bool,
    records: Path | None,
    adjust: bool,
    backlog: bool,
    short: bool,
) -> int:
    """Write what the preview shows as draft invoices, each once.

    Customer by customer. Exit 1 if a customer was refused; running again goes on from there.
    """
    from klausel_run.bill import bill as job
    from klausel_run.preview import Options
    from klausel_shell.terminal import Terminal

    options = Options(as_of, customer, (), group_by, True, adjust, backlog)
    result, report = job(source.open(), options, refresh, Terminal(yes, short), records)
    if any(found.severity == "error" for found in result.problems):
        return EXIT_INPUT
    return EXIT_FINDINGS if report.refused else 0


@cli.command()
@source_options
@click.option("--from", "file", type=FILE, required=True, help="CSV file with the openings.")
@as_of_option("The day of go-live (default: today).")
@click.option("--replace", is_flag=True, help="Put rows in the place of others of the same lot.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@yes_option
def openings(
    source: Source, file: Path, as_of: date, replace: bool, dry_run: bool, yes: bool
) -> int:
    """Load at go-live what was billed by hand before.

    It is never billed again, and balances go on from there. Shows first what the openings mean for
    billing, and asks. Rows that are there already are skipped: the same file can be loaded again.
    """
    from klausel_run.openings import openings as job
    from klausel_shell.terminal import Terminal

    job(source.open(), file, as_of, replace, dry_run, Terminal(yes))
    return 0


@cli.command()
@source_options
@as_of_option()
@click.option("--repair", is_flag=True, help="Seal a ledger that was damaged, as it stands now.")
@click.option("--why", default="", help="What happened to it; goes on record with --repair.")
@yes_option
def audit(source: Source, as_of: date, repair: bool, why: str, yes: bool) -> int:
    """Recompute everything and compare it with what is on record.

    Says the first link of the ledger's checksums that does not hold. Writes nothing, but with
    --repair: that seals the ledger as it stands, and who did so, when and why is on record in it.
    """
    from klausel_run import audit as job
    from klausel_shell.terminal import Terminal, progress

    erp = source.open()
    if repair:
        job.repair(erp, why, Terminal(yes))
    with progress("comparing") as tick:
        found = job.audit(erp, as_of, tick)
    say(found.text)
    return EXIT_INPUT if found.problems else 0 if found.clean else EXIT_FINDINGS


@cli.command()
@source_options
def doctor(source: Source) -> int:
    """Check that everything a run needs works.

    That is server, login, addon, rights, policies. Settings for Odoo come from options, then the
    environment (KLAUSEL_ODOO_URL, _DATABASE, _LOGIN, _PASSWORD, _COMPANY, _TIMEOUT, _ANSWER_LIMIT,
    _TRANSPORT; KLAUSEL_POLICIES), then klausel.toml, table [odoo]. The password or API key comes
    from KLAUSEL_ODOO_PASSWORD or the keyring, never from a file.
    """
    from klausel_run.doctor import examine
    from klausel_shell.show import show_checks

    fine = show_checks(examine(source.open()))
    return 0 if fine else EXIT_ERP if source.book is None else EXIT_INPUT


@cli.command()
@source_options
@click.option("--once", is_flag=True, help="Do what waits and end, for cron.")
@click.option("--name", help="This worker's name in Odoo (default: host and process).")
def work(source: Source, once: bool, name: str | None) -> int:
    """Do what people ask for in Odoo: previews and drafts, one request after the other.

    Runs beside Odoo until it is stopped (SIGTERM: after the customers in hand); several may run at
    the same time. Writes a line of JSON for each request to the error output.
    """
    from klausel_shell.working import work as job

    return job(source, once, name)


for command in policies.COMMANDS:
    cli.add_command(command)


def main() -> None:
    """Entry point: runs a command and turns what went wrong into its exit code."""
    # To look for plugins of pydantic reads the metadata of everything that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what it has no sign for is shown all the same
            stream.reconfigure(errors="backslashreplace")
    gc.disable()  # one short run over values without cycles: collecting would double its time
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # it was said already that nobody takes it
            stream.flush()
    os._exit(code)  # all is written: to take down what was read costs a twentieth of the run


def run(arguments: list[str]) -> int:
    """Exit code of ``klausel`` with ``arguments``. Never raises for a user's mistake."""
    return exits.run(cli, arguments)


if __name__ == "__main__":
    main()
