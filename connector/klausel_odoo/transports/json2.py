"""/json/2: named arguments, an API key as bearer. Odoo 19 and later."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from klausel.problems import ErpError
from klausel_odoo import answers, failures
from klausel_odoo.settings import OdooSettings
from klausel_odoo.transports.body import whole

#: What a header of HTTP can carry; keys that Odoo makes are hexadecimal.
_KEY = re.compile("[!-~]+")


class _Answer(NamedTuple):
    status: int
    reason: str
    target: str
    """Where a redirect leads."""
    body: bytes

    @property
    def fine(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Raises ``ValueError``."""
        return json.loads(self.body)


class Json2:
    """One kept connection; the password must be an API key."""

    name = "json2"

    def __init__(self, settings: OdooSettings) -> None:
        self._settings = settings
        self._client = httpx.Client(
            base_url=settings.url,
            timeout=settings.timeout,
            # As the other transports: the machine's own issuers.
            verify=ssl.create_default_context(),
            headers={"Accept-Encoding": "gzip"},
        )

    def version(self) -> str:
        answer = self._send("GET", "/web/version")
        if answer.status == 404:
            # Before 19 the version stands elsewhere.
            body = {"jsonrpc": "2.0", "method": "call", "params": {}}
            answer = self._send("POST", "/web/webclient/version_info", json=body)
        try:
            self._check_status(answer)
            said = answer.json()
            said = said.get("result", said)
            text: str = said.get("version") or said["server_version"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            raise failures.not_odoo(self._settings.url) from None
        return text

    def login(self) -> None:
        settings = self._settings
        key = settings.secret()
        if not _KEY.fullmatch(key):
            raise ErpError(
                "an API key has no spaces and no letters other than A to Z in it: what is given"
                " as password is none",
                "make one in Odoo (preferences of the user, Account Security);"
                " json2 takes no password",
            )
        if not _KEY.fullmatch(settings.database):
            raise failures.wrong_database(settings.url, settings.database)
        self._client.headers["Authorization"] = f"bearer {key}"
        self._client.headers["X-Odoo-Database"] = settings.database
        try:
            user = self._checked("context_get", {})["uid"]
        except failures.WrongLoginError as error:
            # Odoo itself does not tell a password from a key that is wrong.
            raise ErpError(
                f"database {settings.database} refuses this API key",
                "make one in Odoo (preferences of the user, Account Security);"
                " json2 takes no password",
            ) from error
        # The key alone says who calls: a key of somebody else must not go unnoticed.
        rows = self._checked("read", {"fields": ["login"]}, [user])
        if rows[0]["login"] != settings.login:
            raise ErpError(
                f"the API key is not one of {settings.login}",
                "give the login that the key belongs to",
            )

    def _checked(
        self, method: str, arguments: Mapping[str, Any], ids: Sequence[int] | None = None
    ) -> Any:
        """A call of the users' model, of which the guard sees nothing."""
        answer = self.call("res.users", method, arguments, ids)
        try:
            answers.check("res.users", method, arguments, ids, answer)
        except answers.StrangeError as error:
            raise failures.strange(self._settings.url, str(error)) from None
        return answer

    def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        ids: Sequence[int] | None = None,
    ) -> Any:
        body = {**arguments} if ids is None else {"ids": list(ids), **arguments}
        answer = self._send("POST", f"/json/2/{model}/{method}", json=body)
        if answer.fine:
            return answer.json()
        raise self._refusal(answer, model)

    def close(self) -> None:
        self._client.close()

    def _send(self, verb: str, path: str, **kwargs: Any) -> _Answer:
        settings = self._settings
        try:
            with self._client.stream(verb, path, **kwargs) as answer:
                packed = answer.headers.get("Content-Encoding", "")
                return _Answer(
                    answer.status_code,
                    settings.without_secret(answer.reason_phrase),
                    settings.without_secret(answer.headers.get("Location") or "another place"),
                    whole(settings, answer.iter_raw(), packed),
                )
        except httpx.TimeoutException:
            raise failures.too_slow(settings.url, settings.timeout) from None
        except httpx.RemoteProtocolError as error:
            if "without" in str(error):  # an answer, or all of it: then it was cut off
                raise failures.network(settings.url, settings.timeout, error) from None
            raise failures.no_http(settings.url) from None
        except httpx.HTTPError as error:
            raise failures.network(settings.url, settings.timeout, error) from None

    def _check_status(self, answer: _Answer) -> None:
        url = self._settings.url
        if answer.status in failures.REDIRECTS:
            raise failures.redirected(url, answer.target)
        if not answer.fine:
            raise failures.http_error(url, answer.status, answer.reason)

    def _refusal(self, answer: _Answer, model: str) -> ErpError:
        settings = self._settings
        try:
            data = answer.json()
            name, said = str(data["name"]), str(data["message"])
        except (ValueError, LookupError, TypeError, RecursionError):
            if answer.status == 404:
                # Without a database Odoo does not even know the address.
                return failures.wrong_database(settings.url, settings.database)
            if answer.status in failures.REDIRECTS:
                return failures.redirected(settings.url, answer.target)
            return failures.http_error(settings.url, answer.status, answer.reason)
        return failures.refused_call(
            name, settings.without_secret(said), model, settings.login, settings.database,
            settings.url,
        )  # fmt: skip
