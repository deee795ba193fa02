"""Random sequences of what people do in Odoo: after every bill the sums agree.

``KLAUSEL_PEOPLE_SEED=7`` plays one seed, ``KLAUSEL_PEOPLE_SEEDS=40`` says how many are played by
``make soak``. A sequence that fails is shortened and printed as a list of steps for ``GIVEN``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.counts import count

from .people.play import play_seed, report, shorten
from .people.world import Stage
from .server import Server

pytestmark = pytest.mark.odoo

LENGTH = 50
SEED = os.environ.get("KLAUSEL_PEOPLE_SEED")
QUICK = [SEED] if SEED else [str(number) for number in range(1, 11)]


@pytest.fixture(scope="module")
def stage(odoo_server: Server) -> Iterator[Stage]:
    stage = Stage(odoo_server)
    yield stage
    stage.end()


@pytest.mark.parametrize("seed", QUICK)
def test_sums_agree_whatever_people_do(stage: Stage, seed: str) -> None:
    told = play_seed(stage, seed, LENGTH)
    count("steps of people in Odoo", told.outcomes["done"])
    count("contracts compared with a catch-up run", told.compared)
    print(report(seed, told))
    if told.failure is not None:
        steps = shorten(stage, told.steps, told.failure.kind)
        pytest.fail(report(seed, told, steps), pytrace=False)
