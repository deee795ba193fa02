"""Options and fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.counts import COUNTS
from tests.seeds import USERS, how_to_repeat

pytest_plugins = ["tests.odoo.fixtures"]

settings.register_profile(
    "quick",
    max_examples=1000,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile(
    "soak", parent=settings.get_profile("quick"), max_examples=20_000, derandomize=False
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--soak", action="store_true", help="also run what takes long")


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("soak" if config.getoption("--soak") else "quick")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """In a long run what failed is said at once: the end may be hours away, or never come."""
    part = os.environ.get("KLAUSEL_SOAK_PART")
    if part and report.failed:
        place = Path(__file__).parent.parent / ".soak" / f"{part}.failed.txt"
        place.parent.mkdir(exist_ok=True)
        with place.open("a", encoding="utf-8") as stream:
            stream.write(f"{report.nodeid}\n{report.longreprtext}\n\n")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COUNTS:
        terminalreporter.section("counted")
        for what, number in sorted(COUNTS.items()):
            terminalreporter.write_line(f"{number:>7} {what}")
    if USERS:
        terminalreporter.write_line(how_to_repeat())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes long is left out, not skipped: nothing in a normal run is skipped."""
    part = os.environ.get("KLAUSEL_SOAK_PART")

    def is_left_out(item: pytest.Item) -> bool:
        if not config.getoption("--soak"):
            return item.get_closest_marker("soak") is not None
        return (item.get_closest_marker("known") is not None) != (part == "known")

    left_out = [item for item in items if is_left_out(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not is_left_out(item)]
