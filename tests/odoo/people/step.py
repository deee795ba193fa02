"""One step of a sequence."""

from __future__ import annotations

import json
from typing import Any, NamedTuple


class Step(NamedTuple):
    number: int
    """Its place in the sequence that it was drawn for; what it makes is named by it."""
    action: str
    choice: dict[str, Any]

    def __str__(self) -> str:
        return f"Step({self.number}, {json.dumps(self.action)}, {self.choice!r}),"
