"""Which reason is of which line: marks, the same in every output (semantics 15)."""

from __future__ import annotations

import base64
import csv
import io
import json
import zlib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from klausel.activity import records
from klausel.archive import archived, restored
from klausel.explain import Explainer
from klausel.formats import View, render
from klausel.formats.activity import render as render_activity
from klausel.formats.explain import render as render_explain
from klausel.port import Application
from klausel.problems import Where
from klausel.result import Because, Draft, Marks, Result
from klausel.scenario import play, read_scenario
from klausel_odoo.moves import payload

CASES = Path(__file__).parent / "cases"


@pytest.fixture(scope="module")
def result() -> Result:
    """A plain line, an urgent one and one of a Saturday."""
    text = (CASES / "surcharge" / "reason-on-the-line.yaml").read_text(encoding="utf-8")
    found = play(read_scenario(text, "case"))[0][0].result
    assert found is not None
    return found


def moved(result: Result, refresh: bool, lines: slice = slice(None)) -> list[dict[str, Any]]:
    """The lines of the draft as Odoo gets them; there customers have numbers, as have entries."""
    draft = result.drafts[0]
    bare = tuple(line._replace(entries=()) for line in draft.lines[lines])
    draft = draft._replace(customer="7", lines=bare)
    book = replace(result.book, customers={"7": result.book.customers["c1"]})
    application = Application("7", result.as_of, 0, (draft,), ())
    (found,) = payload(application, book, 1, 1, refresh)["moves"]
    return list(found["lines"])


def test_the_preview_ties_reasons_to_lines(result: Result) -> None:
    text = " ".join(render(result, "text", View(100)).split())
    assert "Service, Januar 2026 [3] 1.00 h × 100.00 100.00" in text
    assert "Service, Januar 2026 [1] [3] 1.00 h × 150.00 150.00" in text
    assert "Service, Januar 2026 [2] [3] 1.00 h × 125.00 125.00" in text
    assert (
        "because [1] U1 (clause 3.4): Eiliges kostet die Hälfte mehr."
        " because [2] U2: Zuschlag: Preis mal 1,25"
        " because [3] otherwise: Was im Alltag anfällt."
    ) in text
    details = " ".join(render(result, "text", View(100, False, True)).split())
    assert "[1] [3] 1.00 h × 150.00 150.00 because [1] U1 (clause 3.4)" in details


def test_json_has_the_same_numbers(result: Result) -> None:
    lines = json.loads(render(result, "json", View()))["drafts"][0]["lines"]
    assert [[(b["mark"], b["rule"]) for b in line["because"]] for line in lines] == [
        [(3, "otherwise")], [(3, "otherwise"), (1, "U1")], [(3, "otherwise"), (2, "U2")],
    ]  # fmt: skip


def test_so_does_the_record_and_a_record_made_again(result: Result) -> None:
    (found,) = records(result, None)
    for some in (found, restored(archived(found))):
        page = render_activity([some], "html")
        assert '<th scope="row" class="what">Service, Januar 2026 [1]</th>' in page
        assert '<th scope="row" class="what">Service, Januar 2026</th>' in page
        assert '<p class="note">[1] Ziffer 3.4: Eiliges kostet die Hälfte mehr.</p>' in page
        assert '<p class="note">[2] Zuschlag: Preis mal 1,25</p>' in page
        assert "Alltag" not in page, "the customer is told what rests on a clause or costs more"
        text = render_activity([some], "text")
        assert ": Service, Januar 2026 [1]\n" in text
        assert "Grund\n  [1] Ziffer 3.4: Eiliges kostet die Hälfte mehr.\n  [2] Zuschlag:" in text
        rows = csv.DictReader(io.StringIO(render_activity([some], "csv")))
        assert [row["because"] for row in rows] == [
            "", "[1] Ziffer 3.4: Eiliges kostet die Hälfte mehr.", "[2] Zuschlag: Preis mal 1,25",
        ]  # fmt: skip


def test_a_record_that_was_kept_without_reasons_is_read(result: Result) -> None:
    (found,) = records(result, None)
    bare = found._replace(
        records=tuple(
            record._replace(
                draft=record.draft._replace(
                    lines=tuple(line._replace(because=()) for line in record.draft.lines)
                )
            )
            for record in found.records
        )
    )
    text = archived(found)
    data = json.loads(zlib.decompress(base64.b64decode(text)))
    for record in data["records"]:
        record["lines"] = [line[:-1] for line in record["lines"]]  # as the version before wrote it
    old = base64.b64encode(zlib.compress(json.dumps(data).encode())).decode()
    page = render_activity([restored(old)], "html")
    assert page == render_activity([restored(archived(bare))], "html")
    assert "[1]" not in page


def test_the_invoice_has_them_on_lines_and_notes(result: Result) -> None:
    lines = moved(result, refresh=False)
    assert [(line["display_type"], line["name"], line["marks"]) for line in lines] == [
        ("", "Service, Januar 2026", []),
        ("", "Service, Januar 2026", [1]),
        ("", "Service, Januar 2026", [2]),
        ("line_note", "Ziffer 3.4: Eiliges kostet die Hälfte mehr.", [1]),
        ("line_note", "Zuschlag: Preis mal 1,25", [2]),
    ]
    alone = slice(1, 2)
    assert [line["marks"] for line in moved(result, False, alone)] == [[], []]
    assert [line["marks"] for line in moved(result, True, alone)] == [[1], [1]]


def test_explain_says_the_surcharge_in_the_language_that_is_asked(result: Result) -> None:
    explainer = Explainer(result)
    key = next(str(line.key) for line in result.drafts[0].lines if line.amount == Decimal(150))
    line = explainer.line(key)
    assert line is not None
    assert "Urgent work costs half as much again." in render_explain([line], "text", "en")


def reason(rule: str, clause: str = "", dear: bool = False) -> Because:
    return Because(rule, clause, Where("f", 1), rule, dear)


def test_a_single_line_needs_no_mark(result: Result) -> None:
    line = result.drafts[0].lines[1]
    one = result.drafts[0]._replace(lines=(line,))
    assert Marks(one).behind(line) == ""
    assert Marks(one).before(line.because[0]) == ""
    assert Marks(result.drafts[0]).behind(line) == " [1] [3]"


def test_what_the_customer_is_told_is_numbered_first(result: Result) -> None:
    line = result.drafts[0].lines[0]
    a, b, c, d = reason("a"), reason("b", "1.1"), reason("c"), reason("d", dear=True)
    draft: Draft = result.drafts[0]._replace(
        lines=(line._replace(because=(a, b)), line._replace(because=(c, b, d)))
    )
    assert [(number, one.rule) for number, one in Marks(draft)] == [
        (1, "b"), (2, "d"), (3, "a"), (4, "c"),
    ]  # fmt: skip
    assert Marks(draft).behind(draft.lines[1]) == " [1] [2] [4]"
    assert Marks(draft).behind(draft.lines[1], told=True) == " [1] [2]"
