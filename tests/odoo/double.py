"""A server that gives Odoo's answers again, in all three protocols, and at one place something
else.

It answers what a real Odoo answered before (or what a test says that one would): it is no Odoo, and
proves nothing about one. What it proves is what becomes of the rest.
"""

from __future__ import annotations

import functools
import gzip
import json
import operator
import random
import socket
import ssl
import sys
import threading
import xmlrpc.client
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

TRANSPORTS = ("odoorpc", "xmlrpc", "json2")
KEY = "0123456789abcdef-key"
USER = 2
VERSION = "19.0"

#: Answers by model, method and arguments, in their order; then the last of them again.
Talk = dict[str, list[Any]]


def place(model: str, method: str, arguments: Mapping[str, Any], ids: Any) -> str:
    """What a call is known by, whichever way it comes, and whichever run makes it."""
    payload = arguments.get("payload")
    if isinstance(payload, Mapping):
        arguments = {**arguments, "payload": {**payload, "batch": ""}}
    if model == "klausel.request":
        # What a worker says of a request depends on what it was told before.
        arguments = {}
    return json.dumps([model, method, arguments, list(ids or ())], sort_keys=True)


class Step(NamedTuple):
    """One question, in the words of one protocol."""

    way: str
    """``version``, ``login`` or ``call``."""
    model: str
    method: str
    answer: Any


class Request(BaseHTTPRequestHandler):
    """Finds out what is asked."""

    server: Double

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        self.server.heard.append((self.path, str(self.headers), body))
        transport, step = self._step(body)
        number = len(self.server.steps)
        self.server.steps.append(step)
        wrong = self.server.wrong
        if wrong is not None and self.server.at(number, step):
            self.server.met.append(step)
            self.close_connection = True
            with suppress(OSError):
                wrong(self, transport, step)
            return
        self.give(encoded(transport, step, step.answer), transport)

    def _step(self, body: bytes) -> tuple[str, Step]:
        if self.path == "/web/version":
            return "json2", Step("version", "", "version", VERSION)
        if self.path == "/web/webclient/version_info":
            return "odoorpc", Step("version", "", "version", VERSION)
        if self.path.startswith("/json/2/"):
            _, _, _, model, method = self.path.split("/")
            arguments = json.loads(body)
            ids = arguments.pop("ids", None)
            return "json2", self._call(model, method, arguments, ids)
        if self.path == "/jsonrpc":
            asked = json.loads(body)["params"]
            service, method, arguments = asked["service"], asked["method"], asked["args"]
            if service == "common":
                return "odoorpc", Step("login", "", "login", USER)
            if method == "execute":
                return "odoorpc", Step("login", "res.users", "context_get", {"lang": "en_US"})
            _, _, _, model, method, positional, named = arguments
            return "odoorpc", self._call(model, method, named, *positional)
        sent, name = xmlrpc.client.loads(body)
        if name == "version":
            return "xmlrpc", Step("version", "", "version", VERSION)
        if name == "authenticate":
            return "xmlrpc", Step("login", "", "login", USER)
        _, _, _, model, method, positional, named = sent
        return "xmlrpc", self._call(str(model), str(method), named, *positional)

    def _call(self, model: str, method: str, arguments: Any, ids: Any = None) -> Step:
        way = "login" if model == "res.users" else "call"
        if model == "res.users" and method == "context_get":
            return Step(way, model, method, {"uid": USER})
        if model == "res.users" and method == "read":
            return Step(way, model, method, [{"id": USER, "login": "bot"}])
        return Step(way, model, method, self.server.next_of(place(model, method, arguments, ids)))

    def give(self, body: bytes, transport: str, **headers: str) -> None:
        kind = "text/xml" if transport == "xmlrpc" else "application/json"
        self.send_response(200)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        fields = {"Content-Type": kind, "Content-Length": str(len(body)), **given}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


def encoded(transport: str, step: Step, value: Any) -> bytes:
    """``value`` as this protocol says it; a version stands in a table of its own there."""
    if step.way == "version" and isinstance(value, str):
        value = {"server_version": value, "version": value}
    if transport == "xmlrpc":
        with suppress(Exception):
            return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode()
        return b"<methodResponse><params><param><value><nil/></value></param></params>"
    said = {"jsonrpc": "2.0", "id": 1, "result": value} if transport == "odoorpc" else value
    return json.dumps(said).encode()


