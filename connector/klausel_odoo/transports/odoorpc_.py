"""OdooRPC, the default. The only module that imports it."""

from __future__ import annotations

import io
import json
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
from klausel_odoo import answers, failures
from klausel_odoo.settings import OdooSettings
from klausel_odoo.transports.body import pieces, whole

# At the level DEBUG it writes every call to the log, with the password among the arguments.
logging.getLogger("odoorpc.rpc.jsonrpclib").disabled = True


#: Bytes of an answer that says no more than that a login is wrong.
_SHORT = 1000


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive as a GET, without what was asked; and the password is for
    nobody else."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> None:
        """Left to those who make an error of it."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Opener:
    """What OdooRPC opens its requests with: answers are read whole, up to the limit."""

    def __init__(self, settings: OdooSettings) -> None:
        self._settings = settings
        self.last = b""
        """The last answer, if it was a short one."""
        secure = urllib.request.HTTPSHandler(context=ssl.create_default_context())
        self._opener = urllib.request.build_opener(secure, _NoRedirect())

    def open(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        with self._opener.open(request, timeout=timeout) as response:
            packed = response.headers.get("Content-Encoding", "")
            body = whole(self._settings, pieces(response), packed)
        self.last = body if len(body) < _SHORT else b""
        return io.BytesIO(body)


class OdooRpc:
    """JSON-RPC through OdooRPC; a new connection for every call."""

    name = "odoorpc"

    def __init__(self, settings: OdooSettings) -> None:
        self._settings = settings
        self._odoo: Any = None
        self._opener = _Opener(settings)

    def version(self) -> str:
        settings = self._settings
        with failures.spoken(self._sentence):
            self._odoo = odoorpc.ODOO(
                settings.host,
                protocol="jsonrpc+ssl" if settings.secure else "jsonrpc",
                port=settings.port,
                timeout=settings.timeout,
                opener=self._opener,
            )
        found: str = self._odoo.version
        return found

    def login(self) -> None:
        settings = self._settings
        with failures.spoken(self._sentence):
            try:
                self._odoo.login(settings.database, settings.login, settings.secret())
            except RPCError as error:
                if error.info:
                    raise
                # Its own, for a login that gave no user, whatever it gave instead.
                if json.loads(self._opener.last)["result"] is not False:
                    raise TypeError("no user") from None
                raise failures.WrongLoginError(settings.database, settings.login) from None
            if not answers.is_id(self._odoo.env.uid):
                raise TypeError("no user")

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
                name,
                settings.without_secret(str(error)),
                model,
                settings.login,
                settings.database,
                settings.url,
            )
        if isinstance(error, urllib.error.HTTPError):
            if error.code in failures.REDIRECTS:
                target = settings.without_secret(error.headers.get("Location") or "another place")
                return failures.redirected(settings.url, target)
            reason = settings.without_secret(str(error.reason))
            return failures.http_error(settings.url, error.code, reason)
        if isinstance(error, failures.BROKEN):
            return failures.network(settings.url, settings.timeout, error)
        return None
