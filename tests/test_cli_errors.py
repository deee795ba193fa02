"""The command line's mistakes: every file below ``cases/cli-errors`` is a command that fails.

``args`` run in a folder that holds a book (``book``), an empty folder (``existing``) and a file
(``notes.txt``). ``stderr`` is all that is said, word by word; ``error`` is how the last line
begins after "Error: ", for what the option parser itself says below a line on usage.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import cli
from klausel.tree import parse

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in (CASES / "cli-errors").glob("*.yaml"))
ROOT = Path(__file__).parents[1]

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (b"w\xf6rd", "the password is not UTF-8 text\n    set it as UTF-8 text\n"),
        (b"\xff\xfe", "the password is not UTF-8 text\n    set it as UTF-8 text\n"),
        (
            b"word\n",
            "the password ends with a line end\n    take that off: nobody can log in with it\n",
        ),
    ],
)
def test_a_password_of_any_bytes(word: bytes, said: str, tmp_path: Path) -> None:
    """As the environment has it: what is no text is refused before it is sent."""
    environment = {**os.environb, b"KLAUSEL_ODOO_PASSWORD": word, b"KLAUSEL_ODOO_TRANSPORT": b""}
    done = subprocess.run(
        [
            sys.executable, str(Path(cli.__file__)), "preview", "--odoo", "--url",
            "https://odoo.invalid", "--database", "d", "--login", "l",
        ],
        env=environment, cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.decode()) == (2, f"KLAUSEL_ODOO_PASSWORD: error: {said}")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A folder to stand in, with what the commands are about."""
    shutil.copytree(CASES / "book-errors" / "_base", tmp_path / "book")
    (tmp_path / "existing").mkdir()
    (tmp_path / "notes.txt").write_text("A file, not a folder.\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KLAUSEL_DEBUG", raising=False)
    monkeypatch.setenv("KLAUSEL_ODOO_PASSWORD", "secret")
    return tmp_path


def contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", NAMES)
def test_mistake(name: str, place: Path, capsys: Capture) -> None:
    text = (CASES / "cli-errors" / f"{name}.yaml").read_text(encoding="utf-8")
    case = parse(text, name).data
    assert set(case) <= {"args", "exit", "stderr", "error"}
    before = contents(place)
    code = cli.run(case["args"])
    out, err = capsys.readouterr()
    assert code == int(case["exit"])
    assert out == ""
    if "stderr" in case:
        assert err == case["stderr"]
    else:
        last = err.splitlines()[-1]
        assert last.startswith("Error: " + case["error"].strip())
    assert contents(place) == before, "a command that fails leaves nothing behind"


def test_a_broken_book_stops_every_command(place: Path, capsys: Capture) -> None:
    (place / "book" / "contracts.yaml").unlink()
    said = "contracts.yaml: error: the file is missing\n"
    said += "    a book has a contracts.yaml; an empty one is fine\n"
    for arguments in (["preview", "--book", "book"], ["snapshot", "--book", "book", "new"]):
        assert cli.run(arguments) == 2
        assert capsys.readouterr() == ("", said)
    assert not (place / "new").exists()


def test_a_broken_policy_stops_every_command(place: Path, capsys: Capture) -> None:
    """One sentence, whoever reads it; ``check`` shows the place as well."""
    path = place / "book" / "policies" / "care" / "policy.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("then: inc", "then: ink"))
    said = 'book/policies/care/policy.yaml:16:7: error: "then": inkluded is not known\n'
    said += '    did you mean "included"?\n'
    odoo = ["--odoo", "--url", "http://localhost:1", "--database", "d", "--login", "l"]
    for arguments in (
        ["test", "book"],
        ["test", "--book", "book", "--propose"],
        ["diff", "--book", "book", "book", "book"],
        ["publish", *odoo, "--policies", "book/policies"],
        ["publish", *odoo, "--policies", "book/policies", "care"],
    ):
        assert cli.run(arguments) == 2
        assert capsys.readouterr() == ("", said)
    assert cli.run(["explain", "--book", "book", "--as-of", "2026-07-01", "e1"]) == 2
    assert said.removeprefix("book/") in capsys.readouterr().err
    assert cli.run(["check", "book"]) == 2
    out, err = capsys.readouterr()
    assert out.splitlines()[0] == said.splitlines()[0] + " [value-choice]"
    assert err == ""


def test_a_waiting_customer_is_said_and_fails_the_run(place: Path, capsys: Capture) -> None:
    """On the screen the problems stand at the end of the preview, not a second time."""
    contracts = place / "book" / "contracts.yaml"
    contracts.write_text(contracts.read_text(encoding="utf-8").replace('"50.00"', "fifty"))
    run = ["preview", "--book", "book", "--as-of", "2026-07-01"]
    said = 'contracts.yaml:6:29: error: "price": fifty is not a number\n'
    said += "    write a plain number such as 12 or 12.50\n"
    assert cli.run(run) == 2
    out, err = capsys.readouterr()
    assert out.endswith(said)
    assert out.count("fifty") == 1
    assert err == ""
    assert "Bicycles Meyer" in out
    assert cli.run([*run, "--output", "result.txt"]) == 2
    assert capsys.readouterr() == ("", said)
    assert (place / "result.txt").read_text(encoding="utf-8") == out


def test_our_own_bug_is_one_sentence(place: Path, monkeypatch: Patch, capsys: Capture) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug for this test")

    monkeypatch.setattr("klausel_run.preview.bill", broken)
    run = ["preview", "--book", "book", "--as-of", "2026-07-01"]
    said = """internal error: ZeroDivisionError: a bug for this test
    This is a mistake in Klausel; no customer is half written. Report it
    with the output of the same command after: export KLAUSEL_DEBUG=1
"""
    assert cli.run(run) == 70
    assert capsys.readouterr() == ("", said)
    monkeypatch.setenv("KLAUSEL_DEBUG", "1")
    assert cli.run(run) == 70
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(said + "Traceback (most recent call last):\n")
    assert err.endswith("ZeroDivisionError: a bug for this test\n")


@pytest.mark.parametrize("arguments", [[], ["--format", "json", "--details"]], ids=["text", "json"])
def test_a_reader_that_stops_early(arguments: list[str]) -> None:
    """``klausel demo | head -1``: a real pipe, closed after the first line."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("rules", "connector", ".")),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "cli", "demo", *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert err == ""
    assert process.returncode == 0
