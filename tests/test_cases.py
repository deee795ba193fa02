"""Worked examples: every file below ``tests/cases`` that is a scenario is a test."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from klausel.scenario import play, read_scenario
from tests.counts import count

CASES = Path(__file__).parent / "cases"
SCENARIOS = sorted(
    path
    for path in CASES.rglob("*.yaml")
    if not any("errors" in part for part in path.relative_to(CASES).parts[:-1])
)  # folders of bad input have tests of their own
ISSUE_IN_WORK = 3


def name(path: Path) -> str:
    return str(path.relative_to(CASES).with_suffix(""))


@pytest.mark.parametrize("path", SCENARIOS, ids=name)
def test_case(path: Path, request: pytest.FixtureRequest) -> None:
    text = path.read_text(encoding="utf-8")
    later = later_issue(text)
    if later > ISSUE_IN_WORK:
        request.applymarker(pytest.mark.xfail(reason=f"made to pass by issue {later}", strict=True))
    results, mismatches = play(read_scenario(text, name(path)))
    assert not mismatches, "\n".join(str(mismatch) for mismatch in mismatches)
    for result in (run.result for run in results if run.result is not None):
        live = [row for row in result.book.ledger if row.state == "live"]
        places = Counter((row.key, row.entry, row.lot) for row in (*live, *result.settlements))
        assert max(places.values(), default=1) == 1, places.most_common(2)


def later_issue(text: str) -> int:
    """The issue that a case waits for, 0 where it waits for none."""
    for line in text.splitlines():
        if line.startswith("issue:"):
            return int(line.removeprefix("issue:"))
    return 0


def test_no_case_is_forgotten() -> None:
    """Counts cases that wait for later work; a case of finished work must not be marked."""
    waiting = {path: later_issue(path.read_text(encoding="utf-8")) for path in SCENARIOS}
    stale = [name(path) for path, issue in waiting.items() if 0 < issue <= ISSUE_IN_WORK]
    later = sum(1 for issue in waiting.values() if issue > ISSUE_IN_WORK)
    count("scenario files", len(SCENARIOS))
    count("scenario files that wait for later issues", later)
    assert not stale
    assert len(SCENARIOS) - later >= 50
