"""Commands about policies; ``cli.py`` adds those in :data:`COMMANDS`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from klausel_shell.exits import EXIT_FINDINGS, EXIT_INPUT, keep
from klausel_shell.options import (
    FILE,
    FOLDER,
    Day,
    Words,
    as_of_option,
    source_options,
    yes_option,
)
from klausel_shell.out import answer, put, say
from klausel_shell.terminal import progress, view

if TYPE_CHECKING:
    from klausel_run.sources import Source
    from klausel_run.templates import Question

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
    """Play the tests of policies, and name what none reaches.

    FOLDER is a policy folder, a folder of such folders, or a book; without it the policies of the
    current folder are meant. Tests stand in policy.yaml below tests: and in files in tests/.
    Exit 1 if one fails.
    """
    from klausel.policy_tests import report
    from klausel_run.output import write_whole
    from klausel_run.policies import policy_folders, run_tests

    books = [book] if book is not None else []
    reports = run_tests(policy_folders([*folders, *books] or [Path()]), propose)
    if junit is not None:
        write_whole(junit, report.junit(reports))
    show = report.as_json if format_ == "json" else report.text
    put((show(reports),))
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
    """Make a policy from a ready model, or list the models.

    MODEL is one of those that are listed without it. On a terminal the values of the example
    contract are asked. Nothing is written over.
    """
    from klausel.problems import ProblemError
    from klausel_run import templates as job

    if model is None:
        for found in job.templates():
            say(f"{found.name:<26}{found.title(language)}")
        say("\nMake a policy of one of them: klausel init MODEL")
        return 0
    chosen = job.template(model)
    values = job.given_answers(chosen.questions, given)
    made = job.draft(chosen, to or job.USUAL_FOLDER, chosen.name if name is None else name)
    asking = not yes and sys.stdin.isatty()
    if asking and (wrong := made.problems(values)):
        raise ProblemError(wrong)  # before anything is asked
    try:
        if asking:
            job.ask_for(made, values, _asked, lambda wrong: say(str(wrong), err=True))
        folder = made.write(values)
    except (click.Abort, KeyboardInterrupt, ProblemError):
        if asking:
            again = _again(model, to, name, values)
            say(f"\nTo go on with these answers:\n  {again}", err=True)
        raise
    say(f"The policy {folder.name} is in {folder}: {chosen.title(language)}")
    say(f"  klausel test {folder}")
    say(f"{folder / 'contract.yaml'} is an example of a contract that uses it.")
    return 0


def _again(model: str, to: Path | None, name: str | None, values: Mapping[str, str]) -> str:
    """The command that goes on where this one ended."""
    words = ["klausel", "init", model]
    words += ["--to", str(to)] if to is not None else []
    words += ["--name", name] if name is not None else []
    return shlex.join([*words, *(w for n, v in values.items() for w in ("--set", f"{n}={v}"))])


def _asked(question: Question) -> str:
    return answer(question.meaning, question.default)


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
    """Find what is wrong or doubtful in policies. Bills nothing.

    FOLDER is a policy folder, a folder of such folders, or a book; without it the policies of
    --book, else those of the current folder. Exit 0: nothing but infos; 1: findings; 2: a policy
    cannot be read.
    """
    from klausel.formats.findings import render
    from klausel_run import check as job

    if explain is not None:
        say(job.explain(explain), end="")
        return 0
    outcome = job.check_policies(folders, book, as_of)
    put((render(outcome.report, format_),))
    if outcome.unread:
        return EXIT_INPUT
    return EXIT_FINDINGS if outcome.fails(strict) else 0


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
        say("\n".join(str(problem) for problem in found.problems), err=True)
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
    return EXIT_FINDINGS if fail_on_change and (found.changed or found.beside) else 0


def _put(text: str, output: Path | None) -> None:
    from klausel_run.output import write_whole

    if output is None:
        put((text,))
    else:
        write_whole(output, text)


@click.command()
@click.option("--result", is_flag=True, help="That of what preview --format json prints.")
def schema(result: bool) -> None:
    """Print the JSON Schema of policy files, for editors.

    In an editor with a YAML language server, save it as policy.schema.json beside the policy and
    begin the file with:

    \b
      # yaml-language-server: $schema=policy.schema.json
    """
    from klausel_run.schema import schema_text

    put((schema_text("result" if result else "policy"),))


@click.command()
@click.argument("policy", nargs=-1)
@source_options
@yes_option
def publish(source: Source, policy: Words, yes: bool) -> int:
    """Publish policies into Odoo: all, or those named.

    Contracts then choose policy, plan and parameters from what is published, and Odoo checks
    them. Shows first what would change, and asks. `bill` refuses a policy whose files are not
    the ones that are published.
    """
    from klausel_run.publish import publish as job
    from klausel_shell.terminal import Terminal

    job(source.open(), policy, Terminal(yes))
    return 0


COMMANDS: tuple[click.Command, ...] = (init, check, test, explain, diff, schema, publish)
