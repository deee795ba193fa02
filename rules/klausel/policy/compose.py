"""The files of a policy folder -> one located tree, as if everything stood in one file.

Files are included, CSV tables become lists, and what is named (values, texts, rate cards) is put
in its places. Every part keeps the file, line and column where it was written, so that what reads
the tree afterwards need not know of any of this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import PydanticCustomError

from klausel.policy.named import MOST_VALUES, SECTIONS, Names, TooLarge
from klausel.policy.nodes import Node, entries, flat, node_at
from klausel.policy.shapes import NamedShape
from klausel.policy.tables import KINDS, rows_of
from klausel.problems import Enough, Problem, Problems, Where, listed, near, problem
from klausel.shapes import check_dated, shaped
from klausel.tree import Path, Tree, parse

#: Files that include one another may stand so deep.
MOST_DEPTH = 30

_DRIVE = re.compile(r"[A-Za-z]:")

#: Words that stand in policy.yaml alone.
_MAIN_ONLY = ("policy", "version")


class Folder(NamedTuple):
    """A policy folder's texts by name; ``shown`` stands for the folder in messages."""

    shown: str
    files: Mapping[str, str]

    def place(self, name: str) -> str:
        """How messages name a file."""
        return f"{self.shown}/{name}" if self.shown else name


#: Of a policy that stands inside another file.
NO_FOLDER = Folder("", {})


class Named(NamedTuple):
    """A value, text or rate card that is written once, to be named elsewhere."""

    kind: str
    """``value``, ``text`` or ``rates``."""
    name: str
    where: Where
    used: bool


class Composition(NamedTuple):
    """A policy as one tree."""

    tree: Tree
    again: frozenset[Path]
    """Paths of rules that are further copies of the rule before them, for other days."""
    named: tuple[Named, ...]
    unread: tuple[str, ...]
    """Files of the folder that nothing includes or names."""


def compose(
    tree: Tree, data: Any, path: Path, main: str, folder: Folder
) -> Composition | list[Problem]:
    """The policy that ``data``, at ``path`` of ``tree``, begins; ``main`` is that file's name."""
    composer = _Composer(main, folder)
    composer.doubts += tree.doubts
    return composer.composed(node_at(tree, data, path, tree.where(path)))


