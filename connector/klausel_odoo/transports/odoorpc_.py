"""OdooRPC, the default. The only module that imports it."""

from __future__ import annotations

import http.client
import logging
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import odoorpc
from odoorpc.error import RPCError

from klausel.problems import ErpError
from klausel_odoo import failures
from klausel_odoo.settings import OdooSettings

# At the level DEBUG it writes every call to the log, with the password among the arguments.
logging.getLogger("odoorpc.rpc.jsonrpclib").disabled = True


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without what was asked."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        raise failures.redirected(f"{req.type}://{req.host}", newurl)


class OdooRpc:
    """JSON-RPC through OdooRPC; a new connection for every call."""

    name = "odoorpc"

    def __init__(self, settings: OdooSettings) -> None:
        self._settings = settings
        self._odoo: Any = None

    def version(self) -> str:
        settings = self._settings
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=ssl.create_default_context()), _NoRedirect()
        )
        with failures.spoken(self._sentence):
            self._odoo = odoorpc.ODOO(
                settings.host,
                protocol="jsonrpc+ssl" if settings.secure else "jsonrpc",
                port=settings.port,
                timeout=settings.timeout,
                opener=opener,
            )
        return str(self._odoo.version or "")

    def login(self) -> None:
        settings = self._settings
        with failures.spoken(self._sentence):
            try:
                self._odoo.login(settings.database, settings.login, settings.secret())
            except RPCError as error:
                if not error.info:  # its own, for a login that gave no user
                    raise failures.WrongLoginError(settings.database, settings.login) from None
                raise

    def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        ids: Sequence[int] | None = None,
    ) -> Any:
        positional = [] if ids is None else [list(ids)]
        with failures.spoken(partial(self._sentence, model=model)):
            return self._odoo.execute_kw(model, method, positional, dict(arguments))

    def close(self) -> None:
        """Nothing stays open between calls."""

    def _sentence(self, error: Exception, model: str = "") -> ErpError | None:
        settings = self._settings
        if isinstance(error, RPCError):
            info = error.info if isinstance(error.info, dict) else {}
            name = str((info.get("data") or {}).get("name", ""))
            return failures.refused_call(
                name, str(error), model, settings.login, settings.database, settings.url
            )
        if isinstance(error, urllib.error.HTTPError):
            return failures.http_error(settings.url, error.code, error.reason)
        if isinstance(error, (OSError, http.client.HTTPException)):
            return failures.network(settings.url, settings.timeout, error)
        if isinstance(error, (ValueError, KeyError, TypeError)):
            return failures.not_odoo(settings.url)
        return None
