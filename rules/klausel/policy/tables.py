"""Lines of a policy that stand in a CSV file: a row is a mapping, a column's name its words.

``when.estimate_hours.more_than`` with ``16`` in it is ``when: {estimate_hours: {more_than: 16}}``;
an empty cell is a word that is not written; several values of a cell have semicolons between them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from klausel.policy.facts import WORD_FACTS
from klausel.policy.nodes import Node
from klausel.policy.shapes import (
    RANGE_WORDS,
    ApprovalShape,
    ConditionShape,
    DecisionShape,
    SurchargeShape,
    WatchShape,
)
from klausel.problems import Problem, Where, listed, near, problem
from klausel.shapes import LANGUAGES, Shape

Row = list[tuple[str, Where]]


class Kind(NamedTuple):
    """Which words the rows of a list may have."""

    words: tuple[str, ...]
    lists: tuple[str, ...] = ()
    """Words whose cells may hold several values."""


def _words(model: type[Shape]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in model.model_fields.items())


#: By list, the words of its rows.
KINDS = {
    "rules": Kind(_words(DecisionShape)),
    "surcharges": Kind(_words(SurchargeShape)),
    "approvals": Kind(_words(ApprovalShape), ("watch.notify_at",)),
    "from": Kind((*WORD_FACTS, "is", "otherwise"), WORD_FACTS),
}
assert set(_words(ConditionShape)) < set(KINDS["surcharges"].words)

_COLUMN_HINT = "name it, or remove a comma too many from the first line"


def rows_of(
    text: str, file: str, kind: Kind, fields: Collection[str]
) -> tuple[list[Node], list[Problem]]:
    """The rows of a table as mappings; ``fields`` are those that ``when`` may name."""
    try:
        rows = [row for row in _cells(text, file) if any(cell for cell, _ in row)]
    except _Broken as error:
        return [], [problem("csv-broken", error.where, reason=error.reason, hint=error.hint)]
    if not rows:
        return [], [problem("csv-empty", Where(file, 1), known=",".join(kind.words))]
    header, *body = rows
    problems = list(_header_problems(header, kind, fields))
    if problems:
        return [], problems
    names = [cell.strip() for cell, _ in header]
    nodes = []
    for row in body:
        if len(row) != len(header):
            problems.append(
                problem(
                    "csv-row-length", row[0][1]._replace(column=0),
                    found=len(row), expected=len(header), hint=_LENGTH_HINTS[len(row) > len(names)],
                )
            )  # fmt: skip
            continue
        nodes.append(_mapping(names, row, kind))
    return nodes, problems


_LENGTH_HINTS = (
    "write a comma for every field, also for empty ones: one,,three",
    'put text that has a comma in it in double quotes: "one, two"',
)


def _header_problems(header: Row, kind: Kind, fields: Collection[str]) -> Iterator[Problem]:
    names = [cell.strip() for cell, _ in header]
    if len(header) == 1 and ";" in names[0]:
        reason, hint = "semicolons stand between the fields", "save it with commas between them"
        yield problem("csv-broken", header[0][1], reason=reason, hint=hint)
        return
    if len(header) == 1 and "\t" in names[0]:
        reason, hint = "tabs stand between the fields", "save it with commas between them"
        yield problem("csv-broken", header[0][1], reason=reason, hint=hint)
        return
    if not any(near(name.split(".")[0], kind.words) for name in names):
        yield problem("csv-empty", header[0][1], known=",".join(kind.words))
        return
    for number, (name, (_, where)) in enumerate(zip(names, header, strict=True)):
        if not name:
            yield problem("csv-column-unknown", where, column=name, hint=_COLUMN_HINT)
            continue
        if name in names[:number]:
            yield problem("csv-column-doubled", where, column=name)
            continue
        inside = next(
            (other for other in names[:number] if _within(name, other) or _within(other, name)), ""
        )
        if inside:
            yield problem("table-column-inside", where, column=name, other=inside)
            continue
        hint = _unknown(name.split("."), kind, fields)
        if hint:
            yield problem("csv-column-unknown", where, column=name, hint=hint)


def _within(name: str, other: str) -> bool:
    """Whether column ``name`` is a word below column ``other``."""
    return name.startswith(other + ".")


def _unknown(parts: list[str], kind: Kind, fields: Collection[str]) -> str:
    """What to write in place of a column that there is not; empty where it is fine."""
    known: Collection[str] = kind.words
    said = ""
    for part in parts:
        if part not in known:
            words = [said + word for word in known]
            return near(said + part, words) or (
                f"columns here: {listed(words, 40)}" if words else "end the name before the dot"
            )
        said += part + "."
        known = _below(said, kind, fields)
    return ""


#: Words below a word, with dots; see :func:`_below`.
_BELOW: Mapping[str, tuple[str, ...]] = {
    "because.": (*LANGUAGES, "text"),
    "watch.": _words(WatchShape),
    "watch.budget.": ("value",),
    "times.": ("value",),
}


def _below(said: str, kind: Kind, fields: Collection[str]) -> Collection[str]:
    if said == "when." and "when" in kind.words:
        return fields
    if said.startswith("when."):
        depth = said.count(".")
        return RANGE_WORDS if depth == 2 else ("value",) if depth == 3 else ()
    return _BELOW.get(said, ())


def _mapping(names: list[str], row: Row, kind: Kind) -> Node:
    """One row; its place is the line on which it begins."""
    where = row[0][1]
    root: dict[str, Node] = {}
    for name, (cell, at) in zip(names, row, strict=True):
        text = cell.strip()
        if not text:
            continue
        *around, last = name.split(".")
        inside = root
        for word in around:
            child = inside.setdefault(word, Node({}, at))
            assert isinstance(child.value, dict)
            inside = child.value
        inside[last] = _value(text, at, name, kind)
    return Node(root, where)


def _value(text: str, where: Where, name: str, kind: Kind) -> Node:
    several = name in kind.lists or (name.startswith("when.") and name.count(".") == 1)
    if several and ";" in text:
        words = [word.strip() for word in text.split(";")]
        return Node([Node(word, where) for word in words if word], where)
    return Node(text, where)


class _Broken(Exception):
    def __init__(self, where: Where, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.where, self.reason, self.hint = where, reason, hint


def _cells(text: str, file: str) -> Iterator[Row]:
    """Rows of cells with the places where the cells begin. Raises :class:`_Broken`.

    The standard library's reader does not tell places.
    """
    at, line, start = 0, 1, 0
    row: Row = []
    while at < len(text):
        where = Where(file, line, at - start + 1)
        if text[at] == '"':
            cell, at, line, start = _quoted(text, at, line, start, where)
        else:
            end = at
            while end < len(text) and text[end] not in ",\r\n":
                end += 1
            cell, at = text[at:end], end
        row.append((cell, where))
        if at < len(text) and text[at] == ",":
            at += 1
            if at == len(text) or text[at] in "\r\n":
                row.append(("", Where(file, line, at - start + 1)))
            else:
                continue
        if text[at : at + 2] == "\r\n":
            at += 1
        at, line = at + 1, line + 1
        start = at
        yield row
        row = []


def _quoted(text: str, at: int, line: int, start: int, where: Where) -> tuple[str, int, int, int]:
    """A cell in double quotes; then where the text goes on, the line, and where that begins."""
    pieces = []
    at += 1
    while True:
        end = text.find('"', at)
        if end < 0:
            hint = 'close it; a quote inside a text is written twice: ""'
            raise _Broken(where, "a double quote is not closed", hint)
        pieces.append(text[at:end])
        at = end + 1
        if text[at : at + 1] != '"':
            break
        pieces.append('"')
        at += 1
    cell = "".join(pieces)
    if at < len(text) and text[at] not in ",\r\n":
        hint = 'put the whole field in double quotes, and write a quote inside it twice: ""'
        raise _Broken(where, "text stands behind a closing quote", hint)
    breaks = cell.count("\n")
    if breaks:
        line, start = line + breaks, text.rfind("\n", 0, at) + 1
    return cell, at, line, start
