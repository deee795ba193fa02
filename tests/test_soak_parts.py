"""Every test that does more in a soak run belongs to one named part of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests import soak

TESTS = Path(__file__).parent
#: What makes a test do more: examples by the profile, a mark, the option.
DOES_MORE = re.compile(r"^from hypothesis|mark\.soak|option\(.--soak", re.MULTILINE)


def named() -> list[str]:
    return [path for paths in soak.PARTS.values() for path in paths]


def test_every_test_that_does_more_is_in_one_part() -> None:
    found = {
        path.relative_to(TESTS).as_posix()
        for path in TESTS.rglob("test_*.py")
        if path.name != "test_soak_parts.py" and DOES_MORE.search(path.read_text(encoding="utf-8"))
    }
    assert found - set(named()) == set()
    assert len(named()) == len(set(named()))
    assert [path for path in named() if not (TESTS / path.partition("::")[0]).is_file()] == []


def test_an_unknown_part_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert soak.main(["oracles"]) == 2
    assert capsys.readouterr().err.startswith(
        "no part oracles; there are: people, hostile, oracle, "
    )


@pytest.mark.parametrize(("good", "code"), [("assert True", 0), ("assert False", 1)])
def test_a_part_says_what_came_of_it(
    good: str,
    code: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        f"import os\ndef test_a():\n    assert os.environ['KLAUSEL_SEED'] == '7'\n    {good}\n"
    )
    (tmp_path / "tests" / "conftest.py").write_text(
        "def pytest_addoption(parser):\n    parser.addoption('--soak', action='store_true')\n"
        "def pytest_terminal_summary(terminalreporter):\n"
        "    terminalreporter.section('counted')\n"
        "    terminalreporter.write_line('      3 lives')\n"
    )
    monkeypatch.setattr(soak, "ROOT", tmp_path)
    monkeypatch.setattr(soak, "REPORTS", tmp_path / ".soak")
    monkeypatch.setattr(soak, "PARTS", {"one": ("test_a.py",)})
    monkeypatch.setenv("KLAUSEL_SEED", "7")
    assert soak.main([]) == code
    said = capsys.readouterr().out
    assert said.startswith("KLAUSEL_SEED=7: one; reports in .soak/\none: ")
    word, count = ("passed", "1 passed in") if not code else ("FAILED", "1 failed in")
    assert re.search(rf"^one: {word}, 0\.\d min, \d+ MB: {count} .*\n      3 lives$", said, re.M)
    assert f"\n{1 - code} of 1 parts passed in 0." in said
