"""What Odoo reads of the records that runs keep is what the program has kept."""

from __future__ import annotations

import base64
import importlib.util
import json
import sys
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from klausel.activity import CustomerRecord, Record, records
from klausel.archive import archived, restored
from klausel.formats.activity.words import WORDS
from tests import activity_scene
from tests.test_held_words import CODES

READER = (
    Path(__file__).parents[1] / "addon" / "klausel_billing" / "models" / "activity_record.py"
)  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> ModuleType:
    """The addon's module by itself: it needs nothing of Odoo."""
    spec = importlib.util.spec_from_file_location("addon_activity_record", READER)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def kept(language: str) -> list[CustomerRecord]:
    """Of both months."""
    return [found for result in activity_scene.scene(language) for found in records(result)]


@pytest.mark.parametrize("language", ["en", "de", "nl"])
def test_odoo_reads_all_of_a_record(reader: ModuleType, language: str) -> None:
    kinds = set()
    for found in kept(language):
        text = archived(found)
        ours, theirs = restored(text).records, reader.restored(text)
        assert len(ours) == len(theirs) > 0
        for one, other in zip(ours, theirs, strict=True):
            same(found, one, other)
            kinds |= {section.kind for section in other.sections}
    assert kinds == set(reader.KINDS)


def same(found: CustomerRecord, one: Record, other: Any) -> None:
    assert other.customer == found.customer.name
    assert (other.language, other.as_of) == (found.language, found.as_of)
    assert (other.first, other.last, other.seconds) == (one.first, one.last, one.seconds)
    assert other.kind == one.draft.kind
    assert other.contracts == tuple(contract.code for contract in one.contracts)
    orders = (contract.po_number for contract in one.contracts if contract.po_number)
    assert other.orders == tuple(dict.fromkeys(orders))
    assert [tuple(key) for key in other.keys] == [tuple(line.key) for line in one.draft.lines]
    assert [tuple(move) for move in other.movements] == [tuple(move) for move in one.movements]
    assert len(other.sections) == len(one.sections)
    for mine, its in zip(one.sections, other.sections, strict=True):
        requests = mine.requests or (mine.line is not None and mine.line.unit == "piece")
        assert (its.kind, its.title, its.requests) == (mine.kind, mine.title, requests)
        assert [tuple(row) for row in its.rows] == [tuple(row) for row in mine.rows]


def packed(data: Any) -> str:
    return base64.b64encode(zlib.compress(json.dumps(data).encode())).decode()


def unpacked(text: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(text)))


def test_odoo_reads_no_other_form(reader: ModuleType) -> None:
    data = unpacked(archived(kept("de")[0]))
    assert reader.restored(packed(data))
    with pytest.raises(ValueError, match=r"^form 2$"):
        reader.restored(packed({**data, "form": 2}))
    broken: list[str] = [
        "", "AAAA", "no base64 é", packed([]), packed(None), packed({"form": 1}),
        packed({**data, "as_of": "yesterday"}), packed({**data, "customer": "x"}),
    ]  # fmt: skip
    for name in data["records"][0]:
        one = {key: value for key, value in data["records"][0].items() if key != name}
        broken.append(packed({**data, "records": [one]}))
        broken.append(packed({**data, "records": [{**one, name: [7]}]}))
    for text in broken:
        with pytest.raises(ValueError, match=r"."):
            reader.restored(text)


@pytest.mark.parametrize("code", sorted(CODES))
def test_customers_read_why_time_waits_in_words(code: str) -> None:
    for language, words in WORDS.items():
        assert words.get(code), (code, language)
    writer = READER.with_name("account_move_record.py").read_text(encoding="utf-8")
    assert f'"{code}": env._("{WORDS["en"][code]}")' in writer
