"""What Odoo's web client sends, without a browser: its session, its calls, its dialogs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from .server import Odoo

Values = Mapping[str, Any]
Domain = Sequence[Any]


class RefusedError(Exception):
    """Odoo's answer is an error; the text is what its dialog shows, ``kind`` its exception."""

    def __init__(self, message: str, kind: str = "") -> None:
        self.kind = kind
        super().__init__(message)


class WebClient:
    """A user's session. Every call is a transaction of its own, as in the browser."""

    def __init__(self, odoo: Odoo, login: str = "", password: str = "") -> None:
        self._http = httpx.Client(base_url=odoo.url, timeout=300, trust_env=False)
        self._numbers = itertools.count(1)
        session = self._post(
            "/web/session/authenticate",
            {
                "db": odoo.database,
                "login": login or odoo.login,
                "password": password or odoo.password,
            },
        )
        self._user_context: dict[str, Any] = session["user_context"]
        self.company = int(session["user_companies"]["current_company"])

    def __enter__(self) -> WebClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _post(self, path: str, params: Values) -> Any:
        body = {"jsonrpc": "2.0", "method": "call", "id": next(self._numbers), "params": params}
        answer = self._http.post(path, json=body).raise_for_status().json()
        if "error" in answer:
            data = answer["error"]["data"]
            raise RefusedError(data["message"], data.get("name", ""))
        return answer.get("result")

    def get(self, path: str) -> httpx.Response:
        """What is at ``path``, whatever the answer."""
        return self._http.get(path, follow_redirects=True)

    def download(self, path: str) -> bytes:
        """The file at ``path``, as this user gets it."""
        return self.get(path).raise_for_status().content

    def page(self, path: str) -> str:
        """The HTML at ``path``, as this user gets it."""
        return self._http.get(path, follow_redirects=True).raise_for_status().text

    def context(self, **more: Any) -> dict[str, Any]:
        return {**self._user_context, "allowed_company_ids": [self.company], **more}

    def call(self, model: str, method: str, *arguments: Any, **named: Any) -> Any:
        context = self.context(**named.pop("context", {}))
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": arguments,
             "kwargs": {**named, "context": context}},
        )  # fmt: skip

    def button(self, model: str, method: str, ids: Sequence[int], **context: Any) -> Any:
        """A click on a button of a form or list: the action that it opens, if any."""
        return self._post(
            f"/web/dataset/call_button/{model}/{method}",
            {"model": model, "method": method, "args": [list(ids)],
             "kwargs": {"context": self.context(**context)}},
        )  # fmt: skip

    def dialog(
        self, action: Values, button: str, model: str, ids: Sequence[int], **values: Any
    ) -> Any:
        """Fills in the dialog that ``action`` opens from records, and clicks its button.

        As the web client does: the form's own fields, their first values by onchange, all of them
        saved with what is entered, then the button.
        """
        wizard = action["res_model"]
        context = {"active_model": model, "active_id": ids[0], "active_ids": list(ids)}
        (view,) = [[id_, kind] for id_, kind in action["views"] if kind == "form"]
        views = self.call(wizard, "get_views", [view], context=context)
        fields = views["models"][wizard]["fields"]
        specification = {name: _shown(field) for name, field in fields.items()}
        shown = self.call(wizard, "onchange", [], {}, [], specification, context=context)
        entered = {
            name: _entered(fields[name]["type"], value)
            for name, value in shown["value"].items()
            if name in fields and not fields[name].get("readonly")
        }
        (saved,) = self.call(
            wizard, "web_save", [], {**entered, **values}, specification={}, context=context
        )
        return self.button(wizard, button, [saved["id"]], **context)

    # --- records

    def create(self, model: str, rows: Iterable[Values], **context: Any) -> list[int]:
        found: list[int] = self.call(model, "create", [dict(row) for row in rows], context=context)
        return found

    def create_one(self, model: str, **values: Any) -> int:
        return self.create(model, [values])[0]

    def write(self, model: str, ids: Sequence[int], **values: Any) -> None:
        self.call(model, "write", list(ids), values)

    def save(self, model: str, id_: int, **values: Any) -> None:
        """Save in a form."""
        self.call(model, "web_save", [id_], values, specification={})

    def delete(self, model: str, ids: Sequence[int]) -> None:
        self.call(model, "unlink", list(ids))

    def find(
        self, model: str, domain: Domain, fields: Sequence[str], order: str = "id", **context: Any
    ) -> list[dict[str, Any]]:
        """Records, with the ids of what they refer to; archived ones too."""
        rows: list[dict[str, Any]] = self.call(
            model, "search_read", list(domain), list(fields), order=order, load="",
            context={"active_test": False, **context},
        )  # fmt: skip
        return rows

    def ids(self, model: str, domain: Domain, **context: Any) -> list[int]:
        return [row["id"] for row in self.find(model, domain, ["id"], **context)]

    def ref(self, name: str) -> int:
        """The id of the record that modules know as ``module.name``."""
        module, _, short = name.partition(".")
        domain = [("module", "=", module), ("name", "=", short)]
        (row,) = self.find("ir.model.data", domain, ["res_id"])
        return int(row["res_id"])


def _shown(field: Values) -> dict[str, Any]:
    """How much of a field the form asks for."""
    named = {"fields": {"display_name": {}}}
    return named if field["type"] in ("many2one", "many2many") else {}


def _entered(kind: str, value: Any) -> Any:
    """A value that a form shows, as the form sends it back."""
    if kind == "many2one" and isinstance(value, Mapping):
        return value["id"]
    if kind == "many2many":
        return [command[:2] for command in value]
    return value
