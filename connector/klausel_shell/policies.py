"""Commands about policy files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from klausel_shell.exits import EXIT_FINDINGS
from klausel_shell.options import FILE, FOLDER

if TYPE_CHECKING:
    from klausel_run.templates import Question


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


@click.command()
@click.argument("model", required=False)
@click.option(
    "--to", type=FOLDER, help="Folder of the policy folders (default: policies)."
)  # fmt: skip
@click.option("--name", help="Name of the new policy (default: that of the model).")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE",
    help="A value of the example contract, such as price=49.00; repeatable.",
)  # fmt: skip
@click.option("--yes", is_flag=True, help="Ask nothing: the example's values for what is not set.")
@click.option(
    "--language", type=click.Choice(["en", "de", "nl"]), default="en", show_default=True,
    help="Language of the models' titles.",
)  # fmt: skip
def init(
    model: str | None, to: Path | None, name: str | None, given: tuple[str, ...], yes: bool,
    language: str,
) -> int:  # fmt: skip
    """Make a policy folder from a ready model; without MODEL, list the models.

    On a terminal the values of the example contract are asked. Nothing is written over.
    """
    from klausel_run.templates import USUAL_FOLDER, answers, new_policy, template, templates

    if model is None:
        for found in templates():
            click.echo(f"{found.name:<26}{found.title(language)}")
        click.echo("\nMake a policy of one of them: klausel init MODEL")
        return 0
    chosen = template(model)
    ask = _asked if not yes and sys.stdin.isatty() else None
    values = answers(chosen.questions, given, ask)
    folder = new_policy(chosen, to or USUAL_FOLDER, name or chosen.name, values)
    click.echo(f"The policy {folder.name} is in {folder}: {chosen.title(language)}")
    click.echo(f"  klausel test {folder}")
    click.echo(f"{folder / 'contract.yaml'} is an example of a contract that uses it.")
    return 0


def _asked(question: Question) -> str:
    return str(click.prompt(question.meaning, default=question.default))


#: Commands of the command line; cli.py adds them.
COMMANDS = (test, init)
