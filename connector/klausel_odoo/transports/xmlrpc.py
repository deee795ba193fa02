"""XML-RPC with nothing but the standard library."""

from __future__ import annotations

import http.client
import ssl
import xmlrpc.client
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from xml.parsers.expat import ExpatError

from klausel.problems import ErpError
from klausel_odoo import failures
from klausel_odoo.settings import OdooSettings

#: Odoo's own fault codes (its rpc controllers).
_WARNING, _DENIED, _FORBIDDEN = 2, 3, 4
_NAMES = {_WARNING: "UserError", _DENIED: "AccessDenied", _FORBIDDEN: "AccessError"}


class _Http(xmlrpc.client.Transport):
    def __init__(self, timeout: float) -> None:
        super().__init__()
        self._timeout = timeout

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = self._timeout
        return connection


class _Https(xmlrpc.client.SafeTransport):
    def __init__(self, timeout: float) -> None:
        super().__init__(context=ssl.create_default_context())
        self._timeout = timeout

    def make_connection(self, host: Any) -> http.client.HTTPSConnection:
        connection = super().make_connection(host)
        connection.timeout = self._timeout
        return connection


class XmlRpc:
    """XML-RPC; knows no proxy."""

    name = "xmlrpc"

    def __init__(self, settings: OdooSettings) -> None:
        self._settings = settings
        self._user = 0
        self._http = _Https(settings.timeout) if settings.secure else _Http(settings.timeout)
        self._common = self._proxy("common")
        self._object = self._proxy("object")

    def _proxy(self, service: str) -> xmlrpc.client.ServerProxy:
        url = f"{self._settings.url}/xmlrpc/2/{service}"
        return xmlrpc.client.ServerProxy(url, transport=self._http, allow_none=True)

    def version(self) -> str:
        with failures.spoken(self._sentence):
            said: Any = self._common.version()
            return str(said["server_version"])

    def login(self) -> None:
        settings = self._settings
        with failures.spoken(self._sentence):
            said: Any = self._common.authenticate(
                settings.database, settings.login, settings.secret(), {}
            )
        if not said:
            raise failures.WrongLoginError(settings.database, settings.login)
        self._user = int(said)

    def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        ids: Sequence[int] | None = None,
    ) -> Any:
        settings = self._settings
        positional = [] if ids is None else [list(ids)]
        with failures.spoken(partial(self._sentence, model=model)):
            return self._object.execute_kw(
                settings.database, self._user, settings.secret(), model, method, positional,
                dict(arguments),
            )  # fmt: skip

    def close(self) -> None:
        self._http.close()

    def _sentence(self, error: Exception, model: str = "") -> ErpError | None:
        settings = self._settings
        if isinstance(error, xmlrpc.client.Fault):
            name, said = _NAMES.get(error.faultCode, ""), error.faultString
            if not name:
                # A whole traceback: only its last line is for people.
                name, _, said = failures.one_line(said).partition(": ")
            return failures.refused_call(
                name, said, model, settings.login, settings.database, settings.url
            )
        if isinstance(error, xmlrpc.client.ProtocolError):
            if error.errcode in (301, 302, 303, 307, 308):
                target = error.headers.get("Location") or "another place"
                return failures.redirected(settings.url, target)
            return failures.http_error(settings.url, error.errcode, error.errmsg)
        if isinstance(error, (OSError, http.client.HTTPException)):
            return failures.network(settings.url, settings.timeout, error)
        if isinstance(error, (xmlrpc.client.Error, ExpatError, KeyError, TypeError, ValueError)):
            return failures.not_odoo(settings.url)
        return None
