"""What people see of a run in Odoo: every line, every second and every amount, once."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from klausel.model import Book
from klausel.port import Application
from klausel.result import Marks, Result
from klausel_book import BookSource
from klausel_book.source import demo_folder
from klausel_odoo.shown import shown
from klausel_run.bill import wholes
from klausel_run.preview import Options, previewed
from tests.counts import count

AS_OF = date(2026, 7, 1)


def numbered(book: Book) -> Book:
    """``book`` with numbers for ids of entries, as Odoo has them."""
    return replace(
        book,
        entries=tuple(entry._replace(id=entry.id.lstrip("e")) for entry in book.entries),
        overrides=tuple(replace(one, entry=one.entry.lstrip("e")) for one in book.overrides),
    )


@pytest.fixture(scope="module")
def demo() -> Result:
    book = numbered(BookSource(demo_folder()).read(AS_OF))
    return previewed(book, Options(AS_OF, record=True))


def pages_of(result: Result) -> dict[str, dict[str, Any]]:
    digests = {customer: one.shown for customer, one in wholes(result).items()}
    return shown(result, digests, 1)


@pytest.fixture(scope="module")
def pages(demo: Result) -> dict[str, dict[str, Any]]:
    return pages_of(demo)


def parts(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"line": "", "reason": "", **part} for part in page["parts"]]


def test_every_customer_has_a_page_and_one_is_of_nobody(
    demo: Result, pages: dict[str, dict[str, Any]]
) -> None:
    assert list(pages) == ["", *demo.customers]
    assert json.loads(json.dumps(pages)) == pages
    for customer, page in pages.items():
        assert (page["protocol"], page["as_of"]) == (1, "2026-07-01")
        assert page["seq"] == demo.book.sequences.get(customer, 0)
        assert bool(page["fingerprint"]) == bool(page["lines"] or customer in wholes(demo))


def test_lines_are_those_of_the_drafts_and_credit_notes_count_below_zero(
    demo: Result, pages: dict[str, dict[str, Any]]
) -> None:
    wanted = Counter(
        (
            draft.customer, draft.key, str(line.key), line.description, f"{line.quantity:f}",
            f"{line.unit_price:f}", line.late, draft.currency,
        )
        for draft in demo.drafts
        for line in draft.lines
    )  # fmt: skip
    found = Counter(
        (
            customer, line["draft"], line["key"], line["name"], line["quantity"],
            line["price_unit"], line["late"], line["currency"],
        )
        for customer, page in pages.items()
        for line in page["lines"]
    )  # fmt: skip
    assert found == wanted
    for draft in demo.drafts:
        sign = -1 if draft.kind == "credit_note" else 1
        mine = [one for one in pages[draft.customer]["lines"] if one["draft"] == draft.key]
        assert [Decimal(line["amount"]) for line in mine] == [
            sign * line.amount for line in draft.lines
        ]
        (told,) = (one for one in pages[draft.customer]["drafts"] if one["draft"] == draft.key)
        assert told == {
            "draft": draft.key,
            "kind": draft.kind,
            "currency": draft.currency,
            "total": f"{sign * draft.total:f}",
        }
    assert any(draft.kind == "credit_note" for draft in demo.drafts)
    count("lines that people see as drafts have them", sum(found.values()))


def test_a_line_has_the_marks_of_its_invoice_line(
    demo: Result, pages: dict[str, dict[str, Any]]
) -> None:
    """Reasons that the customer is not told have none on the invoice."""
    more = 0
    for draft in demo.drafts:
        shown = {line["key"]: line["mark"] for line in pages[draft.customer]["lines"]}
        for line in draft.lines:
            told = [reason for reason in line.because if reason.told]
            numbers = Marks(draft).of(told) if len(draft.lines) > 1 else ()
            assert shown[str(line.key)] == " ".join(f"[{number}]" for number in numbers)
            more += len(told) < len(line.because)
    assert more


@pytest.mark.parametrize("as_of", [AS_OF, date(2026, 6, 15)])
def test_every_second_is_seen_once(demo: Result, as_of: date) -> None:
    result = demo if as_of == AS_OF else previewed(demo.book, Options(as_of, record=True))
    pages = pages_of(result)
    wanted: Counter[int] = Counter()
    for entry, some in result.entries:
        for part in some:
            if part.disposition not in ("written_off", "billed_elsewhere"):
                wanted[int(entry)] += part.seconds
    found: Counter[int] = Counter()
    states: Counter[str] = Counter()
    for page in pages.values():
        for part_ in parts(page):
            found[part_["entry_ref"]] += part_["worked_seconds"]
            states[part_["state"]] += 1
            assert bool(part_["line"]) == (part_["state"] == "billed")
            if part_["line"]:
                assert part_["line"] in {line["key"] for line in page["lines"]}
    assert found == wanted
    some = {"billed", "drawn", "included", "held", "uncovered"}
    assert set(states) == (some if as_of == AS_OF else {*some, "not_due"})
    assert states["held"] == len(result.held)
    assert states["uncovered"] == len(result.uncovered)
    for state, number in states.items():
        count(f"parts that people see as {state}", number)


def test_what_waits_and_what_nobody_pays_for_stands_with_its_customer(
    demo: Result, pages: dict[str, dict[str, Any]]
) -> None:
    for state, some in (("held", demo.held), ("uncovered", demo.uncovered)):
        wanted = Counter((one.customer, int(one.entry), one.reason) for one in some)
        found = Counter(
            (customer, part["entry_ref"], part["reason"])
            for customer, page in pages.items()
            for part in parts(page)
            if part["state"] == state
        )
        assert found == wanted


def test_a_line_says_why_in_three_languages(demo: Result, pages: dict[str, dict[str, Any]]) -> None:
    page = pages["c5"]
    (line,) = (one for one in page["lines"] if one["key"].startswith("WEB-104/onderhoud"))
    assert line["why"] == {
        "en": (
            "For 1 Jan 2026 – 31 Dec 2026\n"
            "Due on 1 Jan 2026: every 12 months, in advance, on the first day\n"
            "Clause 2.5: Maintenance is billed once for the calendar year; at the end unused"
            " months but one are refunded."
        ),
        "de": (
            "Für 01.01.2026 – 31.12.2026\n"
            "Fällig am 01.01.2026: alle 12 Monate, im Voraus, am ersten Tag\n"
            "Ziffer 2.5: Die Wartung wird einmal für das Kalenderjahr berechnet; ungenutzte Monate"
            " bis auf einen erstatten wir am Ende."
        ),
        "nl": (
            "Voor 1 jan 2026 – 31 dec 2026\n"
            "Te berekenen op 1 jan 2026: elke 12 maanden, vooraf, op de eerste dag\n"
            "Artikel 2.5: Onderhoud wordt één keer per kalenderjaar berekend; aan het eind betalen"
            " wij ongebruikte maanden op één na terug."
        ),
    }
    assert {**line, "why": {}} == {
        "sequence": 18,
        "draft": "WEB-104/onderhoud/fee/2026-01-01/2026-01-01",
        "kind": "invoice",
        "key": "WEB-104/onderhoud/fee/2026-01-01/2026-01-01",
        "contract": "WEB-104",
        "term": "onderhoud",
        "component": "fee",
        "date_from": "2026-01-01",
        "date_until": "2026-12-31",
        "name": "Onderhoud, een jaar vooruit, 2026",
        "quantity": "12",
        "unit": "month",
        "price_unit": "42.50",
        "discount": "0",
        "amount": "510.00",
        "currency": "EUR",
        "late": False,
        "corrects": False,
        "why": {},
        "mark": "[1]",
    }


def test_problems_balances_and_notices_are_all_there(
    demo: Result, pages: dict[str, dict[str, Any]]
) -> None:
    every = list(pages.values())
    assert sum(len(page["problems"]) for page in every) == len(demo.problems)
    assert sum(len(page["balances"]) for page in every) == len(demo.balances)
    notices = [one for page in every for one in page["notices"]]
    assert [one["is_new"] for one in notices].count(True) == len(demo.notices)
    assert [one["is_new"] for one in notices].count(False) == len(demo.standing)
    (lot, *_) = (one for one in pages["c15"]["balances"] if one["lot"] == "k1")
    assert lot == {
        "contract": "PRE-402", "term": "stunden", "lot": "k1", "unit": "hour",
        "granted": "10.000000",
        "drawn": "9.000000", "expired": "0.000000", "refunded": "0.000000",
        "remaining": "1.000000",
        "deficit": "0.000000", "date_from": "2026-02-16", "date_until": "2027-02-15",
    }  # fmt: skip


def test_what_is_on_record_is_not_seen_again(demo: Result) -> None:
    book = replace(demo.book, ledger=(*demo.book.ledger, *demo.settlements))
    again = previewed(book, Options(AS_OF, record=True))
    pages = pages_of(again)
    assert not any(page["lines"] or page["fingerprint"] for page in pages.values())
    settled = {row.entry for row in demo.settlements if row.entry and not row.held}
    open_ = {str(part["entry_ref"]) for page in pages.values() for part in parts(page)}
    waiting = {one.entry for one in again.held}
    assert settled
    assert open_ & settled <= waiting


# --- the digest of it -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def one(demo: Result) -> Application:
    return wholes(demo)["c1"]


def test_the_digest_is_the_same_whatever_the_number(one: Application) -> None:
    assert len(one.shown) == 40
    assert one._replace(sequence=one.sequence + 7, record="other").shown == one.shown


def test_the_digest_tells_every_difference(one: Application) -> None:
    draft, row, lot = one.drafts[0], one.rows[0], demo_balance()
    line = draft.lines[0]
    changed = [
        one._replace(customer="c2"),
        one._replace(drafts=(draft._replace(lines=(line._replace(description="x"),)),)),
        one._replace(drafts=(draft._replace(lines=(line._replace(amount=line.amount + 1),)),)),
        one._replace(drafts=(draft._replace(kind="credit_note"),)),
        one._replace(drafts=()),
        one._replace(rows=(row._replace(seconds=row.seconds + 1), *one.rows[1:])),
        one._replace(rows=one.rows[1:]),
        one._replace(balances=(*one.balances, lot)),
    ]
    digests = {one.shown, *(other.shown for other in changed)}
    assert len(digests) == len(changed) + 1
    assert "" not in digests


def demo_balance() -> Any:
    from klausel.result import Balance

    return Balance("A", "t", "lot", 1, 0, 0, 0, 1, 0)


def test_where_nothing_is_written_there_is_no_digest(one: Application) -> None:
    assert one._replace(drafts=(), rows=()).shown == ""
