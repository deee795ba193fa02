"""Text: what a person reads; fits the width."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from klausel.explain import EntryExplained, LineExplained
from klausel.formats.explain.said import Said, sections
from klausel.signs import one_line

_NARROWEST = 40


def render(explained: Sequence[EntryExplained | LineExplained], language: str, width: int) -> str:
    return "\n".join(_page(one, language, max(width, _NARROWEST)) for one in explained)


def _page(explained: EntryExplained | LineExplained, language: str, width: int) -> str:
    lines: list[str] = []
    for number, section in enumerate(sections(explained, language)):
        lines += wrap(section.title, width) if number else [section.title, "─" * width]
        for said in section.lines:
            lines += _written(said, width, 1)
    return "\n".join(map(one_line, lines)) + "\n"


def _written(said: Said, width: int, depth: int) -> Iterator[str]:
    indent = "  " * depth
    yield from wrap(
        said.text, width, initial_indent=indent, subsequent_indent=indent + "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    for below in said.below:
        yield from _written(below, width, depth + 1)
