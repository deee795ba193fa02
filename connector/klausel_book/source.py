"""The book folder as an ERP: the same port as Odoo."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from datetime import date
from importlib.resources import files
from pathlib import Path

from klausel.model import Book
from klausel.port import Capabilities
from klausel_book.reader import POLICIES, read_folder
from klausel_book.writer import whole_folder

CAPABILITIES = Capabilities(name="book", version="1", writes_drafts=False)


def demo_folder() -> Path:
    """The demo book that comes with the product."""
    return Path(str(files("klausel_book"))) / "demo"


def copy_demo(folder: Path) -> None:
    """Copies the demo book to ``folder``. Raises ``ProblemError`` where that exists already."""
    with whole_folder(folder) as work:
        shutil.copytree(demo_folder(), work, dirs_exist_ok=True)


def policy_texts(folder: Path) -> dict[str, dict[str, str]]:
    """Texts of the policy folders below ``folder``, by folder and file name."""
    if not folder.is_dir():
        return {}
    return {
        child.name: {
            path.name: path.read_text(encoding="utf-8-sig")
            for path in sorted(child.iterdir())
            if path.suffix in (".yaml", ".csv")
        }
        for child in sorted(folder.iterdir())
        if child.is_dir() and not child.name.startswith(".")
    }


class BookSource:
    """Reads a book folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def name(self) -> str:
        return str(self.folder)

    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def read(self, until: date, customers: Collection[str] | None = None) -> Book:
        """The whole book: a folder is read in one go, the engine looks at what it needs."""
        return read_folder(self.folder)

    def policy_files(self) -> Mapping[str, Mapping[str, str]]:
        return policy_texts(self.folder / POLICIES)
