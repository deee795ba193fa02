"""What ``docs/architecture.md`` says of the stages is so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.counts import count

ROOT = Path(__file__).parent.parent
CORE = ROOT / "rules" / "klausel"
RUN = CORE / "run"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MOST_LINES = 110
MOST_FIELDS = 12

FILES = sorted(RUN.rglob("*.py"))
CLASSES = {
    node.name: node
    for path in FILES
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef)
}
#: Kinds of origins are values, and say only what they are.
VALUES = {"Fresh", "Recorded", "Waiting", "Again", "CutOff", "Refused"}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below ``heading``, without its head."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def defined(path: Path) -> set[str]:
    """Names that ``path`` defines, methods as ``Class.method``."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            found |= {f"{node.name}.{one.name}" for one in inner}
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def fields(node: ast.ClassDef) -> set[str]:
    """What a class says that its objects have, and what its methods give them."""
    found = {
        one.target.id
        for one in node.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }
    for inner in ast.walk(node):
        if isinstance(inner, (ast.Assign, ast.AnnAssign)):
            targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
            found |= {
                target.attr
                for target in targets
                if isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == "self"
            }
    return found


def test_files_that_are_named_exist() -> None:
    named = set(re.findall(r"[\w/]+\.py", PAGE)) | set(re.findall(r"run/\w+/", PAGE))
    count("files named by the architecture page", len(named))
    assert len(named) > 30
    lost = [name for name in named if not any((root / name).exists() for root in (CORE, ROOT))]
    assert not lost


def test_an_entry_goes_the_way_that_is_described() -> None:
    steps = rows("One entry, from its row to its line")
    assert len(steps) > 15
    for _, file, function in steps:
        path = CORE / file.strip("`")
        assert function.strip("`") in defined(path), f"{file} has no {function}"


def test_values_are_where_the_page_has_them() -> None:
    for value, file, *_ in rows("The stages"):
        assert value.strip("`") in defined(CORE / file.strip("`")), value


def test_every_module_of_a_stage_is_named_or_beside_one_that_is() -> None:
    """A new folder of stages needs a line on the page."""
    folders = {str(path.parent.relative_to(CORE)) for path in FILES}
    assert not [folder for folder in folders if f"{folder}/" not in PAGE]


def test_origins_are_all_described() -> None:
    described = {origin.strip("`") for origin, _ in rows("Where a piece comes from")}
    kinds = {
        name
        for name, node in CLASSES.items()
        if any(isinstance(base, ast.Name) and base.id == "Origin" for base in node.bases)
    }
    assert described == kinds == VALUES


def test_the_engine_is_one_page() -> None:
    assert len((RUN / "engine.py").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_no_stage_inherits_from_another(name: str) -> None:
    bases = {base.id for base in CLASSES[name].bases if isinstance(base, ast.Name)}
    assert name in VALUES or not bases & CLASSES.keys()


def test_types_have_few_fields_or_a_reason() -> None:
    many = {
        name: len(fields(node)) for name, node in CLASSES.items() if len(fields(node)) > MOST_FIELDS
    }
    listed = {cells[0].strip("`"): int(cells[1]) for cells in rows("Sizes")}
    assert many == listed


def test_the_run_stands_alone() -> None:
    """Nothing of the run it takes the place of is in use."""
    old = ("engine", "customer", "clerk", "record", "homes")
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                assert parts[:1] != ["klausel"] or len(parts) < 2 or parts[1] not in old, path


def test_sections_that_are_named_exist() -> None:
    page = (ROOT / "docs" / "semantics.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^#+ ([\d.]+?)\.? ", page, re.MULTILINE))
    titles = set(re.findall(r"^#+ (?:[\d.]+ )?(.+)$", page, re.MULTILINE))
    named = 0
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        for numbers, title in re.findall(r'semantics (\d[\d., ]*\d|\d)(?:, "([^"]+)")?', text):
            named += 1
            assert set(numbers.split(", ")) <= known, (path, numbers)
            assert not title or title in titles, (path, title)
    count("sections of the semantics named by stages", named)
    assert named > 20
