"""Steps with which the product goes wrong yet, each with its reason; `make soak` leaves them out.

With ``KLAUSEL_PEOPLE_SEED`` and in `make test` everything is drawn.
"""

from __future__ import annotations

#: Name of an action -> what goes wrong with it.
KNOWN: dict[str, str] = {}
