"""JSON Schema of policy files, made of the shapes: editors complete words with it.

It describes every file of a policy folder. It is wider than the loader: names that must exist,
dates in order and what rules mean together only the loader knows. Scalars may have any kind that
YAML gives them, because the loader reads them as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic.fields import FieldInfo

from klausel.charges import COMPONENTS
from klausel.policy.facts import FACTS, WORD_FACTS
from klausel.policy.shapes import (
    COMPONENT,
    LINE,
    RANGE_WORDS,
    WHEN,
    PolicyShape,
    ScopeShape,
)
from klausel.shapes import (
    LANGUAGES,
    NAMES_TOO,
    DatedNumbers,
    Day,
    Minutes,
    Months,
    Number,
    Shape,
    Shared,
    Texts,
    Words,
)

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TEXT: Json = {"type": ["string", "number", "boolean"]}
_WORDS: Json = {"anyOf": [{"$ref": "#/$defs/text"}, {"type": "array", "items": _TEXT}]}


def _one(word: str, what: str) -> Json:
    """``{word: name}``."""
    return {
        "description": f"{what}, named where it is used",
        "type": "object",
        "properties": {word: {"type": "string"}},
        "required": [word],
        "additionalProperties": False,
    }


#: What shapes are made of.
_BASE: dict[str, Json] = {
    "text": _TEXT,
    "words": _WORDS,
    "value": _one("value", "a number of values:"),
    "named_text": _one("text", "a text of texts:"),
    "table": _one("table", "lines that stand in a CSV file of the folder"),
    "number": {
        "description": "a plain number, or a value by its name",
        "anyOf": [
            {"type": "number"},
            {"type": "string", "pattern": r"^\s*[-+]?\d+(\.\d+)?\s*$"},
            {"$ref": "#/$defs/value"},
        ],
    },
    "dated_number": {
        "description": "a number, or numbers by the day from which they count",
        "anyOf": [
            {"$ref": "#/$defs/number"},
            {
                "type": "object",
                "propertyNames": {"pattern": r"^(always|\d{4}-\d{2}-\d{2})$"},
                "additionalProperties": {"$ref": "#/$defs/number"},
            },
        ],
    },
    "day": {"description": "YYYY-MM-DD", "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    "months": {
        "description": "such as 12 months",
        "type": "string",
        "pattern": r"^\s*\d{1,4} months?\s*$",
    },
    "minutes": {
        "description": "such as 15m or 1h",
        "type": "string",
        "pattern": r"^\s*\d{1,4} ?[mh]\s*$",
    },
    "yes_no": {"enum": ["yes", "no", True, False, "true", "false"]},
    "texts": {
        "description": "one sentence, one for each language, or a text by its name",
        "anyOf": [
            {"$ref": "#/$defs/text"},
            {
                "type": "object",
                "properties": dict.fromkeys(LANGUAGES, _TEXT),
                "additionalProperties": False,
                "minProperties": 1,
            },
            {"$ref": "#/$defs/named_text"},
        ],
    },
    "range": {
        "description": "numbers in words",
        "type": "object",
        "properties": {word: {"$ref": "#/$defs/number"} for word in RANGE_WORDS},
        "additionalProperties": False,
        "minProperties": 1,
    },
    "when": {
        "description": "fields of the vocabulary with a word, several words, or a range",
        "type": "object",
        "additionalProperties": {
            "anyOf": [
                {"$ref": "#/$defs/text"},
                {"type": "array", "items": _TEXT, "minItems": 1},
                {"$ref": "#/$defs/range"},
            ]
        },
    },
    "line": {
        "description": "facts that an entry has, and the value that the field then has",
        "type": "object",
        "properties": {
            **{
                fact: {"description": FACTS[fact].meaning, "$ref": "#/$defs/words"}
                for fact in WORD_FACTS
            },
            "is": _TEXT,
            "otherwise": _TEXT,
        },
        "additionalProperties": False,
    },
}

#: Hints that have a description of their own.
_KNOWN: list[tuple[Any, str]] = [
    (Number, "number"), (DatedNumbers, "dated_number"), (Day, "day"), (Months, "months"),
    (Minutes, "minutes"), (Words, "words"), (Texts, "texts"), (str, "text"), (bool, "yes_no"),
]  # fmt: skip


def policy_schema() -> Json:
    """The schema of the files of a policy folder."""
    maker = _Maker()
    top = maker.shape(PolicyShape)
    del top["required"]
    maker.defs["ScopeShape"].pop("required")  # an included file may have some of the rules
    file = {"type": "string", "pattern": r"\.yaml$"}
    included = {
        "description": "further files of the folder",
        "anyOf": [file, {"type": "array", "items": file}],
    }
    return {
        "$schema": DIALECT,
        "title": "Klausel: the files of a policy",
        **top,
        "properties": {"include": included, **top["properties"]},
        "dependentRequired": {"policy": ["version"], "version": ["policy"]},
        # A policy in one file has all that a policy needs.
        "if": {"required": ["policy"], "not": {"required": ["include"]}},
        "then": {"required": ["scope"], "properties": {"scope": {"required": ["otherwise"]}}},
        "$defs": {**_BASE, **dict(sorted(maker.defs.items()))},
    }


def _ref(name: str) -> Json:
    return {"$ref": f"#/$defs/{name}"}


class _Maker:
    """Collects the definitions of shapes on the way."""

    def __init__(self) -> None:
        self.defs: dict[str, Json] = {}

    def shape(self, model: type[Shape]) -> Json:
        """The description of a mapping with the words of ``model``."""
        hints = get_type_hints(model, include_extras=True)
        properties = {
            field.alias or name: self._property(hints[name], field)
            for name, field in model.model_fields.items()
        }
        required = [
            field.alias or name for name, field in model.model_fields.items() if field.is_required()
        ]
        found: Json = {"type": "object", "properties": properties, "additionalProperties": False}
        if required:
            found["required"] = required
        return found

    def _property(self, hint: Any, field: FieldInfo) -> Json:
        if get_origin(hint) in (Union, UnionType):
            arms = [arm for arm in get_args(hint) if arm is not NoneType]
            if len(arms) == 1:
                hint = arms[0]
        if hint is int:
            return _whole(field)
        return self.described(hint)

    def described(self, hint: Any) -> Json:
        """The description of what has type ``hint``."""
        for known, name in _KNOWN:
            if hint == known:
                return _ref(name)
        origin = get_origin(hint)
        if origin is Annotated:
            return self._annotated(*get_args(hint))
        if origin in (Union, UnionType):
            arms = [self.described(arm) for arm in get_args(hint) if arm is not NoneType]
            return arms[0] if len(arms) == 1 else {"anyOf": arms}
        if origin is Literal:
            return {"enum": list(get_args(hint))}
        if origin in (list, tuple):
            inner = get_args(hint)[0]
            item = _whole(None) if inner is int else self.described(inner)
            return {"type": "array", "items": item}
        if origin in (dict, Mapping):
            return {"type": "object", "additionalProperties": self.described(get_args(hint)[1])}
        if isinstance(hint, type) and issubclass(hint, Shape):
            name = hint.__name__
            if name not in self.defs:
                self.defs[name] = {}
                self.defs[name] = self.shape(hint)
            return _ref(name)
        return {}

    def _annotated(self, inner: Any, *marks: Any) -> Json:
        if WHEN in marks:
            return _ref("when")
        if LINE in marks:
            return _ref("line")
        if COMPONENT in marks:
            return self._component()
        if NAMES_TOO in marks:
            return {"anyOf": [{"type": "array", "items": _TEXT}, self.described(inner)]}
        shared = next((mark for mark in marks if isinstance(mark, Shared)), None)
        if shared is not None and shared.word == "table":
            item = self.described(get_args(inner)[0])
            lines = {"type": "array", "items": {"anyOf": [item, _ref("table")]}}
            return {"anyOf": [lines, _ref("table")]}
        if shared is not None and shared.word == "rates":
            return {"anyOf": [{"type": "string"}, self.described(inner)]}
        if shared is not None and shared.word == "text":
            return _ref("texts")
        return self.described(inner)

    def _component(self) -> Json:
        """One component of a plan: its kind, and the settings of this kind."""
        if "component" not in self.defs:
            self.defs["component"] = {
                "type": "object",
                "properties": {
                    kind: {"anyOf": [self.described(component.shape), {"type": "null"}]}
                    for kind, component in COMPONENTS.items()
                },
                "additionalProperties": False,
                "minProperties": 1,
            }
        return _ref("component")


def _whole(field: FieldInfo | None) -> Json:
    """A whole number, within the limits of ``field``."""
    number: Json = {"type": "integer"}
    for limit in field.metadata if field is not None else ():
        for name, word in (("ge", "minimum"), ("le", "maximum")):
            if hasattr(limit, name):
                number[word] = getattr(limit, name)
    return {"anyOf": [number, {"type": "string", "pattern": r"^-?\d+$"}, _ref("value")]}


assert ScopeShape.model_fields["otherwise"].is_required()
