"""The command line: options -> job -> output. Owns the exit codes.

0 done, 1 findings or held items where asked to fail on them, 2 bad input or configuration,
3 the ERP refused or is unreachable, 70 our own bug.
"""

from __future__ import annotations

import errno
import functools
import gc
import os
import sys
import traceback
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from klausel.port import Erp
    from klausel_run.sources import Source

EXIT_FINDINGS, EXIT_INPUT, EXIT_ERP, EXIT_BUG, EXIT_CTRL_C = 1, 2, 3, 70, 130

F = TypeVar("F", bound=Callable[..., Any])


class Day(click.ParamType):
    """A day written YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        from klausel.shapes import parse_date

        if isinstance(value, date):
            return value
        try:
            return parse_date(value)
        except ValueError:
            self.fail(f"{value} is not a date; write it as YYYY-MM-DD", param, ctx)


as_of_option = click.option("--as-of", type=Day(), help="The day of the run (default: today).")
customer_option = click.option(
    "--customer", multiple=True, help="Only this customer (id or name); repeatable."
)


def source_options(command: F) -> F:
    """The options that say where to read from, handed on as one ``source``."""

    @click.option("--book", type=click.Path(path_type=Path), help="Read this book folder.")
    @click.option("--odoo", is_flag=True, help="Read Odoo; settings from environment and file.")
    @click.option(
        "--config", type=click.Path(path_type=Path), help="Settings file (default: klausel.toml)."
    )
    @click.option("--url", help="Odoo's address, such as https://odoo.example.com.")
    @click.option("--database", help="Odoo's database.")
    @click.option("--login", help="Odoo user; the password comes from KLAUSEL_ODOO_PASSWORD.")
    @click.option(
        "--policies", type=click.Path(path_type=Path), help="Folder of the policy folders."
    )
    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from klausel_run.sources import Source

        source = Source(**{name: kwargs.pop(name) for name in Source._fields})
        return command(*args, source=source, **kwargs)

    return wrapped  # type: ignore[return-value]


def output_options(command: F) -> F:
    """How to show a result."""
    for option in (
        click.option(
            "--format", "format_", default="text", show_default=True,
            type=click.Choice(["text", "json", "csv"]), help="What to print.",
        ),
        click.option(
            "--output", type=click.Path(path_type=Path, dir_okay=False),
            help="Write to this file instead of the screen.",
        ),
        click.option("--details", is_flag=True, help="Every entry behind every line."),
        click.option("--fail-on-held", is_flag=True, help="Exit 1 if anything is held."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 90})
@click.version_option(package_name="klausel", message="klausel %(version)s")
def cli() -> None:
    """Turn service contracts into correct invoices.

    Reads contracts and timesheets from a book folder or from Odoo, and shows what is to be
    invoiced and why.
    """


@cli.command()
@source_options
@as_of_option
@customer_option
@click.option("--contract", multiple=True, help="Only this contract; repeatable.")
@output_options
def preview(
    source: Source,
    as_of: date | None,
    customer: tuple[str, ...],
    contract: tuple[str, ...],
    **output: Any,
) -> int:
    """Show what would be invoiced, line by line, and why. Writes nothing to the ERP."""
    day = as_of or date.today()  # noqa: DTZ011 - the user's day
    return _show(source.open(), day, customer, contract, **output)


@cli.command()
@click.option(
    "--as-of", type=Day(), default="2026-07-01", show_default=True, help="Day of the run."
)
@customer_option
@click.option("--copy", type=click.Path(path_type=Path), help="Copy the demo book to this folder.")
@output_options
def demo(as_of: date, customer: tuple[str, ...], copy: Path | None, **output: Any) -> int:
    """Show the preview of the demo book, or copy the book to edit it."""
    from klausel_book.source import BookSource, copy_demo, demo_folder

    if copy is not None:
        copy_demo(copy)
        click.echo(f"The demo book is in {copy}. Preview it:")
        click.echo(f"  klausel preview --book {copy} --as-of {as_of}")
        return 0
    return _show(BookSource(demo_folder()), as_of, customer, (), **output)


@cli.command()
@source_options
@click.option("--as-of", type=Day(), help="Entries up to this day (default: today).")
@click.argument("folder", type=click.Path(path_type=Path))
def snapshot(source: Source, as_of: date | None, folder: Path) -> int:
    """Save everything a preview reads as a book folder."""
    from klausel_run.snapshot import snapshot as job
    from klausel_run.terminal import progress

    with progress("reading"):
        book = job(source.open(), as_of or date.today(), folder)  # noqa: DTZ011
    click.echo(
        f"{len(book.contracts)} contracts and {len(book.entries)} entries are in {folder}.",
    )
    return 0


@cli.command()
@source_options
@as_of_option
@customer_option
@click.option("--yes", is_flag=True, help="Write without asking, for cron.")
@click.option(
    "--group-by", type=click.Choice(["contract", "customer"]), help="One draft for each of these."
)
@click.option("--refresh", is_flag=True, help="Add to an unposted draft instead of a second one.")
def bill(
    source: Source,
    as_of: date | None,
    customer: tuple[str, ...],
    yes: bool,
    group_by: Any,
    refresh: bool,
) -> int:
    """Write what the preview shows as draft invoices, customer by customer, each once.

    Exit 1 if a customer was refused; running again goes on from there.
    """
    from klausel_run.bill import bill as job

    def ask(question: str) -> None:
        if not yes:
            click.confirm(question, abort=True)

    day = as_of or date.today()  # noqa: DTZ011
    result, report = job(source.open(), day, customer, group_by, refresh, ask, click.echo)
    if any(found.severity == "error" for found in result.problems):
        return EXIT_INPUT
    return EXIT_FINDINGS if report.refused else 0


@cli.command()
@source_options
@as_of_option
def audit(source: Source, as_of: date | None) -> int:
    """Recompute everything and compare it with what is on record. Writes nothing."""
    from klausel_run.audit import audit as job
    from klausel_run.terminal import progress

    with progress("comparing") as tick:
        found = job(source.open(), as_of or date.today(), tick)  # noqa: DTZ011
    click.echo(found.text)
    return EXIT_FINDINGS if found.differences else 0


@cli.command()
@source_options
def doctor(source: Source) -> int:
    """Check that everything a run needs works: server, login, addon, rights, policies.

    Settings for Odoo come from options, then the environment (KLAUSEL_ODOO_URL, _DATABASE,
    _LOGIN, _PASSWORD, _COMPANY; KLAUSEL_POLICIES), then klausel.toml, table [odoo]. The password
    or API key comes from KLAUSEL_ODOO_PASSWORD or the keyring, never from a file.
    """
    from klausel_run.doctor import examine

    fine = True
    for check in examine(source.open()):
        mark = click.style("ok  ", fg="green") if check.fine else click.style("BAD ", fg="red")
        click.echo(f"{mark} {check.name}: {check.said}")
        if not check.fine and check.hint:
            click.echo(f"     {check.hint}")
        fine = fine and check.fine
    return 0 if fine else EXIT_ERP if source.book is None else EXIT_INPUT


def _show(
    erp: Erp,
    as_of: date,
    customers: tuple[str, ...],
    contracts: tuple[str, ...],
    format_: str,
    output: Path | None,
    details: bool,
    fail_on_held: bool,
) -> int:
    from klausel_run.show import show

    result = show(erp, as_of, customers, contracts, format_, output, details)
    bad = [found for found in result.problems if found.severity == "error"]
    if bad and (format_ != "text" or output is not None):
        click.echo("\n".join(str(found) for found in bad), err=True)
    if bad:
        return EXIT_INPUT
    return EXIT_FINDINGS if fail_on_held and result.held else 0


def main() -> None:
    """Entry point: runs a command and turns what went wrong into its exit code."""
    gc.disable()  # one short run over values without cycles: collecting would double its time
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Exit code of ``klausel`` with ``arguments``. Never raises for a user's mistake."""
    from klausel.problems import ErpError, ProblemError

    try:
        code = cli.main(args=arguments, prog_name="klausel", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except click.exceptions.Abort:
        click.echo("interrupted; nothing was changed", err=True)
        return EXIT_CTRL_C
    except click.ClickException as error:
        error.show()
        return EXIT_INPUT
    except ProblemError as error:
        click.echo("\n".join(str(found) for found in error.problems), err=True)
        return EXIT_INPUT
    except ErpError as error:
        click.echo(f"error: {error}", err=True)
        return EXIT_CTRL_C if isinstance(error.__cause__, KeyboardInterrupt) else EXIT_ERP
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            return _bug(error)
        click.echo("error: the output cannot be written: no space is left", err=True)
        return EXIT_INPUT
    except Exception as error:
        return _bug(error)


def _bug(error: Exception) -> int:
    click.echo(f"internal error: {type(error).__name__}: {error}", err=True)
    click.echo("    This is a mistake in Klausel; no customer is half written. Report it", err=True)
    click.echo("    with the output of the same command after: export KLAUSEL_DEBUG=1", err=True)
    if os.environ.get("KLAUSEL_DEBUG"):
        traceback.print_exception(error)
    return EXIT_BUG


if __name__ == "__main__":
    main()