class _Composer:
    def __init__(self, main: str, folder: Folder) -> None:
        self._main = main
        self._folder = folder
        self._taken: dict[str, Where] = {main: Where(folder.place(main), 1)}
        """Files that were read, and where they are asked for."""
        self.doubts: list[Problem] = []
        """What is doubtful in the files."""
        self._problems = Problems()

    def composed(self, node: Node) -> Composition | list[Problem]:
        try:
            return self._composed(node)
        except Enough:
            return self._problems

    def _composed(self, node: Node) -> Composition | list[Problem]:
        if not isinstance(node.value, dict):
            found = flat(node)
            return Composition(self._doubted(found.tree), found.again, (), ())
        whole = self._included(self._main, node, (self._main,))
        whole = self._with_tables(whole)
        if self._problems:
            return self._problems
        names = self._names(whole)
        if names is None:
            return self._problems
        kept = {word: child for word, child in entries(whole).items() if word != "tests"}
        try:
            resolved = names.policy(whole._replace(value=kept))
        except TooLarge:
            return [problem("policy-too-large", whole.where, most=MOST_VALUES)]
        if self._problems:
            return list(dict.fromkeys(self._problems))
        assert isinstance(resolved.value, dict)
        tests = entries(whole).get("tests")
        if tests is not None:
            resolved.value["tests"] = tests
        tree, again = flat(resolved)
        return Composition(
            self._doubted(tree),
            again,
            tuple(
                Named(word, name, child.where, (word, name) in names.used)
                for word, section in SECTIONS.items()
                for name, child in entries(entries(whole).get(section)).items()
            ),
            tuple(name for name in sorted(self._folder.files) if name not in self._taken),
        )

    def _doubted(self, tree: Tree) -> Tree:
        return tree._replace(doubts=tuple(self.doubts))

    # -- include ---------------------------------------------------------------------------

    def _included(self, name: str, node: Node, chain: tuple[str, ...]) -> Node:
        """``node``, the content of file ``name``, with everything that it includes."""
        assert isinstance(node.value, dict)
        words = {word: child for word, child in node.value.items() if word != "include"}
        whole = _listed_tables(Node(words, node.where))
        for asked in self._asked(node.value.get("include")):
            found = self._file(asked, chain)
            if found is not None:
                whole = self._merged(whole, found, 0)
        return whole

    def _asked(self, node: Node | None) -> list[Node]:
        """The names of files that are to be included."""
        if node is None:
            return []
        names = node.value if isinstance(node.value, list) else [node]
        if all(isinstance(child.value, str) for child in names):
            return names
        hint = "write it as: include: [scope.yaml, plans/hours.yaml]"
        reason = '"include" should be a list of files'
        self._problems.append(problem("shape", node.where, reason=reason, hint=hint))
        return []

    def _file(self, asked: Node, chain: tuple[str, ...]) -> Node | None:
        name = str(asked.value)
        if name in chain:
            way = " -> ".join((*chain[chain.index(name) :], name))
            self._problems.append(problem("include-cycle", asked.where, name=name, way=way))
            return None
        text = self._text(asked, ".yaml")
        if text is None:
            return None
        shown = self._folder.place(name)
        if len(chain) >= MOST_DEPTH:
            self._problems.append(problem("include-deep", asked.where, most=MOST_DEPTH))
            return None
        tree = parse(text, shown)
        if tree.problems:
            self._problems.extend(tree.problems)
            return None
        self.doubts += tree.doubts
        node = node_at(tree, {} if tree.data is None else tree.data, (), Where(shown, 1))
        if not isinstance(node.value, dict):
            reason = "an included file should be lines of word: value"
            hint = "begin it with words of a policy, such as scope:"
            self._problems.append(problem("shape", node.where, reason=reason, hint=hint))
            return None
        for word in _MAIN_ONLY:
            if word in node.value:
                where = node.value.pop(word).where
                self._problems.append(
                    problem("include-main-word", where, key=word, main=self._main)
                )
        return self._included(name, node, (*chain, name))

    def _text(self, asked: Node, suffix: str) -> str | None:
        """The text of the file that is named at ``asked``, once."""
        name, where = str(asked.value), asked.where
        parts = name.split("/")
        if "\\" in name or _DRIVE.match(name) or not {"", ".", ".."}.isdisjoint(parts):
            self._problems.append(problem("file-outside", where, name=name))
        elif name not in self._folder.files or not name.endswith(suffix):
            known = [found for found in self._folder.files if found.endswith(suffix)]
            known = [found for found in known if found != self._main]
            hint = near(name, known) or (
                f"files here: {listed(known, 12)}"
                if known
                else "put it into the folder, or correct its name"
            )
            kind = {".yaml": "YAML", ".csv": "CSV"}[suffix]
            self._problems.append(problem("file-unknown", where, kind=kind, name=name, hint=hint))
        elif name in self._taken:
            other = self._taken[name]
            self._problems.append(problem("file-twice", where, name=name, other=other))
        else:
            self._taken[name] = where
            return self._folder.files[name]
        return None

    def _merged(self, one: Node, other: Node, depth: int) -> Node:
        """Two mappings as one: at the top names are put together, and lists one after the other."""
        assert isinstance(one.value, dict)
        assert isinstance(other.value, dict)
        words = dict(one.value)
        for word, child in other.value.items():
            mine = words.get(word)
            if mine is None:
                words[word] = child
            elif isinstance(mine.value, list) and isinstance(child.value, list):
                words[word] = mine._replace(value=[*mine.value, *child.value])
            elif not depth and isinstance(mine.value, dict) and isinstance(child.value, dict):
                words[word] = self._merged(mine, child, 1)
            else:
                found = problem("include-doubled", child.where, key=word, other=mine.where)
                self._problems.append(found)
        return one._replace(value=words)

    # -- tables ----------------------------------------------------------------------------

    def _with_tables(self, node: Node) -> Node:
        """``node`` with the rows of CSV files in place of what names them."""
        assert isinstance(node.value, dict)
        words = dict(node.value)
        fields = list(entries(words.get("fields")))
        for word in ("surcharges", "approvals"):
            if word in words:
                known = [*fields, "disposition"] if word == "approvals" else fields
                words[word] = self._rows(words[word], word, known)
        scope = words.get("scope")
        if scope is not None and "rules" in entries(scope):
            rules = self._rows(entries(scope)["rules"], "rules", fields)
            words["scope"] = scope._replace(value={**entries(scope), "rules": rules})
        vocabulary = words.get("fields")
        if vocabulary is not None and isinstance(vocabulary.value, dict):
            words["fields"] = vocabulary._replace(
                value={name: self._field(field) for name, field in vocabulary.value.items()}
            )
        return node._replace(value=words)

    def _field(self, node: Node) -> Node:
        source = entries(node).get("from")
        if source is None:
            return node
        return node._replace(
            value={**entries(node), "from": self._rows(_as_list(source), "from", ())}
        )

    def _rows(self, node: Node, word: str, fields: Sequence[str]) -> Node:
        if not isinstance(node.value, list):
            return node
        rows: list[Node] = []
        for child in node.value:
            named = entries(child).get("table")
            if named is None:
                rows.append(child)
                continue
            if len(entries(child)) > 1 or not isinstance(named.value, str):
                reason, hint = "a table stands alone on its line", "write - {table: rules.csv}"
                self._problems.append(problem("shape", named.where, reason=reason, hint=hint))
                continue
            text = self._text(named, ".csv")
            if text is not None:
                shown = self._folder.place(named.value)
                found, problems = rows_of(text, shown, KINDS[word], fields)
                rows += found
                self._problems.extend(problems)
        return node._replace(value=rows)

    # -- values, texts, rate cards ---------------------------------------------------------

    def _names(self, whole: Node) -> Names | None:
        """What may be named; None where some of it is wrong."""
        sections = {
            section: entries(whole)[section]
            for section in SECTIONS.values()
            if section in entries(whole)
        }
        self._check({word: node for word, node in sections.items() if word != "rates"}, whole.where)
        if self._problems:
            return None
        names = Names(sections, self._problems.append)
        if "rates" in sections:
            cards = names.resolved(sections["rates"], NamedShape.model_fields["rates"].annotation)
            if not self._problems:
                self._check({"rates": cards}, whole.where)
            names.add_cards(cards)
        return None if self._problems else names

    def _check(self, sections: dict[str, Node], where: Where) -> None:
        tree = flat(Node(dict(sections), where)).tree
        shape = shaped(NamedShape, tree, tree.data, ())
        if isinstance(shape, list):
            self._problems.extend(shape)
            return
        for name, dated in shape.values.items():
            if not dated:
                reason, hint = f'value "{name}" has no number', f"write it as {name}: 16"
                place = tree.where(("values", name))
                self._problems.append(problem("shape", place, reason=reason, hint=hint))
                continue
            try:
                check_dated(f'value "{name}"', dated)
            except PydanticCustomError as error:
                said = error.context or {}
                place = tree.where(("values", name, *said["at"]))
                self._problems.append(
                    problem("shape", place, reason=said["reason"], hint=said["hint"])
                )


def _listed_tables(node: Node) -> Node:
    """``node`` with lists that have their table as a line, so that lists can be put together."""
    assert isinstance(node.value, dict)
    words = dict(node.value)
    for word in ("surcharges", "approvals"):
        if word in words:
            words[word] = _as_list(words[word])
    scope = words.get("scope")
    if scope is not None and "rules" in entries(scope):
        rules = _as_list(entries(scope)["rules"])
        words["scope"] = scope._replace(value={**entries(scope), "rules": rules})
    return node._replace(value=words)


def _as_list(node: Node) -> Node:
    return Node([node], node.where) if "table" in entries(node) else node
