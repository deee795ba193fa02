"""Calls to a real Odoo as any user, with Odoo's whole answer where it refuses."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from .server import Odoo


class Refusal(Exception):
    """Odoo's answer to a call that it refused: all of it, the server's traceback included."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer
        data = answer.get("data") or {}
        self.kind = str(data.get("name", "")).rpartition(".")[2]
        self.message = str(data.get("message") or answer.get("message") or "")
        super().__init__(f"{self.kind}: {self.message}")


class Rpc:
    """One user of one database."""

    def __init__(self, odoo: Odoo, login: str = "", password: str = "") -> None:
        self.odoo = odoo
        self.password = password or odoo.password
        login = login or odoo.login
        self.user = self._ask("common", "login", [odoo.database, login, self.password])
        assert self.user, f"{login} may not log in"

    def call(self, model: str, method: str, *arguments: Any, **named: Any) -> Any:
        """Raises ``Refusal``."""
        whom = [self.odoo.database, self.user, self.password]
        return self._ask("object", "execute_kw", [*whom, model, method, list(arguments), named])

    def ref(self, name: str) -> int:
        """The id behind an XML id."""
        module, _, record = name.partition(".")
        domain = [("module", "=", module), ("name", "=", record)]
        (row,) = self.call("ir.model.data", "search_read", domain, ["res_id"])
        return int(row["res_id"])

    def _ask(self, service: str, method: str, arguments: list[Any]) -> Any:
        parameters = {"service": service, "method": method, "args": arguments}
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "id": 1, "params": parameters})
        request = urllib.request.Request(
            f"{self.odoo.url}/jsonrpc", body.encode(), {"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=300) as response:
            answer = json.load(response)
        if "error" in answer:
            raise Refusal(answer["error"])
        return answer.get("result")
