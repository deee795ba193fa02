"""What a draft becomes in Odoo: headings, lines, notes and the text at the bottom (design 4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

from klausel.port import Application
from klausel.result import Result
from klausel.scenario import play, read_scenario
from klausel_book import BookSource
from klausel_book.source import demo_folder
from klausel_odoo.moves import balances_text, payload
from klausel_run.bill import applications
from klausel_run.preview import Options, preview

AS_OF = date(2026, 7, 1)
Sections = Literal["none", "contract", "project"]


@pytest.fixture(scope="module")
def demo() -> Result:
    return preview(BookSource(demo_folder()), Options(AS_OF, record=True))


def move(
    demo: Result, customer: str, sections: Sections = "none", lines: slice = slice(None)
) -> dict[str, Any]:
    """The demo's first draft for ``customer``, who has a number for an id, as in Odoo.

    Its entries, which have none, are left out.
    """
    draft = next(draft for draft in demo.drafts if draft.customer == customer)
    bare = (line._replace(entries=()) for line in draft.lines[lines])
    draft = draft._replace(customer="7", lines=tuple(bare))
    book = replace(
        demo.book,
        customers={**demo.book.customers, "7": demo.book.customers[customer]},
        policies={
            name: replace(policy, sections=sections) for name, policy in demo.book.policies.items()
        },
    )
    (found,) = payload(Application("7", AS_OF, 0, (draft,), ()), book, 1, 1, False)["moves"]
    return dict(found)


def shown(found: dict[str, Any]) -> list[tuple[str, str]]:
    return [(line["display_type"], line["name"]) for line in found["lines"]]


FEE_CLAUSE = (
    "Ziffer 2.5: Die Wartung wird einmal für das Kalenderjahr berechnet; ungenutzte Monate bis auf"
    " einen erstatten wir am Ende."
)
DAILY = "Ziffer 3.1: Was im Alltag anfällt, ist Service und wird nach Zeit berechnet."


def test_without_headings_the_clauses_stand_below_all_lines_each_once(demo: Result) -> None:
    found = shown(move(demo, "c1"))
    lines = [name for kind, name in found if not kind]
    assert lines == [
        "Service je Quartal, Website Tischlerei, 1. Quartal 2026",
        "Service je Quartal, Möbel-Konfigurator, 1. Quartal 2026",
        "Service je Quartal, Website Tischlerei, 2. Quartal 2026",
        "Wartung, ein Jahr im Voraus, 2026",
    ]
    notes = [name for kind, name in found[4:] if kind == "line_note"]
    assert len(found) == 4 + len(notes)
    assert {DAILY, FEE_CLAUSE} <= set(notes)
    assert len(set(notes)) == len(notes)


def test_below_a_projects_heading_its_lines_do_not_name_it_again(demo: Result) -> None:
    found = shown(move(demo, "c1", "project"))
    headings = [name for kind, name in found if kind == "line_section"]
    assert headings == ["Website Tischlerei", "Möbel-Konfigurator"]
    # What is of no project comes first, with its own clause.
    assert found[:3] == [
        ("", "Wartung, ein Jahr im Voraus, 2026"),
        ("line_note", FEE_CLAUSE),
        ("line_section", "Website Tischlerei"),
    ]
    assert found[3:5] == [
        ("", "Service je Quartal, 1. Quartal 2026"),
        ("", "Service je Quartal, 2. Quartal 2026"),
    ]
    assert found[5][0] == "line_note"
    below = found[found.index(("line_section", "Möbel-Konfigurator")) + 1 :]
    assert below[0] == ("", "Service je Quartal, 1. Quartal 2026")
    assert ("line_note", DAILY) in below


def test_below_a_contracts_heading_lines_keep_their_project(demo: Result) -> None:
    found = shown(move(demo, "c1", "contract"))
    headings = [name for kind, name in found if kind == "line_section"]
    assert headings == ["Vertrag SRV-102", "Vertrag WEB-101"]
    assert ("", "Service je Quartal, Möbel-Konfigurator, 1. Quartal 2026") in found


@pytest.mark.parametrize(
    ("customer", "lines", "expected"),
    [
        ("c1", slice(0, 2), "Vertrag SRV-102\nLeistungszeitraum: 01.01.2026 – 31.03.2026"),
        ("c1", slice(None), "Verträge SRV-102, WEB-101\n"
         "Leistungszeitraum: 01.01.2026 – 31.12.2026, je Position wie angegeben"),
        ("c9", slice(0, 1), "Contract WEB-107\nService period: 1 Jan 2026 – 31 Dec 2026"),
        ("c9", slice(None), "Contract WEB-107\n"
         "Service period: 1 Jan 2026 – 31 Dec 2026, as stated on each line"),
        ("c7", slice(0, 3),
         "Contract SRV-106\nPeriode van dienstverlening: 1 jan 2026 – 31 mrt 2026"),
        ("c7", slice(None), "Contracten SRV-106, WEB-105\n"
         "Periode van dienstverlening: 1 jan 2026 – 31 dec 2026, zoals per regel vermeld"),
    ],
)  # fmt: skip
def test_contracts_and_days_of_service_stand_at_the_bottom(
    demo: Result, customer: str, lines: slice, expected: str
) -> None:
    assert move(demo, customer, lines=lines)["narration"] == expected


def life(case: str, language: str = "", run: int = 0) -> list[list[str]]:
    """Balances that stand on each draft of a run of a worked case; 0: the last with drafts."""
    file = Path(__file__).parent / "cases" / f"{case}.yaml"
    results, _ = play(read_scenario(file.read_text(encoding="utf-8"), case))
    found = [one.result for one in results if one.result is not None and one.result.drafts]
    result = found[run - 1]
    customers = {
        id_: replace(customer, language=language) for id_, customer in result.book.customers.items()
    }
    book = replace(result.book, customers=customers)
    (application,) = applications(result)
    return [balances_text(draft, application, book) for draft in application.drafts]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("", "Balance on 1 Mar 2026, Reserved hours: granted 10 h, used 7.5 h, expired 2.5 h,"
         " left 0 h"),
        ("de_DE", "Stand am 01.03.2026, Reserved hours: vereinbart 10 Std., verbraucht 7,5 Std.,"
         " verfallen 2,5 Std., verbleibend 0 Std."),
        ("nl", "Stand op 1 mrt 2026, Reserved hours: toegekend 10 uur, verbruikt 7,5 uur,"
         " vervallen 2,5 uur, resterend 0 uur"),
    ],
)  # fmt: skip
def test_a_balance_stands_below_in_the_customers_language(language: str, expected: str) -> None:
    """The month that is billed; the next one's hours are nothing to it."""
    assert life("contingent/unused-hours-expire", language, 1) == [[expected]]


