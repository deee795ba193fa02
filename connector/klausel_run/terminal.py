"""What a person at a terminal gets: a line that counts, the width, colours. Silent in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from klausel.formats import View


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


def view(details: bool, screen: bool) -> View:
    """How to show a result: as wide as the terminal (at most 100), else 80 columns."""
    terminal = screen and sys.stdout.isatty()
    width = min(shutil.get_terminal_size().columns, 100) if terminal else 80
    return View(width, terminal and "NO_COLOR" not in os.environ, details)
