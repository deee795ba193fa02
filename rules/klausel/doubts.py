"""Numbers that can be read and are probably not what was meant (semantics 1, Numbers in files)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from klausel.problems import Problem, Where, problem
from klausel.shapes import parse_number
from klausel.tree import Path, Tree

#: A point where a thousands separator may be meant: 5.000, 12.500; never 0.125 or 0012.500.
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")

#: Up to this a surcharge is plausible; 50 is more likely a percentage.
MOST_TIMES = 10

#: Words of a policy below which numbers are money or hours that money depends on.
_VALUED = ("plans", "approvals", "values", "rates")


def thousands(text: str, where: Where, field: str) -> Problem | None:
    """A warning where ``text`` looks like 5.000 for five thousand; ``field`` is its name."""
    text = text.strip()
    if not _THOUSANDS.fullmatch(text):
        return None
    read = format(parse_number(text).normalize(), "f")
    plain = text.replace(".", "")
    return problem("number-thousands", where, field=field, value=text, read=read, plain=plain)


def hours_in_thousands(text: str, where: Where, field: str) -> Problem | None:
    """As :func:`thousands` for hours, which may well have three digits: only 5.000 is doubtful."""
    return thousands(text, where, field) if text.strip().endswith(".000") else None


def of_policy(tree: Tree) -> tuple[Problem, ...]:
    """Warnings about the numbers of the policy in ``tree``."""
    data = tree.data if isinstance(tree.data, dict) else {}
    found = [
        one
        for word in _VALUED
        for path, name, text in _numbers(data.get(word), (word,), word)
        if (one := thousands(text, tree.where(path), name)) is not None
    ]
    for number, surcharge in enumerate(data.get("surcharges") or ()):
        if isinstance(surcharge, dict):
            path: Path = ("surcharges", number, "times")
            found += _factor(surcharge.get("times"), tree, path)
    return tuple(found)


def _factor(text: object, tree: Tree, path: Path) -> Iterator[Problem]:
    if not isinstance(text, str):
        return
    try:
        times = parse_number(text)
    except ValueError:
        return  # said elsewhere
    if times > MOST_TIMES:
        rest = format((Decimal(1) + times / 100).normalize(), "f")
        yield problem("factor-large", tree.where(path), value=text, percent=text, times=rest)


def _numbers(data: object, path: Path, name: str) -> Iterator[tuple[Path, str, str]]:
    """Path, name and text of every value below ``data``."""
    if isinstance(data, str):
        yield path, name, data
    elif isinstance(data, dict):
        for word, value in data.items():
            # A date or "always" is no name: the word above it is.
            inner = (
                name if isinstance(word, str) and (word[:4].isdigit() or word == "always") else word
            )
            yield from _numbers(value, (*path, word), str(inner))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _numbers(value, (*path, number), name)


__all__ = ["MOST_TIMES", "hours_in_thousands", "of_policy", "thousands"]