@pytest.mark.parametrize(
    ("case", "run", "expected"),
    [
        ("pool/carried-and-settled", 1,
         "Balance on 1 Feb 2026, Pool of hours: granted 40 h, used 17 h, left 23 h"),
        ("pool/carried-and-settled", 2,
         "Balance on 1 Mar 2026, Pool of hours: granted 60 h, used 43.5 h, left 16.5 h"),
        ("pool/settle-none", 1,
         "Balance on 1 Feb 2026, Pool of hours: granted 10 h, used 10 h, left 0 h, deficit 3 h"),
        ("block/top-up", 0,
         "Balance on 16 Jan 2026, Block of hours: granted 17 h, used 13 h, left 4 h,"
         " last day 14 Jan 2027"),
        ("block/leftover-refund", 0,
         "Balance on 1 Apr 2026, Block of hours: granted 10 h, used 4 h, refunded 6 h, left 0 h"),
        ("quota/fourth-request", 0,
         "Balance on 1 Feb 2026, Requests: granted 3 request(s), used 3 request(s),"
         " left 0 request(s)"),
    ],
)  # fmt: skip
def test_balances_of_each_model(case: str, run: int, expected: str) -> None:
    assert life(case, "", run) == [[expected]]


def test_each_term_has_its_own() -> None:
    assert life("contracts/hours-then-block-then-time") == [
        [
            "Balance on 1 Mar 2026, Included hours: granted 2 h, used 2 h, left 0 h",
            "Balance on 1 Mar 2026, Block of hours: granted 3 h, used 3 h, left 0 h",
        ]
    ]


def test_without_balances_nothing_is_said() -> None:
    assert life("time/quarterly") == [[]]
