"""``klausel`` runs that die at a named step, as by ``kill -9``.

One process imports the program once and forks for each run, so that a run costs what it does and
not what starting Python does.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
WRITES = "klausel_apply"

#: Steps of writing to Odoo, of activity records' pages, and to a book.
ODOO = ("before-request", "half-request", "whole-request", "half-answer", "whole-answer")
PAGES = ("before-page", "half-page", "after-page")
BOOK = ("before-append", "truncated", "half-written", "unflushed", "unsynced", "synced", "returned")


class Ended(NamedTuple):
    """How a run ended."""

    code: int
    """Exit code; -9 where it was killed."""
    said: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Klausel:
    """Runs ``klausel`` with arguments, to the end or to a step."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, arguments: Sequence[str], step: str = "", at: int = 1) -> Ended:
        """Dies where ``step`` is reached for the ``at``-th time."""
        assert self._process.stdin
        assert self._process.stdout
        order = {"arguments": list(arguments), "step": step, "at": at}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def klausel(**environment: str) -> Iterator[Klausel]:
    paths = os.pathsep.join(str(ROOT / name) for name in ("rules", "connector", "."))
    with subprocess.Popen(
        [sys.executable, "-m", "tests.killing"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Klausel(process)
        assert process.stdin
        process.stdin.close()


# --- in that process ------------------------------------------------------------------------------


def main() -> None:
    import cli
    import klausel_run.bill  # noqa: F401 - imported once for all runs
    from klausel_odoo import desk

    # So few customers in one call that there are two calls.
    desk.TOLD_AT_ONCE = int(os.environ.get("TOLD_AT_ONCE", desk.TOLD_AT_ONCE))

    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryFile("w+") as said:
            child = os.fork()
            if not child:
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                _child(lambda order=order: cli.run(order["arguments"]), order["step"], order["at"])
            _, status = os.waitpid(child, 0)
            said.seek(0)
            answer = {"code": os.waitstatus_to_exitcode(status), "said": said.read()}
        print(json.dumps(answer), flush=True)


def _child(run: Callable[[], int], step: str, at: int) -> None:
    code = 99
    try:
        if step in ODOO:
            _die_at_odoo(step, at)
        elif step in PAGES:
            _die_at_page(step, at)
        elif step.startswith(("before klausel_", "after klausel_")):
            _die_at_call(*step.split(), at)
        elif step:
            _die_at_book(step, at)
        code = run()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at_odoo(step: str, at: int) -> None:
    from klausel_odoo.transports.odoorpc_ import OdooRpc

    call, send = OdooRpc.call, http.client.HTTPConnection.send
    read = http.client.HTTPResponse.read
    calls: list[str] = []

    def now(here: str) -> bool:
        return here == step and calls.count(WRITES) == at and calls[-1] == WRITES

    def stepping_call(
        self: OdooRpc, model: str, method: str, arguments: Any, ids: Any = None
    ) -> Any:
        calls.append(method)
        if now("before-request"):
            _die()
        answer = call(self, model, method, arguments, ids)
        if now("whole-answer"):
            _die()
        return answer

    def stepping_send(self: http.client.HTTPConnection, data: Any) -> None:
        if WRITES.encode() not in data:
            send(self, data)
            return
        if now("half-request"):
            send(self, data[: len(data) // 2])
            _die()
        send(self, data)
        if now("whole-request"):
            _die()

    def stepping_read(self: http.client.HTTPResponse, amt: int | None = None) -> bytes:
        if calls and now("half-answer"):
            read(self, int(self.headers["Content-Length"]) // 2)
            _die()
        return read(self, amt)

    OdooRpc.call = stepping_call  # type: ignore[method-assign]
    http.client.HTTPConnection.send = stepping_send  # type: ignore[method-assign]
    http.client.HTTPResponse.read = stepping_read  # type: ignore[assignment]


def _die_at_call(when: str, wanted: str, at: int) -> None:
    """Before or after a call of any method."""
    from klausel_odoo.transports.odoorpc_ import OdooRpc

    call = OdooRpc.call
    calls: list[str] = []

    def stepping(self: OdooRpc, model: str, method: str, arguments: Any, ids: Any = None) -> Any:
        calls.append(method)
        now = method == wanted and calls.count(method) == at
        if now and when == "before":
            _die()
        answer = call(self, model, method, arguments, ids)
        if now:
            _die()
        return answer

    OdooRpc.call = stepping  # type: ignore[method-assign]


def _die_at_page(step: str, at: int) -> None:
    from klausel_run import activity

    write_whole = activity.write_whole
    times = 0

    def stepping(path: Path, text: str) -> None:
        nonlocal times
        times += 1
        if times == at and step == "before-page":
            _die()
        if times == at and step == "half-page":
            path.with_name(f".{path.name}.part").write_text(text[: len(text) // 2])
            _die()
        write_whole(path, text)
        if times == at:
            _die()

    activity.write_whole = stepping


def _die_at_book(step: str, at: int) -> None:
    from klausel_book import ledger_file

    append, fsync = ledger_file.append, os.fsync
    times = 0

    def now(here: str) -> bool:
        return here == step and times == at

    class Stream:
        """The ledger's file; ``append`` calls nothing else."""

        def __init__(self, stream: Any) -> None:
            self._stream = stream

        def truncate(self, end: int) -> None:
            self._stream.truncate(end)
            if now("truncated"):
                _die()

        def seek(self, place: int) -> None:
            self._stream.seek(place)

        def write(self, data: bytes) -> None:
            if now("half-written"):
                self._stream.write(data[: len(data) // 2])
                self._stream.flush()
                _die()
            self._stream.write(data)
            if now("unflushed"):
                _die()

        def flush(self) -> None:
            self._stream.flush()
            if now("unsynced"):
                _die()

        def fileno(self) -> int:
            return int(self._stream.fileno())

    def stepping_append(stream: Any, *arguments: Any) -> None:
        nonlocal times
        times += 1
        if now("before-append"):
            _die()
        append(Stream(stream), *arguments)  # type: ignore[arg-type]
        if now("returned"):
            _die()

    def stepping_fsync(descriptor: int) -> None:
        fsync(descriptor)
        if now("synced"):
            _die()

    ledger_file.append = stepping_append
    os.fsync = stepping_fsync  # type: ignore[assignment]


if __name__ == "__main__":
    main()
