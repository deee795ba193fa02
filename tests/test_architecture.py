"""Imports point one way, and the core is pure. Names the modules it saw."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.counts import count

ROOT = Path(__file__).parent.parent
SOURCES = {
    "klausel": ROOT / "rules" / "klausel",
    "klausel_book": ROOT / "connector" / "klausel_book",
    "klausel_odoo": ROOT / "connector" / "klausel_odoo",
    "klausel_run": ROOT / "connector" / "klausel_run",
    "klausel_shell": ROOT / "connector" / "klausel_shell",
}

#: Layers from the bottom up; a module may import from its own layer and those below.
#: Names end at a dot or at the end: "klausel.policy" stands for the package and what is in it.
LAYERS: list[list[str]] = [
    ["klausel.money", "klausel.period", "klausel.signs"],
    ["klausel.problems", "klausel.sheet"],
    ["klausel.fields", "klausel.tree"],
    ["klausel.matching", "klausel.shapes", "klausel.model"],
    ["klausel.currency", "klausel.charges", "klausel.doubts", "klausel.ledger"],
    ["klausel.policy"],
    ["klausel.adjustments", "klausel.approvals", "klausel.terms", "klausel.texts"],
    ["klausel.rows", "klausel.dialects", "klausel.reading", "klausel.verdicts", "klausel.words"],
    ["klausel.trace", "klausel.publishing"],
    ["klausel.assemble", "klausel.port", "klausel.result"],
    ["klausel.chain", "klausel.clerk", "klausel.evidence"],
    ["klausel.record"],
    ["klausel.customer"],
    ["klausel.homes", "klausel.parties"],
    ["klausel.run", "klausel.run.values", "klausel.run.matchers"],
    ["klausel.run.facts", "klausel.run.windows"],
    ["klausel.run.history.record", "klausel.run.history.numbers"],
    ["klausel.run.context", "klausel.run.scope.around", "klausel.run.scope.takers"],
    ["klausel.run.contracts", "klausel.run.history.rows", "klausel.run.outcomes"],
    ["klausel.run.findings"],
    [
        "klausel.run.clerk.piece",
        "klausel.run.clerk.calendar",
        "klausel.run.clerk.routes",
        "klausel.run.clerk.asking",
        "klausel.run.clerk.groups",
        "klausel.run.clerk.taking",
        "klausel.run.clerk.passing",
        "klausel.run.clerk.clerk",
    ],
    ["klausel.run.handed"],
    ["klausel.run.history"],
    ["klausel.run.scope"],
    ["klausel.run.clerk"],
    ["klausel.run.drafts"],
    ["klausel.run.customer"],
    ["klausel.run.rounds", "klausel.run.found", "klausel.run.homes"],
    ["klausel.run.engine"],
    [
        "klausel.engine",
        "klausel.activity",
        "klausel.explain",
        "klausel.compare",
        "klausel.formats",
    ],
    ["klausel.scenario", "klausel.openings", "klausel.backlog", "klausel.archive"],
    ["klausel.policy_tests"],
    ["klausel_book", "klausel_odoo"],
    ["klausel_run"],
    ["klausel_shell"],
    ["klausel_cli"],
]

#: Lower parts that know the name of a higher one for typing only.
TYPING_ONLY = {("klausel.model", "klausel.policy")}

#: Jobs' values that a connector's own examination gives back.
ALLOWED = {("klausel_odoo", "klausel_run.doctor")}

#: What the core may not touch: files, network, processes, clocks, chance, the outside.
FORBIDDEN_IN_CORE = {
    "click", "odoorpc", "httpx", "requests", "socket", "ssl", "subprocess", "pathlib", "shutil",
    "tempfile", "time", "random", "secrets", "urllib", "http", "xmlrpc", "sqlite3", "logging",
    "keyring", "threading", "asyncio", "os", "sys",
}  # fmt: skip

#: The wall around durable-rules loads its extension with care.
CORE_EXCEPTIONS = {"klausel.matching.durable": {"os", "sys", "durable"}}

ONLY_IMPORTER: dict[str, tuple[str, ...]] = {
    "durable": ("klausel.matching.durable",),
    "odoorpc": ("klausel_odoo.transports",),
    "ruamel": ("klausel.tree",),
    "babel": ("klausel",),
    "click": ("klausel_shell", "klausel_cli"),
    "klausel_shell": ("klausel_shell", "klausel_cli"),
}
RUAMEL_WRITER = "klausel_book.writer"


def modules() -> dict[str, Path]:
    found = {"klausel_cli.cli": ROOT / "cli.py"}
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join((package, *parts)).removesuffix(".__init__")
            found[name] = path
    return found


MODULES = modules()


def imports(path: Path) -> list[tuple[str, bool]]:
    """Imported modules with whether the import is for typing only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            typing_only |= {inner for statement in node.body for inner in ast.walk(statement)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node in typing_only) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.append((node.module, node in typing_only))
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in MODULES:
                    found.append((name, node in typing_only))
    return found


