"""Every finding has a page; its first example yields the finding, the one to mend it does not."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from klausel.policy import Policy, load_policy
from klausel.policy.check import BY_DESIGN, CODES, Checked, Raw, check
from klausel.policy.check.finding import SENTENCES
from klausel.policy.check.gaps import only_otherwise
from klausel.policy.check.space import Steps, TooEntangled
from klausel.policy.load import POLICY_FILE
from klausel.problems import CATALOG
from klausel.tree import parse

PAGES = Path(__file__).parents[1] / "rules" / "klausel" / "policy" / "check" / "pages"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
AS_OF = date(2026, 6, 1)

#: Problems of reading that have a page too.
OF_THE_LOADER = {"policy-rules-overlap"}

#: It takes a file beyond reason, more than one file, or a book.
WITHOUT_EXAMPLE = {"too-entangled", "file-unread", "included-unpaid"}


def codes_of(text: str) -> set[str]:
    policy = load_policy("", {POLICY_FILE: text})
    if isinstance(policy, list):
        return {problem.code for problem in policy}
    return {found.code for found in check(policy, Raw(parse(text, POLICY_FILE)), AS_OF)}


def test_every_code_has_a_page() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == CODES.keys() | OF_THE_LOADER
    assert CODES.keys() >= BY_DESIGN
    assert not CODES.keys() & CATALOG.keys(), "a code stands for one thing"
    for name, sentence in SENTENCES.items():
        assert sentence.text, name
        assert sentence.suggestion, name


@pytest.mark.parametrize("code", sorted(CODES.keys() | OF_THE_LOADER & CATALOG.keys()))
def test_page(code: str) -> None:
    text = (PAGES / f"{code}.md").read_text(encoding="utf-8")
    head, severity = re.match(r"# (\S+)\n\nSeverity: (\w+)", text).groups()  # type: ignore[union-attr]
    assert head == code
    if code in CODES:
        assert severity == CODES[code]
    assert "\n## What to do\n" in text
    assert max(map(len, text.splitlines())) <= 130
    blocks = BLOCK.findall(text)
    if code in WITHOUT_EXAMPLE:
        return
    bad, mended = blocks
    assert code in codes_of(bad)
    assert code not in codes_of(mended)
    assert not codes_of(mended) & CATALOG.keys(), "it can be read"


def entangled(fields: int) -> str:
    """A policy whose rules ask for three fields each, criss-cross."""
    lines = ["policy: entangled", 'version: "1"', "fields:"]
    for number in range(fields):
        lines += [f"  f{number}:", "    one_of: [a, b]", "    from:"]
        lines += [f"      - {{task_tag: t{number}, is: a}}", "      - {otherwise: b}"]
    lines += ["scope:", "  rules:"]
    for number in range(fields * 4):
        wanted = {(number * 7 + step * step * 5 + number // fields) % fields for step in range(3)}
        when = ", ".join(f"f{place}: {'ab'[(number + place) % 2]}" for place in sorted(wanted))
        lines.append(f"    - {{id: R{number}, when: {{{when}}}, then: service, because: So.}}")
    lines.append("  otherwise: {then: included, because: The rest.}")
    return "\n".join(lines) + "\n"


def test_rules_beyond_reason_end_and_are_said() -> None:
    text = entangled(12)
    policy = load_policy("", {POLICY_FILE: text})
    assert isinstance(policy, Policy)
    raw = Raw(parse(text, POLICY_FILE))
    with pytest.raises(TooEntangled):
        list(only_otherwise(Checked(policy, raw, AS_OF, steps=Steps(50))))
    assert "too-entangled" not in {found.code for found in check(policy, raw, AS_OF)}
    found = check(policy, raw, AS_OF, most_steps=50)
    said = {one.message for one in found if one.code == "too-entangled"}
    assert "the rules are too entangled to find out everything: what only otherwise decides" in said
