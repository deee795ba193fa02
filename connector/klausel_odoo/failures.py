"""Every way in which Odoo can fail a call, as one sentence and what to do.

The transports hand in what they met; the sentences stand here, so that all transports say the
same.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from klausel.problems import ErpError, LostError
from klausel.publishing import KEEP_PLAN

#: What a connection fails with that is not one of HTTP's own refusals.
BROKEN = (OSError, http.client.HTTPException)

#: The connection ended before the answer did.
_CUT_OFF = (http.client.RemoteDisconnected, http.client.IncompleteRead)

#: What a proxy answers while Odoo starts.
_BUSY = (502, 503, 504)

REDIRECTS = (301, 302, 303, 307, 308)

#: The group of the addon that may read everything a run needs.
GROUP = "Klausel / Connector"

#: A model's technical name, which Odoo adds in brackets to its translated sentences.
_MODEL = re.compile(r"\(([a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+)\)")
_TAG = re.compile(r"<[^>]*>")
_NO_DATABASE = re.compile(r'database "[^"]*" does not exist')


class AccessRefusedError(ErpError):
    """The user may not read ``model``."""

    def __init__(self, login: str, model: str) -> None:
        self.login = login
        self.model = model
        super().__init__(f"user {login} may not read {model}", join_group(GROUP))


def join_group(group: str) -> str:
    return f'in Odoo, add the user to the group "{group}"'


#: How the addon begins the sentence with which it refuses an application.
_REFUSAL = re.compile(r"\[klausel:([a-z-]+)\] (.*)", re.DOTALL)

AGAIN = "run it again"
#: What to do about a refusal, by its code; where none stands here, to run it again.
HINTS = {
    "product": f"give the term of the contract an active product, then {AGAIN}",
    "income-account": f"set the income account of the product or its category, then {AGAIN}",
    "tax-included": f"give the product a tax that is not included in the price, then {AGAIN}",
    "currency": f"put that right in Odoo, then {AGAIN}",
    "no-chart": f"put that right in Odoo, then {AGAIN}",
    "customer-company": f"let both companies use the customer, or end its contracts, then {AGAIN}",
    "customer-archived": f"unarchive the customer, or end its contracts, then {AGAIN}",
    "locked": f"have the lock date changed, or {AGAIN} after it",
    "total-differs": "compare the number of decimals of quantities and prices in Odoo's settings",
    "policy-published": f"publish again, or use the files that were published, then {AGAIN}",
    "plan-in-use": KEEP_PLAN,
    "protocol": "bring the addon and klausel to the same version",
}


class RefusedApplicationError(ErpError):
    """The addon refused one customer's application: its code and its sentence."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence.strip(), HINTS.get(code, AGAIN))


class FailedCallError(ErpError):
    """Odoo answered a call with an error of its own; ``said`` is its sentence."""

    def __init__(self, kind: str, said: str, model: str) -> None:
        self.said = one_line(said)
        self.deliberate = kind in ("UserError", "ValidationError", "RedirectWarning")
        """Somebody wrote this sentence for users: it is no mistake of a program."""
        doing = f"reading {model}" if model else "checking the login"
        super().__init__(
            f"Odoo failed while {doing}: {self.said}", "look at the log of the Odoo server"
        )


class MissingModelError(ErpError):
    """The database has no model of this name."""

    def __init__(self, model: str, database: str) -> None:
        self.model = model
        super().__init__(
            f"database {database} has no {model}", "install or upgrade the module that brings it"
        )


class WrongLoginError(ErpError):
    """Odoo does not take the login with this password."""

    def __init__(self, database: str, login: str) -> None:
        super().__init__(
            f"database {database} refuses login {login} with this password or API key",
            "check both; with two-factor login Odoo takes only an API key",
        )


def unreachable(url: str, reason: str) -> ErpError:
    return LostError(
        f"{url} cannot be reached: {reason}",
        "check the URL, the network and that Odoo is running",
    )


def not_odoo(url: str) -> ErpError:
    return ErpError(
        f"{url} does not answer like an Odoo server", "check the URL: give Odoo's own, without path"
    )


#: Said where nothing was written, or it is not known.
_LOOK = "if that stays, look at the log of the Odoo server, or of the proxy in front of it"


def strange(url: str, what: str, writing: bool = False) -> ErpError:
    """Something answered, and not as Odoo does; ``writing``: it was asked to write."""
    message = f"the server at {url} answered something else than Odoo does: {what}"
    unknown = "whether it has done what was asked is not known: " if writing else ""
    return ErpError(message, f"{unknown}{AGAIN}; {_LOOK}")


def no_http(url: str) -> ErpError:
    return strange(url, "what came back is no HTTP")


