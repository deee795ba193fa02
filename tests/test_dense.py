"""What is always true, over dense lives (tests/dense.py).

It does not hold on all of them yet (docs/decisions.md): these are played by the part ``known``.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from klausel.model import LedgerRow
from tests.counts import count
from tests.dense import dense_lives, fail
from tests.seeds import fresh_one_in
from tests.test_life_properties import Life, run
from tests.test_nothing_new import same
from tests.test_oracle import disagreements


def swings(life: dict[str, Any]) -> str:
    """What a second run on the same day says beside the first."""
    read = Life(life)
    ledger: list[LedgerRow] = []
    for number, (shape, fragment) in enumerate(read.history(), start=1):
        result = run(read.book(fragment, ledger), shape.as_of)
        ledger += result.settlements
        again = run(read.book(fragment, ledger), shape.as_of)
        try:
            same(result, again)
        except AssertionError as error:
            return f"run {number} of {shape.as_of}, once more: {error}"[:2000]
    return ""


@pytest.mark.soak
@pytest.mark.known
@fresh_one_in(4)
@given(dense_lives())
def test_running_again_writes_nothing(life: dict[str, Any]) -> None:
    count("dense lives: running again on the same day writes nothing")
    if swings(life):
        fail(life, swings)


@pytest.mark.soak
@pytest.mark.known
@fresh_one_in(4)
@given(dense_lives())
def test_the_product_agrees_with_the_oracle(life: dict[str, Any]) -> None:
    count("dense lives: the product agrees with the oracle")
    if disagreements(life):
        fail(life, lambda some: "\n".join(disagreements(some)))
