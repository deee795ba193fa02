"""What the scope hands on."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from klausel.charges.base import Work
from klausel.policy.ir import Rule
from klausel.run.clerk.piece import Piece
from klausel.run.values import Decision


@dataclass(slots=True)
class Handed:
    """What the scope hands on, by contract."""

    works: dict[str, list[Work]]
    """Time of contracts whose order of entries means nothing."""
    pieces: dict[str, list[Piece]]
    """Time that the clerk decides about."""
    rules: dict[tuple[str, str], Rule] = field(default_factory=dict)
    """By contract and id: the rules that decided."""
    decided: dict[str, Decision] = field(default_factory=dict)
    """By entry that is on record: what decides about it today."""
    redone: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """By contract: entries on record that are done again with today's facts."""
    stays: set[str] = field(default_factory=set)
    """Entries on record that an adjustment leaves as they are."""
