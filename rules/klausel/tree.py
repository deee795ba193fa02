"""Text -> located tree: YAML 1.2 with the line and column of every key and value.

Scalars stay text (``no`` is the word "no", ``1.10`` is not 1.1): the shapes decide what a text
means. Anchors, aliases and tags are refused: these files are lists of plain facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver

from klausel.problems import Problem, Where, problem

Path = tuple[str | int, ...]

_NULL = {"", "~", "null", "Null", "NULL"}
_MOST_DEPTH = 40

_QUOTE = ("a double or single quote is not closed", "close the quote that is open here")


class Tree(NamedTuple):
    """Plain data (dicts, lists, texts, None) and where each of its paths stands."""

    data: Any
    places: dict[Path, Where]
    """Of values; for a mapping's entry, of its key."""
    problems: tuple[Problem, ...]

    def where(self, path: Path) -> Where:
        """The place of ``path``, or of the nearest thing around it that has one."""
        while path not in self.places and path:
            path = path[:-1]
        return self.places.get(path, Where(""))


def parse(text: str, file: str) -> Tree:
    """The located tree of ``text``. Problems found do not raise; the data is then None."""
    places: dict[Path, Where] = {}
    problems: list[Problem] = []
    tab = _indented_by_tab(text)
    if tab:
        where = Where(file, tab, 1)
        return Tree(
            None,
            places,
            (
                problem(
                    "yaml-broken",
                    where,
                    reason="the line begins with a tab",
                    hint="indent with spaces",
                ),
            ),
        )
    try:
        for event in _aliases(text):
            where = Where(file, event.start_mark.line + 1, event.start_mark.column + 1)
            hint = "write the values out"
            found = problem("yaml-unsupported", where, what="an alias (*name)", hint=hint)
            return Tree(None, places, (found,))
        node = _compose(text)
    except MarkedYAMLError as error:
        reason = error.problem or ""
        opened = reason.startswith(("expected ',' or", "found unexpected"))
        mark = (error.context_mark if opened else None) or error.problem_mark or error.context_mark
        where = Where(file, mark.line + 1, mark.column + 1) if mark else Where(file)
        return Tree(None, places, (_broken(where, error.problem or error.context or ""),))
    except YAMLError as error:
        where = Where(file, text.count("\n", 0, getattr(error, "position", 0)) + 1)
        return Tree(None, places, (_broken(where, getattr(error, "reason", str(error))),))
    except RecursionError:
        return Tree(None, places, (_broken(Where(file), "it is nested too deeply"),))
    if node is None:
        return Tree(None, {(): Where(file)}, ())
    data = _plain(node, (), file, places, problems)
    return Tree(data, places, tuple(problems))


class _Texts(VersionedResolver):
    """Scalars are texts: to ask what else they look like takes more than half of the time."""

    def resolve(self, kind: type[Node], value: Any, implicit: Any) -> Any:
        return self.DEFAULT_SCALAR_TAG  # only tags that are written in the file matter

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        pass

    def ascend_resolver(self) -> None:
        pass


def _compose(text: str) -> Node | None:
    """The nodes of ``text``: by the quick parser; what it does not take goes to the other one,
    whose errors are the ones that are explained."""
    for pure in (False, True):
        yaml = YAML(typ="safe", pure=pure)
        yaml.allow_duplicate_keys = True
        if not pure:
            yaml.Resolver = _Texts
        try:
            node: Node | None = yaml.compose(text)
        except (YAMLError, ValueError):
            if pure:
                raise
        else:
            return node
    raise AssertionError("the second parser answers or raises")


def _aliases(text: str) -> Iterator[AliasEvent]:
    """Aliases in ``text``; a quick look first, because a second parse costs as much as one."""
    if "*" in text:
        for event in YAML(typ="safe", pure=True).parse(text):
            if isinstance(event, AliasEvent):
                yield event


