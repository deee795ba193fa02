"""How long what people ask for in Odoo takes, next to the same by the command line.

    python -m bench.work [--customers 50] [--months 24] [--rounds 5] [--refreshes 10]

A: ``klausel preview`` of all customers: logging in, reading, computing, and the text.
B: the program beside Odoo, which runs, does the same for a request where nothing has changed since
   the last.
C: the same where of everybody something else was shown: all that people see is stored anew.
O: as C, by a program that starts for it (``--once``) and logs in twice: it asks for work on a
   connection of its own.
D: one customer's refresh on the demo data, from the click to the answer, by a program that runs.

All but D alternate in one process against one server. Prints the median of each, the ratios B/A and
C/A (1.2 or less is what we want) and O/A, and the median of D (2 seconds or less).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, timezone
from threading import Thread
from typing import Any, NamedTuple

from klausel.formats import View, render
from klausel_odoo import OdooDesk, OdooSettings, OdooSource
from klausel_run.preview import Options, preview
from klausel_run.work import Ending, Worker
from tests.odoo import Odoo, Server
from tests.odoo.customers import POLICIES, populate
from tests.odoo.rpc import Rpc


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Requests in Odoo and the command line.")
    parser.add_argument("--customers", type=int, default=50)
    parser.add_argument("--months", type=int, default=24, help="months with two timesheets each")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured")
    parser.add_argument("--refreshes", type=int, default=10)
    options = parser.parse_args(arguments)
    with Server() as server:
        odoo = server.clone()
        server.psql(odoo.database, "UPDATE res_company SET klausel_nightly_hour = -1")
        median = refreshes(server, odoo, options.refreshes)
        populate(server, odoo, [f"C{n}" for n in range(options.customers)], options.months)
        ratio = everybody(server, odoo, options.rounds)
    return int(ratio > 1.2 or median > 2)


def source(odoo: Odoo) -> OdooSource:
    return OdooSource(
        OdooSettings.load(
            url=odoo.url, database=odoo.database, login=odoo.login, password=odoo.password,
            timeout=300, policies=POLICIES,
        )
    )  # fmt: skip


def today() -> date:
    return datetime.now(timezone.utc).date()


def everybody(server: Server, odoo: Odoo, rounds: int) -> float:
    """The larger one of the ratios of B and C to A."""
    with program(odoo) as running:
        return measured(server, odoo, rounds, running)


def measured(server: Server, odoo: Odoo, rounds: int, running: Program) -> float:
    ways: dict[str, Callable[[], None]] = {
        "A": lambda: by_command(odoo),
        "B": lambda: by_request(server, odoo, running),
        "C": lambda: by_request(server, odoo, running),
        "O": lambda: by_request(server, odoo),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    by_request(server, odoo, running)
    for number in range(rounds + 1):
        for name in ("ABCO", "OCBA")[number % 2]:
            if name in "CO":
                server.psql(odoo.database, "UPDATE klausel_preview SET content = 'another'")
            start = time.perf_counter()
            ways[name]()
            if number:  # the first round warms all caches up
                times[name].append(time.perf_counter() - start)
    (row,) = server.psql(
        odoo.database,
        "SELECT (SELECT count(*) FROM klausel_preview),"
        " (SELECT count(*) FROM klausel_preview_line), (SELECT count(*) FROM klausel_preview_part)",
    )
    print(f"{row[0]} previews, {row[1]} lines, {row[2]} parts, {rounds} rounds, median seconds")
    for name, what in (
        ("A", "klausel preview"), ("B", "a request"), ("C", "a request, all new"),
        ("O", "as C, starting for it"),
    ):  # fmt: skip
        spread = f"({min(times[name]):.2f}, {max(times[name]):.2f})"
        print(f"{name}  {what:<21} {statistics.median(times[name]):.2f} {spread}")
    ratios = {
        name: statistics.median(one / a for a, one in zip(times["A"], times[name], strict=True))
        for name in "BCO"
    }
    said = ", ".join(f"{name}/A {ratio:.2f}" for name, ratio in ratios.items())
    print(f"{said} (medians of the pairs)")
    return max(ratios["B"], ratios["C"])


def by_command(odoo: Odoo) -> None:
    erp = source(odoo)
    render(preview(erp, Options(today())), "text", View(80, False, False))
    erp.close()


class Program(NamedTuple):
    """One that runs beside Odoo."""

    erp: OdooSource
    desk: OdooDesk


@contextmanager
def program(odoo: Odoo) -> Iterator[Program]:
    erp = source(odoo)
    desk = OdooDesk(erp, "bench")
    yield Program(erp, desk)
    desk.close()
    erp.close()


def by_request(server: Server, odoo: Odoo, running: Program | None = None) -> None:
    """Done by a program that is ``running``, or by one that starts for it."""
    server.psql(
        odoo.database,
        "INSERT INTO klausel_request (kind, state, company_id, as_of, adjust, cancel)"
        f" VALUES ('preview', 'waiting', 1, '{today()}', false, false)",
    )
    lines: list[Mapping[str, Any]] = []
    with nullcontext(running) if running else program(odoo) as (erp, desk):
        Worker(erp, desk, lines.append).run(once=True)
    assert [line["state"] for line in lines] == ["done"], lines


def refreshes(server: Server, odoo: Odoo, times: int) -> float:
    """Median seconds of one customer's refresh."""
    by_request(server, odoo)  # from now on every customer has a preview
    erp, ending = source(odoo), Ending()
    worker = Worker(erp, OdooDesk(erp, "bench"), lambda line: None, ending)
    thread = Thread(target=worker.run)
    thread.start()
    rpc = Rpc(odoo)
    ids = rpc.call("klausel.preview", "search", [("partner_id", "!=", False)])
    found = []
    for number in range(times + 1):
        time.sleep(0.1 * number % 0.7)  # at any moment between two questions
        start = time.perf_counter()
        action = rpc.call("klausel.preview", "action_refresh", [ids[number % len(ids)]])
        while rpc.call("klausel.request", "read", [action["res_id"]], ["state"])[0]["state"] in (
            "waiting", "running",
        ):  # fmt: skip
            time.sleep(0.02)
        if number:
            found.append(time.perf_counter() - start)
    ending.set()
    thread.join()
    median = statistics.median(found)
    spread = f"({min(found):.2f}, {max(found):.2f})"
    print(f"D  one customer's refresh, {len(ids)} customers, {times} times: {median:.2f} {spread}")
    return median


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
