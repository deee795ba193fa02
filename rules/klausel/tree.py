"""Text -> located tree: YAML 1.2 with the line and column of every key and value.

Scalars stay text (``no`` is the word "no", ``1.10`` is not 1.1): the shapes decide what a text
means. Anchors, aliases and tags are refused: these files are lists of plain facts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from klausel.problems import MOST_PROBLEMS, Problem, Where, problem

Path = tuple[str | int, ...]

_NULL = {"", "~", "null", "Null", "NULL"}
_MOST_DEPTH = 40

#: Characters of a text whose errors are looked for by the slow parser, which takes seconds for it.
_MOST_EXPLAINED = 200_000

_QUOTE = ("a double or single quote is not closed", "close the quote that is open here")


class Tree(NamedTuple):
    """Plain data (dicts, lists, texts, None) and where each of its paths stands."""

    data: Any
    places: dict[Path, Where]
    """Of values; for a mapping's entry, of its key."""
    problems: tuple[Problem, ...]
    doubts: tuple[Problem, ...] = ()
    """Warnings about what can be read and was hardly meant so."""

    def where(self, path: Path) -> Where:
        """The place of ``path``, or of the nearest thing around it that has one."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, Where(""))


def parse(text: str, file: str) -> Tree:
    """The located tree of ``text``. Problems found do not raise; the data is then None."""
    text = text.translate(_SPACES)
    found = _no_text(text, file) or _tab(text, file)
    if found is not None:
        return Tree(None, {}, (found,))
    lost = _comments(text)
    try:
        return _Builder(file, lost).tree(_events(text, pure=False))
    except YAMLError as error:
        if len(text) > _MOST_EXPLAINED:
            return Tree(None, {}, (_explained(error, text, file),))
    # Its errors are the ones that are explained, and it takes a little more; but it is slow.
    try:
        return _Builder(file, lost).tree(_events(text, pure=True))
    except YAMLError as error:
        return Tree(None, {}, (_explained(error, text, file),))


def _events(text: str, pure: bool) -> Iterator[Any]:
    yaml = YAML(typ="safe", pure=pure)
    yield from yaml.parse(text)


def _explained(error: YAMLError, text: str, file: str) -> Problem:
    if not isinstance(error, MarkedYAMLError):
        return _broken(Where(file), getattr(error, "reason", str(error)))
    reason = error.problem or ""
    opened = reason.startswith(_OPENED)
    mark = (error.context_mark if opened else None) or error.problem_mark or error.context_mark
    if mark is None:
        return _broken(Where(file), error.problem or error.context or "")
    where = Where(file, mark.line + 1, mark.column + 1)
    line = split_lines(text)[mark.line :][:1]
    before, after = (line[0][: mark.column], line[0][mark.column :]) if line else ("", "")
    if _plain_reason(reason) in (_BRACE, _BRACKET) and _NUMBER_SIGN.search(after):
        reason = "a comment in a list"
    if _plain_reason(reason) == _MISFIT and before.strip(" -"):
        reason = "a bracket too many" if after[:1] in tuple("]}") else "behind the end"
    return _broken(where, reason or error.context or "")


class _Refused(Exception):
    """Nothing after this can be read."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class _Builder:
    """Events of the parser -> tree, one after the other: no file can make it go deep or copy."""

    def __init__(self, file: str, comments: Mapping[int, tuple[int, str]]) -> None:
        self._file = file
        self._comments = comments
        """What looks like text and is none, by line: its column and what it is."""
        self._doubts: list[Problem] = []
        self._places: dict[Path, Where] = {}
        self._problems: list[Problem] = []

    def tree(self, events: Iterator[Any]) -> Tree:
        """Raises ``YAMLError`` where it is no YAML."""
        data = None
        documents = 0
        try:
            for event in events:
                if isinstance(event, DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        raise _Refused(_broken(self._where(event), _SECOND))
                elif isinstance(event, NodeEvent):
                    data = self._value(event, events, ())
        except _Refused as refused:
            return Tree(None, self._places, (refused.problem,))
        if not self._places:
            self._places[()] = Where(self._file)
        return Tree(data, self._places, tuple(self._problems), tuple(self._doubts))

    def _where(self, event: Any) -> Where:
        mark = event.start_mark
        return Where(self._file, mark.line + 1, mark.column + 1)

    def _say(self, where: Where, what: str, hint: str) -> None:
        if len(self._problems) < MOST_PROBLEMS:
            self._problems.append(problem("yaml-unsupported", where, what=what, hint=hint))

    def _value(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        """The data that begins with ``event``; its depth is bounded."""
        where = self._where(event)
        self._places.setdefault(path, where)
        if len(path) > _MOST_DEPTH:
            raise _Refused(_broken(where, "it is nested too deeply"))
        self._plainly(event, where)
        if isinstance(event, ScalarEvent):
            if self._comments and not event.style:
                self._lost(event)
            return None if not event.style and event.value in _NULL else self._text(event)
        if isinstance(event, SequenceStartEvent):
            items: list[Any] = []
            for child in events:
                if isinstance(child, SequenceEndEvent):
                    break
                items.append(self._value(child, events, (*path, len(items))))
            return items
        result: dict[str, Any] = {}
        for child in events:
            if isinstance(child, MappingEndEvent):
                break
            self._entry(child, events, path, result)
        return result

    def _entry(self, event: Any, events: Iterator[Any], path: Path, result: dict[str, Any]) -> None:
        """A key, which begins with ``event``, and its value."""
        where = self._where(event)
        if not isinstance(event, ScalarEvent | AliasEvent):
            self._say(where, "a list or mapping as a key", "a key is one word")
            self._value(event, events, (*path, "?"))
            self._value(next(events), events, (*path, "?"))
            return
        self._plainly(event, where)
        key = self._text(event)
        if key in result:
            if len(self._problems) < MOST_PROBLEMS:
                other = self._places[(*path, key)]
                found = problem("yaml-key-doubled", where, key=key, line=other.line)
                self._problems.append(found)
            self._value(next(events), events, (*path, "?"))
            return
        self._places[(*path, key)] = where
        result[key] = None
        result[key] = self._value(next(events), events, (*path, key))

    def _plainly(self, event: Any, where: Where) -> None:
        """Refuses what stands for something else."""
        if isinstance(event, AliasEvent):
            hint = 'put a text that begins with "*" in double quotes, or write the values out'
            raise _Refused(problem("yaml-unsupported", where, what="an alias (*name)", hint=hint))
        if event.anchor:
            hint = f'put a text that begins with "&" in double quotes, or remove &{event.anchor}'
            self._say(where, "an anchor (&name)", hint)
        tag = str(event.tag or "")
        if tag:
            said = tag if tag.startswith("!") else "!!" + tag.rpartition(":")[2]
            hint = f'put a text that begins with "!" in double quotes, or remove {said}'
            self._say(where, "a tag (!name)", hint)

    def _lost(self, event: Any) -> None:
        """Warns where text of a value is taken for a comment: ``Ticket #5``."""
        column, text = self._comments.get(event.end_mark.line, (0, ""))
        if text and column >= event.end_mark.column:
            whole = f"{event.value} {text}".strip().replace("\\", "\\\\").replace('"', '\\"')
            where = Where(self._file, event.end_mark.line + 1, column + 1)
            self._doubts.append(problem("yaml-comment", where, value=text, whole=whole))

    def _text(self, event: Any) -> str:
        text = str(event.value)
        if event.style == '"' and _NO_TEXT.search(text):
            self._problems.append(_broken(self._where(event), "special characters"))
        return text


#: A comment that begins without a space: perhaps a number sign.
_NUMBER_SIGN = re.compile(r"(?<=[ \t])#[^\s#!].*")


def _comments(text: str) -> dict[int, tuple[int, str]]:
    """By line, from 0, what is perhaps no comment, and the column where it begins. A line that is
    nothing else is one."""
    if not _NUMBER_SIGN.search(text):
        return {}
    return {
        number: (found.start(), found[0].rstrip())
        for number, line in enumerate(split_lines(text))
        if (found := _NUMBER_SIGN.search(line)) and not line.lstrip().startswith("#")
    }


#: Characters that are no text: YAML has none of them, and no database takes them.
_NO_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: Some programs write these for the end of a line inside a text. They are spaces here: editors do
#: not count them as lines.
_SPACES = {0x85: " ", 0x2028: " ", 0x2029: " "}

_BREAK = re.compile(r"\r\n|\r|\n")


def split_lines(text: str) -> list[str]:
    """The lines of ``text`` as editors and places count them; ``str.splitlines`` finds more."""
    return _BREAK.split(text)


def _no_text(text: str, file: str) -> Problem | None:
    found = _NO_TEXT.search(text)
    if found is None:
        return None
    before = split_lines(text[: found.start()])
    return _broken(Where(file, len(before), len(before[-1]) + 1), "special characters")


def _tab(text: str, file: str) -> Problem | None:
    """A line that is indented by a tab."""
    if "\t" not in text:
        return None
    for number, line in enumerate(split_lines(text), start=1):
        tab = line[: len(line) - len(line.lstrip())].find("\t")
        if tab >= 0 and line.strip():
            reason, hint = "the line begins with a tab", "indent with spaces"
            return problem("yaml-broken", Where(file, number, tab + 1), reason=reason, hint=hint)
    return None


_COLON = ("a colon with a space behind it is missing", "write it as: word: value")
_MISFIT = (
    "this line does not fit the lines above it",
    "start the words of one group, and the dashes of one list, in the same column",
)
_BRACKET = (
    "a bracket or a quote is not closed, or a comma is missing",
    "look along the line from here, and close what is open; the list ends with ]",
)
_BRACE = (
    "a brace or a quote is not closed, or a comma is missing",
    "look along the line from here, and close what is open; the end is }",
)
_MEANING = (
    "a value begins with a character that has a meaning of its own",
    "put the value in double quotes",
)
_UNKNOWN = (
    "something does not fit here",
    "check the indentation and the quotes around here",
)
_BACKSLASH = (
    "a backslash inside double quotes has a meaning of its own",
    "write \\\\ for a backslash, or put the text in single quotes",
)
_DASH = (
    "a dash that begins no line",
    "begin a new line with the dash, or put the text in double quotes",
)
_BAR = (
    "a | or > stands for a text of several lines, which begins on the next line",
    "put a text that begins with | or > in double quotes",
)
_PERCENT = (
    "a line that begins with % or ... has a meaning of its own",
    "remove it, or put the text in double quotes",
)
_NOTHING = (
    "a value is missing",
    "write one, or close the bracket that is open; put a text that begins with , ] or } in quotes",
)
_SECOND = "but found another document"

#: Reasons that begin so are explained where the thing began that does not end.
_OPENED = (
    "could not find expected ':'",
    "expected ',' or",
    "did not find expected ',' or",
    "found unexpected",
)

#: How the parser's reasons begin -> the same in plain words, and what to write.
_REASONS = {
    "mapping values are not allowed": (
        "a second colon on the line, or a line that is indented too far",
        'put text that has ": " in it in double quotes, and start words of one group in one column',
    ),
    "could not find expected ':'": _COLON,
    "did not find expected ':'": _COLON,
    "expected <block end>": _MISFIT,
    "did not find expected '-' indicator": _MISFIT,
    "did not find expected key": _MISFIT,
    "expected ',' or ']'": _BRACKET,
    "did not find expected ',' or ']'": _BRACKET,
    "expected ',' or '}'": _BRACE,
    "did not find expected ',' or '}'": _BRACE,
    "while scanning a quoted": _QUOTE,
    "found unexpected end of stream": _QUOTE,
    "found unexpected document separator": _QUOTE,
    "found unknown escape character": _BACKSLASH,
    "a comment in a list": (
        "a bracket, brace or quote is not closed: what follows the # is left out",
        'put text that has " #" in it in double quotes',
    ),
    "a bracket too many": ("a bracket is closed that is not open", "remove it, or open it before"),
    "behind the end": (
        "text stands behind the quote or bracket that ends the value",
        'put the whole text in double quotes, and write \\" for a double quote inside it',
    ),
    "expected the node content": _NOTHING,
    "did not find expected node content": _NOTHING,
    _SECOND: (
        "the file has a second part, after a line of dashes or points",
        "remove the line --- or ...",
    ),
    "expected escape sequence": _BACKSLASH,
    "did not find expected hexdecimal": _BACKSLASH,
    "found invalid Unicode": _BACKSLASH,
    "invalid Unicode": _BACKSLASH,
    "block sequence entries are not allowed": _DASH,
    "invalid intendation": _MISFIT,
    "expected '<document start>'": _MISFIT,
    "did not find expected <document start>": _MISFIT,
    "found unexpected document indicator": _QUOTE,
    "found a tab": ("the line begins with a tab", "indent with spaces"),
    "found unexpected ':'": ("a colon inside brackets", "put the text in double quotes"),
    "mapping keys are not allowed": _MEANING,
    "expected chomping": _BAR,
    "expected a comment": _BAR,
    "did not find expected comment": _BAR,
    "expected indentation indicator": _BAR,
    "found an indentation indicator": _BAR,
    "more indented follow up line": _BAR,
    "expected a digit": _PERCENT,
    "did not find expected digit": _PERCENT,
    "did not find expected version": _PERCENT,
    "could not find expected directive": _PERCENT,
    "found unexpected non-alphabetical": _PERCENT,
    "found unknown directive": _PERCENT,
    "found duplicate": _PERCENT,
    "found incompatible": _PERCENT,
    "found extremely long version": _PERCENT,
    "duplicate tag handle": _PERCENT,
    "found non-comment content": _PERCENT,
    "expected '": _MEANING,
    "did not find expected '!'": _MEANING,
    "did not find the expected '>'": _MEANING,
    "did not find expected whitespace": _MEANING,
    "did not find expected tag": _MEANING,
    "did not find URI": _MEANING,
    "expected URI": _MEANING,
    "found undefined tag": _MEANING,
    "found character": _MEANING,
    "expected alphabetic or numeric": _MEANING,
    "did not find expected alphabetic": _MEANING,
    "sequence entries are not allowed": _DASH,
    "special characters": (
        "a character that is no text",
        "remove it, or save the file as plain text with the encoding UTF-8",
    ),
    "it is nested too deeply": ("it is nested too deeply", "write it with fewer levels"),
}


def _plain_reason(reason: str) -> tuple[str, str]:
    """What the parser says in plain words, and what to write."""
    known = (found for start, found in _REASONS.items() if reason.startswith(start))
    return next(known, _UNKNOWN)


def _broken(where: Where, reason: str) -> Problem:
    said, hint = _plain_reason(reason)
    return problem("yaml-broken", where, reason=said, hint=hint)
