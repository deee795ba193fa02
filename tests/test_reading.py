"""A policy read back as sentences (semantics 15): by case, in every language, of any policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from klausel.charges import COMPONENTS
from klausel.policy import Policy, load_policy
from klausel.policy.facts import FACTS
from klausel.reading import Told, told
from klausel.reading.words import FACTS as FACT_NAMES
from klausel.reading.words import WORDS
from klausel.shapes import LANGUAGES
from klausel.texts import DISPOSITIONS
from tests.counts import count

ROOT = Path(__file__).parent.parent
CASES = sorted((ROOT / "tests" / "golden" / "reading").iterdir())
FOLDERS = sorted(
    path.parent
    for place in ("rules/klausel/templates", "connector/klausel_book/demo/policies", "tests/cases")
    for path in (ROOT / place).rglob("policy.yaml")
)


def read(folder: Path) -> Policy | None:
    """The policy of a folder; None where it has errors."""
    try:
        files = {
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*"))
            if path.suffix in (".yaml", ".csv") and path.is_file()
        }
    except UnicodeDecodeError:
        return None  # a case of what is no text
    found = load_policy(folder.name, files)
    return found if isinstance(found, Policy) else None


def page(found: tuple[Told, ...], language: str) -> str:
    lines = []
    for one in found:
        head = " ".join(filter(None, (one.kind, one.name, one.clause, one.disposition)))
        lines += [head, f"  {one.effect[language]}"]
        lines += [f"  “{one.because[language]}”"] if language in one.because else []
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reads_back(case: Path, language: str) -> None:
    policy = read(case)
    assert policy is not None
    expected = (case / f"expected.{language}.txt").read_text(encoding="utf-8")
    assert page(told(policy), language) == expected


ODD = """\
policy: odd
version: "1"
fields:
  work: {one_of: [update, other], from: [{task_tag: Update, is: update}, {otherwise: other}]}
rounding: ROUNDING
approvals:
  - {id: A1, require: approval, per: contract}
  - {id: B1, watch: {amount: contract, budget: 1, hold: yes}}
  - {id: B2, watch: {hours: period, budget: 0.001, notify_at: [50], period: year}}
  - {id: B3, watch: {hours: period, budget: 12, notify_at: [50]}}
scope:
  rules:
    - id: R1
      when: {work: update}
      then: included
      until: 2026-01-31
      because: Early.
      exceptions:
        - {id: R2, when: {work: other}, then: internal, because: Never.}
        - {id: R3, when: {work: [update, other]}, then: internal, from: 2026-02-01, because: Late.}
  otherwise: {then: service, because: By the hour.}
"""


def odd(rounding: str) -> dict[str, str]:
    policy = load_policy("odd", {"policy.yaml": ODD.replace("ROUNDING", rounding)})
    assert isinstance(policy, Policy), policy
    return {one.name: one.effect["en"] for one in told(policy)}


def test_what_is_seldom_said() -> None:
    said = odd("{to: 15m}")
    assert said["A1"] == (
        "All work that is charged: needs the customer's approval, for the contract as a whole,"
        " given before the work."
    )
    budget = "All work that is charged: counts against a budget of"
    assert said["B1"] == f"{budget} 1.00 for the contract; what goes beyond waits."
    assert said["B2"] == f"{budget} 0.001111 h for each year; notice at 50 %."
    assert said["B3"] == f"{budget} 12 h for each month; notice at 50 %."
    assert said["R2"] == "Where work is what nothing is: internal (until 31 Jan 2026)."
    assert said["R3"] == "Where work is update: internal (never in force)."


@pytest.mark.parametrize(
    ("rounding", "text"),
    [
        ("{to: 15m}", "Time is rounded up to full 15 minutes, entry by entry."),
        (
            "{to: 6m, mode: down, per: ticket}",
            "Time is rounded down to full 6 minutes, together for each ticket.",
        ),
        (
            "{to: 1h, mode: nearest, per: day}",
            "Time is rounded to the nearest full 60 minutes, together for each day.",
        ),
        (
            "{to: 15m, per: period}",
            "Time is rounded up to full 15 minutes, together for each period.",
        ),
    ],
)
def test_rounding(rounding: str, text: str) -> None:
    assert odd(rounding)["rounding"] == text


def test_every_language_has_every_word() -> None:
    for table in (WORDS, FACT_NAMES, DISPOSITIONS):
        assert tuple(table) == LANGUAGES
        for language in LANGUAGES:
            assert table[language].keys() == table["en"].keys()
    for language in LANGUAGES:
        assert FACT_NAMES[language].keys() == FACTS.keys()
        for name, text in WORDS[language].items():
            assert text.count("{}") == WORDS["en"][name].count("{}"), (language, name)


def test_every_policy_there_is_can_be_read_back() -> None:
    policies = [policy for folder in FOLDERS if (policy := read(folder)) is not None]
    kinds = set()
    for policy in policies:
        found = told(policy)
        for one in found:
            assert one.effect.keys() == set(LANGUAGES)
            assert all(text.endswith(".") and "{" not in text for text in one.effect.values())
        names = {(one.kind, one.name) for one in found}
        assert {("scope", rule.id) for rule in (*policy.rules, policy.otherwise)} <= names
        assert [one.name for one in found if one.kind == "component"] == [
            f"{plan.name}.{component.id}"
            for plan in policy.plans.values()
            for component in plan.components
        ]
        kinds |= {part.kind for plan in policy.plans.values() for part in plan.components}
    assert kinds == set(COMPONENTS)
    assert len(policies) > 20
    count("policies read back", len(policies))


def test_rules_of_one_id_say_one_sentence() -> None:
    """So that a ledger row, which names an id, finds it whatever its day is."""
    for folder in FOLDERS:
        policy = read(folder)
        sentences: dict[str, set[str]] = {}
        for one in told(policy) if policy is not None else ():
            if one.kind == "scope":
                sentences.setdefault(one.name, set()).add(str(sorted(one.because.items())))
        assert all(len(found) == 1 for found in sentences.values()), folder
