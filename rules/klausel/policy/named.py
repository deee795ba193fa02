"""What is named in place of being written: values, texts and rate cards.

The shapes say where something may be named (:class:`~klausel.shapes.Shared`). A value that has
dates, in a rule that has one value for all days, makes several rules of that rule, each for its
own days.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from klausel.charges import COMPONENTS
from klausel.policy.nodes import Node, entries, size
from klausel.policy.shapes import COMPONENT, TABLE, WHEN, PolicyShape
from klausel.problems import Problem, listed, near, problem
from klausel.shapes import Shape, Shared, parse_date

#: Values of a policy, when everything that is named is written out; more is no work of a person.
MOST_VALUES = 500_000

_DAY = timedelta(days=1)

#: What is named, and where it is written.
SECTIONS = {"value": "values", "text": "texts", "rates": "rates"}
_SAID = {"value": "value", "text": "text", "rates": "rate card"}
_EXAMPLES = {"value": "16", "text": "{en: ...}", "rates": '{default: "95.00"}'}


class TooLarge(Exception):
    """More than :data:`MOST_VALUES`."""


class _Segment(NamedTuple):
    """Days of a rule in which all named values stay the same."""

    first: date
    last: date


class Names:
    """Puts what is named in its places; collects what is wrong on the way."""

    def __init__(self, sections: Mapping[str, Node], say: Callable[[Problem], None]) -> None:
        self._known: dict[str, Mapping[str, Node]] = {
            word: entries(sections.get(name)) for word, name in SECTIONS.items()
        }
        self._sizes: dict[str, int] = {}
        self._steps: dict[str, tuple[list[date], list[Node]]] = {}
        """Of values with dates: the days, and what holds from each."""
        self._say = say
        self._made = 0
        self.used: set[tuple[str, str]] = set()
        """``("value", "big")``: what is named at least once."""
        self._cuts: set[date] | None = None
        """Inside a rule: days on which a value that it names changes."""
        self._segment: _Segment | None = None

    def add_cards(self, node: Node) -> None:
        """The rate cards, with the values that they name."""
        self._known["rates"] = entries(node)

    def policy(self, node: Node) -> Node:
        """The whole policy. Raises :class:`TooLarge`."""
        return self.resolved(node, PolicyShape)

    def resolved(self, node: Node, hint: Any) -> Node:
        """``node`` at a place of type ``hint``."""
        self._made += 1
        if self._made > MOST_VALUES:
            raise TooLarge
        if get_origin(hint) is Annotated:
            return self._annotated(node, *get_args(hint))
        if get_origin(hint) in (Union, UnionType):
            for arm in get_args(hint):
                node = self.resolved(node, arm)
            return node
        if hint is int:
            return self._shared(node, Shared("value")) or node
        if isinstance(node.value, list) and get_origin(hint) in (list, tuple):
            inner = get_args(hint)[0]
            return node._replace(value=[self.resolved(child, inner) for child in node.value])
        if isinstance(node.value, dict):
            if isinstance(hint, type) and issubclass(hint, Shape):
                return self._of_shape(node, hint)
            if len(get_args(hint)) == 2:
                inner = get_args(hint)[1]
                return self._each(node, lambda _: inner)
        return node

    def _annotated(self, node: Node, inner: Any, *marks: Any) -> Node:
        shared = next((mark for mark in marks if isinstance(mark, Shared)), None)
        if shared == TABLE and isinstance(node.value, list):
            model = get_args(inner)[0]
            if isinstance(model, type) and issubclass(model, Shape):
                rules = [rule for child in node.value for rule in self._rules(child, model)]
                return node._replace(value=rules)
            return node  # lines of a field: they name nothing
        if shared is not None:
            found = self._shared(node, shared)
            return found if found is not None else self.resolved(node, inner)
        if WHEN in marks:
            numbers = dict[str, Annotated[Any, Shared("value")]]
            return self._each(node, lambda _: numbers)
        if COMPONENT in marks:
            return self._each(node, lambda kind: getattr(COMPONENTS.get(kind), "shape", None))
        # A whole number with a unit is no number.
        return node if inner is int else self.resolved(node, inner)

    def _of_shape(self, node: Node, shape: type[Shape]) -> Node:
        hints = _hints(shape)
        return self._each(node, hints.get)

    def _each(self, node: Node, hint_of: Callable[[str], Any]) -> Node:
        if not isinstance(node.value, dict):
            return node
        return node._replace(
            value={key: self.resolved(child, hint_of(key)) for key, child in node.value.items()}
        )

    def _shared(self, node: Node, shared: Shared) -> Node | None:
        """What is named at ``node``; None where nothing is."""
        word = shared.word
        if word == "rates":
            if not isinstance(node.value, str):
                return None
            name = node.value
        else:
            if not isinstance(node.value, dict) or set(node.value) != {word}:
                return None
            inner = node.value[word].value
            if not isinstance(inner, str):
                reason, hint = f'"{word}" should be one name', f"write it as: {{{word}: name}}"
                self._say(problem("shape", node.value[word].where, reason=reason, hint=hint))
                return node
            name = inner
        known = self._known[word]
        if name not in known:
            section = SECTIONS[word]
            hint = near(name, known) or (
                f"{section} here: {listed(known, 12)}"
                if known
                else f"write at the top {section}: {{{name}: {_EXAMPLES[word]}}}"
            )
            self._say(problem("name-unknown", node.where, kind=_SAID[word], name=name, hint=hint))
            return None if word != "rates" else Node({}, node.where)
        self.used.add((word, name))
        if word == "value":
            return self._value(node, name, shared.dated)
        self._made += self._size(word, name)
        return known[name]._replace(where=node.where)

    def _size(self, word: str, name: str) -> int:
        key = f"{word} {name}"
        if key not in self._sizes:
            self._sizes[key] = size(self._known[word][name])
        return self._sizes[key]

    # -- values with dates -----------------------------------------------------------------

    def _value(self, node: Node, name: str, dated: bool) -> Node:
        found = self._known["value"][name]
        if not isinstance(found.value, dict) or dated:
            return found._replace(where=node.where)
        if name not in self._steps:
            days = [date.min if key == "always" else parse_date(key) for key in found.value]
            self._steps[name] = days, list(found.value.values())
        days, values = self._steps[name]
        if self._cuts is None:
            self._say(problem("policy-value-dates", node.where, name=name))
            return values[-1]._replace(where=node.where)
        if self._segment is None:
            self._cuts.update(day for day in days if day != date.min)
            return values[-1]._replace(where=node.where)
        number = bisect_right(days, self._segment.first) - 1
        if number < 0:
            self._say(problem("policy-value-gap", node.where, name=name, first=days[0]))
        return values[max(number, 0)]._replace(where=node.where)

    def _rules(self, node: Node, shape: type[Shape]) -> Iterator[Node]:
        """A rule, surcharge or approval: once for each stretch of days in which what it names
        stays the same."""
        if not isinstance(node.value, dict):
            yield node
            return
        self._cuts = set()
        whole = self._of_shape(node, shape)
        cuts, span = self._cuts, _days(node)
        if not cuts or span is None:
            self._cuts = None
            yield whole
            return
        seen: set[int] = set()
        for number, segment in enumerate(_segments(span, sorted(cuts))):
            self._segment = segment
            rule = self._of_shape(_with_exceptions_of(node, segment, number == 0, seen), shape)
            yield _limited(rule, segment)._replace(again=number > 0)
        self._cuts = self._segment = None


def _days(node: Node) -> _Segment | None:
    """The days of a rule; None where they are wrong, which the shapes say."""
    days = []
    for word, default in (("from", date.min), ("until", date.max)):
        found = entries(node).get(word)
        if found is None:
            days.append(default)
            continue
        try:
            days.append(parse_date(str(found.value)))
        except ValueError:
            return None
    return _Segment(*days) if days[0] <= days[1] else None


def _segments(span: _Segment, cuts: list[date]) -> Iterator[_Segment]:
    first = span.first
    for cut in cuts:
        if first < cut <= span.last:
            yield _Segment(first, cut - _DAY)
            first = cut
    yield _Segment(first, span.last)


def _limited(rule: Node, segment: _Segment) -> Node:
    """``rule`` in the days of ``segment`` only."""
    assert isinstance(rule.value, dict)
    value = dict(rule.value)
    for word, day, open_end in (
        ("from", segment.first, date.min), ("until", segment.last, date.max),
    ):  # fmt: skip
        if day != open_end:
            where = value[word].where if word in value else rule.where
            value[word] = Node(day.isoformat(), where)
    return rule._replace(value=value)


def _with_exceptions_of(node: Node, segment: _Segment, is_first: bool, seen: set[int]) -> Node:
    """``node`` with those exceptions that have a day in ``segment``.

    One that has no day in the rule at all stays with the first, to be found there. ``seen`` are
    the numbers of those that stood in an earlier segment.
    """
    assert isinstance(node.value, dict)
    found = node.value.get("exceptions")
    if found is None or not isinstance(found.value, list):
        return node
    whole = _days(node)
    assert whole is not None
    kept = []
    for number, exception in enumerate(found.value):
        days = _days(exception)
        if days is not None and not _meet(days, segment) and (_meet(days, whole) or not is_first):
            continue
        kept.append(exception._replace(again=number in seen))
        seen.add(number)
    return node._replace(value={**node.value, "exceptions": found._replace(value=kept)})


def _meet(one: _Segment, other: _Segment) -> bool:
    return one.first <= other.last and other.first <= one.last


@cache
def _hints(shape: type[Shape]) -> dict[str, Any]:
    """By word, the type of what stands behind it, with its marks."""
    hints = get_type_hints(shape, include_extras=True)
    return {field.alias or name: hints[name] for name, field in shape.model_fields.items()}
