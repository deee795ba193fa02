"""What the program says of a request is known to the addon, which says it in other languages."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from klausel_run.work import CAME

MODULE = Path(__file__).parents[1] / "addon/klausel_billing/models/program_words.py"


class Environment:
    """Whatever is translated stands in marks."""

    lang = "de_DE"

    def _(self, text: str, *values: Any, **named: Any) -> str:
        return f"«{text % (values or named) if values or named else text}»"


@pytest.fixture(scope="module")
def words() -> Any:
    spec = importlib.util.spec_from_file_location("program_words", MODULE)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_every_end_is_known(words: Any) -> None:
    said = ["1 customer looked at.", "23 customers looked at.", "Cancelled. Nothing was written.",
            "Cancelled. Drafts written for 2 customers stay.",
            "Drafts written for 1 of 2 customers.", "There is nothing to be written."]  # fmt: skip
    said += [f"{number} {text[number > 1]}." for number in (1, 2) for text in CAME.values()]
    said.append(" ".join(("Drafts written for 1 of 8 customers.", *said[-6:])))
    for text in said:
        left = re.sub(r"«[^«»]*»", "", words.translated(Environment(), text))
        assert left.strip() == "", text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            "The facts have changed since: 3 lines, 1,234.00 EUR; was nothing",
            "«The facts have changed since. Now: «lines: 3», 1,234.00 EUR; before: «nothing»»",
        ),
        (
            "The facts have changed since: nothing",
            "«The facts have changed since. Now: «nothing»»",
        ),
        (
            "contract X: has no rate. Drafts written for 2 customers stay.",
            "contract X: has no rate. «Customers whose new drafts stay: 2.»",
        ),
        ("something else", "something else"),
        ("", ""),
    ],
)
def test_causes_stay_as_they_are(words: Any, text: str, wanted: str) -> None:
    assert words.translated(Environment(), text) == wanted


def test_english_is_what_the_program_says(words: Any) -> None:
    english = Environment()
    english.lang = "en_GB"
    assert words.translated(english, "1 customer looked at.") == "1 customer looked at."


def test_what_it_is_at(words: Any) -> None:
    source = (MODULE.parents[3] / "connector/klausel_run/work.py").read_text()
    found = set(re.findall(r'_is_at\([^"]*"(\w+)"', source))
    assert len(found) == 4
    for text in found:
        assert words.doing(Environment(), text).startswith("«")
