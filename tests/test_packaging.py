"""The wheel holds exactly the tree; it installs and runs, as an editable install does."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "klausel": "rules/klausel",
    "klausel_book": "connector/klausel_book",
    "klausel_odoo": "connector/klausel_odoo",
    "klausel_run": "connector/klausel_run",
    "klausel_shell": "connector/klausel_shell",
}


def tree() -> set[str]:
    """Files of the packages, as they should stand in the wheel."""
    found = {"klausel_cli/cli.py"}
    for package, folder in FOLDERS.items():
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                found.add(f"{package}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and source archive of a clean copy of the tree."""
    copy = tmp_path_factory.mktemp("copy") / "klausel"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    target = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(copy)],
        check=True, capture_output=True,
    )  # fmt: skip
    return target


def test_wheel_equals_tree(dist: Path) -> None:
    wheel = next(dist.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == tree()


def test_source_archive_has_no_leftovers(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = archive.getnames()
    assert not [name for name in names if name.endswith((".pyc", ".part"))]


def run(python: Path | str, *arguments: str, cwd: Path, **environment: str) -> str:
    return subprocess.run(
        [str(python), *arguments],
        cwd=cwd, check=True, capture_output=True, text=True,
        env={**os.environ, **environment},
    ).stdout  # fmt: skip


def test_plain_install_runs(dist: Path, tmp_path: Path) -> None:
    """The wheel alone, beside the libraries that are installed already."""
    target = tmp_path / "venv"
    venv.create(target, with_pip=True, system_site_packages=False)
    python = target / "bin" / "python"
    wheel = next(dist.glob("*.whl"))
    run(python, "-m", "pip", "install", "-qq", "--no-deps", str(wheel), cwd=tmp_path)
    libraries = next(path for path in sys.path if path.endswith("site-packages"))
    site = next((target / "lib").glob("python*/site-packages"))
    # behind the wheel's own packages, without the editable install's hook
    (site / "libraries.pth").write_text(f"import sys; sys.path.append({libraries!r})\n")
    said = run(target / "bin" / "klausel", "demo", cwd=tmp_path)
    assert "Billing preview, as of 2026-07-01" in said
    run(target / "bin" / "klausel", "init", "punch-card", cwd=tmp_path)
    assert " 0 failed\n" in run(target / "bin" / "klausel", "test", cwd=tmp_path)
    assert "klausel 0.1.0" in run(target / "bin" / "klausel", "--version", cwd=tmp_path)
    where = run(python, "-c", "import klausel; print(klausel.__file__)", cwd=tmp_path)
    assert str(site) in where


def test_uninstalled_run(tmp_path: Path) -> None:
    """From the tree alone: the source roots on the path, nothing of the product installed."""
    code = (
        "import sys\n"
        "sys.path[:0] = [f'{root}/rules', f'{root}/connector', root]\n"
        "import cli, klausel\n"
        "assert klausel.__file__.startswith(root)\n"
        "sys.exit(cli.run(['demo', '--format', 'csv']))\n"
    )
    said = run(sys.executable, "-c", f"root = {str(ROOT)!r}\n{code}", cwd=tmp_path)
    assert said.startswith("customer,customer_name,")


def test_editable_install_is_this_tree() -> None:
    import klausel

    assert Path(klausel.__file__).parent == ROOT / "rules" / "klausel"