#: What goes wrong: it is handed the request and answers in its own way.
Wrong = Callable[[Request, str, Step], None]


class Double(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, talk: Talk, wrong: Wrong | None, at: Callable[[int, Step], bool]) -> None:
        self.talk, self.wrong, self.at = talk, wrong, at
        self.steps: list[Step] = []
        self.met: list[Step] = []
        """Where it answered otherwise."""
        self.heard: list[tuple[str, str, bytes]] = []
        self.over = threading.Event()
        self.failed: list[BaseException] = []
        """What went wrong in the double itself: a test of it proves nothing."""
        self._given: Counter[str] = Counter()
        super().__init__(("127.0.0.1", 0), Request)

    def next_of(self, asked: str) -> Any:
        """What it says to ``asked`` this time."""
        if self.met and asked not in self.talk:
            raise ConnectionAbortedError(f"nobody asked that before: {asked}")
        answers = self.talk[asked]
        number = min(self._given[asked], len(answers) - 1)
        self._given[asked] += 1
        return answers[number]

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what these tests are about; anything else is a mistake."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.failed.append(error)

    @property
    def url(self) -> str:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_address[1]}"


@contextmanager
def serving(
    talk: Talk,
    wrong: Wrong | None = None,
    at: Callable[[int, Step], bool] = lambda number, step: step.way == "call",
) -> Iterator[Double]:
    """A double that goes ``wrong`` where ``at`` says so: by number of the question, or by it."""
    double = Double(talk, wrong, at)
    thread = threading.Thread(target=double.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield double
    finally:
        double.over.set()
        double.shutdown()
        double.server_close()
    if double.failed:
        raise AssertionError("the double failed") from double.failed[0]


# --- what can go wrong -----------------------------------------------------------------------


def value(wrong: Any) -> Wrong:
    """A value that is no answer to this question."""
    return lambda request, transport, step: request.give(encoded(transport, step, wrong), transport)


def body(text: bytes, **headers: str) -> Wrong:
    return lambda request, transport, step: request.give(text, transport, **headers)


def status(code: int, text: str = "", **headers: str) -> Wrong:
    def send(request: Request, transport: str, step: Step) -> None:
        request.send_response(code)
        for name, said in {"Content-Length": str(len(text)), **headers}.items():
            request.send_header(name, said)
        request.end_headers()
        request.wfile.write(text.encode())

    return send


def raw(text: bytes) -> Wrong:
    """Not even HTTP, or a wrong one."""

    def send(request: Request, transport: str, step: Step) -> None:
        request.wfile.write(text)

    return send


def drip(request: Request, transport: str, step: Step) -> None:
    """A right answer, a byte now and then."""
    text = encoded(transport, step, step.answer)
    head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(text)}\r\n\r\n".encode()
    for byte in head + text:
        request.wfile.write(bytes((byte,)))
        if request.server.over.wait(0.1):
            return


def drip_body(request: Request, transport: str, step: Step) -> None:
    """The same, with headers that come at once."""
    text = encoded(transport, step, step.answer)
    request.wfile.write(f"HTTP/1.0 200 OK\r\nContent-Length: {len(text) * 9}\r\n\r\n".encode())
    for byte in text * 9:
        request.wfile.write(bytes((byte,)))
        if request.server.over.wait(0.1):
            return


def silence(request: Request, transport: str, step: Step) -> None:
    request.server.over.wait(30)


def hang_up(request: Request, transport: str, step: Step) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


def endless(request: Request, transport: str, step: Step) -> None:
    """It never ends, and says nothing of how long it is."""
    request.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/xml\r\n\r\n")
    piece = b" " * 65536
    while not request.server.over.is_set():
        request.wfile.write(piece)


def endless_headers(request: Request, transport: str, step: Step) -> None:
    request.wfile.write(b"HTTP/1.0 200 OK\r\n")
    while not request.server.over.is_set():
        request.wfile.write(b"X-More: and more\r\n")


def endless_chunks(request: Request, transport: str, step: Step) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not request.server.over.is_set():
        request.wfile.write(b"10000\r\n" + b" " * 65536 + b"\r\n")


def endless_trailer(request: Request, transport: str, step: Step) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n")
    while not request.server.over.is_set():
        request.wfile.write(b"X: y\r\n")


