"""Which files make up a policy folder: its YAML and CSV files, those of its subfolders too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_SUFFIXES = (".yaml", ".csv")


def policy_folders(folder: Path) -> list[Path]:
    """The policy folders in ``folder``."""
    return [
        child
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    ]


def policy_paths(folder: Path) -> Iterator[tuple[str, Path]]:
    """Name inside the policy ``folder`` (with ``/``) and path of each of its files.

    Links are among them, those to folders as they are: see :func:`leaves`.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            for name, inside in policy_paths(path):
                yield f"{path.name}/{name}", inside
        elif path.is_dir() or (path.suffix in _SUFFIXES and path.is_file()):
            yield path.name, path


def leaves(path: Path, folder: Path) -> bool:
    """Whether ``path`` is a link to something outside of ``folder``."""
    return not path.resolve().is_relative_to(folder.resolve())
