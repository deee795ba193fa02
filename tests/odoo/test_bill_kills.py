"""``klausel bill`` and Odoo, killed in the middle at every step: each customer billed once.

The ordinary run is 50 kills: 30 of the program, 6 of Odoo's whole process, 14 of PostgreSQL's
process that holds the transaction, which ends the transaction in the same way and costs no start
of Odoo (7 s). With ``--soak`` 500.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.counts import count
from tests.killing import ODOO, Ended, Klausel, klausel

from .customers import FEE, MONTH, arguments, empty, on_record, populate
from .server import Odoo, Server

pytestmark = pytest.mark.odoo

ADDONS = Path(__file__).parent / "addons"
CODES = ("ONE", "TWO", "THREE")
#: Steps of ``klausel_apply`` at which Odoo dies.
SERVER = ("turn", "moves", "rows", "finished", "before-commit", "after-commit")
#: Where the process of the transaction can end: it is over after the commit.
DATABASE = ("turn", "entries", "moves", "rows", "linked", "finished", "before-commit")
#: Steps after which the customer is on record, for certain or perhaps: Odoo goes on alone.
WRITTEN = {"after-commit": True, "half-answer": True, "whole-answer": True, "whole-request": None}
ROUNDS = {"program": 6, "process": 1, "database": 2}
SOAK = {name: 10 * times for name, times in ROUNDS.items()}


class Place(NamedTuple):
    server: Server
    odoo: Odoo
    program: Klausel

    def bill(self, day: str, step: str = "", at: int = 1) -> Ended:
        return self.program.run(arguments(self.odoo, day), step, at)

    def order(self, how: str, step: str, at: int) -> Path:
        path = self.server.folder / "files" / "kill"
        path.write_text(f"{how} {step} {at}")
        return path


@pytest.fixture(scope="module")
def mortal(odoo_server: Server) -> Iterator[Server]:
    """The server with a module that can kill it."""
    paths = f"{odoo_server.installation.addons_path},{ADDONS}"
    odoo_server.options = ["--load=base,web,klausel_kill", f"--addons-path={paths}"]
    odoo_server.restart()
    yield odoo_server
    odoo_server.options = []
    odoo_server.restart()


def place_of(server: Server, months: int) -> Iterator[Place]:
    odoo = server.clone()
    empty(server, odoo)
    populate(server, odoo, CODES, months=months)
    with klausel(KLAUSEL_ODOO_PASSWORD=odoo.password) as program:
        place = Place(server, odoo, program)
        assert place.bill("2024-01-01").code == 0
        yield place
    server.drop(odoo.database)


@pytest.fixture
def place(mortal: Server, request: pytest.FixtureRequest) -> Iterator[Place]:
    yield from place_of(mortal, request.param)


def days() -> Iterator[str]:
    """First days of months from February 2024 on."""
    for month in range(1, 100_000):
        yield f"{2024 + month // 12}-{month % 12 + 1:02}-01"


def expected(months: int, done: int = len(CODES)) -> dict[str, list[Decimal]]:
    """Drafts after ``months``; of the last one only those of the first ``done`` customers."""
    return {
        f"Shop {code}": [FEE] + [MONTH] * (months if number < done else months - 1)
        for number, code in enumerate(CODES)
    }


def finish(place: Place, day: str) -> int:
    """Runs ``bill`` until it has written everything; returns how often."""
    for times in range(1, 6):
        again = place.bill(day)
        if again.code == 0:
            return times
        # Odoo may still be busy with what the dead program asked for.
        assert again.code == 1, again.said
        assert "run it again" in again.said
    raise AssertionError(again.said)


def check(place: Place, month: int, step: str, at: int) -> None:
    """Right after a kill, and once more when the rest has been billed."""
    sure = WRITTEN.get(step, False)
    found, bad = on_record(place.server, place.odoo)
    assert found in [
        expected(month, done) for done in (at - 1, at) if sure is None or done == at - 1 + sure
    ], step
    assert not bad, step


def settle(place: Place, month: int, day: str, step: str) -> None:
    times = finish(place, day)
    count("bill runs needed after a kill", times)
    assert on_record(place.server, place.odoo) == (expected(month), {}), step


def kill_everywhere(place: Place, rounds: dict[str, int]) -> None:
    calendar = enumerate(days(), start=1)
    start = time.monotonic()
    for number in range(rounds["program"]):
        for step in ODOO:
            month, day = next(calendar)
            at = (number + month) % len(CODES) + 1
            end = place.bill(day, step, at)
            assert end.killed, end.said
            count(f"kills of the program: {step}")
            check(place, month, step, at)
            settle(place, month, day, step)
    count("seconds of kills of the program", round(time.monotonic() - start))
    start = time.monotonic()
    for number in range(rounds["process"]):
        for step in SERVER:
            month, day = next(calendar)
            at = (number + month) % len(CODES) + 1
            order = place.order("process", step, at)
            end = place.bill(day)
            assert not order.exists(), end.said
            assert end.code == 3, end.said
            name = list(expected(0))[at - 1]
            assert end.said.endswith(
                f"error: {place.odoo.url} cannot be reached: the connection broke off;"
                f" that was while writing {name}\n"
                "    check the URL, the network and that Odoo is running\n"
                "    run the same again: what was written is found, only the rest is billed\n"
            )
            count(f"kills of Odoo: {step}")
            check(place, month, step, at)
            place.server.restart()
            settle(place, month, day, step)
    count("seconds of kills of Odoo", round(time.monotonic() - start))
    start = time.monotonic()
    for number in range(rounds["database"]):
        for step in DATABASE:
            month, day = next(calendar)
            at = (number + month) % len(CODES) + 1
            order = place.order("database", step, at)
            end = place.bill(day)
            assert not order.exists(), end.said
            assert end.code == 1, end.said
            assert (
                " was refused: Odoo failed: connection already closed\n"
                "    look at the log of the Odoo server, then run it again\n"
            ) in end.said
            count(f"kills of the database's process: {step}")
            # The other customers are billed.
            one = list(expected(0))[at - 1]
            others = {**expected(month), one: expected(month - 1)[one]}
            assert on_record(place.server, place.odoo) == (others, {}), step
            settle(place, month, day, step)
    count("seconds of kills of the database's process", round(time.monotonic() - start))
    _, day = next(calendar)
    assert place.bill(day).code == 0
    assert place.bill(day).said.endswith("\nNothing new to write.\n")


def kills(rounds: dict[str, int]) -> int:
    steps = {"program": ODOO, "process": SERVER, "database": DATABASE}
    return sum(times * len(steps[name]) for name, times in rounds.items())


@pytest.mark.parametrize("place", [kills(ROUNDS) + 1], indirect=True)
def test_fifty_kills(place: Place) -> None:
    assert kills(ROUNDS) == 50
    kill_everywhere(place, ROUNDS)


@pytest.mark.soak
@pytest.mark.parametrize("place", [kills(SOAK) + 1], indirect=True)
def test_five_hundred_kills(place: Place) -> None:
    assert kills(SOAK) == 500
    kill_everywhere(place, SOAK)