def too_large(url: str, megabytes: float) -> ErpError:
    return ErpError(
        f"the answer of {url} is larger than {megabytes:g} MB",
        "if that can be, set a higher limit (KLAUSEL_ODOO_ANSWER_LIMIT, in MB)",
    )


def redirected(url: str, target: str) -> ErpError:
    return ErpError(f"{url} redirects to {shortened(target)}", "give the URL that it redirects to")


def untrusted(url: str, reason: str) -> ErpError:
    return ErpError(
        f"the certificate of {url} cannot be trusted: {reason}",
        "use a certificate of a known issuer, or name the issuer's file in SSL_CERT_FILE",
    )


class TooSlowError(LostError):
    """An answer did not come in time, and may still be on its way."""


def too_slow(url: str, seconds: float) -> TooSlowError:
    return TooSlowError(
        f"{url} did not answer within {seconds:g} seconds",
        "try again, or set a longer timeout (KLAUSEL_ODOO_TIMEOUT)",
    )


def wrong_database(url: str, database: str) -> ErpError:
    return ErpError(f'{url} has no database "{database}"', "check the name of the database")


def http_error(url: str, status: int, reason: str) -> ErpError:
    """The server, or something before it, answered with an HTTP error."""
    reason = shortened(reason)
    if status == 404:
        return not_odoo(url)
    if status == 429:
        return LostError(f"{url} asks to slow down (429)", "try again later")
    kind = LostError if status in _BUSY else ErpError
    return kind(
        f"{url} failed with {status} {reason}".rstrip(),
        "look at the log of the Odoo server, or of the proxy in front of it",
    )


def refused_call(name: str, said: str, model: str, login: str, database: str, url: str) -> ErpError:
    """What a call of ``model`` failed with: the server's exception ``name`` and its message."""
    kind = name.rpartition(".")[2]
    refusal = _REFUSAL.match(said)
    if refusal:
        return RefusedApplicationError(refusal[1], refusal[2])
    if kind == "AccessError":
        return AccessRefusedError(login, _model_in(said) or model)
    if kind == "AccessDenied" or kind == "Unauthorized":
        return WrongLoginError(database, login)
    if _NO_DATABASE.search(said):
        return wrong_database(url, database)
    if said.strip() in (
        f"Object {model} doesn't exist",
        f"the model '{model}' does not exist",
        f"'{model}'",
    ):
        return MissingModelError(model, database)
    return FailedCallError(kind, said, model)


#: More of a text that another machine wrote is not shown in a sentence.
_LONGEST = 300


def shortened(said: str) -> str:
    """``said`` on one line, and no longer than a sentence may be."""
    return " ".join(said.split())[:_LONGEST]


def one_line(said: str) -> str:
    """The line of ``said`` that says what happened: the last one of a traceback, else the first."""
    lines = [line.strip() for line in _TAG.sub(" ", said).splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    return lines[-1 if lines[0].startswith("Traceback") else 0][:_LONGEST]


def _model_in(said: str) -> str:
    found = _MODEL.search(said)
    return found[1] if found else ""


def network(url: str, timeout: float, error: BaseException) -> ErpError:
    """What kept a call from reaching ``url``; ``timeout`` in seconds."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return untrusted(url, _lower(cause.verify_message))
        if isinstance(cause, TimeoutError):
            return too_slow(url, timeout)
        if isinstance(cause, http.client.HTTPException) and not isinstance(cause, _CUT_OFF):
            return no_http(url)
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return unreachable(url, "there is no such host")
        if isinstance(cause, ConnectionRefusedError):
            return unreachable(url, "nothing listens there")
        if isinstance(cause, ssl.SSLError):
            return unreachable(url, f"no secure connection ({_tls_reason(cause)})")
        if isinstance(cause, ConnectionError):
            return unreachable(url, "the connection broke off")
    for cause in causes:
        if isinstance(cause, OSError) and cause.strerror:
            return unreachable(url, _lower(cause.strerror))
    return unreachable(url, "the connection broke off")


@contextmanager
def spoken(sentence: Callable[[Exception], ErpError | None]) -> Iterator[None]:
    """Raises the ``sentence`` for what goes wrong inside; where there is none, the error itself."""
    try:
        yield
    except ErpError:
        raise
    except Exception as error:
        found = sentence(error)
        if found is None:
            raise
        raise found from None


def _tls_reason(error: ssl.SSLError) -> str:
    return str(getattr(error, "reason", None) or "TLS").lower().replace("_", " ")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """``error`` and what led to it: urllib keeps it in ``reason``, others chain it."""
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        yield current
        reason = getattr(current, "reason", None)
        inner = reason if isinstance(reason, BaseException) else None
        current = inner or current.__cause__ or current.__context__
