"""The body of an answer, read whole and no further than the limit."""

from __future__ import annotations

import http.client
import zlib
from collections.abc import Iterable, Iterator

from klausel_odoo import failures
from klausel_odoo.settings import OdooSettings

#: Bytes read at once.
PIECE = 1 << 16

#: What may be packed, as HTTP calls it.
PACKED = ("gzip", "x-gzip")


def pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body of ``response``. Raises ``HTTPException`` where it is shorter than it says."""
    while piece := response.read(PIECE):
        yield piece
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)


def whole(settings: OdooSettings, body: Iterable[bytes], packed: str = "") -> bytes:
    """All of ``body``, unpacked.

    Raises ``ErpError`` where it is larger than the settings allow, and ``ValueError`` where it
    cannot be unpacked; ``packed`` is the header's word for how.
    """
    method = packed.strip().lower()
    if method not in ("", "identity", *PACKED):
        raise ValueError(method)
    limit = settings.answer_bytes
    unpack = zlib.decompressobj(31) if method in PACKED else None
    found, size = [], 0
    for piece in body:
        got = unpack.decompress(piece, limit - size + 1) if unpack else piece
        size += len(got)
        if size > limit:
            raise failures.too_large(settings.url, settings.answer_limit)
        found.append(got)
    if unpack and not unpack.eof:
        raise ValueError("cut off")
    return b"".join(found)
