"""Small faults in a module's source, one at a time, each named so that it is found again.

A mutant is named by its module, its function, and the source that was changed, before and after:
names hold when lines move, and no longer when the line itself is written otherwise.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

#: Words for people and for type checkers: a change there changes no result.
UNTOUCHED_CALLS = frozenset({"complain", "Parameter", "TypeVar", "field_validator"})

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE,),
    ast.LtE: (ast.Lt,),
    ast.Gt: (ast.GtE,),
    ast.GtE: (ast.Gt,),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
REACHED = {ast.Lt: ast.Gt, ast.LtE: ast.GtE, ast.Gt: ast.Lt, ast.GtE: ast.LtE}
CALCULATED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
CALLED = {"min": "max", "max": "min", "any": "all", "all": "any"}
PLAIN = {"sorted": "list", "reversed": "list"}
#: Names of numbers: one more, as with numbers themselves.
NUMBERS = {"ZERO": "(ZERO + 1)", "ONE": "(ONE + 1)", "HUNDRED": "(HUNDRED + 1)"}
DAYS = {"ONE_DAY": ("(ONE_DAY * 0)", "(ONE_DAY * 2)")}


class Name(NamedTuple):
    """What a mutant is known by."""

    module: str
    function: str
    before: str
    after: str
    number: int = 1
    """Which of several that read alike in one function."""

    def __str__(self) -> str:
        again = f" ({self.number})" if self.number > 1 else ""
        return f"{self.module} {self.function}{again}\n- {self.before}\n+ {self.after}"


class Mutant(NamedTuple):
    name: Name
    source: str
    lines: range
    """Of the smallest statement around it, a compound one's head."""
    inside: tuple[str, int] | None
    """Name and first line of the outermost function whose body it is in, None outside of any."""


class Edit(NamedTuple):
    node: ast.expr | ast.stmt
    text: str


def mutants(path: Path, module: str) -> list[Mutant]:
    """All mutants of one file, in the order of their lines."""
    return list(_Maker(path.read_text(encoding="utf-8"), module).all())


class _Maker:
    def __init__(self, text: str, module: str) -> None:
        self.text = text
        self.module = module
        self.tree = ast.parse(text)
        self.parents: dict[ast.AST, ast.AST] = {
            child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)
        }

    @cached_property
    def starts(self) -> list[int]:
        """Where each line begins, in bytes."""
        found = [0]
        for line in self.text.encode().splitlines(keepends=True):
            found.append(found[-1] + len(line))
        return found

    def all(self) -> Iterator[Mutant]:
        seen: set[str] = set()
        numbers: dict[Name, int] = {}
        for node in self._nodes(self.tree):
            for edit in edits(node, self.parents):
                source = self._edited(edit)
                if source in seen or source == self.text:
                    continue
                try:
                    compile(source, self.module, "exec")
                except SyntaxError:
                    continue
                seen.add(source)
                before, after = self._reads(edit)
                function, inside = self._function(edit.node)
                name = Name(self.module, function, before, after)
                numbers[name] = numbers.get(name, 0) + 1
                yield Mutant(
                    name._replace(number=numbers[name]), source, self._lines(edit.node), inside
                )

    def _nodes(self, node: ast.AST) -> Iterator[ast.AST]:
        """What may be changed, in the order of the text; no types, imports or words for people."""
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Assert, ast.Raise)):
            return
        if isinstance(node, ast.Call) and _called(node) in UNTOUCHED_CALLS:
            return
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Literal", "Annotated"):
            return
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__slots__":
            return
        if isinstance(node, ast.ClassDef) and any(
            ast.unparse(base) == "Protocol" for base in node.bases
        ):
            return
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return  # a sentence about the code
        if isinstance(node, ast.keyword) and node.arg in ("ge", "le"):
            return  # how far a setting may go is no result
        yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "bases"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self._nodes(child)

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        first = self.starts[node.lineno - 1] + node.col_offset
        return first, self.starts[node.end_lineno - 1] + node.end_col_offset

    def _edited(self, edit: Edit) -> str:
        first, last = self._span(edit.node)
        raw = self.text.encode()
        return (raw[:first] + edit.text.encode() + raw[last:]).decode()

    def _reads(self, edit: Edit) -> tuple[str, str]:
        """The whole lines that ``edit`` touches, before and after, without spaces at their ends."""
        first, last = self._span(edit.node)
        raw = self.text.encode()
        head = raw[self.starts[edit.node.lineno - 1] : first].decode()
        tail = raw[last : self.starts[edit.node.end_lineno or 0]].decode()
        before = raw[first:last].decode()
        return _flat(head + before + tail), _flat(head + edit.text + tail)

    def _lines(self, node: ast.AST) -> range:
        while not isinstance(node, ast.stmt):
            if isinstance(node, ast.comprehension):
                break
            node = self.parents[node]
        if isinstance(node, ast.comprehension):
            return range(node.target.lineno, (node.iter.end_lineno or 0) + 1)
        last = node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if isinstance(body, list) and body:
            last = max(node.lineno, body[0].lineno - 1)
        return range(node.lineno, last + 1)

    def _function(self, node: ast.AST) -> tuple[str, tuple[str, int] | None]:
        """Qualified name of the innermost function or class around, and the outermost function
        where ``node`` is in its body."""
        names: list[str] = []
        inside: tuple[str, int] | None = None
        child = node
        while child in self.parents:
            parent = self.parents[child]
            if isinstance(parent, (ast.FunctionDef, ast.ClassDef)):
                names.append(parent.name)
            if isinstance(parent, ast.FunctionDef):
                first = min([parent.lineno, *(mark.lineno for mark in parent.decorator_list)])
                inside = (parent.name, first) if child in parent.body else None
            child = parent
        return ".".join(reversed(names)) or "module", inside


