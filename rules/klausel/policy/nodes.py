"""A located tree whose parts know their own places: they can be moved, merged and copied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from klausel.problems import Where
from klausel.tree import Path, Tree


class Node(NamedTuple):
    """A value with the place where it stands; for a mapping's entry, the place of its key."""

    value: dict[str, Node] | list[Node] | str | None
    where: Where
    again: bool = False
    """Whether it is a further copy of what stands once in the file."""


def node_at(tree: Tree, data: Any, path: Path, where: Where) -> Node:
    """``data``, found at ``path`` of ``tree``, as a node; ``where`` is the place around it."""
    where = tree.places.get(path, where)
    if isinstance(data, dict):
        return Node(
            {key: node_at(tree, value, (*path, key), where) for key, value in data.items()}, where
        )
    if isinstance(data, list):
        return Node(
            [node_at(tree, value, (*path, index), where) for index, value in enumerate(data)],
            where,
        )
    return Node(data, where)


class Flat(NamedTuple):
    """What :func:`flat` makes of nodes."""

    tree: Tree
    again: frozenset[Path]
    """Paths of further copies."""


def flat(node: Node) -> Flat:
    """The located tree of ``node``."""
    places: dict[Path, Where] = {}
    again: set[Path] = set()
    data = _plain(node, (), places, again)
    return Flat(Tree(data, places, ()), frozenset(again))


def _plain(node: Node, path: Path, places: dict[Path, Where], again: set[Path]) -> Any:
    value, where, copied = node
    places[path] = where
    if copied:
        again.add(path)
    if isinstance(value, dict):
        return {key: _plain(child, (*path, key), places, again) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child, (*path, index), places, again) for index, child in enumerate(value)]
    return value


def entries(node: Node | None) -> Mapping[str, Node]:
    """What a mapping holds; nothing where it is none."""
    return node.value if node is not None and isinstance(node.value, dict) else {}


def size(node: Node) -> int:
    """Values in ``node``, itself included."""
    if isinstance(node.value, dict):
        return 1 + sum(map(size, node.value.values()))
    if isinstance(node.value, list):
        return 1 + sum(map(size, node.value))
    return 1
