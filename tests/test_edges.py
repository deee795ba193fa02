"""A disk that is full, a book that is read-only, and files that are none: a sentence, and in time.

Each case says the exact words. Those that need a user who may not everything become one for a
moment: root may read and write whatever it likes.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cli
from klausel.fields import TABLES
from klausel_book import files, read_folder
from klausel_book.ledger_file import LEDGER_FILE, SEAL_FILE
from klausel_book.reader import BOOK_FILE, CONTRACTS_FILE
from klausel_book.source import copy_demo
from tests.counts import count

Capture = pytest.CaptureFixture[str]
DAY = ("--as-of", "2026-03-01")
NOBODY = 65534


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    """What waits for somebody at the other end of a pipe waits for ever."""

    def late(*_: object) -> None:
        raise AssertionError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    folder = tmp_path / "book"
    copy_demo(folder)
    (folder / LEDGER_FILE).unlink()
    return folder


@pytest.fixture
def ran(capsys: Capture) -> Callable[..., Ran]:
    def run(*arguments: object) -> Ran:
        code = cli.run([str(one) for one in arguments])
        said = Ran(code, *capsys.readouterr())
        assert "internal error" not in said.err, said.err
        return said

    return run


Run = Callable[..., Ran]


@contextmanager
def unprivileged() -> Iterator[None]:
    """As somebody who may do only what is allowed."""
    if os.geteuid():
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def shared(book: Path, ran: Run) -> Path:
    """The book where others come by; what a run imports is imported."""
    for arguments in (
        ("preview", "--book", book, *DAY), ("check", "--book", book), ("test", "--book", book),
        ("openings", "--book", book, "--from", book / "no.csv"), ("preview", "--odoo"),
        ("diff", book, book, "--book", book), ("snapshot", "--book", book, book),
        ("init", "ad-hoc", "--yes", "--to", book),
    ):  # fmt: skip
        ran(*arguments)
    for folder in (book, *book.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH | stat.S_IROTH | stat.S_IXGRP)
        if folder.name.startswith("pytest-of-"):
            break
    return book


# --- the disk is full ------------------------------------------------------------------------


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Files grow up to ``size`` bytes: to a program that is what a full disk is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def settled(book: Path) -> set[str]:
    """Customers of whom something is on record."""
    found = read_folder(book)
    owners = {one.code: found.root(one.customer) for one in found.contracts}
    return {owners[row.key.contract] for row in found.ledger}


def on_record(book: Path) -> list[tuple[object, ...]]:
    rows = read_folder(book).ledger
    return sorted((str(row.key), row.entry, row.lot, row.seconds, row.amount) for row in rows)


def test_a_disk_that_is_full_while_a_book_is_billed(book: Path, tmp_path: Path, ran: Run) -> None:
    """Whenever it is: who is settled is said, the ledger is whole, and the next run goes on."""
    whole = tmp_path / "whole"
    shutil.copytree(book, whole)
    bill = ("bill", *DAY, "--yes", "--book")
    assert ran(*bill, whole).code == 0
    size = (whole / LEDGER_FILE).stat().st_size
    expected = on_record(whole)
    ends = set()
    for limit in (0, 60, 200, *range(1000, size, max(size // 9, 1)), size - 1):
        place = tmp_path / f"book-{limit}"
        shutil.copytree(book, place)
        with no_file_beyond(limit):
            found = ran(*bill, place)
        path = place / LEDGER_FILE
        assert found.code == 3, found
        message = rf"error: {re.escape(str(path))} cannot be written: file too large; that was"
        assert re.match(
            message + r" while writing [^\n]+\n"
            r"    see that there is room and that you may write\n"
            r"    run the same again: what was written is found, only the rest is billed\n$",
            found.err,
        ), found.err
        customers = settled(place)
        drafts = re.search(r"(\d+) customers? settled\.", found.out)
        assert (int(drafts[1]) if drafts else 0) == len(customers), found.out
        assert ("Nothing was written." in found.out) == (not customers)
        assert path.stat().st_size <= limit
        assert not list(place.glob(".*.new"))
        again = ran("preview", "--book", place, *DAY)
        assert (again.code, "ledger" in again.err) == (0, False), again.err
        ends.add(len(customers))
        assert ran(*bill, place).code == 0
        assert on_record(place) == expected
        count("books billed on a disk that was full at another byte")
    assert len(ends) > 3, ends


def test_a_full_disk_and_pages_that_do_not_fit(book: Path, tmp_path: Path, ran: Run) -> None:
    """The records do not fit either: that comes after what matters."""
    with no_file_beyond(70_000):
        found = ran("bill", "--book", book, *DAY, "--yes", "--records", tmp_path / "pages")
    assert found.code in (0, 2, 3)
    with no_file_beyond(3_000):
        code, _, err = ran("bill", "--book", book, *DAY, "--yes", "--records", tmp_path / "more")
    assert code == 2
    assert err.startswith(f"{tmp_path / 'more'}: error: the folder cannot be written to: ")
    assert err.count("\n") == 2


def test_an_output_that_is_full(
    book: Path, ran: Run, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written is said all the same, where errors go."""
    from klausel_shell import out

    said = out.say

    def full(text: str, err: bool = False, end: str = "\n") -> None:
        if "settled." in text and not err:
            raise OSError(28, "No space left on device")
        said(text, err, end)

    monkeypatch.setattr(out, "say", full)
    found = ran("bill", "--book", book, *DAY, "--yes")
    assert found.code == 2
    assert re.match(
        r"\d+ drafts written, \d+ customers settled\.\n(.*\n)*"
        r"error: the output cannot be written: no space is left\n$",
        found.err,
    ), found.err
    assert settled(book)


