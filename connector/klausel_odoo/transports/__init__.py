"""Ways to call Odoo: one Protocol, one file for each, one guard around each.

The first call is always :meth:`Transport.version`: it needs no password, so a wrong URL learns
none.
"""

from __future__ import annotations

from klausel.problems import ErpError
from klausel_odoo.settings import OdooSettings
from klausel_odoo.transports.guarded import Guarded
from klausel_odoo.transports.kinds import Transport
from klausel_odoo.versions import features, known


def open_transport(settings: OdooSettings) -> tuple[Transport, str]:
    """The transport that the settings name, or the one that fits the server; and its version."""
    name = "odoorpc" if settings.transport == "auto" else settings.transport
    transport = Guarded(_WAYS[name], settings)
    version = transport.version()
    able = features(version)
    if transport.name == "json2" and not able.json2:
        raise ErpError(
            f"Odoo {version} has no /json/2", 'use the transport "odoorpc" for this server'
        )
    if settings.transport == "auto" and not known(version) and able.json2:
        # OdooRPC's way in is announced to go after the newest version we know.
        transport.close()
        transport = Guarded(_json2, settings)
    return transport, version


def _odoorpc(settings: OdooSettings) -> Transport:
    from klausel_odoo.transports.odoorpc_ import OdooRpc

    return OdooRpc(settings)


def _xmlrpc(settings: OdooSettings) -> Transport:
    from klausel_odoo.transports.xmlrpc import XmlRpc

    return XmlRpc(settings)


def _json2(settings: OdooSettings) -> Transport:
    from klausel_odoo.transports.json2 import Json2

    return Json2(settings)


_WAYS = {"odoorpc": _odoorpc, "xmlrpc": _xmlrpc, "json2": _json2}


__all__ = ["Transport", "open_transport"]
