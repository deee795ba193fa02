"""work: a program that lives long, ended by signals, and the lines that it writes about itself."""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from types import FrameType
from typing import Any

from klausel.problems import ProblemError, Where, problem
from klausel_run.sources import Source
from klausel_run.work import Ending, Worker
from klausel_shell.out import say
from klausel_shell.terminal import progress

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def work(source: Source, once: bool, name: str | None) -> int:
    """Works for the ERP of ``source`` until a signal comes; with ``once`` until nothing waits."""
    from klausel_odoo import OdooDesk, OdooSource

    erp = source.open()
    if not isinstance(erp, OdooSource):
        reason = "a book has no requests"
        hint = "give --odoo: requests are made in Odoo"
        raise ProblemError([problem("option", Where("--book"), reason=reason, hint=hint)])
    if name is not None and not name.strip():
        reason = "the name is empty"
        raise ProblemError([problem("option", Where("--name"), reason=reason, hint="give one")])
    desk = OdooDesk(erp, name or f"{socket.gethostname()}-{os.getpid()}")
    gc.enable()  # this program is no short one
    with progress("working") as tick, _ending() as ending:
        log({"event": "started", "erp": erp.name, "worker": desk.name})
        Worker(erp, desk, log, ending, tick).run(once)
        log({"event": "ended"})
    return 0


def log(facts: Mapping[str, Any]) -> None:
    """One line of JSON on the error output; a full disk behind it stops nothing."""
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with suppress(OSError):
        say(json.dumps({"at": at, **facts}), err=True)


@contextmanager
def _ending() -> Iterator[Ending]:
    """Set by the first signal; the second one interrupts."""
    ending = Ending()

    def end(number: int, frame: FrameType | None) -> None:
        if ending.is_set():
            raise KeyboardInterrupt
        ending.set()

    before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
    for number in SIGNALS:
        before[number] = signal.signal(number, end)
    try:
        yield ending
    finally:
        for known, handler in before.items():
            signal.signal(known, handler)
