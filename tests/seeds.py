"""New examples in every run: properties that draw a seed of their own, and say it.

``KLAUSEL_SEED=12345 pytest ...`` draws the examples of the run that said 12345.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import seed, settings

VARIABLE = "KLAUSEL_SEED"

#: The seed of this run. Processes that this one starts have it, too.
SEED = int(os.environ.setdefault(VARIABLE, str(secrets.randbits(31))))

#: Properties that draw by it.
USERS: list[str] = []

Test = TypeVar("Test", bound=Callable[..., Any])


def fresh(test: Test) -> Test:
    """A property over examples that are new in each run, as many as other properties have.

    Stands above ``@given``.
    """
    USERS.append(test.__name__)
    found = settings(settings.default, derandomize=False, database=None)(test)
    return seed(SEED)(found)


def how_to_repeat() -> str:
    """One line for whoever reads a report."""
    return f"{VARIABLE}={SEED} draws the same examples again"
