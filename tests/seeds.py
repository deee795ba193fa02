"""New examples in every run: properties that draw a seed of their own, and say it.

``KLAUSEL_SEED=12345 pytest ...`` draws the examples of the run that said 12345.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import Phase, seed, settings

VARIABLE = "KLAUSEL_SEED"

#: The seed of this run. Processes that this one starts have it, too.
SEED = int(os.environ.setdefault(VARIABLE, str(secrets.randbits(31))))

#: Properties that draw by it.
USERS: list[str] = []

#: Settings of a property whose first counterexample is said as it was found: it has a way of its
#: own to make it smaller.
AT_ONCE: dict[str, Any] = {
    "phases": (Phase.explicit, Phase.generate),
    "report_multiple_bugs": False,
}

Test = TypeVar("Test", bound=Callable[..., Any])


def fresh(test: Test) -> Test:
    """A property over examples that are new in each run, as many as other properties have.

    Stands above ``@given``.
    """
    return fresh_one_in(1)(test)


def fresh_one_in(number: int, **more: Any) -> Callable[[Test], Test]:
    """The same over one in ``number`` of as many examples, with ``more`` settings."""

    def made(test: Test) -> Test:
        USERS.append(test.__name__)
        usual = settings.default
        some = settings(
            usual,
            max_examples=max(usual.max_examples // number, 1),
            derandomize=False,
            database=None,
            **more,
        )
        return seed(SEED)(some(test))

    return made


def how_to_repeat() -> str:
    """One line for whoever reads a report."""
    return f"{VARIABLE}={SEED} draws the same examples again"
