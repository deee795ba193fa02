"""Played tests of policies as text, JSON and JUnit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from klausel.policy import Policy
from klausel.policy_tests.coverage import WORDS, Coverage, Goal
from klausel.policy_tests.play import Outcome
from klausel.policy_tests.propose import Proposal
from klausel.signs import in_json, visible


class Report(NamedTuple):
    """What the tests of one policy came to."""

    policy: Policy
    folder: str
    outcomes: tuple[Outcome, ...]
    coverage: Coverage
    proposals: tuple[Proposal, ...] | None = None
    """None where nobody asked for them."""

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if not outcome.passed]


def text(reports: Sequence[Report]) -> str:
    """For people: what failed and why, what no test reaches."""
    lines = "\n".join(line for report in reports for line in _lines(report))
    return visible(lines.rstrip("\n") + "\n")


def _lines(report: Report) -> list[str]:
    policy, covered = report.policy, report.coverage
    lines = [f"{policy.name} {policy.version}  {report.folder}"]
    for outcome in report.failed:
        lines.append(f"  FAILED {outcome.test.name}")
        lines += [f"    {mismatch}" for mismatch in outcome.mismatches]
    passed = len(report.outcomes) - len(report.failed)
    lines.append(f"  {_count(passed, 'test')} passed, {len(report.failed)} failed")
    lines.append(f"  reached: {_share(covered, False)} rules, {_share(covered, True)} boundaries")
    lines += [f"    {goal.where}: {_missing(goal, covered)}" for goal in covered.missing]
    if report.proposals is None:
        if covered.missing:
            lines.append("    klausel test --propose writes tests for them")
        return lines
    texts = [found.text for found in report.proposals if found.text is not None]
    if texts:
        place = f"{report.folder}/tests/"
        lines.append(f"  Tests to add, each of them passes. Put them into a file in {place}:")
        lines += ["", "tests:", *"".join(texts).splitlines(), ""]
    lines += [
        f"    {found.goal.where}: no example was found for {found.goal.name}; can it ever happen?"
        for found in report.proposals
        if found.text is None
    ]
    return lines


def _missing(goal: Goal, covered: Coverage) -> str:
    if goal not in covered.unnoticed:
        return f"no test reaches {goal.name}"
    return f"tests reach {goal.name}, but none expects its {WORDS.get(goal.kind, 'rule')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _share(covered: Coverage, edges: bool) -> str:
    """How many of all goals are reached, of boundaries or of the others."""
    reached = [goal for goal in covered.reached if (goal.edge is not None) == edges]
    missing = [goal for goal in covered.missing if (goal.edge is not None) == edges]
    return f"{len(reached)} of {len(reached) + len(missing)}"


def as_json(reports: Sequence[Report]) -> str:
    """For programs."""
    return in_json(json.dumps(list(map(_data, reports)), ensure_ascii=False, indent=2) + "\n")


def _data(report: Report) -> dict[str, Any]:
    data: dict[str, Any] = {
        "policy": report.policy.name,
        "version": report.policy.version,
        "hash": report.policy.hash,
        "folder": report.folder,
        "tests": [
            {
                "name": outcome.test.name,
                "place": str(outcome.test.where),
                "passed": outcome.passed,
                "differences": [
                    {
                        "place": str(found.where),
                        "path": found.path,
                        "expected": found.expected,
                        "found": found.found,
                    }
                    for found in outcome.mismatches
                ],
            }
            for outcome in report.outcomes
        ],
        "reached": list(map(_goal, report.coverage.reached)),
        "missing": list(map(_goal, report.coverage.missing)),
    }
    if report.proposals is not None:
        data["proposals"] = [
            {"goal": _goal(found.goal), "test": found.text} for found in report.proposals
        ]
    return data


def _goal(goal: Goal) -> dict[str, str]:
    return {"kind": goal.kind, "name": goal.name, "place": str(goal.where)}


def junit(reports: Sequence[Report]) -> str:
    """For build servers: a test suite a policy."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>"]
    for report in reports:
        lines.append(
            f"  <testsuite name={quoteattr(report.policy.name)}"
            f' tests="{len(report.outcomes)}" failures="{len(report.failed)}">'
        )
        for outcome in report.outcomes:
            where = outcome.test.where
            lines.append(
                f"    <testcase classname={quoteattr(report.policy.name)}"
                f" name={quoteattr(outcome.test.name)}"
                f' file={quoteattr(where.file)} line="{where.line}"'
                + ("/>" if outcome.passed else ">")
            )
            if not outcome.passed:
                said = [str(mismatch) for mismatch in outcome.mismatches]
                lines.append(f"      <failure message={quoteattr(said[0])}>")
                lines.append(escape("\n".join(said)))
                lines += ["      </failure>", "    </testcase>"]
        lines.append("  </testsuite>")
    return visible("\n".join([*lines, "</testsuites>"]) + "\n")
