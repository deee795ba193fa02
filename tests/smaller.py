"""A generated life that shows a fault, made smaller for whoever has to read it.

Hypothesis would draw smaller lives until nothing smaller shows the fault, which may take many
minutes; this leaves things out of the one that was found, and stops when its time is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from time import monotonic
from typing import Any

Life = dict[str, Any]
Place = tuple[str | int, ...]


def smaller(life: Life, shows: Callable[[Life], bool], seconds: float = 20) -> Life:
    """``life`` without what it does not need to show its fault, as far as ``seconds`` go.

    Whatever goes wrong in ``shows`` says that something was needed.
    """
    until = monotonic() + seconds
    found, going = life, True
    while going and monotonic() < until:
        going = False
        for less in _less(found):
            if monotonic() >= until:
                break
            try:
                still = shows(less)
            except Exception:
                still = False
            if still:
                found, going = less, True
                break
    return found


def _less(life: Life) -> Iterator[Life]:
    """Lives that are a bit less than ``life``, the largest steps first."""
    runs = life.get("runs", [])
    for number in range(len(runs) - 1):
        if not runs[number].get("change") and not runs[number + 1].get("change"):
            yield _together(life, number)
    for place in sorted(_places(life), key=len):
        yield _without(life, place)


def _together(life: Life, number: int) -> Life:
    """Run ``number`` is left out, and what it adds is added by the next."""
    found = deepcopy(life)
    added = found["runs"].pop(number).get("add", {})
    into = found["runs"][number].setdefault("add", {})
    for name, rows in added.items():
        into[name] = [*rows, *into.get(name, [])]
    return found


def _places(data: Any, place: Place = ()) -> Iterator[Place]:
    inside: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(data, dict):
        inside = iter(data.items())
    elif isinstance(data, list):
        inside = reversed(list(enumerate(data)))
    for name, value in inside:
        yield (*place, name)
        yield from _places(value, (*place, name))


def _without(life: Life, place: Place) -> Life:
    found = deepcopy(life)
    inner: Any = found
    for name in place[:-1]:
        inner = inner[name]
    del inner[place[-1]]
    return found