def _flat(text: str) -> str:
    return " ".join(text.split())


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def _text(node: ast.AST) -> str:
    text = ast.unparse(node)
    plain = (ast.Constant, ast.Name, ast.Call, ast.Attribute, ast.Subscript, ast.Tuple, ast.List)
    return text if isinstance(node, plain) else f"({text})"


def edits(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> Iterator[Edit]:
    """What is changed at ``node`` itself."""
    parent = parents.get(node)
    if (
        isinstance(parent, ast.AnnAssign)
        and parent.value is node
        and "Literal[" in ast.unparse(parent.annotation)
    ):
        yield from _other_words(parent.value, parent.annotation)
    elif isinstance(node, ast.expr):
        for text in _expressions(node, parents.get(node)):
            yield Edit(node, text)
    elif isinstance(node, (ast.Expr, ast.Continue, ast.Break, ast.Delete)):
        yield Edit(node, "pass")
    elif isinstance(node, ast.AugAssign):
        yield Edit(node, "pass")
        if type(node.op) in CALCULATED:
            again = copy.deepcopy(node)
            again.op = CALCULATED[type(node.op)]()
            yield Edit(node, ast.unparse(again))
        yield Edit(node, f"{ast.unparse(node.target)} = {ast.unparse(node.value)}")
    elif isinstance(node, ast.Assign):
        if isinstance(node.targets[0], (ast.Attribute, ast.Subscript)):
            yield Edit(node, "pass")
    elif isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield Edit(test, "True")


def _other_words(value: ast.expr, kind: ast.expr) -> Iterator[Edit]:
    """Another of the words that a setting may have, where nothing is said."""
    for found in ast.walk(kind):
        known = isinstance(found, ast.Constant) and isinstance(found.value, str)
        if known and ast.unparse(found) != ast.unparse(value):
            yield Edit(value, ast.unparse(found))


def _expressions(node: ast.expr, parent: ast.AST | None) -> Iterator[str]:
    if isinstance(parent, (ast.If, ast.While, ast.IfExp)) and parent.test is node:
        yield "True"
        yield "False"
    if isinstance(parent, ast.Return) and isinstance(node, (ast.Compare, ast.BoolOp)):
        yield "True"
        yield "False"
    if isinstance(node, ast.Compare):
        yield from _comparisons(node)
    elif isinstance(node, ast.BoolOp):
        again = copy.deepcopy(node)
        again.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield _text(again)
        for number in range(len(node.values)):
            rest = node.values[:number] + node.values[number + 1 :]
            yield _text(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
    elif isinstance(node, ast.BinOp) and type(node.op) in CALCULATED:
        yield _text(ast.BinOp(node.left, CALCULATED[type(node.op)](), node.right))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield _text(node.operand)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value, parent)
    elif isinstance(node, ast.JoinedStr):
        if any(isinstance(part, ast.Constant) for part in node.values):
            yield _text(ast.JoinedStr([ast.Constant("XX"), *node.values]))
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
        if node.id in NUMBERS:
            yield NUMBERS[node.id]
        yield from DAYS.get(node.id, ())
    elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        yield _text(node.value)


def _comparisons(node: ast.Compare) -> Iterator[str]:
    for number, op in enumerate(node.ops):
        others = list(COMPARED[type(op)])
        if type(op) in REACHED:
            others.append(REACHED[type(op)])
        for other in others:
            ops = [*node.ops[:number], other(), *node.ops[number + 1 :]]
            yield _text(ast.Compare(node.left, ops, node.comparators))


def _calls(node: ast.Call) -> Iterator[str]:
    if not isinstance(node.func, ast.Name):
        return
    name = node.func.id
    if name in CALLED:
        yield _text(ast.Call(ast.Name(CALLED[name]), node.args, node.keywords))
        if name in ("min", "max") and len(node.args) == 2:
            yield from map(_text, node.args)
    if name in PLAIN and len(node.args) == 1:
        yield _text(ast.Call(ast.Name(PLAIN[name]), node.args, []))
        if node.keywords:
            yield _text(ast.Call(node.func, node.args, []))
    if name == "abs":
        yield _text(node.args[0])


def _constants(value: object, parent: ast.AST | None) -> Iterator[str]:
    if isinstance(value, bool):
        yield str(not value)
    elif isinstance(value, int):
        if isinstance(parent, ast.Compare) and isinstance(parent.ops[0], tuple(REACHED)):
            return  # of whole seconds, days and pieces that is the boundary, changed already
        yield str(value + 1)
        yield str(value - 1)
    elif isinstance(value, str) and not isinstance(parent, ast.JoinedStr):
        yield repr(f"XX{value}XX" if value else "XX")
