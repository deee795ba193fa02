"""Properties over new examples: other ones in each run, the same ones where a seed is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

DRAW = """
from hypothesis import given, settings, strategies as st
settings.load_profile("ci")
from tests.seeds import fresh, fresh_one_in
drawn = []
@{way}
@given(st.integers(0, 10**9))
def test_it(number):
    drawn.append(number)
test_it()
print(drawn)
"""


def drawn(way: str = "fresh", **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "KLAUSEL_SEED"}
    done = subprocess.run(
        [sys.executable, "-c", DRAW.format(way=way)],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_seed_draws_the_same_again() -> None:
    assert drawn(KLAUSEL_SEED="12345") == drawn(KLAUSEL_SEED="12345")


def test_so_it_does_for_fewer_examples() -> None:
    some = drawn("fresh_one_in(5)", KLAUSEL_SEED="12345")
    assert some == drawn("fresh_one_in(5)", KLAUSEL_SEED="12345")
    assert len(json.loads(some)) < len(json.loads(drawn(KLAUSEL_SEED="12345")))


def test_each_run_draws_anew() -> None:
    assert drawn() != drawn()
