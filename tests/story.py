"""The page on making a policy, followed to the letter: its commands and its edits, in order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[1] / "docs" / "policies.md"
EDITED = Path("edited") / "policy.yaml"
PROPOSED = Path("edited") / "tests" / "programme.yaml"

_BLOCK = re.compile(r"^```(console|diff)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Step(NamedTuple):
    """A command of ``klausel`` and what the page shows of its output."""

    command: str
    shown: str


def steps(place: Path) -> Iterator[Step]:
    """The page's commands, in order. Its edits, and what it has the shell do, are done on the way
    in ``place``."""
    for kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "diff":
            edit(place / EDITED, text)
            continue
        command, _, shown = text.removeprefix("$ ").partition("\n")
        if command.startswith("klausel "):
            yield Step(command, shown)
            if command.endswith(" --propose"):
                tests = shown[shown.index("tests:\n") :]
                (place / PROPOSED).write_text(tests, encoding="utf-8")
        else:
            assert command.startswith(("cp ", "cat ")), command
            assert not shown
            subprocess.run(command, shell=True, check=True, cwd=place)


def edit(path: Path, change: str) -> None:
    """Lines with ``-`` go, lines with ``+`` come; the others say where. It fits one place."""
    lines = change.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines if not line.startswith("-"))
    text = path.read_text(encoding="utf-8")
    assert before
    assert ("\n" + text).count("\n" + before) == 1, before
    path.write_text(("\n" + text).replace("\n" + before, "\n" + after)[1:], encoding="utf-8")
