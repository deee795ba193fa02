"""What a job that asks needs of the person in front of it, or of cron."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from klausel.result import Result


class Screen(Protocol):
    """Where a job shows what it will do, and asks before it does it."""

    def progress(self, name: str) -> AbstractContextManager[Callable[[int, int], None]]:
        """A counter of what is done, of how much."""
        ...  # pragma: no cover

    def show(self, result: Result) -> None:
        """The result, as a preview shows it."""
        ...  # pragma: no cover

    def say(self, text: str) -> None: ...  # pragma: no cover

    def ask(self, question: str) -> None:
        """Comes back where the answer is yes; raises otherwise."""
        ...  # pragma: no cover
