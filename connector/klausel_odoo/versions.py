"""Version of Odoo -> what it can do. The one place that asks for a version."""

from __future__ import annotations

import re
from typing import NamedTuple

from klausel.problems import ErpError

_MAJOR = re.compile(r"\d+")


class Features(NamedTuple):
    """What servers of a major version have in common, as far as the connector cares."""

    rpc: bool
    """Answers /jsonrpc and /xmlrpc, which OdooRPC and the standard library speak."""
    json2: bool
    """Answers /json/2, which takes an API key as bearer and named arguments."""
    rpc_deprecated: bool = False
    """Warns in its log about every call of /jsonrpc and /xmlrpc."""


TABLE: dict[int, Features] = {
    17: Features(rpc=True, json2=False),
    18: Features(rpc=True, json2=False),
    19: Features(rpc=True, json2=True, rpc_deprecated=True),
}
OLDEST, NEWEST = min(TABLE), max(TABLE)


def major(version: str) -> int:
    """``19`` for ``19.0``, ``saas~19.2`` or ``19.0+e``; 0 where the text has no number."""
    found = _MAJOR.search(version)
    return int(found[0]) if found else 0


def known(version: str) -> bool:
    """Whether the table speaks of ``version``; newer ones are treated as the newest known."""
    return major(version) in TABLE


def features(version: str) -> Features:
    """What a server of ``version`` can do. Raises :class:`ErpError` for one that is too old."""
    number = major(version)
    if number < OLDEST:
        raise ErpError(
            f"the server runs Odoo {version or 'of an unknown version'}, which is too old:"
            f" Klausel reads Odoo {OLDEST} and later",
            "upgrade Odoo",
        )
    return TABLE.get(number, TABLE[NEWEST])
