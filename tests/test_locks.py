"""What is tested is what is locked: versions with hashes, which `make` installs."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "locks"
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def locked(name: str) -> list[tuple[Requirement, int]]:
    """The requirements of a lock, each with how many hashes it has."""
    found = []
    for block in re.split(r"\n(?=\S)", (LOCKS / name).read_text().rstrip("\n")):
        text, *rest = block.replace("\\\n", "").split(" --hash=")
        found.append((Requirement(text.strip()), len(rest)))
        assert len(HASH.findall(block)) == len(rest), block
    return found


def pins(name: str) -> dict[str, str]:
    """By package: the version that is installed for this Python and system."""
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one, _ in locked(name)
        if one.marker is None or one.marker.evaluate()
    }


def declared(*, dev: bool) -> list[Requirement]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    rows = data["dependencies"] + (data["optional-dependencies"]["dev"] if dev else [])
    return [Requirement(row) for row in rows]


@pytest.mark.parametrize("name", ["build.txt", "run.txt", "dev.txt", "odoo.txt"])
def test_everything_has_one_version_and_hashes(name: str) -> None:
    for one, hashes in locked(name):
        assert [part.operator for part in one.specifier] == ["=="], one
        assert hashes, f"{one} has no hash"
    text = (LOCKS / name).read_text()
    assert "://" not in text, "a lock names packages, not where somebody fetched them"


@pytest.mark.parametrize(("name", "dev"), [("run.txt", False), ("dev.txt", True)])
def test_locks_hold_what_the_project_needs(name: str, dev: bool) -> None:
    found = pins(name)
    for need in declared(dev=dev):
        if need.marker is None or need.marker.evaluate():
            version = found[canonicalize_name(need.name)]
            assert need.specifier.contains(version), f"{need}, but {version} is locked"


def test_locks_agree() -> None:
    run, dev = pins("run.txt"), pins("dev.txt")
    assert {name: dev.get(name) for name in run} == run
    assert pins("build.txt").items() <= dev.items()


def test_odoo_lock_has_what_its_list_names() -> None:
    lines = (ROOT / "tests" / "odoo" / "requirements-odoo.txt").read_text().splitlines()
    named = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert {(canonicalize_name(one.name), str(one.specifier)) for one in named} == {
        (canonicalize_name(one.name), str(one.specifier)) for one, _ in locked("odoo.txt")
    }


def test_these_tests_run_on_what_is_locked() -> None:
    here = {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}
    found = {name: (here.get(name), version) for name, version in pins("dev.txt").items()}
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}


@pytest.mark.parametrize(
    "name", ["babel", "durable-rules", "holidays", "pydantic", "python-dateutil", "ruamel-yaml"]
)
def test_what_decides_money_or_texts_has_an_upper_bound(name: str) -> None:
    need = next(one for one in declared(dev=False) if canonicalize_name(one.name) == name)
    assert any(part.operator == "<" for part in need.specifier), need
