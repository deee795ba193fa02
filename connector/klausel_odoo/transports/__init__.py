"""Ways to call Odoo: one Protocol, one file for each.

The first call is always :meth:`Transport.version`: it needs no password, so a wrong URL learns
none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from klausel_odoo.versions import features, known

if TYPE_CHECKING:
    from klausel_odoo.settings import OdooSettings


class Transport(Protocol):
    """A connection to one database as one user.

    Every method raises :class:`~klausel.problems.ErpError` with a sentence of
    :mod:`klausel_odoo.failures`. Not to be shared between threads.
    """

    name: str
    """As the setting ``transport`` calls it."""

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


def open_transport(settings: OdooSettings) -> tuple[Transport, str]:
    """The transport that the settings name, or the one that fits the server; and its version."""
    name = "odoorpc" if settings.transport == "auto" else settings.transport
    transport = _make(name, settings)
    version = transport.version()
    able = features(version)
    if settings.transport == "auto" and not known(version) and able.json2:
        # OdooRPC's way in is announced to go after the newest version we know.
        transport.close()
        transport = _make("json2", settings)
    return transport, version


def _make(name: str, settings: OdooSettings) -> Transport:
    if name == "xmlrpc":
        from klausel_odoo.transports.xmlrpc import XmlRpc

        return XmlRpc(settings)
    if name == "json2":
        from klausel_odoo.transports.json2 import Json2

        return Json2(settings)
    from klausel_odoo.transports.odoorpc_ import OdooRpc

    return OdooRpc(settings)


__all__ = ["Transport", "open_transport"]
