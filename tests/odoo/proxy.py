"""A network that fails when a draft is written: a small TCP proxy before Odoo."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from .server import HOST, Odoo

#: What a request that writes contains.
WRITES = b"klausel_apply"


class Proxy:
    """Forwards one request a connection; lets the ``at``-th one that writes down.

    With ``forward`` Odoo gets that request, and its answer is dropped; with ``hold`` the client
    hears nothing until the proxy ends.
    """

    def __init__(self, odoo: Odoo, at: int, forward: bool, hold: bool) -> None:
        address = urlsplit(odoo.url)
        self._target = (str(address.hostname), int(address.port or 80))
        self._at, self._forward, self._hold = at, forward, hold
        self._writes = 0
        self._socket = socket.create_server((HOST, 0))
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        self.reached = threading.Event()
        """The request to let down has come."""
        self.over = threading.Event()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(client,), daemon=True).start()

    def close(self) -> None:
        self.over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _one(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            asked = request(client)
            self._writes += WRITES in asked
            bad = WRITES in asked and self._writes == self._at
            if not bad or self._forward:
                answer = self._ask(asked)
            if not bad:
                client.sendall(answer)
                return
            self.reached.set()
            if self._hold:
                self.over.wait()

    def _ask(self, asked: bytes) -> bytes:
        """Odoo's whole answer: it has finished with the request."""
        with socket.create_connection(self._target) as odoo:
            odoo.sendall(asked)
            return received(odoo)


def request(client: socket.socket) -> bytes:
    """One HTTP request, headers and body."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += client.recv(65536) or _gone()
    head, _, body = said.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields.get(b"content-length", 0)):
        body += client.recv(65536) or _gone()
    return head + b"\r\n\r\n" + body


def received(odoo: socket.socket) -> bytes:
    """Everything until the other side closes."""
    said = b""
    while part := odoo.recv(65536):
        said += part
    return said


def _gone() -> bytes:
    raise OSError("hung up")


@contextlib.contextmanager
def cutting(odoo: Odoo, at: int, forward: bool = True, hold: bool = False) -> Iterator[Proxy]:
    proxy = Proxy(odoo, at, forward, hold)
    thread = threading.Thread(target=proxy.serve, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.close()
        thread.join(5)