def cut_off(request: Request, transport: str, step: Step) -> None:
    text = encoded(transport, step, step.answer)
    request.give(text[: len(text) // 2], transport, Content_Length=str(len(text)))


def too_short(request: Request, transport: str, step: Step) -> None:
    """It says that it is shorter than it is."""
    text = encoded(transport, step, step.answer)
    request.give(text, transport, Content_Length=str(len(text) // 2))


BOMB = gzip.compress(b" " * 30_000_000)


def bomb(request: Request, transport: str, step: Step) -> None:
    """30 kB that unpack to a thousand times as much."""
    request.give(BOMB, transport, Content_Encoding="gzip")


def bomb_of_bombs(request: Request, transport: str, step: Step) -> None:
    request.give(gzip.compress(BOMB), transport, Content_Encoding="gzip, gzip")


def half_packed(request: Request, transport: str, step: Step) -> None:
    text = gzip.compress(encoded(transport, step, step.answer))
    request.give(text[: len(text) // 2], transport, Content_Encoding="gzip")


def chunked(text: bytes) -> Wrong:
    return raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + text)


DEEP_JSON = b"[" * 200_000
DEEP_XML = (
    b"<methodResponse><params><param>" + b"<value><array><data>" * 100_000 + b"</data></array>"
)
LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "haha haha haha haha haha haha haha haha">'
    + b"".join(
        f'<!ENTITY {new} "{f"&{old};" * 10}">'.encode()
        for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + b"]><methodResponse><params><param><value><string>&i;</string></value></param></params>"
    b"</methodResponse>"
)

#: Values that no question asked here has as its answer.
VALUES: dict[str, Any] = {
    "table": {}, "null": None, "number": 1234567, "fraction": -0.5, "text": "", "long": "x" * 9999,
    "yes": True, "huge": 2**31 - 1, "lists": [[[[]]]], "list": [None], "numbers": [1, "2", {}],
    "other": {"error": {}}, "nested": {"result": {"result": [{}]}}, "rows": [{"id": "x"}, {}],
}  # fmt: skip
#: The same that only JSON can say.
JSON_VALUES: dict[str, Any] = {"nan": float("nan"), "infinite": float("-inf"), "long": 10**400}

BODIES: dict[str, bytes] = {
    "nothing": b"", "page": b"<html><h1>Welcome</h1></html>", "noise": bytes(range(256)) * 4,
    "null": b"null", "number": b"17", "too long a number": b"9" * 5000, "exponent": b"1e99999",
    "half": b'{"jsonrpc": "2.0", "resu', "not utf-8": b'{"result": "\xff\xfe"}',
    "utf-16": '{"result": {}}'.encode("utf-16"), "latin": b'<?xml version="1.0"?><a>\xe4</a>',
    "deep": DEEP_JSON, "deep xml": DEEP_XML, "laughs": LAUGHS, "nan": b'{"result": NaN}',
    "error list": b'{"error": [1]}', "error text": b'{"error": "no"}', "error": b'{"error": {}}',
    "error data": b'{"error": {"data": 7}}', "error null": b'{"error": {"data": {"message": null}}',
    "empty xml": b"<methodResponse><params></params></methodResponse>",
    "two": b"<methodResponse><params><param><value>1</value></param><param><value>1</value>"
    b"</param></params></methodResponse>",
    "bad int": b"<methodResponse><params><param><value><int>x</int></value></param></params>"
    b"</methodResponse>",
    "no xml-rpc": b"<a><b/></a>", "unknown": b"<methodResponse><params><param><value><odd>1</odd>"
    b"</value></param></params></methodResponse>",
    "fault": b"<methodResponse><fault><value><int>1</int></value></fault></methodResponse>",
    "fault of lists": b"<methodResponse><fault><value><struct><member><name>faultCode</name><value>"
    b"<array><data></data></array></value></member><member><name>faultString</name><value><int>1"
    b"</int></value></member></struct></value></fault></methodResponse>",
}  # fmt: skip
RAWS: dict[str, bytes] = {
    "no http": b"220 mail.example.com ESMTP ready\r\n\r\n", "binary": bytes(range(256)),
    "http 9": b"HTTP/9.9 200 OK\r\n\r\n", "no status": b"HTTP/1.1 OK\r\n\r\n",
    "negative": b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n{}",
    "no length": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "no header": b"HTTP/1.1 200 OK\r\n\x00\x01\x02\r\n\r\n{}",
    "long header": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\n\r\n{}",
}  # fmt: skip
CHUNKS: dict[str, bytes] = {
    "no number": b"zz\r\nhello\r\n0\r\n\r\n", "negative": b"-5\r\nhello\r\n0\r\n\r\n",
    "too short": b"99\r\nhello\r\n", "no end": b"5\r\nhello\r\n",
    "enormous": b"f" * 300 + b"\r\n{}",
}  # fmt: skip
ELSEWHERE = "https://other.example.com/login?next=/jsonrpc"


def wrongs(transport: str) -> dict[str, Wrong]:
    """All that can go wrong on one way, by name. Those that take as long as the deadline are
    :data:`SLOW`."""
    values = VALUES if transport == "xmlrpc" else {**VALUES, **JSON_VALUES}
    return {
        **{f"value: {name}": value(wrong) for name, wrong in values.items()},
        **{f"body: {name}": body(text) for name, text in BODIES.items()},
        **{f"raw: {name}": raw(text) for name, text in RAWS.items()},
        **{f"chunks: {name}": chunked(text) for name, text in CHUNKS.items()},
        **{f"status {code}": status(code, "<html>no</html>") for code in (
            199, 204, 206, 300, 304, 305, 400, 401, 403, 404, 407, 418, 429, 500, 502, 503, 599,
        )},
        **{f"redirect {code}": status(code, Location=ELSEWHERE) for code in (
            301, 302, 303, 307, 308,
        )},
        "redirect to nowhere": status(302, Location="http://["),
        "redirect without a place": status(302),
        "hang up": hang_up, "cut off": cut_off, "too short": too_short, "bomb": bomb,
        "bomb of bombs": bomb_of_bombs, "half packed": half_packed,
        "not packed": body(b"{}", Content_Encoding="gzip"),
        "packed otherwise": body(b"{}", Content_Encoding="br"),
        "endless": endless, "endless headers": endless_headers, "endless chunks": endless_chunks,
    }  # fmt: skip


SLOW: dict[str, Wrong] = {
    "drip": drip, "drip of a body": drip_body, "silence": silence,
    "endless trailer": endless_trailer,
}  # fmt: skip


# --- and small things wrong in a right answer --------------------------------------------------

ODD: list[Any] = [
    None, True, False, 0, -1, 3.5, 2**31 - 1, "", "x", "2026-02-30", "1e400", [], [0], [[]], {},
    {"id": 1}, "\ud800", "\x00", "0" * 200,
]  # fmt: skip


def spoiled(answer: Any, chance: random.Random) -> Any:
    """``answer`` with one thing in it changed, anywhere."""
    copy = json.loads(json.dumps(answer))
    holder, key, here = None, None, copy
    while isinstance(here, (dict, list)) and here and (holder is None or chance.random() < 0.85):
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        holder, key = here, chance.choice(keys)
        here = holder[key]
    if holder is None:
        return chance.choice(ODD)
    if chance.random() < 0.2:
        del holder[key]
    elif isinstance(holder, list) and chance.random() < 0.3:
        holder.append(here)
    else:
        holder[key] = chance.choice(ODD)
    return copy


class Spoiled(NamedTuple):
    """An answer with one thing in it changed, and what it is."""

    told: str
    answer: Any


def every_spoiled(answer: Any) -> Iterator[Spoiled]:
    """``answer`` with each thing in it changed in each way; of a list, or a table of names, its
    first member."""
    text = json.dumps(answer)
    for path in _paths(answer):
        for way in ("gone", "twice", *ODD):
            copy = json.loads(text)
            if not path:
                if way not in ("gone", "twice"):
                    yield Spoiled(f"{way!r} alone", way)
                continue
            *above, key = path
            holder = functools.reduce(operator.getitem, above, copy)
            if way == "gone":
                del holder[key]
            elif way != "twice":
                holder[key] = way
            elif isinstance(holder, list):
                holder.append(holder[key])
            else:
                continue
            yield Spoiled(f"{path}: {way!r}", copy)


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    yield ()
    if isinstance(value, dict):
        members = list(value.items())
        if all(isinstance(member, dict) for member in value.values()):
            members = members[:1]
    else:
        members = list(enumerate(value[:1])) if isinstance(value, list) else []
    for key, member in members:
        yield from ((key, *path) for path in _paths(member))
