"""Files that are read and written: nothing that waits for somebody, or that never ends.

To open a pipe waits for whoever writes into it, and a device may give bytes for ever. Everything
that a user names, or that lies in a folder that he names, is opened here.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

#: Of one file. Nobody enters so much, and a table of it does not fit into memory.
MOST_BYTES = 2_000_000_000

#: What is no file, as one calls it.
_OTHERS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def other_kind(path: Path) -> str:
    """What ``path`` is if it is there and neither a file nor a folder: ``a pipe``; "" else."""
    with suppress(OSError):
        return _OTHERS.get(stat.S_IFMT(path.stat().st_mode), "")
    return ""


def regular(path: str | Path, flags: int, mode: int = 0o644) -> int:
    """Descriptor of the file at ``path``. Raises ``OSError`` where it is none, or is too large."""
    try:
        # Without waiting for somebody at the other end of a pipe.
        descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody at the other end
            raise _no_file(path, other_kind(Path(path)) or "a device") from None
        raise
    try:
        status = os.fstat(descriptor)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if kind in _OTHERS:
            raise _no_file(path, _OTHERS[kind])
        if status.st_size > MOST_BYTES:
            said = f"it is larger than {MOST_BYTES // 1_000_000_000} gigabytes"
            raise OSError(errno.EFBIG, said, str(path))
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _no_file(path: str | Path, kind: str) -> OSError:
    return OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


def opened(
    path: Path, encoding: str = "utf-8", newline: str | None = None, errors: str | None = None
) -> IO[str]:
    """The file at ``path``, to be read as text. Raises ``OSError``."""
    return open(path, encoding=encoding, newline=newline, errors=errors, opener=regular)


def text_of(path: Path, encoding: str = "utf-8-sig", errors: str | None = None) -> str:
    """The text of the file at ``path``. Raises ``OSError`` and ``UnicodeDecodeError``."""
    with opened(path, encoding, errors=errors) as stream:
        return stream.read()


def bytes_of(path: Path) -> bytes:
    """The bytes of the file at ``path``. Raises ``OSError``."""
    with open(path, "rb", opener=regular) as stream:
        return stream.read()


def put(path: Path, data: bytes, sync: bool = False) -> None:
    """Writes a new file, with ``sync`` to the disk: whatever was at ``path`` is gone. Raises
    ``OSError``."""
    path.unlink(missing_ok=True)
    with path.open("xb") as stream:
        stream.write(data)
        if sync:
            stream.flush()
            os.fsync(stream.fileno())
