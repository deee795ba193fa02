"""/json/2: named arguments, an API key as bearer. Odoo 19 and later."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from klausel.problems import ErpError
from klausel_odoo import failures
from klausel_odoo.settings import OdooSettings
from klausel_odoo.versions import features


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
        )

    def version(self) -> str:
        answer = self._send("GET", "/web/version")
        if answer.status_code == 404:
            # Before 19 the version stands elsewhere.
            body = {"jsonrpc": "2.0", "method": "call", "params": {}}
            answer = self._send("POST", "/web/webclient/version_info", json=body)
        try:
            self._check_status(answer)
            said = answer.json()
            said = said.get("result", said)
            text = str(said.get("version") or said["server_version"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise failures.not_odoo(self._settings.url) from None
        if not features(text).json2:
            raise ErpError(
                f"Odoo {text} has no /json/2", 'use the transport "odoorpc" for this server'
            )
        return text

    def login(self) -> None:
        settings = self._settings
        self._client.headers["Authorization"] = f"bearer {settings.secret()}"
        self._client.headers["X-Odoo-Database"] = settings.database
        try:
            user = self.call("res.users", "context_get", {})["uid"]
        except failures.WrongLoginError as error:
            # Odoo itself does not tell a password from a key that is wrong.
            raise ErpError(
                f"database {settings.database} refuses this API key",
                "make one in Odoo (preferences of the user, Account Security);"
                " json2 takes no password",
            ) from error
        # The key alone says who calls: a key of somebody else must not go unnoticed.
        rows = self.call("res.users", "read", {"fields": ["login"]}, [user])
        if rows[0]["login"] != settings.login:
            raise ErpError(
                f"the API key is not one of {settings.login}",
                "give the login that the key belongs to",
            )

    def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        ids: Sequence[int] | None = None,
    ) -> Any:
        body = {**arguments} if ids is None else {"ids": list(ids), **arguments}
        answer = self._send("POST", f"/json/2/{model}/{method}", json=body)
        if answer.is_success:
            try:
                return answer.json()
            except ValueError:
                raise failures.not_odoo(self._settings.url) from None
        raise self._refusal(answer, model)

    def close(self) -> None:
        self._client.close()

    def _send(self, verb: str, path: str, **kwargs: Any) -> httpx.Response:
        settings = self._settings
        try:
            return self._client.request(verb, path, **kwargs)
        except httpx.TimeoutException:
            raise failures.too_slow(settings.url, settings.timeout) from None
        except httpx.HTTPError as error:
            raise failures.network(settings.url, settings.timeout, error) from None

    def _check_status(self, answer: httpx.Response) -> None:
        url = self._settings.url
        if answer.is_redirect:
            raise failures.redirected(url, answer.headers.get("Location", "another place"))
        if not answer.is_success:
            raise failures.http_error(url, answer.status_code, answer.reason_phrase)

    def _refusal(self, answer: httpx.Response, model: str) -> ErpError:
        settings = self._settings
        try:
            data = answer.json()
            name, said = str(data["name"]), str(data["message"])
        except (ValueError, KeyError, TypeError):
            if answer.status_code == 404:
                # Without a database Odoo does not even know the address.
                return failures.wrong_database(settings.url, settings.database)
            return failures.http_error(settings.url, answer.status_code, answer.reason_phrase)
        return failures.refused_call(
            name, said, model, settings.login, settings.database, settings.url
        )
