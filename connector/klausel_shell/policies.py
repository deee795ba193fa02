"""Commands about policies: ``cli.py`` takes them from :data:`COMMANDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from klausel_shell.options import Words, source_options, yes_option

if TYPE_CHECKING:
    from klausel_run.sources import Source


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


COMMANDS: tuple[click.Command, ...] = (publish,)
