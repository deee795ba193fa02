"""Adjustments of work between rating and allocation: one file each, their order in one list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from klausel.charges.base import Work

#: Takes the works of one contract in (date, id) order, gives them back adjusted.
Adjustment = Callable[[Sequence[Work]], Sequence[Work]]

#: In the order in which they apply (semantics 4). Rounding and surcharges join here.
ORDER: tuple[Adjustment, ...] = ()
