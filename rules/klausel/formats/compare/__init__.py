"""Comparisons of policies: ``render(comparison, format, width) -> str``."""

from __future__ import annotations

from importlib import import_module

from klausel.compare import Comparison
from klausel.signs import outgoing

FORMATS = ("json", "text")


def render(comparison: Comparison, name: str, width: int = 80) -> str:
    """``comparison`` in the output ``name``, ending with a newline."""
    text: str = import_module(f"{__name__}.{name}").render(comparison, width)
    return outgoing(text, name)


__all__ = ["FORMATS", "render"]
