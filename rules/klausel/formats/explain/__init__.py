"""Explanations: ``render(explained, format, language, width) -> str``."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from klausel.explain import EntryExplained, LineExplained
from klausel.signs import outgoing

FORMATS = ("json", "text")


def render(
    explained: Sequence[EntryExplained | LineExplained], name: str, language: str, width: int = 80
) -> str:
    """``explained`` in the output ``name``, ending with a newline."""
    text: str = import_module(f"{__name__}.{name}").render(explained, language, width)
    return outgoing(text, name)


__all__ = ["FORMATS", "render"]
