"""doctor: does everything that a run needs work? One line a check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Check(NamedTuple):
    """One finding. ``hint`` says what to do where it is not fine."""

    name: str
    fine: bool
    said: str
    hint: str = ""


class Checkable(Protocol):
    """Something that can examine itself, check by check; the first bad one may end it."""

    def checks(self) -> Iterator[Check]: ...  # pragma: no cover
