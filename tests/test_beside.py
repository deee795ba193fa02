"""The run as stages gives what the run of before gave: over all cases and over generated lives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.beside import SCENARIOS, play_case, play_lives, said, seen
from tests.counts import count
from tests.seeds import SEED
from tests.test_cases import name

LIVES = 60


@pytest.mark.parametrize("path", SCENARIOS, ids=name)
def test_case(path: Path) -> None:
    play_case(path)
    count("runs of cases beside each other")


def test_lives() -> None:
    before = seen["lives"]
    play_lives(LIVES, SEED)
    print(f"seed {SEED}: {said()}")
    count("lives beside each other", seen["lives"] - before)
    assert seen["lives"] - before >= LIVES
