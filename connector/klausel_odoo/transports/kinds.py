"""What every way to call Odoo can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Transport(Protocol):
    """A connection to one database as one user.

    Every method raises :class:`~klausel.problems.ErpError` with a sentence of
    :mod:`klausel_odoo.failures`. Not to be shared between threads.
    """

    @property
    def name(self) -> str:
        """As the setting ``transport`` calls it."""
        ...  # pragma: no cover

    def version(self) -> str:
        """The server's own version text, such as ``19.0``; needs no login."""
        ...  # pragma: no cover

    def login(self) -> None:
        """Checks database, login and password; before it nothing but the version can be asked."""
        ...  # pragma: no cover

    def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        ids: Sequence[int] | None = None,
    ) -> Any:
        """The answer of a public method of ``model``.

        ``arguments`` are named, because /json/2 knows no others. ``ids`` are the records of a
        method that needs some; None for the others.
        """
        ...  # pragma: no cover

    def close(self) -> None: ...  # pragma: no cover
