"""The addon's own tests, run by Odoo itself on a database with demo data, and its translations."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from tests.counts import count
from tests.odoo.places import ADDONS
from tests.odoo.server import Server

pytestmark = pytest.mark.odoo

RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")
I18N = ADDONS / "klausel_billing" / "i18n"
#: What a translation has in common with its original: values to put in, and tags.
FIXED = re.compile(r"%(?:\(\w+\))?s|</?\w+[^>]*>")


def test_addon_passes_its_own_tests(odoo_server: Server) -> None:
    database = odoo_server.clone().database
    try:
        log = odoo_server.run_tests(database, "/klausel_billing")
    finally:
        odoo_server.drop(database)
    results = [tuple(map(int, found)) for found in RESULT.findall(log)]
    assert results, log[-4000:]
    failed, errors, ran = results[-1]
    assert (failed, errors) == (0, 0), "\n".join(
        line for line in log.splitlines() if "FAIL" in line or "ERROR" in line
    )
    assert ran >= 70
    count("tests of the addon, run by Odoo", ran)


def messages(path: Path) -> dict[str, Message]:
    """By original, without the header."""
    with path.open("rb") as file:
        catalog: Catalog = read_po(file)
    return {str(message.id): message for message in catalog if message.id}


def test_the_template_of_the_translations_is_what_odoo_exports(
    odoo_server: Server, tmp_path: Path
) -> None:
    database = odoo_server.clone().database
    exported = tmp_path / "klausel_billing.pot"
    try:
        odoo_server.cli(database, "i18n", "export", "--output", str(exported), "klausel_billing")
    finally:
        odoo_server.drop(database)

    def places(path: Path) -> dict[str, set[str]]:
        return {text: {place for place, _ in m.locations} for text, m in messages(path).items()}

    known, found = places(I18N / "klausel_billing.pot"), places(exported)
    assert sorted(found.keys() - known.keys()) == [], "new texts: odoo i18n export"
    assert sorted(known.keys() - found.keys()) == [], "texts that are gone: odoo i18n export"
    assert known == found


@pytest.mark.parametrize("language", ["de", "nl"])
def test_every_text_of_the_addon_is_translated(language: str) -> None:
    template = messages(I18N / "klausel_billing.pot")
    found = messages(I18N / f"{language}.po")
    assert found.keys() == template.keys()
    assert [text for text, message in found.items() if not message.string] == []
    assert [text for text, message in found.items() if message.fuzzy] == []
    assert [
        text
        for text, message in found.items()
        if sorted(FIXED.findall(text)) != sorted(FIXED.findall(str(message.string)))
    ] == []
    count(f"texts of the addon in {language}", len(found))
