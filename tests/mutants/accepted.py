"""Survivors that nobody has to notice, each with its reason: ``accepted.txt``."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.mutants.make import Name

FILE = Path(__file__).parent / "accepted.txt"


class Accepted(NamedTuple):
    name: Name
    reason: str


def accepted(text: str | None = None) -> list[Accepted]:
    """Blocks of a mutant's name as it is printed, ending in a line ``= reason``."""
    text = FILE.read_text(encoding="utf-8") if text is None else text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    blocks = "\n".join(lines).split("\n\n")
    return [_read(block.strip().splitlines()) for block in blocks if block.strip()]


def _read(lines: list[str]) -> Accepted:
    head, before, after, *reason = lines
    assert before.startswith("- "), lines
    assert after.startswith("+ "), lines
    assert reason, f"no reason: {lines}"
    assert reason[0].startswith("= "), lines
    words = head.split()
    number = int(words[2].strip("()")) if len(words) > 2 else 1
    name = Name(words[0], words[1], before[2:], after[2:], number)
    return Accepted(name, " ".join(reason).removeprefix("= "))
