"""The run as stages beside the run it takes the place of: every field of both results is the same.

``python -m tests.beside N SEED`` plays N generated lives through both.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

import klausel.engine
import klausel.scenario
from klausel.engine import Matchers
from klausel.model import LedgerRow
from klausel.result import Result
from klausel.run import engine as stages
from klausel.scenario import play, read_scenario
from tests.dense import dense_lives
from tests.oracle.lives import FEATURES, FEES, LIMITS, lives
from tests.test_adjust_property import edited_lives
from tests.test_cases import SCENARIOS, name
from tests.test_life_properties import QUICK, Life

seen: Counter[str] = Counter()


def differences(old: Result, new: Result) -> list[str]:
    """Fields of the two results that are not the same, with what they say."""
    found = []
    for field in Result.__dataclass_fields__:
        if field == "book":
            continue
        was, now = getattr(old, field), getattr(new, field)
        if was != now:
            if isinstance(was, tuple):
                gone = [one for one in was if one not in now]
                come = [one for one in now if one not in was]
                found.append(f"{field}: only old {gone[:3]}, only new {come[:3]}")
            else:
                found.append(f"{field}: {was!r:.600} / {now!r:.600}")
        if isinstance(was, dict) and list(was) != list(now):
            found.append(f"{field}: another order")
    return found


def both(*arguments: Any, **options: Any) -> Result:
    """The result of both runs; raises where they differ, or fail in other ways."""
    old: Result | None = None
    failed: Exception | None = None
    try:
        old = klausel.engine.bill(*arguments, **options)
    except Exception as error:
        failed = error
    new: Result | None = None
    try:
        new = stages.bill(*arguments, **options)
    except Exception as error:
        if failed is None or (type(failed), str(failed)) != (type(error), str(error)):
            raise
    if failed is not None:
        assert new is None, f"only the old run fails: {failed!r}"
        seen["fails in both"] += 1
        raise failed
    assert old is not None and new is not None
    found = differences(old, new)
    assert not found, "\n".join(found)
    seen["runs"] += 1
    seen["lines"] += sum(len(draft.lines) for draft in new.drafts)
    seen["rows"] += len(new.settlements)
    seen["differences"] += len(new.differences)
    seen["waiting pieces"] += len(new.held)
    seen["traces"] += len(new.traces)
    return new


@contextmanager
def played_by(bill: Callable[..., Result]) -> Iterator[None]:
    """Scenarios are played with ``bill``."""
    with patch.object(klausel.scenario, "bill", bill):
        yield


def play_case(path: Any) -> None:
    """A case, each run of it by both; its expectations are another test's."""
    with played_by(lambda *a, **o: both(*a, **o, explain=lambda _: True)):
        play(read_scenario(path.read_text(encoding="utf-8"), name(path)))
    seen["cases"] += 1


def play_life(data: dict[str, Any]) -> None:
    """A life, run by run; each run as a preview too, and what it bills goes on record."""
    life = Life(data)
    ledger: list[LedgerRow] = []
    for number, (shape, fragment) in enumerate(life.history()):
        book = life.book(fragment, ledger)
        result = both(
            book, shape.as_of, matchers=QUICK, adjust=shape.do == "adjust",
            explain=lambda _: True,
        )  # fmt: skip
        if number % 2:
            both(book, shape.as_of, matchers=QUICK, record=False)
            both(book, shape.as_of, matchers=QUICK, adjust=True)
        if shape.do in ("bill", "adjust") and not result.parked:
            ledger += result.settlements
    seen["lives"] += 1


KINDS = (
    lives(), edited_lives(), lives(LIMITS), edited_lives(LIMITS), edited_lives(FEES),
    edited_lives(FEATURES, 4), dense_lives(), dense_lives(),
)  # fmt: skip


def play_lives(number: int, seeded: int) -> None:
    """``number`` lives drawn from ``seeded``."""

    @seed(seeded)
    @settings(
        max_examples=number, database=None, deadline=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck), print_blob=False,
    )  # fmt: skip
    @given(st.one_of(*KINDS))
    def played(data: dict[str, Any]) -> None:
        play_life(data)

    played()


def said() -> str:
    return ", ".join(f"{number} {what}" for what, number in sorted(seen.items()))


def main() -> None:
    number, seeded = int(sys.argv[1]), int(sys.argv[2])
    print(f"seed {seeded}", flush=True)
    play_lives(number, seeded)
    print(said())


if __name__ == "__main__":
    main()

__all__ = ["SCENARIOS", "Matchers", "both", "play_case", "play_lives", "said", "seen"]