def test_nothing_is_written_where_nobody_could_see_it(
    book: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        code = cli.run(["bill", "--book", str(book), *DAY, "--yes"])
        monkeypatch.undo()
        assert code == 2
        assert capfd.readouterr().err == ("error: the output cannot be written: no space is left\n")
        assert not (book / LEDGER_FILE).exists()


# --- one may not -----------------------------------------------------------------------------


def test_a_book_that_one_may_not_write(shared: Path, ran: Run) -> None:
    shared.chmod(0o555)
    path = shared / LEDGER_FILE
    with unprivileged():
        assert ran("preview", "--book", shared, *DAY).code == 0
        found = ran("bill", "--book", shared, *DAY, "--yes")
    assert (found.code, found.err) == (
        2,
        f"{path}: error: the ledger cannot be written: permission denied\n"
        "    see that you may write to the book's folder\n",
    )
    assert "settled." not in found.out
    shared.chmod(0o755)
    assert ran("bill", "--book", shared, *DAY, "--yes").code == 0
    path.chmod(0o444)
    with unprivileged():
        found = ran("bill", "--book", shared, "--as-of", "2026-04-01", "--yes")
        assert (found.code, found.err.splitlines()[0]) == (
            2, f"{path}: error: the ledger cannot be written: permission denied",
        )  # fmt: skip
        rows = shared / "new.csv"
        header = "contract,term,lot,date,hours,price,valid_until,billed_until\n"
        os.umask(os.umask(0))
    rows.write_text(header)
    with unprivileged():
        for arguments in (
            ("openings", "--from", rows, "--yes"),
            ("audit", "--repair", "--why", "x", "--yes"),
        ):
            assert ran(*arguments, "--book", shared).code in (0, 2)


def test_a_book_that_becomes_read_only_after_its_first_customer(
    shared: Path, ran: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from klausel_book import ledger_file

    taken = ledger_file.regular
    times = []

    def once(path: Path, flags: int) -> int:
        if flags & os.O_RDWR:
            times.append(path)
            if len(times) > 1:
                raise PermissionError(13, "Permission denied", str(path))
        return taken(path, flags)

    monkeypatch.setattr(ledger_file, "regular", once)
    found = ran("bill", "--book", shared, *DAY, "--yes")
    assert found.code == 3
    assert ", 1 customer settled." in found.out
    assert re.match(
        r"error: .*: the ledger cannot be written: permission denied;"
        r" that was while writing .*\n    see that .*\n    run the same again: ",
        found.err,
    ), found.err


NAMES = [BOOK_FILE, CONTRACTS_FILE, LEDGER_FILE, *(table.file for table in TABLES.values())]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_one_may_not_read(name: str, shared: Path, ran: Run) -> None:
    path = shared / name
    path.touch()
    path.chmod(0)
    with unprivileged():
        found = ran("preview", "--book", shared, *DAY)
    assert found.code == 2
    assert (
        f"{name}: error: the file cannot be read: permission denied\n"
        "    make it a file that you may read\n"
    ) in found.out + found.err


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_a_folder_that_one_may_not_look_into(mode: int, shared: Path, ran: Run) -> None:
    shared.chmod(mode)
    with unprivileged():
        found = ran("preview", "--book", shared, *DAY)
    shared.chmod(0o755)
    assert (found.code, found.err) == (
        2,
        f"{shared}: error: the folder cannot be read: permission denied\n"
        "    make it a folder that you may read\n",
    )


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
@pytest.mark.parametrize("below", ["", "web-care"])
def test_policies_that_one_may_not_look_into(mode: int, below: str, shared: Path, ran: Run) -> None:
    place = shared / "policies" / below
    place.chmod(mode)
    with unprivileged():
        found = ran("preview", "--book", shared, *DAY)
        checked = ran("check", "--book", shared)
        tested = ran("test", "--book", shared)
    place.chmod(0o755)
    assert found.code == 2
    assert "permission denied\n" in found.out + found.err
    for other in (checked, tested):
        assert other.code in (1, 2), other
        assert "ermission denied" in other.out + other.err or "no policy" in other.err


@pytest.mark.parametrize("folder", ["out", "pages"])
def test_a_place_for_output_that_one_may_not_write(folder: str, shared: Path, ran: Run) -> None:
    place = shared.parent / folder
    place.mkdir()
    place.chmod(0o555)
    with unprivileged():
        found = ran("preview", "--book", shared, *DAY, "--output", place / "x.txt")
        assert (found.code, found.err) == (
            2,
            f"{place / 'x.txt'}: error: the file cannot be written: permission denied\n"
            "    name a file in a folder that you may write to\n",
        )
        found = ran("bill", "--book", shared, *DAY, "--yes", "--records", place)
        assert (found.code, found.err) == (
            2,
            f"{place}: error: the folder cannot be written to: permission denied\n"
            "    name a folder that you may write to\n",
        )
        found = ran("snapshot", "--book", shared, place / "copy")
        assert found.code == 2
        assert "the folder cannot be written: permission denied" in found.err
    place.chmod(0o000)
    with unprivileged():
        for arguments in (
            ("preview", "--book", shared, *DAY, "--output", place / "x.txt"),
            ("bill", "--book", shared, *DAY, "--yes", "--records", place / "deeper"),
            ("snapshot", "--book", shared, place / "copy"),
            ("preview", "--book", place / "book", *DAY),
            ("preview", "--odoo", "--config", place / "klausel.toml"),
            ("openings", "--book", shared, "--from", place / "rows.csv"),
            ("check", place / "policy"),
            ("test", place / "policy"),
            ("diff", place / "a", place / "b", "--book", shared),
            ("init", "ad-hoc", "--yes", "--to", place / "new"),
        ):
            found = ran(*arguments)
            assert found.code == 2, (arguments, found)
            assert "ermission denied" in found.err or "no such folder" in found.err, arguments
    place.chmod(0o755)


# --- no file at all --------------------------------------------------------------------------


def pipe(path: Path) -> str:
    os.mkfifo(path)
    return "it is a pipe, not a file"


def plug(path: Path) -> str:
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # its name has to be short
        one.bind(path.name)
        os.chdir(here)
    return "it is a socket, not a file"


def device(path: Path) -> str:
    path.symlink_to("/dev/zero")
    return "it is a device, not a file"


def circle(path: Path) -> str:
    path.symlink_to(path.name)
    return "it is a link, and what it leads to is not there"


def directory(path: Path) -> str:
    path.mkdir()
    return "is a directory"


def enormous(path: Path) -> str:
    path.touch()
    os.truncate(path, files.MOST_BYTES + 1)
    return "it is larger than 2 gigabytes"


KINDS = [pipe, plug, device, circle, directory, enormous]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
Kind = Callable[[Path], str]


@every_kind
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_a_book_that_is_none(name: str, kind: Kind, book: Path, ran: Run) -> None:
    (book / name).unlink(missing_ok=True)
    reason = kind(book / name)
    found = ran("preview", "--book", book, *DAY)
    assert found.code == 2, found
    said = found.out + found.err
    assert f"{name}: error: " in said
    if kind is not circle:
        assert f"{name}: error: the file cannot be read: {reason}\n" in said, said
    if kind is pipe:
        billed = ran("bill", "--book", book, *DAY, "--yes")
        assert billed.code == 2, billed
        assert "settled." not in billed.out


@every_kind
def test_a_seal_that_is_none(kind: Kind, book: Path, ran: Run) -> None:
    """It counts as lost, which the ledger survives; what is in its way goes."""
    assert ran("bill", "--book", book, *DAY, "--yes").code == 0
    (book / SEAL_FILE).unlink()
    kind(book / SEAL_FILE)
    assert ran("preview", "--book", book, *DAY).code == 0
    found = ran("bill", "--book", book, "--as-of", "2026-04-01", "--yes")
    assert found.code == (3 if kind is directory else 0), found
    if kind is directory:
        assert f"{book / LEDGER_FILE} cannot be written: is a directory" in found.err
    new = book / f".{SEAL_FILE}.new"
    if kind is not directory:
        kind(new)
        assert ran("bill", "--book", book, "--as-of", "2026-05-01", "--yes").code == 0


@every_kind
@pytest.mark.parametrize("name", ["policy.yaml", "more.yaml", "table.csv"])
def test_a_file_of_a_policy_that_is_none(name: str, kind: Kind, book: Path, ran: Run) -> None:
    place = book / "policies" / "web-care" / name
    place.unlink(missing_ok=True)
    kind(place)
    for arguments in (
        ("preview", "--book", book, *DAY), ("check", "--book", book), ("test", "--book", book),
        ("snapshot", "--book", book, book.parent / "copy"),
    ):  # fmt: skip
        found = ran(*arguments)
        assert found.code in ((0, 1, 2) if name != "policy.yaml" else (1, 2)), (arguments, found)
        shutil.rmtree(book.parent / "copy", ignore_errors=True)


def test_a_policy_that_links_round_in_a_circle(book: Path, ran: Run) -> None:
    place = book / "policies" / "web-care"
    (place / "round").symlink_to("round")
    (place / "up").symlink_to(".")
    (book / "policies" / "all").symlink_to("all")
    assert ran("preview", "--book", book, *DAY).code == 0
    (place / "round.yaml").symlink_to("round.yaml")
    found = ran("preview", "--book", book, *DAY)
    assert found.code == 2
    assert "policies/web-care/round.yaml: error: " in found.out + found.err


@every_kind
def test_a_file_that_an_option_names_and_that_is_none(
    kind: Kind, book: Path, tmp_path: Path, ran: Run
) -> None:
    path = tmp_path / "named"
    reason = kind(path)
    openings = ran("openings", "--book", book, "--from", path, "--yes")
    assert openings.code == 2
    settings = ran("preview", "--odoo", "--config", path)
    assert settings.code == 2
    if kind is circle:
        reason = "too many levels of symbolic links"
    assert settings.err == (
        f"{path}: error: the file cannot be read: {reason}\n    make it a file that you may read\n"
    )
    if kind not in (circle, directory):
        assert openings.err == (
            f"{path}: error: the file cannot be read: {reason}\n"
            "    make it a file that you may read\n"
        )
    folder = ran("preview", "--book", path, *DAY)
    assert folder.code == 2
    policies = ran("check", path)
    assert policies.code == 2


@pytest.mark.parametrize("kind", [pipe, plug, device], ids=lambda kind: kind.__name__)
def test_an_output_that_is_no_file_stays_what_it_is(
    kind: Kind, book: Path, tmp_path: Path, ran: Run
) -> None:
    path = tmp_path / "named"
    what = kind(path).removeprefix("it is ").removesuffix(", not a file")
    for arguments in (
        ("preview", "--book", book, *DAY), ("activity", "--book", book, *DAY),
        ("explain", "held", "--book", book, *DAY),
    ):  # fmt: skip
        found = ran(*arguments, "--output", path)
        assert (found.code, found.err) == (
            2,
            f"{path}: error: this is {what}, not a file\n"
            "    name a file; without this option the output goes to the screen, or into a pipe\n",
        )
    assert not path.is_file()
    found = ran("bill", "--book", book, *DAY, "--yes", "--records", path)
    assert found.code == 2
    assert not (book / LEDGER_FILE).exists()
    work = tmp_path / ".page.txt.part"
    kind(work)
    assert ran("preview", "--book", book, *DAY, "--output", tmp_path / "page.txt").code == 0
    assert (tmp_path / "page.txt").is_file()


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000])
def test_a_name_that_is_too_long(name: str, book: Path, tmp_path: Path, ran: Run) -> None:
    path = tmp_path / name
    for arguments in (
        ("preview", "--book", path), ("preview", "--odoo", "--config", path), ("check", path),
        ("preview", "--book", book, *DAY, "--output", path), ("test", path),
        ("snapshot", "--book", book, path), ("openings", "--book", book, "--from", path),
        ("bill", "--book", book, *DAY, "--yes", "--records", path),
    ):  # fmt: skip
        found = ran(*arguments)
        assert found.code == 2, (arguments, found)
        assert "name too long" in found.err or "no such folder" in found.err, found.err


def test_a_book_that_changes_while_it_is_billed(
    book: Path, ran: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from klausel_book import source

    read = source.read_book

    def changing(folder: Path, damaged: bool = False) -> Any:
        with (folder / "entries.csv").open("a") as stream:
            found = read(folder, damaged)
            stream.write("\n")
        return found

    monkeypatch.setattr(source, "read_book", changing)
    found = ran("bill", "--book", book, *DAY, "--yes")
    assert found.code == 1
    assert "0 drafts written, 0 customers settled." in found.out
    assert "was refused: the book was changed since it was read\n    run it again\n" in found.out
