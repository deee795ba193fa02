"""Why time waits, as Odoo says it to whoever did the work: in the words of the preview."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from klausel.approvals import BEFORE_ROUNDING, LIMIT, NO_HOURS, NO_TERM, OVER_BUDGET
from klausel.formats.explain import words
from klausel.formats.text import HELD

ADDON = Path(__file__).parent.parent / "addon/klausel_billing"
#: What may stand on record.
CODES = {*BEFORE_ROUNDING, NO_HOURS, NO_TERM, OVER_BUDGET}


def sentences() -> dict[str, str]:
    """The addon's sentence for each code, as its source has them."""
    tree = ast.parse((ADDON / "models/held.py").read_text(encoding="utf-8"))
    (function,) = (
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "sentences"
    )

    def text(node: ast.expr) -> str:
        if isinstance(node, ast.Name):
            return named[node.id]
        assert isinstance(node, ast.Call)
        assert ast.unparse(node.func) == "env._"
        (argument,) = node.args
        return str(ast.literal_eval(argument))

    named: dict[str, str] = {}
    for node in function.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named[node.targets[0].id] = text(node.value)
    (table,) = (node.value for node in function.body if isinstance(node, ast.Return))
    assert isinstance(table, ast.Dict)
    return {
        str(ast.literal_eval(key)): text(value)
        for key, value in zip(table.keys, table.values, strict=True)
        if key is not None
    }


def translated(language: str) -> dict[str, str]:
    with (ADDON / f"i18n/{language}.po").open("rb") as file:
        catalog = read_po(file)
    return {str(message.id): str(message.string) for message in catalog if message.id}


def test_every_code_has_a_sentence() -> None:
    assert sentences().keys() == CODES


def test_it_is_the_sentence_of_the_preview() -> None:
    assert HELD.keys() == CODES - {OVER_BUDGET}
    for code, said in sentences().items():
        # What a budget holds is shown as what lies beyond a limit.
        shown = HELD[LIMIT if code == OVER_BUDGET else code]
        assert said == shown[0].upper() + shown[1:], code


@pytest.mark.parametrize("language", ["de", "nl"])
def test_an_explanation_says_the_same_in_other_languages(language: str) -> None:
    known = translated(language)
    said = {code: known[text] for code, text in sentences().items()}
    assert len(set(said.values())) == len(set(sentences().values()))
    assert said[LIMIT] == words.WORDS[language]["limit"]
    # And calls things what an explanation calls them.
    approval = {"de": "Freigabe des Kunden", "nl": "akkoord van de klant"}[language]
    term = {"de": "Keine Kondition des Vertrags", "nl": "Geen voorwaarde van het contract"}
    assert approval in words.WORDS[language]["needs"]
    for code in ("pending", "not_requested"):
        assert approval in said[code]
    assert words.WORDS[language]["no_term"].startswith(term[language])
    assert said["no_term"].startswith(term[language])
