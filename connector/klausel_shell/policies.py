"""Commands about policy files."""

from __future__ import annotations

from pathlib import Path

import click

from klausel_shell.exits import EXIT_FINDINGS
from klausel_shell.options import FILE, FOLDER


@click.command()
@click.argument("folders", nargs=-1, type=FOLDER, metavar="[FOLDER]...")
@click.option("--book", type=FOLDER, help="The policies of this book folder.")
@click.option("--propose", is_flag=True, help="Write tests for what no test reaches.")
@click.option("--junit", type=FILE, help="Also write a JUnit report to this file.")
@click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="What to print.",
)  # fmt: skip
def test(
    folders: tuple[Path, ...], book: Path | None, propose: bool, junit: Path | None, format_: str
) -> int:
    """Play the tests of policies, and say which rules and boundaries no test reaches.

    A FOLDER is a policy's or has policy folders in it; without one the policies here are meant.
    Tests stand in policy.yaml below tests: and in files in tests/. Exit 1 if one fails.
    """
    from klausel.policy_tests import report
    from klausel_run.output import write_whole
    from klausel_run.policies import policy_folders, run_tests

    reports = run_tests(policy_folders(folders, book), propose)
    if junit is not None:
        write_whole(junit, report.junit(reports))
    show = report.as_json if format_ == "json" else report.text
    click.echo(show(reports), nl=False)
    return EXIT_FINDINGS if any(found.failed for found in reports) else 0


#: Commands of the command line; cli.py adds them.
COMMANDS = (test,)