def layer(name: str) -> int:
    best, length = -1, -1
    for number, names in enumerate(LAYERS):
        for known in names:
            if (name == known or name.startswith(known + ".")) and len(known) > length:
                best, length = number, len(known)
    return best


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_every_module_has_a_layer() -> None:
    count("modules seen by the import test: " + ", ".join(sorted(MODULES)), len(MODULES))
    for package, folder in SOURCES.items():
        seen = [name for name in MODULES if inside(name, package)]
        assert len(seen) == len(list(folder.rglob("*.py"))) > 0, package
    lost = [name for name in MODULES if layer(name) < 0 and name != "klausel"]
    assert not lost, f"no layer for {lost}"


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_point_down(name: str) -> None:
    for imported, typing_only in imports(MODULES[name]):
        target = layer(imported)
        if target < 0 or imported == "klausel":
            continue
        if typing_only and any(inside(name, a) and inside(imported, b) for a, b in TYPING_ONLY):
            continue
        if any(inside(name, a) and inside(imported, b) for a, b in ALLOWED):
            continue
        assert target <= layer(name), f"{name} imports {imported}, which lies above it"


@pytest.mark.parametrize("name", sorted(name for name in MODULES if inside(name, "klausel")))
def test_core_is_pure(name: str) -> None:
    allowed = CORE_EXCEPTIONS.get(name, set())
    for imported, _ in imports(MODULES[name]):
        top = imported.partition(".")[0]
        assert top not in FORBIDDEN_IN_CORE - allowed, f"{name} imports {imported}"
    text = MODULES[name].read_text(encoding="utf-8")
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "float", "print", "input", "eval", "exec"), name
        if isinstance(node, ast.Constant):
            assert not isinstance(node.value, float), f"{name}: a float, {node.value}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in ("today", "now", "utcnow"), f"{name} asks for the time"
    if name != "klausel.money":
        assert ".quantize(" not in text, f"{name} rounds; only klausel.money does"
        assert not re.search(r"(?<![\w.])round\(", text), f"{name} rounds; only klausel.money does"


@pytest.mark.parametrize("library", sorted(ONLY_IMPORTER))
def test_libraries_have_one_home(library: str) -> None:
    homes = ONLY_IMPORTER[library]
    importers = {
        name
        for name, path in MODULES.items()
        if any(imported.partition(".")[0] == library for imported, _ in imports(path))
    } - {RUAMEL_WRITER}
    assert importers, f"nobody imports {library}"
    strangers = {name for name in importers if not any(inside(name, home) for home in homes)}
    assert not strangers, strangers


def calls(path: Path) -> set[str]:
    """What is called in a module, as it is written there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize(
    ("called", "homes"),
    [
        # No cell of a file is a formula: klausel.sheet sees to it.
        (r"(csv\.)?(writer|DictWriter)", {"klausel.sheet"}),
        # Nothing that somebody typed steers a terminal: klausel_shell.out sees to it.
        (r"click\.(echo|secho|style|prompt|confirm|echo_via_pager)", {"klausel_shell.out"}),
        (r"(builtins\.)?print|input|traceback\.print_\w+", set()),
        (r"sys\.(stdout|stderr)\.write(lines)?", {"klausel_shell.out", "klausel_run.fields_doc"}),
        (r"(\w+\.)*Console", {"klausel.formats.text", "klausel_shell.terminal"}),
    ],
)
def test_what_leaves_has_one_home(called: str, homes: set[str]) -> None:
    found = {
        name
        for name, path in MODULES.items()
        if any(re.fullmatch(called, one) for one in calls(path))
    }
    assert found == homes


def test_command_line_stays_short() -> None:
    assert len((ROOT / "cli.py").read_text(encoding="utf-8").splitlines()) < 300


def test_project_speaks_of_itself_alone() -> None:
    """No machine's paths in what is published."""
    pattern = re.compile(r"/(work|root|home/\w+|tmp)/(?!fresh)")
    for folder in ("rules", "connector", "addon", "docs", "tests", "bench", "scripts"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".md", ".yaml", ".yml", ".toml", ".xml") and path.is_file():
                if path == Path(__file__):
                    continue
                found = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
                assert not found, f"{path}: {found[0] if found else ''}"
