"""Outputs of a result: one file each, ``render(result, view) -> str``.

What goes out through here has no sign that nobody sees (``klausel.signs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple

from klausel.result import Result
from klausel.signs import coloured, outgoing


class View(NamedTuple):
    """How a person wants to see it. Outputs for machines ignore it."""

    width: int = 80
    color: bool = False
    details: bool = False
    """Every entry behind every line."""
    short: bool = False
    """One line a customer."""


#: Names of the outputs, from the files of this package.
FORMATS = tuple(sorted(module.name for module in iter_modules(__path__) if not module.ispkg))


def render(result: Result, name: str, view: View) -> str:
    """``result`` in the output ``name``, ending with a newline."""
    return "".join(written(result, name, view))


def written(result: Result, name: str, view: View) -> Iterator[str]:
    """The same in pieces, one after the other: a large output is never there as a whole."""
    output = import_module(f"{__name__}.{name}")
    whole = not hasattr(output, "written")
    for piece in (output.render(result, view),) if whole else output.written(result, view):
        yield coloured(piece) if view.color and name == "text" else outgoing(piece, name)


__all__ = ["FORMATS", "View", "render", "written"]
