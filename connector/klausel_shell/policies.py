"""Commands of those who own the policies: what a rule did, and what another would do."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from klausel_shell.exits import EXIT_FINDINGS, EXIT_INPUT, keep
from klausel_shell.options import FILE, FOLDER, Day, as_of_option, source_options
from klausel_shell.terminal import progress, view

if TYPE_CHECKING:
    from klausel_run.sources import Source

_format = click.option(
    "--format",
    "format_",
    default="text",
    show_default=True,
    type=click.Choice(["text", "json"]),
    help="What to print.",
)
_output = click.option("--output", type=FILE, help="Write to this file instead of the screen.")


@click.command()
@source_options
@as_of_option()
@click.option(
    "--language",
    default="en",
    show_default=True,
    type=click.Choice(["en", "de", "nl"]),
    help="Language of the answer.",
)
@_format
@_output
@click.argument("what")
def explain(
    source: Source, as_of: date, language: str, format_: str, output: Path | None, what: str
) -> int:
    """Say why an entry or a line came out as it did.

    WHAT is the id of an entry, the key of a line (as --format json of preview has it), or "held"
    for everything that waits. Writes nothing to the ERP.
    """
    from klausel.formats.explain import render
    from klausel_run.explain import explain as job

    with progress("billing") as tick:
        found = job(source.open(), what, as_of, tick)
    keep(found)
    text = render(found.explained, format_, language, view(False, output is None).width)
    if not found.explained and format_ == "text":
        text = f"Nothing waits as of {as_of}.\n"
    _put(text, output)
    if found.problems:
        click.echo("\n".join(str(problem) for problem in found.problems), err=True)
    return EXIT_INPUT if found.problems else 0


@click.command()
@source_options
@click.option("--from", "first", type=Day(), help="Leave out what is of days before this one.")
@as_of_option()
@click.option("--fail-on-change", is_flag=True, help="Exit 1 if anything changes.")
@_format
@_output
@click.argument("old", type=FOLDER)
@click.argument("new", type=FOLDER)
def diff(
    source: Source,
    first: date | None,
    as_of: date,
    fail_on_change: bool,
    format_: str,
    output: Path | None,
    old: Path,
    new: Path,
) -> int:
    """Show what another policy would have changed, line by line.

    OLD and NEW are policy folders. Everything up to --as-of is billed with each of them, afresh:
    as if nothing had been billed before. Writes nothing to the ERP.
    """
    from klausel.formats.compare import render
    from klausel_run.compare import compare

    with progress("billing") as tick:
        found = compare(source.open(), old, new, as_of, first, tick)
    keep(found)
    _put(render(found, format_, view(False, output is None).width), output)
    if any(found.problems):
        return EXIT_INPUT
    return EXIT_FINDINGS if fail_on_change and found.changed else 0


def _put(text: str, output: Path | None) -> None:
    from klausel_run.output import write_whole

    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text)


COMMANDS = (explain, diff)
