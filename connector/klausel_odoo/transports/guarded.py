"""A transport that always comes back: in time, with an answer that Odoo gives, or with a sentence.

Whatever the transport inside does, and whoever answers it: what goes wrong there is never an error
of another kind than :class:`~klausel.problems.ErpError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Any, TypeVar

from klausel.problems import ErpError
from klausel_odoo import answers, failures
from klausel_odoo.settings import OdooSettings
from klausel_odoo.transports.kinds import Transport

T = TypeVar("T")

#: ``19.0``, ``saas~19.2``, ``19.0+e-20260101``.
_VERSION = re.compile(r"[\w.+~ -]{0,60}")


class Guarded:
    """One transport, with one deadline for each call, and a look at each answer."""

    def __init__(self, make: Callable[[OdooSettings], Transport], settings: OdooSettings) -> None:
        self._make = make
        self._settings = settings
        self._inner: Transport | None = None
        self._over: ErpError | None = None
        """Why nothing is asked any more: an answer is still being waited for."""

    @property
    def name(self) -> str:
        return self._transport().name

    def version(self) -> str:
        url = self._settings.url
        found = self._ask(lambda: self._transport().version(), lambda _: failures.not_odoo(url))
        if not isinstance(found, str) or not _VERSION.fullmatch(found):
            raise failures.not_odoo(url)
        return found

    def login(self) -> None:
        self._ask(lambda: self._transport().login(), self._strange("to the login"))

    def call(
        self,
        model: str,
        method: str,
        arguments: Mapping[str, Any],
        ids: Sequence[int] | None = None,
    ) -> Any:
        url, writing = self._settings.url, method in answers.WRITING

        def ask() -> Any:
            found = self._transport().call(model, method, arguments, ids)
            try:
                answers.check(model, method, arguments, ids, found)
            except answers.StrangeError as error:
                raise failures.strange(url, str(error), writing) from None
            return found

        return self._ask(ask, self._strange(f"to {method} of {model}", writing))

    def close(self) -> None:
        if self._inner is not None and self._over is None:
            self._inner.close()

    def _transport(self) -> Transport:
        if self._inner is None:
            self._inner = self._make(self._settings)
        return self._inner

    def _strange(self, to_what: str, writing: bool = False) -> Callable[[Exception], ErpError]:
        url = self._settings.url

        def sentence(error: Exception) -> ErpError:
            nested = isinstance(error, RecursionError)
            how = "is nested too deeply" if nested else "cannot be read"
            return failures.strange(url, f"what it answered {to_what} {how}", writing)

        return sentence

    def _ask(self, ask: Callable[[], T], sentence: Callable[[Exception], ErpError]) -> T:
        """What ``ask`` gives, in time; ``sentence`` makes one of what nobody has a sentence for.

        In a thread, because a name that is looked up and a handshake know no deadline. One that
        is late is left to itself: it ends with the program, and with it its connection.
        """
        if self._over is not None:
            raise self._over
        found: list[T] = []
        errors: list[BaseException] = []

        def run() -> None:
            try:
                found.append(ask())
            except BaseException as error:
                errors.append(error)

        thread = Thread(target=run, daemon=True)
        thread.start()
        thread.join(self._settings.timeout)
        if found:
            return found[0]
        slow = failures.too_slow(self._settings.url, self._settings.timeout)
        error = errors[0] if errors else slow
        # The transport's own deadline may be a moment before this one.
        if isinstance(error, failures.TooSlowError):
            self._over = error
        if isinstance(error, ErpError) or not isinstance(error, Exception):
            raise error
        raise sentence(error) from None


__all__ = ["Guarded"]
