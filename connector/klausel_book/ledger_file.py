"""``ledger.jsonl``: appended customer by customer, all or nothing, safe against a crash.

What its lines are, and how their checksums hang together, stands in :mod:`klausel.chain`. Beside
it is ``ledger.seal``: how many lines there were when it was written last, and their checksum. So
lines that are missing at the end are noticed, and of a last line that is cut off one knows whether
anybody was told of it: the seal is written after the line, and before the run goes on.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple

from klausel.chain import Chain, Seal
from klausel.problems import ProblemError, Where, problem
from klausel_book.files import bytes_of, put, regular

LEDGER_FILE = "ledger.jsonl"
SEAL_FILE = "ledger.seal"

_HEX = re.compile("[0-9a-f]{32}")
#: Bytes read at once.
_PIECE = 1 << 20


class _Mark(NamedTuple):
    """Of a file as it was left: whoever writes changes it."""

    device: int
    inode: int
    size: int
    time: int


class Stored:
    """What the file holds, and up to where it was read."""

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.end = 0
        """Byte behind the last whole line."""
        self.open = False
        """The last line is whole but for its line end."""
        self.mark = _Mark(0, 0, 0, 0)
        self.parsed = 0
        """Bytes that were taken up: what was read already is not read again."""
        self._digest = hashlib.blake2b()

    def go_on(self, stream: IO[bytes]) -> None:
        """Takes up all lines behind ``end``."""
        stream.seek(self.end)
        for line in stream:
            self.chain.take(line)
            if self.chain.remains:
                break
            self._digest.update(line)
            self.end += len(line)
            self.parsed += len(line)
            self.open = not line.endswith(b"\n")
        self.mark = _mark(stream)

    def stands_in(self, stream: IO[bytes]) -> bool:
        """Whether what was read already still stands at the beginning of the file."""
        digest, left = hashlib.blake2b(), self.end
        stream.seek(0)
        while left and (piece := stream.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
        return not left and digest.digest() == self._digest.digest()

    def append(self, stream: IO[bytes], line: bytes) -> None:
        """Writes ``line``, which the chain has taken up, over what a crash may have left."""
        if self.open:
            line = b"\n" + line
        append(stream, self.end, line)
        self._digest.update(line)
        self.end += len(line)
        self.open = False
        self.mark = _mark(stream)


def append(stream: IO[bytes], end: int, line: bytes) -> None:
    """Writes ``line`` behind byte ``end`` and to the disk."""
    stream.truncate(end)
    stream.seek(end)
    stream.write(line)
    stream.flush()
    os.fsync(stream.fileno())


def load(path: Path) -> Stored | None:
    """Everything on record in the ledger at ``path``; None where there is neither that nor a seal.

    Raises ``OSError`` where it cannot be read. What is wrong with it its chain says.
    """
    try:
        with open(path, "rb", opener=regular) as stream:
            with suppress(OSError):  # some file systems have no locks
                fcntl.flock(stream, fcntl.LOCK_SH)
            return _whole(stream, path)
    except FileNotFoundError:
        if path.is_symlink():
            raise  # what it leads to is missing, which is another thing than no ledger
        seal = _seal(path)
        if seal is None:
            return None
        stored = Stored(Chain(path.name, seal))
        stored.chain.end()
        return stored


def up_to_date(stream: IO[bytes], path: Path, known: Stored | None) -> Stored:
    """What the open ledger holds. Of what is ``known`` nothing is parsed a second time, unless
    somebody has changed it meanwhile."""
    if known is not None and known.mark == _mark(stream):
        return known
    if known is None or known.open or known.chain.remains or not known.stands_in(stream):
        return _whole(stream, path)
    known.go_on(stream)
    known.chain.end()
    return known


def _whole(stream: IO[bytes], path: Path) -> Stored:
    stored = Stored(Chain(path.name, _seal(path)))
    stored.go_on(stream)
    stored.chain.end()
    return stored


@contextmanager
def locked(path: Path) -> Iterator[IO[bytes]]:
    """The ledger, made where it is missing, with nobody else writing.

    Raises ``ProblemError`` where one may not write to it.
    """
    try:
        descriptor = regular(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        reason = f"the ledger cannot be written: {(error.strerror or 'unknown').lower()}"
        hint = "see that you may write to the book's folder"
        raise ProblemError(
            [problem("option", Where(str(path)), reason=reason, hint=hint)]
        ) from None
    with os.fdopen(descriptor, "r+b") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield stream


def write_seal(path: Path, seal: Seal) -> None:
    """Puts ``seal`` beside the ledger at ``path``, in one step."""
    target = path.with_name(SEAL_FILE)
    new = target.with_name(f".{SEAL_FILE}.new")
    try:
        put(new, (json.dumps(seal._asdict()) + "\n").encode())
        new.replace(target)
    except OSError:
        with suppress(OSError):
            new.unlink()
        raise


def take_back(stream: IO[bytes], end: int) -> None:
    """Leaves the open ledger as it was up to byte ``end``, as far as the disk allows: what is there
    behind it nobody was told of."""
    with suppress(OSError):
        os.ftruncate(stream.fileno(), end)
        os.fsync(stream.fileno())
    # What is still in the stream's buffer would be written when it is closed, behind a gap.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def has_seal(path: Path) -> bool:
    return _seal(path) is not None


def _seal(path: Path) -> Seal | None:
    """The seal beside the ledger at ``path``; none is known where it cannot be read."""
    try:
        data = json.loads(bytes_of(path.with_name(SEAL_FILE)))
        seal = Seal(data["lines"], data["checksum"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    known = type(seal.lines) is int and isinstance(seal.checksum, str)
    return seal if known and seal.lines >= 0 and _HEX.fullmatch(seal.checksum) else None


def _mark(stream: IO[bytes]) -> _Mark:
    status = os.fstat(stream.fileno())
    return _Mark(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
