"""Outputs of activity records: one file each, ``render(records, shown) -> str``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from klausel.activity import CustomerRecord
from klausel.signs import outgoing

#: Names of the outputs; the first one is what people read on the screen.
FORMATS = ("text", "csv", "html")


def render(records: Sequence[CustomerRecord], name: str) -> str:
    """``records`` in the output ``name``, ending with a newline."""
    text: str = import_module(f"{__name__}.{name}").render(records)
    return outgoing(text, name)


__all__ = ["FORMATS", "render"]
