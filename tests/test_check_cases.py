"""What ``klausel check`` says, to the letter: ``cases/check-errors``, one subject a file.

``NAME.yaml`` is a policy that can be read and ``NAME.txt`` all that is said about it, with the
exit code at the end; a folder ``NAME`` is a book, whose policies are checked with it.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import cli
from klausel.policy.check.finding import SENTENCES

CASES = Path(__file__).parent / "cases" / "check-errors"
NAMES = sorted(path.stem for path in CASES.glob("*.txt"))
BASE = CASES.parent / "book-errors" / "_base"

Capture = pytest.CaptureFixture[str]
Patch = pytest.MonkeyPatch


def said(name: str, place: Path, capsys: Capture) -> str:
    """Output and exit code of the check of case ``name``, in the empty folder ``place``."""
    arguments = ["check", "--as-of", "2026-06-01"]
    if (CASES / name).is_dir():
        shutil.copytree(BASE, place / "book")
        shutil.copytree(CASES / name, place / "book", dirs_exist_ok=True)
        arguments += ["--book", "book"]
    else:
        shutil.copy(CASES / f"{name}.yaml", place / "policy.yaml")
    code = cli.run(arguments)
    out, err = capsys.readouterr()
    assert err == ""
    return f"{out}exit {code}\n"


@pytest.mark.parametrize("name", NAMES)
def test_case(name: str, tmp_path: Path, monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.chdir(tmp_path)
    expected = (CASES / f"{name}.txt").read_text(encoding="utf-8")
    assert said(name, tmp_path, capsys) == expected


def test_every_case_has_its_answer() -> None:
    cases = {path.stem for path in CASES.iterdir() if path.suffix != ".txt"}
    assert cases == set(NAMES)


def test_every_sentence_has_a_case() -> None:
    together = "".join((CASES / f"{name}.txt").read_text(encoding="utf-8") for name in NAMES)
    unsaid = []
    for name, sentence in SENTENCES.items():
        text = re.sub(r"\\\{\w+\\\}", ".*", re.escape(sentence.text))
        if not re.search(f": {sentence.severity}: {text} \\[{name.partition(':')[0]}\\]", together):
            unsaid.append(name)
    assert unsaid == ["too-entangled"], "it takes a file beyond reason; test_check_pages has it"