def _indented_by_tab(text: str) -> int:
    if "\t" not in text:
        return 0
    for number, line in enumerate(text.splitlines(), start=1):
        if line[: len(line) - len(line.lstrip())].count("\t") and line.strip():
            return number
    return 0


#: How the parser's reasons begin -> the same in plain words, and what to write.
_REASONS = {
    "mapping values are not allowed": (
        "a second colon on the line, or a line that is indented too far",
        'put text that has ": " in it in double quotes, and start words of one group in one column',
    ),
    "could not find expected ':'": ("a colon is missing", "write it as: word: value"),
    "expected <block end>": (
        "this line does not fit the lines above it",
        "start the words of one group, and the dashes of one list, in the same column",
    ),
    "expected ',' or ']'": (
        "a bracket or a quote is not closed, or a comma is missing",
        "look along the line from here, and close what is open; the list ends with ]",
    ),
    "expected ',' or '}'": (
        "a brace or a quote is not closed, or a comma is missing",
        "look along the line from here, and close what is open; the end is }",
    ),
    "while scanning a quoted": _QUOTE,
    "found unexpected end of stream": _QUOTE,
    "found unexpected document separator": _QUOTE,
    "found unknown escape character": (
        "a backslash inside double quotes has a meaning of its own",
        "write \\\\ for a backslash, or put the text in single quotes",
    ),
    "but found another document": (
        "the file has a second part after a line of dashes",
        "remove the line ---",
    ),
    "found character": (
        "a value begins with a character that has a meaning of its own",
        "put the value in double quotes",
    ),
    "expected alphabetic or numeric": (
        "a value begins with a character that has a meaning of its own",
        "put the value in double quotes",
    ),
    "sequence entries are not allowed": (
        "a dash that begins no line",
        "begin a new line with the dash, or put the text in double quotes",
    ),
    "special characters are not allowed": (
        "a character that is no text",
        "remove it, or save the file as plain text with the encoding UTF-8",
    ),
    "control characters are not allowed": (
        "a character that is no text",
        "remove it, or save the file as plain text with the encoding UTF-8",
    ),
    "it is nested too deeply": ("it is nested too deeply", "write it with fewer levels"),
}


def _broken(where: Where, reason: str) -> Problem:
    for start, (said, hint) in _REASONS.items():
        if reason.startswith(start):
            return problem("yaml-broken", where, reason=said, hint=hint)
    hint = "check the indentation and the quotes around here"
    return problem("yaml-broken", where, reason=reason, hint=hint)


def _plain(
    node: Node, path: Path, file: str, places: dict[Path, Where], problems: list[Problem]
) -> Any:
    mark = node.start_mark
    where = Where(file, mark.line + 1, mark.column + 1)
    places.setdefault(path, where)
    if len(path) > _MOST_DEPTH:
        problems.append(_broken(where, "it is nested too deeply"))
        return None
    if str(node.tag).startswith("!"):
        hint = f'put a text that begins with "!" in double quotes, or remove {node.tag}'
        problems.append(problem("yaml-unsupported", where, what="a tag (!name)", hint=hint))
        return None
    if isinstance(node, ScalarNode):
        if not node.style and node.value in _NULL:
            return None
        return str(node.value)
    if isinstance(node, SequenceNode):
        return [
            _plain(child, (*path, index), file, places, problems)
            for index, child in enumerate(node.value)
        ]
    assert isinstance(node, MappingNode)
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key_where = Where(file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        if not isinstance(key_node, ScalarNode):
            problems.append(
                problem(
                    "yaml-unsupported",
                    key_where,
                    what="a list or mapping as a key",
                    hint="a key is one word",
                )
            )
            continue
        key = str(key_node.value)
        if key in result:
            problems.append(problem("yaml-key-doubled", key_where, key=key))
            continue
        places[(*path, key)] = key_where
        result[key] = _plain(value_node, (*path, key), file, places, problems)
    return result
