"""What tests counted, shown at the end of a run."""

from __future__ import annotations

from collections import Counter

COUNTS: Counter[str] = Counter()


def count(what: str, number: int = 1) -> None:
    """Adds ``number`` to what is shown as ``what``."""
    COUNTS[what] += number
