"""The maker of mutants, and the list of those that nobody has to notice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import CORE, FILES
from tests.mutants.accepted import accepted
from tests.mutants.make import mutants

SOURCE = '''"""About the module."""
LIMIT = 3


def worth(hours: int, price: int, free: bool = False) -> int:
    """What it costs."""
    if free or hours <= LIMIT:
        return 0
    total = sum(price for _ in range(hours) if price)
    total += max(hours - LIMIT, 0)
    return total
'''

MADE = """
module: LIMIT = 4
module: LIMIT = 2
worth: def worth(hours: int, price: int, free: bool = True) -> int:
worth: if True:
worth: if False:
worth: if (free and hours <= LIMIT):
worth: if (hours <= LIMIT):
worth: if free:
worth: if free or (hours < LIMIT):
worth: if free or (hours >= LIMIT):
worth: return 1
worth: return -1
worth: total = sum(price for _ in range(hours) if True)
worth: pass
worth: total -= max(hours - LIMIT, 0)
worth: total = max(hours - LIMIT, 0)
worth: total += min(hours - LIMIT, 0)
worth: total += (hours - LIMIT)
worth: total += 0
worth: total += max((hours + LIMIT), 0)
worth: total += max(hours - LIMIT, 1)
worth: total += max(hours - LIMIT, -1)
"""


def test_what_is_made(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE, encoding="utf-8")
    made = mutants(path, "module.py")
    assert [f"{one.name.function}: {one.name.after}" for one in made] == MADE.split("\n")[1:-1]
    assert {one.inside for one in made} == {None, ("worth", 5)}
    before = SOURCE.splitlines()
    for one in made:
        changed = [
            (old, new)
            for old, new in zip(before, one.source.splitlines(), strict=True)
            if old != new
        ]
        assert [tuple(map(str.strip, pair)) for pair in changed] == [one.name[2:4]]


def test_names_hold_when_lines_move(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(SOURCE, encoding="utf-8")
    names = [one.name for one in mutants(path, "module.py")]
    path.write_text(SOURCE.replace("LIMIT = 3\n", "LIMIT = 3\n\n# more\n\n"), encoding="utf-8")
    assert [one.name for one in mutants(path, "module.py")] == names


def test_what_is_accepted_exists_and_says_why() -> None:
    """A line that is written otherwise is looked at again."""
    made = {mutant.name for file in FILES for mutant in mutants(file, str(file.relative_to(CORE)))}
    listed = [one.name for one in accepted()]
    assert len(listed) == len(set(listed))
    stale = [str(name) for name in listed if name not in made]
    assert not stale, "\n\n".join(stale)
    assert all(len(one.reason.split()) > 3 for one in accepted())


def test_one_without_a_reason_is_refused() -> None:
    block = "period.py add_months\n- month += 1\n+ month -= 1\n"
    (found,) = accepted(block + "= it is only an example\n")
    assert found.reason == "it is only an example"
    with pytest.raises(AssertionError, match="no reason"):
        accepted(block)
