"""The ERP as the engine and the jobs see it: one Protocol (design 4)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import NamedTuple, Protocol

from klausel.model import Book


class Capabilities(NamedTuple):
    """What an ERP of some version can do; nobody asks for a version."""

    name: str
    version: str
    writes_drafts: bool = False
    validates_entries: bool = False
    """Timesheets have a field that says whether they are validated."""
    has_addon: bool = False
    protocol: int = 0


class Erp(Protocol):
    """An ERP that contracts and timesheets are read from."""

    @property
    def name(self) -> str:
        """What a person calls it: a folder or a URL with a database."""
        ...  # pragma: no cover

    def capabilities(self) -> Capabilities: ...  # pragma: no cover

    def read(self, until: date, customers: Collection[str] | None = None) -> Book:
        """Everything dated on or before ``until`` of ``customers`` (ids; None: all of them).

        Raises :class:`~klausel.problems.ProblemError` for bad data and
        :class:`~klausel.problems.ErpError` where the ERP refuses or cannot be reached.
        """
        ...  # pragma: no cover

    def policy_files(self) -> Mapping[str, Mapping[str, str]]:
        """Texts of the policies in use, by folder and file name."""
        ...  # pragma: no cover
