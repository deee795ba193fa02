"""Where everything leaves for the screen: nothing else writes to it.

Sentences go through :func:`say`; outputs that were made safe where they were made
(``klausel.signs``) through :func:`put`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from klausel.signs import one_line, visible


def say(text: str, err: bool = False, end: str = "\n") -> None:
    """Writes a sentence of ours; what somebody typed in it steers nothing."""
    click.echo(f"{visible(text)}{end}", err=err, nl=False)


def put(pieces: Iterable[str]) -> None:
    """Writes an output."""
    sys.stdout.writelines(pieces)


def verdict(fine: bool, text: str) -> None:
    """A line behind a word in colours: whether something is fine."""
    mark = click.style("ok  ", fg="green") if fine else click.style("BAD ", fg="red")
    click.echo(f"{mark} {visible(text)}")


def answer(question: str, default: str) -> str:
    """What somebody types."""
    return str(click.prompt(one_line(question), default=default))


def confirm(question: str) -> None:
    """Comes back where the answer is yes; raises ``click.Abort`` otherwise."""
    click.confirm(one_line(question), abort=True)
