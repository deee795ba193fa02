"""What a person at a terminal gets: a line that counts, the width, colours. Silent in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import NamedTuple

from klausel.formats import View, render
from klausel.result import Result
from klausel_shell import out


@contextmanager
def progress(name: str) -> Iterator[Callable[[int, int], None]]:
    """A line that counts, on a terminal; silent in a pipe."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def view(details: bool, screen: bool, short: bool = False) -> View:
    """How to show a result: as wide as the terminal (at most 100), else 80 columns."""
    terminal = screen and sys.stdout.isatty()
    width = min(shutil.get_terminal_size().columns, 100) if terminal else 80
    return View(width, terminal and "NO_COLOR" not in os.environ, details, short)


class Terminal(NamedTuple):
    """The person at the terminal, as jobs see it (:class:`klausel_run.screen.Screen`)."""

    yes: bool = False
    """Every question is answered already: cron."""
    short: bool = False
    """One line a customer."""

    def progress(self, name: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return progress(name)

    def show(self, result: Result) -> None:
        out.put((render(result, "text", view(False, True, self.short)), "\n"))
        sys.stdout.flush()  # before anything is written: somebody must be able to see it

    def say(self, text: str) -> None:
        try:
            out.say(text)
        except OSError:
            with suppress(OSError):  # what was done must not be lost with a full disk
                out.say(text, err=True)
            raise

    def ask(self, question: str) -> None:
        if not self.yes:
            out.confirm(question)
