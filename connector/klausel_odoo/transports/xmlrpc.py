"""XML-RPC with nothing but the standard library."""

from __future__ import annotations

import http.client
import ssl
import xmlrpc.client
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from klausel.problems import ErpError
from klausel_odoo import answers, failures
from klausel_odoo.settings import OdooSettings
from klausel_odoo.transports.body import PIECE, pieces, whole

#: Odoo's own fault codes (its rpc controllers).
_WARNING, _DENIED, _FORBIDDEN = 2, 3, 4
_NAMES = {_WARNING: "UserError", _DENIED: "AccessDenied", _FORBIDDEN: "AccessError"}


class _Response(http.client.HTTPResponse):
    def read(self, amt: int | None = None) -> bytes:
        """The library reads the page of an error to its end; nobody looks at it."""
        return super().read(PIECE if amt is None else amt)


class _Http(xmlrpc.client.Transport):
    def __init__(self, settings: OdooSettings) -> None:
        super().__init__()
        self._settings = settings

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = super().make_connection(host)
        connection.timeout = self._settings.timeout
        connection.response_class = _Response
        return connection

    def parse_response(self, response: http.client.HTTPResponse) -> Any:
        return _parsed(self, self._settings, response)


class _Https(xmlrpc.client.SafeTransport):
    def __init__(self, settings: OdooSettings) -> None:
        super().__init__(context=ssl.create_default_context())
        self._settings = settings

    def make_connection(self, host: Any) -> http.client.HTTPSConnection:
        connection = super().make_connection(host)
        connection.timeout = self._settings.timeout
        connection.response_class = _Response
        return connection

    def parse_response(self, response: http.client.HTTPResponse) -> Any:
        return _parsed(self, self._settings, response)


def _parsed(
    transport: xmlrpc.client.Transport, settings: OdooSettings, response: http.client.HTTPResponse
) -> Any:
    packed = response.getheader("Content-Encoding", "")
    body = whole(settings, pieces(response), packed)
    parser, unmarshaller = transport.getparser()
    parser.feed(body)
    parser.close()
    return unmarshaller.close()


class XmlRpc:
    """XML-RPC; knows no proxy."""

    name = "xmlrpc"

    def __init__(self, settings: OdooSettings) -> None:
        self._settings = settings
        self._user = 0
        self._http = _Https(settings) if settings.secure else _Http(settings)
        self._common = self._proxy("common")
        self._object = self._proxy("object")

    def _proxy(self, service: str) -> xmlrpc.client.ServerProxy:
        url = f"{self._settings.url}/xmlrpc/2/{service}"
        return xmlrpc.client.ServerProxy(url, transport=self._http, allow_none=True)

    def version(self) -> str:
        with failures.spoken(self._sentence):
            said: Any = self._common.version()
            found: str = said["server_version"]
            return found

    def login(self) -> None:
        settings = self._settings
        with failures.spoken(self._sentence):
            said: Any = self._common.authenticate(
                settings.database, settings.login, settings.secret(), {}
            )
        if said is False:
            raise failures.WrongLoginError(settings.database, settings.login)
        if not answers.is_id(said):
            raise TypeError("no user")
        self._user = said

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
            name, said = _NAMES.get(error.faultCode, ""), settings.without_secret(error.faultString)
            if not name:
                # A whole traceback: only its last line is for people.
                name, _, said = failures.one_line(said).partition(": ")
            return failures.refused_call(
                name, said, model, settings.login, settings.database, settings.url
            )
        if isinstance(error, xmlrpc.client.ProtocolError):
            self._http.close()  # what is left of the page is no answer to the next call
            if error.errcode in failures.REDIRECTS:
                target = settings.without_secret(error.headers.get("Location") or "another place")
                return failures.redirected(settings.url, target)
            reason = settings.without_secret(error.errmsg)
            return failures.http_error(settings.url, error.errcode, reason)
        if isinstance(error, failures.BROKEN):
            return failures.network(settings.url, settings.timeout, error)
        return None
