"""Text: place, sentence and code of each finding, its line with a caret, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from klausel.formats.findings import Report
from klausel.formats.text import count
from klausel.policy.check import Finding
from klausel.problems import Where
from klausel.signs import blank
from klausel.tree import split_lines

#: Characters of a line that are shown.
_MOST = 100
_LEAD = 30

#: Other places that are shown.
_MOST_RELATED = 8


def render(report: Report) -> str:
    lines = {file: split_lines(text) for file, text in report.texts.items()}
    blocks = ["\n".join(_finding(found, lines)) for found in report.findings]
    return "\n\n".join([*blocks, _sum(report)]) + "\n"


def _finding(found: Finding, texts: Mapping[str, list[str]]) -> Iterator[str]:
    yield f"{found.where}: {found.severity}: {found.message} [{found.code}]"
    yield from _excerpt(found.where, texts)
    yield f"    {found.suggestion}" if found.suggestion else ""
    for line in found.paste.splitlines():
        yield f"      {line}"
    for other in found.related[:_MOST_RELATED]:
        yield f"    {other.message}: {other.where}"
    if len(found.related) > _MOST_RELATED:
        yield f"    and {len(found.related) - _MOST_RELATED} more"


def _excerpt(where: Where, texts: Mapping[str, list[str]]) -> Iterator[str]:
    """The line of ``where`` and a caret below its column; of a long line what is around it."""
    lines = texts.get(where.file, [])
    if not 0 < where.line <= len(lines) or not lines[where.line - 1].strip():
        return
    line = blank(lines[where.line - 1])
    at = max(where.column - 1, 0)
    first = max(at - _LEAD, 0) if len(line) > _MOST else 0
    shown = line[first : first + _MOST]
    number = f"{where.line}"
    yield f"    {number} | {shown.rstrip()}"
    yield f"    {' ' * len(number)} | {' ' * (at - first)}^"


def _sum(report: Report) -> str:
    """``3 policies checked: 1 error, 2 warnings, 4 infos``."""
    found = [count(number, name) for name, number in report.counts().items() if number]
    checked = count(len(report.policies), "policy", "policies")
    return f"{checked} checked: {', '.join(found) or 'nothing found'}"
