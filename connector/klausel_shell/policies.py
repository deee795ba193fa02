"""Commands about policy files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from klausel_shell.exits import EXIT_FINDINGS, EXIT_INPUT
from klausel_shell.options import FOLDER, as_of_option


@click.command()
@click.argument("folders", type=FOLDER, nargs=-1, metavar="[FOLDER]...")
@click.option("--book", type=FOLDER, help="Also look at the contracts of this book folder.")
@as_of_option("Rules that ended before this day are named (default: today).")
@click.option(
    "--format",
    "format_",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json", "sarif"]),
    help="What to print.",
)
@click.option("--strict", is_flag=True, help="Exit 1 for infos too, but not for only-otherwise.")
@click.option("--explain", metavar="CODE", help="Say what the finding CODE means, and stop.")
def check(
    folders: tuple[Path, ...],
    book: Path | None,
    as_of: date,
    format_: str,
    strict: bool,
    explain: str | None,
) -> int:
    """Find what is wrong or doubtful in policies, without billing anything.

    FOLDER is a policy folder or holds some; without it the policies of --book, else those of the
    current folder. Exit 0: nothing but infos; 1: findings; 2: a policy cannot be read.
    """
    from klausel.formats.findings import render
    from klausel_run import check as job

    if explain is not None:
        click.echo(job.explain(explain), nl=False)
        return 0
    outcome = job.check_policies(folders, book, as_of)
    click.echo(render(outcome.report, format_), nl=False)
    if outcome.unread:
        return EXIT_INPUT
    return EXIT_FINDINGS if outcome.fails(strict) else 0


#: What the command line adds to its own.
COMMANDS: tuple[click.Command, ...] = (check,)
