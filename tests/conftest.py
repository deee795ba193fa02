"""Options and fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, seed, settings

from tests.counts import COUNTS
from tests.seeds import SEED, USERS, how_to_repeat

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


#: Hypothesis keeps all examples of a test in mind until it ends: so many at a time.
AT_A_TIME = 2_000


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


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A property over very many examples is tried over some of them, then over others, so that
    they need not be in memory at once. Each time has a seed of its own."""
    test = pyfuncitem.obj
    if not is_hypothesis_test(test):
        return None
    usual = getattr(test, "_hypothesis_internal_use_settings", None) or settings.default
    if usual.derandomize or usual.max_examples <= AT_A_TIME:
        return None
    names = pyfuncitem._fixtureinfo.argnames
    for number in range(0, usual.max_examples, AT_A_TIME):
        some = min(AT_A_TIME, usual.max_examples - number)
        test._hypothesis_internal_use_settings = settings(usual, max_examples=some)
        seed(SEED + number)(test)
        test(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


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
